/* wsframe.h - websocket frames, ready-made (RFC 6455, 5).
 *
 * Bytes in, bytes out: a frame of a client is a header, a mask key, and the payload
 * masked by it.  The payload is masked a word at a time, while it is copied.  A frame
 * of a server is bare: it has no key. */
#ifndef TT_PLUGINS_WSFRAME_H
#define TT_PLUGINS_WSFRAME_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Most bytes before a payload: opcode, length, key. */
#define TT_WSFRAME_HEAD 14

enum tt_wsopcode {
	TT_WS_TEXT = 1, TT_WS_BINARY = 2, TT_WS_CLOSE = 8, TT_WS_PING = 9,
	TT_WS_PONG = 10
};

/* Mask keys that nobody can foretell (RFC 6455, 10.3): blocks of ChaCha8, each
 * seeded afresh by getrandom(2). */
#define TT_WSKEYS 1024

struct tt_wskeys {
	unsigned left;			/* 0: the next call fills the pool */
	uint32_t pool[TT_WSKEYS];
};

void tt_wskeys_fill(struct tt_wskeys *keys);

static inline uint32_t
tt_wskey(struct tt_wskeys *keys)
{
	if (keys->left == 0)
		tt_wskeys_fill(keys);
	return keys->pool[--keys->left];
}

/* Bytes before a payload of LENGTH. */
static inline size_t
tt_wsframe_head_size(uint64_t length)
{
	return length < 126 ? 6 : length < 65536 ? 8 : 14;
}

/* Writes FIN, OPCODE and LENGTH in the fewest bytes, the latter beside MASKED, 0x80 or
 * 0.  Returns the end. */
static inline uint8_t *
tt_wsframe_length(uint8_t *out, enum tt_wsopcode opcode, uint64_t length,
    unsigned masked)
{
	*out++ = (uint8_t)(0x80 | opcode);
	if (length < 126) {
		*out++ = (uint8_t)(masked | length);
	} else if (length < 65536) {
		*out++ = (uint8_t)(masked | 126);
		*out++ = (uint8_t)(length >> 8);
		*out++ = (uint8_t)length;
	} else {
		*out++ = (uint8_t)(masked | 127);
		for (int shift = 56; shift >= 0; shift -= 8)
			*out++ = (uint8_t)(length >> shift);
	}
	return out;
}

/* Writes the header of one whole message: FIN, OPCODE, LENGTH and KEY, in the
 * fewest bytes.  Returns where the payload begins. */
static inline uint8_t *
tt_wsframe_head(uint8_t *out, enum tt_wsopcode opcode, uint64_t length, uint32_t key)
{
	out = tt_wsframe_length(out, opcode, length, 0x80);
	memcpy(out, &key, 4);
	return out + 4;
}

/* The same without a key: a server's. */
static inline uint8_t *
tt_wsframe_bare_head(uint8_t *out, enum tt_wsopcode opcode, uint64_t length)
{
	return tt_wsframe_length(out, opcode, length, 0);
}

/* Copies SIZE bytes, masked by KEY from its first byte on, where KEY holds the
 * four bytes as they stand in memory; 0 just copies.  OUT may be FROM: then it masks
 * in place.
 * Other overlaps are not allowed. */
static inline void
tt_wsframe_mask(uint8_t *out, const uint8_t *from, size_t size, uint32_t key)
{
	const uint64_t k = key | (uint64_t)key << 32;
	uint64_t a, b, c, d;
	uint32_t word;

	for (; size >= 32; size -= 32, out += 32, from += 32) {
		memcpy(&a, from, 8);
		memcpy(&b, from + 8, 8);
		memcpy(&c, from + 16, 8);
		memcpy(&d, from + 24, 8);
		a ^= k;
		b ^= k;
		c ^= k;
		d ^= k;
		memcpy(out, &a, 8);
		memcpy(out + 8, &b, 8);
		memcpy(out + 16, &c, 8);
		memcpy(out + 24, &d, 8);
	}
	for (; size >= 8; size -= 8, out += 8, from += 8) {
		memcpy(&a, from, 8);
		a ^= k;
		memcpy(out, &a, 8);
	}
	if (size & 4) {
		memcpy(&word, from, 4);
		word ^= key;
		memcpy(out, &word, 4);
		out += 4;
		from += 4;
	}
	for (size &= 3; size > 0; size--, key >>= 8)
		*out++ = (uint8_t)(*from++ ^ key);
}

/* Writes a ping with VALUE, 8 bytes, big-endian.  Returns the end, 14 bytes on. */
uint8_t *tt_wsframe_ping(uint8_t *out, uint64_t value, uint32_t key);
#define TT_WSFRAME_PING 14

/* Writes a close frame with CODE.  Returns the end, 8 bytes on. */
uint8_t *tt_wsframe_close(uint8_t *out, unsigned code, uint32_t key);
#define TT_WSFRAME_CLOSE 8

/* A number in network order. */
static inline uint8_t *
tt_wsframe_u64(uint8_t *out, uint64_t value)
{
	value = __builtin_bswap64(value);
	memcpy(out, &value, 8);
	return out + 8;
}

static inline uint8_t *
tt_wsframe_u32(uint8_t *out, uint32_t value)
{
	value = __builtin_bswap32(value);
	memcpy(out, &value, 4);
	return out + 4;
}

#endif
