"""A clock that is set is noticed; one that runs is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from triage.clock import jump

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize("set_by", [timedelta(hours=1), timedelta(days=-400), timedelta(minutes=-1)])
def test_a_wall_clock_that_is_set_is_told_by_how_much(set_by: timedelta) -> None:
    assert jump((NOON, NOON + timedelta(seconds=2) + set_by), (100.0, 102.0)) == set_by


@pytest.mark.parametrize("passed", [0.0, 2.0, 86_400.0])
def test_time_that_passes_is_no_jump_however_long_the_process_slept(passed: float) -> None:
    assert jump((NOON, NOON + timedelta(seconds=passed + 0.5)), (100.0, 100.0 + passed)) is None
