/* check_rest.c - threads that fail, and what becomes of them and of their data. */
#include "daemon/rest.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/worker.h"
#include "tests/machine.h"

/* Often, and soon; and not soon at all. */
#define SOON "restart: {max: 100, backoff: 1ms..3ms}"
#define LATE "restart: {max: 100, backoff: 1h..1h}"

static void
rest_start(const char *text)
{
	machine_start("", text);
	machine_until(machine.ready);
	machine_settle();
}

static void
rest_send(unsigned n)
{
	while (n-- > 0)
		machine_send(machine_thread("SourceThread"), 'x', 5);
}

/* Nothing was dropped, on any edge. */
static void
rest_check_nothing_dropped(void)
{
	const struct tt_edge *e;
	unsigned i, k;

	for (i = 0; i < machine.doc->n_nodes; i++) {
		e = &machine.tree->main->edges[i];
		for (k = 0; k < TT_REASONS; k++)
			ck_assert_msg(e->in.dropped[k] == 0 && e->up.dropped[k] == 0,
			    "%s", machine.doc->nodes[i]->path);
	}
}

/* The source was told of all N, each once and in order. */
static void
rest_check_completed(unsigned n)
{
	uint64_t next = 1;
	unsigned i;

	pthread_mutex_lock(&machine.mutex);
	for (i = 0; i < machine.n_events; i++)
		if (strcmp(machine.events[i].what, "completed") == 0)
			ck_assert_uint_eq(machine.events[i].n, next++);
	pthread_mutex_unlock(&machine.mutex);
	ck_assert_uint_eq(next - 1, n);
}

/* --- data ---------------------------------------------------------------- */

static const struct {
	const char *text, *path;
} rest_sinks[] = {
	{ "  SourceThread: {}\n  SinkThread: {" SOON "}\n", "SinkThread" },
	{ "  SourceThread: {}\n  SlowThread: {" SOON "}\n", "SlowThread" },
	{ "  SourceThread: {}\n"
	  "  GroupThread: {IN: data, SinkThread: {" SOON "}, TakerThread: {}}\n",
	  "GroupThread/SinkThread" },
	/* The failure goes up: its parent is started again with it. */
	{ "  SourceThread: {}\n"
	  "  GroupThread: {IN: data, " SOON ", SinkThread: {restart: off}}\n",
	  "GroupThread/SinkThread" },
	{ "  SourceThread: {}\n"
	  "  GroupThread: {IN: data, " SOON ", SlowThread: {restart: off}, "
	  "TakerThread: {}}\n", "GroupThread/SlowThread" },
	{ "  SourceThread: {}\n"
	  "  GroupThread: {IN: data, " SOON ", GroupThread: {IN: data, restart: off, "
	  "SlowThread: {restart: off}}, TakerThread: {}}\n",
	  "GroupThread/GroupThread/SlowThread" },
};

#define REST_SINKS (int)(sizeof rest_sinks / sizeof rest_sinks[0])

