#!/usr/bin/python3
"""The command line: what each option prints, and the exit codes."""
import glob
import os
import pty
import re
import signal
import subprocess

import tt

WRONG = """taskthread: 1
MasterThread:
  TCPServerThread:
    listen: 127.0.0.1:70000
    colour: red
    TCPConnectionThread:
      DataProcessorThread: {framing: {type: lenght, size: 4}}
  DatabaseThread: {path: x.db}
"""


def written(text, name="tree.yaml"):
    path = os.path.join(tt.directory(), name)
    with open(path, "w") as f:
        f.write(text)
    return path


def test_help_and_version():
    r = tt.run("--help")
    assert r.returncode == 0 and r.stderr == "", r
    for option in ("-c", "--check", "--kinds", "--describe", "--version", "--help"):
        assert option in r.stdout, option
    r = tt.run("--version")
    assert r.returncode == 0 and re.match(r"taskthreadd .*\d+\.\d+", r.stdout), r


def test_wrong_usage_is_64():
    for args in (["--frobnicate"], ["-c"], ["--describe"], ["stray"], ["-c", "x.yaml", "stray"]):
        r = tt.run(*args)
        assert r.returncode == 64, (args, r)
        assert r.stderr and r.stdout == "", (args, r)


def test_kinds_and_describe():
    r = tt.run("--kinds")
    assert r.returncode == 0, r
    names = re.findall(r"^(\w+Thread)\b", r.stdout, re.M)
    assert {"MasterThread", "TCPServerThread", "TCPConnectionThread", "DataProcessorThread", "DatabaseThread",
            "WebsocketMasterThread", "WebSocketSubThread", "TimerThread"} == set(names), names
    for name in names:
        r = tt.run("--describe", name)
        assert r.returncode == 0 and name + ":" in r.stdout, r
    r = tt.run("--describe", "DatabaseTread")
    assert r.returncode == 64 and "DatabaseTread" in r.stderr and "--kinds" in r.stderr, r


def test_examples_are_right():
    files = sorted(glob.glob(os.path.join(tt.TOP, "config/examples/*.yaml")))
    assert files
    for file in files:
        r = tt.run("--check", file)
        assert r.returncode == 0, (file, r.stderr)
        assert re.fullmatch(r"memory bound: \d+ bytes resident", r.stdout.splitlines()[-1]), r.stdout
        assert "MasterThread" in r.stdout
        assert tt.run("-c", file, "--check").returncode == 0


def manual(name):
    with open(os.path.join(tt.TOP, name)) as f:
        return f.read()


def test_examples_of_the_manual_and_the_readme_are_right():
    blocks = re.findall(r"\.Bd -literal[^\n]*\n(taskthread: 1.*?)\n\.Ed", manual("config/taskthread.yaml.5"), re.S)
    assert len(blocks) >= 2
    blocks += [re.sub(r"(?m)^    ", "", b) for b in
               re.findall(r"(?m)^    taskthread: 1\n(?:    .*\n)+", manual("README"))]
    assert len(blocks) >= 3
    for text in blocks:
        r = tt.run("--check", written(text + "\n"))
        assert r.returncode == 0, (text, r.stderr)


def test_the_manual_names_every_option_of_the_command_line():
    pages = manual("daemon/taskthreadd.8")
    for option in re.findall(r"--(\w+)", tt.run("--help").stdout):
        assert "Fl -" + option in pages or "| -" + option in pages, option


def test_a_wrong_file_is_78_and_shows_every_mistake():
    file = written(WRONG)
    for args in (["--check", file], ["-c", file, "--check"], ["-c", file]):
        r = tt.run(*args)
        assert r.returncode == 78, (args, r)
        lines = r.stderr.splitlines()
        errors = [x for x in lines if re.match(re.escape(file) + r":\d+:\d+: error: ", x)]
        assert len(errors) == 3, r.stderr
        for word, place in (("70000", ":4:"), ("colour", ":5:"), ("lenght", ":7:")):
            assert any(word in x and place in x for x in errors), (word, r.stderr)
        assert "MasterThread/TCPServerThread: " in r.stderr
        assert any(re.fullmatch(r"\s*\^\s*", x) for x in lines), r.stderr


def in_terminal(*args, **env):
    """What the daemon writes to standard error where that is a terminal."""
    ours, theirs = pty.openpty()
    environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "TERM")}
    environment.update(env)
    process = subprocess.Popen([tt.DAEMON] + list(args), stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=theirs, env=environment)
    os.close(theirs)
    text = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:         # Linux: the other side is closed
            break
        if not piece:
            break
        text += piece
    os.close(ours)
    process.wait()
    return text.decode().replace("\r\n", "\n")


def test_mistakes_are_in_colour_in_a_terminal_unless_told_otherwise():
    file = written(WRONG)
    plain = tt.run("--check", file).stderr
    assert "\033" not in plain, plain
    text = in_terminal("--check", file, TERM="xterm")
    assert "\033[1m%s:4:13:\033[0m \033[1;31merror:\033[0m MasterThread" % file in text, text
    assert re.search(r"(?m)^ +\033\[1;32m\^\033\[0m$", text), text
    assert re.sub(r"\033\[[\d;]*m", "", text) == plain, text
    assert in_terminal("--check", file, TERM="xterm", NO_COLOR="") == text
    for env in ({"TERM": "xterm", "NO_COLOR": "1"}, {"TERM": "dumb"}, {}):
        assert in_terminal("--check", file, **env) == plain, env
    warned = written(WRONG.replace("70000", "5002").replace("    colour: red\n", "")
                     .replace("{type: lenght, size: 4}", "{type: delimiter, bytes: '\\r'}"))
    assert tt.run("--check", warned).returncode == 0
    assert "\033[1;35mwarning:\033[0m" in in_terminal("--check", warned, TERM="xterm")


def test_a_missing_file_is_78():
    r = tt.run("-c", "/nowhere/at/all.yaml")
    assert r.returncode == 78 and "/nowhere/at/all.yaml" in r.stderr, r
    assert tt.run("--check", "/nowhere/at/all.yaml").returncode == 78


def test_it_stops_in_order_on_sigterm_and_sigint():
    for signal_ in (signal.SIGTERM, signal.SIGINT):
        with tt.Daemon(tt.tree()) as d:
            d.process.send_signal(signal_)
            assert d.wait() == 0
            tt.until("STOPPING=1", lambda: d.notify.has("STOPPING=1"))


def test_sighup_says_that_a_restart_is_needed():
    with tt.Daemon(tt.tree()) as d:
        d.process.send_signal(signal.SIGHUP)
        d.wait_log("restart")
        assert d.stop() == 0


def test_a_second_daemon_on_one_state_dir_exits_1():
    with tt.Daemon(tt.tree()) as d:
        r = tt.run("-c", d.file)
        assert r.returncode == 1 and d.dir in r.stderr, r
        assert d.stop() == 0


def test_a_taken_address_exits_1():
    with tt.Daemon(tt.tree()) as d:
        other = written(tt.tree(listen="127.0.0.1:%d" % d.port))
        with open(other) as f:
            text = f.read().replace("@DIR@", os.path.dirname(other))
        with open(other, "w") as f:
            f.write(text)
        r = tt.run("-c", other)
        assert r.returncode == 1 and str(d.port) in r.stderr, r


def test_ready_and_status_are_said():
    with tt.Daemon(tt.tree()) as d:
        tt.until("STATUS=", lambda: d.notify.has("READY=1") and
                 any("STATUS=" in m for m in d.notify.messages))
        assert d.stop() == 0
        assert d.last is not None
        d.last.check()


if __name__ == "__main__":
    tt.main()
