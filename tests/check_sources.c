/* check_sources.c - values from elsewhere: put in as they are, never looked through
 * again, never shown. */
#include "config/sources.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/schemas.h"

Suite *check_sources_suite(void);

#define TOP "taskthread: 1\n"

static char sources_dir[] = "/tmp/check_sources.XXXXXX";

static void
sources_write(const char *name, const char *text, size_t size)
{
	char path[200];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", sources_dir, name);
	out = fopen(path, "w");
	ck_assert_ptr_nonnull(out);
	ck_assert_uint_eq(fwrite(text, 1, size, out), size);
	ck_assert_int_eq(fclose(out), 0);
}

static void
sources_setup(void)
{
	char big[(64 << 10) + 2];

	strcpy(sources_dir + strlen(sources_dir) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(sources_dir));
	memset(big, 'b', sizeof(big));
	sources_write("token", "s3cret\n", 7);
	sources_write("crlf", "s3cret\r\n", 8);
	sources_write("lines", "one\ntwo\n\n", 9);
	sources_write("nul", "a\0b", 3);
	sources_write("latin", "\xE4", 1);
	sources_write("yaml", "a: {b: [c]} # ${env:TT_A} *x", 28);
	sources_write("largest", big, 64 << 10);
	sources_write("too-large", big, (64 << 10) + 1);
	setenv("TT_A", "alpha", 1);
	setenv("TT_EMPTY", "", 1);
	setenv("TT_NESTED", "${env:TT_A}", 1);
	setenv("CREDENTIALS_DIRECTORY", sources_dir, 1);
	unsetenv("TT_NONE");
}

static void
sources_teardown(void)
{
	static const char *const names[] = { "token", "crlf", "lines", "nul", "latin",
		"yaml", "largest", "too-large", "t.yaml" };
	char path[200];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "%s/%s", sources_dir, names[i]);
		unlink(path);
	}
	rmdir(sources_dir);
}

/* TEXT with the directory for each @. */
static char *
sources_text(const char *text)
{
	char *out = calloc(1, 4096), *to = out;

	ck_assert_ptr_nonnull(out);
	for (; *text != '\0'; text++)
		if (*text == '@')
			to += sprintf(to, "%s", sources_dir);
		else
			*to++ = *text;
	return out;
}

/* Loads TEXT, and what is said of it to *ERRORS, to be freed. */
static struct tt_document *
sources_load(const char *text, enum tt_load_mode mode, char **errors)
{
	struct tt_errors *errs = tt_errors_create();
	char *whole = sources_text(text);
	struct tt_document *doc = tt_document_parse("t.yaml", whole, strlen(whole),
	    test_schemas, mode, errs);

	*errors = test_errors(errs);
	tt_errors_destroy(errs);
	free(whole);
	return doc;
}

static const struct {
	const char *says, *value;
} sources_good[] = {
	{ "${env:TT_A}", "alpha" },
	{ "'${env:TT_A}'", "alpha" },
	{ "\"a${env:TT_A}b${env:TT_A}c\"", "aalphabalphac" },
	{ "${env:TT_A:-other}", "alpha" },
	{ "${env:TT_NONE:-other}", "other" },
	{ "${env:TT_EMPTY:-other}", "other" },
	{ "${env:TT_NONE:-}", "" },
	{ "${env:TT_EMPTY}", "" },
	{ "${env:TT_NONE:-a:-b}", "a:-b" },
	{ "${env:TT_NONE:-a b, c}", "a b, c" },
	{ "${file:@/token}", "s3cret" },
	{ "${file:@/crlf}", "s3cret" },
	{ "${file:@/lines}", "one\ntwo\n" },
	{ "Bearer ${credential:token}.", "Bearer s3cret." },
	/* Never parsed again. */
	{ "${env:TT_NESTED}", "${env:TT_A}" },
	{ "${file:@/yaml}", "a: {b: [c]} # ${env:TT_A} *x" },
	{ "${env:TT_NONE:-$}{env:TT_A}", "${env:TT_A}" },
	{ "$${env:TT_A}", "${env:TT_A}" },
	{ "$$${env:TT_A}", "$${env:TT_A}" },
	{ "$ $a {b} $$", "$ $a {b} $$" },
	{ "a$${", "a${" },
};

