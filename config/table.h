/* table.h - a mapping of the file, read by a table of options. */
#ifndef TT_CONFIG_TABLE_H
#define TT_CONFIG_TABLE_H

#include <stdbool.h>

#include "config/load.h"
#include "config/schema.h"

/* Whose options they are. */
struct tt_table_owner {
	struct tt_load *load;
	struct tt_node *node;		/* NULL: none, as for `daemon` */
	const char *path;		/* for messages */
	const char *name;		/* "no option ... in NAME" */
	struct tt_mark mark;		/* where a missing option is missed */
	bool silent;			/* none is: what was said cannot be read */
};

/* Stores at BASE what MAPPING (NULL: it is empty) says for TABLE's options, and
 * what is standard for the others.  Keys that TABLE has not are not looked at.
 * Returns false if a mistake was reported; its option is then as if absent. */
bool tt_table_fill(const struct tt_table_owner *owner, const struct tt_option *table,
    void *base, const struct tt_value *mapping);

const struct tt_option *tt_table_find(const struct tt_option *table, const char *name);

/* A legal value for OPTION as the file has it: its default, else an example. */
const char *tt_table_example(struct tt_arena *arena, const struct tt_option *option);

/* Reports KEY, which is in none of both tables (MORE may be NULL). */
void tt_table_unknown(const struct tt_table_owner *owner, const struct tt_value *key,
    const struct tt_option *table, const struct tt_option *more);

/* The kind's rules over a node's options, and over its place in the tree.  Return
 * false if one of them is broken. */
bool tt_table_check(const struct tt_table_owner *owner);
bool tt_table_check_tree(const struct tt_table_owner *owner);

#endif
