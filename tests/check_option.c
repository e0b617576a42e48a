/* check_option.c - tests of config/option.c, address.c, nearest.c and meant.c. */
#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/arena.h"
#include "config/nearest.h"
#include "config/option.h"

Suite *check_option_suite(void);

#define S ((int64_t)1000000000)
#define MS ((int64_t)1000000)

static struct tt_arena *arena;

static void
setup(void)
{
	arena = tt_arena_create();
}

static void
teardown(void)
{
	tt_arena_destroy(arena);
}

/* Reads TEXT by O; R keeps what was said. */
static bool
reads(struct tt_option_reader *r, const struct tt_option *o, const char *text,
    size_t size, void *slot)
{
	*r = (struct tt_option_reader){ .arena = arena, .state_dir = "/state",
		.option = o, .label = "opt" };
	return tt_option_read(r, text, size, slot);
}

static const char *const colours[] = { "red", "green", "blue", NULL };

static const struct tt_option a_bool = { .type = TT_OPT_BOOL };
static const struct tt_option a_signed = { .type = TT_OPT_INT, .min = -65536,
	.max = 65536 };
static const struct tt_option at_least_5 = { .type = TT_OPT_INT, .min = 5 };
static const struct tt_option a_port = { .type = TT_OPT_INT, .min = 1, .max = 65535 };
static const struct tt_option any_int = { .type = TT_OPT_INT, .min = INT64_MIN };
static const struct tt_option off_int = { .type = TT_OPT_INT, .min = 5, .off = true };
static const struct tt_option any_size = { .type = TT_OPT_SIZE };
static const struct tt_option a_size = { .type = TT_OPT_SIZE, .min = 4096,
	.max = 1 << 20 };
static const struct tt_option any_duration = { .type = TT_OPT_DURATION };
static const struct tt_option a_duration = { .type = TT_OPT_DURATION, .min = MS,
	.max = 60 * S, .off = true };
static const char *const modes[] = { "none", "full", NULL };
static const struct tt_option a_mode = { .type = TT_OPT_ENUM, .choices = modes };
static const struct tt_option a_colour = { .type = TT_OPT_ENUM, .choices = colours };

/* Each type at its limits: at the least and the most, one below and one above, empty,
 * over 64 bits.  A number, or what is wrong with it. */
