/* rest.h - what becomes of a thread that has ended: it is gone, or rests until it is
 * started again.
 *
 * The machine's own header.  All of it is called at home, on the worker of the
 * thread's parent. */
#ifndef TT_DAEMON_REST_H
#define TT_DAEMON_REST_H

#include "daemon/thread.h"

enum tt_fate {
	TT_FATE_GONE,			/* it was asked to end, or is on demand */
	TT_FATE_FAILS_DAEMON,		/* gone, and the daemon ends with status 1 */
	TT_FATE_PAUSES,			/* it is started again after a pause */
	TT_FATE_WITH_PARENT,		/* it is started again when its parent is, */
	TT_FATE_FAILS_PARENT,		/* which is to fail now */
};

/* What becomes of CHILD, whose CLOSE has come for REASON.  Where it pauses, *PAUSE is
 * how long, in ns.  Logs where it is failed too often.  To be called once, while CHILD
 * still is what it was. */
enum tt_fate tt_rest_decide(struct tt_thread *child, enum tt_reason reason,
    int64_t *pause);

/* CHILD rests: for PAUSE ns, or until its parent is started again (-1). */
void tt_rest_begin(struct tt_thread *child, int64_t pause);

/* CHILD rests no more: it is about to enter. */
void tt_rest_end(struct tt_thread *child);

/* CHILD, which may have failed before, has entered. */
void tt_rest_up(struct tt_thread *child);

/* CHILD's failures so far count no more. */
void tt_rest_forget(struct tt_thread *child);

/* The daemon stops: CHILD, which rests, is started at once if something may wait
 * beneath it, so that it can be drained. */
void tt_rest_drain(struct tt_thread *child);

#endif
