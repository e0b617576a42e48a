/* inbox.h - messages to a worker from other OS threads, without a lock.
 *
 * Any OS thread posts, the worker takes; in order for each sender.  Messages travel in
 * blocks: a worker that posts gathers what goes to another in an outbox, which it
 * flushes at the end of its turn.  A worker that does not sleep looks into its inbox
 * each turn, and one that sleeps is woken once by a burst. */
#ifndef TT_DAEMON_INBOX_H
#define TT_DAEMON_INBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/error.h"

struct tt_block;

struct tt_message {
	void (*handle)(void *subject, uint64_t value, void *more);
	void *subject;
	uint64_t value;
	void *more;
};

struct tt_inbox {
	_Atomic(struct tt_block *) posted;	/* the last one first */
	_Atomic bool asleep;		/* who posts writes to fd */
	int fd;				/* an eventfd: each write wakes, nobody reads it */
	struct tt_block *waiting;	/* taken, in order, and to be handled the next time */
	struct tt_block *handling;	/* while it is handled */
};

/* The blocks of one sender, who alone uses it; and their way home. */
struct tt_spares {
	struct tt_block *kept;
	_Atomic(struct tt_block *) returned;
};

/* What one sender gathers for one inbox. */
struct tt_outbox {
	struct tt_block *block;		/* NULL while it is empty */
};

/* Returns 0, or -1 with ERR set: INBOX may be finished all the same. */
int tt_inbox_init(struct tt_inbox *inbox, struct tt_error *err);

/* Nobody posts any more. */
void tt_inbox_finish(struct tt_inbox *inbox);

void tt_inbox_post(struct tt_inbox *inbox, struct tt_message message);

/* Posts N messages, which wake the worker together. */
void tt_inbox_post_all(struct tt_inbox *inbox, const struct tt_message *messages,
    size_t n);

/* MESSAGE is for INBOX, at the next flush or before; behind all that OUTBOX had
 * before. */
void tt_outbox_add(struct tt_outbox *outbox, struct tt_spares *spares,
    struct tt_inbox *inbox, struct tt_message message);
void tt_outbox_flush(struct tt_outbox *outbox, struct tt_inbox *inbox);

/* Gives back what is not under way. */
void tt_spares_trim(struct tt_spares *spares);

/* True if there is nothing to handle, as far as is known yet. */
bool tt_inbox_is_empty(const struct tt_inbox *inbox);

/* Handles all that was posted before the call.  Returns how many.  A handler may
 * post, but neither finish INBOX nor handle it. */
size_t tt_inbox_handle(struct tt_inbox *inbox);

/* The worker is about to wait for its loop.  False: it must not, there is something.
 * True: what is posted from now on wakes it, until it says that it is awake. */
bool tt_inbox_sleep(struct tt_inbox *inbox);
void tt_inbox_awake(struct tt_inbox *inbox);

/* No message of SUBJECT that was posted before the call is handled after it: for
 * a subject that goes.  To be called by the OS thread that handles INBOX, also
 * from within a handler.  Costs a walk. */
void tt_inbox_forget(struct tt_inbox *inbox, const void *subject);

#endif
