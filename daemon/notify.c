/* notify.c - what systemd is told.
 *
 * sd_notify(3) itself waits where the socket is full: a systemd that is busy would hold
 * up the main worker, and with it devices. */
#include "daemon/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/log.h"

/* The address in NOTIFY_SOCKET: a path, or @ and a name that is in no directory. */
static socklen_t
notify_address(struct sockaddr_un *address)
{
	const char *name = getenv("NOTIFY_SOCKET");
	size_t n = name == NULL ? 0 : strlen(name);

	if (n < 2 || n >= sizeof address->sun_path ||
	    (name[0] != '/' && name[0] != '@'))
		return 0;
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(address->sun_path, name, n);
	if (name[0] == '@')
		address->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
}

static bool
notify_send(const char *text)
{
	struct sockaddr_un address;
	socklen_t size = notify_address(&address);
	bool full;
	int fd;

	if (size == 0)
		return true;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	full = sendto(fd, text, strlen(text), MSG_NOSIGNAL,
	    (struct sockaddr *)&address, size) < 0 &&
	    (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM);
	close(fd);
	return !full;
}

bool
tt_notify_ready(void)
{
	return notify_send("READY=1");
}

bool
tt_notify_stopping(void)
{
	return notify_send("STOPPING=1");
}

bool
tt_notify_extend(int64_t us)
{
	char line[64];

	snprintf(line, sizeof line, "EXTEND_TIMEOUT_USEC=%lld", (long long)us);
	return notify_send(line);
}

bool
tt_notify_status(const char *format, ...)
{
	char status[768], line[sizeof status * 4 + sizeof "STATUS="] = "STATUS=";
	size_t n = strlen(line);
	va_list ap;

	va_start(ap, format);
	vsnprintf(status, sizeof status, format, ap);
	va_end(ap);
	/* A line end would begin another assignment. */
	tt_escape(status, strlen(status), line + n, sizeof line - n);
	return notify_send(line);
}
