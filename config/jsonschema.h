/* jsonschema.h - what a hierarchy file may say, as a JSON Schema (2020-12), for
 * editors that complete and check while one types.
 *
 * A schema sees one value at a time, after YAML has guessed its type: so it takes
 * what the tables take, in each of the types that YAML 1.1 or 1.2 may make of it.
 * The kinds' own rules and the wiring are for --check. */
#ifndef TT_CONFIG_JSONSCHEMA_H
#define TT_CONFIG_JSONSCHEMA_H

#include <stdio.h>

#include "config/schema.h"

/* Writes the schema of files with the kinds of SCHEMAS (NULL ends) to OUT. */
void tt_jsonschema_write(const struct tt_schema *const *schemas, FILE *out);

#endif
