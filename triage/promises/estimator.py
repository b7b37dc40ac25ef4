"""Promises from a team's own measured speed: what was learnt so far, and the instant that follows from it. Pure.

One estimator serves all teams. It is told what happens (opened, answered, closed, time passing) in order of time and
knows nothing else; the same events give the same promises, which is why a replay can check it.

    sample     which tickets count, and how much: triage.promises.samples
    level      target + target / n + raise, at most 0.99; the raise follows the promises broken, of all and of the team
    promise    the Kaplan-Meier quantile of the sample at that level, from the opening on, rounded up: triage.promises.due_date
    no date    the curve never gets to the target, or only beyond the owner's cap
    renewal    the same quantile for a ticket that is open already for so long

A level above the target is a margin. Where the curve gets to the target and ends before the margin, because a ticket is
open longer than any was, the longest wait known is promised: no date at all there left 42 of 100 tickets of one log
without one, and kept the others no better (95.9 % either way).
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from triage.promises.calendar_config import show_opening_time
from triage.promises.due_date import (
    BEYOND_CAP,
    ESTIMATED,
    METHOD_VERSION,
    NEVER_REACHED,
    Promise,
    Terms,
    configured_promise,
    stated_instant,
)
from triage.promises.samples import Sample, Samples, Ticket, group_name
from triage.promises.survival import ANSWERED, CLOSED, OPEN

LEAST_N = 20.0  # so that one lone ticket does not push the level beyond all bounds
RAISE_STEP = 0.001  # slow and one-sided on purpose: two-sided it lost coverage
RAISE_MOST = 0.04
HIGHEST_LEVEL = 0.99
TYPICAL_LEVEL = 0.8  # what "most people" means in the softer figure
TYPICAL_LEAST = 20  # tickets answered before anything is said about most people
STATE_VERSION = 1


class Estimator:
    """Learns waits by team and promises by them; state goes out and in as plain JSON values.

    Args:
        terms: the terms of a team by its name, None where there is no such team. Promises for a team without terms
            raise KeyError.

    Events carry the instant at which they happened. They may become known late (an answer found in the Sent folder),
    and an event told twice changes nothing. Not thread safe; one owner.
    """

    def __init__(self, terms: Callable[[str], Terms | None]) -> None:
        self._terms_of = terms
        self._samples = Samples()
        self._known: dict[str, Ticket] = {}  # by case: held in a sample, or open with its promise not yet judged
        self._backlog: Counter[str] = Counter()  # open tickets by team
        self._due: list[tuple[datetime, int, Ticket]] = []
        self._serial = 0
        self._raised = 0.0
        self._raised_of: dict[str, float] = {}  # by group

    def opened(self, case_id: str, *, team: str, priority: str, at: datetime, language: str | None = None) -> Promise:
        """A ticket came in: the promise for it, which is remembered and counted from now on.

        The same as `advance`, `promise` and `learn` in turn, for callers that decide and record in one step.
        """
        self.advance(at)
        promise = self.promise(team=team, priority=priority, at=at, language=language)
        self.learn(case_id, team=team, priority=priority, at=at, language=language, due_at=promise.due_at)
        return promise

    def promise(
        self,
        *,
        team: str,
        priority: str,
        at: datetime,
        language: str | None = None,
        written_at: datetime | None = None,
        first_response: timedelta | None = None,
    ) -> Promise:
        """The promise for a ticket opened *at*, told at *written_at* (default: at once). Changes nothing.

        *first_response* is what the owner configured for this very kind of mail, where it differs from the team's terms.
        """
        return self._promise(team, language, priority, at, max(at, written_at or at), first_response)

    def learn(
        self,
        case_id: str,
        *,
        team: str,
        priority: str,
        at: datetime,
        language: str | None = None,
        due_at: datetime | None = None,
    ) -> None:
        """Take a ticket into the sample, and count its promise as kept or broken when the time comes.

        A case that is open already stays as it is: a second mail does not restart the clock. *due_at* None: no date was stated, or
        it is imported history.
        """
        known = self._known.get(case_id)
        if known and (known.ended_at is None or known.opened_at == at):
            return
        ticket = Ticket(case_id, team, language, priority, at, self._backlog[team], due_at, judged=due_at is None)
        self._follow(ticket, hold=True)

    def answered(self, case_id: str, at: datetime) -> bool:
        """A person answered the customer; False where no such ticket is open."""
        self.advance(at)
        ticket = self._end(case_id, ANSWERED, at)
        if ticket is None:
            return False
        if ticket.due_at is not None and at <= ticket.due_at:
            # Counted as broken before its answer became known? Take that back, as far as the bounds allow.
            self._feed_back(ticket, -1.0 if ticket.judged else self._level(ticket.team) - 1.0)
        ticket.judged = True
        return True

    def closed(self, case_id: str, at: datetime) -> bool:
        """Closed without an answer (spam, thanks, merged): it leaves sample and count. False where not open."""
        self.advance(at)
        ticket = self._end(case_id, CLOSED, at)
        if ticket is None:
            return False
        ticket.judged = True
        return True

    def reopened(self, case_id: str, at: datetime) -> bool:
        """A closure was taken back: the ticket counts again, by its own promise. False where it is not known as closed.

        A promise whose instant has passed meanwhile moves no level: nobody worked on it.
        """
        self.advance(at)
        ticket = self._known.get(case_id)
        if ticket is None or ticket.state != CLOSED:
            return False
        ticket.state, ticket.ended_at = OPEN, None
        ticket.judged = ticket.due_at is None or ticket.due_at < at
        if not ticket.judged and ticket.due_at is not None:
            heapq.heappush(self._due, (ticket.due_at, ticket.serial, ticket))
        self._backlog[ticket.team] += 1
        self._samples.reopen(self._terms(ticket.team), ticket)
        return True

    def advance(self, now: datetime) -> None:
        """Count the promises that broke before *now*."""
        while self._due and self._due[0][0] < now:
            _, _, ticket = heapq.heappop(self._due)
            if not ticket.judged:
                ticket.judged = True
                self._feed_back(ticket, self._level(ticket.team))
                self._forget_if_done(ticket)

    def renewed(self, case_id: str, now: datetime) -> Promise | None:
        """A later promise for a ticket still open at *now*, given the age it has; None where no such ticket is known.

        To be written before the first promise breaks. Only the first one counts as kept or broken. What most people hear within is
        not said: this customer has waited longer.
        """
        ticket = self._known.get(case_id)
        if ticket is None or ticket.ended_at is not None:
            return None
        promise = self._promise(ticket.team, ticket.language, ticket.priority, ticket.opened_at, now)
        told = f"still open {self._terms(ticket.team).hours.show(now)}: renewed"
        return replace(promise, typical=None, steps=(told, *promise.steps))

    def export_state(self) -> dict[str, Any]:
        """Everything learnt, as plain JSON values. It holds case ids and instants, no address and no text.

        Waits are kept as instants, so that hours that changed meanwhile measure them anew; promises are kept as stated.
        """
        known = {id(ticket): ticket for ticket in (*self._samples.tickets(), *self._known.values())}
        return {
            "version": STATE_VERSION,
            "raised": self._raised,
            "raised_of": dict(self._raised_of),
            "tickets": [_exported(ticket) for ticket in sorted(known.values(), key=lambda ticket: ticket.serial)],
        }

    @classmethod
    def from_state(cls, terms: Callable[[str], Terms | None], state: Mapping[str, Any]) -> Estimator:
        """The estimator as it was exported: it goes on with the very same promises.

        Tickets of teams that have no terms any more are left out.

        Raises:
            ValueError: the state is of another version; start anew and tell the events of the past.
        """
        if state.get("version") != STATE_VERSION:
            raise ValueError(f"estimator state of version {state.get('version')}, this program reads {STATE_VERSION}")
        estimator = cls(terms)
        estimator._raised = state["raised"]
        estimator._raised_of = dict(state["raised_of"])
        for fields in state["tickets"]:
            ticket = _imported(fields)
            if terms(ticket.team) is not None:
                estimator._follow(ticket, hold=ticket.held)
        return estimator

    def _promise(
        self,
        team: str,
        language: str | None,
        priority: str,
        opened_at: datetime,
        now: datetime,
        first_response: timedelta | None = None,
    ) -> Promise:
        terms = self._terms(team)
        if first_response is not None:
            terms = replace(terms, first_response=first_response)
        hours = terms.hours
        sample = self._samples.sample(
            terms,
            team=team,
            language=language,
            priority=priority,
            opened_at=opened_at,
            now=now,
            backlog=self._backlog[team],
        )
        if not sample.measured and sample.longest < terms.first_response.total_seconds():
            # Nobody was answered yet, and nobody waits longer than was configured: nothing speaks against it.
            return configured_promise(
                opened_at, team=team, hours=hours, first_response=terms.first_response, language=language,
                level=terms.level, written_at=now,
            )  # fmt: skip
        n = max(sample.n, LEAST_N)
        raised = self._raised + self._raised_of.get(group_name(terms, team, language), 0.0)
        level = min(terms.level * (1.0 + 1.0 / n) + raised, max(HIGHEST_LEVEL, terms.level))
        age = max(hours.business_time_between(opened_at, now), timedelta(0)).total_seconds()
        q = _span(sample.curve.quantile(level, least=terms.level, age=age))
        promise = Promise(
            opened_at=opened_at,
            due_at=None,
            team=team,
            language=language,
            q=q,
            p=level,
            n=sample.n,
            method=ESTIMATED,
            method_version=METHOD_VERSION,
            steps=_told(terms, sample, group_name(terms, team, language), level, raised),
        )
        if q is None:
            reason = f"too many tickets stay open for a date that is kept in {terms.level:.0%}: no date is stated"
            return replace(promise, no_date=NEVER_REACHED, steps=(*promise.steps, reason))
        if terms.cap is not None and q > terms.cap:
            reason = f"{show_opening_time(q)} of opening time is beyond the cap of {show_opening_time(terms.cap)}"
            return replace(promise, no_date=BEYOND_CAP, steps=(*promise.steps, f"{reason}: no date is stated"))
        due = stated_instant(hours.add_business_time(opened_at, q), now, hours)
        steps = (*promise.steps, *hours.explain(opened_at, q), f"stated: {hours.show(due)}")
        softer = _span(sample.curve.quantile(TYPICAL_LEVEL, age=age)) if sample.measured >= TYPICAL_LEAST else None
        typical = None if softer is None else stated_instant(hours.add_business_time(opened_at, softer), now, hours)
        return replace(promise, due_at=due, steps=steps, typical=typical if typical and typical < due else None)

    def _follow(self, ticket: Ticket, *, hold: bool) -> None:
        """Wait for what becomes of a ticket and of its promise."""
        self._serial += 1
        ticket.serial = self._serial
        self._known[ticket.case_id] = ticket
        if ticket.ended_at is None:
            self._backlog[ticket.team] += 1
        if not ticket.judged and ticket.due_at is not None:
            heapq.heappush(self._due, (ticket.due_at, ticket.serial, ticket))
        if hold:
            gone = self._samples.add(self._terms(ticket.team), ticket)
            if gone is not None:
                self._forget_if_done(gone)

    def _end(self, case_id: str, state: int, at: datetime) -> Ticket | None:
        ticket = self._known.get(case_id)
        if ticket is None or ticket.ended_at is not None:
            return None
        ticket.state, ticket.ended_at = state, at
        self._backlog[ticket.team] -= 1
        self._samples.settle(self._terms(ticket.team), ticket)
        self._forget_if_done(ticket)
        return ticket

    def _forget_if_done(self, ticket: Ticket) -> None:
        """Drop a ticket that left its sample once it ended or its promise is judged: it can teach nothing more."""
        if ticket.held or not (ticket.judged or ticket.ended_at):
            return
        if self._known.get(ticket.case_id) is ticket:
            del self._known[ticket.case_id]
            if ticket.ended_at is None:
                self._backlog[ticket.team] -= 1

    def _feed_back(self, ticket: Ticket, error: float) -> None:
        """Move the raise by what one promise taught: +level for a broken one, -(1 - level) for a kept one."""
        group = group_name(self._terms(ticket.team), ticket.team, ticket.language)
        self._raised = _clipped(self._raised + RAISE_STEP * error)
        self._raised_of[group] = _clipped(self._raised_of.get(group, 0.0) + RAISE_STEP * error)

    def _level(self, team: str) -> float:
        return self._terms(team).level

    def _terms(self, team: str) -> Terms:
        terms = self._terms_of(team)
        if terms is None:
            raise KeyError(team)
        return terms


def _told(terms: Terms, sample: Sample, group: str, level: float, raised: float) -> tuple[str, str]:
    """In words, what the curve rests on and where the level comes from."""
    measured = f"team {group}: {sample.answered} of the last {sample.tickets} tickets answered"
    if sample.lent:
        measured += f"; other teams' tickets weigh {sample.lent:.0f}"
    if sample.prior:
        configured = show_opening_time(terms.first_response)
        measured += f"; the configured first response of {configured} weighs {sample.prior:.0f}"
    n = max(sample.n, LEAST_N)
    parts = [f"{terms.level:.0%} to be kept", f"{terms.level / n:.1%} for a sample of weight {n:.0f}"]
    if raised:
        parts.append(f"{raised:.1%} since promises were broken")
    held = ", held there" if level < terms.level * (1.0 + 1.0 / n) + raised else ""
    return measured, f"aimed at {level:.1%}{held}: {' + '.join(parts)}"


def _exported(ticket: Ticket) -> list[Any]:
    return [
        ticket.case_id,
        ticket.team,
        ticket.language,
        ticket.priority,
        ticket.opened_at.isoformat(),
        ticket.backlog,
        ticket.due_at.isoformat() if ticket.due_at else None,
        ticket.ended_at.isoformat() if ticket.ended_at else None,
        ticket.state,
        ticket.judged,
        ticket.held,
    ]


def _imported(fields: list[Any]) -> Ticket:
    case_id, team, language, priority, opened_at, backlog, due_at, ended_at, state, judged, held = fields
    return Ticket(
        case_id,
        team,
        language,
        priority,
        datetime.fromisoformat(opened_at),
        backlog,
        datetime.fromisoformat(due_at) if due_at else None,
        datetime.fromisoformat(ended_at) if ended_at else None,
        state,
        judged,
        held,
    )


def _span(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def _clipped(raised: float) -> float:
    return min(max(raised, 0.0), RAISE_MOST)
