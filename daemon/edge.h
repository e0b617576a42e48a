/* edge.h - the counters of a node, which all its threads share.
 *
 * Each node has two edges to its parent: `in`, what it takes from it, and `up`,
 * what it sends to it.  On every edge, at any time: frames in = frames out +
 * dropped + waiting. */
#ifndef TT_DAEMON_EDGE_H
#define TT_DAEMON_EDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/log.h"
#include "daemon/signal.h"

struct tt_flow {
	uint64_t frames_in, frames_out;
	uint64_t bytes_in, bytes_out;	/* payload */
	uint64_t dropped[TT_REASONS];
};

struct tt_edge {
	struct tt_flow in, up;
	uint64_t resent;
	uint64_t refused[TT_REASONS];
	uint64_t refused_undone;	/* dropped, in batches not yet done */
	uint64_t closes[TT_REASONS];
	uint64_t unfinished;		/* bytes */
	uint64_t restarts;		/* of a thread that had failed */
	bool been_up;			/* a thread of the node has entered, once at least */
	struct tt_log_limit failures;	/* lines about them */

	/* The node's gate: shut while shuts > 0.  Taps of the node that are ready
	 * wait here. */
	unsigned shuts;
	int64_t shut_since, shut_time;	/* ns */
	struct tt_tap *waiting, **waiting_end;
	struct tt_edge *next_open;	/* on the worker's list of open nodes, */
	bool is_open;			/* if it stands there */
};

#endif
