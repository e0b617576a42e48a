/* check_syntax.c - tests of config/syntax.c and lines.c: what YAML refuses, where it is
 * said, and what would be right. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/lines.h"
#include "config/loader.h"
#include "tests/schemas.h"

Suite *check_syntax_suite(void);

#define MASTER "taskthread: 1\nMasterThread:\n"

/* A file, how its first line of error goes on behind "t.yaml:", and the remedy. */
static const struct syntax_test {
	const char *text, *first, *remedy;
} cases[] = {
	{ MASTER "\tlog: info\n", "3:1: error: a tab where the indentation or a value begins",
	  "YAML is indented with blanks only: put two blanks for each tab" },
	{ MASTER "  log: @info # x\n", "3:8: error: a value cannot begin with @",
	  "quote a value that begins with @: \"@info\"" },
	{ MASTER "  x: {log: @info, a: b}\n", "3:12: error: a value cannot begin with @",
	  "quote a value that begins with @: \"@info\"" },
	{ MASTER "  log: @\"a\"\n", "3:8: error: a value cannot begin with @",
	  "quote a value that begins with @: '@\"a\"'" },
	{ MASTER "  log: *:5002\n", "3:8: error: * begins an alias in YAML",
	  "for all addresses write 0.0.0.0:5002" },
	{ MASTER "  log: [::1]:5002\n",
	  "3:8: error: [ begins a list; an IPv6 address must be quoted",
	  "quote it: \"[::1]:5002\"" },
	{ MASTER "  log: [a, [::]:1, b]\n",
	  "3:12: error: [ begins a list; an IPv6 address must be quoted",
	  "quote it: \"[::]:1\"" },
	/* Quotes, where they were opened. */
	{ MASTER "  log: \"info\n  description: x\n",
	  "3:8: error: a quote is opened here and never closed",
	  "close it at the end of its value, on the same line" },
	{ MASTER "  log: 'info\n  description: 'x'\n",
	  "3:8: error: a quote is opened here, and the next one is in line 4",
	  "close it at the end of its value, on the same line" },
	{ MASTER "  description: it's # it's \"\n  log: \"info\n",
	  "4:8: error: a quote is opened here and never closed",
	  "close it, or quote a text that holds a quote in the other kind: \"it's\"" },
	{ MASTER "  description: \"over\n    two lines\" x\n",
	  "4:16: error: the quote before this closes the text",
	  "in \"double quotes\" a \" is written \\\"; or take 'single quotes' around it" },
	{ MASTER "  log: 'it's'\n", "3:12: error: the quote before this closes the text",
	  "in 'single quotes' a ' is written twice: 'it''s'; or take \"double quotes\" "
	  "around it" },
	/* Brackets. */
	{ MASTER "  a: {b: {c: d}\n  log: x\n", "3:6: error: a { is opened here and not closed",
	  "close it with }: {key: value, key: value}" },
	{ MASTER "  a: {b: [c, d\n", "3:10: error: a [ is opened here and not closed",
	  "close it with ]: [value, value]" },
	{ MASTER "  a: {b: \"}\", c: [\n", "3:18: error: a bracket is opened here and not closed",
	  "close it: {key: value, key: value} or [value, value]" },
	{ MASTER "  a: [b}\n", "3:8: error: a } where [ is to be closed", "close it with ]" },
	{ MASTER "  a: [b]]\n", "3:9: error: a bracket is closed that was not opened",
	  "remove the ]" },
	{ MASTER "  a: {b: c d: e}\n",
	  "3:13: error: this does not go on as {key: value, key: value}",
	  "separate the keys with commas; quote a value that holds any of , [ ] { } or "
	  "\": \"" },
	/* Colons. */
	{ "taskthread 1\nMasterThread:\n", "1:1: error: a colon is missing behind this key",
	  "write \"taskthread: 1\"" },
	{ MASTER "  log info\n  description: x\n",
	  "3:3: error: a colon is missing behind this key",
	  "write \"log: info\", or indent it more if it belongs to the value before it" },
	{ MASTER "  AThread\n    log: info\n", "3:3: error: a colon is missing behind this key",
	  "write \"AThread:\"" },
	{ MASTER "  log:info\n  description: x\n",
	  "3:3: error: a key needs a blank behind its colon", "write \"log: info\"" },
	{ MASTER "  log = info\n  description: x\n",
	  "3:3: error: a key has a colon behind it, no =", "write \"log: info\"" },
	{ MASTER "  // note\n  log: info\n", "3:3: error: this is no key",
	  "a comment begins with #" },
	{ MASTER "  log: a: b # c\n", "3:9: error: a \": \" inside a value",
	  "quote the value: \"a: b\"; a key of its own stands on the next line" },
	{ MASTER "  log: info, description: x\n", "3:25: error: a second key on one line",
	  "each key stands on a line of its own, or all in { }: {log: ..., ...}" },
	{ MASTER "  log: a:\n", "3:9: error: a \":\" at the end of a value",
	  "quote the value: \"a:\"; a key of its own stands on the next line" },
	/* Indentation. */
	{ MASTER "  log: info\n    description: x\n", "4:5: error: indented more than the line "
	  "before it, whose key has a value already",
	  "begin it in column 3, as \"log\" of line 3, or that line in column 5" },
	{ MASTER "   log: info\n  description: x\n",
	  "4:3: error: begins in column 3, and no key above it does",
	  "begin it in column 4, as \"log\" of line 3; or in column 1, as \"MasterThread\" of "
	  "line 2" },
	{ MASTER "  log: info\n  - a\n", "4:3: error: an item of a list among keys",
	  "write keys without \"- \"; two of one kind have names: \"DatabaseThread a:\"" },
	{ MASTER "<<<<<<< HEAD\n  log: info\n=======\n", "3:1: error: a merge was left "
	  "unfinished here",
	  "choose between the lines, and remove the lines of <<<, === and >>>" },
	{ MASTER "  description: # note\n", "3:3: error: MasterThread: description has no "
	  "value", "a text; a # behind a blank begins a comment: quote a value that begins "
	  "with one" },
	/* What may be a secret is not repeated. */
	{ MASTER "  token:abc\n  log: info\n", "3:3: error: a key needs a blank behind its colon",
	  "write \"token: ...\"" },
	{ MASTER "  a: Authorization: abc\n", "3:19: error: a \": \" inside a value",
	  "quote the value: \"...\"; a key of its own stands on the next line" },
	{ "t\0a\0s\0k\0", "1:1: error: the file is UTF-16", "save it as UTF-8" },
	{ "\0t\0a\0s\0k", "1:1: error: the file is UTF-16", "save it as UTF-8" },
};

