/* check_loader.c - tests of config/loader.c and of what it stands on: value.c,
 * syntax.c, keys.c, section.c, table.c, build.c. */
#include "config/document.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/schemas.h"

Suite *check_loader_suite(void);

#define TOP "taskthread: 1\n"
#define MASTER TOP "MasterThread:\n"
#define DAEMON(options) TOP "daemon: {" options "}\nMasterThread:\n"

/* A tree with one hole for a line in each of its nodes. */
#define TREE(server, connection, processor, sub, database) \
	MASTER \
	"  TCPServerThread:\n" \
	server \
	"    TCPConnectionThread:\n" \
	connection \
	"      DataProcessorThread:\n" \
	processor \
	"  WebsocketMasterThread:\n" \
	"    WebSocketSubThread:\n" \
	sub \
	"  DatabaseThread:\n" \
	database
#define SERVER "    listen: 127.0.0.1:0\n"
#define SERVER_NODE "  TCPServerThread:\n" SERVER \
	"    TCPConnectionThread:\n      DataProcessorThread: {framing: newline}\n"
#define PROCESSOR "        framing: newline\n"
#define SUB "      url: ws://127.0.0.1:1\n"
#define DATABASE "    path: a.db\n"

#define IN_SERVER(line) TREE(SERVER line, "", PROCESSOR, SUB, DATABASE)
#define IN_CONNECTION(line) TREE(SERVER, line, PROCESSOR, SUB, DATABASE)
#define IN_PROCESSOR(line) TREE(SERVER, "", line, SUB, DATABASE)
#define IN_SUB(line) TREE(SERVER, "", PROCESSOR, line, DATABASE)
#define IN_DATABASE(line) TREE(SERVER, "", PROCESSOR, SUB, line)

#define S ((int64_t)1000000000)

static const char good[] = TREE(SERVER, "", PROCESSOR, SUB, DATABASE);

/* A file, how many mistakes it has, and the first of them. */
struct bad_case {
	const char *text;
	unsigned count;
	const char *first;
};

/* What YAML itself refuses, or the file may not use of it. */
static const struct bad_case yaml_cases[] = {
	{ "", 1, "1:1: error: the file says nothing" },
	{ "# only a comment\n", 1, "1:1: error: the file says nothing" },
	{ "---\n", 1, "1:1: error: the file says nothing" },
	{ "[a]\n", 1, "1:1: error: the file holds a list, no keys" },
	{ "word\n", 1, "1:1: error: the file holds a text, no keys" },
	{ MASTER "---\na: b\n", 1, "3:1: error: a second document begins here" },
	{ MASTER "...\na: b\n", 1, "4:1: error: a second document begins here" },
	{ TOP "a: \xFF\n", 1, "2:4: error: byte 0xFF is not UTF-8" },
	{ TOP "\xC3\xA4: \x01\n", 1, "2:4: error: control character U+0001" },
	{ "\xFF\xFE" "a", 1, "1:1: error: the file is UTF-16" },
	{ "%TAG ! tag:x,2000:\n" MASTER, 1, "1:1: error: %TAG is not supported" },
	{ "%YAML 3.0\n---\n" MASTER, 1, "1:1: error: a YAML version that is not known" },
	{ TOP "MasterThread: !x {}\n", 1,
	  "2:15: error: MasterThread: tags (\"!x\") are not supported" },
	{ MASTER "  log: info\n  log: debug\n", 1,
	  "4:3: error: MasterThread: \"log\" stands here twice, first in line 3" },
	{ MASTER "MasterThread:\n", 1,
	  "3:1: error: \"MasterThread\" stands here twice, first in line 2" },
	{ MASTER "  ? [a]\n  : b\n", 1, "3:5: error: MasterThread: a list as a key" },
	{ MASTER "  \"\": b\n", 1, "3:3: error: MasterThread: an empty key" },
	{ MASTER "  \"a\\0\": b\n", 1,
	  "3:3: error: MasterThread: a key with a NUL character" },
	{ IN_SERVER("    log: [::1]:5002\n"), 1,
	  "5:10: error: [ begins a list; an IPv6 address must be quoted" },
	{ IN_SERVER("    log: [fe80:1::1]:5002\n"), 1,
	  "5:10: error: [ begins a list; an IPv6 address must be quoted" },
	{ TOP "MasterThread: {log: ${env:X}}\n", 1,
	  "2:22: error: { begins a mapping inside this one" },
	{ MASTER "\tlog: info\n", 1,
	  "3:1: error: a tab where the indentation or a value begins" },
	{ MASTER "  log: info\n\tdescription: x\n", 1,
	  "4:1: error: a tab in the indentation" },
	{ MASTER "  log: @x\n", 1, "3:8: error: a value cannot begin with @" },
	{ MASTER "  log: *\n", 1, "3:8: error: * begins an alias in YAML" },
	{ MASTER "  log: & x\n", 1, "3:8: error: & begins an anchor in YAML" },
	{ MASTER "  log: !<x\n", 1, "3:8: error: ! begins a tag in YAML" },
	{ MASTER "  log: !x!y z\n", 1, "3:8: error: ! begins a tag in YAML" },
	{ MASTER "  log: \"info\n  description: x\n", 1,
	  "3:8: error: a quote is opened here and never closed" },
	{ MASTER "  description: \"\\q\"\n", 1,
	  "3:17: error: YAML knows no such escape in \"double quotes\"" },
	{ MASTER "  description: a: b\n", 1, "3:17: error: a \": \" inside a value" },
	{ MASTER "  log: info\n description: x\n", 1,
	  "4:2: error: begins in column 2, and no key above it does" },
	{ MASTER "  log: info\n  description\n", 1,
	  "4:3: error: a colon is missing behind this key" },
	{ MASTER "  log:info\n  description: x\n", 1, "3:3: error: a key needs a blank behind its colon" },
	{ MASTER "  log: {\n", 1, "3:8: error: a bracket is opened here and not closed" },
	{ MASTER "  log: {a: b\n  b: c\n", 1, "3:8: error: a { is opened here and not closed" },
	{ MASTER "  log: [\n", 1, "3:8: error: a bracket is opened here and not closed" },
	{ MASTER "  log: - x\n", 1, "3:8: error: a list with \"- \" cannot begin here" },
	{ MASTER "  log: }\n", 1, "3:8: error: a value cannot begin with any of , ] }" },
	{ MASTER "  log: >x\n", 1,
	  "3:8: error: | and > begin a text on the next lines" },
};

