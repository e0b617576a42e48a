/* check_error.c - tests of config/error.c, error_print.c and utf8.c. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/error.h"
#include "config/utf8.h"
#include "tests/schemas.h"

Suite *check_error_suite(void);

static struct tt_mark
at(unsigned line, unsigned column)
{
	return (struct tt_mark){ "f.yaml", line, column };
}

/* What ERRS print; destroys ERRS. */
static char *
printed(struct tt_errors *errs)
{
	char *text = test_errors(errs);

	tt_errors_destroy(errs);
	return text;
}

START_TEST(setting_an_error_returns_failure)
{
	struct tt_error err = { .text = "" };

	ck_assert_int_eq(tt_error_set(&err, "port %d", 70000), -1);
	ck_assert_str_eq(err.text, "port 70000");
	ck_assert_int_eq(tt_error_set(NULL, "nobody asks"), -1);
}
END_TEST

START_TEST(a_long_message_is_cut_between_characters)
{
	struct tt_error err;
	char text[1200];
	size_t i;

	for (i = 0; i + 2 < sizeof(text); i += 2)
		memcpy(text + i, "\xC3\xA4", 2);
	text[i] = '\0';
	tt_error_set(&err, "x%s", text);
	ck_assert_uint_ge(strlen(err.text), sizeof(err.text) - 6);
	ck_assert_str_eq(err.text + strlen(err.text) - 5, "\xC3\xA4...");
	tt_error_set(&err, "%s", text);
	ck_assert_str_eq(err.text + strlen(err.text) - 5, "\xC3\xA4...");
}
END_TEST

START_TEST(a_mistake_shows_its_line_a_caret_and_the_remedy)
{
	struct tt_errors *errs = tt_errors_create();
	const char *source = "one\nlisten: 70000\nthree";
	char *text;

	tt_errors_source(errs, "f.yaml", source, strlen(source));
	ck_assert_int_eq(tt_errors_add(errs, at(2, 9), "A/B", "1..65535",
	    "port %d", 70000), -1);
	ck_assert_uint_eq(tt_errors_count(errs), 1);
	text = printed(errs);
	ck_assert_str_eq(text, "f.yaml:2:9: error: A/B: port 70000\n"
	    "    listen: 70000\n"
	    "            ^\n"
	    "    1..65535\n");
	free(text);
}
END_TEST

START_TEST(what_has_no_place_path_or_remedy_leaves_them_out)
{
	struct tt_errors *errs = tt_errors_create();
	char *text;

	tt_errors_add(errs, (struct tt_mark){ .file = "f.yaml" }, NULL, NULL, "one");
	tt_errors_add(errs, (struct tt_mark){ .file = NULL }, "", "", "two");
	text = printed(errs);
	ck_assert_str_eq(text, "error: two\nf.yaml: error: one\n");
	free(text);
}
END_TEST

START_TEST(mistakes_come_sorted_by_place_and_warnings_among_them)
{
	struct tt_errors *errs = tt_errors_create();
	char *text;

	tt_errors_add(errs, at(3, 1), NULL, NULL, "d");
	tt_errors_warn(errs, at(2, 2), NULL, NULL, "c");
	tt_errors_add(errs, at(2, 1), NULL, NULL, "a");
	tt_errors_add(errs, at(2, 1), NULL, NULL, "b");
	ck_assert_uint_eq(tt_errors_count(errs), 3);
	ck_assert_uint_eq(tt_errors_warnings(errs), 1);
	text = printed(errs);
	ck_assert_str_eq(text, "f.yaml:2:1: error: a\nf.yaml:2:1: error: b\n"
	    "f.yaml:2:2: warning: c\nf.yaml:3:1: error: d\n");
	free(text);
}
END_TEST

