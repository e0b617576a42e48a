/* check_bad.c - the real kinds against real files: each of tests/bad fails as its
 * first line says, each example loads, and so does what --describe prints. */
#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/describe.h"
#include "config/document.h"
#include "plugins/kinds.h"

Suite *check_bad_suite(void);

#define BAD_LEAST 40			/* fewer files are a wrong directory */

/* DIRECTORY below the sources, to be freed. */
static char *
bad_path(const char *directory, const char *name)
{
	const char *top = getenv("srcdir");
	char *path = malloc(4096);

	ck_assert_ptr_nonnull(path);
	snprintf(path, 4096, "%s/%s%s%s", top == NULL ? "." : top, directory,
	    *name == '\0' ? "" : "/", name);
	return path;
}

static char *
bad_printed(const struct tt_errors *errs)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	tt_errors_print(errs, out);
	fclose(out);
	return text;
}

/* Loads the file at PATH.  *ERRORS gets what is printed, to be freed. */
static struct tt_document *
bad_load(const char *path, char **errors)
{
	struct tt_errors *errs = tt_errors_create();
	struct tt_document *doc = tt_document_load(path, tt_schemas, TT_LOAD_START, errs);

	*errors = bad_printed(errs);
	ck_assert((doc == NULL) == (tt_errors_count(errs) > 0));
	tt_errors_destroy(errs);
	return doc;
}

/* The first line of the file at PATH without "# ", to be freed. */
static char *
bad_expected(const char *path)
{
	FILE *in = fopen(path, "r");
	char *line = NULL;
	size_t room = 0;
	ssize_t n;

	ck_assert_msg(in != NULL, "%s", path);
	n = getline(&line, &room, in);
	fclose(in);
	ck_assert_msg(n > 2 && strncmp(line, "# ", 2) == 0, "%s", path);
	line[n - 1] = '\0';
	memmove(line, line + 2, (size_t)n - 2);
	return line;
}

static void
bad_check_file(const char *path)
{
	char *expected = bad_expected(path), *errors, *end;
	size_t n = strlen(path);

	ck_assert_msg(bad_load(path, &errors) == NULL, "%s loads", path);
	end = strchr(errors, '\n');
	ck_assert_ptr_nonnull(end);
	*end = '\0';
	ck_assert_msg(strncmp(errors, path, n) == 0 && errors[n] == ':'
	    && strcmp(errors + n + 1, expected) == 0, "%s\nsays     %s\nexpected %s",
	    path, errors, expected);
	free(errors);
	free(expected);
}

/* Calls FUNCTION for each file of DIRECTORY that is YAML; returns how many. */
static unsigned
bad_each(const char *directory, void (*function)(const char *path))
{
	char *path = bad_path(directory, "");
	DIR *dir = opendir(path);
	const struct dirent *entry;
	unsigned n = 0;
	size_t length;

	ck_assert_msg(dir != NULL, "%s", path);
	free(path);
	while ((entry = readdir(dir)) != NULL) {
		length = strlen(entry->d_name);
		if (length < 5 || strcmp(entry->d_name + length - 5, ".yaml") != 0)
			continue;
		path = bad_path(directory, entry->d_name);
		function(path);
		free(path);
		n++;
	}
	closedir(dir);
	return n;
}

START_TEST(each_bad_file_fails_as_its_first_line_says)
{
	ck_assert_uint_ge(bad_each("tests/bad", bad_check_file), BAD_LEAST);
}
END_TEST

static void
bad_check_example(const char *path)
{
	char *errors;
	struct tt_document *doc = bad_load(path, &errors);

	ck_assert_msg(doc != NULL && *errors == '\0', "%s", errors);
	free(errors);
	tt_document_destroy(doc);
}

START_TEST(each_example_loads_without_a_word)
{
	char directory[] = "/tmp/taskthread-XXXXXX", token[64];
	FILE *out;

	/* What they take from elsewhere. */
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(token, sizeof token, "%s/token", directory);
	out = fopen(token, "w");
	ck_assert_ptr_nonnull(out);
	fputs("12345\n", out);
	fclose(out);
	setenv("CREDENTIALS_DIRECTORY", directory, 1);
	ck_assert_uint_ge(bad_each("config/examples", bad_check_example), 10);
	unlink(token);
	rmdir(directory);
}
END_TEST

/* Writes what --describe says of KIND to OUT, INDENT deep. */
static void
bad_paste(const char *kind, int indent, FILE *out)
{
	char *text = NULL, *line, *end;
	size_t size;
	FILE *described = open_memstream(&text, &size);

	ck_assert(tt_describe_kind(tt_schemas, kind, described));
	fclose(described);
	for (line = text; *line != '\0'; line = end + 1) {
		end = strchr(line, '\n');
		fprintf(out, "%*s%.*s\n", indent, "", (int)(end - line), line);
	}
	free(text);
}

START_TEST(what_is_described_can_be_pasted)
{
	struct tt_errors *errs = tt_errors_create();
	struct tt_document *doc;
	char *file = NULL, *errors;
	size_t size;
	FILE *out = open_memstream(&file, &size);

	fputs("taskthread: 1\n", out);
	bad_paste("daemon", 0, out);
	bad_paste("MasterThread", 0, out);
	bad_paste("TCPServerThread", 2, out);
	bad_paste("TCPConnectionThread", 4, out);
	bad_paste("DataProcessorThread", 6, out);
	bad_paste("WebsocketMasterThread", 2, out);
	bad_paste("WebSocketSubThread", 4, out);
	bad_paste("DatabaseThread", 2, out);
	bad_paste("TimerThread", 2, out);
	fclose(out);
	doc = tt_document_parse("t.yaml", file, size, tt_schemas, TT_LOAD_START, errs);
	errors = bad_printed(errs);
	ck_assert_msg(doc != NULL && *errors == '\0', "%s", errors);
	ck_assert_uint_eq(doc->n_nodes, 8);
	free(errors);
	free(file);
	tt_document_destroy(doc);
	tt_errors_destroy(errs);
}
END_TEST

START_TEST(every_option_has_help_and_is_described)
{
	char *text = NULL, line[100];
	size_t size, i;
	const struct tt_option *o;
	FILE *out;

	for (i = 0; tt_schemas[i] != NULL; i++) {
		ck_assert_ptr_nonnull(tt_schemas[i]->help);
		out = open_memstream(&text, &size);
		ck_assert(tt_describe_kind(tt_schemas, tt_schemas[i]->name, out));
		fclose(out);
		for (o = tt_schemas[i]->options; o != NULL && o->name != NULL; o++) {
			ck_assert_msg(o->help != NULL, "%s", o->name);
			snprintf(line, sizeof(line), "%s:", o->name);
			ck_assert_msg(strstr(text, line) != NULL, "%s", line);
		}
		free(text);
	}
}
END_TEST

Suite *
check_bad_suite(void)
{
	Suite *s = suite_create("bad");
	TCase *tc = tcase_create("bad");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, each_bad_file_fails_as_its_first_line_says);
	tcase_add_test(tc, each_example_loads_without_a_word);
	tcase_add_test(tc, what_is_described_can_be_pasted);
	tcase_add_test(tc, every_option_has_help_and_is_described);
	suite_add_tcase(s, tc);
	return s;
}
