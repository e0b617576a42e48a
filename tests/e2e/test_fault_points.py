#!/usr/bin/python3
"""Killed at each of the places that the daemon names: what was acknowledged is there,
no number is used twice.  Only where they were built: --enable-fault-points."""
import os
import signal

import device
import tt

PLACES = ("db.commit", "db.committed", "ids.written", "ids.taken")


def test_a_kill_at_each_place_loses_nothing_acknowledged():
    if not os.environ.get("FAULT_POINTS"):
        raise tt.Skip("built without --enable-fault-points")
    text = tt.tree(connection="ack: count64\n      ack_interval: 1ms", processor="", database="path: x.db, linger: 0s")
    for place in PLACES:
        home, devices, first = tt.directory(), [], {"a": 0, "b": 0}
        for life, time in enumerate((1, 2, 5, 0)):
            point = {"TT_FAULT_POINTS": "%s:kill:%d" % (place, time)} if time else {}
            with tt.Daemon(text, directory=home, env=point, ready=False) as d:
                tt.until("ready, or an end", lambda d=d: d.process.poll() is not None or d.notify.has("READY=1"))
                if d.process.poll() is None:
                    now = [device.Device(d.port, n, first=f, life=life, bound=None if time and place[:2] == "db" else 200)
                           for n, f in first.items()]
                    for x in now:
                        x.join(tt.DEADLINE)
                        first[x.name] = x.safe
                    devices += now
                status = d.stop() if d.process.poll() is None else d.wait()
                # A place may not be passed so often in a life.
                assert status in (0, -signal.SIGKILL), (place, time, status)
                assert status != 0 or time == 0 or place[:2] != "db" and time > 1, (place, time)
        have, _ = device.connections(d)
        for x in devices:
            device.check(x, have.get((x.name, x.life), []), place)
        assert all(n >= 200 for n in first.values()), first


if __name__ == "__main__":
    tt.main()
