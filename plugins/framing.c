/* framing.c - frames out of a stream of bytes that was cut anywhere.
 *
 * Two paths.  Frames that lie whole within a slice are found by the scan of their
 * type and become slices of it: this is nearly all of them, and the hot path.
 * What is left at the end of a slice is carried, and the next slice completes
 * it, byte for byte under the same rules: the complete functions below. */
#include "plugins/framing.h"

#include <stdlib.h>
#include <string.h>

/* Bytes of a length's header. */
static uint32_t
framing_header_size(const struct tt_framing *c)
{
	return (uint32_t)(c->offset + c->size);
}

/* --- begin and end ------------------------------------------------------- */

/* For each beginning of the delimiter, the longest shorter one that it ends with
 * (Knuth, Morris, Pratt): where to go on when the next byte does not match. */
static int
framer_init_delimiter(struct tt_framer *f, struct tt_error *err)
{
	const struct tt_bytes *d = &f->framing->bytes;
	uint16_t k = 0;
	size_t i;

	if (d->size == 1)
		return 0;
	f->shorter = calloc(d->size, sizeof f->shorter[0]);
	if (f->shorter == NULL)
		return tt_error_set(err, "no memory for a delimiter");
	for (i = 1; i < d->size; i++) {
		while (k > 0 && d->data[i] != d->data[k])
			k = f->shorter[k - 1];
		if (d->data[i] == d->data[k])
			k++;
		f->shorter[i] = k;
	}
	return 0;
}

int
tt_framer_init(struct tt_framer *f, const struct tt_framing *framing,
    struct tt_error *err)
{
	*f = (struct tt_framer){ .framing = framing, .next_seq = 1 };
	if (framing->type == TT_FRAMING_DELIMITER)
		return framer_init_delimiter(f, err);
	return 0;
}

void
tt_framer_finish(struct tt_framer *f)
{
	tt_batch_unref(f->packets);
	tt_chunk_unref(f->carry);
	free(f->shorter);
	f->packets = NULL;
	f->carry = NULL;
	f->shorter = NULL;
}

/* Bytes of the packets that are not in a frame yet. */
static uint64_t
framer_left(const struct tt_framer *f)
{
	uint64_t left = 0;
	uint32_t i;

	if (f->packets == NULL)
		return 0;
	for (i = f->slice; i < f->packets->n; i++)
		left += f->packets->slices[i].length;
	return left - f->offset;
}

uint64_t
tt_framer_unfinished(const struct tt_framer *f)
{
	return f->dropped + framer_left(f) + (f->carry != NULL ? f->carry->used : 0);
}

/* The frame that begins with the carry, or at P, cannot be taken. */
static void
framer_break(struct tt_framer *f, enum tt_reason reason, const uint8_t *p, size_t n)
{
	size_t have = 0;

	if (f->carry != NULL) {
		have = f->carry->used < sizeof f->head ? f->carry->used :
		    sizeof f->head;
		memcpy(f->head, f->carry->bytes, have);
	}
	if (n > sizeof f->head - have)
		n = sizeof f->head - have;
	memcpy(f->head + have, p, n);
	f->head_size = (uint8_t)(have + n);
	f->broken = true;
	f->reason = (uint8_t)reason;
}

/* The packets are used up, or nobody wants what is left of them. */
static void
framer_release(struct tt_framer *f)
{
	if (f->broken) {
		f->dropped = tt_framer_unfinished(f);
		tt_chunk_unref(f->carry);
		f->carry = NULL;
	}
	tt_batch_unref(f->packets);
	f->packets = NULL;
}

/* --- the scans: frames that lie whole within a slice ----------------------- */

/* Each scan adds the whole frames of BASE from AT to before END to BATCH, while
 * it has room, and returns where the first byte stands that is in none of them.
 * It breaks F when it is known that the frame there cannot be taken. */

