/* inbox.c - messages to a worker from other OS threads, without a lock.
 *
 * The blocks that were posted are a list, to which any OS thread pushes; only the
 * worker takes, and it takes all, so no block can come back under a pusher's hand.
 * The worker says that it sleeps, and looks once more; who posts pushes, and looks
 * whether it sleeps: one of the two sees the other. */
#include "daemon/inbox.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "daemon/memory.h"

#define INBOX_BLOCK 63			/* makes 2 KiB: of that size malloc keeps none, */
					/* at the top of the heap, for who freed it */

struct tt_block {
	struct tt_block *next;
	struct tt_spares *owner;	/* whose it is, or NULL: nobody's */
	size_t n;
	struct tt_message messages[INBOX_BLOCK];
};

/* --- blocks -------------------------------------------------------------- */

static void
inbox_push(_Atomic(struct tt_block *) *list, struct tt_block *first,
    struct tt_block *last)
{
	last->next = atomic_load_explicit(list, memory_order_relaxed);
	while (!atomic_compare_exchange_weak(list, &last->next, first))
		;
}

static struct tt_block *
inbox_block(struct tt_spares *spares)
{
	struct tt_block *block = NULL;

	if (spares != NULL && spares->kept == NULL && atomic_load_explicit(
	    &spares->returned, memory_order_relaxed) != NULL)
		spares->kept = atomic_exchange(&spares->returned, NULL);
	if (spares != NULL && (block = spares->kept) != NULL)
		spares->kept = block->next;
	else
		block = tt_xmalloc(sizeof *block);
	block->next = NULL;
	block->owner = spares;
	block->n = 0;
	return block;
}

static void
inbox_free(struct tt_block *block)
{
	if (block->owner != NULL)
		inbox_push(&block->owner->returned, block, block);
	else
		free(block);
}

static void
inbox_free_list(struct tt_block *block)
{
	struct tt_block *next;

	for (; block != NULL; block = next) {
		next = block->next;
		free(block);
	}
}

void
tt_spares_trim(struct tt_spares *spares)
{
	inbox_free_list(spares->kept);
	spares->kept = NULL;
	inbox_free_list(atomic_exchange(&spares->returned, NULL));
}

/* --- posting ------------------------------------------------------------- */

static void
inbox_wake(struct tt_inbox *inbox)
{
	static const uint64_t one = 1;

	if (!atomic_load(&inbox->asleep) || !atomic_exchange(&inbox->asleep, false))
		return;
	if (write(inbox->fd, &one, sizeof one) < 0)
		assert(!"eventfd");
}

void
tt_inbox_post_all(struct tt_inbox *inbox, const struct tt_message *messages, size_t n)
{
	struct tt_block *first = NULL, *last = NULL, *block;
	size_t at, part;

	if (n == 0)
		return;
	/* The list has the last one first. */
	for (at = 0; at < n; at += part) {
		part = n - at < INBOX_BLOCK ? n - at : INBOX_BLOCK;
		block = inbox_block(NULL);
		block->n = part;
		memcpy(block->messages, messages + at, part * sizeof messages[0]);
		block->next = first;
		first = block;
		if (last == NULL)
			last = block;
	}
	inbox_push(&inbox->posted, first, last);
	inbox_wake(inbox);
}

void
tt_inbox_post(struct tt_inbox *inbox, struct tt_message message)
{
	tt_inbox_post_all(inbox, &message, 1);
}

void
tt_outbox_flush(struct tt_outbox *outbox, struct tt_inbox *inbox)
{
	if (outbox->block == NULL)
		return;
	inbox_push(&inbox->posted, outbox->block, outbox->block);
	outbox->block = NULL;
	inbox_wake(inbox);
}

void
tt_outbox_add(struct tt_outbox *outbox, struct tt_spares *spares,
    struct tt_inbox *inbox, struct tt_message message)
{
	struct tt_block *block = outbox->block;

	if (block == NULL)
		block = outbox->block = inbox_block(spares);
	block->messages[block->n++] = message;
	if (block->n == INBOX_BLOCK)
		tt_outbox_flush(outbox, inbox);
}

/* --- taking -------------------------------------------------------------- */

int
tt_inbox_init(struct tt_inbox *inbox, struct tt_error *err)
{
	memset(inbox, 0, sizeof *inbox);
	inbox->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (inbox->fd < 0)
		return tt_error_set(err, "eventfd: %s", strerror(errno));
	return 0;
}

/* Puts what was posted behind what waits. */
static void
inbox_take(struct tt_inbox *inbox)
{
	struct tt_block *block = atomic_exchange(&inbox->posted, NULL);
	struct tt_block *list = NULL, *next, **end = &inbox->waiting;

	for (; block != NULL; block = next) {
		next = block->next;
		block->next = list;
		list = block;
	}
	while (*end != NULL)
		end = &(*end)->next;
	*end = list;
}

void
tt_inbox_finish(struct tt_inbox *inbox)
{
	/* All zeros: it was never prepared.  0 is standard input's. */
	if (inbox->fd <= 0)
		return;
	inbox_take(inbox);
	inbox_free_list(inbox->waiting);
	close(inbox->fd);
	memset(inbox, 0, sizeof *inbox);
	inbox->fd = -1;
}

bool
tt_inbox_is_empty(const struct tt_inbox *inbox)
{
	return inbox->waiting == NULL && atomic_load_explicit(&inbox->posted,
	    memory_order_relaxed) == NULL;
}

size_t
tt_inbox_handle(struct tt_inbox *inbox)
{
	const struct tt_message *m;
	struct tt_block *block;
	size_t n = 0, i;

	assert(inbox->handling == NULL);
	if (tt_inbox_is_empty(inbox))
		return 0;
	inbox_take(inbox);
	inbox->handling = inbox->waiting;
	inbox->waiting = NULL;
	while ((block = inbox->handling) != NULL) {
		for (i = 0; i < block->n; i++) {
			m = &block->messages[i];
			if (m->handle != NULL)
				m->handle(m->subject, m->value, m->more);
		}
		n += block->n;
		inbox->handling = block->next;
		inbox_free(block);
	}
	return n;
}

bool
tt_inbox_sleep(struct tt_inbox *inbox)
{
	atomic_store(&inbox->asleep, true);
	if (inbox->waiting == NULL && atomic_load(&inbox->posted) == NULL)
		return true;
	tt_inbox_awake(inbox);
	return false;
}

void
tt_inbox_awake(struct tt_inbox *inbox)
{
	atomic_store_explicit(&inbox->asleep, false, memory_order_relaxed);
}

static void
inbox_forget(struct tt_block *block, const void *subject)
{
	size_t i;

	for (; block != NULL; block = block->next)
		for (i = 0; i < block->n; i++)
			if (block->messages[i].subject == subject)
				block->messages[i].handle = NULL;
}

void
tt_inbox_forget(struct tt_inbox *inbox, const void *subject)
{
	inbox_take(inbox);
	inbox_forget(inbox->waiting, subject);
	inbox_forget(inbox->handling, subject);
}