/* The line behind AT, to be freed. */
static char *
next_line(const char **at)
{
	const char *begin = *at, *end = strchr(begin, '\n');

	ck_assert_ptr_nonnull(end);
	*at = end + 1;
	return strndup(begin, (size_t)(end - begin));
}

START_TEST(what_yaml_refuses_is_said_where_it_is_and_mended)
{
	const struct syntax_test *c = &cases[_i];
	struct tt_errors *errs = tt_errors_create();
	char *errors, *line = NULL;
	const char *at;
	size_t size = strlen(c->text);

	if (size < 2)
		size = 8;		/* the files of UTF-16 */
	ck_assert_ptr_null(tt_document_parse("t.yaml", c->text, size, test_schemas,
	    TT_LOAD_START, errs));
	errors = test_errors(errs);
	ck_assert_msg(tt_errors_count(errs) == 1, "%s", errors);
	at = errors;
	line = next_line(&at);
	ck_assert_str_eq(line + strlen("t.yaml:"), c->first);
	while (*at != '\0') {
		free(line);
		line = next_line(&at);
	}
	ck_assert_str_eq(line + strlen("    "), c->remedy);
	ck_assert_ptr_null(strstr(errors, "abc"));
	free(line);
	free(errors);
	tt_errors_destroy(errs);
}
END_TEST

