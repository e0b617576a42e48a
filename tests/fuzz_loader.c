/* fuzz_loader.c - no file, however wrong, brings the loader down.
 *
 * Input: a hierarchy file.  It loads, or its mistakes are printed: one of the
 * two, and what is printed has no control characters.  What loads is wired as its
 * names say (tree_model.h).
 *
 * What is found should not depend on the machine: there is no environment, and no
 * file beside this one.  Absolute paths remain, and what is read of them is bounded. */
#include "config/document.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/graph.h"
#include "config/show.h"
#include "plugins/kinds.h"
#include "tests/tree_model.h"

#define FUZZ_NAME "/nonexistent/fuzz.yaml"
#define FUZZ_MODEL 200		/* threads of a tree that is counted again */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* PATH is where a sanitizer finds its symbolizer. */
int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *path = getenv("PATH");
	char *kept = path == NULL ? NULL : strdup(path);

	(void)argc;
	(void)argv;
	clearenv();
	if (kept != NULL)
		setenv("PATH", kept, 1);
	free(kept);
	return 0;
}

static void
fuzz_must(bool condition)
{
	if (!condition)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tt_errors *errs = tt_errors_create();
	struct tt_document *doc = tt_document_parse(FUZZ_NAME, (const char *)data, size,
	    tt_schemas, TT_LOAD_START, errs);
	char *text = NULL;
	size_t n, i;
	FILE *out = open_memstream(&text, &n);

	fuzz_must(out != NULL);
	fuzz_must((doc == NULL) == (tt_errors_count(errs) > 0));
	tt_errors_print(errs, out);
	if (doc != NULL) {
		if (doc->n_nodes <= FUZZ_MODEL)
			tree_model_check(doc);
		tt_show_tree(doc, out);
		tt_graph_write(doc, out);
	}
	fclose(out);
	for (i = 0; i < n; i++)
		fuzz_must(text[i] == '\n' || (unsigned char)text[i] >= ' ');
	free(text);
	tt_document_destroy(doc);
	tt_errors_destroy(errs);
	return 0;
}
