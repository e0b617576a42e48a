/* resolve.h - names to addresses, off the loop. */
#ifndef TT_DAEMON_RESOLVE_H
#define TT_DAEMON_RESOLVE_H

#include <stdint.h>

struct tt_job;
struct tt_thread;

/* One answer: up to 16 numeric addresses, in the order to be tried. */
struct tt_addresses_found {
	unsigned n;
	char text[16][64];		/* "192.0.2.1", "2001:db8::1" */
};

struct tt_resolution;

/* Looks HOST up for SELF and calls ANSWER on SELF's worker: with FOUND, or with
 * NULL and the reason in ERROR.  A numeric HOST is answered without a look-up.
 * Never calls back before it has returned.  ARG is handed on.  SELF lives on the
 * main worker. */
struct tt_resolution *tt_resolve(struct tt_thread *self, const char *host,
    void (*answer)(void *arg, const struct tt_addresses_found *found,
    const char *error), void *arg);

/* No answer will come.  R is gone after this, as it is from its answer on. */
void tt_resolve_cancel(struct tt_resolution *r);

/* For tt_offload_destroy() of the tree's resolve_offload; all threads that asked
 * have gone before. */
void tt_resolve_discard(struct tt_job *job);

#endif
