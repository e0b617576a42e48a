/* queue.c - a ring of signals with two heads.
 *
 * Most queues are empty most of the time, and of those that are not most hold a
 * few signals for a moment.  So an empty queue has no ring, and the smallest
 * rings come from a free list of the OS thread. */
#include "daemon/queue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/batch.h"
#include "daemon/memory.h"

#define QUEUE_LEAST 8
#define QUEUE_KEPT 64		/* rings on the free list */

struct tt_ring {
	union {
		uint32_t size;		/* of at[]: a power of two */
		struct tt_ring *next;	/* on the free list: all are of the least */
	} u;
	struct tt_signal at[];
};

static _Thread_local struct {
	struct tt_ring *first;
	unsigned n;
} queue_rings;

static struct tt_ring *
queue_ring_take(uint32_t size)
{
	struct tt_ring *ring = queue_rings.first;

	if (size > QUEUE_LEAST || ring == NULL) {
		ring = tt_xmalloc(sizeof *ring + size * sizeof ring->at[0]);
	} else {
		queue_rings.first = ring->u.next;
		queue_rings.n--;
	}
	ring->u.size = size;
	return ring;
}

static void
queue_ring_give(struct tt_ring *ring)
{
	if (ring->u.size > QUEUE_LEAST || queue_rings.n == QUEUE_KEPT) {
		free(ring);
		return;
	}
	ring->u.next = queue_rings.first;
	queue_rings.first = ring;
	queue_rings.n++;
}

void
tt_queue_trim_free_list(void)
{
	struct tt_ring *ring;

	while ((ring = queue_rings.first) != NULL) {
		queue_rings.first = ring->u.next;
		free(ring);
	}
	queue_rings.n = 0;
}

static struct tt_signal *
queue_at(const struct tt_queue *q, uint32_t i)
{
	return &q->ring->at[i & (q->ring->u.size - 1)];
}

/* Gives the ring back once nothing is inside. */
static void
queue_shrink(struct tt_queue *q)
{
	if (q->done != q->tail || q->ring == NULL)
		return;
	queue_ring_give(q->ring);
	q->ring = NULL;
}

static void
queue_grow(struct tt_queue *q)
{
	uint32_t i, size = q->ring != NULL ? 2 * q->ring->u.size : QUEUE_LEAST;
	struct tt_ring *ring = queue_ring_take(size);

	for (i = q->done; i != q->tail; i++)
		ring->at[i & (size - 1)] = *queue_at(q, i);
	if (q->ring != NULL)
		queue_ring_give(q->ring);
	q->ring = ring;
}

static void
queue_count(struct tt_queue *q, const struct tt_signal *sig, int sign)
{
	if (sig->batch == NULL)
		return;
	q->bytes += sign * tt_batch_cost(sig->batch);
	q->frames += (uint32_t)sign * sig->batch->n;
}

void
tt_queue_init(struct tt_queue *q)
{
	memset(q, 0, sizeof *q);
}

void
tt_queue_finish(struct tt_queue *q)
{
	for (; q->done != q->tail; q->done++)
		tt_batch_unref(queue_at(q, q->done)->batch);
	queue_shrink(q);
	tt_queue_init(q);
}

void
tt_queue_put(struct tt_queue *q, struct tt_signal sig)
{
	if (q->ring == NULL || q->tail - q->done == q->ring->u.size)
		queue_grow(q);
	if (sig.batch != NULL)
		tt_batch_ref(sig.batch);
	queue_count(q, &sig, 1);
	*queue_at(q, q->tail++) = sig;
}

bool
tt_queue_take(struct tt_queue *q, struct tt_signal *sig)
{
	if (q->taken == q->tail)
		return false;
	*sig = *queue_at(q, q->taken++);
	return true;
}

void
tt_queue_done(struct tt_queue *q, struct tt_signal *sig)
{
	assert(q->done != q->taken);
	*sig = *queue_at(q, q->done++);
	queue_count(q, sig, -1);
	queue_shrink(q);
}

bool
tt_queue_drop(struct tt_queue *q, struct tt_signal *sig)
{
	uint32_t i;

	for (i = q->taken; i != q->tail; i++) {
		*sig = *queue_at(q, i);
		if (sig->type == TT_DATA && sig->batch != NULL && !sig->batch->last)
			break;
	}
	if (i == q->tail)
		return false;
	/* Those before it close the gap: few, as drops are rare. */
	for (; i != q->done; i--)
		*queue_at(q, i) = *queue_at(q, i - 1);
	q->done++;
	q->taken++;
	queue_count(q, sig, -1);
	queue_shrink(q);
	return true;
}

const struct tt_signal *
tt_queue_oldest(const struct tt_queue *q)
{
	return q->done != q->tail ? queue_at(q, q->done) : NULL;
}

const struct tt_signal *
tt_queue_next(const struct tt_queue *q)
{
	return q->taken != q->tail ? queue_at(q, q->taken) : NULL;
}

void
tt_queue_rewind(struct tt_queue *q)
{
	q->taken = q->done;
}
