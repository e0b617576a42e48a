/* show.c - a checked tree, printed for people.
 *
 * Two columns: the tree as the file has it, and beside each node what holds for
 * it, a line for each thing.
 *
 *     MasterThread
 *       TCPServerThread      UP data from TCPConnectionThread, to DatabaseThread
 *                            listen: 0.0.0.0:5002
 */
#include "config/show.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "config/channel.h"
#include "config/said.h"
#include "config/wiring.h"

#define SHOW_INDENT 2
#define SHOW_COLUMN 44		/* where the right column begins, at most */
#define SHOW_WIDTH 100		/* where a line is broken that names threads */
#define SHOW_LISTED 4		/* threads that are named for one end of a channel */
#define SHOW_NODES 8		/* nodes whose part of the memory has its own line */

struct show {
	const struct tt_document *doc;
	struct tt_arena *arena;
	FILE *out;
	size_t column;			/* where the right column begins */
	size_t at;			/* the column of the line that was begun */
};

/* The threads at one end of a channel. */
struct show_names {
	const char *names[SHOW_LISTED];
	unsigned n;
};

static void
show_add(struct show_names *names, const char *name)
{
	if (names->n < SHOW_LISTED)
		names->names[names->n] = name;
	names->n++;
}

static void
show_put(struct show *s, const char *text)
{
	fputs(text, s->out);
	s->at += strlen(text);
}

/* Goes on in column TO, of this line or of the next. */
static void
show_pad(struct show *s, size_t to)
{
	if (s->at > 0 && s->at >= to) {
		fputc('\n', s->out);
		s->at = 0;
	}
	fprintf(s->out, "%*s", (int)(to - s->at), "");
	s->at = to;
}

/* Begins a line of the right column: beside the node's key, or below it. */
static void
show_begin(struct show *s)
{
	show_pad(s, s->column);
}

/* " from A, B and C" */
static void
show_names(struct show *s, const char *before, const struct show_names *names)
{
	const char *name;
	char more[32] = "";
	unsigned i;

	if (names->n > SHOW_LISTED)
		snprintf(more, sizeof(more), "%u more", names->n - SHOW_LISTED);
	for (i = 0; i < names->n && i <= SHOW_LISTED; i++) {
		name = i < SHOW_LISTED ? names->names[i] : more;
		if (i > 0)
			before = i == names->n - 1 || i == SHOW_LISTED ? " and" : ",";
		show_put(s, before);
		if (s->at + strlen(name) + 1 > SHOW_WIDTH)
			show_pad(s, s->column + SHOW_INDENT);
		else
			show_put(s, " ");
		show_put(s, name);
	}
}

static unsigned
show_channel(const struct tt_node *node, const char *name)
{
	unsigned c = 0;

	while (strcmp(node->channels[c].name, name) != 0)
		c++;
	return c;
}

/* Who sends channel C at PARENT, but NODE itself. */
static void
show_sources(struct show_names *names, const struct tt_node *parent, unsigned c,
    const struct tt_node *node)
{
	const struct tt_node *child;
	unsigned i, k;

	for (i = 0; i < parent->n_in; i++)
		if (parent->in_channel[i] == c)
			show_add(names, parent->key);
	if (parent->made == (int)c)
		show_add(names, parent->key);
	for (i = 0; i < parent->n_children; i++) {
		child = parent->children[i];
		for (k = 0; child != node && k < child->n_up; k++)
			if (child->up_channel[k] == c)
				show_add(names, child->key);
	}
}

/* Who takes channel C at PARENT, but NODE itself. */
static void
show_users(struct show_names *names, const struct tt_node *parent, unsigned c,
    const struct tt_node *node)
{
	const struct tt_channel *channel = &parent->channels[c];
	unsigned i;

	for (i = 0; i < channel->n_users; i++)
		if (channel->users[i].node != node)
			show_add(names, channel->users[i].node->key);
	if (channel->up >= 0)
		show_add(names, parent->key);
}

static void
show_in(struct show *s, const struct tt_node *node, unsigned i)
{
	struct show_names from = { .n = 0 };

	show_sources(&from, node->parent, show_channel(node->parent, node->in[i]),
	    node);
	show_begin(s);
	show_put(s, "IN ");
	show_put(s, tt_channel_shown(TT_BUILDING(node), false, node->in[i]));
	show_names(s, " from", &from);
	show_put(s, node->durable ? ", durable" : "");
}

