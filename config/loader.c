/* loader.c - from a YAML file to a checked and wired tree of nodes.
 *
 * The door to libyaml.  Its events become values here; what they mean is for
 * table.c, node.c and wiring.c. */
#include "config/loader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#include "config/bound.h"
#include "config/build.h"
#include "config/load.h"
#include "config/section.h"
#include "config/syntax.h"
#include "config/value.h"
#include "config/wiring.h"

/* One document being read. */
struct loader_reader {
	yaml_parser_t parser;
	struct tt_arena *arena;
	struct tt_errors *errs;
	const char *file;
	const char *text;
	size_t size;
	unsigned n_values;
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
	tt_syntax_explain(&p, r->text, r->size, r->errs);
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

/* The items of V, or its keys with their values, up to the event that ends it. */
static bool
loader_items(struct loader_reader *r, struct tt_value *v, unsigned depth)
{
	struct tt_value **tail = &v->first, **value, *item;
	yaml_event_t event;

	for (;; v->n++) {
		if (!loader_next(r, &event))
			return false;
		if (event.type == YAML_SEQUENCE_END_EVENT
		    || event.type == YAML_MAPPING_END_EVENT) {
			v->end = loader_mark(r, event.end_mark);
			yaml_event_delete(&event);
			return true;
		}
		item = loader_append(r, &tail, &event, depth);
		if (item == NULL)
			return false;
		if (v->type == TT_VALUE_LIST)
			continue;
		value = &item->value;
		if (!loader_next(r, &event)
		    || loader_append(r, &value, &event, depth) == NULL)
			return false;
	}
}

static struct tt_value *
loader_value(struct loader_reader *r, const yaml_event_t *event, unsigned depth)
{
	struct tt_value *v;
	struct tt_mark mark = loader_mark(r, event->start_mark);

	if (++r->n_values > TT_VALUE_COUNT) {
		tt_errors_add(r->errs, mark, NULL, NULL,
		    "the file holds more than %d values", TT_VALUE_COUNT);
		return NULL;
	}
	v = tt_arena_alloc(r->arena, sizeof(*v));
	v->mark = mark;
	v->end = loader_mark(r, event->end_mark);
	switch (event->type) {
	case YAML_ALIAS_EVENT:
		v->alias = true;
		v->text = "";
		v->anchor = loader_text(r, event->data.alias.anchor);
		return v;
	case YAML_SCALAR_EVENT:
		v->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
		v->size = event->data.scalar.length;
		v->text = tt_arena_text(r->arena,
		    (const char *)event->data.scalar.value, v->size);
		v->tag = loader_text(r, event->data.scalar.tag);
		v->anchor = loader_text(r, event->data.scalar.anchor);
		return v;
	case YAML_SEQUENCE_START_EVENT:
		v->type = TT_VALUE_LIST;
		v->tag = loader_text(r, event->data.sequence_start.tag);
		v->anchor = loader_text(r, event->data.sequence_start.anchor);
		break;
	default:
		v->type = TT_VALUE_MAPPING;
		v->tag = loader_text(r, event->data.mapping_start.tag);
		v->anchor = loader_text(r, event->data.mapping_start.anchor);
		break;
	}
	if (depth == TT_VALUE_DEPTH) {
		tt_errors_add(r->errs, mark, NULL, NULL,
		    "nested deeper than %d levels", TT_VALUE_DEPTH);
		return NULL;
	}
	return loader_items(r, v, depth + 1) ? v : NULL;
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
		if (type == YAML_DOCUMENT_START_EVENT && root != NULL)
			tt_errors_add(r->errs, mark, NULL,
			    "one file holds one document",
			    "a second document begins here");
		else if (type == YAML_SCALAR_EVENT || type == YAML_ALIAS_EVENT
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
		if (root == NULL && type != YAML_STREAM_END_EVENT)
			return NULL;
		if (type == YAML_STREAM_END_EVENT
		    || type == YAML_DOCUMENT_START_EVENT)
			return root;
	}
}

struct tt_value *
tt_value_parse(struct tt_arena *arena, const char *file, const char *text,
    size_t size, struct tt_errors *errs)
{
	struct loader_reader r = { .arena = arena, .errs = errs, .file = file,
		.text = text, .size = size };
	struct tt_mark begin = { .file = file, .line = 1, .column = 1 };
	struct tt_value *root;
	size_t before, mark;

	if (!tt_syntax_check_bytes(file, text, size, errs))
		return NULL;
	/* libyaml skips the mark only where it guesses the encoding. */
	mark = size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
	before = tt_errors_count(errs);
	tt_arena_must(yaml_parser_initialize(&r.parser) ? arena : NULL);
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser,
	    (const unsigned char *)text + mark, size - mark);
	root = loader_document(&r);
	yaml_parser_delete(&r.parser);
	if (tt_errors_count(errs) == before && (root == NULL
	    || tt_value_is_empty(root)))
		tt_errors_add(errs, begin, NULL,
		    "it begins with \"taskthread: 1\" and has one MasterThread",
		    "the file says nothing");
	return root == NULL || tt_value_is_empty(root) ? NULL : root;
}

