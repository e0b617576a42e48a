/* route.h - the two queues between a thread and its parent, and where data goes.
 *
 * The machine's own header: kinds see daemon/thread.h. */
#ifndef TT_DAEMON_ROUTE_H
#define TT_DAEMON_ROUTE_H

#include "daemon/thread.h"

/* Prepares the queues of THREAD; HOME is its parent's worker (its own for the
 * root). */
void tt_route_init(struct tt_thread *thread, struct tt_worker *home);

/* Drops what is left in both queues, counted and answered for as dropped. */
void tt_route_finish(struct tt_thread *thread);

/* THREAD has exited and is to be started again: what it had taken and not done
 * comes again, behind which stands what is sent to it meanwhile. */
void tt_route_rest(struct tt_thread *thread);

/* THREAD has entered: what stands in its queue IN is handled from now on. */
void tt_route_open(struct tt_thread *thread);

/* Hands over to the threads that block what was gathered for them long enough; and
 * when that is next the case, ns of the worker's clock, or INT64_MAX. */
void tt_routes_forward(struct tt_worker *worker);
int64_t tt_routes_due(const struct tt_worker *worker);

/* Sends a TERMINATE to THREAD, behind its data; at home. */
void tt_route_terminate(struct tt_thread *thread);

/* Sends THREAD's CLOSE to its parent, behind its data; from its own worker. */
void tt_route_close(struct tt_thread *thread);

#endif
