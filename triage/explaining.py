"""`triage explain`: every step of the decision about a mail on disk, by the daemon's own functions. Nothing is sent or written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from triage.message import Message, Prediction
from triage.parsing import DEFAULT_ORDER_PATTERNS, parse
from triage.patterns import compiled
from triage.performing import languages_of
from triage.planning import Facts, Office, Plan, Promiser, plan
from triage.services import Model

YEARS = (1991, 2190)  # of a Date header that is believed; others come from broken clocks and forgers
BATCH = 64  # mails given to the model together


@dataclass(frozen=True, slots=True)
class Explained:
    """One mail on disk with everything that was decided about it."""

    path: Path
    message: Message
    prediction: Prediction
    plan: Plan


@dataclass(frozen=True, slots=True)
class Question:
    """What the operator gave besides the files."""

    mailbox: str | None = None
    received_at: datetime | None = None  # None: the mail's own Date


def files_in(paths: Iterable[Path]) -> Iterator[Path]:
    """The files named, and those below the folders named, in order of name."""
    for path in paths:
        if path.is_dir():
            yield from sorted(inner for inner in path.rglob("*") if inner.is_file())
        else:
            yield path


def explain(
    paths: Iterable[Path],
    office: Office,
    model: Model,
    question: Question,
    now: datetime,
    promiser: Promiser | None = None,
) -> Iterator[Explained]:
    """Decide about every mail in *paths*, in order. A file that cannot be read is a mail with the defect `unreadable`."""
    batch: list[tuple[Path, Message]] = []
    for path in files_in(paths):
        batch.append((path, _read(path, office, question)))
        if len(batch) == BATCH:
            yield from _decide(batch, office, model, question, now, promiser)
            batch = []
    yield from _decide(batch, office, model, question, now, promiser)


def _read(path: Path, office: Office, question: Question) -> Message:
    settings = office.settings
    mailboxes = [settings.mailboxes[question.mailbox]] if question.mailbox else list(settings.mailboxes.values())
    try:
        with path.open("rb") as file:
            raw = file.read(settings.limits.message_bytes + 1)[: settings.limits.message_bytes]
        defects: tuple[str, ...] = ()
    except OSError as error:
        raw, defects = b"", (f"unreadable: {error.strerror}",)
    message = parse(
        raw,
        languages=languages_of(language for mailbox in mailboxes for language in mailbox.languages),
        order_patterns=compiled(settings.shop.order_patterns) or DEFAULT_ORDER_PATTERNS,
    )
    if not defects:
        return message
    fields = {name: getattr(message, name) for name in message.__dataclass_fields__}
    return Message(**{**fields, "defects": defects})


def _decide(
    batch: Sequence[tuple[Path, Message]],
    office: Office,
    model: Model,
    question: Question,
    now: datetime,
    promiser: Promiser | None,
) -> Iterator[Explained]:
    predictions = model.predict([message.own_words for _, message in batch]) if batch else []
    for (path, message), prediction in zip(batch, predictions, strict=True):
        at = question.received_at or _claimed(message) or now
        facts = Facts(mailbox=question.mailbox, received_at=at, now=at, prediction=prediction, promiser=promiser)
        yield Explained(path, message, prediction, plan(message, facts, office))


def _claimed(message: Message) -> datetime | None:
    """The Date header, unless it is of a year in which no mail of a customer can have been sent."""
    claimed = message.claimed_date
    return claimed if claimed and YEARS[0] <= claimed.year <= YEARS[1] else None


def as_json(item: Explained) -> dict[str, Any]:
    """The object of INTERFACES: what scripts read."""
    message, decision, verdict, rendered = item.message, item.plan.decision, item.plan.verdict, item.plan.rendered
    author = message.from_address
    reply_to = message.reply_to[0].address if message.reply_to else None
    return {
        "file": str(item.path),
        "message": {
            "message_id": message.message_id,
            "from": author.address if author else None,
            "reply_to": reply_to,
            "subject": message.subject,
            "language": message.language,
            "new_text": message.new_text,
            "order_numbers": list(message.order_numbers),
            "defects": list(message.defects),
            "fingerprint": message.fingerprint,
        },
        "reply": {
            "allowed": verdict.allowed,
            "reason": verdict.reason,
            "evidence": verdict.evidence,
            "to": verdict.reply_to,
            "template": decision.template,
            "locale": rendered.locale if rendered else None,
            "subject": rendered.subject if rendered else None,
            "text": rendered.text if rendered else None,
        },
        "prediction": {
            "category": item.prediction.category,
            "confidence": round(item.prediction.confidence, 4),
            "probabilities": {name: round(value, 4) for name, value in item.prediction.probabilities.items()},
            "about": item.prediction.about,
            "unfamiliar": item.prediction.unfamiliar,
            "model": item.prediction.model,
        },
        "route": {
            "team": decision.team,
            "inbox": decision.inbox,
            "folder": decision.folder,
            "priority": decision.priority,
            "rule": decision.rule,
            "clock": decision.clock,
            "tags": list(decision.tags),
            "also_to": list(decision.also_to),
            "tried": list(item.plan.route.tried),
        },
        "promise": {
            "due_at": decision.due_at.isoformat() if decision.due_at else None,
            "team": decision.team,
            "method": decision.method,
            "steps": list(decision.steps),
        },
        "ticket": decision.ticket,
        "effects": [{"kind": str(effect.kind), "to": effect.recipient} for effect in item.plan.effects],
    }
