/* table.c - a mapping of the file, read by a table of options. */
#include "config/table.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "config/include.h"
#include "config/keys.h"
#include "config/loader.h"
#include "config/nearest.h"
#include "config/option.h"
#include "config/section.h"
#include "config/suspect.h"

#define TABLE_MANY 100		/* mistakes, after which nobody looks for causes */
#define TABLE_LISTED 200	/* bytes of a list of legal names in a remedy */

/* A kind's or a group's check under way. */
struct tt_check {
	const struct tt_table_owner *owner;
	const struct tt_option *table;	/* the options that may be named */
	const struct tt_value *says;	/* the mapping that has them, or NULL */
	struct tt_mark mark;		/* of the whole */
	bool failed;
};

static bool table_fill(const struct tt_table_owner *owner,
    const struct tt_option *table, char *base, const struct tt_value *mapping,
    struct tt_mark mark, const char *prefix);

const struct tt_option *
tt_table_find(const struct tt_option *table, const char *name)
{
	if (table == NULL)
		return NULL;
	for (; table->name != NULL; table++)
		if (strcmp(table->name, name) == 0)
			return table;
	return NULL;
}

static void
table_list(const struct tt_option *table, char *buf, size_t room)
{
	size_t used = strlen(buf);

	for (; table != NULL && table->name != NULL && used < room; table++)
		used += (size_t)snprintf(buf + used, room - used, "%s%s",
		    used == 0 ? "" : ", ", table->name);
}

/* Whose option NAME is, should it be somebody's else: a group of TABLE's, another
 * kind's, the daemon's.  NULL: nobody's. */
static const char *
table_whose(const struct tt_table_owner *owner, const char *name,
    const struct tt_option *table)
{
	struct tt_arena *arena = owner->load->arena;
	const struct tt_schema *const *s;
	const struct tt_option *o;
	const char *list = NULL;

	for (o = table; o != NULL && o->name != NULL; o++)
		if (o->type == TT_OPT_GROUP && tt_table_find(o->group, name) != NULL)
			return tt_arena_format(arena, "it belongs into %s: \"%s: {%s: "
			    "...}\"", o->name, o->name, name);
	for (s = owner->load->schemas; *s != NULL; s++)
		if (tt_table_find((*s)->options, name) != NULL)
			list = list == NULL ? (*s)->name : tt_arena_format(arena,
			    "%s and %s", list, (*s)->name);
	if (tt_table_find(tt_section_options(), name) != NULL)
		list = list == NULL ? "daemon" : tt_arena_format(arena, "%s and daemon",
		    list);
	return list == NULL ? NULL : tt_arena_format(arena, "it is an option of %s: "
	    "indent it below that", list);
}

static void
table_report(const struct tt_table_owner *owner, const struct tt_value *key,
    const char *group, const struct tt_option *table, const struct tt_option *more)
{
	struct tt_nearest nearest = tt_nearest_begin(key->text);
	struct tt_arena *arena = owner->load->arena;
	char names[TABLE_LISTED] = "";
	const struct tt_option *o;
	const char *remedy = tt_key_glued(arena, key->text), *whose;

	for (o = table; o != NULL && o->name != NULL; o++)
		tt_nearest_offer(&nearest, o->name);
	for (o = more; o != NULL && o->name != NULL; o++)
		tt_nearest_offer(&nearest, o->name);
	table_list(table, names, sizeof(names));
	table_list(more, names, sizeof(names));
	whose = table_whose(owner, key->text, table);
	if (remedy != NULL)
		;
	else if (nearest.best != NULL && (nearest.distance < 2 || whose == NULL))
		remedy = tt_arena_format(arena, "did you mean \"%s\"?", nearest.best);
	else if (whose == NULL && group == NULL && owner->node != NULL
	    && tt_key_nearest_kind(owner->load, key->text) != NULL)
		remedy = tt_arena_format(arena, "did you mean \"%s\"? The options here "
		    "are %s", tt_key_nearest_kind(owner->load, key->text), names);
	else if (whose != NULL)
		remedy = tt_arena_format(arena, "%s; the options here are %s", whose,
		    names);
	else
		remedy = tt_arena_format(arena, "its options are %s", names);
	tt_errors_add(owner->load->errs, key->mark, owner->path, remedy,
	    "no option %s in %s", tt_key_shown(arena, key),
	    group != NULL ? group : owner->name);
}

