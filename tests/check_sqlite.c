/* check_sqlite.c - tests plugins/sqlite.c, with real files. */
#include "plugins/sqlite.h"

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/batch.h"
#include "tests/sqldata.h"

Suite *check_sqlite_suite(void);

/* --- making things go wrong ---------------------------------------------- */

static bool sync_fails;
static bool disk_is_full;

/* SQLite's syncs end here: the linker prefers the program's own. */
int
fdatasync(int fd)
{
	if (sync_fails) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

int
fsync(int fd)
{
	return fdatasync(fd);
}

static ssize_t
write_or_full(int fd, const void *data, size_t size, off_t at)
{
	if (disk_is_full) {
		errno = ENOSPC;
		return -1;
	}
	return pwrite(fd, data, size, at);
}

/* --- fixtures ------------------------------------------------------------ */

static void
setup(void)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

	sqldata_setup();
	vfs->xSetSystemCall(vfs, "pwrite", (sqlite3_syscall_ptr)write_or_full);
	vfs->xSetSystemCall(vfs, "pwrite64", (sqlite3_syscall_ptr)write_or_full);
	sync_fails = disk_is_full = false;
}

/* --- what is written ----------------------------------------------------- */

START_TEST(the_schema_is_the_promised_one)
{
	struct tt_sqlite *db = opened(1, one_channel);

	ck_assert_str_eq(query("SELECT name, type, pk FROM pragma_table_info('data')"),
	    "id|INTEGER|1;connection|INTEGER|0;seq|INTEGER|0;"
	    "received_at|INTEGER|0;payload|BLOB|0;");
	ck_assert_str_eq(query("SELECT name, type, pk "
	    "FROM pragma_table_info('connection')"), "id|INTEGER|1;peer|TEXT|0;"
	    "opened_at|INTEGER|0;closed_at|INTEGER|0;node|TEXT|0;local|TEXT|0;"
	    "close_reason|TEXT|0;");
	ck_assert_ptr_nonnull(strstr(query("SELECT sql FROM sqlite_schema "
	    "WHERE name = 'data'"), "received_at INTEGER /* ns since 1970 */"));
	ck_assert_str_eq(query("PRAGMA journal_mode"), "wal;");
	ck_assert_str_eq(query("PRAGMA page_size"), "8192;");
	ck_assert_str_eq(query("PRAGMA user_version"), "1;");
	tt_sqlite_destroy(db);
	ck_assert(!exists("-wal") && !exists("-shm") && !exists("-journal"));
}
END_TEST

START_TEST(rows_hold_what_the_batches_held)
{
	const char *const channels[] = { "raw", "data" };
	struct tt_sqlite *db = opened(2, channels);
	struct tt_origin *first = origin_of(7), *second = origin_of(8);
	struct tt_batch *b[] = {
		batch_of(first, 1, "a bb  ccc"), batch_of(second, 1, "x"),
		batch_of(first, 5, "raw"), batch_of(first, 5, "dddd"),
	};
	struct tt_sqlite_item items[] = {
		{ b[0], 1 }, { b[1], 1 }, { b[2], 0 }, { b[3], 1 },
	};

	ck_assert_int_eq(tt_sqlite_write(db, items, 4, &err), TT_SQLITE_OK);
	ck_assert_str_eq(query("SELECT id, connection, seq, "
	    "received_at - 1700000001000000000, hex(payload), typeof(payload) "
	    "FROM data ORDER BY id"),
	    "1|7|1|1|61|blob;2|7|2|1|6262|blob;3|7|3|1||blob;4|7|4|1|636363|blob;"
	    "5|8|1|1|78|blob;6|7|5|5|64646464|blob;");
	ck_assert_str_eq(query("SELECT connection, seq, payload FROM raw"),
	    "7|5|raw;");
	for (int i = 0; i < 4; i++)
		tt_batch_unref(b[i]);
	tt_origin_unref(first);
	tt_origin_unref(second);
	tt_sqlite_destroy(db);
}
END_TEST

