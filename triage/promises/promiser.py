"""The estimator as the daemon uses it: it follows the ticket events in the ledger, and promises by them.

What it knows is a function of these events and nothing else: a start reads them (or a kept state, and the events since),
and the running daemon reads what is new before each batch. So a restart, a crash, a second node and a replay all reach the
same promises. Events are told in order of becoming known, each after the promises that broke before it.

A team has one sample for mail by its opening hours, and another for mail that a rule puts on a round-the-clock clock.
"""

from __future__ import annotations

import asyncio
import copy
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from triage import log
from triage.errors import LedgerError
from triage.ledger import promises, queries
from triage.ledger.promises import TicketBook
from triage.policy import Policy
from triage.promises.due_date import Promise, Terms
from triage.promises.estimator import Estimator
from triage.records import TicketEvent, TicketEventKind
from triage.rulebook.rules import Clock

READ_AT_ONCE = 2_000  # events
KEEP_EVERY = 2_000  # events between kept states; reading so many takes a start 0.1 s
_NIGHT_AND_DAY = "@round-the-clock"


def sample_name(team: str, clock: Clock) -> str:
    """What a team's waits on one clock are measured as."""
    return team if clock == "opening-hours" else team + _NIGHT_AND_DAY


def terms_of(policy: Policy) -> Callable[[str], Terms | None]:
    """The terms of each sample, as *policy* has them; None for a team that is gone."""
    known: dict[str, Terms] = {}
    for name, team in policy.teams.items():
        for clock in _CLOCKS:
            known[sample_name(name, clock)] = Terms(
                hours=policy.clock(name, clock),
                first_response=team.response("normal", clock),
                level=team.level,
                cap=team.longest_promise if clock == "opening-hours" else None,
                by_language=team.measure_by_language,
            )
    return known.get


_CLOCKS: tuple[Clock, ...] = ("opening-hours", "round-the-clock")


class Promiser:
    """Promises by what the ledger's events tell. `promise` may be called from any thread, the rest from one."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._estimator = Estimator(terms_of(policy))
        self._lock = threading.RLock()
        self._reading = asyncio.Lock()
        self._generation = -1  # nothing read yet
        self._last_event = 0
        self._kept_at = 0  # last event of the state that the ledger keeps
        self._log = log.get()

    def promise(
        self,
        *,
        team: str,
        clock: Clock,
        priority: str,
        at: datetime,
        now: datetime,
        language: str | None,
        first_response: timedelta,
    ) -> Promise:
        """The promise for a mail that came *at*, written *now*. Raises KeyError for a team that is gone."""
        with self._lock:
            promise = self._estimator.promise(
                team=sample_name(team, clock), priority=priority, at=at, language=language, written_at=now,
                first_response=first_response,
            )  # fmt: skip
        return replace(promise, team=team)

    def renewed(self, ticket: str, now: datetime) -> Promise | None:
        """A later promise for a ticket that is still open; None where it is not, or is not known."""
        with self._lock:
            return self._estimator.renewed(ticket, now)

    def advance(self, now: datetime) -> None:
        """Count the promises that broke before *now*."""
        with self._lock:
            self._estimator.advance(now)

    async def catch_up(self, book: TicketBook, policy: Policy, now: datetime) -> Promiser:
        """Learn what became known since the last time, and count the promises that broke before *now*.

        Opening hours that changed measure past waits anew; past promises stay as they were stated.

        Returns:
            What promises by *policy*, also where somebody else catches up with another one meanwhile: a mail must not be decided by old
            rules and promised by the hours of new ones.
        """
        async with self._reading:
            await self._catch_up(book, policy, now)
            return copy.copy(self)

    async def _catch_up(self, book: TicketBook, policy: Policy, now: datetime) -> None:
        if policy is not self._policy:
            self._policy = policy
            with self._lock:
                self._estimator = Estimator.from_state(terms_of(policy), self._estimator.export_state())
        while True:
            news = await book.news(self._generation, self._last_event, READ_AT_ONCE)
            if news is None:
                await self._read_anew(book)
                continue
            with self._lock:
                self.tell(news)
            if len(news) < READ_AT_ONCE:
                break
        self.advance(now)
        if self._last_event - self._kept_at >= KEEP_EVERY:
            await self.keep(book)

    async def keep(self, book: TicketBook) -> None:
        """Keep the present state in the ledger, so that the next start reads only what comes after it."""
        with self._lock:
            state = self._estimator.export_state()
        await book.keep_memory(self._generation, self._last_event, state)
        self._kept_at = self._last_event

    def tell(self, events: Iterable[TicketEvent]) -> None:
        """Tell *events* to the estimator, in their order."""
        for event in events:
            tell(self._estimator, event, self._policy)
            self._last_event = max(self._last_event, event.id)

    async def _read_anew(self, book: TicketBook) -> None:
        generation, last_event, state = await book.memory()
        past = await book.everything() if state is None else []
        with self._lock:
            self.restore(generation, last_event, state)
            self.tell(past)
        self._log.info("waits_read", generation=generation, last_event=self._last_event, from_kept_state=bool(state))

    def restore(self, generation: int, last_event: int, state: Mapping[str, Any] | None) -> None:
        """Begin with a kept state, or with nothing."""
        with self._lock:
            self._estimator = Estimator(terms_of(self._policy))
            if state is not None:
                self._estimator = Estimator.from_state(terms_of(self._policy), state)
            self._generation, self._last_event = generation, last_event if state is not None else 0
            self._kept_at = self._last_event


def from_ledger(path: Path, policy: Policy, now: datetime) -> Promiser:
    """What the ledger at *path* teaches, read beside a running daemon; where there is no ledger, nothing is measured yet."""
    promiser = Promiser(policy)
    try:
        with queries.reading(path) as c:
            generation, last_event, state = promises.memory(c)
            promiser.restore(generation, last_event, state)
            promiser.tell(promises.everything(c, after=last_event if state is not None else 0))
    except LedgerError:
        return Promiser(policy)
    promiser.advance(now)
    return promiser


def tell(estimator: Estimator, event: TicketEvent, policy: Policy) -> None:
    """Tell one event. Tickets of teams that are gone teach nothing."""
    estimator.advance(event.known_at)
    if event.kind is TicketEventKind.OPENED:
        data = event.data
        if data["team"].removesuffix(_NIGHT_AND_DAY) in policy.teams:
            due_at = datetime.fromisoformat(data["due_at"]) if data.get("due_at") else None
            estimator.learn(
                event.ticket, team=data["team"], priority=data["priority"], at=event.at, language=data["language"],
                due_at=due_at,
            )  # fmt: skip
    elif event.kind is TicketEventKind.ANSWERED:
        estimator.answered(event.ticket, event.at)
    elif event.kind is TicketEventKind.CLOSED:
        estimator.closed(event.ticket, event.at)
    elif event.kind is TicketEventKind.REOPENED:
        estimator.reopened(event.ticket, event.at)
