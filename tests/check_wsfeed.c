/* check_wsfeed.c - plugins/wsfeed.c */
#include "plugins/wsfeed.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

Suite *check_wsfeed_suite(void);

static struct tt_origin origin = { .connection = 7, .peer = "127.0.0.1:1" };
static struct tt_wsfeed feed;
static uint64_t position;		/* of the next frame */
static uint64_t refusals;

static void
count_refused(void *arg, const struct tt_wsitem *item, enum tt_wsformat_verdict verdict)
{
	(void)arg;
	(void)item;
	ck_assert_int_eq(verdict, TT_WS_TOO_LONG);
	refusals++;
}

static void
setup(void)
{
	memset(&feed, 0, sizeof feed);
	position = 100;
	refusals = 0;
}

/* Envelopes, which tell their position. */
static void
begin(enum tt_wsformat_batch batch, struct tt_wsfeed_limit limit)
{
	tt_wsformat_init(&feed.format, TT_WS_ENVELOPE, batch, false, 1 << 20, "g");
	feed.format.bare = true;
	feed.refused = count_refused;
	tt_wsfeed_init(&feed, &limit);
}

/* Adds N frames of SIZE bytes, each full of its position. */
static void
add(uint32_t n, uint32_t size)
{
	struct tt_batch *batch = calloc(1, sizeof *batch + n * sizeof batch->slices[0]);
	struct tt_wsspan span = { .batch = batch, .n = n, .position = position };

	batch->chunk = malloc(sizeof *batch->chunk + (size_t)n * size + 1);
	batch->origin = &origin;
	batch->first_seq = 1;
	for (uint32_t i = 0; i < n; i++, position++) {
		memset(batch->chunk->bytes + (size_t)i * size, (uint8_t)position, size);
		tt_batch_add(batch, i * size, size);
	}
	tt_wsfeed_add(&feed, &span, "data");
	free(batch->chunk);
	free(batch);
}

/* A viewer, who reads messages out of bytes that come in any pieces. */
struct viewer {
	struct tt_wsreader reader;
	uint64_t expected;		/* the least position that may come next */
	uint64_t frames, gaps;
	uint8_t *bytes;			/* a message under way */
	size_t used;
	uint64_t in, out, missed, refused;
};

static void
join(struct viewer *v)
{
	memset(v, 0, sizeof *v);
	v->bytes = malloc(1 << 21);
	tt_wsreader_join(&v->reader, &feed);
}

static void
count(struct viewer *v)
{
	struct tt_wsreader *r = &v->reader;

	v->in += r->in_frames;
	v->out += r->out_frames;
	v->missed += r->missed;
	v->refused += r->refused[TT_WS_TOO_LONG];
	r->in_frames = r->out_frames = r->missed = r->refused[TT_WS_TOO_LONG] = 0;
}

static void
leave(struct viewer *v)
{
	uint64_t waited = tt_wsreader_leave(&v->reader);

	count(v);
	ck_assert_uint_eq(v->in, v->out + v->missed + v->refused + waited);
	ck_assert_uint_ge(v->frames, v->out);
	free(v->bytes);
}

static uint64_t
number(const uint8_t *p, int n)
{
	uint64_t value = 0;

	while (n-- > 0)
		value = value << 8 | *p++;
	return value;
}

/* Each assertion costs a system call, and there are millions of bytes. */
static void
must(bool condition)
{
	if (!condition)
		ck_abort_msg("a message is not what it must be");
}

/* The envelopes of one message: positions follow each other. */
static void
look_into(struct viewer *v, const uint8_t *p, size_t size)
{
	const uint8_t *end = p + size;
	uint64_t at, n, before = 0;

	while (p < end) {
		n = number(p + 4, 4);
		at = number(p + 8, 8);
		must(at >= v->expected);
		must(before == 0 || at == before + 1);
		v->gaps += v->expected > 0 && at != v->expected;
		for (uint64_t i = 0; i < n; i++)
			must(p[40 + i] == (uint8_t)at);
		v->expected = at + 1;
		v->frames++;
		before = at;
		p += 40 + n;
	}
	must(p == end);
}

/* Takes up to SIZE bytes. */
static size_t
take(struct viewer *v, size_t size)
{
	struct iovec iov[4];
	int n = tt_wsreader_peek(&v->reader, iov, 4, 1 << 20);
	size_t sum = 0, head, payload, part;
	const uint8_t *at = v->bytes, *end;

	for (int i = 0; i < n && sum < size; i++) {
		part = iov[i].iov_len < size - sum ? iov[i].iov_len : size - sum;
		memcpy(v->bytes + v->used, iov[i].iov_base, part);
		v->used += part;
		sum += part;
	}
	tt_wsreader_take(&v->reader, sum);
	count(v);
	end = at + v->used;
	while (end - at >= 10) {
		head = (at[1] & 0x7f) == 127 ? 10 : (at[1] & 0x7f) == 126 ? 4 : 2;
		payload = head == 2 ? at[1] : number(at + 2, (int)head - 2);
		must(at[0] == 0x82);
		if ((size_t)(end - at) < head + payload)
			break;
		look_into(v, at + head, payload);
		at += head + payload;
	}
	v->used = (size_t)(end - at);
	memmove(v->bytes, at, v->used);
	return sum;
}

