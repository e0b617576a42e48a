/* check_log.c - what the log says, and where it must not stop. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/log.h"

Suite *check_log_suite(void);

/* Standard error, while it is caught. */
static struct {
	int saved, reader;
	char text[1 << 17];
	size_t size;
} caught;

/* From here on standard error is FDS[1], a pipe or a socket whose other end is
 * FDS[0].  JOURNAL says that it is the journal's. */
static void
log_catch_fds(const int fds[2], bool journal)
{
	char stream[64];
	struct stat st;

	signal(SIGPIPE, SIG_IGN);
	caught.saved = dup(STDERR_FILENO);
	caught.reader = fds[0];
	caught.size = 0;
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	fstat(STDERR_FILENO, &st);
	snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino + (journal ? 0 : 1));
	setenv("JOURNAL_STREAM", stream, 1);
	tt_log_open(TT_LOG_INFO);
}

static void
log_catch(bool journal)
{
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	log_catch_fds(fds, journal);
}

/* Reads what is there by now. */
static void
log_read(void)
{
	ssize_t n;

	while ((n = read(caught.reader, caught.text + caught.size,
	    sizeof caught.text - 1 - caught.size)) > 0)
		caught.size += (size_t)n;
	caught.text[caught.size] = '\0';
}

/* Standard error is itself again.  Returns what was caught. */
static const char *
log_release(void)
{
	log_read();
	dup2(caught.saved, STDERR_FILENO);
	close(caught.saved);
	close(caught.reader);
	unsetenv("JOURNAL_STREAM");
	tt_log_open(TT_LOG_INFO);
	return caught.text;
}

START_TEST(a_line_has_time_level_path_and_message)
{
	int year, month, day, hour, minute, second, ms, n = 0;
	const char *text;

	log_catch(false);
	tt_log(TT_LOG_WARNING, "MasterThread/TCPServerThread", "port %d", 5002);
	tt_log(TT_LOG_INFO, NULL, "no path");
	text = log_release();
	ck_assert_int_eq(sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ %n", &year, &month,
	    &day, &hour, &minute, &second, &ms, &n), 7);
	ck_assert_int_gt(n, 0);
	text += n;
	ck_assert_int_eq(strncmp(text, "warning MasterThread/TCPServerThread: "
	    "port 5002\n", 48), 0);
	text += 48;
	ck_assert_str_eq(text + n, "info    no path\n");
}
END_TEST

START_TEST(the_journal_gets_priorities)
{
	log_catch(true);
	tt_log(TT_LOG_ERROR, "A", "one");
	tt_log(TT_LOG_WARNING, NULL, "two");
	tt_log(TT_LOG_NOTICE, NULL, "three");
	tt_log(TT_LOG_INFO, NULL, "four");
	tt_log_machine(TT_LOG_INFO, "{}", 2);
	ck_assert_str_eq(log_release(),
	    "<3>A: one\n<4>two\n<5>three\n<6>four\n<6>{}\n");
}
END_TEST

START_TEST(the_journal_may_be_a_socket)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	log_catch_fds(fds, true);
	tt_log(TT_LOG_INFO, NULL, "hello");
	ck_assert_str_eq(log_release(), "<6>hello\n");
}
END_TEST

START_TEST(levels_above_are_left_out_but_machines_get_their_lines)
{
	log_catch(true);
	ck_assert(tt_log_wants(TT_LOG_INFO));
	ck_assert(!tt_log_wants(TT_LOG_DEBUG));
	tt_log(TT_LOG_DEBUG, NULL, "left out");
	tt_log_open(TT_LOG_ERROR);
	ck_assert(!tt_log_wants(TT_LOG_WARNING));
	tt_log(TT_LOG_INFO, NULL, "left out");
	tt_log(TT_LOG_ERROR, NULL, "said");
	tt_log_machine(TT_LOG_INFO, "{}", 2);
	tt_log_open(TT_LOG_DEBUG);
	tt_log(TT_LOG_DEBUG, NULL, "debug");
	ck_assert_str_eq(log_release(), "<3>said\n<6>{}\n<7>debug\n");
}
END_TEST

