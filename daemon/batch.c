/* batch.c - chunks, batches and origins, and the free lists they come from.
 *
 * A read wants 256 KiB, and gives them back a moment later; a fresh mapping costs
 * a page fault for each 4 KiB.  So what is freed goes to a free list of the OS
 * thread, in classes of powers of two, and comes from there, most recent first
 * while it is still in the cache.  What is used and what lies there are together
 * never more than the budget.
 *
 * Where workers share the budget, a batch is made on one and freed on another.  So
 * what an OS thread has too much of goes to a pool, all of one class at once, and
 * comes from there likewise: one lock for a MiB. */
#include "daemon/batch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "config/node.h"
#include "daemon/memory.h"
#include "daemon/slab.h"
#include "daemon/tap.h"
#include "daemon/thread.h"
#include "daemon/worker.h"

/* Chunks of 2^8 to 2^18 bytes, batches of 1, 16, 256 and 4096 slices.  Larger
 * chunks are rare and go straight to malloc. */
#define BATCH_CHUNK_LEAST 8
#define BATCH_CHUNK_CLASSES 11
#define BATCH_ROOM_CLASSES 4
_Static_assert(BATCH_CHUNK_CLASSES + BATCH_ROOM_CLASSES == TT_BATCH_CLASSES,
    "classes");

/* What one OS thread keeps is handed over from here on. */
#define BATCH_KEPT (TT_BATCH_LOCAL / 2)

/* The first of those that lie in the pool together knows of the others. */
struct tt_free {
	struct tt_free *next;		/* of its class */
	struct tt_free *next_chain;	/* in the pool */
	int64_t bytes;			/* of this chain */
};

struct batch_list {
	struct tt_free *first;
	int64_t bytes;
};

