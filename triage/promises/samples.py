"""Which tickets a promise rests on, and how much each of them weighs. Pure.

    of the team      the last 600 opened; halved every 300 tickets, less for another priority, part of the week, backlog
    of the others    the last 200 opened by all teams without this one, weighing 25 together
    configured       points that stand for the configured first response, weighing 20, fading as tickets are answered

Teams differ in speed by two orders of magnitude, so a team borrows little: a thirteenth of a full sample of its own.
The numbers are those that kept 95.5 to 97.5 % on six logs of very different desks; none is tuned to one of them.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from triage.opening_hours import OpeningHours
from triage.promises.due_date import Terms
from triage.promises.survival import ANSWERED, CLOSED, OPEN, Curve, Flags, Floats, Waits, kaplan_meier, prior_waits

TEAM_SAMPLE = 600  # tickets opened last, of one team
COMMON_SAMPLE = 200  # of all teams, for those that have few
HALF_LIFE = 300.0  # tickets
LENT = 25.0  # weight that other teams lend together
PRIOR_WEIGHT = 20.0  # of the configured first response at the start …
PRIOR_FADES = 200.0  # … and the weight answered at which it is gone
PRIOR_LEAST = 1e-3  # keeps a sample of nothing from being empty
OTHER_CONTEXT = 0.6  # weight of a ticket of another priority or part of the week; the least for another backlog
SHUT = timedelta(seconds=60)  # an answer given while closed counts as just after the next opening

_FADING: Floats = 0.5 ** (np.arange(TEAM_SAMPLE - 1, -1, -1) / HALF_LIFE)  # by age, the newest last
_PARTS_OF_DAY = (6, 10, 14, 18)  # hours at which night, morning, noon and afternoon end
_REST_DAY = 10  # added to the part of the day on a weekend, a holiday, or a day with no opening hours


@dataclass(slots=True)
class Ticket:
    """One ticket as the estimator remembers it, while it is in a sample or awaits its outcome."""

    case_id: str
    team: str
    language: str | None
    priority: str
    opened_at: datetime
    backlog: int  # tickets of the team open when it came
    due_at: datetime | None  # as promised; None where no date was stated
    ended_at: datetime | None = None
    state: int = OPEN
    judged: bool = False  # its promise was counted as kept or broken, or there is nothing to count
    held: bool = False  # in the sample of its group
    serial: int = 0  # order in which tickets became known
    numbers: tuple[int, int] = (-1, -1)  # rows in the group's and in the common sample


@dataclass(frozen=True, slots=True)
class Sample:
    """The curve for one ticket and what it was made of."""

    curve: Curve
    n: float  # weight of all waits by recency alone
    tickets: int  # of the group itself
    answered: int  # of these
    lent: float  # weight of other groups' tickets
    prior: float  # weight of the configured first response
    measured: int  # tickets answered, of this group and of those that lend
    longest: float  # seconds of opening time that one of them has waited, answered or not


@dataclass(slots=True)
class _Group:
    """The tickets of one team, or of one language of a team that is measured by language."""

    code: int  # marks its rows in the common sample
    hours: OpeningHours
    waits: Waits = field(default_factory=lambda: Waits(TEAM_SAMPLE))
    tickets: deque[Ticket] = field(default_factory=deque)  # beside the rows, oldest first


class Samples:
    """Tickets by group, in the columns the curves are computed from. Not thread safe; one owner."""

    def __init__(self) -> None:
        self._groups: dict[str, _Group] = {}
        self._common = Waits(COMMON_SAMPLE)
        self._codes: dict[str, int] = {}  # of priorities
        self._priors: dict[tuple[timedelta, float], Floats] = {}

    def tickets(self) -> list[Ticket]:
        """All tickets held, of each group the oldest first."""
        return [ticket for group in self._groups.values() for ticket in group.tickets]

    def add(self, terms: Terms, ticket: Ticket) -> Ticket | None:
        """Take a ticket into the sample of its group and the common one; the ticket that had to go for it, or None."""
        name = group_name(terms, ticket.team, ticket.language)
        group = self._groups.setdefault(name, _Group(len(self._groups), terms.hours))
        opened = terms.hours.elapsed(ticket.opened_at).total_seconds()
        ticket.numbers = (
            self._append(group.waits, terms, group.code, ticket, opened),
            self._append(self._common, terms, group.code, ticket, opened),
        )
        ticket.held = True
        group.tickets.append(ticket)
        if ticket.ended_at is not None:
            self.settle(terms, ticket)
        if len(group.tickets) <= TEAM_SAMPLE:
            return None
        gone = group.tickets.popleft()
        gone.held = False
        return gone

    def settle(self, terms: Terms, ticket: Ticket) -> None:
        """Write the wait of an ended ticket into both samples."""
        if ticket.ended_at is None:
            raise ValueError(f"ticket {ticket.case_id} is still open")
        wait = opening_time_spent(terms.hours, ticket.opened_at, ticket.ended_at).total_seconds()
        group = self._groups.get(group_name(terms, ticket.team, ticket.language))
        if group is not None:  # None: restored without a sample, after the owner changed what is measured together
            group.waits.settle(ticket.numbers[0], ticket.state, wait)
        self._common.settle(ticket.numbers[1], ticket.state, wait)

    def reopen(self, terms: Terms, ticket: Ticket) -> None:
        """Count a ticket as open again, in both samples."""
        group = self._groups.get(group_name(terms, ticket.team, ticket.language))
        if group is not None:
            group.waits.settle(ticket.numbers[0], OPEN, 0.0)
        self._common.settle(ticket.numbers[1], OPEN, 0.0)

    def sample(
        self,
        terms: Terms,
        *,
        team: str,
        language: str | None,
        priority: str,
        opened_at: datetime,
        now: datetime,
        backlog: int,
    ) -> Sample:
        """The waits that matter for such a ticket, as they stand at *now*, and their curve."""
        group = self._groups.get(group_name(terms, team, language))
        own, known, measured = self._own(group, terms, priority, opened_at, now, backlog) if group else (_NOTHING, 0, 0)
        lent = self._borrowed(group, now)
        lent_weight = float(lent[2].sum())
        prior = PRIOR_WEIGHT * max(0.0, 1.0 - (measured + lent_weight) / PRIOR_FADES)
        parts = [own, lent]
        if prior > 0 or not len(own[0]) + len(lent[0]):
            x = self._prior(terms)
            parts.append((x, np.ones(len(x), np.bool_), np.full(len(x), max(prior, PRIOR_LEAST) / len(x))))
        waits, answered, weights = (np.concatenate(column) for column in zip(*parts, strict=True))
        curve = kaplan_meier(waits, answered, weights)
        return Sample(
            curve=curve,
            n=known + lent_weight + prior,
            tickets=len(own[0]),
            answered=int(own[1].sum()),
            lent=lent_weight,
            prior=prior,
            measured=int(own[1].sum() + lent[1].sum()),
            longest=float(max(own[0].max(initial=0.0), lent[0].max(initial=0.0))),
        )

    def _own(
        self, group: _Group, terms: Terms, priority: str, opened_at: datetime, now: datetime, backlog: int
    ) -> tuple[_Part, float, float]:
        """The group's own tickets, the weight of them all by recency alone, and of those answered.

        Context says which waits are like this one, not how many are known: it shifts weight among them and takes none from
        them together. With n counted after the context weights the prior never faded, and a desk that answers in minutes
        promised 11 h where 5 h were kept in 96 of 100; with the weights scaled to a greatest of 1 what other teams
        lend weighed up to three times as much, and a quick team promised 104 h where 88 h were kept in 97 of 100.
        """
        log, rows = group.waits, group.waits.rows
        x, answered, counts = _waits_at(log, terms.hours.elapsed(now).total_seconds())
        recency = _FADING[TEAM_SAMPLE - len(log) :]
        context = np.maximum(np.exp(-2.0 * np.abs(log.backlog[rows] - math.log1p(backlog))), OTHER_CONTEXT)
        context[log.priority[rows] != self._codes.get(priority)] *= OTHER_CONTEXT
        context[log.slot[rows] != part_of_week(terms.hours, opened_at)] *= OTHER_CONTEXT
        weights = (recency * context)[counts]
        known = float(recency[counts].sum())
        if len(weights):
            weights *= known / weights.sum()
        part = x[counts], answered[counts], weights
        return part, known, float(recency[answered].sum())

    def _borrowed(self, group: _Group | None, now: datetime) -> _Part:
        """Other groups' tickets, each with its wait on its own team's clock."""
        log = self._common
        clocks: dict[int, float] = {}
        present = np.zeros(len(self._groups))
        for other in self._groups.values():
            if id(other.hours) not in clocks:
                clocks[id(other.hours)] = other.hours.elapsed(now).total_seconds()
            present[other.code] = clocks[id(other.hours)]
        owner = log.owner[log.rows]
        x, answered, counts = _waits_at(log, present[owner])
        if group is not None:
            counts &= owner != group.code
        n = int(counts.sum())
        return x[counts], answered[counts], np.full(n, min(LENT, n) / max(n, 1))

    def _prior(self, terms: Terms) -> Floats:
        key = (terms.first_response, terms.level)
        if key not in self._priors:
            self._priors[key] = prior_waits(*key)
        return self._priors[key]

    def _append(self, log: Waits, terms: Terms, owner: int, ticket: Ticket, opened: float) -> int:
        return log.add(
            opened,
            priority=self._code(ticket.priority),
            slot=part_of_week(terms.hours, ticket.opened_at),
            owner=owner,
            backlog=math.log1p(ticket.backlog),
        )

    def _code(self, priority: str) -> int:
        return self._codes.setdefault(priority, len(self._codes))


_Part = tuple[Floats, Flags, Floats]  # waits, which of them are answered, weights
_NOTHING: _Part = (np.zeros(0), np.zeros(0, np.bool_), np.zeros(0))


def group_name(terms: Terms, team: str, language: str | None) -> str:
    """What is measured together: "payment", or "payment/de" where the team is measured by language."""
    return f"{team}/{language}" if terms.by_language and language else team


def opening_time_spent(hours: OpeningHours, opened_at: datetime, answered_at: datetime) -> timedelta:
    """The wait of a customer in opening time; an answer given while closed counts as just after the next opening."""
    spent = max(hours.business_time_between(opened_at, answered_at), timedelta(0))
    return spent if hours.is_open(answered_at) else spent + SHUT


def part_of_week(hours: OpeningHours, at: datetime) -> int:
    """Night, morning, noon, afternoon or evening, on a working day or a day of rest, by the team's clock."""
    local = at.astimezone(hours.zone)
    part = sum(local.hour >= hour for hour in _PARTS_OF_DAY)
    return part + (_REST_DAY if local.weekday() >= 5 or not hours.is_workday(at) else 0)


def _waits_at(log: Waits, present: float | Floats) -> tuple[Floats, Flags, Flags]:
    """Waits of all rows, an open ticket's being its age at *present*; which are answered; which count at all."""
    rows = log.rows
    state = log.state[rows]
    answered = state == ANSWERED
    return np.where(answered, log.wait[rows], np.maximum(present - log.opened[rows], 0.0)), answered, state != CLOSED
