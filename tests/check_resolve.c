/* check_resolve.c - names to addresses, off the loop. */
#include <check.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "daemon/offload.h"
#include "daemon/resolve.h"
#include "daemon/thread.h"
#include "daemon/tree.h"
#include "daemon/worker.h"
#include "tests/wait.h"

Suite *check_resolve_suite(void);

/* No more of a tree than what a look-up touches. */
static struct tt_tree resolve_tree;
static struct tt_worker resolve_worker;
static struct tt_thread resolve_thread;

static struct {
	unsigned answers;
	bool found;
	struct tt_addresses_found addresses;
	char error[256];
} resolve_got;

static void
resolve_setup(void)
{
	memset(&resolve_got, 0, sizeof resolve_got);
	memset(&resolve_worker, 0, sizeof resolve_worker);
	ck_assert_int_eq(tt_inbox_init(&resolve_worker.inbox, NULL), 0);
	resolve_worker.tree = &resolve_tree;
	resolve_tree.main = &resolve_worker;
	resolve_thread.worker = &resolve_worker;
	resolve_tree.resolve_offload = tt_offload_create(&resolve_worker, "names");
}

static void
resolve_teardown(void)
{
	tt_offload_destroy(resolve_tree.resolve_offload, tt_resolve_discard);
	tt_inbox_finish(&resolve_worker.inbox);
}

static void
resolve_turn(void)
{
	tt_test_wait(&resolve_worker.inbox);
}

static void
resolve_answer(void *arg, const struct tt_addresses_found *found, const char *error)
{
	ck_assert_ptr_eq(arg, &resolve_got);
	ck_assert((found == NULL) != (error == NULL));
	resolve_got.answers++;
	resolve_got.found = found != NULL;
	if (found != NULL)
		resolve_got.addresses = *found;
	else
		snprintf(resolve_got.error, sizeof resolve_got.error, "%s", error);
}

static struct tt_resolution *
resolve_ask(const char *host)
{
	struct tt_resolution *r = tt_resolve(&resolve_thread, host, resolve_answer,
	    &resolve_got);

	ck_assert_ptr_nonnull(r);
	ck_assert_uint_eq(resolve_got.answers, 0);
	return r;
}

static const struct {
	const char *host, *address;
} resolve_numeric[] = {
	{ "127.0.0.1", "127.0.0.1" },
	{ "192.0.2.255", "192.0.2.255" },
	{ "::1", "::1" },
	{ "2001:DB8:0:0::1", "2001:db8::1" },
	{ "::ffff:192.0.2.1", "::ffff:192.0.2.1" },
};

/* The offload stands still: so nothing can have come from there. */
START_TEST(a_numeric_host_is_answered_without_a_look_up)
{
	struct tt_offload *offload = resolve_tree.resolve_offload;

	resolve_tree.resolve_offload = NULL;
	resolve_ask(resolve_numeric[_i].host);
	resolve_turn();
	resolve_tree.resolve_offload = offload;
	ck_assert_uint_eq(resolve_got.answers, 1);
	ck_assert(resolve_got.found);
	ck_assert_uint_eq(resolve_got.addresses.n, 1);
	ck_assert_str_eq(resolve_got.addresses.text[0], resolve_numeric[_i].address);
}
END_TEST

START_TEST(localhost_is_found_without_a_network)
{
	resolve_ask(_i == 0 ? "localhost" : "LocalHost");
	resolve_turn();
	ck_assert_uint_eq(resolve_got.answers, 1);
	ck_assert_msg(resolve_got.found, "%s", resolve_got.error);
	ck_assert_uint_ge(resolve_got.addresses.n, 1);
	for (unsigned i = 0; i < resolve_got.addresses.n; i++) {
		const char *text = resolve_got.addresses.text[i];

		ck_assert(strcmp(text, "127.0.0.1") == 0 || strcmp(text, "::1") == 0);
		for (unsigned k = 0; k < i; k++)
			ck_assert_str_ne(text, resolve_got.addresses.text[k]);
	}
}
END_TEST

/* A label has 63 characters at most, so no name server is asked. */
START_TEST(a_name_that_cannot_be_is_an_error_with_a_reason)
{
	char host[80] = "";

	memset(host, 'a', 70);
	resolve_ask(host);
	resolve_turn();
	ck_assert_uint_eq(resolve_got.answers, 1);
	ck_assert(!resolve_got.found);
	ck_assert_str_ne(resolve_got.error, "");
}
END_TEST

