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

/* What a document may hold, against files that are none. */
#define TT_VALUE_FILE (4 << 20)		/* bytes, with all that it includes */
#define TT_VALUE_TEXT (64 << 10)	/* bytes of one scalar */
#define TT_VALUE_DEPTH 64		/* levels of lists and mappings */
#define TT_VALUE_KEY 128		/* bytes of a kind and a name, at most */
#define TT_VALUE_PATH (TT_VALUE_DEPTH * (TT_VALUE_KEY + 1) + 1)
#define TT_VALUE_COUNT 100000		/* values, those that aliases stand for too */

enum tt_value_type { TT_VALUE_SCALAR, TT_VALUE_LIST, TT_VALUE_MAPPING };

struct tt_value {
	enum tt_value_type type;
	bool plain;			/* a scalar without quotes, as the file has it */
	bool bad;			/* reported: to be passed over in silence */
	bool unknown;			/* its text is elsewhere, and cannot be had now: */
					/* reported, and something legal stands in */
	struct tt_mark mark, end;	/* of the first character, behind the last */
	const char *text;		/* a scalar's, with a NUL behind it */
	size_t size;
	const char *written;		/* what the file has for a text that was put in */
					/* from elsewhere, or NULL: only this is shown */
	const char *tag;		/* NULL where it has none */
	struct tt_value *first;		/* the items of a list, the keys of a mapping */
	struct tt_value *next;
	struct tt_value *value;		/* of a key: what it stands for */
	unsigned n;			/* items or keys */
};

/* One scalar that the document uses, in the node PATH. */
typedef void tt_value_visit(void *arg, struct tt_value *scalar, const char *path);

/* What would be right where a tag is. */
#define TT_VALUE_NO_TAGS \
	"an option's type is fixed by its table; quote a text that begins with !: \"!\""

/* Reports what YAML has and the file may not use (tags, keys that are no text,
 * duplicate keys) and marks it bad.  Calls VISIT, unless it is NULL, for all
 * scalars but keys, and what keys with x- stand for. */
void tt_value_check(struct tt_arena *arena, struct tt_value *root,
    struct tt_errors *errs, tt_value_visit *visit, void *arg);

/* The first key of MAPPING that reads NAME and is not bad, or NULL. */
struct tt_value *tt_value_key(const struct tt_value *mapping, const char *name);

/* True for what stands behind `key:` if nothing does. */
bool tt_value_is_empty(const struct tt_value *value);

bool tt_value_is(const struct tt_value *scalar, const char *text);

/* True if KEY is a kind of thread, with or without a name behind it. */
bool tt_value_is_kind(const char *key);

/* Where MARK is, for a message at FROM: "line 7", or "FILE:7" in another file. */
const char *tt_value_place(struct tt_arena *arena, struct tt_mark mark,
    struct tt_mark from);

/* "a text", "a list", "a mapping", "nothing" */
const char *tt_value_what(const struct tt_value *value);

/* Where TEXT has [ ... ] with two colons and nothing but an address of IPv6 in it, which
 * is no list; *END is its closing bracket.  NULL: nowhere. */
const char *tt_value_find_ipv6(const char *text, const char **end);

/* What would be right where a list is, and its only item is TEXT, an address of IPv6. */
#define TT_VALUE_IPV6 "[ begins a list; an IPv6 address must be quoted"

/* A part of a message: SIZE bytes of TEXT in quotes, shortened if long. */
const char *tt_value_quote(struct tt_arena *arena, const char *text, size_t size);

/* The same of SCALAR's text, or of what the file has for one from elsewhere. */
const char *tt_value_shown(struct tt_arena *arena, const struct tt_value *scalar);

#endif
