#!/usr/bin/python3
"""The main job, to watch: config/examples/gateway.yaml with fifty devices that send as
devices do, and a destination that goes away for a while.

    tests/demo.py [TASKTHREADD] [SECONDS]

At the end everything is added up; the exit status is 0 if the sums balance."""
import contextlib
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DAEMON = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else os.path.join(TOP, "build", "taskthreadd")
SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 60
os.environ["TASKTHREADD"] = DAEMON
sys.path.insert(0, os.path.join(TOP, "tests", "e2e"))
import tt                                           # noqa: E402
from destination import Destination                 # noqa: E402

DEVICES, OUTAGE = 50, 5
GARBAGE, RESTLESS, DYING = 47, 48, 49               # the numbers of three of them


class Device(threading.Thread):
    """Sends frames that say who and the how-manieth, in splits of any size."""

    def __init__(self, number, port, stop):
        super().__init__(daemon=True)
        self.number, self.port, self.stop = number, port, stop
        self.random = random.Random(number)
        self.sent = 0
        self.start()

    def frame(self):
        text = b"%d %d " % (self.number, self.sent) + self.random.randbytes(self.random.randint(0, 200))
        self.sent += 1
        return struct.pack(">I", len(text)) + text

    def send(self, sock, data):
        while data:
            with contextlib.suppress(TimeoutError):
                data = data[sock.send(data[:self.random.randint(1, 80)]):]

    def run(self):
        while not self.stop.is_set():
            with contextlib.suppress(OSError), tt.connect(self.port) as sock:
                sock.settimeout(1)
                self.live(sock)
                # It ends as a device should: says so, and waits for the other side.
                sock.shutdown(socket.SHUT_WR)
                sock.settimeout(30)
                tt.read_all(sock)
            self.stop.wait(self.random.uniform(0.1, 1.0))

    def live(self, sock):
        if self.number == GARBAGE:
            self.send(sock, self.random.choice((b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n", b"SSH-2.0-Go\r\n",
                                                b"\xff\xff\xff\xff\xff\xff")))
            sock.settimeout(30)
            tt.read_all(sock)                       # the daemon closes it
            self.stop.wait(3)
            return
        left = self.random.randint(5, 50) if self.number in (RESTLESS, DYING) else 1 << 60
        while left > 0 and not self.stop.is_set():
            burst = min(left, self.random.randint(1, 4))
            self.send(sock, b"".join(self.frame() for _ in range(burst)))
            left -= burst
            self.stop.wait(self.random.uniform(0.02, 0.1))
        if self.number == DYING:
            self.send(sock, struct.pack(">I", 100) + b"in the middle of a fra")


def dropped(stats):
    """(how many, why) of the frames that were dropped.  What still arrives behind a
    broken frame are packets, not frames: they never become any."""
    return [(value, labels["reason"]) for name, labels, value in stats.rows
            if name == "taskthread_dropped_frames_total" and value and
            (labels["edge"], labels["node"].split("/")[-1]) != ("in", "DataProcessorThread")]