START_TEST(a_sink_that_fails_gets_all_that_is_not_done_again)
{
	const char *path = rest_sinks[_i % REST_SINKS].path;
	unsigned nth = 1 + (unsigned)(_i / REST_SINKS) * 3;

	rest_start(rest_sinks[_i % REST_SINKS].text);
	machine_fail_at(path, nth);
	rest_send(10);
	machine_until(machine_last("completed", "SourceThread") == 10);
	ck_assert_uint_eq(machine_count("enter", path), 2);
	ck_assert_uint_eq(machine_count("exit", path), 1);
	ck_assert_uint_eq(machine_count("closed", path), 1);
	rest_send(5);
	machine_until(machine_last("completed", "SourceThread") == 15);
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

START_TEST(each_batch_is_answered_once_however_often_its_sink_fails)
{
	const char *path = rest_sinks[_i].path;
	unsigned sent = 0;
	int i;

	rest_start(rest_sinks[_i].text);
	for (i = 0; i < 30; i++) {
		machine_fail_at(path, 1 + (unsigned)i % 4);
		rest_send(4);
		sent += 4;
		machine_until(machine_last("completed", "SourceThread") == sent);
	}
	ck_assert_uint_eq(machine_count("enter", path), 31);
	rest_check_completed(sent);
	rest_check_nothing_dropped();
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

START_TEST(what_was_done_before_the_failure_does_not_come_again)
{
	struct machine_thread *sink;
	unsigned i, n = 0;

	rest_start("  SourceThread: {}\n  SinkThread: {done: by_test, " SOON "}\n");
	sink = machine_thread("SinkThread");
	rest_send(5);
	machine_until(machine_count("data", "SinkThread") == 5);
	machine_done(sink, 2);
	machine_fail("SinkThread");
	rest_send(2);
	machine_until(machine_count("data", "SinkThread") == 10);
	ck_assert_ptr_eq(machine_thread("SinkThread"), sink);
	machine_done(sink, 5);
	machine_settle();
	for (i = 0; i < machine.n_events; i++)
		if (strcmp(machine.events[i].what, "data") == 0) {
			n++;
			ck_assert_uint_eq(machine.events[i].n, n <= 5 ? n : n - 3);
		}
	rest_check_completed(7);
	ck_assert_uint_eq(machine_edge("SinkThread")->in.frames_in, 7);
	ck_assert_uint_eq(machine_edge("SinkThread")->in.frames_out, 7);
	ck_assert_uint_eq(machine_edge("SinkThread")->restarts, 1);
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

START_TEST(while_it_is_down_its_queue_fills_and_shuts_the_gates)
{
	rest_start("  SourceThread: {}\n"
	    "  SinkThread: {" LATE ", queue: {frames: 3}}\n");
	machine_fail("SinkThread");
	machine_settle();
	ck_assert(machine_thread("SinkThread")->thread.home.resting);
	rest_send(10);
	machine_settle();
	ck_assert_uint_eq(machine_shuts("SourceThread"), 1);
	ck_assert_uint_eq(machine_thread("SinkThread")->thread.in.frames, 4);
	/* The stop starts it at once, and nothing is lost. */
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

START_TEST(while_it_is_down_it_drops_as_its_policy_says)
{
	rest_start("  SourceThread: {}\n"
	    "  SinkThread: {durable: false, " LATE ", "
	    "queue: {frames: 3, when_full: drop_oldest}}\n");
	machine_fail("SinkThread");
	machine_settle();
	rest_send(10);
	machine_settle();
	ck_assert_uint_eq(machine_shuts("SourceThread"), 0);
	ck_assert_uint_eq(machine_edge("SinkThread")->in.dropped
	    [TT_REASON_DROP_OLDEST], 6);
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

START_TEST(what_goes_through_a_thread_that_failed_waits_within_a_limit)
{
	unsigned i;

	rest_start("  SourceThread: {}\n"
	    "  GroupThread: {IN: data, restart: {backoff: 2s..2s}, TakerThread: {}}\n");
	machine_fail("GroupThread");
	machine_until(machine_thread("GroupThread")->thread.home.resting);
	ck_assert_uint_eq(machine_count("exit", "GroupThread/TakerThread"), 1);
	for (i = 0; machine_shuts("SourceThread") == 0; i++) {
		machine_send(machine_thread("SourceThread"), 'x', 100000);
		machine_settle();
	}
	ck_assert_uint_ge(i, 80);
	ck_assert_uint_le(i, 90);
	machine_until(machine_count("data", "GroupThread/TakerThread") == i);
	ck_assert_uint_eq(machine_shuts("SourceThread"), 0);
	machine_assert_order("exit", "GroupThread", "data", "GroupThread/TakerThread");
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

/* --- life ---------------------------------------------------------------- */

START_TEST(a_parent_that_fails_comes_again_with_its_children)
{
	rest_start(
	    "  SourceThread: {UP: raw}\n"
	    "  GroupThread:\n"
	    "    IN: raw\n"
	    "    " SOON "\n"
	    "    FilterThread: {}\n"
	    "    GroupThread: {IN: data, SlowThread: {}, TakerThread: {}}\n");
	machine_fail("GroupThread");
	machine_until(machine_count("enter", "GroupThread/FilterThread") == 2);
	machine_assert_order("exit", "GroupThread/FilterThread", "exit",
	    "GroupThread/GroupThread");
	machine_assert_order("exit", "GroupThread/GroupThread/SlowThread", "exit",
	    "GroupThread/GroupThread");
	machine_assert_order("exit", "GroupThread/GroupThread", "exit", "GroupThread");
	ck_assert_uint_eq(machine_count("enter", "GroupThread"), 2);
	ck_assert_uint_eq(machine_count("enter", "GroupThread/GroupThread"), 2);
	ck_assert_uint_eq(machine_count("closing", "GroupThread"), 0);
	ck_assert_uint_eq(machine_count("closing", "GroupThread/GroupThread"), 1);
	rest_send(3);
	machine_until(machine_last("completed", "SourceThread") == 3);
	ck_assert_uint_eq(machine_edge("GroupThread")->restarts, 1);
	ck_assert_uint_eq(machine_edge("GroupThread/FilterThread")->restarts, 0);
	ck_assert_uint_eq(machine_count("enter", "SourceThread"), 1);
	rest_check_nothing_dropped();
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

/* It fails by itself before it sees that it is to end with its parent: the next life
 * is not told to end. */
START_TEST(a_thread_that_fails_while_its_parent_does_comes_again_once)
{
	rest_start("  SourceThread: {}\n"
	    "  GroupThread: {IN: data, " SOON ", SlowThread: {done: by_test, " SOON
	    "}}\n");
	machine_fail_at("GroupThread/SlowThread", 2);
	rest_send(2);
	machine_until(machine_count("data", "GroupThread/SlowThread") == 1);
	machine_settle();
	machine_fail("GroupThread");
	machine_settle();
	machine_permit(2);
	machine_until(machine_last("completed", "SourceThread") == 2);
	machine_permit(2);
	rest_send(2);
	machine_until(machine_last("completed", "SourceThread") == 4);
	ck_assert_uint_eq(machine_count("enter", "GroupThread/SlowThread"), 2);
	ck_assert_uint_eq(machine_count("enter", "GroupThread"), 2);
	ck_assert_uint_eq(machine_edge("GroupThread/SlowThread")->restarts, 0);
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

START_TEST(a_server_that_fails_closes_its_connections_and_takes_new_ones)
{
	rest_start(
	    "  ServerThread:\n"
	    "    " SOON "\n"
	    "    ConnectionThread: {FrameThread: {}}\n"
	    "  SinkThread: {}\n");
	machine_connect("ServerThread");
	machine_connect("ServerThread");
	machine_fail("ServerThread");
	machine_until(machine_count("enter", "ServerThread") == 2);
	ck_assert_uint_eq(machine_count("closed", "ServerThread/ConnectionThread#1"), 1);
	ck_assert_uint_eq(machine_count("closed", "ServerThread/ConnectionThread#2"), 1);
	ck_assert_ptr_null(machine_thread("ServerThread")->thread.children);
	ck_assert_ptr_nonnull(machine_connect("ServerThread"));
	machine_settle();
	ck_assert_uint_eq(machine_count("enter",
	    "ServerThread/ConnectionThread#3/FrameThread"), 1);
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

/* Whether it was closing before, or does now: who would answer it may be waiting for
 * the server that waits for it. */
START_TEST(a_server_that_fails_waits_for_no_connection_s_last_counts)
{
	struct machine_thread *other;

	rest_start(
	    "  ServerThread:\n"
	    "    " SOON "\n"
	    "    ConnectionThread: {closing: later, FrameThread: {}}\n"
	    "  SinkThread: {}\n");
	machine_connect("ServerThread");
	other = machine_connect("ServerThread");
	tt_close(&other->thread, TT_REASON_PEER);
	machine_until(machine_count("closing", "ServerThread/ConnectionThread#2") == 1);
	machine_settle();
	ck_assert_uint_eq(machine_count("in vain", NULL), 0);
	machine_fail("ServerThread");
	machine_until(machine_count("enter", "ServerThread") == 2);
	ck_assert_uint_eq(machine_last("in vain", "ServerThread/ConnectionThread#1"), 1);
	ck_assert_uint_eq(machine_last("in vain", "ServerThread/ConnectionThread#2"), 1);
	ck_assert_uint_eq(machine_count("hurry", NULL), 0);
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

START_TEST(a_connection_that_fails_is_closed_and_not_restarted)
{
	rest_start(
	    "  ServerThread:\n"
	    "    ConnectionThread: {FrameThread: {}}\n"
	    "  SinkThread: {}\n");
	machine_connect("ServerThread");
	machine_connect("ServerThread");
	machine_fail("ServerThread/ConnectionThread#1");
	machine_fail("ServerThread/ConnectionThread#2/FrameThread");
	machine_until(machine_count("closed", "ServerThread/ConnectionThread#1") +
	    machine_count("closed", "ServerThread/ConnectionThread#2") == 2);
	machine_settle();
	ck_assert_uint_eq(machine_count("enter", NULL), 3 + 4);
	ck_assert_int_eq(machine.tree->phase, TT_READY);
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

START_TEST(a_thread_may_fail_to_enter_again_a_few_times)
{
	const char *path = rest_sinks[_i].path;

	rest_start(rest_sinks[_i].text);
	machine_fail_to_enter(path, 3);
	machine_fail(path);
	rest_send(3);
	machine_until(machine_last("completed", "SourceThread") == 3);
	ck_assert_uint_eq(machine_count("enter", path), 5);
	ck_assert_uint_eq(machine_count("exit", path), 4);
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

START_TEST(a_thread_that_ends_unasked_is_started_again)
{
	rest_start("  SourceThread: {}\n  TakerThread: {" SOON "}\n");
	tt_close(&machine_thread("TakerThread")->thread, TT_REASON_RESET);
	machine_until(machine_count("enter", "TakerThread") == 2);
	rest_send(1);
	machine_until(machine_count("data", "TakerThread") == 1);
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

START_TEST(a_source_that_fails_has_a_new_origin)
{
	uint64_t connection;

	rest_start("  SourceThread: {" SOON "}\n  SinkThread: {}\n");
	rest_send(2);
	machine_until(machine_count("data", "SinkThread") == 2);
	connection = machine_thread("SourceThread")->origin->connection;
	machine_fail("SourceThread");
	machine_until(machine_count("enter", "SourceThread") == 2);
	rest_send(1);
	machine_until(machine_count("data", "SinkThread") == 3);
	ck_assert_uint_ne(machine_thread("SourceThread")->origin->connection,
	    connection);
	ck_assert_uint_eq(machine_last("data", "SinkThread"), 1);
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

START_TEST(the_timer_thread_goes_on_after_a_failure)
{
	rest_start("  TimerThread: {every: 10ms, text: x, " SOON "}\n"
	    "  TakerThread: {}\n");
	machine_until(machine_last("data", "TakerThread") == 3);
	machine_fail("TimerThread");
	machine_until(machine_last("data", "TakerThread") == 1);
	machine_until(machine_last("data", "TakerThread") == 3);
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

/* --- the start ----------------------------------------------------------- */

START_TEST(who_was_up_is_started_again_while_others_still_enter)
{
	rest_start("  SourceThread: {}\n  TakerThread: {" SOON "}\n");
	machine_end();
	machine_start("", "  SourceThread: {}\n"
	    "  TakerThread a: {enter: later, " SOON "}\n"
	    "  SlowThread b: {" SOON "}\n");
	machine_until(machine_count("enter", "TakerThread a") == 1);
	machine_fail("SlowThread b");
	machine_until(machine_count("enter", "SlowThread b") == 2);
	machine_settle();
	ck_assert(!machine.ready);
	ck_assert_uint_eq(machine_count("enter", "SourceThread"), 0);
	tt_entered(&machine_thread("TakerThread a")->thread, NULL);
	machine_until(machine.ready);
	machine_until(machine_thread("SlowThread b")->thread.home.open);
	ck_assert_uint_eq(machine_count("enter", "SourceThread"), 1);
	ck_assert_uint_eq(machine_count("enter", "TakerThread a"), 1);
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

/* --- the limit ----------------------------------------------------------- */

static void
rest_until_ended(void)
{
	machine_until(machine.tree->phase == TT_ENDED);
}

START_TEST(one_failure_too_many_ends_the_daemon_with_status_1)
{
	static const char *const kinds[] = { "SinkThread", "SlowThread" };
	unsigned i;
	char text[200];

	snprintf(text, sizeof text, "  SourceThread: {}\n  %s: {done: %s, restart: "
	    "{max: 3, backoff: 1ms..1ms}}\n  SinkThread b: {}\n", kinds[_i],
	    _i == 0 ? "by_test" : "never");
	rest_start(text);
	rest_send(2);
	machine_until(machine_count("data", kinds[_i]) == 2);
	for (i = 1; i <= 3; i++) {
		machine_fail(kinds[_i]);
		machine_until(machine_count("data", kinds[_i]) == 2 + 2 * i);
	}
	machine_fail(kinds[_i]);
	rest_until_ended();
	ck_assert_uint_eq(machine_count("enter", kinds[_i]), 4);
	ck_assert_uint_eq(machine_edge(kinds[_i])->restarts, 3);
	ck_assert_uint_eq(machine_edge(kinds[_i])->in.dropped[TT_REASON_TERMINATED], 2);
	ck_assert_uint_eq(machine_count("data", "SinkThread b"), 2);
	ck_assert_uint_eq(machine_count("completed", NULL), 0);
	machine_end();
	ck_assert_int_eq(machine.status, 1);
}
END_TEST

START_TEST(a_parent_has_limits_of_its_own)
{
	unsigned i;

	rest_start(
	    "  SourceThread: {}\n"
	    "  GroupThread:\n"
	    "    IN: data\n"
	    "    restart: {max: 2, backoff: 1ms..1ms}\n"
	    "    SinkThread: {restart: {max: 1, backoff: 1ms..1ms}}\n"
	    "    SlowThread: {}\n");
	/* The second, the fourth and the sixth go up; the sixth to the end. */
	for (i = 1; i <= 5; i++) {
		machine_fail("GroupThread/SinkThread");
		rest_send(1);
		machine_until(machine_last("completed", "SourceThread") == i);
		ck_assert_uint_eq(machine_count("enter", "GroupThread"), 1 + i / 2);
	}
	machine_fail("GroupThread/SinkThread");
	rest_until_ended();
	ck_assert_uint_eq(machine_count("enter", "GroupThread"), 3);
	ck_assert_uint_eq(machine_count("enter", "GroupThread/SinkThread"), 6);
	ck_assert_uint_eq(machine_count("exit", "GroupThread/SlowThread"), 3);
	rest_check_nothing_dropped();
	machine_end();
	ck_assert_int_eq(machine.status, 1);
}
END_TEST

/* --- the stop ------------------------------------------------------------ */

START_TEST(a_stop_starts_what_rests_at_once_so_that_it_can_be_drained)
{
	char text[256];

	snprintf(text, sizeof text, _i == 2 ?
	    "  SourceThread: {}\n  GroupThread: {IN: data, " LATE ", %s: {}}\n" :
	    "  SourceThread: {}\n  %s: {" LATE "}\n",
	    _i == 1 ? "SlowThread" : "SinkThread");
	rest_start(text);
	machine_fail(_i == 0 ? "SinkThread" : _i == 1 ? "SlowThread" : "GroupThread");
	machine_until(machine.tree->root->children->home.resting ||
	    machine.tree->root->children->next->home.resting);
	rest_send(3);
	machine_settle();
	ck_assert_uint_eq(machine_count("data", NULL), 0);
	tt_tree_stop(machine.tree);
	rest_until_ended();
	ck_assert_uint_eq(machine_last("completed", "SourceThread"), 3);
	rest_check_nothing_dropped();
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

START_TEST(a_stop_does_not_start_sources_again)
{
	rest_start("  SourceThread: {" LATE "}\n  SinkThread: {done: by_test}\n");
	rest_send(1);
	machine_until(machine_count("data", "SinkThread") == 1);
	machine_fail("SourceThread");
	machine_settle();
	tt_tree_stop(machine.tree);
	machine_settle();
	ck_assert_int_eq(machine.tree->phase, TT_DRAINING);
	machine_done(machine_thread("SinkThread"), 1);
	rest_until_ended();
	ck_assert_uint_eq(machine_count("enter", "SourceThread"), 1);
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

START_TEST(a_second_stop_waits_for_no_pause)
{
	rest_start("  SourceThread: {}\n  SinkThread: {" LATE "}\n"
	    "  GroupThread: {IN: data, " LATE ", SlowThread: {restart: off, "
	    "done: never}}\n");
	rest_send(2);
	machine_until(machine_count("data", "GroupThread/SlowThread") == 2);
	machine_fail("SinkThread");
	machine_fail("GroupThread/SlowThread");
	machine_until(machine_thread("GroupThread")->thread.home.resting);
	rest_send(2);
	machine_settle();
	machine_fail_to_enter("SinkThread", 1);
	tt_tree_stop(machine.tree);
	machine_settle();
	tt_tree_stop(machine.tree);
	rest_until_ended();
	ck_assert_uint_eq(machine_edge("SinkThread")->in.dropped
	    [TT_REASON_TERMINATED], 2);
	/* Two waited for the group, or are past it by now. */
	ck_assert_uint_eq(machine_edge("GroupThread/SlowThread")->in.dropped
	    [TT_REASON_TERMINATED] + machine_edge("GroupThread")->in.dropped
	    [TT_REASON_TERMINATED], 4);
	machine_end();
	ck_assert_int_eq(machine.status, 1);
}
END_TEST

START_TEST(one_that_fails_while_the_daemon_drains_has_its_chances)
{
	const char *path = rest_sinks[_i].path;

	rest_start(rest_sinks[_i].text);
	machine_fail_at(path, 2);
	rest_send(6);
	machine_fail_to_enter(path, 2);
	tt_tree_stop(machine.tree);
	rest_until_ended();
	ck_assert_uint_eq(machine_last("completed", "SourceThread"), 6);
	rest_check_nothing_dropped();
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

START_TEST(one_that_is_given_up_while_the_daemon_drains_makes_the_status_1)
{
	rest_start("  SourceThread: {}\n"
	    "  SinkThread: {done: by_test, restart: {max: 2, backoff: 1ms..1ms}}\n");
	rest_send(4);
	machine_until(machine_count("data", "SinkThread") == 4);
	tt_tree_stop(machine.tree);
	machine_fail_to_enter("SinkThread", 100);
	machine_fail("SinkThread");
	rest_until_ended();
	ck_assert_uint_eq(machine_count("enter", "SinkThread"), 3);
	ck_assert_uint_eq(machine_edge("SinkThread")->in.dropped
	    [TT_REASON_TERMINATED], 4);
	machine_end();
	ck_assert_int_eq(machine.status, 1);
}
END_TEST

START_TEST(stop_timeout_ends_a_pause)
{
	machine_start("stop_timeout: 50ms", "  SourceThread: {}\n"
	    "  SinkThread: {" LATE "}\n");
	machine_until(machine.ready);
	machine_fail("SinkThread");
	machine_settle();
	rest_send(1);
	machine_settle();
	machine_fail_to_enter("SinkThread", 1);
	tt_tree_stop(machine.tree);
	rest_until_ended();
	ck_assert_uint_eq(machine_edge("SinkThread")->in.dropped
	    [TT_REASON_TERMINATED], 1);
	machine_end();
	ck_assert_int_eq(machine.status, 1);
}
END_TEST

START_TEST(a_stop_while_a_thread_that_failed_still_ends)
{
	rest_start("  SourceThread: {}\n"
	    "  GroupThread: {IN: data, " SOON ", TakerThread: {closing: later}, "
	    "SinkThread: {}}\n");
	machine_fail("GroupThread");
	machine_until(machine_count("closing", "GroupThread/TakerThread") == 1);
	rest_send(2);
	machine_settle();
	tt_tree_stop(machine.tree);
	machine_settle();
	if (_i == 1)
		tt_tree_stop(machine.tree);
	else
		tt_exit(&machine_thread("GroupThread/TakerThread")->thread);
	if (_i == 0) {
		machine_until(machine_count("closing",
		    "GroupThread/TakerThread") == 2);
		machine_settle();
		tt_exit(&machine_thread("GroupThread/TakerThread")->thread);
	}
	rest_until_ended();
	if (_i == 0)
		rest_check_nothing_dropped();
	machine_end();
	ck_assert_int_eq(machine.status, _i);
}
END_TEST

/* One that rests below it comes again with it, not alone. */
START_TEST(a_stop_starts_nothing_below_a_thread_that_still_ends)
{
	rest_start("  SourceThread: {}\n"
	    "  GroupThread: {IN: data, " SOON ", TakerThread: {closing: later}, "
	    "SinkThread: {" LATE "}}\n");
	machine_fail("GroupThread/SinkThread");
	machine_settle();
	rest_send(2);
	machine_settle();
	machine_fail("GroupThread");
	machine_until(machine_count("closing", "GroupThread/TakerThread") == 1);
	tt_tree_stop(machine.tree);
	machine_settle();
	ck_assert_uint_eq(machine_count("enter", "GroupThread/SinkThread"), 1);
	tt_exit(&machine_thread("GroupThread/TakerThread")->thread);
	machine_until(machine_count("closing", "GroupThread/TakerThread") == 2);
	ck_assert_uint_eq(machine_count("enter", "GroupThread/SinkThread"), 2);
	tt_exit(&machine_thread("GroupThread/TakerThread")->thread);
	rest_until_ended();
	rest_check_nothing_dropped();
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

/* --- chance -------------------------------------------------------------- */

/* Whatever fails, and whenever: all that was sent is answered for once, in order, and
 * nothing is dropped.  The stop comes at any time. */
START_TEST(whatever_fails_nothing_is_lost)
{
	static const char *const paths[] = {
		"SinkThread", "SlowThread", "FilterThread", "GroupThread",
		"GroupThread/SinkThread", "GroupThread/SlowThread",
		"GroupThread/GroupThread", "GroupThread/GroupThread/SlowThread",
	};
	unsigned seed = (unsigned)_i, sent = 0, i, n;
	struct machine_thread *t;
	const char *path;

	rest_start(
	    "  SourceThread: {UP: raw}\n"
	    "  FilterThread: {" SOON "}\n"
	    "  SinkThread: {" SOON "}\n"
	    "  SlowThread: {" SOON "}\n"
	    "  GroupThread:\n"
	    "    IN: data\n"
	    "    " SOON "\n"
	    "    SinkThread: {restart: {max: 1, within: 1s, backoff: 1ms..1ms}}\n"
	    "    SlowThread: {" SOON "}\n"
	    "    GroupThread: {IN: data, restart: off, SlowThread: {" SOON "}}\n");
	for (i = 0; i < 60; i++) {
		n = (unsigned)rand_r(&seed) % 4;
		rest_send(n);
		sent += n;
		path = paths[(unsigned)rand_r(&seed) % 8];
		t = machine_thread(path);
		/* What fails afar may find the daemon at its end: none of the last. */
		if (rand_r(&seed) % 4 == 0 || (i >= 50 && strstr(path, "Slow") != NULL))
			machine_fail_at(path, 1);
		else if (rand_r(&seed) % 4 == 0)
			machine_fail_to_enter(path, 1);
		else if (t != NULL && t->thread.home.open)
			machine_fail(path);
		for (n = (unsigned)rand_r(&seed) % 4; n > 0; n--) {
			machine_wake();
			machine_turn();
		}
		if (rand_r(&seed) % 8 == 0)
			machine_settle();
	}
	if (_i % 2 == 0)
		machine_until(machine_last("completed", "SourceThread") == sent);
	tt_tree_stop(machine.tree);
	rest_until_ended();
	rest_check_completed(sent);
	rest_check_nothing_dropped();
	ck_assert_uint_eq(machine_count("enter", NULL), machine_count("exit", NULL));
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

Suite *check_rest_suite(void);

Suite *
check_rest_suite(void)
{
	Suite *s = suite_create("rest");
	TCase *data = tcase_create("data"), *life = tcase_create("life");
	TCase *stop = tcase_create("stop");

	tcase_set_timeout(data, 60);
	tcase_add_loop_test(data, a_sink_that_fails_gets_all_that_is_not_done_again, 0,
	    4 * REST_SINKS);
	tcase_add_loop_test(data,
	    each_batch_is_answered_once_however_often_its_sink_fails, 0, REST_SINKS);
	tcase_add_test(data, what_was_done_before_the_failure_does_not_come_again);
	tcase_add_test(data, while_it_is_down_its_queue_fills_and_shuts_the_gates);
	tcase_add_test(data, while_it_is_down_it_drops_as_its_policy_says);
	tcase_add_test(data,
	    what_goes_through_a_thread_that_failed_waits_within_a_limit);
	tcase_add_loop_test(data, whatever_fails_nothing_is_lost, 0, 40);
	tcase_set_timeout(life, 30);
	tcase_add_test(life, a_parent_that_fails_comes_again_with_its_children);
	tcase_add_test(life,
	    a_thread_that_fails_while_its_parent_does_comes_again_once);
	tcase_add_test(life,
	    a_server_that_fails_closes_its_connections_and_takes_new_ones);
	tcase_add_test(life, a_server_that_fails_waits_for_no_connection_s_last_counts);
	tcase_add_test(life, a_connection_that_fails_is_closed_and_not_restarted);
	tcase_add_loop_test(life, a_thread_may_fail_to_enter_again_a_few_times, 0, 3);
	tcase_add_test(life, a_thread_that_ends_unasked_is_started_again);
	tcase_add_test(life, a_source_that_fails_has_a_new_origin);
	tcase_add_test(life, the_timer_thread_goes_on_after_a_failure);
	tcase_add_test(life, who_was_up_is_started_again_while_others_still_enter);
	tcase_add_loop_test(life, one_failure_too_many_ends_the_daemon_with_status_1, 0,
	    2);
	tcase_add_test(life, a_parent_has_limits_of_its_own);
	tcase_set_timeout(stop, 30);
	tcase_add_loop_test(stop,
	    a_stop_starts_what_rests_at_once_so_that_it_can_be_drained, 0, 3);
	tcase_add_test(stop, a_stop_does_not_start_sources_again);
	tcase_add_test(stop, a_second_stop_waits_for_no_pause);
	tcase_add_loop_test(stop, one_that_fails_while_the_daemon_drains_has_its_chances,
	    0, REST_SINKS);
	tcase_add_test(stop,
	    one_that_is_given_up_while_the_daemon_drains_makes_the_status_1);
	tcase_add_test(stop, stop_timeout_ends_a_pause);
	tcase_add_loop_test(stop, a_stop_while_a_thread_that_failed_still_ends, 0, 2);
	tcase_add_test(stop, a_stop_starts_nothing_below_a_thread_that_still_ends);
	suite_add_tcase(s, data);
	suite_add_tcase(s, life);
	suite_add_tcase(s, stop);
	return s;
}
