/* tcp_server_thread.c - listens, and starts a connection for each device.
 *
 * It has no part in what its connections say: their data runs through it as through
 * any thread.  Where descriptors run out it gives the one back that it keeps in
 * reserve, so that a database can still open its journal, and accepts again when it
 * has got it back. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/taskthread.h"
#include "plugins/kinds.h"
#include "plugins/listener.h"
#include "plugins/tcp.h"

#define TCP_SERVER_TURN 64		/* connections accepted in one turn */
#define TCP_SERVER_PAUSE 100000000	/* ns until descriptors are asked for again */

/* Resident bytes of a connection that is at work, and of each thread beneath it;
 * silent ones take less. */
#define TCP_SERVER_CONNECTION 900
#define TCP_SERVER_BENEATH 700

struct tcp_server_config {
	struct tt_addresses listen;
	int64_t max_connections;
};

struct tcp_server {
	struct tt_thread thread;
	const struct tt_node *pattern;	/* of the connections */
	struct tt_listeners listeners;
	int64_t connections;
	int reserve;			/* a descriptor, or -1 */
	bool out;			/* said so: no descriptors */
	struct tt_timer pause;
	struct tt_tcp_floods floods;
	struct tt_flood excess;
};

static const struct tt_option tcp_server_options[] = {
	{ .name = "listen", .type = TT_OPT_ADDRESSES, .required = true,
	  .offset = offsetof(struct tcp_server_config, listen),
	  .help = "where devices connect: 0.0.0.0:5002, \"[::]:5002\", unix:/path, "
	      "or a list; port 0 is any free one" },
	{ .name = "max_connections", .type = TT_OPT_INT, .standard = "10000",
	  .min = 1, .max = 1000000,
	  .offset = offsetof(struct tcp_server_config, max_connections),
	  .help = "devices at a time; one more is closed at once" },
	TT_OPTIONS_END
};

/* --- accepting ----------------------------------------------------------- */

static void
tcp_server_stop_accepting(struct tcp_server *s)
{
	tt_listeners_pause(&s->listeners);
	if (s->reserve >= 0)
		close(s->reserve);
	s->reserve = -1;
}

static void
tcp_server_pause(struct tcp_server *s, int error)
{
	char path[512];

	if (!s->out)
		tt_log(TT_LOG_WARNING, tt_info(&s->thread, path, sizeof path),
		    "cannot accept: %s: devices wait until there are descriptors "
		    "again", strerror(error));
	s->out = true;
	tcp_server_stop_accepting(s);
	tt_timer_start(&s->pause, TCP_SERVER_PAUSE);
}

static void
tcp_server_resume(struct tt_timer *timer)
{
	struct tcp_server *s = (struct tcp_server *)timer->thread;

	s->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (s->reserve < 0)
		tt_timer_start(&s->pause, TCP_SERVER_PAUSE);
	else
		tt_listeners_resume(&s->listeners);
}

static void
tcp_server_refuse(struct tcp_server *s, int fd, const char *peer)
{
	const struct tcp_server_config *c = s->thread.config;
	char path[512];

	close(fd);
	tt_count_close(&s->thread, TT_REASON_MAX_CONNECTIONS);
	if (tt_flood_allows(&s->excess))
		tt_log(TT_LOG_WARNING, tt_info(&s->thread, path, sizeof path),
		    "%s closed: max_connections, there are %lld", peer,
		    (long long)c->max_connections);
}

static void
tcp_server_prepare(struct tt_thread *child, void *accepted)
{
	tt_tcp_connection_accept(child, accepted);
}

static void
tcp_server_connect(struct tcp_server *s, const struct tt_accepted *a)
{
	const struct tcp_server_config *c = s->thread.config;
	struct tt_tcp_accepted accepted = {
		.fd = a->fd, .inet = a->inet, .floods = &s->floods
	};
	struct tt_error err;
	char path[512];

	if (s->connections >= c->max_connections) {
		tcp_server_refuse(s, a->fd, a->peer);
		return;
	}
	accepted.origin = tt_open_origin(&s->thread, s->pattern, a->peer, a->local);
	if (accepted.origin == NULL) {	/* it was said why: the device tries again */
		close(a->fd);
		return;
	}
	if (tt_add_child(&s->thread, s->pattern, tcp_server_prepare, &accepted,
	    &err) == NULL) {
		tt_log(TT_LOG_ERROR, tt_info(&s->thread, path, sizeof path),
		    "%s closed: %s", a->peer, err.text);
		return;
	}
	s->connections++;
}

