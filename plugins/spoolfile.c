/* spoolfile.c - the spool of a websocket master: a log on disk, by position.
 *
 * A row carries a checksum over all that matters in it, so that what is read is what
 * was written, whatever became of the file.  `meta` has what would take a walk over
 * all rows to know: how many frames there are, and where the log ends. */
#include "plugins/spoolfile.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/node.h"
#include "daemon/batch.h"
#include "daemon/memory.h"
#include "plugins/dbfile.h"
#include "plugins/spoolrow.h"
#include "plugins/sqlfile.h"

#define SPOOLFILE_APPLICATION 0x74747370	/* application_id: "ttsp" */
#define SPOOLFILE_VERSION 1			/* user_version */
#define SPOOLFILE_TRIM (64 << 20)		/* bytes of rows that one write takes away */

struct tt_spoolfile {
	struct tt_sqlfile file;
	sqlite3_stmt *insert, *cursor, *remove, *refuse, *oldest, *trim, *meta;
	struct tt_spool_state state;
	uint8_t *buffer;		/* of one row: lengths, payload */
	size_t size;
};

static const char spoolfile_schema[] =
    "CREATE TABLE IF NOT EXISTS main.spool(position INTEGER PRIMARY KEY, n INTEGER, "
    "checksum INTEGER, channel TEXT, connection INTEGER, seq INTEGER, "
    "received_at INTEGER, node TEXT, peer TEXT, local TEXT, lengths BLOB, "
    "payload BLOB);"
    "CREATE TABLE IF NOT EXISTS main.cursor(node TEXT PRIMARY KEY, "
    "confirmed INTEGER) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS main.refused(connection INTEGER, seq INTEGER, "
    "received_at INTEGER /* ns since 1970 */, reason TEXT, payload BLOB);"
    "CREATE TABLE IF NOT EXISTS main.meta(id INTEGER PRIMARY KEY CHECK (id = 1), "
    "frames INTEGER, next INTEGER);"
    "INSERT OR IGNORE INTO main.meta VALUES(1, 0, 0)";

/* Binds R, whose memory stays until STMT has run. */
static int
spoolfile_insert(struct tt_spoolfile *f, const struct tt_spoolrow *r)
{
	sqlite3_stmt *stmt = f->insert;

	sqlite3_bind_int64(stmt, 1, (int64_t)r->position);
	sqlite3_bind_int64(stmt, 2, r->n);
	sqlite3_bind_int64(stmt, 3, tt_spoolrow_checksum(r));
	sqlite3_bind_text(stmt, 4, r->channel, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 5, (int64_t)r->connection);
	sqlite3_bind_int64(stmt, 6, (int64_t)r->seq);
	sqlite3_bind_int64(stmt, 7, r->received_at);
	sqlite3_bind_text(stmt, 8, r->node, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 9, r->peer, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 10, r->local, -1, SQLITE_STATIC);
	sqlite3_bind_blob64(stmt, 11, r->lengths, r->lengths_size, SQLITE_STATIC);
	sqlite3_bind_blob64(stmt, 12, r->payload == NULL ? "" : r->payload,
	    r->payload_size, SQLITE_STATIC);
	return tt_sql_run(stmt);
}

/* --- opening ------------------------------------------------------------- */

struct tt_spoolfile *
tt_spoolfile_create(const char *path)
{
	struct tt_spoolfile *f = tt_xcalloc(1, sizeof *f);

	f->file.path = path;
	return f;
}

static void
spoolfile_close(struct tt_spoolfile *f)
{
	sqlite3_stmt **stmts[] = { &f->insert, &f->cursor, &f->remove, &f->refuse,
		&f->oldest, &f->trim, &f->meta };

	for (size_t i = 0; i < sizeof stmts / sizeof *stmts; i++) {
		sqlite3_finalize(*stmts[i]);
		*stmts[i] = NULL;
	}
	tt_sqlfile_close(&f->file);
}

