"""When to try again: doubling, bounded, jittered, with an end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.retry import FILE_POLICY, FORWARD_POLICY, REPLY_POLICY, Backoff, RetryPolicy, next_try

BORN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
POLICY = RetryPolicy(first=timedelta(seconds=30), ceiling=timedelta(hours=1), give_up_after=timedelta(days=5))


def waits(policy: RetryPolicy, attempt: int, jitter: float = 0.0) -> timedelta:
    again = next_try(policy, attempt=attempt, born=BORN, now=BORN, jitter=jitter)
    assert again is not None
    return again - BORN


def test_waits_double_up_to_the_ceiling() -> None:
    seconds = [waits(POLICY, attempt).total_seconds() for attempt in range(1, 10)]
    assert seconds == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]


@pytest.mark.parametrize("policy", [REPLY_POLICY, FORWARD_POLICY, FILE_POLICY])
def test_it_ends_when_the_time_is_over_and_not_before(policy: RetryPolicy) -> None:
    end = BORN + policy.give_up_after
    assert next_try(policy, attempt=1, born=BORN, now=end, jitter=0.0) is None
    assert next_try(policy, attempt=1, born=BORN, now=end - timedelta(seconds=1), jitter=0.0) is not None


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_any_attempt_has_a_wait_within_bounds(attempt: int, jitter: float) -> None:
    assert POLICY.first <= waits(POLICY, attempt, jitter) <= POLICY.ceiling * 1.25


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_reconnecting_waits_a_second_at_first_and_never_much_longer_than_the_ceiling(
    failures: int, jitter: float
) -> None:
    assert 0.75 <= Backoff(ceiling=120.0).wait(failures, jitter) <= 150.0
    assert Backoff(ceiling=120.0).wait(1, jitter) <= 1.25


def test_what_customers_get_is_given_up_before_it_is_stale_and_a_move_never() -> None:
    assert REPLY_POLICY.give_up_after <= timedelta(hours=12)
    assert FORWARD_POLICY.give_up_after >= timedelta(days=4)
    assert FILE_POLICY.give_up_after >= timedelta(days=3650)
