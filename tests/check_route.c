/* check_route.c - where data goes, who answers for it, and what is counted. */
#include "daemon/route.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/tree.h"
#include "daemon/worker.h"
#include "tests/machine.h"

static struct machine_thread *source;

static void
route_start(const char *daemon, const char *text)
{
	machine_start(daemon, text);
	machine_until(machine.ready);
	source = machine_thread("SourceThread");
}

static void
route_send(unsigned n)
{
	while (n-- > 0) {
		machine_send(source, 'x', 10);
		machine_settle();	/* one read, one batch */
	}
}

static uint64_t
route_dropped(const char *path, enum tt_reason reason)
{
	return machine_edge(path)->in.dropped[reason];
}

/* --- where data goes ----------------------------------------------------- */

/* The batch that users have seen, of each, and its counts at that time. */
static const struct tt_batch *route_seen[8];
static unsigned route_refs[8], route_owed[8], route_n;

static void
route_see(struct tt_thread *self, const struct tt_signal *sig)
{
	(void)self;
	ck_assert_uint_lt(route_n, 8);
	route_seen[route_n] = sig->batch;
	route_refs[route_n] = sig->batch->refs;
	route_owed[route_n++] = sig->batch->owed;
}

START_TEST(fan_out_to_k_users_is_k_references_and_no_copy)
{
	int i;

	route_start("",
	    "  SourceThread: {}\n"
	    "  SinkThread a: {done: by_test}\n"
	    "  SinkThread b: {done: by_test}\n"
	    "  SinkThread c: {done: by_test}\n"
	    "  TakerThread: {}\n");
	machine.on_data = route_see;
	route_send(1);
	ck_assert_uint_eq(route_n, 4);
	for (i = 1; i < 4; i++)
		ck_assert_ptr_eq(route_seen[i], route_seen[0]);
	/* The taker's is gone, the sinks' stand in their queues. */
	ck_assert_uint_eq(route_seen[0]->refs, 3);
	ck_assert_uint_eq(route_seen[0]->chunk->refs, 1);
	machine_done(machine_thread("SinkThread a"), 1);
	ck_assert_uint_eq(route_seen[0]->refs, 2);
	machine_done(machine_thread("SinkThread b"), 1);
	machine_done(machine_thread("SinkThread c"), 1);
	ck_assert_int_eq(machine.tree->memory.used, 0);
	machine_end();
}
END_TEST

START_TEST(data_runs_through_threads_without_handlers)
{
	route_start("",
	    "  GroupThread a:\n"
	    "    UP: [data, raw]\n"
	    "    GroupThread:\n"
	    "      UP: [raw, data]\n"
	    "      SourceThread: {UP: [data, raw]}\n"
	    "  GroupThread b:\n"
	    "    IN: raw\n"
	    "    TakerThread: {IN: raw}\n"
	    "    GroupThread: {IN: raw, TakerThread: {IN: raw}}\n"
	    "  GroupThread c: {IN: [data, raw], TakerThread: {IN: [raw, data]}}\n");
	source = machine_thread("GroupThread a/GroupThread/SourceThread");
	machine_send(source, '0', 1);
	machine_settle();
	ck_assert_uint_eq(machine_count("data", NULL), 1);
	ck_assert_uint_eq(machine_count("data", "GroupThread c/TakerThread"), 1);
	machine_send(source, '1', 1);
	machine_settle();
	ck_assert_uint_eq(machine_count("data", "GroupThread b/TakerThread"), 1);
	ck_assert_uint_eq(machine_count("data",
	    "GroupThread b/GroupThread/TakerThread"), 1);
	ck_assert_uint_eq(machine_count("data", "GroupThread c/TakerThread"), 2);
	machine_end();
}
END_TEST

