/* notify.h - what systemd is told (sd_notify(3)). */
#ifndef TT_DAEMON_NOTIFY_H
#define TT_DAEMON_NOTIFY_H

#include <stdint.h>

void tt_notify_ready(void);
void tt_notify_stopping(void);

/* A start or a stop takes longer: systemd waits for another US from now on. */
void tt_notify_extend(int64_t us);

/* STATUS=, one line for `systemctl status`. */
void tt_notify_status(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
