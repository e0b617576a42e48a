/* websocket_master_thread.c - frames IN, to its websockets.
 *
 * Destinations have a log, viewers a feed (wsaudience.c).  The master keeps the log of
 * what came: it appends each batch, with the positions of its frames, and wakes the
 * destinations, which read the log by their cursors.
 * A batch is done when the slowest of them has it confirmed, or when the spool has it
 * on disk; until then it stands in the master's queue, whose limit closes the taps. */
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/taskthread.h"
#include "plugins/kinds.h"
#include "plugins/listener.h"
#include "plugins/spool.h"
#include "plugins/wsaudience.h"
#include "plugins/wslisten.h"
#include "plugins/wslog.h"
#include "plugins/wsoptions.h"

/* What is held in memory beside the queue is at most this part of daemon.memory. */
#define WEBSOCKET_MASTER_HELD 8

struct websocket_master_config {
	struct tt_wslisten viewers;	/* first: others look for it there */
	struct tt_spool_config spool;
};

/* A cursor belongs to the log: it stays when its destination has ended, and keeps
 * what that has not confirmed. */
struct websocket_master_cursor {
	struct tt_wscursor cursor;	/* first: this is what is handed out */
	struct websocket_master_cursor *next;
	struct tt_thread *child;	/* whose it is now */
};

struct websocket_master {
	struct tt_thread thread;
	struct tt_wslog log;
	struct websocket_master_cursor *cursors;
	unsigned n_cursors;
	struct tt_task release;
	struct tt_spool *spool;		/* or NULL */
	struct tt_wsaudience *audience;	/* or NULL */
};

static const struct tt_option websocket_master_options[] = {
	{ .name = "spool", .type = TT_OPT_GROUP, .group = tt_spool_options,
	  .standard = "{}", .off = true,
	  .offset = offsetof(struct websocket_master_config, spool),
	  .help = "keeps on disk what the destinations have not confirmed" },
	TT_WSLISTEN_OPTIONS(websocket_master_config, viewers),
	TT_OPTIONS_END
};

static unsigned
websocket_master_destinations(const struct tt_node *node)
{
	unsigned n = 0;

	for (unsigned i = 0; i < node->n_children; i++)
		n += !node->children[i]->pattern;
	return n;
}

/* Without a destination there is nothing to be kept. */
static bool
websocket_master_spools(const struct tt_node *node)
{
	const struct websocket_master_config *c = node->config;

	return c->spool.given && websocket_master_destinations(node) > 0;
}

static void
websocket_master_release(struct websocket_master *m)
{
	int64_t most = m->thread.node->queue.bytes;
	unsigned n = tt_wslog_release(&m->log);

	if (most > tt_memory(&m->thread)->limit / WEBSOCKET_MASTER_HELD)
		most = tt_memory(&m->thread)->limit / WEBSOCKET_MASTER_HELD;
	tt_wslog_evict(&m->log, most);
	if (n > 0)
		tt_done(&m->thread, n);
}

static void
websocket_master_release_task(struct tt_task *task)
{
	struct websocket_master *m = (struct websocket_master *)(void *)((char *)task -
	    offsetof(struct websocket_master, release));

	websocket_master_release(m);
	if (m->spool != NULL)
		tt_spool_look(m->spool, false);
}

static void
websocket_master_confirmed(struct tt_wslog *log)
{
	struct websocket_master *m = (struct websocket_master *)(void *)((char *)log -
	    offsetof(struct websocket_master, log));

	tt_task_reschedule(&m->release);
}

/* --- the spool ----------------------------------------------------------- */

static void
websocket_master_opened(struct tt_thread *self, const struct tt_error *err)
{
	struct websocket_master *m = (struct websocket_master *)self;
	uint64_t next = err == NULL ? tt_spool_next(m->spool) : 0;

	/* A spool of another state_dir may be ahead of the numbers of this one. */
	if (m->log.next < next)
		m->log.next = next;
	m->log.base = m->log.next;
	m->log.old_end = next;
	m->log.old_frames = err == NULL ? tt_spool_frames(m->spool) : 0;
	tt_wslog_stored(&m->log, next > 0 ? next : 1);
	tt_entered(self, err);
}

