/* channel.h - how a channel is shown to people.
 *
 * A name may come from elsewhere, and what comes from there may be a secret: then a
 * message has what stands in the file, as "${env:CHANNEL}". */
#ifndef TT_CONFIG_CHANNEL_H
#define TT_CONFIG_CHANNEL_H

#include "config/load.h"

/* What is shown for NAME, one of B's UP, or else of its IN. */
const char *tt_channel_shown(const struct tt_building *b, bool up, const char *name);

/* From now on SHOWN is, in place of NAME itself. */
void tt_channel_show(struct tt_load *l, struct tt_building *b, bool up,
    const char *name, const char *shown);

#endif