/* Keys, the top level and the daemon section. */
static const struct bad_case key_cases[] = {
	{ "MasterThread:\n", 1,
	  "1:1: error: the file does not say \"taskthread: 1\"" },
	{ "taskthread: 2\nMasterThread:\n", 1,
	  "1:13: error: version \"2\" of hierarchy files is not known" },
	{ "taskthread:\nMasterThread:\n", 1,
	  "1:1: error: version \"\" of hierarchy files is not known" },
	{ "taskthread: []\nMasterThread:\n", 1,
	  "1:13: error: version a list of hierarchy files is not known" },
	{ TOP, 1, "1:1: error: the file has no MasterThread" },
	{ MASTER "MasterThread b:\n", 1,
	  "3:1: error: a second MasterThread; the first is in line 2" },
	{ TOP "MastrThread:\n", 1, "2:1: error: no kind \"MastrThread\"" },
	{ TOP "DatabaseThread: {path: a}\n", 1,
	  "2:1: error: DatabaseThread stands below MasterThread, not at the top level" },
	{ MASTER "UP: data\n", 1, "3:1: error: UP at the top level" },
	{ MASTER "X-ignored: data\n", 1, "3:1: error: \"X-ignored\" is neither a kind of "
	  "thread, nor UP or IN, nor an option" },
	{ TOP "MasterThread: 5\n", 1,
	  "2:15: error: MasterThread: MasterThread cannot be a text" },
	{ TOP "MasterThread: [TCPServerThread]\n", 1,
	  "2:15: error: MasterThread: MasterThread cannot be a list" },
	{ IN_SERVER("    Up: data\n"), 1, "5:5: error: MasterThread/TCPServerThread: \"Up\""
	  " looks like a channel's direction" },
	{ IN_SERVER("    in: data\n"), 1, "5:5: error: MasterThread/TCPServerThread: \"in\""
	  " looks like a channel's direction" },
	{ IN_SERVER("    maxConnections: 1\n"), 1, "5:5: error: "
	  "MasterThread/TCPServerThread: \"maxConnections\" looks like an option" },
	{ IN_SERVER("    max-connections: 1\n"), 1, "5:5: error: "
	  "MasterThread/TCPServerThread: \"max-connections\" looks like an option" },
	{ IN_SERVER("    max_conections: 1\n"), 1, "5:5: error: "
	  "MasterThread/TCPServerThread: no option \"max_conections\" in "
	  "TCPServerThread" },
	{ IN_SERVER("    restart: {max: 0}\n"), 1, "5:20: error: "
	  "MasterThread/TCPServerThread: restart.max 0 is not in 1..100" },
	{ IN_SERVER("    restart: {tries: 5}\n"), 1, "5:15: error: "
	  "MasterThread/TCPServerThread: no option \"tries\" in restart" },
	{ IN_SERVER("    queue: {bytes: 1}\n"), 1, "5:5: error: "
	  "MasterThread/TCPServerThread: no option \"queue\" in TCPServerThread" },
	{ IN_SERVER("    Database:\n"), 1, "5:5: error: MasterThread/TCPServerThread: "
	  "\"Database\" looks like a kind of thread" },
	{ IN_SERVER("    databasethread:\n"), 1, "5:5: error: "
	  "MasterThread/TCPServerThread: \"databasethread\" looks like a kind of "
	  "thread" },
	/* What stands below a kind that is none is checked as below the one it means. */
	{ TOP "MastrThread:\n" SERVER_NODE "  DatabseThread:\n    pth: a\n", 3,
	  "2:1: error: no kind \"MastrThread\"" },
	{ IN_SERVER("    Databasethread: {path: b, foo: 1}\n"), 2, "5:5: error: "
	  "MasterThread/TCPServerThread: \"Databasethread\" looks like a kind of thread" },
	{ IN_SERVER("    DatabaseThread _a: {path: b, foo: 1}\n"), 2, "5:5: error: "
	  "MasterThread/TCPServerThread: \"DatabaseThread _a\" has no legal name" },
	{ IN_SERVER("    TCPConectionThread: {foo: 1, DataProcessorThread: {framing: "
	  "newline}}\n"), 2, "5:5: error: "
	  "MasterThread/TCPServerThread: no kind \"TCPConectionThread\"" },
	/* But not where that is one of two, or may not stand there, or stands there. */
	{ IN_SERVER("    TCPThread: {foo: 1}\n"), 1, "5:5: error: "
	  "MasterThread/TCPServerThread: no kind \"TCPThread\"" },
	{ IN_SERVER("    MastrThread: {foo: 1}\n"), 1, "5:5: error: "
	  "MasterThread/TCPServerThread: no kind \"MastrThread\"" },
	{ IN_SERVER("    WebSocketSbThread: {foo: 1}\n"), 1, "5:5: error: "
	  "MasterThread/TCPServerThread: no kind \"WebSocketSbThread\"" },
	{ MASTER SERVER_NODE "    TCPConectionThread: {foo: 1}\n  DatabaseThread: {path: a}\n",
	  1, "7:5: error: MasterThread/TCPServerThread: no kind \"TCPConectionThread\"" },
	{ TOP "MastrThread: {foo: 1}\nMasterThread: {bar: 2}\n", 2,
	  "2:1: error: no kind \"MastrThread\"" },
	{ IN_SERVER("    5: x\n"), 1, "5:5: error: MasterThread/TCPServerThread: \"5\" is "
	  "neither a kind of thread, nor UP or IN, nor an option" },
	{ IN_SERVER("    DatabseThread a: {path: b}\n"), 1, "5:5: error: "
	  "MasterThread/TCPServerThread: no kind \"DatabseThread\"" },
	{ IN_SERVER("    DatabaseThread  a: {path: b}\n"), 1, "5:5: error: "
	  "MasterThread/TCPServerThread: \"DatabaseThread  a\" has no legal name" },
	{ IN_SERVER("    DatabaseThread _a: {path: b}\n"), 1, "5:5: error: "
	  "MasterThread/TCPServerThread: \"DatabaseThread _a\" has no legal name" },
	{ IN_SERVER("    \"DatabaseThread \": {path: b}\n"), 1, "5:5: error: "
	  "MasterThread/TCPServerThread: \"DatabaseThread \" has no legal name" },
	{ IN_SERVER("    DatabaseThread a b: {path: b}\n"), 1, "5:5: error: "
	  "MasterThread/TCPServerThread: \"DatabaseThread a b\" has no legal name" },
	{ IN_SERVER("    DatabaseThread a1234567890123456789012345678901234567890123456789"
	  "012345678901234: {path: b}\n"), 1, "5:5: error: MasterThread/TCPServerThread: "
	  "\"DatabaseThread a12345678901234567890123456789012345678901234...\" has no "
	  "legal name" },
	{ TOP "daemon: x\nMasterThread:\n", 1,
	  "2:9: error: daemon: daemon cannot be a text" },
	{ DAEMON("control: /x"), 1, "2:10: error: daemon: no option \"control\" in daemon" },
	{ DAEMON("http: x"), 1, "2:10: error: daemon: no option \"http\" in daemon" },
	{ DAEMON("workers: 0"), 1, "2:19: error: daemon: workers 0 is not in 1..256" },
	{ DAEMON("workers: 257"), 1,
	  "2:19: error: daemon: workers 257 is not in 1..256" },
	{ DAEMON("workers: all"), 1,
	  "2:19: error: daemon: workers \"all\" is no whole number" },
	{ DAEMON("log: warn"), 1, "2:15: error: daemon: log has no choice \"warn\"" },
	{ DAEMON("name: ''"), 1, "2:16: error: daemon: name has 0 bytes, not 1..255" },
	{ DAEMON("state_dir: x"), 1,
	  "2:21: error: daemon: state_dir \"x\" is no absolute path" },
	{ DAEMON("memory: 2TiB"), 1, "2:18: error: daemon: memory 2TiB is not in 1..1TiB" },
	{ DAEMON("memory: 511KiB"), 1, "2:18: error: daemon: memory 511KiB is less than "
	  "twice the largest frame (0) and one read (256KiB)" },
	{ DAEMON("stop_timeout: 0s"), 1,
	  "2:24: error: daemon: stop_timeout 0s is not in 1ms..7d" },
	{ DAEMON("stop_timeout: "), 1, "2:10: error: daemon: stop_timeout has no value" },
};

