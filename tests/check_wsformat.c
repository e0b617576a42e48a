/* check_wsformat.c - plugins/wsformat.c, against decoders of its own. */
#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "config/node.h"
#include "plugins/wsformat.h"

Suite *check_wsformat_suite(void);

/* --- batches by hand ----------------------------------------------------- */

static struct tt_node node = { .path = "MasterThread/TCPServerThread/\"x\"" };
static struct tt_origin *origin;

struct bytes {
	const char *at;
	size_t size;
};
#define BYTES(literal) { literal, sizeof(literal) - 1 }

static void
setup(void)
{
	origin = calloc(1, sizeof *origin);
	origin->connection = 4711;
	origin->node = &node;
	origin->peer = "127.0.0.1:45678";
}

static void
teardown(void)
{
	free(origin);
}

/* A batch of N frames, each in a place of its own of one chunk. */
static struct tt_batch *
make_batch(const struct bytes *frames, uint32_t n)
{
	struct tt_batch *batch = calloc(1, sizeof *batch + n * sizeof batch->slices[0]);
	size_t size = 0;

	for (uint32_t i = 0; i < n; i++)
		size += frames[i].size;
	batch->chunk = calloc(1, sizeof *batch->chunk + size);
	batch->origin = origin;
	batch->first_seq = 99;
	batch->received_at = INT64_C(1795575845123456789);
	for (uint32_t i = 0; i < n; i++) {
		if (frames[i].size > 0)
			memcpy(batch->chunk->bytes + batch->chunk->used, frames[i].at,
			    frames[i].size);
		tt_batch_add(batch, batch->chunk->used, (uint32_t)frames[i].size);
		batch->chunk->used += (uint32_t)frames[i].size;
	}
	return batch;
}

static void
free_batch(struct tt_batch *batch)
{
	free(batch->chunk);
	free(batch);
}

/* --- a receiver's view ----------------------------------------------------- */

struct message {
	unsigned opcode;
	bool masked;
	size_t size;
	uint8_t *data;			/* with a NUL behind it */
};

/* Takes one message off *AT.  Fails the test where it is none. */
static struct message
next_message(const uint8_t **at, const uint8_t *end)
{
	static const uint8_t none[4];
	const uint8_t *p = *at, *key;
	struct message m;
	uint64_t size;

	ck_assert_int_ge(end - p, 2);
	ck_assert_uint_eq(p[0] & 0xf0, 0x80);
	m.masked = (p[1] & 0x80) != 0;
	m.opcode = p[0] & 15;
	size = p[1] & 0x7f;
	p += 2;
	if (size >= 126) {
		int n = size == 126 ? 2 : 8;

		size = 0;
		while (n-- > 0)
			size = size << 8 | *p++;
		ck_assert_uint_ge(size, p - *at == 4 ? 126 : 65536);
	}
	key = m.masked ? p : none;
	p += m.masked ? 4 : 0;
	ck_assert_int_ge(end - p, 0);
	ck_assert_uint_ge((uint64_t)(end - p), size);
	m.size = size;
	m.data = malloc(size + 1);
	for (uint64_t i = 0; i < size; i++)
		m.data[i] = p[i] ^ key[i & 3];
	m.data[size] = 0;
	*at = p + size;
	return m;
}

static uint64_t
number(const uint8_t *p, int n)
{
	uint64_t value = 0;

	while (n-- > 0)
		value = value << 8 | *p++;
	return value;
}

/* Encodes all of BATCH into blocks of ROOM as a sender does; returns the bytes. */
static uint8_t *
encode(struct tt_wsformat *f, const struct tt_batch *batch, uint64_t position,
    size_t room, size_t *size)
{
	uint8_t *all = NULL;
	struct tt_wsblock b = { .size = room };
	struct tt_wsitem item = { .batch = batch, .position = position, .channel = "data" };
	uint64_t need;
	bool text;

	*size = 0;
	b.data = malloc(room);
	while (item.i < batch->n) {
		ck_assert_int_eq(tt_wsformat_measure(f, &item, &need, &text), TT_WS_FITS);
		if (!tt_wsblock_fits(f, &b, need)) {
			bool open = b.head > 0;

			tt_wsformat_close(f, &b);
			if (open && tt_wsblock_fits(f, &b, need))
				continue;
			ck_assert_uint_gt(b.used, 0);
			all = realloc(all, *size + b.used);
			memcpy(all + *size, b.data, b.used);
			*size += b.used;
			b.used = 0;
			continue;
		}
		tt_wsformat_add(f, &b, &item, need, text);
		if (f->batch == TT_WS_NONE)
			tt_wsformat_close(f, &b);
		item.i++;
		item.position++;
	}
	tt_wsformat_close(f, &b);
	all = realloc(all, *size + b.used + 1);
	memcpy(all + *size, b.data, b.used);
	*size += b.used;
	free(b.data);
	return all;
}

