/* thread.h - a virtual thread: its life, and the verbs it lives by.
 *
 *     new -> entering -> running -> closing -> exiting -> gone
 *                ^                                          |
 *                +--------------- rests <---- it failed ----+
 *
 * A thread begins to close when it is terminated by its parent or closes itself.
 * Its children are terminated, sources before users, each behind the data that
 * was sent to it, and what they still say is handled.  When the last has gone,
 * the kind may do its own last things (`closing`); then it exits, and its CLOSE
 * travels to its parent behind its data.
 *
 * One that fails ends in the same way, without `closing`, and its parent starts it
 * again after a pause, by the node's `restart`: the same struct tt_thread, the rest of
 * the kind's struct all 0, and its queue IN, where what was taken and is not done
 * comes again.  Beyond the limit the failure goes up: the parent fails, ends with its
 * children, and is started again with them, each with its queue.  Beyond the root
 * there is nobody: the daemon ends.
 *
 * Sending never fails and never waits.  A handler borrows its signal: who keeps
 * the batch takes a reference. */
#ifndef TT_DAEMON_THREAD_H
#define TT_DAEMON_THREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/node.h"
#include "config/schema.h"
#include "daemon/batch.h"
#include "daemon/queue.h"
#include "daemon/signal.h"
#include "daemon/task.h"

struct tt_thread;
struct tt_worker;

/* What enter() may return beside 0 and -1: tt_entered() comes later. */
#define TT_LATER 1

/* A compiled-in type of thread.  Every function may be NULL. */
struct tt_kind {
	struct tt_schema schema;
	size_t size;			/* of the struct that begins with tt_thread */

	/* Starts the thread's tasks.  Returns 0, TT_LATER, or -1 with ERR set; then
	 * exit() is called all the same, and takes half-built things. */
	int (*enter)(struct tt_thread *self, struct tt_error *err);

	/* Ends tasks and closes what the thread holds.  It has no children. */
	void (*exit)(struct tt_thread *self);

	/* TT_DATA that came IN.  NULL: it goes to the users of its channel here. */
	void (*signal_handler)(struct tt_thread *self, const struct tt_signal *sig);

	/* TT_DATA that CHILD sent UP.  NULL: likewise. */
	void (*child_signal_handler)(struct tt_thread *self, struct tt_thread *child,
	    const struct tt_signal *sig);

	/* CHILD has been made and is about to enter, or to enter again after it failed:
	 * the time to hand it something. */
	void (*child_entering)(struct tt_thread *self, struct tt_thread *child);

	/* CHILD has gone, and all it sent has been handled.  Of one that is started again
	 * this is the end of a life. */
	void (*child_closed)(struct tt_thread *self, struct tt_thread *child,
	    enum tt_reason reason);

	/* The daemon stops: bring in nothing new (close listeners; a connection reads
	 * what is there and sends its last batch), linger no more. */
	void (*drain)(struct tt_thread *self);

	/* The thread closes, for self->reason, and its children have gone.  Returns
	 * true to exit now, or false: tt_exit() comes later.  A thread that fails is
	 * not asked. */
	bool (*closing)(struct tt_thread *self);

	/* The stop's deadline has passed, or the second SIGTERM has come: a thread
	 * that waits in `closing` calls tt_exit() now.  NULL where none waits. */
	void (*hurry)(struct tt_thread *self);

	/* Every durable user has answered for this thread's frames up to SEQ (the
	 * batch was made by a thread beneath it, for its origin). */
	void (*completed)(struct tt_thread *self, uint64_t seq);

	/* This thread's frames from SEQ on that are not answered for yet never will be:
	 * SEQ was dropped, or (SEQ is 1) the parent has failed, and who would answer may
	 * be waiting for it.  Who waits for them in `closing` waits in vain. */
	void (*in_vain)(struct tt_thread *self, uint64_t seq);

	/* The thread's queue is over its limit, or no longer. */
	void (*over_limit)(struct tt_thread *self, bool over);
};

enum tt_state {
	TT_NEW, TT_ENTERING, TT_RUNNING, TT_CLOSING, TT_EXITING, TT_GONE
};

/* The thread's own worker touches all of it but `in`, `up` and `home`, which are
 * its parent's worker's; the two differ for a kind that blocks. */
