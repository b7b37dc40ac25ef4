"""Before a promise breaks: when the team is reminded, what the reminder says, and the later date for the customer. Pure.

The reminder is loop-safe like the forward: marked as our own, Auto-Submitted, and answered by nobody. It goes out once, in
opening hours, and has no text of the customer's in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime

from triage.identity import KIND_HEADER, TICKET_HEADER
from triage.lifecycle import Kind
from triage.opening_hours import OpeningHours
from triage.promises.calendar_config import show_opening_time
from triage.records import OpenPromise
from triage.writing import as_bytes, set_address, set_header, text_part

RENEW_BEFORE = timedelta(minutes=30)  # of opening time: as late as a later date still comes before the first one breaks
RAISED = {"low": "normal", "normal": "high", "high": "urgent", "urgent": "urgent"}  # priority of what is about to break
_X_PRIORITY = {"urgent": "1 (Highest)", "high": "2 (High)", "normal": "3 (Normal)", "low": "4 (Low)"}


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who reminds whom."""

    sender: str  # the support mailbox's address
    shop_name: str
    recipient: str  # the team's inbox
    message_id: str
    forward_id: str | None  # Message-ID of the forward, below which clients show the reminder
    date: datetime
    no_answer_folder: str | None = None  # where colleagues move what needs no answer; None: there is no such folder


def is_time(promise: OpenPromise, before: timedelta, now: datetime, hours: OpeningHours) -> bool:
    """Whether the team should be reminded now: in opening hours, *before* the end, and not in the first half of a short wait."""
    if now >= promise.due_at or not hours.is_open(now):
        return False
    whole = hours.business_time_between(promise.opened_at, promise.due_at)
    left = hours.business_time_between(now, promise.due_at)
    return left <= min(before, whole / 2)


def compose(promise: OpenPromise, envelope: Envelope, hours: OpeningHours) -> bytes:
    """The reminder, with CRLF line ends. Same arguments, same bytes."""
    decision = promise.decision
    left = hours.business_time_between(envelope.date, promise.due_at)
    lines = [
        ("Ticket", promise.ticket),
        ("Customer", decision.get("customer") or "no usable address"),
        ("Promised by", hours.show(promise.due_at)),
        ("Opening time left", show_opening_time(left) if left else "none"),
        ("Came", hours.show(promise.opened_at)),
        ("Category", decision.get("category") or "not sure"),
        ("Filed in", decision.get("folder") or ""),
    ]
    width = max(len(label) for label, _ in lines) + 1
    facts = "\n".join(f"{label + ':':{width}} {value}" for label, value in lines)
    unneeded = (
        f'If no answer is needed, move the mail to the folder "{envelope.no_answer_folder}".\n'
        if envelope.no_answer_folder
        else ""
    )
    mail = text_part(
        "Nobody has answered this customer yet, as far as can be seen in the folder for sent mail.\n\n"
        f"{facts}\n\n"
        "Answer the customer's mail or its forward; this reminder reaches nobody else and comes once.\n"
        f"{unneeded}"
    )
    set_address(mail, "From", envelope.sender, envelope.shop_name)
    set_address(mail, "To", envelope.recipient)
    set_header(mail, "Subject", f"[#{promise.ticket}] No answer yet, promised by {hours.show(promise.due_at)}")
    set_header(mail, "Date", format_datetime(envelope.date))
    set_header(mail, "Message-ID", envelope.message_id)
    if envelope.forward_id is not None:
        set_header(mail, "In-Reply-To", envelope.forward_id)
        set_header(mail, "References", envelope.forward_id)
    set_header(mail, "Auto-Submitted", "auto-generated")
    set_header(mail, "X-Auto-Response-Suppress", "All")
    set_header(mail, "X-Priority", _X_PRIORITY[RAISED[promise.priority]])
    set_header(mail, KIND_HEADER, Kind.REMINDER)
    set_header(mail, TICKET_HEADER, promise.ticket)
    return as_bytes(mail)
