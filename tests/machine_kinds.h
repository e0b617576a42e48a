/* machine_kinds.h - between machine.c and the kinds of its world. */
#ifndef TT_TESTS_MACHINE_KINDS_H
#define TT_TESTS_MACHINE_KINDS_H

#include "daemon/thread.h"

extern const struct tt_kind *const machine_kinds[];
extern const struct tt_schema *const machine_schemas[];

/* Puts it on record, from any OS thread. */
void machine_record(const struct tt_thread *self, const char *what, uint64_t n,
    const void *batch);

/* True if SELF is to fail over this batch; is not to enter. */
bool machine_fails_now(const struct tt_thread *self);
bool machine_fails_to_enter(const struct tt_thread *self);

#endif
