"""Effects and pending effects, made with the few values that a test is about."""

from __future__ import annotations

from datetime import UTC, datetime

from triage.lifecycle import Kind, State
from triage.message import MessageKey
from triage.records import Effect, Pending

BORN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def effect(number: int, kind: Kind, state: State) -> Effect:
    return Effect(
        id=number,
        message=number,
        kind=kind,
        state=state,
        recipient="ann@mail.example",
        envelope_sender="",
        outbound_id=f"<triage.{kind}.{number:032x}@shop.example>",
        content=None,
        attempts=1,
        born_at=BORN,
        next_try_at=None,
        detail=None,
    )


def pending(number: int, kind: Kind, state: State) -> Pending:
    key = MessageKey("support", "INBOX", 1, number + 1)
    return Pending(effect(number, kind, state), "support", key, key, None, None, None)
