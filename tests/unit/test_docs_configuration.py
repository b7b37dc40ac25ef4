"""The reference of all keys is what the models say, and the page about rules explains every condition and is right about its examples."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.rules import policy
from triage import reference
from triage.guarding.senders import SendersConfig
from triage.lookback.rule_tests import Case, Expect
from triage.policy import Forwarding, Policy
from triage.rulebook.rules import Rule, Signal, Then, When
from triage.settings import Settings

DOCS = Path(__file__).parents[2] / "docs"
ROUTING = (DOCS / "routing.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^ *```yaml\n(.*?)^ *```$", ROUTING, re.MULTILINE | re.DOTALL)


def test_the_reference_is_up_to_date() -> None:
    text = (DOCS / "configuration.md").read_text(encoding="utf-8")
    assert text == reference.as_markdown(), "run: python -m triage.reference > docs/configuration.md"


def keys_of(model: type[Any], seen: set[type[Any]]) -> set[str]:
    found = set()
    for name, field in model.model_fields.items():
        found.add(field.alias or name)
        for inner in reference._models_in(field.annotation):
            if inner not in seen:
                seen.add(inner)
                found |= keys_of(inner, seen)
    return found


@pytest.mark.parametrize("model", [Settings, Policy, SendersConfig, Case])
def test_every_key_has_a_line_with_a_meaning(model: type[Any]) -> None:
    rows = re.findall(r"^\| `([\w]+)` \| (.+?) \| (.+?) \| (.*?) \|$", reference.as_markdown(), re.MULTILINE)
    explained = {key for key, kind, default, meaning in rows if kind.strip() and default.strip() and meaning.strip()}
    assert keys_of(model, {model}) <= explained


@pytest.mark.parametrize("condition", reference.conditions())
def test_every_condition_is_shown_in_the_page_about_rules(condition: str) -> None:
    assert re.search(rf"[`{{ ]{condition}: ", ROUTING)


@pytest.mark.parametrize("key", [field.alias or name for name, field in Then.model_fields.items()])
def test_every_decision_is_explained_in_the_page_about_rules(key: str) -> None:
    assert f"| `{key}` |" in ROUTING


def test_every_signal_and_forward_and_expectation_is_named() -> None:
    assert all(signal in ROUTING for signal in Signal.__args__)  # type: ignore[attr-defined]
    assert all(mode in ROUTING for mode in Forwarding.model_fields["original"].annotation.__args__)  # type: ignore[union-attr]
    assert all(f"`{key}`" in ROUTING for key in Expect.model_fields)


SNIPPETS = [
    yaml.safe_load("{" + snippet + "}" if not snippet.startswith("{") else snippet)
    for row in re.findall(r"^\| [^|`]+ \| (.+?) \|$", ROUTING.split("## What happens")[0], re.MULTILINE)
    for snippet in re.findall(r"`([^`]+)`", row)
    if ": " in snippet
]


@pytest.mark.parametrize("snippet", SNIPPETS, ids=str)
def test_a_condition_that_the_page_shows_may_be_copied(snippet: dict[str, Any]) -> None:
    assert When.model_validate(snippet).given


def test_there_are_many_conditions_to_copy() -> None:
    assert len(SNIPPETS) > 30


DECISIONS = re.findall(
    r"^\| `(\w+)` \|.*\| ([^|]+) \|$", ROUTING.split("## What happens")[1].split("###")[0], re.MULTILINE
)


def test_every_decision_has_an_example_that_may_be_copied() -> None:
    assert [key for key, _ in DECISIONS] == [
        "team", "priority", "folder", "template", "reply", "clock", "also_to", "tags", "continue",
    ]  # fmt: skip
    for key, examples in DECISIONS:
        for snippet in re.findall(r"`([^`]+)`", examples):
            given = yaml.safe_load(f"{{{snippet}}}")
            assert list(given) == [key]
            assert Then.model_validate({"team": "desk"} | given)


def test_the_rules_that_the_page_shows_may_be_copied() -> None:
    rules = 0
    for block in BLOCKS:
        data = yaml.safe_load(block)
        if isinstance(data, dict) and "rules" in data:
            for rule in data["rules"]:
                assert Rule.model_validate(rule).name
                rules += 1
        elif isinstance(data, dict):
            assert When.model_validate(data["when"]).given
        elif "expect" in data[0]:
            assert [Case.model_validate(case).name for case in data]
        else:
            assert [Rule.model_validate(rule).name for rule in data] == ["engraving"]
    assert rules == 4


def test_what_the_page_says_of_rules_that_continue_is_so() -> None:
    from tests.support.rules import circumstances, mail
    from triage.message import Prediction

    (block,) = [block for block in BLOCKS if "continue: true" in block]
    data = yaml.safe_load(block.replace("frontdesk", "desk"))
    rules = policy(*data["rules"], fallback=data["fallback"])
    route = rules.route(mail("My lawyer will write."), circumstances(prediction=Prediction("payment", 0.9)))
    assert (route.team, route.priority, route.tags) == ("payment", "urgent", ("threat",))
