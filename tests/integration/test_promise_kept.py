"""The promise from end to end on a real IMAP server: made, watched, kept or broken, and counted as whoever looks would count it."""

from __future__ import annotations

import asyncio
import json
import math
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from typing import Any

import pytest
import sqlalchemy as sa

from tests.support.daemon import run
from tests.support.dovecot import Dovecot
from tests.support.home import ADDRESS, Home
from tests.support.letters import letter
from tests.support.office_day import OfficeDay, answer, customer_of, letter_id, office_day
from triage.ledger import queries, schema
from triage.opening_hours import OpeningHours
from triage.promise import backtest_estimator, calendar_of_backtest
from triage.testing import FaultSmtp

pytestmark = pytest.mark.dovecot

STARTS = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)  # a Monday, 08:00 in Berlin; summer time begins in the fourth week
CALENDAR = {
    "tz": "Europe/Berlin",
    "hours": {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")},
    "holidays": ["2026-03-10"],
    "cold_start_hours": 6.0,
}
HOURS = OpeningHours(calendar_of_backtest(CALENDAR))
SHUT = "Triaged/No answer needed"


@pytest.fixture
def desk(home: Home) -> Home:
    """The front desk gets everything; opening hours as in CALENDAR."""
    home.settings["caps"]["conversation"] = "1s"
    home.routing["calendars"] = {
        "office": {
            "zone": "Europe/Berlin",
            "hours": {"mon-fri": "09:00-17:00"},
            "holidays": {"add": {"2026-03-10": "Stocktaking"}},
        }
    }
    home.routing["rules"] = []
    home.routing["teams"]["frontdesk"] |= {
        "first_response": {"urgent": "1h", "high": "2h", "normal": "6h", "low": "20h"},
        "longest_promise": "400h",
    }
    return home.write()


def user_of(home: Home) -> str:
    return str(home.settings["mailboxes"]["support"]["imap"]["username"])


def tickets(home: Home) -> dict[str, Any]:
    """Tickets of the ledger by the Message-ID of the letter."""
    t, m = schema.tickets, schema.messages
    query = sa.select(t, m.c.message_id).join(m, m.c.ticket == t.c.ticket).where(m.c.message_id.like("<letter.%"))
    with queries.reading(home.ledger) as c:
        return {row.message_id: row for row in c.execute(query)}


def events(home: Home, kind: str) -> list[Any]:
    with queries.reading(home.ledger) as c:
        return list(c.execute(sa.select(schema.ticket_events).where(schema.ticket_events.c.kind == kind)))


# -- three weeks -------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Happening:
    at: datetime
    what: str  # letter, sent, copy, closed, noise
    number: int


def three_weeks(seed: int, letters: int) -> list[Happening]:
    """What happens, in order, each at a second of its own: drawn arrivals, waits with a long tail, some letters never answered."""
    dice = random.Random(seed)
    taken: set[datetime] = set()

    def whole(at: datetime) -> datetime:
        at = at.replace(microsecond=0)
        while at in taken:
            at += timedelta(seconds=1)
        taken.add(at)
        return at

    found = []
    for number in range(letters):
        at = whole(STARTS + timedelta(minutes=10) + timedelta(days=21) * dice.random())
        found.append(Happening(at, "letter", number))
        lot = dice.random()
        if lot < 0.04:
            continue
        wait = timedelta(hours=min(40.0, math.exp(dice.gauss(0.9, 1.0))))
        ends = whole(HOURS.add_business_time(at, wait) + timedelta(seconds=dice.randrange(1, 1800)))
        found.append(Happening(ends, "closed" if lot < 0.09 else "copy" if lot < 0.2 else "sent", number))
        if lot > 0.9:
            found.append(Happening(whole(at + timedelta(minutes=7)), "noise", number))
    return sorted((x for x in found if x.at < STARTS + timedelta(days=21)), key=lambda x: x.at)


def noise(number: int, at: datetime) -> bytes:
    """Mail about a letter that is no person's answer to the customer."""
    kinds: list[dict[str, str]] = [
        {"Auto_Submitted": "auto-replied"},
        {"to": "warehouse@carrier.example", "subject": "Fwd: where is this parcel?"},
        {"to": "eva@shop.example", "subject": "note: I take this one"},
        {"X_Triage_Kind": "reply"},
    ]
    return answer(number, at, **kinds[number % 4])


async def live_through(day: OfficeDay, happenings: list[Happening]) -> None:
    for event in happenings:
        if event.what == "letter":
            await day.customer_writes(event.number, event.at)
        elif event.what == "sent":
            await day.appears(answer(event.number, event.at), event.at)
        elif event.what == "copy":
            copy = answer(event.number, event.at, sender="eva@shop.example", Cc=ADDRESS)
            await day.appears(copy, event.at, folder="INBOX")
        elif event.what == "closed":
            await day.moved(event.number, SHUT, event.at)
        else:
            await day.appears(noise(event.number, event.at), event.at)


def replayed(happenings: list[Happening]) -> dict[int, datetime | None]:
    """What a replay of the same events promises."""
    estimator = backtest_estimator(CALENDAR, 0.95)
    promised = {}
    for event in happenings:
        if event.what == "letter":
            promised[event.number] = estimator.opened(str(event.number), "frontdesk", "normal", event.at)
        elif event.what == "closed":
            estimator.closed(str(event.number), event.at)
        elif event.what in ("sent", "copy"):
            estimator.answered(str(event.number), event.at)
    return promised


def kept_in_the_mailbox(dovecot: Dovecot, home: Home, smtp: FaultSmtp, end: datetime) -> tuple[int, int]:
    """(kept, judged) as a person with both mail accounts would count: what forwards say is due, when answers lie in folders."""
    due = {}
    for mail in smtp.accepted:
        head = message_from_bytes(mail.content)
        if head["X-Triage-Kind"] == "forward" and head["X-Triage-Due"]:
            due[head["In-Reply-To"]] = datetime.fromisoformat(head["X-Triage-Due"])
    answered: dict[str, datetime] = {}
    with dovecot.login(user_of(home)) as client:
        client.normalise_times = False
        for folder in ("Sent", "Triaged/Front desk"):
            client.select_folder(folder, readonly=True)
            for item in client.fetch(client.search(), ["BODY.PEEK[HEADER]", "INTERNALDATE"]).values():
                head = message_from_bytes(item[b"BODY[HEADER]"])
                about, by_hand = head["In-Reply-To"], "@shop.example" in head["From"]
                number = int(about.split(".")[1].split("@")[0]) if about else -1
                if (
                    by_hand
                    and customer_of(number) == head["To"]
                    and not (head["Auto-Submitted"] or head["X-Triage-Kind"])
                ):
                    answered.setdefault(about, item[b"INTERNALDATE"].astimezone(UTC))
        client.select_folder(SHUT, readonly=True)
        heads = client.fetch(client.search(), ["BODY.PEEK[HEADER]"]).values() if client.search() else ()
        closed = {message_from_bytes(item[b"BODY[HEADER]"])["Message-ID"] for item in heads}
    judged = {name for name, at in due.items() if name not in closed and (name in answered or at < end)}
    return sum(name in answered and answered[name] <= due[name] for name in judged), len(judged)


async def test_three_weeks_of_promises_are_those_of_the_replay_and_are_counted_as_the_mailbox_shows(
    dovecot: Dovecot, smtp: FaultSmtp, desk: Home
) -> None:
    happenings = three_weeks(seed=6, letters=200)
    async with office_day(dovecot, user_of(desk), desk, STARTS) as day:
        await live_through(day, happenings)
    found = tickets(desk)
    promised = {number: found[letter_id(number)].due_at for number in range(200) if letter_id(number) in found}
    assert promised == replayed(happenings)
    assert len(promised) == 200
    kept, judged = kept_in_the_mailbox(dovecot, desk, smtp, happenings[-1].at)
    assert judged > 150
    outcomes = [row.outcome for row in found.values()]
    assert (outcomes.count("kept"), outcomes.count("kept") + outcomes.count("broken")) == (kept, judged)

    # The report is made today, when every promise of that spring is kept or broken.
    report = json.loads(run(desk, "report", "--since", "2026-03-01", "--until", "2026-04-01", "--json").stdout)
    kept, judged = kept_in_the_mailbox(dovecot, desk, smtp, datetime.now(UTC))
    assert report["total"]["promises"]["kept"] == kept
    assert report["total"]["promises"]["kept_share"] == round(kept / judged, 4)


async def test_a_restart_goes_on_with_the_same_promises(dovecot: Dovecot, smtp: FaultSmtp, desk: Home) -> None:
    happenings = three_weeks(seed=8, letters=30)
    half = len(happenings) // 2
    async with office_day(dovecot, user_of(desk), desk, STARTS) as day:
        await live_through(day, happenings[:half])
        await day.services.promiser.keep(day.services.ledger.tickets)
        await live_through(day, happenings[half : half + 5])
    async with office_day(dovecot, user_of(desk), desk, happenings[half + 4].at) as day:
        await live_through(day, happenings[half + 5 :])
    found = tickets(desk)
    assert {n: found[letter_id(n)].due_at for n in range(30)} == replayed(happenings)


# -- one ticket --------------------------------------------------------------------------------------------------------------------

MONDAY = STARTS + timedelta(hours=2)


def kinds(smtp: FaultSmtp) -> list[str]:
    """What we sent, in order."""
    return [str(message_from_bytes(mail.content)["X-Triage-Kind"]) for mail in smtp.accepted]


async def test_the_team_is_reminded_once_in_opening_hours_and_the_mail_is_flagged(
    dovecot: Dovecot, smtp: FaultSmtp, desk: Home
) -> None:
    async with office_day(dovecot, user_of(desk), desk, STARTS) as day:
        await day.customer_writes(1, MONDAY)
        due = tickets(desk)[letter_id(1)].due_at
        await day.until(due - timedelta(hours=1, minutes=5))
        assert kinds(smtp).count("reminder") == 0
        for minutes in (55, 30, 5):
            await day.until(due - timedelta(minutes=minutes))
        assert kinds(smtp).count("reminder") == 1
        await day.until(due + timedelta(minutes=1))
    (mail,) = [mail for mail in smtp.accepted if b"X-Triage-Kind: reminder" in mail.content]
    head = message_from_bytes(mail.content)
    assert mail.recipients == ("frontdesk@shop.example",)
    assert head["Auto-Submitted"] == "auto-generated"
    assert all(b"\\Flagged" in flags for flags in dovecot.flags(user_of(desk), "Triaged/Front desk").values())
    row = tickets(desk)[letter_id(1)]
    assert (row.priority, row.outcome) == ("high", "broken")
    assert len(events(desk, "broken")) == 1


async def test_a_later_date_is_written_once_where_the_team_says_so(
    dovecot: Dovecot, smtp: FaultSmtp, desk: Home
) -> None:
    desk.routing["teams"]["frontdesk"] |= {"renew": True, "reminder": "never"}
    desk.write()
    async with office_day(dovecot, user_of(desk), desk, STARTS) as day:
        await day.customer_writes(1, MONDAY)
        due = tickets(desk)[letter_id(1)].due_at
        for minutes in (40, 25, 10):
            await day.until(due - timedelta(minutes=minutes))
    assert sorted(kinds(smtp)) == ["forward", "renewal", "reply"]
    (mail,) = [mail for mail in smtp.accepted if b"X-Triage-Kind: renewal" in mail.content]
    assert mail.recipients == (customer_of(1),)
    assert message_from_bytes(mail.content)["In-Reply-To"] == letter_id(1)
    (event,) = events(desk, "renewed")
    assert datetime.fromisoformat(event.data["due_at"]) > due
    assert tickets(desk)[letter_id(1)].due_at == due  # the first promise is the one that counts


async def test_a_team_that_wants_neither_reminder_nor_later_dates_gets_none_and_the_promise_breaks_once(
    dovecot: Dovecot, smtp: FaultSmtp, desk: Home
) -> None:
    desk.routing["teams"]["frontdesk"] |= {"reminder": "never"}
    desk.write()
    async with office_day(dovecot, user_of(desk), desk, STARTS) as day:
        await day.customer_writes(1, MONDAY)
        due = tickets(desk)[letter_id(1)].due_at
        for minutes in (-50, -20, -5, 1, 30):
            await day.until(due + timedelta(minutes=minutes))
    assert sorted(kinds(smtp)) == ["forward", "reply"]
    assert not any(b"\\Flagged" in flags for flags in dovecot.flags(user_of(desk), "Triaged/Front desk").values())
    assert len(events(desk, "broken")) == 1
    row = tickets(desk)[letter_id(1)]
    assert (row.priority, row.outcome) == ("normal", "broken")


async def test_a_reminder_that_comes_back_makes_no_ticket_and_is_no_answer(
    dovecot: Dovecot, smtp: FaultSmtp, desk: Home
) -> None:
    async with office_day(dovecot, user_of(desk), desk, STARTS) as day:
        await day.customer_writes(1, MONDAY)
        due = tickets(desk)[letter_id(1)].due_at
        await day.until(due - timedelta(minutes=30))
        (sent,) = [mail for mail in smtp.accepted if b"X-Triage-Kind: reminder" in mail.content]
        await day.appears(
            sent.content, due - timedelta(minutes=25)
        )  # a provider that keeps a copy of all that it sends
        await day.appears(sent.content, due - timedelta(minutes=20), folder="INBOX")  # an inbox that leads back to us
        await day.until(due - timedelta(minutes=5))
    assert sorted(kinds(smtp)) == ["forward", "reminder", "reply"]
    assert len(events(desk, "opened")) == 1
    assert tickets(desk)[letter_id(1)].first_response_at is None


async def test_the_answered_flag_counts_where_no_copy_is_seen(dovecot: Dovecot, smtp: FaultSmtp, desk: Home) -> None:
    async with office_day(dovecot, user_of(desk), desk, STARTS) as day:
        await day.customer_writes(1, MONDAY)

        def mark() -> None:
            with dovecot.login(user_of(desk)) as client:
                client.select_folder("Triaged/Front desk")
                client.add_flags(client.search(), [b"\\Answered"])

        await asyncio.to_thread(mark)
        await day.until(MONDAY + timedelta(minutes=30))
    assert tickets(desk)[letter_id(1)].outcome == "kept"
    assert events(desk, "answered")[0].data == {"how": "flag"}


async def test_a_colleagues_answer_in_the_watched_folder_is_filed_and_never_answered(
    dovecot: Dovecot, smtp: FaultSmtp, desk: Home
) -> None:
    async with office_day(dovecot, user_of(desk), desk, STARTS) as day:
        await day.customer_writes(1, MONDAY)
        at = MONDAY + timedelta(hours=1)
        await day.appears(answer(1, at, sender="eva@shop.example", Cc=ADDRESS), at, folder="INBOX")
    assert sorted(kinds(smtp)) == ["forward", "reply"]
    assert dovecot.folders(user_of(desk)) == {"Triaged/Front desk": 2}
    assert tickets(desk)[letter_id(1)].first_response_at == at


async def test_a_follow_up_inherits_the_promise(dovecot: Dovecot, smtp: FaultSmtp, desk: Home) -> None:
    async with office_day(dovecot, user_of(desk), desk, STARTS) as day:
        await day.customer_writes(1, MONDAY)
        await day.customer_writes(
            501, MONDAY + timedelta(hours=3), sender=customer_of(1), In_Reply_To=letter_id(1), References=letter_id(1)
        )
    found = tickets(desk)
    assert found[letter_id(501)].ticket == found[letter_id(1)].ticket
    assert len(events(desk, "opened")) == 1
    with queries.reading(desk.ledger) as c:
        decisions = [
            row.decision for row in c.execute(sa.select(schema.messages.c.decision).order_by(schema.messages.c.id))
        ]
    assert decisions[1]["due_at"] == decisions[0]["due_at"]
    assert decisions[1]["method"] == "inherited"


async def test_history_is_learnt_from_pairs_of_inbox_and_sent(dovecot: Dovecot, smtp: FaultSmtp, desk: Home) -> None:
    past = datetime.now(UTC).replace(microsecond=0) - timedelta(days=20)
    for number in range(30):
        at = past + timedelta(hours=7 * number)
        dovecot.deliver(user_of(desk), letter(number, date=at), folder="INBOX", received_at=at)
        if number % 3:
            replied = at + timedelta(hours=2)
            dovecot.deliver(user_of(desk), answer(number, replied), folder="Sent", received_at=replied)
    first, second = (run(desk, "import-history", "--inbox", "INBOX") for _ in range(2))
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert "20 pairs, 20 new" in first.stderr
    assert "20 pairs, 0 new" in second.stderr
    assert len(dovecot.mails(user_of(desk))) == 30
    assert len(events(desk, "opened")) == len(events(desk, "answered")) == 20
