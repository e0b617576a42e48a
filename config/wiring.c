/* wiring.c - who gets what: inferred from IN and UP, and checked. */
#include "config/wiring.h"

#include <stdlib.h>
#include <string.h>

#include "config/channel.h"
#include "config/cure.h"
#include "config/drawing.h"
#include "config/flow.h"
#include "config/nearest.h"

#define WIRING_LISTED 4		/* channels that a remedy lists */
#define WIRING_TRIED 300	/* channels among which the nearest is looked for */
#define WIRING_MANY 100		/* mistakes, after which nobody looks for remedies */

/* The sources and users of one channel at one parent, while it is checked. */
struct wiring_count {
	unsigned sources, users;
	bool of_in, of_kind;		/* the parent's IN; its kind uses it */
	const struct tt_building *sender, *user;	/* the first children */
};

struct wiring {
	struct tt_load *l;
	struct tt_building *b;		/* the parent */
	struct wiring_count *counts;	/* by channel */
	unsigned *child_in;		/* the channels of all children's IN, in turn */
	struct tt_cures *cures;		/* to note what is missing on its way, or NULL: */
					/* to report all that does not meet */
};

bool
tt_wiring_is_opaque(const struct tt_node *node)
{
	return node->schema->leaf || (node->schema->flags & TT_CONSUMES) != 0;
}

/* True if the kind itself sends UP, not only what comes from below it. */
static bool
wiring_is_origin(const struct tt_schema *s)
{
	return s->up != NULL && (s->leaf || (s->flags & TT_CONSUMES) != 0);
}

struct tt_mark
tt_wiring_mark(const struct tt_building *b, bool up, unsigned i)
{
	const struct tt_value *says = up ? b->up_says : b->in_says;

	if (says == NULL)
		return b->node.mark;
	if (says->type == TT_VALUE_LIST && says->first != NULL)
		for (says = says->first; i > 0 && says->next != NULL; i--)
			says = says->next;
	return says->mark;
}

static int
wiring_compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int
wiring_compare_channel(const void *name, const void *channel)
{
	return strcmp(name, ((const struct tt_channel *)channel)->name);
}

/* The index of NAME among B's channels; it is there. */
static unsigned
wiring_find(const struct tt_building *b, const char *name)
{
	const struct tt_channel *c = bsearch(name, b->channels, b->node.n_channels,
	    sizeof(*c), wiring_compare_channel);

	return (unsigned)(c - b->channels);
}

static size_t
wiring_gather(const char **names, size_t n, const char *const *more, unsigned n_more)
{
	if (names != NULL && n_more > 0)
		memcpy(names + n, more, n_more * sizeof(*names));
	return n + n_more;
}

/* All names at B, as often as they stand there; NAMES NULL only counts. */
static size_t
wiring_names(const struct tt_node *node, const char **names)
{
	size_t n = 0;
	unsigned i;

	n = wiring_gather(names, n, node->in, node->n_in);
	n = wiring_gather(names, n, node->up, node->n_up);
	if (node->schema->makes != NULL)
		n = wiring_gather(names, n, &node->schema->makes, 1);
	for (i = 0; i < node->n_children; i++) {
		n = wiring_gather(names, n, node->children[i]->in,
		    node->children[i]->n_in);
		n = wiring_gather(names, n, node->children[i]->up,
		    node->children[i]->n_up);
	}
	return n;
}

static void
wiring_make_channels(struct tt_load *l, struct tt_building *b)
{
	struct tt_node *node = &b->node;
	size_t n = wiring_names(node, NULL), i;
	const char **names = tt_arena_must(malloc((n + 1) * sizeof(*names)));
	unsigned k = 0;

	wiring_names(node, names);
	qsort(names, n, sizeof(*names), wiring_compare);
	for (i = 0; i < n; i++)
		if (i == 0 || strcmp(names[i], names[k - 1]) != 0)
			names[k++] = names[i];
	b->channels = tt_arena_alloc(l->arena, k * sizeof(*b->channels));
	for (i = 0; i < k; i++)
		b->channels[i] = (struct tt_channel){ .name = names[i], .up = -1 };
	free(names);
	node->channels = b->channels;
	node->n_channels = k;
	node->in_channel = tt_arena_alloc(l->arena, node->n_in * sizeof(unsigned));
	for (i = 0; i < node->n_in; i++)
		node->in_channel[i] = wiring_find(b, node->in[i]);
	for (i = 0; i < node->n_up; i++)
		b->channels[wiring_find(b, node->up[i])].up = (int)i;
	if (node->schema->makes != NULL)
		node->made = (int)wiring_find(b, node->schema->makes);
}

