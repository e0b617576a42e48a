#!/usr/bin/python3
"""Values from elsewhere and files of several parts, in a whole daemon: they arrive where
they are needed, and are seen nowhere else."""
import os
import subprocess
import tempfile

import tt

SECRET = "Xq7-sesame-0f3a"


def environ(pid):
    with open("/proc/%d/environ" % pid, "rb") as f:
        return f.read()


def log(d):
    return "\n".join(d.lines)


def check(path, **more):
    r = subprocess.run([tt.DAEMON, "--check", path], capture_output=True, text=True, timeout=tt.DEADLINE,
                       env=dict(os.environ, **more))
    return r.returncode, r.stdout, r.stderr


def sources_tree(url, directory):
    with open(os.path.join(directory, "token"), "w") as f:
        f.write(SECRET + "-file\n")
    return tt.tree(listen="${env:TT_LISTEN:-127.0.0.1:0}", urls=[url + "?key=${env:TT_KEY}"],
                   sub='format: "${env:TT_FORMAT}", headers: {Authorization: "Bearer ${env:TT_TOKEN}", '
                   'X-File: "${file:@DIR@/token}", X-Credential: "${credential:cloud}", X-Plain: "$${env:TT_TOKEN}"}',
                   daemon='log: debug')


def test_secrets_reach_the_destination_and_nobody_else():
    credentials, d = tt.directory(), tt.directory()
    with open(os.path.join(credentials, "cloud"), "w") as f:
        f.write(SECRET + "-credential\r\n")
    env = {"TT_TOKEN": SECRET, "TT_KEY": SECRET + "-key", "TT_FORMAT": "json", "CREDENTIALS_DIRECTORY": credentials}
    with tt.Destination() as cloud, tt.Daemon(sources_tree(cloud.url, d), directory=d, env=env) as daemon:
        with tt.connect(daemon.port) as s:
            s.sendall(b"hello\n")
            tt.until("the message", lambda: cloud.messages)
        assert cloud.messages[0][0] == 1 and b'"text":"hello"' in cloud.messages[0][1], cloud.messages
        head = cloud.requests[0]
        for field in ("Authorization: Bearer " + SECRET, "X-File: %s-file" % SECRET,
                      "X-Credential: %s-credential" % SECRET, "X-Plain: ${env:TT_TOKEN}"):
            assert field in head.split("\r\n"), head
        assert "?key=%s-key " % SECRET in head, head
        left = environ(daemon.pid)
        assert b"TT_FORMAT=" not in left and SECRET.encode() not in left, left
        # An unwilling destination is what the daemon has most to say about.
        cloud.set("away")
        daemon.wait_log("refused")
        cloud.set("good")
        assert daemon.stop() == 0
        assert SECRET not in log(daemon), log(daemon)
        code, out, err = check(daemon.file, **env)
        assert code == 0 and SECRET not in out + err, out + err
        assert "${env:TT_FORMAT}" in out and "?***" in out, out


def test_what_cannot_be_had_is_a_warning_at_check_and_no_start():
    with tempfile.TemporaryDirectory(prefix="taskthread-") as d:
        path = os.path.join(d, "t.yaml")
        with open(path, "w") as f:
            f.write(sources_tree("ws://127.0.0.1:1/", d).replace("@DIR@", d))
        os.chmod(path, 0o640)
        code, out, err = check(path)
        assert code == 0 and err.count(": warning: ") == 4 and ": error: " not in err, err
        assert out.splitlines()[-1].startswith("memory bound: "), out
        r = tt.run("-c", path)
        assert r.returncode == 78 and r.stderr.count(": error: ") == 4, r.stderr
        assert "MasterThread/WebsocketMasterThread/WebSocketSubThread d0: \"${env:TT_TOKEN}\" cannot be had" in r.stderr


def test_a_secret_in_a_public_file_is_warned_about():
    with tempfile.TemporaryDirectory(prefix="taskthread-") as d:
        path = os.path.join(d, "t.yaml")
        with open(path, "w") as f:
            f.write(tt.tree(urls=["ws://127.0.0.1:1/"], sub='headers: {Authorization: "Bearer %s"}' % SECRET)
                    .replace("@DIR@", d))
        for mode, warned in ((0o644, True), (0o640, False)):
            os.chmod(path, mode)
            code, out, err = check(path)
            assert code == 0 and (": warning: " in err) == warned, err
            assert SECRET not in out + err, out + err


def test_a_daemon_of_several_files():
    d = tt.directory()
    os.mkdir(os.path.join(d, "sites"))
    for name in ("north", "south"):
        with open(os.path.join(d, "sites", name + ".yaml"), "w") as f:
            f.write("x-server: &server\n  listen: 127.0.0.1:0\n"
                    "  TCPConnectionThread: {DataProcessorThread: {framing: newline}}\n"
                    "MasterThread:\n"
                    "  TCPServerThread %s:\n    <<: *server\n    description: devices of the %s\n" % (name, name))
    text = "include: sites/*.yaml\n" \
           "MasterThread:\n  DatabaseThread: {path: x.db}\n"
    with tt.Daemon("taskthread: 1\n" + text, directory=d) as daemon:
        ports = tt.until("both listeners", lambda: len(daemon.ports) == 2 and daemon.ports)
        for port in ports:
            tt.send_and_close(port, b"hello\n")
        tt.until("both rows", lambda: daemon.rows("select count(*) from data") == [(2,)])
        assert daemon.rows("select node from connection order by node") == [
            ("MasterThread/TCPServerThread %s/TCPConnectionThread" % name,) for name in ("north", "south")]
        assert daemon.stop() == 0
    code, out, err = check(os.path.join(d, "tree.yaml"))
    assert code == 0 and "TCPServerThread south" in out, out + err
    with open(os.path.join(d, "sites", "south.yaml"), "a") as f:
        f.write("  DatabaseThread: {path: y.db}\n")
    r = tt.run("-c", os.path.join(d, "tree.yaml"))
    assert r.returncode == 78 and "/sites/south.yaml:8:20: error: MasterThread/DatabaseThread: \"path\" is set already " \
        "in %s/tree.yaml:5" % d in r.stderr, r.stderr


if __name__ == "__main__":
    tt.main()
