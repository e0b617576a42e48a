/* tcpack.h - counts written to a device: its frames 1..n are safe.
 *
 * A device that does not read them holds up nothing: a count that has not begun
 * to leave is replaced by a newer one. */
#ifndef TT_PLUGINS_TCPACK_H
#define TT_PLUGINS_TCPACK_H

#include "daemon/taskthread.h"

struct tt_tcpack {
	struct tt_thread *thread;
	int fd;
	bool line;			/* "ACK n\n", else 8 bytes, big-endian */
	bool broken;			/* the device has gone: no more is written */
	bool reset;			/* and not by closing its end first */
	uint8_t at, size;		/* of `out`: written, in all */
	char out[30];			/* the count under way */
	int64_t interval;		/* ns */
	int64_t told_at;
	uint64_t safe, leaving, told;	/* counts: newest, in `out`, written */
	struct tt_timer timer;
	struct tt_tcpack_wait *wait;	/* only since the socket was full */
	void (*written)(struct tt_thread *self);
};

/* Prepares A to write to FD, at most one count each INTERVAL ns.  WRITTEN is called
 * when a count has left that had to wait for room. */
void tt_tcpack_init(struct tt_tcpack *a, struct tt_thread *self, int fd, bool line,
    int64_t interval, void (*written)(struct tt_thread *self));
void tt_tcpack_finish(struct tt_tcpack *a);

/* The frames 1..N are safe: said to the device within the interval. */
void tt_tcpack_news(struct tt_tcpack *a, uint64_t n);

/* Writes now what has not been said.  Returns true if nothing is left to say, or
 * nobody to say it to; else it waits for room. */
bool tt_tcpack_flush(struct tt_tcpack *a);

#endif
