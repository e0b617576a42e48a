/* check_sqlretain.c - tests plugins/sqlretain.c, by the files that sqlite.c keeps. */
#include "plugins/sqlretain.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon/batch.h"
#include "tests/sqldata.h"

Suite *check_sqlretain_suite(void);

#define SECOND INT64_C(1000000000)

static int64_t
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * SECOND + ts.tv_nsec;
}

static struct tt_sqlite *
retaining(unsigned n, const char *const *channels, struct tt_sqlite_retain limits)
{
	struct tt_sqlite *db = tt_sqlite_create(path, true, n, channels);

	tt_sqlite_retain(db, &limits);
	ck_assert_msg(tt_sqlite_open(db, &err) == TT_SQLITE_OK, "%s", err.text);
	return db;
}

/* Frames of CONNECTION, the words of TEXT, received at AT. */
static void
put_at(struct tt_sqlite *db, unsigned channel, uint64_t connection, const char *text,
    int64_t at)
{
	struct tt_origin *o = origin_of(connection);
	struct tt_batch *b = batch_of(o, 1, text);

	o->opened_at = at;
	b->received_at = at;
	write_one(db, b, channel);
	tt_batch_unref(b);
	tt_origin_unref(o);
}

/* CONNECTION ends at AT. */
static void
end_at(struct tt_sqlite *db, uint64_t connection, int64_t at)
{
	struct tt_origin *o = origin_of(connection);
	struct tt_batch *last = tt_batch_create(o, NULL, 0);

	o->opened_at = at - SECOND;
	o->closed_at = at;
	o->close_reason = TT_REASON_PEER;
	last->last = true;
	write_one(db, last, 0);
	tt_batch_unref(last);
	tt_origin_unref(o);
}

/* --- rows ---------------------------------------------------------------- */

START_TEST(the_newest_rows_stay)
{
	struct tt_sqlite *db = retaining(1, one_channel,
	    (struct tt_sqlite_retain){ .rows = 5 });

	for (int i = 0; i < 10; i++) {
		write_words(db, 1, "a b");
		ck_assert_int_le(atoi(query("SELECT count(*) FROM data")), 5);
	}
	ck_assert_str_eq(query("SELECT group_concat(id) FROM data"), "16,17,18,19,20;");
	tt_sqlite_destroy(db);
}
END_TEST

START_TEST(a_file_over_its_limit_comes_down_by_twice_what_comes)
{
	struct tt_sqlite *db = opened(1, one_channel);
	char text[200] = "a";

	for (int i = 1; i < 50; i++)
		strcat(text, " a");
	for (int i = 0; i < 2; i++)
		write_words(db, 1, text);
	tt_sqlite_destroy(db);
	db = retaining(1, one_channel, (struct tt_sqlite_retain){ .rows = 60 });
	ck_assert_str_eq(query("SELECT count(*) FROM data"), "100;");
	write_words(db, 1, "a b c");
	ck_assert_str_eq(query("SELECT count(*), min(id) FROM data"), "97|7;");
	for (int i = 0; i < 13; i++)
		write_words(db, 1, "a b c");
	ck_assert_str_eq(query("SELECT count(*), max(id) FROM data"), "60|142;");
	tt_sqlite_destroy(db);
}
END_TEST

START_TEST(one_row_is_the_least)
{
	struct tt_sqlite *db = retaining(1, one_channel,
	    (struct tt_sqlite_retain){ .rows = 1 });

	write_words(db, 1, "a b c d");
	ck_assert_str_eq(query("SELECT id, payload FROM data"), "4|d;");
	tt_sqlite_destroy(db);
	db = retaining(1, one_channel, (struct tt_sqlite_retain){ .rows = 1 });
	write_words(db, 1, "e");
	ck_assert_str_eq(query("SELECT id, payload FROM data"), "5|e;");
	tt_sqlite_destroy(db);
}
END_TEST

