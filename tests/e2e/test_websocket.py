#!/usr/bin/python3
"""The websocket client: formats, batches, acknowledgements, refusals, TLS, its manners."""
import base64
import json
import os
import socket
import ssl
import struct
import subprocess
import tempfile
import threading

import tt

FAST = "connect_timeout: 2s, ack_timeout: 2s, backoff: 20ms..100ms"
TEXT = [b"one", b"", b"t\xc3\xbcr", b"tab\tquote\"back\\slash", b"nul\0in it", b"\xff\xfe no text"]


def tree(*args, **more):
    """Its frames wait in memory only: a stop waits until they are confirmed."""
    return tt.tree(*args, **dict({"master": "spool: off"}, **more))


def send(d, frames):
    tt.send_and_close(d.port, b"".join(tt.length_frame(f) for f in frames))


def check_text(o, frame):
    try:
        text = frame.decode()
        assert o["text"] == text and "base64" not in o
    except UnicodeDecodeError:
        assert base64.b64decode(o["base64"], validate=True) == frame and "text" not in o


# --- formats -----------------------------------------------------------------

def lines_of(messages):
    assert all(m.endswith(b"\n") for m in messages)
    return [line for m in messages for line in m[:-1].split(b"\n")]


def lengths_of(messages):
    out = []
    for m in messages:
        at = 0
        while at < len(m):
            n, = struct.unpack_from(">I", m, at)
            out.append(m[at + 4:at + 4 + n])
            assert len(out[-1]) == n
            at += 4 + n
    return out


def through(sub, frames, count=None):
    """Sends FRAMES to a destination with the options SUB; returns it and its daemon."""
    with tt.Destination() as dest:
        with tt.Daemon(tree(tt.LENGTH, urls=[dest.url], sub=sub, database=""),
                       ready=True) as d:
            send(d, frames)
            assert d.stop() == 0, d.lines[-5:]
            d.last.check()
        assert dest.errors == []
        return dest, d


def test_raw():
    frames = [b"", b"x", b"y" * 125, b"y" * 126, b"z" * 65535, b"z" * 65536, os.urandom(1 << 20)]
    dest, _ = through("format: raw", frames)
    assert dest.messages == [(2, f) for f in frames]


def test_raw_lines():
    frames = [b"", b"x", b"y" * 40000, b"z" * 10] * 3
    dest, _ = through("batch: newline", frames)
    assert {o for o, _ in dest.messages} == {2}
    assert lines_of(dest.payloads) == frames
    assert len(dest.messages) < len(frames)


def test_raw_lengths():
    frames = [b"", b"x", b"y\n\0" * 10000, b"z" * 100] * 5
    dest, _ = through("batch: length", frames)
    assert {o for o, _ in dest.messages} == {2}
    assert lengths_of(dest.payloads) == frames


def test_json():
    for batch in ("none", "newline"):
        dest, d = through("format: json, batch: " + batch, TEXT)
        assert {o for o, _ in dest.messages} == {1}
        objects = lines_of(dest.payloads) if batch == "newline" else dest.payloads
        assert len(objects) == len(TEXT)
        for i, (line, frame) in enumerate(zip(objects, TEXT)):
            pairs = json.loads(line, object_pairs_hook=list)
            assert [k for k, _ in pairs][:7] == ["gateway", "node", "channel", "connection", "seq", "time", "peer"]
            o = dict(pairs)
            check_text(o, frame)
            assert o["gateway"] == socket.gethostname()
            assert o["node"] == "MasterThread/TCPServerThread/TCPConnectionThread"
            assert o["channel"] == "data" and o["seq"] == i + 1
            assert o["peer"].startswith("127.0.0.1:") and len(o["time"]) == 30 and o["time"][-1] == "Z"
            assert len(pairs) == 8


def test_a_batch_does_not_exceed_max_message():
    frames = [b"%04d" % i + b"." * 96 for i in range(2000)]
    dest, _ = through("batch: newline, max_message: 1010", frames)
    assert max(len(m) for m in dest.payloads) == 1010
    assert lines_of(dest.payloads) == frames


