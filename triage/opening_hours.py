"""Business time: how much opening time lies between two instants, and when a given amount of it has passed. Pure.

    B(t)       opening time elapsed at t since a fixed origin; flat while closed        elapsed()
    B^-1(b)    the earliest t with B(t) >= b                                            add_business_time()

Opening spans are local wall times. Each edge is turned into a UTC instant and everything is counted in UTC, in whole
microseconds: subtracting two times of one zone ignores summer time (29 to 30 March 2025, 18:00 in Berlin, gives 24 h
where 23 h pass). Spans are half open: at the minute of closing it is closed.

What counts on a day, the first that applies: a closure; a holiday added, or a half day, with its full date; a holiday
added, or a half day, of every year; a public holiday that was not removed; the hours of the week. A span over midnight
belongs to the day it starts, so a holiday closes the night that begins on it and leaves the night before alone.

An edge that falls into the hour a clock skips is taken at the moment the clock jumps (a shift from 02:30 on that night
starts at 03:00 summer time). An edge in the hour that comes twice is taken at its first pass.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import holidays as holiday_library

from triage.promises.calendar_config import MINUTES_OF_A_DAY, CalendarConfig, Minutes, show_opening_time

ORIGIN_YEAR = 2020  # B is 0 at its start; only differences of B mean anything
FIRST_YEAR, LAST_YEAR = 1990, 2199  # what instants a calendar answers for; mail servers with a broken clock give others
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SECOND = 1_000_000


class Why(StrEnum):
    """Why a day has not its usual hours."""

    HOLIDAY = "holiday"
    CLOSURE = "closure"
    HALF_DAY = "half day"


@dataclass(frozen=True, slots=True)
class ClosedDay:
    """A day that lost usual opening hours: all of them, or a part where `why` is HALF_DAY."""

    day: date  # local date of the calendar's zone
    name: str  # as the owner or the holidays package says it; "" for a half day without a name
    why: Why


@dataclass(frozen=True, slots=True)
class OpeningSpan:
    """Open from `start` to just before `end`; both aware UTC instants."""

    start: datetime
    end: datetime


class _Timeline(NamedTuple):
    """Opening spans of whole years in microseconds since 1970 UTC. Never changed: a longer one replaces it."""

    first_year: int
    last_year: int  # included
    start: int
    end: int
    opens: list[int]
    closes: list[int]
    before: list[int]  # B at each opening
    closed_days: list[ClosedDay]


@dataclass(slots=True)
class _Cache:
    timeline: _Timeline
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """The business clock of one calendar. Safe to share between threads; make it once per configuration.

    The first question about a year costs some milliseconds, every later one microseconds (benchmarks/promise.py).
    All methods take aware datetimes of any zone and return aware UTC datetimes.

    Raises:
        ValueError: every method, for a naive datetime or one outside FIRST_YEAR..LAST_YEAR.
    """

    config: CalendarConfig
    zone: ZoneInfo = field(init=False, repr=False, compare=False)
    _cache: _Cache = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "zone", ZoneInfo(self.config.zone))
        origin = self._year_start(ORIGIN_YEAR)
        empty = _Timeline(ORIGIN_YEAR, ORIGIN_YEAR - 1, origin, origin, [], [], [], [])
        object.__setattr__(self, "_cache", _Cache(empty))

    def elapsed(self, at: datetime) -> timedelta:
        """B(at): opening time since a fixed origin, negative before it. Only differences mean anything."""
        micros = _micros(at)
        return timedelta(microseconds=_elapsed(self._covering(micros), micros))

    def business_time_between(self, start: datetime, end: datetime) -> timedelta:
        """Opening time from *start* to *end*; negative when *end* is earlier."""
        return self.elapsed(end) - self.elapsed(start)

    def add_business_time(self, opened_at: datetime, span: timedelta) -> datetime:
        """The earliest instant, not before *opened_at*, at which *span* of opening time has passed since then.

        This may be the very instant of closing. A span of zero gives *opened_at* itself, even while closed.

        Raises:
            ValueError: *span* is negative, or ends after LAST_YEAR.
        """
        if span < timedelta(0):
            raise ValueError("cannot go back in opening time")
        start = _micros(opened_at)
        if not span:
            return _instant(start)
        timeline = self._covering(start)
        target = _elapsed(timeline, start) + span // _MICROSECOND
        while not timeline.opens or _elapsed(timeline, timeline.end) < target:
            timeline = self._extended(timeline.first_year, timeline.last_year + 1)
        i = bisect_left(timeline.before, target) - 1
        return _instant(timeline.opens[i] + target - timeline.before[i])

    def is_open(self, at: datetime) -> bool:
        """Whether somebody is at work at *at*; at the instant of closing nobody is."""
        micros = _micros(at)
        timeline = self._covering(micros)
        i = bisect_right(timeline.opens, micros) - 1
        return i >= 0 and micros < timeline.closes[i]

    def next_opening(self, at: datetime) -> datetime:
        """*at* itself while open, else the next instant of opening."""
        micros = _micros(at)
        if self.is_open(at):
            return _instant(micros)
        timeline = self._covering(micros)
        i = bisect_left(timeline.opens, micros)
        while i == len(timeline.opens):
            timeline = self._extended(timeline.first_year, timeline.last_year + 1)
            i = bisect_left(timeline.opens, micros)
        return _instant(timeline.opens[i])

    def spans_between(self, start: datetime, end: datetime) -> tuple[OpeningSpan, ...]:
        """Opening spans from *start* to *end*, cut off there; a 24h calendar is one span."""
        first, last = _micros(start), _micros(end)
        self._covering(first)
        timeline = self._covering(last)
        i = max(bisect_right(timeline.opens, first) - 1, 0)
        j = bisect_left(timeline.opens, last)
        edges = ((max(timeline.opens[k], first), min(timeline.closes[k], last)) for k in range(i, j))
        joined = _joined(edge for edge in edges if edge[0] < edge[1])
        return tuple(OpeningSpan(_instant(opens), _instant(closes)) for opens, closes in joined)

    def closed_days_between(self, start: datetime, end: datetime) -> tuple[ClosedDay, ...]:
        """Days that lost usual hours between *start* and *end* to a holiday, a closure or a half day.

        A holiday on a day that is closed anyway (a Sunday) is not among them, nor is one whose usual hours were over at
        *start* or begin after *end*: it changed nothing.
        """
        self._covering(_micros(start))
        days = self._covering(_micros(end)).closed_days
        # A span over midnight is lost on the day after as well.
        first, last = start.astimezone(self.zone).date() - timedelta(days=1), end.astimezone(self.zone).date()
        near = days[bisect_left(days, first, key=_day_of) : bisect_right(days, last, key=_day_of)]
        return tuple(day for day in near if any(span.start < end and span.end > start for span in self.lost_hours(day)))

    def lost_hours(self, closed: ClosedDay) -> tuple[OpeningSpan, ...]:
        """The usual hours of a day in which it is closed, in order."""
        usual, left = self.config.week[closed.day.weekday()], self._rule(closed.day)[1]
        lost = [edges for span in usual for edges in _without(span, left)]
        return tuple(OpeningSpan(*(_instant(self._edge(closed.day, edge)) for edge in edges)) for edges in lost)

    def special_days(self, year: int) -> tuple[ClosedDay, ...]:
        """All holidays, half days and closed days of a year in order, Sundays too: for the owner to confirm."""
        start, days = date(year, 1, 1), (date(year + 1, 1, 1) - date(year, 1, 1)).days
        rules = (self._rule(start + timedelta(days=i)) for i in range(days))
        return tuple(special for special, _ in rules if special)

    def name_in(self, closed: ClosedDay, language: str | None) -> str:
        """The name of a public holiday in *language* (ISO 639-1) where it is known in it, else as in `closed.name`.

        Names that the owner wrote stay as they are.
        """
        own = self.config.holidays
        if language is None or closed.name != _public_holidays(self.config, closed.day.year).get(closed.day):
            return closed.name
        translated = _holidays_of(
            own.country or "", own.subdivision, closed.day.year, _locale_of(own.country, language)
        )
        return translated.get(closed.day, closed.name)

    def is_workday(self, at: datetime) -> bool:
        """Whether the local day of *at* has opening hours of its own."""
        return bool(self._rule(at.astimezone(self.zone).date())[1])

    def explain(self, opened_at: datetime, span: timedelta) -> tuple[str, ...]:
        """In words, how *span* of opening time from *opened_at* leads to the instant that add_business_time gives."""
        end = self.add_business_time(opened_at, span)
        steps = []
        starts = self.next_opening(opened_at)
        if starts == opened_at:
            steps.append(f"opened {self.show(opened_at)}, within opening hours: the clock runs at once")
        else:
            steps.append(f"opened {self.show(opened_at)}, while closed: the clock starts {self.show(starts)}")
        lost = self.closed_days_between(opened_at, end)
        if lost:
            names = [f"{day.day} ({day.name or day.why})" for day in lost[:8]]
            more = f" and {len(lost) - 8} more" if len(lost) > 8 else ""
            steps.append(f"closed or shortened meanwhile: {', '.join(names)}{more}")
        steps.append(f"{show_opening_time(span)} of opening time have passed {self.show(end)}")
        return tuple(steps)

    def show(self, at: datetime) -> str:
        """An instant for operators: "Tue 2026-11-24 11:00 Europe/Berlin" (customers get Babel's form)."""
        return f"{at.astimezone(self.zone):%a %Y-%m-%d %H:%M} {self.config.zone}"

    def _covering(self, micros: int) -> _Timeline:
        timeline = self._cache.timeline
        if timeline.start <= micros < timeline.end:
            return timeline
        year = _instant(micros).astimezone(self.zone).year
        return self._extended(min(year, timeline.first_year), max(year, timeline.last_year))

    def _extended(self, first_year: int, last_year: int) -> _Timeline:
        """Grow the timeline to whole years and publish it; readers meanwhile keep the shorter one."""
        if first_year < FIRST_YEAR or last_year > LAST_YEAR:
            raise ValueError(f"a calendar answers for {FIRST_YEAR} to {LAST_YEAR} only")
        with self._cache.lock:
            timeline = self._cache.timeline
            for year in range(timeline.last_year + 1, last_year + 1):
                timeline = self._with_year_after(timeline, year)
            for year in range(timeline.first_year - 1, first_year - 1, -1):
                timeline = self._with_year_before(timeline, year)
            self._cache.timeline = timeline
            return timeline

    def _with_year_after(self, timeline: _Timeline, year: int) -> _Timeline:
        opens, closes = self._spans_of_year(year)
        before = _cumulated(opens, closes, _elapsed(timeline, timeline.end))
        return _Timeline(
            timeline.first_year,
            year,
            timeline.start,
            self._year_start(year + 1),
            timeline.opens + opens,
            timeline.closes + closes,
            timeline.before + before,
            timeline.closed_days + self._closed_days_of_year(year),
        )

    def _with_year_before(self, timeline: _Timeline, year: int) -> _Timeline:
        opens, closes = self._spans_of_year(year)
        at_start = timeline.before[0] if timeline.before else 0
        before = _cumulated(opens, closes, at_start - sum(closes) + sum(opens))
        return _Timeline(
            year,
            timeline.last_year,
            self._year_start(year),
            timeline.end,
            opens + timeline.opens,
            closes + timeline.closes,
            before + timeline.before,
            self._closed_days_of_year(year) + timeline.closed_days,
        )

    def _spans_of_year(self, year: int) -> tuple[list[int], list[int]]:
        """Openings and closings of one local year, cut off at its edges: years then join without overlap."""
        start, end = self._year_start(year), self._year_start(year + 1)
        day, last = date(year - 1, 12, 31), date(year, 12, 31)
        spans = []
        while day <= last:
            for opens, closes in self._rule(day)[1]:
                edges = max(self._edge(day, opens), start), min(self._edge(day, closes), end)
                if edges[0] < edges[1]:
                    spans.append(edges)
            day += timedelta(days=1)
        joined = list(_joined(sorted(spans)))
        return [opens for opens, _ in joined], [closes for _, closes in joined]

    def _closed_days_of_year(self, year: int) -> list[ClosedDay]:
        return [special for special in self.special_days(year) if self.config.week[special.day.weekday()]]

    def _rule(self, day: date) -> tuple[ClosedDay | None, tuple[Minutes, ...]]:
        """What is special about a day, if anything, and its opening spans."""
        usual = self.config.week[day.weekday()]
        for closure in self.config.closures:
            if closure.first <= day <= closure.last:
                return ClosedDay(day, closure.name, Why.CLOSURE), ()
        own = self.config.holidays
        exact, yearly = day.isoformat(), f"{day:%m-%d}"
        public = _public_holidays(self.config, day.year).get(day)
        if exact in own.remove or yearly in own.remove:
            public = None
        for key in (exact, yearly):
            if key in own.add:
                return ClosedDay(day, own.add[key], Why.HOLIDAY), ()
            if key in own.half_days:
                spans = own.half_days[key] if key == exact else _within(own.half_days[key], usual)
                return ClosedDay(day, public or "", Why.HALF_DAY), spans
        if public is not None:
            return ClosedDay(day, public, Why.HOLIDAY), ()
        return None, usual

    def _year_start(self, year: int) -> int:
        return self._edge(date(year, 1, 1), 0)

    def _edge(self, day: date, minutes: int) -> int:
        """The instant of a local wall time given in minutes since the midnight that *day* starts with."""
        days, minutes = divmod(minutes, MINUTES_OF_A_DAY)
        wall = datetime.combine(day + timedelta(days=days), datetime.min.time(), self.zone) + timedelta(minutes=minutes)
        early, late = wall.astimezone(UTC), wall.replace(fold=1).astimezone(UTC)
        if late >= early:  # equal: an ordinary hour; later: an hour that comes twice, of which the first pass counts
            return _micros(early)
        low, high = _micros(late) // _SECOND, _micros(early) // _SECOND  # the clock jumps after low, not after high
        offset = _instant(high * _SECOND).astimezone(self.zone).utcoffset()
        while high - low > 1:
            middle = (low + high) // 2
            if _instant(middle * _SECOND).astimezone(self.zone).utcoffset() == offset:
                high = middle
            else:
                low = middle
        return high * _SECOND


def _public_holidays(config: CalendarConfig, year: int) -> dict[date, str]:
    if config.holidays.country is None:
        return {}
    return _holidays_of(config.holidays.country, config.holidays.subdivision, year)


@lru_cache(maxsize=512)
def _holidays_of(country: str, subdivision: str | None, year: int, locale: str | None = None) -> dict[date, str]:
    # Without a language the package names days in that of the machine's locale.
    locale = locale or holiday_library.country_holidays(country).default_language
    return dict(holiday_library.country_holidays(country, subdiv=subdivision, years=year, language=locale).items())


@lru_cache(maxsize=64)
def _locale_of(country: str | None, language: str) -> str | None:
    """The locale that the holidays package has for a language, as "en_US" for "en"; None where it has none."""
    known = holiday_library.list_localized_countries().get(country or "", [])
    return next((locale for locale in sorted(known) if locale.split("_")[0] == language), None)


def _within(spans: tuple[Minutes, ...], usual: tuple[Minutes, ...]) -> tuple[Minutes, ...]:
    """The part of *spans* that lies in the usual hours: a yearly half day never opens a Sunday."""
    both = ((max(a, c), min(b, d)) for a, b in spans for c, d in usual)
    return tuple(sorted((opens, closes) for opens, closes in both if opens < closes))


def _without(span: Minutes, others: tuple[Minutes, ...]) -> Iterator[Minutes]:
    """What is left of *span* outside *others*, which are in order."""
    start, end = span
    for opens, closes in others:
        if closes <= start or opens >= end:
            continue
        if opens > start:
            yield start, opens
        start = max(start, closes)
    if start < end:
        yield start, end


def _joined(spans: Iterator[tuple[int, int]] | list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Spans in order, those that touch or overlap made one (a half day may overlap the night before it)."""
    current: tuple[int, int] | None = None
    for opens, closes in spans:
        if current and opens <= current[1]:
            current = (current[0], max(current[1], closes))
            continue
        if current:
            yield current
        current = (opens, closes)
    if current:
        yield current


def _cumulated(opens: list[int], closes: list[int], start: int) -> list[int]:
    sums = []
    for opening, closing in zip(opens, closes, strict=True):
        sums.append(start)
        start += closing - opening
    return sums


def _elapsed(timeline: _Timeline, micros: int) -> int:
    """B in microseconds, for an instant the timeline covers (or its very end)."""
    i = bisect_right(timeline.opens, micros) - 1
    if i < 0:
        return timeline.before[0] if timeline.before else 0
    return timeline.before[i] + min(micros, timeline.closes[i]) - timeline.opens[i]


def _micros(at: datetime) -> int:
    if at.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return (at - _EPOCH) // _MICROSECOND


def _instant(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)


def _day_of(special: ClosedDay) -> date:
    return special.day
