/* wiring.c - who gets what: inferred from IN and UP, and checked. */
#include "config/wiring.h"

#include <stdlib.h>
#include <string.h>

#include "config/flow.h"
#include "config/nearest.h"

#define WIRING_LISTED 4		/* channels that a remedy lists */
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
	if (says->type == TT_VALUE_LIST)
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
wiring_attach_children(struct wiring *w)
{
	struct tt_node *node = &w->b->node, *child;
	struct tt_channel *channels = w->b->channels;
	struct tt_user **users;
	unsigned i, k, c, n = 0;

	for (i = 0; i < node->n_children; i++) {
		child = node->children[i];
		child->up_channel = tt_arena_alloc(w->l->arena,
		    child->n_up * sizeof(unsigned));
		for (k = 0; k < child->n_up; k++)
			child->up_channel[k] = wiring_find(w->b, child->up[k]);
		for (k = 0; k < child->n_in; k++, n++) {
			w->child_in[n] = wiring_find(w->b, child->in[k]);
			channels[w->child_in[n]].n_users++;
		}
	}
	users = tt_arena_must(calloc(node->n_channels + 1, sizeof(struct tt_user *)));
	for (c = 0; c < node->n_channels; c++) {
		users[c] = tt_arena_alloc(w->l->arena,
		    channels[c].n_users * sizeof(struct tt_user));
		channels[c].users = users[c];
	}
	for (i = 0, n = 0; i < node->n_children; i++)
		for (k = 0; k < node->children[i]->n_in; k++, n++)
			*users[w->child_in[n]]++ =
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
	const char *list = NULL;
	unsigned i, n = 0;

	if (tt_errors_count(w->l->errs) > WIRING_MANY)
		return NULL;
	for (i = 0; i < node->n_channels; i++) {
		c = &w->counts[i];
		if (i == channel || (with_source ? c->sources : c->users) == 0)
			continue;
		tt_nearest_offer(&nearest, node->channels[i].name);
		if (n++ >= WIRING_LISTED)
			continue;
		who = with_source ? c->sender : c->user;
		list = tt_arena_format(w->l->arena, "%s%s\"%s\" (%s %s)",
		    list == NULL ? "" : list, list == NULL ? "" : ", ",
		    node->channels[i].name, with_source ? "from" : "to",
		    who != NULL ? who->node.key : node->key);
	}
	if (list == NULL)
		return NULL;
	if (nearest.best != NULL)
		return tt_arena_format(w->l->arena, "did you mean \"%s\"? %s has %s%s",
		    nearest.best, node->key, list, n > WIRING_LISTED ? ", ..." : "");
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

static void
wiring_fail(const struct wiring *w, const struct tt_building *b, bool up, unsigned i,
    const char *remedy, const char *what)
{
	tt_errors_add(w->l->errs, tt_wiring_mark(b, up, i), b->node.path, remedy, "%s",
	    what);
}

/* What CHILD takes IN must come from somebody else at its parent. */
static void
wiring_check_child_in(const struct wiring *w, const struct tt_building *child,
    unsigned i, unsigned channel)
{
	const struct wiring_count *c = &w->counts[channel];
	const char *name = child->node.in[i], *remedy;

	if (c->sources > wiring_sends(&child->node, name))
		return;
	remedy = wiring_nearest(w, channel, true);
	if (remedy == NULL)
		remedy = wiring_kinds(w, name, true);
	wiring_fail(w, child, false, i, remedy,
	    tt_arena_format(w->l->arena, "takes \"%s\" IN, and nobody at %s sends it",
	    name, w->b->node.path));
}

/* What CHILD sends UP must go to somebody else at its parent. */
static void
wiring_check_child_up(const struct wiring *w, const struct tt_building *child,
    unsigned i, unsigned channel)
{
	const struct wiring_count *c = &w->counts[channel];
	const char *name = child->node.up[i], *remedy;
	bool takes = wiring_takes(&child->node, name);

	if (takes && c->users > 1) {
		wiring_fail(w, child, true, i, "send it under another name",
		    tt_arena_format(w->l->arena, "takes \"%s\" IN and sends \"%s\" UP, "
		    "which others at %s get twice then: as it came, and as it left",
		    name, name, w->b->node.path));
		return;
	}
	if (c->users > takes)
		return;
	remedy = wiring_nearest(w, channel, false);
	if (remedy == NULL)
		remedy = wiring_kinds(w, name, false);
	if ((child->node.schema->flags & TT_ANY) != 0)
		remedy = tt_arena_format(w->l->arena, "%s%s\"UP: []\" sends nothing UP",
		    remedy == NULL ? "" : remedy, remedy == NULL ? "" : "; ");
	wiring_fail(w, child, true, i, remedy, tt_arena_format(w->l->arena,
	    "sends \"%s\" UP, and nobody at %s takes it", name, w->b->node.path));
}

/* What the parent itself takes IN, makes, and sends UP. */
static void
wiring_check_parent(const struct wiring *w)
{
	const struct tt_node *node = &w->b->node;
	struct tt_arena *arena = w->l->arena;
	bool silent = false;
	unsigned i, c;

	if (node->made >= 0 && w->counts[node->made].users == 0) {
		silent = node->n_children == 0;
		tt_errors_add(w->l->errs, node->mark, node->path,
		    wiring_missing_child(w),
		    "makes \"%s\", and nobody below it takes it",
		    node->channels[node->made].name);
	}
	for (i = 0; i < node->n_in; i++)
		if (w->counts[node->in_channel[i]].users == 0)
			wiring_fail(w, w->b, false, i,
			    wiring_nearest(w, node->in_channel[i], false),
			    tt_arena_format(arena, "takes \"%s\" IN, and nobody below "
			    "it does", node->in[i]));
	for (i = 0; i < node->n_up; i++) {
		c = wiring_find(w->b, node->up[i]);
		if ((int)c == node->made)
			wiring_fail(w, w->b, true, i, wiring_nearest(w, c, true),
			    tt_arena_format(arena, "\"%s\" is what %s makes for those "
			    "below it: it never goes UP", node->up[i],
			    node->schema->name));
		else if (w->counts[c].sources == 0 && !silent
		    && !wiring_is_origin(node->schema))
			wiring_fail(w, w->b, true, i, node->n_children == 0
			    ? wiring_missing_child(w) : wiring_nearest(w, c, true),
			    tt_arena_format(arena, "sends \"%s\" UP, and nobody below "
			    "it does", node->up[i]));
	}
}

/* Under a pattern each channel that goes UP counts one stream of frames. */
static void
wiring_check_pattern(const struct wiring *w)
{
	const struct tt_node *node = &w->b->node, *child;
	const struct tt_channel *channel;
	unsigned i, k;

	for (i = 0; i < node->n_children; i++) {
		child = node->children[i];
		for (k = 0; k < child->n_up; k++) {
			channel = &node->channels[child->up_channel[k]];
			if (channel->up < 0
			    || w->counts[child->up_channel[k]].sender
			    == TT_BUILDING(child))
				continue;
			wiring_fail(w, TT_BUILDING(child), true, k,
			    "send it under another name, and name both in the UP above",
			    tt_arena_format(w->l->arena, "sends \"%s\" UP, as %s does: "
			    "from one connection a channel has one source",
			    channel->name, w->counts[child->up_channel[k]]
			    .sender->node.key));
		}
	}
}

static void
wiring_check(const struct wiring *w)
{
	const struct tt_node *node = &w->b->node, *child;
	unsigned i, k, n = 0;

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
	if ((node->schema->flags & TT_PATTERN) != 0)
		wiring_check_pattern(w);
}

static void
wiring_infer_node(struct tt_load *l, struct tt_building *b)
{
	struct wiring w = { .l = l, .b = b };
	unsigned i, n = 1;

	for (i = 0; i < b->node.n_children; i++)
		n += b->node.children[i]->n_in;
	wiring_make_channels(l, b);
	w.child_in = tt_arena_must(malloc(n * sizeof(*w.child_in)));
	w.counts = tt_arena_must(calloc(b->node.n_channels + 1, sizeof(*w.counts)));
	wiring_attach_children(&w);
	wiring_count(&w);
	/* Where a child is not known, its channels are not missing. */
	if (!b->loose)
		wiring_check(&w);
	free(w.counts);
	free(w.child_in);
}

void
tt_wiring_infer(struct tt_load *l)
{
	size_t before = tt_errors_count(l->errs);
	unsigned i;

	for (i = 0; i < l->n_nodes; i++)
		wiring_infer_node(l, l->nodes[i]);
	/* The circles show even where channels do not meet elsewhere. */
	tt_flow_reach(l);
	if (tt_errors_count(l->errs) > before)
		l->loose = true;
	l->doc->n_nodes = l->n_nodes;
	l->doc->nodes = (const struct tt_node **)l->nodes;
	if (!l->loose)
		tt_flow_follow(l);
}
