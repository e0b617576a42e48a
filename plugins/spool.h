/* spool.h - the spool of a websocket master: what its log cannot keep in memory.
 *
 * What has waited in the log for 50 ms and is not confirmed by all is written to the
 * spool's file; while all confirm in time nothing is.  One write serves all
 * destinations.  A destination that lags behind what is in memory reads from the file.
 *
 * The file is written and read by two OS threads of its own, a job at a time for
 * each; everything here is called on the worker of the master. */
#ifndef TT_PLUGINS_SPOOL_H
#define TT_PLUGINS_SPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "config/schema.h"
#include "plugins/wslog.h"

struct tt_thread;
struct tt_spool;

/* What the file says. */
struct tt_spool_config {
	bool given;			/* false: off */
	const char *path;		/* absolute, or NULL: by the node's path */
	int64_t bytes;
	int64_t age;			/* ns; 0: any */
	int when_full;			/* enum tt_when_full: block, or drop the oldest */
};

extern const struct tt_option tt_spool_options[];

/* Resident bytes beside payload: two handles, and what waits between them. */
#define TT_SPOOL_RESIDENT (8 << 20)
/* Bytes of what was read ahead for one destination. */
#define TT_SPOOL_READER (8 << 20)

struct tt_spool_events {
	/* The file is open, and the saved cursors are known; or ERR says why not. */
	void (*opened)(struct tt_thread *self, const struct tt_error *err);
	/* More of the log is on disk: time for tt_wslog_release(). */
	void (*stored)(struct tt_thread *self);
	/* Something was read for C. */
	void (*read)(struct tt_thread *self, struct tt_wscursor *c);
	/* FRAMES that were on disk are gone, unconfirmed: dropped for want of room or
	 * for their age, or of a destination that is no longer in the file. */
	void (*gone)(struct tt_thread *self, bool removed, uint64_t frames);
	/* It cannot go on. */
	void (*failed)(struct tt_thread *self, const struct tt_error *err);
	/* The end of tt_spool_close(). */
	void (*closed)(struct tt_thread *self);
};

/* The file of NODE, as C has it, or by the node's path, into BUF: a relative one is
 * below state_dir. */
void tt_spool_name(const struct tt_node *node, const struct tt_spool_config *c,
    char *buf, size_t size);

/* A spool for SELF's LOG, whose channels are those of SELF's IN.  Opens PATH, which
 * is copied; opened() comes later.  A full disk, or a busy file, is tried again. */
struct tt_spool *tt_spool_open(struct tt_thread *self, struct tt_wslog *log,
    const struct tt_spool_config *config, const char *path,
    const struct tt_spool_events *events);

/* Behind the last position in the file, once it has been opened. */
uint64_t tt_spool_next(const struct tt_spool *spool);

/* Frames in the file. */
uint64_t tt_spool_frames(const struct tt_spool *spool);

/* Attaches C, of the destination NODE, where it stood when it was saved, or at the
 * end.  After opened(). */
void tt_spool_attach(struct tt_spool *spool, struct tt_wscursor *c, const char *node);

/* All destinations have been attached: saved cursors of others are given up. */
void tt_spool_complete(struct tt_spool *spool);

/* Looks what is to be written now.  HURRY, and from then on: at once where somebody
 * is away. */
void tt_spool_look(struct tt_spool *spool, bool hurry);

/* The log's starved(): C wants more from the file. */
void tt_spool_read(struct tt_spool *spool, struct tt_wscursor *c);

/* Frame I of BATCH is refused for good, for REASON (a word): kept in the file. */
void tt_spool_refuse(struct tt_spool *spool, const struct tt_batch *batch, uint32_t i,
    const char *reason);

/* Writes what is left, and the cursors, then calls closed(). */
void tt_spool_close(struct tt_spool *spool);

/* Ends it, closed or not.  NULL is no spool. */
void tt_spool_destroy(struct tt_spool *spool);

#endif
