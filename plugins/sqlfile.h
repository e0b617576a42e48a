/* sqlfile.h - an SQLite file of ours: opening it, errors, statements, its WAL.
 *
 * For the files that are SQLite's door (sqlite.c, spoolfile.c), and for them alone:
 * each says what stands in its file.  All calls may block, and belong to one OS
 * thread. */
#ifndef TT_PLUGINS_SQLFILE_H
#define TT_PLUGINS_SQLFILE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/error.h"

/* How a call ended.  The values up to FAILED are enum tt_sqlite_result's. */
enum tt_sql_result {
	TT_SQL_OK,
	TT_SQL_LATER,		/* full or busy: nothing was written, try it again */
	TT_SQL_BROKEN,		/* reading or writing failed: the handle is of no use */
	TT_SQL_FAILED,		/* nothing was written, and trying again is no use */
	TT_SQL_ROW,		/* a row is refused, and the rest may be written */
	TT_SQL_DAMAGED,		/* the file is not what was written */
};

struct tt_sqlfile {
	const char *path;	/* absolute */
	sqlite3 *handle;	/* NULL: closed */
	int wal_pages;		/* after the last commit */
	int64_t wal_limit;	/* bytes that the WAL may have, 0: 16 MiB */
};

/* Opens the file, or makes it, in WAL mode: a commit is synced, or else (FULL false)
 * may be lost with the power.  MAKE_SCHEMA is called with ARG for the first
 * transaction, before the file is in WAL mode.  Whether the file is ours must be
 * known before.  What is not OK has closed it, with ERR set; DAMAGED has left it as it
 * is, with its WAL. */
int tt_sqlfile_open(struct tt_sqlfile *file, bool full,
    int (*make_schema)(void *arg, struct tt_error *err), void *arg,
    struct tt_error *err);

/* Closes it: all statements must have been finalized. */
void tt_sqlfile_close(struct tt_sqlfile *file);

/* The same for a file that is damaged: it is left as it is, with its WAL beside it. */
void tt_sqlfile_abandon(struct tt_sqlfile *file);

/* Moves the WAL into the file if it is over its limit.  Returns OK where it could not
 * be done now. */
int tt_sqlfile_checkpoint(struct tt_sqlfile *file, struct tt_error *err);

/* What RC, an SQLite result, is to us. */
int tt_sql_classify(sqlite3 *handle, int rc);

/* Says in ERR what RC was, and returns what it is to us. */
int tt_sql_error(struct tt_sqlfile *file, int rc, struct tt_error *err);

/* Steps STMT once and resets it. */
int tt_sql_run(sqlite3_stmt *stmt);

/* Runs the SQL of FORMAT; if it gives a row, stores the integer of its first column
 * in *VALUE (or not, where that is NULL).  Returns SQLite's result. */
int tt_sql_do(struct tt_sqlfile *file, int64_t *value, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Prepares SQL anew into *STMT, which may hold a statement.  SQLite's result. */
int tt_sql_prepare(struct tt_sqlfile *file, const char *sql, sqlite3_stmt **stmt);

#endif
