/* route.c - the two queues between a thread and its parent, and where data goes.
 *
 * Both queues stand on the parent's worker, "home".  A queue with something in it
 * has its task on the run list, and the task hands over a budget of signals: from
 * `in` to the thread, from `up` to the parent.
 *
 *      parent  --put-->  in  --deliver-->  thread
 *      parent  <-deliver-  up  <--put--    thread
 *
 * Where a thread lives on another worker than its parent, a message takes the place of
 * the queue: the inboxes keep the order, and what it brings is handled at once.  Only a
 * thread that blocks has its queue IN all the same, at home, as a limit and a memory of
 * what is not done; see remote.h. */
#include "daemon/route.h"

#include <stddef.h>

#include "daemon/answer.h"
#include "daemon/inbox.h"
#include "daemon/life.h"
#include "daemon/remote.h"
#include "daemon/tap.h"
#include "daemon/tree.h"
#include "daemon/worker.h"

#define ROUTE_BUDGET 16			/* signals that one run hands over */
#define ROUTE_RESTING (8 << 20)		/* bytes that wait for a thread that failed */

static struct tt_edge *
route_edge(const struct tt_thread *thread)
{
	return &thread->home.worker->edges[thread->node->index];
}

static bool
route_is_remote(const struct tt_thread *thread)
{
	return thread->worker != thread->home.worker;
}

/* One that lives elsewhere and does not block. */
static bool
route_is_spread(const struct tt_thread *thread)
{
	return route_is_remote(thread) && thread->home.remote == NULL;
}

static void
route_count_in(struct tt_flow *flow, const struct tt_batch *batch)
{
	tt_count(&flow->frames_in, batch->n);
	tt_count(&flow->bytes_in, batch->bytes);
}

static void
route_count_out(struct tt_flow *flow, const struct tt_batch *batch)
{
	tt_count(&flow->frames_out, batch->n);
	tt_count(&flow->bytes_out, batch->bytes);
}

/* --- the limit ----------------------------------------------------------- */

/* A kind that keeps nothing takes what stands in its queue at once, but not while it
 * has failed. */
static const struct tt_queue_limit *
route_limit(const struct tt_thread *thread)
{
	static const struct tt_queue_limit resting = {
		.bytes = ROUTE_RESTING, .when_full = TT_BLOCK
	};

	return (thread->node->schema->flags & TT_KEEPS) != 0 ? &thread->node->queue :
	    &resting;
}

static bool
route_over(const struct tt_thread *thread, int part)
{
	const struct tt_queue_limit *limit = route_limit(thread);

	return thread->in.bytes > limit->bytes / part ||
	    (limit->frames > 0 &&
	    (int64_t)thread->in.frames > limit->frames / part);
}

/* Shuts the gates of all that feed THREAD when its queue is over its limit, and
 * opens them when half of it is free again. */
static void
route_check_limit(struct tt_thread *thread)
{
	const struct tt_node *node = thread->node;
	bool over = route_over(thread, thread->home.over ? 2 : 1);
	unsigned i;

	if (over == thread->home.over || route_limit(thread)->when_full != TT_BLOCK)
		return;
	thread->home.over = over;
	for (i = 0; i < node->n_feeders; i++) {
		if (over)
			tt_gate_shut(thread->home.worker, node->feeders[i]);
		else
			tt_gate_open(thread->home.worker, node->feeders[i]);
	}
	if (thread->kind->over_limit != NULL && !route_is_remote(thread) &&
	    !thread->home.ended && thread->state < TT_EXITING)
		thread->kind->over_limit(thread, over);
}

/* Drops SIG, whose reference is the caller's, from THREAD's queue IN. */
static void
route_drop(struct tt_thread *thread, struct tt_signal *sig, enum tt_reason reason)
{
	struct tt_worker *w = thread->home.worker;

	tt_end(w);
	if (sig->batch == NULL)
		return;
	tt_count(&route_edge(thread)->in.dropped[reason], sig->batch->n);
	tt_answer_missed(w, sig->batch, thread->node, sig->channel);
	tt_batch_unref(sig->batch);
}

/* --- putting ------------------------------------------------------------- */

static void
route_put(struct tt_thread *thread, struct tt_queue *q, struct tt_flow *flow,
    struct tt_signal sig)
{
	struct tt_remote *remote = q == &thread->in ? thread->home.remote : NULL;

