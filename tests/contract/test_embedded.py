"""The shipped fakes behave like the real thing where the program relies on it: one suite on the embedded server and on Dovecot."""

from __future__ import annotations

import asyncio
import functools
import itertools
import select
import smtplib
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import pytest
from imapclient import IMAPClient

from tests.support.dovecot import Dovecot
from tests.support.waiting import LONG
from triage.clock import SystemClock
from triage.imap_connection import CommandRefused, LoginRefused
from triage.mailbox import Mailbox
from triage.settings import ImapServer, Secret
from triage.testing import EmbeddedServers, FakeClock

USERS = {f"user{number}@example.test": "secret" for number in range(40)}
RAW = b"From: a@example.org\r\nSubject: one\r\nMessage-ID: <1@example.org>\r\n\r\nbytes \xff stay\r\n"
RECEIVED = datetime(2025, 3, 3, 9, 30, 15, tzinfo=UTC)


class Server(Protocol):
    """What the suite needs of an IMAP server, embedded or real."""

    def deliver(self, user: str, raw: bytes, *, received_at: datetime | None = None) -> object: ...
    def folders(self, user: str) -> dict[str, int]: ...


@pytest.fixture(scope="module")
def embedded() -> Iterator[EmbeddedServers]:
    with EmbeddedServers(USERS) as servers:
        yield servers


@pytest.fixture(scope="module", params=["embedded", pytest.param("dovecot", marks=pytest.mark.dovecot)])
def server(request: pytest.FixtureRequest) -> tuple[Server, int]:
    """A server and its IMAP port."""
    if request.param == "embedded":
        servers: EmbeddedServers = request.getfixturevalue("embedded")
        return servers, servers.imap_port
    real: Dovecot = request.getfixturevalue("dovecot")
    return real, real.port


@functools.cache
def _users() -> Iterator[str]:
    return itertools.cycle(USERS)


@pytest.fixture
def user() -> str:
    """A user that no test before has had, on either server."""
    return next(_users())


@pytest.fixture
async def mailbox(server: tuple[Server, int], user: str) -> Mailbox:
    """Our own IMAP edge, connected, its INBOX selected."""
    settings = ImapServer(host="127.0.0.1", port=server[1], tls="none", username=user, password=Secret(env="UNUSED"))
    edge = Mailbox("support", settings, home=Path(), password=lambda: "secret", clock=SystemClock())
    await edge.connect()
    await edge.select("INBOX")
    return edge


# -- IMAP ------------------------------------------------------------------------------------------------------------------------------


async def test_a_delivered_mail_comes_back_byte_for_byte_with_the_time_of_its_receipt(
    server: tuple[Server, int], mailbox: Mailbox, user: str
) -> None:
    server[0].deliver(user, RAW, received_at=RECEIVED)
    sizes = await mailbox.sizes(await mailbox.uids(1))
    (fetched,) = await mailbox.fetch(sizes, largest=1_000_000)
    await mailbox.shutdown()
    assert (fetched.raw, fetched.received_at, fetched.size) == (RAW, RECEIVED, len(RAW))


async def test_fetching_leaves_a_mail_unread(server: tuple[Server, int], mailbox: Mailbox, user: str) -> None:
    server[0].deliver(user, RAW)
    await mailbox.fetch(await mailbox.sizes(await mailbox.uids(1)), largest=1_000_000)
    await mailbox.shutdown()
    with IMAPClient("127.0.0.1", port=server[1], ssl=False) as client:
        client.login(user, "secret")
        client.select_folder("INBOX", readonly=True)
        assert client.search("UNSEEN")


async def test_a_move_tells_where_each_mail_went_and_nothing_of_one_that_is_gone(
    server: tuple[Server, int], mailbox: Mailbox, user: str
) -> None:
    for _ in range(3):
        server[0].deliver(user, RAW)
    uids = await mailbox.uids(1)
    await mailbox.ensure_folders(["Triaged/One"])
    first = await mailbox.move(uids[:1], "Triaged/One")
    again = await mailbox.move(uids, "Triaged/One")
    await mailbox.shutdown()
    assert set(first) == {uids[0]}
    assert set(again) == set(uids[1:])
    assert server[0].folders(user)["Triaged/One"] == 3
    assert not server[0].folders(user).get("INBOX")


async def test_a_move_to_a_folder_that_is_missing_is_refused_and_the_connection_lives_on(
    server: tuple[Server, int], mailbox: Mailbox, user: str
) -> None:
    server[0].deliver(user, RAW)
    uids = await mailbox.uids(1)
    with pytest.raises(CommandRefused):
        await mailbox.move(uids, "Nowhere")
    assert await mailbox.uids(1) == uids
    await mailbox.shutdown()


async def test_a_folder_is_created_once_and_found_the_second_time(mailbox: Mailbox) -> None:
    assert await mailbox.ensure_folders(["Triaged/Two"]) == ["Triaged/Two"]
    assert await mailbox.ensure_folders(["Triaged/Two"]) == []
    await mailbox.shutdown()


