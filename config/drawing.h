/* drawing.h - the lines of the tree that do not meet, drawn below a mistake. */
#ifndef TT_CONFIG_DRAWING_H
#define TT_CONFIG_DRAWING_H

#include <stdbool.h>
#include <stddef.h>

#include "config/load.h"

#define TT_DRAWING_LINES 6

/* Where a channel begins or ends at a parent. */
enum tt_end_way { TT_END_IN, TT_END_UP, TT_END_MADE };

struct tt_end {
	const struct tt_building *b;	/* NULL: there is none */
	enum tt_end_way way;
	const char *channel;
};

struct tt_drawing {
	struct tt_arena *arena;
	size_t n;
	bool cut;			/* more were added than fit */
	struct tt_errors_line lines[TT_DRAWING_LINES];
};

/* The end at PARENT whose channel comes nearest to NAME, but none of NOT's: a source
 * (what comes IN there, is made there, or is sent UP by a child) or else a user. */
struct tt_end tt_drawing_nearest(const struct tt_building *parent, const char *name,
    bool source, const struct tt_building *not);

/* Adds the line of END's node, which shows END's direction and channel; POINTS says
 * what it does with it.  An end that is none adds none. */
void tt_drawing_add(struct tt_drawing *d, struct tt_end end, const char *points);

/* Adds the line of B, which shows both directions, with IN and UP among them. */
void tt_drawing_add_both(struct tt_drawing *d, const struct tt_building *b,
    const char *in, const char *up, const char *points);

/* Adds the line of B without its channels. */
void tt_drawing_add_node(struct tt_drawing *d, const struct tt_building *b,
    const char *points);

/* Reports WHAT at MARK in PATH with the lines of D, as they stand in the file if
 * SORTED, else as they came. */
void tt_drawing_report(struct tt_drawing *d, struct tt_load *l, struct tt_mark mark,
    const char *path, bool sorted, const char *remedy, const char *what);

#endif
