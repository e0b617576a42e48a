/* syntax.c - what YAML could not read, in the file's terms.
 *
 * libyaml speaks of tokens and nodes.  Its messages are few, and each is caused
 * by few mistakes: the line, and what stands before it, tell which. */
#include "config/syntax.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "config/lines.h"
#include "config/utf8.h"
#include "config/value.h"

/* What libyaml's reader lets through: YAML 1.1, 5.1 "c-printable". */
static bool
syntax_is_printable(uint32_t c)
{
	return c == '\t' || c == '\n' || c == '\r' || (c >= 0x20 && c <= 0x7E)
	    || c == 0x85 || (c >= 0xA0 && c <= 0xD7FF)
	    || (c >= 0xE000 && c <= 0xFFFD && c != 0xFEFF)
	    || (c >= 0x10000 && c <= 0x10FFFF);
}

/* By its mark, or by the NUL in each of the first characters. */
static bool
syntax_is_utf16(const char *text, size_t size)
{
	if (size >= 2 && (memcmp(text, "\xFF\xFE", 2) == 0
	    || memcmp(text, "\xFE\xFF", 2) == 0))
		return true;
	return size >= 4 && (text[0] == '\0') != (text[1] == '\0')
	    && (text[0] == '\0') == (text[2] == '\0')
	    && (text[1] == '\0') == (text[3] == '\0');
}

bool
tt_syntax_check_bytes(const char *file, const char *text, size_t size,
    struct tt_errors *errs)
{
	struct tt_mark mark = { .file = file, .line = 1, .column = 1 };
	uint32_t code;
	size_t at = 0, n;

