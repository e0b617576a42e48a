#!/usr/bin/python3
"""The spool: what a destination has not confirmed outlives its absence, a crash, a stop and
damage; comes in order, and costs nothing while all is well."""
import contextlib
import glob
import os
import re
import signal
import sqlite3
import time

import tt
from device import Device
from faulty import disk, fill

SPOOL = "WebsocketMasterThread.spool"


def tree(*urls, master="", sub="", connection="ack: line", daemon=""):
    return tt.tree(tt.LENGTH, urls=urls, master=master, sub=sub, connection=connection, database="", daemon=daemon)


def frames(n, size=200, start=0):
    return [b"%08d" % i + os.urandom(size - 8) for i in range(start, start + n)]


def send(daemon, payloads, acked=True):
    """Sends PAYLOADS over one connection, and waits until all of them are acknowledged."""
    with tt.connect(daemon.port) as s:
        s.sendall(b"".join(tt.length_frame(p) for p in payloads))
        s.shutdown(1)
        got = tt.read_all(s)
    if acked:
        assert got.endswith(b"ACK %d\n" % len(payloads)), got[-100:]


def in_order(payloads, wanted):
    """All of WANTED are in PAYLOADS, in order; frames may come again after those before."""
    seen, at = set(), 0
    for p in payloads:
        if at < len(wanted) and p == wanted[at]:
            at += 1
        else:
            assert p in seen, "a frame out of order"
        seen.add(p)
    assert at == len(wanted), "%d of %d frames came" % (at, len(wanted))


def came(dest, wanted):
    tt.until("all frames", lambda: wanted[-1] in dest.payloads[-len(wanted):])
    in_order(dest.payloads, wanted)


def spooled(directory, sql="select count(*) from spool", name=SPOOL):
    with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % os.path.join(directory, name), uri=True)) as db:
        return db.execute(sql).fetchall()


def test_while_all_confirm_nothing_is_written():
    with tt.Destination() as dest, tt.Daemon(tree(dest.url)) as d:
        d.wait_log("connected to")
        for _ in range(20):
            send(d, frames(200))
        assert spooled(d.dir) == [(0,)] and spooled(d.dir, "select frames from meta") == [(0,)]
        assert d.stop() == 0
        d.last.check()
        assert len(dest.payloads) == 4000


def test_a_destination_that_is_away_gets_all_when_it_is_back():
    with tt.Destination("away") as dest, tt.Daemon(tree(dest.url, sub="backoff: 50ms..200ms")) as d:
        sent = frames(5000)
        send(d, sent)
        assert spooled(d.dir, "select sum(n) from spool") == [(5000,)]
        dest.set("good")
        came(dest, sent)
        d.wait_log("no frame waits in")
        more = frames(100, start=5000)
        send(d, more)
        came(dest, sent + more)
        assert spooled(d.dir) == [(0,)]
        assert d.stop() == 0
        d.last.check()


def test_much_more_than_memory_waits_on_disk_and_memory_stays():
    with tt.Destination("away") as dest, \
            tt.Daemon(tree(dest.url, sub="backoff: 50ms..200ms", master="queue: {bytes: 1MiB}", daemon="memory: 8MiB")) as d:
        sent = frames(60000, 1000)
        for i in range(0, len(sent), 10000):
            send(d, sent[i:i + 10000])
        bound = int(re.search(r"memory bound: (\d+)", tt.run("--check", d.file).stdout).group(1))
        assert tt.SANITIZED or d.rss() < bound, (d.rss(), bound)
        dest.set("good")
        came(dest, sent)
        d.wait_log("no frame waits in")
        assert tt.SANITIZED or d.rss() < bound, (d.rss(), bound)
        size = os.path.getsize(d.path(SPOOL))
        # The space is used again.
        dest.set("away")
        send(d, frames(10000, 1000))
        assert os.path.getsize(d.path(SPOOL)) <= size
        assert d.stop() == 0
        d.last.check()


