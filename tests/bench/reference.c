/* reference.c - what a special-purpose program can do: one epoll loop that splits the
 * streams in place and hands each frame to a websocket, to a database, or to both.
 *
 * SQLite runs in one other OS thread.  No tree, no options of a device's, no
 * acknowledgements, no name resolution: a yardstick, nothing to deploy. */
#include "tests/bench/reference.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define REF_READ (1u << 20)	/* the longest frame, and most bytes of one read */
#define REF_FLUSH (32u << 10)	/* measured: better than 16, 64 and 256 KiB */
#define REF_HAND_MS 10		/* longest a row waits for its block to fill */

struct ref_conn {
	int fd;
	uint32_t id, part_size;
	uint8_t *part;			/* the head of an unfinished frame */
};

static enum bench_framing ref_framing = BENCH_LENGTH;
static bool ref_to_ws, ref_to_db;
static int ref_epoll, ref_ws = -1;
static uint64_t ref_frames, ref_bytes;
static uint64_t ref_now;
static uint32_t ref_conn_id;		/* whose frames are being split */

/* --- the websocket ---------------------------------------------------------- */

static uint8_t *ref_out;
static size_t ref_out_size, ref_out_room;

static uint32_t
ref_mask_key(void)
{
	static uint32_t pool[2048];
	static unsigned left;

	if (left == 0) {
		if (getrandom(pool, sizeof pool, 0) != (ssize_t)sizeof pool)
			bench_die("getrandom");
		left = 2048;
	}
	return pool[--left];
}

static void
ref_ws_flush(void)
{
	size_t at = 0;

	while (at < ref_out_size) {
		ssize_t r = send(ref_ws, ref_out + at, ref_out_size - at,
		    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (r > 0) {
			at += (size_t)r;
		} else if (r < 0 && errno == EAGAIN) {
			struct pollfd p = { ref_ws, POLLOUT, 0 };

			poll(&p, 1, 1000);
		} else {
			bench_die("websocket");
		}
	}
	ref_out_size = 0;
}

static inline void
ref_ws_put(const uint8_t *p, size_t n)
{
	uint64_t k, v;
	uint32_t key;
	uint8_t *o;
	size_t h, i = 0;

	if (ref_out_size + n + 32 > ref_out_room) {
		ref_out_room = (ref_out_size + n + 32) * 2;
		ref_out = bench_alloc(ref_out, ref_out_room);
	}
	o = ref_out + ref_out_size;
	o[0] = 0x82;
	if (n < 126) {
		o[1] = (uint8_t)(0x80 | n);
		h = 2;
	} else if (n < 65536) {
		o[1] = 0x80 | 126;
		o[2] = (uint8_t)(n >> 8);
		o[3] = (uint8_t)n;
		h = 4;
	} else {
		o[1] = 0x80 | 127;
		for (int b = 0; b < 8; b++)
			o[2 + b] = (uint8_t)((uint64_t)n >> (56 - 8 * b));
		h = 10;
	}
	key = ref_mask_key();
	memcpy(o + h, &key, 4);
	o += h + 4;
	k = key | (uint64_t)key << 32;
	for (; i + 8 <= n; i += 8) {
		memcpy(&v, p + i, 8);
		v ^= k;
		memcpy(o + i, &v, 8);
	}
	for (; i < n; i++)
		o[i] = p[i] ^ (uint8_t)(key >> (8 * (i & 3)));
	ref_out_size += h + 4 + n;
	if (ref_out_size >= REF_FLUSH)
		ref_ws_flush();
}

static void
ref_ws_connect(unsigned port)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"
	    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
	    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	char answer[1024] = "";
	size_t n = 0;
	int one = 1;

	ref_ws = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(ref_ws, (struct sockaddr *)&sa, sizeof sa) != 0)
		bench_die("websocket");
	setsockopt(ref_ws, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (send(ref_ws, request, sizeof request - 1, 0) < 0)
		bench_die("handshake");
	while (strstr(answer, "\r\n\r\n") == NULL && n < sizeof answer - 1) {
		ssize_t r = recv(ref_ws, answer + n, sizeof answer - 1 - n, 0);

		if (r <= 0)
			bench_die("handshake");
		n += (size_t)r;
		answer[n] = '\0';
	}
	if (strstr(answer, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") == NULL) {
		fprintf(stderr, "reference: no websocket answers\n");
		exit(1);
	}
}

/* --- the devices ------------------------------------------------------------ */

static void
ref_take(const uint8_t *p, size_t n)
{
	ref_frames++;
	ref_bytes += n;
	if (ref_to_ws)
		ref_ws_put(p, n);
	if (ref_to_db)
		ref_db_put(ref_conn_id, ref_now, p, n);
}

static void
ref_read(struct ref_conn *c)
{
	static uint8_t buffer[REF_READ * 2];
	size_t size, used, left;
	ssize_t r;

	if (c->part_size >= REF_READ) {
		fprintf(stderr, "reference: a frame is too long\n");
		exit(1);
	}
	if (c->part_size > 0)
		memcpy(buffer, c->part, c->part_size);
	r = recv(c->fd, buffer + c->part_size, REF_READ, MSG_DONTWAIT);
	if (r < 0 && errno == EAGAIN)
		return;
	if (r <= 0) {
		close(c->fd);
		free(c->part);
		free(c);
		return;
	}
	size = c->part_size + (size_t)r;
	ref_conn_id = c->id;
	used = bench_split(ref_framing, buffer, size, ref_take);
	left = size - used;
	if (left > 0) {
		if (left > c->part_size || c->part == NULL)
			c->part = bench_alloc(c->part, left);
		memcpy(c->part, buffer + used, left);
	} else if (c->part != NULL) {
		free(c->part);
		c->part = NULL;
	}
	c->part_size = (uint32_t)left;
}

static void
ref_accept(int listener)
{
	static uint32_t next_id;
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		struct ref_conn *c = bench_alloc(NULL, sizeof *c);
		struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };

		memset(c, 0, sizeof *c);
		c->fd = fd;
		c->id = next_id++;
		epoll_ctl(ref_epoll, EPOLL_CTL_ADD, fd, &e);
	}
}