/* Options, groups, and the kinds' own rules. */
static const struct bad_case option_cases[] = {
	/* What was reported in other words is not missed besides. */
	{ TREE("    lisen: 127.0.0.1:0\n", "", PROCESSOR, SUB, DATABASE), 1, "4:5: error: "
	  "MasterThread/TCPServerThread: no option \"lisen\" in TCPServerThread" },
	{ IN_DATABASE("    path:a.db\n"), 1, "12:5: error: MasterThread/DatabaseThread: "
	  "DatabaseThread cannot be a text" },
	{ MASTER SERVER_NODE "DatabaseThread: {path: a.db}\n", 1, "7:1: error: "
	  "DatabaseThread stands below MasterThread, not at the top level" },
	{ TREE("", "", PROCESSOR, SUB, DATABASE), 1,
	  "3:3: error: MasterThread/TCPServerThread: listen is missing" },
	{ IN_SERVER("    max_connections: 0\n"), 1, "5:22: error: "
	  "MasterThread/TCPServerThread: max_connections 0 is not in 1..100000" },
	{ IN_SERVER("    max_connections: [1]\n"), 1, "5:22: error: "
	  "MasterThread/TCPServerThread: max_connections cannot be a list" },
	{ IN_SERVER("    max_connections:\n"), 1, "5:5: error: "
	  "MasterThread/TCPServerThread: max_connections has no value" },
	{ IN_SERVER("    log: loud\n"), 1,
	  "5:10: error: MasterThread/TCPServerThread: log has no choice \"loud\"" },
	{ TREE("    listen: []\n", "", PROCESSOR, SUB, DATABASE), 1, "4:13: error: "
	  "MasterThread/TCPServerThread: listen is an empty list" },
	{ TREE("    listen: {a: b}\n", "", PROCESSOR, SUB, DATABASE), 1, "4:13: error: "
	  "MasterThread/TCPServerThread: listen cannot be a mapping" },
	{ TREE("    listen: [\"1.2.3.4:5\", [a]]\n", "", PROCESSOR, SUB, DATABASE), 1,
	  "4:27: error: MasterThread/TCPServerThread: listen cannot be a list" },
	{ TREE("    listen: [\"1.2.3.4:5\", 5]\n", "", PROCESSOR, SUB, DATABASE), 1,
	  "4:27: error: MasterThread/TCPServerThread: listen \"5\" is only a port" },
	{ IN_PROCESSOR(""), 1, "6:7: error: MasterThread/TCPServerThread/"
	  "TCPConnectionThread/DataProcessorThread: framing is missing" },
	{ IN_PROCESSOR("        framing: newlin\n"), 1, "7:18: error: MasterThread/"
	  "TCPServerThread/TCPConnectionThread/DataProcessorThread: framing.type has no "
	  "choice \"newlin\"" },
	{ IN_PROCESSOR("        framing: [newline]\n"), 1, "7:18: error: MasterThread/"
	  "TCPServerThread/TCPConnectionThread/DataProcessorThread: framing cannot be a "
	  "list" },
	{ IN_PROCESSOR("        framing:\n"), 1, "7:9: error: MasterThread/"
	  "TCPServerThread/TCPConnectionThread/DataProcessorThread: framing has no "
	  "value" },
	{ IN_PROCESSOR("        framing: {size: 4}\n"), 1, "7:18: error: MasterThread/"
	  "TCPServerThread/TCPConnectionThread/DataProcessorThread: framing.type is "
	  "missing" },
	{ IN_PROCESSOR("        framing: {type: length, size: 9}\n"), 1, "7:39: error: "
	  "MasterThread/TCPServerThread/TCPConnectionThread/DataProcessorThread: "
	  "framing.size 9 is not in 1..8" },
	{ IN_PROCESSOR("        framing: {type: length, sise: 4}\n"), 1, "7:33: error: "
	  "MasterThread/TCPServerThread/TCPConnectionThread/DataProcessorThread: "
	  "no option \"sise\" in framing" },
	{ IN_PROCESSOR("        framing: {type: length}\n"), 1, "7:25: error: "
	  "MasterThread/TCPServerThread/TCPConnectionThread/DataProcessorThread: "
	  "length needs a size" },
	{ IN_PROCESSOR("        framing: {type: newline, size: 4}\n"), 1, "7:40: error: "
	  "MasterThread/TCPServerThread/TCPConnectionThread/DataProcessorThread: "
	  "size is for length" },
	{ IN_PROCESSOR("        framing: length\n"), 1, "7:18: error: "
	  "MasterThread/TCPServerThread/TCPConnectionThread/DataProcessorThread: "
	  "length needs a size" },
	{ IN_PROCESSOR("        framing: {type: delimiter, bytes: {hex: 0}}\n"), 1,
	  "7:49: error: MasterThread/TCPServerThread/TCPConnectionThread/"
	  "DataProcessorThread: framing.bytes \"0\" is not hexadecimal" },
	{ IN_PROCESSOR("        framing: {type: delimiter, bytes: {hey: 00}}\n"), 1,
	  "7:43: error: MasterThread/TCPServerThread/TCPConnectionThread/"
	  "DataProcessorThread: framing.bytes cannot be a mapping" },
	{ IN_PROCESSOR("        framing: {type: newline, max: 40MiB}\n"), 1, "6:7: error: "
	  "MasterThread/TCPServerThread/TCPConnectionThread/DataProcessorThread: "
	  "frames of up to 40MiB, and daemon.memory is 64MiB" },
	{ IN_CONNECTION("      keepalive: {idle: 1ms}\n"), 1, "6:25: error: MasterThread/"
	  "TCPServerThread/TCPConnectionThread: keepalive.idle 1ms is less than 1s" },
	{ IN_SUB(""), 1, "9:5: error: MasterThread/WebsocketMasterThread/"
	  "WebSocketSubThread: url is missing" },
	{ IN_SUB(SUB "      headers: [a]\n"), 1, "11:16: error: MasterThread/"
	  "WebsocketMasterThread/WebSocketSubThread: headers cannot be a list" },
	{ IN_SUB(SUB "      headers: {a: [b]}\n"), 1, "11:17: error: MasterThread/"
	  "WebsocketMasterThread/WebSocketSubThread: headers: \"a\" is a list, not a text" },
	{ IN_SUB(SUB "      headers: {a: }\n"), 1, "11:17: error: MasterThread/"
	  "WebsocketMasterThread/WebSocketSubThread: headers: \"a\" is nothing, not a text" },
	{ IN_SUB(SUB "      headers: {a: \"\\0\"}\n"), 1, "11:20: error: MasterThread/"
	  "WebsocketMasterThread/WebSocketSubThread: headers: a holds a NUL character" },
	{ IN_SUB(SUB "      tls: {ca: a}\n"), 1, "11:17: error: MasterThread/"
	  "WebsocketMasterThread/WebSocketSubThread: tls is for wss://" },
	{ IN_SUB(SUB "      tls: off\n"), 1, "11:12: error: MasterThread/"
	  "WebsocketMasterThread/WebSocketSubThread: tls cannot be a text" },
	{ IN_DATABASE(DATABASE "    queue: {when_full: drop}\n"), 1, "13:24: error: "
	  "MasterThread/DatabaseThread: queue.when_full has no choice \"drop\"" },
	{ IN_DATABASE(DATABASE "    queue: {frames: 0}\n"), 1,
	  "13:21: error: MasterThread/DatabaseThread: queue.frames 0 is less than 1" },
	{ IN_DATABASE(DATABASE "    queue: 8MiB\n"), 1,
	  "13:12: error: MasterThread/DatabaseThread: queue cannot be a text" },
	{ IN_DATABASE("    path: ''\n"), 1,
	  "12:11: error: MasterThread/DatabaseThread: path is empty" },
	{ IN_DATABASE(DATABASE "  DatabaseThread b: {path: ./a.db}\n"), 1, "13:28: error: "
	  "MasterThread/DatabaseThread b: file /var/lib/taskthread/a.db is taken in line "
	  "12 already, by MasterThread/DatabaseThread" },
	{ TREE("    listen: [\"1.2.3.4:5\", \"1.2.3.4:5\"]\n", "", PROCESSOR, SUB,
	  DATABASE), 1, "4:14: error: MasterThread/TCPServerThread: 1.2.3.4:5 is "
	  "taken in line 4 already, by MasterThread/TCPServerThread" },
};

