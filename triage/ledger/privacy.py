"""What is forgotten: one person on request, and everybody after a while. Operations inside a transaction of the ledger.

Counts and promises stay, since reports and the estimator need them and they name nobody. Fingerprints stay: they are hashes, and without
them a restored mailbox would be answered again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from triage.ledger import schema
from triage.lifecycle import State
from triage.records import MessageState

m, e, t = schema.messages.c, schema.effects.c, schema.tickets.c

PERSONAL = ("customer", "evidence", "order_numbers", "steps", "because")  # keys of a decision that may say who wrote
FINISHED = (MessageState.SETTLED, MessageState.QUARANTINED, MessageState.LEFT, MessageState.OBSERVED)


def forget(c: sa.Connection, address: str) -> dict[str, int]:
    """Remove *address* from every record; returns how many of each kind were changed.

    Effects that are still waiting keep their recipient until they are final: what is due must not be lost. The next call removes it.
    """
    address = address.casefold()
    of_sender = sa.select(m.id).where(sa.func.lower(m.sender) == address)
    of_customer = sa.select(m.id).join(schema.tickets, t.ticket == m.ticket).where(sa.func.lower(t.customer) == address)
    ids = list(c.execute(sa.union(of_sender, of_customer)).scalars())
    replies = c.execute(sa.select(e.message).where(sa.func.lower(e.recipient) == address)).scalars()
    found = _anonymise(c, sorted({*ids, *replies}))
    found["tickets"] = c.execute(
        schema.tickets.update().where(sa.func.lower(t.customer) == address).values(customer=None)
    ).rowcount
    return found


def sweep(path: Path) -> None:
    """Fold the write-ahead log into the ledger's file and empty it: until then it holds pages as they were before somebody was forgotten.

    Waits up to five seconds for a daemon that is at work; where that is not enough, its next checkpoint does it.
    """
    with closing(sqlite3.connect(path, timeout=5)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def expire(c: sa.Connection, *, people_before: datetime, records_before: datetime) -> dict[str, int]:
    """Apply the configured retention: names after one span, whole records after another. What is not final stays."""
    old = sa.select(m.id).where(m.seen_at < people_before, m.state.in_(FINISHED), m.sender.is_not(None)).limit(1000)
    found = _anonymise(c, list(c.execute(old).scalars()))
    found["tickets"] = c.execute(
        schema.tickets.update().where(t.opened_at < people_before, t.customer.is_not(None)).values(customer=None)
    ).rowcount
    gone = list(
        c.execute(sa.select(m.id).where(m.seen_at < records_before, m.state.in_(FINISHED)).limit(1000)).scalars()
    )
    for chunk in _chunks(gone):
        c.execute(schema.messages.delete().where(m.id.in_(chunk)))  # effects and their events go with it
    found["records"] = len(gone)
    return found


def _anonymise(c: sa.Connection, ids: list[int]) -> dict[str, int]:
    effects = threads = 0
    for chunk in _chunks(ids):
        rows = c.execute(sa.select(m.id, m.decision, m.ticket, m.message_id).where(m.id.in_(chunk))).all()
        for row in rows:
            scrubbed = _scrubbed(row.decision)
            c.execute(
                schema.messages.update()
                .where(m.id == row.id)
                .values(sender=None, thread_key=None, message_id=None, fault=None, decision=scrubbed)
            )
        named = [row.message_id for row in rows if row.message_id]
        threads += c.execute(schema.thread_ids.delete().where(schema.thread_ids.c.message_id.in_(named))).rowcount
        final = sa.and_(e.message.in_(chunk), e.state.not_in([State.PLANNED, State.STARTED]))
        of_these = sa.select(e.id).where(final)
        c.execute(schema.effect_events.update().where(schema.effect_events.c.effect.in_(of_these)).values(detail=None))
        effects += c.execute(
            schema.effects.update()
            .where(final)
            .values(
                recipient=sa.case((e.kind == "reply", ""), else_=e.recipient),
                recipient_domain=None,
                content=None,
                detail=None,
            )
        ).rowcount
    return {"messages": len(ids), "effects": effects, "thread_ids": threads}


def _scrubbed(decision: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if decision is None:
        return None
    return {
        key: ([] if isinstance(value, list) else None) if key in PERSONAL else value for key, value in decision.items()
    }


def _chunks(ids: list[int], size: int = 400) -> list[list[int]]:
    return [ids[i : i + size] for i in range(0, len(ids), size)]
