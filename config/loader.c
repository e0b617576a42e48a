/* loader.c - the door to libyaml: its events become values.
 *
 * What they mean is for others.  All that grows here is bounded: the text before it
 * comes here, the number of values and their depth below. */
#include "config/loader.h"

#include <string.h>
#include <yaml.h>

#include "config/expand.h"
#include "config/syntax.h"

/* One document being read. */
struct loader_reader {
	yaml_parser_t parser;
	struct tt_arena *arena;
	struct tt_errors *errs;
	const char *file;
	const char *text;
	size_t size;
	unsigned *count;		/* values of the document */
	unsigned refused;		/* the first line that goes too far, or 0 */
	struct tt_expand expand;
	char path[TT_VALUE_PATH];	/* of the node that is being read */
};

static struct tt_value *loader_value(struct loader_reader *r,
    const yaml_event_t *event, unsigned depth);

static struct tt_mark
loader_mark(const struct loader_reader *r, yaml_mark_t mark)
{
	return (struct tt_mark){ .file = r->file,
		.line = (unsigned)mark.line + 1, .column = (unsigned)mark.column + 1 };
}

/* The next event, to be deleted by the caller.  False: it was reported. */
static bool
loader_next(struct loader_reader *r, yaml_event_t *event)
{
	struct tt_syntax_problem p = { .problem = NULL };

	if (yaml_parser_parse(&r->parser, event))
		return true;
	tt_arena_must(r->parser.error == YAML_MEMORY_ERROR ? NULL : r);
	p.problem = r->parser.problem;
	p.context = r->parser.context;
	p.mark = loader_mark(r, r->parser.problem_mark);
	p.context_mark = loader_mark(r, r->parser.context_mark);
	r->refused = tt_syntax_explain(&p, r->text, r->size, r->errs);
	if (p.mark.line < r->refused)
		r->refused = p.mark.line;
	/* Where columns are wrong, nobody knows which of them. */
	if (p.context != NULL && strstr(p.context, "block") != NULL
	    && p.context_mark.line < r->refused)
		r->refused = p.context_mark.line;
	return false;
}

static const char *
loader_text(struct loader_reader *r, const yaml_char_t *text)
{
	return text == NULL ? NULL
	    : tt_arena_text(r->arena, (const char *)text, strlen((const char *)text));
}

/* Appends to *TAIL what EVENT begins.  Returns NULL where reading cannot go on. */
static struct tt_value *
loader_append(struct loader_reader *r, struct tt_value ***tail, yaml_event_t *event,
    unsigned depth)
{
	struct tt_value *v = loader_value(r, event, depth);

	yaml_event_delete(event);
	if (v == NULL)
		return NULL;
	**tail = v;
	*tail = &v->next;
	return v;
}

/* Goes into the node of KEY, if it is one.  Returns the length of the path before. */
static size_t
loader_enter(struct loader_reader *r, const struct tt_value *key, unsigned depth)
{
	size_t length = strlen(r->path);

	if (key->type == TT_VALUE_SCALAR && !key->bad && (tt_value_is_kind(key->text)
	    || (depth == 1 && tt_value_is(key, "daemon")))) {
		if (length > 0)
			strcat(r->path + length, "/");
		strcat(r->path + length, key->text);
	}
	return length;
}

/* The items of V, or its keys with their values, up to the event that ends it. */
static bool
loader_items(struct loader_reader *r, struct tt_value *v, unsigned depth)
{
	struct tt_value **tail = &v->first, **value, *item;
	yaml_event_t event;
	size_t length;

	for (;; v->n++) {
		if (!loader_next(r, &event))
			return false;
		if (event.type == YAML_SEQUENCE_END_EVENT
		    || event.type == YAML_MAPPING_END_EVENT) {
			v->end = loader_mark(r, event.end_mark);
			yaml_event_delete(&event);
			if (v->type == TT_VALUE_MAPPING)
				tt_expand_merge(&r->expand, v);
			return true;
		}
		item = loader_append(r, &tail, &event, depth);
		if (item == NULL)
			return false;
		if (v->type == TT_VALUE_LIST)
			continue;
		value = &item->value;
		length = loader_enter(r, item, depth);
		if (!loader_next(r, &event)
		    || loader_append(r, &value, &event, depth) == NULL)
			return false;
		r->path[length] = '\0';
	}
}

/* A scalar, as the file has it. */
static bool
loader_scalar(struct loader_reader *r, struct tt_value *v, const yaml_event_t *event)
{
	v->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	v->size = event->data.scalar.length;
	v->tag = loader_text(r, event->data.scalar.tag);
	if (v->size > TT_VALUE_TEXT) {
		tt_errors_add(r->errs, v->mark, r->path, NULL,
		    "a text of %zu bytes is longer than %d KiB", v->size,
		    TT_VALUE_TEXT >> 10);
		return false;
	}
	v->text = tt_arena_text(r->arena, (const char *)event->data.scalar.value,
	    v->size);
	return true;
}

