/* sqlfile.c - an SQLite file of ours: opening it, errors, statements, its WAL. */
#include "plugins/sqlfile.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/memory.h"
#include "plugins/dbfile.h"

#define SQLFILE_WAL (16 << 20)		/* bytes that the WAL may have */
#define SQLFILE_CACHE (1 << 20)

/* --- errors -------------------------------------------------------------- */

static bool
sqlfile_no_room(int error)
{
	return error == ENOSPC || error == EDQUOT || error == EFBIG;
}

int
tt_sql_classify(sqlite3 *handle, int rc)
{
	int error = sqlite3_system_errno(handle);

	switch (rc & 0xff) {
	case SQLITE_OK:
		return TT_SQL_OK;
	case SQLITE_TOOBIG:
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_ERROR:		/* of a trigger that somebody made */
		return TT_SQL_ROW;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return TT_SQL_DAMAGED;
	case SQLITE_FULL:
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_PROTOCOL:
	case SQLITE_NOMEM:
		return TT_SQL_LATER;
	case SQLITE_CANTOPEN:
		return sqlfile_no_room(error) || error == EMFILE ||
		    error == ENFILE ? TT_SQL_LATER : TT_SQL_FAILED;
	case SQLITE_IOERR:
		/* After a failed sync the kernel may have forgotten what was not
		 * written: the handle is of no use, whatever the reason was. */
		if (rc == SQLITE_IOERR_FSYNC || rc == SQLITE_IOERR_DIR_FSYNC)
			return TT_SQL_BROKEN;
		/* The index of the WAL could not grow. */
		if (rc == SQLITE_IOERR_SHMSIZE || rc == SQLITE_IOERR_NOMEM)
			return TT_SQL_LATER;
		/* A COMMIT that fails leaves its reason in errno alone. */
		if (rc == SQLITE_IOERR_WRITE && error == 0)
			error = errno;
		return sqlfile_no_room(error) ? TT_SQL_LATER : TT_SQL_BROKEN;
	default:
		return TT_SQL_FAILED;
	}
}

