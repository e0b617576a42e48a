/* expand.c - what a file says once and uses often: anchors, aliases and <<. */
#include "config/expand.h"

#include <stdlib.h>
#include <string.h>

#include "config/nearest.h"

struct tt_expand_anchor {
	const char *name;
	struct tt_value *value;
	bool open;			/* its list or mapping is being read */
};

bool
tt_expand_define(struct tt_expand *x, const char *name, struct tt_value *v)
{
	if (x->n_anchors == TT_EXPAND_ANCHORS) {
		tt_errors_add(x->errs, v->mark, x->path, NULL,
		    "the file has more than %d anchors", TT_EXPAND_ANCHORS);
		return false;
	}
	if (x->anchors == NULL)
		x->anchors = tt_arena_alloc(x->arena,
		    TT_EXPAND_ANCHORS * sizeof(*x->anchors));
	x->anchors[x->n_anchors++] = (struct tt_expand_anchor){ name, v,
		v->type != TT_VALUE_SCALAR };
	return true;
}

void
tt_expand_complete(struct tt_expand *x, const struct tt_value *v)
{
	unsigned i;

	for (i = x->n_anchors; i-- > 0;)
		if (x->anchors[i].value == v)
			x->anchors[i].open = false;
}

/* One alias under way. */
struct expand_copy {
	struct tt_expand *x;
	const char *name;
	struct tt_mark mark;
};

static struct tt_value *
expand_fail(const struct expand_copy *c, const char *what)
{
	tt_errors_add(c->x->errs, c->mark, c->x->path, "use it less often, or less deep",
	    "with what *%s stands for %s", c->name, what);
	return NULL;
}

static struct tt_value *expand_copy(const struct expand_copy *c,
    const struct tt_value *from, unsigned depth);

/* The items or keys of FROM into V. */
static bool
expand_copy_items(const struct expand_copy *c, struct tt_value *v,
    const struct tt_value *from, unsigned depth)
{
	struct tt_value **tail = &v->first;
	const struct tt_value *item;

	v->first = NULL;
	for (item = from->first; item != NULL; item = item->next) {
		*tail = expand_copy(c, item, depth + 1);
		if (*tail == NULL)
			return false;
		if (item->value != NULL) {
			(*tail)->value = expand_copy(c, item->value, depth + 1);
			if ((*tail)->value == NULL)
				return false;
		}
		tail = &(*tail)->next;
	}
	return true;
}

static struct tt_value *
expand_copy(const struct expand_copy *c, const struct tt_value *from, unsigned depth)
{
	struct tt_value *v;

	if (++*c->x->count > TT_VALUE_COUNT)
		return expand_fail(c, tt_arena_format(c->x->arena,
		    "the file holds more than %d values", TT_VALUE_COUNT));
	if (depth >= TT_VALUE_DEPTH && from->type != TT_VALUE_SCALAR)
		return expand_fail(c, tt_arena_format(c->x->arena,
		    "values are nested deeper than %d levels", TT_VALUE_DEPTH));
	v = tt_arena_alloc(c->x->arena, sizeof(*v));
	*v = *from;
	v->next = v->value = NULL;
	return expand_copy_items(c, v, from, depth) ? v : NULL;
}

static struct tt_value *
expand_unknown(const struct expand_copy *c)
{
	struct tt_nearest nearest = tt_nearest_begin(c->name);
	struct tt_value *v = tt_arena_alloc(c->x->arena, sizeof(*v));
	unsigned i;

	for (i = 0; i < c->x->n_anchors; i++)
		tt_nearest_offer(&nearest, c->x->anchors[i].name);
	tt_errors_add(c->x->errs, c->mark, c->x->path, nearest.best != NULL
	    ? tt_arena_format(c->x->arena, "did you mean *%s?", nearest.best)
	    : tt_arena_format(c->x->arena, "a value before it in the same file is "
	    "named by &%s; quote a text that begins with *: \"*%s\"", c->name, c->name),
	    "*%s stands for the value that is named &%s, and there is none before it",
	    c->name, c->name);
	*v = (struct tt_value){ .bad = true, .mark = c->mark, .end = c->mark,
		.text = "" };
	return v;
}

struct tt_value *
tt_expand_alias(struct tt_expand *x, const char *name, struct tt_mark mark,
    unsigned depth)
{
	struct expand_copy c = { .x = x, .name = name, .mark = mark };
	struct tt_value *v;
	unsigned i = x->n_anchors;

	/* The last of a name holds. */
	while (i > 0 && strcmp(x->anchors[i - 1].name, name) != 0)
		i--;
	if (i == 0)
		return expand_unknown(&c);
	if (!x->anchors[i - 1].open)
		return expand_copy(&c, x->anchors[i - 1].value, depth);
	tt_errors_add(x->errs, mark, x->path, "name a value that ends before this",
	    "*%s stands inside of what it stands for", name);
	v = tt_arena_alloc(x->arena, sizeof(*v));
	*v = (struct tt_value){ .bad = true, .mark = mark, .end = mark, .text = "" };
	return v;
}

static bool
expand_is_merge(const struct tt_value *key)
{
	return key->type == TT_VALUE_SCALAR && key->plain && tt_value_is(key, "<<");
}

/* Lists and mappings are no keys, but that is for others to say. */
static const char *
expand_key(const struct tt_value *key)
{
	return key->type == TT_VALUE_SCALAR ? key->text : "";
}