def test_what_cannot_be_sent_is_refused_and_the_rest_flows():
    frames = [b"fits", b"x" * 21, b"x" * 20, b"y" * 30, b"end"]
    with tt.Destination() as dest:
        with tt.Daemon(tree(tt.LENGTH, urls=[dest.url], sub="max_message: 20")) as d:
            send(d, frames)
            assert d.stop() == 0
            last = d.last.check()
            assert last.sum("refused_frames_total", reason="max_message") == 2
            assert last.dropped(reason="max_message") == 2
            m = d.find(r"frame refused \(max_message\): connection (\d+), seq 2, 21 bytes")
            assert d.rows("select id from connection") == [(int(m.group(1)),)]
            assert len(d.rows("select 1 from data")) == 5
        assert dest.payloads == [b"fits", b"x" * 20, b"end"]


def test_a_line_with_an_lf_inside_is_refused_and_ends_a_message():
    dest, d = through("batch: newline", [b"a", b"b\nc", b"d"])
    assert dest.payloads == [b"a\n", b"d\n"]
    assert d.last.dropped(reason="newline") == 1


def test_max_message_below_the_largest_frame_is_a_warning():
    with tempfile.TemporaryDirectory() as directory:
        name = os.path.join(directory, "x.yaml")
        with open(name, "w") as f:
            f.write(tree("{type: newline, max: 5000}", urls=["ws://x/"], sub="max_message: 5000, batch: newline")
                    .replace("@DIR@", directory))
        r = tt.run("--check", name)
        assert r.returncode == 0 and "warning" in r.stderr and "5001" in r.stderr, r.stderr


# --- acknowledgements --------------------------------------------------------

def prefix(message):
    return struct.unpack(">Q", message[:8])[0]


def test_sequence_is_confirmed_by_the_destination():
    held = []

    def answer(message):
        held.append(prefix(message[1]))
        return "ack %d" % held[-1] if len(held) % 7 == 0 else None
    with tt.Destination(answer=answer) as dest:
        with tt.Daemon(tree(tt.LENGTH, urls=[dest.url], sub="ack: sequence, " + FAST, connection="ack: count64",
                               database="")) as d:
            s = tt.connect(d.port)
            s.sendall(b"".join(tt.length_frame(b"%d" % i) for i in range(7)))
            # a count comes when the seventh has been acknowledged, whole batches at a time
            count = 0
            while count < 7:
                count, = struct.unpack(">Q", s.recv(8, socket.MSG_WAITALL))
            s.close()
            assert d.stop() == 0
            d.last.check()
        assert [m[8:] for m in dest.payloads] == [b"%d" % i for i in range(7)]
        assert held == list(range(held[0], held[0] + 7))


def test_without_its_acknowledgement_frames_come_again():
    with tt.Destination() as dest:
        with tt.Daemon(tree(tt.LENGTH, urls=[dest.url], sub="ack: sequence, ack_timeout: 500ms, "
                               "backoff: 20ms..50ms")) as d:
            send(d, [b"again"])
            tt.until("the frame three times", lambda: len(dest.messages) >= 3)
            assert len({p for p in dest.payloads}) == 1
            dest.answer = lambda m: "ack %d" % prefix(m[1])
            assert d.stop() == 0
            last = d.last.check()
            assert last.sum("resent_frames_total") >= 2


def test_an_acknowledgement_of_an_earlier_connection_counts():
    with tt.Destination() as dest:
        with tt.Daemon(tree(tt.LENGTH, urls=[dest.url], sub="ack: sequence, " + FAST)) as d:
            send(d, [b"1", b"2", b"3"])
            tt.until("three frames", lambda: len(dest.messages) >= 3)
            third = prefix(dest.payloads[2])
            answers = iter(["ack %d" % third, "ack %d" % (third - 2)])     # a smaller one is ignored
            dest.answer = lambda m: next(answers, None)
            dest.set("good")            # a new connection, which begins with the first frame
            tt.until("a resent frame", lambda: len(dest.messages) >= 4)
            assert d.stop() == 0
            assert d.last.check().frames("WebsocketMasterThread", "in", "out") == 3
        assert dest.closes == [1001], dest.closes


def bad_answer(text, words, opcode=1):
    with tt.Destination() as dest:
        with tt.Daemon(tree(tt.LENGTH, urls=[dest.url], sub="ack: sequence, " + FAST)) as d:
            dest.answer = text if callable(text) else lambda m: text
            send(d, [b"x"])
            tt.until("a close with 1008", lambda: 1008 in dest.closes)
            d.wait_log(words)
            dest.answer = lambda m: "ack %d" % prefix(m[1])
            tt.until("the rest to be confirmed",
                     lambda: d.stats().frames("WebsocketMasterThread", "in", "out") == 1)
            assert d.stop() == 0
            d.last.check()


