"""Promises: how the instant is rounded, what is learnt, and what a restart keeps."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triage.opening_hours import OpeningHours
from triage.promise import (
    BEYOND_CAP,
    CONFIGURED,
    NEVER_REACHED,
    Estimator,
    Promise,
    Terms,
    backtest_estimator,
    configured_promise,
    stated_instant,
)
from triage.promises.calendar_config import CalendarConfig
from triage.promises.survival import kaplan_meier, prior_waits

MONDAY = datetime(2026, 3, 2, 8, tzinfo=UTC)


def hours_of(zone: str, hours: dict[str, object]) -> OpeningHours:
    return OpeningHours(CalendarConfig.model_validate({"zone": zone, "hours": hours}))


OFFICE = hours_of("Europe/Berlin", {"mon-fri": "09:00-17:00"})
ALWAYS = hours_of("UTC", {"mon-sun": "24h"})
HOURS = [
    OFFICE,
    ALWAYS,
    hours_of("America/New_York", {"mon-sun": "22:00-06:00"}),
    hours_of("Australia/Lord_Howe", {"mon-sun": "24h"}),
    hours_of("Asia/Kathmandu", {"sun-thu": "09:15-17:45"}),
    hours_of("America/Sao_Paulo", {"mon-fri": ["08:10-12:05", "13:20-18:10"]}),
]


def terms(hours: OpeningHours = ALWAYS, **more: object) -> Callable[[str], Terms]:
    made = Terms(**{"hours": hours, "first_response": timedelta(hours=16), **more})  # type: ignore[arg-type]
    return lambda team: made


def feed(estimator: Estimator, waits: list[float], *, team: str = "desk", start: datetime = MONDAY) -> datetime:
    """Tickets an hour apart, each answered after so many hours; the instant after the last event."""
    events: list[tuple[datetime, int, str]] = []
    for i, wait in enumerate(waits):
        opened = start + timedelta(hours=i)
        events += [(opened, 1, f"{team}-{i}"), (opened + timedelta(hours=wait), 2, f"{team}-{i}")]
    for at, kind, case_id in sorted(events):
        if kind == 1:
            estimator.opened(case_id, team=team, priority="2", at=at)
        else:
            estimator.answered(case_id, at)
    return max(at for at, _, _ in events) + timedelta(hours=1)


def ask(estimator: Estimator, at: datetime, team: str = "desk") -> Promise:
    return estimator.promise(team=team, priority="2", at=at)


def length(promise: Promise) -> timedelta:
    assert promise.due_at is not None
    return promise.due_at - promise.opened_at


class TestStatedInstant:
    def test_it_is_rounded_up_to_the_half_hour(self) -> None:
        due = datetime(2026, 3, 2, 10, 1, tzinfo=UTC)
        assert stated_instant(due, MONDAY, OFFICE) == datetime(2026, 3, 2, 10, 30, tzinfo=UTC)

    def test_the_half_hour_is_that_of_the_teams_own_clock(self) -> None:
        hours = hours_of("Asia/Kathmandu", {"mon-sun": "24h"})
        local = stated_instant(MONDAY, MONDAY, hours).astimezone(ZoneInfo("Asia/Kathmandu"))
        assert local.minute % 30 == 0

    def test_the_hour_of_closing_may_be_stated(self) -> None:
        closing = datetime(2026, 3, 2, 16, tzinfo=UTC)
        assert stated_instant(closing, MONDAY, OFFICE) == closing

    def test_where_rounding_runs_past_closing_it_is_the_next_opening(self) -> None:
        late = datetime(2026, 3, 2, 15, 50, tzinfo=UTC)
        assert stated_instant(late, late, OFFICE) == datetime(2026, 3, 3, 8, tzinfo=UTC)

    def test_an_hour_that_comes_twice_is_left_out(self) -> None:
        hours = hours_of("Europe/Berlin", {"mon-sun": "24h"})
        for minute in (5, 35, 65, 95):  # of the two hours in which clocks show 02:00 to 03:00
            due = datetime(2026, 10, 25, 0, tzinfo=UTC) + timedelta(minutes=minute)
            assert stated_instant(due, MONDAY, hours) == datetime(2026, 10, 25, 2, tzinfo=UTC)

    def test_spans_without_any_half_hour_still_give_an_instant(self) -> None:
        hours = hours_of("UTC", {"mon-fri": "09:05-09:25"})
        assert stated_instant(MONDAY, MONDAY, hours) == MONDAY + timedelta(minutes=30)


class TestConfiguredPromise:
    def test_it_is_the_configured_opening_time_after_the_mail(self) -> None:
        night = datetime(2026, 3, 6, 21, tzinfo=UTC)  # a Friday
        promise = configured_promise(night, team="payment", hours=OFFICE, first_response=timedelta(hours=4))
        assert promise.due_at == datetime(2026, 3, 9, 12, tzinfo=UTC)
        assert promise.method == CONFIGURED
        assert "configured first response of 4h" in promise.steps[0]

    def test_a_mail_fetched_late_is_not_promised_the_past(self) -> None:
        promise = configured_promise(
            MONDAY, team="x", hours=OFFICE, first_response=timedelta(hours=1), written_at=MONDAY + timedelta(days=1)
        )
        assert promise.due_at == MONDAY + timedelta(days=1, minutes=30)


class TestCurve:
    def test_answered_waits_alone_give_their_share(self) -> None:
        curve = kaplan_meier(np.arange(1.0, 101.0), np.ones(100, bool), np.ones(100))
        assert curve.quantile(0.95) == 95.0

    def test_tickets_still_open_lengthen_it(self) -> None:
        answered = np.ones(100, bool)
        answered[:50] = False
        assert (kaplan_meier(np.arange(1.0, 101.0), answered, np.ones(100)).quantile(0.5) or 0) > 50

    def test_an_answer_that_ties_with_an_open_ticket_comes_first(self) -> None:
        waits, weights = np.array([5.0, 5.0]), np.ones(2)
        one = kaplan_meier(waits, np.array([True, False]), weights)
        other = kaplan_meier(waits, np.array([False, True]), weights)
        assert one.share[-1] == other.share[-1] == 0.5

    def test_it_is_never_reached_when_too_many_stay_open(self) -> None:
        answered = np.arange(100) < 80
        curve = kaplan_meier(np.arange(1.0, 101.0), answered, np.ones(100))
        assert curve.quantile(0.95) is None
        assert curve.quantile(0.95, least=0.95) is None

    def test_a_margin_beyond_the_curve_gives_the_longest_wait_known(self) -> None:
        answered = np.arange(100) < 97
        curve = kaplan_meier(np.arange(1.0, 101.0), answered, np.ones(100))
        assert curve.quantile(0.99) is None
        assert curve.quantile(0.99, least=0.95) == 100.0

    def test_a_ticket_with_an_age_waits_longer_than_that(self) -> None:
        curve = kaplan_meier(np.arange(1.0, 101.0), np.ones(100, bool), np.ones(100))
        assert curve.quantile(0.5, age=50.0) == 75.0
        assert curve.quantile(0.5, age=500.0) is None

    def test_the_configured_promise_is_the_quantile_of_its_points(self) -> None:
        waits = prior_waits(timedelta(hours=10), 0.95)
        assert np.mean(waits <= 36000.0) == pytest.approx(0.95, abs=0.013)


class TestLearning:
    def test_before_anybody_was_answered_the_configured_response_is_promised(self) -> None:
        promise = ask(Estimator(terms()), MONDAY)
        assert length(promise) == terms()("desk").first_response
        assert promise.method == CONFIGURED
        assert promise.typical is None

    def test_nothing_is_said_about_most_people_before_twenty_were_answered(self) -> None:
        estimator = Estimator(terms())
        at = feed(estimator, [2.0] * 19)
        assert ask(estimator, at).typical is None
        at = feed(estimator, [2.0] * 20, start=at)
        assert ask(estimator, at).typical is not None

    def test_a_quick_team_promises_less_and_a_slow_one_more(self) -> None:
        estimator = Estimator(terms())
        at = feed(estimator, [3.0] * 400, team="slow")
        at = feed(estimator, [0.4] * 600, team="quick", start=at)
        assert length(ask(estimator, at, "quick")) < timedelta(hours=1)
        assert length(ask(estimator, at, "slow")) >= timedelta(hours=3)

    def test_a_team_of_three_tickets_leans_on_the_others(self) -> None:
        estimator = Estimator(terms())
        at = feed(estimator, [2.0] * 300, team="big")
        at = feed(estimator, [2.0] * 3, team="small", start=at)
        assert "other teams' tickets weigh 25" in ask(estimator, at, "small").steps[0]

    def test_broken_promises_raise_the_level_and_kept_ones_lower_it(self) -> None:
        estimator = Estimator(terms())
        at = feed(estimator, [1.0] * 200)
        before = ask(estimator, at).p
        for i in range(20):
            estimator.opened(f"late-{i}", team="desk", priority="2", at=at)
        estimator.advance(at + timedelta(days=30))
        raised = ask(estimator, at + timedelta(days=30)).p
        assert raised > before
        for i in range(20):
            estimator.closed(f"late-{i}", at + timedelta(days=30))
        at = feed(estimator, [1.0] * 300, start=at + timedelta(days=31))
        assert ask(estimator, at).p < raised

    def test_an_answer_found_late_takes_the_broken_promise_back(self) -> None:
        estimator = Estimator(terms())
        promise = estimator.opened("a", team="desk", priority="2", at=MONDAY)
        estimator.advance(MONDAY + timedelta(days=9))
        assert estimator.export_state()["raised"] > 0
        assert promise.due_at is not None
        assert estimator.answered("a", promise.due_at)
        assert estimator.export_state()["raised"] == 0

    def test_closed_without_an_answer_leaves_sample_and_count(self) -> None:
        with_spam, without = Estimator(terms()), Estimator(terms())
        for i in range(50):
            with_spam.opened(f"s{i}", team="desk", priority="2", at=MONDAY)
            with_spam.closed(f"s{i}", MONDAY + timedelta(minutes=1))
        later = MONDAY + timedelta(days=40)
        with_spam.advance(later)
        assert ask(with_spam, later).q == ask(without, later).q
        assert with_spam.export_state()["raised"] == 0

    @pytest.mark.parametrize("restored", [False, True], ids=["running", "after a restart"])
    def test_a_closure_that_is_taken_back_leaves_no_trace(self, restored: bool) -> None:
        usual, merged = Estimator(terms()), Estimator(terms())
        for estimator in (usual, merged):
            feed(estimator, [1.0] * 30)
            for name in ("a", "b"):
                estimator.opened(name, team="desk", priority="2", at=MONDAY + timedelta(days=3))
        merged.closed("b", MONDAY + timedelta(days=3, hours=1))
        if restored:
            merged = Estimator.from_state(terms(), json.loads(json.dumps(merged.export_state())))
        assert merged.reopened("b", MONDAY + timedelta(days=3, hours=2))
        later = MONDAY + timedelta(days=9)
        for estimator in (usual, merged):
            estimator.advance(later)
        assert ask(merged, later).q == ask(usual, later).q
        assert merged.export_state() == usual.export_state()

    def test_only_a_closed_ticket_is_reopened(self) -> None:
        estimator = Estimator(terms())
        estimator.opened("a", team="desk", priority="2", at=MONDAY)
        assert not estimator.reopened("a", MONDAY)
        assert not estimator.reopened("nobody", MONDAY)

    def test_a_promise_that_passed_while_its_ticket_was_closed_moves_no_level(self) -> None:
        estimator = Estimator(terms())
        estimator.opened("a", team="desk", priority="2", at=MONDAY)
        estimator.closed("a", MONDAY + timedelta(hours=1))
        assert estimator.reopened("a", MONDAY + timedelta(days=30))
        estimator.advance(MONDAY + timedelta(days=31))
        assert estimator.export_state()["raised"] == 0

    def test_a_second_mail_does_not_restart_the_clock(self) -> None:
        estimator = Estimator(terms())
        for hour in range(3):
            estimator.opened("a", team="desk", priority="2", at=MONDAY + timedelta(hours=hour))
        assert len(estimator.export_state()["tickets"]) == 1

    def test_an_event_told_twice_changes_nothing(self) -> None:
        estimator = Estimator(terms())
        promise = estimator.opened("a", team="desk", priority="2", at=MONDAY)
        assert estimator.answered("a", MONDAY + timedelta(hours=1))
        state = estimator.export_state()
        estimator.learn("a", team="desk", priority="2", at=promise.opened_at, due_at=promise.due_at)
        assert not estimator.answered("a", MONDAY + timedelta(hours=2))
        assert not estimator.closed("nobody", MONDAY)
        assert estimator.export_state() == state

    def test_history_is_learnt_without_promises_to_judge(self) -> None:
        estimator = Estimator(terms())
        for i in range(300):
            at = MONDAY + timedelta(hours=i)
            estimator.learn(f"h{i}", team="desk", priority="2", at=at)
            estimator.answered(f"h{i}", at + timedelta(minutes=50))
        promise = ask(estimator, MONDAY + timedelta(days=20))
        assert length(promise) < timedelta(hours=4)
        assert estimator.export_state()["raised"] == 0

    def test_an_answer_while_closed_counts_as_just_after_the_next_opening(self) -> None:
        estimator = Estimator(terms(OFFICE))
        friday = datetime(2026, 3, 6, 16, 30, tzinfo=OFFICE.zone)
        for i in range(500):
            at = friday + timedelta(weeks=i)  # by the wall clock
            estimator.opened(f"e{i}", team="desk", priority="2", at=at)
            estimator.answered(f"e{i}", at + timedelta(hours=5))
        due = ask(estimator, friday + timedelta(weeks=500)).due_at
        assert due is not None
        assert due.astimezone(OFFICE.zone).strftime("%a %H:%M") == "Mon 09:30"

    def test_languages_are_measured_apart_where_the_owner_says_so(self) -> None:
        estimator = Estimator(terms(by_language=True))
        for i in range(400):
            at = MONDAY + timedelta(hours=40 * i)
            for language in ("de", "es"):
                estimator.opened(f"{language}{i}", team="desk", priority="2", at=at, language=language)
            estimator.answered(f"de{i}", at + timedelta(hours=0.5))
            estimator.answered(f"es{i}", at + timedelta(hours=30))
        at = MONDAY + timedelta(hours=40 * 400)
        german = estimator.promise(team="desk", priority="2", at=at, language="de")
        spanish = estimator.promise(team="desk", priority="2", at=at, language="es")
        assert german.typical == at + timedelta(hours=0.5)
        assert length(spanish) == timedelta(hours=30)

    def test_the_softer_figure_is_earlier_than_the_promise(self) -> None:
        estimator = Estimator(terms())
        at = feed(estimator, [1.0] * 9 * 30 + [40.0] * 30)
        promise = ask(estimator, at)
        assert promise.typical is not None
        assert promise.due_at is not None
        assert promise.typical < promise.due_at

    def test_a_team_without_terms_is_refused(self) -> None:
        with pytest.raises(KeyError):
            Estimator(lambda team: None).promise(team="nobody", priority="2", at=MONDAY)


class TestNoDate:
    def test_beyond_the_cap_no_date_is_stated(self) -> None:
        estimator = Estimator(terms(cap=timedelta(hours=80)))
        at = feed(estimator, [200.0] * 100)
        promise = ask(estimator, at)
        assert (promise.due_at, promise.no_date) == (None, BEYOND_CAP)
        assert "beyond the cap of 80h" in promise.steps[-1]

    def test_where_too_many_are_never_answered_no_date_is_stated(self) -> None:
        estimator = Estimator(terms())
        for i in range(400):
            at = MONDAY + timedelta(hours=i)
            estimator.opened(f"u{i}", team="desk", priority="2", at=at)
            if i % 4:
                estimator.answered(f"u{i}", at + timedelta(minutes=30))
        promise = ask(estimator, MONDAY + timedelta(hours=2000))
        assert (promise.due_at, promise.q, promise.no_date) == (None, None, NEVER_REACHED)


class TestRenewal:
    def test_a_ticket_still_open_gets_a_later_date(self) -> None:
        estimator = Estimator(terms())
        rng = np.random.default_rng(1)
        at = feed(estimator, list(rng.exponential(10.0, 400)))
        first = estimator.opened("old", team="desk", priority="2", at=at)
        assert first.due_at is not None
        now = first.due_at - timedelta(hours=1)
        renewed = estimator.renewed("old", now)
        assert renewed is not None
        assert renewed.due_at is not None
        assert renewed.due_at > first.due_at
        assert renewed.opened_at == at
        assert first.typical is not None
        assert renewed.typical is None

    def test_only_open_tickets_are_renewed(self) -> None:
        estimator = Estimator(terms())
        estimator.opened("a", team="desk", priority="2", at=MONDAY)
        estimator.answered("a", MONDAY + timedelta(minutes=5))
        assert estimator.renewed("a", MONDAY + timedelta(hours=1)) is None
        assert estimator.renewed("nobody", MONDAY) is None


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["opened", "opened", "opened", "answered", "closed", "reopened"]),
        st.integers(0, 40),  # case
        st.sampled_from(["one", "two", "three"]),
        st.sampled_from(["1", "2"]),
        st.timedeltas(timedelta(0), timedelta(days=4)),  # since the event before
    ),
    max_size=80,
)


def drive(estimator: Estimator, events: list[tuple[str, int, str, str, timedelta]]) -> tuple[list[Promise], datetime]:
    at, promises = MONDAY, []
    for kind, case, team, priority, later in events:
        at += later
        if kind == "opened":
            promises.append(estimator.opened(str(case), team=team, priority=priority, at=at))
        elif kind == "answered":
            estimator.answered(str(case), at)
        elif kind == "closed":
            estimator.closed(str(case), at)
        else:
            estimator.reopened(str(case), at)
    return promises, at


class TestProperties:
    @settings(deadline=None)
    @given(st.sampled_from(HOURS), EVENTS, st.none() | st.integers(1, 60))
    def test_every_date_may_be_stated(self, hours: OpeningHours, events: list[object], cap: int | None) -> None:
        longest = timedelta(hours=cap) if cap else None
        promises, _ = drive(Estimator(terms(hours, cap=longest)), events)  # type: ignore[arg-type]
        for promise in promises:
            if promise.due_at is None:
                never = promise.no_date == NEVER_REACHED and promise.q is None
                beyond = promise.no_date == BEYOND_CAP and longest and promise.q and promise.q > longest
                assert never or beyond
                continue
            local = promise.due_at.astimezone(hours.zone)
            assert promise.due_at >= promise.opened_at + timedelta(minutes=30)
            assert (local.minute % 30, local.second, local.microsecond) == (0, 0, 0)
            assert hours.is_open(promise.due_at) or hours.is_open(promise.due_at - timedelta(microseconds=1))
            assert promise.q is not None
            assert hours.business_time_between(promise.opened_at, promise.due_at) >= promise.q

    @settings(deadline=None)
    @given(EVENTS, EVENTS)
    def test_a_restart_changes_no_later_promise(self, before: list[object], after: list[object]) -> None:
        running = Estimator(terms(OFFICE))
        _, at = drive(running, before)  # type: ignore[arg-type]
        restarted = Estimator.from_state(terms(OFFICE), json.loads(json.dumps(running.export_state())))
        assert ask(restarted, at, "one") == ask(running, at, "one")
        assert drive(restarted, after) == drive(running, after)  # type: ignore[arg-type]
        assert restarted.export_state()["raised"] == running.export_state()["raised"]

    def test_a_restart_is_exact_after_the_samples_are_full(self) -> None:
        rng = np.random.default_rng(7)
        running = Estimator(terms())
        at = feed(running, list(rng.pareto(1.2, 1500)))
        restarted = Estimator.from_state(terms(), json.loads(json.dumps(running.export_state())))
        more = list(rng.pareto(1.2, 700))
        feed(running, more, start=at)
        feed(restarted, more, start=at)
        later = at + timedelta(days=60)
        assert ask(restarted, later) == ask(running, later)
        assert restarted.export_state() == running.export_state()

    def test_a_state_of_another_version_is_refused(self) -> None:
        with pytest.raises(ValueError, match="version 99"):
            Estimator.from_state(terms(), {"version": 99})

    def test_teams_that_are_gone_are_left_out_of_a_restored_state(self) -> None:
        estimator = Estimator(terms())
        feed(estimator, [1.0] * 5, team="old")
        feed(estimator, [1.0] * 5, team="new")
        state = estimator.export_state()
        only_new = {"new": Terms(ALWAYS, timedelta(hours=4))}
        kept = Estimator.from_state(only_new.get, state).export_state()["tickets"]
        assert {ticket[1] for ticket in kept} == {"new"}

    def test_asking_changes_nothing(self) -> None:
        estimator = Estimator(terms())
        at = feed(estimator, [3.0] * 30)
        state = estimator.export_state()
        assert ask(estimator, at) == ask(estimator, at)
        assert estimator.export_state() == state


class TestBacktest:
    def test_it_is_the_very_same_estimator(self) -> None:
        calendar = {
            "tz": "Europe/Berlin",
            "hours": {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")},
            "holidays": None,
            "cold_start_hours": 16.0,
        }
        replayed, own = backtest_estimator(calendar, 0.95), Estimator(terms(OFFICE))
        for i in range(200):
            at = MONDAY + timedelta(hours=7 * i)
            assert replayed.opened(str(i), "a", "1", at) == own.opened(str(i), team="a", priority="1", at=at).due_at
            if i >= 5:
                replayed.answered(str(i - 5), at)
                own.answered(str(i - 5), at)

    @pytest.mark.parametrize(
        "hours",
        [
            {"mon": [["00:00", "24:00"]], "tue": [["00:00", "00:00"]]},
            {"mon": [["08:00", "12:00"], ["12:00", "18:00"]]},
            {"mon": [["22:00", "06:00"]], "tue": []},
        ],
        ids=["around the clock", "touching spans", "over midnight"],
    )
    def test_it_takes_every_shape_of_calendar(self, hours: dict[str, object]) -> None:
        calendar = {"tz": "UTC", "hours": hours, "holidays": ["2026-03-09"], "cold_start_hours": 8.0}
        due = backtest_estimator(calendar, 0.9).opened("a", "t", "1", MONDAY)
        assert due is not None
        assert due > MONDAY
