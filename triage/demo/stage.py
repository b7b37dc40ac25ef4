"""Where the demo plays: the embedded servers, a home made of the shipped one, and the daemon as a process of its own."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, TypeVar

import sqlalchemy as sa
import yaml

from triage import home
from triage.demo.letters import Letter
from triage.demo.outbox import Sent, read
from triage.errors import LedgerError, TriageError
from triage.ledger import queries
from triage.lifecycle import Kind, State
from triage.testing import EmbeddedServers, Stored

T = TypeVar("T")

SUPPORT = "support@example.com"  # the mailbox of the shipped configuration
PASSWORD = "demo"  # noqa: S105  of servers on loopback that live for seconds
MAILBOX = "support"
START_SECONDS = 30.0
STOP_SECONDS = 40.0  # more than the daemon's own time to drain
FINAL = {State.DONE, State.FAILED, State.UNKNOWN, State.SUPPRESSED}


@dataclass(frozen=True, slots=True)
class Row:
    """A mail as the ledger knows it."""

    uid: int  # in the INBOX, where it was found
    sender: str
    state: str
    decision: Mapping[str, Any] | None  # decision.Decision as JSON; None: not decided yet
    effects: Mapping[str, str]  # state by kind
    fault: str | None

    @property
    def settled(self) -> bool:
        return self.decision is not None and all(state in FINAL for state in self.effects.values())

    def did(self, kind: Kind) -> bool:
        return self.effects.get(kind) == State.DONE


class Stage:
    """Use as a context; leaving it ends the daemon and the servers."""

    def __init__(self, folder: Path) -> None:
        """*folder* becomes the home; it must be empty or missing."""
        self.home = folder
        self.log = folder / "daemon.log"
        self.delivered: dict[int, tuple[Letter, bytes]] = {}  # by UID in the INBOX
        self.teams: dict[str, str] = {}  # team to inbox
        self.exit_code: int | None = None  # of the daemon, once it has ended
        self._daemon: subprocess.Popen[bytes] | None = None
        self._exits = contextlib.ExitStack()

    # -- life --------------------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        home.create(self.home)
        routing = yaml.safe_load((self.home / "config/routing.yaml").read_text(encoding="utf-8"))
        self.teams = {name: team["inbox"] for name, team in routing["teams"].items()}
        users = dict.fromkeys([SUPPORT, *self.teams.values()], PASSWORD)
        self.servers = self._exits.enter_context(EmbeddedServers(users, smtp_login=True))
        configure(self.home, self.servers)
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.stop_daemon()
        finally:
            self._exits.close()

    def start_daemon(self) -> None:
        """Start `triage run` and return when it watches the mailbox. Raises TriageError with its log when it does not."""
        command = [sys.executable, "-m", "triage", "--home", str(self.home), "run"]
        with self.log.open("wb") as log:
            # a session of its own: Ctrl-C in the terminal is for us, and we end the daemon as systemd would
            self._daemon = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)  # noqa: S603
        deadline = time.monotonic() + START_SECONDS
        while not self._watching():
            if self._daemon.poll() is not None or time.monotonic() > deadline:
                raise TriageError(f"the daemon did not start:\n{self.log_tail()}")
            time.sleep(0.05)

    def check_daemon(self) -> None:
        """Raises TriageError with its log when the daemon has ended."""
        if self._daemon is not None and self._daemon.poll() is not None:
            raise TriageError(f"the daemon ended with {self._daemon.returncode}:\n{self.log_tail()}")

    def stop_daemon(self) -> None:
        """SIGTERM, and wait: it finishes what it began."""
        if self._daemon is None or self.exit_code is not None:
            return
        self._daemon.terminate()
        try:
            self.exit_code = self._daemon.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._daemon.kill()
            self.exit_code = self._daemon.wait()

    def log_tail(self, lines: int = 15) -> str:
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])

    def _watching(self) -> bool:
        boxes = self._ask(lambda connection: queries.status(connection).mailboxes)
        return any(box["live_since"] is not None for box in boxes)

    # -- mail --------------------------------------------------------------------------------------------------------------

    def deliver(self, letter: Letter) -> None:
        now = datetime.now(UTC)
        raw = letter.filled(now, self.replies_by_letter())
        uid = self.servers.deliver(SUPPORT, raw, now - letter.age)
        self.delivered[uid] = letter, raw

    def sent(self) -> list[Sent]:
        """Everything that the SMTP server took, in order."""
        return [read(accepted) for accepted in self.servers.smtp.accepted]

    def replies_by_letter(self) -> dict[str, Sent]:
        names = {letter.message_id: letter.name for letter, _ in self.delivered.values() if letter.message_id}
        replies = [mail for mail in self.sent() if mail.kind == Kind.REPLY]
        return {names[mail.in_reply_to]: mail for mail in replies if mail.in_reply_to in names}

    def folders(self) -> dict[str, list[Stored]]:
        """What lies where in the support mailbox, empty folders left out but for the INBOX."""
        found = self.servers.folders(SUPPORT)
        return {name: self.servers.messages(SUPPORT, name) for name, count in found.items() if count or name == "INBOX"}

    # -- ledger ------------------------------------------------------------------------------------------------------------

    def rows(self) -> list[Row]:
        """Every mail that the ledger knows, in order of arrival."""
        return [
            Row(row["uid"], row["sender"] or "", row["state"], row["decision"], row["effects"], row["fault"])
            for row in self._ask(queries.decisions)
            if row["mailbox"] == MAILBOX
        ]

    def _ask(self, query: Callable[[sa.Connection], list[T]]) -> list[T]:
        """What *query* finds in the ledger; nothing while the daemon has not made it yet."""
        try:
            with queries.reading(self.home / "state/triage.db") as connection:
                return query(connection)
        except LedgerError:
            return []


def configure(folder: Path, servers: EmbeddedServers) -> None:
    """Point the shipped configuration at *servers* and switch replies on: what an operator edits, and nothing else."""
    path = folder / "config/triage.yaml"
    settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    settings["mode"] = "reply"
    here = {"host": servers.host, "tls": "none", "username": SUPPORT}
    settings["mailboxes"][MAILBOX]["imap"] |= {**here, "port": servers.imap_port}
    settings["smtp"] |= {**here, "port": servers.smtp_port}
    settings["http"] = {"port": 0}  # any free one: a daemon that runs here already keeps its own
    path.write_text(yaml.safe_dump(settings, allow_unicode=True, sort_keys=False), encoding="utf-8")
    for name in ("imap", "smtp"):
        secret = folder / "secrets" / name
        secret.touch(mode=0o600)
        secret.write_text(PASSWORD + "\n", encoding="utf-8")
