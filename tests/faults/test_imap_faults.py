"""Whatever the IMAP server and the line do, every mail is filed once, unchanged, and nobody is answered twice."""

from __future__ import annotations

import shutil
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.crash.stage import Stage
from tests.faults.conftest import MakeRound, impatient
from tests.support.dovecot import Dovecot
from tests.support.imap_proxy import ALWAYS, ImapProxy
from tests.support.waiting import until
from tests.support.zygote import Zygote

PHASES = (
    "LOGIN",
    "CAPABILITY",
    "NAMESPACE",
    "LIST",
    "SELECT",
    "NOOP",
    "STATUS",
    "SEARCH",
    "FETCH",
    "MOVE",
    "IDLE",
    "DONE",
)


@pytest.mark.parametrize("action", ["before", "after", "middle", "untagged", "bye", "wrongtag"])
def test_a_line_that_breaks_in_every_phase_in_turn_loses_and_repeats_nothing(
    action: str, make_round: MakeRound, proxy: ImapProxy
) -> None:
    run = make_round(4)
    for phase in PHASES:
        proxy.fail(phase, action)
    proxy.fail("FETCH", action, skip=2)
    proxy.fail("MOVE", action, skip=1)
    run.deliver()
    run.start()
    result = run.finish()
    assert not result.faults
    assert (result.replies, result.forwards, result.forward_copies) == (4, 4, 0)
    assert len(proxy.hits) >= len(PHASES) - 2  # it may be done before it idles


def test_mail_is_not_blamed_for_a_line_that_breaks_whenever_it_is_read(make_round: MakeRound, proxy: ImapProxy) -> None:
    run = make_round(4)
    proxy.fail("FETCH", "middle", times=6, match=b"BODY.PEEK")  # twice as often as a mail that is to blame is tried
    run.deliver()
    run.start()
    result = run.finish()
    assert not result.faults
    assert len(proxy.hits) == 6
    assert run.dovecot.folders(run.user) == {"Triaged/Front desk": 4}


@pytest.mark.parametrize("action", ["stall", "silent", "literal", "slow:1", "drip"])
def test_a_server_that_hangs_is_noticed_within_bounded_time(
    action: str, make_round: MakeRound, proxy: ImapProxy
) -> None:
    run = make_round(3)
    for phase in ("SEARCH", "FETCH", "MOVE", "IDLE"):
        proxy.fail(phase, action)
    run.deliver()
    run.start()
    result = run.finish()
    assert not result.faults
    assert (result.replies, result.forwards, result.forward_copies) == (3, 3, 0)
    assert len(proxy.hits) >= 3


@pytest.mark.parametrize("text", ["[OVERQUOTA] no space left", "[READ-ONLY] not now", "[NOPERM] no right"])
def test_a_refused_move_is_repeated_until_the_cause_is_gone(text: str, make_round: MakeRound, proxy: ImapProxy) -> None:
    run = make_round(3)
    proxy.fail("MOVE", f"no:{text}", times=ALWAYS)
    run.start(watching=True)
    run.deliver()
    run.daemon.until(lambda: run.daemon.events("move_refused"), "the refusal to be told")
    run.daemon.until(lambda: len(run.smtp.accepted) == 6, "replies and forwards to go out all the same")
    assert any(report.kind == "file" for report in run.daemon.status().waiting)
    proxy.heal()
    assert not run.finish().faults


def test_a_folder_that_somebody_deleted_is_made_again(make_round: MakeRound) -> None:
    run = make_round(2)
    run.start(watching=True)
    with run.dovecot.login(run.user) as other:
        other.delete_folder("Triaged/Front desk")
    run.deliver()
    assert not run.finish().faults


def test_mail_that_another_client_takes_away_meanwhile_stays_where_that_client_put_it(make_round: MakeRound) -> None:
    run = make_round(12)
    run.smtp.fail("RCPT", "slow:0.3", times=ALWAYS)  # the batch is under way for a while
    run.start(watching=True)
    run.deliver()
    run.smtp.wait_for(1)
    with run.dovecot.login(run.user) as other:
        other.create_folder("Elsewhere")
        other.select_folder("INBOX")
        taken = other.search()[:5]
        other.move(taken, "Elsewhere")
    run.smtp.heal()
    result = run.finish()
    assert not result.faults


