/* resolve.c - names to addresses, off the loop. */
#include "daemon/resolve.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "daemon/memory.h"
#include "daemon/offload.h"
#include "daemon/thread.h"
#include "daemon/tree.h"
#include "daemon/worker.h"

/* The job owns all that getaddrinfo() needs, for it may outlive the daemon's tree;
 * run() writes `found` and `error` only, the rest is the loop's. */
struct tt_resolution {
	struct tt_job job;
	struct tt_inbox *inbox;		/* of a numeric host, else NULL */
	void (*answer)(void *arg, const struct tt_addresses_found *found,
	    const char *error);		/* NULL: cancelled */
	void *arg;
	struct tt_addresses_found found;
	char error[128];
	char host[];
};

static void
resolve_add(struct tt_addresses_found *found, const struct addrinfo *info)
{
	char *text = found->text[found->n];

	if (getnameinfo(info->ai_addr, info->ai_addrlen, text,
	    sizeof found->text[0], NULL, 0, NI_NUMERICHOST) != 0)
		return;
	for (unsigned i = 0; i < found->n; i++) {
		if (strcmp(found->text[i], text) == 0)
			return;
	}
	found->n++;
}

/* Returns 0 or the EAI_ error of getaddrinfo(3). */
static int
resolve_look_up(struct tt_resolution *r, int flags)
{
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = flags,
	};
	struct addrinfo *list;
	int error;

	error = getaddrinfo(r->host, NULL, &hints, &list);
	if (error != 0)
		return error;
	r->found.n = 0;
	for (const struct addrinfo *info = list; info != NULL; info = info->ai_next) {
		if (r->found.n == sizeof r->found.text / sizeof r->found.text[0])
			break;
		resolve_add(&r->found, info);
	}
	freeaddrinfo(list);
	return r->found.n > 0 ? 0 : EAI_NONAME;
}

/* "localhost" and all below it, RFC 6761, 6.3. */
static bool
resolve_is_local(const char *host)
{
	static const char local[] = ".localhost";
	size_t length = strlen(host), n = sizeof local - 1;

	if (length > 0 && host[length - 1] == '.')
		length--;
	return (length == n - 1 && strncasecmp(host, local + 1, n - 1) == 0)
	    || (length > n && strncasecmp(host + length - n, local, n) == 0);
}

/* On the other OS thread. */
static void
resolve_run(struct tt_job *job)
{
	struct tt_resolution *r = (struct tt_resolution *)job;
	int error;

	/* AI_ADDRCONFIG spares us addresses of a family that this machine does not
	 * speak.  It does not count loopback, so without a network, or for a name
	 * that has loopback addresses only, it would hide what works. */
	error = resolve_is_local(r->host) ? EAI_NONAME
	    : resolve_look_up(r, AI_ADDRCONFIG);
	if (error == EAI_NONAME || error == EAI_NODATA || error == EAI_ADDRFAMILY)
		error = resolve_look_up(r, 0);
	if (error != 0)
		snprintf(r->error, sizeof r->error, "%s", error == EAI_SYSTEM
		    ? strerror(errno) : gai_strerror(error));
}

/* Back on the loop.  The answer may do what it likes, but cancel. */
static void
resolve_finished(struct tt_job *job)
{
	struct tt_resolution *r = (struct tt_resolution *)job;

	if (r->answer != NULL && r->found.n > 0)
		r->answer(r->arg, &r->found, NULL);
	else if (r->answer != NULL)
		r->answer(r->arg, NULL, r->error);
	free(r);
}

static void
resolve_answer_numeric(void *subject, uint64_t value, void *more)
{
	struct tt_resolution *r = subject;

	(void)value, (void)more;
	resolve_finished(&r->job);
}

struct tt_resolution *
tt_resolve(struct tt_thread *self, const char *host,
    void (*answer)(void *arg, const struct tt_addresses_found *found,
    const char *error), void *arg)
{
	size_t size = strlen(host) + 1;
	struct tt_resolution *r = tt_xcalloc(1, sizeof *r + size);

	r->job.run = resolve_run;
	r->job.finished = resolve_finished;
	r->answer = answer;
	r->arg = arg;
	memcpy(r->host, host, size);
	if (resolve_look_up(r, AI_NUMERICHOST) == 0) {
		r->inbox = &self->worker->inbox;
		tt_inbox_post(r->inbox, (struct tt_message){
		    .handle = resolve_answer_numeric, .subject = r });
	} else {
		/* The offload's jobs come home there. */
		assert(self->worker == self->worker->tree->main);
		tt_offload_submit(self->worker->tree->resolve_offload, &r->job);
	}
	return r;
}

void
tt_resolve_cancel(struct tt_resolution *r)
{
	if (r == NULL)
		return;
	if (r->inbox != NULL) {
		tt_inbox_forget(r->inbox, r);
		free(r);
	} else {
		r->answer = NULL;	/* freed when it comes home */
	}
}

void
tt_resolve_discard(struct tt_job *job)
{
	free((struct tt_resolution *)job);
}
