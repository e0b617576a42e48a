/* wsformat.h - frames as the messages of a websocket.
 *
 * Values in, bytes out: a format encodes frames of batches into a block, where
 * messages stand ready-made, one behind the other, to be written as they are: masked
 * for a destination, bare for viewers.
 *
 * raw, batch none, has a path of its own (tt_wsformat_run()): header, key and
 * payload in one pass.  All others open a message, add frames to it, and close it,
 * which masks it where it lies. */
#ifndef TT_PLUGINS_WSFORMAT_H
#define TT_PLUGINS_WSFORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/batch.h"
#include "plugins/wsframe.h"
#include "plugins/wslog.h"

enum tt_wsformat_type { TT_WS_RAW, TT_WS_JSON, TT_WS_ENVELOPE };
enum tt_wsformat_batch { TT_WS_NONE, TT_WS_NEWLINE, TT_WS_LENGTH };

/* Bytes of a block.  64 KiB would cost nearly twice the CPU for each frame. */
#define TT_WS_BLOCK (32 << 10)

/* Bytes of an envelope before the payload. */
#define TT_WS_ENVELOPE_SIZE 40

struct tt_wsformat {
	enum tt_wsformat_type type;
	enum tt_wsformat_batch batch;
	bool sequence;			/* positions are told, where the format has none */
	bool bare;			/* a server's frames; to be set after init() */
	uint64_t max_message;		/* payload bytes */
	const char *gateway;
	struct tt_wskeys keys;

	/* json: the text around a payload, kept from frame to frame. */
	char *head, *time, *peer;	/* up to "seq":, up to ,"peer":, from it on */
	size_t head_size, time_size, peer_size;
	uint64_t connection;		/* of which they are; 0: of none */
	const char *channel;
	int64_t received_at;
};

/* Messages under construction. */
struct tt_wsblock {
	uint8_t *data;			/* behind `size` there is room for a ping */
	size_t size, used;		/* size: room for whole messages */
	size_t message;			/* where the open one begins */
	size_t head;			/* room for its header; 0: none is open */
};

/* A frame, and what is needed beside its payload. */
struct tt_wsitem {
	const struct tt_batch *batch;
	uint32_t i;			/* its slice */
	uint64_t position;
	const char *channel;
};

/* Prepares F.  GATEWAY must outlive it. */
void tt_wsformat_init(struct tt_wsformat *f, enum tt_wsformat_type type,
    enum tt_wsformat_batch batch, bool sequence, uint64_t max_message,
    const char *gateway);
void tt_wsformat_finish(struct tt_wsformat *f);

/* Bytes that each message has before its first frame. */
static inline size_t
tt_wsformat_prefix(const struct tt_wsformat *f)
{
	return f->sequence && f->type == TT_WS_RAW ? 8 : 0;
}

/* The most bytes that a frame of SIZE bytes can take in a message of its own, with
 * the prefix, where names and paths of all nodes have at most NAMES bytes in all. */
uint64_t tt_wsformat_worst(enum tt_wsformat_type type, enum tt_wsformat_batch batch,
    bool sequence, uint64_t size, uint64_t names);

/* Whether a frame can be sent, and if not, why.  FULL: not into this block. */
enum tt_wsformat_verdict { TT_WS_FITS, TT_WS_HAS_NEWLINE, TT_WS_TOO_LONG, TT_WS_FULL };

/* An empty block of TT_WS_BLOCK, or B emptied, which gives back what it was larger. */
void tt_wsblock_init(struct tt_wsblock *b);
void tt_wsblock_reset(struct tt_wsblock *b);
void tt_wsblock_finish(struct tt_wsblock *b);

/* Adds ITEM to B, whatever it takes: the message that is open is closed where it has
 * no room, or ITEM cannot be sent; a block that is empty grows. */
enum tt_wsformat_verdict tt_wsformat_encode(struct tt_wsformat *f, struct tt_wsblock *b,
    const struct tt_wsitem *item);

/* Says in *SIZE how many bytes ITEM adds to a message, and if it can be sent at
 * all.  In *TEXT, json: the payload is UTF-8. */
enum tt_wsformat_verdict tt_wsformat_measure(struct tt_wsformat *f,
    const struct tt_wsitem *item, uint64_t *size, bool *text);

/* True if SIZE more bytes fit: into the open message and the room of B, or into
 * a message of their own where none is open. */
bool tt_wsblock_fits(const struct tt_wsformat *f, const struct tt_wsblock *b,
    uint64_t size);

/* Adds ITEM, whose measure is SIZE and TEXT, and fits; opens a message where none
 * is open. */
void tt_wsformat_add(struct tt_wsformat *f, struct tt_wsblock *b,
    const struct tt_wsitem *item, uint64_t size, bool text);

/* Closes the open message, if there is one: header, key, mask. */
void tt_wsformat_close(struct tt_wsformat *f, struct tt_wsblock *b);

/* Raw, batch none: adds frames of SPAN, each as a message of its own, while they
 * fit into the room of B, are at most LIMIT bytes of payload in all, and may be
 * sent.  Returns how many, and in *BYTES their payload. */
uint32_t tt_wsformat_run(struct tt_wsformat *f, struct tt_wsblock *b,
    const struct tt_wsspan *span, uint64_t limit, uint64_t *bytes);

/* Parses `ack N` of SIZE bytes: decimal, no sign, nothing before or behind. */
bool tt_wsformat_parse_ack(const char *text, size_t size, uint64_t *n);

#endif
