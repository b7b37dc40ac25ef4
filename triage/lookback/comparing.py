"""Two decisions about one mail, and what differs between them; many of them, told so that a person sees the change. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from triage.promises.due_date import CONFIGURED

# Silences that are due to the moment: they cannot be found out afterwards, and no rule changes them.
OF_THE_MOMENT = frozenset(
    {
        "before-start",
        "too-old",
        "duplicate",
        "conversation",
        "cap-sender",
        "cap-domain",
        "paused",
        "breaker",
        "colleague",
    }
)
EXAMPLES = 3  # mails shown for each change


@dataclass(frozen=True, slots=True)
class Outcome:
    """What matters of a decision to whoever changes the rules."""

    team: str
    recipients: tuple[str, ...]
    folder: str
    priority: str
    reply: str | None  # name of the text; None: no reply
    silence: str | None
    locale: str | None
    clock: str
    tags: tuple[str, ...]
    due_at: datetime | None
    measured: bool  # the promise rests on waits that were measured at the time
    category: str | None
    rule: str

    @classmethod
    def of(cls, decision: Mapping[str, Any]) -> Outcome:
        """From a decision as the ledger keeps it (`Decision.to_json`), also by an older version."""
        due = decision.get("due_at")
        return cls(
            team=decision["team"],
            recipients=tuple(sorted({decision["inbox"], *(decision.get("also_to") or ())})),
            folder=decision["folder"],
            priority=decision["priority"],
            reply=decision.get("template"),
            silence=decision.get("silence"),
            locale=decision.get("locale") if decision.get("template") else None,
            clock=decision.get("clock") or "opening-hours",
            tags=tuple(sorted(decision.get("tags") or ())),
            due_at=datetime.fromisoformat(due) if due else None,
            measured=decision.get("method") != CONFIGURED,
            category=decision.get("category"),
            rule=decision["rule"],
        )


@dataclass(frozen=True, slots=True)
class Compared:
    """One mail, decided twice."""

    where: str  # file, or folder and UID
    message_id: str | None
    sender: str | None
    subject: str
    before: Outcome
    after: Outcome
    same_waits: bool = False  # measured promises rest on the same waits: those that are known today

    @property
    def changes(self) -> dict[str, tuple[str, str]]:
        """What differs: "team", "folder", "recipients", "priority", "clock", "reply", "promise", "tags", to (before, after) in words."""
        before, after = self.before, self.after
        found: dict[str, tuple[str, str]] = {}
        for name in ("team", "folder", "priority", "clock"):
            if getattr(before, name) != getattr(after, name):
                found[name] = getattr(before, name), getattr(after, name)
        for name in ("recipients", "tags"):
            if getattr(before, name) != getattr(after, name):
                found[name] = _list(getattr(before, name)), _list(getattr(after, name))
        if _reply(before) != _reply(after):
            found["reply"] = _reply(before), _reply(after)
        comparable = self.same_waits or not (before.measured or after.measured)
        if comparable and before.due_at != after.due_at:
            found["promise"] = _due(before), _due(after)
        return found


def _list(values: Iterable[str]) -> str:
    return ", ".join(values) or "none"


def _reply(outcome: Outcome) -> str:
    if outcome.reply is None:
        return f"withheld ({outcome.silence})" if outcome.silence else "withheld"
    return f"{outcome.reply} in {outcome.locale}"


def _due(outcome: Outcome) -> str:
    return f"{outcome.due_at:%a %Y-%m-%d %H:%M} UTC" if outcome.due_at else "no date"


@dataclass(frozen=True, slots=True)
class Summary:
    """All mails that were decided twice."""

    read: int
    unknown: int  # not in the ledger, so that there is nothing to compare with
    compared: tuple[Compared, ...]
    against: str  # what the old decisions are, in words

    @property
    def changed(self) -> list[Compared]:
        return [each for each in self.compared if each.changes]


def report(summary: Summary) -> Iterator[str]:
    """Lines for people: what would change, how often, with examples."""
    kept = f" ({summary.unknown} of them are not in the ledger)" if summary.unknown else ""
    yield f"{summary.read} mails read{kept}, {len(summary.compared)} compared with {summary.against}"
    changed = summary.changed
    if not changed:
        yield "nothing would change"
        return
    yield f"{len(changed)} would be treated differently"
    elsewhere = [each for each in changed if each.changes.keys() & {"team", "folder", "recipients"}]
    yield from _section(f"{len(elsewhere)} would go elsewhere", elsewhere, _whereto)
    yield from _replies(changed)
    yield from _promises(changed)
    for name, told in (("priority", "would have another priority"), ("clock", "another clock"), ("tags", "other tags")):
        each = [item for item in changed if name in item.changes]
        yield from _section(f"{len(each)} {told}", each, lambda item, name=name: " → ".join(item.changes[name]))


def _whereto(item: Compared) -> str:
    changes = item.changes
    name = next(name for name in ("team", "folder", "recipients") if name in changes)
    rules = f"  (rule '{item.before.rule}' → '{item.after.rule}')" if item.before.rule != item.after.rule else ""
    return f"{' → '.join(changes[name])}{rules}"


def _replies(changed: list[Compared]) -> Iterator[str]:
    each = [item for item in changed if "reply" in item.changes]
    more = [item for item in each if item.before.reply is None and item.after.reply is not None]
    fewer = [item for item in each if item.before.reply is not None and item.after.reply is None]
    others = [item for item in each if item not in more and item not in fewer]
    for items, told in (
        (more, "replies more would be sent"),
        (fewer, "replies would be withheld"),
        (others, "replies would differ in text, language or reason of silence"),
    ):
        yield from _section(f"{len(items)} {told}", items, lambda item: " → ".join(item.changes["reply"]))


def _promises(changed: list[Compared]) -> Iterator[str]:
    each = [item for item in changed if "promise" in item.changes]
    earlier = [item for item in each if _shift(item) < timedelta(0)]
    later = [item for item in each if _shift(item) > timedelta(0)]
    for items, told in ((earlier, "promises would be earlier"), (later, "promises would be later")):
        yield from _section(f"{len(items)} {told}", items, lambda item: _hours(_shift(item)))
    rest = [item for item in each if not _shift(item)]
    yield from _section(
        f"{len(rest)} would state a date, or none, for once", rest, lambda item: " → ".join(item.changes["promise"])
    )


def _shift(item: Compared) -> timedelta:
    before, after = item.before.due_at, item.after.due_at
    return after - before if before and after else timedelta(0)


def _hours(shift: timedelta) -> str:
    """By how much, in steps that make groups of it."""
    hours = abs(shift.total_seconds()) / 3600
    for limit in (1, 4, 24, 72):
        if hours <= limit:
            return f"by at most {limit} h"
    return "by more than 72 h"


def _section(title: str, items: list[Compared], grouped: Any) -> Iterator[str]:
    if not items:
        return
    yield ""
    yield title
    groups = Counter(map(grouped, items))
    for name, count in groups.most_common():
        yield f"  {count:5}  {name}"
        for item in [item for item in items if grouped(item) == name][:EXAMPLES]:
            yield f'           {item.where}  {item.sender or "nobody"}  "{item.subject[:60]}"'


def as_json(item: Compared) -> dict[str, Any]:
    """One changed mail, for scripts."""
    return {
        "mail": item.where,
        "message_id": item.message_id,
        "from": item.sender,
        "subject": item.subject,
        "rule": {"before": item.before.rule, "after": item.after.rule},
        "changes": {name: {"before": before, "after": after} for name, (before, after) in item.changes.items()},
    }
