/* machine.h - a small world for the tests of the machine: kinds that do what the
 * test says, a tree of them from a few lines of YAML, and a record of what came
 * to pass.
 *
 *     SourceThread      a tap: each message that the test sends is a batch
 *     GroupThread       passes on, as any thread without handlers
 *     FilterThread      makes a new batch of each that it takes
 *     TakerThread       takes, and says so
 *     SinkThread        keeps what it takes until the test says done
 *     SlowThread        the same on an OS thread of its own, where it blocks
 *     ViewerThread      on demand: takes
 *     ServerThread      starts a ConnectionThread when the test connects
 *     ConnectionThread  on demand, a tap: makes packets
 *     FrameThread       below it: lines out of packets
 *     TimerThread       the real one: it needs no more than a clock
 *
 * There is one world at a time.  machine_turn() adds up, after each turn, what
 * must add up. */
#ifndef TT_TESTS_MACHINE_H
#define TT_TESTS_MACHINE_H

#include <check.h>
#include <pthread.h>

#include "config/document.h"
#include "daemon/taskthread.h"
#include "daemon/tree.h"

/* The option `enter`: how it goes, or fails to. */
enum machine_enter {
	MACHINE_ENTER_OK,
	MACHINE_ENTER_LATER,		/* the test calls tt_entered() */
	MACHINE_ENTER_FAIL,
	MACHINE_ENTER_CLOSE,		/* it closes itself, and then succeeds */
	MACHINE_ENTER_CLOSE_FAIL,	/* it closes itself, and then fails */
	MACHINE_ENTER_SEND_FAIL,	/* it sends a frame UP, and then fails */
};

/* The option `closing`. */
enum machine_closing {
	MACHINE_CLOSING_NOW,
	MACHINE_CLOSING_LATER,		/* the test calls tt_exit(), or all is done, or */
					/* it must hurry */
	MACHINE_CLOSING_TWICE,		/* it calls tt_exit(), and says true as well */
};

/* The option `done` of SinkThread and SlowThread. */
enum machine_done {
	MACHINE_DONE_AT_ONCE,
	MACHINE_DONE_BY_TEST,		/* machine_done(); for SlowThread a permit for */
					/* each batch, for which it blocks */
	MACHINE_DONE_NEVER,
};

struct machine_config {
	int enter, closing, done;
	bool durable;			/* of a SinkThread */
	bool orphans;			/* a connection whose child closes goes on */
	int64_t split;			/* bytes of a source's frames; 0: the message */
	int64_t window;
	int64_t max;			/* bytes of a line */
};

struct machine_thread {
	struct tt_thread thread;
	struct tt_origin *origin;	/* of a tap */
	struct tt_tap tap;
	int fd, peer;			/* the tap's end, and the test's; or -1 */
	uint64_t seq;			/* of the next frame */
	uint64_t completed;		/* the last number of completed() */
	struct tt_chunk *carry;		/* a line under way */
	struct tt_origin *within;	/* its tap's, which was told so */
	struct tt_batch **held;		/* what a sink keeps */
	unsigned n_held, size_held;
	struct tt_timer timer;		/* for the test's use */
	struct tt_task task;
};

/* One thing that came to pass, in the words of the kinds' functions: "enter"
 * "exit" "closing" "drain" "hurry" "data" "closed" "completed" "in vain" "over". */
struct machine_event {
	const char *what;
	char path[128];			/* below MasterThread, or "MasterThread" */
	uint64_t n;			/* number of the first frame, or a reason */
	const void *batch;		/* of data: only to be compared */
};

