"""An evaluation as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from triage.classifier.evaluation import Judged, Report

# With more categories than this a matrix does not fit a terminal; the pairs most often confused are shown instead.
MATRIX = 10
PAIRS = 20


def tables(found: Report, mistakes: Sequence[Judged]) -> Iterator[RenderableType]:
    """Summary, categories, languages, forms, sources, confusion matrix, the worst mistakes."""
    yield _summary(found)
    yield _each("category", found)
    if len(found.languages) > 1:
        yield _groups("language", {name: (of["n"], of["accuracy"]) for name, of in found.languages.items()})
    if len(found.forms) > 1:
        yield _groups("form", {name: (of["n"], of["accuracy"]) for name, of in found.forms.items()})
    if len(found.sources) > 1:
        yield _groups("source", {name: (of["n"], of["accuracy"]) for name, of in found.sources.items()})
    yield _matrix(found) if len(found.categories) <= MATRIX else _confused(found)
    if mistakes:
        yield _mistakes(mistakes)


def _summary(found: Report) -> str:
    lines = [
        f"{escape(found.model)} on {found.n} rows, {found.texts_per_second:.0f} texts a second",
        f"every row decided    accuracy {found.accuracy:.3f}   macro-F1 {found.macro_f1:.3f}",
        f"abstaining below {found.threshold:.2f}   {found.coverage:.1%} decided, {found.selective_accuracy:.1%} of these right",
        f"calibration error    {found.calibration_error:.3f}",
    ]
    if found.about_accuracy is not None:
        lines.append(f"what complaints are about   {found.about_accuracy:.1%} right")
    lines += [
        f"{escape(label)}: {of['n']} rows, abstained on {of['abstained']:.1%}" for label, of in found.abstain.items()
    ]
    if found.skipped:
        left_out = ", ".join(f"{escape(label)} {count}" for label, count in found.skipped.items())
        lines.append(f"left out, the model does not know the label: {left_out}")
    return "\n".join(lines)


def _each(what: str, found: Report) -> Table:
    table = Table(what, "precision", "recall", "F1", "rows")
    for name, of in found.categories.items():
        table.add_row(escape(name), f"{of['precision']:.3f}", f"{of['recall']:.3f}", f"{of['f1']:.3f}", str(of["n"]))
    return table


def _groups(what: str, groups: dict[str, tuple[float, float]]) -> Table:
    table = Table(what, "accuracy", "rows")
    for name, (count, accuracy) in groups.items():
        table.add_row(escape(name), f"{accuracy:.3f}", str(count))
    return table


def _matrix(found: Report) -> Table:
    names = list(found.categories)
    table = Table("is \\ said", *map(escape, names), title="confusion")
    for right in names:
        row = found.confusion.get(right, {})
        cells = [f"[bold]{row.get(said, 0)}[/]" if said == right else str(row.get(said, 0) or "") for said in names]
        table.add_row(escape(right), *cells)
    return table


def _confused(found: Report) -> Table:
    pairs = sorted(
        (
            (count, right, said)
            for right, row in found.confusion.items()
            for said, count in row.items()
            if right != said
        ),
        reverse=True,
    )
    table = Table("is", "said", "rows", title="most often confused")
    for count, right, said in pairs[:PAIRS]:
        table.add_row(escape(right), escape(said), str(count))
    return table


def _mistakes(mistakes: Sequence[Judged]) -> Table:
    table = Table("id", "is", "said", "sure", "text", title=f"the {len(mistakes)} worst mistakes")
    for one in mistakes:
        words = " ".join(one.row.words.split())
        table.add_row(
            escape(one.row.id),
            escape(one.row.label),
            escape(one.best),
            f"{one.prediction.confidence:.2f}",
            escape(words[:160]),
        )
    return table
