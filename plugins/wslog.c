/* wslog.c - one log by position, with a pair of cursors for each destination. */
#include "plugins/wslog.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/batch.h"
#include "daemon/memory.h"

/* Read for a cursor ahead of what it sends: below this more is asked for. */
#define WSLOG_AHEAD (2 << 20)
/* Frames of one flight: what is confirmed is counted in such steps, at most. */
#define WSLOG_FLIGHT 1024
/* More flights than these are put together across batches, so that a destination that
 * has much to confirm costs little. */
#define WSLOG_FLIGHTS 4096

static uint64_t
wslog_end(const struct tt_wsentry *e)
{
	return e->first + e->n;
}

void
tt_wslog_init(struct tt_wslog *log, uint64_t first)
{
	memset(log, 0, sizeof *log);
	log->next = first;
}

/* The oldest entry leaves the memory. */
static void
wslog_forget(struct tt_wslog *log)
{
	struct tt_wsentry *e = tt_wslog_entry(log, log->head++);

	if (!e->held)
		return;
	log->held -= tt_batch_cost(e->batch);
	tt_batch_unref((struct tt_batch *)e->batch);
}

void
tt_wslog_finish(struct tt_wslog *log)
{
	while (log->cursors != NULL)
		tt_wscursor_detach(log->cursors);
	while (log->head != log->done)
		wslog_forget(log);
	free(log->ring);
	log->ring = NULL;
	log->size = 0;
	log->head = log->done = log->tail;
}

static void
wslog_grow(struct tt_wslog *log)
{
	uint64_t size = log->size > 0 ? log->size * 2 : 64;
	struct tt_wsentry *ring = tt_xmalloc(size * sizeof *ring);

	for (uint64_t i = log->head; i != log->tail; i++)
		ring[i & (size - 1)] = *tt_wslog_entry(log, i);
	free(log->ring);
	log->ring = ring;
	log->size = size;
}

void
tt_wslog_append(struct tt_wslog *log, const struct tt_batch *batch,
    uint32_t channel, uint32_t n, uint64_t bytes)
{
	if (log->tail - log->head == log->size)
		wslog_grow(log);
	*tt_wslog_entry(log, log->tail++) = (struct tt_wsentry){ .batch = batch,
		.first = log->next, .bytes = bytes, .since = log->now, .n = n,
		.channel = channel };
	log->next += n;
}

uint64_t
tt_wslog_least(const struct tt_wslog *log)
{
	uint64_t least = log->next;

	for (const struct tt_wscursor *c = log->cursors; c != NULL; c = c->next)
		if (c->confirmed < least)
			least = c->confirmed;
	return least;
}

unsigned
tt_wslog_release(struct tt_wslog *log)
{
	uint64_t least = tt_wslog_least(log), before = log->done;
	struct tt_wsentry *e;

	for (; log->done != log->tail; log->done++) {
		e = tt_wslog_entry(log, log->done);
		if (e->n > 0 && wslog_end(e) > least && wslog_end(e) > log->stored)
			break;
		if (e->n == 0 || wslog_end(e) <= least)
			continue;
		/* On disk, and wanted: it may well be sent before it is evicted. */
		e->held = true;
		tt_batch_ref((struct tt_batch *)e->batch);
		tt_chunk_release(e->batch->chunk);
		log->held += tt_batch_cost(e->batch);
	}
	while (log->head != log->done) {
		e = tt_wslog_entry(log, log->head);
		if (e->batch != NULL && e->n > 0 && wslog_end(e) > least)
			break;
		wslog_forget(log);
	}
	return (unsigned)(log->done - before);
}

void
tt_wslog_stored(struct tt_wslog *log, uint64_t position)
{
	if (position > log->stored)
		log->stored = position;
}

void
tt_wslog_evict(struct tt_wslog *log, int64_t limit)
{
	while (log->held > limit && log->head != log->done)
		wslog_forget(log);
}

/* --- losing -------------------------------------------------------------- */

static struct tt_wsflight *
wslog_flight(const struct tt_wscursor *c, unsigned i)
{
	return &c->flights[(c->flight + i) & (c->room - 1)];
}

