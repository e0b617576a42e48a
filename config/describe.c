/* describe.c - the kinds, printed for people. */
#include "config/describe.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "config/build.h"
#include "config/load.h"
#include "config/loader.h"
#include "config/option.h"
#include "config/section.h"
#include "config/table.h"

#define DESCRIBE_INDENT 2

void
tt_describe_kinds(const struct tt_schema *const *schemas, FILE *out)
{
	const struct tt_schema *const *s;
	size_t width = 0;

	for (s = schemas; *s != NULL; s++)
		if (strlen((*s)->name) > width)
			width = strlen((*s)->name);
	for (s = schemas; *s != NULL; s++)
		fprintf(out, "%-*s  %s\n", (int)width, (*s)->name,
		    (*s)->help == NULL ? "" : (*s)->help);
}

/* One kind being described.  What is printed is tried on the kind's own rules: an
 * option that they refuse beside the others is printed as a comment. */
struct describe {
	struct tt_load load;
	const struct tt_schema *schema;
	FILE *out;
	char *tried;			/* the YAML that the rules took so far */
};

/* True if the kind takes TEXT as its options. */
static bool
describe_accepts(struct describe *d, const char *text)
{
	const struct tt_schema *s = d->schema;
	struct tt_node *node = tt_arena_alloc(d->load.arena, sizeof(*node));
	struct tt_table_owner owner = { .load = &d->load, .node = node, .path = "",
		.name = s->name };
	bool ok;

	if (s == &tt_section_schema)
		owner.node = NULL;
	d->load.errs = tt_errors_create();
	node->schema = s;
	node->key = node->path = s->name;
	node->name = "";
	node->config = tt_arena_alloc(d->load.arena, s->config_size + 1);
	node->value = tt_value_parse(d->load.arena, "", text, strlen(text),
	    &d->load.n_values, d->load.errs, NULL);
	ok = tt_table_fill(&owner, s->options, node->config, node->value)
	    && (owner.node == NULL
	    || (tt_table_fill(&owner, tt_build_common(s), node, node->value)
	    && tt_table_check(&owner))) && tt_errors_warnings(d->load.errs) == 0;
	tt_errors_destroy(d->load.errs);
	return ok;
}

/* The help, range and grade of an option, as a comment above it. */
static void
describe_comment(struct describe *d, const struct tt_option *o, unsigned indent)
{
	char range[256];

	tt_option_range(o, range, sizeof(range));
	fprintf(d->out, "%*s# %s%s%s%s%s\n", (int)indent, "",
	    o->help == NULL ? o->name : o->help, *range == '\0' ? "" : "; ", range,
	    o->required ? "; required" : "", o->live ? "; live" : "");
}

/* The first choice of O's shorthand that the group's own rules take alone. */
static const char *
describe_shorthand(struct describe *d, const struct tt_option *o)
{
	const struct tt_option *m = o->shorthand == NULL ? NULL
	    : tt_table_find(o->group, o->shorthand);
	const char *const *choice, *text;

	if (m == NULL || m->type != TT_OPT_ENUM)
		return NULL;
	for (choice = m->choices; *choice != NULL; choice++) {
		text = tt_arena_format(d->load.arena, "%s%s: {%s: %s}\n", d->tried,
		    o->name, m->name, *choice);
		if (describe_accepts(d, text))
			return *choice;
	}
	return NULL;
}

/* What a group says where it is printed: the members that are no comments. */
struct describe_group {
	const struct tt_option *option;
	const char *says;		/* "type: newline, max: 1MiB" */
};

/* Adds M to the group, if the kind's rules take it there. */
static bool
describe_try_member(struct describe *d, struct describe_group *g,
    const struct tt_option *m, const char *value)
{
	const char *says = tt_arena_format(d->load.arena, "%s%s%s: %s", g->says,
	    *g->says == '\0' ? "" : ", ", m->name, value);

	/* What must be said is said, whatever else is wrong yet. */
	if (!m->required && !describe_accepts(d, tt_arena_format(d->load.arena,
	    "%s%s: {%s}\n", d->tried, g->option->name, says)))
		return false;
	g->says = says;
	return true;
}

/* What is printed as said: without it there may be another kind of node. */
static bool
describe_must(const struct describe *d, const struct tt_option *o)
{
	return o->required || (d->schema->pattern_without != NULL
	    && strcmp(o->name, d->schema->pattern_without) == 0);
}

/* A group: its key, and its members below it.  All of it is a comment unless it
 * is in effect by default or must be said. */
