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
void *tt_xrealloc(void *old, size_t size) __attribute__((alloc_size(2)));
char *tt_xstrdup(const char *text) __attribute__((malloc));

#endif
