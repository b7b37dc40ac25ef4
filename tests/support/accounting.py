"""What must hold after any trouble, counted from outside: the mailbox, the mail server's record, the ledger.

every mail lies exactly once in a folder it was filed in, byte for byte
the team has every mail at least once; further copies carry the same Message-ID
no mail is answered twice; a mail that was not answered is one whose reply the ledger reports (unknown, refused, withheld)
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from pathlib import Path

from triage.testing import Accepted

_ID = re.compile(rb"(?im)^message-id:[ \t]*(<[^>\r\n]+>)")


@dataclass(slots=True)
class Account:
    """The outcome of one round; `faults` is empty when everything held."""

    mails: int = 0
    forwards: int = 0  # mails that their team has
    forward_copies: int = 0  # accepted beyond the first
    replies: int = 0
    replies_unknown: int = 0  # reported as unknown
    replies_lost: int = 0  # of those: never accepted
    faults: list[str] = field(default_factory=list)

    def __iadd__(self, other: Account) -> Account:
        for name in ("mails", "forwards", "forward_copies", "replies", "replies_unknown", "replies_lost"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.faults += other.faults
        return self

    def __str__(self) -> str:
        return (
            f"{self.mails} mails: {len(self.faults)} faults, {self.forwards} forwarded (+{self.forward_copies} copies), "
            f"{self.replies} answered, {self.replies_unknown} replies unknown, {self.replies_lost} of them never accepted"
        )


def name_of(raw: bytes) -> str:
    """The Message-ID in *raw*'s header."""
    found = _ID.search(raw)
    assert found is not None
    return found[1].decode()


def account(
    delivered: Sequence[bytes],
    folders: Mapping[str, Sequence[bytes]],
    accepted: Iterable[Accepted],
    ledger: Path,
    *,
    watched: str = "INBOX",
    answered: bool = True,
    forwarded: bool = True,
) -> Account:
    """Compare what was *delivered* (each with a Message-ID of its own) with where it is and what was sent about it.

    *answered*, *forwarded*: whether a reply and a forward was due to each; a reply or forward the ledger reports otherwise is no fault.
    """
    result = Account(mails=len(delivered))
    _check_places(result, delivered, folders, watched)
    forwards: dict[str, list[Accepted]] = defaultdict(list)
    replies: dict[str, list[Accepted]] = defaultdict(list)
    for mail in accepted:
        parsed = message_from_bytes(mail.content)
        kind, about = str(parsed["X-Triage-Kind"]), _about(parsed)
        (replies if kind == "reply" else forwards)[about].append(mail)
    states = _states(ledger)
    for raw in delivered:
        name = name_of(raw)
        if forwarded:
            _check_forwards(result, raw, name, forwards[name], states[name, "forward"])
        if answered or replies[name]:
            _check_reply(result, name, replies[name], states[name, "reply"])
    return result


def _check_places(
    result: Account, delivered: Sequence[bytes], folders: Mapping[str, Sequence[bytes]], watched: str
) -> None:
    places: dict[bytes, list[str]] = defaultdict(list)
    for folder, mails in folders.items():
        for raw in mails:
            places[raw].append(folder)
    for raw, count in Counter(delivered).items():
        where = places.pop(raw, [])
        if len(where) != count or watched in where:
            result.faults.append(f"{name_of(raw)} lies in {where or 'no folder, or was altered'}")
    result.faults += [f"a mail that nobody delivered lies in {where}" for where in places.values()]


def _check_forwards(result: Account, raw: bytes, name: str, copies: Sequence[Accepted], states: Sequence[str]) -> None:
    if not copies:
        if "failed" not in states:  # refused, and reported
            result.faults.append(f"{name} was not forwarded; its forward is {states}")
        return
    result.forwards += 1
    by_recipient: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for copy in copies:
        by_recipient[copy.recipients].add(name_of(copy.content))
        if raw not in copy.content:
            result.faults.append(f"the forward of {name} does not hold it byte for byte")
    if any(len(names) > 1 for names in by_recipient.values()):
        result.faults.append(f"the copies of {name} carry different Message-IDs")
    result.forward_copies += len(copies) - len(by_recipient)


def _check_reply(result: Account, name: str, replies: Sequence[Accepted], states: Sequence[str]) -> None:
    unknown = "unknown" in states
    result.replies += bool(replies)
    result.replies_unknown += unknown
    if len(replies) > 1:
        result.faults.append(f"{name} was answered {len(replies)} times")
    if not replies:
        result.replies_lost += unknown
        if not set(states) & {"unknown", "failed", "suppressed"}:
            result.faults.append(f"{name} was not answered, and nothing says so; its reply is {states}")


def _about(mail: Message) -> str:
    return str(mail["In-Reply-To"])


def _states(ledger: Path) -> dict[tuple[str, str], list[str]]:
    """(Message-ID, kind) to the states of its effects."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    query = "SELECT m.message_id, e.kind, e.state FROM effects e JOIN messages m ON m.id = e.message"
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as connection:
        for name, kind, state in connection.execute(query):
            found[name, kind].append(state)
    return found
