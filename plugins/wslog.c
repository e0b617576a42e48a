/* wslog.c - one log by position, with a pair of cursors for each destination. */
#include "plugins/wslog.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/memory.h"

static struct tt_wsentry *
wslog_entry(const struct tt_wslog *log, uint64_t i)
{
	return &log->ring[i & (log->size - 1)];
}

void
tt_wslog_init(struct tt_wslog *log, uint64_t first)
{
	memset(log, 0, sizeof *log);
	log->next = first;
}

void
tt_wslog_finish(struct tt_wslog *log)
{
	while (log->cursors != NULL)
		tt_wscursor_detach(log->cursors);
	free(log->ring);
	log->ring = NULL;
	log->size = 0;
	log->head = log->tail;
}

static void
wslog_grow(struct tt_wslog *log)
{
	uint64_t size = log->size > 0 ? log->size * 2 : 64;
	struct tt_wsentry *ring = tt_xmalloc(size * sizeof *ring);

	for (uint64_t i = log->head; i != log->tail; i++)
		ring[i & (size - 1)] = *wslog_entry(log, i);
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
	*wslog_entry(log, log->tail++) = (struct tt_wsentry){ .batch = batch,
		.first = log->next, .bytes = bytes, .n = n, .channel = channel };
	log->next += n;
}

/* `done` has moved: `sent` does not stand in an entry that may be released. */
static void
wslog_follow(struct tt_wscursor *c)
{
	if (c->entry < c->done) {
		c->entry = c->done;
		c->at = 0;
	}
}

/* Moves C's `done` over the entries that are confirmed as a whole. */
static void
wslog_settle(struct tt_wscursor *c)
{
	struct tt_wslog *log = c->log;
	const struct tt_wsentry *e;
	uint64_t before = c->done;
	unsigned gaps = 0;

	while (c->done != log->tail) {
		e = wslog_entry(log, c->done);
		if (e->first + e->n > c->confirmed)
			break;
		c->out_frames += e->n;
		c->out_bytes += e->bytes;
		if (gaps < c->n_gaps && c->gaps[gaps].entry == c->done) {
			c->out_frames -= c->gaps[gaps].frames;
			c->out_bytes -= c->gaps[gaps].bytes;
			gaps++;
		}
		c->done++;
	}
	if (gaps > 0) {
		c->n_gaps -= gaps;
		memmove(c->gaps, c->gaps + gaps, c->n_gaps * sizeof *c->gaps);
	}
	if (c->done == before)
		return;
	wslog_follow(c);
	if (log->confirmed != NULL)
		log->confirmed(log);
}

unsigned
tt_wslog_release(struct tt_wslog *log)
{
	uint64_t end = log->tail;
	unsigned n;

	/* An entry without frames is done with those before it. */
	for (struct tt_wscursor *c = log->cursors; c != NULL; c = c->next) {
		while (c->done != log->tail && wslog_entry(log, c->done)->n == 0)
			c->done++;
		wslog_follow(c);
		if (c->done < end)
			end = c->done;
	}
	n = (unsigned)(end - log->head);
	log->head = end;
	return n;
}

/* Frames of E that are before POSITION. */
static uint32_t
wslog_before(const struct tt_wsentry *e, uint64_t position)
{
	return position <= e->first ? 0 : position - e->first >= e->n ? e->n :
	    (uint32_t)(position - e->first);
}

/* C gives up what it still needs of the oldest entry, E. */
static void
wslog_lose(struct tt_wscursor *c, const struct tt_wsentry *e)
{
	uint64_t end = e->first + e->n;

	if (c->done != c->log->head)
		return;		/* confirmed as a whole */
	c->lost_frames += wslog_before(e, c->seen);
	if (c->n_gaps > 0 && c->gaps[0].entry == c->done) {
		c->lost_frames -= c->gaps[0].frames;
		c->n_gaps--;
		memmove(c->gaps, c->gaps + 1, c->n_gaps * sizeof *c->gaps);
	}
	c->done++;
	if (c->confirmed < end)
		c->confirmed = end;
	if (c->sent < end)
		c->sent = end;
	if (c->seen < end)
		c->seen = end;
	if (c->sent_end < end)
		c->sent_end = end;
	if (c->confirmed >= c->sent_end)
		c->confirmed = c->sent_end = c->sent;
	wslog_follow(c);
	wslog_settle(c);
}

