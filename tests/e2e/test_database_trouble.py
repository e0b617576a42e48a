#!/usr/bin/python3
"""What goes wrong with a database: a full disk, rows that it refuses, tables that
somebody takes away."""
import os
import sqlite3
import threading
import time

import tt
from faulty import disk, fill, remount


def own_lines(d, pattern):
    return [x for x in d.lines if pattern in x and "taskthread_" not in x]


def test_a_full_disk_delays_ready():
    with disk("4m") as at:
        full = fill(at)
        with tt.Daemon(tt.tree(database="path: %s/x.db" % at), ready=False) as d:
            d.wait_log("full|No space")
            assert not d.notify.has("READY=1")
            os.unlink(full)
            d.wait_ready()
            tt.send_and_close(d.port, b"hello\n")
            assert d.stop() == 0
        assert tt.rows(at + "/x.db", "select payload from recent") == [("hello",)]


def test_a_full_disk_lets_devices_wait_and_loses_nothing():
    frames = 150000
    with disk("6m") as at, tt.Daemon(tt.tree(framing=tt.LENGTH, database="path: %s/x.db" % at,
                                             connection="ack: count64")) as d:
        device = tt.connect(d.port)
        counts = []
        reader = threading.Thread(target=lambda: counts.append(tt.read_all(device)))
        reader.start()

        def send():
            device.sendall(b"".join(tt.length_frame(b"%060d" % i) for i in range(frames)))
            device.shutdown(1)
        writer = threading.Thread(target=send)
        writer.start()
        d.wait_log("full|No space")
        kept = tt.rows(at + "/x.db", "select count(*) from data")[0][0]
        assert kept < frames
        cpu = d.cpu()
        time.sleep(2)
        assert d.cpu() - cpu < 0.1
        assert len(own_lines(d, "full")) <= 2, "once a change"
        remount(at, "size=100m")
        d.wait_log("works again")
        writer.join()
        reader.join()
        device.close()
        assert int.from_bytes(counts[0][-8:], "big") == frames
        assert d.stop() == 0
        d.last.check()
        assert tt.rows(at + "/x.db", "select count(*), count(distinct seq), min(seq), max(seq) from data") == \
            [(frames, frames, 1, frames)]
        assert tt.rows(at + "/x.db", "select count(*) from data where cast(payload as int) + 1 <> seq") == [(0,)]


def test_a_stop_with_a_full_disk_ends_at_its_deadline_with_1():
    with disk("2m") as at, tt.Daemon(tt.tree(database="path: %s/x.db" % at, daemon="stop_timeout: 1s")) as d:
        fill(at)
        device = tt.connect(d.port)
        device.sendall(b"hello\n" * 100000)
        d.wait_log("full|No space")
        assert d.stop() == 1
        device.close()
        d.last.check()
        assert d.last.dropped(node="DatabaseThread") > 0
        assert own_lines(d, "not written")


def test_refused_rows_are_counted_logged_and_safe():
    with tt.Daemon(tt.tree(connection="ack: line")) as d:
        db = sqlite3.connect(d.path("x.db"))
        db.execute("create unique index once on data(payload)")
        db.commit()
        db.close()
        counts = tt.send_and_close(d.port, b"".join(b"%d\n" % (i % 500) for i in range(1000)))
        assert counts.endswith(b"ACK 1000\n"), counts
        assert d.stop() == 0
        d.last.check()
        assert d.last.sum("refused_frames_total", node="DatabaseThread", reason="database") == 500
        assert d.last.dropped(node="DatabaseThread", reason="database") == 500
        assert d.rows("select count(*), min(seq), max(seq) from data") == [(500, 1, 500)]
        assert d.rows("select connection, seq, payload from refused order by rowid") == \
            [(1, i + 501, b"%d" % i) for i in range(500)]
        assert d.rows("select distinct typeof(received_at), reason from refused") == \
            [("integer", "UNIQUE constraint failed: data.payload")]
        assert {r[0] for r in d.rows("select channel from recent")} == {"data"}
        assert d.find(r"501 to 1000 of connection 1\b")


def test_a_table_that_is_gone_fails_the_thread_which_makes_it_anew():
    with tt.Daemon(tt.tree(connection="ack: line")) as d:
        db = sqlite3.connect(d.path("x.db"))
        db.executescript("drop view recent; drop table data")
        db.close()
        assert tt.send_and_close(d.port, b"x\n") == b"ACK 1\n"
        assert d.find("no such table") and d.find("restarted")
        assert d.stop() == 0
        d.last.check()
        assert d.rows("select payload from recent") == [("x",)]


if __name__ == "__main__":
    tt.main()
