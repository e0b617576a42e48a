/* check_task.c - the run list, watches, timers, and the turn that serves them. */
#include "daemon/task.h"

#include <check.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/worker.h"
#include "tests/machine.h"

#define MS 1000000

/* A task, a timer or a watch that notes its number. */
struct noter {
	struct tt_task task;
	struct tt_timer timer;
	struct tt_watch watch;
	int number;
	int left;			/* times to go on by itself */
	int64_t again;			/* ns, of a timer */
	struct noter *other;		/* to be stopped by it */
	unsigned turn;			/* of its last time */
};

static struct noter noters[16];
static int notes[256];
static int n_notes;
static struct tt_thread *self;
static int pair[2];

static struct noter *
noter_of(void *member, size_t offset)
{
	return (struct noter *)(void *)((char *)member - offset);
}

static void
noter_note(struct noter *n)
{
	if (n_notes < 256)
		notes[n_notes++] = n->number;
	machine_wake();
	n->turn = machine.turns;
	if (n->other != NULL) {
		tt_task_cancel(&n->other->task);
		tt_timer_stop(&n->other->timer);
	}
}

static void
noter_task(struct tt_task *task)
{
	struct noter *n = noter_of(task, offsetof(struct noter, task));

	noter_note(n);
	if (n->left-- > 0)
		tt_task_reschedule(task);
}

static void
noter_timer(struct tt_timer *timer)
{
	struct noter *n = noter_of(timer, offsetof(struct noter, timer));

	noter_note(n);
	if (n->left-- > 0)
		tt_timer_start(timer, n->again);
}

static void
noter_watch(struct tt_watch *watch, short what)
{
	struct noter *n = noter_of(watch, offsetof(struct noter, watch));
	char c;

	ck_assert_int_eq(what, EV_READ);
	noter_note(n);
	if (n->left-- > 0)
		ck_assert_int_eq(read(pair[0], &c, 1), 1);
	else
		tt_watch_stop(watch);
}

static void
task_setup(void)
{
	int i;

	machine_start("", "  SourceThread: {}\n  TakerThread: {}\n");
	machine_settle();
	self = &machine_thread("TakerThread")->thread;
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	n_notes = 0;
	for (i = 0; i < 16; i++) {
		noters[i] = (struct noter){ .number = i };
		tt_task_init(&noters[i].task, self, noter_task);
		tt_timer_init(&noters[i].timer, self, noter_timer);
		tt_watch_init(&noters[i].watch, self, pair[0], EV_READ, noter_watch);
	}
}

static void
task_teardown(void)
{
	int i;

	for (i = 0; i < 16; i++) {
		tt_task_cancel(&noters[i].task);
		tt_timer_stop(&noters[i].timer);
		tt_watch_stop(&noters[i].watch);
	}
	close(pair[0]);
	close(pair[1]);
	machine_end();
}

/* Fails unless the notes are the N numbers that follow. */
static void
task_assert_notes(int n, ...)
{
	va_list ap;
	int i;

	ck_assert_int_eq(n_notes, n);
	va_start(ap, n);
	for (i = 0; i < n; i++)
		ck_assert_int_eq(notes[i], va_arg(ap, int));
	va_end(ap);
}

/* --- the run list -------------------------------------------------------- */

START_TEST(tasks_run_in_the_order_of_their_scheduling_and_once)
{
	tt_task_reschedule(&noters[2].task);
	tt_task_reschedule(&noters[0].task);
	tt_task_reschedule(&noters[1].task);
	tt_task_reschedule(&noters[2].task);
	machine_settle();
	task_assert_notes(3, 2, 0, 1);
}
END_TEST

START_TEST(a_task_that_reschedules_itself_goes_to_the_back)
{
	noters[0].left = 2;
	tt_task_reschedule(&noters[0].task);
	tt_task_reschedule(&noters[1].task);
	machine_settle();
	task_assert_notes(4, 0, 1, 0, 0);
}
END_TEST

