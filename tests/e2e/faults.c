/* faults.c - a bad disk and a machine without memory, for the end-to-end tests.
 *
 * A library for LD_PRELOAD.  The file that TT_FAULTS names is mapped by the test too
 * (faulty.py): there it says what goes wrong, at any time while the daemon runs, and
 * finds what happened.  Files are those below a directory: writes, reads, syncs and
 * opens of them can fail, be slow, or hang.  An accept can fail too.
 *
 * With a shadow directory the library also knows what a power cut would leave: a
 * copy of each file with what has been synced and nothing else.  After a sync that
 * failed the file itself is as it was at the sync before, as it may be once the
 * kernel has dropped the pages.  A file is there once it was synced; removing and
 * renaming are taken to be safe at once. */
#undef _FORTIFY_SOURCE
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define FAULTS_FDS 4096
#define FAULTS_FILES 64
#define FAULTS_POLL 1000000		/* ns between looks while a sync is held */

/* The same as class Control of faulty.py. */
struct faults_control {
	char match[256];		/* a directory */
	char shadow[256];		/* "": none */
	_Atomic int64_t write_error;	/* an errno, or 0 */
	_Atomic int64_t read_error;
	_Atomic int64_t sync_error;
	_Atomic int64_t open_error;
	_Atomic int64_t accept_error;
	_Atomic int64_t times;		/* errors still to come, below 0 without end */
	_Atomic int64_t room;		/* bytes that files may still grow by, or -1 */
	_Atomic int64_t sync_ns;	/* how long a sync takes */
	_Atomic int64_t hold;		/* syncs wait while it is not 0 */
	_Atomic int64_t writes, written, reads, opens;
	_Atomic int64_t syncs_begun, syncs, errors;
	_Atomic int64_t allocations;
	_Atomic int64_t fail_at;	/* the number of the allocation that fails, or 0 */
	_Atomic int64_t fail_more;	/* those behind it fail as well */
	_Atomic int64_t failed;		/* allocations that did */
};

struct faults_range {
	off_t at;
	size_t n;
};

struct faults_file {
	char path[PATH_MAX];
	struct faults_range *dirty;	/* written since the last good sync */
	size_t n, size;
	bool cut;			/* its length was set since */
};

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t align, size_t size);
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
void *memalign(size_t align, size_t size);

static struct faults_control *faults;
static pthread_mutex_t faults_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct faults_file faults_files[FAULTS_FILES];
static unsigned char faults_fd[FAULTS_FDS];	/* the file's index + 1 */
static __thread bool faults_inside;

