/* check_show.c - tests of config/show.c. */
#include "config/show.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/schemas.h"

Suite *check_show_suite(void);

/* What tt_show_tree() prints of a file, to be freed. */
static char *
shown(const char *file)
{
	char *text = NULL, *errors;
	struct tt_document *doc = test_load(file, &errors);
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ck_assert_msg(doc != NULL, "%s", errors);
	tt_show_tree(doc, out);
	fclose(out);
	free(errors);
	tt_document_destroy(doc);
	return text;
}

START_TEST(a_channel_from_elsewhere_is_shown_as_written)
{
	char *text;

	setenv("TT_SHOW", "gelesen", 1);
	text = shown("taskthread: 1\nMasterThread:\n  TimerThread: {UP: \"${env:TT_SHOW}\"}\n"
	    "  DatabaseThread: {path: a.db, IN: \"${env:TT_SHOW}\"}\n");
	ck_assert_msg(strstr(text, "UP ${env:TT_SHOW} made here, to DatabaseThread\n") != NULL
	    && strstr(text, "IN ${env:TT_SHOW} from TimerThread, durable\n") != NULL
	    && strstr(text, "gelesen") == NULL, "%s", text);
	free(text);
}
END_TEST

START_TEST(the_tree_is_printed_with_its_wiring_and_last_its_bound)
{
	char *text = shown("taskthread: 1\ndaemon: {workers: 1}\nMasterThread:\n"
	    "  TCPServerThread:\n    listen: [127.0.0.1:0, \"[::1]:0\"]\n"
	    "    max_connections: 10000\n"
	    "    TCPConnectionThread: {DataProcessorThread: {framing: {type: delimiter, "
	    "bytes: {hex: 00}, max: 1MiB}}}\n"
	    "  WebsocketMasterThread:\n    log: debug\n    queue: {bytes: 8192KiB}\n"
	    "    WebSocketSubThread eu: {url: \"wss://a/b?token=geheim\", ack: pong,\n"
	    "      headers: {A: geheim}, tls: {password: geheim, ca: x}}\n"
	    "  TimerThread:\n"
	    "  DatabaseThread: {path: x.db, queue: {bytes: 1MiB}, lazy: on}\n");

	ck_assert_str_eq(text,
	    "MasterThread\n"
	    "  TCPServerThread          UP data from TCPConnectionThread, to "
	    "WebsocketMasterThread and\n"
	    "                             DatabaseThread\n"
	    "                           listen: [127.0.0.1:0, \"[::1]:0\"]\n"
	    "    TCPConnectionThread    one for each connection\n"
	    "                           UP data from DataProcessorThread, to "
	    "TCPServerThread\n"
	    "      DataProcessorThread  IN packets from TCPConnectionThread\n"
	    "                           UP data made here, to TCPConnectionThread\n"
	    "                           framing: {type: delimiter, bytes: {hex: 00}}\n"
	    "  WebsocketMasterThread    IN data from TCPServerThread and TimerThread, "
	    "durable\n"
	    "                           log: debug\n"
	    "    WebSocketSubThread eu  IN data from WebsocketMasterThread\n"
	    "                           url: wss://a/b?***\n"
	    "                           headers: ***\n"
	    "                           tls: {password: ***, ca: x}\n"
	    "  TimerThread              UP data made here, to WebsocketMasterThread and "
	    "DatabaseThread\n"
	    "  DatabaseThread           IN data from TCPServerThread and TimerThread, "
	    "durable\n"
	    "                           path: x.db\n"
	    "                           queue: {bytes: 1MiB}\n"
	    "                           lazy: on\n"
	    "\n"
	    "memory, at most:\n"
	    "      12582912       12.00 MiB  program and libraries\n"
	    "      67108864       64.00 MiB  daemon.memory\n"
	    "       1048576        1.00 MiB  the largest frame\n"
	    "        262144        0.25 MiB  one read\n"
	    "       1049576        1.00 MiB  MasterThread/DatabaseThread\n"
	    "         28672        0.03 MiB  7 small nodes\n"
	    "memory bound: 82080744 bytes resident\n");
	free(text);
}
END_TEST

/* From where and to where, at each kind of edge. */
static const struct {
	const char *tree, *line;
} edges[] = {
	/* Between siblings, in a chain. */
	{ "  TCPServerThread:\n    listen: a:0\n    TCPConnectionThread:\n"
	  "      DataProcessorThread a: {UP: x, framing: raw}\n"
	  "      DataProcessorThread b: {IN: x, framing: raw}\n"
	  "  DatabaseThread: {path: x}\n",
	  "UP x made here, to DataProcessorThread b\n" },
	{ "  TCPServerThread:\n    listen: a:0\n    TCPConnectionThread:\n"
	  "      DataProcessorThread a: {UP: x, framing: raw}\n"
	  "      DataProcessorThread b: {IN: x, framing: raw}\n"
	  "  DatabaseThread: {path: x}\n",
	  "IN x from DataProcessorThread a\n" },
	/* To a sibling and to the parent, who passes it on. */
	{ "  GroupThread g:\n    UP: data\n    TimerThread:\n"
	  "    DatabaseThread in: {path: x}\n  DatabaseThread out: {path: y}\n",
	  "UP data made here, to DatabaseThread in and GroupThread g\n" },
	{ "  GroupThread g:\n    UP: data\n    TimerThread:\n"
	  "    DatabaseThread in: {path: x}\n  DatabaseThread out: {path: y}\n",
	  "UP data from TimerThread, to DatabaseThread out\n" },
	/* From the parent and from a sibling. */
	{ "  TimerThread a:\n  GroupThread g:\n    IN: data\n    TimerThread b:\n"
	  "    DatabaseThread: {path: x}\n",
	  "IN data from GroupThread g and TimerThread b, durable\n" },
	/* Of many, the first. */
	{ "  TimerThread 1:\n  TimerThread 2:\n  TimerThread 3:\n  TimerThread 4:\n"
	  "  TimerThread 5:\n  TimerThread 6:\n  DatabaseThread: {path: x}\n",
	  "IN data from TimerThread 1, TimerThread 2, TimerThread 3, TimerThread 4 "
	  "and 2 more, durable\n" },
	{ "  TimerThread 1:\n  TimerThread 2:\n  TimerThread 3:\n"
	  "  DatabaseThread: {path: x}\n",
	  "IN data from TimerThread 1, TimerThread 2 and TimerThread 3, durable\n" },
	{ "  TimerThread: {UP: a}\n  TimerThread b: {UP: b}\n"
	  "  DatabaseThread: {IN: [a, b], path: x}\n",
	  "IN a from TimerThread, durable\n"
	  "                  IN b from TimerThread b, durable\n" },
};

