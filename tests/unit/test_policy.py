"""What is told about rules without looking at mail: those that never decide, names that lead nowhere, mail in a circle."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.rules import SUNDAY, circumstances, mail, policy
from triage.message import Prediction, Verdict
from triage.rulebook.policy_faults import policy_faults
from triage.rulebook.rules import When
from triage.rulebook.shadowing import conjuncts, implies, shadows
from triage.settings import Settings

SETTINGS = Settings.model_validate(
    {
        "shop": {"name": "Shop"},
        "mailboxes": {
            "support": {
                "imap": {"host": "h", "username": "u", "password": {"env": "P"}},
                "addresses": ["support@watched.example"],
                "forwarders": ["info@partner.example"],
                "languages": ["en-GB", "de"],
            }
        },
        "smtp": {"host": "h"},
    }
)


def faults(*rules: dict[str, Any], **more: Any) -> list[tuple[str, str]]:
    """(key, fault) of everything told about *rules*, but unused teams."""
    found = policy_faults(policy(*rules, **more), SETTINGS, ("vip",))
    return [(".".join(map(str, each.key)), each.fault) for each in found if each.key[0] not in ("teams", "calendars")]


def is_implied(narrow: dict[str, Any], wide: dict[str, Any]) -> bool:
    return implies(conjuncts(When.model_validate(narrow)), conjuncts(When.model_validate(wide)))


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ({"category": "payment"}, {}),
        ({"category": "payment"}, {"category": ["payment", "product"]}),
        ({"category": "payment", "language": "de"}, {"category": "payment"}),
        ({"confidence_at_least": 0.9}, {"confidence_at_least": 0.8}),
        ({"size_below": "1MB"}, {"size_below": "2MB"}),
        ({"sender": "karin@mail.shop.example"}, {"sender": "shop.example"}),
        ({"sender": "karin@shop.example"}, {"sender": "*@shop.*"}),
        ({"words": {"de": ["Anwalt"]}}, {"words": ["anw*"]}),
        ({"subject_words": "invoice"}, {"words": ["invoice", "receipt"]}),
        ({"order_number_matches": "EX"}, {"order_number": True}),
        ({"attachment": "pdf"}, {"attachment": "any"}),
        ({"silence": "dsn"}, {"silence": "any"}),
        ({"silence": ["dsn", "list"]}, {"silence": "machine"}),
        ({"silence": "machine"}, {"silence": ["any"]}),
        ({"header": {"X-Form": "returns", "X-A": "1"}}, {"header": {"x-form": "*"}}),
        ({"all": [{"category": "payment"}, {"language": "de"}]}, {"language": "de"}),
        ({"category": "payment"}, {"any": [{"category": "payment"}, {"language": "de"}]}),
        ({"any": [{"category": "payment"}, {"category": "product"}]}, {"category": ["payment", "product"]}),
        ({"category": "payment"}, {"not": {"category": "product"}}),
        ({"not": {"category": ["payment", "product"]}}, {"not": {"category": "payment"}}),
    ],
    ids=str,
)
def test_one_block_of_conditions_is_inside_another(narrow: dict[str, Any], wide: dict[str, Any]) -> None:
    assert is_implied(narrow, wide)
    assert not is_implied(wide, narrow)


def test_words_of_one_language_are_not_inside_those_of_another() -> None:
    assert not is_implied({"words": {"de": "Gift"}}, {"words": {"en": "gift"}})


@pytest.mark.parametrize(
    "when",
    [
        {"confidence_at_least": 0.8, "confidence_below": 0.5},
        {"category": "payment", "not": {"category": ["payment", "product"]}},
        {"all": [{"language": "de"}, {"language": "en"}]},
        {"order_number": False, "order_number_matches": "EX"},
        {"team_open": "desk", "team_closed": "desk"},
        {"attachment": "none", "all": [{"attachment": "any"}]},
        {"size_at_least": "5MB", "size_below": "1MB"},
    ],
    ids=str,
)
def test_conditions_that_contradict_each_other_are_told(when: dict[str, Any]) -> None:
    assert [key for key, _ in faults({"when": when, "then": {"team": "desk"}})] == ["rules.0.when"]


def test_a_rule_that_continues_shadows_nothing() -> None:
    assert faults(
        {"when": {}, "then": {"tags": "seen", "continue": True}},
        {"when": {"category": "payment"}, "then": {"team": "payment"}},
    ) == []  # fmt: skip


@pytest.mark.parametrize("address", ["support@watched.example", "SUPPORT+x@watched.example", "info@partner.example"])
def test_a_further_recipient_that_leads_back_is_told(address: str) -> None:
    rule = {"when": {"category": "payment"}, "then": {"team": "payment", "also_to": address}}
    assert [key for key, _ in faults(rule)] == ["rules.0.then.also_to"]


def test_a_fault_inside_a_nested_block_is_told_with_its_place() -> None:
    when = {"any": [{"category": "payment"}, {"not": {"mailbox": "returns"}}]}
    assert faults({"when": when, "then": {"team": "payment"}}) == [
        ("rules.0.when.any.1.not.mailbox", "no mailbox 'returns'")
    ]


def test_the_languages_of_mailboxes_are_known_without_their_country() -> None:
    when = {"words": {"en": "invoice", "de": "Rechnung", "any": "invoice", "fr": "facture"}}
    assert [key for key, _ in faults({"when": when, "then": {"team": "payment"}})] == ["rules.0.when.words.fr"]


def test_categories_of_another_model_may_be_given() -> None:
    rules = policy({"when": {"category": "returns"}, "then": {"team": "payment"}})
    assert any(fault.key[0] == "rules" for fault in policy_faults(rules, SETTINGS))
    assert not any(fault.key[0] == "rules" for fault in policy_faults(rules, SETTINGS, (), ("returns",)))


# -- what is told is true ------------------------------------------------------------------------------------------------------------

CONDITION = st.sampled_from(
    [
        {"category": "payment"},
        {"category": ["payment", "logistics"]},
        {"category": ["logistics", "none"]},
        {"language": "de"},
        {"language": ["de", "en"]},
        {"confidence_at_least": 0.5},
        {"confidence_below": 0.5},
        {"confidence_at_least": 0.8},
        {"sender": "kunden.example"},
        {"sender": ["karin@kunden.example", "a@b.example"]},
        {"words": "parcel"},
        {"words": {"de": ["parc*"], "any": ["invoice"]}},
        {"words": ["parcel", "invoice"]},
        {"subject_words": "invoice"},
        {"silence": "any"},
        {"silence": ["none", "dsn"]},
        {"silence": "dsn"},
        {"contact": "first"},
        {"contact": "follow-up"},
        {"team_open": "desk"},
        {"team_closed": ["desk", "payment"]},
    ]
)
BLOCK = st.recursive(
    CONDITION,
    lambda inner: st.one_of(
        st.builds(
            lambda key, blocks: {key: blocks},
            st.sampled_from(["all", "any"]),
            st.lists(inner, min_size=1, max_size=3),
        ),
        st.builds(lambda block: {"not": block}, inner),
    ),
    max_leaves=4,
)
MAILS = [
    mail(text, Subject=subject, language=language)
    for text, subject, language in product(
        ["Where is my parcel?", "Invoice please", "Hello"], ["Hi", "Invoice"], ["de", "en", None]
    )
]
PLACES = [
    circumstances(
        prediction=Prediction(category, confidence), verdict=Verdict(reason, None, None), follow_up=known, **at
    )
    for category, confidence, reason, known, at in product(
        ["payment", "logistics", None], [0.3, 0.6, 0.9], [None, "dsn", "list"], [True, False], [{}, {"now": SUNDAY}]
    )
]


@settings(deadline=None)
@given(st.lists(st.builds(lambda a, b: {**a, **b}, BLOCK, CONDITION), min_size=2, max_size=5), st.data())
def test_a_rule_that_is_told_to_be_unreachable_never_matches(whens: list[dict[str, Any]], data: st.DataObject) -> None:
    rules = policy(*({"when": when, "then": {"team": "payment"}} for when in whens))
    unreachable = {f"rule {shadow.rule + 1}" for shadow in shadows(rules.rules)}
    for _ in range(20):
        route = rules.route(data.draw(st.sampled_from(MAILS)), data.draw(st.sampled_from(PLACES)))
        assert route.rule not in unreachable
