/* check_spoolsalvage.c - a damaged spool keeps nobody out, loses little, and never gives
 * a wrong frame. */
#include "plugins/spoolsalvage.h"

#include <check.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/spool_model.h"

Suite *check_spoolsalvage_suite(void);

#define PAGE 8192
#define ROWS 40
#define FRAMES (ROWS * 10)
#define SIZE 300
#define LATER 100000			/* a position that is free */

static char wal[128];

static void
setup(void)
{
	static const struct tt_spool_cursor cursors[] = { { "node a", 1 },
		{ "node b", 31 } };
	struct tt_spool_write w = { .cursors = cursors, .n_cursors = 2 };

	spool_setup();
	snprintf(wal, sizeof wal, "%s-wal", spool.path);
	ck_assert_int_eq(spool_write(1, ROWS, 10, SIZE, &w), TT_SQLITE_OK);
	spool_close();
	ck_assert_int_ne(access(wal, F_OK), 0);
}

static void
count_cursor(void *arg, const char *node, uint64_t confirmed)
{
	ck_assert(strcmp(node, "node a") == 0 ? confirmed == 1 :
	    strcmp(node, "node b") == 0 && confirmed == 31);
	(*(unsigned *)arg)++;
}

/* Opens the file, however it is, reads it as the daemon would, and goes on with it.
 * Returns the frames that could be read. */
static uint64_t
live_with_it(void)
{
	struct tt_spoolreader *reader = tt_spoolreader_create(spool.path);
	struct tt_spool_write w = { .replace = true };
	struct spool_read all;
	unsigned cursors = 0;

	spool_open();
	ck_assert_int_eq(tt_spoolfile_cursors(spool.file, count_cursor, &cursors,
	    &spool.err), TT_SQLITE_OK);
	ck_assert(cursors == 2 || spool.state.cursors_lost);
	all = spool_read(reader, 0, SIZE);
	if (all.result != TT_SQLITE_OK) {
		ck_assert_int_eq(all.result, TT_SQLITE_FAILED);
		ck_assert_int_eq(spool_write(0, 0, 0, 0, &w), TT_SQLITE_OK);
		ck_assert_ptr_nonnull(strstr(spool.note.text, "was damaged: it is now "));
		all = spool_read(reader, 0, SIZE);
		ck_assert_int_eq(all.result, TT_SQLITE_OK);
	}
	ck_assert_uint_le(all.frames, FRAMES);
	ck_assert_uint_le(spool.state.next, FRAMES + 1);
	w = (struct tt_spool_write){ .trim = 0 };
	for (int i = 0; spool_write(LATER, 1, 10, SIZE, &w) != TT_SQLITE_OK; i++)
		ck_assert_int_lt(i, 2);
	ck_assert_uint_eq(spool_read(reader, LATER, SIZE).frames, 10);
	tt_spoolreader_destroy(reader);
	spool_close();
	/* And so it stays. */
	spool_open();
	ck_assert_uint_ge(spool.state.next, LATER + 10);
	ck_assert_uint_ge(spool_read_all(0, SIZE).frames, all.frames);
	spool_close();
	return all.frames;
}

/* Each page is hit in its turn: head, middle, end. */
START_TEST(wherever_bytes_are_wrong_little_is_lost)
{
	uint64_t kept = 0, rounds = 0;
	uint8_t *bytes;
	size_t size;

	bytes = spool_load(spool.path, &size);
	for (size_t at = 512 * (size_t)_i; at < size; at += 8 * 512) {
		/* Whose it is, and of what version, must be readable. */
		size_t here = at < 100 ? 100 : at;
		uint8_t saved[8];

		memcpy(saved, bytes + here, 8);
		for (int i = 0; i < 8; i++)
			bytes[here + (size_t)i] ^= 0x5A;
		spool_store(spool.path, bytes, size);
		memcpy(bytes + here, saved, 8);
		kept += live_with_it();
		rounds++;
	}
	free(bytes);
	ck_assert_uint_gt(rounds, 10);
	ck_assert_msg(kept > rounds * FRAMES * 3 / 4, "%llu of %llu frames",
	    (unsigned long long)kept, (unsigned long long)rounds * FRAMES);
}
END_TEST

