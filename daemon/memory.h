/* memory.h - allocations that a daemon cannot go on without.
 *
 * Small ones of a fixed size: where memory is out they end the daemon, for
 * systemd to start it again.  One whose size a peer chose has a bound. */
#ifndef TT_DAEMON_MEMORY_H
#define TT_DAEMON_MEMORY_H

#include <stddef.h>

/* SIZE bytes of zeros; never NULL. */
void *tt_xcalloc(size_t n, size_t size) __attribute__((malloc, alloc_size(1, 2)));
void *tt_xmalloc(size_t size) __attribute__((malloc, alloc_size(1)));

/* SIZE bytes from the beginning of a page: the kernel copies from there at its best.
 * For free(). */
void *tt_xmalloc_aligned(size_t size) __attribute__((malloc, alloc_size(1)));

void *tt_xrealloc(void *old, size_t size) __attribute__((alloc_size(2)));
char *tt_xstrdup(const char *text) __attribute__((malloc));

/* For libwebsockets: frees OLD where SIZE is 0.  WHY is not looked at. */
void *tt_xallocate(void *old, size_t size, const char *why);

/* Says so, and ends the daemon with status 1. */
void tt_memory_out(void) __attribute__((noreturn));

#endif