START_TEST(each_edge_says_from_where_and_to_where)
{
	char file[2000], *text;

	snprintf(file, sizeof(file), "taskthread: 1\nMasterThread:\n%s",
	    edges[_i].tree);
	text = shown(file);
	ck_assert_msg(strstr(text, edges[_i].line) != NULL, "%s", text);
	free(text);
}
END_TEST

/* A name, and what stands between it and the right column. */
static const struct {
	const char *name, *between;
} names[] = {
	{ "1234567890123456789012345678", "  " },
	{ "12345678901234567890123456789", " " },
	{ "123456789012345678901234567890",
	  "\n                                            " },
	{ "1234567890123456789012345678901234567890",
	  "\n                                            " },
};

START_TEST(what_does_not_fit_beside_a_long_name_stands_below_it)
{
	char file[300], line[300], *text;

	snprintf(file, sizeof(file), "taskthread: 1\nMasterThread:\n"
	    "  TimerThread %s:\n  DatabaseThread: {path: x}\n", names[_i].name);
	snprintf(line, sizeof(line), "\n  TimerThread %s%sUP data made here, to "
	    "DatabaseThread\n  DatabaseThread                            IN data from",
	    names[_i].name, names[_i].between);
	text = shown(file);
	ck_assert_msg(strstr(text, line) != NULL, "%s", text);
	free(text);
}
END_TEST

START_TEST(what_the_file_says_cannot_steer_a_terminal)
{
	char *text = shown("taskthread: 1\nMasterThread:\n  TimerThread:\n"
	    "    description: \"\\e[31m\\n\\u202E\\x7F\"\n"
	    "  DatabaseThread: {path: \"a\\ab\"}\n");
	const char *p;

	ck_assert_ptr_nonnull(strstr(text, "description: \"\\x1B[31m\\n\\u202E\\x7F\"\n"));
	ck_assert_ptr_nonnull(strstr(text, "path: \"a\\x07b\"\n"));
	for (p = text; *p != '\0'; p++)
		ck_assert(*p == '\n' || (*p >= ' ' && *p < 0x7F));
	free(text);
}
END_TEST

static const unsigned sizes[] = { 1, 8, 9, 10, 30, 500 };

START_TEST(the_lines_of_memory_add_up_however_many_nodes_there_are)
{
	char *file = NULL, *text, *line;
	int64_t sum = 0, bytes, bound = -1;
	unsigned i, lines = 0;
	size_t size;
	FILE *out = open_memstream(&file, &size);

	fputs("taskthread: 1\nMasterThread:\n  TimerThread:\n", out);
	for (i = 0; i < sizes[_i]; i++)
		fprintf(out, "  DatabaseThread %u: {path: %u, queue: {bytes: %u}}\n", i,
		    i, 1000 + i * 77 % 500);
	fclose(out);
	text = shown(file);
	line = strstr(text, "\nmemory, at most:\n");
	ck_assert_ptr_nonnull(line);
	line = strtok(line, "\n");
	while ((line = strtok(NULL, "\n")) != NULL) {
		ck_assert_int_eq(bound, -1);
		if (sscanf(line, "memory bound: %" SCNd64 " bytes resident", &bound) == 1)
			continue;
		ck_assert_int_eq(sscanf(line, "%" SCNd64, &bytes), 1);
		sum += bytes;
		lines++;
	}
	ck_assert_int_eq(sum, bound);
	/* Four of the daemon, the small nodes, and at most nine others. */
	ck_assert_uint_eq(lines, 5 + (sizes[_i] < 9 ? sizes[_i] : 9));
	free(text);
	free(file);
}
END_TEST

#define LOOP(tc, test, table) \
	tcase_add_loop_test(tc, test, 0, (int)(sizeof(table) / sizeof((table)[0])))

Suite *
check_show_suite(void)
{
	Suite *s = suite_create("show");
	TCase *tc = tcase_create("show");

	tcase_add_test(tc, a_channel_from_elsewhere_is_shown_as_written);
	tcase_add_test(tc, the_tree_is_printed_with_its_wiring_and_last_its_bound);
	LOOP(tc, each_edge_says_from_where_and_to_where, edges);
	LOOP(tc, what_does_not_fit_beside_a_long_name_stands_below_it, names);
	tcase_add_test(tc, what_the_file_says_cannot_steer_a_terminal);
	LOOP(tc, the_lines_of_memory_add_up_however_many_nodes_there_are, sizes);
	suite_add_tcase(s, tc);
	return s;
}
