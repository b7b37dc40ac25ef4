"""Servers for the whole session, a user for each test; tests that need a server which is not there are skipped with the reason.

Where the environment says CI=true a server that is missing is an error: nothing is skipped there.

With -n N (pytest-xdist) each of N processes has servers of its own, started when the first of its tests asks for them.
"""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

from tests.support import dovecot as dovecot_support
from tests.support import postfix as postfix_support
from tests.support.dovecot import WITHOUT_MOVE, Dovecot
from tests.support.home import Home
from tests.support.imap_proxy import ImapProxy
from tests.support.postfix import Postfix
from tests.support.zygote import Zygote
from triage.testing import FaultSmtp

_users = itertools.count(1)
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")  # a busy machine is no fault of the code
ONE_BY_ONE = (
    "tests/acceptance/test_commands.py",
    "tests/acceptance/test_daemon.py",
    "tests/faults/",
    "tests/integration/test_courier.py",
    "tests/integration/test_mailbox.py",
    "tests/integration/test_promise_kept.py",
)


class Scheduling(LoadScopeScheduling):
    """Files go to processes as a whole, since their tests share fixtures; in ONE_BY_ONE they share the servers only."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid if nodeid.startswith(ONE_BY_ONE) else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    config.option.loadscopereorder = False  # in the order of `pytest_collection_modifyitems`
    return Scheduling(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The longest first, so that no process is left alone with it at the end.

    Tests that use a server's fixture carry its marker, so that -m 'not postfix' leaves them out.
    """
    items.sort(key=lambda item: item.path.parent.name != "crash")
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if fixtures & {"dovecot", "dotted", "crash_stages"}:
            item.add_marker(pytest.mark.dovecot)
        if "postfix" in fixtures:
            item.add_marker(pytest.mark.postfix)


def need(reason: str | None) -> None:
    """Skip for *reason*; fail where nothing may be skipped."""
    if reason is not None and os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    if reason is not None:
        pytest.skip(reason)


@pytest.fixture(scope="session")
def servers() -> Iterator[Path]:
    """A folder that the servers' own users may enter. pytest closes its folders to others whenever a run begins, also one beside this."""
    with tempfile.TemporaryDirectory(prefix="triage-tests-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        for part in ("dovecot", "dotted", "postfix", "crash"):
            (folder / part).mkdir()
        yield folder


@pytest.fixture(scope="session")
def dovecot(servers: Path) -> Iterator[Dovecot]:
    """Dovecot as it comes: folders below the root, separator "/", IDLE, MOVE, UIDPLUS."""
    need(dovecot_support.why_not())
    with Dovecot(servers / "dovecot") as server:
        yield server


@pytest.fixture(scope="session")
def dotted(servers: Path) -> Iterator[Dovecot]:
    """Dovecot in the shape of Cyrus and Courier: namespace "INBOX.", separator ".", no MOVE; quota of 1 MB, rights, maildir."""
    need(dovecot_support.why_not())
    server = Dovecot(
        servers / "dotted",
        storage="maildir",
        prefix="INBOX.",
        separator=".",
        capability=WITHOUT_MOVE,
        quota="1M",
        acl=True,
    )
    with server:
        yield server


@pytest.fixture(scope="session")
def postfix(servers: Path) -> Iterator[Postfix]:
    """A real Postfix that discards what it accepted."""
    need(postfix_support.why_not())
    with Postfix(servers / "postfix") as server:
        yield server


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """Starts daemons by fork, 8 times as fast as the installed command."""
    with Zygote() as parent:
        yield parent


@pytest.fixture
def user() -> str:
    """A mail user that no other test has."""
    return f"user{next(_users)}"


@pytest.fixture
def smtp() -> Iterator[FaultSmtp]:
    """An SMTP server that keeps what it accepts, and plays faults."""
    with FaultSmtp() as server:
        yield server


@pytest.fixture
def proxy(dovecot: Dovecot) -> Iterator[ImapProxy]:
    """Before the plain port of Dovecot."""
    with ImapProxy(dovecot.port) as before:
        yield before


@pytest.fixture
def home(tmp_path: Path, dovecot: Dovecot, smtp: FaultSmtp, user: str) -> Home:
    """A home that watches a fresh user's INBOX, in mode: reply, without a text model."""
    return Home(tmp_path / "home").imap(dovecot.port, user).smtp(smtp.port).write()
