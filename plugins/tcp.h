/* tcp.h - what a TCPServerThread and its connections say to each other. */
#ifndef TT_PLUGINS_TCP_H
#define TT_PLUGINS_TCP_H

#include "daemon/taskthread.h"
#include "plugins/flood.h"

/* The lines of a server's connections, and of what is beneath them. */
struct tt_tcp_floods {
	struct tt_flood closed, broken;
};

/* `handed` of a connection that is about to enter, which takes descriptor and
 * origin over.  Afterwards its `handed` is `floods`, as that of its processors;
 * they are the server's, which outlives them. */
struct tt_tcp_accepted {
	int fd;				/* nonblocking */
	bool inet;			/* TCP, not a Unix socket */
	struct tt_origin *origin;
	struct tt_tcp_floods *floods;
};

#endif
