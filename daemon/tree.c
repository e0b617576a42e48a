/* tree.c - start, run, stop.
 *
 *      starting --all entered--> ready --stop--> draining --nothing outstanding-->
 *      taking down --root gone--> ended
 *
 * The gates of all taps are shut while starting, and again as soon as each connection
 * has read, once and by itself, what was there when the drain began. */
#include "daemon/tree.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config/document.h"
#include "daemon/life.h"
#include "daemon/log.h"
#include "daemon/memory.h"
#include "daemon/resolve.h"
#include "daemon/status.h"
#include "daemon/tap.h"

#define TREE_LAST_DEADLINE 3000000000	/* ns after all hurry, for a call that hangs */

static void
tree_find_kinds(struct tt_tree *tree)
{
	const struct tt_document *doc = tree->doc;
	unsigned i, k;

	for (i = 0; i < doc->n_nodes; i++) {
		for (k = 0; tree->kinds[k] != NULL; k++)
			if (&tree->kinds[k]->schema == doc->nodes[i]->schema)
				break;
		assert(tree->kinds[k] != NULL);
		/* It answers from afar for all it takes, and has no children. */
		assert((doc->nodes[i]->schema->flags & TT_BLOCKING) == 0 ||
		    ((doc->nodes[i]->schema->flags & TT_KEEPS) != 0 &&
		    doc->nodes[i]->n_children == 0));
		tree->node_kinds[i] = tree->kinds[k];
	}
}

/* The main one is for the calling OS thread. */
static int
tree_make_loops(struct tt_tree *tree, struct tt_error *err)
{
	unsigned n = tt_document_workers(tree->doc);
	struct tt_worker *w;

	tree->workers = tt_xcalloc(n, sizeof tree->workers[0]);
	while (tree->n_loops < n) {
		w = tt_worker_create(tree, tree->doc->n_nodes, err);
		if (w == NULL)
			return -1;
		w->index = tree->n_loops;
		if (n > 1)
			w->outboxes = tt_xcalloc(n, sizeof w->outboxes[0]);
		tree->workers[tree->n_loops++] = w;
	}
	tree->main = tree->workers[0];
	return 0;
}

static int
tree_start_loops(struct tt_tree *tree, struct tt_error *err)
{
	char name[32];
	unsigned i;

	for (i = 1; i < tree->n_loops; i++) {
		snprintf(name, sizeof name, "worker %u", i);
		if (tt_worker_start(tree->workers[i], name, err) != 0)
			return -1;
	}
	return 0;
}

static int
tree_start_workers(struct tt_tree *tree, struct tt_error *err)
{
	const struct tt_document *doc = tree->doc;
	struct tt_worker *w;
	unsigned i;

	for (i = 0; i < doc->n_nodes; i++) {
		if ((doc->nodes[i]->schema->flags & TT_BLOCKING) == 0)
			continue;
		w = tt_worker_create(tree, doc->n_nodes, err);
		if (w == NULL)
			return -1;
		tree->blocking[i] = w;
		w->blocking = true;
		if (tt_worker_start(w, doc->nodes[i]->schema->name, err) != 0)
			return -1;
	}
	return 0;
}

static void
tree_gates(struct tt_tree *tree, void (*turn)(struct tt_worker *worker,
    const struct tt_node *node))
{
	unsigned i;

	for (i = 0; i < tree->doc->n_nodes; i++)
		if ((tree->doc->nodes[i]->schema->flags & TT_TAP) != 0)
			turn(tree->main, tree->doc->nodes[i]);
}

struct tt_tree *
tt_tree_create(const struct tt_document *doc, const struct tt_kind *const *kinds,
    struct tt_error *err)
{
	struct tt_tree *tree = tt_xcalloc(1, sizeof *tree);