/* The children's ends: where their UP arrives, and the users of each channel. */
static void
wiring_attach_children(struct tt_load *l, struct tt_building *b)
{
	struct tt_node *node = &b->node, *child;
	struct tt_channel *channels = b->channels;
	struct tt_user **users;
	unsigned i, k, c;

	for (i = 0; i < node->n_children; i++) {
		child = node->children[i];
		child->up_channel = tt_arena_alloc(l->arena,
		    child->n_up * sizeof(unsigned));
		for (k = 0; k < child->n_up; k++)
			child->up_channel[k] = wiring_find(b, child->up[k]);
		for (k = 0; k < child->n_in; k++)
			channels[wiring_find(b, child->in[k])].n_users++;
	}
	users = tt_arena_must(calloc(node->n_channels + 1, sizeof(struct tt_user *)));
	for (c = 0; c < node->n_channels; c++) {
		users[c] = tt_arena_alloc(l->arena,
		    channels[c].n_users * sizeof(struct tt_user));
		channels[c].users = users[c];
	}
	for (i = 0; i < node->n_children; i++)
		for (k = 0; k < node->children[i]->n_in; k++)
			*users[wiring_find(b, node->children[i]->in[k])]++ =
			    (struct tt_user){ node->children[i], k };
	free(users);
}

static void
wiring_count(struct wiring *w)
{
	const struct tt_node *node = &w->b->node, *child;
	struct wiring_count *c;
	unsigned i, k, n = 0;

	for (i = 0; i < node->n_in; i++) {
		c = &w->counts[node->in_channel[i]];
		c->sources++;
		c->of_in = true;
		c->of_kind = tt_wiring_is_opaque(node);
		c->users += c->of_kind;
	}
	if (node->made >= 0)
		w->counts[node->made].sources++;
	for (i = 0; i < node->n_channels; i++)
		w->counts[i].users += node->channels[i].up >= 0;
	for (i = 0; i < node->n_children; i++) {
		child = node->children[i];
		for (k = 0; k < child->n_up; k++) {
			c = &w->counts[child->up_channel[k]];
			c->sources++;
			if (c->sender == NULL)
				c->sender = TT_BUILDING(child);
		}
		for (k = 0; k < child->n_in; k++, n++) {
			c = &w->counts[w->child_in[n]];
			c->users++;
			if (c->user == NULL)
				c->user = TT_BUILDING(child);
		}
	}
}

/* The kinds that usually take NAME from any parent, or send it to any: one of them
 * may be what is missing.  NULL if there is none. */
static const char *
wiring_kinds(const struct wiring *w, const char *name, bool up)
{
	const struct tt_schema *const *s;
	const char *list = NULL, *usual;

	if (w->b->node.on_demand)
		return NULL;
	for (s = w->l->schemas; *s != NULL; s++) {
		usual = up ? (*s)->up : (*s)->in;
		if (usual != NULL && (*s)->under[0] == NULL && strcmp(usual, name) == 0)
			list = list == NULL ? (*s)->name : tt_arena_format(w->l->arena,
			    "%s or %s", list, (*s)->name);
	}
	return list == NULL ? NULL : tt_arena_format(w->l->arena,
	    "put a %s beside it", list);
}

/* "did you mean ...", or what there is instead: the channels at this parent that
 * have a source, or that have a user. */
