"""The values that go into the ledger and come out of it. Pure: no database here, so that planning may speak of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from triage.lifecycle import Event, Kind, State
from triage.message import MessageKey


class MessageState(StrEnum):
    """What is known of a message as a whole; its effects have states of their own (lifecycle.State)."""

    SEEN = "seen"  # an attempt has begun; still here after a crash in the middle of deciding
    OBSERVED = "observed"  # decided in mode: observe; nothing was done
    PLANNED = "planned"  # the plan is committed; effects under way
    SETTLED = "settled"  # every effect is final
    QUARANTINED = "quarantined"
    LEFT = "left"  # backlog: leave; never touched


class TicketEventKind(StrEnum):
    """What happens to a ticket. The estimator learns from the first four."""

    OPENED = "opened"  # data: team, language, priority, due_at
    ANSWERED = "answered"  # a person wrote to the customer; data: how
    CLOSED = "closed"  # without an answer; data: reason, and into: the ticket that it was merged into
    REOPENED = "reopened"  # a merge was taken back
    BROKEN = "broken"  # the promised instant has passed
    REMINDED = "reminded"  # the team was told
    RENEWED = "renewed"  # the customer was told a later date; data: due_at


class TicketOutcome(StrEnum):
    """What became of a ticket's promise."""

    KEPT = "kept"
    BROKEN = "broken"  # stays so when the answer comes; taken back when an earlier answer is found late
    ANSWERED = "answered"  # nothing was promised
    CLOSED = "closed"  # without an answer: it counts neither way


@dataclass(frozen=True, slots=True)
class Answered:
    """What an answer made of a ticket's promise."""

    outcome: TicketOutcome
    counted: bool  # it was known before: a promise that had broken already


@dataclass(frozen=True, slots=True)
class TicketEvent:
    """One line of a ticket's history, as it became known."""

    ticket: str
    kind: TicketEventKind
    at: datetime
    known_at: datetime
    data: Mapping[str, Any]
    id: int = 0  # 0: not recorded yet


@dataclass(frozen=True, slots=True)
class OpenPromise:
    """A ticket whose customer waits for a promised instant, with the mail that opened it."""

    ticket: str
    team: str
    priority: str
    language: str | None
    opened_at: datetime
    due_at: datetime
    message: int  # row of the mail that opened it
    place: MessageKey | None  # where that mail is now
    fingerprint: str
    message_id: str | None
    decision: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Attempt:
    """A message that is about to be worked on."""

    id: int
    key: MessageKey
    attempts: int  # that count, this one included


@dataclass(frozen=True, slots=True)
class Ticket:
    """What is known of a conversation."""

    ticket: str
    mailbox: str
    team: str
    opened_at: datetime
    due_at: datetime | None
    priority: str
    category: str | None
    last_reply_at: datetime | None
    first_response_at: datetime | None
    promise: Mapping[str, Any]
    customer: str | None = None  # the address that answers go to
    writers: frozenset[str] = frozenset()  # addresses that wrote into it, case folded; colleagues are among them
    outcome: str | None = None  # TicketOutcome; None: nobody has answered, and the promise is not broken

    @property
    def waits(self) -> bool:
        """Whether the customer has had no answer yet."""
        return self.first_response_at is None and self.outcome != TicketOutcome.CLOSED


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What must be known of the past before a message can be decided about."""

    id: int  # the message's own row
    fingerprint: str
    sender: str | None
    thread_key: str | None
    related_ids: tuple[str, ...]  # References and In-Reply-To
    tickets: tuple[str, ...]  # references found in the subject


@dataclass(frozen=True, slots=True)
class History:
    """The answer to an inquiry."""

    ticket: Ticket | None  # the conversation that the message belongs to
    duplicate: bool  # the same mail was planned before: another copy, or a mailbox restored
    replies_to_sender: int  # automatic replies within 24 hours
    replies_to_domain: int  # within an hour


@dataclass(frozen=True, slots=True)
class NewEffect:
    """An effect as planned."""

    kind: Kind
    recipient: str
    key: str | None = None
    envelope_sender: str = ""
    outbound_id: str | None = None
    content: bytes | None = None
    suppressed: str | None = None  # reason; the effect is recorded, and never begun


@dataclass(frozen=True, slots=True)
class NewPlan:
    """Everything that one message's plan leaves in the ledger."""

    id: int  # the message's row
    state: MessageState
    fingerprint: str
    message_id: str | None
    sender: str | None
    thread_key: str | None
    ticket: str
    decision: Mapping[str, Any]
    effects: tuple[NewEffect, ...]
    opens: Mapping[str, Any] | None  # columns of the ticket that this message opens; None: it joins one
    thread_ids: tuple[str, ...]
    event: TicketEvent | None = None  # of the ticket that it opens, where a customer waits for a person


@dataclass(frozen=True, slots=True)
class Effect:
    """An effect as it stands."""

    id: int
    message: int
    kind: Kind
    state: State
    recipient: str
    envelope_sender: str
    outbound_id: str | None
    content: bytes | None
    attempts: int
    born_at: datetime
    next_try_at: datetime | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class Pending:
    """An effect that is due, with what is needed to carry it out."""

    effect: Effect
    mailbox: str
    first_key: MessageKey
    place: MessageKey | None
    fingerprint: str | None
    message_id: str | None
    decision: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """One step of an effect's life, to be recorded."""

    effect: int
    event: Event
    detail: str | None = None
    next_try_at: datetime | None = None
    place: MessageKey | None = None  # of a move: where the message is now
