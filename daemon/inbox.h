/* inbox.h - messages to a worker from other OS threads.
 *
 * Any OS thread posts, the worker takes; in order for each sender.  A burst wakes
 * the worker once. */
#ifndef TT_DAEMON_INBOX_H
#define TT_DAEMON_INBOX_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "config/error.h"

struct tt_message {
	void (*handle)(void *subject, uint64_t value, void *more);
	void *subject;
	uint64_t value;
	void *more;
};

struct tt_inbox {
	pthread_mutex_t mutex;
	struct tt_message *list;	/* what was posted */
	size_t n, size;
	struct tt_message *taken;	/* the list before, while it is handled */
	size_t taken_size, n_taken;
	int fd;				/* an eventfd, readable when there is a message */
};

/* Returns 0, or -1 with ERR set: INBOX may be finished all the same. */
int tt_inbox_init(struct tt_inbox *inbox, struct tt_error *err);
void tt_inbox_finish(struct tt_inbox *inbox);

void tt_inbox_post(struct tt_inbox *inbox, struct tt_message message);

/* Posts N messages at once: nobody else's come between, and they wake the worker
 * together. */
void tt_inbox_post_all(struct tt_inbox *inbox, const struct tt_message *messages,
    size_t n);

/* Handles all that was posted before the call.  Returns how many.  A handler may
 * post, but neither finish INBOX nor handle it. */
size_t tt_inbox_handle(struct tt_inbox *inbox);

/* No message of SUBJECT that was posted before the call is handled after it: for
 * a subject that goes.  To be called by the OS thread that handles INBOX, also
 * from within a handler.  Costs a walk. */
void tt_inbox_forget(struct tt_inbox *inbox, const void *subject);

#endif
