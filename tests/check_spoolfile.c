/* check_spoolfile.c - the spool's file: what is written comes back as it was. */
#include "plugins/spoolfile.h"

#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/batch.h"
#include "tests/spool_model.h"

Suite *check_spoolfile_suite(void);

static void
write_ok(uint64_t position, unsigned rows, uint32_t n, uint32_t size,
    struct tt_spool_write w)
{
	ck_assert_msg(spool_write(position, rows, n, size, &w) == TT_SQLITE_OK, "%s",
	    spool.err.text);
}

START_TEST(what_is_written_comes_back)
{
	static const struct { uint32_t n, size; } shapes[] = {
		{ 1, 0 }, { 1, 1 }, { 3, 100 }, { TT_BATCH_MAX, 1 }, { TT_BATCH_MAX, 0 },
		{ 1, 4 << 20 }, { 200, 300 },
	};
	uint32_t n = shapes[_i].n, size = shapes[_i].size;

	spool_append(5, 3, n, size);
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(spool.state.first, 5);
		ck_assert_uint_eq(spool.state.next, 5 + 3 * (uint64_t)n);
		ck_assert_uint_eq(spool.state.frames, 3 * (uint64_t)n);
		ck_assert_int_eq(spool.state.oldest, 5000);
		ck_assert_int_gt(spool.state.bytes, 3 * (int64_t)n * size);
		ck_assert_uint_eq(spool_read_all(0, size).frames, 3 * (uint64_t)n);
		ck_assert_uint_eq(spool_read_all(0, size).damaged, 0);
		spool_close();
		spool_open();
		ck_assert_str_eq(spool.note.text, "");
	}
}
END_TEST

START_TEST(it_is_read_from_any_position)
{
	spool_append(100, 5, 10, 20);
	spool_append(1000, 5, 10, 20);		/* another start */
	for (uint64_t p = 95; p < 160; p++)
		ck_assert_uint_eq(spool_read_all(p, 20).frames,
		    (p <= 100 ? 50 : p >= 150 ? 0 : 150 - p) + 50);
	ck_assert_uint_eq(spool_read_all(1049, 20).frames, 1);
	ck_assert_uint_eq(spool_read_all(1050, 20).frames, 0);
	ck_assert_uint_eq(spool_read_all(1050, 20).next, 1050);
}
END_TEST

START_TEST(what_all_have_confirmed_goes_by_whole_rows)
{
	spool_append(100, 5, 10, 20);
	write_ok(0, 0, 0, 0, (struct tt_spool_write){ .trim = 110 });
	ck_assert_uint_eq(spool.state.first, 110);
	write_ok(0, 0, 0, 0, (struct tt_spool_write){ .trim = 129 });
	ck_assert_uint_eq(spool.state.first, 120);
	ck_assert_uint_eq(spool.state.frames, 30);
	ck_assert_uint_eq(spool.state.dropped, 0);
	write_ok(0, 0, 0, 0, (struct tt_spool_write){ .trim = 1000 });
	ck_assert_uint_eq(spool.state.first, spool.state.next);
	ck_assert_uint_eq(spool.state.next, 150);	/* its end is not forgotten */
	ck_assert_int_eq(spool.state.oldest, 0);
	ck_assert_uint_eq(spool_read_all(0, 20).frames, 0);
	spool_close();
	spool_open();
	ck_assert_uint_eq(spool.state.next, 150);
	ck_assert_uint_eq(spool.state.first, 150);
	ck_assert_uint_eq(spool.state.frames, 0);
}
END_TEST

START_TEST(a_write_takes_no_more_away_than_it_can_in_a_short_time)
{
	for (uint64_t i = 0; i < 10; i++)
		spool_append(i * 10, 2, 1, 4 << 20);
	write_ok(0, 0, 0, 0, (struct tt_spool_write){ .trim = 1000 });
	ck_assert(spool.state.more);
	ck_assert_uint_gt(spool.state.first, 0);
	write_ok(0, 0, 0, 0, (struct tt_spool_write){ .trim = 1000 });
	ck_assert(!spool.state.more);
	ck_assert_uint_eq(spool.state.frames, 0);
}
END_TEST

START_TEST(the_oldest_can_be_dropped)
{
	spool_append(100, 5, 10, 20);
	write_ok(0, 0, 0, 0, (struct tt_spool_write){ .drop_before = 111000 });
	ck_assert_uint_eq(spool.state.first, 120);	/* two were received before */
	ck_assert_uint_eq(spool.state.dropped, 20);
	write_ok(0, 0, 0, 0, (struct tt_spool_write){ .drop_bytes = 1 });
	ck_assert_uint_eq(spool.state.first, 130);
	ck_assert_uint_eq(spool.state.dropped, 10);
	write_ok(150, 1, 10, 20, (struct tt_spool_write){ .trim = 140, .drop_bytes = 1 });
	ck_assert_uint_eq(spool.state.first, 150);
	ck_assert_uint_eq(spool.state.dropped, 10);	/* the other was confirmed */
	ck_assert_uint_eq(spool.state.frames, 10);
}
END_TEST

