/* wsaudience.h - a websocket master's viewers: where they come in, and what is made for
 * all of them.
 *
 * It listens, has each judged and starts a thread for who may come in.  What the master
 * takes IN becomes one feed (wsfeed), which all viewers read: each batch as it comes,
 * then an empty wake-up to all, once for what came meanwhile. */
#ifndef TT_PLUGINS_WSAUDIENCE_H
#define TT_PLUGINS_WSAUDIENCE_H

#include "daemon/taskthread.h"
#include "plugins/wsfeed.h"
#include "plugins/wslisten.h"
#include "plugins/wsserver.h"

struct tt_wsaudience;

/* What the thread of a viewer is handed. */
struct tt_wsjoining {
	struct tt_wsfeed *feed;
	struct tt_wsconn *conn;
	struct tt_flood *closed;	/* of the lines about those who leave */
};

/* Opens the audience of MASTER, which listens as L says.  CENSUS is the whole tree's.
 * Returns NULL with ERR set. */
struct tt_wsaudience *tt_wsaudience_open(struct tt_thread *master,
    const struct tt_wslisten *l, const struct tt_wscensus *census, struct tt_error *err);

/* Its viewers have gone.  Takes NULL. */
void tt_wsaudience_destroy(struct tt_wsaudience *a);

/* BATCH has come on CHANNEL, the master's IN, with POSITION for its first frame. */
void tt_wsaudience_add(struct tt_wsaudience *a, const struct tt_batch *batch,
    uint32_t channel, uint64_t position);

/* A viewer's thread has ended. */
void tt_wsaudience_left(struct tt_wsaudience *a);

/* Nobody comes in any more.  Takes NULL. */
void tt_wsaudience_shut(struct tt_wsaudience *a);

#endif