void
tt_table_unknown(const struct tt_table_owner *owner, const struct tt_value *key,
    const struct tt_option *table, const struct tt_option *more)
{
	table_report(owner, key, NULL, table, more);
}

static bool
table_fail(const struct tt_table_owner *owner, const struct tt_value *value,
    const char *remedy, const char *what)
{
	tt_errors_add(owner->load->errs, value->mark, owner->path, remedy, "%s", what);
	return false;
}

/* What an option may be, in one line. */
static const char *
table_form(const struct tt_table_owner *owner, const struct tt_option *o)
{
	char range[TABLE_LISTED];
	const struct tt_option *short_for;

	tt_option_range(o, range, sizeof(range));
	if (o->type == TT_OPT_ENUM)
		return tt_arena_format(owner->load->arena, "it may be %s", range);
	if (o->type == TT_OPT_GROUP) {
		*range = '\0';
		table_list(o->group, range, sizeof(range));
		short_for = o->shorthand == NULL ? NULL
		    : tt_table_find(o->group, o->shorthand);
		return tt_arena_format(owner->load->arena, "%s%s%s%s: %s",
		    short_for == NULL ? "" : "as ", short_for == NULL ? ""
		    : tt_table_example(owner->load->arena, short_for),
		    short_for == NULL ? "" : ", or ", tt_option_form(o->type), range);
	}
	return *range == '\0' ? tt_option_form(o->type)
	    : tt_arena_format(owner->load->arena, "%s; here %s",
	    tt_option_form(o->type), range);
}

static bool
table_wrong_shape(const struct tt_table_owner *owner, const struct tt_option *o,
    const struct tt_value *value, const char *label)
{
	return table_fail(owner, value, table_form(owner, o),
	    tt_arena_format(owner->load->arena, "%s cannot be %s", label,
	    tt_value_what(value)));
}

/* Says VALUE's text for what is wrong with it. */
static struct tt_option_reader
table_reader(const struct tt_table_owner *owner, const struct tt_option *o,
    const struct tt_value *value, const char *label)
{
	return (struct tt_option_reader){
		.arena = owner->load->arena,
		.state_dir = owner->load->doc->daemon.state_dir,
		.option = o,
		.label = label,
		.written = value->written,
	};
}

/* The query of a URL may hold a token: the file's line is printed without it. */
static void
table_hide_query(const struct tt_table_owner *owner, const struct tt_value *value)
{
	const char *query = memchr(value->text, '?', value->size);
	struct tt_mark from = value->mark;

	if (query == NULL || value->written != NULL)
		return;
	/* Where it is written as it is read, the query is found in it. */
	if (value->end.line == from.line && value->end.column - from.column
	    == value->size + (value->plain ? 0 : 2))
		from.column += (unsigned)(query - value->text) + !value->plain;
	tt_errors_hide(owner->load->errs, from, value->end);
}

/* What would be right instead of VALUE, which R has refused. */
static const char *
table_remedy(const struct tt_option_reader *r, const struct tt_value *value)
{
	const char *name = r->option->secret ? NULL
	    : tt_suspect_variable(r->arena, value);

	return name != NULL ? name : r->remedy;
}

static bool
table_scalar(const struct tt_table_owner *owner, const struct tt_option *o,
    const struct tt_value *value, void *slot, const char *label)
{
	struct tt_option_reader r = table_reader(owner, o, value, label);

	if (value->type != TT_VALUE_SCALAR)
		return table_wrong_shape(owner, o, value, label);
	if (o->type == TT_OPT_URL)
		table_hide_query(owner, value);
	if (tt_option_read(&r, value->text, value->size, slot))
		return true;
	if (r.is_secret)
		tt_errors_hide(owner->load->errs, value->mark, value->end);
	return table_fail(owner, value, r.is_secret ? r.remedy
	    : table_remedy(&r, value), r.what);
}