static const char *
wiring_nearest(const struct wiring *w, unsigned channel, bool with_source)
{
	const struct tt_node *node = &w->b->node;
	struct tt_nearest nearest = tt_nearest_begin(node->channels[channel].name);
	const struct wiring_count *c;
	const struct tt_building *who;
	const char *list = NULL, *best = NULL, *near = NULL, *name;
	unsigned i, n = 0;

	if (tt_errors_count(w->l->errs) > WIRING_MANY)
		return NULL;
	for (i = 0; i < node->n_channels && n < WIRING_TRIED; i++) {
		c = &w->counts[i];
		if (i == channel || (with_source ? c->sources : c->users) == 0)
			continue;
		who = with_source ? c->sender : c->user;
		name = node->channels[i].name;
		tt_nearest_offer(&nearest, name);
		name = who != NULL ? tt_channel_shown(who, with_source, name)
		    : (int)i == node->made ? name
		    : tt_channel_shown(w->b, !with_source, name);
		if (nearest.best != near)
			best = name;
		near = nearest.best;
		if (n++ >= WIRING_LISTED)
			continue;
		list = tt_arena_format(w->l->arena, "%s%s\"%s\" (%s %s)",
		    list == NULL ? "" : list, list == NULL ? "" : ", ",
		    name, with_source ? "from" : "to",
		    who != NULL ? who->node.key : (int)i == node->made ? node->key
		    : "its parent");
	}
	if (list == NULL)
		return NULL;
	if (best != NULL)
		return tt_arena_format(w->l->arena, "did you mean \"%s\"? %s has %s%s",
		    best, node->key, list, n > WIRING_LISTED ? ", ..." : "");
	return tt_arena_format(w->l->arena, "%s has %s%s", node->key, list,
	    n > WIRING_LISTED ? ", ..." : "");
}

/* The first kind that stands below B's kind only, and sends something UP. */
static const char *
wiring_missing_child(const struct wiring *w)
{
	const struct tt_schema *const *s, *mine = w->b->node.schema;
	size_t i;

	for (s = w->l->schemas; *s != NULL; s++)
		for (i = 0; i < 4 && (*s)->under[i] != NULL; i++)
			if (strcmp((*s)->under[i], mine->name) == 0
			    && (*s)->up != NULL)
				return tt_arena_format(w->l->arena,
				    "put a %s below it, indented", (*s)->name);
	return NULL;
}

static bool
wiring_takes(const struct tt_node *node, const char *name)
{
	unsigned i;

	for (i = 0; i < node->n_in; i++)
		if (strcmp(node->in[i], name) == 0)
			return true;
	return false;
}

static bool
wiring_sends(const struct tt_node *node, const char *name)
{
	unsigned i;

	for (i = 0; i < node->n_up; i++)
		if (strcmp(node->up[i], name) == 0)
			return true;
	return false;
}

/* Some kind makes NAME, but for its own children alone; or NULL. */
static const char *
wiring_made_by(const struct wiring *w, const char *name, const char *shown)
{
	const struct tt_schema *const *s;

	for (s = w->l->schemas; *s != NULL; s++)
		if ((*s)->makes != NULL && strcmp((*s)->makes, name) == 0)
			return tt_arena_format(w->l->arena, "\"%s\" is what a %s makes for "
			    "those below it alone: take what they make of it", shown,
			    (*s)->name);
	return NULL;
}

/* What would be right: a channel that is near, or what there is and OTHERWISE. */
static const char *
wiring_remedy(const struct wiring *w, unsigned channel, bool with_source,
    const char *otherwise)
{
	const char *nearest = wiring_nearest(w, channel, with_source);

	if (nearest == NULL)
		return otherwise;
	return strncmp(nearest, "did you mean", 12) == 0 ? nearest
	    : tt_arena_format(w->l->arena, "%s; %s", nearest, otherwise);
}

/* An empty drawing, at W's parent. */
static struct tt_drawing
wiring_draw(const struct wiring *w)
{
	return (struct tt_drawing){ .arena = w->l->arena };
}

static bool
wiring_is_many(const struct wiring *w)
{
	return tt_errors_count(w->l->errs) > WIRING_MANY;
}

/* What END does with its channel, seen from W's parent. */
static const char *
wiring_says(const struct wiring *w, struct tt_end end)
{
	bool above = end.b == w->b;

	return tt_arena_format(w->l->arena, end.way == TT_END_MADE ? "makes \"%s\""
	    : end.way == TT_END_IN ? (above ? "gets \"%s\" from above"
	    : "takes \"%s\"") : (above ? "sends \"%s\" on, UP" : "sends \"%s\""),
	    end.way == TT_END_MADE ? end.channel
	    : tt_channel_shown(end.b, end.way == TT_END_UP, end.channel));
}

static void
wiring_report(const struct wiring *w, struct tt_drawing *d,
    const struct tt_building *b, bool up, unsigned i, const char *remedy,
    const char *what)
{
	tt_drawing_report(d, w->l, tt_wiring_mark(b, up, i), b->node.path, true, remedy,
	    what);
}

/* Reports that channel I of B's IN or UP does not meet: drawn with the end at W's
 * parent that comes nearest, a source or a user, or else with the parent. */
