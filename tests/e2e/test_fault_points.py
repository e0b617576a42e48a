#!/usr/bin/python3
"""Killed at each of the places that the daemon names: what was acknowledged is there,
no number is used twice.  Only where they were built: --enable-fault-points."""
import contextlib
import os
import shutil
import signal
import sqlite3

import device
import tt
from lives import Lives

DATABASE = ("db.commit", "db.committed", "ids.written", "ids.taken")
SPOOL = ("spool.trimmed", "spool.cursors", "spool.commit", "spool.committed", "ws.sent", "ws.confirmed")
SALVAGE = ("salvage.new", "salvage.whole", "aside.wal", "aside.all", "salvage.done")
NAME = "WebsocketMasterThread.spool"


def needs_fault_points():
    if not os.environ.get("FAULT_POINTS"):
        raise tt.Skip("built without --enable-fault-points")


def killed_at(place, time=1):
    return {"TT_FAULT_POINTS": "%s:kill:%d" % (place, time)}


def test_a_kill_at_each_place_loses_nothing_acknowledged():
    needs_fault_points()
    text = tt.tree(connection="ack: count64\n      ack_interval: 1ms", processor="", database="path: x.db, linger: 0s")
    for place in DATABASE:
        home, devices, first = tt.directory(), [], {"a": 0, "b": 0}
        for life, time in enumerate((1, 2, 5, 0)):
            point = killed_at(place, time) if time else {}
            with tt.Daemon(text, directory=home, env=point, ready=False) as d:
                tt.until("ready, or an end", lambda d=d: d.process.poll() is not None or d.notify.has("READY=1"))
                if d.process.poll() is None:
                    now = [device.Device(d.port, n, first=f, life=life, bound=None if time and place[:2] == "db" else 200)
                           for n, f in first.items()]
                    for x in now:
                        x.join(tt.DEADLINE)
                        first[x.name] = x.safe
                    devices += now
                status = d.stop() if d.process.poll() is None else d.wait()
                # A place may not be passed so often in a life.
                assert status in (0, -signal.SIGKILL), (place, time, status)
                assert status != 0 or time == 0 or place[:2] != "db" and time > 1, (place, time)
        have, _ = device.connections(d)
        for x in devices:
            device.check(x, have.get((x.name, x.life), []), place)
        assert all(n >= 200 for n in first.values()), first


def spool_tree(dest):
    return tt.tree(connection="ack: count64\n      ack_interval: 1ms", urls=[dest.url], database="",
                   sub="batch: newline, backoff: 10ms..50ms")


def last_life(lives, text, home, dest):
    """All that was acknowledged arrives, and is trimmed: the sums are right."""
    dest.set("good")
    with tt.Daemon(text, directory=home) as d:
        lives.begin(d.port, bound=200)
        lives.end()
        assert all(x.count == 200 for x in lives.now), [x.count for x in lives.now]
        tt.until("all that was acknowledged at the destination", lambda: lives.is_whole(dest))
        tt.until("an empty spool", lambda: d.rows("select count(*) from spool", NAME) == [(0,)])
        assert d.stop() == 0, d.lines[-5:]
        last = d.last.check()
        assert last.frames("DataProcessorThread", "up", "in") == 200 * len(lives.now)
        assert last.frames("WebsocketMasterThread", "in", "in") == 200 * len(lives.now)
        assert last.sum("dropped_frames_total") == 0
    lives.check_destination(dest)


def test_nor_does_one_at_each_place_of_the_spool_and_of_the_websocket():
    needs_fault_points()
    for place in SPOOL:
        lives, home = Lives(1, ["a", "b"]), tt.directory()
        with tt.Destination("away") as dest:
            text = spool_tree(dest)
            for time in (1, 2, 4):
                with tt.Daemon(text, directory=home, env=killed_at(place, time)) as d:
                    lives.begin(d.port)
                    tt.until("counts, or the end", lambda: d.process.poll() is not None or
                             sum(x.count for x in lives.now) > 300)
                    dest.set("good")
                    assert d.wait() == -signal.SIGKILL, (place, time)
                    lives.end()
                dest.set("away")
            last_life(lives, text, home, dest)


def insert_a_row_that_is_wrong(path):
    """Where the daemon will write its next: it finds the file damaged then."""
    with contextlib.closing(sqlite3.connect(path, timeout=10, isolation_level=None)) as db:
        db.execute("pragma wal_autocheckpoint=0")
        db.execute("begin immediate")
        columns = "n, checksum, channel, connection, seq, received_at, node, peer, local, lengths, payload"
        assert db.execute("insert into spool(position, %s) select (select next from meta), %s from spool limit 1" %
                          (columns, columns)).rowcount == 1
        db.execute("commit")


def rows_without_the_wal(path):
    alone = os.path.join(tt.directory(), NAME)
    shutil.copy(path, alone)
    return tt.rows(alone, "select count(*) from spool")[0][0]


def test_nor_does_one_while_damage_is_set_aside():
    needs_fault_points()
    for place in SALVAGE:
        lives, home = Lives(2, ["a", "b"]), tt.directory()
        path = os.path.join(home, NAME)
        with tt.Destination("away") as dest:
            text = spool_tree(dest)
            with tt.Daemon(text, directory=home) as d:
                lives.begin(d.port, bound=300)
                lives.end()
                d.kill()
            with tt.Daemon(text, directory=home, env=killed_at(place)) as d:
                # Who reads has the file open, so that its WAL stays when the writer
                # closes it.
                dest.set("good")
                d.wait_log("no frame waits in")
                dest.set("away")
                lives.begin(d.port, bound=300)
                lives.end()
                assert all(x.count == 300 for x in lives.now)
                assert d.rows("select sum(n) from spool", NAME) == [(600,)] and rows_without_the_wal(path) == 0
                insert_a_row_that_is_wrong(path)
                lives.begin(d.port, bound=10)
                assert d.wait() == -signal.SIGKILL, place
                lives.end()
            last_life(lives, text, home, dest)
            assert place in ("salvage.new", "salvage.whole") or [n for n in os.listdir(home) if ".damaged-" in n]
            assert not [n for n in os.listdir(home) if n.endswith(("-new", "-whole"))]


if __name__ == "__main__":
    tt.main()
