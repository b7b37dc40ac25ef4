"""The IMAP edge against a real Dovecot, in two shapes."""

from __future__ import annotations

import asyncio
import shutil
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.conftest import OpenMailbox
from tests.support.dovecot import Dovecot
from tests.support.imap_proxy import ImapProxy
from tests.support.letters import letter
from triage.errors import TransientError
from triage.imap_connection import CommandRefused, LoginRefused
from triage.mailbox import Fetched, Mailbox

LARGEST = 25_000_000


async def everything(mailbox: Mailbox, largest: int = LARGEST) -> list[Fetched]:
    return await mailbox.fetch(await mailbox.sizes(await mailbox.uids(1)), largest=largest)


# -- logging in --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", ["none", "starttls", "implicit"])
async def test_mail_is_read_over_every_kind_of_connection(
    tls: str, dovecot: Dovecot, user: str, open_mailbox: OpenMailbox
) -> None:
    dovecot.deliver(user, letter(1))
    port = dovecot.tls_port if tls == "implicit" else dovecot.port
    mailbox = await open_mailbox(port, user, tls=tls, ca_file=dovecot.ca_file)
    assert [mail.raw for mail in await everything(mailbox)] == [letter(1)]


async def test_a_certificate_that_nobody_vouches_for_is_refused(
    dovecot: Dovecot, user: str, open_mailbox: OpenMailbox
) -> None:
    with pytest.raises(TransientError, match="certificate verify failed"):
        await open_mailbox(dovecot.tls_port, user, tls="implicit")


async def test_a_wrong_password_is_told_from_other_trouble(
    dovecot: Dovecot, user: str, open_mailbox: OpenMailbox
) -> None:
    with pytest.raises(LoginRefused, match=user):
        await open_mailbox(dovecot.port, user, password="wrong")


async def test_a_server_that_is_not_there_is_a_transient_error(user: str, open_mailbox: OpenMailbox) -> None:
    with pytest.raises(TransientError):
        await open_mailbox(1, user)


# -- reading -----------------------------------------------------------------------------------------------------------------------


async def test_bytes_arrive_unchanged_and_reading_leaves_no_trace(
    dovecot: Dovecot, user: str, open_mailbox: OpenMailbox
) -> None:
    at = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    dovecot.deliver(user, letter(1), letter(2), received_at=at)
    mailbox = await open_mailbox(dovecot.port, user)
    mails = await everything(mailbox)
    assert [(mail.raw, mail.received_at, mail.truncated) for mail in mails] == [
        (letter_bytes, at, False) for letter_bytes in dovecot.mails(user).values()
    ]
    assert set(dovecot.flags(user).values()) <= {frozenset(), frozenset({b"\\Recent"})}


async def test_only_uids_from_the_given_one_on_are_listed(
    dovecot: Dovecot, user: str, open_mailbox: OpenMailbox
) -> None:
    dovecot.deliver(user, letter(1), letter(2), letter(3))
    mailbox = await open_mailbox(dovecot.port, user)
    assert await mailbox.uids(1) == [1, 2, 3]
    assert await mailbox.uids(3) == [3]
    assert await mailbox.uids(4) == []


async def test_a_mail_that_is_too_large_comes_in_part(dovecot: Dovecot, user: str, open_mailbox: OpenMailbox) -> None:
    raw = letter(1, text="many words " * 20_000)
    dovecot.deliver(user, raw, letter(2))
    mailbox = await open_mailbox(dovecot.port, user)
    large, small = await everything(mailbox, largest=100_000)
    assert large.truncated
    assert large.size == len(raw)
    assert raw.startswith(large.raw)
    assert small.raw == letter(2)


async def test_a_mail_that_another_client_took_away_is_left_out(
    dovecot: Dovecot, user: str, open_mailbox: OpenMailbox
) -> None:
    dovecot.deliver(user, letter(1), letter(2))
    mailbox = await open_mailbox(dovecot.port, user)
    sizes = await mailbox.sizes(await mailbox.uids(1))
    with dovecot.login(user) as other:
        other.select_folder("INBOX")
        other.delete_messages([1])
        other.expunge([1])
    fetched = await mailbox.fetch(sizes, largest=LARGEST)
    assert 2 in [mail.key.uid for mail in fetched]
    assert await mailbox.present([1, 2]) == {2}


