/* error.c - what went wrong, in words for the person who can mend it.
 *
 * A file of megabytes may hold a mistake in every line: only the first
 * ERROR_SHOWN by place are kept, the others counted. */
#include "config/error.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/arena.h"
#include "config/utf8.h"

#define ERROR_SHOWN 50
#define ERROR_COLUMNS 100	/* of a longer line the part around the mark */
#define ERROR_TEXT 1024

struct error_entry {
	unsigned file;			/* 0: none, else a source's number */
	unsigned line, column;
	char *path, *text, *remedy;
};

/* The first entries by place, and how many there were. */
struct error_list {
	size_t count, kept;
	struct error_entry entries[ERROR_SHOWN];
};

struct error_source {
	struct error_source *next;
	unsigned number;		/* from 1 */
	char *name;
	char *text;			/* NULL: no text was given */
	size_t size;
};

struct error_secret {
	unsigned file;
	struct tt_mark from, to;	/* their `file` is not used */
};

struct tt_errors {
	struct error_list mistakes, warnings;
	struct error_source *sources;
	struct error_secret *secrets;
	size_t n_secrets, room;
};

int
tt_error_set(struct tt_error *err, const char *format, ...)
{
	va_list ap;
	int n;

	if (err == NULL)
		return -1;
	va_start(ap, format);
	n = vsnprintf(err->text, sizeof(err->text), format, ap);
	va_end(ap);
	if (n >= (int)sizeof(err->text))
		strcpy(err->text + tt_utf8_cut(err->text, sizeof(err->text),
		    sizeof(err->text) - 4), "...");
	return -1;
}

struct tt_errors *
tt_errors_create(void)
{
	return tt_arena_must(calloc(1, sizeof(struct tt_errors)));
}

static void
error_entry_finish(struct error_entry *entry)
{
	free(entry->path);
	free(entry->text);
	free(entry->remedy);
}

static void
error_list_finish(struct error_list *list)
{
	size_t i;

	for (i = 0; i < list->kept; i++)
		error_entry_finish(&list->entries[i]);
}

void
tt_errors_destroy(struct tt_errors *errs)
{
	struct error_source *source, *next;

	if (errs == NULL)
		return;
	error_list_finish(&errs->mistakes);
	error_list_finish(&errs->warnings);
	for (source = errs->sources; source != NULL; source = next) {
		next = source->next;
		free(source->name);
		free(source->text);
		free(source);
	}
	free(errs->secrets);
	free(errs);
}

/* The source of that name, made where there is none; NULL for no name. */
static struct error_source *
error_source(struct tt_errors *errs, const char *name)
{
	struct error_source **at = &errs->sources;
	unsigned number = 1;

	if (name == NULL)
		return NULL;
	for (; *at != NULL; at = &(*at)->next, number++)
		if (strcmp((*at)->name, name) == 0)
			return *at;
	*at = tt_arena_must(calloc(1, sizeof(**at)));
	(*at)->number = number;
	(*at)->name = tt_arena_must(strdup(name));
	return *at;
}

void
tt_errors_source(struct tt_errors *errs, const char *file, const char *text,
    size_t size)
{
	struct error_source *source = error_source(errs, file);

	free(source->text);
	source->text = tt_arena_must(malloc(size + 1));
	if (size > 0)
		memcpy(source->text, text, size);
	source->size = size;
}

void
tt_errors_hide(struct tt_errors *errs, struct tt_mark from, struct tt_mark to)
{
	struct error_source *source = error_source(errs, from.file);

	if (source == NULL)
		return;
	if (errs->n_secrets == errs->room) {
		errs->room = errs->room * 2 + 8;
		errs->secrets = tt_arena_must(realloc(errs->secrets,
		    errs->room * sizeof(*errs->secrets)));
	}
	errs->secrets[errs->n_secrets++] =
	    (struct error_secret){ source->number, from, to };
}