/* Equal keys in the order of their coming. */
static int
expand_compare(const void *a, const void *b)
{
	struct tt_value *const *x = *(struct tt_value *const *const *)a;
	struct tt_value *const *y = *(struct tt_value *const *const *)b;
	int c = strcmp(expand_key(*x), expand_key(*y));

	return c != 0 ? c : x < y ? -1 : x > y;
}

/* The keys of MAPPING, and room for as many places among them, to be freed. */
static struct tt_value **
expand_sort(struct tt_value *mapping, struct tt_value ****sorted)
{
	struct tt_value **keys, *key;
	unsigned n = 0;

	keys = tt_arena_must(malloc((mapping->n + 1) * sizeof(*keys)));
	*sorted = tt_arena_must(malloc((mapping->n + 1) * sizeof(**sorted)));
	for (key = mapping->first; key != NULL; key = key->next) {
		keys[n] = key;
		(*sorted)[n] = &keys[n];
		n++;
	}
	qsort(*sorted, n, sizeof(**sorted), expand_compare);
	return keys;
}

/* Of a key that FROM has twice, one would be taken, and nothing said. */
static void
expand_check_once(struct tt_expand *x, struct tt_value *from)
{
	struct tt_value ***sorted, **keys = expand_sort(from, &sorted), *key;
	unsigned i, first = 0;

	for (i = 1; i < from->n; i++) {
		key = *sorted[i];
		if (strcmp(expand_key(key), expand_key(*sorted[first])) != 0)
			first = i;
		else if (key->type == TT_VALUE_SCALAR)
			tt_errors_add(x->errs, key->mark, x->path, "keep one of them",
			    "%s stands here twice, first in %s", tt_value_quote(x->arena,
			    key->text, key->size), tt_value_place(x->arena,
			    (*sorted[first])->mark, key->mark));
	}
	free(sorted);
	free(keys);
}

/* What is merged is gone before anybody could look for its tag. */
static bool
expand_is_tagged(struct tt_expand *x, const struct tt_value *v)
{
	if (v->tag == NULL)
		return false;
	tt_errors_add(x->errs, v->mark, x->path, TT_VALUE_NO_TAGS,
	    "tags (%s) are not supported", tt_value_quote(x->arena, v->tag,
	    strlen(v->tag)));
	return true;
}

/* Appends the keys of FROM, which are nobody else's, to *TAIL.  Returns false if they
 * are not known. */
static bool
expand_append(struct tt_expand *x, struct tt_value *mapping, struct tt_value ***tail,
    struct tt_value *from)
{
	if (from->bad || expand_is_tagged(x, from))
		return false;
	if (from->type != TT_VALUE_MAPPING) {
		tt_errors_add(x->errs, from->mark, x->path,
		    "as in \"<<: *name\" or \"<<: [*one, *two]\"",
		    "<< takes a mapping, or a list of them, not %s",
		    tt_value_what(from));
		return false;
	}
	expand_check_once(x, from);
	**tail = from->first;
	while (**tail != NULL)
		*tail = &(**tail)->next;
	mapping->n += from->n;
	return true;
}

/* Takes merged keys out of MAPPING that its first OWN keys, or merged ones before
 * them, have too. */
static void
expand_drop(struct tt_value *mapping, unsigned own)
{
	struct tt_value ***sorted, **keys = expand_sort(mapping, &sorted);
	struct tt_value **tail = &mapping->first;
	unsigned n = mapping->n, i, first = 0;

	for (i = 1; i < n; i++) {
		if (strcmp(expand_key(*sorted[i]), expand_key(*sorted[first])) != 0)
			first = i;
		else if (sorted[i] >= keys + own)
			*sorted[i] = NULL;
	}
	mapping->n = 0;
	for (i = 0; i < n; i++) {
		if (keys[i] == NULL)
			continue;
		*tail = keys[i];
		tail = &keys[i]->next;
		mapping->n++;
	}
	*tail = NULL;
	free(sorted);
	free(keys);
}

void
tt_expand_merge(struct tt_expand *x, struct tt_value *mapping)
{
	struct tt_value **at = &mapping->first, *merge = NULL, *value, *item;
	unsigned own;
	bool ok = true;

	while (*at != NULL) {
		if (!expand_is_merge(*at)) {
			at = &(*at)->next;
			continue;
		}
		if (merge != NULL)
			tt_errors_add(x->errs, (*at)->mark, x->path,
			    "one with a list: \"<<: [*one, *two]\"",
			    "<< stands here twice");
		else
			merge = *at;
		*at = (*at)->next;
		mapping->n--;
	}
	if (merge == NULL)
		return;
	own = mapping->n;
	value = merge->value;
	ok = !expand_is_tagged(x, merge) && (value->type != TT_VALUE_LIST
	    || !expand_is_tagged(x, value));
	if (value->type != TT_VALUE_LIST)
		ok = expand_append(x, mapping, &at, value) && ok;
	for (item = value->first; value->type == TT_VALUE_LIST && item != NULL;
	    item = item->next)
		ok = expand_append(x, mapping, &at, item) && ok;
	expand_drop(mapping, own);
	if (ok)
		return;
	/* It stays, to say that something is missing here that was reported. */
	merge->bad = true;
	merge->next = mapping->first;
	mapping->first = merge;
	mapping->n++;
}
