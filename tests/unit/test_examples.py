"""The samples and the three shops in config/ are well, do what their cases say, and name schemas that are up to date."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from triage import config, schemas
from triage.cli import main
from triage.home import EXAMPLES, create
from triage.lookback import rule_tests
from triage.services import NoModel

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config"
SHOPS = sorted(path.name for path in (CONFIG / "examples").iterdir() if path.is_dir())


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all homes: the texts in it are compiled once."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "templates").symlink_to(ROOT / "templates")
    return folder


def home_of(shop: str, place: Path) -> Path:
    """A home as somebody makes it who copies the files of *shop* over those that `triage init` wrote."""
    shutil.rmtree(place / "config", ignore_errors=True)
    (place / "config").mkdir()
    for name in ("triage", "routing", "senders"):
        shutil.copy(CONFIG / f"{name}.yaml", place / "config")
    shutil.copytree(CONFIG / "examples" / shop, place / "config", dirs_exist_ok=True)
    return place


def test_there_are_three_shops_and_init_offers_each() -> None:
    assert SHOPS == ["marketplace", "one-person", "three-teams"] == sorted(EXAMPLES)
    shown = CliRunner().invoke(main, ["init", "--help"]).stdout
    assert all(f"{name:12} {what}" in shown for name, what in EXAMPLES.items())


@pytest.mark.parametrize("shop", SHOPS)
def test_init_makes_a_home_of_a_shop(shop: str, tmp_path: Path) -> None:
    written = create(tmp_path / "home", shop)
    shutil.rmtree(tmp_path / "home" / "models")
    made, source = tmp_path / "home" / "config", CONFIG / "examples" / shop
    assert {made / path.relative_to(source) for path in source.rglob("*") if path.is_file()} <= set(written)
    assert not config.examine(tmp_path / "home").problems
    for path in made.glob("*.yaml"):
        first, _, rest = path.read_text(encoding="utf-8").partition("\n")
        assert first == f"# yaml-language-server: $schema=schema/{path.stem}.json"
        if (source / path.name).exists():
            assert rest == (source / path.name).read_text(encoding="utf-8").partition("\n")[2]


@pytest.mark.parametrize("shop", SHOPS)
def test_a_shop_is_well_without_a_warning(shop: str, place: Path) -> None:
    examined = config.examine(home_of(shop, place))
    assert not examined.problems
    assert examined.office is not None


@pytest.mark.parametrize("shop", SHOPS)
def test_the_cases_of_a_shop_pass(shop: str, place: Path) -> None:
    home = home_of(shop, place)
    cases = home / "config" / "cases.yaml"
    results = list(rule_tests.run(cases, rule_tests.read_cases(cases), config.load(home), NoModel()))
    assert [(result.name, result.failures) for result in results if not result.passed] == []
    assert len(results) >= 5


def test_the_samples_are_well_without_a_warning() -> None:
    assert config.examine(ROOT).problems == ()


FILES = [*CONFIG.glob("*.yaml"), *(CONFIG / "examples").rglob("*.yaml")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CONFIG)))
def test_the_first_line_names_the_schema(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    found = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    assert found
    assert (path.parent / found[1]).resolve() == CONFIG / "schema" / f"{path.stem}.json"


@pytest.mark.parametrize("name", schemas.MODELS)
def test_a_schema_is_up_to_date(name: str) -> None:
    path = CONFIG / "schema" / f"{name}.json"
    assert path.read_text(encoding="utf-8") == schemas.as_text(name), "run: triage schema --write"


@pytest.mark.parametrize("name", schemas.MODELS)
def test_a_schema_tells_what_each_key_is_for(name: str) -> None:
    def silent(node: object, where: str) -> list[str]:
        if not isinstance(node, dict):
            return []
        found = [
            f"{where}.{key}"
            for key, each in (node.get("properties") or {}).items()
            if not each.get("description") and "$ref" not in each
        ]
        for definition, each in (node.get("$defs") or {}).items():
            found += silent(each, definition)
        return found

    assert silent(schemas.schema(name), name) == []


def test_defaults_in_a_schema_are_written_as_operators_write_them() -> None:
    text = json.dumps(schemas.schema("triage")) + json.dumps(schemas.schema("routing"))
    assert '"default": "PT' not in text
    assert schemas.schema("routing")["$defs"]["FirstResponse"]["properties"]["normal"]["default"] == "16h"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CONFIG)))
def test_a_sample_has_no_key_that_its_schema_does_not_know(path: Path) -> None:
    known = json.dumps(schemas.schema(path.stem))
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    entries = data if isinstance(data, list) else [data]
    assert all(f'"{key}"' in known for entry in entries for key in entry)
