/* check_timer_thread.c - tests of plugins/timer_thread.c, among the threads of
 * machine.h and by a clock that the test turns. */
#include <check.h>
#include <string.h>

#include "daemon/worker.h"
#include "tests/machine.h"

Suite *check_timer_thread_suite(void);

#define MS 1000000
#define EVERY "{every: 100ms, text: tick}\n"

static int64_t timer_began, timer_wall;	/* ns */

static void
timer_clock(int64_t ms)
{
	struct tt_worker *w = machine.tree->main;

	w->clock_old = false;
	w->now = timer_began + ms * MS;
	w->wall_now = timer_wall + ms * MS;
}

/* It is MS after the start: turns until nothing runs. */
static void
timer_at(int64_t ms)
{
	static const struct timeval soon = { 0, 0 };
	const struct tt_worker *w = machine.tree->main;
	int quiet = 0;

	while (quiet < 3) {
		event_add(machine.wake, &soon);
		timer_clock(ms);
		machine_turn();
		quiet = w->run_first == NULL && w->tap_first == NULL &&
		    w->steps == NULL ? quiet + 1 : 0;
	}
}

/* What the takers got, in order. */
static struct timer_frame {
	const char *node;
	uint64_t connection, seq;
	int64_t received_at;		/* ms after the start */
	int64_t closed_at;		/* of a last batch, else -1 */
} frames[64];
static unsigned n_frames;

static void
timer_take(struct tt_thread *self, const struct tt_signal *sig)
{
	const struct tt_batch *b = sig->batch;
	const struct tt_origin *o = b->origin;

	(void)self;
	if (strcmp(o->peer, "timer") != 0)
		return;			/* a device's */
	ck_assert_uint_lt(n_frames, 64);
	ck_assert_str_eq(tt_origin_local(o), "");
	ck_assert_int_ge(o->opened_at, timer_wall);
	ck_assert_uint_eq(b->n, b->last ? 0 : 1);
	if (!b->last) {
		ck_assert_uint_eq(b->slices[0].length, 4);
		ck_assert_mem_eq(tt_batch_bytes(b, 0), "tick", 4);
	} else {
		ck_assert_int_eq(o->close_reason, TT_REASON_STOP);
	}
	frames[n_frames++] = (struct timer_frame){ .node = o->node->path,
	    .connection = o->connection, .seq = b->first_seq,
	    .received_at = (b->received_at - timer_wall) / MS,
	    .closed_at = b->last ? (o->closed_at - timer_wall) / MS : -1 };
}

static void
timer_start(const char *daemon, const char *text)
{
	machine_make(daemon, text);
	n_frames = 0;
	machine.on_data = timer_take;
	timer_began = machine.tree->main->now;
	timer_wall = machine.tree->main->wall_now;
	timer_clock(0);
	tt_tree_start(machine.tree);
	timer_at(0);
}

/* Stops the tree: SINK has the last batch then, which is done like all others. */
static void
timer_end_with(struct machine_thread *sink)
{
	tt_tree_stop(machine.tree);
	machine_settle();
	ck_assert(sink->held[sink->n_held - 1]->last);
	machine_done(sink, sink->n_held);
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}

START_TEST(each_time_brings_one_frame_from_one_origin)
{
	timer_start("", "  TimerThread: " EVERY "  TakerThread: {}\n");
	timer_at(99);
	ck_assert_uint_eq(n_frames, 0);
	timer_at(100);
	ck_assert_uint_eq(n_frames, 1);
	timer_at(199);
	ck_assert_uint_eq(n_frames, 1);
	timer_at(200);
	timer_at(300);
	ck_assert_uint_eq(n_frames, 3);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_str_eq(frames[i].node, "MasterThread/TimerThread");
		ck_assert_uint_eq(frames[i].seq, i + 1);
		ck_assert_int_eq(frames[i].received_at, 100 * (i + 1));
		ck_assert_uint_ge(frames[i].connection, 1);
		ck_assert_uint_eq(frames[i].connection, frames[0].connection);
	}
	machine_end();
}
END_TEST

