/* dbfile.h - which files are a database of ours, and what stands in them. */
#ifndef TT_PLUGINS_DBFILE_H
#define TT_PLUGINS_DBFILE_H

#include <stddef.h>
#include <stdint.h>

#include "config/error.h"

#define TT_DBFILE_APPLICATION 0x74746462	/* application_id: "ttdb" */
#define TT_DBFILE_VERSION 1			/* user_version */
#define TT_DBFILE_PAGE 8192			/* bytes */

/* Looks at PATH (absolute) before SQLite does, which would begin to write: is there
 * nothing yet, or nothing in it, or a file with that APPLICATION's id, of VERSION or
 * older, that can be written?  Returns 0, or -1 with ERR set.  Changes nothing. */
int tt_dbfile_check(const char *path, uint32_t application, uint32_t version,
    struct tt_error *err);

/* SQLite's number of the format that the file PATH says it has, 1 or 2 where it is
 * whole.  0: it cannot be read. */
int tt_dbfile_format(const char *path);

/* Room for the name of a file that was set aside. */
#define TT_DBFILE_ASIDE 4160

/* The closed file PATH is damaged: it becomes PATH.damaged-20261125T083000Z, its name
 * into ASIDE, with its WAL beside it.  Returns 0, or -1 with ERR set. */
int tt_dbfile_set_aside(const char *path, char aside[TT_DBFILE_ASIDE],
    struct tt_error *err);

enum tt_dbfile_wal {
	TT_DBFILE_WAL_FINE,	/* or there is none */
	TT_DBFILE_WAL_ALONE,	/* the file it belongs to is empty, or gone */
	TT_DBFILE_WAL_GARBAGE,	/* its header is not what was written */
};

/* Looks at the WAL of the closed file PATH before SQLite does, which would throw away
 * all but a WAL that is fine. */
enum tt_dbfile_wal tt_dbfile_wal(const char *path);

/* The same as tt_dbfile_set_aside() for the WAL alone: ASIDE is the name without
 * "-wal" at its end. */
int tt_dbfile_set_wal_aside(const char *path, char aside[TT_DBFILE_ASIDE],
    struct tt_error *err);

/* The complete and synced file NAME becomes PATH, for good.  Returns 0, or -1 with ERR
 * set. */
int tt_dbfile_put_in_place(const char *name, const char *path, struct tt_error *err);

/* SQL: the table of connections. */
#define TT_DBFILE_CONNECTION \
	"CREATE TABLE IF NOT EXISTS main.connection(id INTEGER PRIMARY KEY, " \
	"peer TEXT, opened_at INTEGER, closed_at INTEGER, node TEXT, local TEXT, " \
	"close_reason TEXT)"

/* SQL: the table of frames that SQLite refuses for good. */
#define TT_DBFILE_REFUSED \
	"CREATE TABLE IF NOT EXISTS main.refused(connection INTEGER, seq INTEGER, " \
	"received_at INTEGER /* ns since 1970 */, reason TEXT, payload BLOB)"

#define TT_DBFILE_COLUMNS \
	"(id INTEGER PRIMARY KEY, connection INTEGER, seq INTEGER, " \
	"received_at INTEGER /* ns since 1970 */, payload BLOB)"

/* SQL: the table of a channel, whose name goes where %s stands. */
#define TT_DBFILE_CHANNEL \
	"CREATE TABLE IF NOT EXISTS main.\"%s\"" TT_DBFILE_COLUMNS

/* SQL: the names of all tables that look like a channel's. */
extern const char tt_dbfile_channels[];

/* SQL: the names of the channels' tables that were made by TT_DBFILE_CHANNEL. */
extern const char tt_dbfile_ours[];

/* SQL, to be freed by the caller: the view `recent` over N tables. */
char *tt_dbfile_recent(const char *const *tables, size_t n);

#endif
