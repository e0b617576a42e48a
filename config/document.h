/* document.h - from a file to a checked and wired tree of nodes. */
#ifndef TT_CONFIG_DOCUMENT_H
#define TT_CONFIG_DOCUMENT_H

#include "config/error.h"
#include "config/node.h"
#include "config/schema.h"

/* Why a file is read.  A value that it takes from elsewhere and that cannot be had
 * is an error where the tree is to run, and a warning where it is looked at. */
enum tt_load_mode { TT_LOAD_CHECK, TT_LOAD_START };

/* Loads FILE by the kinds' SCHEMAS (NULL ends the table): parses, checks every
 * option, infers and checks the wiring.  All mistakes of the file go to ERRS.
 * Returns a document, to be destroyed by the caller, or NULL if there was any
 * mistake or the file cannot be read (an error without a line). */
struct tt_document *tt_document_load(const char *file,
    const struct tt_schema *const *schemas, enum tt_load_mode mode,
    struct tt_errors *errs);

/* The same from SIZE bytes of TEXT, under the name FILE. */
struct tt_document *tt_document_parse(const char *file, const char *text, size_t size,
    const struct tt_schema *const *schemas, enum tt_load_mode mode,
    struct tt_errors *errs);

void tt_document_destroy(struct tt_document *doc);

#endif
