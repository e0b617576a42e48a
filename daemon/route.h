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

/* Sends a TERMINATE to THREAD, behind its data; at home. */
void tt_route_terminate(struct tt_thread *thread);

/* Sends THREAD's CLOSE to its parent, behind its data; from its own worker. */
void tt_route_close(struct tt_thread *thread);

/* For remote.c.  True if THREAD's next signal may be handed to it: one that has not
 * entered is not given data, but it can be told to end. */
bool tt_route_is_readable(const struct tt_thread *thread);

/* What a thread that blocks gets, SUBJECT, on its own worker: the message's value is
 * the signal's type << 16 | channel, `more` its batch, which stays home's. */
void tt_route_deliver(void *subject, uint64_t value, void *more);

/* Signals that no kind answers for stand between those it does: done as soon as
 * they are the oldest. */
void tt_route_done_control(struct tt_thread *thread);

#endif
