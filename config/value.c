/* value.c - what a YAML file says: lookups, and what no file may use. */
#include "config/value.h"

#include <stdlib.h>
#include <string.h>

#include "config/utf8.h"

#define VALUE_QUOTED 60		/* bytes of a text that a message quotes */

struct tt_value *
tt_value_key(const struct tt_value *mapping, const char *name)
{
	struct tt_value *key;

	if (mapping == NULL || mapping->type != TT_VALUE_MAPPING)
		return NULL;
	for (key = mapping->first; key != NULL; key = key->next)
		if (!key->bad && tt_value_is(key, name))
			return key;
	return NULL;
}

bool
tt_value_is_empty(const struct tt_value *value)
{
	return value->type == TT_VALUE_SCALAR && value->plain && value->size == 0;
}

bool
tt_value_is(const struct tt_value *scalar, const char *text)
{
	return scalar->type == TT_VALUE_SCALAR && scalar->size == strlen(text)
	    && memcmp(scalar->text, text, scalar->size) == 0;
}

const char *
tt_value_what(const struct tt_value *value)
{
	if (value->type == TT_VALUE_LIST)
		return "a list";
	if (value->type == TT_VALUE_MAPPING)
		return "a mapping";
	return tt_value_is_empty(value) ? "nothing" : "a text";
}

const char *
tt_value_quote(struct tt_arena *arena, const char *text, size_t size)
{
	char shown[VALUE_QUOTED * TT_UTF8_SHOWN + 1], piece[TT_UTF8_SHOWN];
	size_t cut = tt_utf8_cut(text, size, VALUE_QUOTED);
	size_t at = 0, used = 0, width;

	/* Escaped here already where a NUL would end the message. */
	while (at < cut) {
		at += tt_utf8_show(piece, text + at, cut - at, &width);
		strcpy(shown + used, piece);
		used += strlen(piece);
	}
	shown[used] = '\0';
	return tt_arena_format(arena, "\"%s%s\"", shown, cut < size ? "..." : "");
}

const char *
tt_value_shown(struct tt_arena *arena, const struct tt_value *scalar)
{
	if (scalar->written != NULL)
		return tt_value_quote(arena, scalar->written, strlen(scalar->written));
	return tt_value_quote(arena, scalar->text, scalar->size);
}

const char *
tt_value_place(struct tt_arena *arena, struct tt_mark mark, struct tt_mark from)
{
	if (mark.file == NULL || from.file == NULL || strcmp(mark.file, from.file) == 0)
		return tt_arena_format(arena, "line %u", mark.line);
	return tt_arena_format(arena, "%s:%u", mark.file, mark.line);
}

/* The walk that looks for what no file may use. */
struct value_walk {
	struct tt_arena *arena;
	struct tt_errors *errs;
	tt_value_visit *visit;
	void *arg;
	char path[TT_VALUE_PATH];	/* of the node */
};

static void
value_check_tag(struct value_walk *w, struct tt_value *v)
{
	if (v->tag == NULL)
		return;
	tt_errors_add(w->errs, v->mark, w->path, TT_VALUE_NO_TAGS,
	    "tags (%s) are not supported",
	    tt_value_quote(w->arena, v->tag, strlen(v->tag)));
	v->bad = true;
}

const char *
tt_value_find_ipv6(const char *text, const char **end)
{
	const char *open, *p;
	unsigned colons;

	for (open = strchr(text, '['); open != NULL; open = strchr(open + 1, '[')) {
		if (open > text && (open[-1] == '"' || open[-1] == '\''))
			continue;
		colons = 0;
		for (p = open + 1; *p != '\0'
		    && strchr("0123456789abcdefABCDEF:.", *p) != NULL; p++)
			colons += *p == ':';
		if (*p == '%')
			p += strcspn(p, "] ,");
		*end = p;
		if (*p == ']' && colons >= 2)
			return open;
	}
	return NULL;
}

/* MAPPING is {[::1]: 5002}, as YAML takes [::1]:5002 in a list. */
static bool
value_check_ipv6(struct value_walk *w, struct tt_value *mapping)
{
	struct tt_value *key = mapping->first, *item = key->first;
	const char *end;

	if (mapping->n != 1 || key->type != TT_VALUE_LIST || key->n != 1
	    || item->type != TT_VALUE_SCALAR || !item->plain || tt_value_find_ipv6(
	    tt_arena_format(w->arena, "[%s]", item->text), &end) == NULL)
		return false;
	tt_errors_add(w->errs, key->mark, w->path, tt_arena_format(w->arena,
	    key->value->type == TT_VALUE_SCALAR && key->value->size > 0
	    && key->value->size <= 5 ? "quote it: \"[%.60s]:%s\"" : "quote it: \"[%.60s]\"",
	    item->text, key->value->text), TT_VALUE_IPV6);
	mapping->bad = true;
	return true;
}

