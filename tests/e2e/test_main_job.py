#!/usr/bin/python3
"""The main job: devices in over TCP, frames out to a websocket and into a database."""
import asyncio
import collections
import random
import struct
import threading

import tt

DEVICES, FRAMES = 1000, 20
ENVELOPE = struct.Struct(">BBHIQQQq")


def payload(rng, device, i):
    """Tells its sender and number; of any bytes, and sometimes empty but for that."""
    return b"%d %d " % (device, i) + rng.randbytes(rng.choice((0, 1, 30, 200)))


def sent(seed=7, devices=DEVICES, frames=FRAMES):
    rng = random.Random(seed)
    return [[payload(rng, d, i) for i in range(frames)] for d in range(devices)]


def streams(devices):
    return [b"".join(tt.length_frame(p) for p in d) for d in devices]


def by_device(payloads):
    out = collections.defaultdict(list)
    for p in payloads:
        out[int(p.split(b" ", 1)[0])].append(p)
    return out


def check_same(got, devices):
    """GOT holds each frame once, each device's in order, with the same bytes."""
    got = by_device(got)
    assert len(got) == len(devices)
    for d, frames in enumerate(devices):
        assert got[d] == frames, "device %d: %d of %d frames, or others" % (d, len(got[d]), len(frames))


def test_a_thousand_connections_in_random_splits():
    devices = sent()
    total = DEVICES * FRAMES
    with tt.Destination() as dest:
        with tt.Daemon(tt.tree(tt.LENGTH, urls=[dest.url], server="max_connections: 2000"),
                       prefix=["prlimit", "--nofile=4096"]) as d:
            tt.Swarm(d.port, streams(devices)).run()
            tt.until("every frame at the destination", lambda: len(dest.messages) >= total)
            assert d.stop() == 0, d.lines[-5:]
            last = d.last.check()
            rows = d.rows("select connection, seq, payload from data order by id")
            ends = d.rows("select id, close_reason, closed_at - opened_at from connection")
        assert dest.errors == []
        assert {o for o, _ in dest.messages} == {2}
        check_same(dest.payloads, devices)
    check_same([p for _, _, p in rows], devices)
    seqs = collections.defaultdict(list)
    for connection, seq, _ in rows:
        seqs[connection].append(seq)
    assert len(seqs) == DEVICES
    assert all(s == list(range(1, FRAMES + 1)) for s in seqs.values())
    assert {c for c, _, _ in ends} == set(seqs)
    assert all(reason == "peer" and took >= 0 for _, reason, took in ends), ends[:5]
    assert last.frames("DatabaseThread", "in", "in") == total
    assert last.frames("DatabaseThread", "in", "out") == total
    assert last.frames("DataProcessorThread", "up", "in") == total
    assert last.frames("WebsocketMasterThread", "in", "out") == total
    assert last.sum("dropped_frames_total") == 0
    assert last.sum("closes_total", node="TCPConnectionThread", reason="peer") == DEVICES


def test_it_gets_on_with_a_server_that_others_wrote():
    import websockets
    devices = sent(8, 20, 50)
    got, ready, done = [], threading.Event(), threading.Event()
    port = []

    async def take(ws, path):
        assert path == "/ingest"
        async for message in ws:
            got.append(message)

    async def serve():
        async with websockets.serve(take, "127.0.0.1", 0) as server:
            port.append(server.sockets[0].getsockname()[1])
            ready.set()
            await asyncio.get_running_loop().run_in_executor(None, done.wait)
    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    ready.wait()
    try:
        with tt.Daemon(tt.tree(tt.LENGTH, urls=["ws://127.0.0.1:%d/ingest" % port[0]])) as d:
            tt.Swarm(d.port, streams(devices)).run()
            tt.until("every frame at the destination", lambda: len(got) >= 1000)
            # confirmed by its pongs, so that nothing is left to wait for
            assert d.stop() == 0
            d.last.check()
    finally:
        done.set()
        thread.join()
    check_same(got, devices)


def test_envelope_and_database_agree():
    devices = sent(9, 50, 20)
    with tt.Destination() as dest:
        with tt.Daemon(tt.tree(tt.LENGTH, urls=[dest.url], sub="format: envelope, batch: length")) as d:
            tt.Swarm(d.port, streams(devices)).run()
            assert d.stop() == 0
            rows = d.rows("select connection, seq, received_at, payload from data")
        envelopes = []
        for message in dest.payloads:
            at = 0
            while at < len(message):
                version, flags, zero, n, position, *more = ENVELOPE.unpack_from(message, at)
                assert (version, flags, zero) == (1, 0, 0)
                at += ENVELOPE.size
                envelopes.append((position, *more, message[at:at + n]))
                at += n
            assert at == len(message)
    assert len(rows) == 1000
    positions = [e[0] for e in envelopes]
    assert positions == sorted(set(positions))
    assert sorted(e[1:] for e in envelopes) == sorted(rows)


def test_two_destinations_both_get_all():
    devices = sent(10, 20, 20)
    with tt.Destination() as a, tt.Destination() as b:
        with tt.Daemon(tt.tree(tt.LENGTH, urls=[a.url, b.url])) as d:
            tt.Swarm(d.port, streams(devices)).run()
            assert d.stop() == 0
        check_same(a.payloads, devices)
        check_same(b.payloads, devices)


def test_numbers_are_never_used_twice():
    seen = []
    with tt.Destination() as dest, tt.Daemon(tt.tree(urls=[dest.url], sub="format: envelope"), ready=False) as keep:
        keep.kill()
        for end in ("stop", "kill", "stop"):
            with open(keep.file) as f:
                text = f.read()
            with tt.Daemon(text, directory=keep.dir) as d:
                for _ in range(3):
                    tt.send_and_close(d.port, b"x\n")
                n = len(seen) + 3
                tt.until("the rows", lambda n=n: len(d.rows("select 1 from data")) >= n)
                d.stop() if end == "stop" else d.kill()
            seen = [r[0] for r in keep.rows("select connection from data order by id")]
        assert len(seen) == len(set(seen)) == 9, seen
        assert seen == sorted(seen) and seen[-1] < 2**53
        positions = sorted({ENVELOPE.unpack_from(m)[4] for m in dest.payloads})
        assert positions[-1] < 2**53 and positions[0] > 0


if __name__ == "__main__":
    tt.main()
