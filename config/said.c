/* said.c - what the file says of a node's options, as people may see it. */
#include "config/said.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/build.h"
#include "config/option.h"
#include "config/table.h"
#include "config/utf8.h"

#define SAID_LONG 60		/* bytes of a text */
#define SAID_MANY 6		/* items of a list, or of a mapping of texts */

/* One node's options being shown.  What is standard for a table stands in a struct
 * like the node's own, at the same offsets. */
struct said {
	struct tt_table_owner owner;
	FILE *out;
};

/* --- what holds anyway --------------------------------------------------- */

static bool
said_same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool
said_same_addresses(const struct tt_addresses *a, const struct tt_addresses *b)
{
	size_t i;

	if (a->n != b->n)
		return false;
	for (i = 0; i < a->n; i++)
		if (!said_same_text(a->list[i].text, b->list[i].text))
			return false;
	return true;
}

static bool
said_same_texts(const struct tt_texts *a, const struct tt_texts *b)
{
	size_t i;

	if (a->n != b->n)
		return false;
	for (i = 0; i < a->n; i++)
		if (!said_same_text(a->list[i], b->list[i]))
			return false;
	return true;
}

static bool
said_same_pairs(const struct tt_pairs *a, const struct tt_pairs *b)
{
	size_t i;

	if (a->n != b->n)
		return false;
	for (i = 0; i < a->n; i++)
		if (!said_same_text(a->list[i].name, b->list[i].name)
		    || !said_same_text(a->list[i].value, b->list[i].value))
			return false;
	return true;
}

static bool said_is_standard(const struct tt_option *o, const char *slot,
    const char *standard);

static bool
said_same_group(const struct tt_option *o, const char *a, const char *b)
{
	const struct tt_option *m;

	if (*(const bool *)a != *(const bool *)b)
		return false;
	for (m = o->group; *(const bool *)a && m->name != NULL; m++)
		if (!said_is_standard(m, a + m->offset, b + m->offset))
			return false;
	return true;
}