START_TEST(an_equal_mistake_at_an_equal_place_counts_once)
{
	struct tt_errors *errs = tt_errors_create();

	tt_errors_add(errs, at(1, 1), "A", NULL, "x");
	tt_errors_add(errs, at(1, 1), "A", "r", "x");
	ck_assert_uint_eq(tt_errors_count(errs), 1);
	/* In another node: it stands in an anchor that both use. */
	tt_errors_add(errs, at(1, 1), "B", NULL, "x");
	ck_assert_uint_eq(tt_errors_count(errs), 1);
	tt_errors_add(errs, at(1, 1), "A", NULL, "y");
	tt_errors_add(errs, at(1, 2), "A", NULL, "x");
	ck_assert_uint_eq(tt_errors_count(errs), 3);
	tt_errors_destroy(errs);
}
END_TEST

START_TEST(of_very_many_the_first_fifty_by_place_are_shown)
{
	struct tt_errors *errs = tt_errors_create();
	char *text, *p;
	unsigned i, n = 0;

	for (i = 200; i > 0; i--)
		tt_errors_add(errs, at(i, 1), "P", "r", "mistake %u", i);
	ck_assert_uint_eq(tt_errors_count(errs), 200);
	text = printed(errs);
	for (p = text; (p = strstr(p, "error: P")) != NULL; p++)
		n++;
	ck_assert_uint_eq(n, 50);
	ck_assert_ptr_nonnull(strstr(text, "f.yaml:50:1:"));
	ck_assert_ptr_null(strstr(text, "f.yaml:51:1:"));
	ck_assert_str_eq(strstr(text, "..."), "... and 150 more errors\n");
	free(text);
}
END_TEST

START_TEST(control_characters_and_bad_bytes_come_escaped)
{
	struct tt_errors *errs = tt_errors_create();
	const char *source = "a\t\x1B[31m\xFF\xE2\x80\xAE \xC3\xA4=x";
	char *text;

	tt_errors_source(errs, "f.yaml", source, strlen(source));
	tt_errors_add(errs, at(1, 12), "K\x07", "\x9B", "\x1B[0m\n\x7F");
	text = printed(errs);
	ck_assert_str_eq(text, "f.yaml:1:12: error: K\\x07: \\x1B[0m\\n\\x7F\n"
	    "    a\\t\\x1B[31m\\xFF\\u202E \xC3\xA4=x\n"
	    "                           ^\n"
	    "    \\x9B\n");
	free(text);
}
END_TEST

START_TEST(a_secret_prints_as_stars)
{
	struct tt_errors *errs = tt_errors_create();
	const char *source = "{a: s3cret, b: 1}\nk: one\n two";
	char *text;

	tt_errors_source(errs, "f.yaml", source, strlen(source));
	tt_errors_hide(errs, at(1, 5), at(1, 11));
	tt_errors_hide(errs, at(2, 4), at(3, 5));
	tt_errors_add(errs, at(1, 16), NULL, NULL, "x");
	tt_errors_add(errs, at(2, 4), NULL, NULL, "y");
	tt_errors_add(errs, at(3, 2), NULL, NULL, "z");
	text = printed(errs);
	ck_assert_str_eq(text, "f.yaml:1:16: error: x\n"
	    "    {a: ******, b: 1}\n                   ^\n"
	    "f.yaml:2:4: error: y\n    k: ***\n       ^\n"
	    "f.yaml:3:2: error: z\n    ****\n     ^\n");
	free(text);
}
END_TEST

START_TEST(of_a_long_line_the_part_around_the_mark_is_shown)
{
	struct tt_errors *errs = tt_errors_create();
	char source[2000], *text, *line, *caret;

	memset(source, 'a', sizeof(source));
	source[999] = 'X';
	tt_errors_source(errs, "f.yaml", source, sizeof(source));
	tt_errors_add(errs, at(1, 1000), NULL, NULL, "x");
	text = printed(errs);
	line = strchr(text, '\n') + 1;
	caret = strchr(line, '\n') + 1;
	ck_assert_int_lt((int)(caret - line), 120);
	ck_assert_int_eq((int)(strchr(line, 'X') - line),
	    (int)(strchr(caret, '^') - caret));
	free(text);
}
END_TEST

