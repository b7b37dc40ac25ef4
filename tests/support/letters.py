"""Mails as customers write them. All of them were written for these tests."""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

NOW = datetime.now(UTC)  # of the test session, so that the same arguments give the same bytes

TEXTS = (
    "Hello,\n\nmy order 4711{n} was due on Monday and the tracking page has not moved since.\nWhere is it?\n\nRegards, Ann",
    "Guten Tag,\n\nmeine Rechnung zur Bestellung 4812{n} fehlt noch. Bitte schicken Sie sie mir.\n.\nMit freundlichen Grüßen\nJörg Weiß",
    "Buenos días:\n\nquisiera saber si el sillón se puede lavar a 40 grados. Pedido 4913{n}.\n\nUn saludo, Íñigo Peña",
)


def letter(
    number: int,
    *,
    sender: str | None = None,
    to: str = "support@shop.example",
    subject: str | None = None,
    text: str | None = None,
    date: datetime | None = None,
    **headers: str,
) -> bytes:
    """A customer's mail, CRLF line ends; *number* makes it different from every other. An empty header leaves it out."""
    mail = EmailMessage(policy=SMTP)
    mail["Return-Path"] = f"<{sender or f'customer{number}@mail{number % 7}.example'}>"
    mail["From"] = sender or f"Customer {number} <customer{number}@mail{number % 7}.example>"
    mail["To"] = to
    mail["Subject"] = subject if subject is not None else f"Question {number} about my order"
    mail["Date"] = format_datetime(date or NOW)
    mail["Message-ID"] = f"<letter.{number}@mail{number % 7}.example>"
    for name, value in headers.items():
        name = name.replace("_", "-")
        del mail[name]
        if value:
            mail[name] = value
    mail.set_content(text if text is not None else TEXTS[number % len(TEXTS)].replace("{n}", str(number)))
    return mail.as_bytes()
