"""When a team is reminded, and what the reminder says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email import message_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage import guard
from triage.identity import outbound_message_id
from triage.opening_hours import OpeningHours
from triage.parsing import parse
from triage.promises import reminder
from triage.promises.calendar_config import CalendarConfig
from triage.promises.responses import no_person
from triage.records import OpenPromise

HOURS = OpeningHours(CalendarConfig.model_validate({"zone": "Europe/Berlin", "hours": {"mon-fri": "09:00-17:00"}}))
OPENED = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)  # Friday, 16:00 in Berlin


def promise(opened: datetime = OPENED, due: datetime = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)) -> OpenPromise:
    """Until Monday, 10:00 in Berlin: two opening hours."""
    return OpenPromise(
        "T-7K3M9QX", "payment", "normal", "de", opened, due, 1, None, "f" * 64, "<c1@mail.example>",
        {"customer": "karin@mail.example", "category": "payment", "folder": "Triaged/Payment", "inbox": "p@shop.example"},
    )  # fmt: skip


def test_the_reminder_waits_for_opening_hours_and_for_its_time() -> None:
    hour = timedelta(hours=1)
    at = {name: datetime(2026, 11, day, h, m, tzinfo=UTC) for name, day, h, m in (
        ("Friday evening", 20, 18, 0), ("Sunday", 22, 12, 0), ("Monday at nine", 23, 8, 0), ("when it is due", 23, 9, 0),
    )}  # fmt: skip
    found = {name: reminder.is_time(promise(), hour, moment, HOURS) for name, moment in at.items()}
    assert found == {"Friday evening": False, "Sunday": False, "Monday at nine": True, "when it is due": False}


def test_half_of_a_short_wait_passes_before_the_reminder() -> None:
    short = promise(OPENED, OPENED + timedelta(minutes=30))
    assert not reminder.is_time(short, timedelta(hours=1), OPENED + timedelta(minutes=10), HOURS)
    assert reminder.is_time(short, timedelta(hours=1), OPENED + timedelta(minutes=15), HOURS)


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.timedeltas(timedelta(minutes=30), timedelta(days=10)),
    st.timedeltas(timedelta(minutes=1), timedelta(hours=40)),
    st.timedeltas(timedelta(0), timedelta(days=12)),
)
def test_nobody_is_reminded_while_closed_or_too_late(
    opened: datetime, length: timedelta, before: timedelta, later: timedelta
) -> None:
    now = opened + later
    if reminder.is_time(promise(opened, opened + length), before, now, HOURS):
        assert HOURS.is_open(now)
        assert now < opened + length
        assert HOURS.business_time_between(now, opened + length) <= before


@pytest.mark.parametrize("folder", ["Erledigt/Keine Antwort nötig", None])
def test_the_folder_for_what_needs_no_answer_is_named_where_there_is_one(folder: str | None) -> None:
    now = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)
    envelope = reminder.Envelope("support@shop.example", "Shop", "p@shop.example", "<r@x>", None, now, folder)
    text = parse(reminder.compose(promise(), envelope, HOURS)).text
    assert ("no answer is needed" in text) is (folder is not None)
    assert (folder or "Ticket") in text


def test_the_reminder_is_known_as_ours_wherever_it_is_read_back() -> None:
    message_id = outbound_message_id("reminder", "f" * 64, "p@shop.example", "shop.example")
    now = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)
    envelope = reminder.Envelope("support@shop.example", "Example Shop", "p@shop.example", message_id, "<fwd@x>", now)
    raw = reminder.compose(promise(), envelope, HOURS)
    assert raw == reminder.compose(promise(), envelope, HOURS)
    head = message_from_bytes(raw)
    assert (head["Auto-Submitted"], head["X-Priority"], head["In-Reply-To"]) == (
        "auto-generated",
        "2 (High)",
        "<fwd@x>",
    )
    assert "Mon 2026-11-23 10:00 Europe/Berlin" in head["Subject"]
    read_back = parse(raw)
    assert no_person(read_back) is not None
    at = guard.Circumstances(received_at=now, now=now, answer_mail_younger_than=timedelta(days=1))
    senders = guard.Senders.from_config(guard.SendersConfig())
    assert guard.judge(read_back, at, senders).reason == "own-mail"
