"""Opening hours as the owner writes them in routing.yaml, read into values. Pure.

    calendars:
      berlin:
        zone: Europe/Berlin
        hours: {mon-fri: "09:00-17:00", sat: ["10:00-12:00", "13:00-14:00"]}
        holidays: {country: DE, subdivision: BE, add: {12-24: Heiligabend}, half_days: {12-31: "09:00-12:00"}}
        closures: [{from: 2026-12-27, to: 2026-12-30, name: Stocktaking}]

A span that ends at or before the hour it starts runs over midnight and belongs to the day it starts. Spans that touch
are joined, spans that overlap are refused: Zendesk refuses them too, and an overlap is nearly always a slip of the pen.
Every fault is told with its key by pydantic, so that the configuration can report them all at once.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from functools import cache, cached_property
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

import holidays as holiday_library
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES_OF_A_DAY = 24 * 60
LONGEST_CLOSURE = timedelta(days=366)  # a longer one is a slip of the year, and would leave no date to promise

_SPAN = re.compile(r"(\d{1,2}):(\d{2})\s*[-–]\s*(\d{1,2}):(\d{2})")
_TIME = re.compile(r"(?:(\d{1,4})h)?\s*(?:(\d{1,5})m)?")
_YEARLY = re.compile(r"(\d{2})-(\d{2})")

Minutes = tuple[int, int]
"""Opening and closing in minutes since local midnight of the day a span starts; closing may be up to 2880."""


def parse_span(text: str) -> Minutes:
    """One span of a day: "09:00-17:00", "22:00-06:00" over midnight, "18:00-24:00".

    Raises:
        ValueError: with a text for the owner.
    """
    found = _SPAN.fullmatch(text.strip())
    if not found:
        raise ValueError(f"{text!r} is not a span of hours; write '09:00-17:00', 'closed' or '24h'")
    hour, minute, to_hour, to_minute = map(int, found.groups())
    start, end = hour * 60 + minute, to_hour * 60 + to_minute
    if minute > 59 or to_minute > 59 or start >= MINUTES_OF_A_DAY or end > MINUTES_OF_A_DAY:
        raise ValueError(f"{text!r} names a time that no day has; hours go from 00:00 to 24:00")
    if start == end:
        raise ValueError(f"{text!r} starts and ends at the same time; write '24h' or 'closed'")
    return start, end if end > start else end + MINUTES_OF_A_DAY


def parse_hours(value: object) -> tuple[Minutes, ...]:
    """The hours of one day: a span, a list of spans, "closed" or "24h". Touching spans are joined.

    Raises:
        ValueError: not hours, or spans that overlap; with a text for the owner.
    """
    if value == "closed":
        return ()
    if value == "24h":
        return ((0, MINUTES_OF_A_DAY),)
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not texts or not all(isinstance(text, str) for text in texts):
        raise ValueError("that is no span of hours; write '09:00-17:00' in quotes, a list of spans, 'closed' or '24h'")
    joined: list[Minutes] = []
    for start, end in sorted(map(parse_span, texts)):
        if joined and start < joined[-1][1]:
            raise ValueError(f"{show_span((start, end))} overlaps {show_span(joined[-1])}; make them one span")
        if joined and start == joined[-1][1]:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    if joined[-1][1] - joined[0][0] > MINUTES_OF_A_DAY:
        raise ValueError(f"{show_span(joined[-1])} runs into {show_span(joined[0])} of the next day")
    return tuple(joined)


def show_span(span: Minutes) -> str:
    """A span as the owner writes it: (1320, 1800) is "22:00-06:00"."""
    start, end = span
    if end > MINUTES_OF_A_DAY:
        end -= MINUTES_OF_A_DAY
    return f"{start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}"


def parse_days(text: str) -> tuple[int, ...]:
    """Weekdays of a key, Monday is 0: "sat" is (5,), "mon-fri" (0, 1, 2, 3, 4), "fri-mon" (4, 5, 6, 0).

    Raises:
        ValueError: no such day, with a text for the owner.
    """
    first, _, last = text.strip().lower().partition("-")
    if first not in WEEKDAYS or (last or first) not in WEEKDAYS:
        raise ValueError(f"{text!r} is no day; write {', '.join(WEEKDAYS)} or a range like 'mon-fri'")
    start, end = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
    return tuple((start + i) % 7 for i in range((end - start) % 7 + 1))


def parse_date_key(value: object) -> str:
    """A date of one year as "2026-12-24", or of every year as "12-24".

    Raises:
        ValueError: no such date, with a text for the owner.
    """
    text = value.isoformat() if isinstance(value, date) else str(value).strip()
    yearly = _YEARLY.fullmatch(text)
    try:
        date.fromisoformat(f"2024-{text}" if yearly else text)  # 2024 has a 29 February
    except ValueError:
        raise ValueError(f"{text!r} is no date; write 2026-12-24, or 12-24 for every year") from None
    return text


def parse_opening_time(value: object) -> timedelta:
    """An amount of opening time: "30m", "4h", "1h30m".

    Days are refused: a working day has another length in each calendar.

    Raises:
        ValueError: with a text for the owner.
    """
    if isinstance(value, timedelta):
        span = value
    else:
        text = str(value).strip().lower()
        found = _TIME.fullmatch(text) if isinstance(value, str) else None
        if not found or not any(found.groups()):
            raise ValueError(
                f"{value!r} is no opening time; write hours and minutes as in '4h', '30m' or '1h30m' "
                "(three working days of eight hours are '24h')"
            )
        span = timedelta(hours=int(found[1] or 0), minutes=int(found[2] or 0))
    if span <= timedelta(0):
        raise ValueError("an opening time must be longer than nothing")
    return span


def show_opening_time(span: timedelta) -> str:
    """Hours and minutes as the owner writes them, rounded up to the minute: "4h", "1h30m", "45m"."""
    hours, minutes = divmod(-(-span // timedelta(minutes=1)), 60)
    return f"{hours}h{minutes}m" if hours and minutes else f"{hours}h" if hours else f"{minutes}m"


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


def _known_zone(name: str) -> str:
    if name not in _zone_names():
        near = difflib.get_close_matches(name, _zone_names(), n=3)
        raise ValueError(f"no time zone {name!r}" + (f"; did you mean {' or '.join(near)}?" if near else ""))
    ZoneInfo(name)
    return name


def _known_days(text: str) -> str:
    parse_days(text)
    return text.strip().lower()


_HOURS_SCHEMA = {
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}],
    "description": "a span like '09:00-17:00', a list of spans, 'closed' or '24h'",
    "examples": ["09:00-17:00", ["10:00-12:00", "13:00-14:00"], "22:00-06:00", "closed", "24h"],
}

ZoneName = Annotated[str, AfterValidator(_known_zone)]
DayOrRange = Annotated[str, AfterValidator(_known_days)]
DayHours = Annotated[tuple[Minutes, ...], BeforeValidator(parse_hours), WithJsonSchema(_HOURS_SCHEMA)]
DateKey = Annotated[str, BeforeValidator(parse_date_key), WithJsonSchema({"type": "string"})]
OpeningTime = Annotated[
    timedelta,
    BeforeValidator(parse_opening_time),
    WithJsonSchema({"type": "string", "pattern": r"^(\d{1,4}h)?(\d{1,5}m)?$", "examples": ["30m", "4h", "1h30m"]}),
]
"""Field type for an amount of opening time: "30m", "4h", "1h30m"."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Closure(_Frozen):
    """Whole days on which the office is closed for once, both ends included."""

    first: date = Field(alias="from", description="First day, as 2026-12-28.")
    last: date = Field(alias="to", description="Last day, included.")
    name: str = Field(min_length=1, description="What customers read of it.")

    @model_validator(mode="after")
    def _in_order(self) -> Closure:
        if self.last < self.first:
            raise ValueError(f"ends on {self.last}, before it starts on {self.first}")
        if self.last - self.first > LONGEST_CLOSURE:
            raise ValueError(f"lasts from {self.first} to {self.last}, more than a year; check the years")
        return self


