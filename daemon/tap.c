/* tap.c - taps and their gates.
 *
 * A ready tap stands on the worker's list of taps.  When its turn comes and a gate
 * is shut, or others wait there, it waits behind them: on its node's list, on the
 * worker's list for memory, or, at its own window, on none, because what its origin
 * holds tells it.  A node whose gate has opened stands on the worker's list of open
 * nodes.  Whoever waits is taken from there when it may read, and reads at once, so
 * nobody loses a place; open nodes take turns.
 *
 * Gates and memory are one for all workers, the lists are each worker's own.  A worker
 * reads no further ahead of the main worker than TAP_CROSSING: what it sends would
 * only wait there.  One that sleeps while its taps wait says so, and who frees what
 * they wait for wakes it: each looks at the other's word behind its own.
 *
 * A frame that stays unfinished has a ticket, and each worker shows the oldest of its
 * own: the oldest of all is the one whose ticket is not above any that is shown.
 *
 * A read that brought less than it asked for has emptied the socket (epoll(7)), and
 * a second one to make sure would double the system calls of small frames.  There
 * is one case where it has not, and no event will say so: a reset that came with
 * the data.  So such a tap is unsure, and looked at once within a second. */
#include "daemon/tap.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/node.h"
#include "daemon/tree.h"
#include "daemon/worker.h"

#define TAP_STARVED 1000000000		/* ns that the oldest frame may bring nothing */
#define TAP_UNSURE 1000000000		/* ns until unsure taps are looked at */
#define TAP_CROSSING (256 << 10)		/* bytes on their way to the main worker */

static int64_t
tap_memory_used(const struct tt_worker *w)
{
	return atomic_load_explicit(&w->tree->memory.used, memory_order_relaxed);
}

/* True if no worker has an older frame that is unfinished than that of TICKET. */
static bool
tap_is_first(const struct tt_tree *tree, uint64_t ticket)
{
	unsigned i;

	for (i = 0; i < tree->n_loops; i++)
		if (atomic_load(&tree->workers[i]->oldest) < ticket)
			return false;
	return true;
}

static bool
tap_is_oldest(const struct tt_tap *tap)
{
	const struct tt_worker *w = tap->thread->worker;

	return w->unfinished == tap && tap_is_first(w->tree, tap->ticket);
}

/* Bytes that W has sent and the main worker has not yet taken. */
static bool
tap_may_cross(const struct tt_worker *w)
{
	return atomic_load_explicit(&w->sent, memory_order_relaxed) -
	    atomic_load_explicit(&w->arrived, memory_order_relaxed) < TAP_CROSSING;
}

/* There is room for what any tap may read. */
static bool
tap_has_room(const struct tt_worker *w)
{
	const struct tt_memory *m = &w->tree->memory;

	return tap_memory_used(w) < m->limit - m->reserve;
}

/* The reserve is for the oldest unfinished frame.  Where nothing but such frames is
 * left, its end is the only way on: what the others' last reads have taken of the
 * reserve must not stop it. */
static bool
tap_has_reserve(const struct tt_worker *w)
{
	return tap_memory_used(w) < w->tree->memory.limit ||
	    tt_tree_outstanding(w->tree) == 0;
}

static bool
tap_has_memory(const struct tt_tap *tap)
{
	const struct tt_worker *w = tap->thread->worker;

	return tap_has_room(w) || (tap_is_oldest(tap) && tap_has_reserve(w));
}

static bool
tap_has_window(const struct tt_tap *tap)
{
	return atomic_load(&tap->origin->held) < tap->window;
}

static struct tt_edge *
tap_edge(const struct tt_tap *tap)
{
	return &tap->thread->worker->edges[tap->thread->node->index];
}

static int64_t
tap_gate_clock(const struct tt_tap *tap)
{
	const struct tt_thread *t = tap->thread;

	return atomic_load(&t->worker->tree->gates[t->node->index].clock);
}

static bool
tap_gate_is_open(const struct tt_tap *tap)
{
	return tap_gate_clock(tap) >= 0;
}

bool
tt_tap_is_open(const struct tt_tap *tap)
{
	return tap_gate_is_open(tap) && tap_has_window(tap) && tap_has_memory(tap);
}

/* --- waiting ------------------------------------------------------------- */

/* The end of a list is found through its head's owner: both ends are kept. */
static void
tap_append(struct tt_tap *tap, struct tt_tap ***end)
{
	tap->next = NULL;
	tap->prev = *end;
	**end = tap;
	*end = &tap->next;
}