void
tt_spoolfile_destroy(struct tt_spoolfile *f)
{
	if (f == NULL)
		return;
	spoolfile_close(f);
	free(f->buffer);
	free(f);
}

static int
spoolfile_make_schema(void *arg, struct tt_error *err)
{
	struct tt_spoolfile *f = arg;
	int64_t version = 0;
	int rc;

	rc = tt_sql_do(&f->file, &version, "BEGIN IMMEDIATE; PRAGMA main.user_version");
	if (rc == SQLITE_OK && version > SPOOLFILE_VERSION) {
		tt_error_set(err, "%s: made by a newer taskthread (version %" PRId64
		    " of its tables, not %d)", f->file.path, version,
		    SPOOLFILE_VERSION);
		return TT_SQL_FAILED;
	}
	if (rc == SQLITE_OK)
		rc = tt_sql_do(&f->file, NULL, "PRAGMA main.application_id=%d; "
		    "PRAGMA main.user_version=%d; %s; COMMIT", SPOOLFILE_APPLICATION,
		    SPOOLFILE_VERSION, spoolfile_schema);
	return tt_sql_error(&f->file, rc, err);
}

static int
spoolfile_prepare(struct tt_spoolfile *f)
{
	const struct {
		sqlite3_stmt **stmt;
		const char *sql;
	} all[] = {
		{ &f->insert, "INSERT INTO main.spool(" TT_SPOOLROW_COLUMNS ") "
		  "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)" },
		{ &f->cursor, "INSERT OR REPLACE INTO main.cursor VALUES(?1, ?2)" },
		{ &f->remove, "DELETE FROM main.cursor WHERE node = ?1" },
		{ &f->refuse, "INSERT INTO main.refused VALUES(?1, ?2, ?3, ?4, ?5)" },
		{ &f->oldest, "SELECT position, n, received_at, length(lengths) + "
		  "length(payload) FROM main.spool ORDER BY position" },
		{ &f->trim, "DELETE FROM main.spool WHERE position < ?1" },
		{ &f->meta, "UPDATE main.meta SET frames = ?1, next = ?2" },
	};
	int rc = SQLITE_OK;

	for (size_t i = 0; i < sizeof all / sizeof *all && rc == SQLITE_OK; i++)
		rc = tt_sql_prepare(&f->file, all[i].sql, all[i].stmt);
	return rc;
}

/* The ends of the log, and how much it takes. */
static int
spoolfile_measure(struct tt_spoolfile *f, struct tt_spool_state *state)
{
	int64_t pages = 0, unused = 0;
	int rc;

	state->first = state->next;
	state->oldest = 0;
	rc = sqlite3_step(f->oldest);
	if (rc == SQLITE_ROW) {
		state->first = (uint64_t)sqlite3_column_int64(f->oldest, 0);
		state->oldest = sqlite3_column_int64(f->oldest, 2);
	}
	rc = sqlite3_reset(f->oldest);
	if (rc == SQLITE_OK)
		rc = tt_sql_do(&f->file, &pages, "PRAGMA main.page_count");
	if (rc == SQLITE_OK)
		rc = tt_sql_do(&f->file, &unused, "PRAGMA main.freelist_count");
	state->bytes = (pages - unused + f->file.wal_pages) * TT_DBFILE_PAGE;
	return rc;
}

/* Reads what is known of the log; where a row is behind the end that was noted, the
 * note is older than it. */
static int
spoolfile_recall(struct tt_spoolfile *f, struct tt_spool_state *state)
{
	int64_t frames = 0, next = 0, last = 0;
	int rc;

	rc = tt_sql_do(&f->file, &frames, "SELECT frames FROM main.meta");
	if (rc == SQLITE_OK)
		rc = tt_sql_do(&f->file, &next, "SELECT next FROM main.meta");
	if (rc == SQLITE_OK)
		rc = tt_sql_do(&f->file, &last, "SELECT position + n FROM main.spool "
		    "ORDER BY position DESC LIMIT 1");
	state->frames = (uint64_t)frames;
	state->next = (uint64_t)(last > next ? last : next);
	state->dropped = 0;
	return rc != SQLITE_OK ? rc : spoolfile_measure(f, state);
}

