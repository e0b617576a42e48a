/* jsonoption.h - the JSON Schema of one option's value. */
#ifndef TT_CONFIG_JSONOPTION_H
#define TT_CONFIG_JSONOPTION_H

#include <jansson.h>

#include "config/schema.h"

/* Everything here is made by jansson: its end of memory is the program's. */
json_t *tt_json(json_t *made);

/* VALUE, which is taken over, under KEY of OBJECT. */
void tt_json_set(json_t *object, const char *key, json_t *value);

/* A schema that is the definition NAME; more may be set in it. */
json_t *tt_json_reference(const char *name);

/* Defines the forms that values have (size, duration, ...).  The schemas of options
 * are references to them. */
void tt_jsonoption_forms(json_t *definitions);

/* The schema of O's value, with its help, default and example.  Groups go to
 * DEFINITIONS, by their names. */
json_t *tt_jsonoption(const struct tt_option *o, json_t *definitions);

/* The options of TABLE (NULL: none) into the object schema TO: their schemas to its
 * `properties`, their names to `required` where they must be said. */
void tt_jsonoption_table(const struct tt_option *table, json_t *to,
    json_t *definitions);

/* The schema of an object that has only what is put into it. */
json_t *tt_jsonoption_object(void);

/* The schema of a text that is one of PATTERN's (NULL: none), or comes from elsewhere. */
json_t *tt_jsonoption_text(const char *pattern);

#endif
