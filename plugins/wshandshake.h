/* wshandshake.h - may this subscriber come in: the judge of an opening handshake.
 *
 * Bytes in, a verdict and an answer out: no socket, no clock.  What is wrong is found
 * in one order: the path (404), the form (400, 405, 426), the origin (403), the token
 * (401), the room (503). */
#ifndef TT_PLUGINS_WSHANDSHAKE_H
#define TT_PLUGINS_WSHANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>

/* Most bytes of a request, up to the blank line at its end. */
#define TT_WSHANDSHAKE_MAX (16 << 10)

/* Longest answer. */
#define TT_WSHANDSHAKE_ANSWER 512

/* A Sec-WebSocket-Key: 16 bytes in base64. */
#define TT_WSHANDSHAKE_KEY 24

/* The subprotocol that is spoken where it is asked for. */
#define TT_WSHANDSHAKE_SUBPROTOCOL "taskthread"

struct tt_wsrules {
	const char *path;
	/* Origins that may come, "https://host[:port]" or "*"; of none, those whose host
	 * is the host of the request.  Who sends no origin is no browser, and may. */
	const char *const *origins;
	size_t n_origins;
	const char *token;		/* or NULL: nobody needs one */
};

struct tt_wsverdict {
	unsigned status;		/* 101, or why not */
	const char *why;		/* in words, of ours alone */
	bool subprotocol;		/* taskthread was asked for */
	bool head_only;			/* HEAD: an answer without a body */
	char key[TT_WSHANDSHAKE_KEY + 1];	/* of 101: what the peer sent, to be proven */
					/* in the answer */
};

/* How many of the SIZE bytes of TEXT are the request, with the blank line at its
 * end; 0 if that has not come yet.  *SEEN, 0 at first, is what was looked at before:
 * it makes a request that comes byte by byte cheap. */
size_t tt_wshandshake_end(const char *text, size_t size, size_t *seen);

/* Judges the request of SIZE bytes.  Without its end it is one that is too long.
 * FULL: there is no room for one more. */
void tt_wshandshake_judge(const struct tt_wsrules *rules, const char *text, size_t size,
    bool full, struct tt_wsverdict *verdict);

/* Writes the answer into BUF, which has TT_WSHANDSHAKE_ANSWER bytes.  ACCEPT, of 101
 * only: base64 of the SHA-1 of the key and TT_WSHANDSHAKE_GUID.  Returns its size. */
size_t tt_wshandshake_answer(const struct tt_wsverdict *verdict, const char *accept,
    char *buf);

#define TT_WSHANDSHAKE_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

/* Whether TEXT can be an origin of the rules, and their token: what stands behind
 * "Bearer" (RFC 6750, 2.1). */
bool tt_wshandshake_is_origin(const char *text);
bool tt_wshandshake_is_bearer(const char *text);

/* Whether TOKEN, a bearer, can stand in the name of a subprotocol, too. */
bool tt_wshandshake_is_subprotocol(const char *token);

#endif