	if (sig.batch != NULL)
		route_count_in(flow, sig.batch);
	tt_begin(thread->home.worker);
	tt_queue_put(q, sig);
	if (remote == NULL)
		tt_task_reschedule(&thread->home.task);
	else if (remote->since == 0)
		remote->since = thread->home.worker->now;
}

/* The policies of a full queue that does not wait. */
static bool
route_make_room(struct tt_thread *thread, const struct tt_signal *sig)
{
	const struct tt_queue_limit *limit = &thread->node->queue;
	struct tt_flow *flow = &route_edge(thread)->in;
	struct tt_signal old;

	if (sig->batch == NULL || limit->when_full == TT_BLOCK)
		return true;
	while (limit->when_full == TT_DROP_OLDEST && route_over(thread, 1) &&
	    tt_queue_drop(&thread->in, &old))
		route_drop(thread, &old, TT_REASON_DROP_OLDEST);
	if (limit->when_full == TT_DROP_OLDEST || !route_over(thread, 1) ||
	    sig->batch->last)
		return true;
	tt_begin(thread->home.worker);
	route_count_in(flow, sig->batch);
	old = *sig;
	tt_batch_ref(old.batch);
	route_drop(thread, &old, TT_REASON_DROP_NEWEST);
	return false;
}

/* On the worker of a thread that is spread.  One that closes reads no more. */
static void
route_arrive_in(void *subject, uint64_t value, void *more)
{
	struct tt_thread *thread = subject;
	struct tt_flow *flow = &thread->worker->edges[thread->node->index].in;
	struct tt_batch *batch = more;
	bool handled = thread->state == TT_RUNNING;

	tt_route_deliver(subject, value, more);
	tt_end(thread->worker);
	if (batch == NULL)
		return;
	if (handled)
		route_count_out(flow, batch);
	else
		tt_count(&flow->dropped[thread->reason != TT_REASON_NONE ?
		    (enum tt_reason)thread->reason : TT_REASON_TERMINATED],
		    batch->n);
	tt_batch_unref(batch);
}

static void
route_cross_in(struct tt_thread *thread, struct tt_signal sig)
{
	if (sig.batch != NULL)
		route_count_in(&route_edge(thread)->in, sig.batch);
	tt_worker_send(thread->worker, (struct tt_message){
	    .handle = route_arrive_in, .subject = thread,
	    .value = (uint64_t)sig.type << 16 | sig.channel,
	    .more = sig.batch != NULL ? tt_batch_ref(sig.batch) : NULL });
}

static void
route_put_in(struct tt_thread *thread, struct tt_signal sig)
{
	if (thread->home.ended)
		return;
	if (route_is_spread(thread)) {
		route_cross_in(thread, sig);
		return;
	}
	if ((thread->node->schema->flags & TT_KEEPS) != 0 &&
	    !route_make_room(thread, &sig))
		return;
	route_put(thread, &thread->in, &route_edge(thread)->in, sig);
	if ((thread->node->schema->flags & TT_KEEPS) != 0 || thread->home.rest != NULL)
		route_check_limit(thread);
}

/* --- passing on ---------------------------------------------------------- */

/* NODE's thread, the only one, has failed, and the daemon stops for that: what
 * would have gone to it must not be waited for. */
static void
route_miss(struct tt_worker *w, const struct tt_user *user, struct tt_batch *batch)
{
	struct tt_flow *flow = &w->edges[user->node->index].in;

	route_count_in(flow, batch);
	tt_count(&flow->dropped[TT_REASON_TERMINATED], batch->n);
	tt_answer_missed(w, batch, user->node, user->in);
}

/* Sends BATCH, which is on channel C of SELF, to the channel's users there: the
 * children that name it but SENDER, and SELF's own UP. */
static void
route_pass(struct tt_thread *self, unsigned c, struct tt_batch *batch,
    const struct tt_thread *sender)
{
	const struct tt_channel *channel = &self->node->channels[c];
	const struct tt_user *user;
	struct tt_thread *child;
	bool only;			/* it has one thread at most here */
	unsigned i;

	for (i = 0; i < channel->n_users; i++) {
		user = &channel->users[i];
		only = !user->node->pattern;
		for (child = self->children; child != NULL; child = child->next) {
			if (child->node != user->node || child == sender)
				continue;
			tt_send_child(child, user->in, batch);
			if (only)
				break;
		}
		if (child == NULL && !user->node->on_demand &&
		    (sender == NULL || sender->node != user->node))
			route_miss(self->worker, user, batch);
	}
	if (channel->up >= 0)
		tt_send_up(self, (unsigned)channel->up, batch);
}