START_TEST(lines_end_as_yaml_has_it_and_a_byte_order_mark_is_no_column)
{
	struct tt_errors *errs = tt_errors_create();
	const char *source = "\xEF\xBB\xBF" "one\r\ntwo\rthree\xE2\x80\xA8" "four";
	char *text;

	tt_errors_source(errs, "f.yaml", source, strlen(source));
	tt_errors_add(errs, at(1, 1), NULL, NULL, "1");
	tt_errors_add(errs, at(3, 1), NULL, NULL, "3");
	tt_errors_add(errs, at(4, 9), NULL, NULL, "4");
	tt_errors_add(errs, at(9, 1), NULL, NULL, "9");
	text = printed(errs);
	ck_assert_str_eq(text, "f.yaml:1:1: error: 1\n    one\n    ^\n"
	    "f.yaml:3:1: error: 3\n    three\n    ^\n"
	    "f.yaml:4:9: error: 4\n    four\n        ^\n"
	    "f.yaml:9:1: error: 9\n");
	free(text);
}
END_TEST

START_TEST(the_lines_of_the_tree_stand_in_columns_below_the_caret)
{
	struct tt_errors *errs = tt_errors_create();
	const char *source = "one\n  IN: date\n";
	const struct tt_errors_line lines[] = {
		{ { "f.yaml", 7, 1 }, 0, "MasterThread", "", "nobody" },
		{ { "f.yaml", 112, 3 }, 1, "AThread", "UP: data", "sends \"data\"" },
		{ { "/etc/x/g.yaml", 3, 3 }, 1, "BThread b", "IN: [date, c]", NULL },
	};
	char *text;

	tt_errors_source(errs, "f.yaml", source, strlen(source));
	ck_assert_int_eq(tt_errors_add_drawn(errs, at(2, 7), "M", "remedy", lines, 3,
	    "takes %s", "date"), -1);
	text = printed(errs);
	ck_assert_str_eq(text, "f.yaml:2:7: error: M: takes date\n"
	    "      IN: date\n"
	    "          ^\n"
	    "           7 | MasterThread                 <- nobody\n"
	    "         112 |   AThread     UP: data       <- sends \"data\"\n"
	    "    g.yaml:3 |   BThread b   IN: [date, c]\n"
	    "    remedy\n");
	free(text);
}
END_TEST

START_TEST(the_lines_of_the_tree_are_escaped)
{
	struct tt_errors *errs = tt_errors_create();
	const struct tt_errors_line line = { { "\x1B", 7, 1 }, 0, "A\x1B", "\x07", "\n" };
	char *text;

	tt_errors_add_drawn(errs, at(2, 7), NULL, NULL, &line, 1, "x");
	text = printed(errs);
	ck_assert_str_eq(text, "f.yaml:2:7: error: x\n"
	    "     \\x1B:7 | A\\x1B  \\x07  <- \\n\n");
	free(text);
}
END_TEST

/* What ERRS print in colour or not; destroys ERRS. */
static char *
printed_as(struct tt_errors *errs, bool colour)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	tt_errors_print_as(errs, out, colour);
	fclose(out);
	tt_errors_destroy(errs);
	return text;
}

START_TEST(in_colour_place_grade_and_caret_are_painted_as_compilers_do)
{
	struct tt_errors *errs = tt_errors_create();
	const struct tt_errors_line line = { { "f.yaml", 1, 1 }, 0, "AThread", "IN: a",
		"b" };
	char *text;

	tt_errors_source(errs, "f.yaml", "a: b\n", 5);
	tt_errors_add_drawn(errs, at(1, 4), "P", "r", &line, 1, "wrong");
	tt_errors_warn(errs, at(2, 1), "P", NULL, "odd");
	text = printed_as(errs, true);
	ck_assert_str_eq(text,
	    "\033[1mf.yaml:1:4:\033[0m \033[1;31merror:\033[0m P: wrong\n"
	    "    a: b\n"
	    "       \033[1;32m^\033[0m\n"
	    "       1 | AThread  IN: a  \033[1;32m<- b\033[0m\n"
	    "    r\n"
	    "\033[1mf.yaml:2:1:\033[0m \033[1;35mwarning:\033[0m P: odd\n"
	    "    \n"
	    "    \033[1;32m^\033[0m\n");
	free(text);
}
END_TEST