/* True if what was stored for O in SLOT is what STANDARD has without it. */
static bool
said_is_standard(const struct tt_option *o, const char *slot, const char *standard)
{
	const struct tt_bytes *a = (const void *)slot, *b = (const void *)standard;

	switch (o->type) {
	case TT_OPT_ENUM:
		/* Without a default of its own, absent means none of its choices. */
		return o->standard != NULL
		    && *(const int *)slot == *(const int *)standard;
	case TT_OPT_STRING:
	case TT_OPT_PATH:
	case TT_OPT_URL:
		/* A URL's struct begins with its text. */
		return said_same_text(*(const char *const *)slot,
		    *(const char *const *)standard);
	case TT_OPT_BYTES:
		return a->size == b->size
		    && (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
	case TT_OPT_ADDRESSES:
		return said_same_addresses((const void *)slot,
		    (const void *)standard);
	case TT_OPT_STRINGS:
		return said_same_pairs((const void *)slot, (const void *)standard);
	case TT_OPT_TEXTS:
		return said_same_texts((const void *)slot, (const void *)standard);
	case TT_OPT_GROUP:
		return said_same_group(o, slot, standard);
	default:
		return memcmp(slot, standard, tt_option_size(o)) == 0;
	}
}

/* True if the file does not say VALUE itself, or not all of it: another time it may
 * be another. */
static bool
said_is_elsewhere(const struct tt_value *value)
{
	const struct tt_value *v;

	if (value->type == TT_VALUE_SCALAR)
		return value->written != NULL;
	for (v = value->first; v != NULL; v = v->next)
		if (said_is_elsewhere(value->type == TT_VALUE_LIST ? v : v->value))
			return true;
	return false;
}

/* --- values as people may see them --------------------------------------- */

static void
said_text(FILE *out, const char *text, size_t size)
{
	size_t cut = tt_utf8_cut(text, size, SAID_LONG), at = 0, width;
	char shown[TT_UTF8_SHOWN];

	while (at < cut) {
		at += tt_utf8_show(shown, text + at, cut - at, &width);
		fputs(shown, out);
	}
	fputs(cut < size ? "..." : "", out);
}

/* A URL without what may be a password or a token: who asks, and the query. */
static void
said_url(FILE *out, const char *text, size_t size)
{
	const char *query = memchr(text, '?', size), *host, *at;
	size_t length = query == NULL ? size : (size_t)(query - text);

	host = memmem(text, length, "://", 3);
	host = host == NULL ? text : host + 3;
	at = memrchr(host, '@', length - (size_t)(host - text));
	if (at != NULL) {
		said_text(out, text, (size_t)(host - text));
		fputs("***", out);
		host = at;
	} else {
		host = text;
	}
	said_text(out, host, length - (size_t)(host - text));
	fputs(query == NULL ? "" : "?***", out);
}

/* True if nobody takes TEXT without its quotes for more than one word. */
static bool
said_is_word(const char *text, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		if ((unsigned char)text[i] <= ' '
		    || strchr("\"'#,[]{}", text[i]) != NULL)
			return false;
	return size > 0;
}

static void
said_scalar(FILE *out, const struct tt_option *o, const struct tt_value *v)
{
	const char *text = v->written != NULL ? v->written : v->text;
	size_t size = v->written != NULL ? strlen(v->written) : v->size;
	const char *quote = v->plain || said_is_word(text, size) ? "" : "\"";

	fputs(quote, out);
	if (o->type == TT_OPT_URL)
		said_url(out, text, size);
	else
		said_text(out, text, size);
	fputs(quote, out);
}

/* A list, or a mapping whose keys are no options. */
static void
said_items(FILE *out, const struct tt_option *o, const struct tt_value *value)
{
	bool is_list = value->type == TT_VALUE_LIST;
	const struct tt_value *v;
	unsigned n = 0;

	fputc(is_list ? '[' : '{', out);
	for (v = value->first; v != NULL && n < SAID_MANY; v = v->next, n++) {
		fputs(n == 0 ? "" : ", ", out);
		if (!is_list) {
			said_text(out, v->text, v->size);
			fputs(": ", out);
		}
		said_scalar(out, o, is_list ? v : v->value);
	}
	if (value->n > n)
		fprintf(out, ", ... %u more", value->n - n);
	fputc(is_list ? ']' : '}', out);
}

static void said_value(struct said *s, const struct tt_option *o,
    const struct tt_value *value, const char *slot, char *standard);

/* The members that the file says and that do not hold anyway. */
static void
said_group(struct said *s, const struct tt_option *o, const struct tt_value *value,
    const char *slot, char *standard)
{
	const struct tt_value *key;
	const struct tt_option *m;
	const char *before = "";

	/* Where the group is given at all, its members' own defaults hold. */
	tt_table_fill(&s->owner, o->group, standard, NULL);
	fputc('{', s->out);
	for (key = value->first; key != NULL; key = key->next) {
		m = tt_table_find(o->group, key->text);
		if (m == NULL || (!m->required && !said_is_elsewhere(key->value)
		    && said_is_standard(m, slot + m->offset, standard + m->offset)))
			continue;
		fprintf(s->out, "%s%s: ", before, m->name);
		said_value(s, m, key->value, slot + m->offset, standard + m->offset);
		before = ", ";
	}
	fputc('}', s->out);
}

static void
said_value(struct said *s, const struct tt_option *o, const struct tt_value *value,
    const char *slot, char *standard)
{
	const struct tt_option *m = o->shorthand == NULL ? NULL
	    : tt_table_find(o->group, o->shorthand);

	if (o->secret || (value->type == TT_VALUE_SCALAR && m != NULL && m->secret))
		fputs("***", s->out);
	else if (value->type == TT_VALUE_SCALAR)
		said_scalar(s->out, m != NULL ? m : o, value);
	else if (o->type == TT_OPT_GROUP)
		said_group(s, o, value, slot, standard);
	else
		said_items(s->out, o, value);
}

/* --- a node -------------------------------------------------------------- */

static const char *
said_show(struct said *s, const struct tt_option *o, const struct tt_value *value,
    const char *slot, char *standard)
{
	char *text = NULL;
	size_t size;
	const char *copy;

	s->out = tt_arena_must(open_memstream(&text, &size));
	said_value(s, o, value, slot, standard);
	fclose(s->out);
	copy = tt_arena_text(s->owner.load->arena, tt_arena_must(text), size);
	free(text);
	return copy;
}

size_t
tt_said_options(struct tt_arena *arena, const struct tt_document *doc,
    const struct tt_node *node, const struct tt_said **list)
{
	const struct tt_option *common = tt_build_common(node->schema), *o;
	struct tt_document copy = *doc;
	struct tt_load load = { .arena = arena, .doc = &copy };
	struct said s = { .owner = { .load = &load, .silent = true } };
	const struct tt_value *key = node->value == NULL ? NULL : node->value->first;
	struct tt_said *said;
	char *own, *others;
	const char *slot;
	bool is_own;
	size_t n = 0;

	*list = NULL;
	if (key == NULL)
		return 0;
	load.errs = tt_errors_create();
	own = tt_arena_alloc(arena, node->schema->config_size + 1);
	others = tt_arena_alloc(arena, sizeof(*node));
	said = tt_arena_alloc(arena, node->value->n * sizeof(*said));
	tt_table_fill(&s.owner, node->schema->options, own, NULL);
	tt_table_fill(&s.owner, common, others, NULL);
	for (; key != NULL; key = key->next) {
		o = tt_table_find(node->schema->options, key->text);
		is_own = o != NULL;
		if (!is_own)
			o = tt_table_find(common, key->text);
		if (o == NULL)
			continue;
		slot = (is_own ? (const char *)node->config : (const char *)node)
		    + o->offset;
		if (!o->required && !said_is_elsewhere(key->value)
		    && said_is_standard(o, slot, (is_own ? own : others) + o->offset))
			continue;
		said[n++] = (struct tt_said){ o, said_show(&s, o, key->value, slot,
		    (is_own ? own : others) + o->offset) };
	}
	tt_errors_destroy(load.errs);
	*list = said;
	return n;
}
