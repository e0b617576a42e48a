#!/usr/bin/python3
"""Disks that fail, fill up or are slow, under load: no count leaves before its fsync,
nothing is lost, nothing spins, and the service goes on by itself."""
import errno
import os
import re
import threading

import device
import tt
from faulty import Faults, disk, fill, remount

ENOUGH = 300                            # frames of each device to see that it goes on


class Case:
    """A daemon on a disk that can fail, with devices that send without end."""

    def __init__(self, devices=4, match=None, **more):
        self.home = tt.directory()
        self.faults = Faults(match or self.home, shadow=True)
        self.text = tt.tree(connection="ack: count64\n      ack_interval: 1ms", **more)
        self.n = devices
        self.devices = []

    def __enter__(self):
        self.d = tt.Daemon(self.text, directory=self.home, prefix=self.faults.prefix)
        self.begin()
        return self

    def begin(self):
        self.devices += [device.Device(self.d.port, "d%d" % (len(self.devices) + i)) for i in range(self.n)]

    def __exit__(self, *error):
        self.d.__exit__(*error)

    def goes_on(self):
        """Each device gets more acknowledged."""
        before = [x.count for x in self.devices]
        tt.until("counts of every device",
                 lambda: all(x.count >= n + ENOUGH for x, n in zip(self.devices, before)))

    def total(self):
        return sum(x.count for x in self.devices)

    def trouble(self, pattern):
        """The log and the status say it; nothing is acknowledged and nothing spins."""
        self.d.wait_log(pattern)
        tt.until("its status", lambda: status(self.d, r"^running, .*DatabaseThread: .* tried again for"))
        counts, cpu, lines = self.total(), self.d.cpu(), self.d.count(pattern)
        errors = self.faults.control.errors
        tt.until("more errors", lambda: self.faults.control.errors >= errors + 2)
        assert self.d.cpu() - cpu < 0.2, self.d.cpu() - cpu
        assert self.d.count(pattern) <= lines + 1, "it is said once"
        return counts

    def stop(self):
        """In order, and all is there that was acknowledged, from both sides."""
        assert self.d.stop() == 0, self.d.lines[-5:]
        last = self.d.last.check()
        have, _ = device.connections(self.d)
        for x in self.devices:
            x.join(tt.DEADLINE)
            got = have[x.name, 0]
            device.check(x, got, "database")
            assert x.count == len(got), "the last count is not all that was kept"
        assert last.frames("DatabaseThread", "in", "out") == sum(map(len, have.values()))
        assert last.dropped(node="DatabaseThread") == 0
        return have


def status(d, pattern):
    d.notify.has("")
    now = [m[7:] for m in d.notify.messages if m.startswith("STATUS=")]
    return now and re.search(pattern, now[-1])


def well(d):
    return status(d, r"^running, \d+ nodes$")


def test_a_count_waits_for_its_fsync():
    with Case() as c:
        c.goes_on()
        for _ in range(5):
            begun = c.faults.control.syncs_begun
            c.faults.set(hold=1)
            tt.until("a sync", lambda n=begun: c.faults.control.syncs_begun > n)
            # Twice around the loop: what the sync before has freed is out.
            c.d.stats()
            c.d.stats()
            safe = {k: len(v) for k, v in shadowed(c).items()}
            for x in c.devices:
                assert x.count <= safe.get((x.name, 0), 0), "a count of what is not synced"
            c.faults.clear()
            c.goes_on()
        c.stop()


def shadowed(c):
    """What a power cut would leave at this moment."""
    at = tt.directory()
    for name in os.listdir(c.faults.shadow):
        if name.startswith("x.db"):
            with open(os.path.join(c.faults.shadow, name), "rb") as f, open(os.path.join(at, name), "wb") as to:
                to.write(f.read())

    class Copy:
        rows = staticmethod(lambda sql, name: tt.rows(os.path.join(at, name), sql))
    return device.stored(Copy)


def test_a_power_cut_takes_what_was_not_synced():
    # Without which the test before, and test_kill.py, would show nothing.
    taken = []
    while len(taken) < 5 and max(taken, default=0) <= 0:    # it may just have been synced
        with Case(database="path: x.db, durability: lazy") as c:
            c.goes_on()
            c.d.kill()
            had = sum(map(len, device.stored(c.d).values()))
            c.faults.cut_power()
            kept = sum(map(len, device.stored(c.d).values()))
            assert c.total() <= had and kept <= had, (kept, c.total(), had)
            taken.append(c.total() - kept)
    assert taken[-1] > 0, taken


def test_one_failed_fsync_loses_nothing():
    with Case() as c:
        for _ in range(3):
            c.goes_on()
            start = len(c.d.lines)
            c.faults.set(sync_error=errno.EIO, times=1)
            c.d.wait_log("opened anew", start)
            c.d.wait_log("works again", start)
            c.goes_on()
        tt.until("a status without trouble", lambda: well(c.d))
        c.stop()


def test_writes_that_fail_once_lose_nothing():
    with Case() as c:
        c.goes_on()
        c.faults.set(write_error=errno.EIO, times=1)
        c.d.wait_log("opened anew")
        c.d.wait_log("works again")
        c.goes_on()
        c.stop()


def test_a_full_disk_is_waited_for():
    with Case() as c:
        c.goes_on()
        c.faults.set(room=200000)
        before = c.trouble("full|No space")
        assert c.total() == before
        c.faults.clear()
        c.goes_on()
        tt.until("a status without trouble", lambda: well(c.d))
        c.stop()