def test_what_was_acknowledged_comes_after_a_crash():
    directory = tt.directory()
    sent = []
    with tt.Destination("away") as dest:
        for i in range(4):
            with tt.Daemon(tree(dest.url), directory=directory) as d:
                more = frames(1500, start=len(sent))
                send(d, more)
                sent += more
                d.kill()
        dest.set("good")
        with tt.Daemon(tree(dest.url), directory=directory) as d:
            came(dest, sent)
            assert d.stop() == 0
            d.last.check()


def test_a_crash_in_the_middle_of_catching_up():
    directory = tt.directory()
    with tt.Destination("away") as dest:
        with tt.Daemon(tree(dest.url), directory=directory) as d:
            sent = frames(20000)
            send(d, sent)
            dest.set("good")
            tt.until("some", lambda: len(dest.payloads) > 2000)
            d.kill()
        with tt.Daemon(tree(dest.url), directory=directory) as d:
            came(dest, sent)
            assert d.stop() == 0


def test_a_stop_leaves_it_on_disk_and_exits_0():
    directory = tt.directory()
    with tt.Destination("away") as dest:
        with tt.Daemon(tree(dest.url), directory=directory) as d:
            sent = frames(3000)
            with tt.connect(d.port) as s:
                s.sendall(b"".join(tt.length_frame(p) for p in sent))
                s.shutdown(1)
                tt.until("the frames", lambda: d.stats().frames("MasterThread/WebsocketMasterThread", "in", "in") == 3000)
                begun = time.monotonic()
                assert d.stop() == 0
                assert time.monotonic() - begun < 10
                assert tt.read_all(s).endswith(b"ACK 3000\n")
            d.last.check()
        dest.set("good")
        with tt.Daemon(tree(dest.url), directory=directory) as d:
            came(dest, sent)
            assert d.stop() == 0


def test_a_slow_destination_slows_no_other():
    with tt.Destination("away") as away, tt.Destination() as dest, \
            tt.Daemon(tree(away.url, dest.url, sub="backoff: 50ms..200ms")) as d:
        d.wait_log("connected to")
        sent = frames(20000, 1000)
        for i in range(0, len(sent), 5000):
            send(d, sent[i:i + 5000])
        came(dest, sent)
        assert away.messages == []
        away.set("good")
        came(away, sent)
        assert d.stop() == 0
        d.last.check()


def test_a_new_destination_begins_at_the_end_and_one_that_is_gone_gives_up():
    directory = tt.directory()
    with tt.Destination("away") as old, tt.Destination("away") as new:
        with tt.Daemon(tree(old.url), directory=directory) as d:
            send(d, frames(700))
            assert d.stop() == 0
        both = tree(old.url, new.url, sub="backoff: 50ms..200ms")
        with tt.Daemon(both, directory=directory) as d:
            more = frames(100, start=700)
            send(d, more)
            new.set("good")
            came(new, more)
            assert len(new.payloads) == 100
            assert d.stop() == 0
        with tt.Daemon(both.replace("WebSocketSubThread d0", "WebSocketSubThread d9"), directory=directory) as d:
            tt.until("what only it needed is gone", lambda: spooled(d.dir, "select node from cursor order by node") == [
                ("MasterThread/WebsocketMasterThread/WebSocketSubThread d1",),
                ("MasterThread/WebsocketMasterThread/WebSocketSubThread d9",)])
            tt.until("the count", lambda: d.stats().sum("refused_frames_total", reason="removed") == 800)
            assert spooled(d.dir) == [(0,)]
            assert d.stop() == 0
            d.last.check()


def test_sequence_goes_on_after_a_restart():
    directory = tt.directory()
    stored = []

    def answer(message):
        position = int.from_bytes(message[1][:8], "big")
        stored.append(position)
        return "ack %d" % position if len(stored) > 300 else None

    with tt.Destination("away", answer=answer) as dest:
        for _ in range(2):
            with tt.Daemon(tree(dest.url, sub="ack: sequence, backoff: 50ms..200ms"), directory=directory) as d:
                if not stored:
                    send(d, frames(250))
                    dest.set("good")
                    tt.until("all", lambda: len(stored) >= 250)
                    d.kill()
                else:
                    tt.until("again", lambda: len(stored) >= 500)
                    d.wait_log("no frame waits in")
                    assert d.stop() == 0
        assert stored[:250] == stored[250:500], "the same frames have the same positions"
        assert dest.closes[-1:] in ([], [1001]), dest.closes


