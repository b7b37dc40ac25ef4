"""Replies and forwards as any mail program reads them: parsed again with the standard library."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial

import pytest

from tests.support.facts import NOW, facts, office
from tests.support.letters import letter as any_letter
from triage.identity import is_own_message_id, tickets_in
from triage.lifecycle import Kind
from triage.message import Message
from triage.parsing import parse
from triage.performing import write_forward
from triage.planning import Plan, plan
from triage.records import NewEffect

LANGUAGES = ("en", "de", "es")
letter = partial(any_letter, to="support@example.com")


def planned(raw: bytes, **changes: object) -> tuple[Message, Plan]:
    message = parse(raw, languages=LANGUAGES)
    return message, plan(message, facts(**changes), office())


def effect_of(made: Plan, kind: Kind) -> NewEffect:
    return next(effect for effect in made.effects if effect.kind is kind)


def reply_to(raw: bytes, **changes: object) -> EmailMessage:
    content = effect_of(planned(raw, **changes)[1], Kind.REPLY).content
    assert content is not None
    return read(content)


def forward_of(raw: bytes, **changes: object) -> tuple[EmailMessage, bytes]:
    message, made = planned(raw, **changes)
    content = write_forward(office(), raw, message, made.decision, effect_of(made, Kind.FORWARD), NOW)
    return read(content), content


def read(content: bytes) -> EmailMessage:
    """Parse strictly; every line is one that SMTP may carry."""
    assert all(len(line) <= 998 for line in content.split(b"\r\n"))
    assert content.count(b"\n") == content.count(b"\r\n")
    mail = message_from_bytes(content, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    assert not [part.defects for part in mail.walk() if part.defects]
    return mail


# -- the reply ---------------------------------------------------------------------------------------------------------------------


def test_a_reply_threads_below_the_mail_it_answers() -> None:
    raw = letter(1, References="<one@mail.example> <two@mail.example>", In_Reply_To="<two@mail.example>")
    reply = reply_to(raw)
    assert reply["In-Reply-To"] == "<letter.1@mail1.example>"
    assert reply["References"].split() == ["<one@mail.example>", "<two@mail.example>", "<letter.1@mail1.example>"]


def test_a_reply_to_a_mail_without_message_id_has_no_broken_threading() -> None:
    reply = reply_to(letter(1, Message_ID=""))
    assert reply["In-Reply-To"] is None
    assert reply["References"] is None


def test_a_reply_in_an_endless_thread_keeps_the_first_and_the_last_references() -> None:
    names = [f"<n{number}@mail.example>" for number in range(60)]
    references = reply_to(letter(1, References=" ".join(names)))["References"].split()
    assert len(references) <= 21
    assert references[0] == names[0]
    assert references[-2:] == [names[-1], "<letter.1@mail1.example>"]


def test_a_reply_says_that_it_is_automatic_and_goes_to_one_address() -> None:
    reply = reply_to(letter(1))
    assert reply["Auto-Submitted"] == "auto-replied"
    assert reply["X-Auto-Response-Suppress"] == "All"
    assert [address.addr_spec for address in reply["To"].addresses] == ["customer1@mail1.example"]
    assert reply["Cc"] is None
    assert is_own_message_id(reply["Message-ID"])
    assert tickets_in(reply["Subject"]) or reply["X-Triage-Ticket"]


def test_a_reply_has_the_null_sender_in_its_envelope() -> None:
    assert effect_of(planned(letter(1))[1], Kind.REPLY).envelope_sender == ""


@pytest.mark.parametrize(("number", "language"), [(0, "en"), (1, "de"), (2, "es")])
def test_a_reply_says_the_same_in_text_and_html_in_the_customers_language(number: int, language: str) -> None:
    reply = reply_to(letter(number))
    assert reply.get_content_type() == "multipart/alternative"
    plain, html = reply.iter_parts()
    assert (plain.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert str(reply["Content-Language"]).startswith(language)
    assert f'lang="{language}' in html.get_content()
    assert reply["X-Triage-Ticket"] in plain.get_content()
    assert reply["X-Triage-Ticket"] in html.get_content()


def test_nothing_of_the_senders_words_is_in_the_reply() -> None:
    spam = "Buy cheap watches at http://evil.example now"
    raw = letter(1, text=f"{spam}\n", sender="Cheap Watches <customer@mail.example>", subject=spam)
    content = effect_of(planned(raw)[1], Kind.REPLY).content
    assert content is not None
    assert b"evil.example" not in content
    assert spam not in "".join(str(part.get_content()) for part in read(content).iter_parts())


def test_composing_twice_gives_the_same_bytes() -> None:
    assert effect_of(planned(letter(1))[1], Kind.REPLY) == effect_of(planned(letter(1))[1], Kind.REPLY)
    assert forward_of(letter(1))[1] == forward_of(letter(1))[1]


# -- the forward -------------------------------------------------------------------------------------------------------------------


def test_a_forward_holds_the_original_byte_for_byte_and_leads_answers_to_the_customer() -> None:
    raw = letter(1)
    forward, content = forward_of(raw)
    assert raw in content
    assert forward["Reply-To"] == "customer1@mail1.example"
    assert [address.addr_spec for address in forward["To"].addresses] == [office().policy.teams["logistics"].inbox]
    enclosed = [part for part in forward.walk() if part.get_content_type() == "message/rfc822"]
    assert len(enclosed) == 1


def test_a_forward_is_marked_as_ours_so_that_it_never_becomes_a_ticket() -> None:
    forward, _ = forward_of(letter(1))
    assert forward["Auto-Submitted"] == "auto-generated"
    assert forward["X-Triage-Kind"] == "forward"
    assert tickets_in(forward["Subject"]) == (forward["X-Triage-Ticket"],)


def test_a_forward_is_readable_at_a_glance() -> None:
    forward, _ = forward_of(letter(0))
    summary = next(part for part in forward.walk() if part.get_content_type() == "text/plain").get_content()
    for label in ("Customer", "Category", "Priority", "Language", "Promised by", "Answered"):
        assert f"{label}:" in summary
    assert "where is it" in summary.lower()


def test_a_card_number_never_reaches_a_forward() -> None:
    raw = letter(1, text="Meine Karte 4111 1111 1111 1111 wurde zweimal belastet.\n")
    _, content = forward_of(raw)
    assert b"4111 1111 1111 1111" not in content
    assert b"**** **** **** 1111" in content


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00\xff\xfe",
        b"From: \r\nSubject: =?utf-8?q?=0D=0ABcc:_eve@x.example?=\r\n\r\nx" + b"y" * 5_000,
        letter(1).replace(b"\r\n", b"\n"),
        letter(1).replace(b"\r\n", b"\n", 3),
        b"From: Kim\x7f <kim\x7f@mail.example>\r\nSubject: x\r\n\r\nHello\r\n",
    ],
    ids=[
        "empty",
        "no text",
        "a break in the subject and a long line",
        "bare LF",
        "LF and CRLF",
        "a control character in From",
    ],
)
def test_any_bytes_are_forwarded_in_a_mail_that_smtp_can_carry(raw: bytes) -> None:
    forward, content = forward_of(raw)
    assert b"\r\nBcc:" not in content
    assert forward["X-Triage-Kind"] == "forward"


# -- the plan ----------------------------------------------------------------------------------------------------------------------


def test_the_same_facts_give_the_same_plan() -> None:
    assert planned(letter(1))[1].effects == planned(letter(1))[1].effects


def test_not_replying_never_means_not_forwarding_or_not_filing() -> None:
    made = planned(letter(1, Auto_Submitted="auto-replied"))[1]
    assert made.decision.silence is not None
    assert [effect.kind for effect in made.effects] == [Kind.FORWARD, Kind.FILE]


def test_mail_from_before_the_first_start_and_old_mail_is_forwarded_and_not_answered() -> None:
    for received_at in (NOW - timedelta(days=60), NOW - timedelta(days=2)):
        made = planned(letter(1), received_at=received_at)[1]
        assert made.rendered is None
        assert [effect.kind for effect in made.effects] == [Kind.FORWARD, Kind.FILE]


def test_a_second_copy_of_the_same_mail_is_not_answered() -> None:
    made = planned(letter(1), history=replace(facts().history, duplicate=True))[1]
    assert made.rendered is None


@pytest.mark.parametrize("why", ["paused", "breaker"])
def test_replies_that_are_switched_off_leave_the_rest_as_it_is(why: str) -> None:
    made = planned(letter(1), stopped=why)[1]
    assert [effect.kind for effect in made.effects] == [Kind.FORWARD, Kind.FILE]
    assert made.decision.silence == why
    assert made.waited_for


def test_effects_that_may_happen_once_are_named_after_the_mail_and_not_after_its_place() -> None:
    keys = [effect.key for effect in planned(letter(1))[1].effects]
    assert keys == [effect.key for effect in planned(letter(1), received_at=NOW - timedelta(minutes=5))[1].effects]
    assert keys[0] is not None
    assert keys[0].startswith("reply:")