START_TEST(a_sender_never_gets_its_own_data_back)
{
	struct tt_signal sig = { .type = TT_DATA };
	struct machine_thread *a;
	struct tt_origin *o;

	route_start("",
	    "  SourceThread: {}\n"
	    "  TakerThread a: {}\n"
	    "  TakerThread b: {}\n");
	a = machine_thread("TakerThread a");
	o = tt_origin_create(&machine.tree->memory, NULL, 1, "", "");
	sig.batch = tt_batch_create(o, NULL, 0);
	sig.channel = (uint16_t)source->thread.node->up_channel[0];
	tt_pass(machine.tree->root, &a->thread, &sig);
	tt_batch_unref(sig.batch);
	tt_origin_unref(o);
	machine_settle();
	ck_assert_uint_eq(machine_count("data", "TakerThread a"), 0);
	ck_assert_uint_eq(machine_count("data", "TakerThread b"), 1);
	machine_end();
}
END_TEST

START_TEST(each_thread_on_demand_gets_a_reference)
{
	int i;

	route_start("",
	    "  SourceThread: {}\n"
	    "  GroupThread: {IN: data, ViewerThread: {}}\n"
	    "  SinkThread: {}\n");
	route_send(1);		/* without viewers */
	ck_assert_uint_eq(machine_last("completed", "SourceThread"), 1);
	for (i = 0; i < 5; i++)
		machine_add("GroupThread", "ViewerThread");
	route_send(1);
	ck_assert_uint_eq(machine_count("data", NULL), 2 + 5);
	ck_assert_uint_eq(machine_last("completed", "SourceThread"), 2);
	machine_end();
}
END_TEST

START_TEST(ten_thousand_small_signals_run_through_a_deep_tree)
{
	char text[4096], *p = text;
	unsigned i;

	/* Ten levels up, and ten levels in again. */
	for (i = 0; i < 10; i++)
		p += sprintf(p, "%*sGroupThread up:\n%*sUP: data\n", 2 + 2 * (int)i,
		    "", 4 + 2 * (int)i, "");
	p += sprintf(p, "%*sSourceThread: {split: 1}\n", 22, "");
	for (i = 0; i < 10; i++)
		p += sprintf(p, "%*sGroupThread in:\n%*sIN: data\n", 2 + 2 * (int)i,
		    "", 4 + 2 * (int)i, "");
	sprintf(p, "%*sSinkThread: {}\n", 22, "");
	route_start("", text);
	source = machine_thread("GroupThread up/GroupThread up/GroupThread up/"
	    "GroupThread up/GroupThread up/GroupThread up/GroupThread up/"
	    "GroupThread up/GroupThread up/GroupThread up/SourceThread");
	for (i = 0; i < 10000; i += 50) {
		unsigned k;

		for (k = 0; k < 50; k++)
			machine_send(source, 'x', 1);
		machine_until(machine_count("completed", NULL) == i + 50);
	}
	ck_assert_uint_eq(machine_count("data", NULL), 10000);
	ck_assert_uint_eq(source->completed, 10000);
	machine_end();
}
END_TEST

/* --- who answers --------------------------------------------------------- */

START_TEST(owed_is_set_by_the_first_send_up_only)
{
	unsigned i;

	route_start("",
	    "  GroupThread:\n"
	    "    UP: data\n"
	    "    SourceThread: {UP: raw}\n"
	    "    FilterThread: {}\n"
	    "    SinkThread: {IN: data}\n"
	    "  SinkThread a: {}\n"
	    "  SinkThread b: {durable: false}\n"
	    "  GroupThread c: {IN: data, SinkThread: {}, TakerThread: {}}\n");
	source = machine_thread("GroupThread/SourceThread");
	machine.on_data = route_see;
	route_send(1);
	/* The filter's IN owes nothing; what it makes owes all that it reaches. */
	ck_assert_uint_eq(route_n, 6);
	ck_assert_uint_eq(route_owed[0], 0);
	ck_assert_ptr_ne(route_seen[0], route_seen[1]);
	ck_assert_uint_eq(route_owed[1], 3);
	for (i = 2; i < 6; i++) {
		ck_assert_ptr_eq(route_seen[i], route_seen[1]);
		ck_assert_uint_le(route_owed[i], 3);
	}
	ck_assert_uint_eq(machine_count("completed", "GroupThread/SourceThread"), 1);
	machine_end();
}
END_TEST

