/* wswindow.h - pings that wait for their pongs, and how much may be under way.
 *
 * A pong confirms what was sent before its ping.  What is under way has a bound that
 * a quick pong doubles and a slow one halves: a destination that reads slowly must
 * still answer within its time, or it would get the same frames again and again. */
#ifndef TT_PLUGINS_WSWINDOW_H
#define TT_PLUGINS_WSWINDOW_H

#include <stdbool.h>
#include <stdint.h>

#define TT_WSWINDOW_PINGS 32		/* of which the pongs are known */

struct tt_wswindow {
	uint64_t bound;			/* of load, most under way */
	uint64_t confirmed;		/* load that pongs have confirmed */
	unsigned first, n;		/* pings without a pong */
	int64_t pinged_at;		/* ns, the last one */
	struct tt_wsping {
		uint64_t position;	/* what stands in it */
		uint64_t load;		/* what had been sent before it */
		int64_t at;
	} pings[TT_WSWINDOW_PINGS];
};

/* A connection begins, with no load sent.  The bound is what was found to be good
 * before, but at most USUAL. */
void tt_wswindow_begin(struct tt_wswindow *w, uint64_t usual);

/* What may be sent beyond LOAD. */
uint64_t tt_wswindow_room(const struct tt_wswindow *w, uint64_t load);

/* A ping with POSITION is sent behind LOAD.  The oldest one gives way to it where
 * there are too many. */
void tt_wswindow_ping(struct tt_wswindow *w, uint64_t position, uint64_t load,
    int64_t now);

/* A pong with POSITION has come.  Returns false if there was no such ping.  What
 * takes more than a quarter of TIMEOUT, ns, is slow, less than a sixteenth quick. */
bool tt_wswindow_pong(struct tt_wswindow *w, uint64_t position, int64_t now,
    int64_t timeout);

/* No pong has come in time: the next connection begins with less. */
void tt_wswindow_failed(struct tt_wswindow *w, uint64_t usual);

#endif
