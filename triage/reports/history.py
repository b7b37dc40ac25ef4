"""`triage import-history`: pairs of a customer's mail and its first answer, from folders of the past. Reads only.

Mail without an answer is left out: most of it needed none (spam, thanks), and as tickets that stay open for ever it would
leave no date to promise. So imported history is a little quicker than the truth; the first weeks correct that.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from triage import config, guard, side_folders
from triage.app import load_model
from triage.clock import SystemClock
from triage.errors import ModelError
from triage.identity import ticket_reference
from triage.ledger import Ledger
from triage.mailbox import Fetched, Mailbox
from triage.message import Message
from triage.parsing import parse
from triage.performing import languages_of
from triage.planning import Facts, Office, plan
from triage.promises import responses
from triage.promises.promiser import sample_name
from triage.records import TicketEvent, TicketEventKind
from triage.services import Model, NoModel


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the operator asked for."""

    since: datetime
    inbox: tuple[str, ...]  # empty: the watched folder
    sent: tuple[str, ...]  # empty: watch_sent, or the server's own
    team: str | None  # None: as rules and text model decide


@dataclass(frozen=True, slots=True)
class Imported:
    """What was found."""

    read: int
    answers: int
    pairs: int
    new: int
    by_team: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Answer:
    """A person's mail that refers to others."""

    at: datetime
    to: frozenset[str]


@dataclass(frozen=True, slots=True)
class Pair:
    """A customer's mail and when a person first answered it."""

    message: Message
    received_at: datetime
    answered_at: datetime


async def import_past(home: Path, office: Office, names: Sequence[str], wanted: Wanted) -> Imported:
    """Read the pairs of mailboxes *names* into the ledger. Raises TransientError, LedgerError; then nothing was changed."""
    model: Model = NoModel()
    if wanted.team is None:
        try:
            model = load_model(home, office.settings.model)
        except ModelError:
            model = NoModel()  # everything that no rule decides counts for the front desk, as in the daemon
    read = answers = 0
    past: list[TicketEvent] = []
    ledger = Ledger.open(home / office.settings.ledger)
    try:
        for name in names:
            mine = office.settings.mailboxes[name]
            password = partial(config.secret, mine.imap.password, home)
            mailbox = Mailbox(name, mine.imap, home=home, password=password, clock=SystemClock())
            try:
                await mailbox.connect()
                own_sent = await side_folders.sent_folder(mailbox)
                sent = wanted.sent or mine.watch_sent or ((own_sent,) if own_sent else ())
                found = await _answers(mailbox, sent, wanted.since)
                answers += sum(map(len, found.values()))
                pairs: list[Pair] = []
                languages = languages_of(mine.languages)
                async for fetched in _mails(mailbox, wanted.inbox or (mine.folder,), wanted.since):
                    read += 1
                    pair = _paired(parse(fetched.raw, languages=languages), fetched.received_at, found)
                    if pair is not None and not await ledger.tickets.matching((pair.message.message_id or "",), ()):
                        pairs.append(pair)
            finally:
                await mailbox.shutdown()
            past += _events(pairs, office, model, wanted.team)
        new = await ledger.tickets.import_history(past)
    finally:
        ledger.close()
    teams = Counter(event.data["team"] for event in past if event.kind is TicketEventKind.OPENED)
    return Imported(read, answers, len(past) // 2, new, dict(sorted(teams.items())))


async def _mails(mailbox: Mailbox, folders: Sequence[str], since: datetime) -> AsyncIterator[Fetched]:
    for folder in folders:
        uids = await side_folders.new_uids(mailbox, folder, None, since)
        for start in range(0, len(uids), side_folders.AT_ONCE):
            for fetched in await side_folders.read(mailbox, folder, uids[start : start + side_folders.AT_ONCE]):
                if fetched.received_at >= since:
                    yield fetched


async def _answers(mailbox: Mailbox, folders: Sequence[str], since: datetime) -> dict[str, list[Answer]]:
    """What people wrote, by the Message-IDs it refers to."""
    found: dict[str, list[Answer]] = defaultdict(list)
    async for fetched in _mails(mailbox, folders, since):
        message = parse(fetched.raw)
        if responses.no_person(message) is None:
            for identifier in responses.related_ids(message):
                found[identifier].append(Answer(fetched.received_at, responses.recipients(message)))
    return found


def _paired(message: Message, received_at: datetime, answers: Mapping[str, Sequence[Answer]]) -> Pair | None:
    """*message* with the first answer to its author, if there is one."""
    named = (message.from_address, *message.reply_to)
    customer = {address.address.casefold() for address in named if address is not None}
    fitting = [
        answer.at
        for answer in answers.get(message.message_id or "", ())
        if answer.at >= received_at and answer.to & customer
    ]
    return Pair(message, received_at, min(fitting)) if fitting else None


def _events(pairs: Sequence[Pair], office: Office, model: Model, team: str | None) -> list[TicketEvent]:
    """What the estimator is to learn of *pairs*. Machines' mail teaches nothing, and neither does a colleague's."""
    predictions = model.predict([pair.message.own_words for pair in pairs]) if pairs else []
    events = []
    for pair, prediction in zip(pairs, predictions, strict=True):
        facts = Facts(mailbox=None, received_at=pair.received_at, now=pair.received_at, prediction=prediction)
        made = plan(pair.message, facts, office)
        if not made.verdict.allowed and made.verdict.reason != guard.RULE:
            continue
        name, ticket = team or made.route.team, ticket_reference(pair.message.fingerprint)
        data = {
            "team": sample_name(name, "opening-hours" if team else made.route.clock),
            "language": pair.message.language,
            "priority": made.route.priority,
            "due_at": None,
            "imported": True,
        }
        opened, answered = pair.received_at, pair.answered_at
        events.append(TicketEvent(ticket, TicketEventKind.OPENED, opened, opened, data))
        events.append(TicketEvent(ticket, TicketEventKind.ANSWERED, answered, answered, {"how": "imported"}))
    return events