START_TEST(a_value_comes_from_elsewhere)
{
	struct tt_document *doc;
	char text[400], *errors;

	snprintf(text, sizeof(text), TOP "MasterThread:\n  description: %s\n",
	    sources_good[_i].says);
	doc = sources_load(text, TT_LOAD_START, &errors);
	ck_assert_msg(doc != NULL && *errors == '\0', "%s", errors);
	ck_assert_str_eq(doc->root->description, sources_good[_i].value);
	tt_document_destroy(doc);
	free(errors);
}
END_TEST

START_TEST(every_type_of_option_takes_one)
{
	struct tt_document *doc;
	char *errors;

	setenv("TT_ADDRESS", "127.0.0.1:7", 1);
	setenv("TT_SIZE", "64KiB", 1);
	setenv("TT_HEX", "0d 0a", 1);
	setenv("TT_ACK", "line", 1);
	setenv("TT_ON", "on", 1);
	doc = sources_load(TOP "daemon: {memory: \"${env:TT_NONE:-10MiB}\"}\n"
	    "MasterThread:\n"
	    "  TCPServerThread:\n"
	    "    listen: [\"${env:TT_ADDRESS}\"]\n"
	    "    TCPConnectionThread:\n"
	    "      ack: ${env:TT_ACK}\n"
	    "      DataProcessorThread:\n"
	    "        framing: {type: delimiter, bytes: {hex: \"${env:TT_HEX}\"},"
	    " max: \"${env:TT_SIZE}\"}\n"
	    "        frame_timeout: ${env:TT_NONE:-3s}\n"
	    "  DatabaseThread: {path: \"${env:TT_A}.db\", lazy: \"${env:TT_ON}\"}\n"
	    "  WebsocketMasterThread:\n"
	    "    WebSocketSubThread:\n"
	    "      url: ws://${env:TT_A}/\n"
	    "      headers: {A: \"${credential:token}\"}\n", TT_LOAD_START, &errors);
	ck_assert_msg(doc != NULL, "%s", errors);
	ck_assert_int_eq(doc->daemon.memory, 10 << 20);
	ck_assert_int_eq(((const struct test_processor_config *)test_node(doc,
	    "MasterThread/TCPServerThread/TCPConnectionThread/DataProcessorThread")
	    ->config)->framing.bytes.size, 2);
	ck_assert(((const struct test_database_config *)test_node(doc,
	    "MasterThread/DatabaseThread")->config)->lazy);
	ck_assert_uint_eq(doc->n_env, 9);
	tt_document_destroy(doc);
	free(errors);
}
END_TEST

static const struct {
	const char *says, *error, *remedy;
} sources_missing[] = {
	{ "${env:TT_NONE}", "\"${env:TT_NONE}\" cannot be had: the environment has no "
	  "TT_NONE", "set it, or give a default: ${env:TT_NONE:-default}" },
	{ "${file:/nonexistent/x}", "\"${file:/nonexistent/x}\" cannot be had: No such "
	  "file or directory", NULL },
	{ "${file:@}", "cannot be had: it is no file of text", NULL },
	{ "${file:/dev/zero}", "cannot be had: it is no file of text", NULL },
	{ "${file:@/nul}", "cannot be had: it is not UTF-8, or has a NUL byte", NULL },
	{ "${file:@/latin}", "cannot be had: it is not UTF-8, or has a NUL byte", NULL },
	{ "${file:@/too-large}", "cannot be had: the value is longer than 64 KiB", NULL },
	{ "${file:@/largest}${env:TT_A}", "\"${env:TT_A}\" cannot be had: the value is "
	  "longer than 64 KiB", NULL },
	{ "${credential:none}", "\"${credential:none}\" cannot be had: No such file or "
	  "directory", NULL },
};

START_TEST(what_cannot_be_had_is_an_error_at_start_and_a_warning_at_check)
{
	char text[400], expected[400], *errors;
	struct tt_document *doc;

	snprintf(text, sizeof(text), TOP "MasterThread:\n  description: %s\n",
	    sources_missing[_i].says);
	ck_assert_ptr_null(sources_load(text, TT_LOAD_START, &errors));
	ck_assert_int_eq(strncmp(errors, "t.yaml:3:16: error: MasterThread: ", 34), 0);
	ck_assert_msg(strstr(errors, sources_missing[_i].error) != NULL, "%s", errors);
	snprintf(expected, sizeof(expected), "\n    %s\n", sources_missing[_i].remedy);
	ck_assert(sources_missing[_i].remedy == NULL || strstr(errors, expected));
	free(errors);
	doc = sources_load(text, TT_LOAD_CHECK, &errors);
	ck_assert_msg(doc != NULL, "%s", errors);
	ck_assert_int_eq(strncmp(errors, "t.yaml:3:16: warning: MasterThread: ", 36), 0);
	ck_assert(doc->root->unknown);
	tt_document_destroy(doc);
	free(errors);
}
END_TEST