START_TEST(a_connection_is_written_with_its_first_frame_and_ended_with_its_last)
{
	struct tt_sqlite *db = opened(1, one_channel);
	struct tt_origin *o = origin_of(7);
	struct tt_batch *b = batch_of(o, 1, "a"), *last = tt_batch_create(o, NULL, 0);

	write_one(db, b, 0);
	ck_assert_str_eq(query("SELECT * FROM connection"), "7|127.0.0.1:45678|"
	    "1700000000000000000|NULL|MasterThread/Server/Connection|127.0.0.1:5002|"
	    "NULL;");
	o->closed_at = 1700000002000000000;
	o->close_reason = TT_REASON_IDLE_TIMEOUT;
	last->last = true;
	write_one(db, last, 0);
	ck_assert_str_eq(query("SELECT id, opened_at, closed_at, close_reason "
	    "FROM connection"),
	    "7|1700000000000000000|1700000002000000000|idle_timeout;");
	ck_assert_str_eq(query("SELECT count(*) FROM data"), "1;");
	tt_batch_unref(b);
	tt_batch_unref(last);
	tt_origin_unref(o);
	tt_sqlite_destroy(db);
}
END_TEST

START_TEST(a_connection_without_frames_is_written_at_its_end)
{
	struct tt_sqlite *db = opened(1, one_channel);
	struct tt_origin *o = origin_of(9);
	struct tt_batch *last = tt_batch_create(o, NULL, 0);

	o->closed_at = 1700000002000000000;
	o->close_reason = TT_REASON_PEER;
	last->last = true;
	write_one(db, last, 0);
	ck_assert_str_eq(query("SELECT id, peer, closed_at, close_reason "
	    "FROM connection"), "9|127.0.0.1:45678|1700000002000000000|peer;");
	tt_batch_unref(last);
	tt_origin_unref(o);
	tt_sqlite_destroy(db);
}
END_TEST

START_TEST(a_channel_may_be_called_like_a_word_of_sql)
{
	const char *const channels[] = { "select", "table", "feed", "f", "null" };
	struct tt_sqlite *db = opened(5, channels);
	struct tt_origin *o = origin_of(1);
	struct tt_batch *b = batch_of(o, 1, "a b");

	for (unsigned i = 0; i < 5; i++)
		write_one(db, b, i);
	ck_assert_str_eq(query("SELECT count(*) FROM \"select\""), "2;");
	ck_assert_str_eq(query("SELECT count(*) FROM \"feed\""), "2;");
	ck_assert_str_eq(query("SELECT channel, count(*) FROM recent "
	    "GROUP BY channel"), "f|2;feed|2;null|2;select|2;table|2;");
	tt_batch_unref(b);
	tt_origin_unref(o);
	tt_sqlite_destroy(db);
}
END_TEST

START_TEST(the_wal_stays_small_and_goes_at_the_end)
{
	struct tt_sqlite *db = opened(1, one_channel);
	struct tt_origin *o = origin_of(1);
	struct tt_chunk *c = tt_chunk_create(o, 1 << 20);
	struct tt_batch *b = tt_batch_create(o, c, 1);
	char wal[128];
	struct stat st;

	memset(c->bytes, 'x', c->size);
	tt_batch_add(b, 0, 1 << 20);
	snprintf(wal, sizeof wal, "%s-wal", path);
	for (b->first_seq = 1; b->first_seq <= 60; b->first_seq++) {
		write_one(db, b, 0);
		ck_assert_int_eq(tt_sqlite_checkpoint(db, &err), TT_SQLITE_OK);
		ck_assert_int_eq(stat(wal, &st), 0);
		ck_assert_int_le(st.st_size, 18 << 20);
	}
	tt_batch_unref(b);
	tt_chunk_unref(c);
	tt_origin_unref(o);
	tt_sqlite_destroy(db);
	ck_assert(!exists("-wal"));
	ck_assert_str_eq(query("SELECT count(*), sum(length(payload)) FROM data"),
	    "60|62914560;");
}
END_TEST

/* --- what is refused ----------------------------------------------------- */