static bool
table_bytes(const struct tt_table_owner *owner, const struct tt_option *o,
    const struct tt_value *value, struct tt_bytes *slot, const char *label)
{
	const struct tt_value *key = tt_value_key(value, "hex");
	struct tt_option_reader r;

	if (value->type != TT_VALUE_MAPPING)
		return table_scalar(owner, o, value, slot, label);
	if (key == NULL || value->n != 1 || key->value->type != TT_VALUE_SCALAR)
		return table_wrong_shape(owner, o, value, label);
	if (key->value->bad)
		return false;
	r = table_reader(owner, o, key->value, label);
	if (tt_option_read_hex(&r, key->value->text, key->value->size, slot))
		return true;
	return table_fail(owner, key->value, r.remedy, r.what);
}

static bool
table_addresses(const struct tt_table_owner *owner, const struct tt_option *o,
    const struct tt_value *value, struct tt_addresses *slot, const char *label)
{
	struct tt_option_reader r = table_reader(owner, o, value, label);
	const struct tt_value *item;
	struct tt_address *list;
	bool ok = true;
	size_t n = 0;

	if (value->type == TT_VALUE_SCALAR)
		return table_scalar(owner, o, value, slot, label);
	if (value->type == TT_VALUE_MAPPING)
		return table_wrong_shape(owner, o, value, label);
	if (value->n == 0)
		return table_fail(owner, value, tt_option_form(o->type),
		    tt_arena_format(r.arena, "%s is an empty list", label));
	if (value->n > TT_ADDRESSES)
		return table_fail(owner, value, "0.0.0.0:port and \"[::]:port\" are all "
		    "addresses of this machine", tt_arena_format(r.arena,
		    "%s names %u addresses, more than %d", label, value->n, TT_ADDRESSES));
	list = tt_arena_alloc(r.arena, value->n * sizeof(*list));
	for (item = value->first; item != NULL; item = item->next) {
		r.written = item->written;
		if (item->bad)
			ok = false;
		else if (item->type != TT_VALUE_SCALAR)
			ok = table_wrong_shape(owner, o, item, label);
		else if (tt_option_read_address(&r, item->text, item->size, &list[n]))
			n++;
		else
			ok = table_fail(owner, item, table_remedy(&r, item), r.what);
	}
	if (ok)
		*slot = (struct tt_addresses){ n, list };
	return ok;
}

static bool
table_texts(const struct tt_table_owner *owner, const struct tt_option *o,
    const struct tt_value *value, struct tt_texts *slot, const char *label)
{
	const struct tt_value *item;
	struct tt_texts one;
	const char **list;
	bool ok = true;
	size_t n = 0;

	if (value->type == TT_VALUE_SCALAR)
		return table_scalar(owner, o, value, slot, label);
	if (value->type == TT_VALUE_MAPPING)
		return table_wrong_shape(owner, o, value, label);
	if (value->n == 0 || value->n > TT_TEXTS)
		return table_fail(owner, value, tt_option_form(o->type), tt_arena_format(
		    owner->load->arena, value->n == 0 ? "%s is an empty list" :
		    "%s has %u texts, more than %d", label, value->n, TT_TEXTS));
	list = tt_arena_alloc(owner->load->arena, value->n * sizeof(*list));
	for (item = value->first; item != NULL; item = item->next) {
		if (item->bad)
			ok = false;
		else if (table_scalar(owner, o, item, &one, label))
			list[n++] = one.list[0];
		else
			ok = false;
	}
	if (ok)
		*slot = (struct tt_texts){ n, list };
	return ok;
}