__attribute__((constructor)) static void
faults_begin(void)
{
	const char *path = getenv("TT_FAULTS");
	struct stat st;
	void *at;
	int fd;

	if (path == NULL)
		return;
	fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	/* A library that was built of another source would do something else, or nothing. */
	if (fstat(fd, &st) != 0 || st.st_size != sizeof *faults) {
		fputs("faults.so is not of this source: make tests/e2e/faults.so\n", stderr);
		_exit(EXIT_FAILURE);
	}
	at = mmap(NULL, sizeof *faults, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	syscall(SYS_close, fd);
	if (at == MAP_FAILED)
		return;
	if (getenv("TT_FAULTS_TRACE") != NULL) {
		void *first[1];

		backtrace(first, 1);	/* loads what it needs */
	}
	faults = at;
}

/* True if this call fails, with errno ERROR. */
static bool
faults_fail(_Atomic int64_t *error)
{
	int64_t e = *error, left;

	if (e == 0)
		return false;
	left = faults->times;
	if (left == 0)
		return false;
	if (left > 0)
		faults->times--;
	faults->errors++;
	errno = (int)e;
	return true;
}

/* --- which files --------------------------------------------------------- */

static bool
faults_matches(const char *path)
{
	size_t n = strlen(faults->match), size = strlen(path);

	/* The hierarchy file may lie there too. */
	return n > 0 && strncmp(path, faults->match, n) == 0 && path[n] == '/' &&
	    (size < 5 || strcmp(path + size - 5, ".yaml") != 0);
}

/* The absolute path of PATH at DIRFD, into BUF. */
static const char *
faults_absolute(int dirfd, const char *path, char *buf)
{
	char link[64];
	ssize_t n;

	if (path[0] == '/' || dirfd == AT_FDCWD)
		return path;
	snprintf(link, sizeof link, "/proc/self/fd/%d", dirfd);
	n = readlink(link, buf, PATH_MAX / 2);
	if (n < 0)
		return path;
	snprintf(buf + n, (size_t)(PATH_MAX - n), "/%s", path);
	return buf;
}

/* The file of FD, or NULL where it is none of ours. */
static struct faults_file *
faults_of(int fd)
{
	if (faults == NULL || fd < 0 || fd >= FAULTS_FDS || faults_fd[fd] == 0)
		return NULL;
	return &faults_files[faults_fd[fd] - 1];
}

static void
faults_opened(int fd, const char *path)
{
	unsigned i;

	if (fd < 0 || fd >= FAULTS_FDS)
		return;
	pthread_mutex_lock(&faults_mutex);
	for (i = 0; i < FAULTS_FILES - 1; i++)
		if (faults_files[i].path[0] == '\0' ||
		    strcmp(faults_files[i].path, path) == 0)
			break;
	snprintf(faults_files[i].path, sizeof faults_files[i].path, "%s", path);
	faults_fd[fd] = (unsigned char)(i + 1);
	pthread_mutex_unlock(&faults_mutex);
	faults->opens++;
}

/* --- the shadow ---------------------------------------------------------- */

/* Opens the shadow of PATH. */
static int
faults_shadow(const char *path, int flags)
{
	char name[2 * PATH_MAX];

	snprintf(name, sizeof name, "%s%s", faults->shadow,
	    path + strlen(faults->match));
	return (int)syscall(SYS_openat, AT_FDCWD, name, flags | O_CLOEXEC, 0600);
}

/* Copies a range; what is not there to be read becomes zeros if ZEROS. */
static void
faults_copy(int from, int to, struct faults_range range, bool zeros)
{
	static char buf[65536];		/* under the mutex */
	ssize_t n;

	while (range.n > 0) {
		n = syscall(SYS_pread64, from, buf,
		    range.n < sizeof buf ? range.n : sizeof buf, range.at);
		if (n <= 0) {
			if (!zeros)
				return;
			n = (ssize_t)(range.n < sizeof buf ? range.n : sizeof buf);
			memset(buf, 0, (size_t)n);
		}
		syscall(SYS_pwrite64, to, buf, n, range.at);
		range.at += n;
		range.n -= (size_t)n;
	}
}

/* After a sync of FD: the shadow gets what was written, or the file what is safe. */
static void
faults_settle(int fd, struct faults_file *file, bool good)
{
	int shadow, anew = -1, error = errno;
	struct stat st;
	size_t i;

	if (faults->shadow[0] == '\0')
		return;
	pthread_mutex_lock(&faults_mutex);
	/* Only where it must be: the close takes the locks of the file with it. */
	if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY)
		fd = anew = (int)syscall(SYS_openat, AT_FDCWD, file->path,
		    O_RDWR | O_CLOEXEC);
	shadow = faults_shadow(file->path, O_RDWR | (good ? O_CREAT : 0));
	for (i = 0; i < file->n; i++) {
		if (good)
			faults_copy(fd, shadow, file->dirty[i], false);
		else
			faults_copy(shadow, fd, file->dirty[i], true);
	}
	if (good && file->cut && syscall(SYS_fstat, fd, &st) == 0)
		syscall(SYS_ftruncate, shadow, st.st_size);
	file->n = 0;
	file->cut = false;
	if (shadow >= 0)
		syscall(SYS_close, shadow);
	if (anew >= 0)
		syscall(SYS_close, anew);
	pthread_mutex_unlock(&faults_mutex);
	errno = error;
}

static void
faults_dirty(struct faults_file *file, off_t at, size_t n)
{
	struct faults_range *last;

	if (faults->shadow[0] == '\0')
		return;
	pthread_mutex_lock(&faults_mutex);
	last = file->n > 0 ? &file->dirty[file->n - 1] : NULL;
	if (last != NULL && last->at + (off_t)last->n == at) {
		last->n += n;
	} else {
		if (file->n == file->size) {
			file->size = file->size == 0 ? 64 : 2 * file->size;
			file->dirty = __libc_realloc(file->dirty,
			    file->size * sizeof file->dirty[0]);
		}
		file->dirty[file->n++] = (struct faults_range){ at, n };
	}
	pthread_mutex_unlock(&faults_mutex);
}

static void
faults_forget(const char *path)
{
	pthread_mutex_lock(&faults_mutex);
	for (unsigned i = 0; i < FAULTS_FILES; i++)
		if (strcmp(faults_files[i].path, path) == 0)
			faults_files[i].n = 0;
	pthread_mutex_unlock(&faults_mutex);
}

/* --- opening and closing ------------------------------------------------- */

static int
faults_open(int dirfd, const char *path, int flags, mode_t mode)
{
	char buf[PATH_MAX];
	const char *absolute;
	bool ours = false;
	int fd;

	if (faults != NULL && (flags & O_DIRECTORY) == 0) {
		absolute = faults_absolute(dirfd, path, buf);
		ours = faults_matches(absolute);
		if (ours && faults_fail(&faults->open_error))
			return -1;
	}
	fd = (int)syscall(SYS_openat, dirfd, path, flags, mode);
	if (ours)
		faults_opened(fd, absolute);
	return fd;
}

