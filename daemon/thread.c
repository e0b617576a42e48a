/* thread.c - the life of threads.
 *
 *                       tt_entered()           tt_close(), TERMINATE
 *      new -> entering -------------> running -----------------------> closing
 *                |                                                        |
 *                | enter() failed                 children gone, closing() over
 *                v                                                        v
 *              gone <-------------------------- exit() ---------------- exiting
 *
 *      gone, having failed --(pause)--> new
 *
 * A thread's children enter one after the other, users before sources, each with
 * all beneath it; they end in the opposite order.  Steps of closing threads are
 * taken between the run list and the loop, never inside a handler. */
#include "daemon/thread.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/inbox.h"
#include "daemon/life.h"
#include "daemon/log.h"
#include "daemon/rest.h"
#include "daemon/route.h"
#include "daemon/slab.h"
#include "daemon/tree.h"
#include "daemon/worker.h"

#define THREAD_FAILURES 10		/* lines a second that say why, for each node */

static void thread_start_children(struct tt_thread *thread);
static void thread_bury(struct tt_thread *child);

/* It lives on another worker than its parent: one that blocks, or one on demand that is
 * spread, with all beneath it. */
static bool
thread_is_remote(const struct tt_thread *thread)
{
	return thread->worker != thread->home.worker;
}

static bool
thread_blocks(const struct tt_thread *thread)
{
	return thread->worker->blocking;
}

static void
thread_post(struct tt_worker *worker, struct tt_thread *thread,
    void (*handle)(void *subject, uint64_t value, void *more))
{
	tt_worker_post(worker, (struct tt_message){ .handle = handle,
	    .subject = thread });
}

static bool
thread_is_on_demand(const struct tt_thread *thread)
{
	return thread->node->pattern;
}

/* --- siblings ------------------------------------------------------------ */

/* Those that stand in the file come first, so that finding one of them does not
 * walk past ten thousand connections. */
static void
thread_link(struct tt_thread *parent, struct tt_thread *child)
{
	struct tt_thread **at = thread_is_on_demand(child) ?
	    parent->children_end : &parent->children;

	child->next = *at;
	child->prev = at;
	*at = child;
	if (child->next != NULL)
		child->next->prev = &child->next;
	else
		parent->children_end = &child->next;
}

static void
thread_unlink(struct tt_thread *child)
{
	*child->prev = child->next;
	if (child->next != NULL)
		child->next->prev = child->prev;
	else
		child->parent->children_end = child->prev;
}

struct tt_thread *
tt_find_child(struct tt_thread *self, const char *key, uint32_t id)
{
	struct tt_thread *child;

	for (child = self->children; child != NULL; child = child->next)
		if (child->id == id && strcmp(child->node->key, key) == 0)
			return child;
	return NULL;
}

/* --- entering ------------------------------------------------------------ */

/* THREAD and all beneath it have entered.  Nobody waits for one on demand. */
static void
thread_is_up(struct tt_thread *thread)
{
	struct tt_thread *parent = thread->parent;

	tt_route_open(thread);
	if (thread_is_on_demand(thread))
		return;
	thread->home.worker->edges[thread->node->index].been_up = true;
	if (parent == NULL) {
		tt_tree_entered(thread->worker->tree);
	} else if (parent->awaited == thread) {
		parent->awaited = NULL;
		thread_start_children(parent);
	}
}

/* The child of NODE that THREAD, started again, had before; or NULL. */
static struct tt_thread *
thread_take_shell(struct tt_thread *thread, const struct tt_node *node)
{
	struct tt_thread **at = &thread->shells, *shell;

	while ((shell = *at) != NULL && shell->node != node)
		at = &shell->next;
	if (shell != NULL)
		*at = shell->next;
	return shell;
}

/* Starts children until one enters later; then it goes on from there. */
static void
thread_start_children(struct tt_thread *thread)
{
	const struct tt_node *node;
	struct tt_thread *child;
	struct tt_error err = { "" };

	while (thread->stage > 0 && thread->state == TT_RUNNING) {
		node = thread->node->flow[--thread->stage];
		if (node->pattern)
			continue;
		child = thread_take_shell(thread, node);
		if (child == NULL) {
			child = tt_thread_create(thread, node, thread->worker, NULL,
			    NULL, &err);
		} else {
			thread_link(thread, child);
			tt_thread_again(child);
		}
		if (!child->home.open) {
			thread->awaited = child;
			return;
		}
	}
	if (thread->state == TT_RUNNING)
		thread_is_up(thread);
}

