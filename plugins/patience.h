/* patience.h - how long a device may let us wait: a time that stands still while
 * its tap is closed, for then it is we who let it wait. */
#ifndef TT_PLUGINS_PATIENCE_H
#define TT_PLUGINS_PATIENCE_H

#include "daemon/taskthread.h"

struct tt_patience {
	struct tt_timer timer;
	struct tt_origin *origin;	/* whose tap counts */
	int64_t ns;
	int64_t since, closed;		/* now, and the tap's closed time, at the start */
	void (*over)(struct tt_patience *p);
};

/* Prepares P: OVER is called when it has come to an end. */
void tt_patience_init(struct tt_patience *p, struct tt_thread *self,
    void (*over)(struct tt_patience *p));

/* (Re)starts P, which ends after NS of open tap; never too early, and where the tap
 * was closed in between up to an eighth too late.  ORIGIN must live until P ends
 * or is stopped; when its tap has gone P ends without a call. */
void tt_patience_start(struct tt_patience *p, struct tt_origin *origin, int64_t ns);
void tt_patience_stop(struct tt_patience *p);

#endif
