"""A full disk, a locked database, a clock that jumps."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.crash.stage import Round
from tests.faults.conftest import MakeRound
from tests.support.home import Home
from tests.support.letters import letter
from tests.support.waiting import until
from triage.app import App
from triage.testing import EmbeddedServers, FakeClock


class SmallDisk:
    """A file system of 2 MB for the ledger (root), or a limit on the size of the process's files."""

    def __init__(self, run: Round) -> None:
        self._state = run.home.ledger.parent
        self._run = run
        self._filler = self._state / "filler"
        self.mounted = os.geteuid() == 0
        if self.mounted:
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(self._state)], check=True)

    def fill(self) -> None:
        if self.mounted:
            with self._filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
                while file.write(bytes(4096)):
                    pass
            return
        wal = self._state / "triage.db-wal"
        resource.prlimit(self._pid(), resource.RLIMIT_FSIZE, (wal.stat().st_size, resource.RLIM_INFINITY))

    def free(self) -> None:
        if self.mounted:
            self._filler.unlink(missing_ok=True)
        elif self._run.daemon.running:
            resource.prlimit(self._pid(), resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def _pid(self) -> int:
        return int(getattr(self._run.daemon.process, "pid", 0))

    def unmount(self) -> None:
        if self.mounted:
            subprocess.run(["umount", "-l", str(self._state)], check=True)


@pytest.fixture
def small_disk(make_round: MakeRound) -> Iterator[tuple[Round, SmallDisk]]:
    run = make_round(4)
    disk = SmallDisk(run)
    yield run, disk
    disk.free()
    run.daemon.kill()
    disk.unmount()


def test_nothing_is_sent_while_the_disk_is_full_and_everything_once_there_is_room(
    small_disk: tuple[Round, SmallDisk],
) -> None:
    run, disk = small_disk
    run.start(watching=True)
    disk.fill()
    run.deliver()
    run.daemon.until(lambda: "the ledger cannot be used" in run.daemon.log(), "the full disk to be told")
    assert run.daemon.running
    assert not run.smtp.accepted
    assert run.dovecot.folders(run.user) == {"INBOX": 4}
    disk.free()
    result = run.finish()
    assert not result.faults
    assert (result.replies, result.forwards, result.forward_copies) == (4, 4, 0)


def test_a_ledger_that_another_process_locks_for_longer_than_we_wait_only_costs_time(make_round: MakeRound) -> None:
    run = make_round(3)
    run.start(watching=True)
    with closing(sqlite3.connect(run.home.ledger, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        run.deliver()
        run.daemon.until(lambda: "database is locked" in run.daemon.log(), "the lock to be told")
        assert not run.smtp.accepted
        other.execute("ROLLBACK")
    result = run.finish()
    assert not result.faults
    assert (result.replies, result.forwards, result.forward_copies) == (3, 3, 0)


@pytest.mark.parametrize("jump", [timedelta(days=-365), timedelta(days=3)], ids=["a year back", "three days ahead"])
async def test_effects_that_wait_are_not_lost_to_a_clock_that_jumps(jump: timedelta, tmp_path: Path) -> None:
    clock = FakeClock(datetime.now(UTC))
    with EmbeddedServers({"anna": "secret"}) as servers:
        home = Home(tmp_path / "home").imap(servers.imap_port, "anna").smtp(servers.smtp_port)
        home.settings["retry"]["first_wait"] = "0s"
        home.write()
        app = App(home.path, clock=clock)
        servers.smtp.fail("RCPT", "451 4.2.0 later", times=-1)
        running = asyncio.ensure_future(app.run())
        servers.deliver("anna", letter(1), received_at=clock.now() + timedelta(minutes=1))
        await asyncio.to_thread(until, lambda: len(servers.smtp.hits) >= 2, "both sends to be put off")
        clock.set(clock.now() + jump)
        servers.smtp.heal()
        await asyncio.to_thread(until, lambda: b"kind: forward" in _sent(servers), "the forward to go out")
        waiting = True
        while waiting:
            waiting = bool((await app.services.ledger.waiting())[0])
        app.stop()
        await running
        # A reply that would come days late is given up and reported; a forward never comes too late.
        assert (b"kind: reply" in _sent(servers)) == (jump < timedelta(0))
        assert servers.folders("anna")["Triaged/Front desk"] == 1


def _sent(servers: EmbeddedServers) -> bytes:
    return b"".join(mail.content for mail in servers.smtp.accepted).lower()
