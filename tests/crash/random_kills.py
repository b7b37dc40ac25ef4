"""Kill at random instants under load, restart, repeat."""

from __future__ import annotations

import random
import time

from tests.crash.stage import Stage
from tests.support.accounting import Account

AGAIN = 0.3  # of the restarted daemons are killed as well, while they recover


def duration(stage: Stage, mails: int) -> float:
    """Seconds from the mails' arrival to their end, without a kill: kills are spread over a little more than that."""
    run = stage.round(mails)
    run.start(watching=True)
    begun = time.monotonic()
    run.deliver()
    run.daemon.until(lambda: run.daemon.settled(mails), "the measured run to settle")
    seconds = time.monotonic() - begun
    run.finish()
    return seconds


def killed_at_random(stage: Stage, mails: int, seconds: float, dice: random.Random) -> tuple[Account, int]:
    """One round: *mails* arrive, and the daemon is killed within *seconds* of it. Returns the account and the number of kills."""
    run = stage.round(mails)
    run.start(watching=True)
    run.deliver()
    time.sleep(dice.uniform(0, seconds))  # the instant of the kill: the one place where time itself is what is tested
    run.daemon.kill()
    kills = 1
    run.start()
    while dice.random() < AGAIN:
        time.sleep(dice.uniform(0.1, seconds + 0.5))
        run.daemon.kill()
        kills += 1
        run.start()
    return run.finish(), kills
