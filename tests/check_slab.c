/* check_slab.c - memory of what comes and goes in crowds. */
#include "daemon/slab.h"

#include <check.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#define N 5000

Suite *check_slab_suite(void);

static const size_t sizes[] = { 1, 16, 17, 100, 536, 1024, TT_SLAB_MAX,
    TT_SLAB_MAX + 1, 100000 };

static unsigned char *things[N];

static void
must_be(const unsigned char *thing, size_t size, unsigned byte)
{
	size_t i;

	for (i = 0; i < size && thing[i] == byte; i++)
		;
	ck_assert_uint_eq(i, size);
}

static void
fill_and_check(size_t size, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		things[i] = tt_slab_alloc(size);
		ck_assert_uint_eq((uintptr_t)things[i] % 16, 0);
		must_be(things[i], size, 0);
		memset(things[i], (int)(i % 255) + 1, size);
	}
	for (i = 0; i < n; i++)
		must_be(things[i], size, i % 255 + 1);
}

START_TEST(things_are_zero_and_apart)
{
	size_t size = sizes[_i], i;

	fill_and_check(size, 300);
	for (i = 0; i < 300; i += 2)
		tt_slab_free(things[i], size);
	for (i = 1; i < 300; i += 2)
		must_be(things[i], size, i % 255 + 1);
	for (i = 0; i < 300; i += 2) {
		things[i] = tt_slab_alloc(size);
		must_be(things[i], size, 0);
	}
	for (i = 0; i < 300; i++)
		tt_slab_free(things[i], size);
	tt_slab_free(NULL, size);
}
END_TEST

/* In whatever order they go. */
START_TEST(a_crowd_leaves_one_block_at_most)
{
	size_t before = tt_slab_bytes(), step = 7, i;

	for (i = 0; i < N; i++)
		things[i] = tt_slab_alloc(536);
	ck_assert_uint_le(tt_slab_bytes(), before + N * 560 + (64 << 10));
	for (i = 0; i < N; i++)
		tt_slab_free(things[i * step % N], 536);
	ck_assert_uint_le(tt_slab_bytes(), before + (64 << 10));
}
END_TEST

static void *
churn(void *arg)
{
	unsigned char *mine[50] = { NULL };
	unsigned seed = (unsigned)(uintptr_t)arg, i, k;

	for (i = 0; i < 20000; i++) {
		k = (seed = seed * 1103515245 + 12345) / 65536 % 50;
		if (mine[k] == NULL) {
			mine[k] = tt_slab_alloc(100);
			memset(mine[k], (int)(uintptr_t)arg, 100);
		} else {
			ck_assert_uint_eq(mine[k][99], (uintptr_t)arg);
			tt_slab_free(mine[k], 100);
			mine[k] = NULL;
		}
	}
	for (k = 0; k < 50; k++)
		tt_slab_free(mine[k], 100);
	return NULL;
}

START_TEST(any_os_thread_may_take_and_give)
{
	pthread_t os_threads[4];
	uintptr_t i;

	for (i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&os_threads[i], NULL, churn,
		    (void *)(i + 1)), 0);
	for (i = 0; i < 4; i++)
		pthread_join(os_threads[i], NULL);
}
END_TEST

Suite *
check_slab_suite(void)
{
	Suite *s = suite_create("slab");
	TCase *tc = tcase_create("slab");

	tcase_add_loop_test(tc, things_are_zero_and_apart, 0,
	    sizeof sizes / sizeof *sizes);
	tcase_add_test(tc, a_crowd_leaves_one_block_at_most);
	tcase_add_test(tc, any_os_thread_may_take_and_give);
	suite_add_tcase(s, tc);
	return s;
}
