/* keys.c - the classes of keys, and what a wrong one looks like. */
#include "config/keys.h"

#include <string.h>
#include <strings.h>

#include "config/nearest.h"
#include "config/table.h"

#define KEYS_NAME 64			/* bytes of a node's or a channel's name */
#define KEYS_LOWER "abcdefghijklmnopqrstuvwxyz"
#define KEYS_UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define KEYS_DIGIT "0123456789"

static bool
keys_is_snake(const char *text, size_t size)
{
	return size > 0 && text[0] >= 'a' && text[0] <= 'z'
	    && strspn(text, KEYS_LOWER KEYS_DIGIT "_") == size;
}

/* The bytes of a key's first word. */
static size_t
keys_word(const char *text)
{
	return strcspn(text, " ");
}

static bool
keys_ends_in_thread(const char *text, size_t size, bool exact)
{
	return size > 6 && (exact ? strncmp : strncasecmp)(text + size - 6, "Thread", 6)
	    == 0;
}

enum tt_key_class
tt_key_class(const struct tt_value *key)
{
	size_t n = keys_word(key->text);

	if (keys_ends_in_thread(key->text, n, true))
		return TT_KEY_CHILD;
	if (tt_value_is(key, "IN"))
		return TT_KEY_IN;
	if (tt_value_is(key, "UP"))
		return TT_KEY_UP;
	if (keys_ends_in_thread(key->text, n, false)
	    || strstr(key->text, "Thread") != NULL)
		return TT_KEY_KIND_LIKE;
	if (keys_is_snake(key->text, key->size))
		return TT_KEY_OPTION;
	return key->text[0] >= 'A' && key->text[0] <= 'Z' && n > 6
	    && strspn(key->text, KEYS_LOWER KEYS_UPPER KEYS_DIGIT) == n
	    ? TT_KEY_KIND_LIKE : TT_KEY_WRONG;
}

static const struct tt_schema *
keys_find_kind(const struct tt_load *l, const char *text, size_t size)
{
	const struct tt_schema *const *s;

	for (s = l->schemas; *s != NULL; s++)
		if (strlen((*s)->name) == size && memcmp((*s)->name, text, size) == 0)
			return *s;
	return NULL;
}

/* The kind that WORD comes closest to, with or without its Thread; or NULL. */
static const char *
keys_nearest_kind(const struct tt_load *l, const char *word)
{
	struct tt_nearest whole = tt_nearest_begin(word), part = whole;
	const struct tt_schema *const *s;
	const char *best = NULL, *before;

	for (s = l->schemas; *s != NULL; s++) {
		tt_nearest_offer(&whole, (*s)->name);
		before = part.best;
		tt_nearest_offer(&part, tt_arena_text(l->arena, (*s)->name,
		    strlen((*s)->name) - strlen("Thread")));
		if (part.best != before)
			best = (*s)->name;
	}
	return whole.best != NULL && whole.distance <= part.distance ? whole.best : best;
}

static void
keys_unknown_kind(struct tt_load *l, const struct tt_value *key, const char *path)
{
	size_t n = keys_word(key->text);
	const char *word = tt_arena_text(l->arena, key->text, n);
	const char *best = keys_nearest_kind(l, word), *remedy;
	const struct tt_schema *const *s;

	if (best != NULL) {
		remedy = tt_arena_format(l->arena, "did you mean \"%s%s\"?", best,
		    key->size - n > KEYS_NAME ? "" : key->text + n);
	} else {
		remedy = "the kinds are";
		for (s = l->schemas; *s != NULL; s++)
			remedy = tt_arena_format(l->arena, "%s%s%s", remedy,
			    s == l->schemas ? " " : ", ", (*s)->name);
	}
	tt_errors_add(l->errs, key->mark, path, remedy, "no kind %s",
	    tt_value_quote(l->arena, word, n));
}

