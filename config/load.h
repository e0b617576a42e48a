/* load.h - one load under way: what the parts of the loader share. */
#ifndef TT_CONFIG_LOAD_H
#define TT_CONFIG_LOAD_H

#include <stdint.h>

#include "config/arena.h"
#include "config/error.h"
#include "config/document.h"
#include "config/node.h"
#include "config/schema.h"
#include "config/value.h"

#define TT_LOAD_NODES 4096	/* nodes of one file */
#define TT_LOAD_CHANNELS 64	/* of one node in one direction: bits of a word */

/* One file of the document. */
struct tt_load_file {
	struct tt_load_file *next;
	const char *name;		/* as the marks in it have it */
	struct tt_mark mark;		/* where it is included; the first: nowhere */
	bool is_open;			/* what it includes is being read */
	bool is_public;			/* users beside owner and group may read it */
	uint64_t device, inode;		/* 0: it is no file, but a text */
};

struct tt_channel_alias;

struct tt_load {
	struct tt_arena *arena;
	struct tt_document *doc;
	const struct tt_schema *const *schemas;
	enum tt_load_mode mode;
	struct tt_errors *errs;
	const struct tt_value *memory;	/* what daemon.memory says, or NULL */
	unsigned n_values;		/* of TT_VALUE_COUNT */
	size_t n_bytes;			/* of all its files, of TT_VALUE_FILE */
	size_t n_put;			/* the same of what was put in from elsewhere */
	unsigned n_looked;		/* of TT_INCLUDE_LOOKED */
	unsigned n_files;
	struct tt_load_file *files;	/* all that were read, the last first */
	unsigned n_nodes;
	struct tt_building **nodes;	/* by index */
	bool cut;			/* a file could be read in part only, or not at */
					/* all: nothing is missing */
	bool loose;			/* the tree's shape is not what was meant: */
					/* nothing else follows from it */
};

/* A node while it is built, and what only building needs to know. */
struct tt_building {
	struct tt_node node;
	bool valid;			/* every option of it could be stored */
	bool guessed;			/* its kind stands otherwise in the file */
	bool loose;			/* a child or a channel of it is not known: */
					/* silent about users and sources here */
	const struct tt_value *in_says, *up_says;	/* NULL: the usual ones */
	const struct tt_channel_alias *aliases;	/* of channel.c */
	uint64_t *reach;		/* for each IN, the bits of the UP it gets to */
	unsigned *durable;		/* for each IN, durable nodes from here down */
	unsigned *users_durable;	/* the same for the users of each channel */
	int64_t *largest;		/* the largest frame on each channel */
	unsigned *seen;			/* the tap, plus 1, that was noted last on each */
	unsigned place;			/* among its siblings */
	struct tt_channel *channels;	/* the node's, while they are made */
	struct tt_building *last_feeder;	/* the tap that was noted last */
	unsigned room;			/* of feeders */
};

#define TT_BUILDING(node) ((struct tt_building *)(node))

#endif
