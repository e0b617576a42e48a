/* error.h - what went wrong, in words for the person who can mend it.
 *
 * Two shapes: a `struct tt_error` holds one message and lives on the caller's
 * stack; a `struct tt_errors` collects every mistake of a file, so that one run
 * shows them all. */
#ifndef TT_CONFIG_ERROR_H
#define TT_CONFIG_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* A place in a file: line and column count from 1, in characters, as an editor
 * shows them.  `file` is NULL where there is no place. */
struct tt_mark {
	const char *file;
	unsigned line;
	unsigned column;
};

/* One message.  An empty text means that nothing was said. */
struct tt_error {
	char text[512];
};

/* Sets ERR to the formatted message and returns -1, so that a failing step can
 * say `return tt_error_set(err, ...)`.  ERR may be NULL.  A longer message is cut. */
int tt_error_set(struct tt_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Every mistake of one run. */
struct tt_errors;

struct tt_errors *tt_errors_create(void);
void tt_errors_destroy(struct tt_errors *errs);

/* Adds a mistake at MARK, in the node PATH (NULL or "" where there is none).
 * REMEDY says what would be right, or is NULL.  Returns -1.  The message, PATH
 * and REMEDY are copied.  An equal message at an equal mark is added once. */
int tt_errors_add(struct tt_errors *errs, struct tt_mark mark, const char *path,
    const char *remedy, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* A line of the tree, as it is drawn below a mistake: which node, and what of it
 * does not meet what stands in the other lines. */
struct tt_errors_line {
	struct tt_mark mark;		/* where the node begins */
	unsigned depth;			/* how far it is indented */
	const char *node;		/* its key */
	const char *says;		/* its channels, or "" */
	const char *points;		/* behind an arrow; NULL: no arrow */
};

/* The same as tt_errors_add(), with N LINES of the tree below the line of the file.
 * They are copied. */
int tt_errors_add_drawn(struct tt_errors *errs, struct tt_mark mark, const char *path,
    const char *remedy, const struct tt_errors_line *lines, size_t n,
    const char *format, ...)
    __attribute__((format(printf, 7, 8)));

/* The same for something that works, but hardly as it was meant. */
void tt_errors_warn(struct tt_errors *errs, struct tt_mark mark, const char *path,
    const char *remedy, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Keeps a copy of FILE's SIZE bytes of TEXT, for the lines with a caret. */
void tt_errors_source(struct tt_errors *errs, const char *file, const char *text,
    size_t size);

/* From FROM up to, not with, TO the kept text is a secret: it prints as stars.  So
 * does, without being told, what a line has behind the word token, password, secret,
 * cookie or authorization. */
void tt_errors_hide(struct tt_errors *errs, struct tt_mark from, struct tt_mark to);

/* The byte of SIZE bytes of TEXT, a line of a file, behind which a secret seems to
 * stand; SIZE if none does. */
size_t tt_errors_guess_secret(const char *text, size_t size);

/* True if C stands behind MARK in its line. */
bool tt_errors_line_has(const struct tt_errors *errs, struct tt_mark mark, char c);

/* How many mistakes (warnings not counted), and how many warnings. */
size_t tt_errors_count(const struct tt_errors *errs);
size_t tt_errors_warnings(const struct tt_errors *errs);

/* Prints all, sorted by place; of very many the first 50, then how many more:
 *
 *     FILE:LINE:COL: error: PATH: what is wrong
 *         the line
 *           ^
 *      LINE | a node of the tree  IN: a  <- what does not meet
 *         what would be right
 *
 * Control characters and bytes that are not UTF-8 come escaped.  In colour if OUT is
 * a terminal, TERM is set and not "dumb", and NO_COLOR is not set or empty
 * (https://no-color.org). */
void tt_errors_print(const struct tt_errors *errs, FILE *out);

/* The same, in colour or not as COLOUR says. */
void tt_errors_print_as(const struct tt_errors *errs, FILE *out, bool colour);

#endif
