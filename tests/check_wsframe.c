/* check_wsframe.c - plugins/wsframe.c */
#include <check.h>
#include <stdbool.h>
#include <stdlib.h>

#include "plugins/wsframe.h"

Suite *check_wsframe_suite(void);

/* The shortest form of each length (RFC 6455, 5.2). */
static const struct {
	uint64_t length;
	size_t size;
	uint8_t bytes[10];		/* after the opcode, before the key */
} heads[] = {
	{ 0, 6, { 0x80 } },
	{ 1, 6, { 0x81 } },
	{ 125, 6, { 0xfd } },
	{ 126, 8, { 0xfe, 0, 126 } },
	{ 256, 8, { 0xfe, 1, 0 } },
	{ 65535, 8, { 0xfe, 0xff, 0xff } },
	{ 65536, 14, { 0xff, 0, 0, 0, 0, 0, 1, 0, 0 } },
	{ UINT64_C(0x0102030405060708), 14, { 0xff, 1, 2, 3, 4, 5, 6, 7, 8 } },
};

START_TEST(a_header_is_as_short_as_it_can_be)
{
	uint8_t out[TT_WSFRAME_HEAD];
	size_t size = heads[_i].size;
	uint32_t key = 0xdeadbeef;

	ck_assert_uint_eq(tt_wsframe_head_size(heads[_i].length), size);
	ck_assert_ptr_eq(tt_wsframe_head(out, TT_WS_BINARY, heads[_i].length, key),
	    out + size);
	ck_assert_uint_eq(out[0], 0x82);
	ck_assert_mem_eq(out + 1, heads[_i].bytes, size - 5);
	ck_assert_mem_eq(out + size - 4, &key, 4);
}
END_TEST

START_TEST(a_server_s_header_is_the_same_without_a_key)
{
	uint8_t out[TT_WSFRAME_HEAD];
	size_t size = heads[_i].size - 4;

	ck_assert_ptr_eq(tt_wsframe_bare_head(out, TT_WS_TEXT, heads[_i].length),
	    out + size);
	ck_assert_uint_eq(out[0], 0x81);
	ck_assert_uint_eq(out[1], heads[_i].bytes[0] & 0x7f);
	ck_assert_mem_eq(out + 2, heads[_i].bytes + 1, size - 2);
}
END_TEST

START_TEST(masking_is_what_the_standard_says_at_every_length_and_place)
{
	/* Exact allocations, so that a sanitizer sees a byte too many. */
	for (size_t size = 0; size <= 100; size++) {
		for (size_t from = 0; from < 8; from++) {
			uint8_t *in = malloc(from + size + 1), *out = malloc(size + 1);
			uint8_t key[4] = { 0x11, 0x22, 0xf4, 0x88 };
			uint32_t word;

			memcpy(&word, key, 4);
			for (size_t i = 0; i < size; i++)
				in[from + i] = (uint8_t)(i * 37 + from);
			out[size] = 0xaa;
			tt_wsframe_mask(out, in + from, size, word);
			for (size_t i = 0; i < size; i++)
				ck_assert_uint_eq(out[i], (in[from + i] ^ key[i & 3]) & 0xff);
			ck_assert_uint_eq(out[size], 0xaa);

			tt_wsframe_mask(in + from, in + from, size, word);
			if (size > 0)
				ck_assert_mem_eq(in + from, out, size);
			free(in);
			free(out);
		}
	}
}
END_TEST

START_TEST(a_ping_carries_its_number)
{
	uint8_t out[TT_WSFRAME_PING];
	uint32_t key = 0x01020304;
	uint8_t expected[8] = { 0, 0, 0, 0x12, 0x34, 0x56, 0x78, 0x9a };

	ck_assert_ptr_eq(tt_wsframe_ping(out, UINT64_C(0x123456789a), key), out + sizeof out);
	ck_assert_uint_eq(out[0], 0x89);
	ck_assert_uint_eq(out[1], 0x88);
	tt_wsframe_mask(out + 6, out + 6, 8, key);
	ck_assert_mem_eq(out + 6, expected, 8);
}
END_TEST

START_TEST(a_close_carries_its_code)
{
	uint8_t out[TT_WSFRAME_CLOSE];
	uint32_t key = 0xcafebabe;

	ck_assert_ptr_eq(tt_wsframe_close(out, 1008, key), out + sizeof out);
	ck_assert_uint_eq(out[0], 0x88);
	ck_assert_uint_eq(out[1], 0x82);
	tt_wsframe_mask(out + 6, out + 6, 2, key);
	ck_assert_uint_eq(out[6] << 8 | out[7], 1008);
}
END_TEST

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

START_TEST(keys_do_not_come_again)
{
	enum { N = TT_WSKEYS * 4 };
	struct tt_wskeys *keys = calloc(1, sizeof *keys);
	uint32_t *got = calloc(N, sizeof *got);
	unsigned twice = 0, ones = 0;

	for (int i = 0; i < N; i++) {
		got[i] = tt_wskey(keys);
		ones += (unsigned)__builtin_popcount(got[i]);
	}
	qsort(got, N, sizeof *got, compare);
	for (int i = 1; i < N; i++)
		twice += got[i] == got[i - 1];
	ck_assert_uint_le(twice, 2);	/* by chance: one in 500 has any */
	/* Half of all bits, within ten standard deviations. */
	ck_assert_uint_gt(ones, N * 16 - 10 * 181);
	ck_assert_uint_lt(ones, N * 16 + 10 * 181);
	free(got);
	free(keys);
}
END_TEST

Suite *
check_wsframe_suite(void)
{
	Suite *suite = suite_create("wsframe");
	TCase *tcase = tcase_create("wsframe");

	tcase_add_loop_test(tcase, a_header_is_as_short_as_it_can_be, 0,
	    sizeof heads / sizeof heads[0]);
	tcase_add_loop_test(tcase, a_server_s_header_is_the_same_without_a_key, 0,
	    sizeof heads / sizeof heads[0]);
	tcase_add_test(tcase, masking_is_what_the_standard_says_at_every_length_and_place);
	tcase_add_test(tcase, a_ping_carries_its_number);
	tcase_add_test(tcase, a_close_carries_its_code);
	tcase_add_test(tcase, keys_do_not_come_again);
	suite_add_tcase(suite, tcase);
	return suite;
}
