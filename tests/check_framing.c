/* check_framing.c - tests of plugins/framing.c.
 *
 * Every stream is cut in many ways and held against a model that sees it whole,
 * is written as simply as can be, and shares nothing with the framer. */
#include "plugins/framing.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

Suite *check_framing_suite(void);

#define MIB (1 << 20)
#define MOST_FRAMES 20000

static uint32_t framing_random_state = 1;

static uint32_t
framing_random(uint32_t below)
{
	framing_random_state = framing_random_state * 1664525 + 1013904223;
	return (framing_random_state >> 8) % below;
}

/* --- the model ----------------------------------------------------------- */

/* A frame is these bytes of the stream; it is known once END bytes came. */
struct model_frame {
	size_t at, length, end;
};

struct model {
	struct model_frame frame[MOST_FRAMES];
	size_t n;
	size_t rest;			/* first byte that is in no frame */
	enum tt_reason reason;
};

static void
model_add(struct model *m, size_t at, size_t length, size_t end)
{
	ck_assert_uint_lt(m->n, MOST_FRAMES);
	m->frame[m->n++] = (struct model_frame){ at, length, end };
	m->rest = end;
}

static void
model_newline(struct model *m, const struct tt_framing *c, const uint8_t *s, size_t n)
{
	size_t i, length, from = 0;

	for (i = 0; i <= n; i++) {
		if (i < n && s[i] != '\n')
			continue;
		length = i - from;
		if (length > 0 && s[i - 1] == '\r')
			length--;
		if (length > (size_t)c->max) {
			m->reason = TT_REASON_OVERSIZE;
			return;
		}
		if (i < n)
			model_add(m, from, length, i + 1);
		from = i + 1;
	}
}

static void
model_delimiter(struct model *m, const struct tt_framing *c, const uint8_t *s,
    size_t n)
{
	size_t size = c->bytes.size, from = 0, i, k;

	for (;;) {
		for (i = from; i + size <= n; i++)
			if (memcmp(s + i, c->bytes.data, size) == 0)
				break;
		if (i + size > n) {
			/* No end: but the last bytes may be its beginning. */
			for (k = size - 1; k > 0; k--)
				if (k <= n - from && memcmp(s + n - k, c->bytes.data,
				    k) == 0)
					break;
			if (n - from - k > (size_t)c->max)
				m->reason = TT_REASON_OVERSIZE;
			return;
		}
		if (i - from > (size_t)c->max) {
			m->reason = TT_REASON_OVERSIZE;
			return;
		}
		model_add(m, from, i - from, i + size);
		from = i + size;
	}
}

static void
model_length(struct model *m, const struct tt_framing *c, const uint8_t *s, size_t n)
{
	size_t header = (size_t)(c->offset + c->size), from = 0;
	int i;

	while (n - from >= header) {
		__int128 payload = 0, sent;

		for (i = 0; i < c->size; i++)
			payload = payload * 256 + s[from + (size_t)c->offset +
			    (size_t)(c->order == TT_FRAMING_BIG ? i :
			    (int)c->size - 1 - i)];
		payload += c->adjust;
		sent = payload + (c->header == TT_FRAMING_KEEP ? (int)header : 0);
		if (payload < 0 || sent > c->max) {
			m->reason = payload < 0 ? TT_REASON_FRAMING :
			    TT_REASON_OVERSIZE;
			return;
		}
		if ((__int128)(n - from - header) < payload)
			return;
		model_add(m, c->header == TT_FRAMING_KEEP ? from : from + header,
		    (size_t)sent, from + header + (size_t)payload);
		from = m->rest;
	}
}

static void
model_run(struct model *m, const struct tt_framing *c, const uint8_t *s, size_t n)
{
	size_t i;

	m->n = 0;
	m->rest = 0;
	m->reason = TT_REASON_NONE;
	switch (c->type) {
	case TT_FRAMING_NEWLINE:
		model_newline(m, c, s, n);
		break;
	case TT_FRAMING_DELIMITER:
		model_delimiter(m, c, s, n);
		break;
	case TT_FRAMING_LENGTH:
		model_length(m, c, s, n);
		break;
	default:
		for (i = 0; i + (size_t)c->size <= n; i += (size_t)c->size)
			model_add(m, i, (size_t)c->size, i + (size_t)c->size);
	}
}

