"""Made-up logs of tickets, each another kind of desk, to try promises on. Drawn from a seed; nobody's real data.

steady      one team around the clock, minutes to hours, quicker by day
queue       a bank's back office: first come, first served, waits follow the backlog
terms       a university: 20 small teams, a surge twice in the period, answers after hours, teams of 3 tickets
shifts      a factory: nights over midnight, answers in batches at the start of a shift, many waits alike
heavy       a few teams with a very long tail, slowing down half way
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from triage.opening_hours import OpeningHours
from triage.promise import calendar_of_backtest

START = datetime(2025, 1, 6, tzinfo=UTC)
OFFICE = {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
EVERY_DAY = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Ticket:
    """One row of a log; instants are aware UTC."""

    case_id: str
    team: str
    priority: str
    opened_at: datetime
    answered_at: datetime


@dataclass(frozen=True, slots=True)
class Log:
    """Tickets in order of opening, and the calendar as `triage.promise:backtest_estimator` takes it."""

    name: str
    calendar: dict[str, Any]
    tickets: list[Ticket]


def made_logs(seed: int) -> Iterator[Log]:
    """All kinds of desks, the same for the same seed."""
    for make in (_steady, _queue, _terms, _shifts, _heavy, _flood):
        yield make(np.random.default_rng(seed))


def _log(name: str, calendar: dict[str, Any], drawn: list[tuple[str, str, datetime, datetime]]) -> Log:
    drawn.sort(key=lambda ticket: ticket[2])
    return Log(name, calendar, [Ticket(f"{name}-{i}", *ticket) for i, ticket in enumerate(drawn)])


def _calendar(zone: str, hours: dict[str, Any], *, cold: float, holidays: list[str] | None = None) -> dict[str, Any]:
    return {"tz": zone, "hours": hours, "holidays": holidays, "cold_start_hours": cold}


def _openings(rng: np.random.Generator, n: int, days: float, clock: Callable[[float], float] = float) -> list[datetime]:
    return [START + timedelta(days=clock(x) * days) for x in np.sort(rng.random(n))]


def _steady(rng: np.random.Generator) -> Log:
    calendar = _calendar("America/New_York", {day: [["00:00", "24:00"]] for day in EVERY_DAY}, cold=48.0)
    drawn = []
    for at in _openings(rng, 8000, 180):
        slow = 6.0 if (at.hour - 5) % 24 < 7 else 1.0
        priority = str(rng.integers(1, 4))
        minutes = rng.lognormal(np.log(12.0 * slow * (1 + (priority == "3"))), 1.1)
        drawn.append(("desk", priority, at, at + timedelta(minutes=float(minutes))))
    return _log("steady", calendar, drawn)


def _queue(rng: np.random.Generator) -> Log:
    return _first_come(rng, "queue", load=(0.9, 1.0), block=250)


def _flood(rng: np.random.Generator) -> Log:
    return _first_come(rng, "flood", load=(0.85, 1.25), block=500)


def _first_come(rng: np.random.Generator, name: str, *, load: tuple[float, float], block: int) -> Log:
    """One person after another, two queues; every third *block* of tickets comes at the higher load."""
    calendar = _calendar("Europe/Madrid", OFFICE, cold=16.0, holidays=["2025-04-18", "2025-05-01", "2025-08-15"])
    hours = OpeningHours(calendar_of_backtest(calendar))
    every = timedelta(hours=300 * 5 / 7 * 8 / 6000)  # opening time from one ticket to the next
    free = {"cards": START, "loans": START}
    drawn = []
    for i, at in enumerate(_openings(rng, 6000, 300)):
        team, share = ("cards", 0.7) if rng.random() < 0.7 else ("loans", 0.3)
        work = every / share * load[(i // block) % 3 == 1] * float(rng.gamma(2.0, 0.5))
        free[team] = hours.add_business_time(max(free[team], at), work)
        drawn.append((team, "2", at, free[team]))
    return _log(name, calendar, drawn)


def _terms(rng: np.random.Generator) -> Log:
    calendar = _calendar("Europe/Rome", {**OFFICE, "fri": [["09:00", "12:00"]]}, cold=16.0, holidays=["2025-04-21"])
    hours = OpeningHours(calendar_of_backtest(calendar))
    pace = {f"institute {i}": float(rng.lognormal(np.log(6.0), 1.0)) for i in range(20)}
    pace |= {f"chair {i}": 10.0 for i in range(10)}  # three tickets each
    teams = [*(f"chair {i // 3}" for i in range(30)), *rng.choice(list(pace)[:20], 5000)]
    rng.shuffle(teams)
    drawn = []
    for i, at in enumerate(_openings(rng, len(teams), 240)):
        surge = 2.5 if 1200 < i < 1700 or 3200 < i < 3700 else 1.0
        wait = timedelta(hours=float(rng.lognormal(np.log(pace[teams[i]] * surge), 1.3)))
        answered = hours.add_business_time(at, wait)
        if rng.random() < 0.2:
            answered += timedelta(hours=float(rng.uniform(0, 14)))  # in the evening, from home
        drawn.append((str(teams[i]), str(rng.integers(1, 3)), at, answered))
    return _log("terms", calendar, drawn)


def _shifts(rng: np.random.Generator) -> Log:
    nights = {day: [["06:00", "14:00"], ["22:00", "06:00"]] for day in EVERY_DAY[:5]}
    calendar = _calendar("Europe/Warsaw", nights, cold=16.0)
    hours = OpeningHours(calendar_of_backtest(calendar))
    drawn = []
    for at in _openings(rng, 5000, 200):
        team = "line" if rng.random() < 0.8 else "tools"
        shifts = int(rng.geometric(0.55 if team == "line" else 0.2)) - 1
        answered = hours.next_opening(at)
        for _ in range(shifts):
            answered = hours.next_opening(hours.add_business_time(answered, timedelta(hours=8)))
        drawn.append((team, "1", at, answered))
    return _log("shifts", calendar, drawn)


def _heavy(rng: np.random.Generator) -> Log:
    calendar = _calendar("Australia/Sydney", OFFICE, cold=16.0, holidays=["2025-01-27", "2025-04-25"])
    hours = OpeningHours(calendar_of_backtest(calendar))
    drawn = []
    for i, at in enumerate(_openings(rng, 9000, 270)):
        team = ("first", "second", "third")[int(rng.choice(3, p=(0.6, 0.3, 0.1)))]
        slower = 1.6 if i > 4500 else 1.0
        wait = float(rng.pareto(1.3)) * {"first": 1.0, "second": 3.0, "third": 8.0}[team] * slower
        drawn.append(
            (team, str(rng.integers(1, 5)), at, hours.add_business_time(at, timedelta(hours=min(wait, 900.0))))
        )
    return _log("heavy", calendar, drawn)
