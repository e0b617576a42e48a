/* check_inbox.c - messages to a worker from other OS threads. */
#include <check.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "daemon/inbox.h"
#include "tests/wait.h"

Suite *check_inbox_suite(void);

#define INBOX_SENDERS 4
#define INBOX_EACH 5000

/* How often its worker was woken since the last look. */
static uint64_t
inbox_wakes(const struct tt_inbox *inbox)
{
	uint64_t n;

	return read(inbox->fd, &n, sizeof n) == sizeof n ? n : 0;
}

/* Appends VALUE to the text SUBJECT, as a letter. */
static void
inbox_append(void *subject, uint64_t value, void *more)
{
	char *text = subject;
	size_t n = strlen(text);

	(void)more;
	text[n] = (char)value;
	text[n + 1] = '\0';
}

static void
inbox_post(struct tt_inbox *inbox, char *text, char letter)
{
	tt_inbox_post(inbox, (struct tt_message){
	    .handle = inbox_append, .subject = text, .value = (uint64_t)letter });
}

START_TEST(messages_are_handled_in_order)
{
	struct tt_inbox inbox;
	char text[64] = "";

	ck_assert_int_eq(tt_inbox_init(&inbox, NULL), 0);
	for (char c = 'a'; c <= 'z'; c++)
		inbox_post(&inbox, text, c);
	ck_assert_uint_eq(tt_inbox_handle(&inbox), 26);
	ck_assert_str_eq(text, "abcdefghijklmnopqrstuvwxyz");
	ck_assert_uint_eq(tt_inbox_handle(&inbox), 0);
	tt_inbox_finish(&inbox);
}
END_TEST

START_TEST(a_burst_wakes_a_sleeper_once)
{
	struct tt_inbox inbox;
	char text[64] = "";

	ck_assert_int_eq(tt_inbox_init(&inbox, NULL), 0);
	for (int i = 0; i < 3; i++) {
		ck_assert(tt_inbox_sleep(&inbox));
		ck_assert_uint_eq(inbox_wakes(&inbox), 0);
		inbox_post(&inbox, text, 'x');
		inbox_post(&inbox, text, 'y');
		ck_assert_uint_eq(inbox_wakes(&inbox), 1);
		tt_inbox_awake(&inbox);
		ck_assert_uint_eq(tt_inbox_handle(&inbox), 2);
	}
	tt_inbox_finish(&inbox);
}
END_TEST

START_TEST(who_does_not_sleep_is_not_woken)
{
	struct tt_inbox inbox;
	char text[64] = "";

	ck_assert_int_eq(tt_inbox_init(&inbox, NULL), 0);
	inbox_post(&inbox, text, 'x');
	ck_assert_uint_eq(inbox_wakes(&inbox), 0);
	ck_assert(!tt_inbox_sleep(&inbox));
	inbox_post(&inbox, text, 'y');
	ck_assert_uint_eq(inbox_wakes(&inbox), 0);
	ck_assert_uint_eq(tt_inbox_handle(&inbox), 2);
	ck_assert(tt_inbox_sleep(&inbox));
	tt_inbox_finish(&inbox);
}
END_TEST

/* More than a block of them, by both ways in turn. */
START_TEST(an_outbox_keeps_the_order_and_gets_its_blocks_back)
{
	struct tt_spares spares = { NULL, NULL };
	struct tt_outbox outbox = { NULL };
	struct tt_inbox inbox;
	char text[256];
	size_t n, sent;

	ck_assert_int_eq(tt_inbox_init(&inbox, NULL), 0);
	for (n = 1; n < 200; n += 13) {
		text[0] = '\0';
		ck_assert(tt_inbox_sleep(&inbox));
		for (sent = 0; sent < n; sent++)
			tt_outbox_add(&outbox, &spares, &inbox, (struct tt_message){
			    .handle = inbox_append, .subject = text,
			    .value = 'a' + sent % 26 });
		tt_outbox_flush(&outbox, &inbox);
		tt_outbox_flush(&outbox, &inbox);
		ck_assert_uint_eq(inbox_wakes(&inbox), 1);
		tt_inbox_awake(&inbox);
		ck_assert_uint_eq(tt_inbox_handle(&inbox), n);
		ck_assert_uint_eq(strlen(text), n);
		for (sent = 0; sent < n; sent++)
			ck_assert_int_eq(text[sent], (int)('a' + sent % 26));
		ck_assert(spares.kept != NULL || spares.returned != NULL);
	}
	tt_spares_trim(&spares);
	tt_inbox_finish(&inbox);
}
END_TEST

static void
inbox_post_again(void *subject, uint64_t value, void *more)
{
	struct tt_inbox *inbox = subject;

	tt_inbox_post(inbox, (struct tt_message){
	    .handle = inbox_append, .subject = more, .value = value });
}

START_TEST(what_a_handler_posts_is_handled_the_next_time)
{
	struct tt_inbox inbox;
	char text[64] = "";

	ck_assert_int_eq(tt_inbox_init(&inbox, NULL), 0);
	tt_inbox_post(&inbox, (struct tt_message){
	    inbox_post_again, &inbox, 'b', text });
	inbox_post(&inbox, text, 'a');
	ck_assert_uint_eq(tt_inbox_handle(&inbox), 2);
	ck_assert_str_eq(text, "a");
	ck_assert(!tt_inbox_sleep(&inbox));
	ck_assert_uint_eq(tt_inbox_handle(&inbox), 1);
	ck_assert_str_eq(text, "ab");
	tt_inbox_finish(&inbox);
}
END_TEST