/* --- the stream under test ------------------------------------------------- */

static struct model model;
static struct tt_memory memory;
static struct tt_origin *origin;
static struct tt_framer framer;
static size_t taken;			/* frames so far */

static void
framing_setup(void)
{
	memory.limit = 64 * MIB;
	origin = tt_origin_create(&memory, NULL, 7, "peer", "local");
	framing_random_state = 1;
}

static void
framing_teardown(void)
{
	ck_assert_int_eq(origin->held, 0);
	ck_assert_int_eq(memory.used, 0);
	ck_assert_uint_eq(origin->refs, 1);
	tt_origin_unref(origin);
	tt_batch_trim_free_lists();
}

/* Packets with the N bytes at DATA in SLICES slices that do not touch. */
static struct tt_batch *
packets_create(const uint8_t *data, size_t n, uint32_t slices, int64_t received_at)
{
	struct tt_chunk *chunk = tt_chunk_create(origin, (uint32_t)n + slices);
	struct tt_batch *b = tt_batch_create(origin, chunk, slices);
	uint32_t i, length, at = 0;

	for (i = 0; i < slices; i++) {
		length = i + 1 < slices ? framing_random((uint32_t)n + 1) : (uint32_t)n;
		memcpy(chunk->bytes + at, data, length);
		chunk->bytes[at + length] = '#';
		tt_batch_add(b, at, length);
		at += length + 1;
		data += length;
		n -= length;
	}
	chunk->used = at;
	b->received_at = received_at;
	tt_chunk_unref(chunk);
	return b;
}

/* Feeds N bytes of the stream S from AT on, and holds what can be taken against
 * the model. */
static void
framing_feed(const uint8_t *s, size_t at, size_t n, uint32_t slices)
{
	struct tt_batch *packets = packets_create(s + at, n, slices, (int64_t)at);
	struct tt_batch *frames;
	uint32_t i;

	tt_framer_feed(&framer, packets);
	tt_batch_unref(packets);
	while ((frames = tt_framer_take(&framer)) != NULL) {
		uint64_t bytes = 0;

		ck_assert_uint_eq(frames->first_seq, taken + 1);
		ck_assert_int_eq(frames->received_at, (int64_t)at);
		ck_assert_ptr_eq(frames->origin, origin);
		ck_assert_uint_gt(frames->n, 0);
		ck_assert_uint_le(frames->n, TT_BATCH_MAX);
		for (i = 0; i < frames->n; i++) {
			const struct model_frame *m = &model.frame[taken++];

			ck_assert_uint_le(taken, model.n);
			ck_assert_uint_eq(frames->slices[i].length, m->length);
			ck_assert_mem_eq(tt_batch_bytes(frames, i), s + m->at,
			    m->length);
			ck_assert(at < m->end && m->end <= at + n);
			bytes += m->length;
		}
		ck_assert_uint_eq(frames->bytes, bytes);
		tt_batch_unref(frames);
	}
	/* Nothing that is complete waits. */
	ck_assert(taken == model.n || model.frame[taken].end > at + n);
	ck_assert_ptr_null(framer.packets);
}

static void
framing_begin(const struct tt_framing *c)
{
	struct tt_error err;

	taken = 0;
	ck_assert_int_eq(tt_framer_init(&framer, c, &err), 0);
}

static void
framing_end(size_t n)
{
	ck_assert_uint_eq(taken, model.n);
	ck_assert(framer.broken == (model.reason != TT_REASON_NONE));
	if (framer.broken)
		ck_assert_uint_eq(framer.reason, model.reason);
	ck_assert_uint_eq(tt_framer_unfinished(&framer), n - model.rest);
	ck_assert(tt_framer_is_within(&framer) == (!framer.broken &&
	    n > model.rest));
	tt_framer_finish(&framer);
	ck_assert_int_eq(memory.used, 0);
}

