/* wsformat.c - frames as the messages of a websocket destination. */
#include "plugins/wsformat.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/node.h"
#include "config/utf8.h"
#include "daemon/memory.h"

/* What stands around a payload in json, beside the kept text. */
#define WSFORMAT_POSITION ",\"position\":"
#define WSFORMAT_TEXT ",\"text\":\""
#define WSFORMAT_BASE64 ",\"base64\":\""
#define WSFORMAT_LENGTH(literal) (sizeof(literal) - 1)

/* The bytes that an ASCII character takes in a JSON string: itself, \n, \u001b. */
static const uint8_t wsformat_width[128] = {
	6, 6, 6, 6, 6, 6, 6, 6, 2, 2, 2, 6, 2, 2, 6, 6,
	6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6,
	1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1,
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
};

/* --- pieces of text ------------------------------------------------------ */

static unsigned
wsformat_digits(uint64_t n)
{
	unsigned digits = 1;

	for (; n >= 10; n /= 10)
		digits++;
	return digits;
}

static uint8_t *
wsformat_put_number(uint8_t *out, uint64_t n)
{
	uint8_t *end = out + wsformat_digits(n), *p = end;

	do {
		*--p = (uint8_t)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	return end;
}

static uint8_t *
wsformat_put(uint8_t *out, const char *text, size_t size)
{
	memcpy(out, text, size);
	return out + size;
}

/* Bytes of the string's inside in JSON, or -1 if it is not UTF-8. */
static int64_t
wsformat_text_size(const uint8_t *text, size_t size)
{
	int64_t sum = 0;
	uint32_t code;
	size_t i = 0, n;

	while (i < size) {
		if (text[i] < 0x80) {
			sum += wsformat_width[text[i++]];
			continue;
		}
		n = tt_utf8_decode((const char *)text + i, size - i, &code);
		if (n == 0)
			return -1;
		sum += (int64_t)n;
		i += n;
	}
	return sum;
}

static uint8_t *
wsformat_put_text(uint8_t *out, const uint8_t *text, size_t size)
{
	static const char hex[] = "0123456789abcdef";
	uint8_t c;

	for (size_t i = 0; i < size; i++) {
		c = text[i];
		if (c >= 0x80 || wsformat_width[c] == 1) {
			*out++ = c;
			continue;
		}
		*out++ = '\\';
		switch (c) {
		case '\b': *out++ = 'b'; break;
		case '\t': *out++ = 't'; break;
		case '\n': *out++ = 'n'; break;
		case '\f': *out++ = 'f'; break;
		case '\r': *out++ = 'r'; break;
		case '"': *out++ = '"'; break;
		case '\\': *out++ = '\\'; break;
		default:
			out = wsformat_put(out, "u00", 3);
			*out++ = (uint8_t)hex[c >> 4];
			*out++ = (uint8_t)hex[c & 15];
		}
	}
	return out;
}

static uint8_t *
wsformat_put_base64(uint8_t *out, const uint8_t *p, size_t size)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t v;

	for (; size >= 3; size -= 3, p += 3) {
		v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
		*out++ = (uint8_t)digits[v >> 18];
		*out++ = (uint8_t)digits[v >> 12 & 63];
		*out++ = (uint8_t)digits[v >> 6 & 63];
		*out++ = (uint8_t)digits[v & 63];
	}
	if (size > 0) {
		v = (uint32_t)p[0] << 16 | (size == 2 ? (uint32_t)p[1] << 8 : 0);
		*out++ = (uint8_t)digits[v >> 18];
		*out++ = (uint8_t)digits[v >> 12 & 63];
		*out++ = (uint8_t)(size == 2 ? digits[v >> 6 & 63] : '=');
		*out++ = '=';
	}
	return out;
}

