/* wsdestination.c - one destination of a websocket master's log.
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
#include "plugins/wsclient.h"
#include "plugins/wsoptions.h"
#include "plugins/wssender.h"
#include "plugins/wssub.h"
#include "plugins/wswindow.h"

#define WSDESTINATION_BLOCKS 8		/* written in one turn */
#define WSDESTINATION_REPEAT 1000000000	/* ns until a ping is repeated */
#define WSDESTINATION_PACE 5000000	/* ns between pings that nothing hurries */
#define WSDESTINATION_END 2000000000	/* ns that a close may take, */
#define WSDESTINATION_LEAVE 1000000000	/* and one when the daemon stops */
#define WSDESTINATION_FINISH 1000000000	/* what is still to be confirmed then */
#define WSDESTINATION_HURRY 1000000000	/* ns between attempts while draining */

enum wsdestination_state {
	WSDESTINATION_RESTING, WSDESTINATION_RESOLVING, WSDESTINATION_CONNECTING,
	WSDESTINATION_OPEN, WSDESTINATION_ENDING, WSDESTINATION_LEAVING
};

struct wsdestination {
	struct tt_thread *thread;
	const struct tt_wsconfig *config;
	struct tt_wscursor *cursor;	/* the log's, handed over by the master */
	bool *takes;			/* by the master's IN: is it ours */
	struct tt_wsclient *client;
	struct tt_wsrequest request;
	struct tt_wssender sender;
	char host[TT_WS_MAX_HOST];	/* as in the header Host */
	char *headers;			/* the others, as lines */
	char where[TT_WS_MAX_HOST + 8];	/* wss://host:port, for people */
	enum wsdestination_state state;

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

static void wsdestination_begin(struct wsdestination *s);

/* --- small parts --------------------------------------------------------- */

static struct wsdestination *
wsdestination_of(struct tt_thread *self)
{
	return ((struct tt_wssub *)self)->own;
}

static void
wsdestination_log(struct wsdestination *s, enum tt_log_level level, const char *what,
    const char *reason)
{
	char path[512];

	if (level != TT_LOG_DEBUG && !tt_flood_allows(&s->said))
		return;
	tt_log(level, tt_info(s->thread, path, sizeof path),
	    "%s %s%s%s, %" PRIu64 " frames wait", what, s->where,
	    reason != NULL ? ": " : "", reason != NULL ? reason : "",
	    tt_wscursor_frames(s->cursor));
}

/* Hands what has been added up to the counters. */
static void
wsdestination_count(struct wsdestination *s)
{
	struct tt_wssender *from = &s->sender;
	struct tt_wscursor *c = s->cursor;

	if (from->in_frames > 0)
		tt_count_in(s->thread, from->in_frames, from->in_bytes);
	if (from->resent > 0)
		tt_count_resent(s->thread, from->resent);
	if (c->out_frames > 0)
		tt_count_out(s->thread, c->out_frames, c->out_bytes);
	if (c->lost_frames > 0)
		tt_count_refused(s->thread, TT_REASON_DROP_OLDEST, c->lost_frames);
	from->in_frames = from->in_bytes = from->resent = 0;
	c->out_frames = c->out_bytes = c->lost_frames = 0;
}

/* True if something was sent that is not confirmed, as far as this destination does
 * confirm. */
static bool
wsdestination_waits(const struct wsdestination *s, bool socket_waits)
{
	return s->config->ack == TT_WSACK_NONE ? socket_waits :
	    s->window.n > 0 || tt_wscursor_is_waiting(s->cursor);
}

/* It moves: ack_timeout begins anew. */
static void
wsdestination_moves(struct wsdestination *s, int64_t now)
{
	s->progress_at = now;
	s->mark = 0;
}

/* Looks again when a ping is to be repeated or the time is over, and in between. */
static void
wsdestination_watch(struct wsdestination *s, int64_t now)
{
	int64_t left = s->progress_at + s->config->ack_timeout - now;
	int64_t pause = s->config->ack_timeout / 2;

	if (pause > WSDESTINATION_REPEAT)
		pause = WSDESTINATION_REPEAT;
	if (pause > left)
		pause = left;
	left = s->window.pinged_at + WSDESTINATION_REPEAT - now;
	if (s->window.n > 0 && pause > left)
		pause = left;
	tt_timer_start_at(&s->tick, pause);
}

static uint64_t
wsdestination_random(void)
{
	uint64_t r = 0;

	while (getrandom(&r, sizeof r, 0) != sizeof r)
		continue;
	return r;
}

/* --- the end of a connection --------------------------------------------- */

static void
wsdestination_stop_timers(struct wsdestination *s)
{
	tt_timer_stop(&s->rest);
	tt_timer_stop(&s->deadline);
	tt_timer_stop(&s->tick);
	tt_timer_stop(&s->pace);
}

/* The next attempt comes after a pause of up to `bound`, at random (full jitter),
 * which doubles each time; while the daemon drains, soon. */
static void
wsdestination_rest(struct wsdestination *s)
{
	const struct tt_duration_range *range = &s->config->backoff;
	int64_t bound = s->bound, least, pause;

	if (tt_is_draining(s->thread) && bound > WSDESTINATION_HURRY)
		bound = WSDESTINATION_HURRY;
	least = (bound < range->from ? bound : range->from) / 10;
	pause = (int64_t)(wsdestination_random() % (uint64_t)bound);
	if (pause < least)
		pause = least;
	s->bound = s->bound > range->to / 2 ? range->to : s->bound * 2;
	s->state = WSDESTINATION_RESTING;
	tt_timer_start_at(&s->rest, pause);
}

/* There is no connection, for REASON.  The log says so when that is news. */
static void
wsdestination_lost(struct wsdestination *s, const char *reason)
{
	bool was_open = s->state == WSDESTINATION_OPEN ||
	    s->state == WSDESTINATION_ENDING;
	bool news = !s->away || strcmp(reason, s->reason) != 0;
	int64_t lasted = tt_now(s->thread) - s->opened_at;
	char waits[40];

	if (s->state == WSDESTINATION_LEAVING || s->finishing) {
		tt_exit(s->thread);
		return;
	}
	if (was_open) {
		s->brief = !s->proven && (s->config->ack == TT_WSACK_PONG ||
		    tt_wscursor_is_waiting(s->cursor) || lasted < s->bound);
		if (!s->brief)
			s->bound = s->config->backoff.from;
	}
	wsdestination_stop_timers(s);
	wsdestination_count(s);
	tt_wscursor_rewind(s->cursor);
	wsdestination_log(s, news ? TT_LOG_WARNING : TT_LOG_DEBUG,
	    was_open ? "lost the connection to" : "no connection to", reason);
	s->away = s->cursor->away = true;
	if (reason != s->reason)
		snprintf(s->reason, sizeof s->reason, "%s", reason);
	snprintf(waits, sizeof waits, "%" PRIu64 " frames wait",
	    tt_wscursor_frames(s->cursor));
	tt_say_state(s->thread, "away", waits);
	wsdestination_rest(s);
}

/* The destination has broken the rules: it is told so, and then left. */
static void
wsdestination_close(struct wsdestination *s, unsigned code, const char *reason)
{
	uint8_t frame[TT_WSFRAME_CLOSE];

	wsdestination_log(s, TT_LOG_WARNING, "closing the connection to", reason);
	snprintf(s->reason, sizeof s->reason, "%s", reason);
	s->away = true;
	tt_wsframe_close(frame, code, tt_wskey(&s->sender.format.keys));
	tt_wsclient_write(s->client, frame, sizeof frame);
	s->state = WSDESTINATION_ENDING;
	wsdestination_stop_timers(s);
	tt_timer_start(&s->deadline, WSDESTINATION_END);
}

/* True if the destination has confirmed all that is in the log. */
static bool
wsdestination_has_all(const struct wsdestination *s)
{
	return tt_wscursor_behind(s->cursor) == 0 && !tt_wscursor_is_waiting(s->cursor);
}

/* The daemon stops: says goodbye. */
static void
wsdestination_leave(struct wsdestination *s)
{
	uint8_t frame[TT_WSFRAME_CLOSE];

	wsdestination_stop_timers(s);
	s->state = WSDESTINATION_LEAVING;
	tt_wsframe_close(frame, 1001, tt_wskey(&s->sender.format.keys));
	if (tt_wsclient_write(s->client, frame, sizeof frame) != 0)
		tt_exit(s->thread);
	else
		tt_timer_start(&s->deadline, WSDESTINATION_LEAVE);
}

/* --- confirmation -------------------------------------------------------- */

static void
wsdestination_connected(struct wsdestination *s)
{
	wsdestination_log(s, TT_LOG_NOTICE, "connected to", NULL);
	tt_say_state(s->thread, NULL, NULL);
	s->away = false;
}

/* This connection is worth something: the next pause begins small again. */
static void
wsdestination_prove(struct wsdestination *s)
{
	if (s->proven)
		return;
	s->proven = true;
	s->bound = s->config->backoff.from;
	if (s->brief)
		wsdestination_connected(s);
	s->brief = false;
}

/* All before POSITION is safe at the destination. */
static void
wsdestination_confirm(struct wsdestination *s, uint64_t position)
{
	uint64_t before = s->cursor->confirmed;

	tt_wscursor_confirm(s->cursor, position);
	if (s->cursor->confirmed > before) {
		wsdestination_moves(s, tt_now(s->thread));
		(void)tt_fault("ws.confirmed");
	}
	wsdestination_count(s);
	if (s->finishing && wsdestination_has_all(s))
		wsdestination_leave(s);
}

static void
wsdestination_pong(void *arg, const uint8_t *payload, size_t size)
{
	struct wsdestination *s = arg;
	int64_t now = tt_now(s->thread);
	uint64_t position;

	if (s->state != WSDESTINATION_OPEN || size != sizeof position)
		return;
	memcpy(&position, payload, sizeof position);
	position = __builtin_bswap64(position);
	if (!tt_wswindow_pong(&s->window, position, now, s->config->ack_timeout))
		return;
	wsdestination_moves(s, now);
	wsdestination_prove(s);
	wsdestination_confirm(s, position + 1);
	tt_wsclient_want_write(s->client);
}

static void
wsdestination_message(void *arg, bool binary, const char *text, size_t size)
{
	struct wsdestination *s = arg;
	uint64_t n;

	if (s->state != WSDESTINATION_OPEN)
		return;
	if (size > TT_WS_MAX_INBOUND) {
		wsdestination_close(s, 1009, "it sends more than 64 KiB");
		return;
	}
	if (s->config->ack != TT_WSACK_SEQUENCE)
		return;
	if (binary || size > TT_WS_KEPT || !tt_wsformat_parse_ack(text, size, &n)) {
		wsdestination_close(s, 1008, "what it sends is no `ack N`");
		return;
	}
	if (n >= s->cursor->legal) {
		wsdestination_close(s, 1008, "it acknowledges what was never sent");
		return;
	}
	if (n + 1 > s->cursor->confirmed)
		wsdestination_prove(s);
	wsdestination_confirm(s, n + 1);
}

/* --- sending ------------------------------------------------------------- */

/* A frame that cannot be sent. */
static void
wsdestination_refused(void *arg, const struct tt_wsitem *item,
    enum tt_wsformat_verdict verdict)
{
	struct wsdestination *s = arg;
	uint32_t length = item->batch->slices[item->i].length;
	enum tt_reason reason = verdict == TT_WS_HAS_NEWLINE ? TT_REASON_NEWLINE :
	    TT_REASON_MAX_MESSAGE;
	char path[512];

