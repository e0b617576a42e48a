/* websocket_sub_thread.c - one websocket of a master, in one of two roles.
 *
 * With `url` it is a destination (wsdestination.c).  Without, its node is the pattern
 * for the viewers who connect to the master, and each has a thread (wsviewer.c). */
#include "daemon/taskthread.h"
#include "plugins/kinds.h"
#include "plugins/wsoptions.h"
#include "plugins/wssub.h"

static const struct tt_wsrole *
websocket_sub_role(const struct tt_thread *self)
{
	return self->node->pattern ? &tt_wsviewer : &tt_wsdestination;
}

static int
websocket_sub_enter(struct tt_thread *self, struct tt_error *err)
{
	return websocket_sub_role(self)->enter(self, err);
}

static void
websocket_sub_exit(struct tt_thread *self)
{
	websocket_sub_role(self)->exit(self);
}

static void
websocket_sub_signal_handler(struct tt_thread *self, const struct tt_signal *sig)
{
	websocket_sub_role(self)->signal_handler(self, sig);
}

static void
websocket_sub_drain(struct tt_thread *self)
{
	websocket_sub_role(self)->drain(self);
}

static bool
websocket_sub_closing(struct tt_thread *self)
{
	return websocket_sub_role(self)->closing(self);
}

const struct tt_kind tt_websocket_sub_thread = {
	.schema = {
		.name		= "WebSocketSubThread",
		.help		= "sends frames to a websocket server, or to each viewer",
		.under		= { "WebsocketMasterThread" },
		.in		= "data",
		.pattern_without = "url",
		.leaf		= true,
		.flags		= TT_CONSUMES | TT_MAIN | TT_ANY,
		.options	= tt_wsoptions,
		.config_size	= sizeof(struct tt_wsconfig),
		.check		= tt_wsoptions_check,
		.check_tree	= tt_wsoptions_check_tree,
		.resident	= tt_wsoptions_resident,
	},
	.size			= sizeof(struct tt_wssub),
	.enter			= websocket_sub_enter,
	.exit			= websocket_sub_exit,
	.signal_handler		= websocket_sub_signal_handler,
	.drain			= websocket_sub_drain,
	.closing		= websocket_sub_closing,
	.hurry			= tt_exit,
};