/* A job that holds the offload until the test lets it go. */
struct resolve_stopper {
	struct tt_job job;
	pthread_mutex_t mutex;
	bool finished;
};

static void
resolve_stopper_run(struct tt_job *job)
{
	struct resolve_stopper *stopper = (struct resolve_stopper *)job;

	pthread_mutex_lock(&stopper->mutex);
	pthread_mutex_unlock(&stopper->mutex);
}

static void
resolve_stopper_finished(struct tt_job *job)
{
	((struct resolve_stopper *)job)->finished = true;
}

#define RESOLVE_STOPPER { .job.run = resolve_stopper_run, \
    .job.finished = resolve_stopper_finished, .mutex = PTHREAD_MUTEX_INITIALIZER }

/* Submits a stopper and turns until it comes home: all before it has come too. */
static void
resolve_pass(void)
{
	struct resolve_stopper stopper = RESOLVE_STOPPER;

	tt_offload_submit(resolve_tree.resolve_offload, &stopper.job);
	while (!stopper.finished)
		resolve_turn();
}

START_TEST(a_numeric_look_up_can_be_cancelled)
{
	tt_resolve_cancel(resolve_ask("127.0.0.1"));
	tt_resolve_cancel(NULL);
	tt_inbox_handle(&resolve_worker.inbox);
	ck_assert_uint_eq(resolve_got.answers, 0);
}
END_TEST

START_TEST(a_look_up_can_be_cancelled_before_it_begins)
{
	struct resolve_stopper stopper = RESOLVE_STOPPER;

	pthread_mutex_lock(&stopper.mutex);
	tt_offload_submit(resolve_tree.resolve_offload, &stopper.job);
	tt_resolve_cancel(resolve_ask("localhost"));
	pthread_mutex_unlock(&stopper.mutex);
	resolve_pass();
	ck_assert_uint_eq(resolve_got.answers, 0);
}
END_TEST

/* At any moment: it may wait, be within getaddrinfo(), or have run. */
START_TEST(a_look_up_can_be_cancelled_while_it_runs)
{
	for (int i = 0; i < 20; i++) {
		struct tt_resolution *r = resolve_ask("localhost");

		poll(NULL, 0, i % 3);
		tt_resolve_cancel(r);
	}
	resolve_pass();
	ck_assert_uint_eq(resolve_got.answers, 0);
}
END_TEST

START_TEST(a_look_up_can_be_cancelled_once_its_answer_waits)
{
	struct tt_resolution *r = resolve_ask("localhost");

	tt_test_sleep(&resolve_worker.inbox, -1);
	tt_resolve_cancel(r);
	tt_inbox_handle(&resolve_worker.inbox);
	ck_assert_uint_eq(resolve_got.answers, 0);
}
END_TEST

START_TEST(what_was_not_answered_at_the_end_is_discarded)
{
	resolve_ask("localhost");
	resolve_ask("localhost");
	tt_offload_destroy(resolve_tree.resolve_offload, tt_resolve_discard);
	resolve_tree.resolve_offload = NULL;
	tt_inbox_handle(&resolve_worker.inbox);
	ck_assert_uint_eq(resolve_got.answers, 0);
}
END_TEST

Suite *
check_resolve_suite(void)
{
	Suite *suite = suite_create("resolve");
	TCase *tcase = tcase_create("resolve");

	tcase_add_checked_fixture(tcase, resolve_setup, resolve_teardown);
	tcase_add_loop_test(tcase, a_numeric_host_is_answered_without_a_look_up, 0,
	    sizeof resolve_numeric / sizeof resolve_numeric[0]);
	tcase_add_loop_test(tcase, localhost_is_found_without_a_network, 0, 2);
	tcase_add_test(tcase, a_name_that_cannot_be_is_an_error_with_a_reason);
	tcase_add_test(tcase, a_numeric_look_up_can_be_cancelled);
	tcase_add_test(tcase, a_look_up_can_be_cancelled_before_it_begins);
	tcase_add_test(tcase, a_look_up_can_be_cancelled_while_it_runs);
	tcase_add_test(tcase, a_look_up_can_be_cancelled_once_its_answer_waits);
	tcase_add_test(tcase, what_was_not_answered_at_the_end_is_discarded);
	suite_add_tcase(suite, tcase);
	return suite;
}
