/* spoolfile.c - the spool of a websocket master: a log on disk, by position.
 *
 * A row carries a checksum over all that matters in it, so that what is read is what
 * was written, whatever became of the file.  `meta` has what would take a walk over
 * all rows to know: how many frames there are, and where the log ends. */
#include "plugins/spoolfile.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "config/node.h"
#include "daemon/batch.h"
#include "daemon/fault.h"
#include "daemon/memory.h"
#include "plugins/dbfile.h"
#include "plugins/spoolrow.h"
#include "plugins/spoolsalvage.h"
#include "plugins/sqlfile.h"

#define SPOOLFILE_TRIM (64 << 20)	/* bytes of rows that one write takes away */
#define SPOOLFILE_ROW 256		/* bytes of a row beside lengths and payload */
#define SPOOLFILE_WAL_LEAST (512 << 10)	/* bytes of the WAL that may stay there, */
#define SPOOLFILE_WAL_MOST (16 << 20)	/* if there is less in the file, or more */
#define SPOOLFILE_MARGIN (512 << 10)	/* bytes of the disk that are left for the WAL */

struct tt_spoolfile {
	struct tt_sqlfile file;
	sqlite3_stmt *insert, *cursor, *remove, *refuse, *oldest, *trim, *meta;
	struct tt_spool_state state;
	bool known;			/* the state is that of the last write, or open */
	bool damaged;			/* the file is to be replaced */
	dev_t device;			/* of the file that was opened last */
	ino_t inode;
	uint8_t *buffer;		/* of one row: lengths, payload */
	size_t size;
};

static enum tt_sqlite_result
spoolfile_public(int result)
{
	return result > TT_SQL_FAILED ? TT_SQLITE_FAILED : (enum tt_sqlite_result)result;
}

/* What RC is in a file that nobody else writes: no row is refused, no table is missing,
 * and one that may be written is not read-only. */
