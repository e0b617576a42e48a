#!/usr/bin/python3
"""Twenty good devices beside a crowd: what they lose by it, and what is left of it.

    make bench-many                         # every crowd
    make bench-many CROWDS="silent connect"

The good ones send 20,000 frames/s of 256 bytes to a websocket, alone and then beside
the crowd, which has a server of its own in the same daemon and a database behind it."""
import contextlib
import os
import sys
import time

import run

RATE, GOOD = 20_000, 20
TREE = """taskthread: 1
daemon: {{name: bench, state_dir: {dir}}}
MasterThread:
  TCPServerThread good:
    UP: good
    listen: 127.0.0.1:0
    TCPConnectionThread:
      UP: good
      DataProcessorThread: {{UP: good, framing: {{type: length, size: 4}}}}
  TCPServerThread crowd:
    UP: crowd
    listen: 127.0.0.1:0
    max_connections: 20000
    TCPConnectionThread:
      UP: crowd
      idle_timeout: {idle}
      DataProcessorThread: {{UP: crowd, framing: {{type: length, size: 4, max: 64KiB}}}}
  WebsocketMasterThread:
    IN: good
    WebSocketSubThread: {{IN: good, url: "ws://127.0.0.1:{ws}/"}}
  DatabaseThread: {{IN: crowd, path: x.db}}
"""

# name: what runs beside the good ones, its arguments, and when its connections are idle
CROWDS = {
    "nobody": (None, [], "off"),
    "silent": ("load", ["--conns", 10_000, "--hold", 300], "off"),
    "slow": ("load", ["--conns", 10_000, "--frames", 1000, "--rate", 10_000, "--size", 64], "off"),
    "connect": ("crowd", ["--mode", "connect", "--rate", 2000, "--conns", 4000], "off"),
    "garbage": ("crowd", ["--mode", "garbage", "--rate", 500, "--conns", 2000], "off"),
    "dribble": ("crowd", ["--mode", "dribble", "--conns", 10_000], "off"),
    "vanish": ("crowd", ["--mode", "vanish", "--conns", 10_000], "5s"),
}


class Many(run.Run):
    def __init__(self, options, crowd):
        super().__init__(options, "taskthreadd", "latency")
        self.to, self.frames = "ws", RATE * options.seconds
        self.program, self.args, self.idle = CROWDS[crowd]
        if self.program == "crowd":
            self.args = [*self.args, "--seconds", options.seconds + 5]
        self.conns = GOOD

    def measure(self):
        sink = self.sink()
        ws = int(sink.wait_said(r"listening on \S+:(\d+)").group(1))
        file = os.path.join(self.dir, "tree.yaml")
        with open(file, "w") as f:
            f.write(TREE.format(dir=self.dir, ws=ws, idle=self.idle))
        system = self.start("system", self.options.system_cpu, [self.options.daemon, "-c", file])
        good, crowd = (int(system.wait_said(name + r": listening on 127\.0\.0\.1:(\d+)").group(1))
                       for name in ("good", "crowd"))
        self.until("the websocket", lambda: system.sockets() >= 3)
        before = self.state(system)
        if self.program is not None:
            other = self.tool(self.program, "--port", crowd, *self.args)
            self.until("all of the crowd", lambda: self.program == "crowd" and "is there" in other.text(other.err) or
                       system.sockets() - before["files"] >= 10_000)
        got = self.measure_load(system, good, sink)
        if self.program is not None:
            got["crowd_files"] = system.sockets() - before["files"]
            other.stop()
            self.until("no descriptor left over", lambda: system.sockets() <= before["files"])
        with contextlib.suppress(run.Failed):
            self.until("the memory back", lambda: system.rss() < (before["rss"] + 1) * (1 << 20), 15)
        after = self.state(system)
        got.update(left_mib=after["rss"] - before["rss"], idle_cpu=after["cpu"])
        return got

    def state(self, system):
        rss = system.settled_rss() / (1 << 20)
        cpu = system.cpu()
        time.sleep(1)
        return {"files": system.sockets(), "rss": rss, "cpu": system.cpu() - cpu}

    def until(self, what, true, seconds=120):
        end = time.monotonic() + seconds
        while not true():
            if time.monotonic() > end:
                raise run.Failed("waited in vain for %s" % what)
            time.sleep(0.1)


def main():
    parser = run.options(__doc__)
    parser.add_argument("--seconds", type=int, default=10, help="how long the good ones send")
    parser.add_argument("crowds", nargs="*", metavar="CROWD", help=", ".join(CROWDS))
    options = run.parsed(parser)
    alone = None
    print("%-8s %9s %8s %8s %7s %7s  %7s %8s %9s" % ("beside", "frames/s", "p50 us", "p99 us", "p50", "p99",
                                                 "crowd", "MiB left", "idle CPU"))
    for crowd in ["nobody", *(options.crowds or [c for c in CROWDS if c != "nobody"])]:
        try:
            got = Many(options, crowd)()
        except run.Failed as e:
            sys.exit("bench: %s: %s" % (crowd, e))
        alone = alone or got
        print("%-8s %9.0f %8.0f %8.0f %7.2f %7.2f  %7d %8.1f %8.1f%%" % (
            crowd, got["fps"], got["p50"], got["p99"], got["p50"] / alone["p50"], got["p99"] / alone["p99"],
            got.get("crowd_files", 0), got["left_mib"], got["idle_cpu"] * 100), flush=True)


if __name__ == "__main__":
    main()
