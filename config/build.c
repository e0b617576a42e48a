/* build.c - from values to nodes: classes of keys, places, options, channels. */
#include "config/build.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/channel.h"
#include "config/keys.h"
#include "config/section.h"
#include "config/table.h"

static const char *const build_when_full[] = {
	"block", "drop_oldest", "drop_newest", NULL
};

static const struct tt_option build_queue_options[] = {
	{ .name = "bytes", .type = TT_OPT_SIZE, .min = 1, .max = INT64_C(1) << 40,
	  .offset = offsetof(struct tt_queue_limit, bytes), .standard = "8MiB",
	  .live = true, .help = "what may wait, with its headers" },
	{ .name = "frames", .type = TT_OPT_INT, .min = 1,
	  .offset = offsetof(struct tt_queue_limit, frames), .live = true,
	  .help = "frames that may wait; absent: any number" },
	{ .name = "when_full", .type = TT_OPT_ENUM, .choices = build_when_full,
	  .offset = offsetof(struct tt_queue_limit, when_full), .standard = "block",
	  .live = true, .help = "slow the devices down, or drop frames" },
	TT_OPTIONS_END
};

/* The defaults, which --describe prints for all kinds, may be pasted everywhere. */
static bool
build_restart_is_usual(const struct tt_restart *r)
{
	return r->max == 5 && r->within == INT64_C(60000000000) &&
	    r->backoff.from == 500000000 && r->backoff.to == INT64_C(60000000000);
}

/* The connection is closed instead, and above the root is nobody. */
static void
build_check_restart(struct tt_check *check, void *value)
{
	const struct tt_node *node = tt_check_node(check);

	if (node == NULL || build_restart_is_usual(value))
		return;
	if (node->on_demand)
		tt_check_warn(check, NULL, "remove it", "restart changes nothing here: "
		    "when a thread of a connection fails, the connection is closed");
	else if ((node->schema->flags & TT_ROOT) != 0)
		tt_check_warn(check, NULL, "remove it", "restart changes nothing here: "
		    "when %s fails, the daemon ends with status 1",
		    node->schema->name);
}

static const struct tt_option build_restart_options[] = {
	{ .name = "max", .type = TT_OPT_INT, .min = 1, .max = 100,
	  .standard = "5",
	  .offset = offsetof(struct tt_restart, max), .live = true,
	  .help = "failures within that time after which it is still started again" },
	{ .name = "within", .type = TT_OPT_DURATION, .min = INT64_C(1000000000),
	  .max = INT64_C(2592000000000000), .standard = "60s",
	  .offset = offsetof(struct tt_restart, within), .live = true,
	  .help = "how long a failure counts" },
	{ .name = "backoff", .type = TT_OPT_DURATION_RANGE, .min = 1000000,
	  .max = INT64_C(3600000000000), .standard = "500ms..60s",
	  .offset = offsetof(struct tt_restart, backoff), .live = true,
	  .help = "the pause before the first restart, and the longest" },
	TT_OPTIONS_END
};

#define BUILD_COMMON \
	{ .name = "restart", .type = TT_OPT_GROUP, .group = build_restart_options, \
	  .offset = offsetof(struct tt_node, restart), .standard = "{}", .off = true, \
	  .live = true, .check = build_check_restart, \
	  .help = "how often it is started again when it fails" }, \
	{ .name = "log", .type = TT_OPT_ENUM, .choices = tt_section_log_levels, \
	  .offset = offsetof(struct tt_node, log), .live = true, \
	  .help = "the least of what is logged here and beneath; absent: as above" }, \
	{ .name = "description", .type = TT_OPT_STRING, \
	  .offset = offsetof(struct tt_node, description), .live = true, \
	  .help = "what it is for, in your words" }

static const struct tt_option build_common[] = {
	BUILD_COMMON,
	TT_OPTIONS_END
};

static const struct tt_option build_common_keeps[] = {
	{ .name = "queue", .type = TT_OPT_GROUP, .group = build_queue_options,
	  .offset = offsetof(struct tt_node, queue), .standard = "{}", .live = true,
	  .help = "what may wait here for its turn" },
	BUILD_COMMON,
	TT_OPTIONS_END
};

const struct tt_option *
tt_build_common(const struct tt_schema *schema)
{
	return (schema->flags & TT_KEEPS) != 0 ? build_common_keeps : build_common;
}

static struct tt_building *build_node(struct tt_load *l, struct tt_building *parent,
    const struct tt_schema *schema, const struct tt_value *key, const char *name);

