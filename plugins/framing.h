/* framing.h - frames out of a stream of bytes that was cut anywhere.
 *
 * Bytes in, slices out: no loop, no file, no clock.  Frames are slices of the
 * chunk that they came in, and are not copied.  Only the head of a frame whose
 * end has not come yet is carried over, in a chunk of its own that grows by what
 * arrives, never by the length that was announced; the frame completed from it
 * is a batch of its own.
 *
 * One framer serves one stream; its work is linear in the bytes of the stream,
 * however they are cut. */
#ifndef TT_PLUGINS_FRAMING_H
#define TT_PLUGINS_FRAMING_H

#include "daemon/taskthread.h"

enum tt_framing_type {
	TT_FRAMING_NEWLINE,	/* ends at LF; one CR before it is not part of it */
	TT_FRAMING_LENGTH,	/* behind a header that says its length */
	TT_FRAMING_DELIMITER,	/* ends at `bytes` */
	TT_FRAMING_FIXED,	/* each of `size` bytes */
	TT_FRAMING_RAW,		/* whatever one read gave */
};

enum tt_framing_order { TT_FRAMING_BIG, TT_FRAMING_LITTLE };

enum tt_framing_header { TT_FRAMING_STRIP, TT_FRAMING_KEEP };

/* What the file says, once it has been checked.  An option that does not go with
 * the type is an error of the file. */
struct tt_framing {
	bool given;
	int type;		/* enum tt_framing_type */
	int64_t size;		/* length: bytes of the length; fixed: of the frame */
	int order;		/* enum tt_framing_order, of a length */
	int64_t offset;		/* bytes of the header before the length */
	int64_t adjust;		/* added to the length: payload behind the header */
	int header;		/* enum tt_framing_header */
	int64_t max;		/* bytes of the largest frame, as it is sent UP */
	struct tt_bytes bytes;	/* the delimiter */
};

/* The members of a `framing` group, whose shorthand is "type" and whose check is
 * tt_framing_check(). */
extern const struct tt_option tt_framing_options[];
void tt_framing_check(struct tt_check *check, void *value);

/* The bytes of a stream that may have to be kept for one unfinished frame: its
 * largest frame, with header or end. */
int64_t tt_framing_carry(const struct tt_framing *framing);

/* A stream under way.  Readable, but changed by its functions only. */
struct tt_framer {
	const struct tt_framing *framing;
	struct tt_batch *packets;	/* being cut into frames, or NULL */
	uint32_t slice, offset;		/* where in them */
	struct tt_chunk *carry;		/* the unfinished frame from its first byte, or NULL */
	uint32_t total;			/* the whole of it, header included; 0: unknown */
	uint32_t matched;		/* bytes of the delimiter that its end matches */
	uint16_t *shorter;		/* the delimiter's shorter matches, or NULL */
	uint64_t next_seq;		/* the next frame's number, from 1 */
	uint64_t dropped;		/* bytes since it is broken */
	bool broken;			/* for `reason`; all that comes is dropped */
	uint8_t reason;			/* enum tt_reason: oversize or framing */
	uint8_t head_size;
	uint8_t head[16];		/* first bytes of the broken frame */
};

/* Prepares F for a stream framed as FRAMING says, which must outlive it.  Returns
 * 0, or -1 with ERR set.  tt_framer_finish() drops what F holds; it takes zeroed
 * memory, too. */
int tt_framer_init(struct tt_framer *f, const struct tt_framing *framing,
    struct tt_error *err);
void tt_framer_finish(struct tt_framer *f);

/* Gives F the stream's next bytes: the slices of PACKETS, one after the other.
 * What was fed before must have been taken to the end. */
void tt_framer_feed(struct tt_framer *f, struct tt_batch *packets);

/* The next frames that are complete, with origin and time of the packets that
 * completed them and a reference that is the caller's; NULL when there are no
 * more.  A frame that is too long, or has no legal length, breaks F as soon as it
 * is known, after all frames before it were taken: then `broken` is set. */
struct tt_batch *tt_framer_take(struct tt_framer *f);

/* True when all was taken and a frame has begun and not ended. */
static inline bool
tt_framer_is_within(const struct tt_framer *f)
{
	return f->carry != NULL;
}

/* Bytes that came and are in no frame: of the unfinished one, or since F broke. */
uint64_t tt_framer_unfinished(const struct tt_framer *f);

/* The first bytes of F's broken or unfinished frame, for the log, into BUF of 128
 * bytes at least: `"GET / HTTP/1.1\r\n" looks like HTTP`.  At most 16 bytes of
 * payload, escaped; what it looks like only where it looks like something. */
const char *tt_framer_describe(const struct tt_framer *f, char *buf, size_t room);

/* "HTTP", "TLS", "SSH", "text", or NULL: what a stream that begins with the SIZE
 * bytes at DATA looks like. */
const char *tt_framing_looks_like(const uint8_t *data, size_t size);

#endif
