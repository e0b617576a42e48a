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

static _Thread_local struct {
	void *first;
	unsigned n;
} queue_rings;

static struct tt_signal *
queue_ring_take(uint32_t size)
{
	void *ring = queue_rings.first;

	if (size > QUEUE_LEAST || ring == NULL)
		return tt_xmalloc(size * sizeof(struct tt_signal));
	memcpy(&queue_rings.first, ring, sizeof queue_rings.first);
	queue_rings.n--;
	return ring;
}

static void
queue_ring_give(struct tt_signal *ring, uint32_t size)
{
	if (size > QUEUE_LEAST || queue_rings.n == QUEUE_KEPT) {
		free(ring);
		return;
	}
	memcpy(ring, &queue_rings.first, sizeof queue_rings.first);
	queue_rings.first = ring;
	queue_rings.n++;
}

void
tt_queue_trim_free_list(void)
{
	void *ring;

	while ((ring = queue_rings.first) != NULL) {
		memcpy(&queue_rings.first, ring, sizeof queue_rings.first);
		free(ring);
	}
	queue_rings.n = 0;
}

static struct tt_signal *
queue_at(const struct tt_queue *q, uint32_t i)
{
	return &q->ring[i & (q->size - 1)];
}

/* Gives the ring back once nothing is inside. */
static void
queue_shrink(struct tt_queue *q)
{
	if (q->done != q->tail || q->ring == NULL)
		return;
	queue_ring_give(q->ring, q->size);
	q->ring = NULL;
	q->size = 0;
}

static void
queue_grow(struct tt_queue *q)
{
	uint32_t i, size = q->size > 0 ? 2 * q->size : QUEUE_LEAST;
	struct tt_signal *ring = queue_ring_take(size);

	for (i = q->done; i != q->tail; i++)
		ring[i & (size - 1)] = *queue_at(q, i);
	if (q->ring != NULL)
		queue_ring_give(q->ring, q->size);
	q->ring = ring;
	q->size = size;
}

static void
queue_count(struct tt_queue *q, const struct tt_signal *sig, int sign)
{
	if (sig->batch == NULL)
		return;
	q->bytes += sign * tt_batch_cost(sig->batch);
	q->frames += (uint64_t)(int64_t)sign * sig->batch->n;
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
	if (q->tail - q->done == q->size)
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

void
tt_queue_rewind(struct tt_queue *q)
{
	q->taken = q->done;
}
