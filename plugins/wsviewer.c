/* wsviewer.c - a viewer: who has connected to a websocket master, and reads its feed.
 *
 * Between the pages of the feed stand our control frames, one at a time: an answer to
 * the last ping, a ping of ours every 10 s, at the end a close.  Who takes no more is
 * never waited for: the feed goes on, and what this one misses is counted. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/taskthread.h"
#include "plugins/wsaudience.h"
#include "plugins/wssub.h"

#define WSVIEWER_PIECES 8		/* in one write */
#define WSVIEWER_WRITE (128 << 10)	/* bytes, about */
#define WSVIEWER_TICK INT64_C(10000000000)	/* ns between pings */
#define WSVIEWER_DEAF INT64_C(29500000000)	/* ns without a pong: three ticks */
#define WSVIEWER_END INT64_C(1000000000)	/* ns that the last bytes may take */

#define WSVIEWER_GOING_AWAY 1001

struct wsviewer {
	struct tt_thread *thread;
	struct tt_wsconn *conn;		/* NULL once it is gone */
	struct tt_wsreader reader;
	struct tt_flood *closed;
	char *peer;
	uint64_t frames, missed;	/* in all */
	struct tt_timer tick, deadline;
	int64_t heard_at;		/* the last pong */
	enum tt_reason reason;		/* why it ends; NONE: it does not */
	unsigned code;			/* of the close frame, once it ends */
	bool finishing;			/* it ends when it has what waits */
	bool ping, pong;		/* to be sent */
	uint8_t payload[TT_WSINBOUND_CONTROL];	/* of that pong */
	uint8_t n_payload;
	/* The control frame under way. */
	uint8_t control[2 + TT_WSINBOUND_CONTROL];
	uint8_t size, at;
	bool last;			/* it is the close: nothing comes behind it */
	bool full;			/* the socket: it says when it takes more */
};

static struct wsviewer *
wsviewer_of(struct tt_thread *self)
{
	return ((struct tt_wssub *)self)->own;
}

/* Hands what has been added up to the counters. */
static void
wsviewer_count(struct wsviewer *v)
{
	struct tt_wsreader *r = &v->reader;

	v->frames += r->out_frames;
	v->missed += r->missed;
	if (r->in_frames > 0)
		tt_count_in(v->thread, r->in_frames, r->in_bytes);
	if (r->out_frames > 0)
		tt_count_out(v->thread, r->out_frames, r->out_bytes);
	if (r->missed > 0)
		tt_count_dropped(v->thread, TT_REASON_DROP_OLDEST, r->missed);
	if (r->refused[TT_WS_HAS_NEWLINE] > 0)
		tt_count_refused(v->thread, TT_REASON_NEWLINE,
		    r->refused[TT_WS_HAS_NEWLINE]);
	if (r->refused[TT_WS_TOO_LONG] > 0)
		tt_count_refused(v->thread, TT_REASON_MAX_MESSAGE,
		    r->refused[TT_WS_TOO_LONG]);
	r->in_frames = r->in_bytes = r->out_frames = r->out_bytes = r->missed = 0;
	memset(r->refused, 0, sizeof r->refused);
}

/* --- the end ------------------------------------------------------------- */

/* The connection is over, or is left to the door, which closes it. */
static void
wsviewer_over(struct wsviewer *v)
{
	tt_timer_stop(&v->tick);
	tt_timer_stop(&v->deadline);
	if (v->finishing)
		tt_exit(v->thread);
	else
		tt_close(v->thread, v->reason);
}

static void
wsviewer_drop(struct wsviewer *v, bool reset)
{
	struct tt_wsconn *conn = v->conn;

	v->conn = NULL;
	tt_wsconn_drop(conn, reset);
	wsviewer_over(v);
}

/* It ends for REASON, with a close of CODE once the page under way is out. */
static void
wsviewer_end(struct wsviewer *v, unsigned code, enum tt_reason reason)
{
	if (v->reason != TT_REASON_NONE)
		return;
	v->reason = reason;
	v->code = code;
	tt_timer_start(&v->deadline, WSVIEWER_END);
	tt_wsconn_want_write(v->conn);
}

static void
wsviewer_deadline(struct tt_timer *timer)
{
	struct wsviewer *v = wsviewer_of(timer->thread);

	if (v->reason == TT_REASON_NONE)
		v->reason = TT_REASON_STOP;
	wsviewer_drop(v, true);
}

/* --- writing ------------------------------------------------------------- */

