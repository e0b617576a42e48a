/* check_damage.c - tests plugins/sqlite.c with files that are not what was written. */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugins/dbfile.h"
#include "plugins/sqlite.h"
#include "tests/sqldata.h"

Suite *check_damage_suite(void);

#define FRAMES 400

/* A file with FRAMES rows.  KILLED: it ended without moving its WAL into the file. */
static void
put_rows(bool killed)
{
	char command[800];
	struct tt_sqlite *db = opened(1, one_channel);

	query("WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n "
	    "WHERE i < 400) INSERT INTO data(connection, seq, payload) "
	    "SELECT 1, i, randomblob(100) FROM n; PRAGMA wal_checkpoint(TRUNCATE)");
	ck_assert_int_eq(write_words(db, 2, "a b c"), TT_SQLITE_OK);
	if (killed) {
		snprintf(command, sizeof command, "cp %s %s.k && cp %s-wal %s.k-wal",
		    path, path, path, path);
		ck_assert_int_eq(system(command), 0);
	}
	tt_sqlite_destroy(db);
	if (killed) {
		snprintf(command, sizeof command, "mv %s.k %s && mv %s.k-wal %s-wal",
		    path, path, path, path);
		ck_assert_int_eq(system(command), 0);
	}
}

/* Writes SIZE bytes BYTE at AT of PATH with SUFFIX. */
static void
spoil(const char *suffix, off_t at, int byte, size_t size)
{
	char name[128], *bytes = malloc(size);
	int fd;

	snprintf(name, sizeof name, "%s%s", path, suffix);
	fd = open(name, O_WRONLY);
	ck_assert_int_ge(fd, 0);
	memset(bytes, byte, size);
	ck_assert_int_eq(pwrite(fd, bytes, size, at), (ssize_t)size);
	close(fd);
	free(bytes);
}

static off_t
size_of(const char *suffix)
{
	char name[128];
	struct stat st;

	snprintf(name, sizeof name, "%s%s", path, suffix);
	ck_assert_int_eq(stat(name, &st), 0);
	return st.st_size;
}

/* How many files have been set aside; the name of the last into NAME. */
static unsigned
aside(char name[256])
{
	DIR *d = opendir(dir);
	struct dirent *e;
	unsigned n = 0;

	while ((e = readdir(d)) != NULL) {
		if (strncmp(e->d_name, "x.db.damaged-", 13) == 0) {
			snprintf(name, 256, "%s", e->d_name);
			n++;
		}
	}
	closedir(d);
	return n;
}

/* The daemon starts with what is there, and writes two frames. */
static void
starts_and_writes(void)
{
	struct tt_sqlite *db = tt_sqlite_create(path, true, 1, one_channel);
	char name[256];

	ck_assert_msg(tt_sqlite_open(db, &err) == TT_SQLITE_OK, "%s", err.text);
	ck_assert_int_eq(tt_sqlite_note(db) != NULL, aside(name) > 0);
	ck_assert_msg(write_words(db, 3, "d e") == TT_SQLITE_OK, "%s", err.text);
	ck_assert_int_eq(tt_sqlite_checkpoint(db, &err), TT_SQLITE_OK);
	tt_sqlite_destroy(db);
	ck_assert_str_eq(query("SELECT seq, payload FROM data WHERE connection = 3"),
	    "1|d;2|e;");
}

/* Bytes of the header that decide whose file it is, and of which version. */
static bool
tells_whose(off_t at)
{
	return at < 16 || (at >= 60 && at < 64) || (at >= 68 && at < 72);
}

START_TEST(a_flipped_byte_never_keeps_it_from_starting)
{
	struct tt_sqlite *db;
	uint8_t byte;
	int fd;
	off_t at = _i < 100 ? _i : _i < 160 ? 100 + 37 * (_i - 100) :
	    8192 - 8 * 60 + 8 * (_i - 160);

	put_rows(false);
	fd = open(path, O_RDWR);
	ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
	byte ^= _i % 3 == 0 ? 0xff : 0x01;
	ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
	close(fd);
	if (!tells_whose(at)) {
		starts_and_writes();
		return;
	}
	db = tt_sqlite_create(path, true, 1, one_channel);
	if (tt_sqlite_open(db, &err) != TT_SQLITE_OK)
		ck_assert_ptr_null(tt_sqlite_note(db));
	tt_sqlite_destroy(db);
}
END_TEST

static const int lengths[] = {
	0, 100, 101, 512, 4096, 8191, 8192, 8193, 16384, 20000, 32768, 40000,
};

START_TEST(a_file_cut_short_is_set_aside)
{
	char name[256];

	put_rows(false);
	ck_assert_int_eq(truncate(path, lengths[_i]), 0);
	starts_and_writes();
	ck_assert_uint_eq(aside(name), lengths[_i] == 0 ? 0 : 1);
}
END_TEST

START_TEST(a_damaged_file_is_kept_as_it_is_with_its_wal)
{
	off_t size, wal;
	char name[256];

	put_rows(true);
	/* The last leaves stand in the WAL, what leads to them does not. */
	spoil("", 8192, 0xee, (size_t)size_of("") - 8192);
	size = size_of("");
	wal = size_of("-wal");
	starts_and_writes();
	ck_assert_uint_eq(aside(name), 2);
	snprintf(path, sizeof path, "%.40s/%.29s", dir, name);
	ck_assert_int_eq(size_of(""), size);
	ck_assert_int_ge(size_of("-wal"), wal);	/* what opening it has written */
}
END_TEST