bool
tt_key_child(struct tt_load *l, const struct tt_value *key, const char *path,
    const struct tt_schema **schema, const char **name)
{
	size_t n = keys_word(key->text), size;

	*schema = keys_find_kind(l, key->text, n);
	*name = key->text[n] == '\0' ? "" : key->text + n + 1;
	size = strlen(*name);
	if (*schema == NULL) {
		keys_unknown_kind(l, key, path);
		return false;
	}
	if (key->text[n] == '\0')
		return true;
	if (size <= KEYS_NAME && size > 0 && strchr("_.-", **name) == NULL
	    && strspn(*name, KEYS_LOWER KEYS_UPPER KEYS_DIGIT "_.-") == size)
		return true;
	tt_errors_add(l->errs, key->mark, path,
	    "a name stands one blank behind the kind: a letter or digit, then letters, "
	    "digits, \"_\", \".\" or \"-\", at most 64 in all",
	    "%s has no legal name",
	    tt_value_quote(l->arena, key->text, key->size));
	return false;
}

/* The word in lower_snake: "maxConnections", "max-connections" */
static const char *
keys_snake(struct tt_load *l, const struct tt_value *key)
{
	char *snake = tt_arena_alloc(l->arena, key->size * 2 + 1), *to = snake;
	const char *p;

	for (p = key->text; *p != '\0'; p++) {
		if (*p == '-' || *p == ' ' || *p == '.') {
			*to++ = '_';
		} else if (*p >= 'A' && *p <= 'Z') {
			if (p > key->text && p[-1] >= 'a' && p[-1] <= 'z')
				*to++ = '_';
			*to++ = (char)(*p - 'A' + 'a');
		} else {
			*to++ = *p;
		}
	}
	return snake;
}

void
tt_key_wrong(struct tt_load *l, const struct tt_value *key, const char *path,
    const struct tt_option *options, const struct tt_option *common)
{
	const char *quoted = tt_value_quote(l->arena, key->text, key->size);
	const char *snake = keys_snake(l, key), *kind, *looks, *remedy;

	kind = key->size <= KEYS_NAME ? keys_nearest_kind(l, key->text) : NULL;
	if (strcasecmp(key->text, "in") == 0 || strcasecmp(key->text, "up") == 0) {
		looks = "looks like a channel's direction";
		remedy = "directions are written UP and IN";
	} else if (tt_table_find(options, snake) != NULL
	    || tt_table_find(common, snake) != NULL) {
		looks = "looks like an option";
		remedy = tt_arena_format(l->arena, "did you mean \"%s\"?", snake);
	} else if (kind != NULL) {
		looks = "looks like a kind of thread";
		remedy = tt_arena_format(l->arena, "did you mean \"%s\"?", kind);
	} else if (tt_key_class(key) == TT_KEY_KIND_LIKE) {
		looks = "looks like a kind of thread";
		remedy = "a child is written as its kind, or kind and name with one "
		    "blank: \"TCPServerThread eu\"";
	} else {
		looks = "is neither a kind of thread, nor UP or IN, nor an option";
		remedy = memchr(key->text, ':', key->size) != NULL
		    ? "a key needs a blank behind its colon"
		    : "options are lower case letters, digits and \"_\"";
	}
	tt_errors_add(l->errs, key->mark, path, remedy, "%s %s", quoted, looks);
}

bool
tt_key_is_channel(const char *text, size_t size, const char **why)
{
	static const char *const reserved[] = { "connection", "recent", "refused" };
	size_t i;

	*why = "a channel is a lower case letter, then letters, digits and \"_\", at "
	    "most 64 in all";
	if (size > KEYS_NAME || !keys_is_snake(text, size))
		return false;
	*why = "connection, recent, refused and sqlite_... are names in the database";
	for (i = 0; i < sizeof(reserved) / sizeof(*reserved); i++)
		if (strcmp(text, reserved[i]) == 0)
			return false;
	return strncmp(text, "sqlite_", 7) != 0;
}