static void
check_bad(const struct bad_case *c)
{
	struct tt_errors *errs = tt_errors_create();
	char expected[400], *errors;

	ck_assert_ptr_null(tt_document_parse("t.yaml", c->text, strlen(c->text),
	    test_schemas, TT_LOAD_START, errs));
	errors = test_errors(errs);
	ck_assert_msg(tt_errors_count(errs) == c->count, "%u expected:\n%s", c->count,
	    errors);
	tt_errors_destroy(errs);
	snprintf(expected, sizeof(expected), "t.yaml:%s\n", c->first);
	ck_assert_msg(strncmp(errors, expected, strlen(expected)) == 0, "got\n%s"
	    "expected\n%s", errors, expected);
	free(errors);
}

START_TEST(what_yaml_has_and_the_file_has_not_is_explained)
{
	check_bad(&yaml_cases[_i]);
}
END_TEST

START_TEST(a_wrong_key_is_told_what_it_looks_like)
{
	/* Paths in the messages are root's. */
	check_bad(&key_cases[_i]);
}
END_TEST

START_TEST(a_wrong_option_is_told_where_and_why)
{
	setenv("XDG_STATE_HOME", "/var/lib", 1);
	check_bad(&option_cases[_i]);
}
END_TEST

START_TEST(a_good_file_loads_with_its_defaults)
{
	struct tt_document *doc = test_load(good, NULL);
	const struct tt_node *node = test_node(doc, "MasterThread/TCPServerThread");
	const struct test_server_config *server = node->config;
	const struct test_connection_config *connection;
	const struct test_processor_config *processor;
	const struct test_sub_config *sub;
	const struct test_database_config *database;

	ck_assert_uint_eq(doc->n_nodes, 7);
	ck_assert_uint_eq(server->listen.n, 1);
	ck_assert_str_eq(server->listen.list[0].host, "127.0.0.1");
	ck_assert_int_eq(server->max_connections, 10000);
	ck_assert_int_eq(node->log, -1);
	ck_assert_ptr_null(node->description);
	ck_assert(!node->on_demand);
	node = node->children[0];
	connection = node->config;
	ck_assert(node->on_demand);
	ck_assert_int_eq(connection->idle_timeout, 0);
	ck_assert_int_eq(connection->ack, 0);
	ck_assert(connection->keepalive.given);
	ck_assert_int_eq(connection->keepalive.idle, 60 * S);
	node = node->children[0];
	processor = node->config;
	ck_assert(node->on_demand);
	ck_assert(processor->framing.given);
	ck_assert_int_eq(processor->framing.type, 2);
	ck_assert_int_eq(processor->framing.max, 1 << 20);
	ck_assert_int_eq(processor->frame_timeout, 30 * S);
	sub = test_node(doc, "MasterThread/WebsocketMasterThread/WebSocketSubThread")
	    ->config;
	ck_assert_int_eq(sub->backoff.from, S / 2);
	ck_assert_int_eq(sub->backoff.to, 60 * S);
	ck_assert(!sub->tls.given);
	ck_assert_uint_eq(sub->headers.n, 0);
	node = test_node(doc, "MasterThread/DatabaseThread");
	database = node->config;
	ck_assert(!database->lazy);
	ck_assert(!node->queue.given);
	ck_assert_int_eq(node->queue.bytes, 8 << 20);
	ck_assert_int_eq(node->queue.frames, 0);
	ck_assert_int_eq(node->queue.when_full, TT_BLOCK);
	tt_document_destroy(doc);
}
END_TEST