async def test_a_mail_is_found_again_in_another_folder_and_the_watched_one_stays_selected(
    dovecot: Dovecot, user: str, open_mailbox: OpenMailbox
) -> None:
    dovecot.deliver(user, letter(1), letter(2))
    mailbox = await open_mailbox(dovecot.port, user)
    await mailbox.ensure_folders(["Triaged/Logistics"])
    places = await mailbox.move([1], "Triaged/Logistics")
    since = datetime.now(UTC) - timedelta(days=1)
    assert await mailbox.find("Triaged/Logistics", "<letter.1@mail1.example>", since) == [places[1]]
    assert await mailbox.find("Triaged/Logistics", None, since) == [places[1]]
    found = await mailbox.fetch_at(places[1], largest=LARGEST)
    assert found is not None
    assert found.raw == letter(1)
    assert mailbox.selected().name == "INBOX"
    assert await mailbox.uids(1) == [2]


# -- folders and moving ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("server", "name"), [("dovecot", "Anfragen/Größe & Maß"), ("dotted", "INBOX.Anfragen.Größe & Maß")]
)
async def test_folders_are_made_in_the_servers_own_namespace(
    server: str, name: str, user: str, open_mailbox: OpenMailbox, request: pytest.FixtureRequest
) -> None:
    dovecot: Dovecot = request.getfixturevalue(server)
    mailbox = await open_mailbox(dovecot.port, user)
    assert mailbox.server_name("Anfragen/Größe & Maß") == name
    assert await mailbox.ensure_folders(["Anfragen/Größe & Maß"]) == ["Anfragen/Größe & Maß"]
    assert await mailbox.ensure_folders(["Anfragen/Größe & Maß"]) == []
    with dovecot.login(user) as other:
        assert name in [folder for _, _, folder in other.list_sub_folders()]


@pytest.mark.parametrize("server", ["dovecot", "dotted"])
async def test_a_move_tells_the_new_place_and_touches_nothing_else(
    server: str, user: str, open_mailbox: OpenMailbox, request: pytest.FixtureRequest
) -> None:
    dovecot: Dovecot = request.getfixturevalue(server)
    dovecot.deliver(user, letter(1), letter(2), letter(3))
    with dovecot.login(
        user
    ) as other:  # marked as deleted by another client: an EXPUNGE without UIDs would take it along
        other.select_folder("INBOX")
        other.delete_messages([3])
    mailbox = await open_mailbox(dovecot.port, user)
    await mailbox.ensure_folders(["Triaged/Payment"])
    assert ("MOVE" in mailbox._capabilities) == (server == "dovecot")
    places = await mailbox.move([1, 2], "Triaged/Payment")
    assert sorted(places) == [1, 2]
    assert dovecot.folders(user) == {"INBOX": 1, "Triaged/Payment": 2}
    filed = dovecot.mails(user, "Triaged/Payment")
    assert {places[1].uid, places[2].uid} == set(filed)
    assert len(dovecot.mails(user)) == 1
    assert set(dovecot.flags(user, "Triaged/Payment").values()) <= {frozenset(), frozenset({b"\\Recent"})}


@pytest.mark.parametrize("server", ["dovecot", "dotted"])
async def test_what_is_gone_is_not_reported_as_moved(
    server: str, user: str, open_mailbox: OpenMailbox, request: pytest.FixtureRequest
) -> None:
    dovecot: Dovecot = request.getfixturevalue(server)
    dovecot.deliver(user, letter(1), letter(2))
    mailbox = await open_mailbox(dovecot.port, user)
    await mailbox.ensure_folders(["Triaged/Payment"])
    with dovecot.login(user) as other:
        other.select_folder("INBOX")
        other.delete_messages([1])
        other.expunge([1])
    assert sorted(await mailbox.move([1, 2], "Triaged/Payment")) == [2]
    assert await mailbox.move([1], "Triaged/Payment") == {}
    assert dovecot.folders(user) == {"Triaged/Payment": 1}


async def test_a_move_to_a_folder_that_is_missing_is_refused_and_the_connection_lives_on(
    dovecot: Dovecot, user: str, open_mailbox: OpenMailbox
) -> None:
    dovecot.deliver(user, letter(1))
    mailbox = await open_mailbox(dovecot.port, user)
    with pytest.raises(CommandRefused, match=r"(?i)exist"):
        await mailbox.move([1], "Triaged/Nowhere")
    assert await mailbox.uids(1) == [1]


