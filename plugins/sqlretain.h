/* sqlretain.h - takes the oldest rows of a database away.
 *
 * Within the transaction that inserts others: at most twice as many rows go as came,
 * so that the cost is bounded and a file over its limits comes down to them.  The
 * newest row of a table always stays: SQLite numbers on from it.  For sqlite.c alone. */
#ifndef TT_PLUGINS_SQLRETAIN_H
#define TT_PLUGINS_SQLRETAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "plugins/sqlfile.h"
#include "plugins/sqlite.h"

struct tt_sqlretain;

/* What a transaction has inserted. */
struct tt_sqlretain_came {
	uint64_t frames, connections;
};

/* For the file FILE, which may be closed yet and must outlive it. */
struct tt_sqlretain *tt_sqlretain_create(struct tt_sqlfile *file,
    const struct tt_sqlite_retain *limits);

/* FILE must have been closed, or tt_sqlretain_end() called. */
void tt_sqlretain_destroy(struct tt_sqlretain *r);

/* FILE was opened: all tables are there.  Returns SQLite's result. */
int tt_sqlretain_begin(struct tt_sqlretain *r);

/* FILE is to be closed. */
void tt_sqlretain_end(struct tt_sqlretain *r);

/* Within a transaction that has inserted what CAME.  Returns SQLite's result, and sets
 * *REOPENS where the row of a connection went that may yet send: its row is to be
 * written again with its next frame. */
int tt_sqlretain_trim(struct tt_sqlretain *r, struct tt_sqlretain_came came,
    bool *reopens);

/* The same for rows past their age alone: at most MOST go, whatever came. */
int tt_sqlretain_expire(struct tt_sqlretain *r, uint64_t most, bool *reopens);

/* True if rows are past their age now. */
bool tt_sqlretain_is_due(struct tt_sqlretain *r);

#endif
