"""What filed mail teaches. Policies and mails were written for these tests."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from triage.classifier import splitting, teaching
from triage.classifier.splitting import Ties
from triage.classifier.teaching import Filed, Kind, Known, Lesson, NoLesson, Subject
from triage.policy import Policy

CATEGORIES = ("complaint", "logistics", "payment", "product")
PAYMENT = Subject("payment", frozenset({"payment"}))
TEAMS = ("frontdesk", "logistics", "payment", "complaints")


def policy(rules: list[dict[str, Any]], teaches: dict[str, str] | None = None) -> Policy:
    """Four teams that file in "Triaged/<name>", and *rules*; *teaches* is written beside the teams that it names."""
    teams: dict[str, dict[str, Any]] = {
        name: {
            "names": {"en": name},
            "inbox": f"{name}@shop.example",
            "folder": f"Triaged/{name}",
            "calendar": "always",
        }
        for name in TEAMS
    }
    for name, category in (teaches or {}).items():
        teams[name]["teaches"] = category
    named = [{"name": f"rule {number}", **rule} for number, rule in enumerate(rules)]
    calendars = {"always": {"zone": "Europe/Berlin", "hours": {"mon-sun": "24h"}}}
    return Policy.model_validate(
        {"calendars": calendars, "teams": teams, "rules": named, "fallback": {"team": "frontdesk"}}
    )


def rules(text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(text)
    return found


# -- which category a folder stands for --------------------------------------------------------------------------------------------


def test_a_folder_stands_for_the_category_whose_rule_leads_there() -> None:
    found, unclear = teaching.subjects(
        policy(
            rules("""
              - {when: {category: payment}, then: {team: payment}}
              - {when: {category: logistics, language: de}, then: {team: logistics, folder: Triaged/Versand}}
            """)
        ),
        CATEGORIES,
    )
    assert found == {
        "Triaged/payment": PAYMENT,
        "Triaged/Versand": Subject("logistics", frozenset({"logistics"})),
    }
    assert unclear == []


def test_of_several_categories_the_folder_stands_for_the_one_that_is_sent_for_nothing_else() -> None:
    found, unclear = teaching.subjects(
        policy(
            rules("""
              - {when: {category: complaint, about: logistics}, then: {team: logistics, priority: high}}
              - {when: {category: logistics}, then: {team: logistics}}
            """)
        ),
        CATEGORIES,
    )
    assert found == {"Triaged/logistics": Subject("logistics", frozenset({"complaint", "logistics"}))}
    assert unclear == []


def test_a_folder_that_two_categories_lead_to_alike_is_told_until_the_operator_says_which() -> None:
    both = rules("[{when: {category: [payment, product]}, then: {team: payment}}]")
    found, unclear = teaching.subjects(policy(both), CATEGORIES)
    assert found["Triaged/payment"].teaches is None
    assert [(one.folder, one.team, one.categories) for one in unclear] == [
        ("Triaged/payment", "payment", ("payment", "product"))
    ]

    found, unclear = teaching.subjects(policy(both, {"payment": "product"}), CATEGORIES)
    assert found == {"Triaged/payment": Subject("product", frozenset({"payment", "product"}))}
    assert unclear == []


def test_none_and_a_category_that_the_model_does_not_know_teach_nothing() -> None:
    both = rules(
        "[{when: {category: payment}, then: {team: payment}}, {when: {category: logistics}, then: {team: logistics}}]"
    )
    assert teaching.subjects(policy(both, {"payment": "none", "logistics": "warranty"}), CATEGORIES) == ({}, [])


def test_the_front_desk_and_what_is_set_aside_stand_for_nothing() -> None:
    found, unclear = teaching.subjects(
        policy(
            rules("""
              - {when: {category: complaint}, then: {team: frontdesk}}
              - {when: {category: payment}, then: {team: payment, folder: Triaged/Quarantine}}
            """)
        ),
        CATEGORIES,
        never=["Triaged/Quarantine"],
    )
    assert (found, unclear) == ({}, [])


@pytest.mark.parametrize(
    "when",
    [
        "{sender_list: vip}",
        "{category: none}",
        "{not: {category: payment}}",
        "{any: [{category: payment}, {words: invoice}]}",
    ],
)
def test_rules_that_do_not_ask_for_a_category_give_a_folder_none(when: str) -> None:
    found, _ = teaching.subjects(policy(rules(f"[{{when: {when}, then: {{team: payment}}}}]")), CATEGORIES)
    assert found == {}


def test_categories_are_found_inside_blocks() -> None:
    found, _ = teaching.subjects(
        policy(
            rules("""
              - {when: {all: [{category: payment}, {language: de}]}, then: {team: payment}}
              - {when: {any: [{category: complaint}, {category: logistics, words: late}]}, then: {team: complaints}}
            """)
        ),
        CATEGORIES,
    )
    assert found["Triaged/payment"].takes == {"payment"}
    assert found["Triaged/complaints"].takes == {"complaint", "logistics"}


def test_a_folder_below_belongs_to_the_nearest_one_above() -> None:
    configured = ["Triaged", "Triaged/Payment", "INBOX"]
    assert teaching.home_of("Triaged/Payment/2026", configured) == "Triaged/Payment"
    assert teaching.home_of("Triaged/Payments", configured) == "Triaged"
    assert teaching.home_of("Archive", configured) is None


# -- what a mail teaches -----------------------------------------------------------------------------------------------------------


def filed(
    said: str | None, left_in: str | None = "Triaged/Payment", *, answered: bool = False, by_ticket: bool = False
) -> Filed:
    """A mail in Triaged/Payment of which the model had said *said*, and that we had left in *left_in*."""
    return Filed("Triaged/Payment", answered, Known(said, left_in, by_ticket))


@pytest.mark.parametrize("said", ["logistics", "complaint", None])
def test_a_mail_that_was_moved_to_another_categorys_folder_is_a_correction(said: str | None) -> None:
    moved = filed(said, "Triaged/Elsewhere")
    assert teaching.lesson(moved, PAYMENT) == Lesson("payment", Kind.CORRECTION)


def test_a_mail_that_a_person_put_where_the_model_would_have_is_a_confirmation() -> None:
    by_hand = filed("payment", "INBOX")
    assert teaching.lesson(by_hand, PAYMENT) == Lesson("payment", Kind.CONFIRMATION)


@pytest.mark.parametrize("how", [{"answered": True}, {"by_ticket": True}], ids=["flag", "ticket"])
def test_a_mail_that_was_left_and_answered_is_a_confirmation(how: dict[str, bool]) -> None:
    assert teaching.lesson(filed("payment", **how), PAYMENT) == Lesson("payment", Kind.CONFIRMATION)


def test_a_mail_that_was_left_and_not_answered_teaches_nothing() -> None:
    assert teaching.lesson(filed("payment"), PAYMENT) is NoLesson.UNTOUCHED


@pytest.mark.parametrize("said", ["logistics", None])
def test_a_mail_that_a_rule_filed_against_the_model_teaches_nothing_although_answered(said: str | None) -> None:
    assert teaching.lesson(filed(said, answered=True), PAYMENT) is NoLesson.BY_RULE


def test_an_angry_mail_that_a_rule_sent_to_the_shipping_team_and_was_answered_stays_a_complaint() -> None:
    shipping = Subject("logistics", frozenset({"logistics", "complaint"}))
    assert teaching.lesson(filed("complaint", answered=True), shipping) == Lesson("complaint", Kind.CONFIRMATION)


def test_a_move_into_a_folder_that_takes_what_the_model_said_as_well_teaches_nothing() -> None:
    shipping = Subject("logistics", frozenset({"logistics", "complaint"}))
    assert teaching.lesson(filed("complaint", "Triaged/Elsewhere"), shipping) is NoLesson.UNCLEAR
    assert teaching.lesson(filed("product", "Triaged/Elsewhere"), shipping) == Lesson("logistics", Kind.CORRECTION)


def test_a_move_into_a_folder_of_unclear_meaning_teaches_nothing() -> None:
    unclear = Subject(None, frozenset({"payment", "product"}))
    assert teaching.lesson(filed("logistics", "Triaged/Elsewhere"), unclear) is NoLesson.UNCLEAR
    assert teaching.lesson(filed("product", answered=True), unclear) == Lesson("product", Kind.CONFIRMATION)


def test_a_mail_that_the_ledger_does_not_know_teaches_only_when_it_was_answered() -> None:
    assert teaching.lesson(Filed("Triaged/Payment", False, None), PAYMENT) is NoLesson.UNTOUCHED
    assert teaching.lesson(Filed("Triaged/Payment", True, None), PAYMENT) == Lesson("payment", Kind.CONFIRMATION)


def test_a_lost_move_is_not_taken_for_a_persons() -> None:
    assert teaching.lesson(filed("logistics", None), PAYMENT) is NoLesson.UNTOUCHED


def test_copies_that_disagree_teach_nothing_and_a_correction_says_more_than_a_confirmation() -> None:
    payment, corrected = Lesson("payment", Kind.CONFIRMATION), Lesson("payment", Kind.CORRECTION)
    product = Lesson("product", Kind.CORRECTION)
    found = teaching.agreed([("a", payment), ("a", product), ("b", payment), ("b", corrected), ("c", payment)])
    assert found == {"a": NoLesson.DISPUTED, "b": corrected, "c": payment}


# -- what is held out --------------------------------------------------------------------------------------------------------------

ties = st.builds(
    Ties,
    writer=st.integers(0, 30).map(lambda number: f"{number * 2654435761 % 2**32:032x}"[::-1]),
    thread=st.integers(0, 30).map(str),
)


@given(st.lists(ties, max_size=60))
def test_a_writer_and_a_thread_are_never_on_both_sides(mails: list[Ties]) -> None:
    held = splitting.held_out(mails, splitting.conversations(mails))
    for one, one_held in zip(mails, held, strict=True):
        for other, other_held in zip(mails, held, strict=True):
            if one.writer == other.writer or one.thread == other.thread:
                assert one_held == other_held


@given(st.lists(ties, max_size=40), st.lists(ties, max_size=20))
def test_more_mail_never_brings_into_the_examination_what_was_learnt_from(before: list[Ties], more: list[Ties]) -> None:
    first = splitting.held_out(before, splitting.conversations(before))
    both = [*before, *more]
    then = splitting.held_out(both, splitting.conversations(both))[: len(before)]
    assert all(was or not now for was, now in zip(first, then, strict=True))


def test_one_conversation_in_four_is_held_out() -> None:
    mails = [Ties(f"{number * 2654435761 % 2**32:08x}" + 24 * "0", str(number)) for number in range(4000)]
    share = sum(splitting.held_out(mails, splitting.conversations(mails))) / len(mails)
    assert 0.23 < share < 0.27
