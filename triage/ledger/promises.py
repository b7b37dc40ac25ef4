"""Tickets after they were opened: answers, closures, promises kept and broken, and what the estimator learns from. SQL stays here.

Every method of `TicketBook` is one transaction. Events are written in the transaction that changes the ticket, so that a
replay of the events gives what the tickets say.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from triage.ledger import schema
from triage.ledger.writer import Writer
from triage.message import MessageKey
from triage.records import Answered, MessageState, OpenPromise, Ticket, TicketEvent, TicketEventKind, TicketOutcome

m, t = schema.messages.c, schema.tickets.c
events, estimator, cursors = schema.ticket_events, schema.estimator, schema.folder_cursors
LEARNT_FROM = (TicketEventKind.OPENED, TicketEventKind.ANSWERED, TicketEventKind.CLOSED)
ONE_ROW = 1
CHUNK = 500  # values in one IN (...): SQLite before 3.32 takes 999


class TicketBook:
    """Asked for by what watches answers and promises, and by the estimator."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    # -- what became of tickets --------------------------------------------------------------------------------------------

    async def matching(self, related_ids: Sequence[str], references: Sequence[str]) -> list[Ticket]:
        """Tickets that Message-IDs belong to, else those that are named by reference; the oldest first."""
        return await self._writer.run(lambda c: _matching(c, related_ids, references))

    async def of_mail(self, fingerprint: str) -> Ticket | None:
        """The ticket that the mail with *fingerprint* belongs to."""

        def operation(c: sa.Connection) -> Ticket | None:
            names = c.execute(sa.select(m.ticket).where(m.fingerprint == fingerprint, m.ticket.is_not(None)).limit(1))
            found = tickets(c, [name for name in names.scalars() if name])
            return found[0] if found else None

        return await self._writer.run(operation)

    async def answered(self, ticket: str, at: datetime, now: datetime, how: str) -> Answered | None:
        """A person has answered *at*; what became of the promise, or None where an earlier answer is known or it was closed.

        May be repeated. An automatic reply that still waits to be sent is overtaken, and never sent.
        """
        return await self._writer.run(lambda c: _answered(c, ticket, at, now, how))

    async def closed(self, ticket: str, at: datetime, now: datetime, reason: str) -> bool:
        """Closed without an answer; False where it was answered or closed before. May be repeated."""

        def operation(c: sa.Connection) -> bool:
            waits = (t.ticket == ticket, t.first_response_at.is_(None), _outcome_is_not(TicketOutcome.CLOSED))
            if not c.execute(schema.tickets.update().where(*waits).values(outcome=TicketOutcome.CLOSED)).rowcount:
                return False
            append(c, [TicketEvent(ticket, TicketEventKind.CLOSED, at, now, {"reason": reason})])
            return True

        return await self._writer.run(operation)

    async def break_overdue(self, mailbox: str, now: datetime) -> list[tuple[str, str]]:
        """Count the promises whose instant has passed without an answer; (ticket, team) of each."""

        def operation(c: sa.Connection) -> list[tuple[str, str]]:
            query = sa.select(t.ticket, t.team, t.due_at).where(
                t.mailbox == mailbox, t.outcome.is_(None), t.due_at < now
            )
            rows = c.execute(query.order_by(t.due_at)).all()
            for row in rows:
                c.execute(schema.tickets.update().where(t.ticket == row.ticket).values(outcome=TicketOutcome.BROKEN))
            append(c, [TicketEvent(row.ticket, TicketEventKind.BROKEN, row.due_at, now, {}) for row in rows])
            return [(row.ticket, row.team) for row in rows]

        return await self._writer.run(operation)

    # -- before a promise breaks -------------------------------------------------------------------------------------------

    async def unreminded(self, mailbox: str, now: datetime, until: datetime) -> list[OpenPromise]:
        """Promises that fall due between *now* and *until* and of which the team was not reminded, the next one first."""
        return await self._writer.run(lambda c: _running(c, mailbox, now, until, TicketEventKind.REMINDED))

    async def unrenewed(self, mailbox: str, now: datetime, until: datetime) -> list[OpenPromise]:
        """The same, of those for which no later date was written."""
        return await self._writer.run(lambda c: _running(c, mailbox, now, until, TicketEventKind.RENEWED))

    async def raise_priority(self, ticket: str, priority: str) -> None:
        query = schema.tickets.update().where(t.ticket == ticket).values(priority=priority)
        await self._writer.run(lambda c: c.execute(query))

    async def waiting_places(self, mailbox: str) -> dict[MessageKey, str]:
        """Where the mails of tickets lie whose customers wait, and the ticket of each."""
        query = (
            sa.select(m.mailbox, m.place_folder, m.place_uidvalidity, m.place_uid, m.ticket)
            .join(schema.tickets, t.ticket == m.ticket)
            .where(t.mailbox == mailbox, t.first_response_at.is_(None), _outcome_is_not(TicketOutcome.CLOSED))
            .where(m.place_uid.is_not(None), m.state == MessageState.SETTLED)
        )

        def operation(c: sa.Connection) -> dict[MessageKey, str]:
            return {MessageKey(*row[:4]): row.ticket for row in c.execute(query)}

        return await self._writer.run(operation)

    # -- folders -----------------------------------------------------------------------------------------------------------

    async def cursor(self, mailbox: str, folder: str) -> tuple[int, int] | None:
        """UIDVALIDITY of *folder* when it was last looked through, and the first UID not looked at."""
        query = sa.select(cursors.c.uidvalidity, cursors.c.next_uid).where(
            cursors.c.mailbox == mailbox, cursors.c.folder == folder
        )

        def operation(c: sa.Connection) -> tuple[int, int] | None:
            row = c.execute(query).one_or_none()
            return None if row is None else (row.uidvalidity, row.next_uid)

        return await self._writer.run(operation)

    async def set_cursor(self, mailbox: str, folder: str, uidvalidity: int, next_uid: int) -> None:
        def operation(c: sa.Connection) -> None:
            c.execute(cursors.delete().where(cursors.c.mailbox == mailbox, cursors.c.folder == folder))
            values = {"mailbox": mailbox, "folder": folder, "uidvalidity": uidvalidity, "next_uid": next_uid}
            c.execute(cursors.insert().values(**values))

        await self._writer.run(operation)

    # -- what the estimator learns from ------------------------------------------------------------------------------------

    async def news(self, generation: int, after: int, limit: int) -> list[TicketEvent] | None:
        """Up to *limit* events recorded after the one with id *after*; None: history was put in, and all is to be read anew."""

        def operation(c: sa.Connection) -> list[TicketEvent] | None:
            if _generation(c) != generation:
                return None
            query = sa.select(events).where(events.c.id > after, events.c.kind.in_(LEARNT_FROM))
            return [_event(row) for row in c.execute(query.order_by(events.c.id).limit(limit))]

        return await self._writer.run(operation)

    async def memory(self) -> tuple[int, int, Mapping[str, Any] | None]:
        """Generation, last event and state of the estimator as it was kept; state None: there is none."""
        return await self._writer.run(memory)

    async def everything(self) -> list[TicketEvent]:
        """All events the estimator learns from, in order of becoming known."""
        return await self._writer.run(everything)

    async def keep_memory(self, generation: int, last_event: int, state: Mapping[str, Any]) -> None:
        """Keep the estimator as it is after *last_event*, unless history was put in meanwhile."""

        def operation(c: sa.Connection) -> None:
            if _generation(c) == generation:
                _set_memory(c, generation, last_event, dict(state))

        await self._writer.run(operation)

    async def import_history(self, past: Iterable[TicketEvent]) -> int:
        """Put events of the past in, each ticket once; returns how many tickets were new. The estimator is then made anew."""

        def operation(c: sa.Connection) -> int:
            by_ticket: dict[str, list[TicketEvent]] = {}
            for event in past:
                by_ticket.setdefault(event.ticket, []).append(event)
            known = _known(c, by_ticket)
            new = [event for name, items in by_ticket.items() if name not in known for event in items]
            append(c, new)
            if new:
                _set_memory(c, _generation(c) + 1, 0, None)
            return len(by_ticket) - len(known)

        return await self._writer.run(operation)


