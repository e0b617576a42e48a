/* sqlretain.c - takes the oldest rows of a database away.
 *
 * Tables are walked from their first rowid on: rows stand in the order in which they
 * were committed, which is nearly that of received_at.  Nothing here looks at more
 * rows than it may take away, but for a few. */
#include "plugins/sqlretain.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "daemon/memory.h"
#include "plugins/dbfile.h"

#define SQLRETAIN_LOOK 64		/* connections looked at in vain, at most */
#define SQLRETAIN_FORGET 256		/* connections that go at once, at most */

/* Frames of different connections may change places by so many ns: so much longer a
 * connection stays than its last frame may. */
#define SQLRETAIN_SLACK INT64_C(10000000000)

struct sqlretain_table {
	char *name;
	sqlite3_stmt *walk;		/* rowid, received_at: oldest first */
	sqlite3_stmt *last;		/* the same of the newest */
	sqlite3_stmt *remove;		/* up to a rowid */
	int64_t first_id, last_id;	/* 0: empty */
	int64_t first_at, last_at;
	int64_t cut;			/* rows up to it are to go */
};

struct tt_sqlretain {
	struct tt_sqlfile *file;
	struct tt_sqlite_retain limits;
	char *wal;			/* its name */
	struct sqlretain_table *tables;
	size_t n;
	size_t turn;			/* the table that is first served */
	sqlite3_stmt *look, *forget;	/* connections */
	int64_t looked;			/* up to this number */
	/* Connections up to this number were in the file when it was first opened: they
	 * belong to an earlier run, and those without an end ended in a crash.  The
	 * last frame of that run was received then. */
	int64_t earlier, earlier_end;
};

static int64_t
sqlretain_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

/* --- the tables ---------------------------------------------------------- */

struct tt_sqlretain *
tt_sqlretain_create(struct tt_sqlfile *file, const struct tt_sqlite_retain *limits)
{
	struct tt_sqlretain *r = tt_xcalloc(1, sizeof *r);
	size_t size = strlen(file->path) + sizeof "-wal";

	r->file = file;
	r->limits = *limits;
	r->wal = tt_xmalloc(size);
	snprintf(r->wal, size, "%s-wal", file->path);
	r->earlier = -1;
	return r;
}

void
tt_sqlretain_end(struct tt_sqlretain *r)
{
	for (size_t i = 0; i < r->n; i++) {
		sqlite3_finalize(r->tables[i].walk);
		sqlite3_finalize(r->tables[i].last);
		sqlite3_finalize(r->tables[i].remove);
		free(r->tables[i].name);
	}
	free(r->tables);
	r->tables = NULL;
	r->n = 0;
	sqlite3_finalize(r->look);
	sqlite3_finalize(r->forget);
	r->look = r->forget = NULL;
	r->looked = 0;
}

void
tt_sqlretain_destroy(struct tt_sqlretain *r)
{
	if (r == NULL)
		return;
	tt_sqlretain_end(r);
	free(r->wal);
	free(r);
}

static void
sqlretain_add_table(struct tt_sqlretain *r, const char *name)
{
	r->tables = tt_xrealloc(r->tables, (r->n + 1) * sizeof r->tables[0]);
	r->tables[r->n++] = (struct sqlretain_table){ .name = tt_xstrdup(name) };
}

/* The tables that were made here, channels that the file does not name any more among
 * them; what somebody has put beside them is not ours to take away. */
static int
sqlretain_find_tables(struct tt_sqlretain *r)
{
	sqlite3_stmt *stmt = NULL;
	int rc;

	rc = sqlite3_prepare_v2(r->file->handle, tt_dbfile_ours, -1, &stmt, NULL);
	if (rc != SQLITE_OK)
		return rc;
	while (sqlite3_step(stmt) == SQLITE_ROW)
		sqlretain_add_table(r, (const char *)sqlite3_column_text(stmt, 0));
	rc = sqlite3_finalize(stmt);
	sqlretain_add_table(r, "refused");
	return rc;
}

static int
sqlretain_prepare(struct tt_sqlretain *r, const char *format, const char *name,
    sqlite3_stmt **stmt)
{
	char sql[256];

	snprintf(sql, sizeof sql, format, name);
	return tt_sql_prepare(r->file, sql, stmt);
}

