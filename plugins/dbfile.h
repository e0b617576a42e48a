/* dbfile.h - which files are a database of ours, and what stands in them. */
#ifndef TT_PLUGINS_DBFILE_H
#define TT_PLUGINS_DBFILE_H

#include <stddef.h>

#include "config/error.h"

#define TT_DBFILE_APPLICATION 0x74746462	/* application_id: "ttdb" */
#define TT_DBFILE_VERSION 1			/* user_version */
#define TT_DBFILE_PAGE 8192			/* bytes */

/* Looks at PATH (absolute) before SQLite does, which would begin to write: is there
 * nothing yet, or nothing in it, or a database of ours that can be written?
 * Returns 0, or -1 with ERR set.  Changes nothing. */
int tt_dbfile_check(const char *path, struct tt_error *err);

/* SQL: the table of connections. */
#define TT_DBFILE_CONNECTION \
	"CREATE TABLE IF NOT EXISTS main.connection(id INTEGER PRIMARY KEY, " \
	"peer TEXT, opened_at INTEGER, closed_at INTEGER, node TEXT, local TEXT, " \
	"close_reason TEXT)"

/* SQL: the table of a channel, whose name goes where %s stands. */
#define TT_DBFILE_CHANNEL \
	"CREATE TABLE IF NOT EXISTS main.\"%s\"(id INTEGER PRIMARY KEY, " \
	"connection INTEGER, seq INTEGER, received_at INTEGER /* ns since 1970 */, " \
	"payload BLOB)"

/* SQL: the names of all tables that look like a channel's. */
extern const char tt_dbfile_channels[];

/* SQL, to be freed by the caller: the view `recent` over N tables. */
char *tt_dbfile_recent(const char *const *tables, size_t n);

#endif