static const struct number_case {
	const struct tt_option *option;
	const char *text;
	int64_t value;
	const char *what;
} number_cases[] = {
	{ &a_port, "1", 1, NULL }, { &a_port, "65535", 65535, NULL },
	{ &a_signed, "-65536", -65536, NULL }, { &a_signed, "65536", 65536, NULL },
	{ &a_signed, "-65537", 0, "opt -65537 is not in -65536..65536" },
	{ &a_signed, "65537", 0, "opt 65537 is not in -65536..65536" },
	{ &a_signed, "-0", 0, NULL }, { &a_signed, "--1", 0, "opt \"--1\" is no whole number" },
	{ &at_least_5, "9223372036854775806", INT64_MAX - 1, NULL },
	{ &at_least_5, "9223372036854775807", 0, "opt 9223372036854775807 is too large" },
	{ &at_least_5, "4", 0, "opt 4 is less than 5" },
	{ &at_least_5, "0000000000000000000000000000000000000005", 5, NULL },
	{ &at_least_5, "\xD9\xA5", 0, "opt \"\xD9\xA5\" is no whole number" },
	{ &a_port, "007", 7, NULL },
	{ &a_port, "0", 0, "opt 0 is not in 1..65535" },
	{ &a_port, "65536", 0, "opt 65536 is not in 1..65535" },
	{ &a_port, "-1", 0, "opt -1 is not in 1..65535" },
	{ &a_port, "99999999999999999999", 0,
	  "opt 99999999999999999999 is not in 1..65535" },
	{ &a_port, "", 0, "opt \"\" is no whole number" },
	{ &a_port, "1.5", 0, "opt \"1.5\" is no whole number" },
	{ &a_port, "0x10", 0, "opt \"0x10\" is no whole number" },
	{ &a_port, "1 ", 0, "opt \"1 \" is no whole number" },
	{ &a_port, "+1", 0, "opt \"+1\" is no whole number" },
	{ &a_port, "off", 0, "opt \"off\" is no whole number" },
	{ &any_int, "9223372036854775806", INT64_MAX - 1, NULL },
	{ &any_int, "9223372036854775808", 0, "opt 9223372036854775808 is too large" },
	{ &any_int, "-9223372036854775806", 1 - INT64_MAX, NULL },
	{ &any_int, "-9223372036854775808", 0, "opt -9223372036854775808 is too large" },
	{ &any_int, "-", 0, "opt \"-\" is no whole number" },
	{ &off_int, "off", 0, NULL }, { &off_int, "5", 5, NULL },
	{ &off_int, "4", 0, "opt 4 is less than 5" },
	{ &any_size, "0", 0, NULL }, { &any_size, "4096", 4096, NULL },
	{ &any_size, "1B", 1, NULL }, { &any_size, "64KiB", 65536, NULL },
	{ &any_size, "10MB", 10000000, NULL }, { &any_size, "3kB", 3000, NULL },
	{ &any_size, "3KB", 3000, NULL }, { &any_size, "2MiB", 2 << 20, NULL },
	{ &any_size, "1GiB", 1 << 30, NULL }, { &any_size, "1GB", 1000000000, NULL },
	{ &any_size, "2TiB", (int64_t)2 << 40, NULL },
	{ &any_size, "1TB", 1000000000000, NULL },
	{ &any_size, "9000000TiB", 0, "opt 9000000TiB is too large" },
	{ &any_size, "8388607TiB", ((int64_t)8388607) << 40, NULL },
	{ &any_size, "8388608TiB", 0, "opt 8388608TiB is too large" },
	{ &any_size, "9223372036854775806", INT64_MAX - 1, NULL },
	{ &any_size, "9223372036854775807B", 0, "opt 9223372036854775807B is too large" },
	{ &any_size, "18446744073709551617", 0, "opt 18446744073709551617 is too large" },
	{ &any_size, "", 0, "opt \"\" is no size" },
	{ &any_size, "0KiB", 0, NULL }, { &any_size, "1kib", 0, "opt \"1kib\" is no size" },
	{ &any_size, "1.5MiB", 0, "opt \"1.5MiB\" is no size" },
	{ &any_size, "64 KiB", 0, "opt \"64 KiB\" is no size" },
	{ &any_size, "64K", 0, "opt \"64K\" is no size" },
	{ &any_size, "KiB", 0, "opt \"KiB\" is no size" },
	{ &any_size, "-1", 0, "opt \"-1\" is no size" },
	{ &a_size, "4KiB", 4096, NULL }, { &a_size, "1MiB", 1 << 20, NULL },
	{ &a_size, "4096", 4096, NULL }, { &a_size, "1048576", 1 << 20, NULL },
	{ &a_size, "1025KiB", 0, "opt 1025KiB is not in 4KiB..1MiB" },
	{ &a_size, "4095", 0, "opt 4095 is not in 4KiB..1MiB" },
	{ &a_size, "1048577", 0, "opt 1048577 is not in 4KiB..1MiB" },
	{ &any_duration, "0s", 0, NULL }, { &any_duration, "500ms", 500 * MS, NULL },
	{ &any_duration, "10s", 10 * S, NULL }, { &any_duration, "5m", 300 * S, NULL },
	{ &any_duration, "1h", 3600 * S, NULL },
	{ &any_duration, "7d", 7 * 86400 * S, NULL },
	{ &any_duration, "10", 0, "opt \"10\" is no duration" },
	{ &any_duration, "1h30m", 0, "opt \"1h30m\" is no duration" },
	{ &any_duration, "1.5s", 0, "opt \"1.5s\" is no duration" },
	{ &any_duration, "10 s", 0, "opt \"10 s\" is no duration" },
	{ &any_duration, "s", 0, "opt \"s\" is no duration" },
	{ &any_duration, "off", 0, "opt \"off\" is no duration" },
	{ &any_duration, "999999999d", 0, "opt 999999999d is too large" },
	{ &any_duration, "106751d", 106751 * (86400 * S), NULL },
	{ &any_duration, "106752d", 0, "opt 106752d is too large" },
	{ &any_duration, "9223372036854ms", 9223372036854 * MS, NULL },
	{ &any_duration, "9223372036855ms", 0, "opt 9223372036855ms is too large" },
	{ &any_duration, "18446744073709551617s", 0,
	  "opt 18446744073709551617s is too large" },
	{ &any_duration, "", 0, "opt \"\" is no duration" },
	{ &any_duration, "-1s", 0, "opt \"-1s\" is no duration" },
	{ &any_duration, "1us", 0, "opt \"1us\" is no duration" },
	{ &a_duration, "off", 0, NULL }, { &a_duration, "1ms", MS, NULL },
	{ &a_duration, "1m", 60 * S, NULL }, { &a_duration, "60000ms", 60 * S, NULL },
	{ &a_duration, "60001ms", 0, "opt 60001ms is not in 1ms..1m" },
	{ &a_duration, "0ms", 0, "opt 0ms is not in 1ms..1m" },
	{ &a_duration, "61s", 0, "opt 61s is not in 1ms..1m" },
	{ &a_duration, "Off", 0, "opt \"Off\" is no duration" },
};

START_TEST(numbers_are_read_to_their_limits)
{
	const struct number_case *c = &number_cases[_i];
	struct tt_option_reader r;
	int64_t value = -77;

	ck_assert_int_eq(reads(&r, c->option, c->text, strlen(c->text), &value),
	    c->what == NULL);
	if (c->what != NULL)
		ck_assert_str_eq(r.what, c->what);
	ck_assert_int_eq(value, c->what == NULL ? c->value : -77);
	ck_assert(c->what == NULL || *r.remedy != '\0');
}
END_TEST

