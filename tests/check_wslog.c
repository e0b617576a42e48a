/* check_wslog.c - plugins/wslog.c */
#include "plugins/wslog.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "config/node.h"
#include "daemon/batch.h"
#include "daemon/memory.h"

Suite *check_wslog_suite(void);

static unsigned confirmed;

static void
count_confirmed(struct tt_wslog *log)
{
	(void)log;
	confirmed++;
}

static struct tt_memory memory = { .limit = INT64_MAX };
static struct tt_origin *origin;
static struct tt_batch *batches_made[1 << 16];

static void
setup(void)
{
	static const struct tt_node node = { .path = "MasterThread/S" };

	origin = tt_origin_create(&memory, &node, 1, "peer", "local");
}

/* Batch I, as it was appended. */
static const struct tt_batch *
batch(unsigned i)
{
	return batches_made[i];
}

/* A batch of N frames with BYTES in all, the last having the rest. */
static struct tt_batch *
make(uint32_t n, uint64_t bytes)
{
	struct tt_chunk *chunk = n == 0 ? NULL : tt_chunk_create(origin, (uint32_t)bytes);
	struct tt_batch *b = tt_batch_create(origin, chunk, n);
	uint32_t at = 0, length;

	for (uint32_t i = 0; i < n; i++) {
		length = i + 1 < n ? (uint32_t)bytes / n : (uint32_t)bytes - at;
		tt_batch_add(b, at, length);
		at += length;
	}
	if (chunk != NULL)
		tt_chunk_unref(chunk);
	return b;
}

/* Appends batch I. */
static void
append(struct tt_wslog *log, unsigned i, uint32_t channel, uint32_t n, uint64_t bytes)
{
	if (batches_made[i] != NULL)
		tt_batch_unref(batches_made[i]);
	batches_made[i] = make(n, bytes);
	tt_wslog_append(log, batches_made[i], channel, n, bytes);
}

static void
teardown(void)
{
	for (unsigned i = 0; i < sizeof batches_made / sizeof *batches_made; i++)
		if (batches_made[i] != NULL)
			tt_batch_unref(batches_made[i]);
	memset(batches_made, 0, sizeof batches_made);
	tt_origin_unref(origin);
	tt_batch_trim_free_lists();
	ck_assert_int_eq(memory.used, 0);
}

/* Takes N frames of SPAN, which is the next; returns how many were fresh. */
static uint64_t
took(struct tt_wscursor *c, const struct tt_wsspan *span, uint32_t n)
{
	uint64_t bytes = 0, fresh_bytes, fresh;

	for (uint32_t i = 0; i < n; i++)
		bytes += span->batch->slices[span->at + i].length;
	fresh = tt_wscursor_take(c, span, n, bytes, &fresh_bytes);
	ck_assert(fresh < n || fresh_bytes == bytes);
	ck_assert(fresh > 0 || fresh_bytes == 0);
	return fresh;
}

static void
start(struct tt_wslog *log)
{
	confirmed = 0;
	tt_wslog_init(log, 1000);
	log->confirmed = count_confirmed;
}

/* Takes up to MAX frames from the next span, which must begin at POSITION. */
static uint32_t
take(struct tt_wscursor *c, uint64_t position, uint32_t max)
{
	struct tt_wsspan span;
	uint32_t n;

	ck_assert(tt_wscursor_peek(c, &span));
	ck_assert_uint_eq(span.position, position);
	n = span.n < max ? span.n : max;
	took(c, &span, n);
	return n;
}

START_TEST(without_a_cursor_everything_is_released)
{
	struct tt_wslog log;

	start(&log);
	append(&log, 1, 0, 3, 30);
	append(&log, 2, 0, 0, 0);
	ck_assert_uint_eq(tt_wslog_release(&log), 2);
	ck_assert_uint_eq(tt_wslog_release(&log), 0);
	ck_assert_uint_eq(log.next, 1003);
	tt_wslog_finish(&log);
}
END_TEST

