/* bench.h - what load, sink, checker and reference share: the clock, a payload that
 * tells where it is from, and the books over what came.
 *
 * A payload begins with "@", the device in 8, its number in 8 and the time in 16
 * hexadecimal digits: 33 bytes at least.  The time is CLOCK_REALTIME, in ns, when
 * the load made the frame. */
#ifndef TT_BENCH_H
#define TT_BENCH_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BENCH_PAYLOAD_MIN 33
#define BENCH_DEVICES_MAX (1u << 20)

static inline uint64_t
bench_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static inline double
bench_seconds(uint64_t from, uint64_t to)
{
	return to > from ? (double)(to - from) / 1e9 : 0;
}

static inline void
bench_die(const char *what)
{
	perror(what);
	exit(1);
}

static inline void *
bench_alloc(void *old, size_t n)
{
	void *p = realloc(old, n);

	if (p == NULL)
		bench_die("realloc");
	return p;
}

/* --- the payload ------------------------------------------------------------ */

struct bench_id {
	uint32_t device, seq;
	uint64_t time;
};

static inline void
bench_put_hex(uint8_t *p, uint64_t v, int digits)
{
	for (int i = digits - 1; i >= 0; i--, v >>= 4)
		p[i] = (uint8_t)"0123456789abcdef"[v & 15];
}

static inline bool
bench_get_hex(const uint8_t *p, int digits, uint64_t *out)
{
	uint64_t v = 0;
	bool bad = false;

	for (int i = 0; i < digits; i++) {
		unsigned c = p[i];

		bad |= !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'));
		v = v << 4 | ((c & 15) + 9 * (c >> 6));
	}
	*out = v;
	return !bad;
}

static inline bool
bench_parse(const uint8_t *p, size_t n, struct bench_id *id)
{
	uint64_t device, seq;

	if (n < BENCH_PAYLOAD_MIN || p[0] != '@' || !bench_get_hex(p + 1, 8, &device) ||
	    !bench_get_hex(p + 9, 8, &seq) || !bench_get_hex(p + 17, 16, &id->time) ||
	    device >= BENCH_DEVICES_MAX)
		return false;
	id->device = (uint32_t)device;
	id->seq = (uint32_t)seq;
	return true;
}

/* --- the books -------------------------------------------------------------- */

/* Latencies fall in buckets of 1/32 of their size. */
#define BENCH_SUB 32
#define BENCH_BUCKETS (64 * BENCH_SUB)

struct bench_device {
	uint64_t *seen;			/* a bit for each number */
	size_t words;
	uint32_t next;			/* one beyond the largest number */
};

struct bench_books {
	uint64_t frames, unique, twice, late, bad, messages;
	uint64_t first_send, first_receipt, last_receipt;
	struct bench_device *device;
	size_t n_devices;
	uint64_t latency[BENCH_BUCKETS], latency_max;
};

static inline unsigned
bench_bucket(uint64_t v)
{
	unsigned e;

	if (v < BENCH_SUB)
		return (unsigned)v;
	e = 63u - (unsigned)__builtin_clzll(v);
	return (e - 4) * BENCH_SUB + (unsigned)((v >> (e - 5)) & (BENCH_SUB - 1));
}

static inline uint64_t
bench_bucket_low(unsigned b)
{
	unsigned e;

	if (b < BENCH_SUB)
		return b;
	e = b / BENCH_SUB + 4;
	return (UINT64_C(1) << e) + ((uint64_t)(b % BENCH_SUB) << (e - 5));
}

static inline struct bench_device *
bench_device(struct bench_books *b, const struct bench_id *id)
{
	struct bench_device *d;
	size_t word = id->seq / 64;

	if (id->device >= b->n_devices) {
		size_t want = (id->device | 255u) + 1;

		b->device = bench_alloc(b->device, want * sizeof *b->device);
		memset(b->device + b->n_devices, 0,
		    (want - b->n_devices) * sizeof *b->device);
		b->n_devices = want;
	}
	d = &b->device[id->device];
	if (word >= d->words) {
		size_t want = word < 16 ? 16 : word * 2;

		d->seen = bench_alloc(d->seen, want * 8);
		memset(d->seen + d->words, 0, (want - d->words) * 8);
		d->words = want;
	}
	return d;
}

