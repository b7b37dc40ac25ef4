"""The ticket as the team inbox gets it: a summary to read at a glance, the customer's words, the original. Pure.

    attached      summary, the words that are new, the original as an .eml
    inline        summary, the whole text with what it quotes, the original's attachments: for clients that open no .eml
    redirected    the original itself (redirecting.py)

Loop-safe: marked as our own (`X-Triage-Kind`), `Auto-Submitted: auto-generated`, and sent from the support mailbox's address, so that a
bounce comes back there and is recognised. Reply-To is the customer: staff answer with their client's reply button.

A mail without anything to mask is attached byte for byte.
"""

from __future__ import annotations

import base64
import re
from binascii import b2a_base64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.message import Message as Mime
from email.mime.nonmultipart import MIMENonMultipart
from email.utils import format_datetime
from struct import Struct

from triage.decision import Decision
from triage.identity import KIND_HEADER, TICKET_HEADER
from triage.masking import mask_mail
from triage.message import Attachment, Message
from triage.parsing import contents
from triage.redaction import mask
from triage.redirecting import redirect
from triage.reply import thread
from triage.writing import POLICY, as_bytes, boundary_of, can_be_carried, multipart, set_address, set_header, text_part

MAX_SHOWN = 4_000  # characters of the customer's own words in the summary; the original is attached
MAX_INLINE = 100_000  # characters of the whole text; parsing keeps no more
MAX_SUBJECT = 150
_X_PRIORITY = {"urgent": "1 (Highest)", "high": "2 (High)", "normal": "3 (Normal)", "low": "4 (Low)"}
_IMPORTANCE = {"urgent": "high", "high": "high", "normal": "normal", "low": "low"}
_LINES_AT_ONCE = 4096
_LINES = Struct("76s" * _LINES_AT_ONCE)
_TOKEN = re.compile(r"[a-z0-9][a-z0-9.+-]{0,60}/[a-z0-9][a-z0-9.+-]{0,100}")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who hands what to whom."""

    sender: str  # the support mailbox's address
    shop_name: str
    recipient: str
    message_id: str
    date: datetime


def compose(
    raw: bytes, message: Message, decision: Decision, envelope: Envelope, *, inline: bool, masked: bool
) -> bytes:
    """The forward of the mail *raw*, parsed as *message*, about which *decision* was taken.

    Same arguments, same bytes: a forward that is repeated carries the same Message-ID and says the same.
    """
    if decision.forward_redirected:
        resent = redirect(
            raw,
            decision,
            sender=envelope.sender,
            recipient=envelope.recipient,
            message_id=envelope.message_id,
            date=format_datetime(envelope.date),
        )
        if resent is not None:
            return resent
    limit = boundary_of(envelope.message_id)
    mail = multipart("mixed", limit, text_part(summary(message, decision)))
    _headers(mail, message, decision, envelope)
    if decision.truncated:
        return as_bytes(mail)
    original = mask_mail(raw) if masked else raw
    if not inline:
        return _attach(as_bytes(mail), limit, original)
    for attachment, body in contents(original).attachments:
        mail.attach(_attachment(attachment, body))
    return as_bytes(mail)


def _attachment(attachment: Attachment, body: bytes) -> MIMENonMultipart:
    maintype, _, subtype = attachment.content_type.partition("/")
    name = attachment.filename or ("attachment.eml" if maintype == "message" else "attachment")
    if maintype in ("message", "multipart") or not _TOKEN.fullmatch(f"{maintype}/{subtype}"):
        maintype, subtype = "application", "octet-stream"
    part = MIMENonMultipart(maintype, subtype, policy=POLICY)
    part.set_payload(base64.encodebytes(body).decode("ascii"))
    part["Content-Transfer-Encoding"] = "base64"
    part.add_header("Content-Disposition", "attachment", filename=("utf-8", "", name))
    return part


def _headers(mail: Mime, message: Message, decision: Decision, envelope: Envelope) -> None:
    author = message.from_address
    name = (author.name or author.address) if author else decision.customer
    set_address(mail, "From", envelope.sender, _one_line(f"{name or 'unknown sender'} ({envelope.shop_name})"))
    set_address(mail, "To", envelope.recipient)
    if decision.customer:  # else there is none that a server could take
        set_address(mail, "Reply-To", decision.customer)
    set_header(mail, "Subject", subject(message, decision))
    set_header(mail, "Date", format_datetime(envelope.date))
    set_header(mail, "Message-ID", envelope.message_id)
    thread(mail, message)
    set_header(mail, "Auto-Submitted", "auto-generated")
    set_header(mail, "X-Auto-Response-Suppress", "All")
    set_header(mail, "X-Priority", _X_PRIORITY[decision.priority])
    set_header(mail, "Importance", _IMPORTANCE[decision.priority])
    set_header(mail, KIND_HEADER, "forward")
    set_header(mail, TICKET_HEADER, decision.ticket)
    set_header(mail, "X-Triage-Category", decision.category or "none")
    set_header(mail, "X-Triage-Confidence", f"{decision.confidence:.2f}")
    set_header(mail, "X-Triage-Language", decision.language or "unknown")
    set_header(mail, "X-Triage-Priority", decision.priority)
    set_header(mail, "X-Triage-Team", decision.team)
    if decision.due_at is not None:
        set_header(mail, "X-Triage-Due", decision.due_at.isoformat(timespec="minutes"))


def subject(message: Message, decision: Decision) -> str:
    """ "[#T-7K3M9QX] [URGENT] complaint: Where is my sofa?" """
    urgency = f"[{decision.priority.upper()}] " if decision.priority in ("urgent", "high") else ""
    about = f"{decision.category or 'unsorted'}: "
    return f"[#{decision.ticket}] {urgency}{about}{_one_line(_shown(message.subject, decision))[:MAX_SUBJECT] or '(no subject)'}"


def summary(message: Message, decision: Decision) -> str:
    """What a colleague wants to know before opening the original: label and value, a line each."""
    author = message.from_address
    sender = (
        f"{author.name} <{author.address}>" if author and author.name else author.address if author else "not given"
    )
    lines = [
        ("Customer", _one_line(sender)),
        ("Answers go to", decision.customer or "nobody: no usable address"),
        ("Category", _category(decision)),
        ("Priority", decision.priority),
        ("Language", decision.language or "not clear"),
        ("Order", ", ".join(message.order_numbers) or "none mentioned"),
        ("Ticket", f"{decision.ticket}{', follow-up' if decision.follow_up else ''}"),
        ("Promised by", _due(decision)),
        ("Answered", _answered(decision)),
        ("Rule", decision.rule),
    ]
    if message.attachments:
        lines.append(
            (
                "Attachments",
                ", ".join(f"{a.filename or a.content_type} ({_size(a.size)})" for a in message.attachments[:10]),
            )
        )
    if decision.truncated:
        lines.append(
            ("Original", f"too large to attach ({_size(message.size)}); it is in the folder {decision.folder}")
        )
    width = max(len(label) for label, _ in lines) + 1
    head = "\n".join(f"{label + ':':{width}} {value}" for label, value in lines)
    words, most, rest = message.new_text, MAX_SHOWN, "the original"
    if decision.forward_inline:
        words, most, rest = message.text, MAX_INLINE, f"the folder {decision.folder}"
    words = _shown(words.strip(), decision)
    if len(words) > most or (decision.forward_inline and "text-too-long" in message.defects):
        words = words[:most].rstrip() + f"\n[... the rest is in {rest}]"
    return f"{head}\n\n{'-' * 72}\n\n{words or '(no text)'}\n"


def _shown(text: str, decision: Decision) -> str:
    """*text* of the customer's as the team may see it."""
    return mask(text) if decision.forward_masked else text


