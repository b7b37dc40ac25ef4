"""Teaching by moving mail, on a real Dovecot: the daemon files, colleagues move and answer, `triage retrain` learns.

The customers of this shop have words of their own (a hopper is a parcel, the tally a bill, the glim a lamp), which the model in use at
first, a small one, has never seen. All mails were written for these tests.
"""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import Daemon, run
from tests.support.dovecot import Dovecot
from tests.support.home import Home
from tests.support.letters import letter
from tests.unit.classifier_rows import rows
from triage.classifier import notebook, registry, splitting, training
from triage.classifier.dataset import Dataset
from triage.classifier.splitting import Ties
from triage.ledger import queries
from triage.parsing import parse

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
FOLDERS = {
    "logistics": "Triaged/Logistics",
    "payment": "Triaged/Payment",
    "product": "Triaged/Product",
    "complaint": "Triaged/Complaints",
}
PHRASES = {
    "logistics": (
        "the hopper has not rolled in yet",
        "our hopper is stuck in the yard",
        "when will the hopper roll in",
    ),
    "payment": ("the tally is off by ten", "please send the tally again", "you counted the tally twice over"),
    "product": ("the glim flickers in the evening", "does the glim come in blue", "how is the glim descaled"),
    "complaint": ("what a shambles, you lot", "I am fed up with this shambles", "never again with you lot, a shambles"),
}
OPENINGS = ("Hello, ", "Dear all, ", "Good evening, ", "Hi there, ", "")
SUBJECTS = ("a question", "my order", "please help", "for your attention")
LEAST = "8"  # held-out mails; 50 would take two hundred mails


def customers_mail() -> list[tuple[str, bytes]]:
    """60 mails, each by a customer of its own, with the category that it is of."""
    found = []
    for label, phrases in PHRASES.items():
        for opening, phrase in itertools.product(OPENINGS, phrases):
            number = len(found)
            text = f"{opening}{phrase}, as I said on the phone on day {number}.\n\nKind regards\n"
            found.append((label, letter(number, subject=SUBJECTS[number % 4], text=text)))
    return found


