"""Supervision: a worker for each mailbox, the switches, reload, health, drain. One broken mailbox never stops another."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from datetime import datetime

from triage import log
from triage.errors import LedgerError, TransientError
from triage.imap_connection import LoginRefused
from triage.mailbox import Mailbox
from triage.performing import Performer
from triage.pipeline import Pipeline
from triage.records import Pending
from triage.recovery import recover
from triage.retry import Backoff
from triage.services import Services
from triage.watching import Watch

IDLE_FOR = 110.0  # seconds before IDLE is renewed: finds dead lines, and stays below every provider's limit (RFC 2177: 29 minutes)
RECONCILE_EVERY = 600.0  # seconds between looks at the whole folder: everything in it is in the ledger, or gets in
LOOK_EVERY = 30.0  # seconds between looks at promises while mail keeps coming; else it looks before each batch
UNDER_WAY = 2  # batches at once in a mailbox: the next is fetched while the last is being sent
DUE_AT_ONCE = 100
LOOK_AGAIN = 1.0  # seconds between looks for new mail, and for what is due, while a batch is slow
RETRY_PAUSE = 0.2  # seconds between looks at what is due: what cannot be begun now is still due


Sizes = Mapping[int, tuple[int, datetime]]  # by UID: RFC822.SIZE and INTERNALDATE


class Worker:
    """Watches one mailbox for as long as it runs: connect, recover, then fetch, process, retry, wait. Reconnects with backoff."""

    def __init__(self, services: Services, mailbox: Mailbox) -> None:
        self.mailbox = mailbox
        self.progress_at = services.clock.monotonic()  # of the last step, failed ones too: what the watchdog is fed by
        self.trouble: str | None = "starting"  # why the mailbox is not being worked on; None: all is well
        self.settled = asyncio.Event()  # set whenever nothing is left to do
        self.wake = asyncio.Event()  # set to look at once
        self._services = services
        self._performer = Performer(services, mailbox)
        self._stopping = False
        self._cursor = 1  # UIDs below were looked at since the last reconciliation
        self._in_flight: set[int] = set()
        self._retried_at = -RETRY_PAUSE
        self._batches: set[asyncio.Task[None]] = set()
        self._log = log.get().bind(mailbox=mailbox.name)

    async def run(self) -> None:
        """Until `stop` is called."""
        failures = 0
        while not self._stopping:
            metrics = self._services.metrics
            try:
                await self._session()
                failures = 0
            except (TransientError, LedgerError) as error:
                if self.trouble is None:
                    failures = 0  # it had worked: begin with short waits again
                failures += 1
                self.trouble = str(error)
                metrics.connected.labels(self.mailbox.name).set(0)
                metrics.connection_failures.labels(self.mailbox.name).inc()
                ceiling = self._services.office.settings.retry.reconnect_ceiling.total_seconds()
                wait = Backoff(ceiling=ceiling).wait(failures, self._services.random())
                remedy = (
                    "check username and password in config/triage.yaml" if isinstance(error, LoginRefused) else None
                )
                self._log.error("mailbox_unusable", detail=str(error), again_in=f"{wait:.0f}s", remedy=remedy)
                await self._end_batches()
                await self.mailbox.close()
                await self._sleep(wait)
        await self._end_batches()

    async def stop(self, seconds: float) -> None:
        """Take nothing new; let what was begun end, for at most *seconds*."""
        self._stopping = True
        self.wake.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._end_batches(), seconds)
        await self._performer.drain(seconds)

    # -- one connection ----------------------------------------------------------------------------------------------------

    async def _session(self) -> None:
        """From login to the end of the connection. Raises TransientError when it breaks."""
        services, name = self._services, self.mailbox.name
        office = services.office
        mine = office.settings.mailboxes[name]
        await self.mailbox.connect()
        live = office.settings.mode == "reply"
        now = services.clock.now().replace(microsecond=0)  # INTERNALDATE has whole seconds: mail of this second is new
        first_start, live_since = await services.ledger.start_mailbox(name, live=live, now=now)
        if live:
            await self.mailbox.ensure_folders(
                [*sorted(office.policy.folders), mine.quarantine, mine.bounces, *mine.no_answer_needed]
            )
        folder = await self.mailbox.select(mine.folder)
        if folder.read_only and live:
            raise TransientError(
                f"{mine.folder} is read-only for {mine.imap.username}; triage must be able to move mail out of it"
            )
        self._cursor, self._in_flight = 1, set()
        await recover(services, name, self._performer.under_way)
        pipeline = Pipeline(services, self.mailbox, self._performer, live_since)
        watch = Watch(services, self.mailbox, live_since) if live_since is not None else None
        self._log.info(
            "watching", folder=mine.folder, mode=office.settings.mode, idle=mine.idle and self.mailbox.can_idle
        )
        self.trouble = None
        services.metrics.connected.labels(name).set(1)
        reconciled_at, looked_at = services.clock.monotonic(), -LOOK_EVERY
        while not self._stopping and services.office is office:
            self.wake.clear()
            self.progress_at = services.clock.monotonic()
            if self.progress_at - reconciled_at > RECONCILE_EVERY:
                self._cursor, reconciled_at = 1, self.progress_at
            if watch is not None and (not self._batches or self.progress_at - looked_at > LOOK_EVERY):
                if await watch.look():  # before new mail: answers that are there are known when a promise is made
                    self._retried_at = -RETRY_PAUSE  # what it has planned goes out now
                looked_at = self.progress_at
            await self._fetch_and_process(pipeline, first_start, live=live)
            if live:
                await self._retry_due()
            if self._batches:
                await asyncio.wait(self._batches, timeout=LOOK_AGAIN, return_when=asyncio.FIRST_COMPLETED)
                self._raise_failures()
                continue
            self.settled.set()
            await self.mailbox.wait(await self._patience(live=live), self.wake, idle=mine.idle)
            self.settled.clear()
        await self._end_batches()

    async def _fetch_and_process(self, pipeline: Pipeline, first_start: datetime, *, live: bool) -> None:
        """Everything in the folder that wants work, in batches; at most UNDER_WAY of them are under way."""
        services = self._services
        folder, limits = self.mailbox.selected(), services.office.settings.limits
        uids = [uid for uid in await self.mailbox.uids(self._cursor) if uid not in self._in_flight]
        wanted = await services.ledger.unknown_uids(
            self.mailbox.name, folder.name, folder.uidvalidity, uids, observing=not live
        )
        fresh = [uid for uid, attempts in wanted.items() if attempts == 0]
        groups = [fresh[i : i + limits.batch] for i in range(0, len(fresh), limits.batch)]
        groups += [[uid] for uid, attempts in wanted.items() if attempts]  # what failed, or is suspected, comes alone
        for group in groups:
            suspect = wanted[group[0]] != 0  # it may end the process: nothing else is under way while it is tried
            if suspect:
                await self._let_batches_end()
            sizes = await self._without_backlog(await self.mailbox.sizes(group), first_start)
            for part in _bounded(sizes, limits.batch_bytes, limits.message_bytes):
                await self._begin(pipeline, part)
                self.progress_at = services.clock.monotonic()
                if self._stopping:
                    return
            if suspect:
                await self._let_batches_end()
        if uids and not groups and not self._in_flight:  # an attempt under way may fail, and is wanted again then
            self._cursor = max(uids) + 1

    async def _without_backlog(self, sizes: Sizes, first_start: datetime) -> Sizes:
        """*sizes* without the mail that was there before the first start, where the operator wants that left alone."""
        if self._services.office.settings.mailboxes[self.mailbox.name].backlog != "leave":
            return sizes
        old = {uid: received_at for uid, (_, received_at) in sizes.items() if received_at < first_start}
        if old:
            keys = {self.mailbox.key(uid): received_at for uid, received_at in old.items()}
            await self._services.ledger.leave(keys, self._services.clock.now())
        return {uid: size for uid, size in sizes.items() if uid not in old}

    async def _begin(self, pipeline: Pipeline, sizes: Sizes) -> None:
        """Read a batch and begin it. Its attempts are counted before: a mail may end the process while it is being read."""
        arrivals = {self.mailbox.key(uid): received_at for uid, (_, received_at) in sizes.items()}
        attempts = await pipeline.begin(arrivals, alone=len(sizes) == 1 and not self._batches)
        largest = self._services.office.settings.limits.message_bytes
        try:
            batch = await self.mailbox.fetch({key.uid: sizes[key.uid] for key in attempts}, largest=largest)
            while len(self._batches) >= UNDER_WAY:
                await asyncio.wait(self._batches, return_when=asyncio.FIRST_COMPLETED)
                self._raise_failures()
        except BaseException:  # a line that broke, another batch that failed, our end: not these mails' fault
            await pipeline.give_back(attempts)
            raise
        uids = {item.key.uid for item in batch}
        self._in_flight |= uids
        task = asyncio.ensure_future(pipeline.process(batch, attempts))
        self._batches.add(task)
        task.add_done_callback(lambda _: self._in_flight.difference_update(uids))

    async def _let_batches_end(self) -> None:
        while self._batches:
            await asyncio.wait(self._batches, return_when=asyncio.FIRST_COMPLETED)
            self._raise_failures()

    def _raise_failures(self) -> None:
        """Forget batches that have ended; the error of one that failed ends the session."""
        ended = {task for task in self._batches if task.done()}
        self._batches -= ended
        for task in ended:
            task.result()

    async def _end_batches(self) -> None:
        if self._batches:
            await asyncio.wait(self._batches)
            for task in self._batches:
                if not task.cancelled() and task.exception() is not None:
                    self._log.warning("batch_ended", detail=str(task.exception()))
        self._batches.clear()

    async def _retry_due(self) -> None:
        """Begin what is due. It counts as a batch: new mail is worked on beside it, and neither starves the other."""
        services, performer = self._services, self._performer
        now = asyncio.get_running_loop().time()  # by which the waits run, too
        if now - self._retried_at < RETRY_PAUSE:
            return
        self._retried_at = now
        due: list[Pending] = await services.ledger.due(self.mailbox.name, services.clock.now(), DUE_AT_ONCE)
        free = [item for item in due if item.effect.message not in performer.busy]  # the others are being worked on
        if free:
            self._batches.add(asyncio.ensure_future(performer.retry_due(free)))

    async def _patience(self, *, live: bool) -> float:
        """Seconds to wait for the server: until the next retry is due, the poll interval, or IDLE has to be renewed."""
        services = self._services
        mine = services.office.settings.mailboxes[self.mailbox.name]
        longest = min(IDLE_FOR, mine.poll.total_seconds())
        next_try_at = await services.ledger.next_try_at(self.mailbox.name) if live else None
        if next_try_at is None:
            return longest
        return max(RETRY_PAUSE, min(longest, (next_try_at - services.clock.now()).total_seconds()))

    async def _sleep(self, seconds: float) -> None:
        """Wait, unless woken; the wait counts as progress, since a dead server is no reason to restart the daemon."""
        self.progress_at = self._services.clock.monotonic() + seconds
        self.wake.clear()
        if not self._stopping:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.wake.wait(), seconds)


def _bounded(sizes: Sizes, most: int, largest: int) -> list[dict[int, tuple[int, datetime]]]:
    """*sizes* in parts of at most *most* bytes (a message above *largest* is read in part and counts little)."""
    parts: list[dict[int, tuple[int, datetime]]] = []
    total = most + 1
    for uid, (size, received_at) in sorted(sizes.items()):
        cost = min(size, largest)
        if total + cost > most:
            parts.append({})
            total = 0
        parts[-1][uid] = (size, received_at)
        total += cost
    return parts
