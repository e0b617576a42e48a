/* value.h - what a YAML file says, before anybody asks what it means.
 *
 * A tree of scalars, lists and mappings with their places.  Scalars stay text:
 * an option's table decides its type, not YAML's guesses. */
#ifndef TT_CONFIG_VALUE_H
#define TT_CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "config/arena.h"
#include "config/error.h"

/* What one file may hold, against files that are none. */
#define TT_VALUE_FILE (8 << 20)		/* bytes */
#define TT_VALUE_DEPTH 64		/* levels of lists and mappings */
#define TT_VALUE_COUNT 100000		/* values */

enum tt_value_type { TT_VALUE_SCALAR, TT_VALUE_LIST, TT_VALUE_MAPPING };

struct tt_value {
	enum tt_value_type type;
	bool plain;			/* a scalar without quotes */
	bool alias;
	bool bad;			/* reported: to be passed over in silence */
	struct tt_mark mark, end;	/* of the first character, behind the last */
	const char *text;		/* a scalar's, with a NUL behind it */
	size_t size;
	const char *tag, *anchor;	/* NULL where it has none */
	struct tt_value *first;		/* the items of a list, the keys of a mapping */
	struct tt_value *next;
	struct tt_value *value;		/* of a key: what it stands for */
	unsigned n;			/* items or keys */
};

/* Reads the one document of SIZE bytes of TEXT, named FILE.  FILE must live as
 * long as the values, which belong to ARENA.  Whatever is wrong goes to ERRS.
 * Returns NULL where nothing can be made of it. */
struct tt_value *tt_value_parse(struct tt_arena *arena, const char *file,
    const char *text, size_t size, struct tt_errors *errs);

/* Reports what YAML has and the file may not use (tags, anchors, aliases, <<,
 * ${...}, keys that are no text, duplicate keys) and marks it bad. */
void tt_value_check(struct tt_arena *arena, struct tt_value *root,
    struct tt_errors *errs);

/* The first key of MAPPING that reads NAME and is not bad, or NULL. */
struct tt_value *tt_value_key(const struct tt_value *mapping, const char *name);

/* True for what stands behind `key:` if nothing does. */
bool tt_value_is_empty(const struct tt_value *value);

bool tt_value_is(const struct tt_value *scalar, const char *text);

/* "a text", "a list", "a mapping", "nothing" */
const char *tt_value_what(const struct tt_value *value);

/* A part of a message: SIZE bytes of TEXT in quotes, shortened if long. */
const char *tt_value_quote(struct tt_arena *arena, const char *text, size_t size);

#endif
