/* check_thread.c - the life of threads, above all of those on demand. */
#include "daemon/thread.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/worker.h"
#include "tests/machine.h"

#define C1 "ServerThread/ConnectionThread#1"
#define F1 "ServerThread/ConnectionThread#1/FrameThread"

/* A server whose connections make lines, and who takes them. */
static const char thread_server[] =
    "  ServerThread:\n"
    "    ConnectionThread:\n"
    "      FrameThread: {}\n"
    "  TakerThread: {}\n";

/* A group with viewers on demand. */
static const char thread_viewers[] =
    "  SourceThread: {}\n"
    "  GroupThread:\n"
    "    IN: data\n"
    "    TakerThread: {}\n"
    "    ViewerThread: {}\n";

static void
thread_start(const char *text)
{
	machine_start("", text);
	machine_until(machine.ready);
	machine_settle();
}

static void
thread_write(struct machine_thread *t, const char *text)
{
	ck_assert_int_eq(write(t->peer, text, strlen(text)), (ssize_t)strlen(text));
}

/* --- the usual life ------------------------------------------------------ */

START_TEST(children_exit_before_their_parents)
{
	thread_start(
	    "  SourceThread: {}\n"
	    "  GroupThread:\n"
	    "    IN: data\n"
	    "    GroupThread:\n"
	    "      IN: data\n"
	    "      SlowThread: {}\n"
	    "      TakerThread: {closing: later}\n");
	tt_tree_stop(machine.tree);
	machine_until(machine_count("closing", "GroupThread/GroupThread/TakerThread")
	    > 0);
	machine_settle();
	ck_assert_uint_eq(machine_count("exit", "GroupThread/GroupThread"), 0);
	ck_assert_uint_eq(machine_count("closing", "GroupThread/GroupThread"), 0);
	tt_exit(&machine_thread("GroupThread/GroupThread/TakerThread")->thread);
	machine_until(machine.tree->phase == TT_ENDED);
	machine_assert_order("exit", "GroupThread/GroupThread/SlowThread",
	    "closing", "GroupThread/GroupThread");
	machine_assert_order("exit", "GroupThread/GroupThread/TakerThread",
	    "closing", "GroupThread/GroupThread");
	machine_assert_order("exit", "GroupThread/GroupThread", "closing",
	    "GroupThread");
	machine_assert_order("exit", "GroupThread", "exit", "MasterThread");
	machine_end();
}
END_TEST

START_TEST(a_close_travels_behind_the_data_sent_before_it)
{
	struct machine_thread *c;
	int i;

	thread_start(thread_server);
	c = machine_connect("ServerThread");
	for (i = 0; i < 50; i++)
		thread_write(c, "one\ntwo\n");
	close(c->peer);
	c->peer = -1;
	machine_until(machine_count("closed", C1) == 1);
	ck_assert_uint_eq(machine_last("data", "TakerThread"), 100);
	ck_assert_uint_eq(machine_last("closed", C1), TT_REASON_PEER);
	machine_assert_order("data", "TakerThread", "closed", C1);
	machine_assert_order("exit", F1, "exit", C1);
	machine_end();
}
END_TEST

START_TEST(a_thread_that_ends_itself_tells_its_parent_once_and_why)
{
	struct machine_thread *v;

	thread_start(thread_viewers);
	v = machine_add("GroupThread", "ViewerThread");
	tt_close(&v->thread, TT_REASON_IDLE_TIMEOUT);
	tt_close(&v->thread, TT_REASON_RESET);
	tt_stop(&v->thread);
	machine_settle();
	ck_assert_uint_eq(machine_count("exit", "GroupThread/ViewerThread#1"), 1);
	ck_assert_uint_eq(machine_count("closed", "GroupThread/ViewerThread#1"), 1);
	ck_assert_uint_eq(machine_last("closed", "GroupThread/ViewerThread#1"),
	    TT_REASON_IDLE_TIMEOUT);
	v = machine_add("GroupThread", "ViewerThread");
	tt_stop(&v->thread);
	machine_settle();
	ck_assert_uint_eq(machine_last("closed", "GroupThread/ViewerThread#2"),
	    TT_REASON_STOP);
	machine_end();
}
END_TEST

