#!/usr/bin/python3
"""A thread that fails is started again, and nothing of what waits for it is lost."""
import contextlib
import os
import re
import signal
import socket
import sqlite3
import threading
import time

import tt
from faulty import Faults

SPOOL = "WebsocketMasterThread.spool"
FOREVER = "restart: {max: 100, within: 30d, backoff: 10ms..50ms}"


def spoil(d, name="x.db"):
    """Takes the tables away, which the running daemon cannot bear."""
    db = sqlite3.connect(d.path(name), timeout=10)
    db.executescript("drop view recent; drop table data")
    db.close()


def block(d, name="x.db"):
    """The file is no use to the running daemon, nor when it looks again."""
    spoil(d, name)
    move_away(d, name)


def move_away(d, name):
    """A directory is in its place, which no file of the daemon may be."""
    for end in ("", "-wal", "-shm"):
        if os.path.exists(d.path(name + end)):
            os.rename(d.path(name + end), d.path("kept-" + name + end))
    os.mkdir(d.path(name))


def mend(d, name="x.db"):
    os.rmdir(d.path(name))
    for end in ("", "-wal", "-shm"):
        if os.path.exists(d.path("kept-" + name + end)):
            os.rename(d.path("kept-" + name + end), d.path(name + end))


class Device:
    """Sends lines, and reads what is acknowledged."""

    def __init__(self, d):
        self.sock = tt.connect(d.port)
        self.text = b""
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        try:
            while True:
                more = self.sock.recv(4096)
                if not more:
                    return
                self.text += more
        except OSError:
            pass

    def send(self, first, n):
        self.sock.sendall(b"".join(b"%d\n" % i for i in range(first, first + n)))

    @property
    def safe(self):
        whole = self.text.rpartition(b"\n")[0].split(b"\n")
        return int(whole[-1].split()[1]) if whole[-1] else 0

    def wait_safe(self, n):
        tt.until("ACK %d" % n, lambda: self.safe >= n)

    def close(self):
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        self.reader.join()


def restarts(stats, node="DatabaseThread"):
    return stats.sum("restarts_total", node=node)


def test_a_database_that_fails_is_restarted_and_loses_nothing():
    with tt.Daemon(tt.tree(connection="ack: line")) as d:
        device = Device(d)
        device.send(1, 1000)
        device.wait_safe(1000)
        spoil(d)
        device.send(1001, 1000)
        device.wait_safe(2000)
        assert d.find("DatabaseThread: no such table|DatabaseThread: .*no such table"), "why it failed"
        assert d.find(r"DatabaseThread: restarted, 1 of 5 within 1m")
        device.close()
        assert d.stop() == 0
        d.last.check()
        assert restarts(d.last) == 1
        assert d.last.dropped() == 0
        assert d.rows("select count(*), count(distinct seq), min(seq), max(seq) from data") == [(1000, 1000, 1001, 2000)]


def test_what_is_mended_in_time_goes_on_and_what_waited_is_there():
    with tt.Daemon(tt.tree(connection="ack: line", database="path: x.db, " + FOREVER)) as d:
        device = Device(d)
        device.send(1, 100)
        device.wait_safe(100)
        block(d)
        device.send(101, 5000)
        tt.until("restarts", lambda: restarts(d.stats()) >= 5)
        assert device.safe == 100
        assert not d.find("restarted, ")
        mend(d)
        device.wait_safe(5100)
        assert d.find("restarted, ")
        device.close()
        assert d.stop() == 0
        d.last.check()
        assert d.last.dropped() == 0
        assert d.rows("select count(*), count(distinct seq), min(seq), max(seq) from data") == [(5000, 5000, 101, 5100)]


def test_another_database_goes_on_meanwhile():
    with tt.Daemon(tt.tree(database="path: y.db, " + FOREVER).replace("  DatabaseThread:", "  DatabaseThread b:") +
                   "  DatabaseThread a: {path: x.db}\n") as d:
        tt.send_and_close(d.port, b"one\n")
        tt.until("rows", lambda: d.rows("select 1 from data", "y.db"))
        block(d, "y.db")
        tt.send_and_close(d.port, b"two\n")
        tt.send_and_close(d.port, b"three\n")
        tt.until("three rows", lambda: len(d.rows("select 1 from data")) == 3)
        tt.until("restarts", lambda: restarts(d.stats(), "DatabaseThread b") >= 2)
        mend(d, "y.db")
        d.wait_log("restarted, ")
        assert d.stop() == 0
        d.last.check()
        assert d.rows("select payload from recent order by connection", "y.db") == [("two",), ("three",)]


