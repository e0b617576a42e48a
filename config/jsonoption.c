/* jsonoption.c - the JSON Schema of one option's value.
 *
 * Patterns are those that both ECMA-262 and Python read alike.  ${...} stands for any
 * text, so each pattern lets a text through that has it. */
#include "config/jsonoption.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/arena.h"
#include "config/option.h"
#include "config/table.h"

#define JSON_SOURCE "(env:[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?|file:/[^}]*|" \
	"credential:[^/}]+)\\}"
/* $${ is text. */
#define JSON_ELSEWHERE "(^|[^$])\\$\\{" JSON_SOURCE
/* No ${ that is not one of them; $${ is none. */
#define JSON_TEXT "^(?!(.*[^$])?\\$\\{(?!" JSON_SOURCE "))"
#define JSON_NUMBER "[0-9]+"
#define JSON_DURATION JSON_NUMBER "(ms|s|m|h|d)"
#define JSON_HOST "[A-Za-z0-9_][A-Za-z0-9._-]*"
#define JSON_IPV6 "\\[[0-9A-Fa-f:.]+(%[^\\]/ ]+)?\\]"
#define JSON_PORT ":(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|" \
	"[0-5][0-9]{4}|[0-9]{1,4})"

json_t *
tt_json(json_t *made)
{
	return tt_arena_must(made);
}

void
tt_json_set(json_t *object, const char *key, json_t *value)
{
	tt_arena_must(json_object_set_new(object, key, tt_json(value)) == 0 ? object
	    : NULL);
}

static void
json_add(json_t *array, json_t *value)
{
	tt_arena_must(json_array_append_new(array, tt_json(value)) == 0 ? array : NULL);
}

json_t *
tt_json_reference(const char *name)
{
	json_t *s = tt_json(json_object());
	char path[160];

	snprintf(path, sizeof(path), "#/$defs/%s", name);
	tt_json_set(s, "$ref", json_string(path));
	return s;
}

json_t *
tt_jsonoption_object(void)
{
	json_t *s = tt_json(json_object());

	tt_json_set(s, "type", json_string("object"));
	tt_json_set(s, "properties", json_object());
	tt_json_set(s, "additionalProperties", json_false());
	return s;
}

json_t *
tt_jsonoption_text(const char *pattern)
{
	json_t *s = tt_json(json_object());
	char whole[512];

	snprintf(whole, sizeof(whole), pattern == NULL ? JSON_ELSEWHERE
	    : "^(%s)$|" JSON_ELSEWHERE, pattern);
	tt_json_set(s, "type", json_string("string"));
	tt_json_set(s, "pattern", json_string(whole));
	return s;
}

/* SCHEMA, or else one of OTHER. */
static json_t *
json_or(json_t *schema, json_t *other)
{
	json_t *s = tt_json(json_object()), *any = tt_json(json_array());

	json_add(any, schema);
	json_add(any, other);
	tt_json_set(s, "anyOf", any);
	return s;
}

/* Any scalar, whatever YAML takes it for. */
static json_t *
json_scalar(void)
{
	json_t *s = tt_json(json_object());

	tt_json_set(s, "type", json_pack("[s, s, s]", "string", "number", "boolean"));
	tt_json_set(s, "pattern", json_string(JSON_TEXT));
	return s;
}

/* A number, as YAML reads it or in quotes, and of PATTERN where it has a unit. */
static json_t *
json_number(const char *pattern)
{
	json_t *s = tt_jsonoption_text(pattern);

	tt_json_set(s, "type", json_pack("[s, s]", "integer", "string"));
	return s;
}

/* WORD into CHOICES, and what YAML may make of it. */
static void
json_choice(json_t *choices, const char *word)
{
	static const char *const no[] = { "off", "no", "false", NULL };
	static const char *const yes[] = { "on", "yes", "true", NULL };
	size_t i;

	json_add(choices, json_string(word));
	if (*word != '\0' && strspn(word, "0123456789") == strlen(word))
		json_add(choices, json_integer(strtoll(word, NULL, 10)));
	for (i = 0; no[i] != NULL; i++) {
		if (strcmp(word, no[i]) == 0)
			json_add(choices, json_false());
		if (strcmp(word, yes[i]) == 0)
			json_add(choices, json_true());
	}
}

static json_t *
json_choices(const char *const *words)
{
	json_t *s = tt_json(json_object()), *choices = tt_json(json_array());

	for (; *words != NULL; words++)
		json_choice(choices, *words);
	tt_json_set(s, "enum", choices);
	return s;
}

