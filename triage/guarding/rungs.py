"""The rungs of the guard's ladder, in order: code, what stops a reply, why, and the check. Pure.

The order is from the certain to the circumstantial, so that the reason shown is the one worth knowing. Known senders come
before the marks of bulk mail: a marketplace's relay carries those as well, and rules route by it. docs/guard.md shows the
ladder to people; a test keeps it equal to `RUNGS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from triage.guarding import marks
from triage.guarding.absence_text import absence
from triage.guarding.acknowledgement_text import acknowledgement
from triage.guarding.bounce_text import bounce
from triage.guarding.notice_text import notice
from triage.guarding.receipt_text import receipt
from triage.guarding.reply_address import is_one_of
from triage.guarding.senders import Answer, Sender, Senders
from triage.identity import KIND_HEADER, is_own_message_id, own_message_ids
from triage.message import Address, Message
from triage.settings import Caps, ContactForm

RULE = "rule"  # set by planning, when a rule says reply: never


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the guard must know besides the mail. What is not known is not judged."""

    received_at: datetime  # INTERNALDATE, aware
    now: datetime
    answer_mail_younger_than: timedelta
    live_since: datetime | None = None  # when replies were first switched on; None: not judged
    own_addresses: frozenset[str] = frozenset()  # of all support mailboxes, case folded
    inboxes: frozenset[str] = frozenset()  # of the teams, case folded
    addressed_as: frozenset[str] | None = None  # addresses and forwarders of this mailbox, case folded; None: not known
    authserv_ids: tuple[str, ...] = ()  # servers whose Authentication-Results are believed (RFC 8601)
    contact_forms: tuple[ContactForm, ...] = ()
    acknowledged_at: datetime | None = None  # last automatic reply in this conversation
    conversation_window: timedelta = timedelta(days=3)
    duplicate: bool = False  # the same mail was handled before, in any mailbox
    replies_to_sender: int = 0  # automatic replies within the span of caps.per_sender
    replies_to_domain: int = 0
    caps: Caps = field(default_factory=Caps)
    stopped: str | None = None  # why no replies go out at present: "paused", "breaker"


@dataclass(frozen=True, slots=True)
class Case:
    """A mail under judgement, and what several rungs ask about it."""

    message: Message
    at: Circumstances
    senders: Senders
    form: ContactForm | None  # the contact form that sent it, where the customer's address was found in it
    sender: Sender | None  # the known sender
    reply_to: Address | None
    bounce: tuple[str, str] | None  # (code of the rung, evidence), where it is a bounce by any sign


Check = Callable[[Case], str | None]


@dataclass(frozen=True, slots=True)
class Rung:
    """One reason for silence."""

    code: str  # stable: in the ledger, in metrics, in rules
    what: str
    source: str  # RFC and section, or what was seen
    check: Check | None  # evidence, or None; no check: another part decides
    of_a_form: bool = False  # also judged for a configured contact form, which is a program that writes for a person


# By what sign a mail is a bounce, the most telling first.
BOUNCES: tuple[tuple[str, Callable[[Message], str | None]], ...] = (
    ("dsn", marks.dsn),
    ("mailer-daemon", marks.mailer_daemon),
    ("bounce", bounce),
    ("null-sender", marks.null_sender),
)


def _own_mail(case: Case) -> str | None:
    kind = case.message.headers.get(KIND_HEADER)
    if kind:
        return f"{KIND_HEADER}: {kind}"
    return f"Message-ID: {case.message.message_id}" if is_own_message_id(case.message.message_id) else None


def _own_bounce(case: Case) -> str | None:
    """Only a bounce by what it is, not by its empty return path: an absence note to our reply has that as well, and is forwarded."""
    if case.bounce is None or case.bounce[0] == "null-sender":
        return None
    message = case.message
    named = [name for name in message.enclosed_ids if is_own_message_id(name)] or own_message_ids(message.text)
    if not named and case.bounce[0] != "mailer-daemon":  # a postmaster who answers us is a person all the same
        named = [name for name in (*message.in_reply_to, *message.references) if is_own_message_id(name)]
    return f"{case.bounce[1]} / {named[0]}" if named else None


def _bounce(code: str) -> Check:
    return lambda case: case.bounce[1] if case.bounce is not None and case.bounce[0] == code else None


def _mark(check: Callable[[Message], str | None]) -> Check:
    return lambda case: check(case.message)


def _receipt(case: Case) -> str | None:
    return marks.mdn(case.message) or receipt(case.message)


def _no_reply(case: Case) -> str | None:
    author, to = case.message.from_address, case.reply_to
    for name, address in (("From", author), ("Reply-To", to)):
        if address is not None and case.senders.is_no_reply(address):
            return f"{name}: {address.address}"
    return None


def _role_sender(case: Case) -> str | None:
    author, to = case.message.from_address, case.reply_to
    for name, address in (("From", author), ("Reply-To", to)):
        if address is not None and case.senders.is_role(address):
            return f"{name}: {address.address}"
    return None


