"""`triage check` knows what the text model in use can name."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.unit.classifier_rows import rows
from triage.checking import check
from triage.classifier import commands

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose text model has another category than the one that comes with the program: returns for product."""
    folder = tmp_path_factory.mktemp("home")
    shutil.copytree(ROOT / "config", folder / "config", ignore=shutil.ignore_patterns("examples", "schema"))
    (folder / "templates").symlink_to(ROOT / "templates")
    renamed = [
        replace(
            row,
            label="returns" if row.label == "product" else row.label,
            about=row.about and row.about.replace("product", "returns"),
        )
        for row in rows()
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(asdict(row)) + "\n" for row in renamed))
    arguments = ["train", str(folder / "rows.jsonl"), "--model", "small", "--seed", "1", "--home", str(folder)]
    done = CliRunner().invoke(commands.train, arguments[1:])
    assert done.exit_code == 0, done.output
    (folder / "config/triage.yaml").write_text((ROOT / "config/triage.yaml").read_text() + "\nmodel: small\n")
    return folder


async def test_a_rule_may_name_what_the_model_in_use_names_and_nothing_else(home: Path) -> None:
    routing = home / "config/routing.yaml"
    text = (ROOT / "config/routing.yaml").read_text(encoding="utf-8")
    routing.write_text(text.replace("category: payment}", "category: [payment, returns]}"), encoding="utf-8")
    found = await check(home, offline=True)
    warnings = [(problem.key, problem.fault) for problem in found.problems if problem.severity == "warning"]
    fault = "the text model names no category 'product', so the rule never matches by it"
    assert [found_fault for _, found_fault in warnings] == [fault]
    assert warnings[0][0].endswith(".when.category")
    assert any("returns" in line for line in found.well)
