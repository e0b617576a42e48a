/* graph.c - a checked tree as a picture: Graphviz's language.
 *
 * Each node stands below its parent, whichever way its data goes: so an arrow UP is
 * written from parent to child, and drawn backwards. */
#include "config/graph.h"

#include <string.h>

#include "config/channel.h"
#include "config/said.h"

struct graph {
	const struct tt_document *doc;
	struct tt_arena *arena;
	FILE *out;
	unsigned n_outside;
};

/* TEXT inside a label, where dot knows quotes, escapes and entities. */
static void
graph_text(struct graph *g, const char *text)
{
	for (; *text != '\0'; text++)
		if (*text == '"' || *text == '\\')
			fprintf(g->out, "\\%c", *text);
		else if (*text == '&')
			fputs("&amp;", g->out);
		else
			fputc(*text, g->out);
}

/* --- the world outside --------------------------------------------------- */

/* The shape of what an option names in the world; NULL: nothing. */
static const char *
graph_shape(const struct tt_option *o)
{
	switch (o->type) {
	case TT_OPT_ADDRESSES:
	case TT_OPT_URL:
		return "shape=box, style=\"rounded,filled\"";
	case TT_OPT_PATH:
		return "shape=cylinder, style=filled";
	default:
		return NULL;
	}
}

/* Where data that comes to NODE's addresses enters: it, or what it starts for each
 * connection.  NULL: none comes in there. */
static const struct tt_node *
graph_tap(const struct tt_node *node)
{
	unsigned i;

	if ((node->schema->flags & TT_TAP) != 0)
		return node;
	for (i = 0; i < node->n_children; i++)
		if ((node->children[i]->schema->flags & TT_TAP) != 0)
			return node->children[i];
	return NULL;
}

/* What is started for each who connects to NODE's addresses, or NODE. */
static const struct tt_node *
graph_met(const struct tt_node *node)
{
	unsigned i;

	for (i = 0; i < node->n_children; i++)
		if (node->children[i]->pattern)
			return node->children[i];
	return node;
}

static void
graph_outside(struct graph *g, const struct tt_node *node,
    const struct tt_said *said)
{
	bool listens = said->option->type == TT_OPT_ADDRESSES;
	const struct tt_node *tap = listens ? graph_tap(node) : NULL;
	const struct tt_node *met = tap != NULL ? tap : listens ? graph_met(node) : node;

	fprintf(g->out, "    o%u [%s, label=\"%s", g->n_outside,
	    graph_shape(said->option), tap != NULL ? "devices connect to\\n"
	    : listens ? "viewers connect to\\n" : "");
	graph_text(g, said->text);
	fprintf(g->out, "\"];\n    n%u -> o%u%s;\n", met->index, g->n_outside,
	    tap != NULL ? " [dir=back]" : "");
	g->n_outside++;
}

/* --- the tree ------------------------------------------------------------ */

static void
graph_box(struct graph *g, const struct tt_node *node)
{
	const struct tt_said *said;
	size_t n = tt_said_options(g->arena, g->doc, node, &said), i;

	fprintf(g->out, "    n%u [", node->index);
	fputs(node->on_demand ? "style=dashed, " : "", g->out);
	fputs("label=\"", g->out);
	graph_text(g, node->key);
	if (node->pattern)
		fputs("\\none for each connection", g->out);
	for (i = 0; i < n; i++) {
		if (graph_shape(said[i].option) != NULL)
			continue;
		fprintf(g->out, "\\n%s: ", said[i].option->name);
		graph_text(g, said[i].text);
	}
	fputs("\"];\n", g->out);
	for (i = 0; i < n; i++)
		if (graph_shape(said[i].option) != NULL)
			graph_outside(g, node, &said[i]);
}

/* One arrow for all channels of an edge that go one way. */
static void
graph_arrow(struct graph *g, const struct tt_node *node, bool up, const char *how)
{
	const char **names = up ? node->up : node->in;
	unsigned n = up ? node->n_up : node->n_in, i;

	if (n == 0)
		return;
	fprintf(g->out, "    n%u -> n%u [%slabel=\"  ", node->parent->index, node->index,
	    how);
	for (i = 0; i < n; i++) {
		fputs(i > 0 ? ", " : up ? "UP " : "IN ", g->out);
		graph_text(g, tt_channel_shown(TT_BUILDING(node), up,
		    names[i]));
	}
	fputs("  \"];\n", g->out);
}

static void
graph_node(struct graph *g, const struct tt_node *node)
{
	unsigned i;

	graph_box(g, node);
	if (node->parent != NULL) {
		graph_arrow(g, node, false, "");
		graph_arrow(g, node, true, "dir=back, ");
		/* What lives for itself has its place in the tree all the same. */
		if (node->n_in + node->n_up == 0)
			fprintf(g->out, "    n%u -> n%u [dir=none, style=dotted];\n",
			    node->parent->index, node->index);
	}
	for (i = 0; i < node->n_children; i++)
		graph_node(g, node->children[i]);
}

void
tt_graph_write(const struct tt_document *doc, FILE *out)
{
	struct graph g = { .doc = doc, .arena = tt_arena_create(), .out = out };

	fputs("digraph taskthread {\n    rankdir=LR;\n    ordering=out;\n"
	    "    node [shape=box, fontname=\"sans-serif\", fontsize=11, "
	    "fillcolor=gray92];\n"
	    "    edge [fontname=\"sans-serif\", fontsize=10];\n", out);
	graph_node(&g, doc->root);
	fputs("}\n", out);
	tt_arena_destroy(g.arena);
}