static void
take_all(struct viewer *v)
{
	while (take(v, 1 << 20) > 0)
		continue;
	ck_assert(tt_wsreader_is_at_end(&v->reader));
}

START_TEST(all_viewers_get_the_same_pages)
{
	struct viewer a, b;
	struct iovec one, other;

	begin(TT_WS_NONE, (struct tt_wsfeed_limit){ .bytes = 1 << 20 });
	join(&a);
	join(&b);
	ck_assert(!tt_wsfeed_flush(&feed));
	add(10, 50);
	ck_assert_int_eq(tt_wsreader_peek(&a.reader, &one, 1, 1), 0);
	ck_assert(tt_wsfeed_flush(&feed));
	ck_assert_int_eq(tt_wsreader_peek(&a.reader, &one, 1, 1), 1);
	ck_assert_int_eq(tt_wsreader_peek(&b.reader, &other, 1, 1), 1);
	ck_assert_ptr_eq(one.iov_base, other.iov_base);
	take_all(&a);
	take_all(&b);
	ck_assert_uint_eq(a.frames, 10);
	ck_assert_uint_eq(b.out, 10);
	leave(&a);
	leave(&b);
	tt_wsfeed_finish(&feed);
}
END_TEST

START_TEST(who_joins_gets_what_comes_from_then_on)
{
	struct viewer a, b;

	begin(TT_WS_LENGTH, (struct tt_wsfeed_limit){ .bytes = 1 << 20 });
	add(5, 10);
	ck_assert(!tt_wsfeed_flush(&feed));	/* there is nobody */
	join(&a);
	add(5, 10);
	join(&b);
	add(5, 10);
	tt_wsfeed_flush(&feed);
	take_all(&a);
	take_all(&b);
	ck_assert_uint_eq(a.frames, 10);
	ck_assert_uint_eq(b.frames, 5);
	leave(&a);
	leave(&b);
	ck_assert_uint_eq(feed.kept, 0);
	tt_wsfeed_finish(&feed);
}
END_TEST

START_TEST(the_last_frames_come_on_joining_and_no_more_than_that)
{
	struct viewer v;

	begin(TT_WS_LENGTH, (struct tt_wsfeed_limit){ .bytes = 1 << 20, .last = 3 });
	for (uint32_t sum = 0, n = 0; n < 6; sum += n++) {
		add(n, 20);
		join(&v);
		take_all(&v);
		ck_assert_uint_eq(v.frames, sum + n < 3 ? sum + n : 3);
		if (v.frames > 0)
			ck_assert_uint_eq(v.expected, position);
		/* And behind them what comes next, without a gap. */
		add(1, 20);
		sum++;
		tt_wsfeed_flush(&feed);
		take_all(&v);
		ck_assert_uint_eq(v.gaps, 0);
		ck_assert_uint_eq(v.expected, position);
		leave(&v);
	}
	tt_wsfeed_finish(&feed);
}
END_TEST

START_TEST(the_last_frames_keep_to_the_limit_of_bytes)
{
	struct viewer v;

	begin(TT_WS_NONE, (struct tt_wsfeed_limit){ .bytes = 10000, .last = 1000 });
	add(500, 1000);
	ck_assert_uint_le(feed.last_kept, 10000);
	join(&v);
	take_all(&v);
	ck_assert_uint_gt(v.frames, 5);
	ck_assert_uint_lt(v.frames, 11);
	ck_assert_uint_eq(v.expected, position);
	leave(&v);
	tt_wsfeed_finish(&feed);
}
END_TEST

START_TEST(who_is_slow_misses_the_oldest_and_it_is_counted)
{
	struct viewer v;

	begin(TT_WS_NONE, (struct tt_wsfeed_limit){ .bytes = 100000 });
	join(&v);
	for (int i = 0; i < 100; i++) {
		add(1, 10000);
		tt_wsfeed_flush(&feed);
		ck_assert_uint_le(feed.kept, 100000);
	}
	take_all(&v);
	ck_assert_uint_eq(v.frames, 9);
	ck_assert_uint_eq(v.missed, 91);
	ck_assert_uint_eq(v.in, 100);
	ck_assert_uint_eq(v.expected, position);
	leave(&v);
	tt_wsfeed_finish(&feed);
}
END_TEST

