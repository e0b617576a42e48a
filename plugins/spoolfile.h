/* spoolfile.h - the spool of a websocket master: a log on disk, by position.
 *
 * A row is a batch: frames with consecutive positions, all of one connection and
 * channel, with all that a message says of them.  Beside the rows stand the cursors
 * of the destinations, by node path, and the frames that were refused.  A write is
 * one transaction and synced: all of it is in the file, or nothing.
 *
 * Two handles, each for one OS thread: the writer's and a reader's.  Every call may
 * block. */
#ifndef TT_PLUGINS_SPOOLFILE_H
#define TT_PLUGINS_SPOOLFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/error.h"
#include "plugins/sqlite.h"		/* enum tt_sqlite_result */

struct tt_batch;
struct tt_spoolfile;
struct tt_spoolreader;

/* A batch to be written: its frames have positions FIRST, FIRST + 1, ... */
struct tt_spool_row {
	const struct tt_batch *batch;	/* n > 0 */
	uint64_t first;
	const char *channel;		/* its name */
};

/* All before CONFIRMED is safe at the destination with that node path. */
struct tt_spool_cursor {
	const char *node;
	uint64_t confirmed;
};

/* A frame that a destination refuses for good. */
struct tt_spool_refused {
	const struct tt_batch *batch;
	uint32_t i;			/* its slice */
	const char *reason;		/* a word */
};

/* One transaction.  Any part may be empty. */
struct tt_spool_write {
	const struct tt_spool_row *rows;	/* positions grow */
	size_t n_rows;
	const struct tt_spool_cursor *cursors;	/* to be stored; others stay */
	size_t n_cursors;
	const char *const *removed;		/* node paths whose cursors go */
	size_t n_removed;
	const struct tt_spool_refused *refused;
	size_t n_refused;
	bool replace;			/* a reader met damage: sets the file aside first */
	uint64_t trim;			/* rows whose frames are all before it go */
	int64_t drop_before;		/* so do those received before this time, oldest */
					/* first up to one that was not; 0: none */
	int64_t drop_bytes;		/* and the oldest rows with so much payload */
};

/* What is in the file. */
struct tt_spool_state {
	uint64_t first, next;		/* positions of the first frame, and behind the */
					/* last; equal: there is none */
	uint64_t frames;		/* in rows that have not been trimmed */
	int64_t bytes;			/* of file pages in use, with what is in the WAL */
	int64_t oldest;			/* received_at of the first row, 0: none */
	uint64_t dropped;		/* frames that the last write took away by */
					/* drop_before and drop_bytes */
	bool more;			/* there was more to take away than one write may */
	bool cursors_lost;		/* to damage, before it was opened: who has none */
					/* begins at the first frame; known until */
					/* cursors are written */
	unsigned n_aside;		/* times that damage was set aside, by this handle */
};

/* Prepares the use of the file PATH (absolute, must outlive it) and does not touch
 * it yet. */
struct tt_spoolfile *tt_spoolfile_create(const char *path);

/* Closes the file. */
void tt_spoolfile_destroy(struct tt_spoolfile *file);

/* Opens the file, or makes it, and says what is in it.  A damaged file of ours is
 * renamed to PATH.damaged-YYYYMMDDTHHMMSSZ (its WAL with it), what can be read of
 * rows and cursors is copied into a new one, and NOTE says so (it is empty
 * otherwise).  FAILED, with ERR set: no regular file, not to be written, another
 * program's, or a newer version's: then not one byte of it has changed. */
enum tt_sqlite_result tt_spoolfile_open(struct tt_spoolfile *file,
    struct tt_spool_state *state, struct tt_error *note, struct tt_error *err);

/* The cursors in the open file: calls FUNCTION for each.  Only right after it was
 * opened, or written to. */
enum tt_sqlite_result tt_spoolfile_cursors(struct tt_spoolfile *file,
    void (*function)(void *arg, const char *node, uint64_t confirmed), void *arg,
    struct tt_error *err);

/* One transaction; opens the file again if it is not open.  Trims at most so much
 * that the transaction stays short (64 MiB of rows); state->first says how far it
 * came.  Where the result is not OK nothing of WRITE is in the file, and ERR says
 * why; but on a full disk what `trim` says may have gone.  BROKEN has closed it: the next call opens it anew, and sets damage aside as
 * tt_spoolfile_open() does, with a NOTE. */
enum tt_sqlite_result tt_spoolfile_write(struct tt_spoolfile *file,
    const struct tt_spool_write *write, struct tt_spool_state *state,
    struct tt_error *note, struct tt_error *err);

/* Moves the WAL into the file if it is over 16 MiB, or over 512 KiB and larger than
 * what is in the file.  A write that was OK has done so. */
enum tt_sqlite_result tt_spoolfile_checkpoint(struct tt_spoolfile *file,
    struct tt_error *err);

/* One row as it was read.  All pointers are into the block that holds it. */
struct tt_spool_found {
	struct tt_spool_found *next;
	uint64_t first;			/* position of its first frame */
	uint32_t n;			/* frames */
	uint64_t connection, first_seq;
	int64_t received_at;
	const char *channel, *node, *peer, *local;
	const uint32_t *lengths;	/* of the N frames */
	const uint8_t *payload;		/* one behind the other */
	size_t size;			/* bytes of it all */
};

/* What one read has found: one allocation for each row. */
struct tt_spool_block {
	struct tt_spool_found *first;
	uint64_t next;			/* where to read on: behind the last row, or */
					/* behind what was damaged or not there */
	uint64_t damaged;		/* frames that were left out: checksums are wrong */
	bool end;			/* there is nothing behind it */
};

struct tt_spoolreader *tt_spoolreader_create(const char *path);
void tt_spoolreader_destroy(struct tt_spoolreader *reader);

/* FAILED: the file is damaged; the writer is to replace it.
 * Reads the row that has the frame at POSITION (from this frame on: what is before
 * it in the row is left out), or the first row behind it, and those that follow, up
 * to MOST bytes of payload and at least one row.  OK, or what kept it from reading,
 * with ERR set; BLOCK is empty then. */
enum tt_sqlite_result tt_spoolreader_read(struct tt_spoolreader *reader,
    uint64_t position, size_t most, struct tt_spool_block *block,
    struct tt_error *err);

void tt_spool_block_free(struct tt_spool_block *block);

#endif
