/* expand.h - what a file says once and uses often: anchors, aliases and <<.
 *
 * An alias becomes a copy of what its anchor names (YAML 1.1, 7.1), so that the
 * rest of the loader sees a plain tree; the copy keeps the places of the original.
 * Copies count as values of the document, which bounds what a few lines can grow
 * to.  An anchor holds for its own file. */
#ifndef TT_CONFIG_EXPAND_H
#define TT_CONFIG_EXPAND_H

#include "config/arena.h"
#include "config/error.h"
#include "config/value.h"

#define TT_EXPAND_ANCHORS 500	/* of one file */

/* The anchors of one file while it is read. */
struct tt_expand {
	struct tt_arena *arena;
	struct tt_errors *errs;
	const char *path;		/* of the node that is being read */
	unsigned *count;		/* values of the document so far */
	unsigned n_anchors;
	struct tt_expand_anchor *anchors;
};

/* V, which begins at its mark, is called NAME from here on.  Returns false, with a
 * report, if the file has too many anchors. */
bool tt_expand_define(struct tt_expand *x, const char *name, struct tt_value *v);

/* The list or mapping V is complete, and its anchor may be used. */
void tt_expand_complete(struct tt_expand *x, const struct tt_value *v);

/* A copy of what the alias NAME at MARK, DEPTH levels below the root, stands for;
 * of a name that is not known an empty value that is marked bad.  Returns NULL,
 * with a report, if the document would get too large. */
struct tt_value *tt_expand_alias(struct tt_expand *x, const char *name,
    struct tt_mark mark, unsigned depth);

/* Puts the keys that << of MAPPING stands for into it, behind its own: those that
 * it has not, of several mappings the first to have them
 * (https://yaml.org/type/merge.html). */
void tt_expand_merge(struct tt_expand *x, struct tt_value *mapping);

#endif
