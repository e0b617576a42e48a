/* check_tap.c - gates: the node's, the window, the memory. */
#include "daemon/tap.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/worker.h"
#include "tests/machine.h"

#define KIB 1024

static const char tap_server[] =
    "  ServerThread:\n"
    "    ConnectionThread:\n"
    "      FrameThread: {max: 256KiB}\n"
    "  SinkThread: {done: by_test, queue: {bytes: 64MiB}}\n";

static struct machine_thread *sink;

static void
tap_start(const char *daemon, const char *text)
{
	machine_start(daemon, text);
	machine_until(machine.ready);
	sink = machine_thread("SinkThread");
}

static int64_t
tap_used(void)
{
	return machine.tree->memory.used;
}

/* Writes up to SIZE bytes, as many as the socket takes. */
static size_t
tap_write(struct machine_thread *t, int c, size_t size)
{
	char *bytes = malloc(size);
	ssize_t n;

	memset(bytes, c, size);
	fcntl(t->peer, F_SETFL, O_NONBLOCK);
	n = write(t->peer, bytes, size);
	free(bytes);
	return n > 0 ? (size_t)n : 0;
}

/* Writes SIZE bytes and turns until they have been read, or wait at a gate. */
static size_t
tap_feed(struct machine_thread *t, int c, size_t size)
{
	size_t done = 0, n;

	do {
		n = tap_write(t, c, size - done);
		done += n;
		machine_settle();
	} while (n > 0 && done < size);
	return done;
}

/* Turns for NS. */
static void
tap_pass(int64_t ns)
{
	int64_t end = tt_now(&sink->thread) + ns;

	while (tt_now(&sink->thread) < end) {
		usleep(2000);
		machine_settle();
	}
}

static void
tap_close_peer(struct machine_thread *t)
{
	close(t->peer);
	t->peer = -1;
}

/* --- the node's gate ----------------------------------------------------- */

START_TEST(taps_are_shut_until_all_have_entered)
{
	machine_start("", "  SourceThread a: {enter: later}\n"
	    "  SourceThread b: {}\n  SinkThread: {}\n");
	machine_settle();
	machine_send(machine_thread("SourceThread b"), 'x', 1);
	machine_settle();
	ck_assert_uint_eq(machine_count("data", NULL), 0);
	ck_assert(!tt_tap_is_open(&machine_thread("SourceThread b")->tap));
	tt_entered(&machine_thread("SourceThread a")->thread, NULL);
	ck_assert(tt_tap_is_open(&machine_thread("SourceThread b")->tap));
	machine_until(machine_count("data", NULL) == 1);
	machine_end();
}
END_TEST

START_TEST(taps_that_wait_at_a_gate_reopen_first_in_first_out)
{
	struct machine_thread *c[60];
	int i;

	tap_start("", "  ServerThread:\n"
	    "    ConnectionThread: {FrameThread: {}}\n"
	    "  SinkThread: {done: by_test, queue: {frames: 1}}\n");
	for (i = 0; i < 60; i++)
		c[i] = machine_connect("ServerThread");
	tap_feed(c[0], '\n', 2);
	ck_assert_uint_eq(machine_shuts("ServerThread/ConnectionThread"), 1);
	/* Each with a frame of its own length, so that it shows in the end. */
	for (i = 0; i < 60; i++) {
		char line[64];

		memset(line, 'x', sizeof line);
		line[i + 1] = '\n';
		ck_assert_int_eq(write(c[(i * 7) % 60]->peer, line,
		    (size_t)i + 2), i + 2);
		machine_settle();
	}
	ck_assert_uint_eq(machine_count("data", NULL), 2);
	machine_done(sink, 2);
	for (i = 0; i < 60; i++) {
		machine_until(sink->n_held > 0);
		ck_assert_uint_eq(sink->held[0]->bytes, (uint64_t)i + 1);
		machine_done(sink, 1);
	}
	machine_end();
}
END_TEST

