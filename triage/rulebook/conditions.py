"""The conditions of rules, compiled once: what holds about a mail, and in words what was found. Pure.

Every condition is a `Check`: `holds` is asked for each mail and is all that costs time; `found` is asked by `triage explain`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from triage.guarding.rungs import MACHINES
from triage.lookback.rule_case import ANY, MACHINE, NONE, Case, name_of
from triage.rulebook import signals
from triage.rulebook.expressions import compiled, glob
from triage.rulebook.rules import Signal, When, shown_key
from triage.rulebook.words import Text, WordList


@dataclass(frozen=True, slots=True)
class Check:
    """One condition of one rule."""

    key: str  # as the operator writes it
    holds: Callable[[Case], bool]
    found: Callable[[Case], str]  # what the mail has there, in words: addresses and names, never its text


def checks_of(when: When) -> tuple[Check, ...]:
    """The conditions of *when*, in the order of the reference."""
    return tuple(Check(shown_key(name), *_CONDITIONS[name](value)) for name, value in when.given.items())


# -- the conditions: each takes what the operator wrote, and gives (holds, found) ------------------------------------------------

_Pair = tuple[Callable[[Case], bool], Callable[[Case], str]]


def _one_of(read: Callable[[Case], str]) -> Callable[[tuple[str, ...]], _Pair]:
    def condition(wanted: tuple[str, ...]) -> _Pair:
        values = frozenset(wanted)
        return lambda case: read(case) in values, read

    return condition


def _category(wanted: tuple[str, ...]) -> _Pair:
    values = frozenset(wanted)
    return lambda case: case.category in values, lambda case: f"{case.category} ({case.confidence:.2f})"


def _confidence_at_least(least: float) -> _Pair:
    return lambda case: case.confidence >= least, lambda case: f"{case.confidence:.2f}"


def _confidence_below(limit: float) -> _Pair:
    return lambda case: case.confidence < limit, lambda case: f"{case.confidence:.2f}"


def _people(
    names: Callable[[Case], frozenset[str]], addresses: Callable[[Case], tuple[str, ...]]
) -> Callable[..., _Pair]:
    def condition(wanted: tuple[str, ...]) -> _Pair:
        values = frozenset(map(name_of, wanted))
        return lambda case: not values.isdisjoint(names(case)), lambda case: ", ".join(addresses(case)[:5]) or "missing"

    return condition


def _sender_list(wanted: tuple[str, ...]) -> _Pair:
    def holds(case: Case) -> bool:
        return any(not case.at.lists.get(name, frozenset()).isdisjoint(case.sender_names) for name in wanted)

    def found(case: Case) -> str:
        member = holds(case)
        return f"{', '.join(case.senders) or 'nobody'}, who is {'' if member else 'not '}on {' or '.join(wanted)}"

    return holds, found


def _word_list(text: Callable[[Case], Text]) -> Callable[[Mapping[str, tuple[str, ...]]], _Pair]:
    def condition(wanted: Mapping[str, tuple[str, ...]]) -> _Pair:
        words = WordList(wanted)

        def found(case: Case) -> str:
            word = words.matcher(case.message.language).found(text(case))
            return f"'{word}'" if word else "none of them"

        return lambda case: words.matcher(case.message.language).holds(text(case)), found

    return condition


def _matches(read: Callable[[Case], frozenset[str]]) -> Callable[[tuple[str, ...]], _Pair]:
    def condition(wanted: tuple[str, ...]) -> _Pair:
        values = frozenset(wanted)

        def found(case: Case) -> str:
            return next((f"'{expression}'" for expression in wanted if expression in read(case)), "no match")

        return lambda case: not values.isdisjoint(read(case)), found

    return condition


def _order_number_matches(wanted: tuple[str, ...]) -> _Pair:
    expressions = [compiled(rf"\A(?:{expression})") for expression in wanted]

    def holds(case: Case) -> bool:
        return any(each.search(number) for number in case.message.order_numbers for each in expressions)

    return holds, lambda case: ", ".join(case.message.order_numbers) or NONE


def _yes_or_no(read: Callable[[Case], bool]) -> Callable[[bool], _Pair]:
    def condition(wanted: bool) -> _Pair:
        return lambda case: read(case) is wanted, lambda case: "true" if read(case) else "false"

    return condition


def _attachment(wanted: tuple[str, ...]) -> _Pair:
    values = frozenset(wanted)
    return lambda case: not values.isdisjoint(case.kinds), lambda case: ", ".join(sorted(case.kinds - {ANY}))


def _header(wanted: Mapping[str, str]) -> _Pair:
    globs = [(name.lower(), compiled(glob(value))) for name, value in wanted.items()]

    def lacking(case: Case) -> str | None:
        for name, each in globs:
            if name not in case.header_names or not any(
                each.search(value) for value in case.message.headers.get_all(name)
            ):
                return name
        return None

    def found(case: Case) -> str:
        name = lacking(case)
        if name is None:
            return "as wanted"
        return f"another value in {name}" if name in case.header_names else f"without {name}"

    return lambda case: lacking(case) is None, found


def _size_at_least(least: int) -> _Pair:
    return lambda case: case.message.size >= least, lambda case: f"{case.message.size} bytes"


def _size_below(limit: int) -> _Pair:
    return lambda case: case.message.size < limit, lambda case: f"{case.message.size} bytes"


def _team(is_open: bool) -> Callable[[tuple[str, ...]], _Pair]:
    def condition(wanted: tuple[str, ...]) -> _Pair:
        def found(case: Case) -> str:
            return ", ".join(f"{team} is {'open' if case.is_open(team) else 'closed'}" for team in wanted)

        return lambda case: any(case.is_open(team) is is_open for team in wanted), found

    return condition


def _contact(wanted: str) -> _Pair:
    follow_up = wanted == "follow-up"
    return (
        lambda case: case.at.follow_up is follow_up,
        lambda case: "follow-up" if case.at.follow_up else "first",
    )


def silences_of(wanted: Iterable[str]) -> frozenset[str]:
    """The reasons that *wanted* names, `machine` opened."""
    values = frozenset(wanted)
    return values | MACHINES if MACHINE in values else values


def _silence(wanted: tuple[str, ...]) -> _Pair:
    values = silences_of(wanted)

    def holds(case: Case) -> bool:
        return (NONE if case.silence is None else case.silence) in values or (
            ANY in values and case.silence is not None
        )

    return holds, lambda case: case.silence or NONE


def _signals(wanted: tuple[Signal, ...]) -> _Pair:
    def found(case: Case) -> str:
        there = [signal for signal in wanted if case.has_signal(signal)]
        if not there:
            return "none of them"
        word = signals.word_found(there[0], case.own, case.message.language)
        return f"{there[0]} ('{word}')" if word else there[0]

    return lambda case: any(case.has_signal(signal) for signal in wanted), found


def _all(blocks: tuple[When, ...]) -> _Pair:
    inner = [check for block in blocks for check in checks_of(block)]
    return lambda case: all(check.holds(case) for check in inner), lambda case: _list(case, inner)


def _any(blocks: tuple[When, ...]) -> _Pair:
    inner = [checks_of(block) for block in blocks]

    def found(case: Case) -> str:
        fits = next((checks for checks in inner if all(check.holds(case) for check in checks)), None)
        if fits is not None:
            return _list(case, fits)
        return "none: " + "; ".join(failure_of(checks, case) or "" for checks in inner)

    return lambda case: any(all(check.holds(case) for check in checks) for checks in inner), found


def _not(block: When) -> _Pair:
    inner = checks_of(block)

    def holds(case: Case) -> bool:
        return not all(check.holds(case) for check in inner)

    return holds, lambda case: failure_of(inner, case) or _list(case, inner)


def _list(case: Case, checks: Iterable[Check]) -> str:
    checks = tuple(checks)
    failure = failure_of(checks, case)
    return failure or "; ".join(reasons(checks, case))


def failure_of(checks: Iterable[Check], case: Case) -> str | None:
    """The first condition that does not hold, with what was found instead: "category is payment (0.93)"; None when all hold."""
    return next((f"{check.key} is {check.found(case)}" for check in checks if not check.holds(case)), None)


def reasons(checks: Iterable[Check], case: Case) -> tuple[str, ...]:
    """What was found for conditions that hold: why a rule matched."""
    return tuple(f"{check.key} is {check.found(case)}" for check in checks)


_CONDITIONS: dict[str, Callable[[Any], _Pair]] = {
    "category": _category,
    "about": _one_of(lambda case: case.about),
    "confidence_at_least": _confidence_at_least,
    "confidence_below": _confidence_below,
    "language": _one_of(lambda case: case.language),
    "mailbox": _one_of(lambda case: case.at.mailbox),
    "sender": _people(lambda case: case.sender_names, lambda case: case.senders),
    "sender_list": _sender_list,
    "authenticated": _yes_or_no(lambda case: case.at.authenticated),
    "recipient": _people(lambda case: case.recipient_names, lambda case: case.recipients),
    "subject_words": _word_list(lambda case: case.subject),
    "words": _word_list(lambda case: case.own),
    "subject_matches": _matches(lambda case: case.found_in_subject),
    "text_matches": _matches(lambda case: case.found_in_text),
    "order_number": _yes_or_no(lambda case: bool(case.message.order_numbers)),
    "order_number_matches": _order_number_matches,
    "attachment": _attachment,
    "header": _header,
    "size_at_least": _size_at_least,
    "size_below": _size_below,
    "team_open": _team(True),
    "team_closed": _team(False),
    "contact": _contact,
    "silence": _silence,
    "signals": _signals,
    "all_of": _all,
    "any_of": _any,
    "not_": _not,
}
