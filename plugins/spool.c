/* spool.c - the spool of a websocket master: what its log cannot keep in memory.
 *
 *               opened           due: old, or much, or hurry
 *     opening ----------> idle ------------------------------> writing --+
 *        ^  |              ^                                     |       | full, busy
 *        +--+ retry        +-------------------------------------+ <-----+ retry
 *
 * A job owns all that it needs, because it may outlive the spool: the file is shared
 * by reference, batches are referenced, texts are copied. */
#include "plugins/spool.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/taskthread.h"
#include "plugins/spoolfile.h"
#include "plugins/spoolread.h"

#define SPOOL_LINGER 50000000		/* ns until what is not confirmed is written */
#define SPOOL_COMMIT (8 << 20)		/* bytes of one write, where there is room */
#define SPOOL_COMMIT_LEAST (64 << 10)
#define SPOOL_PACE 1000000000		/* ns between writes of cursors alone */
#define SPOOL_BACKOFF 100000000		/* ns before the first retry */
#define SPOOL_BACKOFF_MAX 5000000000
#define SPOOL_REFUSED 1000		/* refused frames that wait to be written */
#define SPOOL_BROKEN 5			/* times that the file breaks in a row */
#define SPOOL_SOUND UINT_MAX

static const char *const spool_when_full[] = { "block", "drop_oldest", NULL };

const struct tt_option tt_spool_options[] = {
	{ .name = "path", .type = TT_OPT_PATH,
	  .offset = offsetof(struct tt_spool_config, path),
	  .help = "the spool's file; absent: named by the thread's path, in state_dir" },
	{ .name = "bytes", .type = TT_OPT_SIZE, .standard = "1GiB", .live = true,
	  .min = 1 << 20, .max = INT64_C(1) << 50,
	  .offset = offsetof(struct tt_spool_config, bytes),
	  .help = "what the file may have" },
	{ .name = "age", .type = TT_OPT_DURATION, .live = true, .off = true,
	  .min = 1000000000, .max = INT64_C(315360000000000000),
	  .offset = offsetof(struct tt_spool_config, age),
	  .help = "frames that wait for longer are dropped" },
	{ .name = "when_full", .type = TT_OPT_ENUM, .choices = spool_when_full,
	  .standard = "block", .live = true,
	  .offset = offsetof(struct tt_spool_config, when_full),
	  .help = "slow the devices down, or drop the oldest frames" },
	TT_OPTIONS_END
};

/* The file, for the spool and its jobs: within a job it is the OS thread's. */
struct spool_disk {
	_Atomic unsigned refs;
	struct tt_spoolfile *file;
	char *path;
};

/* A cursor as it was saved. */
struct spool_saved {
	struct spool_saved *next;
	uint64_t confirmed;
	bool taken;
	char node[];
};

enum spool_what { SPOOL_OPEN, SPOOL_WRITE, SPOOL_END };

/* Something for the writer to do, and what came of it. */
struct spool_job {
	struct tt_job job;
	enum spool_what what;
	struct spool_disk *disk;
	struct tt_spool *spool;		/* only on the loop */
	struct tt_spool_write write;
	struct tt_spool_row *rows;
	struct tt_spool_cursor *cursors;
	const char **removed;
	struct tt_spool_refused *refused;
	uint64_t end;			/* behind the rows, and what was not written */
	bool gives_up;			/* it trims what only removed cursors needed */

	enum tt_sqlite_result result;
	struct tt_spool_state state;
	struct tt_error note, err;
	struct spool_saved *saved;
};

struct tt_spool {
	struct tt_thread *self;
	struct tt_wslog *log;
	const struct tt_spool_config *config;
	const struct tt_spool_events *events;
	struct spool_disk *disk;
	struct tt_offload *writer;
	struct tt_spoolread *reader;
	struct tt_spool_state state;
	struct spool_saved *saved;
	struct tt_timer linger, retry;
	int64_t commit;			/* bytes of the next write */
	unsigned damaged;		/* the file before which so many were set aside */
					/* is damaged; SPOOL_SOUND: none */
	bool is_open, busy, complete, hurry, closing;
	bool in_use;			/* there are rows: it was said */
	bool full;			/* it was said */
	int64_t cursors_at;		/* ns, of the last write of cursors */
	uint64_t saved_least;		/* the smallest cursor as it was written */
	int64_t backoff, trouble_since;
	struct tt_error trouble;
	unsigned broken;
	struct tt_spool_refused refused[SPOOL_REFUSED];
	unsigned n_refused;
};

