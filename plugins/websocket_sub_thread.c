/* websocket_sub_thread.c - one destination of a websocket master's log.
 *
 *                      name found        TCP, TLS, upgrade
 *      resting --> resolving --> connecting ---------------> open --> ending
 *         ^            |              | next address           |         |
 *         +------------+--------------+------- lost -----------+---------+
 *
 * While it is open, frames are taken from the log at the cursor `sent`, encoded into
 * a block, and written whenever the socket is ready for it.  What the destination
 * confirms moves the cursor `confirmed`; when the connection is lost, sent goes back
 * to it.  A pong confirms what was sent before its ping. */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "daemon/taskthread.h"
#include "plugins/flood.h"
#include "plugins/kinds.h"
#include "plugins/wsclient.h"
#include "plugins/wsoptions.h"
#include "plugins/wssender.h"
#include "plugins/wswindow.h"

#define WEBSOCKET_SUB_BLOCKS 8		/* written in one turn */
#define WEBSOCKET_SUB_REPEAT 1000000000	/* ns until a ping is repeated */
#define WEBSOCKET_SUB_PACE 5000000	/* ns between pings that nothing hurries */
#define WEBSOCKET_SUB_END 2000000000	/* ns that a close may take, */
#define WEBSOCKET_SUB_LEAVE 1000000000	/* and one when the daemon stops */
#define WEBSOCKET_SUB_FINISH 1000000000	/* what is still to be confirmed then */
#define WEBSOCKET_SUB_HURRY 1000000000	/* ns between attempts while draining */

enum websocket_sub_state {
	WEBSOCKET_SUB_RESTING, WEBSOCKET_SUB_RESOLVING, WEBSOCKET_SUB_CONNECTING,
	WEBSOCKET_SUB_OPEN, WEBSOCKET_SUB_ENDING, WEBSOCKET_SUB_LEAVING
};

struct websocket_sub {
	struct tt_thread thread;
	const struct tt_wsconfig *config;
	struct tt_wscursor *cursor;	/* the log's, handed over by the master */
	bool *takes;			/* by the master's IN: is it ours */
	struct tt_wsclient *client;
	struct tt_wsrequest request;
	struct tt_wssender sender;
	char host[TT_WS_MAX_HOST];	/* as in the header Host */
	char *headers;			/* the others, as lines */
	char where[TT_WS_MAX_HOST + 8];	/* wss://host:port, for people */
	enum websocket_sub_state state;

	/* The way to a connection. */
	struct tt_resolution *resolution;
	struct tt_addresses_found found;
	unsigned address;		/* of those: the one that is tried */
	int64_t bound;			/* ns, of the next pause */
	struct tt_timer rest, deadline;
	struct tt_task next;		/* the address before has failed, for this: */
	char why[192];
	int64_t opened_at;
	bool proven;			/* this connection has confirmed something */
	bool brief;			/* the last one had not, and was no good */
	bool finishing;			/* it closes once all is confirmed */
	bool away;			/* and the log says so, for this reason: */
	char reason[256];

	/* What is under way on this connection. */
	struct tt_wswindow window;
	bool ping_now;
	struct tt_timer tick, pace;
	int64_t progress_at;		/* the wait for a confirmation counts from here */
	uint64_t acked;			/* bytes that TCP had delivered at the last tick */
	uint64_t mark;			/* those behind it are no progress; 0: not known */

	struct tt_flood said, refusals;
};

static void websocket_sub_begin(struct websocket_sub *s);

/* --- small parts --------------------------------------------------------- */

static void
websocket_sub_log(struct websocket_sub *s, enum tt_log_level level, const char *what,
    const char *reason)
{
	char path[512];

	if (level != TT_LOG_DEBUG && !tt_flood_allows(&s->said))
		return;
	tt_log(level, tt_info(&s->thread, path, sizeof path),
	    "%s %s%s%s, %" PRIu64 " frames wait", what, s->where,
	    reason != NULL ? ": " : "", reason != NULL ? reason : "",
	    tt_wscursor_frames(s->cursor));
}

