/* check_include.c - documents of several files: found, merged, and whose mistake it
 * is. */
#include "config/include.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/schemas.h"

Suite *check_include_suite(void);

#define TOP "taskthread: 1\n"

static char include_dir[] = "/tmp/check_include.XXXXXX";

static void
include_write(const char *name, const char *text)
{
	char path[200];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", include_dir, name);
	out = fopen(path, "w");
	ck_assert_ptr_nonnull(out);
	fputs(text, out);
	ck_assert_int_eq(fclose(out), 0);
}

static void
include_setup(void)
{
	char path[200];

	strcpy(include_dir + strlen(include_dir) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(include_dir));
	snprintf(path, sizeof(path), "%s/d", include_dir);
	ck_assert_int_eq(mkdir(path, 0755), 0);
}

static void
include_teardown(void)
{
	static const char *const names[] = { "t.yaml", "a.yaml", "b.yaml", "d/a.yaml",
		"d/b.yaml", "d/c.yaml", "d/deep.yaml", "fifo" };
	char path[200];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "%s/%s", include_dir, names[i]);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/d/e", include_dir);
	rmdir(path);
	snprintf(path, sizeof(path), "%s/d", include_dir);
	rmdir(path);
	rmdir(include_dir);
}

/* Loads TEXT as t.yaml of the directory.  *ERRORS, to be freed, is what is said,
 * without the directory in it. */
static struct tt_document *
include_load_as(const char *text, enum tt_load_mode mode, char **errors)
{
	struct tt_errors *errs = tt_errors_create();
	size_t n = strlen(include_dir) + 1;
	struct tt_document *doc;
	char path[200], *at;

	include_write("t.yaml", text);
	snprintf(path, sizeof(path), "%s/t.yaml", include_dir);
	doc = tt_document_load(path, test_schemas, mode, errs);
	*errors = test_errors(errs);
	while ((at = strstr(*errors, include_dir)) != NULL)
		memmove(at, at + n, strlen(at + n) + 1);
	tt_errors_destroy(errs);
	return doc;
}

static struct tt_document *
include_load(const char *text, char **errors)
{
	return include_load_as(text, TT_LOAD_START, errors);
}

static struct tt_document *
include_good(const char *text)
{
	char *errors;
	struct tt_document *doc = include_load(text, &errors);

	ck_assert_msg(doc != NULL && *errors == '\0', "%s", errors);
	free(errors);
	return doc;
}

static void
include_bad(const char *text, const char *expected)
{
	char *errors;

	ck_assert_ptr_null(include_load(text, &errors));
	ck_assert_msg(strncmp(errors, expected, strlen(expected)) == 0,
	    "got\n%sexpected\n%s", errors, expected);
	free(errors);
}

#define TREE "MasterThread:\n  TimerThread:\n  DatabaseThread: {path: a.db}\n"

START_TEST(an_included_file_adds_its_part_of_the_tree)
{
	struct tt_document *doc;
	const struct tt_node *node;

	include_write("a.yaml", "daemon: {log: debug}\nMasterThread:\n"
	    "  DatabaseThread: {lazy: yes, queue: {frames: 7}}\n"
	    "  DatabaseThread b: {path: b.db}\n");
	doc = include_good(TOP "include: a.yaml\ndaemon: {name: site}\nMasterThread:\n"
	    "  TimerThread:\n  DatabaseThread: {path: a.db, queue: {bytes: 1MiB}}\n");
	ck_assert_str_eq(doc->daemon.name, "site");
	ck_assert_int_eq(doc->daemon.log, 4);
	node = test_node(doc, "MasterThread/DatabaseThread");
	ck_assert(((const struct test_database_config *)node->config)->lazy);
	ck_assert_int_eq(node->queue.bytes, 1 << 20);
	ck_assert_int_eq(node->queue.frames, 7);
	node = test_node(doc, "MasterThread/DatabaseThread b");
	ck_assert_uint_eq(node->mark.line, 4);
	ck_assert_str_eq(node->mark.file + strlen(include_dir), "/a.yaml");
	tt_document_destroy(doc);
}
END_TEST