START_TEST(space_is_used_again)
{
	uint64_t position = 0;
	struct stat st;
	off_t most = 0;

	for (int i = 0; i < 40; i++, position += 1000) {
		write_ok(position, 10, 100, 1000,
		    (struct tt_spool_write){ .trim = position });
		ck_assert_int_eq(stat(spool.path, &st), 0);
		most = st.st_size > most ? st.st_size : most;
	}
	ck_assert_int_lt(most, 4 << 20);	/* 40 MB went through it */
}
END_TEST

/* Else a small spool would stay full of what is in its WAL alone. */
START_TEST(an_empty_spool_takes_little_room)
{
	for (uint64_t i = 0; i < 20; i++) {
		write_ok(i * 1000, 1, 1000, 1000,
		    (struct tt_spool_write){ .trim = i * 1000 });
		write_ok(0, 0, 0, 0, (struct tt_spool_write){ .trim = i * 1000 + 1000 });
		ck_assert_int_lt(spool.state.bytes, 700000);
	}
}
END_TEST

static unsigned n_cursors;
static uint64_t cursor_sum;

static void
count_cursor(void *arg, const char *node, uint64_t confirmed)
{
	(void)arg;
	ck_assert_int_eq(strncmp(node, "node", 4), 0);
	n_cursors++;
	cursor_sum += confirmed;
}

START_TEST(cursors_are_kept_by_their_node)
{
	const struct tt_spool_cursor first[] = { { "node a", 5 }, { "node b", 7 } };
	const struct tt_spool_cursor then[] = { { "node a", 50 }, { "node c", 1 } };
	const char *gone[] = { "node b" };

	write_ok(0, 0, 0, 0, (struct tt_spool_write){ .cursors = first, .n_cursors = 2 });
	write_ok(0, 0, 0, 0, (struct tt_spool_write){ .cursors = then, .n_cursors = 2,
		.removed = gone, .n_removed = 1 });
	spool_close();
	spool_open();
	n_cursors = 0;
	cursor_sum = 0;
	ck_assert_int_eq(tt_spoolfile_cursors(spool.file, count_cursor, NULL, &spool.err),
	    TT_SQLITE_OK);
	ck_assert_uint_eq(n_cursors, 2);
	ck_assert_uint_eq(cursor_sum, 51);
	ck_assert(!spool.state.cursors_lost);
}
END_TEST