START_TEST(without_systemd_there_are_no_credentials)
{
	char *errors;

	unsetenv("CREDENTIALS_DIRECTORY");
	ck_assert_ptr_null(sources_load(TOP "MasterThread:\n"
	    "  description: ${credential:token}\n", TT_LOAD_START, &errors));
	ck_assert_ptr_nonnull(strstr(errors, "CREDENTIALS_DIRECTORY is not set\n"));
	ck_assert_ptr_nonnull(strstr(errors, "LoadCredential=token:/path"));
	free(errors);
}
END_TEST

static const struct {
	const char *says, *error, *remedy;
} sources_wrong[] = {
	{ "a ${env:TT_A", "\"${\": it is not closed by }", "as in \"${env:NAME}\"; "
	  "\"$${\" stands for ${ itself" },
	{ "${TT_A}", "\"${TT_A}\": it does not say where the value comes from",
	  "did you mean \"${env:TT_A}\"? \"$${\" stands for ${ itself" },
	{ "${}", "\"${}\": there is no such source of values", NULL },
	{ "${evn:TT_A}", "\"${evn:TT_A}\": there is no such source of values",
	  "did you mean \"${env:...}\"?" },
	{ "${vault:TT_A}", "\"${vault:TT_A}\": there is no such source of values", NULL },
	{ "${env:}", "that is no name of an environment variable", NULL },
	{ "${env:A-B}", "that is no name of an environment variable", NULL },
	{ "${env:1A}", "that is no name of an environment variable", NULL },
	{ "${env:TT_A-x}", "that is no name of an environment variable",
	  "as in \"${env:NAME}\" or \"${env:NAME:-default}\"" },
	{ "${file:token}", "the path of the file does not begin with /",
	  "as in \"${file:/run/secrets/token}\"" },
	{ "${file:}", "the path of the file does not begin with /", NULL },
	{ "${credential:a/b}", "that is no name of a credential", NULL },
	{ "${credential:..}", "that is no name of a credential", NULL },
	{ "${credential:}", "that is no name of a credential", NULL },
};

START_TEST(a_source_that_nobody_can_read_is_an_error_always)
{
	char text[400], expected[400], *errors;

	snprintf(text, sizeof(text), TOP "MasterThread:\n  description: \"%s\"\n",
	    sources_wrong[_i].says);
	ck_assert_ptr_null(sources_load(text, TT_LOAD_CHECK, &errors));
	ck_assert_msg(strstr(errors, sources_wrong[_i].error) != NULL, "%s", errors);
	snprintf(expected, sizeof(expected), "\n    %s\n", sources_wrong[_i].remedy);
	ck_assert_msg(sources_wrong[_i].remedy == NULL || strstr(errors, expected),
	    "%s", errors);
	free(errors);
}
END_TEST

/* Where nothing is known, something legal stands in, and nothing follows from it. */
static const char *const sources_unknown[] = {
	"  TCPServerThread a:\n    listen: ${env:TT_NONE}\n    TCPConnectionThread:\n"
	"      DataProcessorThread: {framing: newline}\n"
	"  TCPServerThread b:\n    listen: [\"${env:TT_NONE}\"]\n"
	"    TCPConnectionThread:\n"
	"      DataProcessorThread: {framing: newline}\n"
	"  DatabaseThread a: {path: \"${env:TT_NONE}\"}\n"
	"  DatabaseThread b: {path: \"${env:TT_NONE}\"}\n",
	"  TCPServerThread:\n    listen: 127.0.0.1:0\n    TCPConnectionThread:\n"
	"      ack: ${env:TT_NONE}\n"
	"      DataProcessorThread: {framing: \"${env:TT_NONE}\"}\n"
	"  DatabaseThread: {path: a.db, queue: {bytes: \"${env:TT_NONE}\"}}\n",
	"  TCPServerThread:\n    listen: 127.0.0.1:0\n    TCPConnectionThread:\n"
	"      DataProcessorThread: {framing: {type: delimiter, bytes: "
	"{hex: \"${env:TT_NONE}\"}, max: \"${env:TT_NONE}\"}}\n"
	"  WebsocketMasterThread:\n    WebSocketSubThread: {url: \"${env:TT_NONE}\", "
	"headers: {A: \"${env:TT_NONE}\"}, backoff: \"${env:TT_NONE}\", "
	"tls: {ca: \"${env:TT_NONE}\"}}\n",
};

