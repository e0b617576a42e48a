/* loader.h - from the text of a file to its values. */
#ifndef TT_CONFIG_LOADER_H
#define TT_CONFIG_LOADER_H

#include "config/value.h"

/* Reads the one document of SIZE bytes of TEXT, named FILE, with what its aliases
 * and merge keys stand for in their places.  FILE must live as long as the values,
 * which belong to ARENA.  *COUNT is how many there are, of TT_VALUE_COUNT.  Whatever
 * is wrong goes to ERRS.  Returns NULL where nothing can be made of it; *READ, unless it
 * is NULL, is then how many lines before that may be YAML, or 0. */
struct tt_value *tt_value_parse(struct tt_arena *arena, const char *file,
    const char *text, size_t size, unsigned *count, struct tt_errors *errs,
    unsigned *read);

#endif
