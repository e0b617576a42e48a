/* sources.h - values that the file takes from elsewhere.
 *
 *     ${env:NAME}              an environment variable
 *     ${env:NAME:-default}     the same; the default where it is unset or empty
 *     ${file:/path}            what a file holds, without one line end at its end
 *     ${credential:NAME}       the same for a file in systemd's CREDENTIALS_DIRECTORY
 *                              (systemd.exec(5), LoadCredential=)
 *     $${                      ${ itself
 *
 * They are put in after the YAML was read, and what they bring is never read as
 * YAML nor looked through again.  It is a secret: only what the file has is ever
 * shown. */
#ifndef TT_CONFIG_SOURCES_H
#define TT_CONFIG_SOURCES_H

#include "config/load.h"

/* Puts in what SCALAR, in the node PATH, takes from elsewhere; to be called by
 * tt_value_check with a struct tt_load as LOAD.  What cannot be had is an error, and
 * SCALAR bad; or, where the file is only looked at, a warning, and SCALAR unknown. */
void tt_sources_put(void *load, struct tt_value *scalar, const char *path);

/* Takes the environment variables that DOC took values from out of the process's
 * environment, and overwrites them there: neither a core nor a child has them. */
void tt_sources_forget(const struct tt_document *doc);

#endif