START_TEST(spans_have_consecutive_positions)
{
	struct tt_wslog log;
	struct tt_wscursor c;
	struct tt_wsspan span;

	start(&log);
	tt_wscursor_attach(&c, &log);
	ck_assert(!tt_wscursor_peek(&c, &span));
	append(&log, 1, 0, 3, 30);
	append(&log, 2, 1, 0, 0);
	append(&log, 3, 2, 2, 20);
	ck_assert_uint_eq(tt_wscursor_behind(&c), 5);

	ck_assert(tt_wscursor_peek(&c, &span));
	ck_assert_ptr_eq(span.batch, batch(1));
	ck_assert_uint_eq(span.at, 0);
	ck_assert_uint_eq(span.n, 3);
	ck_assert_uint_eq(span.position, 1000);
	ck_assert_uint_eq(took(&c, &span, 1), 1);
	ck_assert(tt_wscursor_peek(&c, &span));
	ck_assert_uint_eq(span.at, 1);
	ck_assert_uint_eq(span.n, 2);
	ck_assert_uint_eq(span.position, 1001);
	took(&c, &span, 2);
	ck_assert(tt_wscursor_peek(&c, &span));
	ck_assert_ptr_eq(span.batch, batch(3));
	ck_assert_uint_eq(span.channel, 2);
	ck_assert_uint_eq(span.position, 1003);
	took(&c, &span, 2);
	ck_assert(!tt_wscursor_peek(&c, &span));
	ck_assert_uint_eq(tt_wscursor_behind(&c), 0);
	tt_wslog_finish(&log);
}
END_TEST

START_TEST(a_batch_is_released_when_all_of_it_is_confirmed)
{
	struct tt_wslog log;
	struct tt_wscursor c;

	start(&log);
	tt_wscursor_attach(&c, &log);
	append(&log, 1, 0, 3, 30);
	append(&log, 2, 0, 2, 24);
	take(&c, 1000, 3);
	take(&c, 1003, 2);
	ck_assert(tt_wscursor_is_waiting(&c));

	tt_wscursor_confirm(&c, 1002);
	ck_assert_uint_eq(confirmed, 1);
	ck_assert_uint_eq(tt_wslog_release(&log), 0);
	tt_wscursor_confirm(&c, 1004);
	ck_assert_uint_eq(confirmed, 2);
	ck_assert_uint_eq(tt_wslog_release(&log), 1);
	ck_assert_uint_eq(c.out_frames, 3);
	ck_assert_uint_eq(c.out_bytes, 30);
	tt_wscursor_confirm(&c, 1005);
	ck_assert_uint_eq(tt_wslog_release(&log), 1);
	ck_assert_uint_eq(c.out_frames, 5);
	ck_assert_uint_eq(c.out_bytes, 54);
	ck_assert(!tt_wscursor_is_waiting(&c));
	tt_wslog_finish(&log);
}
END_TEST

START_TEST(an_empty_batch_is_done_with_those_before_it)
{
	struct tt_wslog log;
	struct tt_wscursor c;

	start(&log);
	tt_wscursor_attach(&c, &log);
	append(&log, 1, 0, 0, 0);
	ck_assert_uint_eq(tt_wslog_release(&log), 1);
	append(&log, 2, 0, 1, 1);
	append(&log, 3, 0, 0, 0);
	ck_assert_uint_eq(tt_wslog_release(&log), 0);
	take(&c, 1000, 1);
	tt_wscursor_confirm(&c, 1001);
	ck_assert_uint_eq(tt_wslog_release(&log), 2);
	tt_wslog_finish(&log);
}
END_TEST

START_TEST(the_slowest_cursor_keeps_the_log)
{
	struct tt_wslog log;
	struct tt_wscursor fast, slow;

	start(&log);
	tt_wscursor_attach(&fast, &log);
	tt_wscursor_attach(&slow, &log);
	append(&log, 1, 0, 2, 2);
	append(&log, 2, 0, 2, 2);
	take(&fast, 1000, 2);
	take(&fast, 1002, 2);
	tt_wscursor_confirm(&fast, 1004);
	ck_assert_uint_eq(tt_wslog_release(&log), 0);
	take(&slow, 1000, 2);
	tt_wscursor_confirm(&slow, 1002);
	ck_assert_uint_eq(tt_wslog_release(&log), 1);
	tt_wscursor_detach(&slow);
	ck_assert_uint_eq(tt_wslog_release(&log), 1);
	tt_wslog_finish(&log);
}
END_TEST

