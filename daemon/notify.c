/* notify.c - what systemd is told.
 *
 * Where no systemd listens (NOTIFY_SOCKET is not set) nothing happens, and a
 * message that does not arrive changes nothing for us: errors are not looked at. */
#include "daemon/notify.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "daemon/log.h"

void
tt_notify_ready(void)
{
	sd_notify(0, "READY=1");
}

void
tt_notify_stopping(void)
{
	sd_notify(0, "STOPPING=1");
}

void
tt_notify_extend(int64_t us)
{
	sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%lld", (long long)us);
}

void
tt_notify_status(const char *format, ...)
{
	char status[768], line[sizeof status * 4];
	va_list ap;

	va_start(ap, format);
	vsnprintf(status, sizeof status, format, ap);
	va_end(ap);
	/* A line end would begin another assignment. */
	sd_notifyf(0, "STATUS=%s",
	    tt_escape(status, strlen(status), line, sizeof line));
}
