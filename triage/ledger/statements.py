"""Statements that run for every mail, built once: putting one together costs more than running it.

With them a mail costs the ledger's thread a third of the time (benchmarks/throughput.py), which is time of the interpreter's lock.
"""

from __future__ import annotations

import sqlalchemy as sa

from triage.ledger import schema
from triage.lifecycle import AT_MOST_ONCE, Kind, State
from triage.records import MessageState

m, e, t, ids = schema.messages.c, schema.effects.c, schema.tickets.c, schema.thread_ids.c
given = sa.bindparam

# -- a mail that is about to be worked on -------------------------------------------------------------------------------------

MESSAGE_AT = sa.select(m.id, m.attempts).where(
    m.mailbox == given("mailbox"),
    m.folder == given("folder"),
    m.uidvalidity == given("uidvalidity"),
    m.uid == given("uid"),
)
INSERT_MESSAGE = schema.messages.insert()
COUNT_ATTEMPT = schema.messages.update().where(m.id == given("row")).values(attempts=m.attempts + 1)

# -- its past -----------------------------------------------------------------------------------------------------------------

COPY_OF = (
    sa.select(m.id)
    .where(
        m.fingerprint == given("fingerprint"),
        m.id != given("row"),
        m.state.in_([MessageState.PLANNED, MessageState.SETTLED]),
    )
    .limit(1)
)
_REPLIES = sa.select(sa.func.count()).where(e.kind == Kind.REPLY, e.state != State.SUPPRESSED)
REPLIES_TO = _REPLIES.where(e.recipient == given("recipient"), e.born_at >= given("since", type_=schema.Instant))
REPLIES_TO_DOMAIN = _REPLIES.where(
    e.recipient_domain == given("domain"), e.born_at >= given("since", type_=schema.Instant)
)
TICKETS_OF_IDS = sa.select(ids.ticket).where(ids.message_id.in_(given("message_ids", expanding=True)))
TICKET_OF_THREAD = (
    sa.select(m.ticket)
    .where(
        m.thread_key == given("thread_key"),
        m.id != given("row"),
        m.ticket.is_not(None),
        m.received_at >= given("since", type_=schema.Instant),
    )
    .order_by(m.id.desc())
    .limit(1)
)

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
INSERT_TICKET = schema.tickets.insert().prefix_with("OR IGNORE")
INSERT_THREAD_IDS = schema.thread_ids.insert().prefix_with("OR IGNORE")
REPLIED = (
    schema.tickets.update().where(t.ticket == given("name")).values(last_reply_at=given("now", type_=schema.Instant))
)
EFFECT_WITH_KEY = sa.select(e.id).where(e.key == given("key"))
INSERT_EFFECT = schema.effects.insert()

# -- the steps of an effect ---------------------------------------------------------------------------------------------------

EFFECT = sa.select(e.message, e.kind, e.state, e.attempts, e.detail).where(e.id == given("row"))
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
        m.id == given("row"),
        m.state == MessageState.PLANNED,
        ~sa.exists().where(e.message == given("row"), _NOT_FINAL),
    )
    .values(state=MessageState.SETTLED)
)
