"""When to try again. Pure: the clock and the dice are arguments.

tenacity covers seconds within one connection attempt; minutes and hours are a `next_try_at` in the ledger, which outlives a restart.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Doubling waits from `first` to `ceiling`, until `give_up_after` has passed since the effect was planned."""

    first: timedelta = timedelta(seconds=30)
    ceiling: timedelta = timedelta(hours=1)
    give_up_after: timedelta = timedelta(days=5)  # RFC 5321, 4.5.4.1: the give-up time is 4-5 days


# A reply that comes after half a day confirms nothing any more; its promise may be over before it arrives.
REPLY_POLICY = RetryPolicy(ceiling=timedelta(minutes=15), give_up_after=timedelta(hours=6))
FORWARD_POLICY = RetryPolicy()
FILE_POLICY = RetryPolicy(
    first=timedelta(seconds=10), ceiling=timedelta(minutes=15), give_up_after=timedelta(days=36500)
)


def next_try(policy: RetryPolicy, *, attempt: int, born: datetime, now: datetime, jitter: float) -> datetime | None:
    """Moment of the next try, None to give up. *attempt* counts from 1, *jitter* is in [0, 1)."""
    if now - born >= policy.give_up_after:
        return None
    wait: timedelta = min(policy.ceiling, policy.first * 2 ** min(max(attempt, 1) - 1, 20))
    return now + wait * (1 + jitter / 4)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits between attempts to reach a server: 1 s doubling to `ceiling`, with jitter."""

    first: float = 1.0
    ceiling: float = 120.0

    def wait(self, failures: int, jitter: float) -> float:
        """Seconds before the next attempt after *failures* in a row; *jitter* in [0, 1)."""
        return min(self.ceiling, self.first * 2.0 ** min(max(failures, 1) - 1, 20)) * (0.75 + jitter / 2)
