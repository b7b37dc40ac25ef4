"""Two tickets made one: which goes on, what belongs to it, what is counted, and how it is taken back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from triage.errors import LedgerError
from triage.ledger import Ledger, queries, reports, schema
from triage.message import MessageKey
from triage.records import Inquiry, MessageState, NewPlan, TicketEvent, TicketEventKind, TicketOutcome

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
FIRST, SECOND, THIRD = "T-2222222", "T-3333333", "T-4444444"
PLACE = MessageKey("support", "Triaged", 1, 1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "triage.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    opened = Ledger.open(path)
    yield opened
    opened.close()


async def opened(ledger: Ledger, ticket: str, uid: int, *, hours: float = 0, due: float | None = 24) -> None:
    """A mail that opens *ticket*, so many hours after NOW, promised so many hours after its coming."""
    at = NOW + hours * HOUR
    key = MessageKey("support", "INBOX", 1, uid)
    id = (await ledger.begin({key: at}, at))[key].id
    due_at = None if due is None else at + due * HOUR
    data = {"team": "payment", "language": "en", "priority": "normal", "due_at": due_at and due_at.isoformat()}
    ticket_row = {
        "mailbox": "support", "team": "payment", "language": "en", "category": None, "priority": "normal", "opened_at": at,
        "due_at": due_at, "promise": {"stated": True}, "customer": "ann@mail.example", "last_reply_at": None,
    }  # fmt: skip
    plan = NewPlan(
        id, MessageState.PLANNED, f"{uid:064x}", f"<m{uid}@mail.example>", f"ann{uid}@mail.example", None, ticket,
        {"ticket": ticket}, (), ticket_row, (f"<m{uid}@mail.example>",), TicketEvent(ticket, TicketEventKind.OPENED, at, at, data),
    )  # fmt: skip
    await ledger.record([plan], at)


def rows(path: Path) -> dict[str, Any]:
    with queries.reading(path) as c:
        return {row.ticket: row for row in c.execute(sa.select(schema.tickets))}


@pytest.mark.parametrize(
    ("first", "second", "stays"),
    [
        ({"due": 24.0}, {"hours": 2.0, "due": 24.0}, FIRST),
        ({"due": 24.0}, {"hours": 2.0, "due": 4.0}, SECOND),
        ({"due": None}, {"hours": 2.0, "due": 24.0}, SECOND),
        ({"due": None}, {"hours": 2.0, "due": None}, FIRST),
        ({"due": 24.0}, {"hours": 2.0, "due": 22.0}, FIRST),
    ],
    ids=["came first", "promised earlier", "only one has a date", "no dates", "same date"],
)
@pytest.mark.parametrize("turned", [False, True], ids=["in order", "the other way round"])
async def test_the_ticket_with_the_earlier_promise_goes_on(
    ledger: Ledger, path: Path, first: dict[str, Any], second: dict[str, Any], stays: str, turned: bool
) -> None:
    await opened(ledger, FIRST, 1, **first)
    await opened(ledger, SECOND, 2, **second)
    before = rows(path)[stays].due_at
    names = (SECOND, FIRST) if turned else (FIRST, SECOND)
    goes = ({FIRST, SECOND} - {stays}).pop()
    assert await ledger.tickets.merge(*names, NOW + 3 * HOUR) == (stays, goes)
    found = rows(path)
    assert (found[stays].due_at, found[stays].outcome, found[stays].merged_into) == (before, None, None)
    assert (found[goes].outcome, found[goes].merged_into) == (TicketOutcome.CLOSED, stays)


async def merged(ledger: Ledger) -> None:
    """SECOND into FIRST."""
    await opened(ledger, FIRST, 1)
    await opened(ledger, SECOND, 2, hours=2)
    await ledger.tickets.merge(FIRST, SECOND, NOW + 3 * HOUR)


@pytest.mark.parametrize(
    ("related", "named"),
    [(("<m2@mail.example>",), ()), (("<m1@mail.example>",), ()), ((), (SECOND,)), (("<m1@mail.example>", "<m2@mail.example>"), ())],
    ids=["to the second mail", "to the first mail", "by reference", "to both"],
)  # fmt: skip
async def test_an_answer_to_either_is_the_answer_to_the_one_that_goes_on(
    ledger: Ledger, path: Path, related: tuple[str, ...], named: tuple[str, ...]
) -> None:
    await merged(ledger)
    (ticket,) = await ledger.tickets.matching(related, named)
    assert ticket.ticket == FIRST
    assert {"ann1@mail.example", "ann2@mail.example"} <= ticket.writers
    await ledger.tickets.answered(ticket.ticket, NOW + 5 * HOUR, NOW + 5 * HOUR, "sent")
    assert rows(path)[FIRST].outcome == TicketOutcome.KEPT


async def test_further_mail_to_either_joins_the_one_that_goes_on(ledger: Ledger) -> None:
    await merged(ledger)
    by_id = Inquiry(9, "f9", "ann@mail.example", None, ("<m2@mail.example>",), ())
    by_name = Inquiry(9, "f9", "ann@mail.example", None, (), (SECOND,))
    for history in await ledger.histories([by_id, by_name], NOW + 4 * HOUR):
        assert history.ticket is not None
        assert history.ticket.ticket == FIRST


async def test_a_flag_on_either_mail_is_a_sign_for_the_one_that_goes_on(ledger: Ledger, path: Path) -> None:
    await merged(ledger)
    with sa.create_engine(f"sqlite:///{path}").begin() as c:
        for uid in (1, 2):
            where = {"place_folder": "Triaged", "place_uidvalidity": 1, "place_uid": uid, "state": MessageState.SETTLED}
            c.execute(schema.messages.update().where(schema.messages.c.uid == uid).values(**where))
    places = await ledger.tickets.waiting_places("support")
    assert {place.uid: ticket for place, ticket in places.items()} == {1: FIRST, 2: FIRST}


async def test_a_merged_ticket_is_not_counted_and_says_why(ledger: Ledger, path: Path) -> None:
    await merged(ledger)
    assert await ledger.tickets.break_overdue("support", NOW + 500 * HOUR) == [(FIRST, "payment")]
    with queries.reading(path) as c:
        found = reports.tickets_between(c, NOW, NOW + 100 * HOUR)
    assert [(row.outcome, row.closed_because) for row in found] == [("broken", None), ("closed", "merged")]


async def test_a_ticket_that_others_were_merged_into_takes_them_along(ledger: Ledger, path: Path) -> None:
    await opened(ledger, THIRD, 3, hours=4)
    await opened(ledger, SECOND, 2, hours=2)
    await opened(ledger, FIRST, 1)
    await ledger.tickets.merge(THIRD, SECOND, NOW + 5 * HOUR)
    await ledger.tickets.merge(SECOND, FIRST, NOW + 6 * HOUR)
    assert {name: row.merged_into for name, row in rows(path).items()} == {FIRST: None, SECOND: FIRST, THIRD: FIRST}


async def test_what_is_taken_back_waits_again_by_its_own_promise(ledger: Ledger, path: Path) -> None:
    await merged(ledger)
    due = rows(path)[SECOND].due_at
    assert await ledger.tickets.unmerge(SECOND, NOW + 4 * HOUR) == FIRST
    row = rows(path)[SECOND]
    assert (row.outcome, row.merged_into, row.due_at) == (None, None, due)
    (ticket,) = await ledger.tickets.matching(("<m2@mail.example>",), ())
    assert ticket.ticket == SECOND
    kinds = [event.kind for event in await ledger.tickets.everything() if event.ticket == SECOND]
    assert kinds == [TicketEventKind.OPENED, TicketEventKind.CLOSED, TicketEventKind.REOPENED]


async def test_what_cannot_be_merged_is_refused_with_the_reason(ledger: Ledger, path: Path) -> None:
    await merged(ledger)
    await opened(ledger, THIRD, 3)
    now = NOW + 4 * HOUR
    await ledger.tickets.answered(THIRD, now, now, "sent")
    for one, other, why in (
        (FIRST, FIRST, "with itself"),
        (FIRST, "T-9999999", "knows no ticket"),
        (FIRST, SECOND, f"was merged into {FIRST} already"),
        (FIRST, THIRD, "was answered on 2026-03-02 13:00"),
    ):
        with pytest.raises(LedgerError, match=why):
            await ledger.tickets.merge(one, other, now)
    for name, why in ((FIRST, "was not merged"), ("T-9999999", "knows no ticket")):
        with pytest.raises(LedgerError, match=why):
            await ledger.tickets.unmerge(name, now)
    assert rows(path)[FIRST].merged_into is None
