/* life.h - the life of threads, for the machine itself: kinds see thread.h. */
#ifndef TT_DAEMON_LIFE_H
#define TT_DAEMON_LIFE_H

#include "daemon/thread.h"

/* Makes a thread of NODE under PARENT (NULL for the root, on WORKER), and starts
 * it and what stands beneath it. */
struct tt_thread *tt_thread_create(struct tt_thread *parent, const struct tt_node *node,
    struct tt_worker *worker, void (*prepare)(struct tt_thread *child, void *arg),
    void *arg, struct tt_error *err);

/* True if THREAD closes, or will, because it or a thread above it has failed, and is
 * likely to be started again: what stands in its queue waits for that.  At home. */
bool tt_thread_comes_again(const struct tt_thread *thread);

/* Starts THREAD, which rests, again; at home. */
void tt_thread_again(struct tt_thread *thread);

/* What the routes bring. */
void tt_thread_was_terminated(struct tt_thread *thread);
void tt_thread_child_closed(struct tt_thread *child, enum tt_reason reason);

/* Calls drain() of THREAD and of all beneath it, parents first. */
void tt_thread_drain(struct tt_thread *thread);

/* Closes THREAD and all beneath it now, whatever they wait for. */
void tt_thread_hurry(struct tt_thread *thread);

#endif