START_TEST(a_node_that_says_nothing_is_filled)
{
	struct tt_document *doc;

	include_write("a.yaml", "MasterThread:\n  DatabaseThread: {path: a.db}\n"
	    "  TimerThread:\n");
	doc = include_good(TOP "include: a.yaml\nMasterThread:\n  DatabaseThread:\n"
	    "  TimerThread: {log: error}\n");
	ck_assert_int_eq(test_node(doc, "MasterThread/TimerThread")->log, 0);
	tt_document_destroy(doc);
	/* The whole tree may be somewhere else. */
	include_write("a.yaml", TOP TREE);
	tt_document_destroy(include_good(TOP "include: a.yaml\n"));
	tt_document_destroy(include_good(TOP "include: a.yaml\nMasterThread:\n"));
}
END_TEST

START_TEST(a_glob_takes_all_in_their_order)
{
	struct tt_document *doc;
	char path[200];

	include_write("d/b.yaml", "MasterThread: {DatabaseThread b: {path: b.db}}\n");
	include_write("d/a.yaml", "MasterThread: {DatabaseThread a: {path: a.db}}\n");
	include_write("d/c.yaml", "MasterThread: {DatabaseThread c: {path: c.db}}\n");
	snprintf(path, sizeof(path), "%s/d/e", include_dir);
	ck_assert_int_eq(mkdir(path, 0755), 0);
	doc = include_good(TOP "include: d/*\nMasterThread: {TimerThread: }\n");
	ck_assert_uint_eq(doc->root->n_children, 4);
	ck_assert_str_eq(doc->root->children[1]->name, "a");
	ck_assert_str_eq(doc->root->children[2]->name, "b");
	ck_assert_str_eq(doc->root->children[3]->name, "c");
	tt_document_destroy(doc);
	tt_document_destroy(include_good(TOP "include: [none/*.yaml, 'd/[x-z]*']\n"
	    TREE));
}
END_TEST

START_TEST(a_glob_that_finds_nothing_is_told_to_those_who_check)
{
	char *errors;
	struct tt_document *doc;

	include_write("d/a.yaml", "MasterThread: {DatabaseThread b: {path: b.db}}\n");
	doc = include_load_as(TOP "include: ['d/[x-z]*', 'd/*.yaml']\n" TREE,
	    TT_LOAD_CHECK, &errors);
	ck_assert_ptr_nonnull(doc);
	ck_assert_str_eq(errors, "t.yaml:2:11: warning: nothing is included: no file matches "
	    "\"d/[x-z]*\"\n    include: ['d/[x-z]*', 'd/*.yaml']\n              ^\n"
	    "    a path is relative to the file that includes it: here it is d/[x-z]*\n");
	free(errors);
	tt_document_destroy(doc);
}
END_TEST

START_TEST(paths_are_relative_to_the_file_that_has_them)
{
	char text[300];

	include_write("d/a.yaml", "include: [deep.yaml, ../b.yaml]\n");
	include_write("d/deep.yaml", "MasterThread: {TimerThread: }\n");
	include_write("b.yaml", "MasterThread: {DatabaseThread: {path: a.db}}\n");
	tt_document_destroy(include_good(TOP "include: [d/a.yaml]\n"));
	snprintf(text, sizeof(text), TOP "include: %s/d/a.yaml\n", include_dir);
	tt_document_destroy(include_good(text));
	setenv("TT_INCLUDE", "a", 1);
	tt_document_destroy(include_good(TOP "include: d/${env:TT_INCLUDE}.yaml\n"));
}
END_TEST

START_TEST(x_keys_and_anchors_stay_in_their_file)
{
	include_write("a.yaml", "x-a: &a {path: a.db}\nMasterThread:\n"
	    "  DatabaseThread: *a\n");
	tt_document_destroy(include_good(TOP "include: a.yaml\nx-a: &a {}\n"
	    "MasterThread:\n  TimerThread: *a\n"));
	include_bad(TOP "include: a.yaml\nMasterThread:\n  TimerThread: *a\n",
	    "t.yaml:4:16: error: MasterThread/TimerThread: *a stands for the value that "
	    "is named &a, and there is none before it\n");
}
END_TEST

