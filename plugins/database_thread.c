/* database_thread.c - keeps frames in an SQLite file.
 *
 * It blocks, on an OS thread of its own.  Batches wait in a list until a
 * transaction has been committed with them; then they are done.  A commit comes
 * when there is enough for one, when the first has lingered, or at once when the
 * daemon stops; what arrives during a commit waits for the next.
 *
 *              enough, or lingered                  done
 *      waiting -------------------> commit -----------------> waiting
 *                                     |  ^
 *                 disk full, file busy|  | backoff
 *                                     v  |
 *                                   retrying        nothing is given up but by hurry() */
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/taskthread.h"
#include "plugins/kinds.h"
#include "plugins/sqlite.h"

#define DATABASE_COMMIT (8 << 20)	/* bytes of one transaction */
#define DATABASE_EXPIRE_AGAIN 100000000	/* ns until more go that are past their age */
#define DATABASE_BACKOFF 100000000	/* ns before the first retry */
#define DATABASE_BACKOFF_MAX 5000000000
#define DATABASE_BROKEN 5		/* times that the file breaks in a row */

enum { DURABILITY_FULL, DURABILITY_LAZY };

struct database_config {
	const char *path;
	int durability;
	int64_t linger;			/* ns from the first batch that waits */
	struct database_retain {
		bool given;
		int64_t rows, age, bytes;	/* 0: no limit */
	} retain;
};

struct database {
	struct tt_thread thread;
	struct tt_sqlite *file;
	char *path;
	struct tt_task commit;
	struct tt_timer linger, retry, expire;
	struct tt_sqlite_item *waiting;	/* oldest first */
	size_t n, size;
	int64_t bytes, frames;		/* of those */
	int64_t enough;			/* bytes for a commit at once, and frames, */
	int64_t enough_frames;		/* or 0 */
	int64_t commit_bytes;		/* of one transaction, in whole batches */
	int64_t backoff;		/* ns, 0 while all is well */
	int64_t trouble_since;
	struct tt_error trouble;	/* what was logged of it */
	unsigned broken;
	struct tt_flood refused;
};

static const char *const database_durabilities[] = { "full", "lazy", NULL };

/* A rule without a limit would keep all, and look as if it did not. */
static void
database_check_retain(struct tt_check *check, void *value)
{
	const struct database_retain *retain = value;

	if (retain->rows == 0 && retain->age == 0 && retain->bytes == 0)
		tt_check_error(check, NULL, "retain: {rows: 1000000}, {age: 30d}, "
		    "{bytes: 1GiB}, or several of them",
		    "retain has no rows, no age and no bytes");
}

static const struct tt_option database_retain_options[] = {
	{ .name = "rows", .type = TT_OPT_INT, .live = true,
	  .min = 1, .max = INT64_C(1000000000000000),
	  .offset = offsetof(struct database_retain, rows),
	  .help = "the newest rows that each table keeps" },
	{ .name = "age", .type = TT_OPT_DURATION, .live = true,
	  .min = 1000000000, .max = INT64_C(315360000000000000),
	  .offset = offsetof(struct database_retain, age),
	  .help = "how long a frame is kept from the time it was received" },
	{ .name = "bytes", .type = TT_OPT_SIZE, .live = true,
	  .min = 1 << 20, .max = INT64_C(1) << 50,
	  .offset = offsetof(struct database_retain, bytes),
	  .help = "what the file may have, with its WAL" },
	TT_OPTIONS_END
};

static const struct tt_option database_options[] = {
	{ .name = "path", .type = TT_OPT_PATH, .required = true,
	  .offset = offsetof(struct database_config, path),
	  .help = "the database file; a relative path is below state_dir" },
	{ .name = "durability", .type = TT_OPT_ENUM, .standard = "full",
	  .offset = offsetof(struct database_config, durability),
	  .choices = database_durabilities,
	  .help = "full: a commit survives a power cut; lazy: it survives a crash" },
	{ .name = "linger", .type = TT_OPT_DURATION, .standard = "10ms",
	  .offset = offsetof(struct database_config, linger),
	  .max = INT64_C(10000000000),
	  .help = "how long frames wait for others to be committed with them" },
	{ .name = "retain", .type = TT_OPT_GROUP, .group = database_retain_options,
	  .offset = offsetof(struct database_config, retain), .live = true, .off = true,
	  .check = database_check_retain,
	  .help = "what the file keeps, the oldest goes; absent: all" },
	TT_OPTIONS_END
};

/* --- trouble ------------------------------------------------------------- */

