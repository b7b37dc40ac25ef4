"""Whatever the SMTP server does, every mail is filed and forwarded, and nobody is answered twice."""

from __future__ import annotations

import threading

import pytest

from tests.faults.conftest import MakeRound, impatient

# Each family is played in one round: every fault twice, so that replies and forwards meet it.
FAMILIES = {
    "4yz": [(stage, "451 4.3.0 later") for stage in ("MAIL", "RCPT", "DATA", "END")],
    "421": [(stage, "421") for stage in ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "END")],
    "cut before the mail left": [(stage, "drop") for stage in ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA")],
    "slow": [(stage, "slow:1") for stage in ("CONNECT", "MAIL", "RCPT", "DATA", "END")],
    "too slow": [(stage, "slow:4") for stage in ("CONNECT", "RCPT", "DATA")],
    "cut instead of the farewell": [("QUIT", "drop")],
}


@pytest.mark.parametrize("family", FAMILIES)
def test_faults_before_the_mail_left_cost_nothing_but_time(family: str, make_round: MakeRound) -> None:
    run = make_round(8)
    for stage, action in FAMILIES[family]:
        run.smtp.fail(stage, action, times=2)
    run.start(watching=True)
    run.deliver()
    result = run.finish()
    assert not result.faults
    assert (result.replies, result.forwards, result.forward_copies, result.replies_unknown) == (8, 8, 0, 0)


@pytest.mark.parametrize("action", ["drop", "keep+drop", "keep+slow:4", "slow:4"])
def test_silence_after_the_final_dot_repeats_forwards_and_never_a_reply(action: str, make_round: MakeRound) -> None:
    run = make_round(8)
    run.smtp.fail("END", action, times=6)
    run.start(watching=True)
    run.deliver()
    result = run.finish()
    assert not result.faults
    assert result.forwards == 8
    assert result.replies == 8 - result.replies_lost
    assert len(run.smtp.hits) == 6
    assert result.replies_unknown + result.forward_copies >= 1


def test_what_is_refused_is_reported_and_the_mail_is_filed_all_the_same(make_round: MakeRound) -> None:
    run = make_round(6)
    for stage in ("MAIL", "RCPT", "DATA", "END"):
        run.smtp.fail(stage, "550 5.7.1 refused", times=1)
    run.start(watching=True)
    run.deliver()
    run.settle()
    reported = run.daemon.status().reported
    assert not run.finish().faults
    assert [(report.state, "550 5.7.1 refused" in str(report.detail)) for report in reported] == [("failed", True)] * 4


def test_what_was_put_off_is_tried_again_while_another_mail_is_still_being_sent(make_round: MakeRound) -> None:
    run = make_round(2, lambda home: (impatient(home), home.settings["smtp"].update(timeout="30s")))
    first, second = run.mails
    refusing = threading.Event()
    refusing.set()
    run.smtp.fail("RCPT", "451 4.2.0 later", times=-1, when=lambda *_: refusing.is_set())
    run.mails = [first]
    run.start(watching=True)
    run.deliver()
    run.daemon.until(lambda: len(run.smtp.hits) >= 2, "both sends of the first mail to be put off")
    run.smtp.fail("DATA", "slow:10", when=lambda envelope, _: str(envelope.rcpt_tos[0]).encode() in second)
    run.mails = [second]
    refusing.clear()
    run.deliver()
    run.daemon.until(lambda: ("DATA", "slow:10") in run.smtp.hits, "the second mail's reply to hang")
    run.daemon.until(lambda: len(run.smtp.accepted) == 3, "everything but the reply that hangs to be sent")
    assert run.dovecot.folders(run.user).get("INBOX") == 1  # its batch is still under way
    run.mails = [first, second]
    assert not run.finish().faults


def test_a_server_that_accepts_connections_and_never_answers_keeps_no_mail_from_its_folder(
    make_round: MakeRound,
) -> None:
    run = make_round(3)
    run.smtp.fail("CONNECT", "slow:600", times=-1)
    run.start(watching=True)
    run.deliver()
    run.daemon.until(lambda: run.dovecot.folders(run.user) == {"Triaged/Front desk": 3}, "the mails to be filed")
    run.smtp.heal()
    assert not run.finish().faults