def test_what_is_no_acknowledgement_closes_with_1008():
    for text in ("hello", "ack", "ack -1", "ack 1 ", "ack 99999999999999999999", "ack " + "1" * 100):
        bad_answer(text, "no `ack N`")


def test_more_than_64_kib_are_too_much_for_an_acknowledgement():
    with tt.Destination() as dest:
        with tt.Daemon(tree(tt.LENGTH, urls=[dest.url], sub="ack: sequence, " + FAST)) as d:
            dest.answer = lambda m: "ack " + "1" * 65533
            send(d, [b"x"])
            tt.until("a close with 1009", lambda: dest.closes == [1009])
            dest.answer = lambda m: "ack " + "1" * 65532
            tt.until("a close with 1008", lambda: 1008 in dest.closes)


def test_what_was_never_sent_cannot_be_acknowledged():
    bad_answer(lambda m: "ack %d" % (prefix(m[1]) + 1), "never sent")
    bad_answer("ack 18446744073709551615", "never sent")


def test_none_is_confirmed_by_the_socket():
    with tt.Destination("no_pong") as dest:
        with tt.Daemon(tree(tt.LENGTH, urls=[dest.url], sub="ack: none", database="")) as d:
            send(d, [b"%d" % i for i in range(1000)])
            tt.until("all", lambda: len(dest.messages) == 1000)
            assert d.stop() == 0
            d.last.check()
        assert dest.pings == []


def test_count64_needs_a_destination_that_confirms():
    with tempfile.TemporaryDirectory() as directory:
        name = os.path.join(directory, "x.yaml")
        with open(name, "w") as f:
            f.write(tree(urls=["ws://x/"], sub="ack: none", connection="ack: count64", database="")
                    .replace("@DIR@", directory))
        assert tt.run("--check", name).returncode == 78


def test_a_ping_is_the_position_and_one_is_outstanding():
    with tt.Destination("no_pong") as dest:
        with tt.Daemon(tree(tt.LENGTH, urls=[dest.url], sub="format: envelope")) as d:
            send(d, [b"x"])
            tt.until("repeated pings", lambda: len(dest.pings) >= 3)
            position, = struct.unpack_from(">Q", dest.payloads[0], 8)
            assert struct.unpack(">Q", dest.pings[-1]) == (position,)
            dest.set("good")
            assert d.stop() == 0


# --- several destinations and channels ---------------------------------------

def test_a_destination_that_is_away_does_not_hold_up_another():
    with tt.Destination() as good, tt.Destination("away") as away:
        with tt.Daemon(tree(tt.LENGTH, urls=[good.url, away.url], sub=FAST)) as d:
            send(d, [b"%d" % i for i in range(100)])
            tt.until("all at the good one", lambda: len(good.messages) == 100)
            assert d.stats().check().waiting("WebsocketMasterThread", "in") == 100
            away.set("good")
            tt.until("all at the other", lambda: len(away.messages) >= 100)
            assert d.stop() == 0
        assert good.payloads == [b"%d" % i for i in range(100)]
        assert list(dict.fromkeys(away.payloads)) == good.payloads


TWO_CHANNELS = """
MasterThread:
  TCPServerThread a:
    UP: data
    listen: 127.0.0.1:0
    TCPConnectionThread: {UP: data, DataProcessorThread: {framing: newline}}
  TCPServerThread b:
    UP: alarms
    listen: 127.0.0.1:0
    TCPConnectionThread: {UP: alarms, DataProcessorThread: {UP: alarms, framing: newline}}
  WebsocketMasterThread:
    IN: [data, alarms]
    spool: off
    WebSocketSubThread all: {IN: [data, alarms], url: "%s", format: json}
    WebSocketSubThread alarms: {IN: alarms, url: "%s", format: json, batch: newline}
"""


def test_each_destination_gets_its_channels():
    with tt.Destination() as both, tt.Destination() as alarms:
        with tt.Daemon(TWO_CHANNELS % (both.url, alarms.url)) as d:
            ports = tt.until("two listeners", lambda: len(d.ports) == 2 and d.ports)
            for i in range(20):
                for port in ports:
                    tt.send_and_close(port, b"%d\n" % i)
            assert d.stop() == 0
            d.last.check()
        objects = [json.loads(m) for m in both.payloads]
        assert len(objects) == 40 and {o["channel"] for o in objects} == {"data", "alarms"}
        lines = [json.loads(x) for x in lines_of(alarms.payloads)]
        assert sorted(int(o["text"]) for o in lines) == list(range(20))    # each of another device
        assert {o["channel"] for o in lines} == {"alarms"}


