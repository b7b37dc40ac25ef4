"""Tables of the ledger (SQLAlchemy Core). Migrations stand beside this file; a test keeps the two equal.

Nothing here holds a mail's text, a password or a card number: `effects.content` is the reply that we wrote ourselves.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Instant(sa.types.TypeDecorator[datetime]):
    """An aware instant, kept as ISO 8601 in UTC with microseconds: sorts as text, and people can read it."""

    impl = sa.String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> str | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime has no place in the ledger")
        return value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: str | None, dialect: Any) -> datetime | None:
        return None if value is None else datetime.fromisoformat(value)


settings = sa.Table(
    "settings",
    metadata,
    sa.Column("name", sa.String(60), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("set_at", Instant, nullable=False),
)

mailboxes = sa.Table(
    "mailboxes",
    metadata,
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("first_start_at", Instant, nullable=False),
    sa.Column("live_since", Instant),  # start of the present time in mode: reply; NULL while observing
)

messages = sa.Table(
    "messages",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    # where it was first seen
    sa.Column("mailbox", sa.String(40), nullable=False),
    sa.Column("folder", sa.Text, nullable=False),
    sa.Column("uidvalidity", sa.BigInteger, nullable=False),
    sa.Column("uid", sa.BigInteger, nullable=False),
    # where it is now, as far as we know; NULL after a move whose outcome was lost
    sa.Column("place_folder", sa.Text),
    sa.Column("place_uidvalidity", sa.BigInteger),
    sa.Column("place_uid", sa.BigInteger),
    sa.Column("state", sa.String(12), nullable=False),  # store.MessageState
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("fault", sa.Text),
    sa.Column("received_at", Instant, nullable=False),
    sa.Column("seen_at", Instant, nullable=False),
    sa.Column("fingerprint", sa.String(64)),
    sa.Column("message_id", sa.Text),
    sa.Column("sender", sa.Text),
    sa.Column("thread_key", sa.String(64)),
    sa.Column("ticket", sa.String(16)),
    sa.Column("decision", sa.JSON),
    sa.UniqueConstraint("mailbox", "folder", "uidvalidity", "uid"),
    sa.Index(None, "fingerprint"),
    sa.Index(None, "message_id"),
    sa.Index(None, "ticket"),
    sa.Index(None, "state"),
    sa.Index(None, "thread_key", "received_at"),
)

effects = sa.Table(
    "effects",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("message", sa.Integer, sa.ForeignKey("messages.id", ondelete="CASCADE"), nullable=False),
    sa.Column("kind", sa.String(8), nullable=False),  # lifecycle.Kind
    sa.Column("state", sa.String(12), nullable=False),  # lifecycle.State
    sa.Column("key", sa.String(200), unique=True),  # what may happen once only: "reply:<fingerprint>"
    sa.Column("recipient", sa.Text, nullable=False),  # mail address, or the folder of a move
    sa.Column("recipient_domain", sa.Text),
    sa.Column("envelope_sender", sa.Text, nullable=False, default=""),
    sa.Column("outbound_id", sa.Text),  # Message-ID of what we send
    sa.Column("content", sa.LargeBinary),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("born_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Column("next_try_at", Instant),
    sa.Column("detail", sa.Text),
    sa.Index(None, "message"),
    sa.Index(None, "state", "next_try_at"),
    sa.Index(None, "kind", "recipient", "born_at"),
    sa.Index(None, "kind", "recipient_domain", "born_at"),
    sa.Index(None, "kind", "born_at"),
    sa.Index(None, "outbound_id"),
)

effect_events = sa.Table(
    "effect_events",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("effect", sa.Integer, sa.ForeignKey("effects.id", ondelete="CASCADE"), nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("event", sa.String(12), nullable=False),
    sa.Column("state", sa.String(12), nullable=False),
    sa.Column("detail", sa.Text),
    sa.Index(None, "effect"),
)

tickets = sa.Table(
    "tickets",
    metadata,
    sa.Column("ticket", sa.String(16), primary_key=True),
    sa.Column("mailbox", sa.String(40), nullable=False),
    sa.Column("team", sa.String(60), nullable=False),
    sa.Column("language", sa.String(8)),
    sa.Column("category", sa.Text),
    sa.Column("priority", sa.String(8), nullable=False),
    sa.Column("opened_at", Instant, nullable=False),
    sa.Column("due_at", Instant),
    sa.Column("promise", sa.JSON, nullable=False),
    sa.Column("customer", sa.Text),
    sa.Column("last_reply_at", Instant),
    sa.Column("first_response_at", Instant),
    sa.Column("outcome", sa.String(24)),
    sa.Column("merged_into", sa.String(16)),  # the ticket in which this one goes on; never one that is merged itself
    sa.Index(None, "opened_at"),
    sa.Index(None, "merged_into"),
    sa.Index(None, "mailbox", "outcome", "due_at"),
)

# What happened to tickets, in the order in which it became known: all that the estimator of promises learns from.
ticket_events = sa.Table(
    "ticket_events",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("ticket", sa.String(16), nullable=False),
    sa.Column("kind", sa.String(12), nullable=False),  # records.TicketEventKind
    sa.Column("at", Instant, nullable=False),  # when it happened
    sa.Column("known_at", Instant, nullable=False),  # when it was found out; of imported history: when it happened
    sa.Column("data", sa.JSON, nullable=False),
    sa.Index(None, "ticket", "kind"),
    sa.Index(None, "kind", "at"),
    sa.Index(None, "known_at", "id"),
)

# The estimator as it stood after some event, so that a start need not read all of them again. One row.
estimator = sa.Table(
    "estimator",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column(
        "generation", sa.Integer, nullable=False
    ),  # raised when events were put in between: all is to be read anew
    sa.Column("last_event", sa.Integer, nullable=False),
    sa.Column("state", sa.JSON),  # NULL: none is kept
)

# How far folders beside the watched one were looked through: Sent, "no answer needed".
folder_cursors = sa.Table(
    "folder_cursors",
    metadata,
    sa.Column("mailbox", sa.String(40), primary_key=True),
    sa.Column("folder", sa.String(500), primary_key=True),
    sa.Column("uidvalidity", sa.BigInteger, nullable=False),
    sa.Column("next_uid", sa.BigInteger, nullable=False),
)

thread_ids = sa.Table(
    "thread_ids",
    metadata,
    sa.Column("message_id", sa.String(998), primary_key=True),  # of the customer's mail or of ours
    sa.Column("ticket", sa.String(16), primary_key=True),
)
