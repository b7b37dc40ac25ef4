"""triage train, evaluate, models, rollback. Results go to stdout as JSON or tables, progress and faults to stderr."""

from __future__ import annotations

import functools
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from triage.errors import EX_FAILED, TriageError

if TYPE_CHECKING:
    from triage.classifier.evaluation import Judged, Report
    from triage.classifier.manifest import Manifest

DEFAULT_NAME = "default"


def home_of(context: click.Context, given: Path | None) -> Path:
    """The home: --home, else what the group above found, else TRIAGE_HOME, else the working directory."""
    above = context.obj.get("home") if isinstance(context.obj, dict) else None
    return Path(given or above or os.environ.get("TRIAGE_HOME") or ".")


def told(command: Callable[..., None]) -> Callable[..., None]:
    """Tell what went wrong in one message and exit with 1, without a traceback."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except TriageError as error:
            click.echo(f"triage: {error}", err=True)
            raise SystemExit(EX_FAILED) from error

    return run


_home = click.option(
    "--home", type=click.Path(path_type=Path, file_okay=False), help="Folder with config/, templates/ and models/."
)
_data = click.argument("data", nargs=-1, type=click.Path(path_type=Path))
_json = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")


@click.command()
@_data
@click.option("--model", "name", default=DEFAULT_NAME, show_default=True, help="Name of the model.")
@click.option("--seed", default=0, show_default=True, help="One seed and the same rows give the same model.")
@click.option("--own-name", "own_names", multiple=True, help="A name of the shop, masked in every text. Repeatable.")
@_json
@_home
@click.pass_context
@told
def train(
    context: click.Context,
    data: Sequence[Path],
    name: str,
    seed: int,
    own_names: Sequence[str],
    as_json: bool,
    home: Path | None,
) -> None:
    """Train a model on DATA: JSON Lines or CSV, plain or .gz, or folders of them. Without DATA: models/corpus."""
    from triage.classifier import dataset, registry, training
    from triage.classifier.encoder import one_thread

    models = home_of(context, home) / "models"
    found = dataset.load(data or [models / "corpus"])
    with _progress() as progress, one_thread():
        trained = training.train(found.rows, seed=seed, own_names=own_names, progress=progress)
    draft = training.describe(trained, found, now=datetime.now(UTC))
    saved = registry.save(models, name, trained.model, draft)
    in_use = registry.current(models)
    if in_use in (None, name):
        registry.use(models, name, now=datetime.now(UTC), why="trained")
    if as_json:
        click.echo(
            json.dumps({"model": name, "version": saved.version, "in_use": in_use in (None, name), **saved.scores})
        )
    _tell_trained(saved, models / name, in_use in (None, name))


@click.command()
@_data
@click.option("--model", "name", default=None, help="Name of the model; without it, the one in use.")
@_json
@_home
@click.pass_context
@told
def evaluate(context: click.Context, data: Sequence[Path], name: str | None, as_json: bool, home: Path | None) -> None:
    """Measure a model on DATA, which it should not have learnt from: figures, confusion matrix, the worst mistakes."""
    from triage.classifier import dataset, evaluation, registry

    if not data:
        raise click.UsageError("give at least one file of labelled rows (the corpus is what the model was trained on)")
    classifier = registry.load(home_of(context, home) / "models", name)
    rows = dataset.load(data).rows
    classifier.predict([rows[0].words])
    started = time.perf_counter()
    with _progress() as progress:
        predictions = classifier.predict(
            [row.words for row in rows], progress=lambda done, of: progress("reading the texts", done, of)
        )
    judged = evaluation.judge(rows, predictions, classifier.categories)
    found = evaluation.report(
        judged,
        model=classifier.name,
        threshold=classifier.threshold,
        categories=classifier.categories,
        abstain_labels=classifier.abstain_labels,
        seconds=time.perf_counter() - started,
    )
    if as_json:
        click.echo(json.dumps(found.to_dict()))
    else:
        _tell_report(found, evaluation.worst([one for one in judged if one.row.label in classifier.categories]))


@click.group(invoke_without_command=True)
@_json
@_home
@click.pass_context
@told
def models(context: click.Context, as_json: bool, home: Path | None) -> None:
    """List the models; `card NAME` shows one, `use NAME` puts it in use. Without COMMAND: list."""
    shared = context.obj if isinstance(context.obj, dict) else {}
    context.obj = {**shared, "home": home_of(context, home), "as_json": as_json}
    if context.invoked_subcommand is None:
        context.invoke(list_models)


@models.command("list")
@_json
@_home
@click.pass_context
@told
def list_models(context: click.Context, as_json: bool, home: Path | None) -> None:
    """List the models: name, version, which is in use, how good it is."""
    from triage.classifier import registry

    folder = home_of(context, home) / "models"
    in_use = registry.current(folder)
    found = [registry.describe(folder, name) for name in registry.names(folder)]
    if as_json or context.obj["as_json"]:
        for one in found:
            click.echo(json.dumps(_summary(one, in_use)))
    elif found:
        _tell_models(found, in_use)
    else:
        click.echo(f"triage: no model in {folder}. Train one: triage train", err=True)


@models.command("card")
@click.argument("name", required=False)
@_home
@click.pass_context
@told
def show_card(context: click.Context, name: str | None, home: Path | None) -> None:
    """Print the card of NAME, or of the model in use."""
    from triage.classifier import registry
    from triage.classifier.card import card

    folder = home_of(context, home) / "models"
    click.echo(card(registry.describe(folder, name or registry.current(folder) or DEFAULT_NAME)), nl=False)


@models.command("use")
@click.argument("name")
@click.option("--version", default=None, help="A version that is still kept; without it, the newest.")
@_home
@click.pass_context
@told
def put_in_use(context: click.Context, name: str, version: str | None, home: Path | None) -> None:
    """Put NAME in use; a daemon that runs picks it up."""
    from triage.classifier import registry

    folder = home_of(context, home) / "models"
    registry.load(folder, name)
    chosen = registry.use(folder, name, now=datetime.now(UTC), why="chosen", version=version)
    click.echo(f"in use: {chosen.name} {chosen.version}", err=True)


@click.command()
@click.option("--why", default="asked for", help="Kept in models/history.jsonl.")
@_json
@_home
@click.pass_context
@told
def rollback(context: click.Context, why: str, as_json: bool, home: Path | None) -> None:
    """Return to the model that was in use before this one."""
    from triage.classifier import registry

    chosen = registry.rollback(home_of(context, home) / "models", now=datetime.now(UTC), why=why)
    if as_json:
        click.echo(json.dumps({"model": chosen.name, "version": chosen.version}))
    click.echo(f"in use: {chosen.name} {chosen.version}, trained {chosen.created_at}", err=True)


class _progress:
    """A bar on stderr where somebody looks at it, nothing elsewhere. Called with what is done, step, of how many."""

    def __enter__(self) -> _progress:
        from rich.console import Console
        from rich.progress import Progress

        self.bars = Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
        self.bars.start()
        self.task = self.bars.add_task("", total=None)
        return self

    def __exit__(self, *exc: object) -> None:
        self.bars.stop()

    def __call__(self, what: str, step: int, steps: int) -> None:
        self.bars.update(self.task, description=what, completed=step, total=steps)


def _summary(one: Manifest, in_use: str | None) -> dict[str, object]:
    scores = {key: one.scores.get(key) for key in ("n", "accuracy", "macro_f1", "coverage", "selective_accuracy")}
    return {
        "model": one.name,
        "version": one.version,
        "in_use": one.name == in_use,
        "created_at": one.created_at,
        "categories": list(one.categories),
        "threshold": one.threshold,
        "scores": scores,
    }


def _tell_trained(saved: Manifest, folder: Path, in_use: bool) -> None:
    scores = saved.scores
    click.echo(
        f"{saved.name} {saved.version}: on rows held out, accuracy {scores['accuracy']:.3f}, macro-F1 {scores['macro_f1']:.3f}; "
        f"with abstaining below {saved.threshold:.2f}, {scores['coverage']:.1%} decided and {scores['selective_accuracy']:.1%} "
        f"of these right\n{folder / saved.file}: {(folder / saved.file).stat().st_size / 1e6:.1f} MB\n"
        + ("in use" if in_use else f"not in use; put it in use with: triage models use {saved.name}"),
        err=True,
    )


def _tell_models(found: Sequence[Manifest], in_use: str | None) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    table = Table(
        "", box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False
    )  # narrow enough for a terminal of 80 columns
    for name in ("model", "version", "trained", "labels", "least p", "accuracy", "macro-F1", "rows"):
        table.add_column(name, no_wrap=True)
    for one in found:
        rows = sum(file["rows"] for file in one.data)
        table.add_row(
            "*" if one.name == in_use else "",
            one.name,
            one.version,
            one.created_at[:10],
            str(len(one.categories)),
            f"{one.threshold:.2f}",
            f"{one.scores.get('accuracy', 0):.3f}",
            f"{one.scores.get('macro_f1', 0):.3f}",
            str(rows),
        )
    Console().print(table)


def _tell_report(found: Report, mistakes: Sequence[Judged]) -> None:
    from rich.console import Console

    from triage.classifier.tables import tables

    console = Console()
    for part in tables(found, mistakes):
        console.print(part)