static void
websocket_master_stored(struct tt_thread *self)
{
	websocket_master_release((struct websocket_master *)self);
}

/* What was on disk and not confirmed is dropped: it left the queue long ago. */
static void
websocket_master_gone(struct tt_thread *self, bool removed, uint64_t frames)
{
	tt_count_gone(self, removed ? TT_REASON_REMOVED : TT_REASON_DROP_OLDEST, frames);
}

static struct tt_thread *
websocket_master_child(const struct tt_wscursor *c)
{
	return ((const struct websocket_master_cursor *)(const void *)c)->child;
}

static void
websocket_master_read(struct tt_thread *self, struct tt_wscursor *c)
{
	struct tt_thread *child = websocket_master_child(c);

	(void)self;
	if (child != NULL)
		tt_send_child(child, 0, NULL);
}

static const struct tt_spool_events websocket_master_spool = {
	.opened = websocket_master_opened,
	.stored = websocket_master_stored,
	.read = websocket_master_read,
	.gone = websocket_master_gone,
	.failed = tt_fail,
	.closed = tt_exit,
};

static void
websocket_master_starved(struct tt_wslog *log, struct tt_wscursor *c)
{
	struct websocket_master *m = (struct websocket_master *)(void *)((char *)log -
	    offsetof(struct websocket_master, log));

	tt_spool_read(m->spool, c);
}

static void
websocket_master_refused(struct tt_wslog *log, const struct tt_batch *batch, uint32_t i,
    const char *reason)
{
	struct websocket_master *m = (struct websocket_master *)(void *)((char *)log -
	    offsetof(struct websocket_master, log));

	if (m->spool != NULL)
		tt_spool_refuse(m->spool, batch, i, reason);
}

/* --- life ---------------------------------------------------------------- */

static int
websocket_master_listen(struct websocket_master *m, struct tt_error *err)
{
	const struct websocket_master_config *c = m->thread.config;
	struct tt_wscensus census = { .clients = 0 };
	const struct tt_node *root = m->thread.node;

	if (c->viewers.listen.n == 0)
		return 0;
	while (root->parent != NULL)
		root = root->parent;
	tt_wsoptions_census(root, &census);
	m->audience = tt_wsaudience_open(&m->thread, &c->viewers, &census, err);
	return m->audience != NULL ? 0 : -1;
}

static int
websocket_master_enter(struct tt_thread *self, struct tt_error *err)
{
	struct websocket_master *m = (struct websocket_master *)self;
	const struct websocket_master_config *c = self->config;
	uint64_t first = tt_position_range(self, err);
	char name[PATH_MAX], path[PATH_MAX];

	tt_wslog_init(&m->log, first);
	m->log.confirmed = websocket_master_confirmed;
	m->log.starved = websocket_master_starved;
	m->log.refused = websocket_master_refused;
	tt_task_init(&m->release, self, websocket_master_release_task);
	if (first == 0 || websocket_master_listen(m, err) != 0)
		return -1;
	if (!websocket_master_spools(self->node))
		return 0;
	tt_spool_name(self->node, &c->spool, name, sizeof name);
	if (tt_state_path(self, name, path, sizeof path) == NULL)
		return tt_error_set(err, "%.64s...: longer than a path may be", name);
	m->spool = tt_spool_open(self, &m->log, &c->spool, path,
	    &websocket_master_spool);
	return TT_LATER;
}

static void
websocket_master_exit(struct tt_thread *self)
{
	struct websocket_master *m = (struct websocket_master *)self;
	struct websocket_master_cursor *c;

	tt_task_cancel(&m->release);
	tt_wsaudience_destroy(m->audience);
	/* What was read from the spool is charged to it. */
	tt_wslog_finish(&m->log);
	tt_spool_destroy(m->spool);
	while ((c = m->cursors) != NULL) {
		m->cursors = c->next;
		free(c);
	}
}