static uint32_t
framer_scan_newline(struct tt_framer *f, struct tt_batch *batch, const uint8_t *base,
    uint32_t at, uint32_t end)
{
	uint32_t max = (uint32_t)f->framing->max;

	while (batch->n < batch->room && at < end) {
		const uint8_t *lf = memchr(base + at, '\n', end - at);
		uint32_t length = lf != NULL ? (uint32_t)(lf - base) - at : end - at;

		if (length > 0 && base[at + length - 1] == '\r')
			length--;
		if (length > max) {
			framer_break(f, TT_REASON_OVERSIZE, base + at, end - at);
			break;
		}
		if (lf == NULL)
			break;
		tt_batch_add(batch, at, length);
		at = (uint32_t)(lf - base) + 1;
	}
	return at;
}

static inline uint64_t
framer_length(const uint8_t *p, uint32_t size, bool little)
{
	uint64_t value = 0;
	uint32_t i;

	for (i = 0; i < size; i++)
		value = value << 8 | p[little ? size - 1 - i : i];
	return value;
}

/* Of the frame whose header begins at HEADER: the whole of it with header, at
 * most tt_framing_carry(), in *TOTAL.  Returns a reason if it cannot be taken. */
static enum tt_reason
framer_measure(const struct tt_framing *c, const uint8_t *header, uint32_t *total)
{
	uint64_t max = (uint64_t)c->max, value;

	value = framer_length(header + c->offset, (uint32_t)c->size,
	    c->order == TT_FRAMING_LITTLE);
	if (c->adjust < 0) {
		if (value < (uint64_t)-c->adjust)
			return TT_REASON_FRAMING;
		value -= (uint64_t)-c->adjust;
	} else if (value <= max) {	/* else it is too long, and might overflow */
		value += (uint64_t)c->adjust;
	}
	if (c->header == TT_FRAMING_KEEP)
		max -= framing_header_size(c);
	if (value > max)
		return TT_REASON_OVERSIZE;
	*total = (uint32_t)value + framing_header_size(c);
	return TT_REASON_NONE;
}

static uint32_t
framer_scan_length(struct tt_framer *f, struct tt_batch *batch, const uint8_t *base,
    uint32_t at, uint32_t end)
{
	const struct tt_framing *c = f->framing;
	uint32_t header = framing_header_size(c), total = 0;
	uint32_t skip = c->header == TT_FRAMING_STRIP ? header : 0;

	while (batch->n < batch->room && end - at >= header) {
		enum tt_reason reason = framer_measure(c, base + at, &total);

		if (reason != TT_REASON_NONE) {
			framer_break(f, reason, base + at, end - at);
			break;
		}
		if (total > end - at)
			break;
		tt_batch_add(batch, at + skip, total - skip);
		at += total;
	}
	return at;
}

/* The usual header, four bytes and nothing else, with all in registers. */
static uint32_t
framer_scan_length_4(struct tt_framer *f, struct tt_batch *batch, const uint8_t *base,
    uint32_t at, uint32_t end)
{
	uint32_t max = (uint32_t)f->framing->max, n = batch->n, room = batch->room;
	struct tt_slice *slice = batch->slices + n;
	uint64_t bytes = batch->bytes;

	for (; n < room && end - at >= 4; n++) {
		const uint8_t *p = base + at;
		uint32_t length = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
		    (uint32_t)p[2] << 8 | p[3];

		if (length > max) {
			framer_break(f, TT_REASON_OVERSIZE, p, end - at);
			break;
		}
		if (length > end - at - 4)
			break;
		slice->at = at + 4;
		slice->length = length;
		slice++;
		bytes += length;
		at += 4 + length;
	}
	batch->n = n;
	batch->bytes = bytes;
	return at;
}

/* Goes on in the search for the delimiter, of which f->matched bytes match so
 * far, at P.  Returns the bytes up to and with its end, or 0 if it does not end
 * in the N bytes. */
static size_t
framer_find_delimiter(struct tt_framer *f, const uint8_t *p, size_t n)
{
	const struct tt_bytes *d = &f->framing->bytes;
	uint32_t k = f->matched;
	size_t i = 0;

	while (i < n) {
		if (k == 0) {
			const uint8_t *first = memchr(p + i, d->data[0], n - i);

			if (first == NULL)
				break;
			i = (size_t)(first - p) + 1;
			k = 1;
		} else if (p[i] == d->data[k]) {
			k++;
			i++;
		} else {
			k = f->shorter[k - 1];
			continue;
		}
		if (k == d->size) {
			f->matched = 0;
			return i;
		}
	}
	f->matched = k;
	return 0;
}

