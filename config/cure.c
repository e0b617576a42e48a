/* cure.c - who has forgotten to pass a channel on. */
#include "config/cure.h"

#include <string.h>

#include "config/channel.h"
#include "config/drawing.h"
#include "config/value.h"
#include "config/wiring.h"

/* One channel that does not get from one floor to another. */
struct tt_cure {
	struct tt_cure *next;
	bool up;
	const char *name, *shown;
	const struct tt_building *child;	/* the lower end */
	struct tt_building *low, *high;	/* who should pass it on: from its parent up */
	struct tt_end end;		/* the upper end */
	struct tt_drawing drawing;	/* as the file has it */
	struct tt_mark mark;
};

void
tt_cures_init(struct tt_cures *cures, struct tt_load *l)
{
	*cures = (struct tt_cures){ .l = l };
	cures->tail = &cures->first;
}

static bool
cure_names(const struct tt_node *node, bool up, const char *name)
{
	const char **names = up ? node->up : node->in;
	unsigned n = up ? node->n_up : node->n_in, i;

	for (i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

/* The child of PARENT, but NOT, that names NAME in its IN or UP; or NULL. */
static const struct tt_building *
cure_child(const struct tt_node *parent, bool up, const char *name,
    const struct tt_node *not)
{
	unsigned i;

	for (i = 0; i < parent->n_children; i++)
		if (parent->children[i] != not
		    && cure_names(parent->children[i], up, name))
			return TT_BUILDING(parent->children[i]);
	return NULL;
}

/* Who at PARENT, but NOT, takes NAME, if UP, or else sends it. */
static struct tt_end
cure_end(const struct tt_node *parent, bool up, const char *name,
    const struct tt_node *not)
{
	const struct tt_building *b = cure_child(parent, !up, name, not);

	if (b != NULL)
		return (struct tt_end){ b, up ? TT_END_IN : TT_END_UP, name };
	if (cure_names(parent, up, name))
		return (struct tt_end){ TT_BUILDING(parent), up ? TT_END_UP
		    : TT_END_IN, name };
	return (struct tt_end){ NULL, TT_END_IN, name };
}

/* Whether NODE may be told to pass NAME on.  What comes from above is no stream that
 * one below a connection reads: that is not what was forgotten. */
static bool
cure_may(const struct tt_node *node, bool up, const char *name)
{
	const struct tt_schema *s = node->schema;

	if (TT_BUILDING(node)->loose || s->leaf || (s->flags & TT_ROOT) != 0
	    || (s->flags & TT_ANY) == 0
	    || (s->makes != NULL && strcmp(s->makes, name) == 0))
		return false;
	return up ? !tt_wiring_is_opaque(node) && node->n_up < TT_LOAD_CHANNELS
	    : !node->on_demand && node->n_in < TT_LOAD_CHANNELS;
}

/* How the channel from CHILD to END is shown: where its name comes from elsewhere for
 * one of them, as that one has it. */
static const char *
cure_shown(const struct tt_building *child, bool up, struct tt_end end)
{
	const char *shown = tt_channel_shown(child, up, end.channel);

	return shown != end.channel ? shown : tt_channel_shown(end.b,
	    end.way == TT_END_UP, end.channel);
}

static void
cure_draw(struct tt_cure *c, struct tt_arena *arena)
{
	struct tt_end mine = { c->child, c->up ? TT_END_UP : TT_END_IN, c->name };
	const struct tt_building *b = c->low;
	bool above = c->end.b == TT_BUILDING(c->high->node.parent);

	c->drawing = (struct tt_drawing){ .arena = arena };
	tt_drawing_add(&c->drawing, mine, tt_arena_format(arena, c->up ? "sends \"%s\""
	    : "takes \"%s\"", c->shown));
	for (;; b = TT_BUILDING(b->node.parent)) {
		tt_drawing_add(&c->drawing, (struct tt_end){ b, mine.way,
		    (c->up ? b->node.n_up : b->node.n_in) == 0 ? ""
		    : c->up ? b->node.up[0] : b->node.in[0] }, tt_arena_format(arena,
		    c->up ? "does not send \"%s\" on" : "does not take \"%s\"", c->shown));
		if (b == c->high)
			break;
	}
	tt_drawing_add(&c->drawing, c->end, tt_arena_format(arena, !c->up
	    ? (above ? "gets \"%s\" from above" : "sends \"%s\"")
	    : above ? "sends \"%s\" on, UP" : "takes \"%s\"", c->shown));
}

static bool
cure_is_noted(const struct tt_cures *cures, const struct tt_node *low, bool up,
    const char *name)
{
	const struct tt_cure *c;

	for (c = cures->first; c != NULL; c = c->next)
		if (&c->low->node == low && c->up == up && strcmp(c->name, name) == 0)
			return true;
	return false;
}

void
tt_cures_note(struct tt_cures *cures, const struct tt_building *child, bool up,
    unsigned i)
{
	const char *name = up ? child->node.up[i] : child->node.in[i];
	struct tt_node *low = child->node.parent, *high;
	struct tt_end end = { .b = NULL };
	struct tt_cure *c;

	if (cures->tried++ >= TT_CURES || cure_is_noted(cures, low, up, name))
		return;
	for (high = low; end.b == NULL; high = high->parent) {
		if (!cure_may(high, up, name) || TT_BUILDING(high->parent)->loose)
			return;
		end = cure_end(high->parent, up, name, high);
		if (end.b != NULL)
			break;
	}
	c = tt_arena_alloc(cures->l->arena, sizeof(*c));
	*c = (struct tt_cure){ .up = up, .name = name, .child = child,
		.shown = cure_shown(child, up, end),
		.low = TT_BUILDING(low), .high = TT_BUILDING(high), .end = end,
		.mark = tt_wiring_mark(TT_BUILDING(low), up, 0) };
	cure_draw(c, cures->l->arena);
	*cures->tail = c;
	cures->tail = &c->next;
}

/* Puts NAME at the end of B's IN or UP, and takes out what stands there for nothing:
 * a name that nobody gives it, and that its kind put in or that nobody would take. */
static void
cure_change(struct tt_load *l, struct tt_building *b, const struct tt_cure *c)
{
	const char *name = c->name;
	bool up = c->up;
	struct tt_node *node = &b->node;
	const char ***names = up ? &node->up : &node->in, **old = *names;
	unsigned *n = up ? &node->n_up : &node->n_in, n_old = *n, i;
	bool given, taken;

	if (cure_names(node, up, name) || n_old == TT_LOAD_CHANNELS)
		return;
	*names = tt_arena_alloc(l->arena, (n_old + 1) * sizeof(**names));
	*n = 0;
	for (i = 0; i < n_old; i++) {
		given = up ? cure_child(node, true, old[i], NULL) != NULL
		    || cure_names(node, false, old[i])
		    : cure_end(node->parent, false, old[i], node).b != NULL;
		taken = (up ? b->up_says : b->in_says) != NULL && (up
		    ? cure_end(node->parent, true, old[i], node).b != NULL
		    : tt_wiring_is_opaque(node)
		    || cure_child(node, false, old[i], NULL) != NULL);
		if (given || taken)
			(*names)[(*n)++] = old[i];
	}
	(*names)[(*n)++] = name;
	if (c->shown != name)
		tt_channel_show(l, b, up, name, c->shown);
}

/* "UP: readings", "UP: [data, readings]": all that B should say. */
static const char *
cure_line(struct tt_arena *arena, const struct tt_building *b, bool up)
{
	const char **names = up ? b->node.up : b->node.in, *word = up ? "UP" : "IN";
	unsigned n = up ? b->node.n_up : b->node.n_in, i;
	const char *text = "", *shown;

	for (i = 0; i < n; i++) {
		shown = tt_channel_shown(b, up, names[i]);
		/* In a list YAML takes the brace for its own. */
		text = tt_arena_format(arena, n > 1 && strchr(shown, '{') != NULL ?
		    "%s%s'%s'" : "%s%s%s", text, i > 0 ? ", " : "", shown);
	}
	return tt_arena_format(arena, n == 1 ? "%s: %s" : "%s: [%s]", word, text);
}

static const char *
cure_remedy(struct tt_arena *arena, const struct tt_cure *c)
{
	const struct tt_building *b = c->low;
	const char *text = "";
	bool said;

	for (;; b = TT_BUILDING(b->node.parent)) {
		said = (c->up ? b->up_says : b->in_says) != NULL;
		text = tt_arena_format(arena, "%s%s%s \"%s\" %s %s of %s", text,
		    *text == '\0' ? "" : ", ", said ? "write" : "add",
		    cure_line(arena, b, c->up), said ? "in" : "to", b->node.key,
		    tt_value_place(arena, b->node.mark, c->mark));
		if (b == c->high)
			return text;
	}
}

static void
cure_report(struct tt_load *l, struct tt_cure *c)
{
	const char *upper = c->end.b->node.key, *lower = c->child->node.key, *what;
	bool above = c->end.b == TT_BUILDING(c->high->node.parent);

	if (c->up)
		what = tt_arena_format(l->arena, "does not send \"%s\" UP, which %s sends "
		    "and %s %s", c->shown, lower, upper, above ? "is to send on" : "takes");
	else
		what = tt_arena_format(l->arena, "does not take \"%s\" IN, which %s %s and "
		    "%s takes", c->shown, upper, above ? "gets from above" : "sends", lower);
	tt_drawing_report(&c->drawing, l, c->mark, c->low->node.path, true,
	    cure_remedy(l->arena, c), what);
}

bool
tt_cures_apply(struct tt_cures *cures)
{
	struct tt_building *b;
	struct tt_cure *c;

	for (c = cures->first; c != NULL; c = c->next)
		for (b = c->low;; b = TT_BUILDING(b->node.parent)) {
			cure_change(cures->l, b, c);
			if (b == c->high)
				break;
		}
	for (c = cures->first; c != NULL; c = c->next)
		cure_report(cures->l, c);
	return cures->first != NULL;
}
