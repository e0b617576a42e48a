/* load.c - many devices in one process: opens connections to 127.0.0.1 and sends
 * numbered frames on each, flat out or at a rate, or only holds them open.
 *
 * It never blocks, so what the system under test holds back counts as latency. */
#include "tests/bench/bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

struct load_conn {
	int fd;
	uint32_t device, seq;		/* the next number to make */
	uint8_t *rest;			/* made, but not yet taken by the kernel */
	size_t rest_size, rest_room;
	bool done, closed, armed;
};

static unsigned load_port, load_n = 1, load_size = 64;
static uint64_t load_frames = 1000;	/* of each connection */
static enum bench_framing load_framing = BENCH_LENGTH;
static double load_rate, load_hold, load_patience = 30;
static size_t load_chunk = 65536;
static uint32_t load_split_min, load_split_max;
static uint64_t load_random = UINT64_C(88172645463325252);

static struct load_conn *load_conns;
static uint8_t *load_buffer, *load_template;
static size_t load_frame_size, load_payload_at;
static uint64_t load_sent, load_bytes;
static unsigned load_closed, load_early;
static int load_epoll;

static uint64_t
load_next_random(void)
{
	load_random ^= load_random << 13;
	load_random ^= load_random >> 7;
	load_random ^= load_random << 17;
	return load_random;
}

/* One frame without its identity. */
static void
load_make_template(void)
{
	uint8_t *p;

	load_payload_at = load_framing == BENCH_LENGTH ? 4 : 0;
	load_frame_size = load_size + (load_framing == BENCH_LENGTH ? 4 : 1);
	load_template = bench_alloc(NULL, load_frame_size);
	if (load_framing == BENCH_LENGTH) {
		uint32_t size = htonl(load_size);

		memcpy(load_template, &size, 4);
	} else {
		load_template[load_frame_size - 1] = '\n';
	}
	p = load_template + load_payload_at;
	p[0] = '@';
	for (size_t i = BENCH_PAYLOAD_MIN; i < load_size; i++)
		p[i] = (uint8_t)('a' + i % 26);
}

/* The next K frames of C, all of this moment. */
static void
load_build(const struct load_conn *c, uint8_t *to, size_t k)
{
	uint8_t time[16], device[8];

	bench_put_hex(time, bench_now(), 16);
	bench_put_hex(device, c->device, 8);
	for (size_t i = 0; i < k; i++, to += load_frame_size) {
		uint8_t *p = to + load_payload_at;

		memcpy(to, load_template, load_frame_size);
		memcpy(p + 1, device, 8);
		bench_put_hex(p + 9, c->seq + (uint32_t)i, 8);
		memcpy(p + 17, time, 16);
	}
}

static void
load_drop(struct load_conn *c)
{
	load_early += !c->done;
	c->closed = c->done = true;
	load_closed++;
	close(c->fd);
}

/* Returns how many of the N bytes the kernel took. */
static size_t
load_push(struct load_conn *c, const uint8_t *p, size_t n)
{
	size_t at = 0;

	while (at < n) {
		size_t want = n - at;
		ssize_t r;

		if (load_split_max != 0) {
			size_t w = load_split_min + load_next_random() %
			    (load_split_max - load_split_min + 1);

			if (w < want)
				want = w;
		}
		r = send(c->fd, p + at, want, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (r < 0) {
			if (errno != EAGAIN && errno != EINTR)
				load_drop(c);
			break;
		}
		at += (size_t)r;
		load_bytes += (uint64_t)r;
		if ((size_t)r < want)
			break;
	}
	return at;
}

static void
load_keep(struct load_conn *c, const uint8_t *p, size_t n)
{
	if (c->rest_size + n > c->rest_room) {
		c->rest_room = (c->rest_size + n) * 2;
		c->rest = bench_alloc(c->rest, c->rest_room);
	}
	memcpy(c->rest + c->rest_size, p, n);
	c->rest_size += n;
}

/* True once nothing is kept. */
static bool
load_flush(struct load_conn *c)
{
	size_t at;

	if (c->rest_size == 0)
		return true;
	at = load_push(c, c->rest, c->rest_size);
	if (c->closed)
		return false;
	memmove(c->rest, c->rest + at, c->rest_size - at);
	c->rest_size -= at;
	return c->rest_size == 0;
}

static void
load_arm(struct load_conn *c, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = c };

	epoll_ctl(load_epoll, EPOLL_CTL_MOD, c->fd, &e);
}

