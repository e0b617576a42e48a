/* kinds.h - the table of all kinds. */
#ifndef TT_PLUGINS_KINDS_H
#define TT_PLUGINS_KINDS_H

#include "daemon/taskthread.h"

extern const struct tt_kind tt_master_thread;
extern const struct tt_kind tt_tcp_server_thread;
extern const struct tt_kind tt_tcp_connection_thread;
extern const struct tt_kind tt_data_processor_thread;
extern const struct tt_kind tt_database_thread;
extern const struct tt_kind tt_timer_thread;
extern const struct tt_kind tt_websocket_master_thread;
extern const struct tt_kind tt_websocket_sub_thread;

/* All of them, and their schemas; NULL ends both. */
extern const struct tt_kind *const tt_kinds[];
extern const struct tt_schema *const tt_schemas[];

#endif