static void
inbox_forget_other(void *subject, uint64_t value, void *more)
{
	(void)value;
	tt_inbox_forget(subject, more);
}

START_TEST(a_forgotten_subject_is_not_touched)
{
	struct tt_inbox inbox;
	char kept[64] = "", gone[64] = "";

	ck_assert_int_eq(tt_inbox_init(&inbox, NULL), 0);
	inbox_post(&inbox, gone, 'a');
	inbox_post(&inbox, kept, 'b');
	tt_inbox_forget(&inbox, gone);
	tt_inbox_handle(&inbox);
	ck_assert_str_eq(gone, "");
	ck_assert_str_eq(kept, "b");

	/* From a handler, for a message of the same burst and for the next. */
	tt_inbox_post(&inbox, (struct tt_message){
	    inbox_post_again, &inbox, 'c', gone });
	tt_inbox_post(&inbox, (struct tt_message){
	    inbox_forget_other, &inbox, 0, gone });
	inbox_post(&inbox, gone, 'd');
	inbox_post(&inbox, kept, 'e');
	tt_inbox_handle(&inbox);
	tt_inbox_handle(&inbox);
	ck_assert_str_eq(gone, "");
	ck_assert_str_eq(kept, "be");
	tt_inbox_finish(&inbox);
}
END_TEST

START_TEST(what_was_never_prepared_may_be_finished)
{
	struct tt_inbox inbox;

	memset(&inbox, 0, sizeof inbox);
	tt_inbox_finish(&inbox);
	ck_assert_int_eq(tt_inbox_init(&inbox, NULL), 0);
	tt_inbox_finish(&inbox);
	tt_inbox_finish(&inbox);
}
END_TEST

struct inbox_sender {
	struct tt_inbox *inbox;
	pthread_t os_thread;
	uint64_t next;			/* the loop's: what comes next from here */
	bool gathers;
	struct tt_spares spares;
};

static void
inbox_count(void *subject, uint64_t value, void *more)
{
	struct inbox_sender *sender = subject;

	(void)more;
	ck_assert_uint_eq(value, sender->next);
	sender->next++;
}

/* One in two gathers. */
static void *
inbox_send(void *arg)
{
	struct inbox_sender *sender = arg;
	struct tt_outbox outbox = { NULL };
	struct tt_message m = { .handle = inbox_count, .subject = sender };

	for (m.value = 0; m.value < INBOX_EACH; m.value++) {
		if (!sender->gathers) {
			tt_inbox_post(sender->inbox, m);
			continue;
		}
		tt_outbox_add(&outbox, &sender->spares, sender->inbox, m);
		if (m.value % 7 == 0)
			tt_outbox_flush(&outbox, sender->inbox);
	}
	tt_outbox_flush(&outbox, sender->inbox);
	return NULL;
}

START_TEST(all_that_many_senders_post_arrives_in_order_for_each)
{
	struct inbox_sender senders[INBOX_SENDERS];
	struct tt_inbox inbox;
	size_t n = 0;

	ck_assert_int_eq(tt_inbox_init(&inbox, NULL), 0);
	for (int i = 0; i < INBOX_SENDERS; i++) {
		senders[i] = (struct inbox_sender){ .inbox = &inbox,
		    .gathers = i % 2 == 0 };
		ck_assert_int_eq(pthread_create(&senders[i].os_thread, NULL,
		    inbox_send, &senders[i]), 0);
	}
	/* A lost wake-up would stand here for ever. */
	while (n < INBOX_SENDERS * INBOX_EACH)
		n += tt_test_wait(&inbox);
	for (int i = 0; i < INBOX_SENDERS; i++) {
		pthread_join(senders[i].os_thread, NULL);
		ck_assert_uint_eq(senders[i].next, INBOX_EACH);
		tt_spares_trim(&senders[i].spares);
	}
	ck_assert_uint_eq(n, INBOX_SENDERS * INBOX_EACH);
	ck_assert_uint_eq(tt_inbox_handle(&inbox), 0);
	tt_inbox_finish(&inbox);
}
END_TEST

Suite *
check_inbox_suite(void)
{
	Suite *suite = suite_create("inbox");
	TCase *tcase = tcase_create("inbox");

	tcase_add_test(tcase, messages_are_handled_in_order);
	tcase_add_test(tcase, a_burst_wakes_a_sleeper_once);
	tcase_add_test(tcase, who_does_not_sleep_is_not_woken);
	tcase_add_test(tcase, an_outbox_keeps_the_order_and_gets_its_blocks_back);
	tcase_add_test(tcase, what_a_handler_posts_is_handled_the_next_time);
	tcase_add_test(tcase, a_forgotten_subject_is_not_touched);
	tcase_add_test(tcase, what_was_never_prepared_may_be_finished);
	tcase_add_test(tcase, all_that_many_senders_post_arrives_in_order_for_each);
	suite_add_tcase(suite, tcase);
	return suite;
}
