/* timer_thread.c - sends a text UP, again and again.
 *
 * The smallest kind, and the one to read first.  A timer is a tap, like the socket
 * of a device: when its time has come there is something to read, which is read
 * once the tap is open.  So what was missed while the tap was closed comes as one
 * frame, and never as a burst. */
#include <string.h>

#include "daemon/taskthread.h"
#include "plugins/kinds.h"

enum { UP_DATA };

/* What the file says: stored once for each node, shared by its threads. */
struct timer_thread_config {
	int64_t every;			/* ns */
	struct tt_bytes text;
};

struct timer_thread {
	struct tt_thread thread;	/* the machine's part, always first */
	struct tt_tap tap;
	struct tt_timer timer;
	uint64_t seq;			/* number of the last frame */
};

static const struct tt_option timer_thread_options[] = {
	{ .name = "every", .type = TT_OPT_DURATION, .standard = "1s",
	  .min = 1000000, .max = INT64_C(604800000000000),	/* 1ms..7d */
	  .offset = offsetof(struct timer_thread_config, every),
	  .help = "time from one frame to the next" },
	{ .name = "text", .type = TT_OPT_BYTES, .required = true, .max = 65536,
	  .offset = offsetof(struct timer_thread_config, text),
	  .help = "what each frame says" },
	TT_OPTIONS_END
};

/* The time has come: the tap has something to read. */
static void
timer_thread_due(struct tt_timer *timer)
{
	struct timer_thread *t = (struct timer_thread *)timer->thread;

	tt_tap_ready(&t->tap);
}

/* The tap is open as well: one frame, the text, goes UP. */
static void
timer_thread_read(struct tt_tap *tap)
{
	struct timer_thread *t = (struct timer_thread *)tap->thread;
	const struct timer_thread_config *c = t->thread.config;
	uint32_t size = (uint32_t)c->text.size;
	struct tt_chunk *chunk;
	struct tt_batch *batch;

	chunk = tt_chunk_create(tap->origin, size);
	memcpy(chunk->bytes, c->text.data, size);
	chunk->used = size;
	batch = tt_batch_create(tap->origin, chunk, 1);
	tt_batch_add(batch, 0, size);
	batch->first_seq = ++t->seq;
	batch->received_at = tt_wall_now(&t->thread);
	tt_send_up(&t->thread, UP_DATA, batch);
	tt_batch_unref(batch);		/* who got it has a reference too */
	tt_chunk_unref(chunk);
	tt_timer_again(&t->timer, c->every);
}

static int
timer_thread_enter(struct tt_thread *self, struct tt_error *err)
{
	struct timer_thread *t = (struct timer_thread *)self;
	const struct timer_thread_config *c = self->config;
	struct tt_origin *origin = tt_open_origin(self, self->node, "timer", "");

	if (origin == NULL)
		return tt_error_set(err, "there is no number for its frames");
	tt_tap_init(&t->tap, self, -1, origin, INT64_MAX, timer_thread_read);
	tt_tap_start(&t->tap);
	tt_timer_init(&t->timer, self, timer_thread_due);
	tt_timer_start(&t->timer, c->every);
	return 0;
}

/* The daemon stops: nothing new comes in, which its last batch says. */
static void
timer_thread_drain(struct tt_thread *self)
{
	struct timer_thread *t = (struct timer_thread *)self;

	if (t->tap.origin->closed_at != 0)
		return;
	tt_timer_stop(&t->timer);
	tt_tap_stop(&t->tap);
	tt_send_last(self, t->tap.origin, TT_REASON_STOP, t->seq + 1);
	tt_count_close(self, TT_REASON_STOP);
}

/* It ends: with the daemon, or with the connection that it stands below. */
static bool
timer_thread_closing(struct tt_thread *self)
{
	timer_thread_drain(self);
	return true;
}

static void
timer_thread_exit(struct tt_thread *self)
{
	struct timer_thread *t = (struct timer_thread *)self;

	tt_timer_stop(&t->timer);
	tt_tap_stop(&t->tap);
	tt_origin_unref(t->tap.origin);
}

/* For those who must have room for the largest frame. */
static int64_t
timer_thread_frame_max(const struct tt_node *node)
{
	const struct timer_thread_config *c = node->config;

	return (int64_t)c->text.size;
}

const struct tt_kind tt_timer_thread = {
	.schema = {
		.name		= "TimerThread",
		.help		= "sends a text, again and again",
		.up		= "data",
		.leaf		= true,
		.flags		= TT_TAP,
		.options	= timer_thread_options,
		.config_size	= sizeof(struct timer_thread_config),
		.frame_max	= timer_thread_frame_max,
	},
	.size		= sizeof(struct timer_thread),
	.enter		= timer_thread_enter,
	.exit		= timer_thread_exit,
	.drain		= timer_thread_drain,
	.closing	= timer_thread_closing,
};