START_TEST(a_new_cursor_begins_at_the_end)
{
	struct tt_wslog log;
	struct tt_wscursor c;
	struct tt_wsspan span;

	start(&log);
	append(&log, 1, 0, 2, 2);
	tt_wscursor_attach(&c, &log);
	ck_assert(!tt_wscursor_peek(&c, &span));
	ck_assert_uint_eq(c.seen, 1002);
	ck_assert_uint_eq(tt_wslog_release(&log), 1);
	append(&log, 2, 0, 1, 1);
	take(&c, 1002, 1);
	tt_wslog_finish(&log);
}
END_TEST

START_TEST(what_was_not_confirmed_is_sent_again)
{
	struct tt_wslog log;
	struct tt_wscursor c;

	start(&log);
	tt_wscursor_attach(&c, &log);
	append(&log, 1, 0, 4, 4);
	append(&log, 2, 0, 4, 4);
	take(&c, 1000, 4);
	take(&c, 1004, 2);
	tt_wscursor_confirm(&c, 1003);
	tt_wscursor_rewind(&c);
	ck_assert(!tt_wscursor_is_waiting(&c));
	ck_assert_uint_eq(tt_wscursor_behind(&c), 5);
	ck_assert_uint_eq(take(&c, 1003, 4), 1);

	/* Of the second batch, two were sent before. */
	struct tt_wsspan span;
	ck_assert(tt_wscursor_peek(&c, &span));
	ck_assert_uint_eq(span.position, 1004);
	ck_assert_uint_eq(took(&c, &span, 4), 2);
	tt_wscursor_confirm(&c, 1008);
	ck_assert_uint_eq(tt_wslog_release(&log), 2);
	ck_assert_uint_eq(c.out_frames, 8);
	tt_wscursor_rewind(&c);
	ck_assert(!tt_wscursor_peek(&c, &span));
	tt_wslog_finish(&log);
}
END_TEST

START_TEST(a_confirmation_behind_or_beyond_changes_nothing)
{
	struct tt_wslog log;
	struct tt_wscursor c;

	start(&log);
	tt_wscursor_attach(&c, &log);
	append(&log, 1, 0, 4, 4);
	take(&c, 1000, 2);
	tt_wscursor_confirm(&c, 1003);
	ck_assert_uint_eq(c.confirmed, 1000);
	tt_wscursor_confirm(&c, 1002);
	tt_wscursor_confirm(&c, 1001);
	tt_wscursor_confirm(&c, 5);
	ck_assert_uint_eq(c.confirmed, 1002);
	take(&c, 1002, 2);
	tt_wslog_finish(&log);
}
END_TEST

START_TEST(a_late_confirmation_saves_sending_again)
{
	struct tt_wslog log;
	struct tt_wscursor c;

	start(&log);
	tt_wscursor_attach(&c, &log);
	append(&log, 1, 0, 2, 2);
	append(&log, 2, 0, 0, 0);
	append(&log, 3, 0, 4, 4);
	take(&c, 1000, 2);
	take(&c, 1002, 4);
	tt_wscursor_rewind(&c);
	take(&c, 1000, 1);
	tt_wscursor_confirm(&c, 1004);		/* sent on the connection before */
	ck_assert_uint_eq(tt_wslog_release(&log), 2);
	ck_assert_uint_eq(take(&c, 1004, 9), 2);
	tt_wscursor_confirm(&c, 1006);
	ck_assert_uint_eq(tt_wslog_release(&log), 1);
	tt_wslog_finish(&log);
}
END_TEST

