/* describe.h - the kinds, printed for people. */
#ifndef TT_CONFIG_DESCRIBE_H
#define TT_CONFIG_DESCRIBE_H

#include <stdio.h>

#include "config/schema.h"

/* One line for each kind: its name and help. */
void tt_describe_kinds(const struct tt_schema *const *schemas, FILE *out);

/* A kind, or "daemon", as YAML that can be pasted: every option with its default, and
 * its help, range and choices as comments.  Returns false if there is no such kind. */
bool tt_describe_kind(const struct tt_schema *const *schemas, const char *name,
    FILE *out);

#endif
