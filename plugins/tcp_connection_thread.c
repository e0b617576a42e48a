/* tcp_connection_thread.c - one device: reads its packets, writes it its counts.
 *
 * The end of a connection, once its processors have gone:
 *
 *      last batch UP --ack: none, or reset--------------------------> exit
 *                    --all safe--> last count --FIN--> read and throw away --> exit
 *                      (or all that ever will be)
 *
 * so that no RST destroys the count on its way to the device. */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/taskthread.h"
#include "plugins/kinds.h"
#include "plugins/patience.h"
#include "plugins/tcp.h"
#include "plugins/tcpack.h"

#define TCP_CONNECTION_THROWN 1000000000	/* ns that what comes is thrown away */

enum tcp_ack { ACK_NONE, ACK_COUNT64, ACK_LINE };

struct tcp_connection_config {
	int64_t idle_timeout;		/* ns, or 0 */
	bool keepalive;
	int64_t window;			/* bytes */
	int ack;			/* enum tcp_ack */
	int64_t ack_interval, ack_timeout;	/* ns */
};

/* Waits for the last answers, then for the device's end. */
struct tcp_farewell {
	struct tt_timer timer;
	struct tt_watch watch;
	bool said;			/* the last count, and FIN */
};

/* What only some need. */
struct tcp_more {
	struct tt_tcpack ack;
	uint64_t in_vain;		/* the first frame that never will be safe, or 0 */
	struct tcp_farewell *farewell;	/* when it closes */
	struct tt_patience idle;
};

/* There may be ten thousand, and most of them silent. */
struct tcp_connection {
	struct tt_thread thread;
	struct tt_tap tap;
	struct tcp_more *more;		/* with ack or idle_timeout, else NULL */
	uint64_t frames, bytes;		/* sent UP */
};

static const char *const tcp_connection_acks[] = {
	"none", "count64", "line", NULL
};

static const struct tt_option tcp_connection_options[] = {
	{ .name = "idle_timeout", .type = TT_OPT_DURATION, .off = true,
	  .standard = "off", .min = 1000000,
	  .offset = offsetof(struct tcp_connection_config, idle_timeout),
	  .help = "a device that sends nothing for so long is closed" },
	{ .name = "keepalive", .type = TT_OPT_BOOL, .standard = "true",
	  .offset = offsetof(struct tcp_connection_config, keepalive),
	  .help = "find dead devices: probes after 60s, 3 of them 10s apart" },
	{ .name = "window", .type = TT_OPT_SIZE, .min = 1,
	  .offset = offsetof(struct tcp_connection_config, window),
	  .help = "memory that its data may hold; the processors' max together, and "
	      "256KiB" },
	{ .name = "ack", .type = TT_OPT_ENUM, .standard = "none",
	  .choices = tcp_connection_acks,
	  .offset = offsetof(struct tcp_connection_config, ack),
	  .help = "write the device how many of its frames are safe: 8 bytes, "
	      "big-endian, or \"ACK <count>\\n\"" },
	{ .name = "ack_interval", .type = TT_OPT_DURATION, .standard = "100ms",
	  .max = INT64_C(3600000000000),
	  .offset = offsetof(struct tcp_connection_config, ack_interval),
	  .help = "longest time from news to its count" },
	{ .name = "ack_timeout", .type = TT_OPT_DURATION, .standard = "30s",
	  .min = 1000000,
	  .offset = offsetof(struct tcp_connection_config, ack_timeout),
	  .help = "longest wait for the last count, after the device's end" },
	TT_OPTIONS_END
};

/* --- reading ------------------------------------------------------------- */

static void
tcp_connection_end(struct tcp_connection *c, enum tt_reason reason)
{
	tt_tap_stop(&c->tap);
	tt_close(&c->thread, reason);
}

/* Where a count met the reset, the read that follows finds an end. */
static enum tt_reason
tcp_connection_end_reason(const struct tcp_connection *c, ssize_t n)
{
	return n < 0 || (c->more != NULL && c->more->ack.reset) ? TT_REASON_RESET :
	    TT_REASON_PEER;
}