def test_drop_oldest_keeps_the_newest_and_counts():
    with tt.Destination("away") as dest:
        # Of several workers the order of different devices is nobody's.
        text = tree(urls=[dest.url], sub=FAST, database="", daemon="workers: 1").replace(
            "    spool: off\n", "    spool: off\n    queue: {frames: 10, when_full: drop_oldest}\n")
        with tt.Daemon(text) as d:
            for i in range(50):
                tt.send_and_close(d.port, b"%d\n" % i)
            stats = tt.until("forty to be dropped", lambda: (s := d.stats()).dropped(reason="drop_oldest") == 40 and s)
            assert stats.check().waiting("WebsocketMasterThread", "in") == 10
            dest.set("good")
            assert d.stop() == 0
            d.last.check()
        assert dest.payloads == [b"%d" % i for i in range(40, 50)]


# --- manners -----------------------------------------------------------------

def test_headers_and_subprotocol_are_sent():
    with tt.Destination(subprotocol="ingest.v1") as dest:
        with tt.Daemon(tree(urls=[dest.url + "?site=7"], sub='subprotocol: ingest.v1, headers: '
                               '{Authorization: "Bearer s3cret", X-Site: "7 8"}')) as d:
            send_one(d)
            assert d.stop() == 0
            assert not d.find("s3cret|site=7")
        lines = dest.requests[0].split("\r\n")
        assert lines[0] == "GET /ingest?site=7 HTTP/1.1"
        for line in ("Host: 127.0.0.1:%d" % dest.port, "Authorization: Bearer s3cret", "X-Site: 7 8",
                     "Sec-WebSocket-Protocol: ingest.v1", "Sec-WebSocket-Version: 13"):
            assert line in lines, lines
        assert not any("Extensions" in x for x in lines)


def send_one(d):
    tt.send_and_close(d.port, b"x\n")


def test_the_name_is_looked_up_and_kept():
    with tt.Destination() as dest:
        with tt.Daemon(tree(urls=["ws://localhost:%d/" % dest.port])) as d:
            send_one(d)
            assert d.stop() == 0
        assert dest.payloads == [b"x"]
        assert "Host: localhost:%d" % dest.port in dest.requests[0]


def test_a_name_that_is_not_there_is_said_once():
    with tt.Daemon(tree(urls=["ws://no-such-host.invalid/"], sub="backoff: 10ms..20ms")) as d:
        d.wait_log("cannot find no-such-host.invalid")
        send_one(d)
        tt.until("the row", lambda: d.rows("select 1 from data"))
        assert d.count("cannot find") == 1


def test_it_says_goodbye():
    with tt.Destination() as dest, tt.Daemon(tree(urls=[dest.url])) as d:
        d.wait_log("connected to")
        assert d.stop() == 0
        tt.until("its close", lambda: dest.closes == [1001])


def test_news_of_a_destination_are_said_once():
    with tt.Destination("away") as dest:
        with tt.Daemon(tree(urls=[dest.url], sub="backoff: 5ms..10ms")) as d:
            d.wait_log("no connection to .*refused")
            dest.set("403")
            d.wait_log("no connection to .*403")
            n = dest.connects
            tt.until("more attempts", lambda: dest.connects > n + 10)
            dest.set("good")
            d.wait_log("connected to")
            assert d.count("no connection to .*refused") <= 2
            assert d.count("no connection to .*403") == 1
            assert d.count("connected to") == 1


def test_a_peer_s_text_is_escaped_in_the_log():
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        import hashlib
        s, _ = listener.accept()
        head = b""
        while b"\r\n\r\n" not in head:
            head += s.recv(4096)
        key = [x.split(b": ")[1] for x in head.split(b"\r\n") if x.startswith(b"Sec-WebSocket-Key")][0]
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        s.sendall(b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
                  accept + b"\r\n\r\n" + b"\x88\x0c\x03\xf3bad\x1b[31m\n!")
        s.recv(1 << 16)
    threading.Thread(target=serve, daemon=True).start()
    with tt.Daemon(tree(urls=["ws://127.0.0.1:%d/" % listener.getsockname()[1]])) as d:
        line = d.wait_log("closed by the destination: 1011").string
        assert "\x1b" not in line and "bad" in line, line
    listener.close()


