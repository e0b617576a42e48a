/* wsfeed.c - one stream of messages for many viewers. */
#include "plugins/wsfeed.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/memory.h"

#define WSFEED_RING 64			/* at first */

/* --- pages --------------------------------------------------------------- */

static uint64_t
wsfeed_cost(const struct tt_wspage *page)
{
	return sizeof *page + page->size;
}

static struct tt_wspage *
wsfeed_page(struct tt_wsfeed *f, const uint8_t *data, size_t size)
{
	struct tt_wspage *page = tt_xmalloc(sizeof *page + size);

	*page = (struct tt_wspage){ .feed = f, .refs = 1, .size = size };
	if (data != NULL)
		memcpy(page->data, data, size);
	return page;
}

static void
wsfeed_unref(struct tt_wspage *page)
{
	if (page == NULL || --page->refs > 0)
		return;
	if (page->stray)
		page->feed->stray -= wsfeed_cost(page);
	free(page);
}

/* The feed lets go of PAGE; readers may be within it. */
static void
wsfeed_let_go(struct tt_wsfeed *f, struct tt_wspage *page)
{
	if (page != NULL && page->refs > 1) {
		page->stray = true;
		f->stray += wsfeed_cost(page);
	}
	wsfeed_unref(page);
}

/* --- the ring ------------------------------------------------------------ */

static struct tt_wspage **
wsfeed_slot(const struct tt_wsfeed *f, uint64_t i)
{
	return &f->ring[i & (f->size - 1)];
}

static void
wsfeed_evict(struct tt_wsfeed *f)
{
	struct tt_wspage *page = *wsfeed_slot(f, f->head);

	f->head++;
	f->kept -= wsfeed_cost(page);
	wsfeed_let_go(f, page);
}

/* Frames before page I, which may be the next one ever. */
static uint64_t
wsfeed_before(const struct tt_wsfeed *f, uint64_t i)
{
	return i == f->tail ? f->frames : (*wsfeed_slot(f, i))->before;
}

static void
wsfeed_append(struct tt_wsfeed *f, struct tt_wspage *page)
{
	struct tt_wspage **ring;
	uint64_t size = f->size > 0 ? f->size * 2 : WSFEED_RING;

	if (f->tail - f->head == f->size) {
		ring = tt_xcalloc(size, sizeof *ring);
		for (uint64_t i = f->head; i != f->tail; i++)
			ring[i & (size - 1)] = *wsfeed_slot(f, i);
		free(f->ring);
		f->ring = ring;
		f->size = size;
	}
	*wsfeed_slot(f, f->tail) = page;
	f->tail++;
	f->kept += wsfeed_cost(page);
}

/* The newest page stays, whatever its size. */
static void
wsfeed_make_room(struct tt_wsfeed *f)
{
	while (f->tail - f->head > 1 && (f->kept > f->limit.bytes ||
	    (f->limit.frames > 0 &&
	    f->frames - wsfeed_before(f, f->head) > f->limit.frames)))
		wsfeed_evict(f);
}

/* --- filling ------------------------------------------------------------- */

/* What is in the block becomes a page. */
static void
wsfeed_seal(struct tt_wsfeed *f)
{
	struct tt_wspage *page;

	tt_wsformat_close(&f->format, &f->block);
	if (f->block.used == 0)
		return;
	page = wsfeed_page(f, f->block.data, f->block.used);
	page->frames = f->filled;
	page->bytes = f->filled_bytes;
	page->before = f->frames;
	wsfeed_append(f, page);
	f->frames += page->frames;
	f->bytes += page->bytes;
	f->filled = 0;
	f->filled_bytes = 0;
	tt_wsblock_reset(&f->block);
	wsfeed_make_room(f);
}

/* Adds the first frame of SPAN. */
static void
wsfeed_add_one(struct tt_wsfeed *f, const struct tt_wsspan *span, const char *channel)
{
	const struct tt_wsitem item = { .batch = span->batch, .i = span->at,
		.position = span->position, .channel = channel };
	enum tt_wsformat_verdict verdict;

	/* A message holds consecutive positions only. */
	if (span->position != f->next)
		tt_wsformat_close(&f->format, &f->block);
	verdict = tt_wsformat_encode(&f->format, &f->block, &item);
	if (verdict == TT_WS_FULL) {
		wsfeed_seal(f);
		verdict = tt_wsformat_encode(&f->format, &f->block, &item);
	}
	if (verdict != TT_WS_FITS) {
		f->n_refused[verdict]++;
		f->refused(f->arg, &item, verdict);
		return;
	}
	f->filled++;
	f->filled_bytes += span->batch->slices[span->at].length;
	f->next = span->position + 1;
}

