/* supervise.c - how often a thread that fails is started again. */
#include "daemon/supervise.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/memory.h"

void
tt_supervise_init(struct tt_supervise *s, const struct tt_restart *limit)
{
	memset(s, 0, sizeof *s);
	s->limit = limit;
	if (limit->given)
		s->failures = tt_xcalloc((size_t)limit->max, sizeof s->failures[0]);
}

void
tt_supervise_finish(struct tt_supervise *s)
{
	free(s->failures);
	s->failures = NULL;
	s->n = 0;
}

/* Those that are too long ago count no more. */
static void
supervise_forget(struct tt_supervise *s, int64_t now)
{
	unsigned size = (unsigned)s->limit->max;

	while (s->n > 0 && now - s->failures[(s->next + size - s->n) % size] >=
	    s->limit->within)
		s->n--;
}

static int64_t
supervise_pause(const struct tt_supervise *s, uint32_t random)
{
	int64_t pause = s->limit->backoff.from, to = s->limit->backoff.to;
	unsigned i;

	for (i = 1; i < s->row && pause < to; i++)
		pause = pause > to / 2 ? to : 2 * pause;
	return pause - (int64_t)((double)(pause / 2) * random / UINT32_MAX);
}

int64_t
tt_supervise_failed(struct tt_supervise *s, int64_t now, uint32_t random)
{
	if (!s->limit->given)
		return -1;
	supervise_forget(s, now);
	if (s->is_up && now - s->up_at >= s->limit->within)
		s->row = 0;
	s->is_up = false;
	if (s->n == s->limit->max)
		return -1;
	s->failures[s->next] = now;
	s->next = (s->next + 1) % (unsigned)s->limit->max;
	s->n++;
	s->row++;
	return supervise_pause(s, random);
}

void
tt_supervise_up(struct tt_supervise *s, int64_t now)
{
	s->is_up = true;
	s->up_at = now;
}