/* A NUL behind a number is a character of it like any other. */
START_TEST(a_number_with_a_nul_is_none)
{
	static const struct tt_option *const options[] = { &any_int, &any_size,
		&any_duration, &a_bool, &a_colour };
	static const char *const texts[] = { "1\0" "2", "1\0" "2", "1s\0", "on\0", "red\0" };
	static const size_t sizes[] = { 3, 3, 3, 3, 4 };
	struct tt_option_reader r;
	int64_t value = -77;
	size_t i;

	for (i = 0; i < 5; i++) {
		ck_assert(!reads(&r, options[i], texts[i], sizes[i], &value));
		ck_assert_int_eq(value, -77);
		ck_assert_ptr_nonnull(strstr(r.what, "\\x00"));
	}
}
END_TEST

static const struct tt_option with_default = { .type = TT_OPT_DURATION, .min = MS,
	.standard = "30s" };
static const struct tt_option a_pause = { .type = TT_OPT_DURATION, .max = 10 * S };
static const struct tt_option a_range = { .type = TT_OPT_DURATION_RANGE, .min = MS };

/* A wrong value, and how its remedy begins: with the question, if a legal value comes
 * to mind, else with the form. */
static const struct meant_case {
	const struct tt_option *option;
	const char *text, *remedy;
} meant_cases[] = {
	{ &any_duration, "10 s", "did you mean 10s? (a duration is" },
	{ &any_duration, "10sec", "did you mean 10s?" },
	{ &any_duration, "10 Seconds", "did you mean 10s?" },
	{ &any_duration, "1.5s", "did you mean 1500ms?" },
	{ &any_duration, "0,5h", "did you mean 30m?" },
	{ &any_duration, "1m30s", "did you mean 90s?" },
	{ &any_duration, "1 h 30 min", "did you mean 90m?" },
	{ &any_duration, "2w", "did you mean 14d?" },
	{ &any_duration, "2000us", "did you mean 2ms?" },
	{ &any_duration, "2us", "a duration is" }, { &any_duration, "PT3S", "a duration is" },
	{ &any_duration, "30", "did you mean 30s?" },
	{ &any_duration, "5000", "did you mean 5000s, or 5000ms?" },
	{ &any_duration, "1.0005ms", "a duration is" },
	{ &a_duration, "0", "did you mean off?" }, { &a_duration, "-1", "did you mean off?" },
	{ &a_duration, "Off", "did you mean off?" },
	{ &a_duration, "never", "did you mean off?" },
	{ &a_duration, "~", "did you mean off?" },
	{ &a_duration, "0s", "did you mean off? It may be 1ms..1m, or off" },
	{ &a_duration, "2 min", "a duration is a whole number with a unit: 500ms 10s 5m 1h "
	  "7d; here 1ms..1m, or off" },
	{ &with_default, "off", "it cannot be turned off; leave the line out for 30s (" },
	{ &a_pause, "off", "did you mean 0s?" },
	{ &any_size, "64 KiB", "did you mean 64KiB? (a size is" },
	{ &any_size, "64k", "did you mean 64KiB (of 1024) or 64kB (of 1000)?" },
	{ &any_size, "64kb", "did you mean 64KiB (of 1024) or 64kB (of 1000)?" },
	{ &any_size, "10Mb", "did you mean 10MiB (of 1024) or 10MB (of 1000)?" },
	{ &any_size, "1.5GiB", "did you mean 1536MiB?" },
	{ &any_size, "8mib", "did you mean 8MiB?" }, { &any_size, "0x10", "did you mean 16?" },
	{ &any_size, "1_000", "did you mean 1kB?" }, { &any_size, "0.3B", "a size is" },
	{ &any_size, "99999999TB", "it may be 0 or more" },
	{ &a_size, "2K", "a size is" }, { &a_size, "1M", "did you mean 1MiB (of 1024) or" },
	{ &a_port, "1,000", "did you mean 1000? (a whole number" },
	{ &a_port, "1'000", "did you mean 1000?" }, { &a_port, "1e3", "did you mean 1000?" },
	{ &a_port, "10k", "did you mean 10000?" }, { &a_port, "0x1F90", "did you mean 8080?" },
	{ &a_port, "80.0", "did you mean 80?" }, { &a_port, "80.5", "a whole number" },
	{ &a_port, "70k", "a whole number, as 100; here 1..65535" },
	{ &a_port, "0", "it may be 1..65535" }, { &a_port, "eighty", "a whole number" },
	{ &off_int, "none", "did you mean off?" }, { &off_int, "0", "did you mean off?" },
	{ &a_range, "500ms-60s", "did you mean 500ms..1m?" },
	{ &a_range, "1s to 2 min", "did you mean 1s..2m?" },
	{ &a_range, "1s...2s", "did you mean 1s..2s?" }, { &a_range, "2s-1s", "a range is" },
	{ &a_range, "5s", "a range is two durations" },
	{ &a_bool, "True", "did you mean true? (true or false" },
	{ &a_bool, "YES", "did you mean true?" }, { &a_bool, "1", "did you mean true?" },
	{ &a_bool, "disabled", "did you mean false?" }, { &a_bool, "~", "did you mean false?" },
	{ &a_bool, "maybe", "true or false, yes or no, on or off" },
	{ &a_mode, "off", "did you mean \"none\"? It may be one of none, full" },
	{ &a_mode, "ful", "did you mean \"full\"?" }, { &a_mode, "x", "it may be one of" },
};