START_TEST(a_closed_tap_counts_the_time)
{
	struct machine_thread *source;
	int64_t shut, more;

	tap_start("", "  SourceThread: {}\n"
	    "  SinkThread: {done: by_test, queue: {frames: 1}}\n"
	    "  TakerThread: {}\n");
	source = machine_thread("SourceThread");
	machine_settle();
	shut = tt_tap_closed_time(&source->tap);
	usleep(5000);
	machine_settle();
	ck_assert_int_eq(tt_tap_closed_time(&source->tap), shut);
	machine_send(source, 'x', 1);
	machine_settle();
	machine_send(source, 'x', 1);
	machine_settle();
	ck_assert(!tt_tap_is_open(&source->tap));
	usleep(20000);
	machine_settle();
	more = tt_tap_closed_time(&source->tap) - shut;
	ck_assert_int_ge(more, 20000000);
	machine_send(source, 'x', 1);	/* it waits now, and that counts once */
	machine_settle();
	usleep(20000);
	machine_settle();
	ck_assert_int_ge(tt_tap_closed_time(&source->tap) - shut, more + 20000000);
	ck_assert_int_le(tt_tap_closed_time(&source->tap), tt_now(&source->thread));
	machine_done(sink, 2);
	machine_until(sink->n_held == 1);
	shut = tt_tap_closed_time(&source->tap);
	usleep(5000);
	machine_settle();
	ck_assert_int_eq(tt_tap_closed_time(&source->tap), shut);
	machine_done(sink, 1);
	machine_end();
}
END_TEST

/* It waits for memory, its gate is shut and opened meanwhile: closed all the time,
 * and no moment counts twice. */
START_TEST(time_at_several_gates_counts_once)
{
	struct machine_thread *a, *b;
	const struct tt_node *node;
	int64_t begin, closed, last = 0;
	int i;

	tap_start("memory: 2MiB", "  SourceThread a: {}\n  SourceThread b: {}\n"
	    "  SinkThread: {done: by_test, queue: {bytes: 64MiB}}\n");
	a = machine_thread("SourceThread a");
	b = machine_thread("SourceThread b");
	node = b->thread.node;
	while (tap_used() < 2 * KIB * KIB - 256 * KIB) {
		machine_send(a, 'x', 130 * KIB);
		machine_settle();
	}
	tt_gate_shut(machine.tree->main, node);
	machine.unchecked = true;	/* the gate is ours */
	machine_send(b, 'x', 1);
	machine_settle();
	begin = tt_now(&b->thread);
	closed = tt_tap_closed_time(&b->tap);
	for (i = 0; i < 10; i++) {
		if (i % 3 == 0)
			tt_gate_open(machine.tree->main, node);
		if (i % 3 == 1)
			tt_gate_shut(machine.tree->main, node);
		usleep(3000);
		machine_settle();
		ck_assert_int_ge(tt_tap_closed_time(&b->tap), last);
		last = tt_tap_closed_time(&b->tap);
	}
	ck_assert_int_eq(last - closed, tt_now(&b->thread) - begin);
	machine_done(sink, sink->n_held);
	machine_settle();
	ck_assert_uint_eq(b->seq, 2);
	machine_done(sink, 1);
	machine.unchecked = false;
	machine_end();
}
END_TEST

/* --- the window ---------------------------------------------------------- */

START_TEST(a_connection_holds_at_most_its_window)
{
	struct machine_thread *a, *b;
	size_t fed = 0, n;

	tap_start("", "  ServerThread:\n"
	    "    ConnectionThread: {window: 100KiB, FrameThread: {}}\n"
	    "  SinkThread: {done: by_test, queue: {bytes: 64MiB}}\n");
	a = machine_connect("ServerThread");
	b = machine_connect("ServerThread");
	while ((n = tap_write(a, '\n', 10 * KIB)) > 0) {
		fed += n;
		machine_settle();
		ck_assert_int_le(a->origin->held, (100 + 256) * KIB);
	}
	ck_assert_int_ge(a->origin->held, 100 * KIB);
	ck_assert(!tt_tap_is_open(&a->tap));
	/* It is its own window only. */
	ck_assert(tt_tap_is_open(&b->tap));
	ck_assert_uint_eq(tap_feed(b, '\n', 1), 1);
	while (sink->n_held > 0) {
		machine_done(sink, (sink->n_held + 1) / 2);
		machine_settle();
	}
	ck_assert_uint_eq(a->tap.waits_since, 0);
	ck_assert_uint_eq(machine_edge("SinkThread")->in.frames_out, fed + 1);
	machine_end();
}
END_TEST

/* --- the memory ---------------------------------------------------------- */

/* Nothing but the queue's end wakes the tap: in a pump, as in a done. */
static void
tap_pump(struct tt_pump *pump)
{
	(void)pump;
	machine_done(sink, sink->n_held);
}

