"""Which mail is a person's answer. The mails are written for these tests, in the likeness of what clients and servers send."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.identity import outbound_message_id
from triage.message import Message
from triage.parsing import parse
from triage.promises import responses
from triage.promises.responses import Colleagues, answers, colleagues, from_colleague
from triage.records import Ticket, TicketOutcome

OPENED = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LATER = OPENED + timedelta(hours=3)
OURS = Colleagues(frozenset({"support@shop.example", "payment@team.example"}), frozenset({"shop.example"}))
TICKET = Ticket(
    ticket="T-7K3M9QX",
    mailbox="support",
    team="payment",
    opened_at=OPENED,
    due_at=OPENED + timedelta(days=1),
    priority="normal",
    category="payment",
    last_reply_at=OPENED,
    first_response_at=None,
    promise={},
    customer="Karin@Mail.example",
    writers=frozenset({"karin@mail.example", "eva@shop.example"}),
)


def mail(text: str = "We have sent the invoice again.", **headers: str) -> Message:
    """A colleague's answer to the customer, with other headers in their place; an empty one is left out."""
    fields = {
        "From": "Eva <eva@shop.example>",
        "To": "karin@mail.example",
        "Subject": "Re: invoice",
        "Date": "Mon, 23 Nov 2026 13:00:00 +0100",
        "Message-ID": "<a1@shop.example>",
        "In-Reply-To": "<c1@mail.example>",
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
    return parse(f"{head}\r\n{text}\r\n".encode())


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"To": "KARIN@mail.example"},
        {"To": "payment@team.example", "Cc": "Karin <karin@mail.example>"},
        {"To": "", "Bcc": "karin@mail.example"},
        {"From": "support@shop.example"},
        {"From": "freelancer@elsewhere.example"},
        {"In_Reply_To": "", "Subject": "Your invoice [#T-7K3M9QX]"},
    ],
    ids=["plain", "other case", "in copy", "hidden copy", "from the mailbox", "an unknown author", "by reference"],
)
def test_a_persons_mail_to_the_customer_is_an_answer(headers: dict[str, str]) -> None:
    assert answers(mail(**headers), LATER, TICKET, OURS) is None


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"X_Triage_Kind": "reply"}, "automatic"),
        ({"Message_ID": outbound_message_id("forward", "f", "payment@team.example", "shop.example")}, "automatic"),
        ({"Auto_Submitted": "auto-replied"}, "automatic"),
        ({"Precedence": "auto_reply"}, "automatic"),
        ({"X_Autoreply": "yes"}, "automatic"),
        ({"From": "MAILER-DAEMON@shop.example"}, "automatic"),
        ({"Subject": "Automatic reply: invoice"}, "automatic"),
        ({"To": "tom@shop.example", "Subject": "note: who takes this?"}, "not to the customer"),
        ({"To": "warehouse@carrier.example", "Subject": "Fwd: invoice"}, "not to the customer"),
        ({"From": "karin@mail.example", "To": "support@shop.example"}, "by the customer"),
    ],
    ids=["our reply", "our forward", "auto-replied", "precedence", "autoreply", "bounce", "by its words", "note",
         "to somebody else", "the customer"],
)  # fmt: skip
def test_what_is_no_answer_says_why(headers: dict[str, str], why: str) -> None:
    found = answers(mail(**headers), LATER, TICKET, OURS)
    assert found is not None
    assert found.startswith(why)


@pytest.mark.parametrize("kind", ["delivery-status", "disposition-notification"])
def test_reports_of_machines_are_no_answers(kind: str) -> None:
    report = f"--x\r\n\r\nSeen.\r\n--x\r\nContent-Type: message/{kind}\r\n\r\nReporting-UA: x\r\n--x--"
    message = mail(report, Content_Type=f"multipart/report; report-type={kind}; boundary=x", MIME_Version="1.0")
    assert (answers(message, LATER, TICKET, OURS) or "").startswith("automatic")


def test_what_was_sent_before_the_ticket_is_no_answer_to_it() -> None:
    assert answers(mail(), OPENED - timedelta(seconds=1), TICKET, OURS) == "older than the ticket"


def test_a_copy_to_a_colleague_who_wrote_a_note_is_not_to_the_customer() -> None:
    assert answers(mail(To="eva@shop.example", From="tom@shop.example"), LATER, TICKET, OURS) == "not to the customer"


def test_the_conversation_is_told_by_in_reply_to_references_and_subject() -> None:
    message = mail(In_Reply_To="<b@x>", References="<a@x> <b@x>", Subject="Re: [#T-7K3M9QX] invoice")
    assert responses.related_ids(message) == ("<b@x>", "<a@x>")
    assert responses.references(message) == ("T-7K3M9QX",)


def test_a_mail_providers_domain_is_not_ours() -> None:
    found = colleagues(
        ["shop@gmail.com", "help@shop.example"], ["team@inbox.example"], ["@partner.example", "Jo@home.example"],
        frozenset({"gmail.com"}),
    )  # fmt: skip
    ours = ["shop@gmail.com", "any@shop.example", "team@inbox.example", "x@partner.example", "jo@home.example"]
    assert [found.include(address) for address in ours] == [True] * 5
    assert not any(map(found.include, ["karin@gmail.com", "x@inbox.example", "y@home.example"]))


def test_a_colleague_who_ordered_is_a_customer_in_that_ticket() -> None:
    assert from_colleague(mail(), TICKET, OURS)
    assert not from_colleague(mail(), replace(TICKET, customer="eva@shop.example"), OURS)
    assert not from_colleague(mail(From="karin@mail.example"), TICKET, OURS)


@pytest.mark.parametrize(
    ("outcome", "waits"), [(None, True), (TicketOutcome.BROKEN, True), (TicketOutcome.CLOSED, False)]
)
def test_a_customer_waits_until_an_answer_or_a_closure(outcome: TicketOutcome | None, waits: bool) -> None:
    assert replace(TICKET, outcome=outcome).waits is waits
    assert replace(TICKET, outcome=TicketOutcome.KEPT, first_response_at=LATER).waits is False


@given(st.binary(max_size=400))
def test_nothing_that_arrives_raises(raw: bytes) -> None:
    message = parse(raw)
    answers(message, LATER, TICKET, OURS)
    from_colleague(message, TICKET, OURS)
