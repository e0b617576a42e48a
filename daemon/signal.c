/* signal.c - the words for why something ended. */
#include "daemon/signal.h"

#include <assert.h>
#include <stddef.h>

const char *
tt_reason_name(enum tt_reason reason)
{
	static const char *const names[TT_REASONS] = {
		[TT_REASON_NONE] = "",
		[TT_REASON_PEER] = "peer",
		[TT_REASON_RESET] = "reset",
		[TT_REASON_IDLE_TIMEOUT] = "idle_timeout",
		[TT_REASON_FRAME_TIMEOUT] = "frame_timeout",
		[TT_REASON_OVERSIZE] = "oversize",
		[TT_REASON_FRAMING] = "framing",
		[TT_REASON_MEMORY] = "memory",
		[TT_REASON_STOP] = "stop",
		[TT_REASON_MAX_CONNECTIONS] = "max_connections",
		[TT_REASON_HANDSHAKE] = "handshake",
		[TT_REASON_DROP_OLDEST] = "drop_oldest",
		[TT_REASON_REMOVED] = "removed",
		[TT_REASON_DROP_NEWEST] = "drop_newest",
		[TT_REASON_TERMINATED] = "terminated",
		[TT_REASON_MAX_MESSAGE] = "max_message",
		[TT_REASON_NEWLINE] = "newline",
		[TT_REASON_DATABASE] = "database",
		[TT_REASON_FAILED] = "failed",
	};

	assert((unsigned)reason < TT_REASONS && names[reason] != NULL);
	return names[reason];
}