START_TEST(what_is_passed_over_is_confirmed_with_what_went_before)
{
	struct tt_wslog log;
	struct tt_wscursor c;
	struct tt_wsspan span;

	start(&log);
	tt_wscursor_attach(&c, &log);
	append(&log, 1, 0, 3, 30);
	ck_assert(tt_wscursor_peek(&c, &span));
	ck_assert_uint_eq(tt_wscursor_pass(&c, 1), 1);
	ck_assert_uint_eq(c.confirmed, 1001);	/* nothing before it waits */
	take(&c, 1001, 1);
	ck_assert(tt_wscursor_peek(&c, &span));
	ck_assert_uint_eq(tt_wscursor_pass(&c, 1), 1);
	ck_assert_uint_eq(c.confirmed, 1001);
	ck_assert_uint_eq(tt_wslog_release(&log), 0);

	/* Again on the next connection, but counted once. */
	tt_wscursor_rewind(&c);
	take(&c, 1001, 1);
	ck_assert(tt_wscursor_peek(&c, &span));
	ck_assert_uint_eq(tt_wscursor_pass(&c, 1), 0);
	tt_wscursor_confirm(&c, 1002);
	ck_assert_uint_eq(c.confirmed, 1003);
	ck_assert_uint_eq(tt_wslog_release(&log), 1);
	ck_assert_uint_eq(c.out_frames, 1);
	ck_assert_uint_eq(c.out_bytes, 10);
	tt_wslog_finish(&log);
}
END_TEST

START_TEST(the_oldest_can_be_dropped)
{
	struct tt_wslog log;
	struct tt_wscursor fast, slow, away;
	struct tt_wsspan span;

	start(&log);
	tt_wscursor_attach(&fast, &log);
	tt_wscursor_attach(&slow, &log);
	tt_wscursor_attach(&away, &log);
	append(&log, 1, 0, 4, 4);
	append(&log, 2, 0, 3, 3);
	take(&fast, 1000, 4);
	take(&fast, 1004, 2);
	tt_wscursor_confirm(&fast, 1004);
	take(&slow, 1000, 1);
	ck_assert(tt_wscursor_peek(&slow, &span));
	tt_wscursor_pass(&slow, 1);
	take(&slow, 1002, 1);
	tt_wscursor_confirm(&slow, 1001);

	ck_assert_uint_eq(tt_wslog_drop(&log), 4);
	ck_assert_uint_eq(fast.lost_frames, 0);
	ck_assert_uint_eq(slow.lost_frames, 1);
	ck_assert_uint_eq(away.lost_frames, 0);
	ck_assert_uint_eq(take(&fast, 1006, 9), 1);
	ck_assert(!tt_wscursor_is_waiting(&slow));
	ck_assert_uint_eq(take(&slow, 1004, 9), 3);
	tt_wscursor_rewind(&away);
	ck_assert_uint_eq(take(&away, 1004, 1), 1);
	tt_wscursor_confirm(&fast, 1007);
	tt_wscursor_confirm(&slow, 1007);
	tt_wscursor_confirm(&away, 1005);
	ck_assert_uint_eq(tt_wslog_release(&log), 0);
	ck_assert_uint_eq(tt_wslog_drop(&log), 2);
	ck_assert_uint_eq(fast.out_frames, 7);
	ck_assert_uint_eq(slow.out_frames, 4);
	ck_assert_uint_eq(away.out_frames, 1);
	ck_assert_uint_eq(away.lost_frames, 0);
	ck_assert(!tt_wscursor_peek(&away, &span));
	ck_assert_uint_eq(tt_wslog_release(&log), 0);
	append(&log, 3, 0, 1, 1);
	take(&away, 1007, 1);
	tt_wslog_finish(&log);
}
END_TEST

