/* task.h - a thread's callbacks, and what they wait for.
 *
 * A task runs when it stands on its worker's run list.  It does a bounded piece
 * and reschedules itself if there is more.  A watch schedules a task when a file
 * descriptor is ready, a timer calls back when its time has come. */
#ifndef TT_DAEMON_TASK_H
#define TT_DAEMON_TASK_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

struct tt_thread;
struct tt_timers;
struct tt_worker;

struct tt_task {
	struct tt_task *next, **prev;	/* on the run list; prev NULL: it is not */
	struct tt_worker *worker;
	void (*callback)(struct tt_task *task);
};

/* Prepares TASK to run CALLBACK on the worker of SELF. */
void tt_task_init(struct tt_task *task, struct tt_thread *self,
    void (*callback)(struct tt_task *task));

/* Puts TASK at the end of its worker's run list, if it is not on it. */
void tt_task_reschedule(struct tt_task *task);

/* The same on the list of the ready taps, of which one runs when the run list is
 * empty: what one read brought is handled, while it is in the cache, before the
 * next read. */
void tt_task_reschedule_tap(struct tt_task *task);

/* Takes TASK off its list, if it is on one. */
void tt_task_cancel(struct tt_task *task);

/* Runs a callback while FD is ready, level-triggered. */
struct tt_watch {
	struct event event;
	struct tt_thread *thread;
	void (*callback)(struct tt_watch *watch, short what);
	bool on;
};

/* WHAT is EV_READ, EV_WRITE or both.  tt_watch_start() and _stop() may be called
 * again and again; a finished watch is stopped. */
void tt_watch_init(struct tt_watch *watch, struct tt_thread *self, int fd, short what,
    void (*callback)(struct tt_watch *watch, short what));
void tt_watch_start(struct tt_watch *watch);
void tt_watch_stop(struct tt_watch *watch);

/* Calls back once, when its time has come.  Timers of one duration cost one
 * list, whatever their number. */
struct tt_timer {
	struct tt_timer *next, **prev;	/* among those of its duration; prev NULL: off */
	struct tt_timers *timers;
	struct tt_thread *thread;
	void (*callback)(struct tt_timer *timer);
	int64_t due;			/* of tt_now() */
};

void tt_timer_init(struct tt_timer *timer, struct tt_thread *self,
    void (*callback)(struct tt_timer *timer));

/* (Re)starts TIMER, NS from now, 0 or more.  Durations that are used should be
 * few (options, not computed values), since each turn looks at every duration in use;
 * for computed ones see tt_timer_start_at(). */
void tt_timer_start(struct tt_timer *timer, int64_t ns);

/* The same for a duration that is computed: costs a walk over all such timers of
 * the worker. */
void tt_timer_start_at(struct tt_timer *timer, int64_t ns);

/* Restarts TIMER, which called back after NS (1 or more), for the next time that is
 * a multiple of NS from then: being late does not add up, and what was missed is
 * left out. */
void tt_timer_again(struct tt_timer *timer, int64_t ns);
void tt_timer_stop(struct tt_timer *timer);

static inline bool
tt_timer_is_on(const struct tt_timer *timer)
{
	return timer->prev != NULL;
}

#endif