def test_a_slow_fsync_slows_devices_and_nothing_else():
    with Case() as c:
        c.faults.set(sync_ns=20_000_000)
        c.goes_on()
        c.faults.set(sync_ns=1_000_000_000)
        syncs, cpu, read = c.faults.control.syncs, c.d.cpu(), sum(x.sent for x in c.devices)
        tt.until("a slow sync", lambda: c.faults.control.syncs > syncs)
        # One sync of a second, and what devices could send until the queue was full.
        assert c.d.cpu() - cpu < 0.5 + (sum(x.sent for x in c.devices) - read) * 2e-5
        c.faults.clear()
        c.goes_on()
        c.stop()


def test_a_slow_disk_holds_up_no_destination_while_there_is_room():
    with tt.Destination() as dest, Case(0, urls=[dest.url]) as c:
        c.faults.set(hold=1)
        x = device.Device(c.d.port, "d0", bound=1000)
        c.devices.append(x)
        tt.until("all at the destination", lambda: len(dest.payloads) == 1000)
        assert x.counts == [] and not shadowed(c)
        c.faults.clear()
        x.join(tt.DEADLINE)
        assert x.count == 1000
        c.stop()


def test_a_file_system_that_is_read_only_for_a_moment_loses_nothing():
    with Case() as c:
        c.goes_on()
        c.faults.set(write_error=errno.EROFS)
        c.d.wait_log("Read-only|readonly")
        tt.until("its status", lambda: status(c.d, "DatabaseThread: .*tried again for"))
        c.faults.clear()
        c.goes_on()
        c.stop()


def test_a_file_system_that_is_read_only_ends_the_start_and_changes_nothing():
    with disk("16m") as at:
        home, text = tt.directory(), tt.tree(database="path: %s/x.db" % at)
        with tt.Daemon(text, directory=home) as d:
            tt.send_and_close(d.port, b"hello\n")
            assert d.stop() == 0
        remount(at, "ro")
        with tt.Daemon(text, directory=home, ready=False) as d:
            assert d.wait() == 1
            assert d.find("Read-only|readonly"), d.lines
        remount(at, "rw")
        with tt.Daemon(text, directory=home) as d:
            assert d.stop() == 0
        assert tt.rows(at + "/x.db", "select payload from recent") == [("hello",)]


def test_a_disk_that_cannot_be_read_for_a_moment_loses_nothing():
    with Case() as c:
        c.goes_on()
        c.d.kill()
        lives = len(c.devices)
        c.faults.flush()
        c.faults.set(read_error=errno.EIO)
        c.d = tt.Daemon(c.text, directory=c.home, prefix=c.faults.prefix, ready=False)
        ended = tt.until("trouble", lambda: c.d.process.poll() is not None or c.d.find("I/O error"))
        assert ended
        c.faults.clear()
        if c.d.process.poll() is not None or not waited_ready(c.d):
            assert c.d.wait() == 1, c.d.lines[-3:]
            c.d.__exit__(None, None, None)
            c.d = tt.Daemon(c.text, directory=c.home, prefix=c.faults.prefix)
        for x in c.devices:
            x.join(tt.DEADLINE)
            device.check(x, device.stored(c.d)[x.name, 0], "database")
        c.begin()
        c.devices, old = c.devices[lives:], c.devices[:lives]
        c.goes_on()
        assert c.d.stop() == 0
        have = device.stored(c.d)
        for x in old + c.devices:
            x.join(tt.DEADLINE)
            device.check(x, have[x.name, 0], "database")


def waited_ready(d):
    tt.until("ready, or an end", lambda: d.process.poll() is not None or d.notify.has("READY=1"))
    return d.process.poll() is None


def test_a_small_disk_that_fills_up_under_load():
    with disk("4m") as at:
        home = tt.directory()
        text = tt.tree(connection="ack: count64\n      ack_interval: 1ms", database="path: %s/x.db" % at)
        with tt.Daemon(text, directory=home) as d:
            x = device.Device(d.port, "d")
            d.wait_log("full|No space")
            tt.until("its status", lambda: status(d, r"DatabaseThread: .*full, tried again for \d+ s, \d+ frames wait"))
            count, cpu = x.count, d.cpu()
            threading.Event().wait(0.5)         # nothing is to happen
            assert x.count == count and d.cpu() - cpu < 0.1
            assert d.process.poll() is None
            remount(at, "size=500m")
            tt.until("it goes on", lambda: x.count > count + ENOUGH)
            tt.until("a status without trouble", lambda: well(d))
            assert d.stop() == 0
            x.join(tt.DEADLINE)
            device.check(x, device.stored(d, at + "/x.db")["d", 0], "database")
            d.last.check()


def test_a_full_disk_and_nobody_who_sends_costs_nothing():
    with disk("4m") as at:
        fill(at)
        with tt.Daemon(tt.tree(database="path: %s/x.db" % at), ready=False) as d:
            d.wait_log("full|No space")
            tt.until("its status", lambda: status(d, r"^starting, \d+ nodes; .*full.*, tried again for"))
            assert any(m.startswith("EXTEND_TIMEOUT_USEC=") for m in d.notify.messages)
            os.unlink(os.path.join(at, "fill"))
            d.wait_ready()
            assert d.stop() == 0


if __name__ == "__main__":
    tt.main()
