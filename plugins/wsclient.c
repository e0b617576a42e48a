/* wsclient.c - the door to libwebsockets 4.1 for destinations.
 *
 * A client that wants to write is called by the pump itself while its socket has
 * taken all that was written before: going through POLLOUT would cost three more
 * system calls for each turn.  When the socket is full, libwebsockets keeps the rest,
 * and calls when that has gone. */
#include "plugins/wsclient.h"

#include <errno.h>
#include <libwebsockets.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "plugins/tcpinfo.h"

/* The file in which Debian keeps all authorities. */
#define WSCLIENT_CA_FILE "/etc/ssl/certs/ca-certificates.crt"

enum wsclient_state {
	WSCLIENT_IDLE, WSCLIENT_CONNECTING, WSCLIENT_UPGRADING, WSCLIENT_OPEN,
	WSCLIENT_ENDING
};

struct tt_wsclient {
	struct tt_wspart part;
	struct tt_wsloop *loop;
	struct lws_vhost *vhost;
	const struct tt_wsevents *events;
	void *arg;
	int tls_flags;
	enum wsclient_state state;
	struct lws *wsi;		/* the connection, NULL where there is none */
	struct lws *doomed;		/* one that was dropped and is not gone yet */
	bool doomed_reset;
	bool beginning;			/* within lws_client_connect_via_info() */
	bool wants;			/* to write */
	bool broken;			/* a write failed */
	size_t written;			/* by the last write */
	const struct tt_wsrequest *request;
	char reason[192];		/* why it ends, as far as is known */
	/* The inbound message. */
	size_t size;
	bool told;
	char kept[TT_WS_KEPT];
};

/* No pings of its own, and no hang-up after 310 s. */
static const lws_retry_bo_t wsclient_quiet = { .secs_since_valid_hangup = 0 };

static int wsclient_callback(struct lws *wsi, enum lws_callback_reasons reason,
    void *user, void *in, size_t size);

static const struct lws_protocols wsclient_protocols[] = {
	{ .name = "taskthread", .callback = wsclient_callback, .rx_buffer_size = 4096,
	  .tx_packet_size = 1 << 20 },
	{ .name = NULL }
};

/* --- the end of connections ---------------------------------------------- */

/* The connection of C is over, and its owner hears of it. */
static void
wsclient_closed(struct tt_wsclient *c, const char *reason)
{
	c->wsi = NULL;
	c->request = NULL;
	c->state = WSCLIENT_IDLE;
	if (c->events != NULL)
		c->events->closed(c->arg, reason);
}

/* Cuts WSI's socket, so that nothing that waits to be flushed holds its end up. */
static void
wsclient_cut(struct lws *wsi, bool reset)
{
	const struct linger now = { .l_onoff = 1, .l_linger = 0 };
	int fd = lws_get_socket_fd(wsi);

	if (fd < 0)
		return;
	if (reset) {
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
		shutdown(fd, SHUT_RDWR);
	}
}

/* Outside of libwebsockets' callbacks only. */
static void
wsclient_kill_doomed(struct tt_wsclient *c)
{
	struct lws *wsi = c->doomed;

	if (wsi == NULL)
		return;
	wsclient_cut(wsi, c->doomed_reset);
	lws_set_timeout(wsi, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_SYNC);
	c->doomed = NULL;
	tt_wsloop_called(c->loop);
}

void
tt_wsclient_drop(struct tt_wsclient *client, bool reset)
{
	if (client->wsi == NULL)
		return;
	client->doomed = client->wsi;
	client->doomed_reset = reset;
	client->wsi = NULL;
	client->request = NULL;
	client->state = WSCLIENT_IDLE;
	tt_wsloop_want_turn(client->loop);
}

/* --- in the pump --------------------------------------------------------- */

/* Looks at a socket that is being connected, before libwebsockets does: it would take
 * the error, and not tell what it was. */