static void
wiring_fail(const struct wiring *w, const struct tt_building *b, bool up, unsigned i,
    bool source, const char *remedy, const char *what)
{
	struct tt_end mine = { b, up ? TT_END_UP : TT_END_IN,
		up ? b->node.up[i] : b->node.in[i] };
	const char *shown = tt_channel_shown(b, up, mine.channel);
	struct tt_drawing d = wiring_draw(w);
	struct tt_end other = { NULL, TT_END_IN, NULL };

	if (!wiring_is_many(w))
		other = tt_drawing_nearest(w->b, mine.channel, source, b);
	if (other.b != NULL)
		tt_drawing_add(&d, other, wiring_says(w, other));
	else if (b != w->b)
		tt_drawing_add_node(&d, w->b, tt_arena_format(w->l->arena, source
		    ? "has nobody who sends \"%s\"" : "has nobody who takes \"%s\"",
		    shown));
	if (d.n > 0)
		tt_drawing_add(&d, mine, tt_arena_format(w->l->arena, up
		    ? "sends \"%s\"" : "takes \"%s\"", shown));
	wiring_report(w, &d, b, up, i, remedy, what);
}

/* What CHILD takes IN must come from somebody else at its parent. */
static void
wiring_check_child_in(const struct wiring *w, const struct tt_building *child,
    unsigned i, unsigned channel)
{
	const struct wiring_count *c = &w->counts[channel];
	const char *name = child->node.in[i], *shown, *remedy;

	if (c->sources > wiring_sends(&child->node, name))
		return;
	if (w->cures != NULL) {
		tt_cures_note(w->cures, child, false, i);
		return;
	}
	shown = tt_channel_shown(child, false, name);
	remedy = wiring_made_by(w, name, shown);
	if (remedy == NULL && wiring_nearest(w, channel, true) == NULL)
		remedy = wiring_kinds(w, name, true);
	if (remedy == NULL)
		remedy = wiring_remedy(w, channel, true, tt_arena_format(w->l->arena,
		    "take another, or let one of the others at %s say \"UP: %s\"",
		    w->b->node.key, shown));
	wiring_fail(w, child, false, i, true, remedy,
	    tt_arena_format(w->l->arena, "takes \"%s\" IN, and nobody at %s sends it",
	    shown, w->b->node.path));
}

/* CHILD takes IN what it sends UP, and others at the parent take it, too. */
static void
wiring_twice(const struct wiring *w, const struct tt_building *child, unsigned i)
{
	const char *name = child->node.up[i], *in = tt_channel_shown(child, false, name);
	const char *up = tt_channel_shown(child, true, name);
	struct tt_drawing d = wiring_draw(w);
	struct tt_end other = { NULL, TT_END_IN, NULL };

	if (!wiring_is_many(w))
		other = tt_drawing_nearest(w->b, name, false, child);
	if (other.b != NULL) {
		tt_drawing_add_both(&d, child, name, name, tt_arena_format(w->l->arena,
		    "sends \"%s\" UP again", up));
		tt_drawing_add(&d, other, tt_arena_format(w->l->arena,
		    "gets \"%s\" twice", tt_channel_shown(other.b, other.b == w->b, name)));
	}
	wiring_report(w, &d, child, true, i, tt_arena_format(w->l->arena,
	    "send it under another name, as \"UP: %.*s_2\", and let each of the others "
	    "take the one it wants", 60, up), tt_arena_format(w->l->arena,
	    "takes \"%s\" IN and sends \"%s\" UP, which others at %s get twice then: "
	    "as it came, and as it left", in, up, w->b->node.path));
}