/* The tree's shape is not what was meant: what should be wired at B is unknown. */
static void
build_loose(struct tt_load *l, struct tt_building *b)
{
	l->loose = true;
	if (b != NULL)
		b->loose = true;
}

/* The kinds that SCHEMA stands under, for a remedy. */
static const char *
build_under(struct tt_load *l, const struct tt_schema *schema)
{
	const char *list = schema->under[0];
	size_t i;

	for (i = 1; i < 4 && schema->under[i] != NULL; i++)
		list = tt_arena_format(l->arena, "%s or %s", list, schema->under[i]);
	return list;
}

static bool
build_is_under(const struct tt_schema *schema, const char *parent)
{
	size_t i;

	for (i = 0; i < 4 && schema->under[i] != NULL; i++)
		if (strcmp(schema->under[i], parent) == 0)
			return true;
	return i == 0;
}

/* The node above B, or B, whose children are started for each connection. */
static const struct tt_node *
build_pattern(const struct tt_building *b)
{
	const struct tt_node *node;

	for (node = &b->node; node != NULL; node = node->parent)
		if ((node->schema->flags & TT_PATTERN) != 0)
			return node;
	return NULL;
}

static const struct tt_node *
build_sibling(const struct tt_building *parent, const struct tt_building *b)
{
	unsigned i;

	for (i = 0; i < parent->node.n_children; i++)
		if (parent->node.children[i] != &b->node
		    && parent->node.children[i]->schema == b->node.schema
		    && !TT_BUILDING(parent->node.children[i])->guessed)
			return parent->node.children[i];
	return NULL;
}

/* "put it beside that" */
static const char *
build_beside(struct tt_load *l, const struct tt_building *b)
{
	return tt_arena_format(l->arena, "put it beside %s of %s: indented as much as that",
	    b->node.key, tt_value_place(l->arena, b->node.mark,
	    (struct tt_mark){ .file = NULL }));
}

/* Whether B, already among its siblings, may stand where it does. */
static bool
build_place(struct tt_load *l, const struct tt_building *parent,
    const struct tt_building *b)
{
	const struct tt_schema *s = b->node.schema, *p = parent->node.schema;
	const struct tt_node *pattern = build_pattern(parent), *sibling;
	const char *path = b->node.path;
	struct tt_mark mark = b->node.mark;

	if ((s->flags & TT_ROOT) != 0)
		return tt_errors_add(l->errs, mark, path, "it begins in the first column",
		    "%s is the root: it stands at the top level", s->name) == 0;
	if (!build_is_under(s, p->name))
		return tt_errors_add(l->errs, mark, path, tt_arena_format(l->arena,
		    "put it below a %s, indented", build_under(l, s)),
		    "%s stands under %s, not under %s", s->name, build_under(l, s),
		    p->name) == 0;
	if (p->leaf)
		return tt_errors_add(l->errs, mark, path, build_beside(l, parent),
		    "%s has no children", p->name) == 0;
	if (p->closed != NULL && strcmp(p->closed, s->name) != 0)
		return tt_errors_add(l->errs, mark, path, build_beside(l, parent),
		    "only %s stands under %s, not %s", p->closed, p->name,
		    s->name) == 0;
	if (pattern != NULL && (s->flags & (TT_BLOCKING | TT_MAIN)) != 0)
		return tt_errors_add(l->errs, mark, path, tt_arena_format(l->arena,
		    "put it higher: under %s, or under MasterThread",
		    pattern->parent == NULL ? "the root"
		    : pattern->parent->schema->name),
		    "%s never stands below %s, which is started for each connection",
		    s->name, pattern->schema->name) == 0;
	sibling = (s->flags & TT_ONCE) != 0 ? build_sibling(parent, b) : NULL;
	if (sibling != NULL)
		return tt_errors_add(l->errs, mark, path, "it is the pattern for all",
		    "%s stands once under %s; another one is in %s", s->name,
		    p->name, tt_value_place(l->arena, sibling->mark, mark)) == 0;
	return true;
}

/* One of IN and UP under way. */
struct build_direction {
	struct tt_load *l;
	struct tt_building *b;
	const char *word;		/* "IN" or "UP" */
	const char *usual;		/* or NULL */
	const struct tt_value *says;	/* or NULL */
	const char **names;
	unsigned n;
};

