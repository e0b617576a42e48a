/* status.c - what systemd is shown of a tree, and asked to wait for. */
#include "daemon/status.h"

#include <event2/event.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/document.h"
#include "daemon/memory.h"
#include "daemon/notify.h"
#include "daemon/tree.h"
#include "daemon/worker.h"

#define STATUS_SECOND 1000000000	/* ns between two lines */
#define STATUS_EXTEND 10000000000	/* ns that systemd is asked for at a time */
#define STATUS_LAST 4000000000		/* ns that an end may take behind the deadline */
#define STATUS_SHOWN 3			/* troubles; of more only the number */
#define STATUS_PATH 40			/* bytes of a path; of a longer one the end */

struct status_trouble {
	int64_t since;			/* 0: all is well */
	char what[96], more[64];
};

struct tt_status {
	struct tt_tree *tree;
	struct event *timer;		/* the next look */
	bool timer_on;
	enum tt_phase phase;
	int64_t stopped_at;		/* ns of CLOCK_MONOTONIC, 0 before */
	int64_t sent_at;
	char sent[768];
	bool ready, stopping;		/* to be told: systemd did not read */

	pthread_mutex_t mutex;		/* for what follows */
	bool told;			/* a message to the main worker is under way */
	unsigned n_troubles;
	struct status_trouble *troubles;	/* by node index */
};

static int64_t
status_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* --- the line ------------------------------------------------------------ */

struct status_line {
	char *text;
	size_t size, used;
};

static void __attribute__((format(printf, 2, 3)))
status_add(struct status_line *line, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(line->text + line->used, line->size - line->used, format, ap);
	va_end(ap);
	if (n > 0)
		line->used += (size_t)n;
	if (line->used >= line->size)
		line->used = line->size - 1;
}

/* Coarse, so that the line changes the less the longer it lasts. */
static void
status_add_time(struct status_line *line, int64_t ns)
{
	int64_t s = ns / 1000000000;

	if (s < 60)
		status_add(line, "%lld s", (long long)s);
	else if (s < 3600)
		status_add(line, "%lld min", (long long)(s / 60));
	else if (s < 172800)
		status_add(line, "%lld h", (long long)(s / 3600));
	else
		status_add(line, "%lld d", (long long)(s / 86400));
}

static void
status_add_phase(struct status_line *line, const struct tt_status *status, int64_t now)
{
	const struct tt_tree *tree = status->tree;
	int64_t left;

	switch (tree->phase) {
	case TT_STARTING:
		status_add(line, "starting, %u nodes", tree->doc->n_nodes);
		return;
	case TT_READY:
		status_add(line, "running, %u nodes", tree->doc->n_nodes);
		return;
	default:
		left = status->stopped_at + tree->doc->daemon.stop_timeout - now;
		status_add(line, "stopping, %lld outstanding, ",
		    (long long)tt_tree_outstanding(tree));
		status_add_time(line, left > 0 ? left : 0);
		status_add(line, " left");
	}
}

static void
status_add_trouble(struct status_line *line, const struct tt_node *node,
    const struct status_trouble *t, int64_t now)
{
	const char *path = node->path, *last = strrchr(path, '/');

	if (strlen(path) > STATUS_PATH && last != NULL)
		status_add(line, "; ...%s: ", last);
	else
		status_add(line, "; %s: ", path);
	status_add(line, "%s for ", t->what);
	status_add_time(line, now - t->since);
	if (t->more[0] != '\0')
		status_add(line, ", %s", t->more);
}

/* The oldest trouble behind the one that began at SINCE at node AFTER, or -1. */
static int
status_next(const struct tt_status *status, int64_t since, int after)
{
	const struct status_trouble *t = status->troubles;
	int best = -1;

	for (int i = 0; i < (int)status->tree->doc->n_nodes; i++) {
		if (t[i].since == 0 || t[i].since < since ||
		    (t[i].since == since && i <= after))
			continue;
		if (best < 0 || t[i].since < t[best].since)
			best = i;
	}
	return best;
}

static void
status_write(struct tt_status *status, int64_t now, char *text, size_t size)
{
	struct status_line line = { .text = text, .size = size };
	int i = -1;
	unsigned shown;

	status_add_phase(&line, status, now);
	pthread_mutex_lock(&status->mutex);
	for (shown = 0; shown < status->n_troubles && shown < STATUS_SHOWN; shown++) {
		i = status_next(status, i < 0 ? 0 : status->troubles[i].since, i);
		if (i < 0)
			break;
		status_add_trouble(&line, status->tree->doc->nodes[i],
		    &status->troubles[i], now);
	}
	if (shown < status->n_troubles)
		status_add(&line, "; and %u more", status->n_troubles - shown);
	pthread_mutex_unlock(&status->mutex);
}

/* --- when ---------------------------------------------------------------- */

