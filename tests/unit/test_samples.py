"""The sample configuration: whoever takes the # off a line gets a configuration that works."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from pydantic import BaseModel

from triage import config
from triage.policy import Team
from triage.settings import Mailbox, Settings

ROOT = Path(__file__).parents[2]


def uncommented(text: str) -> str:
    """*text* with every commented key in force; the head of the file is prose."""
    head, body = text.split("\n\n", 1)
    return f"{head}\n\n" + re.sub(r"^(\s*)# ([a-z_]+: (?!decide ).*)$", r"\1\2", body, flags=re.MULTILINE)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for part in ("config", "templates"):
        shutil.copytree(ROOT / part, tmp_path / part)
    return tmp_path


def test_every_commented_key_of_the_samples_works(home: Path) -> None:
    for name in ("triage.yaml", "routing.yaml"):
        path = home / "config" / name
        text = uncommented(path.read_text(encoding="utf-8"))
        assert text.count("\n") > 40
        path.write_text(text, encoding="utf-8")
    office = config.load(home)
    assert office.settings.retention.people.days == 400
    assert office.policy.teams["frontdesk"].renew


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (Settings, "triage.yaml"),
        (Mailbox, "triage.yaml"),
        (Team, "routing.yaml"),
    ],
    ids=["settings", "mailbox", "team"],
)
def test_every_key_stands_in_its_sample(model: type[BaseModel], name: str) -> None:
    text = (ROOT / "config" / name).read_text(encoding="utf-8")
    missing = [key for key in model.model_fields if not re.search(rf"\b{key}:", text)]
    assert not missing
