/* keys.c - the classes of keys, and what a wrong one looks like. */
#include "config/keys.h"

#include <string.h>
#include <strings.h>

#include "config/nearest.h"
#include "config/table.h"
#include "config/utf8.h"

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

/* The kind that WORD comes closest to, or NULL; *SURE if no other comes as close. */
static const struct tt_schema *
keys_nearest_kind(const struct tt_load *l, const char *word, bool *sure)
{
	struct tt_nearest whole = tt_nearest_begin(word), part = whole;
	const struct tt_schema *const *s, *of_whole = NULL, *of_part = NULL;
	const char *before;

	for (s = l->schemas; *s != NULL; s++) {
		before = whole.best;
		tt_nearest_offer(&whole, (*s)->name);
		if (whole.best != before)
			of_whole = *s;
		before = part.best;
		tt_nearest_offer(&part, tt_arena_text(l->arena, (*s)->name,
		    strlen((*s)->name) - strlen("Thread")));
		if (part.best != before)
			of_part = *s;
	}
	if (of_whole == NULL || whole.distance > part.distance) {
		*sure = !part.tied;
		return of_part;
	}
	*sure = !whole.tied && (of_part == NULL || of_part == of_whole
	    || whole.distance < part.distance);
	return of_whole;
}

const char *
tt_key_nearest_kind(const struct tt_load *l, const char *word)
{
	bool sure;
	const struct tt_schema *s = keys_nearest_kind(l, word, &sure);

	return s == NULL ? NULL : s->name;
}