static bool
build_channel_fail(const struct build_direction *d, const struct tt_value *at,
    const char *remedy, const char *what)
{
	tt_errors_add(d->l->errs, at->mark, d->b->node.path, remedy, "%s", what);
	return false;
}

/* What ITEM, no name for a channel because of WHY, was written for. */
static const char *
build_channel_meant(const struct build_direction *d, const struct tt_value *item,
    const char *why)
{
	struct tt_arena *arena = d->l->arena;
	const char *ignored;
	char *lower;
	size_t i;

	if (item->written != NULL || item->size > 64)
		return why;
	if (strchr(item->text, ',') != NULL)
		return tt_arena_format(arena, "several channels stand in a list: "
		    "\"%s: [%s]\"", d->word, item->text);
	if (d->word[0] == 'U' && strcmp(item->text, "~") == 0)
		return "\"UP: []\" sends nothing UP";
	lower = tt_arena_text(arena, item->text, item->size);
	for (i = 0; lower[i] != '\0'; i++)
		if (lower[i] >= 'A' && lower[i] <= 'Z')
			lower[i] = (char)(lower[i] - 'A' + 'a');
		else if (strchr(" -./", lower[i]) != NULL)
			lower[i] = '_';
	return tt_key_is_channel(lower, item->size, &ignored) ? tt_arena_format(arena,
	    "did you mean \"%s\"? %s", lower, why) : why;
}

static bool
build_channel(struct build_direction *d, const struct tt_value *item)
{
	struct tt_arena *arena = d->l->arena;
	const char *why, *quoted;
	unsigned i;

	if (item->bad)
		return false;
	/* Who gets what cannot be guessed. */
	if (item->unknown)
		return build_channel_fail(d, item, "write the channel's name, or give "
		    "a default", tt_arena_format(arena, "%s names a channel that cannot "
		    "be had now", d->word));
	if (item->type != TT_VALUE_SCALAR || tt_value_is_empty(item))
		return build_channel_fail(d, item, tt_arena_format(arena,
		    "as in \"%s: data\" or \"%s: [data, alarms]\"", d->word, d->word),
		    tt_arena_format(arena, "%s names a channel, not %s", d->word,
		    tt_value_what(item)));
	if (memchr(item->text, '\0', item->size) != NULL
	    || !tt_key_is_channel(item->text, item->size, &why))
		return build_channel_fail(d, item, memchr(item->text, '\0', item->size)
		    != NULL ? NULL : build_channel_meant(d, item, why), tt_arena_format(arena,
		    "%s %s is no name for a channel", d->word,
		    tt_value_shown(arena, item)));
	for (i = 0; i < d->n; i++)
		if (strcmp(d->names[i], item->text) == 0)
			return build_channel_fail(d, item, "once is enough",
			    tt_arena_format(arena, "%s names %s twice", d->word,
			    tt_value_shown(arena, item)));
	d->names[d->n++] = item->text;
	if (item->written != NULL) {
		quoted = tt_value_shown(arena, item);
		tt_channel_show(d->l, d->b, d->word[0] == 'U', item->text,
		    tt_arena_text(arena, quoted + 1, strlen(quoted) - 2));
	}
	return true;
}

/* Whether the kind may say IN, or UP, at all, and that many channels. */
static bool
build_channel_count(const struct build_direction *d)
{
	const struct tt_schema *s = d->b->node.schema;
	struct tt_arena *arena = d->l->arena;
	bool up = d->word[0] == 'U', any = (s->flags & TT_ANY) != 0;
	unsigned n = d->says->type == TT_VALUE_LIST ? d->says->n : 1;

	if ((s->flags & TT_ROOT) != 0)
		return build_channel_fail(d, d->says, "remove it", tt_arena_format(arena,
		    "%s has no %s: nothing is above it", s->name, d->word));
	if (d->usual == NULL && (!any || (up && s->leaf)))
		return build_channel_fail(d, d->says, "remove it", tt_arena_format(arena,
		    up ? "%s sends nothing UP" : "%s takes nothing IN", s->name));
	if (n > TT_LOAD_CHANNELS)
		return build_channel_fail(d, d->says, NULL, tt_arena_format(arena,
		    "%s names more than %d channels", d->word, TT_LOAD_CHANNELS));
	if (!any && n != 1)
		return build_channel_fail(d, d->says, tt_arena_format(arena,
		    "as in \"%s: %s\"", d->word, d->usual), tt_arena_format(arena,
		    "%s %s exactly one channel %s", s->name, up ? "sends" : "takes",
		    d->word));
	/* A server whose data stays below it says `UP: []`; but what a kind lives
	 * on, it must be given. */
	if (n == 0 && !up && d->usual != NULL)
		return build_channel_fail(d, d->says, tt_arena_format(arena,
		    "as in \"%s: %s\"", d->word, d->usual), tt_arena_format(arena,
		    "%s takes at least one channel IN", s->name));
	return true;
}

