/* tree_model.c - what follows from the wiring, counted again by names. */
#include "tests/tree_model.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All channels of all nodes in a row: what data is on each. */
struct tree_model {
	const struct tt_document *doc;
	size_t *first;			/* of each node, by index */
	size_t n;
	bool *fed;			/* data of one tap is there */
	int64_t *largest;		/* frames of up to so many bytes are there */
};

static void
tree_model_must(bool condition, const struct tt_node *node, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "%s: %s\n", node->path, what);
	abort();
}

static bool
tree_model_names(const char *const *names, unsigned n, const char *name)
{
	unsigned i;

	for (i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static bool
tree_model_takes(const struct tt_node *node, const char *name)
{
	return tree_model_names(node->in, node->n_in, name);
}

static bool
tree_model_sends(const struct tt_node *node, const char *name)
{
	return tree_model_names(node->up, node->n_up, name);
}

static bool
tree_model_makes(const struct tt_node *node, const char *name)
{
	return node->schema->makes != NULL && strcmp(node->schema->makes, name) == 0;
}

/* True if what NODE takes IN ends there. */
static bool
tree_model_ends(const struct tt_node *node)
{
	return node->schema->leaf || (node->schema->flags & TT_CONSUMES) != 0;
}

/* --- sources and users --------------------------------------------------- */

static bool
tree_model_has_source(const struct tt_node *node, const char *name)
{
	const struct tt_node *p = node->parent;
	unsigned i;

	for (i = 0; i < p->n_children; i++)
		if (p->children[i] != node && tree_model_sends(p->children[i], name))
			return true;
	return tree_model_takes(p, name) || tree_model_makes(p, name);
}

/* True if somebody at PARENT but NODE, which may be PARENT, takes NAME. */
static bool
tree_model_has_user(const struct tt_node *parent, const struct tt_node *node,
    const char *name)
{
	unsigned i;

	for (i = 0; i < parent->n_children; i++)
		if (parent->children[i] != node
		    && tree_model_takes(parent->children[i], name))
			return true;
	return tree_model_sends(parent, name)
	    || (tree_model_takes(parent, name) && tree_model_ends(parent));
}

/* True if somebody below NODE sends NAME, or it does so itself. */
static bool
tree_model_has_sender(const struct tt_node *node, const char *name)
{
	unsigned i;

	for (i = 0; i < node->n_children; i++)
		if (tree_model_sends(node->children[i], name))
			return true;
	return node->schema->up != NULL && tree_model_ends(node);
}

static void
tree_model_check_ends(const struct tt_node *node)
{
	unsigned i;

	for (i = 0; i < node->n_in; i++) {
		tree_model_must(tree_model_has_source(node, node->in[i]), node,
		    "takes what nobody sends");
		tree_model_must(tree_model_has_user(node, node, node->in[i]), node,
		    "takes what nobody below it uses");
		tree_model_must(!tree_model_sends(node, node->in[i]), node,
		    "takes what it sends");
	}
	for (i = 0; i < node->n_up; i++) {
		tree_model_must(tree_model_has_user(node->parent, node, node->up[i]),
		    node, "sends what nobody takes");
		tree_model_must(tree_model_has_sender(node, node->up[i]), node,
		    "sends what nobody below it has");
		tree_model_must(!tree_model_makes(node, node->up[i]), node,
		    "sends what is for those below it");
	}
	if (node->schema->makes != NULL)
		tree_model_must(tree_model_has_user(node, node, node->schema->makes),
		    node, "makes what nobody takes");
}

/* --- what is owed -------------------------------------------------------- */

static unsigned tree_model_owed(const struct tt_node *node, const char *name,
    const struct tt_node *from);

/* Durable users at NODE, which takes NAME, and below it. */
static unsigned
tree_model_owed_below(const struct tt_node *node, const char *name)
{
	unsigned n = node->schema->durable != NULL && node->schema->durable(node);

	return tree_model_ends(node) ? n : n + tree_model_owed(node, name, NULL);
}

/* Durable users of NAME at NODE, sent by its child FROM (NULL: by its parent). */
static unsigned
tree_model_owed(const struct tt_node *node, const char *name,
    const struct tt_node *from)
{
	unsigned n = 0, i;

	for (i = 0; i < node->n_children; i++)
		if (node->children[i] != from
		    && tree_model_takes(node->children[i], name))
			n += tree_model_owed_below(node->children[i], name);
	if (from != NULL && tree_model_sends(node, name))
		n += tree_model_owed(node->parent, name, node);
	return n;
}

/* --- the order of siblings ----------------------------------------------- */

static size_t
tree_model_place(const struct tt_node *parent, const struct tt_node *node)
{
	size_t i;

	for (i = 0; i < parent->n_children; i++)
		if (parent->flow[i] == node)
			return i;
	tree_model_must(false, node, "is not in the order of its siblings");
	return 0;
}

static void
tree_model_check_order(const struct tt_node *node)
{
	const struct tt_node *from, *to;
	unsigned i, k, c;

	for (i = 0; i < node->n_children; i++)
		for (k = 0; k < node->n_children; k++) {
			from = node->children[i];
			to = node->children[k];
			for (c = 0; from != to && c < from->n_up; c++)
				tree_model_must(!tree_model_takes(to, from->up[c])
				    || tree_model_place(node, from)
				    < tree_model_place(node, to), to,
				    "comes before one that sends to it");
		}
}

/* --- what reaches whom ---------------------------------------------------- */

static size_t
tree_model_channel(const struct tree_model *m, const struct tt_node *node,
    const char *name)
{
	unsigned i;

	for (i = 0; i < node->n_channels; i++)
		if (strcmp(node->channels[i].name, name) == 0)
			return m->first[node->index] + i;
	tree_model_must(false, node, "does not know a channel");
	return 0;
}

/* Puts what is at FROM on channel TO of NODE as well.  Returns true if it is new. */
static bool
tree_model_pass(struct tree_model *m, size_t from, const struct tt_node *node,
    const char *name, bool as_it_is)
{
	size_t to = tree_model_channel(m, node, name);
	bool is_new = m->fed[from] && !m->fed[to];

	m->fed[to] |= m->fed[from];
	if (as_it_is && m->largest[to] < m->largest[from]) {
		m->largest[to] = m->largest[from];
		is_new = true;
	}
	return is_new;
}

/* One step for what is on NODE's channel NAME: to all that get it from there. */
static bool
tree_model_step(struct tree_model *m, const struct tt_node *node, const char *name)
{
	size_t from = tree_model_channel(m, node, name);
	const struct tt_node *child;
	bool is_new = false;
	unsigned i, k;

	for (i = 0; i < node->n_children; i++) {
		child = node->children[i];
		if (!tree_model_takes(child, name))
			continue;
		is_new |= tree_model_pass(m, from, child, name, true);
		for (k = 0; k < child->n_up && tree_model_ends(child); k++)
			is_new |= tree_model_pass(m, from, node, child->up[k], false);
	}
	if (tree_model_sends(node, name) && node->parent != NULL)
		is_new |= tree_model_pass(m, from, node->parent, name, true);
	return is_new;
}

static void
tree_model_spread(struct tree_model *m)
{
	const struct tt_node *node;
	bool is_new = true;
	unsigned i, c;

	while (is_new) {
		is_new = false;
		for (i = 0; i < m->doc->n_nodes; i++) {
			node = m->doc->nodes[i];
			for (c = 0; c < node->n_channels; c++)
				is_new |= tree_model_step(m, node,
				    node->channels[c].name);
		}
	}
}

static bool
tree_model_is_fed(const struct tree_model *m, const struct tt_node *node)
{
	unsigned i;

	for (i = 0; i < node->n_in; i++)
		if (m->fed[tree_model_channel(m, node, node->in[i])])
			return true;
	return false;
}

/* NODE's gate is shut for its feeders: it keeps data, or it stands in the file and may
 * be started again. */
static bool
tree_model_has_gate(const struct tt_node *node)
{
	const struct tt_node *above;

	if ((node->schema->flags & TT_KEEPS) != 0)
		return true;
	for (above = node->parent; above != NULL; above = above->parent)
		if ((above->schema->flags & TT_PATTERN) != 0)
			return false;
	return node->parent == NULL || (node->parent->schema->flags & TT_KEEPS) == 0;
}

/* Whom the data of TAP reaches, and who says so. */
static void
tree_model_check_tap(struct tree_model *m, const struct tt_node *tap)
{
	const struct tt_node *node;
	unsigned i, k, n;

	memset(m->fed, 0, m->n * sizeof(*m->fed));
	if (tap->schema->makes != NULL)
		m->fed[tree_model_channel(m, tap, tap->schema->makes)] = true;
	for (i = 0; i < tap->n_up && tree_model_ends(tap); i++)
		m->fed[tree_model_channel(m, tap->parent, tap->up[i])] = true;
	tree_model_spread(m);
	for (i = 0; i < m->doc->n_nodes; i++) {
		node = m->doc->nodes[i];
		for (k = n = 0; k < node->n_feeders; k++)
			n += node->feeders[k] == tap;
		tree_model_must(n == (tree_model_has_gate(node)
		    && tree_model_is_fed(m, node)), node,
		    n == 0 ? "does not know who feeds it" : "is not fed by all it says");
	}
}

static void
tree_model_check_largest(struct tree_model *m)
{
	const struct tt_node *node;
	int64_t max, largest = 0;
	size_t to;
	unsigned i, k;

	for (i = 0; i < m->doc->n_nodes; i++) {
		node = m->doc->nodes[i];
		max = node->schema->frame_max == NULL ? 0 : node->schema->frame_max(node);
		largest = max > largest ? max : largest;
		for (k = 0; k < node->n_up; k++) {
			to = tree_model_channel(m, node->parent, node->up[k]);
			m->largest[to] = max > m->largest[to] ? max : m->largest[to];
		}
	}
	tree_model_must(m->doc->frame_max == largest, m->doc->root,
	    "does not know the largest frame");
	tree_model_spread(m);
	for (i = 0; i < m->doc->n_nodes; i++) {
		node = m->doc->nodes[i];
		for (k = 0, max = 0; k < node->n_in; k++) {
			to = tree_model_channel(m, node->parent, node->in[k]);
			max = m->largest[to] > max ? m->largest[to] : max;
		}
		tree_model_must(node->frame_max == max, node,
		    "does not know the largest frame on its way");
	}
}

/* --- all of it ------------------------------------------------------------ */

static void
tree_model_check_node(const struct tt_node *node)
{
	unsigned i;

	tree_model_check_ends(node);
	tree_model_check_order(node);
	tree_model_must(node->durable == (node->schema->durable != NULL
	    && node->schema->durable(node)), node, "does not know that it is durable");
	for (i = 0; i < node->n_up; i++)
		tree_model_must(node->up_owed[i] == tree_model_owed(node->parent,
		    node->up[i], node), node, "owes another number of answers");
}

static void
tree_model_check_bound(const struct tt_document *doc)
{
	int64_t sum = 0;
	unsigned i;

	for (i = 0; i < doc->n_bound; i++) {
		tree_model_must(doc->bound[i].bytes >= 0, doc->root,
		    "a part of the bound is less than nothing");
		if (__builtin_add_overflow(sum, doc->bound[i].bytes, &sum))
			sum = INT64_MAX;
	}
	tree_model_must(sum > 0 && doc->memory_bound == sum, doc->root,
	    "the bound is not the sum of its parts");
}

void
tree_model_check(const struct tt_document *doc)
{
	struct tree_model m = { .doc = doc };
	unsigned i;

	m.first = calloc(doc->n_nodes, sizeof(*m.first));
	for (i = 0; m.first != NULL && i < doc->n_nodes; i++) {
		m.first[i] = m.n;
		m.n += doc->nodes[i]->n_channels;
	}
	m.fed = calloc(m.n + 1, sizeof(*m.fed));
	m.largest = calloc(m.n + 1, sizeof(*m.largest));
	if (m.first == NULL || m.fed == NULL || m.largest == NULL)
		abort();
	for (i = 0; i < doc->n_nodes; i++)
		tree_model_check_node(doc->nodes[i]);
	tree_model_check_largest(&m);
	for (i = 0; i < doc->n_nodes; i++)
		if ((doc->nodes[i]->schema->flags & TT_TAP) != 0)
			tree_model_check_tap(&m, doc->nodes[i]);
	tree_model_check_bound(doc);
	free(m.largest);
	free(m.fed);
	free(m.first);
}
