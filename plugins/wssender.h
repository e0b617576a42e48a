/* wssender.h - from a log, by a cursor, into blocks of messages.
 *
 * Takes frames at the cursor, in order, and encodes them: consecutive positions into
 * one message where the format has batches, as far as they wait.  Frames on channels
 * that are not wanted, and those that cannot be sent, are passed over and end a
 * message. */
#ifndef TT_PLUGINS_WSSENDER_H
#define TT_PLUGINS_WSSENDER_H

#include "plugins/wsformat.h"
#include "plugins/wslog.h"

struct tt_wssender {
	struct tt_wscursor *cursor;
	struct tt_wsformat format;
	struct tt_wsblock block;
	const char *const *channels;	/* names, by the log's number */
	const bool *takes;		/* likewise: is it wanted */
	/* Called for each frame that cannot be sent, the first time. */
	void (*refused)(void *arg, const struct tt_wsitem *item,
	    enum tt_wsformat_verdict verdict);
	void *arg;
	/* Frames that were sent for the first time, their payload, and those that were
	 * sent again.  For the owner to take and set to 0. */
	uint64_t in_frames, in_bytes, resent;
	uint64_t next;			/* position behind the last frame */
	uint64_t load;			/* payload, and a byte for each frame, in all */
};

/* Prepares S, whose other members the caller sets; tt_wsformat_init() comes besides. */
void tt_wssender_init(struct tt_wssender *s);
void tt_wssender_finish(struct tt_wssender *s);

/* Fills the block, from its beginning, with messages, until it is full, the log ends,
 * or LIMIT of load has been added (1 or more; the last frame may exceed it).  A frame
 * that is larger than a block makes one of its own.  There is always room behind
 * `block.used` for a ping. */
void tt_wssender_fill(struct tt_wssender *s, uint64_t limit);

/* The block has been written: gives back what it was larger than usual. */
void tt_wssender_written(struct tt_wssender *s);

#endif