async def test_a_wrong_password_is_refused_as_such(server: tuple[Server, int], user: str) -> None:
    settings = ImapServer(host="127.0.0.1", port=server[1], tls="none", username=user, password=Secret(env="UNUSED"))
    edge = Mailbox("support", settings, home=Path(), password=lambda: "wrong", clock=SystemClock())
    with pytest.raises(LoginRefused, match=user):
        await edge.connect()
    await edge.shutdown()


def test_a_client_that_idles_is_told_of_new_mail(server: tuple[Server, int], user: str) -> None:
    with IMAPClient("127.0.0.1", port=server[1], ssl=False) as client:
        client.login(user, "secret")
        client.select_folder("INBOX")
        client.idle()
        server[0].deliver(user, RAW)
        assert select.select([client.socket()], [], [], LONG)[0], "no word about the new mail"
        _, told = client.idle_done()  # reads whole lines; idle_check fails on a line that comes in two segments
    assert any(line[1] == b"EXISTS" for line in told)


async def test_mail_that_came_since_the_last_command_is_told_when_idling_begins(
    server: tuple[Server, int], mailbox: Mailbox, user: str
) -> None:
    assert await mailbox.uids(1) == []
    server[0].deliver(user, RAW)
    async with asyncio.timeout(LONG):
        await mailbox.wait(10 * LONG, asyncio.Event(), idle=True)
    assert len(await mailbox.uids(1)) == 1
    await mailbox.shutdown()


# -- what only the embedded servers have -----------------------------------------------------------------------------------------------


def test_mail_sent_to_a_known_user_lands_in_his_inbox_and_all_of_it_is_kept(
    embedded: EmbeddedServers, user: str
) -> None:
    before = len(embedded.smtp.accepted)
    with smtplib.SMTP(embedded.host, embedded.smtp_port) as client:
        client.sendmail("", [user], RAW)
        client.sendmail("x@example.org", ["stranger@example.net"], RAW)
    kept = embedded.smtp.accepted[before:]
    assert [(mail.envelope_sender, mail.recipients) for mail in kept] == [
        ("", (user,)),
        ("x@example.org", ("stranger@example.net",)),
    ]
    assert [stored.raw for stored in embedded.messages(user)] == [RAW]


def test_a_delivery_tells_its_uid_and_the_folders_tell_what_lies_where(embedded: EmbeddedServers, user: str) -> None:
    uid = embedded.deliver(user, RAW, RECEIVED)
    (stored,) = embedded.messages(user)
    assert (stored.uid, stored.received_at, stored.flags) == (uid, RECEIVED, frozenset())
    assert embedded.folders(user) == {"INBOX": 1, "Drafts": 0, "Sent": 0, "Trash": 0}


def test_kicked_connections_are_cut_and_mail_stays(embedded: EmbeddedServers, user: str) -> None:
    embedded.deliver(user, RAW)
    with IMAPClient(embedded.host, port=embedded.imap_port, ssl=False) as client:
        client.login(user, "secret")
        embedded.kick()
        with pytest.raises((OSError, client.AbortError)):
            client.noop()
        client.shutdown()
    assert embedded.folders(user)["INBOX"] == 1


def test_smtp_wants_a_login_where_that_is_asked_for(user: str) -> None:
    with (
        EmbeddedServers({user: "secret"}, smtp_login=True) as servers,
        smtplib.SMTP(servers.host, servers.smtp_port) as client,
    ):
        with pytest.raises(smtplib.SMTPSenderRefused, match="530"):
            client.sendmail("x@example.org", [user], RAW)
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login(user, "wrong")
        client.login(user, "secret")
        client.sendmail("x@example.org", [user], RAW)
        assert servers.folders(user)["INBOX"] == 1


def test_stopped_servers_can_be_stopped_again_and_listen_no_more(user: str) -> None:
    servers = EmbeddedServers({user: "secret"}).start()
    port = servers.imap_port
    servers.stop()
    servers.stop()
    with pytest.raises(OSError, match="refused"):
        IMAPClient("127.0.0.1", port=port, ssl=False)


def test_without_the_extra_the_message_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "triage.testing.imap_server", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'triage\[demo\]'"):
        EmbeddedServers({}).start()


# -- the clock -------------------------------------------------------------------------------------------------------------------------


def test_a_fake_clock_stands_still_until_it_is_told_to_go() -> None:
    clock = FakeClock(RECEIVED)
    before = clock.now(), clock.monotonic()
    assert (clock.now(), clock.monotonic()) == before
    clock.advance(timedelta(minutes=2))
    assert clock.now() == RECEIVED + timedelta(minutes=2)
    assert clock.monotonic() == before[1] + 120


def test_setting_a_fake_clock_back_does_not_turn_the_monotonic_one_back() -> None:
    clock = FakeClock(RECEIVED)
    clock.set(RECEIVED - timedelta(days=1))
    assert clock.now() == RECEIVED - timedelta(days=1)
    assert clock.monotonic() == FakeClock(RECEIVED).monotonic()
    with pytest.raises(ValueError, match="back"):
        clock.advance(timedelta(seconds=-1))
