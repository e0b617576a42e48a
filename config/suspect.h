/* suspect.h - a text that is legal, and hardly what was meant. */
#ifndef TT_CONFIG_SUSPECT_H
#define TT_CONFIG_SUSPECT_H

#include "config/load.h"
#include "config/schema.h"

/* Warns of what the file says for O in VALUE, which was stored, in the node PATH: a
 * variable of the shell, or hexadecimal digits where bytes were meant.  LABEL is the
 * option's name in messages.  No part of a secret is shown. */
void tt_suspect_check(struct tt_load *l, const struct tt_option *o,
    const struct tt_value *value, const char *path, const char *label);

/* What would be right where VALUE, which was refused and is no secret, has a variable of
 * the shell in it; NULL: it has none. */
const char *tt_suspect_variable(struct tt_arena *arena, const struct tt_value *value);

#endif
