"""What rules put on a filed mail: keywords by their tags, \\Flagged by priority; and servers that keep none of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.support.daemon import Daemon
from tests.support.dovecot import Dovecot
from tests.support.home import Home
from tests.support.imap_proxy import ALWAYS, ImapProxy
from tests.support.letters import letter
from tests.support.treated import Treated, treated
from tests.support.zygote import Zygote
from triage.testing import EmbeddedServers, FaultSmtp

RULES = [
    {
        "name": "threats",
        "when": {"words": "lawyer"},
        "then": {"priority": "urgent", "tags": ["threat", "$Later"], "continue": True},
    },
    {
        "name": "wholesale",
        "when": {"words": "wholesale"},
        "then": {"team": "frontdesk", "priority": "high", "tags": "wholesale"},
    },
    {
        "name": "surveys",
        "when": {"words": "survey"},
        "then": {"team": "frontdesk", "priority": "low", "tags": "survey"},
    },
]
MAILS = {
    "letter.1": letter(1, text="My lawyer will write to you about this.\n"),
    "letter.2": letter(2, text="Do you have prices for wholesale?\n"),
    "letter.3": letter(3, text="I have filled in the survey.\n"),
    "letter.4": letter(4, text="Where is my parcel?\n"),
}
EXPECTED = {
    "letter.1": {"\\Flagged", "threat", "$Later"},
    "letter.2": {"\\Flagged", "wholesale"},
    "letter.3": {"survey"},
    "letter.4": set(),
}

Start = Callable[[Home], Daemon]


@pytest.fixture
def start(zygote: Zygote) -> Start:
    return partial(Daemon, launch=lambda home, log: zygote.fork(home.path, log))


def with_rules(home: Home) -> Home:
    home.routing |= {"rules": RULES}
    return home.write()


def outcome(daemon: Daemon, dovecot: Dovecot, user: str, smtp: FaultSmtp) -> dict[str, Treated]:
    daemon.until(lambda: daemon.settled(len(MAILS)), "every mail to be settled")
    found = treated(dovecot, [user], smtp.accepted)
    assert {name: (item.folders, len(item.forwards), len(item.replies)) for name, item in found.items()} == {
        f"<{name}@mail{n}.example>": (["Triaged/Front desk"], 1, 1) for n, name in enumerate(MAILS, start=1)
    }
    return {name[1:].partition("@")[0]: item for name, item in found.items()}


def test_tags_are_keywords_and_what_is_pressing_is_flagged(
    home: Home, start: Start, dovecot: Dovecot, smtp: FaultSmtp, user: str
) -> None:
    with start(with_rules(home)) as daemon:
        dovecot.deliver(user, *MAILS.values())
        found = outcome(daemon, dovecot, user, smtp)
    assert {name: item.flags for name, item in found.items()} == EXPECTED


def test_flags_that_a_mail_has_already_stay(
    home: Home, start: Start, dovecot: Dovecot, smtp: FaultSmtp, user: str
) -> None:
    with start(with_rules(home)) as daemon:
        dovecot.deliver(user, *MAILS.values(), flags=(b"\\Seen", b"\\Answered", b"mine"))
        found = outcome(daemon, dovecot, user, smtp)
    mine = {"\\Seen", "\\Answered", "mine"}
    assert {name: item.flags for name, item in found.items()} == {
        name: flags | mine for name, flags in EXPECTED.items()
    }


@pytest.mark.parametrize(
    ("refused", "lost"),
    [
        (b"threat", {"threat"}),
        (b"$Later", {"$Later"}),
        (b"+FLAGS", {"\\Flagged", "threat", "$Later", "wholesale", "survey"}),
    ],
    ids=["one keyword", "another", "every flag"],
)
def test_a_server_that_refuses_flags_loses_nothing_else(
    refused: bytes,
    lost: set[str],
    home: Home,
    start: Start,
    dovecot: Dovecot,
    smtp: FaultSmtp,
    user: str,
    proxy: ImapProxy,
) -> None:
    proxy.fail("STORE", "no:[CANNOT] Keywords are not kept here", times=ALWAYS, match=refused)
    home.settings["mailboxes"]["support"]["imap"]["port"] = proxy.port
    with start(with_rules(home)) as daemon:
        dovecot.deliver(user, *MAILS.values())
        found = outcome(daemon, dovecot, user, smtp)
        assert daemon.events("flags_refused")
    assert {name: item.flags for name, item in found.items()} == {
        name: flags - lost for name, flags in EXPECTED.items()
    }


def test_a_server_that_drops_keywords_in_silence_loses_nothing_else(start: Start, tmp_path: Path) -> None:
    user = "support@shop.example"
    with EmbeddedServers({user: "secret"}) as servers:
        home = Home(tmp_path / "home").imap(servers.imap_port, user).smtp(servers.smtp_port)
        with start(with_rules(home)) as daemon:
            for mail in MAILS.values():
                servers.deliver(user, mail)
            daemon.until(lambda: daemon.settled(len(MAILS)), "every mail to be settled")
        filed = servers.messages(user, "Triaged/Front desk")
        assert sorted(mail.raw for mail in filed) == sorted(MAILS.values())
        assert sum("\\Flagged" in mail.flags for mail in filed) == 2
        assert len(servers.smtp.accepted) == 2 * len(MAILS)