/* --- raw ----------------------------------------------------------------- */

static const struct bytes frames[] = {
	BYTES("hello"), BYTES(""), BYTES("\0\xff\x80 not text"),
	BYTES("a frame of more than 125 bytes: .................................."
	    "..............................................................."),
	BYTES("x"),
};
enum { N_FRAMES = sizeof frames / sizeof frames[0] };

START_TEST(raw_is_one_binary_message_a_frame)
{
	static struct tt_wsformat f;
	struct tt_batch *batch = make_batch(frames, N_FRAMES);
	bool sequence = _i & 1, by_run = _i & 2, bare = _i & 4;
	struct tt_wsblock b = { .size = 4096, .data = malloc(4096) };
	struct tt_wsspan span = { .batch = batch, .n = N_FRAMES, .position = 1000 };
	const uint8_t *at, *end;
	uint8_t *all = NULL;
	uint64_t bytes;
	size_t size;

	tt_wsformat_init(&f, TT_WS_RAW, TT_WS_NONE, sequence, 1 << 20, "g");
	f.bare = bare;
	if (by_run) {
		ck_assert_uint_eq(tt_wsformat_run(&f, &b, &span, UINT64_MAX, &bytes), N_FRAMES);
		ck_assert_uint_eq(bytes, batch->bytes);
		at = b.data;
		end = at + b.used;
	} else {
		at = all = encode(&f, batch, 1000, 4096, &size);
		end = at + size;
	}
	for (int i = 0; i < N_FRAMES; i++) {
		struct message m = next_message(&at, end);
		const uint8_t *p = m.data;

		ck_assert_uint_eq(m.opcode, 2);
		ck_assert(m.masked == !bare);
		if (sequence) {
			ck_assert_uint_eq(number(p, 8), 1000 + (uint64_t)i);
			p += 8;
			m.size -= 8;
		}
		ck_assert_uint_eq(m.size, frames[i].size);
		ck_assert(memcmp(p, frames[i].at, m.size) == 0);
		free(m.data);
	}
	ck_assert_ptr_eq(at, end);
	free(all);
	free(b.data);
	free_batch(batch);
	tt_wsformat_finish(&f);
}
END_TEST

START_TEST(a_run_ends_where_the_room_the_limit_or_max_message_does)
{
	static struct tt_wsformat f;
	struct tt_batch *batch = make_batch(frames, N_FRAMES);
	struct tt_wsblock b = { .data = malloc(400) };
	struct tt_wsspan span = { .batch = batch, .n = N_FRAMES, .position = 1 };
	uint64_t bytes;

	tt_wsformat_init(&f, TT_WS_RAW, TT_WS_NONE, false, 1 << 20, "g");
	for (b.size = 0; b.size < 400; b.size++) {
		uint32_t n;
		size_t need = 0;

		b.used = 0;
		n = tt_wsformat_run(&f, &b, &span, UINT64_MAX, &bytes);
		ck_assert_uint_le(b.used, b.size);
		for (uint32_t i = 0; i < n; i++)
			need += frames[i].size + tt_wsframe_head_size(frames[i].size);
		ck_assert_uint_eq(b.used, need);
		ck_assert(n == N_FRAMES || need + frames[n].size +
		    tt_wsframe_head_size(frames[n].size) > b.size);
	}
	b.used = 0;
	ck_assert_uint_eq(tt_wsformat_run(&f, &b, &span, 1, &bytes), 1);
	b.used = 0;
	ck_assert_uint_eq(tt_wsformat_run(&f, &b, &span, 6, &bytes), 3);
	f.max_message = 5;
	b.used = 0;
	ck_assert_uint_eq(tt_wsformat_run(&f, &b, &span, UINT64_MAX, &bytes), 2);
	free(b.data);
	free_batch(batch);
	tt_wsformat_finish(&f);
}
END_TEST