/* What CHILD sends UP must go to somebody else at its parent. */
static void
wiring_check_child_up(const struct wiring *w, const struct tt_building *child,
    unsigned i, unsigned channel)
{
	const struct wiring_count *c = &w->counts[channel];
	const char *name = child->node.up[i], *shown, *remedy;
	bool takes = wiring_takes(&child->node, name);

	if (!takes && c->users > 0)
		return;
	if (w->cures != NULL) {
		if (!takes)
			tt_cures_note(w->cures, child, true, i);
		return;
	}
	if (takes && c->users > 1) {
		wiring_twice(w, child, i);
		return;
	}
	shown = tt_channel_shown(child, true, name);
	remedy = NULL;
	if (wiring_nearest(w, channel, false) == NULL)
		remedy = wiring_kinds(w, name, false);
	if (remedy == NULL)
		remedy = wiring_remedy(w, channel, false, tt_arena_format(w->l->arena,
		    w->b->node.parent == NULL
		    ? "send another, or name \"%s\" in the IN of one of the others"
		    : "send another, or name \"%s\" in the IN of one of the others, or in "
		    "the UP of %s", shown, w->b->node.key));
	if ((child->node.schema->flags & TT_ANY) != 0)
		remedy = tt_arena_format(w->l->arena, "%s%s\"UP: []\" sends nothing UP",
		    remedy == NULL ? "" : remedy, remedy == NULL ? "" : "; ");
	wiring_fail(w, child, true, i, false, remedy, tt_arena_format(w->l->arena,
	    "sends \"%s\" UP, and nobody at %s takes it", shown, w->b->node.path));
}

/* What the parent's kind makes is for its children. */
static void
wiring_check_made(const struct wiring *w)
{
	const struct tt_node *node = &w->b->node;
	const char *made = node->channels[node->made].name, *remedy;
	struct tt_drawing d = wiring_draw(w);
	struct tt_end other = { NULL, TT_END_IN, NULL };

	if (!wiring_is_many(w) && node->n_children > 0)
		other = tt_drawing_nearest(w->b, made, false, w->b);
	remedy = wiring_missing_child(w);
	if (other.b != NULL) {
		tt_drawing_add(&d, (struct tt_end){ w->b, TT_END_MADE, made },
		    tt_arena_format(w->l->arena, "makes \"%s\"", made));
		tt_drawing_add(&d, other, wiring_says(w, other));
		remedy = tt_arena_format(w->l->arena, "one of those below it must say "
		    "\"IN: %s\"", made);
	}
	tt_drawing_report(&d, w->l, node->mark, node->path, true, remedy,
	    tt_arena_format(w->l->arena, "makes \"%s\", and nobody below it takes it",
	    made));
}

/* What the parent takes IN, somebody below it must take. */
static void
wiring_check_parent_in(const struct wiring *w, unsigned i)
{
	const struct tt_node *node = &w->b->node;
	const char *shown = tt_channel_shown(w->b, false, node->in[i]);
	const char *remedy = wiring_remedy(w, node->in_channel[i], false,
	    tt_arena_format(w->l->arena, "let somebody below it say \"IN: %s\", or take "
	    "it out of this IN", shown));

	wiring_fail(w, w->b, false, i, false, remedy, tt_arena_format(w->l->arena,
	    "takes \"%s\" IN, and nobody below it does", shown));
}

/* What the parent sends UP, somebody below it must send; SILENT if that it has
 * nobody was said already. */
static void
wiring_check_parent_up(const struct wiring *w, unsigned i, bool silent)
{
	const struct tt_node *node = &w->b->node;
	unsigned c = wiring_find(w->b, node->up[i]);
	const char *shown = tt_channel_shown(w->b, true, node->up[i]), *remedy;

	if ((int)c == node->made) {
		wiring_fail(w, w->b, true, i, true, wiring_nearest(w, c, true),
		    tt_arena_format(w->l->arena, "\"%s\" is what %s makes for those "
		    "below it: it never goes UP", shown, node->schema->name));
		return;
	}
	if (w->counts[c].sources > 0 || silent || wiring_is_origin(node->schema))
		return;
	remedy = node->n_children == 0 ? wiring_missing_child(w) : NULL;
	if (remedy == NULL)
		remedy = wiring_remedy(w, c, true, tt_arena_format(w->l->arena, "let "
		    "somebody below it say \"UP: %s\", or take it out of this UP",
		    shown));
	wiring_fail(w, w->b, true, i, true, remedy, tt_arena_format(w->l->arena,
	    "sends \"%s\" UP, and nobody below it does", shown));
}

/* What the parent itself takes IN, makes, and sends UP. */
static void
wiring_check_parent(const struct wiring *w)
{
	const struct tt_node *node = &w->b->node;
	bool silent = false;
	unsigned i;

	if (node->made >= 0 && w->counts[node->made].users == 0) {
		silent = node->n_children == 0;
		wiring_check_made(w);
	}
	for (i = 0; i < node->n_in; i++)
		if (w->counts[node->in_channel[i]].users == 0)
			wiring_check_parent_in(w, i);
	for (i = 0; i < node->n_up; i++)
		wiring_check_parent_up(w, i, silent);
}

