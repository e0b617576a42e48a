/* batch.c - chunks, batches and origins, and the free lists they come from.
 *
 * A read wants 256 KiB, and gives them back a moment later; a fresh mapping costs
 * a page fault for each 4 KiB.  So what is freed goes to a free list of the OS
 * thread, in classes of powers of two, and comes from there, most recent first
 * while it is still in the cache.  What is used and what lies there are together
 * never more than the budget. */
#include "daemon/batch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "config/node.h"
#include "daemon/memory.h"
#include "daemon/slab.h"
#include "daemon/tap.h"

/* Chunks of 2^8 to 2^18 bytes, batches of 1, 16, 256 and 4096 slices.  Larger
 * chunks are rare and go straight to malloc. */
#define BATCH_CHUNK_LEAST 8
#define BATCH_CHUNK_CLASSES 11
#define BATCH_ROOM_CLASSES 4
#define BATCH_CLASSES (BATCH_CHUNK_CLASSES + BATCH_ROOM_CLASSES)

struct batch_free {
	struct batch_free *next;
};

/* Belongs to the OS thread, so that no kind has to carry it along. */
static _Thread_local struct {
	struct batch_free *list[BATCH_CLASSES];
	int64_t bytes;
} batch_lists;

static unsigned
batch_chunk_class(uint32_t size)
{
	unsigned class = 0;

	while (size > (uint32_t)1 << (BATCH_CHUNK_LEAST + class))
		class++;
	return class;
}

static unsigned
batch_room_class(uint32_t room)
{
	return room <= 1 ? 0 : room <= 16 ? 1 : room <= 256 ? 2 : 3;
}

static uint32_t
batch_class_room(unsigned class)
{
	return (uint32_t)1 << (4 * class);
}

void
tt_batch_trim_free_lists(void)
{
	struct batch_free *item;
	int i;

	for (i = 0; i < BATCH_CLASSES; i++) {
		while ((item = batch_lists.list[i]) != NULL) {
			batch_lists.list[i] = item->next;
			free(item);
		}
	}
	batch_lists.bytes = 0;
}

int64_t
tt_batch_free_bytes(void)
{
	return batch_lists.bytes;
}

/* SIZE bytes from the list of CLASS, or new ones. */
static void *
batch_take(struct tt_memory *memory, unsigned class, size_t size)
{
	struct batch_free *item = batch_lists.list[class];

	atomic_fetch_add_explicit(&memory->used, (int64_t)size,
	    memory_order_relaxed);
	if (item != NULL) {
		batch_lists.list[class] = item->next;
		batch_lists.bytes -= (int64_t)size;
		return item;
	}
	if (batch_lists.bytes > 0 && batch_lists.bytes + atomic_load_explicit(
	    &memory->used, memory_order_relaxed) > memory->limit)
		tt_batch_trim_free_lists();
	return tt_xmalloc(size);
}

static void
batch_give(struct tt_memory *memory, unsigned class, void *p, size_t size)
{
	struct batch_free *item = p;

	atomic_fetch_sub_explicit(&memory->used, (int64_t)size,
	    memory_order_relaxed);
	item->next = batch_lists.list[class];
	batch_lists.list[class] = item;
	batch_lists.bytes += (int64_t)size;
}

/* --- origin -------------------------------------------------------------- */

struct tt_origin *
tt_origin_create(struct tt_memory *memory, const struct tt_node *node,
    uint64_t connection, const char *peer, const char *local)
{
	size_t peer_size = strlen(peer) + 1, local_size = strlen(local) + 1;
	struct tt_origin *o;

	o = tt_slab_alloc(sizeof *o + peer_size + local_size);
	atomic_init(&o->refs, 1);
	o->connection = connection;
	o->node = node;
	o->memory = memory;
	o->peer = memcpy(o->text, peer, peer_size);
	o->local = memcpy(o->text + peer_size, local, local_size);
	return o;
}

struct tt_origin *
tt_origin_ref(struct tt_origin *origin)
{
	atomic_fetch_add_explicit(&origin->refs, 1, memory_order_relaxed);
	return origin;
}

void
tt_origin_unref(struct tt_origin *origin)
{
	if (origin == NULL || atomic_fetch_sub_explicit(&origin->refs, 1,
	    memory_order_acq_rel) > 1)
		return;
	assert(origin->held == 0);
	tt_slab_free(origin, sizeof *origin + strlen(origin->peer) + 1 +
	    strlen(origin->local) + 1);
}

/* --- chunk --------------------------------------------------------------- */