static void
wsfeed_add_all(struct tt_wsfeed *f, struct tt_wsspan span, const char *channel)
{
	bool plain = f->format.type == TT_WS_RAW && f->format.batch == TT_WS_NONE;
	uint64_t bytes;
	uint32_t n;

	while (span.n > 0) {
		n = plain ? tt_wsformat_run(&f->format, &f->block, &span, UINT64_MAX,
		    &bytes) : 0;
		if (n > 0) {
			f->filled += n;
			f->filled_bytes += bytes;
		} else {
			wsfeed_add_one(f, &span, channel);
			n = 1;
		}
		span.at += n;
		span.n -= n;
		span.position += n;
	}
}

/* --- the last frames ----------------------------------------------------- */

static struct tt_wspage **
wsfeed_last_slot(const struct tt_wsfeed *f, uint64_t i)
{
	return &f->last[i % f->limit.last];
}

static void
wsfeed_forget_last(struct tt_wsfeed *f)
{
	struct tt_wspage *page = *wsfeed_last_slot(f, f->last_head++);

	f->last_kept -= wsfeed_cost(page);
	wsfeed_unref(page);
}

static void
wsfeed_remember(struct tt_wsfeed *f, const struct tt_wsspan *span, const char *channel)
{
	const struct tt_wsitem item = { .batch = span->batch, .i = span->at,
		.position = span->position, .channel = channel };
	struct tt_wspage *page;

	if (tt_wsformat_encode(&f->format, &f->one, &item) != TT_WS_FITS)
		return;
	tt_wsformat_close(&f->format, &f->one);
	page = wsfeed_page(f, f->one.data, f->one.used);
	page->frames = 1;
	page->bytes = span->batch->slices[span->at].length;
	tt_wsblock_reset(&f->one);
	if (f->last_tail - f->last_head == f->limit.last)
		wsfeed_forget_last(f);
	*wsfeed_last_slot(f, f->last_tail++) = page;
	f->last_kept += wsfeed_cost(page);
	while (f->last_tail - f->last_head > 1 && f->last_kept > f->limit.bytes)
		wsfeed_forget_last(f);
}

static void
wsfeed_remember_all(struct tt_wsfeed *f, struct tt_wsspan span, const char *channel)
{
	uint32_t skip = span.n > f->limit.last ? span.n - (uint32_t)f->limit.last : 0;

	wsfeed_let_go(f, f->welcome);
	f->welcome = NULL;
	span.at += skip;
	span.n -= skip;
	span.position += skip;
	for (; span.n > 0; span.at++, span.n--, span.position++)
		wsfeed_remember(f, &span, channel);
}

/* A page of all last frames, or NULL where there are none. */
static struct tt_wspage *
wsfeed_welcome(struct tt_wsfeed *f)
{
	const struct tt_wspage *one;
	struct tt_wspage *page;
	size_t size = 0;

	if (f->welcome != NULL || f->last_head == f->last_tail)
		return f->welcome;
	for (uint64_t i = f->last_head; i != f->last_tail; i++)
		size += (*wsfeed_last_slot(f, i))->size;
	f->welcome = page = wsfeed_page(f, NULL, size);
	size = 0;
	for (uint64_t i = f->last_head; i != f->last_tail; i++) {
		one = *wsfeed_last_slot(f, i);
		memcpy(page->data + size, one->data, one->size);
		size += one->size;
		page->frames++;
		page->bytes += one->bytes;
	}
	return page;
}

/* --- the feed ------------------------------------------------------------ */

void
tt_wsfeed_init(struct tt_wsfeed *f, const struct tt_wsfeed_limit *limit)
{
	f->limit = *limit;
	tt_wsblock_init(&f->block);
	if (limit->last == 0)
		return;
	tt_wsblock_init(&f->one);
	f->last = tt_xcalloc(limit->last, sizeof(struct tt_wspage *));
}

