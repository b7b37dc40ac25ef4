"""Statements that run for every mail, built once: putting one together costs more than running it.

With them a mail costs the ledger's thread a third of the time (benchmarks/throughput.py), which is time of the interpreter's lock.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from triage.ledger import schema
from triage.lifecycle import AT_MOST_ONCE, Kind, State
from triage.records import MessageState

m, e, t, ids = schema.messages.c, schema.effects.c, schema.tickets.c, schema.thread_ids.c
given = sa.bindparam

# -- a mail that is about to be worked on -------------------------------------------------------------------------------------

MESSAGES_AT = sa.select(m.id, m.uid, m.attempts).where(
    m.mailbox == given("mailbox"),
    m.folder == given("folder"),
    m.uidvalidity == given("uidvalidity"),
    m.uid.in_(given("uids", expanding=True)),
)
INSERT_MESSAGES = schema.messages.insert().returning(m.id, sort_by_parameter_order=True)
ATTEMPTED = schema.messages.update().where(m.id == given("row")).values(attempts=given("made"))

# -- its past -----------------------------------------------------------------------------------------------------------------

COPIES_OF = (
    sa.select(m.fingerprint, sa.func.min(m.id).label("first"), sa.func.max(m.id).label("last"))
    .where(
        m.fingerprint.in_(given("fingerprints", expanding=True)),
        m.state.in_([MessageState.PLANNED, MessageState.SETTLED]),
    )
    .group_by(m.fingerprint)
)


def _replies(by: sa.ColumnElement[Any]) -> sa.Select[Any, Any]:
    sent = (e.kind == Kind.REPLY, e.state != State.SUPPRESSED, e.born_at >= given("since", type_=schema.Instant))
    return sa.select(by, sa.func.count()).where(by.in_(given("names", expanding=True)), *sent).group_by(by)


REPLIES_TO = _replies(e.recipient)
REPLIES_TO_DOMAIN = _replies(e.recipient_domain)
TICKETS_OF_IDS = sa.select(ids.message_id, ids.ticket).where(ids.message_id.in_(given("message_ids", expanding=True)))
_LATEST = (
    sa.select(sa.func.max(m.id))
    .where(
        m.thread_key.in_(given("thread_keys", expanding=True)),
        m.id.not_in(given("rows", expanding=True)),
        m.ticket.is_not(None),
        m.received_at >= given("since", type_=schema.Instant),
    )
    .group_by(m.thread_key)
)
TICKETS_OF_THREADS = sa.select(m.thread_key, m.ticket).where(m.id.in_(_LATEST))

# -- its plan -----------------------------------------------------------------------------------------------------------------

DECIDE = (
    schema.messages.update()
    .where(m.id == given("row"))
    .values(
        state=given("state"),
        fault=None,
        fingerprint=given("fingerprint"),
        message_id=given("message_id"),
        sender=given("sender"),
        thread_key=given("thread_key"),
        ticket=given("ticket"),
        decision=given("decision"),
    )
)
INSERT_TICKETS = schema.tickets.insert().prefix_with("OR IGNORE").returning(t.ticket)
INSERT_THREAD_IDS = schema.thread_ids.insert().prefix_with("OR IGNORE")
REPLIED = (
    schema.tickets.update().where(t.ticket == given("name")).values(last_reply_at=given("now", type_=schema.Instant))
)
KEYS_TAKEN = sa.select(e.key).where(e.key.in_(given("keys", expanding=True)))
INSERT_EFFECTS = schema.effects.insert().returning(e.id, sort_by_parameter_order=True)

# -- the steps of an effect ---------------------------------------------------------------------------------------------------

EFFECTS = sa.select(e.id, e.message, e.kind, e.state, e.attempts, e.detail).where(
    e.id.in_(given("rows", expanding=True))
)
STEP = (
    schema.effects.update()
    .where(e.id == given("row"))
    .values(
        state=given("state"),
        updated_at=given("now", type_=schema.Instant),
        next_try_at=given("next_try_at", type_=schema.Instant),
        detail=given("detail"),
        attempts=given("attempts"),
        content=sa.case((given("forget_content", type_=sa.Boolean), None), else_=e.content),
    )
)
_REPLIES_LEFT = (
    sa.select(sa.func.max(e.born_at))
    .select_from(schema.effects.join(schema.messages))
    .where(m.ticket == t.ticket, e.kind == Kind.REPLY, e.state != State.SUPPRESSED)
)
UNREPLIED = (
    schema.tickets.update()
    .where(t.ticket.in_(sa.select(m.ticket).where(m.id.in_(given("rows", expanding=True)))))
    .values(last_reply_at=_REPLIES_LEFT.scalar_subquery())
)
INSERT_EVENT = schema.effect_events.insert()
PLACE = (
    schema.messages.update()
    .where(m.id == given("row"))
    .values(
        place_folder=given("place_folder"),
        place_uidvalidity=given("place_uidvalidity"),
        place_uid=given("place_uid"),
    )
)
# What lifecycle.is_final says, in SQL; tests/contract/test_settling.py compares the two.
_NOT_FINAL = sa.or_(
    e.state.in_([State.PLANNED, State.STARTED]),
    sa.and_(e.state == State.UNKNOWN, e.kind.not_in(sorted(AT_MOST_ONCE))),
)
SETTLE = (
    schema.messages.update()
    .where(
        m.id.in_(given("rows", expanding=True)),
        m.state == MessageState.PLANNED,
        ~sa.exists().where(e.message == m.id, _NOT_FINAL),
    )
    .values(state=MessageState.SETTLED)
)