/* One frame came, at NOW; 0 leaves latency out. */
static inline void
bench_account(struct bench_books *b, const uint8_t *p, size_t n, uint64_t now)
{
	struct bench_device *d;
	struct bench_id id;
	uint64_t bit;

	if (!bench_parse(p, n, &id)) {
		b->bad++;
		return;
	}
	b->frames++;
	d = bench_device(b, &id);
	bit = UINT64_C(1) << (id.seq % 64);
	if (d->seen[id.seq / 64] & bit) {
		b->twice++;
	} else {
		d->seen[id.seq / 64] |= bit;
		b->unique++;
		b->late += id.seq < d->next;
	}
	if (id.seq >= d->next)
		d->next = id.seq + 1;
	if (b->first_send == 0 || id.time < b->first_send)
		b->first_send = id.time;
	if (now != 0) {
		uint64_t latency = now > id.time ? now - id.time : 0;

		b->latency[bench_bucket(latency)]++;
		if (latency > b->latency_max)
			b->latency_max = latency;
		if (b->first_receipt == 0)
			b->first_receipt = now;
		b->last_receipt = now;
	}
}

/* In us. */
static inline double
bench_quantile(const struct bench_books *b, double q)
{
	uint64_t total = 0, run = 0;

	for (unsigned i = 0; i < BENCH_BUCKETS; i++)
		total += b->latency[i];
	for (unsigned i = 0; i < BENCH_BUCKETS; i++) {
		run += b->latency[i];
		if (run > 0 && (double)run >= q * (double)total)
			return (double)bench_bucket_low(i) / 1e3;
	}
	return 0;
}

/* Against EXPECT, or at least the gaps below each device's largest number. */
static inline uint64_t
bench_missing(const struct bench_books *b, uint64_t expect)
{
	uint64_t high = 0;

	for (size_t i = 0; i < b->n_devices; i++)
		high += b->device[i].next;
	return (expect > high ? expect : high) - b->unique;
}

/* --- frames on a stream ----------------------------------------------------- */

enum bench_framing { BENCH_NONE, BENCH_LENGTH, BENCH_NEWLINE };

static inline enum bench_framing
bench_framing(const char *word)
{
	if (strcmp(word, "length") == 0)
		return BENCH_LENGTH;
	if (strcmp(word, "newline") == 0)
		return BENCH_NEWLINE;
	fprintf(stderr, "framing is length or newline, not %s\n", word);
	exit(2);
}

typedef void bench_frame_fn(const uint8_t *p, size_t n);

/* Calls TAKE for each whole frame in the N bytes at P; returns the bytes used. */
static inline size_t
bench_split(enum bench_framing framing, const uint8_t *p, size_t n, bench_frame_fn *take)
{
	size_t at = 0;

	if (framing == BENCH_NEWLINE) {
		const uint8_t *end;

		while (at < n && (end = memchr(p + at, '\n', n - at)) != NULL) {
			size_t length = (size_t)(end - (p + at));

			take(p + at, length);
			at += length + 1;
		}
	} else {
		while (n - at >= 4) {
			uint32_t length;

			memcpy(&length, p + at, 4);
			length = __builtin_bswap32(length);
			if (n - at - 4 < length)
				break;
			take(p + at + 4, length);
			at += 4 + (size_t)length;
		}
	}
	return at;
}

/* --- bench.c ----------------------------------------------------------------- */

/* CPU seconds of this process so far, user and system. */
double bench_cpu_seconds(void);

/* Listens on 127.0.0.1:PORT (0: any), says so on standard error, and returns the
 * socket, non-blocking. */
int bench_listen(unsigned port);

/* SIGTERM and SIGINT set it. */
extern volatile sig_atomic_t bench_stop;
void bench_stop_on_signals(void);

#endif