START_TEST(a_wrong_value_is_asked_after)
{
	const struct meant_case *c = &meant_cases[_i];
	struct tt_option_reader r;
	int64_t slot[4];

	ck_assert_msg(!reads(&r, c->option, c->text, strlen(c->text), slot), "%s", c->text);
	ck_assert_msg(strncmp(r.remedy, c->remedy, strlen(c->remedy)) == 0,
	    "%s: got %s, expected %s", c->text, r.remedy, c->remedy);
}
END_TEST

START_TEST(what_came_from_elsewhere_is_not_asked_after)
{
	static const char *const texts[] = { "17 s", "17", "17k" };
	struct tt_option_reader r = { .arena = arena, .state_dir = "/state",
		.label = "opt", .written = "${env:X}" };
	static const struct tt_option address = { .type = TT_OPT_ADDRESSES };
	int64_t slot[4];
	size_t i;

	for (i = 0; i < 3; i++) {
		r.option = &any_duration;
		ck_assert(!tt_option_read(&r, texts[i], strlen(texts[i]), slot));
		ck_assert_str_eq(r.what, "opt \"${env:X}\" is no duration");
		ck_assert_ptr_null(strstr(r.remedy, "17"));
		r.option = &address;
		ck_assert(!tt_option_read(&r, texts[i], strlen(texts[i]), slot));
		ck_assert_ptr_null(strstr(r.remedy, "17"));
	}
}
END_TEST

START_TEST(a_bool_is_one_of_six_words)
{
	static const char *const yes[] = { "true", "yes", "on" };
	static const char *const no[] = { "false", "no", "off" };
	static const char *const wrong[] = { "True", "1", "", "y", "onn" };
	struct tt_option_reader r;
	bool value;
	size_t i;

	for (i = 0; i < 3; i++) {
		value = false;
		ck_assert(reads(&r, &a_bool, yes[i], strlen(yes[i]), &value));
		ck_assert(value);
		ck_assert(reads(&r, &a_bool, no[i], strlen(no[i]), &value));
		ck_assert(!value);
	}
	for (i = 0; i < 5; i++)
		ck_assert(!reads(&r, &a_bool, wrong[i], strlen(wrong[i]), &value));
}
END_TEST

START_TEST(a_choice_is_its_index_and_a_wrong_one_gets_the_nearest)
{
	struct tt_option_reader r;
	int value = 7;

	ck_assert(reads(&r, &a_colour, "blue", 4, &value));
	ck_assert_int_eq(value, 2);
	ck_assert(!reads(&r, &a_colour, "geen", 4, &value));
	ck_assert_int_eq(value, 2);
	ck_assert_str_eq(r.what, "opt has no choice \"geen\"");
	ck_assert_str_eq(r.remedy, "did you mean \"green\"? It may be one of red, green, "
	    "blue");
	ck_assert(!reads(&r, &a_colour, "Blue", 4, &value));
	ck_assert_ptr_nonnull(strstr(r.remedy, "did you mean \"blue\""));
	ck_assert(!reads(&r, &a_colour, "ultramarine", 11, &value));
	ck_assert_str_eq(r.remedy, "it may be one of red, green, blue");
	ck_assert(!reads(&r, &a_colour, "blue\0", 5, &value));
}
END_TEST

START_TEST(a_duration_range_has_two_ends_in_order)
{
	static const struct tt_option o = { .type = TT_OPT_DURATION_RANGE, .min = MS,
		.max = 3600 * S };
	static const char *const wrong[] = { "1s", "1s..", "..1s", "2s..1s", "0ms..1s",
		"1s..2h", "1s...2s", "1s-2s", "1s..2s ", "" };
	struct tt_option_reader r;
	struct tt_duration_range range = { 1, 2 };
	size_t i;

	ck_assert(reads(&r, &o, "500ms..60s", 10, &range));
	ck_assert_int_eq(range.from, 500 * MS);
	ck_assert_int_eq(range.to, 60 * S);
	ck_assert(reads(&r, &o, "1ms..1ms", 8, &range));
	for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		ck_assert_msg(!reads(&r, &o, wrong[i], strlen(wrong[i]), &range),
		    "%s", wrong[i]);
	ck_assert_int_eq(range.to, MS);
}
END_TEST

START_TEST(a_text_is_taken_as_it_is)
{
	static const struct tt_option o = { .type = TT_OPT_STRING };
	struct tt_option_reader r;
	const char *text = NULL;

	ck_assert(reads(&r, &o, "", 0, &text));
	ck_assert_str_eq(text, "");
	ck_assert(reads(&r, &o, "null \xC3\xA4", 7, &text));
	ck_assert_str_eq(text, "null \xC3\xA4");
	ck_assert(!reads(&r, &o, "a\0b", 3, &text));
	ck_assert_str_eq(r.what, "opt holds a NUL character");
}
END_TEST

