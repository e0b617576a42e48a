/* describe.c - the schemas and the tree, printed for people. */
#include "config/describe.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "config/build.h"
#include "config/load.h"
#include "config/option.h"
#include "config/section.h"
#include "config/table.h"
#include "config/utf8.h"
#include "config/wiring.h"

#define DESCRIBE_INDENT 2
#define DESCRIBE_LISTED 4		/* sources that a line of the tree names */

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

	d->load.errs = tt_errors_create();
	node->schema = s;
	node->key = node->path = s->name;
	node->name = "";
	node->config = tt_arena_alloc(d->load.arena, s->config_size + 1);
	node->value = tt_value_parse(d->load.arena, "", text, strlen(text),
	    d->load.errs);
	ok = tt_table_fill(&owner, s->options, node->config, node->value)
	    && tt_table_fill(&owner, tt_build_common(s), node, node->value)
	    && tt_table_check(&owner) && tt_errors_warnings(d->load.errs) == 0;
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

static const char *describe_value(struct describe *d, const struct tt_option *o);

/* An example of a group, on one line: its required members. */
static const char *
describe_group(struct describe *d, const struct tt_option *o)
{
	struct tt_arena *arena = d->load.arena;
	const struct tt_option *m;
	const char *text = "";

	for (m = o->group; m->name != NULL; m++)
		if (m->required)
			text = tt_arena_format(arena, "%s%s%s: %s", text,
			    *text == '\0' ? "" : ", ", m->name,
			    describe_value(d, m));
	return tt_arena_format(arena, "{%s}", text);
}

