/* check_tree.c - the start, the stop, and what ends the whole tree. */
#include "daemon/tree.h"

#include <check.h>
#include <string.h>

#include "daemon/inbox.h"
#include "daemon/worker.h"
#include "tests/machine.h"

static const char tree_one[] =
    "  SourceThread: {}\n"
    "  SinkThread: {done: by_test}\n";

static void
tree_until_ended(void)
{
	machine_until(machine.tree->phase == TT_ENDED);
}

/* --- the start ----------------------------------------------------------- */

START_TEST(users_enter_before_sources_and_exit_after_them)
{
	machine_make("",
	    "  SourceThread: {UP: raw}\n"
	    "  FilterThread: {}\n"
	    "  GroupThread:\n"
	    "    IN: data\n"
	    "    TakerThread: {}\n");
	tt_tree_start(machine.tree);
	machine_until(machine.ready);
	machine_assert_order("enter", "MasterThread", "enter", "GroupThread");
	machine_assert_order("enter", "GroupThread", "enter",
	    "GroupThread/TakerThread");
	machine_assert_order("enter", "GroupThread/TakerThread", "enter",
	    "FilterThread");
	machine_assert_order("enter", "FilterThread", "enter", "SourceThread");
	tt_tree_stop(machine.tree);
	tree_until_ended();
	machine_assert_order("exit", "SourceThread", "exit", "FilterThread");
	machine_assert_order("exit", "FilterThread", "exit",
	    "GroupThread/TakerThread");
	machine_assert_order("exit", "GroupThread/TakerThread", "exit",
	    "GroupThread");
	machine_assert_order("exit", "GroupThread", "exit", "MasterThread");
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

START_TEST(the_next_enters_when_all_beneath_the_one_before_has)
{
	machine_start("",
	    "  SourceThread: {}\n"
	    "  GroupThread:\n"
	    "    IN: data\n"
	    "    TakerThread: {enter: later}\n");
	machine_settle();
	ck_assert(!machine.ready);
	ck_assert_uint_eq(machine_count("enter", "SourceThread"), 0);
	tt_entered(&machine_thread("GroupThread/TakerThread")->thread, NULL);
	ck_assert_uint_eq(machine_count("enter", "SourceThread"), 1);
	ck_assert(machine.ready);
	ck_assert_int_eq(machine.tree->phase, TT_READY);
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

static void
tree_entered_afar(void *subject, uint64_t value, void *more)
{
	(void)value;
	tt_entered(subject, more);
}

static void
tree_entered(struct machine_thread *t, struct tt_error *err)
{
	tt_inbox_post(&t->thread.worker->inbox, (struct tt_message){
	    .handle = tree_entered_afar, .subject = &t->thread, .more = err });
}

START_TEST(a_blocking_kind_may_enter_later)
{
	machine_start("", "  SourceThread: {}\n  SlowThread: {enter: later}\n");
	machine_until(machine_count("enter", "SlowThread") == 1);
	machine_settle();
	ck_assert(!machine.ready);
	tree_entered(machine_thread("SlowThread"), NULL);
	machine_until(machine.ready);
	ck_assert_uint_eq(machine_count("enter", "SourceThread"), 1);
	machine_end();
}
END_TEST

/* Every way not to enter, for a tap, a sink, one that blocks, and beneath. */
static const char *const tree_failures[] = {
	"  SourceThread: {enter: fail}\n  SinkThread: {}\n",
	"  SourceThread: {enter: close}\n  SinkThread: {}\n",
	"  SourceThread: {enter: close_fail}\n  SinkThread: {}\n",
	"  SourceThread: {enter: send_fail}\n  SinkThread: {}\n",
	"  SourceThread: {}\n  SinkThread: {enter: fail}\n",
	"  SourceThread: {}\n  SinkThread: {enter: close}\n",
	"  SourceThread: {}\n  SinkThread: {enter: close_fail}\n",
	"  SourceThread: {}\n  SlowThread: {enter: fail}\n",
	"  SourceThread: {}\n  SlowThread: {enter: close}\n",
	"  SourceThread: {}\n  SlowThread: {enter: close_fail}\n",
	"  SourceThread: {}\n  GroupThread: {IN: data, SinkThread: {enter: fail}}\n",
	"  SourceThread: {}\n  GroupThread: {IN: data, SlowThread: {enter: fail}}\n",
	"  SourceThread: {}\n"
	    "  GroupThread: {IN: data, enter: fail, SlowThread: {}}\n",
	"  SourceThread: {}\n"
	    "  GroupThread: {IN: data, enter: close, TakerThread: {}}\n",
	"  enter: fail\n  SourceThread: {}\n  SinkThread: {}\n",
	"  SourceThread: {enter: fail}\n"
	    "  GroupThread: {IN: data, SlowThread: {}, TakerThread: {}}\n",
};

START_TEST(a_thread_that_cannot_enter_ends_the_start_with_status_1)
{
	machine_start("", tree_failures[_i]);
	tree_until_ended();
	ck_assert(!machine.ready);
	ck_assert_uint_eq(machine_count("exit", "MasterThread"), 1);
	machine_end();
	ck_assert_int_eq(machine.status, 1);
}
END_TEST

/* One that enters later, and its path. */
static const struct tree_late {
	const char *text, *path;
} tree_late[] = {
	{ "  SourceThread: {}\n  SinkThread: {enter: later}\n", "SinkThread" },
	{ "  SourceThread: {}\n  SlowThread: {enter: later}\n", "SlowThread" },
	{ "  SourceThread: {}\n"
	  "  GroupThread: {IN: data, TakerThread: {enter: later}}\n",
	  "GroupThread/TakerThread" },
};

START_TEST(a_thread_that_cannot_enter_later_ends_the_start_with_status_1)
{
	static struct tt_error err = { "no more" };

	machine_start("", tree_late[_i].text);
	machine_until(machine_count("enter", tree_late[_i].path) == 1);
	machine_settle();
	tree_entered(machine_thread(tree_late[_i].path), &err);
	tree_until_ended();
	ck_assert(!machine.ready);
	ck_assert_uint_eq(machine_count("enter", "SourceThread"), 0);
	machine_end();
	ck_assert_int_eq(machine.status, 1);
}
END_TEST

START_TEST(a_stop_while_starting_takes_down_what_there_is)
{
	machine_start("", tree_late[_i].text);
	machine_until(machine_count("enter", tree_late[_i].path) == 1);
	tt_tree_stop(machine.tree);
	tree_until_ended();
	ck_assert(!machine.ready);
	ck_assert_uint_eq(machine_count("exit", tree_late[_i].path), 1);
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

START_TEST(a_stop_at_once_after_the_start_finds_blocking_threads_on_their_way)
{
	machine_start("", "  SourceThread: {}\n  SlowThread: {}\n"
	    "  GroupThread: {IN: data, SlowThread: {}}\n");
	tt_tree_stop(machine.tree);
	tree_until_ended();
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

/* --- the stop ------------------------------------------------------------ */

START_TEST(a_drain_reads_what_is_there_and_waits_until_it_is_done)
{
	machine_start("", tree_one);
	machine_settle();
	machine_send(machine_thread("SourceThread"), 'x', 10);
	tt_tree_stop(machine.tree);
	machine_settle();
	ck_assert_int_eq(machine.tree->phase, TT_DRAINING);
	ck_assert_uint_eq(machine_count("data", "SinkThread"), 1);
	ck_assert_uint_eq(machine_count("drain", "SinkThread"), 1);
	machine_done(machine_thread("SinkThread"), 1);
	tree_until_ended();
	ck_assert_uint_eq(machine_last("completed", "SourceThread"), 1);
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

START_TEST(a_drain_waits_for_a_blocking_thread)
{
	machine_start("", "  SourceThread: {}\n  SlowThread: {done: by_test}\n");
	machine_until(machine.ready);
	machine_send(machine_thread("SourceThread"), 'x', 10);
	machine_send(machine_thread("SourceThread"), 'x', 10);
	tt_tree_stop(machine.tree);
	machine_until(machine_count("data", "SlowThread") == 1);
	machine_settle();
	ck_assert_int_eq(machine.tree->phase, TT_DRAINING);
	machine_permit(2);
	tree_until_ended();
	ck_assert_uint_eq(machine_last("completed", "SourceThread"), 2);
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

START_TEST(a_second_stop_waits_for_nothing)
{
	machine_start("",
	    "  SourceThread: {}\n"
	    "  SinkThread: {done: never, closing: later}\n"
	    "  TakerThread: {closing: later}\n");
	machine_settle();
	machine_send(machine_thread("SourceThread"), 'x', 10);
	tt_tree_stop(machine.tree);
	machine_settle();
	ck_assert_int_eq(machine.tree->phase, TT_DRAINING);
	tt_tree_stop(machine.tree);
	tree_until_ended();
	ck_assert_uint_eq(machine_edge("SinkThread")->in.dropped
	    [TT_REASON_TERMINATED], 1);
	ck_assert_uint_eq(machine_count("completed", NULL), 0);
	machine_end();
	ck_assert_int_eq(machine.status, 1);
}
END_TEST

START_TEST(stop_timeout_ends_the_waiting_with_status_1)
{
	machine_start("stop_timeout: 50ms",
	    "  SourceThread: {}\n"
	    "  SinkThread: {done: never, closing: later}\n"
	    "  SlowThread: {done: never, closing: later}\n");
	machine_until(machine.ready);
	machine_send(machine_thread("SourceThread"), 'x', 10);
	machine_until(machine_count("data", "SlowThread") == 1);
	tt_tree_stop(machine.tree);
	tree_until_ended();
	ck_assert_uint_eq(machine_edge("SlowThread")->in.dropped
	    [TT_REASON_TERMINATED], 1);
	machine_end();
	ck_assert_int_eq(machine.status, 1);
}
END_TEST

START_TEST(stop_timeout_ends_the_closing_too)
{
	machine_start("stop_timeout: 50ms",
	    "  SourceThread: {}\n  TakerThread: {closing: later}\n");
	machine_until(machine.ready);
	tt_tree_stop(machine.tree);
	tree_until_ended();
	machine_assert_order("closing", "TakerThread", "hurry", "TakerThread");
	ck_assert_uint_eq(machine_count("hurry", NULL), 1);
	machine_end();
	ck_assert_int_eq(machine.status, 1);
}
END_TEST

static void
tree_hang(void)
{
	machine_start("", "  SourceThread: {}\n  SlowThread: {done: by_test}\n");
	machine_until(machine.ready);
	machine_send(machine_thread("SourceThread"), 'x', 10);
	machine_until(machine_count("data", "SlowThread") == 1);
	tt_tree_stop(machine.tree);
	tt_tree_stop(machine.tree);
	tree_until_ended();
}

START_TEST(a_thread_that_hangs_is_left_behind_with_status_1)
{
	ck_assert_int_eq(machine_exit_status(tree_hang), 1);
}
END_TEST

START_TEST(a_thread_that_hangs_and_comes_back_in_a_hurry_ends)
{
	machine_start("", "  SourceThread: {}\n"
	    "  SlowThread: {done: by_test, closing: later}\n");
	machine_until(machine.ready);
	machine_send(machine_thread("SourceThread"), 'x', 10);
	machine_send(machine_thread("SourceThread"), 'x', 10);
	machine_until(machine_count("data", "SlowThread") == 1);
	tt_tree_stop(machine.tree);
	tt_tree_stop(machine.tree);
	machine_settle();
	machine_permit(2);
	tree_until_ended();
	machine_end();
	ck_assert_int_eq(machine.status, 1);
}
END_TEST

START_TEST(a_root_that_stops_ends_the_daemon_in_order)
{
	machine_start("", tree_one);
	machine_settle();
	machine_send(machine_thread("SourceThread"), 'x', 10);
	tt_stop(machine.tree->root);
	machine_settle();
	ck_assert_int_eq(machine.tree->phase, TT_DRAINING);
	machine_done(machine_thread("SinkThread"), 1);
	machine_end();
	ck_assert_int_eq(machine.status, 0);
}
END_TEST

/* --- failures ------------------------------------------------------------ */

static void
tree_fail_afar(void *subject, uint64_t value, void *more)
{
	struct tt_error err = { "told to" };

	(void)value;
	(void)more;
	tt_fail(subject, &err);
}

/* What the failed sink had is dropped, what would go to it is not waited for, and
 * the others get all of it. */
START_TEST(a_thread_that_is_not_restarted_ends_the_daemon_with_status_1)
{
	static const char *const fails[] = { "SinkThread a", "SlowThread",
	    "GroupThread" };

	machine_start("",
	    "  SourceThread: {}\n"
	    "  SinkThread a: {done: by_test, restart: off}\n"
	    "  SinkThread b: {}\n"
	    "  SlowThread: {done: never, closing: later, restart: off}\n"
	    "  GroupThread: {IN: data, restart: off, SlowThread: {}, "
	    "SinkThread: {}}\n");
	machine_until(machine.ready);
	machine_send(machine_thread("SourceThread"), 'x', 10);
	machine_until(machine_count("data", "SlowThread") == 1);
	machine_settle();
	if (_i != 0)
		machine_done(machine_thread("SinkThread a"), 1);
	machine_send(machine_thread("SourceThread"), 'y', 10);
	tt_inbox_post(&machine_thread(fails[_i])->thread.worker->inbox,
	    (struct tt_message){ .handle = tree_fail_afar,
	    .subject = machine_thread(fails[_i]) });
	machine_until(machine.tree->phase >= TT_DRAINING);
	/* Of the others only those that never say done hold it up. */
	machine_settle();
	if (_i != 0 && machine_thread("SinkThread a") != NULL &&
	    machine_thread("SinkThread a")->n_held > 0)
		machine_done(machine_thread("SinkThread a"), 1);
	if (_i != 1)
		tt_tree_stop(machine.tree);
	tree_until_ended();
	ck_assert_uint_eq(machine_count("data", "SinkThread b"), 2);
	machine_end();
	ck_assert_int_eq(machine.status, 1);
}
END_TEST

START_TEST(a_root_that_fails_ends_the_daemon_with_status_1)
{
	struct tt_error err = { "told to" };

	machine_start("", tree_one);
	machine_settle();
	machine.unchecked = true;	/* its gates are open in the end */
	tt_fail(machine.tree->root, &err);
	tree_until_ended();
	machine_end();
	ck_assert_int_eq(machine.status, 1);
}
END_TEST

START_TEST(a_thread_that_fails_to_close_makes_the_status_1)
{
	struct tt_error err = { "told to" };

	machine_start("", "  SourceThread: {}\n  TakerThread: {closing: later}\n");
	machine_until(machine.ready);
	tt_tree_stop(machine.tree);
	machine_until(machine_count("closing", "TakerThread") == 1);
	machine_settle();
	tt_fail(&machine_thread("TakerThread")->thread, &err);
	tt_exit(&machine_thread("TakerThread")->thread);
	machine_end();
	ck_assert_int_eq(machine.status, 1);
}
END_TEST

static void
tree_stop_in_handler(struct tt_thread *self, const struct tt_signal *sig)
{
	(void)sig;
	tt_tree_stop(self->worker->tree);
	tt_tree_stop(self->worker->tree);
}

START_TEST(a_stop_from_within_a_handler_is_a_stop)
{
	machine_start("", tree_one);
	machine_settle();
	machine.on_data = tree_stop_in_handler;
	machine_send(machine_thread("SourceThread"), 'x', 10);
	tree_until_ended();
	machine_end();
	ck_assert_int_eq(machine.status, 1);
}
END_TEST

Suite *check_tree_suite(void);

Suite *
check_tree_suite(void)
{
	Suite *s = suite_create("tree");
	TCase *start = tcase_create("start"), *stop = tcase_create("stop");

	tcase_set_timeout(start, 30);
	tcase_set_timeout(stop, 30);
	tcase_add_test(start, users_enter_before_sources_and_exit_after_them);
	tcase_add_test(start, the_next_enters_when_all_beneath_the_one_before_has);
	tcase_add_test(start, a_blocking_kind_may_enter_later);
	tcase_add_loop_test(start,
	    a_thread_that_cannot_enter_ends_the_start_with_status_1, 0,
	    sizeof tree_failures / sizeof tree_failures[0]);
	tcase_add_loop_test(start,
	    a_thread_that_cannot_enter_later_ends_the_start_with_status_1, 0, 3);
	tcase_add_loop_test(start, a_stop_while_starting_takes_down_what_there_is,
	    0, 3);
	tcase_add_test(start,
	    a_stop_at_once_after_the_start_finds_blocking_threads_on_their_way);
	tcase_add_test(stop, a_drain_reads_what_is_there_and_waits_until_it_is_done);
	tcase_add_test(stop, a_drain_waits_for_a_blocking_thread);
	tcase_add_test(stop, a_second_stop_waits_for_nothing);
	tcase_add_test(stop, stop_timeout_ends_the_waiting_with_status_1);
	tcase_add_test(stop, stop_timeout_ends_the_closing_too);
	tcase_add_test(stop, a_thread_that_hangs_is_left_behind_with_status_1);
	tcase_add_test(stop, a_thread_that_hangs_and_comes_back_in_a_hurry_ends);
	tcase_add_test(stop, a_root_that_stops_ends_the_daemon_in_order);
	tcase_add_loop_test(stop,
	    a_thread_that_is_not_restarted_ends_the_daemon_with_status_1, 0, 3);
	tcase_add_test(stop, a_thread_that_fails_to_close_makes_the_status_1);
	tcase_add_test(stop, a_root_that_fails_ends_the_daemon_with_status_1);
	tcase_add_test(stop, a_stop_from_within_a_handler_is_a_stop);
	suite_add_tcase(s, start);
	suite_add_tcase(s, stop);
	return s;
}
