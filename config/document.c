/* document.c - from a file to a checked and wired tree of nodes. */
#include "config/document.h"

#include <string.h>

#include "config/bound.h"
#include "config/build.h"
#include "config/include.h"
#include "config/load.h"
#include "config/section.h"
#include "config/wiring.h"

/* What stands below the files' keys, in the order in which one needs the other. */
static void
document_build(struct tt_load *l, const struct tt_value *root)
{
	if (root == NULL)
		return;
	tt_section_load(l, root);
	if (!tt_build_tree(l, root) || l->cut)
		return;
	tt_wiring_infer(l);
	tt_bound_check(l);
}

static struct tt_load
document_begin(const char *file, const struct tt_schema *const *schemas,
    enum tt_load_mode mode, struct tt_errors *errs)
{
	struct tt_load l = { .schemas = schemas, .mode = mode, .errs = errs };

	l.arena = tt_arena_create();
	l.doc = tt_arena_alloc(l.arena, sizeof(*l.doc));
	l.doc->arena = l.arena;
	l.doc->file = tt_arena_text(l.arena, file, strlen(file));
	return l;
}

/* The document, if nothing was wrong with it since there were BEFORE mistakes. */
static struct tt_document *
document_end(struct tt_load *l, size_t before)
{
	if (tt_errors_count(l->errs) == before)
		return l->doc;
	tt_document_destroy(l->doc);
	return NULL;
}

struct tt_document *
tt_document_load(const char *file, const struct tt_schema *const *schemas,
    enum tt_load_mode mode, struct tt_errors *errs)
{
	struct tt_load l = document_begin(file, schemas, mode, errs);
	size_t before = tt_errors_count(errs);

	document_build(&l, tt_include_read(&l, l.doc->file));
	return document_end(&l, before);
}

struct tt_document *
tt_document_parse(const char *file, const char *text, size_t size,
    const struct tt_schema *const *schemas, enum tt_load_mode mode,
    struct tt_errors *errs)
{
	struct tt_load l = document_begin(file, schemas, mode, errs);
	size_t before = tt_errors_count(errs);

	document_build(&l, tt_include_parse(&l, l.doc->file, text, size));
	return document_end(&l, before);
}

void
tt_document_destroy(struct tt_document *doc)
{
	if (doc != NULL)
		tt_arena_destroy(doc->arena);
}
