/* section.h - what a file says beside its tree: its version, and `daemon`. */
#ifndef TT_CONFIG_SECTION_H
#define TT_CONFIG_SECTION_H

#include <stdbool.h>

#include "config/load.h"

/* The names of log levels, as in enum tt_log_level; NULL ends. */
extern const char *const tt_section_log_levels[];

/* Checks `taskthread: 1` of ROOT, a mapping; IS_REQUIRED: it must be there. */
void tt_section_version(struct tt_load *l, const struct tt_value *root,
    bool is_required);

/* The same of the document's ROOT, and stores its daemon section. */
void tt_section_load(struct tt_load *l, const struct tt_value *root);

/* True for a key of the top level that is no thread's. */
bool tt_section_is_key(const struct tt_value *key);

/* The options of `daemon`, for those who print them. */
const struct tt_option *tt_section_options(void);

/* The section as --describe prints it: its name and options, and nothing of a kind. */
extern const struct tt_schema tt_section_schema;

#endif
