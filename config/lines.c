/* lines.c - a file that YAML could not read, line by line. */
#include "config/lines.h"

#include <stdint.h>
#include <string.h>

#include "config/utf8.h"

/* The walk over the text, which knows quotes. */
struct lines_walk {
	struct tt_lines *lines;
	const char *text, *end;		/* the file */
	char quote;			/* the one that is open, or 0 */
	struct tt_mark opened;
	bool is_key_inside;		/* a line of it looks like a key */
	unsigned n_brackets;
	struct tt_mark brackets[TT_LINES_BRACKETS];	/* those open, outermost first */
	unsigned block;			/* 1 + the indentation of a key whose text */
					/* stands in the next lines (| and >); or 0 */
};

size_t
tt_lines_key(const char *text)
{
	size_t n = strcspn(text, ":");

	while (text[n] == ':' && text[n + 1] != ' ' && text[n + 1] != '\0')
		n += 1 + strcspn(text + n + 1, ":");
	return text[n] == ':' ? n : 0;
}

/* True if the quote at P, in the line from BEGIN, opens a text: it begins a value. */
static bool
lines_opens(const char *begin, const char *p)
{
	const char *q = p;

	while (q > begin && (q[-1] == ' ' || q[-1] == '\t'))
		q--;
	if (q == begin)
		return true;
	if (strchr("[{,", q[-1]) != NULL)
		return true;
	return q < p && (q[-1] == ':' || q[-1] == '-' || q[-1] == '?');
}

/* The bracket C at MARK opens, or closes, one level. */
static void
lines_bracket(struct lines_walk *w, char c, struct tt_mark mark)
{
	if ((c == '}' || c == ']') && w->n_brackets > 0)
		w->n_brackets--;
	if ((c == '{' || c == '[') && w->n_brackets < TT_LINES_BRACKETS)
		w->brackets[w->n_brackets++] = mark;
}

/* Follows the quotes and brackets in the line NUMBER from BEGIN to END. */
static void
lines_quotes(struct lines_walk *w, unsigned number, const char *begin, const char *end)
{
	unsigned column = 1;
	const char *p;

	for (p = begin; p < end; p++) {
		column += ((unsigned char)*p & 0xC0) != 0x80;
		if (w->quote == 0 && strchr("{}[]", *p) != NULL && *p != '\0'
		    && (w->n_brackets > 0 || lines_opens(begin, p)))
			lines_bracket(w, *p, (struct tt_mark){ .line = number,
			    .column = column - 1 });
		if (w->quote == 0 && *p == '#' && (p == begin || p[-1] == ' '
		    || p[-1] == '\t'))
			return;
		if (w->quote == 0 && (*p == '"' || *p == '\'')
		    && lines_opens(begin, p)) {
			w->quote = *p;
			w->opened = (struct tt_mark){ .line = number,
				.column = column - 1 };
			w->is_key_inside = false;
		} else if (w->quote == '"' && *p == '\\') {
			p++;
		} else if (w->quote == '\'' && *p == '\'' && p + 1 < end
		    && p[1] == '\'') {
			p++;
			column++;
		} else if (w->quote != 0 && *p == w->quote) {
			w->quote = 0;
			if (w->is_key_inside && w->opened.line < number) {
				w->lines->quote = w->opened;
				w->lines->quote_closed = number;
			}
		}
	}
}

/* LINE has something in it: those keys stay open that stand further left. */
static void
lines_push(struct tt_lines *lines, const struct tt_line *line)
{
	while (lines->n_keys > 0
	    && lines->keys[lines->n_keys - 1].indent >= line->indent)
		lines->n_keys--;
	if (lines->n_keys < TT_LINES_KEYS && tt_lines_key(line->text) > 0)
		lines->keys[lines->n_keys++] = *line;
}

/* Looks for a key in the line NUMBER.  Returns false if it is one of a text that | or
 * > begins: it has no keys and no quotes. */
static bool
lines_line(struct lines_walk *w, unsigned number, const char *begin, const char *end)
{
	struct tt_line line = { .number = number };
	const char *p = begin;
	size_t n;

	while (p < end && *p == ' ')
		p++;
	line.indent = (unsigned)(p - begin);
	if (p == end || *p == '#')
		return true;
	n = tt_utf8_cut(p, (size_t)(end - p), sizeof(line.text) - 1);
	memcpy(line.text, p, n);
	line.text[n] = '\0';
	while (n > 0 && strchr(" \t", line.text[n - 1]) != NULL)
		line.text[--n] = '\0';
	if (w->block > 0 && line.indent >= w->block)
		return false;
	w->block = n > 1 && line.text[n - 2] == ' ' && strchr("|>", line.text[n - 1])
	    ? line.indent + 1 : 0;
	w->lines->before = line;
	if (w->quote != 0)
		w->is_key_inside |= tt_lines_key(line.text) > 0;
	else
		lines_push(w->lines, &line);
	return true;
}

/* The line that begins at AT: its end, and where the next one begins. */
static const char *
lines_end(const struct lines_walk *w, const char *at, const char **next)
{
	size_t n;

	for (; at < w->end; at++) {
		n = tt_utf8_line_end(at, (size_t)(w->end - at));
		if (n > 0) {
			*next = at + n;
			return at;
		}
	}
	*next = at;
	return at;
}

void
tt_lines_scan(struct tt_lines *lines, struct tt_mark mark, const char *text,
    size_t size)
{
	struct lines_walk w = { .lines = lines, .text = text, .end = text + size };
	const char *at = text, *end, *next;
	struct tt_line before;
	unsigned number, column;

	memset(lines, 0, sizeof(*lines));
	if (size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
		at += 3;
	for (number = 1; number < mark.line && at < w.end; number++, at = next) {
		end = lines_end(&w, at, &next);
		if (lines_line(&w, number, at, end))
			lines_quotes(&w, number, at, end);
	}
	before = lines->before;
	if (w.quote != 0 && at < w.end) {
		lines_line(&w, number, at, lines_end(&w, at, &next));
		w.lines->before = before;
	}
	end = at;
	for (column = 1; column < mark.column && end < w.end; column++) {
		end++;
		while (end < w.end && ((unsigned char)*end & 0xC0) == 0x80)
			end++;
	}
	lines_quotes(&w, number, at, end);
	if (w.quote != 0 && w.is_key_inside)
		lines->quote = w.opened;
	if (w.n_brackets > 0)
		lines->bracket = w.brackets[w.n_brackets - 1];
}

const char *
tt_lines_copy(struct tt_mark mark, const char *text, size_t size,
    char buf[TT_LINES_TEXT])
{
	size_t at = 0, n, used = 0, here = 0;
	unsigned line = 1, column = 1;
	uint32_t code;

	if (size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
		at = 3;
	for (; at < size && line <= mark.line; at += n) {
		n = tt_utf8_line_end(text + at, size - at);
		if (n > 0) {
			if (line == mark.line)
				break;
			line++;
			continue;
		}
		n = tt_utf8_decode(text + at, size - at, &code);
		if (n == 0)
			break;
		if (line < mark.line)
			continue;
		/* Of a long line the part around the mark: forget what is far before. */
		if (used + n >= TT_LINES_TEXT && column < mark.column) {
			used = 0;
			here = 0;
		}
		if (used + n >= TT_LINES_TEXT)
			break;
		if (column == mark.column)
			here = used;
		memcpy(buf + used, text + at, n);
		used += n;
		if (column++ < mark.column)
			here = used;
	}
	buf[used] = '\0';
	return buf + here;
}
