"""The figures of `triage report`: promises made and kept, first answers, volume, silence. Pure.

A promise counts as kept or broken once that is certain; a ticket closed without an answer counts neither way. Weeks are
those in which tickets were opened, from Monday, by UTC. First answers are measured in opening time of the team.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from triage.opening_hours import OpeningHours
from triage.promises.samples import opening_time_spent
from triage.records import TicketOutcome

R = TypeVar("R")
HOUR = timedelta(hours=1)
UNKNOWN = "unknown"
HoursOf = Callable[[str, str], OpeningHours | None]  # team, clock; None for a team that is gone


@dataclass(frozen=True, slots=True)
class TicketRow:
    """A ticket with what became of it."""

    team: str
    language: str | None
    clock: str  # by which it is counted: opening-hours, round-the-clock
    opened_at: datetime
    due_at: datetime | None  # as stated to the customer; None: no date, or no reply went out
    stated: bool  # a reply went out, with a date or saying that there is none
    first_response_at: datetime | None
    outcome: str | None  # records.TicketOutcome
    closed_because: str | None = None  # "merged", or the folder that it was moved to; None: it was not


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message with what was decided about it."""

    received_at: datetime
    team: str
    language: str | None
    category: str | None  # None: the model abstained
    silence: str | None  # None: a reply was planned


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Of spans in hours; None where there are none."""

    n: int
    p50: float | None
    p90: float | None
    p95: float | None


@dataclass(frozen=True, slots=True)
class Promises:
    """What became of the promises of some tickets."""

    made: int  # dates stated
    no_date: int  # replies that said that no date can be stated
    kept: int
    broken: int
    open: int  # neither yet
    closed: int  # without an answer
    kept_share: float | None  # of kept and broken; None while there are none

    @property
    def judged(self) -> int:
        return self.kept + self.broken


@dataclass(frozen=True, slots=True)
class Week:
    """One week of promises."""

    starts: date  # a Monday
    promises: Promises
    median_hours: float | None  # length of the promises made, by the wall clock


@dataclass(frozen=True, slots=True)
class Group:
    """A team, a language, or everything."""

    promises: Promises
    weeks: tuple[Week, ...]
    length: Quantiles  # of promises, wall clock hours
    first_response: Quantiles  # opening hours, of those answered


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that terminal, JSON and page show."""

    since: datetime
    until: datetime
    made_at: datetime
    total: Group
    teams: Mapping[str, Group]
    languages: Mapping[str, Group]
    team_languages: Mapping[str, Mapping[str, Promises]]
    messages: int
    replied: int
    categories: Mapping[str, int]  # "none": the model was not sure
    message_languages: Mapping[str, int]
    hours: tuple[tuple[int, ...], ...]  # messages by weekday (Monday first) and hour of the team's clock
    silences: Mapping[str, int]
    closures: Mapping[str, int]  # tickets closed without an answer, by reason
    abstained_share: float | None

    def to_json(self) -> dict[str, Any]:
        """For scripts: instants as ISO 8601."""
        return {key: _plain(value) for key, value in asdict(self).items()}


def make(
    tickets: Sequence[TicketRow],
    messages: Sequence[MessageRow],
    hours_of: HoursOf,
    *,
    since: datetime,
    until: datetime,
    now: datetime,
) -> Report:
    """The report of the tickets opened and the messages received in a span of time, as things stand at *now*."""
    by_team = _grouped(tickets, lambda row: row.team)
    abstained = sum(row.category is None for row in messages)
    return Report(
        since=since,
        until=until,
        made_at=now,
        total=_group(tickets, hours_of, now),
        teams={name: _group(rows, hours_of, now) for name, rows in by_team.items()},
        languages={
            name: _group(rows, hours_of, now)
            for name, rows in _grouped(tickets, lambda row: row.language or UNKNOWN).items()
        },
        team_languages={
            name: {
                language: promises(of_language, now)
                for language, of_language in _grouped(rows, lambda row: row.language or UNKNOWN).items()
            }
            for name, rows in by_team.items()
        },
        messages=len(messages),
        replied=sum(row.silence is None for row in messages),
        categories=_counted(row.category or "none" for row in messages),
        message_languages=_counted(row.language or UNKNOWN for row in messages),
        hours=_hours_of_the_week(messages, hours_of),
        silences=_counted(row.silence for row in messages if row.silence is not None),
        closures=_counted(row.closed_because for row in tickets if row.closed_because is not None),
        abstained_share=round(abstained / len(messages), 4) if messages else None,
    )