def _known(answer: Answer) -> Check:
    def check(case: Case) -> str | None:
        if case.sender is None or case.sender.reply is not answer:
            return None
        address = case.message.from_address.address if case.message.from_address else "no sender"
        return f"{case.sender.kind} {case.sender.name}: {address}"

    return check


def _dmarc(case: Case) -> str | None:
    return marks.dmarc_failure(case.message, case.at.authserv_ids)


def _no_address(case: Case) -> str | None:
    if case.reply_to is not None:
        return None
    return f"From: {case.message.headers.get('from') or '(none)'}"


def _own_address(case: Case) -> str | None:
    if case.reply_to is None:
        return None
    to = case.reply_to.address
    if is_one_of(to, case.at.own_addresses):
        return f"a support mailbox: {to}"
    return f"a team's inbox: {to}" if is_one_of(to, case.at.inboxes) else None


def _not_addressed(case: Case) -> str | None:
    if case.at.addressed_as is None:
        return None
    named = (*case.message.to, *case.message.cc)
    if any(is_one_of(address.address, case.at.addressed_as) for address in named):
        return None
    return "To: " + (", ".join(address.address for address in named[:5]) or "(nobody)")


def _before_start(case: Case) -> str | None:
    since = case.at.live_since
    if since is None or case.at.received_at >= since:
        return None
    return f"received {case.at.received_at.isoformat(timespec='seconds')}, live since {since.isoformat(timespec='seconds')}"


def _too_old(case: Case) -> str | None:
    age = case.at.now - case.at.received_at
    if age <= case.at.answer_mail_younger_than:
        return None
    return f"received {case.at.received_at.isoformat(timespec='seconds')}, {_hours(age)} ago"


def _conversation(case: Case) -> str | None:
    at = case.at
    if at.acknowledged_at is None or at.now - at.acknowledged_at >= at.conversation_window:
        return None
    return f"answered {at.acknowledged_at.isoformat(timespec='seconds')}"


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:.1f} h"


def _cap_sender(case: Case) -> str | None:
    count, most = case.at.replies_to_sender, case.at.caps.per_sender
    return f"{count} replies to this sender, at most {most}" if count >= most else None


def _cap_domain(case: Case) -> str | None:
    count, most = case.at.replies_to_domain, case.at.caps.per_domain
    return f"{count} replies to this domain, at most {most}" if count >= most else None


