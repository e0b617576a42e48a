/* check_wiring.c - tests of config/wiring.c, cure.c, flow.c, drawing.c, claims.c and
 * bound.c, and of the places in build.c.
 *
 * The rules, each with a tree that keeps it and, as near as can be, one that breaks
 * it (rule_cases):
 *
 *   channels  1 servers, connections and sinks take lists   2 a processor one each way
 *             3 what is left out is the usual one   4 a name's letters   5 its length
 *             6 reserved names   7 sqlite_   8 a name once   9 sinks send nothing UP
 *            10 the root has neither  11 a sink takes at least one
 *   sources  12 a sibling's UP  13 the parent's IN  14 what the parent's kind makes
 *            15 none of its own
 *   users    16 a sibling's IN  17 the parent's UP  18 the parent's kind
 *            19 none of its own  20 what the parent takes IN is used below
 *            21 what it sends UP comes from below  22 what it makes is taken
 *            23 what it makes never goes UP
 *   circles  24 between siblings  25 over more than one floor
 *   both     26 one channel in IN and UP, taken by others too
 *   places   27 a connection under a server  28 and once  29 a processor under a
 *            connection  30 one source for each channel that leaves a connection
 *            31 a destination under a websocket master  32 and nothing else there
 *            33 what blocks never under a connection  34 nor what lives on the main
 *            worker  35 nothing below a sink  36 the root at the top  37 names of
 *            siblings
 *   one node 38 a file  39 an address  40 an address written otherwise  41 one within
 *            another  42 localhost */
#include "config/document.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/schemas.h"

Suite *check_wiring_suite(void);

#define MASTER "taskthread: 1\nMasterThread:\n"
#define CONNECTION(options) "TCPConnectionThread: {" options \
	"DataProcessorThread: {framing: newline}}"
/* Line 3 of a file whose other lines follow. */
#define SERVER "  TCPServerThread: {listen: 127.0.0.1:0, " CONNECTION("") "}\n"
#define DATABASE "  DatabaseThread: {path: a}\n"
/* A connection in lines 4 and on, with all that stands in it. */
#define UNDER_CONNECTION(options) MASTER \
	"  TCPServerThread:\n    listen: 127.0.0.1:0\n    TCPConnectionThread:\n" options \
	DATABASE
#define FRAMED "framing: newline"
/* A server that makes channel UP of channel IN, beside q. */
#define SERVER_XY(name, in, up) \
	"  TCPServerThread" name ": {IN: " in ", UP: [q, " up "], listen: 127.0.0.1:0, " \
	"TCPConnectionThread: {IN: " in ", UP: [q, " up "], DataProcessorThread: {" \
	FRAMED ", IN: " in ", UP: " up "}, DataProcessorThread b: {" FRAMED ", UP: q}}}\n"

