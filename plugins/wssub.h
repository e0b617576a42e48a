/* wssub.h - the two roles of a WebSocketSubThread: a destination, which it connects
 * to, and a viewer, who has connected to its master. */
#ifndef TT_PLUGINS_WSSUB_H
#define TT_PLUGINS_WSSUB_H

#include "daemon/taskthread.h"

struct tt_wssub {
	struct tt_thread thread;
	void *own;			/* the role's: made in enter(), freed in exit() */
};

/* As in struct tt_kind. */
struct tt_wsrole {
	int (*enter)(struct tt_thread *self, struct tt_error *err);
	void (*exit)(struct tt_thread *self);
	void (*signal_handler)(struct tt_thread *self, const struct tt_signal *sig);
	void (*drain)(struct tt_thread *self);
	bool (*closing)(struct tt_thread *self);
};

extern const struct tt_wsrole tt_wsdestination, tt_wsviewer;

#endif