START_TEST(what_is_set_twice_names_both_places)
{
	include_write("a.yaml", "daemon:\n  log: debug\nMasterThread:\n"
	    "  DatabaseThread:\n    path: b.db\n    IN: [data]\n");
	include_bad(TOP "include: a.yaml\ndaemon: {log: info}\n" TREE,
	    "a.yaml:2:3: error: daemon: \"log\" is set already in t.yaml:3\n"
	    "      log: debug\n      ^\n    keep one of them\n"
	    "a.yaml:5:5: error: MasterThread/DatabaseThread: \"path\" is set already "
	    "in t.yaml:6\n");
	include_write("a.yaml", "MasterThread:\n  DatabaseThread: {IN: [data]}\n");
	include_bad(TOP "include: a.yaml\nMasterThread:\n  TimerThread:\n"
	    "  DatabaseThread: {path: a.db, IN: [data]}\n",
	    "a.yaml:2:20: error: MasterThread/DatabaseThread: \"IN\" is set already in "
	    "t.yaml:5\n");
	include_write("a.yaml", "MasterThread:\n  DatabaseThread: word\n");
	include_bad(TOP "include: a.yaml\n" TREE,
	    "a.yaml:2:3: error: MasterThread: \"DatabaseThread\" is set already in "
	    "t.yaml:5\n");
}
END_TEST

START_TEST(mistakes_stand_in_their_own_file)
{
	include_write("a.yaml", "MasterThread:\n  DatabaseThread b: {pth: b.db}\n");
	include_write("b.yaml", "taskthread: 2\n");
	include_bad(TOP "include: [a.yaml, b.yaml]\n" TREE,
	    "a.yaml:2:22: error: MasterThread/DatabaseThread b: no option \"pth\" in "
	    "DatabaseThread\n      DatabaseThread b: {pth: b.db}\n"
	    "                         ^\n    did you mean \"path\"?\n"
	    "b.yaml:1:13: error: version \"2\" of hierarchy files is not known\n");
	include_write("a.yaml", "# nothing\n");
	include_bad(TOP "include: a.yaml\n" TREE,
	    "a.yaml:1:1: error: the file says nothing\n");
	include_write("a.yaml", "[a]\n");
	include_bad(TOP "include: a.yaml\n" TREE,
	    "a.yaml:1:1: error: the file holds a list, no keys\n");
	include_write("a.yaml", "MasterThread: {a\n");
	include_bad(TOP "include: a.yaml\n" TREE, "a.yaml:");
	include_write("a.yaml", "MasterThread:\n  DatabaseThread b: {path: ./a.db}\n");
	include_bad(TOP "include: a.yaml\n" TREE, "a.yaml:2:28: error: "
	    "MasterThread/DatabaseThread b: ");
}
END_TEST

START_TEST(a_circle_is_an_error)
{
	include_bad(TOP "include: t.yaml\n" TREE,
	    "t.yaml:2:10: error: t.yaml includes itself\n");
	include_bad(TOP "include: '*.yaml'\n" TREE,
	    "t.yaml:2:10: error: t.yaml includes itself\n");
	include_write("a.yaml", "include: b.yaml\n");
	include_write("b.yaml", "include: d/../t.yaml\n");
	include_bad(TOP "include: a.yaml\n" TREE,
	    "b.yaml:1:10: error: d/../t.yaml is being read already: the includes run "
	    "in a circle\n");
	include_write("b.yaml", "include: a.yaml\n");
	include_bad(TOP "include: a.yaml\n" TREE,
	    "b.yaml:1:10: error: a.yaml is being read already");
}
END_TEST

START_TEST(a_file_is_included_once)
{
	include_write("a.yaml", "daemon: {log: info}\n");
	include_bad(TOP "include: [a.yaml, ./a.yaml]\n" TREE,
	    "t.yaml:2:19: error: ./a.yaml is included already in line 2\n");
	include_write("b.yaml", "include: a.yaml\n");
	include_bad(TOP "include: [b.yaml, a.yaml]\n" TREE,
	    "t.yaml:2:19: error: a.yaml is included already in b.yaml:1\n");
}
END_TEST