class HolidayConfig(_Frozen):
    """Public holidays by country, with the owner's own corrections. Dates are of one year or, as MM-DD, of every year.

    A half day of every year shortens the usual hours; a half day with a full date has exactly the hours given.
    """

    country: str | None = Field(
        None, description="Country whose public holidays are closed (ISO 3166-1: DE, ES, GB, US); left out: none are."
    )
    subdivision: str | None = Field(
        None, description="Part of the country: DE has BE, BY ...; left out: only days that hold in all of it count."
    )
    add: dict[DateKey, str] = Field(
        default_factory=dict,
        description="Further holidays by date (2026-12-24, or 12-24 of every year), with their name.",
    )
    remove: tuple[DateKey, ...] = Field((), description="Public holidays on which you work, by date.")
    half_days: dict[DateKey, DayHours] = Field(
        default_factory=dict, description="Days with other hours, by date: {12-24: '09:00-12:00'}."
    )

    @model_validator(mode="after")
    def _known_to_the_library(self) -> HolidayConfig:
        if self.country is None:
            if self.subdivision is not None:
                raise ValueError(f"subdivision {self.subdivision!r} needs a country")
            return self
        supported = holiday_library.list_supported_countries(include_aliases=True)
        if self.country not in supported:
            raise ValueError(f"no holidays known for country {self.country!r}; write a code like DE, ES, GB or US")
        if self.subdivision is not None and self.subdivision not in supported[self.country]:
            known = ", ".join(supported[self.country]) or "none"
            raise ValueError(f"{self.country} has no subdivision {self.subdivision!r}; known: {known}")
        return self

    @model_validator(mode="after")
    def _no_contradiction(self) -> HolidayConfig:
        both = sorted(set(self.add) & set(self.half_days))
        if both:
            raise ValueError(f"{', '.join(both)} is added as a holiday and also a half day; keep one of them")
        return self


