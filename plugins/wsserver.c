/* wsserver.c - the door to libwebsockets 4.1 for viewers.
 *
 *      asking --judged--> open --dropped--> leaving --> gone
 *         +-----refused--------------------> leaving
 *
 * To libwebsockets they are raw sockets, perhaps with TLS: it would take frames without
 * a mask, and look at little of a handshake.  What a plain socket does not take is not
 * copied but kept where all viewers have it; with TLS a record that has been begun must
 * be sent to its end, and libwebsockets keeps that. */
#include "plugins/wsserver.h"

#include <errno.h>
#include <libwebsockets.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WSSERVER_ASK 10000000000	/* ns until a handshake must be over */
#define WSSERVER_LEAVE 1000000000	/* ns that the end of one may take */
#define WSSERVER_TURN (512 << 10)	/* bytes written in one turn, */
#define WSSERVER_CALLS 64		/* and viewers asked to write */
#define WSSERVER_RECORD 16384		/* bytes of TLS written at a time */
#define WSSERVER_UNSENT (128 << 10)	/* most that waits in a socket, unsent */
#define WSSERVER_REQUEST 1024		/* a request's room at first */

enum wsserver_state { WSSERVER_ASKING, WSSERVER_OPEN, WSSERVER_LEAVING };

/* A place in one of the server's lists. */
struct wsserver_list {
	struct tt_wsconn *first, **end;
};

struct tt_wsconn {
	struct tt_wsconn *next, **prev;	/* among all */
	struct tt_wsconn *next_wish, **prev_wish;	/* among those that want to write */
	struct tt_wsserver *server;
	struct lws *wsi;		/* NULL until there is one, and once it is gone */
	enum wsserver_state state;
	bool tls;
	bool doomed;			/* to be ended by the pump */
	bool reset;			/* and so */
	struct tt_timer deadline;	/* of all but an open one */
	char *request;			/* while it is asking */
	size_t used, room, seen;
	struct tt_wsinbound in;
	const struct tt_wsconn_events *events;
	void *arg;
	char peer[];
};

struct tt_wsserver {
	struct tt_wspart part;
	struct tt_wsloop *loop;
	struct lws_vhost *vhost;
	struct tt_thread *self;
	struct tt_wsserver_setup setup;
	struct wsserver_list waiting, open, wishes;
	unsigned n_waiting, n_doomed;
	size_t written;			/* in this turn */
	struct tt_wsconn *beginning;	/* within lws_adopt...() */
};

static int wsserver_callback(struct lws *wsi, enum lws_callback_reasons reason,
    void *user, void *in, size_t size);

static const struct lws_protocols wsserver_protocols[] = {
	{ .name = "taskthread-viewer", .callback = wsserver_callback },
	{ .name = NULL }
};

/* --- lists --------------------------------------------------------------- */

static void
wsserver_join(struct wsserver_list *list, struct tt_wsconn *c)
{
	c->next = NULL;
	c->prev = list->end;
	*list->end = c;
	list->end = &c->next;
}

static void
wsserver_unlink(struct wsserver_list *list, struct tt_wsconn *c)
{
	*c->prev = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	else
		list->end = c->prev;
}

static struct wsserver_list *
wsserver_list_of(struct tt_wsconn *c)
{
	return c->state == WSSERVER_OPEN ? &c->server->open : &c->server->waiting;
}

static void
wsserver_turn_to(struct tt_wsconn *c, enum wsserver_state state)
{
	wsserver_unlink(wsserver_list_of(c), c);
	c->server->n_waiting -= c->state != WSSERVER_OPEN;
	c->state = state;
	c->server->n_waiting += c->state != WSSERVER_OPEN;
	wsserver_join(wsserver_list_of(c), c);
}

static void
wsserver_forget_wish(struct tt_wsconn *c)
{
	if (c->prev_wish == NULL)
		return;
	*c->prev_wish = c->next_wish;
	if (c->next_wish != NULL)
		c->next_wish->prev_wish = c->prev_wish;
	else
		c->server->wishes.end = c->prev_wish;
	c->prev_wish = NULL;
}

void
tt_wsconn_want_write(struct tt_wsconn *conn)
{
	struct wsserver_list *list = &conn->server->wishes;

	if (conn->prev_wish != NULL || conn->doomed)
		return;
	conn->next_wish = NULL;
	conn->prev_wish = list->end;
	*list->end = conn;
	list->end = &conn->next_wish;
	tt_wsloop_wake(conn->server->loop);
}