static int
error_compare(const struct error_entry *a, const struct error_entry *b)
{
	if (a->file != b->file)
		return a->file < b->file ? -1 : 1;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	if (a->column != b->column)
		return a->column < b->column ? -1 : 1;
	return 0;
}

static bool
error_is_same(const struct error_entry *a, const struct error_entry *b)
{
	return error_compare(a, b) == 0 && strcmp(a->path, b->path) == 0
	    && strcmp(a->text, b->text) == 0;
}

/* Takes ENTRY over.  Equal places stay in the order of their coming. */
static void
error_list_add(struct error_list *list, struct error_entry *entry)
{
	size_t at = list->kept, i;

	for (i = 0; i < list->kept; i++)
		if (error_is_same(&list->entries[i], entry)) {
			error_entry_finish(entry);
			return;
		}
	list->count++;
	while (at > 0 && error_compare(&list->entries[at - 1], entry) > 0)
		at--;
	if (at == ERROR_SHOWN) {
		error_entry_finish(entry);
		return;
	}
	if (list->kept == ERROR_SHOWN)
		error_entry_finish(&list->entries[--list->kept]);
	memmove(&list->entries[at + 1], &list->entries[at],
	    (list->kept - at) * sizeof(*entry));
	list->entries[at] = *entry;
	list->kept++;
}

static void
error_add(struct tt_errors *errs, struct error_list *list, struct tt_mark mark,
    const char *path, const char *remedy, const char *format, va_list ap)
{
	struct error_source *source = error_source(errs, mark.file);
	struct error_entry entry = {
		.file = source == NULL ? 0 : source->number,
		.line = mark.line,
		.column = mark.column,
	};
	char text[ERROR_TEXT];
	int n = vsnprintf(text, sizeof(text), format, ap);

	if (n >= (int)sizeof(text))
		strcpy(text + tt_utf8_cut(text, sizeof(text), sizeof(text) - 4),
		    "...");
	entry.text = tt_arena_must(strdup(text));
	entry.path = tt_arena_must(strdup(path == NULL ? "" : path));
	if (remedy != NULL && *remedy != '\0')
		entry.remedy = tt_arena_must(strdup(remedy));
	error_list_add(list, &entry);
}

int
tt_errors_add(struct tt_errors *errs, struct tt_mark mark, const char *path,
    const char *remedy, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	error_add(errs, &errs->mistakes, mark, path, remedy, format, ap);
	va_end(ap);
	return -1;
}

void
tt_errors_warn(struct tt_errors *errs, struct tt_mark mark, const char *path,
    const char *remedy, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	error_add(errs, &errs->warnings, mark, path, remedy, format, ap);
	va_end(ap);
}

size_t
tt_errors_count(const struct tt_errors *errs)
{
	return errs->mistakes.count;
}

size_t
tt_errors_warnings(const struct tt_errors *errs)
{
	return errs->warnings.count;
}

static void
error_print_text(const char *text, FILE *out)
{
	char shown[TT_UTF8_SHOWN];
	size_t size = strlen(text), at = 0, width;

	while (at < size) {
		at += tt_utf8_show(shown, text + at, size - at, &width);
		fputs(shown, out);
	}
}

/* Where the printing of lines stands in a source: they come sorted. */
struct error_reader {
	const struct error_source *source;
	size_t at, end;			/* the line's bytes */
	unsigned line;
};

static size_t
error_line_end(const struct error_source *source, size_t at)
{
	unsigned char c;

	for (; at < source->size; at++) {
		c = (unsigned char)source->text[at];
		if ((c == '\n' || c == '\r' || c == 0xC2 || c == 0xE2)
		    && tt_utf8_line_end(source->text + at, source->size - at) > 0)
			break;
	}
	return at;
}