/* --- the jobs' side ------------------------------------------------------ */

static void
spool_disk_unref(struct spool_disk *disk)
{
	if (atomic_fetch_sub(&disk->refs, 1) > 1)
		return;
	tt_spoolfile_destroy(disk->file);
	free(disk->path);
	free(disk);
}

static void
spool_save(void *arg, const char *node, uint64_t confirmed)
{
	struct spool_job *j = arg;
	size_t n = strlen(node) + 1;
	struct spool_saved *s = tt_xmalloc(sizeof *s + n);

	*s = (struct spool_saved){ .next = j->saved, .confirmed = confirmed };
	memcpy(s->node, node, n);
	j->saved = s;
}

/* On the writer's OS thread. */
static void
spool_job_run(struct tt_job *job)
{
	struct spool_job *j = (struct spool_job *)job;
	struct spool_disk *disk = j->disk;

	switch (j->what) {
	case SPOOL_OPEN:
		j->result = tt_spoolfile_open(disk->file, &j->state, &j->note, &j->err);
		if (j->result == TT_SQLITE_OK)
			j->result = tt_spoolfile_cursors(disk->file, spool_save, j,
			    &j->err);
		break;
	case SPOOL_WRITE:
	case SPOOL_END:
		j->result = tt_spoolfile_write(disk->file, &j->write, &j->state,
		    &j->note, &j->err);
		if (j->result == TT_SQLITE_OK)
			tt_spoolfile_checkpoint(disk->file, &j->err);
		break;
	}
}

static void
spool_free_saved(struct spool_saved *list)
{
	struct spool_saved *s;

	while ((s = list) != NULL) {
		list = s->next;
		free(s);
	}
}

static void
spool_job_discard(struct tt_job *job)
{
	struct spool_job *j = (struct spool_job *)job;
	size_t i;

	for (i = 0; i < j->write.n_rows; i++)
		tt_batch_unref((struct tt_batch *)j->rows[i].batch);
	for (i = 0; i < j->write.n_refused; i++)
		tt_batch_unref((struct tt_batch *)j->refused[i].batch);
	for (i = 0; i < j->write.n_cursors; i++)
		free((char *)j->cursors[i].node);
	for (i = 0; i < j->write.n_removed; i++)
		free((char *)j->removed[i]);
	free(j->rows);
	free(j->refused);
	free(j->cursors);
	free(j->removed);
	spool_free_saved(j->saved);
	spool_disk_unref(j->disk);
	free(j);
}

/* --- saying how it is ---------------------------------------------------- */

static void spool_say(struct tt_spool *s, enum tt_log_level level, const char *format,
    ...) __attribute__((format(printf, 3, 4)));

static void
spool_say(struct tt_spool *s, enum tt_log_level level, const char *format, ...)
{
	char info[512], text[600];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	tt_log(level, tt_info(s->self, info, sizeof info), "%s", text);
}

static void
spool_works(struct tt_spool *s)
{
	s->broken = 0;
	if (s->backoff == 0)
		return;
	tt_say_state(s->self, NULL, NULL);
	spool_say(s, TT_LOG_NOTICE, "%s: works again after %.1f s", s->disk->path,
	    (double)(tt_now(s->self) - s->trouble_since) / 1e9);
	s->backoff = 0;
	s->trouble.text[0] = '\0';
}

/* RESULT is not OK: tried again later, if that is any use. */
static bool
spool_survives(struct tt_spool *s, enum tt_sqlite_result result,
    const struct tt_error *err)
{
	if (result == TT_SQLITE_FAILED ||
	    (result == TT_SQLITE_BROKEN && ++s->broken >= SPOOL_BROKEN))
		return false;
	if (s->backoff == 0)
		s->trouble_since = tt_now(s->self);
	tt_say_state(s->self, "its spool cannot be written, tried again", NULL);
	if (strcmp(s->trouble.text, err->text) != 0) {
		spool_say(s, TT_LOG_WARNING, "%s; it is tried again until it works",
		    err->text);
		s->trouble = *err;
	}
	s->backoff = s->backoff == 0 ? SPOOL_BACKOFF : 2 * s->backoff;
	if (s->backoff > SPOOL_BACKOFF_MAX)
		s->backoff = SPOOL_BACKOFF_MAX;
	tt_timer_start_at(&s->retry, s->backoff / 2 +
	    (int64_t)arc4random_uniform((uint32_t)(s->backoff / 2000)) * 1000);
	return true;
}

