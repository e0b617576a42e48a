/* node.c - the tree of the file: read once, never changed. */
#include "config/node.h"

#include "config/schema.h"

bool
tt_node_is_within(const struct tt_node *node, const struct tt_node *ancestor)
{
	for (; node != NULL; node = node->parent)
		if (node == ancestor)
			return true;
	return false;
}

bool
tt_node_is_spread(const struct tt_node *node)
{
	return node->pattern && (node->schema->flags & TT_TAP) != 0;
}

unsigned
tt_document_workers(const struct tt_document *doc)
{
	unsigned i;

	for (i = 0; i < doc->n_nodes; i++)
		if (tt_node_is_spread(doc->nodes[i]))
			return (unsigned)doc->daemon.workers;
	return 1;
}
