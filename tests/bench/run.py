#!/usr/bin/python3
"""The benchmark: daemon and reference in turn, on the same load; ratios of medians.
Where a row is about the spool, the daemon is its own yardstick, with `spool: off`.

    make bench                              # all rows, 3 rounds
    make bench ROUNDS=1 ROWS="db64 ws64"

The system under test has CPU 0 to itself, load, sink and checker have CPU 1."""
import argparse
import contextlib
import glob
import json
import os
import re
import resource
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# name: outputs, bytes of a frame, frames, frames a second (0: flat out)
RUNS = {
    "ws64": ("ws", 64, 16_000_000, 0),
    "ws256": ("ws", 256, 6_000_000, 0),
    "db64": ("db", 64, 4_000_000, 0),
    "db256": ("db", 256, 1_500_000, 0),
    "both64": ("both", 64, 2_000_000, 0),
    "both256": ("both", 256, 1_000_000, 0),
    "latency": ("both", 256, 100_000, 20_000),
    "spool": ("ws", 256, 24_000_000, 0),
    "away": ("ws", 256, 2_000_000, 0),
    "silent": ("both", 256, 0, 0),
    "idle": ("gateway", 256, 0, 0),
}

# Who runs in a row, where it is not the daemon and the reference.
SYSTEMS = {
    "spool": ("taskthreadd", "unspooled"),
    "away": ("taskthreadd",),
    "silent": ("taskthreadd",),
    "idle": ("taskthreadd",),
}

# What must be reached: row, what is measured, its unit, the bound, and whether more
# or less is better.  The bound is of the daemon alone, or of its ratio to the reference
# or to itself without a spool.
GOALS = [
    ("ws256", "fps", "frames/s to the websocket, 256 B", 0.7, "ratio at least"),
    ("ws64", "cpu", "CPU s for a million frames to the websocket, 64 B", 2.0, "ratio at most"),
    ("ws64", "fps", "frames/s to the websocket, 64 B", None, ""),
    ("db64", "fps", "frames/s to the database, 64 B", 0.7, "ratio at least"),
    ("db256", "fps", "frames/s to the database, 256 B", 0.7, "ratio at least"),
    ("both64", "fps", "frames/s to both, 64 B", 0.65, "ratio at least"),
    ("both256", "fps", "frames/s to both, 256 B", 0.65, "ratio at least"),
    ("latency", "p50", "us to the websocket, p50, 20,000 frames/s of 256 B to both", 2.0, "ratio at most"),
    ("latency", "p99", "us to the websocket, p99", 4.0, "ratio at most"),
    ("spool", "user", "user CPU s for a million frames, spool / none", 1.05, "ratio at most, unspooled"),
    ("away", "spooled", "frames/s into the spool, destination away, 256 B", 300_000, "at least"),
    ("away", "caught", "frames/s caught up with, when it is back", 600_000, "at least"),
    ("silent", "each", "bytes of memory for each of 10,000 silent connections", 1024, "at most"),
    ("idle", "rss", "MiB resident, idle, gateway.yaml", 10, "at most"),
]

TREE = """taskthread: 1
daemon: {{name: bench, state_dir: {dir}}}
MasterThread:
  TCPServerThread:
    listen: 127.0.0.1:0
    TCPConnectionThread:
      DataProcessorThread: {{framing: {{type: length, size: 4}}}}
"""
TREE_WS = """  WebsocketMasterThread:
    {spool}
    WebSocketSubThread: {{url: "ws://127.0.0.1:{ws}/", backoff: 10ms..100ms}}
"""
TREE_DB = "  DatabaseThread: {{path: x.db}}\n"


class Failed(Exception):
    pass


