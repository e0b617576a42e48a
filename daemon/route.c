/* route.c - the two queues between a thread and its parent, and where data goes.
 *
 * Both queues stand on the parent's worker, "home".  A queue with something in it
 * has its task on the run list, and the task hands over a budget of signals: from
 * `in` to the thread, from `up` to the parent.
 *
 *      parent  --put-->  in  --deliver-->  thread         (a kind that blocks: by
 *      parent  <-deliver-  up  <--put--    thread          the inboxes, both ways)
 *
 * A durable thread answers for a batch when it says done; the last answer completes
 * the batch, and its origin is told. */
#include "daemon/route.h"

#include <stddef.h>
#include <stdlib.h>

#include "config/wiring.h"
#include "daemon/inbox.h"
#include "daemon/life.h"
#include "daemon/memory.h"
#include "daemon/tap.h"
#include "daemon/tree.h"
#include "daemon/worker.h"

#define ROUTE_BUDGET 16			/* signals that one run hands over */
#define ROUTE_RESTING (8 << 20)		/* bytes that wait for a thread that failed */
#define ROUTE_INFLIGHT (8 << 20)	/* bytes that a blocking kind is ahead */

/* Waking another OS thread costs more than handling a small batch: what comes for
 * it is gathered for a moment. */
#define ROUTE_GATHER 2000000		/* ns */
#define ROUTE_GATHERED (256 << 10)	/* bytes */
#define ROUTE_POSTED 64			/* signals in one post */

/* The home's end of the way to a thread that blocks. */
struct tt_remote {
	struct tt_remote *next;		/* of its worker */
	struct tt_thread *thread;
	int64_t inflight;		/* bytes taken and not done */
	int64_t since;			/* when the gathering began, or 0 */
};

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

static void
route_post(struct tt_worker *worker,
    void (*handle)(void *subject, uint64_t value, void *more), void *subject,
    uint64_t value, void *more)
{
	tt_inbox_post(&worker->inbox, (struct tt_message){ .handle = handle,
	    .subject = subject, .value = value, .more = more });
}

/* --- the end of a batch -------------------------------------------------- */

/* A batch of O that begins with frame SEQ was dropped. */
static void
route_lose(struct tt_origin *o, uint64_t seq)
{
	struct tt_thread *t = o->thread;

	if (o->lost != 0 && o->lost <= seq)
		return;
	o->lost = seq;
	if (t != NULL && t->kind->in_vain != NULL)
		t->kind->in_vain(t, seq);
}

/* One durable user of BATCH has answered, on the main worker. */
static void
route_answer(struct tt_worker *w, struct tt_batch *batch, bool dropped)
{
	struct tt_origin *o = batch->origin;
	struct tt_thread *t = o->thread;

	if (dropped && !batch->dropped)
		route_lose(o, batch->first_seq);
	batch->dropped |= dropped;
	if (batch->owed == 0 || --batch->owed > 0)
		return;
	w->outstanding--;
	if (t != NULL && t->kind->completed != NULL &&
	    (o->lost == 0 || batch->first_seq + batch->n <= o->lost))
		t->kind->completed(t, batch->first_seq + batch->n - 1);
}

/* The durable nodes that what NODE takes on IN gets to: itself and those beneath
 * it, as the wiring counted them for what is owed. */
static unsigned
route_owing(const struct tt_node *node, unsigned in)
{
	const struct tt_channel *channel;
	unsigned i, n = node->durable;

	if (tt_wiring_is_opaque(node))
		return n;
	channel = &node->channels[node->in_channel[in]];
	for (i = 0; i < channel->n_users; i++)
		n += route_owing(channel->users[i].node, channel->users[i].in);
	return n;
}

/* BATCH gets to N durable users no more. */
static void
route_answer_dropped(struct tt_worker *w, struct tt_batch *batch, unsigned n)
{
	while (n-- > 0)
		route_answer(w, batch, true);
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

	w->outstanding--;
	if (sig->batch == NULL)
		return;
	route_edge(thread)->in.dropped[reason] += sig->batch->n;
	route_answer_dropped(w, sig->batch,
	    route_owing(thread->node, sig->channel));
	tt_batch_unref(sig->batch);
}

/* --- putting ------------------------------------------------------------- */

static void
route_put(struct tt_thread *thread, struct tt_queue *q, struct tt_flow *flow,
    struct tt_signal sig)
{
	struct tt_remote *remote = q == &thread->in ? thread->home.remote : NULL;

	if (sig.batch != NULL) {
		flow->frames_in += sig.batch->n;
		flow->bytes_in += sig.batch->bytes;
	}
	thread->home.worker->outstanding++;
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
	thread->home.worker->outstanding++;
	flow->frames_in += sig->batch->n;
	flow->bytes_in += sig->batch->bytes;
	old = *sig;
	tt_batch_ref(old.batch);
	route_drop(thread, &old, TT_REASON_DROP_NEWEST);
	return false;
}

