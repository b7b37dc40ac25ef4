"""Documentation is complete: each command, metric, text, dependency and page has its line."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import click
import pytest
from prometheus_client import Counter

from triage.cli import main
from triage.metrics import Metrics

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
PAGES = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md")))


def commands(group: click.Group, prefix: str = "triage") -> list[tuple[str, click.Command]]:
    found = []
    for name, command in group.commands.items():
        found.append((f"{prefix} {name}", command))
        if isinstance(command, click.Group):
            found += commands(command, f"{prefix} {name}")
    return found


@pytest.mark.parametrize(("name", "command"), commands(main), ids=[name for name, _ in commands(main)])
def test_each_command_is_described_and_explains_itself(name: str, command: click.Command) -> None:
    assert name in README + PAGES, f"no page names '{name}'"
    assert command.help, f"'{name} --help' says nothing"


@pytest.mark.parametrize(("name", "command"), commands(main), ids=[name for name, _ in commands(main)])
def test_each_option_says_what_it_is_for(name: str, command: click.Command) -> None:
    silent = [p.opts[0] for p in command.params if isinstance(p, click.Option) and not p.help and p.name != "help"]
    assert not silent, f"'{name}' has options without help: {silent}"


def test_each_metric_has_a_line_in_operations() -> None:
    metrics = vars(Metrics()).values()
    names = [m._name for m in metrics if hasattr(m, "_name")]
    assert len(names) > 10
    missing = [name for name in names if f"`{name}`" not in OPERATIONS]
    assert not missing


def test_operations_names_no_metric_that_does_not_exist() -> None:
    names = {m._name for m in vars(Metrics()).values() if hasattr(m, "_name")}
    counters = {m._name for m in vars(Metrics()).values() if isinstance(m, Counter)}
    known = names | {f"{name}_total" for name in counters}
    assert set(re.findall(r"`(triage_[a-z_]+)`", OPERATIONS)) <= known


def test_each_dependency_is_justified_in_the_readme() -> None:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    named = re.findall(r"^([A-Za-z0-9-]+)", parser["options"]["install_requires"], re.MULTILINE)
    assert len(named) > 10
    missing = [name for name in named if name.casefold() not in README.casefold()]
    assert not missing


def test_each_page_is_linked_from_the_readme_and_each_link_leads_somewhere() -> None:
    linked = set(re.findall(r"\]\(((?:docs/)?[\w.-]+\.(?:md|svg))\)", README))
    pages = {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")}
    assert pages <= linked
    assert not [link for link in linked if not (ROOT / link).exists()]


def test_each_package_is_part_of_the_wheel() -> None:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    listed = set(parser["options"]["packages"].split())
    found = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "triage").rglob("*.py")}
    assert found <= listed