def test_a_full_queue_holds_the_devices_back_while_it_is_down():
    with tt.Daemon(tt.tree(connection="ack: line", database="path: x.db, queue: {bytes: 64KiB}, " + FOREVER)) as d:
        device = Device(d)
        device.send(1, 1)
        device.wait_safe(1)
        block(d)
        writer = threading.Thread(target=device.send, args=(2, 3000000))
        writer.start()
        tt.until("a full queue", lambda: d.stats().waiting("DatabaseThread", "in") > 500)
        cpu, waiting = d.cpu(), d.stats().waiting("DatabaseThread", "in")
        time.sleep(1)
        assert d.stats().waiting("DatabaseThread", "in") <= waiting + 200000
        assert d.cpu() - cpu < 0.5
        mend(d)
        writer.join()
        device.wait_safe(3000001)
        device.close()
        assert d.stop() == 0
        d.last.check()
        assert d.rows("select count(*), count(distinct seq) from data") == [(3000000, 3000000)]


def test_beyond_the_limit_the_daemon_ends_with_1_and_nothing_acknowledged_is_missing():
    # The last counts are not waited for: they cannot come.
    with tt.Daemon(tt.tree(connection="ack: line\n      ack_timeout: 10m", daemon="stop_timeout: 10m",
                           database="path: x.db, restart: {max: 2, backoff: 10ms..20ms}")) as d:
        device = Device(d)
        device.send(1, 500)
        device.wait_safe(500)
        acknowledged = d.rows("select payload from data order by seq")
        assert len(acknowledged) == 500
        os.link(d.path("x.db"), d.path("before.db"))
        block(d)
        device.send(501, 500)
        assert d.wait() == 1
        device.close()
        assert device.safe == 500
        assert d.find("given up: failed 3 times within 1m; the daemon ends")
        stats = d._stats_after(0).check()
        assert restarts(stats) == 2
        assert stats.dropped(node="DatabaseThread") == 500
        mend(d)
        with tt.Daemon(tt.tree(connection="ack: line"), directory=d.dir) as again:
            device = Device(again)
            device.send(501, 500)
            device.wait_safe(500)
            device.close()
            assert again.stop() == 0
            assert again.rows("select count(*), min(cast(payload as int)), max(cast(payload as int)) from data") == \
                [(500, 501, 1000)]


def test_off_is_the_first_failure():
    with tt.Daemon(tt.tree(database="path: x.db, restart: off")) as d:
        spoil(d)
        tt.connect(d.port).sendall(b"x\n")
        assert d.wait() == 1
        assert d.find("given up: restart is off; the daemon ends")


def test_a_failure_at_the_start_ends_it_at_once():
    with tt.Daemon(tt.tree(database="path: ."), ready=False) as d:
        assert d.wait() == 1
        assert not d.find("restarted|given up")


def test_a_failure_goes_up_to_a_server_which_comes_again_with_its_database():
    text = """
MasterThread:
  TCPServerThread:
    listen: 127.0.0.1:0
    UP: []
    restart: {max: 100, backoff: 10ms..20ms}
    TCPConnectionThread:
      ack: line
      ack_timeout: 10m
      DataProcessorThread: {framing: newline}
    DatabaseThread: {path: x.db, restart: off}
"""
    with tt.Daemon(text) as d:
        device = Device(d)
        device.send(1, 10)
        device.wait_safe(10)
        spoil(d)
        device.send(11, 10)
        d.wait_log("TCPServerThread: restarted, ")
        # Its connection was closed in order, and at once: what it has sent waits for a
        # database that waits for its server, which waits for it.
        device.reader.join(20)
        assert not device.reader.is_alive() and device.safe == 10
        device.close()
        assert d.find("given up: restart is off; TCPServerThread fails")
        with tt.connect(tt.until("a second listener", lambda: d.ports[1:])[-1]) as other:
            other.sendall(b"more\n")
            tt.until("rows", lambda: d.rows("select 1 from data where cast(payload as text) = 'more'"))
        assert d.stop() == 0
        d.last.check()
        assert d.last.dropped() == 0
        # What waited in the queue of the database that failed came with it.
        assert d.rows("select cast(payload as text) from data where connection = 1 order by seq") == \
            [(str(i),) for i in range(11, 21)]


