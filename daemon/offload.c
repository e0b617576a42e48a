/* offload.c - calls that block, made by an OS thread beside the loop.
 *
 * A job goes from `todo` to the OS thread to `home`, and a message for each in
 * `home` stands in the worker's inbox.  Who destroys the offload takes both lists;
 * the OS thread, if it is within a run(), then owns what is left. */
#include "daemon/offload.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"
#include "daemon/memory.h"
#include "daemon/worker.h"

struct offload_list {
	struct tt_job *first, **end;
};

struct tt_offload {
	pthread_mutex_t mutex;
	pthread_cond_t more;		/* todo is not empty, or it has ended */
	pthread_t os_thread;
	bool started;
	bool running;			/* within a run() */
	bool ended;
	void (*discard)(struct tt_job *job);
	struct offload_list todo, home;
	struct tt_worker *worker;	/* may be gone after the end */
	char name[16];
};

static void
offload_append(struct offload_list *list, struct tt_job *job)
{
	job->next = NULL;
	*list->end = job;
	list->end = &job->next;
}

static struct tt_job *
offload_first(struct offload_list *list)
{
	struct tt_job *job = list->first;

	if (job == NULL)
		return NULL;
	list->first = job->next;
	if (list->first == NULL)
		list->end = &list->first;
	job->next = NULL;
	return job;
}

static void
offload_free(struct tt_offload *offload)
{
	pthread_cond_destroy(&offload->more);
	pthread_mutex_destroy(&offload->mutex);
	free(offload);
}

/* On the loop, once for each job at home. */
static void
offload_come_home(void *subject, uint64_t value, void *more)
{
	struct tt_offload *offload = subject;
	struct tt_job *job;

	(void)value, (void)more;
	pthread_mutex_lock(&offload->mutex);
	job = offload_first(&offload->home);
	pthread_mutex_unlock(&offload->mutex);
	assert(job != NULL);
	job->finished(job);		/* may destroy the offload */
}

/* Under the mutex, so that nothing is posted once it has ended. */
static void
offload_send_home(struct tt_offload *offload, struct tt_job *job)
{
	offload_append(&offload->home, job);
	tt_inbox_post(&offload->worker->inbox, (struct tt_message){
	    .handle = offload_come_home, .subject = offload });
}

static void *
offload_main(void *arg)
{
	struct tt_offload *offload = arg;
	struct tt_job *job;

	pthread_mutex_lock(&offload->mutex);
	for (;;) {
		while (offload->todo.first == NULL && !offload->ended)
			pthread_cond_wait(&offload->more, &offload->mutex);
		if (offload->ended)
			break;
		job = offload_first(&offload->todo);
		offload->running = true;
		pthread_mutex_unlock(&offload->mutex);
		job->run(job);
		pthread_mutex_lock(&offload->mutex);
		if (offload->ended) {
			/* Nobody waits for us, or the rest. */
			pthread_mutex_unlock(&offload->mutex);
			offload->discard(job);
			offload_free(offload);
			return NULL;
		}
		offload->running = false;
		offload_send_home(offload, job);
	}
	pthread_mutex_unlock(&offload->mutex);
	return NULL;
}

struct tt_offload *
tt_offload_create(struct tt_worker *worker, const char *name)
{
	struct tt_offload *offload = tt_xcalloc(1, sizeof *offload);

	assert(strlen(name) < sizeof offload->name);
	pthread_mutex_init(&offload->mutex, NULL);
	pthread_cond_init(&offload->more, NULL);
	offload->todo.end = &offload->todo.first;
	offload->home.end = &offload->home.first;
	offload->worker = worker;
	snprintf(offload->name, sizeof offload->name, "%s", name);
	return offload;
}

/* Returns 0, or an errno.  POSIX signals stay with the OS threads that were there
 * before. */
static int
offload_start(struct tt_offload *offload)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&offload->os_thread, NULL, offload_main, offload);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error == 0)
		pthread_setname_np(offload->os_thread, offload->name);
	return error;
}

void
tt_offload_submit(struct tt_offload *offload, struct tt_job *job)
{
	int error = 0;

	if (!offload->started) {
		error = offload_start(offload);
		offload->started = error == 0;
	}
	if (error != 0) {
		/* Late is better than never: the loop stands still for it. */
		tt_log(TT_LOG_WARNING, NULL, "no OS thread for %s: %s",
		    offload->name, strerror(error));
		job->run(job);
	}
	pthread_mutex_lock(&offload->mutex);
	if (error != 0) {
		offload_send_home(offload, job);
	} else {
		offload_append(&offload->todo, job);
		pthread_cond_signal(&offload->more);
	}
	pthread_mutex_unlock(&offload->mutex);
}

void
tt_offload_destroy(struct tt_offload *offload, void (*discard)(struct tt_job *job))
{
	struct offload_list todo, home;
	struct tt_job *job;
	bool running;

	if (offload == NULL)
		return;
	assert(discard != NULL);
	pthread_mutex_lock(&offload->mutex);
	offload->ended = true;
	offload->discard = discard;
	tt_inbox_forget(&offload->worker->inbox, offload);
	todo = offload->todo;
	home = offload->home;
	offload->todo.first = offload->home.first = NULL;
	running = offload->running;
	pthread_cond_signal(&offload->more);
	if (running)
		pthread_detach(offload->os_thread);
	pthread_mutex_unlock(&offload->mutex);

	if (!running) {
		if (offload->started)
			pthread_join(offload->os_thread, NULL);
		offload_free(offload);
	}
	while ((job = todo.first) != NULL) {
		todo.first = job->next;
		discard(job);
	}
	while ((job = home.first) != NULL) {
		home.first = job->next;
		discard(job);
	}
}
