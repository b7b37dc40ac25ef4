"""A place to kill daemons in: a Dovecot, an SMTP server that records what it accepted, and a home for each round."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Self

from tests.support.accounting import Account, account
from tests.support.daemon import Daemon, Process
from tests.support.dovecot import Dovecot
from tests.support.home import Home
from tests.support.letters import letter
from tests.support.zygote import Zygote
from triage.testing import FaultSmtp

_numbers = itertools.count(1)


class Stage:
    """Serves one round at a time; several stages may share a Dovecot and a zygote and run side by side."""

    def __init__(self, folder: Path, dovecot: Dovecot, zygote: Zygote) -> None:
        self.dovecot = dovecot
        self.zygote = zygote
        self.smtp = FaultSmtp()
        self._folder = folder

    def __enter__(self) -> Self:
        self.smtp.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.smtp.stop()

    def round(self, mails: int, *, imap_port: int | None = None, edit: Callable[[Home], None] | None = None) -> Round:
        """A fresh mailbox with *mails* to come, and a fresh home; *imap_port* of a proxy, *edit* for other settings."""
        self.smtp.clear()
        self.smtp.heal()
        number = next(_numbers)
        folder = Path(tempfile.mkdtemp(prefix=f"round{number}-", dir=self._folder))
        user = f"round{number}"
        home = Home(folder / "home").imap(imap_port or self.dovecot.port, user).smtp(self.smtp.port).in_english_only()
        home.settings["mailboxes"]["support"]["imap"]["read_timeout"] = "20s"  # of a machine under load
        home.routing |= {
            "rules": [],
            "teams": {"frontdesk": home.routing["teams"]["frontdesk"]},
        }  # fewer folders to make
        if edit is not None:
            edit(home)
        home.write()
        return Round(self, home, user, [letter(number * 1000 + i) for i in range(mails)])


class Round:
    """Some mails, a daemon that is killed or put into trouble, and the account."""

    def __init__(self, stage: Stage, home: Home, user: str, mails: Sequence[bytes]) -> None:
        self.home, self.user, self.mails, self.smtp = home, user, list(mails), stage.smtp
        self.dovecot, self._zygote = stage.dovecot, stage.zygote
        self._hook: dict[str, Any] = {}
        self.daemon = Daemon(home, self._launch)

    def _launch(self, home: Home, log: Path) -> Process:
        return self._zygote.fork(home.path, log, hook=self._hook)

    @property
    def ports(self) -> dict[str, str]:
        return {str(self.dovecot.port): "imap", str(self.smtp.port): "smtp"}

    def deliver(self) -> None:
        """Put the mails into the mailbox, as of a minute ahead: those before the first start would be old mail, and not answered."""
        self.dovecot.deliver(self.user, *self.mails, received_at=datetime.now(UTC) + timedelta(minutes=1))

    def start(self, *, watching: bool = False, **hook: Any) -> None:
        """Start the daemon, with what tests.support.hook.install takes."""
        self._hook = {"ports": self.ports, **hook} if hook else {}
        self.daemon.start(watching=watching)

    def settle(self, seconds: float = 30.0) -> None:
        """Wait until every mail is settled; the daemon goes on."""
        self.daemon.until(
            partial(self.daemon.settled, len(self.mails)), f"{len(self.mails)} mails to be settled", seconds
        )

    def finish(self, seconds: float = 30.0) -> Account:
        """Let a daemon that runs bring everything to its end, stop it, count, and clear away what held."""
        self.settle(seconds)
        self.daemon.kill()
        result = account(self.mails, self.dovecot.all_mails(self.user), self.smtp.accepted, self.home.ledger)
        if result.faults:
            result.faults.append(f"look at {self.home.path}")
        else:
            shutil.rmtree(self.home.path.parent, ignore_errors=True)
        return result
