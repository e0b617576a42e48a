/* sqlite.c - the door to SQLite.
 *
 * Rows are not bound one by one: `tt-feed` is a virtual table whose rows are the
 * frames of the batches at hand, and one INSERT ... SELECT copies them all.
 *
 * A transaction is written without savepoints first.  If a row is refused it is
 * rolled back and written again with care: each statement in a savepoint, and a
 * statement that fails is halved, down to the row, which goes to `refused`. */
#include "plugins/sqlite.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/node.h"
#include "daemon/batch.h"
#include "daemon/memory.h"
#include "plugins/dbfile.h"
#include "plugins/sqlfeed.h"
#include "plugins/sqlfile.h"
#include "plugins/sqlretain.h"

/* Connections whose row is known to be written, by the low bits of their number:
 * saves a look-up for each batch. */
#define SEEN_SIZE 1024

#define EXPIRE 1000			/* rows past their age that go at once */
#define WAL_SMALLEST (256 << 10)	/* where the file may have few bytes */

struct sqlite_channel {
	const char *name;
	sqlite3_stmt *insert;
	int64_t last_id;		/* of the last row committed */
	int64_t next_last_id;		/* in this transaction */
};

struct tt_sqlite {
	struct tt_sqlfile file;
	bool full;
	bool reopened;			/* a transaction may have stayed in the file */
	bool replaced;			/* in this call, by a new file */
	struct tt_error note;		/* what was set aside in it */
	sqlite3_stmt *opened, *closed;	/* of connections */
	sqlite3_stmt *refuse;
	struct tt_sqlfeed feed;
	uint64_t *seen;
	struct tt_sqlretain *retain;	/* or NULL */
	struct tt_sqlite_refused *refused;
	size_t n_refused, refused_size;
	int64_t last_refused, next_last_refused;	/* as last_id */
	unsigned n_channels;
	struct sqlite_channel channels[];
};

static enum tt_sqlite_result
sqlite_public(int result)
{
	return result > TT_SQL_FAILED ? TT_SQLITE_FAILED : (enum tt_sqlite_result)result;
}

/* What the last call had to say is said. */
static void
sqlite_begin_call(struct tt_sqlite *db)
{
	db->n_refused = 0;
	db->replaced = false;
	db->note.text[0] = '\0';
}

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
		    "PRAGMA main.user_version=%d; " TT_DBFILE_CONNECTION "; "
		    TT_DBFILE_REFUSED,
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
		    "payload FROM \"" TT_SQLFEED "\"", db->channels[i].name);
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
	if (rc == SQLITE_OK)
		rc = tt_sql_prepare(&db->file, "INSERT INTO main.refused(connection, seq, "
		    "received_at, reason, payload) VALUES(?1, ?2, ?3, ?4, ?5)",
		    &db->refuse);
	return rc;
}

/* Where TABLE ends, into *LAST_ID.  After a failed sync the transaction that was not
 * answered for may be found in the WAL all the same: its rows go, for they are
 * written again. */
static int
sqlite_find_end(struct tt_sqlite *db, const char *table, int64_t *last_id)
{
	int64_t id = 0;
	int rc = SQLITE_OK;

	if (db->reopened)
		rc = tt_sql_do(&db->file, NULL, "DELETE FROM main.\"%s\" "
		    "WHERE rowid > %" PRId64, table, *last_id);
	if (rc == SQLITE_OK)
		rc = tt_sql_do(&db->file, &id, "SELECT max(rowid) FROM main.\"%s\"",
		    table);
	if (rc == SQLITE_OK)
		*last_id = id;
	return rc;
}

static int
sqlite_find_ends(struct tt_sqlite *db)
{
	int rc = sqlite_find_end(db, "refused", &db->last_refused);

	for (unsigned i = 0; i < db->n_channels && rc == SQLITE_OK; i++)
		rc = sqlite_find_end(db, db->channels[i].name, &db->channels[i].last_id);
	return rc;
}

