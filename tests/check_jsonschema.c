/* check_jsonschema.c - the JSON Schema: what is shipped is what the tables say, and its
 * parts for small tables. */
#include "config/jsonschema.h"

#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/kinds.h"
#include "tests/schemas.h"

Suite *check_jsonschema_suite(void);

static char *
jsonschema_text(const struct tt_schema *const *schemas)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	tt_jsonschema_write(schemas, out);
	fclose(out);
	return text;
}

START_TEST(the_shipped_file_is_what_the_tables_say)
{
	const char *top = getenv("srcdir");
	char *text = jsonschema_text(tt_schemas), path[4096], *shipped;
	FILE *in;
	size_t n;

	snprintf(path, sizeof(path), "%s/config/taskthread.schema.json",
	    top == NULL ? "." : top);
	in = fopen(path, "r");
	ck_assert_msg(in != NULL, "%s", path);
	shipped = calloc(1, 1 << 20);
	ck_assert_ptr_nonnull(shipped);
	n = fread(shipped, 1, (1 << 20) - 1, in);
	fclose(in);
	ck_assert_msg(n == strlen(text) && memcmp(shipped, text, n) == 0,
	    "make it anew: build/taskthreadd --schema > "
	    "config/taskthread.schema.json");
	free(shipped);
	free(text);
}
END_TEST

/* The part of the test kinds' schema at PATH, of keys with blanks between; or NULL. */
static json_t *
jsonschema_part(json_t *root, const char *path)
{
	char key[100];
	size_t n;

	while (root != NULL && *path != '\0') {
		n = strcspn(path, ">");
		snprintf(key, sizeof(key), "%.*s", (int)n, path);
		root = json_is_array(root) ? json_array_get(root, (size_t)atoi(key))
		    : json_object_get(root, key);
		path += n + (path[n] == '>');
	}
	return root;
}

