/* listener.c - listening sockets: TCP by address or name, and Unix. */
#include "plugins/listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTENER_BACKLOG 4096		/* or what the system allows */

struct tt_listener {
	struct tt_watch watch;
	struct tt_listener *next;
	struct tt_listeners *all;
	int fd;
	const char *path;		/* of a Unix socket, the document's; else NULL */
	dev_t device;			/* of that file, as we made it */
	ino_t inode;
};

/* "127.0.0.1:45678", "[::1]:5002"; an IPv4 address mapped into IPv6 is shown as
 * what it is. */
static void
listener_name(const struct sockaddr *addr, socklen_t size, char *buf, size_t room)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)addr;
	struct sockaddr_in four = { .sin_family = AF_INET };
	char host[80], port[8];

	if (addr->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
		memcpy(&four.sin_addr, six->sin6_addr.s6_addr + 12, 4);
		four.sin_port = six->sin6_port;
		addr = (const struct sockaddr *)&four;
		size = sizeof four;
	}
	if (getnameinfo(addr, size, host, sizeof host, port, sizeof port,
	    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		snprintf(buf, room, "unknown");
	else
		snprintf(buf, room, addr->sa_family == AF_INET6 ? "[%s]:%s" : "%s:%s",
		    host, port);
}

/* The address that FD is bound to. */
static void
listener_local(int fd, char *buf, size_t room)
{
	struct sockaddr_storage addr = { .ss_family = AF_UNSPEC };
	socklen_t size = sizeof addr;

	getsockname(fd, (struct sockaddr *)&addr, &size);
	listener_name((struct sockaddr *)&addr, size, buf, room);
}

/* --- opening ------------------------------------------------------------- */

static void
listener_free(struct tt_listener *l)
{
	if (l->fd >= 0)
		close(l->fd);
	free(l);
}

/* L is bound: listens, says so, and joins LS.  Returns 0, or -1 with errno. */
static int
listener_start(struct tt_listener *l, struct tt_listeners *ls, struct tt_thread *self,
    void (*accept)(struct tt_watch *watch, short what))
{
	char name[128], path[512];

	if (listen(l->fd, LISTENER_BACKLOG) != 0)
		return -1;
	if (l->path != NULL)
		snprintf(name, sizeof name, "unix:%s", l->path);
	else
		listener_local(l->fd, name, sizeof name);
	tt_watch_init(&l->watch, self, l->fd, EV_READ, accept);
	tt_watch_start(&l->watch);
	l->all = ls;
	l->next = ls->first;
	ls->first = l;
	tt_log(TT_LOG_INFO, tt_info(self, path, sizeof path), "listening on %s", name);
	return 0;
}

static struct tt_listener *
listener_create(int family)
{
	struct tt_listener *l = tt_xcalloc(1, sizeof *l);

	l->fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd >= 0)
		return l;
	free(l);
	return NULL;
}

static int
listener_open_inet(struct tt_listeners *ls, struct tt_thread *self,
    const struct addrinfo *a, void (*accept)(struct tt_watch *watch, short what))
{
	struct tt_listener *l = listener_create(a->ai_family);
	int on = 1, error;

	if (l == NULL)
		return -1;
	setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (a->ai_family == AF_INET6)
		setsockopt(l->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	if (bind(l->fd, a->ai_addr, a->ai_addrlen) == 0 &&
	    listener_start(l, ls, self, accept) == 0)
		return 0;
	error = errno;
	listener_free(l);
	errno = error;
	return -1;
}

static int
listener_failed(const struct tt_address *address, const char *why, struct tt_error *err)
{
	return tt_error_set(err, "cannot listen on %s: %s", address->text, why);
}

/* An address of a name that this machine has not got is left out, if another is
 * there: "localhost" is [::1], too, where IPv6 is on. */
static int
listener_open_name(struct tt_listeners *ls, struct tt_thread *self,
    const struct tt_address *address,
    void (*accept)(struct tt_watch *watch, short what), struct tt_error *err)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
	struct addrinfo *found, *a;
	unsigned opened = 0;
	int r, error = 0;
	char port[8];

	snprintf(port, sizeof port, "%u", address->port);
	r = getaddrinfo(address->host, port, &hints, &found);
	if (r != 0)
		return listener_failed(address, r == EAI_SYSTEM ? strerror(errno) :
		    gai_strerror(r), err);
	for (a = found; a != NULL; a = a->ai_next) {
		if (listener_open_inet(ls, self, a, accept) == 0) {
			opened++;
			continue;
		}
		error = errno;
		if (error != EADDRNOTAVAIL && error != EAFNOSUPPORT)
			break;
	}
	freeaddrinfo(found);
	if (opened == 0 || a != NULL)
		return listener_failed(address, strerror(error), err);
	return 0;
}