static void
sqlite_close(struct tt_sqlite *db, bool damaged)
{
	sqlite3_finalize(db->opened);
	sqlite3_finalize(db->closed);
	sqlite3_finalize(db->refuse);
	db->opened = db->closed = db->refuse = NULL;
	if (db->retain != NULL)
		tt_sqlretain_end(db->retain);
	for (unsigned i = 0; i < db->n_channels; i++) {
		sqlite3_finalize(db->channels[i].insert);
		db->channels[i].insert = NULL;
	}
	if (damaged)
		tt_sqlfile_abandon(&db->file);
	else
		tt_sqlfile_close(&db->file);
	memset(db->seen, 0, SEEN_SIZE * sizeof db->seen[0]);
}

/* What can be told of the file before SQLite opens it. */
static int
sqlite_look(struct tt_sqlite *db, struct tt_error *err)
{
	char aside[TT_DBFILE_ASIDE];

	if (tt_dbfile_check(db->file.path, TT_DBFILE_APPLICATION, TT_DBFILE_VERSION,
	    err) != 0)
		return TT_SQL_FAILED;
	switch (tt_dbfile_wal(db->file.path)) {
	case TT_DBFILE_WAL_FINE:
		break;
	case TT_DBFILE_WAL_ALONE:
		tt_error_set(err, "%s: only its WAL is left", db->file.path);
		return TT_SQL_DAMAGED;
	case TT_DBFILE_WAL_GARBAGE:
		if (tt_dbfile_set_wal_aside(db->file.path, aside, err) != 0)
			return TT_SQL_FAILED;
		tt_error_set(&db->note, "%s-wal was damaged: it is now %s-wal",
		    db->file.path, aside);
		break;
	}
	return TT_SQL_OK;
}

static int
sqlite_open_once(struct tt_sqlite *db, struct tt_error *err)
{
	int rc, result;

	result = sqlite_look(db, err);
	if (result != TT_SQL_OK)
		return result;
	result = tt_sqlfile_open(&db->file, db->full, sqlite_make_schema, db, err);
	if (result != TT_SQL_OK)
		return result;
	rc = tt_sqlfeed_register(db->file.handle, &db->feed);
	if (rc == SQLITE_OK)
		rc = sqlite_prepare_all(db);
	if (rc == SQLITE_OK)
		rc = sqlite_find_ends(db);
	if (rc == SQLITE_OK && db->retain != NULL)
		rc = tt_sqlretain_begin(db->retain);
	result = tt_sql_error(&db->file, rc, err);
	if (result == TT_SQL_OK)
		db->reopened = false;
	else if (result == TT_SQL_ROW)
		result = TT_SQL_DAMAGED;	/* other columns than it was made with */
	if (result != TT_SQL_OK)
		sqlite_close(db, result == TT_SQL_DAMAGED);
	return result;
}

/* The closed file is damaged, as ERR says: gives it another name, so that a new one
 * can be begun.  What had not been answered for is not looked for in the old one. */
static int
sqlite_set_aside(struct tt_sqlite *db, struct tt_error *err)
{
	char aside[TT_DBFILE_ASIDE];

	if (tt_dbfile_set_aside(db->file.path, aside, err) != 0)
		return TT_SQL_FAILED;
	tt_error_set(&db->note, "%s was damaged: it is now %s, and a new file is begun",
	    db->file.path, aside);
	db->replaced = true;
	db->reopened = false;
	db->last_refused = 0;
	for (unsigned i = 0; i < db->n_channels; i++)
		db->channels[i].last_id = 0;
	return TT_SQL_OK;
}

/* Opens the file, or another in its place: once, because a disk that damages what was
 * just written is no matter of the file. */
static int
sqlite_open(struct tt_sqlite *db, struct tt_error *err)
{
	int result = sqlite_open_once(db, err);

	if (result == TT_SQL_DAMAGED && !db->replaced) {
		result = sqlite_set_aside(db, err);
		if (result == TT_SQL_OK)
			result = sqlite_open_once(db, err);
	}
	return result;
}

enum tt_sqlite_result
tt_sqlite_open(struct tt_sqlite *db, struct tt_error *err)
{
	sqlite_begin_call(db);
	return sqlite_public(sqlite_open(db, err));
}

const char *
tt_sqlite_note(const struct tt_sqlite *db)
{
	return db->note.text[0] != '\0' ? db->note.text : NULL;
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
	sqlite_close(db, false);
	tt_sqlretain_destroy(db->retain);
	free(db->refused);
	free(db->seen);
	free(db);
}

