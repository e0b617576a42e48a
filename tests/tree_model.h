/* tree_model.h - what follows from the wiring of a document, counted again in the
 * plainest way: by names, from every sender to everybody who gets it, with nothing of
 * what the loader has counted. */
#ifndef TT_TESTS_TREE_MODEL_H
#define TT_TESTS_TREE_MODEL_H

#include "config/node.h"

/* Ends the program with abort(), and a line on standard error, where DOC, which the
 * loader has accepted, is not wired as its names say. */
void tree_model_check(const struct tt_document *doc);

#endif