# -- operations inside a transaction ---------------------------------------------------------------------------------------------


def append(c: sa.Connection, new: Sequence[TicketEvent]) -> None:
    """Write events down, in order."""
    if new:
        c.execute(
            events.insert(),
            [
                {"ticket": x.ticket, "kind": x.kind, "at": x.at, "known_at": x.known_at, "data": dict(x.data)}
                for x in new
            ],
        )


def tickets(c: sa.Connection, names: Collection[str]) -> list[Ticket]:
    """The tickets of these names, the oldest first."""
    if not names:
        return []
    rows = c.execute(sa.select(schema.tickets).where(t.ticket.in_(names)).order_by(t.opened_at)).all()
    writers: dict[str, set[str]] = {}
    for row in c.execute(sa.select(m.ticket, m.sender).where(m.ticket.in_(names), m.sender.is_not(None))):
        writers.setdefault(row.ticket, set()).add(row.sender)
    return [
        Ticket(row.ticket, row.mailbox, row.team, row.opened_at, row.due_at, row.priority, row.category, row.last_reply_at,
               row.first_response_at, row.promise, row.customer, frozenset(writers.get(row.ticket, ())), row.outcome)
        for row in rows
    ]  # fmt: skip


def memory(c: sa.Connection) -> tuple[int, int, Mapping[str, Any] | None]:
    """See TicketBook.memory."""
    row = c.execute(sa.select(estimator)).one_or_none()
    return (0, 0, None) if row is None else (row.generation, row.last_event, row.state)