/* Reads once.  Returns false when there is nothing more, now or ever. */
static bool
tcp_connection_read(struct tcp_connection *c)
{
	const struct tcp_connection_config *config = c->thread.config;
	struct tt_chunk *chunk;
	struct tt_batch *packets;
	ssize_t n = tt_tap_read(&c->tap, &chunk);

	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0) {
		tcp_connection_end(c, tcp_connection_end_reason(c, n));
		return false;
	}
	packets = tt_batch_create(c->tap.origin, chunk, 1);
	tt_batch_add(packets, 0, (uint32_t)n);
	packets->received_at = tt_wall_now(&c->thread);
	tt_chunk_unref(chunk);
	tt_send_in(&c->thread, packets);
	tt_batch_unref(packets);
	if (config->idle_timeout > 0)
		tt_patience_start(&c->more->idle, c->tap.origin,
		    config->idle_timeout);
	return true;
}

static void
tcp_connection_readable(struct tt_tap *tap)
{
	struct tcp_connection *c = (struct tcp_connection *)tap->thread;

	if (c->thread.state == TT_RUNNING)
		tcp_connection_read(c);
	else
		tt_tap_stop(tap);
}

static void
tcp_connection_idle(struct tt_patience *patience)
{
	tcp_connection_end((struct tcp_connection *)patience->timer.thread,
	    TT_REASON_IDLE_TIMEOUT);
}

/* --- its processors ------------------------------------------------------ */

static void
tcp_connection_child_entering(struct tt_thread *self, struct tt_thread *child)
{
	child->handed = self->handed;
}

static void
tcp_connection_child_signal_handler(struct tt_thread *self, struct tt_thread *child,
    const struct tt_signal *sig)
{
	struct tcp_connection *c = (struct tcp_connection *)self;

	/* A timer beneath it has a number of its own. */
	if (self->node->channels[sig->channel].up >= 0 &&
	    sig->batch->origin == c->tap.origin) {
		c->frames += sig->batch->n;
		c->bytes += sig->batch->bytes;
	}
	tt_pass(self, child, sig);
}

/* A processor that ends by itself ends the connection.  If the device closed
 * behind a broken frame, the frame is the reason. */
static void
tcp_connection_child_closed(struct tt_thread *self, struct tt_thread *child,
    enum tt_reason reason)
{
	struct tcp_connection *c = (struct tcp_connection *)self;

	(void)child;
	if (self->state == TT_RUNNING)
		tcp_connection_end(c, reason != TT_REASON_FAILED ? reason :
		    TT_REASON_MEMORY);
	else if (reason == TT_REASON_OVERSIZE || reason == TT_REASON_FRAMING)
		self->reason = (uint8_t)reason;
}

/* --- the end ------------------------------------------------------------- */

/* What arrives after the end is read and thrown away. */
static void
tcp_connection_throw(struct tt_watch *watch, short what)
{
	uint8_t thrown[16384];
	ssize_t n = 0;
	int i;

	(void)what;
	for (i = 0; i < 16; i++) {
		n = recv(event_get_fd(&watch->event), thrown, sizeof thrown,
		    MSG_DONTWAIT);
		if (n <= 0)
			break;
	}
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		tt_watch_stop(watch);
		tt_exit(watch->thread);
	}
}

/* The last count has been said, or never will be. */
static void
tcp_connection_finish(struct tcp_connection *c)
{
	struct tcp_farewell *f = c->more->farewell;

	if (c->more->ack.broken || shutdown(c->tap.fd, SHUT_WR) != 0) {
		tt_exit(&c->thread);
		return;
	}
	f->said = true;
	tt_timer_start(&f->timer, TCP_CONNECTION_THROWN);
	tt_watch_init(&f->watch, &c->thread, c->tap.fd, EV_READ, tcp_connection_throw);
	tt_watch_start(&f->watch);
}