START_TEST(raw_lengths_and_lines_fill_messages)
{
	static struct tt_wsformat f;
	struct tt_batch *batch = make_batch(frames, N_FRAMES);
	bool sequence = _i & 1, lines = _i & 2, small = _i & 4, bare = _i & 8;
	const uint8_t *at, *end;
	uint8_t *all;
	size_t size;
	int i = 0, messages = 0;

	tt_wsformat_init(&f, TT_WS_RAW, lines ? TT_WS_NEWLINE : TT_WS_LENGTH, sequence,
	    small ? 150 : 1 << 20, "g");
	f.bare = bare;
	at = all = encode(&f, batch, 500, 4096, &size);
	end = at + size;
	while (at < end) {
		struct message m = next_message(&at, end);
		const uint8_t *p = m.data, *stop = p + m.size;

		messages++;
		ck_assert_uint_eq(m.opcode, 2);
		ck_assert(m.masked == !bare);
		ck_assert_uint_le(m.size, f.max_message);
		if (sequence) {
			ck_assert_uint_eq(number(p, 8), 500 + (uint64_t)i);
			p += 8;
		}
		while (p < stop) {
			size_t n = lines ? (size_t)((const uint8_t *)memchr(p, '\n',
			    (size_t)(stop - p)) - p) : number(p, 4);

			if (!lines)
				p += 4;
			ck_assert_int_lt(i, N_FRAMES);
			ck_assert_uint_eq(n, frames[i].size);
			ck_assert(memcmp(p, frames[i].at, n) == 0);
			p += n + lines;
			i++;
		}
		free(m.data);
	}
	ck_assert_int_eq(i, N_FRAMES);
	ck_assert_int_eq(messages > 1, small);
	free(all);
	free_batch(batch);
	tt_wsformat_finish(&f);
}
END_TEST

START_TEST(messages_of_every_size_around_a_header_s_end_are_whole)
{
	static struct tt_wsformat f;
	static char payload[70000];
	static const int around[] = { 120, 1 << 15, 65530 };
	size_t size;

	memset(payload, 'p', sizeof payload);
	tt_wsformat_init(&f, TT_WS_RAW, TT_WS_NEWLINE, false, 1 << 20, "g");
	for (int n = around[_i]; n < around[_i] + 12; n++) {
		struct bytes both[2] = { { payload, (size_t)n }, { "q", 1 } };
		struct tt_batch *batch = make_batch(both, 2);
		size_t room = (size_t)n + 1 + TT_WSFRAME_HEAD;
		uint8_t *all = encode(&f, batch, 1, room, &size);
		const uint8_t *at = all, *end = all + size;
		size_t got = 0;

		while (at < end) {
			struct message m = next_message(&at, end);

			got += m.size;
			ck_assert_uint_eq(m.data[m.size - 1], '\n');
			free(m.data);
		}
		ck_assert_uint_eq(got, (size_t)n + 3);
		free(all);
		free_batch(batch);
	}
	tt_wsformat_finish(&f);
}
END_TEST

START_TEST(a_frame_that_cannot_be_sent_is_refused)
{
	static struct tt_wsformat f;
	struct bytes lf[2] = { BYTES("two\nlines"), BYTES("0123456789") };
	struct tt_batch *batch = make_batch(lf, 2);
	struct tt_wsitem item = { .batch = batch, .position = 1, .channel = "data" };
	uint64_t size;
	bool text;

	tt_wsformat_init(&f, TT_WS_RAW, TT_WS_NEWLINE, false, 11, "g");
	ck_assert_int_eq(tt_wsformat_measure(&f, &item, &size, &text), TT_WS_HAS_NEWLINE);
	item.i = 1;
	ck_assert_int_eq(tt_wsformat_measure(&f, &item, &size, &text), TT_WS_FITS);
	f.max_message = 10;
	ck_assert_int_eq(tt_wsformat_measure(&f, &item, &size, &text), TT_WS_TOO_LONG);
	f.max_message = 18;
	f.sequence = true;
	ck_assert_int_eq(tt_wsformat_measure(&f, &item, &size, &text), TT_WS_TOO_LONG);
	f.max_message = 19;
	ck_assert_int_eq(tt_wsformat_measure(&f, &item, &size, &text), TT_WS_FITS);
	free_batch(batch);
	tt_wsformat_finish(&f);
}
END_TEST

/* --- envelope ------------------------------------------------------------ */