/* Where T begins and ends. */
static int
sqlretain_measure(struct sqlretain_table *t)
{
	int rc;

	t->first_id = t->last_id = t->cut = 0;
	if (sqlite3_step(t->walk) == SQLITE_ROW) {
		t->first_id = sqlite3_column_int64(t->walk, 0);
		t->first_at = sqlite3_column_int64(t->walk, 1);
	}
	rc = sqlite3_reset(t->walk);
	if (rc != SQLITE_OK || t->first_id == 0)
		return rc;
	if (sqlite3_step(t->last) == SQLITE_ROW) {
		t->last_id = sqlite3_column_int64(t->last, 0);
		t->last_at = sqlite3_column_int64(t->last, 1);
	}
	return sqlite3_reset(t->last);
}

/* What an earlier run has left. */
static int
sqlretain_recall(struct tt_sqlretain *r)
{
	int64_t last = 0;
	int rc = SQLITE_OK;

	for (size_t i = 0; i < r->n && rc == SQLITE_OK; i++) {
		rc = sqlretain_measure(&r->tables[i]);
		if (r->tables[i].last_id != 0 && r->tables[i].last_at > r->earlier_end)
			r->earlier_end = r->tables[i].last_at;
	}
	if (rc == SQLITE_OK)
		rc = tt_sql_do(r->file, &last, "SELECT max(id) FROM main.connection");
	if (rc == SQLITE_OK)
		r->earlier = last;
	return rc;
}

int
tt_sqlretain_begin(struct tt_sqlretain *r)
{
	int rc = sqlretain_find_tables(r);

	for (size_t i = 0; i < r->n && rc == SQLITE_OK; i++) {
		struct sqlretain_table *t = &r->tables[i];

		rc = sqlretain_prepare(r, "SELECT rowid, received_at FROM main.\"%s\" "
		    "ORDER BY rowid", t->name, &t->walk);
		if (rc == SQLITE_OK)
			rc = sqlretain_prepare(r, "SELECT rowid, received_at FROM "
			    "main.\"%s\" ORDER BY rowid DESC LIMIT 1", t->name, &t->last);
		if (rc == SQLITE_OK)
			rc = sqlretain_prepare(r, "DELETE FROM main.\"%s\" "
			    "WHERE rowid <= ?1", t->name, &t->remove);
	}
	if (rc == SQLITE_OK)
		rc = tt_sql_prepare(r->file, "SELECT id, opened_at, closed_at FROM "
		    "main.connection WHERE id > ?1 ORDER BY id", &r->look);
	if (rc == SQLITE_OK)
		rc = tt_sql_prepare(r->file, "DELETE FROM main.connection WHERE id = ?1",
		    &r->forget);
	return rc == SQLITE_OK && r->earlier < 0 ? sqlretain_recall(r) : rc;
}

/* --- which rows go ------------------------------------------------------- */

/* Takes the rows of T up to its cut away. */
static int
sqlretain_remove(struct tt_sqlretain *r, struct sqlretain_table *t, uint64_t *budget)
{
	uint64_t n;
	int rc;

	sqlite3_bind_int64(t->remove, 1, t->cut);
	rc = tt_sql_run(t->remove);
	n = (uint64_t)sqlite3_changes64(r->file->handle);
	*budget -= rc != SQLITE_OK ? 0 : n < *budget ? n : *budget;
	return rc == SQLITE_OK ? sqlretain_measure(t) : rc;
}

/* Takes the rows of T away that are beyond ROWS (0: no limit), or past their age.  The
 * clock may have gone back: a row from the future does not keep those behind it. */
static int
sqlretain_trim_table(struct tt_sqlretain *r, struct sqlretain_table *t, int64_t rows,
    int64_t now, uint64_t *budget)
{
	int64_t age = r->limits.age, id, at;
	int rc;

	for (uint64_t n = 0; n < *budget && sqlite3_step(t->walk) == SQLITE_ROW; n++) {
		id = sqlite3_column_int64(t->walk, 0);
		at = sqlite3_column_int64(t->walk, 1);
		if (id >= t->last_id)
			break;
		if ((rows > 0 && id <= t->last_id - rows) ||
		    (age > 0 && at < now - age))
			t->cut = id;
		else if (at <= now)
			break;
	}
	rc = sqlite3_reset(t->walk);
	return rc == SQLITE_OK && t->cut > 0 ? sqlretain_remove(r, t, budget) : rc;
}

