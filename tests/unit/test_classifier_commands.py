"""triage train, evaluate, models, rollback: what they print, where, and with which exit code."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from tests.unit.classifier_rows import rows
from triage.classifier import commands


@click.group()
def program() -> None:
    """The commands of the classifier alone."""


for command in (commands.train, commands.evaluate, commands.models, commands.rollback):
    program.add_command(command)

KEYS = {
    "n", "model", "threshold", "accuracy", "macro_f1", "coverage", "selective_accuracy", "calibration_error", "languages",
    "categories", "sources", "confusion", "texts_per_second", "skipped",
}  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a model that was trained by the command."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "rows.jsonl").write_text("".join(json.dumps(asdict(row)) + "\n" for row in rows()))
    done = run(folder, "train", str(folder / "rows.jsonl"), "--model", "small", "--seed", "1")
    assert done.exit_code == 0, done.stderr
    return folder


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(program, [*arguments, "--home", str(folder)])


def test_evaluate_prints_one_object_with_the_keys_of_the_interface(home: Path) -> None:
    done = run(home, "evaluate", str(home / "rows.jsonl"), "--model", "small", "--json")

    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert set(found) >= KEYS
    assert found["n"] == 81
    assert found["abstain"]["other"]["n"] == 15
    assert found["accuracy"] > 0.9


def test_evaluate_without_json_shows_tables(home: Path) -> None:
    done = run(home, "evaluate", str(home / "rows.jsonl"))

    assert done.exit_code == 0
    assert "every row decided" in done.stdout
    assert "confusion" in done.stdout


def test_the_first_model_is_put_in_use_and_another_name_is_not(home: Path) -> None:
    other = run(home, "train", str(home / "rows.jsonl"), "--model", "second", "--json")

    assert json.loads(other.stdout)["in_use"] is False
    assert "put it in use with: triage models use second" in other.stderr
    listed = [json.loads(line) for line in run(home, "models", "--json").stdout.splitlines()]
    assert run(home, "models", "list", "--json").stdout == run(home, "models", "--json").stdout
    assert run(home, "models", "list").stdout == run(home, "models").stdout
    assert {one["model"]: one["in_use"] for one in listed} == {"second": False, "small": True}


def test_a_fault_in_the_rows_is_told_without_a_traceback(home: Path) -> None:
    (home / "bad.jsonl").write_text('{"text": "x"}\n')

    done = run(home, "train", str(home / "bad.jsonl"))

    assert done.exit_code == 1
    assert "bad.jsonl:1: 'label' is missing or empty" in done.stderr
    assert done.stdout == ""


def test_evaluate_without_rows_is_a_mistake_of_usage(home: Path) -> None:
    assert run(home, "evaluate").exit_code == 2


def test_rollback_without_a_model_before_says_what_to_do(home: Path) -> None:
    done = run(home, "rollback")

    assert done.exit_code == 1
    assert "triage models use NAME" in done.stderr


def test_an_unknown_model_is_told_with_those_that_are_there(home: Path) -> None:
    done = run(home, "evaluate", str(home / "rows.jsonl"), "--model", "none")

    assert done.exit_code == 1
    assert "no model 'none'" in done.stderr