	tt_count_in(s->thread, 1, length);
	tt_count_refused(s->thread, reason, 1);
	s->cursor->log->refused(s->cursor->log, item->batch, item->i,
	    tt_reason_name(reason));
	if (!tt_flood_allows(&s->refusals))
		return;
	tt_log(TT_LOG_WARNING, tt_info(s->thread, path, sizeof path),
	    "frame refused (%s): connection %" PRIu64 ", seq %" PRIu64 ", %" PRIu32
	    " bytes", tt_reason_name(reason),
	    item->batch->origin->connection, item->batch->first_seq + item->i, length);
}

/* True if a ping is due: one at a time, for something that has no ping behind it
 * yet.  It waits for its pace when nothing is held up by that. */
static bool
wsdestination_ping_is_due(struct wsdestination *s)
{
	int64_t since = tt_now(s->thread) - s->window.pinged_at;

	if (s->ping_now)
		return true;
	if (s->config->ack != TT_WSACK_PONG || s->window.n > 0 ||
	    !tt_wscursor_is_waiting(s->cursor))
		return false;
	if (since >= WSDESTINATION_PACE || tt_is_draining(s->thread) ||
	    tt_wswindow_room(&s->window, s->sender.load) <= s->window.bound / 2)
		return true;
	if (!tt_timer_is_on(&s->pace))
		tt_timer_start(&s->pace, WSDESTINATION_PACE);
	return false;
}

/* Behind what is in the block: there is always room. */
static void
wsdestination_ping(struct wsdestination *s)
{
	struct tt_wsblock *block = &s->sender.block;
	uint64_t position = s->cursor->sent - 1;

	tt_wswindow_ping(&s->window, position, s->sender.load, tt_now(s->thread));
	tt_wsframe_ping(block->data + block->used, position,
	    tt_wskey(&s->sender.format.keys));
	block->used += TT_WSFRAME_PING;
	s->ping_now = false;
}

/* Writes one block.  Returns false when there was nothing to write, or no way. */
static bool
wsdestination_write(struct wsdestination *s)
{
	struct tt_wsblock *block = &s->sender.block;
	int64_t now = tt_now(s->thread);
	int r;

	if (!tt_timer_is_on(&s->tick) || (s->config->ack != TT_WSACK_NONE &&
	    !wsdestination_waits(s, false)))
		wsdestination_moves(s, now);
	tt_wssender_fill(&s->sender, s->config->ack == TT_WSACK_PONG ?
	    tt_wswindow_room(&s->window, s->sender.load) : UINT64_MAX);
	if (wsdestination_ping_is_due(s))
		wsdestination_ping(s);
	if (block->used == 0)
		return false;
	r = tt_wsclient_write(s->client, block->data, block->used);
	(void)tt_fault("ws.sent");
	tt_wssender_written(&s->sender);
	if (r != 0)
		return false;
	if (!tt_timer_is_on(&s->tick))
		wsdestination_watch(s, now);
	if (s->config->ack == TT_WSACK_NONE)
		wsdestination_confirm(s, s->cursor->sent_end);
	return true;
}

static void
wsdestination_writable(void *arg)
{
	struct wsdestination *s = arg;
	int blocks = WSDESTINATION_BLOCKS;
	bool more = true;

	if (s->state != WSDESTINATION_OPEN)
		return;
	while (more && blocks-- > 0 && tt_wsclient_is_ready(s->client))
		more = wsdestination_write(s);
	wsdestination_count(s);
	if (more)
		tt_wsclient_want_write(s->client);
}

/* --- time ---------------------------------------------------------------- */

static void
wsdestination_pace_over(struct tt_timer *timer)
{
	struct wsdestination *s = wsdestination_of(timer->thread);

	if (s->state == WSDESTINATION_OPEN)
		tt_wsclient_want_write(s->client);
}

/* While something is under way: does it move?  Where the path is slow, what TCP has
 * delivered is a move too, but only up to what had been written when the wait began:
 * a ping that is sent again and again proves nothing. */
static void
wsdestination_ticks(struct tt_timer *timer)
{
	struct wsdestination *s = wsdestination_of(timer->thread);
	int64_t now = tt_now(s->thread);
	uint64_t end, acked = tt_wsclient_progress(s->client, &end), before = s->acked;

	if (s->state != WSDESTINATION_OPEN || !wsdestination_waits(s, end > acked))
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
		wsdestination_lost(s, s->config->ack == TT_WSACK_NONE ?
		    "it takes nothing" : "no confirmation within ack_timeout");
		return;
	}
	if (s->config->ack == TT_WSACK_PONG &&
	    now - s->window.pinged_at >= WSDESTINATION_REPEAT) {
		s->ping_now = true;
		tt_wsclient_want_write(s->client);
	}
	wsdestination_watch(s, now);
}

