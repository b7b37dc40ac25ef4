"""What is wrong with rules that can be read: mail in a circle, names that lead nowhere, rules that never decide. Pure.

Errors are what would lose or repeat mail, or is certainly a slip of the pen; warnings are told, and the daemon runs.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from triage import guard
from triage.guarding.reply_address import is_one_of
from triage.policy import Policy
from triage.rulebook.rules import Outcome, When
from triage.rulebook.shadowing import overruled, shadows
from triage.settings import Settings

Key = tuple[str | int, ...]

CATEGORIES = ("logistics", "payment", "product", "complaint")  # of the model that comes with the program
MOST_TAGS = 26  # keywords that Dovecot keeps for a folder in Maildir format


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of the rules, or of the settings beside them."""

    key: Key
    fault: str
    remedy: str
    severity: Literal["error", "warning"] = "error"
    file: Literal["routing", "settings"] = "routing"


def policy_faults(
    policy: Policy, settings: Settings, lists: Collection[str] = (), categories: Collection[str] = CATEGORIES
) -> list[Fault]:
    """Every fault that can be told without looking at mail.

    Args:
        lists: names of the sender lists that are there.
        categories: what the text model in use can name.
    """
    return [
        *_circles(policy, settings),
        *_unknown_names(policy, settings, lists, categories),
        *_languages(policy, settings),
        *_never_deciding(policy),
        *_contradictions(policy),
        *_unused(policy),
    ]


def _outcomes(policy: Policy) -> Iterator[tuple[Key, Outcome]]:
    for i, rule in enumerate(policy.rules):
        yield ("rules", i, "then"), rule.then
    yield ("fallback",), policy.fallback


def _blocks(policy: Policy) -> Iterator[tuple[Key, When]]:
    for i, rule in enumerate(policy.rules):
        yield from rule.when.blocks(("rules", i, "when"))


# -- mail in a circle ------------------------------------------------------------------------------------------------------------


def _circles(policy: Policy, settings: Settings) -> Iterator[Fault]:
    forwarders = {a.casefold(): name for name, mailbox in settings.mailboxes.items() for a in mailbox.forwarders}
    places: list[tuple[Key, str]] = [(("teams", name, "inbox"), team.inbox) for name, team in policy.teams.items()]
    places += [(("teams", name, "also_to"), each) for name, team in policy.teams.items() for each in team.also_to]
    places += [((*key, "also_to"), address) for key, outcome in _outcomes(policy) for address in outcome.also_to]
    for place, address in places:
        remedy = "Forwards would come back as new mail for ever; name the inbox that the team reads"
        if is_one_of(address, settings.own_addresses):
            yield Fault(place, f"{address} is a support mailbox that is watched", remedy)
        elif address.casefold() in forwarders:
            fault = f"{address} is forwarded into the mailbox '{forwarders[address.casefold()]}' by others"
            yield Fault(place, fault, remedy)
    folders: list[tuple[Key, str]] = [(("teams", name, "folder"), team.folder) for name, team in policy.teams.items()]
    folders += [((*key, "folder"), outcome.folder) for key, outcome in _outcomes(policy) if outcome.folder]
    for name, mailbox in settings.mailboxes.items():
        remedy = f"Filed mail would be read as new for ever; choose another folder, such as Triaged/{name.capitalize()}"
        for place, folder in folders:
            if folder.casefold() == mailbox.folder.casefold():
                yield Fault(place, f"{folder} is the folder that is watched in the mailbox '{name}'", remedy)
        for key, folder in (("quarantine", mailbox.quarantine), ("bounces", mailbox.bounces)):
            if folder.casefold() == mailbox.folder.casefold():
                fault = f"{folder} is the folder that is watched"
                yield Fault(("mailboxes", name, key), fault, remedy, file="settings")


# -- names -------------------------------------------------------------------------------------------------------------------------


