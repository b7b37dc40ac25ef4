"""A redirected mail is the customer's own, with a Resent- block in front."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes

import pytest
from pydantic import ValidationError

from triage.decision import Decision
from triage.identity import is_own_message_id, outbound_message_id
from triage.parsing import parse
from triage.policy import Forwarding
from triage.redirecting import redirect

RAW = (
    b"Return-Path: <karin@kunden.example>\r\nReceived: from a\r\n by b\r\nDKIM-Signature: v=1; bh=x\r\n"
    b"From: Karin <karin@kunden.example>\r\nTo: support@shop.example\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
    b"X-Triage-Kind: reply\r\nMessage-ID: <1@kunden.example>\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: 8bit\r\n\r\nKarte 4111 1111 1111 1111, gr\xc3\xbcn\r\n\r\nReturn-Path: not a header\r\n"
)
OURS = outbound_message_id("forward", "f" * 64, "desk@help.example", "shop.example")


@pytest.fixture
def decision() -> Decision:
    now = datetime(2026, 11, 16, tzinfo=UTC)
    return Decision(
        ticket="T-2222222", follow_up=False, mailbox="support", customer="karin@kunden.example", language="de", locale="de",
        category="payment", about=None, confidence=0.9, probabilities={}, model="m", team="payment", inbox="desk@help.example",
        also_to=(), folder="Triaged/Payment", priority="urgent", rule="payment", template="payment", silence=None, evidence=None,
        opened_at=now, due_at=now, due_local="", method="configured", steps=(), order_numbers=(), truncated=False, policy_version="v",
        forward_redirected=True,
    )  # fmt: skip


def resent(raw: bytes, decision: Decision) -> bytes | None:
    return redirect(
        raw,
        decision,
        sender="support@shop.example",
        recipient="desk@help.example",
        message_id=OURS,
        date="Mon, 16 Nov 2026 00:00:00 +0000",
    )


def test_the_mail_stays_the_customers(decision: Decision) -> None:
    made = resent(RAW, decision)
    assert made is not None
    mail, original = message_from_bytes(made), message_from_bytes(RAW)
    for name in ("From", "To", "Subject", "Message-ID", "DKIM-Signature", "Received"):
        assert mail[name] == original[name]
    assert made.partition(b"\r\n\r\n")[2] == RAW.partition(b"\r\n\r\n")[2]


def test_the_block_in_front_says_who_resent_it(decision: Decision) -> None:
    made = resent(RAW, decision)
    assert made is not None
    assert made.startswith(b"Resent-From: support@shop.example\r\nResent-To: desk@help.example\r\nResent-Date: ")
    mail = message_from_bytes(made)
    assert is_own_message_id(mail["Resent-Message-ID"])
    assert (mail.get_all("X-Triage-Kind"), mail["Importance"], mail["Return-Path"]) == (["forward"], "high", None)


def test_a_mail_with_bare_line_feeds_is_resent_with_crlf(decision: Decision) -> None:
    made = resent(RAW.replace(b"\r\n", b"\n"), decision)
    assert made == resent(RAW, decision)


@pytest.mark.parametrize(
    "raw",
    [
        RAW.replace(b"gr", b"\0", 1),
        RAW + b"x" * 1000,
        RAW.replace(b"Karin <", b"K\xc3\xa4rin <"),
        b"no header at all",
    ],
    ids=["NUL", "long line", "raw 8-bit header", "no body"],
)
def test_what_cannot_be_resent_untouched_is_not_redirected(raw: bytes, decision: Decision) -> None:
    assert resent(raw, decision) is None
    assert resent(RAW, replace(decision, truncated=True)) is None


def test_a_bounce_of_it_is_known_by_its_resent_message_id(decision: Decision) -> None:
    header = (resent(RAW, decision) or b"").partition(b"\r\n\r\n")[0]
    bounce = (
        b"From: MAILER-DAEMON@help.example\r\nTo: support@shop.example\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n--b\r\n\r\nIt failed.\r\n'
        b"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\n"
        b"--b\r\nContent-Type: text/rfc822-headers\r\n\r\n" + header + b"\r\n\r\n--b--\r\n"
    )
    assert OURS in parse(bounce).enclosed_ids


def test_redirecting_must_be_meant_card_numbers_and_all() -> None:
    with pytest.raises(ValidationError, match="mask: false"):
        Forwarding.model_validate({"original": "redirected"})
    assert Forwarding.model_validate({"original": "redirected", "mask": False}).original == "redirected"