/* Byte by byte, but for the magic, the application id and the version. */
START_TEST(a_wrong_header_keeps_nobody_out)
{
	uint8_t *bytes;
	size_t size;

	bytes = spool_load(spool.path, &size);
	for (size_t at = 16; at < 100; at++) {
		if ((at >= 60 && at < 64) || (at >= 68 && at < 72))
			continue;
		bytes[at] ^= 0xFF;
		spool_store(spool.path, bytes, size);
		bytes[at] ^= 0xFF;
		live_with_it();
	}
	free(bytes);
}
END_TEST

START_TEST(a_header_that_is_gone_is_nobody_s)
{
	static const uint8_t zeros[100];
	uint8_t *bytes;
	size_t size;

	bytes = spool_load(spool.path, &size);
	memcpy(bytes, zeros, sizeof zeros);
	spool_store(spool.path, bytes, size);
	free(bytes);
	ck_assert_int_eq(spool_try_open(), TT_SQLITE_FAILED);
	bytes = spool_load(spool.path, &size);
	ck_assert_mem_eq(bytes, zeros, sizeof zeros);
	free(bytes);
}
END_TEST

START_TEST(a_file_cut_short_keeps_its_head)
{
	uint64_t kept, all = 0;
	uint8_t *bytes;
	size_t size;

	bytes = spool_load(spool.path, &size);
	for (size_t at = 100; at < size; at = at / PAGE * PAGE + PAGE) {
		spool_store(spool.path, bytes, at);
		kept = live_with_it();
		all += kept;
		ck_assert_uint_lt(kept, FRAMES);
	}
	free(bytes);
	ck_assert_uint_gt(all, size / PAGE * FRAMES / 3);
	ck_assert_uint_gt(spool_count(".damaged-"), 10);
}
END_TEST

/* Two rows stand on a leaf, and only those are lost with it. */
START_TEST(what_stands_between_damaged_pages_is_kept)
{
	uint8_t *bytes;
	size_t size;
	unsigned hit = 0;

	bytes = spool_load(spool.path, &size);
	for (size_t at = PAGE; at < size; at += PAGE)
		if (bytes[at] == 0x0D && bytes[at + 3] == 0 && bytes[at + 4] == 2 &&
		    ++hit % 5 == 0)
			memset(bytes + at, 0xFF, PAGE);
	ck_assert_uint_gt(hit, 15);
	spool_store(spool.path, bytes, size);
	free(bytes);
	ck_assert_uint_eq(live_with_it(), FRAMES - hit / 5 * 20);
}
END_TEST

START_TEST(the_damaged_file_is_kept_beside)
{
	uint8_t *bytes, *after;
	size_t size, size_after;
	char *name, *end;

	bytes = spool_load(spool.path, &size);
	memset(bytes + 100, 0xFF, 50);
	spool_store(spool.path, bytes, size);
	spool_open();
	ck_assert_uint_eq(spool.state.n_aside, 1);
	ck_assert(spool.state.cursors_lost);
	name = strstr(spool.note.text, "it is now ") + strlen("it is now ");
	end = strstr(name, ", and ");
	*end = '\0';
	ck_assert_ptr_nonnull(strstr(name, "x.spool.damaged-2"));
	after = spool_load(name, &size_after);
	ck_assert_uint_eq(size, size_after);
	ck_assert_mem_eq(bytes, after, size);
	free(bytes);
	free(after);
	/* Until cursors are written, and that they were lost outlives a stop. */
	spool_close();
	spool_open();
	ck_assert(spool.state.cursors_lost);
	ck_assert_int_eq(spool_write(0, 0, 0, 0, &(struct tt_spool_write){
	    .cursors = &(struct tt_spool_cursor){ "node a", 1 }, .n_cursors = 1 }),
	    TT_SQLITE_OK);
	ck_assert(!spool.state.cursors_lost);
}
END_TEST