async def test_a_full_quota_refuses_the_copy_and_leaves_the_mail_where_it_is(
    dotted: Dovecot, user: str, open_mailbox: OpenMailbox
) -> None:
    dotted.deliver(user, letter(1, text="many words " * 60_000))  # 660 kB of 1 MB
    mailbox = await open_mailbox(dotted.port, user)
    await mailbox.ensure_folders(["Triaged/Payment"])
    with pytest.raises(CommandRefused, match=r"(?i)quota"):
        await mailbox.move([1], "Triaged/Payment")
    assert dotted.folders(user) == {"INBOX": 1}


async def test_a_folder_without_the_right_to_change_is_seen_as_read_only(
    dotted: Dovecot, user: str, open_mailbox: OpenMailbox
) -> None:
    dotted.deliver(user, letter(1))
    (dotted.folder / "mail" / user / "Maildir" / "dovecot-acl").write_text("owner lr\n")
    mailbox = await open_mailbox(dotted.port, user)
    assert mailbox.selected().read_only


async def test_a_folder_that_was_made_anew_has_another_uidvalidity(
    dotted: Dovecot, user: str, open_mailbox: OpenMailbox
) -> None:
    dotted.deliver(user, letter(1))
    mailbox = await open_mailbox(dotted.port, user)
    before = mailbox.selected()
    await mailbox.close()
    for path in (dotted.folder / "mail" / user / "Maildir").glob("dovecot*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    second = int(time.time())
    while int(time.time()) == second:  # UIDVALIDITY is a second of the clock
        await asyncio.sleep(0.02)
    await mailbox.connect()
    assert (await mailbox.select("INBOX")).uidvalidity != before.uidvalidity
    assert len(await mailbox.uids(1)) == 1


# -- waiting -----------------------------------------------------------------------------------------------------------------------


async def test_mail_that_arrives_between_the_look_and_idle_wakes_at_once(
    dovecot: Dovecot, proxy: ImapProxy, user: str, open_mailbox: OpenMailbox
) -> None:
    """Dovecot tells it in the same segment as the "+" of IDLE: the socket has nothing more to say, imaplib's buffer holds it."""
    mailbox = await open_mailbox(dovecot.port, user)
    assert await mailbox.uids(1) == []
    dovecot.deliver(user, letter(1))
    await asyncio.wait_for(mailbox.wait(60, asyncio.Event(), idle=True), 10)
    assert await mailbox.uids(1) == [1]


async def test_mail_that_arrives_during_idle_wakes(dovecot: Dovecot, user: str, open_mailbox: OpenMailbox) -> None:
    mailbox = await open_mailbox(dovecot.port, user)
    waiting = asyncio.ensure_future(mailbox.wait(60, asyncio.Event(), idle=True))
    await asyncio.to_thread(dovecot.deliver, user, letter(1))
    await asyncio.wait_for(waiting, 10)
    assert await mailbox.uids(1) == [1]


async def test_a_server_that_speaks_before_it_agrees_to_idle_wakes_at_once(
    dovecot: Dovecot, proxy: ImapProxy, user: str, open_mailbox: OpenMailbox
) -> None:
    mailbox = await open_mailbox(proxy.port, user)
    proxy.fail("IDLE", "exists")
    await asyncio.wait_for(mailbox.wait(60, asyncio.Event(), idle=True), 10)
    assert await mailbox.uids(1) == []


@pytest.mark.parametrize("idle", [True, False])
async def test_waiting_ends_when_it_is_told_to(
    idle: bool, dovecot: Dovecot, user: str, open_mailbox: OpenMailbox
) -> None:
    mailbox = await open_mailbox(dovecot.port, user)
    wake = asyncio.Event()
    waiting = asyncio.ensure_future(mailbox.wait(60, wake, idle=idle))
    wake.set()
    await asyncio.wait_for(waiting, 10)
    assert await mailbox.uids(1) == []


async def test_a_session_that_is_kicked_while_idle_is_noticed(
    dovecot: Dovecot, proxy: ImapProxy, user: str, open_mailbox: OpenMailbox
) -> None:
    mailbox = await open_mailbox(proxy.port, user)
    waiting = asyncio.ensure_future(mailbox.wait(60, asyncio.Event(), idle=True))
    while not proxy.commands[-1].rstrip().endswith(b"IDLE"):
        await asyncio.sleep(0.02)
    await asyncio.to_thread(dovecot.kick, user)
    with pytest.raises(TransientError):  # noqa: PT012  the cut is seen by the wait, or by the next command
        await asyncio.wait_for(waiting, 10)
        await mailbox.uids(1)
    await mailbox.connect()
    assert (await mailbox.select("INBOX")).uidvalidity


# -- faults ------------------------------------------------------------------------------------------------------------------------

BROKEN = ["before", "after", "middle", "untagged", "bye", "wrongtag", "stall", "literal", "silent"]


@pytest.mark.parametrize("action", BROKEN)
@pytest.mark.parametrize("command", ["SEARCH", "FETCH", "MOVE", "IDLE"])
async def test_any_break_is_a_transient_error_within_bounded_time_and_a_new_connection_is_good(
    command: str, action: str, dovecot: Dovecot, proxy: ImapProxy, user: str, open_mailbox: OpenMailbox
) -> None:
    dovecot.deliver(user, letter(1), letter(2))
    mailbox = await open_mailbox(proxy.port, user, read_timeout=1, command_timeout=2)
    await mailbox.ensure_folders(["Triaged/Payment"])
    proxy.fail(command, action)
    with pytest.raises(TransientError) as caught:  # noqa: PT012  what a session does, in order
        await everything(mailbox)
        await mailbox.move([1], "Triaged/Payment")
        await mailbox.wait(0.5, asyncio.Event(), idle=True)
        await mailbox.uids(1)
    assert not isinstance(caught.value, CommandRefused)
    assert proxy.hits == [(command, action)]
    await mailbox.connect()
    await mailbox.select("INBOX")
    assert len(await everything(mailbox)) in (1, 2)


async def test_a_server_that_accepts_and_never_greets_is_given_up(
    dovecot: Dovecot, proxy: ImapProxy, user: str, open_mailbox: OpenMailbox
) -> None:
    proxy.fail("GREETING", "stall")
    with pytest.raises(TransientError, match="did not answer in time"):
        await open_mailbox(proxy.port, user)


@pytest.mark.parametrize("action", ["slow:0.5", "drip"])
async def test_a_slow_line_is_no_fault(
    action: str, dovecot: Dovecot, proxy: ImapProxy, user: str, open_mailbox: OpenMailbox
) -> None:
    dovecot.deliver(user, letter(1))
    mailbox = await open_mailbox(proxy.port, user)
    proxy.fail("FETCH", action, times=2)
    assert [mail.raw for mail in await everything(mailbox)] == [letter(1)]


async def test_a_literal_that_no_memory_could_hold_is_not_read(
    dovecot: Dovecot, proxy: ImapProxy, user: str, open_mailbox: OpenMailbox
) -> None:
    dovecot.deliver(user, letter(1))
    mailbox = await open_mailbox(proxy.port, user)
    proxy.fail("FETCH", "literal")
    with pytest.raises(TransientError, match="literal"):
        await everything(mailbox)


@pytest.mark.parametrize("text", ["[OVERQUOTA] no space left", "[READ-ONLY] not here", "[UNAVAILABLE] later"])
async def test_a_refused_command_leaves_the_connection_good(
    text: str, dovecot: Dovecot, proxy: ImapProxy, user: str, open_mailbox: OpenMailbox
) -> None:
    dovecot.deliver(user, letter(1))
    mailbox = await open_mailbox(proxy.port, user)
    proxy.fail("MOVE", f"no:{text}")
    with pytest.raises(CommandRefused, match=text.split()[-1]):
        await mailbox.move([1], "Sent")
    assert await mailbox.present([1]) == {1}


async def test_asking_before_a_connection_is_there_is_a_transient_error(
    dovecot: Dovecot, user: str, open_mailbox: OpenMailbox
) -> None:
    mailbox = await open_mailbox(dovecot.port, user)
    await mailbox.close()
    with pytest.raises(TransientError):
        await mailbox.uids(1)
    with pytest.raises(TransientError):
        mailbox.selected()
    with pytest.raises(TransientError):
        await mailbox.wait(1, asyncio.Event(), idle=True)