def promises(rows: Iterable[TicketRow], now: datetime) -> Promises:
    """What became of the promises of *rows*. One whose instant has passed is broken, also where the daemon has not looked yet."""
    rows = [row for row in rows if row.stated]
    dated = [row for row in rows if row.due_at is not None]
    outcomes = Counter(_outcome(row, now) for row in dated)
    kept, broken = outcomes[TicketOutcome.KEPT], outcomes[TicketOutcome.BROKEN]
    return Promises(
        made=len(dated),
        no_date=len(rows) - len(dated),
        kept=kept,
        broken=broken,
        open=outcomes[None],
        closed=outcomes[TicketOutcome.CLOSED],
        kept_share=round(kept / (kept + broken), 4) if kept + broken else None,
    )


def _outcome(row: TicketRow, now: datetime) -> str | None:
    if row.outcome is None and row.due_at is not None and row.due_at < now:
        return TicketOutcome.BROKEN
    return row.outcome


def quantiles(spans: Iterable[timedelta]) -> Quantiles:
    """In hours, by nearest rank: the smallest value that so many are within."""
    ordered = sorted(spans)

    def at(share: float) -> float | None:
        return round(ordered[math.ceil(share * len(ordered)) - 1] / HOUR, 2) if ordered else None

    return Quantiles(len(ordered), at(0.5), at(0.9), at(0.95))


def _group(rows: Sequence[TicketRow], hours_of: HoursOf, now: datetime) -> Group:
    answered = []
    for row in rows:
        hours = hours_of(row.team, row.clock)
        if row.first_response_at is not None and hours is not None:
            answered.append(opening_time_spent(hours, row.opened_at, row.first_response_at))
    return Group(promises(rows, now), _weeks(rows, now), quantiles(_lengths(rows)), quantiles(answered))


def _weeks(rows: Sequence[TicketRow], now: datetime) -> tuple[Week, ...]:
    """Every week from the first ticket to the last, empty ones too: a gap is a finding."""
    by_week = _grouped(rows, lambda row: _monday(row.opened_at))
    if not by_week:
        return ()
    first, last = min(by_week), max(by_week)
    weeks = []
    for number in range((last - first).days // 7 + 1):
        starts = first + timedelta(weeks=number)
        of_week = by_week.get(starts, [])
        weeks.append(Week(starts, promises(of_week, now), quantiles(_lengths(of_week)).p50))
    return tuple(weeks)


def _monday(at: datetime) -> date:
    day = at.astimezone(UTC).date()
    return day - timedelta(days=day.weekday())


def _lengths(rows: Iterable[TicketRow]) -> list[timedelta]:
    return [row.due_at - row.opened_at for row in rows if row.due_at is not None]


def _hours_of_the_week(messages: Iterable[MessageRow], hours_of: HoursOf) -> tuple[tuple[int, ...], ...]:
    counts = [[0] * 24 for _ in range(7)]
    for row in messages:
        hours = hours_of(row.team, "opening-hours")
        local = row.received_at.astimezone(hours.zone if hours else ZoneInfo("UTC"))
        counts[local.weekday()][local.hour] += 1
    return tuple(map(tuple, counts))


def _counted(names: Iterable[str | None]) -> dict[str, int]:
    """Counts, the greatest first."""
    return {str(name): n for name, n in sorted(Counter(names).items(), key=lambda item: (-item[1], str(item[0])))}


K = TypeVar("K", str, date)


def _grouped(rows: Iterable[R], key: Callable[[R], K]) -> dict[K, list[R]]:
    groups: dict[K, list[R]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return dict(sorted(groups.items()))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
