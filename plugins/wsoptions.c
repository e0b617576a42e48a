/* wsoptions.c - what the file may say about a websocket. */
#include "plugins/wsoptions.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "plugins/wsclient.h"
#include "plugins/wsformat.h"
#include "plugins/wslisten.h"

#define WSOPTIONS_USUAL_MESSAGE (INT64_C(1) << 20)
#define WSOPTIONS_LARGEST_MESSAGE (INT64_C(1) << 30)
/* Most bytes of the gateway's name and a channel's. */
#define WSOPTIONS_NAMES (255 + 64)

static const char *const wsoptions_formats[] = { "raw", "json", "envelope", NULL };
static const char *const wsoptions_batches[] = { "none", "newline", "length", NULL };
static const char *const wsoptions_acks[] = { "pong", "sequence", "none", NULL };

#define WSOPTIONS_TLS(member) (offsetof(struct tt_wsconfig, tls.member) - \
	offsetof(struct tt_wsconfig, tls))

static const struct tt_option wsoptions_tls[] = {
	{ .name = "ca", .type = TT_OPT_PATH, .offset = WSOPTIONS_TLS(ca),
	  .help = "PEM file of the authorities to be trusted instead of the system's" },
	{ .name = "cert", .type = TT_OPT_PATH, .offset = WSOPTIONS_TLS(cert),
	  .help = "PEM file of the certificate to be shown to the destination" },
	{ .name = "key", .type = TT_OPT_PATH, .offset = WSOPTIONS_TLS(key),
	  .help = "PEM file of its private key" },
	{ .name = "verify", .type = TT_OPT_BOOL, .standard = "on",
	  .offset = WSOPTIONS_TLS(verify),
	  .help = "whether the destination must prove that it is who it says" },
	TT_OPTIONS_END
};

#define WSOPTIONS_QUEUE(member) offsetof(struct tt_wsqueue, member)

/* A viewer never slows anybody down, and what waits for all of them is kept once: so
 * it is the oldest that goes. */
static const char *const wsoptions_when_full[] = { "drop_oldest", NULL };

static const struct tt_option wsoptions_queue[] = {
	{ .name = "bytes", .type = TT_OPT_SIZE, .min = 1, .max = INT64_C(1) << 40,
	  .standard = "8MiB", .offset = WSOPTIONS_QUEUE(bytes),
	  .help = "what may wait, as messages" },
	{ .name = "frames", .type = TT_OPT_INT, .min = 1,
	  .offset = WSOPTIONS_QUEUE(frames),
	  .help = "frames that may wait; absent: any number" },
	{ .name = "when_full", .type = TT_OPT_ENUM, .choices = wsoptions_when_full,
	  .standard = "drop_oldest", .offset = WSOPTIONS_QUEUE(when_full),
	  .help = "drop frames: a viewer never slows a device down" },
	TT_OPTIONS_END
};