class Process:
    """A program pinned to CPUS, its output in files of DIR."""

    def __init__(self, directory, name, cpus, args):
        self.out = os.path.join(directory, name + ".out")
        self.err = os.path.join(directory, name + ".err")

        def pin():
            os.sched_setaffinity(0, cpus)
        with open(self.out, "w") as out, open(self.err, "w") as err:
            self.process = subprocess.Popen([str(a) for a in args], stdout=out, stderr=err, stdin=subprocess.DEVNULL,
                                            preexec_fn=pin)
        self.pid = self.process.pid

    def text(self, path):
        with open(path, errors="replace") as f:
            return f.read()

    def wait_said(self, pattern, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            m = re.search(pattern, self.text(self.err))
            if m:
                return m
            if self.process.poll() is not None:
                break
            time.sleep(0.005)
        raise Failed("no %r from it:\n%s" % (pattern, self.text(self.err)[-2000:]))

    def result(self, seconds):
        """Its line of JSON, once it has ended."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failed("%s does not end" % self.out) from None
        try:
            return json.loads(self.text(self.out))
        except ValueError:
            raise Failed("no result in %s:\n%s" % (self.out, self.text(self.err)[-2000:])) from None

    def cpu(self):
        return time.clock_gettime((~self.pid << 3) | 2)

    def user(self):
        return int(self.text("/proc/%d/stat" % self.pid).rsplit(")", 1)[1].split()[11]) / os.sysconf("SC_CLK_TCK")

    def rss(self):
        return int(re.search(r"VmRSS:\s+(\d+)", self.text("/proc/%d/status" % self.pid)).group(1)) * 1024

    def settled_rss(self):
        """Resident bytes, once they have stood still for a second."""
        last, since = self.rss(), time.monotonic()
        while time.monotonic() - since < 1:
            time.sleep(0.05)
            now = self.rss()
            if now != last:
                last, since = now, time.monotonic()
        return last

    def sockets(self):
        return len(glob.glob("/proc/%d/fd/*" % self.pid))

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Run:
    def __init__(self, options, system, row):
        self.options = options
        self.system = system
        self.to, self.size, self.frames, self.rate = RUNS[row]
        self.row = row
        self.conns = 100
        self.dir = tempfile.mkdtemp(prefix="taskthread-bench-", dir=options.dir)
        self.started = []

    def start(self, name, cpus, args):
        p = Process(self.dir, name, cpus, args)
        self.started.append(p)
        return p

    def tool(self, name, *args):
        return self.start(name, self.options.tools_cpu, [os.path.join(self.options.tools, name), *args])

    def start_system(self, ws):
        if self.system == "reference":
            args = [os.path.join(self.options.tools, "reference"), "--port", 0]
            args += ["--ws", ws] if ws else []
            args += ["--db", os.path.join(self.dir, "x.db")] if self.to in ("db", "both") else []
        else:
            file = os.path.join(self.dir, "tree.yaml")
            with open(file, "w") as f:
                f.write(self.tree(ws))
            args = [self.options.daemon, "-c", file]
        p = self.start("system", self.options.system_cpu, args)
        return p, int(p.wait_said(r"listening on 127\.0\.0\.1:(\d+)").group(1))

    def tree(self, ws):
        if self.to == "gateway":
            with open(os.path.join(TOP, "config/examples/gateway.yaml")) as f:
                text = f.read()
            text = re.sub(r"state_dir: \S+", "state_dir: " + self.dir, text)
            text = re.sub(r"listen: \S+", "listen: 127.0.0.1:0", text)
            return re.sub(r"ws://127\.0\.0\.1:\d+", "ws://127.0.0.1:%d" % ws, text)
        text = TREE + (TREE_WS if ws else "") + (TREE_DB if self.to in ("db", "both") else "")
        return text.format(dir=self.dir, ws=ws, spool="spool: off" if self.system == "unspooled" else "")

    def __call__(self):
        try:
            return self.measure()
        finally:
            for p in reversed(self.started):
                p.stop()
            shutil.rmtree(self.dir, ignore_errors=True)

    def sink(self, port=0):
        return self.tool("sink", "--port", port, "--expect", self.frames, "--patience", 20, "--start-patience", 300)

    def load(self, port):
        return self.tool("load", "--port", port, "--conns", self.conns, "--frames", self.frames // self.conns,
                         "--size", self.size, "--framing", "length", "--rate", self.rate, "--patience", 120)

    def measure(self):
        if self.row == "away":
            return self.measure_away()
        sink = ws = None
        if self.to != "db":
            sink = self.sink()
            ws = int(sink.wait_said(r"listening on \S+:(\d+)").group(1))
        system, port = self.start_system(ws)
        if self.row == "silent":
            return self.measure_silent(system, port)
        if self.row == "idle":
            return {"rss": system.settled_rss() / (1 << 20)}
        return self.measure_load(system, port, sink)

    def measure_load(self, system, port, sink):
        cpu, user = system.cpu(), system.user()
        load = self.load(port)
        results = []
        if self.to in ("db", "both"):
            check = self.tool("dbcheck", "--db", os.path.join(self.dir, "x.db"), "--expect", self.frames,
                              "--patience", 20)
            results.append(check.result(600))
        if sink is not None:
            results.append(sink.result(600))
        cpu, user = system.cpu() - cpu, system.user() - user
        for r in results:
            self.judge(r)
        load.result(150)
        seconds = (max(r["last_receipt"] for r in results) - min(r["first_send"] for r in results)) / 1e9
        out = {"fps": self.frames / seconds, "cpu": cpu / self.frames * 1e6, "busy": cpu / seconds,
               "user": user / self.frames * 1e6}
        if sink is not None:
            out.update(p50=results[-1]["p50_us"], p99=results[-1]["p99_us"])
        return out

    def judge(self, result):
        if result["missing"] or result["bad"] or result["twice"] or result["late"]:
            raise Failed("%s lost or spoiled frames: %s" % (self.system, result))

    def measure_away(self):
        """All into the spool while nobody listens; then somebody does."""
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            ws = s.getsockname()[1]
        system, port = self.start_system(ws)
        load = self.load(port)
        spool = os.path.join(self.dir, "WebsocketMasterThread.spool")
        end = time.monotonic() + 120
        while self.spooled(spool) < self.frames:
            if time.monotonic() > end:
                raise Failed("%d of %d frames are in the spool" % (self.spooled(spool), self.frames))
            time.sleep(0.02)
        done = time.time()
        cpu = system.cpu()
        load.result(150)
        began = time.time()
        sink = self.sink(ws).result(120)
        self.judge(sink)
        return {"spooled": self.frames / (done - sink["first_send"] / 1e9), "cpu": cpu / self.frames * 1e6,
                "caught": self.frames / (sink["last_receipt"] / 1e9 - began)}

    def spooled(self, path):
        """Frames on disk."""
        with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % path, uri=True, timeout=5)) as db, \
                contextlib.suppress(sqlite3.OperationalError):
            ((n,),) = db.execute("SELECT coalesce((SELECT next FROM meta) - (SELECT min(position) FROM spool), 0)")
            return n
        return 0

    def measure_silent(self, system, port):
        n = 10_000
        before, files = system.settled_rss(), system.sockets()
        load = self.tool("load", "--port", port, "--conns", n, "--hold", 300, "--patience", 30)
        load.wait_said("connections are open", 60)
        end = time.monotonic() + 60
        while system.sockets() - files < n:
            if time.monotonic() > end:
                raise Failed("it took %d of %d connections" % (system.sockets() - files, n))
            time.sleep(0.1)
        return {"each": (system.settled_rss() - before) / n}


def median(results, row, what):
    values = [r[what] for r in results.get(row, []) if what in r]
    return statistics.median(values) if values else None


def number(x):
    if x is None:
        return "-"
    return "{:,.0f}".format(x) if x >= 1000 else "%.3g" % x


def report(results, rows):
    lines = [("measured", "taskthreadd", "yardstick", "ratio", "required")]
    missed = 0
    for row, what, text, bound, how in GOALS:
        if row not in rows:
            continue
        how, _, other = how.partition(", ")
        mine, theirs = median(results["taskthreadd"], row, what), median(results[other or "reference"], row, what)
        ratio = mine / theirs if mine is not None and theirs else None
        value = ratio if "ratio" in how else mine
        verdict = ""
        if bound is not None and value is not None:
            good = value >= bound if "least" in how else value <= bound
            missed += not good
            verdict = "%s %s%s" % (how.replace("ratio ", ""), number(bound), "" if good else "  MISSED")
        lines.append((text, number(mine), number(theirs), "%.2f" % ratio if ratio else "-", verdict))
    widths = [max(len(line[i]) for line in lines) for i in range(5)]
    for line in lines:
        print("  ".join([line[0].ljust(widths[0])] + [line[i].rjust(widths[i]) for i in (1, 2, 3)] + [line[4]]))
    return missed


def machine():
    with contextlib.suppress(OSError, AttributeError):
        with open("/proc/cpuinfo") as f:
            return re.search(r"model name\s*: (.*)", f.read()).group(1)
    return "unknown processor"


def cpus(text):
    return {int(x) for x in text.split(",")}


def options(about):
    """What every benchmark may be told."""
    parser = argparse.ArgumentParser(description=about.split("\n")[0])
    parser.add_argument("--daemon", required=True)
    parser.add_argument("--tools", required=True, help="where load, sink, dbcheck and reference are")
    parser.add_argument("--dir", help="where databases are written (default: TMPDIR)")
    parser.add_argument("--system-cpu", type=cpus, default={0}, help="0, or several: 0,1 (of each the daemon makes a "
                        "worker)")
    parser.add_argument("--tools-cpu", type=cpus, default={1})
    return parser


def parsed(parser):
    options = parser.parse_args()
    if not options.system_cpu | options.tools_cpu <= os.sched_getaffinity(0):
        sys.exit("bench: needs two CPUs")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(65536, hard), hard))
    options.daemon = os.path.abspath(options.daemon)
    return options


def main():
    parser = options(__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", help="append each run's result to this file")
    parser.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(RUNS))
    given = parsed(parser)
    rows = given.rows or list(RUNS)
    for row in rows:
        if row not in RUNS:
            parser.error("no row %s; there are %s" % (row, ", ".join(RUNS)))
    results = {"taskthreadd": {}, "unspooled": {}, "reference": {}}
    for n in range(given.rounds):
        for row in rows:
            systems = SYSTEMS.get(row, ("taskthreadd", "reference"))
            for system in systems if n % 2 == 0 else reversed(systems):
                try:
                    got = Run(given, system, row)()
                except Failed as e:
                    sys.exit("bench: %s, %s: %s" % (row, system, e))
                results[system].setdefault(row, []).append(got)
                print("round %d  %-8s %-12s %s" % (n + 1, row, system, "  ".join(
                    "%s %s" % (k, number(v)) for k, v in got.items())), flush=True)
                if given.json:
                    with open(given.json, "a") as f:
                        f.write(json.dumps({"row": row, "system": system, **got}) + "\n")
    print("\nMedians of %d rounds, 100 connections, length framing, all defaults; %s, %d CPUs\n" %
          (given.rounds, machine(), os.cpu_count()))
    sys.exit(1 if report(results, rows) else 0)


if __name__ == "__main__":
    main()