def spool_tree(dest, restart):
    return tt.tree(connection="ack: line\n      ack_timeout: 500ms", urls=[dest.url], database="", master=restart,
                   sub="batch: newline, backoff: 10ms..50ms")


def arrived(dest):
    return [int(i) for i in b"".join(dest.payloads).split()]


def test_a_spool_that_breaks_is_opened_again_and_loses_nothing():
    with tt.Destination("away") as dest, tt.Daemon(spool_tree(dest, FOREVER)) as d:
        device = Device(d)
        device.send(1, 1000)
        device.wait_safe(1000)                  # in the spool
        move_away(d, SPOOL)
        device.send(1001, 1000)
        tt.until("restarts", lambda: restarts(d.stats(), "WebsocketMasterThread") >= 3)
        assert device.safe == 1000
        assert d.find("WebsocketMasterThread: .*" + SPOOL + ": a directory, not a file"), "why it failed"
        mend(d, SPOOL)
        device.wait_safe(2000)
        assert d.find("WebsocketMasterThread: restarted, ")
        dest.set("good")
        device.send(2001, 1000)
        device.wait_safe(3000)
        tt.until("all at the destination", lambda: len(arrived(dest)) >= 3000)
        assert arrived(dest) == list(range(1, 3001))
        device.close()
        assert d.stop() == 0
        d.last.check()
        assert d.last.dropped() == 0
        assert d.last.frames("WebsocketMasterThread", "in", "out") == 3000


def test_a_spool_that_stays_broken_ends_it_with_1_and_is_kept():
    with tt.Destination("away") as dest, \
            tt.Daemon(spool_tree(dest, "restart: {max: 2, backoff: 10ms..20ms}")) as d:
        device = Device(d)
        device.send(1, 500)
        device.wait_safe(500)
        move_away(d, SPOOL)
        device.send(501, 500)
        assert d.wait() == 1
        device.close()
        assert device.safe == 500
        assert d.find("WebsocketMasterThread: given up: failed 3 times within 1m; the daemon ends")
        stats = d._stats_after(0).check()
        assert restarts(stats, "WebsocketMasterThread") == 2
        assert stats.dropped(node="WebsocketMasterThread") == 500
        mend(d, SPOOL)
        dest.set("good")
        with tt.Daemon(spool_tree(dest, ""), directory=d.dir) as again:
            device = Device(again)
            device.send(501, 500)
            device.wait_safe(500)
            tt.until("all at the destination", lambda: len(arrived(dest)) >= 1000)
            device.close()
            assert again.stop() == 0
            again.last.check()
        assert arrived(dest) == list(range(1, 1001))


def test_a_stop_while_it_rests_drains_it():
    with tt.Daemon(tt.tree(connection="ack: line", database="path: x.db, restart: {backoff: 1h..1h}")) as d:
        device = Device(d)
        device.send(1, 10)
        device.wait_safe(10)
        spoil(d)
        device.send(11, 10)
        d.wait_log("no such table")
        assert d.stop() == 0
        d.last.check()
        assert d.last.dropped() == 0
        assert d.rows("select count(*) from data") == [(10,)]
        assert device.safe == 20
        device.close()


def test_a_stop_while_it_cannot_be_started_ends_at_its_deadline_with_1():
    with tt.Daemon(tt.tree(daemon="stop_timeout: 1s", database="path: x.db, " + FOREVER)) as d:
        block(d)
        with tt.connect(d.port) as device:
            device.sendall(b"x\n" * 100)
            tt.until("restarts", lambda: restarts(d.stats()) >= 2)
            assert d.stop() == 1
        d.last.check()
        assert d.last.dropped(node="DatabaseThread") == 100


def test_failures_in_a_row_are_a_few_lines_a_second():
    with tt.Daemon(tt.tree(daemon="stop_timeout: 1s",
                           database="path: x.db, restart: {max: 100, within: 1s, backoff: 15ms..15ms}")) as d:
        start, began = len(d.lines), time.monotonic()
        block(d)
        with tt.connect(d.port) as device:
            device.sendall(b"x\n")
            tt.until("restarts", lambda: restarts(d.stats()) >= 200)
            seconds, lines = time.monotonic() - began, d.count("not a file")
            assert lines <= 10 * (seconds + 2), "%d lines in %.1f s" % (lines, seconds)
            assert d.find(r"DatabaseThread: \d+ more failures", start)
            mend(d)
            d.wait_log("restarted, ")