static void
wsclient_look(struct tt_wsclient *c)
{
	struct pollfd p = { .events = POLLOUT };
	socklen_t size = sizeof(int);
	int error = 0;

	if (c->state != WSCLIENT_CONNECTING)
		return;
	p.fd = lws_get_socket_fd(c->wsi);
	if (p.fd < 0 || poll(&p, 1, 0) <= 0)
		return;
	if ((p.revents & (POLLERR | POLLHUP)) == 0) {
		c->state = WSCLIENT_UPGRADING;
		return;
	}
	getsockopt(p.fd, SOL_SOCKET, SO_ERROR, &error, &size);
	tt_wsclient_drop(c, true);
	if (c->events != NULL)
		c->events->closed(c->arg, error != 0 && error != ECONNRESET ?
		    strerror(error) : "connection lost");
}

static void
wsclient_before(struct tt_wspart *part)
{
	struct tt_wsclient *c = (struct tt_wsclient *)part;

	wsclient_look(c);
	wsclient_kill_doomed(c);
}

static void
wsclient_after(struct tt_wspart *part)
{
	struct tt_wsclient *c = (struct tt_wsclient *)part;

	if (!c->wants || !tt_wsclient_is_ready(c) || c->events == NULL)
		return;
	c->wants = false;
	c->events->writable(c->arg);
}

static bool
wsclient_owns(const struct tt_wspart *part, const struct lws *wsi)
{
	const struct tt_wsclient *c = (const struct tt_wsclient *)part;

	return wsi == c->wsi || wsi == c->doomed;
}

static void
wsclient_free(struct tt_wspart *part)
{
	free(part);
}

/* --- its callbacks ------------------------------------------------------- */

static int
wsclient_append_headers(struct tt_wsclient *c, uint8_t **at, size_t room)
{
	size_t size;

	if (c->request == NULL)
		return -1;
	size = strlen(c->request->headers);
	if (size > room)
		return -1;
	memcpy(*at, c->request->headers, size);
	*at += size;
	return 0;
}

static void
wsclient_receive(struct tt_wsclient *c, struct lws *wsi, const char *in, size_t size)
{
	bool end;

	if (lws_is_first_fragment(wsi)) {
		c->size = 0;
		c->told = false;
	}
	if (c->size < TT_WS_KEPT)
		memcpy(c->kept + c->size, in, size < TT_WS_KEPT - c->size ? size :
		    TT_WS_KEPT - c->size);
	c->size += size;
	end = lws_is_final_fragment(wsi);
	if ((end || c->size > TT_WS_MAX_INBOUND) && !c->told) {
		c->told = true;
		c->events->message(c->arg, lws_frame_is_binary(wsi), c->kept, c->size);
	}
	/* A message without an end does not count without end. */
	if (c->size > TT_WS_MAX_INBOUND)
		c->size = TT_WS_MAX_INBOUND + 1;
}

/* The destination's close frame: two bytes of code, and text. */
static void
wsclient_peer_closes(struct tt_wsclient *c, const uint8_t *in, size_t size)
{
	if (size >= 2)
		snprintf(c->reason, sizeof c->reason, "closed by the destination: %u%s%.*s",
		    in[0] << 8 | in[1], size > 2 ? " " : "", (int)size - 2,
		    (const char *)in + 2);
	else
		snprintf(c->reason, sizeof c->reason, "closed by the destination");
	c->state = WSCLIENT_ENDING;
	c->events->ending(c->arg);
}

/* A certificate of the destination's does not hold, if OK is 0: that is why, unless it
 * was not to be verified. */
static int
wsclient_verify(struct tt_wsclient *c, X509_STORE_CTX *store, bool ok)
{
	if (c == NULL || ok)
		return 0;
	if ((c->tls_flags & LCCSCF_ALLOW_INSECURE) != 0)
		X509_STORE_CTX_set_error(store, X509_V_OK);
	else
		snprintf(c->reason, sizeof c->reason, "its certificate: %s",
		    X509_verify_cert_error_string(X509_STORE_CTX_get_error(store)));
	return 0;
}