/* CHILD sends UP what FIRST does: the frames of one connection are one count. */
static void
wiring_two_sources(const struct wiring *w, const struct tt_building *child, unsigned k,
    const struct tt_building *first)
{
	const char *name = child->node.up[k], *shown = tt_channel_shown(child, true, name);
	struct tt_drawing d = wiring_draw(w);

	tt_drawing_add(&d, (struct tt_end){ w->b, TT_END_UP, name },
	    tt_arena_format(w->l->arena, "sends one \"%s\" on, UP",
	    tt_channel_shown(w->b, true, name)));
	tt_drawing_add(&d, (struct tt_end){ first, TT_END_UP, name },
	    wiring_says(w, (struct tt_end){ first, TT_END_UP, name }));
	tt_drawing_add(&d, (struct tt_end){ child, TT_END_UP, name },
	    wiring_says(w, (struct tt_end){ child, TT_END_UP, name }));
	wiring_report(w, &d, child, true, k, tt_arena_format(w->l->arena,
	    "send it under another name, and name both above: \"UP: [%s, other]\"; in a "
	    "chain the first sends what the next takes IN", shown),
	    tt_arena_format(w->l->arena, "sends \"%s\" UP, as %s does: from one "
	    "connection a channel has one source", shown, first->node.key));
}

/* The child that reads what is on CHANNEL as one stream of bytes, or NULL. */
static const struct tt_building *
wiring_reader(const struct wiring *w, unsigned channel)
{
	const struct tt_channel *c = &w->b->node.channels[channel];
	unsigned i;

	for (i = 0; i < c->n_users; i++)
		if (tt_wiring_is_opaque(c->users[i].node))
			return TT_BUILDING(c->users[i].node);
	return NULL;
}

/* What comes from END is another stream than FIRST's (no end: than the device's):
 * READER, who takes it, would read one between the bytes of the other. */
static void
wiring_mixed(const struct wiring *w, const struct tt_building *reader,
    struct tt_end first, struct tt_end end, unsigned i)
{
	bool above = end.b == w->b;
	struct tt_drawing d = wiring_draw(w);
	struct tt_arena *arena = w->l->arena;
	const char *name = end.channel, *shown = tt_channel_shown(end.b, !above, name);
	const char *key = reader->node.key, *remedy, *what;

	tt_drawing_add(&d, (struct tt_end){ reader, TT_END_IN, name },
	    tt_arena_format(arena, "takes \"%s\"",
	    tt_channel_shown(reader, false, name)));
	if (first.b != NULL)
		tt_drawing_add(&d, first, wiring_says(w, first));
	tt_drawing_add(&d, end, wiring_says(w, end));
	if (above) {
		what = tt_arena_format(arena, "takes \"%s\" IN, which %s, too, and %s takes "
		    "it: it reads one stream of bytes", shown, w->b->node.made >= 0
		    && w->b->node.in_channel[i] == (unsigned)w->b->node.made
		    ? "it makes itself" : "comes from below it", key);
		remedy = "give what comes from above another name there";
	} else if (first.b != NULL) {
		what = tt_arena_format(arena, "sends \"%s\" UP, as %s does, and %s takes "
		    "it: it reads one stream of bytes", shown, first.b->node.key, key);
		remedy = "send it under another name; in a chain each takes what the one "
		    "before it sends";
	} else {
		what = tt_arena_format(arena, "sends \"%s\" UP, which %s takes: it reads "
		    "what the device sends, and nothing else", shown, key);
		remedy = tt_arena_format(arena, "send it under another name, and name that "
		    "in the UP of %s", w->b->node.key);
	}
	wiring_report(w, &d, end.b, !above, i, remedy, what);
}

/* What a processor takes is one stream of bytes, its device's or that of one before it:
 * what CHILD sends UP as its number K must not get between. */
static void
wiring_check_stream(const struct wiring *w, const struct tt_building *child, unsigned k)
{
	unsigned channel = child->node.up_channel[k];
	const struct tt_building *reader = wiring_reader(w, channel);
	const char *name = child->node.up[k];
	struct tt_end end = { child, TT_END_UP, name }, first = { NULL, TT_END_UP, name };

	if (reader == NULL || reader == child)
		return;
	if ((child->node.schema->flags & TT_TAP) == 0
	    && tt_wiring_is_opaque(&child->node)) {
		if ((int)channel == w->b->node.made)
			first = (struct tt_end){ w->b, TT_END_MADE, name };
		else if (w->counts[channel].sender != child)
			first.b = w->counts[channel].sender;
		else
			return;
	}
	wiring_mixed(w, reader, first, end, k);
}

