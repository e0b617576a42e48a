/* signal.h - what travels on an edge between parent and child, by value. */
#ifndef TT_DAEMON_SIGNAL_H
#define TT_DAEMON_SIGNAL_H

#include <stdint.h>

struct tt_batch;

enum tt_signal_type {
	TT_DATA,		/* a batch on a channel, IN or UP */
	TT_TERMINATE,		/* down: end, after what was sent before */
	TT_CLOSE,		/* up: the sender has ended, after what it sent */
};

/* Why something ended, or was not kept.  The names are the contract's words. */
enum tt_reason {
	TT_REASON_NONE,
	/* of a connection's end */
	TT_REASON_PEER,
	TT_REASON_RESET,
	TT_REASON_IDLE_TIMEOUT,
	TT_REASON_FRAME_TIMEOUT,
	TT_REASON_OVERSIZE,
	TT_REASON_FRAMING,
	TT_REASON_MEMORY,
	TT_REASON_STOP,
	TT_REASON_MAX_CONNECTIONS,
	TT_REASON_HANDSHAKE,	/* of a viewer who may not come in */
	/* of a frame that was dropped or refused */
	TT_REASON_DROP_OLDEST,
	TT_REASON_DROP_NEWEST,
	TT_REASON_TERMINATED,	/* still waiting when its reader ended */
	TT_REASON_MAX_MESSAGE,	/* does not fit a websocket message */
	TT_REASON_NEWLINE,	/* has an LF inside, in a batch of lines */
	TT_REASON_DATABASE,	/* SQLite refuses it for good */
	TT_REASON_REMOVED,	/* only a destination that is gone from the file */
				/* had not confirmed it */
	/* of a thread's failure */
	TT_REASON_FAILED,
	TT_REASONS
};

/* "peer", "idle_timeout", ...; "" for TT_REASON_NONE. */
const char *tt_reason_name(enum tt_reason reason);

struct tt_signal {
	uint8_t type;		/* enum tt_signal_type */
	uint8_t reason;		/* enum tt_reason, of a TT_CLOSE */
	uint16_t channel;	/* TT_DATA: IN, the reader's IN index; UP, the index */
				/* among the channels of the reader's node */
	uint32_t unused;
	struct tt_batch *batch;	/* TT_DATA, else NULL */
};

#endif
