/* drawing.c - the lines of the tree that do not meet, drawn below a mistake. */
#include "config/drawing.h"

#include <stdint.h>
#include <string.h>

#include "config/channel.h"
#include "config/nearest.h"

#define DRAWING_NODE 40		/* bytes of a key */
#define DRAWING_SAYS 48		/* bytes of a list of channels */
#define DRAWING_TRIED 300	/* ends among which the nearest is looked for */

/* The search for the nearest end. */
struct drawing_search {
	const char *name;
	struct tt_end best;
	size_t distance;
	unsigned tried;
};

static void
drawing_try(struct drawing_search *s, const struct tt_building *b, enum tt_end_way way,
    const char *channel)
{
	size_t distance;

	if (++s->tried > DRAWING_TRIED)
		return;
	distance = tt_nearest_distance(s->name, channel);
	if (s->best.b != NULL && distance >= s->distance)
		return;
	s->best = (struct tt_end){ b, way, channel };
	s->distance = distance;
}

static void
drawing_try_all(struct drawing_search *s, const struct tt_node *node,
    enum tt_end_way way)
{
	const char **names = way == TT_END_IN ? node->in : node->up;
	unsigned i, n = way == TT_END_IN ? node->n_in : node->n_up;

	for (i = 0; i < n && s->tried < DRAWING_TRIED; i++)
		drawing_try(s, TT_BUILDING(node), way, names[i]);
}

struct tt_end
tt_drawing_nearest(const struct tt_building *parent, const char *name, bool source,
    const struct tt_building *not)
{
	struct drawing_search s = { .name = name };
	const struct tt_node *node = &parent->node;
	unsigned i;

	/* Siblings first: the parent only passes on. */
	for (i = 0; i < node->n_children && s.tried < DRAWING_TRIED; i++)
		if (node->children[i] != (not == NULL ? NULL : &not->node))
			drawing_try_all(&s, node->children[i],
			    source ? TT_END_UP : TT_END_IN);
	if (parent != not) {
		drawing_try_all(&s, node, source ? TT_END_IN : TT_END_UP);
		if (source && node->schema->makes != NULL)
			drawing_try(&s, parent, TT_END_MADE, node->schema->makes);
	}
	return s.best;
}

/* "IN: data", "UP: [a, b]"; of a long list CHANNEL, and how many there are besides. */
static const char *
drawing_list(struct tt_arena *arena, const struct tt_building *b, bool up,
    const char *channel)
{
	const char **names = up ? b->node.up : b->node.in, *word = up ? "UP" : "IN";
	unsigned n = up ? b->node.n_up : b->node.n_in, i;
	const char *text;
	size_t size = 0;

	if (n == 0)
		return tt_arena_format(arena, "%s: []", word);
	text = tt_channel_shown(b, up, names[0]);
	if (n == 1)
		return tt_arena_format(arena, "%s: %s%s", word, text,
		    (up ? b->up_says : b->in_says) == NULL ? " (its usual)" : "");
	for (i = 0; i < n && size <= DRAWING_SAYS; i++)
		size += strlen(tt_channel_shown(b, up, names[i])) + 2;
	if (size > DRAWING_SAYS)
		return tt_arena_format(arena, "%s: [%s, and %u more]", word,
		    tt_channel_shown(b, up, channel), n - 1);
	for (i = 1; i < n; i++)
		text = tt_arena_format(arena, "%s, %s", text,
		    tt_channel_shown(b, up, names[i]));
	return tt_arena_format(arena, "%s: [%s]", word, text);
}

static void
drawing_line(struct tt_drawing *d, const struct tt_building *b, const char *says,
    const char *points)
{
	struct tt_errors_line *line;
	const struct tt_node *above;

	if (d->n == TT_DRAWING_LINES) {
		d->cut = true;
		return;
	}
	line = &d->lines[d->n++];
	*line = (struct tt_errors_line){ .mark = b->node.mark, .node = b->node.key,
		.says = says, .points = points };
	if (strlen(line->node) > DRAWING_NODE)
		line->node = tt_arena_format(d->arena, "%.*s...", DRAWING_NODE - 3,
		    line->node);
	for (above = b->node.parent; above != NULL; above = above->parent)
		line->depth++;
}

void
tt_drawing_add(struct tt_drawing *d, struct tt_end end, const char *points)
{
	const char *says;

	if (end.b == NULL)
		return;
	says = end.way == TT_END_MADE ? tt_arena_format(d->arena, "makes %s",
	    end.channel) : drawing_list(d->arena, end.b, end.way == TT_END_UP,
	    end.channel);
	drawing_line(d, end.b, says, points);
}

void
tt_drawing_add_both(struct tt_drawing *d, const struct tt_building *b, const char *in,
    const char *up, const char *points)
{
	drawing_line(d, b, tt_arena_format(d->arena, "%s, %s",
	    drawing_list(d->arena, b, false, in), drawing_list(d->arena, b, true, up)),
	    points);
}

void
tt_drawing_add_node(struct tt_drawing *d, const struct tt_building *b,
    const char *points)
{
	drawing_line(d, b, "", points);
}

/* True if A stands behind B in the file. */
static bool
drawing_is_behind(const struct tt_errors_line *a, const struct tt_errors_line *b)
{
	if (a->mark.line != b->mark.line)
		return a->mark.line > b->mark.line;
	return a->mark.column > b->mark.column;
}

static void
drawing_sort(struct tt_drawing *d)
{
	struct tt_errors_line line;
	size_t i, k;

	for (i = 1; i < d->n; i++)
		for (k = i; k > 0 && drawing_is_behind(&d->lines[k - 1], &d->lines[k]);
		    k--) {
			line = d->lines[k];
			d->lines[k] = d->lines[k - 1];
			d->lines[k - 1] = line;
		}
}

void
tt_drawing_report(struct tt_drawing *d, struct tt_load *l, struct tt_mark mark,
    const char *path, bool sorted, const char *remedy, const char *what)
{
	unsigned least = UINT32_MAX;
	size_t i;

	if (sorted)
		drawing_sort(d);
	for (i = 0; i < d->n; i++)
		if (d->lines[i].depth < least)
			least = d->lines[i].depth;
	for (i = 0; i < d->n; i++)
		d->lines[i].depth -= least;
	if (d->cut)
		d->lines[d->n - 1].points = "and more of them";
	tt_errors_add_drawn(l->errs, mark, path, remedy, d->lines, d->n, "%s", what);
}