def test_inbound_floods_close_with_1009_and_cost_no_memory():
    closes = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        import hashlib
        while True:
            try:
                s, _ = listener.accept()
            except OSError:
                return
            head = b""
            while b"\r\n\r\n" not in head:
                head += s.recv(4096)
            key = [x.split(b": ")[1] for x in head.split(b"\r\n") if x.startswith(b"Sec-WebSocket-Key")][0]
            accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
            s.sendall(b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
                      accept + b"\r\n\r\n" + b"\x82\x7f" + struct.pack(">Q", 1 << 40))
            try:
                for _ in range(3):
                    s.sendall(bytes(65536))
                while True:
                    data = s.recv(65536)
                    if not data:
                        break
                    i = data.find(b"\x88\x82")
                    if i >= 0:
                        key = data[i + 2:i + 6]
                        closes.append(struct.unpack(">H", bytes(a ^ b for a, b in zip(data[i + 6:i + 8], key)))[0])
            except OSError:
                pass
            s.close()
    threading.Thread(target=serve, daemon=True).start()
    with tt.Daemon(tree(urls=["ws://127.0.0.1:%d/" % listener.getsockname()[1]])) as d:
        tt.until("a close with 1009", lambda: 1009 in closes)
        d.wait_log("more than 64 KiB")
    listener.close()


def test_it_works_beside_thousands_of_descriptors():
    with tt.Destination() as dest:
        with tt.Daemon(tree(urls=[dest.url], sub=FAST, server="max_connections: 5000"),
                       prefix=["prlimit", "--nofile=8192"]) as d:
            idle = [tt.connect(d.port) for _ in range(800)]
            tt.until("that many descriptors", lambda: len(os.listdir("/proc/%d/fd" % d.pid)) > 800)
            for _ in range(3):
                dest.set("good")            # a new connection, with a high number
                n = len(dest.messages)
                send_one(d)
                tt.until("one more frame", lambda n=n: len(dest.messages) > n)
            for s in idle:
                s.close()
            assert d.stop() == 0


# --- TLS ---------------------------------------------------------------------

def make_certificate(directory, name, subject, issuer=None, san=None):
    """A key and a certificate, signed by ISSUER or by itself."""
    key, crt = (os.path.join(directory, name + x) for x in (".key", ".crt"))
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
               "-days", "2", "-keyout", key, "-out", crt, "-subj", "/CN=" + subject]
    if san:
        command += ["-addext", "subjectAltName=" + san]
    if issuer:
        command += ["-CA", os.path.join(directory, issuer + ".crt"), "-CAkey", os.path.join(directory, issuer + ".key"),
                    "-addext", "basicConstraints=CA:FALSE"]
    subprocess.run(command, check=True, capture_output=True)
    return crt, key


def context(crt, key, ca=None):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.load_cert_chain(crt, key)
    if ca:
        c.load_verify_locations(ca)
        c.verify_mode = ssl.CERT_REQUIRED
    return c


class Certificates:
    def __enter__(self):
        self.dir = tempfile.TemporaryDirectory()
        d = self.dir.name
        self.ca, _ = make_certificate(d, "ca", "our authority")
        self.server = make_certificate(d, "server", "localhost", "ca", "DNS:localhost")
        self.client = make_certificate(d, "client", "gateway 7", "ca")
        return self

    def __exit__(self, *_):
        self.dir.cleanup()


def url(dest, host="localhost"):
    return "wss://%s:%d/ingest" % (host, dest.port)


def test_tls_to_a_destination_of_our_own_authority():
    with Certificates() as c, tt.Destination(context=context(*c.server)) as dest:
        frames = [os.urandom(300) for _ in range(2000)] + [os.urandom(500000)]
        with tt.Daemon(tree(tt.LENGTH, urls=[url(dest)], sub='tls: {ca: "%s"}' % c.ca)) as d:
            send(d, frames)
            assert d.stop() == 0, d.lines[-5:]
            d.last.check()
        assert dest.payloads == frames and dest.errors == []


