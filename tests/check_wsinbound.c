/* check_wsinbound.c - plugins/wsinbound.c */
#include "plugins/wsinbound.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Suite *check_wsinbound_suite(void);

#define MASK "\x01\x02\x03\x04"

/* What is told of it, in a line: "ping 3, close 1000, broken 1002". */
static const struct {
	size_t size;
	const char *bytes, *told;
} cases[] = {
#define BYTES(text) sizeof text - 1, text
	{ BYTES("\x81\x80" MASK), "" },
	{ BYTES("\x82\x83" MASK "abc\x82\x80" MASK), "" },
	{ BYTES("\x89\x80" MASK), "ping 0" },
	{ BYTES("\x89\x83" MASK "`bb"), "ping 3 a`a" },
	{ BYTES("\x8a\x88" MASK "abcdabcd"), "pong 8 ```````" "`" },
	{ BYTES("\x01\x81" MASK "x\x89\x80" MASK "\x00\x81" MASK "x\x80\x80" MASK
	    "\x81\x80" MASK), "ping 0" },
	{ BYTES("\x88\x80" MASK), "close 1005" },
	{ BYTES("\x88\x82" MASK "\x02\xea"), "close 1000" },
	{ BYTES("\x88\x84" MASK "\x02\xea" "by"), "close 1000" },
	{ BYTES("\x88\x82" MASK "\x0e\xba"), "close 4024" },
	/* Broken. */
	{ BYTES("\x81\x00"), "broken 1002" },
	{ BYTES("\x81\x05"), "broken 1002" },
	{ BYTES("\x89\x00"), "broken 1002" },
	{ BYTES("\xc1\x80" MASK), "broken 1002" },
	{ BYTES("\x91\x80" MASK), "broken 1002" },
	{ BYTES("\x83\x80" MASK), "broken 1002" },
	{ BYTES("\x8b\x80" MASK), "broken 1002" },
	{ BYTES("\x09\x80" MASK), "broken 1002" },
	{ BYTES("\x89\xfe\x00\x7e" MASK), "broken 1002" },
	{ BYTES("\x80\x80" MASK), "broken 1002" },
	{ BYTES("\x01\x80" MASK "\x81\x80" MASK), "broken 1002" },
	{ BYTES("\x88\x81" MASK "a"), "broken 1002" },
	{ BYTES("\x88\x82" MASK "\x02\xef"), "broken 1002" },	/* 1005 */
	{ BYTES("\x88\x82" MASK "\x01\x02"), "broken 1002" },	/* 0 */
	{ BYTES("\x82\xfe\x00\x7d" MASK), "broken 1002" },
	{ BYTES("\x82\xff\0\0\0\0\0\0\xff\xff" MASK), "broken 1002" },
	{ BYTES("\x82\xff\0\0\0\0\0\1\0\1" MASK), "broken 1009" },
	{ BYTES("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff" MASK), "broken 1009" },
	{ BYTES("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff" MASK), "broken 1002" },
	{ BYTES("\x89\x80" MASK "\x81\x00\x89\x80" MASK), "ping 0, broken 1002" },
#undef BYTES
};

/* Reads SIZE bytes of DATA into TOLD, behind what is there. */
static void
feed(struct tt_wsinbound *in, const uint8_t *data, size_t size, char *told)
{
	static const char *const names[] = { "", "ping", "pong", "close", "broken" };
	enum tt_wsinbound_event event;
	char *at = told + strlen(told);

	while (strstr(told, "broken") == NULL &&
	    (event = tt_wsinbound_read(in, &data, &size)) != TT_WSINBOUND_MORE) {
		at += sprintf(at, "%s%s %u", at > told ? ", " : "", names[event],
		    event == TT_WSINBOUND_PING || event == TT_WSINBOUND_PONG ?
		    in->n_control : in->code);
		if (event <= TT_WSINBOUND_PONG && in->n_control > 0)
			at += sprintf(at, " %.*s", in->n_control, in->control);
	}
}

START_TEST(frames_are_read_the_same_at_every_cut)
{
	size_t size = cases[_i].size;
	uint8_t *data = malloc(size);

	memcpy(data, cases[_i].bytes, size);
	for (size_t first = 0; first <= size; first++) {
		for (size_t second = first; second <= size; second++) {
			struct tt_wsinbound in = { .have = 0 };
			char told[200] = "";

			feed(&in, data, first, told);
			feed(&in, data + first, second - first, told);
			feed(&in, data + second, size - second, told);
			ck_assert_str_eq(told, cases[_i].told);
		}
	}
	free(data);
}
END_TEST

/* The head of a masked frame. */
static size_t
head(uint8_t *out, unsigned first, uint32_t length)
{
	memcpy(out, (const uint8_t[]){ (uint8_t)first, 0xff, 0, 0, 0, 0,
	    (uint8_t)(length >> 24), (uint8_t)(length >> 16), (uint8_t)(length >> 8),
	    (uint8_t)length, 1, 2, 3, 4 }, 14);
	if (length >= 65536)
		return 14;
	memcpy(out + 1, (const uint8_t[]){ 0xfe, (uint8_t)(length >> 8),
	    (uint8_t)length, 1, 2, 3, 4 }, 7);
	return 8;
}

START_TEST(a_message_has_64_kib_at_most_in_all_its_pieces)
{
	static uint8_t zeros[TT_WSINBOUND_MAX];
	struct tt_wsinbound in = { .have = 0 };
	char told[100] = "";
	uint8_t bytes[14];

	/* In one piece. */
	feed(&in, bytes, head(bytes, 0x82, 65536), told);
	feed(&in, zeros, 65536, told);
	ck_assert_str_eq(told, "");
	/* In two; the next message begins anew. */
	feed(&in, bytes, head(bytes, 0x02, 65000), told);
	feed(&in, zeros, 65000, told);
	feed(&in, bytes, head(bytes, 0x80, 536), told);
	feed(&in, zeros, 536, told);
	ck_assert_str_eq(told, "");
	feed(&in, bytes, head(bytes, 0x02, 65000), told);
	feed(&in, zeros, 65000, told);
	ck_assert_str_eq(told, "");
	feed(&in, bytes, head(bytes, 0x80, 537), told);
	ck_assert_str_eq(told, "broken 1009");
}
END_TEST

START_TEST(what_is_broken_says_why)
{
	const uint8_t *data = (const uint8_t *)"\x81\x00";
	struct tt_wsinbound in = { .have = 0 };
	size_t size = 2;

	ck_assert_int_eq(tt_wsinbound_read(&in, &data, &size), TT_WSINBOUND_BROKEN);
	ck_assert_str_eq(in.why, "a frame without a mask");
	/* What comes behind it is nothing, however long it is. */
	for (int i = 0; i < 100; i++) {
		data = (const uint8_t *)"\x89\x80" MASK;
		size = 6;
		ck_assert_int_eq(tt_wsinbound_read(&in, &data, &size), TT_WSINBOUND_MORE);
		ck_assert_uint_eq(size, 0);
	}
}
END_TEST

Suite *
check_wsinbound_suite(void)
{
	Suite *s = suite_create("wsinbound");
	TCase *t = tcase_create("wsinbound");

	tcase_add_loop_test(t, frames_are_read_the_same_at_every_cut, 0,
	    sizeof cases / sizeof *cases);
	tcase_add_test(t, a_message_has_64_kib_at_most_in_all_its_pieces);
	tcase_add_test(t, what_is_broken_says_why);
	suite_add_tcase(s, t);
	return s;
}
