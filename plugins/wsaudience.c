/* wsaudience.c - a websocket master's viewers. */
#include "plugins/wsaudience.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugins/listener.h"
#include "plugins/wsoptions.h"

#define WSAUDIENCE_TURN 16		/* connections accepted in one turn */
#define WSAUDIENCE_PAUSE 100000000	/* ns until descriptors are asked for again */
#define WSAUDIENCE_EACH 20000		/* ns between wake-ups, for each viewer */

struct tt_wsaudience {
	struct tt_thread *master;
	const struct tt_wslisten *l;
	const struct tt_node *pattern;
	struct tt_wsfeed feed;
	bool *takes;			/* by the master's IN: do viewers take it */
	struct tt_wsserver *server;
	struct tt_listeners listeners;
	bool shut;
	bool out;			/* said so: no descriptors */
	int64_t viewers;
	int64_t woken_at;
	struct tt_task wake;
	struct tt_timer pace, pause;
	struct tt_flood refusals, frames, closed;
};

static struct tt_wsaudience *
wsaudience_of_timer(struct tt_timer *timer, size_t offset)
{
	return (struct tt_wsaudience *)(void *)((char *)timer - offset);
}

/* --- the feed ------------------------------------------------------------ */

/* Wakes all viewers for what has come since. */
static void
wsaudience_flush(struct tt_wsaudience *a)
{
	struct tt_thread *child;

	a->woken_at = tt_now(a->master);
	if (!tt_wsfeed_flush(&a->feed))
		return;
	for (child = a->master->children; child != NULL; child = child->next)
		if (child->node == a->pattern)
			tt_send_child(child, 0, NULL);
}

static void
wsaudience_wake(struct tt_task *task)
{
	wsaudience_flush((struct tt_wsaudience *)(void *)((char *)task -
	    offsetof(struct tt_wsaudience, wake)));
}

static void
wsaudience_paced(struct tt_timer *timer)
{
	wsaudience_flush(wsaudience_of_timer(timer, offsetof(struct tt_wsaudience, pace)));
}

void
tt_wsaudience_add(struct tt_wsaudience *a, const struct tt_batch *batch,
    uint32_t channel, uint64_t position)
{
	const struct tt_wsspan span = { .batch = batch, .channel = channel,
		.n = batch->n, .position = position };
	int64_t rest;

	if (!a->takes[channel] || batch->n == 0)
		return;
	tt_wsfeed_add(&a->feed, &span, a->master->node->in[channel]);
	if (a->feed.readers == 0 || tt_timer_is_on(&a->pace))
		return;
	/* A write costs each viewer a system call: many are woken less often. */
	rest = a->woken_at + (int64_t)a->feed.readers * WSAUDIENCE_EACH -
	    tt_now(a->master);
	if (rest > 0)
		tt_timer_start_at(&a->pace, rest);
	else
		tt_task_reschedule(&a->wake);
}

/* A frame that no viewer can be sent. */
static void
wsaudience_refused_frame(void *arg, const struct tt_wsitem *item,
    enum tt_wsformat_verdict verdict)
{
	struct tt_wsaudience *a = arg;
	char path[512];

	if (tt_flood_allows(&a->frames))
		tt_log(TT_LOG_WARNING, tt_info(a->master, path, sizeof path),
		    "frame refused for viewers (%s): connection %" PRIu64 ", seq %" PRIu64
		    ", %" PRIu32 " bytes", tt_reason_name(verdict == TT_WS_HAS_NEWLINE ?
		    TT_REASON_NEWLINE : TT_REASON_MAX_MESSAGE),
		    item->batch->origin->connection, item->batch->first_seq + item->i,
		    item->batch->slices[item->i].length);
}

/* --- coming in ----------------------------------------------------------- */

static bool
wsaudience_is_full(void *arg)
{
	const struct tt_wsaudience *a = arg;

	return a->viewers >= a->l->max_subscribers || a->shut ||
	    a->master->state != TT_RUNNING;
}

static void
wsaudience_prepare(struct tt_thread *child, void *joining)
{
	child->handed = joining;
}

static void
wsaudience_joined(void *arg, struct tt_wsconn *conn)
{
	struct tt_wsaudience *a = arg;
	struct tt_wsjoining joining = { .feed = &a->feed, .conn = conn,
		.closed = &a->closed };
	struct tt_error err;
	char path[512];

	if (tt_add_child(a->master, a->pattern, wsaudience_prepare, &joining, &err) == NULL)
		tt_log(TT_LOG_ERROR, tt_info(a->master, path, sizeof path),
		    "%s closed: %s", tt_wsconn_peer(conn), err.text);
	else
		a->viewers++;
}

void
tt_wsaudience_left(struct tt_wsaudience *a)
{
	a->viewers--;
}

static void
wsaudience_refused(void *arg, const char *peer, unsigned status, const char *why)
{
	struct tt_wsaudience *a = arg;
	char path[512], code[16] = "";

	tt_count_close(a->master, status == 503 ? TT_REASON_MAX_CONNECTIONS :
	    TT_REASON_HANDSHAKE);
	if (!tt_flood_allows(&a->refusals))
		return;
	if (status != 0)
		snprintf(code, sizeof code, "%u, ", status);
	tt_log(TT_LOG_INFO, tt_info(a->master, path, sizeof path),
	    "%s is no viewer: %s%s", peer, code, why);
}

static const struct tt_wsserver_events wsaudience_events = {
	.full = wsaudience_is_full,
	.joined = wsaudience_joined,
	.refused = wsaudience_refused,
};

