/* check_said.c - tests of config/said.c. */
#include "config/said.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/schemas.h"

Suite *check_said_suite(void);

/* A kind with an option of each type, and each with a default. */
struct every_config {
	bool on;
	int64_t number, size, wait, off, open;
	struct tt_duration_range range;
	int choice, any;
	const char *text, *path, *secret;
	struct tt_bytes bytes;
	struct tt_addresses listen;
	struct tt_url url;
	struct tt_pairs pairs, none;
	struct every_group {
		bool given;
		int64_t depth;
		const char *token;
		struct every_inner {
			bool given;
			int64_t number;
		} inner;
	} group, other;
	struct every_short {
		bool given;
		const char *key;
		int64_t size;
	} brief;
};

#define EVERY(member) .offset = offsetof(struct every_config, member)

static const char *const every_choices[] = { "a", "b", NULL };

static const struct tt_option every_inner[] = {
	{ .name = "number", .type = TT_OPT_INT, .standard = "7",
	  .offset = offsetof(struct every_inner, number) },
	TT_OPTIONS_END
};

static const struct tt_option every_group[] = {
	{ .name = "depth", .type = TT_OPT_INT, .standard = "3",
	  .offset = offsetof(struct every_group, depth) },
	{ .name = "token", .type = TT_OPT_STRING, .secret = true,
	  .offset = offsetof(struct every_group, token) },
	{ .name = "inner", .type = TT_OPT_GROUP, .group = every_inner,
	  .standard = "{number: 9}", .offset = offsetof(struct every_group, inner) },
	TT_OPTIONS_END
};

static const struct tt_option every_short[] = {
	{ .name = "key", .type = TT_OPT_STRING, .required = true, .secret = true,
	  .offset = offsetof(struct every_short, key) },
	{ .name = "size", .type = TT_OPT_SIZE, .standard = "1KiB",
	  .offset = offsetof(struct every_short, size) },
	TT_OPTIONS_END
};

static const struct tt_option every_options[] = {
	{ .name = "on", .type = TT_OPT_BOOL, .standard = "true", EVERY(on) },
	{ .name = "number", .type = TT_OPT_INT, .standard = "5", EVERY(number) },
	{ .name = "size", .type = TT_OPT_SIZE, .standard = "64KiB", EVERY(size) },
	{ .name = "wait", .type = TT_OPT_DURATION, .standard = "1m", EVERY(wait) },
	{ .name = "off", .type = TT_OPT_DURATION, .off = true, EVERY(off) },
	{ .name = "open", .type = TT_OPT_INT, EVERY(open) },
	{ .name = "range", .type = TT_OPT_DURATION_RANGE, .standard = "500ms..60s",
	  EVERY(range) },
	{ .name = "choice", .type = TT_OPT_ENUM, .standard = "b",
	  .choices = every_choices, EVERY(choice) },
	{ .name = "any", .type = TT_OPT_ENUM, .choices = every_choices, EVERY(any) },
	{ .name = "text", .type = TT_OPT_STRING, .standard = "{a}", EVERY(text) },
	{ .name = "path", .type = TT_OPT_PATH, .standard = "a/b", EVERY(path) },
	{ .name = "secret", .type = TT_OPT_STRING, .secret = true, EVERY(secret) },
	{ .name = "bytes", .type = TT_OPT_BYTES, .standard = "{hex: \"61 62\"}",
	  EVERY(bytes) },
	{ .name = "listen", .type = TT_OPT_ADDRESSES,
	  .standard = "[\"127.0.0.1:1\", \"[::1]:2\"]", EVERY(listen) },
	{ .name = "url", .type = TT_OPT_URL, .standard = "ws://a/", EVERY(url) },
	{ .name = "pairs", .type = TT_OPT_STRINGS, .standard = "{A: b, C: d}",
	  EVERY(pairs) },
	{ .name = "none", .type = TT_OPT_STRINGS, EVERY(none) },
	{ .name = "group", .type = TT_OPT_GROUP, .group = every_group, .off = true,
	  .standard = "{}", EVERY(group) },
	{ .name = "other", .type = TT_OPT_GROUP, .group = every_group, .off = true,
	  EVERY(other) },
	{ .name = "brief", .type = TT_OPT_GROUP, .group = every_short,
	  .shorthand = "key", EVERY(brief) },
	TT_OPTIONS_END
};

static const struct tt_schema root = {
	.name = "MasterThread", .flags = TT_ROOT | TT_ANY, .options = every_options,
	.config_size = sizeof(struct every_config),
};
static const struct tt_schema *const schemas[] = { &root, NULL };

/* What there is to show of a root of which the file says TEXT, a mapping: to be
 * freed. */
