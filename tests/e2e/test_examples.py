#!/usr/bin/python3
"""Each file of config/examples does what its comment says: the commands in it are run
as they stand there, against the tree as it stands there, on other ports and paths."""
import collections
import contextlib
import glob
import json
import os
import random
import re
import struct
import subprocess
import sys
import textwrap
import time

import tt
from test_websocket import Certificates, context
from viewer import Viewer, request

HERE = os.path.join(tt.TOP, "config", "examples")
STATE, RUN = "/var/lib/taskthread", "/run/taskthread"


# --- an example as it stands there -------------------------------------------

def commands(text):
    """The commands in the comment at the head of TEXT; a line that is indented goes on
    with the one before."""
    out = []
    for line in text[:text.index("\ntaskthread:")].split("\n"):
        if re.match("# (printf|sqlite3) ", line):
            out.append(line[2:])
        elif out and re.match("#  +", line):
            out[-1] += " " + line[1:].strip()
    return out


def replaced(text, old, new):
    """TEXT with each OLD as NEW: there must be one."""
    assert old in text, "%r is not in the example any more" % old
    return text.replace(old, new)


class At:
    """DESTINATION by the name HOST."""

    def __init__(self, host, destination):
        self.url = destination.url.replace("127.0.0.1", host)
        self.errors = destination.errors


