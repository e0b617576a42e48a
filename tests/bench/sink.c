/* sink.c - a websocket destination that counts and checks what it gets, on one epoll
 * loop.  It answers pings, and can go away for a while. */
#include "tests/bench/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct sink_conn {
	int fd;
	bool open;			/* the handshake is over */
	uint8_t *buffer;
	size_t size, room;
	uint8_t *message;		/* fragments, until the last has come */
	size_t message_size, message_room;
	struct sink_conn *next, **prev;
};

static struct bench_books sink_books;
static enum bench_framing sink_batch;
static struct sink_conn *sink_conns;
static int sink_epoll, sink_listener = -1;
static unsigned sink_connects;
static uint64_t sink_control, sink_errors, sink_now;
static uint64_t sink_pinged;		/* when the last ping was answered */

/* The load's first and last sign of life decide when it is over. */
static uint64_t sink_expect;
static double sink_patience = 5, sink_start_patience = 60;
static double sink_outage_after, sink_outage_for;

static void
sink_take(const uint8_t *p, size_t n)
{
	bench_account(&sink_books, p, n, sink_now);
}

static void
sink_take_message(const uint8_t *p, size_t n)
{
	sink_books.messages++;
	if (sink_batch == BENCH_NONE)
		sink_take(p, n);
	else if (bench_split(sink_batch, p, n, sink_take) != n)
		sink_errors++;
}

static void
sink_drop(struct sink_conn *c)
{
	close(c->fd);
	*c->prev = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	free(c->buffer);
	free(c->message);
	free(c);
}