START_TEST(a_cancelled_task_does_not_run_wherever_it_stands)
{
	int i;

	for (i = 0; i < 4; i++)
		tt_task_reschedule(&noters[i].task);
	tt_task_cancel(&noters[_i].task);
	tt_task_cancel(&noters[_i].task);
	machine_settle();
	ck_assert_int_eq(n_notes, 3);
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(notes[i], i < _i ? i : i + 1);
	/* The list is sound behind it. */
	tt_task_reschedule(&noters[_i].task);
	tt_task_reschedule(&noters[5].task);
	machine_settle();
	ck_assert_int_eq(notes[3], _i);
	ck_assert_int_eq(notes[4], 5);
}
END_TEST

START_TEST(a_task_may_cancel_the_next_the_last_and_itself)
{
	int i;

	noters[0].other = &noters[1];
	noters[2].other = &noters[2];
	noters[3].other = &noters[5];
	for (i = 0; i < 6; i++)
		tt_task_reschedule(&noters[i].task);
	machine_settle();
	task_assert_notes(4, 0, 2, 3, 4);
}
END_TEST

START_TEST(a_task_that_never_ends_holds_up_neither_timers_nor_events)
{
	noters[0].left = 1000000;
	tt_task_reschedule(&noters[0].task);
	tt_timer_start(&noters[1].timer, 0);
	tt_watch_start(&noters[2].watch);
	ck_assert_int_eq(write(pair[1], "x", 1), 1);
	machine_until(noters[1].turn > 0 && noters[2].turn > 0);
	ck_assert_int_gt(noters[0].left, 0);
}
END_TEST

/* --- timers -------------------------------------------------------------- */

START_TEST(timers_of_one_duration_call_back_in_the_order_of_their_start)
{
	int i;

	for (i = 0; i < 5; i++)
		tt_timer_start(&noters[4 - i].timer, 2 * MS);
	tt_timer_start(&noters[4].timer, 2 * MS);	/* anew */
	machine_until(n_notes == 5);
	task_assert_notes(5, 3, 2, 1, 0, 4);
	for (i = 0; i < 5; i++)
		ck_assert(!tt_timer_is_on(&noters[i].timer));
}
END_TEST

START_TEST(timers_of_different_durations_call_back_in_their_time)
{
	int64_t begin = tt_now(self);

	tt_timer_start(&noters[0].timer, 30 * MS);
	tt_timer_start(&noters[1].timer, 2 * MS);
	tt_timer_start_at(&noters[2].timer, 16 * MS);
	machine_until(n_notes == 1);
	ck_assert_int_ge(tt_now(self), begin + 2 * MS);
	machine_until(n_notes == 2);
	ck_assert_int_ge(tt_now(self), begin + 16 * MS);
	machine_until(n_notes == 3);
	ck_assert_int_ge(tt_now(self), begin + 30 * MS);
	task_assert_notes(3, 1, 2, 0);
}
END_TEST

START_TEST(timers_with_computed_durations_call_back_in_their_order)
{
	static const int64_t ns[] = { 5, 3, 9, 1, 7, 3 };
	int i;

	for (i = 0; i < 6; i++)
		tt_timer_start_at(&noters[i].timer, ns[i] * MS);
	tt_timer_start_at(&noters[2].timer, 4 * MS);
	tt_timer_stop(&noters[4].timer);
	machine_until(n_notes == 5);
	task_assert_notes(5, 3, 1, 5, 2, 0);
}
END_TEST

START_TEST(any_number_of_durations_one_after_the_other_needs_no_more_memory)
{
	const struct tt_timers *seen[8] = { NULL };
	struct tt_timer *timer;
	unsigned n = 0, j;
	int i;

	for (i = 1; i <= 1000; i++) {
		timer = &noters[i % 2].timer;
		tt_timer_start(timer, i * INT64_C(1000000000));
		for (j = 0; j < n && seen[j] != timer->timers; j++)
			;
		ck_assert_uint_lt(j, 8);
		seen[j] = timer->timers;
		n = j == n ? n + 1 : n;
	}
	tt_timer_stop(&noters[0].timer);
	tt_timer_stop(&noters[1].timer);
}
END_TEST

START_TEST(a_timer_that_restarts_itself_at_once_waits_for_the_next_turn)
{
	unsigned before;

	noters[0].left = 3;
	noters[0].again = 0;
	tt_timer_start(&noters[0].timer, 0);
	before = machine.turns;
	machine_until(n_notes == 4);
	ck_assert_uint_ge(machine.turns - before, 4);
}
END_TEST

