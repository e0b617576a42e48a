"""tt.py - what the end-to-end tests stand on: a whole daemon, devices, destinations.

A test file imports it, has functions called test_..., and ends with tt.main().
Nothing here waits for a time: all waiting is for an event, with a deadline that
is far beyond what a slow machine needs."""
import atexit
import contextlib
import json
import os
import random
import re
import selectors
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

from destination import Destination         # noqa: F401 (the tests' door to it)

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DAEMON = os.environ.get("TASKTHREADD") or os.path.join(TOP, "build", "taskthreadd")
SANITIZED = bool(os.environ.get("SANITIZERS"))
DEADLINE = 120 if SANITIZED else 40


class Skip(Exception):
    """What a test needs cannot be had here."""


def until(what, condition, deadline=None):
    """Waits until CONDITION() is true and returns what it returned."""
    end = time.monotonic() + (deadline or DEADLINE)
    pause = 0.001
    while True:
        got = condition()
        if got:
            return got
        if time.monotonic() > end:
            raise AssertionError("waited in vain for " + what)
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


def directory():
    """An empty directory, that goes when the tests have ended."""
    path = tempfile.mkdtemp(prefix="taskthread-")
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def run(*args, **more):
    """Runs taskthreadd with ARGS to its end."""
    return subprocess.run([DAEMON, *args], capture_output=True, text=True,
                          timeout=DEADLINE, **more)


# --- the daemon --------------------------------------------------------------

class Notify:
    """systemd's end of NOTIFY_SOCKET.  It reads all the time, as systemd does."""

    def __init__(self, path):
        self.path = path
        self.messages = []
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(path)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        while True:
            message = self.sock.recv(4096)
            if not message:
                return
            self.messages.append(message.decode())

    def has(self, word):
        return any(word in m.split("\n") for m in list(self.messages))

    def close(self):
        self.sock.shutdown(socket.SHUT_RD)
        self.reader.join(5)
        self.sock.close()


class Stats:
    """One line of counters, as the daemon logs it."""

    def __init__(self, counters):
        self.counters = counters
        self.rows = []
        for key, value in counters.items():
            name, labels = re.fullmatch(r"(\w+)(?:\{(.*)\})?", key).groups()
            self.rows.append((name, dict(re.findall(r'(\w+)="([^"]*)"', labels or "")), value))

    def sum(self, name, **labels):
        """The sum of all counters NAME that have these labels; node may be the end
        of the path."""
        def fits(have):
            for k, v in labels.items():
                if have.get(k) != v and not (k == "node" and have.get(k, "").endswith("/" + v)):
                    return False
            return True
        return sum(v for n, have, v in self.rows if n == "taskthread_" + name and fits(have))

    def frames(self, node, edge, way):
        return self.sum("edge_frames_total", node=node, edge=edge, way=way)

    def waiting(self, node, edge):
        return self.sum("edge_waiting_frames", node=node, edge=edge)

    def dropped(self, **labels):
        return self.sum("dropped_frames_total", **labels)

    def check(self):
        """Conservation on every edge: in = out + dropped + waiting."""
        edges = {(h["node"], h["edge"]) for n, h, _ in self.rows if n == "taskthread_edge_frames_total"}
        assert edges, "no edge in the counters"
        for node, edge in edges:
            exact = {"node": node, "edge": edge}

            def total(name, **more):
                return sum(v for n, h, v in self.rows if n == "taskthread_" + name and
                           all(h.get(k) == x for k, x in {**exact, **more}.items()))
            came, went = total("edge_frames_total", way="in"), total("edge_frames_total", way="out")
            dropped, waiting = total("dropped_frames_total"), total("edge_waiting_frames")
            assert came == went + dropped + waiting, \
                f"{node} {edge}: {came} in, {went} out, {dropped} dropped, {waiting} waiting"
        return self


def spread(text):
    """TEXT with the daemon.workers that TT_WORKERS says, unless it has its own."""
    workers = os.environ.get("TT_WORKERS")
    if not workers or re.search(r"\bworkers:", text):
        return text
    text = re.sub(r"(?m)^daemon: *\{", "daemon: {workers: %s, " % workers, text)
    return re.sub(r"(?m)^daemon: *$", "daemon:\n  workers: %s" % workers, text)