START_TEST(a_limit_of_frames_holds_as_well)
{
	struct viewer v;

	begin(TT_WS_NONE, (struct tt_wsfeed_limit){ .bytes = 1 << 20, .frames = 10 });
	join(&v);
	for (int i = 0; i < 100; i++) {
		add(2, 10);
		tt_wsfeed_flush(&feed);
	}
	take_all(&v);
	ck_assert_uint_eq(v.frames, 10);
	ck_assert_uint_eq(v.missed, 190);
	leave(&v);
	tt_wsfeed_finish(&feed);
}
END_TEST

START_TEST(a_page_that_is_under_way_is_sent_to_its_end)
{
	struct viewer v;

	begin(TT_WS_NONE, (struct tt_wsfeed_limit){ .bytes = 50000 });
	join(&v);
	add(1, 10000);
	tt_wsfeed_flush(&feed);
	ck_assert_uint_eq(take(&v, 5000), 5000);
	ck_assert(tt_wsreader_is_within(&v.reader));
	add(20, 10000);
	tt_wsfeed_flush(&feed);
	ck_assert(tt_wsreader_is_straying(&v.reader));
	ck_assert_uint_gt(feed.stray, 10000);
	ck_assert(!tt_wsfeed_is_crowded(&feed));
	take_all(&v);
	ck_assert_uint_eq(feed.stray, 0);
	ck_assert_uint_eq(v.gaps, 1);
	ck_assert_uint_eq(v.frames + v.missed, 21);
	leave(&v);
	tt_wsfeed_finish(&feed);
}
END_TEST

START_TEST(what_cannot_be_sent_is_counted_for_each)
{
	struct viewer a, b;

	begin(TT_WS_NONE, (struct tt_wsfeed_limit){ .bytes = 1 << 20 });
	join(&a);
	join(&b);
	add(1, 10);
	add(1, 2 << 20);
	add(1, 10);
	tt_wsfeed_flush(&feed);
	take_all(&a);
	ck_assert_uint_eq(refusals, 1);
	ck_assert_uint_eq(a.frames, 2);
	ck_assert_uint_eq(a.refused, 1);
	ck_assert_uint_eq(a.in, 3);
	leave(&a);
	leave(&b);			/* without a look, too */
	ck_assert_uint_eq(b.refused, 1);
	tt_wsfeed_finish(&feed);
}
END_TEST

/* Many, who come, go, read and stop reading, in an order of chance. */
START_TEST(whatever_viewers_do_all_frames_are_accounted_for)
{
	static struct viewer viewers[20];
	bool here[20] = { false };
	unsigned seed = (unsigned)_i * 7919 + 1;

	begin(_i % 2 == 0 ? TT_WS_NONE : TT_WS_LENGTH, (struct tt_wsfeed_limit){
	    .bytes = 60000, .last = (uint64_t)(_i % 3) * 4 });
	for (int step = 0; step < 4000; step++) {
		unsigned dice = (seed = seed * 1103515245 + 12345) >> 16;
		unsigned who = dice % 20, what = dice / 20 % 8;

		if (what == 0) {
			if (here[who])
				leave(&viewers[who]);
			else
				join(&viewers[who]);
			here[who] = !here[who];
		} else if (what <= 2) {
			add(1 + dice % 30, dice % 900);
		} else if (what == 3) {
			tt_wsfeed_flush(&feed);
			ck_assert_uint_le(feed.kept, 100000);
		} else if (here[who] && who > 3) {
			take(&viewers[who], what == 4 ? 1 << 20 : dice % 700);
		}
	}
	for (int i = 0; i < 20; i++)
		if (here[i])
			leave(&viewers[i]);
	ck_assert_uint_eq(feed.stray, 0);
	ck_assert_uint_eq(feed.kept, 0);
	tt_wsfeed_finish(&feed);
}
END_TEST

Suite *
check_wsfeed_suite(void)
{
	Suite *s = suite_create("wsfeed");
	TCase *t = tcase_create("wsfeed");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, all_viewers_get_the_same_pages);
	tcase_add_test(t, who_joins_gets_what_comes_from_then_on);
	tcase_add_test(t, the_last_frames_come_on_joining_and_no_more_than_that);
	tcase_add_test(t, the_last_frames_keep_to_the_limit_of_bytes);
	tcase_add_test(t, who_is_slow_misses_the_oldest_and_it_is_counted);
	tcase_add_test(t, a_limit_of_frames_holds_as_well);
	tcase_add_test(t, a_page_that_is_under_way_is_sent_to_its_end);
	tcase_add_test(t, what_cannot_be_sent_is_counted_for_each);
	tcase_add_loop_test(t, whatever_viewers_do_all_frames_are_accounted_for, 0, 12);
	suite_add_tcase(s, t);
	return s;
}