void
tt_sqlite_retain(struct tt_sqlite *db, const struct tt_sqlite_retain *limits)
{
	int64_t wal = limits->bytes / 4;

	db->retain = tt_sqlretain_create(&db->file, limits);
	if (wal > 0 && wal < 16 << 20)
		db->file.wal_limit = wal > WAL_SMALLEST ? wal : WAL_SMALLEST;
}

/* --- writing ------------------------------------------------------------- */

static int
sqlite_write_connection(sqlite3_stmt *stmt, const struct tt_origin *origin, bool closed)
{
	sqlite3_bind_int64(stmt, 1, (int64_t)origin->connection);
	sqlite3_bind_text(stmt, 2, origin->peer, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 3, origin->opened_at);
	sqlite3_bind_text(stmt, 4, origin->node->path, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 5, tt_origin_local(origin), -1, SQLITE_STATIC);
	if (closed) {
		sqlite3_bind_int64(stmt, 6, origin->closed_at);
		sqlite3_bind_text(stmt, 7, tt_reason_name(origin->close_reason), -1,
		    SQLITE_STATIC);
	}
	return tt_sql_run(stmt);
}

/* The rows of `connection` that the items bring; adds the new ones to *CAME.  CAREFUL:
 * somebody's constraint on that table keeps no frame out. */
static int
sqlite_write_connections(struct tt_sqlite *db, const struct tt_sqlite_item *items,
    size_t n, bool careful, uint64_t *came)
{
	int rc = SQLITE_OK;

	for (size_t i = 0; i < n && rc == SQLITE_OK; i++) {
		const struct tt_batch *batch = items[i].batch;
		const struct tt_origin *origin = batch->origin;
		uint64_t *seen = &db->seen[origin->connection % SEEN_SIZE];

		if (batch->last) {
			rc = sqlite_write_connection(db->closed, origin, true);
			*came += *seen != origin->connection;
		} else if (*seen != origin->connection) {
			rc = sqlite_write_connection(db->opened, origin, false);
			*came += rc == SQLITE_OK &&
			    sqlite3_changes64(db->file.handle) > 0;
			*seen = origin->connection;
		}
		if (careful && rc != SQLITE_OK &&
		    tt_sql_classify(db->file.handle, rc) == TT_SQL_ROW)
			rc = SQLITE_OK;
	}
	return rc;
}

/* Notes that frame SEQ of CONNECTION is left out of the channel, for RC. */
static void
sqlite_note_refused(struct tt_sqlite *db, uint64_t connection, uint64_t seq, int rc)
{
	const char *reason = sqlite3_errstr(rc);
	struct tt_sqlite_refused *last;

	last = db->n_refused > 0 ? &db->refused[db->n_refused - 1] : NULL;
	if (last != NULL && last->connection == connection &&
	    last->channel == db->feed.channel && last->seq + last->n == seq &&
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
		.connection = connection, .seq = seq, .n = 1,
		.channel = db->feed.channel, .reason = reason,
	};
}

/* Row ROW of the feed goes to `refused`, for RC, of which SQLite says TEXT.  Where
 * that table cannot take the payload either, the row says so. */