void
tt_send_child(struct tt_thread *child, unsigned in, struct tt_batch *batch)
{
	if (batch == NULL && tt_queue_waiting(&child->in) > 0)
		return;		/* awake as it is */
	route_put_in(child, (struct tt_signal){ .type = TT_DATA,
	    .channel = (uint16_t)in, .batch = batch });
}

void
tt_send_in(struct tt_thread *self, struct tt_batch *batch)
{
	if (self->node->made >= 0)
		route_pass(self, (unsigned)self->node->made, batch, NULL);
}

static void
route_handle_up(struct tt_thread *child, const struct tt_signal *sig)
{
	struct tt_thread *parent = child->parent;

	if (parent->kind->child_signal_handler != NULL)
		parent->kind->child_signal_handler(parent, child, sig);
	else
		tt_pass(parent, child, sig);
}

/* At home. */
static void
route_arrive_up(void *subject, uint64_t channel, void *more)
{
	struct tt_thread *child = subject;
	struct tt_batch *batch = more;

	tt_count(&child->worker->arrived, (uint64_t)tt_batch_cost(batch));
	route_handle_up(child, &(struct tt_signal){ .type = TT_DATA,
	    .channel = (uint16_t)channel, .batch = batch });
	route_count_out(&route_edge(child)->up, batch);
	tt_batch_unref(batch);
	tt_end(child->home.worker);
}

/* What is on its way is counted in by the worker that it comes from. */
static void
route_cross_up(struct tt_thread *self, unsigned channel, struct tt_batch *batch)
{
	struct tt_worker *w = self->worker;

	route_count_in(&w->edges[self->node->index].up, batch);
	tt_count(&w->sent, (uint64_t)tt_batch_cost(batch));
	tt_worker_send(self->home.worker, (struct tt_message){
	    .handle = route_arrive_up, .subject = self, .value = channel,
	    .more = tt_batch_ref(batch) });
}

void
tt_send_up(struct tt_thread *self, unsigned up, struct tt_batch *batch)
{
	unsigned channel = self->node->up_channel[up];

	if (!batch->sent) {
		batch->sent = true;
		batch->owed = self->node->up_owed[up];
		if (batch->owed > 0)
			tt_begin(self->worker);
	}
	if (route_is_remote(self))
		route_cross_up(self, channel, batch);
	else
		route_put(self, &self->up, &route_edge(self)->up,
		    (struct tt_signal){ .type = TT_DATA,
		    .channel = (uint16_t)channel, .batch = batch });
}

void
tt_send_last(struct tt_thread *self, struct tt_origin *origin, enum tt_reason reason,
    uint64_t next)
{
	struct tt_batch *last;
	unsigned i;

	origin->closed_at = tt_wall_now(self);
	origin->close_reason = (uint8_t)reason;
	for (i = 0; i < self->node->n_up; i++) {
		last = tt_batch_create(origin, NULL, 0);
		last->last = true;
		last->first_seq = next;
		last->received_at = origin->closed_at;
		tt_send_up(self, i, last);
		tt_batch_unref(last);
	}
}

void
tt_pass(struct tt_thread *self, const struct tt_thread *child,
    const struct tt_signal *sig)
{
	route_pass(self, sig->channel, sig->batch, child);
}

/* --- IN ------------------------------------------------------------------ */

static void
route_handle_in(struct tt_thread *thread, const struct tt_signal *sig)
{
	if (sig->type == TT_TERMINATE)
		tt_thread_was_terminated(thread);
	else if (thread->kind->signal_handler != NULL)
		thread->kind->signal_handler(thread, sig);
	else if (sig->batch != NULL)
		route_pass(thread, thread->node->in_channel[sig->channel],
		    sig->batch, NULL);
}

/* The oldest signal of THREAD's queue IN is done.  Frames in it that were refused
 * have been counted as dropped. */
static void
route_done_one(struct tt_thread *thread)
{
	struct tt_worker *w = thread->home.worker;
	struct tt_edge *e = route_edge(thread);
	struct tt_flow *flow = &e->in;
	struct tt_signal sig;
	uint64_t refused;

	tt_queue_done(&thread->in, &sig);
	tt_end(w);
	if (sig.batch == NULL)
		return;
	refused = e->refused_undone < sig.batch->n ? e->refused_undone :
	    sig.batch->n;
	e->refused_undone -= refused;
	tt_count(&flow->frames_out, sig.batch->n - refused);
	tt_count(&flow->bytes_out, sig.batch->bytes);
	if (thread->home.remote != NULL)
		thread->home.remote->inflight -= tt_batch_cost(sig.batch);
	if (thread->node->durable)
		tt_answer(w, sig.batch, false);
	tt_batch_unref(sig.batch);
}

