/* bench.c - what the benchmark's programs do alike outside their hot paths. */
#include "tests/bench/bench.h"

#include <arpa/inet.h>
#include <sys/resource.h>
#include <sys/socket.h>

volatile sig_atomic_t bench_stop;

double
bench_cpu_seconds(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	return (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
	    (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
}

int
bench_listen(unsigned port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof sa;
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(fd, (struct sockaddr *)&sa, sizeof sa) != 0 || listen(fd, 8192) != 0 ||
	    getsockname(fd, (struct sockaddr *)&sa, &size) != 0)
		bench_die("listen");
	fprintf(stderr, "listening on 127.0.0.1:%u\n", ntohs(sa.sin_port));
	return fd;
}

static void
bench_on_signal(int number)
{
	(void)number;
	bench_stop = 1;
}

void
bench_stop_on_signals(void)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, bench_on_signal);
	signal(SIGINT, bench_on_signal);
}
