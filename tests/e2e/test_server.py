#!/usr/bin/python3
"""The websocket server: who may come in, what viewers get, and what the slow ones cost."""
import asyncio
import contextlib
import functools
import http.server
import json
import os
import re
import resource
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time
import urllib.request

import tt
from test_websocket import Certificates
from viewer import Viewer, frame, request

MASTER = "WebsocketMasterThread"
VIEWER = "WebSocketSubThread"
FRAME = 256


def tree(master="", sub="", more="", framing="newline", daemon="", database=False):
    return f"""taskthread: 1
daemon: {{state_dir: "@DIR@"{', ' + daemon if daemon else ''}}}
MasterThread:
  TCPServerThread:
    listen: 127.0.0.1:0
    TCPConnectionThread:
      DataProcessorThread:
        framing: {framing}
  WebsocketMasterThread:
    listen: 127.0.0.1:0
{''.join('    %s%s' % (line, chr(10)) for line in master.split(chr(10)) if line)}\
    WebSocketSubThread: {{{sub}}}
{more}{'  DatabaseThread: {path: x.db}' + chr(10) if database else ''}"""


def doors(d):
    """The ports of the devices and of the viewers."""
    def found():
        both = [d.find(r"%s: listening on 127.0.0.1:(\d+)" % k) for k in ("TCPServerThread", MASTER)]
        return [int(m.group(1)) for m in both] if all(both) else None
    return tt.until("both listeners", found)


# --- who may come in ----------------------------------------------------------

REFUSALS = [
    (404, request("/other")),
    (404, request("/live2", drop=["Host"])),
    (400, request(first="GET /live HTTP/1.0")),
    (400, request("/live", drop=["Host"])),
    (400, request("/live", drop=["Sec-WebSocket-Key"], Origin="https://evil.example.com")),
    (400, request("/live", Sec_WebSocket_Key="c2hvcnQ=")),
    (400, request("/live", Padding="x" * 17000)),
    (400, b"\x16\x03\x01\x02\x00\r\n\r\n"),
    (405, request(first="POST /live HTTP/1.1")),
    (426, request("/live", drop=["Upgrade"])),
    (426, request("/live", Sec_WebSocket_Version="8", Origin="https://evil.example.com")),
    (403, request("/live", Origin="https://evil.example.com")),
    (401, request("/live", Origin="https://127.0.0.1:4")),
    (401, request("/live?token=s3cret")),
    (401, request("/live", Authorization="Bearer s3cre")),
    (401, request("/live", Sec_WebSocket_Protocol="taskthread, bearer.wrong")),
    (401, request("/live", Sec_WebSocket_Protocol="bearer.s3cret")),
]

WELCOME = [
    (None, request("/live", Authorization="Bearer s3cret")),
    (None, request("/live?a=b", Authorization="Bearer s3cret", Origin="http://127.0.0.1:99")),
    ("taskthread", request("/live", Sec_WebSocket_Protocol="taskthread, bearer.s3cret", Host="gate:1",
                           Origin="https://gate")),
]


def test_each_is_refused_for_its_first_fault():
    with tt.Daemon(tree("path: /live\ntoken: s3cret")) as d:
        _, port = doors(d)
        for status, ask in REFUSALS:
            with Viewer(port, ask) as v:
                assert v.status == status, (v.status, status, ask[:80])
                body = v.rest()
                assert b"s3c" not in body and len(body) == int(v.headers["Content-Length"])
        for protocol, ask in WELCOME:
            with Viewer(port, ask) as v:
                assert v.status == 101, (v.status, ask)
                assert v.headers.get("Sec-WebSocket-Protocol") == protocol
        assert d.stop() == 0
        assert d.last.sum("closes_total", node=MASTER, reason="handshake") == len(REFUSALS)
        assert not d.count("s3cret"), "the token is logged"


def test_origins_are_listed():
    with tt.Daemon(tree('origins: ["https://a.example", "http://b.example:81"]')) as d:
        _, port = doors(d)
        for origin, status in (("https://a.example", 101), ("https://A.example", 101), ("http://b.example:81", 101),
                               ("https://a.example:81", 403), ("http://a.example", 403), ("http://127.0.0.1", 403)):
            with Viewer(port, request(Origin=origin)) as v:
                assert v.status == status, origin
        with Viewer(port) as v:
            assert v.status == 101


