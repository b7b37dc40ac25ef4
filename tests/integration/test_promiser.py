"""What was learnt is a replay of the ledger: after a start, beside a running daemon, and when history is put in."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from triage.ledger import Ledger
from triage.ledger.promises import append
from triage.ledger.writer import connect
from triage.policy import Policy
from triage.promises.due_date import Promise
from triage.promises.promiser import Promiser, from_ledger
from triage.records import TicketEvent, TicketEventKind

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
TEAM = {"names": {"en": "Team"}, "inbox": "team@shop.example", "folder": "Triaged", "calendar": "office"}


def policy(hours: str = "09:00-17:00") -> Policy:
    return Policy.model_validate(
        {
            "calendars": {"office": {"zone": "Europe/Berlin", "hours": {"mon-fri": hours}}},
            "teams": {"payment": TEAM, "product": TEAM | {"inbox": "product@shop.example"}},
            "fallback": {"team": "payment"},
        }
    )


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    ledger = Ledger.open(tmp_path / "triage.db")
    yield ledger
    ledger.close()


def past(count: int, *, start: datetime = START, prefix: str = "T", wait: float = 4.0) -> list[TicketEvent]:
    """Tickets of both teams, most of them answered, in order of becoming known."""
    dice = random.Random(7)
    found = []
    for i in range(count):
        at = start + timedelta(hours=3 * i)
        name = f"{prefix}-{i}"
        due = (at + timedelta(hours=30)).isoformat()
        data = {"team": dice.choice(["payment", "product"]), "language": "de", "priority": "normal", "due_at": due}
        found.append(TicketEvent(name, TicketEventKind.OPENED, at, at, data))
        if i % 9:
            answered = at + timedelta(hours=wait * dice.expovariate(1))
            known = answered + timedelta(hours=40 if i % 10 == 0 else 0)  # now and then found out late
            found.append(TicketEvent(name, TicketEventKind.ANSWERED, answered, known, {"how": "sent"}))
    return sorted(found, key=lambda event: event.known_at)


def write(folder: Path, events: list[TicketEvent]) -> None:
    """As the daemon writes them: in order of becoming known."""
    engine = connect(str(folder / "triage.db"))
    with engine.begin() as connection:
        append(connection, events)
    engine.dispose()


def promised(promiser: Promiser, at: datetime) -> Promise:
    return promiser.promise(
        team="payment", clock="opening-hours", priority="normal", at=at, now=at, language="de", first_response=timedelta(hours=16)
    )  # fmt: skip


async def test_following_restoring_and_replaying_give_the_same_promise(ledger: Ledger, tmp_path: Path) -> None:
    events, now, rules = past(150), START + timedelta(days=25), policy()
    following = Promiser(rules)
    for start in range(0, len(events), 40):
        write(tmp_path, events[start : start + 40])
        await following.catch_up(ledger.tickets, rules, events[min(start + 39, len(events) - 1)].known_at)
        if start == 80:
            await following.keep(ledger.tickets)
    await following.catch_up(ledger.tickets, rules, now)
    restored = Promiser(rules)
    await restored.catch_up(ledger.tickets, rules, now)
    beside = from_ledger(tmp_path / "triage.db", rules, now)
    assert promised(following, now) == promised(restored, now) == promised(beside, now)
    assert promised(following, now).n > 20


async def test_history_that_is_put_in_is_taken_in_order_of_time(ledger: Ledger, tmp_path: Path) -> None:
    now = START + timedelta(days=30)
    old, new = past(60, prefix="O"), past(60, start=START + timedelta(days=10), prefix="N", wait=1.0)
    running = Promiser(rules := policy())
    write(tmp_path, new)
    await running.catch_up(ledger.tickets, rules, now)
    assert await ledger.tickets.import_history(old) == 60
    assert await ledger.tickets.import_history(old) == 0
    await running.catch_up(ledger.tickets, rules, now)
    in_order = Promiser(policy())
    in_order.tell(sorted(old + new, key=lambda event: event.known_at))
    in_order.advance(now)
    assert promised(running, now) == promised(in_order, now)


async def test_new_opening_hours_measure_past_waits_anew(ledger: Ledger, tmp_path: Path) -> None:
    now = START + timedelta(days=25)
    write(tmp_path, past(150))
    reloaded = Promiser(usual := policy())
    await reloaded.catch_up(ledger.tickets, usual, now)
    longer = policy("08:00-20:00")
    await reloaded.catch_up(ledger.tickets, longer, now)
    fresh = Promiser(longer)
    await fresh.catch_up(ledger.tickets, longer, now)
    assert promised(reloaded, now).q == promised(fresh, now).q


async def test_tickets_of_a_team_that_is_gone_teach_nothing(ledger: Ledger, tmp_path: Path) -> None:
    gone = [
        TicketEvent(event.ticket, event.kind, event.at, event.known_at, dict(event.data) | {"team": "gone"})
        for event in past(20)
    ]
    write(tmp_path, gone)
    now, promiser = START + timedelta(days=9), Promiser(rules := policy())
    await promiser.catch_up(ledger.tickets, rules, now)
    assert promised(promiser, now) == promised(Promiser(rules), now)


async def test_a_batch_keeps_to_the_rules_that_it_began_with_when_others_come_into_force_meanwhile(
    ledger: Ledger, tmp_path: Path
) -> None:
    write(tmp_path, [event for event in past(150) if int(event.ticket.removeprefix("T-")) % 9])  # all were answered
    old, new, now = policy(), policy("09:00-11:00"), START + timedelta(days=25)
    shared = Promiser(old)
    begun = await shared.catch_up(ledger.tickets, old, now)
    before = promised(begun, now)
    afterwards = await shared.catch_up(ledger.tickets, new, now)  # another mailbox, or a reminder, after a reload
    assert promised(begun, now) == before
    assert promised(afterwards, now) == promised(shared, now) != before
