/* main.c - the command line, and what the daemon needs around the tree.
 *
 * The one file that looks up: it reads the table of kinds and hands it down. */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>

#include "config/describe.h"
#include "config/document.h"
#include "config/graph.h"
#include "config/jsonschema.h"
#include "config/show.h"
#include "config/sources.h"
#include "daemon/log.h"
#include "daemon/stats.h"
#include "daemon/status.h"
#include "daemon/tree.h"
#include "plugins/kinds.h"

#define MAIN_FILE "/etc/taskthread/taskthread.yaml"
#define MAIN_NOFILE 65536		/* descriptors, where the hard limit allows */

static const char main_usage[] =
    "usage: taskthreadd [-c FILE]             run the tree of FILE\n"
    "       taskthreadd --check [FILE]        check FILE and print its tree\n"
    "       taskthreadd --graph [FILE]        the same as a picture, for dot(1)\n"
    "       taskthreadd --kinds               list the kinds of thread\n"
    "       taskthreadd --describe KIND       print a kind's options as YAML\n"
    "       taskthreadd --schema              print the file's JSON Schema, for editors\n"
    "       taskthreadd --version | --help\n"
    "FILE is " MAIN_FILE " where it is not given.\n";

/* What is to be done: the letter of its option. */
enum main_job {
	MAIN_RUN = 0,
	MAIN_CHECK = 'C', MAIN_GRAPH = 'g', MAIN_KINDS = 'k', MAIN_DESCRIBE = 'd',
	MAIN_SCHEMA = 's', MAIN_VERSION = 'v', MAIN_HELP = 'h',
};

struct main_options {
	int job;			/* enum main_job */
	const char *file;
	const char *kind;		/* to be described */
};

