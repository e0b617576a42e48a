#!/usr/bin/python3
"""Each framing, cut everywhere, and what breaks it."""
import os
import struct

import tt

FRAMES = [b"one", b"", b"x" * 300, b"\xff\x00 three", b"y"]


def length(size, order="big", offset=b"", adjust=0, keep=False):
    """(framing, stream, frames as sent UP)"""
    stream, up = b"", []
    for f in FRAMES:
        value = len(f) - adjust
        if value < 0 or value >= 1 << 8 * size:
            continue
        header = offset + value.to_bytes(size, order)
        stream += header + f
        up.append(header + f if keep else f)
    options = f"type: length, size: {size}, order: {order}"
    if offset:
        options += f", offset: {len(offset)}"
    if adjust:
        options += f", adjust: {adjust}"
    options += f", header: {'keep' if keep else 'strip'}"
    return "{%s}" % options, stream, up


LINES = [b"one", b"", b"x" * 300, b"\xff\x00 three", b"y"]
CASES = {
    "newline": ("newline", b"\n".join(LINES) + b"\n", LINES),
    "crlf": ("{type: newline}", b"\r\n".join(LINES) + b"\r\n\r\r\n", LINES + [b"\r"]),
    "length1": length(1),
    "length2little": length(2, "little"),
    "length3keep": length(3, keep=True),
    "length4": length(4),
    "length8": length(8, "little"),
    "offset": length(2, offset=b"\xaa\xbb\xcc", keep=True),
    "adjust": length(4, adjust=-4),
    "delimiter": ('{type: delimiter, bytes: {hex: "ff fe"}}',
                  b"".join(x + b"\xff\xfe" for x in (b"a", b"", b"\xff", b"b\xfe")),
                  [b"a", b"", b"\xff", b"b\xfe"]),
    "text delimiter": ('{type: delimiter, bytes: "END"}', b"oneENDtwoENENDEND", [b"one", b"twoEN", b""]),
    "fixed": ("{type: fixed, size: 7}", b"1234567abcdefgABCDEFG", [b"1234567", b"abcdefg", b"ABCDEFG"]),
}


def received(d, n):
    """The frames of each connection, once N connections have ended."""
    tt.until("%d connections" % n, lambda: d.rows("select count(*) from connection where closed_at not null") == [(n,)])
    out = {}
    for c, p in d.rows("select connection, payload from data order by id"):
        out.setdefault(c, []).append(p)
    return [out.get(c, []) for (c,) in d.rows("select id from connection order by id")]


def one_case(name):
    framing, stream, frames = CASES[name]
    with tt.Daemon(tt.tree(framing)) as d:
        sent = 0
        # one cut, at every position of a short stream and at the edges of a long one
        cuts = [c for c in range(len(stream) + 1) if c < 80 or c > len(stream) - 80]
        for cut in cuts:
            s = tt.connect(d.port)
            s.sendall(stream[:cut])
            s.sendall(stream[cut:])
            s.shutdown(1)
            tt.wait_closed(s)
            sent += 1
        tt.Swarm(d.port, [stream] * 50, seed=sent, most=1).run()        # byte by byte
        tt.Swarm(d.port, [stream] * 50, seed=sent, most=20).run()
        for got in received(d, sent + 100):
            assert got == frames, (name, got, frames)
        assert d.stop() == 0
        assert d.last.check().sum("unfinished_bytes_total") == 0


def test_every_framing_cut_everywhere():
    for name in CASES:
        one_case(name)


def test_raw_is_what_was_read():
    with tt.Daemon(tt.tree("{type: raw}")) as d:
        tt.send_and_close(d.port, b"any bytes\n at all")
        assert b"".join(received(d, 1)[0]) == b"any bytes\n at all"


def closes(framing, stream, frames, reason, unfinished=None, **more):
    with tt.Daemon(tt.tree(framing, **more)) as d:
        s = tt.connect(d.port)
        s.sendall(stream)
        if reason == "peer":
            s.shutdown(1)
        tt.wait_closed(s)
        assert received(d, 1) == [frames]
        assert d.rows("select close_reason from connection") == [(reason,)]
        assert d.stop() == 0
        last = d.last.check()
        assert last.sum("closes_total", node="TCPConnectionThread", reason=reason) == 1
        if unfinished is not None:
            assert last.sum("unfinished_bytes_total") == unfinished, last.counters
        return d.lines


def test_exactly_max_is_accepted_and_one_more_is_not():
    small = "{type: newline, max: 10}"
    closes(small, b"1234567890\nab\n", [b"1234567890", b"ab"], "peer")
    closes(small, b"1234567890\r\nab\n", [b"1234567890", b"ab"], "peer")
    closes(small, b"ok\n12345678901\nab\n", [b"ok"], "oversize")
    closes(small, b"ok\n123456789012", [b"ok"], "oversize")         # without its end
    length4 = "{type: length, size: 4, max: 10}"
    closes(length4, tt.length_frame(b"1" * 10), [b"1" * 10], "peer")
    closes(length4, tt.length_frame(b"ok") + struct.pack(">I", 11), [b"ok"], "oversize")


def test_a_length_below_zero_closes_with_framing():
    closes("{type: length, size: 4, adjust: -4}", struct.pack(">I", 6) + b"ok" + struct.pack(">I", 3),
           [b"ok"], "framing")


def test_bytes_without_an_end_are_counted():
    closes("newline", b"one\ntwo", [b"one"], "peer", unfinished=3)
    closes("{type: length, size: 4}", struct.pack(">I", 100) + b"abc", [], "peer", unfinished=7)
    closes("{type: fixed, size: 4}", b"abcdef", [b"abcd"], "peer", unfinished=2)


def test_a_frame_that_does_not_end_in_time_closes():
    closes("newline", b"one\ntwo", [b"one"], "frame_timeout", processor="frame_timeout: 200ms")


def test_a_silent_connection_closes_when_told_so():
    closes("newline", b"one\n", [b"one"], "idle_timeout", connection="idle_timeout: 200ms")


def test_a_chain_of_processors():
    text = """taskthread: 1
MasterThread:
  TCPServerThread:
    listen: 127.0.0.1:0
    TCPConnectionThread:
      DataProcessorThread outer: {IN: packets, UP: frames, framing: {type: length, size: 2}}
      DataProcessorThread inner: {IN: frames, UP: data, framing: newline}
  DatabaseThread: {path: x.db}
"""
    inner = b"a\nbb\n\nccc\nrest of a line\n"
    stream = b"".join(struct.pack(">H", len(inner[i:i + 3])) + inner[i:i + 3] for i in range(0, len(inner), 3))
    with tt.Daemon(text) as d:
        tt.Swarm(d.port, [stream] * 20, most=3).run()
        for got in received(d, 20):
            assert got == inner[:-1].split(b"\n"), got
        assert d.stop() == 0
        d.last.check()


def test_a_unix_listener():
    where = os.path.join(tt.directory(), "in")
    with tt.Daemon(tt.tree(listen="unix:" + where)) as d:
        import socket
        s = socket.socket(socket.AF_UNIX)
        s.connect(where)
        s.sendall(b"over unix\n")
        s.shutdown(1)
        tt.wait_closed(s)
        assert received(d, 1) == [[b"over unix"]]
        assert d.stop() == 0
        assert not os.path.exists(where)


if __name__ == "__main__":
    tt.main()