static const struct bad_case {
	const char *text;
	unsigned count;
	const char *error;		/* one of them */
} bad_cases[] = {
	/* Channels: names and how many. */
	{ MASTER "  UP: data\n", 1,
	  "3:7: error: MasterThread: MasterThread has no UP: nothing is above it" },
	{ MASTER "  IN: data\n", 1,
	  "3:7: error: MasterThread: MasterThread has no IN: nothing is above it" },
	{ MASTER SERVER "  DatabaseThread: {path: a, IN: Data}\n", 1, "4:33: error: "
	  "MasterThread/DatabaseThread: IN \"Data\" is no name for a channel" },
	{ MASTER SERVER "  DatabaseThread: {path: a, IN: connection}\n", 1, "4:33: error: "
	  "MasterThread/DatabaseThread: IN \"connection\" is no name for a channel" },
	{ MASTER SERVER "  DatabaseThread: {path: a, IN: sqlite_x}\n", 1, "4:33: error: "
	  "MasterThread/DatabaseThread: IN \"sqlite_x\" is no name for a channel" },
	{ MASTER SERVER "  DatabaseThread: {path: a, IN: "
	  "a1234567890123456789012345678901234567890123456789012345678901234}\n", 1,
	  "4:33: error: MasterThread/DatabaseThread: IN "
	  "\"a12345678901234567890123456789012345678901234567890123456789...\" is no name "
	  "for a channel" },
	{ MASTER SERVER "  DatabaseThread: {path: a, IN: [data, data]}\n", 1,
	  "4:40: error: MasterThread/DatabaseThread: IN names \"data\" twice" },
	{ MASTER SERVER "  DatabaseThread: {path: a, IN: {a: b}}\n", 1, "4:33: error: "
	  "MasterThread/DatabaseThread: IN names a channel, not a mapping" },
	{ MASTER SERVER "  DatabaseThread: {path: a, IN: }\n", 1, "4:33: error: "
	  "MasterThread/DatabaseThread: IN names a channel, not nothing" },
	{ MASTER SERVER "  DatabaseThread: {path: a, IN: []}\n", 1, "4:33: error: "
	  "MasterThread/DatabaseThread: DatabaseThread takes at least one channel IN" },
	{ MASTER SERVER "  DatabaseThread: {path: a, UP: x}\n", 1, "4:33: error: "
	  "MasterThread/DatabaseThread: DatabaseThread sends nothing UP" },
	{ MASTER "  TimerThread: {IN: x}\n" DATABASE, 1,
	  "3:21: error: MasterThread/TimerThread: TimerThread takes nothing IN" },
	{ UNDER_CONNECTION("      DataProcessorThread: {" FRAMED ", UP: [a, b]}\n"), 1,
	  "6:51: error: MasterThread/TCPServerThread/TCPConnectionThread/"
	  "DataProcessorThread: DataProcessorThread sends exactly one channel UP" },
	{ UNDER_CONNECTION("      DataProcessorThread: {" FRAMED ", IN: []}\n"), 1,
	  "6:51: error: MasterThread/TCPServerThread/TCPConnectionThread/"
	  "DataProcessorThread: DataProcessorThread takes exactly one channel IN" },
	/* Sources and users. */
	{ MASTER SERVER, 1, "3:3: error: MasterThread/TCPServerThread: sends \"data\" UP, "
	  "and nobody at MasterThread takes it" },
	{ MASTER DATABASE, 1, "3:3: error: MasterThread/DatabaseThread: takes \"data\" IN, "
	  "and nobody at MasterThread sends it" },
	{ MASTER SERVER DATABASE "  DatabaseThread b: {path: b, IN: dada}\n", 1,
	  "5:35: error: MasterThread/DatabaseThread b: takes \"dada\" IN, and nobody at "
	  "MasterThread sends it\n      DatabaseThread b: {path: b, IN: dada}\n"
	  "                                      ^\n"
	  "       3 | TCPServerThread   UP: data (its usual)  <- sends \"data\"\n"
	  "       5 | DatabaseThread b  IN: dada              <- takes \"dada\"\n"
	  "    did you mean \"data\"? "
	  "MasterThread has \"data\" (from TCPServerThread)\n" },
	{ MASTER SERVER DATABASE "  TimerThread: {UP: dada}\n", 1, "5:21: error: "
	  "MasterThread/TimerThread: sends \"dada\" UP, and nobody at MasterThread takes "
	  "it\n      TimerThread: {UP: dada}\n                        ^\n"
	  "       4 | DatabaseThread  IN: data (its usual)  <- takes \"data\"\n"
	  "       5 | TimerThread     UP: dada              <- sends \"dada\"\n"
	  "    did you mean \"data\"? MasterThread has \"data\" (to DatabaseThread)\n" },
	{ MASTER "  TCPServerThread: {listen: 127.0.0.1:0}\n" DATABASE, 1, "3:3: error: "
	  "MasterThread/TCPServerThread: sends \"data\" UP, and nobody below it does\n"
	  "      TCPServerThread: {listen: 127.0.0.1:0}\n      ^\n"
	  "    put a TCPConnectionThread below it, indented\n" },
	{ UNDER_CONNECTION(""), 1, "5:5: error: MasterThread/TCPServerThread/"
	  "TCPConnectionThread: makes \"packets\", and nobody below it takes it\n"
	  "        TCPConnectionThread:\n        ^\n"
	  "    put a DataProcessorThread below it, indented\n" },
	{ UNDER_CONNECTION("      UP: [data, packets]\n      DataProcessorThread: {" FRAMED
	  "}\n"), 2, "6:18: error: MasterThread/TCPServerThread/TCPConnectionThread: "
	  "\"packets\" is what TCPConnectionThread makes for those below it: it never goes "
	  "UP" },
	{ MASTER SERVER DATABASE "  GroupThread: {IN: data}\n", 1, "5:21: error: "
	  "MasterThread/GroupThread: takes \"data\" IN, and nobody below it does" },
	{ MASTER SERVER "  WebsocketMasterThread: {WebSocketSubThread: {IN: x, url: ws://a}"
	  "}\n", 1, "4:52: error: MasterThread/WebsocketMasterThread/WebSocketSubThread: "
	  "takes \"x\" IN, and nobody at MasterThread/WebsocketMasterThread sends it" },
	/* Who does not pass it on: one mistake, and those that do not follow from it. */
	{ MASTER "  GroupThread: {TimerThread: {UP: x}}\n  DatabaseThread: {path: a, IN: x}\n",
	  1, "3:3: error: MasterThread/GroupThread: does not send \"x\" UP, which TimerThread "
	  "sends and DatabaseThread takes\n"
	  "      GroupThread: {TimerThread: {UP: x}}\n      ^\n"
	  "       3 | GroupThread     UP: []  <- does not send \"x\" on\n"
	  "       3 |   TimerThread   UP: x   <- sends \"x\"\n"
	  "       4 | DatabaseThread  IN: x   <- takes \"x\"\n"
	  "    add \"UP: x\" to GroupThread of line 3\n" },
	{ MASTER "  TCPServerThread: {listen: 127.0.0.1:0, " CONNECTION("UP: x, ") "}\n"
	  "  DatabaseThread: {path: a, IN: data}\n", 1,
	  "    write \"UP: data\" in TCPConnectionThread of line 3\n" },
	{ MASTER "  TCPServerThread:\n    listen: 127.0.0.1:0\n    UP: [x, z]\n"
	  "    TCPConnectionThread:\n      UP: []\n      DataProcessorThread: {" FRAMED
	  ", UP: x}\n  DatabaseThread: {path: a, IN: [x, z]}\n", 2, "7:11: error: "
	  "MasterThread/TCPServerThread/TCPConnectionThread: does not send \"x\" UP, which "
	  "DataProcessorThread sends and TCPServerThread is to send on\n" },
	{ MASTER "  TCPServerThread:\n    listen: 127.0.0.1:0\n    TCPConnectionThread:\n"
	  "      DataProcessorThread a: {" FRAMED ", UP: x}\n"
	  "      DataProcessorThread b: {" FRAMED ", UP: y}\n"
	  "  DatabaseThread: {path: a, IN: [y, x]}\n", 2, "    add \"UP: [x, y]\" to "
	  "TCPConnectionThread of line 5, add \"UP: [x, y]\" to TCPServerThread of line 3\n" },
	{ MASTER "  GroupThread: {UP: [], TimerThread: {UP: x}}\n"
	  "  WebsocketMasterThread: {IN: y, WebSocketSubThread: {url: ws://a, IN: x}}\n", 3,
	  "3:43: error: MasterThread/GroupThread/TimerThread: sends \"x\" UP, and nobody at" },
	/* One channel in both. */
	{ MASTER SERVER DATABASE "  GroupThread: {IN: data, UP: data, DatabaseThread: "
	  "{path: b}}\n", 1, "5:31: error: MasterThread/GroupThread: takes \"data\" IN and "
	  "sends \"data\" UP, which others at MasterThread get twice then: as it came, and "
	  "as it left" },
	{ MASTER SERVER "  GroupThread: {IN: data, UP: data, DatabaseThread: {path: b}}\n",
	  1, "4:31: error: MasterThread/GroupThread: sends \"data\" UP, and nobody at "
	  "MasterThread takes it" },
	{ MASTER DATABASE "  GroupThread: {IN: x, UP: x, DatabaseThread: {path: b, IN: x}}\n"
	  "  DatabaseThread b: {path: c, IN: x}\n", 3,
	  "4:21: error: MasterThread/GroupThread: takes \"x\" IN, and nobody at "
	  "MasterThread sends it" },
	/* Circles. */
	{ UNDER_CONNECTION("      DataProcessorThread a: {" FRAMED ", IN: x, UP: y}\n"
	  "      DataProcessorThread b: {" FRAMED ", IN: y, UP: x}\n"
	  "      DataProcessorThread c: {" FRAMED "}\n"), 1,
	  "6:53: error: MasterThread/TCPServerThread/TCPConnectionThread/"
	  "DataProcessorThread a: takes \"x\" IN, which runs in a circle: x > y > x" },
	{ MASTER SERVER_XY("", "x", "y") SERVER_XY(" b", "y", "x")
	  "  DatabaseThread: {path: a, IN: q}\n", 1, "3:25: error: MasterThread/"
	  "TCPServerThread: takes \"x\" IN, which runs in a circle: x > y > x" },
	/* Places. */
	{ MASTER "  MasterThread:\n", 1, "3:3: error: MasterThread/MasterThread: "
	  "MasterThread is the root: it stands at the top level" },
	{ MASTER "  " CONNECTION("") "\n", 1, "3:3: error: MasterThread/"
	  "TCPConnectionThread: TCPConnectionThread stands under TCPServerThread, not "
	  "under MasterThread" },
	{ MASTER "  DataProcessorThread: {" FRAMED "}\n", 1, "3:3: error: MasterThread/"
	  "DataProcessorThread: DataProcessorThread stands under TCPConnectionThread, not "
	  "under MasterThread" },
	{ MASTER "  WebSocketSubThread: {url: ws://a}\n", 1, "3:3: error: MasterThread/"
	  "WebSocketSubThread: WebSocketSubThread stands under WebsocketMasterThread, not "
	  "under MasterThread" },
	{ MASTER SERVER "  DatabaseThread: {path: a, DatabaseThread: {path: b}}\n", 1,
	  "4:29: error: MasterThread/DatabaseThread/DatabaseThread: DatabaseThread has no "
	  "children" },
	{ MASTER SERVER "  WebsocketMasterThread: {DatabaseThread: {path: b}}\n", 1,
	  "4:27: error: MasterThread/WebsocketMasterThread/DatabaseThread: only "
	  "WebSocketSubThread stands under WebsocketMasterThread, not DatabaseThread" },
	{ MASTER "  TCPServerThread: {listen: 127.0.0.1:0, " CONNECTION("")
	  ", TCPConnectionThread b: {DataProcessorThread: {" FRAMED "}}}\n" DATABASE, 1,
	  "TCPConnectionThread b: TCPConnectionThread stands once under TCPServerThread; "
	  "another one is in line 3" },
	{ UNDER_CONNECTION("      DataProcessorThread: {" FRAMED "}\n"
	  "      DatabaseThread: {path: b}\n"), 1, "7:7: error: MasterThread/"
	  "TCPServerThread/TCPConnectionThread/DatabaseThread: DatabaseThread never stands "
	  "below TCPConnectionThread, which is started for each connection" },
	{ UNDER_CONNECTION("      GroupThread:\n        IN: packets\n"
	  "        WebsocketMasterThread: {IN: packets, WebSocketSubThread: {IN: packets, "
	  "url: ws://a}}\n"), 2, "8:9: error: MasterThread/TCPServerThread/"
	  "TCPConnectionThread/GroupThread/WebsocketMasterThread: WebsocketMasterThread "
	  "never stands below TCPConnectionThread" },
	{ UNDER_CONNECTION("      DataProcessorThread a: {" FRAMED "}\n"
	  "      DataProcessorThread b: {" FRAMED "}\n"), 1, "7:7: error: MasterThread/"
	  "TCPServerThread/TCPConnectionThread/DataProcessorThread b: sends \"data\" UP, as "
	  "DataProcessorThread a does: from one connection a channel has one source" },
	/* The kinds' rules over the tree. */
	{ MASTER "  TCPServerThread: {listen: 127.0.0.1:0, " CONNECTION("ack: line, ")
	  "}\n  WebsocketMasterThread: {WebSocketSubThread: {url: ws://a, ack: none}}\n",
	  1, "3:69: error: MasterThread/TCPServerThread/TCPConnectionThread: ack without a "
	  "durable user" },
};

