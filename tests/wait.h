/* wait.h - waits for an inbox as a worker does. */
#ifndef TT_TESTS_WAIT_H
#define TT_TESTS_WAIT_H

#include <poll.h>
#include <stdint.h>
#include <unistd.h>

#include "daemon/inbox.h"

/* Sleeps until something is there, or MS have passed (-1: never).  False: nothing
 * is. */
static inline bool
tt_test_sleep(struct tt_inbox *inbox, int ms)
{
	struct pollfd p = { .fd = inbox->fd, .events = POLLIN };
	uint64_t wakes;
	bool woken;

	if (!tt_inbox_sleep(inbox))
		return true;
	woken = poll(&p, 1, ms) == 1;
	tt_inbox_awake(inbox);
	return woken && read(inbox->fd, &wakes, sizeof wakes) == sizeof wakes;
}

/* Sleeps until something was posted, and handles it.  Returns how many. */
static inline size_t
tt_test_wait(struct tt_inbox *inbox)
{
	tt_test_sleep(inbox, -1);
	return tt_inbox_handle(inbox);
}

#endif
