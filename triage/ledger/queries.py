"""What operators ask the ledger: read-only, from another process than the daemon's, while it runs."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from triage.errors import LedgerError
from triage.ledger import schema
from triage.ledger.writer import connect
from triage.lifecycle import AT_MOST_ONCE, State
from triage.records import TicketEventKind

m, e = schema.messages.c, schema.effects.c


@dataclass(frozen=True, slots=True)
class Report:
    """An effect that a person should know about, or a message in quarantine."""

    kind: str
    state: str
    ticket: str | None
    mailbox: str
    recipient: str
    at: datetime
    detail: str | None


@dataclass(frozen=True, slots=True)
class Status:
    """How things stand."""

    mailboxes: list[dict[str, Any]]
    messages: dict[str, int]  # by state
    effects: dict[str, dict[str, int]]  # by kind and state
    silences: dict[str, int]
    switches: dict[str, str]
    waiting: list[Report]
    reported: list[Report]  # refused, of unknown outcome, in quarantine


@contextmanager
def reading(path: Path) -> Iterator[sa.Connection]:
    """A read-only view of the ledger at *path*. Raises LedgerError when there is none or it cannot be read."""
    if not path.exists():
        raise LedgerError(f"there is no ledger at {path} yet: it is made by the first 'triage run'")
    engine = connect(str(path), write=False)
    try:
        with engine.connect() as connection:
            yield connection
    except sa.exc.SQLAlchemyError as error:
        raise LedgerError(f"the ledger at {path} cannot be read: {getattr(error, 'orig', None) or error}") from error
    finally:
        engine.dispose()


def status(c: sa.Connection, limit: int = 20) -> Status:
    """Everything that `triage status` shows; lists are cut at *limit*, newest first."""
    boxes = [dict(row._mapping) for row in c.execute(sa.select(schema.mailboxes))]
    states = {row.state: row.n for row in c.execute(sa.select(m.state, sa.func.count().label("n")).group_by(m.state))}
    effects: dict[str, dict[str, int]] = {}
    for row in c.execute(sa.select(e.kind, e.state, sa.func.count().label("n")).group_by(e.kind, e.state)):
        effects.setdefault(row.kind, {})[row.state] = row.n
    reason = sa.func.json_extract(m.decision, "$.silence")
    silences = {
        row.reason: row.n
        for row in c.execute(
            sa.select(reason.label("reason"), sa.func.count().label("n")).where(reason.is_not(None)).group_by(reason)
        )
    }
    switches = {row.name: row.value for row in c.execute(sa.select(schema.settings))}
    failed = sa.or_(e.state == State.FAILED, sa.and_(e.state == State.UNKNOWN, e.kind.in_(AT_MOST_ONCE)))
    reported = _effects(c, failed, limit) + _quarantined(c, limit)
    return Status(
        boxes,
        states,
        effects,
        silences,
        switches,
        _effects(c, e.state.in_([State.PLANNED, State.STARTED]), limit),
        reported,
    )


def _effects(c: sa.Connection, condition: sa.ColumnElement[bool], limit: int) -> list[Report]:
    query = (
        sa.select(e.kind, e.state, m.ticket, m.mailbox, e.recipient, e.updated_at, e.detail)
        .select_from(schema.effects.join(schema.messages))
        .where(condition)
        .order_by(e.updated_at.desc())
        .limit(limit)
    )
    return [
        Report(row.kind, row.state, row.ticket, row.mailbox, row.recipient, row.updated_at, row.detail)
        for row in c.execute(query)
    ]


def _quarantined(c: sa.Connection, limit: int) -> list[Report]:
    query = (
        sa.select(m.mailbox, m.uid, m.ticket, m.seen_at, m.fault)
        .where(m.state == "quarantined")
        .order_by(m.id.desc())
        .limit(limit)
    )
    return [
        Report("message", "quarantined", row.ticket, row.mailbox, f"UID {row.uid}", row.seen_at, row.fault)
        for row in c.execute(query)
    ]


def decisions(c: sa.Connection) -> list[dict[str, Any]]:
    """Every decided message with the states of its effects, in order of arrival: what the demo's table is made of."""
    rows = c.execute(
        sa.select(m.id, m.mailbox, m.uid, m.sender, m.state, m.decision, m.place_folder, m.fault).order_by(m.id)
    ).all()
    by_message: dict[int, dict[str, str]] = {}
    for row in c.execute(sa.select(e.message, e.kind, e.state)):
        by_message.setdefault(row.message, {})[row.kind] = row.state
    return [{**row._mapping, "effects": by_message.get(row.id, {})} for row in rows]


