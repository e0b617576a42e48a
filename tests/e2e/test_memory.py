#!/usr/bin/python3
"""With every sink dead and 200 devices that send flat out the daemon stays within the
bound that --check says, whatever they send, and whatever its sinks die of.

MEMORY_SECONDS says how long they go on once the memory is full (0.5), and with
MEMORY_ALL=1 each sort of frame meets each sort of spool."""
import contextlib
import os
import re
import resource
import selectors
import socket
import sqlite3
import struct
import time

import tt
from faulty import Faults

DEVICES = 200
SECONDS = float(os.environ.get("MEMORY_SECONDS", "0.5"))
ALL = bool(os.environ.get("MEMORY_ALL"))
ACK = "ack: count64"


def memory(d, what):
    with open("/proc/%d/status" % d.pid) as f:
        return int(re.search(what + r":\s+(\d+)", f.read()).group(1)) * 1024


class Flood:
    """Devices that send the same bytes again and again."""

    def __init__(self, ports, block, reads=True):
        self.selector = selectors.DefaultSelector()
        self.block = memoryview(block)
        self.sent = 0
        self.sockets = []
        for i in range(DEVICES):
            s = tt.connect(ports[i % len(ports)])
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
        end, last = time.monotonic() + 2 * tt.DEADLINE + SECONDS, time.monotonic()
        while time.monotonic() - last < 0.3 + SECONDS:
            assert time.monotonic() < end, "it takes and takes"
            if self.turn(0.05):
                last = time.monotonic()

    def close(self):
        for s in self.sockets:
            s.close()
        self.selector.close()


class Case:
    """A daemon, its destinations, and a disk that can hang, with what each dies of."""

    def __init__(self, text, destinations=1, mode="silent", disk="", fault=None):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
        self.home = tt.directory()
        if disk:
            os.mkdir(os.path.join(self.home, disk))
        self.faults = Faults(os.path.join(self.home, disk) if disk else self.home)
        self.destinations = [tt.Destination() for _ in range(destinations)]
        self.text = text([x.url for x in self.destinations])
        self.mode = mode
        self.fault = fault or {"hold": 1}

    def __enter__(self):
        self.d = tt.Daemon(self.text, directory=self.home, prefix=self.faults.prefix)
        self.bound = int(re.search(r"memory bound: (\d+) bytes", tt.run("--check", self.d.file).stdout).group(1))
        return self

    def __exit__(self, *error):
        self.d.__exit__(*error)
        for x in self.destinations:
            x.set("away")

    def die(self):
        for x in self.destinations:
            x.set(self.mode)
        self.faults.set(**self.fault)

    def live(self):
        self.faults.clear()
        for x in self.destinations:
            x.set("good")

    def flood(self, block, reads=True, dead=True, name=""):
        """The memory fills up, and stays within its bound; then all goes on."""
        d = self.d
        if dead:
            self.die()
        f = Flood(tt.until("its listeners", lambda: d.ports), block, reads)
        f.until_stuck()
        most, anonymous, sent = memory(d, "VmHWM"), memory(d, "RssAnon"), f.sent
        d.stats().check()
        assert d.process.poll() is None
        assert most <= self.bound, "%d resident bytes, the bound is %d" % (most, self.bound)
        print("    %-8s %4d MB sent, %5.1f of at most %5.1f MiB resident, %5.1f anonymous" %
              (name, sent / 1e6, most / 2**20, self.bound / 2**20, anonymous / 2**20), flush=True)
        # It takes more as soon as there is somewhere to go.
        if dead:
            self.live()
            tt.until("it takes more", lambda: f.turn(0.1) and f.sent > sent + len(block))
            assert memory(d, "VmHWM") <= self.bound
        f.close()


# How the spool is of no use: on the same disk as the database, which hangs or is full, or
# not there, or with all the bytes it may have.  Its queue is no limit before the memory is.
QUEUE = "queue: {bytes: 64MiB}"
SPOOLS = {"hung": (QUEUE, "", {"hold": 1}),
          "no_room": (QUEUE, "", {"room": 1 << 20}),
          "full": ("spool: {bytes: 1MiB}\n    " + QUEUE, "disk", {"hold": 1}),
          "off": ("spool: off\n    " + QUEUE, "", {"hold": 1})}


def flood(framing, block, spool, connection=ACK, reads=True, memory="32MiB", **more):
    for name in SPOOLS if ALL else spool.split():
        master, disk, fault = SPOOLS[name]

        def text(urls, master=master, disk=disk):
            return tt.tree(framing, urls=urls, connection=connection, server="max_connections: 300",
                           database="path: %s, queue: {bytes: 64MiB}" % os.path.join(disk, "x.db"), master=master,
                           sub="backoff: 50ms..200ms, connect_timeout: 300ms" + more.get("sub", ""),
                           daemon="memory: %s, stop_timeout: 1s" % memory)
        with Case(text, more.get("destinations", 1), more.get("mode", "silent"), disk=disk, fault=fault) as c:
            c.flood(block, reads, name=name)


