/* check_spread.c - connections on several workers: what crosses, and what must not. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/worker.h"
#include "tests/machine.h"

Suite *check_spread_suite(void);

#define SPREAD_CONNECTIONS 9
#define SPREAD_FRAMES 200

static const char spread_text[] =
    "  ServerThread:\n"
    "    ConnectionThread: {FrameThread: {}}\n"
    "  SinkThread: {done: by_test}\n";

static struct machine_thread *spread_sink, *spread_at[SPREAD_CONNECTIONS];

static void
spread_start(const char *daemon, const char *text)
{
	machine_start(daemon, text);
	machine_until(machine.ready);
	spread_sink = machine_thread("SinkThread");
}

static void
spread_connect(void)
{
	unsigned i;

	for (i = 0; i < SPREAD_CONNECTIONS; i++)
		spread_at[i] = machine_connect("ServerThread");
	machine_until(machine_count("enter", NULL) >= 2 * SPREAD_CONNECTIONS + 3);
}

/* One byte is one frame: an empty line. */
static void
spread_send(unsigned i)
{
	machine_send(spread_at[i], '\n', 1);
}

static uint64_t
spread_taken(void)
{
	return machine_edge("SinkThread")->in.frames_in;
}

/* All edges of all workers, once nothing moves. */
static void
spread_adds_up(void)
{
	const struct tt_tree *tree = machine.tree;
	uint64_t in[2], out[2];
	const struct tt_edge *e;
	unsigned i, w, r;

	for (i = 0; i < tree->doc->n_nodes; i++) {
		in[0] = in[1] = out[0] = out[1] = 0;
		for (w = 0; w < tree->n_loops; w++) {
			e = &tree->workers[w]->edges[i];
			in[0] += e->in.frames_in;
			in[1] += e->up.frames_in;
			out[0] += e->in.frames_out;
			out[1] += e->up.frames_out;
			for (r = 0; r < TT_REASONS; r++) {
				out[0] += e->in.dropped[r];
				out[1] += e->up.dropped[r];
			}
		}
		ck_assert_uint_eq(in[0], out[0]);
		ck_assert_uint_eq(in[1], out[1]);
	}
}

static void
spread_all_done(void)
{
	if (spread_sink->n_held > 0)
		machine_done(spread_sink, spread_sink->n_held);
}

/* --- the tests ----------------------------------------------------------- */

START_TEST(each_connection_goes_to_the_worker_that_has_fewest)
{
	unsigned i;

	spread_start("workers: 3", spread_text);
	ck_assert_uint_eq(machine.tree->n_loops, 3);
	spread_connect();
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(machine.tree->workers[i]->load, 3);
	ck_assert_ptr_eq(spread_at[0]->thread.worker, machine.tree->main);
	/* All of one worker go: the next one is for it. */
	for (i = 1; i < SPREAD_CONNECTIONS; i += 3)
		shutdown(spread_at[i]->peer, SHUT_WR);
	machine_until(machine.tree->workers[1]->load == 0);
	ck_assert_ptr_eq(machine_connect("ServerThread")->thread.worker,
	    machine.tree->workers[1]);
	machine_end();
}
END_TEST

START_TEST(without_connections_there_is_one_worker)
{
	spread_start("workers: 5", "  SourceThread:\n  SinkThread: {}\n");
	ck_assert_uint_eq(machine.tree->n_loops, 1);
	machine_end();
}
END_TEST

static uint64_t spread_next[SPREAD_CONNECTIONS + 1];

static void
spread_in_order(struct tt_thread *self, const struct tt_signal *sig)
{
	uint64_t *next = &spread_next[sig->batch->origin->connection];

	if (self != &spread_sink->thread || sig->batch->last)
		return;
	ck_assert_uint_eq(sig->batch->first_seq, *next + 1);
	*next += sig->batch->n;
}