static void
tap_unlink(struct tt_tap *tap)
{
	struct tt_worker *w = tap->thread->worker;
	struct tt_edge *e = tap_edge(tap);

	if (tap->prev == NULL)
		return;
	*tap->prev = tap->next;
	if (tap->next != NULL)
		tap->next->prev = tap->prev;
	else if (tap->unsure)
		w->unsure_end = tap->prev;
	else if (w->waiting_end == &tap->next)
		w->waiting_end = tap->prev;
	else
		e->waiting_end = tap->prev;
	tap->prev = NULL;
	tap->unsure = false;
}

/* How long the gate of TAP's node has been shut, in all. */
static int64_t
tap_shut_time(const struct tt_tap *tap)
{
	int64_t clock = tap_gate_clock(tap);

	return clock >= 0 ? clock : clock + tap->thread->worker->now;
}

/* A tap's own waiting is measured by a clock that stands while the gate is shut,
 * so that no time counts twice, however its waits overlap. */
static int64_t
tap_open_clock(const struct tt_tap *tap)
{
	return tap->thread->worker->now - tap_shut_time(tap);
}

static void
tap_wait_begins(struct tt_tap *tap)
{
	if (tap->waits_since == 0)
		tap->waits_since = tap_open_clock(tap);
}

static void
tap_wait_ends(struct tt_tap *tap)
{
	if (tap->waits_since == 0)
		return;
	atomic_store(&tap->origin->at_window, false);
	tap->waited += tap_open_clock(tap) - tap->waits_since;
	tap->waits_since = 0;
}

/* The gate of E is open, and taps wait there. */
static void
tap_list_open(struct tt_worker *w, struct tt_edge *e)
{
	if (e->is_open)
		return;
	e->is_open = true;
	e->next_open = NULL;
	*w->open_end = e;
	w->open_end = &e->next_open;
}

static struct tt_edge *
tap_first_open(struct tt_worker *w)
{
	struct tt_edge *e;

	while ((e = w->open) != NULL && (e->waiting == NULL ||
	    !tap_gate_is_open(e->waiting))) {
		e->is_open = false;
		w->open = e->next_open;
		if (w->open == NULL)
			w->open_end = &w->open;
	}
	return e;
}

/* All gates but its own window are open, and nobody is before it. */
static void
tap_read(struct tt_tap *tap)
{
	if (!tap_has_window(tap)) {
		tap_wait_begins(tap);
		atomic_store(&tap->origin->at_window, true);
		/* Who frees looks behind that: or it was just before. */
		if (!tap_has_window(tap))
			return;
	}
	tap_wait_ends(tap);
	if (tap->fd < 0)
		tap->ready = false;	/* until it is told so again */
	tap->readable(tap);
	if (tap->started && tap->ready)
		tt_task_reschedule_tap(&tap->task);
}

static void
tap_run(struct tt_task *task)
{
	struct tt_tap *tap = (struct tt_tap *)task;
	struct tt_worker *w = tap->thread->worker;
	struct tt_edge *e = tap_edge(tap);

	if (!tap->started || !tap->ready)
		return;
	if (!tap_gate_is_open(tap) || e->waiting != NULL) {
		tap_wait_begins(tap);
		tap_append(tap, &e->waiting_end);
		/* It may have opened just now, and its message have been here. */
		if (tap_gate_is_open(tap))
			tap_list_open(w, e);
	} else if (!tap_may_cross(w) || !tap_has_memory(tap) ||
	    (w->waiting != NULL && !tap_is_oldest(tap))) {
		tap_wait_begins(tap);
		tap_append(tap, &w->waiting_end);
	} else {
		tap_read(tap);
	}
}

/* The next of those that wait and may read, or NULL: the oldest unfinished frame,
 * which may use the reserve; who waits for memory; the open nodes' in turn. */
static struct tt_tap *
tap_next(struct tt_worker *w)
{
	struct tt_tap *tap = w->unfinished;
	struct tt_edge *e;

	if (!tap_may_cross(w))
		return NULL;
	if (tap != NULL && tap->prev != NULL && !tap->unsure &&
	    tap_gate_is_open(tap) && tap_is_oldest(tap) && tap_has_memory(tap))
		return tap;
	while ((tap = w->waiting) != NULL) {
		if (tap_gate_is_open(tap))
			return tap_has_memory(tap) ? tap : NULL;
		tap_unlink(tap);
		tap_append(tap, &tap_edge(tap)->waiting_end);
	}
	e = tap_first_open(w);
	return e != NULL && tap_has_memory(e->waiting) ? e->waiting : NULL;
}

