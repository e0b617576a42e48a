/* task.c - the run list, watches and timers.
 *
 * Timers of one duration start in the order in which they end, so each duration
 * has one list, to which a start appends; the worker has one event, for the first
 * of them all. */
#include "daemon/task.h"

#include <stdlib.h>

#include "daemon/memory.h"
#include "daemon/worker.h"

#define TASK_COMPUTED (-1)	/* the list of timers with a computed duration */

struct tt_timers {
	struct tt_timers *next;
	struct tt_worker *worker;
	int64_t duration;
	struct tt_timer *first, **end;
};

/* --- tasks --------------------------------------------------------------- */

void
tt_task_init(struct tt_task *task, struct tt_thread *self,
    void (*callback)(struct tt_task *task))
{
	task->next = NULL;
	task->prev = NULL;
	task->worker = self->worker;
	task->callback = callback;
}

static void
task_append(struct tt_task *task, struct tt_task ***end)
{
	if (task->prev != NULL)
		return;
	task->next = NULL;
	task->prev = *end;
	**end = task;
	*end = &task->next;
}

void
tt_task_reschedule(struct tt_task *task)
{
	task_append(task, &task->worker->run_end);
}

void
tt_task_reschedule_tap(struct tt_task *task)
{
	task_append(task, &task->worker->tap_end);
}

void
tt_task_cancel(struct tt_task *task)
{
	struct tt_worker *w = task->worker;

	if (task->prev == NULL)
		return;
	*task->prev = task->next;
	if (task->next != NULL)
		task->next->prev = task->prev;
	else if (w->tap_end == &task->next)
		w->tap_end = task->prev;
	else
		w->run_end = task->prev;
	task->prev = NULL;
}

/* --- watches ------------------------------------------------------------- */

static void
watch_event(evutil_socket_t fd, short what, void *arg)
{
	struct tt_watch *watch = arg;

	(void)fd;
	tt_worker_clock(watch->thread->worker);
	watch->callback(watch, what);
}

void
tt_watch_init(struct tt_watch *watch, struct tt_thread *self, int fd, short what,
    void (*callback)(struct tt_watch *watch, short what))
{
	watch->thread = self;
	watch->callback = callback;
	watch->on = false;
	event_assign(&watch->event, self->worker->base, fd,
	    (short)(what | EV_PERSIST), watch_event, watch);
}

void
tt_watch_start(struct tt_watch *watch)
{
	if (!watch->on)
		watch->on = event_add(&watch->event, NULL) == 0;
}

void
tt_watch_stop(struct tt_watch *watch)
{
	if (watch->on)
		event_del(&watch->event);
	watch->on = false;
}

/* --- timers -------------------------------------------------------------- */

/* A list that has become empty serves the next new duration: there are never more
 * than timers that ran at one time, whatever durations they have. */
static struct tt_timers *
timers_of(struct tt_worker *w, int64_t duration)
{
	struct tt_timers *list, *empty = NULL;

	for (list = w->timers; list != NULL; list = list->next) {
		if (list->duration == duration)
			return list;
		if (list->first == NULL)
			empty = list;
	}
	if (empty != NULL) {
		empty->duration = duration;
		return empty;
	}
	list = tt_xcalloc(1, sizeof *list);
	list->worker = w;
	list->duration = duration;
	list->end = &list->first;
	list->next = w->timers;
	w->timers = list;
	return list;
}

void
tt_timer_init(struct tt_timer *timer, struct tt_thread *self,
    void (*callback)(struct tt_timer *timer))
{
	timer->next = NULL;
	timer->prev = NULL;
	timer->timers = NULL;
	timer->thread = self;
	timer->callback = callback;
}

static void
timer_link(struct tt_timer *timer, struct tt_timer **at)
{
	timer->next = *at;
	timer->prev = at;
	*at = timer;
	if (timer->next != NULL)
		timer->next->prev = &timer->next;
	else
		timer->timers->end = &timer->next;
	/* Within a turn the loop has yet to set its event. */
	if (timer->due < timer->timers->worker->timer_next)
		timer->timers->worker->timer_next = timer->due;
}

void
tt_timer_stop(struct tt_timer *timer)
{
	if (timer->prev == NULL)
		return;
	*timer->prev = timer->next;
	if (timer->next != NULL)
		timer->next->prev = timer->prev;
	else
		timer->timers->end = timer->prev;
	timer->prev = NULL;
}

void
tt_timer_start(struct tt_timer *timer, int64_t ns)
{
	struct tt_worker *w = timer->thread->worker;

	tt_timer_stop(timer);
	if (timer->timers == NULL || timer->timers->duration != ns)
		timer->timers = timers_of(w, ns);
	/* One that restarts itself at once waits for the next turn. */
	timer->due = w->now + (ns > 0 ? ns : 1);
	timer_link(timer, timer->timers->end);
}

void
tt_timer_start_at(struct tt_timer *timer, int64_t ns)
{
	struct tt_worker *w = timer->thread->worker;
	struct tt_timer **at;

	tt_timer_stop(timer);
	timer->timers = timers_of(w, TASK_COMPUTED);
	timer->due = w->now + (ns > 0 ? ns : 1);
	for (at = &timer->timers->first; *at != NULL; at = &(*at)->next)
		if ((*at)->due > timer->due)
			break;
	timer_link(timer, at);
}

/* Those of this duration end in the order of their start but for how late they
 * are: the place of one that goes by its old time is near the end. */
void
tt_timer_again(struct tt_timer *timer, int64_t ns)
{
	struct tt_worker *w = timer->thread->worker;
	struct tt_timer **at, *before;

	tt_timer_stop(timer);
	if (timer->timers == NULL || timer->timers->duration != ns)
		timer->timers = timers_of(w, ns);
	if (timer->due <= w->now)
		timer->due += ns * (1 + (w->now - timer->due) / ns);
	for (at = timer->timers->end; at != &timer->timers->first;
	    at = before->prev) {
		before = (struct tt_timer *)(void *)at;		/* its `next` */
		if (before->due <= timer->due)
			break;
	}
	timer_link(timer, at);
}

/* Calls back those that were due when the turn began. */
void
tt_timers_run(struct tt_worker *w)
{
	struct tt_timers *list;
	struct tt_timer *t;
	int64_t next = INT64_MAX;
	unsigned most;

	if (w->now < w->timer_next)
		return;
	w->timer_next = INT64_MAX;
	for (list = w->timers; list != NULL; list = list->next) {
		most = 1024;
		while ((t = list->first) != NULL && t->due <= w->now &&
		    most-- > 0) {
			tt_timer_stop(t);
			t->callback(t);
		}
	}
	for (list = w->timers; list != NULL; list = list->next)
		if (list->first != NULL && list->first->due < next)
			next = list->first->due;
	w->timer_next = next;
}

void
tt_timers_finish(struct tt_worker *w)
{
	struct tt_timers *list;

	while ((list = w->timers) != NULL) {
		w->timers = list->next;
		free(list);
	}
}
