/* wslog.h - one log by position, with a pair of cursors for each destination.
 *
 * A websocket master owns the log and appends each batch that comes to it; every
 * frame gets the next position.  A destination reads by a cursor of its own.  Its
 * `sent` runs ahead, its `confirmed` follows, and when the connection is lost sent
 * goes back to confirmed.  The log ends at the smallest confirmed cursor: batches
 * before it are released, in order.
 *
 * The log holds pointers to batches, and no references: whoever appends keeps them
 * until they have been released. */
#ifndef TT_PLUGINS_WSLOG_H
#define TT_PLUGINS_WSLOG_H

#include <stdbool.h>
#include <stdint.h>

struct tt_batch;
struct tt_wscursor;

/* One batch in the log. */
struct tt_wsentry {
	const struct tt_batch *batch;
	uint64_t first;			/* position of its first frame */
	uint64_t bytes;			/* payload */
	uint32_t n;			/* frames; may be 0 */
	uint32_t channel;
};

struct tt_wslog {
	struct tt_wsentry *ring;
	uint64_t size;			/* of the ring: a power of two, or 0 */
	uint64_t head, tail;		/* entries, counted from the first ever */
	uint64_t next;			/* position of the next frame */
	struct tt_wscursor *cursors;
	/* Called when a cursor has confirmed a whole entry: time for
	 * tt_wslog_release(), but not within this call.  May be NULL. */
	void (*confirmed)(struct tt_wslog *log);
};

/* Frames of one entry that will never be sent. */
struct tt_wsgap {
	uint64_t entry;
	uint64_t frames, bytes;
};

struct tt_wscursor {
	struct tt_wslog *log;
	struct tt_wscursor *next;
	uint64_t entry;			/* where sent stands: this entry, */
	uint32_t at;			/* and so many of its frames are behind it */
	uint64_t sent;			/* the position to be sent next */
	uint64_t sent_end;		/* behind the last frame that was really sent */
	uint64_t seen;			/* behind the last that ever was, on any connection */
	uint64_t confirmed;		/* all before it are safe */
	uint64_t done;			/* entries before it are confirmed as a whole */
	struct tt_wsgap *gaps;		/* of entries from `done` on, in order */
	unsigned n_gaps, room;
	/* Frames and payload bytes of entries that were confirmed as a whole, without
	 * those that were passed over.  For the owner to take and set to 0. */
	uint64_t out_frames, out_bytes;
	/* Frames that were sent at least once, and dropped from the log before they
	 * were confirmed.  Likewise. */
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

/* Takes the oldest batches, those that every cursor has confirmed, out of the log.
 * Returns how many.  Without a cursor that is all. */
unsigned tt_wslog_release(struct tt_wslog *log);

/* Drops the oldest batch, which there is, whatever the cursors still need of it.
 * Returns how many of its frames some cursor had not confirmed. */
uint32_t tt_wslog_drop(struct tt_wslog *log);

/* Puts C, uninitialised, at the end of LOG.  What is there already is not for it,
 * and counts as sent and confirmed. */
void tt_wscursor_attach(struct tt_wscursor *c, struct tt_wslog *log);

/* Gives C up: the log waits for it no longer. */
void tt_wscursor_detach(struct tt_wscursor *c);

/* Says in *SPAN what is to be sent next, up to the end of its batch.  Returns false
 * at the end of the log. */
bool tt_wscursor_peek(struct tt_wscursor *c, struct tt_wsspan *span);

/* The next N frames of the span have been sent.  Returns how many of them were sent
 * for the first time: the last ones. */
uint64_t tt_wscursor_take(struct tt_wscursor *c, uint32_t n);

/* The next N frames of the span, BYTES in all, are passed over: never sent, and
 * confirmed with what is sent before them.  Returns how many were passed for the
 * first time. */
uint64_t tt_wscursor_pass(struct tt_wscursor *c, uint32_t n, uint64_t bytes);

/* All before POSITION is safe.  A POSITION that is behind, or beyond `seen`, changes
 * nothing.  What is confirmed is not sent again. */
void tt_wscursor_confirm(struct tt_wscursor *c, uint64_t position);

/* Sent goes back to confirmed. */
void tt_wscursor_rewind(struct tt_wscursor *c);

/* True if something that was sent is not confirmed. */
static inline bool
tt_wscursor_is_waiting(const struct tt_wscursor *c)
{
	return c->confirmed < c->sent_end;
}

/* Positions still to be sent. */
static inline uint64_t
tt_wscursor_behind(const struct tt_wscursor *c)
{
	return c->log->next - c->sent;
}

#endif