START_TEST(what_the_file_gives_is_stored)
{
	struct tt_document *doc = test_load(TREE(
	    "    listen: [\"[::1]:5002\", unix:/run/x]\n    log: debug\n"
	    "    description: it's \"here\"\n",
	    "      keepalive: off\n      idle_timeout: 5m\n",
	    "        framing:\n          type: delimiter\n          bytes: {hex: 0d 0a}\n"
	    "        frame_timeout: off\n",
	    "      url: wss://[::1]:1/x\n      headers: {B: 2, A: x}\n"
	    "      tls: {ca: ca.pem, password: 'geheim'}\n",
	    "    path: /x//a.db\n    lazy: yes\n"
	    "    queue: {bytes: 1MB, frames: 7, when_full: drop_oldest}\n"), NULL);
	const struct tt_node *node = test_node(doc, "MasterThread/TCPServerThread");
	const struct test_server_config *server = node->config;
	const struct test_connection_config *connection;
	const struct test_processor_config *processor;
	const struct test_sub_config *sub;

	ck_assert_uint_eq(server->listen.n, 2);
	ck_assert_str_eq(server->listen.list[0].host, "::1");
	ck_assert_str_eq(server->listen.list[1].path, "/run/x");
	ck_assert_int_eq(node->log, 4);
	ck_assert_str_eq(node->description, "it's \"here\"");
	connection = node->children[0]->config;
	ck_assert(!connection->keepalive.given);
	ck_assert_int_eq(connection->idle_timeout, 300 * S);
	processor = node->children[0]->children[0]->config;
	ck_assert_uint_eq(processor->framing.bytes.size, 2);
	ck_assert_mem_eq(processor->framing.bytes.data, "\r\n", 2);
	ck_assert_int_eq(processor->frame_timeout, 0);
	sub = test_node(doc, "MasterThread/WebsocketMasterThread/WebSocketSubThread")
	    ->config;
	ck_assert_uint_eq(sub->headers.n, 2);
	ck_assert_str_eq(sub->headers.list[0].name, "B");
	ck_assert_str_eq(sub->headers.list[1].value, "x");
	ck_assert(sub->tls.given);
	ck_assert_str_eq(sub->tls.password, "geheim");
	node = test_node(doc, "MasterThread/DatabaseThread");
	ck_assert_str_eq(((const struct test_database_config *)node->config)->path,
	    "/x/a.db");
	ck_assert(node->queue.given);
	ck_assert_int_eq(node->queue.bytes, 1000000);
	ck_assert_int_eq(node->queue.frames, 7);
	ck_assert_int_eq(node->queue.when_full, TT_DROP_OLDEST);
	tt_document_destroy(doc);
}
END_TEST

