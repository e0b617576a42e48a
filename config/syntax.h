/* syntax.h - what YAML could not read, in the file's terms. */
#ifndef TT_CONFIG_SYNTAX_H
#define TT_CONFIG_SYNTAX_H

#include <stdbool.h>
#include <stddef.h>

#include "config/error.h"

/* Reports bytes that no YAML file may hold, the first of them.  Returns false if
 * there is one. */
bool tt_syntax_check_bytes(const char *file, const char *text, size_t size,
    struct tt_errors *errs);

/* What libyaml said: the problem, and what it was doing where. */
struct tt_syntax_problem {
	const char *problem, *context;	/* may be NULL */
	struct tt_mark mark, context_mark;
};

/* Reports P about SIZE bytes of TEXT: what stood there, and what to quote.  Returns the
 * line that it names. */
unsigned tt_syntax_explain(const struct tt_syntax_problem *p, const char *text,
    size_t size, struct tt_errors *errs);

#endif