static void
load_finish(struct load_conn *c)
{
	if (c->done)
		return;
	c->done = true;
	shutdown(c->fd, SHUT_WR);
	load_arm(c, EPOLLIN);
}

/* Flat out: fills the socket once, and keeps one partial frame at most. */
static void
load_fill(struct load_conn *c)
{
	uint64_t left = load_frames - c->seq;
	size_t k = load_chunk / load_frame_size, at, whole, part;

	if (!load_flush(c))
		return;
	if (left == 0) {
		load_finish(c);
		return;
	}
	if (k > left)
		k = (size_t)left;
	load_build(c, load_buffer, k);
	at = load_push(c, load_buffer, k * load_frame_size);
	if (c->closed)
		return;
	whole = at / load_frame_size;
	part = at % load_frame_size;
	if (part != 0) {
		load_keep(c, load_buffer + at, load_frame_size - part);
		whole++;
	}
	c->seq += (uint32_t)whole;
	load_sent += whole;
}

/* What comes back is thrown away. */
static void
load_read(struct load_conn *c)
{
	static uint8_t junk[65536];
	ssize_t r = recv(c->fd, junk, sizeof junk, MSG_DONTWAIT);

	if (r > 0 || (r < 0 && errno == EAGAIN))
		return;
	load_drop(c);
}

static void
load_poll(int ms)
{
	struct epoll_event events[512];
	int n = epoll_wait(load_epoll, events, 512, ms);

	for (int i = 0; i < n; i++) {
		struct load_conn *c = events[i].data.ptr;

		if (!c->closed && (events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)))
			load_read(c);
		if (c->closed || c->done || !(events[i].events & EPOLLOUT))
			continue;
		if (load_rate <= 0) {
			load_fill(c);
		} else if (load_flush(c)) {
			c->armed = false;
			load_arm(c, EPOLLIN);
		}
	}
}

static void
load_send_one(struct load_conn *c)
{
	size_t at;

	load_build(c, load_buffer, 1);
	c->seq++;
	load_sent++;
	if (c->rest_size != 0) {
		load_keep(c, load_buffer, load_frame_size);
		return;
	}
	at = load_push(c, load_buffer, load_frame_size);
	if (c->closed || at == load_frame_size)
		return;
	load_keep(c, load_buffer + at, load_frame_size - at);
	if (!c->armed) {
		c->armed = true;
		load_arm(c, EPOLLIN | EPOLLOUT);
	}
}

/* At load_rate frames a second over all connections. */
static void
load_run_rate(void)
{
	uint64_t total = load_frames * load_n, start = bench_now(), k = 0, give_up;

	while (k < total && load_closed < load_n) {
		uint64_t due = (uint64_t)(bench_seconds(start, bench_now()) * load_rate) + 1;
		uint64_t next, now;

		if (due > total)
			due = total;
		for (; k < due; k++)
			if (!load_conns[k % load_n].closed)
				load_send_one(&load_conns[k % load_n]);
		load_poll(0);
		next = start + (uint64_t)((double)k * 1e9 / load_rate);
		now = bench_now();
		if (next > now) {
			uint64_t ns = next - now;
			struct timespec ts = { 0, ns > 999999999 ? 999999999 : (long)ns };

			nanosleep(&ts, NULL);
		}
	}
	give_up = bench_now() + (uint64_t)(load_patience * 1e9);
	for (unsigned i = 0; i < load_n; i++) {
		while (!load_conns[i].closed && load_conns[i].rest_size != 0 &&
		    bench_now() < give_up)
			load_poll(10);
		if (!load_conns[i].closed)
			load_finish(&load_conns[i]);
	}
}

static void
load_run_flat(void)
{
	unsigned undone = load_n;

	while (undone > 0) {
		load_poll(100);
		undone = 0;
		for (unsigned i = 0; i < load_n; i++)
			undone += !load_conns[i].done;
	}
}

