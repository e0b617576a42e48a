/* tap.c - taps and their gates.
 *
 * A ready tap stands on the worker's list of taps.  When its turn comes and a gate
 * is shut, or others wait there, it waits behind them: on its node's list, on the
 * worker's list for memory, or, at its own window, on none, because what its origin
 * holds tells it.  A node whose gate has opened stands on the worker's list of open
 * nodes.  Whoever waits is taken from there when it may read, and reads at once, so
 * nobody loses a place; open nodes take turns.
 *
 * A read that brought less than it asked for has emptied the socket (epoll(7)), and
 * a second one to make sure would double the system calls of small frames.  There
 * is one case where it has not, and no event will say so: a reset that came with
 * the data.  So such a tap is unsure, and looked at once within a second. */
#include "daemon/tap.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/node.h"
#include "daemon/worker.h"

#define TAP_STARVED 1000000000		/* ns that the oldest frame may bring nothing */
#define TAP_UNSURE 1000000000		/* ns until unsure taps are looked at */

static int64_t
tap_memory_used(const struct tt_tap *tap)
{
	return atomic_load_explicit(&tap->origin->memory->used,
	    memory_order_relaxed);
}

static bool
tap_has_memory(const struct tt_tap *tap)
{
	const struct tt_memory *m = tap->origin->memory;

	if (tap_memory_used(tap) < m->limit - m->reserve)
		return true;
	/* The reserve is for the oldest unfinished frame.  Where nothing but such
	 * frames is left, its end is the only way on: what the others' last reads
	 * have taken of the reserve must not stop it. */
	return tap->thread->worker->unfinished == tap &&
	    (tap_memory_used(tap) < m->limit ||
	    tap->thread->worker->outstanding == 0);
}

static bool
tap_has_window(const struct tt_tap *tap)
{
	return atomic_load_explicit(&tap->origin->held, memory_order_relaxed) <
	    tap->window;
}

static struct tt_edge *
tap_edge(const struct tt_tap *tap)
{
	return &tap->thread->worker->edges[tap->thread->node->index];
}

bool
tt_tap_is_open(const struct tt_tap *tap)
{
	return tap_edge(tap)->shuts == 0 && tap_has_window(tap) &&
	    tap_has_memory(tap);
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
	const struct tt_edge *e = tap_edge(tap);

	return e->shut_time +
	    (e->shuts > 0 ? tap->thread->worker->now - e->shut_since : 0);
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
	tap->at_window = false;
	if (tap->waits_since != 0)
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

	while ((e = w->open) != NULL && (e->shuts > 0 || e->waiting == NULL)) {
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
		tap->at_window = true;
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
	if (e->shuts > 0 || e->waiting != NULL) {
		tap_wait_begins(tap);
		tap_append(tap, &e->waiting_end);
		if (e->shuts == 0)
			tap_list_open(w, e);
	} else if (!tap_has_memory(tap) ||
	    (w->waiting != NULL && w->unfinished != tap)) {
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

	if (tap != NULL && tap->prev != NULL && !tap->unsure &&
	    tap_edge(tap)->shuts == 0 && tap_has_memory(tap))
		return tap;
	while ((tap = w->waiting) != NULL) {
		if (tap_edge(tap)->shuts == 0)
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
	if (tap->started && tap->ready && tap->prev == NULL && !tap->at_window)
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
	return 0;
}

void
tt_tap_ready(struct tt_tap *tap)
{
	tap->ready = true;
	tap_schedule(tap);
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
	tap->next_unfinished = NULL;
	tap->prev_unfinished = w->unfinished_end;
	*w->unfinished_end = tap;
	w->unfinished_end = &tap->next_unfinished;
}

int64_t
tt_tap_closed_time(const struct tt_tap *tap)
{
	int64_t ns = tap_shut_time(tap) + tap->waited;

	if (tap->waits_since != 0)
		ns += tap_open_clock(tap) - tap->waits_since;
	return ns;
}

void
tt_tap_held_fell(struct tt_tap *tap)
{
	if (tap->at_window && tap_has_window(tap)) {
		tap->at_window = false;
		tap_schedule(tap);
	}
}

/* --- gates --------------------------------------------------------------- */

void
tt_gate_shut(struct tt_worker *worker, const struct tt_node *node)
{
	struct tt_edge *e = &worker->edges[node->index];

	if (e->shuts++ == 0)
		e->shut_since = worker->now;
}

void
tt_gate_open(struct tt_worker *worker, const struct tt_node *node)
{
	struct tt_edge *e = &worker->edges[node->index];

	if (--e->shuts > 0)
		return;
	e->shut_time += worker->now - e->shut_since;
	if (e->waiting != NULL)
		tap_list_open(worker, e);
}

/* The memory is full of unfinished frames, nothing in a queue will make room, and
 * the oldest of them brings nothing: it is in everybody's way. */
void
tt_taps_watch_starved(struct tt_worker *w)
{
	struct tt_tap *oldest = w->unfinished;
	bool starved = (w->waiting != NULL || tap_first_open(w) != NULL) && oldest != NULL && !oldest->ready &&
	    w->outstanding == 0 && tap_edge(oldest)->shuts == 0;

	if (!starved)
		tt_timer_stop(&w->starved);
	else if (!tt_timer_is_on(&w->starved) || w->starved.thread !=
	    oldest->thread) {
		w->starved.thread = oldest->thread;
		tt_timer_start(&w->starved, TAP_STARVED);
	}
}

/* Timers come before events: when we stood still ourselves, it may have brought
 * something that we have not seen. */
void
tt_tap_starved(struct tt_timer *timer)
{
	const struct tt_tap *oldest = timer->thread->worker->unfinished;
	char c;

	if (tap_edge(oldest)->shuts == 0 && !oldest->ready &&
	    recv(oldest->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) < 0)
		tt_close(timer->thread, TT_REASON_MEMORY);
}