/* A name, which may be anything in a file but is UTF-8, or else is made so. */
static uint8_t *
wsformat_put_name(uint8_t *out, const char *name)
{
	size_t size = strlen(name), n;
	uint32_t code;

	for (size_t i = 0; i < size; i += n) {
		n = tt_utf8_decode(name + i, size - i, &code);
		if (n > 0) {
			out = wsformat_put_text(out, (const uint8_t *)name + i, n);
		} else {
			out = wsformat_put(out, "\xef\xbf\xbd", 3);	/* U+FFFD */
			n = 1;
		}
	}
	return out;
}

/* --- what json keeps ----------------------------------------------------- */

/* ,"time":"2026-11-25T03:04:05.123456789Z" for NS since 1970 (RFC 3339).  The date
 * is counted from 1 March, so that the leap day is a year's last. */
static void
wsformat_keep_time(struct tt_wsformat *f, int64_t ns)
{
	const int64_t billion = 1000000000;
	int64_t seconds = ns / billion - (ns % billion < 0), day, era, rest, year;
	unsigned fraction = (unsigned)(ns - seconds * billion), in_year, month, second;

	day = seconds / 86400 - (seconds % 86400 < 0);
	second = (unsigned)(seconds - day * 86400);
	day += 719468;				/* since 1 March of the year 0 */
	era = (day >= 0 ? day : day - 146096) / 146097;
	rest = day - era * 146097;
	year = (rest - rest / 1460 + rest / 36524 - rest / 146096) / 365;
	in_year = (unsigned)(rest - (365 * year + year / 4 - year / 100));
	month = (5 * in_year + 2) / 153;
	day = in_year - (153 * month + 2) / 5 + 1;
	year += era * 400 + (month >= 10);
	month = month < 10 ? month + 3 : month - 9;
	f->time_size = (size_t)sprintf(f->time,
	    ",\"time\":\"%04d-%02u-%02uT%02u:%02u:%02u.%09uZ\"", (int)year, month,
	    (unsigned)day, second / 3600, second / 60 % 60, second % 60, fraction);
	f->received_at = ns;
}

static void
wsformat_keep(struct tt_wsformat *f, const struct tt_origin *origin,
    const char *channel, int64_t received_at)
{
	const char *node = origin->node->path;
	uint8_t *p;

	if (f->connection != origin->connection || f->channel != channel) {
		f->head = tt_xrealloc(f->head, 6 * (strlen(f->gateway) + strlen(node) +
		    strlen(channel)) + 96);
		p = (uint8_t *)f->head;
		p = wsformat_put(p, "{\"gateway\":\"", 12);
		p = wsformat_put_name(p, f->gateway);
		p = wsformat_put(p, "\",\"node\":\"", 10);
		p = wsformat_put_name(p, node);
		p = wsformat_put(p, "\",\"channel\":\"", 13);
		p = wsformat_put_name(p, channel);
		p = wsformat_put(p, "\",\"connection\":", 15);
		p = wsformat_put_number(p, origin->connection);
		p = wsformat_put(p, ",\"seq\":", 7);
		f->head_size = (size_t)(p - (uint8_t *)f->head);

		f->peer = tt_xrealloc(f->peer, 6 * strlen(origin->peer) + 16);
		p = (uint8_t *)f->peer;
		p = wsformat_put(p, ",\"peer\":\"", 9);
		p = wsformat_put_name(p, origin->peer);
		*p++ = '"';
		f->peer_size = (size_t)(p - (uint8_t *)f->peer);

		f->connection = origin->connection;
		f->channel = channel;
	}
	if (f->time_size == 0 || f->received_at != received_at)
		wsformat_keep_time(f, received_at);
}

void
tt_wsformat_init(struct tt_wsformat *f, enum tt_wsformat_type type,
    enum tt_wsformat_batch batch, bool sequence, uint64_t max_message,
    const char *gateway)
{
	memset(f, 0, sizeof *f);
	f->type = type;
	f->batch = batch;
	f->sequence = sequence;
	f->max_message = max_message;
	f->gateway = gateway;
	if (type == TT_WS_JSON)
		f->time = tt_xmalloc(64);
}

