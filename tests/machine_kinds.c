/* machine_kinds.c - the kinds of the world of machine.h.
 *
 * They share one struct and one table of options: what each does with them stands
 * in its handlers. */
#include "tests/machine_kinds.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/memory.h"
#include "plugins/kinds.h"
#include "tests/machine.h"

static const char *const kinds_enter[] = {
	"ok", "later", "fail", "close", "close_fail", "send_fail", NULL
};
static const char *const kinds_closing[] = { "now", "later", "twice", NULL };
static const char *const kinds_done[] = { "at_once", "by_test", "never", NULL };

static const struct tt_option kinds_options[] = {
	{ .name = "enter", .type = TT_OPT_ENUM, .choices = kinds_enter,
	  .standard = "ok", .offset = offsetof(struct machine_config, enter) },
	{ .name = "closing", .type = TT_OPT_ENUM, .choices = kinds_closing,
	  .standard = "now", .offset = offsetof(struct machine_config, closing) },
	{ .name = "done", .type = TT_OPT_ENUM, .choices = kinds_done,
	  .standard = "at_once", .offset = offsetof(struct machine_config, done) },
	{ .name = "durable", .type = TT_OPT_BOOL, .standard = "true",
	  .offset = offsetof(struct machine_config, durable) },
	{ .name = "orphans", .type = TT_OPT_BOOL, .standard = "false",
	  .offset = offsetof(struct machine_config, orphans) },
	{ .name = "split", .type = TT_OPT_SIZE,
	  .offset = offsetof(struct machine_config, split) },
	{ .name = "window", .type = TT_OPT_SIZE, .standard = "16MiB",
	  .offset = offsetof(struct machine_config, window) },
	{ .name = "max", .type = TT_OPT_SIZE, .standard = "64KiB",
	  .offset = offsetof(struct machine_config, max) },
	TT_OPTIONS_END
};

static struct machine_thread *
kinds_thread(struct tt_thread *self)
{
	return (struct machine_thread *)self;
}

/* --- taps ---------------------------------------------------------------- */

/* One read is one batch: of one frame, or of frames of `split` bytes. */
static void
kinds_source_read(struct machine_thread *t, struct tt_chunk *chunk)
{
	const struct machine_config *c = t->thread.config;
	uint32_t split = c->split > 0 ? (uint32_t)c->split : chunk->used, at;
	struct tt_batch *b;
	unsigned up = chunk->bytes[0] >= '0' && chunk->bytes[0] < '0' +
	    (int)t->thread.node->n_up ? chunk->bytes[0] - '0' : 0;

	b = tt_batch_create(t->origin, chunk, (chunk->used + split - 1) / split);
	for (at = 0; at < chunk->used; at += split)
		tt_batch_add(b, at, chunk->used - at < split ?
		    chunk->used - at : split);
	b->first_seq = t->seq;
	b->received_at = tt_wall_now(&t->thread);
	t->seq += b->n;
	tt_send_up(&t->thread, up, b);
	tt_batch_unref(b);
}

static void
kinds_connection_read(struct machine_thread *t, struct tt_chunk *chunk)
{
	struct tt_batch *b = tt_batch_create(t->origin, chunk, 1);

	tt_batch_add(b, 0, chunk->used);
	b->first_seq = t->seq++;
	tt_send_in(&t->thread, b);
	tt_batch_unref(b);
}

static ssize_t
kinds_read(struct machine_thread *t)
{
	struct tt_chunk *chunk;
	ssize_t n = tt_tap_read(&t->tap, &chunk);

	if (n > 0) {
		if (t->thread.node->made >= 0)
			kinds_connection_read(t, chunk);
		else
			kinds_source_read(t, chunk);
		tt_chunk_unref(chunk);
	} else if (n == 0) {
		tt_tap_stop(&t->tap);
		tt_close(&t->thread, TT_REASON_PEER);
	}
	return n;
}

static void
kinds_readable(struct tt_tap *tap)
{
	kinds_read(kinds_thread(tap->thread));
}

