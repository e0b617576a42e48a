/* error_print.c - mistakes as people read them: the place, the line, a caret. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "config/error_list.h"
#include "config/utf8.h"

#define ERROR_COLUMNS 100	/* of a longer line the part around the mark */

/* What compilers use: SGR, ECMA-48. */
#define ERROR_BOLD "\033[1m"
#define ERROR_RED "\033[1;31m"
#define ERROR_GREEN "\033[1;32m"
#define ERROR_MAGENTA "\033[1;35m"
#define ERROR_PLAIN "\033[0m"

/* Where the printing of lines stands in a source: they come sorted. */
struct error_reader {
	const struct tt_error_source *source;
	size_t at, end;			/* the line's bytes */
	unsigned line;
};

static size_t
error_line_end(const struct tt_error_source *source, size_t at)
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
error_find_line(struct error_reader *r, const struct tt_error_source *source,
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

bool
tt_errors_line_has(const struct tt_errors *errs, struct tt_mark mark, char c)
{
	const struct tt_error_source *source = errs->sources;
	struct error_reader reader = { .source = NULL };
	const char *line;
	size_t size;

	while (source != NULL && (mark.file == NULL
	    || strcmp(source->name, mark.file) != 0))
		source = source->next;
	/* Bytes before the mark are at least as many as columns. */
	return error_find_line(&reader, source, mark.line, &line, &size)
	    && mark.column <= size
	    && memchr(line + mark.column, c, size - mark.column) != NULL;
}

static bool
error_is_secret(const struct tt_errors *errs, const struct tt_error_entry *e,
    unsigned column)
{
	const struct tt_error_secret *s;
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

/* One printing under way. */
struct error_printer {
	const struct tt_errors *errs;
	struct error_reader reader;
	const char *guessed;		/* the line whose secret begins there: */
	size_t secret;
	bool colour;
	FILE *out;
};

static void
error_paint(const struct error_printer *p, const char *colour)
{
	if (p->colour)
		fputs(colour, p->out);
}

static void
error_print_text(const struct error_printer *p, const char *text)
{
	char shown[TT_UTF8_SHOWN];
	size_t size = strlen(text), at = 0, width;

	while (at < size) {
		at += tt_utf8_show(shown, text + at, size - at, &width);
		fputs(shown, p->out);
	}
}

/* True if REST, what stands behind a secret's colon, is no secret but says where
 * to find one: ${...}, maybe behind a word as Bearer. */
static bool
error_is_reference(const char *rest, const char *end)
{
	const char *p;

	for (p = rest; p != end; p++) {
		if (*p == '$' && end - p > 1 && p[1] == '{')
			return true;
		if (*p != ' ' && *p != '"' && *p != '\'' && (p - rest > 12
		    || ((*p | 0x20) < 'a' || (*p | 0x20) > 'z')))
			return false;
	}
	return false;
}

size_t
tt_errors_guess_secret(const char *text, size_t size)
{
	static const char *const words[] = { "token", "password", "passwd", "secret",
		"cookie", "authorization", "api_key", "apikey", "api-key" };
	const char *end = text + size, *p, *at;
	size_t i, n;

	for (p = text; p != end; p++)
		for (i = 0; i < sizeof(words) / sizeof(*words); i++) {
			n = strlen(words[i]);
			if ((size_t)(end - p) <= n || strncasecmp(p, words[i], n) != 0)
				continue;
			for (at = p + n; at != end && *at != ':'; at++)
				if (strchr("_-\"' ", *at) == NULL
				    && ((*at | 0x20) < 'a' || (*at | 0x20) > 'z'))
					break;
			if (at != end && *at == ':'
			    && !error_is_reference(at + 1, end))
				return (size_t)(at + 1 - text);
		}
	return size;
}

/* The line, or of a long one the part around the mark, and the caret below. */
static void
error_print_line(struct error_printer *p, const struct tt_error_entry *e,
    const char *text, size_t size)
{
	size_t at = 0, width, caret = 0;
	unsigned column = 1, from = 1, to;
	char shown[TT_UTF8_SHOWN];
	bool hide;

	/* A line may be megabytes long, and have fifty mistakes. */
	if (p->guessed != text)
		p->secret = tt_errors_guess_secret(text, size);
	p->guessed = text;
	if (e->column > ERROR_COLUMNS * 3 / 4)
		from = e->column - ERROR_COLUMNS / 2;
	to = from + ERROR_COLUMNS;
	fputs("    ", p->out);
	if (from > 1) {
		fputs("...", p->out);
		caret += 3;
	}
	for (; at < size && column < to; column++) {
		hide = (at >= p->secret && text[at] != ' ')
		    || error_is_secret(p->errs, e, column);
		at += tt_utf8_show(shown, text + at, size - at, &width);
		if (column < from)
			continue;
		if (hide) {
			strcpy(shown, "*");
			width = 1;
		}
		fputs(shown, p->out);
		if (column < e->column)
			caret += width;
	}
	if (at < size)
		fputs("...", p->out);
	fprintf(p->out, "\n    %*s", (int)caret, "");
	error_paint(p, ERROR_GREEN);
	fputc('^', p->out);
	error_paint(p, ERROR_PLAIN);
	fputc('\n', p->out);
}

/* "12", or "other.yaml:12" where LINE stands in another file than the mistake. */
static void
error_place(char *buf, size_t room, const struct tt_errors_line *line,
    const char *file)
{
	const char *name = line->mark.file, *slash;

	if (name == NULL || file == NULL || strcmp(name, file) == 0) {
		snprintf(buf, room, "%u", line->mark.line);
		return;
	}
	slash = strrchr(name, '/');
	snprintf(buf, room, "%.*s:%u", 40, slash == NULL ? name : slash + 1,
	    line->mark.line);
}

static size_t
error_most(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* The lines of the tree, in columns: they hold ASCII, but for the file's name. */
static void
error_print_tree(const struct error_printer *p, const struct tt_error_entry *e,
    const char *file)
{
	size_t place = 4, node = 0, says = 0, i;
	const struct tt_errors_line *line;
	char buf[80];

	for (i = 0; i < e->n_lines; i++) {
		line = &e->lines[i];
		error_place(buf, sizeof(buf), line, file);
		place = error_most(place, strlen(buf));
		node = error_most(node, 2 * line->depth + strlen(line->node));
		says = error_most(says, strlen(line->says));
	}
	for (i = 0; i < e->n_lines; i++) {
		line = &e->lines[i];
		error_place(buf, sizeof(buf), line, file);
		fprintf(p->out, "    %*s", (int)(place - strlen(buf)), "");
		error_print_text(p, buf);
		fprintf(p->out, " | %*s", (int)(2 * line->depth), "");
		error_print_text(p, line->node);
		if (*line->says != '\0' || line->points != NULL)
			fprintf(p->out, "%*s  ", (int)(node - 2 * line->depth
			    - strlen(line->node)), "");
		error_print_text(p, line->says);
		if (line->points != NULL) {
			fprintf(p->out, "%*s  ", (int)(says - strlen(line->says)), "");
			error_paint(p, ERROR_GREEN);
			fputs("<- ", p->out);
			error_print_text(p, line->points);
			error_paint(p, ERROR_PLAIN);
		}
		fputc('\n', p->out);
	}
}

static void
error_print(struct error_printer *p, const struct tt_error_entry *e, const char *grade,
    const char *colour)
{
	const struct tt_error_source *source = p->errs->sources;
	const char *line;
	size_t size;

	while (source != NULL && source->number != e->file)
		source = source->next;
	if (source != NULL) {
		error_paint(p, ERROR_BOLD);
		error_print_text(p, source->name);
		if (e->line > 0)
			fprintf(p->out, ":%u:%u", e->line, e->column);
		fputc(':', p->out);
		error_paint(p, ERROR_PLAIN);
		fputc(' ', p->out);
	}
	error_paint(p, colour);
	fprintf(p->out, "%s:", grade);
	error_paint(p, ERROR_PLAIN);
	fputc(' ', p->out);
	if (*e->path != '\0') {
		error_print_text(p, e->path);
		fputs(": ", p->out);
	}
	error_print_text(p, e->text);
	fputc('\n', p->out);
	if (error_find_line(&p->reader, source, e->line, &line, &size))
		error_print_line(p, e, line, size);
	error_print_tree(p, e, source == NULL ? NULL : source->name);
	if (e->remedy != NULL) {
		fputs("    ", p->out);
		error_print_text(p, e->remedy);
		fputc('\n', p->out);
	}
}

void
tt_errors_print_as(const struct tt_errors *errs, FILE *out, bool colour)
{
	const struct tt_error_list *m = &errs->mistakes, *w = &errs->warnings;
	struct error_printer p = { .errs = errs, .colour = colour, .out = out };
	size_t i = 0, j = 0;

	while (i < m->kept || j < w->kept) {
		if (j == w->kept || (i < m->kept
		    && tt_error_compare(&m->entries[i], &w->entries[j]) <= 0))
			error_print(&p, &m->entries[i++], "error", ERROR_RED);
		else
			error_print(&p, &w->entries[j++], "warning", ERROR_MAGENTA);
	}
	if (m->count > m->kept)
		fprintf(out, "... and %zu more errors\n", m->count - m->kept);
	if (w->count > w->kept)
		fprintf(out, "... and %zu more warnings\n", w->count - w->kept);
}

void
tt_errors_print(const struct tt_errors *errs, FILE *out)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
	int fd = fileno(out);		/* a stream in memory has none */

	tt_errors_print_as(errs, out, fd >= 0 && isatty(fd)
	    && (no == NULL || *no == '\0')
	    && term != NULL && *term != '\0' && strcmp(term, "dumb") != 0);
}
