/* memory.c - allocations that a daemon cannot go on without. */
#include "daemon/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEMORY_PAGE 4096

/* Not the log, which may want memory itself. */
void
tt_memory_out(void)
{
	fputs("<2>out of memory\n", stderr);
	_exit(EXIT_FAILURE);
}

void *
tt_xcalloc(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (p == NULL)
		tt_memory_out();
	return p;
}

void *
tt_xmalloc(size_t size)
{
	void *p = malloc(size);

	if (p == NULL)
		tt_memory_out();
	return p;
}

void *
tt_xmalloc_aligned(size_t size)
{
	void *p = aligned_alloc(MEMORY_PAGE, (size + MEMORY_PAGE - 1) / MEMORY_PAGE *
	    MEMORY_PAGE);

	if (p == NULL)
		tt_memory_out();
	return p;
}

void *
tt_xrealloc(void *old, size_t size)
{
	void *p = realloc(old, size);

	if (p == NULL)
		tt_memory_out();
	return p;
}

char *
tt_xstrdup(const char *text)
{
	size_t size = strlen(text) + 1;

	return memcpy(tt_xmalloc(size), text, size);
}

void *
tt_xallocate(void *old, size_t size, const char *why)
{
	(void)why;
	if (size > 0)
		return tt_xrealloc(old, size);
	free(old);
	return NULL;
}