bool
tt_taps_may_read(struct tt_worker *w)
{
	return tap_next(w) != NULL;
}

bool
tt_taps_read_one(struct tt_worker *w)
{
	struct tt_tap *tap = tap_next(w);
	struct tt_edge *e;

	if (tap == NULL)
		return false;
	e = tap_edge(tap);
	tap_unlink(tap);
	if (e == w->open && w->open_end != &e->next_open) {
		w->open = e->next_open;
		e->is_open = false;
		tap_list_open(w, e);
	}
	tap_read(tap);
	return true;
}

static void
tap_schedule(struct tt_tap *tap)
{
	if (tap->started && tap->ready && tap->prev == NULL &&
	    !atomic_load(&tap->origin->at_window))
		tt_task_reschedule_tap(&tap->task);
}

static void
tap_event(evutil_socket_t fd, short what, void *arg)
{
	struct tt_tap *tap = arg;

	(void)fd;
	tap->closed |= (what & EV_CLOSED) != 0;
	if (tap->unsure)
		tap_unlink(tap);
	tap->ready = true;
	tap_schedule(tap);
}

static void
tap_is_unsure(struct tt_tap *tap)
{
	struct tt_worker *w = tap->thread->worker;

	tap_unlink(tap);
	tap->ready = false;
	tap->unsure = true;
	tap_append(tap, &w->unsure_end);
	if (w->unsure_at == INT64_MAX)
		w->unsure_at = w->now + TAP_UNSURE;
}

void
tt_taps_look(struct tt_worker *w)
{
	struct tt_tap *tap;

	if (w->now < w->unsure_at)
		return;
	w->unsure_at = INT64_MAX;
	while ((tap = w->unsure) != NULL) {
		tap_unlink(tap);
		tap->ready = true;
		tap_schedule(tap);
	}
}

/* --- the tap ------------------------------------------------------------- */

void
tt_tap_init(struct tt_tap *tap, struct tt_thread *self, int fd,
    struct tt_origin *origin, int64_t window, void (*readable)(struct tt_tap *tap))
{
	memset(tap, 0, sizeof *tap);
	tt_task_init(&tap->task, self, tap_run);
	tap->thread = self;
	tap->origin = origin;
	tap->window = window;
	tap->readable = readable;
	tap->fd = fd;
	if (fd >= 0)
		event_assign(&tap->event, self->worker->base, fd,
		    EV_READ | EV_CLOSED | EV_ET | EV_PERSIST, tap_event, tap);
}

int
tt_tap_start(struct tt_tap *tap)
{
	if (tap->fd >= 0 && event_add(&tap->event, NULL) != 0)
		return -1;
	tap->started = true;
	tap->origin->tap = tap;
	tap->origin->worker = tap->thread->worker;
	return 0;
}

void
tt_tap_ready(struct tt_tap *tap)
{
	tap->ready = true;
	tap_schedule(tap);
}

/* The oldest of W, for all to see. */
static void
tap_show_oldest(struct tt_worker *w)
{
	atomic_store(&w->oldest, w->unfinished != NULL ? w->unfinished->ticket :
	    UINT64_MAX);
}

static void
tap_not_unfinished(struct tt_tap *tap)
{
	struct tt_worker *w = tap->thread->worker;

	*tap->prev_unfinished = tap->next_unfinished;
	if (tap->next_unfinished != NULL)
		tap->next_unfinished->prev_unfinished = tap->prev_unfinished;
	else
		w->unfinished_end = tap->prev_unfinished;
	tap->unfinished = 0;
	tap_show_oldest(w);
	if (w->starved.thread == tap->thread)
		tt_timer_stop(&w->starved);
}

void
tt_tap_stop(struct tt_tap *tap)
{
	if (!tap->started)
		return;
	tap->started = false;
	if (tap->fd >= 0)
		event_del(&tap->event);
	tap_wait_ends(tap);
	tap_unlink(tap);
	tt_task_cancel(&tap->task);
	if (tap->unfinished > 0)
		tap_not_unfinished(tap);
	tap->origin->tap = NULL;
}