def test_every_mail_is_handled_once_when_uidvalidity_changes_in_the_middle(
    dotted: Dovecot, zygote: Zygote, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Nothing can be moved, half of the sends are put off; then the INBOX gets new UIDs, as after a restored backup."""
    with Stage(tmp_path_factory.mktemp("uidvalidity"), dotted, zygote) as stage, ImapProxy(dotted.port) as proxy:
        run = stage.round(5, imap_port=proxy.port, edit=impatient)
        proxy.fail("COPY", "no:[UNAVAILABLE] not now", times=ALWAYS)
        run.smtp.fail("RCPT", "451 4.2.0 later", times=ALWAYS, when=lambda _, to: "frontdesk" in str(to))
        run.start(watching=True)
        run.deliver()
        run.daemon.until(lambda: len(run.smtp.accepted) == 5, "the replies to go out")
        proxy.fail("LOGIN", "before", times=ALWAYS)
        proxy.cut()
        run.daemon.until(lambda: run.daemon.events("mailbox_unusable"), "the connection to be lost")
        second = int(time.time())
        until(lambda: int(time.time()) > second, "the next second, which makes the next UIDVALIDITY")
        for path in (dotted.folder / "mail" / run.user / "Maildir").glob("dovecot*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        proxy.heal()
        run.smtp.heal()
        run.settle()
        run.daemon.until(lambda: "INBOX" not in dotted.folders(run.user), "the INBOX to be empty")
        result = run.finish()
        assert not result.faults
        assert (result.replies, result.forwards) == (5, 5)


def test_a_copy_that_was_made_before_the_line_broke_is_not_made_twice(
    dotted: Dovecot, zygote: Zygote, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Without MOVE there is a moment at which the mail lies in both folders."""
    with Stage(tmp_path_factory.mktemp("copies"), dotted, zygote) as stage, ImapProxy(dotted.port) as proxy:
        for phase, action in (
            ("COPY", "after"),
            ("COPY", "untagged"),
            ("STORE", "before"),
            ("STORE", "after"),
            ("EXPUNGE", "before"),
        ):
            run = stage.round(3, imap_port=proxy.port, edit=impatient)
            proxy.fail(phase, action)
            run.start(watching=True)
            run.deliver()
            result = run.finish()
            assert not result.faults, (phase, action)
            assert (phase, action) in proxy.hits


def test_a_line_that_died_without_a_word_during_idle_is_replaced(make_round: MakeRound, proxy: ImapProxy) -> None:
    run = make_round(2)
    proxy.fail("IDLE", "silent")
    run.start(watching=True)
    until(lambda: proxy.hits, "the line to die")
    run.deliver()
    assert not run.finish().faults
    assert proxy.connections == 2


def test_the_same_mail_twice_and_two_mails_with_one_message_id_are_each_handled_rightly(make_round: MakeRound) -> None:
    run = make_round(2)
    first = run.mails[0]
    other = first.replace(
        b"\r\n\r\n", b"\r\n\r\nOne thing more.\r\n", 1
    )  # as carriers do: one Message-ID for two mails
    run.start(watching=True)
    run.dovecot.deliver(run.user, first, first, other, received_at=datetime.now(UTC) + timedelta(minutes=1))
    run.daemon.until(lambda: run.daemon.settled(3), "three mails to be settled")
    run.daemon.kill()
    filed = run.dovecot.all_mails(run.user)
    assert sorted(filed["Triaged/Front desk"]) == sorted([first, first, other])
    assert "INBOX" not in filed
    forwards = [mail for mail in run.smtp.accepted if b"X-Triage-Kind: forward" in mail.content]
    replies = [mail for mail in run.smtp.accepted if b"X-Triage-Kind: reply" in mail.content]
    assert [sum(mail in forward.content for forward in forwards) for mail in (first, other)] == [1, 1]
    assert len(replies) == 1  # the second belongs to the conversation of the first
