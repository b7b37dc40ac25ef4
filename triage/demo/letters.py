"""The demo's mails: read from mail/, put in order by index.yaml, filled in when they are delivered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.header import Header
from email.utils import format_datetime
from pathlib import Path

import yaml

from triage.demo.outbox import Sent
from triage.errors import TriageError

FOLDER = Path(__file__).resolve().parent / "mail"
_PLACEHOLDER = re.compile(rb"\[\[(date|day|reply-id|reply-subject)(?: ([^\[\]]+))?\]\]")
_MESSAGE_ID = re.compile(rb"^Message-ID: *(<\S+>)\s*$", re.MULTILINE | re.IGNORECASE)
_AGE = re.compile(r"-(\d+)([smh])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours"}
_ZONE = re.compile(r"([+-])(\d\d)(\d\d)")


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail of the demo."""

    name: str
    source: bytes  # with placeholders and LF line ends
    answer: bool | None  # whether an automatic reply must go out; None: as the program sees fit
    wave: int  # 0: before the first start; 1: while the daemon watches; 2: when all of wave 1 is settled
    age: timedelta  # of INTERNALDATE at delivery
    forward_shown: bool  # its forward is printed in full

    @property
    def message_id(self) -> str | None:
        found = _MESSAGE_ID.search(self.source)
        return found[1].decode("ascii") if found else None

    def filled(self, now: datetime, replies: Mapping[str, Sent]) -> bytes:
        """The mail as it is delivered at *now*. Raises TriageError when a reply that it names was not sent.

        Args:
            replies: automatic replies by the name of the mail that they answer.
        """
        text = _PLACEHOLDER.sub(lambda found: _value(found, now, replies).encode("ascii"), self.source)
        return text.replace(b"\n", b"\r\n")


def load() -> list[Letter]:
    """Every mail, in order of delivery."""
    entries = yaml.safe_load((FOLDER / "index.yaml").read_text(encoding="utf-8"))
    return [
        Letter(
            name=entry["name"],
            source=(FOLDER / f"{entry['name']}.eml").read_bytes(),
            answer=entry.get("answer"),
            wave=entry.get("wave", 1),
            age=_age(entry["received"]) if "received" in entry else timedelta(0),
            forward_shown=entry.get("forward") == "shown",
        )
        for entry in entries
    ]


def _value(found: re.Match[bytes], now: datetime, replies: Mapping[str, Sent]) -> str:
    kind, argument = found[1].decode("ascii"), (found[2] or b"").decode("ascii")
    if kind == "date":
        age, zone = argument.split()
        return format_datetime((now - _age(age)).astimezone(_zone(zone)))
    if kind == "day":
        return now.date().isoformat()
    reply = replies.get(argument)
    if reply is None:
        raise TriageError(f"no automatic reply to {argument} was sent, and a later mail of the demo answers it")
    return reply.message_id if kind == "reply-id" else Header(reply.subject, "utf-8", maxlinelen=900).encode()


def _age(text: str) -> timedelta:
    found = _AGE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no age; write -20s, -5m or -3h")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _zone(text: str) -> timezone:
    found = _ZONE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no offset; write +0100")
    offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return timezone(-offset if found[1] == "-" else offset)
