"""Teaching by moving mail: lessons from the team's folders make a challenger, which goes live only if it is better than the champion.

    gather ─► corpus + lessons ─► train ─► examine both on held-out mail ─► gate ─► put in use, or say why not
    edge                          CPU      CPU                              pure     files

Nothing is put in use before the gate has said yes; until then only the notebook is written. A crash at any point leaves the model in
use as it was, and the next call begins again with what the notebook holds.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from triage.classifier import dataset, evaluation, gate, notebook, registry, teaching, training
from triage.classifier.dataset import DataFile, Dataset, DatasetError, Row
from triage.classifier.encoder import one_thread
from triage.classifier.estimator import Classifier
from triage.classifier.evaluation import Judged, Report
from triage.classifier.gate import Verdict
from triage.classifier.teaching import Subject, Unclear
from triage.classifier.vector_memory import drop, remembering
from triage.clock import Clock
from triage.config import ROUTING
from triage.errors import ConfigError, Problem
from triage.learning.gathering import Gathered, Gatherer, Ledgered, Progress, lessons
from triage.ledger import queries
from triage.ledger.decided import decided_mail
from triage.planning import Office
from triage.settings import Settings

MOST = 10_000  # lessons, and new mails read of one folder: five minutes on two cores


@dataclass(frozen=True, slots=True)
class Wish:
    """What the operator may choose."""

    data: tuple[Path, ...] = ()  # what is learnt beside the team's mail; empty: models/corpus
    dry_run: bool = False
    seed: int = 0
    least: int = gate.LEAST_ROWS  # held-out mails for a verdict
    margin: float = gate.MARGIN
    certainty: float = gate.CERTAINTY
    most: int = MOST


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a retraining came to."""

    champion: str  # name and version
    verdict: Verdict
    version: str | None  # that was put in use; None: the champion stays
    gathered: Gathered
    subjects: Mapping[str, Subject]
    unclear: tuple[Unclear, ...]
    unreadable: tuple[str, ...]
    compared: Mapping[str, Any] = field(default_factory=dict)  # `compared`; empty: it did not come to that
    since: str | None = None  # the verdict is that of an earlier time, from which nothing has changed

    @property
    def learnt(self) -> int:
        return len(self.gathered.rows) - self.held_out

    @property
    def held_out(self) -> int:
        return sum(self.gathered.held_out)


def folder_of(home: Path, settings: Settings) -> Path:
    """Where the notebook lies: beside the ledger."""
    return (home / settings.ledger).parent / notebook.FOLDER


async def retrain(home: Path, office: Office, wish: Wish, *, clock: Clock, progress: Progress) -> Outcome:
    """Learn from the folders of all support mailboxes, and put the result in use if it is better.

    Raises:
        ConfigError: no folder stands for a category.
        TransientError: a mailbox could not be read.
        ModelError, DatasetError, NotebookError, LedgerError: as their messages say.
    """
    models = home / "models"
    champion = registry.load(models, None if office.settings.model == "current" else office.settings.model)
    subjects, unclear = _subjects(home, office, champion)
    own_names = frozenset((*office.settings.shop.own_names, *champion.model.own_names))
    ledgered = _ledgered(home / office.settings.ledger)
    with notebook.opened(folder_of(home, office.settings)) as book:
        gatherer = Gatherer(
            home, office, book, subjects, ledgered, own_names=own_names, clock=clock, most=wish.most, progress=progress
        )
        gathered = lessons(await gatherer.read(), subjects, ledgered, wish.most)
        outcome = Outcome(
            champion.name, Verdict(False, ()), None, gathered, subjects, unclear, tuple(gatherer.unreadable)
        )
        if (early := _too_early(outcome, wish)) is not None:
            return replace(outcome, verdict=Verdict(False, (early,)))
        base = dataset.load(wish.data or [models / "corpus"])
        _check(base, champion)
        digest = _digest(base, gathered, wish)
        if (as_before := _as_before(outcome, book.last, digest)) is not None:
            return as_before
        with remembering(book.folder), one_thread():
            examined = _examine(champion, base, gathered, wish, own_names, progress)
        outcome = replace(outcome, verdict=examined.verdict, compared=examined.compared)
        now = clock.now()
        if examined.verdict.accepted and not wish.dry_run:
            outcome = replace(outcome, version=_put_in_use(models, champion, base, gathered, examined, now))
        if outcome.version is not None or not examined.verdict.accepted:
            book.last = {
                "digest": digest,
                "champion": outcome.champion,
                "version": outcome.version,
                "at": now.isoformat(timespec="seconds"),
                "reasons": outcome.verdict.reasons,
                "compared": outcome.compared,
            }
            book.save()
        return outcome


