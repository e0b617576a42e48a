/* log.c - the log: lines on standard error.
 *
 * Standard error may be a terminal that was stopped, a pipe whose reader sleeps,
 * a journal that restarts.  None of them may hold the daemon: a line waits a
 * moment if it must, the lines behind it wait no more until one gets through, and
 * what was lost is counted and said. */
#include "daemon/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "config/utf8.h"
#include "daemon/memory.h"

/* The longest line of tt_log(), with all that stands before the message. */
#define LOG_LINE 8192

/* How long a line waits for room, and a line for machines for each piece of it. */
#define LOG_PATIENCE 200		/* ms */

#define LOG_CUT "\xE2\x80\xA6"		/* an ellipsis */

static struct {
	_Atomic int level;
	pthread_mutex_t mutex;		/* of all below */
	int fd;
	bool owned;			/* fd is our own, for O_NONBLOCK */
	bool socket;
	bool journal;			/* <N> before each line */
	bool torn;			/* the last line has no end */
	bool stuck;			/* the last line did not get through in time */
	uint64_t lost;			/* lines, since one got through */
} log_state = {
	.level = TT_LOG_INFO,
	.mutex = PTHREAD_MUTEX_INITIALIZER,
	.fd = STDERR_FILENO,
};

/* Levels of single nodes: few, and looked up for each line. */
static struct {
	struct log_node {
		const char *path;
		enum tt_log_level level;
	} *list;
	size_t n;
} log_nodes;

static const struct {
	const char *name;
	int priority;			/* of syslog(3) */
} log_levels[] = {
	[TT_LOG_ERROR] = { "error", 3 },
	[TT_LOG_WARNING] = { "warning", 4 },
	[TT_LOG_NOTICE] = { "notice", 5 },
	[TT_LOG_INFO] = { "info", 6 },
	[TT_LOG_DEBUG] = { "debug", 7 },
};

/* True if standard error is the journal's, sd-daemon(3): a program may have been
 * started by a unit with another standard error, so the file is compared. */
static bool
log_is_journal(const struct stat *st)
{
	const char *stream = getenv("JOURNAL_STREAM");
	uintmax_t device, inode;

	return stream != NULL
	    && sscanf(stream, "%ju:%ju", &device, &inode) == 2
	    && device == st->st_dev && inode == st->st_ino;
}

/* A closed standard error becomes /dev/null, and so do the two before it: or the
 * next file that the daemon opens would take their place, and the log's lines. */
static void
log_fill(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

void
tt_log_open(enum tt_log_level level)
{
	struct stat st;
	int fd;

	log_fill();
	free(log_nodes.list);
	log_nodes.list = NULL;
	log_nodes.n = 0;
	pthread_mutex_lock(&log_state.mutex);
	if (log_state.owned)
		close(log_state.fd);
	log_state.fd = STDERR_FILENO;
	log_state.owned = log_state.socket = log_state.journal = false;
	if (fstat(STDERR_FILENO, &st) == 0) {
		log_state.journal = log_is_journal(&st);
		log_state.socket = S_ISSOCK(st.st_mode);
		/* O_NONBLOCK belongs to the open file, which a shell may share;
		 * opened again it is ours alone. */
		fd = S_ISFIFO(st.st_mode) || isatty(STDERR_FILENO)
		    ? open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC
		    | O_NOCTTY | O_APPEND) : -1;
		if (fd >= 0) {
			log_state.fd = fd;
			log_state.owned = true;
		}
	}
	pthread_mutex_unlock(&log_state.mutex);
	atomic_store_explicit(&log_state.level, (int)level, memory_order_relaxed);
}

bool
tt_log_wants(enum tt_log_level level)
{
	return (int)level <= atomic_load_explicit(&log_state.level,
	    memory_order_relaxed);
}

void
tt_log_set_level(const char *path, enum tt_log_level level)
{
	log_nodes.list = tt_xrealloc(log_nodes.list,
	    (log_nodes.n + 1) * sizeof log_nodes.list[0]);
	log_nodes.list[log_nodes.n++] = (struct log_node){ path, level };
}