static void
describe_group_below(struct describe *d, const struct tt_option *o, unsigned indent)
{
	const char *shorthand = describe_shorthand(d, o), *value;
	bool active = o->required || (o->standard != NULL
	    && strcmp(o->standard, "off") != 0 && describe_accepts(d,
	    tt_arena_format(d->load.arena, "%s%s: {}\n", d->tried, o->name)));
	struct describe_group g = { .option = o, .says = "" };
	const struct tt_option *m;
	bool says;

	fprintf(d->out, "%*s%s%s:\n", (int)indent, "", active ? "" : "#", o->name);
	for (m = o->group; m->name != NULL; m++) {
		value = shorthand != NULL && strcmp(m->name, o->shorthand) == 0
		    ? shorthand : tt_table_example(d->load.arena, m);
		says = active
		    && (m->required || m->standard != NULL || value == shorthand)
		    && describe_try_member(d, &g, m, value);
		describe_comment(d, m, indent + DESCRIBE_INDENT);
		fprintf(d->out, "%*s%s%s: %s\n", (int)(indent + DESCRIBE_INDENT), "",
		    says ? "" : "#", m->name, value);
	}
	if (active)
		d->tried = tt_arena_format(d->load.arena, "%s%s: {%s}\n", d->tried,
		    o->name, g.says);
}

static void
describe_option(struct describe *d, const struct tt_option *o, unsigned indent)
{
	const char *value, *with;
	bool active;

	describe_comment(d, o, indent);
	if (o->type == TT_OPT_GROUP) {
		describe_group_below(d, o, indent);
		return;
	}
	value = tt_table_example(d->load.arena, o);
	with = tt_arena_format(d->load.arena, "%s%s: %s\n", d->tried, o->name, value);
	active = describe_must(d, o) || ((o->standard != NULL || o->off)
	    && describe_accepts(d, with));
	if (active)
		d->tried = (char *)with;
	fprintf(d->out, "%*s%s%s: %s\n", (int)indent, "", active ? "" : "#", o->name,
	    value);
}

static void
describe_place(struct describe *d)
{
	const struct tt_schema *s = d->schema;
	unsigned i;

	fprintf(d->out, "# %s: %s\n", s->name, s->help == NULL ? "" : s->help);
	if (s == &tt_section_schema) {
		fputs("# stands at the top level, once\n", d->out);
		return;
	}
	fputs("# stands ", d->out);
	if ((s->flags & TT_ROOT) != 0)
		fputs("at the top level, once", d->out);
	else if (s->under[0] == NULL)
		fputs("under any thread that may have children", d->out);
	else
		fputs("under ", d->out);
	for (i = 0; i < 4 && s->under[i] != NULL; i++)
		fprintf(d->out, "%s%s", i == 0 ? "" : " or ", s->under[i]);
	if ((s->flags & TT_ONCE) != 0)
		fputs(", once", d->out);
	if (s->leaf)
		fputs("; has no children\n", d->out);
	else if (s->closed != NULL)
		fprintf(d->out, "; its children are %s\n", s->closed);
	else
		fputs("; has children\n", d->out);
	if (s->makes != NULL)
		fprintf(d->out, "# makes the channel \"%s\" for its children\n",
		    s->makes);
}

static void
describe_directions(struct describe *d)
{
	const struct tt_schema *s = d->schema;
	const char *list = (s->flags & TT_ANY) != 0 ? "; or a list, [a, b]" : "";

	if (s->in != NULL)
		fprintf(d->out, "%*s# what it takes from its parent%s\n%*sIN: %s\n",
		    DESCRIBE_INDENT, "", list, DESCRIBE_INDENT, "", s->in);
	if (s->up != NULL)
		fprintf(d->out, "%*s# what it sends to its parent%s\n%*sUP: %s\n",
		    DESCRIBE_INDENT, "", list, DESCRIBE_INDENT, "", s->up);
}

/* What must be said first: what they say decides if the others are legal. */
static void
describe_table(struct describe *d, const struct tt_option *table)
{
	const struct tt_option *o;

	for (o = table; o != NULL && o->name != NULL; o++)
		if (describe_must(d, o))
			describe_option(d, o, DESCRIBE_INDENT);
	for (o = table; o != NULL && o->name != NULL; o++)
		if (!describe_must(d, o))
			describe_option(d, o, DESCRIBE_INDENT);
}

bool
tt_describe_kind(const struct tt_schema *const *schemas, const char *name, FILE *out)
{
	const struct tt_schema *const *s = schemas;
	struct describe d = { .out = out, .tried = (char *)"" };

	while (*s != NULL && strcmp((*s)->name, name) != 0)
		s++;
	d.schema = *s != NULL ? *s
	    : strcmp(name, tt_section_schema.name) == 0 ? &tt_section_schema : NULL;
	if (d.schema == NULL)
		return false;
	d.load.arena = tt_arena_create();
	d.load.schemas = schemas;
	d.load.doc = tt_arena_alloc(d.load.arena, sizeof(*d.load.doc));
	d.load.doc->daemon.state_dir = "/";
	describe_place(&d);
	/* A node that says nothing ends in a colon; one that says something, too. */
	fprintf(out, "%s:\n", d.schema->name);
	describe_directions(&d);
	describe_table(&d, d.schema->options);
	if (d.schema != &tt_section_schema)
		describe_table(&d, tt_build_common(d.schema));
	tt_arena_destroy(d.load.arena);
	return true;
}