static int
kinds_tap_enter(struct machine_thread *t, struct tt_error *err)
{
	const struct machine_config *c = t->thread.config;
	int fds[2];

	t->seq = 1;
	t->origin = tt_open_origin(&t->thread, t->thread.node, "peer", "local");
	tt_origin_tell(t->origin, &t->thread);
	if (t->fd < 0 && t->thread.node->on_demand)
		return 0;		/* without a socket */
	if (t->fd < 0) {
		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
			return tt_error_set(err, "socketpair: %s", strerror(errno));
		t->fd = fds[0];
		t->peer = fds[1];
	}
	tt_tap_init(&t->tap, &t->thread, t->fd, t->origin, c->window, kinds_readable);
	t->tap.packets = true;
	return tt_tap_start(&t->tap);
}

/* --- life ---------------------------------------------------------------- */

static void
kinds_nothing(struct tt_timer *timer)
{
	(void)timer;
}

static void
kinds_send_one(struct machine_thread *t)
{
	struct tt_origin *o = tt_origin_create(tt_memory(&t->thread), t->thread.node,
	    1, "", "");
	struct tt_chunk *c = tt_chunk_create(o, 1);
	struct tt_batch *b = tt_batch_create(o, c, 1);

	tt_batch_add(b, 0, 1);
	b->first_seq = 1;
	tt_send_up(&t->thread, 0, b);
	tt_batch_unref(b);
	tt_chunk_unref(c);
	tt_origin_unref(o);
}

static int
kinds_enters(struct tt_thread *self, struct tt_error *err)
{
	struct machine_thread *t = kinds_thread(self);
	const struct machine_config *c = self->config;

	if (t->fd == 0)
		t->fd = t->peer = -1;	/* nobody prepared it */
	tt_timer_init(&t->timer, self, kinds_nothing);
	machine_record(self, "enter", 0, NULL);
	if (machine_fails_to_enter(self))
		return tt_error_set(err, "told to");
	if ((self->node->schema->flags & TT_TAP) != 0 && kinds_tap_enter(t, err) != 0)
		return -1;
	if (machine.on_enter != NULL)
		machine.on_enter(self);
	switch ((enum machine_enter)c->enter) {
	case MACHINE_ENTER_LATER:
		return TT_LATER;
	case MACHINE_ENTER_CLOSE:
		tt_close(self, TT_REASON_RESET);
		return 0;
	case MACHINE_ENTER_CLOSE_FAIL:
		tt_close(self, TT_REASON_RESET);
		return tt_error_set(err, "told to");
	case MACHINE_ENTER_SEND_FAIL:
		kinds_send_one(t);
		return tt_error_set(err, "told to");
	case MACHINE_ENTER_FAIL:
		return tt_error_set(err, "told to");
	case MACHINE_ENTER_OK:
		break;
	}
	return 0;
}

static void
kinds_exit(struct tt_thread *self)
{
	struct machine_thread *t = kinds_thread(self);

	machine_record(self, "exit", 0, NULL);
	if (machine.on_exit != NULL)
		machine.on_exit(self);
	ck_assert_ptr_null(self->children);
	if (t->within != NULL && t->within->tap != NULL)
		tt_tap_set_unfinished(t->within->tap, false);
	tt_chunk_unref(t->carry);
	tt_tap_stop(&t->tap);
	if (t->origin != NULL)
		tt_origin_forget(t->origin);
	tt_origin_unref(t->origin);
	if (t->fd > 0)
		close(t->fd);
	if (t->peer > 0)
		close(t->peer);
	tt_timer_stop(&t->timer);
	tt_task_cancel(&t->task);
	free(t->held);
}

/* What waits in the socket comes in, as far as it may. */
static void
kinds_drain(struct tt_thread *self)
{
	struct machine_thread *t = kinds_thread(self);

	machine_record(self, "drain", 0, NULL);
	if ((self->node->schema->flags & TT_TAP) == 0 || !t->tap.started)
		return;
	while (t->tap.started && tt_tap_is_open(&t->tap) && kinds_read(t) > 0)
		;
	tt_tap_stop(&t->tap);
}

