/* answer.h - what is owed for a batch, and who is told.
 *
 * The machine's own header.  A durable user answers for a batch when it says done; the
 * last answer completes the batch, and its origin is told, in order.  What is owed
 * changes on one worker only: on the sender's until it is sent to another, and on the
 * main worker from then on, where all durable users are. */
#ifndef TT_DAEMON_ANSWER_H
#define TT_DAEMON_ANSWER_H

#include <stdbool.h>

#include "daemon/batch.h"

/* One durable user of BATCH has answered, on W. */
void tt_answer(struct tt_worker *w, struct tt_batch *batch, bool dropped);

/* BATCH gets no more to NODE, which was to take it on IN. */
void tt_answer_missed(struct tt_worker *w, struct tt_batch *batch,
    const struct tt_node *node, unsigned in);

/* BATCH gets nowhere at all. */
void tt_answer_dropped(struct tt_worker *w, struct tt_batch *batch);

#endif
