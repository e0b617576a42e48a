/* remote.h - the way to a thread that blocks, at the end where its parent is.
 *
 * The machine's own header.  Its queue stands here, and is limited here; what is taken
 * crosses to it, some bytes ahead of what it says is done. */
#ifndef TT_DAEMON_REMOTE_H
#define TT_DAEMON_REMOTE_H

#include "daemon/thread.h"

struct tt_remote {
	struct tt_remote *next;		/* of its worker */
	struct tt_thread *thread;
	int64_t inflight;		/* bytes taken and not done */
	int64_t since;			/* when the gathering began, or 0 */
};

void tt_remote_add(struct tt_thread *thread);
void tt_remote_remove(struct tt_thread *thread);

/* Hands over to the threads that block what was gathered for them long enough; and
 * when that is next the case, ns of the worker's clock, or INT64_MAX. */
void tt_remotes_forward(struct tt_worker *worker);
int64_t tt_remotes_due(const struct tt_worker *worker);

#endif
