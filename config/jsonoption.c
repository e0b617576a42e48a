/* jsonoption.c - the JSON Schema of one option's value.
 *
 * Patterns are those that both ECMA-262 and Python read alike.  ${...} stands for any
 * text, so each pattern lets a text through that has it. */
#include "config/jsonoption.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "config/arena.h"
#include "config/option.h"
#include "config/table.h"

#define JSON_SOURCE "(env:[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?|file:/[^}]*|" \
	"credential:[^/}]+)\\}"
#define JSON_ELSEWHERE "\\$\\{" JSON_SOURCE
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
json_number(const struct tt_option *o, const char *pattern)
{
	json_t *s = tt_jsonoption_text(pattern);

	tt_json_set(s, "type", json_pack("[s, s]", "integer", "string"));
	tt_json_set(s, "minimum", json_integer(o->min));
	if (o->max != 0 && o->max != INT64_MAX)
		tt_json_set(s, "maximum", json_integer(o->max));
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

static json_t *
json_switch(void)
{
	json_t *s = tt_json(json_object());

	tt_json_set(s, "enum", json_pack("[b, b, s, s, s, s, s, s]", 1, 0, "true",
	    "false", "yes", "no", "on", "off"));
	return json_or(s, tt_jsonoption_text(NULL));
}

static json_t *
json_bytes(const struct tt_option *o)
{
	json_t *hex = tt_jsonoption_object(), *text = json_scalar();
	json_t *digits = tt_jsonoption_text(o->min > 0 ? " *([0-9A-Fa-f]{2} *)+"
	    : " *([0-9A-Fa-f]{2} *)*");

	/* Digits without quotes are a number to an editor. */
	tt_json_set(digits, "type", json_pack("[s, s]", "string", "number"));
	tt_json_set(json_object_get(hex, "properties"), "hex", digits);
	tt_json_set(hex, "required", json_pack("[s]", "hex"));
	if (o->min > 0)
		tt_json_set(text, "minLength", json_integer(1));
	return json_or(text, hex);
}

static json_t *
json_addresses(void)
{
	static const char pattern[] = "unix:/.*|(" JSON_HOST "|" JSON_IPV6 ")" JSON_PORT;
	json_t *list = tt_json(json_object());

	tt_json_set(list, "type", json_string("array"));
	tt_json_set(list, "items", tt_jsonoption_text(pattern));
	tt_json_set(list, "minItems", json_integer(1));
	tt_json_set(list, "maxItems", json_integer(TT_ADDRESSES));
	return json_or(tt_jsonoption_text(pattern), list);
}

static json_t *
json_pairs(void)
{
	json_t *s = tt_json(json_object());

	tt_json_set(s, "type", json_string("object"));
	tt_json_set(s, "additionalProperties", json_scalar());
	return s;
}

static json_t *
json_group(const struct tt_option *o)
{
	const struct tt_option *word = o->shorthand == NULL ? NULL
	    : tt_table_find(o->group, o->shorthand);
	json_t *s = tt_jsonoption_object();

	tt_jsonoption_table(o->group, s);
	if (word != NULL)
		s = json_or(tt_jsonoption(word), s);
	return o->off ? json_or(json_switch(), s) : s;
}

static json_t *
json_value(const struct tt_option *o)
{
	json_t *s;

	switch (o->type) {
	case TT_OPT_BOOL:
		return json_switch();
	case TT_OPT_INT:
		return json_number(o, "-?" JSON_NUMBER);
	case TT_OPT_SIZE:
		return json_number(o, JSON_NUMBER "([KMGT]iB|[kKMGT]?B)?");
	case TT_OPT_DURATION:
		return tt_jsonoption_text(JSON_DURATION);
	case TT_OPT_DURATION_RANGE:
		return tt_jsonoption_text(JSON_DURATION "\\.\\." JSON_DURATION);
	case TT_OPT_ENUM:
		return json_or(json_choices(o->choices), tt_jsonoption_text(NULL));
	case TT_OPT_PATH:
		s = json_scalar();
		tt_json_set(s, "pattern", json_string(JSON_TEXT "(?!~(/|$))."));
		tt_json_set(s, "maxLength", json_integer(4095));
		return s;
	case TT_OPT_BYTES:
		return json_bytes(o);
	case TT_OPT_ADDRESSES:
		return json_addresses();
	case TT_OPT_URL:
		return tt_jsonoption_text("[Ww][Ss][Ss]?://(" JSON_HOST "|" JSON_IPV6 ")("
		    JSON_PORT ")?([/?][^#]*)?");
	case TT_OPT_STRINGS:
		return json_pairs();
	case TT_OPT_GROUP:
		return json_group(o);
	case TT_OPT_STRING:
		break;
	}
	return json_scalar();
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

json_t *
tt_jsonoption(const struct tt_option *o)
{
	static const char *const off[] = { "off", NULL };
	json_t *s = json_value(o), *examples;
	struct tt_arena *arena;

	if (o->off && o->type != TT_OPT_GROUP)
		s = json_or(json_choices(off), s);
	tt_json_set(s, "description", json_help(o));
	if (o->type == TT_OPT_GROUP)
		tt_json_set(s, "title", json_string(o->name));
	else if (o->standard != NULL)
		tt_json_set(s, "default", json_string(o->standard));
	if (!json_has_example(o->type))
		return s;
	arena = tt_arena_create();
	examples = tt_json(json_array());
	json_add(examples, json_string(tt_table_example(arena, o)));
	tt_json_set(s, "examples", examples);
	tt_arena_destroy(arena);
	return s;
}

void
tt_jsonoption_table(const struct tt_option *table, json_t *to)
{
	json_t *required = json_object_get(to, "required");

	for (; table != NULL && table->name != NULL; table++) {
		tt_json_set(json_object_get(to, "properties"), table->name,
		    tt_jsonoption(table));
		if (!table->required)
			continue;
		if (required == NULL) {
			required = tt_json(json_array());
			tt_json_set(to, "required", required);
		}
		json_add(required, json_string(table->name));
	}
}
