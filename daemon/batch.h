/* batch.h - frames as slices of one chunk, and where they came from.
 *
 * A read makes a chunk; the frames found in it travel together as one batch.
 * Chunk, batch and origin are reference-counted, and immutable once they have
 * been sent, so threads on two workers share them without a lock.
 *
 * A batch counts twice.  `refs` keeps its memory.  `owed` is the number of
 * durable users that have not answered for it yet; when the last one has, the
 * batch is complete and its origin is told. */
#ifndef TT_DAEMON_BATCH_H
#define TT_DAEMON_BATCH_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/signal.h"

struct tt_node;
struct tt_tap;
struct tt_thread;
struct tt_worker;

/* Classes of free chunks and batches. */
#define TT_BATCH_CLASSES 15

/* The bound of all payload in the daemon: chunks, batches and slices, with their
 * headers.  Taps read while `used` is below `limit` - `reserve`; the reserve is
 * for the connection whose unfinished frame is the oldest. */
struct tt_memory {
	int64_t limit;
	int64_t reserve;
	_Atomic int64_t used;
	_Atomic uint64_t tickets;	/* the next number of a frame that stays unfinished */
	_Atomic unsigned thirsty;	/* workers that sleep while their taps wait for room */

	/* What several workers have freed and may use again.  Where there is one it
	 * keeps all itself. */
	bool shared;
	_Atomic int64_t pool_bytes;
	pthread_mutex_t pool_mutex;	/* of this: */
	struct tt_free *pool[TT_BATCH_CLASSES];
};

/* Where frames come from: one connection, from accept until its last batch has
 * been freed.  May outlive its thread. */
struct tt_origin {
	_Atomic unsigned refs;
	uint8_t close_reason;		/* enum tt_reason; NONE while open */
	bool tells;			/* `thread` is told what is answered for; set as */
					/* `worker` is */
	_Atomic bool at_window;		/* the tap waits for `held` to fall */
	uint64_t connection;		/* its number, below 2^53 */
	const struct tt_node *node;	/* of the connection */
	struct tt_memory *memory;
	struct tt_worker *worker;	/* of thread and tap: set before anything is sent */
	struct tt_thread *thread;	/* NULL once it has gone; its worker's only */
	struct tt_tap *tap;		/* NULL once it has stopped; its worker's only */
	_Atomic int64_t held;		/* bytes of chunks that live and were not released */
	_Atomic uint64_t lost;		/* the first frame of a batch that was dropped, or */
					/* 0: no count may reach it */
	int64_t opened_at;		/* ns since 1970 */
	int64_t closed_at;		/* 0 while open */
	const char *peer;		/* "127.0.0.1:45678", "unix:/path" */
	char text[];			/* that, and what tt_origin_local() returns */
};

/* The bytes of one read, or of one frame that was put together. */
struct tt_chunk {
	_Atomic unsigned refs;
	uint32_t size;			/* room in bytes[] */
	uint32_t used;
	_Atomic bool released;		/* it counts in its origin's `held` no longer */
	struct tt_origin *origin;
	uint8_t bytes[];
};

struct tt_slice {
	uint32_t at, length;		/* in the chunk's bytes */
};

/* Most slices of a batch. */
#define TT_BATCH_MAX 4096

struct tt_batch {
	_Atomic unsigned refs;
	unsigned owed;			/* main worker only, once sent */
	bool sent;			/* owed has been set */
	bool last;			/* the origin's last on this channel; n may be 0 */
	bool dropped;			/* the worst answer: a queue dropped it */
	uint32_t n;
	uint32_t room;			/* slices[] */
	uint64_t bytes;			/* payload of the n slices */
	struct tt_origin *origin;
	struct tt_chunk *chunk;		/* NULL where n is 0 */
	uint64_t first_seq;		/* of slice 0: the frame's number, from 1 */
	int64_t received_at;		/* ns since 1970, of the read that completed it */
	struct tt_slice slices[];
};

/* Makes an origin for NODE with copies of PEER and LOCAL and one reference. */
struct tt_origin *tt_origin_create(struct tt_memory *memory, const struct tt_node *node,
    uint64_t connection, const char *peer, const char *local);
struct tt_origin *tt_origin_ref(struct tt_origin *origin);
const char *tt_origin_local(const struct tt_origin *origin);
void tt_origin_unref(struct tt_origin *origin);

/* SELF's kind is told by completed(), on SELF's worker, of the batches of ORIGIN, until
 * tt_origin_forget().  To be called before the first of them is sent. */
void tt_origin_tell(struct tt_origin *origin, struct tt_thread *self);
void tt_origin_forget(struct tt_origin *origin);

/* Makes a chunk with room for SIZE bytes, none used, charged to ORIGIN and to the
 * budget, with one reference.  SIZE must have a bound of the caller's. */
struct tt_chunk *tt_chunk_create(struct tt_origin *origin, uint32_t size);
struct tt_chunk *tt_chunk_ref(struct tt_chunk *chunk);
void tt_chunk_unref(struct tt_chunk *chunk);

/* CHUNK is kept by somebody for whom its connection need not wait: it leaves `held`,
 * the connection's window, and still counts in the memory.  NULL changes nothing. */
void tt_chunk_release(struct tt_chunk *chunk);

/* Returns CHUNK with room for SIZE bytes at least, its used bytes kept; the
 * caller holds the only reference, which moves to the returned one. */
struct tt_chunk *tt_chunk_grow(struct tt_chunk *chunk, uint32_t size);

/* Makes an empty batch of slices of CHUNK (NULL: only for a `last` without
 * frames) with room for ROOM of them, at most TT_BATCH_MAX; takes references of
 * its own to ORIGIN and CHUNK.  received_at and first_seq are the caller's to
 * set. */
struct tt_batch *tt_batch_create(struct tt_origin *origin, struct tt_chunk *chunk,
    uint32_t room);

/* Adds a slice; there is room. */
static inline void
tt_batch_add(struct tt_batch *batch, uint32_t at, uint32_t length)
{
	batch->slices[batch->n].at = at;
	batch->slices[batch->n].length = length;
	batch->n++;
	batch->bytes += length;
}

/* Returns BATCH, not yet sent, in as little memory as its slices need.  BATCH
 * itself may be gone. */
struct tt_batch *tt_batch_trim(struct tt_batch *batch);

struct tt_batch *tt_batch_ref(struct tt_batch *batch);
void tt_batch_unref(struct tt_batch *batch);

/* What BATCH counts in a queue, in bytes: payload, slices and headers. */
static inline int64_t
tt_batch_cost(const struct tt_batch *batch)
{
	return (int64_t)(batch->bytes + sizeof *batch +
	    batch->n * sizeof batch->slices[0]);
}

/* The bytes of slice I. */
static inline const uint8_t *
tt_batch_bytes(const struct tt_batch *batch, uint32_t i)
{
	return batch->chunk->bytes + batch->slices[i].at;
}

/* Gives the calling OS thread's free lists back to the system; and what MEMORY's
 * workers share. */
void tt_batch_trim_free_lists(void);
void tt_memory_trim(struct tt_memory *memory);

/* Prepares MEMORY, whose limits are set, for SHARED, several OS threads. */
void tt_memory_init(struct tt_memory *memory, bool shared);
void tt_memory_finish(struct tt_memory *memory);

/* Most bytes that lie on the free lists of an OS thread beside what they share. */
#define TT_BATCH_LOCAL (2 << 20)

/* What lies on them, in bytes. */
int64_t tt_batch_free_bytes(void);

#endif