/* A control frame. */
static void
sink_send(struct sink_conn *c, int opcode, const uint8_t *p, size_t n)
{
	uint8_t frame[2 + 125] = { (uint8_t)(0x80 | opcode), (uint8_t)n };

	if (n > 125)
		return;
	memcpy(frame + 2, p, n);
	if (send(c->fd, frame, n + 2, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		sink_errors++;
}

/* Answers the handshake once it is whole.  False: this is none. */
static bool
sink_handshake(struct sink_conn *c)
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	uint8_t *end = memmem(c->buffer, c->size, "\r\n\r\n", 4), hash[20];
	char *key, text[128], accept[32], answer[256];
	size_t n;
	int length;

	if (end == NULL)
		return c->size <= 16384;
	*end = '\0';
	key = strcasestr((char *)c->buffer, "\r\nsec-websocket-key:");
	if (key == NULL)
		return false;
	key += strlen("\r\nsec-websocket-key:");
	key += strspn(key, " ");
	n = strcspn(key, "\r\n ");
	if (n > 60)
		return false;
	length = snprintf(text, sizeof text, "%.*s%s", (int)n, key, guid);
	EVP_Digest(text, (size_t)length, hash, NULL, EVP_sha1(), NULL);
	EVP_EncodeBlock((uint8_t *)accept, hash, sizeof hash);
	length = snprintf(answer, sizeof answer, "HTTP/1.1 101 Switching Protocols\r\n"
	    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
	    accept);
	if (send(c->fd, answer, (size_t)length, MSG_NOSIGNAL) != length)
		return false;
	n = (size_t)(end + 4 - c->buffer);
	memmove(c->buffer, c->buffer + n, c->size - n);
	c->size -= n;
	c->open = true;
	return true;
}

static void
sink_unmask(uint8_t *p, size_t n, uint32_t key)
{
	uint64_t k = key | (uint64_t)key << 32, v;
	size_t i = 0;

	for (; i + 8 <= n; i += 8) {
		memcpy(&v, p + i, 8);
		v ^= k;
		memcpy(p + i, &v, 8);
	}
	for (; i < n; i++)
		p[i] ^= (uint8_t)(key >> (8 * (i & 3)));
}

/* A data frame: a whole message, or a part of one. */
static void
sink_part(struct sink_conn *c, int opcode, bool final, const uint8_t *p, size_t n)
{
	if (opcode != 0 && final) {
		sink_take_message(p, n);
		return;
	}
	if (opcode != 0)
		c->message_size = 0;
	if (c->message_size + n > c->message_room) {
		c->message_room = (c->message_size + n) * 2;
		c->message = bench_alloc(c->message, c->message_room);
	}
	memcpy(c->message + c->message_size, p, n);
	c->message_size += n;
	if (final)
		sink_take_message(c->message, c->message_size);
}

/* The length of a frame's header in the N bytes at P, and of its payload; 0 where
 * the header is not whole yet. */
static size_t
sink_header(const uint8_t *p, size_t n, uint64_t *payload)
{
	size_t header = 6;

	if (n < header)
		return 0;
	*payload = p[1] & 127;
	if (*payload == 126) {
		header = 8;
		if (n < header)
			return 0;
		*payload = (uint64_t)p[2] << 8 | p[3];
	} else if (*payload == 127) {
		header = 14;
		if (n < header)
			return 0;
		*payload = 0;
		for (int i = 2; i < 10; i++)
			*payload = *payload << 8 | p[i];
	}
	return header;
}

/* Every whole frame in the buffer.  False closes the connection. */
static bool
sink_parse(struct sink_conn *c)
{
	size_t at = 0;

	for (;;) {
		uint8_t *p = c->buffer + at, *data;
		uint64_t n;
		size_t header = sink_header(p, c->size - at, &n);
		uint32_t key;
		int opcode;

		if (header == 0)
			break;
		if (n > 1u << 30 || !(p[1] & 128) || (p[0] & 0x70)) {
			sink_errors++;
			return false;
		}
		if (c->size - at < header + n)
			break;
		data = p + header;
		memcpy(&key, data - 4, 4);
		sink_unmask(data, n, key);
		at += header + n;
		opcode = p[0] & 15;
		if (opcode < 8) {
			sink_part(c, opcode, p[0] >> 7, data, n);
			continue;
		}
		sink_control++;
		if (opcode == 9) {
			sink_send(c, 10, data, n);
			sink_pinged = sink_now;
		}
		if (opcode == 8) {
			sink_send(c, 8, data, n);
			return false;
		}
	}
	if (at > 0) {
		memmove(c->buffer, c->buffer + at, c->size - at);
		c->size -= at;
	}
	return true;
}

static void
sink_read(struct sink_conn *c)
{
	ssize_t r;

	if (c->room - c->size < 262144) {
		c->room = c->room < 524288 ? 524288 : c->room * 2;
		c->buffer = bench_alloc(c->buffer, c->room);
	}
	r = recv(c->fd, c->buffer + c->size, c->room - c->size - 1, MSG_DONTWAIT);
	if (r < 0 && errno == EAGAIN)
		return;
	if (r <= 0) {
		sink_drop(c);
		return;
	}
	sink_now = bench_now();
	c->size += (size_t)r;
	c->buffer[c->size] = '\0';
	if ((!c->open && !sink_handshake(c)) || (c->open && !sink_parse(c)))
		sink_drop(c);
}

static void
sink_listen(unsigned port)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = NULL };

	sink_listener = bench_listen(port);
	epoll_ctl(sink_epoll, EPOLL_CTL_ADD, sink_listener, &e);
}

