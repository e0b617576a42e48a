/* wsoptions.h - what the file may say about a websocket: a destination, or, without
 * `url`, each viewer. */
#ifndef TT_PLUGINS_WSOPTIONS_H
#define TT_PLUGINS_WSOPTIONS_H

#include "config/node.h"
#include "config/schema.h"
#include "plugins/wsloop.h"

enum tt_wsack { TT_WSACK_PONG, TT_WSACK_SEQUENCE, TT_WSACK_NONE };

struct tt_wsconfig {
	struct tt_url url;
	int format;			/* enum tt_wsformat_type */
	int batch;			/* enum tt_wsformat_batch */
	int ack;			/* enum tt_wsack */
	int64_t ack_timeout, connect_timeout;	/* ns */
	struct tt_duration_range backoff;
	int64_t max_message;		/* 0: as tt_wsoptions_max_message() says */
	struct tt_pairs headers;
	const char *subprotocol;
	struct {
		bool given;
		const char *ca, *cert, *key;
		bool verify;
	} tls;
	/* A viewer's. */
	int64_t last;			/* frames on joining */
	struct tt_wsqueue {
		bool given;
		int64_t bytes, frames;	/* frames 0: any number */
		int when_full;
	} queue;
};

extern const struct tt_option tt_wsoptions[];

/* Rules that hold between options, and over the wired tree. */
void tt_wsoptions_check(struct tt_check *check, void *config);
void tt_wsoptions_check_tree(struct tt_check *check, void *config);

/* The name of URL's host as a request has it, with its port where that is not the
 * usual one, into BUF. */
void tt_wsoptions_host(const struct tt_url *url, char *buf, size_t size);

/* The headers of CONFIG as lines, to be freed; NULL where memory is out. */
char *tt_wsoptions_headers(const struct tt_wsconfig *config);

/* True if NODE's messages tell positions beside what their format has. */
bool tt_wsoptions_sequence(const struct tt_node *node);

/* Payload bytes of the largest message that NODE may send. */
int64_t tt_wsoptions_max_message(const struct tt_node *node);

/* The most that it will: what is legal, or the largest frame on its way takes. */
int64_t tt_wsoptions_largest(const struct tt_node *node);

/* Resident bytes that NODE may need beside what waits in its master's log; a pattern for
 * all its viewers. */
int64_t tt_wsoptions_resident(const struct tt_node *node);

/* Adds the websockets in the tree of NODE to CENSUS. */
void tt_wsoptions_census(const struct tt_node *node, struct tt_wscensus *census);

#endif
