/* wsframe.c - websocket frames of a client, ready-made (RFC 6455, 5). */
#include "plugins/wsframe.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
    "keys, and numbers in network order, are written for little-endian machines");

static inline uint32_t
wsframe_rotate(uint32_t word, int bits)
{
	return word << bits | word >> (32 - bits);
}

static inline void
wsframe_quarter(uint32_t *x, int a, int b, int c, int d)
{
	x[a] += x[b];
	x[d] = wsframe_rotate(x[d] ^ x[a], 16);
	x[c] += x[d];
	x[b] = wsframe_rotate(x[b] ^ x[c], 12);
	x[a] += x[b];
	x[d] = wsframe_rotate(x[d] ^ x[a], 8);
	x[c] += x[d];
	x[b] = wsframe_rotate(x[b] ^ x[c], 7);
}

/* One block of ChaCha with 8 rounds: 16 words from the 16 of STATE. */
static void
wsframe_chacha8(uint32_t out[16], const uint32_t state[16])
{
	uint32_t x[16];

	memcpy(x, state, sizeof x);
	for (int round = 0; round < 8; round += 2) {
		wsframe_quarter(x, 0, 4, 8, 12);
		wsframe_quarter(x, 1, 5, 9, 13);
		wsframe_quarter(x, 2, 6, 10, 14);
		wsframe_quarter(x, 3, 7, 11, 15);
		wsframe_quarter(x, 0, 5, 10, 15);
		wsframe_quarter(x, 1, 6, 11, 12);
		wsframe_quarter(x, 2, 7, 8, 13);
		wsframe_quarter(x, 3, 4, 9, 14);
	}
	for (int i = 0; i < 16; i++)
		out[i] = x[i] + state[i];
}

void
tt_wskeys_fill(struct tt_wskeys *keys)
{
	uint32_t state[16] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 };
	size_t have = 0;
	ssize_t got;

	/* Key and nonce; the counter, words 12 and 13, begins at 0. */
	while (have < 40) {
		got = getrandom((uint8_t *)&state[4] + have, 40 - have, 0);
		if (got < 0 && errno != EINTR)
			abort();	/* a kernel without getrandom(2) */
		if (got > 0)
			have += (size_t)got;
	}
	state[14] = state[12];
	state[15] = state[13];
	state[12] = state[13] = 0;
	for (unsigned i = 0; i < TT_WSKEYS; i += 16) {
		wsframe_chacha8(&keys->pool[i], state);
		state[12]++;
	}
	keys->left = TT_WSKEYS;
}

uint8_t *
tt_wsframe_ping(uint8_t *out, uint64_t value, uint32_t key)
{
	out = tt_wsframe_head(out, TT_WS_PING, 8, key);
	tt_wsframe_u64(out, value);
	tt_wsframe_mask(out, out, 8, key);
	return out + 8;
}

uint8_t *
tt_wsframe_close(uint8_t *out, unsigned code, uint32_t key)
{
	out = tt_wsframe_head(out, TT_WS_CLOSE, 2, key);
	out[0] = (uint8_t)(code >> 8);
	out[1] = (uint8_t)code;
	tt_wsframe_mask(out, out, 2, key);
	return out + 2;
}