START_TEST(a_relative_path_is_below_the_state_dir_and_one_file_reads_the_same)
{
	static const struct tt_option o = { .type = TT_OPT_PATH };
	static const char *const same[][2] = {
		{ "a.db", "/state/a.db" }, { "./a.db", "/state/a.db" },
		{ "x/.//a.db", "/state/x/a.db" }, { "/a//b", "/a/b" },
		{ "/a/./b", "/a/b" }, { "/a/../b", "/a/../b" }, { ".a", "/state/.a" },
		{ "//a", "/a" }, { "~a", "/state/~a" },
	};
	struct tt_option_reader r;
	const char *path = NULL;
	size_t i;

	for (i = 0; i < sizeof(same) / sizeof(*same); i++) {
		ck_assert(reads(&r, &o, same[i][0], strlen(same[i][0]), &path));
		ck_assert_str_eq(path, same[i][1]);
	}
	ck_assert(!reads(&r, &o, "", 0, &path));
	ck_assert(!reads(&r, &o, "a\0b", 3, &path));
	ck_assert(!reads(&r, &o, "~/a", 3, &path));
	ck_assert_str_eq(r.what, "opt: ~ is the shell's");
}
END_TEST

START_TEST(bytes_are_a_text_or_hexadecimal)
{
	static const struct tt_option o = { .type = TT_OPT_BYTES, .min = 1, .max = 3 };
	struct tt_option_reader r;
	struct tt_bytes bytes = { NULL, 0 };

	ck_assert(reads(&r, &o, "a\0b", 3, &bytes));
	ck_assert_mem_eq(bytes.data, "a\0b", 3);
	ck_assert_uint_eq(bytes.size, 3);
	ck_assert(!reads(&r, &o, "", 0, &bytes));
	ck_assert_str_eq(r.what, "opt of 0 bytes");
	ck_assert_str_eq(r.remedy, "it takes 1..3");
	ck_assert(!reads(&r, &o, "abcd", 4, &bytes));
	ck_assert(tt_option_read_hex(&r, "ff FE", 5, &bytes));
	ck_assert_uint_eq(bytes.size, 2);
	ck_assert_mem_eq(bytes.data, "\xFF\xFE", 2);
	ck_assert(tt_option_read_hex(&r, "0d0a", 4, &bytes));
	ck_assert_mem_eq(bytes.data, "\r\n", 2);
	ck_assert(!tt_option_read_hex(&r, "f", 1, &bytes));
	ck_assert(!tt_option_read_hex(&r, "0g", 2, &bytes));
	ck_assert(!tt_option_read_hex(&r, "f f", 3, &bytes));
	ck_assert(!tt_option_read_hex(&r, "0x0d", 4, &bytes));
	ck_assert(!tt_option_read_hex(&r, "", 0, &bytes));
	ck_assert(!tt_option_read_hex(&r, "00010203", 8, &bytes));
}
END_TEST

static const struct address_case {
	const char *text, *host;
	int port;			/* -1: a path; -2: wrong */
	const char *rest;		/* the path, or what is wrong */
} address_cases[] = {
	{ "127.0.0.1:5002", "127.0.0.1", 5002, NULL },
	{ "0.0.0.0:0", "0.0.0.0", 0, NULL },
	{ "localhost:65535", "localhost", 65535, NULL },
	{ "my_host.example-x.com:1", "my_host.example-x.com", 1, NULL },
	{ "[::1]:5002", "::1", 5002, NULL }, { "[::]:1", "::", 1, NULL },
	{ "[fe80::1%eth0]:7", "fe80::1%eth0", 7, NULL },
	{ "unix:/run/x.sock", NULL, -1, "/run/x.sock" },
	{ "unix:relative", NULL, -2, "has no absolute path" },
	{ "unix:", NULL, -2, "has no absolute path" },
	{ "unix:/2345678901234567890123456789012345678901234567890123456789012345678901"
	  "2345678901234567890123456789012345678", NULL, -2, "has too long a path" },
	{ "5002", NULL, -2, "is only a port" },
	{ "localhost", NULL, -2, "has no port" },
	{ "localhost:", NULL, -2, "has no port in 0..65535" },
	{ "localhost:65536", NULL, -2, "has no port in 0..65535" },
	{ "localhost:-1", NULL, -2, "has no port in 0..65535" },
	{ "localhost:5002x", NULL, -2, "has no port in 0..65535" },
	{ ":5002", NULL, -2, "has no host" },
	{ "::1:5002", NULL, -2, "has more than one colon" },
	{ "[::1]", NULL, -2, "has no port" },
	{ "[::1]5002", NULL, -2, "has no port behind [ ]" },
	{ "[::1:5002", NULL, -2, "has no IPv6 address in [ ]" },
	{ "[1.2.3.4]:5", NULL, -2, "has no IPv6 address in [ ]" },
	{ "[::1%]:5", NULL, -2, "has no IPv6 address in [ ]" },
	{ "256.0.0.1:5", NULL, -2, "has a host that is neither a name nor an address" },
	{ "1.2.3:5", NULL, -2, "has a host that is neither a name nor an address" },
	{ "a b:5", NULL, -2, "has a host that is neither a name nor an address" },
	{ "*:5", NULL, -2, "has a host that is neither a name nor an address" },
	{ "", NULL, -2, "has no host" },
};

