/* check_status.c - what systemd is shown of a tree: the test plays systemd. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/notify.h"
#include "daemon/status.h"
#include "daemon/tree.h"
#include "tests/machine.h"

Suite *check_status_suite(void);

static int status_socket;
static char status_shown[2048];		/* the last STATUS */
static unsigned status_lines;		/* how many there were */
static long long status_extended;	/* the last EXTEND_TIMEOUT_USEC, or 0 */
static bool status_ready, status_stopping;

static void
status_setup(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char name[64];
	int n = snprintf(name, sizeof name, "@check_status.%ld", (long)getpid());

	memcpy(address.sun_path, name, (size_t)n);
	address.sun_path[0] = '\0';
	status_socket = socket(AF_UNIX, SOCK_DGRAM, 0);
	ck_assert_int_eq(bind(status_socket, (struct sockaddr *)&address,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n)), 0);
	setenv("NOTIFY_SOCKET", name, 1);
	status_shown[0] = '\0';
	status_lines = 0;
	status_extended = 0;
	status_ready = status_stopping = false;
}

static void
status_teardown(void)
{
	unsetenv("NOTIFY_SOCKET");
	close(status_socket);
}

/* Takes all that was sent. */
static void
status_read(void)
{
	char message[2048];
	ssize_t n;

	while ((n = recv(status_socket, message, sizeof message - 1,
	    MSG_DONTWAIT)) > 0) {
		message[n] = '\0';
		if (strncmp(message, "STATUS=", 7) == 0) {
			snprintf(status_shown, sizeof status_shown, "%s", message + 7);
			status_lines++;
		}
		sscanf(message, "EXTEND_TIMEOUT_USEC=%lld", &status_extended);
		status_ready |= strcmp(message, "READY=1") == 0;
		status_stopping |= strcmp(message, "STOPPING=1") == 0;
	}
}

static bool
status_shows(const char *text)
{
	status_read();
	return strcmp(status_shown, text) == 0;
}

#define STATUS_TREE \
	"  SourceThread: {}\n" \
	"  GroupThread:\n" \
	"    IN: data\n" \
	"    TakerThread a: {}\n" \
	"    TakerThread with-a-name-that-is-long: {}\n" \
	"  TakerThread: {}\n"

static struct tt_thread *
status_thread(const char *path)
{
	return &machine_thread(path)->thread;
}

static void
status_start(void)
{
	machine_make("", STATUS_TREE);
	ck_assert_ptr_nonnull(tt_status_create(machine.tree));
	ck_assert(status_shows("starting, 6 nodes"));
	tt_tree_start(machine.tree);
	machine_until(machine.ready);
	machine_until(status_shows("running, 6 nodes"));
}

static void
status_end(void)
{
	tt_status_destroy(machine.tree->shown);
	machine_end();
}

START_TEST(a_trouble_is_shown_until_all_is_well)
{
	status_start();
	tt_say_state(status_thread("TakerThread"), "the disk is full", NULL);
	machine_until(strstr((status_read(), status_shown), "running, 6 nodes; "
	    "MasterThread/TakerThread: the disk is full for ") == status_shown);
	tt_say_state(status_thread("TakerThread"), NULL, NULL);
	machine_until(status_shows("running, 6 nodes"));
	status_end();
}
END_TEST

START_TEST(the_time_goes_on_and_other_words_do_not_begin_it_anew)
{
	status_start();
	tt_say_state(status_thread("TakerThread"), "away", "1 frames wait");
	machine_until(strstr((status_read(), status_shown), "away for 1 s") != NULL);
	tt_say_state(status_thread("TakerThread"), "away", "7 frames wait");
	machine_until(status_shows("running, 6 nodes; MasterThread/TakerThread: "
	    "away for 2 s, 7 frames wait"));
	ck_assert_uint_le(status_lines, 6);
	status_end();
}
END_TEST

