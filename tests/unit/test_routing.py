"""Rules: which conditions hold, which rule decides what, and the reasons that are shown."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.rules import SUNDAY, circumstances, mail, policy
from triage.message import Message, Prediction, Verdict
from triage.routing import Route
from triage.rulebook.signals import is_shouted
from triage.rulebook.words import Matcher, Text, WordList


def decide(when: dict[str, Any], message: Message | None = None, **changes: Any) -> Route:
    rules = policy({"when": when, "then": {"team": "payment"}})
    return rules.route(message or mail(), circumstances(**changes))


def holds(when: dict[str, Any], message: Message | None = None, **changes: Any) -> bool:
    return decide(when, message, **changes).team == "payment"


COMPLAINT = Prediction("complaint", 0.8, about="logistics")
UNSURE = Prediction(None, 0.4)
BOUNCE = Verdict("dsn", "Content-Type: multipart/report", None)
PHOTO = (
    "--b\r\nContent-Type: text/plain\r\n\r\nSee the photo.\r\n--b\r\nContent-Type: application/octet-stream\r\n"
    'Content-Disposition: attachment; filename="broken.JPG"\r\n\r\nxxxx\r\n--b--'
)


def with_photo() -> Message:
    return mail(PHOTO, Content_Type="multipart/mixed; boundary=b")


@pytest.mark.parametrize(
    ("when", "changes"),
    [
        ({"category": "logistics"}, {}),
        ({"category": ["payment", "logistics"]}, {}),
        ({"category": "none"}, {"prediction": UNSURE}),
        ({"category": "complaint", "about": "logistics"}, {"prediction": COMPLAINT}),
        ({"confidence_at_least": 0.9}, {}),
        ({"confidence_below": 0.5}, {"prediction": UNSURE}),
        ({"language": ["de", "en"]}, {}),
        ({"mailbox": "support"}, {}),
        ({"sender": "karin@kunden.example"}, {}),
        ({"sender": "KARIN@kunden.example"}, {}),
        ({"sender": "kunden.example"}, {}),
        ({"sender": "@kunden.example"}, {}),
        ({"sender": "*@kunden.*"}, {}),
        ({"sender": "form@shop.example"}, {"verdict": Verdict(None, None, "form@shop.example")}),
        ({"sender_list": "vip"}, {"lists": {"vip": frozenset({"kunden.example"})}}),
        ({"authenticated": True}, {"authenticated": True}),
        ({"authenticated": False}, {}),
        ({"recipient": "support@shop.example"}, {}),
        ({"recipient": "shop.example"}, {}),
        ({"subject_words": "order"}, {}),
        ({"words": ["invoice", "parcel"]}, {}),
        ({"words": {"en": "parcel", "de": "Paket"}}, {}),
        ({"text_matches": r"where\s+is"}, {}),
        ({"subject_matches": "^my"}, {}),
        ({"order_number": False}, {}),
        ({"attachment": "none"}, {}),
        ({"size_at_least": "10B", "size_below": "5kB"}, {}),
        ({"team_open": "logistics"}, {}),
        ({"team_closed": "logistics"}, {"now": SUNDAY}),
        ({"contact": "first"}, {}),
        ({"contact": "follow-up"}, {"follow_up": True}),
        ({"silence": "none"}, {}),
        ({"silence": "any"}, {"verdict": BOUNCE}),
        ({"silence": ["list", "dsn"]}, {"verdict": BOUNCE}),
        ({"silence": "machine"}, {"verdict": BOUNCE}),
        ({"signals": "repeated"}, {"follow_up": True, "overdue": True}),
        ({"all": [{"category": "logistics"}, {"language": "en"}]}, {}),
        ({"any": [{"category": "payment"}, {"language": "en"}]}, {}),
        ({"not": {"category": "payment"}}, {}),
        ({"not": {"any": [{"language": "de"}, {"all": [{"category": "payment"}]}]}}, {}),
        ({}, {}),
    ],
    ids=str,
)
def test_a_condition_holds(when: dict[str, Any], changes: dict[str, Any]) -> None:
    assert holds(when, **changes)


@pytest.mark.parametrize(
    ("when", "changes"),
    [
        ({"category": "logistics"}, {"prediction": UNSURE}),
        ({"category": "complaint", "about": "payment"}, {"prediction": COMPLAINT}),
        ({"confidence_at_least": 0.91}, {}),
        ({"confidence_below": 0.9}, {}),
        ({"language": "none"}, {}),
        ({"mailbox": "returns"}, {}),
        ({"sender": "unden.example"}, {}),
        ({"sender": "arin@kunden.example"}, {}),
        ({"sender": "*@kunden.example.*"}, {}),
        ({"sender_list": "vip"}, {"lists": {"vip": frozenset({"other.example"})}}),
        ({"authenticated": True}, {}),
        ({"recipient": "returns@shop.example"}, {}),
        ({"subject_words": "parcel"}, {}),
        ({"words": "parc"}, {}),
        ({"words": {"de": "parcel"}}, {}),
        ({"text_matches": "paket"}, {}),
        ({"order_number": True}, {}),
        ({"attachment": "any"}, {}),
        ({"header": {"X-Form": "*"}}, {}),
        ({"size_at_least": "5kB"}, {}),
        ({"team_open": "logistics"}, {"now": SUNDAY}),
        ({"team_closed": "logistics"}, {}),
        ({"contact": "follow-up"}, {}),
        ({"silence": "any"}, {}),
        ({"silence": "list"}, {"verdict": BOUNCE}),
        ({"signals": ["chargeback", "lawyer", "review", "press", "shouting", "repeated", "danger", "authority"]}, {}),
        ({"all": [{"category": "logistics"}, {"language": "de"}]}, {}),
        ({"any": [{"category": "payment"}, {"language": "de"}]}, {}),
        ({"not": {"category": "logistics", "language": "en"}}, {}),
    ],
    ids=str,
)
def test_a_condition_does_not_hold(when: dict[str, Any], changes: dict[str, Any]) -> None:
    assert not holds(when, **changes)


def test_an_alias_is_found_in_the_headers_of_delivery() -> None:
    assert holds({"recipient": "returns@shop.example"}, mail(Delivered_To="returns@shop.example"))
    assert holds({"recipient": "returns+*@shop.example"}, mail(X_Original_To="<returns+4711@shop.example>"))


def test_an_order_number_is_compared_from_its_first_letter_on() -> None:
    message = mail("My order EX-123456 is late")
    values = {name: getattr(message, name) for name in message.__dataclass_fields__}
    numbered = Message(**{**values, "order_numbers": ("EX-123456",)})
    assert holds({"order_number": True, "order_number_matches": r"ex-12\d+"}, numbered)
    assert not holds({"order_number_matches": r"12\d+"}, numbered)


def test_an_attachment_has_a_kind_by_its_name_where_its_type_says_nothing() -> None:
    assert holds({"attachment": "image"}, with_photo())
    assert holds({"attachment": "any"}, with_photo())
    assert not holds({"attachment": "pdf"}, with_photo())
    assert not holds({"attachment": "none"}, with_photo())


def test_every_header_named_must_be_there_with_its_value() -> None:
    message = mail(X_Form="Returns, 2nd", X_Shop="7")
    assert holds({"header": {"x-form": "returns*", "X-Shop": "*"}}, message)
    assert not holds({"header": {"X-Form": "returns", "X-Shop": "*"}}, message)
    assert not holds({"header": {"X-Form": "*", "X-Other": "*"}}, message)


# -- words ---------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("zuruck", "Ich schicke es ZURÜCK."),
        ("Rückgabe", "ruckgabe"),
        ("STRASSE", "in der Straße"),
        ("anwält*", "Meine Anwältin schreibt"),
        ("legal action", "I will take legal\r\naction, soon"),
        ("don't", "I DON'T know"),
        ("amazon.de", "bei Amazon.de gekauft"),
        ("where is*", "where isn't it"),
        ("退款", "我要退款谢谢"),
        ("返品", "商品を返品したいです"),
        ("2024", "order of 2024!"),
        ("ё", "ещё"[2:]),
    ],
)
def test_a_word_is_found_whatever_its_case_and_accents(word: str, text: str) -> None:
    assert Matcher([word]).holds(Text(text))
    assert Matcher([word]).found(Text(text)) == word


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("port", "my transport"),
        ("trans", "my transport"),
        ("legal action", "Not legal. Action is needed"),
        ("anwalt", "Anwaltschaft"),
        ("が", "か"),
        ("legal action", "action legal"),
    ],
)
def test_a_word_is_not_found_inside_another(word: str, text: str) -> None:
    assert not Matcher([word]).holds(Text(text))


def test_words_of_a_language_count_in_that_language_and_where_it_is_not_clear() -> None:
    words = WordList({"de": ["Gift"], "any": ["chargeback"]})
    text = Text("gift")
    assert words.matcher("de").holds(text)
    assert words.matcher(None).holds(text)
    assert not words.matcher("en").holds(text)
    assert words.matcher("en").holds(Text("Chargeback!"))


@given(st.text(max_size=60))
def test_a_text_holds_each_of_its_own_words(text: str) -> None:
    folded = Text(text)
    for word in folded.words:
        assert Matcher([word]).holds(folded)


# -- signals -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("signal", "language", "text"),
    [
        ("chargeback", "en", "I will open a dispute with PayPal."),
        ("chargeback", "de", "Dann lasse ich das Geld zurückbuchen."),
        ("chargeback", "es", "Voy a reclamar a mi banco."),
        ("lawyer", "de", "Meine Rechtsanwältin wird sich melden."),
        ("lawyer", "en", "You will hear from my solicitor."),
        ("lawyer", "es", "Mi abogada les escribirá."),
        ("authority", "de", "Ich gehe zur Verbraucherzentrale."),
        ("review", "en", "I will leave a 1-star review on Trustpilot."),
        ("press", "fr", "Je vais écrire à un journaliste."),
        ("danger", "en", "The charger caught fire last night."),
        ("danger", "ja", "充電器から発煙しました。"),
        ("repeated", "de", "Ich schreibe Ihnen zum dritten Mal."),
        ("repeated", "en", "Still no answer from you."),
        ("shouting", "en", "WHERE IS MY PARCEL? I WANT IT NOW"),
        ("shouting", "de", "Wo ist mein Paket??? Das geht nicht!!!"),
    ],
)
def test_a_threat_is_recognised(signal: str, language: str, text: str) -> None:
    assert holds({"signals": signal}, mail(text, language=language))


@pytest.mark.parametrize(
    "text",
    [
        "Could you review my order EX-4711 before you ship it? Press 1 was no help.",
        "Thanks a lot!!! Great service.",
        "I need the invoice for order ABC-DEF-12345, ASAP please.",
        "Please deliver it to St. Mary's Hospital, reception.",
        "Is the smoke detector back in stock?",
        "The coffee press arrived today, my bank statement shows the right amount.",
    ],
)
def test_an_ordinary_mail_gives_no_signal(text: str) -> None:
    every = ["chargeback", "lawyer", "authority", "review", "press", "danger", "shouting", "repeated"]
    assert decide({"signals": every}, mail(text)).because == ("fallback: no rule matched",)


@given(st.text(alphabet=st.characters(categories=["Ll", "Zs", "Nd", "Po"], exclude_characters="!?！？")))
def test_small_letters_never_shout(text: str) -> None:
    assert not is_shouted(text)


# -- deciding ------------------------------------------------------------------------------------------------------------------------


def test_the_first_rule_that_matches_decides() -> None:
    rules = policy(
        {"when": {"category": "payment"}, "then": {"team": "payment"}},
        {"when": {"category": "logistics"}, "then": {"team": "logistics", "priority": "high"}},
        {"when": {"language": "en"}, "then": {"team": "desk"}},
    )
    route = rules.route(mail(), circumstances())
    assert (route.team, route.inbox, route.folder) == ("logistics", "logistics@shop.example", "Triaged/logistics")
    assert (route.priority, route.rule, route.matched) == ("high", "rule 2", ("rule 2",))
    assert route.tried == ("rule 1: category is logistics (0.90)",)
    assert route.because == ("rule 2: category is logistics (0.90)",)


def test_where_no_rule_matches_the_fallback_decides() -> None:
    rules = policy(
        {"when": {"category": "payment"}, "then": {"team": "payment"}}, fallback={"team": "desk", "priority": "low"}
    )
    route = rules.route(mail(), circumstances())
    assert (route.team, route.priority, route.rule) == ("desk", "low", "fallback")


def test_a_rule_that_continues_decides_what_it_names_and_leaves_the_rest_open() -> None:
    rules = policy(
        {
            "when": {"language": "en"},
            "then": {"priority": "urgent", "tags": "a", "also_to": "boss@x.example", "continue": True},
        },
        {
            "when": {"category": "logistics"},
            "then": {"priority": "low", "reply": "neutral", "tags": ["a", "b"], "continue": True},
        },
        {"when": {"category": "payment"}, "then": {"team": "payment", "tags": "c"}},
        {"when": {}, "then": {"team": "logistics", "reply": "never", "clock": "round-the-clock", "folder": "Late"}},
    )
    route = rules.route(mail(), circumstances())
    assert (route.team, route.priority, route.reply, route.clock) == (
        "logistics",
        "urgent",
        "neutral",
        "round-the-clock",
    )
    assert (route.folder, route.tags, route.also_to) == ("Late", ("a", "b"), ("boss@x.example",))
    assert (route.rule, route.matched) == ("rule 4", ("rule 1", "rule 2", "rule 4"))
    assert route.by == {
        "priority": "rule 1",
        "reply": "rule 2",
        "team": "rule 4",
        "clock": "rule 4",
        "folder": "rule 4",
    }


def test_the_fallback_decides_what_rules_that_continue_left_open() -> None:
    rules = policy(
        {"when": {}, "then": {"priority": "high", "continue": True}},
        fallback={"team": "desk", "priority": "low", "template": "neutral", "tags": "unsorted"},
    )
    route = rules.route(mail(), circumstances())
    assert (route.team, route.priority, route.template, route.tags) == ("desk", "high", "neutral", ("unsorted",))
    assert route.matched == ("rule 1", "fallback")


def test_what_no_rule_names_is_as_the_team_has_it() -> None:
    route = policy().route(mail(), circumstances())
    assert (route.priority, route.reply, route.template, route.clock) == ("normal", "normal", None, "opening-hours")
    assert (route.folder, route.also_to, route.tags) == ("Triaged/desk", (), ())


def test_the_reasons_name_what_was_found() -> None:
    when = {
        "words": ["where is", "invoice"],
        "sender": "kunden.example",
        "any": [{"language": "de"}, {"contact": "first"}],
    }
    assert decide(when).because == (
        "rule 1: sender is karin@kunden.example; words is 'where is'; any is contact is first",
    )
    assert decide({"not": {"words": "parcel"}}).tried == ("rule 1: not is words is 'parcel'",)
    assert decide({"any": [{"language": "de"}, {"team_closed": "desk"}]}).tried == (
        "rule 1: any is none: language is en; team_closed is desk is open",
    )


def test_each_clock_has_its_own_first_response_and_hours() -> None:
    rules = policy()
    team = rules.teams["desk"]
    assert team.response("normal", "opening-hours").total_seconds() == 16 * 3600
    assert team.response("normal", "round-the-clock").total_seconds() == 24 * 3600
    assert not rules.clock("desk", "opening-hours").is_open(SUNDAY)
    assert rules.clock("desk", "round-the-clock").is_open(SUNDAY)


def test_an_evil_expression_takes_no_longer_than_a_good_one() -> None:
    assert holds({"text_matches": r"(a+)+$"}, mail("a" * 5_000))
    assert not holds({"text_matches": r"\A(\w+\s?)*\z"}, mail("word " * 3_000 + "!"))


# -- the index never hides a rule that matches ---------------------------------------------------------------------------------------

SIMPLE = st.sampled_from(
    [
        {"category": "logistics"},
        {"category": ["payment", "none"]},
        {"language": "en"},
        {"sender": "kunden.example"},
        {"sender": ["*@kunden.*", "a.example"]},
        {"recipient": "*@shop.example"},
        {"words": ["parcel", "invoice"]},
        {"words": {"de": "where is", "any": ["par*", "退款"]}},
        {"subject_words": "my ord*"},
        {"text_matches": "my parcel"},
        {"subject_matches": "^order"},
        {"header": {"Message-ID": "<1@*"}},
        {"attachment": ["none", "pdf"]},
        {"silence": ["any", "none"]},
        {"silence": "dsn"},
        {"silence": "machine"},
        {"mailbox": "support"},
        {"contact": "first"},
        {"confidence_at_least": 0.5},
        {"not": {"language": "de"}},
        {"about": "none"},
    ]
)
WHEN = st.recursive(
    SIMPLE,
    lambda inner: st.builds(
        lambda key, blocks: {key: blocks}, st.sampled_from(["all", "any"]), st.lists(inner, min_size=1, max_size=3)
    ),
    max_leaves=5,
)


@settings(deadline=None)
@given(st.lists(st.builds(lambda a, b: {**a, **b}, WHEN, SIMPLE), min_size=1, max_size=6))
def test_the_index_gives_what_asking_every_rule_gives(whens: list[dict[str, Any]]) -> None:
    together = policy(*({"when": when, "then": {"team": "payment", "continue": True}} for when in whens))
    for verdict in (Verdict(None, None, None), BOUNCE):
        alone = [f"rule {i}" for i, when in enumerate(whens, start=1) if holds({"not": {"not": when}}, verdict=verdict)]
        found = together.route(mail(), circumstances(verdict=verdict))
        assert list(found.matched) == [*alone, "fallback"]