/* Cuts the stream S at every byte position, byte by byte, in random pieces, and
 * in pieces of several slices. */
static void
framing_cut(const struct tt_framing *c, const uint8_t *s, size_t n)
{
	size_t at, piece;
	int round;

	model_run(&model, c, s, n);
	for (piece = 0; piece <= n; piece++) {
		framing_begin(c);
		framing_feed(s, 0, piece, 1);
		framing_feed(s, piece, n - piece, 1);
		framing_end(n);
	}
	framing_begin(c);
	for (at = 0; at < n; at++)
		framing_feed(s, at, 1, 1);
	framing_end(n);

	for (round = 0; round < 50; round++) {
		uint32_t most = 1 + framing_random((uint32_t)n + 1);

		framing_begin(c);
		for (at = 0; at < n; at += piece) {
			piece = framing_random(most + 1);
			piece = piece < n - at ? piece : n - at;
			framing_feed(s, at, piece, round % 2 == 0 ? 1 :
			    1 + framing_random(5));
		}
		framing_end(n);
	}
}

#define BYTES(text) \
	{ .data = (const uint8_t *)(text), .size = sizeof(text) - 1 }

/* --- newline, delimiter and fixed ------------------------------------------ */

struct text_case {
	struct tt_framing framing;
	const char *stream;
	size_t size;			/* of it, or 0 for its text */
	size_t frames;
	enum tt_reason reason;
};

#define NEWLINE(m) { .type = TT_FRAMING_NEWLINE, .max = m }
#define DELIMITER(text, m) \
	{ .type = TT_FRAMING_DELIMITER, .max = m, .bytes = BYTES(text) }
#define FIXED(n) { .type = TT_FRAMING_FIXED, .size = n, .max = n }

static const struct text_case text_cases[] = {
	{ NEWLINE(9), "hello\nworld\n", 0, 2, 0 },
	{ NEWLINE(9), "hello\r\nworld\r\n", 0, 2, 0 },
	{ NEWLINE(9), "\n\r\n\n\n\r\r\n\r", 0, 5, 0 },
	{ NEWLINE(9), "a\rb\n\rc\n", 0, 2, 0 },
	{ NEWLINE(5), "12345\n12345\r\n123456\nafter\n", 0, 2, TT_REASON_OVERSIZE },
	{ NEWLINE(5), "1234\r\n1234\r\r\n12345\r", 0, 2, 0 },
	{ NEWLINE(5), "12345\r\n12345\r\r\n", 0, 1, TT_REASON_OVERSIZE },
	{ NEWLINE(5), "a\n12345", 0, 1, 0 },
	{ NEWLINE(5), "a\n123456", 0, 1, TT_REASON_OVERSIZE },
	{ NEWLINE(5), "a\n12345\r\r", 0, 1, TT_REASON_OVERSIZE },
	{ NEWLINE(1), "a\n\nb\r\n\r\nc", 0, 4, 0 },
	{ NEWLINE(3), "\0\0\n\0\r\n", 6, 2, 0 },
	{ NEWLINE(3), "", 0, 0, 0 },
	{ DELIMITER("|", 9), "a|bc||d", 0, 3, 0 },
	{ DELIMITER("\r\n", 9), "a\r\nb\rc\n\r\r\n\r\n\r", 0, 3, 0 },
	{ DELIMITER("aab", 9), "aaaab|aab|aaab|aa", 0, 3, 0 },
	{ DELIMITER("aabaaab", 20), "aabaabaaab.aabaaaabaaab.aabaaaba", 0, 3, 0 },
	{ DELIMITER("abab", 20), "abaabab.ababab.abab", 0, 3, 0 },
	{ DELIMITER("aaa", 20), "aaaaaaaa", 0, 2, 0 },
	{ DELIMITER("END", 4), "1234END12345END", 0, 1, TT_REASON_OVERSIZE },
	{ DELIMITER("END", 4), "1234EN", 0, 0, 0 },
	{ DELIMITER("END", 4), "1234EEN", 0, 0, TT_REASON_OVERSIZE },
	{ DELIMITER("END", 4), "1234ENE", 0, 0, TT_REASON_OVERSIZE },
	{ DELIMITER("END", 4), "ENENENDENEND", 0, 2, 0 },
	{ DELIMITER("\0\0", 9), "a\0b\0\0\0\0c", 8, 2, 0 },
	{ FIXED(1), "abc", 0, 3, 0 },
	{ FIXED(3), "abcdefgh", 0, 2, 0 },
	{ FIXED(9), "abcdefgh", 0, 0, 0 },
};

