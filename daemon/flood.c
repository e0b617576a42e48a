/* flood.c - log lines that peers can cause at will: ten a second, then a count. */
#include "daemon/flood.h"

#include <inttypes.h>
#include <stddef.h>

#include "daemon/thread.h"
#include "daemon/worker.h"

#define FLOOD_LINES 10			/* a second */
#define FLOOD_COUNT 1000000000		/* ns until those left out are counted */

static void
flood_count(struct tt_flood *f, uint64_t left_out)
{
	char path[512];

	if (left_out > 0)
		tt_log(TT_LOG_INFO, tt_info(f->timer.thread, path, sizeof path),
		    "%" PRIu64 " more %s", left_out, f->what);
}

static void
flood_count_all(struct tt_flood *f)
{
	uint64_t left_out;

	pthread_mutex_lock(&f->mutex);
	left_out = f->limit.left_out;
	f->limit.left_out = 0;
	f->told = false;
	pthread_mutex_unlock(&f->mutex);
	flood_count(f, left_out);
}

static void
flood_timer(struct tt_timer *timer)
{
	flood_count_all((struct tt_flood *)(void *)((char *)timer -
	    offsetof(struct tt_flood, timer)));
}

void
tt_flood_init(struct tt_flood *f, struct tt_thread *self, const char *what)
{
	pthread_mutex_init(&f->mutex, NULL);
	f->limit = (struct tt_log_limit){ 0 };
	f->told = false;
	f->what = what;
	tt_timer_init(&f->timer, self, flood_timer);
}

/* On its thread's worker. */
static void
flood_start(void *subject, uint64_t value, void *more)
{
	struct tt_flood *f = subject;

	(void)value;
	(void)more;
	tt_timer_start(&f->timer, FLOOD_COUNT);
}

bool
tt_flood_allows(struct tt_flood *f)
{
	struct tt_worker *here = tt_worker_here(), *own = f->timer.thread->worker;
	uint64_t left_out;
	bool allowed, tell;

	if (here == NULL)
		here = own;
	pthread_mutex_lock(&f->mutex);
	allowed = tt_log_limit(&f->limit, here->now, FLOOD_LINES, &left_out);
	tell = !allowed && !f->told;
	f->told |= tell;
	pthread_mutex_unlock(&f->mutex);
	flood_count(f, left_out);
	if (tell && here == own)
		flood_start(f, 0, NULL);
	else if (tell)
		tt_worker_post(own, (struct tt_message){ .handle = flood_start,
		    .subject = f });
	return allowed;
}

void
tt_flood_finish(struct tt_flood *f)
{
	if (f->what == NULL)
		return;
	tt_timer_stop(&f->timer);
	flood_count_all(f);
	pthread_mutex_destroy(&f->mutex);
	f->what = NULL;
}
