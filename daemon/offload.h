/* offload.h - calls that block, made by an OS thread beside the loop.
 *
 * A job runs to its end on that thread, one after the other; what it found comes
 * back to the loop.  There is one offload for each kind of call, so that a name
 * server that does not answer holds up nothing but names. */
#ifndef TT_DAEMON_OFFLOAD_H
#define TT_DAEMON_OFFLOAD_H

#include <stdbool.h>

struct tt_worker;

struct tt_job {
	struct tt_job *next;
	void (*run)(struct tt_job *job);	/* on the other OS thread */
	void (*finished)(struct tt_job *job);	/* back on the loop; may free JOB */
};

struct tt_offload;

/* NAME is the OS thread's, at most 15 bytes.  The OS thread starts with the
 * first job.  Jobs come home through WORKER. */
struct tt_offload *tt_offload_create(struct tt_worker *worker, const char *name);

/* JOB must live until finished() has been called, or the offload is destroyed. */
void tt_offload_submit(struct tt_offload *offload, struct tt_job *job);

/* Ends it, on WORKER's OS thread and while WORKER still lives.  A job that is
 * still within run() is left to itself with all it needs, and never comes home: a
 * job must therefore own its memory, and finished() is not called for those that
 * have not come home.  DISCARD (not NULL) is called instead for each job that did
 * not come home, once its run() is over or never began, on whichever thread that
 * is. */
void tt_offload_destroy(struct tt_offload *offload, void (*discard)(struct tt_job *job));

#endif
