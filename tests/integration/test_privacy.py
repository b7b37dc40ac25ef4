"""A person is forgotten by the command, and everybody after a while by the daemon: looked for in every byte below state/."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial

import pytest

from tests.support.daemon import Daemon, run
from tests.support.dovecot import Dovecot
from tests.support.home import Home
from tests.support.letters import letter
from tests.support.zygote import Zygote
from triage.testing import FaultSmtp

KARIN, OTHER = "karin.vogt@mail.example", "ben.okafor@mail.example"
MAILS = (  # with order numbers so long that no hash and no time has them by chance
    letter(1, sender=f"Karin Vogt <{KARIN}>", text="My order 84731902 has not come. Karin Vogt\n"),
    letter(2, sender=f"Ben Okafor <{OTHER}>", text="My order 84731903 has not come. Ben Okafor\n"),
    letter(3, sender=f"Karin Vogt <{KARIN}>", text="Order 84731902 again.\n", Auto_Submitted="auto-replied"),
)

Start = Callable[[Home], Daemon]


@pytest.fixture
def start(zygote: Zygote) -> Start:
    return partial(Daemon, launch=lambda home, log: zygote.fork(home.path, log))


@pytest.fixture
def settled(home: Home, start: Start, dovecot: Dovecot, smtp: FaultSmtp, user: str) -> Home:
    """A home whose daemon has settled the mails, and has stopped."""
    smtp.fail("RCPT", f"550 5.1.1 <{KARIN}>: no such user", when=lambda _, to: KARIN in str(to))
    with start(home) as daemon:
        dovecot.deliver(user, *MAILS)
        daemon.until(lambda: daemon.settled(len(MAILS)), "every mail to be settled")
    return home


def kept(home: Home, word: str) -> list[str]:
    """Files below state/ that hold *word*, in whatever page of them."""
    files = [path for path in (home.path / "state").rglob("*") if path.is_file()]
    return sorted(path.name for path in files if word.lower().encode() in path.read_bytes().lower())


def test_a_person_is_forgotten_and_nobody_else(settled: Home) -> None:
    assert kept(settled, KARIN)
    done = run(settled, "forget", KARIN.upper(), "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["messages"], found["tickets"]) == (2, 2)
    assert found["effects"] >= 5
    for word in (KARIN, "Karin", "Vogt", "84731902", "letter.1@", "letter.3@"):
        assert kept(settled, word) == []
    assert kept(settled, OTHER)
    again = json.loads(run(settled, "forget", KARIN, "--json").stdout)
    assert not any(again.values())
    assert f"nothing is known of {KARIN}" in run(settled, "forget", KARIN).stderr


def test_a_person_is_forgotten_beside_a_daemon_that_is_at_work(settled: Home, start: Start) -> None:
    with start(settled) as daemon:
        assert run(settled, "forget", KARIN).returncode == 0
        daemon.until(lambda: not kept(settled, KARIN), "every page to be overwritten")
        assert kept(settled, OTHER)


def test_what_is_removed_is_said(settled: Home) -> None:
    said = run(settled, "forget", KARIN).stderr
    assert "2 messages" in said
    assert "2 tickets" in said


def test_the_daemon_forgets_people_after_the_configured_time_from_its_start_on(settled: Home, start: Start) -> None:
    settled.settings["retention"] = {"people": "30d", "records": "90d"}
    settled.write()
    with closing(sqlite3.connect(settled.ledger)) as connection, connection:
        connection.execute("UPDATE messages SET seen_at = datetime(seen_at, '-31 days') WHERE sender = ?", (KARIN,))
        connection.execute("UPDATE messages SET seen_at = datetime(seen_at, '-91 days') WHERE sender = ?", (OTHER,))
        connection.execute("UPDATE tickets SET opened_at = datetime(opened_at, '-31 days')")
    with start(settled) as daemon:
        daemon.until(lambda: daemon.events("retention"), "the retention to be applied")
    for word in (KARIN, OTHER, "84731902", "84731903"):
        assert kept(settled, word) == []
    with closing(sqlite3.connect(settled.ledger)) as connection:
        assert connection.execute("SELECT count(*) FROM messages").fetchone() == (2,)