START_TEST(in_colour_and_without_it_the_words_are_the_same)
{
	char *plain, *colour, *from, *to;
	bool i;

	for (i = false, plain = colour = NULL;; i = true) {
		struct tt_errors *errs = tt_errors_create();

		tt_errors_source(errs, "f.yaml", "a: b\n", 5);
		tt_errors_add(errs, at(1, 4), "P", "r", "wrong");
		tt_errors_add(errs, (struct tt_mark){ .file = NULL }, "", "", "two");
		*(i ? &colour : &plain) = printed_as(errs, i);
		if (i)
			break;
	}
	for (from = to = colour; *from != '\0'; from++) {
		if (*from == '\033')
			from = strchr(from, 'm');
		else
			*to++ = *from;
	}
	*to = '\0';
	ck_assert_str_eq(plain, colour);
	free(plain);
	free(colour);
}
END_TEST

START_TEST(a_stream_that_is_no_terminal_gets_no_colour)
{
	struct tt_errors *errs = tt_errors_create();
	FILE *out = tmpfile();
	char text[200] = "";

	setenv("TERM", "xterm", 1);
	unsetenv("NO_COLOR");
	tt_errors_add(errs, at(1, 1), "P", "r", "wrong");
	tt_errors_print(errs, out);
	rewind(out);
	ck_assert_uint_gt(fread(text, 1, sizeof(text) - 1, out), 0);
	ck_assert_ptr_null(strchr(text, '\033'));
	fclose(out);
	tt_errors_destroy(errs);
}
END_TEST

/* A line, and what is shown of it though nobody said that it holds a secret. */
static const struct guess_case {
	const char *line, *shown;
} guess_cases[] = {
	{ "header: {Authorization: Bearer abc}", "header: {Authorization: ****** ****" },
	{ "token: abc # x", "token: *** * *" },
	{ "api_key: abc", "api_key: ***" },
	{ "\"Set-Cookie\": abc", "\"Set-Cookie\": ***" },
	{ "PASSWORD : abc", "PASSWORD : ***" },
	{ "secret:abc", "secret:***" },
	/* A word of a text, and what says only where the secret is. */
	{ "description: the token ring, mk 2", "description: the token ring, mk 2" },
	{ "path: tokens.db", "path: tokens.db" },
	{ "token: ${env:TOKEN}", "token: ${env:TOKEN}" },
	{ "Authorization: \"Bearer ${file:/x}\"", "Authorization: \"Bearer ${file:/x}\"" },
	{ "Authorization: abc$1 ${env:X}", "Authorization: ***** ********" },
};

START_TEST(what_looks_like_a_secret_prints_as_stars)
{
	const struct guess_case *c = &guess_cases[_i];
	struct tt_errors *errs = tt_errors_create();
	char *text, *line;

	tt_errors_source(errs, "f.yaml", c->line, strlen(c->line));
	tt_errors_add(errs, at(1, 1), NULL, NULL, "x");
	text = printed(errs);
	line = strchr(text, '\n') + 1;
	*strchr(line, '\n') = '\0';
	ck_assert_str_eq(line + 4, c->shown);
	free(text);
}
END_TEST

START_TEST(what_stands_behind_a_mark_in_its_line_is_known)
{
	struct tt_errors *errs = tt_errors_create();

	tt_errors_source(errs, "f.yaml", "a #\nb: #c\nd:", 12);
	ck_assert(tt_errors_line_has(errs, at(2, 1), '#'));
	ck_assert(!tt_errors_line_has(errs, at(2, 4), '#'));
	ck_assert(!tt_errors_line_has(errs, at(3, 1), '#'));
	ck_assert(!tt_errors_line_has(errs, at(4, 1), '#'));
	ck_assert(!tt_errors_line_has(errs, at(2, 99), '#'));
	ck_assert(!tt_errors_line_has(errs, (struct tt_mark){ "g.yaml", 1, 1 }, '#'));
	tt_errors_destroy(errs);
}
END_TEST