START_TEST(an_envelope_says_who_and_when)
{
	static struct tt_wsformat f;
	struct tt_batch *batch = make_batch(frames, N_FRAMES);
	const uint8_t *at, *end;
	uint8_t *all;
	size_t size;
	int i = 0;

	tt_wsformat_init(&f, TT_WS_ENVELOPE, _i & 1 ? TT_WS_LENGTH : TT_WS_NONE, _i & 2,
	    1 << 20, "g");
	at = all = encode(&f, batch, UINT64_C(1) << 40, 4096, &size);
	end = at + size;
	while (at < end) {
		struct message m = next_message(&at, end);
		const uint8_t *p = m.data;

		ck_assert_uint_eq(m.opcode, 2);
		while (p < m.data + m.size) {
			size_t n = number(p + 4, 4);

			ck_assert_uint_eq(number(p, 4), 0x01000000);
			ck_assert_uint_eq(number(p + 8, 8), (UINT64_C(1) << 40) + (uint64_t)i);
			ck_assert_uint_eq(number(p + 16, 8), 4711);
			ck_assert_uint_eq(number(p + 24, 8), 99 + (uint64_t)i);
			ck_assert_uint_eq(number(p + 32, 8), UINT64_C(1795575845123456789));
			ck_assert_uint_eq(n, frames[i].size);
			ck_assert(memcmp(p + 40, frames[i].at, n) == 0);
			p += 40 + n;
			i++;
		}
		if (!(_i & 1))
			ck_assert_uint_eq(m.size, 40 + frames[i - 1].size);
		free(m.data);
	}
	ck_assert_int_eq(i, N_FRAMES);
	free(all);
	free_batch(batch);
	tt_wsformat_finish(&f);
}
END_TEST

/* --- json ---------------------------------------------------------------- */

static const struct {
	struct bytes frame;
	const char *base64;		/* NULL: it is text */
} texts[] = {
	{ BYTES("hello"), NULL },
	{ BYTES(""), NULL },
	{ BYTES("nul \0 here"), NULL },
	{ BYTES("\b\t\n\f\r\"\\/\x01\x1f\x7f"), NULL },
	{ BYTES("\xc2\x80 \xdf\xbf \xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xef\xbf\xbf"), NULL },
	{ BYTES("\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf"), NULL },
	{ BYTES("\xff"), "/w==" },
	{ BYTES("\xc0\x80"), "wIA=" },			/* too long for NUL */
	{ BYTES("\xe0\x9f\xbf"), "4J+/" },		/* too long for U+07FF */
	{ BYTES("\xf0\x8f\xbf\xbf"), "8I+/vw==" },	/* too long for U+FFFF */
	{ BYTES("\xed\xa0\x80"), "7aCA" },		/* a surrogate */
	{ BYTES("\xf4\x90\x80\x80"), "9JCAgA==" },	/* beyond U+10FFFF */
	{ BYTES("cut \xe2\x82"), "Y3V0IOKC" },
	{ BYTES("\x80"), "gA==" },
	{ BYTES("abc\xfe"), "YWJj/g==" },
	{ BYTES("abcd\xfe"), "YWJjZP4=" },
};
enum { N_TEXTS = sizeof texts / sizeof texts[0] };

static const char *
string(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

START_TEST(json_is_an_object_with_keys_in_order)
{
	static struct tt_wsformat f;
	static const char *keys[] = { "gateway", "node", "channel", "connection", "seq",
		"time", "peer" };
	struct bytes all_frames[N_TEXTS];
	struct tt_batch *batch;
	const uint8_t *at, *end;
	uint8_t *all;
	size_t size;
	int i = 0;
	bool sequence = _i & 1, lines = _i & 2;

	for (int k = 0; k < N_TEXTS; k++)
		all_frames[k] = texts[k].frame;
	batch = make_batch(all_frames, N_TEXTS);
	tt_wsformat_init(&f, TT_WS_JSON, lines ? TT_WS_NEWLINE : TT_WS_NONE, sequence,
	    1 << 20, "site \"7\"\t\xff");
	at = all = encode(&f, batch, 12345678901, 4096, &size);
	end = at + size;
	while (at < end) {
		struct message m = next_message(&at, end);
		char *p = (char *)m.data, *stop = p + m.size;

		ck_assert_uint_eq(m.opcode, 1);
		ck_assert(memchr(p, 0, m.size) == NULL);
		while (p < stop) {
			size_t n = lines ? (size_t)(strchr(p, '\n') - p) : m.size;
			json_error_t error;
			json_t *o = json_loadb(p, n, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES,
			    &error), *payload;
			const char *last = p;

			ck_assert_msg(o != NULL, "%s: %.*s", error.text, (int)n, p);
			for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
				char quoted[32];

				sprintf(quoted, "\"%s\":", keys[k]);
				ck_assert_ptr_nonnull(strstr(last, quoted));
				last = strstr(last, quoted);
			}
			ck_assert_str_eq(string(o, "gateway"), "site \"7\"\t\xef\xbf\xbd");
			ck_assert_str_eq(string(o, "node"), node.path);
			ck_assert_str_eq(string(o, "channel"), "data");
			ck_assert_str_eq(string(o, "peer"), "127.0.0.1:45678");
			ck_assert_str_eq(string(o, "time"), "2026-11-25T03:04:05.123456789Z");
			ck_assert_int_eq(json_integer_value(json_object_get(o, "connection")), 4711);
			ck_assert_int_eq(json_integer_value(json_object_get(o, "seq")), 99 + i);
			ck_assert_uint_eq(json_object_size(o), sequence ? 9 : 8);
			if (sequence)
				ck_assert_int_eq(json_integer_value(json_object_get(o,
				    "position")), 12345678901 + i);
			payload = json_object_get(o, texts[i].base64 ? "base64" : "text");
			ck_assert_ptr_nonnull(payload);
			if (texts[i].base64 != NULL) {
				ck_assert_str_eq(json_string_value(payload), texts[i].base64);
			} else {
				ck_assert_uint_eq(json_string_length(payload),
				    texts[i].frame.size);
				ck_assert(memcmp(json_string_value(payload),
				    texts[i].frame.at, texts[i].frame.size) == 0);
			}
			json_decref(o);
			p += n + lines;
			i++;
		}
		free(m.data);
	}
	ck_assert_int_eq(i, N_TEXTS);
	free(all);
	free_batch(batch);
	tt_wsformat_finish(&f);
}
END_TEST

