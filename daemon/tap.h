/* tap.h - a task through which data enters the daemon.
 *
 * Only taps stop, and nothing else.  A tap has three gates: its node's (closed
 * at start, by a full queue that it feeds, at stop), the memory budget's, and its
 * own window's.  A tap that is ready while a gate is shut waits, first-in
 * first-out, and costs nothing.  Its descriptor is registered once,
 * edge-triggered: closing and opening cost no system call.  A tap of something
 * else than a stream has none, and is told when there is something to read. */
#ifndef TT_DAEMON_TAP_H
#define TT_DAEMON_TAP_H

#include <sys/types.h>

#include "daemon/batch.h"
#include "daemon/task.h"

struct tt_tap {
	struct tt_task task;
	struct event event;
	struct tt_thread *thread;
	struct tt_origin *origin;
	struct tt_tap *next, **prev;	/* among the waiting; prev NULL: does not wait */
	struct tt_tap *next_unfinished, **prev_unfinished;
	uint64_t ticket;		/* among all that are unfinished, the oldest first */
	void (*readable)(struct tt_tap *tap);
	int64_t window;			/* bytes that its origin may hold */
	int64_t waited;			/* ns that it waited while its node's gate was */
					/* open, in all */
	int64_t waits_since;		/* of the time that the gate was open; or 0 */
	int fd;				/* or -1 */
	uint8_t unfinished;		/* processors that stand within a frame */
	bool ready;			/* there may be something to read */
	bool started;
	bool packets;			/* each read ends with a packet */
	bool closed;			/* the device has sent its last: read to the end */
	bool unsure;			/* among the worker's unsure, not the waiting */
};

/* Prepares a tap on FD, a nonblocking stream, which stays the caller's (for one
 * whose reads end with each packet, set `packets` before the start).  READABLE is
 * called while there may be something to read and all gates are open; it reads
 * once with tt_tap_read(), and is called again by itself.
 *
 * FD -1 is a tap without a stream, which tt_tap_ready() wakes; WINDOW is INT64_MAX
 * where its origin may hold as much as there is memory for. */
void tt_tap_init(struct tt_tap *tap, struct tt_thread *self, int fd,
    struct tt_origin *origin, int64_t window, void (*readable)(struct tt_tap *tap));

/* Registers FD.  Returns 0, or -1 with errno when there is no room for it: never
 * without FD. */
int tt_tap_start(struct tt_tap *tap);

/* Of a tap without FD: there is something to read.  READABLE is called once, when
 * all gates are open, however often it was said until then. */
void tt_tap_ready(struct tt_tap *tap);

/* Ends it: no callback comes after this.  May be called more than once. */
void tt_tap_stop(struct tt_tap *tap);

/* Reads once, up to TT_READ_SIZE.  Returns the bytes, and in *CHUNK a new chunk
 * with them, whose reference is the caller's; 0 at the end of the stream; -1 with
 * errno, EAGAIN for nothing there. */
ssize_t tt_tap_read(struct tt_tap *tap, struct tt_chunk **chunk);

/* True if every gate is open. */
bool tt_tap_is_open(const struct tt_tap *tap);

/* Says that a processor of TAP's stream stands within a frame, or no longer does:
 * called in pairs.  Of all streams that do, the one that has stood there longest
 * may use the reserve of the memory, so that there is always one that can finish. */
void tt_tap_set_unfinished(struct tt_tap *tap, bool unfinished);

/* Ns that TAP has been closed since it was made: while it grows, the times of
 * the device stand still. */
int64_t tt_tap_closed_time(const struct tt_tap *tap);

/* For batch.c: what ORIGIN holds has fallen, and its tap waits for that.  From any
 * OS thread. */
void tt_tap_held_fell(struct tt_origin *origin);

/* The gate of NODE's taps on all workers: shut as often as it is to be opened.  On the
 * MAIN worker. */
void tt_gate_shut(struct tt_worker *main, const struct tt_node *node);
void tt_gate_open(struct tt_worker *main, const struct tt_node *node);

/* Lets the next tap read of those that have waited and may; false: there is none.
 * And says whether there is one. */
bool tt_taps_read_one(struct tt_worker *worker);
bool tt_taps_may_read(struct tt_worker *worker);

/* Watches whether the oldest unfinished frame is in everybody's way. */
void tt_taps_watch_starved(struct tt_worker *worker);

/* WORKER is about to sleep.  False: it must not, its taps may read.  True: whoever makes
 * room for those that wait wakes it.  And it does so no longer. */
bool tt_taps_sleep(struct tt_worker *worker);
void tt_taps_awake(struct tt_worker *worker);

/* Wakes those that sleep for want of room that is there now. */
void tt_taps_wake_others(struct tt_worker *worker);

#endif