class Example:
    """A running daemon with the example NAME.  DESTINATIONS are its urls and who takes
    their place; CHANGES, texts and theirs."""

    def __init__(self, name, destinations=None, changes=(), env=None):
        with open(os.path.join(HERE, name + ".yaml")) as f:
            text = f.read()
        self.printfs = [c for c in commands(text) if c.startswith("printf")]
        self.queries = [c for c in commands(text) if c.startswith("sqlite3")]
        assert self.printfs or self.queries, "no command in its comment"
        self.dir = tt.directory()
        self.destinations = destinations or {}
        self.servers = {}               # port in the file -> node path
        for old, new in changes:
            text = replaced(text, old, new)
        for part in glob.glob(os.path.join(HERE, name + ".d", "*.yaml")):
            os.makedirs(os.path.join(self.dir, name + ".d"), exist_ok=True)
            with open(part) as f, open(os.path.join(self.dir, name + ".d", os.path.basename(part)), "w") as g:
                g.write(self._listening_here(f.read()))
        self.daemon = tt.Daemon(self._here(text), directory=self.dir, env=env, ready=False)

    def _here(self, text):
        """TEXT with what must be another's on this machine."""
        urls = set(re.findall(r'(?m)^[^#\n]*?(wss?://[^\s",}]+)', text))
        assert urls == set(self.destinations), urls
        for url, destination in self.destinations.items():
            text = replaced(text, url, destination.url)
        text = self._listening_here(text)
        if "state_dir:" in text:
            text = replaced(text, "state_dir: " + STATE, "state_dir: " + self.dir)
        elif "\ndaemon:\n" in text:
            text = text.replace("\ndaemon:\n", "\ndaemon:\n  state_dir: %s\n" % self.dir)
        return text

    def _listening_here(self, text):
        """TEXT with free ports and sockets in our directory."""
        lines, server = [], None
        for line in text.split("\n"):
            m = re.match(r"  ((?:TCPServer|WebsocketMaster)Thread[^:]*):", line)
            server = "MasterThread/" + m.group(1) if m else server
            if re.search(r"\blisten: ", line):
                for port in re.findall(r"[\d.]+:(\d+)", line):
                    self.servers[port] = server
                line = re.sub(r"[\d.]+:\d+", "127.0.0.1:0", line)
                line = line.replace(RUN, self.dir)
            lines.append(line)
        return "\n".join(lines)

    def __enter__(self):
        try:
            self.daemon.wait_ready()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *why):
        self.daemon.__exit__(*why)

    def port(self, port):
        """The real one of PORT in the file."""
        return self.daemon.wait_log(re.escape(self.servers[str(port)]) +
                                    r": listening on 127\.0\.0\.1:(\d+)").group(1)

    def run(self, command):
        """What COMMAND of the comment prints."""
        command = command.replace(STATE, self.dir).replace(RUN, self.dir)
        if command.startswith("printf"):
            command, n = re.subn(r"nc -N localhost (\d+)",
                                 lambda m: "nc -N 127.0.0.1 " + self.port(m.group(1)), command)
            assert n == 1 or "nc -NU " + self.dir in command, command
        r = subprocess.run(["sh", "-euc", command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           timeout=tt.DEADLINE)
        return r.stdout.decode()

    def sends(self, *expected):
        """Runs each printf of the comment: EXPECTED is what each prints."""
        got = [self.run(c) for c in self.printfs]
        assert got == list(expected), got

    def shows(self, *expected):
        """Runs each sqlite3 of the comment, until it prints what EXPECTED matches."""
        assert len(self.queries) == len(expected), self.queries
        for command, pattern in zip(self.queries, expected):
            last = [""]

            def fits(command=command, pattern=pattern, last=last):
                last[0] = self.run(command)
                return re.fullmatch(pattern, last[0])
            try:
                tt.until("rows", fits)
            except AssertionError:
                raise AssertionError("%s shows %r" % (command, last[0])) from None

    def rows(self, sql, name):
        return tt.rows(os.path.join(self.dir, name), sql)

    def streams(self, name, table, end=b""):
        """The frames of each connection together, END behind each."""
        out = collections.defaultdict(bytes)
        seqs = collections.Counter()
        for connection, seq, payload in self.rows("select connection, seq, payload from %s order by id" % table, name):
            seqs[connection] += 1
            assert seq == seqs[connection]
            out[connection] += payload + end
        return list(out.values())

    def is_quiet(self):
        """All that was sent has been confirmed, and nothing else is: a stop leaves what
        is not in the spool."""
        before = self.daemon.stats()
        time.sleep(0.05)
        after = self.daemon.stats()
        return before.counters == after.counters and after.sum("edge_waiting_frames") == 0

    def stop(self, dropped=0, complaint="nothing"):
        """Stops the daemon: nothing was lost but DROPPED, and nobody has another
        complaint than one."""
        if self.destinations:
            tt.until("what the destinations get", self.is_quiet)
        assert self.daemon.stop() == 0, self.daemon.lines[-5:]
        self.last = self.daemon.last.check()
        assert self.last.dropped() == dropped, self.last.counters
        complaints = [x for x in self.daemon.lines if re.search(r"Z (error|warning) ", x)]
        assert all(complaint in x for x in complaints), complaints
        for url, destination in self.destinations.items():
            assert destination.errors == [], (url, destination.errors)


def envelopes(messages):
    """(position, connection, seq, payload) of each frame."""
    out = []
    for m in messages:
        at = 0
        while at < len(m):
            version, flags, zero, size, position, connection, seq, _ = struct.unpack_from(">BBHIQQQq", m, at)
            assert (version, flags, zero) == (1, 0, 0)
            out.append((position, connection, seq, m[at + 40:at + 40 + size]))
            at += 40 + size
        assert at == len(m)
    return out


def objects(messages):
    """(server, text) of each object of JSON, and what they have in common."""
    out = [json.loads(line) for m in messages for line in m.decode().splitlines()]
    for o in out:
        assert o["channel"] == "data" and o["peer"].startswith("127.0.0.1:"), o
    return [(o["node"].split("/")[1], o["text"]) for o in out], out


ROW = r"[-\d]+T[:.\d]+Z\|127\.0\.0\.1:\d+\|data\|\d+\|"         # of `recent`, up to seq


# --- each of them, in the order of the README --------------------------------

def test_newline():
    with Example("newline") as x:
        x.sends("")
        x.shows(ROW + r"1\|hello\n")
        x.stop()


def test_acknowledged():
    with tt.Destination() as eu, Example("acknowledged", {"wss://eu.example.com/ingest": eu}) as x:
        x.sends("ACK 1\n")
        x.shows(ROW + r"1\|hello\n")
        assert objects(eu.payloads)[0] == [("TCPServerThread", "hello")]
        x.stop()


def test_acknowledged_is_the_file_of_the_readme():
    with open(os.path.join(HERE, "acknowledged.yaml")) as f:
        text = f.read()
    tree = text[text.index("taskthread:"):]
    assert len(tree.splitlines()) == 12
    with open(os.path.join(tt.TOP, "README")) as f:
        assert textwrap.indent(tree, "    ") in f.read()


def test_gateway():
    with tt.Destination() as cloud, Example("gateway", {"ws://127.0.0.1:5003/ingest": cloud}) as x:
        x.sends("")
        x.shows(ROW + r"1\|hello\n")
        x.stop()
        assert cloud.messages == [(2, b"hello")]


def test_counted():
    with Example("counted") as x:
        x.sends("0000000 %20d\n0000010\n" % 2)
        x.shows(r"2\|second\n1\|first\n")
        x.stop()


def test_two_servers():
    with Example("two-servers") as x:
        x.sends("", "")
        x.shows("MasterThread/TCPServerThread meters/TCPConnectionThread[|]42 kW\n"
                "MasterThread/TCPServerThread doors/TCPConnectionThread[|]door open\n")
        x.stop()


def test_chain():
    with Example("chain") as x:
        x.sends("")
        x.shows("1[|]one\n2[|]two\n3[|]three\n")
        x.stop()
        assert x.last.frames("DataProcessorThread unpack", "up", "out") == 2


def a_stream(rng, lines=500):
    """LINES as a device would send them, and the same cut into records anywhere."""
    text = b"".join(b"%d %s\n" % (i, b"x" * rng.randint(0, 60)) for i in range(lines))
    cuts = sorted({0, len(text), *(rng.randint(0, len(text)) for _ in range(lines))})
    return text, b"".join(struct.pack(">H", b - a) + text[a:b] for a, b in zip(cuts, cuts[1:]))


def test_chain_of_many_devices_in_pieces():
    rng = random.Random(7)
    streams = [a_stream(rng) for _ in range(20)]
    with Example("chain") as x:
        tt.Swarm(int(x.port(5002)), [records for _, records in streams]).run()
        x.stop()
        assert sorted(x.streams("chain.db", "data", b"\n")) == sorted(text for text, _ in streams)


def test_one_kept():
    with tt.Destination() as everything, Example("one-kept", {"ws://127.0.0.1:5010/all": everything}) as x:
        x.sends("", "")
        x.shows("230.1 V\n")
        x.stop()
        assert x.rows("select count(*) from connection", "meters.db") == [(1,)]
        assert sorted(objects(everything.payloads)[0]) == [
            ("TCPServerThread chatter", "hello"), ("TCPServerThread meters", "230.1 V")]


def test_two_formats():
    with tt.Destination() as screen, tt.Destination() as archive, Example("two-formats", {
            "ws://127.0.0.1:5010/screen": screen, "ws://127.0.0.1:5011/archive": archive}) as x:
        x.sends("")
        tt.until("the screen", lambda: len(screen.messages) == 2)
        x.stop()
        texts, found = objects(screen.payloads)
        assert texts == [("TCPServerThread", "hello"), ("TCPServerThread", "world")]
        frames = envelopes(archive.payloads)
        assert [f[1:] for f in frames] == [(o["connection"], o["seq"], o["text"].encode()) for o in found]


def test_two_channels():
    with Example("two-channels") as x:
        x.sends("")
        x.shows("hello\nworld\n", "".join("%02X" % b for b in b"hello\nworld\nunfinish") + "\n")
        assert x.rows("select count(*), count(close_reason) from connection", "both.db") == [(1, 1)]
        x.stop()
        assert x.last.sum("unfinished_bytes_total") == len("unfinish")


def test_two_channels_of_many_devices_in_pieces():
    rng = random.Random(8)
    streams = [a_stream(rng)[0] for _ in range(20)]
    with Example("two-channels") as x:
        tt.Swarm(int(x.port(5002)), streams).run()
        x.stop()
        assert sorted(x.streams("both.db", "data", b"\n")) == sorted(x.streams("both.db", "raw")) == sorted(streams)


def test_unix_sockets():
    with Example("unix-sockets") as x:
        with contextlib.closing(tt.connect(int(x.port(5002)))) as s:
            s.sendall(b"over TCP\n")
            tt.until("its row", lambda: x.rows("select 1 from data", "local.db"))
        x.sends("", "")
        x.shows(r"unix:%s/records.sock\|hello\nunix:%s/lines.sock\|hello\n127\.0\.0\.1:\d+\|over TCP\n" % (x.dir, x.dir))
        x.stop()
        assert not glob.glob(x.dir + "/*.sock")


def test_records():
    with Example("records", changes=[("idle_timeout: 60s", "idle_timeout: 1500ms"),
                                     ("frame_timeout: 2s", "frame_timeout: 300ms")]) as x:
        x.sends("")
        x.shows(r"127\.0\.0\.1:\d+\|2\|T\+21.75 \n127\.0\.0\.1:\d+\|1\|T\+21.50 \n")
        silent, broken = tt.connect(int(x.port(5002))), tt.connect(int(x.port(5002)))
        broken.sendall(b"whole...half")
        for s in (broken, silent):
            tt.wait_closed(s)
        tt.until("their ends", lambda: x.rows(
            "select close_reason, count(d.id) from connection c left join data d on connection = c.id "
            "group by c.id order by 1", "serial.db") == [("frame_timeout", 1), ("idle_timeout", 0), ("peer", 2)])
        x.stop(complaint="frame_timeout in frame 2")


def test_delimiters():
    with Example("delimiters") as x:
        x.sends("", "")
        x.shows("4012345\n4067890\n  12.50 kg\n")
        x.stop()
        assert x.rows("select payload from data", "goods.db")[0] == (b"\x024012345",)


def test_headers():
    with Example("headers") as x:
        x.sends("", "")
        x.shows("0300000968656C6C6F\n680407000000\n")
        x.stop()


def test_destinations():
    def stored(message):
        return "ack %d" % envelopes([message[1]])[-1][0]
    with Certificates() as c, tt.Destination(context=context(*c.server, ca=c.ca)) as eu, \
            tt.Destination(answer=stored, context=context(*c.server), subprotocol="frames") as us, \
            tt.Destination() as local, Example("destinations", {
                "wss://eu.example.com/ingest": At("localhost", eu),
                "wss://us.example.com/v1/frames": At("localhost", us),
                "ws://127.0.0.1:5010/": local}, [
                    ("/etc/taskthread/authority.pem", c.ca), ("/etc/taskthread/site7.pem", c.client[0]),
                    ("/etc/taskthread/site7.key", c.client[1]),
                    ("      subprotocol: frames\n", "      subprotocol: frames\n      tls: {ca: %s}\n" % c.ca)]) as x:
        x.sends("")
        tt.until("all three", lambda: eu.payloads and us.payloads and local.messages)
        x.stop()
        texts, found = objects(eu.payloads)
        assert texts == [("TCPServerThread", "hello")] and found[0]["gateway"] == "site7"
        assert [f[1:] for f in envelopes(us.payloads)] == [(found[0]["connection"], 1, b"hello")]
        assert "\r\nSec-WebSocket-Protocol: frames\r\n" in us.requests[0] + "\r\n"
        assert local.messages == [(2, b"hello\n")]


def test_live():
    with Example("live") as x:
        with Viewer(int(x.port(8080)), request("/live")) as early:
            x.sends("")
            x.shows("hello\nworld\n")
            texts, _ = objects([early.message(), early.message()])
            assert [t for _, t in texts] == ["hello", "world"]
        with Viewer(int(x.port(8080)), request("/live")) as late:
            assert objects([late.message(), late.message()])[0] == texts
        x.stop()


def test_timer():
    with Example("timer", changes=[("every: 1m", "every: 20ms")]) as x:
        x.sends("")
        x.shows(r"(?=(.*\n)*?127\.0\.0\.1:\d+\|hello\n)(?=(.*\n)*?timer\|)"
                r"((timer\|site7 is alive|127\.0\.0\.1:\d+\|hello)\n)+")
        x.stop()
        seqs = x.rows("select seq from data where payload <> x'68656c6c6f' order by id", "alive.db")
        assert seqs == [(i + 1,) for i in range(len(seqs))]


def test_slow_uplink():
    with tt.Destination("away") as cloud, Example("slow-uplink", {"wss://cloud.example.com/ingest": cloud}, [
            ("bytes: 32MiB", "bytes: 32KiB"), ("backoff: 5s..5m", "backoff: 50ms..100ms")]) as x:
        lines = [b"%04d" % i + b"." * 996 for i in range(200)]
        for i in range(0, 200, 10):     # and is not held back
            tt.send_and_close(int(x.port(5002)), b"\n".join(lines[i:i + 10]) + b"\n")
        x.sends("")
        x.shows("201\n")
        dropped = tt.until("the oldest to be dropped", lambda: x.daemon.stats().dropped(reason="drop_oldest"))
        cloud.set("good")
        x.stop(dropped, "no connection to")
        texts, _ = objects(cloud.payloads)
        texts = [t for _, t in texts]
        assert len(texts) == 201 - dropped and "hello" in texts
        # The order of different devices is nobody's.
        for i in range(0, 200, 10):
            sent = [t.decode() for t in lines[i:i + 10]]
            kept = [t for t in texts if t in sent]
            assert kept == sent[10 - len(kept):], (i, kept)


def test_fleet():
    secrets = tt.directory()
    with open(os.path.join(secrets, "token"), "w") as f:
        f.write("a-secret-of-5\n")
    with tt.Destination() as eu, tt.Destination() as us, Example("fleet", {
            "wss://eu.example.com/ingest": eu, "wss://us.example.com/ingest": us},
            env={"SITE": "site12", "CREDENTIALS_DIRECTORY": secrets}) as x:
        x.sends("", "")
        x.shows("42 kW\ndoor open\n")
        x.stop()
        for destination in (eu, us):
            texts, found = objects(destination.payloads)
            assert texts == [("TCPServerThread meters", "42 kW"), ("TCPServerThread doors", "door open")]
            assert {o["gateway"] for o in found} == {"site12"}
            assert "\r\nAuthorization: Bearer a-secret-of-5\r\n" in destination.requests[0] + "\r\n"
        assert len(us.messages) == 2 and not us.payloads[0].endswith(b"\n")       # batch: none
        assert all(m.endswith(b"\n") for m in eu.payloads)                        # batch: newline
        assert not x.daemon.find("a-secret")


# --- all of them -------------------------------------------------------------

def test_every_example_is_run():
    files = {os.path.basename(f)[:-5] for f in glob.glob(os.path.join(HERE, "*.yaml"))}
    tests = {n[5:].replace("_", "-") for n in globals() if n.startswith("test_")}
    assert len(files) >= 10 and files <= tests, files - tests
    with open(os.path.join(tt.TOP, "README")) as f:
        told = set(re.findall(r"(?m)^    ([a-z-]+)  ", f.read()))
    assert files <= told, files - told


if __name__ == "__main__":
    tt.main()