/* Hands what has been added up to the counters. */
static void
websocket_sub_count(struct websocket_sub *s)
{
	struct tt_wssender *from = &s->sender;
	struct tt_wscursor *c = s->cursor;

	if (from->in_frames > 0)
		tt_count_in(&s->thread, from->in_frames, from->in_bytes);
	if (from->resent > 0)
		tt_count_resent(&s->thread, from->resent);
	if (c->out_frames > 0)
		tt_count_out(&s->thread, c->out_frames, c->out_bytes);
	if (c->lost_frames > 0)
		tt_count_refused(&s->thread, TT_REASON_DROP_OLDEST, c->lost_frames);
	from->in_frames = from->in_bytes = from->resent = 0;
	c->out_frames = c->out_bytes = c->lost_frames = 0;
}

/* True if something was sent that is not confirmed, as far as this destination does
 * confirm. */
static bool
websocket_sub_waits(const struct websocket_sub *s, bool socket_waits)
{
	return s->config->ack == TT_WSACK_NONE ? socket_waits :
	    s->window.n > 0 || tt_wscursor_is_waiting(s->cursor);
}

/* It moves: ack_timeout begins anew. */
static void
websocket_sub_moves(struct websocket_sub *s, int64_t now)
{
	s->progress_at = now;
	s->mark = 0;
}

/* Looks again when a ping is to be repeated or the time is over, and in between. */
static void
websocket_sub_watch(struct websocket_sub *s, int64_t now)
{
	int64_t left = s->progress_at + s->config->ack_timeout - now;
	int64_t pause = s->config->ack_timeout / 2;

	if (pause > WEBSOCKET_SUB_REPEAT)
		pause = WEBSOCKET_SUB_REPEAT;
	if (pause > left)
		pause = left;
	left = s->window.pinged_at + WEBSOCKET_SUB_REPEAT - now;
	if (s->window.n > 0 && pause > left)
		pause = left;
	tt_timer_start_at(&s->tick, pause);
}

static uint64_t
websocket_sub_random(void)
{
	uint64_t r = 0;

	while (getrandom(&r, sizeof r, 0) != sizeof r)
		continue;
	return r;
}

/* --- the end of a connection --------------------------------------------- */

static void
websocket_sub_stop_timers(struct websocket_sub *s)
{
	tt_timer_stop(&s->rest);
	tt_timer_stop(&s->deadline);
	tt_timer_stop(&s->tick);
	tt_timer_stop(&s->pace);
}

/* The next attempt comes after a pause of up to `bound`, at random (full jitter),
 * which doubles each time; while the daemon drains, soon. */
static void
websocket_sub_rest(struct websocket_sub *s)
{
	const struct tt_duration_range *range = &s->config->backoff;
	int64_t bound = s->bound, least, pause;

	if (tt_is_draining(&s->thread) && bound > WEBSOCKET_SUB_HURRY)
		bound = WEBSOCKET_SUB_HURRY;
	least = (bound < range->from ? bound : range->from) / 10;
	pause = (int64_t)(websocket_sub_random() % (uint64_t)bound);
	if (pause < least)
		pause = least;
	s->bound = s->bound > range->to / 2 ? range->to : s->bound * 2;
	s->state = WEBSOCKET_SUB_RESTING;
	tt_timer_start_at(&s->rest, pause);
}

/* There is no connection, for REASON.  The log says so when that is news. */
static void
websocket_sub_lost(struct websocket_sub *s, const char *reason)
{
	bool was_open = s->state == WEBSOCKET_SUB_OPEN ||
	    s->state == WEBSOCKET_SUB_ENDING;
	bool news = !s->away || strcmp(reason, s->reason) != 0;
	int64_t lasted = tt_now(&s->thread) - s->opened_at;
	char waits[40];

	if (s->state == WEBSOCKET_SUB_LEAVING || s->finishing) {
		tt_exit(&s->thread);
		return;
	}
	if (was_open) {
		s->brief = !s->proven && (s->config->ack == TT_WSACK_PONG ||
		    tt_wscursor_is_waiting(s->cursor) || lasted < s->bound);
		if (!s->brief)
			s->bound = s->config->backoff.from;
	}
	websocket_sub_stop_timers(s);
	websocket_sub_count(s);
	tt_wscursor_rewind(s->cursor);
	websocket_sub_log(s, news ? TT_LOG_WARNING : TT_LOG_DEBUG,
	    was_open ? "lost the connection to" : "no connection to", reason);
	s->away = s->cursor->away = true;
	if (reason != s->reason)
		snprintf(s->reason, sizeof s->reason, "%s", reason);
	snprintf(waits, sizeof waits, "%" PRIu64 " frames wait",
	    tt_wscursor_frames(s->cursor));
	tt_say_state(&s->thread, "away", waits);
	websocket_sub_rest(s);
}

