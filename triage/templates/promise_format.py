"""Instants and spans as a customer reads them: full date, time and zone, in words of the customer's locale. Pure.

Babel writes dates and times; what it does badly is written here (each was tried, Babel 2.18):
- zone names: "CET" for Berlin in English, "+0100" in French, "-0400" for New York in German. So: the city, or "UTC+1".
- spans: `format_timedelta` says "in 1 day" for 33.6 h. So: an instant, and hours rounded up where a span is meant.
- skeleton `jm` is a KeyError. So: `format_date("full")` and `format_time("short")`.
Every value stands behind a label ("Answer by: ..."), as no language then needs a case, and nothing says "tomorrow":
the mail is read later, and elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_time
from babel.units import format_unit

from triage.templates.values import ClosedDay, PromiseValues

# Keys of strings.yaml, each with the fields that its text must have. `span` may stay as it is: "{span}".
STRINGS: Mapping[str, frozenset[str]] = {
    "answer_by": frozenset(),
    "your_time": frozenset(),
    "typical": frozenset(),
    "reopens": frozenset(),
    "closed": frozenset(),
    "moment": frozenset({"date", "time", "zone"}),
    "span": frozenset({"span"}),
    "named_day": frozenset({"date", "name"}),
    "half_day": frozenset({"date", "time"}),
    "late_day": frozenset({"date", "time"}),
    "fact": frozenset({"label", "value"}),
}

_SPACES = str.maketrans({"\u202f": " ", "\u00a0": " "})  # "11:00\u202fAM" is a box in older clients
NO_BREAK = "\u00a0"
LONGEST_UNBROKEN = 34  # characters: that many stand in a line on a telephone
_HOURS_UP_TO = timedelta(hours=48)


@dataclass(frozen=True, slots=True)
class Fact:
    """A label and its values, as "Answer by" and "Wednesday, ..."."""

    label: str
    values: tuple[str, ...]  # one, but for days on which we are closed
    main: bool = False  # the promise itself


def fill(pattern: str, **fields: str) -> str:
    """*pattern* with {name} replaced; no format language, so that a text can reach no attribute of anything."""
    for name, value in fields.items():
        pattern = pattern.replace("{" + name + "}", value)
    return pattern


def zone_label(zone: tzinfo, locale: Locale, at: datetime) -> str:
    """The zone's city as *locale* calls it ("Wien"), or "UTC+1" for a zone without one."""
    key = zone.key if isinstance(zone, ZoneInfo) else ""
    region, slash, city = key.rpartition("/")
    if not slash or region == "Etc":
        return utc_offset_label(zone.utcoffset(at.astimezone(zone)) or timedelta())
    known = locale.time_zones.get(key)
    named = known.get("city") if known else None
    return str(named) if named else city.replace("_", " ")


def unbroken(value: str) -> str:
    """*value* for HTML, where a line breaks after commas only: never between "11:00" and "Uhr", or "25" and "November"."""
    return ", ".join(
        part.replace(" ", NO_BREAK) if len(part) <= LONGEST_UNBROKEN else part for part in value.split(", ")
    )


def utc_offset_label(offset: timedelta) -> str:
    """Such as "UTC", "UTC+1", "UTC+5:30", "UTC−3" (a minus sign, so that no line breaks after it)."""
    minutes = round(offset.total_seconds() / 60)
    if not minutes:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'+' if minutes > 0 else '−'}{hours}" + (f":{rest:02}" if rest else "")


@lru_cache(maxsize=1024)  # promises fall on half hours: one team's mails of an hour share a handful
def format_moment(instant: datetime, zone: tzinfo, label: str, locale: Locale, pattern: str) -> str:
    """*instant* as wall time of *zone*, to the minute; a started minute counts up, a promise is never stated shorter."""
    instant = instant.astimezone(UTC)
    if instant.second or instant.microsecond:
        instant = instant.replace(second=0, microsecond=0) + timedelta(minutes=1)
    local = instant.astimezone(zone)
    return fill(
        pattern,
        date=_full_date(local.date(), locale),
        time=_clock_time(local.time(), locale),
        zone=label,
    )


