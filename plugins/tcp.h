/* tcp.h - what a TCPServerThread and its connections say to each other. */
#ifndef TT_PLUGINS_TCP_H
#define TT_PLUGINS_TCP_H

#include "daemon/taskthread.h"

/* The lines of a server's connections, and of what is beneath them. */
struct tt_tcp_floods {
	struct tt_flood closed, broken;
};

/* What a connection is made of. */
struct tt_tcp_accepted {
	int fd;				/* nonblocking */
	bool inet;			/* TCP, not a Unix socket */
	struct tt_origin *origin;
	struct tt_tcp_floods *floods;	/* the server's, which outlives it */
};

/* CONNECTION, which is about to enter, takes descriptor and origin over, and closes them
 * even if it cannot.  Its `handed` is the floods from now on, as that of its
 * processors. */
void tt_tcp_connection_accept(struct tt_thread *connection,
    const struct tt_tcp_accepted *accepted);

#endif
