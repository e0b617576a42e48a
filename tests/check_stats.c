/* check_stats.c - the counters, by the names of the contract. */
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/edge.h"
#include "daemon/log.h"
#include "daemon/stats.h"
#include "daemon/tree.h"
#include "daemon/worker.h"

Suite *check_stats_suite(void);

enum { STATS_MASTER, STATS_SERVER, STATS_MIDDLE, STATS_DATABASE, STATS_NODES };

static struct tt_node stats_nodes[STATS_NODES] = {
	[STATS_MASTER] = { .path = "MasterThread" },
	[STATS_SERVER] = { .path = "MasterThread/TCPServerThread",
	    .parent = &stats_nodes[STATS_MASTER], .n_up = 1 },
	[STATS_MIDDLE] = { .path = "MasterThread/DataProcessorThread \"\\",
	    .parent = &stats_nodes[STATS_MASTER], .n_in = 1, .n_up = 1 },
	[STATS_DATABASE] = { .path = "MasterThread/DatabaseThread",
	    .parent = &stats_nodes[STATS_MASTER], .n_in = 2 },
};
static const struct tt_node *stats_list[STATS_NODES];
static struct tt_document stats_doc = {
	.root = &stats_nodes[STATS_MASTER], .n_nodes = STATS_NODES, .nodes = stats_list,
};
static struct tt_edge stats_edges[STATS_NODES];
static struct tt_worker stats_worker = { .edges = stats_edges };
static struct tt_worker *stats_workers[] = { &stats_worker }, *stats_blocking[STATS_NODES];
static struct tt_tree stats_tree = { .doc = &stats_doc, .main = &stats_worker,
    .workers = stats_workers, .n_loops = 1, .blocking = stats_blocking };

static void
stats_setup(void)
{
	memset(stats_edges, 0, sizeof stats_edges);
	for (unsigned i = 0; i < STATS_NODES; i++) {
		stats_nodes[i].index = i;
		stats_list[i] = &stats_nodes[i];
	}
}

/* What tt_stats_log() says, parsed: it must be one line of printable ASCII. */
static json_t *
stats_get(void)
{
	static char line[65536];
	int fds[2], saved = dup(STDERR_FILENO);
	json_error_t error;
	json_t *stats;
	ssize_t n;

	ck_assert_int_eq(pipe(fds), 0);
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	tt_log_open(TT_LOG_ERROR);
	tt_stats_log(&stats_tree);
	n = read(fds[0], line, sizeof line - 1);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(fds[0]);
	tt_log_open(TT_LOG_INFO);

	ck_assert_int_gt(n, 0);
	line[n] = '\0';
	ck_assert_ptr_eq(strchr(line, '\n'), line + n - 1);
	for (const char *p = line; p < line + n - 1; p++)
		ck_assert(*p >= 0x20 && *p < 0x7F);
	stats = json_loads(line, 0, &error);
	ck_assert_msg(stats != NULL, "%s: %s", error.text, line);
	ck_assert(json_is_object(stats));
	return stats;
}

static void
stats_expect(json_t *stats, const char *key, json_int_t value)
{
	json_t *found = json_object_get(stats, key);

	ck_assert_msg(json_is_integer(found), "no %s", key);
	ck_assert_msg(json_integer_value(found) == value,
	    "%s is %" JSON_INTEGER_FORMAT ", not %" JSON_INTEGER_FORMAT, key,
	    json_integer_value(found), value);
}

#define SERVER "node=\"MasterThread/TCPServerThread\""
#define DATABASE "node=\"MasterThread/DatabaseThread\""
#define MIDDLE "node=\"MasterThread/DataProcessorThread \\\"\\\\\""