/* Once when it begins to be used, and once when it is empty again. */
static void
spool_say_use(struct tt_spool *s)
{
	bool in_use = s->state.first < s->state.next;

	if (in_use != s->in_use)
		spool_say(s, TT_LOG_NOTICE, in_use ? "frames wait in %s" :
		    "no frame waits in %s any more", s->disk->path);
	s->in_use = in_use;
}

/* --- writing ------------------------------------------------------------- */

static struct spool_job *
spool_job(struct tt_spool *s, enum spool_what what)
{
	struct spool_job *j = tt_xcalloc(1, sizeof *j);

	j->what = what;
	j->spool = s;
	j->disk = s->disk;
	atomic_fetch_add(&s->disk->refs, 1);
	j->job.run = spool_job_run;
	j->state = s->state;
	return j;
}

/* What is in the log and neither on disk nor confirmed by all: into J, up to one
 * write. */
static void
spool_gather(struct tt_spool *s, struct spool_job *j)
{
	const struct tt_node *node = s->self->node;
	uint64_t least = tt_wslog_least(s->log);
	size_t room = 0;
	int64_t bytes = 0;

	j->end = s->log->stored;
	for (uint64_t i = s->log->done; i != s->log->tail && bytes < s->commit; i++) {
		struct tt_wsentry *e = tt_wslog_entry(s->log, i);

		j->end = e->first + e->n;
		if (e->batch == NULL || e->n == 0 || j->end <= least)
			continue;
		if (j->write.n_rows == room) {
			room = room == 0 ? 64 : 2 * room;
			j->rows = tt_xrealloc(j->rows, room * sizeof *j->rows);
		}
		j->rows[j->write.n_rows++] = (struct tt_spool_row){
			.batch = tt_batch_ref((struct tt_batch *)e->batch),
			.first = e->first, .channel = node->in[e->channel] };
		bytes += tt_batch_cost(e->batch);
	}
	j->write.rows = j->rows;
}

/* All cursors, as they stand, and what may go. */
static void
spool_gather_cursors(struct tt_spool *s, struct spool_job *j)
{
	const struct tt_wscursor *c;
	size_t n = 0;

	for (c = s->log->cursors; c != NULL; c = c->next)
		n++;
	j->cursors = tt_xcalloc(n + 1, sizeof *j->cursors);
	for (c = s->log->cursors; c != NULL; c = c->next)
		j->cursors[j->write.n_cursors++] = (struct tt_spool_cursor){
			.node = tt_xstrdup(c->node), .confirmed = c->confirmed };
	j->write.cursors = j->cursors;
	j->write.trim = tt_wslog_least(s->log);
	s->cursors_at = tt_now(s->self);
	s->saved_least = j->write.trim;
}

static void
spool_gather_refused(struct tt_spool *s, struct spool_job *j)
{
	if (s->n_refused == 0)
		return;
	j->refused = tt_xmalloc(s->n_refused * sizeof *j->refused);
	memcpy(j->refused, s->refused, s->n_refused * sizeof *j->refused);
	j->write.refused = j->refused;
	j->write.n_refused = s->n_refused;
	s->n_refused = 0;
}

/* What must go for its age, or to make room. */
static void
spool_gather_drops(struct tt_spool *s, struct spool_job *j)
{
	const struct tt_spool_config *c = s->config;

	if (c->age > 0)
		j->write.drop_before = tt_wall_now(s->self) - c->age;
	if (c->when_full == TT_DROP_OLDEST && s->state.bytes > c->bytes)
		j->write.drop_bytes = s->state.bytes - c->bytes + SPOOL_COMMIT;
}

static void spool_job_finished(struct tt_job *job);

