/* check_describe.c - tests of config/describe.c. */
#include "config/describe.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/schemas.h"

Suite *check_describe_suite(void);

/* What tt_describe_kind() prints, to be freed; NULL if there is no such kind. */
static char *
described(const char *name)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	bool found = tt_describe_kind(test_schemas, name, out);

	fclose(out);
	if (found)
		return text;
	ck_assert_uint_eq(size, 0);
	free(text);
	return NULL;
}

/* Appends each line of TEXT to FILE, behind INDENT blanks. */
static void
paste(char *file, const char *text, int indent)
{
	const char *end;

	for (; *text != '\0'; text = end + 1) {
		end = strchr(text, '\n');
		sprintf(file + strlen(file), "%*s%.*s\n", indent, "", (int)(end - text),
		    text);
	}
}

START_TEST(every_kind_has_its_line)
{
	char *text = NULL;
	size_t size, i;
	FILE *out = open_memstream(&text, &size);

	tt_describe_kinds(test_schemas, out);
	fclose(out);
	for (i = 0; test_schemas[i] != NULL; i++)
		ck_assert_ptr_nonnull(strstr(text, test_schemas[i]->help));
	ck_assert_ptr_nonnull(strstr(text, "MasterThread           the root\n"));
	free(text);
}
END_TEST

START_TEST(a_kind_is_printed_with_help_range_and_default)
{
	char *text = described("DataProcessorThread");

	ck_assert_str_eq(text,
	    "# DataProcessorThread: reconstructs frames from packets\n"
	    "# stands under TCPConnectionThread; has no children\n"
	    "DataProcessorThread:\n"
	    "  # what it takes from its parent\n"
	    "  IN: packets\n"
	    "  # what it sends to its parent\n"
	    "  UP: data\n"
	    "  # how frames are told apart in the packets; required\n"
	    "  framing:\n"
	    "    # how a frame is told apart; one of length, delimiter, newline, fixed, "
	    "raw; required\n"
	    "    type: newline\n"
	    "    # bytes of the length; 1..8\n"
	    "    #size: 1\n"
	    "    # the delimiter\n"
	    "    #bytes: {hex: \"0d 0a\"}\n"
	    "    # the largest frame; 1..1GiB\n"
	    "    max: 1MiB\n"
	    "  # from a frame's first byte; 1ms or more, or off; live\n"
	    "  frame_timeout: 30s\n"
	    "  # how often it is started again when it fails; or off; live\n"
	    "  restart:\n"
	    "    # failures within that time after which it is still started again; "
	    "1..100; live\n"
	    "    max: 5\n"
	    "    # how long a failure counts; 1s..30d; live\n"
	    "    within: 60s\n"
	    "    # the pause before the first restart, and the longest; 1ms..1h; "
	    "live\n"
	    "    backoff: 500ms..60s\n"
	    "  # the least of what is logged here and beneath; absent: as above; one of "
	    "error, warning, notice, info, debug; live\n"
	    "  #log: info\n"
	    "  # what it is for, in your words; live\n"
	    "  #description: text\n");
	free(text);
}
END_TEST

START_TEST(there_is_nothing_to_say_of_an_unknown_kind)
{
	ck_assert_ptr_null(described("FooThread"));
}
END_TEST

START_TEST(what_is_printed_can_be_pasted)
{
	char file[20000] = "taskthread: 1\nMasterThread:\n", *errors, *text[6];
	struct tt_document *doc;
	int i;

	text[0] = described("TCPServerThread");
	text[1] = described("TCPConnectionThread");
	text[2] = described("DataProcessorThread");
	text[3] = described("WebsocketMasterThread");
	text[4] = described("WebSocketSubThread");
	text[5] = described("DatabaseThread");
	paste(file, text[0], 2);
	paste(file, text[1], 4);
	paste(file, text[2], 6);
	paste(file, text[3], 2);
	paste(file, text[4], 4);
	paste(file, text[5], 2);
	doc = test_load(file, &errors);
	ck_assert_msg(doc != NULL, "%s", errors);
	tt_document_destroy(doc);
	free(errors);
	for (i = 0; i < 6; i++)
		free(text[i]);
}
END_TEST

/* Takes the # away from what is no comment but an option that is left out. */
static void
all_options(char *text)
{
	char *at;

	for (at = text; (at = strstr(at, "\n  #")) != NULL; at += 4)
		if (at[4] != ' ')
			memmove(at + 3, at + 4, strlen(at + 4) + 1);
}

START_TEST(the_daemon_section_can_be_pasted_with_all_its_options)
{
	char file[4000] = "taskthread: 1\n", *text = described("daemon"), *errors;
	struct tt_document *doc;

	ck_assert_msg(strncmp(text, "# daemon: what holds for the whole gateway\n"
	    "# stands at the top level, once\ndaemon:\n", 82) == 0, "%s", text);
	ck_assert_ptr_nonnull(strstr(text, "  memory: 64MiB\n"));
	ck_assert_ptr_nonnull(strstr(text, "  #name: site7\n"));
	all_options(text);
	ck_assert_ptr_nonnull(strstr(text, "  name: site7\n"));
	paste(file, text, 0);
	free(text);
	strcat(file, "MasterThread:\n  TimerThread:\n  DatabaseThread: {path: a}\n");
	doc = test_load(file, &errors);
	ck_assert_msg(doc != NULL && *errors == '\0', "%s", errors);
	ck_assert_str_eq(doc->daemon.name, "site7");
	free(errors);
	tt_document_destroy(doc);
}
END_TEST

START_TEST(the_root_can_be_pasted)
{
	char file[4000] = "taskthread: 1\n", *text = described("MasterThread");
	struct tt_document *doc;

	paste(file, text, 0);
	free(text);
	doc = test_load(file, NULL);
	ck_assert_ptr_nonnull(doc);
	tt_document_destroy(doc);
}
END_TEST

Suite *
check_describe_suite(void)
{
	Suite *s = suite_create("describe");
	TCase *tc = tcase_create("describe");

	tcase_add_test(tc, every_kind_has_its_line);
	tcase_add_test(tc, a_kind_is_printed_with_help_range_and_default);
	tcase_add_test(tc, there_is_nothing_to_say_of_an_unknown_kind);
	tcase_add_test(tc, what_is_printed_can_be_pasted);
	tcase_add_test(tc, the_daemon_section_can_be_pasted_with_all_its_options);
	tcase_add_test(tc, the_root_can_be_pasted);
	suite_add_tcase(s, tc);
	return s;
}