START_TEST(a_batch_is_complete_when_its_last_durable_user_has_answered)
{
	struct machine_thread *a, *b;

	route_start("",
	    "  SourceThread: {split: 4}\n"
	    "  SinkThread a: {done: by_test}\n"
	    "  SinkThread b: {done: by_test}\n"
	    "  SinkThread c: {done: by_test, durable: false}\n");
	a = machine_thread("SinkThread a");
	b = machine_thread("SinkThread b");
	route_send(3);			/* three frames each */
	machine_done(a, 2);
	ck_assert_uint_eq(machine_count("completed", NULL), 0);
	machine_done(b, 1);
	ck_assert_uint_eq(machine_last("completed", "SourceThread"), 3);
	machine_done(b, 2);
	ck_assert_uint_eq(machine_last("completed", "SourceThread"), 6);
	machine_done(a, 1);
	ck_assert_uint_eq(machine_last("completed", "SourceThread"), 9);
	ck_assert_uint_eq(machine_count("completed", NULL), 3);
	machine_done(machine_thread("SinkThread c"), 3);
	machine_end();
}
END_TEST

START_TEST(no_batch_is_complete_behind_one_that_was_dropped)
{
	struct machine_thread *a, *b;

	route_start("",
	    "  SourceThread: {}\n"
	    "  SinkThread a: {done: by_test, queue: {frames: 1, "
	    "when_full: drop_newest}}\n"
	    "  SinkThread b: {done: by_test}\n");
	a = machine_thread("SinkThread a");
	b = machine_thread("SinkThread b");
	route_send(3);
	ck_assert_uint_eq(route_dropped("SinkThread a", TT_REASON_DROP_NEWEST), 1);
	machine_done(b, 1);
	machine_done(a, 1);
	ck_assert_uint_eq(machine_last("completed", "SourceThread"), 1);
	machine_done(a, 1);
	machine_done(b, 2);
	ck_assert_uint_eq(machine_last("completed", "SourceThread"), 2);
	route_send(2);
	machine_done(a, 2);
	machine_done(b, 2);
	ck_assert_uint_eq(machine_count("completed", NULL), 2);
	ck_assert(source->origin->lost);
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

/* Frame 1 is in `a`, and 2 and 3 are lost there: once `b` has 1, that is all that
 * will ever be safe. */
START_TEST(who_waits_for_what_a_queue_lost_is_told_so)
{
	route_start("",
	    "  SourceThread: {}\n"
	    "  SinkThread a: {done: by_test, restart: off}\n"
	    "  SinkThread b: {done: by_test}\n");
	route_send(3);
	machine_until(machine_count("data", "SinkThread b") == 3);
	machine_done(machine_thread("SinkThread a"), 1);
	machine_fail("SinkThread a");
	machine_until(machine_count("in vain", NULL) == 1);
	ck_assert_uint_eq(machine_last("in vain", "SourceThread"), 2);
	ck_assert_uint_eq(machine_count("completed", NULL), 0);
	machine_done(machine_thread("SinkThread b"), 3);
	machine_until(machine.tree->phase == TT_ENDED);
	ck_assert_uint_eq(machine_count("completed", NULL), 1);
	ck_assert_uint_eq(machine_last("completed", "SourceThread"), 1);
	ck_assert_uint_eq(machine_count("in vain", NULL), 1);
	machine_end();
	ck_assert_int_eq(machine.status, 1);
}
END_TEST

/* And what comes meanwhile is not taken for it. */
START_TEST(what_a_thread_keeps_may_become_done_while_it_closes)
{
	struct machine_thread *sink;

	route_start("",
	    "  SourceThread: {}\n"
	    "  SinkThread: {done: by_test, closing: later, restart: off}\n");
	sink = machine_thread("SinkThread");
	route_send(2);
	tt_close(&sink->thread, TT_REASON_RESET);
	route_send(2);
	ck_assert_uint_eq(sink->n_held, 2);
	ck_assert_uint_eq(sink->thread.in.frames, 4);
	machine_done(sink, 1);
	machine_done(sink, 1);
	ck_assert_uint_eq(machine_last("completed", "SourceThread"), 2);
	machine_until(machine.tree->phase == TT_ENDED);
	ck_assert_uint_eq(route_dropped("SinkThread", TT_REASON_TERMINATED), 2);
	ck_assert_uint_eq(machine_count("completed", NULL), 2);
	machine_end();
	ck_assert_int_eq(machine.status, 1);	/* nobody had asked it to */
}
END_TEST

static void
route_close_origin(struct tt_thread *self, uint64_t seq)
{
	(void)seq;
	tt_close(self, TT_REASON_IDLE_TIMEOUT);
}

START_TEST(an_origin_may_close_when_it_is_told_or_be_gone_before)
{
	struct machine_thread *c[2];
	int i;

	route_start("",
	    "  ServerThread:\n"
	    "    ConnectionThread: {FrameThread: {}}\n"
	    "  SinkThread: {done: by_test}\n");
	for (i = 0; i < 2; i++) {
		c[i] = machine_connect("ServerThread");
		ck_assert_int_eq(write(c[i]->peer, "one\n", 4), 4);
	}
	machine_until(machine_count("data", NULL) == 2);
	close(c[0]->peer);
	c[0]->peer = -1;
	machine_until(machine_count("closed", "ServerThread/ConnectionThread#1") ==
	    1);
	machine.on_completed = route_close_origin;
	machine_done(machine_thread("SinkThread"), 2);
	machine_until(machine_count("closed", "ServerThread/ConnectionThread#2") ==
	    1);
	ck_assert_uint_eq(machine_count("completed", NULL), 1);
	machine_end();
}
END_TEST

/* --- the limit ----------------------------------------------------------- */

START_TEST(a_full_queue_shuts_the_gates_of_its_feeders_and_of_no_others)
{
	struct machine_thread *a, *b;
	unsigned i;

	route_start("",
	    "  SourceThread a: {}\n"
	    "  SourceThread b: {UP: other}\n"
	    "  SinkThread: {done: by_test, queue: {frames: 4}}\n"
	    "  TakerThread: {IN: [data, other]}\n");
	a = machine_thread("SourceThread a");
	b = machine_thread("SourceThread b");
	for (i = 0; i < 20; i++) {
		machine_send(a, 'a', 1);
		machine_send(b, 'b', 1);
		machine_settle();
		ck_assert_uint_eq(machine_shuts("SourceThread a"), i >= 4);
		ck_assert_uint_eq(machine_shuts("SourceThread b"), 0);
	}
	ck_assert_uint_eq(machine_count("data", "SinkThread"), 5);
	ck_assert_uint_eq(machine_count("data", "TakerThread"), 25);
	ck_assert(tt_is_over_limit(&machine_thread("SinkThread")->thread));
	/* Half of it is free again. */
	machine_done(machine_thread("SinkThread"), 2);
	ck_assert_uint_eq(machine_shuts("SourceThread a"), 1);
	machine_done(machine_thread("SinkThread"), 1);
	ck_assert_uint_eq(machine_shuts("SourceThread a"), 0);
	ck_assert_uint_eq(machine_last("over", "SinkThread"), 0);
	while (machine_count("data", "SinkThread") < 20) {
		machine_settle();
		machine_done(machine_thread("SinkThread"),
		    machine_thread("SinkThread")->n_held);
	}
	ck_assert_uint_eq(machine_last("data", "SinkThread"), 20);
	machine_settle();
	machine_done(machine_thread("SinkThread"),
	    machine_thread("SinkThread")->n_held);
	ck_assert_uint_eq(machine_last("completed", "SourceThread a"), 20);
	machine_end();
}
END_TEST

START_TEST(a_full_queue_that_ends_opens_the_gates)
{
	struct tt_error err = { "told to" };

	route_start("",
	    "  SourceThread: {}\n"
	    "  GroupThread: {IN: data, restart: off, SinkThread: {done: by_test, "
	    "restart: off, queue: {frames: 1}}}\n");
	route_send(3);
	ck_assert_uint_eq(machine_shuts("SourceThread"), 1);
	tt_fail(&machine_thread("GroupThread/SinkThread")->thread, &err);
	machine_until(machine.tree->phase == TT_ENDED);
	ck_assert_uint_eq(machine_shuts("SourceThread"), 1);	/* the stop's */
	ck_assert_uint_eq(machine_count("over", NULL), 1);	/* and none when gone */
	machine_end();
	ck_assert_int_eq(machine.status, 1);
}
END_TEST

START_TEST(drop_oldest_counts_each_frame_and_keeps_the_newest)
{
	struct machine_thread *sink;

	route_start("",
	    "  SourceThread: {split: 5}\n"
	    "  SinkThread: {done: by_test, durable: false, queue: {frames: 6, "
	    "when_full: drop_oldest}}\n"
	    "  SlowThread: {done: by_test, durable: false, queue: {frames: 6, "
	    "when_full: drop_oldest}}\n");
	sink = machine_thread("SinkThread");
	route_send(1);
	machine_until(machine_count("data", "SlowThread") == 1);
	route_send(9);			/* two frames each */
	/* The sink has taken all: there is nothing that could be dropped. */
	ck_assert_uint_eq(route_dropped("SinkThread", TT_REASON_DROP_OLDEST), 0);
	machine_done(sink, 10);
	machine_permit(10);
	machine_until(tt_tree_outstanding(machine.tree) == 0);
	ck_assert_uint_eq(machine_edge("SlowThread")->in.frames_out +
	    route_dropped("SlowThread", TT_REASON_DROP_OLDEST), 20);
	ck_assert_uint_eq(machine_last("data", "SlowThread"), 19);
	ck_assert_uint_eq(machine_shuts("SourceThread"), 0);
	machine_end();
}
END_TEST

START_TEST(drop_newest_counts_each_frame_and_keeps_the_oldest)
{
	route_start("",
	    "  SourceThread: {split: 5}\n"
	    "  SinkThread: {done: by_test, durable: false, queue: {frames: 5, "
	    "when_full: drop_newest}}\n");
	route_send(10);
	ck_assert_uint_eq(route_dropped("SinkThread", TT_REASON_DROP_NEWEST), 14);
	ck_assert_uint_eq(machine_last("data", "SinkThread"), 5);
	machine_done(machine_thread("SinkThread"), 3);
	route_send(1);
	ck_assert_uint_eq(machine_last("data", "SinkThread"), 21);
	machine_done(machine_thread("SinkThread"), 1);
	ck_assert_uint_eq(machine_edge("SinkThread")->in.frames_out, 8);
	machine_end();
}
END_TEST

/* --- a kind that blocks -------------------------------------------------- */

START_TEST(a_blocking_thread_says_done_in_order_and_completes)
{
	unsigned i;

	route_start("", "  SourceThread: {}\n  SlowThread: {done: by_test}\n");
	for (i = 0; i < 50; i++)
		machine_send(source, 'x', 100);
	machine_until(machine_count("data", "SlowThread") == 1);
	machine_settle();
	ck_assert_uint_eq(machine_count("completed", NULL), 0);
	for (i = 1; i <= 50; i++) {
		machine_permit(1);
		machine_until(source->completed == i);
		ck_assert_uint_eq(machine_count("completed", NULL), i);
	}
	machine_end();
}
END_TEST

START_TEST(a_blocking_threads_limit_shuts_and_opens_the_gates)
{
	unsigned i;

	route_start("", "  SourceThread: {}\n"
	    "  SlowThread: {done: by_test, queue: {frames: 10}}\n");
	for (i = 0; i < 50; i++)
		machine_send(source, 'x', 100);
	machine_until(machine_count("data", "SlowThread") == 1);
	machine_settle();
	ck_assert_uint_eq(machine_shuts("SourceThread"), 1);
	ck_assert_uint_eq(machine_thread("SlowThread")->thread.in.frames, 11);
	machine_permit(5);
	machine_until(machine_count("completed", NULL) == 5);
	machine_settle();
	ck_assert_uint_eq(machine_shuts("SourceThread"), 1);
	machine_permit(45);
	machine_until(source->completed == 50);
	ck_assert_uint_eq(machine_shuts("SourceThread"), 0);
	machine_end();
}
END_TEST

START_TEST(a_blocking_thread_is_terminated_behind_its_data_however_small_its_queue)
{
	static const char *const queues[] = {
		"bytes: 1", "bytes: 1, when_full: drop_oldest",
		"bytes: 1, when_full: drop_newest", "frames: 1, when_full: drop_oldest",
		"bytes: 8MiB",
	};
	char text[256];
	unsigned i;

	snprintf(text, sizeof text, "  SourceThread: {}\n"
	    "  GroupThread:\n"
	    "    IN: data\n"
	    "    SlowThread: {done: by_test, durable: false, queue: {%s}}\n",
	    queues[_i]);
	route_start("", text);
	for (i = 0; i < 20; i++)
		machine_send(source, 'x', 100);
	machine_until(machine_count("data", NULL) == 1);
	machine_settle();
	tt_tree_stop(machine.tree);
	machine_permit(20);
	machine_until(machine.tree->phase == TT_ENDED);
	ck_assert_uint_eq(route_dropped("GroupThread/SlowThread",
	    TT_REASON_TERMINATED), 0);
	machine_assert_order("data", "GroupThread/SlowThread", "closing",
	    "GroupThread/SlowThread");
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

/* --- everything at once -------------------------------------------------- */

static const char route_zoo[] =
    "  SourceThread a: {split: 3}\n"
    "  SourceThread b: {UP: [raw, data]}\n"
    "  FilterThread: {}\n"
    "  ServerThread:\n"
    "    ConnectionThread: {FrameThread: {}}\n"
    "    SinkThread: {IN: data, done: by_test, queue: {frames: 30}}\n"
    "  GroupThread:\n"
    "    IN: data\n"
    "    ViewerThread: {}\n"
    "    SinkThread: {done: by_test, queue: {bytes: 3KiB}}\n"
    "    SlowThread: {done: by_test, queue: {frames: 20}}\n"
    "  SinkThread o: {durable: false, done: by_test, queue: {frames: 9, "
    "when_full: drop_oldest}}\n"
    "  SinkThread n: {durable: false, done: by_test, queue: {frames: 9, "
    "when_full: drop_newest}}\n"
    "  SlowThread: {durable: false, queue: {frames: 9, when_full: drop_oldest}}\n";

static void
route_zoo_done(const char *path, unsigned by)
{
	struct machine_thread *sink = machine_thread(path);

	if (sink->n_held > 0)
		machine_done(sink, 1 + by % sink->n_held);
}

static void
route_zoo_connections(unsigned by)
{
	struct machine_thread *server = machine_thread("ServerThread"), *c;
	struct tt_thread *t;

	if (by % 4 == 0)
		machine_connect("ServerThread");
	for (t = server->thread.children; t != NULL; t = t->next) {
		c = (struct machine_thread *)t;
		if (t->id == 0 || c->peer < 0 || (t->id + by) % 3 != 0)
			continue;
		if (write(c->peer, "line\n\nhalf a li", 5 + by % 10) < 0 || by % 16 == 7) {
			close(c->peer);
			c->peer = -1;
		}
	}
}

/* machine_turn() adds up after each turn. */
START_TEST(what_goes_in_comes_out_or_is_counted_under_any_traffic)
{
	static const char *const sinks[] = { "ServerThread/SinkThread",
	    "GroupThread/SinkThread", "SinkThread o", "SinkThread n" };
	unsigned seed = (unsigned)_i + 1, i, k;

	route_start("memory: 2MiB", route_zoo);
	for (i = 0; i < 600; i++) {
		unsigned by = (unsigned)rand_r(&seed) >> 4;

		if (by % 3 == 0 && machine_shuts("SourceThread a") == 0)
			machine_send(machine_thread("SourceThread a"), 'a',
			    1 + by % 200);
		if (by % 5 == 0 && machine_shuts("SourceThread b") == 0)
			machine_send(machine_thread("SourceThread b"),
			    '0' + (int)(by / 8 % 2), 1 + by % 50);
		route_zoo_connections(by / 8);
		for (k = 0; k < 4; k++)
			if ((by >> (2 * k)) % 4 == 0)
				route_zoo_done(sinks[k], by / 64);
		if (by % 40 == 0)
			machine_add("GroupThread", "ViewerThread");
		if (by % 7 == 0)
			machine_permit(by % 5);
		machine_wake();
		machine_turn();
	}
	machine_permit(100000);
	tt_tree_stop(machine.tree);
	if (_i % 4 == 3)
		tt_tree_stop(machine.tree);	/* in a hurry */
	while (machine.tree->phase == TT_DRAINING) {
		for (k = 0; k < 4; k++)
			route_zoo_done(sinks[k], 1000000);
		machine_settle();
	}
	machine_until(machine.tree->phase == TT_ENDED);
	for (k = 0; k < 4 && _i % 4 != 3; k++)
		ck_assert_uint_eq(route_dropped(sinks[k], TT_REASON_TERMINATED), 0);
	machine_end();
	ck_assert_int_eq(machine.status, _i % 4 == 3);
}
END_TEST

Suite *check_route_suite(void);

Suite *
check_route_suite(void)
{
	Suite *s = suite_create("route");
	TCase *ways = tcase_create("ways"), *answers = tcase_create("answers");
	TCase *limit = tcase_create("limit"), *blocking = tcase_create("blocking");

	tcase_set_timeout(ways, 60);
	tcase_add_test(ways, fan_out_to_k_users_is_k_references_and_no_copy);
	tcase_add_test(ways, data_runs_through_threads_without_handlers);
	tcase_add_test(ways, a_sender_never_gets_its_own_data_back);
	tcase_add_test(ways, each_thread_on_demand_gets_a_reference);
	tcase_add_test(ways, ten_thousand_small_signals_run_through_a_deep_tree);
	tcase_set_timeout(answers, 30);
	tcase_add_test(answers, owed_is_set_by_the_first_send_up_only);
	tcase_add_test(answers,
	    a_batch_is_complete_when_its_last_durable_user_has_answered);
	tcase_add_test(answers, no_batch_is_complete_behind_one_that_was_dropped);
	tcase_add_test(answers, who_waits_for_what_a_queue_lost_is_told_so);
	tcase_add_test(answers,
	    what_a_thread_keeps_may_become_done_while_it_closes);
	tcase_add_test(answers,
	    an_origin_may_close_when_it_is_told_or_be_gone_before);
	tcase_set_timeout(limit, 60);
	tcase_add_test(limit,
	    a_full_queue_shuts_the_gates_of_its_feeders_and_of_no_others);
	tcase_add_test(limit, a_full_queue_that_ends_opens_the_gates);
	tcase_add_test(limit, drop_oldest_counts_each_frame_and_keeps_the_newest);
	tcase_add_test(limit, drop_newest_counts_each_frame_and_keeps_the_oldest);
	tcase_add_loop_test(limit,
	    what_goes_in_comes_out_or_is_counted_under_any_traffic, 0, 12);
	tcase_set_timeout(blocking, 30);
	tcase_add_test(blocking, a_blocking_thread_says_done_in_order_and_completes);
	tcase_add_test(blocking, a_blocking_threads_limit_shuts_and_opens_the_gates);
	tcase_add_loop_test(blocking,
	    a_blocking_thread_is_terminated_behind_its_data_however_small_its_queue,
	    0, 5);
	suite_add_tcase(s, ways);
	suite_add_tcase(s, answers);
	suite_add_tcase(s, limit);
	suite_add_tcase(s, blocking);
	return s;
}
