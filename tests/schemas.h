/* schemas.h - kinds for the tests of config/: small, and of the same shapes as the
 * real ones. */
#ifndef TT_TESTS_SCHEMAS_H
#define TT_TESTS_SCHEMAS_H

#include "config/document.h"
#include "config/schema.h"

struct test_sub_config {
	struct tt_url url;
	int ack;
	struct tt_pairs headers;
	struct test_tls {
		bool given;
		const char *ca, *password;
	} tls;
	struct tt_duration_range backoff;
};

struct test_framing {
	bool given;
	int type;
	int64_t size, max;
	struct tt_bytes bytes;
};

struct test_processor_config {
	struct test_framing framing;
	int64_t frame_timeout;
};

struct test_server_config {
	struct tt_addresses listen;
	int64_t max_connections;
};

struct test_connection_config {
	int64_t idle_timeout;
	int ack;
	struct test_keepalive {
		bool given;
		int64_t idle;
	} keepalive;
};

struct test_database_config {
	const char *path;
	int64_t linger;
	bool lazy;
};

extern const struct tt_schema *const test_schemas[];

/* Loads TEXT by test_schemas under the name "t.yaml".  ERRORS (may be NULL) gets
 * what tt_errors_print() says, to be freed by the caller. */
struct tt_document *test_load(const char *text, char **errors);

/* The node of that path; a failed assertion if there is none. */
const struct tt_node *test_node(const struct tt_document *doc, const char *path);

/* What tt_errors_print() says, to be freed. */
char *test_errors(const struct tt_errors *errs);

#endif
