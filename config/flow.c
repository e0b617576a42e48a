/* flow.c - what follows from the wiring over many parents.
 *
 * Children have larger indices than their parents: what a node knows from below
 * is worked out from the last to the first, what it knows from above from the
 * first to the last. */
#include "config/flow.h"

#include <stdlib.h>
#include <string.h>

#include "config/channel.h"
#include "config/drawing.h"
#include "config/wiring.h"

#define FLOW_SHOWN 8		/* channels of a circle that a message names */

/* The walk over one parent's channels. */
struct flow_walk {
	struct tt_load *l;
	const struct tt_node *node;
	unsigned char *state;		/* of each channel: FLOW_... */
	unsigned *next;			/* the channel that each open one became */
	const struct tt_user **via;	/* by whom */
};

enum { FLOW_NEW, FLOW_OPEN, FLOW_DONE };

/* Goes on to each channel that what is on C becomes.  Returns true when that is
 * one it came from: *CIRCLE is the channel, and `next` leads around. */
static bool
flow_circle(struct flow_walk *w, unsigned c, unsigned *circle)
{
	const struct tt_channel *channel = &w->node->channels[c];
	const struct tt_building *child;
	unsigned i, k, to;

	w->state[c] = FLOW_OPEN;
	for (i = 0; i < channel->n_users; i++) {
		child = TT_BUILDING(channel->users[i].node);
		for (k = 0; k < child->node.n_up; k++) {
			to = child->node.up_channel[k];
			/* One channel IN and UP was reported as such. */
			if (to == c || w->state[to] == FLOW_DONE
			    || (child->reach[channel->users[i].in] >> k & 1) == 0)
				continue;
			w->next[c] = to;
			w->via[c] = &channel->users[i];
			*circle = to;
			if (w->state[to] == FLOW_OPEN || flow_circle(w, to, circle))
				return true;
		}
	}
	w->state[c] = FLOW_DONE;
	return false;
}

static void
flow_report_circle(struct flow_walk *w, unsigned circle)
{
	const struct tt_channel *channels = w->node->channels;
	const struct tt_user *user = w->via[circle];
	struct tt_drawing d = { .arena = w->l->arena };
	const char *begin = tt_channel_shown(TT_BUILDING(user->node), false,
	    channels[circle].name), *text = begin, *from, *to;
	unsigned c = circle, n = 0;

	do {
		from = channels[c].name;
		user = w->via[c];
		c = w->next[c];
		to = tt_channel_shown(TT_BUILDING(user->node), true,
		    channels[c].name);
		tt_drawing_add_both(&d, TT_BUILDING(user->node), from, channels[c].name,
		    tt_arena_format(w->l->arena, "makes \"%s\" of \"%s\"", to,
		    tt_channel_shown(TT_BUILDING(user->node), false, from)));
		if (++n <= FLOW_SHOWN)
			text = tt_arena_format(w->l->arena, "%s > %s", text,
			    n < FLOW_SHOWN ? to : "...");
	} while (c != circle);
	user = w->via[circle];
	tt_drawing_report(&d, w->l,
	    tt_wiring_mark(TT_BUILDING(user->node), false, user->in), user->node->path,
	    false, "data must come to an end: let one of them send another channel UP",
	    tt_arena_format(w->l->arena, "takes \"%s\" IN, which runs in a circle: %s",
	    begin, text));
	w->l->loose = true;
}

/* Marks all channels that what is on C becomes at W's node. */
static void
flow_spread(struct flow_walk *w, unsigned c)
{
	const struct tt_channel *channel = &w->node->channels[c];
	const struct tt_building *child;
	unsigned i, k;

	w->state[c] = FLOW_DONE;
	for (i = 0; i < channel->n_users; i++) {
		child = TT_BUILDING(channel->users[i].node);
		for (k = 0; k < child->node.n_up; k++)
			if ((child->reach[channel->users[i].in] >> k & 1) != 0
			    && w->state[child->node.up_channel[k]] == FLOW_NEW)
				flow_spread(w, child->node.up_channel[k]);
	}
}