/* The words of libwebsockets for a peer that has gone: which of them it is, and if its
 * FIN or its reset was first, is chance. */
static bool
wsclient_is_loss(const char *text, size_t size)
{
	static const char *const losses[] = { "Closed before conn",
		"closed before established", "Peer hung up",
		"connect SSL", "connect SYSCALL", "read failed", "Unable to connect" };

	for (size_t i = 0; i < sizeof losses / sizeof *losses; i++)
		if (size >= strlen(losses[i]) &&
		    memcmp(text, losses[i], strlen(losses[i])) == 0)
			return true;
	return size == 0;
}

/* Why there is no connection: what the destination answered, if it did, or the words
 * of libwebsockets. */
static const char *
wsclient_refusal(struct tt_wsclient *c, struct lws *wsi, const char *in, size_t size)
{
	unsigned status = lws_http_client_http_response(wsi);
	const char *tls = ERR_reason_error_string(ERR_peek_last_error());

	if (c->reason[0] != '\0')
		return c->reason;
	if (in == NULL)
		size = 0;
	if (size >= 4 && memcmp(in, "HS: ", 4) == 0) {
		in += 4;
		size -= 4;
	}
	if (status != 0 && status != 101)
		snprintf(c->reason, sizeof c->reason, "it answered %u, not 101", status);
	else if (size >= 11 && memcmp(in, "connect SSL", 11) == 0 && tls != NULL)
		snprintf(c->reason, sizeof c->reason, "no TLS: %s", tls);
	else if (wsclient_is_loss(in, size))
		return "connection lost";
	else
		snprintf(c->reason, sizeof c->reason, "%s%.*s", c->state ==
		    WSCLIENT_UPGRADING ? "no upgrade: " : "", (int)size, in);
	return c->reason;
}

static int
wsclient_event(struct tt_wsclient *c, struct lws *wsi, enum lws_callback_reasons reason,
    void *in, size_t size)
{
	switch (reason) {
	case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
		return wsclient_append_headers(c, in, size);
	case LWS_CALLBACK_CLIENT_ESTABLISHED:
		c->request = NULL;
		c->state = WSCLIENT_OPEN;
		c->events->opened(c->arg);
		break;
	case LWS_CALLBACK_CLIENT_WRITEABLE:
		c->wants = false;
		if (c->state == WSCLIENT_OPEN)
			c->events->writable(c->arg);
		break;
	case LWS_CALLBACK_CLIENT_RECEIVE:
		wsclient_receive(c, wsi, in, size);
		break;
	case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
		c->events->pong(c->arg, in, size);
		break;
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		wsclient_peer_closes(c, in, size);
		break;
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		wsclient_closed(c, wsclient_refusal(c, wsi, in, size));
		return 0;
	case LWS_CALLBACK_WSI_DESTROY:	/* a reset may bring nothing before it */
		if (c->beginning)
			return 0;
		/* fall through */
	case LWS_CALLBACK_CLIENT_CLOSED:
		wsclient_closed(c, c->reason[0] != '\0' ? c->reason :
		    "connection lost");
		return 0;
	default:
		break;
	}
	return c->broken || c->doomed == wsi ? -1 : 0;
}