/* True if PATH is the node NODE or beneath it.  A thread on demand has a #N in
 * its path, its node has not. */
static bool
log_is_beneath(const char *path, const char *node)
{
	for (; *node != '\0'; path++, node++) {
		if (*path == '#')
			path += 1 + strspn(path + 1, "0123456789");
		if (*path != *node)
			return false;
	}
	return *path == '\0' || *path == '/' || *path == '#';
}

static bool
log_wants_of(enum tt_log_level level, const char *path)
{
	const struct log_node *node, *nearest = NULL;
	size_t i;

	for (i = 0; i < log_nodes.n; i++) {
		node = &log_nodes.list[i];
		if (path != NULL && log_is_beneath(path, node->path) &&
		    (nearest == NULL ||
		    strlen(node->path) > strlen(nearest->path)))
			nearest = node;
	}
	return nearest != NULL ? level <= nearest->level : tt_log_wants(level);
}

/* True when there is room for a piece, within MS. */
static bool
log_wait(int ms)
{
	struct pollfd p = { .fd = log_state.fd, .events = POLLOUT };
	int n;

	do
		n = poll(&p, 1, ms);
	while (n < 0 && errno == EINTR);
	return n > 0;
}

/* Writes all of it, in one piece if that can be.  Returns false when it did not
 * get through. */
static bool
log_put(struct iovec *iov, int n)
{
	bool begun = false;

	while (n > 0) {
		struct msghdr message = { .msg_iov = iov, .msg_iovlen = (size_t)n };
		ssize_t done;

		/* Asked before where the write itself would block. */
		if (!log_state.socket && !log_state.owned
		    && !log_wait(log_state.stuck ? 0 : LOG_PATIENCE))
			break;
		done = log_state.socket
		    ? sendmsg(log_state.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL)
		    : writev(log_state.fd, iov, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0 && errno == EAGAIN && !log_state.stuck
		    && log_wait(LOG_PATIENCE))
			continue;
		if (done < 0)
			break;
		begun = begun || done > 0;
		while (n > 0 && (size_t)done >= iov->iov_len) {
			done -= (ssize_t)iov->iov_len;
			iov++;
			n--;
		}
		if (n > 0) {
			iov->iov_base = (char *)iov->iov_base + done;
			iov->iov_len -= (size_t)done;
		}
	}
	log_state.stuck = n > 0;
	if (begun)
		log_state.torn = n > 0;
	return n == 0;
}

/* Writes a line of TEXT, which is clean. */
static bool
log_put_line(enum tt_log_level level, const char *head, const char *text, size_t size)
{
	char priority[8] = "";
	struct iovec iov[5];
	int n = 0;

	if (log_state.torn)
		iov[n++] = (struct iovec){ (char *)(uintptr_t)"\n", 1 };
	if (log_state.journal) {
		snprintf(priority, sizeof priority, "<%d>",
		    log_levels[level].priority);
		iov[n++] = (struct iovec){ priority, strlen(priority) };
	} else {
		iov[n++] = (struct iovec){ (char *)(uintptr_t)head, strlen(head) };
	}
	iov[n++] = (struct iovec){ (char *)(uintptr_t)text, size };
	iov[n++] = (struct iovec){ (char *)(uintptr_t)"\n", 1 };
	return log_put(iov, n);
}

/* "2026-11-25T03:04:05.123Z info    " */
static void
log_head(enum tt_log_level level, char *buf, size_t room)
{
	struct timespec now;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	n = strftime(buf, room, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf + n, room - n, ".%03dZ %-7s ", (int)(now.tv_nsec / 1000000),
	    log_levels[level].name);
}

static void
log_line(enum tt_log_level level, const char *head, const char *text, size_t size)
{
	char lost[64], lost_head[64];

	pthread_mutex_lock(&log_state.mutex);
	if (log_state.lost > 0) {
		log_head(TT_LOG_WARNING, lost_head, sizeof lost_head);
		snprintf(lost, sizeof lost, "%" PRIu64 " lines of the log were lost",
		    log_state.lost);
		if (log_put_line(TT_LOG_WARNING, lost_head, lost, strlen(lost)))
			log_state.lost = 0;
	}
	if (log_state.lost > 0 || !log_put_line(level, head, text, size))
		log_state.lost++;
	pthread_mutex_unlock(&log_state.mutex);
}