/* Finds the line's bytes, without its end.  False if the text has no such line. */
static bool
error_find_line(struct error_reader *r, const struct error_source *source,
    unsigned line, const char **text, size_t *size)
{
	if (source == NULL || source->text == NULL || line == 0)
		return false;
	if (r->source != source || line < r->line) {
		r->source = source;
		r->at = 0;
		if (source->size >= 3 && memcmp(source->text, "\xEF\xBB\xBF", 3) == 0)
			r->at = 3;
		r->line = 1;
		r->end = error_line_end(source, r->at);
	}
	for (; r->line < line; r->line++) {
		if (r->end == source->size)
			return false;
		r->at = r->end + tt_utf8_line_end(source->text + r->end,
		    source->size - r->end);
		r->end = error_line_end(source, r->at);
	}
	*text = source->text + r->at;
	*size = r->end - r->at;
	return true;
}

static bool
error_is_secret(const struct tt_errors *errs, const struct error_entry *e,
    unsigned column)
{
	const struct error_secret *s;
	size_t i;

	for (i = 0; i < errs->n_secrets; i++) {
		s = &errs->secrets[i];
		if (s->file == e->file
		    && (e->line > s->from.line
		    || (e->line == s->from.line && column >= s->from.column))
		    && (e->line < s->to.line
		    || (e->line == s->to.line && column < s->to.column)))
			return true;
	}
	return false;
}

/* The line, or of a long one the part around the mark, and the caret below. */
static void
error_print_line(const struct tt_errors *errs, const struct error_entry *e,
    const char *text, size_t size, FILE *out)
{
	unsigned column = 1, from = 1, to;
	size_t at = 0, width, caret = 0;
	char shown[TT_UTF8_SHOWN];

	if (e->column > ERROR_COLUMNS * 3 / 4)
		from = e->column - ERROR_COLUMNS / 2;
	to = from + ERROR_COLUMNS;
	fputs("    ", out);
	if (from > 1) {
		fputs("...", out);
		caret += 3;
	}
	for (; at < size && column < to; column++) {
		at += tt_utf8_show(shown, text + at, size - at, &width);
		if (column < from)
			continue;
		if (error_is_secret(errs, e, column)) {
			strcpy(shown, "*");
			width = 1;
		}
		fputs(shown, out);
		if (column < e->column)
			caret += width;
	}
	if (at < size)
		fputs("...", out);
	fprintf(out, "\n    %*s^\n", (int)caret, "");
}

static void
error_print(const struct tt_errors *errs, const struct error_entry *e,
    const char *grade, struct error_reader *reader, FILE *out)
{
	const struct error_source *source = errs->sources;
	const char *line;
	size_t size;

	while (source != NULL && source->number != e->file)
		source = source->next;
	if (source != NULL) {
		error_print_text(source->name, out);
		if (e->line > 0)
			fprintf(out, ":%u:%u", e->line, e->column);
		fputs(": ", out);
	}
	fprintf(out, "%s: ", grade);
	if (*e->path != '\0') {
		error_print_text(e->path, out);
		fputs(": ", out);
	}
	error_print_text(e->text, out);
	fputc('\n', out);
	if (error_find_line(reader, source, e->line, &line, &size))
		error_print_line(errs, e, line, size, out);
	if (e->remedy != NULL) {
		fputs("    ", out);
		error_print_text(e->remedy, out);
		fputc('\n', out);
	}
}

void
tt_errors_print(const struct tt_errors *errs, FILE *out)
{
	const struct error_list *m = &errs->mistakes, *w = &errs->warnings;
	struct error_reader reader = { .source = NULL };
	size_t i = 0, j = 0;

	while (i < m->kept || j < w->kept) {
		if (j == w->kept || (i < m->kept
		    && error_compare(&m->entries[i], &w->entries[j]) <= 0))
			error_print(errs, &m->entries[i++], "error", &reader, out);
		else
			error_print(errs, &w->entries[j++], "warning", &reader, out);
	}
	if (m->count > m->kept)
		fprintf(out, "... and %zu more errors\n", m->count - m->kept);
	if (w->count > w->kept)
		fprintf(out, "... and %zu more warnings\n", w->count - w->kept);
}
