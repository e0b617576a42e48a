#!/usr/bin/python3
"""What a database keeps: the newest rows, while the file stops growing."""
import contextlib
import os
import threading
import time

import tt
from device import Device


def tree(retain):
    return tt.tree(connection="ack: count64", database="path: x.db, linger: 1ms" + (", retain: {%s}" % retain if retain else ""))


class Sizes(threading.Thread):
    """The largest that the file and its WAL were together, in bytes."""

    def __init__(self, d):
        super().__init__(daemon=True)
        self.path = d.path("x.db")
        self.largest = 0
        self.ended = threading.Event()
        self.start()

    def now(self):
        size = 0
        for suffix in ("", "-wal"):
            with contextlib.suppress(FileNotFoundError):
                size += os.path.getsize(self.path + suffix)
        return size

    def run(self):
        while not self.ended.wait(0.005):
            self.largest = max(self.largest, self.now())

    def stop(self):
        self.ended.set()
        self.join()
        return self.largest


def send(d, name, n, padding=b"x" * 200):
    device = Device(d.port, name, bound=n, padding=padding)
    device.join()
    assert device.wrong is None and device.count == n, (device.wrong, device.count)


def numbers(d):
    """The numbers of the device's frames, by the order of their rows."""
    return [int(bytes(p).split(b" ")[2]) for (p,) in d.rows("select payload from data order by id")]


def test_rows():
    with tt.Daemon(tree("rows: 1000")) as d:
        send(d, "a", 20000)
        assert numbers(d) == list(range(19000, 20000))
        # Pages that are free are used again, but for those that a commit needs at once.
        pages = d.rows("pragma page_count")[0][0]
        for name in ("b", "c", "d"):
            send(d, name, 20000)
        assert d.rows("pragma page_count")[0][0] < 3 * pages, pages
        assert numbers(d) == list(range(19000, 20000))
        assert d.stop() == 0
        d.last.check()
        assert d.rows("select min(id), max(id) from data") == [(79001, 80000)]
        assert d.rows("pragma integrity_check") == [("ok",)]


def test_a_file_over_its_limit_comes_down_step_by_step():
    with tt.Daemon(tree(None)) as d:
        send(d, "a", 5000)
        assert d.stop() == 0
        with tt.Daemon(tree("rows: 1000"), directory=d.dir) as less:
            assert less.rows("select count(*) from data") == [(5000,)]
            send(less, "b", 100)
            assert less.rows("select count(*), max(id) from data") == [(4900, 5100)]
            send(less, "c", 4000)
            assert less.rows("select count(*), max(id) from data") == [(1000, 9100)]
            assert less.stop() == 0


def test_age_also_while_nothing_comes():
    with tt.Daemon(tree("age: 2s")) as d:
        send(d, "a", 3000)
        assert d.rows("select count(*) from data") == [(3000,)]
        tt.until("the old rows to go", lambda: d.rows("select payload from data") and
                 d.rows("select count(*) from data") == [(1,)])
        assert numbers(d) == [2999], "the newest stays, for the numbers that come"
        ((received,),) = d.rows("select received_at from data")
        assert time.time_ns() - received > 2 * 10**9
        send(d, "b", 10)
        assert numbers(d)[-10:] == list(range(10))
        assert d.rows("select max(id) from data") == [(3010,)]
        assert d.stop() == 0
        d.last.check()


def test_bytes():
    limit = 4 << 20
    with tt.Daemon(tree("bytes: 4MiB")) as d:
        sizes = Sizes(d)
        send(d, "a", 60000, padding=b"x" * 500)
        # A commit is an eighth of it or one batch, and the WAL a quarter and a commit.
        largest = sizes.stop()
        assert largest < limit + (3 << 20), largest
        got = numbers(d)
        assert got == list(range(60000 - len(got), 60000))
        assert len(got) * 500 > limit // 3, len(got)
        assert d.stop() == 0
        d.last.check()
        assert os.path.getsize(d.path("x.db")) <= limit
        assert d.rows("pragma integrity_check") == [("ok",)]


def test_connections_go_with_their_frames():
    with tt.Daemon(tree("age: 1s, rows: 100000")) as d:
        for _ in range(50):
            tt.send_and_close(d.port, b"hello\n")
        assert d.rows("select count(*) from connection") == [(50,)]
        # Ten seconds more than their frames, should frames have changed places.
        tt.until("the connections to go", lambda: tt.send_and_close(d.port, b"x\n") and
                 time.sleep(0.5) or d.rows("select count(*) from connection where id <= 50") == [(0,)])
        assert d.rows("select count(*) from data where connection not in (select id from connection)") == [(0,)]
        assert d.stop() == 0


if __name__ == "__main__":
    tt.main()