/* --- the way to a connection --------------------------------------------- */

/* Tries the next address that was found, if there is one. */
static void
wsdestination_next(struct tt_task *task)
{
	struct wsdestination *s = (struct wsdestination *)(void *)((char *)task -
	    offsetof(struct wsdestination, next));

	while (s->address < s->found.n) {
		s->request.address = s->found.text[s->address++];
		tt_timer_start(&s->deadline, s->config->connect_timeout);
		if (tt_wsclient_connect(s->client, &s->request, s->why,
		    sizeof s->why) == 0)
			return;
	}
	wsdestination_lost(s, s->why);
}

/* This attempt has failed, for WHY: a task of its own tries the next address, because
 * nothing begins within a callback of the door. */
static void
wsdestination_failed(struct wsdestination *s, const char *why)
{
	tt_timer_stop(&s->deadline);
	snprintf(s->why, sizeof s->why, "%s", why);
	tt_task_reschedule(&s->next);
}

static void
wsdestination_resolved(void *arg, const struct tt_addresses_found *found,
    const char *error)
{
	struct wsdestination *s = arg;
	char why[192];

	s->resolution = NULL;
	if (found == NULL || found->n == 0) {
		snprintf(why, sizeof why, "cannot find %s: %s", s->config->url.host,
		    error != NULL ? error : "no address");
		wsdestination_lost(s, why);
		return;
	}
	s->found = *found;
	s->address = 0;
	s->state = WSDESTINATION_CONNECTING;
	tt_task_reschedule(&s->next);
}

