"""A round of mails with a proxy before Dovecot and an SMTP server that plays faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.crash.stage import Round, Stage
from tests.support.dovecot import Dovecot
from tests.support.home import Home
from tests.support.imap_proxy import ImapProxy
from tests.support.zygote import Zygote

MakeRound = Callable[..., Round]


def impatient(home: Home) -> None:
    """Short timeouts, no waiting between attempts: what takes minutes in the field takes seconds here."""
    home.settings["retry"] = {"first_wait": "0s", "reconnect_ceiling": "0s"}
    home.settings["smtp"] |= {"timeout": "2s", "dot_timeout": "2s"}
    home.settings["mailboxes"]["support"]["imap"] |= {
        "connect_timeout": "2s",
        "read_timeout": "2s",
        "command_timeout": "3s",
    }


@pytest.fixture
def stage(tmp_path: Path, dovecot: Dovecot, zygote: Zygote) -> Iterator[Stage]:
    with Stage(tmp_path, dovecot, zygote) as made:
        yield made


@pytest.fixture
def make_round(stage: Stage, proxy: ImapProxy) -> Iterator[MakeRound]:
    """`make_round(3)`: a home and three mails to come, through the proxy, with short timeouts."""
    made: list[Round] = []

    def make(mails: int, edit: Callable[[Home], None] = impatient) -> Round:
        made.append(stage.round(mails, imap_port=proxy.port, edit=edit))
        return made[-1]

    yield make
    for each in made:
        each.daemon.kill()