/* The destination has broken the rules: it is told so, and then left. */
static void
websocket_sub_close(struct websocket_sub *s, unsigned code, const char *reason)
{
	uint8_t frame[TT_WSFRAME_CLOSE];

	websocket_sub_log(s, TT_LOG_WARNING, "closing the connection to", reason);
	snprintf(s->reason, sizeof s->reason, "%s", reason);
	s->away = true;
	tt_wsframe_close(frame, code, tt_wskey(&s->sender.format.keys));
	tt_wsclient_write(s->client, frame, sizeof frame);
	s->state = WEBSOCKET_SUB_ENDING;
	websocket_sub_stop_timers(s);
	tt_timer_start(&s->deadline, WEBSOCKET_SUB_END);
}

/* True if the destination has confirmed all that is in the log. */
static bool
websocket_sub_has_all(const struct websocket_sub *s)
{
	return tt_wscursor_behind(s->cursor) == 0 && !tt_wscursor_is_waiting(s->cursor);
}

/* The daemon stops: says goodbye. */
static void
websocket_sub_leave(struct websocket_sub *s)
{
	uint8_t frame[TT_WSFRAME_CLOSE];

	websocket_sub_stop_timers(s);
	s->state = WEBSOCKET_SUB_LEAVING;
	tt_wsframe_close(frame, 1001, tt_wskey(&s->sender.format.keys));
	if (tt_wsclient_write(s->client, frame, sizeof frame) != 0)
		tt_exit(&s->thread);
	else
		tt_timer_start(&s->deadline, WEBSOCKET_SUB_LEAVE);
}

/* --- confirmation -------------------------------------------------------- */

static void
websocket_sub_connected(struct websocket_sub *s)
{
	websocket_sub_log(s, TT_LOG_NOTICE, "connected to", NULL);
	tt_say_state(&s->thread, NULL, NULL);
	s->away = false;
}

/* This connection is worth something: the next pause begins small again. */
static void
websocket_sub_prove(struct websocket_sub *s)
{
	if (s->proven)
		return;
	s->proven = true;
	s->bound = s->config->backoff.from;
	if (s->brief)
		websocket_sub_connected(s);
	s->brief = false;
}

/* All before POSITION is safe at the destination. */
static void
websocket_sub_confirm(struct websocket_sub *s, uint64_t position)
{
	uint64_t before = s->cursor->confirmed;

	tt_wscursor_confirm(s->cursor, position);
	if (s->cursor->confirmed > before) {
		websocket_sub_moves(s, tt_now(&s->thread));
		(void)tt_fault("ws.confirmed");
	}
	websocket_sub_count(s);
	if (s->finishing && websocket_sub_has_all(s))
		websocket_sub_leave(s);
}

static void
websocket_sub_pong(void *arg, const uint8_t *payload, size_t size)
{
	struct websocket_sub *s = arg;
	int64_t now = tt_now(&s->thread);
	uint64_t position;

	if (s->state != WEBSOCKET_SUB_OPEN || size != sizeof position)
		return;
	memcpy(&position, payload, sizeof position);
	position = __builtin_bswap64(position);
	if (!tt_wswindow_pong(&s->window, position, now, s->config->ack_timeout))
		return;
	websocket_sub_moves(s, now);
	websocket_sub_prove(s);
	websocket_sub_confirm(s, position + 1);
	tt_wsclient_want_write(s->client);
}

static void
websocket_sub_message(void *arg, bool binary, const char *text, size_t size)
{
	struct websocket_sub *s = arg;
	uint64_t n;

	if (s->state != WEBSOCKET_SUB_OPEN)
		return;
	if (size > TT_WS_MAX_INBOUND) {
		websocket_sub_close(s, 1009, "it sends more than 64 KiB");
		return;
	}
	if (s->config->ack != TT_WSACK_SEQUENCE)
		return;
	if (binary || size > TT_WS_KEPT || !tt_wsformat_parse_ack(text, size, &n)) {
		websocket_sub_close(s, 1008, "what it sends is no `ack N`");
		return;
	}
	if (n >= s->cursor->legal) {
		websocket_sub_close(s, 1008, "it acknowledges what was never sent");
		return;
	}
	if (n + 1 > s->cursor->confirmed)
		websocket_sub_prove(s);
	websocket_sub_confirm(s, n + 1);
}

