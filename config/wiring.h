/* wiring.h - who gets what: inferred from IN and UP, and checked.
 *
 * At each parent a channel has sources (its own IN, its children's UP, what its
 * kind makes) and users (its children's IN, its own UP, its kind).  What follows
 * further, over many parents, is in flow.h. */
#ifndef TT_CONFIG_WIRING_H
#define TT_CONFIG_WIRING_H

#include "config/load.h"

/* Wires all nodes of L, reports what does not meet, and, where the tree's shape is
 * sound, all that follows from it up to the kinds' rules over the tree. */
void tt_wiring_infer(struct tt_load *l);

/* The place where B says its channel I of IN, or of UP: its key, if it leaves the
 * direction to its kind. */
struct tt_mark tt_wiring_mark(const struct tt_building *b, bool up, unsigned i);

/* True if B makes something else of what it takes IN, and sends that UP: its data
 * ends here, and other data begins. */
bool tt_wiring_is_opaque(const struct tt_node *node);

#endif
