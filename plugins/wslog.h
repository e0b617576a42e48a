/* wslog.h - one log by position, with a pair of cursors for each destination.
 *
 * A websocket master owns the log and appends each batch that comes to it; every
 * frame gets the next position.  A destination reads by a cursor of its own.  Its
 * `sent` runs ahead, its `confirmed` follows, and when the connection is lost sent
 * goes back to confirmed.
 *
 *          on disk                    in memory
 *     |----------------|---------------------------------------|
 *                      head        done                        tail
 *                       held here   the appender's, until release() says done
 *
 * The log ends at the smallest confirmed cursor.  An entry is done when all have
 * confirmed it, or when it is on disk; then who appended it lets go.  What is done and
 * still wanted is held in memory as long as there is room, and read from the disk by
 * those that come later.  Without a spool nothing is on disk, and head is done. */
#ifndef TT_PLUGINS_WSLOG_H
#define TT_PLUGINS_WSLOG_H

#include <stdbool.h>
#include <stdint.h>

struct tt_batch;
struct tt_wscursor;

/* One batch in the log. */
struct tt_wsentry {
	const struct tt_batch *batch;	/* NULL: it was dropped */
	uint64_t first;			/* position of its first frame */
	uint64_t bytes;			/* payload */
	int64_t since;			/* log->now when it came */
	uint32_t n;			/* frames; may be 0 */
	uint32_t channel;
	bool held;			/* a reference of the log's */
};

struct tt_wslog {
	struct tt_wsentry *ring;
	uint64_t size;			/* of the ring: a power of two, or 0 */
	uint64_t head, done, tail;	/* entries, counted from the first ever */
	uint64_t next;			/* position of the next frame */
	uint64_t stored;		/* all before it, but what was dropped, is on disk */
					/* or confirmed by all; 0: there is no disk */
	/* Where positions were skipped at the last start, and how many frames were on
	 * disk before: the owner's, for tt_wscursor_frames(). */
	uint64_t base, old_end, old_frames;
	int64_t held;			/* cost of what is held, in bytes */
	int64_t now;			/* ns; the owner's to set */
	struct tt_wscursor *cursors;
	/* Called when a cursor has confirmed something: time for tt_wslog_release(),
	 * but not within this call.  May be NULL. */
	void (*confirmed)(struct tt_wslog *log);
	/* Called when C wants more from the disk, from c->read_next on: the answer is
	 * tt_wscursor_feed(), later.  Until then it is not called again for C. */
	void (*starved)(struct tt_wslog *log, struct tt_wscursor *c);
	/* Keeps frame I of BATCH, which a destination refuses for REASON.  Or NULL. */
	void (*refused)(struct tt_wslog *log, const struct tt_batch *batch, uint32_t i,
	    const char *reason);
};

/* Frames that were sent for the first time, and are not confirmed. */
struct tt_wsflight {
	uint64_t first, end;		/* positions; nothing but gaps in between */
	uint64_t frames, bytes;
};

/* A batch that was read from the disk for one cursor. */
struct tt_wssegment {
	struct tt_wssegment *next;
	struct tt_batch *batch;		/* a reference */
	uint64_t first;			/* position of its first frame */
	uint32_t channel;
};

struct tt_wscursor {
	struct tt_wslog *log;
	struct tt_wscursor *next;
	uint64_t entry;			/* where sent stood last, if it is in memory */
	uint64_t sent;			/* the position to be sent next */
	uint64_t sent_end;		/* behind the last frame that was really sent */
	uint64_t seen;			/* behind the last that ever was, by this log */
	uint64_t legal;			/* behind the last that may be acknowledged */
	uint64_t confirmed;		/* all before it are safe */
	struct tt_wsflight *flights;	/* a ring of `room`, a power of two, oldest first */
	unsigned flight, n_flights, room;
	bool away;			/* it has no connection: the owner's to set */
	const char *node;		/* whose it is: its path, or NULL; the owner's */

	/* What was read from the disk for it, oldest first. */
	struct tt_wssegment *segments, **segments_end;
	int64_t segment_bytes;		/* their cost */
	uint64_t read_next;		/* where to read on; all before is in segments, */
					/* or was sent */
	unsigned generation;		/* of segments: feed() of an older one is late */
	bool reading;			/* starved() was called, and not answered */

	/* Frames and payload bytes that were confirmed, of those that take() called
	 * fresh.  For the owner to take and set to 0. */
	uint64_t out_frames, out_bytes;
	/* Frames that were sent at least once, and lost from the log before they were
	 * confirmed.  Likewise. */
	uint64_t lost_frames;
};

