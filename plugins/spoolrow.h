/* spoolrow.h - a row of the spool's file, and the checksum over it. */
#ifndef TT_PLUGINS_SPOOLROW_H
#define TT_PLUGINS_SPOOLROW_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TT_SPOOLROW_COLUMNS "position, n, checksum, channel, connection, seq, " \
	"received_at, node, peer, local, lengths, payload"

/* A row as it is bound, or as it was read. */
struct tt_spoolrow {
	uint64_t position, connection, seq;
	int64_t received_at;
	uint32_t n;
	const char *channel, *node, *peer, *local;
	const void *lengths, *payload;
	size_t lengths_size, payload_size;
};

/* Over all that matters in R. */
int64_t tt_spoolrow_checksum(const struct tt_spoolrow *r);

/* The row that STMT stands at, with columns as in TT_SPOOLROW_COLUMNS; what R points
 * to is STMT's.  Returns false if it is not what was written. */
bool tt_spoolrow_get(sqlite3_stmt *stmt, struct tt_spoolrow *r);

/* The text of column I, "" for none. */
const char *tt_spoolrow_text(sqlite3_stmt *stmt, int i);

#endif