/* The channels of one direction into *NAMES, *N. */
static void
build_channels(struct build_direction d, const char ***names, unsigned *n)
{
	const struct tt_value *item;
	bool ok = true;

	d.names = tt_arena_alloc(d.l->arena, (d.says != NULL
	    && d.says->type == TT_VALUE_LIST ? d.says->n + 1 : 1) * sizeof(char *));
	if (d.says == NULL) {
		if (d.usual != NULL)
			d.names[d.n++] = d.usual;
	} else if (d.says->bad || !build_channel_count(&d)) {
		ok = false;
	} else if (d.says->type == TT_VALUE_LIST) {
		for (item = d.says->first; item != NULL; item = item->next)
			ok = build_channel(&d, item) && ok;
	} else {
		ok = build_channel(&d, d.says);
	}
	if (!ok) {
		d.n = 0;
		build_loose(d.l, d.b);
		build_loose(d.l, TT_BUILDING(d.b->node.parent));
	}
	*names = d.names;
	*n = d.n;
}

/* Whether a SCHEMA may stand below PARENT, which build_place() checks in words. */
static bool
build_fits(const struct tt_building *parent, const struct tt_schema *schema)
{
	const struct tt_schema *p = parent->node.schema;
	unsigned i;

	if ((schema->flags & TT_ROOT) != 0 || !build_is_under(schema, p->name) || p->leaf
	    || (p->closed != NULL && strcmp(p->closed, schema->name) != 0)
	    || (build_pattern(parent) != NULL
	    && (schema->flags & (TT_BLOCKING | TT_MAIN)) != 0))
		return false;
	for (i = 0; i < parent->node.n_children; i++)
		if ((schema->flags & TT_ONCE) != 0
		    && parent->node.children[i]->schema == schema)
			return false;
	return true;
}

/* KEY was reported.  If only one kind can be meant by it, what stands below it is checked
 * as below that one: mistakes there are not hidden by this one. */
static struct tt_building *
build_guess(struct tt_load *l, struct tt_building *parent, const struct tt_value *key)
{
	const struct tt_schema *schema;
	struct tt_building *b;

	if (key->value->bad || key->value->type != TT_VALUE_MAPPING)
		return NULL;
	schema = tt_key_meant(l, key);
	if (schema == NULL || (parent != NULL ? !build_fits(parent, schema)
	    : (schema->flags & TT_ROOT) == 0))
		return NULL;
	b = build_node(l, parent, schema, key, "");
	if (b != NULL)
		b->guessed = true;
	return b;
}

static void
build_child(struct tt_load *l, struct tt_building *parent, const struct tt_value *key)
{
	const struct tt_schema *schema;
	struct tt_building *child;
	const char *name;

	if (!tt_key_child(l, key, parent->node.path, &schema, &name)) {
		build_loose(l, parent);
		build_guess(l, parent, key);
		return;
	}
	child = build_node(l, parent, schema, key, name);
	if (child == NULL || !build_place(l, parent, child)) {
		build_loose(l, parent);
		build_loose(l, child);
	}
}

/* A key of no class.  Where a child or a channel was meant, what is wired here is
 * not known. */
static void
build_wrong_key(struct tt_load *l, struct tt_building *b, const struct tt_value *key)
{
	tt_key_wrong(l, key, b->node.path, b->node.schema->options,
	    tt_build_common(b->node.schema));
	b->valid = false;
	if (tt_key_class(key) == TT_KEY_KIND_LIKE || key->size == 2)
		build_loose(l, b);
	if (tt_key_class(key) == TT_KEY_KIND_LIKE)
		build_guess(l, b, key);
}