class Daemon:
    """A running taskthreadd with a directory of its own, also its state_dir.

    TEXT is the file; @DIR@ in it is the directory.  A file without a daemon
    section gets one."""

    def __init__(self, text, directory=None, args=(), env=None, ready=True, prefix=()):
        self.own = directory is None
        self.dir = directory or tempfile.mkdtemp(prefix="taskthread-")
        if "\ndaemon:" not in text:
            text = text.replace("\nMasterThread:", "\ndaemon: {state_dir: @DIR@}\nMasterThread:", 1)
        if not re.search(r"(?m)^taskthread:", text):
            text = "taskthread: 1\n" + text
        self.file = os.path.join(self.dir, "tree.yaml")
        with open(self.file, "w") as f:
            f.write(spread(text).replace("@DIR@", self.dir))
        socket_path = os.path.join(self.dir, "notify")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(socket_path)
        self.notify = Notify(socket_path)
        self.lines = []
        environment = {k: v for k, v in os.environ.items() if k not in ("JOURNAL_STREAM", "STATE_DIRECTORY")}
        environment.update({"NOTIFY_SOCKET": socket_path, **(env or {})})
        # Should this program be killed, the daemon goes with it.
        prefix = ["setpriv", "--pdeathsig", "KILL", *prefix]
        self.process = subprocess.Popen([*prefix, DAEMON, "-c", self.file, *args], env=environment,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        start_new_session=True)
        self.pid = self.process.pid
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        if ready:
            try:
                self.wait_ready()
            except BaseException:
                self.__exit__(AssertionError, None, None)
                raise

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line.decode("utf-8", "backslashreplace").rstrip("\n"))

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.reader.join(5)
        self.process.stderr.close()
        self.notify.close()
        if kind is not None and issubclass(kind, Exception):
            print("    the daemon's last lines:")
            for line in self.lines[-40:]:
                print("    | " + line[:400])
        if self.own:
            shutil.rmtree(self.dir, ignore_errors=True)

    # what it says

    def wait_ready(self):
        def ready():
            if self.process.poll() is not None and not self.notify.has("READY=1"):
                self.reader.join(5)
                raise AssertionError("it ended with %s before it was ready:\n%s" %
                                     (self.process.returncode, "\n".join(self.lines[-20:])))
            return self.notify.has("READY=1")
        until("READY=1", ready)

    def find(self, pattern, start=0):
        for line in self.lines[start:]:
            m = re.search(pattern, line)
            if m:
                return m
        return None

    def count(self, pattern):
        return sum(1 for line in list(self.lines) if re.search(pattern, line))

    def wait_log(self, pattern, start=0, deadline=None):
        return until("a line like %r in the log" % pattern, lambda: self.find(pattern, start), deadline)

    @property
    def ports(self):
        """The ports of its listeners, as it says them when it opens them."""
        return [int(m.group(1)) for m in
                (re.search(r"listening on (?:\S*\D)?:?(?<=:)(\d+)", x) for x in list(self.lines)) if m]

    @property
    def port(self):
        return until("a listener", lambda: self.ports)[0]

    def _stats_after(self, start):
        for line in self.lines[start:]:
            at = line.find('{"taskthread_')
            if at >= 0:
                return Stats(json.loads(line[at:]))
        return None

    def stats(self):
        """The counters of this moment."""
        start = len(self.lines)
        self.process.send_signal(signal.SIGUSR1)
        return until("counters", lambda: self._stats_after(start))

    # what becomes of it

    def wait(self, deadline=None):
        """Its exit status, once it has ended."""
        self.process.wait(deadline or DEADLINE)
        self.reader.join(5)
        return self.process.returncode

    def stop(self, deadline=None):
        """SIGTERM; returns the exit status, and leaves its counters in .last."""
        start = len(self.lines)
        self.process.send_signal(signal.SIGTERM)
        status = self.wait(deadline)
        self.last = self._stats_after(start)
        return status

    def kill(self):
        self.process.kill()
        self.wait()

    def path(self, name):
        return os.path.join(self.dir, name)

    def rows(self, sql, name="x.db"):
        return rows(self.path(name), sql)

    def rss(self):
        """Resident bytes."""
        with open("/proc/%d/status" % self.pid) as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) * 1024

    def cpu(self):
        """CPU seconds so far, of all its OS threads."""
        return time.clock_gettime((~self.pid << 3) | 2)