def test_a_request_may_come_in_any_pieces():
    with tt.Daemon(tree()) as d:
        _, port = doors(d)
        ask = request() + frame(9, b"early")
        for size in (1, 2, 3, 50, len(ask)):
            with Viewer(port, False) as v:
                for at in range(0, len(ask), size):
                    v.send(ask[at:at + size])
                assert v.answer() == 101
                assert v.frame() == (10, b"early")


def test_those_who_wait_do_not_keep_others_out():
    """More connections that ask for nothing than may wait: a proper one comes in at once."""
    with tt.Daemon(tree()) as d:
        _, port = doors(d)
        idle = [Viewer(port, False) for _ in range(300)]
        for _ in range(20):
            with Viewer(port) as v:
                assert v.status == 101
        for v in idle:
            v.sock.close()
        assert d.stop() == 0


def test_one_too_many_gets_503_and_room_comes_again():
    with tt.Daemon(tree("max_subscribers: 2")) as d:
        _, port = doors(d)
        with Viewer(port) as a, Viewer(port) as b:
            assert (a.status, b.status) == (101, 101)
            with Viewer(port) as c:
                assert c.status == 503
            with Viewer(port, request("/no")) as c:
                assert c.status == 404
            a.sock.close()

            def again():
                with Viewer(port) as v:
                    return v.status == 101
            tt.until("room", again)
        assert d.stop() == 0
        assert d.last.sum("closes_total", node=MASTER, reason="max_connections") >= 1


# --- what they get ---------------------------------------------------------------

def objects(v, n):
    return [json.loads(v.message()) for _ in range(n)]


def test_json_carries_positions_without_a_gap():
    with tt.Daemon(tree(sub="format: json")) as d:
        devices, port = doors(d)
        with Viewer(port) as v, Viewer(port) as w:
            tt.send_and_close(devices, b"".join(b"frame %d\n" % i for i in range(1000)))
            for viewer in (v, w):
                got = objects(viewer, 1000)
                assert [o["text"] for o in got] == ["frame %d" % i for i in range(1000)]
                first = got[0]["position"]
                assert [o["position"] for o in got] == list(range(first, first + 1000))
                assert [o["seq"] for o in got] == list(range(1, 1001))
        assert d.stop() == 0
        d.last.check()
        assert d.last.frames(VIEWER, "in", "out") == 2000
        assert d.last.frames(MASTER, "in", "out") == 1000


def test_every_format_and_batch():
    frames = [b"", b"x", b"y" * 125, b"y" * 126, b"z" * 70000]
    for sub in ("format: raw", "format: raw, batch: length", "format: envelope", "format: envelope, batch: length",
                "format: raw, batch: newline", "format: json, batch: newline"):
        with tt.Daemon(tree(sub=sub, framing=tt.LENGTH)) as d:
            devices, port = doors(d)
            with Viewer(port) as v:
                tt.send_and_close(devices, b"".join(map(tt.length_frame, frames)))
                got = []
                while len(got) < len(frames):
                    got += decode(sub, v.message())
                assert got == frames, sub
            assert d.stop() == 0


def decode(sub, m):
    out = []
    if "newline" in sub:
        assert m.endswith(b"\n")
        lines = m[:-1].split(b"\n")
        return [json.loads(x)["text"].encode() for x in lines] if "json" in sub else lines
    if "envelope" in sub:
        while m:
            version, flags, zero, size = struct.unpack_from(">BBHI", m)
            assert (version, flags, zero) == (1, 0, 0)
            out.append(m[40:40 + size])
            m = m[40 + size:]
        return out
    if "length" in sub:
        while m:
            size, = struct.unpack_from(">I", m)
            out.append(m[4:4 + size])
            m = m[4 + size:]
        return out
    return [m]


def test_who_joins_gets_the_last_frames_and_then_what_comes():
    with tt.Daemon(tree(sub="format: json, last: 3")) as d:
        devices, port = doors(d)
        with tt.connect(devices) as s:
            with Viewer(port) as v:
                s.sendall(b"0\n")
                assert objects(v, 1)[0]["text"] == "0"
            s.sendall(b"".join(b"%d\n" % i for i in range(1, 10)))
            tt.until("all frames", lambda: d.stats().frames(MASTER, "in", "in") == 10)
            with Viewer(port) as v:
                assert [o["text"] for o in objects(v, 3)] == ["7", "8", "9"]
                s.sendall(b"10\n")
                assert objects(v, 1)[0]["text"] == "10"
        assert d.stop() == 0
        d.last.check()