/* Bytes of pages in use, and of the WAL.  A reader that stays may keep the WAL from
 * being used again: that shall not cost all rows. */
static int
sqlretain_bytes(struct tt_sqlretain *r, int64_t *bytes)
{
	int64_t pages = 0, unused = 0, wal = 0;
	struct stat st;
	int rc;

	rc = tt_sql_do(r->file, &pages, "PRAGMA main.page_count");
	if (rc == SQLITE_OK)
		rc = tt_sql_do(r->file, &unused, "PRAGMA main.freelist_count");
	if (stat(r->wal, &st) == 0)
		wal = st.st_size;
	if (wal > r->limits.bytes / 2)
		wal = r->limits.bytes / 2;
	*bytes = (pages - unused) * TT_DBFILE_PAGE + wal;
	return rc;
}

/* The table whose next row is the oldest, of those whose walk stands at a row that may
 * go; NULL: none does. */
static struct sqlretain_table *
sqlretain_oldest(struct tt_sqlretain *r)
{
	struct sqlretain_table *oldest = NULL;

	for (size_t i = 0; i < r->n; i++) {
		struct sqlretain_table *t = &r->tables[i];

		if (t->first_id < t->last_id &&
		    (oldest == NULL || t->first_at < oldest->first_at))
			oldest = t;
	}
	return oldest;
}

/* Takes the MOST oldest rows of all tables away: their walks go on together. */
static int
sqlretain_take(struct tt_sqlretain *r, uint64_t most, uint64_t *budget)
{
	struct sqlretain_table *t;
	int rc = SQLITE_OK, reset;

	for (size_t i = 0; i < r->n; i++)
		if (r->tables[i].first_id < r->tables[i].last_id)
			sqlite3_step(r->tables[i].walk);
	for (; most > 0 && (t = sqlretain_oldest(r)) != NULL; most--) {
		t->cut = t->first_id;
		t->first_id = t->last_id;	/* should the walk fail */
		if (sqlite3_step(t->walk) == SQLITE_ROW) {
			t->first_id = sqlite3_column_int64(t->walk, 0);
			t->first_at = sqlite3_column_int64(t->walk, 1);
		}
	}
	for (size_t i = 0; i < r->n; i++) {
		reset = sqlite3_reset(r->tables[i].walk);
		if (rc == SQLITE_OK)
			rc = reset;
	}
	for (size_t i = 0; i < r->n && rc == SQLITE_OK; i++)
		if (r->tables[i].cut > 0)
			rc = sqlretain_remove(r, &r->tables[i], budget);
	return rc;
}

static int
sqlretain_trim_bytes(struct tt_sqlretain *r, uint64_t *budget)
{
	int64_t bytes = 0, rows, over;
	uint64_t before, most;
	int rc = SQLITE_OK;

	while (rc == SQLITE_OK && *budget > 0) {
		rc = sqlretain_bytes(r, &bytes);
		over = bytes - r->limits.bytes;
		if (rc != SQLITE_OK || over <= 0)
			break;
		rows = 1;
		for (size_t i = 0; i < r->n; i++)
			rows += r->tables[i].last_id - r->tables[i].first_id;
		/* So many of the average size are too many. */
		most = 1 + (uint64_t)((double)over / (double)bytes * (double)rows);
		before = *budget;
		rc = sqlretain_take(r, most < *budget ? most : *budget, budget);
		if (*budget == before)
			break;
	}
	return rc;
}

/* --- connections --------------------------------------------------------- */

/* The time before which no frame of the file was received, as far as that can be told
 * from where its tables begin: INT64_MIN where the clock went back. */