/* Takes what is under way of FIRST to END out of C's flights. */
static void
wslog_lose_flights(struct tt_wscursor *c, uint64_t first, uint64_t end)
{
	unsigned kept = 0;
	struct tt_wsflight f;

	for (unsigned i = 0; i < c->n_flights; i++) {
		f = *wslog_flight(c, i);
		if (f.first >= first && f.end <= end)
			c->lost_frames += f.frames;
		else
			*wslog_flight(c, kept++) = f;
	}
	c->n_flights = kept;
}

/* Where only gaps lie between what is confirmed and `sent`, they are confirmed. */
static void
wslog_close_gaps(struct tt_wscursor *c)
{
	if (!tt_wscursor_is_waiting(c))
		c->confirmed = c->sent_end = c->sent;
}

/* C gives up what it still needs of FIRST to END. */
static void
wslog_lose(struct tt_wscursor *c, uint64_t first, uint64_t end)
{
	if (c->confirmed >= end)
		return;
	wslog_lose_flights(c, first, end);
	if (c->sent >= first && c->sent < end)
		c->sent = end;
	if (c->seen >= first && c->seen < end)
		c->seen = end;
	if (c->legal < c->seen)
		c->legal = c->seen;
	if (c->confirmed >= first)
		c->confirmed = end;
	if (c->sent_end > first && c->sent_end <= end)
		c->sent_end = first;
	wslog_close_gaps(c);
	if (c->read_next >= first && c->read_next < end)
		c->read_next = end;
}

void
tt_wslog_lose(struct tt_wslog *log, uint64_t first, uint64_t end)
{
	for (struct tt_wscursor *c = log->cursors; c != NULL; c = c->next)
		wslog_lose(c, first, end);
}

/* Frames of E that are before POSITION. */
static uint32_t
wslog_before(const struct tt_wsentry *e, uint64_t position)
{
	return position <= e->first ? 0 : position - e->first >= e->n ? e->n :
	    (uint32_t)(position - e->first);
}

uint32_t
tt_wslog_drop(struct tt_wslog *log)
{
	struct tt_wsentry *e = tt_wslog_entry(log, log->done);
	uint32_t confirmed;

	assert(log->done != log->tail);
	confirmed = wslog_before(e, tt_wslog_least(log));
	tt_wslog_lose(log, e->first, wslog_end(e));
	e->batch = NULL;
	log->done++;
	if (log->head == log->done - 1)
		log->head++;
	return e->n - confirmed;
}

/* --- cursors ------------------------------------------------------------- */

void
tt_wscursor_attach_at(struct tt_wscursor *c, struct tt_wslog *log, uint64_t position)
{
	memset(c, 0, sizeof *c);
	c->log = log;
	c->entry = log->head;
	c->sent = c->sent_end = c->seen = c->confirmed = c->read_next = position;
	c->legal = log->next;
	c->segments_end = &c->segments;
	c->next = log->cursors;
	log->cursors = c;
}

void
tt_wscursor_attach(struct tt_wscursor *c, struct tt_wslog *log)
{
	tt_wscursor_attach_at(c, log, log->next);
	c->entry = log->tail;
}

static void
wslog_pop_segment(struct tt_wscursor *c)
{
	struct tt_wssegment *s = c->segments;

	c->segments = s->next;
	if (c->segments == NULL)
		c->segments_end = &c->segments;
	c->segment_bytes -= tt_batch_cost(s->batch);
	tt_batch_unref(s->batch);
	free(s);
}

void
tt_wscursor_detach(struct tt_wscursor *c)
{
	struct tt_wscursor **p;

	if (c->log == NULL)
		return;
	for (p = &c->log->cursors; *p != c; p = &(*p)->next)
		continue;
	*p = c->next;
	while (c->segments != NULL)
		wslog_pop_segment(c);
	free(c->flights);
	memset(c, 0, sizeof *c);
}

/* What lies between `sent` and POSITION is not there, or not wanted. */
static void
wslog_skip(struct tt_wscursor *c, uint64_t position)
{
	c->sent = position;
	wslog_close_gaps(c);
}