/* Jitter keeps several databases on one full disk from trying all at once. */
static int64_t
database_jitter(int64_t ns)
{
	return ns / 2 + (int64_t)arc4random_uniform((uint32_t)(ns / 2000)) * 1000;
}

/* What the status shows of it. */
static void
database_say(struct database *d, const struct tt_error *err)
{
	size_t n = strlen(d->path);
	const char *text = err->text;
	char what[128], more[64];

	if (strncmp(text, d->path, n) == 0 && strncmp(text + n, ": ", 2) == 0)
		text += n + 2;
	snprintf(what, sizeof what, "%.64s, tried again", text);
	snprintf(more, sizeof more, "%lld frames wait", (long long)d->frames);
	tt_say_state(&d->thread, what, d->frames > 0 ? more : NULL);
}

/* Tries again later, and says why where that is new. */
static void
database_retry(struct database *d, const struct tt_error *err, const char *remedy)
{
	struct tt_thread *self = &d->thread;
	char info[512];

	if (d->backoff == 0)
		d->trouble_since = tt_now(self);
	if (strcmp(d->trouble.text, err->text) != 0) {
		tt_log(TT_LOG_WARNING, tt_info(self, info, sizeof info),
		    "%s; %s", err->text, remedy);
		d->trouble = *err;
	}
	database_say(d, err);
	d->backoff = d->backoff == 0 ? DATABASE_BACKOFF : 2 * d->backoff;
	if (d->backoff > DATABASE_BACKOFF_MAX)
		d->backoff = DATABASE_BACKOFF_MAX;
	tt_timer_stop(&d->linger);
	tt_timer_start_at(&d->retry, database_jitter(d->backoff));
}

static void
database_works(struct database *d)
{
	struct tt_thread *self = &d->thread;
	char info[512];

	d->broken = 0;
	if (d->backoff == 0)
		return;
	tt_log(TT_LOG_NOTICE, tt_info(self, info, sizeof info),
	    "%s: works again after %.1f s", d->path,
	    (double)(tt_now(self) - d->trouble_since) / 1e9);
	tt_say_state(self, NULL, NULL);
	d->backoff = 0;
	d->trouble.text[0] = '\0';
}

/* What is to be done about RESULT, which is not OK: true if it is tried again. */
static bool
database_survives(struct database *d, enum tt_sqlite_result result,
    const struct tt_error *err)
{
	if (result == TT_SQLITE_LATER) {
		database_retry(d, err, "it is tried again until it works");
		return true;
	}
	if (result == TT_SQLITE_FAILED || ++d->broken >= DATABASE_BROKEN)
		return false;
	database_retry(d, err, "the file is opened anew");
	return true;
}

/* Says what became of a damaged file. */
static void
database_report_damage(struct database *d)
{
	struct tt_thread *self = &d->thread;
	const char *note = tt_sqlite_note(d->file);
	char info[512];

	if (note != NULL)
		tt_log(TT_LOG_ERROR, tt_info(self, info, sizeof info), "%s", note);
}

/* --- committing ---------------------------------------------------------- */

static void
database_report_refused(struct database *d)
{
	struct tt_thread *self = &d->thread;
	const struct tt_sqlite_refused *r;
	uint64_t frames = 0;
	char info[512];
	size_t n;

	for (r = tt_sqlite_refused(d->file, &n); n > 0; r++, n--) {
		frames += r->n;
		if (tt_flood_allows(&d->refused))
			tt_log(TT_LOG_WARNING, tt_info(self, info, sizeof info),
			    "SQLite refuses frames %llu to %llu of connection %llu "
			    "on %s (%s): they are in the table refused",
			    (unsigned long long)r->seq,
			    (unsigned long long)(r->seq + r->n - 1),
			    (unsigned long long)r->connection,
			    self->node->in[r->channel], r->reason);
	}
	if (frames > 0)
		tt_count_refused(self, TT_REASON_DATABASE, frames);
}

/* Commits when it is time to, or sees to it that it will be. */
static void
database_schedule(struct database *d)
{
	const struct database_config *c = d->thread.config;
	bool closing = d->thread.state == TT_CLOSING;

	if (d->n == 0) {
		tt_timer_stop(&d->linger);
		if (closing)
			tt_exit(&d->thread);
	} else if (tt_timer_is_on(&d->retry)) {
		return;
	} else if (closing || d->thread.draining || c->linger == 0 ||
	    d->bytes >= d->enough ||
	    (d->enough_frames > 0 && d->frames >= d->enough_frames)) {
		tt_timer_stop(&d->linger);
		tt_task_reschedule(&d->commit);
	} else if (!tt_timer_is_on(&d->linger)) {
		tt_timer_start(&d->linger, c->linger);
	}
}

