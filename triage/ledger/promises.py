"""Tickets after they were opened: answers, closures, promises kept and broken, and what the estimator learns from. SQL stays here.

Every method of `TicketBook` is one transaction. Events are written in the transaction that changes the ticket, so that a
replay of the events gives what the tickets say.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from triage.errors import LedgerError
from triage.ledger import schema
from triage.ledger.writer import Writer
from triage.message import MessageKey
from triage.records import Answered, MessageState, OpenPromise, Ticket, TicketEvent, TicketEventKind, TicketOutcome

m, t = schema.messages.c, schema.tickets.c
events, estimator, cursors = schema.ticket_events, schema.estimator, schema.folder_cursors
LEARNT_FROM = (TicketEventKind.OPENED, TicketEventKind.ANSWERED, TicketEventKind.CLOSED, TicketEventKind.REOPENED)
MERGED = "merged"  # reason of a closure
ONE_ROW = 1
CHUNK = 500  # values in one IN (...): databases bound the variables of a statement


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

    async def merge(self, one: str, other: str, now: datetime) -> tuple[str, str]:
        """Make two tickets one: the one with the earlier promise goes on, the other is closed; (the former, the latter).

        Answers and further mail to either then belong to the one that goes on. Raises LedgerError where a ticket is not known, was
        answered or closed, or is the other.
        """
        return await self._writer.run(lambda c: _merge(c, one, other, now))

    async def unmerge(self, ticket: str, now: datetime) -> str:
        """Take a merge back: *ticket* waits again, by its own promise; returns the ticket that it was merged into.

        Raises LedgerError where it is not known or was not merged.
        """
        return await self._writer.run(lambda c: _unmerge(c, ticket, now))

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
        own = schema.tickets.alias("own")
        query = (
            sa.select(m.mailbox, m.place_folder, m.place_uidvalidity, m.place_uid, t.ticket)
            .join(own, own.c.ticket == m.ticket)
            .join(schema.tickets, t.ticket == sa.func.coalesce(own.c.merged_into, own.c.ticket))
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
    merged = {
        row.ticket: row.merged_into
        for row in c.execute(sa.select(t.ticket, t.merged_into).where(t.merged_into.in_(names)))
    }
    writers: dict[str, set[str]] = {}
    wrote = sa.select(m.ticket, m.sender).where(m.ticket.in_([*names, *merged]), m.sender.is_not(None))
    for row in c.execute(wrote):
        for name in {row.ticket, merged.get(row.ticket, row.ticket)}:
            writers.setdefault(name, set()).add(row.sender)
    return [
        Ticket(row.ticket, row.mailbox, row.team, row.opened_at, row.due_at, row.priority, row.category, row.last_reply_at,
               row.first_response_at, row.promise, row.customer, frozenset(writers.get(row.ticket, ())), row.outcome)
        for row in rows
    ]  # fmt: skip


def continuations(c: sa.Connection, names: Collection[str]) -> dict[str, str]:
    """The ticket in which each of *names* goes on: itself, or the one that it was merged into."""
    if not names:
        return {}
    rows = c.execute(sa.select(t.ticket, t.merged_into).where(t.ticket.in_(names), t.merged_into.is_not(None)))
    return {name: name for name in names} | {row.ticket: row.merged_into for row in rows}


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
    return tickets(c, set(continuations(c, names or list(references)).values()))


def _merge(c: sa.Connection, one: str, other: str, now: datetime) -> tuple[str, str]:
    if one == other:
        raise LedgerError(f"{one} cannot be merged with itself; name two tickets")
    rows = [_waiting(c, name) for name in (one, other)]
    stays, goes = sorted(rows, key=lambda row: (row.due_at is None, row.due_at or row.opened_at, row.opened_at))
    c.execute(
        schema.tickets.update()
        .where(t.ticket == goes.ticket)
        .values(outcome=TicketOutcome.CLOSED, merged_into=stays.ticket)
    )
    c.execute(schema.tickets.update().where(t.merged_into == goes.ticket).values(merged_into=stays.ticket))
    data = {"reason": MERGED, "into": stays.ticket}
    append(c, [TicketEvent(goes.ticket, TicketEventKind.CLOSED, now, now, data)])
    return stays.ticket, goes.ticket


def _waiting(c: sa.Connection, name: str) -> Any:
    """The row of a ticket whose customer waits."""
    row = _row_of(c, name)
    if row.merged_into is not None:
        raise LedgerError(f"{name} was merged into {row.merged_into} already; name that one")
    if row.outcome == TicketOutcome.CLOSED:
        raise LedgerError(f"{name} was closed without an answer; there is nothing to merge")
    if row.first_response_at is not None:
        raise LedgerError(f"{name} was answered on {row.first_response_at:%Y-%m-%d %H:%M} UTC; if that answered the other as well, move "
                          "the other's mail to the folder for mail that needs no answer")  # fmt: skip
    return row


def _row_of(c: sa.Connection, name: str) -> Any:
    row = c.execute(sa.select(schema.tickets).where(t.ticket == name)).one_or_none()
    if row is None:
        raise LedgerError(f"the ledger knows no ticket {name!r}; its name stands in the subject, as in [#T-7K3M9QX]")
    return row


def _unmerge(c: sa.Connection, ticket: str, now: datetime) -> str:
    into = _row_of(c, ticket).merged_into
    if into is None:
        raise LedgerError(f"{ticket} was not merged into another; there is nothing to take back")
    c.execute(schema.tickets.update().where(t.ticket == ticket).values(outcome=None, merged_into=None))
    append(c, [TicketEvent(ticket, TicketEventKind.REOPENED, now, now, {"from": into})])
    return str(into)


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
