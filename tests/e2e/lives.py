"""lives.py - devices that outlive daemons: each connects again after the end of one, and
sends again what was not acknowledged."""
import random
import threading

import device
import tt

DEVICES = 8


def arrived(dest):
    """What came to DEST, which gets lines."""
    return device.arrived(b"".join(list(dest.payloads)).splitlines())


class Lives:
    """Each device is `next` at its first frame that is not acknowledged; `all` are the
    connections that ever were."""

    def __init__(self, seed, names=None):
        self.rng = random.Random(seed)
        self.next = {n: 0 for n in names or ["d%d" % i for i in range(DEVICES)]}
        self.all = []                   # every connection that ever was
        self.life = 0
        self.checked = [0, 0]           # the last row that was, and connections

    def begin(self, port, bound=None):
        """Connects them all, each with what is not acknowledged yet."""
        self.now = [device.Device(port, name, first=first, life=self.life, bound=bound)
                    for name, first in self.next.items()]
        self.all += self.now
        self.life += 1

    def run_to(self, goal, d):
        """Until they have GOAL counts between them, and a random while longer."""
        def there():
            assert d.process.poll() is None, "it ended by itself: %s" % d.lines[-5:]
            return sum(x.count for x in self.now) >= goal
        tt.until("%d acknowledged frames" % goal, there)
        # The moment is to be any, not only one at which a count arrives.
        threading.Event().wait(self.rng.uniform(0, 0.03))

    def end(self):
        for x in self.now:
            x.join(tt.DEADLINE)
            assert not x.is_alive()
            assert x.wrong is None, x.wrong
            self.next[x.name] = x.safe

    def check_database(self, d):
        have, _ = device.connections(d)
        for x in self.all:
            device.check(x, have.get((x.name, x.life), []), "database")
        assert set(have) <= {(x.name, x.life) for x in self.all}
        return sum(map(len, have.values()))

    def is_whole(self, dest):
        have = arrived(dest)
        return all(len(have.get((x.name, x.life), [])) >= x.count for x in self.all)

    def check_last(self, d):
        """The same of the life before: what came earlier has been looked at."""
        after, first = self.checked
        have, _ = device.connections(d, after=after)
        for x in self.all[first:]:
            device.check(x, have.get((x.name, x.life), []), "database")
        assert set(have) <= {(x.name, x.life) for x in self.all[first:]}
        self.checked = [(d.rows("select max(id) from data") or [(0,)])[0][0] or 0, len(self.all)]

    def check_destination(self, dest):
        assert dest.errors == []
        have = arrived(dest)
        for x in self.all:
            device.check(x, have.get((x.name, x.life), []), "destination")