/* Quoted ones are taken too, but are none that an editor is to offer. */
static json_t *
json_switch(void)
{
	json_t *s = tt_json(json_object());

	tt_json_set(s, "enum", json_pack("[b, b, s, s, s, s]", 1, 0, "yes", "no", "on",
	    "off"));
	return json_or(s, tt_jsonoption_text("true|false"));
}

static json_t *
json_bytes(void)
{
	json_t *hex = tt_jsonoption_object();
	json_t *digits = tt_jsonoption_text(" *([0-9A-Fa-f]{2} *)*");

	/* Digits without quotes are a number to an editor. */
	tt_json_set(digits, "type", json_pack("[s, s]", "string", "number"));
	tt_json_set(json_object_get(hex, "properties"), "hex", digits);
	tt_json_set(hex, "required", json_pack("[s]", "hex"));
	return json_or(json_scalar(), hex);
}

/* One of the definition NAME, or a list of up to MOST. */
static json_t *
json_one_or_list(const char *name, int most)
{
	json_t *list = tt_json(json_object());

	tt_json_set(list, "type", json_string("array"));
	tt_json_set(list, "items", tt_json_reference(name));
	tt_json_set(list, "minItems", json_integer(1));
	tt_json_set(list, "maxItems", json_integer(most));
	return json_or(tt_json_reference(name), list);
}

static json_t *
json_texts(void)
{
	json_t *s = tt_json(json_object());

	tt_json_set(s, "type", json_string("object"));
	tt_json_set(s, "additionalProperties", tt_json_reference("text"));
	return s;
}

static json_t *
json_path(void)
{
	json_t *s = json_scalar();

	tt_json_set(s, "pattern", json_string(JSON_TEXT "(?!~(/|$))."));
	tt_json_set(s, "maxLength", json_integer(4095));
	return s;
}

void
tt_jsonoption_forms(json_t *definitions)
{
	tt_json_set(definitions, "elsewhere", tt_jsonoption_text(NULL));
	tt_json_set(definitions, "text", json_scalar());
	tt_json_set(definitions, "texts", json_texts());
	tt_json_set(definitions, "text_or_texts", json_one_or_list("text", TT_TEXTS));
	tt_json_set(definitions, "path", json_path());
	tt_json_set(definitions, "switch", json_switch());
	tt_json_set(definitions, "number", json_number("-?" JSON_NUMBER));
	tt_json_set(definitions, "size", json_number(JSON_NUMBER "([KMGT]iB|[kKMGT]?B)?"));
	tt_json_set(definitions, "duration", tt_jsonoption_text(JSON_DURATION));
	tt_json_set(definitions, "duration_range", tt_jsonoption_text(JSON_DURATION
	    "\\.\\." JSON_DURATION));
	tt_json_set(definitions, "bytes", json_bytes());
	tt_json_set(definitions, "address", tt_jsonoption_text("unix:/.*|(" JSON_HOST "|"
	    JSON_IPV6 ")" JSON_PORT));
	tt_json_set(definitions, "addresses", json_one_or_list("address", TT_ADDRESSES));
	tt_json_set(definitions, "url", tt_jsonoption_text("[Ww][Ss][Ss]?://(" JSON_HOST
	    "|" JSON_IPV6 ")(" JSON_PORT ")?([/?][^#]*)?"));
}

/* Makes S the definition NAME, or the next of that name if another table has it,
 * and returns a reference to it. */
static json_t *
json_define(json_t *definitions, const char *name, json_t *s)
{
	const json_t *found;
	char numbered[128];
	unsigned i;

	snprintf(numbered, sizeof(numbered), "%s", name);
	for (i = 2; (found = json_object_get(definitions, numbered)) != NULL
	    && !json_equal(found, s); i++)
		snprintf(numbered, sizeof(numbered), "%s_%u", name, i);
	if (found == NULL)
		tt_json_set(definitions, numbered, s);
	else
		json_decref(s);
	return tt_json_reference(numbered);
}

static json_t *
json_group(const struct tt_option *o, json_t *definitions)
{
	const struct tt_option *word = o->shorthand == NULL ? NULL
	    : tt_table_find(o->group, o->shorthand);
	json_t *s = tt_jsonoption_object();

	tt_json_set(s, "title", json_string(o->name));
	tt_jsonoption_table(o->group, s, definitions);
	s = json_define(definitions, o->name, s);
	if (word != NULL)
		s = json_or(tt_jsonoption(word, definitions), s);
	return o->off ? json_or(tt_json_reference("switch"), s) : s;
}

/* FORM, with O's range. */
static json_t *
json_range(const struct tt_option *o, const char *form)
{
	json_t *s = tt_json_reference(form);

	tt_json_set(s, "minimum", json_integer(o->min));
	if (o->max != 0 && o->max != INT64_MAX)
		tt_json_set(s, "maximum", json_integer(o->max));
	return s;
}