def refused(dest, host, sub, why):
    with tt.Daemon(tree(urls=[url(dest, host)], sub=sub)) as d:
        send_one(d)
        d.wait_log("no connection to .*: its certificate: .*" + why)
        tt.until("the row", lambda: d.rows("select 1 from data"))
        assert d.count("connected to") == 0
    assert dest.messages == []


def test_an_unknown_authority_is_refused():
    with Certificates() as c, tt.Destination(context=context(*c.server)) as dest:
        refused(dest, "localhost", "", "issuer")


def test_another_name_is_refused():
    with Certificates() as c, tt.Destination(context=context(*c.server)) as dest:
        refused(dest, "127.0.0.1", 'tls: {ca: "%s"}' % c.ca, "mismatch")


def test_verification_can_be_turned_off():
    with Certificates() as c, tt.Destination(context=context(*c.server)) as dest:
        with tt.Daemon(tree(urls=[url(dest, "127.0.0.1")], sub="tls: {verify: off}")) as d:
            send_one(d)
            assert d.stop() == 0
        assert dest.payloads == [b"x"]


def test_a_client_s_certificate_is_shown():
    with Certificates() as c, tt.Destination(context=context(*c.server, ca=c.ca)) as dest:
        with tt.Daemon(tree(urls=[url(dest)], sub='tls: {ca: "%s", cert: "%s", key: "%s"}' %
                               (c.ca, *c.client))) as d:
            send_one(d)
            assert d.stop() == 0
        assert dest.payloads == [b"x"]


def test_a_proxy_of_the_environment_is_not_used_and_no_word_is_said_of_it():
    proxy = socket.create_server(("127.0.0.1", 0))
    proxy.setblocking(False)
    env = {name: "http://127.0.0.1:%d" % proxy.getsockname()[1] for name in ("http_proxy", "https_proxy", "all_proxy")}
    with Certificates() as c, tt.Destination(context=context(*c.server)) as dest, tt.Destination() as plain:
        text = tree(tt.LENGTH, urls=[url(dest), plain.url]).replace(
            'd0: {url: "%s"' % url(dest), 'd0: {url: "%s", tls: {ca: "%s"}' % (url(dest), c.ca))
        with tt.Daemon(text, env=env) as d:
            send(d, [b"x"])
            assert d.stop() == 0
            assert not d.find("warning|proxy"), d.lines
        assert dest.payloads == plain.payloads == [b"x"]
    try:
        proxy.accept()
        raise AssertionError("the proxy was asked")
    except BlockingIOError:
        proxy.close()


def test_a_file_of_tls_that_is_not_there_ends_the_start():
    d = tt.Daemon(tree(urls=["wss://localhost:1/"], sub="tls: {ca: /no/such/file}"), ready=False)
    with d:
        assert d.wait() == 1
        assert d.find("/no/such/file"), d.lines


# --- the file ----------------------------------------------------------------

WRONG = [
    ("ws://x/", "format: json, batch: length", "batch"),
    ("ws://x/", "format: envelope, batch: newline", "batch"),
    ("ws://x/", "tls: {verify: off}", "wss://"),
    ("wss://x/", "tls: {cert: a.pem}", "key"),
    ("wss://[::1]:9/", "", "IPv6"),
    ("ws://x/", 'headers: {"a b": c}', "header"),
    ("ws://x/", 'headers: {host: c}', "header"),
    ("ws://x/", 'headers: {sec-websocket-key: c}', "header"),
    ("ws://x/", 'headers: {a: "b\\r\\nc: d"}', "header"),
    ("ws://x/", 'subprotocol: "a b"', "subprotocol"),
    ("ws://%s/" % ("h" * 150), "", "url|host|name"),
    ("ws://x/" + "p" * 3000, "", "path"),
    ("ws://x/", "spool: off", "spool"),
    ("ws://x/", "ack_timeout: 1ms", "ack_timeout"),
]


def test_mistakes_in_the_file():
    import re
    with tempfile.TemporaryDirectory() as directory:
        name = os.path.join(directory, "x.yaml")
        for where, sub, words in WRONG:
            with open(name, "w") as f:
                f.write(tree(urls=[where], sub=sub).replace("@DIR@", directory))
            r = tt.run("--check", name)
            assert r.returncode == 78, (where[:30], sub, r.stdout, r.stderr)
            assert re.search(words, r.stderr), (sub, r.stderr)


if __name__ == "__main__":
    tt.main()
