#!/usr/bin/python3
"""What the daemon has acknowledged to a device is safe, whatever happens to it."""
import collections
import re
import struct

import device
import tt
from device import Device


def stored(d):
    """name -> numbers, in the order of the rows."""
    return collections.defaultdict(list, {name: have for (name, _), have in device.stored(d).items()})


def test_sigterm_under_load_keeps_everything_that_was_read():
    with tt.Destination() as dest:
        with tt.Daemon(tt.tree(urls=[dest.url], master="spool: off", connection="ack: count64")) as d:
            devices = [Device(d.port, "d-%d" % i) for i in range(20)]
            tt.until("some counts", lambda: all(x.count > 500 for x in devices))
            assert d.stop() == 0, d.lines[-5:]
            last = d.last.check()
            for x in devices:
                x.join()
            have = stored(d)
        at_destination = collections.defaultdict(list)
        for p in dest.payloads:
            name, _, i = device.parse(p)
            at_destination[name].append(i)
    for x in devices:
        assert x.wrong is None, x.wrong
        assert have[x.name] == list(range(len(have[x.name])))
        assert have[x.name] == at_destination[x.name]
        assert x.count == len(have[x.name]), "the last count, %d, is not all that was kept: %d" % (
            x.count, len(have[x.name]))
    assert last.frames("DataProcessorThread", "up", "in") == sum(map(len, have.values()))
    assert last.sum("closes_total", node="TCPConnectionThread", reason="stop") == 20


def test_the_last_count_comes_before_the_end():
    with tt.Daemon(tt.tree(connection="ack: count64")) as d:
        devices = [Device(d.port, "d-%d" % i, bound=n) for i, n in enumerate((0, 1, 7, 5000))]
        for x in devices:
            x.join()
            assert x.wrong is None and x.count == x.bound, (x.count, x.bound)
            assert len(stored(d)[x.name]) == x.bound
        assert d.stop() == 0


def test_a_broken_frame_gets_the_last_count_too():
    with tt.Daemon(tt.tree("{type: newline, max: 100}", connection="ack: count64")) as d:
        s = tt.connect(d.port)
        s.sendall(b"a\nb\n" + b"x" * 5000)
        data = tt.read_all(s)
        assert struct.unpack(">Q", data[-8:]) == (2,), data
        assert d.stop() == 0


def test_line_counts():
    with tt.Daemon(tt.tree(connection="ack: line")) as d:
        back = tt.send_and_close(d.port, b"a\nb\nc\n")
        assert re.fullmatch(rb"(ACK \d+\n)+", back) and back.endswith(b"ACK 3\n"), back
        assert tt.send_and_close(d.port, b"") == b""
        assert d.stop() == 0


def test_counts_wait_for_every_durable_user():
    with tt.Destination("no_pong") as dest:
        with tt.Daemon(tt.tree(urls=[dest.url], master="spool: off", connection="ack: count64")) as d:
            x = Device(d.port, "d", bound=10)
            tt.until("the rows", lambda: len(stored(d)["d"]) == 10)
            tt.until("the messages", lambda: len(dest.messages) == 10 and dest.pings)
            assert x.counts == []
            dest.set("good", drop=True)
            x.join()
            assert x.count == 10
            assert d.stop() == 0
            d.last.check()


def test_without_ack_nothing_is_written():
    with tt.Daemon(tt.tree()) as d:
        assert tt.send_and_close(d.port, b"a\nb\n") == b""
        assert d.stop() == 0


if __name__ == "__main__":
    tt.main()
