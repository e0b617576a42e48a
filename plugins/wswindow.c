/* wswindow.c - pings that wait for their pongs, and how much may be under way. */
#include "plugins/wswindow.h"

void
tt_wswindow_begin(struct tt_wswindow *w, uint64_t usual)
{
	if (w->bound == 0 || w->bound > usual)
		w->bound = usual;
	w->confirmed = 0;
	w->first = w->n = 0;
}

uint64_t
tt_wswindow_room(const struct tt_wswindow *w, uint64_t load)
{
	uint64_t under_way = load - w->confirmed;

	return under_way < w->bound ? w->bound - under_way : 0;
}

void
tt_wswindow_ping(struct tt_wswindow *w, uint64_t position, uint64_t load, int64_t now)
{
	struct tt_wsping *ping;

	if (w->n == TT_WSWINDOW_PINGS) {
		w->first = (w->first + 1) % TT_WSWINDOW_PINGS;
		w->n--;
	}
	ping = &w->pings[(w->first + w->n++) % TT_WSWINDOW_PINGS];
	*ping = (struct tt_wsping){ .position = position, .load = load, .at = now };
	w->pinged_at = now;
}

/* Only a load that has filled the window in good part says that it is too small. */
static void
wswindow_fit(struct tt_wswindow *w, const struct tt_wsping *ping, int64_t took,
    int64_t timeout)
{
	if (took > timeout / 4 && w->bound > 1)
		w->bound /= 2;
	else if (took < timeout / 16 && ping->load - w->confirmed >= w->bound / 2 &&
	    w->bound < UINT64_MAX / 2)
		w->bound *= 2;
}

bool
tt_wswindow_pong(struct tt_wswindow *w, uint64_t position, int64_t now, int64_t timeout)
{
	const struct tt_wsping *ping = w->pings;
	unsigned i;

	/* The same position may have been pinged again: the last one is answered for. */
	for (i = w->n; i > 0; i--) {
		ping = &w->pings[(w->first + i - 1) % TT_WSWINDOW_PINGS];
		if (ping->position == position)
			break;
	}
	if (i == 0)
		return false;
	wswindow_fit(w, ping, now - ping->at, timeout);
	w->confirmed = ping->load;
	w->first = (w->first + i) % TT_WSWINDOW_PINGS;
	w->n -= i;
	return true;
}

void
tt_wswindow_failed(struct tt_wswindow *w, uint64_t usual)
{
	if (w->bound > usual)
		w->bound = usual;
	if (w->bound > 1)
		w->bound /= 2;
}
