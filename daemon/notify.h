/* notify.h - what systemd is told: the protocol of sd_notify(3).
 *
 * Nothing here waits.  False: systemd does not read at this moment, and was not told;
 * it may be later.  Where no systemd listens, or NOTIFY_SOCKET is not set, nothing
 * happens, which is true. */
#ifndef TT_DAEMON_NOTIFY_H
#define TT_DAEMON_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

bool tt_notify_ready(void);
bool tt_notify_stopping(void);

/* A start or a stop takes longer: systemd waits for another US from now on. */
bool tt_notify_extend(int64_t us);

/* STATUS=, one line for `systemctl status`. */
bool tt_notify_status(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
