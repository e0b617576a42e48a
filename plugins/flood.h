/* flood.h - log lines that peers can cause at will: ten a second, then a count. */
#ifndef TT_PLUGINS_FLOOD_H
#define TT_PLUGINS_FLOOD_H

#include "daemon/taskthread.h"

struct tt_flood {
	struct tt_log_limit limit;
	struct tt_timer timer;
	const char *what;
};

/* Prepares F for lines about WHAT ("connections closed"), which must outlive it;
 * those left out are counted in a line of SELF. */
void tt_flood_init(struct tt_flood *f, struct tt_thread *self, const char *what);

/* True if one more line may be logged now; else it is counted. */
bool tt_flood_allows(struct tt_flood *f);

/* Logs what is left to be counted. */
void tt_flood_finish(struct tt_flood *f);

#endif