def _as_before(outcome: Outcome, last: Mapping[str, Any], digest: str) -> Outcome | None:
    """The outcome, if it is known from the last time; None: there is something new to learn, or to compare with."""
    if last.get("digest") != digest:
        return None
    version = last["version"]
    if version is None:
        if last["champion"] != outcome.champion:
            return None
        return replace(
            outcome, verdict=Verdict(False, tuple(last["reasons"])), compared=last["compared"], since=last["at"]
        )
    told = "the model in use has learnt all of this"
    if outcome.champion.partition("@")[2] != version:  # rolled back: a timer must not bring it in again
        told = f"the same mail gave {version}, which was in use and was taken out again"
    return replace(outcome, verdict=Verdict(False, (told,)), since=last["at"])


def forget(home: Path, settings: Settings, address: str) -> int:
    """Drop what was kept of *address* to learn from, and take none of it again; returns of how many mails. May be repeated.

    The vectors of all texts go with it and are made anew. What a model has learnt stays in it until it is retrained.

    Raises:
        NotebookError: a retraining is at work.
    """
    folder = folder_of(home, settings)
    with notebook.opened(folder) as book:
        count = book.forget(address)
        book.save()
        drop(folder)
    return count


# -- what there is to learn ------------------------------------------------------------------------------------------------------


def _subjects(home: Path, office: Office, champion: Classifier) -> tuple[dict[str, Subject], tuple[Unclear, ...]]:
    settings = office.settings
    never = {name for mine in settings.mailboxes.values() for name in (mine.folder, mine.quarantine, mine.bounces)}
    never |= {name for mine in settings.mailboxes.values() for name in mine.no_answer_needed}
    subjects, unclear = teaching.subjects(office.policy, (*champion.categories, *champion.abstain_labels), never)
    if not subjects:
        remedy = f"Write a rule for a category ({', '.join(champion.categories)}), or 'teaches: CATEGORY' beside a team's folder"
        fault = "no folder stands for a category, so that there is nothing to learn from"
        raise ConfigError([Problem(str(home / ROUTING), None, "teams", fault, remedy)])
    return subjects, tuple(unclear)


def _ledgered(path: Path) -> Ledgered:
    """What the ledger knows; nothing where the daemon has not run yet."""
    if not path.exists():
        return Ledgered(())
    with queries.reading(path) as connection:
        return Ledgered(decided_mail(connection))


def _too_early(outcome: Outcome, wish: Wish) -> str | None:
    """Why it is not worth training anything, or None."""
    if not outcome.gathered.rows:
        return "no mail in the folders teaches anything yet: none was moved to another category's folder, and none was answered"
    if outcome.held_out < wish.least:
        return (
            f"only {outcome.held_out} held-out messages of {len(outcome.gathered.rows)}, at least {wish.least} are needed to tell "
            "two models apart"
        )
    if not outcome.learnt:
        return f"all {outcome.held_out} messages are held out: none is left to learn from"
    return None


def _check(base: Dataset, champion: Classifier) -> None:
    """Raises DatasetError where corpus and model do not name the same categories: the two could not be compared."""
    labels = {row.label for row in base.rows} - set(champion.abstain_labels)
    if labels != set(champion.categories):
        files = ", ".join(file.name for file in base.files)
        raise DatasetError(
            f"{champion.name} names {', '.join(champion.categories)}; {files} teach {', '.join(sorted(labels))}. "
            "Name the data that the model was trained on: triage retrain --data FILE"
        )