static int64_t
sqlretain_begins(const struct tt_sqlretain *r, int64_t now)
{
	int64_t begins = now;

	for (size_t i = 0; i < r->n; i++) {
		const struct sqlretain_table *t = &r->tables[i];

		if (t->first_id == 0)
			continue;
		if (t->last_at < t->first_at)
			return INT64_MIN;
		if (t->first_at < begins)
			begins = t->first_at;
	}
	return begins - SQLRETAIN_SLACK;
}

/* Takes connections away that ended before the oldest frame came: at most BUDGET, and
 * from where the last call ended, round and round. */
static int
sqlretain_trim_connections(struct tt_sqlretain *r, int64_t now, uint64_t budget,
    bool *reopens)
{
	int64_t gone[SQLRETAIN_FORGET], begins = sqlretain_begins(r, now), end;
	unsigned n = 0, looks = 0;
	bool ended;
	int rc;

	if (budget > SQLRETAIN_FORGET)
		budget = SQLRETAIN_FORGET;
	sqlite3_bind_int64(r->look, 1, r->looked);
	r->looked = 0;
	while (sqlite3_step(r->look) == SQLITE_ROW) {
		int64_t id = sqlite3_column_int64(r->look, 0);
		int64_t opened_at = sqlite3_column_int64(r->look, 1);

		if (opened_at >= begins && opened_at <= now)
			break;			/* so did all behind it */
		ended = sqlite3_column_type(r->look, 2) != SQLITE_NULL;
		end = ended ? sqlite3_column_int64(r->look, 2) :
		    id <= r->earlier ? r->earlier_end : INT64_MAX;
		if (end < begins && n < budget) {
			gone[n++] = id;
			*reopens = *reopens || !ended;
		} else if (n == budget || ++looks == SQLRETAIN_LOOK) {
			r->looked = end < begins ? id - 1 : id;
			break;
		}
	}
	rc = sqlite3_reset(r->look);
	for (unsigned i = 0; i < n && rc == SQLITE_OK; i++) {
		sqlite3_bind_int64(r->forget, 1, gone[i]);
		rc = tt_sql_run(r->forget);
	}
	return rc;
}

/* --- all of it ----------------------------------------------------------- */

/* What each table has beyond ROWS and past its age, in turn, at most *BUDGET. */
static int
sqlretain_trim_tables(struct tt_sqlretain *r, int64_t rows, int64_t now,
    uint64_t *budget)
{
	int rc = SQLITE_OK;

	for (size_t i = 0; i < r->n && rc == SQLITE_OK; i++)
		rc = sqlretain_measure(&r->tables[i]);
	for (size_t i = 0; i < r->n && *budget > 0 && rc == SQLITE_OK; i++)
		rc = sqlretain_trim_table(r, &r->tables[(r->turn + i) % r->n], rows, now,
		    budget);
	r->turn = (r->turn + 1) % r->n;
	return rc;
}

int
tt_sqlretain_trim(struct tt_sqlretain *r, struct tt_sqlretain_came came, bool *reopens)
{
	uint64_t frames = 2 * came.frames, all = frames + 2 * came.connections;
	uint64_t left = frames;
	int64_t now = sqlretain_now();
	int rc;

	*reopens = false;
	rc = sqlretain_trim_tables(r, r->limits.rows, now, &left);
	if (rc == SQLITE_OK && r->limits.bytes > 0)
		rc = sqlretain_trim_bytes(r, &left);
	if (rc == SQLITE_OK)
		rc = sqlretain_trim_connections(r, now, all - (frames - left), reopens);
	return rc;
}

int
tt_sqlretain_expire(struct tt_sqlretain *r, uint64_t most, bool *reopens)
{
	uint64_t left = most;
	int64_t now = sqlretain_now();
	int rc;

	*reopens = false;
	rc = sqlretain_trim_tables(r, 0, now, &left);
	return rc != SQLITE_OK ? rc : sqlretain_trim_connections(r, now, most, reopens);
}

bool
tt_sqlretain_is_due(struct tt_sqlretain *r)
{
	int64_t before = sqlretain_now() - r->limits.age;

	for (size_t i = 0; r->limits.age > 0 && i < r->n; i++) {
		struct sqlretain_table *t = &r->tables[i];

		if (sqlretain_measure(t) == SQLITE_OK && t->first_id < t->last_id &&
		    t->first_at < before)
			return true;
	}
	return false;
}