/* What stands where, as JSON; NULL: nothing does. */
static const struct {
	const char *path, *json;
} jsonschema_parts[] = {
	{ "$id", "\"urn:taskthread:hierarchy:1\"" },
	/* What has no version is a part, which another file includes. */
	{ "required", NULL },
	{ "if", "{\"required\": [\"taskthread\"]}" },
	{ "then>anyOf>0", "{\"required\": [\"MasterThread\"]}" },
	{ "then>anyOf>1", "{\"required\": [\"include\"]}" },
	{ "then>anyOf>2>not>propertyNames>not>pattern", "\"^MasterThread \"" },
	{ "additionalProperties", "false" },
	{ "properties>MasterThread", "{\"$ref\": \"#/$defs/MasterThread\"}" },
	{ "patternProperties>^MasterThread [A-Za-z0-9][A-Za-z0-9_.-]{0,63}$",
	  "{\"$ref\": \"#/$defs/MasterThread\"}" },
	{ "patternProperties>^x-", "true" },
	/* One of a kind that stands once: not with a name, if there is one without. */
	{ "dependentSchemas>MasterThread", "{\"patternProperties\": "
	  "{\"^MasterThread [A-Za-z0-9][A-Za-z0-9_.-]{0,63}$\": false}}" },
	{ "$defs>TCPServerThread>dependentSchemas>TCPConnectionThread",
	  "{\"patternProperties\": "
	  "{\"^TCPConnectionThread [A-Za-z0-9][A-Za-z0-9_.-]{0,63}$\": false}}" },
	{ "$defs>MasterThread>dependentSchemas", NULL },
	{ "$defs>MasterThread>type", "[\"object\", \"null\"]" },
	{ "$defs>MasterThread>properties>IN", NULL },
	{ "$defs>MasterThread>properties>UP", NULL },
	{ "$defs>MasterThread>properties>GroupThread",
	  "{\"$ref\": \"#/$defs/GroupThread\"}" },
	{ "$defs>MasterThread>properties>MasterThread", NULL },
	{ "$defs>MasterThread>properties>TCPConnectionThread", NULL },
	/* Below a pattern: no kind that blocks, nor one of the main worker. */
	{ "$defs>TCPConnectionThread>properties>GroupThread",
	  "{\"$ref\": \"#/$defs/GroupThread.on_demand\"}" },
	{ "$defs>TCPConnectionThread>properties>DatabaseThread", NULL },
	{ "$defs>TCPConnectionThread>properties>TCPServerThread", NULL },
	{ "$defs>GroupThread>properties>DatabaseThread",
	  "{\"$ref\": \"#/$defs/DatabaseThread\"}" },
	{ "$defs>GroupThread.on_demand>properties>DatabaseThread", NULL },
	{ "$defs>GroupThread.on_demand>properties>TimerThread",
	  "{\"$ref\": \"#/$defs/TimerThread\"}" },
	/* Closed kinds, leaves. */
	{ "$defs>WebsocketMasterThread>properties>TimerThread", NULL },
	{ "$defs>WebsocketMasterThread>properties>WebSocketSubThread",
	  "{\"$ref\": \"#/$defs/WebSocketSubThread\"}" },
	{ "$defs>DatabaseThread>patternProperties", NULL },
	/* Options. */
	{ "$defs>DatabaseThread>type", "\"object\"" },
	{ "$defs>DatabaseThread>required", "[\"path\"]" },
	{ "$defs>DatabaseThread>properties>queue>$ref", "\"#/$defs/queue\"" },
	{ "$defs>queue>title", "\"queue\"" },
	{ "$defs>queue_2", NULL },
	{ "$defs>MasterThread>properties>queue", NULL },
	{ "$defs>TCPServerThread>properties>max_connections>minimum", "1" },
	{ "$defs>TCPServerThread>properties>max_connections>maximum", "100000" },
	{ "$defs>TCPServerThread>properties>max_connections>default", "10000" },
	{ "$defs>TCPServerThread>properties>max_connections>$ref",
	  "\"#/$defs/number\"" },
	{ "$defs>TCPConnectionThread>properties>ack>anyOf>0>enum",
	  "[\"none\", \"count64\", \"line\"]" },
	{ "$defs>DataProcessorThread>properties>frame_timeout>anyOf>0>enum",
	  "[\"off\", false]" },
	{ "$defs>DataProcessorThread>properties>frame_timeout>anyOf>1",
	  "{\"$ref\": \"#/$defs/duration\"}" },
	{ "$defs>DataProcessorThread>properties>frame_timeout>description",
	  "\"from a frame's first byte; 1ms or more, or off; default 30s\"" },
	{ "$defs>DataProcessorThread>properties>framing>anyOf>1",
	  "{\"$ref\": \"#/$defs/framing\"}" },
	{ "$defs>framing>required", "[\"type\"]" },
	{ "$defs>framing>additionalProperties", "false" },
	/* A delimiter of no byte is none, in either form. */
	{ "$defs>framing>properties>bytes>minLength", "1" },
	{ "$defs>framing>properties>bytes>properties>hex", "{\"pattern\": \"[^ ]\"}" },
	{ "$defs>switch>anyOf>0>enum",
	  "[true, false, \"yes\", \"no\", \"on\", \"off\"]" },
	{ "$defs>TimerThread>properties>IN", NULL },
	{ "$defs>TimerThread>properties>UP>default", "\"data\"" },
	{ "$defs>TimerThread>properties>UP>anyOf>1>maxItems", "1" },
	{ "$defs>DatabaseThread>properties>IN>anyOf>1>minItems", "1" },
	{ "$defs>DatabaseThread>properties>IN>anyOf>1>maxItems", "64" },
	{ "$defs>TCPServerThread>properties>UP>anyOf>1>minItems", NULL },
};

START_TEST(each_part_is_what_the_loader_takes)
{
	char *text = jsonschema_text(test_schemas), *found = NULL;
	json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL), *expected, *part;

	ck_assert_msg(root != NULL, "%s", text);
	part = jsonschema_part(root, jsonschema_parts[_i].path);
	if (part != NULL)
		found = json_dumps(part, JSON_ENCODE_ANY);
	if (jsonschema_parts[_i].json == NULL) {
		ck_assert_msg(part == NULL, "%s: %s", jsonschema_parts[_i].path, found);
	} else {
		expected = json_loads(jsonschema_parts[_i].json, JSON_DECODE_ANY, NULL);
		ck_assert_ptr_nonnull(expected);
		ck_assert_msg(part != NULL && json_equal(part, expected), "%s: %s",
		    jsonschema_parts[_i].path, found == NULL ? "nothing" : found);
		json_decref(expected);
	}
	free(found);
	json_decref(root);
	free(text);
}
END_TEST

Suite *
check_jsonschema_suite(void)
{
	Suite *s = suite_create("jsonschema");
	TCase *t = tcase_create("jsonschema");

	tcase_add_test(t, the_shipped_file_is_what_the_tables_say);
	tcase_add_loop_test(t, each_part_is_what_the_loader_takes, 0,
	    sizeof(jsonschema_parts) / sizeof(*jsonschema_parts));
	suite_add_tcase(s, t);
	return s;
}
