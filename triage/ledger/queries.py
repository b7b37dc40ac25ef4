"""What operators ask the ledger: read-only, from another process than the daemon's, while it runs."""

from __future__ import annotations

from collections.abc import Iterator
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