START_TEST(a_refused_row_is_left_out_and_the_others_are_written)
{
	struct tt_sqlite *db = opened(1, one_channel);
	const struct tt_sqlite_refused *r;
	size_t n;

	query("CREATE UNIQUE INDEX once ON data(payload)");
	ck_assert_int_eq(write_words(db, 7, "a b c b c d b e f g h i j k"),
	    TT_SQLITE_OK);
	ck_assert_str_eq(query("SELECT group_concat(seq) FROM data"),
	    "1,2,3,6,8,9,10,11,12,13,14;");
	r = tt_sqlite_refused(db, &n);
	ck_assert_uint_eq(n, 2);
	ck_assert(r[0].connection == 7 && r[0].seq == 4 && r[0].n == 2);
	ck_assert(r[1].connection == 7 && r[1].seq == 7 && r[1].n == 1);
	ck_assert_ptr_nonnull(strstr(r[0].reason, "constraint"));
	ck_assert_str_eq(query("SELECT connection, seq, "
	    "received_at - 1700000001000000000, reason, payload FROM refused"),
	    "7|4|1|UNIQUE constraint failed: data.payload|b;"
	    "7|5|1|UNIQUE constraint failed: data.payload|c;"
	    "7|7|1|UNIQUE constraint failed: data.payload|b;");
	ck_assert_int_eq(write_words(db, 8, "l m"), TT_SQLITE_OK);
	tt_sqlite_refused(db, &n);
	ck_assert_uint_eq(n, 0);
	tt_sqlite_destroy(db);
}
END_TEST

START_TEST(a_trigger_that_fails_refuses_its_rows_alone)
{
	struct tt_sqlite *db = opened(1, one_channel);
	size_t n;

	query("CREATE TRIGGER t BEFORE INSERT ON data WHEN new.payload = x'62' "
	    "BEGIN SELECT json('{'); END");
	ck_assert_int_eq(write_words(db, 7, "a b c"), TT_SQLITE_OK);
	ck_assert_str_eq(query("SELECT group_concat(seq) FROM data"), "1,3;");
	ck_assert_uint_eq(tt_sqlite_refused(db, &n)[0].seq, 2);
	tt_sqlite_destroy(db);
}
END_TEST

START_TEST(a_payload_that_cannot_be_kept_at_all_is_left_out_of_refused)
{
	struct tt_sqlite *db = opened(1, one_channel);

	query("CREATE TRIGGER t BEFORE INSERT ON data WHEN new.payload = x'62' "
	    "BEGIN SELECT length(zeroblob(2000000000)); END;"
	    "CREATE TRIGGER u BEFORE INSERT ON refused WHEN new.payload = x'62' "
	    "BEGIN SELECT length(zeroblob(2000000000)); END");
	ck_assert_int_eq(write_words(db, 7, "a b c"), TT_SQLITE_OK);
	ck_assert_str_eq(query("SELECT group_concat(seq) FROM data"), "1,3;");
	ck_assert_str_eq(query("SELECT seq, reason, payload FROM refused"),
	    "2|string or blob too big (its payload of 1 bytes could not be kept)|NULL;");
	tt_sqlite_destroy(db);
}
END_TEST

START_TEST(refused_is_no_channel_and_a_frame_it_cannot_take_is_not_lost)
{
	struct tt_sqlite *db = opened(1, one_channel);
	size_t n;

	query("CREATE TRIGGER t BEFORE INSERT ON data WHEN new.payload = x'62' "
	    "BEGIN SELECT raise(ABORT, 'no b'); END");
	ck_assert_int_eq(write_words(db, 7, "a b"), TT_SQLITE_OK);
	ck_assert_str_eq(query("SELECT reason FROM refused"), "no b;");
	ck_assert_str_eq(query("SELECT payload FROM recent"), "a;");
	query("CREATE TRIGGER u BEFORE INSERT ON refused "
	    "BEGIN SELECT raise(ABORT, 'nor here'); END");
	ck_assert_int_eq(write_words(db, 8, "a b"), TT_SQLITE_FAILED);
	ck_assert_ptr_nonnull(strstr(err.text, "nor here"));
	tt_sqlite_refused(db, &n);
	ck_assert_uint_eq(n, 0);
	ck_assert_str_eq(query("SELECT count(*) FROM data"), "1;");
	tt_sqlite_destroy(db);
}
END_TEST