/* --- the end of connections ---------------------------------------------- */

/* The socket of C is gone. */
static void
wsserver_gone(struct tt_wsconn *c)
{
	const struct tt_wsconn_events *events = c->events;

	wsserver_forget_wish(c);
	wsserver_unlink(wsserver_list_of(c), c);
	c->server->n_waiting -= c->state != WSSERVER_OPEN;
	c->server->n_doomed -= c->doomed;
	if (c->server->beginning == c)
		c->server->beginning = NULL;
	tt_timer_stop(&c->deadline);
	c->events = NULL;
	if (events != NULL)
		events->closed(c->arg);
	free(c->request);
	free(c);
}

static void
wsserver_doom(struct tt_wsconn *c, bool reset)
{
	c->reset |= reset;
	if (c->doomed)
		return;
	c->doomed = true;
	c->server->n_doomed++;
	tt_wsloop_want_turn(c->server->loop);
}

/* Outside of libwebsockets' callbacks only; C is freed, now or soon. */
static void
wsserver_kill(struct tt_wsconn *c)
{
	const struct linger now = { .l_onoff = 1, .l_linger = 0 };
	struct lws *wsi = c->wsi;
	int fd;

	/* During a handshake of TLS its last callback comes from libuv, later. */
	c->wsi = NULL;
	tt_timer_stop(&c->deadline);
	if (wsi == NULL)
		return;
	fd = lws_get_socket_fd(wsi);
	if (c->reset && fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	tt_wsloop_called(c->server->loop);
	lws_set_timeout(wsi, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_SYNC);
}

static void
wsserver_kill_all(struct wsserver_list *list, bool doomed)
{
	struct tt_wsconn *c, *next;

	for (c = list->first; c != NULL; c = next) {
		next = c->next;
		if (!doomed || c->doomed)
			wsserver_kill(c);
	}
}

static void
wsserver_deadline(struct tt_timer *timer)
{
	struct tt_wsconn *c = (struct tt_wsconn *)(void *)((char *)timer -
	    offsetof(struct tt_wsconn, deadline));
	struct tt_wsserver *s = c->server;

	if (c->state == WSSERVER_ASKING)
		s->setup.events->refused(s->setup.arg, c->peer, 0,
		    "it did not ask within 10 s");
	wsserver_doom(c, c->state == WSSERVER_LEAVING);
}

/* Nothing more is to be sent: the rest of what is read is thrown away, so that no
 * reset destroys what is under way. */
static void
wsserver_leave(struct tt_wsconn *c)
{
	int fd = lws_get_socket_fd(c->wsi);

	c->events = NULL;
	wsserver_forget_wish(c);
	wsserver_turn_to(c, WSSERVER_LEAVING);
	if (fd >= 0 && !lws_partial_buffered(c->wsi))
		shutdown(fd, SHUT_WR);
	tt_timer_start(&c->deadline, WSSERVER_LEAVE);
}

void
tt_wsconn_drop(struct tt_wsconn *conn, bool reset)
{
	if (!reset && !conn->doomed) {
		wsserver_leave(conn);
		return;
	}
	conn->events = NULL;
	wsserver_doom(conn, reset);
}

/* --- writing ------------------------------------------------------------- */

static ssize_t
wsserver_write_plain(struct tt_wsconn *c, const struct iovec *iov, int n)
{
	struct msghdr message = { .msg_iov = (struct iovec *)iov,
		.msg_iovlen = (size_t)n };
	ssize_t sent = sendmsg(lws_get_socket_fd(c->wsi), &message,
	    MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOBUFS ||
	    errno == ENOMEM))
		return 0;
	return sent;
}

static ssize_t
wsserver_write_tls(struct tt_wsconn *c, const struct iovec *iov, int n)
{
	size_t at, part;
	ssize_t sum = 0;

	for (int i = 0; i < n; i++) {
		for (at = 0; at < iov[i].iov_len; at += part) {
			if (lws_partial_buffered(c->wsi))
				return sum;
			part = iov[i].iov_len - at;
			if (part > WSSERVER_RECORD)
				part = WSSERVER_RECORD;
			if (lws_write(c->wsi, (uint8_t *)iov[i].iov_base + at, part,
			    LWS_WRITE_RAW) < 0)
				return -1;
			sum += (ssize_t)part;
		}
	}
	return sum;
}

