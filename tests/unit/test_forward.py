"""The three ways in which a team gets a mail: what each shows, and what it masks."""

from __future__ import annotations

from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from tests.support.facts import NOW, facts, office
from triage.decision import Decision
from triage.forward import MAX_INLINE, MAX_SHOWN, Envelope, compose
from triage.message import Message
from triage.parsing import parse
from triage.planning import plan

CARD = "4111 1111 1111 1111"
QUOTED = "On Monday the shop wrote:\n> We have sent your parcel today.\n"
ENVELOPE = Envelope("support@shop.example", "Shop", "team@shop.example", "<f.1@shop.example>", NOW)


def letter(text: str, *, html: bool = False, subject: str = "My order") -> bytes:
    mail = EmailMessage(policy=policy.SMTP)
    mail["From"], mail["To"], mail["Subject"] = "Ann <ann@mail.example>", "support@example.com", subject
    mail["Message-ID"], mail["Date"] = "<1@mail.example>", "Mon, 02 Mar 2026 09:00:00 +0000"
    mail.set_content(text, subtype="html" if html else "plain", cte="quoted-printable")
    mail.add_attachment(b"\x89PNG photo", maintype="image", subtype="png", filename="größe.png")
    mail.add_attachment(f"card {CARD}\n", filename="note.txt")
    enclosed = EmailMessage(policy=policy.SMTP)
    enclosed["Subject"] = "an older mail"
    enclosed.set_content("older\n")
    mail.add_attachment(enclosed)
    return mail.as_bytes()


def forwarded(raw: bytes, **changes: object) -> EmailMessage:
    message, decision = decided(raw)
    decision = replace(decision, **changes)
    content = compose(raw, message, decision, ENVELOPE, inline=decision.forward_inline, masked=decision.forward_masked)
    mail = message_from_bytes(content, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    return mail


def decided(raw: bytes) -> tuple[Message, Decision]:
    message = parse(raw, languages=("en", "de", "es"))
    return message, plan(message, facts(), office()).decision


def shown(mail: EmailMessage) -> str:
    part = next(part for part in mail.walk() if part.get_content_type() == "text/plain")
    return str(part.get_content()).partition("-" * 72)[2]


def test_attached_shows_the_new_words_and_holds_the_rest_in_the_original() -> None:
    raw = letter(f"Where is it?\n\n{QUOTED}")
    mail = forwarded(raw, forward_masked=False)
    assert shown(mail).strip() == "Where is it?"
    assert raw in mail.as_bytes(policy=policy.SMTP)


def test_inline_shows_the_whole_text_with_what_it_quotes_and_the_attachments_as_they_are() -> None:
    mail = forwarded(letter(f"Where is it?\n\n{QUOTED}"), forward_inline=True)
    assert "Where is it?" in shown(mail)
    assert "We have sent your parcel today." in shown(mail)
    assert [(part.get_content_type(), part.get_filename()) for part in mail.iter_attachments()] == [
        ("image/png", "größe.png"),
        ("text/plain", "note.txt"),
        ("application/octet-stream", "attachment.eml"),
    ]
    assert next(mail.iter_attachments()).get_content() == b"\x89PNG photo"


def test_inline_shows_the_text_of_a_mail_that_has_html_only() -> None:
    mail = forwarded(
        letter("<p>Where <b>is</b> it?</p><blockquote>We have sent it.</blockquote>", html=True), forward_inline=True
    )
    assert "Where is it?" in shown(mail)
    assert "We have sent it." in shown(mail)


@pytest.mark.parametrize(("inline", "most"), [(False, MAX_SHOWN), (True, MAX_INLINE)], ids=["attached", "inline"])
def test_a_text_beyond_the_bound_is_cut_and_says_where_the_rest_is(inline: bool, most: int) -> None:
    mail = forwarded(letter("word " * 30_000), forward_inline=inline)
    assert len(shown(mail)) < most + 200
    assert shown(mail).rstrip().endswith("Triaged/Logistics]" if inline else "in the original]")


@pytest.mark.parametrize("inline", [False, True], ids=["attached", "inline"])
@pytest.mark.parametrize("masked", [False, True], ids=["open", "masked"])
def test_numbers_are_masked_everywhere_or_nowhere(inline: bool, masked: bool) -> None:
    raw = letter(f"My card {CARD} was charged.\n\n> {CARD}\n", subject=f"Card {CARD}")
    mail = forwarded(raw, forward_inline=inline, forward_masked=masked)
    texts = [str(mail["Subject"])]
    for part in mail.walk():
        if part.get_content_type() == "text/plain":
            texts.append(str(part.get_content()))
        elif part.get_content_type() == "message/rfc822":
            texts.append(str(part.get_content()["Subject"] or ""))
    everything = "\n".join(texts)
    assert everything.count("\n") > 3
    assert (CARD in everything) is not masked
    assert ("**** **** **** 1111" in everything) is masked
