/* ws_model.c - a destination that knows what it must get. */
#include "tests/ws_model.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/node.h"
#include "plugins/wssender.h"

#define MODEL_FIRST 7000		/* the first position */
#define MODEL_FRAMES 4096

struct model_frame {
	const struct tt_batch *batch;
	uint32_t i;
	bool wanted;			/* on a channel that the destination takes */
};

struct model {
	const uint8_t *data, *end;
	struct tt_wslog log;
	struct tt_wscursor cursor;
	struct tt_wssender sender;
	struct model_frame frames[MODEL_FRAMES];
	uint64_t next;			/* the position that must come next */
	struct tt_batch *batches[MODEL_FRAMES];	/* in the log */
	unsigned first_batch, n_batches;
	uint64_t refused, appended, wanted;
	uint64_t in, in_bytes, out, out_bytes;
};

static struct tt_node model_node = { .path = "MasterThread/TCPServerThread" };
static struct tt_origin model_origin = { .connection = 12, .node = &model_node,
	.peer = "unix:/run/\x01\"x" };

static void
model_must(bool condition)
{
	if (!condition)
		abort();
}

static unsigned
model_byte(struct model *m)
{
	return m->data < m->end ? *m->data++ : 0;
}

static const uint8_t *
model_payload(const struct model_frame *f, size_t *size)
{
	*size = f->batch->slices[f->i].length;
	return tt_batch_bytes(f->batch, f->i);
}

static struct model_frame *
model_at(struct model *m, uint64_t position)
{
	model_must(position >= MODEL_FIRST && position < m->log.next);
	return &m->frames[position - MODEL_FIRST];
}

/* --- what must come ------------------------------------------------------ */

/* The rules of refusal, once more. */
static bool
model_is_sent(struct model *m, const struct model_frame *f)
{
	const struct tt_wsformat *format = &m->sender.format;
	size_t size, room;
	const uint8_t *p = model_payload(f, &size);
	struct tt_wsitem item = { .batch = f->batch, .i = f->i, .channel = "data",
		.position = MODEL_FIRST + (uint64_t)(f - m->frames) };
	uint64_t need;
	bool text;

	if (!f->wanted)
		return false;
	switch (format->type) {
	case TT_WS_RAW:
		room = size + (format->sequence ? 8 : 0) + (format->batch == TT_WS_LENGTH ?
		    4 : format->batch == TT_WS_NEWLINE ? 1 : 0);
		return room <= format->max_message && (format->batch != TT_WS_NEWLINE ||
		    size == 0 || memchr(p, '\n', size) == NULL);
	case TT_WS_ENVELOPE:
		return size + 40 <= format->max_message;
	default:
		/* How long an object is, is for check_wsformat. */
		return tt_wsformat_measure(&m->sender.format, &item, &need, &text) ==
		    TT_WS_FITS;
	}
}

/* One frame has come, with SIZE bytes at P.  What was passed over before it may only
 * be so at the BEGINNING of a message. */
static struct model_frame *
model_expect(struct model *m, bool beginning)
{
	while (!model_is_sent(m, model_at(m, m->next))) {
		model_must(beginning);
		m->next++;
	}
	return model_at(m, m->next++);
}

static void
model_same(const struct model_frame *f, const uint8_t *p, size_t size)
{
	size_t expected;
	const uint8_t *payload = model_payload(f, &expected);

	model_must(size == expected && (size == 0 || memcmp(p, payload, size) == 0));
}

static uint64_t
model_number(const uint8_t *p, int n)
{
	uint64_t value = 0;

	while (n-- > 0)
		value = value << 8 | *p++;
	return value;
}

/* --- a server ------------------------------------------------------------ */

static void
model_raw(struct model *m, const uint8_t *p, size_t size)
{
	const uint8_t *end = p + size, *lf;
	const struct tt_wsformat *format = &m->sender.format;
	bool beginning = true;
	uint64_t position = 0;
	size_t n;

	if (format->sequence) {
		model_must(size >= 8);
		position = model_number(p, 8);
		p += 8;
	}
	model_must(p < end || format->batch == TT_WS_NONE);
	do {
		const struct model_frame *f = model_expect(m, beginning);

		if (beginning && format->sequence)
			model_must(position == m->next - 1);
		beginning = false;
		n = (size_t)(end - p);
		if (format->batch == TT_WS_LENGTH) {
			model_must(n >= 4);
			n = model_number(p, 4);
			p += 4;
			model_must(n <= (size_t)(end - p));
		} else if (format->batch == TT_WS_NEWLINE) {
			lf = memchr(p, '\n', n);
			model_must(lf != NULL);
			n = (size_t)(lf - p);
		}
		model_same(f, p, n);
		p += n + (format->batch == TT_WS_NEWLINE);
	} while (p < end);
}

