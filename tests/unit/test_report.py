"""The figures of the report, counted by hand; and the page, which must hold together and load nothing."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.opening_hours import OpeningHours
from triage.promises.calendar_config import CalendarConfig
from triage.records import TicketOutcome
from triage.reports import charts
from triage.reports.report_page import page
from triage.reports.reporting import MessageRow, Report, TicketRow, make, promises, quantiles

HOURS = OpeningHours(CalendarConfig.model_validate({"zone": "Europe/Berlin", "hours": {"mon-fri": "09:00-17:00"}}))
MONDAY = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)  # 10:00 in Berlin
NOW = MONDAY + timedelta(days=20)
KEPT, BROKEN, CLOSED, ANSWERED = TicketOutcome.KEPT, TicketOutcome.BROKEN, TicketOutcome.CLOSED, TicketOutcome.ANSWERED


def ticket(
    opened: timedelta = timedelta(0),
    *,
    due: timedelta | None = timedelta(hours=24),
    answered: timedelta | None = None,
    outcome: TicketOutcome | None = None,
    team: str = "payment",
    language: str | None = "de",
    stated: bool = True,
) -> TicketRow:
    at = MONDAY + opened
    due_at = at + due if due is not None else None
    first = at + answered if answered is not None else None
    return TicketRow(team, language, "opening-hours", at, due_at, stated, first, outcome)


def message(at: datetime = MONDAY, *, category: str | None = "payment", silence: str | None = None) -> MessageRow:
    return MessageRow(at, "payment", "de", category, silence)


def reported(tickets: list[TicketRow], messages: list[MessageRow] | None = None) -> Report:
    def hours_of(team: str, clock: str) -> OpeningHours | None:
        return HOURS if team != "gone" else None

    return make(tickets, messages or [], hours_of, since=MONDAY, until=NOW, now=NOW)


def test_kept_and_broken_are_of_dates_that_were_stated() -> None:
    hour = timedelta(hours=1)
    found = promises(
        [
            *[ticket(answered=hour, outcome=KEPT)] * 3,
            ticket(answered=30 * hour, outcome=BROKEN),
            ticket(outcome=CLOSED),
            ticket(due=None, answered=hour, outcome=ANSWERED),
            ticket(due=None, stated=False, answered=hour, outcome=ANSWERED),
        ],
        NOW,
    )
    assert (found.made, found.no_date, found.kept, found.broken, found.closed, found.open) == (5, 1, 3, 1, 1, 0)
    assert found.kept_share == 0.75


def test_a_promise_whose_instant_has_passed_is_broken_before_the_daemon_looked() -> None:
    assert promises([ticket()], MONDAY + timedelta(hours=23)).open == 1
    assert promises([ticket()], MONDAY + timedelta(hours=25)).broken == 1


def test_nothing_promised_has_no_share() -> None:
    assert promises([], NOW).kept_share is None
    assert reported([]).to_json()["abstained_share"] is None


def test_first_answers_are_measured_in_opening_time() -> None:
    friday = timedelta(days=4, hours=7, minutes=30)  # 17:30 in Berlin
    found = reported([ticket(friday, answered=timedelta(days=2, hours=16), outcome=KEPT)])
    assert found.total.first_response.p50 == 0.5


def test_teams_that_are_gone_keep_their_promises_and_have_no_clock() -> None:
    found = reported([ticket(team="gone", answered=timedelta(hours=1), outcome=KEPT)])
    assert found.teams["gone"].promises.kept == 1
    assert found.teams["gone"].first_response.n == 0


def test_weeks_begin_on_monday_and_gaps_are_shown() -> None:
    weeks = reported([ticket(), ticket(timedelta(days=15), outcome=None)]).total.weeks
    assert [week.starts for week in weeks] == [date(2026, 11, 2), date(2026, 11, 9), date(2026, 11, 16)]
    assert [week.promises.made for week in weeks] == [1, 0, 1]


def test_hours_of_the_week_are_those_of_the_teams_clock() -> None:
    found = reported([], [message(), message(MONDAY + timedelta(hours=15))])
    assert found.hours[0][10] == 1
    assert found.hours[1][1] == 1
    assert sum(map(sum, found.hours)) == 2


def test_volume_silence_and_abstention_are_counted_the_greatest_first() -> None:
    found = reported([], [message(), message(category=None), *[message(silence="list")] * 2, message(silence="dsn")])
    assert (found.messages, found.replied, found.abstained_share) == (5, 2, 0.2)
    assert list(found.silences.items()) == [("list", 2), ("dsn", 1)]
    assert list(found.categories.items()) == [("payment", 4), ("none", 1)]


@pytest.mark.parametrize(
    ("hours", "expected"),
    [([], (0, None, None, None)), ([3], (1, 3.0, 3.0, 3.0)), (range(1, 21), (20, 10.0, 18.0, 19.0))],
)
def test_quantiles_are_values_that_occurred(hours: Any, expected: tuple[Any, ...]) -> None:
    found = quantiles(timedelta(hours=n) for n in hours)
    assert (found.n, found.p50, found.p90, found.p95) == expected


class Balanced(HTMLParser):
    """Every tag that is opened is closed; what would load something is noted."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [f"{tag} {name}" for name, _ in attrs if name in ("src", "href", "xlink:href", "data")]
        if tag in ("script", "link", "iframe", "object", "img"):
            self.loads.append(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Closed where it is opened."""

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


OUTCOMES = st.sampled_from([KEPT, BROKEN, CLOSED, None])
TICKETS = st.builds(
    ticket,
    st.timedeltas(timedelta(0), timedelta(days=19)),
    due=st.none() | st.timedeltas(timedelta(hours=1), timedelta(days=9)),
    answered=st.none() | st.timedeltas(timedelta(0), timedelta(days=9)),
    outcome=OUTCOMES,
    team=st.sampled_from(["payment", "<b>&", "a team with quite a long name indeed"]),
    language=st.sampled_from(["de", "en", None]),
)
MESSAGES = st.builds(
    message,
    st.datetimes(datetime(2026, 11, 2), datetime(2026, 11, 20), timezones=st.just(UTC)),  # noqa: DTZ001
    category=st.none() | st.text(max_size=30),
    silence=st.none() | st.sampled_from(["list", "<script>"]),
)


@given(st.lists(TICKETS, max_size=30), st.lists(MESSAGES, max_size=30))
def test_the_page_holds_together_and_loads_nothing(tickets: list[TicketRow], messages: list[MessageRow]) -> None:
    html = page(reported(tickets, messages), "Schmidt & <Söhne>")
    checker = Balanced()
    checker.feed(html)
    checker.close()
    assert checker.open == []
    assert checker.loads == []
    assert "url(" not in html
    assert "@import" not in html


@given(st.lists(TICKETS, max_size=30), st.lists(MESSAGES, max_size=30))
def test_every_promise_is_counted_once(tickets: list[TicketRow], messages: list[MessageRow]) -> None:
    report = reported(tickets, messages)
    total = report.total.promises
    assert total.made == total.kept + total.broken + total.open + total.closed
    for groups in (report.teams, report.languages):
        assert sum(group.promises.made for group in groups.values()) == total.made
    assert sum(week.promises.made for week in report.total.weeks) == total.made
    json.dumps(report.to_json())


def test_a_chart_of_nothing_is_drawn_too() -> None:
    assert charts.bars("nothing", {}).endswith("</svg>")
    assert charts.heat_map("nothing", [[0] * 24] * 7).count("<rect") == 168
