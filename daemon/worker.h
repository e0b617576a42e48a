/* worker.h - an OS thread with one libevent loop, on which threads run.
 *
 * A turn is: the run list and the taps that may read, for a budget; timers; steps of
 * closing threads; the dirty pumps; what was gathered for threads that block and for
 * other workers; one pass of libevent's loop, which waits only when nothing is left to
 * run; and the inbox.
 *
 * There is a main worker; more of its sort, on which connections live, if the file and
 * the machine want them (tt_tree.workers has them all); and one for each node that
 * blocks. */
#ifndef TT_DAEMON_WORKER_H
#define TT_DAEMON_WORKER_H

#include <event2/event.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/batch.h"
#include "daemon/edge.h"
#include "daemon/inbox.h"
#include "daemon/task.h"
#include "daemon/thread.h"

struct tt_tree;

struct tt_worker {
	struct event_base *base;
	struct tt_tree *tree;
	pthread_t os_thread;
	bool started;			/* os_thread runs */
	int64_t now, wall_now;		/* ns, at the beginning of the turn */
	bool clock_old;			/* the loop has waited since */
	int64_t trim_at;		/* free lists go back if nothing runs until then */
	bool stop;
	bool blocking;			/* its thread blocks: it has no turns to speak of */
	unsigned index;			/* in tt_tree.workers, unless it blocks */
	int64_t load;			/* connections it has; the main worker's */

	struct tt_task *run_first, **run_end;
	struct tt_task *tap_first, **tap_end;	/* ready taps */
	uint32_t turn_bytes;		/* that taps have read in this turn */
	struct tt_timers *timers;	/* by duration */
	struct event *timer_event;	/* of timer_fd, a timerfd */
	int timer_fd;
	int64_t timer_next;		/* no timer is due before, or INT64_MAX */
	int64_t timer_set;		/* what timer_fd waits for, or INT64_MAX */
	struct tt_pump *pumps;
	void *slot;

	/* Taps that wait for room in the memory, and taps within a frame. */
	struct tt_tap *waiting, **waiting_end;
	struct tt_edge *open, **open_end;	/* open nodes whose taps wait */
	struct tt_tap *unfinished, **unfinished_end;
	struct tt_timer starved;	/* the oldest unfinished tap has the reserve */

	struct tt_remote *remotes;	/* threads that block, whose home it is */
	struct tt_tap *unsure, **unsure_end;	/* taps whose last read was short */
	int64_t unsure_at;		/* when they are looked at, or INT64_MAX */
	int64_t starved_closed;		/* the oldest tap's, when `starved` was started; */
	uint64_t starved_begun;		/* and what had begun anywhere */
	struct tt_thread *steps;	/* closing threads with a step to do */
	struct tt_thread *gone;		/* to be freed at the end of the turn */
	struct event *inbox_event;
	struct tt_outbox *outboxes;	/* by tt_tree.workers; NULL: it has none */
	struct tt_spares spares;
	struct tt_edge *edges;		/* by node index */

	/* What is to be done, by this worker or another: signals in queues and
	 * messages, batches that are owed, steps of closing threads.  It may begin
	 * here and end elsewhere; see tt_tree_outstanding(). */
	_Atomic uint64_t begun, ended;
	_Atomic uint64_t sent;		/* bytes, to threads on the main worker */
	_Atomic uint64_t oldest;	/* ticket of the first of `unfinished`, or */
					/* UINT64_MAX */

	/* What others write, a cache line away from where the worker works. */
	char apart[64];
	struct tt_inbox inbox;
	_Atomic uint64_t arrived;	/* of what was sent: the main worker took it */
	_Atomic bool thirsty;		/* it sleeps while its taps wait for room */
};

/* Makes a worker for TREE; N_NODES edges.  Returns NULL with ERR set. */
struct tt_worker *tt_worker_create(struct tt_tree *tree, unsigned n_nodes,
    struct tt_error *err);
void tt_worker_destroy(struct tt_worker *worker);

/* The worker whose turn it is on the calling OS thread, or NULL. */
struct tt_worker *tt_worker_here(void);

/* MESSAGE is handled on worker TO: in the order in which the calling OS thread posted
 * for it; soon, and at the end of its turn at the latest. */
void tt_worker_post(struct tt_worker *to, struct tt_message message);

/* The same for one that is outstanding until its handler calls tt_end(). */
void tt_worker_send(struct tt_worker *to, struct tt_message message);

/* Something has begun, or has ended, on W, whose turn it is. */
static inline void
tt_begin(struct tt_worker *w)
{
	tt_count(&w->begun, 1);
}

static inline void
tt_end(struct tt_worker *w)
{
	tt_count(&w->ended, 1);
}

/* For task.c: calls back the timers that are due. */
void tt_timers_run(struct tt_worker *worker);
void tt_timers_finish(struct tt_worker *worker);

/* For tap.c: the oldest unfinished frame brought nothing. */
void tt_tap_starved(struct tt_timer *timer);

/* For the worker: looks at the taps whose last read was short. */
void tt_taps_look(struct tt_worker *worker);

/* For thread.c: the next steps of closing threads, and the memory of those that
 * have gone. */
void tt_threads_step(struct tt_worker *worker);
void tt_threads_free(struct tt_worker *worker);

/* Reads the clock, for handlers that are called outside a turn. */
void tt_worker_clock(struct tt_worker *worker);

/* One turn; waits at its end if nothing is left to run. */
void tt_worker_turn(struct tt_worker *worker);

/* Turns until worker->stop, which is set from within a turn. */
void tt_worker_run(struct tt_worker *worker);

/* Runs WORKER on an OS thread of its own, called NAME. */
int tt_worker_start(struct tt_worker *worker, const char *name, struct tt_error *err);

/* Asks WORKER, started, to stop, and waits for its OS thread. */
void tt_worker_join(struct tt_worker *worker);

#endif
