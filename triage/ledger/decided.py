"""What was decided about mail, for those who learn from what became of it. Read-only; SQL stays in this package."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from triage.ledger import schema
from triage.records import MessageState

m, t = schema.messages.c, schema.tickets.c


@dataclass(frozen=True, slots=True)
class DecidedMail:
    """A mail with what was decided about it and where we left it."""

    mailbox: str
    fingerprint: str
    message_id: str | None
    received_at: datetime
    category: str | None  # what the model named; None: it abstained
    left_in: str | None  # folder in which we left it, or are about to; None: not known
    ticket: str | None
    answered: bool  # a person answered its ticket after the mail had come


def decided_mail(c: sa.Connection) -> Iterator[DecidedMail]:
    """Every mail that was decided about, the oldest first."""
    query = (
        sa.select(m.mailbox, m.fingerprint, m.message_id, m.received_at, m.state, m.place_folder, m.ticket,
                  m.decision["category"].as_string().label("category"), m.decision["folder"].as_string().label("folder"),
                  t.first_response_at)
        .select_from(schema.messages.outerjoin(schema.tickets, t.ticket == m.ticket))
        .where(m.fingerprint.is_not(None), m.decision.is_not(None))
        .order_by(m.id)
    )  # fmt: skip
    for row in c.execute(query):
        under_way = row.state == MessageState.PLANNED or row.place_folder is None
        yield DecidedMail(
            mailbox=row.mailbox,
            fingerprint=row.fingerprint,
            message_id=row.message_id,
            received_at=row.received_at,
            category=row.category,
            left_in=row.folder if under_way else row.place_folder,
            ticket=row.ticket,
            answered=row.first_response_at is not None and row.first_response_at >= row.received_at,
        )
