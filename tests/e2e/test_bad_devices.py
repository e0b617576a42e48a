#!/usr/bin/python3
"""Devices that are no devices cost nobody else anything."""
import contextlib
import errno
import socket
import struct

import faulty
import tt


def good(d, n=3):
    """A device beside them is served as ever."""
    before = d.rows("select count(*) from data where payload = x'676f6f64'")
    before = before[0][0] if before else 0
    tt.send_and_close(d.port, tt.length_frame(b"good") * n)
    tt.until("the good frames", lambda: d.rows("select count(*) from data where payload = x'676f6f64'") == [(before + n,)])


def says(first, looks, reason="oversize"):
    with tt.Daemon(tt.tree("{type: length, size: 4, max: 1MiB}")) as d:
        s = tt.connect(d.port)
        with contextlib.suppress(OSError):
            s.sendall(first)
        tt.wait_closed(s)
        if looks:
            m = d.wait_log("looks like " + looks)
            assert "127.0.0.1:" in m.string, m.string
        good(d)
        assert d.rss() < 64 << 20 or tt.SANITIZED
        assert d.stop() == 0
        assert d.last.check().sum("closes_total", node="TCPConnectionThread", reason=reason) == 1
        return d


def test_a_length_of_four_gigabytes():
    says(b"\xff\xff\xff\xff" + b"x" * 1000, None)


def test_http():
    says(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP")


def test_a_tls_hello():
    says(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(64)), "TLS")


def test_ssh():
    says(b"SSH-2.0-OpenSSH_9.2\r\n", "SSH")


def test_text():
    says(b"hello, is anybody there?\n", "text")


def test_what_a_peer_sends_is_escaped_in_the_log():
    d = says(b"\x7f\x1b[2J\n\r\x00\x07<0>" + b"x" * 100, None)
    for line in d.lines:
        assert all(32 <= ord(c) for c in line), line


def test_silence_costs_nobody_anything():
    with tt.Daemon(tt.tree("{type: length, size: 4}", server="max_connections: 300")) as d:
        silent = [tt.connect(d.port) for _ in range(200)]
        good(d, 100)
        half = tt.connect(d.port)
        half.sendall(struct.pack(">I", 1000) + b"half")
        good(d, 100)
        assert d.stop() == 0
        for s in [*silent, half]:
            tt.wait_closed(s)
        last = d.last.check()
        assert last.sum("closes_total", reason="stop", node="TCPConnectionThread") == 201
        assert last.sum("unfinished_bytes_total") == 8


def test_connections_beyond_the_most_are_closed_and_counted():
    with tt.Daemon(tt.tree("newline", server="max_connections: 5")) as d:
        kept = [tt.connect(d.port) for _ in range(5)]
        for s in kept:
            s.sendall(b"here\n")
        tt.until("the rows", lambda: d.rows("select count(*) from data") == [(5,)])
        for _ in range(20):
            tt.wait_closed(tt.connect(d.port))
        assert d.stats().sum("closes_total", reason="max_connections") == 20
        kept.pop().close()
        tt.until("room", lambda: d.rows("select count(*) from connection where closed_at not null") == [(1,)])
        tt.send_and_close(d.port, b"again\n")
        tt.until("the row", lambda: d.rows("select count(*) from data where cast(payload as text) = 'again'") == [(1,)])
        assert d.stop() == 0
        for s in kept:
            tt.wait_closed(s)


def test_no_descriptors_left_pauses_and_goes_on():
    with tt.Daemon(tt.tree("newline"), prefix=["prlimit", "--nofile=64:64"]) as d:
        flood = [tt.connect(d.port) for _ in range(100)]
        for s in flood:
            with contextlib.suppress(OSError):
                s.sendall(b"flood\n")
        d.wait_log("descriptor|EMFILE|open files")
        for s in flood:
            s.close()
        s = tt.connect(d.port)
        s.sendall(b"after\n")
        tt.until("the row", lambda: d.rows("select count(*) from data where cast(payload as text) = 'after'") == [(1,)])
        assert d.stop() == 0
        s.close()


def no_accept(error, said):
    """The machine has nothing to accept with: the log says so once, devices wait."""
    faults = faulty.Faults()
    with tt.Daemon(tt.tree("newline"), prefix=faults.prefix) as d:
        first = tt.connect(d.port)
        first.sendall(b"first\n")
        tt.until("the first row", lambda: d.rows("select count(*) from data") == [(1,)])
        faults.set(accept_error=error)
        waiting = [tt.connect(d.port) for _ in range(10)]
        for s in waiting:
            s.sendall(b"waiting\n")
        d.wait_log("cannot accept: " + said)
        tt.until("more tries", lambda: faults.control.errors >= 3)
        first.sendall(b"goes on\n")
        tt.until("the second row", lambda: d.rows("select count(*) from data") == [(2,)])
        assert d.count("cannot accept") == 1
        faults.clear()
        tt.until("all rows", lambda: d.rows("select count(*) from data") == [(12,)])
        assert d.stop() == 0
        for s in [first, *waiting]:
            s.close()


def test_a_machine_without_files_left_is_waited_for():
    no_accept(errno.ENFILE, "Too many open files in system")


def test_a_machine_without_memory_for_sockets_is_waited_for():
    no_accept(errno.ENOBUFS, "No buffer space")


def test_a_reset_is_a_reason_of_its_own():
    with tt.Daemon(tt.tree("newline")) as d:
        s = tt.connect(d.port)
        s.sendall(b"one\n")
        tt.until("the row", lambda: d.rows("select count(*) from data") == [(1,)])
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()
        tt.until("the end", lambda: d.rows("select close_reason from connection") == [("reset",)])
        assert d.stop() == 0


def resets_behind_the_data(connection=""):
    with tt.Daemon(tt.tree("newline", connection=connection)) as d:
        for _ in range(20):
            s = tt.connect(d.port)
            s.sendall(b"one\ntwo\n")
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.close()
        ends = "select count(*) from connection where close_reason = 'reset'"
        tt.until("the ends", lambda: d.rows(ends) == [(20,)], 5)
        assert d.stop() == 0
        assert d.last.check().sum("closes_total", reason="reset") == 20


def test_a_reset_right_behind_the_data_is_noticed():
    # The data and the reset may come as one event, and no other will follow.
    resets_behind_the_data()


def test_a_reset_that_the_count_meets_first_is_a_reset():
    resets_behind_the_data("ack: line")


def test_a_closed_connection_is_one_line_and_floods_are_counted():
    with tt.Daemon(tt.tree("newline")) as d:
        tt.send_and_close(d.port, b"hello\nworld\n")
        m = d.wait_log(r"127\.0\.0\.1:\d+.*\bpeer\b")
        assert "2 frames" in m.string and "10 bytes" in m.string or "2" in m.string, m.string
        for _ in range(60):
            tt.send_and_close(d.port, b"x\n")
        assert d.stop() == 0
        assert d.count(r"127\.0\.0\.1:\d+.*\bpeer\b") < 61


if __name__ == "__main__":
    tt.main()