def test_a_frame_with_a_line_end_is_refused_for_each():
    with tt.Daemon(tree(sub="batch: newline", framing=tt.LENGTH)) as d:
        devices, port = doors(d)
        with Viewer(port) as v, Viewer(port):
            tt.send_and_close(devices, tt.length_frame(b"a\nb") + tt.length_frame(b"c"))
            assert v.message() == b"c\n"
        assert d.stop() == 0
        d.last.check()
        assert d.last.dropped(node=VIEWER, reason="newline") == 2


def test_both_roles_under_one_master():
    with tt.Destination() as dest:
        more = '    WebSocketSubThread up: {url: "%s"}\n' % dest.url
        with tt.Daemon(tree(sub="format: raw", more=more, database=True)) as d:
            devices, port = doors(d)
            with Viewer(port) as v:
                tt.send_and_close(devices, b"one\ntwo\n")
                assert [v.message(), v.message()] == [b"one", b"two"]
                tt.until("the destination", lambda: dest.payloads == [b"one", b"two"])
            assert d.stop() == 0
            d.last.check()
            assert os.path.exists(d.path("%s.spool" % MASTER))


def test_a_master_that_is_restarted_has_viewers_again():
    """Its spool is taken away; who looked on is closed, and comes again."""
    with tt.Destination("away") as dest:
        more = '    WebSocketSubThread up: {url: "%s"}\n' % dest.url
        spool = "spool: {path: a.spool}\nrestart: {max: 100, backoff: 10ms..20ms}"
        with tt.Daemon(tree(spool, sub="format: raw", more=more)) as d:
            devices, port = doors(d)
            with tt.connect(devices) as s, Viewer(port) as early, Viewer(port, False):
                s.sendall(b"one\n")
                assert early.message() == b"one"
                tt.until("it in the spool", lambda: d.stats().waiting(MASTER, "in") == 0)
                for end in ("", "-wal", "-shm"):
                    if os.path.exists(d.path("a.spool" + end)):
                        os.rename(d.path("a.spool" + end), d.path("kept" + end))
                os.mkdir(d.path("a.spool"))
                s.sendall(b"two\n")
                early.end()
                tt.until("restarts", lambda: d.stats().sum("restarts_total", node=MASTER) >= 3)
                os.rmdir(d.path("a.spool"))
                d.wait_log(MASTER + ": restarted, ")
                ports = [m.group(1) for m in (re.search(MASTER + r": listening on \S+:(\d+)", x)
                                              for x in list(d.lines)) if m]
                assert len(ports) > 3
                with Viewer(int(ports[-1])) as late:
                    s.sendall(b"three\n")
                    while late.message() != b"three":
                        pass
            assert d.stop() == 0
            d.last.check()


def test_nobody_looks_and_nothing_is_kept():
    with tt.Daemon(tree(sub="format: json", database=True)) as d:
        devices, _ = doors(d)
        tt.send_and_close(devices, b"x\n" * 10000)
        tt.until("rows", lambda: d.rows("select count(*) from data") == [(10000,)])
        assert d.stop() == 0
        d.last.check()
        assert not [f for f in os.listdir(d.dir) if "spool" in f]


# --- the protocol ------------------------------------------------------------------

WRONG = [
    (1002, frame(1, b"hello", mask=None)),
    (1002, frame(9, b"", mask=None)),
    (1002, frame(3, b"")),
    (1002, frame(1, b"", rsv=4)),
    (1002, frame(9, b"x" * 126)),
    (1002, frame(0, b"x")),
    (1009, frame(2, b"x" * 65537)),
    (1009, frame(2, b"x" * 40000, fin=False) + frame(0, b"x" * 30000)),
    (1000, frame(8, struct.pack(">H", 1000))),
    (4000, frame(8, struct.pack(">H", 4000) + b"bye")),
    (None, frame(8)),
]


def test_what_breaks_the_protocol_is_closed_with_its_code():
    with tt.Daemon(tree()) as d:
        _, port = doors(d)
        for code, data in WRONG:
            with Viewer(port) as v:
                v.send(frame(1, b"x" * 65536) + data)
                assert v.end() == code, (code, data[:20])
        assert d.stop() == 0
        assert d.last.sum("closes_total", node=VIEWER, reason="framing") == 6
        assert d.last.sum("closes_total", node=VIEWER, reason="oversize") == 2
        assert d.last.sum("closes_total", node=VIEWER, reason="peer") == 3


