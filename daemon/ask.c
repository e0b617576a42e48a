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

/* Each worker has edges of its own, so that a thread counts where it lives. */
static struct tt_edge *
ask_edge(const struct tt_thread *self)
{
	return &self->worker->edges[self->node->index];
}

void
tt_count_close(struct tt_thread *self, enum tt_reason reason)
{
	tt_count(&ask_edge(self)->closes[reason], 1);
}

void
tt_count_unfinished(struct tt_thread *self, uint64_t bytes)
{
	tt_count(&ask_edge(self)->unfinished, bytes);
}

void
tt_count_resent(struct tt_thread *self, uint64_t frames)
{
	tt_count(&ask_edge(self)->resent, frames);
}

static void
ask_refused_at_home(void *subject, uint64_t frames, void *more)
{
	const struct tt_thread *self = subject;
	struct tt_edge *e = &self->home.worker->edges[self->node->index];

	tt_count(&e->in.dropped[(uintptr_t)more], frames);
	if ((self->node->schema->flags & TT_KEEPS) != 0)
		e->refused_undone += frames;
}

/* A refused frame leaves by being dropped, not by being done: who says done at home says
 * that before. */
void
tt_count_refused(struct tt_thread *self, enum tt_reason reason, uint64_t frames)
{
	void *why = (void *)(uintptr_t)reason;

	tt_count(&ask_edge(self)->refused[reason], frames);
	if (self->worker == self->home.worker)
		ask_refused_at_home(self, frames, why);
	else
		tt_worker_post(self->home.worker, (struct tt_message){
		    .handle = ask_refused_at_home, .subject = self,
		    .value = frames, .more = why });
}

void
tt_count_dropped(struct tt_thread *self, enum tt_reason reason, uint64_t frames)
{
	tt_count(&ask_edge(self)->in.dropped[reason], frames);
}

void
tt_count_gone(struct tt_thread *self, enum tt_reason reason, uint64_t frames)
{
	tt_count(&ask_edge(self)->refused[reason], frames);
}

void
tt_count_in(struct tt_thread *self, uint64_t frames, uint64_t bytes)
{
	tt_count(&ask_edge(self)->in.frames_in, frames);
	tt_count(&ask_edge(self)->in.bytes_in, bytes);
}

void
tt_count_out(struct tt_thread *self, uint64_t frames, uint64_t bytes)
{
	tt_count(&ask_edge(self)->in.frames_out, frames);
	tt_count(&ask_edge(self)->in.bytes_out, bytes);
}
