/* bound.c - the rules over a whole file: what two nodes cannot share (claims.h), the
 * kinds' own rules over the tree, and memory. */
#include "config/bound.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "config/claims.h"
#include "config/option.h"
#include "config/table.h"

/* Resident beside everything that is counted: the program, its libraries, the
 * C library's own, stacks. */
#define BOUND_BASE (12 << 20)
#define BOUND_NODE (4 << 10)		/* of a node whose kind says nothing */
#define BOUND_WORKER (3 << 20)		/* of one beside the main one: a stack, a loop, */
					/* free memory at hand */
#define BOUND_PARTS 6			/* that are no node's */

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
	if (d->memory >= need
	    || (l->memory != NULL && (l->memory->bad || l->memory->unknown)))
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

static void
bound_add(struct tt_document *doc, struct tt_bound_part *parts, const char *what,
    const struct tt_node *node, int64_t bytes)
{
	parts[doc->n_bound++] = (struct tt_bound_part){ what, node, bytes };
	if (__builtin_add_overflow(doc->memory_bound, bytes, &doc->memory_bound))
		doc->memory_bound = INT64_MAX;
}

/* All that may be resident, part by part. */
static void
bound_resident(struct tt_load *l)
{
	struct tt_document *doc = l->doc;
	struct tt_bound_part *parts = tt_arena_alloc(l->arena,
	    (doc->n_nodes + BOUND_PARTS) * sizeof(*parts));
	const struct tt_node *node;
	unsigned i, silent = 0, workers;

	bound_add(doc, parts, "program and libraries", NULL, BOUND_BASE);
	bound_add(doc, parts, "daemon.memory", NULL, doc->daemon.memory);
	bound_add(doc, parts, "the largest frame", NULL, doc->frame_max);
	bound_add(doc, parts, "one read", NULL, TT_READ_SIZE);
	workers = tt_document_workers(doc);
	if (workers > 1)
		bound_add(doc, parts, tt_arena_format(l->arena, "%u workers", workers),
		    NULL, (workers - 1) * (int64_t)BOUND_WORKER);
	for (i = 0; i < doc->n_nodes; i++) {
		node = doc->nodes[i];
		if (node->schema->resident == NULL)
			silent++;
		else
			bound_add(doc, parts, node->path, node,
			    node->schema->resident(node));
	}
	if (silent > 0)
		bound_add(doc, parts, tt_arena_format(l->arena, "%u small node%s",
		    silent, silent == 1 ? "" : "s"), NULL,
		    silent * (int64_t)BOUND_NODE);
	doc->bound = parts;
}

void
tt_bound_check(struct tt_load *l)
{
	size_t before = tt_errors_count(l->errs);
	bool valid = true;
	unsigned i;

	tt_claims_check(l);
	if (l->loose)
		return;
	bound_check_memory(l);
	bound_check_trees(l);
	for (i = 0; i < l->n_nodes; i++)
		valid = valid && l->nodes[i]->valid;
	/* The kinds need not bear a node that is wrong. */
	if (valid && tt_errors_count(l->errs) == before)
		bound_resident(l);
}