#define SERVER_AT(name, address) "  TCPServerThread " name ": {listen: " address ", " \
	CONNECTION("") "}\n"
#define PROCESSOR(name, options) "      DataProcessorThread" name ": {" FRAMED options "}\n"
#define WEBSOCKET(options) "  WebsocketMasterThread: {" options \
	"WebSocketSubThread: {url: ws://a}}\n"
#define NAME_63 "a12345678901234567890123456789012345678901234567890123456789012"

/* A tree that keeps a rule, one that breaks it, and what is said then. */
static const struct rule_case {
	int rule;
	const char *good, *bad, *what;
} rule_cases[] = {
	{ 1, MASTER SERVER "  DatabaseThread: {path: a, IN: [data]}\n",
	  MASTER SERVER "  DatabaseThread: {path: a, IN: [[data]]}\n",
	  "IN names a channel, not a list" },
	{ 2, UNDER_CONNECTION(PROCESSOR("", ", UP: [data]")),
	  UNDER_CONNECTION(PROCESSOR("", ", UP: [data, b]")),
	  "DataProcessorThread sends exactly one channel UP" },
	{ 3, MASTER "  TimerThread:\n" DATABASE, MASTER "  TimerThread: {UP: tick}\n"
	  DATABASE, "takes \"data\" IN, and nobody at MasterThread sends it" },
	{ 4, MASTER "  TimerThread: {UP: a_1}\n  DatabaseThread: {path: a, IN: a_1}\n",
	  MASTER "  TimerThread: {UP: a_1}\n  DatabaseThread: {path: a, IN: a-1}\n",
	  "IN \"a-1\" is no name for a channel" },
	{ 5, MASTER "  TimerThread: {UP: " NAME_63 "4}\n  DatabaseThread: {path: a, IN: "
	  NAME_63 "4}\n", MASTER "  TimerThread: {UP: " NAME_63 "45}\n"
	  "  DatabaseThread: {path: a, IN: " NAME_63 "4}\n", "is no name for a channel" },
	{ 6, MASTER "  TimerThread: {UP: recents}\n  DatabaseThread: {path: a, IN: recents}"
	  "\n", MASTER "  TimerThread: {UP: recent}\n"
	  "  DatabaseThread: {path: a, IN: recents}\n",
	  "UP \"recent\" is no name for a channel" },
	{ 7, MASTER "  TimerThread: {UP: sqlite}\n  DatabaseThread: {path: a, IN: sqlite}\n",
	  MASTER "  TimerThread: {UP: sqlite_}\n  DatabaseThread: {path: a, IN: sqlite}\n",
	  "UP \"sqlite_\" is no name for a channel" },
	{ 8, MASTER SERVER "  TimerThread: {UP: b}\n  DatabaseThread: {path: a, IN: [data, "
	  "b]}\n", MASTER SERVER "  DatabaseThread: {path: a, IN: [data, data]}\n",
	  "IN names \"data\" twice" },
	{ 9, MASTER SERVER DATABASE, MASTER SERVER "  DatabaseThread: {path: a, UP: data}\n",
	  "DatabaseThread sends nothing UP" },
	{ 10, MASTER SERVER DATABASE, MASTER "  UP: data\n" SERVER DATABASE,
	  "MasterThread has no UP: nothing is above it" },
	{ 11, MASTER SERVER "  DatabaseThread: {path: a, IN: [data]}\n",
	  MASTER SERVER "  DatabaseThread: {path: a, IN: []}\n",
	  "DatabaseThread takes at least one channel IN" },
	{ 12, MASTER SERVER "  DatabaseThread: {path: a, IN: data}\n",
	  MASTER SERVER DATABASE "  DatabaseThread b: {path: b, IN: dat}\n",
	  "takes \"dat\" IN, and nobody at MasterThread sends it" },
	{ 13, MASTER SERVER WEBSOCKET("IN: data, "), MASTER "  TimerThread: {UP: tick}\n"
	  WEBSOCKET("IN: tick, "), "takes \"data\" IN, and nobody at "
	  "MasterThread/WebsocketMasterThread sends it" },
	{ 14, UNDER_CONNECTION(PROCESSOR("", ", IN: packets")),
	  UNDER_CONNECTION(PROCESSOR("", "") PROCESSOR(" b", ", IN: packet, UP: b")),
	  "takes \"packet\" IN, and nobody at" },
	{ 15, MASTER "  TimerThread: {UP: a}\n  GroupThread: {IN: a, UP: b, DatabaseThread: "
	  "{IN: a, path: a}, TimerThread: {UP: b}}\n  DatabaseThread: {IN: b, path: b}\n",
	  MASTER "  GroupThread: {IN: a, UP: a, DatabaseThread: "
	  "{IN: a, path: a}, TimerThread: {UP: a}}\n",
	  "takes \"a\" IN, and nobody at MasterThread sends it" },
	{ 16, MASTER "  TimerThread: {UP: b}\n  DatabaseThread: {path: a, IN: b}\n",
	  MASTER "  TimerThread: {UP: b}\n  TimerThread c: {UP: c}\n"
	  "  DatabaseThread: {path: a, IN: b}\n",
	  "sends \"c\" UP, and nobody at MasterThread takes it" },
	{ 17, UNDER_CONNECTION("      UP: data\n" PROCESSOR("", ", UP: data")),
	  UNDER_CONNECTION("      UP: data\n" PROCESSOR("", ", UP: data")
	  PROCESSOR(" b", ", UP: lines")), "sends \"lines\" UP, and nobody at "
	  "MasterThread/TCPServerThread/TCPConnectionThread takes it" },
	/* A websocket master consumes what it takes, a group does not. */
	{ 18, MASTER SERVER "  TimerThread: {UP: b}\n" WEBSOCKET("IN: [data, b], "),
	  MASTER SERVER "  TimerThread: {UP: b}\n  GroupThread: {IN: [data, b], "
	  "DatabaseThread: {path: a}}\n", "takes \"b\" IN, and nobody below it does" },
	{ 19, MASTER "  TimerThread: {UP: a}\n  GroupThread: {IN: a, UP: b, DatabaseThread: "
	  "{IN: a, path: a}, TimerThread: {UP: b}}\n  DatabaseThread: {path: b, IN: b}\n",
	  MASTER "  TimerThread: {UP: a}\n  GroupThread: {IN: a, UP: a, DatabaseThread: "
	  "{IN: a, path: a}, TimerThread: {UP: a}}\n",
	  "sends \"a\" UP, and nobody at MasterThread takes it" },
	{ 20, MASTER SERVER "  GroupThread: {IN: data, DatabaseThread: {path: a}}\n",
	  MASTER SERVER DATABASE "  GroupThread: {IN: data}\n",
	  "takes \"data\" IN, and nobody below it does" },
	{ 21, MASTER "  GroupThread: {UP: data, TimerThread: }\n" DATABASE,
	  MASTER "  GroupThread: {UP: data}\n" DATABASE,
	  "sends \"data\" UP, and nobody below it does" },
	{ 22, UNDER_CONNECTION(PROCESSOR("", "")), UNDER_CONNECTION(""),
	  "makes \"packets\", and nobody below it takes it" },
	{ 23, UNDER_CONNECTION("      UP: [data]\n" PROCESSOR("", "")),
	  UNDER_CONNECTION("      UP: [data, packets]\n" PROCESSOR("", "")),
	  "\"packets\" is what TCPConnectionThread makes for those below it" },
	{ 24, UNDER_CONNECTION(PROCESSOR(" a", ", UP: y") PROCESSOR(" b", ", IN: y")),
	  UNDER_CONNECTION(PROCESSOR(" a", ", IN: x, UP: y") PROCESSOR(" b",
	  ", IN: y, UP: x") PROCESSOR(" c", "")), "runs in a circle: x > y > x" },
	{ 25, MASTER SERVER_XY("", "x", "y") "  TimerThread: {UP: x}\n"
	  "  DatabaseThread: {path: a, IN: [q, y]}\n", MASTER SERVER_XY("", "x", "y")
	  SERVER_XY(" b", "y", "x") "  DatabaseThread: {path: a, IN: q}\n",
	  "runs in a circle: x > y > x" },
	{ 26, MASTER SERVER DATABASE "  GroupThread: {IN: data, UP: own, DatabaseThread: "
	  "{path: b}, TimerThread: {UP: own}}\n  DatabaseThread c: {path: c, IN: own}\n",
	  MASTER SERVER DATABASE "  GroupThread: {IN: data, UP: data, DatabaseThread: "
	  "{path: b}, TimerThread: }\n", "which others at MasterThread get twice then" },
	{ 27, MASTER SERVER DATABASE, MASTER SERVER DATABASE "  " CONNECTION("") "\n",
	  "TCPConnectionThread stands under TCPServerThread, not under MasterThread" },
	{ 28, MASTER SERVER_AT("a", "127.0.0.1:0") SERVER_AT("b", "127.0.0.1:0") DATABASE,
	  MASTER "  TCPServerThread: {listen: 127.0.0.1:0, " CONNECTION("")
	  ", TCPConnectionThread b: {DataProcessorThread: {" FRAMED "}}}\n" DATABASE,
	  "TCPConnectionThread stands once under TCPServerThread" },
	{ 29, UNDER_CONNECTION(PROCESSOR("", "")), UNDER_CONNECTION(PROCESSOR("", ""))
	  "  DataProcessorThread: {" FRAMED "}\n",
	  "DataProcessorThread stands under TCPConnectionThread, not under MasterThread" },
	{ 30, UNDER_CONNECTION(PROCESSOR(" a", ", UP: lines") PROCESSOR(" b", ", IN: lines")),
	  UNDER_CONNECTION(PROCESSOR(" a", "") PROCESSOR(" b", "")),
	  "from one connection a channel has one source" },
	{ 31, MASTER SERVER WEBSOCKET(""), MASTER SERVER DATABASE
	  "  WebSocketSubThread: {url: ws://a}\n",
	  "WebSocketSubThread stands under WebsocketMasterThread, not under MasterThread" },
	{ 32, MASTER SERVER WEBSOCKET(""), MASTER SERVER WEBSOCKET("DatabaseThread: {path: "
	  "a}, "), "only WebSocketSubThread stands under WebsocketMasterThread" },
	{ 33, MASTER "  TCPServerThread: {listen: 127.0.0.1:0, UP: [], " CONNECTION("")
	  ", DatabaseThread: {path: a}}\n", UNDER_CONNECTION(PROCESSOR("", "")
	  "      DatabaseThread: {path: b}\n"),
	  "DatabaseThread never stands below TCPConnectionThread" },
	{ 34, MASTER "  TCPServerThread: {listen: 127.0.0.1:0, UP: [], " CONNECTION("")
	  ", WebsocketMasterThread: {WebSocketSubThread: {url: ws://a}}}\n",
	  UNDER_CONNECTION(PROCESSOR("", "") "      WebsocketMasterThread: {"
	  "WebSocketSubThread: {url: ws://a}}\n"),
	  "WebsocketMasterThread never stands below TCPConnectionThread" },
	{ 35, MASTER SERVER DATABASE "  DatabaseThread b: {path: b}\n",
	  MASTER SERVER "  DatabaseThread: {path: a, DatabaseThread b: {path: b}}\n",
	  "DatabaseThread has no children" },
	{ 36, MASTER SERVER DATABASE, MASTER SERVER DATABASE "  MasterThread:\n",
	  "MasterThread is the root: it stands at the top level" },
	{ 37, MASTER SERVER DATABASE "  DatabaseThread b: {path: b}\n",
	  MASTER SERVER DATABASE "  DatabaseThread: {path: b}\n",
	  "\"DatabaseThread\" stands here twice" },
	{ 38, MASTER SERVER DATABASE "  DatabaseThread b: {path: b}\n",
	  MASTER SERVER DATABASE "  DatabaseThread b: {path: .//a}\n",
	  "is taken in line 4 already, by MasterThread/DatabaseThread" },
	{ 39, MASTER SERVER_AT("a", "127.0.0.1:1") SERVER_AT("b", "127.0.0.1:2") DATABASE,
	  MASTER SERVER_AT("a", "127.0.0.1:1") SERVER_AT("b", "127.0.0.1:1") DATABASE,
	  "127.0.0.1:1 is taken in line 3 already, by MasterThread/TCPServerThread a\n" },
	{ 40, MASTER SERVER_AT("a", "'[::1]:1'") SERVER_AT("b", "'[::2]:1'") DATABASE,
	  MASTER SERVER_AT("a", "'[::1]:1'") SERVER_AT("b", "'[0:0::1]:01'") DATABASE,
	  "[0:0::1]:01 is taken in line 3 already, by MasterThread/TCPServerThread a as "
	  "[::1]:1\n" },
	/* Our listeners take IPv6 alone on [::]. */
	{ 41, MASTER SERVER_AT("a", "0.0.0.0:1") SERVER_AT("b", "'[::]:1'") DATABASE,
	  MASTER SERVER_AT("a", "0.0.0.0:1") SERVER_AT("b", "10.0.0.1:1") DATABASE,
	  "10.0.0.1:1 is taken in line 3 already, by MasterThread/TCPServerThread a: 0.0.0.0 "
	  "is every IPv4 address of this machine\n" },
	{ 42, MASTER SERVER_AT("a", "Localhost:1") SERVER_AT("b", "127.0.0.2:1") DATABASE,
	  MASTER SERVER_AT("a", "Localhost:1") SERVER_AT("b", "127.0.0.1:1") DATABASE,
	  "127.0.0.1:1 is taken in line 3 already, by MasterThread/TCPServerThread a: "
	  "localhost is 127.0.0.1 and [::1]\n" },
};