def _unknown_names(
    policy: Policy, settings: Settings, lists: Collection[str], categories: Collection[str]
) -> Iterator[Fault]:
    codes = [rung.code for rung in guard.RUNGS if rung.code != guard.RULE]
    for name, team in policy.teams.items():
        if team.teaches not in (None, *categories, "other", "none"):
            fault = f"the text model names no category {team.teaches!r}, so nothing is learnt from the folder"
            remedy = _choice(str(team.teaches), (*categories, "other", "none"), "categories")
            yield Fault(("teams", name, "teaches"), fault, remedy, "warning")
    for key, when in _blocks(policy):
        for mailbox in when.mailbox or ():
            if mailbox not in settings.mailboxes:
                remedy = _choice(mailbox, settings.mailboxes, "mailboxes of config/triage.yaml")
                yield Fault((*key, "mailbox"), f"no mailbox {mailbox!r}", remedy)
        for name in when.sender_list or ():
            if name not in lists:
                remedy = f"Write config/lists/{name}.txt, one address or domain a line"
                if lists:
                    remedy += f", or name one of {', '.join(sorted(lists))}"
                yield Fault((*key, "sender_list"), f"there is no list {name!r}", remedy)
        for code in when.silence or ():
            if code not in (*codes, "machine", "any", "none"):
                remedy = _choice(code, (*codes, "machine", "any", "none"), "reasons, which docs/guard.md explains")
                yield Fault((*key, "silence"), f"{code!r} is no reason for silence", remedy)
        for name in ("category", "about"):
            for category in getattr(when, name) or ():
                if category not in (*categories, "none"):
                    fault = f"the text model names no category {category!r}, so the rule never matches by it"
                    remedy = _choice(category, (*categories, "none"), "categories")
                    yield Fault((*key, name), fault, remedy, "warning")


def _choice(name: str, known: Iterable[str], what: str) -> str:
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1)
    return f"Did you mean '{near[0]}'?" if near else f"Use one of the {what}: {', '.join(known)}"


def _languages(policy: Policy, settings: Settings) -> Iterator[Fault]:
    known = {language.partition("-")[0] for mailbox in settings.mailboxes.values() for language in mailbox.languages}
    for key, when in _blocks(policy):
        for name in ("words", "subject_words"):
            for language in getattr(when, name) or ():
                if language not in (*known, "any"):
                    fault = (
                        f"no mailbox answers in {language!r}, so its mail is recognised by strong evidence only and these words "
                        "count in little else"
                    )
                    remedy = f"Write them under any, or add {language} to the languages of a mailbox"
                    yield Fault((*key, name, language), fault, remedy, "warning")


# -- rules that do nothing ---------------------------------------------------------------------------------------------------------


def _never_deciding(policy: Policy) -> Iterator[Fault]:
    names = [rule.name for rule in policy.rules]
    for shadow in shadows(policy.rules):
        key = ("rules", shadow.rule)
        if not shadow.by:
            fault = f"the conditions of {names[shadow.rule]!r} contradict each other: no mail can fit them all"
            yield Fault((*key, "when"), fault, "Take one of them out, or put them under any", "warning")
            continue
        earlier = " and ".join(repr(names[i]) for i in shadow.by)
        fault = f"{names[shadow.rule]!r} is never reached: all its mail is taken by {earlier} before it"
        yield Fault(key, fault, f"Move it above {names[shadow.by[0]]!r}, or take it out", "warning")
    for i, decision, j in overruled(policy.rules):
        fault = f"has no effect: {names[j]!r} decides the {decision} of all this mail before"
        yield Fault(
            ("rules", i, "then", decision), fault, f"Take it out, or move the rule above {names[j]!r}", "warning"
        )


def _contradictions(policy: Policy) -> Iterator[Fault]:
    for i, rule in enumerate(policy.rules):
        silent = set(rule.when.silence or ())
        if silent and "none" not in silent and (rule.then.template or rule.then.reply in ("normal", "neutral")):
            key = "template" if rule.then.template else "reply"
            fault = "has no effect: the guard stays silent towards all mail that this rule is for"
            yield Fault(("rules", i, "then", key), fault, "Take it out; no rule can make the guard speak", "warning")
    for place, outcome in _outcomes(policy):
        if outcome.template is not None and outcome.reply in ("never", "neutral"):
            fault = f"has no effect beside reply: {outcome.reply}"
            yield Fault((*place, "template"), fault, "Keep one of template and reply", "warning")
    if len(policy.tags) > MOST_TAGS:
        fault = f"the rules set {len(policy.tags)} different tags; mail servers keep {MOST_TAGS} for a folder at least"
        yield Fault(("rules",), fault, "Use fewer tags", "warning")


def _unused(policy: Policy) -> Iterator[Fault]:
    used = {rule.then.team for rule in policy.rules} | {policy.fallback.team}
    for name in policy.teams:
        if name not in used:
            fault = f"no rule sends mail to the team {name!r}"
            yield Fault(("teams", name), fault, "Add a rule for it, or take it out", "warning")
    calendars = {team.calendar for team in policy.teams.values()}
    for name in policy.calendars:
        if name not in calendars:
            fault = f"no team uses the calendar {name!r}"
            yield Fault(("calendars", name), fault, "Name it in a team, or take it out", "warning")