def test_a_full_spool_holds_devices_back():
    with tt.Destination("away") as dest, \
            tt.Daemon(tree(dest.url, sub="backoff: 50ms..200ms",
                           master="spool: {bytes: 4MiB}\n    queue: {bytes: 1MiB}", daemon="memory: 8MiB")) as d:
        sent = frames(30000, 1000)
        with tt.connect(d.port) as s:
            s.settimeout(tt.DEADLINE)
            data = b"".join(tt.length_frame(p) for p in sent)
            s.setblocking(False)
            at = 0

            def push():
                nonlocal at
                with contextlib.suppress(BlockingIOError):
                    at += s.send(data[at:at + (1 << 20)])
                return d.find("devices wait until a destination confirms")
            tt.until("it is full", push)
            dest.set("good")
            s.setblocking(True)
            s.sendall(data[at:])
            s.shutdown(1)
            assert tt.read_all(s).endswith(b"ACK 30000\n")
        came(dest, sent)
        assert d.stop() == 0
        d.last.check()


def test_a_full_spool_that_drops_keeps_the_newest():
    with tt.Destination("away") as dest, \
            tt.Daemon(tree(dest.url, connection="", sub="backoff: 50ms..200ms",
                           master="spool: {bytes: 4MiB, when_full: drop_oldest}")) as d:
        sent = frames(40000, 1000)
        for i in range(0, len(sent), 5000):
            send(d, sent[i:i + 5000], acked=False)
            tt.until("them", lambda: d.stats().frames("MasterThread/WebsocketMasterThread", "in", "out") >= i + 5000)
        dropped = d.stats().sum("refused_frames_total", reason="drop_oldest")
        assert 0 < dropped < 40000, dropped
        dest.set("good")
        tt.until("the newest", lambda: sent[-1] in dest.payloads[-5000:])
        assert dest.payloads == sent[-len(dest.payloads):]
        assert len(dest.payloads) + d.stats().sum("refused_frames_total", reason="drop_oldest") == 40000
        assert d.stop() == 0
        d.last.check()


def test_what_is_too_old_is_dropped():
    with tt.Destination("away") as dest, \
            tt.Daemon(tree(dest.url, connection="", master="spool: {age: 1s}", sub="backoff: 1h..1h")) as d:
        send(d, frames(500), acked=False)
        tt.until("they are counted", lambda: d.stats().sum("refused_frames_total", reason="drop_oldest") == 500)
        assert spooled(d.dir) == [(0,)]
        assert d.stop() == 0


def test_a_refused_frame_is_kept():
    with tt.Destination() as dest, tt.Daemon(tree(dest.url, sub="max_message: 100")) as d:
        big, small = os.urandom(200), os.urandom(50)
        send(d, [small, big, small])
        tt.until("it is in the table", lambda: spooled(
            d.dir, "select seq, reason, payload from refused") == [(2, "max_message", big)])
        assert d.stop() == 0
        assert dest.payloads == [small, small]


def damaged(directory):
    return [p for p in glob.glob(os.path.join(directory, SPOOL + ".damaged-*")) if not p.endswith("-wal")]


