/* spoolread.c - what a destination that lags behind reads from the spool's file. */
#include "plugins/spoolread.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/taskthread.h"
#include "plugins/spoolfile.h"

#define SPOOLREAD_MOST (1 << 20)	/* bytes of one read */
#define SPOOLREAD_PAUSE 1000000000	/* ns after one that failed */

/* The handle, for the reading and its jobs: within a job it is the OS thread's. */
struct spoolread_disk {
	_Atomic unsigned refs;
	struct tt_spoolreader *reader;
	char *path;
};

struct spoolread_job {
	struct tt_job job;
	struct spoolread_disk *disk;
	struct tt_spoolread *spool;
	struct tt_wscursor *cursor;
	unsigned generation;
	unsigned n_aside;		/* when it was submitted */
	uint64_t position;
	uint64_t memory;		/* where the log in memory began */
	struct tt_spool_block block;
	enum tt_sqlite_result result;
	struct tt_error err;
};

/* A node that frames in the file name, and that is not in the tree. */
struct spoolread_node {
	struct spoolread_node *next;
	struct tt_node node;
	char path[];
};

struct tt_spoolread {
	struct tt_thread *self;
	struct tt_wslog *log;
	void (*read)(struct tt_thread *self, struct tt_wscursor *c);
	void (*damaged)(void *arg);
	void *arg;
	const unsigned *n_aside;
	struct spoolread_disk *disk;
	struct tt_offload *offload;
	struct spoolread_node *nodes;
	struct tt_memory memory;	/* of what was read */
	struct tt_origin *origin;	/* of the last row */
	struct tt_job *failed;		/* to be tried again */
	struct tt_timer pause;
};

/* --- the jobs' side ------------------------------------------------------ */

static void
spoolread_unref(struct spoolread_disk *disk)
{
	if (atomic_fetch_sub(&disk->refs, 1) > 1)
		return;
	tt_spoolreader_destroy(disk->reader);
	free(disk->path);
	free(disk);
}

static void
spoolread_run(struct tt_job *job)
{
	struct spoolread_job *j = (struct spoolread_job *)job;

	j->result = tt_spoolreader_read(j->disk->reader, j->position, SPOOLREAD_MOST,
	    &j->block, &j->err);
}

static void
spoolread_discard(struct tt_job *job)
{
	struct spoolread_job *j = (struct spoolread_job *)job;

	tt_spool_block_free(&j->block);
	spoolread_unref(j->disk);
	free(j);
}

/* --- from rows to batches ------------------------------------------------ */

static const struct tt_node *
spoolread_find_node(const struct tt_node *node, const char *path)
{
	const struct tt_node *found;
	size_t n = strlen(node->path);

	if (strcmp(node->path, path) == 0)
		return node;
	if (strncmp(path, node->path, n) != 0 || path[n] != '/')
		return NULL;
	for (unsigned i = 0; i < node->n_children; i++) {
		found = spoolread_find_node(node->children[i], path);
		if (found != NULL)
			return found;
	}
	return NULL;
}

/* The node of that path; one that the tree has no longer is made for its name. */
static const struct tt_node *
spoolread_node(struct tt_spoolread *r, const char *path)
{
	const struct tt_node *root = r->self->node, *node;
	struct spoolread_node *made;

	while (root->parent != NULL)
		root = root->parent;
	node = spoolread_find_node(root, path);
	if (node != NULL)
		return node;
	for (made = r->nodes; made != NULL; made = made->next)
		if (strcmp(made->path, path) == 0)
			return &made->node;
	made = tt_xcalloc(1, sizeof *made + strlen(path) + 1);
	strcpy(made->path, path);
	made->node.path = made->path;
	made->next = r->nodes;
	r->nodes = made;
	return &made->node;
}

/* Rows of one connection follow each other: they share an origin. */
static struct tt_origin *
spoolread_origin(struct tt_spoolread *r, const struct tt_spool_found *f)
{
	if (r->origin != NULL && r->origin->connection == f->connection)
		return r->origin;
	if (r->origin != NULL)
		tt_origin_unref(r->origin);
	r->origin = tt_origin_create(&r->memory, spoolread_node(r, f->node), f->connection,
	    f->peer, f->local);
	return r->origin;
}

static struct tt_wssegment *
spoolread_segment(struct tt_spoolread *r, const struct tt_spool_found *f)
{
	const struct tt_node *node = r->self->node;
	struct tt_wssegment *segment;
	struct tt_origin *origin;
	struct tt_chunk *chunk;
	unsigned channel = 0;
	uint32_t at = 0;

	while (channel < node->n_in && strcmp(node->in[channel], f->channel) != 0)
		channel++;
	if (channel == node->n_in)
		return NULL;		/* a channel that it takes no longer */
	origin = spoolread_origin(r, f);
	chunk = tt_chunk_create(origin, (uint32_t)f->size);
	memcpy(chunk->bytes, f->payload, f->size);
	chunk->used = (uint32_t)f->size;
	segment = tt_xcalloc(1, sizeof *segment);
	segment->batch = tt_batch_create(origin, chunk, f->n);
	for (uint32_t i = 0; i < f->n; i++) {
		tt_batch_add(segment->batch, at, f->lengths[i]);
		at += f->lengths[i];
	}
	segment->batch->first_seq = f->first_seq;
	segment->batch->received_at = f->received_at;
	segment->first = f->first;
	segment->channel = channel;
	tt_chunk_unref(chunk);
	return segment;
}