START_TEST(each_rule_is_kept_by_one_tree_and_broken_by_its_neighbour)
{
	const struct rule_case *c = &rule_cases[_i];
	char *errors;
	struct tt_document *doc = test_load(c->good, &errors);

	ck_assert_int_eq(c->rule, _i + 1);
	ck_assert_msg(doc != NULL && *errors == '\0', "%d: %s", c->rule, errors);
	free(errors);
	tt_document_destroy(doc);
	ck_assert_ptr_null(test_load(c->bad, &errors));
	ck_assert_msg(strstr(errors, c->what) != NULL, "%d: got\n%sexpected\n%s", c->rule,
	    errors, c->what);
	free(errors);
}
END_TEST

/* Each pair of addresses, written in this order and the other: taken, or not. */
static const struct claim_case {
	const char *a, *b;
	bool clash;
} claim_cases[] = {
	{ "0.0.0.0:1", "127.0.0.1:1", true }, { "0.0.0.0:1", "192.0.2.1:1", true },
	{ "0.0.0.0:1", "localhost:1", true }, { "'[::]:1'", "'[::1]:1'", true },
	{ "'[::]:1'", "'[2001:db8::1]:1'", true }, { "'[::]:1'", "localhost:1", true },
	{ "'[fe80::1%a]:1'", "'[::]:1'", true }, { "localhost:1", "'[::1]:1'", true },
	{ "localhost:1", "127.0.0.1:1", true }, { "gw.example:1", "GW.example:1", true },
	{ "unix:/run/a", "unix:///run//a", true }, { "unix:/run/a", "unix:/run/b", false },
	{ "0.0.0.0:1", "127.0.0.1:2", false }, { "0.0.0.0:1", "'[::]:1'", false },
	{ "0.0.0.0:1", "'[::1]:1'", false }, { "'[::]:1'", "127.0.0.1:1", false },
	{ "127.0.0.1:1", "127.0.0.2:1", false }, { "localhost:1", "127.0.0.2:1", false },
	{ "'[fe80::1%a]:1'", "'[fe80::1%b]:1'", false },
	/* What a name stands for, and which port 0 gets, shows when it is bound. */
	{ "gw.example:1", "0.0.0.0:1", false }, { "0.0.0.0:0", "127.0.0.1:0", false },
};