/* True if the file of ADDR is a socket that nobody listens on. */
static bool
listener_is_stale(const struct sockaddr_un *addr)
{
	struct stat st;
	bool stale;
	int fd;

	if (lstat(addr->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	stale = connect(fd, (const struct sockaddr *)addr, sizeof *addr) != 0 &&
	    errno == ECONNREFUSED;
	close(fd);
	return stale;
}

static int
listener_open_unix(struct tt_listeners *ls, struct tt_thread *self,
    const struct tt_address *address,
    void (*accept)(struct tt_watch *watch, short what), struct tt_error *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const struct sockaddr *sa = (const struct sockaddr *)&addr;
	struct tt_listener *l;
	struct stat st;
	int error;

	snprintf(addr.sun_path, sizeof addr.sun_path, "%s", address->path);
	l = listener_create(AF_UNIX);
	if (l == NULL)
		return listener_failed(address, strerror(errno), err);
	if (bind(l->fd, sa, sizeof addr) != 0 && (errno != EADDRINUSE ||
	    !listener_is_stale(&addr) || unlink(addr.sun_path) != 0 ||
	    bind(l->fd, sa, sizeof addr) != 0)) {
		error = errno;
		listener_free(l);
		if (lstat(addr.sun_path, &st) == 0 && !S_ISSOCK(st.st_mode))
			return listener_failed(address,
			    "something that is no socket is there", err);
		return listener_failed(address, strerror(error), err);
	}
	l->path = address->path;
	if (lstat(l->path, &st) == 0) {
		l->device = st.st_dev;
		l->inode = st.st_ino;
	}
	if (listener_start(l, ls, self, accept) == 0)
		return 0;
	listener_failed(address, strerror(errno), err);
	listener_free(l);
	return -1;
}

int
tt_listeners_open(struct tt_listeners *ls, struct tt_thread *self,
    const struct tt_addresses *addresses,
    void (*accept)(struct tt_watch *watch, short what), struct tt_error *err)
{
	size_t i;

	for (i = 0; i < addresses->n; i++) {
		const struct tt_address *a = &addresses->list[i];

		if ((a->path != NULL ?
		    listener_open_unix(ls, self, a, accept, err) :
		    listener_open_name(ls, self, a, accept, err)) != 0)
			return -1;
	}
	return 0;
}

/* --- closing ------------------------------------------------------------- */

/* The file may be another's by now. */
static void
listener_remove(const struct tt_listener *l)
{
	struct stat st;

	if (l->path != NULL && lstat(l->path, &st) == 0 &&
	    st.st_dev == l->device && st.st_ino == l->inode)
		unlink(l->path);
}

void
tt_listeners_close(struct tt_listeners *ls)
{
	struct tt_listener *l;

	while ((l = ls->first) != NULL) {
		ls->first = l->next;
		tt_watch_stop(&l->watch);
		listener_remove(l);
		listener_free(l);
	}
}

void
tt_listeners_pause(struct tt_listeners *ls)
{
	struct tt_listener *l;

	for (l = ls->first; l != NULL; l = l->next)
		tt_watch_stop(&l->watch);
}

void
tt_listeners_resume(struct tt_listeners *ls)
{
	struct tt_listener *l;

	for (l = ls->first; l != NULL; l = l->next)
		tt_watch_start(&l->watch);
}

/* --- accepting ----------------------------------------------------------- */

struct tt_listeners *
tt_listeners_of(struct tt_watch *watch)
{
	return ((struct tt_listener *)watch)->all;
}

int
tt_listener_accept(struct tt_watch *watch, struct tt_accepted *accepted)
{
	const struct tt_listener *l = (const struct tt_listener *)watch;
	struct sockaddr_storage addr;
	socklen_t size = sizeof addr;

	accepted->fd = accept4(l->fd, (struct sockaddr *)&addr, &size,
	    SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (accepted->fd < 0)
		return -1;
	accepted->inet = l->path == NULL;
	if (accepted->inet) {
		listener_name((struct sockaddr *)&addr, size, accepted->peer,
		    sizeof accepted->peer);
		listener_local(accepted->fd, accepted->local, sizeof accepted->local);
	} else {
		snprintf(accepted->peer, sizeof accepted->peer, "unix:%s", l->path);
		memcpy(accepted->local, accepted->peer, sizeof accepted->local);
	}
	return 0;
}

bool
tt_listeners_claims(const struct tt_addresses *addresses, size_t i, char *buf,
    size_t size)
{
	const struct tt_address *a;
	size_t k;

	for (k = 0; k < addresses->n; k++) {
		a = &addresses->list[k];
		if (a->path == NULL && a->port == 0)
			continue;	/* any free one: never another's */
		if (i-- > 0)
			continue;
		snprintf(buf, size, "%s", a->text);
		return true;
	}
	return false;
}
