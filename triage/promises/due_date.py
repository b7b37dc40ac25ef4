"""What a promise is, how its instant is rounded, and the promise where nothing was measured. Pure.

Every stated instant is rounded up to the next half hour of the team's own clock, lies at least half an hour ahead, is
never in closed time, and never in the hour that comes twice in autumn, since "02:30" would not say which. Rounding
only ever makes it later: a promise must not be shorter than computed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from triage.opening_hours import OpeningHours
from triage.promises.calendar_config import show_opening_time

GRID = timedelta(minutes=30)
LEAST = timedelta(minutes=30)
TRIES = 50  # openings looked at for a half hour in open time
CONFIGURED, ESTIMATED = "configured", "estimated"
METHOD_VERSION = "2"  # raise it whenever the same facts may give another date; it is kept with each promise
BEYOND_CAP, NEVER_REACHED = "beyond-cap", "never-reached"


@dataclass(frozen=True, slots=True)
class Terms:
    """What the owner decided for one team."""

    hours: OpeningHours
    first_response: timedelta  # opening time; the configured promise, believed until measured otherwise
    level: float = 0.95  # share of promises to be kept, 0..1
    cap: timedelta | None = None  # opening time; beyond it no date is stated
    by_language: bool = False  # measure each language apart: where other people answer it


@dataclass(frozen=True, slots=True)
class Promise:
    """What was promised and why; recorded as it is, never computed again with newer hours or newer waits."""

    opened_at: datetime
    due_at: datetime | None  # None: no date can honestly be stated, `no_date` says why
    team: str
    language: str | None
    q: timedelta | None  # opening time within which a person answers, at level p; None where never reached
    p: float  # level that was aimed at, 0..1
    n: float  # weight of the waits it rests on; 0 when nothing was measured
    method: str  # CONFIGURED or ESTIMATED
    method_version: str
    steps: tuple[str, ...]  # in words, for `triage explain`
    typical: datetime | None = None  # by then most people have heard from us; None where it is no earlier than due_at
    no_date: str | None = None  # BEYOND_CAP, NEVER_REACHED, or None where there is a date

    def to_json(self) -> dict[str, Any]:
        """As it is kept with the ticket: instants as ISO 8601, spans in seconds; the steps stand with the decision."""
        return {
            "opened_at": self.opened_at.isoformat(),
            "due_at": self.due_at.isoformat() if self.due_at else None,
            "typical": self.typical.isoformat() if self.typical else None,
            "team": self.team,
            "language": self.language,
            "q": self.q.total_seconds() if self.q is not None else None,
            "p": self.p,
            "n": self.n,
            "method": self.method,
            "version": self.method_version,
            "no_date": self.no_date,
        }


def stated_instant(due: datetime, written_at: datetime, hours: OpeningHours) -> datetime:
    """The instant to write for a computed one: on the half hour, half an hour ahead, in opening time.

    Where rounding runs past the closing hour, the promise is for the next opening: nobody answers in between. Exactly
    the hour of closing may be stated ("by 17:00"). Only where no opening span holds a half hour ("09:05-09:25") is it
    the half hour after one.
    """
    first = at = _on_the_grid(max(due, written_at + LEAST), hours)
    for _ in range(TRIES):
        if hours.is_open(at) or hours.is_open(at - timedelta(microseconds=1)):
            return at
        at = _on_the_grid(hours.next_opening(at), hours)
    return first


def _on_the_grid(at: datetime, hours: OpeningHours) -> datetime:
    """*at* rounded up to a half hour that the wall clock of the zone shows only once."""
    local = at.astimezone(hours.zone)
    past = timedelta(minutes=local.minute % 30, seconds=local.second, microseconds=local.microsecond)
    at = at.astimezone(UTC) + ((GRID - past) if past else timedelta(0))
    while _comes_twice(at.astimezone(hours.zone)):
        at += GRID
    return at


def _comes_twice(local: datetime) -> bool:
    first, second = local.replace(fold=0).utcoffset(), local.replace(fold=1).utcoffset()
    return first is not None and second is not None and second < first


def configured_promise(
    opened_at: datetime,
    *,
    team: str,
    hours: OpeningHours,
    first_response: timedelta,
    language: str | None = None,
    level: float = 0.95,
    written_at: datetime | None = None,
) -> Promise:
    """The promise as configured, *first_response* of opening time: for a team nothing was measured of yet.

    Args:
        written_at: when it is told, if later than *opened_at* (a mail fetched late); never promises the past.
    """
    computed = hours.add_business_time(opened_at, first_response)
    due = stated_instant(computed, max(opened_at, written_at or opened_at), hours)
    return Promise(
        opened_at=opened_at,
        due_at=due,
        team=team,
        language=language,
        q=first_response,
        p=level,
        n=0.0,
        method=CONFIGURED,
        method_version=METHOD_VERSION,
        steps=(
            f"no waits of team {team} are measured: the configured first response of "
            f"{show_opening_time(first_response)} holds",
            *hours.explain(opened_at, first_response),
            f"stated: {hours.show(due)}",
        ),
    )
