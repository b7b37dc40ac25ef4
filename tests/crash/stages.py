"""Several stages side by side, and the two harnesses over them."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Self

from tests.crash.random_kills import duration, killed_at_random
from tests.crash.stage import Stage
from tests.crash.systematic import kill_at, middle, record
from tests.support.accounting import Account
from tests.support.dovecot import Dovecot
from tests.support.zygote import Zygote

BATCH = 20  # mails in flight
MARGIN = 1.2  # kills are spread over the time that the mails take, and a little more


class Stages:
    """As many rounds side by side as there are workers."""

    def __init__(self, folder: Path, count: int) -> None:
        self._folder, self._count = folder, count
        self._free: SimpleQueue[Stage] = SimpleQueue()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        dovecot = self._stack.enter_context(Dovecot(self._folder / "dovecot"))
        zygote = self._stack.enter_context(Zygote())
        self.pool = self._stack.enter_context(ThreadPoolExecutor(self._count))
        for _ in range(self._count):
            self._free.put(self._stack.enter_context(Stage(self._folder, dovecot, zygote)))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @contextmanager
    def one(self) -> Iterator[Stage]:
        """A stage for the time of a round; waits for one to be free."""
        stage = self._free.get()
        try:
            yield stage
        finally:
            self._free.put(stage)


def systematic(stages: Stages) -> tuple[Account, list[str], list[str]]:
    """Every step for one mail, and the step in the middle of each kind in a batch. Returns account, steps reached, steps not reached."""
    with stages.one() as stage:
        plans = [(step, 1) for step in record(stage, 1)] + [(step, BATCH) for step in middle(record(stage, BATCH))]

    def play(plan: tuple[str, int]) -> tuple[Account, bool]:
        with stages.one() as stage:
            return kill_at(stage, *plan)

    total = Account()
    killed: list[str] = []
    missed: list[str] = []
    for (step, mails), (result, reached) in zip(plans, stages.pool.map(play, plans), strict=True):
        total += result
        (killed if reached else missed).append(f"{step} with {mails} mails")
    return total, killed, missed


def at_random(stages: Stages, rounds: int, seed: int) -> tuple[Account, int]:
    """*rounds* rounds of kills at random instants. Returns the account and the number of kills."""
    with stages.one() as stage:
        seconds = duration(stage, BATCH) * MARGIN

    def play(number: int) -> tuple[Account, int]:
        with stages.one() as stage:
            return killed_at_random(stage, BATCH, seconds, random.Random(seed * 1_000_003 + number))

    total, kills = Account(), 0
    for number, (result, more) in enumerate(stages.pool.map(play, range(rounds)), 1):
        total += result
        kills += more
        if number % 50 == 0:
            print(f"{number} of {rounds} rounds, {kills} kills, {total}", file=sys.stderr, flush=True)
    return total, kills