static void
thread_log_failure(struct tt_thread *thread, const struct tt_error *err)
{
	struct tt_edge *edge = &thread->worker->edges[thread->node->index];
	uint64_t left_out;
	char path[512];

	if (!tt_log_limit(&edge->failures, tt_now(thread), THREAD_FAILURES, &left_out))
		return;
	tt_info(thread, path, sizeof path);
	if (left_out > 0)
		tt_log(TT_LOG_ERROR, path, "%" PRIu64 " more failures", left_out);
	tt_log(TT_LOG_ERROR, path, "%s", err->text);
}

static void
thread_entered_at_home(void *subject, uint64_t value, void *more)
{
	struct tt_thread *thread = subject;

	(void)value;
	(void)more;
	tt_rest_up(thread);
	if (thread_blocks(thread)) {
		thread_is_up(thread);
		return;
	}
	thread->stage = (uint16_t)thread->node->n_children;
	thread_start_children(thread);
}

void
tt_entered(struct tt_thread *self, const struct tt_error *err)
{
	if (self->state != TT_ENTERING)
		return;
	if (err != NULL) {
		tt_fail(self, err);
		return;
	}
	self->entered = true;
	self->state = TT_RUNNING;
	if (self->draining && self->kind->drain != NULL)
		self->kind->drain(self);	/* it was too early for that */
	if (thread_blocks(self))
		thread_post(self->home.worker, self, thread_entered_at_home);
	else
		thread_entered_at_home(self, 0, NULL);
}

static int
thread_enter(struct tt_thread *thread, struct tt_error *err)
{
	int r = 0;

	thread->state = TT_ENTERING;
	if (thread->kind->enter != NULL)
		r = thread->kind->enter(thread, err);
	if (r == 0)
		tt_entered(thread, NULL);
	return r < 0 ? -1 : 0;
}

static void
thread_enter_afar(void *subject, uint64_t value, void *more)
{
	struct tt_thread *thread = subject;
	struct tt_error err = { "" };

	(void)value;
	(void)more;
	if (thread->state == TT_NEW && thread_enter(thread, &err) != 0)
		tt_fail(thread, &err);
}

/* THREAD, which has exited, is as new. */
static void
thread_renew(struct tt_thread *thread, bool draining)
{
	assert(thread->state == TT_GONE && thread->children == NULL);
	memset((char *)thread + sizeof *thread, 0, thread->kind->size - sizeof *thread);
	thread->state = TT_NEW;
	thread->reason = TT_REASON_NONE;
	thread->draining = draining;
	thread->closing_asked = thread->entered = false;
	thread->stage = 0;
	thread->staged = 0;
	thread->awaited = NULL;
}

/* Behind all that was posted to its life before. */
static void
thread_again_afar(void *subject, uint64_t draining, void *more)
{
	thread_renew(subject, draining != 0);
	thread_enter_afar(subject, 0, more);
}

void
tt_thread_again(struct tt_thread *thread)
{
	struct tt_thread *parent = thread->parent;
	struct tt_error err = { "" };

	tt_rest_end(thread);
	thread->handed = NULL;
	if (!thread_is_remote(thread))
		thread_renew(thread, parent->draining);
	if (parent->kind->child_entering != NULL)
		parent->kind->child_entering(parent, thread);
	if (thread_is_remote(thread))
		tt_inbox_post(&thread->worker->inbox, (struct tt_message){
		    .handle = thread_again_afar, .subject = thread,
		    .value = parent->draining });
	else if (thread_enter(thread, &err) != 0)
		tt_fail(thread, &err);
}

static void
thread_free_later(struct tt_thread *thread)
{
	thread->next_step = thread->worker->gone;
	thread->worker->gone = thread;
}