START_TEST(a_group_with_an_off_may_be_on)
{
	struct tt_document *doc = test_load(IN_CONNECTION("      keepalive: on\n"), NULL);
	const struct test_connection_config *c = test_node(doc,
	    "MasterThread/TCPServerThread/TCPConnectionThread")->config;

	ck_assert(c->keepalive.given);
	ck_assert_int_eq(c->keepalive.idle, 60 * S);
	tt_document_destroy(doc);
}
END_TEST

START_TEST(the_daemon_section_is_stored)
{
	struct tt_document *doc = test_load(DAEMON("name: site7, workers: 7, "
	    "state_dir: /s, memory: 1MiB, stop_timeout: 1s, log: error"), NULL);
	const struct tt_daemon_config *d;

	ck_assert_ptr_nonnull(doc);
	d = &doc->daemon;
	ck_assert(d->given);
	ck_assert_str_eq(d->name, "site7");
	ck_assert_int_eq(d->workers, 7);
	ck_assert_str_eq(d->state_dir, "/s");
	ck_assert_int_eq(d->memory, 1 << 20);
	ck_assert_int_eq(d->stop_timeout, S);
	ck_assert_int_eq(d->log, 0);
	tt_document_destroy(doc);
}
END_TEST

START_TEST(without_a_daemon_section_there_are_defaults)
{
	struct tt_document *doc;
	char host[256] = "";

	gethostname(host, sizeof(host) - 1);
	setenv("XDG_STATE_HOME", "/xdg", 1);
	doc = test_load(TOP "daemon:\nMasterThread:\n", NULL);
	ck_assert_ptr_nonnull(doc);
	ck_assert_str_eq(doc->daemon.name, host);
	ck_assert_int_ge(doc->daemon.workers, 1);
	ck_assert_int_le(doc->daemon.workers, sysconf(_SC_NPROCESSORS_CONF));
	ck_assert_int_eq(doc->daemon.memory, 64 << 20);
	ck_assert_int_eq(doc->daemon.stop_timeout, 30 * S);
	ck_assert_int_eq(doc->daemon.log, 3);
	ck_assert_str_eq(doc->daemon.state_dir, geteuid() == 0 ? "/var/lib/taskthread"
	    : "/xdg/taskthread");
	tt_document_destroy(doc);
}
END_TEST