START_TEST(a_timer_may_restart_itself_with_any_duration)
{
	noters[0].left = 3;
	noters[0].again = 1 * MS;
	tt_timer_start(&noters[0].timer, 2 * MS);
	machine_until(n_notes == 1);
	noters[0].again = 3 * MS;
	machine_until(n_notes == 4);
	ck_assert(!tt_timer_is_on(&noters[0].timer));
}
END_TEST

/* Its time, and no more of the others' than they had before. */
START_TEST(a_timer_that_goes_by_its_old_time_keeps_its_place)
{
	int64_t due[6];
	int i;

	for (i = 0; i < 4; i++) {
		tt_timer_start(&noters[i].timer, 8 * MS);
		noters[i].timer.due -= (4 - i) * MS;
	}
	for (i = 0; i < 4; i++)
		due[i] = noters[i].timer.due;
	tt_timer_stop(&noters[1].timer);
	noters[1].timer.due -= 100 * MS + 1;
	tt_timer_again(&noters[1].timer, 8 * MS);
	ck_assert_int_gt(noters[1].timer.due, tt_now(self));
	ck_assert_int_le(noters[1].timer.due, tt_now(self) + 8 * MS);
	ck_assert_int_eq((noters[1].timer.due - due[1] + 100 * MS + 1) % (8 * MS), 0);
	for (i = 0; i < 3; i++)
		tt_timer_stop(&noters[i].timer);
	tt_timer_start(&noters[4].timer, 8 * MS);
	noters[2].timer.due = due[3] - 8 * MS + 1;
	tt_timer_again(&noters[2].timer, 8 * MS);
	noters[0].timer.due = due[3] - 8 * MS - 1;
	tt_timer_again(&noters[0].timer, 8 * MS);
	machine_until(n_notes == 4);
	task_assert_notes(4, 0, 3, 2, 4);
}
END_TEST

START_TEST(a_timer_may_stop_another_that_is_due)
{
	noters[0].other = &noters[1];
	noters[2].other = &noters[3];
	tt_timer_start(&noters[0].timer, MS);
	tt_timer_start(&noters[1].timer, MS);	/* the next of its list */
	tt_timer_start(&noters[4].timer, MS);
	tt_timer_start_at(&noters[2].timer, MS);
	tt_timer_start_at(&noters[3].timer, MS);
	machine_until(n_notes == 3);
	machine_settle();
	ck_assert_int_eq(n_notes, 3);
	ck_assert_uint_eq(noters[1].turn, 0);
	ck_assert_uint_eq(noters[3].turn, 0);
}
END_TEST

START_TEST(a_stopped_timer_stays_silent_and_may_be_started_again)
{
	tt_timer_stop(&noters[0].timer);
	tt_timer_start(&noters[0].timer, MS);
	tt_timer_start(&noters[1].timer, 4 * MS);
	tt_timer_stop(&noters[0].timer);
	tt_timer_stop(&noters[0].timer);
	machine_until(n_notes == 1);
	task_assert_notes(1, 1);
	tt_timer_start(&noters[0].timer, MS);
	machine_until(n_notes == 2);
	task_assert_notes(2, 1, 0);
}
END_TEST

START_TEST(an_earlier_timer_that_is_started_later_is_not_late)
{
	int64_t begin;

	tt_timer_start(&noters[0].timer, (int64_t)3600 * 1000 * MS);
	machine_settle();
	begin = tt_now(self);
	tt_timer_start(&noters[1].timer, 5 * MS);
	machine_until(n_notes == 1);
	ck_assert_int_lt(tt_now(self) - begin, (int64_t)5000 * MS);
	task_assert_notes(1, 1);
}
END_TEST

START_TEST(a_worker_that_waits_does_not_turn)
{
	unsigned before;

	machine_settle();
	before = machine.turns;
	tt_timer_start(&noters[0].timer, 60 * MS);
	machine_until(n_notes == 1);
	ck_assert_uint_le(machine.turns - before, 6);
}
END_TEST

