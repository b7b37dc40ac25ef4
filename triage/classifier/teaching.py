"""What filed mail teaches: which category a folder stands for, and what a mail that lies in it says of the model. Pure.

Staff teach by what they do anyway. A mail that they moved into a category's folder is of that category, whatever the model said; a mail
that they answered where it was filed was filed well. Nothing else is a lesson: mail that nobody has touched proves nothing (to learn from
it would be to learn from oneself), and where a rule filed a mail against the model's word, the rule has spoken and not a person.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from triage.policy import Policy
from triage.rulebook.rules import When

NONE = "none"  # `teaches: none`, and `category: none` in a rule


@dataclass(frozen=True, slots=True)
class Subject:
    """What a folder stands for."""

    teaches: str | None  # category of a mail that a person moves here; None: that says nothing
    takes: frozenset[str]  # categories that rules send here

    @property
    def matters(self) -> bool:
        """Whether mail in the folder can teach anything."""
        return self.teaches is not None or bool(self.takes)


@dataclass(frozen=True, slots=True)
class Unclear:
    """A folder that several categories lead to, of which none is the plain one."""

    folder: str
    team: str
    categories: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger knows of a mail."""

    category: str | None  # what the model named; None: it abstained
    left_in: str | None  # the folder in which we left it; None: not known
    answered: bool  # a person answered its ticket after it came


@dataclass(frozen=True, slots=True)
class Filed:
    """A customer's mail as it lies in a folder."""

    folder: str  # as configured; of a folder below it the one above
    answered: bool  # \\Answered
    known: Known | None  # None: the ledger never saw it


class Kind(StrEnum):
    """How a lesson came about."""

    CORRECTION = "correction"  # a person moved it away from what the model had said
    CONFIRMATION = "confirmation"  # a person answered it there, or put it there as the model would have


class NoLesson(StrEnum):
    """Why a filed mail teaches nothing."""

    UNTOUCHED = "neither moved nor answered"
    BY_RULE = "filed by a rule that did not ask for its category"
    UNCLEAR = "its folder takes several categories"
    DISPUTED = "lies in folders of different categories"
    MACHINE = "written by a machine"
    OURS = "written by ourselves"
    FORGED = "fails authentication"
    EMPTY = "has no words of its own"


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a mail teaches."""

    label: str
    kind: Kind


def lesson(filed: Filed, subject: Subject) -> Lesson | NoLesson:
    """What *filed* teaches, lying in a folder of *subject*."""
    known = filed.known
    said = known.category if known else None
    if known is not None and known.left_in is not None and known.left_in != filed.folder:
        return _moved(said, subject)
    if not (filed.answered or (known is not None and known.answered)):
        return NoLesson.UNTOUCHED
    if known is None:
        return Lesson(subject.teaches, Kind.CONFIRMATION) if subject.teaches else NoLesson.UNCLEAR
    if said is not None and (said == subject.teaches or said in subject.takes):
        return Lesson(said, Kind.CONFIRMATION)
    return NoLesson.BY_RULE


def _moved(said: str | None, subject: Subject) -> Lesson | NoLesson:
    """What it says that a person moved a mail here which the model had called *said*."""
    if subject.teaches is None or (said is not None and said != subject.teaches and said in subject.takes):
        return NoLesson.UNCLEAR  # the folder takes what the model said as well: it was moved for another reason
    return Lesson(subject.teaches, Kind.CONFIRMATION if said == subject.teaches else Kind.CORRECTION)


def agreed(found: Iterable[tuple[str, Lesson]]) -> dict[str, Lesson | NoLesson]:
    """One verdict for each mail (key) of which there may be copies; a correction says more than a confirmation."""
    by_mail: dict[str, list[Lesson]] = defaultdict(list)
    for key, one in found:
        by_mail[key].append(one)
    return {key: _agreed(lessons) for key, lessons in by_mail.items()}


def _agreed(lessons: list[Lesson]) -> Lesson | NoLesson:
    if len({one.label for one in lessons}) > 1:
        return NoLesson.DISPUTED
    return next((one for one in lessons if one.kind is Kind.CORRECTION), lessons[0])


# -- which category a folder stands for ------------------------------------------------------------------------------------------


def subjects(
    policy: Policy, categories: Collection[str], never: Collection[str] = ()
) -> tuple[dict[str, Subject], list[Unclear]]:
    """What each folder that matters stands for, and the folders of which that is not clear.

    A team's `teaches` decides about its folder. Else it is the one category that rules send there; of several, the one whose rule
    asks for nothing but the category ("complaints about a delivery" may go to the shipping team, which still stands for logistics).

    Args:
        categories: what the model names; others are left out.
        never: folders that stand for nothing: quarantine, bounces, no answer needed.
    """
    takes, plain = _sent_by_rules(policy, categories)
    told = {team.folder: team.teaches for team in policy.teams.values() if team.teaches is not None}
    team_of = {team.folder: name for name, team in policy.teams.items()}
    excluded = {*never, policy.fallback.folder or policy.teams[policy.fallback.team].folder} - set(told)
    found: dict[str, Subject] = {}
    unclear: list[Unclear] = []
    for folder in sorted({*takes, *told} - excluded):
        taken = frozenset(takes.get(folder, ()))
        if folder in told:
            found[folder] = _as_told(told[folder], taken, categories)
            continue
        choice = taken if len(taken) == 1 else plain.get(folder, set())
        teaches = next(iter(choice)) if len(choice) == 1 else None
        found[folder] = Subject(teaches, taken)
        if teaches is None:
            unclear.append(Unclear(folder, team_of.get(folder, ""), tuple(sorted(taken))))
    return {folder: subject for folder, subject in found.items() if subject.matters}, unclear


def _as_told(teaches: str | None, taken: frozenset[str], categories: Collection[str]) -> Subject:
    return Subject(teaches, taken) if teaches in categories else Subject(None, frozenset())


def _sent_by_rules(policy: Policy, categories: Collection[str]) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Categories that rules send to each folder, and those of them that are sent for no other reason."""
    takes: dict[str, set[str]] = defaultdict(set)
    plain: dict[str, set[str]] = defaultdict(set)
    for rule in policy.rules:
        team = policy.teams[rule.then.team] if rule.then.team else None
        folder = rule.then.folder or (team.folder if team else None)
        asked = _categories(rule.when) & set(categories)
        if folder is None or not asked:
            continue
        takes[folder] |= asked
        if set(rule.when.given) == {"category"}:
            plain[folder] |= asked
    return takes, plain


def _categories(when: When) -> set[str]:
    """The categories of which a mail must be, one of them, for *when* to hold; none: it may be of any."""
    found = set(when.category or ()) - {NONE}
    if NONE in (when.category or ()):
        return set()
    for block in when.all_of or ():
        inner = _categories(block)
        found = found & inner if found and inner else found | inner
    alternatives = [_categories(block) for block in when.any_of or ()]
    if alternatives and all(alternatives):
        inner = set().union(*alternatives)
        found = found & inner if found else inner
    return found


def home_of(folder: str, configured: Mapping[str, object] | Collection[str]) -> str | None:
    """The configured folder that *folder* is, or lies below: "Triaged/Payment/2026" belongs to "Triaged/Payment"."""
    above = [name for name in configured if folder == name or folder.startswith(f"{name}/")]
    return max(above, key=len, default=None)
