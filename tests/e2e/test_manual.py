#!/usr/bin/python3
"""The manual pages: their form, their examples, and the table of framings, each row
with what a device really sends."""
import os
import re
import shutil
import socket
import sqlite3
import struct
import subprocess

import tt

PAGES = ("config/taskthread.yaml.5", "daemon/taskthreadd.8", "daemon/taskthread.7")

# What a device sends, and the frames that go UP, for each row of FRAMINGS.
ADU = b"\x00\x01\x00\x00\x00\x03\x11\x03\x00"
APDU = b"\x68\x04\x07\x00\x00\x00"
TPKT = b"\x03\x00\x00\x07abc"
DLT = b"\x35\x00\x00\x08ECU1"
SOMEIP = b"\x12\x34\x80\x01\x00\x00\x00\x0a" + b"\x00\x00\x00\x01\x01\x01\x02\x00hi"
DOIP = b"\x02\xfd\x00\x01\x00\x00\x00\x00"
OPCUA = b"MSGF\x0b\x00\x00\x00abc"
DEVICES = {
    "lines, ended by LF or CR LF": (b"one\r\ntwo\n\n", [b"one", b"two", b""]),
    "NMEA 0183": (b"$GPGLL,,*50\r\n$GPRMC,,*4B\r\n", [b"$GPGLL,,*50", b"$GPRMC,,*4B"]),
    "one JSON object a line": (b'{"a": 1}\n{"b": "\\n"}\n', [b'{"a": 1}', b'{"b": "\\n"}']),
    "lines, ended by CR alone": (b"one\rtwo\r", [b"one", b"two"]),
    "texts, each ended by NUL": (b"one\0two\nlines\0", [b"one", b"two\nlines"]),
    "STX, text, ETX": (b"\x02one\x03\x02two\x03", [b"\x02one", b"\x02two"]),
    "HL7 MLLP": (b"\x0bMSH|\rPID|\r\x1c\r\x0bMSH|\r\x1c\r", [b"\x0bMSH|\rPID|\r", b"\x0bMSH|\r"]),
    "texts, ended by a mark of your own": (b"one#END#two##END#", [b"one", b"two#"]),
    "4 bytes of length, then so many bytes": (b"\0\0\0\3one\0\0\0\0", [b"one", b""]),
    "the same, least significant byte first": (b"\3\0\0\0one\0\0\0\0", [b"one", b""]),
    "a length of 4 bytes that counts itself": (b"\0\0\0\7one\0\0\0\4", [b"one", b""]),
    "a length of 2 bytes, and 2 bytes of check sum that it does not count":
        (b"\0\3one\xaa\xbb\0\0\xcc\xdd", [b"one\xaa\xbb", b"\xcc\xdd"]),
    "one byte of type, then 2 bytes of length": (b"T\0\3oneU\0\0", [b"T\0\3one", b"U\0\0"]),
    "Modbus TCP": (ADU + ADU, [ADU, ADU]),
    "IEC 60870-5-104": (APDU + APDU, [APDU, APDU]),
    "TPKT (RFC 1006), S7": (TPKT + TPKT, [TPKT, TPKT]),
    "DLT (AUTOSAR)": (DLT + DLT, [DLT, DLT]),
    "SOME/IP and DoIP": (SOMEIP + DOIP, [SOMEIP, DOIP]),
    "OPC UA, binary": (OPCUA + OPCUA, [OPCUA, OPCUA]),
    "DNS over TCP": (b"\0\3one\0\3two", [b"one", b"two"]),
    "records of 24 bytes": (b"a" * 24 + b"b" * 24, [b"a" * 24, b"b" * 24]),
    "SLIP": (b"\xc0one\xdb\xdc\xc0\xc0two\xc0", [b"", b"one\xdb\xdc", b"", b"two"]),
    "COBS": (b"\x02x\x01\0\x03ab\0", [b"\x02x\x01", b"\x03ab"]),
    "anything, as it comes": (b"one", [b"one"]),
}