START_TEST(text_streams_give_the_same_frames_however_they_are_cut)
{
	const struct text_case *t = &text_cases[_i];

	framing_cut(&t->framing, (const uint8_t *)t->stream,
	    t->size > 0 ? t->size : strlen(t->stream));
	ck_assert_uint_eq(model.n, t->frames);
	ck_assert_uint_eq(model.reason, t->reason);
}
END_TEST

/* --- length -------------------------------------------------------------- */

#define LENGTH(n, ...) \
	{ .type = TT_FRAMING_LENGTH, .size = n, __VA_ARGS__ }
#define MAX .max = 20
#define KEEP .header = TT_FRAMING_KEEP
#define LITTLE .order = TT_FRAMING_LITTLE
#define STREAM(text) text, sizeof(text) - 1

static const struct text_case length_cases[] = {
	{ LENGTH(1, MAX), STREAM("\3abc\0\1d\0"), 4, 0 },
	{ LENGTH(1, MAX), STREAM("\1a\24abcdefghijklmnopqrst\25a"), 2, TT_REASON_OVERSIZE },
	{ LENGTH(1, .max = 255), STREAM("\377a"), 0, 0 },
	{ LENGTH(2, MAX), STREAM("\0\3abc\0\0\0\1d\0"), 3, 0 },
	{ LENGTH(2, LITTLE, MAX), STREAM("\3\0abc\0\0\1\0d"), 3, 0 },
	{ LENGTH(3, LITTLE, MAX), STREAM("\3\0\0abc\0\0\0\1\0\0d\0\0\1"), 3,
	  TT_REASON_OVERSIZE },
	{ LENGTH(4, MAX), STREAM("\0\0\0\3abc\0\0\0\0\0\0\0\1d\0\0\0\0\0\0"), 4, 0 },
	{ LENGTH(4, MAX), STREAM("\0\0\0\24abcdefghijklmnopqrst\0\0\0\0\0\0\0\25a"), 2,
	  TT_REASON_OVERSIZE },
	{ LENGTH(4, MAX), STREAM("\0\0\0\1a\377\377\377\377abc"), 1, TT_REASON_OVERSIZE },
	{ LENGTH(4, KEEP, MAX), STREAM("\0\0\0\3abc\0\0\0\0\0\0\0\1d"), 3, 0 },
	{ LENGTH(4, KEEP, MAX), STREAM("\0\0\0\20abcdefghijklmnop\0\0\0\21a"), 1,
	  TT_REASON_OVERSIZE },
	{ LENGTH(4, .adjust = -4, MAX), STREAM("\0\0\0\7abc\0\0\0\4\0\0\0\5d"), 3, 0 },
	{ LENGTH(4, .adjust = -4, MAX), STREAM("\0\0\0\7abc\0\0\0\3d"), 1,
	  TT_REASON_FRAMING },
	{ LENGTH(4, .adjust = -4, MAX), STREAM("\0\0\0\30abcdefghijklmnopqrst"), 1, 0 },
	{ LENGTH(4, .adjust = -4, MAX), STREAM("\0\0\0\31abc"), 0, TT_REASON_OVERSIZE },
	{ LENGTH(2, .adjust = 2, MAX), STREAM("\0\1abc\0\0de\0\3fgh"), 2, 0 },
	{ LENGTH(2, .adjust = 2, MAX), STREAM("\0\23a"), 0, TT_REASON_OVERSIZE },
	{ LENGTH(2, .adjust = 30, MAX), STREAM("\0\0a"), 0, TT_REASON_OVERSIZE },
	{ LENGTH(2, .offset = 3, KEEP, MAX), STREAM("TYP\0\2abTYP\0\0TYP\0\1"), 2, 0 },
	{ LENGTH(2, .offset = 3, MAX), STREAM("TYP\0\2abTYP\0\0TYP\0\1"), 2, 0 },
	{ LENGTH(1, .offset = 40, .adjust = -41, MAX), STREAM("0123456789"
	  "0123456789012345678901234567\0\0\53ab"), 1, 0 },
	{ LENGTH(8, MAX), STREAM("\0\0\0\0\0\0\0\2ab\377\377\377\377\377\377\377\377"), 1,
	  TT_REASON_OVERSIZE },
	{ LENGTH(8, .adjust = 8, MAX), STREAM("\377\377\377\377\377\377\377\377ab"), 0,
	  TT_REASON_OVERSIZE },
	{ LENGTH(8, .adjust = -8, MAX), STREAM("\377\377\377\377\377\377\377\377ab"), 0,
	  TT_REASON_OVERSIZE },
	{ LENGTH(8, LITTLE, MAX), STREAM("\1\0\0\0\0\0\0\0a\1\0\0\0\1\0\0\0a"), 1,
	  TT_REASON_OVERSIZE },
	{ LENGTH(8, .adjust = -1, MAX), STREAM("\0\0\0\0\0\0\0\0a"), 0,
	  TT_REASON_FRAMING },
	{ LENGTH(5, .max = MIB), STREAM("\1\0\0\0\0a"), 0, TT_REASON_OVERSIZE },
};

