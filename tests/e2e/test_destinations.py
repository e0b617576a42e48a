#!/usr/bin/python3
"""Destinations that misbehave: nothing is lost, devices wait, and it costs little."""
import re
import threading
import time

import tt

LINE = b"x" * 200
FAST = "connect_timeout: 1s, ack_timeout: 1s, backoff: 50ms..200ms"


def tree(*args, **more):
    """Its frames wait in memory only: what the destination does is felt by the device."""
    return tt.tree(*args, **dict({"master": "spool: off"}, **more))


class Flood(threading.Thread):
    """A device that sends as fast as it may, until it is told to end."""

    def __init__(self, port, bound=1 << 30):
        super().__init__(daemon=True)
        self.sock = tt.connect(port)
        self.sent = 0
        self.bound = bound
        self.end = False
        self.start()

    def run(self):
        self.sock.settimeout(0.1)
        block, at = b"", 0
        while True:
            if at == len(block):
                if self.end or self.sent >= self.bound:
                    break
                block = b"".join(b"%012d " % (self.sent + i) + LINE + b"\n" for i in range(100))
                self.sent += 100
                at = 0
            try:
                at += self.sock.send(block[at:])
            except TimeoutError:
                pass
        self.sock.shutdown(1)
        self.sock.settimeout(tt.DEADLINE * 2)
        tt.read_all(self.sock)


def test_one_that_fails_in_another_way_each_time_is_a_few_lines_a_second():
    with tt.Destination() as dest, tt.Daemon(tree(urls=[dest.url], database="", sub="backoff: 1ms..1ms")) as d:
        d.wait_log("connected to")
        began = time.monotonic()
        dest.set("403")
        while dest.connects < 1000:
            assert time.monotonic() - began < tt.DEADLINE
            dest.set("hangup" if dest.connects % 4 < 2 else "403", drop=False)
            time.sleep(0.001)
        seconds, lines = time.monotonic() - began, d.count("no connection to|lost the connection")
        assert lines <= 10 * (seconds + 2), "%d lines in %.1f s" % (lines, seconds)
        assert lines < 10 or d.wait_log(r"d0: \d+ more lines about connections")
        dest.set("good")
        tt.send_and_close(d.port, b"x\n")
        tt.until("its frame", lambda: dest.payloads == [b"x"])
        assert d.stop() == 0


def bound_of(d):
    r = tt.run("--check", d.file)
    return int(re.search(r"memory bound: (\d+) bytes", r.stdout).group(1))


def stuck(flood):
    """True once FLOOD has not sent anything for a while."""
    seen = [flood.sent, time.monotonic()]

    def still():
        if flood.sent != seen[0]:
            seen[:] = [flood.sent, time.monotonic()]
        return time.monotonic() - seen[1] > 0.5
    return still


def check_all(dest, sent):
    """Each frame came, and in order but for what was sent again."""
    numbers = [int(p[:12]) for p in dest.payloads]
    assert set(numbers) == set(range(sent)), "%d of %d came" % (len(set(numbers)), sent)
    first = list(dict.fromkeys(numbers))
    assert first == sorted(first)
    assert dest.errors == []


def bad_for_a_while(mode, more=FAST):
    """The destination is bad from the start; then it is good."""
    with tt.Destination(mode) as dest:
        with tt.Daemon(tree(urls=[dest.url], sub=more, daemon="memory: 16MiB")) as d:
            flood = Flood(d.port)
            tt.until("the device to wait", stuck(flood))
            assert d.stats().check().dropped() == 0
            before, lines, at = d.cpu(), len(d.lines), time.monotonic()
            # some of its time-outs and attempts, while the device waits
            tt.until("some time with a %s destination" % mode, lambda: time.monotonic() - at > 2)
            if not tt.SANITIZED:
                took = (d.cpu() - before) / (time.monotonic() - at)
                assert took < 0.05, "%.1f %% CPU while it waits" % (took * 100)
                assert d.rss() < bound_of(d), (d.rss(), bound_of(d))
            assert len(d.lines) - lines < 40, "\n".join(d.lines[lines:])
            flood.end = True
            dest.set("good")
            flood.join(tt.DEADLINE)
            assert not flood.is_alive()
            assert d.stop() == 0, d.lines[-5:]
            last = d.last.check()
            assert last.sum("dropped_frames_total") == 0
            assert d.rows("select count(*) from data") == [(flood.sent,)]
        check_all(dest, flood.sent)


def test_it_refuses():
    bad_for_a_while("away")


def test_it_accepts_and_stays_silent():
    bad_for_a_while("silent")


def test_it_hangs_up():
    bad_for_a_while("hangup")


def test_it_upgrades_and_stays_silent():
    bad_for_a_while("mute")


def test_it_answers_403():
    bad_for_a_while("403")


def test_it_answers_garbage():
    bad_for_a_while("garbage")


def test_it_resets():
    bad_for_a_while("reset")


def test_it_closes_half():
    bad_for_a_while("half")


def test_it_reads_slowly():
    bad_for_a_while("slow")


def test_it_swallows_pings():
    bad_for_a_while("no_pong")


