"""Every fault that FaultSmtp plays, seen with the standard library's client: what the client is told, and what the server kept."""

from __future__ import annotations

import json
import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest

from triage.testing import FaultSmtp

RAW = b"Subject: one\r\n\r\nline\r\n"


@pytest.fixture
def server() -> Iterator[FaultSmtp]:
    with FaultSmtp() as running:
        yield running


def send(server: FaultSmtp, *, timeout: float = 5.0, login: bool = False) -> None:
    with smtplib.SMTP("127.0.0.1", server.port, timeout=timeout) as client:
        if login:
            client.login("name", "secret")
        client.sendmail("", ["b@example.test"], RAW)


def test_without_a_fault_the_mail_is_accepted(server: FaultSmtp) -> None:
    send(server)
    (mail,) = server.wait_for(1)
    assert (mail.envelope_sender, mail.recipients, mail.content) == ("", ("b@example.test",), RAW)
    assert mail.at.tzinfo is not None


@pytest.mark.parametrize(
    ("stage", "error"),
    [
        ("CONNECT", smtplib.SMTPConnectError),
        ("EHLO", smtplib.SMTPHeloError),
        ("MAIL", smtplib.SMTPSenderRefused),
        ("RCPT", smtplib.SMTPRecipientsRefused),
        ("DATA", smtplib.SMTPDataError),
        ("END", smtplib.SMTPDataError),
    ],
)
@pytest.mark.parametrize("code", ["450 4.2.0 later", "550 5.1.1 never"])
def test_a_refusal_is_told_at_its_stage_and_nothing_is_kept(
    server: FaultSmtp, stage: str, error: type[smtplib.SMTPException], code: str
) -> None:
    server.fail(
        stage, code, times=2 if stage == "EHLO" else 1
    )  # smtplib falls back to HELO, which aiosmtpd takes as it is
    if stage == "EHLO":
        with smtplib.SMTP("127.0.0.1", server.port, timeout=5) as client:
            assert client.ehlo()[0] == int(code[:3])
    else:
        with pytest.raises(error, match=code[:3]):
            send(server)
    assert (server.accepted, server.hits) == ((), [(stage, code)])


@pytest.mark.parametrize("stage", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "END"])
def test_a_cut_connection_keeps_nothing(server: FaultSmtp, stage: str) -> None:
    server.fail(stage, "drop")
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
        send(server)
    assert (server.accepted, server.hits) == ((), [(stage, "drop")])


def test_a_mail_may_be_kept_although_the_client_hears_nothing(server: FaultSmtp) -> None:
    server.fail("END", "keep+drop")
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
        send(server)
    assert len(server.accepted) == 1


def test_a_late_answer_comes_after_the_mail_was_kept(server: FaultSmtp) -> None:
    server.fail("END", "keep+slow:30")
    with (
        smtplib.SMTP("127.0.0.1", server.port, timeout=0.3) as client,
        pytest.raises((smtplib.SMTPException, TimeoutError)),
    ):
        client.sendmail("", ["b@example.test"], RAW)
    assert len(server.wait_for(1)) == 1


@pytest.mark.parametrize("stage", ["CONNECT", "MAIL", "RCPT", "DATA", "END"])
def test_421_ends_the_session(server: FaultSmtp, stage: str) -> None:
    server.fail(stage, "421")
    with pytest.raises((smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused), match="421"):
        send(server)
    assert server.accepted == ()


@pytest.mark.parametrize("stage", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "END"])
def test_a_slow_server_goes_on_as_usual(server: FaultSmtp, stage: str) -> None:
    server.fail(stage, "slow:0.01")
    send(server)
    assert len(server.accepted) == 1
    assert server.hits == [(stage, "slow:0.01")]


def test_a_login_may_be_refused_for_a_time() -> None:
    with FaultSmtp(users={"name": "secret"}) as server:
        server.fail("AUTH", "454 4.7.0 later", times=-1)  # smtplib tries every mechanism
        with (
            pytest.raises(smtplib.SMTPAuthenticationError, match="454"),
            smtplib.SMTP("127.0.0.1", server.port) as client,
        ):
            client.login("name", "secret", initial_response_ok=True)
        server.heal()
        send(server, login=True)
        assert len(server.accepted) == 1


def test_a_fault_plays_as_often_as_asked_and_only_where_it_is_meant(server: FaultSmtp) -> None:
    server.fail("RCPT", "550 5.1.1 never", times=-1, when=lambda envelope, address: address == "a@example.test")
    with smtplib.SMTP("127.0.0.1", server.port) as client:
        for _ in range(2):
            refused = client.sendmail("", ["a@example.test", "b@example.test"], RAW)
            assert set(refused) == {"a@example.test"}
    assert [mail.recipients for mail in server.accepted] == [("b@example.test",)] * 2


def test_a_stage_or_action_that_there_is_not_is_refused(server: FaultSmtp) -> None:
    with pytest.raises(ValueError, match="one of CONNECT"):
        server.fail("DOT", "drop")
    with pytest.raises(ValueError, match="END"):
        server.fail("RCPT", "keep+drop")


def test_the_journal_holds_what_was_kept_byte_for_byte(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    with FaultSmtp(journal=journal) as server:
        server.fail("END", "keep+drop")
        with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
            send(server)
        send(server)
    entries = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]
    assert [entry["content"].encode("latin-1") for entry in entries] == [RAW, RAW]


def test_waiting_for_more_mail_than_comes_says_how_much_came(server: FaultSmtp) -> None:
    with pytest.raises(TimeoutError, match="0 of 1"):
        server.wait_for(1, seconds=0.01)