const struct tt_option tt_wsoptions[] = {
	{ .name = "url", .type = TT_OPT_URL,
	  .offset = offsetof(struct tt_wsconfig, url),
	  .help = "the destination, ws:// or wss://; absent: each viewer" },
	{ .name = "format", .type = TT_OPT_ENUM, .choices = wsoptions_formats,
	  .standard = "raw", .offset = offsetof(struct tt_wsconfig, format),
	  .help = "a frame as it is, as an object, or behind 40 bytes that say whose" },
	{ .name = "batch", .type = TT_OPT_ENUM, .choices = wsoptions_batches,
	  .standard = "none", .offset = offsetof(struct tt_wsconfig, batch),
	  .help = "one frame a message, or several: as lines, or behind their lengths" },
	{ .name = "ack", .type = TT_OPT_ENUM, .choices = wsoptions_acks,
	  .standard = "pong", .offset = offsetof(struct tt_wsconfig, ack),
	  .help = "what confirms a frame: a pong, the destination's `ack N`, nothing" },
	{ .name = "ack_timeout", .type = TT_OPT_DURATION, .standard = "30s",
	  .min = 100000000, .offset = offsetof(struct tt_wsconfig, ack_timeout),
	  .help = "longest wait for a confirmation before the connection is made anew" },
	{ .name = "connect_timeout", .type = TT_OPT_DURATION, .standard = "10s",
	  .min = 100000000, .offset = offsetof(struct tt_wsconfig, connect_timeout),
	  .help = "longest time until the connection stands, for each address" },
	{ .name = "backoff", .type = TT_OPT_DURATION_RANGE, .standard = "500ms..60s",
	  .min = 1000000, .offset = offsetof(struct tt_wsconfig, backoff),
	  .help = "pause before the next attempt: its bound at first, and at last" },
	{ .name = "max_message", .type = TT_OPT_SIZE, .min = 1,
	  .max = WSOPTIONS_LARGEST_MESSAGE,
	  .offset = offsetof(struct tt_wsconfig, max_message),
	  .help = "bytes of the largest message; 1MiB, or what the largest frame takes" },
	{ .name = "headers", .type = TT_OPT_STRINGS, .secret = true,
	  .offset = offsetof(struct tt_wsconfig, headers),
	  .help = "header lines to be sent with the request, name: value" },
	{ .name = "subprotocol", .type = TT_OPT_STRING,
	  .offset = offsetof(struct tt_wsconfig, subprotocol),
	  .help = "the subprotocol to be asked for" },
	{ .name = "tls", .type = TT_OPT_GROUP, .group = wsoptions_tls,
	  .offset = offsetof(struct tt_wsconfig, tls),
	  .help = "certificates, for wss://" },
	{ .name = "last", .type = TT_OPT_INT, .standard = "0", .max = 100000,
	  .offset = offsetof(struct tt_wsconfig, last),
	  .help = "frames that a viewer gets on joining, from before" },
	{ .name = "queue", .type = TT_OPT_GROUP, .group = wsoptions_queue,
	  .standard = "{}", .offset = offsetof(struct tt_wsconfig, queue),
	  .help = "what may wait for a viewer; all share it" },
	TT_OPTIONS_END
};

/* --- rules --------------------------------------------------------------- */

