"""Which rules can never decide anything: what they ask for contradicts itself, or an earlier rule takes all their mail. Pure.

Told only where it is certain: `implies` is True when every mail that fits one block fits the other as well, and False when it cannot say.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from triage.rulebook.conditions import silences_of
from triage.rulebook.rules import Rule, When
from triage.rulebook.words import ANY_LANGUAGE, fold

Conjunct = tuple[str, Any]  # name of a condition in When, and its value

_ONE_VALUED = frozenset({"category", "about", "language", "mailbox"})  # a mail has one value of these
_SETS = _ONE_VALUED | {"sender_list", "signals", "attachment", "silence", "team_open", "team_closed"}
_SETS |= {"subject_matches", "text_matches", "order_number_matches"}


def conjuncts(when: When) -> tuple[Conjunct, ...]:
    """The conditions of *when* that must all hold, blocks under `all` opened."""
    found: list[Conjunct] = []
    for name, value in when.given.items():
        if name == "all_of":
            found += [conjunct for block in value for conjunct in conjuncts(block)]
        else:
            found.append((name, value))
    return tuple(found)


def implies(narrow: Sequence[Conjunct], wide: Sequence[Conjunct]) -> bool:
    """Whether every mail for which all of *narrow* hold is one for which all of *wide* hold."""
    return all(_is_implied(conjunct, narrow) for conjunct in wide)


def _is_implied(wanted: Conjunct, given: Sequence[Conjunct]) -> bool:
    name, value = wanted
    if name == "any_of" and any(implies(given, conjuncts(block)) for block in value):
        return True
    if name == "not_" and _excluded(conjuncts(value), given):
        return True
    for other, found in given:
        if other == "any_of" and all(_is_implied(wanted, conjuncts(block)) for block in found):
            return True
        if _is_within(other, found, name, value):
            return True
    return False


def _is_within(other: str, found: Any, name: str, value: Any) -> bool:
    """Whether the condition *other* with *found* makes the condition *name* with *value* hold."""
    if other != name:
        if (other, name) == ("order_number_matches", "order_number"):
            return bool(value)
        return (other, name) == ("subject_words", "words") and _within_words(found, value)
    if name in _WITHIN:
        return _WITHIN[name](found, value)
    return _within_set(found, value) if name in _SETS else bool(found == value)


def _excluded(unwanted: Sequence[Conjunct], given: Sequence[Conjunct]) -> bool:
    """Whether no mail for which all of *given* hold can fit all of *unwanted*."""
    for other, found in given:
        if other == "not_" and implies(unwanted, conjuncts(found)):
            return True
    return any(_disjoint(conjunct, other) for conjunct in unwanted for other in given)


def _disjoint(one: Conjunct, other: Conjunct) -> bool:
    """Whether the two can never hold together."""
    names = {one[0], other[0]}
    values = {one[0]: one[1], other[0]: other[1]}
    if one[0] == other[0]:
        name, a, b = one[0], one[1], other[1]
        if name in _ONE_VALUED:
            return not set(a) & set(b)
        if name in ("contact", "authenticated", "order_number"):
            return bool(a != b)
        if name in ("attachment", "silence"):
            return ({"none"} == set(a) and "none" not in b) or ({"none"} == set(b) and "none" not in a)
        return False
    if names == {"confidence_at_least", "confidence_below"}:
        return bool(values["confidence_at_least"] >= values["confidence_below"])
    if names == {"size_at_least", "size_below"}:
        return bool(values["size_at_least"] >= values["size_below"])
    if names == {"team_open", "team_closed"}:
        return len(set(values["team_open"]) | set(values["team_closed"])) == 1
    if names == {"order_number", "order_number_matches"}:
        return values["order_number"] is False
    return False


# -- within: every mail that fits the first value fits the second ----------------------------------------------------------------


def _within_set(narrow: Sequence[str], wide: Sequence[str]) -> bool:
    return set(narrow) <= set(wide)


def _within_any(narrow: Sequence[str], wide: Sequence[str]) -> bool:
    return set(narrow) <= set(wide) or ("any" in wide and "none" not in narrow)


def _within_silences(narrow: Sequence[str], wide: Sequence[str]) -> bool:
    return _within_any(tuple(silences_of(narrow)), tuple(silences_of(wide)))


def _within_people(narrow: Sequence[str], wide: Sequence[str]) -> bool:
    return all(any(_covers(pattern, person) for pattern in wide) for person in narrow)


def _covers(pattern: str, person: str) -> bool:
    if pattern == person:
        return True
    if "*" in pattern:
        return "*" not in person and "@" in person and fnmatch.fnmatchcase(person, pattern)
    domain = person.rpartition("@")[2]
    wanted = pattern.removeprefix("@")
    return "@" not in wanted and (domain == wanted or domain.endswith("." + wanted))


def _within_words(narrow: Mapping[str, Sequence[str]], wide: Mapping[str, Sequence[str]]) -> bool:
    for language in {*narrow, *wide, ANY_LANGUAGE}:
        sought = (*narrow.get(language, ()), *narrow.get(ANY_LANGUAGE, ()))
        known = (*wide.get(language, ()), *wide.get(ANY_LANGUAGE, ()))
        if not all(any(_finds(word, other) for word in known) for other in sought):
            return False
    return True


def _finds(word: str, other: str) -> bool:
    """Whether a text that holds *other* holds *word*."""
    word, other = fold(word), fold(other)
    if word == other:
        return True
    return word.endswith("*") and " " not in other and other.removesuffix("*").startswith(word[:-1])


def _within_headers(narrow: Mapping[str, str], wide: Mapping[str, str]) -> bool:
    known = {name.lower(): value.casefold() for name, value in narrow.items()}
    return all(name.lower() in known and value.casefold() in ("*", known[name.lower()]) for name, value in wide.items())


_WITHIN: dict[str, Callable[[Any, Any], bool]] = {
    "attachment": _within_any,
    "silence": _within_silences,
    "sender": _within_people,
    "recipient": _within_people,
    "subject_words": _within_words,
    "words": _within_words,
    "header": _within_headers,
    "confidence_at_least": lambda narrow, wide: bool(narrow >= wide),
    "confidence_below": lambda narrow, wide: bool(narrow <= wide),
    "size_at_least": lambda narrow, wide: bool(narrow >= wide),
    "size_below": lambda narrow, wide: bool(narrow <= wide),
    "any_of": lambda narrow, wide: all(
        any(implies(conjuncts(block), conjuncts(other)) for other in wide) for block in narrow
    ),
    "not_": lambda narrow, wide: implies(conjuncts(wide), conjuncts(narrow)),
}


# -- rules -------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shadow:
    """A rule that can never decide."""

    rule: int
    by: tuple[int, ...]  # the earlier rules that take its mail; () where its own conditions contradict each other


def shadows(rules: Sequence[Rule]) -> Iterator[Shadow]:
    """Rules that can never decide, in order."""
    asked = [conjuncts(rule.when) for rule in rules]
    for i, mine in enumerate(asked):
        if any(_excluded([conjunct], [*mine[:n], *mine[n + 1 :]]) for n, conjunct in enumerate(mine)):
            yield Shadow(i, ())
            continue
        ending = [j for j in range(i) if not rules[j].then.continue_]
        taken_by = _taker(mine, asked, ending)
        if taken_by:
            yield Shadow(i, taken_by)


def _taker(mine: tuple[Conjunct, ...], asked: Sequence[Sequence[Conjunct]], ending: Sequence[int]) -> tuple[int, ...]:
    """The first rule that takes all mail of *mine*, or the several that take it value by value."""
    for j in ending:
        if implies(mine, asked[j]):
            return (j,)
    for n, (name, value) in enumerate(mine):
        if name not in _ONE_VALUED or len(value) < 2:
            continue
        takers = []
        for single in value:
            narrowed = (*mine[:n], (name, (single,)), *mine[n + 1 :])
            taker = next((j for j in ending if implies(narrowed, asked[j])), None)
            if taker is None:
                break
            takers.append(taker)
        else:
            return tuple(dict.fromkeys(takers))
    return ()


def overruled(rules: Sequence[Rule]) -> Iterator[tuple[int, str, int]]:
    """(rule, decision, earlier rule): decisions that come too late, since an earlier rule with `continue` made them for all that mail."""
    asked = [conjuncts(rule.when) for rule in rules]
    for i, rule in enumerate(rules):
        for key in rule.then.decided:
            for j in range(i):
                then = rules[j].then
                if then.continue_ and key in then.decided and implies(asked[i], asked[j]):
                    yield i, key, j
                    break
