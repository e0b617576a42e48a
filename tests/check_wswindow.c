/* check_wswindow.c - plugins/wswindow.c */
#include <check.h>

#include "plugins/wswindow.h"

Suite *check_wswindow_suite(void);

enum { SECOND = 1000000000, USUAL = 1024 };
#define TIMEOUT (INT64_C(32) * SECOND)

START_TEST(what_is_under_way_takes_room_until_its_pong)
{
	struct tt_wswindow w = { .bound = 0 };

	tt_wswindow_begin(&w, USUAL);
	ck_assert_uint_eq(tt_wswindow_room(&w, 0), USUAL);
	ck_assert_uint_eq(tt_wswindow_room(&w, 1000), 24);
	ck_assert_uint_eq(tt_wswindow_room(&w, 5000), 0);
	tt_wswindow_ping(&w, 7, 1000, 0);
	ck_assert(tt_wswindow_pong(&w, 7, 3 * INT64_C(1000000000), TIMEOUT));
	ck_assert_uint_eq(w.n, 0);
	ck_assert_uint_eq(tt_wswindow_room(&w, 1000), USUAL);
}
END_TEST

START_TEST(an_unknown_pong_says_nothing)
{
	struct tt_wswindow w = { .bound = 0 };

	tt_wswindow_begin(&w, USUAL);
	ck_assert(!tt_wswindow_pong(&w, 0, 0, TIMEOUT));
	tt_wswindow_ping(&w, 7, 10, 0);
	ck_assert(!tt_wswindow_pong(&w, 8, 0, TIMEOUT));
	ck_assert(tt_wswindow_pong(&w, 7, 0, TIMEOUT));
	ck_assert(!tt_wswindow_pong(&w, 7, 0, TIMEOUT));
}
END_TEST

START_TEST(a_pong_answers_for_the_pings_before_its_own)
{
	struct tt_wswindow w = { .bound = 0 };

	tt_wswindow_begin(&w, USUAL);
	tt_wswindow_ping(&w, 1, 10, 0);
	tt_wswindow_ping(&w, 2, 20, 1);
	tt_wswindow_ping(&w, 3, 30, 2);
	ck_assert(tt_wswindow_pong(&w, 2, 3, TIMEOUT));
	ck_assert_uint_eq(w.confirmed, 20);
	ck_assert_uint_eq(w.n, 1);
	ck_assert(!tt_wswindow_pong(&w, 1, 4, TIMEOUT));
	ck_assert(tt_wswindow_pong(&w, 3, 4, TIMEOUT));
	ck_assert_uint_eq(w.n, 0);
}
END_TEST

START_TEST(the_oldest_of_too_many_pings_gives_way)
{
	struct tt_wswindow w = { .bound = 0 };

	tt_wswindow_begin(&w, USUAL);
	for (unsigned i = 0; i <= TT_WSWINDOW_PINGS; i++)
		tt_wswindow_ping(&w, i, i, i);
	ck_assert_uint_eq(w.n, TT_WSWINDOW_PINGS);
	ck_assert(!tt_wswindow_pong(&w, 0, 99, TIMEOUT));
	ck_assert(tt_wswindow_pong(&w, TT_WSWINDOW_PINGS, 99, TIMEOUT));
	ck_assert_uint_eq(w.n, 0);
}
END_TEST

/* By the load before the ping, and the time until its pong. */
static const struct {
	uint64_t load;
	int64_t took;
	uint64_t bound;
} fits[] = {
	{ USUAL, INT64_C(1) * SECOND, 2 * USUAL },
	{ USUAL / 2, INT64_C(1) * SECOND, 2 * USUAL },
	{ USUAL / 2 - 1, INT64_C(1) * SECOND, USUAL },	/* it was not what held us */
	{ USUAL, INT64_C(5) * SECOND, USUAL },
	{ USUAL, INT64_C(9) * SECOND, USUAL / 2 },
	{ 1, INT64_C(9) * SECOND, USUAL / 2 },
};

START_TEST(the_bound_follows_the_pongs)
{
	struct tt_wswindow w = { .bound = 0 };

	tt_wswindow_begin(&w, USUAL);
	tt_wswindow_ping(&w, 1, fits[_i].load, 0);
	ck_assert(tt_wswindow_pong(&w, 1, fits[_i].took, TIMEOUT));
	ck_assert_uint_eq(w.bound, fits[_i].bound);
}
END_TEST

START_TEST(a_connection_begins_with_what_was_good_before)
{
	struct tt_wswindow w = { .bound = 0 };

	tt_wswindow_begin(&w, USUAL);
	tt_wswindow_failed(&w, USUAL);
	tt_wswindow_begin(&w, USUAL);
	ck_assert_uint_eq(w.bound, USUAL / 2);
	for (int i = 0; i < 100; i++)
		tt_wswindow_failed(&w, USUAL);
	ck_assert_uint_eq(w.bound, 1);		/* one frame always goes */
	w.bound = UINT64_MAX / 2;
	tt_wswindow_failed(&w, USUAL);
	ck_assert_uint_eq(w.bound, USUAL / 2);
	w.bound = 100 * USUAL;
	tt_wswindow_begin(&w, USUAL);
	ck_assert_uint_eq(w.bound, USUAL);
}
END_TEST

/* A destination that reads 2,000 bytes a second, behind a timeout of one: the bound
 * must come to where it can answer. */
START_TEST(a_slow_reader_is_not_asked_for_too_much)
{
	struct tt_wswindow w = { .bound = 0 };
	int failures = 0, answers = 0;
	uint64_t load = 0;
	int64_t now = 0, took;

	tt_wswindow_begin(&w, 32768);
	for (uint64_t i = 1; answers < 20 && i < 100; i++) {
		load += tt_wswindow_room(&w, load);
		tt_wswindow_ping(&w, i, load, now);
		took = (int64_t)(load - w.confirmed) * SECOND / 2000;
		if (took >= SECOND) {
			failures++;
			now += SECOND;
			tt_wswindow_failed(&w, 32768);
			tt_wswindow_begin(&w, 32768);
			load = 0;
			continue;
		}
		now += took;
		ck_assert(tt_wswindow_pong(&w, i, now, SECOND));
		answers++;
	}
	ck_assert_int_eq(answers, 20);
	ck_assert_int_eq(failures, 5);
	ck_assert_uint_ge(w.bound, 100);
}
END_TEST

Suite *
check_wswindow_suite(void)
{
	Suite *suite = suite_create("wswindow");
	TCase *tcase = tcase_create("wswindow");

	tcase_add_test(tcase, what_is_under_way_takes_room_until_its_pong);
	tcase_add_test(tcase, an_unknown_pong_says_nothing);
	tcase_add_test(tcase, a_pong_answers_for_the_pings_before_its_own);
	tcase_add_test(tcase, the_oldest_of_too_many_pings_gives_way);
	tcase_add_loop_test(tcase, the_bound_follows_the_pongs, 0,
	    sizeof fits / sizeof fits[0]);
	tcase_add_test(tcase, a_connection_begins_with_what_was_good_before);
	tcase_add_test(tcase, a_slow_reader_is_not_asked_for_too_much);
	suite_add_tcase(suite, tcase);
	return suite;
}