/* Opens the file that is there, or makes it.  Returns an enum tt_sql_result. */
static int
spoolfile_open(struct tt_spoolfile *f, struct tt_error *err)
{
	unsigned n_aside = f->state.n_aside;
	int rc, result;

	result = tt_sqlfile_open(&f->file, true, spoolfile_make_schema, f, err);
	if (result != TT_SQL_OK)
		return result;
	rc = spoolfile_prepare(f);
	if (rc == SQLITE_OK)
		rc = spoolfile_recall(f, &f->state);
	f->state.n_aside = n_aside;
	result = tt_sql_error(&f->file, rc, err);
	if (result != TT_SQL_OK)
		spoolfile_close(f);
	/* Tables of ours that our statements do not fit. */
	return result == TT_SQL_ROW ? TT_SQL_DAMAGED : result;
}

/* --- damage -------------------------------------------------------------- */

/* A file that was cut short is filled up with zeros: SQLite reads nothing of it
 * otherwise. */
static void
spoolfile_fill_up(const char *aside)
{
	int fd = open(aside, O_RDWR | O_CLOEXEC);
	uint8_t header[32];
	struct stat st;
	off_t size;

	if (fd < 0)
		return;
	if (pread(fd, header, sizeof header, 0) == sizeof header &&
	    fstat(fd, &st) == 0) {
		size = (off_t)((uint32_t)header[28] << 24 | (uint32_t)header[29] << 16 |
		    (uint32_t)header[30] << 8 | header[31]) * TT_DBFILE_PAGE;
		if (st.st_size < size && ftruncate(fd, size) != 0)
			size = 0;
	}
	close(fd);
}

/* The position that stands behind POSITION, or before it.  Returns false where there
 * is none, or none can be found. */
static bool
spoolfile_step(struct tt_sqlfile *old, bool forward, uint64_t *position)
{
	int64_t next = -1;

	if (tt_sql_do(old, &next, "SELECT position FROM main.spool WHERE position %s %"
	    PRId64 " ORDER BY position %s LIMIT 1", forward ? ">" : "<",
	    (int64_t)*position, forward ? "ASC" : "DESC") != SQLITE_OK || next < 0)
		return false;
	*position = (uint64_t)next;
	return true;
}

/* Copies the rows of OLD into F that can be read, from one end on: those whose pages
 * are damaged are passed over, up to where the order itself is. */
static uint64_t
spoolfile_copy_rows(struct tt_spoolfile *f, struct tt_sqlfile *old, sqlite3_stmt *stmt,
    bool forward)
{
	uint64_t position = forward ? 0 : INT64_MAX, frames = 0;
	struct tt_spoolrow row;

	while (spoolfile_step(old, forward, &position)) {
		sqlite3_bind_int64(stmt, 1, (int64_t)position);
		if (sqlite3_step(stmt) == SQLITE_ROW && tt_spoolrow_get(stmt, &row) &&
		    spoolfile_insert(f, &row) == SQLITE_OK)
			frames += row.n;
		sqlite3_reset(stmt);
	}
	return frames;
}

static void
spoolfile_copy_cursors(struct tt_spoolfile *f, struct tt_sqlfile *old)
{
	sqlite3_stmt *stmt = NULL;

	if (sqlite3_prepare_v2(old->handle, "SELECT node, confirmed FROM main.cursor", -1,
	    &stmt, NULL) == SQLITE_OK)
		while (sqlite3_step(stmt) == SQLITE_ROW) {
			sqlite3_bind_text(f->cursor, 1, tt_spoolrow_text(stmt, 0), -1,
			    SQLITE_TRANSIENT);
			sqlite3_bind_int64(f->cursor, 2, sqlite3_column_int64(stmt, 1));
			tt_sql_run(f->cursor);
		}
	sqlite3_finalize(stmt);
}