/* The look-up has no deadline of its own: it holds up nothing but this. */
static void
wsdestination_begin(struct wsdestination *s)
{
	s->state = WSDESTINATION_RESOLVING;
	s->resolution = tt_resolve(s->thread, s->config->url.host,
	    wsdestination_resolved, s);
}

static void
wsdestination_rested(struct tt_timer *timer)
{
	wsdestination_begin(wsdestination_of(timer->thread));
}

static void
wsdestination_deadline(struct tt_timer *timer)
{
	struct wsdestination *s = wsdestination_of(timer->thread);
	char why[192];

	if (s->finishing && s->state == WSDESTINATION_OPEN) {
		wsdestination_leave(s);
		return;
	}
	tt_wsclient_drop(s->client, s->state == WSDESTINATION_CONNECTING);
	switch (s->state) {
	case WSDESTINATION_CONNECTING:
		snprintf(why, sizeof why, "no answer from %s within connect_timeout",
		    s->request.address);
		wsdestination_failed(s, why);
		break;
	case WSDESTINATION_LEAVING:
		tt_exit(s->thread);
		break;
	default:
		wsdestination_lost(s, s->away ? s->reason : "closed by the destination");
	}
}

static void
wsdestination_opened(void *arg)
{
	struct wsdestination *s = arg;

	tt_timer_stop(&s->deadline);
	s->state = WSDESTINATION_OPEN;
	s->cursor->away = false;
	s->opened_at = tt_now(s->thread);
	s->proven = false;
	s->sender.load = s->acked = 0;
	tt_wswindow_begin(&s->window, TT_WS_BLOCK);
	/* A first pong proves that there is a websocket at the other end. */
	s->ping_now = s->config->ack == TT_WSACK_PONG;
	if (!s->brief)
		wsdestination_connected(s);
	tt_wsclient_want_write(s->client);
}

