"""One bad mail costs one mail: three attempts of its own, counted over crashes of the process, then quarantine."""

from __future__ import annotations

from tests.crash.stage import Round
from tests.faults.conftest import MakeRound
from tests.support.daemon import run as command
from tests.support.imap_proxy import ImapProxy
from tests.support.letters import NOW, letter
from triage.ledger import Ledger
from triage.message import MessageKey

POISON = letter(99_999).replace(b'charset="utf-8"', b'charset="mac-farsi"')


def test_a_mail_that_kills_the_process_is_quarantined_after_three_attempts_alone_and_its_neighbours_are_unharmed(
    make_round: MakeRound,
) -> None:
    assert b"mac-farsi" in POISON
    run = make_round(6)
    healthy = list(run.mails)
    run.mails.insert(3, POISON)
    run.deliver()
    deaths = 0
    while True:
        run.start(deadly_codec=True)
        run.daemon.until_ended_or(lambda: run.daemon.settled(6) and not _inbox(run), "the end, or everything settled")
        if run.daemon.running:
            break
        deaths += 1
        assert deaths < 8, run.daemon.log()[-4000:]
    assert deaths == 4  # the first took all of its batch along, and said nothing of any of them
    folders = run.dovecot.all_mails(run.user)
    assert folders["Triaged/Quarantine"] == [POISON]
    assert sorted(folders["Triaged/Front desk"]) == sorted(healthy)
    status = run.daemon.status()
    assert [report.state for report in status.reported] == ["quarantined"]
    run.daemon.kill()

    run.start(watching=True)  # with a library that does not crash any more
    assert command(run.home, "retry", "--all").returncode == 0
    run.daemon.until(lambda: "Triaged/Quarantine" not in run.dovecot.folders(run.user), "the mail to come back")
    run.daemon.until(lambda: run.daemon.settled(8), "the mail that came back to be settled like any other")
    result = run.finish()
    assert not result.faults
    assert result.forwards == 7


async def test_a_mail_that_ended_the_process_three_times_is_not_read_again(
    make_round: MakeRound, proxy: ImapProxy
) -> None:
    run = make_round(2)
    run.deliver()
    with run.dovecot.login(run.user) as client:
        uidvalidity = client.select_folder("INBOX", readonly=True)[b"UIDVALIDITY"]
    ledger = Ledger.open(run.home.ledger)
    first = MessageKey("support", "INBOX", uidvalidity, 1)
    for _ in range(3):
        await ledger.begin({first: NOW}, NOW)  # as it is left when the process ends while the mail is being read
    ledger.close()
    proxy.fail("FETCH", "bye", times=-1, match=b"FETCH 1 (BODY")
    run.start(watching=True)
    run.daemon.until(lambda: run.daemon.settled(1) and not _inbox(run), "both mails to leave the INBOX")
    assert run.dovecot.all_mails(run.user) == {
        "Triaged/Quarantine": [run.mails[0]],
        "Triaged/Front desk": [run.mails[1]],
    }
    assert not proxy.hits


def _inbox(run: Round) -> int:
    return run.dovecot.folders(run.user).get("INBOX", 0)