ssize_t
tt_tap_read(struct tt_tap *tap, struct tt_chunk **chunk)
{
	struct tt_chunk *c = tt_chunk_create(tap->origin, TT_READ_SIZE), *small;
	ssize_t n;

	do
		n = recv(tap->fd, c->bytes, TT_READ_SIZE, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n <= 0) {
		tap->ready = false;
		tt_chunk_unref(c);
		return n;
	}
	c->used = (uint32_t)n;
	tap->thread->worker->turn_bytes += (uint32_t)n;
	if (n < TT_READ_SIZE && tap->started && !tap->closed && !tap->packets)
		tap_is_unsure(tap);
	if (tap->thread->worker->starved.thread == tap->thread)
		tt_timer_stop(&tap->thread->worker->starved);
	if (n <= TT_READ_SIZE / 2) {
		small = tt_chunk_create(tap->origin, (uint32_t)n);
		memcpy(small->bytes, c->bytes, (size_t)n);
		small->used = (uint32_t)n;
		tt_chunk_unref(c);
		c = small;
	}
	*chunk = c;
	return n;
}

void
tt_tap_set_unfinished(struct tt_tap *tap, bool unfinished)
{
	struct tt_worker *w;

	/* Where there is no stream, nobody can let us wait for its end. */
	if (!tap->started || tap->fd < 0)
		return;
	w = tap->thread->worker;
	if (!unfinished) {
		if (tap->unfinished > 0 && --tap->unfinished == 0)
			tap_not_unfinished(tap);
		return;
	}
	if (tap->unfinished++ > 0)
		return;
	tap->ticket = atomic_fetch_add_explicit(&w->tree->memory.tickets, 1,
	    memory_order_relaxed);
	tap->next_unfinished = NULL;
	tap->prev_unfinished = w->unfinished_end;
	*w->unfinished_end = tap;
	w->unfinished_end = &tap->next_unfinished;
	if (w->unfinished == tap)
		tap_show_oldest(w);
}

int64_t
tt_tap_closed_time(const struct tt_tap *tap)
{
	int64_t ns = tap_shut_time(tap) + tap->waited;

	if (tap->waits_since != 0)
		ns += tap_open_clock(tap) - tap->waits_since;
	return ns;
}

/* On its worker. */
static void
tap_window_opens(void *subject, uint64_t value, void *more)
{
	struct tt_origin *origin = subject;

	(void)value, (void)more;
	if (origin->tap != NULL)
		tap_schedule(origin->tap);
	tt_origin_unref(origin);
}

void
tt_tap_held_fell(struct tt_origin *origin)
{
	/* Whether it fell far enough is for the tap to see, which waits again if not. */
	if (!atomic_exchange(&origin->at_window, false))
		return;
	tt_origin_ref(origin);
	if (origin->worker == tt_worker_here())
		tap_window_opens(origin, 0, NULL);
	else
		tt_worker_post(origin->worker, (struct tt_message){
		    .handle = tap_window_opens, .subject = origin });
}

/* --- gates --------------------------------------------------------------- */

static void
tap_gate_opened(void *subject, uint64_t index, void *more)
{
	struct tt_worker *w = subject;
	struct tt_edge *e = &w->edges[index];

	(void)more;
	if (e->waiting != NULL && tap_gate_is_open(e->waiting))
		tap_list_open(w, e);
}

void
tt_gate_shut(struct tt_worker *main, const struct tt_node *node)
{
	struct tt_gate *g = &main->tree->gates[node->index];

	assert(main == main->tree->main);
	if (g->shuts++ == 0)
		atomic_store(&g->clock, atomic_load(&g->clock) - main->now);
}

void
tt_gate_open(struct tt_worker *main, const struct tt_node *node)
{
	struct tt_tree *tree = main->tree;
	struct tt_gate *g = &tree->gates[node->index];
	unsigned i;

	if (--g->shuts > 0)
		return;
	atomic_store(&g->clock, atomic_load(&g->clock) + main->now);
	tap_gate_opened(main, node->index, NULL);
	for (i = 1; i < tree->n_loops; i++)
		tt_worker_post(tree->workers[i], (struct tt_message){
		    .handle = tap_gate_opened, .subject = tree->workers[i],
		    .value = node->index });
}

/* --- room ---------------------------------------------------------------- */

static bool
tap_some_wait(struct tt_worker *w)
{
	return w->waiting != NULL || tap_first_open(w) != NULL;
}