/* What can still be read of the damaged file ASIDE, into F.  Returns frames. */
static uint64_t
spoolfile_salvage(struct tt_spoolfile *f, const char *aside)
{
	struct tt_sqlfile old = { .path = aside };
	uint64_t frames = 0;
	sqlite3_stmt *stmt = NULL;

	spoolfile_fill_up(aside);
	if (sqlite3_open_v2(aside, &old.handle, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL) == SQLITE_OK &&
	    sqlite3_prepare_v2(old.handle, "SELECT " TT_SPOOLROW_COLUMNS " FROM main.spool "
	    "WHERE position = ?1", -1, &stmt, NULL) == SQLITE_OK) {
		tt_sql_do(&f->file, NULL, "BEGIN IMMEDIATE");
		frames = spoolfile_copy_rows(f, &old, stmt, true);
		frames += spoolfile_copy_rows(f, &old, stmt, false);
		spoolfile_copy_cursors(f, &old);
		tt_sql_do(&f->file, NULL, "UPDATE main.meta SET frames = %" PRIu64
		    ", next = max(%" PRIu64 ", coalesce((SELECT max(position + n) FROM "
		    "main.spool), 0)); COMMIT", frames, f->state.next);
	}
	sqlite3_finalize(stmt);
	sqlite3_close(old.handle);
	return frames;
}

/* The file is damaged: another takes its place, with what can be read of it. */
static int
spoolfile_replace(struct tt_spoolfile *f, struct tt_error *note, struct tt_error *err)
{
	char aside[TT_DBFILE_ASIDE];
	uint64_t frames;
	int result;

	if (tt_dbfile_set_aside(f->file.path, aside, err) != 0)
		return TT_SQL_FAILED;
	result = spoolfile_open(f, err);
	if (result != TT_SQL_OK)
		return result;
	f->state.n_aside++;
	frames = spoolfile_salvage(f, aside);
	tt_error_set(note, "%s was damaged: it is now %s, and %" PRIu64 " frames of it "
	    "could be read", f->file.path, aside, frames);
	return tt_sql_error(&f->file, spoolfile_recall(f, &f->state), err);
}

static enum tt_sqlite_result
spoolfile_public(int result)
{
	return result > TT_SQL_FAILED ? TT_SQLITE_FAILED : (enum tt_sqlite_result)result;
}

enum tt_sqlite_result
tt_spoolfile_open(struct tt_spoolfile *f, struct tt_spool_state *state,
    struct tt_error *note, struct tt_error *err)
{
	int result;

	if (tt_dbfile_check(f->file.path, SPOOLFILE_APPLICATION, SPOOLFILE_VERSION,
	    err) != 0)
		return TT_SQLITE_FAILED;
	result = spoolfile_open(f, err);
	if (result == TT_SQL_DAMAGED)
		result = spoolfile_replace(f, note, err);
	*state = f->state;
	return spoolfile_public(result);
}

enum tt_sqlite_result
tt_spoolfile_cursors(struct tt_spoolfile *f,
    void (*function)(void *arg, const char *node, uint64_t confirmed), void *arg,
    struct tt_error *err)
{
	sqlite3_stmt *stmt = NULL;
	int rc;

	rc = sqlite3_prepare_v2(f->file.handle, "SELECT node, confirmed FROM main.cursor",
	    -1, &stmt, NULL);
	if (rc == SQLITE_OK) {
		while (sqlite3_step(stmt) == SQLITE_ROW)
			function(arg, tt_spoolrow_text(stmt, 0),
			    (uint64_t)sqlite3_column_int64(stmt, 1));
		rc = sqlite3_finalize(stmt);
	}
	return spoolfile_public(tt_sql_error(&f->file, rc, err));
}

/* --- writing ------------------------------------------------------------- */