static void
spool_submit(struct tt_spool *s, struct spool_job *j)
{
	s->busy = true;
	tt_timer_stop(&s->linger);
	j->job.finished = spool_job_finished;
	tt_offload_submit(s->writer, &j->job);
}

/* True if what is in the log is to be written now; else *AT says when, 0: never. */
static bool
spool_is_due(struct tt_spool *s, int64_t *at)
{
	uint64_t least = tt_wslog_least(s->log);
	const struct tt_wsentry *e;
	const struct tt_wscursor *c;
	bool behind = false, away = false;

	*at = 0;
	if (s->full && s->config->when_full == TT_BLOCK)
		return false;
	for (uint64_t i = s->log->done; i != s->log->tail; i++) {
		e = tt_wslog_entry(s->log, i);
		if (e->batch == NULL || e->n == 0 || e->first + e->n <= least)
			continue;
		for (c = s->log->cursors; c != NULL; c = c->next) {
			away |= c->away;
			behind |= c->away || c->sent < e->first;
		}
		/* Who is there may well confirm before the daemon ends. */
		if ((s->hurry && away) || e->since + SPOOL_LINGER <= tt_now(s->self) ||
		    (behind && s->self->in.bytes >= s->self->node->queue.bytes / 2))
			return true;
		*at = e->since + SPOOL_LINGER;
		return false;
	}
	return false;
}

static bool
spool_is_damaged(const struct tt_spool *s)
{
	return s->damaged == s->state.n_aside;
}

/* True if there is something else to be written. */
static bool
spool_has_news(const struct tt_spool *s)
{
	uint64_t least = tt_wslog_least(s->log);

	/* What has failed is tried until it works. */
	if (s->n_refused > 0 || spool_is_damaged(s) || s->backoff > 0)
		return true;
	if (s->state.first == s->state.next)
		return false;
	return least > s->saved_least || s->config->age > 0 || s->state.more;
}

void
tt_spool_look(struct tt_spool *s, bool hurry)
{
	int64_t now = tt_now(s->self), at;
	struct spool_job *j;
	bool due;

	s->hurry |= hurry;
	if (!s->complete || s->busy || s->closing || tt_timer_is_on(&s->retry))
		return;
	due = spool_is_due(s, &at);
	if (!due && spool_has_news(s)) {
		if (now >= s->cursors_at + SPOOL_PACE)
			due = true;
		else if (at == 0 || at > s->cursors_at + SPOOL_PACE)
			at = s->cursors_at + SPOOL_PACE;
	}
	if (!due) {
		if (at > 0 && (!tt_timer_is_on(&s->linger) || s->linger.due > at))
			tt_timer_start_at(&s->linger, at - now);
		return;
	}
	j = spool_job(s, SPOOL_WRITE);
	if (!s->full || s->config->when_full != TT_BLOCK)
		spool_gather(s, j);
	spool_gather_cursors(s, j);
	spool_gather_refused(s, j);
	spool_gather_drops(s, j);
	j->write.replace = spool_is_damaged(s);
	spool_submit(s, j);
}

static void
spool_lingered(struct tt_timer *timer)
{
	struct tt_spool *s = (struct tt_spool *)(void *)((char *)timer -
	    offsetof(struct tt_spool, linger));

	tt_spool_look(s, false);
}

/* --- what came of it ----------------------------------------------------- */

static void
spool_check_full(struct tt_spool *s)
{
	bool full = s->state.bytes >= s->config->bytes;

	if (full != s->full && s->config->when_full == TT_BLOCK) {
		tt_say_state(s->self, full ? "its spool is full" : NULL, NULL);
		if (full)
			spool_say(s, TT_LOG_WARNING, "%s has its %" PRId64 " bytes: "
			    "devices wait until a destination confirms", s->disk->path,
			    s->config->bytes);
		else
			spool_say(s, TT_LOG_NOTICE, "%s has room again", s->disk->path);
	}
	s->full = full;
}

static void
spool_opened(struct tt_spool *s, struct spool_job *j)
{
	s->is_open = true;
	s->state = j->state;
	s->saved = j->saved;
	j->saved = NULL;
	spool_say_use(s);
	spool_check_full(s);
	s->events->opened(s->self, NULL);
}