/* --- sending ------------------------------------------------------------- */

/* A frame that cannot be sent. */
static void
websocket_sub_refused(void *arg, const struct tt_wsitem *item,
    enum tt_wsformat_verdict verdict)
{
	struct websocket_sub *s = arg;
	uint32_t length = item->batch->slices[item->i].length;
	enum tt_reason reason = verdict == TT_WS_HAS_NEWLINE ? TT_REASON_NEWLINE :
	    TT_REASON_MAX_MESSAGE;
	char path[512];

	tt_count_in(&s->thread, 1, length);
	tt_count_refused(&s->thread, reason, 1);
	s->cursor->log->refused(s->cursor->log, item->batch, item->i,
	    tt_reason_name(reason));
	if (!tt_flood_allows(&s->refusals))
		return;
	tt_log(TT_LOG_WARNING, tt_info(&s->thread, path, sizeof path),
	    "frame refused (%s): connection %" PRIu64 ", seq %" PRIu64 ", %" PRIu32
	    " bytes", tt_reason_name(reason),
	    item->batch->origin->connection, item->batch->first_seq + item->i, length);
}

/* True if a ping is due: one at a time, for something that has no ping behind it
 * yet.  It waits for its pace when nothing is held up by that. */
static bool
websocket_sub_ping_is_due(struct websocket_sub *s)
{
	int64_t since = tt_now(&s->thread) - s->window.pinged_at;

	if (s->ping_now)
		return true;
	if (s->config->ack != TT_WSACK_PONG || s->window.n > 0 ||
	    !tt_wscursor_is_waiting(s->cursor))
		return false;
	if (since >= WEBSOCKET_SUB_PACE || tt_is_draining(&s->thread) ||
	    tt_wswindow_room(&s->window, s->sender.load) <= s->window.bound / 2)
		return true;
	if (!tt_timer_is_on(&s->pace))
		tt_timer_start(&s->pace, WEBSOCKET_SUB_PACE);
	return false;
}

/* Behind what is in the block: there is always room. */
static void
websocket_sub_ping(struct websocket_sub *s)
{
	struct tt_wsblock *block = &s->sender.block;
	uint64_t position = s->cursor->sent - 1;

	tt_wswindow_ping(&s->window, position, s->sender.load, tt_now(&s->thread));
	tt_wsframe_ping(block->data + block->used, position,
	    tt_wskey(&s->sender.format.keys));
	block->used += TT_WSFRAME_PING;
	s->ping_now = false;
}

/* Writes one block.  Returns false when there was nothing to write, or no way. */
static bool
websocket_sub_write(struct websocket_sub *s)
{
	struct tt_wsblock *block = &s->sender.block;
	int64_t now = tt_now(&s->thread);
	int r;

	if (!tt_timer_is_on(&s->tick) || (s->config->ack != TT_WSACK_NONE &&
	    !websocket_sub_waits(s, false)))
		websocket_sub_moves(s, now);
	tt_wssender_fill(&s->sender, s->config->ack == TT_WSACK_PONG ?
	    tt_wswindow_room(&s->window, s->sender.load) : UINT64_MAX);
	if (websocket_sub_ping_is_due(s))
		websocket_sub_ping(s);
	if (block->used == 0)
		return false;
	r = tt_wsclient_write(s->client, block->data, block->used);
	(void)tt_fault("ws.sent");
	tt_wssender_written(&s->sender);
	if (r != 0)
		return false;
	if (!tt_timer_is_on(&s->tick))
		websocket_sub_watch(s, now);
	if (s->config->ack == TT_WSACK_NONE)
		websocket_sub_confirm(s, s->cursor->sent_end);
	return true;
}

static void
websocket_sub_writable(void *arg)
{
	struct websocket_sub *s = arg;
	int blocks = WEBSOCKET_SUB_BLOCKS;
	bool more = true;

	if (s->state != WEBSOCKET_SUB_OPEN)
		return;
	while (more && blocks-- > 0 && tt_wsclient_is_ready(s->client))
		more = websocket_sub_write(s);
	websocket_sub_count(s);
	if (more)
		tt_wsclient_want_write(s->client);
}

