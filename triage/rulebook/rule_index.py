"""Which rules a mail can match at all: a few look-ups instead of asking every rule. Pure.

Of each rule one condition is chosen that can hold only for mail with certain values (senders, words, an expression, a category ...); the
rule is a candidate where the mail has one of them. Rules without such a condition are always candidates. With 500 rules this takes a
quarter of the time of asking them one by one (benchmarks/routing.py); a property test keeps the two equal.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from triage.lookback.rule_case import ANY, Case, name_of
from triage.rulebook.conditions import silences_of
from triage.rulebook.rules import When
from triage.rulebook.shadowing import Conjunct, conjuncts
from triage.rulebook.words import MarkIndex, WordList

Entry = tuple[str, str]  # name of a condition, and a value of the mail that it needs


@dataclass(frozen=True, slots=True)
class _Kind:
    """A condition that can be looked up."""

    needs: Callable[[Any], Iterable[str] | None]  # values of which the mail must have one; None: cannot be told
    has: Callable[[Case], Collection[str]] | None  # the mail's values; None: words, which have an index of their own


def _names(value: Iterable[str]) -> Iterable[str]:
    return value


def _silences(value: Iterable[str]) -> Iterable[str] | None:
    return None if ANY in value else silences_of(value)


# The most telling first: of a rule's conditions the first one here is looked up.
_KINDS: dict[str, _Kind] = {
    "subject_matches": _Kind(_names, lambda case: case.found_in_subject),
    "text_matches": _Kind(_names, lambda case: case.found_in_text),
    "sender": _Kind(lambda value: map(name_of, value), lambda case: case.sender_names),
    "header": _Kind(lambda value: [next(iter(value)).lower()], lambda case: case.header_names),
    "subject_words": _Kind(lambda value: WordList(value).marks, None),
    "words": _Kind(lambda value: WordList(value).marks, None),
    "recipient": _Kind(lambda value: map(name_of, value), lambda case: case.recipient_names),
    "about": _Kind(_names, lambda case: (case.about,)),
    "language": _Kind(_names, lambda case: (case.language,)),
    "category": _Kind(_names, lambda case: (case.category,)),
    "attachment": _Kind(_names, lambda case: case.kinds),
    "silence": _Kind(_silences, lambda case: (case.silence or "none",)),
    "mailbox": _Kind(_names, lambda case: (case.at.mailbox,)),
}


class RuleIndex:
    """The rules of a policy by what mail must have to match them."""

    def __init__(self, rules: Sequence[When]) -> None:
        self._always: list[int] = []
        self._by: dict[str, dict[str, list[int]]] = {}
        for number, when in enumerate(rules):
            entries = _entries(conjuncts(when))
            if entries is None:
                self._always.append(number)
            for name, value in entries or ():
                self._by.setdefault(name, {}).setdefault(value, []).append(number)
        self._words = MarkIndex(self._by.get("words", ()))
        self._subject_words = MarkIndex(self._by.get("subject_words", ()))

    def candidates(self, case: Case) -> list[int]:
        """Numbers of the rules that *case* may match, in order."""
        found = set(self._always)
        for name, by_value in self._by.items():
            for value in self._values(name, case):
                found.update(by_value.get(value, ()))
        return sorted(found)

    def _values(self, name: str, case: Case) -> Collection[str]:
        has = _KINDS[name].has
        if has is not None:
            return has(case)
        return self._words.found(case.own) if name == "words" else self._subject_words.found(case.subject)


def _entries(conditions: Sequence[Conjunct]) -> set[Entry] | None:
    """What mail must have one of to fit all of *conditions*; None where nothing can be told."""
    given: dict[str, list[Any]] = {}
    for name, value in conditions:
        given.setdefault(name, []).append(value)
    for name, kind in _KINDS.items():
        for value in given.get(name, ()):
            needs = kind.needs(value)
            if needs is not None:
                return {(name, need) for need in needs}
    for blocks in given.get("any_of", ()):
        entries = [_entries(conjuncts(block)) for block in blocks]
        if all(each is not None for each in entries):
            return {entry for each in entries if each is not None for entry in each}
    return None
