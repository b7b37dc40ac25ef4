"""Which of the team's mail is kept for the examination of models, and never learnt from. Pure.

A champion may have learnt from the team's mail itself, months ago. So the examination is no fresh draw each time: a conversation that is
held out once is held out for good, and neither the model in use nor any challenger has ever seen it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

ONE_IN = 4  # conversations held out; with 200 lessons 50 are, the least that a verdict needs


@dataclass(frozen=True, slots=True)
class Ties:
    """What ties a mail to others: who wrote it, and the conversation that it belongs to."""

    writer: str  # hexadecimal, a keyed hash of the customer's address: evenly spread
    thread: str


def conversations(mails: Sequence[Ties]) -> list[int]:
    """A number for each mail, the same for all that one writer or one thread ties together, over however many steps."""
    leader: dict[str, str] = {}

    def top(name: str) -> str:
        while leader.setdefault(name, name) != name:
            leader[name] = name = leader[leader[name]]
        return name

    for mail in mails:
        leader[top(f"writer {mail.writer}")] = top(f"thread {mail.thread}")
    numbers: dict[str, int] = {}
    return [numbers.setdefault(top(f"writer {mail.writer}"), len(numbers)) for mail in mails]


def held_out(mails: Sequence[Ties], groups: Sequence[int]) -> list[bool]:
    """Whether each mail is kept for the examination.

    A conversation is, if each of its writers is among the one in ONE_IN that are. So more mail never brings a conversation from the
    learning side to the examination, where a model that is in use would know it by heart. (Less mail can, where the only mail that
    tied two writers together is deleted; that is rare enough.)
    """
    open_to_learning = {group for mail, group in zip(mails, groups, strict=True) if not _examined(mail.writer)}
    return [group not in open_to_learning for group in groups]


def _examined(writer: str) -> bool:
    return int(writer[:8], 16) % ONE_IN == 0


def names(groups: Iterable[int]) -> list[str]:
    """Groups as `Row.writer`: what must stay on one side when a model is cross-fitted."""
    return [f"conversation {number}" for number in groups]
