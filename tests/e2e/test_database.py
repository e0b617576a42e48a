#!/usr/bin/python3
"""The database file: what it holds, and which files are refused untouched."""
import hashlib
import os
import sqlite3
import subprocess
import time

import tt


def digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def refused(d, *words):
    """D ends with 1, says WORDS and the path, and was never ready."""
    assert d.wait() == 1, d.lines
    assert not d.notify.has("READY=1")
    text = "\n".join(d.lines)
    assert d.path("x.db") in text, text
    assert any(w in text for w in words), text


def prepared(make):
    """A directory whose x.db was made by MAKE(path)."""
    d = tt.Daemon(tt.tree(), ready=False)
    d.kill()
    for name in os.listdir(d.dir):
        if name.startswith("x.db"):
            os.unlink(d.path(name))
    make(d.path("x.db"))
    return d


def test_a_directory_is_refused():
    with prepared(os.mkdir) as keep, tt.Daemon(tt.tree(), directory=keep.dir, ready=False) as d:
        refused(d, "director")


def test_a_foreign_database_is_refused_untouched():
    def foreign(path):
        db = sqlite3.connect(path)
        db.execute("create table other(x)")
        db.execute("insert into other values(1)")
        db.commit()
        db.close()
    with prepared(foreign) as keep:
        before = digest(keep.path("x.db"))
        with tt.Daemon(tt.tree(), directory=keep.dir, ready=False) as d:
            refused(d, "not", "foreign")
        assert digest(keep.path("x.db")) == before
        assert not os.path.exists(keep.path("x.db-wal"))


def test_a_file_that_is_no_database_is_refused_untouched():
    def letter(path):
        with open(path, "w") as f:
            f.write("Dear Sir or Madam, " * 500)
    with prepared(letter) as keep:
        before = digest(keep.path("x.db"))
        with tt.Daemon(tt.tree(), directory=keep.dir, ready=False) as d:
            refused(d, "not", "foreign")
        assert digest(keep.path("x.db")) == before


def test_a_newer_version_is_refused_untouched():
    with tt.Daemon(tt.tree()) as keep:
        tt.send_and_close(keep.port, b"x\n")
        assert keep.stop() == 0
        db = sqlite3.connect(keep.path("x.db"))
        version = db.execute("pragma user_version").fetchone()[0]
        db.execute("pragma user_version=%d" % (version + 1))
        db.commit()
        db.close()
        before = digest(keep.path("x.db"))
        with tt.Daemon(tt.tree(), directory=keep.dir, ready=False) as d:
            refused(d, "newer", "version")
        assert digest(keep.path("x.db")) == before


def test_a_file_that_cannot_be_written_is_refused():
    with tt.Daemon(tt.tree()) as keep:
        tt.send_and_close(keep.port, b"x\n")
        assert keep.stop() == 0
        before = digest(keep.path("x.db"))
        os.chmod(keep.path("x.db"), 0o444)
        if os.geteuid() != 0:
            with tt.Daemon(tt.tree(), directory=keep.dir, ready=False) as d:
                refused(d, "read-only", "readonly", "ermission")
        else:
            # Root writes what it likes but what it has taken from itself.
            if subprocess.run(["chattr", "+i", keep.path("x.db")], capture_output=True).returncode != 0:
                read_only_for_another(keep)
            else:
                try:
                    with tt.Daemon(tt.tree(), directory=keep.dir, ready=False) as d:
                        refused(d, "read-only", "readonly", "ermi")
                finally:
                    subprocess.run(["chattr", "-i", keep.path("x.db")], check=True)
        assert digest(keep.path("x.db")) == before


