"""Values to try texts with: what `triage check` renders and `triage preview` shows. Pure; all of it is made up."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from triage.templates.values import ClosedDay, PromiseValues, ReplyValues

ZONE = ZoneInfo("Europe/Berlin")
DUE = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)
OPTIONAL: dict[str, object] = {
    "customer_name": "Karin Müller",
    "order_number": "DE-12345",
    "tracking_url": "https://shop.example/track?order=DE-12345",
    "help_url": "https://shop.example/help",
    "privacy_url": "https://shop.example/privacy",
    "languages": ("en", "de", "es"),
}


def sample_promises() -> Iterator[PromiseValues]:
    """Every combination of what may be missing in a promise."""
    for due, offset, typical, closed, opens in itertools.product((True, False), repeat=5):
        if offset and not due:
            continue  # the customer's own time is that of the promise
        yield PromiseValues(
            due_at=DUE if due else None,
            zone=ZONE,
            customer_utc_offset=timedelta(hours=-5) if offset else None,
            typical=timedelta(hours=5) if typical else None,
            closed_days=(ClosedDay(date(2026, 12, 24), None, time(12)), ClosedDay(date(2026, 12, 25), "Xmas"))
            if closed
            else (),
            opens_at=DUE - timedelta(hours=2) if opens else None,
        )


def sample_values() -> Iterator[ReplyValues]:
    """All combinations of missing values with the fullest promise and the barest, then all promises once each."""
    promises = list(sample_promises())
    for present in itertools.product((True, False), repeat=len(OPTIONAL)):
        given = {name: value for (name, value), there in zip(OPTIONAL.items(), present, strict=True) if there}
        for promise in (promises[0], promises[-1]):
            yield reply_values(promise, given)
    for promise in promises[1:-1]:
        yield reply_values(promise, OPTIONAL)
        yield reply_values(promise, {})


def reply_values(promise: PromiseValues, given: dict[str, object]) -> ReplyValues:
    """*promise* with those of OPTIONAL that are *given*."""
    return ReplyValues(ticket="A1B2C3", shop_name="Shop", team_name="Team", promise=promise, **given)  # type: ignore[arg-type]


def preview_situations() -> Iterator[tuple[str, PromiseValues, bool]]:
    """Name, promise, and whether optional values are there: what a reader should see of each mail."""
    usual = PromiseValues(due_at=DUE, zone=ZONE, typical=timedelta(hours=5))
    yield "usual", usual, True
    yield (
        "closed",
        PromiseValues(
            due_at=datetime(2026, 12, 28, 10, 0, tzinfo=UTC),
            zone=ZONE,
            customer_utc_offset=timedelta(hours=-5),
            closed_days=(ClosedDay(date(2026, 12, 24), None, time(12)), ClosedDay(date(2026, 12, 25))),
            opens_at=datetime(2026, 12, 28, 8, 0, tzinfo=UTC),
        ),
        True,
    )
    yield "no date", PromiseValues(due_at=None, zone=ZONE), True
    yield "nothing known", PromiseValues(due_at=DUE, zone=ZONE), False
