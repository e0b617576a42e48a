/* check_ids.c - numbers that are never used twice by a state_dir. */
#include <check.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/ids.h"
#include "daemon/log.h"
#include "daemon/offload.h"
#include "daemon/worker.h"
#include "tests/wait.h"

Suite *check_ids_suite(void);

#define IDS_COUNTER "taskthread.numbers"
#define IDS_COUNTER_NEW "taskthread.numbers.new"
#define IDS_LOCK "taskthread.lock"

static char ids_base[64];		/* a directory for this test alone */
static char ids_dir[128];		/* the state_dir, below it */
static struct tt_worker ids_worker;	/* of which only the inbox lives */

static void
ids_setup(void)
{
	strcpy(ids_base, "/tmp/check_ids.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(ids_base));
	snprintf(ids_dir, sizeof ids_dir, "%s/state", ids_base);
	memset(&ids_worker, 0, sizeof ids_worker);
	ck_assert_int_eq(tt_inbox_init(&ids_worker.inbox, NULL), 0);
}

static void
ids_teardown(void)
{
	char command[128];

	tt_inbox_finish(&ids_worker.inbox);
	snprintf(command, sizeof command, "rm -rf %s", ids_base);
	ck_assert_int_eq(system(command), 0);
}

static const char *
ids_path(const char *name)
{
	static char path[256];

	snprintf(path, sizeof path, "%s/%s", ids_dir, name);
	return path;
}

static void
ids_write(const char *name, const char *data, size_t size)
{
	FILE *out = fopen(ids_path(name), "w");

	ck_assert_ptr_nonnull(out);
	fwrite(data, 1, size, out);
	fclose(out);
}

static size_t
ids_read(const char *name, char *data, size_t size)
{
	FILE *in = fopen(ids_path(name), "r");
	size_t n;

	if (in == NULL)
		return 0;
	n = fread(data, 1, size, in);
	fclose(in);
	return n;
}

/* Begins the state_dir with a counter that stands at NEXT. */
static void
ids_begin_at(uint64_t next)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);
	char data[128];
	int n = sprintf(data, "taskthread numbers 1\nnext %" PRIu64 "\n", next);

	for (int i = 0; i < n; i++)
		sum = (sum ^ (unsigned char)data[i]) * UINT64_C(0x100000001b3);
	n += sprintf(data + n, "sum %016" PRIx64 "\n", sum);
	mkdir(ids_dir, 0750);
	ids_write(IDS_COUNTER, data, (size_t)n);
}

static struct tt_ids *
ids_open(uint64_t range)
{
	struct tt_error err = { "" };
	struct tt_ids *ids = tt_ids_open_with(ids_dir, range, &err);

	ck_assert_msg(ids != NULL, "%s", err.text);
	return ids;
}

/* The text of the error that opening gives, and must give. */
static const char *
ids_open_error(void)
{
	static struct tt_error err;

	err.text[0] = '\0';
	ck_assert_ptr_null(tt_ids_open(ids_dir, &err));
	ck_assert_str_ne(err.text, "");
	return err.text;
}

START_TEST(numbers_count_from_one)
{
	struct tt_ids *ids = tt_ids_open(ids_dir, NULL);

	ck_assert_ptr_nonnull(ids);
	for (uint64_t i = 1; i < 100; i++)
		ck_assert_uint_eq(tt_ids_next(ids), i);
	ck_assert_uint_eq(tt_ids_range(ids, NULL), TT_ID_RANGE);
	ck_assert_uint_eq(tt_ids_range(ids, NULL), 2 * TT_ID_RANGE);
	ck_assert_uint_eq(tt_ids_next(ids), 100);
	tt_ids_close(ids);
	ids = tt_ids_open(ids_dir, NULL);
	ck_assert_uint_eq(tt_ids_next(ids), 3 * TT_ID_RANGE);
	tt_ids_close(ids);
}
END_TEST

