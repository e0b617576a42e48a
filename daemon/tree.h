/* tree.h - the live tree of a document: start, run, stop. */
#ifndef TT_DAEMON_TREE_H
#define TT_DAEMON_TREE_H

#include <stdatomic.h>

#include "config/node.h"
#include "daemon/batch.h"
#include "daemon/ids.h"
#include "daemon/offload.h"
#include "daemon/thread.h"
#include "daemon/worker.h"

enum tt_phase {
	TT_STARTING,		/* threads enter, users before sources */
	TT_READY,		/* all have entered, the taps are open */
	TT_DRAINING,		/* nothing new comes in; until nothing is outstanding */
	TT_TAKING_DOWN,		/* threads close, children first */
	TT_ENDED,
};

struct tt_tree {
	const struct tt_document *doc;
	const struct tt_kind *const *kinds;
	enum tt_phase phase;
	int status;			/* the exit status so far */
	struct tt_status *shown;	/* to systemd, or NULL */
	_Atomic bool hurried;		/* nothing is waited for any more */
	uint32_t last_id;		/* of a thread on demand */
	struct tt_memory memory;
	struct tt_ids *ids;
	struct tt_offload *ids_offload, *resolve_offload;
	const struct tt_kind **node_kinds;	/* by node index */
	unsigned n_loops;		/* workers[]: the main one, then those that only */
	struct tt_worker **workers;	/* have connections */
	struct tt_worker *main;
	struct tt_worker **blocking;	/* by node index, NULL where it does not block */
	struct tt_gate *gates;		/* by node index */
	unsigned draining;		/* workers that have yet to drain */
	struct tt_thread *root;
	struct tt_timer deadline, last_deadline;
	/* Called when all have entered. */
	void (*ready)(struct tt_tree *tree);
	/* Called when nothing is left, or what is left hangs. */
	void (*ended)(struct tt_tree *tree);
};

/* Makes the live tree of DOC, whose kinds are in KINDS (NULL ends it): opens the
 * state_dir.  DOC and KINDS must outlive it.  Returns NULL with ERR set. */
struct tt_tree *tt_tree_create(const struct tt_document *doc,
    const struct tt_kind *const *kinds, struct tt_error *err);
void tt_tree_destroy(struct tt_tree *tree);

/* Starts the root, and so the others; they enter in the turns of the main worker
 * that follow. */
void tt_tree_start(struct tt_tree *tree);

/* Starts every thread and runs the main worker until the tree has ended.
 * Returns the exit status: 0 stopped in order, 1 failed. */
int tt_tree_run(struct tt_tree *tree);

/* Asks for the stop: the first call drains, the second takes down at once. */
void tt_tree_stop(struct tt_tree *tree);

/* A thread that is not on demand has failed: the daemon ends with status 1. */
void tt_tree_fail(struct tt_tree *tree);

/* Where a new thread of NODE lives, whose parent lives on HOME: a connection beneath the
 * main worker on the one with the least to do, which counts it in its load. */
struct tt_worker *tt_tree_place(struct tt_tree *tree, const struct tt_node *node,
    struct tt_worker *home);

/* The thread that was placed there has gone. */
void tt_tree_leave(const struct tt_node *node, struct tt_worker *worker,
    const struct tt_worker *home);

/* What is outstanding: begun on any worker, and not ended.  From any OS thread; 0 is
 * certain, anything else a guess.  And what ever began. */
int64_t tt_tree_outstanding(const struct tt_tree *tree);
uint64_t tt_tree_begun(const struct tt_tree *tree);

/* For the machine: all threads have entered; the root has gone, for REASON; a turn
 * of the main worker is over. */
void tt_tree_entered(struct tt_tree *tree);
void tt_tree_gone(struct tt_tree *tree, enum tt_reason reason);
void tt_tree_turn(struct tt_tree *tree);

#endif
