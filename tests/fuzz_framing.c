/* fuzz_framing.c - a stream cut at random gives what it gives whole.
 *
 * Input: 8 bytes of options, 4 that seed the cuts, the stream.  The stream is fed
 * in one piece, and again in pieces of several slices: frames, numbers, the
 * reason of a break and the unfinished bytes must be the same. */
#include "plugins/framing.h"

#include <stdlib.h>
#include <string.h>

#define FUZZ_HEAD 12

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz_result {
	uint8_t *frames;		/* each behind its length */
	size_t used, room;
	uint64_t n, unfinished;
	bool broken;
	uint8_t reason;
};

static struct tt_memory fuzz_memory = { .limit = INT64_C(1) << 30 };

static void
fuzz_must(bool condition)
{
	if (!condition)
		abort();
}

static void
fuzz_options(struct tt_framing *c, const uint8_t *d)
{
	int64_t least = 1;

	*c = (struct tt_framing){ .type = d[0] % 5, .max = 1 + (d[1] | d[2] % 4 << 8) };
	switch (c->type) {
	case TT_FRAMING_LENGTH:
		c->size = 1 + d[3] % 8;
		c->order = d[3] >> 7;
		c->offset = d[4] % 16;
		c->adjust = (int8_t)d[5];
		c->header = d[6] & 1;
		if (c->header == TT_FRAMING_KEEP)
			least = c->size + c->offset;
		if (c->max < least)
			c->max = least;
		break;
	case TT_FRAMING_DELIMITER:
		c->bytes = (struct tt_bytes){ .data = d + 4, .size = 1 + d[3] % 4 };
		break;
	case TT_FRAMING_FIXED:
		c->size = c->max;
		break;
	case TT_FRAMING_RAW:
		c->max = TT_READ_SIZE;
		break;
	}
}

static void
fuzz_take(struct tt_framer *f, struct fuzz_result *r)
{
	struct tt_batch *b;
	uint32_t i;

	while ((b = tt_framer_take(f)) != NULL) {
		fuzz_must(b->first_seq == r->n + 1 && b->n > 0 &&
		    b->n <= TT_BATCH_MAX);
		for (i = 0; i < b->n; i++) {
			uint32_t length = b->slices[i].length;

			fuzz_must((int64_t)length <= f->framing->max);
			fuzz_must(b->slices[i].at + length <= b->chunk->used);
			if (r->used + length + sizeof length > r->room) {
				r->room = 2 * r->room + length + sizeof length;
				r->frames = realloc(r->frames, r->room);
				fuzz_must(r->frames != NULL);
			}
			memcpy(r->frames + r->used, &length, sizeof length);
			memcpy(r->frames + r->used + sizeof length,
			    tt_batch_bytes(b, i), length);
			r->used += sizeof length + length;
		}
		r->n += b->n;
		tt_batch_unref(b);
	}
	fuzz_must(f->packets == NULL);
}

/* Feeds the stream in pieces of at most MOST bytes and SLICES slices, or all at
 * once where MOST is 0. */
static void
fuzz_run(const struct tt_framing *c, const uint8_t *s, size_t n, uint32_t seed,
    size_t most, uint32_t slices, struct fuzz_result *r)
{
	struct tt_origin *origin = tt_origin_create(&fuzz_memory, NULL, 1, "", "");
	struct tt_framer f;
	size_t at = 0;

	fuzz_must(tt_framer_init(&f, c, NULL) == 0);
	while (at < n) {
		size_t piece = n - at, cut;
		struct tt_chunk *chunk;
		struct tt_batch *b;
		uint32_t i;

		seed = seed * 1664525 + 1013904223;
		if (most > 0 && piece > (seed >> 8) % (most + 1))
			piece = (seed >> 8) % (most + 1);
		chunk = tt_chunk_create(origin, (uint32_t)piece);
		memcpy(chunk->bytes, s + at, piece);
		chunk->used = (uint32_t)piece;
		at += piece;
		b = tt_batch_create(origin, chunk, slices);
		for (i = 0, cut = 0; i < slices; i++) {
			size_t length = i + 1 < slices ? (piece - cut) / 2 :
			    piece - cut;

			tt_batch_add(b, (uint32_t)cut, (uint32_t)length);
			cut += length;
		}
		tt_chunk_unref(chunk);
		tt_framer_feed(&f, b);
		tt_batch_unref(b);
		fuzz_take(&f, r);
	}
	r->unfinished = tt_framer_unfinished(&f);
	r->broken = f.broken;
	r->reason = f.reason;
	tt_framer_finish(&f);
	fuzz_must(origin->held == 0 && fuzz_memory.used == 0);
	tt_origin_unref(origin);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_result whole = { 0 }, cut = { 0 };
	struct tt_framing c;
	uint32_t seed;

	if (size < FUZZ_HEAD)
		return 0;
	fuzz_options(&c, data);
	memcpy(&seed, data + 8, sizeof seed);
	fuzz_run(&c, data + FUZZ_HEAD, size - FUZZ_HEAD, 0, 0, 1, &whole);
	fuzz_run(&c, data + FUZZ_HEAD, size - FUZZ_HEAD, seed, 1 + seed % 61,
	    1 + seed % 3, &cut);
	if (c.type != TT_FRAMING_RAW) {		/* which is not the same, cut */
		fuzz_must(whole.n == cut.n && whole.used == cut.used);
		fuzz_must(whole.broken == cut.broken && whole.reason == cut.reason);
		fuzz_must(whole.unfinished == cut.unfinished);
		fuzz_must(whole.used == 0 || memcmp(whole.frames, cut.frames,
		    whole.used) == 0);
	}
	free(whole.frames);
	free(cut.frames);
	return 0;
}