	if (syntax_is_utf16(text, size)) {
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

#define SYNTAX_VALUE 60		/* bytes of a value that a remedy repeats */

/* One problem while it is explained. */
struct syntax {
	const struct tt_syntax_problem *p;
	struct tt_errors *errs;
	struct tt_lines lines;		/* what stands before the problem */
	char line[TT_LINES_TEXT];	/* where it is */
	const char *here;
	char begin_line[TT_LINES_TEXT];	/* where what libyaml was doing began */
	const char *begin;
	char value[SYNTAX_VALUE + 1];	/* syntax_value()'s */
	unsigned named;			/* the line of the report */
};

/* Reports WHAT at MARK.  Returns true, for those who explain. */
static bool
syntax_say(struct syntax *s, struct tt_mark mark, const char *what,
    const char *remedy, ...) __attribute__((format(printf, 4, 5)));

static bool
syntax_say(struct syntax *s, struct tt_mark mark, const char *what,
    const char *remedy, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, remedy);
	vsnprintf(text, sizeof(text), remedy, ap);
	va_end(ap);
	mark.file = s->p->mark.file;
	s->named = mark.line;
	tt_errors_add(s->errs, mark, NULL, text, "%s", what);
	return true;
}

static bool
syntax_is_secret(const char *line)
{
	return tt_errors_guess_secret(line, strlen(line)) < strlen(line);
}

/* The value at AT, to the end of its line or of its place in { } or [ ], for a remedy
 * that repeats it: one at a time.  What seems to be a secret is not repeated. */
static const char *
syntax_value(struct syntax *s, const char *at, bool flow)
{
	size_t n = flow ? strcspn(at, ",]}") : strlen(at);
	const char *comment = strstr(at, " #");

	if (comment != NULL && (size_t)(comment - at) < n)
		n = (size_t)(comment - at);
	while (n > 0 && (at[n - 1] == ' ' || at[n - 1] == '\t'))
		n--;
	n = tt_utf8_cut(at, n, SYNTAX_VALUE);
	if (n > 0 && (syntax_is_secret(s->line) || syntax_is_secret(s->begin_line)
	    || syntax_is_secret(s->lines.before.text)))
		snprintf(s->value, sizeof(s->value), "...");
	else
		snprintf(s->value, sizeof(s->value), "%.*s", (int)n, at);
	return s->value;
}

/* "quote it: ..." with the value at AT, which begins with what no value may. */
static bool
syntax_quote(struct syntax *s, struct tt_mark mark, const char *at, const char *what)
{
	const char *value = syntax_value(s, at, strcspn(s->line, "{[")
	    < (size_t)(s->here - s->line));
	char quote = strpbrk(value, "\"\\") != NULL ? '\'' : '"';

	if (*value == '*' && value[1] == ':')
		return syntax_say(s, mark, what,
		    "for all addresses write 0.0.0.0%s", value + 1);
	return syntax_say(s, mark, what, "quote a value that begins with %c: %c%s%c",
	    *at, quote, value, quote);
}

static bool
syntax_is_conflict(const char *line)
{
	return strncmp(line, "<<<<<<<", 7) == 0 || strncmp(line, "=======", 7) == 0
	    || strncmp(line, ">>>>>>>", 7) == 0;
}

static bool
syntax_explain_conflict(struct syntax *s)
{
	struct tt_mark mark = { .column = 1 };

	if (syntax_is_conflict(s->lines.before.text))
		mark.line = s->lines.before.number;
	else if (syntax_is_conflict(s->line))
		mark.line = s->p->mark.line;
	else if (syntax_is_conflict(s->begin_line))
		mark.line = s->p->context_mark.line;
	return mark.line > 0 && syntax_say(s, mark, "a merge was left unfinished here",
	    "choose between the lines, and remove the lines of <<<, === and >>>");
}

/* A quote whose text goes over lines that look like keys, up to where it broke. */
static bool
syntax_explain_lost_quote(struct syntax *s)
{
	const struct tt_lines *lines = &s->lines;
	char what[100];

	if (lines->quote.line == 0)
		return false;
	if (lines->quote_closed == s->p->mark.line)
		snprintf(what, sizeof(what), "a quote is opened here, and the next one "
		    "is in line %u", lines->quote_closed);
	else if (s->p->context != NULL && strstr(s->p->context, "quoted scalar") != NULL)
		snprintf(what, sizeof(what), "a quote is opened here and never closed");
	else
		return false;
	return syntax_say(s, lines->quote, what,
	    "close it at the end of its value, on the same line");
}

/* TEXT, in a line at MARK, was to be a key and its value. */
static bool
syntax_explain_no_key(struct syntax *s, struct tt_mark mark, const char *text)
{
	size_t n = strcspn(text, ":= ");
	const char *rest = text + n + strspn(text + n, ":= ");
	bool tight = text[n] == ':', sign = text[n + strspn(text + n, " ")] == '=';
	const char *value = syntax_value(s, rest, false);

	if (strncmp(text, "//", 2) == 0 || *text == ';')
		return syntax_say(s, mark, "this is no key", "a comment begins with #");
	if (n == 0 || n > SYNTAX_VALUE)
		return false;
	if (tight)
		return syntax_say(s, mark, "a key needs a blank behind its colon",
		    "write \"%.*s: %s\"", (int)n, text, value);
	if (sign)
		return syntax_say(s, mark, "a key has a colon behind it, no =",
		    "write \"%.*s: %s\"", (int)n, text, value);
	return syntax_say(s, mark, "a colon is missing behind this key",
	    *value == '\0' ? "write \"%.*s:%s\"" : mark.line == 1
	    ? "write \"%.*s: %s\"" : "write \"%.*s: %s\", or indent it more if it "
	    "belongs to the value before it", (int)n, text, value);
}

/* libyaml took a line without ": " for a key. */
static bool
syntax_explain_simple_key(struct syntax *s)
{
	return syntax_explain_no_key(s, s->p->context_mark, s->begin);
}

/* A second ": " in the line of S, which begins with a key of N bytes at TEXT. */
static bool
syntax_explain_second_colon(struct syntax *s, const char *text, size_t n)
{
	const char *value = text + n + 1 + strspn(text + n + 1, " "), *p;

	for (p = s->here; p > value && strchr(" ,;", p[-1]) == NULL; p--)
		;
	if (p > value && (p[-1] == ',' || p[-1] == ';' || (p[-1] == ' '
	    && strchr(",;", p[-2]) != NULL)))
		return syntax_say(s, s->p->mark, "a second key on one line",
		    "each key stands on a line of its own, or all in { }: "
		    "{%.*s: ..., ...}", (int)tt_utf8_cut(text, n, SYNTAX_VALUE), text);
	return syntax_say(s, s->p->mark, s->here[1] == '\0'
	    ? "a \":\" at the end of a value" : "a \": \" inside a value",
	    "quote the value: \"%s\"; a key of its own stands on the next line",
	    syntax_value(s, value, false));
}

/* ": " where no key can stand: a second one in its line, or a line that is indented
 * more than the one before it, or whose line before is no key. */
static bool
syntax_explain_colon(struct syntax *s)
{
	const struct tt_line *before = &s->lines.before;
	const char *text = s->line + strspn(s->line, " ");
	struct tt_mark mark = { .line = before->number, .column = before->indent + 1 };
	size_t n = tt_lines_key(text);

	if (n > 0 && text + n < s->here)
		return syntax_explain_second_colon(s, text, n);
	if (before->number == 0)
		return false;
	n = tt_lines_key(before->text);
	if (n == 0)
		return syntax_explain_no_key(s, mark, before->text);
	if (before->indent >= (unsigned)(text - s->line) || before->text[n + 1] == '\0')
		return false;
	mark.line = s->p->mark.line;
	mark.column = (unsigned)(text - s->line) + 1;
	return syntax_say(s, mark, "indented more than the line before it, whose key has "
	    "a value already", "begin it in column %u, as \"%.*s\" of line %u, or that line "
	    "in column %u", before->indent + 1,
	    (int)tt_utf8_cut(before->text, n, SYNTAX_VALUE), before->text,
	    before->number, mark.column);
}

/* "column 3 as "daemon" of line 2" */
static void
syntax_column(char *buf, size_t room, const struct tt_line *key)
{
	snprintf(buf, room, "column %u, as \"%.*s\" of line %u", key->indent + 1,
	    (int)tt_utf8_cut(key->text, tt_lines_key(key->text), SYNTAX_VALUE),
	    key->text, key->number);
}

/* The first thing in its line begins where nothing above it does. */
static bool
syntax_explain_column(struct syntax *s)
{
	const struct tt_line *less = NULL, *more = NULL, *key;
	unsigned indent = (unsigned)(s->here - s->line), i;
	char first[120] = "", second[120] = "", what[100];

	if (strspn(s->line, " ") != indent)
		return false;
	if (s->here[0] == '-' && (s->here[1] == ' ' || s->here[1] == '\0'))
		return syntax_say(s, s->p->mark, "an item of a list among keys",
		    "write keys without \"- \"; two of one kind have names: "
		    "\"DatabaseThread a:\"");
	for (i = 0; i < s->lines.n_keys; i++) {
		key = &s->lines.keys[i];
		if (key->indent == indent)
			return false;
		if (key->indent < indent)
			less = key;
		else if (more == NULL)
			more = key;
	}
	if (more != NULL)
		syntax_column(first, sizeof(first), more);
	if (less != NULL)
		syntax_column(second, sizeof(second), less);
	if (more == NULL && less == NULL)
		return false;
	snprintf(what, sizeof(what), "begins in column %u, and no key above it does",
	    indent + 1);
	return syntax_say(s, s->p->mark, what, "begin it in %s%s%s", first,
	    more != NULL && less != NULL ? "; or in " : "", second);
}

/* Something stands behind a closing quote or bracket. */
static bool
syntax_explain_behind(struct syntax *s)
{
	const char *p = s->here;

	if (*s->here == '}' || *s->here == ']')
		return syntax_say(s, s->p->mark, "a bracket is closed that was not opened",
		    "remove the %c", *s->here);
	while (p > s->line && p[-1] == ' ')
		p--;
	if (p == s->line)
		return false;
	if (p[-1] == '\'')
		return syntax_say(s, s->p->mark, "the quote before this closes the text",
		    "in 'single quotes' a ' is written twice: 'it''s'; or take \"double "
		    "quotes\" around it");
	if (p[-1] == '"')
		return syntax_say(s, s->p->mark, "the quote before this closes the text",
		    "in \"double quotes\" a \" is written \\\"; or take 'single quotes' "
		    "around it");
	if (p[-1] == '}' || p[-1] == ']')
		return syntax_say(s, s->p->mark, "the bracket before this closes the "
		    "value", "what follows stands on the next line, or inside of it");
	return false;
}

/* What does not go on as { key: value, ... } or [ value, ... ]. */
static bool
syntax_explain_flow(struct syntax *s)
{
	bool list = strstr(s->p->context, "sequence") != NULL;
	const char *form = list ? "[value, value]" : "{key: value, key: value}";
	char open = list ? '[' : '{', close = list ? ']' : '}', what[80];

	if (s->p->mark.line > s->p->context_mark.line || *s->here == '\0') {
		snprintf(what, sizeof(what), "a %c is opened here and not closed", open);
		return syntax_say(s, s->p->context_mark, what, "close it with %c: %s",
		    close, form);
	}
	if (*s->here == (list ? '}' : ']')) {
		snprintf(what, sizeof(what), "a %c where %c is to be closed", *s->here,
		    open);
		return syntax_say(s, s->p->mark, what, "close it with %c", close);
	}
	return syntax_say(s, s->p->mark, list ? "this does not go on as [value, value]"
	    : "this does not go on as {key: value, key: value}", "separate %s with "
	    "commas; quote a value that holds any of , [ ] { } or \": \"",
	    list ? "the values" : "the keys");
}

/* The file ends, or a value cannot begin here, inside of a bracket. */
static bool
syntax_explain_open(struct syntax *s)
{
	return s->lines.bracket.line > 0 && syntax_say(s, s->lines.bracket,
	    "a bracket is opened here and not closed",
	    "close it: {key: value, key: value} or [value, value]");
}

static bool
syntax_explain_start(struct syntax *s)
{
	return syntax_quote(s, s->p->mark, s->here, *s->here == '%'
	    ? "a value cannot begin with %" : *s->here == '@'
	    ? "a value cannot begin with @" : "a value cannot begin with `");
}

static bool
syntax_explain_block(struct syntax *s)
{
	return syntax_quote(s, s->p->context_mark, s->begin,
	    "| and > begin a text on the next lines");
}

static bool
syntax_explain_alias(struct syntax *s)
{
	return syntax_quote(s, s->p->context_mark, s->begin, "* begins an alias in YAML");
}

static bool
syntax_explain_anchor(struct syntax *s)
{
	return syntax_quote(s, s->p->context_mark, s->begin, "& begins an anchor in YAML");
}

static bool
syntax_explain_question(struct syntax *s)
{
	return syntax_quote(s, s->p->mark, s->here, "? begins a key in YAML");
}

static bool
syntax_explain_document(struct syntax *s)
{
	if (strncmp(s->line, "---", 3) == 0
	    || strncmp(s->lines.before.text, "...", 3) == 0)
		return syntax_say(s, s->p->mark, "a second document begins here",
		    "one file holds one document");
	return syntax_say(s, s->p->mark, "what stands above is complete, and this belongs "
	    "to no key of it", "a hierarchy file has keys, each with a colon behind it, "
	    "and what belongs to a key is indented below it");
}

/* The address begins at its bracket. */
static bool
syntax_explain_ipv6(struct syntax *s)
{
	const char *end, *open = tt_value_find_ipv6(s->line, &end);
	struct tt_mark mark = s->p->mark;
	size_t n;

	if (open == NULL || open > s->here)
		return false;
	n = (size_t)(end - open) + 1 + strcspn(end + 1, " ,]}");
	mark.column -= (unsigned)(s->here - open);
	return syntax_say(s, mark, TT_VALUE_IPV6, "quote it: \"%.*s\"", (int)(n > SYNTAX_VALUE ? SYNTAX_VALUE : n), open);
}

/* An address of IPv6 without brackets where a value stands in [ ] or { }. */
static bool
syntax_explain_bare_ipv6(struct syntax *s)
{
	const char *begin = s->here, *colon;
	struct tt_mark mark = s->p->mark;
	size_t n;

	while (begin > s->line && strchr(" ,[{", begin[-1]) == NULL)
		begin--;
	n = strcspn(begin, " ,]}");
	if (strspn(begin, "0123456789abcdefABCDEF:.") != n || n > SYNTAX_VALUE
	    || memchr(begin, ':', n) == memrchr(begin, ':', n))
		return false;
	mark.column -= (unsigned)(s->here - begin);
	colon = memrchr(begin, ':', n);
	if (colon > begin && colon[-1] != ':')
		return syntax_say(s, mark, "an IPv6 address without [ ] and quotes",
		    "write \"[%.*s]%.*s\", in quotes", (int)(colon - begin), begin,
		    (int)(n - (size_t)(colon - begin)), colon);
	return syntax_say(s, mark, "an IPv6 address without [ ] and quotes",
	    "write \"[%.*s]:port\", in quotes", (int)n, begin);
}

static bool
syntax_is_dollar(const struct syntax *s)
{
	return strstr(s->line, "${") != NULL;
}

static bool
syntax_is_tab(const struct syntax *s)
{
	return *s->here == '\t';
}

static bool
syntax_is_tab_before(const struct syntax *s)
{
	return memchr(s->line, '\t', (size_t)(s->here - s->line)) != NULL
	    && s->line[strspn(s->line, " \t")] != '\0'
	    && strcspn(s->line, "\t") < strspn(s->line, " \t");
}

static bool
syntax_is_at(const struct syntax *s)
{
	return *s->here == '@' || *s->here == '`' || *s->here == '%';
}

static bool
syntax_is_bracket(const struct syntax *s)
{
	return *s->here == '}' || *s->here == ']' || *s->here == ',';
}

static bool
syntax_is_end(const struct syntax *s)
{
	return *s->here == '\0';
}

/* One mistake: what libyaml says of it, how to see it, what to say. */
struct syntax_case {
	const char *problem;		/* a part of libyaml's message */
	const char *context;		/* a part of its context, or NULL for any */
	bool (*is)(const struct syntax *s);	/* NULL: always */
	/* Says it; false: it is another mistake.  NULL: what stands here is said. */
	bool (*explain)(struct syntax *s);
	bool opened;			/* say it where the context began */
	const char *what, *remedy;
};

#define SYNTAX_EXPLAIN(problem, context, is, explain) \
	{ problem, context, is, explain, false, NULL, NULL }
#define SYNTAX_SAY(problem, context, is, what, remedy) \
	{ problem, context, is, NULL, false, what, remedy }
#define SYNTAX_SAY_BEGIN(problem, context, is, what, remedy) \
	{ problem, context, is, NULL, true, what, remedy }

#define SYNTAX_QUOTE_DOLLAR "${...} in { } or [ ] must be quoted: " \
	"{url: \"${env:NAME}\"}"
#define SYNTAX_TAB "YAML is indented with blanks only: put two blanks for each tab"

static const struct syntax_case syntax_cases[] = {
	SYNTAX_EXPLAIN("", NULL, NULL, syntax_explain_conflict),
	SYNTAX_EXPLAIN("", NULL, NULL, syntax_explain_lost_quote),
	SYNTAX_EXPLAIN("", NULL, NULL, syntax_explain_ipv6),
	SYNTAX_EXPLAIN("expected node content", "flow", NULL, syntax_explain_bare_ipv6),
	SYNTAX_EXPLAIN("unexpected ':'", NULL, NULL, syntax_explain_bare_ipv6),
	SYNTAX_SAY("expected ',' or", NULL, syntax_is_dollar,
	    "{ begins a mapping inside this one", SYNTAX_QUOTE_DOLLAR),
	SYNTAX_SAY("expected node content", NULL, syntax_is_dollar,
	    "{ begins a mapping inside this one", SYNTAX_QUOTE_DOLLAR),
	SYNTAX_SAY("tab character", NULL, NULL, "a tab in the indentation", SYNTAX_TAB),
	SYNTAX_SAY("cannot start any token", NULL, syntax_is_tab,
	    "a tab where the indentation or a value begins", SYNTAX_TAB),
	SYNTAX_SAY("", NULL, syntax_is_tab_before, "a tab in the indentation",
	    SYNTAX_TAB),
	SYNTAX_EXPLAIN("cannot start any token", NULL, syntax_is_at,
	    syntax_explain_start),
	SYNTAX_EXPLAIN("alphabetic or numeric", "alias", NULL, syntax_explain_alias),
	SYNTAX_EXPLAIN("alphabetic or numeric", "anchor", NULL, syntax_explain_anchor),
	SYNTAX_SAY_BEGIN("", "tag", NULL, "! begins a tag in YAML",
	    "quote a value that begins with !: \"!\""),
	SYNTAX_SAY("tag handle", NULL, NULL, "! begins a tag in YAML",
	    "quote a value that begins with !: \"!\""),
	SYNTAX_SAY_BEGIN("unexpected end of stream", "quoted scalar", NULL,
	    "a quote is opened here and never closed",
	    "close it, or quote a text that holds a quote in the other kind: \"it's\""),
	SYNTAX_SAY_BEGIN("document indicator", "quoted scalar", NULL,
	    "a quote is opened here and not closed before --- or ...",
	    "close the quote"),
	SYNTAX_SAY("unknown escape", NULL, NULL,
	    "YAML knows no such escape in \"double quotes\"",
	    "write \\\\ for a backslash, or use 'single quotes'"),
	SYNTAX_SAY("hexdecimal", NULL, NULL,
	    "\\x takes two hexadecimal digits, \\u four, \\U eight",
	    "write \\\\ for a backslash, or use 'single quotes'"),
	SYNTAX_SAY("Unicode character escape", NULL, NULL,
	    "there is no character of that number", NULL),
	SYNTAX_EXPLAIN("mapping values are not allowed", NULL, NULL,
	    syntax_explain_colon),
	SYNTAX_SAY("mapping values are not allowed", NULL, NULL,
	    "a \": \" inside a value, or a key that is indented more than those before it",
	    "quote a value that has \": \" in it: \"a: b\"; keys of one mapping begin in "
	    "one column"),
	SYNTAX_EXPLAIN("mapping keys are not allowed", NULL, NULL,
	    syntax_explain_question),
	SYNTAX_SAY("block sequence entries are not allowed", NULL, NULL,
	    "a list with \"- \" cannot begin here",
	    "put each \"- \" on a line of its own, or write [a, b]; quote a text that "
	    "begins with \"- \""),
	SYNTAX_EXPLAIN("could not find expected ':'", NULL, NULL,
	    syntax_explain_simple_key),
	SYNTAX_SAY_BEGIN("could not find expected ':'", NULL, NULL,
	    "neither a key nor part of the value before it",
	    "a key is \"name: value\"; a longer value is indented more than its key"),
	SYNTAX_EXPLAIN("expected ',' or", "flow", NULL, syntax_explain_flow),
	SYNTAX_EXPLAIN("expected node content", NULL, syntax_is_end,
	    syntax_explain_open),
	SYNTAX_SAY("expected node content", NULL, syntax_is_end,
	    "the file ends inside { } or [ ]", "close it"),
	SYNTAX_SAY("expected node content", NULL, syntax_is_bracket,
	    "a value cannot begin with any of , ] }", "quote it"),
	SYNTAX_SAY("expected node content", NULL, NULL, "neither a key nor a value",
	    "a line is a key, a colon, a blank and a value; quote a value that begins "
	    "with a sign"),
	SYNTAX_SAY("unexpected ':'", NULL, NULL,
	    "a \":\" inside of { } or [ ] that is no key's",
	    "a key has a blank behind its colon; quote a value that ends with \":\""),
	SYNTAX_EXPLAIN("expected key", NULL, NULL, syntax_explain_column),
	SYNTAX_EXPLAIN("expected key", NULL, NULL, syntax_explain_behind),
	SYNTAX_SAY("expected key", "block mapping", NULL,
	    "this fits neither the value before it nor the keys above it",
	    "keys of one mapping begin in one column; nothing may follow a closing "
	    "quote or bracket on its line"),
	SYNTAX_EXPLAIN("expected '-' indicator", NULL, NULL, syntax_explain_behind),
	SYNTAX_SAY("expected '-' indicator", NULL, NULL,
	    "this fits neither the value before it nor the list above it",
	    "each item of the list is \"- value\", all in one column"),
	SYNTAX_EXPLAIN("comment or line break", "block scalar", NULL,
	    syntax_explain_block),
	SYNTAX_EXPLAIN("document start", NULL, NULL, syntax_explain_document),
	SYNTAX_SAY("YAML document", NULL, NULL, "a YAML version that is not known",
	    "remove the line, or write %YAML 1.2"),
	SYNTAX_SAY("directive", NULL, NULL, "% begins a directive of YAML in a line",
	    "remove the line; a comment begins with #"),
};

static bool
syntax_try(struct syntax *s, const struct syntax_case *c)
{
	const struct tt_syntax_problem *p = s->p;
	struct tt_mark mark;

	if (p->problem == NULL || strstr(p->problem, c->problem) == NULL)
		return false;
	if (c->context != NULL && (p->context == NULL
	    || strstr(p->context, c->context) == NULL))
		return false;
	if (c->is != NULL && !c->is(s))
		return false;
	if (c->explain != NULL)
		return c->explain(s);
	mark = c->opened && p->context != NULL ? p->context_mark : p->mark;
	s->named = mark.line;
	tt_errors_add(s->errs, mark, NULL, c->remedy, "%s", c->what);
	return true;
}

unsigned
tt_syntax_explain(const struct tt_syntax_problem *p, const char *text, size_t size,
    struct tt_errors *errs)
{
	struct syntax s = { .p = p, .errs = errs };
	size_t i;

	tt_lines_scan(&s.lines, p->mark, text, size);
	s.here = tt_lines_copy(p->mark, text, size, s.line);
	s.begin = tt_lines_copy(p->context != NULL ? p->context_mark : p->mark, text,
	    size, s.begin_line);
	for (i = 0; i < sizeof(syntax_cases) / sizeof(*syntax_cases); i++)
		if (syntax_try(&s, &syntax_cases[i]))
			return s.named;
	tt_errors_add(errs, p->mark, NULL, NULL, "no YAML: %s%s%s",
	    p->problem == NULL ? "it cannot be read" : p->problem,
	    p->context == NULL ? "" : " ", p->context == NULL ? "" : p->context);
	return p->mark.line;
}
