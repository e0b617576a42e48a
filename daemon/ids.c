/* ids.c - numbers that are never used twice by a state_dir.
 *
 * The counter is a file of its own, replaced as a whole: written beside, fsynced,
 * renamed, the directory fsynced.  Whenever the power goes, the old counter stands
 * there or the new one, and a range is used only once the new one cannot go away.
 *
 * The lock and the counter are shared by the daemon and the job that takes a
 * range ahead; the last of the two lets go of the lock.  Were it released earlier,
 * a job on a slow disk could put an old counter over the next daemon's. */
#include "daemon/ids.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/fault.h"
#include "daemon/log.h"
#include "daemon/memory.h"
#include "daemon/offload.h"

#define IDS_COUNTER "taskthread.numbers"
#define IDS_COUNTER_NEW IDS_COUNTER ".new"
#define IDS_LOCK "taskthread.lock"

struct ids_file {
	pthread_mutex_t mutex;
	unsigned refs;
	int dir, lock;
	uint64_t next;			/* the first number of the next range */
	uint64_t range;
	char *path;			/* of the directory, for messages */
	struct tt_ids *ids;		/* the loop's only; NULL once it is closed */
};

/* Takes one range ahead. */
struct ids_job {
	struct tt_job job;
	struct ids_file *file;
	int status;
	uint64_t first;
	struct tt_error err;
};

struct tt_ids {
	struct ids_file *file;
	pthread_mutex_t mutex;		/* of all that follows */
	struct tt_offload *offload;
	bool asking;			/* a job is under way */
	uint64_t next, end;		/* of the range in use */
	uint64_t ask_at;		/* the number that asks for the range after it */
	bool has_ahead;
	uint64_t ahead;			/* the first of that range */
	struct tt_error said;		/* the last line in the log */
};

/* --- the counter ----------------------------------------------------------- */

/* What the file holds for NEXT.  Returns its size.  The sum is FNV-1a: it finds
 * damage, and hands that only guess. */
static size_t
ids_format(uint64_t next, char buf[128])
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);
	int n = sprintf(buf, "taskthread numbers 1\nnext %" PRIu64 "\n", next);

	for (int i = 0; i < n; i++)
		sum = (sum ^ (unsigned char)buf[i]) * UINT64_C(0x100000001b3);
	return (size_t)(n + sprintf(buf + n, "sum %016" PRIx64 "\n", sum));
}

/* Reads up to SIZE bytes of NAME, and a NUL.  Returns how many, or -1. */
static ssize_t
ids_read_file(int fd, char *buf, size_t size)
{
	ssize_t n;

	do
		n = pread(fd, buf, size, 0);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		buf[n] = '\0';
	return n;
}

/* Reads the counter into file->next.  USED says that there must be one. */
static int
ids_read(struct ids_file *file, bool used, struct tt_error *err)
{
	char found[128], right[128];
	ssize_t n;
	int fd;

	fd = openat(file->dir, IDS_COUNTER, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && !used) {
		file->next = 0;
		return 0;
	}
	if (fd < 0 && errno == ENOENT)
		return tt_error_set(err, "%s/%s is missing, but numbers have been "
		    "used here: put it back, or begin with an empty state_dir",
		    file->path, IDS_COUNTER);
	if (fd < 0)
		return tt_error_set(err, "%s/%s: %s", file->path, IDS_COUNTER,
		    strerror(errno));
	n = ids_read_file(fd, found, sizeof found - 1);
	if (n < 0) {
		tt_error_set(err, "%s/%s: %s", file->path, IDS_COUNTER,
		    strerror(errno));
		close(fd);
		return -1;
	}
	close(fd);
	if (sscanf(found, "taskthread numbers 1\nnext %" SCNu64, &file->next) != 1
	    || ids_format(file->next, right) != (size_t)n
	    || memcmp(found, right, (size_t)n) != 0)
		return tt_error_set(err, "%s/%s is damaged, or not taskthread's: "
		    "put the right one back, or begin with an empty state_dir",
		    file->path, IDS_COUNTER);
	return 0;
}

static int
ids_write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0) {
			data += n;
			size -= (size_t)n;
		}
	}
	return 0;
}

/* Makes NEXT the counter, for good.  After a failure the old one or the new one
 * stands there: no number of the new range has been used, so either is right. */
