#!/usr/bin/python3
"""Memory that is out: every allocation fails once, in a whole life of start, accept,
frames and stop.  The daemon goes on, or says so and ends with 1; it never crashes, and
the next one finds all that was acknowledged.

Every NO_MEMORY_STEP-th allocation is tried (97; 1 for all), from NO_MEMORY_FROM on."""
import contextlib
import os
import signal
import socket

import tt
from faulty import Faults

STEP = int(os.environ.get("NO_MEMORY_STEP", "97"))
FROM = int(os.environ.get("NO_MEMORY_FROM", "1"))
TRACE = bool(os.environ.get("NO_MEMORY_TRACE"))


def life(text, faults, at, more=0):
    """A short one whose allocation number AT fails.  Returns how it ended, and how
    many of its frames were acknowledged."""
    c = faults.control
    c.allocations = c.failed = 0
    c.fail_more = more
    c.fail_at = at
    count = 0
    with tt.Daemon(text, directory=faults.home, prefix=faults.prefix, ready=False) as d:
        def began():
            return d.process.poll() is not None or d.notify.has("READY=1")
        try:
            tt.until("ready, or an end", began)
            if d.process.poll() is None:
                count = device(d)
        except BaseException:
            d.process.kill()
            raise
        if d.process.poll() is None:
            d.process.send_signal(signal.SIGTERM)
        status = d.wait()
        return status, count, list(d.lines)


def device(d):
    """Three frames; the last count that came back, if the daemon lived for that."""
    back = b""
    with contextlib.suppress(OSError):
        s = socket.create_connection(("127.0.0.1", d.port), timeout=tt.DEADLINE)
        with s:
            s.sendall(b"a\nb\nc\n")
            s.shutdown(socket.SHUT_WR)
            back = tt.read_all(s)
    return int.from_bytes(back[-8:], "big") if len(back) >= 8 else 0


def described(status, lines):
    return "status %s\n%s" % (status, "\n".join(x[:300] for x in lines[-30:]))


def each(text, faults):
    """Every STEP-th allocation, until one life passes without a failure."""
    at, acknowledged, endings, wrong = FROM, 0, {}, []
    while True:
        status, count, lines = life(text, faults, at)
        acknowledged += count
        endings[status] = endings.get(status, 0) + 1
        if status not in (0, 1, 78):
            wrong.append((at, described(status, lines)))
        elif status and not lines:
            wrong.append((at, "status %d, and no word why" % status))
        have = len(tt.rows(os.path.join(faults.home, "x.db"), "select 1 from data"))
        assert have >= acknowledged, "allocation %d: %d of %d acknowledged frames are there" % (at, have, acknowledged)
        if not faults.control.failed:
            assert status == 0 and count == 3, described(status, lines)
            break
        at += STEP
    for where, what in wrong[:40]:
        print("    allocation %d: %s" % (where, what.replace("\n", "\n    | ")))
    assert not wrong, "%d of %d: allocations %s" % (len(wrong), sum(endings.values()), [w for w, _ in wrong])
    assert faults.control.allocations > 100
    return endings


def faults_in(home):
    f = Faults(trace=TRACE)
    f.home = home
    return f


def test_each_allocation_fails_once():
    faults = faults_in(tt.directory())
    print("    endings:", each(tt.tree(connection="ack: count64"), faults))


def test_each_allocation_fails_once_with_a_destination():
    with tt.Destination() as dest:
        faults = faults_in(tt.directory())
        # A destination that cannot be reached for want of memory is tried again.
        text = tt.tree(connection="ack: count64", urls=[dest.url], sub="backoff: 10ms..50ms, ack_timeout: 1s",
                       daemon="stop_timeout: 2s")
        print("    endings:", each(text, faults))


if __name__ == "__main__":
    tt.main()
