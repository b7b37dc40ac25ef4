"""The installed command with faults of the operator's: one clear message each, the documented exit code, never a traceback."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import Daemon, run
from tests.support.dovecot import Dovecot
from tests.support.home import Home
from tests.support.letters import letter
from tests.support.waiting import free_port
from triage.testing import FaultSmtp

EX_CONFIG = 78


def problems(home: Home) -> list[dict[str, Any]]:
    """What `triage check --json` finds; its exit code says whether there are errors."""
    done = run(home, "check", "--json")
    assert "Traceback" not in done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if found["ok"] else EX_CONFIG)
    return list(found["problems"])


def errors(home: Home) -> list[dict[str, Any]]:
    return [problem for problem in problems(home) if problem["severity"] == "error"]


def refused_start(home: Home) -> str:
    """The messages of a `triage run` that refuses to start."""
    done = run(home, "run")
    assert done.returncode == EX_CONFIG, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_init_makes_a_home_that_only_lacks_what_an_operator_must_fill_in(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", model=True)
    done = run(home, "check", "--offline")
    assert "Traceback" not in done.stderr
    again = run(home, "init", str(home.path))
    assert again.returncode == EX_CONFIG
    assert "already there" in again.stderr


def test_check_finds_nothing_wrong_where_nothing_is_wrong(home: Home) -> None:
    assert [problem for problem in errors(home) if problem["key"] != "model"] == []  # these homes have none


def test_check_finds_every_fault_at_once(home: Home, smtp: FaultSmtp) -> None:
    home.settings["mailboxes"]["support"]["imap"]["password"] = {"file": "secrets/wrong"}
    (home.path / "secrets" / "wrong").write_text("wrong\n")
    home.smtp(free_port()).in_english_only().write()
    found = {problem["key"]: problem for problem in errors(home)}
    assert set(found) == {"mailboxes.support.imap.password", "smtp", "model"}
    assert all(problem["remedy"] for problem in found.values())
    assert found["smtp"]["line"]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("polll", "1s", "Did you mean 'poll'?"),
        ("poll", "soon", "not a span of time"),
        ("languages", ["en", "xx"], "there are no texts in 'xx'"),
    ],
)
def test_a_wrong_key_or_value_is_named_with_its_line_and_its_remedy(
    home: Home, key: str, value: Any, said: str
) -> None:
    home.settings["mailboxes"]["support"][key] = value
    home.write()
    message = refused_start(home)
    assert said in message
    assert f"mailboxes.support.{key}" in message
    assert "triage.yaml:" in message


def test_a_missing_text_is_named(home: Home) -> None:
    (home.path / "templates" / "de" / "neutral.txt").unlink()
    message = refused_start(home)
    assert "neutral" in message


def test_a_password_that_is_not_there_is_named_and_never_shown(home: Home) -> None:
    (home.path / "secrets" / "imap").unlink()
    assert "secrets/imap" in refused_start(home)


def test_a_port_for_metrics_that_is_taken_is_named(home: Home, smtp: FaultSmtp) -> None:
    home.settings["http"] = {"enabled": True, "port": smtp.port}
    home.write()
    assert f"cannot listen on 127.0.0.1:{smtp.port}" in refused_start(home)


def test_a_home_without_configuration_says_how_to_make_one(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.settings_file.unlink()
    assert "triage init DIR" in refused_start(home)


@pytest.mark.parametrize("fault", ["another version", "changed", "gone"])
def test_a_model_that_cannot_be_used_costs_the_categories_and_not_the_mail(
    fault: str, tmp_path: Path, dovecot: Dovecot, smtp: FaultSmtp, user: str
) -> None:
    home = Home(tmp_path / "home", model=True).imap(dovecot.port, user).smtp(smtp.port).in_english_only().write()
    # the first login at a server that has just started, beside a full core, takes more than the short limits of the tests
    home.settings["mailboxes"]["support"]["imap"] |= {"connect_timeout": "20s", "read_timeout": "20s"}
    home.write()
    folder = home.path / "models" / "broken"
    folder.mkdir()
    manifest = {"name": "broken", "version": "1", "format": 999_999}
    if fault != "gone":
        (folder / "manifest.json").write_text(json.dumps(manifest) if fault == "another version" else "{")
    (home.path / "models" / "current").write_text("broken\n")
    found = errors(home)
    assert [problem["key"] for problem in found] == ["model"], found
    with Daemon(home) as daemon:
        dovecot.deliver(user, letter(1))
        daemon.until(lambda: daemon.settled(1), "the mail to be settled")
        assert "Traceback" not in daemon.log()
        assert len(daemon.events("model_unusable")) == 1
    assert dovecot.folders(user) == {"Triaged/Front desk": 1}


def test_a_wrong_password_at_run_time_is_told_again_and_again_and_cured_without_a_restart(
    home: Home, dovecot: Dovecot, user: str
) -> None:
    secret = home.path / "secrets" / "imap"
    secret.write_text("wrong\n")
    dovecot.deliver(user, letter(1))
    daemon = Daemon(home).start(watching=False)
    daemon.until(lambda: len(daemon.events("mailbox_unusable")) >= 2, "the refusal to be told twice")
    assert "check username and password" in daemon.log()
    secret.write_text("secret\n")
    daemon.until(lambda: daemon.settled(1), "the mail to be settled")
    assert daemon.terminate() == 0
    assert "Traceback" not in daemon.log()


def test_a_server_that_is_not_there_is_tried_again_until_it_is(home: Home, dovecot: Dovecot, user: str) -> None:
    right = home.settings["mailboxes"]["support"]["imap"]["port"]
    home.settings["mailboxes"]["support"]["imap"]["port"] = free_port()
    home.write()
    daemon = Daemon(home).start(watching=False)
    daemon.until(lambda: len(daemon.events("mailbox_unusable")) >= 2, "the failure to be told twice")
    home.settings["mailboxes"]["support"]["imap"]["port"] = right
    home.write()
    daemon.until(lambda: daemon.events("watching"), "the edit to help")
    assert daemon.terminate() == 0
    assert "Traceback" not in daemon.log()


@pytest.mark.parametrize("command", [["status"], ["pause"], ["resume"], ["retry", "--all"]])
def test_commands_that_need_a_ledger_say_so_before_the_first_run(home: Home, command: list[str]) -> None:
    done = run(home, *command)
    assert done.returncode == 1
    assert "it is made by the first 'triage run'" in done.stderr


def test_usage_errors_exit_with_two(home: Home) -> None:
    assert run(home, "retry").returncode == 2
    assert run(home, "rum").returncode == 2