static void
flow_reach_node(struct tt_load *l, struct tt_building *b)
{
	struct tt_node *node = &b->node;
	struct flow_walk w = { .l = l, .node = node };
	bool is_circle = false;
	unsigned c, i, circle = 0;

	w.state = tt_arena_must(calloc(node->n_channels + 1, 1));
	w.next = tt_arena_must(calloc(node->n_channels + 1, sizeof(*w.next)));
	w.via = tt_arena_must(calloc(node->n_channels + 1, sizeof(*w.via)));
	for (c = 0; c < node->n_channels && !is_circle; c++)
		is_circle = w.state[c] == FLOW_NEW && flow_circle(&w, c, &circle);
	if (is_circle)
		flow_report_circle(&w, circle);
	b->reach = tt_arena_alloc(l->arena, node->n_in * sizeof(*b->reach));
	for (i = 0; i < node->n_in && !is_circle; i++) {
		if (tt_wiring_is_opaque(node)) {
			b->reach[i] = UINT64_MAX;
			continue;
		}
		memset(w.state, FLOW_NEW, node->n_channels);
		flow_spread(&w, node->in_channel[i]);
		for (c = 0; c < node->n_channels; c++)
			if (w.state[c] == FLOW_DONE && node->channels[c].up >= 0)
				b->reach[i] |= (uint64_t)1 << node->channels[c].up;
	}
	free(w.via);
	free(w.next);
	free(w.state);
}

void
tt_flow_reach(struct tt_load *l)
{
	unsigned i;

	for (i = l->n_nodes; i-- > 0;)
		flow_reach_node(l, l->nodes[i]);
}

/* The durable nodes at B and below it that each of its IN reaches. */
static void
flow_durable(struct tt_load *l, struct tt_building *b)
{
	struct tt_node *node = &b->node;
	const struct tt_user *user;
	unsigned c, i;

	node->durable = node->schema->durable != NULL && node->schema->durable(node);
	b->users_durable = tt_arena_alloc(l->arena,
	    node->n_channels * sizeof(unsigned));
	for (c = 0; c < node->n_channels; c++)
		for (i = 0; i < node->channels[c].n_users; i++) {
			user = &node->channels[c].users[i];
			b->users_durable[c] += TT_BUILDING(user->node)
			    ->durable[user->in];
		}
	b->durable = tt_arena_alloc(l->arena, node->n_in * sizeof(unsigned));
	for (i = 0; i < node->n_in; i++)
		b->durable[i] = node->durable + (tt_wiring_is_opaque(node) ? 0
		    : b->users_durable[node->in_channel[i]]);
}

/* What is owed for a batch that B sends UP: at its parent, and further up. */
static void
flow_owed(struct tt_load *l, struct tt_building *b)
{
	struct tt_node *node = &b->node;
	const struct tt_building *parent = TT_BUILDING(node->parent);
	unsigned i, c;

	node->up_owed = tt_arena_alloc(l->arena, node->n_up * sizeof(unsigned));
	for (i = 0; i < node->n_up && parent != NULL; i++) {
		c = node->up_channel[i];
		node->up_owed[i] = parent->users_durable[c];
		if (parent->node.channels[c].up >= 0)
			node->up_owed[i] +=
			    parent->node.up_owed[parent->node.channels[c].up];
	}
}

/* Frames of up to MAX bytes are on NODE's channel C: on to all that get them. */
static void
flow_largest(struct tt_node *node, unsigned c, int64_t max)
{
	const struct tt_channel *channel = &node->channels[c];
	struct tt_node *user;
	unsigned i;

	if (TT_BUILDING(node)->largest[c] >= max)
		return;
	TT_BUILDING(node)->largest[c] = max;
	for (i = 0; i < channel->n_users; i++) {
		user = (struct tt_node *)channel->users[i].node;
		if (user->frame_max < max)
			user->frame_max = max;
		/* Who consumes it hands it to children that name it all the same. */
		flow_largest(user, user->in_channel[channel->users[i].in], max);
	}
	if (channel->up >= 0 && node->parent != NULL)
		flow_largest(node->parent, node->up_channel[channel->up], max);
}

static void
flow_note_feeder(struct tt_load *l, struct tt_building *b, struct tt_building *tap)
{
	const struct tt_node **more;

	/* One that is started again keeps what comes meanwhile, whatever its kind; but
	 * what stands below one that keeps is fed from there. */
	if (((b->node.schema->flags & TT_KEEPS) == 0 && (b->node.on_demand ||
	    (b->node.parent->schema->flags & TT_KEEPS) != 0)) ||
	    b->last_feeder == tap)
		return;
	b->last_feeder = tap;
	if (b->node.n_feeders == b->room) {
		b->room = b->room * 2 + 4;
		more = tt_arena_alloc(l->arena, b->room * sizeof(*more));
		if (b->node.n_feeders > 0)
			memcpy(more, b->node.feeders,
			    b->node.n_feeders * sizeof(*more));
		b->node.feeders = more;
	}
	b->node.feeders[b->node.n_feeders++] = &tap->node;
}