/* Returns 0, or EX_USAGE having said why. */
static int
main_parse(int argc, char **argv, struct main_options *options)
{
	static const struct option names[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check", optional_argument, NULL, MAIN_CHECK },
		{ "graph", optional_argument, NULL, MAIN_GRAPH },
		{ "kinds", no_argument, NULL, MAIN_KINDS },
		{ "describe", required_argument, NULL, MAIN_DESCRIBE },
		{ "schema", no_argument, NULL, MAIN_SCHEMA },
		{ "version", no_argument, NULL, MAIN_VERSION },
		{ "help", no_argument, NULL, MAIN_HELP },
		{ NULL, 0, NULL, 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:h", names, NULL)) != -1) {
		if (c == '?') {
			fputs(main_usage, stderr);
			return EX_USAGE;
		}
		if (c != 'c' && options->job != MAIN_RUN && options->job != c) {
			fprintf(stderr, "taskthreadd: one thing at a time\n%s",
			    main_usage);
			return EX_USAGE;
		}
		if (c != 'c')
			options->job = c;
		if (c == MAIN_DESCRIBE)
			options->kind = optarg;
		else if (optarg != NULL)
			options->file = optarg;
	}
	if ((options->job == MAIN_CHECK || options->job == MAIN_GRAPH)
	    && optind < argc)
		options->file = argv[optind++];
	if (optind < argc) {
		fprintf(stderr, "taskthreadd: unexpected argument: %s\n%s",
		    argv[optind], main_usage);
		return EX_USAGE;
	}
	if (options->file == NULL)
		options->file = MAIN_FILE;
	return 0;
}

/* --- running ------------------------------------------------------------- */

static void
main_ready(struct tt_tree *tree)
{
	tt_log(TT_LOG_NOTICE, NULL, "ready: %u nodes of %s", tree->doc->n_nodes,
	    tree->doc->file);
	tt_status_phase(tree->shown);
}

static void
main_ended(struct tt_tree *tree)
{
	tt_stats_log(tree);
}

static void
main_stop(evutil_socket_t signal, short what, void *arg)
{
	struct tt_tree *tree = arg;
	bool again = tree->phase != TT_READY;

	(void)what;
	tt_worker_clock(tree->main);
	tt_log(TT_LOG_NOTICE, NULL, "%s: %s", strsignal((int)signal),
	    again ? "stopping at once" : "stopping");
	tt_tree_stop(tree);
	tt_status_phase(tree->shown);
}

static void
main_hup(evutil_socket_t signal, short what, void *arg)
{
	(void)signal;
	(void)what;
	(void)arg;
	tt_log(TT_LOG_WARNING, NULL, "SIGHUP: a changed file takes effect at a "
	    "restart");
}

static void
main_stats(evutil_socket_t signal, short what, void *arg)
{
	struct tt_tree *tree = arg;

	(void)signal;
	(void)what;
	tt_stats_log(tree);
}

static void
main_limits(void)
{
	struct rlimit limit;

	signal(SIGPIPE, SIG_IGN);
	/* What is freed goes back: the free lists keep what is worth keeping. */
	mallopt(M_MMAP_THRESHOLD, 128 << 10);
	mallopt(M_TRIM_THRESHOLD, 256 << 10);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < MAIN_NOFILE) {
		limit.rlim_cur = limit.rlim_max < MAIN_NOFILE ? limit.rlim_max :
		    MAIN_NOFILE;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int
main_run(const struct tt_document *doc)
{
	static const struct {
		int number;
		event_callback_fn callback;
	} signals[] = {
		{ SIGTERM, main_stop }, { SIGINT, main_stop },
		{ SIGHUP, main_hup }, { SIGUSR1, main_stats },
	};
	struct event *events[4];
	struct tt_error err;
	struct tt_tree *tree;
	int i, status;

	main_limits();
	tree = tt_tree_create(doc, tt_kinds, &err);
	if (tree == NULL) {
		tt_log(TT_LOG_ERROR, NULL, "%s", err.text);
		return EXIT_FAILURE;
	}
	tree->ready = main_ready;
	tree->ended = main_ended;
	if (tt_status_create(tree) == NULL) {
		tt_log(TT_LOG_ERROR, NULL, "no memory for the status");
		return EXIT_FAILURE;
	}
	for (i = 0; i < 4; i++) {
		events[i] = evsignal_new(tree->main->base, signals[i].number,
		    signals[i].callback, tree);
		if (events[i] == NULL || evsignal_add(events[i], NULL) != 0) {
			tt_log(TT_LOG_ERROR, NULL, "cannot watch for signals");
			return EXIT_FAILURE;
		}
	}
	status = tt_tree_run(tree);
	for (i = 0; i < 4; i++)
		event_free(events[i]);
	tt_log(TT_LOG_NOTICE, NULL, "ended with status %d", status);
	tt_status_destroy(tree->shown);
	tt_tree_destroy(tree);
	return status;
}

static void
main_log(const struct tt_document *doc)
{
	unsigned i;

	tt_log_open((enum tt_log_level)doc->daemon.log);
	for (i = 0; i < doc->n_nodes; i++)
		if (doc->nodes[i]->log >= 0)
			tt_log_set_level(doc->nodes[i]->path,
			    (enum tt_log_level)doc->nodes[i]->log);
}

/* Loads the file, and prints what there is to say of it.  NULL: it is wrong. */
static struct tt_document *
main_load(const char *file, enum tt_load_mode mode)
{
	struct tt_errors *errs = tt_errors_create();
	struct tt_document *doc = tt_document_load(file, tt_schemas, mode, errs);

	tt_errors_print(errs, stderr);
	tt_errors_destroy(errs);
	return doc;
}

static int
main_describe(const char *kind)
{
	if (tt_describe_kind(tt_schemas, kind, stdout))
		return EXIT_SUCCESS;
	fprintf(stderr, "taskthreadd: no kind \"%s\"; see --kinds\n", kind);
	return EX_USAGE;
}

/* The jobs that need the file. */
static int
main_do(const struct main_options *options)
{
	struct tt_document *doc = main_load(options->file, options->job == MAIN_RUN
	    ? TT_LOAD_START : TT_LOAD_CHECK);
	int status = EXIT_SUCCESS;

	if (doc == NULL)
		return EX_CONFIG;
	if (options->job == MAIN_CHECK) {
		tt_show_tree(doc, stdout);
	} else if (options->job == MAIN_GRAPH) {
		tt_graph_write(doc, stdout);
	} else {
		tt_sources_forget(doc);
		main_log(doc);
		status = main_run(doc);
	}
	tt_document_destroy(doc);
	return status;
}

int
main(int argc, char **argv)
{
	struct main_options options = { .job = MAIN_RUN };
	int status = main_parse(argc, argv, &options);

	if (status != 0)
		return status;
	switch (options.job) {
	case MAIN_HELP:
		fputs(main_usage, stdout);
		break;
	case MAIN_VERSION:
		puts("taskthreadd " PACKAGE_VERSION);
		break;
	case MAIN_KINDS:
		tt_describe_kinds(tt_schemas, stdout);
		break;
	case MAIN_SCHEMA:
		tt_jsonschema_write(tt_schemas, stdout);
		break;
	case MAIN_DESCRIBE:
		return main_describe(options.kind);
	default:
		return main_do(&options);
	}
	return EXIT_SUCCESS;
}