static int
wsclient_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user,
    void *in, size_t size)
{
	struct tt_wsclient *c = user;

	/* Others come with something else for USER. */
	switch (reason) {
	case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
	case LWS_CALLBACK_CLIENT_ESTABLISHED:
	case LWS_CALLBACK_CLIENT_WRITEABLE:
	case LWS_CALLBACK_CLIENT_RECEIVE:
	case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
	case LWS_CALLBACK_CLIENT_CLOSED:
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
	case LWS_CALLBACK_WSI_DESTROY:
		break;
	case LWS_CALLBACK_OPENSSL_PERFORM_SERVER_CERT_VERIFICATION:
		return wsclient_verify(lws_wsi_user(wsi), user, size != 0);
	default:
		return 0;
	}
	if (c == NULL)
		return 0;
	if (c->beginning && c->wsi == NULL)
		c->wsi = wsi;
	if (wsi == c->doomed && (reason == LWS_CALLBACK_CLIENT_CONNECTION_ERROR ||
	    reason == LWS_CALLBACK_CLIENT_CLOSED || reason == LWS_CALLBACK_WSI_DESTROY))
		c->doomed = NULL;
	if (wsi != c->wsi || c->events == NULL)
		return reason == LWS_CALLBACK_CLIENT_WRITEABLE ||
		    reason == LWS_CALLBACK_CLIENT_RECEIVE ? -1 : 0;
	return wsclient_event(c, wsi, reason, in, size);
}

/* --- connections --------------------------------------------------------- */

/* libwebsockets does not tell why connect() failed at once: that is tried again,
 * and for the sake of the answer only. */
static const char *
wsclient_why(const char *address, uint16_t port)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM }, *found;
	const char *why = "cannot connect";
	char service[8];
	int fd;

	snprintf(service, sizeof service, "%u", port);
	if (getaddrinfo(address, service, &hints, &found) != 0)
		return why;
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || (connect(fd, found->ai_addr, found->ai_addrlen) != 0 &&
	    errno != EINPROGRESS))
		why = strerror(errno);
	if (fd >= 0)
		close(fd);
	freeaddrinfo(found);
	return why;
}

int
tt_wsclient_connect(struct tt_wsclient *client, const struct tt_wsrequest *request,
    char *reason, size_t size)
{
	struct tt_wsloop *loop = client->loop;
	struct lws_client_connect_info info = {
		.context = tt_wsloop_context(loop),
		.vhost = client->vhost,
		.address = request->address,
		.port = request->port,
		.host = request->host,
		.path = request->path,
		.protocol = request->subprotocol,
		.local_protocol_name = wsclient_protocols[0].name,
		.alpn = "http/1.1",
		.ssl_connection = client->tls_flags | LCCSCF_HTTP_NO_FOLLOW_REDIRECT,
		.ietf_version_or_minus_one = -1,
		.userdata = client,
		.retry_and_idle_policy = &wsclient_quiet,
	};

	wsclient_kill_doomed(client);
	tt_wsloop_sweep(loop);
	client->request = request;
	client->reason[0] = '\0';
	client->broken = false;
	client->size = 0;
	client->told = client->wants = false;
	client->beginning = true;
	client->state = WSCLIENT_CONNECTING;
	client->wsi = lws_client_connect_via_info(&info);
	client->beginning = false;
	tt_wsloop_called(loop);
	if (client->wsi != NULL)
		return 0;
	tt_wsloop_litter(loop);
	client->request = NULL;
	client->state = WSCLIENT_IDLE;
	snprintf(reason, size, "%s", wsclient_why(request->address, request->port));
	return -1;
}

void
tt_wsclient_want_write(struct tt_wsclient *client)
{
	if (client->state != WSCLIENT_OPEN)
		return;
	client->wants = true;
	tt_wsloop_wake(client->loop);
}

bool
tt_wsclient_is_ready(const struct tt_wsclient *client)
{
	return client->state == WSCLIENT_OPEN && !client->broken &&
	    !lws_partial_buffered(client->wsi);
}

int
tt_wsclient_write(struct tt_wsclient *client, uint8_t *data, size_t size)
{
	if (client->state != WSCLIENT_OPEN || client->broken)
		return -1;
	client->written = size;
	if (lws_write(client->wsi, data, size, LWS_WRITE_RAW) < 0) {
		/* Outside of a callback nobody but the next one can end it. */
		client->broken = true;
		lws_callback_on_writable(client->wsi);
	}
	if (client->broken || lws_partial_buffered(client->wsi))
		tt_wsloop_want_turn(client->loop);
	return client->broken ? -1 : 0;
}

