#!/usr/bin/python3
"""A database that is not what was written: bytes flipped, cut short, its WAL lost or
torn, garbage under the running daemon.  It starts and goes on, what it cannot read it
sets aside, and nothing that was acknowledged is missing but what the damage itself
has overwritten."""
import contextlib
import os
import random
import re
import shutil
import signal
import sqlite3

import tt
from device import Device

TREE = tt.tree(connection="ack: count64\n      ack_interval: 5ms", database="path: x.db, linger: 1ms")
FRAME = re.compile(rb"(base|new|a|b|c) (\d+) (\d+) x{200}")      # what stands before it may be a letter
PAGE = 8192
WHOSE = set(range(16)) | set(range(60, 64)) | set(range(68, 72))    # bytes that say whose file it is


def frames(data):
    """The frames that stand in these bytes: a page that is whole can be read by
    sqlite3's .recover."""
    return set(FRAME.findall(data))


def contents(path):
    with open(path, "rb") as f:
        return f.read()


def kept(d):
    """All frames in all files that are, or were, the database."""
    out = set()
    for name in os.listdir(d.dir):
        if name.startswith("x.db") and not name.endswith("-shm"):
            out |= frames(contents(d.path(name)))
    return out


def aside(d):
    return [n for n in os.listdir(d.dir) if ".damaged-" in n]


def selected(path):
    """What SQLite finds in a copy of the file and its WAL."""
    at = tt.directory()
    for suffix in ("", "-wal"):
        with contextlib.suppress(FileNotFoundError):
            shutil.copy(path + suffix, os.path.join(at, "copy" + suffix))
    try:
        return frames(b"\n".join(p for (p,) in tt.rows(os.path.join(at, "copy"), "select payload from data")))
    except sqlite3.DatabaseError:
        return set()


def send(d, name, n, life=0):
    """N frames, all acknowledged."""
    device = Device(d.port, name, bound=n, life=life)
    device.join()
    assert device.wrong is None and device.count == n, (device.wrong, device.count)
    return acknowledged(device)


def acknowledged(device):
    return {(device.name.encode(), b"%d" % device.life, b"%d" % (device.first + i)) for i in range(device.count)}


def base(killed, n=3000):
    """A directory with a database of N frames.  KILLED: the last stand in its WAL."""
    with tt.Daemon(TREE, directory=tt.directory()) as d:
        send(d, "base", n)
        if killed:
            d.kill()
        else:
            assert d.stop() == 0
        return d.dir


def again(home, harm):
    """A copy of HOME, after HARM(path of the database)."""
    at = tt.directory()
    shutil.copytree(home, at, dirs_exist_ok=True, ignore=shutil.ignore_patterns("notify"))
    harm(os.path.join(at, "x.db"))
    return at


def goes_on(at, before, what):
    """A daemon starts in AT, takes frames and stops; none of BEFORE has gone."""
    with tt.Daemon(TREE, directory=at) as d:
        new = send(d, "new", 200)
        assert d.stop() == 0, what
        d.last.check()
        assert new <= selected(d.path("x.db")), what
        missing = before - kept(d)
        assert not missing, "%s: %d frames are gone" % (what, len(missing))
        assert bool(aside(d)) == bool(d.find(r"damaged.*it is now .*\.damaged-\d{8}T\d{6}Z")), (what, aside(d))
        return aside(d)


# --- while it is stopped ------------------------------------------------------

def test_flipped_bytes():
    home = base(killed=False)
    size = os.path.getsize(os.path.join(home, "x.db"))
    rng = random.Random(4)
    places = [16, 18, 20, 28, 44, 56, 100, 103, 105, PAGE - 40, PAGE, PAGE + 3, 2 * PAGE + 5, size - PAGE + 1] + \
        [rng.randrange(100, size) for _ in range(8)]
    found = 0
    for at in places:
        def harm(path):
            with open(path, "r+b") as f:
                f.seek(at)
                byte = f.read(1)[0]
                f.seek(at)
                f.write(bytes([byte ^ 0xff]))
        copy = again(home, harm)
        found += bool(goes_on(copy, kept_in(copy), "byte %d" % at))
    assert found >= 5, found


def kept_in(at):
    return frames(contents(os.path.join(at, "x.db")))


def test_bytes_that_tell_whose_it_is():
    home = base(killed=False, n=10)
    for at in (0, 68):
        def harm(path):
            with open(path, "r+b") as f:
                f.seek(at)
                f.write(b"\xff")
        copy = again(home, harm)
        before = contents(os.path.join(copy, "x.db"))
        with tt.Daemon(TREE, directory=copy, ready=False) as d:
            assert d.wait() == 1
            assert contents(d.path("x.db")) == before and not aside(d)