START_TEST(a_node_has_its_own_level_and_gives_it_to_those_beneath)
{
	log_catch(true);
	tt_log_set_level("M/Server", TT_LOG_ERROR);
	tt_log_set_level("M/Server/Conn/Proc", TT_LOG_DEBUG);
	tt_log(TT_LOG_INFO, "M", "a");
	tt_log(TT_LOG_INFO, "M/Server", "no");
	tt_log(TT_LOG_INFO, "M/Server/Conn#7", "no");
	tt_log(TT_LOG_ERROR, "M/Server/Conn#7", "b");
	tt_log(TT_LOG_DEBUG, "M/Server/Conn#12/Proc", "c");
	tt_log(TT_LOG_DEBUG, "M/ServerX", "no");
	tt_log(TT_LOG_INFO, "M/Server two", "d");
	tt_log_open(TT_LOG_INFO);
	tt_log(TT_LOG_INFO, "M/Server", "e");
	ck_assert_str_eq(log_release(), "<6>M: a\n<3>M/Server/Conn#7: b\n"
	    "<7>M/Server/Conn#12/Proc: c\n<6>M/Server two: d\n<6>M/Server: e\n");
}
END_TEST

static const struct {
	const char *message, *shown;
} log_escapes[] = {
	{ "plain \\ text", "plain \\ text" },
	{ "a\nb\rc\td", "a\\nb\\rc\\td" },
	{ "\x01\x1B[31m\x7F", "\\x01\\x1B[31m\\x7F" },
	{ "Gr\xC3\xBC\xC3\x9F" "e \xE2\x82\xAC \xF0\x9F\x98\x80",
	    "Gr\xC3\xBC\xC3\x9F" "e \xE2\x82\xAC \xF0\x9F\x98\x80" },
	{ "\xFF\xC3", "\\xFF\\xC3" },
	{ "\xC0\xAF", "\\xC0\\xAF" },			/* too long a form */
	{ "\xED\xA0\x80", "\\xED\\xA0\\x80" },		/* a surrogate */
	{ "\xC2\x9B" "31m", "\\u009B31m" },		/* CSI, in one character */
	{ "\xE2\x80\xAE", "\\u202E" },			/* right to left */
};

START_TEST(what_is_not_text_comes_escaped)
{
	char right[256];

	log_catch(true);
	tt_log(TT_LOG_INFO, log_escapes[_i].message, "%s", log_escapes[_i].message);
	snprintf(right, sizeof right, "<6>%s: %s\n", log_escapes[_i].shown,
	    log_escapes[_i].shown);
	ck_assert_str_eq(log_release(), right);
}
END_TEST

/* A message of many equal characters, _i of which stand on the edge. */
START_TEST(a_long_message_is_cut_at_a_whole_character)
{
	static const char *const units[] = { "x", "\xC3\xBC", "\xE2\x82\xAC", "\x01" };
	static const char *const shown[] = { "x", "\xC3\xBC", "\xE2\x82\xAC", "\\x01" };
	static char message[20000];
	const char *text;
	size_t n = strlen(shown[_i]), length, at;

	for (at = 0; at + 4 < sizeof message; at += strlen(units[_i]))
		strcpy(message + at, units[_i]);
	log_catch(true);
	tt_log(TT_LOG_INFO, NULL, "%s", message);
	text = log_release();
	length = strlen(text);
	ck_assert_uint_gt(length, 8000);
	ck_assert_uint_le(length, 8192);
	ck_assert_str_eq(text + length - 4, "\xE2\x80\xA6\n");
	ck_assert_int_eq(strncmp(text, "<6>", 3), 0);
	ck_assert_uint_eq((length - 3 - 4) % n, 0);
	for (at = 3; at < length - 4; at += n)
		ck_assert_int_eq(strncmp(text + at, shown[_i], n), 0);
}
END_TEST