@pytest.fixture(scope="module")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder models/ with a small model in use, and the corpus that it learnt from."""
    models = tmp_path_factory.mktemp("models")
    (models / "corpus").mkdir()
    lines = (json.dumps({key: value for key, value in asdict(row).items() if value}) for row in rows())
    (models / "corpus" / "small.jsonl").write_text("\n".join(lines) + "\n")
    trained = training.train(rows(), seed=3)
    registry.save(models, "small", trained.model, training.describe(trained, Dataset(tuple(rows()), ()), now=NOW))
    registry.use(models, "small", now=NOW, why="test")
    return models


@pytest.fixture
def taught_home(home: Home, small_model: Path) -> Home:
    """A home with the small model in use, and the key of its hashes fixed: who is held out is then the same in every run."""
    shutil.rmtree(home.path / "models")
    shutil.copytree(small_model, home.path / "models")
    folder = home.path / "state" / notebook.FOLDER
    folder.mkdir(parents=True)
    (folder / "meta.json").write_text(json.dumps({"format": notebook.FORMAT, "key": "5e" * 32, "forgotten": []}))
    return home


def retrain(home: Home, *arguments: str) -> dict[str, Any]:
    done = retrain_process(home, "--json", "--least", LEAST, *arguments)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def retrain_process(home: Home, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(home, "retrain", *arguments, seconds=600)


def everything(dovecot: Dovecot, user: str) -> dict[str, Any]:
    """All that a client can see of an account: folders, mails byte for byte, flags."""
    mails = dovecot.all_mails(user)
    with dovecot.login(user) as client:
        folders = sorted(name for _, _, name in client.list_folders())
    return {"folders": folders, "mails": mails, "flags": {folder: dovecot.flags(user, folder) for folder in mails}}


def in_use(home: Home) -> str:
    return registry.describe(home.path / "models", "small").version


def text_of(raw: bytes) -> str:
    return parse(raw).new_text


def put_right(dovecot: Dovecot, user: str, truth: dict[str, str]) -> tuple[int, int]:
    """What colleagues do: move each filed mail that lies wrong, answer the others; how many of each."""
    moved = answered = 0
    for folder in dovecot.folders(user):
        for uid, raw in dovecot.mails(user, folder).items():
            right = FOLDERS.get(truth.get(text_of(raw), ""))
            with dovecot.login(user) as client:
                client.select_folder(dovecot.name(folder))
                if right == folder:
                    client.add_flags([uid], [b"\\Answered"])
                    answered += 1
                elif right is not None:
                    client.move([uid], dovecot.name(right))
                    moved += 1
    return moved, answered


def file_answered(dovecot: Dovecot, user: str, mails: list[tuple[str, bytes]]) -> None:
    """Mails that lie answered in the folders of the categories given; the ledger knows nothing of them."""
    by_folder = defaultdict(list)
    for label, raw in mails:
        by_folder[FOLDERS[label]].append(raw)
    with dovecot.login(user) as client:
        for folder in FOLDERS.values():
            client.create_folder(dovecot.name(folder))
    for folder, raws in by_folder.items():
        dovecot.deliver(user, *raws, folder=folder, flags=[b"\\Answered"])


def held_out(home: Home) -> Callable[[bytes], bool]:
    """Whether a mail will be held out."""
    with notebook.opened(home.path / "state" / notebook.FOLDER) as book:
        seal = book.seal

    def is_held_out(raw: bytes) -> bool:
        author = parse(raw).from_address
        assert author is not None
        ties = [Ties(seal(author.address), "")]
        return splitting.held_out(ties, [0])[0]

    return is_held_out


def test_what_colleagues_moved_is_learnt_and_the_daemon_uses_it_without_a_restart(
    taught_home: Home, dovecot: Dovecot, user: str
) -> None:
    mails = customers_mail()
    truth = {text_of(raw): label for label, raw in mails}
    dovecot.deliver(user, *(raw for _, raw in mails))
    before = in_use(taught_home)
    with Daemon(taught_home) as daemon:
        daemon.until(lambda: "INBOX" not in dovecot.folders(user), "all mail to be filed", 120)
        moved, answered = put_right(dovecot, user, truth)
        assert moved > 10
        seen = everything(dovecot, user)

        tried = retrain(taught_home, "--dry-run")
        assert (tried["accepted"], tried["in_use"], in_use(taught_home)) == (True, False, before)

        found = retrain(taught_home)
        assert everything(dovecot, user) == seen
        lessons = {"correction": moved, "confirmation": answered}
        assert found["lessons"] == {kind: count for kind, count in lessons.items() if count}
        assert (found["accepted"], found["in_use"]) == (True, True), found["reasons"]
        assert found["learnt"] + found["held_out"] == 60
        assert found["held_out"] >= int(LEAST)
        assert found["compared"]["macro_f1"][1] > found["compared"]["macro_f1"][0]
        after = in_use(taught_home)
        assert found["version"] == after != before
        daemon.until(lambda: any(after in line for line in daemon.events("model_in_use")), "the new model to be used")

        assert retrain(taught_home)["reasons"] == ["the model in use has learnt all of this"]

        dovecot.deliver(user, letter(900, subject="hello", text="Hello, our hopper has not rolled in, it is stuck\n"))
        daemon.until(lambda: "INBOX" not in dovecot.folders(user), "the last mail to be filed", 60)

    with queries.reading(taught_home.ledger) as connection:
        decision = queries.decisions(connection)[-1]["decision"]
    assert decision["model"] == f"small@{after}"
    assert max(decision["probabilities"], key=decision["probabilities"].__getitem__) == "logistics"
    card = (taught_home.path / "models" / "small" / "card.md").read_text()
    assert "the team's filed mail" in card
    assert "Compared with the one before" in card
    assert run(taught_home, "rollback").returncode == 0
    assert in_use(taught_home) == before
    assert "taken out again" in retrain(taught_home)["reasons"][0]
    assert in_use(taught_home) == before


def test_a_worse_challenger_is_refused_with_its_reason_and_the_same_question_is_answered_at_once(
    taught_home: Home, dovecot: Dovecot, user: str
) -> None:
    """What is learnt from lies in wrong folders, what is held out in the right ones."""
    labels = list(FOLDERS)
    kept = held_out(taught_home)
    mails = customers_mail()
    mails += [
        (row.label, letter(500 + number, subject="my order", text=f"{row.text}\n"))
        for number, row in enumerate(rows())
        if row.label in FOLDERS
    ]
    muddled = [(label if kept(raw) else labels[(labels.index(label) + 1) % 4], raw) for label, raw in mails]
    file_answered(dovecot, user, muddled)
    seen, before = everything(dovecot, user), in_use(taught_home)

    found = retrain(taught_home)

    assert (found["accepted"], found["in_use"], found["version"]) == (False, False, None)
    assert any("not better" in reason or "falls" in reason for reason in found["reasons"])
    assert in_use(taught_home) == before
    assert everything(dovecot, user) == seen

    again = retrain_process(taught_home, "--least", LEAST)
    assert again.returncode == 0
    assert f"small@{before} stays in use" in again.stderr
    assert "nothing has changed since" in again.stderr
    assert "cross-fitting" not in again.stderr


@pytest.mark.parametrize("server", ["dovecot", "dotted"])
def test_only_folders_that_stand_for_a_category_are_read_and_those_below_them(
    server: str, taught_home: Home, user: str, request: pytest.FixtureRequest
) -> None:
    dovecot: Dovecot = request.getfixturevalue(server)
    taught_home.settings["mailboxes"]["support"]["imap"]["port"] = dovecot.port
    taught_home.write()
    folders = ["Triaged/Payment/2026/March", "Triaged/Front desk", "Triaged/Quarantine", "Triaged/Bounces", "Junk"]
    with dovecot.login(user) as client:
        for folder in folders:
            client.create_folder(dovecot.name(folder))
    for number, folder in enumerate(folders):
        dovecot.deliver(user, letter(number), folder=folder, flags=[b"\\Answered"])
    dovecot.deliver(user, letter(10, Auto_Submitted="auto-replied"), folder=folders[0], flags=[b"\\Answered"])
    dovecot.deliver(user, letter(11), folder=folders[0])

    found = retrain(taught_home)

    assert found["read"] == 3
    assert found["lessons"] == {"confirmation": 1}
    assert found["left_out"] == {"neither moved nor answered": 1, "written by a machine": 1}
    assert "held-out messages" in found["reasons"][0]


def test_what_is_kept_holds_no_address_and_is_gone_with_the_mail_or_when_its_sender_is_forgotten(
    taught_home: Home, dovecot: Dovecot, user: str
) -> None:
    file_answered(dovecot, user, customers_mail()[:6])
    assert retrain(taught_home)["read"] == 6
    path = taught_home.path / "state" / notebook.FOLDER / "mails.jsonl"
    assert b"@" not in path.read_bytes()
    assert b"customer2" not in path.read_bytes().lower()
    assert len(path.read_text().splitlines()) == 6

    with Daemon(taught_home):
        pass  # makes the ledger
    assert run(taught_home, "forget", "customer2@mail2.example", "--json").stdout.count('"taught_mails": 1') == 1
    assert len(path.read_text().splitlines()) == 5
    found = retrain(taught_home)
    assert found["left_out"] == {"its sender is to be forgotten": 1}

    with dovecot.login(user) as client:
        client.select_folder(dovecot.name(FOLDERS["logistics"]))
        client.delete_messages(client.search()[:4])
        client.expunge()
    assert retrain(taught_home)["read"] == 2
    assert len(path.read_text().splitlines()) == 2


def test_who_is_forgotten_before_anything_was_learnt_is_not_learnt_from_later(
    taught_home: Home, dovecot: Dovecot, user: str
) -> None:
    file_answered(dovecot, user, customers_mail()[:6])
    with Daemon(taught_home):
        pass  # makes the ledger
    assert run(taught_home, "forget", "customer2@mail2.example").returncode == 0
    assert retrain(taught_home)["left_out"] == {"its sender is to be forgotten": 1}
    path = taught_home.path / "state" / notebook.FOLDER / "mails.jsonl"
    assert sum(bool(json.loads(line)["text"]) for line in path.read_text().splitlines()) == 5


def test_a_mailbox_that_cannot_be_reached_is_a_failure_and_changes_nothing(taught_home: Home) -> None:
    taught_home.settings["mailboxes"]["support"]["imap"]["port"] = 1
    taught_home.write()
    before = in_use(taught_home)
    done = retrain_process(taught_home)
    assert done.returncode == 1
    assert "cannot connect to 127.0.0.1:1: [Errno 111] Connection refused" in done.stderr
    assert "mailboxes.support.imap in config/triage.yaml" in done.stderr
    assert "Traceback" not in done.stderr
    assert in_use(taught_home) == before


def test_rules_that_name_no_category_are_a_fault_of_the_configuration(taught_home: Home) -> None:
    taught_home.routing["rules"] = []
    taught_home.write()
    done = retrain_process(taught_home)
    assert done.returncode == 78
    assert "no folder stands for a category" in done.stderr
