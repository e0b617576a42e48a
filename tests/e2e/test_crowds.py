#!/usr/bin/python3
"""Many devices at once, and good ones beside them: nothing of theirs is lost or late
without end, and what the crowd took of the machine comes back."""
import contextlib
import os
import random
import resource
import socket
import struct
import threading

import tt

N = int(os.environ.get("CROWD", 1000))
TREE = tt.tree("{type: length, size: 4, max: 64KiB}", server="max_connections: 20000", connection="@CONNECTION@")


class Good(threading.Thread):
    """Five devices that send until they are told to stop."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.socks = [tt.connect(port) for _ in range(5)]
        self.sent, self.over = 0, threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(0.002):
            for s in self.socks:
                s.sendall(tt.length_frame(b"good%08d" % self.sent))
            self.sent += 1

    def stop(self):
        self.over.set()
        self.join()
        for s in self.socks:
            s.close()


def descriptors(d):
    return len(os.listdir("/proc/%d/fd" % d.pid))


def connections(d):
    return d.stats().sum("closes_total", node="TCPConnectionThread")


def source(i):
    """One address has too few ports for all that linger in TIME_WAIT."""
    return ("127.0.0.%d" % (2 + i % 200), 0)


def join(d, i):
    return socket.create_connection(("127.0.0.1", d.port), tt.DEADLINE, source(i))


@contextlib.contextmanager
def beside(connection=""):
    """A daemon with good devices, and the proof when the crowd has gone."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tt.Daemon(TREE.replace("@CONNECTION@", connection)) as d:
        good = Good(d.port)
        tt.until("the first row", lambda: d.rows("select 1 from data where seq = 1"))
        fds, rss = descriptors(d), d.rss()
        yield d
        sent = good.sent
        tt.until("the good go on", lambda: good.sent > sent)
        tt.until("no descriptor of the crowd", lambda: descriptors(d) <= fds)
        good.stop()
        assert d.rows("select count(*) from connection where closed_at is null")[0][0] <= 5
        if not tt.SANITIZED:
            tt.until("the memory back", lambda: d.rss() < rss + N * 512 + (4 << 20))
        assert d.stop() == 0
        d.last.check()
        rows = d.rows("select connection, count(*), min(seq), max(seq), max(cast(payload as text)) from data "
                      "where cast(payload as text) like 'good%' group by 1")
        assert [r[1:] for r in rows] == [(good.sent, 1, good.sent, "good%08d" % (good.sent - 1))] * 5, rows
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_silent_ones():
    with beside() as d:
        crowd = [join(d, i) for i in range(N)]
        tt.until("all of them", lambda: descriptors(d) >= N)
        for s in crowd:
            s.close()
    assert d.last.sum("closes_total", node="TCPConnectionThread", reason="peer") >= N


def test_those_that_come_and_go():
    def come(first):
        for i in range(first, 2 * N, 4):
            with join(d, i) as s:
                s.sendall(tt.length_frame(b"hello"))
    with beside() as d:
        comers = [threading.Thread(target=come, args=(i,)) for i in range(4)]
        for t in comers:
            t.start()
        for t in comers:
            t.join()
        tt.until("their ends", lambda: connections(d) == 2 * N)
        tt.until("their rows", lambda: d.rows("select count(*) from data where payload = x'68656c6c6f'") == [(2 * N,)])


def test_those_that_dribble():
    with beside() as d:
        crowd = [join(d, i) for i in range(N // 2)]
        for byte in struct.pack(">I", 100) + b"dribbled":
            for s in crowd:
                s.sendall(bytes([byte]))
        for s in crowd:
            s.close()
        tt.until("their ends", lambda: connections(d) == N // 2)
    assert d.last.sum("unfinished_bytes_total") == N // 2 * 12


def test_those_that_send_rubbish():
    rubbish = random.Random(5).randbytes(65536)
    with beside() as d:
        for i in range(N // 4):
            with join(d, i) as s, contextlib.suppress(OSError):
                s.sendall(b"\xff" + rubbish[i:])
                tt.wait_closed(s)
        tt.until("their ends", lambda: connections(d) == N // 4)
    assert d.last.sum("closes_total", node="TCPConnectionThread", reason="oversize") == N // 4


def test_those_that_vanish_without_a_word():
    if os.geteuid() != 0:
        raise tt.Skip("only root can make a socket vanish")
    with beside("idle_timeout: 1s") as d:
        for i in range(N):
            s = join(d, i)
            # Closed in repair mode a socket says nothing to its peer (tcp(7)).
            s.setsockopt(socket.IPPROTO_TCP, 19, 1)
            s.close()
        tt.until("their ends", lambda: connections(d) == N)
    # One whose port was taken again by another was found out by that.
    ends = [d.last.sum("closes_total", node="TCPConnectionThread", reason=r) for r in ("idle_timeout", "reset")]
    assert sum(ends) == N and ends[1] < N // 20, ends


tt.main()
