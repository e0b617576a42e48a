/* claims.h - two nodes with one address or one file. */
#ifndef TT_CONFIG_CLAIMS_H
#define TT_CONFIG_CLAIMS_H

#include "config/load.h"

/* Reports what two nodes of L, or one twice, need for themselves: one file, one
 * address, however it is written, and one that lies within another. */
void tt_claims_check(struct tt_load *l);

#endif
