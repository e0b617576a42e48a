/* wssender.c - from a log, by a cursor, into blocks of messages. */
#include "plugins/wssender.h"

void
tt_wssender_init(struct tt_wssender *s)
{
	tt_wsblock_init(&s->block);
}

void
tt_wssender_finish(struct tt_wssender *s)
{
	tt_wsformat_finish(&s->format);
	tt_wsblock_finish(&s->block);
}

/* The next N frames of SPAN, with BYTES, are in the block. */
static void
wssender_took(struct tt_wssender *s, const struct tt_wsspan *span, uint32_t n,
    uint64_t bytes)
{
	uint64_t fresh_bytes;
	uint64_t fresh = tt_wscursor_take(s->cursor, span, n, bytes, &fresh_bytes);

	s->load += bytes + n;
	s->resent += n - fresh;
	s->in_frames += fresh;
	s->in_bytes += fresh_bytes;
	s->next = span->position + n;
}

/* Frames of a channel that is not wanted. */
static void
wssender_pass(struct tt_wssender *s, const struct tt_wsspan *span)
{
	tt_wscursor_pass(s->cursor, span->n);
}

/* A frame that cannot be sent counts as safe, and the rest flows. */
static void
wssender_refuse(struct tt_wssender *s, const struct tt_wsitem *item,
    enum tt_wsformat_verdict verdict)
{
	if (tt_wscursor_pass(s->cursor, 1) > 0)
		s->refused(s->arg, item, verdict);
}

/* Adds one frame, the first of SPAN.  Returns false when the block is full. */
static bool
wssender_add(struct tt_wssender *s, const struct tt_wsspan *span)
{
	const struct tt_wsitem item = { .batch = span->batch, .i = span->at,
		.position = span->position, .channel = s->channels[span->channel] };
	enum tt_wsformat_verdict verdict = tt_wsformat_encode(&s->format, &s->block, &item);

	if (verdict == TT_WS_FULL)
		return false;
	if (verdict != TT_WS_FITS) {
		wssender_refuse(s, &item, verdict);
		return true;
	}
	wssender_took(s, span, 1, span->batch->slices[span->at].length);
	return true;
}

void
tt_wssender_fill(struct tt_wssender *s, uint64_t limit)
{
	bool plain = s->format.type == TT_WS_RAW && s->format.batch == TT_WS_NONE;
	uint64_t before = s->load, bytes;
	struct tt_wsspan span;
	uint32_t n;

	s->block.used = 0;
	while (s->load - before < limit && tt_wscursor_peek(s->cursor, &span)) {
		/* A message holds consecutive positions only. */
		if (span.position != s->next)
			tt_wsformat_close(&s->format, &s->block);
		if (!s->takes[span.channel]) {
			tt_wsformat_close(&s->format, &s->block);
			wssender_pass(s, &span);
			continue;
		}
		if (plain && (n = tt_wsformat_run(&s->format, &s->block, &span,
		    limit - (s->load - before), &bytes)) > 0)
			wssender_took(s, &span, n, bytes);
		else if (!wssender_add(s, &span))
			break;
	}
	tt_wsformat_close(&s->format, &s->block);
}

void
tt_wssender_written(struct tt_wssender *s)
{
	tt_wsblock_reset(&s->block);
}