/* --- time ---------------------------------------------------------------- */

static void
websocket_sub_pace_over(struct tt_timer *timer)
{
	struct websocket_sub *s = (struct websocket_sub *)timer->thread;

	if (s->state == WEBSOCKET_SUB_OPEN)
		tt_wsclient_want_write(s->client);
}

/* While something is under way: does it move?  Where the path is slow, what TCP has
 * delivered is a move too, but only up to what had been written when the wait began:
 * a ping that is sent again and again proves nothing. */
static void
websocket_sub_ticks(struct tt_timer *timer)
{
	struct websocket_sub *s = (struct websocket_sub *)timer->thread;
	int64_t now = tt_now(&s->thread);
	uint64_t end, acked = tt_wsclient_progress(s->client, &end), before = s->acked;

	if (s->state != WEBSOCKET_SUB_OPEN || !websocket_sub_waits(s, end > acked))
		return;
	if (s->mark == 0)
		before = acked;
	if (s->mark == 0 || s->mark > end || s->config->ack == TT_WSACK_NONE)
		s->mark = end;
	if (acked > s->acked && before < s->mark)
		s->progress_at = now;
	s->acked = acked;
	if (now - s->progress_at >= s->config->ack_timeout) {
		tt_wswindow_failed(&s->window, TT_WS_BLOCK);
		tt_wsclient_drop(s->client, true);
		websocket_sub_lost(s, s->config->ack == TT_WSACK_NONE ?
		    "it takes nothing" : "no confirmation within ack_timeout");
		return;
	}
	if (s->config->ack == TT_WSACK_PONG &&
	    now - s->window.pinged_at >= WEBSOCKET_SUB_REPEAT) {
		s->ping_now = true;
		tt_wsclient_want_write(s->client);
	}
	websocket_sub_watch(s, now);
}

/* --- the way to a connection --------------------------------------------- */

/* Tries the next address that was found, if there is one. */
static void
websocket_sub_next(struct tt_task *task)
{
	struct websocket_sub *s = (struct websocket_sub *)(void *)((char *)task -
	    offsetof(struct websocket_sub, next));

	while (s->address < s->found.n) {
		s->request.address = s->found.text[s->address++];
		tt_timer_start(&s->deadline, s->config->connect_timeout);
		if (tt_wsclient_connect(s->client, &s->request, s->why,
		    sizeof s->why) == 0)
			return;
	}
	websocket_sub_lost(s, s->why);
}

/* This attempt has failed, for WHY: a task of its own tries the next address, because
 * nothing begins within a callback of the door. */
static void
websocket_sub_failed(struct websocket_sub *s, const char *why)
{
	tt_timer_stop(&s->deadline);
	snprintf(s->why, sizeof s->why, "%s", why);
	tt_task_reschedule(&s->next);
}

static void
websocket_sub_resolved(void *arg, const struct tt_addresses_found *found,
    const char *error)
{
	struct websocket_sub *s = arg;
	char why[192];

	s->resolution = NULL;
	if (found == NULL || found->n == 0) {
		snprintf(why, sizeof why, "cannot find %s: %s", s->config->url.host,
		    error != NULL ? error : "no address");
		websocket_sub_lost(s, why);
		return;
	}
	s->found = *found;
	s->address = 0;
	s->state = WEBSOCKET_SUB_CONNECTING;
	tt_task_reschedule(&s->next);
}

/* The look-up has no deadline of its own: it holds up nothing but this. */
static void
websocket_sub_begin(struct websocket_sub *s)
{
	s->state = WEBSOCKET_SUB_RESOLVING;
	s->resolution = tt_resolve(&s->thread, s->config->url.host,
	    websocket_sub_resolved, s);
}

static void
websocket_sub_rested(struct tt_timer *timer)
{
	websocket_sub_begin((struct websocket_sub *)timer->thread);
}

