/* lines.h - a file that YAML could not read, line by line.
 *
 * libyaml says where it gave up, which is often behind the mistake.  What stands
 * before that place shows where the mistake is: the keys that are open there, the
 * last line with something in it, a quote that was closed lines after it was opened. */
#ifndef TT_CONFIG_LINES_H
#define TT_CONFIG_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "config/error.h"

#define TT_LINES_KEYS 64
#define TT_LINES_BRACKETS 64
#define TT_LINES_TEXT 256	/* bytes of a line that are looked at */

/* A line with something in it, which is no comment. */
struct tt_line {
	unsigned number;		/* from 1; 0: there is none */
	unsigned indent;		/* blanks before it */
	char text[TT_LINES_TEXT];	/* behind them, cut */
};

/* What stands before a place. */
struct tt_lines {
	struct tt_line before;		/* the last one */
	unsigned n_keys;
	struct tt_line keys[TT_LINES_KEYS];	/* those open there, by indentation */
	/* A quoted text that goes over several lines of which one looks like a key with
	 * its value: it was not meant to.  line 0: there is none. */
	struct tt_mark quote;
	unsigned quote_closed;		/* the line in which it ends, or 0 */
	struct tt_mark bracket;		/* the innermost { or [ that is open; line 0: none */
};

/* Looks at SIZE bytes of TEXT up to, not with, the line of MARK, for keys, and up to
 * its column for quotes. */
void tt_lines_scan(struct tt_lines *lines, struct tt_mark mark, const char *text,
    size_t size);

/* Copies the line of MARK, of a long one the part around it, to BUF, and returns what
 * stands at the mark in it. */
const char *tt_lines_copy(struct tt_mark mark, const char *text, size_t size,
    char buf[TT_LINES_TEXT]);

/* The bytes of the key that begins TEXT, before its ":" and a blank or the line's end;
 * 0 if none does. */
size_t tt_lines_key(const char *text);

#endif