static void
keys_unknown_kind(struct tt_load *l, const struct tt_value *key, const char *path)
{
	size_t n = keys_word(key->text);
	const char *word = tt_arena_text(l->arena, key->text, n);
	const char *best = tt_key_nearest_kind(l, word), *remedy;
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

/* "did you mean ...?" with what of NAME, which is none, may be the name of a SCHEMA;
 * or "". */
static const char *
keys_name_meant(struct tt_load *l, const struct tt_schema *schema, const char *name)
{
	static const char legal[] = KEYS_LOWER KEYS_UPPER KEYS_DIGIT "_.-";
	char meant[KEYS_NAME + 1];
	size_t n = 0;

	name += strcspn(name, KEYS_LOWER KEYS_UPPER KEYS_DIGIT);
	for (; *name != '\0' && n < KEYS_NAME; name++)
		if (strchr(legal, *name) != NULL)
			meant[n++] = *name;
		else if (n > 0 && meant[n - 1] != '_')
			meant[n++] = '_';
	while (n > 0 && meant[n - 1] == '_')
		n--;
	meant[n] = '\0';
	return *name != '\0' || n == 0 ? "" : tt_arena_format(l->arena,
	    "did you mean \"%s %s\"?", schema->name, meant);
}

bool
tt_key_child(struct tt_load *l, const struct tt_value *key, const char *path,
    const struct tt_schema **schema, const char **name)
{
	size_t n = keys_word(key->text), size;
	const char *meant;

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
	meant = keys_name_meant(l, *schema, *name);
	tt_errors_add(l->errs, key->mark, path, tt_arena_format(l->arena,
	    "%s%sa name stands one blank behind the kind: a letter or digit, then letters, "
	    "digits, \"_\", \".\" or \"-\", at most 64 in all",
	    meant, *meant == '\0' ? "" : " "), "%s has no legal name",
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

/* True if TEXT has one of the blanks that are none to YAML (U+00A0, U+200B, U+202F,
 * U+3000 and their like), or the wide colon U+FF1A. */
static bool
keys_has_other_blank(const char *text)
{
	uint32_t code;
	size_t size = strlen(text), at = 0, n;

	for (; at < size; at += n) {
		n = tt_utf8_decode(text + at, size - at, &code);
		if (n == 0)
			return false;
		if (code == 0xA0 || (code >= 0x2000 && code <= 0x200B) || code == 0x202F
		    || code == 0x205F || code == 0x3000 || code == 0xFEFF
		    || code == 0xFF1A)
			return true;
	}
	return false;
}

/* True if SIZE bytes of TEXT, a key, look as if a secret stood behind them. */
static bool
keys_is_secret(const char *text, size_t size)
{
	static const char *const words[] = { "token", "password", "secret", "cookie",
		"authorization", "key" };
	size_t i, at;

	for (i = 0; i < sizeof(words) / sizeof(*words); i++)
		for (at = 0; at + strlen(words[i]) <= size; at++)
			if (strncasecmp(text + at, words[i], strlen(words[i])) == 0)
				return true;
	return false;
}

/* The bytes of a key before the colon or the = that it runs into, or 0. */
static size_t
keys_head(const char *text, const char **mark)
{
	size_t n = strcspn(text, ":= \t");

	*mark = text + n + strspn(text + n, " \t");
	return n <= 2 * KEYS_NAME && (**mark == ':' || **mark == '=')
	    && (*mark)[1 + strspn(*mark + 1, " \t")] != '\0' ? n : 0;
}

const char *
tt_key_glued(struct tt_arena *arena, const char *text)
{
	const char *mark, *rest;
	size_t n = keys_head(text, &mark);

	if (keys_has_other_blank(text))
		return "it holds a character that looks like a blank or a colon and is "
		    "none: type the line anew";
	if (n == 0)
		return NULL;
	if (keys_is_secret(text, n))
		return "a key has a colon and a blank behind it: \"name: value\"";
	rest = mark + 1 + strspn(mark + 1, " \t");
	if (*rest == '{' || *rest == '[')
		return tt_arena_format(arena, "a blank is missing behind the colon: "
		    "\"%.*s: %c\"", (int)n, text, *rest);
	return tt_arena_format(arena, "write \"%.*s: %.*s\", with a colon and a blank",
	    (int)n, text, (int)tt_utf8_cut(rest, strlen(rest), 60), rest);
}

const char *
tt_key_shown(struct tt_arena *arena, const struct tt_value *key)
{
	const char *mark;
	size_t n = keys_head(key->text, &mark);

	return tt_value_quote(arena, key->text, n > 0 && keys_is_secret(key->text, n)
	    ? n : key->size);
}

/* UP, IN, and what others call them. */
static bool
keys_is_direction(const char *text)
{
	static const char *const words[] = { "in", "up", "out", "input", "output",
		"down", "inputs", "outputs", NULL };
	size_t i;

	for (i = 0; words[i] != NULL; i++)
		if (strcasecmp(text, words[i]) == 0)
			return true;
	return false;
}

/* The kind whose name TEXT begins with, as in "DatabaseThread-a"; or NULL. */
static const struct tt_schema *
keys_begins_with_kind(const struct tt_load *l, const char *text)
{
	const struct tt_schema *const *s;
	size_t n;

	for (s = l->schemas; *s != NULL; s++) {
		n = strlen((*s)->name);
		if (strncmp(text, (*s)->name, n) == 0
		    && strspn(text + n, KEYS_LOWER KEYS_UPPER) == 0)
			return *s;
	}
	return NULL;
}

const struct tt_schema *
tt_key_meant(const struct tt_load *l, const struct tt_value *key)
{
	enum tt_key_class class = tt_key_class(key);
	size_t n = class == TT_KEY_CHILD ? keys_word(key->text) : key->size;
	const struct tt_schema *s;
	bool sure;

	if ((class != TT_KEY_CHILD && class != TT_KEY_KIND_LIKE)
	    || key->size > TT_VALUE_KEY || tt_key_glued(l->arena, key->text) != NULL)
		return NULL;
	s = keys_find_kind(l, key->text, n);
	if (s == NULL)
		s = keys_begins_with_kind(l, key->text);
	if (s != NULL)
		return s;
	s = keys_nearest_kind(l, tt_arena_text(l->arena, key->text, n), &sure);
	return sure ? s : NULL;
}

void
tt_key_wrong(struct tt_load *l, const struct tt_value *key, const char *path,
    const struct tt_option *options, const struct tt_option *common)
{
	const char *quoted = tt_key_shown(l->arena, key);
	const char *snake = keys_snake(l, key), *kind, *looks;
	const char *remedy = tt_key_glued(l->arena, key->text);
	const struct tt_schema *begins = keys_begins_with_kind(l, key->text);

	kind = key->size <= KEYS_NAME ? tt_key_nearest_kind(l, key->text) : NULL;
	if (remedy != NULL) {
		looks = "is no key";
	} else if (keys_is_direction(key->text)) {
		looks = "looks like a channel's direction";
		remedy = "directions are written UP, to the parent, and IN, from the parent";
	} else if (begins != NULL) {
		looks = "looks like a kind of thread";
		remedy = keys_name_meant(l, begins, key->text + strlen(begins->name));
		if (*remedy == '\0')
			remedy = tt_arena_format(l->arena, "did you mean \"%s\"?",
			    begins->name);
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
		remedy = "a child is a kind, as TCPServerThread; a channel UP or IN; an "
		    "option lower case letters, digits and \"_\"";
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