/* The keys of B's mapping, each by its class. */
static void
build_keys(struct tt_load *l, struct tt_building *b, const struct tt_table_owner *owner)
{
	const struct tt_option *options = b->node.schema->options;
	const struct tt_option *common = tt_build_common(b->node.schema);
	const struct tt_value *key;

	for (key = b->node.value->first; key != NULL; key = key->next) {
		if (key->bad) {
			build_loose(l, b);
			continue;
		}
		switch (tt_key_class(key)) {
		case TT_KEY_CHILD:
			build_child(l, b, key);
			continue;
		case TT_KEY_IN:
			b->in_says = key->value;
			continue;
		case TT_KEY_UP:
			b->up_says = key->value;
			continue;
		case TT_KEY_OPTION:
			if (tt_table_find(options, key->text) != NULL
			    || tt_table_find(common, key->text) != NULL)
				continue;
			if (strcasecmp(key->text, "in") == 0
			    || strcasecmp(key->text, "up") == 0)
				break;
			b->valid = false;
			tt_table_unknown(owner, key, options, common);
			continue;
		case TT_KEY_KIND_LIKE:
		case TT_KEY_WRONG:
			break;
		}
		build_wrong_key(l, b, key);
	}
}

/* What would be right where VALUE stands, a list or a text, instead of a mapping. */
static const char *
build_instead(struct tt_load *l, const struct tt_value *value)
{
	const char *glued = value->type == TT_VALUE_SCALAR && value->written == NULL
	    ? tt_key_glued(l->arena, value->text) : NULL;
	size_t n;

	if (glued != NULL)
		return glued;
	if (value->type == TT_VALUE_LIST)
		return "write its options and children without \"- \", one below the "
		    "other; two of one kind have names: \"DatabaseThread a:\"";
	n = value->written != NULL ? 0 : strcspn(value->text, " ");
	if (n > 0 && n < 64 && value->text[n] == ' ' && value->size < 64)
		return tt_arena_format(l->arena, "a key has a colon behind it: "
		    "\"%.*s:%s\"", (int)n, value->text, value->text + n);
	return "its options and children stand below it, indented, each with a colon "
	    "behind its key: \"path: a.db\"";
}

static void
build_mapping(struct tt_load *l, struct tt_building *b, const struct tt_value *value)
{
	if (value->bad) {
		build_loose(l, b);
		b->valid = false;
	} else if (value->type == TT_VALUE_MAPPING) {
		b->node.value = value;
	} else if (!tt_value_is_empty(value)) {
		tt_errors_add(l->errs, value->mark, b->node.path, build_instead(l, value),
		    "%s cannot be %s", b->node.schema->name, tt_value_what(value));
		build_loose(l, b);
		b->valid = false;
	}
}

/* A place among PARENT's children, which are as many as its mapping has keys. */
static void
build_attach(struct tt_load *l, struct tt_building *parent, struct tt_building *b)
{
	struct tt_node *p = &parent->node;

	if (p->children == NULL)
		p->children = tt_arena_alloc(l->arena,
		    p->value->n * sizeof(struct tt_node *));
	p->children[p->n_children++] = &b->node;
	b->node.parent = p;
	b->node.on_demand = p->on_demand;
}

static struct tt_building *
build_begin(struct tt_load *l, struct tt_building *parent,
    const struct tt_schema *schema, const struct tt_value *key, const char *name)
{
	struct tt_building *b = tt_arena_alloc(l->arena, sizeof(*b));

	if (l->nodes == NULL)
		l->nodes = tt_arena_alloc(l->arena, TT_LOAD_NODES * sizeof(b));
	b->node.index = l->n_nodes;
	l->nodes[l->n_nodes++] = b;
	b->valid = true;
	b->node.schema = schema;
	b->node.key = key->text;
	b->node.name = name;
	b->node.path = parent == NULL ? key->text : tt_arena_format(l->arena, "%s/%s",
	    parent->node.path, key->text);
	b->node.mark = key->mark;
	b->node.log = -1;
	b->node.made = -1;
	b->node.config = tt_arena_alloc(l->arena, schema->config_size + 1);
	if (parent != NULL)
		build_attach(l, parent, b);
	return b;
}

/* Whether what the file says makes B a pattern. */
static void
build_pattern_of(struct tt_building *b)
{
	const struct tt_schema *s = b->node.schema;

	b->node.pattern = (s->flags & TT_ON_DEMAND) != 0 || (s->pattern_without != NULL &&
	    tt_value_key(b->node.value, s->pattern_without) == NULL);
	b->node.on_demand |= b->node.pattern;
}

/* The node that KEY and its value say, with all below it; NULL where the file has
 * too many.  What is wrong with it was reported. */