void
tt_route_done_control(struct tt_thread *thread)
{
	const struct tt_queue *q = &thread->in;

	while (q->done != q->taken && tt_queue_oldest(q)->batch == NULL)
		route_done_one(thread);
}

static void
route_done_at_home(void *subject, uint64_t n, void *more)
{
	struct tt_thread *thread = subject;

	(void)more;
	if (thread->home.ended)
		return;
	while (n-- > 0) {
		route_done_one(thread);
		tt_route_done_control(thread);
	}
	route_check_limit(thread);
	if (thread->home.remote == NULL && tt_queue_waiting(&thread->in) > 0)
		tt_task_reschedule(&thread->home.task);
}

void
tt_done(struct tt_thread *self, unsigned n)
{
	if (route_is_remote(self))
		tt_worker_post(self->home.worker, (struct tt_message){
		    .handle = route_done_at_home, .subject = self, .value = n });
	else
		route_done_at_home(self, n, NULL);
}

bool
tt_route_is_readable(const struct tt_thread *thread)
{
	const struct tt_signal *next = tt_queue_next(&thread->in);

	return !thread->home.ended && next != NULL &&
	    (thread->home.open || next->type == TT_TERMINATE);
}

/* A thread that closes by itself reads no more: what still comes is dropped, for
 * the reason why it closes. */
static void
route_refuse(struct tt_thread *thread)
{
	struct tt_signal sig;

	tt_queue_done(&thread->in, &sig);
	route_drop(thread, &sig, thread->reason != TT_REASON_NONE ?
	    (enum tt_reason)thread->reason : TT_REASON_TERMINATED);
}

/* Hands over what stands in IN.  Where a kind keeps what it takes, that may still
 * become done while it closes: what stands behind waits for its end.  So it does
 * where a thread comes again. */
static void
route_run_in(struct tt_thread *thread)
{
	bool keeps = (thread->node->schema->flags & TT_KEEPS) != 0;
	unsigned budget = ROUTE_BUDGET;
	struct tt_signal sig;

	if (thread->home.remote != NULL || !tt_route_is_readable(thread))
		return;
	while (budget-- > 0) {
		if (thread->state >= TT_CLOSING && (keeps ||
		    tt_thread_comes_again(thread)))
			return;
		if (!tt_queue_take(&thread->in, &sig))
			return;
		if (thread->state >= TT_CLOSING) {
			route_refuse(thread);
			continue;
		}
		route_handle_in(thread, &sig);
		if (!keeps)
			route_done_one(thread);
		else
			tt_route_done_control(thread);
	}
	if (thread->home.over && !keeps)
		route_check_limit(thread);
	if (tt_queue_waiting(&thread->in) > 0)
		tt_task_reschedule(&thread->home.task);
}

void
tt_route_deliver(void *subject, uint64_t value, void *more)
{
	struct tt_thread *thread = subject;
	struct tt_signal sig = { .type = (uint8_t)(value >> 16),
	    .channel = (uint16_t)value, .batch = more };

	if (thread->state == TT_RUNNING || sig.type == TT_TERMINATE)
		route_handle_in(thread, &sig);
}

/* --- UP ------------------------------------------------------------------ */

static void
route_run_up(struct tt_thread *child)
{
	struct tt_worker *w = child->home.worker;
	struct tt_flow *flow = &route_edge(child)->up;
	unsigned budget = ROUTE_BUDGET;
	struct tt_signal sig;

	while (budget-- > 0 && tt_queue_take(&child->up, &sig)) {
		if (sig.type == TT_CLOSE) {
			tt_queue_done(&child->up, &sig);
			tt_end(w);
			tt_thread_child_closed(child, sig.reason);
			return;
		}
		route_handle_up(child, &sig);
		tt_queue_done(&child->up, &sig);
		tt_end(w);
		route_count_out(flow, sig.batch);
		tt_batch_unref(sig.batch);
	}
	if (tt_queue_waiting(&child->up) > 0)
		tt_task_reschedule(&child->home.task);
}