def test_pings_are_answered_between_messages():
    with tt.Daemon(tree()) as d:
        devices, port = doors(d)
        with Viewer(port) as v, tt.connect(devices) as s:
            for i in range(200):
                s.sendall(b"x" * 5000 + b"\n")
                v.send(frame(9, b"%d" % i))
            got = 0
            while got < 200 or v.pongs == 0:
                got += len(v.message()) == 5000
        assert d.stop() == 0


def test_at_a_stop_they_get_what_waits_and_1001():
    with tt.Daemon(tree()) as d:
        devices, port = doors(d)
        with Viewer(port) as v:
            tt.send_and_close(devices, b"last words\n" * 100)
            stopped = threading.Thread(target=d.stop)
            stopped.start()
            assert [v.message() for _ in range(100)] == [b"last words"] * 100
            assert v.end() == 1001
            v.sock.close()
            stopped.join()
        assert d.process.returncode == 0
        d.last.check()


def dribble(v):
    """Sends a request byte by byte, never fast enough."""
    v.sock.settimeout(0.3)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        for byte in request() * 2:
            v.send(bytes([byte]))
            try:
                if v.sock.recv(1) == b"":
                    return
            except TimeoutError:
                pass


def answer_pings(v, pings):
    opcode, _ = v.frame()
    while opcode == 9:
        pings.append(time.monotonic())
        v.send(frame(10))
        opcode, _ = v.frame()


def test_the_silent_are_closed_after_10_s_and_the_deaf_after_30():
    """The one that answers pings stays."""
    with tt.Daemon(tree()) as d:
        devices, port = doors(d)
        with Viewer(port, False) as silent, Viewer(port, False) as slow, Viewer(port) as deaf, Viewer(port) as good:
            began, pings = time.monotonic(), []
            helpers = [threading.Thread(target=dribble, args=(slow,)),
                       threading.Thread(target=answer_pings, args=(good, pings))]
            for t in helpers:
                t.start()
            assert silent.rest() == b""
            assert time.monotonic() - began >= 9
            helpers[0].join(tt.DEADLINE)
            assert not helpers[0].is_alive()
            deaf.rest()
            assert time.monotonic() - began >= 29
            tt.send_and_close(devices, b"still here\n")
            helpers[1].join(tt.DEADLINE)
            assert not helpers[1].is_alive() and len(pings) >= 2
        assert d.count("it did not ask within 10 s") == 2
        assert d.stop() == 0
        assert d.last.sum("closes_total", node=VIEWER, reason="idle_timeout") == 1


# --- the slow, the stuck, and those who come and go -----------------------------------

class Flow:
    """A device that sends numbered frames until it is told to stop."""

    def __init__(self, port, size=FRAME):
        self.sock = tt.connect(port)
        self.size, self.sent, self.on = size, 0, True
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while self.on:
            block = b"".join((b"%09d " % (self.sent + i)).ljust(self.size - 1, b".") + b"\n" for i in range(400))
            self.sock.sendall(block)
            self.sent += 400

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.on = False
        self.thread.join()
        self.sock.close()


def rate(flow, seconds):
    """Frames a second that the device can send."""
    first, began = flow.sent, time.monotonic()
    time.sleep(seconds)
    return (flow.sent - first) / (time.monotonic() - began)


