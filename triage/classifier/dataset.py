"""Rows of labelled text from JSON Lines (plain or .gz) and CSV. Faults are told with file and line, all at once."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from triage.classifier.masking import own_words
from triage.errors import TriageError

# A file with one wrong column has a fault on each line; the first few say it all.
MAX_FAULTS = 20

_OPTIONAL = ("id", "subject", "lang", "source", "about", "writer", "scenario", "form", "licence")


class DatasetError(TriageError):
    """The data cannot be trained on or measured with; the message names file and line of each fault."""


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled text. Columns that the file does not have are empty."""

    text: str
    label: str
    id: str = ""  # of a file that gives none: file and line, so that a mistake can be looked up
    subject: str = ""
    lang: str = ""
    source: str = ""
    about: str = ""  # only with complaints: what the complaint is about
    writer: str = ""  # who wrote it: texts of one writer are never on both sides of a split
    scenario: str = ""
    form: str = ""  # mail, form, chat, dictation, review, post
    licence: str = ""

    @property
    def words(self) -> str:
        return own_words(self.subject, self.text)

    @property
    def group(self) -> str:
        """What must stay together when rows are split: a writer's texts, else a scenario's, else the row alone ("")."""
        return self.writer or self.scenario


@dataclass(frozen=True, slots=True)
class DataFile:
    """Where rows came from, for the manifest."""

    name: str
    sha256: str
    rows: int
    labels: Mapping[str, int]
    languages: Mapping[str, int]
    sources: Mapping[str, int]
    licences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dataset:
    rows: tuple[Row, ...]
    files: tuple[DataFile, ...]


def load(paths: Sequence[Path]) -> Dataset:
    """All rows of *paths* in order; a folder stands for its *.jsonl, *.jsonl.gz and *.csv files in order of name.

    Raises:
        DatasetError: a file cannot be read, a line is no row, or there is no row at all.
    """
    rows: list[Row] = []
    files: list[DataFile] = []
    faults: list[str] = []
    for path in _expand(paths, faults):
        found = _read(path, faults)
        rows.extend(found)
        if found:
            files.append(_describe(path, found))
    if not faults and not rows:
        faults.append(f"{', '.join(map(str, paths)) or 'no path'}: no rows. Give JSON Lines or CSV with text and label")
    if faults:
        more = f"\n... and {len(faults) - MAX_FAULTS} more" if len(faults) > MAX_FAULTS else ""
        raise DatasetError("\n".join(faults[:MAX_FAULTS]) + more)
    return Dataset(tuple(rows), tuple(files))


def _expand(paths: Iterable[Path], faults: list[str]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.name.endswith((".jsonl", ".jsonl.gz", ".csv", ".csv.gz")))
            if not inside:
                faults.append(f"{path}: no .jsonl, .jsonl.gz or .csv file in this folder")
            yield from inside
        else:
            yield path


def _read(path: Path, faults: list[str]) -> list[Row]:
    rows: list[Row] = []
    try:
        with _open(path) as lines:
            parsed = _csv_lines(lines) if path.name.removesuffix(".gz").endswith(".csv") else _json_lines(lines)
            for number, record in parsed:
                row = record if isinstance(record, str) else _row(record)
                if isinstance(row, str):
                    faults.append(f"{path}:{number}: {row}")
                else:
                    rows.append(row if row.id else replace(row, id=f"{path.name}:{number}"))
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        faults.append(f"{path}: cannot be read: {reason}")
    return rows


def _open(path: Path) -> IO[str]:
    if path.name.endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _json_lines(lines: Iterable[str]) -> Iterator[tuple[int, Mapping[str, object] | str]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            yield number, f"not JSON: {error.msg} at column {error.colno}"
            continue
        yield number, record if isinstance(record, dict) else "not a JSON object"


def _csv_lines(lines: IO[str]) -> Iterator[tuple[int, Mapping[str, object] | str]]:
    reader = csv.DictReader(lines)
    missing = [name for name in ("text", "label") if name not in (reader.fieldnames or ())]
    if missing:
        yield 1, f"no column {' and no column '.join(map(repr, missing))}; the first line must name the columns"
        return
    for record in reader:
        yield reader.line_num, record


def _row(record: Mapping[str, object]) -> Row | str:
    """The row, or what is wrong with it."""
    for name in ("text", "label"):
        value = record.get(name)
        if not isinstance(value, str) or not value.strip():
            return (
                f"{name!r} is missing or empty"
                if value in (None, "") or isinstance(value, str)
                else f"{name!r} is no string"
            )
    for name in _OPTIONAL:
        if not isinstance(record.get(name), str | int | None):
            return f"{name!r} is no string"
    values = {name: str(record[name]) for name in _OPTIONAL if record.get(name) is not None}
    return Row(text=str(record["text"]), label=str(record["label"]).strip(), **values)


def _describe(path: Path, rows: Sequence[Row]) -> DataFile:
    return DataFile(
        name=path.name,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        rows=len(rows),
        labels=_count(row.label for row in rows),
        languages=_count(row.lang for row in rows),
        sources=_count(row.source for row in rows),
        licences=tuple(sorted({row.licence for row in rows if row.licence})),
    )


def _count(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(value for value in values if value).items()))