static void
websocket_sub_deadline(struct tt_timer *timer)
{
	struct websocket_sub *s = (struct websocket_sub *)timer->thread;
	char why[192];

	if (s->finishing && s->state == WEBSOCKET_SUB_OPEN) {
		websocket_sub_leave(s);
		return;
	}
	tt_wsclient_drop(s->client, s->state == WEBSOCKET_SUB_CONNECTING);
	switch (s->state) {
	case WEBSOCKET_SUB_CONNECTING:
		snprintf(why, sizeof why, "no answer from %s within connect_timeout",
		    s->request.address);
		websocket_sub_failed(s, why);
		break;
	case WEBSOCKET_SUB_LEAVING:
		tt_exit(&s->thread);
		break;
	default:
		websocket_sub_lost(s, s->away ? s->reason : "closed by the destination");
	}
}

static void
websocket_sub_opened(void *arg)
{
	struct websocket_sub *s = arg;

	tt_timer_stop(&s->deadline);
	s->state = WEBSOCKET_SUB_OPEN;
	s->cursor->away = false;
	s->opened_at = tt_now(&s->thread);
	s->proven = false;
	s->sender.load = s->acked = 0;
	tt_wswindow_begin(&s->window, TT_WS_BLOCK);
	/* A first pong proves that there is a websocket at the other end. */
	s->ping_now = s->config->ack == TT_WSACK_PONG;
	if (!s->brief)
		websocket_sub_connected(s);
	tt_wsclient_want_write(s->client);
}

static void
websocket_sub_ending(void *arg)
{
	struct websocket_sub *s = arg;

	if (s->state == WEBSOCKET_SUB_OPEN) {
		s->state = WEBSOCKET_SUB_ENDING;
		websocket_sub_stop_timers(s);
		tt_timer_start(&s->deadline, WEBSOCKET_SUB_END);
		return;
	}
	/* It answers our own close: that was all. */
	tt_wsclient_drop(s->client, false);
	websocket_sub_lost(s, s->reason);
}

static void
websocket_sub_closed(void *arg, const char *reason)
{
	struct websocket_sub *s = arg;

	if (s->state == WEBSOCKET_SUB_CONNECTING)
		websocket_sub_failed(s, reason);
	else if (s->state == WEBSOCKET_SUB_ENDING && s->away)
		websocket_sub_lost(s, s->reason);
	else
		websocket_sub_lost(s, reason);
}

static const struct tt_wsevents websocket_sub_events = {
	.opened		= websocket_sub_opened,
	.writable	= websocket_sub_writable,
	.message	= websocket_sub_message,
	.pong		= websocket_sub_pong,
	.ending		= websocket_sub_ending,
	.closed		= websocket_sub_closed,
};

/* --- life ---------------------------------------------------------------- */

static int
websocket_sub_request(struct websocket_sub *s, struct tt_error *err)
{
	const struct tt_url *url = &s->config->url;

	tt_wsoptions_host(url, s->host, sizeof s->host);
	snprintf(s->where, sizeof s->where, "%s://%s", url->tls ? "wss" : "ws", s->host);
	s->request.port = url->port;
	s->request.host = s->host;
	s->request.path = url->path;
	s->request.subprotocol = s->config->subprotocol;
	s->request.headers = s->headers = tt_wsoptions_headers(s->config);
	if (s->headers == NULL)
		return tt_error_set(err, "no memory for headers");
	return 0;
}

static int
websocket_sub_client(struct websocket_sub *s, struct tt_error *err)
{
	const struct tt_wsconfig *c = s->config;
	const struct tt_node *root = s->thread.node;
	struct tt_wssetup setup = {
		.tls = c->url.tls,
		.verify = !c->tls.given || c->tls.verify,
		.events = &websocket_sub_events,
		.arg = s,
	};

	while (root->parent != NULL)
		root = root->parent;
	tt_wsoptions_census(root, &setup.census);
	setup.ca = c->tls.ca;
	setup.cert = c->tls.cert;
	setup.key = c->tls.key;
	s->client = tt_wsclient_create(&s->thread, &setup, err);
	return s->client != NULL ? 0 : -1;
}

