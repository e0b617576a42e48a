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

/* The kind that WORD comes closest to, with or without its Thread; or NULL. */
const char *tt_key_nearest_kind(const struct tt_load *l, const char *word);

/* The kind that KEY, which is none or has no legal name, was written for; NULL unless
 * only one comes that close. */
const struct tt_schema *tt_key_meant(const struct tt_load *l,
    const struct tt_value *key);

/* Reports a key of no class, in the node PATH. */
void tt_key_wrong(struct tt_load *l, const struct tt_value *key, const char *path,
    const struct tt_option *options, const struct tt_option *common);

/* What to say of a key that runs into its value, as in "path:a.db" or "path=a.db", or
 * that holds a character which looks like a blank; NULL if it does neither. */
const char *tt_key_glued(struct tt_arena *arena, const char *text);

/* KEY in quotes; of one that runs into a value which may be a secret, the head. */
const char *tt_key_shown(struct tt_arena *arena, const struct tt_value *key);

/* True if SIZE bytes of TEXT may be a channel's name; else *WHY says why not. */
bool tt_key_is_channel(const char *text, size_t size, const char **why);

#endif