uint64_t
tt_wsclient_progress(const struct tt_wsclient *client, uint64_t *end)
{
	uint64_t acked;
	int fd;

	*end = 0;
	if (client->wsi == NULL || (fd = lws_get_socket_fd(client->wsi)) < 0)
		return 0;
	acked = tt_tcp_acked(fd, end);
	*end += acked + (lws_partial_buffered(client->wsi) ? client->written : 0);
	return acked;
}

/* --- begin and end ------------------------------------------------------- */

static int
wsclient_init_tls(struct tt_wsclient *c, const struct tt_wssetup *setup,
    struct lws_context_creation_info *info, struct tt_error *err)
{
	if (tt_wsloop_check_file("ca", setup->ca, err) != 0 ||
	    tt_wsloop_check_file("cert", setup->cert, err) != 0 ||
	    tt_wsloop_check_file("key", setup->key, err) != 0)
		return -1;
	c->tls_flags = LCCSCF_USE_SSL;
	if (!setup->verify)
		c->tls_flags |= LCCSCF_ALLOW_SELFSIGNED | LCCSCF_ALLOW_INSECURE |
		    LCCSCF_ALLOW_EXPIRED | LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK;
	info->options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
	info->client_ssl_cert_filepath = setup->cert;
	info->client_ssl_private_key_filepath = setup->key;
	/* Without a file it would also trust what lies in ../share. */
	info->client_ssl_ca_filepath = setup->ca != NULL ? setup->ca :
	    access(WSCLIENT_CA_FILE, R_OK) == 0 ? WSCLIENT_CA_FILE : NULL;
	if (info->client_ssl_ca_filepath != NULL)
		info->options |= LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS;
	return 0;
}

static int
wsclient_init(struct tt_wsclient *c, const struct tt_wssetup *setup,
    struct tt_error *err)
{
	struct lws_context_creation_info info;

	memset(&info, 0, sizeof info);
	info.port = CONTEXT_PORT_NO_LISTEN;
	info.vhost_name = "client";
	info.protocols = wsclient_protocols;
	info.connect_timeout_secs = TT_WSLOOP_LONG;
	info.ka_time = 60;
	info.ka_interval = 10;
	info.ka_probes = 3;
	info.http_proxy_address = ":0";	/* none, whatever the environment says */
	if (setup->tls && wsclient_init_tls(c, setup, &info, err) != 0)
		return -1;
	/* What is wrong with a certificate, only its log says. */
	if (setup->tls)
		tt_wsloop_loud(true);
	c->vhost = lws_create_vhost(tt_wsloop_context(c->loop), &info);
	tt_wsloop_loud(false);
	if (c->vhost == NULL)
		return tt_error_set(err, "libwebsockets does not take this "
		    "destination%s", setup->tls ? "'s files of tls" : "");
	return 0;
}

struct tt_wsclient *
tt_wsclient_create(struct tt_thread *self, const struct tt_wssetup *setup,
    struct tt_error *err)
{
	struct tt_wsclient *c = tt_xcalloc(1, sizeof *c);

	c->part = (struct tt_wspart){ .before = wsclient_before,
		.after = wsclient_after, .owns = wsclient_owns, .free = wsclient_free };
	c->loop = tt_wsloop_enter(self, &setup->census, &c->part, err);
	if (c->loop == NULL) {
		free(c);
		return NULL;
	}
	if (wsclient_init(c, setup, err) != 0) {
		tt_wsloop_leave(c->loop, self);
		return NULL;
	}
	c->events = setup->events;
	c->arg = setup->arg;
	return c;
}

void
tt_wsclient_destroy(struct tt_wsclient *client, struct tt_thread *self)
{
	if (client == NULL)
		return;
	tt_wsclient_drop(client, false);
	client->events = NULL;
	tt_wsloop_leave(client->loop, self);
}
