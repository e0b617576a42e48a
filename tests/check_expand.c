/* check_expand.c - anchors, aliases and merge keys: what they stand for, whose keys
 * win, and what is refused. */
#include "config/expand.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/schemas.h"

Suite *check_expand_suite(void);

#define TOP "taskthread: 1\n"
#define PROCESSOR "      DataProcessorThread: {framing: newline}\n"
#define DATABASE "  DatabaseThread: {path: a.db}\n"

static const struct test_connection_config *
expand_connection(const struct tt_document *doc)
{
	return test_node(doc, "MasterThread/TCPServerThread/TCPConnectionThread")
	    ->config;
}

/* Each says ack: line for the connection, and an idle_timeout of 7 s, or none. */
static const struct {
	const char *x, *options;
	bool idle;
} expand_good[] = {
	{ "x-a: &a line\n", "      ack: *a\n", false },
	{ "x-a: &a {ack: line}\n", "      <<: *a\n", false },
	{ "x-a: &a {ack: none, idle_timeout: 7s}\n", "      ack: line\n      <<: *a\n",
	  true },
	{ "x-a: &a {ack: none, idle_timeout: 7s}\n", "      <<: *a\n      ack: line\n",
	  true },
	{ "x-a: &a {ack: line}\nx-b: &b {ack: none, idle_timeout: 7s}\n",
	  "      <<: [*a, *b]\n", true },
	{ "x-b: &b {idle_timeout: 7s, ack: none}\nx-a: &a {ack: line, <<: *b}\n",
	  "      <<: *a\n", true },
	{ "x-a: &a {idle_timeout: 7s}\n", "      <<: [*a, {ack: line}]\n", true },
	{ "", "      <<: {ack: line}\n", false },
	{ "", "      <<: []\n      ack: line\n", false },
	{ "x-a: &a none\nx-b: &a line\n", "      ack: *a\n", false },
	{ "x-a: &a ack\n", "      *a : line\n", false },
	{ "x-a: [&a {ack: line}, &b {idle_timeout: 7s}]\n", "      <<: [*a, *b]\n",
	  true },
};

START_TEST(an_alias_is_as_if_it_were_written_out)
{
	struct tt_document *doc;
	const struct test_connection_config *c;
	char text[1000], *errors;

	snprintf(text, sizeof(text), TOP "%sMasterThread:\n  TCPServerThread:\n"
	    "    listen: 127.0.0.1:0\n    TCPConnectionThread:\n%s" PROCESSOR DATABASE,
	    expand_good[_i].x, expand_good[_i].options);
	doc = test_load(text, &errors);
	ck_assert_msg(doc != NULL, "%s", errors);
	c = expand_connection(doc);
	ck_assert_int_eq(c->ack, 2);
	ck_assert_int_eq(c->idle_timeout, expand_good[_i].idle ? 7000000000 : 0);
	tt_document_destroy(doc);
	free(errors);
}
END_TEST

START_TEST(a_node_with_children_may_be_used_twice)
{
	struct tt_document *doc = test_load(TOP "MasterThread:\n"
	    "  TCPServerThread a:\n    listen: 127.0.0.1:1\n"
	    "    TCPConnectionThread: &c\n"
	    PROCESSOR
	    "  TCPServerThread b:\n    listen: 127.0.0.1:2\n"
	    "    TCPConnectionThread: *c\n" DATABASE, NULL);
	const struct tt_node *a, *b;

	a = test_node(doc, "MasterThread/TCPServerThread a/TCPConnectionThread/"
	    "DataProcessorThread");
	b = test_node(doc, "MasterThread/TCPServerThread b/TCPConnectionThread/"
	    "DataProcessorThread");
	ck_assert_ptr_ne(a, b);
	/* What is said once stands in one place. */
	ck_assert_uint_eq(b->mark.line, a->mark.line);
	tt_document_destroy(doc);
}
END_TEST