def read_only_for_another(keep):
    """The same as a user who has no right to the file."""
    for name in os.listdir(keep.dir):
        if not name.startswith("x.db"):
            os.chown(keep.path(name), 65534, 65534)
    os.chown(keep.dir, 65534, 65534)
    with tt.Daemon(tt.tree(), directory=keep.dir, ready=False,
                   prefix=["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]) as d:
        refused(d, "read-only", "readonly", "ermi")


def test_one_line_from_nc_is_a_row():
    with tt.Daemon(tt.tree()) as d:
        if subprocess.run(["sh", "-c", "command -v nc"], capture_output=True).returncode != 0:
            raise tt.Skip("no nc")
        subprocess.run(["nc", "-N", "127.0.0.1", str(d.port)], input=b"hello\n", check=True, timeout=tt.DEADLINE)
        tt.until("the row", lambda: d.rows("select 1 from recent"))
        (row,) = d.rows("select * from recent")
        when, peer, channel, connection, seq, payload = row
        assert payload == "hello" and channel == "data" and seq == 1 and peer.startswith("127.0.0.1:"), row
        assert when.startswith(time.strftime("%Y-", time.gmtime())), row
        assert d.stop() == 0


def test_the_schema_is_the_promised_one():
    with tt.Daemon(tt.tree()) as d:
        tt.send_and_close(d.port, b"\xff\xfe\n")
        assert d.stop() == 0
        columns = [c[1] for c in d.rows("pragma table_info(data)")]
        assert columns == ["id", "connection", "seq", "received_at", "payload"]
        columns = [c[1] for c in d.rows("pragma table_info(connection)")]
        assert columns == ["id", "peer", "opened_at", "closed_at", "node", "local", "close_reason"]
        columns = [c[1] for c in d.rows("pragma table_info(refused)")]
        assert columns == ["connection", "seq", "received_at", "reason", "payload"]
        assert d.rows("pragma journal_mode") == [("wal",)]
        assert d.rows("pragma page_size") == [(8192,)]
        ((received,),) = d.rows("select received_at from data")
        assert abs(received - time.time_ns()) < 10 * 60 * 10**9
        ((node, reason),) = d.rows("select node, close_reason from connection")
        assert node == "MasterThread/TCPServerThread/TCPConnectionThread" and reason == "peer"
        ((payload,),) = d.rows("select payload from recent")
        assert payload.lower().replace(" ", "") in ("fffe", "x'fffe'"), payload


def test_recent_holds_the_last_hundred_newest_first():
    with tt.Daemon(tt.tree()) as d:
        tt.send_and_close(d.port, b"".join(b"%d\n" % i for i in range(300)))
        assert d.stop() == 0
        got = [r[0] for r in d.rows("select payload from recent")]
        assert got == [str(i) for i in range(299, 199, -1)]


def test_a_connection_without_a_frame_has_its_row_at_its_end():
    with tt.Daemon(tt.tree()) as d:
        tt.send_and_close(d.port, b"")
        tt.until("its row", lambda: d.rows("select close_reason from connection") == [("peer",)])
        assert d.rows("select count(*) from data") == [(0,)]
        assert d.stop() == 0


def test_after_a_crash_the_end_stays_null():
    with tt.Daemon(tt.tree()) as d:
        s = tt.connect(d.port)
        s.sendall(b"one\n")
        tt.until("the row", lambda: d.rows("select count(*) from data") == [(1,)])
        d.kill()
        with tt.Daemon(tt.tree(), directory=d.dir) as again:
            assert again.stop() == 0
        assert d.rows("select closed_at, close_reason from connection") == [(None, None)]


def test_a_busy_file_delays_ready_and_loses_nothing():
    with tt.Daemon(tt.tree()) as d:
        assert d.stop() == 0
        db = sqlite3.connect(d.path("x.db"), isolation_level=None)
        db.execute("begin exclusive")
        with tt.Daemon(tt.tree(), directory=d.dir, ready=False) as again:
            again.wait_log("busy|locked")
            assert not again.notify.has("READY=1")
            db.execute("rollback")
            again.wait_ready()
            db.execute("begin immediate")
            tt.send_and_close(again.port, b"while busy\n")
            again.wait_log("busy|locked", start=0)
            assert db.execute("select count(*) from data").fetchone() == (0,)
            db.execute("rollback")
            tt.until("the row", lambda: again.rows("select payload from data") == [(b"while busy",)])
            assert again.stop() == 0
        db.close()


def test_two_channels_are_two_tables():
    text = """taskthread: 1
MasterThread:
  TCPServerThread one:
    UP: data
    listen: 127.0.0.1:0
    TCPConnectionThread:
      DataProcessorThread: {framing: newline}
  TCPServerThread two:
    UP: meters
    listen: 127.0.0.1:0
    TCPConnectionThread:
      UP: meters
      DataProcessorThread: {UP: meters, framing: {type: fixed, size: 2}}
  DatabaseThread: {IN: [data, meters], path: x.db}
"""
    with tt.Daemon(text) as d:
        tt.until("both listeners", lambda: len(d.ports) == 2)
        for port in d.ports:
            tt.send_and_close(port, b"ab\ncd\n")
        assert d.stop() == 0
        assert d.rows("select payload from data order by id") == [(b"ab",), (b"cd",)]
        assert d.rows("select payload from meters order by id") == [(b"ab",), (b"\nc",), (b"d\n",)]
        assert {r[0] for r in d.rows("select channel from recent")} == {"data", "meters"}


if __name__ == "__main__":
    tt.main()