def test_stuck_and_slow_viewers_cost_nobody_anything():
    """Fifty that never read, fifty that read little; the device, the database and a good
    viewer go on, and what was missed is counted."""
    limits = "queue: {bytes: 2MiB}, batch: newline"
    with tt.Daemon(tree(sub=limits, database=True, daemon="memory: 64MiB")) as d:
        devices, port = doors(d)
        good = Viewer(port)
        got, last = [0], [0]

        def read():
            with contextlib.suppress(EOFError, OSError):
                while True:
                    lines = good.message().split(b"\n")[:-1]
                    numbers = [int(x[:9]) for x in lines]
                    assert numbers == sorted(numbers) and numbers[0] >= last[0]
                    got[0] += len(lines)
                    last[0] = numbers[-1]
        reader = threading.Thread(target=read)
        reader.start()
        stuck = [Viewer(port, window=4096) for _ in range(50)]
        slow = [Viewer(port, window=4096) for _ in range(50)]
        with Flow(devices) as flow:
            tt.until("a good viewer", lambda: got[0] > 10000)
            before = flow.sent
            tt.until("drops", lambda: d.stats().dropped(node=VIEWER, reason="drop_oldest") > 100000)
            for _ in range(20):
                for v in slow:
                    v.sock.recv(50)
            tt.until("more frames", lambda: flow.sent > before + 20000)
            tt.until("a good viewer that goes on", lambda: last[0] > before)
            peak = d.rss()
        tt.until("rows", lambda: d.rows("select count(*) from data") == [(flow.sent,)])
        d.stats().check()
        tt.until("the last frame", lambda: last[0] == flow.sent - 1)
        for v in stuck + slow:
            v.sock.close()
        assert d.stop() == 0
        reader.join()
        d.last.check()
        bound = int(tt.run("--check", d.file).stdout.rsplit("bound: ", 1)[1].split()[0])
        assert tt.SANITIZED or peak < bound, (peak, bound)


def test_a_slow_viewer_sees_whole_messages_and_its_gap():
    with tt.Daemon(tree(sub="format: json, queue: {bytes: 256KiB}")) as d:
        devices, port = doors(d)
        with Viewer(port, window=8192) as v:
            with Flow(devices, 1000) as flow:
                tt.until("drops", lambda: d.stats().dropped(node=VIEWER) > 5000)
            tt.until("all of it", lambda: d.stats().frames(MASTER, "in", "in") == flow.sent)
            before, gaps, numbers = None, 0, []
            while not numbers or numbers[-1] != flow.sent - 1:
                o = json.loads(v.message())
                numbers.append(int(o["text"][:9]))
                assert before is None or o["position"] > before
                gaps += before is not None and o["position"] != before + 1
                before = o["position"]
            assert gaps > 0
        assert d.stop() == 0
        d.last.check()
        assert d.last.frames(VIEWER, "in", "out") >= len(numbers)
        assert d.last.dropped(node=VIEWER, reason="drop_oldest") + len(numbers) >= flow.sent - 400


def descriptors(d):
    return len(os.listdir("/proc/%d/fd" % d.pid))


def read_on(v):
    with contextlib.suppress(EOFError, OSError):
        while True:
            v.message()


def churn(port, seconds, each_second):
    """Comes and goes, in every state that there is."""
    ask, half = request(), request()[:40]
    began, n = time.monotonic(), 0
    while time.monotonic() - began < seconds:
        s = socket.create_connection(("127.0.0.1", port))
        kind = n % 5
        with contextlib.suppress(OSError):
            if kind == 1:
                s.sendall(half)
            elif kind > 1:
                s.sendall(ask)
            if kind > 2:
                s.recv(50)
            if kind == 4:
                s.sendall(frame(8, struct.pack(">H", 1000)))
            else:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", n % 2, 0))
        s.close()
        n += 1
        ahead = n / each_second - (time.monotonic() - began)
        if ahead > 0:
            time.sleep(ahead)
    return n


def test_those_who_come_and_go_leave_nothing_behind():
    with tt.Daemon(tree(sub="format: json, last: 10", database=True)) as d:
        devices, port = doors(d)
        idle = descriptors(d)
        good = Viewer(port)
        with Flow(devices) as flow:
            good.message()
            reader = threading.Thread(target=read_on, args=(good,))
            reader.start()
            churn(port, 2, 500)
            tt.until("the first to go", lambda: descriptors(d) < idle + 20)
            before, memory = descriptors(d), d.rss()
            n = churn(port, 6, 500)
            assert n > 100, n
            tt.until("the descriptors of those who went", lambda: descriptors(d) <= before)
            after = d.rss()
        good.sock.shutdown(socket.SHUT_RDWR)
        reader.join()
        tt.until("rows", lambda: d.rows("select count(*) from data") == [(flow.sent,)])
        assert d.stop() == 0
        d.last.check()
        assert tt.SANITIZED or after < memory + (6 << 20), (memory, after)


def test_five_hundred_viewers_at_once():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2000:
        raise tt.Skip("too few descriptors: %d" % hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2000), hard))
    with tt.Daemon(tree(sub="format: json")) as d:
        devices, port = doors(d)
        many = [Viewer(port) for _ in range(500)]
        assert {v.status for v in many} == {101}
        tt.send_and_close(devices, b"".join(b"%d\n" % i for i in range(100)))
        for v in many:
            assert [o["text"] for o in objects(v, 100)] == [str(i) for i in range(100)]
        for v in many:
            v.sock.close()
        assert d.stop() == 0
        d.last.check()
        assert d.last.frames(VIEWER, "in", "out") == 50000