static int
sqlite_refuse(struct tt_sqlite *db, uint64_t row, int rc, const char *text)
{
	int64_t last_id = sqlite3_last_insert_rowid(db->file.handle);
	sqlite3_stmt *stmt = db->refuse;
	const struct tt_batch *batch;
	char reason[512];
	uint32_t i;
	int result;

	batch = tt_sqlfeed_find(&db->feed, row, &i);
	sqlite_note_refused(db, batch->origin->connection, batch->first_seq + i, rc);
	sqlite3_set_last_insert_rowid(db->file.handle, db->next_last_refused);
	sqlite3_bind_int64(stmt, 1, (int64_t)batch->origin->connection);
	sqlite3_bind_int64(stmt, 2, (int64_t)(batch->first_seq + i));
	sqlite3_bind_int64(stmt, 3, batch->received_at);
	sqlite3_bind_text(stmt, 4, text, -1, SQLITE_STATIC);
	result = sqlite3_bind_blob64(stmt, 5, tt_batch_bytes(batch, i),
	    batch->slices[i].length, SQLITE_STATIC);
	if (result == SQLITE_OK)
		result = tt_sql_run(stmt);
	if (result != SQLITE_OK &&
	    tt_sql_classify(db->file.handle, result) == TT_SQL_ROW) {
		snprintf(reason, sizeof reason, "%.400s (its payload of %" PRIu32
		    " bytes could not be kept)", text, batch->slices[i].length);
		sqlite3_bind_text(stmt, 4, reason, -1, SQLITE_STATIC);
		sqlite3_bind_null(stmt, 5);
		result = tt_sql_run(stmt);
	}
	sqlite3_clear_bindings(stmt);
	db->next_last_refused = sqlite3_last_insert_rowid(db->file.handle);
	sqlite3_set_last_insert_rowid(db->file.handle, last_id);
	return result;
}

/* Inserts the ROWS rows from FROM on of the feed, but those that are refused. */
static int
sqlite_insert_with_care(struct tt_sqlite *db, struct sqlite_channel *ch, uint64_t from,
    uint64_t rows)
{
	char text[256];
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
	snprintf(text, sizeof text, "%s", sqlite3_errmsg(db->file.handle));
	rc_undo = tt_sql_do(&db->file, NULL, "ROLLBACK TO part; RELEASE part");
	if (rc_undo != SQLITE_OK)
		return rc_undo;
	if (rows == 1)
		return sqlite_refuse(db, from, rc, text);
	rc = sqlite_insert_with_care(db, ch, from, rows / 2);
	if (rc == SQLITE_OK)
		rc = sqlite_insert_with_care(db, ch, from + rows / 2, rows - rows / 2);
	return rc;
}

static int
sqlite_write_rows(struct tt_sqlite *db, const struct tt_sqlite_item *items, size_t n,
    bool careful, uint64_t *came)
{
	int rc = SQLITE_OK;

	for (unsigned i = 0; i < db->n_channels && rc == SQLITE_OK; i++) {
		struct sqlite_channel *ch = &db->channels[i];
		uint64_t rows = 0;

		for (size_t j = 0; j < n; j++)
			rows += items[j].channel == i ? items[j].batch->n : 0;
		ch->next_last_id = ch->last_id;
		*came += rows;
		if (rows == 0)
			continue;
		db->feed = (struct tt_sqlfeed){
			.items = items, .n = n, .channel = i, .rows = rows,
		};
		sqlite3_set_last_insert_rowid(db->file.handle, ch->last_id);
		rc = careful ? sqlite_insert_with_care(db, ch, 0, rows) :
		    tt_sql_run(ch->insert);
		ch->next_last_id = sqlite3_last_insert_rowid(db->file.handle);
	}
	return rc;
}

/* Takes old rows away, for those that CAME.  Somebody's trigger that forbids it keeps
 * no frame out. */
static int
sqlite_trim(struct tt_sqlite *db, struct tt_sqlretain_came came)
{
	bool reopens = false;
	int rc = tt_sqlretain_trim(db->retain, came, &reopens);

	if (reopens)
		memset(db->seen, 0, SEEN_SIZE * sizeof db->seen[0]);
	return rc != SQLITE_OK && tt_sql_classify(db->file.handle, rc) == TT_SQL_ROW ?
	    SQLITE_OK : rc;
}

/* Rolls back what has failed with RC, and says so in ERR. */
static int
sqlite_roll_back(struct tt_sqlite *db, int rc, struct tt_error *err)
{
	int result = tt_sql_error(&db->file, rc, err);

	if (!sqlite3_get_autocommit(db->file.handle))
		tt_sql_do(&db->file, NULL, "ROLLBACK");
	memset(db->seen, 0, SEEN_SIZE * sizeof db->seen[0]);
	return result;
}