static void
spoolfile_reserve(struct tt_spoolfile *f, size_t size)
{
	if (f->size >= size)
		return;
	free(f->buffer);
	f->size = size < 1 << 20 ? 1 << 20 : size;
	f->buffer = tt_xmalloc(f->size);
}

/* The payload of BATCH one frame behind the other: where it lies, if it lies so. */
static const uint8_t *
spoolfile_payload(const struct tt_batch *batch, uint8_t *buffer)
{
	const struct tt_slice *s = batch->slices;
	uint8_t *to = buffer;
	uint32_t i;

	for (i = 1; i < batch->n && s[i].at == s[i - 1].at + s[i - 1].length; i++)
		continue;
	if (i == batch->n)
		return tt_batch_bytes(batch, 0);
	for (i = 0; i < batch->n; to += s[i++].length)
		memcpy(to, tt_batch_bytes(batch, i), s[i].length);
	return buffer;
}

static int
spoolfile_write_row(struct tt_spoolfile *f, const struct tt_spool_row *from)
{
	const struct tt_batch *batch = from->batch;
	const struct tt_origin *origin = batch->origin;
	size_t lengths = batch->n * sizeof(uint32_t);

	spoolfile_reserve(f, lengths + batch->bytes);
	for (uint32_t i = 0; i < batch->n; i++)
		memcpy(f->buffer + i * sizeof(uint32_t), &batch->slices[i].length,
		    sizeof(uint32_t));
	return spoolfile_insert(f, &(struct tt_spoolrow){
	    .position = from->first, .n = batch->n, .channel = from->channel,
	    .connection = origin->connection, .seq = batch->first_seq,
	    .received_at = batch->received_at, .node = origin->node->path,
	    .peer = origin->peer, .local = origin->local,
	    .lengths = f->buffer, .lengths_size = lengths,
	    .payload = spoolfile_payload(batch, f->buffer + lengths),
	    .payload_size = batch->bytes });
}

static int
spoolfile_write_refused(struct tt_spoolfile *f, const struct tt_spool_refused *r)
{
	const struct tt_batch *batch = r->batch;
	sqlite3_stmt *stmt = f->refuse;

	sqlite3_bind_int64(stmt, 1, (int64_t)batch->origin->connection);
	sqlite3_bind_int64(stmt, 2, (int64_t)(batch->first_seq + r->i));
	sqlite3_bind_int64(stmt, 3, batch->received_at);
	sqlite3_bind_text(stmt, 4, r->reason, -1, SQLITE_STATIC);
	sqlite3_bind_blob64(stmt, 5, tt_batch_bytes(batch, r->i),
	    batch->slices[r->i].length, SQLITE_STATIC);
	return tt_sql_run(stmt);
}

static int
spoolfile_write_cursors(struct tt_spoolfile *f, const struct tt_spool_write *w)
{
	int rc = SQLITE_OK;

	for (size_t i = 0; i < w->n_cursors && rc == SQLITE_OK; i++) {
		sqlite3_bind_text(f->cursor, 1, w->cursors[i].node, -1, SQLITE_STATIC);
		sqlite3_bind_int64(f->cursor, 2, (int64_t)w->cursors[i].confirmed);
		rc = tt_sql_run(f->cursor);
	}
	for (size_t i = 0; i < w->n_removed && rc == SQLITE_OK; i++) {
		sqlite3_bind_text(f->remove, 1, w->removed[i], -1, SQLITE_STATIC);
		rc = tt_sql_run(f->remove);
	}
	return rc;
}

/* Takes the oldest rows away: those that all have confirmed, and those that are too
 * old or too many. */
static int
spoolfile_trim(struct tt_spoolfile *f, const struct tt_spool_write *w,
    struct tt_spool_state *state)
{
	int64_t bytes = 0, dropped = 0, size;
	uint64_t end = 0, position, n;
	int rc;