/* Those that can be had, up to a turn's worth: more are there in the next one. */
static void
tcp_server_accept(struct tt_watch *watch, short what)
{
	struct tcp_server *s = (struct tcp_server *)watch->thread;
	struct tt_accepted accepted;
	int i;

	(void)what;
	if (s->thread.state != TT_RUNNING) {
		tt_listeners_pause(&s->listeners);	/* it closes: no more children */
		return;
	}
	for (i = 0; i < TCP_SERVER_TURN; i++) {
		if (tt_listener_accept(watch, &accepted) == 0) {
			s->out = false;
			tcp_server_connect(s, &accepted);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		    errno == ENOMEM) {
			tcp_server_pause(s, errno);
			return;
		} else if (errno == EAGAIN) {
			return;
		}
		/* Anything else is the end of one that had not yet begun. */
	}
}

/* --- life ---------------------------------------------------------------- */

static const struct tt_node *
tcp_server_pattern(const struct tt_node *node)
{
	unsigned i;

	for (i = 0; i < node->n_children; i++)
		if ((node->children[i]->schema->flags & TT_ON_DEMAND) != 0)
			return node->children[i];
	return NULL;
}

static int
tcp_server_enter(struct tt_thread *self, struct tt_error *err)
{
	struct tcp_server *s = (struct tcp_server *)self;
	const struct tcp_server_config *c = self->config;

	s->pattern = tcp_server_pattern(self->node);
	tt_flood_init(&s->floods.closed, self, "connections closed");
	tt_flood_init(&s->floods.broken, self, "broken frames");
	tt_flood_init(&s->excess, self, "connections closed: max_connections");
	tt_timer_init(&s->pause, self, tcp_server_resume);
	s->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (s->reserve < 0)
		return tt_error_set(err, "/dev/null: %s", strerror(errno));
	return tt_listeners_open(&s->listeners, self, &c->listen, tcp_server_accept,
	    err);
}

static void
tcp_server_drain(struct tt_thread *self)
{
	struct tcp_server *s = (struct tcp_server *)self;

	tt_timer_stop(&s->pause);
	tcp_server_stop_accepting(s);
	tt_listeners_close(&s->listeners);
}

static void
tcp_server_exit(struct tt_thread *self)
{
	struct tcp_server *s = (struct tcp_server *)self;

	tcp_server_drain(self);
	tt_flood_finish(&s->floods.closed);
	tt_flood_finish(&s->floods.broken);
	tt_flood_finish(&s->excess);
}

static void
tcp_server_child_closed(struct tt_thread *self, struct tt_thread *child,
    enum tt_reason reason)
{
	struct tcp_server *s = (struct tcp_server *)self;

	(void)reason;
	if (child->node == s->pattern)
		s->connections--;
}

/* --- the schema ---------------------------------------------------------- */

static void
tcp_server_check_tree(struct tt_check *check, void *config)
{
	(void)config;
	if (tcp_server_pattern(tt_check_node(check)) == NULL)
		tt_check_error(check, NULL, "put a TCPConnectionThread below it, the "
		    "pattern for each connection",
		    "has no TCPConnectionThread");
}

static bool
tcp_server_claims(const struct tt_node *node, size_t i, char *buf, size_t size)
{
	const struct tcp_server_config *c = node->config;

	return tt_listeners_claims(&c->listen, i, buf, size);
}

static int64_t
tcp_server_resident(const struct tt_node *node)
{
	const struct tcp_server_config *c = node->config;
	const struct tt_node *pattern = tcp_server_pattern(node);

	return c->max_connections * (TCP_SERVER_CONNECTION +
	    (pattern != NULL ? pattern->n_children : 0) * TCP_SERVER_BENEATH);
}

const struct tt_kind tt_tcp_server_thread = {
	.schema = {
		.name		= "TCPServerThread",
		.help		= "listens for devices, and starts a connection for each",
		.up		= "data",
		.flags		= TT_ANY,
		.options	= tcp_server_options,
		.config_size	= sizeof(struct tcp_server_config),
		.check_tree	= tcp_server_check_tree,
		.resident	= tcp_server_resident,
		.claims		= tcp_server_claims,
	},
	.size		= sizeof(struct tcp_server),
	.enter		= tcp_server_enter,
	.exit		= tcp_server_exit,
	.drain		= tcp_server_drain,
	.child_closed	= tcp_server_child_closed,
};
