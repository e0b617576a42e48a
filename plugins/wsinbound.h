/* wsinbound.h - what a subscriber sends: frames of a websocket's client, parsed.
 *
 * Bytes in, events out (RFC 6455, 5).  Pings, pongs and closes are told; data is read
 * and not kept.  What breaks the rules is told with the code to close with. */
#ifndef TT_PLUGINS_WSINBOUND_H
#define TT_PLUGINS_WSINBOUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Most bytes of a message, all its fragments together. */
#define TT_WSINBOUND_MAX (64 << 10)

/* Most payload of a control frame. */
#define TT_WSINBOUND_CONTROL 125

enum tt_wsinbound_event {
	TT_WSINBOUND_MORE,		/* all was read, and there is no news */
	TT_WSINBOUND_PING,
	TT_WSINBOUND_PONG,
	TT_WSINBOUND_CLOSE,
	TT_WSINBOUND_BROKEN,		/* close with `code`: what else comes is thrown away */
};

/* Zeroed memory is a connection that has just begun. */
struct tt_wsinbound {
	uint8_t head[14];		/* of the frame under way */
	uint8_t have;			/* bytes of it */
	bool within;			/* its head is whole, `left` of it to come */
	bool fragmented;		/* a message is to be continued */
	uint8_t opcode;
	uint8_t key_at;
	uint64_t left;
	uint64_t message;		/* payload of the message so far */
	/* Of the control frame that was told, unmasked. */
	uint8_t control[TT_WSINBOUND_CONTROL];
	uint8_t n_control;
	unsigned code;			/* CLOSE: what it says, 1005 for nothing; BROKEN */
	const char *why;		/* BROKEN; then nothing more is told */
};

/* Reads *SIZE bytes at *DATA up to the next event, and moves both on. */
enum tt_wsinbound_event tt_wsinbound_read(struct tt_wsinbound *in, const uint8_t **data,
    size_t *size);

#endif