/* A server that needs its address for itself, as the real one does. */
static void
claim_check(const char *a, const char *b, bool clash)
{
	char text[600], *errors;
	struct tt_document *doc;

	snprintf(text, sizeof(text), MASTER SERVER_AT("a", "%s") SERVER_AT("b", "%s")
	    DATABASE, a, b);
	doc = test_load(text, &errors);
	ck_assert_msg((doc == NULL) == clash && (strstr(errors, " is taken in line 3 already")
	    != NULL) == clash, "%s, %s: %s", a, b, errors);
	free(errors);
	tt_document_destroy(doc);
}

START_TEST(addresses_clash_in_either_order_or_not_at_all)
{
	const struct claim_case *c = &claim_cases[_i];

	claim_check(c->a, c->b, c->clash);
	claim_check(c->b, c->a, c->clash);
}
END_TEST

START_TEST(a_wrong_tree_is_told_where_and_why)
{
	const struct bad_case *c = &bad_cases[_i];
	struct tt_errors *errs = tt_errors_create();
	char *errors;

	ck_assert_ptr_null(tt_document_parse("t.yaml", c->text, strlen(c->text),
	    test_schemas, TT_LOAD_START, errs));
	errors = test_errors(errs);
	ck_assert_msg(tt_errors_count(errs) == c->count && strstr(errors, c->error)
	    != NULL, "got\n%sexpected %u\n%s", errors, c->count, c->error);
	free(errors);
	tt_errors_destroy(errs);
}
END_TEST