START_TEST(keys_with_x_at_the_top_level_are_ignored)
{
	struct tt_document *doc = test_load(TOP "x-any: {a: \"${b}\", a: &c [1]}\n"
	    "MasterThread:\n", NULL);

	ck_assert_ptr_nonnull(doc);
	tt_document_destroy(doc);
}
END_TEST

START_TEST(a_byte_order_mark_and_windows_lines_are_no_matter)
{
	struct tt_document *doc = test_load("\xEF\xBB\xBF" "taskthread: 1\r\n"
	    "MasterThread:\r\n  log: debug\r\n", NULL);

	ck_assert_ptr_nonnull(doc);
	ck_assert_int_eq(doc->root->log, 4);
	tt_document_destroy(doc);
}
END_TEST

START_TEST(all_mistakes_are_reported_in_one_run)
{
	char *errors, *p;
	unsigned n = 0;

	ck_assert_ptr_null(test_load("taskthread: 2\ndaemon: {log: x}\nMasterThread:\n"
	    "  TCPServerThread: {listen: 5, TCPConnectionThread: {ack: x, "
	    "DataProcessorThread: {framing: x}}}\n"
	    "  DatabaseThread: {IN: dada}\n  FooThread:\n", &errors));
	for (p = errors; (p = strstr(p, ": error: ")) != NULL; p++)
		n++;
	/* What nobody takes is not one: it is not known what FooThread takes. */
	ck_assert_msg(n == 7, "%s", errors);
	free(errors);
}
END_TEST

START_TEST(a_secret_is_in_no_error)
{
	char *errors;

	ck_assert_ptr_null(test_load(TREE(SERVER, "", PROCESSOR,
	    "      {url: x, headers: {A: geheim}, tls: {password: [geheim]}}\n",
	    DATABASE), &errors));
	ck_assert_ptr_nonnull(strstr(errors, "tls.password cannot be a list"));
	ck_assert_ptr_null(strstr(errors, "geheim"));
	free(errors);
	ck_assert_ptr_null(test_load(IN_SUB("      url: ws://me:geheim@a/\n"), &errors));
	ck_assert_ptr_nonnull(strstr(errors, "url (not shown) has a user in it"));
	ck_assert_ptr_null(strstr(errors, "geheim"));
	free(errors);
}
END_TEST

START_TEST(a_nul_byte_is_an_error)
{
	struct tt_errors *errs = tt_errors_create();
	char *errors;

	ck_assert_ptr_null(tt_document_parse("t.yaml", MASTER "a\0b", sizeof(MASTER) + 2,
	    test_schemas, TT_LOAD_START, errs));
	errors = test_errors(errs);
	ck_assert_ptr_eq(strstr(errors, "t.yaml:3:2: error: a NUL byte"), errors);
	free(errors);
	tt_errors_destroy(errs);
}
END_TEST

/* N times WHAT behind BEGIN, to be freed. */
static char *
repeated(const char *begin, const char *what, size_t n)
{
	size_t length = strlen(what), at = strlen(begin), i;
	char *text = malloc(at + n * length + 1);

	ck_assert_ptr_nonnull(text);
	strcpy(text, begin);
	for (i = 0; i < n; i++, at += length)
		memcpy(text + at, what, length + 1);
	return text;
}

