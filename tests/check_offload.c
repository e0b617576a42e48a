/* check_offload.c - calls that block, made beside the loop. */
#include <check.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/offload.h"
#include "daemon/worker.h"
#include "tests/wait.h"

Suite *check_offload_suite(void);

/* A worker of which only the inbox lives: the test is its loop. */
static struct tt_worker offload_worker;

static void
offload_setup(void)
{
	memset(&offload_worker, 0, sizeof offload_worker);
	ck_assert_int_eq(tt_inbox_init(&offload_worker.inbox, NULL), 0);
}

static void
offload_teardown(void)
{
	tt_inbox_finish(&offload_worker.inbox);
}

/* Turns until N messages have been handled, or more in the last burst. */
static void
offload_turn(size_t n)
{
	for (size_t done = 0; done < n;)
		done += tt_test_wait(&offload_worker.inbox);
}

/* A door at which a run() waits until the test opens it. */
struct offload_gate {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool arrived, open;
	int discarded;
};

#define OFFLOAD_GATE { .mutex = PTHREAD_MUTEX_INITIALIZER, \
    .changed = PTHREAD_COND_INITIALIZER }

struct offload_job {
	struct tt_job job;
	struct offload_gate *gate;
	int number;
	bool ran;
	pthread_t ran_on;
	char *order;			/* finished() adds the number */
};

static void
offload_gate_wait(struct offload_gate *gate, const bool *what)
{
	pthread_mutex_lock(&gate->mutex);
	while (!*what)
		pthread_cond_wait(&gate->changed, &gate->mutex);
	pthread_mutex_unlock(&gate->mutex);
}

static void
offload_gate_set(struct offload_gate *gate, bool *what)
{
	pthread_mutex_lock(&gate->mutex);
	*what = true;
	pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->mutex);
}

static void
offload_run(struct tt_job *base)
{
	struct offload_job *job = (struct offload_job *)base;

	job->ran = true;
	job->ran_on = pthread_self();
	if (job->gate != NULL) {
		offload_gate_set(job->gate, &job->gate->arrived);
		offload_gate_wait(job->gate, &job->gate->open);
	}
}

static void
offload_finished(struct tt_job *base)
{
	struct offload_job *job = (struct offload_job *)base;
	size_t n = strlen(job->order);

	ck_assert(job->ran);
	job->order[n] = (char)('0' + job->number);
	job->order[n + 1] = '\0';
	free(job);
}

/* Counted in a global, for it may be any OS thread. */
static struct offload_gate offload_discards = OFFLOAD_GATE;

static void
offload_discard(struct tt_job *base)
{
	pthread_mutex_lock(&offload_discards.mutex);
	offload_discards.discarded++;
	pthread_cond_broadcast(&offload_discards.changed);
	pthread_mutex_unlock(&offload_discards.mutex);
	free(base);
}

static struct offload_job *
offload_submit(struct tt_offload *offload, struct offload_gate *gate, int number,
    char *order)
{
	struct offload_job *job = calloc(1, sizeof *job);

	job->job.run = offload_run;
	job->job.finished = offload_finished;
	job->gate = gate;
	job->number = number;
	job->order = order;
	tt_offload_submit(offload, &job->job);
	return job;
}

START_TEST(jobs_come_home_in_order)
{
	struct tt_offload *offload = tt_offload_create(&offload_worker, "test");
	char order[16] = "";

	for (int i = 0; i < 5; i++)
		offload_submit(offload, NULL, i, order);
	offload_turn(5);
	ck_assert_str_eq(order, "01234");
	offload_submit(offload, NULL, 5, order);
	offload_turn(1);
	ck_assert_str_eq(order, "012345");
	tt_offload_destroy(offload, offload_discard);
}
END_TEST

static void
offload_check_thread(struct tt_job *base)
{
	struct offload_job *job = (struct offload_job *)base;

	ck_assert(!pthread_equal(job->ran_on, pthread_self()));
	offload_finished(base);
}

