"""A support mailbox over weeks: the daemon's worker in this process, on a clock that goes as told, and colleagues who answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import partial

from tests.support.dovecot import Dovecot
from tests.support.home import ADDRESS, Home
from tests.support.letters import letter
from triage import config
from triage.courier import Courier
from triage.daemon import Worker
from triage.ledger import Ledger
from triage.mailbox import Mailbox
from triage.metrics import Metrics
from triage.services import NoModel, Services
from triage.testing import FakeClock

SECONDS = 30.0  # for one step; it takes a few hundredths


@dataclass
class OfficeDay:
    """One mailbox, one worker. `happens` sets the clock, does something to the mailbox, and waits until the worker is done."""

    dovecot: Dovecot
    user: str
    home: Home
    clock: FakeClock
    services: Services
    worker: Worker
    answers: dict[int, datetime] = field(default_factory=dict)  # that colleagues gave, by number of the letter

    async def until(self, at: datetime) -> None:
        """Let the time pass until *at*, and the worker look."""
        self.clock.advance(at - self.clock.now())
        await self.step()

    async def step(self) -> None:
        """Wait until the worker has looked at everything once more."""
        self.worker.settled.clear()
        self.worker.wake.set()
        await asyncio.wait_for(self.worker.settled.wait(), SECONDS)

    async def customer_writes(self, number: int, at: datetime, **headers: str) -> None:
        self.clock.advance(at - self.clock.now())
        raw = letter(number, date=at, **headers)
        await asyncio.to_thread(self.dovecot.deliver, self.user, raw, received_at=at)
        await self.step()

    async def appears(self, raw: bytes, at: datetime, folder: str = "Sent") -> None:
        """A mail comes to lie in *folder*, put there by somebody's client."""
        self.clock.advance(at - self.clock.now())
        await asyncio.to_thread(self.dovecot.deliver, self.user, raw, folder=folder, received_at=at)
        await self.step()

    async def moved(self, number: int, to: str, at: datetime, source: str = "Triaged/Front desk") -> None:
        """A colleague drags a letter to another folder."""
        self.clock.advance(at - self.clock.now())

        def drag() -> None:
            with self.dovecot.login(self.user) as client:
                client.select_folder(self.dovecot.name(source))
                client.move(client.search(["HEADER", "Message-ID", letter_id(number)]), self.dovecot.name(to))

        await asyncio.to_thread(drag)
        await self.step()


def letter_id(number: int) -> str:
    return f"<letter.{number}@mail{number % 7}.example>"


def customer_of(number: int) -> str:
    return f"customer{number}@mail{number % 7}.example"


def answer(
    number: int,
    at: datetime,
    *,
    sender: str = ADDRESS,
    to: str | None = None,
    subject: str = "Re: your question",
    in_reply_to: str | None = None,
    **headers: str,
) -> bytes:
    """What a colleague writes about letter *number*: to the customer, below the letter, unless told otherwise."""
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"], mail["Subject"] = sender, to or customer_of(number), subject
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = f"<answer.{number}.{at:%d%H%M%S}@shop.example>"
    if in_reply_to != "":
        mail["In-Reply-To"] = mail["References"] = in_reply_to or letter_id(number)
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content("Hello,\n\nI have looked into it: all is settled.\n\nKind regards, Eva\n")
    return mail.as_bytes()


@contextlib.asynccontextmanager
async def office_day(dovecot: Dovecot, user: str, home: Home, starts: datetime) -> AsyncIterator[OfficeDay]:
    """The worker runs inside; *home* is written and points to its servers."""
    clock = FakeClock(starts)
    office = config.load(home.path)
    mine = office.settings.mailboxes["support"]
    password = partial(config.secret, mine.imap.password, home.path)
    ledger = Ledger.open(home.ledger)
    courier = Courier(office.settings.smtp, home=home.path, password=lambda: None, clock=clock)
    services = Services(office, NoModel(), ledger, courier, clock, Metrics(), lambda: 0.5)
    worker = Worker(services, Mailbox("support", mine.imap, home=home.path, password=password, clock=clock))
    running = asyncio.create_task(worker.run())
    try:
        await asyncio.wait_for(worker.settled.wait(), SECONDS)
        yield OfficeDay(dovecot, user, home, clock, services, worker)
    finally:
        await worker.stop(5)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await worker.mailbox.shutdown()
        await courier.close()
        ledger.close()
        services.cpu.shutdown()
