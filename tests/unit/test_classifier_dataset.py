"""Rows from files: every form, and every fault with its line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from triage.classifier import dataset
from triage.classifier.dataset import DatasetError, Row

ROWS = [
    {"id": "a", "text": "Where is it?", "label": "logistics", "subject": "Order", "lang": "en", "source": "us"},
    {
        "id": "b",
        "text": 'Zu groß, "leider"\nund rot',
        "label": "product",
        "subject": None,
        "lang": "de",
        "source": "us",
    },
]


def json_lines(rows: list[dict[str, object]]) -> str:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n"


def csv_lines() -> str:
    return 'id,text,label,subject,lang,source\na,Where is it?,logistics,Order,en,us\nb,"Zu groß, ""leider""\nund rot",product,,de,us\n'


@pytest.mark.parametrize(
    ("name", "content"),
    [("rows.jsonl", json_lines(ROWS)), ("rows.csv", csv_lines()), ("bom.csv", "\ufeff" + csv_lines())],
)
@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gz"])
def test_every_form_gives_the_same_rows(tmp_path: Path, name: str, content: str, zipped: bool) -> None:
    path = tmp_path / (name + ".gz" if zipped else name)
    path.write_bytes(gzip.compress(content.encode()) if zipped else content.encode())

    assert dataset.load([path]).rows == (
        Row("Where is it?", "logistics", "a", "Order", "en", "us"),
        Row('Zu groß, "leider"\nund rot', "product", "b", "", "de", "us"),
    )


def test_a_row_without_an_id_is_known_by_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(
        '{"text": "one", "label": "a"}\n\n{"text": "two", "label": "b", "id": "mine"}\n{"text": "three", "label": "a"}\n'
    )

    assert [row.id for row in dataset.load([path]).rows] == ["rows.jsonl:1", "mine", "rows.jsonl:4"]


def test_a_folder_stands_for_its_files_in_order(tmp_path: Path) -> None:
    (tmp_path / "2.jsonl").write_text(json_lines(ROWS[1:]))
    (tmp_path / "1.jsonl").write_text(json_lines(ROWS[:1]))
    (tmp_path / "GUIDE.md").write_text("not data")

    found = dataset.load([tmp_path])

    assert [row.id for row in found.rows] == ["a", "b"]
    assert [(file.name, file.rows, file.languages) for file in found.files] == [
        ("1.jsonl", 1, {"en": 1}),
        ("2.jsonl", 1, {"de": 1}),
    ]


def test_all_faults_are_told_with_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(
        '{"text": "x", "label": "y"}\n{"text": "x"}\nnonsense\n\n[1]\n{"text": 3, "label": "y"}\n{"text":" ","label":"y"}\n'
    )

    with pytest.raises(DatasetError) as caught:
        dataset.load([path])

    assert [line.removeprefix(f"{path}:") for line in str(caught.value).splitlines()] == [
        "2: 'label' is missing or empty",
        "3: not JSON: Expecting value at column 1",
        "5: not a JSON object",
        "6: 'text' is no string",
        "7: 'text' is missing or empty",
    ]


def test_a_csv_without_the_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("body,label\nx,y\n")

    with pytest.raises(DatasetError, match=r"bad\.csv:1: no column 'text'"):
        dataset.load([path])


def test_only_the_first_faults_are_told(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text("x\n" * 100)

    with pytest.raises(DatasetError, match="and 80 more"):
        dataset.load([path])


@pytest.mark.parametrize(
    "content",
    [b"not gzip", gzip.compress(b'{"text": "x"}')[:-4], gzip.compress(b"\xff\xfe\xff")],
    ids=["not gzip", "cut", "not UTF-8"],
)
def test_a_file_that_cannot_be_read_is_told_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.jsonl.gz"
    path.write_bytes(content)

    with pytest.raises(DatasetError, match=r"bad\.jsonl\.gz: cannot be read"):
        dataset.load([path])


def test_a_missing_file_an_empty_file_and_an_empty_folder_are_faults(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "folder").mkdir()

    for path, fault in (("none.jsonl", "No such file"), ("empty.jsonl", "no rows"), ("folder", "no .jsonl")):
        with pytest.raises(DatasetError, match=fault):
            dataset.load([tmp_path / path])