static void
websocket_master_child_entering(struct tt_thread *self, struct tt_thread *child)
{
	struct websocket_master *m = (struct websocket_master *)self;
	struct websocket_master_cursor *c = m->cursors;

	if (child->node->pattern)
		return;
	/* One that is started again goes on where it was. */
	while (c != NULL && strcmp(c->cursor.node, child->node->path) != 0)
		c = c->next;
	if (c == NULL) {
		c = tt_xcalloc(1, sizeof *c);
		if (m->spool != NULL)
			tt_spool_attach(m->spool, &c->cursor, child->node->path);
		else
			tt_wscursor_attach(&c->cursor, &m->log);
		c->cursor.node = child->node->path;
		c->next = m->cursors;
		m->cursors = c;
		if (++m->n_cursors == websocket_master_destinations(self->node) &&
		    m->spool != NULL)
			tt_spool_complete(m->spool);
	} else {
		tt_wscursor_rewind(&c->cursor);
	}
	c->cursor.away = true;
	c->child = child;
	child->handed = &c->cursor;
}

static void
websocket_master_child_closed(struct tt_thread *self, struct tt_thread *child,
    enum tt_reason reason)
{
	struct websocket_master *m = (struct websocket_master *)self;
	struct websocket_master_cursor *c;

	(void)reason;
	if (child->node->pattern)
		tt_wsaudience_left(m->audience);
	for (c = m->cursors; c != NULL; c = c->next)
		if (c->child == child) {
			c->child = NULL;
			c->cursor.away = true;
		}
}

/* The policy drop_oldest: what waits has all been taken, so it is dropped from the
 * log, sent or not. */
static void
websocket_master_make_room(struct websocket_master *m)
{
	const struct tt_queue_limit *limit = &m->thread.node->queue;
	const struct tt_queue *q = &m->thread.in;
	uint32_t n;

	if (limit->when_full != TT_DROP_OLDEST)
		return;
	while (m->log.done != m->log.tail && (q->bytes > limit->bytes ||
	    (limit->frames > 0 && q->frames > (uint64_t)limit->frames))) {
		n = tt_wslog_drop(&m->log);
		tt_count_refused(&m->thread, TT_REASON_DROP_OLDEST, n);
		tt_done(&m->thread, 1);
	}
}

static void
websocket_master_signal_handler(struct tt_thread *self, const struct tt_signal *sig)
{
	struct websocket_master *m = (struct websocket_master *)self;
	const struct tt_batch *batch = sig->batch;
	const struct tt_wscursor *c;
	struct tt_thread *child;

	if (batch == NULL)
		return;
	/* Who is not at the end of the log has been woken for what is there. */
	for (child = self->children; child != NULL && batch->n > 0; child = child->next) {
		if (child->node->pattern)
			break;			/* those are the last */
		c = child->handed;
		if (tt_wscursor_behind(c) == 0)
			tt_send_child(child, 0, NULL);
	}
	m->log.now = tt_now(self);
	if (m->audience != NULL)
		tt_wsaudience_add(m->audience, batch, sig->channel, m->log.next);
	tt_wslog_append(&m->log, batch, sig->channel, batch->n, batch->bytes);
	if (m->log.cursors == NULL || batch->n == 0)
		websocket_master_release(m);
	websocket_master_make_room(m);
	if (m->spool != NULL)
		tt_spool_look(m->spool, false);
}

static void
websocket_master_drain(struct tt_thread *self)
{
	struct websocket_master *m = (struct websocket_master *)self;

	tt_wsaudience_shut(m->audience);
	if (m->spool != NULL)
		tt_spool_look(m->spool, true);
}

static bool
websocket_master_closing(struct tt_thread *self)
{
	struct websocket_master *m = (struct websocket_master *)self;

	if (m->spool == NULL)
		return true;
	tt_spool_close(m->spool);
	return false;
}

