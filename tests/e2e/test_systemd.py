#!/usr/bin/python3
"""The unit: judged by systemd-analyze, and run by a real systemd where one can be had.

Where none can be had (not root, no systemd-container) the other tests still play
systemd's end of NOTIFY_SOCKET; this one then says that it was skipped."""
import contextlib
import os
import re
import shutil
import socket
import subprocess
import tempfile

import tt
from container import CannotBoot, Container

BUILD = os.path.dirname(tt.DAEMON)
UNIT = os.path.join(BUILD, "systemd", "taskthread.service")


def unit():
    if not os.path.exists(UNIT):
        raise tt.Skip("no unit was built")
    with open(UNIT) as f:
        return f.read()


def analyze(*args):
    if shutil.which("systemd-analyze") is None:
        raise tt.Skip("no systemd-analyze")
    return subprocess.run(["systemd-analyze", *args], capture_output=True, text=True, timeout=tt.DEADLINE)


def test_exposure_is_small():
    unit()
    r = analyze("security", "--offline=true", "--no-pager", "--threshold=15", UNIT)
    assert r.returncode == 0, r.stdout + r.stderr
    level = re.search(r"Overall exposure level for \S+: ([\d.]+)", r.stdout)
    assert float(level.group(1)) <= 1.5, r.stdout


def test_the_unit_verifies():
    text = re.sub(r"(?m)^ExecStart=\S+", "ExecStart=" + tt.DAEMON, unit())
    with tempfile.TemporaryDirectory(prefix="taskthread-") as d:
        path = os.path.join(d, "taskthread.service")
        with open(path, "w") as f:
            f.write(text)
        r = analyze("verify", path)
        assert r.returncode == 0 and r.stdout + r.stderr == "", r.stdout + r.stderr


