#!/usr/bin/python3
"""TimerThreads beside devices: their frames, numbers and connections in a real daemon."""
import calendar
import json
import time

import tt
from destination import Destination

NS = 1000000000


def beside(every="20ms", urls=(), database="path: x.db", sub="", timer=""):
    """The main job, and a timer beside the server."""
    return tt.tree(urls=urls, sub=sub, database=database, daemon="name: here") + \
        f"  TimerThread: {{every: {every}, text: tick{timer}}}\n"


def timers(d, name="x.db"):
    """(id, node, local, closed_at, close_reason) of the timers' connections, in order."""
    return d.rows("select id, node, local, closed_at, close_reason from connection where peer = 'timer' order by id",
                  name)


def frames(d, connection, table="data"):
    return d.rows(f"select seq, received_at, cast(payload as text) from {table} where connection = {connection} "
                  "order by id")


def whole(rows, text="tick"):
    """ROWS are all of one timer's frames, in order."""
    assert [r[0] for r in rows] == list(range(1, len(rows) + 1)), rows[:20]
    assert all(r[2] == text for r in rows), rows[:20]
    return len(rows)


def test_a_timer_beside_a_server_is_in_the_database_and_at_the_destination():
    with Destination() as dest, tt.Daemon(beside(urls=[dest.url], sub="format: json")) as d:
        tt.send_and_close(d.port, b"hello\n")
        tt.until("ticks", lambda: len(dest.messages) >= 12)
        assert d.stop() == 0, d.lines
        (number, node, local, closed_at, reason), = timers(d)
        assert node == "MasterThread/TimerThread" and local in (None, ""), (node, local)
        assert reason == "stop" and closed_at is not None
        rows = frames(d, number)
        n = whole(rows)
        assert n >= 11
        assert rows[-1][1] <= closed_at
        ticks = [m for m in map(json.loads, dest.payloads) if m["connection"] == number]
        assert [m["seq"] for m in ticks] == list(range(1, n + 1)), ticks
        for m in ticks:
            assert m["peer"] == "timer" and m["text"] == "tick" and m["channel"] == "data" and \
                m["node"] == node and m["gateway"] == "here", m
        hello, = [m for m in map(json.loads, dest.payloads) if m["connection"] != number]
        assert hello["text"] == "hello" and hello["peer"].startswith("127.0.0.1:")
        d.last.check()
        assert d.last.frames("TimerThread", "up", "in") == n
        assert d.last.frames("TimerThread", "up", "out") == n
        assert d.last.frames("DatabaseThread", "in", "out") == n + 1
        assert d.last.dropped() == 0
        assert d.last.sum("closes_total", node="TimerThread", reason="stop") == 1


def test_a_number_is_never_used_twice():
    with tt.Daemon(beside()) as keep:
        tt.until("ticks", lambda: len(frames(keep, "(select max(id) from connection where peer = 'timer')")) >= 3)
        assert keep.stop() == 0
        with tt.Daemon(beside(), directory=keep.dir) as d:
            tt.until("a second timer", lambda: len(timers(d)) == 2)
            tt.until("its ticks", lambda: len(frames(d, timers(d)[1][0])) >= 3)
            assert timers(d)[1][3:] == (None, None)
            assert d.stop() == 0
            for number, *_, closed_at, reason in timers(d):
                whole(frames(d, number))
                assert closed_at is not None and reason == "stop"


def test_the_end_of_a_timer_without_a_frame_is_kept_as_well():
    with tt.Daemon(beside(every="1h")) as d:
        assert d.stop() == 0
        (number, *_, closed_at, reason), = timers(d)
        assert frames(d, number) == []
        assert closed_at is not None and reason == "stop"


