"""A clock that stands still until it is told to go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class FakeClock:
    """`triage.clock.Clock` for tests."""

    def __init__(self, now: datetime) -> None:
        """*now* is aware, in any zone."""
        self._now = _utc(now)
        self._monotonic = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, span: timedelta) -> None:
        """Let *span* pass, for people and for timers. Raises ValueError when it is negative: time does not go back."""
        if span < timedelta(0):
            raise ValueError(f"time does not go back by {-span}; to set the wall clock back, use set()")
        self._now += span
        self._monotonic += span.total_seconds()

    def set(self, now: datetime) -> None:
        """Set the wall clock, as an operator or NTP does, back as well; the monotonic clock does not notice."""
        self._now = _utc(now)


def _utc(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError("a naive datetime has no place here; give it a zone")
    return instant.astimezone(UTC)
