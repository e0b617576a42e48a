/* spoolrow.h - what stands in the spool's file, and the checksums over it. */
#ifndef TT_PLUGINS_SPOOLROW_H
#define TT_PLUGINS_SPOOLROW_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TT_SPOOLROW_APPLICATION 0x74747370	/* application_id: "ttsp" */
#define TT_SPOOLROW_VERSION 1			/* user_version */

/* SQL: makes the tables that are not there. */
extern const char tt_spoolrow_schema[];

/* SQL: how many of the tables are there, of TT_SPOOLROW_TABLES. */
#define TT_SPOOLROW_TABLES 4
#define TT_SPOOLROW_COUNT "SELECT count(*) FROM main.sqlite_schema WHERE type = " \
	"'table' AND name IN ('spool', 'cursor', 'refused', 'meta')"

#define TT_SPOOLROW_COLUMNS "position, n, checksum, channel, connection, seq, " \
	"received_at, node, peer, local, lengths, payload"
#define TT_SPOOLROW_INSERT "INSERT INTO main.spool(" TT_SPOOLROW_COLUMNS ") " \
	"VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
#define TT_SPOOLROW_CURSORS "SELECT node, confirmed, checksum FROM main.cursor"
#define TT_SPOOLROW_SET_CURSOR "INSERT OR REPLACE INTO main.cursor VALUES(?1, ?2, ?3)"
#define TT_SPOOLROW_META "SELECT frames, next, lost, checksum FROM main.meta"
#define TT_SPOOLROW_SET_META "INSERT OR REPLACE INTO main.meta VALUES(1, ?1, ?2, ?3, ?4)"
#define TT_SPOOLROW_REFUSE "INSERT INTO main.refused VALUES(?1, ?2, ?3, ?4, ?5)"

/* A row as it is bound, or as it was read. */
struct tt_spoolrow {
	uint64_t position, connection, seq;
	int64_t received_at;
	uint32_t n;
	const char *channel, *node, *peer, *local;
	const void *lengths, *payload;
	size_t lengths_size, payload_size;
};

/* What would take a walk over all rows to know. */
struct tt_spoolmeta {
	uint64_t frames;
	uint64_t next;			/* behind the last that ever was in the file */
	bool lost;			/* a cursor could not be read, once */
};

/* Runs STMT, which is TT_SPOOLROW_INSERT, with R.  SQLite's result. */
int tt_spoolrow_insert(sqlite3_stmt *stmt, const struct tt_spoolrow *r);

/* The row that STMT stands at, with columns as in TT_SPOOLROW_COLUMNS; what R points
 * to is STMT's.  Returns false if it is not what was written. */
bool tt_spoolrow_get(sqlite3_stmt *stmt, struct tt_spoolrow *r);

/* How many frames such a row had, as far as it can be told; at least 1. */
uint32_t tt_spoolrow_guess(sqlite3_stmt *stmt);

/* Runs STMT, TT_SPOOLROW_SET_CURSOR.  SQLite's result. */
int tt_spoolrow_set_cursor(sqlite3_stmt *stmt, const char *node, uint64_t confirmed);

/* The cursor that STMT, TT_SPOOLROW_CURSORS, stands at; NODE is STMT's.  Returns
 * false if it is not what was written. */
bool tt_spoolrow_get_cursor(sqlite3_stmt *stmt, const char **node, uint64_t *confirmed);

/* Runs STMT, TT_SPOOLROW_SET_META.  SQLite's result. */
int tt_spoolrow_set_meta(sqlite3_stmt *stmt, const struct tt_spoolmeta *meta);

/* Reads HANDLE's.  SQLite's result; CORRUPT if it is not what was written. */
int tt_spoolrow_get_meta(sqlite3 *handle, struct tt_spoolmeta *meta);

#endif