static char *
said(const char *text)
{
	struct tt_errors *errs = tt_errors_create();
	struct tt_arena *arena = tt_arena_create();
	const struct tt_said *list;
	struct tt_document *doc;
	char *file = NULL, *shown = NULL;
	size_t size, n, i;
	FILE *out = open_memstream(&file, &size);

	fprintf(out, "taskthread: 1\ndaemon: {state_dir: /s}\nMasterThread: %s\n", text);
	fclose(out);
	doc = tt_document_parse("t.yaml", file, size, schemas, TT_LOAD_START, errs);
	ck_assert_msg(doc != NULL, "%s", test_errors(errs));
	out = open_memstream(&shown, &size);
	n = tt_said_options(arena, doc, doc->root, &list);
	for (i = 0; i < n; i++)
		fprintf(out, "%s%s: %s", i == 0 ? "" : "; ", list[i].option->name,
		    list[i].text);
	fclose(out);
	free(file);
	tt_document_destroy(doc);
	tt_errors_destroy(errs);
	tt_arena_destroy(arena);
	return shown;
}

/* Each type once as its default, written in other ways too, and once otherwise. */
static const struct {
	const char *text, *shown;
} options[] = {
	{ "{}", "" },
	{ "{on: true}", "" },
	{ "{on: yes}", "" },
	{ "{on: off}", "on: off" },
	{ "{number: 5}", "" },
	{ "{number: 6}", "number: 6" },
	{ "{size: 64KiB}", "" },
	{ "{size: 65536}", "" },
	{ "{size: 64kB}", "size: 64kB" },
	{ "{wait: 1m}", "" },
	{ "{wait: 60s}", "" },
	{ "{wait: 61s}", "wait: 61s" },
	{ "{off: off}", "" },
	{ "{off: 1s}", "off: 1s" },
	{ "{open: 1}", "open: 1" },
	{ "{range: 500ms..1m}", "" },
	{ "{range: 501ms..1m}", "range: 501ms..1m" },
	{ "{range: 500ms..2m}", "range: 500ms..2m" },
	{ "{choice: b}", "" },
	{ "{choice: a}", "choice: a" },
	{ "{any: a}", "any: a" },
	{ "{log: error}", "log: error" },
	{ "{text: \"{a}\"}", "" },
	{ "{text: '{b}'}", "text: \"{b}\"" },
	{ "{description: x}", "description: x" },
	{ "{path: a/b}", "" },
	{ "{path: /s/a//b}", "" },
	{ "{path: b}", "path: b" },
	{ "{bytes: ab}", "" },
	{ "{bytes: {hex: 6162}}", "" },
	{ "{bytes: {hex: 6163}}", "bytes: {hex: 6163}" },
	{ "{bytes: abc}", "bytes: abc" },
	{ "{listen: [127.0.0.1:1, \"[::1]:2\"]}", "" },
	{ "{listen: [127.0.0.1:1, \"[::1]:3\"]}",
	  "listen: [127.0.0.1:1, \"[::1]:3\"]" },
	{ "{listen: 127.0.0.1:1}", "listen: 127.0.0.1:1" },
	{ "{url: ws://a/}", "" },
	{ "{url: ws://b/}", "url: ws://b/" },
	{ "{pairs: {A: b, C: d}}", "" },
	{ "{pairs: {A: b, C: e}}", "pairs: {A: b, C: e}" },
	{ "{pairs: {A: b, D: d}}", "pairs: {A: b, D: d}" },
	{ "{pairs: {A: b}}", "pairs: {A: b}" },
	{ "{none: {}}", "" },
	{ "{none: {A: b}}", "none: {A: b}" },
	{ "{group: {}}", "" },
	{ "{group: on}", "" },
	{ "{group: {depth: 3}}", "" },
	{ "{group: {inner: {number: 9}}}", "" },
	{ "{group: off}", "group: off" },
	{ "{group: {depth: 4}}", "group: {depth: 4}" },
	{ "{group: {depth: 3, inner: {number: 7}}}", "group: {inner: {}}" },
	{ "{group: {depth: 4, inner: {number: 8}}}",
	  "group: {depth: 4, inner: {number: 8}}" },
	{ "{other: off}", "" },
	{ "{other: {}}", "other: {}" },
	{ "{other: {depth: 3}}", "other: {}" },
	{ "{other: {depth: 5}}", "other: {depth: 5}" },
	{ "{brief: {key: geheim, size: 1KiB}}", "brief: {key: ***}" },
	{ "{size: 1B, number: 1, on: no}", "size: 1B; number: 1; on: no" },
};

START_TEST(what_holds_anyway_is_left_out)
{
	char *shown = said(options[_i].text);

	ck_assert_str_eq(shown, options[_i].shown);
	free(shown);
}
END_TEST

/* A secret in every place where one can be; "geheim" is never seen. */
static const struct {
	const char *text, *shown;
} secrets[] = {
	{ "{secret: geheim}", "secret: ***" },
	{ "{secret: \"geheim\"}", "secret: ***" },
	{ "{group: {token: geheim}}", "group: {token: ***}" },
	{ "{other: {token: geheim, depth: 1}}", "other: {token: ***, depth: 1}" },
	{ "{brief: {key: geheim}}", "brief: {key: ***}" },
	{ "{brief: geheim}", "brief: ***" },
	{ "{url: \"ws://a/?geheim\"}", "url: ws://a/?***" },
	{ "{url: \"ws://a/b?x=1&token=geheim\"}", "url: ws://a/b?***" },
	{ "{url: \"ws://a/?a?geheim\"}", "url: ws://a/?***" },
	{ "{url: \"ws://a?geheim\"}", "url: ws://a?***" },
	{ "{url: \"ws://a/?geheim@b\"}", "url: ws://a/?***" },
};