START_TEST(a_wrong_cursor_is_not_believed)
{
	sqlite3 *db;

	sqlite3_open(spool.path, &db);
	ck_assert_int_eq(sqlite3_exec(db, "UPDATE cursor SET confirmed = 300 "
	    "WHERE node = 'node b'", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	spool_open();
	ck_assert_uint_eq(spool.state.n_aside, 1);
	ck_assert(spool.state.cursors_lost);
	ck_assert_uint_eq(spool_read_all(0, SIZE).frames, FRAMES);
}
END_TEST

START_TEST(a_wrong_row_is_left_out_and_counted)
{
	struct spool_read all;
	sqlite3 *db;

	sqlite3_open(spool.path, &db);
	ck_assert_int_eq(sqlite3_exec(db, "UPDATE spool SET seq = 12 WHERE position = 21; "
	    "UPDATE spool SET n = 4000000000 WHERE position = 51; "
	    "UPDATE spool SET lengths = NULL WHERE position = 391", NULL, NULL, NULL),
	    SQLITE_OK);
	sqlite3_close(db);
	spool_open();
	all = spool_read_all(0, SIZE);
	ck_assert_int_eq(all.result, TT_SQLITE_OK);
	ck_assert_uint_eq(all.frames, FRAMES - 30);
	ck_assert_uint_eq(all.damaged, 12);	/* the number of two is not known */
	ck_assert_uint_eq(spool_read_all(25, SIZE).damaged, 8);
}
END_TEST

/* --- the WAL ------------------------------------------------------------- */

/* The file as a kill leaves it, with MORE rows in its WAL. */
static void
leave_wal(unsigned more, uint8_t **bytes, size_t *size, uint8_t **log, size_t *log_size)
{
	spool_open();
	for (unsigned i = 0; i < more; i++)
		spool_append(FRAMES + 1 + i * 10, 1, 10, SIZE);
	*bytes = spool_load(spool.path, size);
	*log = spool_load(wal, log_size);
	spool_close();
}

START_TEST(a_torn_wal_keeps_what_was_written_before)
{
	uint8_t *bytes, *log;
	size_t size, log_size;
	uint64_t last = FRAMES;
	struct spool_read all;

	leave_wal(5, &bytes, &size, &log, &log_size);
	for (size_t i = 0; i <= 40; i++) {
		spool_store(spool.path, bytes, size);
		spool_store(wal, log, log_size * i / 40);
		spool_open();
		all = spool_read_all(0, SIZE);
		ck_assert_int_eq(all.result, TT_SQLITE_OK);
		ck_assert_uint_eq(all.damaged, 0);
		ck_assert_uint_ge(all.frames, last);
		ck_assert_uint_eq(spool.state.frames, all.frames);
		ck_assert_uint_eq(spool.state.next, all.frames + 1);
		last = all.frames;
		spool_append(LATER, 1, 10, SIZE);
		spool_close();
	}
	ck_assert_uint_eq(last, FRAMES + 50);
	free(bytes);
	free(log);
}
END_TEST

START_TEST(a_wal_of_another_file_is_no_harm)
{
	uint8_t garbage[50000], *bytes, *log;
	size_t size, log_size;

	leave_wal(1, &bytes, &size, &log, &log_size);
	for (size_t i = 0; i < sizeof garbage; i++)
		garbage[i] = (uint8_t)(i * 77 >> 3);
	for (int i = 0; i < 2; i++) {
		spool_store(spool.path, bytes, size);
		if (i == 0)
			spool_store(wal, garbage, sizeof garbage);
		else
			unlink(wal);
		spool_open();
		ck_assert_uint_eq(spool_read_all(0, SIZE).frames, FRAMES);
		spool_close();
	}
	free(bytes);
	free(log);
}
END_TEST

/* --- half done ----------------------------------------------------------- */

START_TEST(a_new_file_that_is_half_made_goes)
{
	char name[128];

	snprintf(name, sizeof name, "%s-new", spool.path);
	spool_store(name, "half", 4);
	spool_open();
	ck_assert_int_ne(access(name, F_OK), 0);
	ck_assert_uint_eq(spool_read_all(0, SIZE).frames, FRAMES);
}
END_TEST

START_TEST(a_new_file_that_is_complete_takes_its_place)
{
	char whole[128];

	snprintf(whole, sizeof whole, "%s-whole", spool.path);
	ck_assert_int_eq(rename(spool.path, whole), 0);
	spool_store(wal, "of the other", 12);
	spool_open();
	ck_assert_int_ne(access(whole, F_OK), 0);
	ck_assert_uint_eq(spool_read_all(0, SIZE).frames, FRAMES);
	ck_assert_uint_eq(spool_count("damaged-"), 1);
}
END_TEST

/* The damaged one may have lost its WAL already, and what was in it. */
START_TEST(also_where_the_damaged_one_still_stands)
{
	uint8_t *bytes;
	char whole[128];
	size_t size;

	snprintf(whole, sizeof whole, "%s-whole", spool.path);
	bytes = spool_load(spool.path, &size);
	ck_assert_int_eq(rename(spool.path, whole), 0);
	spool_store(spool.path, bytes, size / 2);
	free(bytes);
	spool_open();
	ck_assert_int_ne(access(whole, F_OK), 0);
	ck_assert_uint_eq(spool_read_all(0, SIZE).frames, FRAMES);
	ck_assert_uint_eq(spool_count("damaged-"), 1);
	ck_assert_ptr_nonnull(strstr(spool.note.text, "was damaged: it is now "));
	ck_assert_uint_eq(spool.state.n_aside, 1);
}
END_TEST

START_TEST(but_never_that_of_another_s_file)
{
	char whole[128];

	snprintf(whole, sizeof whole, "%s-whole", spool.path);
	ck_assert_int_eq(rename(spool.path, whole), 0);
	spool_store(spool.path, "somebody's own text, long enough for a header", 45);
	ck_assert_int_eq(spool_try_open(), TT_SQLITE_FAILED);
	ck_assert_int_eq(access(whole, F_OK), 0);
	ck_assert_uint_eq(spool_count("damaged-"), 0);
}
END_TEST

Suite *
check_spoolsalvage_suite(void)
{
	Suite *s = suite_create("spoolsalvage");
	TCase *t = tcase_create("spoolsalvage");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, spool_teardown);
	tcase_add_loop_test(t, wherever_bytes_are_wrong_little_is_lost, 0, 8);
	tcase_add_test(t, a_wrong_header_keeps_nobody_out);
	tcase_add_test(t, a_header_that_is_gone_is_nobody_s);
	tcase_add_test(t, a_file_cut_short_keeps_its_head);
	tcase_add_test(t, what_stands_between_damaged_pages_is_kept);
	tcase_add_test(t, the_damaged_file_is_kept_beside);
	tcase_add_test(t, a_wrong_cursor_is_not_believed);
	tcase_add_test(t, a_wrong_row_is_left_out_and_counted);
	tcase_add_test(t, a_torn_wal_keeps_what_was_written_before);
	tcase_add_test(t, a_wal_of_another_file_is_no_harm);
	tcase_add_test(t, a_new_file_that_is_half_made_goes);
	tcase_add_test(t, a_new_file_that_is_complete_takes_its_place);
	tcase_add_test(t, also_where_the_damaged_one_still_stands);
	tcase_add_test(t, but_never_that_of_another_s_file);
	suite_add_tcase(s, t);
	return s;
}