START_TEST(a_file_is_checked_without_its_values)
{
	char text[2000], *errors;
	struct tt_document *doc;

	snprintf(text, sizeof(text), TOP "daemon: {memory: \"${env:TT_NONE}\", "
	    "state_dir: \"${env:TT_NONE}\", name: \"${env:TT_NONE}\"}\n"
	    "MasterThread:\n%s", sources_unknown[_i]);
	doc = sources_load(text, TT_LOAD_CHECK, &errors);
	ck_assert_msg(doc != NULL && strstr(errors, "error") == NULL, "%s", errors);
	ck_assert_int_gt(doc->memory_bound, 0);
	tt_document_destroy(doc);
	free(errors);
}
END_TEST

START_TEST(a_channel_must_be_known)
{
	char *errors;

	ck_assert_ptr_null(sources_load(TOP "MasterThread:\n  DatabaseThread:\n"
	    "    path: a.db\n    IN: ${env:TT_NONE}\n", TT_LOAD_CHECK, &errors));
	ck_assert_ptr_nonnull(strstr(errors, "t.yaml:5:9: error: "
	    "MasterThread/DatabaseThread: IN names a channel that cannot be had now\n"));
	free(errors);
}
END_TEST

START_TEST(only_what_is_used_is_looked_for)
{
	struct tt_document *doc;
	char *errors;

	doc = sources_load(TOP "x-a: ${env:TT_NONE}\nMasterThread:\n", TT_LOAD_START,
	    &errors);
	ck_assert_msg(doc != NULL && *errors == '\0', "%s", errors);
	tt_document_destroy(doc);
	free(errors);
}
END_TEST

START_TEST(a_key_stands_in_the_file)
{
	char *errors;

	ck_assert_ptr_null(sources_load(TOP "MasterThread:\n  ${env:TT_A}: a\n",
	    TT_LOAD_START, &errors));
	ck_assert_ptr_nonnull(strstr(errors, "3:3: error: MasterThread: ${...} in a "
	    "key\n"));
	free(errors);
}
END_TEST

#define CONNECTION "  TCPServerThread:\n    listen: 127.0.0.1:0\n    UP: []\n" \
	"    TCPConnectionThread:\n  "