	while (bytes < SPOOLFILE_TRIM && sqlite3_step(f->oldest) == SQLITE_ROW) {
		position = (uint64_t)sqlite3_column_int64(f->oldest, 0);
		n = (uint64_t)sqlite3_column_int64(f->oldest, 1);
		size = sqlite3_column_int64(f->oldest, 3);
		if (position + n > w->trim) {
			if (dropped >= w->drop_bytes &&
			    sqlite3_column_int64(f->oldest, 2) >= w->drop_before)
				break;
			dropped += size;
			state->dropped += n;
		}
		bytes += size;
		state->frames -= n < state->frames ? n : state->frames;
		end = position + 1;
	}
	rc = sqlite3_reset(f->oldest);
	if (rc != SQLITE_OK || end == 0)
		return rc;
	sqlite3_bind_int64(f->trim, 1, (int64_t)end);
	return tt_sql_run(f->trim);
}

/* One transaction; what is not OK has been rolled back. */
static int
spoolfile_write(struct tt_spoolfile *f, const struct tt_spool_write *w,
    struct tt_spool_state *state)
{
	const struct tt_spool_row *last;
	int rc;

	rc = tt_sql_do(&f->file, NULL, "BEGIN IMMEDIATE");
	if (rc == SQLITE_OK)
		rc = spoolfile_trim(f, w, state);
	for (size_t i = 0; i < w->n_rows && rc == SQLITE_OK; i++) {
		rc = spoolfile_write_row(f, &w->rows[i]);
		state->frames += w->rows[i].batch->n;
	}
	if (w->n_rows > 0) {
		last = &w->rows[w->n_rows - 1];
		state->next = last->first + last->batch->n;
	}
	for (size_t i = 0; i < w->n_refused && rc == SQLITE_OK; i++)
		rc = spoolfile_write_refused(f, &w->refused[i]);
	if (rc == SQLITE_OK)
		rc = spoolfile_write_cursors(f, w);
	if (rc == SQLITE_OK) {
		sqlite3_bind_int64(f->meta, 1, (int64_t)state->frames);
		sqlite3_bind_int64(f->meta, 2, (int64_t)state->next);
		rc = tt_sql_run(f->meta);
	}
	return rc == SQLITE_OK ? tt_sql_do(&f->file, NULL, "COMMIT") : rc;
}

enum tt_sqlite_result
tt_spoolfile_write(struct tt_spoolfile *f, const struct tt_spool_write *write,
    struct tt_spool_state *state, struct tt_error *note, struct tt_error *err)
{
	int rc, result;

	if (f->file.handle == NULL) {
		result = tt_spoolfile_open(f, state, note, err);
		if (result != TT_SQLITE_OK)
			return (enum tt_sqlite_result)result;
	}
	if (write->replace) {
		spoolfile_close(f);
		result = spoolfile_replace(f, note, err);
		if (result != TT_SQL_OK)
			return spoolfile_public(result);
	}
	*state = f->state;
	state->dropped = 0;
	rc = spoolfile_write(f, write, state);
	if (rc == SQLITE_OK)
		rc = spoolfile_measure(f, state);
	if (rc == SQLITE_OK) {
		f->state = *state;
		return TT_SQLITE_OK;
	}
	result = tt_sql_error(&f->file, rc, err);
	if (!sqlite3_get_autocommit(f->file.handle))
		tt_sql_do(&f->file, NULL, "ROLLBACK");
	*state = f->state;
	/* A full disk has room again once the WAL is in the file, for a while. */
	if (result == TT_SQL_LATER)
		sqlite3_wal_checkpoint_v2(f->file.handle, "main",
		    SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	if (result != TT_SQL_BROKEN && result != TT_SQL_DAMAGED)
		return spoolfile_public(result);
	/* What is damaged is set aside when it is opened. */
	spoolfile_close(f);
	return TT_SQLITE_BROKEN;
}

enum tt_sqlite_result
tt_spoolfile_checkpoint(struct tt_spoolfile *f, struct tt_error *err)
{
	if (f->file.handle == NULL)
		return TT_SQLITE_OK;
	return spoolfile_public(tt_sqlfile_checkpoint(&f->file, err));
}