static bool
table_pairs(const struct tt_table_owner *owner, const struct tt_option *o,
    const struct tt_value *value, struct tt_pairs *slot, const char *label)
{
	struct tt_arena *arena = owner->load->arena;
	const struct tt_value *key;
	struct tt_pair *list;
	bool ok = true;
	size_t n = 0;

	if (value->type != TT_VALUE_MAPPING)
		return table_wrong_shape(owner, o, value, label);
	list = tt_arena_alloc(arena, value->n * sizeof(*list) + 1);
	for (key = value->first; key != NULL; key = key->next) {
		if (key->bad || key->value->bad)
			ok = false;
		else if (key->value->type != TT_VALUE_SCALAR
		    || tt_value_is_empty(key->value))
			ok = table_fail(owner, key, tt_key_glued(arena, key->text) != NULL
			    ? tt_key_glued(arena, key->text) : tt_option_form(o->type),
			    tt_arena_format(arena, "%s: %s is %s, not a text", label,
			    tt_key_shown(arena, key), tt_value_what(key->value)));
		else if (memchr(key->value->text, '\0', key->value->size) != NULL)
			ok = table_fail(owner, key->value, NULL, tt_arena_format(arena,
			    "%s: %s holds a NUL character", label, key->text));
		else
			list[n++] = (struct tt_pair){ key->text, key->value->text };
	}
	if (ok)
		*slot = (struct tt_pairs){ n, list };
	return ok;
}

/* A group as its mapping, where it was written shorter: `newline` is {type:
 * newline}, and `on` is {} where there is an `off`.  NULL: it was neither. */
static const struct tt_value *
table_mapping(struct tt_arena *arena, const struct tt_option *o,
    const struct tt_value *value)
{
	struct tt_value *mapping, *key;

	if (value->type == TT_VALUE_MAPPING)
		return value;
	if (value->type != TT_VALUE_SCALAR)
		return NULL;
	mapping = tt_arena_alloc(arena, sizeof(*mapping));
	*mapping = (struct tt_value){ .type = TT_VALUE_MAPPING, .mark = value->mark,
		.end = value->end };
	if (o->off && (tt_value_is(value, "on") || tt_value_is(value, "yes")
	    || tt_value_is(value, "true")))
		return mapping;
	if (o->shorthand == NULL)
		return NULL;
	key = tt_arena_alloc(arena, sizeof(*key));
	*key = (struct tt_value){ .mark = value->mark, .end = value->end,
		.text = o->shorthand, .size = strlen(o->shorthand) };
	key->value = tt_arena_alloc(arena, sizeof(*value));
	*key->value = *value;
	key->value->next = NULL;
	mapping->first = key;
	mapping->n = 1;
	return mapping;
}

static bool
table_group(const struct tt_table_owner *owner, const struct tt_option *o,
    const struct tt_value *value, void *slot, const char *label)
{
	struct tt_check check = { .owner = owner, .table = o->group,
		.mark = value->mark };
	const struct tt_value *key;
	bool ok = true;

	if (o->off && value->type == TT_VALUE_SCALAR && (tt_value_is(value, "off")
	    || tt_value_is(value, "no") || tt_value_is(value, "false")))
		return true;
	check.says = table_mapping(owner->load->arena, o, value);
	if (check.says == NULL)
		return table_wrong_shape(owner, o, value, label);
	for (key = check.says->first; key != NULL; key = key->next) {
		if (key->bad)
			ok = false;
		else if (tt_table_find(o->group, key->text) == NULL) {
			table_report(owner, key, label, o->group, NULL);
			ok = false;
		}
	}
	*(bool *)slot = true;
	ok = table_fill(owner, o->group, slot, check.says, value->mark, label) && ok;
	if (ok && o->check != NULL)
		o->check(&check, slot);
	return ok && !check.failed;
}

static bool
table_store(const struct tt_table_owner *owner, const struct tt_option *o,
    const struct tt_value *value, void *slot, const char *label)
{
	switch (o->type) {
	case TT_OPT_GROUP:
		return table_group(owner, o, value, slot, label);
	case TT_OPT_STRINGS:
		return table_pairs(owner, o, value, slot, label);
	case TT_OPT_ADDRESSES:
		return table_addresses(owner, o, value, slot, label);
	case TT_OPT_TEXTS:
		return table_texts(owner, o, value, slot, label);
	case TT_OPT_BYTES:
		return table_bytes(owner, o, value, slot, label);
	default:
		return table_scalar(owner, o, value, slot, label);
	}
}

