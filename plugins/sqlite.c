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

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/node.h"
#include "daemon/batch.h"
#include "daemon/memory.h"
#include "plugins/dbfile.h"
#include "plugins/sqlfile.h"

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
	struct tt_sqlfile file;
	bool full;
	bool reopened;			/* a transaction may have stayed in the file */
	sqlite3_stmt *opened, *closed;	/* of connections */
	struct sqlite_feed feed;
	uint64_t *seen;
	struct tt_sqlite_refused *refused;
	size_t n_refused, refused_size;
	unsigned n_channels;
	struct sqlite_channel channels[];
};

static enum tt_sqlite_result
sqlite_public(int result)
{
	return result > TT_SQL_FAILED ? TT_SQLITE_FAILED : (enum tt_sqlite_result)result;
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

	rc = sqlite3_prepare_v2(db->file.handle, tt_dbfile_channels, -1, &tables, NULL);
	if (rc == SQLITE_OK) {
		while (n < VIEW_TABLES && sqlite3_step(tables) == SQLITE_ROW)
			names[n++] = tt_xstrdup(
			    (const char *)sqlite3_column_text(tables, 0));
		rc = n < VIEW_TABLES ? sqlite3_reset(tables) : SQLITE_OK;
		sqlite3_finalize(tables);
	}
	if (rc == SQLITE_OK) {
		sql = tt_dbfile_recent((const char *const *)names, n);
		rc = tt_sql_do(&db->file, NULL, "DROP VIEW IF EXISTS main.recent; %s", sql);
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
sqlite_make_schema(void *arg, struct tt_error *err)
{
	struct tt_sqlite *db = arg;
	int64_t version = 0;
	int rc;

	rc = tt_sql_do(&db->file, &version, "BEGIN IMMEDIATE; PRAGMA main.user_version");
	if (rc == SQLITE_OK && version > TT_DBFILE_VERSION) {
		tt_error_set(err, "%s: made by a newer taskthread (version %" PRId64
		    " of its tables, not %d)", db->file.path, version, TT_DBFILE_VERSION);
		return TT_SQLITE_FAILED;
	}
	if (rc == SQLITE_OK)
		rc = tt_sql_do(&db->file, NULL, "PRAGMA main.application_id=%d; "
		    "PRAGMA main.user_version=%d; " TT_DBFILE_CONNECTION,
		    TT_DBFILE_APPLICATION, TT_DBFILE_VERSION);
	for (unsigned i = 0; i < db->n_channels && rc == SQLITE_OK; i++)
		rc = tt_sql_do(&db->file, NULL, TT_DBFILE_CHANNEL, db->channels[i].name);
	if (rc == SQLITE_OK)
		rc = sqlite_make_view(db);
	if (rc == SQLITE_OK)
		rc = tt_sql_do(&db->file, NULL, "COMMIT");
	return tt_sql_error(&db->file, rc, err);
}

/* --- opening ------------------------------------------------------------- */

static int
sqlite_prepare_inserts(struct tt_sqlite *db)
{
	char sql[256];
	int rc = SQLITE_OK;

	for (unsigned i = 0; i < db->n_channels && rc == SQLITE_OK; i++) {
		snprintf(sql, sizeof sql, "INSERT INTO main.\"%s\"(connection, seq, "
		    "received_at, payload) SELECT connection, seq, received_at, "
		    "payload FROM \"tt-feed\"", db->channels[i].name);
		rc = tt_sql_prepare(&db->file, sql, &db->channels[i].insert);
	}
	return rc;
}

static int
sqlite_prepare_all(struct tt_sqlite *db)
{
	int rc = sqlite_prepare_inserts(db);

	if (rc == SQLITE_OK)
		rc = tt_sql_prepare(&db->file, "INSERT OR IGNORE INTO main.connection(id, "
		    "peer, opened_at, node, local) VALUES(?1, ?2, ?3, ?4, ?5)",
		    &db->opened);
	if (rc == SQLITE_OK)
		rc = tt_sql_prepare(&db->file, "INSERT INTO main.connection(id, peer, "
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
			rc = tt_sql_do(&db->file, NULL, "DELETE FROM main.\"%s\" "
			    "WHERE id > %" PRId64, ch->name, ch->last_id);
		if (rc == SQLITE_OK)
			rc = tt_sql_do(&db->file, &last_id,
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
	tt_sqlfile_close(&db->file);
	memset(db->seen, 0, SEEN_SIZE * sizeof db->seen[0]);
}

enum tt_sqlite_result
tt_sqlite_open(struct tt_sqlite *db, struct tt_error *err)
{
	int rc, result;

	if (tt_dbfile_check(db->file.path, TT_DBFILE_APPLICATION, TT_DBFILE_VERSION,
	    err) != 0)
		return TT_SQLITE_FAILED;
	result = tt_sqlfile_open(&db->file, db->full, sqlite_make_schema, db, err);
	if (result != TT_SQL_OK)
		return sqlite_public(result);
	rc = sqlite3_create_module(db->file.handle, "tt-feed", &sqlite_feed_module, db);
	if (rc == SQLITE_OK)
		rc = sqlite_prepare_all(db);
	if (rc == SQLITE_OK)
		rc = sqlite_find_ends(db);
	result = tt_sql_error(&db->file, rc, err);
	if (result == TT_SQL_OK)
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
	db->file.path = path;
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
	return tt_sql_run(stmt);
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
		    tt_sql_classify(db->file.handle, rc) == TT_SQL_ROW)
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

	rc = tt_sql_do(&db->file, NULL, "SAVEPOINT part");
	if (rc != SQLITE_OK)
		return rc;
	db->feed.from = from;
	db->feed.rows = rows;
	rc = tt_sql_run(ch->insert);
	if (rc == SQLITE_OK)
		return tt_sql_do(&db->file, NULL, "RELEASE part");
	if (tt_sql_classify(db->file.handle, rc) != TT_SQL_ROW)
		return rc;
	rc_undo = tt_sql_do(&db->file, NULL, "ROLLBACK TO part; RELEASE part");
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
		sqlite3_set_last_insert_rowid(db->file.handle, ch->last_id);
		rc = careful ? sqlite_insert_with_care(db, ch, 0, rows) :
		    tt_sql_run(ch->insert);
		ch->next_last_id = sqlite3_last_insert_rowid(db->file.handle);
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
	rc = tt_sql_do(&db->file, NULL, "BEGIN IMMEDIATE");
	if (rc == SQLITE_OK)
		rc = sqlite_write_connections(db, items, n, careful);
	if (rc == SQLITE_OK)
		rc = sqlite_write_rows(db, items, n, careful);
	if (rc == SQLITE_OK)
		rc = tt_sql_do(&db->file, NULL, "COMMIT");
	if (rc == SQLITE_OK) {
		for (unsigned i = 0; i < db->n_channels; i++)
			db->channels[i].last_id = db->channels[i].next_last_id;
		return TT_SQLITE_OK;
	}
	result = tt_sql_error(&db->file, rc, err);
	if (!sqlite3_get_autocommit(db->file.handle))
		tt_sql_do(&db->file, NULL, "ROLLBACK");
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
	if (db->file.handle == NULL) {
		result = tt_sqlite_open(db, err);
		if (result != TT_SQLITE_OK)
			return sqlite_public(result);
	}
	result = sqlite_write_once(db, items, n, false, err);
	if (result == TT_SQL_ROW) {
		/* If somebody took a table away it is no row's fault. */
		rc = sqlite_prepare_inserts(db);
		result = rc != SQLITE_OK ? tt_sql_error(&db->file, rc, err) :
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
	return sqlite_settle(db, tt_sqlfile_checkpoint(&db->file, err));
}