START_TEST(lengths_give_the_same_frames_however_they_are_cut)
{
	const struct text_case *t = &length_cases[_i];

	framing_cut(&t->framing, (const uint8_t *)t->stream, t->size);
	ck_assert_uint_eq(model.n, t->frames);
	ck_assert_uint_eq(model.reason, t->reason);
}
END_TEST

/* --- random streams -------------------------------------------------------- */

/* Streams of few different bytes meet everything, often. */
START_TEST(random_streams_give_the_same_frames_however_they_are_cut)
{
	static const struct tt_framing framings[] = {
		NEWLINE(6), DELIMITER("\n", 6), DELIMITER("\r\n", 6),
		DELIMITER("\n\n\r\n", 9), DELIMITER("\1\1", 5), LENGTH(1, MAX),
		LENGTH(2, LITTLE, MAX), LENGTH(1, .adjust = -1, MAX),
		LENGTH(2, .offset = 2, KEEP, MAX), LENGTH(4, MAX), FIXED(7),
	};
	static const uint8_t alphabet[] = { '\n', '\n', '\r', 0, 0, 1, 2, 13 };
	uint8_t stream[120];
	size_t i, n;
	int round;

	for (round = 0; round < 60; round++) {
		n = framing_random(sizeof stream) + 1;
		for (i = 0; i < n; i++)
			stream[i] = alphabet[framing_random(sizeof alphabet)];
		framing_cut(&framings[_i], stream, n);
	}
}
END_TEST

/* --- raw ----------------------------------------------------------------- */

START_TEST(raw_gives_each_read_as_a_frame_and_an_empty_one_gives_none)
{
	static const struct tt_framing raw = {
		.type = TT_FRAMING_RAW, .max = TT_READ_SIZE
	};
	static const uint8_t s[] = "abcde";
	static const size_t length[] = { 2, 0, 1, 2 };
	struct tt_batch *packets, *frames;
	size_t i, at = 0;

	framing_begin(&raw);
	for (i = 0; i < 4; i++) {
		packets = packets_create(s + at, length[i], 1, 0);
		tt_framer_feed(&framer, packets);
		frames = tt_framer_take(&framer);
		if (length[i] == 0) {
			ck_assert_ptr_null(frames);
		} else {
			ck_assert_uint_eq(frames->n, 1);
			ck_assert_uint_eq(frames->first_seq, ++taken);
			ck_assert_uint_eq(frames->slices[0].length, length[i]);
			ck_assert_mem_eq(tt_batch_bytes(frames, 0), s + at,
			    length[i]);
			ck_assert_ptr_eq(frames->chunk, packets->chunk);
		}
		at += length[i];
		tt_batch_unref(frames);
		tt_batch_unref(packets);
		ck_assert_ptr_null(tt_framer_take(&framer));
		ck_assert_uint_eq(tt_framer_unfinished(&framer), 0);
	}
	tt_framer_finish(&framer);
}
END_TEST

