/* schema.h - what the file may say about a kind.
 *
 * A schema is a const table, and the only place that knows an option: the loader
 * checks the file by it, --describe and --schema print it, the manual is held
 * against it. */
#ifndef TT_CONFIG_SCHEMA_H
#define TT_CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/error.h"

struct tt_node;
struct tt_check;
struct tt_document;

/* What an option is, and what is stored for it at `offset` of the node's config.
 * All pointers belong to the document. */
enum tt_option_type {
	TT_OPT_BOOL,		/* bool: true false yes no on off */
	TT_OPT_INT,		/* int64_t in min..max */
	TT_OPT_SIZE,		/* int64_t bytes in min..max: 4096, 64KiB, 10MB */
	TT_OPT_DURATION,	/* int64_t ns in min..max: 500ms 10s 5m 1h 7d */
	TT_OPT_DURATION_RANGE,	/* struct tt_duration_range: 500ms..60s */
	TT_OPT_ENUM,		/* int, an index of `choices` */
	TT_OPT_STRING,		/* const char *, NULL where absent */
	TT_OPT_PATH,		/* const char *; a relative one is below state_dir */
	TT_OPT_BYTES,		/* struct tt_bytes: text, or {hex: "ff fe"} */
	TT_OPT_ADDRESSES,	/* struct tt_addresses: one, or a list */
	TT_OPT_URL,		/* struct tt_url: ws:// or wss:// */
	TT_OPT_STRINGS,		/* struct tt_pairs: a mapping of text to text */
	TT_OPT_TEXTS,		/* struct tt_texts: one text, or a list of them */
	TT_OPT_GROUP,		/* a struct whose first member is `bool given`; */
				/* its members by the table `group` */
};

struct tt_duration_range {
	int64_t from, to;		/* ns, from <= to */
};

struct tt_bytes {
	const uint8_t *data;
	size_t size;
};

/* host:port "[::1]:port" unix:/path; a port may be 0 (any free one). */
struct tt_address {
	const char *text;		/* as written */
	const char *host;		/* without brackets; NULL for unix: */
	uint16_t port;
	const char *path;		/* for unix:, else NULL */
};

#define TT_ADDRESSES 256		/* of one list */

struct tt_addresses {
	size_t n;
	const struct tt_address *list;
};

/* ws://host[:port][/path][?query]; a fragment or userinfo is refused. */
struct tt_url {
	const char *text;		/* as written, NULL where absent */
	bool tls;
	const char *host;		/* without brackets */
	uint16_t port;			/* 80 or 443 where absent */
	const char *path;		/* with query, at least "/" */
};

struct tt_pairs {
	size_t n;
	const struct tt_pair {
		const char *name, *value;
	} *list;
};

#define TT_TEXTS 256			/* of one list */

struct tt_texts {
	size_t n;
	const char *const *list;
};

struct tt_option {
	const char *name;		/* lower_snake; NULL ends a table */
	enum tt_option_type type;
	size_t offset;			/* in the node's config, or in the group's struct */
	bool required;
	bool live;			/* a reload may change it in a running thread */
	bool secret;			/* its value is never printed */
	bool late;			/* a group's number: min and max depend on others, */
					/* and the group's check tests them */
	bool off;			/* a number or duration may be `off`, stored as 0; */
					/* a group `off`: given stays false */
	bool automatic;			/* a number may be `auto`, stored as 0 */
	const char *standard;		/* the default as the file would write it, or NULL: */
					/* then absent is all bits 0 */
	const char *example;		/* a value, where not every one of the type is legal */
					/* and there is no default; or NULL */
	int64_t min, max;		/* numbers; max 0 means INT64_MAX */
	const char *const *choices;	/* enum: names, NULL ends */
	const struct tt_option *group;	/* group: its options */
	const char *shorthand;		/* group: the member that a bare scalar stands for */
	/* A group's own rules, called once all members are stored.  VALUE is the
	 * group's struct. */
	void (*check)(struct tt_check *check, void *value);
	const char *help;		/* one line, lower case, no full stop */
};