def format_span(span: timedelta, locale: Locale) -> str:
    """*span* in whole hours, above 48 in whole days, always rounded up: "5 hours"."""
    unit, size = ("hour", timedelta(hours=1)) if span <= _HOURS_UP_TO else ("day", timedelta(days=1))
    return format_unit(max(1, -(-span // size)), unit, length="long", locale=locale).translate(_SPACES)


def format_closed_days(days: Iterable[ClosedDay], locale: Locale, strings: Mapping[str, str]) -> tuple[str, ...]:
    """Such as "Friday, December 25, 2026 (Christmas Day)"; a half day says from when, days in a row are one span."""
    spans: list[tuple[ClosedDay, ClosedDay]] = []  # first and last day of each
    for day in sorted(days, key=lambda day: day.date):
        if spans:
            first, last = spans[-1]
            follows = day.date - last.date == timedelta(days=1) and day.name == first.name
            if follows and last.whole and day.whole:
                spans[-1] = (first, day)
                continue
        spans.append((day, day))
    return tuple(_closed_span(first, last, locale, strings) for first, last in spans)


def promise_facts(promise: PromiseValues, locale: Locale, strings: Mapping[str, str]) -> tuple[Fact, ...]:
    """All that is known of *promise*, most important first; empty when nothing is."""
    facts: list[Fact] = []
    if promise.due_at is not None:
        due = _team_moment(promise.due_at, promise, locale, strings)
        facts.append(Fact(strings["answer_by"], (due,), main=True))
        if customers := _customer_moment(promise.due_at, promise, locale, strings):
            facts.append(Fact(strings["your_time"], (customers,)))
    if promise.typical is not None:
        facts.append(Fact(strings["typical"], (fill(strings["span"], span=format_span(promise.typical, locale)),)))
    if promise.opens_at is not None:
        facts.append(Fact(strings["reopens"], (_team_moment(promise.opens_at, promise, locale, strings),)))
    if promise.closed_days:
        facts.append(Fact(strings["closed"], format_closed_days(promise.closed_days, locale, strings)))
    return tuple(facts)


def _closed_span(first: ClosedDay, last: ClosedDay, locale: Locale, strings: Mapping[str, str]) -> str:
    text = _full_date(first.date, locale)
    if first.closed_from is not None:
        text = fill(strings["half_day"], date=text, time=_clock_time(first.closed_from, locale))
    elif first.closed_until is not None:
        text = fill(strings["late_day"], date=text, time=_clock_time(first.closed_until, locale))
    elif last is not first:
        text = f"{text} – {_full_date(last.date, locale)}"
    if not first.name:
        return text
    name = first.name.replace(" (", ", ").replace(")", "")  # "Boxing Day (observed)" comes to stand in parentheses
    return fill(strings["named_day"], date=text, name=name)


def _team_moment(instant: datetime, promise: PromiseValues, locale: Locale, strings: Mapping[str, str]) -> str:
    label = promise.zone_city or zone_label(promise.zone, locale, instant)
    return format_moment(instant, promise.zone, label, locale, strings["moment"])


def _customer_moment(
    due_at: datetime, promise: PromiseValues, locale: Locale, strings: Mapping[str, str]
) -> str | None:
    """The same instant on the customer's clock, unless that is the team's.

    The offset is the one of the customer's mail. Should summer time change before the promise, the line is still
    right, as it names the offset.
    """
    offset = promise.customer_utc_offset
    if offset is None or offset == due_at.astimezone(promise.zone).utcoffset():
        return None
    return format_moment(due_at, timezone(offset), utc_offset_label(offset), locale, strings["moment"])


def _full_date(day: date, locale: Locale) -> str:
    return format_date(day, "full", locale=locale).translate(_SPACES)


def _clock_time(value: time, locale: Locale) -> str:
    return format_time(value, "short", locale=locale).translate(_SPACES)
