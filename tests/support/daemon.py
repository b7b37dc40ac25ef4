"""The installed command as a process, and waiting for what it does."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Protocol, Self

from tests.support.home import TRIAGE, Home
from tests.support.waiting import LONG, until
from triage.ledger import queries
from triage.ledger.queries import Status

_SETTLED = """
    SELECT (SELECT count(*) FROM messages) >= ?
        AND NOT EXISTS (SELECT 1 FROM messages WHERE state = 'seen')
        AND NOT EXISTS (SELECT 1 FROM effects WHERE state IN ('planned', 'started'))
"""  # asked fifty times a second: a tenth of what `triage status` costs
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def run(
    home: Home, *arguments: str, env: Mapping[str, str] | None = None, seconds: float = 180
) -> subprocess.CompletedProcess[str]:
    """One command of `triage` in *home*, to its end."""
    command = [str(TRIAGE), "--home", str(home.path), *arguments]
    environment = {**os.environ, **ONE_THREAD, **(env or {})}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=seconds)


class Process(Protocol):
    """What is used of subprocess.Popen."""

    returncode: int | None

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, number: int, /) -> None: ...
    def kill(self) -> None: ...


def installed_command(env: Mapping[str, str] | None = None) -> Callable[[Home, Path], Process]:
    """Starts a daemon as an operator does."""

    def start(home: Home, log_file: Path) -> Process:
        with log_file.open("ab") as log:
            environment = {**os.environ, **ONE_THREAD, **(env or {})}
            command = [str(TRIAGE), "--home", str(home.path), "run"]
            return subprocess.Popen(command, stderr=log, stdout=log, env=environment)

    return start


class Daemon:
    """`triage run`. As a context it is ended with SIGTERM, and SIGKILL where that does not help."""

    def __init__(self, home: Home, launch: Callable[[Home, Path], Process] | None = None) -> None:
        self.home = home
        self.log_file = home.path / "daemon.log"
        self._launch = launch or installed_command()
        self._process: Process | None = None

    def start(self, *, watching: bool = True) -> Self:
        """Start; with *watching*, wait until every mailbox is being watched."""
        seen = len(self.events("watching"))
        self._process = self._launch(self.home, self.log_file)
        if watching:
            count = seen + len(self.home.settings["mailboxes"])
            self.until(lambda: len(self.events("watching")) >= count, "the daemon to watch")
        return self

    @property
    def process(self) -> Process:
        assert self._process is not None, "it was never started"
        return self._process

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def until(self, condition: Callable[[], object], what: str, seconds: float = LONG) -> None:
        """Wait for *condition*; an early end of the process, or the time running out, shows its log."""
        try:
            until(lambda: condition() or not self.running, what, seconds)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.log()[-6000:]}") from None
        if not condition():
            raise AssertionError(f"the daemon ended ({self.process.returncode}) before: {what}\n{self.log()[-6000:]}")

    def until_ended_or(self, condition: Callable[[], object], what: str, seconds: float = LONG) -> None:
        """Wait for the process to end, or for *condition*."""
        try:
            until(lambda: not self.running or condition(), what, seconds)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.log()[-6000:]}") from None

    def terminate(self, seconds: float = 20.0) -> int:
        """SIGTERM, and its exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise TimeoutError(f"it did not end within {seconds:.0f} s of SIGTERM\n{self.log()[-4000:]}") from None

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.kill()  # __exit__ is not called for it
            raise

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self.running:
            if kind is None:
                self.terminate()
            else:
                self.kill()

    # -- what it says ------------------------------------------------------------------------------------------------------

    def log(self) -> str:
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def events(self, name: str) -> list[str]:
        """The log lines of one event."""
        return [line for line in self.log().splitlines() if f"event={name}" in line.split()]

    def status(self) -> Status:
        """What the ledger says; raises LedgerError while there is none."""
        with queries.reading(self.home.ledger) as connection:
            return queries.status(connection, limit=10_000)

    def settled(self, count: int) -> bool:
        """Whether *count* messages are in the ledger, and every effect of theirs is final."""
        try:
            with closing(sqlite3.connect(f"file:{self.home.ledger}?mode=ro", uri=True)) as connection:
                return bool(connection.execute(_SETTLED, (count,)).fetchone()[0])
        except sqlite3.OperationalError:  # not there yet, or without its tables, or locked
            return False