def _digest(base: Dataset, gathered: Gathered, wish: Wish) -> str:
    """Changes when anything does that a challenger depends on, or its examination."""
    rows = sorted(
        (row.id, row.label, row.text, held) for row, held in zip(gathered.rows, gathered.held_out, strict=True)
    )
    files = [file.sha256 for file in base.files]
    wished = [wish.seed, wish.least, wish.margin, wish.certainty]
    return hashlib.sha256(json.dumps([files, rows, wished]).encode()).hexdigest()


# -- the examination -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Examined:
    """A challenger with its verdict."""

    trained: training.Trained
    rows: tuple[Row, ...]  # all that it has learnt from
    verdict: Verdict
    compared: Mapping[str, Any]


def _examine(
    champion: Classifier, base: Dataset, gathered: Gathered, wish: Wish, own_names: frozenset[str], progress: Progress
) -> Examined:
    sides = list(zip(gathered.rows, gathered.held_out, strict=True))
    learnt = (*base.rows, *(row for row, held in sides if not held))
    examination = [row for row, held in sides if held]
    trained = training.train(
        learnt, seed=wish.seed, own_names=sorted(own_names), private_from=len(base.rows), progress=progress
    )
    challenger = Classifier(trained.model, "challenger", trained.threshold, champion.abstain_labels)
    said = [
        evaluation.judge(examination, one.predict([row.words for row in examination]), one.categories)
        for one in (champion, challenger)
    ]
    before, now = _measured(champion, said[0]), _measured(challenger, said[1])
    better_in = gate.better_in(said[0], said[1], champion.categories)
    verdict = gate.compare(before, now, better_in, certainty=wish.certainty, margin=wish.margin, least_rows=wish.least)
    return Examined(trained, learnt, verdict, {**compared(before, now), "better_in": round(better_in, 3)})


def _measured(classifier: Classifier, judged: Sequence[Judged]) -> Report:
    return evaluation.report(
        judged,
        model=classifier.name,
        threshold=classifier.threshold,
        categories=classifier.categories,
        abstain_labels=classifier.abstain_labels,
    )


def compared(before: Report, now: Report) -> dict[str, Any]:
    """Both reports side by side, for the card and for `--json`: pairs of (before, now)."""
    return {
        "before": before.model,
        "n": now.n,
        "accuracy": [before.accuracy, now.accuracy],
        "macro_f1": [before.macro_f1, now.macro_f1],
        "coverage": [before.coverage, now.coverage],
        "selective_accuracy": [before.selective_accuracy, now.selective_accuracy],
        "categories": {
            name: [of["f1"], now.categories.get(name, {}).get("f1", 0.0), of["n"]]
            for name, of in before.categories.items()
            if of["n"]
        },
    }


# -- going live ------------------------------------------------------------------------------------------------------------------


def _put_in_use(
    models: Path, champion: Classifier, base: Dataset, gathered: Gathered, examined: Examined, now: datetime
) -> str:
    """Store the challenger as the newest version of the champion's name; returns that version."""
    name, _, version = champion.name.partition("@")
    data = Dataset(examined.rows, (*base.files, _described(gathered)))
    draft = replace(training.describe(examined.trained, data, now=now), compared=examined.compared)
    stack = registry.in_use_before(models)
    if not stack or (stack[-1].name, stack[-1].version) != (name, version):
        registry.use(models, name, now=now, why="in use before it was retrained", version=version)
    saved = registry.save(models, name, examined.trained.model, draft)
    registry.use(models, name, now=now, why=f"retrained: {'; '.join(examined.verdict.reasons)}")
    return saved.version


def _described(gathered: Gathered) -> DataFile:
    """The team's mail that was learnt from, for manifest and card."""
    rows = [row for row, held in zip(gathered.rows, gathered.held_out, strict=True) if not held]
    lines = "\n".join(json.dumps(asdict(row), sort_keys=True) for row in sorted(rows, key=lambda row: row.id))
    return DataFile(
        name="the team's filed mail",
        sha256=hashlib.sha256(lines.encode()).hexdigest(),
        rows=len(rows),
        labels=dict(sorted(Counter(row.label for row in rows).items())),
        languages=dict(sorted(Counter(row.lang for row in rows if row.lang).items())),
        sources=dict(sorted(Counter(row.source for row in rows).items())),
        licences=("private",),
    )
