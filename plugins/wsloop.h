/* wsloop.h - the loop that all websockets of a worker share.
 *
 * It is a libwebsockets context on a libuv loop, which stands as one descriptor in the
 * worker's libevent loop and turns in its pump.  Nobody but its two
 * doors, wsclient.c and wsserver.c, looks in here. */
#ifndef TT_PLUGINS_WSLOOP_H
#define TT_PLUGINS_WSLOOP_H

#include <stdbool.h>

#include "daemon/taskthread.h"

struct lws;
struct lws_context;
struct tt_wsloop;

/* The websockets of a tree, counted: the loop is made for all of them. */
struct tt_wscensus {
	unsigned clients;
	unsigned viewers;		/* of all servers, at most */
	bool tls;			/* somebody uses it */
};

/* What one door's object does in the pump.  */
struct tt_wspart {
	struct tt_wspart *next;
	void (*before)(struct tt_wspart *part);	/* what must not be done within a */
						/* callback of libwebsockets */
	void (*after)(struct tt_wspart *part);	/* the loop has turned: to write */
	bool (*owns)(const struct tt_wspart *part, const struct lws *wsi);
	void (*free)(struct tt_wspart *part);
};

/* The loop of SELF's worker, which is made for the first that asks, with PART on it.
 * Returns NULL with ERR set: a package is missing. */
struct tt_wsloop *tt_wsloop_enter(struct tt_thread *self,
    const struct tt_wscensus *census, struct tt_wspart *part, struct tt_error *err);

/* PART's owner has gone.  PART stays, for late callbacks, until the last has gone,
 * and with it the loop; then PART is freed. */
void tt_wsloop_leave(struct tt_wsloop *loop, struct tt_thread *self);

struct lws_context *tt_wsloop_context(const struct tt_wsloop *loop);

/* The pump is to run; libuv's loop is to turn in it; libwebsockets was called from
 * outside its callbacks, and is to notice. */
void tt_wsloop_wake(struct tt_wsloop *loop);
void tt_wsloop_want_turn(struct tt_wsloop *loop);
void tt_wsloop_called(struct tt_wsloop *loop);

/* A connect() failed at once, and has left a handle behind. */
void tt_wsloop_litter(struct tt_wsloop *loop);

/* Closes what was left behind now. */
void tt_wsloop_sweep(struct tt_wsloop *loop);

/* While a virtual host is made for files of TLS, what libwebsockets says is loud:
 * what is wrong with a certificate, only its log tells. */
void tt_wsloop_loud(bool loud);

/* Returns 0 if FILE (or NULL) can be read, or -1 with ERR set. */
int tt_wsloop_check_file(const char *what, const char *file, struct tt_error *err);

/* More than any deadline of ours, in seconds: none of its own must come first. */
#define TT_WSLOOP_LONG 100000

#endif
