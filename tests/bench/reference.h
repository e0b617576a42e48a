/* reference.h - the reference's database: rows in blocks of a megabyte, handed to one
 * OS thread that inserts them. */
#ifndef TT_BENCH_REFERENCE_H
#define TT_BENCH_REFERENCE_H

#include "tests/bench/bench.h"

/* METHOD is "row", one INSERT for each, or "vtab", one INSERT ... SELECT for each
 * block. */
void ref_db_start(const char *path, const char *method);

/* Adds a row; waits while the other thread has too much to do. */
void ref_db_put(uint32_t conn, uint64_t time, const uint8_t *p, size_t n);

/* True if a block is begun; hands it over if it has waited MS since its first row. */
bool ref_db_waits(void);
void ref_db_hand_over(uint64_t now, unsigned ms);

/* Commits what there is and closes the file. */
void ref_db_finish(void);

#endif
