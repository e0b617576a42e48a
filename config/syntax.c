/* syntax.c - what YAML could not read, in the file's terms.
 *
 * libyaml speaks of tokens and nodes.  Its messages are few, and each is caused
 * by few mistakes: the line tells which. */
#include "config/syntax.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "config/utf8.h"

/* What libyaml's reader lets through: YAML 1.1, 5.1 "c-printable". */
static bool
syntax_is_printable(uint32_t c)
{
	return c == '\t' || c == '\n' || c == '\r' || (c >= 0x20 && c <= 0x7E)
	    || c == 0x85 || (c >= 0xA0 && c <= 0xD7FF)
	    || (c >= 0xE000 && c <= 0xFFFD && c != 0xFEFF)
	    || (c >= 0x10000 && c <= 0x10FFFF);
}

bool
tt_syntax_check_bytes(const char *file, const char *text, size_t size,
    struct tt_errors *errs)
{
	struct tt_mark mark = { .file = file, .line = 1, .column = 1 };
	uint32_t code;
	size_t at = 0, n;

	if (size >= 2 && (memcmp(text, "\xFF\xFE", 2) == 0
	    || memcmp(text, "\xFE\xFF", 2) == 0)) {
		tt_errors_add(errs, mark, NULL, "save it as UTF-8",
		    "the file is UTF-16");
		return false;
	}
	if (size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
		at = 3;
	while (at < size) {
		n = tt_utf8_decode(text + at, size - at, &code);
		if (n == 0) {
			tt_errors_add(errs, mark, NULL, "save the file as UTF-8",
			    "byte 0x%02X is not UTF-8", (unsigned char)text[at]);
			return false;
		}
		if (code == 0) {
			tt_errors_add(errs, mark, NULL,
			    "a hierarchy file is text", "a NUL byte");
			return false;
		}
		if (!syntax_is_printable(code)) {
			tt_errors_add(errs, mark, NULL,
			    "remove it; in \"double quotes\" YAML has \\xNN and "
			    "\\uNNNN for such characters",
			    "control character U+%04X", (unsigned)code);
			return false;
		}
		/* libyaml looks through all %TAG lines for each of them. */
		if (mark.column == 1 && size - at >= 4
		    && memcmp(text + at, "%TAG", 4) == 0) {
			tt_errors_add(errs, mark, NULL, "remove the line",
			    "%%TAG is not supported");
			return false;
		}
		n = tt_utf8_line_end(text + at, size - at);
		if (n > 0) {
			mark.line++;
			mark.column = 1;
		} else {
			n = tt_utf8_decode(text + at, size - at, &code);
			mark.column++;
		}
		at += n;
	}
	return true;
}

/* The line of MARK as a string, cut to BUF, and what stands at the mark in it. */
static const char *
syntax_line(struct tt_mark mark, const char *text, size_t size, char *buf, size_t room)
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
		if (used + n >= room && column < mark.column) {
			used = 0;
			here = 0;
		}
		if (used + n >= room)
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

/* True if LINE has [ ... ] with two colons in it: an address of IPv6, not a list. */
static bool
syntax_has_ipv6(const char *line)
{
	const char *open, *p;
	unsigned colons;

	for (open = strchr(line, '['); open != NULL; open = strchr(open + 1, '[')) {
		if (open > line && (open[-1] == '"' || open[-1] == '\''))
			continue;
		colons = 0;
		for (p = open + 1; strchr("0123456789abcdefABCDEF:.", *p) != NULL
		    && *p != '\0'; p++)
			colons += *p == ':';
		if (*p == ']' && colons >= 2)
			return true;
	}
	return false;
}

/* One mistake: what libyaml says of it, how to see it, what to say. */
struct syntax_case {
	const char *problem;		/* a part of libyaml's message */
	const char *context;		/* a part of its context, or NULL for any */
	bool (*is)(const char *line, const char *here);	/* NULL: always */
	bool opened;			/* say it where the context began */
	const char *what, *remedy;
};

static bool
syntax_is_ipv6(const char *line, const char *here)
{
	(void)here;
	return syntax_has_ipv6(line);
}

static bool
syntax_is_dollar(const char *line, const char *here)
{
	(void)here;
	return strstr(line, "${") != NULL;
}

static bool
syntax_is_tab(const char *line, const char *here)
{
	(void)line;
	return *here == '\t';
}

static bool
syntax_is_tab_before(const char *line, const char *here)
{
	return memchr(line, '\t', (size_t)(here - line)) != NULL
	    && line[strspn(line, " \t")] != '\0'
	    && strcspn(line, "\t") < strspn(line, " \t");
}

static bool
syntax_is_at(const char *line, const char *here)
{
	(void)line;
	return *here == '@' || *here == '`' || *here == '%';
}

static bool
syntax_is_bracket(const char *line, const char *here)
{
	(void)line;
	return *here == '}' || *here == ']' || *here == ',';
}

/* A colon without a blank behind it, in a line that has no other. */
static bool
syntax_is_tight_colon(const char *line, const char *here)
{
	(void)here;
	return strchr(line, ':') != NULL && strstr(line, ": ") == NULL;
}

static bool
syntax_is_end(const char *line, const char *here)
{
	(void)line;
	return *here == '\0';
}

#define SYNTAX_QUOTE_DOLLAR "${...} in { } or [ ] must be quoted: " \
	"{url: \"${env:NAME}\"}"
#define SYNTAX_QUOTE_IPV6 "quote it: \"[::1]:5002\""
#define SYNTAX_TAB "indent with blanks"

static const struct syntax_case syntax_cases[] = {
	{ "", NULL, syntax_is_ipv6, false,
	  "[ begins a list; an IPv6 address must be quoted", SYNTAX_QUOTE_IPV6 },
	{ "expected ',' or", NULL, syntax_is_dollar, false,
	  "{ begins a mapping inside this one", SYNTAX_QUOTE_DOLLAR },
	{ "expected node content", NULL, syntax_is_dollar, false,
	  "{ begins a mapping inside this one", SYNTAX_QUOTE_DOLLAR },
	{ "tab character", NULL, NULL, false, "a tab in the indentation", SYNTAX_TAB },
	{ "cannot start any token", NULL, syntax_is_tab, false,
	  "a tab where the indentation or a value begins", SYNTAX_TAB },
	{ "", NULL, syntax_is_tab_before, false, "a tab in the indentation",
	  SYNTAX_TAB },
	{ "cannot start any token", NULL, syntax_is_at, false,
	  "a value cannot begin with @, ` or %",
	  "quote it: \"@name\"" },
	{ "alphabetic or numeric", "alias", NULL, true,
	  "* begins an alias in YAML", "quote a value that begins with *: \"*\"" },
	{ "alphabetic or numeric", "anchor", NULL, true,
	  "& begins an anchor in YAML", "quote a value that begins with &: \"&\"" },
	{ "", "tag", NULL, true,
	  "! begins a tag in YAML", "quote a value that begins with !: \"!\"" },
	{ "tag handle", NULL, NULL, false,
	  "! begins a tag in YAML", "quote a value that begins with !: \"!\"" },
	{ "unexpected end of stream", "quoted scalar", NULL, true,
	  "a quote is opened here and never closed", "close it, or quote a text that "
	  "holds a quote in the other kind: \"it's\"" },
	{ "document indicator", "quoted scalar", NULL, true,
	  "a quote is opened here and not closed before --- or ...",
	  "close the quote" },
	{ "unknown escape", NULL, NULL, false,
	  "YAML knows no such escape in \"double quotes\"",
	  "write \\\\ for a backslash, or use 'single quotes'" },
	{ "hexdecimal", NULL, NULL, false,
	  "\\x takes two hexadecimal digits, \\u four, \\U eight",
	  "write \\\\ for a backslash, or use 'single quotes'" },
	{ "Unicode character escape", NULL, NULL, false,
	  "there is no character of that number", NULL },
	{ "mapping values are not allowed", NULL, NULL, false,
	  "a \": \" inside a value, or a key that is indented more than those "
	  "before it",
	  "quote a value that has \": \" in it: \"a: b\"; keys of one mapping "
	  "begin in one column" },
	{ "block sequence entries are not allowed", NULL, NULL, false,
	  "a list with \"- \" cannot begin here",
	  "put each \"- \" on a line of its own, or write [a, b]; quote a text that "
	  "begins with \"- \"" },
	{ "could not find expected ':'", NULL, syntax_is_tight_colon, true,
	  "a key needs a blank behind its colon", "as in \"listen: 0.0.0.0:5002\"" },
	{ "could not find expected ':'", NULL, NULL, true,
	  "neither a key nor part of the value before it",
	  "a key is \"name: value\"; a longer value is indented more than its key" },
	{ "expected ',' or", "flow mapping", NULL, true,
	  "{ is opened here, and what follows is no { key: value, ... }",
	  "separate its keys with commas, quote values that hold any of , [ ] { }, "
	  "and close it with }" },
	{ "expected ',' or", "flow sequence", NULL, true,
	  "[ is opened here, and what follows is no [ value, ... ]",
	  "separate its values with commas, quote those that hold any of , [ ] { }, "
	  "and close it with ]" },
	{ "expected node content", NULL, syntax_is_end, false,
	  "the file ends inside { } or [ ]", "close it" },
	{ "expected node content", NULL, syntax_is_bracket, false,
	  "a value cannot begin with any of , ] }", "quote it" },
	{ "expected key", "block mapping", NULL, false,
	  "this fits neither the value before it nor the keys above it",
	  "keys of one mapping begin in one column; nothing may follow a closing "
	  "quote or bracket on its line" },
	{ "expected '-' indicator", NULL, NULL, false,
	  "this fits neither the value before it nor the list above it",
	  "each item of the list is \"- value\", all in one column" },
	{ "comment or line break", "block scalar", NULL, true,
	  "| and > begin a text on the next lines",
	  "quote a value that begins with | or >" },
	{ "document start", NULL, NULL, false,
	  "a second document begins here", "one file holds one document" },
	{ "YAML document", NULL, NULL, false,
	  "a YAML version that is not known", "remove the line, or write %YAML 1.2" },
};

void
tt_syntax_explain(const struct tt_syntax_problem *p, const char *text, size_t size,
    struct tt_errors *errs)
{
	const struct syntax_case *c;
	const char *here;
	char line[256];

	here = syntax_line(p->mark, text, size, line, sizeof(line));
	for (c = syntax_cases;
	    c != syntax_cases + sizeof(syntax_cases) / sizeof(*syntax_cases); c++) {
		if (p->problem == NULL || strstr(p->problem, c->problem) == NULL)
			continue;
		if (c->context != NULL && (p->context == NULL
		    || strstr(p->context, c->context) == NULL))
			continue;
		if (c->is != NULL && !c->is(line, here))
			continue;
		tt_errors_add(errs, c->opened && p->context != NULL
		    ? p->context_mark : p->mark, NULL, c->remedy, "%s", c->what);
		return;
	}
	tt_errors_add(errs, p->mark, NULL, NULL, "no YAML: %s%s%s",
	    p->problem == NULL ? "it cannot be read" : p->problem,
	    p->context == NULL ? "" : " ", p->context == NULL ? "" : p->context);
}
