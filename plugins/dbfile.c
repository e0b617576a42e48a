/* dbfile.c - which files are a database of ours, and what stands in them. */
#include "plugins/dbfile.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon/fault.h"
#include "daemon/memory.h"

/* --- what stands at the path --------------------------------------------- */

static uint32_t
dbfile_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The directory must be writable too: the WAL lies beside the file.  One without
 * any permission to write is left alone, though root could. */
static int
dbfile_check_directory(const char *path, struct tt_error *err)
{
	const char *slash = strrchr(path, '/');
	char *dir;
	struct stat st;
	int r = -1;

	assert(slash != NULL);
	dir = slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
	if (dir == NULL || stat(dir, &st) != 0)
		tt_error_set(err, "%s: its directory: %s", path, strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		tt_error_set(err, "%s: %s is not a directory", path, dir);
	else if ((st.st_mode & 0222) == 0)
		tt_error_set(err, "%s: the directory %s is read-only", path, dir);
	else if (access(dir, W_OK | X_OK) != 0)
		tt_error_set(err, "%s: the directory %s cannot be written: %s", path,
		    dir, strerror(errno));
	else
		r = 0;
	free(dir);
	return r;
}

static int
dbfile_check_header(const char *path, const uint8_t *header, ssize_t size,
    uint32_t application, uint32_t version, struct tt_error *err)
{
	if (size == 0)
		return 0;
	if (size < 100 || memcmp(header, "SQLite format 3", 16) != 0)
		return tt_error_set(err, "%s: there is another file already, which is "
		    "not an SQLite database", path);
	if (dbfile_u32(header + 68) != application)
		return tt_error_set(err, "%s: the database of another program "
		    "(application_id 0x%08" PRIx32 ", not 0x%08" PRIx32 ")", path,
		    dbfile_u32(header + 68), application);
	if (dbfile_u32(header + 60) > version)
		return tt_error_set(err, "%s: made by a newer taskthread "
		    "(version %" PRIu32 " of its tables, not %" PRIu32 ")", path,
		    dbfile_u32(header + 60), version);
	return 0;
}

/* Looks at the path before SQLite does, which would begin to write. */
int
tt_dbfile_check(const char *path, uint32_t application, uint32_t version,
    struct tt_error *err)
{
	uint8_t header[100];
	struct stat st;
	ssize_t size;
	int fd, r;

	if (dbfile_check_directory(path, err) != 0)
		return -1;
	if (stat(path, &st) != 0) {
		if (errno == ENOENT)
			return 0;
		return tt_error_set(err, "%s: %s", path, strerror(errno));
	}
	if (S_ISDIR(st.st_mode))
		return tt_error_set(err, "%s: a directory, not a file", path);
	if (!S_ISREG(st.st_mode))
		return tt_error_set(err, "%s: not a regular file", path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return tt_error_set(err, "%s: cannot be read: %s", path,
		    strerror(errno));
	size = pread(fd, header, sizeof header, 0);
	r = size < 0 ? tt_error_set(err, "%s: cannot be read: %s", path,
	    strerror(errno)) : dbfile_check_header(path, header, size,
	    application, version, err);
	close(fd);
	if (r != 0)
		return -1;
	if ((st.st_mode & 0222) == 0)
		return tt_error_set(err, "%s: read-only", path);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return tt_error_set(err, "%s: cannot be written: %s", path,
		    strerror(errno));
	close(fd);
	return 0;
}

int
tt_dbfile_format(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), format = 0;
	uint8_t header[20];

	if (fd >= 0) {
		if (pread(fd, header, sizeof header, 0) == sizeof header)
			format = header[18] > header[19] ? header[18] : header[19];
		close(fd);
	}
	return format;
}

/* --- what is damaged ----------------------------------------------------- */

static void
dbfile_sync_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
	int fd = dir == NULL ? -1 : open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
	free(dir);
}

/* The size of PATH with SUFFIX behind it, -1 if there is no such file. */
static int64_t
dbfile_size(const char *path, const char *suffix)
{
	char name[TT_DBFILE_ASIDE + 8];
	struct stat st;

	snprintf(name, sizeof name, "%s%s", path, suffix);
	return stat(name, &st) == 0 ? (int64_t)st.st_size : -1;
}

/* The checksum over its first 24 bytes stands in the last 8 of a WAL's header, in the
 * byte order that its first word tells (https://sqlite.org/walformat.html). */
