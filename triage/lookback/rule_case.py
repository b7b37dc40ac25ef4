"""One mail under the rules, and everything that conditions ask about it, each computed once. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Self

from triage.message import Message, Prediction, Verdict
from triage.opening_hours import OpeningHours
from triage.rulebook import signals
from triage.rulebook.attachment_kinds import kinds_of
from triage.rulebook.expressions import ExpressionSet, glob
from triage.rulebook.rules import Signal, When
from triage.rulebook.words import MAX_TEXT, Text

SenderLists = Mapping[str, frozenset[str]]  # name of a list: addresses and domains, case folded
_RECIPIENTS = frozenset(
    {"delivered-to", "x-delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "apparently-to"}
)
_ADDRESS = re.compile(r"[^\s<>,;\"]+@[^\s<>,;\"]+")
NONE, ANY, MACHINE = "none", "any", "machine"  # what conditions say besides values


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a rule may ask about besides the mail itself."""

    mailbox: str
    prediction: Prediction
    verdict: Verdict
    now: datetime  # aware; for the opening hours of teams
    follow_up: bool = False  # the mail belongs to a ticket that is known
    overdue: bool = False  # and the ticket waits for a person longer than was promised
    authenticated: bool = False  # a trusted server says that DMARC passed
    lists: SenderLists = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Expressions:
    """The expressions of all rules, by what they look at: each of these is walked once for all of them."""

    subject: ExpressionSet
    text: ExpressionSet
    senders: ExpressionSet
    recipients: ExpressionSet

    @classmethod
    def of(cls, blocks: Iterable[When]) -> Self:
        """Those in *blocks*, which are all blocks of all rules, the inner ones too."""
        blocks = tuple(blocks)
        return cls(
            ExpressionSet(each for block in blocks for each in block.subject_matches or ()),
            ExpressionSet(each for block in blocks for each in block.text_matches or ()),
            ExpressionSet(glob(each) for block in blocks for each in block.sender or () if "*" in each),
            ExpressionSet(glob(each) for block in blocks for each in block.recipient or () if "*" in each),
        )


class Case:
    """One mail under the rules, and what several conditions ask about it, each computed once. One owner, one thread."""

    def __init__(
        self, message: Message, at: Circumstances, hours: Mapping[str, OpeningHours], expressions: Expressions
    ) -> None:
        self.message = message
        self._expressions = expressions
        self.at = at
        self.category = at.prediction.category or NONE
        self.about = at.prediction.about or NONE
        self.language = message.language or NONE
        self.confidence = at.prediction.confidence
        self.silence = at.verdict.reason
        self._hours = hours
        self._open: dict[str, bool] = {}
        self._signals: dict[Signal, bool] = {}

    @cached_property
    def subject(self) -> Text:
        return Text(self.message.subject)

    @cached_property
    def own_text(self) -> str:
        return self.message.own_words[:MAX_TEXT]

    @cached_property
    def own(self) -> Text:
        return Text(self.own_text)

    @cached_property
    def found_in_subject(self) -> frozenset[str]:
        """The expressions of `subject_matches` that the subject has a match for."""
        return self._expressions.subject.found(self.message.subject)

    @cached_property
    def found_in_text(self) -> frozenset[str]:
        """Those of `text_matches` that subject or own words have a match for."""
        return self._expressions.text.found(self.own_text)

    @cached_property
    def senders(self) -> tuple[str, ...]:
        """Who wrote: From, and where it differs (a contact form) the address that an answer goes to. Case folded."""
        author = self.message.from_address
        found = (author.address if author else None, self.at.verdict.reply_to)
        return tuple(dict.fromkeys(address.casefold() for address in found if address))

    @cached_property
    def recipients(self) -> tuple[str, ...]:
        found = [person.address for person in (*self.message.to, *self.message.cc)]
        for name, value in self.message.headers.fields:
            if name in _RECIPIENTS:
                found += _ADDRESS.findall(value)
        return tuple(dict.fromkeys(address.casefold() for address in found))

    @cached_property
    def sender_names(self) -> frozenset[str]:
        """What `sender` may say of them: addresses, domains, and the expressions of patterns that fit."""
        return names_of(self.senders).union(*map(self._expressions.senders.found, self.senders))

    @cached_property
    def recipient_names(self) -> frozenset[str]:
        return names_of(self.recipients).union(*map(self._expressions.recipients.found, self.recipients))

    @cached_property
    def header_names(self) -> frozenset[str]:
        return frozenset(name for name, _ in self.message.headers.fields)

    @cached_property
    def kinds(self) -> frozenset[str]:
        return kinds_of(self.message.attachments)

    def is_open(self, team: str) -> bool:
        known = self._open.get(team)
        if known is None:
            known = self._open[team] = self._hours[team].is_open(self.at.now)
        return known

    def has_signal(self, signal: Signal) -> bool:
        known = self._signals.get(signal)
        if known is None:
            known = self._signals[signal] = self._look_for(signal)
        return known

    def _look_for(self, signal: Signal) -> bool:
        if signal == "shouting":
            return signals.is_shouted(self.message.new_text[:MAX_TEXT])
        if signal == "repeated" and self.at.overdue:
            return True
        words = signals.words_of(signal)
        return words is not None and words.matcher(self.message.language).holds(self.own)


def names_of(addresses: Iterable[str]) -> frozenset[str]:
    """By what *addresses* may be named: themselves, their domain and the domains above it."""
    names: set[str] = set()
    for address in addresses:
        names.add(address)
        domain = address.rpartition("@")[2]
        while domain:
            names.add(domain)
            domain = domain.partition(".")[2]
    return frozenset(names)


def name_of(person: str) -> str:
    """What stands for *person*, as an operator writes it, in the names of a mail."""
    return glob(person) if "*" in person else person.removeprefix("@")