/* One transaction.  What is not OK has been rolled back, with ERR set. */
static int
sqlite_write_once(struct tt_sqlite *db, const struct tt_sqlite_item *items, size_t n,
    bool careful, struct tt_error *err)
{
	struct tt_sqlretain_came came = { 0, 0 };
	int rc, result;

	db->n_refused = 0;
	db->next_last_refused = db->last_refused;
	rc = tt_sql_do(&db->file, NULL, "BEGIN IMMEDIATE");
	if (rc == SQLITE_OK)
		rc = sqlite_write_connections(db, items, n, careful,
		    &came.connections);
	if (rc == SQLITE_OK)
		rc = sqlite_write_rows(db, items, n, careful, &came.frames);
	if (rc == SQLITE_OK && db->retain != NULL)
		rc = sqlite_trim(db, came);
	if (rc == SQLITE_OK)
		rc = tt_sql_do(&db->file, NULL, "COMMIT");
	if (rc == SQLITE_OK) {
		for (unsigned i = 0; i < db->n_channels; i++)
			db->channels[i].last_id = db->channels[i].next_last_id;
		db->last_refused = db->next_last_refused;
		return TT_SQL_OK;
	}
	result = sqlite_roll_back(db, rc, err);
	db->n_refused = 0;
	return result;
}

/* Closes the file if it is not to be trusted any more, and returns the result. */
static int
sqlite_settle(struct tt_sqlite *db, int result)
{
	if (result == TT_SQL_BROKEN || result == TT_SQL_DAMAGED) {
		sqlite_close(db, result == TT_SQL_DAMAGED);
		db->reopened = true;
	}
	return result;
}

/* Writes the items, to the file that is there. */
static int
sqlite_write(struct tt_sqlite *db, const struct tt_sqlite_item *items, size_t n,
    struct tt_error *err)
{
	int rc, result = TT_SQL_OK;

	if (db->file.handle == NULL)
		result = sqlite_open(db, err);
	if (result != TT_SQL_OK)
		return result;
	result = sqlite_write_once(db, items, n, false, err);
	if (result == TT_SQL_ROW) {
		/* If somebody took a table away it is no row's fault. */
		rc = sqlite_prepare_inserts(db);
		result = rc != SQLITE_OK ? tt_sql_error(&db->file, rc, err) :
		    sqlite_write_once(db, items, n, true, err);
	}
	return sqlite_settle(db, result);
}

enum tt_sqlite_result
tt_sqlite_write(struct tt_sqlite *db, const struct tt_sqlite_item *items, size_t n,
    struct tt_error *err)
{
	int result;

	sqlite_begin_call(db);
	result = sqlite_write(db, items, n, err);
	if (result == TT_SQL_DAMAGED && !db->replaced) {
		result = sqlite_set_aside(db, err);
		if (result == TT_SQL_OK)
			result = sqlite_write(db, items, n, err);
	}
	return sqlite_public(result);
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
	int result;

	sqlite_begin_call(db);
	result = sqlite_settle(db, tt_sqlfile_checkpoint(&db->file, err));
	if (result == TT_SQL_DAMAGED)
		result = sqlite_set_aside(db, err);
	return sqlite_public(result);
}

enum tt_sqlite_result
tt_sqlite_expire(struct tt_sqlite *db, bool *more, struct tt_error *err)
{
	bool reopens;
	int rc, result = TT_SQL_OK;

	sqlite_begin_call(db);
	*more = false;
	if (db->retain == NULL || db->file.handle == NULL ||
	    !tt_sqlretain_is_due(db->retain))
		return TT_SQLITE_OK;
	rc = tt_sql_do(&db->file, NULL, "BEGIN IMMEDIATE");
	if (rc == SQLITE_OK)
		rc = tt_sqlretain_expire(db->retain, EXPIRE, &reopens);
	if (rc == SQLITE_OK)
		rc = tt_sql_do(&db->file, NULL, "COMMIT");
	if (rc == SQLITE_OK) {
		memset(db->seen, 0, SEEN_SIZE * sizeof db->seen[0]);
		*more = tt_sqlretain_is_due(db->retain);
	} else {
		result = sqlite_settle(db, sqlite_roll_back(db, rc, err));
	}
	if (result == TT_SQL_DAMAGED)
		result = sqlite_set_aside(db, err);
	/* A trigger that forbids it: the rows stay. */
	return result == TT_SQL_ROW ? TT_SQLITE_OK : sqlite_public(result);
}