/* Belongs to the OS thread, so that no kind has to carry it along. */
static _Thread_local struct {
	struct batch_list list[TT_BATCH_CLASSES];
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

static void
batch_free_chain(struct tt_free *item)
{
	struct tt_free *next;

	for (; item != NULL; item = next) {
		next = item->next;
		free(item);
	}
}

void
tt_batch_trim_free_lists(void)
{
	int i;

	for (i = 0; i < TT_BATCH_CLASSES; i++) {
		batch_free_chain(batch_lists.list[i].first);
		batch_lists.list[i] = (struct batch_list){ NULL, 0 };
	}
	batch_lists.bytes = 0;
}

int64_t
tt_batch_free_bytes(void)
{
	return batch_lists.bytes;
}

/* --- what is shared ------------------------------------------------------ */

void
tt_memory_init(struct tt_memory *memory, bool shared)
{
	memory->shared = shared;
	pthread_mutex_init(&memory->pool_mutex, NULL);
}

void
tt_memory_finish(struct tt_memory *memory)
{
	tt_memory_trim(memory);
	pthread_mutex_destroy(&memory->pool_mutex);
}

void
tt_memory_trim(struct tt_memory *memory)
{
	struct tt_free *chains[TT_BATCH_CLASSES], *next;
	int i;

	if (!memory->shared)
		return;
	pthread_mutex_lock(&memory->pool_mutex);
	memcpy(chains, memory->pool, sizeof chains);
	memset(memory->pool, 0, sizeof memory->pool);
	atomic_store(&memory->pool_bytes, 0);
	pthread_mutex_unlock(&memory->pool_mutex);
	for (i = 0; i < TT_BATCH_CLASSES; i++) {
		for (; chains[i] != NULL; chains[i] = next) {
			next = chains[i]->next_chain;
			batch_free_chain(chains[i]);
		}
	}
}

/* All of the class that has most goes to the pool. */
static void
batch_hand_over(struct tt_memory *memory)
{
	struct batch_list *most = &batch_lists.list[0];
	struct tt_free *chain;
	int i;

	for (i = 1; i < TT_BATCH_CLASSES; i++)
		if (batch_lists.list[i].bytes > most->bytes)
			most = &batch_lists.list[i];
	chain = most->first;
	chain->bytes = most->bytes;
	i = (int)(most - batch_lists.list);
	batch_lists.bytes -= most->bytes;
	*most = (struct batch_list){ NULL, 0 };
	pthread_mutex_lock(&memory->pool_mutex);
	chain->next_chain = memory->pool[i];
	memory->pool[i] = chain;
	atomic_fetch_add_explicit(&memory->pool_bytes, chain->bytes,
	    memory_order_relaxed);
	pthread_mutex_unlock(&memory->pool_mutex);
}

/* The list of CLASS is empty: what the pool has for it. */
static void
batch_fetch(struct tt_memory *memory, unsigned class)
{
	struct batch_list *list = &batch_lists.list[class];
	struct tt_free *chain;

	pthread_mutex_lock(&memory->pool_mutex);
	chain = memory->pool[class];
	if (chain != NULL) {
		memory->pool[class] = chain->next_chain;
		atomic_fetch_sub_explicit(&memory->pool_bytes, chain->bytes,
		    memory_order_relaxed);
	}
	pthread_mutex_unlock(&memory->pool_mutex);
	if (chain == NULL)
		return;
	list->first = chain;
	list->bytes = chain->bytes;
	batch_lists.bytes += chain->bytes;
}

/* --- taking and giving --------------------------------------------------- */

/* SIZE bytes that no list has. */
static void *
batch_new(struct tt_memory *memory, size_t size)
{
	int64_t pool = atomic_load_explicit(&memory->pool_bytes, memory_order_relaxed);

	if (batch_lists.bytes + pool > 0 && batch_lists.bytes + pool +
	    atomic_load_explicit(&memory->used, memory_order_relaxed) > memory->limit) {
		tt_batch_trim_free_lists();
		tt_memory_trim(memory);
	}
	return tt_xmalloc(size);
}

/* SIZE bytes from the list of CLASS, or new ones. */
static void *
batch_take(struct tt_memory *memory, unsigned class, size_t size)
{
	struct batch_list *list = &batch_lists.list[class];
	struct tt_free *item;

	atomic_fetch_add_explicit(&memory->used, (int64_t)size,
	    memory_order_relaxed);
	if (list->first == NULL && memory->shared && atomic_load_explicit(
	    &memory->pool_bytes, memory_order_relaxed) > 0)
		batch_fetch(memory, class);
	item = list->first;
	if (item == NULL)
		return batch_new(memory, size);
	list->first = item->next;
	list->bytes -= (int64_t)size;
	batch_lists.bytes -= (int64_t)size;
	return item;
}

static void
batch_give(struct tt_memory *memory, unsigned class, void *p, size_t size)
{
	struct batch_list *list = &batch_lists.list[class];
	struct tt_free *item = p;

	atomic_fetch_sub_explicit(&memory->used, (int64_t)size,
	    memory_order_relaxed);
	item->next = list->first;
	list->first = item;
	list->bytes += (int64_t)size;
	batch_lists.bytes += (int64_t)size;
	if (batch_lists.bytes > BATCH_KEPT && memory->shared)
		batch_hand_over(memory);
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
	memcpy(o->text + peer_size, local, local_size);
	return o;
}

const char *
tt_origin_local(const struct tt_origin *origin)
{
	return origin->text + strlen(origin->text) + 1;
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
	    strlen(tt_origin_local(origin)) + 1);
}

void
tt_origin_tell(struct tt_origin *origin, struct tt_thread *self)
{
	assert(self->kind->completed != NULL);
	origin->worker = self->worker;
	origin->thread = self;
	origin->tells = true;
}

void
tt_origin_forget(struct tt_origin *origin)
{
	origin->thread = NULL;
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
	atomic_fetch_sub(&origin->held, (int64_t)size);
	if (atomic_load(&origin->at_window))
		tt_tap_held_fell(origin);
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