/* Each is told of its last frame, and of none before one that it was told of. */
START_TEST(frames_and_answers_of_each_connection_stay_in_order)
{
	char path[64];
	unsigned i, k;

	memset(spread_next, 0, sizeof spread_next);
	spread_start("workers: 3", spread_text);
	machine.on_data = spread_in_order;
	spread_connect();
	for (k = 0; k < SPREAD_FRAMES; k++) {
		for (i = 0; i < SPREAD_CONNECTIONS; i++)
			spread_send(i);
		if (k % 3 == 0) {
			machine_wake();
			machine_turn();
		}
		if (k % 7 == 0)
			spread_all_done();
	}
	machine_until(spread_taken() == SPREAD_CONNECTIONS * SPREAD_FRAMES);
	machine_settle();
	for (i = 1; i <= SPREAD_CONNECTIONS; i++)
		ck_assert_uint_eq(spread_next[i], SPREAD_FRAMES);
	spread_all_done();
	for (i = 1; i <= SPREAD_CONNECTIONS; i++) {
		snprintf(path, sizeof path, "ServerThread/ConnectionThread#%u", i);
		machine_until(machine_last("completed", path) == SPREAD_FRAMES);
	}
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

START_TEST(a_full_queue_stops_the_taps_of_all_workers)
{
	uint64_t most;
	unsigned i, k;

	spread_start("workers: 3", "  ServerThread:\n"
	    "    ConnectionThread: {FrameThread: {}}\n"
	    "  SinkThread: {done: by_test, queue: {frames: 10}}\n");
	spread_connect();
	for (k = 0; k < 2; k++)
		for (i = 0; i < SPREAD_CONNECTIONS; i++)
			spread_send(i);
	machine_until(machine_shuts("ServerThread/ConnectionThread") == 1);
	/* What is inside comes on, until nothing is outstanding but what stands in the
	 * queue and is owed; then nothing more, whatever is sent. */
	while (tt_tree_outstanding(machine.tree) != (int64_t)spread_taken() * 2) {
		machine_wake();
		machine_turn();
	}
	most = spread_taken();
	for (k = 0; k < 50; k++) {
		for (i = 0; i < SPREAD_CONNECTIONS; i++)
			spread_send(i);
		usleep(200);
		machine_wake();
		machine_turn();
	}
	machine_settle();
	ck_assert_uint_eq(spread_taken(), most);
	while (spread_taken() < (uint64_t)SPREAD_CONNECTIONS * 52) {
		machine_wake();
		machine_turn();
		spread_all_done();
	}
	spread_all_done();
	machine_end();
}
END_TEST

/* Freed on the main worker, it wakes the one on which the tap waits. */
START_TEST(a_window_opens_from_another_worker)
{
	struct machine_thread *c;
	unsigned i;

	spread_start("workers: 2", "  ServerThread:\n"
	    "    ConnectionThread: {window: 100KiB, FrameThread: {}}\n"
	    "  SinkThread: {done: by_test, queue: {bytes: 64MiB}}\n");
	machine_connect("ServerThread");
	c = machine_connect("ServerThread");
	ck_assert_ptr_ne(c->thread.worker, machine.tree->main);
	machine_until(machine_count("enter", NULL) >= 2 * 2 + 3);
	for (i = 1; i <= 40; i++) {
		machine_send(c, 'x', 60 << 10);
		machine_send(c, '\n', 1);
		machine_until(spread_taken() == i);
		machine_settle();
		spread_all_done();
	}
	machine_end();
}
END_TEST

/* Unfinished frames on two workers fill the memory; the older is let to its end. */
START_TEST(memory_that_one_worker_frees_wakes_another)
{
	unsigned i, k;

	spread_start("workers: 3, memory: 1MiB", "  ServerThread:\n"
	    "    ConnectionThread: {FrameThread: {max: 64KiB}}\n"
	    "  SinkThread: {done: by_test, queue: {bytes: 64MiB}}\n");
	spread_connect();
	for (k = 0; k < 30; k++) {
		for (i = 0; i < SPREAD_CONNECTIONS; i++) {
			machine_send(spread_at[i], 'x', 20 << 10);
			spread_send(i);
		}
		while (spread_taken() < (uint64_t)SPREAD_CONNECTIONS * (k + 1)) {
			spread_all_done();
			machine_turn();
		}
	}
	spread_all_done();
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

START_TEST(a_stop_drains_all_workers)
{
	unsigned i, k;

	spread_start("workers: 3", "  ServerThread:\n"
	    "    ConnectionThread: {FrameThread: {}}\n  SinkThread: {}\n");
	spread_connect();
	for (k = 0; k < SPREAD_FRAMES; k++)
		for (i = 0; i < SPREAD_CONNECTIONS; i++)
			spread_send(i);
	tt_tree_stop(machine.tree);
	if (_i == 1)
		tt_tree_stop(machine.tree);	/* in a hurry */
	machine_until(machine.tree->phase == TT_ENDED);
	if (_i == 0)
		ck_assert_uint_eq(spread_taken(), SPREAD_CONNECTIONS * SPREAD_FRAMES);
	spread_adds_up();
	machine_end();
	ck_assert_int_eq(machine.status, _i);
}
END_TEST

START_TEST(a_server_that_fails_comes_again_without_its_connections)
{
	struct machine_thread *c;
	unsigned i;

	spread_start("workers: 3", "  ServerThread:\n"
	    "    restart: {max: 5, within: 60s, backoff: 1ms..1ms}\n"
	    "    ConnectionThread: {FrameThread: {}}\n  SinkThread: {}\n");
	spread_connect();
	for (i = 0; i < SPREAD_CONNECTIONS; i++)
		spread_send(i);
	machine_fail("ServerThread");
	machine_until(machine_count("enter", "ServerThread") == 2);
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(machine.tree->workers[i]->load, 0);
	for (i = 0; i < 2; i++)
		c = machine_connect("ServerThread");
	machine_send(c, '\n', 1);
	i = (unsigned)spread_taken();
	machine_until(machine_edge("SinkThread")->in.frames_in > i);
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

/* Connections come and go, and all ends in the middle of it. */
START_TEST(connections_come_and_go_on_all_workers)
{
	unsigned seed = (unsigned)_i + 1, i;
	struct machine_thread *c;
	int peers[400], n = 0, k;

	spread_start(_i % 2 == 0 ? "workers: 2" : "workers: 4", "  ServerThread:\n"
	    "    ConnectionThread: {FrameThread: {}}\n"
	    "  SinkThread: {queue: {frames: 20}}\n");
	for (i = 0; i < 400; i++) {
		c = machine_connect("ServerThread");
		peers[n++] = dup(c->peer);
		for (k = 0; k < 5; k++)
			if (send(peers[(unsigned)rand_r(&seed) % (unsigned)n],
			    "a\nb\n", 4, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
				break;
		if (n > 20) {
			k = (int)((unsigned)rand_r(&seed) % (unsigned)n);
			shutdown(peers[k], SHUT_RDWR);
			close(peers[k]);
			peers[k] = peers[--n];
		}
		machine_wake();
		machine_turn();
	}
	tt_tree_stop(machine.tree);
	machine_until(machine.tree->phase == TT_ENDED);
	spread_adds_up();
	machine_end();
	while (n > 0)
		close(peers[--n]);
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

Suite *
check_spread_suite(void)
{
	Suite *s = suite_create("spread");
	TCase *tc = tcase_create("spread");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, each_connection_goes_to_the_worker_that_has_fewest);
	tcase_add_test(tc, without_connections_there_is_one_worker);
	tcase_add_test(tc, frames_and_answers_of_each_connection_stay_in_order);
	tcase_add_test(tc, a_full_queue_stops_the_taps_of_all_workers);
	tcase_add_test(tc, a_window_opens_from_another_worker);
	tcase_add_test(tc, memory_that_one_worker_frees_wakes_another);
	tcase_add_loop_test(tc, a_stop_drains_all_workers, 0, 2);
	tcase_add_test(tc, a_server_that_fails_comes_again_without_its_connections);
	tcase_add_loop_test(tc, connections_come_and_go_on_all_workers, 0, 6);
	suite_add_tcase(s, tc);
	return s;
}