def everything(c: sa.Connection, after: int = 0) -> list[TicketEvent]:
    """See TicketBook.everything; only events with a greater id than *after*."""
    query = sa.select(events).where(events.c.kind.in_(LEARNT_FROM), events.c.id > after)
    return [_event(row) for row in c.execute(query.order_by(events.c.known_at, events.c.id))]


def _outcome_is_not(outcome: TicketOutcome) -> sa.ColumnElement[bool]:
    return sa.or_(t.outcome.is_(None), t.outcome != outcome)


def _matching(c: sa.Connection, related_ids: Sequence[str], references: Sequence[str]) -> list[Ticket]:
    names: list[str] = []
    if related_ids:
        ids = schema.thread_ids.c
        query = sa.select(ids.ticket).where(ids.message_id.in_(list(related_ids)[:CHUNK])).distinct()
        names = list(c.execute(query).scalars())
    return tickets(c, names or list(references))


def _answered(c: sa.Connection, ticket: str, at: datetime, now: datetime, how: str) -> Answered | None:
    row = c.execute(sa.select(schema.tickets).where(t.ticket == ticket)).one_or_none()
    if row is None or row.first_response_at is not None or row.outcome == TicketOutcome.CLOSED or at < row.opened_at:
        return None
    outcome = _judged(at, row.due_at)
    c.execute(schema.tickets.update().where(t.ticket == ticket).values(first_response_at=at, outcome=outcome))
    append(c, [TicketEvent(ticket, TicketEventKind.ANSWERED, at, now, {"how": how})])
    return Answered(outcome, counted=row.outcome == outcome)


def _judged(answered_at: datetime, due_at: datetime | None) -> TicketOutcome:
    if due_at is None:
        return TicketOutcome.ANSWERED
    return TicketOutcome.KEPT if answered_at <= due_at else TicketOutcome.BROKEN


def _running(
    c: sa.Connection, mailbox: str, now: datetime, until: datetime, unless: TicketEventKind
) -> list[OpenPromise]:
    told = sa.select(events.c.id).where(events.c.ticket == t.ticket, events.c.kind == unless)
    first = sa.select(sa.func.min(m.id)).where(m.ticket == t.ticket).correlate(schema.tickets).scalar_subquery()
    query = (
        sa.select(t.ticket, t.team, t.priority, t.language, t.opened_at, t.due_at, m.id, m.mailbox, m.place_folder,
                  m.place_uidvalidity, m.place_uid, m.fingerprint, m.message_id, m.decision)
        .join(schema.messages, m.id == first)
        .where(t.mailbox == mailbox, t.outcome.is_(None), t.due_at >= now, t.due_at <= until, ~told.exists())
        .order_by(t.due_at)
    )  # fmt: skip
    found = []
    for row in c.execute(query):
        place = None
        if row.place_uid is not None:
            place = MessageKey(row.mailbox, row.place_folder, row.place_uidvalidity, row.place_uid)
        found.append(OpenPromise(row.ticket, row.team, row.priority, row.language, row.opened_at, row.due_at, row.id, place,
                                 row.fingerprint, row.message_id, row.decision))  # fmt: skip
    return found


def _generation(c: sa.Connection) -> int:
    return int(c.execute(sa.select(estimator.c.generation)).scalar_one_or_none() or 0)


def _set_memory(c: sa.Connection, generation: int, last_event: int, state: dict[str, Any] | None) -> None:
    c.execute(estimator.delete())
    values = {"id": ONE_ROW, "generation": generation, "last_event": last_event, "state": state}
    c.execute(estimator.insert().values(**values))


def _known(c: sa.Connection, names: Collection[str]) -> set[str]:
    """Those of *names* that the ledger has as a ticket or in an event."""
    known: set[str] = set()
    wanted = sorted(names)
    for start in range(0, len(wanted), CHUNK):
        chunk = wanted[start : start + CHUNK]
        known |= set(c.execute(sa.select(t.ticket).where(t.ticket.in_(chunk))).scalars())
        known |= set(c.execute(sa.select(events.c.ticket).where(events.c.ticket.in_(chunk)).distinct()).scalars())
    return known


def _event(row: Any) -> TicketEvent:
    return TicketEvent(row.ticket, TicketEventKind(row.kind), row.at, row.known_at, row.data, row.id)
