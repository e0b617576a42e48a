/* sqlite.c - the door to SQLite.
 *
 * Rows are not bound one by one: `tt-feed` is a virtual table whose rows are the
 * frames of the batches at hand, and one INSERT ... SELECT copies them all.  A
 * name with a hyphen can be no channel's.
 *
 * A transaction is written without savepoints first.  If a row is refused it is
 * rolled back and written again with care: each statement in a savepoint, and a
 * statement that fails is halved, down to the row. */
#include "plugins/sqlite.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/node.h"
#include "daemon/batch.h"
#include "daemon/memory.h"
#include "plugins/dbfile.h"

#define WAL_LIMIT (16 << 20)
#define CACHE_SIZE (1 << 20)

/* Connections whose row is known to be written, by the low bits of their number:
 * saves a look-up for each batch. */
#define SEEN_SIZE 1024

struct sqlite_channel {
	const char *name;
	sqlite3_stmt *insert;
	int64_t last_id;		/* of the last row committed */
	int64_t next_last_id;		/* in this transaction */
};

/* The rows that `tt-feed` shows: ROWS frames of one channel, from number FROM. */
struct sqlite_feed {
	const struct tt_sqlite_item *items;
	size_t n;
	unsigned channel;
	uint64_t from, rows;
};

struct tt_sqlite {
	const char *path;
	bool full;
	bool reopened;			/* a transaction may have stayed in the file */
	sqlite3 *handle;		/* NULL: closed */
	sqlite3_stmt *opened, *closed;	/* of connections */
	int wal_pages;			/* after the last commit */
	struct sqlite_feed feed;
	uint64_t *seen;
	struct tt_sqlite_refused *refused;
	size_t n_refused, refused_size;
	unsigned n_channels;
	struct sqlite_channel channels[];
};

/* A result between ourselves: a row is refused, and the rest may be written. */
#define RESULT_ROW (TT_SQLITE_FAILED + 1)

static enum tt_sqlite_result
sqlite_public(int result)
{
	return result == RESULT_ROW ? TT_SQLITE_FAILED : (enum tt_sqlite_result)result;
}

/* --- errors -------------------------------------------------------------- */

static bool
sqlite_no_room(int error)
{
	return error == ENOSPC || error == EDQUOT || error == EFBIG;
}

static int
sqlite_classify(sqlite3 *handle, int rc)
{
	int error = sqlite3_system_errno(handle);

	switch (rc & 0xff) {
	case SQLITE_OK:
		return TT_SQLITE_OK;
	case SQLITE_TOOBIG:
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_ERROR:		/* of a trigger that somebody made */
		return RESULT_ROW;
	case SQLITE_FULL:
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_PROTOCOL:
	case SQLITE_NOMEM:
		return TT_SQLITE_LATER;
	case SQLITE_CANTOPEN:
		return sqlite_no_room(error) || error == EMFILE ||
		    error == ENFILE ? TT_SQLITE_LATER : TT_SQLITE_FAILED;
	case SQLITE_IOERR:
		/* After a failed sync the kernel may have forgotten what was not
		 * written: the handle is of no use, whatever the reason was. */
		if (rc == SQLITE_IOERR_FSYNC || rc == SQLITE_IOERR_DIR_FSYNC)
			return TT_SQLITE_BROKEN;
		/* The index of the WAL could not grow. */
		if (rc == SQLITE_IOERR_SHMSIZE || rc == SQLITE_IOERR_NOMEM)
			return TT_SQLITE_LATER;
		return sqlite_no_room(error) ? TT_SQLITE_LATER : TT_SQLITE_BROKEN;
	default:
		return TT_SQLITE_FAILED;
	}
}

