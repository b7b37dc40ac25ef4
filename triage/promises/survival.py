"""How long until a person answers: a weighted Kaplan-Meier curve over the waits of one team. Pure.

Tickets still open count too, as "longer than its age so far" (right-censored): a sample of answered tickets only says
how fast the quick ones were. The sample is the tickets *opened* last, answered or not; the answered last together with
all open ones promises ten times too much.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

OPEN, ANSWERED, CLOSED = 0, 1, 2  # CLOSED: without an answer, so it says nothing about answers
PRIOR_POINTS = 40
_TOLERANCE = 1e-12  # a survival that misses the level by rounding only has reached it


@dataclass(frozen=True, slots=True)
class Curve:
    """S(x), the share of tickets not yet answered after x seconds of opening time; it falls at `at` to `share`."""

    at: Floats  # shape (n_waits,), ascending seconds of opening time
    share: Floats  # same shape, S just after each

    def quantile(self, level: float, *, least: float | None = None, age: float = 0.0) -> float | None:
        """The smallest wait x with S(x) <= (1 - level) * S(age), in seconds; None when S never gets there.

        Args:
            level: share of tickets to be answered within x.
            least: where *level* is *least* and a margin above it: a curve that gets to *least* but ends before *level*
                gives the longest wait it knows of.
            age: seconds that the ticket in question is open already.
        """
        open_yet = 1.0
        if age > 0 and (passed := int(np.searchsorted(self.at, age, side="right"))):
            open_yet = float(self.share[passed - 1])
        if open_yet <= _TOLERANCE:
            return None
        reached = np.flatnonzero(self.share <= (1.0 - level) * open_yet + _TOLERANCE)
        if len(reached):
            return max(float(self.at[reached[0]]), age)
        if least is not None and self.share[-1] <= (1.0 - least) * open_yet + _TOLERANCE:
            return max(float(self.at[-1]), age)
        return None


def kaplan_meier(waits: Floats, answered: Flags, weights: Floats) -> Curve:
    """S(x) = product over answered waits x_j <= x of (1 - weight of x_j / weight of all waits >= x_j).

    Args:
        waits: seconds of opening time, shape (n,), n >= 1.
        answered: same shape; False where the ticket was still open after its wait.
        weights: same shape, positive.
    """
    # Where waits tie, answers come before open tickets: these were still at risk at that moment.
    order = np.lexsort((~answered, waits))
    weights = weights[order]
    at_risk = np.cumsum(weights[::-1])[::-1]
    share: Floats = np.cumprod(1.0 - np.where(answered[order], weights / at_risk, 0.0)).astype(np.float64, copy=False)
    return Curve(waits[order], share)


def prior_waits(configured: timedelta, level: float) -> Floats:
    """Waits that stand for the configured promise: exponential, *level* of them within *configured*."""
    k = (np.arange(PRIOR_POINTS) + 0.5) / PRIOR_POINTS
    return np.asarray(np.log1p(-k) * (configured.total_seconds() / math.log1p(-level)), dtype=np.float64)


class Waits:
    """The last *size* tickets opened, oldest first, in columns that NumPy reads without copying.

    The columns are twice as long as needed: rows are appended, and when the end is reached the living half moves to
    the front. A row is known by its number, which counts all rows ever added and never changes.
    """

    __slots__ = ("_length", "_next", "backlog", "first", "opened", "owner", "priority", "size", "slot", "state", "wait")

    def __init__(self, size: int) -> None:
        self.size = size
        self.first = 0  # number of the oldest row still held
        self._next = 0  # position of the next row in the columns
        self._length = 0
        self.opened: Floats = np.zeros(2 * size)  # B at the opening, seconds
        self.wait: Floats = np.zeros(2 * size)  # seconds of opening time; of answered rows only
        self.state: Ints = np.zeros(2 * size, np.int64)
        self.priority: Ints = np.zeros(2 * size, np.int64)
        self.slot: Ints = np.zeros(2 * size, np.int64)  # part of the week
        self.owner: Ints = np.zeros(2 * size, np.int64)  # team, where rows of several share one log
        self.backlog: Floats = np.zeros(2 * size)  # ln(1 + tickets open then)

    def __len__(self) -> int:
        return self._length

    @property
    def rows(self) -> slice:
        """Where the living rows stand in the columns, oldest first."""
        return slice(self._next - self._length, self._next)

    def add(self, opened: float, *, priority: int, slot: int, owner: int, backlog: float) -> int:
        """Append an open ticket; its number. The oldest row goes when the log is full."""
        if self._next == 2 * self.size:
            for column in (self.opened, self.wait, self.state, self.priority, self.slot, self.owner, self.backlog):
                column[: self.size] = column[self.size :]
            self._next = self.size
        i = self._next
        self.opened[i], self.wait[i], self.state[i] = opened, 0.0, OPEN
        self.priority[i], self.slot[i], self.owner[i], self.backlog[i] = priority, slot, owner, backlog
        self._next += 1
        if self._length == self.size:
            self.first += 1
        else:
            self._length += 1
        return self.first + self._length - 1

    def settle(self, number: int, state: int, wait: float) -> None:
        """Note what became of a row; nothing happens when it is no longer held."""
        if number >= self.first:
            i = self._next - self._length + number - self.first
            self.state[i], self.wait[i] = state, wait