/* Trees that keep each of those rules just so. */
static const char *const good_cases[] = {
	MASTER,
	MASTER SERVER DATABASE,
	MASTER SERVER "  DatabaseThread: {path: a, IN: [data]}\n",
	/* A server whose data stays below it. */
	MASTER "  TCPServerThread: {listen: 127.0.0.1:0, UP: [], " CONNECTION("")
	    ", DatabaseThread: {path: a}}\n",
	/* Websockets without destinations use what they take, and have nothing to do. */
	MASTER SERVER "  WebsocketMasterThread: {IN: data}\n",
	/* A destination takes a part of what its master does. */
	MASTER SERVER "  TimerThread: {UP: beats}\n  WebsocketMasterThread: {IN: [data, "
	    "beats], WebSocketSubThread: {url: ws://a}}\n",
	/* A chain of processors. */
	UNDER_CONNECTION("      DataProcessorThread b: {" FRAMED ", IN: frames}\n"
	    "      DataProcessorThread a: {" FRAMED ", UP: frames}\n"),
	/* Two channels from one connection. */
	MASTER "  TCPServerThread: {listen: 127.0.0.1:0, UP: [data, lines], "
	    "TCPConnectionThread: {UP: [lines, data], DataProcessorThread a: {" FRAMED
	    "}, DataProcessorThread b: {" FRAMED ", UP: lines}}}\n"
	    "  DatabaseThread: {path: a, IN: [data, lines]}\n",
	/* A database beside one server only, and one for all. */
	MASTER SERVER "  TCPServerThread b: {listen: 127.0.0.1:0, UP: data, " CONNECTION("")
	    ", DatabaseThread: {path: b}}\n" DATABASE,
	/* Names of siblings, at their longest, of the root, and of what stands once. */
	MASTER "  TCPServerThread: {listen: 127.0.0.1:0, TCPConnectionThread b: {"
	    "DataProcessorThread: {" FRAMED "}}}\n" DATABASE,
	"taskthread: 1\nMasterThread site-7.x_y:\n" SERVER "  DatabaseThread "
	    "a123456789012345678901234567890123456789012345678901234567890123: {path: a}\n",
	MASTER "  TimerThread: {UP: a12345678901234567890123456789012345678901234567890123"
	    "4567890123}\n  DatabaseThread: {path: a, IN: a1234567890123456789012345678901"
	    "23456789012345678901234567890123}\n",
	/* What goes down and what comes up may go through one node: no circle. */
	MASTER "  GroupThread: {IN: b, UP: a, TimerThread: {UP: a}, DatabaseThread: {IN: b,"
	    " path: x}}\n  GroupThread c: {IN: a, UP: b, DatabaseThread: {IN: a, path: y}, "
	    "TimerThread: {UP: b}}\n",
	MASTER SERVER_XY("", "x", "y") "  TimerThread: {UP: x}\n"
	    "  DatabaseThread: {path: a, IN: [q, y]}\n",
	/* 1 MiB frames need 2.5 MiB. */
	"taskthread: 1\ndaemon: {memory: 2560KiB}\nMasterThread:\n" SERVER DATABASE,
};

START_TEST(a_good_tree_loads)
{
	char *errors;
	struct tt_document *doc = test_load(good_cases[_i], &errors);

	ck_assert_msg(doc != NULL && *errors == '\0', "%s", errors);
	free(errors);
	tt_document_destroy(doc);
}
END_TEST

START_TEST(memory_below_two_frames_and_two_reads_is_an_error)
{
	char *errors;

	ck_assert_ptr_null(test_load("taskthread: 1\ndaemon: {memory: 2559KiB}\n"
	    "MasterThread:\n" SERVER DATABASE, &errors));
	ck_assert_str_eq(strchr(errors, '\n') - strlen("(256KiB)"), "(256KiB)\n"
	    "    daemon: {memory: 2559KiB}\n                     ^\n"
	    "    at least 2560KiB, or smaller frames\n");
	free(errors);
}
END_TEST

/* The channel of that name at NODE. */
static const struct tt_channel *
channel(const struct tt_node *node, const char *name)
{
	unsigned i;

	for (i = 0; i < node->n_channels; i++)
		if (strcmp(node->channels[i].name, name) == 0)
			return &node->channels[i];
	ck_abort_msg("no channel %s at %s", name, node->path);
	return NULL;
}

static const char seed[] = MASTER
    "  TCPServerThread:\n"
    "    listen: 127.0.0.1:0\n"
    "    TCPConnectionThread:\n"
    "      ack: count64\n"
    "      DataProcessorThread: {framing: {type: newline, max: 4MiB}}\n"
    "  WebsocketMasterThread:\n"
    "    WebSocketSubThread eu: {url: ws://a}\n"
    "    WebSocketSubThread us: {url: ws://b, IN: data}\n"
    "  DatabaseThread: {path: a}\n";

START_TEST(the_channels_of_the_main_job_are_wired)
{
	struct tt_document *doc = test_load(seed, NULL);
	const struct tt_node *master = test_node(doc, "MasterThread");
	const struct tt_node *server = master->children[0], *ws = master->children[1];
	const struct tt_node *connection = server->children[0];
	const struct tt_node *processor = connection->children[0];
	const struct tt_channel *c = channel(master, "data");

	ck_assert_ptr_eq(&master->channels[server->up_channel[0]], c);
	ck_assert_int_eq(c->up, -1);
	ck_assert_uint_eq(c->n_users, 2);
	ck_assert_ptr_eq(c->users[0].node, ws);
	ck_assert_ptr_eq(c->users[1].node, master->children[2]);
	ck_assert_uint_eq(c->users[1].in, 0);
	c = channel(server, "data");
	ck_assert_int_eq(c->up, 0);
	ck_assert_uint_eq(c->n_users, 0);
	ck_assert_ptr_eq(&server->channels[connection->up_channel[0]], c);
	c = channel(connection, "packets");
	ck_assert_ptr_eq(&connection->channels[connection->made], c);
	ck_assert_int_eq(c->up, -1);
	ck_assert_uint_eq(c->n_users, 1);
	ck_assert_ptr_eq(c->users[0].node, processor);
	ck_assert_ptr_eq(&connection->channels[processor->up_channel[0]],
	    channel(connection, "data"));
	c = channel(ws, "data");
	ck_assert_ptr_eq(&ws->channels[ws->in_channel[0]], c);
	ck_assert_uint_eq(c->n_users, 2);
	ck_assert_int_eq(server->made, -1);
	ck_assert(tt_node_is_within(processor, server));
	ck_assert(tt_node_is_within(server, server));
	ck_assert(!tt_node_is_within(server, processor));
	tt_document_destroy(doc);
}
END_TEST