void
tt_wsformat_finish(struct tt_wsformat *f)
{
	free(f->head);
	free(f->time);
	free(f->peer);
	memset(f, 0, sizeof *f);
}

/* --- measure ------------------------------------------------------------- */

uint64_t
tt_wsformat_worst(enum tt_wsformat_type type, enum tt_wsformat_batch batch,
    bool sequence, uint64_t size, uint64_t names)
{
	switch (type) {
	case TT_WS_RAW:
		return size + (batch == TT_WS_NEWLINE ? 1 : batch == TT_WS_LENGTH ? 4 : 0) +
		    (sequence ? 8 : 0);
	case TT_WS_ENVELOPE:
		return size + TT_WS_ENVELOPE_SIZE;
	case TT_WS_JSON:
		/* Every byte \u0000; keys, numbers, time; a peer, at most
		 * unix: and the 108 bytes of a socket's path. */
		return 6 * size + 6 * names + 256 + 6 * 128;
	}
	return 0;
}

static uint64_t
wsformat_json_size(struct tt_wsformat *f, const struct tt_wsitem *item, bool *text)
{
	const struct tt_batch *batch = item->batch;
	size_t length = batch->slices[item->i].length;
	int64_t inside = wsformat_text_size(tt_batch_bytes(batch, item->i), length);
	uint64_t size;

	wsformat_keep(f, batch->origin, item->channel, batch->received_at);
	*text = inside >= 0;
	size = f->head_size + wsformat_digits(batch->first_seq + item->i) +
	    f->time_size + f->peer_size + 2;
	size += *text ? WSFORMAT_LENGTH(WSFORMAT_TEXT) + (uint64_t)inside :
	    WSFORMAT_LENGTH(WSFORMAT_BASE64) + (uint64_t)(length + 2) / 3 * 4;
	if (f->sequence)
		size += WSFORMAT_LENGTH(WSFORMAT_POSITION) + wsformat_digits(item->position);
	return size + (f->batch == TT_WS_NEWLINE);
}

enum tt_wsformat_verdict
tt_wsformat_measure(struct tt_wsformat *f, const struct tt_wsitem *item,
    uint64_t *size, bool *text)
{
	uint32_t length = item->batch->slices[item->i].length;

	*text = false;
	*size = length;
	switch (f->type) {
	case TT_WS_RAW:
		if (f->batch == TT_WS_LENGTH)
			*size += 4;
		if (f->batch == TT_WS_NEWLINE)
			*size += 1;
		break;
	case TT_WS_JSON:
		*size = wsformat_json_size(f, item, text);
		break;
	case TT_WS_ENVELOPE:
		*size += TT_WS_ENVELOPE_SIZE;
		break;
	}
	if (*size + tt_wsformat_prefix(f) > f->max_message)
		return TT_WS_TOO_LONG;
	if (f->type == TT_WS_RAW && f->batch == TT_WS_NEWLINE && length > 0 &&
	    memchr(tt_batch_bytes(item->batch, item->i), '\n', length) != NULL)
		return TT_WS_HAS_NEWLINE;
	return TT_WS_FITS;
}

/* --- messages ------------------------------------------------------------ */

/* A header has 8 bytes, or 14 where the first frame alone needs them; what is then
 * too much is closed up. */
static size_t
wsformat_head(uint64_t payload)
{
	return payload < 65536 ? 8 : 14;
}

bool
tt_wsblock_fits(const struct tt_wsformat *f, const struct tt_wsblock *b, uint64_t size)
{
	uint64_t payload;

	if (b->head == 0) {
		payload = tt_wsformat_prefix(f) + size;
		return b->used + wsformat_head(payload) + payload <= b->size;
	}
	payload = b->used - b->message - b->head + size;
	return b->used + size <= b->size && payload <= f->max_message &&
	    wsformat_head(payload) == b->head;
}

