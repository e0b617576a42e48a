/* schemas.c - kinds for the tests of config/. */
#include "tests/schemas.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const framing_types[] = {
	"length", "delimiter", "newline", "fixed", "raw", NULL
};
static const char *const connection_acks[] = { "none", "count64", "line", NULL };
static const char *const sub_acks[] = { "pong", "sequence", "none", NULL };

static const struct tt_option framing_options[] = {
	{ .name = "type", .type = TT_OPT_ENUM, .required = true,
	  .offset = offsetof(struct test_framing, type), .choices = framing_types,
	  .help = "how a frame is told apart" },
	{ .name = "size", .type = TT_OPT_INT, .min = 1, .max = 8,
	  .offset = offsetof(struct test_framing, size), .help = "bytes of the length" },
	{ .name = "bytes", .type = TT_OPT_BYTES, .min = 1, .max = 16,
	  .offset = offsetof(struct test_framing, bytes), .help = "the delimiter" },
	{ .name = "max", .type = TT_OPT_SIZE, .min = 1, .max = 1 << 30,
	  .offset = offsetof(struct test_framing, max), .standard = "1MiB",
	  .help = "the largest frame" },
	TT_OPTIONS_END
};

static void
framing_check(struct tt_check *check, void *value)
{
	const struct test_framing *f = value;

	if (f->type == 0 && !tt_check_given(check, "size"))
		tt_check_error(check, "type", "1..8", "length needs a size");
	if (f->type != 0 && tt_check_given(check, "size"))
		tt_check_error(check, "size", NULL, "size is for length");
	if (f->type == 1 && !tt_check_given(check, "bytes"))
		tt_check_error(check, "type", NULL, "delimiter needs bytes");
}

static const struct tt_option processor_options[] = {
	{ .name = "framing", .type = TT_OPT_GROUP, .required = true,
	  .offset = offsetof(struct test_processor_config, framing),
	  .group = framing_options, .shorthand = "type", .check = framing_check,
	  .help = "how frames are told apart in the packets" },
	{ .name = "frame_timeout", .type = TT_OPT_DURATION, .min = 1000000, .off = true,
	  .offset = offsetof(struct test_processor_config, frame_timeout),
	  .standard = "30s", .live = true, .help = "from a frame's first byte" },
	TT_OPTIONS_END
};

static int64_t
processor_frame_max(const struct tt_node *node)
{
	return ((const struct test_processor_config *)node->config)->framing.max;
}

static const struct tt_option server_options[] = {
	{ .name = "listen", .type = TT_OPT_ADDRESSES, .required = true,
	  .offset = offsetof(struct test_server_config, listen),
	  .help = "where devices connect" },
	{ .name = "max_connections", .type = TT_OPT_INT, .min = 1, .max = 100000,
	  .offset = offsetof(struct test_server_config, max_connections),
	  .standard = "10000", .help = "connections at a time" },
	TT_OPTIONS_END
};

static bool
server_claims(const struct tt_node *node, size_t i, char *buf, size_t size)
{
	const struct test_server_config *c = node->config;

	if (i >= c->listen.n)
		return false;
	snprintf(buf, size, "%s", c->listen.list[i].path == NULL
	    && c->listen.list[i].port == 0 ? "" : c->listen.list[i].text);
	return true;
}

static const struct tt_option keepalive_options[] = {
	{ .name = "idle", .type = TT_OPT_DURATION, .min = 1000000000,
	  .offset = offsetof(struct test_keepalive, idle), .standard = "60s",
	  .help = "before the first probe" },
	TT_OPTIONS_END
};

static const struct tt_option connection_options[] = {
	{ .name = "idle_timeout", .type = TT_OPT_DURATION, .min = 1000000, .off = true,
	  .offset = offsetof(struct test_connection_config, idle_timeout),
	  .help = "a silent device is closed" },
	{ .name = "ack", .type = TT_OPT_ENUM, .choices = connection_acks,
	  .offset = offsetof(struct test_connection_config, ack), .standard = "none",
	  .help = "what the device is told" },
	{ .name = "keepalive", .type = TT_OPT_GROUP, .group = keepalive_options,
	  .offset = offsetof(struct test_connection_config, keepalive),
	  .standard = "{}", .off = true, .help = "TCP's probes" },
	TT_OPTIONS_END
};

static void
connection_check_tree(struct tt_check *check, void *config)
{
	const struct test_connection_config *c = config;
	const struct tt_node *node = tt_check_node(check);

	if (c->ack != 0 && node->n_up > 0 && node->up_owed[0] == 0)
		tt_check_error(check, "ack", "put a DatabaseThread on its way",
		    "ack without a durable user");
}

static const struct tt_option sub_tls_options[] = {
	{ .name = "ca", .type = TT_OPT_PATH, .offset = offsetof(struct test_tls, ca),
	  .help = "certificates" },
	{ .name = "password", .type = TT_OPT_STRING, .secret = true,
	  .offset = offsetof(struct test_tls, password), .help = "of the key" },
	TT_OPTIONS_END
};

static const struct tt_option sub_options[] = {
	{ .name = "url", .type = TT_OPT_URL, .required = true,
	  .offset = offsetof(struct test_sub_config, url), .help = "the destination" },
	{ .name = "ack", .type = TT_OPT_ENUM, .choices = sub_acks,
	  .offset = offsetof(struct test_sub_config, ack), .standard = "pong",
	  .help = "what confirms a frame" },
	{ .name = "headers", .type = TT_OPT_STRINGS, .secret = true,
	  .offset = offsetof(struct test_sub_config, headers),
	  .help = "of the handshake" },
	{ .name = "backoff", .type = TT_OPT_DURATION_RANGE, .min = 1000000,
	  .offset = offsetof(struct test_sub_config, backoff),
	  .standard = "500ms..60s", .help = "between attempts" },
	{ .name = "tls", .type = TT_OPT_GROUP, .group = sub_tls_options,
	  .offset = offsetof(struct test_sub_config, tls), .help = "its own rules" },
	TT_OPTIONS_END
};