START_TEST(what_json_keeps_changes_with_connection_channel_and_time)
{
	static struct tt_wsformat f;
	struct bytes frame = BYTES("x");
	struct tt_batch *batch = make_batch(&frame, 1);
	static const struct {
		uint64_t connection;
		const char *channel, *time;
		int64_t received_at;
	} steps[] = {
		{ 1, "data", "1970-01-01T00:00:00.000000000Z", 0 },
		{ 2, "data", "1970-01-01T00:00:00.000000001Z", 1 },
		{ 2, "alarms", "1969-12-31T23:59:59.999999999Z", -1 },
		{ 2, "alarms", "2000-02-29T23:59:59.000000000Z", 951868799000000000 },
		{ 3, "data", "2000-03-01T00:00:00.000000000Z", 951868800000000000 },
		{ 1, "data", "2100-03-01T00:00:00.000000000Z", 4107542400000000000 },
		{ 1, "data", "2262-04-11T23:47:16.854775807Z", INT64_MAX },
	};

	tt_wsformat_init(&f, TT_WS_JSON, TT_WS_NONE, false, 1 << 20, "g");
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		struct tt_wsitem item = { .batch = batch, .channel = steps[i].channel };
		struct tt_wsblock b = { .size = 4096, .data = malloc(4096) };
		const uint8_t *at = b.data;
		struct message m;
		uint64_t size;
		json_t *o;
		bool text;

		origin->connection = steps[i].connection;
		batch->received_at = steps[i].received_at;
		tt_wsformat_measure(&f, &item, &size, &text);
		tt_wsformat_add(&f, &b, &item, size, text);
		tt_wsformat_close(&f, &b);
		m = next_message(&at, b.data + b.used);
		o = json_loadb((char *)m.data, m.size, 0, NULL);
		ck_assert_ptr_nonnull(o);
		ck_assert_str_eq(string(o, "time"), steps[i].time);
		ck_assert_str_eq(string(o, "channel"), steps[i].channel);
		ck_assert_int_eq(json_integer_value(json_object_get(o, "connection")),
		    (json_int_t)steps[i].connection);
		json_decref(o);
		free(m.data);
		free(b.data);
	}
	free_batch(batch);
	tt_wsformat_finish(&f);
}
END_TEST