static void
tap_nothing(void *subject, uint64_t value, void *more)
{
	(void)subject, (void)value, (void)more;
}

static void
tap_wake(struct tt_worker *w)
{
	tt_inbox_post(&w->inbox, (struct tt_message){ .handle = tap_nothing });
}

/* The worker of the oldest unfinished frame is to watch it, while others wait. */
static void
tap_wake_oldest(struct tt_worker *w)
{
	struct tt_tree *tree = w->tree;
	struct tt_worker *oldest = w;
	uint64_t ticket = UINT64_MAX, other;
	unsigned i;

	for (i = 0; i < tree->n_loops; i++) {
		other = atomic_load(&tree->workers[i]->oldest);
		if (other < ticket) {
			ticket = other;
			oldest = tree->workers[i];
		}
	}
	if (oldest != w)
		tap_wake(oldest);
}

bool
tt_taps_sleep(struct tt_worker *w)
{
	if (w->tree->n_loops == 1 || !tap_some_wait(w))
		return true;
	atomic_fetch_add(&w->tree->memory.thirsty, 1);
	atomic_store(&w->thirsty, true);
	atomic_thread_fence(memory_order_seq_cst);
	if (tt_taps_may_read(w)) {
		tt_taps_awake(w);
		return false;
	}
	tap_wake_oldest(w);
	return true;
}

void
tt_taps_awake(struct tt_worker *w)
{
	if (atomic_load_explicit(&w->thirsty, memory_order_relaxed) &&
	    atomic_exchange(&w->thirsty, false))
		atomic_fetch_sub(&w->tree->memory.thirsty, 1);
}

void
tt_taps_wake_others(struct tt_worker *w)
{
	struct tt_tree *tree = w->tree;
	struct tt_worker *other;
	unsigned i;

	if (tree->n_loops == 1)
		return;
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load(&tree->memory.thirsty) == 0)
		return;
	for (i = 0; i < tree->n_loops; i++) {
		other = tree->workers[i];
		if (!atomic_load(&other->thirsty) || !tap_may_cross(other) ||
		    (!tap_has_room(other) && !(tap_has_reserve(other) &&
		    tap_is_first(tree, atomic_load(&other->oldest)))))
			continue;
		tt_taps_awake(other);
		tap_wake(other);
	}
}

/* --- starved ------------------------------------------------------------- */

/* How often the worker's oldest tap was closed, and what moved anywhere: if neither
 * grows it had its time. */
static void
tap_starve_from(struct tt_worker *w, const struct tt_tap *tap)
{
	w->starved.thread = tap->thread;
	w->starved_closed = tap_shut_time(tap);
	w->starved_begun = tt_tree_begun(w->tree);
	tt_timer_start(&w->starved, TAP_STARVED);
}

/* It is in everybody's way: others wait, and it has nothing to read. */
static bool
tap_is_in_the_way(struct tt_worker *w, const struct tt_tap *tap)
{
	return tap != NULL && !tap->ready && tap_is_oldest(tap) &&
	    (tap_some_wait(w) || atomic_load(&w->tree->memory.thirsty) > 0);
}

/* The memory is full of unfinished frames, nothing in a queue will make room, and
 * the oldest of them brings nothing. */
void
tt_taps_watch_starved(struct tt_worker *w)
{
	struct tt_tap *oldest = w->unfinished;

	if (!tap_is_in_the_way(w, oldest) || !tap_gate_is_open(oldest))
		tt_timer_stop(&w->starved);
	else if (!tt_timer_is_on(&w->starved) || w->starved.thread !=
	    oldest->thread)
		tap_starve_from(w, oldest);
}

/* Timers come before events: when we stood still ourselves, it may have brought
 * something that we have not seen. */
void
tt_tap_starved(struct tt_timer *timer)
{
	struct tt_worker *w = timer->thread->worker;
	const struct tt_tap *oldest = w->unfinished;
	char c;

	if (!tap_is_in_the_way(w, oldest) || oldest->thread != timer->thread)
		return;
	if (tt_tree_outstanding(w->tree) > 0 || tt_tree_begun(w->tree) !=
	    w->starved_begun || tap_shut_time(oldest) != w->starved_closed)
		tap_starve_from(w, oldest);
	else if (recv(oldest->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) < 0)
		tt_close(timer->thread, TT_REASON_MEMORY);
}