class CalendarConfig(_Frozen):
    """When the people of a team are at work: zone, hours of the week, holidays and closures."""

    zone: ZoneName = Field(description="Time zone, as Europe/Berlin; summer time is known.")
    hours: dict[DayOrRange, DayHours] = Field(
        description="Hours by day (mon) or range of days (mon-fri): a span '09:00-17:00', a list of spans, closed or 24h. Days that are "
        "not named are closed; a span such as '22:00-06:00' runs over midnight."
    )
    holidays: HolidayConfig = Field(
        default_factory=HolidayConfig, description="Public holidays and other days of their own."
    )
    closures: tuple[Closure, ...] = Field((), description="Days on which the office is closed for once.")

    @cached_property
    def week(self) -> tuple[tuple[Minutes, ...], ...]:
        """Spans of each weekday, Monday first; days that are not named are closed."""
        days: list[tuple[Minutes, ...]] = [()] * 7
        for key, spans in self.hours.items():
            for day in parse_days(key):
                days[day] = spans
        return tuple(days)

    @model_validator(mode="after")
    def _hours_make_a_week(self) -> CalendarConfig:
        problems = [*_days_given_twice(self.hours), *_overlaps_with_the_next_day(self.week)]
        if not any(self.week):
            problems.append("hours: never open, so nothing could ever be promised; open at least one day")
        if problems:
            raise ValueError("\n".join(problems))
        return self


def _days_given_twice(hours: Mapping[str, Any]) -> Iterable[str]:
    seen: dict[int, str] = {}
    for key in hours:
        for day in parse_days(key):
            if day in seen:
                yield f"hours: {WEEKDAYS[day]} is given twice, by '{seen[day]}' and by '{key}'; give each day once"
            seen.setdefault(day, key)


def _overlaps_with_the_next_day(week: tuple[tuple[Minutes, ...], ...]) -> Iterable[str]:
    for day, spans in enumerate(week):
        following = week[(day + 1) % 7]
        if spans and following and spans[-1][1] - MINUTES_OF_A_DAY > following[0][0]:
            yield (
                f"hours: {show_span(spans[-1])} of {WEEKDAYS[day]} runs into "
                f"{show_span(following[0])} of {WEEKDAYS[(day + 1) % 7]}; end the one before the other begins"
            )