uint32_t
tt_wslog_drop(struct tt_wslog *log)
{
	struct tt_wsentry e = *wslog_entry(log, log->head);
	uint32_t confirmed = e.n, n;

	assert(log->head != log->tail);
	for (struct tt_wscursor *c = log->cursors; c != NULL; c = c->next) {
		n = wslog_before(&e, c->confirmed);
		if (n < confirmed)
			confirmed = n;
		wslog_lose(c, &e);
	}
	log->head++;
	return e.n - confirmed;
}

void
tt_wscursor_attach(struct tt_wscursor *c, struct tt_wslog *log)
{
	memset(c, 0, sizeof *c);
	c->log = log;
	c->entry = c->done = log->tail;
	c->sent = c->sent_end = c->seen = c->confirmed = log->next;
	c->next = log->cursors;
	log->cursors = c;
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
	free(c->gaps);
	memset(c, 0, sizeof *c);
}

bool
tt_wscursor_peek(struct tt_wscursor *c, struct tt_wsspan *span)
{
	const struct tt_wsentry *e;

	for (; c->entry != c->log->tail; c->entry++, c->at = 0) {
		e = wslog_entry(c->log, c->entry);
		if (c->at == e->n)
			continue;
		*span = (struct tt_wsspan){ .batch = e->batch, .channel = e->channel,
			.at = c->at, .n = e->n - c->at, .position = c->sent };
		return true;
	}
	return false;
}

/* Moves `sent` over N frames of the entry that peek() has found. */
static uint64_t
wslog_advance(struct tt_wscursor *c, uint32_t n)
{
	uint64_t fresh;

	assert(c->at + n <= wslog_entry(c->log, c->entry)->n);
	c->at += n;
	c->sent += n;
	if (c->sent <= c->seen)
		return 0;
	fresh = c->sent - c->seen;
	c->seen = c->sent;
	return fresh < n ? fresh : n;
}

uint64_t
tt_wscursor_take(struct tt_wscursor *c, uint32_t n)
{
	uint64_t fresh = wslog_advance(c, n);

	c->sent_end = c->sent;
	return fresh;
}

uint64_t
tt_wscursor_pass(struct tt_wscursor *c, uint32_t n, uint64_t bytes)
{
	uint64_t entry = c->entry, fresh = wslog_advance(c, n);
	struct tt_wsgap *last = c->n_gaps > 0 ? &c->gaps[c->n_gaps - 1] : NULL;

	if (fresh > 0) {
		if (last == NULL || last->entry != entry) {
			if (c->n_gaps == c->room) {
				c->room = c->room > 0 ? c->room * 2 : 8;
				c->gaps = tt_xrealloc(c->gaps,
				    c->room * sizeof *c->gaps);
			}
			last = &c->gaps[c->n_gaps++];
			*last = (struct tt_wsgap){ .entry = entry };
		}
		last->frames += fresh;
		last->bytes += bytes;
	}
	if (!tt_wscursor_is_waiting(c)) {
		c->confirmed = c->sent_end = c->sent;
		wslog_settle(c);
	}
	return fresh;
}

void
tt_wscursor_confirm(struct tt_wscursor *c, uint64_t position)
{
	if (position <= c->confirmed || position > c->seen)
		return;
	c->confirmed = position;
	if (position > c->sent) {
		/* It was sent on an earlier connection, and stored after all. */
		c->sent = position;
		while (wslog_entry(c->log, c->entry)->first +
		    wslog_entry(c->log, c->entry)->n < position)
			c->entry++;
		c->at = (uint32_t)(position - wslog_entry(c->log, c->entry)->first);
	}
	if (position >= c->sent_end)
		c->confirmed = c->sent_end = c->sent;	/* only gaps lie between */
	wslog_settle(c);
}

void
tt_wscursor_rewind(struct tt_wscursor *c)
{
	c->sent = c->sent_end = c->confirmed;
	c->entry = c->done;
	c->at = 0;
	/* `done` is the first entry that is not behind `confirmed` as a whole. */
	if (c->entry != c->log->tail)
		c->at = (uint32_t)(c->confirmed - wslog_entry(c->log, c->entry)->first);
}
