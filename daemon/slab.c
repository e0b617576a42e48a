/* slab.c - memory of what comes and goes in crowds.
 *
 * A block is SLAB_BLOCK bytes at a multiple of that, so the block of a thing is found
 * from its address.  Blocks with room stand in a list for each size; one that is empty
 * goes back unless it is the only one with room, so that a thing that comes and goes
 * costs no system call. */
#include "daemon/slab.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "daemon/memory.h"

#define SLAB_BLOCK ((size_t)64 << 10)
#define SLAB_STEP 16			/* sizes are multiples of it */
#define SLAB_SIZES (TT_SLAB_MAX / SLAB_STEP)

struct slab_thing {
	struct slab_thing *next;
};

struct slab_block {
	struct slab_block *next, **prev;	/* among those with room; prev NULL: full */
	struct slab_thing *free;
	uint32_t fresh;			/* where what was never used begins */
	uint32_t used;			/* things */
};

/* The first thing of a block. */
#define SLAB_FIRST ((sizeof(struct slab_block) + SLAB_STEP - 1) / SLAB_STEP * SLAB_STEP)

static pthread_mutex_t slab_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct slab_block *slab_rooms[SLAB_SIZES];	/* of slab_mutex */
static size_t slab_total;

/* The sanitizers watch each thing of malloc(), and do not know ours. */
#if defined(__SANITIZE_ADDRESS__)
#define SLAB_OFF true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define SLAB_OFF true
#endif
#endif
#ifndef SLAB_OFF
#define SLAB_OFF false
#endif

static bool
slab_is_small(size_t size)
{
	return !SLAB_OFF && size > 0 && size <= TT_SLAB_MAX;
}

static void
slab_link(struct slab_block **list, struct slab_block *b)
{
	b->next = *list;
	b->prev = list;
	if (b->next != NULL)
		b->next->prev = &b->next;
	*list = b;
}

static void
slab_unlink(struct slab_block *b)
{
	*b->prev = b->next;
	if (b->next != NULL)
		b->next->prev = b->prev;
	b->prev = NULL;
}

/* Memory is mapped page by page as it is touched, so a block that is hardly used costs
 * little. */
static struct slab_block *
slab_map(void)
{
	char *at = mmap(NULL, 2 * SLAB_BLOCK, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t before;

	if (at == MAP_FAILED)
		tt_memory_out();
	before = -(uintptr_t)at % SLAB_BLOCK;
	if (before > 0)
		munmap(at, before);
	munmap(at + before + SLAB_BLOCK, SLAB_BLOCK - before);
	slab_total += SLAB_BLOCK;
	return (struct slab_block *)(void *)(at + before);
}

static void *
slab_take(struct slab_block **list, size_t size)
{
	struct slab_block *b = *list;
	void *thing;

	if (b == NULL) {
		b = slab_map();
		b->fresh = SLAB_FIRST;
		slab_link(list, b);
	}
	b->used++;
	if (b->free != NULL) {
		thing = b->free;
		b->free = b->free->next;
	} else {
		thing = (char *)b + b->fresh;
		b->fresh += size;
	}
	if (b->free == NULL && b->fresh + size > SLAB_BLOCK)
		slab_unlink(b);
	return thing;
}

static void
slab_give(struct slab_block **list, struct slab_thing *thing)
{
	struct slab_block *b = (struct slab_block *)((uintptr_t)thing &
	    ~(uintptr_t)(SLAB_BLOCK - 1));

	thing->next = b->free;
	b->free = thing;
	b->used--;
	if (b->prev == NULL)
		slab_link(list, b);
	if (b->used > 0 || (b->next == NULL && b->prev == list))
		return;
	slab_unlink(b);
	munmap(b, SLAB_BLOCK);
	slab_total -= SLAB_BLOCK;
}

void *
tt_slab_alloc(size_t size)
{
	size_t class = (size - 1) / SLAB_STEP;
	void *thing;

	if (!slab_is_small(size))
		return tt_xcalloc(1, size);
	pthread_mutex_lock(&slab_mutex);
	thing = slab_take(&slab_rooms[class], (class + 1) * SLAB_STEP);
	pthread_mutex_unlock(&slab_mutex);
	return memset(thing, 0, size);
}

void
tt_slab_free(void *thing, size_t size)
{
	if (thing == NULL)
		return;
	if (!slab_is_small(size)) {
		free(thing);
		return;
	}
	pthread_mutex_lock(&slab_mutex);
	slab_give(&slab_rooms[(size - 1) / SLAB_STEP], thing);
	pthread_mutex_unlock(&slab_mutex);
}

size_t
tt_slab_bytes(void)
{
	size_t total;

	pthread_mutex_lock(&slab_mutex);
	total = slab_total;
	pthread_mutex_unlock(&slab_mutex);
	return total;
}