START_TEST(directories_that_are_missing_are_made)
{
	struct stat st;
	mode_t mask = umask(0);

	snprintf(ids_dir, sizeof ids_dir, "%s/one//two/three/", ids_base);
	tt_ids_close(ids_open(4));
	umask(mask);
	ck_assert_int_eq(stat(ids_dir, &st), 0);
	ck_assert(S_ISDIR(st.st_mode));
	ck_assert_uint_eq(st.st_mode & 07777, 0750);
	snprintf(ids_dir, sizeof ids_dir, "%s/one", ids_base);
	ck_assert_int_eq(stat(ids_dir, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0750);
}
END_TEST

/* Small ranges, so that numbers come from many. */
START_TEST(no_number_comes_again_over_restarts)
{
	static bool used[4096];

	for (int run = 0; run < 20; run++) {
		struct tt_ids *ids = ids_open(8);

		for (int i = 0; i < run; i++) {
			uint64_t number = tt_ids_next(ids);

			ck_assert_uint_lt(number, sizeof used);
			ck_assert(number != 0 && !used[number]);
			used[number] = true;
			if (i % 5 == 0) {
				number = tt_ids_range(ids, NULL);
				ck_assert_uint_lt(number + 8, sizeof used);
				for (int k = 0; k < 8; k++) {
					ck_assert(!used[number + k]);
					used[number + k] = true;
				}
			}
		}
		tt_ids_close(ids);
	}
}
END_TEST

/* A crash leaves the files as they are at that moment: a copy of them is opened
 * after each number. */
START_TEST(no_number_comes_again_after_a_crash_at_any_moment)
{
	static const char *const names[] = { IDS_COUNTER, IDS_COUNTER_NEW, IDS_LOCK };
	struct tt_ids *ids = ids_open(4);
	uint64_t most = 0;
	char data[256];

	for (int i = 0; i < 30; i++) {
		uint64_t number = i % 7 == 6 ? tt_ids_range(ids, NULL) + 3
		    : tt_ids_next(ids);
		char original[sizeof ids_dir];
		struct tt_ids *after;

		most = number > most ? number : most;
		strcpy(original, ids_dir);
		for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
			size_t n;

			strcpy(ids_dir, original);
			n = ids_read(names[k], data, sizeof data);
			snprintf(ids_dir, sizeof ids_dir, "%s/crash%d", ids_base, i);
			mkdir(ids_dir, 0750);
			if (n > 0)
				ids_write(names[k], data, n);
		}
		after = ids_open(4);
		ck_assert_uint_gt(tt_ids_next(after), most);
		tt_ids_close(after);
		strcpy(ids_dir, original);
	}
	tt_ids_close(ids);
}
END_TEST

/* A crash within the writing leaves the old counter and a part of the new. */
START_TEST(half_a_new_counter_is_no_matter)
{
	char data[128];
	size_t size;
	struct tt_ids *ids = ids_open(4);

	tt_ids_close(ids);
	size = ids_read(IDS_COUNTER, data, sizeof data);
	ids_write(IDS_COUNTER_NEW, data, size * (size_t)_i / 4);
	ids = ids_open(4);
	ck_assert_uint_eq(tt_ids_next(ids), 4);
	tt_ids_close(ids);
}
END_TEST

START_TEST(a_second_daemon_is_told_who_has_the_directory)
{
	struct tt_ids *ids = ids_open(4);
	char right[256];

	snprintf(right, sizeof right, "state_dir %s is in use by another taskthreadd, "
	    "process %ld", ids_dir, (long)getpid());
	ck_assert_str_eq(ids_open_error(), right);
	tt_ids_close(ids);
	tt_ids_close(ids_open(4));
}
END_TEST

