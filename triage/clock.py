"""Where the time comes from. Decisions take instants as arguments; only edges ask a clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

NOTICED = timedelta(minutes=1)  # a clock that is set by less changes no promise and no wait that anybody sees


class Clock(Protocol):
    """Wall time for people and the ledger, monotonic time for waiting and ages."""

    def now(self) -> datetime:
        """The present instant, aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back, whatever happens to the wall clock."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


def jump(wall: tuple[datetime, datetime], monotonic: tuple[float, float]) -> timedelta | None:
    """By how much the wall clock was set between two looks at both clocks (before, after); None: by less than a minute."""
    found = (wall[1] - wall[0]) - timedelta(seconds=monotonic[1] - monotonic[0])
    return found if abs(found) >= NOTICED else None