/* How many of the batches that wait go into one transaction. */
static size_t
database_transaction(const struct database *d)
{
	int64_t bytes = 0;
	size_t n;

	for (n = 0; n < d->n && bytes < d->commit_bytes; n++)
		bytes += tt_batch_cost(d->waiting[n].batch);
	return n;
}

/* The N oldest are in the file. */
static void
database_done(struct database *d, size_t n)
{
	if (n == 0)
		return;
	for (size_t i = 0; i < n; i++) {
		d->bytes -= tt_batch_cost(d->waiting[i].batch);
		d->frames -= d->waiting[i].batch->n;
	}
	d->n -= n;
	memmove(d->waiting, d->waiting + n, d->n * sizeof d->waiting[0]);
	tt_done(&d->thread, (unsigned)n);	/* home may free them now */
}

static void
database_commit(struct database *d)
{
	size_t n = database_transaction(d);
	enum tt_sqlite_result result;
	struct tt_error err = { "" };

	/* Without a batch it is tried whether the file works again. */
	if (n > 0 || d->backoff > 0) {
		(void)tt_fault("db.commit");
		result = tt_sqlite_write(d->file, d->waiting, n, &err);
		database_report_damage(d);
		if (result == TT_SQLITE_OK) {
			(void)tt_fault("db.committed");
			database_works(d);
			database_report_refused(d);
			database_done(d, n);
			result = tt_sqlite_checkpoint(d->file, &err);
			database_report_damage(d);
		}
		if (result != TT_SQLITE_OK && !database_survives(d, result, &err)) {
			tt_fail(&d->thread, &err);
			if (d->thread.state == TT_CLOSING)
				tt_exit(&d->thread);
			return;
		}
	}
	database_schedule(d);
}

static void
database_commit_task(struct tt_task *task)
{
	database_commit((struct database *)(void *)((char *)task -
	    offsetof(struct database, commit)));
}

static void
database_lingered(struct tt_timer *timer)
{
	tt_task_reschedule(&((struct database *)timer->thread)->commit);
}

/* --- age ----------------------------------------------------------------- */

/* How often it is looked for rows that are past their age, while no frame comes. */
static int64_t
database_expire_period(const struct database *d)
{
	const struct database_config *c = d->thread.config;
	int64_t period = c->retain.age / 10;

	return period < INT64_C(1000000000) ? INT64_C(1000000000) :
	    period > INT64_C(60000000000) ? INT64_C(60000000000) : period;
}

/* A busy file or a full disk is no trouble here: it is looked for them again. */
static void
database_expire(struct tt_timer *timer)
{
	struct database *d = (struct database *)timer->thread;
	enum tt_sqlite_result result = TT_SQLITE_OK;
	struct tt_error err = { "" };
	bool more = false;

	if (d->thread.state == TT_CLOSING)
		return;
	if (!tt_timer_is_on(&d->retry)) {
		result = tt_sqlite_expire(d->file, &more, &err);
		database_report_damage(d);
		if (result == TT_SQLITE_OK && more)
			result = tt_sqlite_checkpoint(d->file, &err);
	}
	if (result != TT_SQLITE_OK && result != TT_SQLITE_LATER &&
	    !database_survives(d, result, &err)) {
		tt_fail(&d->thread, &err);
		return;
	}
	tt_timer_start_at(&d->expire, more ? DATABASE_EXPIRE_AGAIN :
	    database_expire_period(d));
}

/* --- entering ------------------------------------------------------------ */

/* Returns as enter() does. */
static int
database_open(struct database *d, struct tt_error *err)
{
	enum tt_sqlite_result result = tt_sqlite_open(d->file, err);

	database_report_damage(d);
	if (result == TT_SQLITE_OK) {
		database_works(d);
		return 0;
	}
	return database_survives(d, result, err) ? TT_LATER : -1;
}

static void
database_retry_timer(struct tt_timer *timer)
{
	struct database *d = (struct database *)timer->thread;
	struct tt_error err = { "" };
	int r;

	if (d->thread.state != TT_ENTERING) {
		database_commit(d);
		return;
	}
	r = database_open(d, &err);
	if (r != TT_LATER)
		tt_entered(&d->thread, r == 0 ? NULL : &err);
}

