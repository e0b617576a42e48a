/* wslisten.c - what the file may say about viewers. */
#include "plugins/wslisten.h"

#include <inttypes.h>
#include <string.h>

#include "plugins/wsfeed.h"
#include "plugins/wshandshake.h"
#include "plugins/wsoptions.h"

/* Resident bytes of a viewer: thread, connection, and what libwebsockets, libuv and
 * OpenSSL take for it. */
#define WSLISTEN_VIEWER 4096
#define WSLISTEN_VIEWER_TLS (80 << 10)

#define WSLISTEN_TLS(member) offsetof(struct tt_wslisten_tls, member)

const struct tt_option tt_wslisten_tls[] = {
	{ .name = "cert", .type = TT_OPT_PATH, .required = true,
	  .offset = WSLISTEN_TLS(cert),
	  .help = "PEM file of the certificate to be shown, with its chain" },
	{ .name = "key", .type = TT_OPT_PATH, .required = true,
	  .offset = WSLISTEN_TLS(key),
	  .help = "PEM file of its private key" },
	{ .name = "client_ca", .type = TT_OPT_PATH,
	  .offset = WSLISTEN_TLS(client_ca),
	  .help = "PEM file of the authorities that a viewer's certificate must be "
	      "from; absent: it needs none" },
	TT_OPTIONS_END
};

/* --- rules --------------------------------------------------------------- */

static bool
wslisten_is_path(const char *path)
{
	if (*path != '/' || strlen(path) > TT_WSHANDSHAKE_MAX / 2)
		return false;
	for (; *path != '\0'; path++)
		if (*path <= ' ' || *path >= 0x7f || *path == '?' || *path == '#')
			return false;
	return true;
}

static void
wslisten_check_token(struct tt_check *check, const char *token)
{
	/* It is a secret: it is not shown. */
	if (!tt_wshandshake_is_bearer(token) || strlen(token) > 1024)
		tt_check_error(check, "token", "letters, digits and -._~+/, up to 1024, "
		    "perhaps with = at the end", "this is no token");
	else if (!tt_wshandshake_is_subprotocol(token))
		tt_check_warn(check, "token", "letters, digits and -._~+",
		    "a browser cannot send a token with / or = in it");
}

void
tt_wslisten_check(struct tt_check *check, const struct tt_wslisten *l)
{
	static const char *const others[] = { "path", "origins", "token",
		"max_subscribers", "tls" };

	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (!tt_check_given(check, "listen") && tt_check_given(check, others[i]))
			tt_check_error(check, others[i], "listen: 127.0.0.1:8080, for one",
			    "%s is for viewers, who need listen", others[i]);
	if (!wslisten_is_path(l->path))
		tt_check_error(check, "path", "it begins with /, and has no ? in it",
		    "this is no path");
	for (size_t i = 0; i < l->origins.n; i++)
		if (!tt_wshandshake_is_origin(l->origins.list[i]))
			tt_check_error(check, "origins", "https://host or "
			    "https://host:port, without a path; \"*\" is any",
			    "\"%.100s\" is no origin", l->origins.list[i]);
	if (l->token != NULL)
		wslisten_check_token(check, l->token);
}

const struct tt_node *
tt_wslisten_pattern(const struct tt_node *node)
{
	for (unsigned i = 0; i < node->n_children; i++)
		if (node->children[i]->pattern)
			return node->children[i];
	return NULL;
}

void
tt_wslisten_check_tree(struct tt_check *check, const struct tt_wslisten *l)
{
	const struct tt_node *node = tt_check_node(check);
	unsigned n = 0;

	(void)l;
	for (unsigned i = 0; i < node->n_children; i++)
		n += node->children[i]->pattern;
	if (!tt_check_given(check, "listen"))
		return;
	if (n == 0)
		tt_check_error(check, "listen", "put one below it, indented: "
		    "\"WebSocketSubThread: {format: json}\"",
		    "has listen, and no WebSocketSubThread without url: the pattern for "
		    "each viewer");
	if (n > 1)
		tt_check_error(check, "listen", "one is the pattern for all; others have a "
		    "url", "has %u WebSocketSubThreads without url", n);
}

/* --- the bound ----------------------------------------------------------- */

int64_t
tt_wslisten_resident(const struct tt_node *pattern)
{
	const struct tt_wslisten *l = pattern->parent->config;
	const struct tt_wsconfig *c = pattern->config;
	int64_t each = WSLISTEN_VIEWER, page = tt_wsoptions_largest(pattern), sum;

	if (page < TT_WS_BLOCK)
		page = TT_WS_BLOCK;
	if (l->tls.given)
		each += WSLISTEN_VIEWER_TLS;
	/* The pages, and those that viewers are still within; each time one page more
	 * than may be. */
	sum = 2 * (c->queue.bytes + page) + page;
	/* The last frames, one by one and together. */
	if (c->last > 0)
		sum += 3 * (c->queue.bytes + page) + c->last * (int64_t)sizeof(void *);
	return sum + l->max_subscribers * each +
	    TT_WSLISTEN_WAITING * (each + TT_WSHANDSHAKE_MAX);
}