/* A model that keeps every frame by itself, against ten thousand random steps. */
START_TEST(a_long_random_life_agrees_with_a_simple_model)
{
	enum { FRAMES = 1 << 16, CURSORS = 3 };
	struct tt_wslog log;
	struct tt_wscursor c[CURSORS];
	uint64_t sent[CURSORS], conf[CURSORS], seen[CURSORS], out[CURSORS] = { 0 };
	static uint8_t passed[CURSORS][FRAMES];
	static uint64_t first[FRAMES];
	uint64_t batches = 0, released = 0, next = 0;
	struct tt_wsspan span;

	memset(passed, 0, sizeof passed);
	srand(_i + 1);
	start(&log);
	log.next = 0;
	for (int k = 0; k < CURSORS; k++) {
		tt_wscursor_attach(&c[k], &log);
		sent[k] = conf[k] = seen[k] = 0;
	}
	for (int step = 0; step < 20000; step++) {
		int k = rand() % CURSORS, n = rand() % 7;

		switch (rand() % 6) {
		case 0:
			if (next + 7 > FRAMES || batches + 1 >= FRAMES)
				break;
			first[batches++] = next;
			append(&log, (unsigned)batches, 0, (uint32_t)n, (uint64_t)n);
			next += (uint64_t)n;
			break;
		case 1:
		case 2:
		case 3:
			if (!tt_wscursor_peek(&c[k], &span)) {
				ck_assert_uint_eq(sent[k], next);
				break;
			}
			ck_assert_uint_eq(span.position, sent[k]);
			if ((uint32_t)n > span.n)
				n = (int)span.n;
			/* What is passed over is so by its nature: every seventh. */
			for (int i = 0; i < n; i++) {
				if (sent[k] % 7 == (uint64_t)k) {
					tt_wscursor_pass(&c[k], 1);
					passed[k][sent[k]] = 1;
					if (conf[k] == sent[k])
						conf[k]++;
				} else {
					took(&c[k], &span, 1);
				}
				span.at++;
				sent[k]++;
				if (sent[k] > seen[k])
					seen[k] = sent[k];
			}
			break;
		case 4:
			if (seen[k] > conf[k]) {
				uint64_t to = conf[k] + 1 +
				    (uint64_t)rand() % (seen[k] - conf[k]);

				tt_wscursor_confirm(&c[k], to);
				conf[k] = to;
				if (sent[k] < to)
					sent[k] = to;
			}
			break;
		case 5:
			if (rand() % 10 == 0) {
				tt_wscursor_rewind(&c[k]);
				sent[k] = conf[k];
			}
			break;
		}
		/* The model: what was passed over at the edge is confirmed too. */
		for (k = 0; k < CURSORS; k++) {
			uint64_t p = conf[k];

			while (p < sent[k] && passed[k][p])
				p++;
			if (p == sent[k])
				conf[k] = p;
			ck_assert_uint_eq(c[k].sent, sent[k]);
			ck_assert_uint_eq(c[k].confirmed, conf[k]);
			ck_assert_uint_eq(c[k].seen, seen[k]);
		}
		uint64_t least = conf[0];
		for (k = 1; k < CURSORS; k++)
			if (conf[k] < least)
				least = conf[k];
		released += tt_wslog_release(&log);
		ck_assert(released == batches || first[released] +
		    (released + 1 < batches ? first[released + 1] : next) -
		    first[released] > least);
		ck_assert(released == 0 ||
		    (released < batches ? first[released] : next) <= least);
	}
	/* To the end: every frame that was not passed over is counted once. */
	for (int k = 0; k < CURSORS; k++) {
		uint64_t n = 0;

		while (tt_wscursor_peek(&c[k], &span)) {
			if (span.position % 7 == (uint64_t)k) {
				tt_wscursor_pass(&c[k], 1);
				passed[k][span.position] = 1;
			} else {
				took(&c[k], &span, 1);
			}
		}
		tt_wscursor_confirm(&c[k], next);
		for (uint64_t p = 0; p < next; p++)
			n += !passed[k][p];
		out[k] = c[k].out_frames;
		ck_assert_uint_eq(out[k], n);
		ck_assert_uint_eq(c[k].out_bytes, n);
	}
	released += tt_wslog_release(&log);
	ck_assert_uint_eq(released, batches);
	tt_wslog_finish(&log);
}
END_TEST

/* --- with a disk ---------------------------------------------------------- */

static struct tt_wscursor *starving;

static void
note_starved(struct tt_wslog *log, struct tt_wscursor *c)
{
	(void)log;
	ck_assert_ptr_null(starving);
	starving = c;
}

/* Answers what C asked for: a batch of N frames at FIRST, and where to read on. */
static void
feed(struct tt_wscursor *c, uint64_t first, uint32_t n, uint64_t next)
{
	struct tt_wssegment *s = n == 0 ? NULL : calloc(1, sizeof *s);

	if (s != NULL) {
		s->batch = make(n, n);
		s->first = first;
	}
	starving = NULL;
	tt_wscursor_feed(c, c->generation, s, next);
}

