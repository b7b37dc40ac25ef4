"""What the daemon sent, as the SMTP server took it."""

from __future__ import annotations

import email.policy
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import BytesParser

from triage.identity import KIND_HEADER, TICKET_HEADER
from triage.testing import Accepted

_PARSER = BytesParser(policy=email.policy.default)


@dataclass(frozen=True, slots=True)
class Sent:
    """A reply or a forward."""

    kind: str  # lifecycle.Kind
    envelope_sender: str
    recipient: str
    mail: EmailMessage

    @property
    def message_id(self) -> str:
        return str(self.mail["Message-ID"])

    @property
    def in_reply_to(self) -> str | None:
        value = self.mail["In-Reply-To"]
        return None if value is None else str(value).strip()

    @property
    def subject(self) -> str:
        return str(self.mail["Subject"])

    @property
    def ticket(self) -> str:
        return str(self.mail[TICKET_HEADER])

    @property
    def text(self) -> str:
        """The first text part as a reader sees it."""
        body = self.mail.get_body(("plain",))
        return "" if body is None else str(body.get_content()).replace("\r\n", "\n")


def read(accepted: Accepted) -> Sent:
    """*accepted* as one of ours; `kind` is "" when it is not."""
    mail = _PARSER.parsebytes(accepted.content)
    assert isinstance(mail, EmailMessage)
    return Sent(str(mail[KIND_HEADER] or ""), accepted.envelope_sender, accepted.recipients[0], mail)
