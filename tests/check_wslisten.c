/* check_wslisten.c - plugins/wslisten.c and wsoptions.c, by files that are right; what is
 * wrong stands in tests/bad. */
#include "plugins/wslisten.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "config/document.h"
#include "plugins/kinds.h"
#include "plugins/wsoptions.h"

Suite *check_wslisten_suite(void);

static struct tt_document *doc;

static struct tt_document *
load(const char *master, const char *sub)
{
	struct tt_errors *errs = tt_errors_create();
	struct tt_document *loaded;
	char text[2048];

	snprintf(text, sizeof text, "taskthread: 1\n"
	    "MasterThread:\n"
	    "  TCPServerThread:\n"
	    "    listen: 127.0.0.1:0\n"
	    "    TCPConnectionThread: {DataProcessorThread: {framing: newline}}\n"
	    "  WebsocketMasterThread:\n"
	    "    listen: 127.0.0.1:0\n"
	    "    %s\n"
	    "    WebSocketSubThread: {%s}\n", master, sub);
	loaded = tt_document_parse("t.yaml", text, strlen(text), tt_schemas, TT_LOAD_START,
	    errs);
	ck_assert_ptr_nonnull(loaded);
	tt_errors_destroy(errs);
	return loaded;
}

static const struct tt_node *
find(const char *key)
{
	for (unsigned i = 0; i < doc->n_nodes; i++)
		if (strcmp(doc->nodes[i]->key, key) == 0)
			return doc->nodes[i];
	ck_abort_msg("no %s", key);
}

static void
teardown(void)
{
	tt_document_destroy(doc);
}

START_TEST(what_has_no_url_is_a_pattern_and_nobody_waits_for_it)
{
	const struct tt_node *sub, *master;

	doc = load("WebSocketSubThread up: {url: \"ws://127.0.0.1:1/\"}", "format: json");
	master = find("WebsocketMasterThread");
	sub = find("WebSocketSubThread");
	ck_assert(sub->pattern);
	ck_assert(sub->on_demand);
	ck_assert_uint_eq(sub->n_feeders, 0);
	ck_assert_ptr_eq(tt_wslisten_pattern(master), sub);
	ck_assert(!find("WebSocketSubThread up")->pattern);
	ck_assert(master->durable);
	ck_assert(!master->pattern);
}
END_TEST

START_TEST(a_master_of_viewers_alone_is_not_durable)
{
	char buf[100];

	doc = load("", "");
	ck_assert(!find("WebsocketMasterThread")->durable);
	/* Neither a spool nor, with port 0, an address. */
	ck_assert(!find("WebsocketMasterThread")->schema->claims(
	    find("WebsocketMasterThread"), 0, buf, sizeof buf));
}
END_TEST

START_TEST(defaults_are_those_of_the_contract)
{
	const struct tt_wslisten *l;
	const struct tt_wsconfig *c;

	doc = load("", "");
	l = find("WebsocketMasterThread")->config;
	c = find("WebSocketSubThread")->config;
	ck_assert_str_eq(l->path, "/");
	ck_assert_uint_eq(l->origins.n, 0);
	ck_assert_ptr_null(l->token);
	ck_assert_int_eq(l->max_subscribers, 1000);
	ck_assert(!l->tls.given);
	ck_assert_int_eq(c->last, 0);
	ck_assert_int_eq(c->queue.bytes, 8 << 20);
	ck_assert_int_eq(c->queue.frames, 0);
}
END_TEST

START_TEST(origins_are_one_or_a_list)
{
	const struct tt_wslisten *l;

	doc = load(_i == 0 ? "origins: https://a.example" :
	    "origins: [https://a.example, \"http://b.example:81\"]", "");
	l = find("WebsocketMasterThread")->config;
	ck_assert_uint_eq(l->origins.n, _i == 0 ? 1 : 2);
	ck_assert_str_eq(l->origins.list[0], "https://a.example");
	if (_i > 0)
		ck_assert_str_eq(l->origins.list[1], "http://b.example:81");
}
END_TEST

START_TEST(positions_are_told_where_the_format_has_none)
{
	static const struct {
		const char *sub;
		bool told;
	} cases[] = {
		{ "format: raw", false }, { "format: json", true },
		{ "format: envelope", false },
	};

	doc = load("", cases[_i].sub);
	ck_assert(tt_wsoptions_sequence(find("WebSocketSubThread")) == cases[_i].told);
}
END_TEST

START_TEST(viewers_are_in_the_bound_and_in_the_census)
{
	struct tt_wscensus few = { .clients = 0 }, many = { .clients = 0 };
	int64_t before;

	doc = load("max_subscribers: 10", "");
	before = doc->memory_bound;
	tt_wsoptions_census(doc->root, &few);
	ck_assert(!few.tls);
	tt_document_destroy(doc);

	doc = load("max_subscribers: 10", "queue: {bytes: 64MiB}");
	ck_assert_int_ge(doc->memory_bound, before + (2 << 20) * 56);
	tt_document_destroy(doc);

	doc = load("max_subscribers: 1010\n    tls: {cert: a, key: b}", "");
	ck_assert_int_ge(doc->memory_bound, before + 1000 * (32 << 10));
	tt_wsoptions_census(doc->root, &many);
	ck_assert(many.tls);
	ck_assert_uint_eq(many.viewers, few.viewers + 1000);
	ck_assert_uint_eq(many.clients, 0);
}
END_TEST

Suite *
check_wslisten_suite(void)
{
	Suite *s = suite_create("wslisten");
	TCase *t = tcase_create("wslisten");

	tcase_add_checked_fixture(t, NULL, teardown);
	tcase_add_test(t, what_has_no_url_is_a_pattern_and_nobody_waits_for_it);
	tcase_add_test(t, a_master_of_viewers_alone_is_not_durable);
	tcase_add_test(t, defaults_are_those_of_the_contract);
	tcase_add_loop_test(t, origins_are_one_or_a_list, 0, 2);
	tcase_add_loop_test(t, positions_are_told_where_the_format_has_none, 0, 3);
	tcase_add_test(t, viewers_are_in_the_bound_and_in_the_census);
	suite_add_tcase(s, t);
	return s;
}
