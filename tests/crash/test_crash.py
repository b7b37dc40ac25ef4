"""Nothing is lost and nobody is answered twice, wherever the daemon is killed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import need
from tests.crash.stages import Stages, at_random, systematic
from tests.crash.systematic import ANSWERS_TO_READS
from tests.support import dovecot

ROUNDS = 30


@pytest.fixture(scope="module")
def crash_stages(servers: Path) -> Iterator[Stages]:
    need(dovecot.why_not())
    with Stages(servers / "crash", os.cpu_count() or 1) as stages:
        yield stages


def test_a_kill_at_any_step_loses_nothing_and_answers_nobody_twice(crash_stages: Stages) -> None:
    total, killed, missed = systematic(crash_stages)
    assert not total.faults
    assert len(killed) > 100
    # How often it looks around while it waits is a matter of time, and so is how many operations share a commit: the last ones of a kind
    # may be missed the second time. Of each kind that changes anything some were reached.
    assert {kind(step) for step in missed if not ANSWERS_TO_READS.match(step)} <= {kind(step) for step in killed}
    assert len(missed) < len(killed) / 4, missed
    print(f"{len(killed)} kills; {total}")


def kind(step: str) -> str:
    """ "after:ledger commit#28 with 1 mails" is one of the kind "after:ledger commit"."""
    return step.partition("#")[0]


def test_kills_at_random_instants_lose_nothing_and_answer_nobody_twice(crash_stages: Stages) -> None:
    total, kills = at_random(crash_stages, ROUNDS, seed=1)
    assert not total.faults
    assert kills >= ROUNDS
    print(f"{kills} kills; {total}")
