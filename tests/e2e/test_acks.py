#!/usr/bin/python3
"""What the daemon has acknowledged to a device is safe, whatever happens to it."""
import collections
import contextlib
import random
import re
import select
import struct
import threading

import tt


# Frames of some size: a queue that is full then holds no more of them than a
# destination in Python takes in a moment.
PADDING = b"x" * 200


class Device(threading.Thread):
    """Sends numbered lines without end, and reads the counts that come back."""

    def __init__(self, port, name, bound=None):
        super().__init__(daemon=True)
        self.sock = tt.connect(port)
        self.name = name
        self.bound = bound              # frames to send; None: until the end
        self.sent = 0
        self.counts = []
        self.wrong = None
        self.start()

    @property
    def count(self):
        return self.counts[-1] if self.counts else 0

    def run(self):
        with contextlib.suppress(OSError):
            self.talk()
        self.sock.close()

    def talk(self):
        self.sock.setblocking(False)
        out, back, done = b"", b"", False
        while True:
            if not out and not done:
                n = 50 if self.bound is None else min(50, self.bound - self.sent)
                out = b"".join(b"%s %d %s\n" % (self.name.encode(), self.sent + i, PADDING) for i in range(n))
                self.sent += n
                if not out:
                    done = True
                    self.sock.shutdown(1)
            r, w, _ = select.select([self.sock], [self.sock] if out else [], [], tt.DEADLINE)
            if w:
                with contextlib.suppress(BlockingIOError):
                    out = out[self.sock.send(out):]
            if r:
                data = self.sock.recv(65536)
                if not data:
                    return
                back += data
                whole = len(back) // 8 * 8
                for (n,) in struct.iter_unpack(">Q", back[:whole]):
                    if n > self.sent or n <= self.count:
                        self.wrong = "count %d after %d, sent %d" % (n, self.count, self.sent)
                    self.counts.append(n)
                back = back[whole:]


def stored(d):
    """name -> numbers, in the order of the rows."""
    out = collections.defaultdict(list)
    for (p,) in d.rows("select payload from data order by id"):
        name, i, _ = p.decode().split()
        out[name].append(int(i))
    return out


def test_kill_9_at_random_moments_loses_nothing_acknowledged():
    rng = random.Random(20)
    acknowledged, sent = {}, {}
    text = tt.tree(connection="ack: count64\n      ack_interval: 5ms")
    with tt.Daemon(text) as first:
        first.kill()
        for life in range(20):
            with tt.Daemon(text, directory=first.dir) as d:
                devices = [Device(d.port, "%d-%d" % (life, i)) for i in range(8)]
                goal = rng.randint(0, 20000)
                tt.until("some counts", lambda ds=devices, g=goal: sum(x.count for x in ds) >= g)
                d.kill()
            for x in devices:
                x.join()
                assert x.wrong is None, x.wrong
                acknowledged[x.name], sent[x.name] = x.count, x.sent
        assert sum(acknowledged.values()) > 0
        with tt.Daemon(text, directory=first.dir) as d:     # what the next start finds
            assert d.stop() == 0
        have = stored(first)
    for name, n in acknowledged.items():
        got = have.get(name, [])
        assert got == list(range(len(got))), "%s: out of order or twice" % name
        assert n <= len(got) <= sent[name], "%s: %d acknowledged, %d stored, %d sent" % (name, n, len(got), sent[name])


def test_sigterm_under_load_keeps_everything_that_was_read():
    with tt.Destination() as dest:
        with tt.Daemon(tt.tree(urls=[dest.url], connection="ack: count64")) as d:
            devices = [Device(d.port, "d-%d" % i) for i in range(20)]
            tt.until("some counts", lambda: all(x.count > 500 for x in devices))
            assert d.stop() == 0, d.lines[-5:]
            last = d.last.check()
            for x in devices:
                x.join()
            have = stored(d)
        at_destination = collections.defaultdict(list)
        for p in dest.payloads:
            name, i, _ = p.decode().split()
            at_destination[name].append(int(i))
    for x in devices:
        assert x.wrong is None, x.wrong
        assert have[x.name] == list(range(len(have[x.name])))
        assert have[x.name] == at_destination[x.name]
        assert x.count == len(have[x.name]), "the last count, %d, is not all that was kept: %d" % (
            x.count, len(have[x.name]))
    assert last.frames("DataProcessorThread", "up", "in") == sum(map(len, have.values()))
    assert last.sum("closes_total", node="TCPConnectionThread", reason="stop") == 20


def test_the_last_count_comes_before_the_end():
    with tt.Daemon(tt.tree(connection="ack: count64")) as d:
        devices = [Device(d.port, "d-%d" % i, bound=n) for i, n in enumerate((0, 1, 7, 5000))]
        for x in devices:
            x.join()
            assert x.wrong is None and x.count == x.bound, (x.count, x.bound)
            assert len(stored(d)[x.name]) == x.bound
        assert d.stop() == 0


def test_a_broken_frame_gets_the_last_count_too():
    with tt.Daemon(tt.tree("{type: newline, max: 100}", connection="ack: count64")) as d:
        s = tt.connect(d.port)
        s.sendall(b"a\nb\n" + b"x" * 5000)
        data = tt.read_all(s)
        assert struct.unpack(">Q", data[-8:]) == (2,), data
        assert d.stop() == 0


def test_line_counts():
    with tt.Daemon(tt.tree(connection="ack: line")) as d:
        back = tt.send_and_close(d.port, b"a\nb\nc\n")
        assert re.fullmatch(rb"(ACK \d+\n)+", back) and back.endswith(b"ACK 3\n"), back
        assert tt.send_and_close(d.port, b"") == b""
        assert d.stop() == 0


def test_counts_wait_for_every_durable_user():
    with tt.Destination("no_pong") as dest:
        with tt.Daemon(tt.tree(urls=[dest.url], connection="ack: count64")) as d:
            x = Device(d.port, "d", bound=10)
            tt.until("the rows", lambda: len(stored(d)["d"]) == 10)
            tt.until("the messages", lambda: len(dest.messages) == 10 and dest.pings)
            assert x.counts == []
            dest.set("good", drop=True)
            x.join()
            assert x.count == 10
            assert d.stop() == 0
            d.last.check()


def test_without_ack_nothing_is_written():
    with tt.Daemon(tt.tree()) as d:
        assert tt.send_and_close(d.port, b"a\nb\n") == b""
        assert d.stop() == 0


if __name__ == "__main__":
    tt.main()
