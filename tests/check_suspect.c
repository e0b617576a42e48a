/* check_suspect.c - tests of config/suspect.c. */
#include "config/suspect.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/schemas.h"

Suite *check_suspect_suite(void);

#define SHELL "holds what looks like a variable of the shell: here it is text"
#define SOURCES "values come from \"${env:NAME}\", \"${file:/path}\" and " \
	"\"${credential:NAME}\""

/* What the file says, and what is said of it: a warning with its remedy, or nothing. */
static const struct suspect_case {
	const char *database, *sub, *framing;	/* NULL: something harmless */
	const char *what, *remedy;		/* NULL: nothing is said */
} suspect_cases[] = {
	{ NULL, NULL, NULL, NULL, NULL },
	{ "path: $HOME/a.db", NULL, NULL, "path " SHELL, "did you mean \"${env:HOME}\"?" },
	{ "path: a/$SITE.db", NULL, NULL, "path " SHELL, "did you mean \"${env:SITE}\"?" },
	{ "path: a$b.db", NULL, NULL, NULL, NULL },
	{ "path: $1.db", NULL, NULL, NULL, NULL },
	{ "path: a, description: $TEXT", NULL, NULL, "description " SHELL,
	  "did you mean \"${env:TEXT}\"?" },
	{ "path: a, description: 5 $US a day", NULL, NULL, NULL, NULL },
	{ NULL, "headers: {Authorization: Bearer $TOKEN}", NULL,
	  "headers: Authorization " SHELL, SOURCES },
	{ NULL, "headers: {Authorization: \"Bearer $(cat /a)\"}", NULL, "headers: "
	  "Authorization holds $(...): here that is text, no command of a shell", SOURCES },
	{ NULL, "headers: {Authorization: pa$word}", NULL, NULL, NULL },
	{ NULL, "headers: {Authorization: \"$${TOKEN}\"}", NULL, NULL, NULL },
	{ NULL, "headers: {Authorization: \"${env:SUSPECT}\"}", NULL, NULL, NULL },
	{ NULL, "tls: {password: $TOKEN}", NULL, "tls.password " SHELL, SOURCES },
	{ NULL, NULL, "0d0a", "framing.bytes \"0d0a\" is taken as 4 bytes of text",
	  "for bytes write {hex: \"0d 0a\"}" },
	{ NULL, NULL, "'7E 01'", "framing.bytes \"7E 01\" is taken as 5 bytes of text",
	  "for bytes write {hex: \"7E 01\"}" },
	{ NULL, NULL, "'{hex: \"0d\"}'", NULL, NULL },
	{ NULL, NULL, "{hex: \"0d\"}", NULL, NULL },
	{ NULL, NULL, "2024", NULL, NULL }, { NULL, NULL, "ab", NULL, NULL },
	{ NULL, NULL, "0d0", NULL, NULL }, { NULL, NULL, "'0d '", NULL, NULL },
	{ NULL, NULL, "'  '", NULL, NULL },
};

START_TEST(what_was_hardly_meant_is_told_and_nothing_else)
{
	const struct suspect_case *c = &suspect_cases[_i];
	struct tt_document *doc;
	char text[1000], *errors, what[200];

	setenv("SUSPECT", "$TOKEN", 1);
	snprintf(text, sizeof(text), "taskthread: 1\nMasterThread:\n"
	    "  TCPServerThread:\n    listen: 127.0.0.1:0\n    TCPConnectionThread:\n"
	    "      DataProcessorThread: {framing: {type: delimiter, bytes: %s}}\n"
	    "  WebsocketMasterThread:\n    WebSocketSubThread: {url: wss://a/, %s}\n"
	    "  DatabaseThread: {%s}\n", c->framing != NULL ? c->framing : "a",
	    c->sub != NULL ? c->sub : "log: info", c->database != NULL ? c->database
	    : "path: a");
	doc = test_load(text, &errors);
	ck_assert_msg(doc != NULL, "%s", errors);
	snprintf(what, sizeof(what), "%s\n", c->what == NULL ? "" : c->what);
	ck_assert_msg(c->what == NULL ? *errors == '\0' : strstr(errors, "warning: ") != NULL
	    && strstr(errors, what) != NULL && strstr(errors, c->remedy) != NULL,
	    "got\n%s", errors);
	tt_document_destroy(doc);
	free(errors);
}
END_TEST

START_TEST(what_is_refused_for_a_variable_says_how_it_is_written)
{
	char *errors;

	ck_assert_ptr_null(test_load("taskthread: 1\nMasterThread:\n  TCPServerThread:\n"
	    "    listen: [$HOST:5002, 127.0.0.1:0]\n    TCPConnectionThread:\n"
	    "      idle_timeout: $TIME\n      DataProcessorThread: {framing: newline}\n"
	    "  DatabaseThread: {path: a}\n", &errors));
	ck_assert_ptr_nonnull(strstr(errors, "did you mean \"${env:HOST}\"?"));
	ck_assert_ptr_nonnull(strstr(errors, "did you mean \"${env:TIME}\"?"));
	free(errors);
}
END_TEST

Suite *
check_suspect_suite(void)
{
	Suite *s = suite_create("suspect");
	TCase *t = tcase_create("suspect");

	tcase_add_loop_test(t, what_was_hardly_meant_is_told_and_nothing_else, 0,
	    (int)(sizeof(suspect_cases) / sizeof(*suspect_cases)));
	tcase_add_test(t, what_is_refused_for_a_variable_says_how_it_is_written);
	suite_add_tcase(s, t);
	return s;
}