void
tt_wsfeed_finish(struct tt_wsfeed *f)
{
	while (f->head != f->tail)
		wsfeed_evict(f);
	while (f->last_head != f->last_tail)
		wsfeed_forget_last(f);
	wsfeed_unref(f->welcome);
	free(f->ring);
	free(f->last);
	tt_wsblock_finish(&f->block);
	tt_wsblock_finish(&f->one);
	tt_wsformat_finish(&f->format);
	memset(f, 0, sizeof *f);
}

void
tt_wsfeed_add(struct tt_wsfeed *f, const struct tt_wsspan *span, const char *channel)
{
	if (f->readers > 0)
		wsfeed_add_all(f, *span, channel);
	if (f->limit.last > 0)
		wsfeed_remember_all(f, *span, channel);
}

bool
tt_wsfeed_flush(struct tt_wsfeed *f)
{
	uint64_t before = f->tail;

	wsfeed_seal(f);
	return f->tail != before;
}

bool
tt_wsfeed_is_crowded(const struct tt_wsfeed *f)
{
	return f->stray > f->limit.bytes;
}

/* --- readers ------------------------------------------------------------- */

void
tt_wsreader_join(struct tt_wsreader *r, struct tt_wsfeed *f)
{
	struct tt_wspage *welcome = wsfeed_welcome(f);

	/* What is being filled came before, and is in the last frames. */
	wsfeed_seal(f);
	*r = (struct tt_wsreader){ .feed = f, .next = f->tail, .before = f->frames,
		.seen = f->frames, .seen_bytes = f->bytes };
	memcpy(r->seen_refused, f->n_refused, sizeof r->seen_refused);
	f->readers++;
	if (welcome == NULL)
		return;
	welcome->refs++;
	r->page = welcome;
	r->in_frames = welcome->frames;
	r->in_bytes = welcome->bytes;
}

void
tt_wsreader_look(struct tt_wsreader *r)
{
	const struct tt_wsfeed *f = r->feed;
	uint64_t before;

	r->in_frames += f->frames - r->seen;
	r->in_bytes += f->bytes - r->seen_bytes;
	r->seen = f->frames;
	r->seen_bytes = f->bytes;
	for (unsigned i = 0; i < TT_WS_FULL; i++) {
		r->refused[i] += f->n_refused[i] - r->seen_refused[i];
		r->in_frames += f->n_refused[i] - r->seen_refused[i];
		r->seen_refused[i] = f->n_refused[i];
	}
	if (r->next >= f->head)
		return;
	before = wsfeed_before(f, f->head);
	r->missed += before - r->before;
	r->before = before;
	r->next = f->head;
}

uint64_t
tt_wsreader_leave(struct tt_wsreader *r)
{
	struct tt_wsfeed *f = r->feed;
	uint64_t waited;

	tt_wsreader_look(r);
	waited = f->frames - r->before + (r->page != NULL ? r->page->frames : 0);
	wsfeed_unref(r->page);
	r->page = NULL;
	r->feed = NULL;
	if (--f->readers > 0)
		return waited;
	/* What nobody reads is not kept. */
	wsfeed_seal(f);
	while (f->head != f->tail)
		wsfeed_evict(f);
	return waited;
}

int
tt_wsreader_peek(struct tt_wsreader *r, struct iovec *iov, int n, size_t max)
{
	struct tt_wspage *page = r->page;
	uint64_t next;
	size_t sum = 0, at = r->at;
	int used = 0;

	tt_wsreader_look(r);
	next = r->next;
	while (used < n && sum < max) {
		if (page == NULL) {
			if (next == r->feed->tail)
				break;
			page = *wsfeed_slot(r->feed, next++);
			at = 0;
		}
		iov[used].iov_base = page->data + at;
		iov[used].iov_len = page->size - at;
		sum += iov[used++].iov_len;
		page = NULL;
	}
	return used;
}

void
tt_wsreader_take(struct tt_wsreader *r, size_t size)
{
	size_t left;

	while (size > 0) {
		if (r->page == NULL) {
			assert(r->next != r->feed->tail);
			r->page = *wsfeed_slot(r->feed, r->next);
			r->page->refs++;
			r->next++;
			r->before += r->page->frames;
			r->at = 0;
		}
		left = r->page->size - r->at;
		if (size < left) {
			r->at += size;
			return;
		}
		size -= left;
		r->out_frames += r->page->frames;
		r->out_bytes += r->page->bytes;
		wsfeed_unref(r->page);
		r->page = NULL;
		r->at = 0;
	}
}