static const struct utf8_case {
	const char *text;
	size_t size, length;
	uint32_t code;
} utf8_cases[] = {
	{ "a", 1, 1, 'a' }, { "\0", 1, 1, 0 }, { "", 0, 0, 0 },
	{ "\xC2\x80", 2, 2, 0x80 }, { "\xC1\xBF", 2, 0, 0 }, { "\xC3", 1, 0, 0 },
	{ "\xE0\xA0\x80", 3, 3, 0x800 }, { "\xE0\x9F\xBF", 3, 0, 0 },
	{ "\xED\x9F\xBF", 3, 3, 0xD7FF }, { "\xED\xA0\x80", 3, 0, 0 },
	{ "\xF0\x90\x80\x80", 4, 4, 0x10000 }, { "\xF0\x8F\xBF\xBF", 4, 0, 0 },
	{ "\xF4\x8F\xBF\xBF", 4, 4, 0x10FFFF }, { "\xF4\x90\x80\x80", 4, 0, 0 },
	{ "\xF5\x80\x80\x80", 4, 0, 0 }, { "\x80", 1, 0, 0 }, { "\xFF", 1, 0, 0 },
	{ "\xE2\x28\xA1", 3, 0, 0 },
};

START_TEST(utf8_is_read_to_its_limits)
{
	const struct utf8_case *c = &utf8_cases[_i];
	uint32_t code = 0;

	ck_assert_uint_eq(tt_utf8_decode(c->text, c->size, &code), c->length);
	ck_assert_uint_eq(code, c->code);
}
END_TEST

Suite *
check_error_suite(void)
{
	Suite *s = suite_create("error");
	TCase *tc = tcase_create("error");

	tcase_add_test(tc, setting_an_error_returns_failure);
	tcase_add_test(tc, a_long_message_is_cut_between_characters);
	tcase_add_test(tc, a_mistake_shows_its_line_a_caret_and_the_remedy);
	tcase_add_test(tc, what_has_no_place_path_or_remedy_leaves_them_out);
	tcase_add_test(tc, mistakes_come_sorted_by_place_and_warnings_among_them);
	tcase_add_test(tc, an_equal_mistake_at_an_equal_place_counts_once);
	tcase_add_test(tc, of_very_many_the_first_fifty_by_place_are_shown);
	tcase_add_test(tc, control_characters_and_bad_bytes_come_escaped);
	tcase_add_test(tc, a_secret_prints_as_stars);
	tcase_add_test(tc, the_lines_of_the_tree_stand_in_columns_below_the_caret);
	tcase_add_test(tc, the_lines_of_the_tree_are_escaped);
	tcase_add_test(tc, in_colour_place_grade_and_caret_are_painted_as_compilers_do);
	tcase_add_test(tc, in_colour_and_without_it_the_words_are_the_same);
	tcase_add_test(tc, a_stream_that_is_no_terminal_gets_no_colour);
	tcase_add_test(tc, what_stands_behind_a_mark_in_its_line_is_known);
	tcase_add_loop_test(tc, what_looks_like_a_secret_prints_as_stars, 0,
	    sizeof(guess_cases) / sizeof(*guess_cases));
	tcase_add_test(tc, of_a_long_line_the_part_around_the_mark_is_shown);
	tcase_add_test(tc, lines_end_as_yaml_has_it_and_a_byte_order_mark_is_no_column);
	tcase_add_loop_test(tc, utf8_is_read_to_its_limits, 0,
	    sizeof(utf8_cases) / sizeof(*utf8_cases));
	suite_add_tcase(s, tc);
	return s;
}