# What stands beside an option of a node, so that its example is legal there.
NODES = {
    "MasterThread": {},
    "TCPServerThread": {"listen": "127.0.0.1:0"},
    "TCPConnectionThread": {"ack": "line"},
    "DataProcessorThread": {"framing": "{type: newline, max: 4KiB}"},
    "TimerThread": {"text": "tick"},
    "WebsocketMasterThread": {},
    "WebSocketSubThread": {"url": "wss://example.com/"},
    "DatabaseThread": {"path": "example.db"},
}
# Of which a master needs listen, and its WebSocketSubThread no url.
VIEWERS = {"WebsocketMasterThread": ["listen", "path", "origins", "token", "max_subscribers", "tls"],
           "WebSocketSubThread": ["last", "queue"]}
TREE = [("MasterThread", 0), ("TCPServerThread", 1), ("TCPConnectionThread", 2), ("DataProcessorThread", 3),
        ("TimerThread", 1), ("WebsocketMasterThread", 1), ("WebSocketSubThread", 2), ("DatabaseThread", 1)]


def page(name):
    with open(os.path.join(tt.TOP, name)) as f:
        return f.read()


def plain(text):
    """What roff makes of it."""
    for escape, meant in (("\\(dq", '"'), ("\\-", "-"), ("\\&", ""), ("\\e", "\\")):
        text = text.replace(escape, meant)
    return text


def sections():
    """The text of each section of the page on the file."""
    parts = re.split(r"(?m)^\.Sh (.*)\n", page(PAGES[0]))
    return dict(zip(parts[1::2], parts[2::2]))


def examples(section):
    return [plain(x) for x in re.findall(r"(?m)^\.Dl (.*)$", section)]


def tree(kind, example):
    """A file in which KIND ("daemon" for that) says EXAMPLE."""
    key = example.split(":")[0]
    viewers = key in VIEWERS.get(kind, [])
    lines = ["taskthread: 1", "daemon:"]
    lines += ["  " + example if kind == "daemon" else "  name: example"]
    for name, depth in TREE:
        lines.append("  " * depth + name + ":")
        said = {k: "%s: %s" % (k, v) for k, v in NODES[name].items() if not viewers or k != "url"}
        if viewers and name == "WebsocketMasterThread":
            said["listen"] = "listen: 127.0.0.1:0"
        if name == kind:
            said[key] = example
        lines += ["  " * (depth + 1) + x for x in said.values()]
    return "\n".join(lines) + "\n"


def checked(text, name="tree.yaml"):
    path = os.path.join(tt.directory(), name)
    with open(path, "w") as f:
        f.write(text)
    return tt.run("--check", path)


def test_the_pages_have_the_form_of_manual_pages():
    if shutil.which("mandoc") is None:
        raise tt.Skip("no mandoc")
    for name in PAGES:
        r = subprocess.run(["mandoc", "-Tlint", "-Wwarning", os.path.join(tt.TOP, name)],
                           capture_output=True, text=True)
        assert r.returncode == 0 and r.stdout == "", r.stdout


def test_whatever_shows_a_promise_is_there_and_is_run():
    text = page(PAGES[2])
    with open(os.path.join(tt.TOP, "tests/Makefile.inc")) as f:
        run = f.read()
    named = set(re.findall(r"\btest_\w+", text))
    assert len(named) > 10
    for name in sorted(named):
        assert os.path.exists(os.path.join(tt.TOP, "tests/e2e", name + ".py")), name
        assert "%D%/e2e/" + name + ".py" in run, name


def test_every_example_of_an_option_is_taken():
    found = sections()
    cases = [("daemon", x) for x in examples(found["THE DAEMON"])]
    cases += [(kind, x) for kind in NODES for x in examples(found[kind])]
    cases += [(kind, x) for x in examples(found["EVERY THREAD"]) for kind in NODES
              if not x.startswith("queue") or kind == "WebsocketMasterThread"]
    # There it is taken with a warning: it changes nothing.
    cases = [(kind, x) for kind, x in cases if not x.startswith("restart") or
             kind not in ("MasterThread", "TCPConnectionThread", "DataProcessorThread")]
    assert len(cases) > 50
    for kind, example in cases:
        # Frames that wait may be dropped only where no device is told that they are safe.
        text = tree(kind, example)
        if "when_full" in example or "age: " in example:
            text = text.replace("ack: line", "ack: none")
        r = checked(text)
        # What comes from elsewhere is not there, and said to be so.
        assert r.returncode == 0 and ("${" in example or r.stderr == ""), (kind, example, r.stderr)


