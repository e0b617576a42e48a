/* ids.h - numbers that are never used twice by a state_dir.
 *
 * One counter in state_dir, in ranges of 2^32, fsynced before a range is used;
 * numbers stay below 2^53.  After a crash the rest of a range is skipped.  One
 * range is for connections; each websocket master takes one at each start for
 * its positions.  The next range of connections is taken ahead, by another OS
 * thread, when half is gone. */
#ifndef TT_DAEMON_IDS_H
#define TT_DAEMON_IDS_H

#include <stdint.h>

#include "config/error.h"

struct tt_ids;
struct tt_job;
struct tt_offload;

#define TT_ID_RANGE (UINT64_C(1) << 32)
#define TT_ID_END (UINT64_C(1) << 53)

/* Makes STATE_DIR if it is missing (its last part and those above it, 0750),
 * locks it, reads the counter and takes the first range.  Returns NULL with ERR
 * set: a second daemon, no rights, a damaged counter, numbers used up. */
struct tt_ids *tt_ids_open(const char *state_dir, struct tt_error *err);

/* The same with ranges of RANGE numbers, for tests. */
struct tt_ids *tt_ids_open_with(const char *state_dir, uint64_t range,
    struct tt_error *err);

/* From now on ranges are taken ahead on OFFLOAD.  Without it they are taken when
 * needed, which blocks.  OFFLOAD is destroyed with tt_ids_discard(), before or
 * after IDS is closed; no number may be asked for in between. */
void tt_ids_use(struct tt_ids *ids, struct tt_offload *offload);
void tt_ids_discard(struct tt_job *job);

/* The next number of a connection, from 1.  Returns 0, and has logged why, if it
 * cannot be had: the numbers are used up, or the disk failed from the middle of
 * the range to its end.  From any OS thread. */
uint64_t tt_ids_next(struct tt_ids *ids);

/* The first number of a fresh range of TT_ID_RANGE numbers.  Blocks for an
 * fsync.  Returns 0 with ERR set if it cannot be had. */
uint64_t tt_ids_range(struct tt_ids *ids, struct tt_error *err);

/* Releases the lock, once a range that is being taken ahead has been taken. */
void tt_ids_close(struct tt_ids *ids);

#endif
