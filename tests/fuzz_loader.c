/* fuzz_loader.c - no file, however wrong, brings the loader down.
 *
 * Input: a hierarchy file.  It loads, or its mistakes are printed: one of the
 * two, and what is printed has no control characters. */
#include "config/document.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/graph.h"
#include "config/show.h"
#include "plugins/kinds.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
	struct tt_document *doc = tt_document_parse("fuzz.yaml", (const char *)data, size,
	    tt_schemas, TT_LOAD_START, errs);
	char *text = NULL;
	size_t n, i;
	FILE *out = open_memstream(&text, &n);

	fuzz_must(out != NULL);
	fuzz_must((doc == NULL) == (tt_errors_count(errs) > 0));
	tt_errors_print(errs, out);
	if (doc != NULL) {
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
