/* crowd.c - devices that are a burden: many that come and go, send rubbish, send a byte
 * now and then, or vanish without a word.
 *
 *     connect   so many connects a second; each sends one frame and hangs up
 *     garbage   the same, with random bytes, until it is closed
 *     dribble   so many connections, each with a byte of a frame a second
 *     vanish    so many connections, which are gone without a FIN (needs root)
 *
 * They come from 127.0.0.2 and the addresses behind it, since one address has too few
 * ports for all that linger in TIME_WAIT. */
#include "tests/bench/bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define CROWD_ADDRESSES 200
#define CROWD_GARBAGE 65536

struct crowd_conn {
	int fd;				/* -1: free */
	bool connected;
	struct crowd_conn *next_free;
};

enum crowd_mode { CROWD_CONNECT, CROWD_GARBAGE_SENT, CROWD_DRIBBLE, CROWD_VANISH };
static const char *const crowd_modes[] = { "connect", "garbage", "dribble", "vanish" };

static enum crowd_mode crowd_mode;
static unsigned crowd_port, crowd_n = 1000;
static double crowd_rate = 2000, crowd_seconds = 10;

static struct crowd_conn *crowd_conns, *crowd_free;
static uint8_t crowd_bytes[CROWD_GARBAGE];
static uint64_t crowd_connects, crowd_failed, crowd_ended;
static unsigned crowd_open;
static int crowd_epoll;

static void
crowd_end(struct crowd_conn *c)
{
	close(c->fd);
	c->fd = -1;
	c->next_free = crowd_free;
	crowd_free = c;
	crowd_open--;
	crowd_ended++;
}

/* Begins a connection of the next address. */
static void
crowd_begin(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	struct epoll_event e = { .events = EPOLLOUT };
	struct crowd_conn *c = crowd_free;
	int one = 1;

	if (c == NULL)
		return;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		bench_die("socket");
	crowd_free = c->next_free;
	c->connected = false;
	crowd_open++;
	setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
	sa.sin_addr.s_addr = htonl(0x7f000002 +
	    (uint32_t)(crowd_connects++ % CROWD_ADDRESSES));
	if (bind(c->fd, (struct sockaddr *)&sa, sizeof sa) != 0)
		bench_die("bind");
	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sa.sin_port = htons((uint16_t)crowd_port);
	if (connect(c->fd, (struct sockaddr *)&sa, sizeof sa) != 0 &&
	    errno != EINPROGRESS) {
		crowd_failed++;
		crowd_end(c);
		return;
	}
	e.data.ptr = c;
	epoll_ctl(crowd_epoll, EPOLL_CTL_ADD, c->fd, &e);
}

/* Closed in repair mode a socket says nothing to its peer. */
static void
crowd_vanish(struct crowd_conn *c)
{
	int on = 1;

	if (setsockopt(c->fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof on) != 0)
		bench_die("TCP_REPAIR");
	crowd_end(c);
}

/* C has connected: its first words. */
static void
crowd_speak(struct crowd_conn *c)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
	static const uint8_t frame[] = "\0\0\0\004crow";

	c->connected = true;
	epoll_ctl(crowd_epoll, EPOLL_CTL_MOD, c->fd, &e);
	switch (crowd_mode) {
	case CROWD_CONNECT:
		(void)!send(c->fd, frame, 8, MSG_NOSIGNAL);
		shutdown(c->fd, SHUT_WR);
		break;
	case CROWD_GARBAGE_SENT:
		(void)!send(c->fd, crowd_bytes, sizeof crowd_bytes, MSG_NOSIGNAL);
		break;
	case CROWD_DRIBBLE:
		break;
	case CROWD_VANISH:
		crowd_vanish(c);
		break;
	}
}

static void
crowd_event(struct crowd_conn *c, uint32_t events)
{
	uint8_t junk[4096];
	ssize_t r;

	if (c->fd < 0)
		return;
	if (!c->connected && (events & (EPOLLERR | EPOLLHUP)) != 0) {
		crowd_failed++;
		crowd_end(c);
		return;
	}
	if (!c->connected) {
		crowd_speak(c);
		return;
	}
	r = recv(c->fd, junk, sizeof junk, MSG_DONTWAIT);
	if (r == 0 || (r < 0 && errno != EAGAIN && errno != EINTR))
		crowd_end(c);
}

static void
crowd_poll(int ms)
{
	struct epoll_event events[512];
	int n = epoll_wait(crowd_epoll, events, 512, ms);

	for (int i = 0; i < n; i++)
		crowd_event(events[i].data.ptr, events[i].events);
}

