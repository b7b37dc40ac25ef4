"""What `triage forget` and the configured retention leave of a person: nothing but counts, promises and hashes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from triage.ledger import Ledger
from triage.lifecycle import Event, Kind
from triage.message import MessageKey
from triage.records import Inquiry, MessageState, NewEffect, NewPlan, Outcome

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
KARIN = "karin@example.net"


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    opened = Ledger.open(tmp_path / "triage.db")
    yield opened
    opened.close()


async def answered(ledger: Ledger, uid: int, sender: str, now: datetime = NOW) -> None:
    """A mail by *sender* that was decided about, answered, forwarded and filed."""
    key = MessageKey("support", "INBOX", 1, uid)
    attempt = (await ledger.begin({key: now}, now))[key]
    plan = NewPlan(
        attempt.id,
        MessageState.PLANNED,
        f"fingerprint-{uid}",
        f"<{uid}@example.net>",
        sender,
        f"thread-{uid}",
        f"T-{uid}",
        {
            "customer": sender,
            "evidence": f"From: {sender}",
            "order_numbers": ["4711"],
            "category": "payment",
            "silence": None,
        },
        (
            NewEffect(Kind.REPLY, sender, f"reply:{uid}", content=f"Hello {sender}".encode()),
            NewEffect(Kind.FORWARD, "team@example.com", f"forward:{uid}"),
            NewEffect(Kind.FILE, "Triaged/Payment"),
        ),
        {
            "mailbox": "support",
            "team": "payment",
            "priority": "normal",
            "opened_at": now,
            "promise": {},
            "customer": sender,
        },
        (f"<{uid}@example.net>",),
    )
    effects = (await ledger.record([plan], now))[attempt.id]
    for effect in effects:
        await ledger.advance([Outcome(effect.id, Event.STARTED)], now)
        await ledger.advance([Outcome(effect.id, Event.ACCEPTED, f"250 queued for {effect.recipient}")], now)


async def test_a_person_who_is_forgotten_is_in_no_record(ledger: Ledger, tmp_path: Path) -> None:
    await answered(ledger, 1, KARIN)
    await answered(ledger, 2, "otto@example.org")
    found = await ledger.forget(KARIN.upper())
    assert found == {"messages": 1, "effects": 3, "thread_ids": 1, "tickets": 1}
    rows = json.dumps(await dump(tmp_path))
    assert KARIN not in rows
    assert "otto@example.org" in rows
    assert (await ledger.forget(KARIN)) == {"messages": 0, "effects": 0, "thread_ids": 0, "tickets": 0}


async def test_a_forgotten_mail_that_comes_again_is_still_known_as_a_copy(ledger: Ledger) -> None:
    await answered(ledger, 1, KARIN)
    await ledger.forget(KARIN)
    [history] = await ledger.histories([Inquiry(99, "fingerprint-1", KARIN, None, (), ())], NOW)
    assert history.duplicate


async def test_what_still_waits_keeps_its_recipient_until_it_is_final(ledger: Ledger) -> None:
    key = MessageKey("support", "INBOX", 1, 1)
    attempt = (await ledger.begin({key: NOW}, NOW))[key]
    effects = (NewEffect(Kind.FORWARD, "team@example.com", "forward:1"), NewEffect(Kind.FILE, "Triaged/Payment"))
    plan = NewPlan(
        attempt.id, MessageState.PLANNED, "f", "<1@x>", KARIN, "t", "T-1", {"customer": KARIN}, effects, None, ()
    )
    await ledger.record([plan], NOW)
    await ledger.forget(KARIN)
    assert [pending.effect.recipient for pending in await ledger.due("support", NOW, 10)] == [
        "team@example.com",
        "Triaged/Payment",
    ]


async def test_retention_removes_names_first_and_records_later(ledger: Ledger, tmp_path: Path) -> None:
    await answered(ledger, 1, "old@example.net", NOW - timedelta(days=1200))
    await answered(ledger, 2, "middle@example.net", NOW - timedelta(days=500))
    await answered(ledger, 3, "new@example.net", NOW)
    found = await ledger.expire(NOW - timedelta(days=400), NOW - timedelta(days=1100))
    assert (found["messages"], found["records"]) == (2, 1)
    rows = await dump(tmp_path)
    assert [row["sender"] for row in rows["messages"]] == [None, "new@example.net"]
    assert (await ledger.expire(NOW - timedelta(days=400), NOW - timedelta(days=1100)))["records"] == 0


async def dump(tmp_path: Path) -> dict[str, list[dict[str, object]]]:
    """Every row of every table, as another process reads it."""
    from triage.ledger import schema
    from triage.ledger.queries import reading

    with reading(tmp_path / "triage.db") as connection:
        return {
            table.name: [
                {
                    name: value if isinstance(value, int | dict | list | type(None)) else str(value)
                    for name, value in row._mapping.items()
                }
                for row in connection.execute(table.select())
            ]
            for table in schema.metadata.sorted_tables
        }
