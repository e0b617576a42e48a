/* wslisten.h - what the file may say about viewers: at a master, its `listen` and what
 * goes with it. */
#ifndef TT_PLUGINS_WSLISTEN_H
#define TT_PLUGINS_WSLISTEN_H

#include "config/node.h"
#include "config/schema.h"

/* Connections that are not yet viewers, or are being refused, at a time. */
#define TT_WSLISTEN_WAITING 128

/* The config of a master begins with it. */
struct tt_wslisten {
	struct tt_addresses listen;
	const char *path;
	struct tt_texts origins;
	const char *token;		/* or NULL */
	int64_t max_subscribers;
	struct tt_wslisten_tls {
		bool given;
		const char *cert, *key, *client_ca;
	} tls;
};

extern const struct tt_option tt_wslisten_tls[];

/* The options, in a table whose struct CONFIG has a struct tt_wslisten MEMBER. */
#define TT_WSLISTEN_OPTIONS(config, member) \
	{ .name = "listen", .type = TT_OPT_ADDRESSES, \
	  .offset = offsetof(struct config, member.listen), \
	  .help = "where viewers connect: 127.0.0.1:8080, \"[::]:8080\", unix:/path, " \
	      "or a list; port 0 is any free one" }, \
	{ .name = "path", .type = TT_OPT_STRING, .standard = "/", \
	  .offset = offsetof(struct config, member.path), \
	  .help = "the path that viewers ask for" }, \
	{ .name = "origins", .type = TT_OPT_TEXTS, \
	  .offset = offsetof(struct config, member.origins), \
	  .help = "whose pages may come, https://host[:port], or \"*\"; absent: those " \
	      "of this host" }, \
	{ .name = "token", .type = TT_OPT_STRING, .secret = true, \
	  .offset = offsetof(struct config, member.token), \
	  .help = "what a viewer must know, as Authorization: Bearer has it" }, \
	{ .name = "max_subscribers", .type = TT_OPT_INT, .standard = "1000", \
	  .min = 1, .max = 100000, \
	  .offset = offsetof(struct config, member.max_subscribers), \
	  .help = "viewers at a time; one more is refused" }, \
	{ .name = "tls", .type = TT_OPT_GROUP, .group = tt_wslisten_tls, \
	  .offset = offsetof(struct config, member.tls), \
	  .help = "certificates, for wss://" }

/* Rules between these options, and over the wired tree. */
void tt_wslisten_check(struct tt_check *check, const struct tt_wslisten *l);
void tt_wslisten_check_tree(struct tt_check *check, const struct tt_wslisten *l);

/* The pattern among NODE's children, or NULL. */
const struct tt_node *tt_wslisten_pattern(const struct tt_node *node);

/* Resident bytes that all viewers of PATTERN need at most. */
int64_t tt_wslisten_resident(const struct tt_node *pattern);

#endif
