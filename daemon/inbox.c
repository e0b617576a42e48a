/* inbox.c - messages to a worker from other OS threads.
 *
 * The eventfd changes under the mutex, with the list: it is readable exactly while
 * the list is not empty.  So a burst costs one write, a turn without messages no
 * system call, and a message can end the worker while its sender still posts. */
#include "daemon/inbox.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "daemon/memory.h"

/* A list that a burst made longer than this is given back. */
#define INBOX_KEPT 4096

int
tt_inbox_init(struct tt_inbox *inbox, struct tt_error *err)
{
	memset(inbox, 0, sizeof *inbox);
	inbox->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (inbox->fd < 0)
		return tt_error_set(err, "eventfd: %s", strerror(errno));
	pthread_mutex_init(&inbox->mutex, NULL);
	return 0;
}

void
tt_inbox_finish(struct tt_inbox *inbox)
{
	/* All zeros: it was never prepared.  0 is standard input's. */
	if (inbox->fd <= 0)
		return;
	/* Wait for one who has posted, but not yet let go of the mutex. */
	pthread_mutex_lock(&inbox->mutex);
	pthread_mutex_unlock(&inbox->mutex);
	pthread_mutex_destroy(&inbox->mutex);
	free(inbox->list);
	free(inbox->taken);
	close(inbox->fd);
	memset(inbox, 0, sizeof *inbox);
	inbox->fd = -1;
}

void
tt_inbox_post_all(struct tt_inbox *inbox, const struct tt_message *messages, size_t n)
{
	static const uint64_t one = 1;
	bool empty;

	if (n == 0)
		return;
	pthread_mutex_lock(&inbox->mutex);
	if (inbox->n + n > inbox->size) {
		while (inbox->n + n > inbox->size)
			inbox->size = inbox->size == 0 ? 16 : inbox->size * 2;
		inbox->list = tt_xrealloc(inbox->list,
		    inbox->size * sizeof inbox->list[0]);
	}
	empty = inbox->n == 0;
	memcpy(inbox->list + inbox->n, messages, n * sizeof messages[0]);
	inbox->n += n;
	/* It was 0, so neither can it overflow nor fail. */
	if (empty && write(inbox->fd, &one, sizeof one) < 0)
		assert(!"eventfd");
	pthread_mutex_unlock(&inbox->mutex);
}

void
tt_inbox_post(struct tt_inbox *inbox, struct tt_message message)
{
	tt_inbox_post_all(inbox, &message, 1);
}

size_t
tt_inbox_handle(struct tt_inbox *inbox)
{
	struct tt_message *list;
	size_t n, size;
	uint64_t count;

	assert(inbox->n_taken == 0);
	pthread_mutex_lock(&inbox->mutex);
	n = inbox->n;
	if (n == 0) {
		pthread_mutex_unlock(&inbox->mutex);
		return 0;
	}
	list = inbox->list;
	size = inbox->size;
	inbox->list = inbox->taken;
	inbox->size = inbox->taken_size;
	inbox->n = 0;
	if (read(inbox->fd, &count, sizeof count) < 0)
		assert(!"eventfd");
	pthread_mutex_unlock(&inbox->mutex);

	inbox->taken = list;
	inbox->taken_size = size;
	inbox->n_taken = n;
	for (size_t i = 0; i < n; i++) {
		if (list[i].handle != NULL)
			list[i].handle(list[i].subject, list[i].value,
			    list[i].more);
	}
	inbox->n_taken = 0;
	if (size > INBOX_KEPT) {
		free(inbox->taken);
		inbox->taken = NULL;
		inbox->taken_size = 0;
	}
	return n;
}

static void
inbox_forget(struct tt_message *list, size_t n, const void *subject)
{
	for (size_t i = 0; i < n; i++) {
		if (list[i].subject == subject)
			list[i].handle = NULL;
	}
}

void
tt_inbox_forget(struct tt_inbox *inbox, const void *subject)
{
	pthread_mutex_lock(&inbox->mutex);
	inbox_forget(inbox->list, inbox->n, subject);
	pthread_mutex_unlock(&inbox->mutex);
	inbox_forget(inbox->taken, inbox->n_taken, subject);
}