START_TEST(each_table_counts_its_own_and_refused_is_one)
{
	const char *const channels[] = { "data", "other" };
	struct tt_sqlite *db = retaining(2, channels,
	    (struct tt_sqlite_retain){ .rows = 3 });

	query("CREATE TRIGGER t BEFORE INSERT ON data WHEN new.payload = x'78' "
	    "BEGIN SELECT raise(ABORT, 'no'); END");
	put_at(db, 1, 1, "o p", now());
	put_at(db, 0, 1, "a b c d e", now());
	ck_assert_str_eq(query("SELECT group_concat(payload, '') FROM data"), "cde;");
	ck_assert_str_eq(query("SELECT group_concat(payload, '') FROM other"), "op;");
	for (int i = 0; i < 4; i++)
		put_at(db, 0, 1, "x x", now());
	ck_assert_str_eq(query("SELECT count(*) FROM refused"), "3;");
	ck_assert_str_eq(query("SELECT group_concat(payload, '') FROM data"), "cde;");
	tt_sqlite_destroy(db);
}
END_TEST

START_TEST(what_somebody_made_beside_ours_is_left_alone)
{
	struct tt_sqlite *db = opened(1, one_channel);

	write_words(db, 1, "a b c d");
	tt_sqlite_destroy(db);
	query("CREATE TABLE backup AS SELECT * FROM data");
	db = retaining(1, one_channel, (struct tt_sqlite_retain){ .rows = 1 });
	write_words(db, 1, "e f g h");
	ck_assert_str_eq(query("SELECT group_concat(payload, '') FROM data"), "h;");
	ck_assert_str_eq(query("SELECT count(*) FROM backup"), "4;");
	tt_sqlite_destroy(db);
}
END_TEST

START_TEST(a_trigger_that_keeps_old_rows_keeps_no_frame_out)
{
	struct tt_sqlite *db = retaining(1, one_channel,
	    (struct tt_sqlite_retain){ .rows = 1 });

	query("CREATE TRIGGER t BEFORE DELETE ON data "
	    "BEGIN SELECT raise(ABORT, 'stay'); END");
	ck_assert_int_eq(write_words(db, 1, "a b"), TT_SQLITE_OK);
	ck_assert_str_eq(query("SELECT count(*) FROM data"), "2;");
	tt_sqlite_destroy(db);
}
END_TEST

START_TEST(rows_taken_away_are_not_missed_after_a_restart)
{
	struct tt_sqlite *db = retaining(1, one_channel,
	    (struct tt_sqlite_retain){ .rows = 2 });

	write_words(db, 1, "a b c d");
	tt_sqlite_destroy(db);
	db = opened(1, one_channel);
	write_words(db, 1, "e");
	ck_assert_str_eq(query("SELECT group_concat(id) FROM data"), "3,4,5;");
	tt_sqlite_destroy(db);
}
END_TEST

/* --- age ----------------------------------------------------------------- */

START_TEST(old_rows_go_with_those_that_come)
{
	struct tt_sqlite *db = opened(1, one_channel);
	int64_t t = now();

	put_at(db, 0, 1, "a b c d", t - 100 * SECOND);
	put_at(db, 0, 1, "e f", t - 10 * SECOND);
	tt_sqlite_destroy(db);
	db = retaining(1, one_channel, (struct tt_sqlite_retain){ .age = 50 * SECOND });
	put_at(db, 0, 1, "g", t);
	ck_assert_str_eq(query("SELECT group_concat(payload, '') FROM data"), "cdefg;");
	put_at(db, 0, 1, "h i j", t);
	ck_assert_str_eq(query("SELECT group_concat(payload, '') FROM data"), "efghij;");
	tt_sqlite_destroy(db);
}
END_TEST

START_TEST(a_row_from_the_future_keeps_none_behind_it)
{
	struct tt_sqlite *db = opened(1, one_channel);
	int64_t t = now();

	put_at(db, 0, 1, "a", t + 1000 * SECOND);
	put_at(db, 0, 1, "b", t - 100 * SECOND);
	tt_sqlite_destroy(db);
	db = retaining(1, one_channel, (struct tt_sqlite_retain){ .age = 50 * SECOND });
	put_at(db, 0, 1, "c", t);
	ck_assert_str_eq(query("SELECT group_concat(payload, '') FROM data"), "c;");
	tt_sqlite_destroy(db);
}
END_TEST