START_TEST(addresses_are_taken_apart)
{
	static const struct tt_option o = { .type = TT_OPT_ADDRESSES };
	const struct address_case *c = &address_cases[_i];
	struct tt_addresses list = { 0, NULL };
	struct tt_option_reader r;
	bool ok = reads(&r, &o, c->text, strlen(c->text), &list);

	ck_assert_int_eq(ok, c->port != -2);
	if (!ok) {
		ck_assert_str_eq(r.what + strlen("opt \"\" ") + (strlen(c->text) > 60
		    ? 63 : strlen(c->text)), c->rest);
		ck_assert(*r.remedy != '\0');
		return;
	}
	ck_assert_uint_eq(list.n, 1);
	ck_assert_str_eq(list.list[0].text, c->text);
	if (c->port == -1) {
		ck_assert_ptr_null(list.list[0].host);
		ck_assert_str_eq(list.list[0].path, c->rest);
	} else {
		ck_assert_ptr_null(list.list[0].path);
		ck_assert_str_eq(list.list[0].host, c->host);
		ck_assert_int_eq(list.list[0].port, c->port);
	}
}
END_TEST

/* What an address that is none is answered with. */
static const char *const address_remedies[][2] = {
	{ ":5002", "did you mean 0.0.0.0:5002?" }, { "*:5002", "did you mean 0.0.0.0:5002?" },
	{ "tcp://0.0.0.0:5002", "did you mean 0.0.0.0:5002?" },
	{ "http://localhost:80/x", "did you mean localhost:80?" },
	{ "::1:5002", "did you mean \"[::1]:5002\", in quotes?" },
	{ ":::5002", "did you mean \"[::]:5002\", in quotes?" },
	{ "[::1]5002", "did you mean \"[::1]:5002\", in quotes?" },
	{ "[1.2.3.4]:5", "did you mean 1.2.3.4:5?" },
	{ "localhost 5002", "did you mean localhost:5002?" },
	{ "localhost,5002", "did you mean localhost:5002?" },
	{ "0.0.0.0:5002/tcp", "did you mean 0.0.0.0:5002?" },
	{ "/run/x.sock", "did you mean unix:/run/x.sock?" },
	{ "5002", "for all addresses write 0.0.0.0:5002, for this machine's own "
	  "127.0.0.1:5002" },
	{ "localhost", "put the port behind it, as in localhost:5002" },
	{ "[::1]", "put the port behind it, as in \"[::1]:5002\"" },
	{ "unix:x", "as in unix:/run/taskthread/devices.sock" },
	{ "localhost:70000", "an address is host:port, \"[::1]:port\" or unix:/path, as "
	  "0.0.0.0:5002" },
};

START_TEST(an_address_that_is_none_is_answered_with_one)
{
	static const struct tt_option o = { .type = TT_OPT_ADDRESSES };
	const char *const *c = address_remedies[_i];
	struct tt_addresses list;
	struct tt_option_reader r;

	ck_assert(!reads(&r, &o, c[0], strlen(c[0]), &list));
	ck_assert_str_eq(r.remedy, c[1]);
}
END_TEST

/* The same for URLs. */
static const char *const url_remedies[][2] = {
	{ "http://a.example/x", "did you mean ws://a.example/x?" },
	{ "https://a.example:8/x", "did you mean wss://a.example:8/x?" },
	{ "a.example/x", "did you mean wss://a.example/x?" },
	{ "localhost:8080", "did you mean ws://localhost:8080?" },
	{ "wss:a.example", "did you mean wss://a.example?" },
	{ "ws//a", "did you mean ws://a?" }, { "tcp://a:1", "did you mean ws://a:1?" },
	{ "ws://a b", "write it as %NN, a blank as %20" },
	{ "wss://u:pw@a/", "leave out what stands before @; credentials go into headers" },
	{ "https://u:pw@a/", "a URL is ws://host[:port][/path] or wss://..., as "
	  "wss://cloud.example.com/ingest" },
	{ "", "a URL is ws://host[:port][/path] or wss://..., as "
	  "wss://cloud.example.com/ingest" },
};

START_TEST(a_url_that_is_none_is_answered_with_one)
{
	static const struct tt_option o = { .type = TT_OPT_URL };
	const char *const *c = url_remedies[_i];
	struct tt_url url;
	struct tt_option_reader r;

	ck_assert(!reads(&r, &o, c[0], strlen(c[0]), &url));
	ck_assert_str_eq(r.remedy, c[1]);
	ck_assert_ptr_null(strstr(r.what, "pw"));
}
END_TEST