/* Values that are wrong for their options, all of them "s3cret", or with it. */
static const char *const sources_secrets[] = {
	"  log: ${credential:token}\n",
	"  UP: ${credential:token}\n",
	"  TCPServerThread: {listen: \"${credential:token}\"}\n",
	"  TCPServerThread: {listen: [\"${credential:token}\", 1.2.3.4:x]}\n",
	"  TCPServerThread: {listen: 127.0.0.1:1, max_connections: \"${credential:token}\"}\n",
	"  TCPServerThread: {listen: 127.0.0.1:1, max_connections: \"0${credential:token}\"}\n",
	"  DatabaseThread: {path: a.db, linger: \"${credential:token}\"}\n",
	"  DatabaseThread: {path: a.db, lazy: \"${credential:token}\"}\n",
	"  DatabaseThread: {path: a.db, queue: {bytes: \"${credential:token}\"}}\n",
	"  DatabaseThread a: {path: \"${credential:token}\"}\n"
	"  DatabaseThread b: {path: \"${credential:token}\"}\n",
	"  WebsocketMasterThread: {WebSocketSubThread: {url: \"${credential:token}\"}}\n",
	"  WebsocketMasterThread: {WebSocketSubThread: {url: \"ws://a@${credential:token}\"}}\n",
	"  WebsocketMasterThread: {WebSocketSubThread: {url: \"ws://a\", "
	"backoff: \"${credential:token}..1s\"}}\n",
	/* Channels, in each message that names some. */
	"  DatabaseThread: {path: a.db, IN: \"${credential:token}\"}\n",
	"  DatabaseThread: {path: a.db, IN: [\"${credential:token}\", "
	"\"${credential:token}\"]}\n",
	"  TimerThread: {UP: \"${credential:token}\"}\n"
	"  DatabaseThread: {path: a.db, IN: s3cre}\n",
	"  DatabaseThread: {path: a.db, IN: \"${credential:token}\"}\n"
	"  TimerThread: {UP: s3cre}\n",
	"  GroupThread: {UP: [a, b, c, d, e, f, g, h, i, \"${credential:token}\"]}\n"
	"  DatabaseThread: {path: a.db, IN: [s3cre]}\n",
	"  GroupThread: {IN: [\"${credential:token}\"]}\n  TimerThread: {UP: s3cre}\n",
	"  GroupThread: {TimerThread: {UP: \"${credential:token}\"}}\n"
	"  DatabaseThread: {path: a.db, IN: \"${credential:token}\"}\n",
	"  GroupThread: {UP: a, TimerThread: {UP: \"${credential:token}\"}, TimerThread b: "
	"{UP: b}}\n  DatabaseThread: {path: a.db, IN: [a, b, \"${credential:token}\"]}\n",
	"  TimerThread: {UP: \"${credential:token}\"}\n  WebsocketMasterThread: {"
	"WebSocketSubThread: {url: \"ws://a\", IN: \"${credential:token}\"}}\n",
	"  TimerThread: {UP: \"${credential:token}\"}\n  GroupThread: {IN: "
	"\"${credential:token}\", UP: \"${credential:token}\", DatabaseThread: {path: a.db, "
	"IN: \"${credential:token}\"}}\n"
	"  DatabaseThread: {path: b.db, IN: \"${credential:token}\"}\n",
	CONNECTION "    UP: \"${credential:token}\"\n"
	"      DataProcessorThread: {framing: newline, UP: \"${credential:token}\"}\n"
	"      DataProcessorThread b: {framing: newline, UP: \"${credential:token}\"}\n",
	CONNECTION "    UP: []\n"
	"      DataProcessorThread: {framing: newline, UP: \"${credential:token}\"}\n"
	"      TimerThread: {UP: \"${credential:token}\"}\n      DataProcessorThread b: "
	"{framing: newline, IN: \"${credential:token}\", UP: b}\n",
	CONNECTION "    UP: []\n"
	"      DataProcessorThread: {framing: newline, UP: a, IN: \"${credential:token}\"}\n"
	"      DataProcessorThread b: {framing: newline, IN: a, UP: \"${credential:token}\"}\n",
};

START_TEST(a_value_from_elsewhere_is_never_shown)
{
	char text[1000], *errors;

	snprintf(text, sizeof(text), TOP "MasterThread:\n%s", sources_secrets[_i]);
	ck_assert_ptr_null(sources_load(text, TT_LOAD_START, &errors));
	ck_assert_msg(strstr(errors, "s3cret") == NULL, "%s", errors);
	free(errors);
}
END_TEST

/* Not from elsewhere, but a query may hold a token: the caret's line is without. */
START_TEST(the_query_of_a_url_is_not_printed)
{
	static const char *const urls[] = { "ws://a/x?s3cret", "\"ws://a/x?s3cret\"",
		"\"ws://a\\x2fx?s3cret\"" };
	char text[400], *errors;
	size_t i;

	for (i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
		snprintf(text, sizeof(text), TOP "MasterThread:\n  WebsocketMasterThread:"
		    "\n    WebSocketSubThread: {url: %s, ack: x}\n", urls[i]);
		ck_assert_ptr_null(sources_load(text, TT_LOAD_CHECK, &errors));
		ck_assert_msg(strstr(errors, "s3cret") == NULL, "%s", errors);
		free(errors);
	}
}
END_TEST