static void
wsdestination_ending(void *arg)
{
	struct wsdestination *s = arg;

	if (s->state == WSDESTINATION_OPEN) {
		s->state = WSDESTINATION_ENDING;
		wsdestination_stop_timers(s);
		tt_timer_start(&s->deadline, WSDESTINATION_END);
		return;
	}
	/* It answers our own close: that was all. */
	tt_wsclient_drop(s->client, false);
	wsdestination_lost(s, s->reason);
}

static void
wsdestination_closed(void *arg, const char *reason)
{
	struct wsdestination *s = arg;

	if (s->state == WSDESTINATION_CONNECTING)
		wsdestination_failed(s, reason);
	else if (s->state == WSDESTINATION_ENDING && s->away)
		wsdestination_lost(s, s->reason);
	else
		wsdestination_lost(s, reason);
}

static const struct tt_wsevents wsdestination_events = {
	.opened		= wsdestination_opened,
	.writable	= wsdestination_writable,
	.message	= wsdestination_message,
	.pong		= wsdestination_pong,
	.ending		= wsdestination_ending,
	.closed		= wsdestination_closed,
};

/* --- life ---------------------------------------------------------------- */

static int
wsdestination_request(struct wsdestination *s, struct tt_error *err)
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
wsdestination_client(struct wsdestination *s, struct tt_error *err)
{
	const struct tt_wsconfig *c = s->config;
	const struct tt_node *root = s->thread->node;
	struct tt_wssetup setup = {
		.tls = c->url.tls,
		.verify = !c->tls.given || c->tls.verify,
		.events = &wsdestination_events,
		.arg = s,
	};

	while (root->parent != NULL)
		root = root->parent;
	tt_wsoptions_census(root, &setup.census);
	setup.ca = c->tls.ca;
	setup.cert = c->tls.cert;
	setup.key = c->tls.key;
	s->client = tt_wsclient_create(s->thread, &setup, err);
	return s->client != NULL ? 0 : -1;
}