static void
thread_end_in_handler(struct tt_thread *self, const struct tt_signal *sig)
{
	struct machine_thread *t = (struct machine_thread *)self;

	if ((self->node->schema->flags & TT_ON_DEMAND) == 0)
		return;
	tt_stop(self);
	tt_close(self, TT_REASON_RESET);
	/* Its memory, and its signal's, is still there. */
	t->completed = sig->batch->bytes;
	ck_assert_int_eq(self->state, TT_CLOSING);
}

START_TEST(a_handler_may_stop_its_own_thread_and_return_through_it)
{
	thread_start(thread_viewers);
	machine_add("GroupThread", "ViewerThread");
	machine_add("GroupThread", "ViewerThread");
	machine.on_data = thread_end_in_handler;
	machine_send(machine_thread("SourceThread"), 'x', 5);
	machine_until(machine_count("closed", NULL) == 2);
	machine_send(machine_thread("SourceThread"), 'x', 5);
	machine_settle();
	ck_assert_uint_eq(machine_count("data", "GroupThread/ViewerThread#1"), 1);
	ck_assert_uint_eq(machine_count("data", "GroupThread/ViewerThread#2"), 1);
	ck_assert_uint_eq(machine_count("data", "GroupThread/TakerThread"), 2);
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

START_TEST(a_handler_that_does_nothing_keeps_its_thread_alive)
{
	int i;

	thread_start(thread_viewers);
	for (i = 0; i < 100; i++) {
		machine_send(machine_thread("SourceThread"), 'x', 1);
		machine_until(machine_count("data", "GroupThread/TakerThread") ==
		    (unsigned)i + 1);
	}
	ck_assert_int_eq(machine_thread("GroupThread/TakerThread")->thread.state,
	    TT_RUNNING);
	machine_end();
}
END_TEST

START_TEST(a_terminated_thread_takes_what_was_sent_before)
{
	struct machine_thread *v;
	int i;

	thread_start(thread_viewers);
	v = machine_add("GroupThread", "ViewerThread");
	for (i = 0; i < 40; i++)
		tt_send_child(&v->thread, 0, NULL);	/* one is enough */
	tt_terminate(&v->thread);
	tt_terminate(&v->thread);
	machine_until(machine_count("closed", NULL) == 1);
	ck_assert_uint_eq(machine_count("wake", "GroupThread/ViewerThread#1"), 1);
	ck_assert_uint_eq(machine_last("closed", NULL), TT_REASON_NONE);
	machine_end();
}
END_TEST

START_TEST(a_child_is_found_by_its_key_and_its_number)
{
	struct tt_thread *root, *group;
	char buf[64];

	thread_start(thread_viewers);
	machine_add("GroupThread", "ViewerThread");
	machine_add("GroupThread", "ViewerThread");
	root = machine.tree->root;
	group = tt_find_child(root, "GroupThread", 0);
	ck_assert_ptr_nonnull(group);
	ck_assert_ptr_nonnull(tt_find_child(group, "TakerThread", 0));
	ck_assert_ptr_null(tt_find_child(group, "ViewerThread", 0));
	ck_assert_ptr_null(tt_find_child(group, "ViewerThread", 3));
	ck_assert_str_eq(tt_info(tt_find_child(group, "ViewerThread", 2), buf,
	    sizeof buf), "MasterThread/GroupThread/ViewerThread#2");
	ck_assert_str_eq(tt_info(group, buf, sizeof buf),
	    "MasterThread/GroupThread");
	ck_assert_str_eq(tt_info(group, buf, 8), "MasterT");
	machine_end();
}
END_TEST

/* --- not entering -------------------------------------------------------- */

START_TEST(a_thread_on_demand_that_cannot_enter_is_none)
{
	static const char *const ways[] = { "fail", "close_fail", "send_fail" };
	char text[256];

	snprintf(text, sizeof text, "  ServerThread:\n"
	    "    ConnectionThread: {enter: %s, FrameThread: {}}\n"
	    "  SinkThread: {}\n"
	    "  GroupThread: {IN: data, ViewerThread: {}}\n", ways[_i]);
	thread_start(text);
	/* Another that ends at that moment is not forgotten. */
	tt_close(&machine_add("GroupThread", "ViewerThread")->thread,
	    TT_REASON_PEER);
	ck_assert_ptr_null(machine_connect("ServerThread"));
	ck_assert_ptr_null(machine_connect("ServerThread"));
	machine_settle();
	ck_assert_uint_eq(machine_count("exit",
	    "ServerThread/ConnectionThread#2"), 1);
	ck_assert_uint_eq(machine_count("closed", NULL), 1);
	ck_assert_uint_eq(machine_count("closed", "GroupThread/ViewerThread#1"), 1);
	ck_assert_ptr_null(machine_thread("ServerThread")->thread.children);
	/* What it had sent is not waited for. */
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

START_TEST(a_thread_on_demand_may_close_itself_while_it_enters)
{
	thread_start("  ServerThread:\n"
	    "    ConnectionThread: {enter: close, FrameThread: {}}\n"
	    "  TakerThread: {}\n");
	ck_assert_ptr_nonnull(machine_connect("ServerThread"));
	machine_until(machine_count("closed", C1) == 1);
	ck_assert_uint_eq(machine_last("closed", C1), TT_REASON_RESET);
	ck_assert_uint_eq(machine_count("closing", C1), 0);
	ck_assert_uint_eq(machine_count("enter", F1), 0);
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

START_TEST(a_thread_beneath_one_on_demand_that_cannot_enter_closes_it)
{
	/* Whether the kind above does that itself, or the machine. */
	static const char *const ways[][2] = {
		{ "fail", "false" }, { "close", "false" }, { "close_fail", "false" },
		{ "send_fail", "false" }, { "fail", "true" }, { "close", "true" },
		{ "send_fail", "true" },
	};
	char text[256];

	snprintf(text, sizeof text, "  ServerThread:\n"
	    "    ConnectionThread:\n"
	    "      orphans: %s\n"
	    "      FrameThread: {enter: %s}\n"
	    "  SinkThread: {}\n", ways[_i][1], ways[_i][0]);
	thread_start(text);
	ck_assert_ptr_nonnull(machine_connect("ServerThread"));
	machine_until(machine_count("closed", C1) == 1);
	ck_assert_uint_eq(machine_last("closed", C1),
	    strcmp(ways[_i][0], "close") == 0 ? TT_REASON_RESET :
	    TT_REASON_FAILED);
	machine_assert_order("closed", F1, "closed", C1);
	ck_assert_int_eq(machine.tree->phase, TT_READY);
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

static const char thread_late[] =
    "  ServerThread:\n"
    "    ConnectionThread:\n"
    "      FrameThread: {enter: later}\n"
    "  TakerThread: {}\n";

START_TEST(what_is_sent_to_a_thread_that_enters_later_waits_for_it)
{
	struct machine_thread *c;

	thread_start(thread_late);
	c = machine_connect("ServerThread");
	thread_write(c, "one\ntwo\n");
	machine_settle();
	ck_assert_uint_eq(machine_count("data", "TakerThread"), 0);
	tt_entered(&machine_thread(F1)->thread, NULL);
	tt_entered(&machine_thread(F1)->thread, NULL);
	machine_until(machine_count("data", "TakerThread") == 2);
	machine_end();
}
END_TEST

START_TEST(a_thread_that_fails_to_enter_later_closes_what_waits_for_it)
{
	static const struct tt_error err = { "told to" };

	thread_start(thread_late);
	thread_write(machine_connect("ServerThread"), "one\ntwo\n");
	machine_settle();
	tt_entered(&machine_thread(F1)->thread, &err);
	machine_until(machine_count("closed", C1) == 1);
	ck_assert_uint_eq(machine_last("closed", C1), TT_REASON_FAILED);
	ck_assert_uint_eq(machine_count("data", NULL), 0);
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

/* Terminated by its parent, by the end of the daemon, or closed by its device,
 * while it has not entered. */
START_TEST(a_thread_that_has_not_entered_can_be_told_to_end)
{
	struct machine_thread *c;

	thread_start(thread_late);
	c = machine_connect("ServerThread");
	machine_settle();
	if (_i == 0) {
		tt_terminate(&c->thread);
	} else if (_i == 1) {
		close(c->peer);
		c->peer = -1;
	} else {
		tt_tree_stop(machine.tree);
	}
	machine_until(machine_count("closed", C1) == 1);
	machine_assert_order("exit", F1, "exit", C1);
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

START_TEST(a_thread_that_enters_while_the_daemon_drains_is_told_so)
{
	struct machine_thread *c;

	thread_start(
	    "  ServerThread:\n"
	    "    ConnectionThread: {FrameThread: {enter: later}}\n"
	    "  SourceThread: {}\n"
	    "  SinkThread: {done: by_test}\n");
	c = machine_connect("ServerThread");
	thread_write(c, "one\n");
	machine_settle();
	machine_send(machine_thread("SourceThread"), 'x', 1);
	machine_settle();
	tt_tree_stop(machine.tree);
	machine_settle();
	ck_assert_uint_eq(machine_count("drain", F1), 0);
	tt_entered(&machine_thread(F1)->thread, NULL);
	ck_assert_uint_eq(machine_count("drain", F1), 1);
	machine_settle();
	machine_done(machine_thread("SinkThread"), 2);
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

/* --- closing ------------------------------------------------------------- */

START_TEST(closing_may_take_its_time)
{
	struct machine_thread *c;

	thread_start(
	    "  ServerThread:\n"
	    "    ConnectionThread:\n"
	    "      closing: later\n"
	    "      FrameThread: {}\n"
	    "  TakerThread: {}\n");
	c = machine_connect("ServerThread");
	tt_exit(&c->thread);		/* not yet */
	tt_terminate(&c->thread);
	machine_until(machine_count("closing", C1) == 1);
	machine_settle();
	machine_assert_order("exit", F1, "closing", C1);
	ck_assert_uint_eq(machine_count("exit", C1), 0);
	tt_close(&c->thread, TT_REASON_RESET);
	tt_exit(&c->thread);
	tt_exit(&c->thread);
	machine_until(machine_count("closed", C1) == 1);
	ck_assert_uint_eq(machine_last("closed", C1), TT_REASON_NONE);
	machine_end();
}
END_TEST

START_TEST(closing_may_say_twice_that_it_is_over)
{
	thread_start(
	    "  closing: twice\n"
	    "  ServerThread:\n"
	    "    ConnectionThread: {closing: twice, FrameThread: {closing: twice}}\n"
	    "  TakerThread: {closing: twice}\n"
	    "  SlowThread: {closing: twice}\n");
	tt_terminate(&machine_connect("ServerThread")->thread);
	machine_until(machine_count("closed", C1) == 1);
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

START_TEST(a_thread_that_closes_gets_no_more_children)
{
	thread_start(
	    "  ServerThread:\n"
	    "    restart: off\n"
	    "    ConnectionThread:\n"
	    "      FrameThread: {}\n"
	    "  TakerThread: {}\n");
	machine_connect("ServerThread");
	tt_close(&machine_thread("ServerThread")->thread, TT_REASON_NONE);
	ck_assert_ptr_null(machine_connect("ServerThread"));
	machine_until(machine.tree->phase == TT_ENDED);
	machine_end();
	ck_assert_int_eq(machine.status, 1);	/* it was not asked to */
}
END_TEST

START_TEST(what_comes_to_a_thread_that_closes_is_dropped_for_its_reason)
{
	struct tt_origin *o;
	struct tt_batch *b;
	struct tt_chunk *c;
	struct machine_thread *v;

	thread_start(thread_viewers);
	v = machine_add("GroupThread", "ViewerThread");
	o = tt_origin_create(&machine.tree->memory, NULL, 1, "", "");
	c = tt_chunk_create(o, 2);
	b = tt_batch_create(o, c, 2);
	tt_batch_add(b, 0, 1);
	tt_batch_add(b, 1, 1);
	tt_close(&v->thread, TT_REASON_FRAME_TIMEOUT);
	tt_send_child(&v->thread, 0, b);
	tt_send_child(&v->thread, 0, b);
	tt_batch_unref(b);
	tt_chunk_unref(c);
	tt_origin_unref(o);
	machine_until(machine_count("closed", NULL) == 1);
	ck_assert_uint_eq(machine_count("data", NULL), 0);
	ck_assert_uint_eq(machine_edge("GroupThread/ViewerThread")->in.dropped
	    [TT_REASON_FRAME_TIMEOUT], 4);
	machine_end();
}
END_TEST

/* One of what can happen to connection I, by WHAT. */
static void
thread_end_somehow(unsigned i, unsigned what)
{
	struct machine_thread *c, *f;
	char path[128];

	snprintf(path, sizeof path, "ServerThread/ConnectionThread#%u", i + 1);
	c = machine_thread(path);
	snprintf(path, sizeof path, "ServerThread/ConnectionThread#%u/FrameThread %s",
	    i + 1, what % 2 != 0 ? "a" : "b");
	f = machine_thread(path);
	what /= 2;
	if (c != NULL && (what == 0 || what == 5))
		tt_close(&c->thread, TT_REASON_RESET);
	if (c != NULL && (what == 1 || what == 5))
		tt_terminate(&c->thread);
	if (f != NULL && (what == 2 || what == 5))
		tt_close(&f->thread, TT_REASON_FRAMING);
	if (f != NULL && what == 3)
		tt_terminate(&f->thread);
	if (c != NULL && what == 4) {
		close(c->peer);
		c->peer = -1;
	}
}

/* Everything that can end ends in some order, at the same time. */
START_TEST(threads_on_demand_end_in_every_order)
{
	unsigned seed = (unsigned)_i, i;
	struct machine_thread *c;
	char path[128];

	thread_start(
	    "  ServerThread:\n"
	    "    ConnectionThread:\n"
	    "      orphans: true\n"
	    "      FrameThread a: {UP: a}\n"
	    "      FrameThread b: {IN: a, UP: data}\n"
	    "      TakerThread: {IN: packets}\n"
	    "  SinkThread: {}\n");
	for (i = 0; i < 40; i++) {
		c = machine_connect("ServerThread");
		if (rand_r(&seed) % 2 == 0)
			thread_write(c, "some\nlines\n\nand mo");
		if (rand_r(&seed) % 4 == 0)
			machine_settle();
	}
	for (i = 0; i < 80; i++) {
		thread_end_somehow((unsigned)rand_r(&seed) % 40,
		    (unsigned)rand_r(&seed) % 12);
		if (rand_r(&seed) % 8 == 0) {
			machine_wake();
			machine_turn();
		}
	}
	for (i = 0; i < seed % 3; i++)
		tt_tree_stop(machine.tree);	/* also in a hurry */
	tt_tree_stop(machine.tree);
	machine_until(machine.tree->phase == TT_ENDED);
	ck_assert_uint_eq(machine_count("enter", NULL), machine_count("exit", NULL));
	for (i = 0; i < 40; i++) {
		snprintf(path, sizeof path, "ServerThread/ConnectionThread#%u", i + 1);
		ck_assert_uint_eq(machine_count("closed", path), 1);
	}
	machine_end();
}
END_TEST

/* --- many ---------------------------------------------------------------- */

START_TEST(ten_thousand_threads_on_demand_open_and_close)
{
	static struct tt_thread *all[10000];
	struct tt_thread *server;
	struct tt_error err;
	unsigned i;

	thread_start(thread_server);
	machine.unchecked = true;	/* each turn would walk them all */
	server = &machine_thread("ServerThread")->thread;
	for (i = 0; i < 10000; i++) {
		all[i] = tt_add_child(server, server->node->children[0], NULL, NULL,
		    &err);
		ck_assert_ptr_nonnull(all[i]);
	}
	machine_settle();
	ck_assert_uint_eq(machine_count("enter", NULL), 20000 + 3);
	/* By themselves, first to last and last to first; by their parent; and
	 * both at once. */
	for (i = 0; i < 2500; i++)
		tt_close(all[i], TT_REASON_PEER);
	for (i = 5000; i-- > 2500;)
		tt_close(all[i], TT_REASON_PEER);
	for (i = 5000; i < 7500; i++)
		tt_terminate(all[i]);
	machine_settle();
	ck_assert_uint_eq(machine_count("closed", NULL), 15000);
	for (i = 7500; i < 10000; i++)
		tt_close(all[i], TT_REASON_PEER);
	tt_tree_stop(machine.tree);
	machine_until(machine.tree->phase == TT_ENDED);
	ck_assert_uint_eq(machine_count("exit", NULL), 20000 + 3);
	machine.unchecked = false;
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

Suite *check_thread_suite(void);

Suite *
check_thread_suite(void)
{
	Suite *s = suite_create("thread");
	TCase *life = tcase_create("life"), *enter = tcase_create("enter");
	TCase *closing = tcase_create("closing");

	tcase_set_timeout(life, 30);
	tcase_add_test(life, children_exit_before_their_parents);
	tcase_add_test(life, a_close_travels_behind_the_data_sent_before_it);
	tcase_add_test(life, a_thread_that_ends_itself_tells_its_parent_once_and_why);
	tcase_add_test(life,
	    a_handler_may_stop_its_own_thread_and_return_through_it);
	tcase_add_test(life, a_handler_that_does_nothing_keeps_its_thread_alive);
	tcase_add_test(life, a_terminated_thread_takes_what_was_sent_before);
	tcase_add_test(life, a_child_is_found_by_its_key_and_its_number);
	tcase_set_timeout(enter, 30);
	tcase_add_loop_test(enter, a_thread_on_demand_that_cannot_enter_is_none,
	    0, 3);
	tcase_add_test(enter, a_thread_on_demand_may_close_itself_while_it_enters);
	tcase_add_loop_test(enter,
	    a_thread_beneath_one_on_demand_that_cannot_enter_closes_it, 0, 7);
	tcase_add_test(enter,
	    what_is_sent_to_a_thread_that_enters_later_waits_for_it);
	tcase_add_test(enter,
	    a_thread_that_fails_to_enter_later_closes_what_waits_for_it);
	tcase_add_loop_test(enter, a_thread_that_has_not_entered_can_be_told_to_end,
	    0, 3);
	tcase_add_test(enter,
	    a_thread_that_enters_while_the_daemon_drains_is_told_so);
	tcase_set_timeout(closing, 60);
	tcase_add_test(closing, closing_may_take_its_time);
	tcase_add_test(closing, closing_may_say_twice_that_it_is_over);
	tcase_add_test(closing, a_thread_that_closes_gets_no_more_children);
	tcase_add_test(closing,
	    what_comes_to_a_thread_that_closes_is_dropped_for_its_reason);
	tcase_add_loop_test(closing, threads_on_demand_end_in_every_order, 0, 60);
	tcase_add_test(closing, ten_thousand_threads_on_demand_open_and_close);
	suite_add_tcase(s, life);
	suite_add_tcase(s, enter);
	suite_add_tcase(s, closing);
	return s;
}