static bool
kinds_close(struct tt_thread *self)
{
	const struct machine_config *c = self->config;

	machine_record(self, "closing", self->reason, NULL);
	switch ((enum machine_closing)c->closing) {
	case MACHINE_CLOSING_LATER:
		return (self->node->schema->flags & TT_KEEPS) != 0 &&
		    kinds_thread(self)->n_held == 0;
	case MACHINE_CLOSING_TWICE:
		tt_exit(self);
		return true;
	case MACHINE_CLOSING_NOW:
		break;
	}
	return true;
}

static void
kinds_hurry(struct tt_thread *self)
{
	machine_record(self, "hurry", 0, NULL);
	ck_assert_int_eq(self->state, TT_CLOSING);
	tt_exit(self);
}

static void
kinds_child_closed(struct tt_thread *self, struct tt_thread *child,
    enum tt_reason reason)
{
	const struct machine_config *c = self->config;

	machine_record(child, "closed", reason, NULL);
	if (machine.on_child_closed != NULL)
		machine.on_child_closed(self, child);
	if (self->node->made >= 0 && !c->orphans)
		tt_close(self, reason);
}

static void
kinds_completed(struct tt_thread *self, uint64_t seq)
{
	machine_record(self, "completed", seq, NULL);
	kinds_thread(self)->completed = seq;
	if (machine.on_completed != NULL)
		machine.on_completed(self, seq);
}

static void
kinds_in_vain(struct tt_thread *self, uint64_t seq)
{
	machine_record(self, "in vain", seq, NULL);
	if (self->state == TT_CLOSING && self->closing_asked)
		tt_exit(self);
}

static void
kinds_over_limit(struct tt_thread *self, bool over)
{
	machine_record(self, "over", over, NULL);
}

/* --- data ---------------------------------------------------------------- */

static void
kinds_take(struct tt_thread *self, const struct tt_signal *sig)
{
	machine_record(self, sig->batch != NULL ? "data" : "wake",
	    sig->batch != NULL ? sig->batch->first_seq : 0, sig->batch);
	if (self->worker == machine.tree->main && machine.on_data != NULL)
		machine.on_data(self, sig);
}

static void
kinds_filter(struct tt_thread *self, const struct tt_signal *sig)
{
	struct tt_batch *b;
	uint32_t i;

	kinds_take(self, sig);
	b = tt_batch_create(sig->batch->origin, sig->batch->chunk, sig->batch->n);
	for (i = 0; i < sig->batch->n; i++)
		tt_batch_add(b, sig->batch->slices[i].at,
		    sig->batch->slices[i].length);
	b->first_seq = sig->batch->first_seq;
	tt_send_up(self, 0, b);
	tt_batch_unref(b);
}

static void
kinds_sink_done(struct machine_thread *t, unsigned n)
{
	ck_assert_uint_le(n, t->n_held);
	t->n_held -= n;
	if (t->n_held > 0)
		memmove(t->held, t->held + n, t->n_held * sizeof(t->held[0]));
	tt_done(&t->thread, n);
	if (t->n_held == 0 && t->thread.state == TT_CLOSING &&
	    t->thread.closing_asked)
		tt_exit(&t->thread);
}

void
machine_done(struct machine_thread *sink, unsigned n)
{
	kinds_sink_done(sink, n);
}

/* As a library blocks. */
static void
kinds_block(void)
{
	pthread_mutex_lock(&machine.mutex);
	while (machine.permits == 0)
		pthread_cond_wait(&machine.permitted, &machine.mutex);
	machine.permits--;
	pthread_mutex_unlock(&machine.mutex);
}

