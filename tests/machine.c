/* machine.c - the world of machine.h: its tree, its turns, its record. */
#include "tests/machine.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/inbox.h"
#include "daemon/log.h"
#include "daemon/memory.h"
#include "daemon/queue.h"
#include "daemon/worker.h"
#include "tests/machine_kinds.h"

struct machine machine;

/* Where state_dirs are made. */
static char machine_base[64] = "/tmp";

/* --- the record ---------------------------------------------------------- */

static void
machine_waken(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

void
machine_wake(void)
{
	event_active(machine.wake, EV_TIMEOUT, 0);
}

static void
machine_nothing(void *subject, uint64_t value, void *more)
{
	(void)subject;
	(void)value;
	(void)more;
}

static void
machine_path(const struct tt_thread *self, char *buf, size_t size)
{
	static const char root[] = "MasterThread/";
	char path[512];

	tt_info(self, path, sizeof path);
	snprintf(buf, size, "%.*s", (int)size - 1,
	    strncmp(path, root, sizeof root - 1) == 0 ?
	    path + sizeof root - 1 : path);
}

void
machine_record(const struct tt_thread *self, const char *what, uint64_t n,
    const void *batch)
{
	struct machine_event *e;

	pthread_mutex_lock(&machine.mutex);
	if (machine.n_events == machine.size_events) {
		machine.size_events = 2 * machine.size_events + 64;
		machine.events = tt_xrealloc(machine.events,
		    machine.size_events * sizeof *machine.events);
	}
	e = &machine.events[machine.n_events++];
	*e = (struct machine_event){ .what = what, .n = n, .batch = batch };
	machine_path(self, e->path, sizeof e->path);
	pthread_mutex_unlock(&machine.mutex);
	/* The test looks at the record after a turn of the main worker. */
	if (self->worker == machine.tree->main)
		machine_wake();
	else
		tt_inbox_post(&machine.tree->main->inbox,
		    (struct tt_message){ .handle = machine_nothing });
}

static bool
machine_matches(const struct machine_event *e, const char *what, const char *path)
{
	return strcmp(e->what, what) == 0 &&
	    (path == NULL || strcmp(e->path, path) == 0);
}

unsigned
machine_count(const char *what, const char *path)
{
	unsigned i, n = 0;

	pthread_mutex_lock(&machine.mutex);
	for (i = 0; i < machine.n_events; i++)
		n += machine_matches(&machine.events[i], what, path);
	pthread_mutex_unlock(&machine.mutex);
	return n;
}

int
machine_when(const char *what, const char *path)
{
	int i, when = -1;

	pthread_mutex_lock(&machine.mutex);
	for (i = 0; when < 0 && i < (int)machine.n_events; i++)
		if (machine_matches(&machine.events[i], what, path))
			when = i;
	pthread_mutex_unlock(&machine.mutex);
	return when;
}

uint64_t
machine_last(const char *what, const char *path)
{
	uint64_t n = UINT64_MAX;
	unsigned i;

	pthread_mutex_lock(&machine.mutex);
	for (i = 0; i < machine.n_events; i++)
		if (machine_matches(&machine.events[i], what, path))
			n = machine.events[i].n;
	pthread_mutex_unlock(&machine.mutex);
	return n;
}

/* --- failures ------------------------------------------------------------ */

void
machine_fail_at(const char *path, unsigned n)
{
	pthread_mutex_lock(&machine.mutex);
	machine.fail_data.path = path;
	machine.fail_data.n = n;
	pthread_mutex_unlock(&machine.mutex);
}

void
machine_fail_to_enter(const char *path, unsigned n)
{
	pthread_mutex_lock(&machine.mutex);
	machine.fail_enter.path = path;
	machine.fail_enter.n = n;
	pthread_mutex_unlock(&machine.mutex);
}

bool
machine_fails_now(const struct tt_thread *self)
{
	char path[128];
	bool fails;

	machine_path(self, path, sizeof path);
	pthread_mutex_lock(&machine.mutex);
	fails = machine.fail_data.n > 0 && strcmp(path, machine.fail_data.path) == 0 &&
	    --machine.fail_data.n == 0;
	pthread_mutex_unlock(&machine.mutex);
	return fails;
}

bool
machine_fails_to_enter(const struct tt_thread *self)
{
	char path[128];
	bool fails;

	machine_path(self, path, sizeof path);
	pthread_mutex_lock(&machine.mutex);
	fails = machine.fail_enter.n > 0 && strcmp(path, machine.fail_enter.path) == 0;
	machine.fail_enter.n -= fails;
	pthread_mutex_unlock(&machine.mutex);
	return fails;
}

static void
machine_fail_there(void *subject, uint64_t value, void *more)
{
	static const struct tt_error err = { "told to" };
	struct tt_thread *thread = subject;

	(void)value;
	(void)more;
	if (thread->state < TT_EXITING)		/* it may have been meant for a life */
		tt_fail(thread, &err);		/* that is over */
}

void
machine_fail(const char *path)
{
	struct tt_thread *t = &machine_thread(path)->thread;

	if (t->worker == machine.tree->main)
		machine_fail_there(t, 0, NULL);
	else
		tt_inbox_post(&t->worker->inbox, (struct tt_message){
		    .handle = machine_fail_there, .subject = t });
}

/* --- the tree ------------------------------------------------------------ */

static void
machine_ready(struct tt_tree *tree)
{
	(void)tree;
	machine.ready = true;
	machine_wake();
}

void
machine_make(const char *daemon, const char *text)
{
	struct tt_errors *errs = tt_errors_create();
	struct tt_error err = { "" };
	char *yaml;
	int n;

	memset(&machine, 0, sizeof machine);
	pthread_mutex_init(&machine.mutex, NULL);
	pthread_cond_init(&machine.permitted, NULL);
	snprintf(machine.dir, sizeof machine.dir, "%.40s/check_machine.XXXXXX",
	    machine_base);
	ck_assert_ptr_nonnull(mkdtemp(machine.dir));
	n = asprintf(&yaml, "taskthread: 1\ndaemon: {state_dir: %s/state%s%s%s}\n"
	    "MasterThread:\n%s", machine.dir, strstr(daemon, "workers") == NULL ?
	    ", workers: 1" : "", *daemon != '\0' ? ", " : "", daemon, text);
	ck_assert_int_gt(n, 0);
	machine.doc = tt_document_parse("machine.yaml", yaml, (size_t)n,
	    machine_schemas, TT_LOAD_START, errs);
	tt_errors_print(errs, stderr);
	tt_errors_destroy(errs);
	free(yaml);
	ck_assert_ptr_nonnull(machine.doc);
	tt_log_open(TT_LOG_ERROR);
	machine.tree = tt_tree_create(machine.doc, machine_kinds, &err);
	ck_assert_msg(machine.tree != NULL, "%s", err.text);
	machine.tree->ready = machine_ready;
	machine.wake = event_new(machine.tree->main->base, -1, 0, machine_waken, NULL);
}

void
machine_start(const char *daemon, const char *text)
{
	machine_make(daemon, text);
	tt_tree_start(machine.tree);
}

static int
machine_remove(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

void
machine_end(void)
{
	if (machine.tree->phase == TT_STARTING || machine.tree->phase == TT_READY)
		tt_tree_stop(machine.tree);
	machine_until(machine.tree->phase == TT_ENDED);
	/* Another OS thread may still be in the step that said so. */
	while (tt_tree_outstanding(machine.tree) > 0)
		usleep(100);
	ck_assert_int_eq(machine.tree->memory.used, 0);
	machine.status = machine.tree->status;
	event_free(machine.wake);
	tt_tree_destroy(machine.tree);
	tt_document_destroy(machine.doc);
	tt_batch_trim_free_lists();
	tt_queue_trim_free_list();
	free(machine.events);
	machine.events = NULL;
	machine.n_events = machine.size_events = 0;
	pthread_cond_destroy(&machine.permitted);
	pthread_mutex_destroy(&machine.mutex);
	nftw(machine.dir, machine_remove, 16, FTW_DEPTH | FTW_PHYS);
}

int
machine_exit_status(void (*body)(void))
{
	int status;
	pid_t pid;

	/* It may end before it can clean up. */
	snprintf(machine_base, sizeof machine_base, "/tmp/check_machine.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(machine_base));
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		body();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	nftw(machine_base, machine_remove, 16, FTW_DEPTH | FTW_PHYS);
	snprintf(machine_base, sizeof machine_base, "/tmp");
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* --- adding up ----------------------------------------------------------- */

/* What stands in the queues of all live threads, by node. */
struct machine_sums {
	uint64_t *in, *up;		/* frames */
	unsigned *shuts;		/* of each node's gate, by full queues */
	int64_t signals;
};

static void
machine_add_up(const struct tt_thread *t, struct machine_sums *sums)
{
	const struct tt_node *node = t->node;
	const struct tt_thread *child;
	unsigned i;

	sums->in[node->index] += t->in.frames;
	sums->up[node->index] += t->up.frames;
	sums->signals += tt_queue_length(&t->in) + tt_queue_length(&t->up);
	for (i = 0; t->home.over && i < node->n_feeders; i++)
		sums->shuts[node->feeders[i]->index]++;
	/* What is on another worker is not ours to look into. */
	if (t->worker != machine.tree->main)
		return;
	for (child = t->children; child != NULL; child = child->next)
		machine_add_up(child, sums);
	for (child = t->shells; child != NULL; child = child->next)
		machine_add_up(child, sums);
}

static void
machine_check_flow(const struct tt_node *node, const char *edge,
    const struct tt_flow *flow, uint64_t waiting)
{
	uint64_t gone = flow->frames_out;
	unsigned i;

	for (i = 0; i < TT_REASONS; i++)
		gone += flow->dropped[i];
	ck_assert_msg(flow->frames_in == gone + waiting, "%s %s: in %llu, out %llu, "
	    "out and dropped %llu, waiting %llu", node->path, edge,
	    (unsigned long long)flow->frames_in,
	    (unsigned long long)flow->frames_out, (unsigned long long)gone,
	    (unsigned long long)waiting);
}

/* On every edge: in = out + dropped + waiting.  Every gate is shut as often as
 * there is a reason.  Every signal in a queue is outstanding. */
static void
machine_check(void)
{
	const struct tt_tree *tree = machine.tree;
	unsigned n = machine.doc->n_nodes, i, shuts;
	struct machine_sums sums = {
		.in = tt_xcalloc(n, sizeof *sums.in),
		.up = tt_xcalloc(n, sizeof *sums.up),
		.shuts = tt_xcalloc(n, sizeof *sums.shuts),
	};
	const struct tt_edge *e;
	bool shut = tree->phase != TT_READY;

	if (tree->phase != TT_ENDED)
		machine_add_up(tree->root, &sums);
	for (i = 0; i < n; i++) {
		e = &tree->main->edges[i];
		machine_check_flow(machine.doc->nodes[i], "in", &e->in,
		    sums.in[i] - e->refused_undone);
		machine_check_flow(machine.doc->nodes[i], "up", &e->up, sums.up[i]);
		shuts = sums.shuts[i];
		if ((machine.doc->nodes[i]->schema->flags & TT_TAP) != 0)
			shuts += shut;
		ck_assert_uint_eq(tree->gates[i].shuts, shuts);
	}
	ck_assert_int_ge(tt_tree_outstanding(tree), sums.signals);
	free(sums.in);
	free(sums.up);
	free(sums.shuts);
}

void
machine_turn(void)
{
	tt_worker_turn(machine.tree->main);
	machine.turns++;
	ck_assert_int_ge(machine.tree->memory.used, 0);
	if (!machine.unchecked && machine.tree->n_loops == 1)
		machine_check();
}

void
machine_settle(void)
{
	static const struct timeval soon = { 0, 0 };
	const struct tt_worker *w = machine.tree->main;
	int quiet = 0;

	while (quiet < 3) {
		event_add(machine.wake, &soon);
		machine_turn();
		quiet = w->run_first == NULL && w->tap_first == NULL &&
		    w->steps == NULL ? quiet + 1 : 0;
	}
}

/* --- threads ------------------------------------------------------------- */

static struct tt_thread *
machine_find(struct tt_thread *t, const char *path)
{
	struct tt_thread *child, *found = NULL;
	char buf[512];

	machine_path(t, buf, sizeof buf);
	if (strcmp(buf, path) == 0)
		return t;
	if (t->worker != machine.tree->main)
		return NULL;
	for (child = t->children; child != NULL && found == NULL; child = child->next)
		found = machine_find(child, path);
	return found;
}

struct machine_thread *
machine_thread(const char *path)
{
	return machine.tree->phase == TT_ENDED ? NULL :
	    (struct machine_thread *)machine_find(machine.tree->root, path);
}

static void
machine_prepare(struct tt_thread *child, void *peer)
{
	struct machine_thread *t = (struct machine_thread *)child;
	int fds[2];

	t->fd = t->peer = -1;
	if (peer == NULL)
		return;
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	t->fd = fds[0];
	t->peer = fds[1];
}

struct machine_thread *
machine_add(const char *path, const char *child)
{
	struct machine_thread *parent = machine_thread(path);
	const struct tt_node *node = parent->thread.node;
	bool with_socket = strcmp(child, "ConnectionThread") == 0;
	struct tt_error err = { "" };
	unsigned i;

	for (i = 0; strcmp(node->children[i]->key, child) != 0; i++)
		ck_assert_uint_lt(i + 1, node->n_children);
	return (struct machine_thread *)tt_add_child(&parent->thread,
	    node->children[i], machine_prepare, with_socket ? parent : NULL, &err);
}

struct machine_thread *
machine_connect(const char *path)
{
	return machine_add(path, "ConnectionThread");
}

void
machine_send(struct machine_thread *tap, int c, size_t size)
{
	char *bytes = tt_xmalloc(size);

	memset(bytes, c, size);
	ck_assert_int_eq(send(tap->peer, bytes, size, MSG_NOSIGNAL), (ssize_t)size);
	free(bytes);
}

void
machine_permit(unsigned n)
{
	pthread_mutex_lock(&machine.mutex);
	machine.permits += n;
	pthread_cond_broadcast(&machine.permitted);
	pthread_mutex_unlock(&machine.mutex);
}

static unsigned
machine_node(const char *path)
{
	unsigned i;

	for (i = 1; i < machine.doc->n_nodes; i++)
		if (strcmp(machine.doc->nodes[i]->path + strlen("MasterThread/"),
		    path) == 0)
			return i;
	ck_abort_msg("no node %s", path);
}

struct tt_edge *
machine_edge(const char *path)
{
	return &machine.tree->main->edges[machine_node(path)];
}

unsigned
machine_shuts(const char *path)
{
	return machine.tree->gates[machine_node(path)].shuts;
}