/* Appends SIZE bytes of TEXT to the AT bytes in BUF, as people may see them.
 * Returns the bytes in BUF, or ROOM + 1 when not all fits; BUF then holds whole
 * characters, up to *FITS. */
static size_t
log_append(char *buf, size_t at, size_t room, const char *text, size_t size,
    size_t *fits)
{
	char shown[TT_UTF8_SHOWN];
	size_t width, n, i;

	for (i = 0; i < size; i += n) {
		size_t length;

		n = tt_utf8_show(shown, text + i, size - i, &width);
		length = strlen(shown);
		if (length > room - at)
			return room + 1;
		memcpy(buf + at, shown, length);
		at += length;
		if (at <= room - strlen(LOG_CUT))
			*fits = at;
	}
	return at;
}

void
tt_log(enum tt_log_level level, const char *path, const char *format, ...)
{
	char raw[LOG_LINE], line[LOG_LINE], head[64];
	size_t room, at = 0, size, fits = 0;
	int saved = errno, length;
	va_list ap;

	assert((unsigned)level <= TT_LOG_DEBUG);
	if (!log_wants_of(level, path))
		return;
	va_start(ap, format);
	length = vsnprintf(raw, sizeof raw, format, ap);
	va_end(ap);
	/* A cut message fills the line, so a character that the cut has torn does
	 * not show. */
	size = length < 0 ? 0 : (size_t)length < sizeof raw ? (size_t)length
	    : sizeof raw - 1;

	log_head(level, head, sizeof head);
	room = sizeof line - sizeof head;
	if (path != NULL) {
		at = log_append(line, at, room, path, strlen(path), &fits);
		if (at <= room)
			at = log_append(line, at, room, ": ", 2, &fits);
	}
	if (at <= room)
		at = log_append(line, at, room, raw, size, &fits);
	if (at > room) {
		memcpy(line + fits, LOG_CUT, strlen(LOG_CUT));
		at = fits + strlen(LOG_CUT);
	}
	log_line(level, head, line, at);
	errno = saved;
}

void
tt_log_machine(enum tt_log_level level, const char *line, size_t size)
{
	int saved = errno;

	log_line(level, "", line, size);
	errno = saved;
}

/* Writes BYTE as printable ASCII into SHOWN.  Returns its length. */
static size_t
log_show(char shown[8], unsigned char byte)
{
	switch (byte) {
	case '\t':
		return (size_t)sprintf(shown, "\\t");
	case '\n':
		return (size_t)sprintf(shown, "\\n");
	case '\r':
		return (size_t)sprintf(shown, "\\r");
	case '\\':
	case '"':
		return (size_t)sprintf(shown, "\\%c", byte);
	default:
		return (size_t)sprintf(shown, byte >= 0x20 && byte < 0x7F
		    ? "%c" : "\\x%02X", byte);
	}
}

const char *
tt_escape(const void *data, size_t size, char *buf, size_t room)
{
	const unsigned char *bytes = data;
	char shown[8];
	size_t at = 0;

	assert(room > 0);
	for (size_t i = 0; i < size; i++) {
		size_t length = log_show(shown, bytes[i]);

		if (length >= room - at)
			break;
		memcpy(buf + at, shown, length);
		at += length;
	}
	buf[at] = '\0';
	return buf;
}

bool
tt_log_limit(struct tt_log_limit *limit, int64_t now, unsigned burst,
    uint64_t *left_out)
{
	int64_t second = now / 1000000000;

	*left_out = 0;
	if (second > limit->second) {
		*left_out = limit->left_out;
		limit->second = second;
		limit->lines = 0;
		limit->left_out = 0;
	}
	if (limit->lines < burst) {
		limit->lines++;
		return true;
	}
	limit->left_out++;
	return false;
}