START_TEST(the_longest_texts_are_taken_and_longer_ones_are_not)
{
	static const struct tt_option path = { .type = TT_OPT_PATH };
	static const struct tt_option string = { .type = TT_OPT_STRING };
	static const struct tt_option address = { .type = TT_OPT_ADDRESSES };
	static const struct tt_option bytes = { .type = TT_OPT_BYTES, .max = 4096 };
	struct tt_option_reader r;
	struct tt_addresses list;
	struct tt_bytes b;
	const char *text;
	char *big = malloc(70000);

	memset(big, 'x', 70000);
	big[0] = '/';
	ck_assert(reads(&r, &string, big, 65536, &text));
	ck_assert_uint_eq(strlen(text), 65536);
	big[4095] = '\0';
	ck_assert(reads(&r, &path, big, 4095, &text));
	big[4095] = 'x';
	ck_assert(!reads(&r, &path, big, 4096, &text));
	ck_assert(reads(&r, &bytes, big, 4096, &b));
	ck_assert(!reads(&r, &bytes, big, 4097, &b));
	ck_assert_str_eq(r.what, "opt of 4097 bytes");
	/* The longest name in the DNS, and one letter more. */
	memset(big, 'a', 300);
	memcpy(big + 253, ":1", 3);
	ck_assert(reads(&r, &address, big, 255, &list));
	memcpy(big + 253, "a:1", 4);
	ck_assert(!reads(&r, &address, big, 256, &list));
	free(big);
}
END_TEST

START_TEST(utf8_is_kept_in_texts_and_shown_in_messages)
{
	static const struct tt_option string = { .type = TT_OPT_STRING };
	struct tt_option_reader r;
	const char *text;
	int64_t value;

	ck_assert(reads(&r, &string, "\xF0\x9F\x9A\x80 \xC3\xA4", 7, &text));
	ck_assert_str_eq(text, "\xF0\x9F\x9A\x80 \xC3\xA4");
	ck_assert(!reads(&r, &any_duration, "10\xC2\xB5s", 5, &value));
	ck_assert_str_eq(r.what, "opt \"10\xC2\xB5s\" is no duration");
	/* What would turn a terminal's text around is not shown as it is. */
	ck_assert(!reads(&r, &any_duration, "1\xE2\x80\xAE", 4, &value));
	ck_assert_str_eq(r.what, "opt \"1\\u202E\" is no duration");
}
END_TEST

START_TEST(the_longest_socket_path_fits)
{
	static const struct tt_option o = { .type = TT_OPT_ADDRESSES };
	struct tt_addresses list;
	struct tt_option_reader r;
	char text[200] = "unix:/";

	memset(text + 6, 'x', 106);
	ck_assert(reads(&r, &o, text, strlen(text), &list));
	ck_assert_uint_eq(strlen(list.list[0].path), 107);
}
END_TEST

static const struct url_case {
	const char *text, *host;
	bool tls;
	int port;			/* -1: wrong */
	const char *path;		/* or what is wrong */
} url_cases[] = {
	{ "ws://a", "a", false, 80, "/" }, { "wss://a", "a", true, 443, "/" },
	{ "ws://a:8080", "a", false, 8080, "/" },
	{ "WSS://A.example/x", "A.example", true, 443, "/x" },
	{ "ws://[::1]:81/x?y=@z", "::1", false, 81, "/x?y=@z" },
	{ "ws://[::1]", "::1", false, 80, "/" },
	{ "ws://a?x=1", "a", false, 80, "/?x=1" },
	{ "ws://1.2.3.4/", "1.2.3.4", false, 80, "/" },
	{ "http://a", NULL, false, -1, "is not a websocket's" },
	{ "https://a", NULL, false, -1, "is not a websocket's" },
	{ "a.example", NULL, false, -1, "does not begin with ws:// or wss://" },
	{ "", NULL, false, -1, "does not begin with ws:// or wss://" },
	{ "ws://", NULL, false, -1, "has no host" },
	{ "ws:///x", NULL, false, -1, "has no host" },
	{ "ws://a#b", NULL, false, -1, "has a fragment" },
	{ "ws://u:p@a/", NULL, false, -1, "has a user in it" },
	{ "ws://a:0/", NULL, false, -1, "has no port in 1..65535" },
	{ "ws://a:65536/", NULL, false, -1, "has no port in 0..65535" },
	{ "ws://a b/", NULL, false, -1, "holds a character that no URL has" },
	{ "ws://a/\xC3\xA4", NULL, false, -1, "holds a character that no URL has" },
	{ "ws://999.1.1.1/", NULL, false, -1,
	  "has a host that is neither a name nor an address" },
};

START_TEST(urls_are_taken_apart)
{
	static const struct tt_option o = { .type = TT_OPT_URL };
	const struct url_case *c = &url_cases[_i];
	struct tt_url url = { .text = NULL };
	struct tt_option_reader r;
	bool ok = reads(&r, &o, c->text, strlen(c->text), &url);

	ck_assert_int_eq(ok, c->port != -1);
	if (!ok) {
		ck_assert_ptr_nonnull(strstr(r.what, c->path));
		ck_assert_ptr_null(url.text);
		ck_assert(*r.remedy != '\0');
		return;
	}
	ck_assert_str_eq(url.text, c->text);
	ck_assert_str_eq(url.host, c->host);
	ck_assert_int_eq(url.tls, c->tls);
	ck_assert_int_eq(url.port, c->port);
	ck_assert_str_eq(url.path, c->path);
}
END_TEST