/* A legal value for O as the file has it: its default, else an example. */
static const char *
describe_value(struct describe *d, const struct tt_option *o)
{
	char number[32];
	int64_t max = o->max == 0 ? INT64_MAX : o->max, value;

	if (o->standard != NULL)
		return o->standard;
	if (o->off && !o->required)
		return "off";
	if (o->type == TT_OPT_ENUM)
		return o->choices == tt_section_log_levels ? "info" : o->choices[0];
	if (o->type == TT_OPT_GROUP)
		return describe_group(d, o);
	if (o->type == TT_OPT_INT) {
		value = o->min > 1 ? o->min : max < 1 ? max : 1;
		return tt_arena_format(d->load.arena, "%" PRId64, value);
	}
	if (o->type == TT_OPT_SIZE || o->type == TT_OPT_DURATION) {
		value = o->type == TT_OPT_SIZE ? 64 << 10 : 10000000000;
		value = value < o->min ? o->min : value > max ? max : value;
		if (o->type == TT_OPT_SIZE)
			tt_option_print_size(value, number, sizeof(number));
		else
			tt_option_print_duration(value, number, sizeof(number));
		return tt_arena_format(d->load.arena, "%s", number);
	}
	return tt_option_example(o->type);
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

/* A group: its key, and its members below it.  All of it is a comment unless it
 * is in effect by default or must be said. */
static void
describe_group_below(struct describe *d, const struct tt_option *o, unsigned indent)
{
	const char *shorthand = describe_shorthand(d, o), *value;
	bool active = o->required || (o->standard != NULL
	    && strcmp(o->standard, "off") != 0);
	struct describe_group g = { .option = o, .says = "" };
	const struct tt_option *m;
	bool says;

	fprintf(d->out, "%*s%s%s:\n", (int)indent, "", active ? "" : "#", o->name);
	for (m = o->group; m->name != NULL; m++) {
		value = shorthand != NULL && strcmp(m->name, o->shorthand) == 0
		    ? shorthand : describe_value(d, m);
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
	value = describe_value(d, o);
	with = tt_arena_format(d->load.arena, "%s%s: %s\n", d->tried, o->name, value);
	active = o->required || ((o->standard != NULL || o->off)
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

/* Required ones first: what they say decides if the others are legal. */
static void
describe_table(struct describe *d, const struct tt_option *table)
{
	const struct tt_option *o;

	for (o = table; o != NULL && o->name != NULL; o++)
		if (o->required)
			describe_option(d, o, DESCRIBE_INDENT);
	for (o = table; o != NULL && o->name != NULL; o++)
		if (!o->required)
			describe_option(d, o, DESCRIBE_INDENT);
}

bool
tt_describe_kind(const struct tt_schema *const *schemas, const char *name, FILE *out)
{
	struct describe d = { .out = out, .tried = (char *)"" };

	while (*schemas != NULL && strcmp((*schemas)->name, name) != 0)
		schemas++;
	if (*schemas == NULL)
		return false;
	d.schema = *schemas;
	d.load.arena = tt_arena_create();
	d.load.schemas = schemas;
	d.load.doc = tt_arena_alloc(d.load.arena, sizeof(*d.load.doc));
	d.load.doc->daemon.state_dir = "/";
	describe_place(&d);
	/* A node that says nothing ends in a colon; one that says something, too. */
	fprintf(out, "%s:\n", d.schema->name);
	describe_directions(&d);
	describe_table(&d, d.schema->options);
	describe_table(&d, tt_build_common(d.schema));
	tt_arena_destroy(d.load.arena);
	return true;
}

static void
describe_text(const char *text, size_t size, FILE *out)
{
	char shown[TT_UTF8_SHOWN];
	size_t at = 0, width;

	while (at < size) {
		at += tt_utf8_show(shown, text + at, size - at, &width);
		fputs(shown, out);
	}
}

/* VALUE on one line.  TABLE has its keys where it is a group's: for the secrets. */
static void
describe_said(const struct tt_value *value, const struct tt_option *table, FILE *out)
{
	const struct tt_value *v;
	const struct tt_option *o;

	if (value->type == TT_VALUE_SCALAR) {
		fputs(value->plain ? "" : "\"", out);
		describe_text(value->text, value->size, out);
		fputs(value->plain ? "" : "\"", out);
		return;
	}
	fputc(value->type == TT_VALUE_LIST ? '[' : '{', out);
	for (v = value->first; v != NULL; v = v->next) {
		if (value->type == TT_VALUE_LIST) {
			describe_said(v, NULL, out);
		} else {
			o = tt_table_find(table, v->text);
			describe_text(v->text, v->size, out);
			fputs(": ", out);
			if (o != NULL && o->secret)
				fputs("***", out);
			else
				describe_said(v->value, o == NULL ? NULL : o->group,
				    out);
		}
		fputs(v->next == NULL ? "" : ", ", out);
	}
	fputc(value->type == TT_VALUE_LIST ? ']' : '}', out);
}

static void
describe_said_options(const struct tt_node *node, FILE *out)
{
	const struct tt_value *key;
	const struct tt_option *o;

	for (key = node->value == NULL ? NULL : node->value->first; key != NULL;
	    key = key->next) {
		o = tt_table_find(node->schema->options, key->text);
		if (o == NULL)
			o = tt_table_find(tt_build_common(node->schema), key->text);
		if (o == NULL)
			continue;
		fprintf(out, "  %s=", o->name);
		if (o->secret)
			fputs("***", out);
		else
			describe_said(key->value, o->group, out);
	}
}

/* Who sends NAME at PARENT, but NODE itself: " (from A, B)" */
static void
describe_sources(const struct tt_node *parent, const char *name,
    const struct tt_node *node, FILE *out)
{
	unsigned i, k, n = 0;
	const struct tt_node *child;
	const char *before = " (from ";

	for (i = 0; i < parent->n_in; i++)
		if (strcmp(parent->in[i], name) == 0 && n++ < DESCRIBE_LISTED) {
			fprintf(out, "%sabove", before);
			before = ", ";
		}
	if (parent->schema->makes != NULL && strcmp(parent->schema->makes, name) == 0) {
		fprintf(out, "%s%s", before, parent->key);
		before = ", ";
	}
	for (i = 0; i < parent->n_children; i++) {
		child = parent->children[i];
		for (k = 0; k < child->n_up; k++) {
			if (child == node || strcmp(child->up[k], name) != 0)
				continue;
			if (n++ < DESCRIBE_LISTED) {
				fprintf(out, "%s%s", before, child->key);
				before = ", ";
			}
		}
	}
	if (n > DESCRIBE_LISTED)
		fprintf(out, " and %u more", n - DESCRIBE_LISTED);
	fputs(*before == ',' ? ")" : "", out);
}

static void
describe_node(const struct tt_node *node, unsigned depth, FILE *out)
{
	unsigned i;

	fprintf(out, "%*s%s", (int)(depth * DESCRIBE_INDENT), "", node->key);
	for (i = 0; i < node->n_in; i++) {
		fprintf(out, "%s%s", i == 0 ? "  IN " : ", ", node->in[i]);
		describe_sources(node->parent, node->in[i], node, out);
	}
	for (i = 0; i < node->n_up; i++) {
		fprintf(out, "%s%s", i == 0 ? "  UP " : ", ", node->up[i]);
		describe_sources(node, node->up[i], NULL, out);
	}
	describe_said_options(node, out);
	fputc('\n', out);
	for (i = 0; i < node->n_children; i++)
		describe_node(node->children[i], depth + 1, out);
}

void
tt_describe_tree(const struct tt_document *doc, FILE *out)
{
	describe_node(doc->root, 0, out);
	fprintf(out, "memory bound: %" PRId64 " bytes resident\n", doc->memory_bound);
}
