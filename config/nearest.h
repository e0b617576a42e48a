/* nearest.h - "did you mean": the known word that a wrong one comes closest to. */
#ifndef TT_CONFIG_NEAREST_H
#define TT_CONFIG_NEAREST_H

#include <stdbool.h>
#include <stddef.h>

struct tt_nearest {
	const char *word;
	const char *best;	/* NULL: none is close */
	size_t distance;
	bool tied;		/* another one is as close */
};

/* Edits from A to B: a letter more, less, another, or two swapped.  Another case
 * of one letter counts nothing beside the first.  Words over 64 bytes are far
 * from everything. */
size_t tt_nearest_distance(const char *a, const char *b);

/* Begins a search for WORD; both it and what is offered must outlive it. */
struct tt_nearest tt_nearest_begin(const char *word);
void tt_nearest_offer(struct tt_nearest *n, const char *candidate);

#endif
