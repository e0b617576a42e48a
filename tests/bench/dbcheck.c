/* dbcheck.c - waits until a table holds all rows, then checks them. */
#include "tests/bench/bench.h"

#include <getopt.h>
#include <sqlite3.h>
#include <unistd.h>

static const char *dbcheck_path, *dbcheck_table = "data";
static uint64_t dbcheck_expect;
static double dbcheck_patience = 10;

/* Opens the file once it is there, and Q once the table is. */
static void
dbcheck_prepare(sqlite3 **db, sqlite3_stmt **q)
{
	char sql[256];

	if (*db == NULL &&
	    sqlite3_open_v2(dbcheck_path, db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK) {
		sqlite3_close(*db);
		*db = NULL;
	}
	if (*db == NULL || *q != NULL)
		return;
	sqlite3_busy_timeout(*db, 1000);
	snprintf(sql, sizeof sql, "SELECT max(rowid) FROM \"%s\"", dbcheck_table);
	if (sqlite3_prepare_v2(*db, sql, -1, q, NULL) != SQLITE_OK)
		*q = NULL;
}

/* Waits for all rows, or until none comes for a while.  Returns when the last came. */
static uint64_t
dbcheck_wait(sqlite3 **db)
{
	sqlite3_stmt *q = NULL;
	int64_t rows = 0, before = -1;
	uint64_t changed = bench_now();

	for (;;) {
		uint64_t now;

		dbcheck_prepare(db, &q);
		if (q != NULL) {
			if (sqlite3_step(q) == SQLITE_ROW)
				rows = sqlite3_column_int64(q, 0);
			sqlite3_reset(q);
		}
		now = bench_now();
		if (rows != before) {
			before = rows;
			changed = now;
		}
		if ((uint64_t)rows >= dbcheck_expect ||
		    bench_seconds(changed, now) > dbcheck_patience)
			break;
		usleep(10000);
	}
	sqlite3_finalize(q);
	return changed;
}

static void
dbcheck_read(sqlite3 *db, struct bench_books *books)
{
	char sql[256];
	sqlite3_stmt *q;

	snprintf(sql, sizeof sql, "SELECT payload FROM \"%s\"", dbcheck_table);
	if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) != SQLITE_OK) {
		fprintf(stderr, "dbcheck: %s\n", sqlite3_errmsg(db));
		exit(1);
	}
	while (sqlite3_step(q) == SQLITE_ROW) {
		const void *p = sqlite3_column_blob(q, 0);

		bench_account(books, p, (size_t)sqlite3_column_bytes(q, 0), 0);
	}
	sqlite3_finalize(q);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "db", 1, NULL, 'd' }, { "table", 1, NULL, 't' },
		{ "expect", 1, NULL, 'e' }, { "patience", 1, NULL, 'p' }, { 0 }
	};
	static struct bench_books books;
	sqlite3 *db = NULL;
	uint64_t done;
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (o) {
		case 'd': dbcheck_path = optarg; break;
		case 't': dbcheck_table = optarg; break;
		case 'e': dbcheck_expect = strtoull(optarg, NULL, 0); break;
		case 'p': dbcheck_patience = atof(optarg); break;
		default: return 2;
		}
	}
	if (dbcheck_path == NULL) {
		fprintf(stderr, "usage: dbcheck --db PATH [--table NAME] [--expect ROWS]"
		    " [--patience SECONDS]\n");
		return 2;
	}
	done = dbcheck_wait(&db);
	if (db == NULL) {
		fprintf(stderr, "dbcheck: cannot open %s\n", dbcheck_path);
		return 1;
	}
	dbcheck_read(db, &books);
	printf("{\"unique\":%llu,\"twice\":%llu,\"missing\":%llu,\"late\":%llu,\"bad\":%llu,"
	    "\"first_send\":%llu,\"last_receipt\":%llu}\n",
	    (unsigned long long)books.unique, (unsigned long long)books.twice,
	    (unsigned long long)bench_missing(&books, dbcheck_expect),
	    (unsigned long long)books.late, (unsigned long long)books.bad,
	    (unsigned long long)books.first_send, (unsigned long long)done);
	sqlite3_close(db);
	return 0;
}