static void
model_envelope(struct model *m, const uint8_t *p, size_t size)
{
	const uint8_t *end = p + size, *start = p;

	model_must(size > 0);
	while (p < end) {
		const struct model_frame *f = model_expect(m, p == start);
		size_t n;

		model_must(end - p >= 40);
		n = model_number(p + 4, 4);
		model_must(n <= (size_t)(end - p) - 40);
		model_must(model_number(p, 4) == 1 << 24);
		model_must(model_number(p + 8, 8) == m->next - 1);
		model_must(model_number(p + 16, 8) == 12);
		model_must(model_number(p + 24, 8) == f->batch->first_seq + f->i);
		model_same(f, p + 40, n);
		p += 40 + n;
		model_must(p == end || m->sender.format.batch == TT_WS_LENGTH);
	}
}

static void
model_base64(const struct model_frame *f, const char *text)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t size, n = strlen(text);
	const uint8_t *p = model_payload(f, &size);

	model_must(n == (size + 2) / 3 * 4);
	for (size_t i = 0; i < n * 6 / 8 && i < size; i++) {
		const char *d = text + i / 3 * 4;
		uint32_t v = 0;

		for (int k = 0; k < 4; k++)
			v = v << 6 | (d[k] == '=' ? 0 :
			    (uint32_t)(strchr(digits, d[k]) - digits));
		model_must((v >> (16 - i % 3 * 8) & 255) == p[i]);
	}
}

