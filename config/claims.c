/* claims.c - two nodes with one address or one file. */
#include "config/claims.h"

#include <stdlib.h>
#include <string.h>

#include "config/address.h"

#define CLAIMS_TEXT 4352		/* a path, and what stands before it */

/* An address or a file that a node needs for itself. */
struct claim {
	const char *text;		/* as the kind has it */
	const char *same;		/* equal for all ways to write it */
	enum tt_address_width width;
	unsigned port;			/* 0: it is no address */
	const struct tt_value *says;	/* or NULL */
	const struct tt_building *b;
	struct tt_mark mark;
};

/* A scalar of VALUE that is the end of CLAIM: there the file says it. */
static const struct tt_value *
claims_find(const struct tt_value *value, const char *claim)
{
	const struct tt_value *v, *found;
	size_t n = strlen(claim);

	if (value->type == TT_VALUE_SCALAR)
		return value->size > 2 && value->size <= n && strcmp(claim + n
		    - value->size, value->text) == 0 ? value : NULL;
	for (v = value->first; v != NULL; v = v->next) {
		found = claims_find(value->type == TT_VALUE_LIST ? v : v->value, claim);
		if (found != NULL)
			return found;
	}
	return NULL;
}

/* What of the file says what B claims: the text itself, or the first option that may
 * stand for an address or a file.  NULL: nothing. */
static const struct tt_value *
claims_says(const struct tt_building *b, const char *claim)
{
	const struct tt_option *o = b->node.schema->options;
	const struct tt_value *key, *found, *likely = NULL;

	for (; o != NULL && o->name != NULL; o++) {
		key = tt_value_key(b->node.value, o->name);
		if (key == NULL || key->value->bad)
			continue;
		found = claims_find(key->value, claim);
		if (found != NULL)
			return found;
		if (likely == NULL && (o->type == TT_OPT_PATH
		    || o->type == TT_OPT_ADDRESSES || o->type == TT_OPT_URL))
			likely = key->value;
	}
	return likely;
}

/* In the order of the tree; within one node as they stand in the file. */
static bool
claims_is_before(const struct claim *a, const struct claim *b)
{
	if (a->b != b->b)
		return a->b->node.index < b->b->node.index;
	if (a->mark.line != b->mark.line)
		return a->mark.line < b->mark.line;
	return a->mark.column < b->mark.column;
}

static int
claims_compare(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int c = strcmp(x->same, y->same);

	if (c != 0)
		return c;
	return claims_is_before(x, y) ? -1
	    : claims_is_before(y, x);
}

/* Pointers to claims, by port and width. */
static int
claims_compare_wide(const void *a, const void *b)
{
	const struct claim *x = *(const struct claim *const *)a;
	const struct claim *y = *(const struct claim *const *)b;

	if (x->port != y->port)
		return x->port < y->port ? -1 : 1;
	return x->width < y->width ? -1 : x->width > y->width;
}

/* What a message shows of a claim: never a text that came from elsewhere. */
static const char *
claims_shown(const struct tt_load *l, const struct claim *c)
{
	return c->says != NULL && c->says->written != NULL
	    ? tt_value_shown(l->arena, c->says) : c->text;
}

/* All claims of L's nodes into *CLAIMS, to be freed; returns how many. */
static size_t
claims_gather(struct tt_load *l, struct claim **claims)
{
	const struct tt_value *says;
	const struct tt_building *b;
	char text[CLAIMS_TEXT];
	size_t n = 0, room = 0, i;
	struct claim *c;
	unsigned k;

	*claims = NULL;
	for (k = 0; k < l->n_nodes; k++) {
		b = l->nodes[k];
		if (!b->valid || b->node.unknown || b->node.schema->claims == NULL)
			continue;
		for (i = 0; b->node.schema->claims(&b->node, i, text, sizeof(text));
		    i++) {
			if (*text == '\0')
				continue;
			if (n == room) {
				room = room * 2 + 16;
				*claims = tt_arena_must(realloc(*claims,
				    room * sizeof(**claims)));
			}
			says = claims_says(b, text);
			c = &(*claims)[n++];
			*c = (struct claim){ .says = says, .b = b,
				.text = tt_arena_text(l->arena, text, strlen(text)),
				.mark = says != NULL ? says->mark : b->node.mark };
			c->same = tt_address_same(l->arena, c->text, &c->width,
			    &c->port);
		}
	}
	return n;
}

