/* node.h - the tree of the file: read once, never changed.
 *
 * A node is one entry of the tree: its kind's schema, its options in a struct of
 * the kind's, its channels, and the wiring that follows from them.  Threads are
 * started from nodes; many may share one. */
#ifndef TT_CONFIG_NODE_H
#define TT_CONFIG_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/error.h"
#include "config/schema.h"

struct tt_value;

/* Bytes that one read may bring, a part of every bound. */
#define TT_READ_SIZE (256 << 10)

/* The signal of a full queue.  Also the `queue` option. */
enum tt_when_full { TT_BLOCK, TT_DROP_OLDEST, TT_DROP_NEWEST };

struct tt_queue_limit {
	bool given;
	int64_t bytes;			/* default 8MiB */
	int64_t frames;			/* 0: not limited by frames */
	int when_full;			/* enum tt_when_full */
};

/* The `restart` option: how often a thread that fails is started again. */
struct tt_restart {
	bool given;			/* false: `off`, never */
	int64_t max;			/* 1 or more failures `within` are borne */
	int64_t within;			/* ns */
	struct tt_duration_range backoff;	/* the first pause and the longest */
};

/* One user of a channel among the children of a node. */
struct tt_user {
	const struct tt_node *node;
	unsigned in;			/* the index in its IN */
};

/* A named stream at a node: what arrives there IN, comes UP from its children or
 * is made there, and who takes it. */
struct tt_channel {
	const char *name;
	int up;				/* its index in the node's own UP, or -1 */
	unsigned n_users;
	const struct tt_user *users;	/* children, in file order */
};

struct tt_node {
	const struct tt_schema *schema;
	unsigned index;			/* 0 for the root, then in file order */
	const char *key;		/* as written: "WebSocketSubThread eu" */
	const char *name;		/* "eu", or "" */
	const char *path;		/* keys joined by '/' from the root */
	struct tt_mark mark;		/* of the key */

	struct tt_node *parent;
	unsigned n_children;
	struct tt_node **children;	/* in file order */
	struct tt_node **flow;		/* the same, sources before users */

	void *config;			/* schema->config_size bytes */
	int log;			/* enum tt_log_level, or -1: as the daemon's */
	const char *description;	/* or NULL */
	const struct tt_value *value;	/* the node's mapping in the file, or NULL */
	bool unknown;			/* some value of it could not be had, and */
					/* something legal stands in (TT_LOAD_CHECK), */
					/* or was wrong: no other node is judged by it */
	struct tt_queue_limit queue;	/* kinds with TT_KEEPS */
	struct tt_restart restart;

	unsigned n_in, n_up;
	const char **in, **up;		/* names, usual ones put in */

	/* The wiring. */
	unsigned n_channels;
	const struct tt_channel *channels;
	unsigned *in_channel;		/* IN i is channels[in_channel[i]] here */
	unsigned *up_channel;		/* UP i is channels[] of the parent */
	int made;			/* channels[] of what the kind makes, or -1 */
	unsigned *up_owed;		/* durable users that UP i reaches */
	bool durable;			/* schema->durable said so */
	bool pattern;			/* it is started on demand, for each connection */
	bool on_demand;			/* it or a node above it is */
	unsigned n_feeders;		/* nodes with a tap whose data reaches this one's IN; */
					/* not of those on demand, if they keep nothing */
	const struct tt_node **feeders;
	int64_t frame_max;		/* largest frame on its way IN here; 0: none */
};

/* The `daemon` section, defaults put in. */
struct tt_daemon_config {
	bool given;
	const char *name;		/* the host name where absent */
	int64_t workers;		/* 1 or more: `auto` is this machine's processors */
	const char *state_dir;		/* absolute */
	int64_t memory;			/* bytes */
	int64_t stop_timeout;		/* ns */
	int log;			/* enum tt_log_level */
};

/* A part of the bound of resident memory. */
struct tt_bound_part {
	const char *what;		/* "daemon.memory", a node's path */
	const struct tt_node *node;	/* whose it is, or NULL */
	int64_t bytes;
};

/* One loaded file.  Everything in it belongs to it. */
struct tt_document {
	const char *file;
	struct tt_daemon_config daemon;
	struct tt_node *root;
	unsigned n_nodes;
	const struct tt_node **nodes;	/* by index */
	int64_t frame_max;		/* the largest frame anywhere */
	int64_t memory_bound;		/* resident bytes, as --check prints: the sum */
	unsigned n_bound;		/* of these */
	const struct tt_bound_part *bound;
	unsigned n_env;			/* environment variables that it took values */
	const char **env;		/* from, once each */
	void *arena;			/* owns all of the above */
};

/* True if NODE's threads are spread over the workers: devices, each on its own. */
bool tt_node_is_spread(const struct tt_node *node);

/* How many workers DOC's tree has: 1 if nothing is spread. */
unsigned tt_document_workers(const struct tt_document *doc);

/* True if NODE or one above it is ANCESTOR. */
bool tt_node_is_within(const struct tt_node *node, const struct tt_node *ancestor);

#endif