static void
model_object(struct model *m, const char *p, size_t size, bool beginning)
{
	const struct model_frame *f = model_expect(m, beginning);
	json_t *o = json_loadb(p, size, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
	json_t *text;

	model_must(o != NULL);
	model_must(json_integer_value(json_object_get(o, "seq")) ==
	    (json_int_t)(f->batch->first_seq + f->i));
	model_must(strcmp(json_string_value(json_object_get(o, "peer")),
	    model_origin.peer) == 0);
	if (m->sender.format.sequence)
		model_must(json_integer_value(json_object_get(o, "position")) ==
		    (json_int_t)m->next - 1);
	text = json_object_get(o, "text");
	if (text != NULL)
		model_same(f, (const uint8_t *)json_string_value(text),
		    json_string_length(text));
	else
		model_base64(f, json_string_value(json_object_get(o, "base64")));
	json_decref(o);
}

static void
model_json(struct model *m, const uint8_t *p, size_t size)
{
	const char *at = (const char *)p, *end = at + size, *lf;
	bool beginning = true;

	model_must(size > 0);
	for (; at < end; at = lf + 1, beginning = false) {
		lf = m->sender.format.batch == TT_WS_NEWLINE ?
		    memchr(at, '\n', (size_t)(end - at)) : end;
		model_must(lf != NULL);
		model_object(m, at, (size_t)(lf - at), beginning);
	}
}

/* Takes one message off the block, at AT; returns where the next begins. */
static const uint8_t *
model_message(struct model *m, const uint8_t *at, const uint8_t *end)
{
	uint64_t size;
	uint8_t *payload;
	int n;

	model_must(end - at >= 6);
	model_must(at[0] == (m->sender.format.type == TT_WS_JSON ? 0x81 : 0x82));
	model_must((at[1] & 0x80) != 0);
	size = at[1] & 0x7f;
	at += 2;
	n = size == 126 ? 2 : size == 127 ? 8 : 0;
	if (n > 0) {
		model_must(end - at >= n + 4);
		size = model_number(at, n);
		model_must(size >= (n == 2 ? 126 : 65536));
		at += n;
	}
	model_must(size <= (uint64_t)(end - at) - 4);
	model_must(size <= m->sender.format.max_message);
	payload = malloc(size + 1);
	for (uint64_t i = 0; i < size; i++)
		payload[i] = at[4 + i] ^ at[i & 3];
	if (m->sender.format.type == TT_WS_RAW)
		model_raw(m, payload, size);
	else if (m->sender.format.type == TT_WS_ENVELOPE)
		model_envelope(m, payload, size);
	else
		model_json(m, payload, size);
	free(payload);
	return at + 4 + size;
}

/* --- steps --------------------------------------------------------------- */

static void
model_append(struct model *m)
{
	uint32_t n = model_byte(m) % 9, size[8], sum = 0, channel = model_byte(m) % 8 == 0;
	struct tt_batch *b;

	if (m->appended + n > MODEL_FRAMES || m->n_batches == MODEL_FRAMES)
		return;
	for (uint32_t i = 0; i < n; i++) {
		size[i] = model_byte(m);
		if (size[i] > 250)
			size[i] *= 20 * model_byte(m) % 300;
		sum += size[i];
	}
	b = calloc(1, sizeof *b + n * sizeof b->slices[0]);
	b->chunk = malloc(sizeof *b->chunk + sum);
	b->origin = &model_origin;
	b->first_seq = m->appended + 1;
	b->received_at = INT64_C(1795575845123456789);
	for (uint32_t i = 0, at = 0; i < n; at += size[i++]) {
		unsigned fill = model_byte(m);

		for (uint32_t k = 0; k < size[i]; k++)
			b->chunk->bytes[at + k] = (uint8_t)(fill + k % (fill % 7 + 1));
		tt_batch_add(b, at, size[i]);
		m->frames[m->appended + i] = (struct model_frame){ .batch = b, .i = i,
			.wanted = channel == 0 };
	}
	tt_wslog_append(&m->log, b, channel, n, sum);
	m->batches[m->n_batches++] = b;
	m->appended += n;
	m->wanted += channel == 0 ? n : 0;
}

static void
model_fill(struct model *m)
{
	struct tt_wssender *s = &m->sender;
	uint64_t limit = model_byte(m), load = s->load;
	const uint8_t *at, *end;

	tt_wssender_fill(s, limit > 200 ? UINT64_MAX : limit * limit + 1);
	at = s->block.data;
	end = at + s->block.used;
	while (at < end)
		at = model_message(m, at, end);
	model_must(at == end);
	/* What is left between them was passed over. */
	while (m->next < m->cursor.sent)
		model_must(!model_is_sent(m, model_at(m, m->next++)));
	model_must(m->next == m->cursor.sent);
	model_must(s->block.used > 0 || s->load == load);
	tt_wssender_written(s);
	m->in += s->in_frames;
	m->in_bytes += s->in_bytes;
	s->in_frames = s->in_bytes = s->resent = 0;
}

static void
model_confirm(struct model *m)
{
	uint64_t span = m->cursor.seen - m->cursor.confirmed;

	if (span == 0)
		return;
	tt_wscursor_confirm(&m->cursor, m->cursor.confirmed + 1 +
	    model_byte(m) * span / 256);
	if (m->next < m->cursor.sent)
		m->next = m->cursor.sent;
}

static void
model_release(struct model *m)
{
	unsigned n = tt_wslog_release(&m->log);

	for (; n > 0; n--) {
		struct tt_batch *b = m->batches[m->first_batch++];

		free(b->chunk);
		b->chunk = NULL;		/* a use of it shows */
	}
	m->out += m->cursor.out_frames;
	m->out_bytes += m->cursor.out_bytes;
	m->cursor.out_frames = m->cursor.out_bytes = 0;
}

static void
model_refused(void *arg, const struct tt_wsitem *item, enum tt_wsformat_verdict verdict)
{
	struct model *m = arg;

	model_must(verdict != TT_WS_FITS);
	model_must(item->position == MODEL_FIRST + item->batch->first_seq + item->i - 1);
	m->refused++;
}

void
ws_model_play(const uint8_t *data, size_t size)
{
	static const struct {
		enum tt_wsformat_type type;
		enum tt_wsformat_batch batch;
	} formats[] = {
		{ TT_WS_RAW, TT_WS_NONE }, { TT_WS_RAW, TT_WS_LENGTH },
		{ TT_WS_RAW, TT_WS_NEWLINE }, { TT_WS_ENVELOPE, TT_WS_NONE },
		{ TT_WS_ENVELOPE, TT_WS_LENGTH }, { TT_WS_JSON, TT_WS_NONE },
		{ TT_WS_JSON, TT_WS_NEWLINE },
	};
	static const char *const channels[] = { "data", "other" };
	static const bool takes[] = { true, false };
	struct model *m = calloc(1, sizeof *m);
	unsigned options, k;

	m->data = data;
	m->end = data + size;
	options = model_byte(m);
	k = options % 7;
	m->next = MODEL_FIRST;
	tt_wslog_init(&m->log, MODEL_FIRST);
	tt_wscursor_attach(&m->cursor, &m->log);
	m->sender.cursor = &m->cursor;
	m->sender.channels = channels;
	m->sender.takes = takes;
	m->sender.refused = model_refused;
	m->sender.arg = m;
	tt_wssender_init(&m->sender);
	tt_wsformat_init(&m->sender.format, formats[k].type, formats[k].batch,
	    options & 64, options & 128 ? 1 << 20 : 50 + 8 * model_byte(m), "gateway");
	while (m->data < m->end) {
		switch (model_byte(m) % 8) {
		case 0: case 1: case 2:
			model_append(m);
			break;
		case 3: case 4:
			model_fill(m);
			break;
		case 5:
			model_confirm(m);
			break;
		case 6:
			tt_wscursor_rewind(&m->cursor);
			m->next = m->cursor.confirmed;
			break;
		case 7:
			model_release(m);
			break;
		}
	}
	/* To the end: everything has come, or was refused, and is counted once. */
	while (tt_wscursor_behind(&m->cursor) > 0) {
		static const uint8_t all = 255;

		m->data = &all;
		m->end = &all + 1;
		model_fill(m);
	}
	tt_wscursor_confirm(&m->cursor, m->log.next);
	model_release(m);
	model_must(m->first_batch == m->n_batches);
	model_must(m->in + m->refused == m->wanted);
	model_must(m->out == m->in && m->out_bytes == m->in_bytes);
	for (unsigned i = 0; i < m->n_batches; i++)
		free(m->batches[i]);
	tt_wssender_finish(&m->sender);
	tt_wslog_finish(&m->log);
	free(m);
}