/* --- memory ---------------------------------------------------------------- */

START_TEST(frames_are_slices_of_the_packets_that_hold_them_whole)
{
	static const struct tt_framing c = NEWLINE(100);
	struct tt_batch *packets, *frames;

	framing_begin(&c);
	packets = packets_create((const uint8_t *)"one\ntwo\nthr", 11, 1, 5);
	tt_framer_feed(&framer, packets);
	frames = tt_framer_take(&framer);
	ck_assert_ptr_eq(frames->chunk, packets->chunk);
	ck_assert_uint_eq(frames->n, 2);
	tt_batch_unref(frames);
	ck_assert_ptr_null(tt_framer_take(&framer));
	tt_batch_unref(packets);

	packets = packets_create((const uint8_t *)"ee\nfour\n", 8, 1, 6);
	tt_framer_feed(&framer, packets);
	frames = tt_framer_take(&framer);
	ck_assert_uint_eq(frames->n, 1);
	ck_assert_ptr_ne(frames->chunk, packets->chunk);
	ck_assert_mem_eq(tt_batch_bytes(frames, 0), "three", 5);
	tt_batch_unref(frames);
	frames = tt_framer_take(&framer);
	ck_assert_ptr_eq(frames->chunk, packets->chunk);
	tt_batch_unref(frames);
	tt_batch_unref(packets);
	ck_assert_ptr_null(tt_framer_take(&framer));
	tt_framer_finish(&framer);
}
END_TEST

START_TEST(what_is_carried_grows_by_what_arrives)
{
	static const struct tt_framing c = {
		.type = TT_FRAMING_LENGTH, .size = 4, .max = 256 * MIB
	};
	static uint8_t piece[4096];
	struct tt_batch *packets;
	int64_t came = 0;
	int i;

	framing_begin(&c);
	packets = packets_create((const uint8_t *)"\17\377\377\377", 4, 1, 0);
	for (i = 0; i < 1000; i++) {
		tt_framer_feed(&framer, packets);
		came += (int64_t)packets->bytes;
		tt_batch_unref(packets);
		ck_assert_ptr_null(tt_framer_take(&framer));
		ck_assert(!framer.broken);
		ck_assert_int_le(origin->held, 256 + 2 * came);
		ck_assert_uint_eq(tt_framer_unfinished(&framer), (uint64_t)came);
		packets = packets_create(piece, sizeof piece, 1, 0);
	}
	tt_batch_unref(packets);
	tt_framer_finish(&framer);
}
END_TEST

START_TEST(a_carried_frame_takes_no_more_than_a_largest_frame)
{
	static const struct tt_framing framings[] = {
		NEWLINE(3 * MIB), DELIMITER("end", 3 * MIB), FIXED(3 * MIB),
		{ .type = TT_FRAMING_LENGTH, .size = 4, .max = 3 * MIB },
	};
	const struct tt_framing *c = &framings[_i];
	static uint8_t piece[1000];
	size_t came;

	memset(piece, 'x', sizeof piece);
	if (c->type == TT_FRAMING_LENGTH)
		memcpy(piece, "\0\57\377\377", 4);
	framing_begin(c);
	for (came = 0; came + sizeof piece < 3 * MIB; came += sizeof piece) {
		struct tt_batch *packets = packets_create(piece, sizeof piece, 1, 0);

		tt_framer_feed(&framer, packets);
		tt_batch_unref(packets);
		ck_assert_ptr_null(tt_framer_take(&framer));
		ck_assert_int_le(origin->held, tt_framing_carry(c) + TT_READ_SIZE);
	}
	ck_assert(tt_framer_is_within(&framer));
	tt_framer_finish(&framer);
}
END_TEST