def test_time_is_kept():
    """Frames come at opened_at + k * every, however late each of them is."""
    with tt.Daemon(beside(every="10ms")) as d:
        tt.until("ticks", lambda: len(frames(d, "(select max(id) from connection where peer = 'timer')")) >= 60)
        assert d.stop() == 0
        (number, *_), = timers(d)
        rows = frames(d, number)
        whole(rows)
        opened_at, = d.rows("select opened_at from connection where id = %d" % number)[0]
        # No two of them belong to one time, and none came before its own.
        times = [(r[1] - opened_at) // 10000000 for r in rows]
        assert all(a < b for a, b in zip(times, times[1:])), times
        assert times[0] >= 1, times


def test_a_slow_destination_brings_no_burst():
    """It reads nothing for a second: what was missed in that time comes as one frame."""
    tree = f"""taskthread: 1
MasterThread:
  WebsocketMasterThread:
    spool: off
    queue: {{bytes: 64KiB}}
    WebSocketSubThread: {{url: "@URL@", format: json}}
  TimerThread: {{every: 2ms, text: {"x" * 8000}}}
"""
    with Destination(mode="mute") as dest, tt.Daemon(tree.replace("@URL@", dest.url)) as d:
        sent = tt.until("a queue that is full", lambda: full(d))
        began = time.monotonic()
        tt.until("a second", lambda: time.monotonic() > began + 1)
        assert sum_of(d) == sent
        dest.set("good")
        tt.until("what was missed", lambda: len(dest.messages) > sent + 30)
        assert d.stop() == 0
        d.last.check()
        got = [json.loads(m) for m in dest.payloads]
        assert [m["seq"] for m in got] == list(range(1, len(got) + 1))
        times = [nanoseconds(m["time"]) for m in got]
        assert times[sent] - times[sent - 1] >= NS, times
        # Each has a time of its own, so K + 1 of them take more than K - 1 times: one
        # less, for the wall clock's own steps.
        for k in (5, 10, 20):
            assert all(b - a > (k - 2) * 2000000 for a, b in zip(times, times[k:])), times


def nanoseconds(text):
    """TEXT, 2026-11-25T07:52:18.735281172Z, since 1970."""
    whole_seconds, part = text.rstrip("Z").split(".")
    return calendar.timegm(time.strptime(whole_seconds, "%Y-%m-%dT%H:%M:%S")) * NS + int(part.ljust(9, "0"))


def sum_of(d):
    return d.stats().check().frames("TimerThread", "up", "in")


def full(d):
    """The frames that a timer has sent, once it sends no more."""
    before = sum_of(d)
    time.sleep(0.2)
    return before if before and sum_of(d) == before else None


def test_a_queue_that_drops_loses_frames_and_counts_them():
    tree = """taskthread: 1
MasterThread:
  WebsocketMasterThread:
    spool: off
    queue: {bytes: 4KiB, when_full: drop_oldest}
    WebSocketSubThread: {url: "@URL@", format: json}
  TimerThread: {every: 1ms, text: tick}
"""
    with Destination(mode="away") as dest:
        with tt.Daemon(tree.replace("@URL@", dest.url)) as d:
            tt.until("drops", lambda: d.stats().check().dropped(reason="drop_oldest") > 20)
            dest.set("good")
            tt.until("messages", lambda: len(dest.messages) > 20)
            d.stop()
            d.last.check()


def test_two_timers_and_a_group_in_two_tables():
    tree = """taskthread: 1
MasterThread:
  TimerThread fast: {every: 10ms, text: fast}
  TimerThread slow: {UP: beats, every: 40ms, text: {hex: "00 ff"}}
  DatabaseThread: {IN: [data, beats], path: x.db}
"""
    with tt.Daemon(tree) as d:
        tt.until("beats", lambda: len(d.rows("select id from beats")) >= 3)
        assert d.stop() == 0
        fast, slow = sorted(timers(d), key=lambda r: r[1])
        assert [fast[1], slow[1]] == ["MasterThread/TimerThread fast", "MasterThread/TimerThread slow"]
        whole(frames(d, fast[0]), "fast")
        rows = d.rows("select connection, seq, payload from beats order by id")
        assert rows == [(slow[0], i + 1, b"\x00\xff") for i in range(len(rows))]
        assert d.last.check().frames("DatabaseThread", "in", "in") == \
            len(rows) + len(frames(d, fast[0]))


BELOW = """taskthread: 1
MasterThread:
  TCPServerThread:
    listen: 127.0.0.1:0
    UP: [data, beats]
    TCPConnectionThread:
      UP: [data, beats]
      DataProcessorThread: {framing: newline}
      TimerThread: {UP: beats, every: 10ms, text: tick}
  DatabaseThread: {IN: [data, beats], path: x.db}
"""


def test_a_timer_below_a_connection_lives_as_long_as_it():
    with tt.Daemon(BELOW) as d:
        a, b = tt.connect(d.port), tt.connect(d.port)
        a.sendall(b"one\n")
        tt.until("beats of both", lambda: d.rows(
            "select 1 from beats group by connection having count(*) >= 3")[1:])
        a.close()
        tt.until("the end of one timer", lambda: [r for r in timers(d) if r[4]])
        assert d.stop() == 0, d.lines
        b.close()
        rows = timers(d)
        assert len(rows) == 2 and all(r[4] == "stop" for r in rows), rows
        assert all(r[1].endswith("/TCPConnectionThread/TimerThread") for r in rows), rows
        for number, *_ in rows:
            assert whole(frames(d, number, "beats")) >= 3
        devices = d.rows("select close_reason from connection where peer <> 'timer' order by id")
        assert devices == [("peer",), ("stop",)], devices
        assert d.rows("select payload from data") == [(b"one",)]
        assert d.find(r"closed: peer, 1 frame, 3 bytes"), d.lines
        d.last.check()


def test_a_killed_daemon_leaves_the_connection_open():
    with tt.Daemon(beside()) as d:
        tt.until("ticks", lambda: len(frames(d, "(select max(id) from connection where peer = 'timer')")) >= 3)
        d.kill()
        (number, *_, closed_at, reason), = timers(d)
        assert (closed_at, reason) == (None, None)
        whole(frames(d, number))


if __name__ == "__main__":
    tt.main()