/* An example of a group, on one line: its required members. */
static const char *
table_example_group(struct tt_arena *arena, const struct tt_option *o)
{
	const struct tt_option *m;
	const char *text = "";

	for (m = o->group; m->name != NULL; m++)
		if (m->required)
			text = tt_arena_format(arena, "%s%s%s: %s", text,
			    *text == '\0' ? "" : ", ", m->name,
			    tt_table_example(arena, m));
	return tt_arena_format(arena, "{%s}", text);
}

const char *
tt_table_example(struct tt_arena *arena, const struct tt_option *o)
{
	int64_t max = o->max == 0 ? INT64_MAX : o->max, value;
	char number[32];

	if (o->standard != NULL)
		return o->standard;
	if (o->example != NULL)
		return o->example;
	if (o->off && !o->required)
		return "off";
	if (o->type == TT_OPT_ENUM)
		return o->choices == tt_section_log_levels ? "info" : o->choices[0];
	if (o->type == TT_OPT_GROUP)
		return table_example_group(arena, o);
	if (o->type == TT_OPT_INT) {
		value = o->min > 1 ? o->min : max < 1 ? max : 1;
		return tt_arena_format(arena, "%" PRId64, value);
	}
	if (o->type == TT_OPT_SIZE || o->type == TT_OPT_DURATION) {
		value = o->type == TT_OPT_SIZE ? 64 << 10 : 10000000000;
		value = value < o->min ? o->min : value > max ? max : value;
		if (o->type == TT_OPT_SIZE)
			tt_option_print_size(value, number, sizeof(number));
		else
			tt_option_print_duration(value, number, sizeof(number));
		return tt_arena_format(arena, "%s", number);
	}
	return tt_option_example(o->type);
}

/* What a table itself says for an option, its default or an example, is text of the
 * file, too.  It is legal, or the table is wrong. */
static void
table_standard(const struct tt_table_owner *owner, const struct tt_option *o,
    const char *says, void *slot, const char *label)
{
	struct tt_load *l = owner->load;
	struct tt_value text = { .plain = true, .text = says, .size = strlen(says) };
	const struct tt_value *value = &text;
	unsigned count = 0;
	bool ok;

	if (o->type != TT_OPT_STRING && (*says == '{' || *says == '['))
		value = tt_value_parse(l->arena, "", says, text.size, &count, l->errs, NULL);
	ok = value != NULL && table_store(owner, o, value, slot, label);
	assert(ok);
	(void)ok;
}

/* True if O is not there, but a key that was reported may have been meant for it. */
static bool
table_was_meant(const struct tt_option *table, const struct tt_option *o,
    const struct tt_value *mapping)
{
	const struct tt_value *key = mapping == NULL ? NULL : mapping->first;
	struct tt_nearest nearest;
	size_t n;

	for (; key != NULL; key = key->next) {
		if (key->bad)
			return true;
		n = strlen(o->name);
		if (strncmp(key->text, o->name, n) == 0
		    && strchr(":= ", key->text[n]) != NULL && key->text[n] != '\0')
			return true;
		nearest = tt_nearest_begin(key->text);
		tt_nearest_offer(&nearest, o->name);
		if (nearest.best != NULL && tt_table_find(table, key->text) == NULL)
			return true;
	}
	return false;
}

/* Something legal for a value that cannot be had. */
static void
table_stand_in(const struct tt_table_owner *owner, const struct tt_option *o,
    void *slot, const char *label)
{
	if (owner->node != NULL)
		owner->node->unknown = true;
	if (o->required || o->standard != NULL)
		table_standard(owner, o, tt_table_example(owner->load->arena, o), slot,
		    label);
}

/* True if O's value takes something from where it cannot be had; a group's members
 * say so each for itself. */
static bool
table_is_unknown(const struct tt_option *o, const struct tt_value *value)
{
	const struct tt_value *v;

	if (value->type == TT_VALUE_SCALAR)
		return value->unknown;
	if (value->type == TT_VALUE_LIST
	    ? o->type != TT_OPT_ADDRESSES && o->type != TT_OPT_TEXTS
	    : o->type != TT_OPT_STRINGS && o->type != TT_OPT_BYTES)
		return false;
	for (v = value->first; v != NULL; v = v->next)
		if ((v->value != NULL ? v->value : v)->unknown)
			return true;
	return false;
}

