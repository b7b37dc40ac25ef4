"""Carries out effects: replies and forwards through the courier, moves through the mailbox; every step into the ledger.

reply     at most once: STARTED is committed before the first byte of DATA, and an unknown outcome is final
forward   at least once: an unknown outcome is repeated under the same Message-ID
file      safe to repeat: done when COPYUID names the message, or when it is found in its folder
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from triage import forward, log
from triage.decision import Decision
from triage.errors import LedgerError, PermanentError, TransientError, UnknownOutcome
from triage.imap_connection import CommandRefused
from triage.lifecycle import AT_MOST_ONCE, Event, Kind, State
from triage.mailbox import Fetched, Mailbox
from triage.message import Message, MessageKey
from triage.parsing import fingerprint, parse
from triage.planning import Office
from triage.records import Effect, NewEffect, Outcome, Pending
from triage.retry import FILE_POLICY, FORWARD_POLICY, REPLY_POLICY, next_try
from triage.services import Services

POLICIES = {
    Kind.REPLY: REPLY_POLICY,
    Kind.FORWARD: FORWARD_POLICY,
    Kind.FILE: FILE_POLICY,
    Kind.REMINDER: REPLY_POLICY,
    Kind.RENEWAL: REPLY_POLICY,
}
WRITTEN = frozenset({Kind.REPLY, Kind.REMINDER, Kind.RENEWAL})  # the ledger holds their whole text
FILE_GRACE = 15.0  # seconds a move waits for the mail's sends: usually they are done, and then it is the last act
MAX_SENDING = 500  # sends under way or waiting for a connection; more are put off
CANDIDATES = 5  # messages looked at when one is searched for by its Message-ID
_ADDRESS = re.compile(r"<?[^\s<>@]+@[^\s<>@:;,]+>?")
RECORD_AGAIN = 2.0  # seconds between attempts to write an outcome down while the ledger is unwell


@dataclass(frozen=True, slots=True)
class Job:
    """A message with its plan and the effects that are still to be carried out."""

    fetched: Fetched
    message: Message
    decision: Decision
    effects: tuple[Effect, ...]
    forwards: Mapping[str, bytes] = field(default_factory=dict)  # by recipient, as far as they are written already


@dataclass(frozen=True, slots=True)
class Move:
    """A message of the watched folder that is to be moved to the folder that its effect names, marked with flags."""

    key: MessageKey
    effect: Effect
    flags: tuple[str, ...] = ()


def flags_of(decision: Decision) -> tuple[str, ...]:
    """What a colleague sees on the filed mail: \\Flagged where it is pressing, and the keywords that rules gave it."""
    pressing = ("\\Flagged",) if decision.priority in ("urgent", "high") else ()
    return (*pressing, *decision.tags)


def write_forward(
    office: Office, raw: bytes, message: Message, decision: Decision, effect: Effect | NewEffect, born_at: datetime
) -> bytes:
    """The bytes of a forward; the same arguments give the same bytes."""
    sender = office.settings.mailboxes[decision.mailbox].addresses[0]
    envelope = forward.Envelope(sender, office.settings.shop.name, effect.recipient, effect.outbound_id or "", born_at)
    inline, masked = decision.forward_inline, decision.forward_masked
    return forward.compose(raw, message, decision, envelope, inline=inline, masked=masked)


def _flags_again(item: Pending) -> tuple[str, ...]:
    return flags_of(Decision.from_json(item.decision)) if item.decision else ()


class Performer:
    """Carries out the effects of one mailbox's messages."""

    def __init__(self, services: Services, mailbox: Mailbox) -> None:
        self._services = services
        self._mailbox = mailbox
        self._sending: set[asyncio.Task[None]] = set()
        self._active: set[int] = set()  # effects whose send is under way
        # Rows of messages that are being worked on: what is planned for them is nobody else's.
        self.busy: set[int] = set()
        self._log = log.get().bind(mailbox=mailbox.name)

    @property
    def under_way(self) -> frozenset[int]:
        """Effects that are being sent now."""
        return frozenset(self._active)

    async def perform(self, jobs: Sequence[Job]) -> None:
        """Everything the jobs ask for. Returns when all is moved; slow sends go on in the background."""
        begun = [
            self._begin(self._send_job(effect, job), effect)
            for job in jobs
            for effect in job.effects
            if effect.kind is not Kind.FILE and effect.state is State.PLANNED
        ]
        sends = [task for task in begun if task is not None]
        if sends:
            await asyncio.wait(sends, timeout=FILE_GRACE)
        await self._file(
            Move(job.fetched.key, effect, flags_of(job.decision))
            for job in jobs
            for effect in job.effects
            if effect.kind is Kind.FILE
        )

    @contextmanager
    def working_on(self, messages: Iterable[int]) -> Iterator[None]:
        """While it is entered, these rows are in `busy`."""
        rows = set(messages)
        self.busy |= rows
        try:
            yield
        finally:
            self.busy -= rows

    async def retry_due(self, pending: Sequence[Pending]) -> None:
        """Carry out effects whose time has come; the mails they need are fetched again."""
        with self.working_on({item.effect.message for item in pending}):
            await self._retry(pending)

    async def _retry(self, pending: Sequence[Pending]) -> None:
        pending = [item for item in pending if item.effect.id not in self._active]
        sends = []
        moves = await self._whereabouts([item for item in pending if item.effect.kind is Kind.FILE])
        for item in pending:
            if item.effect.kind in WRITTEN:
                sends.append(self._begin(self._send_written(item.effect), item.effect))
            elif item.effect.kind is Kind.FORWARD:
                job = await self._job_again(item)
                if job is not None:
                    sends.append(self._begin(self._send_job(item.effect, job), item.effect))
        running = [task for task in sends if task is not None]
        if running:
            await asyncio.wait(running, timeout=FILE_GRACE)
        await self._file(moves)

    async def file_alone(self, key: MessageKey, effect: Effect) -> None:
        """Move one message that has no other effect."""
        await self._file([Move(key, effect)])

    async def drain(self, seconds: float) -> None:
        """Let sends that are under way end, for at most *seconds*; what is left is cancelled (and recovered at the next start)."""
        if self._sending:
            _, late = await asyncio.wait(self._sending, timeout=seconds)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    # -- sending -----------------------------------------------------------------------------------------------------------

    def _begin(self, work: Coroutine[Any, Any, None], effect: Effect) -> asyncio.Task[None] | None:
        """Start a send, unless too many are under way: then the effect stays planned, and its time comes again."""
        if len(self._sending) >= MAX_SENDING:
            work.close()
            self._log.warning("send_put_off", effect=effect.id, under_way=len(self._sending))
            return None
        task = asyncio.ensure_future(work)
        self._sending.add(task)
        self._active.add(effect.id)
        task.add_done_callback(self._sending.discard)
        task.add_done_callback(lambda _: self._active.discard(effect.id))
        return task

    async def _send_job(self, effect: Effect, job: Job) -> None:
        if effect.kind is Kind.REPLY:
            await self._send_written(effect)
            return
        try:
            content = await self._content(effect, job)
        except Exception as error:  # noqa: BLE001  one mail must not keep the others; the fault is reported and kept
            self._log.exception("forward_not_composed", effect=effect.id, m=job.message.fingerprint[:8])
            await self._record(effect, Event.REFUSED, f"cannot be composed: {type(error).__name__}: {error}")
            return
        await self._send(effect, content)

    async def _content(self, effect: Effect, job: Job) -> bytes:
        if effect.recipient in job.forwards:
            return job.forwards[effect.recipient]
        office, raw = self._services.office, job.fetched.raw
        write = partial(write_forward, office, raw, job.message, job.decision, effect, effect.born_at)
        return await self._services.compute(write)

    async def _send_written(self, effect: Effect) -> None:
        longest = POLICIES[effect.kind].give_up_after
        if self._services.stopped is not None and effect.kind in AT_MOST_ONCE:
            await self._record(effect, Event.SUPPRESSED, self._services.stopped)
        elif (
            self._services.clock.now() - effect.born_at >= longest
        ):  # we or the server were down for so long: it is stale
            await self._record(effect, Event.REFUSED, f"given up after {longest}: never sent")
        elif effect.content is None:
            await self._record(effect, Event.REFUSED, "the ledger does not hold its text")
        else:
            await self._send(effect, effect.content)

    async def _send(self, effect: Effect, content: bytes) -> None:
        """One transaction with the SMTP server, and what came of it into the ledger."""

        async def intent() -> None:
            await self._services.ledger.advance([Outcome(effect.id, Event.STARTED)], self._services.clock.now())

        try:
            answer = await self._services.courier.send(
                effect.envelope_sender, effect.recipient, content, before_data=intent
            )
        except PermanentError as error:
            await self._record(effect, Event.REFUSED, str(error))
        except TransientError as error:
            await self._defer(effect, str(error))
        except UnknownOutcome as error:
            await self._record(effect, Event.LOST, str(error))
            if effect.kind not in AT_MOST_ONCE:
                await self._record(effect, Event.REPEATED, None, self._next(effect))
        except LedgerError as error:
            self._log.error(
                "ledger_unusable", effect=effect.id, detail=str(error)
            )  # nothing was sent; it stays planned
        else:
            await self._record(effect, Event.ACCEPTED, answer)

    async def _defer(self, effect: Effect, detail: str) -> None:
        again = self._next(effect)
        if again is None:
            span = POLICIES[effect.kind].give_up_after
            await self._record(effect, Event.REFUSED, f"given up after {span}: {detail}")
        else:
            await self._record(effect, Event.DEFERRED, detail, again)

    def _next(self, effect: Effect) -> datetime | None:
        services = self._services
        policy = POLICIES[effect.kind]
        return next_try(
            replace(policy, first=min(policy.first, services.office.settings.retry.first_wait)),
            attempt=effect.attempts + 1,
            born=effect.born_at,
            now=services.clock.now(),
            jitter=services.random(),
        )

    # -- moving ------------------------------------------------------------------------------------------------------------

    async def _file(self, moves: Iterable[Move]) -> None:
        """Move messages, one command a folder. They lie in the selected folder, or have been moved away meanwhile."""
        by_folder: dict[str, list[Move]] = defaultdict(list)
        for move in moves:
            if move.effect.state is State.PLANNED:
                by_folder[move.effect.recipient].append(move)
        for folder, batch in by_folder.items():
            await self._advance([Outcome(move.effect.id, Event.STARTED) for move in batch])
            try:
                await self._mark(batch)
                places = await self._move([move.key.uid for move in batch], folder)
                missing = [move.key.uid for move in batch if move.key.uid not in places]
                still_there = await self._mailbox.present(missing)
            except CommandRefused as error:
                outcomes = [self._put_off(move.effect, str(error)) for move in batch]
                self._log.error("move_refused", folder=folder, n=len(batch), detail=str(error))
            else:
                outcomes = [self._moved(move.key, move.effect, places, still_there) for move in batch]
            await self._advance(outcomes)

    async def _mark(self, batch: Sequence[Move]) -> None:
        """Flags and keywords go along with a move. A server that keeps none (Exchange knows no keywords) is no reason not to move."""
        by_flags: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for move in batch:
            if move.flags:
                by_flags[move.flags].append(move.key.uid)
        for flags, uids in by_flags.items():
            await self._mark_with(uids, flags)

    async def _mark_with(self, uids: Sequence[int], flags: Sequence[str]) -> None:
        try:
            await self._mailbox.mark(uids, flags)
        except CommandRefused as error:
            if len(flags) > 1:  # a server that takes no keywords takes \Flagged all the same
                for flag in flags:
                    await self._mark_with(uids, (flag,))
            else:
                self._log.warning("flags_refused", flags=flags[0], detail=str(error))

    async def _move(self, uids: Sequence[int], folder: str) -> dict[int, MessageKey]:
        try:
            return await self._mailbox.move(uids, folder)
        except CommandRefused:
            if not await self._mailbox.ensure_folders([folder]):
                raise
            return await self._mailbox.move(uids, folder)  # somebody had deleted the folder

    def _moved(self, key: MessageKey, effect: Effect, places: dict[int, MessageKey], still_there: set[int]) -> Outcome:
        if key.uid in places:
            return Outcome(effect.id, Event.ACCEPTED, place=places[key.uid])
        if key.uid in still_there:
            return self._put_off(effect, "the server did not move it and did not say why")
        self._log.warning("moved_by_another", uid=key.uid, folder=effect.recipient)
        return Outcome(effect.id, Event.ACCEPTED, "it was moved or deleted by another client")

    def _put_off(self, effect: Effect, detail: str) -> Outcome:
        return Outcome(effect.id, Event.DEFERRED, detail, self._next(effect))

    async def _whereabouts(self, items: Sequence[Pending]) -> list[Move]:
        """Those of *items* that still lie in the watched folder. What lies in its target already was moved before a crash: it is done."""
        folder = self._mailbox.selected()
        here = [
            item
            for item in items
            if item.place and (item.place.folder, item.place.uidvalidity) == (folder.name, folder.uidvalidity)
        ]
        present = await self._mailbox.present([item.place.uid for item in here if item.place])
        moves = []
        for item in items:
            if item.effect.recipient == folder.name:
                await self._bring_back(item)
                continue
            if item.place and item in here and item.place.uid in present:
                if not await self._finish_copy(item):
                    moves.append(Move(item.place, item.effect, _flags_again(item)))
                continue
            there = await self.search(item.effect.recipient, item)
            back = None if there else await self.search(folder.name, item)
            if back is not None:
                moves.append(Move(back.key, item.effect, _flags_again(item)))
                continue
            detail = None if there else "it was moved or deleted by another client"
            place = there.key if there else None
            await self._advance(
                [Outcome(item.effect.id, Event.STARTED), Outcome(item.effect.id, Event.ACCEPTED, detail, place=place)]
            )
        return moves

    async def _finish_copy(self, item: Pending) -> bool:
        """Where the server has no MOVE, a move that was cut may have left a copy behind: then only the original is taken away."""
        if self._mailbox.moves_at_once or not item.effect.attempts or item.place is None:
            return False
        copies = await self._mailbox.find(
            item.effect.recipient, item.message_id, item.effect.born_at - timedelta(days=1)
        )
        known = await self._services.ledger.placed(
            copies
        )  # those of other mails, even if they are the same byte for byte
        for copy in copies:
            if copy in known:
                continue
            fetched = await self._mailbox.fetch_at(copy, largest=self._services.office.settings.limits.message_bytes)
            if fetched is not None and self._same(fetched, item):
                await self._advance([Outcome(item.effect.id, Event.STARTED)])
                await self._mailbox.remove([item.place.uid])
                await self._advance([Outcome(item.effect.id, Event.ACCEPTED, place=copy)])
                return True
        return False

    async def _bring_back(self, item: Pending) -> None:
        """Move a mail out of quarantine, back into the watched folder, where it is found as a new mail."""
        await self._advance([Outcome(item.effect.id, Event.STARTED)])
        place = None
        if item.place is not None:
            place = await self._mailbox.move_from(item.place, item.effect.recipient)
        detail = None if place else "it is not in its folder any more"
        await self._advance([Outcome(item.effect.id, Event.ACCEPTED, detail, place=place)])

    # -- the mail again ----------------------------------------------------------------------------------------------------

    async def _job_again(self, item: Pending) -> Job | None:
        """Fetch the mail of a forward that waits; a forward whose original is nowhere to be found is refused and reported."""
        fetched = await self.locate(item)
        if fetched is None or item.decision is None:
            await self._record(item.effect, Event.REFUSED, "the original is not in its folder any more")
            return None
        office = self._services.office
        message = await self._services.compute(
            lambda: parse(fetched.raw, languages=languages_of(office.settings.mailboxes[item.mailbox].languages))
        )
        return Job(fetched, message, Decision.from_json(item.decision), (item.effect,))

    async def locate(self, item: Pending) -> Fetched | None:
        """The mail of *item*: at its recorded place, else in its target folder or the watched one by Message-ID and fingerprint."""
        largest = self._services.office.settings.limits.message_bytes
        if item.place is not None:
            fetched = await self._mailbox.fetch_at(item.place, largest=largest)
            if fetched is not None and self._same(fetched, item):
                return fetched
        folders = [item.decision["folder"]] if item.decision else []
        for folder in dict.fromkeys([*folders, item.first_key.folder]):
            fetched = await self.search(folder, item)
            if fetched is not None:
                await self._services.ledger.moved(item.effect.message, fetched.key)
                return fetched
        return None

    async def search(self, folder: str, item: Pending) -> Fetched | None:
        """The mail of *item* in *folder*, by Message-ID (or date) and then by fingerprint."""
        largest = self._services.office.settings.limits.message_bytes
        since = item.effect.born_at - timedelta(days=1)
        try:
            places = await self._mailbox.find(folder, item.message_id, since)
        except CommandRefused:
            return None  # the folder is not there
        for place in places[: CANDIDATES if item.message_id else 50]:
            fetched = await self._mailbox.fetch_at(place, largest=largest)
            if fetched is not None and self._same(fetched, item):
                return fetched
        return None

    @staticmethod
    def _same(fetched: Fetched, item: Pending) -> bool:
        return item.fingerprint is None or fingerprint(fetched.raw) == item.fingerprint

    # -- writing down ------------------------------------------------------------------------------------------------------

    async def _record(
        self, effect: Effect, event: Event, detail: str | None, next_try_at: datetime | None = None
    ) -> None:
        await self._advance([Outcome(effect.id, event, detail, next_try_at)])
        self._services.metrics.effects.labels(effect.kind, event).inc()
        level = self._log.info if event is Event.ACCEPTED else self._log.warning
        level("effect", kind=effect.kind.value, effect=effect.id, outcome=event.value, detail=_bounded(detail),
              next_try=next_try_at and next_try_at.isoformat(timespec="seconds"))  # fmt: skip

    async def _advance(self, outcomes: Sequence[Outcome]) -> None:
        """Write outcomes down, whatever it takes: what has happened must not be forgotten because the disk was full for a minute."""
        while True:
            try:
                await self._services.ledger.advance(outcomes, self._services.clock.now())
            except LedgerError as error:
                self._services.metrics.ledger_ok.set(0)
                self._log.error("ledger_unusable", detail=str(error))
                await asyncio.sleep(RECORD_AGAIN)
            else:
                self._services.metrics.ledger_ok.set(1)
                return


def _bounded(detail: str | None) -> str | None:
    """A server's words for the log: short, and without the addresses that servers like to repeat. The ledger has them whole."""
    return _ADDRESS.sub("(address)", detail)[:200] if detail else None


def languages_of(locales: Iterable[str]) -> tuple[str, ...]:
    """Languages of locales: "es-MX" is written in "es"."""
    return tuple(dict.fromkeys(locale.partition("-")[0] for locale in locales))
