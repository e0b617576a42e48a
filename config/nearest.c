/* nearest.c - "did you mean": the known word that a wrong one comes closest to. */
#include "config/nearest.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#define NEAREST_WORD 64

static char
nearest_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static size_t
nearest_least(size_t a, size_t b, size_t c)
{
	if (b < a)
		a = b;
	return c < a ? c : a;
}

size_t
tt_nearest_distance(const char *a, const char *b)
{
	size_t rows[3][NEAREST_WORD + 1], *before = rows[0], *above = rows[1];
	size_t *row = rows[2], *spare, n = strlen(a), m = strlen(b), i, j;

	if (n > NEAREST_WORD || m > NEAREST_WORD)
		return SIZE_MAX;
	if (strcasecmp(a, b) == 0)
		return strcmp(a, b) != 0;
	for (j = 0; j <= m; j++)
		above[j] = j;
	for (i = 1; i <= n; i++) {
		row[0] = i;
		for (j = 1; j <= m; j++) {
			row[j] = nearest_least(above[j] + 1, row[j - 1] + 1,
			    above[j - 1]
			    + (nearest_lower(a[i - 1]) != nearest_lower(b[j - 1])));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2]
			    && a[i - 2] == b[j - 1] && before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
		spare = before;
		before = above;
		above = row;
		row = spare;
	}
	return above[m];
}

struct tt_nearest
tt_nearest_begin(const char *word)
{
	/* A third of the letters may be wrong, and one of a short word. */
	return (struct tt_nearest){ .word = word,
		.distance = strlen(word) < 6 ? 2 : strlen(word) / 3 + 1 };
}

void
tt_nearest_offer(struct tt_nearest *n, const char *candidate)
{
	size_t distance = tt_nearest_distance(n->word, candidate);
	size_t length = strlen(n->word);

	/* A head of three letters and more is short for the whole. */
	if (length >= 3 && distance >= n->distance
	    && strncasecmp(n->word, candidate, length) == 0)
		distance = 1;

	/* Not where nothing of a short word is left. */
	if (distance < n->distance && distance < strlen(candidate)) {
		n->best = candidate;
		n->distance = distance;
		n->tied = false;
	} else if (n->best != NULL && distance == n->distance) {
		n->tied = true;
	}
}