struct tt_chunk *
tt_chunk_create(struct tt_origin *origin, uint32_t size)
{
	struct tt_chunk *c;
	unsigned class;

	if (size <= TT_READ_SIZE) {
		class = batch_chunk_class(size);
		size = (uint32_t)1 << (BATCH_CHUNK_LEAST + class);
		c = batch_take(origin->memory, class, sizeof *c + size);
	} else {
		c = tt_xmalloc(sizeof *c + size);
		atomic_fetch_add_explicit(&origin->memory->used,
		    (int64_t)(sizeof *c + size), memory_order_relaxed);
	}
	atomic_init(&c->refs, 1);
	c->size = size;
	c->used = 0;
	atomic_init(&c->released, false);
	c->origin = tt_origin_ref(origin);
	atomic_fetch_add_explicit(&origin->held, (int64_t)size,
	    memory_order_relaxed);
	return c;
}

struct tt_chunk *
tt_chunk_ref(struct tt_chunk *chunk)
{
	atomic_fetch_add_explicit(&chunk->refs, 1, memory_order_relaxed);
	return chunk;
}

static void
batch_leave_window(struct tt_origin *origin, uint32_t size)
{
	atomic_fetch_sub_explicit(&origin->held, (int64_t)size, memory_order_relaxed);
	if (origin->tap != NULL)
		tt_tap_held_fell(origin->tap);
}

void
tt_chunk_unref(struct tt_chunk *chunk)
{
	struct tt_origin *origin;
	uint32_t size;
	bool released;

	if (chunk == NULL || atomic_fetch_sub_explicit(&chunk->refs, 1,
	    memory_order_acq_rel) > 1)
		return;
	origin = chunk->origin;
	size = chunk->size;
	released = atomic_load_explicit(&chunk->released, memory_order_relaxed);
	if (size <= TT_READ_SIZE) {
		batch_give(origin->memory, batch_chunk_class(size), chunk,
		    sizeof *chunk + size);
	} else {
		atomic_fetch_sub_explicit(&origin->memory->used,
		    (int64_t)(sizeof *chunk + size), memory_order_relaxed);
		free(chunk);
	}
	if (!released)
		batch_leave_window(origin, size);
	tt_origin_unref(origin);
}

void
tt_chunk_release(struct tt_chunk *chunk)
{
	if (chunk != NULL && !atomic_exchange_explicit(&chunk->released, true,
	    memory_order_relaxed))
		batch_leave_window(chunk->origin, chunk->size);
}

struct tt_chunk *
tt_chunk_grow(struct tt_chunk *chunk, uint32_t size)
{
	struct tt_chunk *larger;

	if (size <= chunk->size)
		return chunk;
	larger = tt_chunk_create(chunk->origin, size);
	memcpy(larger->bytes, chunk->bytes, chunk->used);
	larger->used = chunk->used;
	tt_chunk_unref(chunk);
	return larger;
}

/* --- batch --------------------------------------------------------------- */

static size_t
batch_size(uint32_t room)
{
	return sizeof(struct tt_batch) + room * sizeof(struct tt_slice);
}

struct tt_batch *
tt_batch_create(struct tt_origin *origin, struct tt_chunk *chunk, uint32_t room)
{
	unsigned class = batch_room_class(room);
	struct tt_batch *b;

	assert(room <= TT_BATCH_MAX);
	room = batch_class_room(class);
	b = batch_take(origin->memory, BATCH_CHUNK_CLASSES + class,
	    batch_size(room));
	memset(b, 0, sizeof *b);
	atomic_init(&b->refs, 1);
	b->room = room;
	b->origin = tt_origin_ref(origin);
	if (chunk != NULL)
		b->chunk = tt_chunk_ref(chunk);
	return b;
}

struct tt_batch *
tt_batch_trim(struct tt_batch *batch)
{
	struct tt_batch *b;

	if (batch_class_room(batch_room_class(batch->n)) == batch->room)
		return batch;
	b = tt_batch_create(batch->origin, batch->chunk, batch->n);
	b->last = batch->last;
	b->n = batch->n;
	b->bytes = batch->bytes;
	b->first_seq = batch->first_seq;
	b->received_at = batch->received_at;
	memcpy(b->slices, batch->slices, batch->n * sizeof b->slices[0]);
	tt_batch_unref(batch);
	return b;
}

struct tt_batch *
tt_batch_ref(struct tt_batch *batch)
{
	atomic_fetch_add_explicit(&batch->refs, 1, memory_order_relaxed);
	return batch;
}

void
tt_batch_unref(struct tt_batch *batch)
{
	struct tt_origin *origin;

	if (batch == NULL || atomic_fetch_sub_explicit(&batch->refs, 1,
	    memory_order_acq_rel) > 1)
		return;
	origin = batch->origin;
	tt_chunk_unref(batch->chunk);
	batch_give(origin->memory, BATCH_CHUNK_CLASSES +
	    batch_room_class(batch->room), batch, batch_size(batch->room));
	tt_origin_unref(origin);
}