static uint8_t *
wsformat_put_json(const struct tt_wsformat *f, uint8_t *out,
    const struct tt_wsitem *item, bool text)
{
	const struct tt_batch *batch = item->batch;
	const uint8_t *payload = tt_batch_bytes(batch, item->i);
	size_t length = batch->slices[item->i].length;

	out = wsformat_put(out, f->head, f->head_size);
	out = wsformat_put_number(out, batch->first_seq + item->i);
	out = wsformat_put(out, f->time, f->time_size);
	out = wsformat_put(out, f->peer, f->peer_size);
	if (f->sequence) {
		out = wsformat_put(out, WSFORMAT_POSITION,
		    WSFORMAT_LENGTH(WSFORMAT_POSITION));
		out = wsformat_put_number(out, item->position);
	}
	if (text) {
		out = wsformat_put(out, WSFORMAT_TEXT, WSFORMAT_LENGTH(WSFORMAT_TEXT));
		out = wsformat_put_text(out, payload, length);
	} else {
		out = wsformat_put(out, WSFORMAT_BASE64, WSFORMAT_LENGTH(WSFORMAT_BASE64));
		out = wsformat_put_base64(out, payload, length);
	}
	*out++ = '"';
	*out++ = '}';
	if (f->batch == TT_WS_NEWLINE)
		*out++ = '\n';
	return out;
}

static uint8_t *
wsformat_put_envelope(uint8_t *out, const struct tt_wsitem *item)
{
	const struct tt_batch *batch = item->batch;

	out = tt_wsframe_u32(out, 1u << 24);	/* version 1, no flags */
	out = tt_wsframe_u32(out, batch->slices[item->i].length);
	out = tt_wsframe_u64(out, item->position);
	out = tt_wsframe_u64(out, batch->origin->connection);
	out = tt_wsframe_u64(out, batch->first_seq + item->i);
	return tt_wsframe_u64(out, (uint64_t)batch->received_at);
}

void
tt_wsformat_add(struct tt_wsformat *f, struct tt_wsblock *b,
    const struct tt_wsitem *item, uint64_t size, bool text)
{
	uint32_t length = item->batch->slices[item->i].length;
	uint8_t *out;

	assert(tt_wsblock_fits(f, b, size));
	if (b->head == 0) {
		b->message = b->used;
		b->head = wsformat_head(tt_wsformat_prefix(f) + size);
		b->used += b->head;
		if (tt_wsformat_prefix(f) > 0) {
			tt_wsframe_u64(b->data + b->used, item->position);
			b->used += 8;
		}
	}
	out = b->data + b->used;
	b->used += size;
	if (f->type == TT_WS_JSON) {
		out = wsformat_put_json(f, out, item, text);
		assert(out == b->data + b->used);
		return;
	}
	if (f->type == TT_WS_ENVELOPE)
		out = wsformat_put_envelope(out, item);
	else if (f->batch == TT_WS_LENGTH)
		out = tt_wsframe_u32(out, length);
	memcpy(out, tt_batch_bytes(item->batch, item->i), length);
	if (f->batch == TT_WS_NEWLINE)
		out[length] = '\n';
}

void
tt_wsformat_close(struct tt_wsformat *f, struct tt_wsblock *b)
{
	enum tt_wsopcode opcode = f->type == TT_WS_JSON ? TT_WS_TEXT : TT_WS_BINARY;
	size_t payload = b->used - b->message - b->head, shift;
	uint8_t *start = b->data + b->message, *out;
	uint32_t key = 0;

	if (b->head == 0)
		return;
	if (!f->bare)
		key = tt_wskey(&f->keys);
	out = f->bare ? tt_wsframe_bare_head(start, opcode, payload) :
	    tt_wsframe_head(start, opcode, payload, key);
	shift = (size_t)(start + b->head - out);
	if (shift > 0)
		memmove(out, out + shift, payload);
	if (!f->bare)
		tt_wsframe_mask(out, out, payload, key);
	b->used -= shift;
	b->head = 0;
}