static uint32_t
framer_scan_delimiter(struct tt_framer *f, struct tt_batch *batch, const uint8_t *base,
    uint32_t at, uint32_t end)
{
	uint32_t max = (uint32_t)f->framing->max;
	uint32_t size = (uint32_t)f->framing->bytes.size;

	f->matched = 0;
	while (batch->n < batch->room && at < end) {
		size_t found = framer_find_delimiter(f, base + at, end - at);
		uint32_t length = found > 0 ? (uint32_t)found - size :
		    end - at - f->matched;

		/* What matches may be of the delimiter: the rest is of the frame. */
		if (length > max) {
			framer_break(f, TT_REASON_OVERSIZE, base + at, end - at);
			break;
		}
		if (found == 0)
			break;
		tt_batch_add(batch, at, length);
		at += (uint32_t)found;
	}
	return at;
}

static uint32_t
framer_scan_fixed(struct tt_framer *f, struct tt_batch *batch, uint32_t at, uint32_t end)
{
	uint32_t size = (uint32_t)f->framing->size;

	while (batch->n < batch->room && end - at >= size) {
		tt_batch_add(batch, at, size);
		at += size;
	}
	return at;
}

static uint32_t
framer_scan(struct tt_framer *f, struct tt_batch *batch, const uint8_t *base,
    uint32_t at, uint32_t end)
{
	const struct tt_framing *c = f->framing;

	switch (c->type) {
	case TT_FRAMING_NEWLINE:
		return framer_scan_newline(f, batch, base, at, end);
	case TT_FRAMING_LENGTH:
		if (c->size == 4 && c->order == TT_FRAMING_BIG && c->offset == 0 &&
		    c->adjust == 0 && c->header == TT_FRAMING_STRIP)
			return framer_scan_length_4(f, batch, base, at, end);
		return framer_scan_length(f, batch, base, at, end);
	case TT_FRAMING_DELIMITER:
		return framer_scan_delimiter(f, batch, base, at, end);
	case TT_FRAMING_FIXED:
		return framer_scan_fixed(f, batch, at, end);
	default:
		tt_batch_add(batch, at, end - at);
		return end;
	}
}

/* --- the carry: a frame that was cut --------------------------------------- */

/* Appends N bytes at P to the carry, which they begin if there is none.  It grows
 * by half of what is needed, but not beyond what the frame can need. */
static void
framer_append(struct tt_framer *f, const uint8_t *p, uint32_t n)
{
	uint64_t used = f->carry != NULL ? f->carry->used : 0;
	uint64_t most = f->total > 0 ? f->total :
	    (uint64_t)tt_framing_carry(f->framing);
	uint64_t need = used + n, size;

	if (n == 0 && f->carry != NULL)
		return;
	if (f->carry == NULL || need > f->carry->size) {
		size = need + need / 2;
		if (size > most)
			size = most;
		if (size < need)
			size = need;
		f->carry = f->carry != NULL ?
		    tt_chunk_grow(f->carry, (uint32_t)size) :
		    tt_chunk_create(f->packets->origin, (uint32_t)size);
	}
	memcpy(f->carry->bytes + f->carry->used, p, n);
	f->carry->used += n;
}

/* The N bytes at P begin a frame and end before it does. */
static void
framer_begin(struct tt_framer *f, const uint8_t *p, uint32_t n)
{
	const struct tt_framing *c = f->framing;

	f->total = 0;
	if (c->type == TT_FRAMING_FIXED)
		f->total = (uint32_t)c->size;
	else if (c->type == TT_FRAMING_LENGTH && n >= framing_header_size(c))
		framer_measure(c, p, &f->total);	/* the scan found it legal */
	framer_append(f, p, n);
}

/* The carry's first LENGTH bytes from AT on are a frame. */
static struct tt_batch *
framer_end(struct tt_framer *f, uint32_t at, uint32_t length)
{
	struct tt_batch *batch;

	batch = tt_batch_create(f->packets->origin, f->carry, 1);
	tt_batch_add(batch, at, length);
	tt_chunk_unref(f->carry);
	f->carry = NULL;
	return batch;
}