START_TEST(the_oldest_come_first_and_of_many_only_the_number)
{
	const char *first;

	status_start();
	tt_say_state(status_thread("GroupThread/TakerThread with-a-name-that-is-long"),
	    "away", NULL);
	tt_say_state(status_thread("TakerThread"), "full", NULL);
	tt_say_state(status_thread("GroupThread"), "slow", NULL);
	tt_say_state(status_thread("SourceThread"), "dry", NULL);
	machine_until(strstr((status_read(), status_shown), "and 1 more") != NULL);
	first = strstr(status_shown, ".../TakerThread with-a-name-that-is-long: away");
	ck_assert_ptr_nonnull(first);
	ck_assert(first < strstr(status_shown, "TakerThread: full"));
	ck_assert_ptr_nonnull(strstr(status_shown, "GroupThread: slow"));
	ck_assert_ptr_null(strstr(status_shown, "dry"));
	status_end();
}
END_TEST

START_TEST(more_time_is_asked_for_while_it_starts_and_stops)
{
	status_start();
	ck_assert_int_eq(status_extended, 10000000);
	ck_assert(!status_stopping);
	tt_tree_stop(machine.tree);
	tt_status_phase(machine.tree->shown);
	status_read();
	ck_assert(status_stopping);
	ck_assert_int_eq(strncmp(status_shown, "stopping, ", 10), 0);
	ck_assert_int_gt(status_extended, 0);
	status_end();
}
END_TEST

START_TEST(never_beyond_the_end_that_the_stop_has)
{
	machine_make("stop_timeout: 2s", "  SourceThread: {}\n  TakerThread: {}\n");
	ck_assert_ptr_nonnull(tt_status_create(machine.tree));
	tt_tree_start(machine.tree);
	machine_until(machine.ready);
	tt_tree_stop(machine.tree);
	tt_status_phase(machine.tree->shown);
	status_read();
	ck_assert_int_gt(status_extended, 5000000);
	ck_assert_int_le(status_extended, 6000000);
	status_end();
}
END_TEST

/* Nobody reads: what systemd must know is sent again. */
START_TEST(what_systemd_did_not_read_comes_again)
{
	while (tt_notify_extend(1))
		continue;
	machine_make("stop_timeout: 10s", STATUS_TREE);
	ck_assert_ptr_nonnull(tt_status_create(machine.tree));
	tt_tree_start(machine.tree);
	machine_until(machine.ready);
	status_read();
	ck_assert(!status_ready);
	machine_until(status_shows("running, 6 nodes") && status_ready);
	ck_assert(!status_stopping);
	while (tt_notify_extend(1))
		continue;
	tt_tree_stop(machine.tree);
	tt_status_phase(machine.tree->shown);
	status_read();
	ck_assert(!status_stopping);
	machine_until((status_read(), status_stopping));
	status_end();
}
END_TEST

static void *
status_say_often(void *arg)
{
	for (int i = 0; i < 1000; i++)
		tt_say_state(arg, i % 2 == 0 ? "busy" : NULL, "and so on");
	return NULL;
}

START_TEST(it_may_be_said_from_any_os_thread)
{
	pthread_t other;

	status_start();
	ck_assert_int_eq(pthread_create(&other, NULL, status_say_often,
	    status_thread("TakerThread")), 0);
	status_say_often(status_thread("SourceThread"));
	pthread_join(other, NULL);
	machine_until(status_shows("running, 6 nodes"));
	ck_assert_uint_le(status_lines, 5);
	status_end();
}
END_TEST

START_TEST(without_anybody_to_show_it_to_nothing_happens)
{
	machine_start("", STATUS_TREE);
	machine_until(machine.ready);
	tt_say_state(status_thread("TakerThread"), "full", NULL);
	tt_status_phase(NULL);
	tt_status_destroy(NULL);
	machine_end();
}
END_TEST

Suite *
check_status_suite(void)
{
	Suite *suite = suite_create("status");
	TCase *tcase = tcase_create("status");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, status_setup, status_teardown);
	tcase_add_test(tcase, a_trouble_is_shown_until_all_is_well);
	tcase_add_test(tcase, the_time_goes_on_and_other_words_do_not_begin_it_anew);
	tcase_add_test(tcase, the_oldest_come_first_and_of_many_only_the_number);
	tcase_add_test(tcase, more_time_is_asked_for_while_it_starts_and_stops);
	tcase_add_test(tcase, never_beyond_the_end_that_the_stop_has);
	tcase_add_test(tcase, what_systemd_did_not_read_comes_again);
	tcase_add_test(tcase, it_may_be_said_from_any_os_thread);
	tcase_add_test(tcase, without_anybody_to_show_it_to_nothing_happens);
	suite_add_tcase(suite, tcase);
	return suite;
}