/* Data of TAP is on NODE's channel C: on to all that get it, or get what others
 * make of it. */
static void
flow_feed(struct tt_load *l, struct tt_building *tap, struct tt_node *node, unsigned c)
{
	const struct tt_channel *channel = &node->channels[c];
	unsigned *seen = TT_BUILDING(node)->seen;
	struct tt_node *user;
	unsigned i, k;

	if (seen[c] == tap->node.index + 1)
		return;
	seen[c] = tap->node.index + 1;
	for (i = 0; i < channel->n_users; i++) {
		user = (struct tt_node *)channel->users[i].node;
		flow_note_feeder(l, TT_BUILDING(user), tap);
		if (tt_wiring_is_opaque(user))
			for (k = 0; k < user->n_up; k++)
				flow_feed(l, tap, node, user->up_channel[k]);
		flow_feed(l, tap, user, user->in_channel[channel->users[i].in]);
	}
	if (channel->up >= 0 && node->parent != NULL)
		flow_feed(l, tap, node->parent, node->up_channel[channel->up]);
}

static void
flow_sources(struct tt_load *l, struct tt_building *b)
{
	struct tt_node *node = &b->node;
	/* What a wrong node says of its frames was reported, or is wrong. */
	int64_t max = node->schema->frame_max == NULL || !b->valid ? 0
	    : node->schema->frame_max(node);
	bool tap = (node->schema->flags & TT_TAP) != 0;
	unsigned i;

	if (max > l->doc->frame_max)
		l->doc->frame_max = max;
	if (tap && node->made >= 0)
		flow_feed(l, b, node, (unsigned)node->made);
	for (i = 0; i < node->n_up && node->parent != NULL; i++) {
		flow_largest(node->parent, node->up_channel[i], max);
		/* What only runs through it, others feed. */
		if (tap && tt_wiring_is_opaque(node))
			flow_feed(l, b, node->parent, node->up_channel[i]);
	}
}

/* Adds BY to WAITS of all siblings that take what child I sends. */
static void
flow_add_senders(const struct tt_node *node, unsigned i, unsigned *waits, int by)
{
	const struct tt_node *child = node->children[i], *user;
	const struct tt_channel *channel;
	unsigned k, u;

	for (k = 0; k < child->n_up; k++) {
		channel = &node->channels[child->up_channel[k]];
		for (u = 0; u < channel->n_users; u++) {
			user = channel->users[u].node;
			if (user != child)
				waits[TT_BUILDING(user)->place] += (unsigned)by;
		}
	}
}

/* Sources before users, otherwise as in the file.  There is no circle: one child
 * is always left that waits for nobody. */
static void
flow_order(struct tt_load *l, struct tt_node *node)
{
	unsigned n = node->n_children, i, k, *waits;
	bool *placed;

	if (n == 0)
		return;
	node->flow = tt_arena_alloc(l->arena, n * sizeof(struct tt_node *));
	waits = tt_arena_must(calloc(n, sizeof(*waits)));
	placed = tt_arena_must(calloc(n, sizeof(*placed)));
	for (i = 0; i < n; i++)
		TT_BUILDING(node->children[i])->place = i;
	for (i = 0; i < n; i++)
		flow_add_senders(node, i, waits, 1);
	for (k = 0; k < n; k++) {
		for (i = 0; i < n - 1 && (placed[i] || waits[i] > 0); i++)
			;
		placed[i] = true;
		node->flow[k] = node->children[i];
		flow_add_senders(node, i, waits, -1);
	}
	free(placed);
	free(waits);
}

void
tt_flow_follow(struct tt_load *l)
{
	struct tt_building *b;
	unsigned i;

	for (i = l->n_nodes; i-- > 0;)
		flow_durable(l, l->nodes[i]);
	for (i = 0; i < l->n_nodes; i++) {
		b = l->nodes[i];
		flow_owed(l, b);
		flow_order(l, &b->node);
		b->largest = tt_arena_alloc(l->arena,
		    b->node.n_channels * sizeof(*b->largest));
		b->seen = tt_arena_alloc(l->arena,
		    b->node.n_channels * sizeof(*b->seen));
	}
	for (i = 0; i < l->n_nodes; i++)
		flow_sources(l, l->nodes[i]);
}
