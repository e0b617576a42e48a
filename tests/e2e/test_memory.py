#!/usr/bin/python3
"""With every sink dead and 200 devices that send flat out the daemon stays within the
bound that --check says, whatever they send.

MEMORY_SECONDS says how long they go on once the memory is full (0.5)."""
import contextlib
import os
import re
import resource
import selectors
import socket
import struct
import time

import tt
from faulty import Faults

DEVICES = 200
SECONDS = float(os.environ.get("MEMORY_SECONDS", "0.5"))


def high_water(d):
    with open("/proc/%d/status" % d.pid) as f:
        return int(re.search(r"VmHWM:\s+(\d+)", f.read()).group(1)) * 1024


class Flood:
    """Devices that send the same bytes again and again."""

    def __init__(self, port, block, reads=True):
        self.selector = selectors.DefaultSelector()
        self.block = memoryview(block)
        self.sent = 0
        self.sockets = []
        for _ in range(DEVICES):
            s = tt.connect(port)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
            s.setblocking(False)
            self.selector.register(s, selectors.EVENT_WRITE | (selectors.EVENT_READ if reads else 0), [0])
            self.sockets.append(s)

    def turn(self, wait):
        """True if anything moved."""
        moved = False
        for key, mask in self.selector.select(wait):
            with contextlib.suppress(BlockingIOError):
                if mask & selectors.EVENT_READ and not key.fileobj.recv(65536):
                    self.selector.unregister(key.fileobj)
                    continue
                if mask & selectors.EVENT_WRITE:
                    n = key.fileobj.send(self.block[key.data[0]:key.data[0] + 262144])
                    key.data[0] = (key.data[0] + n) % len(self.block)
                    self.sent += n
                    moved = True
            if mask & selectors.EVENT_READ:
                moved = True
        return moved

    def until_stuck(self):
        """Until nobody can send any more, and SECONDS longer."""
        end, last = time.monotonic() + 2 * tt.DEADLINE, time.monotonic()
        while time.monotonic() - last < 0.3 + SECONDS:
            assert time.monotonic() < end, "it takes and takes"
            if self.turn(0.05):
                last = time.monotonic()

    def close(self):
        for s in self.sockets:
            s.close()
        self.selector.close()


def flood(framing, block, connection="ack: count64", reads=True, dead=True, memory="32MiB"):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    home = tt.directory()
    faults = Faults(home)
    with tt.Destination() as dest:
        text = tt.tree(framing, urls=[dest.url], connection=connection, server="max_connections: 300",
                       database="path: x.db, queue: {bytes: 64MiB}",
                       sub="backoff: 50ms..200ms, connect_timeout: 300ms", daemon="memory: %s, stop_timeout: 1s" % memory)
        with tt.Daemon(text, directory=home, prefix=faults.prefix) as d:
            bound = int(re.search(r"memory bound: (\d+) bytes", tt.run("--check", d.file).stdout).group(1))
            if dead:
                dest.set("silent")
                faults.set(hold=1)
            f = Flood(d.port, block, reads)
            f.until_stuck()
            most, sent = high_water(d), f.sent
            d.stats().check()
            assert d.process.poll() is None
            assert most <= bound, "%d resident bytes, the bound is %d" % (most, bound)
            print("    %d MB sent, %.1f of at most %.1f MiB resident" % (sent / 1e6, most / 2**20, bound / 2**20))
            # It takes more as soon as there is somewhere to go.
            if dead:
                faults.clear()
                dest.set("good")
                tt.until("it takes more", lambda: f.turn(0.1) and f.sent > sent + len(block))
                assert high_water(d) <= bound
            f.close()


def frames(size, n):
    return (struct.pack(">I", size) + b"x" * size) * n


def test_frames_of_a_common_size():
    flood("{type: length, size: 4, max: 1MiB}", frames(256, 1000))


def test_frames_of_one_byte():
    flood("{type: length, size: 1, max: 255}", b"\1x" * 50000)


def test_frames_of_4_mib():
    flood("{type: length, size: 4, max: 4MiB}", frames(4 << 20, 1), memory="64MiB")


def test_unfinished_frames_on_every_connection():
    # Each has begun one that is longer than all it will send.
    flood("{type: length, size: 4, max: 4MiB}", struct.pack(">I", 4 << 20) + bytes((4 << 20) - 1), memory="64MiB")


def test_devices_that_never_read_their_counts():
    flood("newline", b"\n" * 50000, connection="ack: count64\n      ack_interval: 1ms", reads=False)


if __name__ == "__main__":
    tt.main()
