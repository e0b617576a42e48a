/* said.h - what the file says of a node's options, as people may see it.
 *
 * An option that says what holds anyway is left out; secrets, and what may be one
 * in a URL, are stars; control characters come escaped, long texts shortened.  A
 * value that the file takes from elsewhere is shown as the file has it. */
#ifndef TT_CONFIG_SAID_H
#define TT_CONFIG_SAID_H

#include <stddef.h>

#include "config/arena.h"
#include "config/node.h"

struct tt_said {
	const struct tt_option *option;
	const char *text;		/* its value, on one line */
};

/* The options of NODE that differ from their defaults, in the file's order, into
 * *LIST.  Returns how many.  All of it belongs to ARENA. */
size_t tt_said_options(struct tt_arena *arena, const struct tt_document *doc,
    const struct tt_node *node, const struct tt_said **list);

#endif
