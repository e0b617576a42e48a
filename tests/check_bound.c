/* check_bound.c - tests of config/bound.c. */
#include "config/bound.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/schemas.h"

Suite *check_bound_suite(void);

/* A timer, and N groups that each pass its data to a database. */
static struct tt_document *
loaded(unsigned n)
{
	char *text = NULL, *errors;
	struct tt_document *doc;
	size_t size;
	unsigned i;
	FILE *out = open_memstream(&text, &size);

	fputs("taskthread: 1\ndaemon: {memory: 32MiB}\n"
	    "MasterThread:\n  TimerThread: {}\n", out);
	for (i = 0; i < n; i++)
		fprintf(out, "  GroupThread g%u: {IN: data, DatabaseThread: {path: %u, "
		    "queue: {bytes: %u}}}\n", i, i, 1000 + i);
	fputs("  WebsocketMasterThread: {WebSocketSubThread: {url: ws://a}}\n", out);
	fclose(out);
	doc = test_load(text, &errors);
	ck_assert_msg(doc != NULL, "%s", errors);
	free(errors);
	free(text);
	return doc;
}

static int64_t
part(const struct tt_document *doc, const char *what)
{
	unsigned i;

	for (i = 0; i < doc->n_bound; i++)
		if (strcmp(doc->bound[i].what, what) == 0)
			return doc->bound[i].bytes;
	ck_abort_msg("no part %s", what);
	return 0;
}

static const unsigned sizes[] = { 0, 1, 3, 15, 200, 1000 };

START_TEST(the_parts_add_up_to_the_bound)
{
	struct tt_document *doc = loaded(sizes[_i]);
	int64_t sum = 0;
	unsigned i, shares = 0;

	for (i = 0; i < doc->n_bound; i++) {
		sum += doc->bound[i].bytes;
		shares += doc->bound[i].node != NULL;
	}
	ck_assert_int_eq(sum, doc->memory_bound);
	ck_assert_uint_eq(shares, sizes[_i]);
	/* Each database says its queue and 1000 bytes, all others 4 KiB. */
	ck_assert_int_eq(sum, (12 << 20) + (32 << 20) + (256 << 10)
	    + (4 + (int64_t)sizes[_i]) * 4096
	    + sizes[_i] * (int64_t)2000 + (int64_t)sizes[_i] * ((int64_t)sizes[_i] - 1)
	    / 2);
	tt_document_destroy(doc);
}
END_TEST

START_TEST(each_part_has_its_name)
{
	struct tt_document *doc = test_load("taskthread: 1\ndaemon: {workers: 3}\n"
	    "MasterThread:\n  TCPServerThread:\n    listen: 127.0.0.1:0\n"
	    "    TCPConnectionThread: {DataProcessorThread: {framing: {type: newline, "
	    "max: 3MiB}}}\n  DatabaseThread: {path: x, queue: {bytes: 5MiB}}\n", NULL);

	ck_assert_ptr_nonnull(doc);
	ck_assert_uint_eq(doc->n_bound, 7);
	ck_assert_int_eq(part(doc, "program and libraries"), 12 << 20);
	ck_assert_int_eq(part(doc, "daemon.memory"), 64 << 20);
	ck_assert_int_eq(part(doc, "the largest frame"), 3 << 20);
	ck_assert_int_eq(part(doc, "one read"), 256 << 10);
	ck_assert_int_eq(part(doc, "3 workers"), 2 * (3 << 20));
	ck_assert_int_eq(part(doc, "MasterThread/DatabaseThread"), (5 << 20) + 1000);
	ck_assert_int_eq(part(doc, "4 small nodes"), 4 * 4096);
	ck_assert_ptr_eq(doc->bound[5].node, test_node(doc,
	    "MasterThread/DatabaseThread"));
	tt_document_destroy(doc);
}
END_TEST

Suite *
check_bound_suite(void)
{
	Suite *s = suite_create("bound");
	TCase *tc = tcase_create("bound");

	tcase_add_loop_test(tc, the_parts_add_up_to_the_bound, 0,
	    (int)(sizeof(sizes) / sizeof(sizes[0])));
	tcase_add_test(tc, each_part_has_its_name);
	suite_add_tcase(s, tc);
	return s;
}