static bool
websocket_master_durable(const struct tt_node *node)
{
	const struct websocket_master_config *mine = node->config;
	const struct tt_wsconfig *c;

	for (unsigned i = 0; i < node->n_children && !mine->spool.given; i++) {
		c = node->children[i]->config;
		if (!node->children[i]->pattern && c->ack == TT_WSACK_NONE)
			return false;
	}
	return websocket_master_destinations(node) > 0;
}

static bool
websocket_master_drops(const struct tt_node *node)
{
	const struct websocket_master_config *c = node->config;

	return websocket_master_spools(node) && (c->spool.age > 0 || c->spool.when_full != TT_BLOCK);
}

/* The loop and OpenSSL, which all share, and the log's entries beside the queue. */
static int64_t
websocket_master_resident(const struct tt_node *node)
{
	const struct websocket_master_config *mine = node->config;
	int64_t sum = 512 << 10;
	const struct tt_wsconfig *c;
	bool tls = mine->viewers.tls.given;

	for (unsigned i = 0; i < node->n_children; i++) {
		c = node->children[i]->config;
		tls |= c->url.tls;
	}
	sum += node->queue.bytes / (int64_t)sizeof(struct tt_batch) *
	    2 * (int64_t)sizeof(struct tt_wsentry);
	/* What is held counts in daemon.memory; what is read again does not. */
	if (websocket_master_spools(node))
		sum += TT_SPOOL_RESIDENT + node->frame_max +
		    websocket_master_destinations(node) *
		    (TT_SPOOL_READER + node->frame_max);
	return sum + (tls ? 8 << 20 : 0);
}

/* What it takes would be gone, and its senders told that it is safe. */
static void
websocket_master_check_tree(struct tt_check *check, void *config)
{
	const struct websocket_master_config *c = config;

	tt_wslisten_check_tree(check, &c->viewers);
	if (c->spool.given && tt_check_given(check, "spool") &&
	    tt_check_node(check)->n_children > 0 &&
	    websocket_master_destinations(tt_check_node(check)) == 0)
		tt_check_error(check, "spool", "remove it, or put a WebSocketSubThread "
		    "with a url below it",
		    "a spool keeps what destinations have not confirmed, and there is "
		    "none");
	if (tt_check_node(check)->n_children == 0 && !tt_check_given(check, "listen"))
		tt_check_error(check, NULL, "put one below it, indented: "
		    "\"WebSocketSubThread: {url: wss://cloud.example.com/ingest}\"",
		    "has no WebSocketSubThread: what it takes would go nowhere");
}

static bool
websocket_master_claims(const struct tt_node *node, size_t i, char *buf, size_t size)
{
	const struct websocket_master_config *c = node->config;

	if (websocket_master_spools(node) && i-- == 0) {
		tt_spool_name(node, &c->spool, buf, size);
		return true;
	}
	return tt_listeners_claims(&c->viewers.listen, i, buf, size);
}

static void
websocket_master_check(struct tt_check *check, void *config)
{
	const struct websocket_master_config *c = config;

	tt_wslisten_check(check, &c->viewers);
}

const struct tt_kind tt_websocket_master_thread = {
	.schema = {
		.name		= "WebsocketMasterThread",
		.help		= "passes frames to its websockets",
		.in		= "data",
		.closed		= "WebSocketSubThread",
		.flags		= TT_KEEPS | TT_CONSUMES | TT_MAIN | TT_ANY,
		.options	= websocket_master_options,
		.config_size	= sizeof(struct websocket_master_config),
		.claims		= websocket_master_claims,
		.check		= websocket_master_check,
		.check_tree	= websocket_master_check_tree,
		.durable	= websocket_master_durable,
		.drops		= websocket_master_drops,
		.resident	= websocket_master_resident,
	},
	.size			= sizeof(struct websocket_master),
	.enter			= websocket_master_enter,
	.exit			= websocket_master_exit,
	.signal_handler		= websocket_master_signal_handler,
	.child_entering		= websocket_master_child_entering,
	.child_closed		= websocket_master_child_closed,
	.drain			= websocket_master_drain,
	.closing		= websocket_master_closing,
	.hurry			= tt_exit,
};
