/* ask.c - what a thread may ask of the machine around it, and what it counts. */
#include <stdio.h>
#include <string.h>

#include "daemon/inbox.h"
#include "daemon/thread.h"
#include "daemon/tree.h"
#include "daemon/worker.h"

/* --- asking -------------------------------------------------------------- */

/* The #N stands behind the node that is on demand: SELF's own, or one above. */
const char *
tt_info(const struct tt_thread *self, char *buf, size_t size)
{
	const struct tt_thread *t = self;
	const char *path = self->node->path;
	size_t length;

	while (t != NULL && t->id == 0)
		t = t->parent;
	if (t == NULL) {
		snprintf(buf, size, "%s", path);
		return buf;
	}
	length = strlen(t->node->path);
	snprintf(buf, size, "%.*s#%u%s", (int)length, path, t->id, path + length);
	return buf;
}

const char *
tt_gateway_name(const struct tt_thread *self)
{
	return self->worker->tree->doc->daemon.name;
}

const char *
tt_state_path(const struct tt_thread *self, const char *path, char *buf, size_t size)
{
	const char *dir = self->worker->tree->doc->daemon.state_dir;
	int n;

	if (path[0] == '/')
		n = snprintf(buf, size, "%s", path);
	else
		n = snprintf(buf, size, "%s/%s", dir, path);
	return n >= 0 && (size_t)n < size ? buf : NULL;
}

struct tt_memory *
tt_memory(const struct tt_thread *self)
{
	return &self->worker->tree->memory;
}

struct tt_origin *
tt_open_origin(struct tt_thread *self, const struct tt_node *node, const char *peer,
    const char *local)
{
	uint64_t number = tt_ids_next(self->worker->tree->ids);
	struct tt_origin *o;

	if (number == 0)
		return NULL;
	o = tt_origin_create(tt_memory(self), node, number, peer, local);
	o->opened_at = tt_wall_now(self);
	return o;
}

uint64_t
tt_position_range(struct tt_thread *self, struct tt_error *err)
{
	return tt_ids_range(self->worker->tree->ids, err);
}

int64_t
tt_now(const struct tt_thread *self)
{
	return self->worker->now;
}

int64_t
tt_wall_now(const struct tt_thread *self)
{
	return self->worker->wall_now;
}

bool
tt_is_draining(const struct tt_thread *self)
{
	return self->draining;
}

bool
tt_is_over_limit(const struct tt_thread *self)
{
	return self->home.over;
}

struct event_base *
tt_event_base(const struct tt_thread *self)
{
	return self->worker->base;
}

void
tt_pump_add(struct tt_thread *self, struct tt_pump *pump)
{
	pump->next = self->worker->pumps;
	self->worker->pumps = pump;
}

void
tt_pump_remove(struct tt_thread *self, struct tt_pump *pump)
{
	struct tt_pump **at = &self->worker->pumps;

	while (*at != NULL && *at != pump)
		at = &(*at)->next;
	if (*at != NULL)
		*at = pump->next;
}

void **
tt_worker_slot(struct tt_thread *self)
{
	return &self->worker->slot;
}

/* --- counting ------------------------------------------------------------ */

enum ask_counter {
	ASK_CLOSE, ASK_UNFINISHED, ASK_RESENT, ASK_REFUSED, ASK_REFUSED_UNDONE, ASK_GONE,
	ASK_DROPPED, ASK_FRAMES_IN, ASK_BYTES_IN, ASK_FRAMES_OUT, ASK_BYTES_OUT
};

/* A refused frame leaves by being dropped, not by being done. */
static void
ask_count(struct tt_edge *e, enum ask_counter counter, enum tt_reason reason,
    uint64_t n)
{
	switch (counter) {
	case ASK_CLOSE:
		e->closes[reason] += n;
		break;
	case ASK_UNFINISHED:
		e->unfinished += n;
		break;
	case ASK_RESENT:
		e->resent += n;
		break;
	case ASK_REFUSED:
		e->refused[reason] += n;
		e->in.dropped[reason] += n;
		break;
	case ASK_DROPPED:
		e->in.dropped[reason] += n;
		break;
	case ASK_GONE:
		e->refused[reason] += n;
		break;
	case ASK_REFUSED_UNDONE:
		e->refused_undone += n;
		break;
	case ASK_FRAMES_IN:
		e->in.frames_in += n;
		break;
	case ASK_BYTES_IN:
		e->in.bytes_in += n;
		break;
	case ASK_FRAMES_OUT:
		e->in.frames_out += n;
		break;
	case ASK_BYTES_OUT:
		e->in.bytes_out += n;
		break;
	}
}

static void
ask_count_at_home(void *subject, uint64_t what, void *more)
{
	struct tt_thread *self = subject;

	ask_count(&self->home.worker->edges[self->node->index],
	    (enum ask_counter)(what >> 8), (enum tt_reason)(what & 255),
	    (uint64_t)(uintptr_t)more);
}

/* The edges are the home worker's: who is elsewhere sends it a message. */
static void
ask_count_for(struct tt_thread *self, enum ask_counter counter,
    enum tt_reason reason, uint64_t n)
{
	struct tt_worker *home = self->home.worker;

	if (self->worker == home)
		ask_count(&home->edges[self->node->index], counter, reason, n);
	else
		tt_inbox_post(&home->inbox, (struct tt_message){
		    .handle = ask_count_at_home, .subject = self,
		    .value = (uint64_t)counter << 8 | (uint64_t)reason,
		    .more = (void *)(uintptr_t)n });
}

void
tt_count_close(struct tt_thread *self, enum tt_reason reason)
{
	ask_count_for(self, ASK_CLOSE, reason, 1);
}

void
tt_count_unfinished(struct tt_thread *self, uint64_t bytes)
{
	if (bytes > 0)
		ask_count_for(self, ASK_UNFINISHED, TT_REASON_NONE, bytes);
}

void
tt_count_resent(struct tt_thread *self, uint64_t frames)
{
	ask_count_for(self, ASK_RESENT, TT_REASON_NONE, frames);
}

void
tt_count_refused(struct tt_thread *self, enum tt_reason reason, uint64_t frames)
{
	ask_count_for(self, ASK_REFUSED, reason, frames);
	if ((self->node->schema->flags & TT_KEEPS) != 0)
		ask_count_for(self, ASK_REFUSED_UNDONE, reason, frames);
}

void
tt_count_dropped(struct tt_thread *self, enum tt_reason reason, uint64_t frames)
{
	ask_count_for(self, ASK_DROPPED, reason, frames);
}

void
tt_count_gone(struct tt_thread *self, enum tt_reason reason, uint64_t frames)
{
	ask_count_for(self, ASK_GONE, reason, frames);
}

void
tt_count_in(struct tt_thread *self, uint64_t frames, uint64_t bytes)
{
	ask_count_for(self, ASK_FRAMES_IN, TT_REASON_NONE, frames);
	ask_count_for(self, ASK_BYTES_IN, TT_REASON_NONE, bytes);
}

void
tt_count_out(struct tt_thread *self, uint64_t frames, uint64_t bytes)
{
	ask_count_for(self, ASK_FRAMES_OUT, TT_REASON_NONE, frames);
	ask_count_for(self, ASK_BYTES_OUT, TT_REASON_NONE, bytes);
}
