/* sqldata.h - batches to be written, and what the file then holds: for the tests of
 * plugins/sqlite.c. */
#ifndef TT_TESTS_SQLDATA_H
#define TT_TESTS_SQLDATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/error.h"
#include "plugins/sqlite.h"

struct tt_origin;

extern const char *const one_channel[];	/* "data" */
extern struct tt_error err;
extern char dir[64], path[96];		/* the file, in a directory of the test's own */

void sqldata_setup(void);
void sqldata_teardown(void);

/* The file PATH, opened, with N channels. */
struct tt_sqlite *opened(unsigned n, const char *const *channels);

struct tt_origin *origin_of(uint64_t connection);

/* A batch of the words of TEXT, from SEQ on. */
struct tt_batch *batch_of(struct tt_origin *o, uint64_t seq, const char *text);

void write_one(struct tt_sqlite *db, const struct tt_batch *batch, unsigned channel);

/* Connection CONNECTION's frames, the words of TEXT, in one transaction. */
enum tt_sqlite_result write_words(struct tt_sqlite *db, uint64_t connection,
    const char *text);

/* What SQL gives, as another program sees it: "a|b;c|d;". */
const char *query(const char *sql);

/* True if there is PATH with SUFFIX behind it. */
bool exists(const char *suffix);

/* Makes PATH anew, with these bytes. */
void put_file(const void *bytes, size_t size);

#endif
