"""The demo from curtain to curtain: deliver, watch the ledger, show, and check that all ended as it must."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from datetime import datetime

from rich.console import Console, RenderableType
from rich.live import Live

from triage.demo import letters, outcome, screen
from triage.demo.letters import Letter
from triage.demo.stage import Row, Stage
from triage.lifecycle import Kind

SETTLE_SECONDS = 90.0  # for a wave, longer than the daemon waits between two looks; it is one or two as a rule
LOOK_EVERY = 0.1  # seconds between looks into the ledger
PACE = 0.06  # seconds between two mails for who is watching


class Play:
    """One performance on a stage that is set."""

    def __init__(self, stage: Stage, console: Console, started: float) -> None:
        """*started*: `time.monotonic()` of the command's start."""
        self.summary: dict[str, object] = {}
        self.faults: list[str] = []
        self._stage = stage
        self._console = console
        self._started = started
        self._letters = letters.load()

    def run(self) -> None:
        """The whole of it; then `summary` and `faults` say how it went. Raises TriageError when the daemon ends or hangs."""
        stage, console = self._stage, self._console
        screen.opening(console, datetime.now().astimezone())
        for letter in self._wave(0):
            stage.deliver(letter)
        with console.status("starting the daemon") if console.is_terminal else contextlib.nullcontext():
            stage.start_daemon()
        rows: list[Row] = []
        with self._live() as live:
            for number in (1, 2):
                for letter in self._wave(number):
                    stage.deliver(letter)
                    if live is not None:
                        time.sleep(PACE)
                        live.update(self._table(stage.rows()), refresh=True)
                for rows in self._until_settled():
                    if live is not None:
                        live.update(self._table(rows), refresh=True)
        console.print(screen.decisions(rows, len(self._letters), sum(row.settled for row in rows)), "")
        self._show(rows)
        ended = outcome.Outcome(stage.delivered, rows, stage.sent(), stage.folders())
        self.faults = outcome.faults(ended)
        self.summary = outcome.summary(ended, time.monotonic() - self._started)
        console.print(screen.result(self.summary, self.faults))
        if self.faults:
            console.print(f"The end of the daemon's log:\n{stage.log_tail()}", markup=False, highlight=False)

    def keep(self) -> None:
        """Stay up until Ctrl-C, and tell what comes in."""
        screen.how_to_look(self._console, self._stage)
        seen = len(self._stage.rows())
        try:
            while True:
                time.sleep(LOOK_EVERY)
                self._stage.check_daemon()
                rows = [row for row in self._stage.rows() if row.settled]
                if len(rows) > seen:
                    self._console.print(screen.decisions(rows[seen:], len(rows), len(rows)))
                    seen = len(rows)
        except KeyboardInterrupt:
            self._console.print("\nstopping")

    def stopped(self) -> None:
        """Look at how the daemon ended, once the stage is empty."""
        if self._stage.exit_code != 0:
            self.faults.append(f"the daemon ended with {self._stage.exit_code} on SIGTERM:\n{self._stage.log_tail()}")
            self._console.print(self.faults[-1], style="bold red", markup=False)

    def _table(self, rows: list[Row]) -> RenderableType:
        """The newest rows that the terminal has room for."""
        return screen.decisions(
            rows[-max(5, self._console.height - 4) :], len(self._letters), sum(row.settled for row in rows)
        )

    def _live(self) -> contextlib.AbstractContextManager[Live | None]:
        """The table that fills while people watch; nothing where nobody does, and the whole table comes at the end."""
        if not self._console.is_terminal:
            return contextlib.nullcontext()
        return Live(console=self._console, auto_refresh=False, transient=True)

    def _show(self, rows: list[Row]) -> None:
        """One reply a language, one forward, where each mail went, what was withheld."""
        stage, console = self._stage, self._console
        sent = stage.sent()
        replies = {mail.ticket: mail for mail in sent if mail.kind == Kind.REPLY}
        locales: set[str] = set()
        for decision in (row.decision for row in rows if row.decision is not None):
            locale, mail = decision["locale"], replies.get(decision["ticket"])
            if mail is not None and locale not in locales:
                locales.add(locale)
                console.print(screen.reply(mail, locale))
        shown = {letter.message_id for letter in self._letters if letter.forward_shown}
        for mail in sent:
            if mail.kind == Kind.FORWARD and mail.in_reply_to in shown:
                console.print(screen.forward(mail))
        console.print(screen.withheld(rows), "", screen.whereabouts(stage), "")

    def _wave(self, number: int) -> list[Letter]:
        return [letter for letter in self._letters if letter.wave == number]

    def _until_settled(self) -> Iterator[list[Row]]:
        """The ledger's rows again and again, until everything that was delivered is settled and the INBOX is empty."""
        stage, deadline = self._stage, time.monotonic() + SETTLE_SECONDS
        while True:
            rows = stage.rows()
            yield rows
            if len(rows) == len(stage.delivered) and all(row.settled for row in rows):
                return
            stage.check_daemon()
            if time.monotonic() > deadline:
                return  # what is missing is told as a fault
            time.sleep(LOOK_EVERY)
