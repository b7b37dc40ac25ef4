"""The automatic reply as bytes: multipart/alternative, threaded with the mail it answers, marked as automatic. Pure.

RFC 3834 is the rule book: Auto-Submitted (5), References and In-Reply-To (3.1.5), one recipient, null envelope sender (4). The display
name of the customer is not repeated in To: it is the sender's text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from email.message import Message as Mime
from email.utils import format_datetime

from triage.identity import KIND_HEADER, TICKET_HEADER
from triage.lifecycle import Kind
from triage.message import Message
from triage.templates import RenderedReply
from triage.writing import as_bytes, boundary_of, multipart, set_address, set_header, text_part

MAX_REFERENCES = 20  # the first one and the last ones are kept (RFC 5322, 3.6.4; RFC 5537, 3.4.4)
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,250}>")  # printable ASCII without angle brackets: safe to repeat in a header


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who writes what to whom."""

    sender_name: str
    sender: str  # From
    recipient: str
    message_id: str
    ticket: str
    date: datetime


def compose(message: Message, rendered: RenderedReply, envelope: Envelope, *, kind: Kind = Kind.REPLY) -> bytes:
    """The reply to *message*, with CRLF line ends. Same arguments, same bytes."""
    text, html = text_part(rendered.text), text_part(rendered.html, "html")
    mail = multipart("alternative", boundary_of(envelope.message_id), text, html)
    set_address(mail, "From", envelope.sender, envelope.sender_name)
    set_address(mail, "To", envelope.recipient)
    set_header(mail, "Subject", rendered.subject)
    set_header(mail, "Date", format_datetime(envelope.date))
    set_header(mail, "Message-ID", envelope.message_id)
    thread(mail, message)
    set_header(mail, "Auto-Submitted", "auto-replied")
    set_header(mail, "X-Auto-Response-Suppress", "All")
    set_header(mail, "Content-Language", rendered.locale)
    set_header(mail, KIND_HEADER, kind)
    set_header(mail, TICKET_HEADER, envelope.ticket)
    return as_bytes(mail)


def thread(mail: Mime, message: Message) -> None:
    """In-Reply-To and References, so that every client shows *mail* below *message* (RFC 5322, 3.6.4)."""
    if message.message_id is None or not _MESSAGE_ID.fullmatch(message.message_id):
        return
    set_header(mail, "In-Reply-To", message.message_id)
    earlier = message.references or message.in_reply_to[:1]
    known = [
        identifier for identifier in earlier if _MESSAGE_ID.fullmatch(identifier) and identifier != message.message_id
    ]
    if len(known) > MAX_REFERENCES:
        known = known[:1] + known[1 - MAX_REFERENCES :]
    set_header(mail, "References", " ".join([*known, message.message_id]))
