/* wsloop.c - the loop that all websockets of a worker share.
 *
 *      libevent --uv_backend_fd() readable, or time--> pump: uv_run(NOWAIT)
 *          libuv --poll, timer--> libwebsockets --callback--> client or server
 *
 * libwebsockets sets its timers where libuv calls it; what is started from outside
 * needs lws_cancel_service(), once a turn, or its time-outs are lost.  It is never
 * entered twice: what must not happen inside its callbacks waits for the pump. */
#include "plugins/wsloop.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

/* Where a request's text and the answer's headers must fit. */
#define WSLOOP_SERVICE_BYTES 16384
#define WSLOOP_HEADER_BYTES 8192

struct tt_wsloop {
	struct tt_pump pump;
	void **slot;			/* the worker's, which points here */
	struct lws_context *context;	/* it sets this to NULL when it is gone */
	uv_loop_t uv;
	struct event ready, timer;
	struct tt_wspart *parts;	/* also those whose owner has gone: a late */
					/* callback still finds them */
	unsigned users;			/* those that have not */
	bool turn;			/* uv_run() is due, */
	bool cancel;			/* and lws_cancel_service() before it */
	bool litter;			/* a failed connect has left a handle */
};

/* --- its log ------------------------------------------------------------- */

static void
wsloop_log_line(enum tt_log_level level, const char *line)
{
	tt_log(level, NULL, "libwebsockets: %.*s", (int)strcspn(line, "\n"), line);
}

static void
wsloop_log(int level, const char *line)
{
	(void)level;
	wsloop_log_line(TT_LOG_DEBUG, line);
}

static void
wsloop_log_loud(int level, const char *line)
{
	(void)level;
	wsloop_log_line(TT_LOG_WARNING, line);
}

static void
wsloop_log_usual(void)
{
	lws_set_log_level(tt_log_wants(TT_LOG_DEBUG) ? LLL_ERR | LLL_WARN : 0,
	    wsloop_log);
}

void
tt_wsloop_loud(bool loud)
{
	if (loud)
		lws_set_log_level(LLL_ERR, wsloop_log_loud);
	else
		wsloop_log_usual();
}

/* --- the pump ------------------------------------------------------------ */

static void
wsloop_free_handle(uv_handle_t *handle)
{
	free(handle);
}

/* Where connect() fails, libwebsockets 4.1.6 frees the connection, and forgets the
 * handle that watched its socket: inactive, and of no living connection. */
static void
wsloop_sweep_one(uv_handle_t *handle, void *arg)
{
	struct tt_wsloop *loop = arg;
	const struct tt_wspart *p;

	if (handle->type != UV_POLL || uv_is_active(handle) || uv_is_closing(handle))
		return;
	for (p = loop->parts; p != NULL; p = p->next)
		if (p->owns(p, handle->data))
			return;
	uv_close(handle, wsloop_free_handle);
}

void
tt_wsloop_sweep(struct tt_wsloop *loop)
{
	if (loop->litter)
		uv_walk(&loop->uv, wsloop_sweep_one, loop);
	loop->litter = false;
}

/* Turns libuv's loop, and again where it asks for that at once; then libevent knows
 * until when it may wait. */
static void
wsloop_turn(struct tt_wsloop *loop)
{
	struct timeval tv;
	int ms = 0, turns;

	loop->turn = false;
	if (loop->cancel)
		lws_cancel_service(loop->context);
	loop->cancel = false;
	for (turns = 0; turns < 2 && ms == 0; turns++) {
		uv_run(&loop->uv, UV_RUN_NOWAIT);
		ms = uv_backend_timeout(&loop->uv);
	}
	if (ms == 0)
		loop->turn = true;
	if (ms > 0) {
		tv.tv_sec = ms / 1000;
		tv.tv_usec = ms % 1000 * 1000;
		event_add(&loop->timer, &tv);
	}
}

static void
wsloop_run(struct tt_pump *pump)
{
	struct tt_wsloop *loop = (struct tt_wsloop *)pump;
	struct tt_wspart *p;

	for (p = loop->parts; p != NULL; p = p->next)
		p->before(p);
	tt_wsloop_sweep(loop);
	if (loop->turn || loop->cancel)
		wsloop_turn(loop);
	for (p = loop->parts; p != NULL; p = p->next)
		p->after(p);
	loop->pump.dirty |= loop->turn || loop->cancel;
}

static void
wsloop_event(evutil_socket_t fd, short what, void *arg)
{
	struct tt_wsloop *loop = arg;

	(void)fd;
	(void)what;
	loop->turn = loop->pump.dirty = true;
}

/* --- for the doors ------------------------------------------------------- */

struct lws_context *
tt_wsloop_context(const struct tt_wsloop *loop)
{
	return loop->context;
}

void
tt_wsloop_wake(struct tt_wsloop *loop)
{
	loop->pump.dirty = true;
}