/* The integer that SQL gives. */
static int64_t
ask(const char *sql)
{
	sqlite3 *db;
	sqlite3_stmt *stmt;
	int64_t value;

	ck_assert_int_eq(sqlite3_open(spool.path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
	value = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return value;
}

START_TEST(refused_frames_are_kept)
{
	struct tt_batch *batch = spool_batch(40, 3, 9);
	const struct tt_spool_refused refused[] = { { batch, 1, "max_message" },
		{ batch, 2, "newline" } };

	write_ok(0, 0, 0, 0, (struct tt_spool_write){ .refused = refused,
		.n_refused = 2 });
	tt_batch_unref(batch);
	ck_assert_int_eq(ask("SELECT count(*) FROM refused WHERE connection = 7 "
	    "AND received_at = 40000 AND length(payload) = 9"), 2);
	ck_assert_int_eq(ask("SELECT seq FROM refused WHERE reason = 'newline'"), 42);
}
END_TEST

START_TEST(the_file_says_whose_it_is)
{
	spool_append(1, 1, 1, 1);
	ck_assert_int_eq(ask("PRAGMA application_id"), 0x74747370);
	ck_assert_int_eq(ask("PRAGMA page_size"), 8192);
	ck_assert_int_eq(ask("SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
}
END_TEST

/* --- two threads, two processes ------------------------------------------ */

static void *
read_along(void *arg)
{
	struct tt_spoolreader *reader = tt_spoolreader_create(spool.path);
	struct tt_spool_block block;
	struct tt_error err;
	uint64_t next = 0;

	while (next < *(const uint64_t *)arg) {
		ck_assert_int_eq(tt_spoolreader_read(reader, next, 20000, &block, &err),
		    TT_SQLITE_OK);
		for (struct tt_spool_found *f = block.first; f != NULL; f = f->next) {
			ck_assert_uint_eq(f->first, next);
			next += f->n;
		}
		ck_assert_uint_eq(block.next, next);
		tt_spool_block_free(&block);
	}
	tt_spoolreader_destroy(reader);
	return NULL;
}

START_TEST(who_reads_sees_what_is_written_meanwhile)
{
	uint64_t end = 60 * 50;
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, read_along, &end), 0);
	for (uint64_t i = 0; i < 60; i++)
		write_ok(i * 50, 5, 10, 1000, (struct tt_spool_write){ .trim = 0 });
	pthread_join(thread, NULL);
}
END_TEST

START_TEST(what_was_answered_for_outlives_a_kill)
{
	struct spool_read all;
	uint64_t written = 0;
	int fd[2], r = 1;
	pid_t pid;

	for (int round = 0; round < 5; round++) {
		spool_close();
		ck_assert_int_eq(pipe(fd), 0);
		pid = fork();
		if (pid == 0) {
			spool_open();
			for (uint64_t p = written; r > 0; p += 50) {
				spool_append(p, 5, 10, 500);
				r = (int)write(fd[1], &(uint64_t){ p + 50 }, sizeof p);
			}
			_exit(0);
		}
		close(fd[1]);
		for (int i = 0; i < 5 + round; i++)
			ck_assert_int_eq(read(fd[0], &written, sizeof written),
			    sizeof written);
		kill(pid, SIGKILL);
		ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
		while (read(fd[0], &written, sizeof written) > 0)
			continue;
		close(fd[0]);
		spool_open();
		ck_assert_str_eq(spool.note.text, "");
		ck_assert_uint_ge(spool.state.next, written);
		written = spool.state.next;
		all = spool_read_all(0, 500);
		ck_assert_uint_eq(all.frames, written);
		ck_assert_uint_eq(all.damaged, 0);
		ck_assert_uint_eq(spool.state.frames, written);
	}
}
END_TEST

/* A sync that fails may leave the transaction in the file: another handle stands for
 * that. */
START_TEST(what_was_not_answered_for_is_written_again)
{
	struct tt_spoolfile *first = spool.file;

	spool_append(1, 3, 10, 100);
	for (int i = 0; i < 2; i++) {
		spool_open();
		ck_assert_uint_eq(spool.state.next, 31);
		spool_append(31, 2, 10, 100);
		spool_close();
		spool.file = first;
		if (i == 0) {
			ck_assert_int_eq(tt_spoolfile_open(first, &spool.state,
			    &spool.note, &spool.err), TT_SQLITE_OK);
			ck_assert_uint_eq(spool.state.frames, 30);
		} else {
			write_ok(31, 2, 10, 100, (struct tt_spool_write){
			    .replace = true });
			ck_assert_uint_eq(spool.state.n_aside, 1);
		}
	}
	ck_assert_uint_eq(spool.state.frames, 50);
	ck_assert_uint_eq(spool_read_all(0, 100).frames, 50);
}
END_TEST

/* --- a full disk --------------------------------------------------------- */

static void
limit_files(rlim_t most)
{
	struct rlimit limit;

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = most;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

START_TEST(a_full_disk_takes_nothing_and_goes_on_with_room)
{
	struct tt_spool_write w = { .trim = 0 };
	uint64_t position = 0;

	limit_files(3 << 20);
	while (spool_write(position, 4, 10, 10000, &w) == TT_SQLITE_OK) {
		position += 40;
		ck_assert_uint_lt(position, 10000);
	}
	ck_assert_uint_gt(position, 40);
	ck_assert_uint_eq(spool.state.next, position);
	ck_assert_uint_eq(spool.state.frames, position);
	ck_assert_msg(spool_write(position, 4, 10, 10000, &w) == TT_SQLITE_LATER, "%s",
	    spool.err.text);
	ck_assert_uint_eq(spool_read_all(0, 10000).frames, position);
	limit_files(RLIM_INFINITY);
	spool_append(position, 4, 10, 10000);
	ck_assert_uint_eq(spool_read_all(0, 10000).frames, position + 40);
}
END_TEST

START_TEST(what_was_confirmed_goes_from_a_full_disk)
{
	struct tt_spool_write w = { .trim = 0 };
	uint64_t position = 0;
	int i;

	limit_files(3 << 20);
	while (spool_write(position, 4, 10, 10000, &w) == TT_SQLITE_OK)
		position += 40;
	w.trim = position;
	/* The WAL that could not be moved yet has the first rows' place. */
	for (i = 0; i < 3 && spool_write(position, 4, 10, 10000, &w) != TT_SQLITE_OK; i++)
		ck_assert_uint_eq(spool.state.first, spool.state.next);
	ck_assert_int_lt(i, 3);
	ck_assert_uint_eq(spool.state.first, position);
	ck_assert_uint_eq(spool.state.frames, 40);
	limit_files(RLIM_INFINITY);
}
END_TEST

/* --- what is not ours ---------------------------------------------------- */

static const struct {
	const char *sql;		/* NULL: no database */
	const char *says;
} others[] = {
	{ NULL, "not an SQLite database" },
	{ "CREATE TABLE t(x)", "another program" },
	{ "PRAGMA application_id=0x74746462; CREATE TABLE t(x)", "another program" },
	{ "PRAGMA application_id=0x74747370; PRAGMA user_version=2; CREATE TABLE t(x)",
	  "newer" },
};

START_TEST(what_is_not_ours_is_left_alone)
{
	static const char text[] = "not a database, and longer than a header has to be: "
	    "it is somebody's, who will want it back as it was, byte for byte, later";
	uint8_t *before, *after;
	size_t size, size_after;
	sqlite3 *db;

	spool_close();
	unlink(spool.path);
	if (others[_i].sql == NULL) {
		spool_store(spool.path, text, sizeof text);
	} else {
		sqlite3_open(spool.path, &db);
		ck_assert_int_eq(sqlite3_exec(db, others[_i].sql, NULL, NULL, NULL),
		    SQLITE_OK);
		sqlite3_close(db);
	}
	before = spool_load(spool.path, &size);
	ck_assert_int_eq(spool_try_open(), TT_SQLITE_FAILED);
	ck_assert_msg(strstr(spool.err.text, others[_i].says) != NULL, "%s",
	    spool.err.text);
	spool_close();
	after = spool_load(spool.path, &size_after);
	ck_assert_uint_eq(size, size_after);
	ck_assert_mem_eq(before, after, size);
	ck_assert_uint_eq(spool_count("x.spool"), 1);
	free(before);
	free(after);
}
END_TEST

START_TEST(what_cannot_be_written_is_refused)
{
	spool_append(1, 1, 1, 1);
	spool_close();
	ck_assert_int_eq(chmod(spool.path, 0444), 0);
	ck_assert_int_eq(spool_try_open(), TT_SQLITE_FAILED);
	ck_assert_ptr_nonnull(strstr(spool.err.text, "read-only"));
	spool_close();
	ck_assert_int_eq(chmod(spool.path, 0644), 0);
	ck_assert_int_eq(chmod(spool.directory, 0555), 0);
	ck_assert_int_eq(spool_try_open(), TT_SQLITE_FAILED);
	ck_assert_ptr_nonnull(strstr(spool.err.text, "read-only"));
	ck_assert_int_eq(chmod(spool.directory, 0755), 0);
}
END_TEST

START_TEST(a_file_that_was_taken_away_is_made_again)
{
	spool_append(1, 5, 10, 100);
	ck_assert_int_eq(unlink(spool.path), 0);
	spool_append(51, 1, 10, 100);
	ck_assert_uint_eq(spool.state.next, 61);
	ck_assert_uint_eq(spool.state.frames, 10);
	ck_assert_uint_eq(spool_read_all(0, 100).frames, 10);
}
END_TEST

Suite *
check_spoolfile_suite(void)
{
	Suite *s = suite_create("spoolfile");
	TCase *t = tcase_create("spoolfile");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, spool_setup, spool_teardown);
	tcase_add_loop_test(t, what_is_written_comes_back, 0, 7);
	tcase_add_test(t, it_is_read_from_any_position);
	tcase_add_test(t, what_all_have_confirmed_goes_by_whole_rows);
	tcase_add_test(t, a_write_takes_no_more_away_than_it_can_in_a_short_time);
	tcase_add_test(t, the_oldest_can_be_dropped);
	tcase_add_test(t, space_is_used_again);
	tcase_add_test(t, an_empty_spool_takes_little_room);
	tcase_add_test(t, cursors_are_kept_by_their_node);
	tcase_add_test(t, refused_frames_are_kept);
	tcase_add_test(t, the_file_says_whose_it_is);
	tcase_add_test(t, who_reads_sees_what_is_written_meanwhile);
	tcase_add_test(t, what_was_answered_for_outlives_a_kill);
	tcase_add_test(t, what_was_not_answered_for_is_written_again);
	tcase_add_test(t, a_full_disk_takes_nothing_and_goes_on_with_room);
	tcase_add_test(t, what_was_confirmed_goes_from_a_full_disk);
	tcase_add_loop_test(t, what_is_not_ours_is_left_alone, 0,
	    (int)(sizeof others / sizeof others[0]));
	tcase_add_test(t, what_cannot_be_written_is_refused);
	tcase_add_test(t, a_file_that_was_taken_away_is_made_again);
	suite_add_tcase(s, t);
	return s;
}
