#!/usr/bin/python3
"""Killed at random moments, or without power, under load, and started again: what was
acknowledged is there, and nothing that the devices did not send again is there twice.

KILL_ROUNDS says how often (20), KILL_SEED where the random numbers begin."""
import os

import tt
from destination import MODES
from faulty import Faults
from lives import DEVICES, Lives

ROUNDS = int(os.environ.get("KILL_ROUNDS", "20"))
SEED = int(os.environ.get("KILL_SEED", "20"))


class Power:
    """Ends daemons by a kill, or together with the power where faults.c can be had."""

    def __init__(self, home):
        try:
            self.faults = Faults(home, shadow=True)
            self.prefix = self.faults.prefix
        except tt.Skip:
            self.faults, self.prefix = None, ()

    def kill(self, d, rng):
        d.kill()
        if self.faults is not None and rng.random() < 0.5:
            self.faults.cut_power()
        elif self.faults is not None:
            self.faults.flush()


def rounds(lives, text, home, kill, check, prefix=()):
    """Kills daemon after daemon, and looks each time at what the next one finds."""
    for _ in range(ROUNDS):
        with tt.Daemon(text, directory=home, prefix=prefix) as d:
            check(d)                    # what the start has found
            lives.begin(d.port)
            lives.run_to(lives.rng.choice((0, 1, lives.rng.randint(1, 3000))), d)
            kill(d)
        lives.end()


def last_life(lives, text, home, prefix=()):
    """One more, that is stopped in order: the sums are right from both sides."""
    with tt.Daemon(text, directory=home, prefix=prefix) as d:
        before = len(d.rows("select 1 from data"))
        lives.begin(d.port, bound=500)
        for x in lives.now:
            x.join(tt.DEADLINE)
        assert d.stop() == 0, d.lines[-5:]
        lives.end()
        assert all(x.count == 500 for x in lives.now), [x.count for x in lives.now]
        last = d.last.check()
        total = lives.check_database(d)
        assert last.frames("DatabaseThread", "in", "in") == total - before == 500 * DEVICES
        assert last.frames("DataProcessorThread", "up", "in") == 500 * DEVICES
        assert last.sum("dropped_frames_total") == 0
        return last


def acknowledging(**more):
    return tt.tree(connection="ack: count64\n      ack_interval: 1ms", **more)


def test_a_kill_or_a_power_cut_loses_nothing_acknowledged():
    home, text = tt.directory(), acknowledging()
    lives, power = Lives(SEED), Power(home)
    rounds(lives, text, home, lambda d: power.kill(d, lives.rng), lives.check_last, power.prefix)
    assert sum(x.count for x in lives.all) > 0
    last_life(lives, text, home, power.prefix)


def test_nor_does_it_with_a_destination_that_comes_and_goes():
    lives, home = Lives(SEED + 2), tt.directory()
    power = Power(home)
    with tt.Destination() as dest:
        text = acknowledging(urls=[dest.url], sub="batch: newline, backoff: 10ms..50ms, connect_timeout: 300ms, ack_timeout: 1s")

        def kill(d):
            if lives.rng.random() < 0.7:
                dest.set(lives.rng.choice([m for m in MODES if m not in ("good", "slow")]))
                # Devices go on: the spool keeps their frames.
                lives.run_to(sum(x.count for x in lives.now) + lives.rng.choice((1, 300, 5000)), d)
            power.kill(d, lives.rng)
            dest.set("good")

        rounds(lives, text, home, kill, lives.check_last, power.prefix)
        assert sum(x.count for x in lives.all) > 0
        last_life(lives, text, home, power.prefix)
        # What the spool still has comes with the next one.
        with tt.Daemon(text, directory=home) as d:
            tt.until("all that was acknowledged at the destination", lambda: lives.is_whole(dest))
            assert d.stop() == 0
            d.last.check()
        lives.check_destination(dest)


if __name__ == "__main__":
    tt.main()