START_TEST(refused_rows_are_there_once_after_a_failed_sync)
{
	struct tt_sqlite *db = opened(1, one_channel);

	query("CREATE UNIQUE INDEX once ON data(payload)");
	ck_assert_int_eq(write_words(db, 7, "a a b"), TT_SQLITE_OK);
	sync_fails = true;
	ck_assert_int_eq(write_words(db, 8, "c b"), TT_SQLITE_BROKEN);
	sync_fails = false;
	ck_assert_msg(write_words(db, 8, "c b") == TT_SQLITE_OK, "%s", err.text);
	tt_sqlite_destroy(db);
	ck_assert_str_eq(query("SELECT connection, seq FROM refused"), "7|2;8|2;");
	ck_assert_str_eq(query("SELECT id, payload FROM data"), "1|a;2|b;3|c;");
}
END_TEST

START_TEST(a_file_of_the_first_version_gets_the_table_refused)
{
	tt_sqlite_destroy(opened(1, one_channel));
	query("DROP TABLE refused");
	tt_sqlite_destroy(opened(1, one_channel));
	ck_assert_str_eq(query("SELECT name, type FROM pragma_table_info('refused')"),
	    "connection|INTEGER;seq|INTEGER;received_at|INTEGER;reason|TEXT;"
	    "payload|BLOB;");
	ck_assert_str_eq(query("PRAGMA user_version"), "1;");
}
END_TEST

START_TEST(a_table_that_was_taken_away_is_no_rows_fault)
{
	struct tt_sqlite *db = opened(1, one_channel);

	query("DROP TABLE data");
	ck_assert_int_eq(write_words(db, 7, "a b c"), TT_SQLITE_FAILED);
	ck_assert_ptr_nonnull(strstr(err.text, "no such table"));
	tt_sqlite_destroy(db);
}
END_TEST

/* --- files that are not ours --------------------------------------------- */

static void
put_foreign(void)
{
	sqlite3 *handle;

	ck_assert_int_eq(sqlite3_open(path, &handle), SQLITE_OK);
	sqlite3_exec(handle, "CREATE TABLE data(x)", NULL, NULL, NULL);
	sqlite3_close(handle);
}

static void
put_newer(void)
{
	tt_sqlite_destroy(opened(1, one_channel));
	query("PRAGMA journal_mode=DELETE; PRAGMA user_version=2");
}

static void
put_letter(void)
{
	char letter[3000];

	memset(letter, 'a', sizeof letter);
	put_file(letter, sizeof letter);
}

static void
put_short(void)
{
	put_file("SQLite format 3", 16);
}

static void
put_directory(void)
{
	ck_assert_int_eq(mkdir(path, 0755), 0);
}

static void
put_pipe(void)
{
	ck_assert_int_eq(mkfifo(path, 0644), 0);
}

static void
put_read_only(void)
{
	tt_sqlite_destroy(opened(1, one_channel));
	ck_assert_int_eq(chmod(path, 0444), 0);
}

static void
put_in_read_only_directory(void)
{
	ck_assert_int_eq(chmod(dir, 0555), 0);
}

static const struct {
	void (*put)(void);
	const char *says;
} not_ours[] = {
	{ put_foreign, "another program" },
	{ put_newer, "newer" },
	{ put_letter, "not an SQLite database" },
	{ put_short, "not an SQLite database" },
	{ put_directory, "directory" },
	{ put_pipe, "regular file" },
	{ put_read_only, "read-only" },
	{ put_in_read_only_directory, "read-only" },
};

