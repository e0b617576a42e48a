#!/usr/bin/python3
"""SIGTERM in each bad state: it ends within stop_timeout and what the end itself may
take, with the status that is promised, and what was acknowledged is there afterwards.

BACKLOG_MIB says how much waits in the spool where that is much (16)."""
import contextlib
import os
import re
import signal
import time

import device
import tt
from faulty import Faults, disk, fill

TIMEOUT = 1                             # s, stop_timeout where it must pass
LAST = 4                                # s, which the end may take behind it
SLOW = 10 if tt.SANITIZED else 1
BACKLOG = int(os.environ.get("BACKLOG_MIB", "16")) << 20


def text(timeout="%ds" % TIMEOUT, **more):
    return tt.tree(connection="ack: count64\n      ack_interval: 1ms", daemon="stop_timeout: " + timeout, **more)


def stopped(d, within, expected):
    began = time.monotonic()
    status = d.stop()
    took = time.monotonic() - began
    assert status == expected, "status %s: %s" % (status, d.lines[-5:])
    assert took < within * SLOW, "it took %.1f s" % took
    d.last.check()


def check(d, devices):
    """What the next start finds: all that was acknowledged, once and in order."""
    for x in devices:
        x.join(tt.DEADLINE)
    with tt.Daemon(d.text, directory=d.dir) as again:
        assert again.stop() == 0
    have = device.stored(d)
    for x in devices:
        device.check(x, have.get((x.name, 0), []), "database")


def daemon(home, what, prefix=(), **more):
    d = tt.Daemon(what, directory=home, prefix=prefix, **more)
    d.text = what
    return d


def flow(d, n=4, goal=1000):
    devices = [device.Device(d.port, "d%d" % i) for i in range(n)]
    tt.until("some counts", lambda: sum(x.count for x in devices) >= goal)
    return devices


def extensions(d):
    d.notify.has("")
    out = []
    for m in d.notify.messages:
        out += [int(n) for n in re.findall(r"(?m)^EXTEND_TIMEOUT_USEC=(\d+)$", m)]
    return out


def dead_destination(master, goal, expected):
    """Somebody has its port who never says a word.  Returns what systemd was asked."""
    sub = "connect_timeout: 300ms, backoff: 10ms..50ms"
    with tt.Destination() as dest:
        with daemon(tt.directory(), text("3s", urls=[dest.url], sub=sub, master=master)) as d:
            devices = flow(d)
            dest.set("silent")
            sent = sum(x.sent for x in devices)
            tt.until("frames behind it", lambda: sum(x.sent for x in devices) > sent + goal)
            start = len(extensions(d))
            stopped(d, 3 + LAST, expected)
            got = extensions(d)[start:]
            check(d, devices)
            return got, d.notify.messages


def test_while_a_destination_is_dead_and_nothing_spools():
    got, messages = dead_destination("spool: off", 0, 1)
    assert "STOPPING=1" in messages and len(got) >= 2, messages
    # Never beyond the end that the stop has.
    assert all(0 < us <= (3 + LAST) * 1e6 for us in got) and got == sorted(got, reverse=True), got
    assert any(re.match(r"STATUS=stopping, \d+ outstanding, [0-3] s left", m) for m in messages)


def test_while_a_destination_is_dead_and_the_spool_has_it_all():
    dead_destination("", 5000, 0)


def test_while_the_disk_is_slow():
    home = tt.directory()
    faults = Faults(home)
    with daemon(home, text("20s"), faults.prefix) as d:
        faults.set(sync_ns=20_000_000)
        devices = flow(d)
        stopped(d, 10, 0)
        for x in devices:
            x.join(tt.DEADLINE)
            assert x.count == len(device.stored(d)[x.name, 0]), "the last count is not all that was kept"
        check(d, devices)


def comes_after_the_next_start(d, dest, devices):
    """All that was counted, whatever the destination had of it when D was stopped."""
    total = sum(x.count for x in devices)
    with daemon(d.dir, d.text) as again:
        tt.until("the rest at the destination",
                 lambda: again.process.poll() is None and len(set(dest.payloads)) >= total)
        assert again.stop() == 0
    there = device.arrived(dest.payloads)
    for x in devices:
        device.check(x, there[x.name, 0], "destination")