START_TEST(each_timer_has_a_number_of_its_own)
{
	timer_start("", "  TimerThread a: " EVERY "  TimerThread b: " EVERY
	    "  TakerThread: {}\n");
	timer_at(100);
	ck_assert_uint_eq(n_frames, 2);
	ck_assert_uint_ne(frames[0].connection, frames[1].connection);
	ck_assert_uint_eq(frames[0].seq, 1);
	ck_assert_uint_eq(frames[1].seq, 1);
	machine_end();
}
END_TEST

START_TEST(being_late_does_not_add_up)
{
	int64_t t;

	timer_start("", "  TimerThread: " EVERY "  TakerThread: {}\n");
	for (t = 100; t <= 1000; t += 100) {
		timer_at(t - 1);
		ck_assert_uint_eq(n_frames, (unsigned)(t - 100) / 100);
		timer_at(t + 60);
		ck_assert_uint_eq(n_frames, (unsigned)t / 100);
	}
	machine_end();
}
END_TEST

START_TEST(what_a_worker_that_stood_still_missed_comes_as_one_frame)
{
	timer_start("", "  TimerThread: " EVERY "  TakerThread: {}\n");
	timer_at(100);
	timer_at(950);
	ck_assert_uint_eq(n_frames, 2);
	timer_at(999);
	ck_assert_uint_eq(n_frames, 2);
	timer_at(1000);
	ck_assert_uint_eq(n_frames, 3);
	ck_assert_uint_eq(frames[2].seq, 3);
	machine_end();
}
END_TEST

START_TEST(what_was_missed_behind_a_full_queue_comes_as_one_frame)
{
	struct machine_thread *sink;

	timer_start("", "  TimerThread: " EVERY
	    "  SinkThread: {done: by_test, queue: {frames: 1}}\n");
	sink = machine_thread("SinkThread");
	timer_at(100);
	timer_at(200);
	ck_assert_uint_eq(machine_count("over", "SinkThread"), 1);
	for (int64_t t = 250; t < 950; t += 50)
		timer_at(t);
	ck_assert_uint_eq(sink->n_held, 2);
	machine_done(sink, 2);
	timer_at(960);
	ck_assert_uint_eq(sink->n_held, 1);
	ck_assert_uint_eq(machine_last("data", "SinkThread"), 3);
	timer_at(999);
	ck_assert_uint_eq(sink->n_held, 1);
	timer_at(1000);
	ck_assert_uint_eq(machine_last("data", "SinkThread"), 4);
	ck_assert_uint_eq(machine_edge("TimerThread")->up.frames_in, 4);
	timer_end_with(sink);
}
END_TEST

START_TEST(a_full_memory_closes_it_as_any_tap)
{
	struct tt_origin *o;
	struct tt_chunk *chunk;

	timer_start("memory: 1MiB", "  TimerThread: " EVERY "  TakerThread: {}\n");
	o = tt_origin_create(&machine.tree->memory, NULL, 1, "", "");
	chunk = tt_chunk_create(o, 1 << 20);
	for (int64_t t = 100; t < 500; t += 100)
		timer_at(t);
	ck_assert_uint_eq(n_frames, 0);
	tt_chunk_unref(chunk);
	tt_origin_unref(o);
	timer_at(550);
	ck_assert_uint_eq(n_frames, 1);
	timer_at(600);
	ck_assert_uint_eq(n_frames, 2);
	machine_end();
}
END_TEST

START_TEST(the_first_frame_waits_until_all_have_entered)
{
	timer_start("", "  TimerThread: " EVERY "  GroupThread: {enter: later}\n"
	    "  TakerThread: {}\n");
	timer_at(550);
	ck_assert(!machine.ready);
	ck_assert_uint_eq(n_frames, 0);
	tt_entered(&machine_thread("GroupThread")->thread, NULL);
	timer_at(560);
	ck_assert(machine.ready);
	ck_assert_uint_le(n_frames, 1);
	timer_at(1000);
	ck_assert_uint_ge(n_frames, 1);
	ck_assert_uint_le(n_frames, 2);
	machine_end();
}
END_TEST