def test_it_goes_away_and_comes_back_under_load():
    with tt.Destination() as dest:
        with tt.Daemon(tree(urls=[dest.url], sub=FAST)) as d:
            flood = Flood(d.port)
            for _ in range(3):
                n = len(dest.messages)
                tt.until("messages", lambda n=n: len(dest.messages) > n + 500)
                lines = len(d.lines)
                dest.set("away")
                d.wait_log(r"WebSocketSubThread d0: no connection to .*refused", start=lines)
                dest.set("good")
                d.wait_log(r"WebSocketSubThread d0: connected", start=lines)
            flood.end = True
            flood.join(tt.DEADLINE)
            assert d.stop() == 0, d.lines[-5:]
            d.last.check()
            assert d.rows("select count(*) from data") == [(flood.sent,)]
        check_all(dest, flood.sent)
        # what was sent again is counted
        again = len(dest.messages) - flood.sent
        assert d.last.sum("resent_frames_total") >= again, (again, d.last.sum("resent_frames_total"))


def test_an_address_that_drops_packets_fails_by_our_deadline():
    # 127.0.0.1 with a full backlog drops the handshake of TCP, as a firewall does.
    import socket
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    fill = []
    for _ in range(8):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(full.getsockname())
        fill.append(s)
    url = "ws://127.0.0.1:%d/" % full.getsockname()[1]
    with tt.Daemon(tree(urls=[url], sub="connect_timeout: 300ms, backoff: 50ms..100ms")) as d:
        d.wait_log(r"WebSocketSubThread d0: no connection .*within connect_timeout")
        tt.send_and_close(d.port, b"x\n")
        tt.until("the row", lambda: d.rows("select count(*) from data") == [(1,)])
    for s in [*fill, full]:
        s.close()


def hung_up(url, dest, sub=""):
    # No time-out of ours comes to its help.
    with tt.Daemon(tree(urls=[url], sub="connect_timeout: 1h, ack_timeout: 1h, backoff: 5ms..10ms" + sub)) as d:
        tt.until("many attempts", lambda: dest.connects > 100)
        # What is first, FIN or reset, is no news.
        assert d.count("no connection to") == 1, "\n".join(d.lines)


def test_a_hang_up_is_noticed_at_once_and_said_once():
    with tt.Destination("hangup") as dest:
        hung_up(dest.url, dest)


def test_a_hang_up_in_the_handshake_of_tls_is_said_once():
    with tt.Destination("hangup") as dest:
        hung_up(dest.url.replace("ws:", "wss:"), dest)


def test_without_a_pong_the_connection_is_made_anew():
    with tt.Destination("no_pong") as dest:
        with tt.Daemon(tree(urls=[dest.url], sub="ack_timeout: 2500ms, backoff: 5ms..10ms")) as d:
            flood = Flood(d.port)
            tt.until("three connections", lambda: dest.connects >= 3)
            assert d.find("no confirmation within ack_timeout")
            # the first of each connection, and again after a second, and another
            assert 3 <= len(dest.pings) <= 3 * dest.connects, len(dest.pings)
            dest.set("good")
            flood.end = True
            flood.join(tt.DEADLINE)
            assert d.stop() == 0
            d.last.check()
        check_all(dest, flood.sent)


def test_without_an_acknowledgement_too_while_data_flows():
    with tt.Destination() as dest:
        with tt.Daemon(tree(urls=[dest.url], sub="ack: sequence, ack_timeout: 1s, backoff: 5ms..10ms")) as d:
            with tt.connect(d.port) as s:
                end = time.monotonic() + tt.DEADLINE
                while dest.connects < 3:
                    assert time.monotonic() < end
                    s.sendall(b"x\n")
                    time.sleep(0.01)
            d.kill()


def test_while_it_drains_the_pauses_are_short():
    with tt.Destination("away") as dest:
        with tt.Daemon(tree(urls=[dest.url], sub="backoff: 1h..1h", daemon="stop_timeout: 1h")) as d:
            d.wait_log("no connection to")
            tt.send_and_close(d.port, b"one\n")
            tt.until("the row", lambda: d.rows("select count(*) from data") == [(1,)])
            d.process.terminate()
            tt.until("STOPPING=1", lambda: d.notify.has("STOPPING=1"))
            dest.set("good")
            assert d.wait() == 0
        assert dest.payloads == [b"one"]


def test_an_unreachable_destination_does_not_delay_ready():
    with tt.Destination("away") as dest, tt.Daemon(tree(urls=[dest.url])) as d:
        assert d.notify.has("READY=1")
        # nothing is outstanding, so the stop does not wait for it
        assert d.stop() == 0


def test_a_stop_past_its_deadline_exits_1_and_counts():
    with tt.Destination("away") as dest:
        with tt.Daemon(tree(urls=[dest.url], daemon="stop_timeout: 500ms")) as d:
            tt.send_and_close(d.port, b"one\ntwo\n")
            tt.until("the rows", lambda: d.rows("select count(*) from data") == [(2,)])
            assert d.stop() == 1
            assert d.last is not None
            d.last.check()


def test_a_second_sigterm_ends_at_once():
    with tt.Destination("away") as dest:
        with tt.Daemon(tree(urls=[dest.url], daemon="stop_timeout: 1h")) as d:
            tt.send_and_close(d.port, b"one\n")
            tt.until("the row", lambda: d.rows("select count(*) from data") == [(1,)])
            d.process.terminate()
            tt.until("STOPPING=1", lambda: d.notify.has("STOPPING=1"))
            d.process.terminate()
            assert d.wait() == 1


if __name__ == "__main__":
    tt.main()
