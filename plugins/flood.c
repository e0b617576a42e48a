/* flood.c - log lines that peers can cause at will: ten a second, then a count. */
#include "plugins/flood.h"

#include <inttypes.h>
#include <stddef.h>

#define FLOOD_LINES 10			/* a second */
#define FLOOD_COUNT 1000000000		/* ns until those left out are counted */

static void
flood_count(struct tt_flood *f, uint64_t left_out)
{
	char path[512];

	if (left_out > 0)
		tt_log(TT_LOG_INFO, tt_info(f->timer.thread, path, sizeof path),
		    "%" PRIu64 " more %s", left_out, f->what);
}

static void
flood_timer(struct tt_timer *timer)
{
	struct tt_flood *f = (struct tt_flood *)(void *)((char *)timer -
	    offsetof(struct tt_flood, timer));

	flood_count(f, f->limit.left_out);
	f->limit.left_out = 0;
}

void
tt_flood_init(struct tt_flood *f, struct tt_thread *self, const char *what)
{
	f->limit = (struct tt_log_limit){ 0 };
	f->what = what;
	tt_timer_init(&f->timer, self, flood_timer);
}

bool
tt_flood_allows(struct tt_flood *f)
{
	uint64_t left_out;
	bool allowed;

	allowed = tt_log_limit(&f->limit, tt_now(f->timer.thread), FLOOD_LINES,
	    &left_out);
	flood_count(f, left_out);
	if (!allowed && !tt_timer_is_on(&f->timer))
		tt_timer_start(&f->timer, FLOOD_COUNT);
	return allowed;
}

void
tt_flood_finish(struct tt_flood *f)
{
	if (f->what == NULL)
		return;
	tt_timer_stop(&f->timer);
	flood_count(f, f->limit.left_out);
	f->limit.left_out = 0;
}
