/* judge.c - what the loader says of one document after the other.
 *
 *     tests/judge SECONDS         takes documents from standard input, each behind
 *                                 four bytes of its length, the highest first
 *
 * The answer to each is a line
 *
 *     accepted|refused ERRORS WARNINGS MILLISECONDS BYTES
 *
 * with the CPU time that it took, and behind it that many bytes of what was printed:
 * the mistakes and the warnings.  An accepted document has been printed as a tree and
 * as a graph, too, and what follows from its wiring was counted again (tree_model.h) if
 * it is not too large for that.
 * The program ends with JUDGE_SLOW where a document takes more than SECONDS of CPU
 * time, with JUDGE_STUCK where it waits for something ten times as long, and by
 * SIGABRT where something is not as it must be, or where the document takes more than
 * JUDGE_MEMORY. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "config/document.h"
#include "config/graph.h"
#include "config/show.h"
#include "plugins/kinds.h"
#include "tests/tree_model.h"

#define JUDGE_NAME "judge.yaml"
#define JUDGE_SLOW 3			/* exits */
#define JUDGE_STUCK 4
#define JUDGE_WRONG 5			/* the input is none */
#define JUDGE_MODEL 200			/* threads of a tree that is counted again */
#define JUDGE_LARGEST (16 << 20)	/* bytes of a document */
#define JUDGE_MEMORY (64 << 20)		/* bytes, beside what the program has at first */

/* A sanitizer's shadow is as large as all addresses: it stands no limit of them. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define JUDGE_IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define JUDGE_IS_SANITIZED 1
#endif
#endif
#ifndef JUDGE_IS_SANITIZED
#define JUDGE_IS_SANITIZED 0
#endif

static void
judge_end(int sig)
{
	_exit(sig == SIGPROF ? JUDGE_SLOW : JUDGE_STUCK);
}

/* What the values of a document may be taken from is always the same. */
static void
judge_environment(void)
{
	clearenv();
	setenv("HOME", "/nonexistent", 1);
	setenv("SITE", "site9", 1);
	setenv("PORT", "5002", 1);
	setenv("EMPTY", "", 1);
}

static void
judge_limit_memory(void)
{
	unsigned long pages = 0;
	FILE *in = JUDGE_IS_SANITIZED ? NULL : fopen("/proc/self/statm", "r");
	struct rlimit limit;

	if (in == NULL)
		return;
	if (fscanf(in, "%lu", &pages) == 1) {
		limit.rlim_cur = limit.rlim_max = pages * (rlim_t)sysconf(_SC_PAGESIZE)
		    + JUDGE_MEMORY;
		setrlimit(RLIMIT_AS, &limit);
	}
	fclose(in);
}

/* Begins to watch how long it takes; 0 seconds: ends that. */
static void
judge_watch(long seconds)
{
	struct itimerval cpu = { .it_value.tv_sec = seconds };

	setitimer(ITIMER_PROF, &cpu, NULL);
	alarm((unsigned)seconds * 10);
}

static double
judge_milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* All that is printed of DOC, to be thrown away. */
static void
judge_print(const struct tt_document *doc)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		abort();
	tt_show_tree(doc, out);
	tt_graph_write(doc, out);
	fclose(out);
	free(text);
}

static void
judge_one(const char *text, size_t size)
{
	double began = judge_milliseconds(), took;
	struct tt_errors *errs = tt_errors_create();
	struct tt_document *doc = tt_document_parse(JUDGE_NAME, text, size, tt_schemas,
	    TT_LOAD_CHECK, errs);
	size_t count = tt_errors_count(errs), n;
	char *said = NULL;
	FILE *out = open_memstream(&said, &n);

	if (out == NULL || (doc == NULL) != (count > 0))
		abort();
	tt_errors_print_as(errs, out, false);
	fclose(out);
	if (doc != NULL)
		judge_print(doc);
	took = judge_milliseconds() - began;
	/* What fails must have no answer yet. */
	if (doc != NULL && doc->n_nodes <= JUDGE_MODEL)
		tree_model_check(doc);
	printf("%s %zu %zu %.3f %zu\n", doc != NULL ? "accepted" : "refused", count,
	    tt_errors_warnings(errs), took, n);
	fwrite(said, 1, n, stdout);
	fflush(stdout);
	free(said);
	tt_document_destroy(doc);
	tt_errors_destroy(errs);
}

/* The next document of the input, to be freed; NULL at its end. */
static char *
judge_next(size_t *size)
{
	unsigned char head[4];
	size_t n = fread(head, 1, sizeof(head), stdin);
	char *text;

	if (n == 0)
		return NULL;
	*size = (size_t)head[0] << 24 | head[1] << 16 | head[2] << 8 | head[3];
	if (n != sizeof(head) || *size > JUDGE_LARGEST)
		exit(JUDGE_WRONG);
	/* Exactly as many: a sanitizer sees who reads behind them. */
	text = malloc(*size > 0 ? *size : 1);
	if (text == NULL)
		abort();
	if (fread(text, 1, *size, stdin) != *size)
		exit(JUDGE_WRONG);
	return text;
}

int
main(int argc, char **argv)
{
	long seconds = argc > 1 ? strtol(argv[1], NULL, 10) : 1;
	size_t size = 0;
	char *text;

	signal(SIGPROF, judge_end);
	signal(SIGALRM, judge_end);
	judge_environment();
	judge_limit_memory();
	while ((text = judge_next(&size)) != NULL) {
		judge_watch(seconds);
		judge_one(text, size);
		judge_watch(0);
		free(text);
	}
	return EXIT_SUCCESS;
}