static void
show_up(struct show *s, const struct tt_node *node, unsigned i)
{
	struct show_names from = { .n = 0 }, to = { .n = 0 };

	show_sources(&from, node, show_channel(node, node->up[i]), NULL);
	show_users(&to, node->parent, node->up_channel[i], node);
	show_begin(s);
	show_put(s, "UP ");
	show_put(s, tt_channel_shown(TT_BUILDING(node), true, node->up[i]));
	show_put(s, tt_wiring_is_opaque(node) ? " made here" : "");
	show_names(s, tt_wiring_is_opaque(node) ? " and from" : " from", &from);
	show_names(s, ", to", &to);
}

static void
show_node(struct show *s, const struct tt_node *node, unsigned depth)
{
	const struct tt_said *said;
	size_t n, i;

	show_pad(s, depth * SHOW_INDENT);
	show_put(s, node->key);
	if (node->pattern) {
		show_begin(s);
		show_put(s, "one for each connection");
	}
	for (i = 0; i < node->n_in; i++)
		show_in(s, node, (unsigned)i);
	for (i = 0; i < node->n_up; i++)
		show_up(s, node, (unsigned)i);
	n = tt_said_options(s->arena, s->doc, node, &said);
	for (i = 0; i < n; i++) {
		show_begin(s);
		show_put(s, said[i].option->name);
		show_put(s, ": ");
		show_put(s, said[i].text);
	}
	fputc('\n', s->out);
	s->at = 0;
	for (i = 0; i < node->n_children; i++)
		show_node(s, node->children[i], depth + 1);
}

/* Two blanks behind the widest key, but not beyond SHOW_COLUMN. */
static size_t
show_column(const struct tt_document *doc)
{
	size_t column = 0, width;
	const struct tt_node *above;
	unsigned i;

	for (i = 0; i < doc->n_nodes; i++) {
		width = strlen(doc->nodes[i]->key) + SHOW_INDENT;
		for (above = doc->nodes[i]->parent; above != NULL;
		    above = above->parent)
			width += SHOW_INDENT;
		if (width > column)
			column = width;
	}
	return column < SHOW_COLUMN ? column : SHOW_COLUMN;
}

/* --- memory -------------------------------------------------------------- */

static void
show_part(struct show *s, const char *what, int64_t bytes)
{
	fprintf(s->out, "%14" PRId64 "  %10.2f MiB  %s\n", bytes,
	    (double)bytes / (1 << 20), what);
}

static int
show_compare(const void *a, const void *b)
{
	const struct tt_bound_part *x = *(const struct tt_bound_part *const *)a;
	const struct tt_bound_part *y = *(const struct tt_bound_part *const *)b;

	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	return x < y ? -1 : x > y;
}

/* The parts of the nodes, the largest ones first. */
static void
show_node_parts(struct show *s)
{
	const struct tt_bound_part **parts = tt_arena_alloc(s->arena,
	    s->doc->n_bound * sizeof(*parts));
	unsigned i, n = 0, shown;
	int64_t rest = 0;

	for (i = 0; i < s->doc->n_bound; i++)
		if (s->doc->bound[i].node != NULL)
			parts[n++] = &s->doc->bound[i];
	qsort(parts, n, sizeof(*parts), show_compare);
	shown = n <= SHOW_NODES + 1 ? n : SHOW_NODES;
	for (i = 0; i < shown; i++)
		show_part(s, parts[i]->what, parts[i]->bytes);
	for (; i < n; i++)
		rest += parts[i]->bytes;
	if (n > shown)
		show_part(s, tt_arena_format(s->arena, "%u more nodes, none larger",
		    n - shown), rest);
}

static void
show_memory(struct show *s)
{
	const struct tt_bound_part *p = s->doc->bound;
	unsigned i = 0;

	fputs("\nmemory, at most:\n", s->out);
	for (; i < s->doc->n_bound && p[i].node == NULL; i++)
		show_part(s, p[i].what, p[i].bytes);
	show_node_parts(s);
	for (; i < s->doc->n_bound; i++)
		if (p[i].node == NULL)
			show_part(s, p[i].what, p[i].bytes);
	fprintf(s->out, "memory bound: %" PRId64 " bytes resident\n",
	    s->doc->memory_bound);
}

void
tt_show_tree(const struct tt_document *doc, FILE *out)
{
	struct show s = { .doc = doc, .arena = tt_arena_create(), .out = out,
		.column = show_column(doc) };

	show_node(&s, doc->root, 0);
	show_memory(&s);
	tt_arena_destroy(s.arena);
}