/* --- many and large -------------------------------------------------------- */

START_TEST(thousands_of_small_frames_come_out_of_one_read)
{
	static const struct tt_framing framings[] = {
		NEWLINE(6), DELIMITER("\n", 6), LENGTH(1, MAX), FIXED(1), LENGTH(4, MAX)
	};
	static uint8_t stream[4 * 20000];
	const struct tt_framing *c = &framings[_i];
	size_t n = c->type == TT_FRAMING_LENGTH ? (size_t)c->size * 20000 : 20000;

	memset(stream, c->type == TT_FRAMING_LENGTH ? 0 : '\n', n);
	model_run(&model, c, stream, n);
	ck_assert_uint_eq(model.n, 20000);
	framing_begin(c);
	framing_feed(stream, 0, n, 1);
	framing_end(n);
	framing_begin(c);
	framing_feed(stream, 0, n, 1000);
	framing_end(n);
}
END_TEST

START_TEST(a_frame_of_exactly_max_is_accepted_and_one_byte_more_is_not)
{
	static const struct tt_framing framings[] = {
		NEWLINE(MIB), DELIMITER("\r\n", MIB),
		{ .type = TT_FRAMING_LENGTH, .size = 3, .max = MIB },
	};
	const struct tt_framing *c = &framings[_i];
	uint8_t *s = malloc(3 * MIB);
	int longer, piece;
	size_t n, at;

	for (longer = 0; longer < 2; longer++) {
		n = 0;
		if (c->type == TT_FRAMING_LENGTH) {
			memcpy(s, longer ? "\20\0\1" : "\20\0\0", 3);
			n = 3;
		}
		memset(s + n, 'x', MIB + (size_t)longer);
		n += MIB + (size_t)longer;
		if (c->type != TT_FRAMING_LENGTH) {
			memcpy(s + n, "\r\n", 2);
			n += 2;
		}
		model_run(&model, c, s, n);
		ck_assert_uint_eq(model.n, longer ? 0 : 1);
		for (piece = 100000; piece < 3 * MIB; piece *= 5) {
			framing_begin(c);
			for (at = 0; at < n; at += (size_t)piece)
				framing_feed(s, at, n - at < (size_t)piece ? n - at :
				    (size_t)piece, 1);
			framing_end(n);
		}
	}
	free(s);
}
END_TEST

/* A delimiter that nearly matches everywhere costs each byte once: quadratic
 * work would take minutes here. */
START_TEST(a_long_delimiter_costs_linear_time)
{
	static uint8_t delimiter[4096], piece[TT_READ_SIZE];
	static const struct tt_framing c = {
		.type = TT_FRAMING_DELIMITER, .max = 256 * MIB,
		.bytes = { .data = delimiter, .size = sizeof delimiter },
	};
	struct tt_batch *packets;
	int i;

	memset(delimiter, 'a', sizeof delimiter);
	delimiter[sizeof delimiter - 1] = 'b';
	memset(piece, 'a', sizeof piece);
	framing_begin(&c);
	for (i = 0; i < 40; i++) {
		packets = packets_create(piece, sizeof piece, 1, 0);
		tt_framer_feed(&framer, packets);
		tt_batch_unref(packets);
		ck_assert_ptr_null(tt_framer_take(&framer));
	}
	packets = packets_create((const uint8_t *)"b", 1, 1, 0);
	tt_framer_feed(&framer, packets);
	tt_batch_unref(packets);
	packets = tt_framer_take(&framer);
	ck_assert_uint_eq(packets->bytes, 40 * sizeof piece + 1 - sizeof delimiter);
	tt_batch_unref(packets);
	ck_assert_ptr_null(tt_framer_take(&framer));
	tt_framer_finish(&framer);
}
END_TEST

/* --- broken ---------------------------------------------------------------- */

