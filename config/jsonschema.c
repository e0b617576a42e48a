/* jsonschema.c - what a hierarchy file may say, as a JSON Schema (2020-12).
 *
 * A child stands under `properties` by its kind, which editors complete, and under
 * `patternProperties` with a name behind the kind.  The two never match the same key:
 * what is wrong below it would be reported twice. */
#include "config/jsonschema.h"

#include <string.h>

#include "config/build.h"
#include "config/jsonoption.h"
#include "config/load.h"
#include "config/section.h"

/* A name, and no place: nobody is to fetch it. */
#define JSONSCHEMA_ID "urn:taskthread:hierarchy:1"
#define JSONSCHEMA_NAME " [A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
#define JSONSCHEMA_CHANNEL "(?!(connection|recent|refused)$|sqlite_)" \
	"[a-z][a-z0-9_]{0,63}"

/* Whether CHILD may stand right below PARENT; BELOW: parent is a pattern, or is
 * below one. */
static bool
jsonschema_is_child(const struct tt_schema *parent, const struct tt_schema *child,
    bool below)
{
	size_t i;

	if ((child->flags & TT_ROOT) != 0 || parent->leaf)
		return false;
	if (below && (child->flags & (TT_BLOCKING | TT_MAIN)) != 0)
		return false;
	if (parent->closed != NULL && strcmp(parent->closed, child->name) != 0)
		return false;
	for (i = 0; i < 4 && child->under[i] != NULL; i++)
		if (strcmp(child->under[i], parent->name) == 0)
			return true;
	return i == 0;
}

/* The name of S's definition: below a pattern a kind has other children. */
static void
jsonschema_name(const struct tt_schema *s, bool below, char *buf, size_t room)
{
	snprintf(buf, room, "%s%s", s->name, below && !s->leaf
	    && (s->flags & TT_PATTERN) == 0 ? ".on_demand" : "");
}

/* The object KEY of TO, which is made where it is missing. */
static json_t *
jsonschema_member(json_t *to, const char *key)
{
	json_t *member = json_object_get(to, key);

	if (member == NULL) {
		member = tt_json(json_object());
		tt_json_set(to, key, member);
	}
	return member;
}

/* S, with and without a name, as a key of the object schema TO. */
static void
jsonschema_add_child(json_t *to, const struct tt_schema *s, bool below)
{
	char pattern[160], name[128];

	snprintf(pattern, sizeof(pattern), "^%s" JSONSCHEMA_NAME, s->name);
	jsonschema_name(s, below, name, sizeof(name));
	tt_json_set(jsonschema_member(to, "properties"), s->name,
	    tt_json_reference(name));
	tt_json_set(jsonschema_member(to, "patternProperties"), pattern,
	    tt_json_reference(name));
	/* Of two that both have names, only the daemon can tell. */
	if ((s->flags & (TT_ONCE | TT_ROOT)) != 0)
		tt_json_set(jsonschema_member(to, "dependentSchemas"), s->name,
		    json_pack("{s: {s: b}}", "patternProperties", pattern, 0));
}

/* UP or IN, with its usual channel. */
static void
jsonschema_add_direction(json_t *to, const struct tt_schema *s, bool up)
{
	const char *usual = up ? s->up : s->in, *key = up ? "UP" : "IN";
	bool any = (s->flags & TT_ANY) != 0, least = !any || (!up && usual != NULL);
	json_t *list, *either;

	if ((s->flags & TT_ROOT) != 0 || (usual == NULL && (!any || (up && s->leaf))))
		return;
	list = tt_json(json_object());
	tt_json_set(list, "type", json_string("array"));
	tt_json_set(list, "items", tt_json_reference("channel"));
	tt_json_set(list, "uniqueItems", json_true());
	if (least)
		tt_json_set(list, "minItems", json_integer(1));
	tt_json_set(list, "maxItems", json_integer(any ? TT_LOAD_CHANNELS : 1));
	either = tt_json(json_pack("{s: [o, o]}", "anyOf",
	    tt_json_reference("channel"), list));
	tt_json_set(either, "description", json_string(up
	    ? "the channels that it sends to its parent"
	    : "the channels that it takes from its parent"));
	if (usual != NULL) {
		tt_json_set(either, "default", json_string(usual));
		tt_json_set(either, "examples", json_pack("[s]", usual));
	}
	tt_json_set(json_object_get(to, "properties"), key, either);
}