static void
kinds_keep(struct tt_thread *self, const struct tt_signal *sig)
{
	struct machine_thread *t = kinds_thread(self);
	const struct machine_config *c = self->config;

	struct tt_error err = { "told to" };

	kinds_take(self, sig);
	if (sig->batch == NULL)
		return;
	if (machine_fails_now(self)) {
		tt_fail(self, &err);
		return;
	}
	if (t->n_held == t->size_held) {
		t->size_held = 2 * t->size_held + 8;
		t->held = tt_xrealloc(t->held, t->size_held * sizeof(t->held[0]));
	}
	t->held[t->n_held++] = sig->batch;
	if (c->done == MACHINE_DONE_BY_TEST && self->worker != machine.tree->main)
		kinds_block();
	else if (c->done != MACHINE_DONE_AT_ONCE)
		return;
	kinds_sink_done(t, t->n_held);
}

/* --- lines --------------------------------------------------------------- */

static void
kinds_frame(struct machine_thread *t, struct tt_chunk *chunk, uint32_t at,
    uint32_t length)
{
	struct tt_batch *b = tt_batch_create(chunk->origin, chunk, 1);

	tt_batch_add(b, at, length);
	b->first_seq = ++t->seq;
	tt_send_up(&t->thread, 0, b);
	tt_batch_unref(b);
}

static void
kinds_carry(struct machine_thread *t, struct tt_origin *o, const uint8_t *p, size_t n)
{
	uint32_t used = t->carry != NULL ? t->carry->used : 0;

	t->carry = t->carry != NULL ? tt_chunk_grow(t->carry, used + (uint32_t)n) :
	    tt_chunk_create(o, (uint32_t)n);
	memcpy(t->carry->bytes + used, p, n);
	t->carry->used += (uint32_t)n;
}

static void
kinds_within(struct machine_thread *t, struct tt_origin *o)
{
	if (t->within != NULL && t->within->tap != NULL)
		tt_tap_set_unfinished(t->within->tap, false);
	if (o != NULL && o->tap != NULL)
		tt_tap_set_unfinished(o->tap, true);
	t->within = o;
}

static void
kinds_lines(struct tt_thread *self, const struct tt_signal *sig)
{
	struct machine_thread *t = kinds_thread(self);
	const struct machine_config *c = self->config;
	struct tt_chunk *chunk = sig->batch->chunk;
	const uint8_t *p = chunk->bytes, *end = p + chunk->used, *lf;
	bool was = t->carry != NULL, ended = false;

	for (; (lf = memchr(p, '\n', (size_t)(end - p))) != NULL; p = lf + 1) {
		ended = true;
		if (t->carry == NULL) {
			kinds_frame(t, chunk, (uint32_t)(p - chunk->bytes),
			    (uint32_t)(lf - p));
			continue;
		}
		if (lf > p)
			kinds_carry(t, chunk->origin, p, (size_t)(lf - p));
		kinds_frame(t, t->carry, 0, t->carry->used);
		tt_chunk_unref(t->carry);
		t->carry = NULL;
	}
	if (p < end)
		kinds_carry(t, chunk->origin, p, (size_t)(end - p));
	if (t->carry == NULL)
		kinds_within(t, NULL);
	else if (!was || ended)
		kinds_within(t, chunk->origin);
	if (t->carry != NULL && t->carry->used > c->max)
		tt_close(self, TT_REASON_OVERSIZE);
}

/* --- the tables ---------------------------------------------------------- */

static int64_t
kinds_frame_max(const struct tt_node *node)
{
	return ((const struct machine_config *)node->config)->max;
}

static bool
kinds_durable(const struct tt_node *node)
{
	return ((const struct machine_config *)node->config)->durable;
}

/* What they all have. */
#define KINDS_SCHEMA \
	.help = "for tests", .options = kinds_options, \
	.config_size = sizeof(struct machine_config)
#define KINDS_LIFE \
	.size = sizeof(struct machine_thread), \
	.enter = kinds_enters, .exit = kinds_exit, .drain = kinds_drain, \
	.closing = kinds_close, .hurry = kinds_hurry, \
	.child_closed = kinds_child_closed, .completed = kinds_completed, \
	.in_vain = kinds_in_vain, .over_limit = kinds_over_limit