START_TEST(a_daemon_that_was_killed_leaves_no_lock)
{
	int ready[2], status;
	char byte;
	pid_t pid;

	ck_assert_int_eq(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		struct tt_ids *ids = tt_ids_open(ids_dir, NULL);

		if (ids == NULL || tt_ids_next(ids) != 1
		    || write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	ids_open_error();
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	tt_ids_close(ids_open(4));
}
END_TEST

START_TEST(what_cannot_be_a_directory_is_an_error_that_names_it)
{
	const char *text;

	snprintf(ids_dir, sizeof ids_dir, "%s", ids_base);
	ids_write("file", "x", 1);
	snprintf(ids_dir, sizeof ids_dir, "%s/file", ids_base);
	text = ids_open_error();
	ck_assert_ptr_nonnull(strstr(text, ids_dir));
	ck_assert_ptr_nonnull(strstr(text, "Not a directory"));
	snprintf(ids_dir, sizeof ids_dir, "%s/file/below/it", ids_base);
	text = ids_open_error();
	ck_assert_ptr_nonnull(strstr(text, ids_dir));
	ck_assert_ptr_nonnull(strstr(text, "Not a directory"));
}
END_TEST

/* Rights do not hold root back, so root becomes nobody for it. */
START_TEST(a_directory_without_rights_is_an_error_that_names_it)
{
	bool root = geteuid() == 0;
	struct tt_error err = { "" }, above = { "" };
	struct tt_ids *ids, *below;
	char path[256];

	chmod(ids_base, 0755);
	mkdir(ids_dir, 0555);
	chmod(ids_dir, 0555);
	snprintf(path, sizeof path, "%s/below", ids_dir);
	if (root)
		ck_assert_int_eq(seteuid(65534), 0);
	ids = tt_ids_open(ids_dir, &err);
	below = tt_ids_open(path, &above);
	if (root)
		ck_assert_int_eq(seteuid(0), 0);
	ck_assert_ptr_null(ids);
	ck_assert_ptr_nonnull(strstr(err.text, ids_dir));
	ck_assert_ptr_nonnull(strstr(err.text, "Permission denied"));
	ck_assert_ptr_null(below);
	ck_assert_ptr_nonnull(strstr(above.text, path));
	ck_assert_ptr_nonnull(strstr(above.text, "Permission denied"));
}
END_TEST

static const char *const ids_damages[] = {
	"", "\n", "x", "SQLite format 3", "0", "4294967296\n",
	"taskthread numbers 1\nnext 12\n",
	"taskthread numbers 1\nnext 12\nsum 0000000000000000\n",
	"taskthread numbers 1\nnext -1\nsum 0000000000000000\n",
	"taskthread numbers 2\nnext 12\nsum 0000000000000000\n",
	"taskthread numbers 1\nnext 99999999999999999999999999999\nsum 0\n",
};

START_TEST(a_foreign_counter_is_refused_and_left_as_it_is)
{
	const char *damage = ids_damages[_i];
	char data[256];

	mkdir(ids_dir, 0750);
	ids_write(IDS_COUNTER, damage, strlen(damage));
	ck_assert_ptr_nonnull(strstr(ids_open_error(), ids_path(IDS_COUNTER)));
	ck_assert_uint_eq(ids_read(IDS_COUNTER, data, sizeof data), strlen(damage));
	ck_assert_int_eq(memcmp(data, damage, strlen(damage)), 0);
}
END_TEST

START_TEST(damage_of_any_byte_is_found)
{
	char data[256], damaged[256];
	size_t n;

	tt_ids_close(ids_open(4));
	n = ids_read(IDS_COUNTER, data, sizeof data);
	ck_assert_uint_gt(n, 40);
	for (size_t i = 0; i < n; i++) {
		memcpy(damaged, data, n);
		damaged[i] ^= 1;
		ids_write(IDS_COUNTER, damaged, n);
		ids_open_error();
		ids_write(IDS_COUNTER, data, i);	/* cut there */
		ids_open_error();
	}
	ids_write(IDS_COUNTER, data, n);
	tt_ids_close(ids_open(4));
}
END_TEST

START_TEST(a_counter_that_has_gone_is_not_begun_again)
{
	tt_ids_close(ids_open(4));
	unlink(ids_path(IDS_COUNTER));
	ck_assert_ptr_nonnull(strstr(ids_open_error(), "is missing"));
	ck_assert_ptr_nonnull(strstr(ids_open_error(), ids_path(IDS_COUNTER)));
	unlink(ids_path(IDS_LOCK));
	tt_ids_close(ids_open(4));
}
END_TEST

START_TEST(numbers_stay_below_their_end)
{
	struct tt_error err = { "" };
	struct tt_ids *ids;

	ids_begin_at(TT_ID_END - 3 * TT_ID_RANGE);
	ids = tt_ids_open(ids_dir, NULL);
	ck_assert_uint_eq(tt_ids_next(ids), TT_ID_END - 3 * TT_ID_RANGE);
	ck_assert_uint_eq(tt_ids_range(ids, &err), TT_ID_END - 2 * TT_ID_RANGE);
	tt_ids_close(ids);
	ids = tt_ids_open(ids_dir, NULL);
	ck_assert_uint_eq(tt_ids_next(ids), TT_ID_END - TT_ID_RANGE);
	ck_assert_uint_eq(tt_ids_range(ids, &err), 0);
	ck_assert_ptr_nonnull(strstr(err.text, "used up"));
	tt_ids_close(ids);
	ck_assert_ptr_nonnull(strstr(ids_open_error(), "used up"));
	ck_assert_ptr_nonnull(strstr(ids_open_error(), ids_dir));
}
END_TEST

/* --- taking ahead ----------------------------------------------------------- */

/* Turns until a message has been handled. */
static void
ids_turn(void)
{
	ck_assert_uint_eq(tt_test_wait(&ids_worker.inbox), 1);
}

static bool
ids_turns(void)
{
	return tt_test_sleep(&ids_worker.inbox, 0);
}

/* From here on the counter cannot be written: not even by root. */
static void
ids_break_disk(void)
{
	unlink(ids_path(IDS_COUNTER_NEW));
	ck_assert_int_eq(mkdir(ids_path(IDS_COUNTER_NEW), 0750), 0);
}

static void
ids_mend_disk(void)
{
	ck_assert_int_eq(rmdir(ids_path(IDS_COUNTER_NEW)), 0);
}

static void
ids_expect(struct tt_ids *ids, uint64_t from, uint64_t to)
{
	for (uint64_t i = from; i <= to; i++)
		ck_assert_uint_eq(tt_ids_next(ids), i);
}

START_TEST(the_next_range_is_taken_ahead_when_half_is_gone)
{
	struct tt_offload *offload = tt_offload_create(&ids_worker, "numbers");
	struct tt_ids *ids = ids_open(8);

	tt_ids_use(ids, offload);
	ids_expect(ids, 1, 3);
	ck_assert(!ids_turns());
	ids_expect(ids, 4, 4);
	ids_turn();
	/* It is there, so the disk is not asked at the end of this one. */
	ids_break_disk();
	ids_expect(ids, 5, 11);
	ids_mend_disk();
	ids_expect(ids, 12, 12);
	ids_turn();
	ids_expect(ids, 13, 19);
	tt_offload_destroy(offload, tt_ids_discard);
	tt_ids_close(ids);
}
END_TEST

/* The job's answer is not handled before its range is needed. */
START_TEST(a_range_that_is_not_there_in_time_is_taken_at_once)
{
	struct tt_offload *offload = tt_offload_create(&ids_worker, "numbers");
	struct tt_ids *ids = ids_open(8);
	bool used[64] = { false };

	tt_ids_use(ids, offload);
	for (int i = 0; i < 40; i++) {
		uint64_t number = tt_ids_next(ids);

		ck_assert_uint_lt(number, 64);
		ck_assert(number != 0 && !used[number]);
		used[number] = true;
		if (i == 20)
			ids_turn();
	}
	tt_offload_destroy(offload, tt_ids_discard);
	tt_ids_close(ids);
}
END_TEST

START_TEST(a_disk_that_fails_ahead_is_tried_again)
{
	struct tt_offload *offload = tt_offload_create(&ids_worker, "numbers");
	struct tt_ids *ids = ids_open(16);

	tt_ids_use(ids, offload);
	ids_break_disk();
	ids_expect(ids, 1, 8);
	ids_turn();
	ids_expect(ids, 9, 11);
	ck_assert(!ids_turns());	/* next when half of the rest is gone */
	ids_expect(ids, 12, 12);
	ids_turn();
	ids_mend_disk();
	ids_expect(ids, 13, 14);
	ids_turn();
	ids_break_disk();
	ids_expect(ids, 15, 31);
	ids_turn();
	ck_assert_uint_eq(tt_ids_next(ids), 0);
	ck_assert_uint_eq(tt_ids_next(ids), 0);
	ids_mend_disk();
	ids_expect(ids, 32, 32);
	tt_offload_destroy(offload, tt_ids_discard);
	tt_ids_close(ids);
}
END_TEST

/* A job that holds the offload until the test lets it go. */
struct ids_stopper {
	struct tt_job job;
	pthread_mutex_t mutex;
};

static void
ids_stopper_run(struct tt_job *job)
{
	struct ids_stopper *stopper = (struct ids_stopper *)job;

	pthread_mutex_lock(&stopper->mutex);
	pthread_mutex_unlock(&stopper->mutex);
}

static void
ids_stopper_finished(struct tt_job *job)
{
	(void)job;
}

/* The range is asked for by the old daemon: it must not meet the next one's. */
START_TEST(the_lock_is_held_until_the_last_job_is_over)
{
	struct tt_offload *offload = tt_offload_create(&ids_worker, "numbers");
	struct ids_stopper stopper = { .job.run = ids_stopper_run,
	    .job.finished = ids_stopper_finished,
	    .mutex = PTHREAD_MUTEX_INITIALIZER };
	struct tt_ids *ids = ids_open(8);

	pthread_mutex_lock(&stopper.mutex);
	tt_offload_submit(offload, &stopper.job);
	tt_ids_use(ids, offload);
	ids_expect(ids, 1, 4);
	tt_ids_close(ids);
	ck_assert_ptr_nonnull(strstr(ids_open_error(), "in use"));
	pthread_mutex_unlock(&stopper.mutex);
	for (size_t done = 0; done < 2;)
		done += tt_test_wait(&ids_worker.inbox);
	ids = ids_open(8);
	ids_expect(ids, 16, 16);
	tt_ids_close(ids);
	tt_offload_destroy(offload, tt_ids_discard);
}
END_TEST

Suite *
check_ids_suite(void)
{
	Suite *suite = suite_create("ids");
	TCase *tcase = tcase_create("ids");

	tcase_add_checked_fixture(tcase, ids_setup, ids_teardown);
	tcase_add_test(tcase, numbers_count_from_one);
	tcase_add_test(tcase, directories_that_are_missing_are_made);
	tcase_add_test(tcase, no_number_comes_again_over_restarts);
	tcase_add_test(tcase, no_number_comes_again_after_a_crash_at_any_moment);
	tcase_add_loop_test(tcase, half_a_new_counter_is_no_matter, 0, 5);
	tcase_add_test(tcase, a_second_daemon_is_told_who_has_the_directory);
	tcase_add_test(tcase, a_daemon_that_was_killed_leaves_no_lock);
	tcase_add_test(tcase, what_cannot_be_a_directory_is_an_error_that_names_it);
	tcase_add_test(tcase, a_directory_without_rights_is_an_error_that_names_it);
	tcase_add_loop_test(tcase, a_foreign_counter_is_refused_and_left_as_it_is, 0,
	    sizeof ids_damages / sizeof ids_damages[0]);
	tcase_add_test(tcase, damage_of_any_byte_is_found);
	tcase_add_test(tcase, a_counter_that_has_gone_is_not_begun_again);
	tcase_add_test(tcase, numbers_stay_below_their_end);
	tcase_add_test(tcase, the_next_range_is_taken_ahead_when_half_is_gone);
	tcase_add_test(tcase, a_range_that_is_not_there_in_time_is_taken_at_once);
	tcase_add_test(tcase, a_disk_that_fails_ahead_is_tried_again);
	tcase_add_test(tcase, the_lock_is_held_until_the_last_job_is_over);
	suite_add_tcase(suite, tcase);
	return suite;
}
