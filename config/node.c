/* node.c - the tree of the file: read once, never changed. */
#include "config/node.h"

bool
tt_node_is_within(const struct tt_node *node, const struct tt_node *ancestor)
{
	for (; node != NULL; node = node->parent)
		if (node == ancestor)
			return true;
	return false;
}
