"""Each broken configuration gives its one clear message, with file, line, key, fault and remedy."""

from __future__ import annotations

import itertools
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest

from triage import config
from triage.errors import ConfigError
from triage.templates import Catalog
from triage.yaml_document import MAX_FILE_BYTES, read_document

DATA = Path(__file__).parents[1] / "data" / "config"
TEMPLATES = Path(__file__).parents[2] / "templates"
BROKEN = sorted(path for kind in ("routing", "triage", "senders") for path in (DATA / kind).glob("*.yaml"))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all homes: the texts in it are compiled once."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "templates").symlink_to(TEMPLATES)
    return folder


@pytest.fixture
def home(place: Path) -> Path:
    """A home that is well."""
    shutil.rmtree(place / "config", ignore_errors=True)
    shutil.copytree(DATA / "good", place / "config")
    return place


def told(home: Path) -> list[str]:
    """What `triage check` says of the configuration, with paths relative to the home."""
    return [f"{each.severity}: {each}".replace(f"{home}/", "") for each in config.examine(home).problems]


@cache
def texts() -> str:
    return ", ".join(Catalog.load(TEMPLATES, default_locale="en").templates)


def expected_of(case: Path) -> str:
    label, text = case.read_text(encoding="utf-8").splitlines()[1].split(": ", 1)
    assert label == "# Told as"
    return text.replace("{texts}", texts())


def test_there_are_many_of_them() -> None:
    assert len(BROKEN) >= 40


def test_the_home_that_they_are_made_from_is_well(home: Path) -> None:
    assert told(home) == []


@pytest.mark.parametrize("case", BROKEN, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_broken_configuration_gives_its_one_message(case: Path, home: Path) -> None:
    shutil.copy(case, home / "config" / f"{case.parent.name}.yaml")
    assert told(home) == [expected_of(case)]


@pytest.mark.parametrize("case", BROKEN, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_an_error_keeps_the_daemon_from_starting_and_a_warning_does_not(case: Path, home: Path) -> None:
    shutil.copy(case, home / "config" / f"{case.parent.name}.yaml")
    if expected_of(case).startswith("warning"):
        assert config.load(home).policy.rules
    else:
        with pytest.raises(ConfigError):
            config.load(home)


def test_several_faults_are_told_together_in_order_of_lines(home: Path) -> None:
    path = home / "config" / "routing.yaml"
    text = path.read_text(encoding="utf-8").replace("then: {team: payment}", "then: {team: payment, prio: high}")
    path.write_text(text.replace("zone: Europe/Berlin", "zone: Berlin"), encoding="utf-8")
    assert [message.split(":")[2] for message in told(home)] == ["3", "19", "22"]


def test_a_missing_file_is_told_with_the_way_to_get_it(home: Path) -> None:
    (home / "config" / "routing.yaml").unlink()
    (message,) = told(home)
    assert message.startswith("error: config/routing.yaml: the file is missing. Run 'triage init DIR'")


def test_a_file_that_is_not_utf_8_is_told_with_the_line(home: Path) -> None:
    (home / "config" / "routing.yaml").write_bytes(b"# ok\ncalendars: {b\xfcro: 1}\n")
    assert told(home) == ["error: config/routing.yaml:2: the text is not UTF-8. Save it as UTF-8"]


def test_a_control_character_is_told_with_the_line(home: Path) -> None:
    (home / "config" / "routing.yaml").write_bytes(b"calendars:\n  a\x00b: 1\n")
    assert told(home) == ["error: config/routing.yaml:2: a control character (U+0000) is not allowed. Take it out"]


def test_aliases_of_aliases_exhaust_nothing(tmp_path: Path) -> None:
    levels = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
    (tmp_path / "bomb.yaml").write_text(f"a0: &a0 [x]\n{levels}", encoding="utf-8")
    with pytest.raises(ConfigError, match="nested too deep"):
        read_document(tmp_path / "bomb.yaml")


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "huge.yaml").write_bytes(b"#" * (MAX_FILE_BYTES + 1))
    with pytest.raises(ConfigError, match="larger than 2 MB"):
        read_document(tmp_path / "huge.yaml")


def test_a_password_written_into_the_configuration_is_never_repeated(home: Path) -> None:
    shutil.copy(DATA / "triage" / "password-in-clear.yaml", home / "config" / "triage.yaml")
    assert "hunter2" not in " ".join(told(home))


def test_a_list_of_senders_is_read_and_its_faults_are_told(home: Path) -> None:
    (home / "config" / "lists").mkdir()
    path = home / "config" / "lists" / "vip.txt"
    path.write_text("# ours\nKarin@Example.de  # director\n\n@shop.example\n", encoding="utf-8")
    assert config.load(home).lists == {"vip": frozenset({"karin@example.de", "shop.example"})}
    before = config.load(home).version
    path.write_text("karin@example.de\n", encoding="utf-8")
    assert config.load(home).version != before
    path.write_text("karin@example.de\nKarin Muster\n", encoding="utf-8")
    assert told(home) == [
        "error: config/lists/vip.txt:2: 'karin muster' is neither an address nor a domain. Write one address or domain a line"
    ]


def test_the_version_is_that_of_the_rules_that_were_read_while_somebody_saves_others(home: Path) -> None:
    path = home / "config" / "routing.yaml"
    text = path.read_text(encoding="utf-8")
    names = {}
    texts = [text.replace("name: payment\n", f"name: payment {n}\n") for n in range(2)]
    for n, each in enumerate(texts):
        assert each != text
        path.write_text(each, encoding="utf-8")
        names[config.load(home).version] = f"payment {n}"
    done = threading.Event()

    def save_again_and_again() -> None:
        for n in itertools.count():
            if done.is_set():
                return
            draft = home / "draft"
            draft.write_text(texts[n % 2], encoding="utf-8")
            draft.replace(path)

    with ThreadPoolExecutor(1) as editor:
        saving = editor.submit(save_again_and_again)
        try:
            offices = [config.load(home) for _ in range(40)]
        finally:
            done.set()
        saving.result()
    assert len({office.version for office in offices}) == 2
    assert all(names[office.version] in [rule.name for rule in office.policy.rules] for office in offices)