def test_while_a_sync_takes_a_second():
    # Both the database and the spool are on such a disk.
    home = tt.directory()
    faults = Faults(home)
    with tt.Destination() as dest:
        with daemon(home, text("60s", urls=[dest.url], sub="connect_timeout: 300ms, backoff: 10ms..50ms"),
                    faults.prefix) as d:
            devices = flow(d)
            dest.set("silent")
            faults.set(sync_ns=1_000_000_000)
            begun = faults.control.syncs_begun
            tt.until("two syncs", lambda: faults.control.syncs_begun >= begun + 2)
            start, cpu, began = len(extensions(d)), d.cpu(), time.monotonic()
            d.process.send_signal(signal.SIGTERM)
            used = cpu
            while d.process.poll() is None:
                with contextlib.suppress(OSError):
                    used = d.cpu()
                time.sleep(0.05)
            took = time.monotonic() - began
            assert d.wait() == 0, d.lines[-5:]
            assert took < 30 * SLOW and used - cpu < 1, (took, used - cpu)
            assert len(extensions(d)) > start
            faults.clear()
            for x in devices:
                x.join(tt.DEADLINE)
                assert x.count == len(device.stored(d)[x.name, 0]), "the last count is not all that was kept"
            print("    stopped in %.1f s, with %.2f s of CPU" % (took, used - cpu))
            dest.set("good")
            comes_after_the_next_start(d, dest, devices)


def test_while_the_disk_hangs():
    home = tt.directory()
    faults = Faults(home, shadow=True)
    with daemon(home, text(), faults.prefix) as d:
        devices = flow(d)
        syncs = faults.control.syncs_begun
        faults.set(hold=1)
        tt.until("a sync that hangs", lambda: faults.control.syncs_begun > syncs)
        began = time.monotonic()
        d.process.send_signal(signal.SIGTERM)
        assert d.wait() == 1
        assert time.monotonic() - began < (TIMEOUT + LAST) * SLOW
        faults.cut_power()
        check(d, devices)


def test_with_a_large_backlog():
    with tt.Destination() as dest:
        with daemon(tt.directory(), text("30s", urls=[dest.url])) as d:
            devices = flow(d, 20, 20000)
            stopped(d, 30, 0)
            check(d, devices)
            have = device.stored(d)
            for x in devices:
                assert x.count == len(have[x.name, 0])
            # What the spool has kept comes now.
            comes_after_the_next_start(d, dest, devices)


class Heads(list):
    """A destination's messages without their padding."""

    def append(self, message):
        super().append((message[0], message[1][:40]))


def backlog(mode):
    """The destination is there or not, and what it has not got is in the spool: at the
    stop, and after it."""
    padding = b"x" * 16000
    what = text("30s", urls=["@URL@"], database="", master="spool: {bytes: 64GiB}",
                sub="connect_timeout: 300ms, backoff: 10ms..50ms")
    with tt.Destination() as dest:
        dest.messages = Heads()
        dest.set(mode)
        with daemon(tt.directory(), what.replace("@URL@", dest.url)) as d:
            devices = [device.Device(d.port, "d%d" % i, padding=padding) for i in range(4)]
            tt.until("a backlog", lambda: sum(x.count for x in devices) * len(padding) >= BACKLOG,
                     tt.DEADLINE + BACKLOG / 1e7)
            start, began = len(extensions(d)), time.monotonic()
            stopped(d, 10, 0)
            took, asked = time.monotonic() - began, extensions(d)[start:]
            assert asked, d.notify.messages
            for x in devices:
                x.join(tt.DEADLINE)
            assert len(dest.messages) * len(padding) < BACKLOG / 2
            dest.set("good")
            began = time.monotonic()
            with daemon(d.dir, d.text) as again:
                ready = time.monotonic() - began
                total = sum(x.count for x in devices)
                tt.until("all at the destination", lambda: len(dest.messages) >= total and again.process.poll() is None and
                         all(len(n) >= x.count for x in devices for n in [device.arrived(dest.payloads)[x.name, 0]]),
                         tt.DEADLINE + BACKLOG / 1e6)
                assert again.stop() == 0
            print("    %d MiB: stopped in %.2f s, of systemd asked %s us, ready again in %.3f s, after %.1f s it has all" %
                  (total * len(padding) >> 20, took, asked, ready, time.monotonic() - began))
            there = device.arrived(dest.payloads)
            for x in devices:
                device.check(x, there[x.name, 0], "destination")


def test_with_a_backlog_for_a_destination_that_is_dead():
    backlog("silent")


def test_with_a_backlog_for_a_destination_that_is_slow():
    backlog("slow")


def test_during_the_start():
    with disk("2m") as at:
        fill(at)
        with daemon(tt.directory(), text("20s", database="path: %s/x.db" % at), ready=False) as d:
            d.wait_log("full|No space")
            assert not d.notify.has("READY=1")
            stopped(d, 5, 0)
            os.unlink(os.path.join(at, "fill"))
            with daemon(d.dir, d.text) as again:
                stopped(again, 5, 0)


def test_twice():
    home = tt.directory()
    faults = Faults(home)
    with daemon(home, text("30s"), faults.prefix) as d:
        devices = flow(d)
        faults.set(room=0)
        d.wait_log("full|No space")
        d.process.send_signal(signal.SIGTERM)
        d.wait_log("Terminated: stopping$")
        stopped(d, LAST, 1)
        assert d.find("not written")
        faults.clear()
        check(d, devices)


if __name__ == "__main__":
    tt.main()