static void
spool_written(struct tt_spool *s, struct spool_job *j)
{
	uint64_t before = s->state.frames;

	s->state = j->state;
	if (j->gives_up && j->state.frames < before)
		s->events->gone(s->self, true, before - j->state.frames);
	if (j->state.dropped > 0)
		s->events->gone(s->self, false, j->state.dropped);
	if (s->state.first < s->state.next)
		tt_wslog_lose(s->log, 0, s->state.first);
	tt_wslog_stored(s->log, j->end);
	spool_say_use(s);
	spool_check_full(s);
	s->events->stored(s->self);
}

/* J's refused frames are not in the file: they go with the next write. */
static void
spool_keep_refused(struct tt_spool *s, struct spool_job *j)
{
	while (j->write.n_refused > 0 && s->n_refused < SPOOL_REFUSED)
		s->refused[s->n_refused++] = j->refused[--j->write.n_refused];
}

/* Where a write finds no room a smaller one may: the next has half the bytes.  They
 * grow again as writes succeed. */
static void
spool_set_commit(struct tt_spool *s, const struct spool_job *j)
{
	if (j->write.n_rows == 0)
		return;
	if (j->result == TT_SQLITE_LATER && s->commit > SPOOL_COMMIT_LEAST)
		s->commit /= 2;
	else if (j->result == TT_SQLITE_OK && s->commit < SPOOL_COMMIT)
		s->commit *= 2;
}

static void
spool_job_finished(struct tt_job *job)
{
	struct spool_job *j = (struct spool_job *)job;
	struct tt_spool *s = j->spool;
	enum spool_what what = j->what;

	s->busy = false;
	s->state.n_aside = j->state.n_aside;
	spool_set_commit(s, j);
	if (j->result != TT_SQLITE_OK)
		spool_keep_refused(s, j);
	if (j->note.text[0] != '\0')
		spool_say(s, TT_LOG_ERROR, "%s", j->note.text);
	if (j->result == TT_SQLITE_OK) {
		spool_works(s);
		if (what == SPOOL_OPEN)
			spool_opened(s, j);
		else
			spool_written(s, j);
	} else if (what != SPOOL_END && !spool_survives(s, j->result, &j->err)) {
		if (what == SPOOL_OPEN)
			s->events->opened(s->self, &j->err);
		else
			s->events->failed(s->self, &j->err);
	} else if (what == SPOOL_END) {
		spool_say(s, TT_LOG_ERROR, "%s", j->err.text);
	}
	spool_job_discard(job);
	if (what == SPOOL_END)
		s->events->closed(s->self);
	else if (s->closing)
		tt_spool_close(s);
	else
		tt_spool_look(s, false);
}

static void
spool_retry(struct tt_timer *timer)
{
	struct tt_spool *s = (struct tt_spool *)(void *)((char *)timer -
	    offsetof(struct tt_spool, retry));

	if (s->is_open)
		tt_spool_look(s, false);
	else
		spool_submit(s, spool_job(s, SPOOL_OPEN));
}

/* --- the rest ------------------------------------------------------------ */

/* The reader met damage: the next write sets the file aside, if none that is under way
 * does. */
static void
spool_damaged(void *arg)
{
	struct tt_spool *s = arg;

	s->damaged = s->state.n_aside;
	tt_spool_look(s, false);
}

void
tt_spool_read(struct tt_spool *s, struct tt_wscursor *c)
{
	tt_spoolread_ask(s->reader, c);
}

void
tt_spool_refuse(struct tt_spool *s, const struct tt_batch *batch, uint32_t i,
    const char *reason)
{
	if (s->n_refused == SPOOL_REFUSED)
		return;			/* counted and logged all the same */
	s->refused[s->n_refused++] = (struct tt_spool_refused){
		.batch = tt_batch_ref((struct tt_batch *)batch), .i = i,
		.reason = reason };
	tt_spool_look(s, false);
}

uint64_t
tt_spool_next(const struct tt_spool *s)
{
	return s->state.next;
}

uint64_t
tt_spool_frames(const struct tt_spool *s)
{
	return s->state.frames;
}

