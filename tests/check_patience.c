/* check_patience.c - tests of plugins/patience.c and daemon/flood.c. */
#include "plugins/patience.h"

#include "daemon/worker.h"
#include "daemon/flood.h"
#include "tests/machine.h"

Suite *check_patience_suite(void);

#define MS 1000000

/* What ends in a timer does not wake a turn that waits. */
#define patience_until(cond) \
	do { \
		while (!(cond)) \
			machine_settle(); \
	} while (0)

static struct machine_thread *source;
static struct tt_patience patience;
static bool over;

static void
patience_over(struct tt_patience *p)
{
	ck_assert_ptr_eq(p, &patience);
	over = true;
}

static void
patience_begin(void)
{
	machine_start("", "  SourceThread: {}\n  SinkThread: {}\n");
	machine_until(machine.ready);
	source = machine_thread("SourceThread");
	over = false;
	tt_patience_init(&patience, &source->thread, patience_over);
}

START_TEST(patience_ends_when_its_time_has_come)
{
	int64_t began;

	patience_begin();
	began = tt_now(&source->thread);
	tt_patience_start(&patience, source->origin, 20 * MS);
	patience_until(over);
	ck_assert_int_ge(tt_now(&source->thread) - began, 20 * MS);
	machine_end();
}
END_TEST

START_TEST(patience_that_is_stopped_does_not_end)
{
	patience_begin();
	tt_patience_start(&patience, source->origin, 1 * MS);
	tt_patience_stop(&patience);
	machine_settle();
	ck_assert(!tt_timer_is_on(&patience.timer));
	ck_assert(!over);
	machine_end();
}
END_TEST

static void
patience_nothing(struct tt_timer *timer)
{
	(void)timer;
}

/* Waits for NS of the worker's time. */
static void
patience_wait(int64_t ns)
{
	tt_timer_init(&source->timer, &source->thread, patience_nothing);
	tt_timer_start(&source->timer, ns);
	patience_until(!tt_timer_is_on(&source->timer));
}

START_TEST(patience_stands_still_while_the_tap_is_closed)
{
	struct tt_worker *w;
	int64_t began, closed;

	patience_begin();
	w = source->thread.worker;
	machine.unchecked = true;	/* whose gate has no reason to be shut */
	began = tt_now(&source->thread);
	tt_patience_start(&patience, source->origin, 20 * MS);
	tt_gate_shut(w, source->thread.node);
	patience_wait(100 * MS);
	ck_assert(!over);
	tt_gate_open(w, source->thread.node);
	closed = tt_tap_closed_time(&source->tap) - patience.closed;
	ck_assert_int_ge(closed, 100 * MS);
	patience_until(over);
	ck_assert_int_ge(tt_now(&source->thread) - began, closed + 20 * MS);
	machine_end();
}
END_TEST

START_TEST(patience_with_a_tap_that_has_gone_ends_without_a_call)
{
	patience_begin();
	tt_patience_start(&patience, source->origin, 1 * MS);
	tt_tap_stop(&source->tap);
	patience_until(!tt_timer_is_on(&patience.timer));
	ck_assert(!over);
	machine_end();
}
END_TEST

START_TEST(ten_lines_are_allowed_in_a_second_and_the_others_counted)
{
	struct tt_flood flood;
	unsigned i, allowed = 0;

	patience_begin();
	tt_flood_init(&flood, &source->thread, "lines");
	for (i = 0; i < 25; i++)	/* in one turn, which has one time */
		allowed += tt_flood_allows(&flood);
	ck_assert_uint_eq(allowed, 10);
	ck_assert_uint_eq(flood.limit.left_out, 15);
	patience_until(!tt_timer_is_on(&flood.timer));
	ck_assert_uint_eq(flood.limit.left_out, 0);
	ck_assert(tt_flood_allows(&flood));
	tt_flood_finish(&flood);
	machine_end();
}
END_TEST

Suite *
check_patience_suite(void)
{
	Suite *s = suite_create("patience");
	TCase *tc = tcase_create("patience");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, patience_ends_when_its_time_has_come);
	tcase_add_test(tc, patience_that_is_stopped_does_not_end);
	tcase_add_test(tc, patience_stands_still_while_the_tap_is_closed);
	tcase_add_test(tc, patience_with_a_tap_that_has_gone_ends_without_a_call);
	tcase_add_test(tc, ten_lines_are_allowed_in_a_second_and_the_others_counted);
	suite_add_tcase(s, tc);
	return s;
}
