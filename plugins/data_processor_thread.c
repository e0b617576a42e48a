/* data_processor_thread.c - reconstructs frames from packets.
 *
 * Packets cut the stream anywhere, so the head of a frame may wait in the
 * framer for its end.  Frames are slices of the packets they came in. */
#include <inttypes.h>
#include <stdlib.h>

#include "daemon/taskthread.h"
#include "plugins/framing.h"
#include "plugins/kinds.h"
#include "plugins/patience.h"
#include "plugins/tcp.h"

enum { UP_DATA };

/* What the file says: stored once for each node, shared by its threads. */
struct data_processor_config {
	struct tt_framing framing;	/* how frames are told apart */
	int64_t frame_timeout;		/* ns from a frame's first byte, or 0 */
};

/* The stream under way. */
struct data_stream {
	struct tt_framer framer;
	struct tt_patience patience;	/* with the frame that stays unfinished */
	struct tt_origin *within;	/* the tap of which was told so, or NULL */
	uint64_t seq;			/* that frame's number */
};

struct data_processor {
	struct tt_thread thread;
	struct data_stream *stream;	/* NULL until the first packets: ten thousand */
					/* silent connections shall cost nothing */
};

static const struct tt_option data_processor_options[] = {
	{ .name = "framing", .type = TT_OPT_GROUP, .required = true,
	  .group = tt_framing_options, .shorthand = "type",
	  .check = tt_framing_check,
	  .offset = offsetof(struct data_processor_config, framing),
	  .help = "how frames are told apart in the packets" },
	{ .name = "frame_timeout", .type = TT_OPT_DURATION, .off = true,
	  .standard = "30s", .min = 1000000,
	  .offset = offsetof(struct data_processor_config, frame_timeout),
	  .help = "time for a frame from its first byte on" },
	TT_OPTIONS_END
};

static void
data_processor_log(struct data_processor *p, enum tt_reason reason,
    const struct tt_origin *origin)
{
	struct tt_tcp_floods *floods = p->thread.handed;
	char path[512], head[128];

	if (!tt_flood_allows(&floods->broken))
		return;
	tt_log(TT_LOG_WARNING, tt_info(&p->thread, path, sizeof path),
	    "%s: %s in frame %" PRIu64 ", which begins with %s", origin->peer,
	    tt_reason_name(reason), p->stream->framer.next_seq,
	    tt_framer_describe(&p->stream->framer, head, sizeof head));
}

/* Says whether ORIGIN's stream stands within a frame (NULL: no longer). */
static void
data_processor_within(struct data_processor *p, struct tt_origin *origin)
{
	struct data_stream *s = p->stream;

	if (s->within != NULL && s->within->tap != NULL)
		tt_tap_set_unfinished(s->within->tap, false);
	if (origin != NULL && origin->tap != NULL)
		tt_tap_set_unfinished(origin->tap, true);
	s->within = origin;
}

static void
data_processor_over(struct tt_patience *patience)
{
	struct data_processor *p = (struct data_processor *)patience->timer.thread;

	data_processor_log(p, TT_REASON_FRAME_TIMEOUT, patience->origin);
	tt_close(&p->thread, TT_REASON_FRAME_TIMEOUT);
}

static int
data_processor_begin(struct data_processor *p)
{
	const struct data_processor_config *c = p->thread.config;
	struct tt_error err;

	p->stream = tt_slab_alloc(sizeof *p->stream);
	tt_patience_init(&p->stream->patience, &p->thread, data_processor_over);
	if (tt_framer_init(&p->stream->framer, &c->framing, &err) == 0)
		return 0;
	tt_fail(&p->thread, &err);
	return -1;
}

static void
data_processor_exit(struct tt_thread *self)
{
	struct data_processor *p = (struct data_processor *)self;

	if (p->stream == NULL)
		return;
	tt_patience_stop(&p->stream->patience);
	data_processor_within(p, NULL);
	tt_count_unfinished(self, tt_framer_unfinished(&p->stream->framer));
	tt_framer_finish(&p->stream->framer);
	tt_slab_free(p->stream, sizeof *p->stream);
	p->stream = NULL;
}

/* A frame that has begun keeps its place among the unfinished, and its time, until
 * it ends. */
static void
data_processor_watch_frame(struct data_processor *p, struct tt_origin *origin)
{
	const struct data_processor_config *c = p->thread.config;
	struct data_stream *s = p->stream;

	if (!tt_framer_is_within(&s->framer)) {
		if (s->within != NULL) {
			tt_patience_stop(&s->patience);
			data_processor_within(p, NULL);
		}
	} else if (s->within == NULL || s->seq != s->framer.next_seq) {
		s->seq = s->framer.next_seq;
		data_processor_within(p, origin);
		if (c->frame_timeout > 0)
			tt_patience_start(&s->patience, origin, c->frame_timeout);
	}
}

/* IN packets, UP data: the frames that these packets complete.  A new batch keeps
 * chunk, origin and time of its packets; the framer counts the frames. */
static void
data_processor_signal_handler(struct tt_thread *self, const struct tt_signal *sig)
{
	struct data_processor *p = (struct data_processor *)self;
	struct tt_framer *f;
	struct tt_batch *frames;

	if (sig->batch == NULL || (p->stream == NULL && data_processor_begin(p) != 0))
		return;
	f = &p->stream->framer;
	tt_framer_feed(f, sig->batch);
	while ((frames = tt_framer_take(f)) != NULL) {
		tt_send_up(self, UP_DATA, frames);
		tt_batch_unref(frames);
	}
	data_processor_watch_frame(p, sig->batch->origin);
	if (f->broken && self->state == TT_RUNNING) {
		data_processor_log(p, f->reason, sig->batch->origin);
		tt_close(self, f->reason);	/* travels behind the data sent */
	}
}

/* Raw frames are as they come: as large as any that a processor beside it makes. */
static int64_t
data_processor_frame_max(const struct tt_node *node)
{
	const struct data_processor_config *c = node->config;
	int64_t max = c->framing.max;
	unsigned i;

	if (c->framing.type != TT_FRAMING_RAW)
		return max;
	for (i = 0; i < node->parent->n_children; i++) {
		if (node->parent->children[i]->schema != node->schema)
			continue;
		c = node->parent->children[i]->config;
		if (c->framing.max > max)
			max = c->framing.max;
	}
	return max;
}

const struct tt_kind tt_data_processor_thread = {
	.schema = {
		.name		= "DataProcessorThread",
		.help		= "reconstructs frames from packets",
		.under		= { "TCPConnectionThread" },
		.in		= "packets",	/* the usual names: */
		.up		= "data",	/* the file may say others */
		.leaf		= true,
		.flags		= TT_CONSUMES,
		.options	= data_processor_options,
		.config_size	= sizeof(struct data_processor_config),
		.frame_max	= data_processor_frame_max,
	},
	.size		= sizeof(struct data_processor),
	.exit		= data_processor_exit,
	.signal_handler	= data_processor_signal_handler,
};
