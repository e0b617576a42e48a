/* wsserver.h - the door to libwebsockets for viewers.
 *
 * A server takes connections that somebody else has accepted, judges what they ask for,
 * and hands over those that may come in.  libwebsockets has their sockets and TLS; what
 * is read and written is plain bytes, whose meaning is ours (wshandshake, wsinbound).
 *
 * Every call returns at once, and callbacks come from the worker's pump only.  Who does
 * not ask properly within 10 s is closed here; an open connection has no deadline. */
#ifndef TT_PLUGINS_WSSERVER_H
#define TT_PLUGINS_WSSERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "daemon/taskthread.h"
#include "plugins/wshandshake.h"
#include "plugins/wsinbound.h"
#include "plugins/wsloop.h"

struct tt_wsserver;
struct tt_wsconn;

struct tt_wsserver_events {
	/* Whether there is no room for one more. */
	bool (*full)(void *arg);
	/* CONN may come in, and has been told so: tt_wsconn_own() within this call, or
	 * it is dropped. */
	void (*joined)(void *arg, struct tt_wsconn *conn);
	/* PEER was refused with STATUS, for WHY; 0: it asked for nothing in time. */
	void (*refused)(void *arg, const char *peer, unsigned status, const char *why);
};

/* What a server is made for.  All that it points to must outlive it. */
struct tt_wsserver_setup {
	struct tt_wscensus census;	/* of the whole tree */
	struct tt_wsrules rules;
	unsigned waiting;		/* connections that are not in, at a time: for one */
					/* more the oldest goes */
	bool tls;
	const char *cert, *key, *client_ca;	/* PEM files; client_ca or NULL */
	const struct tt_wsserver_events *events;
	void *arg;
};

struct tt_wsconn_events {
	/* Asked for by tt_wsconn_want_write(), or the socket takes more again. */
	void (*writable)(void *arg);
	/* The viewer has sent EVENT, whose details are in IN, up to the next event. */
	void (*inbound)(void *arg, enum tt_wsinbound_event event,
	    const struct tt_wsinbound *in);
	/* The connection is gone. */
	void (*closed)(void *arg);
};

/* Makes a server on SELF's worker, and the worker's loop with the first of its users.
 * Returns NULL with ERR set: a package is missing, a file of TLS cannot be read. */
struct tt_wsserver *tt_wsserver_create(struct tt_thread *self,
    const struct tt_wsserver_setup *setup, struct tt_error *err);

/* Ends it, and all its connections: no callback comes after this.  Takes NULL. */
void tt_wsserver_destroy(struct tt_wsserver *server, struct tt_thread *self);

/* Takes the connection FD of PEER, which is the server's from now on. */
void tt_wsserver_take(struct tt_wsserver *server, int fd, const char *peer);

/* Closes those that are not in yet. */
void tt_wsserver_turn_away(struct tt_wsserver *server);

/* --- a connection that is in --------------------------------------------- */

void tt_wsconn_own(struct tt_wsconn *conn, const struct tt_wsconn_events *events,
    void *arg);

/* "127.0.0.1:45678"; lives as long as CONN, which is until closed(). */
const char *tt_wsconn_peer(const struct tt_wsconn *conn);

/* writable() is to be called.  In each turn of the worker all connections together
 * write a bounded sum: those that still want it come first in the next. */
void tt_wsconn_want_write(struct tt_wsconn *conn);

/* Writes what of the N pieces the socket takes now.  Returns how many bytes that were;
 * where it is not all, writable() comes when it takes more.  -1: it is broken, and
 * closed() comes. */
ssize_t tt_wsconn_write(struct tt_wsconn *conn, const struct iovec *iov, int n);

/* Ends the connection: no callback comes after this.  RESET throws away what has not
 * been sent; else the viewer has a second to take it.  CONN is no longer there. */
void tt_wsconn_drop(struct tt_wsconn *conn, bool reset);

#endif
