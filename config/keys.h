/* keys.h - the classes of keys, and what a wrong one looks like. */
#ifndef TT_CONFIG_KEYS_H
#define TT_CONFIG_KEYS_H

#include <stdbool.h>

#include "config/load.h"

enum tt_key_class {
	TT_KEY_CHILD,			/* "…Thread", "…Thread name" */
	TT_KEY_IN, TT_KEY_UP,
	TT_KEY_OPTION,			/* lower_snake */
	TT_KEY_KIND_LIKE,		/* wrong, but a child was meant */
	TT_KEY_WRONG,
};

enum tt_key_class tt_key_class(const struct tt_value *key);

/* A child's kind and the name behind it ("" if there is none).  *SCHEMA becomes
 * NULL for a kind that is not known.  Reports what is wrong with the key, for the
 * node PATH; returns false if anything is. */
bool tt_key_child(struct tt_load *l, const struct tt_value *key, const char *path,
    const struct tt_schema **schema, const char **name);

/* Reports a key of no class, in the node PATH. */
void tt_key_wrong(struct tt_load *l, const struct tt_value *key, const char *path,
    const struct tt_option *options, const struct tt_option *common);

/* True if SIZE bytes of TEXT may be a channel's name; else *WHY says why not. */
bool tt_key_is_channel(const char *text, size_t size, const char **why);

#endif