struct tt_thread {
	const struct tt_kind *kind;
	const struct tt_node *node;
	const void *config;		/* node->config */
	struct tt_thread *parent;
	struct tt_thread *children, **children_end;	/* those on demand last */
	struct tt_thread *next, **prev;		/* among its siblings */
	struct tt_thread *next_step;		/* among those with a step to do */
	struct tt_worker *worker;
	uint32_t id;			/* the #N of one on demand, else 0 */
	uint8_t state;			/* enum tt_state */
	uint8_t reason;			/* enum tt_reason: why it closes */
	bool draining;			/* drain() was called */
	bool terminated;		/* TERMINATE was sent to it */
	bool stepping;			/* has a step to do */
	bool closing_asked;		/* its kind's closing() was called */
	bool entered;			/* its kind's enter() is over, and went well */
	bool orphaned;			/* on demand, and its parent has failed */
	uint16_t stage;			/* of node->flow: children that enter or end */
	uint32_t staged;		/* children of that stage that still live */
	struct tt_thread *awaited;	/* the child that is to come up before the next */
					/* is started */
	struct tt_thread *shells;	/* children of one that has failed, which come */
					/* again with it; by `next` */
	void *handed;			/* by the parent, in child_entering() */

	struct {			/* at the parent's end */
		struct tt_worker *worker;
		struct tt_task task;	/* what stands in the queues is handed over */
		struct tt_remote *remote;	/* of a kind that blocks, else NULL */
		struct tt_rest *rest;	/* since its first failure, else NULL */
		bool open;		/* it has entered: its IN is read */
		bool ended;		/* it has exited: nothing more is sent to it */
		bool resting;		/* it has exited, and comes again */
		bool over;		/* its queue is over its limit: it has shut */
					/* the gates of its node's feeders */
	} home;
	struct tt_queue in;		/* from the parent */
	struct tt_queue up;		/* to the parent */
};

/* --- verbs --------------------------------------------------------------- */

/* Starts a thread of NODE, a child of SELF's node, and returns it: entering, or
 * running.  On failure to enter returns NULL with ERR set (a thread on demand), or
 * the failure is reported later to the tree.  The parent owns it.
 * PREPARE (may be NULL) is called with ARG before enter().  Where SELF closes no
 * thread is made: NULL with ERR set, and PREPARE was not called. */
struct tt_thread *tt_add_child(struct tt_thread *self, const struct tt_node *node,
    void (*prepare)(struct tt_thread *child, void *arg), void *arg,
    struct tt_error *err);

/* Asks CHILD to end, after what was sent to it before. */
void tt_terminate(struct tt_thread *child);

/* The child of SELF whose node has KEY ("DatabaseThread", "WebSocketSubThread
 * eu"), or NULL; of several on demand the one with ID. */
struct tt_thread *tt_find_child(struct tt_thread *self, const char *key, uint32_t id);

/* Ends SELF, behind the data that it has sent.  Only asks: SELF lives until the
 * loop has left every handler.  A second call changes nothing. */
void tt_close(struct tt_thread *self, enum tt_reason reason);

/* Ends SELF as its user wishes: the root ends the daemon, any other closes. */
void tt_stop(struct tt_thread *self);

/* SELF cannot go on, or not close as it should.  ERR is logged.  Its parent
 * decides: a connection is closed, any other is started again or, if that was too
 * often, fails its parent.  One that was never up while the daemon starts ends it. */
void tt_fail(struct tt_thread *self, const struct tt_error *err);

/* enter() is over, after it returned TT_LATER: ERR NULL, or what went wrong. */
void tt_entered(struct tt_thread *self, const struct tt_error *err);

/* What closing() had to do is over. */
void tt_exit(struct tt_thread *self);

/* --- sending ------------------------------------------------------------- */

/* Sends BATCH to the parent, on SELF's UP number UP.  The first time a batch is
 * sent UP it learns how many durable users it has. */
void tt_send_up(struct tt_thread *self, unsigned up, struct tt_batch *batch);

/* ORIGIN, SELF's, has come to its end, for REASON: an empty batch that says so, its
 * `last`, on each channel that SELF sends UP.  NEXT is the number that the next
 * frame would have had.  Once, and nothing of ORIGIN comes behind it. */
void tt_send_last(struct tt_thread *self, struct tt_origin *origin,
    enum tt_reason reason, uint64_t next);