/* The first entry in memory that ends behind POSITION; tail if there is none. */
static uint64_t
wslog_find(const struct tt_wslog *log, uint64_t position)
{
	uint64_t low = log->head, high = log->tail, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (wslog_end(tt_wslog_entry(log, middle)) > position)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static bool
wslog_is_at(const struct tt_wscursor *c, uint64_t i)
{
	const struct tt_wslog *log = c->log;
	const struct tt_wsentry *e;

	if (i < log->head || i >= log->tail)
		return false;
	e = tt_wslog_entry(log, i);
	return e->first <= c->sent && c->sent < wslog_end(e);
}

static bool
wslog_peek_memory(struct tt_wscursor *c, struct tt_wsspan *span)
{
	struct tt_wslog *log = c->log;
	const struct tt_wsentry *e;

	while (c->sent < log->next) {
		if (!wslog_is_at(c, c->entry))
			c->entry = wslog_is_at(c, c->entry + 1) ? c->entry + 1 :
			    wslog_find(log, c->sent);
		if (c->entry == log->tail)
			break;
		e = tt_wslog_entry(log, c->entry);
		if (e->first > c->sent)
			wslog_skip(c, e->first);
		if (e->batch == NULL) {
			wslog_skip(c, wslog_end(e));
			continue;
		}
		*span = (struct tt_wsspan){ .batch = e->batch, .channel = e->channel,
			.at = (uint32_t)(c->sent - e->first),
			.n = (uint32_t)(wslog_end(e) - c->sent), .position = c->sent };
		return true;
	}
	return false;
}

/* Asks for more from the disk, if there is more and little is left. */
static void
wslog_read_ahead(struct tt_wscursor *c, uint64_t memory)
{
	if (c->reading || c->segment_bytes >= WSLOG_AHEAD || c->read_next >= memory)
		return;
	c->reading = true;
	c->log->starved(c->log, c);
}

bool
tt_wscursor_peek(struct tt_wscursor *c, struct tt_wsspan *span)
{
	struct tt_wslog *log = c->log;
	uint64_t memory = log->head == log->tail ? log->next :
	    tt_wslog_entry(log, log->head)->first;
	const struct tt_wssegment *s;

	while (c->sent < memory) {
		while (c->segments != NULL &&
		    c->segments->first + c->segments->batch->n <= c->sent)
			wslog_pop_segment(c);
		if (log->stored == 0) {		/* there is no disk */
			wslog_skip(c, memory);
			break;
		}
		if (c->read_next < c->sent)
			c->read_next = c->sent;
		wslog_read_ahead(c, memory);
		s = c->segments;
		if (s == NULL && c->read_next < memory)
			return false;
		if (s == NULL || s->first >= memory) {
			wslog_skip(c, memory);
			break;
		}
		if (c->sent < s->first)
			wslog_skip(c, s->first);
		*span = (struct tt_wsspan){ .batch = s->batch, .channel = s->channel,
			.at = (uint32_t)(c->sent - s->first),
			.n = (uint32_t)(s->first + s->batch->n - c->sent),
			.position = c->sent };
		return true;
	}
	return wslog_peek_memory(c, span);
}

/* --- sending and confirming ---------------------------------------------- */

/* Moves `sent` over N frames.  Returns how many are sent for the first time. */
static uint64_t
wslog_advance(struct tt_wscursor *c, uint32_t n)
{
	uint64_t fresh;

	c->sent += n;
	if (c->sent > c->legal)
		c->legal = c->sent;
	if (c->sent <= c->seen)
		return 0;
	fresh = c->sent - c->seen;
	c->seen = c->sent;
	return fresh < n ? fresh : n;
}

static void
wslog_depart(struct tt_wscursor *c, uint64_t first, uint64_t frames, uint64_t bytes,
    bool same_batch)
{
	struct tt_wsflight *last = c->n_flights == 0 ? NULL :
	    wslog_flight(c, c->n_flights - 1), *more;

	if (last != NULL && last->end == first && last->frames < WSLOG_FLIGHT &&
	    (same_batch || c->n_flights >= WSLOG_FLIGHTS)) {
		last->end += frames;
		last->frames += frames;
		last->bytes += bytes;
		return;
	}
	if (c->n_flights == c->room) {
		more = tt_xmalloc((c->room == 0 ? 16 : c->room * 2) * sizeof *more);
		for (unsigned i = 0; i < c->n_flights; i++)
			more[i] = *wslog_flight(c, i);
		free(c->flights);
		c->flights = more;
		c->flight = 0;
		c->room = c->room == 0 ? 16 : c->room * 2;
	}
	*wslog_flight(c, c->n_flights++) = (struct tt_wsflight){ .first = first,
		.end = first + frames, .frames = frames, .bytes = bytes };
}

uint64_t
tt_wscursor_take(struct tt_wscursor *c, const struct tt_wsspan *span, uint32_t n,
    uint64_t bytes, uint64_t *fresh_bytes)
{
	uint64_t fresh = wslog_advance(c, n);
	uint32_t i;

	c->sent_end = c->sent;
	*fresh_bytes = fresh == n ? bytes : 0;
	for (i = span->at + n - (uint32_t)fresh; fresh < n && i < span->at + n; i++)
		*fresh_bytes += span->batch->slices[i].length;
	if (fresh > 0)
		wslog_depart(c, c->sent - fresh, fresh, *fresh_bytes, span->at > 0);
	return fresh;
}

uint64_t
tt_wscursor_pass(struct tt_wscursor *c, uint32_t n)
{
	uint64_t fresh = wslog_advance(c, n);

	if (!tt_wscursor_is_waiting(c)) {
		wslog_close_gaps(c);
		if (c->log->confirmed != NULL)
			c->log->confirmed(c->log);
	}
	return fresh;
}

void
tt_wscursor_confirm(struct tt_wscursor *c, uint64_t position)
{
	const struct tt_wsflight *f;

	if (position <= c->confirmed || position > c->legal)
		return;
	c->confirmed = position;
	/* It may have been sent on an earlier connection, and stored after all. */
	if (position > c->sent)
		c->sent = position;
	if (position > c->seen)
		c->seen = position;
	if (position >= c->sent_end)
		c->confirmed = c->sent_end = c->sent;	/* only gaps lie between */
	while (c->n_flights > 0) {
		f = wslog_flight(c, 0);
		if (f->end > c->confirmed)
			break;
		c->out_frames += f->frames;
		c->out_bytes += f->bytes;
		c->flight = (c->flight + 1) & (c->room - 1);
		c->n_flights--;
	}
	if (c->log->confirmed != NULL)
		c->log->confirmed(c->log);
}

uint64_t
tt_wscursor_frames(const struct tt_wscursor *c)
{
	const struct tt_wslog *log = c->log;
	uint64_t old = 0;

	if (c->confirmed >= log->base)
		return log->next - c->confirmed;
	if (c->confirmed < log->old_end)
		old = log->old_end - c->confirmed;
	return (old < log->old_frames ? old : log->old_frames) + log->next - log->base;
}

void
tt_wscursor_rewind(struct tt_wscursor *c)
{
	c->sent = c->sent_end = c->confirmed;
	c->entry = c->log->head;
	while (c->segments != NULL)
		wslog_pop_segment(c);
	c->read_next = c->sent;
	c->generation++;
	c->reading = false;
}

void
tt_wscursor_feed(struct tt_wscursor *c, unsigned generation,
    struct tt_wssegment *first, uint64_t read_next)
{
	struct tt_wssegment *s;

	if (generation == c->generation)
		c->reading = false;
	while ((s = first) != NULL) {
		first = s->next;
		if (generation != c->generation) {
			tt_batch_unref(s->batch);
			free(s);
			continue;
		}
		s->next = NULL;
		*c->segments_end = s;
		c->segments_end = &s->next;
		c->segment_bytes += tt_batch_cost(s->batch);
	}
	if (generation == c->generation && read_next > c->read_next)
		c->read_next = read_next;
}