#define TT_OPTIONS_END { .name = NULL }

enum tt_schema_flag {
	TT_PATTERN = 1 << 0,	/* its children are the pattern for threads on demand: */
				/* it has children of which each is started n times */
	TT_BLOCKING = 1 << 1,	/* its library blocks: an OS thread of its own */
	TT_MAIN = 1 << 2,	/* lives on the main worker: never under a pattern */
	TT_CONSUMES = 1 << 3,	/* uses what it takes IN, and never passes it on */
	TT_KEEPS = 1 << 4,	/* says itself when a batch is done, and has a queue option */
	TT_ANY = 1 << 5,	/* takes any list of channels; else exactly one each way */
				/* for which it has a usual name */
	TT_TAP = 1 << 6,	/* data enters the daemon here */
	TT_ONCE = 1 << 7,	/* at most one among its siblings */
	TT_ROOT = 1 << 8,	/* the root of the tree, without IN or UP */
	TT_ON_DEMAND = 1 << 9,	/* started by its parent for each connection */
};

struct tt_schema {
	const char *name;		/* "DataProcessorThread" */
	const char *help;		/* one line */
	const char *under[4];		/* its legal parents; none: any kind that may have */
					/* children and is not said to be closed */
	const char *in, *up;		/* the usual channels, NULL where it has none */
	const char *makes;		/* the channel it makes for its children itself */
	/* The option without which a node of this kind is a pattern, started by its
	 * parent for each connection, as all are of a kind with TT_ON_DEMAND; or NULL. */
	const char *pattern_without;
	bool leaf;			/* has no children */
	const char *closed;		/* the only kind of children it may have, or NULL */
	unsigned flags;
	const struct tt_option *options;
	size_t config_size;		/* of the struct that the options fill */
	/* The kind's own rules over its options, once all are stored. */
	void (*check)(struct tt_check *check, void *config);
	/* Rules over the wired tree (its children, the frames' largest size). */
	void (*check_tree)(struct tt_check *check, void *config);
	/* True if NODE answers for what it takes IN: acknowledgements wait for it.
	 * NULL: never. */
	bool (*durable)(const struct tt_node *node);
	/* True if NODE may drop what it has taken, beside what its queue drops: then
	 * nobody may acknowledge for it.  NULL: never. */
	bool (*drops)(const struct tt_node *node);
	/* The largest frame that a thread of NODE sends UP, in bytes: for kinds that
	 * make frames.  NULL: makes none. */
	int64_t (*frame_max)(const struct tt_node *node);
	/* Resident bytes that NODE may need beside payload, for --check's bound.
	 * Called once all is wired.  NULL: a small fixed sum. */
	int64_t (*resident)(const struct tt_node *node);
	/* A short name of the address or file that NODE needs for itself, into BUF,
	 * for "two nodes with one address or file"; I counts from 0, returns false
	 * past the last.  An empty text claims nothing (port 0).  NULL: none. */
	bool (*claims)(const struct tt_node *node, size_t i, char *buf, size_t size);
};

/* For check functions.  OPTION names the option to point at ("url"; "tls.ca" in
 * a group), NULL the node itself.  REMEDY may be NULL. */
void tt_check_error(struct tt_check *check, const char *option,
    const char *remedy, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void tt_check_warn(struct tt_check *check, const char *option,
    const char *remedy, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* True if the file says something for OPTION; in a group's check, names are the
 * group's members. */
bool tt_check_given(const struct tt_check *check, const char *option);

/* The node under check, and the whole document: its daemon section is there
 * always, the rest when trees are checked. */
const struct tt_node *tt_check_node(const struct tt_check *check);
const struct tt_document *tt_check_document(const struct tt_check *check);

#endif