static void
ref_run(int listener)
{
	while (!bench_stop) {
		struct epoll_event events[256];
		int n = epoll_wait(ref_epoll, events, 256, ref_db_waits() ? REF_HAND_MS : 200);

		ref_now = bench_now();
		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr != NULL)
				ref_read(events[i].data.ptr);
			else
				ref_accept(listener);
		}
		if (ref_out_size > 0)
			ref_ws_flush();
		ref_db_hand_over(ref_now, REF_HAND_MS);
	}
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "port", 1, NULL, 'p' }, { "framing", 1, NULL, 'f' }, { "ws", 1, NULL, 'w' },
		{ "db", 1, NULL, 'd' }, { "db-method", 1, NULL, 'm' }, { 0 }
	};
	struct rlimit files = { 65536, 65536 };
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = NULL };
	const char *db = NULL, *method = "vtab";
	unsigned port = 0, ws = 0;
	int listener, o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (o) {
		case 'p': port = (unsigned)atoi(optarg); break;
		case 'f': ref_framing = bench_framing(optarg); break;
		case 'w': ws = (unsigned)atoi(optarg); break;
		case 'd': db = optarg; break;
		case 'm': method = optarg; break;
		default:
			fprintf(stderr, "usage: reference [--port P] [--framing length|newline]"
			    " [--ws PORT] [--db PATH [--db-method row|vtab]]\n");
			return 2;
		}
	}
	ref_to_ws = ws != 0;
	ref_to_db = db != NULL;
	setrlimit(RLIMIT_NOFILE, &files);
	bench_stop_on_signals();
	ref_epoll = epoll_create1(0);
	if (ref_to_ws)
		ref_ws_connect(ws);
	if (ref_to_db)
		ref_db_start(db, method);
	listener = bench_listen(port);
	epoll_ctl(ref_epoll, EPOLL_CTL_ADD, listener, &e);
	ref_run(listener);
	if (ref_to_db)
		ref_db_finish();
	fprintf(stderr, "{\"frames\":%llu,\"bytes\":%llu,\"cpu_seconds\":%.3f}\n",
	    (unsigned long long)ref_frames, (unsigned long long)ref_bytes,
	    bench_cpu_seconds());
	return 0;
}