START_TEST(a_secret_is_never_shown)
{
	char *shown = said(secrets[_i].text);

	ck_assert_ptr_null(strstr(shown, "geheim"));
	ck_assert_str_eq(shown, secrets[_i].shown);
	free(shown);
}
END_TEST

#define TEN "0123456789"
#define SIXTY TEN TEN TEN TEN TEN TEN

static const struct {
	const char *text, *shown;
} texts[] = {
	{ "{description: " SIXTY "}", "description: " SIXTY },
	{ "{description: " SIXTY "0}", "description: " SIXTY "..." },
	/* Of a character that does not fit, nothing is shown. */
	{ "{description: x" SIXTY "\xC3\xA4}",
	  "description: x" TEN TEN TEN TEN TEN "012345678..." },
	{ "{description: " TEN TEN TEN TEN TEN "012345678\xC3\xA4}",
	  "description: " TEN TEN TEN TEN TEN "012345678..." },
	{ "{description: \"\\x01\\e[31m\\n\\u202Ex\"}",
	  "description: \"\\x01\\x1B[31m\\n\\u202Ex\"" },
	{ "{none: {\"a\\eb\": \"\\a\"}}", "none: {a\\x1Bb: \"\\x07\"}" },
	{ "{listen: [a:1, a:2, a:3, a:4, a:5, a:6]}",
	  "listen: [a:1, a:2, a:3, a:4, a:5, a:6]" },
	{ "{listen: [a:1, a:2, a:3, a:4, a:5, a:6, a:7, a:8]}",
	  "listen: [a:1, a:2, a:3, a:4, a:5, a:6, ... 2 more]" },
	{ "{url: \"ws://a/" SIXTY "?geheim\"}",
	  "url: ws://a/" TEN TEN TEN TEN TEN "012...?***" },
	{ "{text: \"a b\"}", "text: \"a b\"" },
	{ "{text: \"a-b:c\"}", "text: a-b:c" },
	{ "{text: \"a,b\"}", "text: \"a,b\"" },
	{ "{text: \"\"}", "text: \"\"" },
};

START_TEST(texts_are_short_and_have_no_controls)
{
	char *shown = said(texts[_i].text);

	ck_assert_str_eq(shown, texts[_i].shown);
	free(shown);
}
END_TEST

/* Another time it may be another, so it stands there even where it is the default. */
static const struct {
	const char *text, *shown;
} elsewhere[] = {
	{ "{text: \"${env:TT_SAID_A}\"}", "text: \"${env:TT_SAID_A}\"" },
	{ "{number: \"${env:TT_SAID_NONE:-5}\"}", "number: \"${env:TT_SAID_NONE:-5}\"" },
	{ "{number: \"${env:TT_SAID_NONE:-6}\"}", "number: \"${env:TT_SAID_NONE:-6}\"" },
	{ "{group: {depth: \"${env:TT_SAID_NONE:-3}\"}}",
	  "group: {depth: \"${env:TT_SAID_NONE:-3}\"}" },
	{ "{listen: [127.0.0.1:1, \"${env:TT_SAID_NONE:-[::1]:2}\"]}",
	  "listen: [127.0.0.1:1, \"${env:TT_SAID_NONE:-[::1]:2}\"]" },
	{ "{secret: \"${env:TT_SAID_NONE:-geheim}\"}", "secret: ***" },
	{ "{url: \"ws://a/?${env:TT_SAID_NONE:-geheim}\"}", "url: \"ws://a/?***\"" },
	{ "{url: \"${env:TT_SAID_URL:-wss://me:geheim@a/}\"}",
	  "url: \"${env:TT_SAID_URL:-wss://***@a/}\"" },
};

START_TEST(what_comes_from_elsewhere_is_shown_as_written)
{
	char *shown;

	setenv("TT_SAID_A", "gelesen", 1);
	setenv("TT_SAID_URL", "ws://gelesen/", 1);
	shown = said(elsewhere[_i].text);
	ck_assert_str_eq(shown, elsewhere[_i].shown);
	free(shown);
}
END_TEST

#define LOOP(tc, test, table) \
	tcase_add_loop_test(tc, test, 0, (int)(sizeof(table) / sizeof((table)[0])))

Suite *
check_said_suite(void)
{
	Suite *s = suite_create("said");
	TCase *tc = tcase_create("said");

	LOOP(tc, what_holds_anyway_is_left_out, options);
	LOOP(tc, a_secret_is_never_shown, secrets);
	LOOP(tc, texts_are_short_and_have_no_controls, texts);
	LOOP(tc, what_comes_from_elsewhere_is_shown_as_written, elsewhere);
	suite_add_tcase(s, tc);
	return s;
}