START_TEST(a_secret_is_in_no_message)
{
	static const struct tt_option secrets[] = {
		{ .type = TT_OPT_INT, .secret = true, .max = 5 },
		{ .type = TT_OPT_SIZE, .secret = true },
		{ .type = TT_OPT_DURATION_RANGE, .secret = true },
		{ .type = TT_OPT_ENUM, .secret = true, .choices = colours },
		{ .type = TT_OPT_BOOL, .secret = true },
		{ .type = TT_OPT_URL, .secret = true },
		{ .type = TT_OPT_ADDRESSES, .secret = true },
	};
	struct tt_option_reader r;
	int64_t slot[8];
	size_t i;

	for (i = 0; i < sizeof(secrets) / sizeof(*secrets); i++) {
		ck_assert(!reads(&r, &secrets[i], "geheim", 6, slot));
		ck_assert_ptr_null(strstr(r.what, "geheim"));
		ck_assert_ptr_null(strstr(r.remedy, "geheim"));
	}
	ck_assert(!reads(&r, &secrets[0], "4711", 4, slot));
	ck_assert_ptr_null(strstr(r.what, "4711"));
}
END_TEST

START_TEST(ranges_say_what_is_legal)
{
	char range[128];

	tt_option_range(&a_port, range, sizeof(range));
	ck_assert_str_eq(range, "1..65535");
	tt_option_range(&a_duration, range, sizeof(range));
	ck_assert_str_eq(range, "1ms..1m, or off");
	tt_option_range(&any_size, range, sizeof(range));
	ck_assert_str_eq(range, "0 or more");
	tt_option_range(&a_colour, range, sizeof(range));
	ck_assert_str_eq(range, "one of red, green, blue");
	tt_option_range(&a_bool, range, sizeof(range));
	ck_assert_str_eq(range, "");
}
END_TEST

START_TEST(near_words_are_found_and_far_ones_are_not)
{
	static const char *const words[] = { "listen", "max_connections", "idle_timeout" };
	static const char *const tries[][2] = {
		{ "lisen", "listen" }, { "litsen", "listen" }, { "Listen", "listen" },
		{ "max_conections", "max_connections" }, { "idletimeout", "idle_timeout" },
		{ "path", NULL }, { "x", NULL }, { "", NULL },
	};
	struct tt_nearest n;
	size_t i, k;

	for (i = 0; i < sizeof(tries) / sizeof(*tries); i++) {
		n = tt_nearest_begin(tries[i][0]);
		for (k = 0; k < 3; k++)
			tt_nearest_offer(&n, words[k]);
		if (tries[i][1] == NULL)
			ck_assert_ptr_null(n.best);
		else
			ck_assert_str_eq(n.best, tries[i][1]);
	}
	ck_assert_uint_eq(tt_nearest_distance("abcd", "abdc"), 1);
	ck_assert_uint_eq(tt_nearest_distance("", "abc"), 3);
	ck_assert_uint_eq(tt_nearest_distance("abc", "abc"), 0);
}
END_TEST

Suite *
check_option_suite(void)
{
	Suite *s = suite_create("option");
	TCase *tc = tcase_create("option");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, numbers_are_read_to_their_limits, 0,
	    sizeof(number_cases) / sizeof(*number_cases));
	tcase_add_test(tc, a_number_with_a_nul_is_none);
	tcase_add_loop_test(tc, a_wrong_value_is_asked_after, 0,
	    sizeof(meant_cases) / sizeof(*meant_cases));
	tcase_add_test(tc, what_came_from_elsewhere_is_not_asked_after);
	tcase_add_loop_test(tc, an_address_that_is_none_is_answered_with_one, 0,
	    sizeof(address_remedies) / sizeof(*address_remedies));
	tcase_add_loop_test(tc, a_url_that_is_none_is_answered_with_one, 0,
	    sizeof(url_remedies) / sizeof(*url_remedies));
	tcase_add_test(tc, the_longest_texts_are_taken_and_longer_ones_are_not);
	tcase_add_test(tc, utf8_is_kept_in_texts_and_shown_in_messages);
	tcase_add_test(tc, a_bool_is_one_of_six_words);
	tcase_add_test(tc, a_choice_is_its_index_and_a_wrong_one_gets_the_nearest);
	tcase_add_test(tc, a_duration_range_has_two_ends_in_order);
	tcase_add_test(tc, a_text_is_taken_as_it_is);
	tcase_add_test(tc,
	    a_relative_path_is_below_the_state_dir_and_one_file_reads_the_same);
	tcase_add_test(tc, bytes_are_a_text_or_hexadecimal);
	tcase_add_loop_test(tc, addresses_are_taken_apart, 0,
	    sizeof(address_cases) / sizeof(*address_cases));
	tcase_add_test(tc, the_longest_socket_path_fits);
	tcase_add_loop_test(tc, urls_are_taken_apart, 0,
	    sizeof(url_cases) / sizeof(*url_cases));
	tcase_add_test(tc, a_secret_is_in_no_message);
	tcase_add_test(tc, ranges_say_what_is_legal);
	tcase_add_test(tc, near_words_are_found_and_far_ones_are_not);
	suite_add_tcase(s, tc);
	return s;
}