START_TEST(old_rows_expire_while_none_come)
{
	struct tt_sqlite *db = opened(1, one_channel);
	int64_t t = now();
	bool more;

	for (int i = 0; i < 600; i++)
		put_at(db, 0, 1, "a b", t - 100 * SECOND);
	tt_sqlite_destroy(db);
	db = retaining(1, one_channel,
	    (struct tt_sqlite_retain){ .age = 50 * SECOND, .rows = 5 });
	ck_assert_int_eq(tt_sqlite_expire(db, &more, &err), TT_SQLITE_OK);
	ck_assert(more);
	ck_assert_str_eq(query("SELECT count(*) FROM data"), "200;");
	ck_assert_int_eq(tt_sqlite_expire(db, &more, &err), TT_SQLITE_OK);
	ck_assert(!more);
	ck_assert_str_eq(query("SELECT id FROM data"), "1200;");
	tt_sqlite_destroy(db);
}
END_TEST

/* --- bytes --------------------------------------------------------------- */

static int64_t
disk_use(void)
{
	char wal[128];
	struct stat st;
	int64_t bytes;

	ck_assert_int_eq(stat(path, &st), 0);
	bytes = st.st_size;
	snprintf(wal, sizeof wal, "%s-wal", path);
	return stat(wal, &st) == 0 ? bytes + st.st_size : bytes;
}

START_TEST(the_file_and_its_wal_stop_growing)
{
	const char *const channels[] = { "data", "other" };
	struct tt_sqlite *db = retaining(2, channels,
	    (struct tt_sqlite_retain){ .bytes = 2 << 20 });
	char text[4000];
	int64_t largest = 0;

	memset(text, 'x', sizeof text);
	for (size_t i = 100; i < sizeof text; i += 101)
		text[i] = ' ';
	text[sizeof text - 1] = '\0';
	for (unsigned i = 0; i < 4000; i++) {
		put_at(db, i % 4 == 0, i / 100 + 1, text, now());
		ck_assert_int_eq(tt_sqlite_checkpoint(db, &err), TT_SQLITE_OK);
		if (disk_use() > largest)
			largest = disk_use();
	}
	ck_assert_int_le(largest, (2 << 20) + (768 << 10));
	ck_assert_int_ge(atoi(query("SELECT count(*) FROM data")), 4000);
	/* The oldest of all go: both tables begin at the same time. */
	ck_assert_int_le(llabs(strtoll(query("SELECT (SELECT received_at FROM data "
	    "ORDER BY id LIMIT 1) - (SELECT received_at FROM other ORDER BY id LIMIT 1)"),
	    NULL, 10)), SECOND);
	ck_assert_str_eq(query("PRAGMA integrity_check"), "ok;");
	tt_sqlite_destroy(db);
}
END_TEST

START_TEST(a_reader_that_stays_does_not_cost_all_rows)
{
	struct tt_sqlite *db = retaining(1, one_channel,
	    (struct tt_sqlite_retain){ .bytes = 1 << 20 });
	sqlite3 *reader;
	char text[1000];

	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = '\0';
	put_at(db, 0, 1, text, now());
	ck_assert_int_eq(sqlite3_open(path, &reader), SQLITE_OK);
	sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM data", NULL, NULL, NULL);
	for (int i = 0; i < 2000; i++) {
		put_at(db, 0, 1, text, now());
		tt_sqlite_checkpoint(db, &err);
	}
	sqlite3_close(reader);
	ck_assert_int_ge(atoi(query("SELECT count(*) FROM data")), 300);
	tt_sqlite_destroy(db);
}
END_TEST

/* --- connections --------------------------------------------------------- */