START_TEST(without_its_wal_it_starts)
{
	char name[128];

	put_rows(true);
	snprintf(name, sizeof name, "%s-wal", path);
	ck_assert_int_eq(unlink(name), 0);
	starts_and_writes();
}
END_TEST

START_TEST(a_wal_cut_short_loses_what_was_cut_off_and_no_more)
{
	char name[128];
	off_t size;

	put_rows(true);
	size = size_of("-wal");
	snprintf(name, sizeof name, "%s-wal", path);
	ck_assert_int_eq(truncate(name, size - 5), 0);
	starts_and_writes();
	ck_assert_str_eq(query("SELECT count(*) FROM data WHERE connection = 1"), "400;");
	ck_assert_str_eq(query("SELECT count(*) FROM data WHERE connection = 2"), "0;");
}
END_TEST

START_TEST(a_wal_of_garbage_is_set_aside)
{
	char name[256];
	off_t size;

	put_rows(true);
	size = size_of("-wal");
	spoil("-wal", _i == 0 ? 0 : 20, 0xa5, _i == 0 ? (size_t)size : 1);
	starts_and_writes();
	ck_assert_uint_eq(aside(name), 1);
	ck_assert_str_eq(name + strlen(name) - 4, "-wal");
	snprintf(path, sizeof path, "%.40s/%.50s", dir, name);
	ck_assert_int_eq(size_of(""), size);
}
END_TEST

START_TEST(a_wal_whose_file_is_gone_is_set_aside)
{
	char name[256];

	put_rows(true);
	if (_i == 0)
		ck_assert_int_eq(unlink(path), 0);
	else
		ck_assert_int_eq(truncate(path, 0), 0);
	starts_and_writes();
	ck_assert_uint_eq(aside(name), _i == 0 ? 1 : 2);
}
END_TEST

START_TEST(damage_met_by_a_write_loses_none_of_its_frames)
{
	struct tt_sqlite *db;
	char name[256];
	size_t n;

	put_rows(false);
	db = opened(1, one_channel);
	ck_assert_int_eq(write_words(db, 3, "d e"), TT_SQLITE_OK);
	/* Another who commits makes it read its pages again. */
	query("PRAGMA user_version=1; PRAGMA wal_checkpoint(TRUNCATE)");
	spoil("", 8192, 0xee, (size_t)size_of("") - 8192);
	query("PRAGMA user_version=0");
	ck_assert_msg(write_words(db, 4, "f g") == TT_SQLITE_OK, "%s", err.text);
	ck_assert_ptr_nonnull(strstr(tt_sqlite_note(db), "damaged-"));
	ck_assert_int_ge(aside(name), 1);
	tt_sqlite_refused(db, &n);
	ck_assert_uint_eq(n, 0);
	ck_assert_int_eq(write_words(db, 4, "h"), TT_SQLITE_OK);
	ck_assert_ptr_null(tt_sqlite_note(db));
	tt_sqlite_destroy(db);
	ck_assert_str_eq(query("SELECT id, connection, seq, payload FROM data"),
	    "1|4|1|f;2|4|2|g;3|4|1|h;");
	ck_assert_str_eq(query("SELECT id FROM connection"), "4;");
}
END_TEST

START_TEST(other_columns_than_ours_are_damage)
{
	char name[256];

	put_rows(false);
	query("DROP VIEW recent; ALTER TABLE data RENAME COLUMN seq TO sex");
	starts_and_writes();
	ck_assert_uint_eq(aside(name), 1);
}
END_TEST

START_TEST(names_of_what_was_set_aside_are_not_used_twice)
{
	char first[TT_DBFILE_ASIDE], second[TT_DBFILE_ASIDE], third[TT_DBFILE_ASIDE];

	put_file("x", 1);
	ck_assert_int_eq(tt_dbfile_set_aside(path, first, &err), 0);
	put_file("yy", 2);
	ck_assert_int_eq(tt_dbfile_set_aside(path, second, &err), 0);
	put_file("zzz", 3);
	ck_assert_int_eq(tt_dbfile_set_aside(path, third, &err), 0);
	ck_assert_str_ne(first, second);
	ck_assert_str_ne(second, third);
	ck_assert(!exists(""));
	ck_assert_int_eq(access(first, F_OK) | access(second, F_OK) |
	    access(third, F_OK), 0);
}
END_TEST

Suite *
check_damage_suite(void)
{
	Suite *s = suite_create("damage");
	TCase *t = tcase_create("files");

	tcase_add_checked_fixture(t, sqldata_setup, sqldata_teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, a_flipped_byte_never_keeps_it_from_starting, 0, 220);
	tcase_add_loop_test(t, a_file_cut_short_is_set_aside, 0,
	    (int)(sizeof lengths / sizeof lengths[0]));
	tcase_add_test(t, a_damaged_file_is_kept_as_it_is_with_its_wal);
	tcase_add_test(t, without_its_wal_it_starts);
	tcase_add_test(t, a_wal_cut_short_loses_what_was_cut_off_and_no_more);
	tcase_add_loop_test(t, a_wal_of_garbage_is_set_aside, 0, 2);
	tcase_add_loop_test(t, a_wal_whose_file_is_gone_is_set_aside, 0, 2);
	tcase_add_test(t, damage_met_by_a_write_loses_none_of_its_frames);
	tcase_add_test(t, other_columns_than_ours_are_damage);
	tcase_add_test(t, names_of_what_was_set_aside_are_not_used_twice);
	suite_add_tcase(s, t);
	return s;
}
