/* fault.h - places where a test may make something go wrong.
 *
 * Nothing of it is in a usual build: ./configure --enable-fault-points brings it, as
 * do the sanitizers.  Then TT_FAULT_POINTS says what happens, "NAME:kill:N NAME:fail:N
 * ...": at the Nth time that the place NAME is passed the daemon is killed, or the
 * place is told to fail. */
#ifndef TT_DAEMON_FAULT_H
#define TT_DAEMON_FAULT_H

#include <stdbool.h>

#ifdef TT_FAULT_POINTS
/* True if the place NAME ("db.commit") is to fail now.  From any OS thread. */
bool tt_fault(const char *name);
#else
#define tt_fault(name) false
#endif

#endif
