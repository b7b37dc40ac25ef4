"""The automatic reply as bytes: multipart/alternative, threaded with the mail it answers, marked as automatic. Pure.

RFC 3834 is the rule book: Auto-Submitted (5), References and In-Reply-To (3.1.5), one recipient, null envelope sender (4). The display
name of the customer is not repeated in To: it is the sender's text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr

from triage.identity import KIND_HEADER, TICKET_HEADER
from triage.message import Message
from triage.templates import RenderedReply

MAX_REFERENCES = 20  # the first one and the last ones are kept (RFC 5322, 3.6.4; RFC 5537, 3.4.4)
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,250}>")  # printable ASCII without angle brackets: safe to repeat in a header
_POLICY = SMTP.clone(max_line_length=78)


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who writes what to whom."""

    sender_name: str
    sender: str  # From
    recipient: str
    message_id: str
    ticket: str
    date: datetime


def compose(message: Message, rendered: RenderedReply, envelope: Envelope) -> bytes:
    """The reply to *message*, with CRLF line ends. Same arguments, same bytes."""
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = formataddr((envelope.sender_name, envelope.sender)) if envelope.sender_name else envelope.sender
    mail["To"] = envelope.recipient
    mail["Subject"] = rendered.subject
    mail["Date"] = format_datetime(envelope.date)
    mail["Message-ID"] = envelope.message_id
    thread(mail, message)
    mail["Auto-Submitted"] = "auto-replied"
    mail["X-Auto-Response-Suppress"] = "All"
    mail["Content-Language"] = rendered.locale
    mail[KIND_HEADER] = "reply"
    mail[TICKET_HEADER] = envelope.ticket
    mail.set_content(rendered.text, cte="quoted-printable")
    mail.add_alternative(rendered.html, subtype="html", cte="quoted-printable")
    mail.set_boundary(boundary(envelope.message_id))
    return mail.as_bytes()


def thread(mail: EmailMessage, message: Message) -> None:
    """In-Reply-To and References, so that every client shows *mail* below *message* (RFC 5322, 3.6.4)."""
    if message.message_id is None or not _MESSAGE_ID.fullmatch(message.message_id):
        return
    mail["In-Reply-To"] = message.message_id
    earlier = message.references or message.in_reply_to[:1]
    known = [
        identifier for identifier in earlier if _MESSAGE_ID.fullmatch(identifier) and identifier != message.message_id
    ]
    if len(known) > MAX_REFERENCES:
        known = known[:1] + known[1 - MAX_REFERENCES :]
    mail["References"] = " ".join([*known, message.message_id])


def boundary(message_id: str) -> str:
    """A MIME boundary that is a function of the Message-ID, so that composing twice gives the same bytes."""
    return "=_" + re.sub(r"[^A-Za-z0-9.]", "", message_id)[:60]