START_TEST(what_is_no_file_says_so)
{
	char path[200];

	include_bad(TOP "include: none.yaml\n" TREE,
	    "t.yaml:2:10: error: none.yaml cannot be read: No such file or directory\n");
	include_bad(TOP "include: d\n" TREE,
	    "t.yaml:2:10: error: d is no file, but a directory\n    include: d\n"
	    "             ^\n    as in \"d/*.yaml\"\n");
	include_bad(TOP "include: /dev/zero\n" TREE,
	    "t.yaml:2:10: error: /dev/zero is no file\n");
	snprintf(path, sizeof(path), "%s/fifo", include_dir);
	ck_assert_int_eq(mkfifo(path, 0644), 0);
	include_bad(TOP "include: fifo\n" TREE, "t.yaml:2:10: error: fifo is no file\n");
	include_bad(TOP "include: {a: b}\n" TREE,
	    "t.yaml:2:10: error: include cannot be a mapping\n");
	include_bad(TOP "include: [[a]]\n" TREE,
	    "t.yaml:2:11: error: include cannot be a list\n");
	include_bad(TOP "include:\n" TREE, "t.yaml:2:9: error: include names no file\n");
	include_bad(TOP "include: /*/*/*/*/*/*\n" TREE, "t.yaml:2:10: error: the patterns of "
	    "all includes look through more than 10000 files\n");
}
END_TEST

START_TEST(all_files_together_are_bounded)
{
	size_t n = 3 << 20;
	char *text = malloc(n + 1);

	ck_assert_ptr_nonnull(text);
	memset(text, '\n', n);
	memcpy(text, "x-a: b", 6);
	text[n] = '\0';
	include_write("a.yaml", text);
	include_write("b.yaml", text);
	free(text);
	include_bad(TOP "include: [a.yaml, b.yaml]\n" TREE, "t.yaml:2:19: error: all files "
	    "of the tree are larger than 4 MiB\n");
}
END_TEST

START_TEST(all_globs_together_are_bounded)
{
	size_t room = 16 * TT_INCLUDE_LOOKED, n;
	char *text = malloc(room);
	unsigned i;

	ck_assert_ptr_nonnull(text);
	n = (size_t)sprintf(text, TOP TREE "include:\n");
	/* Each finds ".", ".." and the end. */
	for (i = 0; i <= TT_INCLUDE_LOOKED / 3; i++)
		n += (size_t)sprintf(text + n, "  - d/[x-z]*\n");
	ck_assert_uint_lt(n, room);
	include_bad(text, "t.yaml:3339:5: error: the patterns of all includes look through "
	    "more than 10000 files\n");
	free(text);
}
END_TEST

Suite *
check_include_suite(void)
{
	Suite *s = suite_create("include");
	TCase *t = tcase_create("include");

	tcase_add_checked_fixture(t, include_setup, include_teardown);
	tcase_add_test(t, an_included_file_adds_its_part_of_the_tree);
	tcase_add_test(t, a_node_that_says_nothing_is_filled);
	tcase_add_test(t, a_glob_takes_all_in_their_order);
	tcase_add_test(t, a_glob_that_finds_nothing_is_told_to_those_who_check);
	tcase_add_test(t, paths_are_relative_to_the_file_that_has_them);
	tcase_add_test(t, x_keys_and_anchors_stay_in_their_file);
	tcase_add_test(t, what_is_set_twice_names_both_places);
	tcase_add_test(t, mistakes_stand_in_their_own_file);
	tcase_add_test(t, a_circle_is_an_error);
	tcase_add_test(t, a_file_is_included_once);
	tcase_add_test(t, what_is_no_file_says_so);
	tcase_add_test(t, all_files_together_are_bounded);
	tcase_add_test(t, all_globs_together_are_bounded);
	suite_add_tcase(s, t);
	return s;
}