int
tt_sql_error(struct tt_sqlfile *file, int rc, struct tt_error *err)
{
	int error = sqlite3_system_errno(file->handle);
	const char *text = sqlite3_errmsg(file->handle);

	if (rc == SQLITE_OK)
		return TT_SQL_OK;
	if (((rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CANTOPEN) &&
	    error != 0)
		tt_error_set(err, "%s: %s: %s", file->path, text, strerror(error));
	else
		tt_error_set(err, "%s: %s", file->path, text);
	return tt_sql_classify(file->handle, rc);
}

/* --- statements ---------------------------------------------------------- */

int
tt_sql_run(sqlite3_stmt *stmt)
{
	sqlite3_step(stmt);
	return sqlite3_reset(stmt);
}

static int
sqlfile_first(void *value, int n, char **columns, char **names)
{
	(void)names;
	if (n > 0 && columns[0] != NULL)
		*(int64_t *)value = strtoll(columns[0], NULL, 10);
	return 0;
}

int
tt_sql_do(struct tt_sqlfile *file, int64_t *value, const char *format, ...)
{
	va_list args;
	char *sql;
	int rc;

	va_start(args, format);
	if (vasprintf(&sql, format, args) < 0)
		tt_memory_out();
	va_end(args);
	rc = sqlite3_exec(file->handle, sql, value != NULL ? sqlfile_first : NULL,
	    value, NULL);
	free(sql);
	return rc;
}

int
tt_sql_prepare(struct tt_sqlfile *file, const char *sql, sqlite3_stmt **stmt)
{
	sqlite3_finalize(*stmt);
	*stmt = NULL;
	return sqlite3_prepare_v3(file->handle, sql, -1, SQLITE_PREPARE_PERSISTENT,
	    stmt, NULL);
}

/* --- opening ------------------------------------------------------------- */

static void
sqlfile_configure(void)
{
	/* No handle is shared between OS threads, and nobody asks for SQLite's
	 * count of its memory, which costs a lock for each allocation. */
	sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static int
sqlfile_on_commit(void *arg, sqlite3 *handle, const char *name, int pages)
{
	struct tt_sqlfile *file = arg;

	(void)handle, (void)name;
	file->wal_pages = pages;
	return SQLITE_OK;
}

static int64_t
sqlfile_wal_limit(const struct tt_sqlfile *file)
{
	return file->wal_limit > 0 ? file->wal_limit : SQLFILE_WAL;
}

static int
sqlfile_set_up(struct tt_sqlfile *file, bool full,
    int (*make_schema)(void *arg, struct tt_error *err), void *arg,
    struct tt_error *err)
{
	int64_t wal = 0;
	int rc, result;

	sqlite3_busy_timeout(file->handle, 200);
	rc = tt_sql_do(file, NULL, "PRAGMA page_size=%d; PRAGMA synchronous=FULL; "
	    "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-%d; "
	    "PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=%" PRId64 "; "
	    "PRAGMA secure_delete=FAST",	/* no write that is for zeros alone */
	    TT_DBFILE_PAGE, SQLFILE_CACHE >> 10, 2 * sqlfile_wal_limit(file));
	if (rc != SQLITE_OK)
		return tt_sql_error(file, rc, err);
	result = make_schema(arg, err);
	if (result != TT_SQL_OK)
		return result;
	rc = tt_sql_do(file, &wal, "PRAGMA main.journal_mode=WAL; "
	    "SELECT journal_mode = 'wal' FROM pragma_journal_mode");
	if (rc == SQLITE_OK && wal != 1) {
		tt_error_set(err, "%s: its file system allows no WAL", file->path);
		return TT_SQL_FAILED;
	}
	if (rc == SQLITE_OK)
		rc = tt_sql_do(file, NULL, "PRAGMA synchronous=%s",
		    full ? "FULL" : "NORMAL");
	sqlite3_wal_hook(file->handle, sqlfile_on_commit, file);
	return tt_sql_error(file, rc, err);
}

int
tt_sqlfile_open(struct tt_sqlfile *file, bool full,
    int (*make_schema)(void *arg, struct tt_error *err), void *arg,
    struct tt_error *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int rc, result;

	pthread_once(&once, sqlfile_configure);
	rc = sqlite3_open_v2(file->path, &file->handle, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
	result = rc == SQLITE_OK ? sqlfile_set_up(file, full, make_schema, arg, err) :
	    tt_sql_error(file, rc, err);
	/* Ours can be written (that was looked at before), and its tables have the
	 * columns that they were made with: else its bytes have changed. */
	if (result == TT_SQL_ROW ||
	    (result == TT_SQL_FAILED &&
	    sqlite3_extended_errcode(file->handle) == SQLITE_READONLY &&
	    tt_dbfile_format(file->path) > 2))
		result = TT_SQL_DAMAGED;
	if (result == TT_SQL_DAMAGED)
		tt_sqlfile_abandon(file);
	else if (result != TT_SQL_OK)
		tt_sqlfile_close(file);
	return result;
}

void
tt_sqlfile_abandon(struct tt_sqlfile *file)
{
	if (file->handle != NULL)
		sqlite3_db_config(file->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1,
		    NULL);
	tt_sqlfile_close(file);
}

void
tt_sqlfile_close(struct tt_sqlfile *file)
{
	sqlite3_close(file->handle);
	file->handle = NULL;
	file->wal_pages = 0;
}

int
tt_sqlfile_checkpoint(struct tt_sqlfile *file, struct tt_error *err)
{
	int rc, result;

	if (file->handle == NULL ||
	    (int64_t)file->wal_pages * TT_DBFILE_PAGE <= sqlfile_wal_limit(file))
		return TT_SQL_OK;
	rc = sqlite3_wal_checkpoint_v2(file->handle, "main", SQLITE_CHECKPOINT_PASSIVE,
	    NULL, NULL);
	result = tt_sql_error(file, rc, err);
	/* Busy or full: it all stands in the WAL, the next commit comes back here. */
	return result == TT_SQL_LATER ? TT_SQL_OK : result;
}
