/* cure.h - who has forgotten to pass a channel on.
 *
 * A node that does not name a channel on its way between two floors shows as many
 * mistakes: the sender below has no user, the user above no source, and the usual
 * channels that stand in for what was left out have neither.  The way tells the one
 * mistake that all follow from: there is somebody at the other end, and in between
 * are nodes that say nothing of it. */
#ifndef TT_CONFIG_CURE_H
#define TT_CONFIG_CURE_H

#include "config/load.h"

#define TT_CURES 100		/* ends for which the other is looked for */

struct tt_cure;

struct tt_cures {
	struct tt_load *l;
	unsigned tried;
	struct tt_cure *first, **tail;
};

void tt_cures_init(struct tt_cures *cures, struct tt_load *l);

/* What CHILD sends UP as its number I, or else takes IN, meets nothing at its parent:
 * notes the nodes that should pass it on.  Nothing is noted if nobody above has the
 * other end.  The tree stays as it is. */
void tt_cures_note(struct tt_cures *cures, const struct tt_building *child, bool up,
    unsigned i);

/* Reports what was noted, each as one mistake, and lets the nodes name their channels
 * as they should from now on: what still does not meet is a mistake of its own.
 * Returns true if any has changed: all channels are to be made anew. */
bool tt_cures_apply(struct tt_cures *cures);

#endif