START_TEST(edges_show_their_frames_before_anything_happens)
{
	json_t *stats = stats_get();

	stats_expect(stats, "taskthread_edge_frames_total{" SERVER
	    ",edge=\"up\",way=\"in\"}", 0);
	stats_expect(stats, "taskthread_edge_frames_total{" SERVER
	    ",edge=\"up\",way=\"out\"}", 0);
	stats_expect(stats, "taskthread_edge_waiting_frames{" SERVER
	    ",edge=\"up\"}", 0);
	stats_expect(stats, "taskthread_edge_frames_total{" DATABASE
	    ",edge=\"in\",way=\"in\"}", 0);
	stats_expect(stats, "taskthread_edge_waiting_frames{" DATABASE
	    ",edge=\"in\"}", 0);
	stats_expect(stats, "taskthread_edge_frames_total{" MIDDLE
	    ",edge=\"in\",way=\"out\"}", 0);
	stats_expect(stats, "taskthread_edge_waiting_frames{" MIDDLE
	    ",edge=\"up\"}", 0);
	/* Four edges, three values each, and nothing else. */
	ck_assert_uint_eq(json_object_size(stats), 12);
	json_decref(stats);
}
END_TEST

START_TEST(an_edge_adds_up)
{
	struct tt_flow *flow = &stats_edges[STATS_DATABASE].in;
	json_t *stats;

	*flow = (struct tt_flow){ .frames_in = 5000000000, .frames_out = 4999999900,
	    .dropped = { [TT_REASON_DROP_OLDEST] = 60, [TT_REASON_DATABASE] = 3 } };
	stats = stats_get();
	stats_expect(stats, "taskthread_edge_frames_total{" DATABASE
	    ",edge=\"in\",way=\"in\"}", 5000000000);
	stats_expect(stats, "taskthread_edge_frames_total{" DATABASE
	    ",edge=\"in\",way=\"out\"}", 4999999900);
	stats_expect(stats, "taskthread_dropped_frames_total{" DATABASE
	    ",edge=\"in\",reason=\"drop_oldest\"}", 60);
	stats_expect(stats, "taskthread_dropped_frames_total{" DATABASE
	    ",edge=\"in\",reason=\"database\"}", 3);
	stats_expect(stats, "taskthread_edge_waiting_frames{" DATABASE
	    ",edge=\"in\"}", 37);
	ck_assert_uint_eq(json_object_size(stats), 14);
	json_decref(stats);
}
END_TEST

START_TEST(what_counted_is_shown_with_its_reason)
{
	json_t *stats;

	stats_edges[STATS_SERVER].closes[TT_REASON_MAX_CONNECTIONS] = 1;
	stats_edges[STATS_SERVER].closes[TT_REASON_PEER] = 2;
	stats_edges[STATS_SERVER].unfinished = 3;
	stats_edges[STATS_MIDDLE].refused[TT_REASON_NEWLINE] = 4;
	stats_edges[STATS_DATABASE].resent = 5;
	stats = stats_get();
	stats_expect(stats, "taskthread_closes_total{" SERVER
	    ",reason=\"max_connections\"}", 1);
	stats_expect(stats, "taskthread_closes_total{" SERVER ",reason=\"peer\"}", 2);
	stats_expect(stats, "taskthread_unfinished_bytes_total{" SERVER "}", 3);
	stats_expect(stats, "taskthread_refused_frames_total{" MIDDLE
	    ",reason=\"newline\"}", 4);
	stats_expect(stats, "taskthread_resent_frames_total{" DATABASE "}", 5);
	ck_assert_uint_eq(json_object_size(stats), 17);
	json_decref(stats);
}
END_TEST

Suite *
check_stats_suite(void)
{
	Suite *suite = suite_create("stats");
	TCase *tcase = tcase_create("stats");

	tcase_add_checked_fixture(tcase, stats_setup, NULL);
	tcase_add_test(tcase, edges_show_their_frames_before_anything_happens);
	tcase_add_test(tcase, an_edge_adds_up);
	tcase_add_test(tcase, what_counted_is_shown_with_its_reason);
	suite_add_tcase(suite, tcase);
	return suite;
}