static void
value_check_key(struct value_walk *w, struct tt_value *key)
{
	const char *path = w->path;

	value_check_tag(w, key);
	if (key->bad)
		return;
	key->bad = true;
	if (key->type != TT_VALUE_SCALAR)
		tt_errors_add(w->errs, key->mark, path, "a key is a plain word",
		    "%s as a key", tt_value_what(key));
	else if (memchr(key->text, '\0', key->size) != NULL)
		tt_errors_add(w->errs, key->mark, path, "a key is a plain word",
		    "a key with a NUL character");
	else if (key->size == 0)
		tt_errors_add(w->errs, key->mark, path, "a key is a plain word",
		    "an empty key");
	else if (strstr(key->text, "${") != NULL)
		tt_errors_add(w->errs, key->mark, path,
		    "a value may come from elsewhere, a key stands in the file",
		    "${...} in a key");
	else
		key->bad = false;
}

static int
value_compare(const void *a, const void *b)
{
	const struct tt_value *x = *(struct tt_value *const *)a;
	const struct tt_value *y = *(struct tt_value *const *)b;
	int c = strcmp(x->text, y->text);

	if (c != 0)
		return c;
	if (x->mark.line != y->mark.line)
		return x->mark.line < y->mark.line ? -1 : 1;
	return x->mark.column < y->mark.column ? -1 : x->mark.column > y->mark.column;
}

bool
tt_value_is_kind(const char *key)
{
	size_t n = strcspn(key, " ");

	return n > 6 && strlen(key) <= TT_VALUE_KEY
	    && memcmp(key + n - 6, "Thread", 6) == 0;
}

static void
value_check_duplicates(struct value_walk *w, struct tt_value *mapping)
{
	struct tt_value **keys, *key;
	size_t n = 0, i, first = 0;

	if (mapping->n < 2)
		return;
	keys = tt_arena_must(malloc(mapping->n * sizeof(struct tt_value *)));
	for (key = mapping->first; key != NULL; key = key->next)
		if (!key->bad)
			keys[n++] = key;
	qsort(keys, n, sizeof(*keys), value_compare);
	for (i = 1; i < n; i++) {
		if (strcmp(keys[first]->text, keys[i]->text) != 0) {
			first = i;
			continue;
		}
		keys[i]->bad = true;
		tt_errors_add(w->errs, keys[i]->mark, w->path,
		    tt_value_is_kind(keys[i]->text) ? tt_arena_format(w->arena,
		    "siblings of one kind have names of their own: \"%.*s other\"",
		    (int)strcspn(keys[i]->text, " "), keys[i]->text)
		    : "keep one of them", "%s stands here twice, first in %s",
		    tt_value_quote(w->arena, keys[i]->text, keys[i]->size),
		    tt_value_place(w->arena, keys[first]->mark, keys[i]->mark));
	}
	free(keys);
}

static void
value_walk(struct value_walk *w, struct tt_value *v, bool is_root)
{
	size_t length = strlen(w->path);
	struct tt_value *child;

	value_check_tag(w, v);
	if (v->type == TT_VALUE_SCALAR && !v->bad && w->visit != NULL)
		w->visit(w->arg, v, w->path);
	if (v->type == TT_VALUE_LIST)
		for (child = v->first; child != NULL; child = child->next)
			value_walk(w, child, false);
	if (v->type != TT_VALUE_MAPPING || (v->n == 1 && value_check_ipv6(w, v)))
		return;
	for (child = v->first; child != NULL; child = child->next)
		value_check_key(w, child);
	value_check_duplicates(w, v);
	for (child = v->first; child != NULL; child = child->next) {
		/* A place for anchors, otherwise ignored. */
		if (is_root && !child->bad && strncmp(child->text, "x-", 2) == 0)
			continue;
		if (!child->bad && (tt_value_is_kind(child->text)
		    || (is_root && tt_value_is(child, "daemon")))) {
			if (length > 0)
				strcpy(w->path + length, "/");
			strcat(w->path + length, child->text);
		}
		value_walk(w, child->value, false);
		w->path[length] = '\0';
	}
}

void
tt_value_check(struct tt_arena *arena, struct tt_value *root, struct tt_errors *errs,
    tt_value_visit *visit, void *arg)
{
	struct value_walk w = { .arena = arena, .errs = errs, .visit = visit,
		.arg = arg };

	value_walk(&w, root, true);
}