static void
wsviewer_control(struct wsviewer *v, enum tt_wsopcode opcode, const uint8_t *payload,
    uint8_t size)
{
	uint8_t *out = tt_wsframe_bare_head(v->control, opcode, size);

	if (size > 0)
		memcpy(out, payload, size);
	v->size = (uint8_t)(out - v->control) + size;
	v->at = 0;
}

/* Chooses the next control frame, where there is one; no message is half sent. */
static void
wsviewer_choose(struct wsviewer *v)
{
	uint8_t code[2];

	if (v->size > 0)
		return;
	if (v->finishing && v->reason == TT_REASON_NONE &&
	    tt_wsreader_is_at_end(&v->reader))
		wsviewer_end(v, WSVIEWER_GOING_AWAY, TT_REASON_STOP);
	code[0] = (uint8_t)(v->code >> 8);
	code[1] = (uint8_t)v->code;
	if (v->reason != TT_REASON_NONE) {
		wsviewer_control(v, TT_WS_CLOSE, code, v->code != 0 ? 2 : 0);
		v->last = true;
	} else if (v->pong) {
		wsviewer_control(v, TT_WS_PONG, v->payload, v->n_payload);
		v->pong = false;
	} else if (v->ping) {
		wsviewer_control(v, TT_WS_PING, NULL, 0);
		v->ping = false;
	}
}

/* What is to be written next, into IOV.  Returns how many pieces. */
static int
wsviewer_gather(struct wsviewer *v, struct iovec iov[WSVIEWER_PIECES])
{
	bool soon = v->reason != TT_REASON_NONE || v->pong || v->ping;
	int n = 0;

	if (tt_wsreader_is_within(&v->reader))
		/* A control frame waits for no more than this page. */
		return tt_wsreader_peek(&v->reader, iov, soon ? 1 : WSVIEWER_PIECES,
		    WSVIEWER_WRITE);
	wsviewer_choose(v);
	if (v->size > 0)
		iov[n++] = (struct iovec){ v->control + v->at, v->size - v->at };
	if (v->last)
		return n;
	return n + tt_wsreader_peek(&v->reader, iov + n, WSVIEWER_PIECES - n,
	    WSVIEWER_WRITE);
}

/* SENT bytes of that are out. */
static void
wsviewer_sent(struct wsviewer *v, size_t sent)
{
	size_t part = v->size - v->at;

	if (part > sent)
		part = sent;
	v->at += (uint8_t)part;
	if (v->at == v->size)
		v->size = v->at = 0;
	tt_wsreader_take(&v->reader, sent - part);
}

static void
wsviewer_writable(void *arg)
{
	struct wsviewer *v = arg;
	struct iovec iov[WSVIEWER_PIECES];
	int n = wsviewer_gather(v, iov);
	size_t all = 0;
	ssize_t sent;

	for (int i = 0; i < n; i++)
		all += iov[i].iov_len;
	sent = n > 0 ? tt_wsconn_write(v->conn, iov, n) : 0;
	if (sent > 0)
		wsviewer_sent(v, (size_t)sent);
	wsviewer_count(v);
	if (sent < 0)
		return;				/* closed() comes */
	v->full = (size_t)sent < all;
	if (v->last && v->size == 0)
		wsviewer_drop(v, false);
	else if (!v->full && (!tt_wsreader_is_at_end(&v->reader) ||
	    v->pong || v->ping || v->reason != TT_REASON_NONE || v->finishing))
		tt_wsconn_want_write(v->conn);
}

/* --- what it sends, and time --------------------------------------------- */

static void
wsviewer_inbound(void *arg, enum tt_wsinbound_event event, const struct tt_wsinbound *in)
{
	struct wsviewer *v = arg;

	switch (event) {
	case TT_WSINBOUND_PING:
		/* Of several, the last one is answered (RFC 6455, 5.5.3). */
		memcpy(v->payload, in->control, in->n_control);
		v->n_payload = in->n_control;
		v->pong = true;
		tt_wsconn_want_write(v->conn);
		break;
	case TT_WSINBOUND_PONG:
		v->heard_at = tt_now(v->thread);
		break;
	case TT_WSINBOUND_CLOSE:
		wsviewer_end(v, in->code == 1005 ? 0 : in->code, TT_REASON_PEER);
		break;
	case TT_WSINBOUND_BROKEN:
		wsviewer_end(v, in->code, in->code == 1009 ? TT_REASON_OVERSIZE :
		    TT_REASON_FRAMING);
		break;
	default:
		break;
	}
}

