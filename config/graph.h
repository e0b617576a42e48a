/* graph.h - a checked tree as a picture: Graphviz's language. */
#ifndef TT_CONFIG_GRAPH_H
#define TT_CONFIG_GRAPH_H

#include <stdio.h>

#include "config/node.h"

/* DOC's tree for dot(1): a box for each node with its options that differ from
 * their defaults, dashed where it is a pattern; an arrow for the channels of each
 * edge, the way data takes; and the addresses, URLs and files of the nodes. */
void tt_graph_write(const struct tt_document *doc, FILE *out);

#endif