/* Each complete function looks at the N bytes at P that follow the carry, N > 0,
 * and advances f->offset by those that belong to its frame.  It returns the
 * frame, or NULL if that has not ended, or has broken F. */

static struct tt_batch *
framer_complete_newline(struct tt_framer *f, const uint8_t *p, uint32_t n)
{
	const uint8_t *lf = memchr(p, '\n', n);
	uint32_t used = f->carry->used;
	uint32_t add = lf != NULL ? (uint32_t)(lf - p) : n;
	uint32_t length = used + add;

	if ((add > 0 ? p[add - 1] : f->carry->bytes[used - 1]) == '\r')
		length--;
	if (length > f->framing->max) {
		framer_break(f, TT_REASON_OVERSIZE, p, n);
		return NULL;
	}
	framer_append(f, p, add);
	if (lf == NULL) {
		f->offset += n;
		return NULL;
	}
	f->offset += add + 1;
	return framer_end(f, 0, length);
}

static struct tt_batch *
framer_complete_delimiter(struct tt_framer *f, const uint8_t *p, uint32_t n)
{
	uint32_t size = (uint32_t)f->framing->bytes.size, used = f->carry->used;
	size_t found = framer_find_delimiter(f, p, n);
	uint32_t length = found > 0 ? used + (uint32_t)found - size :
	    used + n - f->matched;

	if (length > f->framing->max) {
		framer_break(f, TT_REASON_OVERSIZE, p, n);
		return NULL;
	}
	if (found == 0) {
		framer_append(f, p, n);
		f->offset += n;
		return NULL;
	}
	if (length > used)	/* else the delimiter began in the carry */
		framer_append(f, p, length - used);
	f->offset += (uint32_t)found;
	return framer_end(f, 0, length);
}

/* Both length and fixed: once f->total is known, all that is missing. */
static struct tt_batch *
framer_complete_total(struct tt_framer *f, const uint8_t *p, uint32_t n)
{
	const struct tt_framing *c = f->framing;
	uint32_t header = c->type == TT_FRAMING_LENGTH ? framing_header_size(c) : 0;
	uint32_t skip = c->header == TT_FRAMING_STRIP ? header : 0;
	uint32_t missing;

	if (f->total == 0) {
		enum tt_reason reason;

		missing = header - f->carry->used;
		if (missing > n)
			missing = n;
		framer_append(f, p, missing);
		f->offset += missing;
		p += missing;
		n -= missing;
		if (f->carry->used < header)
			return NULL;
		reason = framer_measure(c, f->carry->bytes, &f->total);
		if (reason != TT_REASON_NONE) {
			framer_break(f, reason, p, n);
			return NULL;
		}
	}
	missing = f->total - f->carry->used;
	if (missing > n)
		missing = n;
	framer_append(f, p, missing);
	f->offset += missing;
	return f->carry->used < f->total ? NULL :
	    framer_end(f, skip, f->total - skip);
}

static struct tt_batch *
framer_complete(struct tt_framer *f, const uint8_t *p, uint32_t n)
{
	switch (f->framing->type) {
	case TT_FRAMING_NEWLINE:
		return framer_complete_newline(f, p, n);
	case TT_FRAMING_DELIMITER:
		return framer_complete_delimiter(f, p, n);
	default:
		return framer_complete_total(f, p, n);
	}
}

/* --- feed and take ------------------------------------------------------- */

void
tt_framer_feed(struct tt_framer *f, struct tt_batch *packets)
{
	if (f->broken) {
		f->dropped += packets->bytes;
		return;
	}
	f->packets = tt_batch_ref(packets);
	f->slice = 0;
	f->offset = 0;
}

/* The most frames that the packets can hold. */
static uint32_t
framer_room(const struct tt_framer *f)
{
	const struct tt_framing *c = f->framing;
	uint64_t least = 1, most;	/* bytes of the shortest frame */

	if (c->type == TT_FRAMING_LENGTH)
		least = framing_header_size(c);
	else if (c->type == TT_FRAMING_DELIMITER)
		least = c->bytes.size;
	else if (c->type == TT_FRAMING_FIXED)
		least = (uint64_t)c->size;
	most = c->type == TT_FRAMING_RAW ? f->packets->n :
	    f->packets->bytes / least;
	return most < 1 ? 1 : most < TT_BATCH_MAX ? (uint32_t)most : TT_BATCH_MAX;
}