static bool
dbfile_wal_header(const uint8_t header[32])
{
	uint32_t magic = dbfile_u32(header), sum[2] = { 0, 0 };
	const uint8_t *p;

	if ((magic & ~UINT32_C(1)) != 0x377f0682)
		return false;
	for (int i = 0; i < 6; i++) {
		p = header + 4 * i;
		sum[i % 2] += sum[1 - i % 2] + ((magic & 1) != 0 ? dbfile_u32(p) :
		    (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 |
		    (uint32_t)p[1] << 8 | p[0]);
	}
	return sum[0] == dbfile_u32(header + 24) && sum[1] == dbfile_u32(header + 28);
}

enum tt_dbfile_wal
tt_dbfile_wal(const char *path)
{
	char name[TT_DBFILE_ASIDE + 8];
	uint8_t header[32];
	bool garbage;
	int fd;

	if (dbfile_size(path, "-wal") <= (int64_t)sizeof header)
		return TT_DBFILE_WAL_FINE;
	if (dbfile_size(path, "") <= 0)
		return TT_DBFILE_WAL_ALONE;
	snprintf(name, sizeof name, "%s-wal", path);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return TT_DBFILE_WAL_FINE;
	garbage = pread(fd, header, sizeof header, 0) == sizeof header &&
	    !dbfile_wal_header(header);
	close(fd);
	return garbage ? TT_DBFILE_WAL_GARBAGE : TT_DBFILE_WAL_FINE;
}

/* A name that nothing has yet, neither a file nor a WAL. */
static void
dbfile_aside(const char *path, char aside[TT_DBFILE_ASIDE])
{
	time_t now = time(NULL);
	char when[32];
	struct tm tm;
	int i = 1;

	strftime(when, sizeof when, "%Y%m%dT%H%M%SZ", gmtime_r(&now, &tm));
	snprintf(aside, TT_DBFILE_ASIDE, "%s.damaged-%s", path, when);
	while (dbfile_size(aside, "") >= 0 || dbfile_size(aside, "-wal") >= 0)
		snprintf(aside, TT_DBFILE_ASIDE, "%s.damaged-%s.%d", path, when, ++i);
}

/* Renames PATH with SUFFIX behind it; a WAL that is not there or empty, not. */
static int
dbfile_rename(const char *path, const char *suffix, const char *aside,
    struct tt_error *err)
{
	char from[TT_DBFILE_ASIDE + 8], to[TT_DBFILE_ASIDE + 8];

	snprintf(from, sizeof from, "%s%s", path, suffix);
	snprintf(to, sizeof to, "%s%s", aside, suffix);
	if (*suffix != '\0' && dbfile_size(path, suffix) == 0) {
		unlink(from);
		return 0;
	}
	if (rename(from, to) != 0 && errno != ENOENT)
		return tt_error_set(err, "%s: cannot be set aside: %s", from,
		    strerror(errno));
	return 0;
}

/* The WAL goes first: should the daemon be killed between the two, a file without it
 * is found, but never a new file with the WAL of an old one. */
static int
dbfile_set_aside(const char *path, bool whole, char aside[TT_DBFILE_ASIDE],
    struct tt_error *err)
{
	char shm[TT_DBFILE_ASIDE + 8];

	dbfile_aside(path, aside);
	if (dbfile_rename(path, "-wal", aside, err) != 0)
		return -1;
	(void)tt_fault("aside.wal");
	if (whole && dbfile_rename(path, "", aside, err) != 0)
		return -1;
	(void)tt_fault("aside.all");
	/* What maps the WAL is made anew. */
	snprintf(shm, sizeof shm, "%s-shm", path);
	unlink(shm);
	dbfile_sync_directory(path);
	return 0;
}

int
tt_dbfile_put_in_place(const char *name, const char *path, struct tt_error *err)
{
	if (rename(name, path) != 0)
		return tt_error_set(err, "%s: cannot be renamed to %s: %s", name, path,
		    strerror(errno));
	dbfile_sync_directory(path);
	return 0;
}

int
tt_dbfile_set_aside(const char *path, char aside[TT_DBFILE_ASIDE], struct tt_error *err)
{
	return dbfile_set_aside(path, true, aside, err);
}

int
tt_dbfile_set_wal_aside(const char *path, char aside[TT_DBFILE_ASIDE],
    struct tt_error *err)
{
	return dbfile_set_aside(path, false, aside, err);
}

/* --- the schema ---------------------------------------------------------- */

const char tt_dbfile_channels[] =
    "SELECT m.name FROM main.sqlite_schema AS m WHERE m.type = 'table' "
    "AND (SELECT group_concat(name) FROM pragma_table_info(m.name, 'main')) "
    "= 'id,connection,seq,received_at,payload'";

const char tt_dbfile_ours[] =
    "SELECT name FROM main.sqlite_schema WHERE type = 'table' "
    "AND sql = 'CREATE TABLE \"' || name || '\"" TT_DBFILE_COLUMNS "'";

/* Payload as text where it is text, else as hex, in plain SQL.
 *
 * A cast to text checks nothing, but SQLite's functions decode: what is no UTF-8
 * comes out of unicode() as some code point whose char() is not the same bytes.
 * So: no NUL, which would end the text; no control characters but tab, LF and CR;
 * and it is all ASCII, or every character comes back the same.  For the last the
 * text is halved where it is not ASCII, until 16 characters are left, so that a
 * long one takes n log n and not n * n.  What is longer than 64 KiB and not ASCII is
 * shown as hex: a hundred frames of 1 MiB would take half a minute. */
#define RECENT_TEXT "CAST(f.payload AS TEXT)"
#define RECENT_WIDE "GLOB '*[^' || char(1) || '-' || char(127) || ']*'"
#define RECENT_CHAR(i) "unicode(substr(p,"#i",1))"
static const char dbfile_payload[] =
"  CASE WHEN instr(f.payload, x'00') = 0\n"
"      AND " RECENT_TEXT " NOT GLOB '*[' || char(1) || '-' || char(8, 11, 12, 14) ||\n"
"        '-' || char(31, 127) || '-' || char(159) || ']*'\n"
"      AND (" RECENT_TEXT " NOT " RECENT_WIDE "\n"
"        OR length(f.payload) <= 65536 AND NOT EXISTS (\n"
"          WITH RECURSIVE half(side) AS (VALUES (0), (1)),\n"
"          piece(s, n) AS (\n"
"            SELECT " RECENT_TEXT ", length(" RECENT_TEXT ")\n"
"            UNION ALL\n"
"            SELECT CASE side WHEN 0 THEN substr(s, 1, n / 2)\n"
"                ELSE substr(s, n / 2 + 1) END,\n"
"              CASE side WHEN 0 THEN n / 2 ELSE n - n / 2 END\n"
"            FROM piece CROSS JOIN half\n"
"            WHERE n > 16 AND s " RECENT_WIDE ")\n"
"          SELECT 1\n"
"          FROM (SELECT s || substr('                ', n + 1) AS p\n"
"            FROM piece WHERE n <= 16)\n"
"          WHERE p <> char("
	RECENT_CHAR(1) ", " RECENT_CHAR(2) ",\n            "
	RECENT_CHAR(3) ", " RECENT_CHAR(4) ",\n            "
	RECENT_CHAR(5) ", " RECENT_CHAR(6) ",\n            "
	RECENT_CHAR(7) ", " RECENT_CHAR(8) ",\n            "
	RECENT_CHAR(9) ", " RECENT_CHAR(10) ",\n            "
	RECENT_CHAR(11) ", " RECENT_CHAR(12) ",\n            "
	RECENT_CHAR(13) ", " RECENT_CHAR(14) ",\n            "
	RECENT_CHAR(15) ", " RECENT_CHAR(16) ")))\n"
"    THEN " RECENT_TEXT " ELSE hex(f.payload) END AS payload\n";

/* NAME as SQL takes it between two marks Q: each mark within it twice. */
static void
dbfile_quote(FILE *out, const char *name, char q)
{
	putc(q, out);
	for (; *name != '\0'; name++) {
		if (*name == q)
			putc(q, out);
		putc(*name, out);
	}
	putc(q, out);
}

char *
tt_dbfile_recent(const char *const *channels, size_t n)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	bool failed;

	if (out == NULL)
		tt_memory_out();
	fputs("CREATE VIEW main.recent AS\n"
	    "SELECT strftime('%Y-%m-%dT%H:%M:%S', f.received_at / 1000000000,\n"
	    "    'unixepoch') || printf('.%09dZ', f.received_at % 1000000000) AS time,\n"
	    "  c.peer AS peer, f.channel AS channel, f.connection AS connection,\n"
	    "  f.seq AS seq,\n", out);
	fputs(dbfile_payload, out);
	fputs("FROM (\n", out);
	for (size_t i = 0; i < n; i++) {
		/* From the end of the rowids, so that a large table costs no more
		 * than a small one. */
		fputs(i == 0 ? "  SELECT * FROM (SELECT " :
		    "  UNION ALL SELECT * FROM (SELECT ", out);
		dbfile_quote(out, channels[i], '\'');
		fputs(" AS channel, id, connection, seq,\n"
		    "    received_at, payload FROM ", out);
		dbfile_quote(out, channels[i], '"');
		fputs(" ORDER BY id DESC LIMIT 100)\n", out);
	}
	fputs("  ORDER BY received_at DESC, id DESC LIMIT 100) AS f\n"
	    "LEFT JOIN connection AS c ON c.id = f.connection\n"
	    "ORDER BY f.received_at DESC, f.id DESC", out);
	failed = ferror(out) != 0;
	/* Where memory is out at the very end fclose() succeeds, without a text. */
	if (fclose(out) != 0 || failed || text == NULL)
		tt_memory_out();
	return text;
}
