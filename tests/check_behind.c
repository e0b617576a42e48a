/* check_behind.c - what is no YAML hides no mistake before it: the real kinds, each file
 * with all that is said of it. */
#include "config/document.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/kinds.h"

Suite *check_behind_suite(void);

#define BEHIND_MOST 8
#define MASTER "taskthread: 1\nMasterThread:\n"
#define TIMER "  TimerThread: {text: a}\n"
#define N_OF(list) ((int)(sizeof(list) / sizeof(*(list))))

struct behind_case {
	const char *text;
	const char *said[BEHIND_MOST];	/* in the order of the file; only these */
};

/* All that is said of TEXT, to be freed. */
static char *
behind_said(const char *text, size_t *n)
{
	struct tt_errors *errs = tt_errors_create();
	char *said = NULL;
	size_t size;
	FILE *out = open_memstream(&said, &size);

	tt_document_destroy(tt_document_parse("t.yaml", text, strlen(text), tt_schemas,
	    TT_LOAD_START, errs));
	tt_errors_print(errs, out);
	fclose(out);
	*n = tt_errors_count(errs);
	tt_errors_destroy(errs);
	return said;
}

static void
behind_check(const struct behind_case *c)
{
	size_t n, i;
	char *said = behind_said(c->text, &n), *at = said;

	for (i = 0; i < BEHIND_MOST && c->said[i] != NULL; i++) {
		at = strstr(at, c->said[i]);
		ck_assert_msg(at != NULL, "of\n%s\nis said\n%s\nand not\n%s", c->text, said,
		    c->said[i]);
		at++;
	}
	ck_assert_msg(n == i, "of\n%s\nis said\n%s", c->text, said);
	free(said);
}

#define FRAMED "  TCPServerThread:\n    listen: 127.0.0.1\n    TCPConnectionThread:\n" \
	"      DataProcessorThread: {framing: newline}\n"

static const struct behind_case refused[] = {
	/* Nodes before the one with the fault, but nothing that this one has or lacks. */
	{ MASTER FRAMED "  DatabaseThread:\n    pat: a\n\tlinger: 5ms\n", {
	  "4:13: error: MasterThread/TCPServerThread: listen \"127.0.0.1\" has no port",
	  "9:1: error: a tab in the indentation" } },
	{ MASTER FRAMED "  DatabaseThread:\n    path: \"a\n", {
	  "4:13: error: MasterThread/TCPServerThread: listen", "8:11: error: a quote" } },
	{ MASTER FRAMED "  WebsocketMasterThread:\n    WebSocketSubThread:\n"
	  "      url: @a\n  DatabaseThread:\n    pat: a\n", {
	  "4:13: error: MasterThread/TCPServerThread: listen", "9:12: error: a value" } },
	{ MASTER FRAMED TIMER "---\na: b\n", {
	  "4:13: error: MasterThread/TCPServerThread: listen",
	  "8:1: error: a second document begins here" } },
	/* The top level. */
	{ "taskthread: 2\ndaemon: {log: loud}\nMasterThread:\n  @\n", {
	  "1:13: error: version \"2\" of hierarchy files is not known",
	  "2:15: error: daemon: log has no choice \"loud\"", "4:3: error:" } },
	/* Nothing is missing: neither options, nor channels, nor the tree. */
	{ "@\n", { "1:1: error:" } },
	{ "taskthread: 1\nMasterThread: @\n", { "2:15: error:" } },
	{ MASTER "  TCPServerThread:\n    TCPConnectionThread:\n  DatabaseThread:\n"
	  "    log: info\n  TimerThread:\n    text: @\n", { "8:11: error:" } },
	/* Where columns are wrong, what is in that mapping is not known. */
	{ MASTER "    TCPServerThread:\n    listen: 127.0.0.1:5002\n"
	  "    TCPConnectionThread:\n      DataProcessorThread: {framing: newline}\n"
	  "  DatabaseThread:\n    path: a\n", { "7:3: error: begins in column 3" } },
};

START_TEST(before_what_is_no_yaml_mistakes_are_told_and_nothing_is_missing)
{
	behind_check(&refused[_i]);
}
END_TEST

Suite *
check_behind_suite(void)
{
	Suite *suite = suite_create("behind");
	TCase *tc = tcase_create("behind");

	tcase_add_loop_test(tc,
	    before_what_is_no_yaml_mistakes_are_told_and_nothing_is_missing, 0,
	    N_OF(refused));
	suite_add_tcase(suite, tc);
	return suite;
}
