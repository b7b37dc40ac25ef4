"""`triage demo` as a process: it ends well, its summary adds up, and what it shows is what happened."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from typing import Any

import pytest
import yaml

from tests.support.waiting import until
from triage.demo import letters
from triage.demo.stage import PASSWORD, SUPPORT
from triage.guard import OWN_MAIL, RUNGS

COMMAND = [sys.executable, "-m", "triage", "demo"]
SECONDS = 120  # a loaded machine may take its time


@pytest.fixture(scope="module")
def played() -> subprocess.CompletedProcess[str]:
    """One performance, which every test here looks at."""
    return subprocess.run([*COMMAND, "--json"], capture_output=True, text=True, check=False, timeout=SECONDS)


@pytest.fixture(scope="module")
def summary(played: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert played.returncode == 0, played.stderr
    found: dict[str, Any] = json.loads(played.stdout.splitlines()[-1])
    return found


def test_it_ends_with_one_object_on_stdout_and_everything_for_people_on_stderr(
    played: subprocess.CompletedProcess[str], summary: dict[str, Any]
) -> None:
    assert len(played.stdout.splitlines()) == 1
    assert set(summary) == {
        "received", "replied", "suppressed", "forwarded", "filed", "languages", "categories", "seconds",
    }  # fmt: skip
    assert "A reply in German" in played.stderr


def test_every_mail_is_either_answered_or_withheld_for_a_reason(summary: dict[str, Any]) -> None:
    assert summary["received"] == len(letters.load()) >= 30
    assert summary["replied"] + sum(summary["suppressed"].values()) == summary["received"]
    assert set(summary["suppressed"]) <= {rung.code for rung in RUNGS}


def test_every_mail_is_filed_and_all_but_our_own_reach_a_team(summary: dict[str, Any]) -> None:
    own = sum(count for reason, count in summary["suppressed"].items() if reason in OWN_MAIL)
    assert own > 0
    assert sum(summary["filed"].values()) == summary["received"]
    assert sum(summary["forwarded"].values()) == summary["received"] - own
    assert "INBOX" not in summary["filed"]


def test_all_categories_and_the_languages_of_the_texts_occur(summary: dict[str, Any]) -> None:
    assert {"logistics", "payment", "product", "complaint"} <= set(summary["categories"])
    assert {"en", "de", "es"} <= set(summary["languages"])
    assert sum(summary["categories"].values()) == sum(summary["languages"].values()) == summary["received"]


def test_one_reply_a_language_is_shown_and_the_card_number_of_the_forward_is_not(
    played: subprocess.CompletedProcess[str], summary: dict[str, Any]
) -> None:
    assert len(re.findall(r"A reply in (English|German|Spanish)", played.stderr)) == 3
    assert "**** **** **** 1111" in played.stderr
    assert "4111" not in played.stderr
    assert "BUKB" not in played.stderr


def test_what_senders_wrote_cannot_steer_the_terminal(
    played: subprocess.CompletedProcess[str], summary: dict[str, Any]
) -> None:
    assert not set(played.stderr) & {"\x1b", "\x07", "\u202e", "\u2066", "\u200b"}


def test_kept_servers_serve_until_ctrl_c() -> None:
    with subprocess.Popen([*COMMAND, "--keep"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        told: list[str] = []

        def port() -> int | None:
            told.append(process.stdout.readline() if process.stdout else "")
            assert process.poll() is None, "".join(told)
            found = re.search(r"IMAP +127\.0\.0\.1, port (\d+)", told[-1])
            return int(found[1]) if found else None

        from imapclient import IMAPClient

        with IMAPClient("127.0.0.1", port=until(port, "the port to be told", SECONDS), ssl=False) as client:
            client.login(SUPPORT, PASSWORD)
            assert client.folder_status("INBOX", ["MESSAGES"])[b"MESSAGES"] == 0
            assert client.folder_exists("Triaged/Logistics")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=SECONDS)
        assert process.returncode == 0


def test_every_mail_of_the_demo_is_in_its_index_and_says_that_we_wrote_it() -> None:
    listed = [entry["name"] for entry in yaml.safe_load((letters.FOLDER / "index.yaml").read_text(encoding="utf-8"))]
    assert sorted(listed) == sorted(path.stem for path in letters.FOLDER.glob("*.eml"))
    assert all(b"X-Written-By: the triage project\n" in letter.source for letter in letters.load())
