/* spool_model.h - a spool's file for tests, with rows whose bytes follow from their
 * positions. */
#ifndef TT_TESTS_SPOOL_MODEL_H
#define TT_TESTS_SPOOL_MODEL_H

#include <stdint.h>
#include <sys/types.h>

#include "plugins/spoolfile.h"

struct spool_model {
	char directory[64], path[96];
	struct tt_spoolfile *file;
	struct tt_spool_state state;	/* of the last call */
	struct tt_error note, err;
	struct tt_origin *origin;
};

/* One for each test: a directory with an empty, open spool. */
extern struct spool_model spool;
void spool_setup(void);
void spool_teardown(void);

enum tt_sqlite_result spool_try_open(void);
void spool_open(void);			/* it must be OK */
void spool_close(void);

/* A batch of N frames of SIZE bytes from POSITION on, numbered by it. */
struct tt_batch *spool_batch(uint64_t position, uint32_t n, uint32_t size);

/* Writes W with ROWS such batches, one behind the other. */
enum tt_sqlite_result spool_write(uint64_t position, unsigned rows, uint32_t n,
    uint32_t size, struct tt_spool_write *w);

/* The same, which must be OK. */
void spool_append(uint64_t position, unsigned rows, uint32_t n, uint32_t size);

/* What was read from one position on. */
struct spool_read {
	uint64_t frames, damaged, next;
	enum tt_sqlite_result result;
};

/* Reads all from POSITION on; every frame that comes must be right, and have SIZE
 * bytes. */
struct spool_read spool_read(struct tt_spoolreader *reader, uint64_t position,
    uint32_t size);
struct spool_read spool_read_all(uint64_t position, uint32_t size);

/* Files, whole. */
uint8_t *spool_load(const char *name, size_t *size);
void spool_store(const char *name, const void *bytes, size_t size);

/* Files in the directory whose name has PART. */
unsigned spool_count(const char *part);

#endif