/* All that will ever be safe is. */
static bool
tcp_connection_is_settled(const struct tcp_connection *c)
{
	const struct tcp_more *m = c->more;

	return m->ack.safe >= c->frames ||
	    (m->in_vain > 0 && m->ack.safe + 1 >= m->in_vain);
}

static void
tcp_connection_progress(struct tt_thread *self)
{
	struct tcp_connection *c = (struct tcp_connection *)self;
	struct tcp_more *m = c->more;

	if (m->farewell == NULL || m->farewell->said)
		return;
	if (m->ack.broken ||
	    (tcp_connection_is_settled(c) && tt_tcpack_flush(&m->ack)))
		tcp_connection_finish(c);
}

static void
tcp_connection_farewell_over(struct tt_timer *timer)
{
	struct tcp_connection *c = (struct tcp_connection *)timer->thread;

	if (!c->more->farewell->said && tt_tcpack_flush(&c->more->ack))
		tcp_connection_finish(c);
	else
		tt_exit(timer->thread);
}

static void
tcp_connection_completed(struct tt_thread *self, uint64_t seq)
{
	struct tcp_connection *c = (struct tcp_connection *)self;

	tt_tcpack_news(&c->more->ack, seq);
	tcp_connection_progress(self);
}

static void
tcp_connection_in_vain(struct tt_thread *self, uint64_t seq)
{
	struct tcp_connection *c = (struct tcp_connection *)self;
	const struct tcp_connection_config *config = self->config;

	if (config->ack == ACK_NONE)
		return;
	c->more->in_vain = seq;
	tcp_connection_progress(self);
}

static bool
tcp_connection_closing(struct tt_thread *self)
{
	struct tcp_connection *c = (struct tcp_connection *)self;
	const struct tcp_connection_config *config = self->config;
	struct tcp_farewell *farewell;

	tt_tap_stop(&c->tap);
	if (c->more != NULL)
		tt_patience_stop(&c->more->idle);
	if (self->reason == TT_REASON_NONE)
		self->reason = TT_REASON_STOP;
	/* Its end reaches its sinks in order: behind all its frames. */
	tt_send_last(self, c->tap.origin, (enum tt_reason)self->reason,
	    c->frames + 1);
	if (config->ack == ACK_NONE || self->reason == TT_REASON_RESET)
		return true;
	farewell = tt_xcalloc(1, sizeof *farewell);
	tt_timer_init(&farewell->timer, self, tcp_connection_farewell_over);
	tt_timer_start(&farewell->timer, config->ack_timeout);
	c->more->farewell = farewell;
	tcp_connection_progress(self);
	return false;
}

/* The daemon stops: what the device has sent by now is read, if there is room. */
static void
tcp_connection_drain(struct tt_thread *self)
{
	struct tcp_connection *c = (struct tcp_connection *)self;

	while (self->state == TT_RUNNING && tt_tap_is_open(&c->tap) &&
	    tcp_connection_read(c))
		;
	tcp_connection_end(c, TT_REASON_STOP);
}

static void
tcp_connection_hurry(struct tt_thread *self)
{
	tt_exit(self);
}

/* --- life ---------------------------------------------------------------- */

