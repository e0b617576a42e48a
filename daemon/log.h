/* log.h - the log: lines on standard error, the one global thing there is.
 *
 * Under systemd each line begins with <N>, the priority of syslog(3); in a
 * terminal with the time and the level.  A message is one line; control
 * characters, and bytes that are not UTF-8, come escaped, whoever they are from.
 * Safe from any OS thread. */
#ifndef TT_DAEMON_LOG_H
#define TT_DAEMON_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tt_log_level {
	TT_LOG_ERROR, TT_LOG_WARNING, TT_LOG_NOTICE, TT_LOG_INFO, TT_LOG_DEBUG
};

/* Lines above LEVEL are left out.  Looks at standard error, which becomes /dev/null
 * where it is closed, and at the environment (JOURNAL_STREAM).  May be called
 * again, for another level.  A standard error that takes nothing holds the caller
 * for a moment at most; lines that are lost by that are counted, and said. */
void tt_log_open(enum tt_log_level level);
bool tt_log_wants(enum tt_log_level level);

/* Lines about the node PATH, and about all beneath it that has no level of its
 * own, are left out above LEVEL instead.  PATH must live until the next
 * tt_log_open(), which forgets all of these.  Called before other OS threads
 * are. */
void tt_log_set_level(const char *path, enum tt_log_level level);

/* One line.  PATH (the node's, NULL for none) stands before the message. */
void tt_log(enum tt_log_level level, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A line of SIZE bytes as they are, for machines: printable ASCII, any length,
 * in a terminal without time and level.  It is never left out: LEVEL is only its
 * priority. */
void tt_log_machine(enum tt_log_level level, const char *line, size_t size);

/* Writes SIZE bytes at DATA into BUF as printable ASCII, the others as \xNN,
 * \r, \n, \t, \\ and \"; cuts what does not fit.  Returns BUF. */
const char *tt_escape(const void *data, size_t size, char *buf, size_t room);

/* A limit for lines that come in floods: BURST a second, then a count. */
struct tt_log_limit {
	int64_t second;			/* of which `lines` were said */
	unsigned lines;
	uint64_t left_out;
};

/* True if one more line may be said now.  NOW is ns of any clock that began long ago,
 * and may be a little behind what it was before.  When a new
 * second begins, *LEFT_OUT gets the number of lines not said, else 0. */
bool tt_log_limit(struct tt_log_limit *limit, int64_t now, unsigned burst,
    uint64_t *left_out);

#endif