/* --- watches ------------------------------------------------------------- */

START_TEST(a_watch_calls_back_until_nothing_is_left)
{
	noters[0].left = 3;
	tt_watch_start(&noters[0].watch);
	tt_watch_start(&noters[0].watch);
	ck_assert_int_eq(write(pair[1], "abc", 3), 3);
	machine_until(n_notes == 3);
	machine_settle();
	ck_assert_int_eq(n_notes, 3);
}
END_TEST

START_TEST(a_watch_may_stop_itself_and_start_again)
{
	tt_watch_start(&noters[0].watch);
	ck_assert_int_eq(write(pair[1], "a", 1), 1);
	machine_until(n_notes == 1);
	machine_settle();
	ck_assert_int_eq(n_notes, 1);
	tt_watch_start(&noters[0].watch);
	machine_until(n_notes == 2);
	tt_watch_stop(&noters[0].watch);
	tt_watch_stop(&noters[0].watch);
}
END_TEST

/* --- pumps --------------------------------------------------------------- */

struct pumper {
	struct tt_pump pump;
	int runs;
	bool leaves;
};

static void
pumper_run(struct tt_pump *pump)
{
	struct pumper *p = (struct pumper *)(void *)pump;

	p->runs++;
	if (p->leaves)
		tt_pump_remove(self, pump);
}

START_TEST(a_dirty_pump_runs_once_a_turn_and_may_leave)
{
	struct pumper a = { { .run = pumper_run }, 0, true };
	struct pumper b = { { .run = pumper_run }, 0, false };

	tt_pump_add(self, &b.pump);
	tt_pump_add(self, &a.pump);
	a.pump.dirty = b.pump.dirty = true;
	machine_settle();
	ck_assert_int_eq(a.runs, 1);
	ck_assert_int_eq(b.runs, 1);
	a.pump.dirty = b.pump.dirty = true;
	machine_settle();
	ck_assert_int_eq(a.runs, 1);
	ck_assert_int_eq(b.runs, 2);
	tt_pump_remove(self, &a.pump);
	tt_pump_remove(self, &b.pump);
}
END_TEST

Suite *check_task_suite(void);

Suite *
check_task_suite(void)
{
	Suite *s = suite_create("task");
	TCase *tc = tcase_create("task");

	tcase_add_checked_fixture(tc, task_setup, task_teardown);
	tcase_add_test(tc, tasks_run_in_the_order_of_their_scheduling_and_once);
	tcase_add_test(tc, a_task_that_reschedules_itself_goes_to_the_back);
	tcase_add_loop_test(tc, a_cancelled_task_does_not_run_wherever_it_stands,
	    0, 4);
	tcase_add_test(tc, a_task_may_cancel_the_next_the_last_and_itself);
	tcase_add_test(tc,
	    any_number_of_durations_one_after_the_other_needs_no_more_memory);
	tcase_add_test(tc,
	    a_task_that_never_ends_holds_up_neither_timers_nor_events);
	tcase_add_test(tc,
	    timers_of_one_duration_call_back_in_the_order_of_their_start);
	tcase_add_test(tc, timers_of_different_durations_call_back_in_their_time);
	tcase_add_test(tc, timers_with_computed_durations_call_back_in_their_order);
	tcase_add_test(tc,
	    a_timer_that_restarts_itself_at_once_waits_for_the_next_turn);
	tcase_add_test(tc, a_timer_may_restart_itself_with_any_duration);
	tcase_add_test(tc, a_timer_that_goes_by_its_old_time_keeps_its_place);
	tcase_add_test(tc, a_timer_may_stop_another_that_is_due);
	tcase_add_test(tc, a_stopped_timer_stays_silent_and_may_be_started_again);
	tcase_add_test(tc, an_earlier_timer_that_is_started_later_is_not_late);
	tcase_add_test(tc, a_worker_that_waits_does_not_turn);
	tcase_add_test(tc, a_watch_calls_back_until_nothing_is_left);
	tcase_add_test(tc, a_watch_may_stop_itself_and_start_again);
	tcase_add_test(tc, a_dirty_pump_runs_once_a_turn_and_may_leave);
	suite_add_tcase(s, tc);
	return s;
}
