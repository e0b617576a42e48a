/* wsclient.h - the door to libwebsockets for destinations.
 *
 * A client is one destination with at most one connection at a time; what it writes
 * are frames that are ready-made.
 *
 * Every call returns at once, and callbacks come from the worker's pump only.  No
 * deadline is kept here: whoever waits has a timer, and calls tt_wsclient_drop(). */
#ifndef TT_PLUGINS_WSCLIENT_H
#define TT_PLUGINS_WSCLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/taskthread.h"
#include "plugins/wsloop.h"

struct tt_wsclient;

/* Longest parts of a request that libwebsockets sends whole. */
#define TT_WS_MAX_HOST 110		/* with port */
#define TT_WS_MAX_PATH 1900
#define TT_WS_MAX_SUBPROTOCOL 256
#define TT_WS_MAX_HEADERS 8192

/* Most bytes of an inbound message, and how many of its first ones are kept. */
#define TT_WS_MAX_INBOUND (64 << 10)
#define TT_WS_KEPT 64

/* What a client is made for.  The strings must outlive it. */
struct tt_wssetup {
	struct tt_wscensus census;	/* of the whole tree */
	bool tls, verify;		/* this one does; its peer has to prove its name */
	const char *ca, *cert, *key;	/* PEM files, or NULL: the system's, none, none */
	const struct tt_wsevents *events;
	void *arg;			/* for the callbacks */
};

/* What is asked of the destination.  Must live until opened() or closed(). */
struct tt_wsrequest {
	const char *address;		/* numeric */
	uint16_t port;
	const char *host;		/* with port where it is not the usual one */
	const char *path;		/* with query */
	const char *subprotocol;	/* or NULL */
	const char *headers;		/* lines, each ended by CRLF, or "" */
};

struct tt_wsevents {
	/* The upgrade has succeeded. */
	void (*opened)(void *arg);
	/* Asked for by tt_wsclient_want_write(), or the rest of an earlier write has
	 * gone: tt_wsclient_write() is welcome. */
	void (*writable)(void *arg);
	/* A message of SIZE bytes, of which TEXT has the first TT_WS_KEPT.  One that is
	 * longer than TT_WS_MAX_INBOUND comes as soon as it is, with that SIZE, and its
	 * rest not at all. */
	void (*message)(void *arg, bool binary, const char *text, size_t size);
	void (*pong)(void *arg, const uint8_t *payload, size_t size);
	/* The destination has begun to close; closed() follows soon. */
	void (*ending)(void *arg);
	/* The connection is gone, or did not come about, for REASON. */
	void (*closed)(void *arg, const char *reason);
};

/* Makes a client on SELF's worker, and the worker's loop with the first of them.
 * Returns NULL with ERR set: a package is missing, a file of TLS cannot be read. */
struct tt_wsclient *tt_wsclient_create(struct tt_thread *self,
    const struct tt_wssetup *setup, struct tt_error *err);

/* Ends it: no callback comes after this.  SELF is as above.  Takes NULL. */
void tt_wsclient_destroy(struct tt_wsclient *client, struct tt_thread *self);

/* Begins a connection; there is none.  Returns 0 when opened() or closed() will
 * follow, or -1 with REASON, SIZE bytes of room, when it failed at once. */
int tt_wsclient_connect(struct tt_wsclient *client, const struct tt_wsrequest *request,
    char *reason, size_t size);

void tt_wsclient_want_write(struct tt_wsclient *client);

/* True if the connection is open and all that was written before has gone to the
 * socket. */
bool tt_wsclient_is_ready(const struct tt_wsclient *client);

/* Writes whole frames.  What the socket does not take is copied, and goes before
 * anything else.  Returns 0, or -1: the connection is broken, and closed() comes. */
int tt_wsclient_write(struct tt_wsclient *client, uint8_t *data, size_t size);

/* Bytes that the peer's TCP has taken since the connection began; in *END, how many
 * it will be when it has all that was written, or up to one write more. */
uint64_t tt_wsclient_progress(const struct tt_wsclient *client, uint64_t *end);

/* Ends the connection, or the attempt, now; closed() does not come.  RESET throws
 * away what has not been sent.  Nothing happens where there is none. */
void tt_wsclient_drop(struct tt_wsclient *client, bool reset);

#endif