def test_a_damaged_spool_keeps_nobody_from_starting():
    for how in ("flip", "cut", "wal"):
        directory = tt.directory()
        with tt.Destination("away") as dest:
            with tt.Daemon(tree(dest.url), directory=directory) as d:
                sent = frames(20000)
                send(d, sent)
                assert d.stop() == 0
            path = os.path.join(directory, SPOOL)
            size = os.path.getsize(path)
            with open(path, "r+b") as f:
                if how == "flip":
                    flip(path)
                elif how == "cut":
                    f.truncate(size // 2)
                else:
                    with open(path + "-wal", "wb") as w:
                        w.write(os.urandom(100000))
            dest.set("good")
            with tt.Daemon(tree(dest.url, sub="backoff: 50ms..200ms"), directory=directory) as d:
                more = frames(100, start=20000)
                send(d, more)
                tt.until("the last", lambda: more[-1] in dest.payloads)
                assert set(dest.payloads) <= set(sent + more), "what was never sent"
                if how == "wal":
                    in_order(dest.payloads, sent + more)
                else:
                    assert d.find("damaged") and len(damaged(directory)) == 1, d.lines
                    assert len(dest.payloads) > 2000, "%s: %d frames were kept" % (how, len(dest.payloads))
                assert d.stop() == 0


def flip(path):
    with open(path, "r+b") as f:
        for at in range(8192 * 20, os.path.getsize(path), 8192 * 40):
            f.seek(at)
            f.write(b"\xff" * 64)


def test_damage_that_several_readers_meet_is_set_aside_once():
    directory = tt.directory()
    with tt.Destination("away") as one, tt.Destination("away") as two:
        text = tree(one.url, two.url, sub="backoff: 50ms..200ms")
        with tt.Daemon(text, directory=directory) as d:
            sent = frames(20000)
            send(d, sent)
            assert d.stop() == 0
        flip(os.path.join(directory, SPOOL))
        one.set("good")
        two.set("good")
        with tt.Daemon(text, directory=directory) as d:
            d.wait_log("it is now")
            more = frames(100, start=20000)
            send(d, more)
            for dest in (one, two):
                tt.until("the last", lambda dest=dest: more[-1] in dest.payloads)
                assert set(dest.payloads) <= set(sent + more), "what was never sent"
            d.wait_log("no frame waits in")
            assert d.stop() == 0
            d.last.check()
            assert d.count("it is now") == 1 and len(damaged(d.dir)) == 1, d.lines


def test_damage_is_set_aside_though_nobody_sends():
    with tt.Destination("away") as dest, tt.Daemon(tree(dest.url, sub="backoff: 50ms..200ms")) as d:
        sent = frames(20000)
        send(d, sent)
        flip(d.path(SPOOL))
        dest.set("good")
        came(dest, sent)                # from memory
        d.wait_log("it is now")
        d.wait_log("no frame waits in")
        assert d.stop() == 0
        d.last.check()


def test_on_a_disk_that_is_nearly_full_smaller_writes_go_on():
    with disk("8m") as at, tt.Destination("away") as dest, \
            tt.Daemon(tt.tree(connection="ack: count64", urls=[dest.url], master="spool: {path: %s/x.spool}" % at,
                              sub="batch: newline, backoff: 50ms..200ms", database="")) as d:
        full = fill(at)
        devices = [Device(d.port, "d%d" % i, bound=4000) for i in range(7)]
        d.wait_log("it is tried again until it works")
        tt.until("all of it in memory", lambda: d.stats().waiting("MasterThread/WebsocketMasterThread", "in") == 28000)
        # There is not room for all of it.
        os.truncate(full, os.path.getsize(full) - (4 << 20))
        tt.until("some are acknowledged", lambda: any(x.count for x in devices))
        assert 0 < spooled(at, "select sum(n) from spool", "x.spool")[0][0] < 28000
        os.unlink(full)
        for x in devices:
            x.join(tt.DEADLINE)
            assert x.count == 4000
        dest.set("good")
        tt.until("all of it", lambda: sum(p.count(b"\n") for p in dest.payloads) >= 28000)
        assert d.stop() == 0
        d.last.check()


def test_another_s_file_is_left_alone():
    directory = tt.directory()
    path = os.path.join(directory, SPOOL)
    with open(path, "wb") as f:
        f.write(b"this is somebody's text, and long enough to be looked at as a header" * 10)
    with open(path, "rb") as f:
        before = f.read()
    with tt.Destination() as dest, tt.Daemon(tree(dest.url), directory=directory, ready=False) as d:
        assert d.wait() == 1
        assert d.find("not an SQLite database")
    with open(path, "rb") as f:
        assert f.read() == before


if __name__ == "__main__":
    tt.main()