	tree->doc = doc;
	tree->kinds = kinds;
	tree->memory.limit = doc->daemon.memory;
	tree->memory.reserve = doc->frame_max + TT_READ_SIZE;
	tt_memory_init(&tree->memory, tt_document_workers(doc) > 1);
	tree->gates = tt_xcalloc(doc->n_nodes, sizeof tree->gates[0]);
	tree->node_kinds = tt_xcalloc(doc->n_nodes, sizeof tree->node_kinds[0]);
	tree->blocking = tt_xcalloc(doc->n_nodes, sizeof tree->blocking[0]);
	tree_find_kinds(tree);
	tree->ids = tt_ids_open(doc->daemon.state_dir, err);
	if (tree->ids == NULL)
		goto fail;
	if (tree_make_loops(tree, err) != 0)
		goto fail;
	if (tree_start_workers(tree, err) != 0 || tree_start_loops(tree, err) != 0)
		goto fail;
	tree->ids_offload = tt_offload_create(tree->main, "ids");
	tree->resolve_offload = tt_offload_create(tree->main, "resolve");
	tt_ids_use(tree->ids, tree->ids_offload);
	return tree;
fail:
	tt_tree_destroy(tree);
	return NULL;
}

void
tt_tree_destroy(struct tt_tree *tree)
{
	unsigned i;

	if (tree == NULL)
		return;
	for (i = 0; i < tree->doc->n_nodes; i++)
		if (tree->blocking[i] != NULL)
			tt_worker_join(tree->blocking[i]);
	for (i = 1; i < tree->n_loops; i++)
		tt_worker_join(tree->workers[i]);
	/* Nobody posts any more. */
	for (i = 0; i < tree->doc->n_nodes; i++)
		tt_worker_destroy(tree->blocking[i]);
	for (i = 1; i < tree->n_loops; i++)
		tt_worker_destroy(tree->workers[i]);
	if (tree->ids_offload != NULL)
		tt_offload_destroy(tree->ids_offload, tt_ids_discard);
	if (tree->resolve_offload != NULL)
		tt_offload_destroy(tree->resolve_offload, tt_resolve_discard);
	if (tree->n_loops > 0)
		tt_worker_destroy(tree->workers[0]);
	tt_memory_finish(&tree->memory);
	tt_ids_close(tree->ids);
	free(tree->workers);
	free(tree->gates);
	free(tree->node_kinds);
	free(tree->blocking);
	free(tree);
}

/* --- workers ------------------------------------------------------------- */

struct tt_worker *
tt_tree_place(struct tt_tree *tree, const struct tt_node *node, struct tt_worker *home)
{
	struct tt_worker *best = tree->main;
	unsigned i;

	if (tree->blocking[node->index] != NULL)
		return tree->blocking[node->index];
	if (!tt_node_is_spread(node) || home != tree->main)
		return home;
	for (i = 1; i < tree->n_loops; i++)
		if (tree->workers[i]->load < best->load)
			best = tree->workers[i];
	best->load++;
	return best;
}

void
tt_tree_leave(const struct tt_node *node, struct tt_worker *worker,
    const struct tt_worker *home)
{
	if (tt_node_is_spread(node) && home == home->tree->main)
		worker->load--;
}

/* Adds up one counter of all workers. */
static uint64_t
tree_sum(const struct tt_tree *tree, bool begun)
{
	const struct tt_worker *w;
	uint64_t sum = 0;
	unsigned i;

	for (i = 0; i < tree->n_loops + tree->doc->n_nodes; i++) {
		w = i < tree->n_loops ? tree->workers[i] :
		    tree->blocking[i - tree->n_loops];
		if (w != NULL)
			sum += atomic_load_explicit(begun ? &w->begun : &w->ended,
			    memory_order_acquire);
	}
	return sum;
}

/* Each of the two sums only grows, and what has ended never is more than what has begun.
 * So if all that began until later is what had ended before, then nothing was left in
 * between. */
int64_t
tt_tree_outstanding(const struct tt_tree *tree)
{
	uint64_t ended = tree_sum(tree, false);

	return (int64_t)(tree_sum(tree, true) - ended);
}

uint64_t
tt_tree_begun(const struct tt_tree *tree)
{
	return tree_sum(tree, true);
}

/* --- running ------------------------------------------------------------- */

void
tt_tree_start(struct tt_tree *tree)
{
	struct tt_error err = { "" };

	tree->phase = TT_STARTING;
	tt_worker_clock(tree->main);
	tree_gates(tree, tt_gate_shut);
	tt_thread_create(NULL, tree->doc->root, tree->main, NULL, NULL, &err);
}