/* Every line but the last may be whole or torn, never two in one. */
static void
log_check_lines(const char *text, size_t size)
{
	for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
		ck_assert_ptr_nonnull(strchr(line, '\n'));
		ck_assert_uint_le((size_t)(strchr(line, '\n') - line), size);
		ck_assert_int_eq(line[0], '<');
	}
}

/* _i: a pipe, a socket. */
START_TEST(a_reader_that_sleeps_holds_nobody_and_loses_counted_lines)
{
	static char message[5001];
	unsigned long lost = 0, whole = 0;
	const char *text;
	int fds[2];

	memset(message, 'x', sizeof message - 1);
	ck_assert_int_eq(_i == 0 ? pipe(fds)
	    : socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	if (_i == 1)
		setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &(int){ 32768 }, sizeof(int));
	log_catch_fds(fds, true);
	for (int i = 0; i < 100; i++)
		tt_log(TT_LOG_INFO, NULL, "%s", message);
	log_read();
	tt_log(TT_LOG_INFO, NULL, "awake");
	text = log_release();

	log_check_lines(text, 3 + 5000);
	for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
		if (strncmp(line, "<6>x", 4) == 0)
			whole += strchr(line, '\n') - line == 3 + 5000;
		else if (strncmp(line, "<4>", 3) == 0)
			ck_assert_int_eq(sscanf(line, "<4>%lu lines of the log were "
			    "lost\n", &lost), 1);
	}
	ck_assert_uint_gt(lost, 0);
	ck_assert_uint_eq(whole + lost, 100);
	ck_assert_str_eq(text + strlen(text) - 9, "<6>awake\n");
}
END_TEST

START_TEST(a_reader_that_has_gone_is_no_matter)
{
	log_catch(true);
	close(caught.reader);
	caught.reader = open("/dev/null", O_RDONLY);
	errno = ERANGE;
	tt_log(TT_LOG_INFO, NULL, "to nobody");
	ck_assert_int_eq(errno, ERANGE);
	log_release();
}
END_TEST

START_TEST(a_closed_standard_error_stays_out_of_the_way_of_files)
{
	int saved = dup(STDERR_FILENO), fd;

	close(STDERR_FILENO);
	tt_log_open(TT_LOG_INFO);
	tt_log(TT_LOG_INFO, NULL, "to nobody");
	fd = open("/dev/null", O_RDONLY);
	ck_assert_int_gt(fd, STDERR_FILENO);
	close(fd);
	dup2(saved, STDERR_FILENO);
	close(saved);
	tt_log_open(TT_LOG_INFO);
}
END_TEST

static void *
log_drain(void *arg)
{
	struct pollfd p = { .fd = caught.reader, .events = POLLIN };

	(void)arg;
	/* Until the line has ended; small pieces, so that the writer must wait. */
	while (caught.size == 0 || caught.text[caught.size - 1] != '\n') {
		ssize_t n;

		poll(&p, 1, -1);
		n = read(caught.reader, caught.text + caught.size, 3000);
		if (n > 0)
			caught.size += (size_t)n;
	}
	return NULL;
}

START_TEST(a_line_for_machines_has_any_length)
{
	static char line[100000];
	pthread_t reader;

	memset(line, 'j', sizeof line);
	log_catch(true);
	pthread_create(&reader, NULL, log_drain, NULL);
	tt_log_machine(TT_LOG_INFO, line, sizeof line);
	pthread_join(reader, NULL);
	log_release();
	ck_assert_uint_eq(caught.size, 3 + sizeof line + 1);
	ck_assert_int_eq(memcmp(caught.text + 3, line, sizeof line), 0);
}
END_TEST

static void *
log_speak(void *arg)
{
	for (int i = 0; i < 100; i++)
		tt_log(TT_LOG_INFO, arg, "%d", i);
	return NULL;
}