static struct tt_building *
build_node(struct tt_load *l, struct tt_building *parent,
    const struct tt_schema *schema, const struct tt_value *key, const char *name)
{
	struct tt_table_owner owner = { .load = l, .name = schema->name,
		.mark = key->mark };
	struct tt_building *b;

	if (l->n_nodes == TT_LOAD_NODES) {
		tt_errors_add(l->errs, (struct tt_mark){ .file = l->doc->file }, NULL,
		    NULL, "the file has more than %d threads", TT_LOAD_NODES);
		return NULL;
	}
	b = build_begin(l, parent, schema, key, name);
	owner.node = &b->node;
	owner.path = b->node.path;
	build_mapping(l, b, key->value);
	owner.silent = !b->valid;
	build_pattern_of(b);
	if (b->node.value != NULL)
		build_keys(l, b, &owner);
	b->valid = tt_table_fill(&owner, schema->options, b->node.config, b->node.value)
	    && b->valid;
	b->valid = tt_table_fill(&owner, tt_build_common(schema), &b->node,
	    b->node.value) && b->valid;
	/* The queue stands for its default, too, but was not given then. */
	b->node.queue.given = tt_value_key(b->node.value, "queue") != NULL;
	build_channels((struct build_direction){ .l = l, .b = b, .word = "IN",
	    .usual = schema->in, .says = b->in_says }, &b->node.in, &b->node.n_in);
	build_channels((struct build_direction){ .l = l, .b = b, .word = "UP",
	    .usual = schema->up, .says = b->up_says }, &b->node.up, &b->node.n_up);
	if (b->valid && !l->cut)
		b->valid = tt_table_check(&owner);
	b->node.unknown |= !b->valid;
	return b;
}

/* A child's key at the top level: the root's, or one that was not indented. */
static void
build_top_child(struct tt_load *l, const struct tt_value *key)
{
	const struct tt_schema *schema;
	const char *name;

	if (!tt_key_child(l, key, NULL, &schema, &name))
		return;
	if ((schema->flags & TT_ROOT) == 0)
		tt_errors_add(l->errs, key->mark, NULL, "indent it",
		    "%s stands below MasterThread, not at the top level",
		    schema->name);
	else if (l->doc->root != NULL)
		tt_errors_add(l->errs, key->mark, NULL, "a file has one",
		    "a second %s; the first is in %s", schema->name,
		    tt_value_place(l->arena, l->doc->root->mark, key->mark));
	else
		l->doc->root = &build_node(l, NULL, schema, key, name)->node;
}

static void
build_top_wrong(struct tt_load *l, const struct tt_value *key)
{
	static const struct tt_option top[] = {
		{ .name = "taskthread" }, { .name = "daemon" }, { .name = "include" },
		TT_OPTIONS_END
	};
	struct tt_table_owner owner = { .load = l,
		.name = "the file's top level" };

	if (tt_key_class(key) == TT_KEY_OPTION)
		tt_table_unknown(&owner, key, top, NULL);
	else if (tt_key_class(key) == TT_KEY_IN || tt_key_class(key) == TT_KEY_UP)
		tt_errors_add(l->errs, key->mark, NULL,
		    "they stand below a thread, indented",
		    "%s at the top level", key->text);
	else
		tt_key_wrong(l, key, NULL, top, NULL);
}

bool
tt_build_tree(struct tt_load *l, const struct tt_value *root)
{
	const struct tt_value *key;
	const struct tt_value *last = NULL;
	struct tt_building *guess;
	unsigned meant = 0;		/* keys that are threads */

	for (key = root->first; key != NULL; key = key->next) {
		if (key->bad || tt_section_is_key(key))
			continue;
		if (tt_key_class(key) == TT_KEY_CHILD)
			build_top_child(l, key);
		else
			build_top_wrong(l, key);
		if (tt_key_class(key) == TT_KEY_CHILD
		    || tt_key_class(key) == TT_KEY_KIND_LIKE) {
			meant++;
			last = key;
		}
	}
	if (l->doc->root == NULL && meant == 1) {
		guess = build_guess(l, NULL, last);
		l->doc->root = guess == NULL ? NULL : &guess->node;
	}
	/* What was not indented is missing below the root. */
	if (l->doc->root != NULL && meant > 1)
		build_loose(l, TT_BUILDING(l->doc->root));
	if (l->doc->root == NULL && meant == 0 && !l->cut)
		tt_errors_add(l->errs, (struct tt_mark){ .file = l->doc->file,
		    .line = 1, .column = 1 }, NULL,
		    "the tree is written below the key \"MasterThread:\"",
		    "the file has no MasterThread");
	return l->doc->root != NULL;
}