/* RFC 9110, 5.6.2. */
static bool
wsoptions_is_token(const char *text)
{
	return text[0] != '\0' && text[strspn(text, "!#$%&'*+-.^_`|~0123456789"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")] == '\0';
}

static bool
wsoptions_is_ours(const char *name)
{
	static const char *const ours[] = { "Host", "Upgrade", "Connection", "Pragma",
		"Cache-Control", "Content-Length", "Transfer-Encoding", NULL };

	for (size_t i = 0; ours[i] != NULL; i++)
		if (strcasecmp(name, ours[i]) == 0)
			return true;
	return strncasecmp(name, "Sec-WebSocket-", 14) == 0;
}

static bool
wsoptions_is_value(const char *text)
{
	for (; *text != '\0'; text++)
		if (((unsigned char)*text < ' ' && *text != '\t') || *text == 0x7f)
			return false;
	return true;
}

static void
wsoptions_check_headers(struct tt_check *check, const struct tt_pairs *headers)
{
	size_t sum = 0;

	for (size_t i = 0; i < headers->n; i++) {
		const struct tt_pair *h = &headers->list[i];

		if (!wsoptions_is_token(h->name))
			tt_check_error(check, "headers", "letters, digits and hyphens",
			    "\"%s\" is no name of a header", h->name);
		else if (wsoptions_is_ours(h->name))
			tt_check_error(check, "headers", NULL,
			    "the header %s is set by the websocket itself", h->name);
		/* Its value may be a secret: it is not shown. */
		if (!wsoptions_is_value(h->value))
			tt_check_error(check, "headers", "one line of text",
			    "the value of the header \"%s\" has a line end or a "
			    "control character in it", h->name);
		sum += strlen(h->name) + strlen(h->value) + 4;
	}
	if (sum > TT_WS_MAX_HEADERS)
		tt_check_error(check, "headers", NULL, "%zu bytes of headers are more "
		    "than %d", sum, TT_WS_MAX_HEADERS);
}

static void
wsoptions_check_url(struct tt_check *check, const struct tt_wsconfig *c)
{
	bool verify = c->url.tls && (!c->tls.given || c->tls.verify);

	if (c->url.text == NULL)
		return;
	if (strlen(c->url.host) + sizeof "[]:65535" > TT_WS_MAX_HOST)
		tt_check_error(check, "url", NULL, "the host's name is longer than "
		    "%zu bytes", TT_WS_MAX_HOST - sizeof "[]:65535");
	if (strlen(c->url.path) > TT_WS_MAX_PATH)
		tt_check_error(check, "url", NULL, "the path is longer than %d bytes",
		    TT_WS_MAX_PATH);
	if (c->tls.given && !c->url.tls)
		tt_check_error(check, "tls", "wss:// in url, or no tls",
		    "tls goes with wss://, and the url is ws://");
	if (verify && strchr(c->url.host, ':') != NULL)
		tt_check_error(check, "url", "the name that its certificate is for",
		    "a certificate cannot be verified for an IPv6 address");
}

/* Which batch goes with which format. */
static const struct {
	bool batches[3];
	const char *remedy;
} wsoptions_pairs[] = {
	[TT_WS_RAW] = { { true, true, true }, NULL },
	[TT_WS_JSON] = { { true, true, false }, "batch: newline, or none" },
	[TT_WS_ENVELOPE] = { { true, false, true }, "batch: length, or none" },
};

/* What is of the other role would be without effect. */
static void
wsoptions_check_role(struct tt_check *check)
{
	static const char *const destination[] = { "ack", "ack_timeout",
		"connect_timeout", "backoff", "max_message", "headers", "subprotocol",
		"tls", NULL };
	static const char *const viewer[] = { "last", "queue", NULL };
	bool is_viewer = tt_check_node(check)->pattern;
	const char *const *other = is_viewer ? destination : viewer;

	for (; *other != NULL; other++)
		if (tt_check_given(check, *other))
			tt_check_error(check, *other, is_viewer ? "give it a url, if a "
			    "destination is meant" : "it goes where there is no url, for "
			    "each viewer", is_viewer ? "%s goes with url" :
			    "%s is for viewers", *other);
}

void
tt_wsoptions_check(struct tt_check *check, void *config)
{
	const struct tt_wsconfig *c = config;

	wsoptions_check_role(check);
	wsoptions_check_url(check, c);
	wsoptions_check_headers(check, &c->headers);
	if (!wsoptions_pairs[c->format].batches[c->batch])
		tt_check_error(check, "batch", wsoptions_pairs[c->format].remedy,
		    "batch %s does not go with format %s", wsoptions_batches[c->batch],
		    wsoptions_formats[c->format]);
	if (c->subprotocol != NULL && (!wsoptions_is_token(c->subprotocol) ||
	    strlen(c->subprotocol) > TT_WS_MAX_SUBPROTOCOL))
		tt_check_error(check, "subprotocol", "letters, digits, dots and hyphens",
		    "this is no name of a subprotocol");
	if (c->tls.given && (c->tls.cert != NULL) != (c->tls.key != NULL))
		tt_check_error(check, c->tls.cert != NULL ? "tls.cert" : "tls.key",
		    "both, or neither", "a certificate goes with its key");
}

/* --- the request --------------------------------------------------------- */

void
tt_wsoptions_host(const struct tt_url *url, char *buf, size_t size)
{
	bool literal = strchr(url->host, ':') != NULL;
	char port[8] = "";

	if (url->port != (url->tls ? 443 : 80))
		snprintf(port, sizeof port, ":%u", url->port);
	snprintf(buf, size, "%s%s%s%s", literal ? "[" : "", url->host,
	    literal ? "]" : "", port);
}

char *
tt_wsoptions_headers(const struct tt_wsconfig *config)
{
	const struct tt_pairs *headers = &config->headers;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		return NULL;
	for (size_t i = 0; i < headers->n; i++)
		fprintf(out, "%s: %s\r\n", headers->list[i].name, headers->list[i].value);
	return fclose(out) == 0 ? text : NULL;
}

/* --- sizes --------------------------------------------------------------- */

static size_t
wsoptions_longest_path(const struct tt_node *node)
{
	size_t longest = strlen(node->path), length;

	for (unsigned i = 0; i < node->n_children; i++) {
		length = wsoptions_longest_path(node->children[i]);
		if (length > longest)
			longest = length;
	}
	return longest;
}

bool
tt_wsoptions_sequence(const struct tt_node *node)
{
	const struct tt_wsconfig *c = node->config;

	/* Viewers see gaps by it; envelopes have it anyway. */
	return node->pattern ? c->format == TT_WS_JSON : c->ack == TT_WSACK_SEQUENCE;
}

/* What the largest frame on its way takes, in a message of its own. */
static int64_t
wsoptions_worst(const struct tt_node *node)
{
	const struct tt_wsconfig *c = node->config;
	const struct tt_node *root = node;

	while (root->parent != NULL)
		root = root->parent;
	return (int64_t)tt_wsformat_worst((enum tt_wsformat_type)c->format,
	    (enum tt_wsformat_batch)c->batch, tt_wsoptions_sequence(node),
	    (uint64_t)node->frame_max, wsoptions_longest_path(root) + WSOPTIONS_NAMES);
}

int64_t
tt_wsoptions_max_message(const struct tt_node *node)
{
	const struct tt_wsconfig *c = node->config;
	int64_t worst = wsoptions_worst(node);

	if (c->max_message > 0)
		return c->max_message;
	if (worst > WSOPTIONS_LARGEST_MESSAGE)
		return WSOPTIONS_LARGEST_MESSAGE;
	return worst > WSOPTIONS_USUAL_MESSAGE ? worst : WSOPTIONS_USUAL_MESSAGE;
}

void
tt_wsoptions_check_tree(struct tt_check *check, void *config)
{
	const struct tt_wsconfig *c = config;
	const struct tt_node *node = tt_check_node(check);
	const struct tt_wslisten *l = node->parent->config;
	int64_t worst = wsoptions_worst(node);

	if (node->pattern && l->listen.n == 0 && !node->parent->unknown)
		tt_check_error(check, NULL, "give it a url, a destination's; or give its "
		    "parent listen, where viewers connect", "it has no url, and its "
		    "parent no listen");
	if (c->max_message > 0 && c->max_message < worst)
		tt_check_warn(check, "max_message", "make it as much, or the "
		    "frames smaller: what does not fit is refused",
		    "the largest frame that may come takes up to %" PRId64 " bytes "
		    "in a message, max_message is %" PRId64, worst, c->max_message);
}

int64_t
tt_wsoptions_largest(const struct tt_node *node)
{
	int64_t message = tt_wsoptions_max_message(node), worst = wsoptions_worst(node);

	return message > worst ? worst : message;
}

int64_t
tt_wsoptions_resident(const struct tt_node *node)
{
	const struct tt_wsconfig *c = node->config;
	int64_t message = tt_wsoptions_largest(node);

	if (node->pattern)
		return tt_wslisten_resident(node);
	/* A block grows for a frame that is larger, and what the socket does not take
	 * of it is copied. */
	if (message < TT_WS_BLOCK)
		message = TT_WS_BLOCK;
	return 2 * message + (64 << 10) + (c->url.tls ? 256 << 10 : 0);
}

void
tt_wsoptions_census(const struct tt_node *node, struct tt_wscensus *census)
{
	if (node->schema->options == tt_wsoptions && node->pattern) {
		const struct tt_wslisten *l = node->parent->config;

		census->tls |= l->tls.given;
		/* One that is closed may count until its last callback. */
		census->viewers += (unsigned)l->max_subscribers +
		    2 * TT_WSLISTEN_WAITING;
	} else if (node->schema->options == tt_wsoptions) {
		const struct tt_wsconfig *c = node->config;

		census->tls |= c->url.tls;
		census->clients++;
	}
	for (unsigned i = 0; i < node->n_children; i++)
		tt_wsoptions_census(node->children[i], census);
}
