/* check_notify.c - what systemd is told: the test plays systemd. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/notify.h"

Suite *check_notify_suite(void);

static int notify_socket;

/* In the abstract namespace: nothing is left behind. */
static void
notify_setup(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char name[64];
	int n = snprintf(name, sizeof name, "@check_notify.%ld", (long)getpid());

	memcpy(address.sun_path, name, (size_t)n);
	address.sun_path[0] = '\0';
	notify_socket = socket(AF_UNIX, SOCK_DGRAM, 0);
	ck_assert_int_eq(bind(notify_socket, (struct sockaddr *)&address,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n)), 0);
	setenv("NOTIFY_SOCKET", name, 1);
}

static void
notify_teardown(void)
{
	unsetenv("NOTIFY_SOCKET");
	close(notify_socket);
}

static const char *
notify_got(void)
{
	static char message[2048];
	ssize_t n = recv(notify_socket, message, sizeof message - 1, 0);

	ck_assert_int_ge(n, 0);
	message[n] = '\0';
	return message;
}

START_TEST(ready_and_stopping_are_told)
{
	tt_notify_ready();
	ck_assert_str_eq(notify_got(), "READY=1");
	tt_notify_stopping();
	ck_assert_str_eq(notify_got(), "STOPPING=1");
}
END_TEST

START_TEST(a_status_is_one_assignment_whatever_is_in_it)
{
	tt_notify_status("%d connections", 3);
	ck_assert_str_eq(notify_got(), "STATUS=3 connections");
	tt_notify_status("%s", "name\nSTOPPING=1");
	ck_assert_str_eq(notify_got(), "STATUS=name\\nSTOPPING=1");
}
END_TEST

START_TEST(a_long_status_is_cut)
{
	char text[1000];

	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	tt_notify_status("%s", text);
	ck_assert_int_eq(strncmp(notify_got(), "STATUS=xxx", 10), 0);
}
END_TEST

START_TEST(a_full_socket_is_not_waited_for)
{
	unsigned n = 0;

	while (tt_notify_extend(1))
		ck_assert_uint_lt(++n, 100000);
	ck_assert(!tt_notify_ready());
	ck_assert(!tt_notify_status("running"));
	ck_assert_str_eq(notify_got(), "EXTEND_TIMEOUT_USEC=1");
	ck_assert(tt_notify_ready());
	while (n-- > 1)
		notify_got();
	ck_assert_str_eq(notify_got(), "READY=1");
}
END_TEST

START_TEST(without_systemd_nothing_happens)
{
	static const char *const names[] = { NULL, "", "@", "/", "relative",
		"@nobody-listens", "/nonexistent/notify" };
	char too_long[200];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		unsetenv("NOTIFY_SOCKET");
		if (names[i] != NULL)
			setenv("NOTIFY_SOCKET", names[i], 1);
		ck_assert(tt_notify_ready());
		ck_assert(tt_notify_status("nobody listens"));
		ck_assert(tt_notify_stopping());
	}
	memset(too_long, 'x', sizeof too_long - 1);
	too_long[0] = '/';
	too_long[sizeof too_long - 1] = '\0';
	setenv("NOTIFY_SOCKET", too_long, 1);
	ck_assert(tt_notify_ready());
	ck_assert_int_lt(recv(notify_socket, (char[1]){ 0 }, 1, MSG_DONTWAIT), 0);
}
END_TEST

Suite *
check_notify_suite(void)
{
	Suite *suite = suite_create("notify");
	TCase *tcase = tcase_create("notify");

	tcase_add_checked_fixture(tcase, notify_setup, notify_teardown);
	tcase_add_test(tcase, ready_and_stopping_are_told);
	tcase_add_test(tcase, a_status_is_one_assignment_whatever_is_in_it);
	tcase_add_test(tcase, a_long_status_is_cut);
	tcase_add_test(tcase, a_full_socket_is_not_waited_for);
	tcase_add_test(tcase, without_systemd_nothing_happens);
	suite_add_tcase(suite, tcase);
	return suite;
}