static void
jsonschema_define(json_t *definitions, const struct tt_schema *const *schemas,
    const struct tt_schema *s, bool below)
{
	bool is_pattern = (s->flags & TT_PATTERN) != 0;
	json_t *node = tt_jsonoption_object();
	const struct tt_schema *const *child;
	char name[128];

	tt_json_set(node, "title", json_string(s->name));
	if (s->help != NULL)
		tt_json_set(node, "description", json_string(s->help));
	jsonschema_add_direction(node, s, false);
	jsonschema_add_direction(node, s, true);
	tt_jsonoption_table(s->options, node, definitions);
	tt_jsonoption_table(tt_build_common(s), node, definitions);
	for (child = schemas; *child != NULL; child++)
		if (jsonschema_is_child(s, *child, below || is_pattern))
			jsonschema_add_child(node, *child, below || is_pattern);
	/* A node may say nothing, if it need not. */
	if (json_object_get(node, "required") == NULL)
		tt_json_set(node, "type", json_pack("[s, s]", "object", "null"));
	jsonschema_name(s, below, name, sizeof(name));
	tt_json_set(definitions, name, node);
}

static json_t *
jsonschema_definitions(const struct tt_schema *const *schemas)
{
	json_t *definitions = tt_json(json_object());
	const struct tt_schema *const *s;

	tt_jsonoption_forms(definitions);
	tt_json_set(definitions, "channel", tt_jsonoption_text(JSONSCHEMA_CHANNEL));
	for (s = schemas; *s != NULL; s++) {
		jsonschema_define(definitions, schemas, *s, false);
		if (!(*s)->leaf
		    && ((*s)->flags & (TT_ROOT | TT_MAIN | TT_BLOCKING | TT_PATTERN)) == 0)
			jsonschema_define(definitions, schemas, *s, true);
	}
	return definitions;
}

static json_t *
jsonschema_include(void)
{
	return tt_json(json_pack("{s: [{s: s, s: i}, {s: s, s: {s: s, s: i}}], s: s}",
	    "anyOf", "type", "string", "minLength", 1, "type", "array", "items", "type",
	    "string", "minLength", 1, "description", "more files of this tree: a path, a "
	    "glob, or a list of them, relative to this file"));
}

/* A file that says its version has a root: here, or in what it includes.  One that
 * does not is included by another, and may say any part of the tree. */
static void
jsonschema_add_whole(json_t *top, const char *root)
{
	char named[160];

	snprintf(named, sizeof(named), "^%s ", root);
	tt_json_set(top, "if", json_pack("{s: [s]}", "required", "taskthread"));
	tt_json_set(top, "then", json_pack(
	    "{s: [{s: [s]}, {s: [s]}, {s: {s: {s: {s: s}}}}]}", "anyOf", "required", root,
	    "required", "include", "not", "propertyNames", "not", "pattern", named));
}

static void
jsonschema_top(json_t *top, json_t *definitions, const struct tt_schema *const *schemas)
{
	json_t *keys = json_object_get(top, "properties"), *daemon;
	const struct tt_schema *const *s;

	tt_json_set(keys, "taskthread", json_pack("{s: [i, s], s: s}", "enum", 1, "1",
	    "description", "the version of hierarchy files"));
	tt_json_set(keys, "include", jsonschema_include());
	daemon = tt_jsonoption_object();
	tt_json_set(daemon, "type", json_pack("[s, s]", "object", "null"));
	tt_json_set(daemon, "title", json_string("daemon"));
	tt_json_set(daemon, "description", json_string("what the daemon itself is told"));
	tt_jsonoption_table(tt_section_options(), daemon, definitions);
	tt_json_set(keys, "daemon", daemon);
	for (s = schemas; *s != NULL; s++)
		if (((*s)->flags & TT_ROOT) != 0) {
			jsonschema_add_child(top, *s, false);
			jsonschema_add_whole(top, (*s)->name);
		}
	tt_json_set(jsonschema_member(top, "patternProperties"), "^x-", json_true());
}

void
tt_jsonschema_write(const struct tt_schema *const *schemas, FILE *out)
{
	json_t *top = tt_json(json_object()), *shape = tt_jsonoption_object();
	json_t *definitions = jsonschema_definitions(schemas);

	tt_json_set(top, "$schema",
	    json_string("https://json-schema.org/draft/2020-12/schema"));
	tt_json_set(top, "$id", json_string(JSONSCHEMA_ID));
	tt_json_set(top, "title", json_string("taskthread hierarchy file"));
	tt_arena_must(json_object_update(top, shape) == 0 ? top : NULL);
	json_decref(shape);
	jsonschema_top(top, definitions, schemas);
	tt_json_set(top, "$defs", definitions);
	json_dumpf(top, out, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	fputc('\n', out);
	json_decref(top);
}