START_TEST(what_follows_from_the_main_job)
{
	struct tt_document *doc = test_load(seed, NULL);
	const struct tt_node *server = test_node(doc, "MasterThread/TCPServerThread");
	const struct tt_node *connection = server->children[0];
	const struct tt_node *processor = connection->children[0];
	const struct tt_node *ws = doc->root->children[1];
	const struct tt_node *db = doc->root->children[2];

	ck_assert(ws->durable && db->durable);
	ck_assert(!server->durable && !ws->children[0]->durable);
	ck_assert_uint_eq(server->up_owed[0], 2);
	ck_assert_uint_eq(connection->up_owed[0], 2);
	ck_assert_uint_eq(processor->up_owed[0], 2);
	ck_assert_uint_eq(ws->n_feeders, 1);
	ck_assert_ptr_eq(ws->feeders[0], connection);
	ck_assert_uint_eq(db->n_feeders, 1);
	ck_assert_uint_eq(ws->children[0]->n_feeders, 0);
	ck_assert_int_eq(ws->frame_max, 4 << 20);
	ck_assert_int_eq(ws->children[1]->frame_max, 4 << 20);
	ck_assert_int_eq(db->frame_max, 4 << 20);
	ck_assert_int_eq(processor->frame_max, 0);
	ck_assert_int_eq(doc->frame_max, 4 << 20);
	ck_assert_int_eq(doc->memory_bound, (12 << 20) + (64 << 20) + (4 << 20)
	    + TT_READ_SIZE + 7 * 4096 + (8 << 20) + 1000
	    + (doc->daemon.workers - 1) * (3 << 20));
	tt_document_destroy(doc);
}
END_TEST

START_TEST(a_destination_that_does_not_confirm_is_owed_nothing)
{
	struct tt_document *doc = test_load(MASTER SERVER DATABASE
	    "  WebsocketMasterThread: {WebSocketSubThread: {url: ws://a, ack: none}}\n",
	    NULL);
	const struct tt_node *server = test_node(doc, "MasterThread/TCPServerThread");

	ck_assert_uint_eq(server->up_owed[0], 1);
	ck_assert_uint_eq(server->children[0]->children[0]->up_owed[0], 1);
	tt_document_destroy(doc);
}
END_TEST

START_TEST(frames_between_processors_are_owed_nothing)
{
	struct tt_document *doc = test_load(UNDER_CONNECTION(
	    "      DataProcessorThread a: {framing: {type: newline, max: 3MiB}, "
	    "UP: frames}\n      DataProcessorThread b: {" FRAMED ", IN: frames}\n"), NULL);
	const struct tt_node *c = test_node(doc,
	    "MasterThread/TCPServerThread/TCPConnectionThread");
	const struct tt_node *db = test_node(doc, "MasterThread/DatabaseThread");

	ck_assert_uint_eq(c->children[0]->up_owed[0], 0);
	ck_assert_uint_eq(c->children[1]->up_owed[0], 1);
	ck_assert_int_eq(c->children[1]->frame_max, 3 << 20);
	ck_assert_int_eq(db->frame_max, 1 << 20);
	ck_assert_int_eq(doc->frame_max, 3 << 20);
	ck_assert_uint_eq(db->n_feeders, 1);
	ck_assert_ptr_eq(db->feeders[0], c);
	tt_document_destroy(doc);
}
END_TEST

START_TEST(what_is_owed_is_counted_on_every_floor_and_through_groups)
{
	/* timer > group (db 1) > master > db 2, and down again to group b (db 3, 4). */
	struct tt_document *doc = test_load(MASTER
	    "  GroupThread: {UP: data, TimerThread: , DatabaseThread: {path: 1}}\n"
	    "  DatabaseThread: {path: 2}\n"
	    "  GroupThread b: {IN: data, DatabaseThread: {path: 3}, DatabaseThread x: "
	    "{path: 4}, TimerThread: {UP: own}, DatabaseThread y: {path: 5, IN: own}}\n",
	    NULL);
	const struct tt_node *timer = test_node(doc,
	    "MasterThread/GroupThread/TimerThread");
	const struct tt_node *own = test_node(doc,
	    "MasterThread/GroupThread b/TimerThread");
	const struct tt_node *db = test_node(doc,
	    "MasterThread/GroupThread b/DatabaseThread x");
	const struct tt_node *y = test_node(doc,
	    "MasterThread/GroupThread b/DatabaseThread y");

	ck_assert_uint_eq(timer->up_owed[0], 4);
	ck_assert_uint_eq(timer->parent->up_owed[0], 3);
	ck_assert_uint_eq(own->up_owed[0], 1);
	ck_assert_uint_eq(db->n_feeders, 1);
	ck_assert_ptr_eq(db->feeders[0], timer);
	ck_assert_uint_eq(y->n_feeders, 1);
	ck_assert_ptr_eq(y->feeders[0], own);
	tt_document_destroy(doc);
}
END_TEST

START_TEST(all_taps_feed_who_keeps_and_each_once)
{
	struct tt_document *doc = test_load(MASTER SERVER
	    "  TCPServerThread b: {listen: 127.0.0.1:0, " CONNECTION("") "}\n"
	    "  TimerThread: {UP: beats}\n"
	    "  DatabaseThread: {path: a, IN: [data, beats]}\n"
	    "  DatabaseThread b: {path: b, IN: beats}\n", NULL);
	const struct tt_node *db = test_node(doc, "MasterThread/DatabaseThread");
	const struct tt_node *b = test_node(doc, "MasterThread/DatabaseThread b");

	ck_assert_uint_eq(db->n_feeders, 3);
	ck_assert_uint_eq(b->n_feeders, 1);
	ck_assert_str_eq(b->feeders[0]->path, "MasterThread/TimerThread");
	tt_document_destroy(doc);
}
END_TEST

