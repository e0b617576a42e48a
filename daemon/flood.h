/* flood.h - log lines that peers can cause at will: ten a second, then a count.
 *
 * It belongs to one thread; others beneath that one may ask it, too, from whatever
 * worker they live on. */
#ifndef TT_DAEMON_FLOOD_H
#define TT_DAEMON_FLOOD_H

#include <pthread.h>

#include "daemon/log.h"
#include "daemon/task.h"

struct tt_flood {
	pthread_mutex_t mutex;		/* of limit and told */
	struct tt_log_limit limit;
	bool told;			/* its thread is to start the timer */
	struct tt_timer timer;
	const char *what;
};

/* Prepares F for lines about WHAT ("connections closed"), which must outlive it;
 * those left out are counted in a line of SELF. */
void tt_flood_init(struct tt_flood *f, struct tt_thread *self, const char *what);

/* True if one more line may be logged now; else it is counted. */
bool tt_flood_allows(struct tt_flood *f);

/* Logs what is left to be counted.  Who asked it from elsewhere has gone, and what it
 * sent before has been handled. */
void tt_flood_finish(struct tt_flood *f);

#endif