/* Frames that stand next to each other, with consecutive positions. */
struct tt_wsspan {
	const struct tt_batch *batch;
	uint32_t channel;
	uint32_t at, n;			/* slices of the batch */
	uint64_t position;		/* of slice `at` */
};

/* An empty log, whose first frame will have position FIRST. */
void tt_wslog_init(struct tt_wslog *log, uint64_t first);
void tt_wslog_finish(struct tt_wslog *log);

/* Appends BATCH: N frames with BYTES of payload on CHANNEL, the master's IN. */
void tt_wslog_append(struct tt_wslog *log, const struct tt_batch *batch,
    uint32_t channel, uint32_t n, uint64_t bytes);

/* Returns how many of the oldest batches are done: confirmed by all cursors, or on
 * disk (without a cursor that is all).  They are no longer the caller's to keep. */
unsigned tt_wslog_release(struct tt_wslog *log);

/* All before POSITION is on disk. */
void tt_wslog_stored(struct tt_wslog *log, uint64_t position);

/* Lets go of the oldest that is held, until it costs LIMIT at most. */
void tt_wslog_evict(struct tt_wslog *log, int64_t limit);

/* Drops the oldest batch that is not done, which there is, whatever the cursors still
 * need of it: it is done then.  Returns how many of its frames some cursor had not
 * confirmed. */
uint32_t tt_wslog_drop(struct tt_wslog *log);

/* Frames from FIRST to END, on disk, are gone: no cursor waits for them. */
void tt_wslog_lose(struct tt_wslog *log, uint64_t first, uint64_t end);

/* The smallest position that a cursor has not confirmed; without a cursor the end. */
uint64_t tt_wslog_least(const struct tt_wslog *log);

/* Entry I, one of head to tail. */
static inline struct tt_wsentry *
tt_wslog_entry(const struct tt_wslog *log, uint64_t i)
{
	return &log->ring[i & (log->size - 1)];
}

/* Puts C, uninitialised, at the end of LOG.  What is there already is not for it,
 * and counts as sent and confirmed. */
void tt_wscursor_attach(struct tt_wscursor *c, struct tt_wslog *log);

/* The same, but it has confirmed all before POSITION only: the rest is to come, from
 * the disk first. */
void tt_wscursor_attach_at(struct tt_wscursor *c, struct tt_wslog *log,
    uint64_t position);

/* Gives C up: the log waits for it no longer. */
void tt_wscursor_detach(struct tt_wscursor *c);

/* Says in *SPAN what is to be sent next, up to the end of its batch.  Returns false
 * at the end of the log, or where it is still to be read from the disk.  What SPAN
 * points to lives up to the next call for C. */
bool tt_wscursor_peek(struct tt_wscursor *c, struct tt_wsspan *span);

/* The next N frames of SPAN, BYTES in all, have been sent.  Returns how many of them
 * were sent for the first time, the last ones, and their payload in *FRESH_BYTES. */
uint64_t tt_wscursor_take(struct tt_wscursor *c, const struct tt_wsspan *span,
    uint32_t n, uint64_t bytes, uint64_t *fresh_bytes);

/* The next N frames of the span are passed over: never sent, and confirmed with what
 * is sent before them.  Returns how many were passed for the first time. */
uint64_t tt_wscursor_pass(struct tt_wscursor *c, uint32_t n);

/* All before POSITION is safe.  A POSITION that is behind, or beyond `legal`, changes
 * nothing.  What is confirmed is not sent again. */
void tt_wscursor_confirm(struct tt_wscursor *c, uint64_t position);

/* Sent goes back to confirmed. */
void tt_wscursor_rewind(struct tt_wscursor *c);

/* The answer to starved(), asked in GENERATION: segments FIRST (NULL: none), which
 * are taken over, and where to read on. */
void tt_wscursor_feed(struct tt_wscursor *c, unsigned generation,
    struct tt_wssegment *first, uint64_t read_next);

/* True if something that was sent is not confirmed. */
static inline bool
tt_wscursor_is_waiting(const struct tt_wscursor *c)
{
	return c->confirmed < c->sent_end;
}

/* Frames that C has not confirmed, as well as that is known. */
uint64_t tt_wscursor_frames(const struct tt_wscursor *c);

/* Positions still to be sent; more than the frames where positions were skipped. */
static inline uint64_t
tt_wscursor_behind(const struct tt_wscursor *c)
{
	return c->log->next - c->sent;
}

#endif
