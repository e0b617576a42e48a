/* worker.c - the loop.
 *
 * The loop of libevent only gathers: its callbacks put tasks on the run list, and
 * the turn does the work.  So everything runs from one place, in one order, and a
 * handler never runs inside another. */
#include "daemon/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "daemon/memory.h"
#include "daemon/remote.h"
#include "daemon/tap.h"
#include "daemon/tree.h"

#define WORKER_BUDGET 256		/* tasks of one turn, */
#define WORKER_BYTES (256 << 10)	/* and bytes that taps read in it: what was */
					/* read is in the cache when it is sent */
#define WORKER_IDLE 5000000000		/* ns until free lists go back */

static _Thread_local struct tt_worker *worker_here;

struct tt_worker *
tt_worker_here(void)
{
	return worker_here;
}

static int64_t
worker_time(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

void
tt_worker_clock(struct tt_worker *worker)
{
	if (!worker->clock_old)
		return;
	worker->clock_old = false;
	worker->now = worker_time(CLOCK_MONOTONIC);
	worker->wall_now = worker_time(CLOCK_REALTIME);
}

/* Only ends the wait: edge-triggered, it need not be read. */
static void
worker_inbox_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

/* Only ends the wait: edge-triggered, it need not be read. */
static void
worker_timer_event(evutil_socket_t fd, short what, void *arg)
{
	struct tt_worker *w = arg;

	(void)fd;
	(void)what;
	w->timer_set = INT64_MAX;
}

struct tt_worker *
tt_worker_create(struct tt_tree *tree, unsigned n_nodes, struct tt_error *err)
{
	struct event_config *config = event_config_new();
	struct tt_worker *w = tt_xcalloc(1, sizeof *w);
	unsigned i;

	w->tree = tree;
	w->oldest = UINT64_MAX;
	w->run_end = &w->run_first;
	w->tap_end = &w->tap_first;
	w->waiting_end = &w->waiting;
	w->open_end = &w->open;
	w->unfinished_end = &w->unfinished;
	w->unsure_end = &w->unsure;
	w->timer_next = w->timer_set = w->trim_at = w->unsure_at = INT64_MAX;
	w->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	w->edges = tt_xcalloc(n_nodes, sizeof w->edges[0]);
	for (i = 0; i < n_nodes; i++)
		w->edges[i].waiting_end = &w->edges[i].waiting;
	w->starved.callback = tt_tap_starved;
	w->inbox.fd = -1;
	w->clock_old = true;
	tt_worker_clock(w);
	w->clock_old = true;	/* who runs it may not do so at once */
	if (config == NULL || w->timer_fd < 0)
		goto fail;
	/* One OS thread for each loop, and no copies of descriptors. */
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	event_config_require_features(config, EV_FEATURE_ET);
	w->base = event_base_new_with_config(config);
	if (w->base == NULL)
		goto fail;
	event_config_free(config);
	config = NULL;
	if (tt_inbox_init(&w->inbox, err) != 0) {
		tt_worker_destroy(w);
		return NULL;
	}
	w->inbox_event = event_new(w->base, w->inbox.fd,
	    EV_READ | EV_PERSIST | EV_ET, worker_inbox_event, w);
	w->timer_event = event_new(w->base, w->timer_fd,
	    EV_READ | EV_PERSIST | EV_ET, worker_timer_event, w);
	if (w->inbox_event == NULL || w->timer_event == NULL ||
	    event_add(w->inbox_event, NULL) != 0 ||
	    event_add(w->timer_event, NULL) != 0)
		goto fail;
	return w;
fail:
	tt_error_set(err, "cannot make an event loop: %s", strerror(errno));
	if (config != NULL)
		event_config_free(config);
	tt_worker_destroy(w);
	return NULL;
}

void
tt_worker_destroy(struct tt_worker *worker)
{
	if (worker == NULL)
		return;
	if (worker_here == worker)
		worker_here = NULL;
	if (worker->inbox.fd >= 0)
		tt_inbox_handle(&worker->inbox);
	tt_threads_free(worker);
	tt_timers_finish(worker);
	if (worker->inbox_event != NULL)
		event_free(worker->inbox_event);
	if (worker->inbox.fd >= 0)
		tt_inbox_finish(&worker->inbox);
	if (worker->timer_event != NULL)
		event_free(worker->timer_event);
	if (worker->timer_fd >= 0)
		close(worker->timer_fd);
	if (worker->base != NULL)
		event_base_free(worker->base);
	tt_spares_trim(&worker->spares);
	free(worker->outboxes);
	free(worker->edges);
	free(worker);
}

/* --- messages ------------------------------------------------------------ */

/* A thread that blocks may do so before its turn ends, and is waited for in a way of
 * its own. */
void
tt_worker_post(struct tt_worker *to, struct tt_message message)
{
	struct tt_worker *here = worker_here;

	if (here != NULL && here->outboxes != NULL && !to->blocking)
		tt_outbox_add(&here->outboxes[to->index], &here->spares, &to->inbox,
		    message);
	else
		tt_inbox_post(&to->inbox, message);
}

void
tt_worker_send(struct tt_worker *to, struct tt_message message)
{
	tt_begin(worker_here != NULL ? worker_here : to->tree->main);
	tt_worker_post(to, message);
}

static void
worker_flush(struct tt_worker *w)
{
	struct tt_tree *tree = w->tree;
	unsigned i;

	if (w->outboxes == NULL)
		return;
	for (i = 0; i < tree->n_loops; i++)
		tt_outbox_flush(&w->outboxes[i], &tree->workers[i]->inbox);
}

/* --- a turn -------------------------------------------------------------- */

static void
worker_run_tasks(struct tt_worker *w)
{
	unsigned budget = WORKER_BUDGET;
	struct tt_task *task;

	if (w->run_first != NULL || w->tap_first != NULL)
		w->trim_at = w->now + WORKER_IDLE;
	w->turn_bytes = 0;
	for (; budget > 0; budget--) {
		task = w->run_first;
		if (task == NULL && w->turn_bytes >= WORKER_BYTES)
			break;
		if (task == NULL && tt_taps_read_one(w))
			continue;
		if (task == NULL)
			task = w->tap_first;
		if (task == NULL)
			break;
		tt_task_cancel(task);
		task->callback(task);
	}
}

static void
worker_run_pumps(struct tt_worker *w)
{
	struct tt_pump *pump, *next;

	for (pump = w->pumps; pump != NULL; pump = next) {
		next = pump->next;
		if (!pump->dirty)
			continue;
		pump->dirty = false;
		pump->run(pump);
	}
}

static void
worker_trim(struct tt_worker *w)
{
	/* What came free by a message or an event was no task. */
	if (w->trim_at == INT64_MAX && tt_batch_free_bytes() > 0)
		w->trim_at = w->now + WORKER_IDLE;
	if (w->now < w->trim_at)
		return;
	tt_batch_trim_free_lists();
	tt_memory_trim(&w->tree->memory);
	tt_queue_trim_free_list();
	tt_spares_trim(&w->spares);
	w->trim_at = INT64_MAX;
}

static bool
worker_has_work(struct tt_worker *w)
{
	const struct tt_pump *pump;

	if (w->run_first != NULL || w->tap_first != NULL || w->steps != NULL ||
	    tt_taps_may_read(w))
		return true;
	for (pump = w->pumps; pump != NULL; pump = pump->next)
		if (pump->dirty)
			return true;
	return false;
}

static int64_t
worker_earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* The time when something is to be done without an event. */
static int64_t
worker_due(const struct tt_worker *w)
{
	return worker_earlier(worker_earlier(w->timer_next, w->trim_at),
	    worker_earlier(w->unsure_at, tt_remotes_due(w)));
}

/* A timerfd that is set for an earlier time than needed costs one turn, setting it
 * anew for each would cost more.  The timeouts of libevent would cost a system
 * call each turn, or be late by a tick. */
static void
worker_set_timer(struct tt_worker *w, int64_t due)
{
	struct itimerspec spec = { .it_value = { .tv_nsec = 1 } };

	if (due >= w->timer_set)
		return;
	if (due > 0) {
		spec.it_value.tv_sec = due / 1000000000;
		spec.it_value.tv_nsec = due % 1000000000;
	}
	timerfd_settime(w->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
	w->timer_set = due;
}

/* From now on W is woken by whoever brings it something to do. */
static bool
worker_may_sleep(struct tt_worker *w)
{
	if (worker_has_work(w) || !tt_taps_sleep(w))
		return false;
	if (tt_inbox_sleep(&w->inbox))
		return true;
	tt_taps_awake(w);
	return false;
}

static void
worker_wait(struct tt_worker *w)
{
	bool sleeps = worker_may_sleep(w);

	if (sleeps)
		worker_set_timer(w, worker_due(w));
	w->clock_old = true;
	event_base_loop(w->base, sleeps ? EVLOOP_ONCE : EVLOOP_ONCE | EVLOOP_NONBLOCK);
	if (sleeps) {
		tt_inbox_awake(&w->inbox);
		tt_taps_awake(w);
	}
	if (tt_inbox_is_empty(&w->inbox))
		return;
	tt_worker_clock(w);
	tt_inbox_handle(&w->inbox);
}

void
tt_worker_turn(struct tt_worker *worker)
{
	struct tt_worker *w = worker;

	worker_here = w;
	tt_worker_clock(w);
	worker_run_tasks(w);
	tt_timers_run(w);
	tt_threads_step(w);
	worker_run_pumps(w);
	tt_remotes_forward(w);	/* behind the pumps: it may cost us the processor */
	tt_taps_look(w);
	tt_taps_watch_starved(w);
	if (w == w->tree->main)
		tt_tree_turn(w->tree);
	tt_threads_free(w);
	worker_trim(w);
	worker_flush(w);
	tt_taps_wake_others(w);
	if (!w->stop)
		worker_wait(w);
}

void
tt_worker_run(struct tt_worker *worker)
{
	while (!worker->stop)
		tt_worker_turn(worker);
	worker_flush(worker);
	tt_batch_trim_free_lists();
	tt_queue_trim_free_list();
}

/* --- a worker with an OS thread of its own ------------------------------- */

static void *
worker_main(void *arg)
{
	tt_worker_run(arg);
	return NULL;
}

/* POSIX signals are for the main worker. */
int
tt_worker_start(struct tt_worker *worker, const char *name, struct tt_error *err)
{
	sigset_t all, before;
	char short_name[16];
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&worker->os_thread, NULL, worker_main, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r != 0)
		return tt_error_set(err, "cannot start an OS thread: %s",
		    strerror(r));
	strncpy(short_name, name, sizeof short_name - 1);
	short_name[sizeof short_name - 1] = '\0';
	pthread_setname_np(worker->os_thread, short_name);
	worker->started = true;
	return 0;
}

static void
worker_stop(void *subject, uint64_t value, void *more)
{
	struct tt_worker *w = subject;

	(void)value;
	(void)more;
	w->stop = true;
}

void
tt_worker_join(struct tt_worker *worker)
{
	if (!worker->started)
		return;
	tt_inbox_post(&worker->inbox, (struct tt_message){
	    .handle = worker_stop, .subject = worker });
	pthread_join(worker->os_thread, NULL);
	worker->started = false;
}
