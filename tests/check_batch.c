/* check_batch.c - chunks, batches, origins and the budget they are charged to. */
#include "daemon/batch.h"

#include <check.h>
#include <string.h>

#include "config/document.h"

static struct tt_memory memory;

static struct tt_origin *
batch_origin(void)
{
	memory = (struct tt_memory){ .limit = 8 << 20 };
	return tt_origin_create(&memory, NULL, 7, "192.0.2.1:4711",
	    "192.0.2.2:5002");
}

static void
batch_end(struct tt_origin *o)
{
	tt_origin_unref(o);
	tt_batch_trim_free_lists();
	ck_assert_int_eq(memory.used, 0);
}

START_TEST(an_origin_keeps_copies_of_its_names)
{
	char peer[] = "peer:1";
	struct tt_origin *o;

	memory.limit = 1 << 20;
	o = tt_origin_create(&memory, NULL, 1, peer, "local:2");
	memset(peer, 'x', sizeof peer - 1);
	ck_assert_str_eq(o->peer, "peer:1");
	ck_assert_str_eq(tt_origin_local(o), "local:2");
	batch_end(o);
}
END_TEST

START_TEST(a_chunk_is_charged_to_budget_and_origin_until_its_last_reference)
{
	static const uint32_t sizes[] = { 1, 255, 256, 257, 4096, 131073,
	    TT_READ_SIZE, TT_READ_SIZE + 1, 3 << 20 };
	struct tt_origin *o = batch_origin();
	struct tt_chunk *c = tt_chunk_create(o, sizes[_i]);

	ck_assert_uint_ge(c->size, sizes[_i]);
	ck_assert_uint_le(c->size, sizes[_i] <= TT_READ_SIZE ?
	    2 * sizes[_i] + 256 : sizes[_i]);
	ck_assert_int_eq(o->held, c->size);
	ck_assert_int_ge(memory.used, c->size);
	memset(c->bytes, 1, c->size);
	tt_chunk_unref(tt_chunk_ref(c));
	ck_assert_int_eq(o->held, c->size);
	tt_chunk_unref(c);
	ck_assert_int_eq(o->held, 0);
	ck_assert_int_eq(memory.used, 0);
	batch_end(o);
}
END_TEST

START_TEST(a_chunk_that_grows_keeps_its_bytes)
{
	struct tt_origin *o = batch_origin();
	struct tt_chunk *c = tt_chunk_create(o, 3);

	memcpy(c->bytes, "abc", 3);
	c->used = 3;
	c = tt_chunk_grow(c, 600000);
	ck_assert_uint_eq(c->used, 3);
	ck_assert_uint_eq(c->size, 600000);
	ck_assert_mem_eq(c->bytes, "abc", 3);
	ck_assert_int_eq(o->held, 600000);
	tt_chunk_unref(c);
	batch_end(o);
}
END_TEST

START_TEST(a_freed_chunk_is_used_again)
{
	struct tt_origin *o = batch_origin();
	struct tt_chunk *c = tt_chunk_create(o, TT_READ_SIZE), *again;

	tt_chunk_unref(c);
	again = tt_chunk_create(o, TT_READ_SIZE - 5);
	ck_assert_ptr_eq(c, again);
	tt_chunk_unref(again);
	batch_end(o);
}
END_TEST

START_TEST(a_batch_keeps_its_chunk_and_its_origin)
{
	struct tt_origin *o = batch_origin();
	struct tt_chunk *c = tt_chunk_create(o, 10);
	struct tt_batch *b = tt_batch_create(o, c, 2);

	memcpy(c->bytes, "0123456789", 10);
	tt_chunk_unref(c);
	tt_batch_add(b, 2, 3);
	tt_batch_add(b, 9, 1);
	ck_assert_uint_eq(b->n, 2);
	ck_assert_uint_eq(b->bytes, 4);
	ck_assert_mem_eq(tt_batch_bytes(b, 0), "234", 3);
	ck_assert_mem_eq(tt_batch_bytes(b, 1), "9", 1);
	ck_assert_int_eq(tt_batch_cost(b), 4 + (int64_t)sizeof *b + 16);
	tt_batch_unref(b);
	ck_assert_int_eq(o->held, 0);
	batch_end(o);
}
END_TEST

START_TEST(a_trimmed_batch_says_the_same_in_less_memory)
{
	static const uint32_t counts[] = { 0, 1, 2, 16, 17, 256, 257, 4096 };
	struct tt_origin *o = batch_origin();
	struct tt_chunk *c = tt_chunk_create(o, 5000);
	struct tt_batch *b = tt_batch_create(o, c, TT_BATCH_MAX);
	uint32_t i;

	b->first_seq = 99;
	b->received_at = 5;
	b->last = true;
	for (i = 0; i < counts[_i]; i++)
		tt_batch_add(b, i, 1);
	b = tt_batch_trim(b);
	ck_assert_uint_eq(b->n, counts[_i]);
	ck_assert_uint_eq(b->bytes, counts[_i]);
	ck_assert_uint_ge(b->room, counts[_i]);
	ck_assert_uint_le(b->room, counts[_i] < 2 ? 1 : 16 * counts[_i]);
	ck_assert_uint_eq(b->first_seq, 99);
	ck_assert_int_eq(b->received_at, 5);
	ck_assert(b->last);
	for (i = 0; i < counts[_i]; i++)
		ck_assert_uint_eq(b->slices[i].at, i);
	tt_batch_unref(b);
	tt_chunk_unref(c);
	batch_end(o);
}
END_TEST

START_TEST(what_is_used_and_what_is_free_stay_within_the_budget)
{
	struct tt_origin *o = batch_origin();
	struct tt_chunk *chunks[32];
	int i;

	for (i = 0; i < 32; i++)	/* 8 MiB, all of it */
		chunks[i] = tt_chunk_create(o, TT_READ_SIZE);
	for (i = 0; i < 32; i++)
		tt_chunk_unref(chunks[i]);
	ck_assert_int_ge(tt_batch_free_bytes(), 8 << 20);
	chunks[0] = tt_chunk_create(o, 4096);
	ck_assert_int_eq(tt_batch_free_bytes(), 0);
	tt_chunk_unref(chunks[0]);
	batch_end(o);
}
END_TEST

Suite *check_batch_suite(void);

Suite *
check_batch_suite(void)
{
	Suite *s = suite_create("batch");
	TCase *tc = tcase_create("batch");

	tcase_add_test(tc, an_origin_keeps_copies_of_its_names);
	tcase_add_loop_test(tc,
	    a_chunk_is_charged_to_budget_and_origin_until_its_last_reference,
	    0, 9);
	tcase_add_test(tc, a_chunk_that_grows_keeps_its_bytes);
	tcase_add_test(tc, a_freed_chunk_is_used_again);
	tcase_add_test(tc, a_batch_keeps_its_chunk_and_its_origin);
	tcase_add_loop_test(tc, a_trimmed_batch_says_the_same_in_less_memory, 0, 8);
	tcase_add_test(tc, what_is_used_and_what_is_free_stay_within_the_budget);
	suite_add_tcase(s, tc);
	return s;
}
