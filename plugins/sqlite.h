/* sqlite.h - the door to SQLite: one file that batches are written to.
 *
 * The file has a table for each channel, the tables `connection` and `refused` and
 * the view `recent`, in WAL mode.  A write is one transaction: all of it is in the file and
 * synced, or nothing.  Every call may block, and belongs to one OS thread. */
#ifndef TT_PLUGINS_SQLITE_H
#define TT_PLUGINS_SQLITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/error.h"

struct tt_batch;
struct tt_sqlite;

enum tt_sqlite_result {
	TT_SQLITE_OK,
	TT_SQLITE_LATER,	/* full or busy: nothing was written, try it again */
	TT_SQLITE_BROKEN,	/* reading or writing failed: nothing was written, the */
				/* file was closed, and the next call opens it anew */
	TT_SQLITE_FAILED,	/* nothing was written, and trying again is no use */
};

struct tt_sqlite_item {
	const struct tt_batch *batch;
	unsigned channel;	/* an index of the channels */
};

/* Frames N from SEQ on of a connection, which SQLite refuses for good. */
struct tt_sqlite_refused {
	uint64_t connection, seq;
	uint32_t n;
	unsigned channel;
	const char *reason;	/* static */
};

/* Resident bytes that an open file needs at most, measured with commits of 8 MiB:
 * cache, index of the WAL, statements.  The row that is written comes on top: SQLite
 * makes one copy of it. */
#define TT_SQLITE_RESIDENT (3 << 20)

/* Prepares the use of the file PATH, which is absolute, and does not touch it
 * yet.  FULL: a commit is synced; else it may be lost with the power, but not with
 * the process.  PATH and the N_CHANNELS names in CHANNELS, each [a-z][a-z0-9_]*, must
 * outlive it. */
struct tt_sqlite *tt_sqlite_create(const char *path, bool full,
    unsigned n_channels, const char *const *channels);

/* What the file keeps; 0: no limit.  The oldest rows go beyond it. */
struct tt_sqlite_retain {
	int64_t rows;			/* of each table */
	int64_t age;			/* ns since a row was received */
	int64_t bytes;			/* of the file's pages in use, and the WAL */
};

/* Keeps to LIMITS from now on, in each transaction: at most twice as many rows go as
 * come.  To be called before the file is opened. */
void tt_sqlite_retain(struct tt_sqlite *db, const struct tt_sqlite_retain *limits);

/* Takes rows away that are past their age, in one short transaction, and stores in
 * *MORE if there are others.  Does nothing if the file is not open. */
enum tt_sqlite_result tt_sqlite_expire(struct tt_sqlite *db, bool *more,
    struct tt_error *err);

/* Closes the file: what is in the WAL moves into it, and the WAL goes. */
void tt_sqlite_destroy(struct tt_sqlite *db);

/* Opens the file, or makes it.  FAILED, with ERR set: it is no regular file, it
 * cannot be written, it belongs to another program or to a newer version; then not
 * one byte of it has changed.  One of ours that is damaged is set aside, and another
 * is begun. */
enum tt_sqlite_result tt_sqlite_open(struct tt_sqlite *db, struct tt_error *err);

/* Writes the N items in one transaction; opens the file if it is not open.  Where
 * the result is not OK, ERR says why.  If the file turns out to be damaged it is set
 * aside, and the items are written to another. */
enum tt_sqlite_result tt_sqlite_write(struct tt_sqlite *db,
    const struct tt_sqlite_item *items, size_t n, struct tt_error *err);

/* The frames that the last write, which was OK, left out of their channels and put
 * into the table `refused`; valid until the next call.  Stores their number in *N. */
const struct tt_sqlite_refused *tt_sqlite_refused(const struct tt_sqlite *db, size_t *n);

/* What was set aside in the last call, whatever that returned, and what it is called
 * now; or NULL. */
const char *tt_sqlite_note(const struct tt_sqlite *db);

/* Moves the WAL into the database file if it is over 16 MiB, or over a quarter of the
 * bytes that the file may have.  What was written is
 * safe whatever comes of it. */
enum tt_sqlite_result tt_sqlite_checkpoint(struct tt_sqlite *db, struct tt_error *err);

#endif
