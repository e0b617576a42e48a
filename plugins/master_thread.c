/* master_thread.c - the root of the tree.
 *
 * It has nothing of its own to do: what its children send UP goes to those of
 * them that take it IN, which is what a thread does by default. */
#include "daemon/taskthread.h"
#include "plugins/kinds.h"

const struct tt_kind tt_master_thread = {
	.schema = {
		.name	= "MasterThread",
		.help	= "the root of the tree: passes its children's data to each other",
		.flags	= TT_ROOT | TT_ANY,
	},
	.size	= sizeof(struct tt_thread),
};
