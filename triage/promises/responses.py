"""Which mail is a person's answer to a customer, and which is none. Pure.

The first answer of a person ends the wait that a promise is about. It is found in a folder of sent mail, or as the copy
that a colleague let the support mailbox have. It belongs to a ticket by In-Reply-To and References (the customer's mail,
our reply and our forward are all known by their Message-IDs), else by the ticket's reference in the subject.

What never counts, since no customer is helped by it: our own replies, forwards and reminders (some providers put a copy of
everything into the sent folder), automatic answers, bounces, receipts; a note to colleagues; a mail to somebody else
about the case; the customer's own mail.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from triage.guarding import marks
from triage.guarding.absence_text import absence
from triage.identity import KIND_HEADER, is_own_message_id, tickets_in
from triage.mail.headers import addresses
from triage.message import Message
from triage.records import Ticket

COLLEAGUE = "colleague"  # why a colleague's mail in the watched folder is not answered; one of guard.RUNGS
_MACHINES = (
    marks.dsn,
    marks.mdn,
    marks.report,
    marks.mailer_daemon,
    marks.auto_submitted,
    marks.autoreply_header,
    marks.precedence,
    absence,
)


@dataclass(frozen=True, slots=True)
class Colleagues:
    """Who writes for the shop, case folded."""

    addresses: frozenset[str]
    domains: frozenset[str] = frozenset()

    def include(self, address: str) -> bool:
        """Whether *address* is one of us."""
        folded = address.casefold()
        return folded in self.addresses or folded.rpartition("@")[2] in self.domains


def colleagues(
    own: Iterable[str], inboxes: Iterable[str], staff: Iterable[str], shared_domains: frozenset[str]
) -> Colleagues:
    """The people behind support mailboxes, team inboxes and configured *staff* (addresses, or "@domain").

    The domain of a support mailbox is ours unless it is a mail provider's.
    """
    own, staff = list(own), list(staff)
    domains = {address.rpartition("@")[2].casefold() for address in own} - shared_domains
    domains |= {entry[1:].casefold() for entry in staff if entry.startswith("@")}
    named = {entry.casefold() for entry in (*own, *inboxes, *staff) if not entry.startswith("@")}
    return Colleagues(frozenset(named), frozenset(domains))


def related_ids(message: Message) -> tuple[str, ...]:
    """Message-IDs of the conversation that *message* says it belongs to."""
    return tuple(dict.fromkeys((*message.in_reply_to, *message.references)))


def references(message: Message) -> tuple[str, ...]:
    """Tickets that the subject names."""
    return tickets_in(message.subject)


def no_person(message: Message) -> str | None:
    """Why *message* is not a person's words, as found in it; None: it may be."""
    kind = message.headers.get(KIND_HEADER)
    if kind:
        return f"{KIND_HEADER}: {kind}"
    if is_own_message_id(message.message_id):
        return f"Message-ID: {message.message_id}"
    return next((found for found in (check(message) for check in _MACHINES) if found is not None), None)


def from_colleague(message: Message, ticket: Ticket, ours: Colleagues) -> bool:
    """Whether one of us wrote *message* into the conversation of *ticket*: a colleague who ordered is a customer there."""
    author = message.from_address
    if author is None or (ticket.customer is not None and author.same_as(ticket.customer)):
        return False
    return ours.include(author.address)


def answers(message: Message, sent_at: datetime, ticket: Ticket, ours: Colleagues) -> str | None:
    """None: *message* is a person's answer to the customer of *ticket*; else why it is none.

    Args:
        sent_at: INTERNALDATE of the sent mail, or of the copy. Not the Date header: a clock that is slow would keep
            promises that were broken.
    """
    if (machine := no_person(message)) is not None:
        return f"automatic: {machine}"
    author = message.from_address
    if ticket.customer is not None and author is not None and author.same_as(ticket.customer):
        return "by the customer"
    if sent_at < ticket.opened_at:
        return "older than the ticket"
    if not recipients(message) & _customers(ticket, ours):
        return "not to the customer"
    return None


def _customers(ticket: Ticket, ours: Colleagues) -> frozenset[str]:
    """Addresses under which the customer is reached: where answers go, and what they wrote from."""
    named = {address.casefold() for address in ticket.writers if not ours.include(address)}
    return frozenset(named | ({ticket.customer.casefold()} if ticket.customer else set()))


def recipients(message: Message) -> frozenset[str]:
    """Everybody whom *message* was sent to, case folded; a sent copy names hidden recipients as well."""
    hidden, _ = addresses(message.headers.get("bcc").encode("utf-8"))
    return frozenset(address.address.casefold() for address in (*message.to, *message.cc, *hidden))