def test_descriptors_run_out_and_come_again():
    with tt.Daemon(tree(), prefix=["prlimit", "--nofile=60"]) as d:
        _, port = doors(d)
        many = [Viewer(port, False) for _ in range(80)]
        d.wait_log("cannot accept")
        for v in many:
            v.sock.close()

        def again():
            with Viewer(port) as v:
                return v.status == 101
        tt.until("a viewer", again)
        assert d.stop() == 0


# --- TLS ---------------------------------------------------------------------------

def context(c, certificate=None):
    """A viewer's side, of the certificates C."""
    mine = ssl.create_default_context(cafile=c.ca)
    if certificate:
        mine.load_cert_chain(*certificate)
    mine.set_alpn_protocols(["h2", "http/1.1"])     # as a browser does
    return mine


def tls(c, more=""):
    return 'tls: {cert: "%s", key: "%s"%s}' % (*c.server, more)


def test_tls():
    with Certificates() as c, tt.Daemon(tree(tls(c), "format: json")) as d:
        devices, port = doors(d)
        with Viewer(port, context=context(c)) as v, Viewer(port, context=context(c), window=4096) as w:
            tt.send_and_close(devices, b"".join(b"%d " % i + b"x" * 3000 + b"\n" for i in range(1000)))
            for viewer in (v, w):
                assert [int(o["text"].split()[0]) for o in objects(viewer, 1000)] == list(range(1000))
            v.send(frame(8, struct.pack(">H", 1000)))
            assert v.end() == 1000
        with Viewer(port, context=context(c), ask=request("/no")) as v:
            assert v.status == 404
        with Viewer(port, False) as plain:
            plain.send(request())
            assert plain.rest()[:4] != b"HTTP"
        half = Viewer(port, False)		# a handshake of TLS that does not go on
        half.send(b"\x16\x03\x01")
        assert d.stop() == 0
        d.last.check()


def test_tls_with_stuck_viewers():
    with Certificates() as c, tt.Daemon(tree(tls(c), "batch: newline, queue: {bytes: 1MiB}")) as d:
        devices, port = doors(d)
        stuck = [Viewer(port, context=context(c), window=4096) for _ in range(10)]
        with Flow(devices) as flow:
            tt.until("drops", lambda: d.stats().dropped(node=VIEWER) > 20000)
        # They wake up, and what they see is whole and in order.
        tt.until("all of it", lambda: d.stats().frames(MASTER, "in", "in") == flow.sent)
        for v in stuck[:3]:
            last = -1
            while last != flow.sent - 1:
                numbers = [int(x[:9]) for x in v.message().split(b"\n")[:-1]]
                assert numbers == sorted(numbers) and numbers[0] > last
                last = numbers[-1]
        for v in stuck:
            v.sock.close()
        assert d.stop() == 0
        d.last.check()


def test_a_viewer_needs_a_certificate_where_client_ca_says_so():
    with Certificates() as c, tt.Daemon(tree(tls(c, ', client_ca: "%s"' % c.ca))) as d:
        _, port = doors(d)
        with Viewer(port, context=context(c, c.client)) as v:
            assert v.status == 101
        with contextlib.suppress(ssl.SSLError, OSError):
            with Viewer(port, context=context(c)) as v:
                assert v.status is None
        assert d.stop() == 0


def test_a_file_of_tls_that_cannot_be_read_ends_the_start():
    with Certificates() as c:
        for key, said in (("/nonexistent", "cannot read tls.key"), (c.client[1], "files of tls")):
            with tt.Daemon(tree('tls: {cert: "%s", key: "%s"}' % (c.server[0], key)), ready=False) as d:
                assert d.wait() == 1
                assert d.find(said), d.lines


# --- other clients ------------------------------------------------------------------