/* Bytes, and some where O needs some. */
static json_t *
json_some(const struct tt_option *o)
{
	json_t *s = tt_json_reference("bytes");

	if (o->min > 0) {
		tt_json_set(s, "minLength", json_integer(1));
		tt_json_set(s, "properties", json_pack("{s: {s: s}}", "hex", "pattern",
		    "[^ ]"));
	}
	return s;
}

static json_t *
json_value(const struct tt_option *o, json_t *definitions)
{
	switch (o->type) {
	case TT_OPT_BOOL:
		return tt_json_reference("switch");
	case TT_OPT_INT:
		return json_range(o, "number");
	case TT_OPT_SIZE:
		return json_range(o, "size");
	case TT_OPT_DURATION:
		return tt_json_reference("duration");
	case TT_OPT_DURATION_RANGE:
		return tt_json_reference("duration_range");
	case TT_OPT_ENUM:
		return json_or(json_choices(o->choices), tt_json_reference("elsewhere"));
	case TT_OPT_PATH:
		return tt_json_reference("path");
	case TT_OPT_BYTES:
		return json_some(o);
	case TT_OPT_ADDRESSES:
		return tt_json_reference("addresses");
	case TT_OPT_URL:
		return tt_json_reference("url");
	case TT_OPT_STRINGS:
		return tt_json_reference("texts");
	case TT_OPT_TEXTS:
		return tt_json_reference("text_or_texts");
	case TT_OPT_GROUP:
		return json_group(o, definitions);
	case TT_OPT_STRING:
		break;
	}
	return tt_json_reference("text");
}

/* "what may wait; 1 or more; default 8MiB" */
static json_t *
json_help(const struct tt_option *o)
{
	char text[512], range[256];

	tt_option_range(o, range, sizeof(range));
	snprintf(text, sizeof(text), "%s%s%s%s%s%s", o->help == NULL ? o->name : o->help,
	    *range == '\0' ? "" : "; ", range,
	    o->standard == NULL || o->type == TT_OPT_GROUP ? "" : "; default ",
	    o->standard == NULL || o->type == TT_OPT_GROUP ? "" : o->standard,
	    o->required ? "; required" : "");
	return json_string(text);
}

/* Types whose form is worth an example: it says more than the help. */
static bool
json_has_example(enum tt_option_type type)
{
	return type == TT_OPT_INT || type == TT_OPT_SIZE || type == TT_OPT_DURATION
	    || type == TT_OPT_DURATION_RANGE || type == TT_OPT_ADDRESSES
	    || type == TT_OPT_URL;
}

/* TEXT, which the file would say for O, as YAML takes it. */
static json_t *
json_written(const struct tt_option *o, const char *text)
{
	if ((o->type == TT_OPT_INT || o->type == TT_OPT_SIZE)
	    && strspn(text, "0123456789") == strlen(text))
		return json_integer(strtoll(text, NULL, 10));
	if (o->type == TT_OPT_BOOL && strcmp(text, "true") == 0)
		return json_true();
	if (o->type == TT_OPT_BOOL && strcmp(text, "false") == 0)
		return json_false();
	return json_string(text);
}

json_t *
tt_jsonoption(const struct tt_option *o, json_t *definitions)
{
	const char *const words[] = { tt_option_word(o), NULL };
	json_t *s = json_value(o, definitions), *examples;
	struct tt_arena *arena;

	if (words[0] != NULL && o->type != TT_OPT_GROUP)
		s = json_or(json_choices(words), s);
	tt_json_set(s, "description", json_help(o));
	if (o->type != TT_OPT_GROUP && o->standard != NULL)
		tt_json_set(s, "default", json_written(o, o->standard));
	if (!json_has_example(o->type))
		return s;
	arena = tt_arena_create();
	examples = tt_json(json_array());
	json_add(examples, json_written(o, tt_table_example(arena, o)));
	tt_json_set(s, "examples", examples);
	tt_arena_destroy(arena);
	return s;
}

void
tt_jsonoption_table(const struct tt_option *table, json_t *to, json_t *definitions)
{
	json_t *required = json_object_get(to, "required");

	for (; table != NULL && table->name != NULL; table++) {
		tt_json_set(json_object_get(to, "properties"), table->name,
		    tt_jsonoption(table, definitions));
		if (!table->required)
			continue;
		if (required == NULL) {
			required = tt_json(json_array());
			tt_json_set(to, "required", required);
		}
		json_add(required, json_string(table->name));
	}
}
