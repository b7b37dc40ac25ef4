"""`python -m tests.crash`: the long run by hand."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue

from tests.crash.random_kills import duration, killed_at_random
from tests.crash.stage import Stage
from tests.crash.systematic import kill_at, middle, record
from tests.support.accounting import Account
from tests.support.dovecot import Dovecot
from tests.support.zygote import Zygote

BATCH = 20


class Stages:
    """As many rounds side by side as there are workers."""

    def __init__(self, folder: Path, count: int) -> None:
        self._folder, self._count = folder, count
        self._free: SimpleQueue[Stage] = SimpleQueue()

    def __enter__(self) -> Stages:
        self._stack = ExitStack()
        dovecot = self._stack.enter_context(Dovecot(self._folder / "dovecot"))
        zygote = self._stack.enter_context(Zygote())
        self.pool = self._stack.enter_context(ThreadPoolExecutor(self._count))
        for _ in range(self._count):
            self._free.put(self._stack.enter_context(Stage(self._folder, dovecot, zygote)))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def __call__(self) -> _Lent:
        return _Lent(self._free)


class _Lent:
    """A stage for the time of a round."""

    def __init__(self, free: SimpleQueue[Stage]) -> None:
        self._free = free

    def __enter__(self) -> Stage:
        self._stage = self._free.get()
        return self._stage

    def __exit__(self, *_: object) -> None:
        self._free.put(self._stage)


def systematic(stages: Stages) -> tuple[Account, int, list[str]]:
    """Every step for one mail, and the step in the middle of each kind in a batch. Returns account, kills, steps not reached."""
    with stages() as stage:
        plans = [(step, 1) for step in record(stage, 1)] + [(step, BATCH) for step in middle(record(stage, BATCH))]

    def one(plan: tuple[str, int]) -> tuple[Account, bool]:
        with stages() as stage:
            return kill_at(stage, *plan)

    total, kills, missed = Account(), 0, []
    for (step, mails), (result, reached) in zip(plans, stages.pool.map(one, plans), strict=True):
        total += result
        kills += reached
        if not reached:
            missed.append(f"{step} with {mails} mails")
    return total, kills, missed


def at_random(stages: Stages, rounds: int, seed: int) -> tuple[Account, int]:
    """*rounds* rounds of kills at random instants. Returns the account and the number of kills."""
    with stages() as stage:
        seconds = duration(stage, BATCH) * 1.2

    def one(number: int) -> tuple[Account, int]:
        with stages() as stage:
            return killed_at_random(stage, BATCH, seconds, random.Random(seed * 1_000_003 + number))

    total, kills = Account(), 0
    for number, (result, more) in enumerate(stages.pool.map(one, range(rounds)), 1):
        total += result
        kills += more
        if number % 50 == 0 and sys.stderr.isatty():
            print(f"{number} rounds, {total}", file=sys.stderr)
    return total, kills


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--rounds", type=int, default=0, help="rounds of random kills, with 20 mails each")
    parser.add_argument("--systematic", action="store_true", help="a kill at every step of the flow")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="rounds side by side")
    options = parser.parse_args()
    faults: list[str] = []
    folder = Path(tempfile.mkdtemp(prefix="triage-crash-"))
    with Stages(folder, options.jobs) as stages:
        if options.systematic or not options.rounds:
            begun = time.monotonic()
            total, kills, missed = systematic(stages)
            print(f"systematic: {kills} kills, {total}; {time.monotonic() - begun:.0f} s")
            print(f"steps not reached the second time: {len(missed)} {missed}")
            faults += total.faults
        if options.rounds:
            begun = time.monotonic()
            total, kills = at_random(stages, options.rounds, options.seed)
            print(f"random: {options.rounds} rounds, {kills} kills, {total}; {time.monotonic() - begun:.0f} s")
            faults += total.faults
    for fault in faults:
        print(fault)
    if not faults:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
