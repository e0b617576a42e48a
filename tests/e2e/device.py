"""device.py - devices that number their frames and read the counts that come back.

Each frame is a line `NAME LIFE NUMBER PADDING`: NUMBER counts a device's frames for
good, LIFE its connections.  A device that connects again sends again what was not
acknowledged, so that a frame may be kept twice, but in two lives."""
import collections
import contextlib
import select
import struct
import threading

import tt

# Frames of some size: a queue that is full then holds no more of them than a
# destination in Python takes in a moment.
PADDING = b"x" * 200


class Device(threading.Thread):
    """One connection.  Sends numbered lines from FIRST on: BOUND of them, then FIN,
    or without end."""

    def __init__(self, port, name, bound=None, first=0, life=0, padding=PADDING):
        super().__init__(daemon=True)
        self.sock = None                # the daemon may just have been killed
        with contextlib.suppress(ConnectionError):
            self.sock = tt.connect(port)
        self.name = name
        self.life = life
        self.first = first
        self.padding = padding
        self.bound = bound              # frames to send; None: until the end
        self.sent = 0
        self.counts = []
        self.wrong = None
        self.start()

    @property
    def count(self):
        return self.counts[-1] if self.counts else 0

    @property
    def safe(self):
        """Its first frame that is not acknowledged."""
        return self.first + self.count

    def run(self):
        if self.sock is None:
            return
        with contextlib.suppress(OSError):
            self.talk()
        self.sock.close()

    def lines(self, n):
        at, head = self.first + self.sent, b"%s %d " % (self.name.encode(), self.life)
        return b"".join(head + b"%d %s\n" % (at + i, self.padding) for i in range(n))

    def talk(self):
        self.sock.setblocking(False)
        out, back, done = b"", b"", False
        while True:
            if not out and not done:
                n = 50 if self.bound is None else max(0, min(50, self.bound - self.sent))
                out = self.lines(n)
                self.sent += n
                if not out:
                    done = True
                    self.sock.shutdown(1)
            r, w, _ = select.select([self.sock], [self.sock] if out else [], [], 2 * tt.DEADLINE)
            if w:
                with contextlib.suppress(BlockingIOError):
                    out = out[self.sock.send(out):]
            if r:
                data = self.sock.recv(65536)
                if not data:
                    return
                back += data
                whole = len(back) // 8 * 8
                for (n,) in struct.iter_unpack(">Q", back[:whole]):
                    if n > self.sent or n <= self.count:
                        self.wrong = "count %d after %d, sent %d" % (n, self.count, self.sent)
                    self.counts.append(n)
                back = back[whole:]


def parse(payload):
    name, life, i, _ = payload.split(b" ")
    return name.decode(), int(life), int(i)


def stored(d, name="x.db"):
    """(device, life) -> its numbers, in the order of the rows."""
    return connections(d, name)[0]


def connections(d, name="x.db", after=0):
    """The same, and (device, life) -> the connection's number; of the rows with an id
    greater than AFTER, where a connection must begin."""
    out, numbers = collections.defaultdict(list), {}
    for connection, seq, payload in d.rows("select connection, seq, payload from data where id > %d order by id" % after, name):
        device, life, i = parse(payload)
        assert numbers.setdefault((device, life), connection) == connection, "two connections for %s %d" % (device, life)
        out[device, life].append(i)
        assert seq == len(out[device, life]), "%s %d: seq %d is its frame %d" % (device, life, seq, len(out[device, life]))
    assert len(set(numbers.values())) == len(numbers), "a connection's number was used twice"
    return out, numbers


def arrived(payloads):
    """(device, life) -> what came to a destination for the first time, in order.
    What comes again is what was sent again after a lost connection."""
    out = collections.defaultdict(list)
    seen = collections.defaultdict(set)
    for p in payloads:
        device, life, i = parse(p)
        if i not in seen[device, life]:
            seen[device, life].add(i)
            out[device, life].append(i)
    return out


def check(x, got, what):
    """GOT, the numbers of device X's connection, has each frame once, in order and
    without a gap, and all that was acknowledged."""
    assert x.wrong is None, x.wrong
    assert got == list(range(x.first, x.first + len(got))), \
        "%s: %s %d: a gap, out of order or twice: %s" % (what, x.name, x.life, gap(got, x.first))
    assert x.count <= len(got) <= x.sent, \
        "%s: %s %d: %d acknowledged, %d there, %d sent" % (what, x.name, x.life, x.count, len(got), x.sent)


def gap(got, first):
    for at, i in enumerate(got):
        if i != first + at:
            return "%d where %d was due" % (i, first + at)
    return "none"
