/* bound.c - the rules over a whole file: what two nodes cannot share, the kinds'
 * own rules over the tree, and memory. */
#include "config/bound.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "config/option.h"
#include "config/table.h"

/* Resident beside everything that is counted: the program, its libraries, the
 * C library's own, stacks. */
#define BOUND_BASE (12 << 20)
#define BOUND_NODE (4 << 10)		/* of a node whose kind says nothing */
#define BOUND_CLAIM 4352		/* a path, and what stands before it */

/* An address or a file that a node needs for itself. */
struct bound_claim {
	const char *text;
	const struct tt_building *b;
	struct tt_mark mark;
};

/* A scalar of VALUE that is the end of CLAIM: there the file says it. */
static const struct tt_value *
bound_find(const struct tt_value *value, const char *claim)
{
	const struct tt_value *v, *found;
	size_t n = strlen(claim);

	if (value->type == TT_VALUE_SCALAR)
		return value->size > 2 && value->size <= n && strcmp(claim + n
		    - value->size, value->text) == 0 ? value : NULL;
	for (v = value->first; v != NULL; v = v->next) {
		found = bound_find(value->type == TT_VALUE_LIST ? v : v->value, claim);
		if (found != NULL)
			return found;
	}
	return NULL;
}

/* Where the file says what B claims: the text itself, or the first option that may
 * stand for an address or a file. */
static struct tt_mark
bound_mark(const struct tt_building *b, const char *claim)
{
	const struct tt_option *o = b->node.schema->options;
	const struct tt_value *key, *found, *likely = NULL;

	for (; o != NULL && o->name != NULL; o++) {
		key = tt_value_key(b->node.value, o->name);
		if (key == NULL || key->value->bad)
			continue;
		found = bound_find(key->value, claim);
		if (found != NULL)
			return found->mark;
		if (likely == NULL && (o->type == TT_OPT_PATH
		    || o->type == TT_OPT_ADDRESSES || o->type == TT_OPT_URL))
			likely = key->value;
	}
	return likely != NULL ? likely->mark : b->node.mark;
}

static int
bound_compare(const void *a, const void *b)
{
	const struct bound_claim *x = a, *y = b;
	int c = strcmp(x->text, y->text);

	if (c != 0)
		return c;
	if (x->mark.line != y->mark.line)
		return x->mark.line < y->mark.line ? -1 : 1;
	return x->mark.column < y->mark.column ? -1 : x->mark.column > y->mark.column;
}

static void
bound_check_claims(struct tt_load *l)
{
	struct bound_claim *claims = NULL;
	size_t n = 0, room = 0, i, first = 0;
	const struct tt_building *b;
	char text[BOUND_CLAIM];
	unsigned k;

	for (k = 0; k < l->n_nodes; k++) {
		b = l->nodes[k];
		if (!b->valid || b->node.schema->claims == NULL)
			continue;
		for (i = 0; b->node.schema->claims(&b->node, i, text, sizeof(text));
		    i++) {
			if (*text == '\0')
				continue;
			if (n == room) {
				room = room * 2 + 16;
				claims = tt_arena_must(realloc(claims,
				    room * sizeof(*claims)));
			}
			claims[n++] = (struct bound_claim){ tt_arena_text(l->arena,
			    text, strlen(text)), b, bound_mark(b, text) };
		}
	}
	if (n > 1)
		qsort(claims, n, sizeof(*claims), bound_compare);
	for (i = 1; i < n; i++) {
		if (strcmp(claims[i].text, claims[first].text) != 0) {
			first = i;
			continue;
		}
		tt_errors_add(l->errs, claims[i].mark, claims[i].b->node.path,
		    "give each its own", "%s is taken in line %u already, by %s",
		    claims[i].text, claims[first].mark.line,
		    claims[first].b->node.path);
	}
	free(claims);
}

static void
bound_check_trees(struct tt_load *l)
{
	struct tt_table_owner owner = { .load = l };
	struct tt_building *b;
	unsigned i;

	for (i = 0; i < l->n_nodes; i++) {
		b = l->nodes[i];
		owner.node = &b->node;
		owner.path = b->node.path;
		owner.name = b->node.schema->name;
		owner.mark = b->node.mark;
		if (b->valid)
			tt_table_check_tree(&owner);
	}
}

/* The node that makes the largest frames, or NULL. */
static const struct tt_building *
bound_largest(const struct tt_load *l)
{
	const struct tt_schema *s;
	unsigned i;

	for (i = 0; i < l->n_nodes; i++) {
		s = l->nodes[i]->node.schema;
		if (s->frame_max != NULL
		    && s->frame_max(&l->nodes[i]->node) == l->doc->frame_max)
			return l->nodes[i];
	}
	return NULL;
}

/* The last of it is kept for one connection, and the rest must not be less. */
static void
bound_check_memory(struct tt_load *l)
{
	const struct tt_daemon_config *d = &l->doc->daemon;
	const struct tt_building *largest = bound_largest(l);
	char least[32], has[32], frame[32];
	int64_t need;

	if (l->doc->frame_max > INT64_MAX / 2 - TT_READ_SIZE)
		need = INT64_MAX;
	else
		need = 2 * (l->doc->frame_max + TT_READ_SIZE);
	if (d->memory >= need || (l->memory != NULL && l->memory->bad))
		return;
	tt_option_print_size(need, least, sizeof(least));
	tt_option_print_size(d->memory, has, sizeof(has));
	tt_option_print_size(l->doc->frame_max, frame, sizeof(frame));
	if (l->memory != NULL || largest == NULL)
		tt_errors_add(l->errs, l->memory != NULL ? l->memory->mark
		    : (struct tt_mark){ .file = l->doc->file }, "daemon",
		    tt_arena_format(l->arena, "at least %s, or smaller frames", least),
		    "memory %s is less than twice the largest frame (%s) and one read "
		    "(256KiB)", has, frame);
	else
		tt_errors_add(l->errs, largest->node.mark, largest->node.path,
		    tt_arena_format(l->arena, "say \"daemon: {memory: %s}\" or more, or "
		    "make the frames smaller", least),
		    "frames of up to %s, and daemon.memory is %s", frame, has);
}

static int64_t
bound_sum(int64_t a, int64_t b)
{
	return __builtin_add_overflow(a, b, &a) ? INT64_MAX : a;
}

static int64_t
bound_resident(const struct tt_document *doc)
{
	int64_t sum = BOUND_BASE;
	const struct tt_node *node;
	unsigned i;

	sum = bound_sum(sum, doc->daemon.memory);
	sum = bound_sum(sum, doc->frame_max);
	sum = bound_sum(sum, TT_READ_SIZE);
	for (i = 0; i < doc->n_nodes; i++) {
		node = doc->nodes[i];
		sum = bound_sum(sum, node->schema->resident == NULL ? BOUND_NODE
		    : node->schema->resident(node));
	}
	return sum;
}

void
tt_bound_check(struct tt_load *l)
{
	size_t before = tt_errors_count(l->errs);
	bool valid = true;
	unsigned i;

	bound_check_claims(l);
	if (l->loose)
		return;
	bound_check_memory(l);
	bound_check_trees(l);
	for (i = 0; i < l->n_nodes; i++)
		valid = valid && l->nodes[i]->valid;
	/* The kinds need not bear a node that is wrong. */
	if (valid && tt_errors_count(l->errs) == before)
		l->doc->memory_bound = bound_resident(l->doc);
}