static bool
spoolread_has_cursor(const struct tt_spoolread *r, const struct tt_wscursor *wanted)
{
	const struct tt_wscursor *c = r->log->cursors;

	while (c != NULL && c != wanted)
		c = c->next;
	return c != NULL;
}

/* The segments of J's rows are C's, or nobody's. */
static void
spoolread_feed(struct tt_spoolread *r, struct spoolread_job *j)
{
	struct tt_wssegment *first = NULL, **end = &first;
	struct tt_spool_found *f;
	char info[512];

	for (f = j->block.first; f != NULL; f = f->next) {
		*end = spoolread_segment(r, f);
		if (*end != NULL)
			end = &(*end)->next;
	}
	if (j->block.damaged > 0)
		tt_log(TT_LOG_ERROR, tt_info(r->self, info, sizeof info),
		    "%" PRIu64 " frames in %s are damaged and left out",
		    j->block.damaged, r->disk->path);
	/* At the end of the file all has been read that is not in memory. */
	tt_wscursor_feed(j->cursor, j->generation, first,
	    j->block.end ? j->memory : j->block.next);
	r->read(r->self, j->cursor);
}

/* It failed: once more after a pause. */
static void
spoolread_pause(struct tt_spoolread *r, struct spoolread_job *j)
{
	char info[512];

	tt_log(TT_LOG_WARNING, tt_info(r->self, info, sizeof info),
	    "%s; it is tried again until it works", j->err.text);
	if (j->result == TT_SQLITE_FAILED && j->n_aside == *r->n_aside)
		r->damaged(r->arg);
	j->job.next = r->failed;
	r->failed = &j->job;
	if (!tt_timer_is_on(&r->pause))
		tt_timer_start_at(&r->pause, SPOOLREAD_PAUSE);
}

static void
spoolread_finished(struct tt_job *job)
{
	struct spoolread_job *j = (struct spoolread_job *)job;
	struct tt_spoolread *r = j->spool;

	if (spoolread_has_cursor(r, j->cursor)
	    && j->generation == j->cursor->generation) {
		if (j->result != TT_SQLITE_OK) {
			spoolread_pause(r, j);
			return;
		}
		spoolread_feed(r, j);
	}
	spoolread_discard(job);
}

static void
spoolread_submit(struct tt_spoolread *r, struct spoolread_job *j)
{
	j->n_aside = *r->n_aside;
	tt_offload_submit(r->offload, &j->job);
}

static void
spoolread_again(struct tt_timer *timer)
{
	struct tt_spoolread *r = (struct tt_spoolread *)(void *)((char *)timer -
	    offsetof(struct tt_spoolread, pause));
	struct tt_job *job;

	while ((job = r->failed) != NULL) {
		r->failed = job->next;
		spoolread_submit(r, (struct spoolread_job *)job);
	}
}

void
tt_spoolread_ask(struct tt_spoolread *r, struct tt_wscursor *c)
{
	struct spoolread_job *j = tt_xcalloc(1, sizeof *j);

	j->spool = r;
	j->disk = r->disk;
	atomic_fetch_add(&r->disk->refs, 1);
	j->cursor = c;
	j->generation = c->generation;
	j->position = c->read_next;
	j->memory = r->log->head == r->log->tail ? r->log->next :
	    tt_wslog_entry(r->log, r->log->head)->first;
	j->job.run = spoolread_run;
	j->job.finished = spoolread_finished;
	spoolread_submit(r, j);
}

struct tt_spoolread *
tt_spoolread_create(struct tt_thread *self, struct tt_wslog *log, const char *path,
    void (*read)(struct tt_thread *self, struct tt_wscursor *c),
    void (*damaged)(void *arg), void *arg, const unsigned *n_aside)
{
	struct tt_spoolread *r = tt_xcalloc(1, sizeof *r);

	r->self = self;
	r->log = log;
	r->read = read;
	r->damaged = damaged;
	r->arg = arg;
	r->n_aside = n_aside;
	r->memory.limit = INT64_MAX;
	r->disk = tt_xcalloc(1, sizeof *r->disk);
	r->disk->refs = 1;
	r->disk->path = tt_xstrdup(path);
	r->disk->reader = tt_spoolreader_create(r->disk->path);
	r->offload = tt_offload_create(self->worker, "spool-read");
	tt_timer_init(&r->pause, self, spoolread_again);
	return r;
}

void
tt_spoolread_destroy(struct tt_spoolread *r)
{
	struct spoolread_node *node;
	struct tt_job *job;

	tt_timer_stop(&r->pause);
	tt_offload_destroy(r->offload, spoolread_discard);
	while ((job = r->failed) != NULL) {
		r->failed = job->next;
		spoolread_discard(job);
	}
	if (r->origin != NULL)
		tt_origin_unref(r->origin);
	while ((node = r->nodes) != NULL) {
		r->nodes = node->next;
		free(node);
	}
	spoolread_unref(r->disk);
	free(r);
}