/* --- accepting ----------------------------------------------------------- */

static void
wsaudience_pause(struct tt_wsaudience *a)
{
	tt_listeners_pause(&a->listeners);
	tt_timer_start(&a->pause, WSAUDIENCE_PAUSE);
}

static void
wsaudience_resume(struct tt_timer *timer)
{
	struct tt_wsaudience *a = wsaudience_of_timer(timer,
	    offsetof(struct tt_wsaudience, pause));

	if (!a->shut)
		tt_listeners_resume(&a->listeners);
}

static void
wsaudience_accept(struct tt_watch *watch, short what)
{
	struct tt_wsaudience *a = (struct tt_wsaudience *)(void *)
	    ((char *)tt_listeners_of(watch) - offsetof(struct tt_wsaudience, listeners));
	struct tt_accepted accepted;
	char path[512];

	(void)what;
	/* Its spool is still being opened: they wait a little. */
	if (a->master->state == TT_ENTERING) {
		wsaudience_pause(a);
		return;
	}
	for (int i = 0; i < WSAUDIENCE_TURN; i++) {
		if (tt_listener_accept(watch, &accepted) == 0) {
			a->out = false;
			tt_wsserver_take(a->server, accepted.fd, accepted.peer);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		    errno == ENOMEM) {
			if (!a->out)
				tt_log(TT_LOG_WARNING, tt_info(a->master, path,
				    sizeof path), "cannot accept: %s: viewers wait "
				    "until there are descriptors again",
				    strerror(errno));
			a->out = true;
			wsaudience_pause(a);
			return;
		} else if (errno == EAGAIN) {
			return;
		}
		/* Anything else is the end of one that had not yet begun. */
	}
}

/* --- life ---------------------------------------------------------------- */

static void
wsaudience_init_feed(struct tt_wsaudience *a)
{
	const struct tt_node *node = a->pattern, *master = a->master->node;
	const struct tt_wsconfig *c = node->config;
	struct tt_wsfeed_limit limit = { .bytes = (uint64_t)c->queue.bytes,
		.frames = (uint64_t)c->queue.frames, .last = (uint64_t)c->last };

	tt_wsformat_init(&a->feed.format, (enum tt_wsformat_type)c->format,
	    (enum tt_wsformat_batch)c->batch, tt_wsoptions_sequence(node),
	    (uint64_t)tt_wsoptions_max_message(node), tt_gateway_name(a->master));
	a->feed.format.bare = true;
	a->feed.refused = wsaudience_refused_frame;
	a->feed.arg = a;
	tt_wsfeed_init(&a->feed, &limit);
	a->takes = tt_xcalloc(master->n_in, sizeof *a->takes);
	for (unsigned i = 0; i < master->n_in; i++)
		for (unsigned k = 0; k < node->n_in; k++)
			a->takes[i] |= strcmp(master->in[i], node->in[k]) == 0;
}

static int
wsaudience_serve(struct tt_wsaudience *a, const struct tt_wscensus *census,
    struct tt_error *err)
{
	const struct tt_wslisten *l = a->l;
	struct tt_wsserver_setup setup = {
		.census = *census,
		.rules = { .path = l->path, .origins = l->origins.list,
			.n_origins = l->origins.n, .token = l->token },
		.waiting = TT_WSLISTEN_WAITING,
		.tls = l->tls.given,
		.cert = l->tls.cert, .key = l->tls.key, .client_ca = l->tls.client_ca,
		.events = &wsaudience_events,
		.arg = a,
	};

	a->server = tt_wsserver_create(a->master, &setup, err);
	if (a->server == NULL)
		return -1;
	return tt_listeners_open(&a->listeners, a->master, &l->listen,
	    wsaudience_accept, err);
}

struct tt_wsaudience *
tt_wsaudience_open(struct tt_thread *master, const struct tt_wslisten *l,
    const struct tt_wscensus *census, struct tt_error *err)
{
	struct tt_wsaudience *a = tt_xcalloc(1, sizeof *a);

	a->master = master;
	a->l = l;
	a->pattern = tt_wslisten_pattern(master->node);
	tt_task_init(&a->wake, master, wsaudience_wake);
	tt_timer_init(&a->pace, master, wsaudience_paced);
	tt_timer_init(&a->pause, master, wsaudience_resume);
	tt_flood_init(&a->refusals, master, "viewers refused");
	tt_flood_init(&a->closed, master, "viewers closed");
	tt_flood_init(&a->frames, master, "frames refused for viewers");
	wsaudience_init_feed(a);
	if (wsaudience_serve(a, census, err) == 0)
		return a;
	tt_wsaudience_destroy(a);
	return NULL;
}

void
tt_wsaudience_shut(struct tt_wsaudience *a)
{
	if (a == NULL || a->shut)
		return;
	a->shut = true;
	tt_timer_stop(&a->pause);
	tt_listeners_close(&a->listeners);
	if (a->server != NULL)
		tt_wsserver_turn_away(a->server);
}

void
tt_wsaudience_destroy(struct tt_wsaudience *a)
{
	if (a == NULL)
		return;
	tt_wsaudience_shut(a);
	tt_task_cancel(&a->wake);
	tt_timer_stop(&a->pace);
	tt_wsserver_destroy(a->server, a->master);
	tt_flood_finish(&a->refusals);
	tt_flood_finish(&a->closed);
	tt_flood_finish(&a->frames);
	tt_wsfeed_finish(&a->feed);
	free(a->takes);
	free(a);
}