def test_the_including_and_the_included_file_are_right():
    text = sections()["THE FILE"]
    included = re.search(r"(?ms)^# devices\.d/meters\.yaml\n.*?(?=^\.Ed)", text).group(0)
    include = re.search(r"(?m)^include: .*$", text).group(0)
    top = tt.directory()
    os.mkdir(os.path.join(top, "devices.d"))
    for name, said in (("devices.d/meters.yaml", included),
                       ("cloud.yaml", "MasterThread: {DatabaseThread: {path: meters.db}}\n"),
                       ("main.yaml", "taskthread: 1\n" + include + "\nMasterThread: {}\n")):
        with open(os.path.join(top, name), "w") as f:
            f.write(said)
    r = tt.run("--check", os.path.join(top, "main.yaml"))
    assert r.returncode == 0 and r.stderr == "", r.stderr
    assert "TCPServerThread meters" in r.stdout and "meters.db" in r.stdout, r.stdout


def test_every_device_of_the_table_of_framings():
    rows = re.findall(r"(?m)^\.It (.*)\n\.Dl framing: (.*)$", sections()["FRAMINGS"])
    assert {device for device, _ in rows} == set(DEVICES)
    lines = ["taskthread: 1", "daemon: {state_dir: @DIR@}", "MasterThread:"]
    for i, (_, framing) in enumerate(rows):
        lines += ["  TCPServerThread s%d:" % i, "    UP: c%d" % i, "    listen: unix:@DIR@/s%d" % i,
                  "    TCPConnectionThread:", "      UP: c%d" % i,
                  "      DataProcessorThread: {UP: c%d, framing: %s}" % (i, plain(framing))]
    lines += ["  DatabaseThread: {IN: [%s], path: rows.db}" % ", ".join("c%d" % i for i in range(len(rows)))]
    with tt.Daemon("\n".join(lines) + "\n") as d:
        for i, (device, _) in enumerate(rows):
            s = socket.socket(socket.AF_UNIX)
            s.connect(os.path.join(d.dir, "s%d" % i))
            s.sendall(DEVICES[device][0])
            s.shutdown(socket.SHUT_WR)
            tt.wait_closed(s)
        assert d.stop() == 0
        d.last.check()
        assert d.last.sum("unfinished_bytes_total") == 0
        with sqlite3.connect(os.path.join(d.dir, "rows.db")) as db:
            assert db.execute("select distinct close_reason from connection").fetchall() == [("peer",)]
            for i, (device, framing) in enumerate(rows):
                got = [p for (p,) in db.execute("select payload from c%d order by id" % i)]
                assert got == DEVICES[device][1], (device, framing, got)


def test_the_tables_of_a_database_are_those_of_the_page():
    said = re.findall(r"(?ms)^CREATE TABLE (\w+)\(.*?\)\n\.Ed", sections()["THE DATABASE FILE"])
    assert said == ["data", "connection", "refused"], said
    text = "".join(x + ";" for x in
                   re.findall(r"(?ms)^(CREATE TABLE .*?\))\n\.Ed", sections()["THE DATABASE FILE"]))
    page_db = sqlite3.connect(":memory:")
    page_db.executescript(text)
    with tt.Daemon(tt.tree()) as d:
        s = tt.connect(d.port)
        s.sendall(struct.pack(">I", 5) + b"hello\n")
        s.shutdown(socket.SHUT_WR)
        tt.wait_closed(s)
        for table in said:
            columns = "select name, type, pk from pragma_table_info('%s')" % table
            tt.until("the table " + table, lambda c=columns: d.rows(c))
            assert d.rows(columns) == page_db.execute(columns).fetchall(), table
        view = re.search(r"(?m)^\.Li recent\((.*)\)$", sections()["THE DATABASE FILE"]).group(1)
        assert [c for (c,) in d.rows("select name from pragma_table_info('recent')")] == view.split(", ")
        assert d.stop() == 0


if __name__ == "__main__":
    tt.main()