START_TEST(no_frame_takes_more_than_the_worst)
{
	static struct tt_wsformat f;
	static const struct {
		enum tt_wsformat_type type;
		enum tt_wsformat_batch batch;
	} pairs[] = {
		{ TT_WS_RAW, TT_WS_NONE }, { TT_WS_RAW, TT_WS_LENGTH },
		{ TT_WS_RAW, TT_WS_NEWLINE }, { TT_WS_ENVELOPE, TT_WS_NONE },
		{ TT_WS_ENVELOPE, TT_WS_LENGTH }, { TT_WS_JSON, TT_WS_NONE },
		{ TT_WS_JSON, TT_WS_NEWLINE },
	};
	char payload[300];
	struct bytes frame = { payload, 0 };
	uint64_t size;
	bool text;

	for (size_t k = 0; k < sizeof pairs / sizeof pairs[0]; k++) {
		for (int fill = 0; fill < 256; fill += 51) {
			memset(payload, fill, sizeof payload);
			for (frame.size = 0; frame.size <= sizeof payload; frame.size++) {
				struct tt_batch *batch = make_batch(&frame, 1);
				struct tt_wsitem item = { .batch = batch,
					.position = UINT64_C(1) << 53, .channel = "data" };

				origin->connection = UINT64_C(1) << 53;
				batch->first_seq = UINT64_MAX;
				tt_wsformat_init(&f, pairs[k].type, pairs[k].batch, true,
				    UINT64_MAX, "gateway");
				tt_wsformat_measure(&f, &item, &size, &text);
				ck_assert_uint_le(size + tt_wsformat_prefix(&f),
				    tt_wsformat_worst(pairs[k].type, pairs[k].batch, true,
				    frame.size, strlen("gateway") + strlen(node.path) + 4));
				tt_wsformat_finish(&f);
				free_batch(batch);
			}
		}
	}
}
END_TEST

/* --- ack N --------------------------------------------------------------- */

static const struct {
	struct bytes text;
	int64_t n;			/* -1: is none */
} acks[] = {
	{ BYTES("ack 0"), 0 },
	{ BYTES("ack 7"), 7 },
	{ BYTES("ack 007"), 7 },
	{ BYTES("ack 9007199254740992"), INT64_C(9007199254740992) },
	{ BYTES("ack 18446744073709551616"), -1 },	/* 2^64 */
	{ BYTES("ack 99999999999999999999"), -1 },
	{ BYTES("ack 000000000000000000001"), -1 },	/* too many digits */
	{ BYTES(""), -1 },
	{ BYTES("ack"), -1 },
	{ BYTES("ack "), -1 },
	{ BYTES("ack  1"), -1 },
	{ BYTES(" ack 1"), -1 },
	{ BYTES("ack 1 "), -1 },
	{ BYTES("ack 1\n"), -1 },
	{ BYTES("ack 1\0"), -1 },
	{ BYTES("ack +1"), -1 },
	{ BYTES("ack -1"), -1 },
	{ BYTES("ack 0x1"), -1 },
	{ BYTES("ACK 1"), -1 },
	{ BYTES("ack\t1"), -1 },
	{ BYTES("nack 1"), -1 },
};

START_TEST(an_acknowledgement_is_a_plain_number)
{
	uint64_t n = 4711;

	ck_assert_int_eq(tt_wsformat_parse_ack(acks[_i].text.at, acks[_i].text.size, &n),
	    acks[_i].n >= 0);
	ck_assert_int_eq((int64_t)n, acks[_i].n >= 0 ? acks[_i].n : 4711);
}
END_TEST

START_TEST(the_largest_number_is_a_number)
{
	uint64_t n;

	ck_assert(tt_wsformat_parse_ack("ack 18446744073709551615", 24, &n));
	ck_assert_uint_eq(n, UINT64_MAX);
}
END_TEST

Suite *
check_wsformat_suite(void)
{
	Suite *suite = suite_create("wsformat");
	TCase *tcase = tcase_create("wsformat");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, raw_is_one_binary_message_a_frame, 0, 8);
	tcase_add_test(tcase, a_run_ends_where_the_room_the_limit_or_max_message_does);
	tcase_add_loop_test(tcase, raw_lengths_and_lines_fill_messages, 0, 16);
	tcase_add_loop_test(tcase, messages_of_every_size_around_a_header_s_end_are_whole,
	    0, 3);
	tcase_add_test(tcase, a_frame_that_cannot_be_sent_is_refused);
	tcase_add_loop_test(tcase, an_envelope_says_who_and_when, 0, 4);
	tcase_add_loop_test(tcase, json_is_an_object_with_keys_in_order, 0, 4);
	tcase_add_test(tcase, what_json_keeps_changes_with_connection_channel_and_time);
	tcase_add_test(tcase, no_frame_takes_more_than_the_worst);
	tcase_add_loop_test(tcase, an_acknowledgement_is_a_plain_number, 0,
	    sizeof acks / sizeof acks[0]);
	tcase_add_test(tcase, the_largest_number_is_a_number);
	suite_add_tcase(suite, tcase);
	return suite;
}
