/* remote.c - the way to a thread that blocks, at the end where its parent is. */
#include "daemon/remote.h"

#include <stddef.h>
#include <stdlib.h>

#include "daemon/inbox.h"
#include "daemon/memory.h"
#include "daemon/route.h"
#include "daemon/tree.h"
#include "daemon/worker.h"

#define REMOTE_INFLIGHT (8 << 20)	/* bytes that a blocking kind is ahead */

/* Waking another OS thread costs more than handling a small batch: what comes for
 * it is gathered for a moment. */
#define REMOTE_GATHER 2000000		/* ns */
#define REMOTE_GATHERED (256 << 10)	/* bytes */
#define REMOTE_POSTED 64		/* signals in one post */

static bool
remote_has_room(const struct tt_remote *remote)
{
	const struct tt_queue_limit *limit = &remote->thread->node->queue;
	int64_t most = limit->bytes / 2 + 1;

	if (most > REMOTE_INFLIGHT || limit->when_full == TT_BLOCK)
		most = REMOTE_INFLIGHT;
	return remote->inflight < most;
}

/* Takes and posts what there is room for. */
static void
remote_forward(struct tt_remote *remote)
{
	struct tt_thread *thread = remote->thread;
	struct tt_message messages[REMOTE_POSTED];
	struct tt_signal sig;
	size_t n;

	do {
		for (n = 0; n < REMOTE_POSTED && remote_has_room(remote) &&
		    tt_queue_take(&thread->in, &sig); n++) {
			if (sig.batch != NULL)
				remote->inflight += tt_batch_cost(sig.batch);
			messages[n] = (struct tt_message){
			    .handle = tt_route_deliver, .subject = thread,
			    .value = (uint64_t)sig.type << 16 | sig.channel,
			    .more = sig.batch };
		}
		tt_inbox_post_all(&thread->worker->inbox, messages, n);
	} while (n == REMOTE_POSTED);
	if (tt_queue_waiting(&thread->in) == 0)
		remote->since = 0;
	tt_route_done_control(thread);
}

void
tt_remotes_forward(struct tt_worker *worker)
{
	struct tt_remote *r;
	bool now;

	for (r = worker->remotes; r != NULL; r = r->next) {
		/* Only here: the phase is the main worker's, who has them all. */
		now = worker->tree->phase != TT_READY;
		if (r->since == 0 || !remote_has_room(r) ||
		    !tt_route_is_readable(r->thread))
			continue;
		if (now || worker->now - r->since >= REMOTE_GATHER ||
		    r->thread->in.bytes - r->inflight >= REMOTE_GATHERED)
			remote_forward(r);
	}
}

int64_t
tt_remotes_due(const struct tt_worker *worker)
{
	const struct tt_remote *r;
	int64_t due = INT64_MAX;

	for (r = worker->remotes; r != NULL; r = r->next)
		if (r->since != 0 && remote_has_room(r) &&
		    tt_route_is_readable(r->thread) &&
		    r->since + REMOTE_GATHER < due)
			due = r->since + REMOTE_GATHER;
	return due;
}

void
tt_remote_add(struct tt_thread *thread)
{
	struct tt_remote *r = tt_xcalloc(1, sizeof *r);

	r->thread = thread;
	r->next = thread->home.worker->remotes;
	thread->home.worker->remotes = r;
	thread->home.remote = r;
}

void
tt_remote_remove(struct tt_thread *thread)
{
	struct tt_remote **at = &thread->home.worker->remotes;

	if (thread->home.remote == NULL)
		return;
	while (*at != thread->home.remote)
		at = &(*at)->next;
	*at = (*at)->next;
	free(thread->home.remote);
	thread->home.remote = NULL;
}
