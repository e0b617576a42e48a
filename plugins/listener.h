/* listener.h - listening sockets: TCP by address or name, and Unix. */
#ifndef TT_PLUGINS_LISTENER_H
#define TT_PLUGINS_LISTENER_H

#include "daemon/taskthread.h"

struct tt_listener;

/* All that one thread listens on.  Zeroed memory is none. */
struct tt_listeners {
	struct tt_listener *first;
};

/* Opens a socket for each of ADDRESSES, of a name for each of its addresses, and
 * logs "listening on ADDRESS" with its real port.  ACCEPT is called on SELF's
 * worker while there may be someone to accept.  Looks names up, and blocks for
 * it: for the start of a thread.
 *
 * The file of a Unix socket that nobody listens on any more is replaced.  Returns
 * 0, or -1 with ERR set; then tt_listeners_close() closes those opened before. */
int tt_listeners_open(struct tt_listeners *ls, struct tt_thread *self,
    const struct tt_addresses *addresses,
    void (*accept)(struct tt_watch *watch, short what), struct tt_error *err);

/* Closes them, and removes the files of Unix sockets. */
void tt_listeners_close(struct tt_listeners *ls);

/* Who connects waits, until tt_listeners_resume(). */
void tt_listeners_pause(struct tt_listeners *ls);
void tt_listeners_resume(struct tt_listeners *ls);

struct tt_accepted {
	int fd;				/* nonblocking, the caller's */
	bool inet;			/* TCP */
	char peer[128], local[128];	/* "127.0.0.1:45678", "[::1]:5002", "unix:/path" */
};

/* Those that the listener belongs to whose WATCH called accept(). */
struct tt_listeners *tt_listeners_of(struct tt_watch *watch);

/* Accepts one connection at the listener whose WATCH called accept().  Returns 0,
 * or -1 with errno. */
int tt_listener_accept(struct tt_watch *watch, struct tt_accepted *accepted);

/* A schema's claims() for ADDRESSES. */
bool tt_listeners_claims(const struct tt_addresses *addresses, size_t i, char *buf,
    size_t size);

#endif