START_TEST(who_only_passes_it_on_feeds_nobody)
{
	struct tt_document *doc = test_load(MASTER
	    "  TCPServerThread: {listen: 127.0.0.1:0, UP: [data, beats], "
	    "TCPConnectionThread: {UP: [data, beats], DataProcessorThread: {" FRAMED "}, "
	    "TimerThread: {UP: beats}}}\n"
	    "  DatabaseThread: {path: a}\n  DatabaseThread b: {path: b, IN: beats}\n",
	    NULL);
	const struct tt_node *db = test_node(doc, "MasterThread/DatabaseThread");
	const struct tt_node *b = test_node(doc, "MasterThread/DatabaseThread b");

	ck_assert_uint_eq(db->n_feeders, 1);
	ck_assert_str_eq(db->feeders[0]->schema->name, "TCPConnectionThread");
	ck_assert_uint_eq(b->n_feeders, 1);
	ck_assert_str_eq(b->feeders[0]->schema->name, "TimerThread");
	tt_document_destroy(doc);
}
END_TEST

START_TEST(sources_stand_before_users_else_as_in_the_file)
{
	struct tt_document *doc = test_load(MASTER
	    "  DatabaseThread: {path: a, IN: c}\n"
	    "  DatabaseThread b: {path: b, IN: a}\n"
	    "  GroupThread: {IN: b, UP: c, DatabaseThread: {IN: b, path: c}, "
	    "TimerThread: {UP: c}}\n"
	    "  TimerThread x: {UP: a}\n"
	    "  TimerThread y: {UP: b}\n", NULL);
	static const char *const order[] = { "TimerThread x", "DatabaseThread b",
		"TimerThread y", "GroupThread", "DatabaseThread" };
	unsigned i;

	ck_assert_ptr_nonnull(doc);
	for (i = 0; i < 5; i++)
		ck_assert_str_eq(doc->root->flow[i]->key, order[i]);
	ck_assert_str_eq(doc->root->children[0]->key, "DatabaseThread");
	tt_document_destroy(doc);
}
END_TEST

START_TEST(a_list_of_channels_keeps_its_order)
{
	struct tt_document *doc = test_load(MASTER "  TimerThread: {UP: zz}\n"
	    "  TimerThread b: {UP: aa}\n  DatabaseThread: {path: a, IN: [zz, aa]}\n", NULL);
	const struct tt_node *db = test_node(doc, "MasterThread/DatabaseThread");

	ck_assert_uint_eq(db->n_in, 2);
	ck_assert_str_eq(db->in[0], "zz");
	ck_assert_str_eq(db->in[1], "aa");
	ck_assert_uint_eq(channel(doc->root, "aa")->users[0].in, 1);
	ck_assert_str_eq(db->channels[db->in_channel[0]].name, "zz");
	tt_document_destroy(doc);
}
END_TEST

START_TEST(nodes_are_numbered_from_the_root_in_file_order)
{
	struct tt_document *doc = test_load(seed, NULL);
	static const char *const keys[] = { "MasterThread", "TCPServerThread",
		"TCPConnectionThread", "DataProcessorThread", "WebsocketMasterThread",
		"WebSocketSubThread eu", "WebSocketSubThread us", "DatabaseThread" };
	unsigned i;

	ck_assert_uint_eq(doc->n_nodes, 8);
	for (i = 0; i < 8; i++) {
		ck_assert_uint_eq(doc->nodes[i]->index, i);
		ck_assert_str_eq(doc->nodes[i]->key, keys[i]);
	}
	ck_assert_str_eq(doc->nodes[5]->name, "eu");
	ck_assert_str_eq(doc->nodes[7]->name, "");
	ck_assert_str_eq(doc->nodes[3]->path, "MasterThread/TCPServerThread/"
	    "TCPConnectionThread/DataProcessorThread");
	ck_assert_ptr_null(doc->root->parent);
	ck_assert_uint_eq(doc->nodes[5]->mark.line, 9);
	ck_assert_uint_eq(doc->nodes[5]->mark.column, 5);
	tt_document_destroy(doc);
}
END_TEST

START_TEST(the_widest_tree_is_wired_in_no_time)
{
	/* 2,000 sources of one channel, 2,000 users of it. */
	size_t n = strlen(MASTER), i;
	char *text = malloc(n + 4000 * 48 + 1);
	struct tt_document *doc;

	strcpy(text, MASTER);
	for (i = 0; i < 2000; i++)
		n += (size_t)sprintf(text + n, "  TimerThread a%zu:\n"
		    "  DatabaseThread a%zu: {path: a%zu}\n", i, i, i);
	doc = test_load(text, NULL);
	free(text);
	ck_assert_ptr_nonnull(doc);
	ck_assert_uint_eq(doc->root->children[0]->up_owed[0], 2000);
	ck_assert_uint_eq(doc->root->children[1]->n_feeders, 2000);
	tt_document_destroy(doc);
}
END_TEST

#define N_OF(cases) ((int)(sizeof(cases) / sizeof(*(cases))))

Suite *
check_wiring_suite(void)
{
	Suite *s = suite_create("wiring");
	TCase *tc = tcase_create("wiring");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, each_rule_is_kept_by_one_tree_and_broken_by_its_neighbour,
	    0, N_OF(rule_cases));
	tcase_add_loop_test(tc, addresses_clash_in_either_order_or_not_at_all, 0,
	    N_OF(claim_cases));
	tcase_add_loop_test(tc, a_wrong_tree_is_told_where_and_why, 0, N_OF(bad_cases));
	tcase_add_loop_test(tc, a_good_tree_loads, 0, N_OF(good_cases));
	tcase_add_test(tc, memory_below_two_frames_and_two_reads_is_an_error);
	tcase_add_test(tc, the_channels_of_the_main_job_are_wired);
	tcase_add_test(tc, what_follows_from_the_main_job);
	tcase_add_test(tc, a_destination_that_does_not_confirm_is_owed_nothing);
	tcase_add_test(tc, frames_between_processors_are_owed_nothing);
	tcase_add_test(tc, what_is_owed_is_counted_on_every_floor_and_through_groups);
	tcase_add_test(tc, all_taps_feed_who_keeps_and_each_once);
	tcase_add_test(tc, who_only_passes_it_on_feeds_nobody);
	tcase_add_test(tc, sources_stand_before_users_else_as_in_the_file);
	tcase_add_test(tc, a_list_of_channels_keeps_its_order);
	tcase_add_test(tc, nodes_are_numbered_from_the_root_in_file_order);
	tcase_add_test(tc, the_widest_tree_is_wired_in_no_time);
	suite_add_tcase(s, tc);
	return s;
}