struct machine {
	struct tt_document *doc;
	struct tt_tree *tree;
	char dir[64];			/* the state_dir */
	bool ready;			/* tree->ready was called */
	bool unchecked;			/* turns do not add up: for very many threads */
	int status;			/* after machine_end() */
	unsigned turns;
	struct event *wake;		/* ends the wait of a turn */
	pthread_mutex_t mutex;		/* of all below, which is touched from afar */
	pthread_cond_t permitted;
	unsigned permits;		/* batches that SlowThreads may still finish */
	struct {			/* machine_fail_at(), machine_fail_to_enter() */
		const char *path;	/* or NULL */
		unsigned n;
	} fail_data, fail_enter;
	struct machine_event *events;
	unsigned n_events, size_events;
	/* What handlers do beside their own work, or NULL. */
	void (*on_enter)(struct tt_thread *self);
	void (*on_data)(struct tt_thread *self, const struct tt_signal *sig);
	void (*on_child_closed)(struct tt_thread *self, struct tt_thread *child);
	void (*on_exit)(struct tt_thread *self);
	void (*on_completed)(struct tt_thread *self, uint64_t seq);
};

extern struct machine machine;

/* Makes the tree of TEXT, what stands below MasterThread, indented by two spaces.
 * DAEMON is what its section says beside the state_dir: "memory: 1MiB, ..." or
 * "".  For a fixture; nothing is started. */
void machine_make(const char *daemon, const char *text);

/* The same, and starts it. */
void machine_start(const char *daemon, const char *text);

/* One turn of the main worker, which waits if nothing is left to run; then all
 * that must add up does. */
void machine_turn(void);

/* Ends the wait of this turn: something came to pass for which a test may wait.
 * Whatever goes on record does so by itself. */
void machine_wake(void);

/* Turns until COND holds.  Nothing wakes the worker but what wakes it in life, and
 * machine_wake(). */
#define machine_until(cond) \
	do { \
		while (!(cond)) \
			machine_turn(); \
	} while (0)

/* Turns until nothing runs any more.  What other OS threads do is not seen. */
void machine_settle(void);

/* Stops the tree if it was not, and takes the world down: nothing may be left.
 * The status stands in machine.status. */
void machine_end(void);

/* The live thread of PATH ("GroupThread/SinkThread", "ServerThread/
 * ConnectionThread#2"), or NULL. */
struct machine_thread *machine_thread(const char *path);

/* Adds a connection below the ServerThread of PATH, with a socket or without, or a
 * ViewerThread below another.  NULL if it could not enter. */
struct machine_thread *machine_connect(const char *path);
struct machine_thread *machine_add(const char *path, const char *child);

/* Sends a message of SIZE bytes, all C, to a tap. */
void machine_send(struct machine_thread *tap, int c, size_t size);

/* The N oldest batches of a SinkThread are done. */
void machine_done(struct machine_thread *sink, unsigned n);

/* SlowThreads may finish N more batches. */
void machine_permit(unsigned n);

/* The SinkThread or SlowThread of PATH fails over the Nth batch that it takes from now
 * on, before that is done. */
void machine_fail_at(const char *path, unsigned n);

/* The thread of PATH fails to enter the next N times. */
void machine_fail_to_enter(const char *path, unsigned n);

/* The thread of PATH fails, on its own worker; where that is another, at once or in a
 * moment. */
void machine_fail(const char *path);

/* How often WHAT happened to PATH (NULL: to anybody), and the number of its first
 * time among all events, or -1. */
unsigned machine_count(const char *what, const char *path);
int machine_when(const char *what, const char *path);

/* The number that stands with the last WHAT of PATH. */
uint64_t machine_last(const char *what, const char *path);

/* Fails unless A happened, then B. */
#define machine_assert_order(what_a, a, what_b, b) \
	do { \
		ck_assert_int_ge(machine_when(what_a, a), 0); \
		ck_assert_int_ge(machine_when(what_b, b), 0); \
		ck_assert_int_lt(machine_when(what_a, a), machine_when(what_b, b)); \
	} while (0)

/* The main worker's edge of the node of a path; and how often its gate is shut. */
struct tt_edge *machine_edge(const char *path);
unsigned machine_shuts(const char *path);

/* Runs BODY in a process of its own; returns its exit status. */
int machine_exit_status(void (*body)(void));

#endif
