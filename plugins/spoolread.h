/* spoolread.h - what a destination that lags behind reads from the spool's file.
 *
 * Rows become batches again: of the same connection, number and time, in memory that
 * does not count in daemon.memory, and bounded by what a cursor reads ahead. */
#ifndef TT_PLUGINS_SPOOLREAD_H
#define TT_PLUGINS_SPOOLREAD_H

#include "plugins/wslog.h"

struct tt_thread;
struct tt_spoolread;

/* Reads for the cursors of LOG, which is SELF's, from the file PATH.  READ is called
 * each time that something has been read for one, DAMAGED with ARG
 * where the file turns out to be.  *N_ASIDE counts the files that were set aside: what
 * was read before that changed says nothing of the file that is there now. */
struct tt_spoolread *tt_spoolread_create(struct tt_thread *self, struct tt_wslog *log,
    const char *path, void (*read)(struct tt_thread *self, struct tt_wscursor *c),
    void (*damaged)(void *arg), void *arg, const unsigned *n_aside);

/* C's log calls its starved(): reads from c->read_next on, and answers with
 * tt_wscursor_feed(), and READ. */
void tt_spoolread_ask(struct tt_spoolread *r, struct tt_wscursor *c);

void tt_spoolread_destroy(struct tt_spoolread *r);

#endif