/* THREAD has no step to do any more. */
static void
thread_unstep(struct tt_thread *thread)
{
	struct tt_thread **at = &thread->worker->steps;

	if (!thread->stepping)
		return;
	while (*at != thread)
		at = &(*at)->next_step;
	*at = thread->next_step;
	thread->stepping = false;
	tt_end(thread->worker);
}

/* An attempt that failed leaves nothing behind, even where it had asked for its
 * end itself. */
static void
thread_undo(struct tt_thread *thread)
{
	thread->state = TT_EXITING;
	if (thread->kind->exit != NULL)
		thread->kind->exit(thread);
	thread->state = TT_GONE;
	thread_unstep(thread);
	thread_unlink(thread);
	tt_route_finish(thread);
	tt_tree_leave(thread->node, thread->worker, thread->home.worker);
	thread_free_later(thread);
}

struct tt_thread *
tt_thread_create(struct tt_thread *parent, const struct tt_node *node,
    struct tt_worker *worker, void (*prepare)(struct tt_thread *child, void *arg),
    void *arg, struct tt_error *err)
{
	struct tt_tree *tree = worker->tree;
	const struct tt_kind *kind = tree->node_kinds[node->index];
	struct tt_worker *own = tt_tree_place(tree, node, worker);
	struct tt_thread *t = tt_slab_alloc(kind->size);

	t->kind = kind;
	t->node = node;
	t->parent = parent;
	t->config = node->config;
	t->children_end = &t->children;
	t->worker = own;
	t->draining = parent != NULL && parent->draining;
	tt_route_init(t, worker);
	if (thread_is_on_demand(t))
		t->id = ++tree->last_id;
	if (parent != NULL)
		thread_link(parent, t);
	else
		tree->root = t;
	if (prepare != NULL)
		prepare(t, arg);
	if (parent != NULL && parent->kind->child_entering != NULL)
		parent->kind->child_entering(parent, t);
	if (own != worker) {
		thread_post(own, t, thread_enter_afar);
		return t;
	}
	if (thread_enter(t, err) == 0)
		return t;
	if (!thread_is_on_demand(t)) {
		tt_fail(t, err);
		return t;
	}
	thread_undo(t);
	return NULL;
}

struct tt_thread *
tt_add_child(struct tt_thread *self, const struct tt_node *node,
    void (*prepare)(struct tt_thread *child, void *arg), void *arg,
    struct tt_error *err)
{
	/* Its children have been told to end: one more would never be. */
	if (self->state >= TT_CLOSING) {
		tt_error_set(err, "the thread above is closing");
		return NULL;
	}
	return tt_thread_create(self, node, self->worker, prepare, arg, err);
}

/* --- closing ------------------------------------------------------------- */

static void
thread_step_later(struct tt_thread *thread)
{
	if (thread->stepping)
		return;
	thread->stepping = true;
	thread->next_step = thread->worker->steps;
	thread->worker->steps = thread;
	tt_begin(thread->worker);
}

void
tt_close(struct tt_thread *self, enum tt_reason reason)
{
	if (self->state >= TT_CLOSING)
		return;
	self->state = TT_CLOSING;
	self->reason = (uint8_t)reason;
	self->stage = 0;
	self->staged = 0;
	thread_step_later(self);
}

void
tt_stop(struct tt_thread *self)
{
	if (self->parent == NULL)
		tt_tree_stop(self->worker->tree);
	else
		tt_close(self, TT_REASON_STOP);
}

void
tt_fail(struct tt_thread *self, const struct tt_error *err)
{
	thread_log_failure(self, err);
	tt_close(self, TT_REASON_FAILED);
	if (self->state == TT_CLOSING)
		self->reason = TT_REASON_FAILED;
}

void
tt_exit(struct tt_thread *self)
{
	if (self->state != TT_CLOSING)
		return;
	self->state = TT_EXITING;
	thread_step_later(self);
}

static void
thread_free_now(struct tt_thread *thread)
{
	tt_slab_free(thread, thread->kind->size);
}

static void
thread_free_afar(void *subject, uint64_t value, void *more)
{
	(void)value;
	(void)more;
	thread_free_now(subject);
}

/* CHILD does not come again, nor do those that rest with it: what waits for them is
 * dropped. */