static void
wsviewer_closed(void *arg)
{
	struct wsviewer *v = arg;

	v->conn = NULL;
	if (v->reason == TT_REASON_NONE)
		v->reason = TT_REASON_PEER;
	wsviewer_over(v);
}

static void
wsviewer_ticks(struct tt_timer *timer)
{
	struct wsviewer *v = wsviewer_of(timer->thread);

	if (tt_now(v->thread) - v->heard_at >= WSVIEWER_DEAF) {
		v->reason = TT_REASON_IDLE_TIMEOUT;
		wsviewer_drop(v, true);
		return;
	}
	v->ping = true;
	tt_wsconn_want_write(v->conn);
	tt_timer_again(timer, WSVIEWER_TICK);
}

static const struct tt_wsconn_events wsviewer_events = {
	.writable = wsviewer_writable,
	.inbound = wsviewer_inbound,
	.closed = wsviewer_closed,
};

/* --- life ---------------------------------------------------------------- */

static int
wsviewer_enter(struct tt_thread *self, struct tt_error *err)
{
	const struct tt_wsjoining *joining = self->handed;
	struct wsviewer *v = tt_xcalloc(1, sizeof *v);

	(void)err;
	((struct tt_wssub *)self)->own = v;
	v->thread = self;
	v->conn = joining->conn;
	v->closed = joining->closed;
	v->peer = tt_xstrdup(tt_wsconn_peer(v->conn));
	self->handed = NULL;
	tt_timer_init(&v->tick, self, wsviewer_ticks);
	tt_timer_init(&v->deadline, self, wsviewer_deadline);
	tt_wsreader_join(&v->reader, joining->feed);
	tt_wsconn_own(v->conn, &wsviewer_events, v);
	v->heard_at = tt_now(self);
	tt_timer_start(&v->tick, WSVIEWER_TICK);
	tt_wsconn_want_write(v->conn);
	return 0;
}

static void
wsviewer_log_end(struct wsviewer *v)
{
	char path[512];

	if (tt_flood_allows(v->closed))
		tt_log(TT_LOG_INFO, tt_info(v->thread, path, sizeof path),
		    "%s closed: %s, %" PRIu64 " frames, %" PRIu64 " missed", v->peer,
		    tt_reason_name(v->reason), v->frames, v->missed);
}

static void
wsviewer_exit(struct tt_thread *self)
{
	struct wsviewer *v = wsviewer_of(self);
	uint64_t waited = tt_wsreader_leave(&v->reader);

	if (v->reason == TT_REASON_NONE)
		v->reason = TT_REASON_STOP;
	wsviewer_count(v);
	if (waited > 0)
		tt_count_dropped(self, TT_REASON_TERMINATED, waited);
	v->missed += waited;
	wsviewer_log_end(v);
	tt_timer_stop(&v->tick);
	tt_timer_stop(&v->deadline);
	if (v->conn != NULL)
		tt_wsconn_drop(v->conn, true);
	tt_count_close(self, v->reason);
	free(v->peer);
	free(v);
}

/* There is something in the feed. */
static void
wsviewer_signal_handler(struct tt_thread *self, const struct tt_signal *sig)
{
	struct wsviewer *v = wsviewer_of(self);

	(void)sig;
	tt_wsreader_look(&v->reader);
	wsviewer_count(v);
	if (v->conn == NULL)
		return;
	if (tt_wsreader_is_straying(&v->reader) &&
	    tt_wsfeed_is_crowded(v->reader.feed)) {
		v->reason = TT_REASON_MEMORY;
		wsviewer_drop(v, true);
		return;
	}
	if (!v->full)
		tt_wsconn_want_write(v->conn);
}

static void
wsviewer_drain(struct tt_thread *self)
{
	(void)self;
}

/* The daemon stops, or its master does: it gets what waits, and a close. */
static bool
wsviewer_closing(struct tt_thread *self)
{
	struct wsviewer *v = wsviewer_of(self);

	if (v->conn == NULL)
		return true;
	v->finishing = true;
	tt_timer_start(&v->deadline, WSVIEWER_END);
	tt_wsconn_want_write(v->conn);
	return false;
}

const struct tt_wsrole tt_wsviewer = {
	.enter		= wsviewer_enter,
	.exit		= wsviewer_exit,
	.signal_handler	= wsviewer_signal_handler,
	.drain		= wsviewer_drain,
	.closing	= wsviewer_closing,
};
