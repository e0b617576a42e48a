/* rest.c - what becomes of a thread that has ended.
 *
 * A thread that fails was to live on, so it comes again: after a pause of its own,
 * or with its parent where that has failed, too.  While it rests it stands among
 * its siblings, and what is sent to it waits in its queue. */
#include "daemon/rest.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/option.h"
#include "daemon/life.h"
#include "daemon/log.h"
#include "daemon/memory.h"
#include "daemon/route.h"
#include "daemon/status.h"
#include "daemon/supervise.h"
#include "daemon/tree.h"
#include "daemon/worker.h"

#define REST_DRAINING 500000000		/* ns of the longest pause during a drain */
#define REST_LINES 10			/* a second that say so */

struct tt_rest {
	struct tt_thread *thread;
	struct tt_timer pause;		/* on the parent's worker */
	struct tt_supervise past;
	struct tt_log_limit restarts;	/* lines about them */
};

bool
tt_thread_comes_again(const struct tt_thread *thread)
{
	if (thread->node->on_demand ||
	    thread->home.worker->tree->phase > TT_DRAINING)
		return false;
	/* The root never does. */
	for (; thread->parent != NULL; thread = thread->parent)
		if (thread->state >= TT_CLOSING && thread->reason == TT_REASON_FAILED)
			return true;
	return false;
}

/* --- the pause ----------------------------------------------------------- */

/* Something waits for THREAD, or for one that comes again with it. */
static bool
rest_is_waited_for(const struct tt_thread *thread)
{
	const struct tt_thread *shell;

	if (thread->node->n_in > 0)
		return true;
	for (shell = thread->shells; shell != NULL; shell = shell->next)
		if (tt_queue_length(&shell->in) > 0 || rest_is_waited_for(shell))
			return true;
	return false;
}

/* While the daemon stops only what it takes to drain is started. */
static bool
rest_is_of_use(const struct tt_thread *thread)
{
	enum tt_phase phase = thread->home.worker->tree->phase;

	return phase < TT_DRAINING ||
	    (phase == TT_DRAINING && rest_is_waited_for(thread));
}

/* A parent that closes starts nothing: THREAD goes on resting, and comes again with it
 * or not at all. */
static void
rest_try(struct tt_thread *thread)
{
	if (thread->parent->state == TT_RUNNING && rest_is_of_use(thread))
		tt_thread_again(thread);
}

static void
rest_over(struct tt_timer *timer)
{
	rest_try(((struct tt_rest *)(void *)((char *)timer -
	    offsetof(struct tt_rest, pause)))->thread);
}

static struct tt_rest *
rest_of(struct tt_thread *thread)
{
	struct tt_rest *r = thread->home.rest;

	if (r != NULL)
		return r;
	r = tt_xcalloc(1, sizeof *r);
	r->thread = thread;
	tt_timer_init(&r->pause, thread->parent, rest_over);
	tt_supervise_init(&r->past, &thread->node->restart);
	thread->home.rest = r;
	return r;
}

void
tt_rest_begin(struct tt_thread *child, int64_t pause)
{
	struct tt_rest *r = rest_of(child);

	child->home.resting = true;
	child->terminated = false;
	tt_route_rest(child);
	tt_timer_stop(&r->pause);
	if (pause < 0)
		return;
	tt_say_state(child, "failed, is started again", NULL);
	tt_timer_start_at(&r->pause, pause);
}

void
tt_rest_end(struct tt_thread *child)
{
	struct tt_rest *r = child->home.rest;

	child->home.resting = false;
	if (r == NULL)
		return;
	tt_timer_stop(&r->pause);
	if (r->past.n == 0)
		return;			/* it only ended with its parent */
	tt_say_state(child, NULL, NULL);
	tt_count(&child->home.worker->edges[child->node->index].restarts, 1);
}

void
tt_rest_forget(struct tt_thread *child)
{
	struct tt_rest *r = child->home.rest;

	if (r == NULL)
		return;
	if (child->home.resting)
		tt_say_state(child, NULL, NULL);
	tt_timer_stop(&r->pause);
	tt_supervise_finish(&r->past);
	free(r);
	child->home.rest = NULL;
}

void
tt_rest_drain(struct tt_thread *child)
{
	if (child->home.rest != NULL && tt_timer_is_on(&child->home.rest->pause))
		rest_try(child);
}

void
tt_rest_up(struct tt_thread *child)
{
	struct tt_rest *r = child->home.rest;
	uint64_t left_out;
	char path[512], within[32];

	if (r == NULL || r->past.n == 0)
		return;
	tt_supervise_up(&r->past, tt_now(child->parent));
	if (!tt_log_limit(&r->restarts, tt_now(child->parent), REST_LINES, &left_out))
		return;
	tt_option_print_duration(child->node->restart.within, within, sizeof within);
	tt_log(TT_LOG_NOTICE, tt_info(child, path, sizeof path),
	    "restarted, %u of %lld within %s", r->past.n,
	    (long long)child->node->restart.max, within);
}

/* --- the decision -------------------------------------------------------- */

/* It has failed too often. */
static enum tt_fate
rest_give_up(struct tt_thread *child)
{
	const struct tt_restart *limit = &child->node->restart;
	struct tt_thread *parent = child->parent;
	bool last = parent->parent == NULL;
	char path[512], often[96], within[32];

	snprintf(often, sizeof often, "restart is off");
	tt_option_print_duration(limit->within, within, sizeof within);
	if (limit->given)
		snprintf(often, sizeof often, "failed %lld times within %s",
		    (long long)limit->max + 1, within);
	tt_log(TT_LOG_ERROR, tt_info(child, path, sizeof path),
	    "given up: %s; %s %s", often, last ? "the daemon" : parent->node->key,
	    last ? "ends" : "fails");
	return last ? TT_FATE_FAILS_DAEMON : TT_FATE_FAILS_PARENT;
}

enum tt_fate
tt_rest_decide(struct tt_thread *child, enum tt_reason reason, int64_t *pause)
{
	struct tt_thread *parent = child->parent;
	struct tt_worker *w = child->home.worker;
	bool closing = parent->state >= TT_CLOSING, asked = closing || child->terminated;
	char path[512];

	if (child->node->on_demand)
		return TT_FATE_GONE;
	if (closing && tt_thread_comes_again(parent))
		return TT_FATE_WITH_PARENT;
	if (asked)
		return reason == TT_REASON_FAILED ? TT_FATE_FAILS_DAEMON :
		    TT_FATE_GONE;
	if (reason != TT_REASON_FAILED)
		tt_log(TT_LOG_ERROR, tt_info(child, path, sizeof path),
		    "ended, and was not asked to");
	/* The first start fails as a whole. */
	if (w->tree->phase == TT_STARTING && !w->edges[child->node->index].been_up)
		return TT_FATE_FAILS_DAEMON;
	if (!rest_is_of_use(child))
		return TT_FATE_FAILS_DAEMON;
	*pause = tt_supervise_failed(&rest_of(child)->past, tt_now(parent),
	    arc4random());
	if (w->tree->phase == TT_DRAINING && *pause > REST_DRAINING)
		*pause = REST_DRAINING;
	return *pause < 0 ? rest_give_up(child) : TT_FATE_PAUSES;
}
