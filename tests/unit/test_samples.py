"""The sample configuration: whoever takes the # off a line gets a configuration that works."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import BaseModel

from tests.support.facts import facts
from tests.support.letters import letter
from triage import config
from triage.parsing import parse
from triage.planning import plan
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


def test_the_commented_rules_of_the_sample_work(home: Path) -> None:
    path = home / "config" / "routing.yaml"
    text = re.sub(r"^  # (- name: |  when: |  then: )", r"  \1", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    path.write_text(text, encoding="utf-8")
    (home / "config" / "lists").mkdir()
    (home / "config" / "lists" / "vip.txt").write_text("karin@kunden.example\n")
    examined = config.examine(home)
    assert not examined.problems
    assert examined.office is not None
    names = [rule.name for rule in examined.office.policy.rules]
    assert names[:3] == ["threats come first", "our best customers", "marketplaces"]


def test_a_buyer_on_a_marketplace_gets_no_reply_and_a_clock_that_never_stops(home: Path) -> None:
    raw = letter(1, sender="Ann <abc123@marketplace.amazon.de>", to="support@example.com")
    sunday = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)  # the office sleeps
    made = plan(parse(raw, languages=("en", "de", "es")), facts(received_at=sunday, now=sunday), config.load(home))
    assert (made.decision.silence, made.decision.template) == ("marketplace", None)
    assert (made.decision.team, made.decision.clock) == ("logistics", "round-the-clock")
    assert made.decision.due_at == sunday + timedelta(hours=24)
    assert made.waited_for


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
