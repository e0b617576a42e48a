/* fuzz_ws.c - whatever happens, a destination gets what it must.
 *
 * Input: a format, then the steps of a life: see tests/ws_model.h.  The same bytes
 * are also held against the parser of `ack N`. */
#include <stdlib.h>

#include "plugins/wsformat.h"
#include "tests/ws_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t n;

	if (tt_wsformat_parse_ack((const char *)data, size, &n) && size > 24)
		abort();
	ws_model_play(data, size);
	return 0;
}