static void
thread_leave(struct tt_thread *child)
{
	struct tt_thread *shell;

	while ((shell = child->shells) != NULL) {
		child->shells = shell->next;
		thread_link(child, shell);
		thread_bury(shell);
	}
	if (child->parent->awaited == child)
		child->parent->awaited = NULL;
	tt_rest_forget(child);
	thread_unlink(child);
	tt_route_finish(child);
	tt_tree_leave(child->node, child->worker, child->home.worker);
}

/* Another worker may still hold messages for one that lived there: it frees it behind
 * them. */
static void
thread_free(struct tt_thread *child)
{
	if (thread_is_remote(child))
		thread_post(child->worker, child, thread_free_afar);
	else
		thread_free_later(child);
}

static void
thread_bury(struct tt_thread *child)
{
	thread_leave(child);
	thread_free(child);
}

void
tt_terminate(struct tt_thread *child)
{
	if (child->home.resting) {
		thread_bury(child);
		return;
	}
	if (child->terminated)
		return;
	child->terminated = true;
	if (thread_is_remote(child) || child->state < TT_CLOSING)
		tt_route_terminate(child);
}

void
tt_thread_was_terminated(struct tt_thread *thread)
{
	tt_close(thread, thread->draining || tt_is_draining(thread) ?
	    TT_REASON_STOP : TT_REASON_NONE);
}

/* A connection whose server has failed must not keep that from coming again: the
 * sink that it waits for may rest until then. */
static void
thread_wait_in_vain(struct tt_thread *thread)
{
	if (thread->orphaned && thread->state == TT_CLOSING && thread->closing_asked &&
	    thread->kind->in_vain != NULL)
		thread->kind->in_vain(thread, 1);
}

static void
thread_is_orphaned(void *subject, uint64_t value, void *more)
{
	struct tt_thread *thread = subject;

	(void)value;
	(void)more;
	thread->orphaned = true;
	thread_wait_in_vain(thread);
}

static void
thread_tell_orphan(struct tt_thread *child)
{
	if (!thread_is_on_demand(child))
		return;
	if (thread_is_remote(child))
		thread_post(child->worker, child, thread_is_orphaned);
	else
		thread_is_orphaned(child, 0, NULL);
}

/* Terminates the children of the next stage that has any.  Returns false when
 * none are left.  One that rests goes on resting where all come again. */
static bool
thread_next_stage(struct tt_thread *thread)
{
	struct tt_thread *child, *next;
	const struct tt_node *node;
	bool again;

	if (thread->children == NULL)
		return false;		/* and it may not be at home here */
	again = tt_thread_comes_again(thread);
	while (thread->stage < thread->node->n_children) {
		node = thread->node->flow[thread->stage++];
		for (child = thread->children; child != NULL; child = next) {
			next = child->next;
			if (child->node != node || (child->home.resting && again))
				continue;
			thread->staged += !child->home.resting;
			if (thread->reason == TT_REASON_FAILED)
				thread_tell_orphan(child);
			tt_terminate(child);
		}
		if (thread->staged > 0)
			return true;
	}
	return false;
}

/* What is left of THREAD's children rests until it is started again: its kind sees
 * none of it. */
static void
thread_keep_shells(struct tt_thread *thread)
{
	struct tt_thread *child;

	while ((child = thread->children) != NULL) {
		assert(child->home.resting);
		tt_rest_forget(child);
		thread_unlink(child);
		child->next = thread->shells;
		thread->shells = child;
	}
}

static void
thread_end(struct tt_thread *thread)
{
	thread_keep_shells(thread);
	if (thread->kind->exit != NULL)
		thread->kind->exit(thread);
	thread->state = TT_GONE;
	if (thread->parent != NULL) {
		tt_route_close(thread);
		return;
	}
	tt_route_finish(thread);
	thread_free_later(thread);
	tt_tree_gone(thread->worker->tree, thread->reason);
}