static mode_t
faults_mode(int flags, va_list ap)
{
	return (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(ap, mode_t) : 0;
}

#define FAULTS_OPEN(name) \
int \
name(const char *path, int flags, ...) \
{ \
	va_list ap; \
	mode_t mode; \
\
	va_start(ap, flags); \
	mode = faults_mode(flags, ap); \
	va_end(ap); \
	return faults_open(AT_FDCWD, path, flags, mode); \
}
#define FAULTS_OPENAT(name) \
int \
name(int dirfd, const char *path, int flags, ...) \
{ \
	va_list ap; \
	mode_t mode; \
\
	va_start(ap, flags); \
	mode = faults_mode(flags, ap); \
	va_end(ap); \
	return faults_open(dirfd, path, flags, mode); \
}
FAULTS_OPEN(open)
FAULTS_OPEN(open64)
FAULTS_OPENAT(openat)
FAULTS_OPENAT(openat64)

int
__open_2(const char *path, int flags)
{
	return faults_open(AT_FDCWD, path, flags, 0);
}

int
__open64_2(const char *path, int flags)
{
	return faults_open(AT_FDCWD, path, flags, 0);
}

int
close(int fd)
{
	if (faults_of(fd) != NULL)
		faults_fd[fd] = 0;
	return (int)syscall(SYS_close, fd);
}

int
unlink(const char *path)
{
	char name[2 * PATH_MAX];
	int r = (int)syscall(SYS_unlink, path);

	if (r == 0 && faults != NULL && faults_matches(path)) {
		faults_forget(path);
		if (faults->shadow[0] != '\0') {
			snprintf(name, sizeof name, "%s%s", faults->shadow,
			    path + strlen(faults->match));
			syscall(SYS_unlink, name);
		}
	}
	return r;
}

static int
faults_rename(int from_fd, const char *from, int to_fd, const char *to)
{
	int r = (int)syscall(SYS_renameat, from_fd, from, to_fd, to);
	char a[PATH_MAX], b[PATH_MAX], from_name[2 * PATH_MAX], to_name[2 * PATH_MAX];
	size_t skip;

	if (r != 0 || faults == NULL || faults->shadow[0] == '\0')
		return r;
	from = faults_absolute(from_fd, from, a);
	to = faults_absolute(to_fd, to, b);
	if (!faults_matches(from) || !faults_matches(to))
		return r;
	skip = strlen(faults->match);
	snprintf(from_name, sizeof from_name, "%s%s", faults->shadow, from + skip);
	snprintf(to_name, sizeof to_name, "%s%s", faults->shadow, to + skip);
	syscall(SYS_rename, from_name, to_name);
	return r;
}

int
rename(const char *from, const char *to)
{
	return faults_rename(AT_FDCWD, from, AT_FDCWD, to);
}

int
renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	return faults_rename(from_fd, from, to_fd, to);
}

/* --- writing ------------------------------------------------------------- */

/* How many of N bytes at AT may be written; -1 with errno set. */
static ssize_t
faults_may_write(int fd, off_t at, size_t n)
{
	int64_t room = faults->room, grows;
	struct stat st;

	faults->writes++;
	if (faults_fail(&faults->write_error))
		return -1;
	if (room < 0 || syscall(SYS_fstat, fd, &st) != 0)
		return (ssize_t)n;
	grows = (int64_t)at + (int64_t)n - st.st_size;
	if (grows <= 0)
		return (ssize_t)n;
	if (grows > room) {
		if ((int64_t)n - (grows - room) <= 0) {
			faults->errors++;
			errno = ENOSPC;
			return -1;
		}
		n -= (size_t)(grows - room);
		grows = room;
	}
	faults->room -= grows;
	return (ssize_t)n;
}

static ssize_t
faults_pwrite(int fd, const void *data, size_t n, off_t at)
{
	struct faults_file *file = faults_of(fd);
	ssize_t may = file != NULL ? faults_may_write(fd, at, n) : (ssize_t)n;
	ssize_t r;

	if (may < 0)
		return -1;
	r = syscall(SYS_pwrite64, fd, data, may, at);
	if (file != NULL && r > 0) {
		faults_dirty(file, at, (size_t)r);
		faults->written += r;
	}
	return r;
}

ssize_t
pwrite(int fd, const void *data, size_t n, off_t at)
{
	return faults_pwrite(fd, data, n, at);
}

ssize_t
pwrite64(int fd, const void *data, size_t n, off64_t at)
{
	return faults_pwrite(fd, data, n, at);
}