static int
database_enter(struct tt_thread *self, struct tt_error *err)
{
	struct database *d = (struct database *)self;
	const struct database_config *c = self->config;
	const struct tt_node *node = self->node;
	char path[PATH_MAX];

	tt_task_init(&d->commit, self, database_commit_task);
	tt_timer_init(&d->linger, self, database_lingered);
	tt_timer_init(&d->retry, self, database_retry_timer);
	tt_timer_init(&d->expire, self, database_expire);
	tt_flood_init(&d->refused, self, "refusals");
	if (tt_state_path(self, c->path, path, sizeof path) == NULL)
		return tt_error_set(err, "%.64s...: longer than a path may be",
		    c->path);
	/* Half of the queue, so that the other half fills meanwhile. */
	d->commit_bytes = DATABASE_COMMIT;
	if (c->retain.bytes > 0 && d->commit_bytes > c->retain.bytes / 8)
		d->commit_bytes = c->retain.bytes / 8;
	d->enough = node->queue.bytes / 2;
	if (d->enough > d->commit_bytes / 2)
		d->enough = d->commit_bytes / 2;
	d->enough_frames = (node->queue.frames + 1) / 2;
	d->path = tt_xstrdup(path);
	d->file = tt_sqlite_create(d->path, c->durability == DURABILITY_FULL,
	    node->n_in, node->in);
	if (c->retain.given)
		tt_sqlite_retain(d->file, &(struct tt_sqlite_retain){
		    .rows = c->retain.rows, .age = c->retain.age,
		    .bytes = c->retain.bytes });
	if (c->retain.age > 0)
		tt_timer_start_at(&d->expire, database_expire_period(d));
	return database_open(d, err);
}

static void
database_exit(struct tt_thread *self)
{
	struct database *d = (struct database *)self;

	tt_say_state(self, NULL, NULL);
	tt_task_cancel(&d->commit);
	tt_timer_stop(&d->linger);
	tt_timer_stop(&d->retry);
	tt_timer_stop(&d->expire);
	tt_flood_finish(&d->refused);
	tt_sqlite_destroy(d->file);
	free(d->path);
	free(d->waiting);
}

/* --- handlers ------------------------------------------------------------ */

/* The queue at home holds the batch until it is done. */
static void
database_signal_handler(struct tt_thread *self, const struct tt_signal *sig)
{
	struct database *d = (struct database *)self;

	if (sig->batch == NULL)
		return;
	if (d->n == d->size) {
		d->size = d->size == 0 ? 64 : 2 * d->size;
		d->waiting = tt_xrealloc(d->waiting, d->size * sizeof d->waiting[0]);
	}
	d->waiting[d->n++] = (struct tt_sqlite_item){
		.batch = sig->batch, .channel = sig->channel,
	};
	d->bytes += tt_batch_cost(sig->batch);
	d->frames += sig->batch->n;
	database_schedule(d);
}

static void
database_drain(struct tt_thread *self)
{
	database_schedule((struct database *)self);
}

static bool
database_closing(struct tt_thread *self)
{
	struct database *d = (struct database *)self;

	if (d->n == 0)
		return true;
	database_schedule(d);
	return false;
}

static void
database_hurry(struct tt_thread *self)
{
	struct database *d = (struct database *)self;
	char info[512];

	if (d->n > 0)
		tt_log(TT_LOG_ERROR, tt_info(self, info, sizeof info),
		    "%s: %lld frames were not written: there was no time left",
		    d->path, (long long)d->frames);
	tt_exit(self);
}

/* --- the schema ---------------------------------------------------------- */

static bool
database_durable(const struct tt_node *node)
{
	(void)node;
	return true;
}

static int64_t
database_resident(const struct tt_node *node)
{
	/* The list of batches, should they all be as small as they can be. */
	int64_t list = 2 * node->queue.bytes / (int64_t)sizeof(struct tt_batch) *
	    (int64_t)sizeof(struct tt_sqlite_item);

	return TT_SQLITE_RESIDENT + node->frame_max + list;
}

static bool
database_claims(const struct tt_node *node, size_t i, char *buf, size_t size)
{
	const struct database_config *c = node->config;

	snprintf(buf, size, "%s", c->path);
	return i == 0;
}

const struct tt_kind tt_database_thread = {
	.schema = {
		.name		= "DatabaseThread",
		.help		= "keeps frames in an SQLite file",
		.in		= "data",
		.leaf		= true,
		.flags		= TT_BLOCKING | TT_KEEPS | TT_CONSUMES | TT_ANY,
		.options	= database_options,
		.config_size	= sizeof(struct database_config),
		.durable	= database_durable,
		.resident	= database_resident,
		.claims		= database_claims,
	},
	.size		= sizeof(struct database),
	.enter		= database_enter,
	.exit		= database_exit,
	.signal_handler	= database_signal_handler,
	.drain		= database_drain,
	.closing	= database_closing,
	.hurry		= database_hurry,
};
