/* bound.h - the rules over a whole file: what two nodes cannot share, the kinds'
 * own rules over the tree, and memory. */
#ifndef TT_CONFIG_BOUND_H
#define TT_CONFIG_BOUND_H

#include "config/load.h"

void tt_bound_check(struct tt_load *l);

#endif