static const struct big_case {
	const char *begin, *what;
	size_t n;
	const char *error;
} big_cases[] = {
	{ TOP "x-a: ", "[", 10000, "nested deeper than 64 levels" },
	{ TOP "x-a: ", "{a: ", 10000, "nested deeper than 64 levels" },
	{ TOP "x-a: [", "a,", 1000000, "the file holds more than 100000 values" },
	{ MASTER, "  a: b\n", 100000, "the file holds more than 100000 values" },
	{ TOP, "xxxxxxxxxxxxxxxx", 1 << 20, "larger than 4 MiB" },
	{ TOP "MasterThread: ", "xxxxxxxxxxxxxxxx", (4 << 16) - 4,
	  "MasterThread: a text of 4194240 bytes is longer than 64 KiB" },
	{ MASTER, "  \"a\": b\n", 40000, "\"a\" stands here twice" },
	{ "", "%TAG !a! b\n", 100000, "%TAG is not supported" },
};

START_TEST(files_that_are_none_are_refused_at_once)
{
	const struct big_case *c = &big_cases[_i];
	char *text = repeated(c->begin, c->what, c->n), *errors;

	ck_assert_ptr_null(test_load(text, &errors));
	ck_assert_msg(strstr(errors, c->error) != NULL, "%s", errors);
	free(errors);
	free(text);
}
END_TEST

START_TEST(sixty_four_levels_are_legal)
{
	char text[400] = TOP "x-a: ";
	struct tt_document *doc;

	memset(text + strlen(text), '[', 63);
	memset(text + strlen(text), ']', 63);
	strcat(text, "\nMasterThread:\n");
	doc = test_load(text, NULL);
	ck_assert_ptr_nonnull(doc);
	tt_document_destroy(doc);
}
END_TEST

START_TEST(more_threads_than_any_gateway_has_are_an_error)
{
	size_t n = strlen(MASTER), i;
	char *text = malloc(n + 5000 * 32 + 1), *errors;

	strcpy(text, MASTER);
	for (i = 0; i < 5000; i++)
		n += (size_t)sprintf(text + n, "  GroupThread a%zu:\n", i);
	ck_assert_ptr_null(test_load(text, &errors));
	ck_assert_str_eq(errors, "t.yaml: error: the file has more than 4096 threads\n");
	free(errors);
	free(text);
}
END_TEST

START_TEST(a_file_that_cannot_be_read_says_why)
{
	struct tt_errors *errs = tt_errors_create();
	char *errors;

	ck_assert_ptr_null(tt_document_load("/nonexistent/t.yaml", test_schemas,
	    TT_LOAD_START, errs));
	ck_assert_ptr_null(tt_document_load("/", test_schemas, TT_LOAD_START, errs));
	errors = test_errors(errs);
	ck_assert_str_eq(errors, "/nonexistent/t.yaml: error: cannot be read: No such "
	    "file or directory\n/: error: cannot be read: Is a directory\n");
	free(errors);
	tt_errors_destroy(errs);
}
END_TEST

START_TEST(a_file_is_loaded_from_disk)
{
	struct tt_errors *errs = tt_errors_create();
	char name[] = "/tmp/check_loader.XXXXXX";
	struct tt_document *doc;
	int fd = mkstemp(name);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, good, strlen(good)), (ssize_t)strlen(good));
	close(fd);
	doc = tt_document_load(name, test_schemas, TT_LOAD_START, errs);
	unlink(name);
	ck_assert_ptr_nonnull(doc);
	ck_assert_str_eq(doc->file, name);
	ck_assert_str_eq(doc->root->mark.file, name);
	ck_assert_uint_eq(doc->root->mark.line, 2);
	tt_document_destroy(doc);
	tt_errors_destroy(errs);
}
END_TEST

#define N_OF(cases) ((int)(sizeof(cases) / sizeof(*(cases))))

Suite *
check_loader_suite(void)
{
	Suite *s = suite_create("loader");
	TCase *tc = tcase_create("loader");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, what_yaml_has_and_the_file_has_not_is_explained, 0,
	    N_OF(yaml_cases));
	tcase_add_loop_test(tc, a_wrong_key_is_told_what_it_looks_like, 0,
	    N_OF(key_cases));
	tcase_add_loop_test(tc, a_wrong_option_is_told_where_and_why, 0,
	    N_OF(option_cases));
	tcase_add_test(tc, a_good_file_loads_with_its_defaults);
	tcase_add_test(tc, what_the_file_gives_is_stored);
	tcase_add_test(tc, a_group_with_an_off_may_be_on);
	tcase_add_test(tc, the_daemon_section_is_stored);
	tcase_add_test(tc, without_a_daemon_section_there_are_defaults);
	tcase_add_test(tc, keys_with_x_at_the_top_level_are_ignored);
	tcase_add_test(tc, a_byte_order_mark_and_windows_lines_are_no_matter);
	tcase_add_test(tc, all_mistakes_are_reported_in_one_run);
	tcase_add_test(tc, a_secret_is_in_no_error);
	tcase_add_test(tc, a_nul_byte_is_an_error);
	tcase_add_loop_test(tc, files_that_are_none_are_refused_at_once, 0,
	    N_OF(big_cases));
	tcase_add_test(tc, sixty_four_levels_are_legal);
	tcase_add_test(tc, more_threads_than_any_gateway_has_are_an_error);
	tcase_add_test(tc, a_file_that_cannot_be_read_says_why);
	tcase_add_test(tc, a_file_is_loaded_from_disk);
	suite_add_tcase(s, tc);
	return s;
}
