"""Which team, folder, priority and text: the operator's rules, first match wins. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from triage.message import Message, Prediction, Verdict
from triage.policy import Policy
from triage.rules import Priority, ReplyMode, Then, When


@dataclass(frozen=True, slots=True)
class Route:
    """Where a mail goes and how it is treated."""

    team: str
    inbox: str
    folder: str
    priority: Priority
    rule: str  # name of the rule that decided; "fallback" when none did
    template: str | None  # None: the category's own
    reply: ReplyMode
    also_to: tuple[str, ...] = ()
    tried: tuple[
        str, ...
    ] = ()  # rules that did not match, with the condition that failed: "returns: category is payment"


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a rule may ask about besides the mail itself."""

    mailbox: str
    prediction: Prediction
    verdict: Verdict


def route(message: Message, circumstances: Circumstances, policy: Policy) -> Route:
    """The route that *policy* gives to *message*."""
    tried: list[str] = []
    for rule in policy.rules:
        failed = _first_failure(rule.when, message, circumstances)
        if failed is None:
            return _route(rule.then, rule.name, policy, tried)
        tried.append(f"{rule.name}: {failed}")
    return _route(policy.fallback, "fallback", policy, tried)


def _route(then: Then, rule: str, policy: Policy, tried: list[str]) -> Route:
    team = policy.teams[then.team]
    return Route(
        then.team,
        team.inbox,
        then.folder or team.folder,
        then.priority,
        rule,
        then.template,
        then.reply,
        then.also_to,
        tuple(tried),
    )


def _first_failure(when: When, message: Message, at: Circumstances) -> str | None:
    """The first condition that does not hold, with what was found instead; None when all hold."""
    for name, holds in _CONDITIONS.items():
        wanted = getattr(when, name)
        if wanted is None:
            continue
        found = holds(wanted, message, at)
        if found is not None:
            return f"{name} is {found}"
    return None


def _category(wanted: tuple[str, ...], _: Message, at: Circumstances) -> str | None:
    category = at.prediction.category or "none"
    return None if category in wanted else category


def _about(wanted: tuple[str, ...], _: Message, at: Circumstances) -> str | None:
    about = at.prediction.about or "none"
    return None if about in wanted else about


def _confidence(least: float, _: Message, at: Circumstances) -> str | None:
    return None if at.prediction.confidence >= least else f"{at.prediction.confidence:.2f}"


def _language(wanted: tuple[str, ...], message: Message, _: Circumstances) -> str | None:
    return None if message.language in wanted else message.language or "not known"


def _mailbox(wanted: tuple[str, ...], _: Message, at: Circumstances) -> str | None:
    return None if at.mailbox in wanted else at.mailbox


def _sender(wanted: tuple[str, ...], message: Message, _: Circumstances) -> str | None:
    author = message.from_address
    if author is None:
        return "missing"
    for value in wanted:
        domain = value.casefold().removeprefix("@")
        if author.same_as(value) or author.domain == domain or author.domain.endswith("." + domain):
            return None
    return author.address


def _recipient(wanted: tuple[str, ...], message: Message, _: Circumstances) -> str | None:
    people = {person.address.casefold() for person in (*message.to, *message.cc)}
    return None if people & {value.casefold() for value in wanted} else ", ".join(sorted(people)) or "missing"


def _subject_words(wanted: tuple[str, ...], message: Message, _: Circumstances) -> str | None:
    return None if has_words(message.subject, wanted) else "without them"


def _words(wanted: tuple[str, ...], message: Message, _: Circumstances) -> str | None:
    return None if has_words(message.own_words, wanted) else "without them"


def _silence(wanted: tuple[str, ...], _: Message, at: Circumstances) -> str | None:
    reason = at.verdict.reason
    return None if reason is not None and ("any" in wanted or reason in wanted) else reason or "none"


_CONDITIONS: dict[str, Callable[..., str | None]] = {
    "category": _category,
    "about": _about,
    "confidence_at_least": _confidence,
    "language": _language,
    "mailbox": _mailbox,
    "sender": _sender,
    "recipient": _recipient,
    "subject_words": _subject_words,
    "words": _words,
    "silence": _silence,
}


def fold(text: str) -> str:
    """*text* without regard to case and accents: "Zurück" and "ZURUCK" are one."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))


def has_words(text: str, wanted: tuple[str, ...]) -> bool:
    """Whether one of *wanted* stands in *text* as a whole word or phrase."""
    return _pattern(wanted).search(fold(text)) is not None


@lru_cache(maxsize=1024)
def _pattern(wanted: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(r"(?<!\w)(?:" + "|".join(re.escape(fold(word)) for word in wanted) + r")(?!\w)")
