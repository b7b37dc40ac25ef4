"""The business clock: configuration, both conversions, summer time, holidays."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from triage.opening_hours import OpeningHours, Why
from triage.promises.calendar_config import (
    CalendarConfig,
    OpeningTime,
    parse_hours,
    parse_opening_time,
    show_opening_time,
)

BERLIN = """
zone: Europe/Berlin
hours:
  mon-fri: "09:00-17:00"
  sat: ["10:00-12:00", "13:00-14:00"]
holidays:
  country: DE
  subdivision: BE
  add: {2026-12-23: "Works outing"}
  remove: [2026-05-01]
  half_days: {12-24: "09:00-12:00", 2026-12-31: "09:00-12:00"}
closures: [{from: 2026-12-27, to: 2026-12-30, name: "Stocktaking"}]
"""


def calendar(text: str) -> OpeningHours:
    return OpeningHours(CalendarConfig.model_validate(yaml.safe_load(text)))


def simple(zone: str, hours: dict[str, object]) -> OpeningHours:
    return OpeningHours(CalendarConfig.model_validate({"zone": zone, "hours": hours}))


def at(text: str, zone: str = "Europe/Berlin") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


@pytest.fixture(scope="module")
def berlin() -> OpeningHours:
    return calendar(BERLIN)


def faults(config: dict[str, object]) -> str:
    with pytest.raises(ValidationError) as caught:
        CalendarConfig.model_validate(config)
    return str(caught.value)


class TestConfiguration:
    @pytest.mark.parametrize(
        ("value", "spans"),
        [
            ("09:00-17:00", ((540, 1020),)),
            ("22:00-06:00", ((1320, 1800),)),
            ("18:00-24:00", ((1080, 1440),)),
            ("closed", ()),
            ("24h", ((0, 1440),)),
            (["13:00-17:00", "09:00-13:00"], ((540, 1020),)),
        ],
        ids=["one span", "over midnight", "to midnight", "closed", "all day", "touching spans are joined"],
    )
    def test_hours_of_a_day_are_read(self, value: object, spans: object) -> None:
        assert parse_hours(value) == spans

    @pytest.mark.parametrize(
        ("hours", "said"),
        [
            ({"mon": ["09:00-13:00", "12:00-17:00"]}, "12:00-17:00 overlaps 09:00-13:00"),
            ({"mon": "22:00-06:00", "tue": "05:00-09:00"}, "22:00-06:00 of mon runs into 05:00-09:00 of tue"),
            ({"mon": ["00:00-05:00", "22:00-06:00"]}, "22:00-06:00 runs into 00:00-05:00 of the next day"),
            ({"mon": "9 to 5"}, "'9 to 5' is not a span of hours"),
            ({"mon": "09:00-25:00"}, "names a time that no day has"),
            ({"mon": "09:00-09:00"}, "starts and ends at the same time"),
            ({"montag": "09:00-17:00"}, "'montag' is no day"),
            ({"mon-fri": "09:00-17:00", "wed": "closed"}, "wed is given twice, by 'mon-fri' and by 'wed'"),
            ({"mon-sun": "closed"}, "never open"),
            ({}, "never open"),
        ],
    )
    def test_a_fault_of_hours_is_told_in_words(self, hours: object, said: str) -> None:
        assert said in faults({"zone": "UTC", "hours": hours})

    @pytest.mark.parametrize(
        ("part", "said"),
        [
            ({"zone": "Europe/Berln"}, "did you mean Europe/Berlin"),
            ({"holidays": {"country": "XX"}}, "no holidays known for country 'XX'"),
            ({"holidays": {"country": "DE", "subdivision": "ZZ"}}, "DE has no subdivision 'ZZ'; known: BB"),
            ({"holidays": {"subdivision": "BE"}}, "needs a country"),
            ({"holidays": {"add": {"13-01": "x"}}}, "'13-01' is no date"),
            ({"holidays": {"add": {"12-24": "x"}, "half_days": {"12-24": "09:00-12:00"}}}, "keep one of them"),
            ({"closures": [{"from": "2026-12-31", "to": "2026-12-27", "name": "x"}]}, "before it starts"),
            ({"closures": [{"from": "2026-12-31", "to": "2062-12-31", "name": "x"}]}, "more than a year"),
            ({"hollidays": {}}, "Extra inputs are not permitted"),
        ],
    )
    def test_other_faults_are_told_in_words(self, part: dict[str, object], said: str) -> None:
        assert said in faults({"zone": "UTC", "hours": {"mon": "24h"}, **part})

    def test_every_fault_is_told_at_once(self) -> None:
        said = faults({"zone": "Nowhere", "hours": {"mon": "x", "tue": "y"}})
        assert "Nowhere" in said
        assert "'x'" in said
        assert "'y'" in said

    def test_a_range_may_run_over_the_end_of_the_week(self) -> None:
        week = CalendarConfig.model_validate({"zone": "UTC", "hours": {"sat-mon": "24h"}}).week
        assert [bool(day) for day in week] == [True, False, False, False, False, True, True]

    def test_a_schema_for_editors_can_be_made(self) -> None:
        assert "hours" in CalendarConfig.model_json_schema()["properties"]

    @pytest.mark.parametrize(("text", "minutes"), [("30m", 30), ("4h", 240), ("1h30m", 90), ("24h", 1440)])
    def test_opening_time_is_read_and_shown_alike(self, text: str, minutes: int) -> None:
        class Team(BaseModel):
            first_response: OpeningTime

        assert Team.model_validate({"first_response": text}).first_response == timedelta(minutes=minutes)
        assert show_opening_time(timedelta(minutes=minutes)) == text

    @pytest.mark.parametrize("value", ["", "2d", "4", 4, "h", "0m", None, "soon"])
    def test_what_is_no_opening_time_is_refused(self, value: object) -> None:
        with pytest.raises(ValueError, match="opening time"):
            parse_opening_time(value)


class TestConversions:
    def test_a_night_and_a_weekend_do_not_count(self) -> None:
        hours = simple("Europe/Berlin", {"mon-fri": "09:00-17:00"})
        due = hours.add_business_time(at("2026-11-20T16:00"), timedelta(hours=2))  # a Friday
        assert due == at("2026-11-23T10:00")

    def test_a_span_that_ends_at_closing_is_over_at_closing(self, berlin: OpeningHours) -> None:
        assert berlin.add_business_time(at("2026-11-20T16:00"), timedelta(hours=1)) == at("2026-11-20T17:00")

    def test_no_time_at_all_is_over_at_once_even_while_closed(self, berlin: OpeningHours) -> None:
        night = at("2026-11-20T23:00")
        assert berlin.add_business_time(night, timedelta(0)) == night

    def test_it_is_closed_at_the_minute_of_closing(self, berlin: OpeningHours) -> None:
        assert berlin.is_open(at("2026-11-20T09:00"))
        assert not berlin.is_open(at("2026-11-20T17:00"))

    def test_the_next_opening_is_now_while_open(self, berlin: OpeningHours) -> None:
        assert berlin.next_opening(at("2026-11-20T09:30")) == at("2026-11-20T09:30")
        assert berlin.next_opening(at("2026-11-20T17:00")) == at("2026-11-21T10:00")

    def test_a_night_shift_belongs_to_the_day_it_starts(self) -> None:
        hours = calendar("{zone: Europe/Berlin, hours: {mon-fri: '22:00-06:00'}, holidays: {country: DE}}")
        assert hours.is_open(at("2026-12-25T05:59"))  # the night of the 24th, which is no public holiday
        assert not hours.is_open(at("2026-12-25T22:00"))  # Christmas Day
        assert not hours.is_open(at("2026-12-26T05:00"))

    def test_the_whole_week_around_is_one_span(self) -> None:
        hours = simple("Europe/Berlin", {"mon-sun": "24h"})
        start, end = at("2026-12-01T00:00"), at("2027-02-01T00:00")
        assert len(hours.spans_between(start, end)) == 1
        assert hours.business_time_between(start, end) == end.astimezone(UTC) - start.astimezone(UTC)

    def test_spans_are_cut_off_at_both_ends(self, berlin: OpeningHours) -> None:
        spans = berlin.spans_between(at("2026-11-20T16:00"), at("2026-11-21T11:00"))
        assert [(span.start, span.end) for span in spans] == [
            (at("2026-11-20T16:00"), at("2026-11-20T17:00")),
            (at("2026-11-21T10:00"), at("2026-11-21T11:00")),
        ]

    def test_the_past_before_the_first_question_is_known_too(self, berlin: OpeningHours) -> None:
        assert calendar(BERLIN).business_time_between(
            at("2009-03-02T09:00"), at("2027-03-02T09:00")
        ) == berlin.business_time_between(at("2009-03-02T09:00"), at("2027-03-02T09:00"))

    def test_a_naive_instant_is_refused(self, berlin: OpeningHours) -> None:
        with pytest.raises(ValueError, match="time zone"):
            berlin.is_open(datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point

    def test_an_absurd_year_is_refused(self, berlin: OpeningHours) -> None:
        with pytest.raises(ValueError, match="answers for"):
            berlin.is_open(datetime(9999, 1, 1, tzinfo=UTC))
        with pytest.raises(ValueError, match="answers for"):
            berlin.add_business_time(at("2026-01-01T00:00"), timedelta(days=200_000))

    def test_the_steps_say_when_the_clock_starts_and_what_was_closed(self, berlin: OpeningHours) -> None:
        steps = "\n".join(berlin.explain(at("2026-12-22T18:00"), timedelta(hours=4)))
        assert "while closed: the clock starts Thu 2026-12-24 09:00" in steps
        assert "2026-12-23 (Works outing), 2026-12-24 (half day)" in steps
        assert "4h of opening time have passed" in steps


class TestSummerTime:
    def test_the_day_the_clock_goes_forward_is_an_hour_short(self) -> None:
        hours = simple("Europe/Berlin", {"mon-sun": "24h"})
        assert hours.business_time_between(at("2025-03-29T18:00"), at("2025-03-30T18:00")) == timedelta(hours=23)

    def test_an_edge_in_the_skipped_hour_is_where_the_clock_jumps(self) -> None:
        hours = simple("Europe/Berlin", {"sun": "02:30-06:00", "sat": "10:00-11:00"})
        assert hours.next_opening(at("2025-03-30T00:00")) == datetime(2025, 3, 30, 1, 0, tzinfo=UTC)

    def test_a_span_inside_the_skipped_hour_is_no_time(self) -> None:
        hours = simple("Europe/Berlin", {"sun": "02:10-02:50"})
        assert hours.next_opening(at("2025-03-30T00:00")) == at("2025-04-06T02:10")

    def test_an_edge_in_the_hour_that_comes_twice_is_at_its_first_pass(self) -> None:
        hours = simple("Europe/Berlin", {"sun": "02:30-06:00"})
        assert hours.next_opening(at("2025-10-26T00:00")) == datetime(2025, 10, 26, 0, 30, tzinfo=UTC)
        assert hours.business_time_between(at("2025-10-26T00:00"), at("2025-10-26T12:00")) == timedelta(hours=4.5)


class TestHolidays:
    @pytest.mark.parametrize(
        ("day", "name", "why"),
        [
            (date(2026, 12, 23), "Works outing", Why.HOLIDAY),
            (date(2026, 12, 24), "", Why.HALF_DAY),
            (date(2026, 12, 25), "Erster Weihnachtstag", Why.HOLIDAY),
            (date(2026, 12, 28), "Stocktaking", Why.CLOSURE),
            (date(2026, 12, 31), "", Why.HALF_DAY),
            (date(2026, 3, 8), "Frauentag", Why.HOLIDAY),  # Berlin only
        ],
    )
    def test_special_days_are_named(self, berlin: OpeningHours, day: date, name: str, why: Why) -> None:
        found = {special.day: special for special in berlin.special_days(2026)}
        assert (found[day].name, found[day].why) == (name, why)

    def test_a_holiday_that_was_removed_is_a_day_like_others(self, berlin: OpeningHours) -> None:
        assert berlin.is_open(at("2026-05-01T10:00"))
        assert not berlin.is_open(at("2025-05-01T10:00"))

    def test_only_days_that_lost_hours_are_told(self, berlin: OpeningHours) -> None:
        days = [
            special.day.day for special in berlin.closed_days_between(at("2026-12-20T00:00"), at("2027-01-02T00:00"))
        ]
        assert days == [23, 24, 25, 26, 28, 29, 30, 31, 1]  # the 27th is a Sunday

    @pytest.mark.parametrize(
        ("start", "end", "told"),
        [
            ("2026-12-23T16:00", "2026-12-24T11:00", [23]),
            ("2026-12-22T10:00", "2026-12-23T00:00", []),
            ("2026-12-23T20:00", "2026-12-24T12:00", []),
            ("2026-12-23T20:00", "2026-12-24T12:30", [24]),
            ("2026-12-25T19:00", "2026-12-28T10:00", [26, 28]),
        ],
        ids=["in its hours", "before it", "before it closes at noon", "after it closed at noon", "on the evening of a holiday"],
    )  # fmt: skip
    def test_a_day_is_told_only_where_it_took_hours_from_the_wait(
        self, berlin: OpeningHours, start: str, end: str, told: list[int]
    ) -> None:
        assert [closed.day.day for closed in berlin.closed_days_between(at(start), at(end))] == told

    def test_the_hours_that_a_day_lost_are_known(self) -> None:
        hours = calendar(
            "{zone: UTC, hours: {mon-fri: ['09:00-12:00', '13:00-17:00']},"
            " holidays: {add: {12-25: x}, half_days: {12-24: '10:00-15:00', 12-23: '18:00-19:00', 12-22: '12:30-17:00'}}}"
        )
        found = {
            closed.day.day: [f"{span.start:%H:%M}-{span.end:%H:%M}" for span in hours.lost_hours(closed)]
            for closed in hours.closed_days_between(at("2026-12-21T00:00"), at("2026-12-27T00:00"))
        }
        assert found == {
            22: ["09:00-12:00"],
            23: ["09:00-12:00", "13:00-17:00"],
            24: ["09:00-10:00", "15:00-17:00"],
            25: ["09:00-12:00", "13:00-17:00"],
        }

    def test_a_yearly_half_day_shortens_and_never_opens(self, berlin: OpeningHours) -> None:
        assert not berlin.is_open(at("2028-12-24T10:00"))  # a Sunday
        assert not berlin.is_open(at("2027-12-24T12:00"))
        assert berlin.is_open(at("2027-12-24T11:59"))

    def test_a_full_date_is_stronger_than_every_year(self) -> None:
        hours = calendar(
            "{zone: Europe/Berlin, hours: {mon-fri: '09:00-17:00'},"
            " holidays: {add: {2026-12-24: Heiligabend}, half_days: {12-24: '09:00-12:00'}}}"
        )
        assert not hours.is_open(at("2026-12-24T10:00"))
        assert hours.is_open(at("2027-12-24T10:00"))

    def test_a_holiday_is_named_in_the_language_of_the_reader_where_known(self, berlin: OpeningHours) -> None:
        christmas = next(day for day in berlin.special_days(2026) if day.day == date(2026, 12, 25))
        assert berlin.name_in(christmas, "en") == "Christmas Day"
        assert berlin.name_in(christmas, "xx") == "Erster Weihnachtstag"
        outing = next(day for day in berlin.special_days(2026) if day.day == date(2026, 12, 23))
        assert berlin.name_in(outing, "en") == "Works outing"


CALENDARS = [
    calendar(BERLIN),
    simple("America/Sao_Paulo", {"mon-fri": ["08:00-12:00", "13:30-18:00"]}),
    simple("Australia/Lord_Howe", {"mon-sun": "24h"}),  # summer time by half an hour
    simple("America/New_York", {"mon-sat": "22:00-06:00"}),
    simple("Asia/Kathmandu", {"sun-thu": "09:15-17:45"}),
    calendar("{zone: Europe/London, hours: {sun: '00:30-04:00', mon: 24h}, holidays: {country: GB, subdivision: SCT}}"),
]
INSTANTS = st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
CHANGES = ("2025-03-29", "2025-10-25", "2025-03-08", "2025-11-01", "2025-04-05", "2025-10-04")  # eve of each
NEAR_A_CHANGE = st.builds(
    lambda day, span: day.replace(tzinfo=UTC) + span,
    st.sampled_from([datetime.fromisoformat(day) for day in CHANGES]),
    st.timedeltas(timedelta(0), timedelta(days=2)),
)
SPANS = st.timedeltas(timedelta(microseconds=1), timedelta(hours=2000))


class TestProperties:
    @given(st.sampled_from(CALENDARS), INSTANTS | NEAR_A_CHANGE, SPANS)
    def test_the_two_conversions_are_inverse_to_the_microsecond(
        self, hours: OpeningHours, start: datetime, span: timedelta
    ) -> None:
        assert hours.business_time_between(start, hours.add_business_time(start, span)) == span

    @given(st.sampled_from(CALENDARS), INSTANTS | NEAR_A_CHANGE, SPANS)
    def test_it_is_the_earliest_such_instant(self, hours: OpeningHours, start: datetime, span: timedelta) -> None:
        end = hours.add_business_time(start, span)
        assert hours.business_time_between(start, end - timedelta(microseconds=1)) < span
        assert hours.is_open(end - timedelta(microseconds=1))

    @given(st.sampled_from(CALENDARS), INSTANTS | NEAR_A_CHANGE, INSTANTS | NEAR_A_CHANGE)
    def test_elapsed_time_never_runs_back_nor_faster_than_time(
        self, hours: OpeningHours, one: datetime, other: datetime
    ) -> None:
        first, last = min(one, other), max(one, other)
        assert timedelta(0) <= hours.business_time_between(first, last) <= last - first

    @given(st.sampled_from(CALENDARS), INSTANTS | NEAR_A_CHANGE, SPANS, SPANS)
    def test_more_time_never_ends_earlier(
        self, hours: OpeningHours, start: datetime, one: timedelta, other: timedelta
    ) -> None:
        ends = [hours.add_business_time(start, span) for span in sorted((one, other))]
        assert ends[0] <= ends[1]

    @given(st.sampled_from(CALENDARS), INSTANTS | NEAR_A_CHANGE, st.timedeltas(timedelta(0), timedelta(days=60)))
    def test_spans_add_up_to_the_time_between(self, hours: OpeningHours, start: datetime, length: timedelta) -> None:
        spans = hours.spans_between(start, start + length)
        total = sum((span.end - span.start for span in spans), timedelta(0))
        assert total == hours.business_time_between(start, start + length)
        assert all(one.end < other.start for one, other in pairwise(spans))