/* What a thread sends UP while it handles what came IN goes on in the same run. */
static void
route_run(struct tt_task *task)
{
	struct tt_thread *thread = (struct tt_thread *)(void *)((char *)task -
	    offsetof(struct tt_thread, home.task));

	route_run_in(thread);
	route_run_up(thread);
}

/* --- life ---------------------------------------------------------------- */

void
tt_route_init(struct tt_thread *thread, struct tt_worker *home)
{
	thread->home.worker = home;
	tt_queue_init(&thread->in);
	tt_queue_init(&thread->up);
	tt_task_init(&thread->home.task, thread, route_run);
	thread->home.task.worker = home;
	if (thread->worker->blocking)
		tt_remote_add(thread);
}

static void
route_empty_in(struct tt_thread *thread)
{
	struct tt_signal sig;

	while (tt_queue_take(&thread->in, &sig))
		;
	while (tt_queue_length(&thread->in) > 0) {
		tt_queue_done(&thread->in, &sig);
		route_drop(thread, &sig, TT_REASON_TERMINATED);
	}
}

/* Only what a thread sent that then could not enter: all of it has gone nowhere
 * yet, and nobody will answer for it. */
static void
route_empty_up(struct tt_thread *thread)
{
	struct tt_flow *flow = &route_edge(thread)->up;
	struct tt_worker *w = thread->home.worker;
	struct tt_signal sig;

	while (tt_queue_take(&thread->up, &sig)) {
		tt_queue_done(&thread->up, &sig);
		tt_end(w);
		if (sig.batch == NULL)
			continue;
		tt_count(&flow->dropped[TT_REASON_TERMINATED], sig.batch->n);
		tt_answer_dropped(w, sig.batch);
		tt_batch_unref(sig.batch);
	}
}

void
tt_route_finish(struct tt_thread *thread)
{
	thread->home.ended = true;
	route_empty_in(thread);
	route_empty_up(thread);
	if ((thread->node->schema->flags & TT_KEEPS) != 0 || thread->home.over)
		route_check_limit(thread);
	tt_task_cancel(&thread->home.task);
	tt_remote_remove(thread);
}

/* A TERMINATE was for the life that is over: the other signals change places with
 * it, all around the ring. */
static void
route_forget_terminate(struct tt_thread *thread)
{
	uint32_t n = tt_queue_length(&thread->in);
	struct tt_signal sig;

	for (; n > 0; n--) {
		tt_queue_take(&thread->in, &sig);
		tt_queue_done(&thread->in, &sig);
		if (sig.type == TT_TERMINATE) {
			tt_end(thread->home.worker);
			continue;
		}
		tt_queue_put(&thread->in, sig);
		if (sig.batch != NULL)
			tt_batch_unref(sig.batch);
	}
}

void
tt_route_rest(struct tt_thread *thread)
{
	thread->home.open = false;
	tt_queue_rewind(&thread->in);
	route_forget_terminate(thread);
	if (thread->home.remote != NULL)
		thread->home.remote->inflight = thread->home.remote->since = 0;
	tt_task_cancel(&thread->home.task);
	route_check_limit(thread);
}

void
tt_route_open(struct tt_thread *thread)
{
	thread->home.open = true;
	if (tt_queue_waiting(&thread->in) == 0)
		return;
	if (thread->home.remote != NULL && thread->home.remote->since == 0)
		thread->home.remote->since = thread->home.worker->now;
	else
		tt_task_reschedule(&thread->home.task);
}

void
tt_route_terminate(struct tt_thread *thread)
{
	struct tt_signal sig = { .type = TT_TERMINATE };

	if (thread->home.ended)
		return;
	if (route_is_spread(thread))
		route_cross_in(thread, sig);
	else
		route_put(thread, &thread->in, &route_edge(thread)->in, sig);
}

static void
route_arrive_close(void *subject, uint64_t reason, void *more)
{
	struct tt_thread *thread = subject;
	struct tt_worker *home = thread->home.worker;

	(void)more;
	tt_thread_child_closed(thread, (enum tt_reason)reason);
	tt_end(home);
}

void
tt_route_close(struct tt_thread *thread)
{
	if (route_is_remote(thread))
		tt_worker_send(thread->home.worker, (struct tt_message){
		    .handle = route_arrive_close, .subject = thread,
		    .value = thread->reason });
	else
		route_put(thread, &thread->up, &route_edge(thread)->up,
		    (struct tt_signal){ .type = TT_CLOSE,
		    .reason = thread->reason });
}