/* Sends BATCH on the channel that SELF's kind makes to the children that take
 * it. */
void tt_send_in(struct tt_thread *self, struct tt_batch *batch);

/* Sends BATCH to CHILD alone, on its IN number IN.  NULL is an empty wake-up: the
 * child's signal_handler() sees a signal without a batch; one that has not been
 * handled yet is enough. */
void tt_send_child(struct tt_thread *child, unsigned in, struct tt_batch *batch);

/* For a child_signal_handler() that only looks: passes SIG of CHILD on, as it is
 * done where the handler is left out. */
void tt_pass(struct tt_thread *self, const struct tt_thread *child,
    const struct tt_signal *sig);

/* A kind with TT_KEEPS: the N oldest batches that were handed to signal_handler
 * are done (committed, confirmed).  If SELF's node is durable they are answered
 * for. */
void tt_done(struct tt_thread *self, unsigned n);

/* --- what a thread may ask ----------------------------------------------- */

/* "MasterThread/TCPServerThread/TCPConnectionThread#7", into BUF. */
const char *tt_info(const struct tt_thread *self, char *buf, size_t size);

const char *tt_gateway_name(const struct tt_thread *self);

/* PATH, or what it is below state_dir when it is relative, into BUF.  Returns BUF,
 * or NULL where it does not fit. */
const char *tt_state_path(const struct tt_thread *self, const char *path, char *buf,
    size_t size);

struct tt_memory *tt_memory(const struct tt_thread *self);

/* A new origin for NODE, SELF's own or that of a child to be, with a number and the
 * time.  NULL when no number can be had: then it is to be refused; why was logged.
 * The reference is the caller's. */
struct tt_origin *tt_open_origin(struct tt_thread *self, const struct tt_node *node,
    const char *peer, const char *local);

/* The first of 2^32 positions for a websocket master, or 0 with ERR set. */
uint64_t tt_position_range(struct tt_thread *self, struct tt_error *err);

/* ns of CLOCK_MONOTONIC, and since 1970: as of the beginning of the worker's
 * turn.  Cheap. */
int64_t tt_now(const struct tt_thread *self);
int64_t tt_wall_now(const struct tt_thread *self);

/* True from the moment the daemon stops. */
bool tt_is_draining(const struct tt_thread *self);

/* True while taps are closed because of SELF's full queue. */
bool tt_is_over_limit(const struct tt_thread *self);

struct event_base *tt_event_base(const struct tt_thread *self);

/* Work that is done once a turn of the worker while it is dirty: after the run
 * list, before the loop waits. */
struct tt_pump {
	struct tt_pump *next;
	void (*run)(struct tt_pump *pump);
	bool dirty;
};
void tt_pump_add(struct tt_thread *self, struct tt_pump *pump);
void tt_pump_remove(struct tt_thread *self, struct tt_pump *pump);

/* A place for what the threads of one door share on a worker (one websocket
 * context for all masters): a pointer, NULL at first. */
void **tt_worker_slot(struct tt_thread *self);

/* --- counting ------------------------------------------------------------ */

/* A thread counted here may be of a kind that blocks. */
void tt_count_close(struct tt_thread *self, enum tt_reason reason);
void tt_count_unfinished(struct tt_thread *self, uint64_t bytes);
void tt_count_resent(struct tt_thread *self, uint64_t frames);

/* FRAMES that SELF refused for good: counted as refused, and as dropped on its
 * edge IN.  They count as safe. */
void tt_count_refused(struct tt_thread *self, enum tt_reason reason, uint64_t frames);

/* FRAMES that SELF missed: dropped on its edge IN, where tt_count_in() has them. */
void tt_count_dropped(struct tt_thread *self, enum tt_reason reason, uint64_t frames);

/* FRAMES that left SELF's queue long ago and were given up since: counted as refused,
 * and on no edge. */
void tt_count_gone(struct tt_thread *self, enum tt_reason reason, uint64_t frames);

/* For a thread whose frames do not come by its queue (a websocket sub, which
 * reads the master's log): frames that it took, and that it is done with. */
void tt_count_in(struct tt_thread *self, uint64_t frames, uint64_t bytes);
void tt_count_out(struct tt_thread *self, uint64_t frames, uint64_t bytes);

#endif