/* The name that EVENT gives to its value, or NULL. */
static const yaml_char_t *
loader_anchor(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return event->data.scalar.anchor;
	case YAML_SEQUENCE_START_EVENT:
		return event->data.sequence_start.anchor;
	default:
		return event->data.mapping_start.anchor;
	}
}

/* A list or a mapping, DEPTH levels below the root. */
static bool
loader_collection(struct loader_reader *r, struct tt_value *v,
    const yaml_event_t *event, unsigned depth)
{
	v->tag = loader_text(r, v->type == TT_VALUE_LIST
	    ? event->data.sequence_start.tag : event->data.mapping_start.tag);
	if (depth < TT_VALUE_DEPTH)
		return loader_items(r, v, depth + 1);
	tt_errors_add(r->errs, v->mark, NULL, NULL, "nested deeper than %d levels",
	    TT_VALUE_DEPTH);
	return false;
}

static struct tt_value *
loader_value(struct loader_reader *r, const yaml_event_t *event, unsigned depth)
{
	struct tt_mark mark = loader_mark(r, event->start_mark);
	const yaml_char_t *anchor;
	struct tt_value *v;
	bool ok;

	if (event->type == YAML_ALIAS_EVENT)
		return tt_expand_alias(&r->expand,
		    loader_text(r, event->data.alias.anchor), mark, depth);
	if (++*r->count > TT_VALUE_COUNT) {
		tt_errors_add(r->errs, mark, NULL, NULL,
		    "the file holds more than %d values", TT_VALUE_COUNT);
		return NULL;
	}
	v = tt_arena_alloc(r->arena, sizeof(*v));
	v->mark = mark;
	v->end = loader_mark(r, event->end_mark);
	v->type = event->type == YAML_SCALAR_EVENT ? TT_VALUE_SCALAR
	    : event->type == YAML_SEQUENCE_START_EVENT ? TT_VALUE_LIST
	    : TT_VALUE_MAPPING;
	anchor = loader_anchor(event);
	if (anchor != NULL
	    && !tt_expand_define(&r->expand, loader_text(r, anchor), v))
		return NULL;
	ok = v->type == TT_VALUE_SCALAR ? loader_scalar(r, v, event)
	    : loader_collection(r, v, event, depth);
	if (anchor != NULL)
		tt_expand_complete(&r->expand, v);
	return ok ? v : NULL;
}

/* The first document, and an error for a second one. */
static struct tt_value *
loader_document(struct loader_reader *r)
{
	struct tt_value *root = NULL;
	yaml_event_t event;
	yaml_event_type_t type;
	struct tt_mark mark;

	for (;;) {
		if (!loader_next(r, &event))
			return NULL;
		type = event.type;
		mark = loader_mark(r, event.start_mark);
		if (type == YAML_DOCUMENT_START_EVENT && root != NULL) {
			tt_errors_add(r->errs, mark, NULL,
			    "one file holds one document",
			    "a second document begins here");
			r->refused = mark.line;
			root = NULL;
		} else if (type == YAML_SCALAR_EVENT || type == YAML_ALIAS_EVENT
		    || type == YAML_SEQUENCE_START_EVENT
		    || type == YAML_MAPPING_START_EVENT)
			root = loader_value(r, &event, 0);
		else if (type == YAML_STREAM_START_EVENT
		    || type == YAML_DOCUMENT_START_EVENT
		    || type == YAML_DOCUMENT_END_EVENT) {
			yaml_event_delete(&event);
			continue;
		}
		yaml_event_delete(&event);
		if (root == NULL || type == YAML_STREAM_END_EVENT)
			return root;
	}
}

struct tt_value *
tt_value_parse(struct tt_arena *arena, const char *file, const char *text,
    size_t size, unsigned *count, struct tt_errors *errs, unsigned *read)
{
	struct loader_reader r = { .arena = arena, .errs = errs, .file = file,
		.text = text, .size = size, .count = count,
		.expand = { .arena = arena, .errs = errs, .count = count } };
	struct tt_mark begin = { .file = file, .line = 1, .column = 1 };
	struct tt_value *root;
	size_t before, mark;

	if (read != NULL)
		*read = 0;
	if (!tt_syntax_check_bytes(file, text, size, errs))
		return NULL;
	r.expand.path = r.path;
	/* libyaml skips the mark only where it guesses the encoding. */
	mark = size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
	before = tt_errors_count(errs);
	tt_arena_must(yaml_parser_initialize(&r.parser) ? arena : NULL);
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser,
	    (const unsigned char *)text + mark, size - mark);
	root = loader_document(&r);
	yaml_parser_delete(&r.parser);
	if (read != NULL && r.refused > 0)
		*read = r.refused - 1;
	if (tt_errors_count(errs) == before && (root == NULL
	    || tt_value_is_empty(root)))
		tt_errors_add(errs, begin, NULL,
		    "it begins with \"taskthread: 1\" and has one MasterThread",
		    "the file says nothing");
	return root == NULL || tt_value_is_empty(root) ? NULL : root;
}
