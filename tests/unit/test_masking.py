"""Numbers are masked in the mail that goes to the team, and not a byte is changed anywhere else."""

from __future__ import annotations

import base64
import time
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.letters import letter
from triage.masking import mask_mail

CARD = "4111 1111 1111 1111"


def mail_with(text: str, *, subject: str = "My order", cte: str = "quoted-printable", charset: str = "utf-8") -> bytes:
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"], mail["Subject"] = "ann@mail.example", "support@shop.example", subject
    mail.set_content(text, cte=cte, charset=charset)
    mail.add_attachment(b"\x00\x01 4111 1111 1111 1111", maintype="application", subtype="pdf", filename="invoice.pdf")
    return mail.as_bytes()


def text_of(raw: bytes) -> str:
    part = next(part for part in message_from_bytes(raw).walk() if part.get_content_type() == "text/plain")
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode(part.get_content_charset() or "utf-8")


@pytest.mark.parametrize("cte", ["quoted-printable", "base64", "8bit"])
@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1"])
def test_a_card_number_is_masked_in_every_encoding_and_the_rest_of_the_text_stays(cte: str, charset: str) -> None:
    raw = mail_with(f"Grüße, meine Karte ist {CARD}, bitte prüfen.\n", cte=cte, charset=charset)
    masked = mask_mail(raw)
    assert text_of(masked).strip() == "Grüße, meine Karte ist **** **** **** 1111, bitte prüfen."
    assert masked.partition(b"application/pdf")[2] == raw.partition(b"application/pdf")[2]


def test_the_subject_is_masked_and_other_headers_stay() -> None:
    masked = message_from_bytes(mask_mail(mail_with("Hello\n", subject=f"Card {CARD}")), policy=SMTP)
    assert masked["Subject"] == "Card **** **** **** 1111"
    assert masked["From"] == "ann@mail.example"


def test_an_enclosed_mail_is_masked_too() -> None:
    outer = EmailMessage(policy=SMTP)
    outer["Subject"] = "Fwd: card"
    outer.set_content("see below\n")
    outer.add_attachment(message_from_bytes(mail_with(f"{CARD}\n"), policy=SMTP))
    assert b"4111 1111 1111 1111\r\n\r\n--" not in mask_mail(outer.as_bytes())


@given(st.integers(0, 10_000))
def test_a_mail_without_anything_to_mask_is_the_very_same_bytes(number: int) -> None:
    raw = letter(number)
    assert mask_mail(raw) is raw


@given(st.binary(max_size=2_000))
def test_any_bytes_are_taken_and_masking_twice_changes_nothing_more(data: bytes) -> None:
    once = mask_mail(data)
    assert mask_mail(once) == once


HOSTILE = [
    "idna",
    "punycode",
    "zlib",
    "hex",
    "unicode_escape",
    "raw_unicode_escape",
    "undefined",
    "no-such-charset",
    "x" * 500,
    "\0",
]


@pytest.mark.parametrize("charset", HOSTILE, ids=lambda name: repr(name[:20]))
def test_a_charset_that_no_mail_has_reaches_no_codec(charset: str) -> None:
    head = f"Subject: x\r\nContent-Type: text/plain; charset={charset}\r\n\r\n"
    raw = head.encode() + f"{CARD} \\x41 gr\u00fcn ".encode() + b"a" * 200_000 + b"\r\n"
    start = time.process_time()
    masked = mask_mail(raw)
    assert time.process_time() - start < 1.0
    assert masked == raw.replace(CARD.encode(), b"**** **** **** 1111")


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_known_by_its_mark_whatever_the_label_says(codec: str) -> None:
    body = ("\ufeff" + f"Card {CARD}\n").encode(codec)
    raw = b"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n" + base64.encodebytes(body)
    masked = base64.b64decode(mask_mail(raw).partition(b"\n\n")[2])
    assert masked.decode("utf-16") == "Card **** **** **** 1111\n"