/* How much longer systemd is to wait, or 0.  In ns. */
static int64_t
status_extends(const struct tt_status *status, int64_t now)
{
	const struct tt_tree *tree = status->tree;
	int64_t left;

	if (tree->phase == TT_STARTING)
		return STATUS_EXTEND;
	if (tree->phase == TT_READY || tree->phase == TT_ENDED)
		return 0;
	left = status->stopped_at + tree->doc->daemon.stop_timeout + STATUS_LAST - now;
	return left < 0 ? 0 : left < STATUS_EXTEND ? left : STATUS_EXTEND;
}

static void
status_start_timer(struct tt_status *status, int64_t ns)
{
	struct timeval t = { .tv_sec = ns / 1000000000,
	    .tv_usec = ns % 1000000000 / 1000 };

	if (!status->timer_on && event_add(status->timer, &t) == 0)
		status->timer_on = true;
}

/* What systemd must not miss.  False: it did not read, which is tried again. */
static bool
status_tell(struct tt_status *status)
{
	status->ready = status->ready && !tt_notify_ready();
	status->stopping = !status->ready && status->stopping && !tt_notify_stopping();
	return !status->ready && !status->stopping;
}

/* Sends what is new, and looks again as long as that may change by itself. */
static void
status_look(struct tt_status *status)
{
	int64_t now = status_now(), extends = status_extends(status, now);
	char text[sizeof status->sent];
	bool again;

	if (status->sent_at != 0 && now - status->sent_at < STATUS_SECOND) {
		status_start_timer(status, STATUS_SECOND - (now - status->sent_at));
		return;
	}
	status_write(status, now, text, sizeof text);
	again = false;
	if (strcmp(text, status->sent) != 0) {
		status->sent_at = now;
		again = !tt_notify_status("%s", text);
		if (!again)
			strcpy(status->sent, text);
	}
	again |= !status_tell(status);
	if (extends > 0)
		tt_notify_extend(extends / 1000);
	pthread_mutex_lock(&status->mutex);
	again |= status->n_troubles > 0;
	pthread_mutex_unlock(&status->mutex);
	if (again || extends > 0)
		status_start_timer(status, STATUS_SECOND);
}

static void
status_timer(evutil_socket_t fd, short what, void *arg)
{
	struct tt_status *status = arg;

	(void)fd, (void)what;
	status->timer_on = false;
	status_look(status);
}

/* On the main worker: somebody has said something. */
static void
status_heard(void *subject, uint64_t value, void *more)
{
	struct tt_status *status = subject;

	(void)value, (void)more;
	pthread_mutex_lock(&status->mutex);
	status->told = false;
	pthread_mutex_unlock(&status->mutex);
	status_look(status);
}

void
tt_say_state(struct tt_thread *self, const char *what, const char *more)
{
	struct tt_status *status = self->worker->tree->shown;
	struct status_trouble *t;
	bool news, post = false;

	if (status == NULL)
		return;
	t = &status->troubles[self->node->index];
	pthread_mutex_lock(&status->mutex);
	news = (t->since != 0) != (what != NULL);
	if (news && what != NULL) {
		t->since = status_now();
		status->n_troubles++;
	} else if (news) {
		t->since = 0;
		status->n_troubles--;
	}
	if (what != NULL) {
		snprintf(t->what, sizeof t->what, "%s", what);
		snprintf(t->more, sizeof t->more, "%s", more != NULL ? more : "");
	}
	/* What only changes its words is seen at the next look. */
	if (news && !status->told)
		post = status->told = true;
	pthread_mutex_unlock(&status->mutex);
	if (post)
		tt_inbox_post(&status->tree->main->inbox, (struct tt_message){
		    .handle = status_heard, .subject = status });
}

void
tt_status_phase(struct tt_status *status)
{
	if (status == NULL || status->phase == status->tree->phase)
		return;
	if (status->stopped_at == 0 && status->tree->phase > TT_READY) {
		status->stopped_at = status_now();
		status->stopping = true;
	}
	status->phase = status->tree->phase;
	status->ready |= status->phase == TT_READY;
	status->sent_at = 0;		/* not later, even if one was sent just now */
	status_look(status);
}

struct tt_status *
tt_status_create(struct tt_tree *tree)
{
	struct tt_status *status = tt_xcalloc(1, sizeof *status);

	pthread_mutex_init(&status->mutex, NULL);
	status->tree = tree;
	status->troubles = tt_xcalloc(tree->doc->n_nodes, sizeof status->troubles[0]);
	status->timer = evtimer_new(tree->main->base, status_timer, status);
	if (status->timer == NULL) {
		tt_status_destroy(status);
		return NULL;
	}
	tree->shown = status;
	status_look(status);
	return status;
}

void
tt_status_destroy(struct tt_status *status)
{
	if (status == NULL)
		return;
	status->tree->shown = NULL;
	tt_inbox_forget(&status->tree->main->inbox, status);
	if (status->timer != NULL)
		event_free(status->timer);
	pthread_mutex_destroy(&status->mutex);
	free(status->troubles);
	free(status);
}
