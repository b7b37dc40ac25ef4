"""The original mail itself, resent to a team (RFC 5322, 3.6.6): for help desks whose ticket shall belong to the customer. Pure.

From, Reply-To, Subject and body stay as the customer wrote them, so that the desk sees the customer as the requester and the
customer's DKIM signature still holds (RFC 6376 signs named fields; fields that are put in front change nothing). A Resent- block
in front says who resent it; its Resent-Message-ID is ours, by which a bounce of it is known. Return-Path goes: it is written at
final delivery (RFC 5321, 4.4), and a second one is refused by some servers.
"""

from __future__ import annotations

import re

from triage.decision import Decision
from triage.identity import KIND_HEADER, TICKET_HEADER
from triage.writing import can_be_carried

_HEADER_END = re.compile(rb"\r?\n\r?\n")
_LEFT_OUT = re.compile(rb"^(?:Return-Path|X-Triage-[!-9;-~]+):[^\n]*\n(?:[ \t][^\n]*\n)*", re.IGNORECASE | re.MULTILINE)
_MBOX_LINE = re.compile(rb"\AFrom [^\n]*\n")
_MARKS = {
    "urgent": {"X-Priority": "1 (Highest)", "Importance": "high"},
    "high": {"X-Priority": "2 (High)", "Importance": "high"},
}


def redirect(
    raw: bytes, decision: Decision, *, sender: str, recipient: str, message_id: str, date: str
) -> bytes | None:
    """*raw* with a Resent- block in front; None where it cannot be resent untouched, and a summary must go instead.

    Args:
        sender: the support mailbox's address, in ASCII.
        date: as RFC 5322 writes it.
    """
    mail = _MBOX_LINE.sub(b"", raw).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    found = _HEADER_END.search(mail)
    header = mail[: found.start() + 2] if found else mail
    if decision.truncated or found is None or not header.isascii() or not can_be_carried(mail):
        return None
    fields = {
        "Resent-From": sender,
        "Resent-To": recipient,
        "Resent-Date": date,
        "Resent-Message-ID": message_id,
        KIND_HEADER: "forward",
        TICKET_HEADER: decision.ticket,
        "X-Triage-Priority": decision.priority,
        "X-Triage-Team": decision.team,
        "X-Triage-Category": decision.category or "none",
    }
    if decision.due_at is not None:
        fields["X-Triage-Due"] = decision.due_at.isoformat(timespec="minutes")
    fields |= {
        name: value
        for name, value in _MARKS.get(decision.priority, {}).items()
        if not re.search(rf"^{name}:".encode(), header, re.IGNORECASE | re.MULTILINE)  # the customer's own stays
    }
    block = "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode("ascii")
    return block + _LEFT_OUT.sub(b"", header) + mail[len(header) :]