/* A byte of each: the first of a length that no frame follows. */
static void
crowd_dribble(uint64_t second)
{
	static const uint8_t head[] = { 0, 0, 1, 0 };
	uint8_t byte = second < sizeof head ? head[second] : 'x';

	for (unsigned i = 0; i < crowd_n; i++)
		if (crowd_conns[i].fd >= 0 && crowd_conns[i].connected)
			(void)!send(crowd_conns[i].fd, &byte, 1,
			    MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* So many connections, which stay. */
static void
crowd_run_stay(uint64_t start)
{
	uint64_t second = 0;

	for (unsigned i = 0; i < crowd_n; i++) {
		crowd_begin();
		crowd_poll(0);
	}
	while (crowd_mode == CROWD_VANISH && crowd_ended < crowd_n)
		crowd_poll(10);
	fprintf(stderr, "the crowd is there\n");
	while (!bench_stop && bench_seconds(start, bench_now()) < crowd_seconds) {
		crowd_poll(50);
		if (crowd_mode == CROWD_DRIBBLE &&
		    bench_seconds(start, bench_now()) >= (double)second + 1)
			crowd_dribble(second++);
	}
}

static void
crowd_run_rate(uint64_t start)
{
	fprintf(stderr, "the crowd is there\n");
	while (!bench_stop && bench_seconds(start, bench_now()) < crowd_seconds) {
		uint64_t due = (uint64_t)(bench_seconds(start, bench_now()) * crowd_rate);

		while (crowd_connects < due && crowd_free != NULL)
			crowd_begin();
		crowd_poll(1);
	}
}

static void
crowd_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "port", 1, NULL, 'p' }, { "mode", 1, NULL, 'm' },
		{ "conns", 1, NULL, 'c' }, { "rate", 1, NULL, 'r' },
		{ "seconds", 1, NULL, 's' }, { 0 }
	};
	unsigned known = sizeof crowd_modes / sizeof crowd_modes[0], mode = known;
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (o) {
		case 'p': crowd_port = (unsigned)atoi(optarg); break;
		case 'c': crowd_n = (unsigned)atoi(optarg); break;
		case 'r': crowd_rate = atof(optarg); break;
		case 's': crowd_seconds = atof(optarg); break;
		case 'm':
			for (mode = 0; mode < known; mode++)
				if (strcmp(optarg, crowd_modes[mode]) == 0)
					break;
			break;
		default: exit(2);
		}
	}
	if (crowd_port == 0 || crowd_n == 0 || crowd_n > BENCH_DEVICES_MAX || mode == known) {
		fprintf(stderr, "usage: crowd --port P --mode connect|garbage|dribble|vanish\n"
		    "  [--conns N] [--rate CONNECTS_PER_SECOND] [--seconds S]\n");
		exit(2);
	}
	crowd_mode = (enum crowd_mode)mode;
}

int
main(int argc, char **argv)
{
	struct rlimit files;
	uint64_t start;

	crowd_options(argc, argv);
	bench_stop_on_signals();
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < crowd_n + 64) {
		files.rlim_cur = crowd_n + 64;
		if (files.rlim_max < files.rlim_cur)
			files.rlim_max = files.rlim_cur;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	crowd_conns = bench_alloc(NULL, crowd_n * sizeof *crowd_conns);
	for (unsigned i = 0; i < crowd_n; i++) {
		crowd_conns[i] = (struct crowd_conn){ .fd = -1, .next_free = crowd_free };
		crowd_free = &crowd_conns[i];
	}
	memset(crowd_bytes, 0xff, sizeof crowd_bytes);
	for (size_t i = 1; i < sizeof crowd_bytes; i++)
		crowd_bytes[i] = (uint8_t)(i * 2654435761u >> 13);
	crowd_epoll = epoll_create1(0);
	start = bench_now();
	if (crowd_mode == CROWD_CONNECT || crowd_mode == CROWD_GARBAGE_SENT)
		crowd_run_rate(start);
	else
		crowd_run_stay(start);
	printf("{\"connects\":%llu,\"failed\":%llu,\"ended\":%llu,\"seconds\":%.6f,"
	    "\"cpu_seconds\":%.3f}\n", (unsigned long long)crowd_connects,
	    (unsigned long long)crowd_failed, (unsigned long long)crowd_ended,
	    bench_seconds(start, bench_now()), bench_cpu_seconds());
	return 0;
}
