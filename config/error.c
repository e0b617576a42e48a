/* error.c - what went wrong, in words for the person who can mend it.
 *
 * A file of megabytes may hold a mistake in every line: only the first
 * TT_ERROR_SHOWN by place are kept, the others counted. */
#include "config/error.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/arena.h"
#include "config/error_list.h"
#include "config/utf8.h"

#define ERROR_TEXT 1024

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
error_entry_finish(struct tt_error_entry *entry)
{
	size_t i;

	for (i = 0; i < entry->n_lines; i++) {
		free((char *)entry->lines[i].node);
		free((char *)entry->lines[i].says);
		free((char *)entry->lines[i].points);
	}
	free(entry->lines);
	free(entry->path);
	free(entry->text);
	free(entry->remedy);
}

static void
error_list_finish(struct tt_error_list *list)
{
	size_t i;

	for (i = 0; i < list->kept; i++)
		error_entry_finish(&list->entries[i]);
}

void
tt_errors_destroy(struct tt_errors *errs)
{
	struct tt_error_source *source, *next;

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
static struct tt_error_source *
error_source(struct tt_errors *errs, const char *name)
{
	struct tt_error_source **at = &errs->sources;
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
	struct tt_error_source *source = error_source(errs, file);

	free(source->text);
	source->text = tt_arena_must(malloc(size + 1));
	if (size > 0)
		memcpy(source->text, text, size);
	source->size = size;
}

void
tt_errors_hide(struct tt_errors *errs, struct tt_mark from, struct tt_mark to)
{
	struct tt_error_source *source = error_source(errs, from.file);

	if (source == NULL)
		return;
	if (errs->n_secrets == errs->room) {
		errs->room = errs->room * 2 + 8;
		errs->secrets = tt_arena_must(realloc(errs->secrets,
		    errs->room * sizeof(*errs->secrets)));
	}
	errs->secrets[errs->n_secrets++] =
	    (struct tt_error_secret){ source->number, from, to };
}

int
tt_error_compare(const struct tt_error_entry *a, const struct tt_error_entry *b)
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
error_is_same(const struct tt_error_entry *a, const struct tt_error_entry *b)
{
	/* The path may be another's: what is said once may be used in many nodes. */
	return tt_error_compare(a, b) == 0 && strcmp(a->text, b->text) == 0;
}

/* Takes ENTRY over.  Equal places stay in the order of their coming. */
static void
error_list_add(struct tt_error_list *list, struct tt_error_entry *entry)
{
	size_t at = list->kept, i;

	for (i = 0; i < list->kept; i++)
		if (error_is_same(&list->entries[i], entry)) {
			error_entry_finish(entry);
			return;
		}
	list->count++;
	while (at > 0 && tt_error_compare(&list->entries[at - 1], entry) > 0)
		at--;
	if (at == TT_ERROR_SHOWN) {
		error_entry_finish(entry);
		return;
	}
	if (list->kept == TT_ERROR_SHOWN)
		error_entry_finish(&list->entries[--list->kept]);
	memmove(&list->entries[at + 1], &list->entries[at],
	    (list->kept - at) * sizeof(*entry));
	list->entries[at] = *entry;
	list->kept++;
}

static char *
error_copy(const char *text)
{
	return tt_arena_must(strdup(text == NULL ? "" : text));
}

/* What is said at one place, before it is formatted. */
struct error_saying {
	struct tt_mark mark;
	const char *path, *remedy;	/* may be NULL */
	const struct tt_errors_line *lines;
	size_t n_lines;
};

static void
error_copy_lines(struct tt_errors *errs, struct tt_error_entry *entry,
    const struct error_saying *say)
{
	const struct tt_error_source *source;
	struct tt_errors_line *line;
	size_t i;

	if (say->n_lines == 0)
		return;
	entry->lines = tt_arena_must(calloc(say->n_lines, sizeof(*entry->lines)));
	entry->n_lines = say->n_lines;
	for (i = 0; i < say->n_lines; i++) {
		line = &entry->lines[i];
		*line = say->lines[i];
		source = error_source(errs, line->mark.file);
		line->mark.file = source == NULL ? NULL : source->name;
		line->node = error_copy(line->node);
		line->says = error_copy(line->says);
		if (line->points != NULL)
			line->points = error_copy(line->points);
	}
}

static void
error_add(struct tt_errors *errs, struct tt_error_list *list,
    const struct error_saying *say, const char *format, va_list ap)
{
	struct tt_error_source *source = error_source(errs, say->mark.file);
	struct tt_error_entry entry = {
		.file = source == NULL ? 0 : source->number,
		.line = say->mark.line,
		.column = say->mark.column,
	};
	char text[ERROR_TEXT];
	int n = vsnprintf(text, sizeof(text), format, ap);

	if (n >= (int)sizeof(text))
		strcpy(text + tt_utf8_cut(text, sizeof(text), sizeof(text) - 4),
		    "...");
	entry.text = error_copy(text);
	entry.path = error_copy(say->path);
	if (say->remedy != NULL && *say->remedy != '\0')
		entry.remedy = error_copy(say->remedy);
	error_copy_lines(errs, &entry, say);
	error_list_add(list, &entry);
}

int
tt_errors_add(struct tt_errors *errs, struct tt_mark mark, const char *path,
    const char *remedy, const char *format, ...)
{
	struct error_saying say = { .mark = mark, .path = path, .remedy = remedy };
	va_list ap;

	va_start(ap, format);
	error_add(errs, &errs->mistakes, &say, format, ap);
	va_end(ap);
	return -1;
}

int
tt_errors_add_drawn(struct tt_errors *errs, struct tt_mark mark, const char *path,
    const char *remedy, const struct tt_errors_line *lines, size_t n,
    const char *format, ...)
{
	struct error_saying say = { mark, path, remedy, lines, n };
	va_list ap;

	va_start(ap, format);
	error_add(errs, &errs->mistakes, &say, format, ap);
	va_end(ap);
	return -1;
}

void
tt_errors_warn(struct tt_errors *errs, struct tt_mark mark, const char *path,
    const char *remedy, const char *format, ...)
{
	struct error_saying say = { .mark = mark, .path = path, .remedy = remedy };
	va_list ap;

	va_start(ap, format);
	error_add(errs, &errs->warnings, &say, format, ap);
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