static int
ids_write(struct ids_file *file, uint64_t next, struct tt_error *err)
{
	char data[128];
	size_t size = ids_format(next, data);
	const char *what = IDS_COUNTER_NEW;
	int fd, failed;

	fd = openat(file->dir, IDS_COUNTER_NEW,
	    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (fd < 0)
		goto fail;
	failed = ids_write_all(fd, data, size) < 0 || fsync(fd) < 0 ? errno : 0;
	if (close(fd) < 0 && failed == 0)
		failed = errno;
	if (failed != 0) {
		unlinkat(file->dir, IDS_COUNTER_NEW, 0);
		errno = failed;
		goto fail;
	}
	what = IDS_COUNTER;
	(void)tt_fault("ids.written");
	if (renameat(file->dir, IDS_COUNTER_NEW, file->dir, IDS_COUNTER) < 0
	    || (fsync(file->dir) < 0 && errno != EINVAL))
		goto fail;		/* EINVAL: no directory can be fsynced there */
	return 0;
fail:
	return tt_error_set(err, "%s/%s: %s", file->path, what, strerror(errno));
}

/* Takes a range from the counter.  On any OS thread. */
static int
ids_take(struct ids_file *file, uint64_t *first, struct tt_error *err)
{
	int status;

	pthread_mutex_lock(&file->mutex);
	if (file->next > TT_ID_END - file->range) {
		status = tt_error_set(err, "%s: the numbers below 2^53 are used up: "
		    "begin with an empty state_dir", file->path);
	} else {
		status = ids_write(file, file->next + file->range, err);
		(void)tt_fault("ids.taken");
		if (status == 0) {
			*first = file->next;
			file->next += file->range;
		}
	}
	pthread_mutex_unlock(&file->mutex);
	return status;
}

/* --- the directory and its lock -------------------------------------------- */

/* fsyncs the directory that PATH[0..LENGTH] is in, so that it stays there.  The
 * directory may be one that we cannot read: then the system's word must do. */
static void
ids_sync_parent(char *path, size_t length)
{
	char *slash, kept;
	int fd;

	kept = path[length];
	path[length] = '\0';
	slash = strrchr(path, '/');
	path[length] = kept;
	if (slash == NULL)
		return;
	kept = slash[1];
	slash[1] = '\0';
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	slash[1] = kept;
	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
}

/* Makes PATH and what is missing above it. */
static int
ids_make_dir(const char *state_dir, struct tt_error *err)
{
	char *path = tt_xstrdup(state_dir);
	size_t length = strlen(path), i;
	struct stat st;
	int status = 0;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		length = 0;
	for (i = 1; i <= length && status == 0; i++) {
		char kept = path[i];

		if ((kept != '/' && kept != '\0') || path[i - 1] == '/')
			continue;
		path[i] = '\0';
		if (mkdir(path, 0750) == 0)
			ids_sync_parent(path, i);
		else if (errno != EEXIST)
			status = tt_error_set(err, "state_dir %s cannot be made: "
			    "%s: %s", state_dir, path, strerror(errno));
		path[i] = kept;
	}
	free(path);
	return status;
}

/* The lock file holds the process that has it, for whom it keeps out, and the word
 * `numbers` from the first range on.  One line of one size: it is written over,
 * not anew. */
static void
ids_write_lock(const struct ids_file *file, bool used)
{
	char line[32];
	int n = snprintf(line, sizeof line, "%-12ld%-8s\n", (long)getpid(),
	    used ? "numbers" : "");

	if (pwrite(file->lock, line, (size_t)n, 0) < 0)
		tt_log(TT_LOG_WARNING, NULL, "%s/%s: %s", file->path, IDS_LOCK,
		    strerror(errno));
}

/* Locks the directory.  *USED tells if numbers have been taken from it. */
static int
ids_lock(struct ids_file *file, bool *used, struct tt_error *err)
{
	char line[32];
	long pid = 0;

	file->lock = openat(file->dir, IDS_LOCK,
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (file->lock < 0)
		return tt_error_set(err, "state_dir %s: %s: %s", file->path,
		    IDS_LOCK, strerror(errno));
	if (ids_read_file(file->lock, line, sizeof line - 1) < 0)
		line[0] = '\0';
	if (flock(file->lock, LOCK_EX | LOCK_NB) == 0) {
		*used = strstr(line, "numbers") != NULL;
		ids_write_lock(file, *used);
		return 0;
	}
	if (errno != EWOULDBLOCK)
		return tt_error_set(err, "state_dir %s: %s: %s", file->path,
		    IDS_LOCK, strerror(errno));
	if (sscanf(line, "%ld", &pid) == 1 && pid > 0)
		return tt_error_set(err, "state_dir %s is in use by another "
		    "taskthreadd, process %ld", file->path, pid);
	return tt_error_set(err, "state_dir %s is in use by another taskthreadd",
	    file->path);
}

static void
ids_file_unref(struct ids_file *file)
{
	bool last;

	pthread_mutex_lock(&file->mutex);
	last = --file->refs == 0;
	pthread_mutex_unlock(&file->mutex);
	if (!last)
		return;
	if (file->lock >= 0)
		close(file->lock);
	if (file->dir >= 0)
		close(file->dir);
	pthread_mutex_destroy(&file->mutex);
	free(file->path);
	free(file);
}

/* --- the numbers ------------------------------------------------------------ */

static void
ids_use_range(struct tt_ids *ids, uint64_t first)
{
	/* 0 is no number, but the range is spent all the same. */
	ids->next = first == 0 ? 1 : first;
	ids->end = first + ids->file->range;
	ids->ask_at = first + ids->file->range / 2;
	ids->said.text[0] = '\0';
}

struct tt_ids *
tt_ids_open_with(const char *state_dir, uint64_t range, struct tt_error *err)
{
	struct tt_ids *ids = tt_xcalloc(1, sizeof *ids);
	struct ids_file *file = tt_xcalloc(1, sizeof *file);
	bool used = false;
	uint64_t first;

	assert(range > 0 && range <= TT_ID_RANGE);
	ids->file = file;
	file->ids = ids;
	pthread_mutex_init(&ids->mutex, NULL);
	pthread_mutex_init(&file->mutex, NULL);
	file->refs = 1;
	file->range = range;
	file->path = tt_xstrdup(state_dir);
	file->dir = file->lock = -1;
	if (ids_make_dir(state_dir, err) < 0)
		goto fail;
	file->dir = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (file->dir < 0) {
		tt_error_set(err, "state_dir %s: %s", state_dir, strerror(errno));
		goto fail;
	}
	if (ids_lock(file, &used, err) < 0 || ids_read(file, used, err) < 0
	    || ids_take(file, &first, err) < 0)
		goto fail;
	if (!used)
		ids_write_lock(file, true);
	ids_use_range(ids, first);
	return ids;
fail:
	tt_ids_close(ids);
	return NULL;
}

struct tt_ids *
tt_ids_open(const char *state_dir, struct tt_error *err)
{
	return tt_ids_open_with(state_dir, TT_ID_RANGE, err);
}

void
tt_ids_use(struct tt_ids *ids, struct tt_offload *offload)
{
	ids->offload = offload;
}

/* Says WHAT and why, if it is not what was said last. */
static void
ids_say(struct tt_ids *ids, enum tt_log_level level, const char *what,
    const struct tt_error *err)
{
	struct tt_error text;

	tt_error_set(&text, "%s: %s", what, err->text);
	if (strcmp(ids->said.text, text.text) == 0)
		return;
	ids->said = text;
	tt_log(level, NULL, "%s", text.text);
}

static void
ids_job_run(struct tt_job *base)
{
	struct ids_job *job = (struct ids_job *)base;

	job->status = ids_take(job->file, &job->first, &job->err);
}

void
tt_ids_discard(struct tt_job *base)
{
	struct ids_job *job = (struct ids_job *)base;

	ids_file_unref(job->file);
	free(job);
}

static void
ids_job_finished(struct tt_job *base)
{
	struct ids_job *job = (struct ids_job *)base;
	struct tt_ids *ids = job->file->ids;

	if (ids != NULL) {
		pthread_mutex_lock(&ids->mutex);
		ids->asking = false;
		if (job->status == 0) {
			ids->has_ahead = true;
			ids->ahead = job->first;
			ids->said.text[0] = '\0';
		} else {
			/* Again when half of the rest is gone. */
			ids_say(ids, TT_LOG_WARNING,
			    "no numbers can be taken ahead", &job->err);
			ids->ask_at = ids->next + (ids->end - ids->next) / 2;
		}
		pthread_mutex_unlock(&ids->mutex);
	}
	tt_ids_discard(base);
}

static void
ids_ask(struct tt_ids *ids)
{
	struct ids_job *job = tt_xcalloc(1, sizeof *job);

	job->job.run = ids_job_run;
	job->job.finished = ids_job_finished;
	job->file = ids->file;
	pthread_mutex_lock(&job->file->mutex);
	job->file->refs++;
	pthread_mutex_unlock(&job->file->mutex);
	ids->asking = true;
	tt_offload_submit(ids->offload, &job->job);
}

/* Begins the next range: the one taken ahead, or one that is taken now. */
static int
ids_next_range(struct tt_ids *ids)
{
	struct tt_error err;
	uint64_t first;

	if (ids->has_ahead) {
		ids->has_ahead = false;
		first = ids->ahead;
	} else if (ids_take(ids->file, &first, &err) < 0) {
		ids_say(ids, TT_LOG_ERROR, "no number for a connection", &err);
		return -1;
	}
	ids_use_range(ids, first);
	return 0;
}

static uint64_t
ids_next(struct tt_ids *ids)
{
	uint64_t number;

	while (ids->next >= ids->end) {
		if (ids_next_range(ids) < 0)
			return 0;
	}
	number = ids->next++;
	if (number >= ids->ask_at && !ids->has_ahead && !ids->asking
	    && ids->offload != NULL)
		ids_ask(ids);
	return number;
}

uint64_t
tt_ids_next(struct tt_ids *ids)
{
	uint64_t number;

	pthread_mutex_lock(&ids->mutex);
	number = ids_next(ids);
	pthread_mutex_unlock(&ids->mutex);
	return number;
}

uint64_t
tt_ids_range(struct tt_ids *ids, struct tt_error *err)
{
	uint64_t first;

	return ids_take(ids->file, &first, err) < 0 ? 0 : first;
}

void
tt_ids_close(struct tt_ids *ids)
{
	if (ids == NULL)
		return;
	ids->file->ids = NULL;
	ids_file_unref(ids->file);
	pthread_mutex_destroy(&ids->mutex);
	free(ids);
}
