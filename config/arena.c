/* arena.c - memory that is given back all at once. */
#include "config/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARENA_BLOCK 4096

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	max_align_t bytes[];
};

struct tt_arena {
	struct arena_block *blocks;	/* the first is the one in use */
};

void *
tt_arena_must(void *p)
{
	if (p == NULL) {
		fputs("taskthreadd: memory is out\n", stderr);
		_exit(EXIT_FAILURE);
	}
	return p;
}

struct tt_arena *
tt_arena_create(void)
{
	return tt_arena_must(calloc(1, sizeof(struct tt_arena)));
}

void
tt_arena_destroy(struct tt_arena *arena)
{
	struct arena_block *block, *next;

	if (arena == NULL)
		return;
	for (block = arena->blocks; block != NULL; block = next) {
		next = block->next;
		free(block);
	}
	free(arena);
}

void *
tt_arena_alloc(struct tt_arena *arena, size_t size)
{
	const size_t align = _Alignof(max_align_t);
	struct arena_block *block = arena->blocks;
	size_t room = ARENA_BLOCK;
	void *p;

	size = (size + align - 1) / align * align;
	if (block == NULL || block->size - block->used < size) {
		if (room < size)
			room = size;
		block = tt_arena_must(calloc(1, sizeof(*block) + room));
		block->size = room;
		/* A large piece fills its block: the one in use stays first. */
		if (size == room && arena->blocks != NULL) {
			block->next = arena->blocks->next;
			arena->blocks->next = block;
		} else {
			block->next = arena->blocks;
			arena->blocks = block;
		}
	}
	p = (char *)block->bytes + block->used;
	block->used += size;
	return p;
}

char *
tt_arena_text(struct tt_arena *arena, const char *text, size_t size)
{
	char *copy = tt_arena_alloc(arena, size + 1);

	if (size > 0)
		memcpy(copy, text, size);
	return copy;
}

char *
tt_arena_format(struct tt_arena *arena, const char *format, ...)
{
	va_list ap;
	char *text;
	int n;

	va_start(ap, format);
	n = vsnprintf(NULL, 0, format, ap);
	va_end(ap);
	text = tt_arena_alloc(arena, n < 0 ? 1 : (size_t)n + 1);
	va_start(ap, format);
	vsnprintf(text, n < 0 ? 1 : (size_t)n + 1, format, ap);
	va_end(ap);
	return text;
}