/* Reports that A and B are one, or overlap because of WHY, where the later stands. */
static void
claims_report(struct tt_load *l, const struct claim *a, const struct claim *b,
    const char *remedy, const char *why)
{
	const struct claim *later = claims_is_before(a, b) ? b : a;
	const struct claim *first = later == a ? b : a;

	tt_errors_add(l->errs, later->mark, later->b->node.path, remedy,
	    "%s is taken in %s already, by %s%s", claims_shown(l, later),
	    tt_value_place(l->arena, first->mark, later->mark), first->b->node.path,
	    why);
}

/* The first of the N claims of that width and port, or NULL: CLAIMS are sorted, and
 * WIDE are those that are wide, by port and width. */
static const struct claim *
claims_find_wide(const struct claim *const *wide, size_t n, unsigned port,
    enum tt_address_width width)
{
	struct claim key = { .port = port, .width = width };
	const struct claim *at = &key;
	const struct claim *const *found = n == 0 ? NULL
	    : bsearch(&at, wide, n, sizeof(*wide), claims_compare_wide);

	return found == NULL ? NULL : *found;
}

/* Addresses of one port of which one is more than itself.  Our listeners take IPv6
 * alone on [::], so it goes with 0.0.0.0; what another name stands for, only the
 * system knows, when it is bound. */
static void
claims_check_overlaps(struct tt_load *l, const struct claim *claims, size_t n)
{
	static const struct {
		enum tt_address_width wide;
		unsigned of;		/* bits of the widths that lie in it */
		const char *why;
	} rules[] = {
		{ TT_ADDRESS_ANY4, 1 << TT_ADDRESS_IPV4 | 1 << TT_ADDRESS_LOOP4
		  | 1 << TT_ADDRESS_LOCALHOST,
		  ": 0.0.0.0 is every IPv4 address of this machine" },
		{ TT_ADDRESS_ANY6, 1 << TT_ADDRESS_IPV6 | 1 << TT_ADDRESS_LOOP6
		  | 1 << TT_ADDRESS_LOCALHOST,
		  ": [::] is every IPv6 address of this machine" },
		{ TT_ADDRESS_LOCALHOST, 1 << TT_ADDRESS_LOOP4 | 1 << TT_ADDRESS_LOOP6,
		  ": localhost is 127.0.0.1 and [::1]" },
	};
	const struct claim **wide = tt_arena_must(calloc(n + 1, sizeof(*wide))), *found;
	size_t n_wide = 0, i, k;

	for (i = 0; i < n; i++)
		if (claims[i].port > 0 && (claims[i].width == TT_ADDRESS_ANY4
		    || claims[i].width == TT_ADDRESS_ANY6
		    || claims[i].width == TT_ADDRESS_LOCALHOST)
		    && (i == 0 || strcmp(claims[i].same, claims[i - 1].same) != 0))
			wide[n_wide++] = &claims[i];
	qsort(wide, n_wide, sizeof(*wide), claims_compare_wide);
	for (i = 0; i < n && n_wide > 0; i++)
		for (k = 0; k < sizeof(rules) / sizeof(*rules); k++) {
			if ((rules[k].of >> claims[i].width & 1) == 0)
				continue;
			found = claims_find_wide(wide, n_wide, claims[i].port,
			    rules[k].wide);
			if (found != NULL) {
				claims_report(l, &claims[i], found,
				    "give each its own port", rules[k].why);
				break;
			}
		}
	free(wide);
}

void
tt_claims_check(struct tt_load *l)
{
	struct claim *claims;
	size_t n = claims_gather(l, &claims), i, first = 0;

	if (n > 1)
		qsort(claims, n, sizeof(*claims), claims_compare);
	for (i = 1; i < n; i++) {
		if (strcmp(claims[i].same, claims[first].same) != 0)
			first = i;
		else
			claims_report(l, &claims[i], &claims[first],
			    "give each its own", strcmp(claims[i].text,
			    claims[first].text) == 0 ? "" : tt_arena_format(l->arena,
			    " as %s", claims_shown(l, &claims[first])));
	}
	claims_check_overlaps(l, claims, n);
	free(claims);
}
