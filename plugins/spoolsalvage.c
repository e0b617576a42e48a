/* spoolsalvage.c - what can be read of a damaged spool, into another file.
 *
 * Rows are found by their positions, so that a page that cannot be read hides no more
 * than what it has:
 *
 *     |------- up ------>X    jump, farther each time     |------- up ------>
 *                        X <---- down to the damage ------|
 *
 * A row whose checksum is wrong stays behind, and its position is not believed.
 *
 * PATH-new is half made.  Complete it is PATH-whole, before the damaged file and its
 * WAL leave their place one after the other: where a crash leaves a PATH-whole, what
 * is still at PATH may have lost its WAL, and goes. */
#include "plugins/spoolsalvage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/fault.h"
#include "plugins/dbfile.h"
#include "plugins/spoolrow.h"
#include "plugins/sqlfile.h"

/* No position comes near it, and a jump to it can be made longer. */
#define SALVAGE_END_OF_ALL (INT64_C(1) << 60)
#define SALVAGE_WRONG 100	/* wrong rows in a row, after which nothing is expected */

struct salvage {
	struct tt_sqlfile old, new;
	sqlite3_stmt *up, *down, *insert;
	struct tt_spoolsalvage *found;
	int64_t end;		/* positions from here on are left out */
	int64_t first, last;	/* that the last walk has copied, if any */
	bool any;
	int failed;		/* what kept the new file from being written */
};

static void
salvage_row(struct salvage *s, const struct tt_spoolrow *row)
{
	int rc = tt_spoolrow_insert(s->insert, row);

	if ((rc & 0xff) == SQLITE_CONSTRAINT)
		return;			/* found twice: it is in the new file */
	s->failed = rc;
	if (rc != SQLITE_OK)
		return;
	s->found->frames += row->n;
	if (s->found->next < row->position + row->n)
		s->found->next = row->position + row->n;
}

/* Copies the rows between FROM and UNTIL, in the order of STMT, up to what cannot be
 * read.  The position of a row that is wrong, or out of order, is not believed.  True
 * if it came to the end. */
static bool
salvage_walk(struct salvage *s, sqlite3_stmt *stmt, int64_t from, int64_t until)
{
	bool up = stmt == s->up;
	struct tt_spoolrow row;
	unsigned wrong = 0;
	int64_t at = from;
	int rc = SQLITE_DONE;

	s->any = false;
	sqlite3_bind_int64(stmt, 1, from);
	while (s->failed == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		if (!tt_spoolrow_get(stmt, &row) || (up ? (int64_t)row.position <= at :
		    (int64_t)row.position >= at)) {
			if (++wrong > SALVAGE_WRONG)
				break;
			continue;
		}
		at = (int64_t)row.position;
		if (up ? at >= until : at <= until) {
			rc = SQLITE_DONE;
			break;
		}
		salvage_row(s, &row);
		if (!s->any)
			s->first = at;
		s->any = true;
		s->last = at;
		wrong = 0;
	}
	sqlite3_reset(stmt);
	return rc == SQLITE_DONE;
}

static void
salvage_rows(struct salvage *s)
{
	int64_t at = -1, far, last;
	bool ended = salvage_walk(s, s->up, at, s->end);

	while (!ended && s->failed == SQLITE_OK) {
		at = s->any ? s->last : at;
		s->any = false;
		for (int64_t jump = 1; jump < s->end - at && !s->any &&
		    s->failed == SQLITE_OK; jump += jump / 4 + 1)
			ended = salvage_walk(s, s->up, at + jump, s->end);
		if (!s->any)
			break;
		far = s->first;
		last = s->last;
		salvage_walk(s, s->down, far, at);
		s->any = true;
		s->last = last;
	}
	/* What looks like the end may be damage too. */
	if (s->failed == SQLITE_OK)
		salvage_walk(s, s->down, s->end, s->any ? s->last : at);
}

/* --- what stands beside the rows ----------------------------------------- */