/* Says when all are open, and holds them until it is told to end. */
static void
load_run_hold(uint64_t since)
{
	fprintf(stderr, "%u connections are open\n", load_n);
	while (!bench_stop && bench_seconds(since, bench_now()) < load_hold &&
	    load_closed < load_n)
		load_poll(50);
	for (unsigned i = 0; i < load_n; i++)
		if (!load_conns[i].closed)
			load_finish(&load_conns[i]);
}

static void
load_connect(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)load_port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	uint32_t events = load_rate > 0 || load_hold > 0 ? EPOLLIN : EPOLLIN | EPOLLOUT;

	load_epoll = epoll_create1(0);
	for (unsigned i = 0; i < load_n; i++) {
		struct load_conn *c = &load_conns[i];
		struct epoll_event e = { .events = events, .data.ptr = c };
		int one = 1;

		c->device = i;
		c->fd = socket(AF_INET, SOCK_STREAM, 0);
		if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&sa, sizeof sa) != 0)
			bench_die("connect");
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		fcntl(c->fd, F_SETFL, O_NONBLOCK);
		epoll_ctl(load_epoll, EPOLL_CTL_ADD, c->fd, &e);
	}
}

static void
load_usage(void)
{
	fprintf(stderr, "usage: load --port P [--conns N] [--frames M] [--size BYTES]\n"
	    "  [--framing length|newline] [--rate TOTAL_PER_SECOND] [--split MIN:MAX]\n"
	    "  [--hold SECONDS] [--patience SECONDS]\n");
	exit(2);
}

static void
load_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "port", 1, NULL, 'p' }, { "conns", 1, NULL, 'c' },
		{ "frames", 1, NULL, 'n' }, { "size", 1, NULL, 's' },
		{ "framing", 1, NULL, 'f' }, { "rate", 1, NULL, 'r' },
		{ "split", 1, NULL, 'x' }, { "hold", 1, NULL, 'h' },
		{ "patience", 1, NULL, 't' }, { 0 }
	};
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (o) {
		case 'p': load_port = (unsigned)atoi(optarg); break;
		case 'c': load_n = (unsigned)atoi(optarg); break;
		case 'n': load_frames = strtoull(optarg, NULL, 0); break;
		case 's': load_size = (unsigned)atoi(optarg); break;
		case 'f': load_framing = bench_framing(optarg); break;
		case 'r': load_rate = atof(optarg); break;
		case 'x':
			if (sscanf(optarg, "%u:%u", &load_split_min, &load_split_max) != 2 ||
			    load_split_min == 0 || load_split_max < load_split_min)
				load_usage();
			break;
		case 'h': load_hold = atof(optarg); break;
		case 't': load_patience = atof(optarg); break;
		default: load_usage();
		}
	}
	if (load_port == 0 || load_n == 0 || load_n > BENCH_DEVICES_MAX ||
	    load_size < BENCH_PAYLOAD_MIN || load_frames >= UINT32_MAX)
		load_usage();
}

int
main(int argc, char **argv)
{
	struct rlimit files;
	uint64_t opened, sent, closed;

	load_options(argc, argv);
	bench_stop_on_signals();
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < load_n + 64) {
		files.rlim_cur = load_n + 64;
		if (files.rlim_max < files.rlim_cur)
			files.rlim_max = files.rlim_cur;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	load_make_template();
	if (load_chunk < load_frame_size)
		load_chunk = load_frame_size;
	load_buffer = bench_alloc(NULL, load_chunk);
	load_conns = bench_alloc(NULL, load_n * sizeof *load_conns);
	memset(load_conns, 0, load_n * sizeof *load_conns);
	load_connect();
	opened = bench_now();
	if (load_hold > 0)
		load_run_hold(opened);
	else if (load_rate > 0)
		load_run_rate();
	else
		load_run_flat();
	sent = bench_now();
	while (load_closed < load_n && bench_seconds(sent, bench_now()) < load_patience)
		load_poll(20);
	closed = bench_now();
	printf("{\"frames\":%llu,\"bytes\":%llu,\"seconds\":%.6f,\"close_seconds\":%.6f,"
	    "\"closed\":%u,\"closed_early\":%u,\"cpu_seconds\":%.3f}\n",
	    (unsigned long long)load_sent, (unsigned long long)load_bytes,
	    bench_seconds(opened, sent), bench_seconds(sent, closed), load_closed,
	    load_early, bench_cpu_seconds());
	return 0;
}