ssize_t
tt_wsconn_write(struct tt_wsconn *conn, const struct iovec *iov, int n)
{
	size_t all = 0;
	ssize_t sent;

	for (int i = 0; i < n; i++)
		all += iov[i].iov_len;
	if (conn->doomed)
		return -1;
	sent = conn->tls ? wsserver_write_tls(conn, iov, n) :
	    wsserver_write_plain(conn, iov, n);
	if (sent < 0) {
		wsserver_doom(conn, true);
		return -1;
	}
	conn->server->written += (size_t)sent;
	if ((size_t)sent < all || (conn->tls && lws_partial_buffered(conn->wsi))) {
		lws_callback_on_writable(conn->wsi);
		tt_wsloop_want_turn(conn->server->loop);
	}
	return sent;
}

/* --- in the pump --------------------------------------------------------- */

static void
wsserver_before(struct tt_wspart *part)
{
	struct tt_wsserver *s = (struct tt_wsserver *)part;

	s->written = 0;
	if (s->n_doomed == 0)
		return;
	wsserver_kill_all(&s->waiting, true);
	wsserver_kill_all(&s->open, true);
}

static void
wsserver_after(struct tt_wspart *part)
{
	struct tt_wsserver *s = (struct tt_wsserver *)part;
	int calls = WSSERVER_CALLS;
	struct tt_wsconn *c;

	while ((c = s->wishes.first) != NULL && calls-- > 0 &&
	    s->written < WSSERVER_TURN) {
		wsserver_forget_wish(c);
		if (c->events != NULL && !c->doomed)
			c->events->writable(c->arg);
	}
	if (s->wishes.first != NULL)
		tt_wsloop_wake(s->loop);
}

static bool
wsserver_owns(const struct tt_wspart *part, const struct lws *wsi)
{
	const struct tt_wsserver *s = (const struct tt_wsserver *)part;
	const struct tt_wsconn *c;

	/* It may be gone: it is not looked into. */
	for (c = s->waiting.first; c != NULL; c = c->next)
		if (c->wsi == wsi)
			return true;
	for (c = s->open.first; c != NULL; c = c->next)
		if (c->wsi == wsi)
			return true;
	return false;
}

static void
wsserver_free(struct tt_wspart *part)
{
	free(part);
}

/* --- the handshake ------------------------------------------------------- */

static bool
wsserver_answer(struct tt_wsconn *c, const struct tt_wsverdict *verdict)
{
	char text[TT_WSHANDSHAKE_KEY + sizeof TT_WSHANDSHAKE_GUID];
	char accept[32] = "", answer[TT_WSHANDSHAKE_ANSWER];
	struct iovec iov = { .iov_base = answer };
	unsigned char digest[20];

	if (verdict->status == 101) {
		memcpy(text, verdict->key, TT_WSHANDSHAKE_KEY);
		memcpy(text + TT_WSHANDSHAKE_KEY, TT_WSHANDSHAKE_GUID,
		    sizeof TT_WSHANDSHAKE_GUID);
		lws_SHA1((const unsigned char *)text, strlen(text), digest);
		lws_b64_encode_string((const char *)digest, sizeof digest, accept,
		    sizeof accept);
	}
	iov.iov_len = tt_wshandshake_answer(verdict, accept, answer);
	return tt_wsconn_write(c, &iov, 1) == (ssize_t)iov.iov_len;
}

/* Judges what C asks for in its first SIZE bytes. */
static void
wsserver_judge(struct tt_wsconn *c, size_t size)
{
	struct tt_wsserver *s = c->server;
	struct tt_wsverdict verdict;

	tt_wshandshake_judge(&s->setup.rules, c->request, size,
	    s->setup.events->full(s->setup.arg), &verdict);
	if (!wsserver_answer(c, &verdict)) {
		wsserver_doom(c, true);
		return;
	}
	tt_timer_stop(&c->deadline);
	if (verdict.status != 101) {
		s->setup.events->refused(s->setup.arg, c->peer, verdict.status,
		    verdict.why);
		wsserver_leave(c);
		return;
	}
	/* After TLS it has one of its own. */
	lws_set_timeout(c->wsi, NO_PENDING_TIMEOUT, 0);
	wsserver_turn_to(c, WSSERVER_OPEN);
	s->setup.events->joined(s->setup.arg, c);
	if (c->events == NULL)
		wsserver_doom(c, true);
}