static void
sub_check(struct tt_check *check, void *config)
{
	const struct test_sub_config *c = config;

	if (c->tls.given && !c->url.tls)
		tt_check_error(check, "tls.ca", "wss://", "tls is for wss://");
}

static bool
websocket_durable(const struct tt_node *node)
{
	unsigned i;

	for (i = 0; i < node->n_children; i++)
		if (((struct test_sub_config *)node->children[i]->config)->ack == 2)
			return false;
	return node->n_children > 0;
}

static const struct tt_option database_options[] = {
	{ .name = "path", .type = TT_OPT_PATH, .required = true,
	  .offset = offsetof(struct test_database_config, path), .help = "the file" },
	{ .name = "linger", .type = TT_OPT_DURATION, .max = 60000000000,
	  .offset = offsetof(struct test_database_config, linger), .standard = "10ms",
	  .help = "how long a frame may wait for others" },
	{ .name = "lazy", .type = TT_OPT_BOOL,
	  .offset = offsetof(struct test_database_config, lazy), .standard = "no",
	  .help = "without fsync" },
	TT_OPTIONS_END
};

static bool
database_durable(const struct tt_node *node)
{
	(void)node;
	return true;
}

static bool
database_claims(const struct tt_node *node, size_t i, char *buf, size_t size)
{
	if (i > 0)
		return false;
	snprintf(buf, size, "file %s",
	    ((const struct test_database_config *)node->config)->path);
	return true;
}

static int64_t
database_resident(const struct tt_node *node)
{
	return node->queue.bytes + 1000;
}

static const struct tt_schema master = {
	.name = "MasterThread", .help = "the root", .flags = TT_ROOT | TT_ANY,
};
static const struct tt_schema server = {
	.name = "TCPServerThread", .help = "accepts devices", .up = "data",
	.flags = TT_ANY | TT_MAIN, .options = server_options,
	.config_size = sizeof(struct test_server_config), .claims = server_claims,
};
static const struct tt_schema connection = {
	.name = "TCPConnectionThread", .help = "one device",
	.under = { "TCPServerThread" }, .up = "data", .makes = "packets",
	.flags = TT_PATTERN | TT_ON_DEMAND | TT_TAP | TT_ONCE | TT_ANY,
	.options = connection_options,
	.config_size = sizeof(struct test_connection_config),
	.check_tree = connection_check_tree,
};
static const struct tt_schema processor = {
	.name = "DataProcessorThread", .help = "reconstructs frames from packets",
	.under = { "TCPConnectionThread" }, .in = "packets", .up = "data", .leaf = true,
	.flags = TT_CONSUMES, .options = processor_options,
	.config_size = sizeof(struct test_processor_config),
	.frame_max = processor_frame_max,
};
static const struct tt_schema websocket = {
	.name = "WebsocketMasterThread", .help = "keeps frames for destinations",
	.in = "data", .closed = "WebSocketSubThread",
	.flags = TT_KEEPS | TT_CONSUMES | TT_MAIN | TT_ANY,
	.durable = websocket_durable,
};
static const struct tt_schema sub = {
	.name = "WebSocketSubThread", .help = "one destination",
	.under = { "WebsocketMasterThread" }, .in = "data", .leaf = true,
	.options = sub_options, .config_size = sizeof(struct test_sub_config),
	.check = sub_check,
};
static const struct tt_schema database = {
	.name = "DatabaseThread", .help = "keeps frames in a file", .in = "data",
	.leaf = true, .flags = TT_BLOCKING | TT_KEEPS | TT_CONSUMES | TT_ANY,
	.options = database_options,
	.config_size = sizeof(struct test_database_config),
	.durable = database_durable, .claims = database_claims,
	.resident = database_resident,
};
/* The simplest source there is, and a node that only passes things on. */
static const struct tt_schema timer = {
	.name = "TimerThread", .help = "one frame each second", .up = "data",
	.leaf = true, .flags = TT_TAP,
};
static const struct tt_schema group = {
	.name = "GroupThread", .help = "passes on what it is given", .flags = TT_ANY,
};

const struct tt_schema *const test_schemas[] = {
	&master, &server, &connection, &processor, &websocket, &sub, &database, &timer,
	&group, NULL
};

char *
test_errors(const struct tt_errors *errs)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	tt_errors_print(errs, out);
	fclose(out);
	return text;
}

struct tt_document *
test_load(const char *text, char **errors)
{
	struct tt_errors *errs = tt_errors_create();
	struct tt_document *doc = tt_document_parse("t.yaml", text, strlen(text),
	    test_schemas, TT_LOAD_START, errs);

	if (errors != NULL)
		*errors = test_errors(errs);
	tt_errors_destroy(errs);
	return doc;
}

const struct tt_node *
test_node(const struct tt_document *doc, const char *path)
{
	unsigned i;

	ck_assert_ptr_nonnull(doc);
	for (i = 0; i < doc->n_nodes; i++)
		if (strcmp(doc->nodes[i]->path, path) == 0)
			return doc->nodes[i];
	ck_abort_msg("no node %s", path);
	return NULL;
}
