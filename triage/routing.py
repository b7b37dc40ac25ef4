"""Which team, folder, priority, clock and text: the operator's rules, in order. Pure.

Each decision (team, folder, priority, template, reply, clock) is made by the first rule that matches and names it; further recipients
and tags add up. A rule ends the search unless it says `continue`, and where none ended it the fallback decides what is open.
Rules are compiled once per policy, and an index names the few that a mail can match at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from triage.lookback.rule_case import Case, Circumstances, Expressions, SenderLists
from triage.message import Message
from triage.opening_hours import OpeningHours
from triage.rulebook.conditions import Check, checks_of, failure_of, reasons
from triage.rulebook.rule_index import RuleIndex
from triage.rulebook.rules import Clock, Fallback, Priority, ReplyMode, Rule, Then

__all__ = ["FALLBACK", "Circumstances", "CompiledRule", "Route", "Rules", "SenderLists"]

FALLBACK = "fallback"  # what `Route.rule` says when no rule named a team

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Decided:
    """What the rules say; the policy makes a `Route` of it."""

    team: str
    folder: str | None
    priority: Priority
    template: str | None
    reply: ReplyMode
    clock: Clock
    also_to: tuple[str, ...]
    tags: tuple[str, ...]
    by: Mapping[str, str]
    matched: tuple[str, ...]
    because: Callable[[], tuple[str, ...]]
    tried: Callable[[], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Route:
    """Where a mail goes and how it is treated."""

    team: str
    inbox: str
    folder: str
    priority: Priority
    rule: str  # name of the rule that named the team; "fallback" when none did
    template: str | None  # None: the category's own
    reply: ReplyMode
    also_to: tuple[str, ...] = ()
    clock: Clock = "opening-hours"
    tags: tuple[str, ...] = ()  # IMAP keywords for the filed mail
    matched: tuple[str, ...] = ()  # every rule that matched, in order; "fallback" last where no rule ended the search
    by: Mapping[str, str] = field(
        default_factory=dict
    )  # name of the rule that decided each of team, priority, reply ...
    _because: Callable[[], tuple[str, ...]] = field(default=tuple, repr=False, compare=False)
    _tried: Callable[[], tuple[str, ...]] = field(default=tuple, repr=False, compare=False)

    @property
    def because(self) -> tuple[str, ...]:
        """Each rule that matched, with what was found: "returns: category is product (0.97); subject_words is 'return'"."""
        return self._because()

    @property
    def tried(self) -> tuple[str, ...]:
        """Each rule that did not match, with the condition that failed: "returns: category is payment (0.93)"."""
        return self._tried()


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule, ready to be asked."""

    name: str
    then: Then
    checks: tuple[Check, ...]
    holds: tuple[Callable[[Case], bool], ...]  # the same, the cheap ones first


class Rules:
    """All rules of a policy, compiled."""

    def __init__(self, rules: Iterable[Rule], fallback: Fallback) -> None:
        rules = tuple(rules)
        self.rules = tuple(map(_compiled, rules))
        self.fallback = fallback
        self._expressions = Expressions.of(block for rule in rules for _, block in rule.when.blocks())
        self._index = RuleIndex([rule.when for rule in rules])

    def matching(self, case: Case) -> list[CompiledRule]:
        """The rules that match, in order, up to the first that ends the search."""
        found = []
        for number in self._index.candidates(case):
            rule = self.rules[number]
            for holds in rule.holds:
                if not holds(case):
                    break
            else:
                found.append(rule)
                if not rule.then.continue_:
                    break
        return found

    def decide(self, message: Message, at: Circumstances, hours: Mapping[str, OpeningHours]) -> Decided:
        """What the rules say of *message*; *hours* are the business clocks of the teams."""
        case = Case(message, at, hours, self._expressions)
        matching = self.matching(case)
        decided: dict[str, Any] = {}
        by: dict[str, str] = {}
        also_to: list[str] = []
        tags: list[str] = []
        names = [rule.name for rule in matching]
        steps: list[tuple[str, Then | Fallback]] = [(rule.name, rule.then) for rule in matching]
        if not matching or matching[-1].then.continue_:
            names.append(FALLBACK)
            steps.append((FALLBACK, self.fallback))
        for name, then in steps:
            for key, value in then.decided.items():
                if key not in decided:
                    decided[key], by[key] = value, name
            also_to += then.also_to
            tags += then.tags
        return Decided(
            team=decided["team"],
            folder=decided.get("folder"),
            priority=decided.get("priority", "normal"),
            template=decided.get("template"),
            reply=decided.get("reply", "normal"),
            clock=decided.get("clock", "opening-hours"),
            also_to=tuple(dict.fromkeys(also_to)),
            tags=tuple(dict.fromkeys(tags)),
            by=by,
            matched=tuple(names),
            because=lambda: self.because(case),
            tried=lambda: self.tried(case),
        )

    def because(self, case: Case) -> tuple[str, ...]:
        """In words, what was found by each rule that matched."""
        found = [
            f"{rule.name}: {'; '.join(reasons(rule.checks, case)) or 'no conditions'}" for rule in self.matching(case)
        ]
        return tuple(found) or (f"{FALLBACK}: no rule matched",)

    def tried(self, case: Case) -> tuple[str, ...]:
        """In words, which condition failed in each rule that was looked at and did not match."""
        failures = []
        for rule in self.rules:
            failed = failure_of(rule.checks, case)
            if failed is not None:
                failures.append(f"{rule.name}: {failed}")
            elif not rule.then.continue_:
                break
        return tuple(failures)


# What a condition costs besides the look at a value that is there: the mail's text is folded and cut for the first that asks.
_DEAR = frozenset(
    {"subject_words", "words", "signals", "subject_matches", "text_matches", "header", "all", "any", "not"}
)


def _compiled(rule: Rule) -> CompiledRule:
    checks = checks_of(rule.when)
    cheap_first = sorted(checks, key=lambda check: check.key in _DEAR)
    return CompiledRule(rule.name, rule.then, checks, tuple(check.holds for check in cheap_first))