def test_one_that_does_not_read_holds_nothing_up():
    path = os.path.join(tt.directory(), "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd, \
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as other:
        systemd.bind(path)
        with contextlib.suppress(BlockingIOError):
            while True:
                other.sendto(b"of another program", path)
        with tt.Daemon(tt.tree(connection="ack: line"), env={"NOTIFY_SOCKET": path}, ready=False) as d:
            assert tt.send_and_close(d.port, b"one\ntwo\n").endswith(b"ACK 2\n")
            assert len(d.rows("select 1 from data")) == 2
            # Later it reads, and has missed nothing that matters.
            systemd.settimeout(tt.DEADLINE)
            had = []
            while "READY=1" not in had:
                had.append(systemd.recv(4096).decode())
            assert [m for m in had if m.startswith("STATUS=running")], had
            with contextlib.suppress(BlockingIOError):
                while True:
                    other.sendto(b"of another program", path)
            assert d.stop() == 0


def installed(c):
    """Puts daemon, unit and file where an installation without a prefix has them: one
    below /tmp or /home would be hidden by the unit itself."""
    daemon, file = "/usr/local/sbin/taskthreadd", "/etc/taskthread/taskthread.yaml"
    text, n = re.subn(r"(?m)^ExecStart=\S+ -c \S+$", "ExecStart=%s -c %s" % (daemon, file), unit())
    assert n == 1, text
    os.makedirs(os.path.dirname(c.root + daemon), exist_ok=True)
    shutil.copy(tt.DAEMON, c.root + daemon)
    c.write("/etc/systemd/system/taskthread.service", text)
    with open(os.path.join(tt.TOP, "config/examples/newline.yaml")) as f:
        example = f.read()
    c.write(file, example)
    c.run("systemctl", "daemon-reload")
    return file, example


def show(c, *names):
    r = c.run("systemctl", "show", "taskthread", *("-p" + n for n in names))
    return dict(line.split("=", 1) for line in r.stdout.splitlines())


def journal(c):
    return c.run("journalctl", "-u", "taskthread", "--no-pager").stdout[-3000:]


def test_it_runs_under_a_real_systemd():
    unit()
    if tt.SANITIZED:
        raise tt.Skip("a sanitizer needs system calls that the unit forbids")
    try:
        c = Container().__enter__()
    except CannotBoot as e:
        raise tt.Skip("no systemd can be booted here, its end of NOTIFY_SOCKET is played instead: %s" % e)
    try:
        life_of_a_service(c)
    finally:
        c.__exit__()


def life_of_a_service(c):
    file, example = installed(c)
    r = c.run("systemctl", "start", "taskthread")
    assert r.returncode == 0, r.stderr + journal(c)
    state = show(c, "ActiveState", "MainPID", "StatusText", "LimitNOFILESoft", "StateDirectory")
    assert state["ActiveState"] == "active" and state["StatusText"], state
    assert state["LimitNOFILESoft"] == "65536", state
    uid = c.run("stat", "-c", "%u", "/proc/" + state["MainPID"]).stdout.strip()
    assert int(uid) >= 61184, "it runs as user %s" % uid

    rows = ["/usr/bin/python3", "-c", "import sqlite3\n"
            "db = sqlite3.connect('file:/var/lib/taskthread/lines.db?mode=ro', uri=True)\n"
            "print([r[0] for r in db.execute('select payload from recent')])"]
    send = ["/usr/bin/python3", "-c", "import socket\n"
            "s = socket.create_connection(('127.0.0.1', 5002))\n"
            "s.sendall(b'hello\\n'); s.shutdown(1); s.recv(1)"]
    r = c.run(*send)
    assert r.returncode == 0, r.stderr + journal(c)
    tt.until("the row", lambda: c.run(*rows).stdout == "['hello']\n")

    # It comes again after a crash, and still has its rows.
    c.run("kill", "-9", state["MainPID"])
    tt.until("another one", lambda: show(c, "ActiveState", "MainPID")["ActiveState"] == "active" and
             show(c, "MainPID")["MainPID"] not in ("0", state["MainPID"]))
    assert c.run(*send).returncode == 0
    tt.until("both rows", lambda: c.run(*rows).stdout == "['hello', 'hello']\n")

    assert c.run("systemctl", "stop", "taskthread").returncode == 0
    state = show(c, "ActiveState", "Result", "ExecMainStatus")
    assert state == {"ActiveState": "inactive", "Result": "success", "ExecMainStatus": "0"}, state
    assert "listening on" in journal(c)

    # What systemd has decrypted or passed on is put in where the file names it.
    c.write("/etc/credstore/where", "127.0.0.1:5003\n")
    c.write("/etc/systemd/system/taskthread.service.d/credential.conf",
            "[Service]\nLoadCredential=where:/etc/credstore/where\n")
    c.run("systemctl", "daemon-reload")
    c.write(file, example.replace("127.0.0.1:5002", "${credential:where}"))
    r = c.run("systemctl", "start", "taskthread")
    assert r.returncode == 0, r.stderr + journal(c)
    assert c.run(*(a.replace("5002", "5003") for a in send)).returncode == 0
    assert c.run("systemctl", "stop", "taskthread").returncode == 0

    # A drain that takes longer than the unit allows is waited for: it asks for that.
    c.write("/etc/systemd/system/taskthread.service.d/stop.conf", "[Service]\nTimeoutStopSec=1s\n")
    c.run("systemctl", "daemon-reload")
    c.write(file, example.replace("\nMasterThread:", "\ndaemon: {stop_timeout: 3s}\nMasterThread:\n"
                                  "  WebsocketMasterThread:\n    spool: off\n"
                                  "    WebSocketSubThread: {url: \"ws://127.0.0.1:9/\"}", 1))
    r = c.run("systemctl", "start", "taskthread")
    assert r.returncode == 0, r.stderr + journal(c)
    assert c.run(*send).returncode == 0
    c.run("systemctl", "stop", "taskthread")
    state = show(c, "Result", "ExecMainStatus")
    assert state == {"Result": "exit-code", "ExecMainStatus": "1"}, (state, journal(c))

    # A wrong file does not mend itself: no restart.
    c.write(file, example + "  Nonsense: 1\n")
    assert c.run("systemctl", "start", "taskthread").returncode != 0
    state = show(c, "ActiveState", "ExecMainStatus", "NRestarts")
    assert state["ActiveState"] == "failed" and state["ExecMainStatus"] == "78", state
    assert "error:" in journal(c)


if __name__ == "__main__":
    tt.main()