/* Everything that is not libyaml's, in the order in which one needs the other. */
static void
loader_build(struct tt_load *l, struct tt_value *root)
{
	tt_value_check(l->arena, root, l->errs);
	if (root->type != TT_VALUE_MAPPING) {
		tt_errors_add(l->errs, root->mark, NULL,
		    "it begins with \"taskthread: 1\" and has one MasterThread",
		    "the file holds %s, no keys", tt_value_what(root));
		return;
	}
	tt_section_load(l, root);
	if (!tt_build_tree(l, root))
		return;
	tt_wiring_infer(l);
	tt_bound_check(l);
}

struct tt_document *
tt_document_parse(const char *file, const char *text, size_t size,
    const struct tt_schema *const *schemas, enum tt_load_mode mode,
    struct tt_errors *errs)
{
	struct tt_load l = { .schemas = schemas, .mode = mode, .errs = errs };
	size_t before = tt_errors_count(errs);
	struct tt_value *root;

	l.arena = tt_arena_create();
	l.doc = tt_arena_alloc(l.arena, sizeof(*l.doc));
	l.doc->arena = l.arena;
	l.doc->file = tt_arena_text(l.arena, file, strlen(file));
	if (size > TT_VALUE_FILE) {
		tt_errors_add(errs, (struct tt_mark){ .file = file }, NULL, NULL,
		    "larger than %d MiB: no hierarchy file",
		    TT_VALUE_FILE >> 20);
	} else {
		tt_errors_source(errs, file, text, size);
		root = tt_value_parse(l.arena, l.doc->file, text, size, errs);
		if (root != NULL)
			loader_build(&l, root);
	}
	if (tt_errors_count(errs) == before)
		return l.doc;
	tt_document_destroy(l.doc);
	return NULL;
}

/* Up to one byte more than a file may have.  NULL, errno set, if it cannot. */
static char *
loader_read_file(const char *file, size_t *size)
{
	size_t room = 64 << 10, used = 0;
	char *text = NULL;
	ssize_t n = 1;
	int fd = open(file, O_RDONLY | O_CLOEXEC), error;

	if (fd < 0)
		return NULL;
	while (n > 0 && used <= TT_VALUE_FILE) {
		if (text == NULL || used == room) {
			room *= text == NULL ? 1 : 2;
			text = tt_arena_must(realloc(text, room));
		}
		n = read(fd, text + used, room - used);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			used += (size_t)n;
	}
	error = errno;
	close(fd);
	if (n < 0) {
		free(text);
		errno = error;
		return NULL;
	}
	*size = used;
	return text;
}

struct tt_document *
tt_document_load(const char *file, const struct tt_schema *const *schemas,
    enum tt_load_mode mode, struct tt_errors *errs)
{
	struct tt_document *doc;
	size_t size;
	char *text = loader_read_file(file, &size);

	if (text == NULL) {
		tt_errors_add(errs, (struct tt_mark){ .file = file }, NULL, NULL,
		    "cannot be read: %s", strerror(errno));
		return NULL;
	}
	doc = tt_document_parse(file, text, size, schemas, mode, errs);
	free(text);
	return doc;
}

void
tt_document_destroy(struct tt_document *doc)
{
	if (doc != NULL)
		tt_arena_destroy(doc->arena);
}