START_TEST(connections_go_when_they_have_ended_and_their_frames_are_gone)
{
	struct tt_sqlite *db = retaining(1, one_channel,
	    (struct tt_sqlite_retain){ .rows = 3 });
	int64_t t = now() - 10000 * SECOND;

	put_at(db, 0, 1, "lives for years", t);
	for (unsigned i = 2; i <= 300; i++) {
		put_at(db, 0, i, "a", t + i * 20 * SECOND);
		end_at(db, i, t + (i * 20 + 1) * SECOND);
		if (i % 3 == 0)
			put_at(db, 0, 1, "b", t + (i * 20 + 2) * SECOND);
	}
	ck_assert_str_eq(query("SELECT group_concat(connection) FROM data"), "299,300,1;");
	ck_assert_str_eq(query("SELECT id FROM connection WHERE id < 290"), "1;");
	ck_assert_str_eq(query("SELECT count(*) FROM data WHERE connection NOT IN "
	    "(SELECT id FROM connection)"), "0;");
	tt_sqlite_destroy(db);
}
END_TEST

START_TEST(a_connection_that_ended_in_a_crash_goes_too)
{
	struct tt_sqlite *db = opened(1, one_channel);
	int64_t t = now();

	put_at(db, 0, 1, "a b", t - 100 * SECOND);
	put_at(db, 0, 2, "c d", t - 90 * SECOND);
	tt_sqlite_destroy(db);
	db = retaining(1, one_channel, (struct tt_sqlite_retain){ .rows = 2 });
	put_at(db, 0, 3, "e f", t - 85 * SECOND);
	ck_assert_str_eq(query("SELECT group_concat(id) FROM connection"), "1,2,3;");
	put_at(db, 0, 4, "g h", t - 50 * SECOND);
	ck_assert_str_eq(query("SELECT group_concat(id) FROM connection"), "3,4;");
	/* One that was of this run all the same has its row again. */
	put_at(db, 0, 2, "i", t - 40 * SECOND);
	ck_assert_str_eq(query("SELECT group_concat(id) FROM connection"), "2,3,4;");
	tt_sqlite_destroy(db);
}
END_TEST

START_TEST(where_the_clock_went_back_no_connection_goes)
{
	struct tt_sqlite *db = retaining(1, one_channel,
	    (struct tt_sqlite_retain){ .rows = 4 });
	int64_t t = now();

	put_at(db, 0, 1, "a b", t - 100 * SECOND);
	put_at(db, 0, 2, "c d", t - 4000 * SECOND);
	end_at(db, 2, t - 3900 * SECOND);
	put_at(db, 0, 3, "e", t - 3800 * SECOND);
	ck_assert_str_eq(query("SELECT group_concat(id) FROM connection"), "1,2,3;");
	tt_sqlite_destroy(db);
}
END_TEST

Suite *
check_sqlretain_suite(void)
{
	Suite *s = suite_create("sqlretain");
	TCase *t = tcase_create("files");

	tcase_add_checked_fixture(t, sqldata_setup, sqldata_teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, the_newest_rows_stay);
	tcase_add_test(t, a_file_over_its_limit_comes_down_by_twice_what_comes);
	tcase_add_test(t, one_row_is_the_least);
	tcase_add_test(t, each_table_counts_its_own_and_refused_is_one);
	tcase_add_test(t, what_somebody_made_beside_ours_is_left_alone);
	tcase_add_test(t, a_trigger_that_keeps_old_rows_keeps_no_frame_out);
	tcase_add_test(t, rows_taken_away_are_not_missed_after_a_restart);
	tcase_add_test(t, old_rows_go_with_those_that_come);
	tcase_add_test(t, a_row_from_the_future_keeps_none_behind_it);
	tcase_add_test(t, old_rows_expire_while_none_come);
	tcase_add_test(t, the_file_and_its_wal_stop_growing);
	tcase_add_test(t, a_reader_that_stays_does_not_cost_all_rows);
	tcase_add_test(t,
	    connections_go_when_they_have_ended_and_their_frames_are_gone);
	tcase_add_test(t, a_connection_that_ended_in_a_crash_goes_too);
	tcase_add_test(t, where_the_clock_went_back_no_connection_goes);
	suite_add_tcase(s, t);
	return s;
}
