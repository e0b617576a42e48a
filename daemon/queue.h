/* queue.h - a first-in first-out queue of signals with two heads.
 *
 * One writer and one reader, both on one worker: no locks.  The queue holds a
 * reference to the batch of every signal in it, and no memory while it is
 * empty.  What was taken but is not yet done is still in it, so that a reader
 * that failed can begin again. */
#ifndef TT_DAEMON_QUEUE_H
#define TT_DAEMON_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/signal.h"

struct tt_ring;

struct tt_queue {
	struct tt_ring *ring;		/* NULL while nothing is inside */
	int64_t bytes;			/* tt_batch_cost() of all that is inside */
	uint32_t done, taken, tail;	/* count up for ever, wrap at 2^32 */
	uint32_t frames;
};

void tt_queue_init(struct tt_queue *q);

/* Drops what is inside. */
void tt_queue_finish(struct tt_queue *q);

/* Appends SIG and takes its own reference to the batch.  Never fails. */
void tt_queue_put(struct tt_queue *q, struct tt_signal sig);

/* Takes the oldest signal not yet taken into *SIG.  Returns false if there is
 * none.  The reference stays Q's until tt_queue_done(). */
bool tt_queue_take(struct tt_queue *q, struct tt_signal *sig);

/* The oldest signal of all is done: stores it in *SIG, with the reference, which
 * is the caller's now.  There is one, and it was taken. */
void tt_queue_done(struct tt_queue *q, struct tt_signal *sig);

/* Removes the oldest signal not yet taken that may be dropped (data, and not the
 * last batch of an origin) and stores it in *SIG with its reference.  Returns
 * false if there is none. */
bool tt_queue_drop(struct tt_queue *q, struct tt_signal *sig);

/* The oldest signal of all, and the oldest not yet taken; NULL if there is none. */
const struct tt_signal *tt_queue_oldest(const struct tt_queue *q);
const struct tt_signal *tt_queue_next(const struct tt_queue *q);

/* What was taken and is not done is to be taken again. */
void tt_queue_rewind(struct tt_queue *q);

/* Gives the calling OS thread's free rings back. */
void tt_queue_trim_free_list(void);

/* Signals inside, and those of them not yet taken. */
static inline uint32_t
tt_queue_length(const struct tt_queue *q)
{
	return q->tail - q->done;
}

static inline uint32_t
tt_queue_waiting(const struct tt_queue *q)
{
	return q->tail - q->taken;
}

#endif
