/* websocket_master_thread.c - frames IN, to its websockets.
 *
 * The master keeps the log of what came: it appends each batch, with the positions
 * of its frames, and wakes the destinations, which read the log by their cursors.
 * A batch is done when the slowest of them has it confirmed; until then it stands in
 * the master's queue, whose limit closes the taps. */
#include <stddef.h>
#include <stdlib.h>

#include "daemon/taskthread.h"
#include "plugins/kinds.h"
#include "plugins/wslog.h"
#include "plugins/wsoptions.h"

/* A cursor belongs to the log: it stays when its destination has ended, and keeps
 * what that has not confirmed. */
struct websocket_master_cursor {
	struct tt_wscursor cursor;	/* first: this is what is handed out */
	struct websocket_master_cursor *next;
};

struct websocket_master {
	struct tt_thread thread;
	struct tt_wslog log;
	struct websocket_master_cursor *cursors;
	struct tt_task release;
};

static void
websocket_master_release(struct websocket_master *m)
{
	unsigned n = tt_wslog_release(&m->log);

	if (n > 0)
		tt_done(&m->thread, n);
}

static void
websocket_master_release_task(struct tt_task *task)
{
	websocket_master_release((struct websocket_master *)(void *)((char *)task -
	    offsetof(struct websocket_master, release)));
}

static void
websocket_master_confirmed(struct tt_wslog *log)
{
	struct websocket_master *m = (struct websocket_master *)(void *)((char *)log -
	    offsetof(struct websocket_master, log));

	tt_task_reschedule(&m->release);
}

static int
websocket_master_enter(struct tt_thread *self, struct tt_error *err)
{
	struct websocket_master *m = (struct websocket_master *)self;
	uint64_t first = tt_position_range(self, err);

	tt_wslog_init(&m->log, first);
	m->log.confirmed = websocket_master_confirmed;
	tt_task_init(&m->release, self, websocket_master_release_task);
	return first > 0 ? 0 : -1;
}

static void
websocket_master_exit(struct tt_thread *self)
{
	struct websocket_master *m = (struct websocket_master *)self;
	struct websocket_master_cursor *c;

	tt_task_cancel(&m->release);
	tt_wslog_finish(&m->log);
	while ((c = m->cursors) != NULL) {
		m->cursors = c->next;
		free(c);
	}
}

static void
websocket_master_child_entering(struct tt_thread *self, struct tt_thread *child)
{
	struct websocket_master *m = (struct websocket_master *)self;
	struct websocket_master_cursor *c = tt_xcalloc(1, sizeof *c);

	tt_wscursor_attach(&c->cursor, &m->log);
	c->next = m->cursors;
	m->cursors = c;
	child->handed = &c->cursor;
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
	while (m->log.head != m->log.tail && (q->bytes > limit->bytes ||
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
		c = child->handed;
		if (tt_wscursor_behind(c) == 0)
			tt_send_child(child, 0, NULL);
	}
	tt_wslog_append(&m->log, batch, sig->channel, batch->n, batch->bytes);
	if (m->log.cursors == NULL || batch->n == 0)
		websocket_master_release(m);
	websocket_master_make_room(m);
}

static bool
websocket_master_durable(const struct tt_node *node)
{
	const struct tt_wsconfig *c;

	for (unsigned i = 0; i < node->n_children; i++) {
		c = node->children[i]->config;
		if (c->ack == TT_WSACK_NONE)
			return false;
	}
	return node->n_children > 0;
}

/* The loop and OpenSSL, which all share, and the log's entries beside the queue. */
static int64_t
websocket_master_resident(const struct tt_node *node)
{
	int64_t sum = 512 << 10;
	const struct tt_wsconfig *c;
	bool tls = false;

	for (unsigned i = 0; i < node->n_children; i++) {
		c = node->children[i]->config;
		tls |= c->url.tls;
	}
	sum += node->queue.bytes / (int64_t)sizeof(struct tt_batch) *
	    2 * (int64_t)sizeof(struct tt_wsentry);
	return sum + (tls ? 8 << 20 : 0);
}

/* What it takes would be gone, and its senders told that it is safe. */
static void
websocket_master_check_tree(struct tt_check *check, void *config)
{
	(void)config;
	if (tt_check_node(check)->n_children == 0)
		tt_check_error(check, NULL, "put one below it, indented: "
		    "\"WebSocketSubThread: {url: wss://cloud.example.com/ingest}\"",
		    "has no WebSocketSubThread: what it takes would go nowhere");
}

const struct tt_kind tt_websocket_master_thread = {
	.schema = {
		.name		= "WebsocketMasterThread",
		.help		= "passes frames to its websockets",
		.in		= "data",
		.closed		= "WebSocketSubThread",
		.flags		= TT_KEEPS | TT_CONSUMES | TT_MAIN | TT_ANY,
		.check_tree	= websocket_master_check_tree,
		.durable	= websocket_master_durable,
		.resident	= websocket_master_resident,
	},
	.size			= sizeof(struct websocket_master),
	.enter			= websocket_master_enter,
	.exit			= websocket_master_exit,
	.signal_handler		= websocket_master_signal_handler,
	.child_entering		= websocket_master_child_entering,
};
