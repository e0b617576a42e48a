/* supervise.h - how often a thread that fails is started again, and after what pause.
 *
 * Only the rule: it knows no clock and no thread.  A failure counts for `within`;
 * `max` of them are borne, one more is too many.  The pauses grow, each twice the
 * one before, until the thread has lived for `within` without a failure; of each up
 * to a half is taken away at random, so that what fails together does not come again
 * together. */
#ifndef TT_DAEMON_SUPERVISE_H
#define TT_DAEMON_SUPERVISE_H

#include <stdbool.h>
#include <stdint.h>

#include "config/node.h"

struct tt_supervise {
	const struct tt_restart *limit;
	int64_t *failures;		/* ns, a ring of limit->max */
	unsigned n, next;		/* those that count; where the next goes */
	unsigned row;			/* failures since it last lived long enough */
	int64_t up_at;			/* ns; while is_up */
	bool is_up;
};

/* Prepares S for LIMIT, which must outlive it. */
void tt_supervise_init(struct tt_supervise *s, const struct tt_restart *limit);
void tt_supervise_finish(struct tt_supervise *s);

/* The thread has failed at NOW, in ns, which never goes back.  Returns the pause in
 * ns, 1 or more, after which it is to be started again; or -1: it is one failure too
 * many, or LIMIT is off.  RANDOM is any number.  s->n says how many count now, the
 * one that was too many not among them. */
int64_t tt_supervise_failed(struct tt_supervise *s, int64_t now, uint32_t random);

/* The thread has been started again, and entered. */
void tt_supervise_up(struct tt_supervise *s, int64_t now);

#endif
