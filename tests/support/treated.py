"""What became of each mail, seen from outside: its folder and flags on the IMAP server, and what the SMTP server accepted about it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

from tests.support.accounting import name_of
from tests.support.dovecot import Dovecot
from triage.testing import Accepted


@dataclass(frozen=True, slots=True)
class Sent:
    """A mail of ours that the SMTP server accepted."""

    to: str
    envelope_sender: str
    content: bytes

    @property
    def mail(self) -> EmailMessage:
        mail = message_from_bytes(self.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        return mail

    @property
    def text(self) -> str:
        """The first part that is plain text."""
        return str(next(part for part in self.mail.walk() if part.get_content_type() == "text/plain").get_content())


@dataclass(slots=True)
class Treated:
    """What became of one mail."""

    folders: list[str] = field(default_factory=list)
    flags: set[str] = field(default_factory=set)  # without \\Recent
    forwards: list[Sent] = field(default_factory=list)  # in order of the recipient
    replies: list[Sent] = field(default_factory=list)

    @property
    def inboxes(self) -> list[str]:
        """Where it was forwarded to."""
        return [sent.to for sent in self.forwards]

    @property
    def forward(self) -> EmailMessage:
        """The only forward."""
        (sent,) = self.forwards
        return sent.mail


def treated(dovecot: Dovecot, users: Iterable[str], accepted: Iterable[Accepted]) -> dict[str, Treated]:
    """By the Message-ID of the customer's mail."""
    found: dict[str, Treated] = defaultdict(Treated)
    for user in users:
        for folder in dovecot.folders(user):
            flags = dovecot.flags(user, folder)
            for uid, raw in dovecot.mails(user, folder).items():
                item = found[name_of(raw)]
                item.folders.append(folder)
                item.flags |= {flag.decode() for flag in flags[uid]} - {"\\Recent"}
    for mail in sorted(accepted, key=lambda mail: mail.recipients):
        (recipient,) = mail.recipients
        sent = Sent(recipient, mail.envelope_sender, mail.content)
        header = sent.mail
        about = str(header["Message-ID"] if header["Resent-To"] else header["In-Reply-To"])
        assert about in found, f"{about} is the Message-ID of no mail that was delivered"
        if header["X-Triage-Kind"] == "reply":
            found[about].replies.append(sent)
        else:
            found[about].forwards.append(sent)
    return found