static int
websocket_sub_enter(struct tt_thread *self, struct tt_error *err)
{
	struct websocket_sub *s = (struct websocket_sub *)self;
	const struct tt_node *node = self->node, *master = node->parent;

	s->config = self->config;
	s->cursor = self->handed;
	s->bound = s->config->backoff.from;
	s->takes = tt_xcalloc(master->n_in, sizeof *s->takes);
	for (unsigned i = 0; i < master->n_in; i++)
		for (unsigned k = 0; k < node->n_in; k++)
			s->takes[i] |= strcmp(master->in[i], node->in[k]) == 0;
	tt_task_init(&s->next, self, websocket_sub_next);
	tt_timer_init(&s->rest, self, websocket_sub_rested);
	tt_timer_init(&s->deadline, self, websocket_sub_deadline);
	tt_timer_init(&s->tick, self, websocket_sub_ticks);
	tt_timer_init(&s->pace, self, websocket_sub_pace_over);
	tt_flood_init(&s->said, self, "lines about connections");
	tt_flood_init(&s->refusals, self, "frames refused");
	tt_wsformat_init(&s->sender.format, (enum tt_wsformat_type)s->config->format,
	    (enum tt_wsformat_batch)s->config->batch,
	    s->config->ack == TT_WSACK_SEQUENCE,
	    (uint64_t)tt_wsoptions_max_message(node), tt_gateway_name(self));
	s->sender.cursor = s->cursor;
	s->sender.channels = master->in;
	s->sender.takes = s->takes;
	s->sender.refused = websocket_sub_refused;
	s->sender.arg = s;
	tt_wssender_init(&s->sender);
	if (websocket_sub_request(s, err) != 0 || websocket_sub_client(s, err) != 0)
		return -1;
	websocket_sub_begin(s);
	return 0;
}

static void
websocket_sub_exit(struct tt_thread *self)
{
	struct websocket_sub *s = (struct websocket_sub *)self;

	if (s->resolution != NULL)
		tt_resolve_cancel(s->resolution);
	websocket_sub_stop_timers(s);
	tt_task_cancel(&s->next);
	tt_say_state(&s->thread, NULL, NULL);
	websocket_sub_count(s);
	tt_wsclient_destroy(s->client, self);
	tt_wssender_finish(&s->sender);
	tt_flood_finish(&s->said);
	tt_flood_finish(&s->refusals);
	free(s->takes);
	free(s->headers);
}

/* The empty wake-up: there is something in the log. */
static void
websocket_sub_signal_handler(struct tt_thread *self, const struct tt_signal *sig)
{
	struct websocket_sub *s = (struct websocket_sub *)self;

	(void)sig;
	if (s->state == WEBSOCKET_SUB_OPEN)
		tt_wsclient_want_write(s->client);
}

/* What is under way is wanted soon, and a destination that is away may be back. */
static void
websocket_sub_drain(struct tt_thread *self)
{
	struct websocket_sub *s = (struct websocket_sub *)self;

	if (s->state == WEBSOCKET_SUB_OPEN)
		tt_wsclient_want_write(s->client);
	if (s->state == WEBSOCKET_SUB_RESTING && tt_wscursor_behind(s->cursor) > 0) {
		tt_timer_stop(&s->rest);
		websocket_sub_begin(s);
	}
}

static bool
websocket_sub_closing(struct tt_thread *self)
{
	struct websocket_sub *s = (struct websocket_sub *)self;

	if (s->state != WEBSOCKET_SUB_OPEN)
		return true;
	s->finishing = true;
	if (websocket_sub_has_all(s)) {
		websocket_sub_leave(s);
		return false;
	}
	/* What is in the spool is safe; but it is here, and may have it soon. */
	tt_timer_start(&s->deadline, WEBSOCKET_SUB_FINISH);
	tt_wsclient_want_write(s->client);
	return false;
}

const struct tt_kind tt_websocket_sub_thread = {
	.schema = {
		.name		= "WebSocketSubThread",
		.help		= "sends frames to a websocket server",
		.under		= { "WebsocketMasterThread" },
		.in		= "data",
		.leaf		= true,
		.flags		= TT_CONSUMES | TT_MAIN | TT_ANY,
		.options	= tt_wsoptions,
		.config_size	= sizeof(struct tt_wsconfig),
		.check		= tt_wsoptions_check,
		.check_tree	= tt_wsoptions_check_tree,
		.resident	= tt_wsoptions_resident,
	},
	.size			= sizeof(struct websocket_sub),
	.enter			= websocket_sub_enter,
	.exit			= websocket_sub_exit,
	.signal_handler		= websocket_sub_signal_handler,
	.drain			= websocket_sub_drain,
	.closing		= websocket_sub_closing,
	.hurry			= tt_exit,
};