void
tt_spool_attach(struct tt_spool *s, struct tt_wscursor *c, const char *node)
{
	struct spool_saved *saved = s->saved;

	while (saved != NULL && strcmp(saved->node, node) != 0)
		saved = saved->next;
	if (saved == NULL && !s->state.cursors_lost) {
		tt_wscursor_attach(c, s->log);
	} else {
		if (saved != NULL)
			saved->taken = true;
		tt_wscursor_attach_at(c, s->log, saved != NULL ? saved->confirmed :
		    s->state.first);
		if (s->state.first < s->state.next)
			tt_wslog_lose(s->log, 0, s->state.first);
		else
			tt_wslog_lose(s->log, 0, s->log->next);
	}
	c->node = node;
}

void
tt_spool_complete(struct tt_spool *s)
{
	struct spool_job *j = spool_job(s, SPOOL_WRITE);
	struct spool_saved *saved;
	size_t n = 0;

	s->complete = true;
	for (saved = s->saved; saved != NULL; saved = saved->next)
		n += !saved->taken;
	if (n == 0) {
		spool_job_discard(&j->job);
		tt_spool_look(s, false);
		return;
	}
	j->removed = tt_xcalloc(n, sizeof *j->removed);
	for (saved = s->saved; saved != NULL; saved = saved->next)
		if (!saved->taken)
			j->removed[j->write.n_removed++] = tt_xstrdup(saved->node);
	j->write.removed = j->removed;
	j->gives_up = true;
	j->end = s->log->stored;
	spool_gather_cursors(s, j);
	spool_submit(s, j);
}

void
tt_spool_close(struct tt_spool *s)
{
	struct spool_job *j;

	s->closing = true;
	if (s->busy)
		return;			/* it comes back here */
	if (!s->complete) {
		s->events->closed(s->self);
		return;
	}
	tt_timer_stop(&s->linger);
	tt_timer_stop(&s->retry);
	j = spool_job(s, SPOOL_END);
	spool_gather(s, j);
	spool_gather_cursors(s, j);
	spool_gather_refused(s, j);
	spool_submit(s, j);
}

void
tt_spool_name(const struct tt_node *node, const struct tt_spool_config *c,
    char *buf, size_t size)
{
	const char *path = strchr(node->path, '/');

	if (c->path != NULL) {
		snprintf(buf, size, "%s", c->path);
		return;
	}
	/* "MasterThread/WebsocketMasterThread eu": WebsocketMasterThread-eu.spool */
	snprintf(buf, size, "%s.spool", path == NULL ? node->path : path + 1);
	for (char *p = buf; *p != '\0'; p++)
		if (*p == '/' || *p == ' ')
			*p = *p == '/' ? '.' : '-';
}

struct tt_spool *
tt_spool_open(struct tt_thread *self, struct tt_wslog *log,
    const struct tt_spool_config *config, const char *path,
    const struct tt_spool_events *events)
{
	struct tt_spool *s = tt_xcalloc(1, sizeof *s);

	s->self = self;
	s->log = log;
	s->config = config;
	s->events = events;
	s->commit = SPOOL_COMMIT;
	s->damaged = SPOOL_SOUND;
	s->disk = tt_xcalloc(1, sizeof *s->disk);
	s->disk->refs = 1;
	s->disk->path = tt_xstrdup(path);
	s->disk->file = tt_spoolfile_create(s->disk->path);
	s->writer = tt_offload_create(self->worker, "spool");
	s->reader = tt_spoolread_create(self, log, path, events->read, spool_damaged, s,
	    &s->state.n_aside);
	tt_timer_init(&s->linger, self, spool_lingered);
	tt_timer_init(&s->retry, self, spool_retry);
	spool_submit(s, spool_job(s, SPOOL_OPEN));
	return s;
}

void
tt_spool_destroy(struct tt_spool *s)
{
	if (s == NULL)
		return;
	tt_timer_stop(&s->linger);
	tt_timer_stop(&s->retry);
	tt_offload_destroy(s->writer, spool_job_discard);
	tt_spoolread_destroy(s->reader);
	while (s->n_refused > 0)
		tt_batch_unref((struct tt_batch *)s->refused[--s->n_refused].batch);
	spool_free_saved(s->saved);
	spool_disk_unref(s->disk);
	free(s);
}
