/* meant.h - what a wrong number, switch or range was most likely meant to say. */
#ifndef TT_CONFIG_MEANT_H
#define TT_CONFIG_MEANT_H

#include <stdbool.h>
#include <stddef.h>

#include "config/schema.h"

#define TT_MEANT_TEXT 120		/* room for an answer */

/* Writes to BUF a question such as "did you mean 1500ms?", for TEXT that is no legal
 * value of O, which is a number, a size, a duration or a range of durations.  Returns
 * false where nothing legal comes to mind. */
bool tt_meant_number(const struct tt_option *o, const char *text,
    char buf[TT_MEANT_TEXT]);

/* True if TEXT is one of the words with which people turn something off. */
bool tt_meant_off(const char *text);

/* "true", "false" or NULL. */
const char *tt_meant_bool(const char *text);

#endif