/* Returns false if not all cursors could be read. */
static bool
salvage_cursors(struct salvage *s)
{
	sqlite3_stmt *from = NULL, *to = NULL;
	bool all;
	const char *node;
	uint64_t confirmed;
	int rc;

	rc = tt_sql_prepare(&s->old, TT_SPOOLROW_CURSORS, &from);
	all = rc == SQLITE_OK;
	s->failed = tt_sql_prepare(&s->new, TT_SPOOLROW_SET_CURSOR, &to);
	while (rc == SQLITE_OK && s->failed == SQLITE_OK &&
	    (rc = sqlite3_step(from)) == SQLITE_ROW) {
		rc = SQLITE_OK;
		if (!tt_spoolrow_get_cursor(from, &node, &confirmed)) {
			all = false;
			continue;
		}
		s->failed = tt_spoolrow_set_cursor(to, node, confirmed);
		if (s->found->next < confirmed)
			s->found->next = confirmed;
	}
	sqlite3_finalize(from);
	sqlite3_finalize(to);
	return all && rc == SQLITE_DONE;
}

static void
salvage_refused(struct salvage *s)
{
	sqlite3_stmt *from = NULL, *to = NULL;

	if (tt_sql_prepare(&s->old, "SELECT connection, seq, received_at, reason, payload "
	    "FROM main.refused", &from) == SQLITE_OK)
		s->failed = tt_sql_prepare(&s->new, TT_SPOOLROW_REFUSE, &to);
	while (from != NULL && s->failed == SQLITE_OK &&
	    sqlite3_step(from) == SQLITE_ROW) {
		for (int i = 0; i < 5; i++)
			sqlite3_bind_value(to, i + 1, sqlite3_column_value(from, i));
		s->failed = tt_sql_run(to);
	}
	sqlite3_finalize(from);
	sqlite3_finalize(to);
}

static void
salvage_meta(struct salvage *s, bool lost)
{
	struct tt_spoolmeta meta = { .next = 0 };
	sqlite3_stmt *to = NULL;

	if (tt_spoolrow_get_meta(s->old.handle, &meta) == SQLITE_OK) {
		lost |= meta.lost;
		if (s->found->next < meta.next)
			s->found->next = meta.next;
	}
	meta = (struct tt_spoolmeta){ .frames = s->found->frames,
		.next = s->found->next, .lost = lost };
	s->failed = tt_sql_prepare(&s->new, TT_SPOOLROW_SET_META, &to);
	if (s->failed == SQLITE_OK)
		s->failed = tt_spoolrow_set_meta(to, &meta);
	sqlite3_finalize(to);
}

static void
salvage_copy(struct salvage *s)
{
	bool lost;

	if (tt_sql_prepare(&s->old, "SELECT " TT_SPOOLROW_COLUMNS " FROM main.spool "
	    "WHERE position > ?1 ORDER BY position", &s->up) == SQLITE_OK &&
	    tt_sql_prepare(&s->old, "SELECT " TT_SPOOLROW_COLUMNS " FROM main.spool "
	    "WHERE position < ?1 ORDER BY position DESC", &s->down) == SQLITE_OK)
		salvage_rows(s);
	if (s->failed == SQLITE_OK)
		salvage_refused(s);
	if (s->failed != SQLITE_OK)
		return;
	lost = !salvage_cursors(s);
	if (s->failed == SQLITE_OK)
		salvage_meta(s, lost);
}

/* --- files --------------------------------------------------------------- */

/* The damaged file as it is: it may be shorter than its header says, and closing it
 * moves nothing. */
