/* check_dbfile.c - tests plugins/dbfile.c. */
#include "plugins/dbfile.h"

#include <check.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

Suite *check_dbfile_suite(void);

/* The first bytes of a database of ours. */
static const struct header {
	uint8_t bytes[100];
} ours = { {
	[0] = 'S', 'Q', 'L', 'i', 't', 'e', ' ', 'f', 'o', 'r', 'm', 'a', 't', ' ', '3',
	[63] = 1,
	[68] = 't', 't', 'd', 'b',
} };

static const struct {
	size_t at;			/* the byte that differs */
	uint8_t byte;
	const char *says;
} headers[] = {
	{ 15, 0, NULL },
	{ 63, 0, NULL },
	{ 63, 2, "newer" },
	{ 60, 1, "newer" },
	{ 68, 'T', "application_id 0x54746462" },
	{ 71, 0, "another program" },
	{ 0, 's', "not an SQLite database" },
	{ 15, '0', "not an SQLite database" },
};

static int
look(const char *path, struct tt_error *err)
{
	return tt_dbfile_check(path, TT_DBFILE_APPLICATION, TT_DBFILE_VERSION, err);
}

START_TEST(the_header_tells_whose_file_it_is)
{
	char path[] = "/tmp/check_dbfile.XXXXXX";
	struct header header = ours;
	struct tt_error err = { "" };
	int fd = mkstemp(path), r;

	header.bytes[headers[_i].at] = headers[_i].byte;
	ck_assert_int_eq(write(fd, &header, sizeof header), sizeof header);
	r = look(path, &err);
	ck_assert_int_eq(r, headers[_i].says == NULL ? 0 : -1);
	if (headers[_i].says != NULL) {
		ck_assert_ptr_nonnull(strstr(err.text, path));
		ck_assert_msg(strstr(err.text, headers[_i].says) != NULL, "%s",
		    err.text);
	}
	close(fd);
	unlink(path);
}
END_TEST

START_TEST(what_is_not_there_yet_may_be_made)
{
	struct tt_error err = { "" };

	ck_assert_int_eq(look("/tmp/check_dbfile.none", &err), 0);
	ck_assert_int_eq(look("/tmp/check_dbfile.none/x.db", &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "No such file or directory"));
	ck_assert_int_eq(look("/dev/null/x.db", &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "not a directory"));
}
END_TEST

static int
count(void *n, int columns, char **values, char **names)
{
	(void)columns, (void)names;
	*(int *)n += atoi(values[0]);
	return 0;
}

START_TEST(names_of_tables_are_quoted)
{
	static const char *const tables[] = { "order", "it's", "say \"so\"" };
	sqlite3 *db;
	char *sql, *message = NULL;
	int n = 0;

	ck_assert_int_eq(sqlite3_open(":memory:", &db), SQLITE_OK);
	sqlite3_exec(db, TT_DBFILE_CONNECTION, NULL, NULL, &message);
	for (int i = 0; i < 3; i++) {
		sql = sqlite3_mprintf("CREATE TABLE \"%w\"(id INTEGER PRIMARY KEY, "
		    "connection, seq, received_at, payload); "
		    "INSERT INTO \"%w\"(payload) VALUES (x'61')", tables[i], tables[i]);
		ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, &message), SQLITE_OK);
		sqlite3_free(sql);
	}
	sql = tt_dbfile_recent(tables, 3);
	sqlite3_exec(db, sql, NULL, NULL, &message);
	ck_assert_msg(message == NULL, "%s", message);
	free(sql);
	sqlite3_exec(db, "SELECT count(*) FROM recent WHERE payload = 'a' "
	    "AND channel IN ('order', 'it''s', 'say \"so\"')", count, &n, &message);
	ck_assert_msg(message == NULL, "%s", message);
	ck_assert_int_eq(n, 3);
	sqlite3_close(db);
}
END_TEST

/* A long text is looked through by halves, a longer one is not. */
START_TEST(a_text_is_text_up_to_64_kib_and_any_length_where_it_is_ascii)
{
	static const char *const tables[] = { "data" };
	sqlite3 *db;
	char *sql, *message = NULL;
	int n = 0;

	ck_assert_int_eq(sqlite3_open(":memory:", &db), SQLITE_OK);
	sqlite3_exec(db, TT_DBFILE_CONNECTION "; CREATE TABLE data(id INTEGER PRIMARY "
	    "KEY, connection, seq, received_at, payload); WITH RECURSIVE t(s, n) AS "
	    "(VALUES (char(233), 1) UNION ALL SELECT s || s, 2 * n FROM t WHERE n < 65536) "
	    "INSERT INTO data(payload) SELECT CAST(s AS BLOB) FROM t WHERE n >= 32768 "
	    "UNION ALL SELECT CAST(replace(s, char(233), 'ee') AS BLOB) FROM t "
	    "WHERE n = 65536 UNION ALL SELECT CAST(s AS BLOB) || x'e9' FROM t "
	    "WHERE n = 16384", NULL, NULL, &message);
	ck_assert_msg(message == NULL, "%s", message);
	sql = tt_dbfile_recent(tables, 1);
	sqlite3_exec(db, sql, NULL, NULL, &message);
	free(sql);
	sqlite3_exec(db, "SELECT sum(CASE WHEN payload = replace(hex(zeroblob(32768)), "
	    "'00', char(233)) THEN 1 WHEN payload = replace(hex(zeroblob(65536)), '00', "
	    "'ee') THEN 10 WHEN payload = replace(hex(zeroblob(65536)), '00', 'C3A9') "
	    "THEN 100 WHEN payload = replace(hex(zeroblob(16384)), '00', 'C3A9') || 'E9' "
	    "THEN 1000 END) FROM recent", count, &n, &message);
	ck_assert_msg(message == NULL, "%s", message);
	ck_assert_int_eq(n, 1111);
	sqlite3_close(db);
}
END_TEST

Suite *
check_dbfile_suite(void)
{
	Suite *s = suite_create("dbfile");
	TCase *t = tcase_create("files");

	tcase_add_loop_test(t, the_header_tells_whose_file_it_is, 0,
	    (int)(sizeof headers / sizeof headers[0]));
	tcase_add_test(t, what_is_not_there_yet_may_be_made);
	tcase_add_test(t, names_of_tables_are_quoted);
	tcase_add_test(t,
	    a_text_is_text_up_to_64_kib_and_any_length_where_it_is_ascii);
	suite_add_tcase(s, t);
	return s;
}
