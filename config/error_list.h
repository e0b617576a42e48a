/* error_list.h - how mistakes are kept between error.c, which collects them, and
 * error_print.c, which prints them.  For these two alone. */
#ifndef TT_CONFIG_ERROR_LIST_H
#define TT_CONFIG_ERROR_LIST_H

#include <stddef.h>

#include "config/error.h"

#define TT_ERROR_SHOWN 50

struct tt_error_entry {
	unsigned file;			/* 0: none, else a source's number */
	unsigned line, column;
	char *path, *text, *remedy;
	struct tt_errors_line *lines;	/* of the tree; its texts belong to it */
	size_t n_lines;
};

/* The first entries by place, and how many there were. */
struct tt_error_list {
	size_t count, kept;
	struct tt_error_entry entries[TT_ERROR_SHOWN];
};

struct tt_error_source {
	struct tt_error_source *next;
	unsigned number;		/* from 1 */
	char *name;
	char *text;			/* NULL: no text was given */
	size_t size;
};

struct tt_error_secret {
	unsigned file;
	struct tt_mark from, to;	/* their `file` is not used */
};

struct tt_errors {
	struct tt_error_list mistakes, warnings;
	struct tt_error_source *sources;
	struct tt_error_secret *secrets;
	size_t n_secrets, room;
};

/* By file, line and column: less than, equal to or greater than 0. */
int tt_error_compare(const struct tt_error_entry *a, const struct tt_error_entry *b);

#endif
