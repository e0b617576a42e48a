/* build.h - from values to nodes: classes of keys, places, options, channels. */
#ifndef TT_CONFIG_BUILD_H
#define TT_CONFIG_BUILD_H

#include <stdbool.h>

#include "config/load.h"

/* Builds the tree under ROOT, the file's mapping, into L's document: all of its
 * nodes but their wiring.  Returns false if there is no root. */
bool tt_build_tree(struct tt_load *l, const struct tt_value *root);

/* The options of struct tt_node that every node of the kind has. */
const struct tt_option *tt_build_common(const struct tt_schema *schema);

#endif