/* Under a pattern each channel that goes UP counts one stream of frames, and each that
 * is read there is one of bytes. */
static void
wiring_check_pattern(const struct wiring *w)
{
	const struct tt_node *node = &w->b->node, *child;
	const struct tt_building *first, *reader;
	unsigned i, k;

	for (i = 0; i < node->n_in; i++) {
		reader = wiring_reader(w, node->in_channel[i]);
		if (reader != NULL && w->counts[node->in_channel[i]].sources > 1)
			wiring_mixed(w, reader, (struct tt_end){
			    w->counts[node->in_channel[i]].sender, TT_END_UP,
			    node->in[i] }, (struct tt_end){ w->b, TT_END_IN,
			    node->in[i] }, i);
	}
	for (i = 0; i < node->n_children; i++) {
		child = node->children[i];
		for (k = 0; k < child->n_up; k++) {
			wiring_check_stream(w, TT_BUILDING(child), k);
			first = w->counts[child->up_channel[k]].sender;
			if (node->channels[child->up_channel[k]].up >= 0
			    && first != TT_BUILDING(child))
				wiring_two_sources(w, TT_BUILDING(child), k, first);
		}
	}
}

static void
wiring_check(const struct wiring *w)
{
	const struct tt_node *node = &w->b->node, *child;
	unsigned i, k, n = 0;

	if (w->cures == NULL)
		wiring_check_parent(w);
	for (i = 0; i < node->n_children; i++) {
		child = node->children[i];
		for (k = 0; k < child->n_in; k++, n++)
			wiring_check_child_in(w, TT_BUILDING(child), k,
			    w->child_in[n]);
		for (k = 0; k < child->n_up; k++)
			wiring_check_child_up(w, TT_BUILDING(child), k,
			    child->up_channel[k]);
	}
	if ((node->schema->flags & TT_PATTERN) != 0 && w->cures == NULL)
		wiring_check_pattern(w);
}

/* What is at B, once it has its channels; CURES as in struct wiring. */
static void
wiring_look(struct tt_load *l, struct tt_building *b, struct tt_cures *cures)
{
	struct wiring w = { .l = l, .b = b, .cures = cures };
	const struct tt_node *child;
	unsigned i, k, n = 1;

	/* Where a child is not known, its channels are not missing. */
	if (b->loose)
		return;
	for (i = 0; i < b->node.n_children; i++)
		n += b->node.children[i]->n_in;
	w.child_in = tt_arena_must(malloc(n * sizeof(*w.child_in)));
	w.counts = tt_arena_must(calloc(b->node.n_channels + 1, sizeof(*w.counts)));
	for (i = 0, n = 0; i < b->node.n_children; i++) {
		child = b->node.children[i];
		for (k = 0; k < child->n_in; k++)
			w.child_in[n++] = wiring_find(b, child->in[k]);
	}
	wiring_count(&w);
	wiring_check(&w);
	free(w.counts);
	free(w.child_in);
}

static void
wiring_make_all(struct tt_load *l)
{
	unsigned i;

	for (i = 0; i < l->n_nodes; i++) {
		wiring_make_channels(l, l->nodes[i]);
		wiring_attach_children(l, l->nodes[i]);
	}
}

void
tt_wiring_infer(struct tt_load *l)
{
	size_t before = tt_errors_count(l->errs);
	struct tt_cures cures;
	unsigned i;

	tt_cures_init(&cures, l);
	wiring_make_all(l);
	for (i = 0; i < l->n_nodes; i++)
		wiring_look(l, l->nodes[i], &cures);
	/* What remains is wrong even where these say what they should. */
	if (tt_cures_apply(&cures))
		wiring_make_all(l);
	for (i = 0; i < l->n_nodes; i++)
		wiring_look(l, l->nodes[i], NULL);
	/* The circles show even where channels do not meet elsewhere. */
	tt_flow_reach(l);
	if (tt_errors_count(l->errs) > before)
		l->loose = true;
	l->doc->n_nodes = l->n_nodes;
	l->doc->nodes = (const struct tt_node **)l->nodes;
	if (!l->loose)
		tt_flow_follow(l);
}