static void
tcp_connection_keepalive(int fd)
{
	int on = 1, idle = 60, interval = 10, count = 3;

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

void
tt_tcp_connection_accept(struct tt_thread *self, const struct tt_tcp_accepted *accepted)
{
	struct tcp_connection *c = (struct tcp_connection *)self;
	const struct tcp_connection_config *config = self->config;
	int fd = accepted->fd, on = 1;

	tt_tap_init(&c->tap, self, fd, accepted->origin, config->window,
	    tcp_connection_readable);
	if (accepted->inet && config->keepalive)
		tcp_connection_keepalive(fd);
	if (accepted->inet && config->ack != ACK_NONE)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	self->handed = accepted->floods;
}

static int
tcp_connection_enter(struct tt_thread *self, struct tt_error *err)
{
	struct tcp_connection *c = (struct tcp_connection *)self;
	const struct tcp_connection_config *config = self->config;
	int fd = c->tap.fd;

	if (config->ack != ACK_NONE)
		tt_origin_tell(c->tap.origin, self);
	if (config->ack != ACK_NONE || config->idle_timeout > 0) {
		c->more = tt_slab_alloc(sizeof *c->more);
		tt_tcpack_init(&c->more->ack, self, fd, config->ack == ACK_LINE,
		    config->ack_interval, tcp_connection_progress);
		tt_patience_init(&c->more->idle, self, tcp_connection_idle);
	}
	if (tt_tap_start(&c->tap) != 0)
		return tt_error_set(err, "cannot watch it: %s", strerror(errno));
	if (config->idle_timeout > 0)
		tt_patience_start(&c->more->idle, c->tap.origin,
		    config->idle_timeout);
	return 0;
}

static void
tcp_connection_log(struct tcp_connection *c)
{
	struct tt_tcp_floods *floods = c->thread.handed;
	char path[512];

	if (tt_flood_allows(&floods->closed))
		tt_log(TT_LOG_INFO, tt_info(&c->thread, path, sizeof path),
		    "%s closed: %s, %" PRIu64 " frame%s, %" PRIu64 " byte%s",
		    c->tap.origin->peer, tt_reason_name(c->thread.reason),
		    c->frames, c->frames == 1 ? "" : "s",
		    c->bytes, c->bytes == 1 ? "" : "s");
}

static void
tcp_connection_free_more(struct tcp_more *m)
{
	if (m == NULL)
		return;
	tt_tcpack_finish(&m->ack);
	tt_patience_stop(&m->idle);
	if (m->farewell != NULL) {
		tt_timer_stop(&m->farewell->timer);
		tt_watch_stop(&m->farewell->watch);
	}
	free(m->farewell);
	tt_slab_free(m, sizeof *m);
}

static void
tcp_connection_exit(struct tt_thread *self)
{
	struct tcp_connection *c = (struct tcp_connection *)self;

	if (self->entered) {
		tcp_connection_log(c);
		tt_count_close(self, (enum tt_reason)self->reason);
	}
	tcp_connection_free_more(c->more);
	tt_tap_stop(&c->tap);
	close(c->tap.fd);
	tt_origin_forget(c->tap.origin);
	tt_origin_unref(c->tap.origin);
}

/* --- the schema ---------------------------------------------------------- */

static void
tcp_connection_check(struct tt_check *check, void *config)
{
	static const char *const names[] = { "ack_interval", "ack_timeout" };
	const struct tcp_connection_config *c = config;
	size_t i;

	if (c->ack != ACK_NONE)
		return;
	for (i = 0; i < sizeof names / sizeof names[0]; i++)
		if (tt_check_given(check, names[i]))
			tt_check_error(check, names[i],
			    "say ack: count64, or ack: line", "\"%s\" does not go "
			    "with ack: none", names[i]);
}

/* What is sent on NODE's channel, by its child FROM or by itself (NULL), must not
 * be dropped by a durable user. */
static void
tcp_connection_check_users(struct tt_check *check, const struct tt_node *node,
    unsigned channel, const struct tt_node *from)
{
	const struct tt_channel *c = &node->channels[channel];
	unsigned i;

	for (i = 0; i < c->n_users; i++) {
		const struct tt_node *user = c->users[i].node;

		if (user == from)
			continue;
		if (user->durable && user->queue.when_full != TT_BLOCK)
			tt_check_error(check, "ack", "queue: {when_full: block} there, "
			    "or ack: none here", "%s may drop frames (queue.when_full), "
			    "and the device is to be told that all are safe",
			    user->path);
		if (user->durable && user->schema->drops != NULL &&
		    user->schema->drops(user))
			tt_check_error(check, "ack", "spool without age and with "
			    "when_full: block there, or ack: none here", "%s may drop "
			    "frames (spool.age, spool.when_full), and the device is to "
			    "be told that all are safe", user->path);
		if (!user->schema->leaf && !(user->schema->flags & TT_CONSUMES))
			tcp_connection_check_users(check, user,
			    user->in_channel[c->users[i].in], NULL);
	}
	if (c->up >= 0 && node->parent != NULL)
		tcp_connection_check_users(check, node->parent,
		    node->up_channel[c->up], node);
}

static void
tcp_connection_check_ack(struct tt_check *check, const struct tt_node *node)
{
	if (node->n_up > 1)
		tt_check_error(check, "ack", "let it send one channel UP",
		    "a count is of one channel, and it sends %u UP", node->n_up);
	else if (node->n_up == 0 || node->up_owed[0] == 0)
		tt_check_error(check, "ack", "put a DatabaseThread on the way, or say "
		    "ack: none", "there is no durable user on the way of its frames, "
		    "who could say that they are safe");
	else
		tcp_connection_check_users(check, node->parent, node->up_channel[0],
		    node);
}

/* The most that an unfinished frame of up to MAX bytes holds, with its header or
 * end: chunks come in powers of two up to a read's size. */
static int64_t
tcp_connection_unfinished(int64_t max)
{
	int64_t size = 256;

	max += 8192;
	while (size < max && size < TT_READ_SIZE)
		size *= 2;
	return size > max ? size : max;
}

/* An unfinished frame of each processor must leave room in the window, or no such
 * frame could ever end. */
static void
tcp_connection_check_window(struct tt_check *check, struct tcp_connection_config *c)
{
	const struct tt_node *node = tt_check_node(check), *child;
	int64_t frames = 0, least = 0, max;
	unsigned i;

	for (i = 0; i < node->n_children; i++) {
		child = node->children[i];
		if (child->schema->frame_max == NULL ||
		    (child->schema->flags & TT_TAP) != 0)
			continue;	/* nothing of it is its device's */
		max = child->schema->frame_max(child);
		frames += max;
		least += tcp_connection_unfinished(max);
	}
	if (c->window == 0)
		c->window = frames + TT_READ_SIZE > least ?
		    frames + TT_READ_SIZE : least;
	else if (c->window < least)
		tt_check_error(check, "window", "a larger window, or a smaller max of "
		    "the framing below", "a window of %" PRId64 " bytes cannot hold "
		    "unfinished frames of the largest size, and needs %" PRId64,
		    c->window, least);
}

static void
tcp_connection_check_tree(struct tt_check *check, void *config)
{
	struct tcp_connection_config *c = config;

	tcp_connection_check_window(check, c);
	if (c->ack != ACK_NONE)
		tcp_connection_check_ack(check, tt_check_node(check));
}

const struct tt_kind tt_tcp_connection_thread = {
	.schema = {
		.name		= "TCPConnectionThread",
		.help		= "one device: reads its packets, tells it what is safe",
		.under		= { "TCPServerThread" },
		.up		= "data",
		.makes		= "packets",
		.flags		= TT_PATTERN | TT_ON_DEMAND | TT_ANY | TT_TAP | TT_ONCE,
		.options	= tcp_connection_options,
		.config_size	= sizeof(struct tcp_connection_config),
		.check		= tcp_connection_check,
		.check_tree	= tcp_connection_check_tree,
	},
	.size			= sizeof(struct tcp_connection),
	.enter			= tcp_connection_enter,
	.exit			= tcp_connection_exit,
	.child_signal_handler	= tcp_connection_child_signal_handler,
	.child_entering		= tcp_connection_child_entering,
	.child_closed		= tcp_connection_child_closed,
	.drain			= tcp_connection_drain,
	.closing		= tcp_connection_closing,
	.hurry			= tcp_connection_hurry,
	.completed		= tcp_connection_completed,
	.in_vain		= tcp_connection_in_vain,
};