static int
wsdestination_enter(struct tt_thread *self, struct tt_error *err)
{
	struct wsdestination *s = tt_xcalloc(1, sizeof *s);
	const struct tt_node *node = self->node, *master = node->parent;

	((struct tt_wssub *)self)->own = s;
	s->thread = self;
	s->config = self->config;
	s->cursor = self->handed;
	s->bound = s->config->backoff.from;
	s->takes = tt_xcalloc(master->n_in, sizeof *s->takes);
	for (unsigned i = 0; i < master->n_in; i++)
		for (unsigned k = 0; k < node->n_in; k++)
			s->takes[i] |= strcmp(master->in[i], node->in[k]) == 0;
	tt_task_init(&s->next, self, wsdestination_next);
	tt_timer_init(&s->rest, self, wsdestination_rested);
	tt_timer_init(&s->deadline, self, wsdestination_deadline);
	tt_timer_init(&s->tick, self, wsdestination_ticks);
	tt_timer_init(&s->pace, self, wsdestination_pace_over);
	tt_flood_init(&s->said, self, "lines about connections");
	tt_flood_init(&s->refusals, self, "frames refused");
	tt_wsformat_init(&s->sender.format, (enum tt_wsformat_type)s->config->format,
	    (enum tt_wsformat_batch)s->config->batch,
	    tt_wsoptions_sequence(node), (uint64_t)tt_wsoptions_max_message(node),
	    tt_gateway_name(self));
	s->sender.cursor = s->cursor;
	s->sender.channels = master->in;
	s->sender.takes = s->takes;
	s->sender.refused = wsdestination_refused;
	s->sender.arg = s;
	tt_wssender_init(&s->sender);
	if (wsdestination_request(s, err) != 0 || wsdestination_client(s, err) != 0)
		return -1;
	wsdestination_begin(s);
	return 0;
}

static void
wsdestination_exit(struct tt_thread *self)
{
	struct wsdestination *s = wsdestination_of(self);

	if (s->resolution != NULL)
		tt_resolve_cancel(s->resolution);
	wsdestination_stop_timers(s);
	tt_task_cancel(&s->next);
	tt_say_state(s->thread, NULL, NULL);
	wsdestination_count(s);
	tt_wsclient_destroy(s->client, self);
	tt_wssender_finish(&s->sender);
	tt_flood_finish(&s->said);
	tt_flood_finish(&s->refusals);
	free(s->takes);
	free(s->headers);
	free(s);
}

/* The empty wake-up: there is something in the log. */
static void
wsdestination_signal_handler(struct tt_thread *self, const struct tt_signal *sig)
{
	struct wsdestination *s = wsdestination_of(self);

	(void)sig;
	if (s->state == WSDESTINATION_OPEN)
		tt_wsclient_want_write(s->client);
}

/* What is under way is wanted soon, and a destination that is away may be back. */
static void
wsdestination_drain(struct tt_thread *self)
{
	struct wsdestination *s = wsdestination_of(self);

	if (s->state == WSDESTINATION_OPEN)
		tt_wsclient_want_write(s->client);
	if (s->state == WSDESTINATION_RESTING && tt_wscursor_behind(s->cursor) > 0) {
		tt_timer_stop(&s->rest);
		wsdestination_begin(s);
	}
}

static bool
wsdestination_closing(struct tt_thread *self)
{
	struct wsdestination *s = wsdestination_of(self);

	if (s->state != WSDESTINATION_OPEN)
		return true;
	s->finishing = true;
	if (wsdestination_has_all(s)) {
		wsdestination_leave(s);
		return false;
	}
	/* What is in the spool is safe; but it is here, and may have it soon. */
	tt_timer_start(&s->deadline, WSDESTINATION_FINISH);
	tt_wsclient_want_write(s->client);
	return false;
}

const struct tt_wsrole tt_wsdestination = {
	.enter		= wsdestination_enter,
	.exit		= wsdestination_exit,
	.signal_handler	= wsdestination_signal_handler,
	.drain		= wsdestination_drain,
	.closing	= wsdestination_closing,
};