/* At once, although a frame could still have come before the end. */
START_TEST(a_stop_brings_the_last_batch_behind_the_frames)
{
	const struct tt_node *timer;
	uint64_t closes;

	timer_start("", "  TimerThread: " EVERY
	    "  SinkThread: {done: by_test}\n  TakerThread: {}\n");
	timer = machine_thread("TimerThread")->thread.node;
	timer_at(100);
	timer_at(200);
	n_frames = 0;
	tt_tree_stop(machine.tree);
	timer_at(250);
	ck_assert_uint_eq(n_frames, 2);		/* to both */
	ck_assert_uint_eq(frames[0].seq, 3);
	ck_assert_int_eq(frames[0].closed_at, 200);
	/* The sink has not said done: the stop waits, and no frame comes. */
	timer_at(900);
	ck_assert_uint_eq(n_frames, 2);
	closes = machine.tree->main->edges[timer->index].closes[TT_REASON_STOP];
	ck_assert_uint_eq(closes, 1);
	machine_done(machine_thread("SinkThread"), 3);
	machine_end();
	ck_assert_uint_eq(n_frames, 2);
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

START_TEST(it_ends_with_the_connection_it_stands_below)
{
	struct machine_thread *connection;

	timer_start("", "  ServerThread:\n"
	    "    UP: [data, beats]\n"
	    "    ConnectionThread:\n"
	    "      UP: [data, beats]\n"
	    "      FrameThread: {}\n"
	    "      TimerThread: {UP: beats, every: 100ms, text: tick}\n"
	    "  TakerThread: {IN: [data, beats]}\n");
	connection = machine_connect("ServerThread");
	timer_at(100);
	timer_at(200);
	ck_assert_uint_eq(n_frames, 2);
	ck_assert_uint_eq(frames[1].seq, 2);
	ck_assert_uint_ne(frames[0].connection, connection->origin->connection);
	tt_close(&connection->thread, TT_REASON_PEER);
	timer_at(250);
	ck_assert_uint_eq(n_frames, 3);
	ck_assert_uint_eq(frames[2].seq, 3);
	ck_assert_int_eq(frames[2].closed_at, 250);
	timer_at(300);
	ck_assert_uint_eq(n_frames, 3);
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

START_TEST(an_empty_text_is_an_empty_frame)
{
	struct machine_thread *sink;

	timer_start("", "  TimerThread: {every: 7d, text: \"\"}\n"
	    "  SinkThread: {done: by_test}\n");
	sink = machine_thread("SinkThread");
	machine.on_data = NULL;
	timer_at(INT64_C(604800000));
	ck_assert_uint_eq(sink->n_held, 1);
	ck_assert_uint_eq(sink->held[0]->n, 1);
	ck_assert_uint_eq(sink->held[0]->bytes, 0);
	timer_end_with(sink);
}
END_TEST

Suite *
check_timer_thread_suite(void)
{
	Suite *s = suite_create("timer_thread");
	TCase *tc = tcase_create("timer_thread");

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, each_time_brings_one_frame_from_one_origin);
	tcase_add_test(tc, each_timer_has_a_number_of_its_own);
	tcase_add_test(tc, being_late_does_not_add_up);
	tcase_add_test(tc, what_a_worker_that_stood_still_missed_comes_as_one_frame);
	tcase_add_test(tc, what_was_missed_behind_a_full_queue_comes_as_one_frame);
	tcase_add_test(tc, a_full_memory_closes_it_as_any_tap);
	tcase_add_test(tc, the_first_frame_waits_until_all_have_entered);
	tcase_add_test(tc, a_stop_brings_the_last_batch_behind_the_frames);
	tcase_add_test(tc, it_ends_with_the_connection_it_stands_below);
	tcase_add_test(tc, an_empty_text_is_an_empty_frame);
	suite_add_tcase(s, tc);
	return s;
}
