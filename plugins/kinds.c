/* kinds.c - the table of all kinds, in the order in which --kinds lists them. */
#include "plugins/kinds.h"

const struct tt_kind *const tt_kinds[] = {
	&tt_master_thread,
	&tt_tcp_server_thread,
	&tt_tcp_connection_thread,
	&tt_data_processor_thread,
	&tt_websocket_master_thread,
	&tt_websocket_sub_thread,
	&tt_database_thread,
	&tt_timer_thread,
	NULL
};

const struct tt_schema *const tt_schemas[] = {
	&tt_master_thread.schema,
	&tt_tcp_server_thread.schema,
	&tt_tcp_connection_thread.schema,
	&tt_data_processor_thread.schema,
	&tt_websocket_master_thread.schema,
	&tt_websocket_sub_thread.schema,
	&tt_database_thread.schema,
	&tt_timer_thread.schema,
	NULL
};