static void
wsserver_inbound(struct tt_wsconn *c, const uint8_t *data, size_t size)
{
	enum tt_wsinbound_event event = TT_WSINBOUND_PING;

	while (event != TT_WSINBOUND_MORE && event != TT_WSINBOUND_BROKEN &&
	    c->state == WSSERVER_OPEN && !c->doomed && c->events != NULL) {
		event = tt_wsinbound_read(&c->in, &data, &size);
		if (event != TT_WSINBOUND_MORE)
			c->events->inbound(c->arg, event, &c->in);
	}
}

/* Part of a request; frames may stand behind its end. */
static void
wsserver_ask(struct tt_wsconn *c, const char *data, size_t size)
{
	size_t part = TT_WSHANDSHAKE_MAX - c->used, end;

	if (part > size)
		part = size;
	if (c->used + part > c->room) {
		c->room = c->used + part > c->room * 2 ? c->used + part : c->room * 2;
		c->request = tt_xrealloc(c->request, c->room);
	}
	memcpy(c->request + c->used, data, part);
	c->used += part;
	end = tt_wshandshake_end(c->request, c->used, &c->seen);
	if (end == 0 && c->used < TT_WSHANDSHAKE_MAX)
		return;
	wsserver_judge(c, end > 0 ? end : c->used);
	if (c->state == WSSERVER_OPEN && !c->doomed) {
		wsserver_inbound(c, (const uint8_t *)c->request + end, c->used - end);
		wsserver_inbound(c, (const uint8_t *)data + part, size - part);
	}
	free(c->request);
	c->request = NULL;
	c->used = c->room = 0;
}

/* --- callbacks ----------------------------------------------------------- */

static int
wsserver_event(struct tt_wsconn *c, struct lws *wsi, enum lws_callback_reasons reason,
    void *in, size_t size)
{
	switch (reason) {
	case LWS_CALLBACK_RAW_RX:
		if (c->state == WSSERVER_ASKING && !c->doomed)
			wsserver_ask(c, in, size);
		else if (c->state == WSSERVER_OPEN)
			wsserver_inbound(c, in, size);
		break;
	case LWS_CALLBACK_RAW_WRITEABLE:
		if (c->state == WSSERVER_OPEN)
			tt_wsconn_want_write(c);
		break;
	case LWS_CALLBACK_RAW_CLOSE:
	case LWS_CALLBACK_WSI_DESTROY:
		lws_set_opaque_user_data(wsi, NULL);
		wsserver_gone(c);
		return 0;
	default:
		break;
	}
	/* What is doomed is ended by the pump, which knows how. */
	return 0;
}

static int
wsserver_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user,
    void *in, size_t size)
{
	struct tt_wsserver *s;
	struct tt_wsconn *c;

	(void)user;
	switch (reason) {
	case LWS_CALLBACK_WSI_CREATE:
		s = lws_vhost_user(lws_get_vhost(wsi));
		if (s->beginning != NULL)
			s->beginning->wsi = wsi;
		return 0;
	case LWS_CALLBACK_RAW_RX:
	case LWS_CALLBACK_RAW_WRITEABLE:
	case LWS_CALLBACK_RAW_CLOSE:
	case LWS_CALLBACK_WSI_DESTROY:
		c = lws_get_opaque_user_data(wsi);
		return c != NULL ? wsserver_event(c, wsi, reason, in, size) : 0;
	default:
		return 0;
	}
}

/* --- taking connections -------------------------------------------------- */

static struct tt_wsconn *
wsserver_conn(struct tt_wsserver *s, const char *peer)
{
	size_t size = strlen(peer) + 1;
	struct tt_wsconn *c = tt_xcalloc(1, sizeof *c + size);

	memcpy(c->peer, peer, size);
	c->server = s;
	c->tls = s->setup.tls;
	c->room = WSSERVER_REQUEST;
	c->request = tt_xmalloc(c->room);
	tt_timer_init(&c->deadline, s->self, wsserver_deadline);
	wsserver_join(&s->waiting, c);
	s->n_waiting++;
	return c;
}

/* There is one more than may wait: the oldest goes. */
static void
wsserver_make_room(struct tt_wsserver *s)
{
	struct tt_wsconn *c = s->waiting.first;

	if (s->n_waiting <= s->setup.waiting)
		return;
	if (c->state == WSSERVER_ASKING && !c->doomed)
		s->setup.events->refused(s->setup.arg, c->peer, 0,
		    "it had not asked, and others came");
	wsserver_kill(c);
}

