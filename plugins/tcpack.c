/* tcpack.c - counts written to a device: its frames 1..n are safe. */
#include "plugins/tcpack.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

struct tt_tcpack_wait {
	struct tt_watch watch;
	struct tt_tcpack *ack;
};

static bool
tcpack_waits(const struct tt_tcpack *a)
{
	return a->wait != NULL && a->wait->watch.on;
}

static void
tcpack_format(struct tt_tcpack *a)
{
	int i;

	a->leaving = a->safe;
	if (a->line) {
		a->size = (uint8_t)snprintf(a->out, sizeof a->out,
		    "ACK %" PRIu64 "\n", a->leaving);
		return;
	}
	for (i = 0; i < 8; i++)
		a->out[i] = (char)(a->leaving >> (56 - 8 * i));
	a->size = 8;
}

static void tcpack_writable(struct tt_watch *watch, short what);

/* The tap's event on this descriptor is edge-triggered, and libevent takes none
 * of the other sort beside it. */
static void
tcpack_wait(struct tt_tcpack *a)
{
	if (a->wait == NULL) {
		a->wait = tt_xcalloc(1, sizeof *a->wait);
		a->wait->ack = a;
		tt_watch_init(&a->wait->watch, a->thread, a->fd, EV_WRITE | EV_ET,
		    tcpack_writable);
	}
	tt_watch_start(&a->wait->watch);
}

static void
tcpack_write(struct tt_tcpack *a)
{
	ssize_t n;

	while (!a->broken && (a->at > 0 || a->told < a->safe)) {
		if (a->at == 0)
			tcpack_format(a);
		n = send(a->fd, a->out + a->at, (size_t)(a->size - a->at),
		    MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			tcpack_wait(a);
			return;
		}
		if (n < 0) {
			a->broken = true;
			/* The socket says so once: whoever reads sees an end. */
			a->reset = errno != EPIPE;
			break;
		}
		a->at = (uint8_t)(a->at + n);
		if (a->at < a->size)
			continue;
		a->at = 0;
		a->told = a->leaving;
		a->told_at = tt_now(a->thread);
	}
	if (a->wait != NULL)
		tt_watch_stop(&a->wait->watch);
}

static void
tcpack_writable(struct tt_watch *watch, short what)
{
	struct tt_tcpack *a = ((struct tt_tcpack_wait *)watch)->ack;

	(void)what;
	tcpack_write(a);
	if (!tcpack_waits(a))
		a->written(a->thread);
}

static void
tcpack_timer(struct tt_timer *timer)
{
	tcpack_write((struct tt_tcpack *)(void *)((char *)timer -
	    offsetof(struct tt_tcpack, timer)));
}

void
tt_tcpack_init(struct tt_tcpack *a, struct tt_thread *self, int fd, bool line,
    int64_t interval, void (*written)(struct tt_thread *self))
{
	*a = (struct tt_tcpack){ .thread = self, .fd = fd, .line = line,
	    .interval = interval, .written = written };
	tt_timer_init(&a->timer, self, tcpack_timer);
}

void
tt_tcpack_finish(struct tt_tcpack *a)
{
	tt_timer_stop(&a->timer);
	if (a->wait != NULL)
		tt_watch_stop(&a->wait->watch);
	free(a->wait);
	a->wait = NULL;
}

void
tt_tcpack_news(struct tt_tcpack *a, uint64_t n)
{
	if (n <= a->safe)
		return;
	a->safe = n;
	if (a->broken || tcpack_waits(a) || tt_timer_is_on(&a->timer))
		return;
	if (a->told == 0 || tt_now(a->thread) - a->told_at >= a->interval)
		tcpack_write(a);
	else
		tt_timer_start(&a->timer, a->interval);
}

bool
tt_tcpack_flush(struct tt_tcpack *a)
{
	tt_timer_stop(&a->timer);
	if (!tcpack_waits(a))
		tcpack_write(a);
	return !tcpack_waits(a);
}