int
tt_tree_run(struct tt_tree *tree)
{
	tt_tree_start(tree);
	tt_worker_run(tree->main);
	return tree->status;
}

void
tt_tree_entered(struct tt_tree *tree)
{
	if (tree->phase != TT_STARTING)
		return;
	tree->phase = TT_READY;
	tree_gates(tree, tt_gate_open);
	if (tree->ready != NULL)
		tree->ready(tree);
}

static void
tree_last_deadline(struct tt_timer *timer)
{
	struct tt_tree *tree = timer->thread->worker->tree;

	if (tree->ended != NULL)
		tree->ended(tree);
	tt_log(TT_LOG_ERROR, NULL, "a thread does not end: the daemon ends "
	    "without it");
	_exit(1);
}

/* From now on nothing is waited for. */
static void
tree_hurry(struct tt_tree *tree)
{
	tree->phase = TT_TAKING_DOWN;
	if (atomic_exchange(&tree->hurried, true))
		return;
	tt_timer_init(&tree->last_deadline, tree->root, tree_last_deadline);
	tt_timer_start(&tree->last_deadline, TREE_LAST_DEADLINE);
	tt_thread_hurry(tree->root);
}

static void
tree_deadline(struct tt_timer *timer)
{
	struct tt_tree *tree = timer->thread->worker->tree;

	tt_log(TT_LOG_ERROR, NULL, "stop_timeout has passed with %lld signals and "
	    "batches outstanding", (long long)tt_tree_outstanding(tree));
	tree->status = 1;
	tree_hurry(tree);
}

/* On the main worker: the threads of one more have read what they may. */
static void
tree_drained(void *subject, uint64_t value, void *more)
{
	struct tt_tree *tree = subject;

	(void)value, (void)more;
	if (--tree->draining == 0)
		tree_gates(tree, tt_gate_shut);
	tt_end(tree->main);
}

/* On another worker, behind the drain of its threads. */
static void
tree_drain_reached(void *subject, uint64_t value, void *more)
{
	struct tt_tree *tree = subject;

	(void)value, (void)more;
	tt_worker_send(tree->main, (struct tt_message){
	    .handle = tree_drained, .subject = tree });
	tt_end(tt_worker_here());
}

void
tt_tree_stop(struct tt_tree *tree)
{
	unsigned i;

	if (tree->phase == TT_DRAINING || tree->phase == TT_TAKING_DOWN)
		tree->status = 1;
	if (tree->phase != TT_READY) {
		if (tree->phase != TT_ENDED)
			tree_hurry(tree);
		return;
	}
	tree->phase = TT_DRAINING;
	tt_timer_init(&tree->deadline, tree->root, tree_deadline);
	tt_timer_start(&tree->deadline, tree->doc->daemon.stop_timeout);
	tt_thread_drain(tree->root);
	tree->draining = tree->n_loops - 1;
	for (i = 1; i < tree->n_loops; i++)
		tt_worker_send(tree->workers[i], (struct tt_message){
		    .handle = tree_drain_reached, .subject = tree });
	if (tree->draining == 0)
		tree_gates(tree, tt_gate_shut);
}

void
tt_tree_fail(struct tt_tree *tree)
{
	tree->status = 1;
	if (tree->phase == TT_STARTING || tree->phase == TT_READY)
		tt_tree_stop(tree);
}

/* Nothing runs, and nothing is outstanding: what was read is in its sinks. */
void
tt_tree_turn(struct tt_tree *tree)
{
	const struct tt_worker *w = tree->main;

	tt_status_phase(tree->shown);
	if (tree->phase != TT_DRAINING || w->run_first != NULL ||
	    w->tap_first != NULL || tt_tree_outstanding(tree) > 0)
		return;
	tree->phase = TT_TAKING_DOWN;
	tt_close(tree->root, TT_REASON_STOP);
}

void
tt_tree_gone(struct tt_tree *tree, enum tt_reason reason)
{
	tree->phase = TT_ENDED;
	if (reason == TT_REASON_FAILED)
		tree->status = 1;
	tt_timer_stop(&tree->deadline);
	tt_timer_stop(&tree->last_deadline);
	if (tree->ended != NULL)
		tree->ended(tree);
	tree->main->stop = true;
}