/* Header fields that say who one is (RFC 9110, 11; RFC 6265), and their like. */
static bool
table_is_credential(const char *name)
{
	static const char *const words[] = {
		"authorization", "cookie", "token", "secret", "key", "password"
	};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strcasestr(name, words[i]) != NULL)
			return true;
	return false;
}

/* A secret that stands in the file is to be read by few. */
static void
table_warn_public(const struct tt_table_owner *owner, const struct tt_option *o,
    const struct tt_value *value, const char *label)
{
	struct tt_load *l = owner->load;
	const struct tt_value *key;

	for (key = value->first; value->type == TT_VALUE_MAPPING && key != NULL;
	    key = key->next)
		if (!key->bad && table_is_credential(key->text))
			table_warn_public(owner, o, key->value, tt_arena_format(
			    l->arena, "%s: %s", label, key->text));
	if (value->type != TT_VALUE_SCALAR || value->written != NULL || value->size == 0
	    || !tt_include_is_public(l, value->mark))
		return;
	tt_errors_warn(l->errs, value->mark, owner->path,
	    "chmod o-r the file, or take the value from ${credential:NAME}, "
	    "${file:/path} or ${env:NAME}",
	    "%s stands in a file that every user of this machine may read", label);
}

/* True for what YAML calls null where a text would be taken for it: a quoted one is. */
static bool
table_is_null(const struct tt_option *o, const struct tt_value *value)
{
	return value->plain && value->written == NULL && (o->type == TT_OPT_STRING
	    || o->type == TT_OPT_PATH || o->type == TT_OPT_ADDRESSES
	    || o->type == TT_OPT_URL || o->type == TT_OPT_BYTES
	    || o->type == TT_OPT_STRINGS || o->type == TT_OPT_TEXTS
	    || o->type == TT_OPT_GROUP) && (tt_value_is(value, "~")
	    || tt_value_is(value, "null") || tt_value_is(value, "Null")
	    || tt_value_is(value, "NULL"));
}

/* What KEY, which has no value, may be, and why it has none. */
static const char *
table_empty(const struct tt_table_owner *owner, const struct tt_option *o,
    const struct tt_value *key)
{
	const char *form = table_form(owner, o);
	size_t many = tt_errors_count(owner->load->errs);

	return many < TABLE_MANY
	    && tt_errors_line_has(owner->load->errs, key->mark, '#')
	    ? tt_arena_format(owner->load->arena, "%s; a # behind a blank begins a "
	    "comment: quote a value that begins with one", form) : form;
}

static bool
table_option(const struct tt_table_owner *owner, const struct tt_option *table,
    const struct tt_option *o, void *slot, const struct tt_value *mapping,
    struct tt_mark mark, const char *label)
{
	const struct tt_value *key = tt_value_key(mapping, o->name);
	bool ok = key != NULL;

	if (key == NULL && o->required && !owner->silent && !owner->load->cut
	    && !table_was_meant(table, o, mapping))
		tt_errors_add(owner->load->errs, mark, owner->path,
		    table_form(owner, o), "%s is missing", label);
	if (key == NULL && !o->required)
		ok = true;
	if (key != NULL && o->secret) {
		tt_errors_hide(owner->load->errs, key->value->mark, key->value->end);
		table_warn_public(owner, o, key->value, label);
	}
	if (key != NULL && key->value->bad)
		ok = false;
	else if (key != NULL && table_is_unknown(o, key->value))
		table_stand_in(owner, o, slot, label);
	else if (key != NULL && tt_value_is_empty(key->value))
		ok = table_fail(owner, key, table_empty(owner, o, key),
		    tt_arena_format(owner->load->arena, "%s has no value", label));
	else if (key != NULL && table_is_null(o, key->value))
		ok = table_fail(owner, key->value, o->required ? table_form(owner, o)
		    : "leave the line out, or quote it if a text is meant",
		    tt_arena_format(owner->load->arena, "%s has no value: %s is YAML's "
		    "word for nothing", label, key->value->text));
	else if (key != NULL)
		ok = table_store(owner, o, key->value, slot, label);
	if (key != NULL && ok)
		tt_suspect_check(owner->load, o, key->value, owner->path, label);
	if ((key == NULL || !ok) && o->standard != NULL)
		table_standard(owner, o, o->standard, slot, label);
	return ok;
}