START_TEST(lines_of_many_os_threads_stay_whole)
{
	static char names[4][2] = { "0", "1", "2", "3" };
	int next[4] = { 0 }, who, number, n;
	pthread_t speakers[4];
	const char *text;

	log_catch(true);
	for (int i = 0; i < 4; i++)
		pthread_create(&speakers[i], NULL, log_speak, names[i]);
	for (int i = 0; i < 4; i++)
		pthread_join(speakers[i], NULL);
	for (text = log_release(); *text != '\0'; text += n) {
		ck_assert_int_eq(sscanf(text, "<6>%d: %d%n", &who, &number, &n), 2);
		ck_assert_int_eq(text[n], '\n');
		n++;
		ck_assert_int_eq(number, next[who]++);
	}
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(next[i], 100);
}
END_TEST

START_TEST(payload_is_shown_as_printable_ascii)
{
	char buf[64];

	ck_assert_str_eq(tt_escape("GET / HTTP\r\n\t\0~\xC3", 16, buf, sizeof buf),
	    "GET / HTTP\\r\\n\\t\\x00~\\xC3");
	ck_assert_str_eq(tt_escape("\\x00\"\0", 6, buf, sizeof buf),
	    "\\\\x00\\\"\\x00");	/* what it sends is not what we write */
	ck_assert_str_eq(tt_escape("", 0, buf, sizeof buf), "");
	ck_assert_str_eq(tt_escape("abc", 3, buf, 3), "ab");
	ck_assert_str_eq(tt_escape("abc", 3, buf, 4), "abc");
	ck_assert_str_eq(tt_escape("a\x80", 2, buf, 5), "a");
	ck_assert_str_eq(tt_escape("a\x80", 2, buf, 6), "a\\x80");
	ck_assert_str_eq(tt_escape("a", 1, buf, 1), "");
}
END_TEST

START_TEST(a_flood_is_counted_from_its_burst_on)
{
	const int64_t second = 1000000000;
	struct tt_log_limit limit = { 0 };
	uint64_t left_out;

	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(tt_log_limit(&limit, second + i, 3, &left_out), i < 3);
	ck_assert_uint_eq(left_out, 0);
	ck_assert(tt_log_limit(&limit, 2 * second, 3, &left_out));
	ck_assert_uint_eq(left_out, 7);
	ck_assert(tt_log_limit(&limit, 2 * second + 1, 3, &left_out));
	ck_assert_uint_eq(left_out, 0);
	ck_assert(tt_log_limit(&limit, 9 * second, 3, &left_out));
	ck_assert_uint_eq(left_out, 0);
}
END_TEST

Suite *
check_log_suite(void)
{
	Suite *suite = suite_create("log");
	TCase *tcase = tcase_create("log");

	tcase_add_test(tcase, a_line_has_time_level_path_and_message);
	tcase_add_test(tcase, the_journal_gets_priorities);
	tcase_add_test(tcase, the_journal_may_be_a_socket);
	tcase_add_test(tcase, levels_above_are_left_out_but_machines_get_their_lines);
	tcase_add_loop_test(tcase, what_is_not_text_comes_escaped, 0,
	    sizeof log_escapes / sizeof log_escapes[0]);
	tcase_add_loop_test(tcase, a_long_message_is_cut_at_a_whole_character, 0, 4);
	tcase_add_loop_test(tcase,
	    a_reader_that_sleeps_holds_nobody_and_loses_counted_lines, 0, 2);
	tcase_add_test(tcase, a_reader_that_has_gone_is_no_matter);
	tcase_add_test(tcase, a_closed_standard_error_stays_out_of_the_way_of_files);
	tcase_add_test(tcase, a_line_for_machines_has_any_length);
	tcase_add_test(tcase, lines_of_many_os_threads_stay_whole);
	tcase_add_test(tcase,
	    a_node_has_its_own_level_and_gives_it_to_those_beneath);
	tcase_add_test(tcase, payload_is_shown_as_printable_ascii);
	tcase_add_test(tcase, a_flood_is_counted_from_its_burst_on);
	suite_add_tcase(suite, tcase);
	return suite;
}