ssize_t
write(int fd, const void *data, size_t n)
{
	struct faults_file *file = faults_of(fd);
	off_t at = 0;
	ssize_t r, may = (ssize_t)n;

	if (file != NULL) {
		at = syscall(SYS_lseek, fd, 0, SEEK_CUR);
		may = faults_may_write(fd, at, n);
	}
	if (may < 0)
		return -1;
	r = syscall(SYS_write, fd, data, may);
	if (file != NULL && r > 0) {
		faults_dirty(file, at, (size_t)r);
		faults->written += r;
	}
	return r;
}

static int
faults_truncate(int fd, off_t length)
{
	struct faults_file *file = faults_of(fd);

	if (file != NULL && faults_fail(&faults->write_error))
		return -1;
	if (file != NULL)
		file->cut = true;
	return (int)syscall(SYS_ftruncate, fd, length);
}

int
ftruncate(int fd, off_t length)
{
	return faults_truncate(fd, length);
}

int
ftruncate64(int fd, off64_t length)
{
	return faults_truncate(fd, length);
}

/* --- reading ------------------------------------------------------------- */

static bool
faults_may_read(int fd)
{
	if (faults_of(fd) == NULL)
		return true;
	faults->reads++;
	return !faults_fail(&faults->read_error);
}

ssize_t
read(int fd, void *buf, size_t n)
{
	return faults_may_read(fd) ? syscall(SYS_read, fd, buf, n) : -1;
}

ssize_t
pread(int fd, void *buf, size_t n, off_t at)
{
	return faults_may_read(fd) ? syscall(SYS_pread64, fd, buf, n, at) : -1;
}

ssize_t
pread64(int fd, void *buf, size_t n, off64_t at)
{
	return faults_may_read(fd) ? syscall(SYS_pread64, fd, buf, n, at) : -1;
}

/* --- syncing ------------------------------------------------------------- */

static void
faults_sleep(int64_t ns)
{
	struct timespec t = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };

	nanosleep(&t, NULL);
}

/* The disk itself is not asked: what was written is enough to outlive the daemon,
 * and the shadow knows the rest. */
static int
faults_sync(int fd, long call)
{
	struct faults_file *file = faults_of(fd);
	bool good;

	if (file == NULL)
		return (int)syscall(call, fd);
	faults->syncs_begun++;
	if (faults->sync_ns > 0)
		faults_sleep(faults->sync_ns);
	while (faults->hold != 0)
		faults_sleep(FAULTS_POLL);
	good = !faults_fail(&faults->sync_error);
	faults_settle(fd, file, good);
	if (!good)
		return -1;
	faults->syncs++;
	return 0;
}

int
fsync(int fd)
{
	return faults_sync(fd, SYS_fsync);
}

int
fdatasync(int fd)
{
	return faults_sync(fd, SYS_fdatasync);
}

/* --- memory -------------------------------------------------------------- */

/* True if this allocation fails.  With TT_FAULTS_TRACE standard error says where. */
static bool
faults_no_memory(void)
{
	int64_t n, at;
	void *frames[32];

	if (faults == NULL || faults_inside)
		return false;
	n = ++faults->allocations;
	at = faults->fail_at;
	if (at == 0 || n < at || (n > at && faults->fail_more == 0))
		return false;
	faults->failed++;
	if (getenv("TT_FAULTS_TRACE") != NULL) {
		faults_inside = true;
		backtrace_symbols_fd(frames, backtrace(frames, 32), 2);
		faults_inside = false;
	}
	errno = ENOMEM;
	return true;
}

int
accept4(int fd, struct sockaddr *restrict peer, socklen_t *restrict size, int flags)
{
	if (faults != NULL && faults_fail(&faults->accept_error))
		return -1;
	return (int)syscall(SYS_accept4, fd, peer, size, flags);
}

void *
malloc(size_t size)
{
	return faults_no_memory() ? NULL : __libc_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	return faults_no_memory() ? NULL : __libc_calloc(n, size);
}

void *
realloc(void *old, size_t size)
{
	/* What becomes smaller may fail too. */
	return faults_no_memory() ? NULL : __libc_realloc(old, size);
}

void *
memalign(size_t align, size_t size)
{
	return faults_no_memory() ? NULL : __libc_memalign(align, size);
}

void *
aligned_alloc(size_t align, size_t size)
{
	return faults_no_memory() ? NULL : __libc_memalign(align, size);
}

int
posix_memalign(void **p, size_t align, size_t size)
{
	void *got = faults_no_memory() ? NULL : __libc_memalign(align, size);

	if (got == NULL)
		return ENOMEM;
	*p = got;
	return 0;
}
