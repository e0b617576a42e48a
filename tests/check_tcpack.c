/* check_tcpack.c - tests of plugins/tcpack.c. */
#include "plugins/tcpack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/machine.h"

Suite *check_tcpack_suite(void);

#define MS 1000000

/* What ends in a timer does not wake a turn that waits. */
#define tcpack_until(cond) \
	do { \
		while (!(cond)) \
			machine_settle(); \
	} while (0)

static struct tt_tcpack ack;
static int device, ours;
static unsigned written;

static void
tcpack_written(struct tt_thread *self)
{
	(void)self;
	written++;
}

static void
tcpack_begin(bool line, int64_t interval)
{
	int fds[2];

	machine_start("", "  SourceThread: {}\n  SinkThread: {}\n");
	machine_until(machine.ready);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	ours = fds[0];
	device = fds[1];
	written = 0;
	tt_tcpack_init(&ack, &machine_thread("SourceThread")->thread, ours, line,
	    interval, tcpack_written);
}

static void
tcpack_end(void)
{
	tt_tcpack_finish(&ack);
	close(ours);
	if (device >= 0)
		close(device);
	machine_end();
}

/* What the device has got by now, as a text. */
static const char *
tcpack_got(void)
{
	static char got[256];
	ssize_t n = read(device, got, sizeof got - 1);

	got[n > 0 ? n : 0] = '\0';
	return got;
}

/* Fills the socket with x, until it takes no more. */
static size_t
tcpack_fill(void)
{
	char x[512];
	size_t n = 0;

	memset(x, 'x', sizeof x);
	while (write(ours, x, sizeof x) > 0)
		n += sizeof x;
	while (write(ours, x, 1) > 0)
		n++;
	return n;
}

static void
tcpack_empty(size_t n)
{
	char x[512];
	ssize_t r;

	for (; n > 0; n -= (size_t)r) {
		r = read(device, x, n < sizeof x ? n : sizeof x);
		ck_assert_int_gt(r, 0);
	}
}

START_TEST(a_count_is_eight_bytes_or_a_line)
{
	tcpack_begin(false, 0);
	tt_tcpack_news(&ack, UINT64_C(0x0102030405060708));
	ck_assert_str_eq(tcpack_got(), "\1\2\3\4\5\6\7\10");
	tcpack_end();
	tcpack_begin(true, 0);
	tt_tcpack_news(&ack, UINT64_C(9007199254740991));
	ck_assert_str_eq(tcpack_got(), "ACK 9007199254740991\n");
	tcpack_end();
}
END_TEST

START_TEST(the_first_count_goes_at_once_and_the_next_after_the_interval)
{
	int64_t began;

	tcpack_begin(true, 20 * MS);
	tt_tcpack_news(&ack, 1);
	ck_assert_str_eq(tcpack_got(), "ACK 1\n");
	began = tt_now(ack.thread);
	tt_tcpack_news(&ack, 2);
	tt_tcpack_news(&ack, 5);
	ck_assert_str_eq(tcpack_got(), "");
	tcpack_until(ack.told == 5);
	ck_assert_int_ge(tt_now(ack.thread) - began, 20 * MS);
	ck_assert_str_eq(tcpack_got(), "ACK 5\n");
	tcpack_end();
}
END_TEST

START_TEST(counts_only_grow)
{
	tcpack_begin(true, 0);
	tt_tcpack_news(&ack, 7);
	tt_tcpack_news(&ack, 7);
	tt_tcpack_news(&ack, 3);
	ck_assert_str_eq(tcpack_got(), "ACK 7\n");
	ck_assert(tt_tcpack_flush(&ack));
	ck_assert_str_eq(tcpack_got(), "");
	tcpack_end();
}
END_TEST

START_TEST(a_flush_does_not_wait_for_the_interval)
{
	tcpack_begin(true, 3600000000000);
	tt_tcpack_news(&ack, 1);
	tt_tcpack_news(&ack, 2);
	ck_assert(tt_tcpack_flush(&ack));
	ck_assert_str_eq(tcpack_got(), "ACK 1\nACK 2\n");
	ck_assert_uint_eq(written, 0);
	tcpack_end();
}
END_TEST

START_TEST(a_count_that_waits_for_room_is_replaced_by_a_newer)
{
	size_t filled;

	tcpack_begin(true, 0);
	filled = tcpack_fill();
	tt_tcpack_news(&ack, 1);
	tt_tcpack_news(&ack, 2);
	ck_assert(!tt_tcpack_flush(&ack));
	machine_settle();
	ck_assert_uint_eq(written, 0);
	tt_tcpack_news(&ack, 9);
	tcpack_empty(filled);
	tcpack_until(written == 1);
	ck_assert_str_eq(tcpack_got(), "ACK 9\n");
	ck_assert(tt_tcpack_flush(&ack));
	tcpack_end();
}
END_TEST

START_TEST(a_count_that_has_begun_to_leave_is_completed_first)
{
	tcpack_begin(true, 0);
	tt_tcpack_news(&ack, 1);
	ck_assert_str_eq(tcpack_got(), "ACK 1\n");
	/* As after a send that took three bytes. */
	ack.safe = ack.leaving = 10;
	ack.size = (uint8_t)sprintf(ack.out, "ACK 10\n");
	ack.at = 3;
	tt_tcpack_news(&ack, 12);
	ck_assert_str_eq(tcpack_got(), " 10\nACK 12\n");
	tcpack_end();
}
END_TEST

START_TEST(a_device_that_has_gone_is_written_to_no_more)
{
	tcpack_begin(true, 0);
	close(device);
	device = -1;
	tt_tcpack_news(&ack, 1);
	ck_assert(ack.broken && !ack.reset);	/* it had closed its end */
	ck_assert(tt_tcpack_flush(&ack));
	tt_tcpack_news(&ack, 2);
	ck_assert_uint_eq(ack.told, 0);
	tcpack_end();
}
END_TEST

Suite *
check_tcpack_suite(void)
{
	Suite *s = suite_create("tcpack");
	TCase *tc = tcase_create("tcpack");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_count_is_eight_bytes_or_a_line);
	tcase_add_test(tc,
	    the_first_count_goes_at_once_and_the_next_after_the_interval);
	tcase_add_test(tc, counts_only_grow);
	tcase_add_test(tc, a_flush_does_not_wait_for_the_interval);
	tcase_add_test(tc, a_count_that_waits_for_room_is_replaced_by_a_newer);
	tcase_add_test(tc, a_count_that_has_begun_to_leave_is_completed_first);
	tcase_add_test(tc, a_device_that_has_gone_is_written_to_no_more);
	suite_add_tcase(s, tc);
	return s;
}