START_TEST(all_that_comes_after_the_break_is_dropped_and_counted)
{
	static const struct tt_framing c = NEWLINE(3);
	static const uint8_t s[] = "ab\n12345\nab\n";

	framing_begin(&c);
	model_run(&model, &c, s, 12);
	framing_feed(s, 0, 12, 1);
	ck_assert(framer.broken);
	ck_assert_uint_eq(tt_framer_unfinished(&framer), 9);
	framing_feed(s, 12, 0, 1);
	model.n = taken;
	framing_feed(s, 9, 3, 1);
	ck_assert_uint_eq(tt_framer_unfinished(&framer), 12);
	tt_framer_finish(&framer);
}
END_TEST

static const struct {
	const char *stream;
	size_t size, cut;
	const char *text;
} heads[] = {
	{ STREAM("GET / HTTP/1.1\r\nHost: x\r\n"), 25,
	  "\"GET / HTTP/1.1\\r\\n\" looks like HTTP" },
	{ STREAM("GET / HTTP/1.1\r\nHost: x\r\n"), 1,
	  "\"GET / HTTP/1.1\\r\\n\" looks like HTTP" },
	{ STREAM("OPTI"), 4, "\"OPTI\" looks like HTTP" },
	{ STREAM("\26\3\1\2\0\1\0\1\374\3\3"), 11,
	  "\"\\x16\\x03\\x01\\x02\\x00\\x01\\x00\\x01\\xFC\\x03\\x03\" looks like TLS" },
	{ STREAM("SSH-2.0-OpenSSH_9.2\r\n"), 3,
	  "\"SSH-2.0-OpenSSH_\" looks like SSH" },
	{ STREAM("temp=21.5\n"), 10, "\"temp=21.5\\n\" looks like text" },
	{ STREAM("\377\377\377\377\0"), 2, "\"\\xFF\\xFF\\xFF\\xFF\\x00\"" },
};

START_TEST(a_broken_frame_is_described_by_its_first_bytes)
{
	static const struct tt_framing c = LENGTH(4, MAX);
	const uint8_t *s = (const uint8_t *)heads[_i].stream;
	char buf[128];

	model.n = 0;
	framing_begin(&c);
	framing_feed(s, 0, heads[_i].cut, 1);
	framing_feed(s, heads[_i].cut, heads[_i].size - heads[_i].cut, 1);
	ck_assert(framer.broken);
	ck_assert_str_eq(tt_framer_describe(&framer, buf, sizeof buf), heads[_i].text);
	tt_framer_finish(&framer);
}
END_TEST

#define COUNT(cases) (int)(sizeof(cases) / sizeof(cases)[0])

Suite *
check_framing_suite(void)
{
	Suite *s = suite_create("framing");
	TCase *tc = tcase_create("framing");

	tcase_add_checked_fixture(tc, framing_setup, framing_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc,
	    text_streams_give_the_same_frames_however_they_are_cut, 0, COUNT(text_cases));
	tcase_add_loop_test(tc, lengths_give_the_same_frames_however_they_are_cut,
	    0, COUNT(length_cases));
	tcase_add_loop_test(tc,
	    random_streams_give_the_same_frames_however_they_are_cut, 0, 11);
	tcase_add_test(tc,
	    raw_gives_each_read_as_a_frame_and_an_empty_one_gives_none);
	tcase_add_test(tc, frames_are_slices_of_the_packets_that_hold_them_whole);
	tcase_add_test(tc, what_is_carried_grows_by_what_arrives);
	tcase_add_loop_test(tc, a_carried_frame_takes_no_more_than_a_largest_frame,
	    0, 4);
	tcase_add_loop_test(tc, thousands_of_small_frames_come_out_of_one_read, 0, 5);
	tcase_add_loop_test(tc,
	    a_frame_of_exactly_max_is_accepted_and_one_byte_more_is_not, 0, 3);
	tcase_add_test(tc, a_long_delimiter_costs_linear_time);
	tcase_add_test(tc, all_that_comes_after_the_break_is_dropped_and_counted);
	tcase_add_loop_test(tc, a_broken_frame_is_described_by_its_first_bytes,
	    0, COUNT(heads));
	suite_add_tcase(s, tc);
	return s;
}
