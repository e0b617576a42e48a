/* edge.h - the counters of a node, which all its threads on a worker share.
 *
 * Each node has two edges to its parent: `in`, what it takes from it, and `up`,
 * what it sends to it.  On every edge, at any time: frames in = frames out +
 * dropped + waiting, where all workers' are added up: what crosses from one to
 * another is counted in by who sends it, and out by who takes it.
 *
 * Only the worker whose edge it is counts there; all may read. */
#ifndef TT_DAEMON_EDGE_H
#define TT_DAEMON_EDGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/log.h"
#include "daemon/signal.h"

/* Adds N to a counter that only the calling OS thread changes: so a load and a store
 * will do.  Who has read that something came out will read that it came in. */
static inline void
tt_count(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter,
	    memory_order_relaxed) + n, memory_order_release);
}

struct tt_flow {
	_Atomic uint64_t frames_in, frames_out;
	_Atomic uint64_t bytes_in, bytes_out;	/* payload */
	_Atomic uint64_t dropped[TT_REASONS];
};

struct tt_edge {
	struct tt_flow in, up;
	_Atomic uint64_t resent;
	_Atomic uint64_t refused[TT_REASONS];
	uint64_t refused_undone;	/* dropped, in batches not yet done; at home */
	_Atomic uint64_t closes[TT_REASONS];
	_Atomic uint64_t unfinished;		/* bytes */
	_Atomic uint64_t restarts;		/* of a thread that had failed */
	bool been_up;			/* a thread of the node has entered, once at least */
	struct tt_log_limit failures;	/* lines about them */

	/* Taps of the node that are ready while its gate is shut. */
	struct tt_tap *waiting, **waiting_end;
	struct tt_edge *next_open;	/* on the worker's list of open nodes, */
	bool is_open;			/* if it stands there */
};

/* A node's gate, once for all workers: its taps read while it is open.  The main
 * worker turns it, all may look. */
struct tt_gate {
	unsigned shuts;			/* shut while > 0; the main worker's only */
	_Atomic int64_t clock;		/* ns that it was shut in all; while it is shut */
					/* that, less the time when it was: below 0 */
};

#endif