START_TEST(the_environment_forgets_what_the_file_took)
{
	struct tt_document *doc;
	char *errors, *value;

	doc = sources_load(TOP "MasterThread:\n  description: ${env:TT_A} ${env:TT_A}"
	    "${env:TT_NONE:-x}\n", TT_LOAD_START, &errors);
	ck_assert_ptr_nonnull(doc);
	value = getenv("TT_A");
	tt_sources_forget(doc);
	ck_assert_ptr_null(getenv("TT_A"));
	ck_assert_str_eq(value, "");
	ck_assert_str_eq(doc->root->description, "alpha alphax");
	ck_assert_ptr_nonnull(getenv("TT_NESTED"));
	tt_document_destroy(doc);
	free(errors);
}
END_TEST

static const struct {
	const char *headers;
	mode_t mode;
	bool warned;
} sources_public[] = {
	{ "{Authorization: Bearer abc}", 0644, true },
	{ "{X-Api-Key: abc}", 0604, true },
	{ "{Authorization: Bearer abc}", 0640, false },
	{ "{Authorization: \"Bearer ${credential:token}\"}", 0644, false },
	{ "{User-Agent: a}", 0644, false },
};

START_TEST(a_secret_in_a_file_that_all_may_read_is_warned_about)
{
	struct tt_errors *errs = tt_errors_create();
	struct tt_document *doc;
	char path[200], text[400], *errors;

	snprintf(text, sizeof(text), TOP "MasterThread:\n  TimerThread:\n"
	    "  WebsocketMasterThread:\n    WebSocketSubThread:\n      url: ws://a\n"
	    "      headers: %s\n", sources_public[_i].headers);
	sources_write("t.yaml", text, strlen(text));
	snprintf(path, sizeof(path), "%s/t.yaml", sources_dir);
	ck_assert_int_eq(chmod(path, sources_public[_i].mode), 0);
	doc = tt_document_load(path, test_schemas, TT_LOAD_START, errs);
	errors = test_errors(errs);
	ck_assert_msg(doc != NULL, "%s", errors);
	ck_assert_msg((strstr(errors, "stands in a file that every user of this machine "
	    "may read") != NULL) == sources_public[_i].warned, "%s", errors);
	ck_assert_ptr_null(strstr(errors, "abc"));
	tt_document_destroy(doc);
	tt_errors_destroy(errs);
	free(errors);
}
END_TEST

START_TEST(what_many_values_bring_is_bounded)
{
	size_t used, i;
	char *text = malloc(100 + 100 * 200), *errors;

	ck_assert_ptr_nonnull(text);
	used = (size_t)sprintf(text, TOP "MasterThread:\n  description:\n");
	for (i = 0; i < 100; i++)
		used += (size_t)sprintf(text + used, "  - ${file:%s/largest}\n",
		    sources_dir);
	ck_assert_ptr_null(test_load(text, &errors));
	ck_assert_ptr_nonnull(strstr(errors, "all such values are longer than 4 MiB"));
	free(errors);
	free(text);
}
END_TEST

#define N(array) ((int)(sizeof(array) / sizeof(*(array))))

Suite *
check_sources_suite(void)
{
	Suite *s = suite_create("sources");
	TCase *t = tcase_create("sources");

	tcase_add_checked_fixture(t, sources_setup, sources_teardown);
	tcase_add_loop_test(t, a_value_comes_from_elsewhere, 0, N(sources_good));
	tcase_add_test(t, every_type_of_option_takes_one);
	tcase_add_loop_test(t,
	    what_cannot_be_had_is_an_error_at_start_and_a_warning_at_check, 0,
	    N(sources_missing));
	tcase_add_test(t, without_systemd_there_are_no_credentials);
	tcase_add_loop_test(t, a_source_that_nobody_can_read_is_an_error_always, 0,
	    N(sources_wrong));
	tcase_add_loop_test(t, a_file_is_checked_without_its_values, 0,
	    N(sources_unknown));
	tcase_add_test(t, a_channel_must_be_known);
	tcase_add_test(t, only_what_is_used_is_looked_for);
	tcase_add_test(t, a_key_stands_in_the_file);
	tcase_add_loop_test(t, a_value_from_elsewhere_is_never_shown, 0,
	    N(sources_secrets));
	tcase_add_test(t, the_query_of_a_url_is_not_printed);
	tcase_add_test(t, the_environment_forgets_what_the_file_took);
	tcase_add_loop_test(t, a_secret_in_a_file_that_all_may_read_is_warned_about, 0,
	    N(sources_public));
	tcase_add_test(t, what_many_values_bring_is_bounded);
	suite_add_tcase(s, t);
	return s;
}