/* Says in ERR what RC was, and returns the result. */
static int
sqlite_error(struct tt_sqlite *db, int rc, struct tt_error *err)
{
	int error = sqlite3_system_errno(db->handle);
	const char *text = sqlite3_errmsg(db->handle);

	if (rc == SQLITE_OK)
		return TT_SQLITE_OK;
	if (((rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CANTOPEN) &&
	    error != 0)
		tt_error_set(err, "%s: %s: %s", db->path, text, strerror(error));
	else
		tt_error_set(err, "%s: %s", db->path, text);
	return sqlite_classify(db->handle, rc);
}

static int
sqlite_run(sqlite3_stmt *stmt)
{
	sqlite3_step(stmt);
	return sqlite3_reset(stmt);
}

static int
sqlite_first(void *value, int n, char **columns, char **names)
{
	(void)names;
	if (n > 0 && columns[0] != NULL)
		*(int64_t *)value = strtoll(columns[0], NULL, 10);
	return 0;
}

/* Runs SQL; if it gives a row, stores the integer of it in *VALUE (or not, where
 * that is NULL). */
static int
sqlite_do(struct tt_sqlite *db, int64_t *value, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int
sqlite_do(struct tt_sqlite *db, int64_t *value, const char *format, ...)
{
	va_list args;
	char *sql;
	int rc;

	va_start(args, format);
	if (vasprintf(&sql, format, args) < 0)
		abort();
	va_end(args);
	rc = sqlite3_exec(db->handle, sql, value != NULL ? sqlite_first : NULL, value,
	    NULL);
	free(sql);
	return rc;
}

/* --- the feed ------------------------------------------------------------ */

struct sqlite_cursor {
	sqlite3_vtab_cursor base;
	const struct tt_batch *batch;
	uint32_t slice;
	uint64_t left;
	const struct tt_sqlite_item *next;
	unsigned channel;
};

struct sqlite_vtab {
	sqlite3_vtab base;
	const struct sqlite_feed *feed;
};

static int
sqlite_feed_connect(sqlite3 *handle, void *aux, int argc, const char *const *argv,
    sqlite3_vtab **vtab, char **error)
{
	struct tt_sqlite *db = aux;
	struct sqlite_vtab *v;

	(void)argc, (void)argv, (void)error;
	v = sqlite3_malloc(sizeof *v);
	if (v == NULL)
		return SQLITE_NOMEM;
	memset(v, 0, sizeof *v);
	v->feed = &db->feed;
	*vtab = &v->base;
	sqlite3_vtab_config(handle, SQLITE_VTAB_DIRECTONLY);
	return sqlite3_declare_vtab(handle,
	    "CREATE TABLE x(connection, seq, received_at, payload)");
}

static int
sqlite_feed_disconnect(sqlite3_vtab *vtab)
{
	sqlite3_free(vtab);
	return SQLITE_OK;
}

static int
sqlite_feed_best_index(sqlite3_vtab *vtab, sqlite3_index_info *info)
{
	(void)vtab;
	info->estimatedCost = 1e6;
	info->estimatedRows = 10000;
	return SQLITE_OK;
}

static int
sqlite_feed_open(sqlite3_vtab *vtab, sqlite3_vtab_cursor **cursor)
{
	struct sqlite_cursor *c;

	(void)vtab;
	c = sqlite3_malloc(sizeof *c);
	if (c == NULL)
		return SQLITE_NOMEM;
	memset(c, 0, sizeof *c);
	*cursor = &c->base;
	return SQLITE_OK;
}

static int
sqlite_feed_close(sqlite3_vtab_cursor *cursor)
{
	sqlite3_free(cursor);
	return SQLITE_OK;
}

/* To the next batch of the channel that has frames; there is one. */
static void
sqlite_feed_next_batch(struct sqlite_cursor *c)
{
	while (c->next->channel != c->channel || c->next->batch->n == 0)
		c->next++;
	c->batch = c->next++->batch;
	c->slice = 0;
}

static int
sqlite_feed_filter(sqlite3_vtab_cursor *cursor, int number, const char *text,
    int argc, sqlite3_value **argv)
{
	struct sqlite_cursor *c = (struct sqlite_cursor *)cursor;
	const struct sqlite_feed *f = ((struct sqlite_vtab *)cursor->pVtab)->feed;
	uint64_t skip = f->from;

	(void)number, (void)text, (void)argc, (void)argv;
	c->left = f->rows;
	c->next = f->items;
	c->channel = f->channel;
	if (c->left == 0)
		return SQLITE_OK;
	sqlite_feed_next_batch(c);
	while (skip >= c->batch->n) {
		skip -= c->batch->n;
		sqlite_feed_next_batch(c);
	}
	c->slice = (uint32_t)skip;
	return SQLITE_OK;
}

static int
sqlite_feed_next(sqlite3_vtab_cursor *cursor)
{
	struct sqlite_cursor *c = (struct sqlite_cursor *)cursor;

	if (--c->left > 0 && ++c->slice == c->batch->n)
		sqlite_feed_next_batch(c);
	return SQLITE_OK;
}

static int
sqlite_feed_eof(sqlite3_vtab_cursor *cursor)
{
	return ((struct sqlite_cursor *)cursor)->left == 0;
}

static int
sqlite_feed_column(sqlite3_vtab_cursor *cursor, sqlite3_context *context, int i)
{
	const struct sqlite_cursor *c = (const struct sqlite_cursor *)cursor;
	const struct tt_batch *batch = c->batch;

	switch (i) {
	case 0:
		sqlite3_result_int64(context, (int64_t)batch->origin->connection);
		break;
	case 1:
		sqlite3_result_int64(context, (int64_t)(batch->first_seq + c->slice));
		break;
	case 2:
		sqlite3_result_int64(context, batch->received_at);
		break;
	default:
		sqlite3_result_blob64(context, tt_batch_bytes(batch, c->slice),
		    batch->slices[c->slice].length, SQLITE_STATIC);
		break;
	}
	return SQLITE_OK;
}

static int
sqlite_feed_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *id)
{
	*id = (sqlite3_int64)((struct sqlite_cursor *)cursor)->left;
	return SQLITE_OK;
}

static const sqlite3_module sqlite_feed_module = {
	.xConnect	= sqlite_feed_connect,
	.xDisconnect	= sqlite_feed_disconnect,
	.xBestIndex	= sqlite_feed_best_index,
	.xOpen		= sqlite_feed_open,
	.xClose		= sqlite_feed_close,
	.xFilter	= sqlite_feed_filter,
	.xNext		= sqlite_feed_next,
	.xEof		= sqlite_feed_eof,
	.xColumn	= sqlite_feed_column,
	.xRowid		= sqlite_feed_rowid,
};

/* --- the schema ---------------------------------------------------------- */

/* More tables than these do not fit into one SELECT of SQLite's. */
#define VIEW_TABLES 400

/* Makes the view `recent` anew, over all channels that the file has. */
static int
sqlite_make_view(struct tt_sqlite *db)
{
	char *names[VIEW_TABLES], *sql;
	sqlite3_stmt *tables = NULL;
	size_t n = 0;
	int rc;

	rc = sqlite3_prepare_v2(db->handle, tt_dbfile_channels, -1, &tables, NULL);
	if (rc == SQLITE_OK) {
		while (n < VIEW_TABLES && sqlite3_step(tables) == SQLITE_ROW)
			names[n++] = tt_xstrdup(
			    (const char *)sqlite3_column_text(tables, 0));
		rc = n < VIEW_TABLES ? sqlite3_reset(tables) : SQLITE_OK;
		sqlite3_finalize(tables);
	}
	if (rc == SQLITE_OK) {
		sql = tt_dbfile_recent((const char *const *)names, n);
		rc = sqlite_do(db, NULL, "DROP VIEW IF EXISTS main.recent; %s", sql);
		free(sql);
	}
	while (n > 0)
		free(names[--n]);
	return rc;
}

/* The first transaction on an opened file: it finds out if the file can be
 * written, and by whom it was made (what the header says may be older than what
 * the WAL says). */
static int
sqlite_make_schema(struct tt_sqlite *db, struct tt_error *err)
{
	int64_t version = 0;
	int rc;

	rc = sqlite_do(db, &version, "BEGIN IMMEDIATE; PRAGMA main.user_version");
	if (rc == SQLITE_OK && version > TT_DBFILE_VERSION) {
		tt_error_set(err, "%s: made by a newer taskthread (version %" PRId64
		    " of its tables, not %d)", db->path, version, TT_DBFILE_VERSION);
		return TT_SQLITE_FAILED;
	}
	if (rc == SQLITE_OK)
		rc = sqlite_do(db, NULL, "PRAGMA main.application_id=%d; "
		    "PRAGMA main.user_version=%d; " TT_DBFILE_CONNECTION,
		    TT_DBFILE_APPLICATION, TT_DBFILE_VERSION);
	for (unsigned i = 0; i < db->n_channels && rc == SQLITE_OK; i++)
		rc = sqlite_do(db, NULL, TT_DBFILE_CHANNEL, db->channels[i].name);
	if (rc == SQLITE_OK)
		rc = sqlite_make_view(db);
	if (rc == SQLITE_OK)
		rc = sqlite_do(db, NULL, "COMMIT");
	return sqlite_error(db, rc, err);
}

/* --- opening ------------------------------------------------------------- */

static void
sqlite_configure(void)
{
	/* No handle is shared between OS threads, and nobody asks for SQLite's
	 * count of its memory, which costs a lock for each allocation. */
	sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static int
sqlite_on_commit(void *arg, sqlite3 *handle, const char *name, int pages)
{
	struct tt_sqlite *db = arg;

	(void)handle, (void)name;
	db->wal_pages = pages;
	return SQLITE_OK;
}

static int
sqlite_prepare(struct tt_sqlite *db, const char *sql, sqlite3_stmt **stmt)
{
	sqlite3_finalize(*stmt);
	*stmt = NULL;
	return sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT,
	    stmt, NULL);
}

static int
sqlite_prepare_inserts(struct tt_sqlite *db)
{
	char sql[256];
	int rc = SQLITE_OK;

	for (unsigned i = 0; i < db->n_channels && rc == SQLITE_OK; i++) {
		snprintf(sql, sizeof sql, "INSERT INTO main.\"%s\"(connection, seq, "
		    "received_at, payload) SELECT connection, seq, received_at, "
		    "payload FROM \"tt-feed\"", db->channels[i].name);
		rc = sqlite_prepare(db, sql, &db->channels[i].insert);
	}
	return rc;
}

static int
sqlite_prepare_all(struct tt_sqlite *db)
{
	int rc = sqlite_prepare_inserts(db);

	if (rc == SQLITE_OK)
		rc = sqlite_prepare(db, "INSERT OR IGNORE INTO main.connection(id, "
		    "peer, opened_at, node, local) VALUES(?1, ?2, ?3, ?4, ?5)",
		    &db->opened);
	if (rc == SQLITE_OK)
		rc = sqlite_prepare(db, "INSERT INTO main.connection(id, peer, "
		    "opened_at, node, local, closed_at, close_reason) "
		    "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT(id) DO UPDATE "
		    "SET closed_at = excluded.closed_at, "
		    "close_reason = excluded.close_reason", &db->closed);
	return rc;
}

/* Where each table ends.  After a failed sync the transaction that was not
 * answered for may be found in the WAL all the same: its rows go, for they are
 * written again. */
static int
sqlite_find_ends(struct tt_sqlite *db)
{
	int rc = SQLITE_OK;

	for (unsigned i = 0; i < db->n_channels && rc == SQLITE_OK; i++) {
		struct sqlite_channel *ch = &db->channels[i];
		int64_t last_id = 0;

		if (db->reopened)
			rc = sqlite_do(db, NULL, "DELETE FROM main.\"%s\" "
			    "WHERE id > %" PRId64, ch->name, ch->last_id);
		if (rc == SQLITE_OK)
			rc = sqlite_do(db, &last_id,
			    "SELECT max(id) FROM main.\"%s\"", ch->name);
		if (rc == SQLITE_OK)
			ch->last_id = last_id;
	}
	return rc;
}

static void
sqlite_close(struct tt_sqlite *db)
{
	sqlite3_finalize(db->opened);
	sqlite3_finalize(db->closed);
	db->opened = db->closed = NULL;
	for (unsigned i = 0; i < db->n_channels; i++) {
		sqlite3_finalize(db->channels[i].insert);
		db->channels[i].insert = NULL;
	}
	sqlite3_close(db->handle);
	db->handle = NULL;
	db->wal_pages = 0;
	memset(db->seen, 0, SEEN_SIZE * sizeof db->seen[0]);
}

/* Sets the opened file up. */
static int
sqlite_set_up(struct tt_sqlite *db, struct tt_error *err)
{
	int64_t wal = 0;
	int rc, result;

	sqlite3_busy_timeout(db->handle, 200);
	rc = sqlite_do(db, NULL, "PRAGMA page_size=%d; PRAGMA synchronous=FULL; "
	    "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-%d; "
	    "PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=%d",
	    TT_DBFILE_PAGE, CACHE_SIZE >> 10, 2 * WAL_LIMIT);
	if (rc != SQLITE_OK)
		return sqlite_error(db, rc, err);
	result = sqlite_make_schema(db, err);
	if (result != TT_SQLITE_OK)
		return result;
	rc = sqlite_do(db, &wal, "PRAGMA main.journal_mode=WAL; "
	    "SELECT journal_mode = 'wal' FROM pragma_journal_mode");
	if (rc == SQLITE_OK && wal != 1) {
		tt_error_set(err, "%s: its file system allows no WAL", db->path);
		return TT_SQLITE_FAILED;
	}
	if (rc == SQLITE_OK)
		rc = sqlite_do(db, NULL, "PRAGMA synchronous=%s",
		    db->full ? "FULL" : "NORMAL");
	if (rc == SQLITE_OK)
		rc = sqlite3_create_module(db->handle, "tt-feed", &sqlite_feed_module,
		    db);
	if (rc == SQLITE_OK)
		rc = sqlite_prepare_all(db);
	if (rc == SQLITE_OK)
		rc = sqlite_find_ends(db);
	sqlite3_wal_hook(db->handle, sqlite_on_commit, db);
	return sqlite_error(db, rc, err);
}

enum tt_sqlite_result
tt_sqlite_open(struct tt_sqlite *db, struct tt_error *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int rc, result;

	pthread_once(&once, sqlite_configure);
	if (tt_dbfile_check(db->path, err) != 0)
		return TT_SQLITE_FAILED;
	rc = sqlite3_open_v2(db->path, &db->handle, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
	result = rc == SQLITE_OK ? sqlite_set_up(db, err) :
	    sqlite_error(db, rc, err);
	if (result == TT_SQLITE_OK)
		db->reopened = false;
	else
		sqlite_close(db);
	return sqlite_public(result);
}

struct tt_sqlite *
tt_sqlite_create(const char *path, bool full, unsigned n_channels,
    const char *const *channels)
{
	struct tt_sqlite *db;

	db = tt_xcalloc(1, sizeof *db + n_channels * sizeof db->channels[0]);
	db->seen = tt_xcalloc(SEEN_SIZE, sizeof db->seen[0]);
	db->path = path;
	db->full = full;
	db->n_channels = n_channels;
	for (unsigned i = 0; i < n_channels; i++)
		db->channels[i].name = channels[i];
	return db;
}

void
tt_sqlite_destroy(struct tt_sqlite *db)
{
	if (db == NULL)
		return;
	sqlite_close(db);
	free(db->refused);
	free(db->seen);
	free(db);
}

/* --- writing ------------------------------------------------------------- */

static int
sqlite_write_connection(sqlite3_stmt *stmt, const struct tt_origin *origin, bool closed)
{
	sqlite3_bind_int64(stmt, 1, (int64_t)origin->connection);
	sqlite3_bind_text(stmt, 2, origin->peer, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 3, origin->opened_at);
	sqlite3_bind_text(stmt, 4, origin->node->path, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 5, origin->local, -1, SQLITE_STATIC);
	if (closed) {
		sqlite3_bind_int64(stmt, 6, origin->closed_at);
		sqlite3_bind_text(stmt, 7, tt_reason_name(origin->close_reason), -1,
		    SQLITE_STATIC);
	}
	return sqlite_run(stmt);
}

/* The rows of `connection` that the items bring.  CAREFUL: somebody's constraint
 * on that table keeps no frame out. */
static int
sqlite_write_connections(struct tt_sqlite *db, const struct tt_sqlite_item *items,
    size_t n, bool careful)
{
	int rc = SQLITE_OK;

	for (size_t i = 0; i < n && rc == SQLITE_OK; i++) {
		const struct tt_batch *batch = items[i].batch;
		const struct tt_origin *origin = batch->origin;
		uint64_t *seen = &db->seen[origin->connection % SEEN_SIZE];

		if (batch->last) {
			rc = sqlite_write_connection(db->closed, origin, true);
		} else if (*seen != origin->connection) {
			rc = sqlite_write_connection(db->opened, origin, false);
			*seen = origin->connection;
		}
		if (careful && rc != SQLITE_OK &&
		    sqlite_classify(db->handle, rc) == RESULT_ROW)
			rc = SQLITE_OK;
	}
	return rc;
}

/* Notes that row ROW of the feed is left out, for RC. */
static void
sqlite_refuse(struct tt_sqlite *db, uint64_t row, int rc)
{
	const struct tt_sqlite_item *item = db->feed.items;
	const char *reason = sqlite3_errstr(rc);
	struct tt_sqlite_refused *last;
	uint64_t seq;

	for (;; item++) {
		if (item->channel != db->feed.channel)
			continue;
		if (row < item->batch->n)
			break;
		row -= item->batch->n;
	}
	seq = item->batch->first_seq + row;
	last = db->n_refused > 0 ? &db->refused[db->n_refused - 1] : NULL;
	if (last != NULL && last->connection == item->batch->origin->connection &&
	    last->channel == item->channel && last->seq + last->n == seq &&
	    last->reason == reason) {
		last->n++;
		return;
	}
	if (db->n_refused == db->refused_size) {
		db->refused_size = db->refused_size == 0 ? 16 : 2 * db->refused_size;
		db->refused = tt_xrealloc(db->refused,
		    db->refused_size * sizeof db->refused[0]);
	}
	db->refused[db->n_refused++] = (struct tt_sqlite_refused){
		.connection = item->batch->origin->connection, .seq = seq, .n = 1,
		.channel = item->channel, .reason = reason,
	};
}

/* Inserts the ROWS rows from FROM on of the feed, but those that are refused. */
static int
sqlite_insert_with_care(struct tt_sqlite *db, struct sqlite_channel *ch, uint64_t from,
    uint64_t rows)
{
	int rc, rc_undo;

	rc = sqlite_do(db, NULL, "SAVEPOINT part");
	if (rc != SQLITE_OK)
		return rc;
	db->feed.from = from;
	db->feed.rows = rows;
	rc = sqlite_run(ch->insert);
	if (rc == SQLITE_OK)
		return sqlite_do(db, NULL, "RELEASE part");
	if (sqlite_classify(db->handle, rc) != RESULT_ROW)
		return rc;
	rc_undo = sqlite_do(db, NULL, "ROLLBACK TO part; RELEASE part");
	if (rc_undo != SQLITE_OK)
		return rc_undo;
	if (rows == 1) {
		sqlite_refuse(db, from, rc);
		return SQLITE_OK;
	}
	rc = sqlite_insert_with_care(db, ch, from, rows / 2);
	if (rc == SQLITE_OK)
		rc = sqlite_insert_with_care(db, ch, from + rows / 2, rows - rows / 2);
	return rc;
}

static int
sqlite_write_rows(struct tt_sqlite *db, const struct tt_sqlite_item *items, size_t n,
    bool careful)
{
	int rc = SQLITE_OK;

	for (unsigned i = 0; i < db->n_channels && rc == SQLITE_OK; i++) {
		struct sqlite_channel *ch = &db->channels[i];
		uint64_t rows = 0;

		for (size_t j = 0; j < n; j++)
			rows += items[j].channel == i ? items[j].batch->n : 0;
		ch->next_last_id = ch->last_id;
		if (rows == 0)
			continue;
		db->feed = (struct sqlite_feed){
			.items = items, .n = n, .channel = i, .rows = rows,
		};
		sqlite3_set_last_insert_rowid(db->handle, ch->last_id);
		rc = careful ? sqlite_insert_with_care(db, ch, 0, rows) :
		    sqlite_run(ch->insert);
		ch->next_last_id = sqlite3_last_insert_rowid(db->handle);
	}
	return rc;
}

/* One transaction.  What is not OK has been rolled back, with ERR set. */
static int
sqlite_write_once(struct tt_sqlite *db, const struct tt_sqlite_item *items, size_t n,
    bool careful, struct tt_error *err)
{
	int rc, result;

	db->n_refused = 0;
	rc = sqlite_do(db, NULL, "BEGIN IMMEDIATE");
	if (rc == SQLITE_OK)
		rc = sqlite_write_connections(db, items, n, careful);
	if (rc == SQLITE_OK)
		rc = sqlite_write_rows(db, items, n, careful);
	if (rc == SQLITE_OK)
		rc = sqlite_do(db, NULL, "COMMIT");
	if (rc == SQLITE_OK) {
		for (unsigned i = 0; i < db->n_channels; i++)
			db->channels[i].last_id = db->channels[i].next_last_id;
		return TT_SQLITE_OK;
	}
	result = sqlite_error(db, rc, err);
	if (!sqlite3_get_autocommit(db->handle))
		sqlite_do(db, NULL, "ROLLBACK");
	memset(db->seen, 0, SEEN_SIZE * sizeof db->seen[0]);
	db->n_refused = 0;
	return result;
}

/* Closes the file if it is not to be trusted any more, and returns the result. */
static enum tt_sqlite_result
sqlite_settle(struct tt_sqlite *db, int result)
{
	if (result == TT_SQLITE_BROKEN) {
		sqlite_close(db);
		db->reopened = true;
	}
	return sqlite_public(result);
}

enum tt_sqlite_result
tt_sqlite_write(struct tt_sqlite *db, const struct tt_sqlite_item *items, size_t n,
    struct tt_error *err)
{
	int rc, result;

	db->n_refused = 0;
	if (db->handle == NULL) {
		result = tt_sqlite_open(db, err);
		if (result != TT_SQLITE_OK)
			return sqlite_public(result);
	}
	result = sqlite_write_once(db, items, n, false, err);
	if (result == RESULT_ROW) {
		/* If somebody took a table away it is no row's fault. */
		rc = sqlite_prepare_inserts(db);
		result = rc != SQLITE_OK ? sqlite_error(db, rc, err) :
		    sqlite_write_once(db, items, n, true, err);
	}
	return sqlite_settle(db, result);
}

const struct tt_sqlite_refused *
tt_sqlite_refused(const struct tt_sqlite *db, size_t *n)
{
	*n = db->n_refused;
	return db->refused;
}

enum tt_sqlite_result
tt_sqlite_checkpoint(struct tt_sqlite *db, struct tt_error *err)
{
	int rc, result;

	if (db->handle == NULL || (int64_t)db->wal_pages * TT_DBFILE_PAGE <= WAL_LIMIT)
		return TT_SQLITE_OK;
	rc = sqlite3_wal_checkpoint_v2(db->handle, "main", SQLITE_CHECKPOINT_PASSIVE,
	    NULL, NULL);
	result = sqlite_error(db, rc, err);
	/* Busy or full: the rows stand in the WAL, the next commit comes back here. */
	return result == TT_SQLITE_LATER ? TT_SQLITE_OK : sqlite_settle(db, result);
}
