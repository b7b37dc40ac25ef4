"""The promise: the instant by which a person answers, computed, recorded and kept. Pure.

Told in plain words, with the figures, in docs/promise.md. What callers use is named here; behind it stand

    calendar_config, opening_hours    the business clock
    due_date                          the value, and the rounding to an instant that may be stated
    survival                          the Kaplan-Meier curve
    samples                           whose waits it is drawn from, and their weights
    estimator                         what was learnt so far, and the promise made of it
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from triage.opening_hours import OpeningHours
from triage.promises.calendar_config import WEEKDAYS, CalendarConfig, parse_date_key
from triage.promises.due_date import (
    BEYOND_CAP,
    CONFIGURED,
    ESTIMATED,
    NEVER_REACHED,
    Promise,
    Terms,
    configured_promise,
    stated_instant,
)
from triage.promises.estimator import Estimator

__all__ = [
    "BEYOND_CAP",
    "CONFIGURED",
    "ESTIMATED",
    "NEVER_REACHED",
    "Estimator",
    "Promise",
    "Terms",
    "backtest_estimator",
    "calendar_of_backtest",
    "configured_promise",
    "stated_instant",
]


class BacktestEstimator:
    """The estimator behind the three calls of a replay; every event comes at its own instant, in order."""

    def __init__(self, terms: Terms) -> None:
        self.estimator = Estimator(lambda team: terms)

    def opened(self, case_id: str, team: str, priority: str, at: datetime) -> datetime | None:
        """The instant promised to a ticket, None where no date is stated."""
        return self.estimator.opened(case_id, team=team, priority=priority, at=at).due_at

    def answered(self, case_id: str, at: datetime) -> None:
        self.estimator.answered(case_id, at)

    def closed(self, case_id: str, at: datetime) -> None:
        """Closed without an answer."""
        self.estimator.closed(case_id, at)


def backtest_estimator(calendar: Mapping[str, Any], target: float) -> BacktestEstimator:
    """What a replay of past tickets drives: the daemon's own code, one calendar for all teams.

    Args:
        calendar: {"tz": "Europe/Rome", "hours": {"mon": [["08:00", "18:00"]]}, "holidays": ["2013-04-25"],
            "cold_start_hours": 20.0}; the last is the configured first response in hours of opening time.
        target: share of promises to be kept, 0..1.
    """
    hours = OpeningHours(calendar_of_backtest(calendar))
    return BacktestEstimator(Terms(hours, timedelta(hours=calendar["cold_start_hours"]), level=target))


def calendar_of_backtest(calendar: Mapping[str, Any]) -> CalendarConfig:
    """The opening hours of a replay.

    Missing weekdays and null holidays are allowed; from an hour to the same hour is the whole day round.
    """
    hours = {day: [_span(*edges) for edges in calendar["hours"].get(day) or ()] for day in WEEKDAYS}
    return CalendarConfig.model_validate(
        {
            "zone": calendar["tz"],
            "hours": {day: "24h" if "24h" in spans else spans or "closed" for day, spans in hours.items()},
            "holidays": {"add": {parse_date_key(day): "holiday" for day in calendar.get("holidays") or ()}},
        }
    )


def _span(opens: str, closes: str) -> str:
    return "24h" if opens == closes else f"{opens}-{closes}"