static void
sink_accept(void)
{
	int fd, one = 1;

	while ((fd = accept4(sink_listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		struct sink_conn *c = bench_alloc(NULL, sizeof *c);
		struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };

		memset(c, 0, sizeof *c);
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		c->fd = fd;
		c->next = sink_conns;
		c->prev = &sink_conns;
		if (c->next != NULL)
			c->next->prev = &c->next;
		sink_conns = c;
		sink_connects++;
		epoll_ctl(sink_epoll, EPOLL_CTL_ADD, fd, &e);
	}
}

/* Goes away once, and comes back.  True while it is away. */
static bool
sink_outage(unsigned port, uint64_t now)
{
	static uint64_t back;

	if (sink_outage_for <= 0)
		return false;
	if (back == 0 && sink_books.first_receipt != 0 &&
	    bench_seconds(sink_books.first_receipt, now) > sink_outage_after) {
		back = now + (uint64_t)(sink_outage_for * 1e9);
		close(sink_listener);
		sink_listener = -1;
		while (sink_conns != NULL)
			sink_drop(sink_conns);
	} else if (sink_listener < 0 && now >= back) {
		sink_listen(port);
		sink_books.last_receipt = now;	/* patience begins anew */
	}
	return sink_listener < 0;
}

/* All has come.  True when the pings behind it have been answered too, or there will
 * be none: who is gone before confirms nothing. */
static bool
sink_may_go(uint64_t now)
{
	if (sink_conns == NULL)
		return true;
	if (sink_pinged >= sink_books.last_receipt)
		return bench_seconds(sink_pinged, now) > 0.1;
	return bench_seconds(sink_books.last_receipt, now) > 1;
}

static void
sink_run(unsigned port)
{
	uint64_t began = bench_now();

	while (!bench_stop) {
		struct epoll_event events[64];
		int n = epoll_wait(sink_epoll, events, 64, 20);
		uint64_t now;

		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr == NULL)
				sink_accept();
			else
				sink_read(events[i].data.ptr);
		}
		now = bench_now();
		if (sink_expect != 0 && sink_books.unique >= sink_expect &&
		    sink_may_go(now))
			break;
		if (sink_outage(port, now))
			continue;
		if (sink_books.last_receipt != 0 ?
		    bench_seconds(sink_books.last_receipt, now) > sink_patience :
		    bench_seconds(began, now) > sink_start_patience)
			break;
	}
}

static void
sink_print(void)
{
	const struct bench_books *b = &sink_books;

	printf("{\"unique\":%llu,\"twice\":%llu,\"missing\":%llu,\"late\":%llu,\"bad\":%llu,"
	    "\"messages\":%llu,\"errors\":%llu,\"control\":%llu,\"connects\":%u,"
	    "\"first_send\":%llu,\"last_receipt\":%llu,\"p50_us\":%.1f,\"p99_us\":%.1f,"
	    "\"max_us\":%.1f,\"cpu_seconds\":%.3f}\n",
	    (unsigned long long)b->unique, (unsigned long long)b->twice,
	    (unsigned long long)bench_missing(b, sink_expect),
	    (unsigned long long)b->late, (unsigned long long)b->bad,
	    (unsigned long long)b->messages, (unsigned long long)sink_errors,
	    (unsigned long long)sink_control, sink_connects,
	    (unsigned long long)b->first_send, (unsigned long long)b->last_receipt,
	    bench_quantile(b, .50), bench_quantile(b, .99), (double)b->latency_max / 1e3,
	    bench_cpu_seconds());
}

static void
sink_usage(void)
{
	fprintf(stderr, "usage: sink [--port P] [--expect FRAMES] [--patience SECONDS]\n"
	    "  [--start-patience SECONDS] [--batch newline|length] [--outage AFTER:SECONDS]\n");
	exit(2);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "port", 1, NULL, 'p' }, { "expect", 1, NULL, 'e' },
		{ "patience", 1, NULL, 'i' }, { "start-patience", 1, NULL, 's' },
		{ "batch", 1, NULL, 'b' }, { "outage", 1, NULL, 'o' }, { 0 }
	};
	struct sockaddr_in sa;
	socklen_t size = sizeof sa;
	unsigned port = 0;
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (o) {
		case 'p': port = (unsigned)atoi(optarg); break;
		case 'e': sink_expect = strtoull(optarg, NULL, 0); break;
		case 'i': sink_patience = atof(optarg); break;
		case 's': sink_start_patience = atof(optarg); break;
		case 'b': sink_batch = bench_framing(optarg); break;
		case 'o':
			if (sscanf(optarg, "%lf:%lf", &sink_outage_after,
			    &sink_outage_for) != 2)
				sink_usage();
			break;
		default: sink_usage();
		}
	}
	bench_stop_on_signals();
	sink_epoll = epoll_create1(0);
	sink_listen(port);
	getsockname(sink_listener, (struct sockaddr *)&sa, &size);
	sink_run(ntohs(sa.sin_port));
	sink_print();
	return 0;
}