void
tt_wsloop_want_turn(struct tt_wsloop *loop)
{
	loop->turn = loop->pump.dirty = true;
}

void
tt_wsloop_called(struct tt_wsloop *loop)
{
	loop->cancel = loop->pump.dirty = true;
}

void
tt_wsloop_litter(struct tt_wsloop *loop)
{
	loop->litter = true;
}

int
tt_wsloop_check_file(const char *what, const char *file, struct tt_error *err)
{
	if (file != NULL && access(file, R_OK) != 0)
		return tt_error_set(err, "cannot read tls.%s %s: %s", what, file,
		    strerror(errno));
	return 0;
}

/* --- begin and end ------------------------------------------------------- */

static struct tt_wsloop *
wsloop_create(struct tt_thread *self, const struct tt_wscensus *census,
    struct tt_error *err)
{
	struct tt_wsloop *loop = tt_xcalloc(1, sizeof *loop);
	void *loops[1] = { &loop->uv };
	struct lws_context_creation_info info = { 0 };

	/* Both crash where memory is out, here and there. */
	uv_replace_allocator(tt_xmalloc, tt_xrealloc, tt_xcalloc, free);
	lws_set_allocator(tt_xallocate);
	info.port = CONTEXT_PORT_NO_LISTEN;
	info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
	    (census->tls ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0);
	info.foreign_loops = loops;
	/* With a limit below the process's own it keeps a short list of its
	 * connections, not a table of every descriptor there may be. */
	info.fd_limit_per_thread = 64 + 4 * census->clients + census->viewers;
	info.max_http_header_pool = (unsigned short)(2 + census->clients);
	info.max_http_header_data2 = WSLOOP_HEADER_BYTES;
	info.pt_serv_buf_size = WSLOOP_SERVICE_BYTES;
	info.timeout_secs = TT_WSLOOP_LONG;
	info.pcontext = &loop->context;
	wsloop_log_usual();
	if (uv_loop_init(&loop->uv) != 0) {
		tt_error_set(err, "cannot make a loop of libuv: %s", strerror(errno));
		free(loop);
		return NULL;
	}
	loop->context = lws_create_context(&info);
	if (loop->context == NULL) {
		tt_error_set(err, "libwebsockets does not start: is the package "
		    "libwebsockets-evlib-uv installed?");
		uv_loop_close(&loop->uv);
		free(loop);
		return NULL;
	}
	event_assign(&loop->ready, tt_event_base(self), uv_backend_fd(&loop->uv),
	    EV_READ | EV_PERSIST, wsloop_event, loop);
	event_assign(&loop->timer, tt_event_base(self), -1, 0, wsloop_event, loop);
	event_add(&loop->ready, NULL);
	loop->pump.run = wsloop_run;
	loop->pump.dirty = true;
	loop->cancel = true;
	loop->slot = tt_worker_slot(self);
	*loop->slot = loop;
	tt_pump_add(self, &loop->pump);
	return loop;
}

static void
wsloop_close_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (handle->type == UV_POLL && !uv_is_closing(handle))
		uv_close(handle, wsloop_free_handle);
}

/* libwebsockets takes itself down in two steps, with turns of the loop between, in
 * which its handles close; its plugin must not be unloaded before. */
static void
wsloop_destroy(struct tt_wsloop *loop, struct tt_thread *self)
{
	struct tt_wspart *p;
	int turns = 100;

	tt_pump_remove(self, &loop->pump);
	event_del(&loop->ready);
	event_del(&loop->timer);
	*loop->slot = NULL;
	for (p = loop->parts; p != NULL; p = p->next)
		p->before(p);
	lws_context_destroy(loop->context);
	while (turns-- > 0 && uv_run(&loop->uv, UV_RUN_NOWAIT) != 0)
		continue;
	if (loop->context != NULL) {
		lws_context_destroy(loop->context);
		uv_run(&loop->uv, UV_RUN_NOWAIT);
	}
	uv_walk(&loop->uv, wsloop_close_handle, NULL);
	uv_run(&loop->uv, UV_RUN_NOWAIT);
	uv_loop_close(&loop->uv);
	while ((p = loop->parts) != NULL) {
		loop->parts = p->next;
		p->free(p);
	}
	free(loop);
}

struct tt_wsloop *
tt_wsloop_enter(struct tt_thread *self, const struct tt_wscensus *census,
    struct tt_wspart *part, struct tt_error *err)
{
	struct tt_wsloop *loop = *tt_worker_slot(self);

	if (loop == NULL && (loop = wsloop_create(self, census, err)) == NULL)
		return NULL;
	part->next = loop->parts;
	loop->parts = part;
	loop->users++;
	return loop;
}

void
tt_wsloop_leave(struct tt_wsloop *loop, struct tt_thread *self)
{
	if (--loop->users == 0)
		wsloop_destroy(loop, self);
}