START_TEST(taps_read_only_while_there_is_memory)
{
	struct tt_pump pump = { .run = tap_pump };
	struct machine_thread *source;
	int64_t limit = 1024 * KIB, begin;
	unsigned held, i;

	/* Not durable: what is completed would wake the worker. */
	tap_start("memory: 1MiB", "  SourceThread: {}\n"
	    "  SinkThread: {done: by_test, durable: false, "
	    "queue: {bytes: 64MiB}}\n");
	source = machine_thread("SourceThread");
	for (i = 0; i < 20; i++) {
		ssize_t n = tap_write(source, 'x', 100 * KIB);

		machine_settle();
		ck_assert_int_le(tap_used(), limit);
		if (n == 0)
			break;
	}
	held = sink->n_held;
	ck_assert_int_ge(tap_used(), limit - 256 * KIB);
	ck_assert(!tt_tap_is_open(&source->tap));
	ck_assert_int_gt(tt_tap_closed_time(&source->tap), 0);
	tt_pump_add(&sink->thread, &pump);
	pump.dirty = true;
	begin = tt_now(&sink->thread);
	machine_until(machine_count("data", NULL) > held);
	/* It does not wait for the timer that gives free lists back. */
	ck_assert_int_lt(tt_now(&sink->thread) - begin, 3000000000);
	tt_pump_remove(&sink->thread, &pump);
	machine_settle();
	machine_done(sink, sink->n_held);
	machine_end();
}
END_TEST

/* Fills the memory with unfinished frames of many connections. */
static unsigned
tap_fill(struct machine_thread **c, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		c[i] = machine_connect("ServerThread");
		if (tap_feed(c[i], 'x', 120 * KIB) < 120 * KIB ||
		    machine.tree->main->waiting != NULL)
			return i + 1;
	}
	return n;
}

START_TEST(the_oldest_unfinished_frame_reads_on_when_memory_is_full)
{
	struct machine_thread *c[64];
	unsigned n, i;

	tap_start("memory: 4MiB", tap_server);
	n = tap_fill(c, 64);
	ck_assert_uint_lt(n, 64);
	ck_assert_uint_gt(n, 10);
	ck_assert(!tt_tap_is_open(&c[n - 1]->tap));
	ck_assert(tt_tap_is_open(&c[0]->tap));
	ck_assert(!tt_tap_is_open(&c[1]->tap));
	/* One after the other becomes the oldest, and ends. */
	for (i = 0; i < n; i++) {
		tap_feed(c[i], 'x', 100 * KIB);
		tap_feed(c[i], '\n', 1);
		machine_until(sink->n_held > 0);
		machine_settle();
		ck_assert_uint_eq(sink->n_held, 1);
		ck_assert_uint_ge(sink->held[0]->bytes, 120 * KIB);
		machine_done(sink, 1);
		machine_settle();
	}
	ck_assert_uint_eq(machine_count("closed", NULL), 0);
	machine_end();
}
END_TEST

START_TEST(what_others_took_of_the_reserve_does_not_stop_the_oldest)
{
	struct machine_thread *c[64];
	struct tt_origin *o;
	struct tt_chunk *chunk;
	unsigned n;

	tap_start("memory: 4MiB", tap_server);
	n = tap_fill(c, 64);
	o = tt_origin_create(&machine.tree->memory, NULL, 1, "", "");
	chunk = tt_chunk_create(o, 600 * KIB);	/* the reserve, and more */
	ck_assert_int_gt(tap_used(), 4096 * KIB);
	tap_feed(c[0], 'x', 100 * KIB);
	tap_feed(c[0], '\n', 1);
	machine_settle();
	ck_assert_uint_eq(sink->n_held, 1);
	machine_done(sink, 1);
	tt_chunk_unref(chunk);
	tt_origin_unref(o);
	ck_assert_uint_gt(n, 1);
	machine_end();
}
END_TEST

START_TEST(the_oldest_is_closed_when_it_brings_nothing_for_a_second)
{
	struct machine_thread *c[64];
	int64_t begin;
	unsigned n;

	tap_start("memory: 4MiB", tap_server);
	n = tap_fill(c, 64);
	begin = tt_now(&sink->thread);
	machine_until(machine_count("closed", "ServerThread/ConnectionThread#1") ==
	    1);
	ck_assert_int_ge(tt_now(&sink->thread) - begin, 900000000);
	ck_assert_uint_eq(machine_last("closed", "ServerThread/ConnectionThread#1"),
	    TT_REASON_MEMORY);
	/* Who waited reads on, and nobody else is in the way. */
	machine_settle();
	ck_assert_ptr_null(machine.tree->main->waiting);
	ck_assert_uint_eq(machine_count("closed", NULL), 2);	/* and its frames */
	tap_feed(c[n - 1], '\n', 1);
	machine_until(sink->n_held == 1);
	machine_done(sink, 1);
	machine_end();
}
END_TEST

