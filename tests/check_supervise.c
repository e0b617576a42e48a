/* check_supervise.c - how often a thread that fails is started again, by a clock
 * that the test turns. */
#include "daemon/supervise.h"

#include <check.h>
#include <stdlib.h>

#define MS INT64_C(1000000)
#define S INT64_C(1000000000)

static const struct tt_restart usual = {
	.given = true, .max = 5, .within = 60 * S, .backoff = { 500 * MS, 60 * S }
};

START_TEST(the_first_failures_are_borne_and_the_next_is_too_many)
{
	struct tt_supervise s;
	int i;

	tt_supervise_init(&s, &usual);
	for (i = 1; i <= 5; i++) {
		ck_assert_int_gt(tt_supervise_failed(&s, i * S, 0), 0);
		ck_assert_uint_eq(s.n, (unsigned)i);
	}
	ck_assert_int_eq(tt_supervise_failed(&s, 6 * S, 0), -1);
	ck_assert_uint_eq(s.n, 5);
	tt_supervise_finish(&s);
}
END_TEST

START_TEST(the_pauses_double_up_to_the_longest)
{
	static const int64_t pauses[] = { 1, 2, 4, 8, 10, 10, 10, 10 };
	struct tt_restart r = { .given = true, .max = 8, .within = 3600 * S,
		.backoff = { 1 * S, 10 * S } };
	struct tt_supervise s;
	size_t i;

	tt_supervise_init(&s, &r);
	for (i = 0; i < 8; i++)
		ck_assert_int_eq(tt_supervise_failed(&s, (int64_t)i, 0), pauses[i] * S);
	tt_supervise_finish(&s);
}
END_TEST

START_TEST(chance_takes_a_half_at_most)
{
	struct tt_supervise s;
	int64_t pause, least = INT64_MAX, most = 0;
	int i;

	for (i = 0; i < 1000; i++) {
		tt_supervise_init(&s, &usual);
		pause = tt_supervise_failed(&s, 0, (uint32_t)i * 4299000u);
		if (pause < least)
			least = pause;
		if (pause > most)
			most = pause;
		tt_supervise_finish(&s);
	}
	ck_assert_int_ge(least, 250 * MS);
	ck_assert_int_lt(least, 260 * MS);
	ck_assert_int_le(most, 500 * MS);
	ck_assert_int_gt(most, 490 * MS);
	tt_supervise_init(&s, &usual);
	ck_assert_int_eq(tt_supervise_failed(&s, 0, UINT32_MAX), 250 * MS);
	tt_supervise_finish(&s);
}
END_TEST

/* One a quarter of a minute, for a day: four count, or five for a moment. */
START_TEST(a_failure_counts_for_its_time_and_no_longer)
{
	struct tt_supervise s;
	int64_t at;

	tt_supervise_init(&s, &usual);
	for (at = 0; at < 86400 * S; at += 15 * S) {
		ck_assert_int_gt(tt_supervise_failed(&s, at, 0), 0);
		ck_assert_uint_le(s.n, 4);
	}
	tt_supervise_finish(&s);
	tt_supervise_init(&s, &usual);
	for (at = 0; at < 5; at++)
		ck_assert_int_gt(tt_supervise_failed(&s, at, 0), 0);
	/* The first is over at 60 s exactly. */
	ck_assert_int_eq(tt_supervise_failed(&s, 60 * S - 1, 0), -1);
	ck_assert_int_gt(tt_supervise_failed(&s, 60 * S, 0), 0);
	ck_assert_int_eq(tt_supervise_failed(&s, 60 * S, 0), -1);
	tt_supervise_finish(&s);
}
END_TEST

START_TEST(who_lived_long_enough_begins_with_the_first_pause)
{
	struct tt_restart r = usual;
	struct tt_supervise s;

	r.max = 100;
	tt_supervise_init(&s, &r);
	ck_assert_int_eq(tt_supervise_failed(&s, 0, 0), 500 * MS);
	tt_supervise_up(&s, 1 * S);
	ck_assert_int_eq(tt_supervise_failed(&s, 61 * S - 1, 0), 1 * S);
	tt_supervise_up(&s, 62 * S);
	ck_assert_int_eq(tt_supervise_failed(&s, 122 * S, 0), 500 * MS);
	/* It has not come up since: that is no long life. */
	ck_assert_int_eq(tt_supervise_failed(&s, 900 * S, 0), 1 * S);
	tt_supervise_finish(&s);
}
END_TEST

START_TEST(off_bears_nothing)
{
	static const struct tt_restart off = { .given = false };
	struct tt_supervise s;

	tt_supervise_init(&s, &off);
	ck_assert_int_eq(tt_supervise_failed(&s, 0, 0), -1);
	tt_supervise_finish(&s);
}
END_TEST

/* The ring against a list of all. */
START_TEST(it_is_as_if_all_failures_were_remembered)
{
	struct tt_restart r = { .given = true, .max = 1 + _i, .within = 10 * S,
		.backoff = { 1, 1 } };
	unsigned seed = (unsigned)_i, n_all = 0, i, n;
	int64_t all[2000], now = 0, pause;
	struct tt_supervise s;

	tt_supervise_init(&s, &r);
	while (n_all < 2000) {
		now += rand_r(&seed) % (10 * S / (1 + _i));
		for (n = 0, i = 0; i < n_all; i++)
			n += now - all[i] < r.within;
		pause = tt_supervise_failed(&s, now, (uint32_t)rand_r(&seed));
		ck_assert_int_eq(pause < 0, n >= (unsigned)r.max);
		if (pause < 0)
			now += r.within;
		else
			all[n_all++] = now;
	}
	tt_supervise_finish(&s);
}
END_TEST

Suite *check_supervise_suite(void);

Suite *
check_supervise_suite(void)
{
	Suite *s = suite_create("supervise");
	TCase *tc = tcase_create("supervise");

	tcase_add_test(tc, the_first_failures_are_borne_and_the_next_is_too_many);
	tcase_add_test(tc, the_pauses_double_up_to_the_longest);
	tcase_add_test(tc, chance_takes_a_half_at_most);
	tcase_add_test(tc, a_failure_counts_for_its_time_and_no_longer);
	tcase_add_test(tc, who_lived_long_enough_begins_with_the_first_pause);
	tcase_add_test(tc, off_bears_nothing);
	tcase_add_loop_test(tc, it_is_as_if_all_failures_were_remembered, 0, 10);
	suite_add_tcase(s, tc);
	return s;
}