START_TEST(run_is_on_another_os_thread_and_finished_at_home)
{
	struct tt_offload *offload = tt_offload_create(&offload_worker,
	    "fifteen-letters");
	struct offload_gate gate = OFFLOAD_GATE;
	struct offload_job *job;
	char order[16] = "", name[16];

	job = offload_submit(offload, &gate, 1, order);
	job->job.finished = offload_check_thread;
	offload_gate_wait(&gate, &gate.arrived);
	pthread_getname_np(job->ran_on, name, sizeof name);
	ck_assert_str_eq(name, "fifteen-letters");
	ck_assert_uint_eq(tt_inbox_handle(&offload_worker.inbox), 0);
	ck_assert_str_eq(order, "");
	offload_gate_set(&gate, &gate.open);
	offload_turn(1);
	ck_assert_str_eq(order, "1");
	tt_offload_destroy(offload, offload_discard);
}
END_TEST

START_TEST(without_a_job_it_ends_at_once)
{
	tt_offload_destroy(tt_offload_create(&offload_worker, "test"), offload_discard);
	tt_offload_destroy(NULL, offload_discard);
}
END_TEST

START_TEST(what_has_not_come_home_is_discarded)
{
	struct tt_offload *offload = tt_offload_create(&offload_worker, "test");
	struct offload_gate gate = OFFLOAD_GATE, second = OFFLOAD_GATE;
	int before = offload_discards.discarded;
	char order[16] = "";

	/* One has run, one is within run(), two are behind it. */
	offload_submit(offload, NULL, 0, order);
	offload_submit(offload, &gate, 1, order);
	offload_submit(offload, &second, 2, order);
	offload_submit(offload, NULL, 3, order);
	offload_gate_wait(&gate, &gate.arrived);
	tt_offload_destroy(offload, offload_discard);
	pthread_mutex_lock(&offload_discards.mutex);
	ck_assert_int_eq(offload_discards.discarded, before + 3);
	pthread_mutex_unlock(&offload_discards.mutex);

	/* The one within run() ends by itself, and the worker hears of none. */
	offload_gate_set(&gate, &gate.open);
	pthread_mutex_lock(&offload_discards.mutex);
	while (offload_discards.discarded < before + 4)
		pthread_cond_wait(&offload_discards.changed, &offload_discards.mutex);
	pthread_mutex_unlock(&offload_discards.mutex);
	ck_assert(!second.arrived);
	tt_inbox_handle(&offload_worker.inbox);
	ck_assert_str_eq(order, "");
}
END_TEST

static struct tt_offload *offload_to_end;

static void
offload_finished_ends(struct tt_job *base)
{
	offload_finished(base);
	tt_offload_destroy(offload_to_end, offload_discard);
}

START_TEST(finished_may_destroy_it)
{
	struct tt_offload *offload = tt_offload_create(&offload_worker, "test");
	struct offload_gate gate = OFFLOAD_GATE;
	int before = offload_discards.discarded;
	char order[16] = "";
	struct offload_job *job;

	job = offload_submit(offload, &gate, 0, order);
	job->job.finished = offload_finished_ends;
	offload_submit(offload, NULL, 1, order);
	offload_submit(offload, NULL, 2, order);
	offload_to_end = offload;
	offload_gate_set(&gate, &gate.open);
	offload_turn(1);
	tt_inbox_handle(&offload_worker.inbox);
	ck_assert_str_eq(order, "0");
	pthread_mutex_lock(&offload_discards.mutex);
	while (offload_discards.discarded < before + 2)
		pthread_cond_wait(&offload_discards.changed, &offload_discards.mutex);
	pthread_mutex_unlock(&offload_discards.mutex);
}
END_TEST

Suite *
check_offload_suite(void)
{
	Suite *suite = suite_create("offload");
	TCase *tcase = tcase_create("offload");

	tcase_add_checked_fixture(tcase, offload_setup, offload_teardown);
	tcase_add_test(tcase, jobs_come_home_in_order);
	tcase_add_test(tcase, run_is_on_another_os_thread_and_finished_at_home);
	tcase_add_test(tcase, without_a_job_it_ends_at_once);
	tcase_add_test(tcase, what_has_not_come_home_is_discarded);
	tcase_add_test(tcase, finished_may_destroy_it);
	suite_add_tcase(suite, tcase);
	return suite;
}
