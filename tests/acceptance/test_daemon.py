"""The daemon as a process: signals, reload, modes, switches, two mailboxes, systemd."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path

import pytest

from tests.support.accounting import account
from tests.support.daemon import Daemon, installed_command, run
from tests.support.dovecot import Dovecot
from tests.support.home import Home
from tests.support.letters import letter
from tests.support.postfix import Postfix
from tests.support.waiting import until
from triage.testing import Accepted, FaultSmtp

FRONT_DESK = "Triaged/Front desk"


def kinds(mails: tuple[Accepted, ...]) -> list[str]:
    return sorted(str(message_from_bytes(mail.content)["X-Triage-Kind"]) for mail in mails)


def of_kind(mails: tuple[Accepted, ...], kind: str) -> list[Accepted]:
    return [mail for mail in mails if message_from_bytes(mail.content)["X-Triage-Kind"] == kind]


@pytest.fixture
def daemon(home: Home) -> Iterator[Daemon]:
    with Daemon(home) as running:
        yield running


# -- the main job ------------------------------------------------------------------------------------------------------------------


def test_mail_is_answered_forwarded_and_filed_and_its_flags_stay(
    daemon: Daemon, dovecot: Dovecot, smtp: FaultSmtp, user: str
) -> None:
    mails = [letter(number) for number in range(10)]
    dovecot.deliver(user, *mails)
    daemon.until(lambda: daemon.settled(10), "ten mails to be settled")
    result = account(mails, dovecot.all_mails(user), smtp.accepted, daemon.home.ledger)
    assert not result.faults
    assert (result.replies, result.forwards, result.forward_copies) == (10, 10, 0)
    assert not any(b"\\Seen" in flags for flags in dovecot.flags(user, FRONT_DESK).values())


def test_mail_goes_out_through_postfix(postfix: Postfix, dovecot: Dovecot, user: str, tmp_path: Path) -> None:
    home = Home(tmp_path / "home").imap(dovecot.port, user).smtp(postfix.port).write()
    with Daemon(home) as daemon:
        dovecot.deliver(user, letter(1, sender="postfix3@mail.example"))
        daemon.until(lambda: daemon.settled(1), "the mail to be settled")
    until(lambda: postfix.accepted("postfix3@mail.example"), "Postfix to hand the reply on")
    until(lambda: postfix.accepted("frontdesk@shop.example"), "Postfix to hand the forward on")


def test_over_tls_with_a_certificate_of_the_operators_own(
    dovecot: Dovecot, smtp: FaultSmtp, user: str, tmp_path: Path
) -> None:
    home = Home(tmp_path / "home").imap(dovecot.tls_port, user).smtp(smtp.port)
    home.settings["mailboxes"]["support"]["imap"] |= {"tls": "implicit", "ca_file": str(dovecot.ca_file)}
    home.write()
    with Daemon(home) as daemon:
        dovecot.deliver(user, letter(1))
        daemon.until(lambda: daemon.settled(1), "the mail to be settled")
    assert kinds(smtp.accepted) == ["forward", "reply"]


def test_in_the_shape_of_cyrus_and_courier(dotted: Dovecot, smtp: FaultSmtp, user: str, tmp_path: Path) -> None:
    home = Home(tmp_path / "home").imap(dotted.port, user).smtp(smtp.port).write()
    with Daemon(home) as daemon:
        mails = [letter(number) for number in range(3)]
        dotted.deliver(user, *mails)
        daemon.until(lambda: daemon.settled(3), "three mails to be settled")
    assert not account(mails, dotted.all_mails(user), smtp.accepted, home.ledger).faults


def test_polling_alone_is_a_full_mode(home: Home, dovecot: Dovecot, smtp: FaultSmtp, user: str) -> None:
    home.settings["mailboxes"]["support"]["idle"] = False
    home.write()
    with Daemon(home) as daemon:
        dovecot.deliver(user, letter(1))
        daemon.until(lambda: daemon.settled(1), "the mail to be settled")
    assert kinds(smtp.accepted) == ["forward", "reply"]


# -- who is answered ---------------------------------------------------------------------------------------------------------------


def test_mail_from_before_the_first_start_is_forwarded_and_filed_and_never_answered(
    home: Home, dovecot: Dovecot, smtp: FaultSmtp, user: str
) -> None:
    dovecot.deliver(user, letter(1), received_at=datetime.now(UTC) - timedelta(minutes=10))
    with Daemon(home) as daemon:
        dovecot.deliver(user, letter(2))
        daemon.until(lambda: daemon.settled(2), "both mails to be settled")
    (reply,) = of_kind(smtp.accepted, "reply")
    assert message_from_bytes(reply.content)["In-Reply-To"] == "<letter.2@mail2.example>"
    assert len(of_kind(smtp.accepted, "forward")) == 2
    assert dovecot.folders(user) == {FRONT_DESK: 2}


def test_observing_moves_nothing_and_sends_nothing_and_what_was_observed_is_never_answered(
    home: Home, dovecot: Dovecot, smtp: FaultSmtp, user: str
) -> None:
    home.settings["mode"] = "observe"
    home.write()
    with Daemon(home) as daemon:
        dovecot.deliver(user, letter(1), received_at=datetime.now(UTC) - timedelta(minutes=1))
        daemon.until(lambda: daemon.events("observed"), "the mail to be observed")
        assert not smtp.accepted
        assert dovecot.folders(user) == {"INBOX": 1}
        home.settings["mode"] = "reply"
        home.write()
        daemon.until(lambda: daemon.settled(1) and dovecot.folders(user) == {FRONT_DESK: 1}, "the mail to be filed")
    assert kinds(smtp.accepted) == ["forward"]


def test_a_second_mail_in_the_conversation_is_forwarded_under_the_same_ticket_and_not_answered_again(
    daemon: Daemon, dovecot: Dovecot, smtp: FaultSmtp, user: str
) -> None:
    dovecot.deliver(user, letter(1))
    daemon.until(lambda: daemon.settled(1), "the first mail to be settled")
    (reply,) = of_kind(smtp.accepted, "reply")
    ours = message_from_bytes(reply.content)
    again = letter(
        2, sender="customer1@mail1.example", subject=f"Re: {ours['Subject']}", References=str(ours["Message-ID"])
    )
    dovecot.deliver(user, again)
    daemon.until(lambda: daemon.settled(2), "the second mail to be settled")
    assert len(of_kind(smtp.accepted, "reply")) == 1
    forwards = [message_from_bytes(mail.content) for mail in of_kind(smtp.accepted, "forward")]
    assert len({str(mail["X-Triage-Ticket"]) for mail in forwards}) == 1
    assert len(forwards) == 2


def test_the_same_mail_to_two_mailboxes_is_answered_once(
    home: Home, dovecot: Dovecot, smtp: FaultSmtp, user: str
) -> None:
    home.imap(dovecot.port, f"{user}-sales", mailbox="sales", address="sales@shop.example").write()
    mail = letter(1, to="support@shop.example, sales@shop.example")
    with Daemon(home) as daemon:
        for account_name in (user, f"{user}-sales"):
            dovecot.deliver(account_name, mail)
        daemon.until(lambda: daemon.settled(2), "both copies to be settled")
    assert len(of_kind(smtp.accepted, "reply")) == 1
    for account_name in (user, f"{user}-sales"):
        assert dovecot.folders(account_name) == {FRONT_DESK: 1}


def test_one_mailbox_that_cannot_be_reached_keeps_no_other_from_working(
    home: Home, dovecot: Dovecot, smtp: FaultSmtp, user: str
) -> None:
    home.imap(1, "nobody", mailbox="sales", address="sales@shop.example").write()
    daemon = Daemon(home).start(watching=False)
    dovecot.deliver(user, letter(1), received_at=datetime.now(UTC) + timedelta(minutes=1))
    daemon.until(lambda: daemon.settled(1), "the mail of the mailbox that works to be settled")
    assert daemon.terminate() == 0
    assert kinds(smtp.accepted) == ["forward", "reply"]


# -- switches ----------------------------------------------------------------------------------------------------------------------


def test_pause_stops_replies_and_nothing_else_and_resume_lets_new_ones_out(
    daemon: Daemon, dovecot: Dovecot, smtp: FaultSmtp, user: str
) -> None:
    assert run(daemon.home, "pause", "--why", "a test").returncode == 0
    number = 0
    while True:  # the switch is looked at every two seconds: mails go in until one is withheld
        number += 1
        dovecot.deliver(user, letter(number))
        daemon.until(lambda: daemon.settled(number), "the mail to be settled")  # noqa: B023
        if daemon.status().silences.get("paused"):
            break
    answered = len(of_kind(smtp.accepted, "reply"))
    assert answered < number == len(of_kind(smtp.accepted, "forward"))
    assert "a test" in run(daemon.home, "status").stdout
    assert run(daemon.home, "resume").returncode == 0
    while len(of_kind(smtp.accepted, "reply")) == answered:
        number += 1
        dovecot.deliver(user, letter(number))
        daemon.until(lambda: daemon.settled(number), "the mail to be settled")  # noqa: B023
    assert not daemon.status().switches


def test_the_breaker_stops_replies_and_says_so(home: Home, dovecot: Dovecot, smtp: FaultSmtp, user: str) -> None:
    home.settings["caps"] |= {"per_minute": 5}
    home.write()
    with Daemon(home) as daemon:
        dovecot.deliver(user, *(letter(number) for number in range(12)))
        daemon.until(lambda: daemon.settled(12), "twelve mails to be settled")
        assert len(daemon.events("breaker_open")) == 1
    assert (
        len(of_kind(smtp.accepted, "reply")) <= 5
    )  # what was planned and not yet sent when it opened is withheld as well
    assert len(of_kind(smtp.accepted, "forward")) == 12
    assert "breaker" in run(home, "status").stdout


def test_a_refused_forward_is_in_status_and_goes_out_when_it_is_tried_again(
    daemon: Daemon, dovecot: Dovecot, smtp: FaultSmtp, user: str
) -> None:
    smtp.fail("RCPT", "550 5.1.1 no such user", when=lambda _, to: "frontdesk" in str(to))
    dovecot.deliver(user, letter(1))
    daemon.until(lambda: daemon.settled(1), "the mail to be settled")
    (report,) = json.loads(run(daemon.home, "status", "--json").stdout)["reported"]
    assert (report["kind"], report["state"]) == ("forward", "failed")
    assert run(daemon.home, "retry", report["ticket"]).returncode == 0
    daemon.until(lambda: of_kind(smtp.accepted, "forward"), "the forward to go out")
    assert run(daemon.home, "retry", "--all").returncode == 1  # nothing is left to be tried


# -- signals and edits -------------------------------------------------------------------------------------------------------------


def test_sigterm_lets_what_was_begun_end_and_takes_nothing_new(
    home: Home, dovecot: Dovecot, smtp: FaultSmtp, user: str
) -> None:
    smtp.fail("END", "slow:1", times=-1)
    daemon = Daemon(home).start()
    dovecot.deliver(user, letter(1), letter(2))
    until(lambda: smtp.hits, "the first mail to be on its way")
    assert daemon.terminate() == 0
    status = daemon.status()
    assert not any(report.state == "started" for report in status.waiting)
    assert not status.reported
    smtp.heal()
    with Daemon(home) as again:
        again.until(lambda: again.settled(2), "the rest to be settled")
    mails = [letter(1), letter(2)]
    assert not account(mails, dovecot.all_mails(user), smtp.accepted, home.ledger).faults


def test_sigterm_ends_a_daemon_whose_servers_hang(home: Home, smtp: FaultSmtp) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts in the kernel, and never says a word
        home.settings["mailboxes"]["support"]["imap"] |= {"port": silent.getsockname()[1], "connect_timeout": "5s"}
        home.write()
        daemon = Daemon(home).start(watching=False)
        daemon.until(lambda: daemon.events("started"), "the daemon to start")
        assert daemon.terminate(seconds=15) == 0


def test_sighup_reads_the_configuration_anew(daemon: Daemon) -> None:
    text = daemon.home.routing_file
    before = text.stat()
    content = text.read_text().replace("priority: low", "priority: normal", 1)
    text.write_text(content)
    os.utime(text, ns=(before.st_atime_ns, before.st_mtime_ns))
    daemon.process.send_signal(signal.SIGHUP)
    daemon.until(lambda: daemon.events("reloaded"), "the reload")
    assert daemon.running


def test_a_saved_edit_is_in_force_within_five_seconds(
    daemon: Daemon, dovecot: Dovecot, smtp: FaultSmtp, user: str
) -> None:
    daemon.home.routing["teams"]["frontdesk"] |= {"folder": "Triaged/Elsewhere", "inbox": "elsewhere@shop.example"}
    saved = datetime.now(UTC)
    daemon.home.write()
    daemon.until(lambda: daemon.events("reloaded"), "the edit to be seen")
    stamp = re.search(r"timestamp=(\S+)", daemon.events("reloaded")[0])
    assert stamp is not None
    assert datetime.fromisoformat(stamp[1]) - saved < timedelta(seconds=15)  # five, on a machine that is not busy
    dovecot.deliver(user, letter(1))
    daemon.until(lambda: daemon.settled(1), "the mail to be settled")
    assert dovecot.folders(user) == {"Triaged/Elsewhere": 1}
    assert of_kind(smtp.accepted, "forward")[0].recipients == ("elsewhere@shop.example",)


def test_a_broken_edit_keeps_what_is_in_force_and_says_so(
    daemon: Daemon, dovecot: Dovecot, smtp: FaultSmtp, user: str
) -> None:
    daemon.home.routing_file.write_text("rules: [\n")
    daemon.until(lambda: daemon.events("reload_refused"), "the fault to be told")
    dovecot.deliver(user, letter(1))
    daemon.until(lambda: daemon.settled(1), "the mail to be settled")
    assert dovecot.folders(user) == {FRONT_DESK: 1}
    daemon.home.write()
    daemon.until(lambda: daemon.running, "the daemon to go on")


# -- what it tells -----------------------------------------------------------------------------------------------------------------


def test_the_log_never_holds_addresses_subjects_or_texts(
    home: Home, dovecot: Dovecot, smtp: FaultSmtp, user: str
) -> None:
    secret_words = ("customer1", "customer2", "mail1.example", "mail2.example", "Zebrafink", "Question 2", "Ann")
    smtp.fail("RCPT", "451 4.2.0 <customer1@mail1.example>: later")
    smtp.fail("END", "drop")
    with Daemon(home) as daemon:
        dovecot.deliver(
            user, letter(1, subject="Zebrafink"), letter(2, text="Zebrafink\n"), b"From: Ann <ann\r\n\r\nZebrafink"
        )
        daemon.until(lambda: daemon.settled(3), "three mails to be settled")
        log = daemon.log()
    assert not [word for word in secret_words if word in log]


def test_health_and_metrics_tell_how_old_the_last_answer_is_and_why_something_fails(
    home: Home, dovecot: Dovecot, user: str
) -> None:
    home.settings["http"] = {"enabled": True, "port": 0}
    home.write()
    with Daemon(home) as daemon:
        url = re.search(r"url=(\S+)", daemon.events("listening")[0])
        assert url is not None
        health = json.loads(_get(url[1] + "/healthz"))
        assert health["mailboxes"]["support"]["trouble"] is None
        assert health["mailboxes"]["support"]["last_answer_seconds"] < 30
        metrics = _get(url[1] + "/metrics")
        assert 'triage_imap_connected{mailbox="support"} 1.0' in metrics
        assert "triage_effects_oldest_waiting_seconds" in metrics


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  our own loopback address
        return str(answer.read().decode())


def test_systemd_is_told_when_it_is_ready_that_it_works_and_that_it_stops(
    home: Home, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("notify") / "socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(path))
        channel.settimeout(30)
        environment = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "10000000"}
        daemon = Daemon(home, installed_command(environment)).start()
        said = channel.recv(1000).decode()
        assert said.startswith("READY=1\nSTATUS=")
        while channel.recv(1000) != b"WATCHDOG=1":
            pass
        daemon.process.send_signal(signal.SIGTERM)
        while channel.recv(1000) != b"STOPPING=1":
            pass
        assert daemon.process.wait(20) == 0
