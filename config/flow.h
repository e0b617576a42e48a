/* flow.h - what follows from the wiring over many parents. */
#ifndef TT_CONFIG_FLOW_H
#define TT_CONFIG_FLOW_H

#include "config/load.h"

/* For each node, which of its UP what it takes IN gets to; reports circles. */
void tt_flow_reach(struct tt_load *l);

/* In a sound tree: durable nodes and what is owed, the largest frames, feeders,
 * the order of siblings. */
void tt_flow_follow(struct tt_load *l);

#endif