static const struct {
	const char *text, *error;
} expand_bad[] = {
	{ TOP "MasterThread: *a\n", "2:15: error: MasterThread: *a stands for the value "
	  "that is named &a, and there is none before it\n" },
	{ TOP "MasterThread: {description: *a, log: &a info}\n", "2:29: error: "
	  "MasterThread: *a stands for the value that is named &a" },
	{ TOP "x-a: &timeouts {}\nMasterThread: *timeuots\n",
	  "    did you mean *timeouts?\n" },
	{ TOP "MasterThread: &a\n  description: *a\n",
	  "3:16: error: MasterThread: *a stands inside of what it stands for\n" },
	{ TOP "MasterThread: &a\n  <<: *a\n",
	  "3:7: error: MasterThread: *a stands inside of what it stands for\n" },
	{ TOP "x-a: &a [[*a]]\nMasterThread:\n",
	  "2:11: error: *a stands inside of what it stands for\n" },
	{ TOP "MasterThread:\n  <<: word\n", "3:7: error: MasterThread: << takes a "
	  "mapping, or a list of them, not a text\n" },
	{ TOP "MasterThread:\n  <<:\n", "3:6: error: MasterThread: << takes a "
	  "mapping, or a list of them, not nothing\n" },
	{ TOP "MasterThread:\n  <<: [{}, [a]]\n", "3:12: error: MasterThread: << takes "
	  "a mapping, or a list of them, not a list\n" },
	{ TOP "MasterThread:\n  <<: {}\n  <<: {}\n",
	  "4:3: error: MasterThread: << stands here twice\n" },
	{ TOP "MasterThread:\n  \"<<\": {}\n", "3:3: error: MasterThread: \"<<\" is "
	  "neither a kind of thread, nor UP or IN, nor an option\n" },
	/* Own keys are looked at as ever, and what is merged is, too. */
	{ TOP "MasterThread:\n  <<: {log: info}\n  log: debug\n  log: debug\n",
	  "5:3: error: MasterThread: \"log\" stands here twice, first in line 4\n" },
	{ TOP "x-a: &a {lgo: info}\nMasterThread:\n  <<: *a\n",
	  "2:10: error: MasterThread: no option \"lgo\" in MasterThread\n" },
	{ TOP "x-a: &a {[a]: b}\nMasterThread:\n  <<: *a\n",
	  "2:10: error: MasterThread: a list as a key\n" },
};

START_TEST(what_stands_for_nothing_is_refused)
{
	char *errors, *at;

	ck_assert_ptr_null(test_load(expand_bad[_i].text, &errors));
	at = strstr(errors, expand_bad[_i].error);
	ck_assert_msg(at != NULL, "got\n%sexpected\n%s", errors, expand_bad[_i].error);
	/* One mistake, one report. */
	at = strstr(errors, ": error: ");
	ck_assert_msg(strstr(at + 1, ": error: ") == NULL, "%s", errors);
	free(errors);
}
END_TEST

START_TEST(what_a_few_lines_grow_to_is_bounded)
{
	char text[4000] = TOP "x-a: &a [l, l, l, l, l, l, l, l, l]\n", *errors;
	char line[200];
	int c;

	for (c = 'b'; c < 'n'; c++) {
		snprintf(line, sizeof(line), "x-%c: &%c [*%c, *%c, *%c, *%c, *%c, *%c, "
		    "*%c]\n", c, c, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1);
		strcat(text, line);
	}
	strcat(text, "MasterThread:\n");
	ck_assert_ptr_null(test_load(text, &errors));
	ck_assert_ptr_nonnull(strstr(errors, "the file holds more than 100000 values"));
	free(errors);
}
END_TEST

START_TEST(aliases_nest_no_deeper_than_what_is_written_out)
{
	char text[8000] = TOP "x-0: &a0 [x]\n", *errors;
	size_t used = strlen(text);
	int i;

	for (i = 1; i < 62; i++)
		used += (size_t)sprintf(text + used, "x-%d: &a%d [*a%d]\n", i, i, i - 1);
	strcpy(text + used, "MasterThread:\n");
	tt_document_destroy(test_load(text, &errors));
	ck_assert_str_eq(errors, "");
	free(errors);
	for (; i < 64; i++)
		used += (size_t)sprintf(text + used, "x-%d: &a%d [*a%d]\n", i, i, i - 1);
	strcpy(text + used, "MasterThread:\n");
	ck_assert_ptr_null(test_load(text, &errors));
	ck_assert_ptr_nonnull(strstr(errors, "values are nested deeper than 64 levels"));
	free(errors);
}
END_TEST

START_TEST(anchors_are_counted)
{
	size_t n = TT_EXPAND_ANCHORS, used, i;
	char *text = malloc(64 + (n + 1) * 16), *errors;

	ck_assert_ptr_nonnull(text);
	strcpy(text, TOP "MasterThread:\nx-a: [");
	used = strlen(text);
	for (i = 0; i < n; i++)
		used += (size_t)sprintf(text + used, "&a%zu b,", i);
	strcpy(text + used, "]\n");
	tt_document_destroy(test_load(text, &errors));
	ck_assert_str_eq(errors, "");
	free(errors);
	strcpy(text + used, "&a b]\n");
	ck_assert_ptr_null(test_load(text, &errors));
	ck_assert_ptr_nonnull(strstr(errors, "the file has more than 500 anchors"));
	free(errors);
	free(text);
}
END_TEST

Suite *
check_expand_suite(void)
{
	Suite *s = suite_create("expand");
	TCase *t = tcase_create("expand");

	tcase_add_loop_test(t, an_alias_is_as_if_it_were_written_out, 0,
	    sizeof(expand_good) / sizeof(*expand_good));
	tcase_add_test(t, a_node_with_children_may_be_used_twice);
	tcase_add_loop_test(t, what_stands_for_nothing_is_refused, 0,
	    sizeof(expand_bad) / sizeof(*expand_bad));
	tcase_add_test(t, what_a_few_lines_grow_to_is_bounded);
	tcase_add_test(t, aliases_nest_no_deeper_than_what_is_written_out);
	tcase_add_test(t, anchors_are_counted);
	suite_add_tcase(s, t);
	return s;
}
