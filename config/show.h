/* show.h - a checked tree, printed for people. */
#ifndef TT_CONFIG_SHOW_H
#define TT_CONFIG_SHOW_H

#include <stdio.h>

#include "config/node.h"

/* DOC's tree: each node's channels with the threads where they come from and go
 * to, and its options that differ from their defaults; then the parts of the bound
 * of memory, and last the line `memory bound: N bytes resident`. */
void tt_show_tree(const struct tt_document *doc, FILE *out);

#endif
