/* slab.h - memory of what comes and goes in crowds: threads, and what belongs to them.
 *
 * Things of one size stand together in blocks, and a block goes back to the system
 * when the last of its things has gone.  So ten thousand connections leave nothing
 * behind, where pieces that live longer would keep the heap from shrinking.
 *
 * Safe from any OS thread; there is one lock, so it is for what comes and goes with a
 * connection, not with a frame. */
#ifndef TT_DAEMON_SLAB_H
#define TT_DAEMON_SLAB_H

#include <stddef.h>

/* Largest thing that stands in a block; larger ones come from malloc(). */
#define TT_SLAB_MAX 2048

/* SIZE bytes of zeros, aligned for anything; never NULL: where memory is out the daemon
 * ends, see memory.h. */
void *tt_slab_alloc(size_t size) __attribute__((malloc, alloc_size(1)));

/* Gives back what tt_slab_alloc(SIZE) returned.  Takes NULL. */
void tt_slab_free(void *thing, size_t size);

/* Bytes of the blocks that are there now. */
size_t tt_slab_bytes(void);

#endif
