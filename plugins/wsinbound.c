/* wsinbound.c - what a subscriber sends: frames of a websocket's client, parsed. */
#include "plugins/wsinbound.h"

#include <string.h>

#include "plugins/wsframe.h"

#define WSINBOUND_PROTOCOL 1002
#define WSINBOUND_TOO_BIG 1009
#define WSINBOUND_NO_CODE 1005

static enum tt_wsinbound_event
wsinbound_break(struct tt_wsinbound *in, unsigned code, const char *why)
{
	in->code = code;
	in->why = why;
	return TT_WSINBOUND_BROKEN;
}

static bool
wsinbound_is_control(const struct tt_wsinbound *in)
{
	return (in->opcode & 8) != 0;
}

/* Bytes of the head, as far as it has come: 2 say how many there are. */
static size_t
wsinbound_head_size(const struct tt_wsinbound *in)
{
	unsigned length = in->have < 2 ? 0 : in->head[1] & 0x7f;

	if (in->have < 2)
		return 2;
	/* Without a key it is broken as it is. */
	if ((in->head[1] & 0x80) == 0)
		return 2;
	return length == 127 ? 14 : length == 126 ? 8 : 6;
}

static uint64_t
wsinbound_length(const struct tt_wsinbound *in)
{
	unsigned length = in->head[1] & 0x7f;
	size_t size = length == 127 ? 8 : 2;
	uint64_t value = 0;

	if (length < 126)
		return length;
	for (size_t i = 0; i < size; i++)
		value = value << 8 | in->head[2 + i];
	return value;
}

/* The rules for a control frame, and for the order of data frames. */
static const char *
wsinbound_check_kind(const struct tt_wsinbound *in, bool final, uint64_t length)
{
	if (in->opcode > 10 || (in->opcode > 2 && in->opcode < 8))
		return "an unknown kind of frame";
	if (wsinbound_is_control(in)) {
		if (!final || length > TT_WSINBOUND_CONTROL)
			return "a control frame that is long or in pieces";
		if (in->opcode == TT_WS_CLOSE && length == 1)
			return "a close with half a code";
		return NULL;
	}
	if (in->opcode == 0 && !in->fragmented)
		return "it goes on with a message that has not begun";
	if (in->opcode != 0 && in->fragmented)
		return "a message begins within another";
	return NULL;
}

static enum tt_wsinbound_event
wsinbound_begin(struct tt_wsinbound *in)
{
	bool final = (in->head[0] & 0x80) != 0;
	unsigned shown = in->head[1] & 0x7f;
	uint64_t length = wsinbound_length(in);
	const char *why;

	in->opcode = in->head[0] & 15;
	if ((in->head[0] & 0x70) != 0)
		return wsinbound_break(in, WSINBOUND_PROTOCOL, "a frame with reserved bits");
	if ((in->head[1] & 0x80) == 0)
		return wsinbound_break(in, WSINBOUND_PROTOCOL, "a frame without a mask");
	why = wsinbound_check_kind(in, final, length);
	if (why != NULL)
		return wsinbound_break(in, WSINBOUND_PROTOCOL, why);
	if ((shown == 126 && length < 126) || (shown == 127 && length < 65536) ||
	    length >> 63 != 0)
		return wsinbound_break(in, WSINBOUND_PROTOCOL, "a length that is not written "
		    "in the fewest bytes");
	if (!wsinbound_is_control(in)) {
		if (in->opcode != 0)
			in->message = 0;
		if (length > TT_WSINBOUND_MAX - in->message)
			return wsinbound_break(in, WSINBOUND_TOO_BIG,
			    "a message of more than 64 KiB");
		in->message += length;
		in->fragmented = !final;
	}
	in->left = length;
	in->within = true;
	in->key_at = in->n_control = 0;
	return TT_WSINBOUND_MORE;
}

/* RFC 6455, 7.4: codes that may stand in a frame. */
static bool
wsinbound_is_code(unsigned code)
{
	return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 &&
	    code != 1006) || (code >= 3000 && code <= 4999);
}

/* The frame is whole. */
static enum tt_wsinbound_event
wsinbound_end(struct tt_wsinbound *in)
{
	in->within = false;
	in->have = 0;
	switch (in->opcode) {
	case TT_WS_PING:
		return TT_WSINBOUND_PING;
	case TT_WS_PONG:
		return TT_WSINBOUND_PONG;
	case TT_WS_CLOSE:
		in->code = in->n_control == 0 ? WSINBOUND_NO_CODE :
		    (unsigned)in->control[0] << 8 | in->control[1];
		if (in->n_control > 0 && !wsinbound_is_code(in->code))
			return wsinbound_break(in, WSINBOUND_PROTOCOL,
			    "a close with a code that is none");
		return TT_WSINBOUND_CLOSE;
	default:
		return TT_WSINBOUND_MORE;
	}
}

static void
wsinbound_payload(struct tt_wsinbound *in, const uint8_t **data, size_t *size)
{
	const uint8_t *key = in->head + wsinbound_head_size(in) - 4;
	size_t n = *size < in->left ? *size : (size_t)in->left;

	if (wsinbound_is_control(in))
		for (size_t i = 0; i < n; i++)
			in->control[in->n_control++] = (*data)[i] ^
			    key[in->key_at++ & 3];
	in->left -= n;
	*data += n;
	*size -= n;
}

enum tt_wsinbound_event
tt_wsinbound_read(struct tt_wsinbound *in, const uint8_t **data, size_t *size)
{
	enum tt_wsinbound_event event;

	if (in->why != NULL) {
		*data += *size;
		*size = 0;
	}
	while (*size > 0) {
		if (!in->within) {
			in->head[in->have++] = *(*data)++;
			(*size)--;
			if (in->have < wsinbound_head_size(in))
				continue;
			event = wsinbound_begin(in);
			if (event != TT_WSINBOUND_MORE)
				return event;
		}
		wsinbound_payload(in, data, size);
		if (in->left > 0)
			return TT_WSINBOUND_MORE;
		event = wsinbound_end(in);
		if (event != TT_WSINBOUND_MORE)
			return event;
	}
	return TT_WSINBOUND_MORE;
}