/* One slice, or what is left of it, into BATCH.  Returns false when BATCH must go
 * first: it is full, or F broke. */
static bool
framer_cut(struct tt_framer *f, struct tt_batch *batch, uint32_t at, uint32_t end)
{
	const uint8_t *base = f->packets->chunk->bytes;
	uint32_t next = framer_scan(f, batch, base, at, end);

	f->offset += next - at;
	if (f->broken || (batch->n == batch->room && next < end))
		return false;
	if (next < end) {
		framer_begin(f, base + next, end - next);
		f->offset += end - next;
	}
	return true;
}

/* The frames of the packets up to the end of a batch: those of whole slices
 * together, one that was cut alone. */
static struct tt_batch *
framer_next(struct tt_framer *f)
{
	struct tt_batch *batch = NULL, *one;

	for (; f->slice < f->packets->n; f->slice++, f->offset = 0) {
		const struct tt_slice *s = &f->packets->slices[f->slice];
		uint32_t at = s->at + f->offset, end = s->at + s->length;

		if (f->carry != NULL && at < end) {
			if (batch != NULL && batch->n > 0)
				break;
			one = framer_complete(f, f->packets->chunk->bytes + at,
			    end - at);
			if (one != NULL) {
				tt_batch_unref(batch);
				return one;
			}
			if (f->broken)
				break;
			continue;
		}
		if (at == end)
			continue;
		if (batch == NULL)
			batch = tt_batch_create(f->packets->origin, f->packets->chunk,
			    framer_room(f));
		if (!framer_cut(f, batch, at, end))
			break;
	}
	if (batch != NULL && batch->n == 0) {
		tt_batch_unref(batch);
		return NULL;
	}
	return batch;
}

struct tt_batch *
tt_framer_take(struct tt_framer *f)
{
	struct tt_batch *batch;

	if (f->packets == NULL)
		return NULL;
	batch = f->broken ? NULL : framer_next(f);
	if (batch != NULL) {
		batch->received_at = f->packets->received_at;
		batch->first_seq = f->next_seq;
		f->next_seq += batch->n;
		batch = tt_batch_trim(batch);
	}
	if (f->broken || f->slice == f->packets->n)
		framer_release(f);
	return batch;
}

/* --- for the log --------------------------------------------------------- */

const char *
tt_framing_looks_like(const uint8_t *data, size_t size)
{
	static const char *const http[] = {
		"GET ", "POST ", "PUT ", "HEAD ", "DELETE ", "OPTIONS ", "PATCH ",
		"CONNECT ", "TRACE ", "PRI * HTTP/2", "HTTP/1."
	};
	size_t i;

	if (size >= 3 && data[0] == 0x16 && data[1] == 3 && data[2] <= 4)
		return "TLS";
	if (size >= 4 && memcmp(data, "SSH-", 4) == 0)
		return "SSH";
	for (i = 0; i < sizeof http / sizeof http[0]; i++) {
		size_t n = strlen(http[i]);

		/* Of a long word the first bytes must do, if no more came. */
		if (size >= 4 && memcmp(data, http[i], size < n ? size : n) == 0)
			return "HTTP";
	}
	for (i = 0; i < size; i++)
		if ((data[i] < ' ' || data[i] > '~') && data[i] != '\t' &&
		    data[i] != '\r' && data[i] != '\n')
			return NULL;
	return size >= 4 ? "text" : NULL;
}

const char *
tt_framer_describe(const struct tt_framer *f, char *buf, size_t room)
{
	const uint8_t *data = f->head;
	size_t size = f->head_size;
	char escaped[sizeof f->head * 4 + 1];
	const char *looks;

	if (!f->broken && f->carry != NULL) {
		data = f->carry->bytes;
		size = f->carry->used < sizeof f->head ? f->carry->used :
		    sizeof f->head;
	}
	looks = tt_framing_looks_like(data, size);
	snprintf(buf, room, "\"%s\"%s%s", tt_escape(data, size, escaped,
	    sizeof escaped), looks != NULL ? " looks like " : "",
	    looks != NULL ? looks : "");
	return buf;
}