START_TEST(the_oldest_is_not_closed_while_it_brings_something)
{
	struct machine_thread *c[64];
	int i;

	tap_start("memory: 4MiB", tap_server);
	tap_fill(c, 64);
	for (i = 0; i < 6; i++) {
		tap_pass(300000000);
		tap_feed(c[0], 'x', 1);
	}
	ck_assert_uint_eq(machine_count("closed", NULL), 0);
	ck_assert_ptr_nonnull(machine.tree->main->waiting);
	machine_until(machine_count("closed", "ServerThread/ConnectionThread#1") ==
	    1);
	machine_end();
}
END_TEST

/* Its gate is shut: it is not to blame. */
START_TEST(the_oldest_is_not_closed_while_its_gate_is_shut)
{
	struct machine_thread *c[64];

	tap_start("memory: 4MiB", tap_server);
	tap_fill(c, 64);
	machine.unchecked = true;	/* the gate is ours */
	tt_gate_shut(machine.tree->main, c[0]->thread.node);
	tap_pass(1200000000);
	ck_assert_uint_eq(machine_count("closed", NULL), 0);
	tt_gate_open(machine.tree->main, c[0]->thread.node);
	machine.unchecked = false;
	machine_end();
}
END_TEST

/* --- the end of taps ----------------------------------------------------- */

START_TEST(taps_end_wherever_they_wait)
{
	struct machine_thread *c[64];
	const struct tt_node *node;
	unsigned n, i;

	tap_start("memory: 4MiB", tap_server);
	n = tap_fill(c, 64);
	node = c[0]->thread.node;
	while (n < 64)
		c[n++] = machine_connect("ServerThread");
	for (i = 0; i < 64; i++)
		tap_write(c[i], 'y', 10);
	machine_settle();
	for (i = 0; i < 64; i++)
		if (i % 4 == (unsigned)_i)
			tt_terminate(&c[i]->thread);
	machine_settle();
	if (_i == 1)
		tt_gate_shut(machine.tree->main, node);
	machine.unchecked = _i == 1;
	for (i = 0; i < 64; i++)
		if (i % 4 == (unsigned)(_i + 1) % 4)
			tt_close(&c[i]->thread, TT_REASON_IDLE_TIMEOUT);
	machine_settle();
	for (i = 0; i < 64; i++)
		if (i % 4 == (unsigned)(_i + 2) % 4)
			tap_close_peer(c[i]);
	machine_settle();
	if (_i == 1)
		tt_gate_open(machine.tree->main, node);
	machine.unchecked = false;
	machine_settle();
	machine_done(sink, sink->n_held);
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

START_TEST(a_stream_that_ends_is_read_to_its_end)
{
	struct machine_thread *c;

	tap_start("", tap_server);
	c = machine_connect("ServerThread");
	ck_assert_int_eq(write(c->peer, "a\nb\nc", 5), 5);
	tap_close_peer(c);
	machine_until(machine_count("closed", "ServerThread/ConnectionThread#1") ==
	    1);
	ck_assert_uint_eq(sink->n_held, 2);
	machine_done(sink, 2);
	machine_end();
}
END_TEST

Suite *check_tap_suite(void);

Suite *
check_tap_suite(void)
{
	Suite *s = suite_create("tap");
	TCase *gate = tcase_create("gate"), *memory = tcase_create("memory");

	tcase_set_timeout(gate, 30);
	tcase_add_test(gate, taps_are_shut_until_all_have_entered);
	tcase_add_test(gate, taps_that_wait_at_a_gate_reopen_first_in_first_out);
	tcase_add_test(gate, a_closed_tap_counts_the_time);
	tcase_add_test(gate, time_at_several_gates_counts_once);
	tcase_add_test(gate, a_connection_holds_at_most_its_window);
	tcase_set_timeout(memory, 60);
	tcase_add_test(memory, taps_read_only_while_there_is_memory);
	tcase_add_test(memory,
	    the_oldest_unfinished_frame_reads_on_when_memory_is_full);
	tcase_add_test(memory,
	    what_others_took_of_the_reserve_does_not_stop_the_oldest);
	tcase_add_test(memory,
	    the_oldest_is_closed_when_it_brings_nothing_for_a_second);
	tcase_add_test(memory, the_oldest_is_not_closed_while_it_brings_something);
	tcase_add_test(memory, the_oldest_is_not_closed_while_its_gate_is_shut);
	tcase_add_loop_test(memory, taps_end_wherever_they_wait, 0, 4);
	tcase_add_test(memory, a_stream_that_ends_is_read_to_its_end);
	suite_add_tcase(s, gate);
	suite_add_tcase(s, memory);
	return s;
}