static bool
table_fill(const struct tt_table_owner *owner, const struct tt_option *table,
    char *base, const struct tt_value *mapping, struct tt_mark mark,
    const char *prefix)
{
	const struct tt_option *o;
	bool ok = true;

	if (table == NULL)
		return true;
	for (o = table; o->name != NULL; o++)
		ok = table_option(owner, table, o, base + o->offset, mapping, mark,
		    prefix == NULL ? o->name : tt_arena_format(owner->load->arena,
		    "%s.%s", prefix, o->name)) && ok;
	return ok;
}

bool
tt_table_fill(const struct tt_table_owner *owner, const struct tt_option *table,
    void *base, const struct tt_value *mapping)
{
	return table_fill(owner, table, base, mapping, owner->mark, NULL);
}

static bool
table_check(const struct tt_table_owner *owner,
    void (*function)(struct tt_check *, void *))
{
	struct tt_check check = { .owner = owner,
		.table = owner->node->schema->options,
		.says = owner->node->value, .mark = owner->node->mark };

	if (function != NULL)
		function(&check, owner->node->config);
	return !check.failed;
}

bool
tt_table_check(const struct tt_table_owner *owner)
{
	return table_check(owner, owner->node->schema->check);
}

bool
tt_table_check_tree(const struct tt_table_owner *owner)
{
	return table_check(owner, owner->node->schema->check_tree);
}

/* What the file says for the option of that dotted name, or NULL.  *MARK becomes
 * the place of what comes nearest to it. */
static const struct tt_value *
table_said(const struct tt_check *check, const char *option, struct tt_mark *mark)
{
	const struct tt_option *table = check->table, *o;
	const struct tt_value *says = check->says, *key;
	char name[128];
	size_t n;

	while (option != NULL) {
		n = strcspn(option, ".");
		snprintf(name, sizeof(name), "%.*s", (int)n, option);
		key = tt_value_key(says, name);
		if (key == NULL)
			return NULL;
		*mark = tt_value_is_empty(key->value) ? key->mark : key->value->mark;
		if (option[n] == '\0')
			return key->value;
		option += n + 1;
		o = tt_table_find(table, name);
		table = o == NULL ? NULL : o->group;
		says = o == NULL ? NULL : table_mapping(check->owner->load->arena, o,
		    key->value);
	}
	return NULL;
}

bool
tt_check_given(const struct tt_check *check, const char *option)
{
	struct tt_mark mark;

	return table_said(check, option, &mark) != NULL;
}

void
tt_check_error(struct tt_check *check, const char *option, const char *remedy,
    const char *format, ...)
{
	const struct tt_table_owner *owner = check->owner;
	struct tt_mark mark = check->mark;
	char text[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	/* Something stands in for a value: nothing follows from it. */
	if (owner->node != NULL && owner->node->unknown)
		return;
	table_said(check, option, &mark);
	tt_errors_add(owner->load->errs, mark, owner->path, remedy, "%s", text);
	check->failed = true;
}

void
tt_check_warn(struct tt_check *check, const char *option, const char *remedy,
    const char *format, ...)
{
	const struct tt_table_owner *owner = check->owner;
	struct tt_mark mark = check->mark;
	char text[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (owner->node != NULL && owner->node->unknown)
		return;
	table_said(check, option, &mark);
	tt_errors_warn(owner->load->errs, mark, owner->path, remedy, "%s", text);
}

const struct tt_node *
tt_check_node(const struct tt_check *check)
{
	return check->owner->node;
}

const struct tt_document *
tt_check_document(const struct tt_check *check)
{
	return check->owner->load->doc;
}