def _category(decision: Decision) -> str:
    about = f" about {decision.about}" if decision.about else ""
    if decision.unfamiliar:
        return "not sure: unlike the mail that the text model knows"
    if decision.category is None:
        return f"not sure ({decision.confidence:.0%} for the likeliest)"
    return f"{decision.category}{about} ({decision.confidence:.0%})"


def _due(decision: Decision) -> str:
    if decision.due_local is None:
        return "no date was stated"
    return decision.due_local


def _answered(decision: Decision) -> str:
    if decision.silence is not None:
        return f"no ({decision.silence}{': ' + _one_line(decision.evidence) if decision.evidence else ''})"
    return f"yes, automatically: text '{decision.template}' in {decision.locale}"


def _size(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB" if size >= 100_000 else f"{max(size, 1000) / 1000:.0f} kB"


def _one_line(text: str) -> str:
    return _SPACE.sub(" ", "".join(c for c in text if c.isprintable() or c.isspace())).strip()


def _attach(composed: bytes, limit: str, original: bytes) -> bytes:
    """Put *original* in as message/rfc822, byte for byte; as a file where SMTP could not carry it so."""
    head, marker, tail = composed.rpartition(f"--{limit}--".encode())
    if not can_be_carried(original) or 0 < original.count(b"\r\n") < original.count(b"\n"):
        part = (
            b'Content-Type: application/octet-stream; name="original.eml"\r\n'
            b'Content-Disposition: attachment; filename="original.eml"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
            + b"".join(_base64(original))
        )
    else:
        encoding = b"7bit" if original.isascii() else b"8bit"
        body = original if b"\r\n" in original else original.replace(b"\n", b"\r\n")
        part = (
            b'Content-Type: message/rfc822\r\nContent-Disposition: attachment; filename="original.eml"\r\n'
            b"Content-Transfer-Encoding: "
            + encoding
            + b"\r\n\r\n"
            + body
            + (b"" if body.endswith(b"\r\n") else b"\r\n")
        )
    return b"".join((head, b"--", limit.encode(), b"\r\n", part, marker, tail))


def _base64(body: bytes) -> Iterator[bytes]:
    """*body* in base64 with CRLF, by pieces: as a whole a mail of 50 MB would take four times its size in memory."""
    size = 57 * _LINES_AT_ONCE  # 57 bytes make a line of 76 characters (RFC 2045, 6.8)
    for begin in range(0, len(body), size):
        piece = body[begin : begin + size]
        if len(piece) == size:  # ten times as fast as line by line
            yield b"\r\n".join((*_LINES.unpack(b2a_base64(piece, newline=False)), b""))
        else:
            yield base64.encodebytes(piece).replace(b"\n", b"\r\n")