static void
thread_step(struct tt_thread *thread)
{
	const struct tt_kind *kind = thread->kind;

	if (thread->state == TT_CLOSING) {
		if (thread->staged > 0 || thread_next_stage(thread) ||
		    thread->closing_asked)
			return;
		thread->closing_asked = true;
		if (kind->closing != NULL && thread->entered &&
		    thread->reason != TT_REASON_FAILED && !kind->closing(thread)) {
			if (atomic_load(&thread->worker->tree->hurried) &&
			    kind->hurry != NULL)
				kind->hurry(thread);
			thread_wait_in_vain(thread);
			return;
		}
		thread->state = TT_EXITING;
	}
	if (thread->state == TT_EXITING) {
		thread_unstep(thread);	/* closing() may have asked for one more */
		thread_end(thread);
	}
}

void
tt_threads_step(struct tt_worker *worker)
{
	struct tt_thread *thread;

	while ((thread = worker->steps) != NULL) {
		worker->steps = thread->next_step;
		thread->stepping = false;
		thread_step(thread);
		tt_end(worker);
	}
}

void
tt_threads_free(struct tt_worker *worker)
{
	struct tt_thread *thread;

	while ((thread = worker->gone) != NULL) {
		worker->gone = thread->next_step;
		thread_free_now(thread);
	}
}

/* It goes up: all beneath PARENT ends, and comes again with it. */
static void
thread_fail_parent(struct tt_thread *parent, const struct tt_thread *child)
{
	struct tt_error err = { "" };

	tt_error_set(&err, "%s beneath it has failed", child->node->key);
	tt_fail(parent, &err);
}

void
tt_thread_child_closed(struct tt_thread *child, enum tt_reason reason)
{
	struct tt_thread *parent = child->parent;
	struct tt_tree *tree = child->home.worker->tree;
	int64_t pause = -1;
	enum tt_fate fate = tt_rest_decide(child, reason, &pause);
	bool rests = fate >= TT_FATE_PAUSES, staged = parent->state == TT_CLOSING &&
	    parent->staged > 0 && child->terminated &&
	    child->node == parent->node->flow[parent->stage - 1];

	if (rests)
		tt_rest_begin(child, pause);
	else
		thread_leave(child);
	if (parent->kind->child_closed != NULL)
		parent->kind->child_closed(parent, child, reason);
	if (staged && --parent->staged == 0)
		thread_step_later(parent);
	if (fate == TT_FATE_FAILS_DAEMON)
		tt_tree_fail(tree);
	else if (fate == TT_FATE_FAILS_PARENT)
		thread_fail_parent(parent, child);
	else if (fate == TT_FATE_GONE && !parent->home.open &&
	    !thread_is_on_demand(child))
		tt_close(parent, reason);	/* it never comes up without it */
	if (!rests)
		thread_free(child);
}

/* --- the daemon stops ---------------------------------------------------- */

/* On its own worker. */
static void
thread_drain(void *subject, uint64_t value, void *more)
{
	struct tt_thread *thread = subject, *child;

	(void)value;
	(void)more;
	thread->draining = true;
	if (thread->kind->drain != NULL && thread->state == TT_RUNNING)
		thread->kind->drain(thread);
	for (child = thread->children; child != NULL; child = child->next)
		tt_thread_drain(child);
}

void
tt_thread_drain(struct tt_thread *thread)
{
	if (thread->home.resting)
		tt_rest_drain(thread);
	else if (thread_is_remote(thread))
		thread_post(thread->worker, thread, thread_drain);
	else
		thread_drain(thread, 0, NULL);
}

static void
thread_hurry(void *subject, uint64_t value, void *more)
{
	struct tt_thread *thread = subject, *child;

	(void)value;
	(void)more;
	for (child = thread->children; child != NULL; child = child->next)
		tt_thread_hurry(child);
	if (thread->state < TT_CLOSING)
		tt_close(thread, TT_REASON_STOP);
	else if (thread->state == TT_CLOSING && thread->closing_asked &&
	    thread->kind->hurry != NULL)
		thread->kind->hurry(thread);
}

void
tt_thread_hurry(struct tt_thread *thread)
{
	if (!thread_is_remote(thread))
		thread_hurry(thread, 0, NULL);
	else if (!thread->home.ended && !thread->home.resting)
		thread_post(thread->worker, thread, thread_hurry);
}