static void
start_with_disk(struct tt_wslog *log)
{
	start(log);
	log->starved = note_starved;
	starving = NULL;
	tt_wslog_stored(log, 1000);
}

START_TEST(what_is_on_disk_is_done_and_held_while_there_is_room)
{
	struct tt_wslog log;
	struct tt_wscursor fast, slow;

	start_with_disk(&log);
	tt_wscursor_attach(&fast, &log);
	tt_wscursor_attach(&slow, &log);
	append(&log, 1, 0, 4, 40);
	append(&log, 2, 0, 4, 40);
	ck_assert_uint_eq(tt_wslog_release(&log), 0);
	tt_wslog_stored(&log, 1004);
	ck_assert_uint_eq(tt_wslog_release(&log), 1);
	ck_assert_int_eq(log.held, tt_batch_cost(batch(1)));
	ck_assert(batch(1)->chunk->released);
	ck_assert_int_eq(origin->held, batch(2)->chunk->size);
	take(&fast, 1000, 4);
	tt_wscursor_confirm(&fast, 1004);
	ck_assert_uint_eq(tt_wslog_release(&log), 0);
	ck_assert_int_gt(log.held, 0);		/* the slow one wants it */
	take(&slow, 1000, 4);
	tt_wscursor_confirm(&slow, 1004);
	ck_assert_uint_eq(tt_wslog_release(&log), 0);
	ck_assert_int_eq(log.held, 0);
	ck_assert_uint_eq(log.head, 1);
	tt_wslog_finish(&log);
}
END_TEST

START_TEST(what_was_evicted_is_read_from_disk)
{
	struct tt_wslog log;
	struct tt_wscursor c;
	struct tt_wsspan span;

	start_with_disk(&log);
	tt_wscursor_attach(&c, &log);
	append(&log, 1, 0, 4, 4);
	append(&log, 2, 0, 4, 4);
	append(&log, 3, 0, 4, 4);
	tt_wslog_stored(&log, 1008);
	ck_assert_uint_eq(tt_wslog_release(&log), 2);
	tt_wslog_evict(&log, 0);
	ck_assert_int_eq(log.held, 0);
	ck_assert(!tt_wscursor_peek(&c, &span));
	ck_assert_ptr_eq(starving, &c);
	ck_assert(!tt_wscursor_peek(&c, &span));	/* asked once */
	feed(&c, 1000, 4, 1004);
	ck_assert_uint_eq(take(&c, 1000, 9), 4);	/* and it reads ahead */
	ck_assert_ptr_eq(starving, &c);
	feed(&c, 1004, 4, 1008);
	ck_assert_uint_eq(take(&c, 1004, 9), 4);
	ck_assert_uint_eq(take(&c, 1008, 9), 4);	/* in memory */
	ck_assert(!tt_wscursor_peek(&c, &span));
	tt_wscursor_confirm(&c, 1012);
	ck_assert_uint_eq(c.out_frames, 12);
	ck_assert_uint_eq(tt_wslog_release(&log), 1);
	tt_wslog_finish(&log);
}
END_TEST

START_TEST(a_saved_cursor_reads_what_it_has_missed_and_skips_what_is_not_there)
{
	struct tt_wslog log;
	struct tt_wscursor c;
	struct tt_wsspan span;

	start_with_disk(&log);
	tt_wscursor_attach_at(&c, &log, 500);
	ck_assert(!tt_wscursor_peek(&c, &span));
	ck_assert_uint_eq(c.read_next, 500);
	feed(&c, 600, 3, 603);			/* a start lies in between */
	ck_assert_uint_eq(take(&c, 600, 9), 3);
	feed(&c, 0, 0, 1000);			/* nothing behind it */
	ck_assert(!tt_wscursor_peek(&c, &span));
	append(&log, 1, 0, 1, 1);
	ck_assert_uint_eq(take(&c, 1000, 9), 1);
	/* The end of the log at the start may be acknowledged, but nothing beyond. */
	ck_assert_uint_eq(c.legal, 1001);
	tt_wscursor_confirm(&c, 1001);
	ck_assert_uint_eq(c.out_frames, 4);
	ck_assert_uint_eq(c.lost_frames, 0);
	tt_wslog_finish(&log);
}
END_TEST