def in_trouble(make, end, pattern, stop=""):
    """Its database fails, and when it is started again the file is of no use for now:
    MAKE(d, faults) makes it so, and END undoes that.  STOP: the daemon is stopped
    meanwhile, and it is mended in time, or never."""
    home = tt.directory()
    faults = Faults(home)
    text = tt.tree(connection="ack: line\n      ack_timeout: 10m", daemon="stop_timeout: " + ("1s" if stop == "never" else "10m"),
                   database="path: x.db, restart: {max: 1, within: 30d, backoff: 1s..1s}")
    with tt.Daemon(text, directory=home, prefix=faults.prefix) as d:
        device = Device(d)
        device.send(1, 100)
        device.wait_safe(100)
        spoil(d)
        device.send(101, 100)
        d.wait_log("no such table")
        trouble = make(d, faults)
        d.wait_log(pattern + ".*it is tried again until it works")
        device.send(201, 100)
        cpu, start = d.cpu(), len(d.lines)
        if stop:
            d.process.send_signal(signal.SIGTERM)
            d.wait_log("Terminated: stopping")
        else:
            assert restarts(d.stats()) == 1
            tt.until("its status", lambda: any(re.match(r"STATUS=running, .*DatabaseThread: .*, tried again for", m)
                                               for m in list(d.notify.messages)))
            time.sleep(1)                   # nothing is to happen
        assert d.cpu() - cpu < 0.3 and len(d.lines) <= start + 10
        assert device.safe == 100 and not d.find("restarted, ")
        if stop != "never":
            end(trouble, faults)
            device.wait_safe(300)
            d.wait_log("DatabaseThread: restarted, 1 of 1 within")
        status = d.wait() if stop else d.stop()
        last = d._stats_after(start).check()
        device.close()
        assert status == (1 if stop == "never" else 0)
        assert last.dropped(node="DatabaseThread") == (200 if stop == "never" else 0)
        end(trouble, faults)
        if stop != "never":
            assert d.rows("select count(*), count(distinct seq), min(seq), max(seq) from data") == [(200, 200, 101, 300)]
        else:
            assert device.safe == 100
            with tt.Daemon(text, directory=home) as again:
                assert again.stop() == 0


def busy(d, _):
    db = sqlite3.connect(d.path("x.db"), timeout=10, isolation_level=None)
    db.execute("begin immediate")
    return db


def full(_, faults):
    faults.set(room=0)


BUSY = (busy, lambda db, _: db.close(), "busy|locked")
FULL = (full, lambda _, faults: faults.clear(), "full|No space")


def test_one_whose_file_is_busy_when_it_is_restarted_waits_for_it():
    in_trouble(*BUSY)


def test_one_whose_disk_is_full_when_it_is_restarted_waits_for_it():
    in_trouble(*FULL)


def test_a_stop_waits_for_one_that_is_restarted_and_cannot_write_yet():
    in_trouble(*BUSY, stop="soon")
    in_trouble(*FULL, stop="soon")


def test_a_stop_waits_no_longer_than_it_may_for_one_that_cannot_write():
    in_trouble(*BUSY, stop="never")
    in_trouble(*FULL, stop="never")


def test_fifty_restarts_take_no_memory():
    with tt.Daemon(tt.tree(connection="ack: line", database="path: x.db, " + FOREVER)) as d:
        device = Device(d)
        at = 0

        def fail(times):
            nonlocal at
            for _ in range(times):
                before = restarts(d.stats())
                spoil(d)
                device.send(at + 1, 500)
                at += 500
                device.wait_safe(at)
                assert restarts(d.stats()) > before
        device.send(1, 1)
        at = 1
        device.wait_safe(1)
        fail(20)
        rss = d.rss()
        threads = len(os.listdir("/proc/%d/task" % d.pid))
        files = len(os.listdir("/proc/%d/fd" % d.pid))
        fail(50)
        assert len(os.listdir("/proc/%d/task" % d.pid)) == threads
        assert len(os.listdir("/proc/%d/fd" % d.pid)) == files
        if not tt.SANITIZED:
            assert d.rss() <= rss + (1 << 20), (rss, d.rss())
        device.close()
        assert d.stop() == 0
        d.last.check()


if __name__ == "__main__":
    tt.main()
