"""`triage replay`: rules, model, calendars and texts over mail of the past. Sends nothing, writes nothing, moves nothing.

Each mail is decided about with everything as it stands now, or as a draft has it, and compared

    without a draft     with what was decided then, by the ledger
    with a draft        with what is decided by the configuration and model in force, on the same facts: what differs is the draft's
                        doing. Promises are computed from the waits that the ledger knows today, on both sides

Mail comes from files, or from the folders of the support mailboxes over IMAP (EXAMINE and BODY.PEEK: no flag is touched).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from imapclient import IMAPClient

from triage import config
from triage.clock import SystemClock
from triage.explaining import files_in
from triage.imap_connection import CommandRefused, Folder
from triage.ledger.queries import Past
from triage.lookback.comparing import OF_THE_MOMENT, Compared, Outcome, Summary
from triage.mailbox import Mailbox
from triage.message import Message, Prediction
from triage.parsing import DEFAULT_ORDER_PATTERNS, parse
from triage.patterns import compiled
from triage.performing import languages_of
from triage.planning import Facts, Office, Promiser, plan
from triage.records import History, Ticket
from triage.services import Model

BATCH = 64  # mails given to the model together, and fetched together


@dataclass(frozen=True, slots=True)
class Source:
    """A mail of the past as it was read."""

    where: str
    raw: bytes
    received_at: datetime | None  # None: not known, the mail's Date counts
    mailbox: str | None  # None: not known, what depends on it is left out


@dataclass(frozen=True, slots=True)
class Side:
    """One way to decide."""

    office: Office
    model: Model
    promiser: Promiser | None = None  # None: nothing is measured, the configured first response is promised


Lookup = Callable[[Iterable[str]], Mapping[str, Past]]  # fingerprints to what the ledger has of them


def replay(
    sources: Iterable[Source],
    before: Side | None,
    after: Side,
    lookup: Lookup,
    now: datetime,
    since: datetime | None = None,
) -> Summary:
    """Decide about *sources* and compare.

    Args:
        since: mails whose date is earlier are left out.
        before: the other way to decide; None: what the ledger has.
        lookup: gives what is known of the mails; mails that are not known are compared only where *before* is given.
        now: for mails without a usable date.
    """
    compared: list[Compared] = []
    seen: set[str] = set()
    read = unknown = 0
    for batch in _batches(sources):
        mails = []
        for source in batch:
            message = _parsed(source, after.office)
            at = source.received_at or _claimed(message) or now
            if message.fingerprint not in seen and (since is None or at >= since):  # not a copy in another folder
                seen.add(message.fingerprint)
                mails.append((source, message))
        read += len(mails)
        known = lookup(message.fingerprint for _, message in mails)
        unknown += sum(message.fingerprint not in known for _, message in mails)
        if before is None:
            mails = [(source, message) for source, message in mails if message.fingerprint in known]
        texts = [message.own_words for _, message in mails]
        said = after.model.predict(texts) if texts else []
        new = _decide(mails, said, after, known, now)
        if before is not None and before.model is not after.model:
            said = before.model.predict(texts) if texts else []
        old = (
            _decide(mails, said, before, known, now)
            if before
            else [_then(known[mail.fingerprint]) for _, mail in mails]
        )
        for (source, message), one, other in zip(mails, old, new, strict=True):
            author = message.from_address.address if message.from_address else None
            where = message.message_id or source.where
            compared.append(
                Compared(
                    source.where if before else where,
                    message.message_id,
                    author,
                    message.subject,
                    one,
                    other,
                    same_waits=before is not None,
                )
            )
    against = "the configuration in force" if before else "what was decided then"
    return Summary(read, unknown, tuple(compared), against)


def _batches(sources: Iterable[Source]) -> Iterator[list[Source]]:
    batch: list[Source] = []
    for source in sources:
        batch.append(source)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _parsed(source: Source, office: Office) -> Message:
    settings = office.settings
    boxes = [settings.mailboxes[source.mailbox]] if source.mailbox else list(settings.mailboxes.values())
    return parse(
        source.raw[: settings.limits.message_bytes],
        languages=languages_of(language for mailbox in boxes for language in mailbox.languages),
        order_patterns=compiled(settings.shop.order_patterns) or DEFAULT_ORDER_PATTERNS,
    )


def _decide(
    mails: Sequence[tuple[Source, Message]],
    predictions: Sequence[Prediction],
    side: Side,
    known: Mapping[str, Past],
    now: datetime,
) -> list[Outcome]:
    return [
        _outcome(source, message, prediction, side, known.get(message.fingerprint), now)
        for (source, message), prediction in zip(mails, predictions, strict=True)
    ]


def _outcome(
    source: Source, message: Message, prediction: Prediction, side: Side, past: Past | None, now: datetime
) -> Outcome:
    at = past.received_at if past else source.received_at or _claimed(message) or now
    mailbox = past.mailbox if past and past.mailbox in side.office.settings.mailboxes else source.mailbox
    facts = Facts(
        mailbox=mailbox,
        received_at=at,
        now=past.seen_at if past and past.seen_at >= at else at,
        prediction=prediction,
        history=History(_ticket(past), False, 0, 0),
        promiser=side.promiser,
    )
    decided = Outcome.of(plan(message, facts, side.office).decision.to_json())
    then = past.decision.get("silence") if past and past.decision else None
    if then in OF_THE_MOMENT and decided.silence is None:
        return replace(decided, reply=None, locale=None, silence=then)
    return decided


def _ticket(past: Past | None) -> Ticket | None:
    """The ticket that a follow-up belonged to, as far as it is known afterwards."""
    decision = past.decision if past else None
    if past is None or not decision or not decision.get("follow_up"):
        return None
    values: dict[str, Any] = {
        "ticket": decision["ticket"],
        "mailbox": past.mailbox,
        "team": decision["team"],
        "opened_at": datetime.fromisoformat(decision["opened_at"]),
        "due_at": None,
        "priority": decision["priority"],
        "category": decision.get("category"),
        "last_reply_at": None,
        "first_response_at": None,
        "promise": {},
    }
    return Ticket(**values)


def _then(past: Past) -> Outcome:
    assert past.decision is not None
    return Outcome.of(past.decision)


def _claimed(message: Message) -> datetime | None:
    claimed = message.claimed_date
    return claimed if claimed and 1991 <= claimed.year <= 2190 else None


# -- where mail comes from ---------------------------------------------------------------------------------------------------------


def from_files(paths: Iterable[Path], mailbox: str | None) -> Iterator[Source]:
    """Mails in files and folders, in order of name; what cannot be read is left out."""
    for path in files_in(paths):
        with contextlib.suppress(OSError):
            yield Source(str(path), path.read_bytes(), None, mailbox)


def from_mailboxes(home: Path, office: Office, since: datetime) -> Iterator[Source]:
    """Mails received after *since* in the watched folders and in those that mail is filed in. Raises TransientError."""
    for name, settings in office.settings.mailboxes.items():
        mailbox = Mailbox(
            name,
            settings.imap,
            home=home,
            clock=SystemClock(),
            password=partial(config.secret, settings.imap.password, home),
        )
        folders = dict.fromkeys([settings.folder, *sorted(office.policy.folders)])
        yield from asyncio.run(_fetch(mailbox, folders, since, office.settings.limits.message_bytes))


async def _fetch(mailbox: Mailbox, folders: Iterable[str], since: datetime, largest: int) -> list[Source]:
    found: list[Source] = []
    try:
        await mailbox.connect()
        await mailbox.select(next(iter(folders)))
        for folder in folders:
            with contextlib.suppress(CommandRefused):  # nothing was filed there yet
                found += await mailbox.inside(folder, partial(_read_folder, mailbox.name, since, largest))
    finally:
        await mailbox.shutdown()
    return found


def _read_folder(mailbox: str, since: datetime, largest: int, client: IMAPClient, folder: Folder) -> list[Source]:
    found = []
    uids = client.search(["SINCE", since.date()])
    for start in range(0, len(uids), BATCH):
        for uid, entry in client.fetch(
            uids[start : start + BATCH], ["INTERNALDATE", f"BODY.PEEK[]<0.{largest}>"]
        ).items():
            received_at, raw = entry[b"INTERNALDATE"].astimezone(), entry.get(b"BODY[]<0>", b"")
            if raw and received_at >= since:
                found.append(Source(f"{folder.name}:{uid}", raw, received_at, mailbox))
    return found