static int
spoolfile_error(struct tt_spoolfile *f, int rc, struct tt_error *err)
{
	int result = tt_sql_error(&f->file, rc, err);

	if (rc == SQLITE_CORRUPT || rc == SQLITE_FULL)
		tt_error_set(err, "%s: %s", f->file.path, rc == SQLITE_FULL ?
		    sqlite3_errstr(rc) : "it is damaged");
	if (result == TT_SQL_ROW || ((rc & 0xff) == SQLITE_READONLY &&
	    access(f->file.path, W_OK) == 0))
		return TT_SQL_DAMAGED;
	return result;
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

/* The first transaction.  A file that has something in it has all the tables. */
static int
spoolfile_make_schema(void *arg, struct tt_error *err)
{
	struct tt_spoolfile *f = arg;
	int64_t version = 0, application = 0, tables = 0;
	int rc;

	rc = tt_sql_do(&f->file, &version, "PRAGMA secure_delete=OFF; BEGIN IMMEDIATE; "
	    "PRAGMA main.user_version");
	if (rc == SQLITE_OK && version > TT_SPOOLROW_VERSION) {
		tt_error_set(err, "%s: made by a newer taskthread (version %" PRId64
		    " of its tables, not %d)", f->file.path, version,
		    TT_SPOOLROW_VERSION);
		return TT_SQL_FAILED;
	}
	if (rc == SQLITE_OK)
		rc = tt_sql_do(&f->file, &application, "PRAGMA main.application_id");
	if (rc == SQLITE_OK)
		rc = tt_sql_do(&f->file, &tables, TT_SPOOLROW_COUNT);
	if (rc == SQLITE_OK && tables != TT_SPOOLROW_TABLES &&
	    (tables != 0 || application == TT_SPOOLROW_APPLICATION))
		rc = SQLITE_CORRUPT;
	if (rc == SQLITE_OK)
		rc = tt_sql_do(&f->file, NULL, "PRAGMA main.application_id=%d; "
		    "PRAGMA main.user_version=%d; %s", TT_SPOOLROW_APPLICATION,
		    TT_SPOOLROW_VERSION, tt_spoolrow_schema);
	if (rc == SQLITE_OK && tables == 0) {
		rc = tt_sql_prepare(&f->file, TT_SPOOLROW_SET_META, &f->meta);
		if (rc == SQLITE_OK)
			rc = tt_spoolrow_set_meta(f->meta, &(struct tt_spoolmeta){
			    .next = f->known ? f->state.next : 0 });
	}
	if (rc == SQLITE_OK)
		rc = tt_sql_do(&f->file, NULL, "COMMIT");
	return spoolfile_error(f, rc, err);
}

static int
spoolfile_prepare(struct tt_spoolfile *f)
{
	const struct {
		sqlite3_stmt **stmt;
		const char *sql;
	} all[] = {
		{ &f->insert, TT_SPOOLROW_INSERT },
		{ &f->cursor, TT_SPOOLROW_SET_CURSOR },
		{ &f->remove, "DELETE FROM main.cursor WHERE node = ?1" },
		{ &f->refuse, TT_SPOOLROW_REFUSE },
		{ &f->oldest, "SELECT position, n, received_at, length(lengths) + "
		  "length(payload) FROM main.spool ORDER BY position" },
		{ &f->trim, "DELETE FROM main.spool WHERE position < ?1" },
		{ &f->meta, TT_SPOOLROW_SET_META },
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
	if (rc == SQLITE_DONE)
		state->frames = 0;
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

/* Every cursor is what was written. */
static int
spoolfile_check_cursors(struct tt_spoolfile *f)
{
	sqlite3_stmt *stmt = NULL;
	const char *node;
	uint64_t confirmed;
	bool right = true;
	int rc;

	rc = tt_sql_prepare(&f->file, TT_SPOOLROW_CURSORS, &stmt);
	while (rc == SQLITE_OK && right && sqlite3_step(stmt) == SQLITE_ROW)
		right = tt_spoolrow_get_cursor(stmt, &node, &confirmed);
	if (rc == SQLITE_OK)
		rc = sqlite3_reset(stmt);
	sqlite3_finalize(stmt);
	return rc == SQLITE_OK && !right ? SQLITE_CORRUPT : rc;
}

/* A write that was not answered for, because its sync failed, may be in the WAL all the
 * same: its rows go, for they are written again. */
static int
spoolfile_forget(struct tt_spoolfile *f, uint64_t next, struct tt_spoolmeta *meta)
{
	int64_t n = 0;
	int rc;

	rc = tt_sql_do(&f->file, &n, "SELECT sum(n) FROM main.spool WHERE position >= %"
	    PRIu64, next);
	if (rc != SQLITE_OK || n == 0)
		return rc;
	meta->next = next;
	meta->frames -= (uint64_t)n < meta->frames ? (uint64_t)n : meta->frames;
	rc = tt_sql_do(&f->file, NULL, "BEGIN IMMEDIATE; DELETE FROM main.spool "
	    "WHERE position >= %" PRIu64, next);
	if (rc == SQLITE_OK)
		rc = tt_spoolrow_set_meta(f->meta, meta);
	return rc == SQLITE_OK ? tt_sql_do(&f->file, NULL, "COMMIT") : rc;
}

/* Reads what is known of the log.  Rows behind the end that was noted can be there
 * after damage. */
static int
spoolfile_recall(struct tt_spoolfile *f, struct tt_spool_state *state)
{
	struct tt_spoolmeta meta;
	int64_t last = 0;
	int rc;

	rc = tt_spoolrow_get_meta(f->file.handle, &meta);
	if (rc == SQLITE_OK && f->known)
		rc = spoolfile_forget(f, state->next, &meta);
	if (rc == SQLITE_OK)
		rc = spoolfile_check_cursors(f);
	if (rc == SQLITE_OK)
		rc = tt_sql_do(&f->file, &last, "SELECT position + n FROM main.spool "
		    "ORDER BY position DESC LIMIT 1");
	if (rc != SQLITE_OK)
		return rc;
	state->frames = meta.frames;
	state->next = (uint64_t)last > meta.next ? (uint64_t)last : meta.next;
	state->dropped = 0;
	state->cursors_lost = meta.lost;
	return spoolfile_measure(f, state);
}

/* Opens the file that is there, or makes it.  Returns an enum tt_sql_result. */
static int
spoolfile_open(struct tt_spoolfile *f, struct tt_error *err)
{
	struct tt_spool_state state = f->state;
	struct stat st;
	int rc, result;

	result = tt_sqlfile_open(&f->file, true, spoolfile_make_schema, f, err);
	if (result == TT_SQL_ROW)
		result = TT_SQL_DAMAGED;
	if (result != TT_SQL_OK) {
		spoolfile_close(f);
		return result;
	}
	sqlite3_file_control(f->file.handle, "main", SQLITE_FCNTL_CHUNK_SIZE,
	    &(int){ TT_DBFILE_PAGE });
	rc = spoolfile_prepare(f);
	if (rc == SQLITE_OK)
		rc = spoolfile_recall(f, &state);
	result = spoolfile_error(f, rc, err);
	if (result != TT_SQL_OK) {
		spoolfile_close(f);
		return result;
	}
	f->state = state;
	f->known = true;
	if (stat(f->file.path, &st) == 0) {
		f->device = st.st_dev;
		f->inode = st.st_ino;
	}
	return TT_SQL_OK;
}

/* The damaged file gives its place to another, which is opened. */
static int
spoolfile_replace(struct tt_spoolfile *f, struct tt_error *note, struct tt_error *err)
{
	struct tt_spoolsalvage s = { .before = f->known ? f->state.next : 0,
		.next = f->state.next };
	char aside[TT_DBFILE_ASIDE];
	int result;

	result = tt_spoolsalvage(f->file.path, aside, &s, err);
	if (result != TT_SQL_OK)
		return result;
	f->damaged = false;
	f->state.n_aside++;
	tt_error_set(note, "%s was damaged: it is now %s, and %" PRIu64 " frames of it "
	    "could be read", f->file.path, aside, s.frames);
	return spoolfile_open(f, err);
}

/* True if what is at the path is what was opened last. */
static bool
spoolfile_is_same(const struct tt_spoolfile *f)
{
	struct stat st;

	return stat(f->file.path, &st) == 0 && st.st_ino == f->inode &&
	    st.st_dev == f->device;
}

enum tt_sqlite_result
tt_spoolfile_open(struct tt_spoolfile *f, struct tt_spool_state *state,
    struct tt_error *note, struct tt_error *err)
{
	char aside[TT_DBFILE_ASIDE];
	int result;

	spoolfile_close(f);
	result = tt_spoolsalvage_finish(f->file.path, aside, err);
	if (result < 0)
		return TT_SQLITE_FAILED;
	if (result > 0) {
		f->damaged = false;
		f->state.n_aside++;
		tt_error_set(note, "%s was damaged: it is now %s", f->file.path, aside);
	}
	/* Not looked at without need: to close it again would take away the locks that
	 * a reader holds on it against other processes. */
	if (!spoolfile_is_same(f) && tt_dbfile_check(f->file.path,
	    TT_SPOOLROW_APPLICATION, TT_SPOOLROW_VERSION, err) != 0)
		return TT_SQLITE_FAILED;
	result = f->damaged ? TT_SQL_DAMAGED : spoolfile_open(f, err);
	if (result == TT_SQL_DAMAGED) {
		f->damaged = true;
		result = spoolfile_replace(f, note, err);
	}
	*state = f->state;
	return spoolfile_public(result);
}

enum tt_sqlite_result
tt_spoolfile_cursors(struct tt_spoolfile *f,
    void (*function)(void *arg, const char *node, uint64_t confirmed), void *arg,
    struct tt_error *err)
{
	sqlite3_stmt *stmt = NULL;
	const char *node;
	uint64_t confirmed;
	int rc;

	rc = tt_sql_prepare(&f->file, TT_SPOOLROW_CURSORS, &stmt);
	if (rc == SQLITE_OK) {
		while (sqlite3_step(stmt) == SQLITE_ROW)
			if (tt_spoolrow_get_cursor(stmt, &node, &confirmed))
				function(arg, node, confirmed);
		rc = sqlite3_finalize(stmt);
	}
	return spoolfile_public(spoolfile_error(f, rc, err));
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
	return tt_spoolrow_insert(f->insert, &(struct tt_spoolrow){
	    .position = from->first, .n = batch->n, .channel = from->channel,
	    .connection = origin->connection, .seq = batch->first_seq,
	    .received_at = batch->received_at, .node = origin->node->path,
	    .peer = origin->peer, .local = tt_origin_local(origin),
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

	for (size_t i = 0; i < w->n_cursors && rc == SQLITE_OK; i++)
		rc = tt_spoolrow_set_cursor(f->cursor, w->cursors[i].node,
		    w->cursors[i].confirmed);
	for (size_t i = 0; i < w->n_removed && rc == SQLITE_OK; i++) {
		sqlite3_bind_text(f->remove, 1, w->removed[i], -1, SQLITE_STATIC);
		rc = tt_sql_run(f->remove);
	}
	(void)tt_fault("spool.cursors");
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

	state->more = false;
	while (sqlite3_step(f->oldest) == SQLITE_ROW) {
		position = (uint64_t)sqlite3_column_int64(f->oldest, 0);
		n = (uint64_t)sqlite3_column_int64(f->oldest, 1);
		size = sqlite3_column_int64(f->oldest, 3) + SPOOLFILE_ROW;
		if (position < end) {
			sqlite3_reset(f->oldest);
			return SQLITE_CORRUPT;
		}
		if (n == 0 || n > TT_BATCH_MAX)
			n = 1;		/* damaged: it goes like the others */
		if (position + n > w->trim && dropped >= w->drop_bytes &&
		    sqlite3_column_int64(f->oldest, 2) >= w->drop_before)
			break;
		if (bytes >= SPOOLFILE_TRIM) {
			state->more = true;
			break;
		}
		if (position + n > w->trim) {
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
	rc = tt_sql_run(f->trim);
	(void)tt_fault("spool.trimmed");
	return rc;
}

/* The file grows before the commit, so that the WAL can be moved into it on a full disk
 * too: what it cannot be moved for, it would keep for ever.  And it leaves some room
 * for the WAL, without which nothing could be taken away. */
static int
spoolfile_grow(struct tt_spoolfile *f)
{
	int64_t size = 0;
	struct statvfs disk;
	struct stat st;
	int rc;

	rc = tt_sql_do(&f->file, &size, "PRAGMA main.page_count");
	if (rc != SQLITE_OK)
		return rc;
	size *= TT_DBFILE_PAGE;
	if (stat(f->file.path, &st) != 0 || st.st_size >= size)
		return SQLITE_OK;
	if (statvfs(f->file.path, &disk) == 0 && (int64_t)(disk.f_bavail * disk.f_frsize) <
	    size - st.st_size + SPOOLFILE_MARGIN)
		return SQLITE_FULL;
	rc = sqlite3_file_control(f->file.handle, "main", SQLITE_FCNTL_SIZE_HINT, &size);
	return rc == SQLITE_OK ? SQLITE_OK : SQLITE_FULL;
}

static int
spoolfile_write_all(struct tt_spoolfile *f, const struct tt_spool_write *w,
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
	if (w->n_cursors > 0)
		state->cursors_lost = false;
	if (rc == SQLITE_OK)
		rc = tt_spoolrow_set_meta(f->meta, &(struct tt_spoolmeta){
		    .frames = state->frames, .next = state->next,
		    .lost = state->cursors_lost });
	if (rc == SQLITE_OK)
		rc = spoolfile_grow(f);
	(void)tt_fault("spool.commit");
	if (rc == SQLITE_OK)
		rc = tt_sql_do(&f->file, NULL, "COMMIT");
	(void)tt_fault("spool.committed");
	return rc;
}

/* One transaction.  What is not OK has been rolled back, with ERR set. */
static int
spoolfile_write_once(struct tt_spoolfile *f, const struct tt_spool_write *w,
    struct tt_error *err)
{
	struct tt_spool_state state = f->state;
	int rc, result;

	state.dropped = 0;
	rc = spoolfile_write_all(f, w, &state);
	result = spoolfile_error(f, rc, err);
	if (rc == SQLITE_OK)
		f->state = state;
	else if (!sqlite3_get_autocommit(f->file.handle))
		tt_sql_do(&f->file, NULL, "ROLLBACK");
	return result;
}

/* A full disk has room again once the WAL is in the file.  What all have confirmed
 * goes even where new rows find no room: they have its place then. */
static int
spoolfile_make_room(struct tt_spoolfile *f, const struct tt_spool_write *w,
    struct tt_error *err)
{
	const struct tt_spool_write trim = { .trim = w->trim };
	struct tt_error ignored;
	int result = TT_SQL_LATER, rc;

	rc = sqlite3_wal_checkpoint_v2(f->file.handle, "main",
	    SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	if (rc == SQLITE_OK && f->file.wal_pages > 0) {
		f->file.wal_pages = 0;
		result = spoolfile_write_once(f, w, err);
	}
	if (result == TT_SQL_LATER && w->n_rows > 0 && w->trim > f->state.first) {
		rc = spoolfile_write_once(f, &trim, &ignored);
		if (rc == TT_SQL_OK)
			rc = spoolfile_error(f, spoolfile_measure(f, &f->state),
			    &ignored);
		if (rc != TT_SQL_OK && rc != TT_SQL_LATER) {
			*err = ignored;
			result = rc;
		}
	}
	return result;
}

/* Moves the WAL into the file where it is large, or larger than what is in it. */
static int
spoolfile_checkpoint(struct tt_spoolfile *f, struct tt_error *err)
{
	int64_t wal = (int64_t)f->file.wal_pages * TT_DBFILE_PAGE;
	int log = 0, moved = 0, rc;

	if (wal <= SPOOLFILE_WAL_LEAST || (wal <= f->state.bytes - wal &&
	    wal <= SPOOLFILE_WAL_MOST))
		return TT_SQL_OK;
	rc = sqlite3_wal_checkpoint_v2(f->file.handle, "main", SQLITE_CHECKPOINT_PASSIVE,
	    &log, &moved);
	if (rc == SQLITE_OK && log >= moved && moved >= 0) {
		f->file.wal_pages = log - moved;
		rc = spoolfile_measure(f, &f->state);
	}
	return spoolfile_error(f, rc, err);
}

/* RESULT is of a call that has written or read: what is not to be trusted is closed.
 * Damage is set aside when it is opened. */
static enum tt_sqlite_result
spoolfile_settle(struct tt_spoolfile *f, int result)
{
	f->damaged |= result == TT_SQL_DAMAGED;
	if (result != TT_SQL_BROKEN && result != TT_SQL_DAMAGED)
		return spoolfile_public(result);
	spoolfile_close(f);
	return TT_SQLITE_BROKEN;
}

enum tt_sqlite_result
tt_spoolfile_write(struct tt_spoolfile *f, const struct tt_spool_write *write,
    struct tt_spool_state *state, struct tt_error *note, struct tt_error *err)
{
	struct tt_error ignored;
	int result;

	f->damaged |= write->replace;
	if (f->file.handle != NULL && !spoolfile_is_same(f))
		spoolfile_close(f);	/* somebody has moved it */
	if (f->file.handle == NULL || f->damaged) {
		result = tt_spoolfile_open(f, state, note, err);
		if (result != TT_SQLITE_OK)
			return (enum tt_sqlite_result)result;
	}
	result = spoolfile_write_once(f, write, err);
	if (result == TT_SQL_LATER)
		result = spoolfile_make_room(f, write, err);
	if (result == TT_SQL_OK) {
		/* It is written, whatever comes of the rest. */
		result = spoolfile_error(f, spoolfile_measure(f, &f->state), &ignored);
		if (result == TT_SQL_OK)
			result = spoolfile_checkpoint(f, &ignored);
		spoolfile_settle(f, result);
		result = TT_SQL_OK;
	}
	*state = f->state;
	return spoolfile_settle(f, result);
}

enum tt_sqlite_result
tt_spoolfile_checkpoint(struct tt_spoolfile *f, struct tt_error *err)
{
	if (f->file.handle == NULL)
		return TT_SQLITE_OK;
	return spoolfile_settle(f, spoolfile_checkpoint(f, err));
}