START_TEST(a_file_that_is_not_ours_is_left_as_it_is)
{
	struct tt_sqlite *db = tt_sqlite_create(path, true, 1, one_channel);
	struct stat before = { .st_mode = 0 }, after = { .st_mode = 0 };

	not_ours[_i].put();
	stat(path, &before);
	ck_assert_int_eq(tt_sqlite_open(db, &err), TT_SQLITE_FAILED);
	ck_assert_ptr_nonnull(strstr(err.text, path));
	ck_assert_msg(strstr(err.text, not_ours[_i].says) != NULL, "%s", err.text);
	tt_sqlite_destroy(db);
	stat(path, &after);
	ck_assert_int_eq(before.st_size, after.st_size);
	ck_assert_int_eq(before.st_mtim.tv_sec, after.st_mtim.tv_sec);
	ck_assert_int_eq(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
	ck_assert(!exists("-wal") && !exists("-shm") && !exists("-journal"));
}
END_TEST

START_TEST(a_missing_directory_is_named)
{
	struct tt_sqlite *db;

	snprintf(path, sizeof path, "%s/no/x.db", dir);
	db = tt_sqlite_create(path, true, 1, one_channel);
	ck_assert_int_eq(tt_sqlite_open(db, &err), TT_SQLITE_FAILED);
	ck_assert_ptr_nonnull(strstr(err.text, "No such file or directory"));
	tt_sqlite_destroy(db);
}
END_TEST

START_TEST(an_empty_file_becomes_a_database)
{
	put_file("", 0);
	tt_sqlite_destroy(opened(1, one_channel));
	ck_assert_str_eq(query("SELECT count(*) FROM recent"), "0;");
	ck_assert_str_eq(query("PRAGMA page_size"), "8192;");
}
END_TEST

/* --- trouble ------------------------------------------------------------- */

START_TEST(what_was_written_survives_a_kill)
{
	struct tt_sqlite *db;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		db = opened(1, one_channel);
		write_words(db, 7, "a b c");
		raise(SIGKILL);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(exists("-wal"));
	db = opened(1, one_channel);
	ck_assert_str_eq(query("SELECT count(*) FROM data"), "3;");
	ck_assert_int_eq(write_words(db, 8, "d"), TT_SQLITE_OK);
	tt_sqlite_destroy(db);
	ck_assert_str_eq(query("SELECT group_concat(id) FROM data"), "1,2,3,4;");
}
END_TEST

START_TEST(a_busy_file_is_tried_again)
{
	struct tt_sqlite *db = opened(1, one_channel);
	sqlite3 *other;

	ck_assert_int_eq(sqlite3_open(path, &other), SQLITE_OK);
	sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	ck_assert_int_eq(write_words(db, 7, "a"), TT_SQLITE_LATER);
	ck_assert_ptr_nonnull(strstr(err.text, "locked"));
	tt_sqlite_destroy(db);
	db = tt_sqlite_create(path, true, 1, one_channel);
	ck_assert_int_eq(tt_sqlite_open(db, &err), TT_SQLITE_LATER);
	sqlite3_exec(other, "COMMIT", NULL, NULL, NULL);
	ck_assert_int_eq(tt_sqlite_open(db, &err), TT_SQLITE_OK);
	ck_assert_int_eq(write_words(db, 7, "a"), TT_SQLITE_OK);
	sqlite3_close(other);
	tt_sqlite_destroy(db);
	ck_assert_str_eq(query("SELECT count(*) FROM data"), "1;");
}
END_TEST

START_TEST(a_full_disk_is_tried_again_and_nothing_is_half_written)
{
	struct tt_sqlite *db = tt_sqlite_create(path, true, 1, one_channel);
	size_t n;

	disk_is_full = true;
	ck_assert_int_eq(tt_sqlite_open(db, &err), TT_SQLITE_LATER);
	ck_assert_ptr_nonnull(strstr(err.text, "full"));
	disk_is_full = false;
	ck_assert_int_eq(tt_sqlite_open(db, &err), TT_SQLITE_OK);
	ck_assert_int_eq(write_words(db, 7, "a b"), TT_SQLITE_OK);
	disk_is_full = true;
	ck_assert_int_eq(write_words(db, 8, "c d"), TT_SQLITE_LATER);
	ck_assert_int_eq(write_words(db, 8, "c d"), TT_SQLITE_LATER);
	tt_sqlite_refused(db, &n);
	ck_assert_uint_eq(n, 0);
	ck_assert_str_eq(query("SELECT count(*) FROM data"), "2;");
	disk_is_full = false;
	ck_assert_int_eq(write_words(db, 8, "c d"), TT_SQLITE_OK);
	tt_sqlite_destroy(db);
	ck_assert_str_eq(query("SELECT connection, group_concat(seq) FROM data "
	    "GROUP BY connection"), "7|1,2;8|1,2;");
	ck_assert_str_eq(query("SELECT group_concat(id) FROM connection"), "7,8;");
}
END_TEST

START_TEST(after_a_failed_sync_the_file_is_opened_anew_and_rows_are_there_once)
{
	struct tt_sqlite *db = opened(1, one_channel);

	ck_assert_int_eq(write_words(db, 7, "a b"), TT_SQLITE_OK);
	sync_fails = true;
	ck_assert_int_eq(write_words(db, 8, "c d"), TT_SQLITE_BROKEN);
	ck_assert_int_ne(write_words(db, 8, "c d"), TT_SQLITE_OK);
	sync_fails = false;
	ck_assert_msg(write_words(db, 8, "c d") == TT_SQLITE_OK, "%s", err.text);
	ck_assert_int_eq(write_words(db, 9, "e"), TT_SQLITE_OK);
	tt_sqlite_destroy(db);
	ck_assert_str_eq(query("SELECT connection, group_concat(seq) FROM data "
	    "GROUP BY connection"), "7|1,2;8|1,2;9|1;");
}
END_TEST

/* --- the view ------------------------------------------------------------ */

START_TEST(recent_is_the_last_hundred_over_all_channels_newest_first)
{
	const char *const channels[] = { "data", "other" }, *const third = "third";
	struct tt_sqlite *db = opened(2, channels);
	struct tt_origin *o = origin_of(7);
	struct tt_batch *b = batch_of(o, 1, "hello");

	for (b->first_seq = 1; b->first_seq <= 120; b->first_seq++) {
		b->received_at = INT64_C(1700000000000000000) +
		    (int64_t)b->first_seq * 1000;
		write_one(db, b, b->first_seq % 3 == 0);
	}
	ck_assert_str_eq(query("SELECT * FROM recent LIMIT 3"),
	    "2023-11-14T22:13:20.000120000Z|127.0.0.1:45678|other|7|120|hello;"
	    "2023-11-14T22:13:20.000119000Z|127.0.0.1:45678|data|7|119|hello;"
	    "2023-11-14T22:13:20.000118000Z|127.0.0.1:45678|data|7|118|hello;");
	ck_assert_str_eq(query("SELECT count(*), min(seq) FROM recent"), "100|21;");
	tt_batch_unref(b);
	tt_origin_unref(o);
	tt_sqlite_destroy(db);
	/* Another file of channels: the old ones stay in sight. */
	tt_sqlite_destroy(opened(1, &third));
	ck_assert_str_eq(query("SELECT count(*) FROM recent"), "100;");
}
END_TEST

static const struct {
	const char *payload, *shown;
} payloads[] = {
	{ "hello", "hello" },
	{ "a\tb\r\n", "a\tb\r\n" },
	{ "gr\303\274\303\237 \346\274\242\345\255\227 \360\237\230\200",
	  "gr\303\274\303\237 \346\274\242\345\255\227 \360\237\230\200" },
	{ "\303\251\303\251\303\251\303\251\303\251\303\251\303\251\303\251\303\251"
	  "\303\251\303\251\303\251\303\251\303\251\303\251\303\251\303\251\303\251",
	  "\303\251\303\251\303\251\303\251\303\251\303\251\303\251\303\251\303\251"
	  "\303\251\303\251\303\251\303\251\303\251\303\251\303\251\303\251\303\251" },
	{ "\001\002", "0102" },
	{ "\033[1m", "1B5B316D" },
	{ "\377\376", "FFFE" },
	{ "a\245", "61A5" },			/* a lone continuation byte */
	{ "\303(", "C328" },			/* the second byte is missing */
	{ "\342\202", "E282" },			/* the third */
	{ "\340\202\200", "E08280" },		/* overlong */
	{ "\303\251\251", "C3A9A9" },		/* one too many */
	{ "\355\240\200", "EDA080" },		/* a surrogate */
	{ "\364\220\200\200", "F4908080" },	/* beyond U+10FFFF */
	{ "\302\205", "C285" },			/* a control character */
};

START_TEST(recent_shows_text_as_text_and_the_rest_as_hex)
{
	struct tt_sqlite *db = opened(1, one_channel);
	struct tt_origin *o = origin_of(7);
	struct tt_chunk *c = tt_chunk_create(o, 128);
	struct tt_batch *b = tt_batch_create(o, c, 1);
	char expected[128];

	strcpy((char *)c->bytes, payloads[_i].payload);
	tt_batch_add(b, 0, (uint32_t)strlen(payloads[_i].payload));
	b->first_seq = 1;
	write_one(db, b, 0);
	snprintf(expected, sizeof expected, "%s|text;", payloads[_i].shown);
	ck_assert_str_eq(query("SELECT payload, typeof(payload) FROM recent"),
	    expected);
	tt_batch_unref(b);
	tt_chunk_unref(c);
	tt_origin_unref(o);
	tt_sqlite_destroy(db);
}
END_TEST

START_TEST(a_nul_makes_it_hex)
{
	tt_sqlite_destroy(opened(1, one_channel));
	query("INSERT INTO data(payload) VALUES (x'610062'), (x'')");
	ck_assert_str_eq(query("SELECT payload FROM recent ORDER BY payload"),
	    ";610062;");
}
END_TEST

Suite *
check_sqlite_suite(void)
{
	Suite *s = suite_create("sqlite");
	TCase *t = tcase_create("files");

	tcase_add_checked_fixture(t, setup, sqldata_teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, the_schema_is_the_promised_one);
	tcase_add_test(t, rows_hold_what_the_batches_held);
	tcase_add_test(t,
	    a_connection_is_written_with_its_first_frame_and_ended_with_its_last);
	tcase_add_test(t, a_connection_without_frames_is_written_at_its_end);
	tcase_add_test(t, a_channel_may_be_called_like_a_word_of_sql);
	tcase_add_test(t, the_wal_stays_small_and_goes_at_the_end);
	tcase_add_test(t, a_refused_row_is_left_out_and_the_others_are_written);
	tcase_add_test(t, a_trigger_that_fails_refuses_its_rows_alone);
	tcase_add_test(t,
	    a_payload_that_cannot_be_kept_at_all_is_left_out_of_refused);
	tcase_add_test(t,
	    refused_is_no_channel_and_a_frame_it_cannot_take_is_not_lost);
	tcase_add_test(t, refused_rows_are_there_once_after_a_failed_sync);
	tcase_add_test(t, a_file_of_the_first_version_gets_the_table_refused);
	tcase_add_test(t, a_table_that_was_taken_away_is_no_rows_fault);
	tcase_add_loop_test(t, a_file_that_is_not_ours_is_left_as_it_is, 0,
	    (int)(sizeof not_ours / sizeof not_ours[0]));
	tcase_add_test(t, a_missing_directory_is_named);
	tcase_add_test(t, an_empty_file_becomes_a_database);
	tcase_add_test(t, what_was_written_survives_a_kill);
	tcase_add_test(t, a_busy_file_is_tried_again);
	tcase_add_test(t, a_full_disk_is_tried_again_and_nothing_is_half_written);
	tcase_add_test(t,
	    after_a_failed_sync_the_file_is_opened_anew_and_rows_are_there_once);
	tcase_add_test(t,
	    recent_is_the_last_hundred_over_all_channels_newest_first);
	tcase_add_loop_test(t, recent_shows_text_as_text_and_the_rest_as_hex, 0,
	    (int)(sizeof payloads / sizeof payloads[0]));
	tcase_add_test(t, a_nul_makes_it_hex);
	suite_add_tcase(s, t);
	return s;
}
