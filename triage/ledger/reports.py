"""What `triage report` asks the ledger: tickets and messages of a span of time. Read-only."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from triage.ledger import schema
from triage.lifecycle import Kind, State
from triage.records import MessageState, TicketEventKind, TicketOutcome
from triage.reports.reporting import MessageRow, TicketRow

m, e, t = schema.messages.c, schema.effects.c, schema.tickets.c
DECIDED = (MessageState.OBSERVED, MessageState.PLANNED, MessageState.SETTLED)


def tickets_between(c: sa.Connection, since: datetime, until: datetime) -> list[TicketRow]:
    """Tickets opened from *since* to just before *until*. A promise whose reply never left was told to nobody."""
    lost = (
        sa.select(e.id)
        .join(schema.messages, m.id == e.message)
        .where(m.ticket == t.ticket, e.kind == Kind.REPLY, e.state.in_([State.FAILED, State.SUPPRESSED]))
        .correlate(schema.tickets)
        .exists()
    )
    sent = (
        sa.select(e.id)
        .join(schema.messages, m.id == e.message)
        .where(m.ticket == t.ticket, e.kind == Kind.REPLY, e.state.not_in([State.FAILED, State.SUPPRESSED]))
        .correlate(schema.tickets)
        .exists()
    )
    query = sa.select(schema.tickets, (sa.or_(sent, ~lost)).label("told")).where(
        t.opened_at >= since, t.opened_at < until
    )
    because = _closed_because(c, since)
    found = []
    for row in c.execute(query.order_by(t.opened_at)):
        stated = bool(row.told and row.promise.get("stated"))
        clock = row.promise.get("clock", "opening-hours")
        found.append(TicketRow(row.team, row.language, clock, row.opened_at, row.due_at if stated else None, stated,
                               row.first_response_at, row.outcome,
                               because.get(row.ticket) if row.outcome == TicketOutcome.CLOSED else None))  # fmt: skip
    return found


def _closed_because(c: sa.Connection, since: datetime) -> dict[str, str]:
    """Why tickets were closed without an answer, by ticket; no ticket is closed before it was opened."""
    v = schema.ticket_events.c
    query = sa.select(v.ticket, v.data).where(v.kind == TicketEventKind.CLOSED, v.at >= since)
    return {row.ticket: str(row.data["reason"]) for row in c.execute(query.order_by(v.id))}


def messages_between(c: sa.Connection, since: datetime, until: datetime) -> list[MessageRow]:
    """Messages received from *since* to just before *until* that were decided about."""
    query = sa.select(m.received_at, m.decision).where(
        m.received_at >= since, m.received_at < until, m.decision.is_not(None), m.state.in_(DECIDED)
    )
    return [
        MessageRow(row.received_at, row.decision["team"], row.decision["language"], row.decision["category"], row.decision["silence"])
        for row in c.execute(query.order_by(m.received_at))
        if row.decision
    ]  # fmt: skip