def test_python_websockets():
    try:
        import websockets
    except ImportError as e:
        raise tt.Skip("python3-websockets is not installed: %s" % e)

    async def look(port, devices):
        async with websockets.connect("ws://127.0.0.1:%d/live" % port, subprotocols=["taskthread", "bearer.s3cret"],
                                      max_size=None) as ws:
            assert ws.subprotocol == "taskthread"
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(None, tt.send_and_close, devices, b"a\nb\n" + b"c" * 100000 + b"\n")
            got = [json.loads(await ws.recv())["text"] for _ in range(3)]
            assert got == ["a", "b", "c" * 100000]
            await (await ws.ping())
            await ws.send("x" * 1000)
            await ws.send(b"y" * 65536)
            await ws.close(4001, "done")
            assert ws.close_code == 4001
        async with websockets.connect("ws://127.0.0.1:%d/live" % port, subprotocols=["taskthread", "bearer.s3cret"],
                                      compression=None) as ws:
            await ws.send(b"y" * 65537)
            await ws.wait_closed()
            assert ws.close_code == 1009, ws.close_code
        try:
            await websockets.connect("ws://127.0.0.1:%d/live" % port)
            raise AssertionError("without the token")
        except websockets.InvalidStatusCode as e:
            assert e.status_code == 401
    with tt.Daemon(tree("path: /live\ntoken: s3cret", "format: json")) as d:
        devices, port = doors(d)
        asyncio.run(asyncio.wait_for(look(port, devices), tt.DEADLINE))
        assert d.stop() == 0
        d.last.check()


# --- a page in a browser -------------------------------------------------------------

class Page:
    """A tab of headless Chromium at URL, asked by its DevTools protocol."""

    def __init__(self, url):
        import websockets
        self.connect = websockets.connect
        self.dir = tt.directory()
        chromium = shutil.which("chromium")
        if chromium is None:
            raise tt.Skip("chromium is not installed")
        self.process = subprocess.Popen(
            [chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--remote-debugging-port=0", "--user-data-dir=" + self.dir, url],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)

    def __enter__(self):
        active = os.path.join(self.dir, "DevToolsActivePort")
        tt.until("chromium", lambda: os.path.exists(active) and open(active).read().count("\n"), 3 * tt.DEADLINE)
        port = open(active).read().split("\n")[0]

        def tab():
            with urllib.request.urlopen("http://127.0.0.1:%s/json" % port) as r:
                found = [t for t in json.load(r) if t["type"] == "page" and t["url"].startswith("http")]
                return found and found[0]["webSocketDebuggerUrl"]
        self.url = tt.until("the page", tab)
        return self

    def __exit__(self, *_):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def ask(self, expression):
        async def one():
            async with self.connect(self.url, max_size=None) as ws:
                await ws.send(json.dumps({"id": 1, "method": "Runtime.evaluate", "params": {
                    "expression": expression, "returnByValue": True}}))
                while True:
                    answer = json.loads(await ws.recv())
                    if answer.get("id") == 1:
                        return answer["result"]["result"].get("value")
        return asyncio.run(one())


def test_a_page_shows_live_frames():
    try:
        import websockets                  # noqa: F401
    except ImportError as e:
        raise tt.Skip("python3-websockets is not installed: %s" % e)
    handler = functools.partial(Quiet, directory=os.path.join(tt.TOP, "config/examples"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    texts = '[...document.querySelectorAll("tr.frame td:last-child")].map(td => td.textContent)'
    with tt.Daemon(tree("path: /live\ntoken: s3cret", "format: json, last: 2")) as d:
        devices, port = doors(d)
        with tt.connect(devices) as s:
            s.sendall(b"too early\nbefore\n<b>just before</b>\n")
            tt.until("frames", lambda: d.stats().frames(MASTER, "in", "in") == 3)
            with Page("http://localhost:%d/live.html#%d:s3cret" % (server.server_port, port)) as page:
                tt.until("the last frames", lambda: page.ask(texts) == ["<b>just before</b>", "before"])
                assert page.ask('document.getElementById("state").textContent') == "live"
                s.sendall(b"live\n")
                tt.until("a live frame", lambda: (page.ask(texts) or [None])[0] == "live")
                assert page.ask('document.querySelectorAll("tr.gap").length') == 0
            # One with a wrong token does not look.
            with Page("http://127.0.0.1:%d/live.html#%d:wrong" % (server.server_port, port)) as page:
                d.wait_log("401, without the token")
                tt.until("its end", lambda: "not connected" in (page.ask(
                    'document.getElementById("state").textContent') or ""))
        assert d.stop() == 0
        d.last.check()
    server.shutdown()
    server.server_close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


if __name__ == "__main__":
    tt.main()
