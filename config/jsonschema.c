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

static json_t *
jsonschema_reference(const struct tt_schema *s, bool below)
{
	char name[128], path[160];
	json_t *reference = tt_json(json_object());

	jsonschema_name(s, below, name, sizeof(name));
	snprintf(path, sizeof(path), "#/$defs/%s", name);
	tt_json_set(reference, "$ref", json_string(path));
	return reference;
}

/* S, with and without a name, as a key of the object schema TO. */
static void
jsonschema_add_child(json_t *to, const struct tt_schema *s, bool below)
{
	json_t *patterns = json_object_get(to, "patternProperties");
	char pattern[160];

	if (patterns == NULL) {
		patterns = tt_json(json_object());
		tt_json_set(to, "patternProperties", patterns);
	}
	snprintf(pattern, sizeof(pattern), "^%s" JSONSCHEMA_NAME, s->name);
	tt_json_set(json_object_get(to, "properties"), s->name,
	    jsonschema_reference(s, below));
	tt_json_set(patterns, pattern, jsonschema_reference(s, below));
}

/* UP or IN, with its usual channel. */
static void
jsonschema_add_direction(json_t *to, const struct tt_schema *s, bool up)
{
	const char *usual = up ? s->up : s->in, *key = up ? "UP" : "IN";
	bool any = (s->flags & TT_ANY) != 0, least = !any || (!up && usual != NULL);
	json_t *channel, *list, *either;

	if ((s->flags & TT_ROOT) != 0 || (usual == NULL && (!any || (up && s->leaf))))
		return;
	list = tt_json(json_object());
	tt_json_set(list, "type", json_string("array"));
	tt_json_set(list, "items", tt_jsonoption_text(JSONSCHEMA_CHANNEL));
	tt_json_set(list, "uniqueItems", json_true());
	if (least)
		tt_json_set(list, "minItems", json_integer(1));
	tt_json_set(list, "maxItems", json_integer(any ? TT_LOAD_CHANNELS : 1));
	channel = tt_jsonoption_text(JSONSCHEMA_CHANNEL);
	either = tt_json(json_pack("{s: [o, o]}", "anyOf", channel, list));
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
	tt_jsonoption_table(s->options, node);
	tt_jsonoption_table(tt_build_common(s), node);
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

/* The keys of the top level, and that it has a root: here, or in what is included. */
static void
jsonschema_top(json_t *top, const struct tt_schema *const *schemas)
{
	json_t *keys = json_object_get(top, "properties"), *daemon;
	const struct tt_schema *const *s;
	const char *root = "";
	char named[160];

	tt_json_set(keys, "taskthread", json_pack("{s: [i, s], s: s}", "enum", 1, "1",
	    "description", "the version of hierarchy files"));
	tt_json_set(keys, "include", jsonschema_include());
	daemon = tt_jsonoption_object();
	tt_json_set(daemon, "type", json_pack("[s, s]", "object", "null"));
	tt_json_set(daemon, "title", json_string("daemon"));
	tt_json_set(daemon, "description", json_string("what the daemon itself is told"));
	tt_jsonoption_table(tt_section_options(), daemon);
	tt_json_set(keys, "daemon", daemon);
	for (s = schemas; *s != NULL; s++)
		if (((*s)->flags & TT_ROOT) != 0) {
			jsonschema_add_child(top, *s, false);
			root = (*s)->name;
		}
	tt_json_set(json_object_get(top, "patternProperties"), "^x-", json_true());
	tt_json_set(top, "required", json_pack("[s]", "taskthread"));
	snprintf(named, sizeof(named), "^%s ", root);
	tt_json_set(top, "anyOf", json_pack("[{s: [s]}, {s: [s]}, {s: {s: {s: {s: s}}}}]",
	    "required", root, "required", "include", "not", "propertyNames", "not",
	    "pattern", named));
}

void
tt_jsonschema_write(const struct tt_schema *const *schemas, FILE *out)
{
	json_t *top = tt_json(json_object()), *shape = tt_jsonoption_object();

	tt_json_set(top, "$schema",
	    json_string("https://json-schema.org/draft/2020-12/schema"));
	tt_json_set(top, "title", json_string("taskthread hierarchy file"));
	tt_arena_must(json_object_update(top, shape) == 0 ? top : NULL);
	json_decref(shape);
	jsonschema_top(top, schemas);
	tt_json_set(top, "$defs", jsonschema_definitions(schemas));
	json_dumpf(top, out, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	fputc('\n', out);
	json_decref(top);
}