static void
salvage_open_old(struct salvage *s)
{
	if (sqlite3_open_v2(s->old.path, &s->old.handle, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL) != SQLITE_OK)
		return;
	sqlite3_busy_timeout(s->old.handle, 200);
	sqlite3_db_config(s->old.handle, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 1, NULL);
	sqlite3_db_config(s->old.handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

/* Nobody waits for the new file but us: it is synced once, at the end. */
static int
salvage_open_new(struct salvage *s)
{
	int rc;

	rc = sqlite3_open_v2(s->new.path, &s->new.handle, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
	if (rc == SQLITE_OK)
		rc = tt_sql_do(&s->new, NULL, "PRAGMA page_size=%d; "
		    "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; BEGIN; "
		    "PRAGMA application_id=%d; PRAGMA user_version=%d; %s",
		    TT_DBFILE_PAGE, TT_SPOOLROW_APPLICATION, TT_SPOOLROW_VERSION,
		    tt_spoolrow_schema);
	if (rc == SQLITE_OK)
		rc = tt_sql_prepare(&s->new, TT_SPOOLROW_INSERT, &s->insert);
	return rc;
}

static void
salvage_close(struct salvage *s)
{
	sqlite3_finalize(s->up);
	sqlite3_finalize(s->down);
	sqlite3_finalize(s->insert);
	tt_sqlfile_close(&s->old);
	tt_sqlfile_close(&s->new);
}

static int
salvage_sync(const char *path, struct tt_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), r = fd < 0 ? -1 : fsync(fd);

	if (r != 0)
		tt_error_set(err, "%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return r == 0 ? TT_SQL_OK : TT_SQL_BROKEN;
}

static void
salvage_names(char name[TT_DBFILE_ASIDE], char whole[TT_DBFILE_ASIDE], const char *path)
{
	snprintf(name, TT_DBFILE_ASIDE, "%s-new", path);
	snprintf(whole, TT_DBFILE_ASIDE, "%s-whole", path);
}

/* WHOLE is complete, and synced: it takes the place of PATH. */
static int
salvage_exchange(const char *path, const char *whole, char *aside, struct tt_error *err)
{
	if (tt_dbfile_set_aside(path, aside, err) != 0)
		return -1;
	return tt_dbfile_put_in_place(whole, path, err);
}

int
tt_spoolsalvage(const char *path, char *aside, struct tt_spoolsalvage *found,
    struct tt_error *err)
{
	char name[TT_DBFILE_ASIDE], whole[TT_DBFILE_ASIDE];
	struct salvage s = { .old.path = path, .new.path = name, .found = found,
		.end = found->before > 0 ? (int64_t)found->before : SALVAGE_END_OF_ALL };
	int result;

	salvage_names(name, whole, path);
	unlink(name);
	salvage_open_old(&s);
	s.failed = salvage_open_new(&s);
	if (s.failed == SQLITE_OK)
		salvage_copy(&s);
	if (s.failed == SQLITE_OK)
		s.failed = tt_sql_do(&s.new, NULL, "COMMIT");
	result = tt_sql_error(&s.new, s.failed, err);
	salvage_close(&s);
	if (result == TT_SQL_OK)
		result = salvage_sync(name, err);
	(void)tt_fault("salvage.new");
	if (result == TT_SQL_OK && tt_dbfile_put_in_place(name, whole, err) != 0)
		result = TT_SQL_FAILED;
	(void)tt_fault("salvage.whole");
	if (result != TT_SQL_OK)
		unlink(name);
	else if (salvage_exchange(path, whole, aside, err) != 0)
		result = TT_SQL_FAILED;
	(void)tt_fault("salvage.done");
	return result;
}

int
tt_spoolsalvage_finish(const char *path, char *aside, struct tt_error *err)
{
	char name[TT_DBFILE_ASIDE], whole[TT_DBFILE_ASIDE];

	salvage_names(name, whole, path);
	unlink(name);
	if (access(whole, F_OK) != 0)
		return 0;
	/* Meanwhile somebody may have put a file of another kind there. */
	if (tt_dbfile_check(path, TT_SPOOLROW_APPLICATION, TT_SPOOLROW_VERSION, err) != 0)
		return -1;
	return salvage_exchange(path, whole, aside, err) == 0 ? 1 : -1;
}