uint32_t
tt_wsformat_run(struct tt_wsformat *f, struct tt_wsblock *b,
    const struct tt_wsspan *span, uint64_t limit, uint64_t *bytes)
{
	const struct tt_slice *slice = &span->batch->slices[span->at];
	const uint8_t *chunk = span->batch->chunk->bytes, *end = b->data + b->size;
	const size_t prefix = tt_wsformat_prefix(f);
	uint8_t *out = b->data + b->used;
	uint64_t sum = 0, size;
	uint32_t key = 0, i;

	for (i = 0; i < span->n && sum < limit; i++, slice++) {
		size = prefix + slice->length;
		if (size > f->max_message ||
		    tt_wsframe_head_size(size) + size > (uint64_t)(end - out))
			break;
		if (f->bare) {
			out = tt_wsframe_bare_head(out, TT_WS_BINARY, size);
		} else {
			key = tt_wskey(&f->keys);
			out = tt_wsframe_head(out, TT_WS_BINARY, size, key);
		}
		if (prefix > 0) {
			tt_wsframe_u64(out, span->position + i);
			tt_wsframe_mask(out, out, 8, key);
			out += 8;
		}
		tt_wsframe_mask(out, chunk + slice->at, slice->length, key);
		out += slice->length;
		sum += slice->length;
	}
	b->used = (size_t)(out - b->data);
	*bytes = sum;
	return i;
}

/* Makes room in B, which is empty, for a message of its own that is larger. */
static void
wsformat_grow(const struct tt_wsformat *f, struct tt_wsblock *b, uint64_t size)
{
	b->size = size + tt_wsformat_prefix(f) + TT_WSFRAME_HEAD;
	b->data = tt_xrealloc(b->data, b->size + TT_WSFRAME_PING);
}

enum tt_wsformat_verdict
tt_wsformat_encode(struct tt_wsformat *f, struct tt_wsblock *b,
    const struct tt_wsitem *item)
{
	enum tt_wsformat_verdict verdict;
	uint64_t size;
	bool text;

	verdict = tt_wsformat_measure(f, item, &size, &text);
	if (verdict != TT_WS_FITS || !tt_wsblock_fits(f, b, size))
		tt_wsformat_close(f, b);
	if (verdict != TT_WS_FITS)
		return verdict;
	if (!tt_wsblock_fits(f, b, size)) {
		if (b->used > 0)
			return TT_WS_FULL;
		wsformat_grow(f, b, size);
	}
	tt_wsformat_add(f, b, item, size, text);
	if (f->batch == TT_WS_NONE)
		tt_wsformat_close(f, b);
	return TT_WS_FITS;
}

void
tt_wsblock_init(struct tt_wsblock *b)
{
	*b = (struct tt_wsblock){ .size = TT_WS_BLOCK };
	b->data = tt_xmalloc_aligned(TT_WS_BLOCK + TT_WSFRAME_PING);
}

void
tt_wsblock_reset(struct tt_wsblock *b)
{
	b->used = 0;
	if (b->size == TT_WS_BLOCK)
		return;
	free(b->data);
	tt_wsblock_init(b);
}

void
tt_wsblock_finish(struct tt_wsblock *b)
{
	free(b->data);
	b->data = NULL;
}

bool
tt_wsformat_parse_ack(const char *text, size_t size, uint64_t *n)
{
	uint64_t value = 0;

	if (size < 5 || size > 4 + 20 || memcmp(text, "ack ", 4) != 0)
		return false;
	for (size_t i = 4; i < size; i++) {
		unsigned digit = (unsigned char)text[i] - '0';

		if (digit > 9 || value > (UINT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*n = value;
	return true;
}