static void
route_put_in(struct tt_thread *thread, struct tt_signal sig)
{
	if (thread->home.ended)
		return;
	if ((thread->node->schema->flags & TT_KEEPS) != 0 &&
	    !route_make_room(thread, &sig))
		return;
	route_put(thread, &thread->in, &route_edge(thread)->in, sig);
	if ((thread->node->schema->flags & TT_KEEPS) != 0 || thread->home.rest != NULL)
		route_check_limit(thread);
}

static void
route_put_up(struct tt_thread *thread, struct tt_signal sig)
{
	route_put(thread, &thread->up, &route_edge(thread)->up, sig);
}

/* --- passing on ---------------------------------------------------------- */

/* NODE's thread, the only one, has failed, and the daemon stops for that: what
 * would have gone to it must not be waited for. */
static void
route_miss(struct tt_worker *w, const struct tt_user *user, struct tt_batch *batch)
{
	struct tt_flow *flow = &w->edges[user->node->index].in;

	flow->frames_in += batch->n;
	flow->bytes_in += batch->bytes;
	flow->dropped[TT_REASON_TERMINATED] += batch->n;
	route_answer_dropped(w, batch, route_owing(user->node, user->in));
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
route_up_at_home(void *subject, uint64_t value, void *more)
{
	struct tt_thread *self = subject;
	struct tt_batch *batch = more;
	unsigned up = (unsigned)value;

	if (!batch->sent) {
		batch->sent = true;
		batch->owed = self->node->up_owed[up];
		if (batch->owed > 0)
			self->home.worker->outstanding++;
	}
	route_put_up(self, (struct tt_signal){ .type = TT_DATA,
	    .channel = (uint16_t)self->node->up_channel[up], .batch = batch });
}

static void
route_up_from_afar(void *subject, uint64_t value, void *more)
{
	route_up_at_home(subject, value, more);
	tt_batch_unref(more);
}

void
tt_send_up(struct tt_thread *self, unsigned up, struct tt_batch *batch)
{
	if (route_is_remote(self))
		route_post(self->home.worker, route_up_from_afar, self, up,
		    tt_batch_ref(batch));
	else
		route_up_at_home(self, up, batch);
}

void
tt_send_last(struct tt_thread *self, struct tt_origin *origin, enum tt_reason reason,
    uint64_t next)
{
	struct tt_batch *last;
	unsigned i;

	origin->closed_at = tt_wall_now(self);
	origin->close_reason = reason;
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
	w->outstanding--;
	if (sig.batch == NULL)
		return;
	refused = e->refused_undone < sig.batch->n ? e->refused_undone :
	    sig.batch->n;
	e->refused_undone -= refused;
	flow->frames_out += sig.batch->n - refused;
	flow->bytes_out += sig.batch->bytes;
	if (thread->home.remote != NULL)
		thread->home.remote->inflight -= tt_batch_cost(sig.batch);
	if (thread->node->durable)
		route_answer(w, sig.batch, false);
	tt_batch_unref(sig.batch);
}

/* Signals that no kind answers for stand between those it does: done as soon as
 * they are the oldest. */
static void
route_done_control(struct tt_thread *thread)
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
		route_done_control(thread);
	}
	route_check_limit(thread);
	if (thread->home.remote == NULL && tt_queue_waiting(&thread->in) > 0)
		tt_task_reschedule(&thread->home.task);
}

void
tt_done(struct tt_thread *self, unsigned n)
{
	if (route_is_remote(self))
		route_post(self->home.worker, route_done_at_home, self, n, NULL);
	else
		route_done_at_home(self, n, NULL);
}

/* What a blocking kind gets, on its own worker. */
static void
route_deliver_afar(void *subject, uint64_t value, void *more)
{
	struct tt_thread *thread = subject;
	struct tt_signal sig = { .type = (uint8_t)(value >> 16),
	    .channel = (uint16_t)value, .batch = more };

	if (thread->state == TT_RUNNING || sig.type == TT_TERMINATE)
		route_handle_in(thread, &sig);
}

/* A thread that has not entered is not given data; but it can be told to end. */
static bool
route_is_readable(const struct tt_thread *thread)
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

	if (thread->home.remote != NULL || !route_is_readable(thread))
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
			route_done_control(thread);
	}
	if (thread->home.over && !keeps)
		route_check_limit(thread);
	if (tt_queue_waiting(&thread->in) > 0)
		tt_task_reschedule(&thread->home.task);
}

/* --- UP ------------------------------------------------------------------ */