def rows(path, sql):
    """What SQL finds in the database PATH; [] where there is no such file or table yet."""
    if not os.path.exists(path):
        return []
    db = sqlite3.connect("file:%s?mode=ro" % path, uri=True, timeout=10)
    try:
        return db.execute(sql).fetchall()
    except sqlite3.OperationalError as e:
        if "no such table" in str(e):
            return []
        raise
    finally:
        db.close()


# --- the file ----------------------------------------------------------------

def tree(framing="newline", listen="127.0.0.1:0", server="", connection="", processor="", urls=(), sub="",
         database="path: x.db", daemon="", master=""):
    """The tree of the main job, with more options for its threads."""
    text = f"""taskthread: 1
daemon: {{state_dir: "@DIR@"{', ' + daemon if daemon else ''}}}
MasterThread:
  TCPServerThread:
    listen: {listen}
    {server}
    TCPConnectionThread:
      {connection}
      DataProcessorThread:
        framing: {framing}
        {processor}
"""
    if urls:
        text += "  WebsocketMasterThread:\n" + ("    %s\n" % master if master else "")
        for i, url in enumerate(urls):
            text += f'    WebSocketSubThread d{i}: {{url: "{url}"{", " + sub if sub else ""}}}\n'
    if database:
        text += f"  DatabaseThread: {{{database}}}\n"
    return text


LENGTH = "{type: length, size: 4, order: big, max: 1MiB}"


# --- devices -----------------------------------------------------------------

def length_frame(payload):
    return struct.pack(">I", len(payload)) + payload


def connect(port, host="127.0.0.1"):
    s = socket.create_connection((host, port), timeout=DEADLINE)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def send_and_close(port, data):
    """Sends DATA, then FIN, and waits for the daemon's end."""
    with connect(port) as s:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        return read_all(s)


def read_all(s):
    """All that comes until the end of the stream, or a reset."""
    out = b""
    with contextlib.suppress(ConnectionResetError):
        while True:
            more = s.recv(65536)
            if not more:
                break
            out += more
    return out


def wait_closed(s):
    """Waits for the daemon to close S."""
    s.settimeout(DEADLINE)
    read_all(s)
    s.close()


class Swarm:
    """Many devices at once: each sends its bytes in random splits, in random turns."""

    def __init__(self, port, streams, seed=1, most=64):
        self.rng = random.Random(seed)
        self.most = most
        self.port = port
        self.streams = streams

    def run(self):
        """Sends all, closes, and waits until the daemon has closed every one."""
        selector = selectors.DefaultSelector()
        for data in self.streams:
            s = connect(self.port)
            s.setblocking(False)
            selector.register(s, selectors.EVENT_WRITE | selectors.EVENT_READ, [memoryview(data), 0])
        end = time.monotonic() + 2 * DEADLINE
        while selector.get_map():
            assert time.monotonic() < end, "devices cannot send: %d left" % len(selector.get_map())
            events = selector.select(1)
            self.rng.shuffle(events)
            for key, mask in events:
                if mask & selectors.EVENT_READ and not key.fileobj.recv(65536):
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
                    continue
                if mask & selectors.EVENT_WRITE:
                    self._push(selector, key)
        selector.close()

    def _push(self, selector, key):
        data, at = key.data
        for _ in range(self.rng.randint(1, 8)):
            if at == len(data):
                key.fileobj.shutdown(socket.SHUT_WR)
                selector.modify(key.fileobj, selectors.EVENT_READ, key.data)
                return
            try:
                at += key.fileobj.send(data[at:at + self.rng.randint(1, self.most)])
            except BlockingIOError:
                break
            key.data[1] = at


# --- running -----------------------------------------------------------------

def main():
    """Runs the tests of the calling file, or those named on the command line."""
    module = sys.modules["__main__"]
    names = [n for n in vars(module) if n.startswith("test_")]
    wanted = sys.argv[1:] or names
    failed = skipped = 0
    for name in names:
        if name not in wanted:
            continue
        began = time.monotonic()
        try:
            getattr(module, name)()
            word = "ok"
        except Skip as e:
            word, skipped = "skipped: %s" % e, skipped + 1
        except Exception:
            traceback.print_exc(file=sys.stdout)
            word, failed = "FAILED", failed + 1
        print("%-60s %s (%.1f s)" % (name, word, time.monotonic() - began), flush=True)
    sys.exit(1 if failed else 77 if skipped == len(wanted) else 0)
