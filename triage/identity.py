"""What marks our own mail and names a ticket. Pure functions of the mail's fingerprint.

Message-IDs of what we send are a function of the mail that caused it and of the action, so that a repeated forward carries the
same one (and is recognised as a copy by every client), and a reply whose outcome is unknown can be looked for.
"""

from __future__ import annotations

import hashlib
import re

KIND_HEADER = "X-Triage-Kind"  # reply, forward, reminder or renewal: whoever reads this back has a loop
TICKET_HEADER = "X-Triage-Ticket"

_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # no 0/O, 1/I/L, U: read over the telephone
_LENGTH = 7  # 30**7 = 2e10: one accidental pair in 100,000 tickets has odds of 1 in 4
TICKET_PATTERN = re.compile(rf"\[#(T-[{_ALPHABET}]{{{_LENGTH}}})\]")
_OWN_MESSAGE_ID = re.compile(r"<triage\.(?:reply|forward|reminder|renewal)\.[0-9a-f]{32}@[^<>@\s]+>")


def ticket_reference(fingerprint: str) -> str:
    """The name of the ticket that a mail with this fingerprint opens: "T-7K3M9QX"."""
    number = int.from_bytes(hashlib.sha256(b"ticket:" + fingerprint.encode()).digest()[:16])
    digits = []
    for _ in range(_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "T-" + "".join(digits)


def tickets_in(text: str) -> tuple[str, ...]:
    """Ticket references as our subjects write them, "[#T-7K3M9QX]", in order."""
    return tuple(TICKET_PATTERN.findall(text))


def outbound_message_id(kind: str, fingerprint: str, recipient: str, domain: str) -> str:
    """Message-ID of our *kind* of mail about the mail with *fingerprint*, to *recipient* (RFC 5322, 3.6.4)."""
    digest = hashlib.sha256(f"{kind}\0{fingerprint}\0{recipient.casefold()}".encode()).hexdigest()[:32]
    return f"<triage.{kind}.{digest}@{domain}>"


def own_message_ids(text: str) -> tuple[str, ...]:
    """Message-IDs of ours that stand in *text* (In-Reply-To, References, or the body of a bounce)."""
    return tuple(_OWN_MESSAGE_ID.findall(text))


def is_own_message_id(message_id: str | None) -> bool:
    return message_id is not None and _OWN_MESSAGE_ID.fullmatch(message_id) is not None
