/* sqlfeed.h - the frames of batches as rows that SQLite can read.
 *
 * `tt-feed` is a virtual table with the columns connection, seq, received_at and
 * payload.  A name with a hyphen can be no channel's.  For sqlite.c alone. */
#ifndef TT_PLUGINS_SQLFEED_H
#define TT_PLUGINS_SQLFEED_H

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

#include "plugins/sqlite.h"

#define TT_SQLFEED "tt-feed"

/* The rows that the table shows: ROWS frames of one channel, from number FROM. */
struct tt_sqlfeed {
	const struct tt_sqlite_item *items;
	size_t n;
	unsigned channel;
	uint64_t from, rows;
};

/* Makes the table for HANDLE.  What it shows is FEED's, which must outlive it. */
int tt_sqlfeed_register(sqlite3 *handle, struct tt_sqlfeed *feed);

/* The batch that has frame ROW of the feed's channel, counted from 0 over all items;
 * stores in *I which of the batch's it is. */
const struct tt_batch *tt_sqlfeed_find(const struct tt_sqlfeed *feed, uint64_t row,
    uint32_t *i);

#endif