START_TEST(what_comes_late_from_the_disk_is_for_nobody)
{
	struct tt_wslog log;
	struct tt_wscursor c;
	struct tt_wsspan span;
	struct tt_wssegment *s = calloc(1, sizeof *s);
	unsigned generation;

	start_with_disk(&log);
	tt_wscursor_attach_at(&c, &log, 900);
	ck_assert(!tt_wscursor_peek(&c, &span));
	generation = c.generation;
	tt_wscursor_rewind(&c);
	starving = NULL;
	s->batch = make(2, 2);
	s->first = 900;
	tt_wscursor_feed(&c, generation, s, 902);
	ck_assert_ptr_null(c.segments);
	ck_assert_uint_eq(c.read_next, 900);
	ck_assert(!tt_wscursor_peek(&c, &span));
	feed(&c, 900, 2, 902);
	ck_assert_uint_eq(take(&c, 900, 1), 1);
	tt_wscursor_rewind(&c);			/* drops what was read */
	starving = NULL;
	ck_assert(!tt_wscursor_peek(&c, &span));
	ck_assert_uint_eq(c.read_next, 900);
	feed(&c, 900, 2, 902);
	ck_assert(tt_wscursor_peek(&c, &span));
	ck_assert_uint_eq(took(&c, &span, 2), 1);	/* one for the first time */
	tt_wslog_finish(&log);
}
END_TEST

START_TEST(what_the_disk_has_lost_nobody_waits_for)
{
	struct tt_wslog log;
	struct tt_wscursor c;
	struct tt_wsspan span;

	start_with_disk(&log);
	tt_wscursor_attach_at(&c, &log, 900);
	ck_assert(!tt_wscursor_peek(&c, &span));
	feed(&c, 900, 10, 910);
	take(&c, 900, 4);
	tt_wslog_lose(&log, 0, 950);
	ck_assert_uint_eq(c.lost_frames, 4);
	ck_assert_uint_eq(c.confirmed, 950);
	ck_assert_uint_eq(c.sent, 950);
	ck_assert(!tt_wscursor_is_waiting(&c));
	starving = NULL;
	c.reading = false;
	ck_assert(!tt_wscursor_peek(&c, &span));
	ck_assert_uint_eq(c.read_next, 950);
	tt_wslog_finish(&log);
}
END_TEST

Suite *
check_wslog_suite(void)
{
	Suite *suite = suite_create("wslog");
	TCase *tcase = tcase_create("wslog");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, what_is_on_disk_is_done_and_held_while_there_is_room);
	tcase_add_test(tcase, what_was_evicted_is_read_from_disk);
	tcase_add_test(tcase,
	    a_saved_cursor_reads_what_it_has_missed_and_skips_what_is_not_there);
	tcase_add_test(tcase, what_comes_late_from_the_disk_is_for_nobody);
	tcase_add_test(tcase, what_the_disk_has_lost_nobody_waits_for);
	tcase_add_test(tcase, without_a_cursor_everything_is_released);
	tcase_add_test(tcase, spans_have_consecutive_positions);
	tcase_add_test(tcase, a_batch_is_released_when_all_of_it_is_confirmed);
	tcase_add_test(tcase, an_empty_batch_is_done_with_those_before_it);
	tcase_add_test(tcase, the_slowest_cursor_keeps_the_log);
	tcase_add_test(tcase, a_new_cursor_begins_at_the_end);
	tcase_add_test(tcase, what_was_not_confirmed_is_sent_again);
	tcase_add_test(tcase, a_confirmation_behind_or_beyond_changes_nothing);
	tcase_add_test(tcase, a_late_confirmation_saves_sending_again);
	tcase_add_test(tcase, what_is_passed_over_is_confirmed_with_what_went_before);
	tcase_add_test(tcase, the_oldest_can_be_dropped);
	tcase_add_loop_test(tcase, a_long_random_life_agrees_with_a_simple_model, 0, 10);
	suite_add_tcase(suite, tcase);
	return suite;
}
