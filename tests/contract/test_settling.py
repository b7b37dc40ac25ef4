"""The ledger, which asks in SQL, and the table of an effect's life agree on when a message is settled."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path

import sqlalchemy as sa

from triage.ledger import Ledger, schema
from triage.ledger.queries import reading
from triage.lifecycle import Event, Kind, State, advance, is_final
from triage.message import MessageKey
from triage.records import MessageState, NewEffect, NewPlan, Outcome

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
KINDS = (Kind.REPLY, Kind.FORWARD, Kind.FILE)
LIVES: tuple[tuple[Event, ...], ...] = (
    (),
    (Event.SUPPRESSED,),
    (Event.STARTED,),
    (Event.STARTED, Event.ACCEPTED),
    (Event.STARTED, Event.REFUSED),
    (Event.STARTED, Event.DEFERRED),
    (Event.STARTED, Event.LOST),
)


async def test_where_a_message_was_moved_is_known_afterwards(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "triage.db")
    key, place = MessageKey("support", "INBOX", 1, 7), MessageKey("support", "Triaged/Payment", 5, 70)
    attempt = (await ledger.begin({key: NOW}, NOW))[key]
    effects = (NewEffect(Kind.FORWARD, "team@example.com"), NewEffect(Kind.FILE, place.folder))
    plan = NewPlan(attempt.id, MessageState.PLANNED, "f", None, None, None, "T-1", {}, effects, None, ())
    _, move = (await ledger.record([plan], NOW))[attempt.id]
    await ledger.advance([Outcome(move.id, Event.STARTED), Outcome(move.id, Event.ACCEPTED, place=place)], NOW)
    [forward] = await ledger.due("support", NOW, 10)
    assert (forward.first_key, forward.place) == (key, place)
    ledger.close()


async def test_a_message_is_settled_exactly_when_all_its_effects_are_final(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "triage.db")
    expected: dict[int, MessageState] = {}
    for uid, lives in enumerate(itertools.product(LIVES, repeat=3), 1):
        key = MessageKey("support", "INBOX", 1, uid)
        attempt = (await ledger.begin({key: NOW}, NOW))[key]
        effects = tuple(NewEffect(kind, f"to-{kind}") for kind in KINDS)
        plan = NewPlan(attempt.id, MessageState.PLANNED, f"{uid}", None, None, None, f"T-{uid}", {}, effects, None, ())
        recorded = (await ledger.record([plan], NOW))[attempt.id]
        steps = [Outcome(effect.id, event) for effect, life in zip(recorded, lives, strict=True) for event in life]
        await ledger.advance(steps, NOW)
        ends = [
            is_final(kind, reduce(lambda state, event, kind=kind: advance(kind, state, event), life, State.PLANNED))
            for kind, life in zip(KINDS, lives, strict=True)
        ]
        expected[attempt.id] = MessageState.SETTLED if all(ends) else MessageState.PLANNED
    ledger.close()
    with reading(tmp_path / "triage.db") as connection:
        found = {
            row.id: row.state for row in connection.execute(sa.select(schema.messages.c.id, schema.messages.c.state))
        }
    assert found == expected
    assert len(set(found.values())) == 2
