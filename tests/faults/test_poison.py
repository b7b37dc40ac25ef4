"""One bad mail costs one mail: three attempts, counted over crashes of the process, then quarantine."""

from __future__ import annotations

from tests.crash.stage import Round
from tests.faults.conftest import MakeRound
from tests.support.daemon import run as command
from tests.support.letters import letter

POISON = letter(99_999).replace(b'charset="utf-8"', b'charset="mac-farsi"')


def test_a_mail_that_kills_the_process_is_quarantined_after_three_attempts_and_its_neighbours_are_unharmed(
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
    assert deaths == 3
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


def _inbox(run: Round) -> int:
    return run.dovecot.folders(run.user).get("INBOX", 0)
