"""`triage retrain`: the outcome goes to stdout as JSON or tables, progress and advice to stderr."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from triage import config
from triage.clock import SystemClock

if TYPE_CHECKING:
    from triage.learning.retraining import Outcome


@click.command()
@click.option("--dry-run", is_flag=True, help="Read, train and compare; put nothing in use.")
@click.option(
    "--data",
    type=click.Path(exists=True, path_type=Path),
    multiple=True,
    help="What is learnt beside the team's mail. Repeatable. Default: models/corpus.",
)
@click.option(
    "--least", type=click.IntRange(1), help="Held-out messages needed for a verdict. Fewer than 50 say little."
)
@click.option("--margin", type=click.FloatRange(0, 1), help="F1 that a category may lose. Default: 0.03.")
@click.option(
    "--certainty",
    type=click.FloatRange(0, 1),
    help="How sure it must be that the new model is better: share of repeated examinations. Default: 0.9.",
)
@click.option("--most", type=click.IntRange(1), help="Learn from at most so many messages, the newest. Default: 10000.")
@click.option("--seed", default=0, show_default=True, help="One seed and the same mail give the same model.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.option("--home", metavar="DIR", help="The home (see 'triage --help').")
@click.pass_context
def retrain(
    context: click.Context,
    dry_run: bool,
    data: Sequence[Path],
    least: int | None,
    margin: float | None,
    certainty: float | None,
    most: int | None,
    seed: int,
    as_json: bool,
    home: str | None,
) -> None:
    """Learn from the mail that colleagues moved and answered; a better model goes live.

    Reads the folders of the teams in every support mailbox without marking or moving anything. A mail that somebody moved to another
    category's folder is a correction, one that was answered where it lay a confirmation. The new model is used only if it is surely
    better on mail that neither has learnt from, and no category falls; otherwise the reason is told and the present one stays. Exit
    code 0 in both cases.
    """
    from triage.learning.retraining import Wish, retrain

    folder = config.home_of(home) if home else context.obj["home"]
    chosen = {
        name: value
        for name, value in (("least", least), ("margin", margin), ("certainty", certainty), ("most", most))
        if value is not None
    }
    wish = Wish(data=tuple(data), dry_run=dry_run, seed=seed, **chosen)  # type: ignore[arg-type]
    started = time.monotonic()
    with Stages() as stages:
        outcome = asyncio.run(retrain(folder, config.load(folder), wish, clock=SystemClock(), progress=stages))
    _advise(outcome)
    if as_json:
        click.echo(json.dumps(as_object(outcome, dry_run, time.monotonic() - started), ensure_ascii=False))
    else:
        _show(outcome)
    click.echo(_conclusion(outcome, dry_run), err=True)


class Stages:
    """Progress on stderr: a bar where somebody looks at it, else a line for each stage."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import Progress

        self._shown = sys.stderr.isatty()
        self._bars = Progress(console=Console(stderr=True), transient=True, disable=not self._shown)
        self._task = self._bars.add_task("", total=None)
        self._stage = ""

    def __enter__(self) -> Stages:
        self._bars.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._bars.stop()

    def __call__(self, what: str, step: int, steps: int) -> None:
        self._bars.update(self._task, description=what, completed=step, total=steps)
        if what != self._stage and not self._shown:
            click.echo(f"{what} ...", err=True)
        self._stage = what


def as_object(outcome: Outcome, dry_run: bool, seconds: float) -> dict[str, Any]:
    """What `--json` prints."""
    gathered = outcome.gathered
    return {
        "accepted": outcome.verdict.accepted,
        "in_use": outcome.version is not None,
        "dry_run": dry_run,
        "reasons": list(outcome.verdict.reasons),
        "champion": outcome.champion,
        "version": outcome.version,
        "read": gathered.read,
        "lessons": dict(gathered.lessons),
        "left_out": dict(gathered.left_out),
        "learnt": outcome.learnt,
        "held_out": outcome.held_out,
        "folders": {folder: subject.teaches for folder, subject in outcome.subjects.items()},
        "unreadable": list(outcome.unreadable),
        "compared": dict(outcome.compared),
        "unchanged_since": outcome.since,
        "seconds": round(seconds, 1),
    }


def _advise(outcome: Outcome) -> None:
    for one in outcome.unclear:
        where = f"teams.{one.team}" if one.team else "the team that files there"
        click.echo(
            f"triage: {one.folder} takes {', '.join(one.categories)}: mail that is moved there teaches nothing. "
            f"Write 'teaches: {one.categories[0]}' (or none) into {where} of config/routing.yaml",
            err=True,
        )
    for folder in outcome.unreadable:
        click.echo(f"triage: cannot be read, and was left out: {folder}", err=True)


def _show(outcome: Outcome) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    gathered = outcome.gathered
    mails = Table("mail in the folders", str(gathered.read))
    for kind, count in sorted(gathered.lessons.items()):
        mails.add_row(kind, str(count))
    mails.add_section()
    for why, count in sorted(gathered.left_out.items()):
        mails.add_row(why, str(count))
    console.print(mails)
    found = outcome.compared
    if not found:
        return
    scores = Table(f"on {found['n']} held out", "before", "now", "n")
    for name in ("accuracy", "macro_f1"):
        scores.add_row(
            name.replace("macro_f1", "macro-F1"), *(f"{value:.3f}" for value in found[name]), str(found["n"])
        )
    scores.add_row("better in", "", f"{found['better_in']:.0%}", "of repetitions")
    scores.add_section()
    for name, (before, now, n) in found["categories"].items():
        scores.add_row(f"F1 {name}", f"{before:.3f}", f"{now:.3f}", str(n))
    console.print(scores)


def _conclusion(outcome: Outcome, dry_run: bool) -> str:
    reasons = "; ".join(outcome.verdict.reasons)
    if outcome.version is not None:
        return f"in use: {outcome.version} ({reasons}). Back to the one before: triage rollback"
    if outcome.verdict.accepted and dry_run:
        return f"would be put in use: {reasons}"
    since = f" (nothing has changed since {outcome.since})" if outcome.since else ""
    return f"{outcome.champion} stays in use: {reasons}{since}"