void
tt_wsserver_take(struct tt_wsserver *server, int fd, const char *peer)
{
	const int on = 1, unsent = WSSERVER_UNSENT;
	lws_adopt_desc_t adopt = { .vh = server->vhost, .type = LWS_ADOPT_SOCKET |
		LWS_ADOPT_ALLOW_SSL, .vh_prot_name = wsserver_protocols[0].name };
	struct tt_wsconn *c = wsserver_conn(server, peer);

	wsserver_make_room(server);
	/* Of a Unix socket neither can be set. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
	adopt.fd.sockfd = fd;
	adopt.opaque = c;
	server->beginning = c;
	tt_timer_start(&c->deadline, WSSERVER_ASK);
	/* It fails before there is a wsi, or with one, whose last callback may have come,
	 * or comes later. */
	if (lws_adopt_descriptor_vhost_via_info(&adopt) == NULL &&
	    server->beginning != NULL) {
		if (c->wsi == NULL)
			wsserver_gone(c);
		else
			c->wsi = NULL;
	}
	server->beginning = NULL;
	tt_wsloop_called(server->loop);
}

void
tt_wsserver_turn_away(struct tt_wsserver *server)
{
	struct tt_wsconn *c;

	for (c = server->waiting.first; c != NULL; c = c->next)
		wsserver_doom(c, false);
}

void
tt_wsconn_own(struct tt_wsconn *conn, const struct tt_wsconn_events *events, void *arg)
{
	conn->events = events;
	conn->arg = arg;
}

const char *
tt_wsconn_peer(const struct tt_wsconn *conn)
{
	return conn->peer;
}

/* --- begin and end ------------------------------------------------------- */

static int
wsserver_init_tls(const struct tt_wsserver_setup *setup,
    struct lws_context_creation_info *info, struct tt_error *err)
{
	if (tt_wsloop_check_file("cert", setup->cert, err) != 0 ||
	    tt_wsloop_check_file("key", setup->key, err) != 0 ||
	    tt_wsloop_check_file("client_ca", setup->client_ca, err) != 0)
		return -1;
	info->options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
	info->ssl_cert_filepath = setup->cert;
	info->ssl_private_key_filepath = setup->key;
	/* One that nobody speaks: else it would speak HTTP itself. */
	info->alpn = "taskthread";
	if (setup->client_ca != NULL) {
		info->ssl_ca_filepath = setup->client_ca;
		info->options |= LWS_SERVER_OPTION_REQUIRE_VALID_OPENSSL_CLIENT_CERT;
	}
	return 0;
}

static int
wsserver_init(struct tt_wsserver *s, struct tt_error *err)
{
	struct lws_context_creation_info info;

	memset(&info, 0, sizeof info);
	info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
	info.vhost_name = "server";
	info.protocols = wsserver_protocols;
	info.user = s;
	info.timeout_secs = TT_WSLOOP_LONG;
	if (s->setup.tls && wsserver_init_tls(&s->setup, &info, err) != 0)
		return -1;
	/* What is wrong with a certificate, only its log says. */
	if (s->setup.tls)
		tt_wsloop_loud(true);
	s->vhost = lws_create_vhost(tt_wsloop_context(s->loop), &info);
	tt_wsloop_loud(false);
	if (s->vhost == NULL)
		return tt_error_set(err, "libwebsockets does not take this server%s",
		    s->setup.tls ? "'s files of tls" : "");
	return 0;
}

struct tt_wsserver *
tt_wsserver_create(struct tt_thread *self, const struct tt_wsserver_setup *setup,
    struct tt_error *err)
{
	struct tt_wsserver *s = tt_xcalloc(1, sizeof *s);

	s->part = (struct tt_wspart){ .before = wsserver_before, .after = wsserver_after,
		.owns = wsserver_owns, .free = wsserver_free };
	s->self = self;
	s->setup = *setup;
	s->waiting.end = &s->waiting.first;
	s->open.end = &s->open.first;
	s->wishes.end = &s->wishes.first;
	s->loop = tt_wsloop_enter(self, &setup->census, &s->part, err);
	if (s->loop == NULL) {
		free(s);
		return NULL;
	}
	if (wsserver_init(s, err) != 0) {
		tt_wsloop_leave(s->loop, self);
		return NULL;
	}
	return s;
}

void
tt_wsserver_destroy(struct tt_wsserver *server, struct tt_thread *self)
{
	if (server == NULL)
		return;
	wsserver_kill_all(&server->waiting, false);
	wsserver_kill_all(&server->open, false);
	tt_wsloop_leave(server->loop, self);
}
