/* wsfeed.h - one stream of messages for many viewers.
 *
 * Frames are encoded once, into pages: immutable, counted references to messages that
 * stand ready-made.  A reader is a place in that stream, and a page that is under way.
 *
 *          evicted          the newest pages, up to the limit
 *     - - - - - - - -|---------------------------------------|......
 *                   head       ^ a reader                   tail  being filled
 *
 * Who is so slow that the feed has let go of what it would read next goes on at the
 * head; what it missed is counted.  A page that a reader is within stays for it: it is
 * then a stray, and their sum is told. */
#ifndef TT_PLUGINS_WSFEED_H
#define TT_PLUGINS_WSFEED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "plugins/wsformat.h"

struct tt_wsfeed;

struct tt_wspage {
	struct tt_wsfeed *feed;
	unsigned refs;
	bool stray;			/* the feed has let go of it */
	uint32_t frames;
	uint64_t bytes;			/* payload */
	uint64_t before;		/* frames in all pages before it */
	size_t size;
	uint8_t data[];
};

struct tt_wsfeed_limit {
	uint64_t bytes;			/* of pages, with their headers */
	uint64_t frames;		/* 0: any number */
	uint64_t last;			/* frames on joining */
};

struct tt_wsfeed {
	struct tt_wsformat format;	/* the owner's to prepare */
	struct tt_wsfeed_limit limit;
	/* Called for each frame that cannot be sent. */
	void (*refused)(void *arg, const struct tt_wsitem *item,
	    enum tt_wsformat_verdict verdict);
	void *arg;

	struct tt_wspage **ring;
	uint64_t size;			/* of the ring: a power of two, or 0 */
	uint64_t head, tail;		/* pages, counted from the first ever */
	uint64_t kept;			/* bytes of them */
	uint64_t stray;			/* and of those that only readers keep */
	unsigned readers;
	uint64_t frames, bytes;		/* in all pages ever, and their payload */
	uint64_t n_refused[TT_WS_FULL];	/* by verdict */

	struct tt_wsblock block;	/* being filled, with: */
	uint32_t filled;
	uint64_t filled_bytes;
	uint64_t next;			/* position behind the last frame in it */

	/* For who joins: the last frames, each a message of its own. */
	struct tt_wspage **last;	/* a ring of limit.last */
	uint64_t last_head, last_tail, last_kept;
	struct tt_wsblock one;
	struct tt_wspage *welcome;	/* all of those, once somebody asked; or NULL */
};

struct tt_wsreader {
	struct tt_wsfeed *feed;
	uint64_t next;			/* the page to be taken next */
	uint64_t before;		/* frames before that */
	struct tt_wspage *page;		/* under way, or NULL */
	size_t at;			/* bytes of it that were taken */
	uint64_t seen, seen_bytes, seen_refused[TT_WS_FULL];	/* of the feed's */
	/* Since the owner took them and set them to 0: frames that came, that were taken
	 * whole, and that were missed; those that cannot be sent, which came as well. */
	uint64_t in_frames, in_bytes, out_frames, out_bytes, missed;
	uint64_t refused[TT_WS_FULL];
};

/* Prepares F, whose other members are 0. */
void tt_wsfeed_init(struct tt_wsfeed *f, const struct tt_wsfeed_limit *limit);

/* There are no readers any more. */
void tt_wsfeed_finish(struct tt_wsfeed *f);

/* Adds the frames of SPAN, all of its batch, on CHANNEL.  Where nobody reads, only the
 * last ones are kept. */
void tt_wsfeed_add(struct tt_wsfeed *f, const struct tt_wsspan *span,
    const char *channel);

/* What was added may be read from now on.  Returns false if there was nothing. */
bool tt_wsfeed_flush(struct tt_wsfeed *f);

/* True if strays take more than the pages may. */
bool tt_wsfeed_is_crowded(const struct tt_wsfeed *f);

/* Puts R, uninitialised, at the end, behind the last frames. */
void tt_wsreader_join(struct tt_wsreader *r, struct tt_wsfeed *f);

/* Takes R away.  Returns how many frames waited for it. */
uint64_t tt_wsreader_leave(struct tt_wsreader *r);

/* Brings R's counters up to date. */
void tt_wsreader_look(struct tt_wsreader *r);

/* Says in IOV, which has N, what is to be sent next, about MAX bytes.  Returns how many
 * of them it takes; 0 at the end. */
int tt_wsreader_peek(struct tt_wsreader *r, struct iovec *iov, int n, size_t max);

/* SIZE bytes of that were sent. */
void tt_wsreader_take(struct tt_wsreader *r, size_t size);

/* True if a message may be half sent: nothing else may come in between. */
static inline bool
tt_wsreader_is_within(const struct tt_wsreader *r)
{
	return r->page != NULL && r->at > 0;
}

/* True if it holds what the feed would be rid of. */
static inline bool
tt_wsreader_is_straying(const struct tt_wsreader *r)
{
	return r->page != NULL && r->page->stray;
}

/* True if there is nothing to be sent. */
static inline bool
tt_wsreader_is_at_end(const struct tt_wsreader *r)
{
	return r->page == NULL && r->next == r->feed->tail;
}

#endif
