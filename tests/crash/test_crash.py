"""Nothing is lost and nobody is answered twice, wherever the daemon is killed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import need
from tests.crash.stages import Stages, at_random, systematic
from tests.support import dovecot

ROUNDS = 30


@pytest.fixture(scope="module")
def crash_stages(servers: Path) -> Iterator[Stages]:
    need(dovecot.why_not())
    with Stages(servers / "crash", os.cpu_count() or 1) as stages:
        yield stages


def test_a_kill_at_any_step_loses_nothing_and_answers_nobody_twice(crash_stages: Stages) -> None:
    total, kills, missed = systematic(crash_stages)
    assert not total.faults
    assert kills > 100
    assert len(missed) < kills / 10, missed  # what happens in another order, or in one piece less, the second time
    print(f"{kills} kills; {total}")


def test_kills_at_random_instants_lose_nothing_and_answer_nobody_twice(crash_stages: Stages) -> None:
    total, kills = at_random(crash_stages, ROUNDS, seed=1)
    assert not total.faults
    assert kills >= ROUNDS
    print(f"{kills} kills; {total}")