class Demo:
    def __init__(self):
        self.dir = os.path.join(os.path.dirname(DAEMON), "demo")
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        self.stop = threading.Event()
        self.devices = []
        self.shown = 0

    def text(self, port):
        """The example, with ports that are free and a directory of its own."""
        with open(os.path.join(TOP, "config/examples/gateway.yaml")) as f:
            text = f.read()
        for what, by in ((r"listen: \S+", "listen: 127.0.0.1:0"), (r"state_dir: \S+", 'state_dir: "%s"' % self.dir),
                         (r"ws://127\.0\.0\.1:\d+", "ws://127.0.0.1:%d" % port)):
            text, n = re.subn(what, lambda _, by=by: by, text)
            assert n == 1, what
        return text

    def run(self):
        with Destination() as destination:
            self.destination = destination
            print("taskthreadd with config/examples/gateway.yaml, on ports of its own:\n")
            with tt.Daemon(self.text(destination.port), directory=self.dir) as daemon:
                self.daemon = daemon
                print(subprocess.run([DAEMON, "--check", daemon.file], capture_output=True, text=True,
                                     check=True).stdout)
                print("%d devices send for %.0f s; one sends garbage, one reconnects again and again, one dies in\n"
                      "the middle of a frame.  After %.0f s the destination goes away for %d s.\n" %
                      (DEVICES, SECONDS, SECONDS * 0.4, OUTAGE))
                self.watch()
                print("\nThe devices end, and the daemon is stopped.")
                self.end_devices()
                status = daemon.stop(120)
            return self.add_up(status)

    def watch(self):
        began = time.monotonic()
        self.devices = [Device(i, self.daemon.port, self.stop) for i in range(DEVICES)]
        print("%5s %9s %9s %12s %10s %8s %8s  %s" % ("time", "sent", "frames in", "in database", "confirmed", "waiting",
                                                     "dropped", "connections closed, by reason"))
        away = back = False
        next_row = 2.0
        while True:
            now = time.monotonic() - began
            if now >= SECONDS:
                break
            if not away and now >= SECONDS * 0.4:
                away = True
                self.destination.set("away")
                print("      the destination goes away")
            if away and not back and now >= SECONDS * 0.4 + OUTAGE:
                back = True
                self.destination.set("good")
                print("      the destination is back")
            if now >= next_row:
                next_row += max(1.0, SECONDS / 20)
                self.row(now)
            if self.daemon.process.poll() is not None:
                raise SystemExit("the daemon has ended:\n" + "\n".join(self.daemon.lines[-10:]))
            time.sleep(0.05)

    def row(self, now):
        s = self.daemon.stats()
        reasons = {}
        for name, labels, value in s.rows:
            if name == "taskthread_closes_total" and value:
                reasons[labels["reason"]] = reasons.get(labels["reason"], 0) + value
        drops = ["%d %s" % drop for drop in dropped(s)]
        print("%4.0fs %9d %9d %12d %10d %8d %8s  %s" % (
            now, self.sent(), s.frames("DataProcessorThread", "up", "in"), s.frames("DatabaseThread", "in", "out"),
            s.frames("WebsocketMasterThread", "in", "out"),
            s.waiting("DatabaseThread", "in") + s.waiting("WebsocketMasterThread", "in"),
            ", ".join(drops) or 0, ", ".join("%s %d" % r for r in sorted(reasons.items()))), flush=True)

    def sent(self):
        return sum(d.sent for d in self.devices)

    def end_devices(self):
        self.stop.set()
        for d in self.devices:
            d.join(60)
            if d.is_alive():
                raise SystemExit("device %d cannot end" % d.number)

    def add_up(self, status):
        sent = {(d.number, i) for d in self.devices for i in range(d.sent)}

        def who(payload):
            device, number, _ = bytes(payload).split(b" ", 2)
            return int(device), int(number)
        stored = [who(p) for (p,) in tt.rows(os.path.join(self.dir, "gateway.db"), "select payload from data")]
        came = [who(p) for p in self.destination.payloads]
        good = status == 0 and not self.destination.errors

        def line(text, value, ok=True):
            print("    %-52s %9d  %s" % (text, value, "" if ok else "WRONG"))
            return ok
        print("\nThe sums:\n")
        line("frames that the devices sent", len(sent))
        good &= line("frames in the database", len(stored), len(stored) == len(sent))
        good &= line("  of them different, and sent", len(set(stored) & sent), set(stored) == sent)
        good &= line("frames that the destination got", len(came), len(came) >= len(sent))
        good &= line("  of them different, and sent", len(set(came) & sent), set(came) == sent)
        line("  sent again after the outage", len(came) - len(set(came)))
        last = self.daemon.last
        if last is None:
            good = False
        else:
            drops = sum(n for n, _ in dropped(last))
            good &= line("frames dropped", drops, drops == 0)
            line("bytes of frames that never ended", last.sum("unfinished_bytes_total"))
            try:
                last.check()
            except AssertionError as e:
                print("    an edge does not add up: %s" % e)
                good = False
        print("\n%s\n" % ("The sums balance: nothing was lost." if good else
                          "THE SUMS DO NOT BALANCE (the daemon ended with %d)." % status))
        here = os.path.relpath(self.dir)
        daemon = os.path.relpath(DAEMON)
        daemon = daemon if os.sep in daemon else "./" + daemon
        print("Try next:\n\n"
              "    sqlite3 %s/gateway.db 'select * from recent limit 5'\n"
              "    %s --describe WebSocketSubThread\n"
              "    %s -c %s     # then: printf 'hello\\n' | nc -N localhost 5002\n" %
              (here, daemon, daemon, os.path.relpath(os.path.join(TOP, "config/examples/newline.yaml"))))
        return 0 if good else 1


def main():
    def interrupt(*_):
        raise KeyboardInterrupt
    for number in (signal.SIGTERM, signal.SIGINT):      # also where a shell ignores it for us
        signal.signal(number, interrupt)
    sys.stdout.reconfigure(line_buffering=True)
    demo = Demo()
    try:
        sys.exit(demo.run())
    except KeyboardInterrupt:
        demo.stop.set()
        print("\nstopped; everything that was started has ended")
        sys.exit(130)


if __name__ == "__main__":
    main()