static const struct tt_kind kinds_master = {
	.schema = { .name = "MasterThread", KINDS_SCHEMA,
		.flags = TT_ROOT | TT_ANY },
	KINDS_LIFE
};

static const struct tt_kind kinds_group = {
	.schema = { .name = "GroupThread", KINDS_SCHEMA, .flags = TT_ANY },
	KINDS_LIFE
};

static const struct tt_kind kinds_source = {
	.schema = { .name = "SourceThread", KINDS_SCHEMA, .up = "data", .leaf = true,
		.flags = TT_ANY | TT_TAP },
	KINDS_LIFE
};

static const struct tt_kind kinds_filter_thread = {
	.schema = { .name = "FilterThread", KINDS_SCHEMA, .in = "raw", .up = "data",
		.leaf = true, .flags = TT_CONSUMES },
	KINDS_LIFE, .signal_handler = kinds_filter
};

static const struct tt_kind kinds_taker = {
	.schema = { .name = "TakerThread", KINDS_SCHEMA, .in = "data", .leaf = true,
		.flags = TT_ANY | TT_CONSUMES },
	KINDS_LIFE, .signal_handler = kinds_take
};

static const struct tt_kind kinds_sink = {
	.schema = { .name = "SinkThread", KINDS_SCHEMA, .in = "data", .leaf = true,
		.flags = TT_ANY | TT_CONSUMES | TT_KEEPS, .durable = kinds_durable },
	KINDS_LIFE, .signal_handler = kinds_keep
};

static const struct tt_kind kinds_slow = {
	.schema = { .name = "SlowThread", KINDS_SCHEMA, .in = "data", .leaf = true,
		.flags = TT_ANY | TT_CONSUMES | TT_KEEPS | TT_BLOCKING,
		.durable = kinds_durable },
	KINDS_LIFE, .signal_handler = kinds_keep
};

static const struct tt_kind kinds_viewer = {
	.schema = { .name = "ViewerThread", KINDS_SCHEMA, .in = "data", .leaf = true,
		.flags = TT_ANY | TT_CONSUMES | TT_ON_DEMAND },
	KINDS_LIFE, .signal_handler = kinds_take
};

static const struct tt_kind kinds_server = {
	.schema = { .name = "ServerThread", KINDS_SCHEMA, .up = "data",
		.flags = TT_ANY },
	KINDS_LIFE
};

static const struct tt_kind kinds_connection = {
	.schema = { .name = "ConnectionThread", KINDS_SCHEMA,
		.under = { "ServerThread" }, .up = "data", .makes = "packets",
		.flags = TT_PATTERN | TT_ON_DEMAND | TT_ANY | TT_TAP | TT_ONCE },
	KINDS_LIFE
};

static const struct tt_kind kinds_frames = {
	.schema = { .name = "FrameThread", KINDS_SCHEMA,
		.under = { "ConnectionThread" }, .in = "packets", .up = "data",
		.leaf = true, .flags = TT_CONSUMES, .frame_max = kinds_frame_max },
	KINDS_LIFE, .signal_handler = kinds_lines
};

const struct tt_kind *const machine_kinds[] = {
	&kinds_master, &kinds_group, &kinds_source, &kinds_filter_thread,
	&kinds_taker, &kinds_sink, &kinds_slow, &kinds_viewer, &kinds_server,
	&kinds_connection, &kinds_frames, &tt_timer_thread, NULL
};

const struct tt_schema *const machine_schemas[] = {
	&kinds_master.schema, &kinds_group.schema, &kinds_source.schema,
	&kinds_filter_thread.schema, &kinds_taker.schema, &kinds_sink.schema,
	&kinds_slow.schema, &kinds_viewer.schema, &kinds_server.schema,
	&kinds_connection.schema, &kinds_frames.schema, &tt_timer_thread.schema, NULL
};
