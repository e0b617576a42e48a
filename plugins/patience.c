/* patience.c - times that stand still while a tap is closed.
 *
 * Nothing is done when a tap closes or opens, which may happen to ten thousand at
 * once.  When the time has come, what the tap was closed meanwhile is found out,
 * and waited for in steps of one duration for all, which cost the worker one list. */
#include "plugins/patience.h"

#include <stddef.h>

#define PATIENCE_STEPS 8

static void
patience_timer(struct tt_timer *timer)
{
	struct tt_patience *p = (struct tt_patience *)(void *)((char *)timer -
	    offsetof(struct tt_patience, timer));
	const struct tt_tap *tap = p->origin->tap;
	int64_t waited, closed;

	if (tap == NULL)
		return;
	waited = tt_now(timer->thread) - p->since;
	closed = tt_tap_closed_time(tap) - p->closed;
	if (waited - closed >= p->ns)
		p->over(p);
	else
		tt_timer_start(timer, p->ns / PATIENCE_STEPS + 1);
}

void
tt_patience_init(struct tt_patience *p, struct tt_thread *self,
    void (*over)(struct tt_patience *p))
{
	tt_timer_init(&p->timer, self, patience_timer);
	p->over = over;
}

void
tt_patience_start(struct tt_patience *p, struct tt_origin *origin, int64_t ns)
{
	p->origin = origin;
	p->ns = ns;
	p->since = tt_now(p->timer.thread);
	p->closed = origin->tap != NULL ? tt_tap_closed_time(origin->tap) : 0;
	tt_timer_start(&p->timer, ns);
}

void
tt_patience_stop(struct tt_patience *p)
{
	tt_timer_stop(&p->timer);
}