@dataclass(frozen=True, slots=True)
class Past:
    """One message as the ledger has it."""

    mailbox: str
    state: str
    received_at: datetime
    seen_at: datetime  # when it was decided about, within seconds
    fingerprint: str | None
    message_id: str | None
    sender: str | None
    ticket: str | None
    folder: str  # where it was first seen
    place: str | None  # the folder where it is now
    fault: str | None
    decision: dict[str, Any] | None
    effects: tuple[Report, ...] = ()
    events: tuple[tuple[datetime, str, str, str | None], ...] = ()  # of the effects: instant, kind, event, detail
    of_ticket: tuple[tuple[datetime, str, dict[str, Any]], ...] = ()  # what happened to its ticket: instant, kind, data


def messages_named(c: sa.Connection, name: str, limit: int = 100) -> list[Past]:
    """The messages with *name* as Message-ID, as ticket or as the beginning of their fingerprint, in order of arrival."""
    name = name.strip()
    ticket = name.strip("[]#").upper()
    conditions = [m.message_id.in_([name, f"<{name.strip('<>')}>"]), m.ticket == ticket]
    if len(name) >= 8 and all(digit in "0123456789abcdef" for digit in name.lower()):
        conditions.append(m.fingerprint.startswith(name.lower(), autoescape=True))
    sent = sa.select(e.message).where(e.outbound_id.in_([name, f"<{name.strip('<>')}>"]))  # our own reply or forward
    conditions.append(m.id.in_(sent))
    rows = c.execute(_past().where(sa.or_(*conditions)).order_by(m.id).limit(limit)).all()
    return [_with_effects(c, row) for row in rows]


def decided_before(c: sa.Connection, fingerprints: Collection[str]) -> dict[str, Past]:
    """What was decided about the mails with these fingerprints; the first time where one came more than once."""
    found: dict[str, Past] = {}
    wanted = sorted(fingerprints)
    for start in range(0, len(wanted), 500):
        chosen = m.fingerprint.in_(wanted[start : start + 500])
        for row in c.execute(_past().where(chosen, m.decision.is_not(None)).order_by(m.id)):
            found.setdefault(row.fingerprint, _past_of(row))
    return found


def _past() -> sa.Select[Any]:
    return sa.select(
        m.id, m.mailbox, m.state, m.received_at, m.seen_at, m.fingerprint, m.message_id, m.sender, m.ticket, m.folder,
        m.place_folder.label("place"), m.fault, m.decision,
    )  # fmt: skip


def _past_of(row: Any, **more: Any) -> Past:
    return Past(**{key: value for key, value in row._mapping.items() if key != "id"}, **more)


def _with_effects(c: sa.Connection, row: Any) -> Past:
    effects = c.execute(sa.select(schema.effects).where(e.message == row.id).order_by(e.id)).all()
    reports = tuple(
        Report(each.kind, each.state, row.ticket, row.mailbox, each.recipient, each.updated_at, each.detail)
        for each in effects
    )
    v = schema.effect_events.c
    query = sa.select(v.at, e.kind, v.event, v.detail).select_from(schema.effect_events.join(schema.effects))
    events = c.execute(query.where(e.message == row.id).order_by(v.id)).all()
    return _past_of(
        row,
        effects=reports,
        events=tuple((x.at, x.kind, x.event, x.detail) for x in events),
        of_ticket=_of_ticket(c, row.ticket),
    )


def _of_ticket(c: sa.Connection, ticket: str | None) -> tuple[tuple[datetime, str, dict[str, Any]], ...]:
    """What happened to a ticket, and which tickets were merged into it, in the order in which it became known."""
    if ticket is None:
        return ()
    v, t = schema.ticket_events.c, schema.tickets.c
    joined = sa.select(t.ticket).where(t.merged_into == ticket)
    query = sa.select(v.ticket, v.at, v.kind, v.data).where(
        sa.or_(v.ticket == ticket, sa.and_(v.ticket.in_(joined), v.kind == TicketEventKind.CLOSED))
    )
    return tuple(
        (row.at, row.kind, row.data) if row.ticket == ticket else (row.at, "joined", {"by": row.ticket})
        for row in c.execute(query.order_by(v.id))
    )