RUNGS: tuple[Rung, ...] = (
    Rung(
        "own-mail",
        "Our own mail read back: our header or our Message-ID.",
        "RFC 3834, 2; loops seen at other help desks",
        _own_mail,
        of_a_form=True,
    ),
    Rung(
        "own-bounce",
        "A bounce that names a Message-ID of ours.",
        "RFC 3464; a bounced forward that made a new ticket",
        _own_bounce,
        of_a_form=True,
    ),
    Rung("dsn", "A delivery status notification.", "RFC 3464, RFC 6522", _bounce("dsn"), of_a_form=True),
    Rung(
        "mdn", "A receipt: read, displayed, deleted.", "RFC 8098; Outlook without its marks", _receipt, of_a_form=True
    ),
    Rung(
        "calendar",
        "An answer to an invitation, or a calendar's own mail.",
        "RFC 5546, 1.4; RFC 6047, 2.4",
        _mark(marks.calendar),
    ),
    Rung(
        "report",
        "Another report: abuse feedback, TLS, DMARC.",
        "RFC 5965, RFC 6522, RFC 8460",
        _mark(marks.report),
        of_a_form=True,
    ),
    Rung(
        "mailer-daemon",
        "The mail system writes: mailer-daemon, postmaster and their spellings.",
        "RFC 3834, 2; RFC 5230, 4.6",
        _bounce("mailer-daemon"),
        of_a_form=True,
    ),
    Rung(
        "bounce",
        "A bounce without the marks of one, by subject and text.",
        "Exchange, Domino, qmail, Exim, Yahoo",
        _bounce("bounce"),
        of_a_form=True,
    ),
    Rung("null-sender", "The return path is empty.", "RFC 3834, 2; RFC 5321, 4.5.5", _bounce("null-sender")),
    Rung(
        "marketplace",
        "A customer behind a marketplace's relay: an own clock, no automatic reply.",
        "config/senders.yaml, reply: own-clock",
        _known(Answer.OWN_CLOCK),
    ),
    Rung(
        "known-sender",
        "A carrier, marketplace, payment service or platform notifies.",
        "config/senders.yaml, reply: never",
        _known(Answer.NEVER),
    ),
    Rung("auto-submitted", "Auto-Submitted says anything but no.", "RFC 3834, 2 and 5", _mark(marks.auto_submitted)),
    Rung(
        "auto-response-suppress",
        "X-Auto-Response-Suppress holds All, AutoReply or OOF.",
        "MS-OXCMAIL, 2.2.3.2.14",
        _mark(marks.auto_response_suppress),
    ),
    Rung(
        "autoreply-header",
        "X-Autoreply and its family.",
        "Answering machines older than RFC 3834",
        _mark(marks.autoreply_header),
    ),
    Rung("loop-header", "X-Loop and its family.", "Programs that know their own mail by it", _mark(marks.loop_header)),
    Rung(
        "precedence",
        "Precedence is bulk, list, junk or auto_reply.",
        "RFC 3834, 2; RFC 2076, 3.9",
        _mark(marks.precedence),
    ),
    Rung(
        "list",
        "Any List- field, or that of a list server.",
        "RFC 2369, RFC 2919, RFC 8058; RFC 5230, 4.6",
        _mark(marks.mailing_list),
    ),
    Rung(
        "list-envelope",
        "Bounces of it go to a list server or a mass mailer.",
        "RFC 3834, 2; RFC 5230, 4.6; VERP",
        _mark(marks.list_envelope),
    ),
    Rung(
        "feedback-id",
        "Feedback-ID, or a header of a bulk mail service.",
        "RFC 9477 and the headers of such services",
        _mark(marks.bulk_header),
    ),
    Rung("no-reply", "Nobody reads the sender's address.", "config/senders.yaml, no_reply", _no_reply),
    Rung(
        "role-sender",
        "A program's or a list server's address.",
        "RFC 3834, 2; RFC 5230, 4.6; config/senders.yaml, roles",
        _role_sender,
    ),
    Rung(
        "out-of-office",
        "An absence note or automatic answer, by subject and text.",
        "Answering machines without headers",
        _mark(absence),
    ),
    Rung(
        "acknowledgement",
        "Another help desk has received our mail, by its own words.",
        "Help desks that thank each other for ever",
        _mark(acknowledgement),
    ),
    Rung(
        "automatic", "A notification or newsletter, by its own words.", "Notifications without headers", _mark(notice)
    ),
    Rung(
        "spam",
        "The mail filter in front of the mailbox calls it spam.",
        "Headers of SpamAssassin, Rspamd, Exchange and others",
        _mark(marks.spam),
        of_a_form=True,
    ),
    Rung(
        "dmarc",
        "DMARC failed, says a trusted server.",
        "RFC 8601, 5; RFC 7489; config/triage.yaml, authserv_ids",
        _dmarc,
        of_a_form=True,
    ),
    Rung(
        "no-address",
        "There is no usable address to answer.",
        "RFC 5322, 3.4.1; RFC 5321, 4.5.3.1; RFC 6531, 3.3",
        _no_address,
        of_a_form=True,
    ),
    Rung(
        "own-address",
        "The answer would go to one of our mailboxes or a team's inbox.",
        "RFC 3834, 2",
        _own_address,
        of_a_form=True,
    ),
    Rung(
        "not-addressed",
        "Neither To nor Cc names an address of this mailbox.",
        "RFC 5230, 4.5; config/triage.yaml, addresses and forwarders",
        _not_addressed,
    ),
    Rung(
        "before-start",
        "Received before replies were switched on.",
        "Thousands of old mails answered at first start elsewhere",
        _before_start,
        of_a_form=True,
    ),
    Rung("too-old", "Older than answer_mail_younger_than.", "config/triage.yaml", _too_old, of_a_form=True),
    Rung(
        "duplicate",
        "The same mail was handled before.",
        "One mail to two mailboxes, or delivered twice",
        lambda case: "fingerprint seen before" if case.at.duplicate else None,
        of_a_form=True,
    ),
    Rung(
        "conversation",
        "This conversation was acknowledged within caps.conversation.",
        "RFC 3834, 2; RFC 5230, 4.2",
        _conversation,
        of_a_form=True,
    ),
    Rung("cap-sender", "caps.per_sender is reached.", "RFC 3834, 2; config/triage.yaml", _cap_sender, of_a_form=True),
    Rung(
        "cap-domain",
        "caps.per_domain is reached.",
        "Acknowledgements used as a spam relay, 2025 and 2026",
        _cap_domain,
        of_a_form=True,
    ),
    Rung(
        "paused",
        "Replies are paused.",
        "triage pause",
        lambda case: "replies are paused" if case.at.stopped == "paused" else None,
        of_a_form=True,
    ),
    Rung(
        "breaker",
        "More replies than caps.per_minute: none go out until triage resume.",
        "Loops between two machines; config/triage.yaml",
        lambda case: "the breaker is open" if case.at.stopped == "breaker" else None,
        of_a_form=True,
    ),
    Rung(
        "colleague",
        "A colleague writes into a ticket: an answer of which we got a copy, or a note.",
        "config/triage.yaml, staff; judged with the ticket",
        None,
        of_a_form=True,
    ),
    Rung(RULE, "A rule says reply: never.", "config/routing.yaml; judged with the rules", None, of_a_form=True),
)

# What is written by a program, whoever sent it off; the rungs below these are about a person's mail and our circumstances. Behind a
# marketplace's relay a person writes as well: a rule for machines must not file that customer's question with the newsletters.
MACHINES = frozenset(rung.code for rung in RUNGS[: next(i for i, rung in enumerate(RUNGS) if rung.code == "dmarc")]) - {
    "marketplace"
}