def test_cut_short():
    home = base(killed=False)
    size = os.path.getsize(os.path.join(home, "x.db"))
    for length in (0, 100, 4096, PAGE, 2 * PAGE + 100, size // 2, size - PAGE):
        copy = again(home, lambda path: os.truncate(path, length))
        was = goes_on(copy, kept_in(copy), "cut to %d" % length)
        assert len(was) == (1 if length > 0 else 0), (length, was)


def test_a_wal_that_is_lost_torn_or_garbage():
    home = base(killed=True)
    wal = os.path.getsize(os.path.join(home, "x.db-wal"))

    def lost(path):
        os.unlink(path + "-wal")

    def garbage(at, n):
        def harm(path):
            with open(path + "-wal", "r+b") as f:
                f.seek(at)
                f.write(random.Random(at).randbytes(n))
        return harm
    harms = [("lost", lost), ("its file lost", os.unlink), ("garbage", garbage(0, wal)), ("its header", garbage(8, 20)),
             ("its middle", garbage(wal // 2, 5000)), ("its end", garbage(wal - 100, 100))] + \
        [("cut to %d" % n, lambda path, n=n: os.truncate(path + "-wal", n)) for n in (0, 20, 32, wal // 3, wal - 1)]
    for what, harm in harms:
        copy = again(home, harm)
        was = goes_on(copy, selected(os.path.join(copy, "x.db")), what)
        assert bool(was) == (what in ("garbage", "its header", "its file lost")), (what, was)


# --- while it runs ------------------------------------------------------------

@contextlib.contextmanager
def standing_still(d, anew):
    """The daemon stands, between two commits.  ANEW: somebody has written to the file
    meanwhile, so that the daemon reads its pages again."""
    db = sqlite3.connect(d.path("x.db"), timeout=0, isolation_level=None)
    db.execute("pragma user_version").fetchone()

    def locked():
        d.process.send_signal(signal.SIGSTOP)
        try:
            db.execute("begin immediate")
            return True
        except sqlite3.OperationalError:
            d.process.send_signal(signal.SIGCONT)
            return False
    tt.until("a moment between two commits", locked)
    yield
    if anew:
        db.execute("pragma user_version=0")
    db.execute("commit")
    os.kill(d.pid, signal.SIGCONT)
    db.close()


def under_load(harm, noticed, anew=True):
    """Three devices send without end; in the midst HARM(daemon) returns the frames that
    it has overwritten.  NOTICED: it is known to be found by a write."""
    with tt.Daemon(TREE, directory=tt.directory()) as d:
        lives = [Device(d.port, name) for name in ("a", "b", "c")]
        tt.until("frames", lambda: all(x.count > 1500 for x in lives))
        with standing_still(d, anew):
            gone = harm(d)
        if noticed:
            d.wait_log(r"x\.db was damaged: it is now .*\.damaged-")
        sent = [x.count for x in lives]
        tt.until("more frames", lambda: all(x.count > n + 1500 for x, n in zip(lives, sent)))
        for x in lives:
            x.bound = 0                     # ends with what is sent
        for x in lives:
            x.join()
            assert x.wrong is None, x.wrong
        assert d.stop() == 0
        d.last.check()
        have = kept(d)
        for x in lives:
            missing = acknowledged(x) - have - gone
            assert not missing, "%s: %d of %d frames are gone" % (x.name, len(missing), x.count)
        if noticed:
            assert len([n for n in aside(d) if not n.endswith("-wal")]) == 1, aside(d)
            assert tt.rows(d.path("x.db"), "pragma integrity_check") == [("ok",)]
        # And the next day it starts.
        with tt.Daemon(TREE, directory=d.dir) as next_day:
            new = send(next_day, "new", 100)
            assert next_day.stop() == 0
            assert new <= selected(d.path("x.db"))


def into_the_file(d):
    """Garbage over all but the first page."""
    data = contents(d.path("x.db"))
    with open(d.path("x.db"), "r+b") as f:
        f.seek(PAGE)
        f.write(b"\xee" * (len(data) - PAGE))
    return frames(data)


def test_garbage_written_into_the_running_file():
    under_load(into_the_file, False)


def test_garbage_written_into_the_running_file_and_its_wal():
    def harm(d):
        return into_the_file(d) | into_the_wal(d)
    under_load(harm, True)


def test_garbage_that_is_not_read_while_it_runs():
    under_load(into_the_file, False, anew=False)


def test_a_running_file_that_is_cut_short():
    def harm(d):
        data = contents(d.path("x.db"))
        os.truncate(d.path("x.db"), PAGE)
        return frames(data)
    under_load(harm, False)


def into_the_wal(d):
    with open(d.path("x.db-wal"), "r+b") as f:
        data = f.read()
        f.seek(32)
        f.write(b"\xee" * (len(data) - 32))
    return frames(data)


def test_garbage_written_into_the_running_wal():
    under_load(into_the_wal, False)


if __name__ == "__main__":
    tt.main()
