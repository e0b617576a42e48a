/* check_queue.c - the queue with two heads. */
#include "daemon/queue.h"

#include <check.h>

#include "daemon/batch.h"

static struct tt_memory memory;
static struct tt_origin *origin;
static struct tt_queue q;

static void
queue_setup(void)
{
	memory = (struct tt_memory){ .limit = 1 << 20 };
	origin = tt_origin_create(&memory, NULL, 1, "", "");
	tt_queue_init(&q);
}

static void
queue_teardown(void)
{
	tt_queue_finish(&q);
	tt_origin_unref(origin);
	tt_batch_trim_free_lists();
	tt_queue_trim_free_list();
	ck_assert_int_eq(memory.used, 0);
}

/* A signal with a batch of one frame whose number is SEQ; the queue has the only
 * reference. */
static void
queue_put(uint64_t seq)
{
	struct tt_chunk *c = tt_chunk_create(origin, 10);
	struct tt_batch *b = tt_batch_create(origin, c, 1);

	b->first_seq = seq;
	tt_batch_add(b, 0, 10);
	tt_queue_put(&q, (struct tt_signal){ .type = TT_DATA, .batch = b });
	tt_batch_unref(b);
	tt_chunk_unref(c);
}

static uint64_t
queue_done(void)
{
	struct tt_signal sig;
	uint64_t seq;

	tt_queue_done(&q, &sig);
	seq = sig.batch->first_seq;
	tt_batch_unref(sig.batch);
	return seq;
}

START_TEST(an_empty_queue_has_no_memory)
{
	struct tt_signal sig;

	ck_assert_ptr_null(q.ring);
	ck_assert(!tt_queue_take(&q, &sig));
	queue_put(1);
	ck_assert_ptr_nonnull(q.ring);
	ck_assert(tt_queue_take(&q, &sig));
	ck_assert_uint_eq(queue_done(), 1);
	ck_assert_ptr_null(q.ring);
	ck_assert_int_eq(q.bytes, 0);
	ck_assert_uint_eq(q.frames, 0);
}
END_TEST

START_TEST(what_goes_in_comes_out_in_order)
{
	struct tt_signal sig;
	uint64_t in = 0, out = 0;
	int i;

	/* Every fill from 1 to 40, at every position of the ring. */
	for (i = 1; i < 40; i++) {
		while (in - out < (uint64_t)i)
			queue_put(++in);
		ck_assert(tt_queue_take(&q, &sig));
		ck_assert_uint_eq(sig.batch->first_seq, out + 1);
		ck_assert_uint_eq(queue_done(), ++out);
	}
	ck_assert_uint_eq(tt_queue_length(&q), in - out);
	ck_assert_uint_eq(q.frames, in - out);
}
END_TEST

START_TEST(what_was_taken_and_not_done_comes_again)
{
	struct tt_signal sig;

	queue_put(1);
	queue_put(2);
	queue_put(3);
	ck_assert(tt_queue_take(&q, &sig));
	ck_assert(tt_queue_take(&q, &sig));
	ck_assert_uint_eq(queue_done(), 1);
	ck_assert_uint_eq(tt_queue_waiting(&q), 1);
	tt_queue_rewind(&q);
	ck_assert_uint_eq(tt_queue_waiting(&q), 2);
	ck_assert(tt_queue_take(&q, &sig));
	ck_assert_uint_eq(sig.batch->first_seq, 2);
}
END_TEST

START_TEST(bytes_and_frames_count_what_is_not_done)
{
	struct tt_signal sig;
	int64_t one;

	queue_put(1);
	one = q.bytes;
	ck_assert_int_gt(one, 10);
	queue_put(2);
	tt_queue_take(&q, &sig);
	ck_assert_int_eq(q.bytes, 2 * one);
	queue_done();
	ck_assert_int_eq(q.bytes, one);
	ck_assert_uint_eq(q.frames, 1);
}
END_TEST

START_TEST(a_drop_takes_the_oldest_that_was_not_taken)
{
	struct tt_signal sig;
	uint64_t i;

	for (i = 1; i <= 5; i++)
		queue_put(i);
	tt_queue_take(&q, &sig);
	tt_queue_take(&q, &sig);
	ck_assert(tt_queue_drop(&q, &sig));
	ck_assert_uint_eq(sig.batch->first_seq, 3);
	tt_batch_unref(sig.batch);
	ck_assert_uint_eq(queue_done(), 1);
	ck_assert_uint_eq(queue_done(), 2);
	tt_queue_take(&q, &sig);
	ck_assert_uint_eq(sig.batch->first_seq, 4);
	ck_assert_uint_eq(q.frames, 2);
}
END_TEST

START_TEST(control_and_last_batches_are_never_dropped)
{
	struct tt_batch *b = tt_batch_create(origin, NULL, 0);
	struct tt_signal sig;

	ck_assert(!tt_queue_drop(&q, &sig));
	tt_queue_put(&q, (struct tt_signal){ .type = TT_TERMINATE });
	ck_assert(!tt_queue_drop(&q, &sig));
	tt_queue_take(&q, &sig);
	tt_queue_done(&q, &sig);
	b->last = true;
	tt_queue_put(&q, (struct tt_signal){ .type = TT_DATA, .batch = b });
	ck_assert(!tt_queue_drop(&q, &sig));
	tt_batch_unref(b);
}
END_TEST

START_TEST(a_drop_passes_over_what_must_stay)
{
	struct tt_batch *b = tt_batch_create(origin, NULL, 0);
	struct tt_signal sig;

	queue_put(1);
	tt_queue_take(&q, &sig);
	b->last = true;
	b->first_seq = 2;
	tt_queue_put(&q, (struct tt_signal){ .type = TT_DATA, .batch = b });
	tt_batch_unref(b);
	queue_put(3);
	queue_put(4);
	ck_assert(tt_queue_drop(&q, &sig));
	ck_assert_uint_eq(sig.batch->first_seq, 3);
	tt_batch_unref(sig.batch);
	ck_assert(tt_queue_take(&q, &sig));
	ck_assert_uint_eq(sig.batch->first_seq, 2);
	ck_assert_uint_eq(queue_done(), 1);
	ck_assert_uint_eq(queue_done(), 2);
	ck_assert(tt_queue_take(&q, &sig));
	ck_assert_uint_eq(queue_done(), 4);
	ck_assert_uint_eq(tt_queue_length(&q), 0);
}
END_TEST

START_TEST(a_queue_that_ends_drops_its_references)
{
	uint64_t i;

	for (i = 1; i <= 100; i++)
		queue_put(i);
	tt_queue_finish(&q);
	ck_assert_int_eq(memory.used, 0);
	ck_assert_uint_eq(tt_queue_length(&q), 0);
}
END_TEST

Suite *check_queue_suite(void);

Suite *
check_queue_suite(void)
{
	Suite *s = suite_create("queue");
	TCase *tc = tcase_create("queue");

	tcase_add_checked_fixture(tc, queue_setup, queue_teardown);
	tcase_add_test(tc, an_empty_queue_has_no_memory);
	tcase_add_test(tc, what_goes_in_comes_out_in_order);
	tcase_add_test(tc, what_was_taken_and_not_done_comes_again);
	tcase_add_test(tc, bytes_and_frames_count_what_is_not_done);
	tcase_add_test(tc, a_drop_takes_the_oldest_that_was_not_taken);
	tcase_add_test(tc, control_and_last_batches_are_never_dropped);
	tcase_add_test(tc, a_drop_passes_over_what_must_stay);
	tcase_add_test(tc, a_queue_that_ends_drops_its_references);
	suite_add_tcase(s, tc);
	return s;
}