static void
route_handle_up(struct tt_thread *child, const struct tt_signal *sig)
{
	struct tt_thread *parent = child->parent;

	if (parent->kind->child_signal_handler != NULL)
		parent->kind->child_signal_handler(parent, child, sig);
	else
		tt_pass(parent, child, sig);
}

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
			w->outstanding--;
			tt_thread_child_closed(child, sig.reason);
			return;
		}
		route_handle_up(child, &sig);
		tt_queue_done(&child->up, &sig);
		w->outstanding--;
		flow->frames_out += sig.batch->n;
		flow->bytes_out += sig.batch->bytes;
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

/* --- to kinds that block ------------------------------------------------- */

static bool
route_has_room(const struct tt_remote *remote)
{
	const struct tt_queue_limit *limit = &remote->thread->node->queue;
	int64_t most = limit->bytes / 2 + 1;

	if (most > ROUTE_INFLIGHT || limit->when_full == TT_BLOCK)
		most = ROUTE_INFLIGHT;
	return remote->inflight < most;
}

/* Takes and posts what there is room for. */
static void
route_forward(struct tt_remote *remote)
{
	struct tt_thread *thread = remote->thread;
	struct tt_message messages[ROUTE_POSTED];
	struct tt_signal sig;
	size_t n;

	do {
		for (n = 0; n < ROUTE_POSTED && route_has_room(remote) &&
		    tt_queue_take(&thread->in, &sig); n++) {
			if (sig.batch != NULL)
				remote->inflight += tt_batch_cost(sig.batch);
			messages[n] = (struct tt_message){
			    .handle = route_deliver_afar, .subject = thread,
			    .value = (uint64_t)sig.type << 16 | sig.channel,
			    .more = sig.batch };
		}
		tt_inbox_post_all(&thread->worker->inbox, messages, n);
	} while (n == ROUTE_POSTED);
	if (tt_queue_waiting(&thread->in) == 0)
		remote->since = 0;
	route_done_control(thread);
}

void
tt_routes_forward(struct tt_worker *worker)
{
	struct tt_remote *r;
	bool now;

	for (r = worker->remotes; r != NULL; r = r->next) {
		/* Only here: the phase is the main worker's, who has them all. */
		now = worker->tree->phase != TT_READY;
		if (r->since == 0 || !route_has_room(r) ||
		    !route_is_readable(r->thread))
			continue;
		if (now || worker->now - r->since >= ROUTE_GATHER ||
		    r->thread->in.bytes - r->inflight >= ROUTE_GATHERED)
			route_forward(r);
	}
}

int64_t
tt_routes_due(const struct tt_worker *worker)
{
	const struct tt_remote *r;
	int64_t due = INT64_MAX;

	for (r = worker->remotes; r != NULL; r = r->next)
		if (r->since != 0 && route_has_room(r) &&
		    route_is_readable(r->thread) &&
		    r->since + ROUTE_GATHER < due)
			due = r->since + ROUTE_GATHER;
	return due;
}

static void
route_add_remote(struct tt_thread *thread)
{
	struct tt_remote *r = tt_xcalloc(1, sizeof *r);

	r->thread = thread;
	r->next = thread->home.worker->remotes;
	thread->home.worker->remotes = r;
	thread->home.remote = r;
}

static void
route_remove_remote(struct tt_thread *thread)
{
	struct tt_remote **at = &thread->home.worker->remotes;

	if (thread->home.remote == NULL)
		return;
	while (*at != thread->home.remote)
		at = &(*at)->next;
	*at = (*at)->next;
	free(thread->home.remote);
	thread->home.remote = NULL;
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
	if (route_is_remote(thread))
		route_add_remote(thread);
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
		w->outstanding--;
		if (sig.batch == NULL)
			continue;
		flow->dropped[TT_REASON_TERMINATED] += sig.batch->n;
		route_answer_dropped(w, sig.batch, sig.batch->owed);
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
	route_remove_remote(thread);
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
			thread->home.worker->outstanding--;
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
	if (!thread->home.ended)
		route_put(thread, &thread->in, &route_edge(thread)->in,
		    (struct tt_signal){ .type = TT_TERMINATE });
}

static void
route_close_at_home(void *subject, uint64_t reason, void *more)
{
	struct tt_thread *thread = subject;

	(void)more;
	route_put_up(thread, (struct tt_signal){ .type = TT_CLOSE,
	    .reason = (uint8_t)reason });
}

void
tt_route_close(struct tt_thread *thread)
{
	if (route_is_remote(thread))
		route_post(thread->home.worker, route_close_at_home, thread,
		    thread->reason, NULL);
	else
		route_close_at_home(thread, thread->reason, NULL);
}