/* Files with ends of line, and a mark, that some systems write. */
static const char *const fine[] = {
	"taskthread: 1\r\nMasterThread:\r\n  log: info\r\n",
	"taskthread: 1\rMasterThread:\r  log: info\r",
	"\xEF\xBB\xBF" "taskthread: 1\nMasterThread:\n",
	"\xEF\xBB\xBF" "taskthread: 1\r\nMasterThread: {log: info}\r\n",
	"---\ntaskthread: 1\nMasterThread:\n...\n",
	"%YAML 1.2\n---\ntaskthread: 1\nMasterThread:\n",
	MASTER "  log: info\t# a tab before a comment, and at the end\t\n",
	MASTER "  description: \"a quote over\n\n    lines, with a key: inside\"\n",
	MASTER "  description: |\n    key: 'it\n    @ { [\n  log: info\n",
	MASTER "  description: it's # \"\n  log: 'info'\n",
};

START_TEST(what_yaml_takes_is_taken)
{
	char *errors;
	struct tt_document *doc = test_load(fine[_i], &errors);

	ck_assert_msg(doc != NULL && *errors == '\0', "%s", errors);
	free(errors);
	tt_document_destroy(doc);
}
END_TEST

START_TEST(what_stands_before_a_place_is_seen)
{
	static const char text[] = "a:\n  b: \"x # y: z\n   # k: v\"\n# c\n  d: |\n"
	    "    not: 'a key\n\n    e: {f: [\n  g: {h: '}', i: [1, 2], j: [\n";
	struct tt_lines *lines = malloc(sizeof(*lines));
	char line[TT_LINES_TEXT];

	tt_lines_scan(lines, (struct tt_mark){ .line = 10, .column = 1 }, text,
	    strlen(text));
	ck_assert_uint_eq(lines->before.number, 9);
	ck_assert_uint_eq(lines->before.indent, 2);
	ck_assert_str_eq(lines->before.text, "g: {h: '}', i: [1, 2], j: [");
	ck_assert_uint_eq(lines->n_keys, 2);
	ck_assert_str_eq(lines->keys[0].text, "a:");
	ck_assert_uint_eq(lines->keys[1].number, 9);
	ck_assert_uint_eq(lines->bracket.line, 9);
	ck_assert_uint_eq(lines->bracket.column, 29);
	tt_lines_scan(lines, (struct tt_mark){ .line = 3, .column = 5 }, text,
	    strlen(text));
	ck_assert_uint_eq(lines->before.number, 2);
	ck_assert_uint_eq(lines->bracket.line, 0);
	free(lines);
	ck_assert_str_eq(tt_lines_copy((struct tt_mark){ .line = 9, .column = 6 }, text,
	    strlen(text), line), "{h: '}', i: [1, 2], j: [");
	ck_assert_uint_eq(tt_lines_key("a:b: c"), 3);
	ck_assert_uint_eq(tt_lines_key("a:"), 1);
	ck_assert_uint_eq(tt_lines_key("a:b"), 0);
	ck_assert_uint_eq(tt_lines_key(""), 0);
}
END_TEST

Suite *
check_syntax_suite(void)
{
	Suite *s = suite_create("syntax");
	TCase *tc = tcase_create("syntax");

	tcase_add_loop_test(tc, what_yaml_refuses_is_said_where_it_is_and_mended, 0,
	    sizeof(cases) / sizeof(*cases));
	tcase_add_loop_test(tc, what_yaml_takes_is_taken, 0, sizeof(fine) / sizeof(*fine));
	tcase_add_test(tc, what_stands_before_a_place_is_seen);
	suite_add_tcase(s, tc);
	return s;
}