def frames(size, n):
    return (struct.pack(">I", size) + b"x" * size) * n


COMMON = ("{type: length, size: 4, max: 1MiB}", frames(64, 4000))


def test_frames_of_64_bytes():
    flood(*COMMON, "hung no_room full off")


def test_frames_of_one_byte():
    flood("{type: length, size: 1, max: 255}", b"\1x" * 50000, "off")


def test_frames_of_4_mib():
    flood("{type: length, size: 4, max: 4MiB}", frames(4 << 20, 1), "full", memory="64MiB")


def test_unfinished_frames_on_every_connection():
    # Each has begun one that is longer than all it will send.
    flood("{type: length, size: 4, max: 4MiB}", struct.pack(">I", 4 << 20) + bytes((4 << 20) - 1), "hung", memory="64MiB")


def test_devices_that_never_read_their_counts():
    flood("newline", b"\n" * 50000, "hung", connection=ACK + "\n      ack_interval: 1ms", reads=False)


def test_several_destinations_that_die_in_the_middle_of_a_conversation():
    for mode in "mute", "no_pong":
        flood(*COMMON, "off", destinations=4, mode=mode)


def test_json_of_frames_of_one_byte():
    # Each byte is 300 in a message.
    for mode in "mute", "no_pong":
        flood("{type: length, size: 1, max: 255}", b"\1x" * 50000, "off", mode=mode, destinations=2,
              sub=", format: json, batch: newline")


def test_frames_that_a_destination_refuses():
    # A line with an end of line in it.
    flood("{type: length, size: 1, max: 255}", b"\2\n\n" * 20000, "hung", mode="no_pong",
          sub=", batch: newline")


def test_frames_that_the_database_refuses():
    def text(urls):
        return tt.tree("newline", connection=ACK, database="path: x.db, queue: {bytes: 64MiB}",
                       daemon="memory: 32MiB, stop_timeout: 1s")
    with Case(text, 0) as c:
        tt.send_and_close(c.d.port, b"x\n")
        db = sqlite3.connect(c.d.path("x.db"))
        db.execute("create unique index once on data(payload)")
        db.commit()
        db.close()
        # For a while it is up to it, then it hangs.
        block = (b"x" * 200 + b"\n") * 1000
        f = Flood(c.d.ports, block)
        end = time.monotonic() + SECONDS
        while time.monotonic() < end or not c.d.rows("select 1 from refused limit 1"):
            f.turn(0.1)
        f.close()
        assert memory(c.d, "VmHWM") <= c.bound
        c.flood(block)


def test_a_database_thread_that_is_down():
    def text(urls):
        return tt.tree("newline", connection=ACK, daemon="memory: 32MiB, stop_timeout: 1s",
                       database="path: x.db, queue: {bytes: 64MiB}, restart: {max: 100, within: 1s, backoff: %s}")
    for backoff in "1h..1h", "10ms..50ms":
        with Case(lambda urls, b=backoff: text(urls) % b, 0) as c:
            tt.send_and_close(c.d.port, b"x\n")
            tt.until("a row", lambda: c.d.rows("select 1 from data"))
            # No use to it now, nor when it looks again.
            db = sqlite3.connect(c.d.path("x.db"))
            db.executescript("drop view recent; drop table data")
            db.close()
            os.rename(c.d.path("x.db"), c.d.path("y.db"))
            os.mkdir(c.d.path("x.db"))
            with tt.connect(c.d.port) as s:
                s.sendall(b"x\n")
                c.d.wait_log("no such table|not a file|a directory")
                c.flood(b"x" * 200 + b"\n", dead=False)


def test_ten_servers():
    def text(urls):
        server = """  TCPServerThread s%d:
    listen: 127.0.0.1:0
    TCPConnectionThread:
      ack: count64
      DataProcessorThread: {framing: {type: length, size: 4, max: 1MiB}}
"""
        return tt.tree(COMMON[0], urls=urls, database="path: x.db, queue: {bytes: 64MiB}", master=SPOOLS["off"][0],
                       daemon="memory: 32MiB, stop_timeout: 1s") + "".join(server % i for i in range(9))
    with Case(text) as c:
        tt.until("ten listeners", lambda: len(c.d.ports) == 10)
        c.flood(COMMON[1])


if __name__ == "__main__":
    tt.main()
