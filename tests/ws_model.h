/* ws_model.h - a destination that knows what it must get. */
#ifndef TT_TESTS_WS_MODEL_H
#define TT_TESTS_WS_MODEL_H

#include <stddef.h>
#include <stdint.h>

/* Plays SIZE bytes of DATA: what stands in them is a format and then steps, each of
 * which appends a batch to a log, has a sender fill a block, confirms, or loses the
 * connection.  Every block is decoded as a server would, and held against what was
 * appended.  Aborts where something is not as it must be. */
void ws_model_play(const uint8_t *data, size_t size);

#endif
