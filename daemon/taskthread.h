/* taskthread.h - the one door for kinds: all that a kind may see of the daemon. */
#ifndef TT_DAEMON_TASKTHREAD_H
#define TT_DAEMON_TASKTHREAD_H

#include "config/error.h"
#include "config/node.h"
#include "config/schema.h"
#include "daemon/batch.h"
#include "daemon/fault.h"
#include "daemon/flood.h"
#include "daemon/log.h"
#include "daemon/memory.h"
#include "daemon/offload.h"
#include "daemon/resolve.h"
#include "daemon/signal.h"
#include "daemon/slab.h"
#include "daemon/status.h"
#include "daemon/tap.h"
#include "daemon/task.h"
#include "daemon/thread.h"

#endif
