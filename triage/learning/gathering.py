"""Reads the folders that teach, of every support mailbox, and says what each mail in them teaches. Nothing there is marked or moved.

The first time all mails are read, in part where they are large; later only those that are new in their folder, since the notebook knows
the others by their place. What has left the folders leaves the notebook.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from triage import config
from triage.classifier import splitting, teaching
from triage.classifier.dataset import Row
from triage.classifier.notebook import Notebook
from triage.classifier.notes import Note, Spot
from triage.classifier.teaching import Filed, Known, Lesson, NoLesson, Subject
from triage.clock import Clock
from triage.errors import TransientError
from triage.imap_connection import CommandRefused
from triage.learning import filed_mail
from triage.learning.noting import note
from triage.ledger.decided import DecidedMail
from triage.mailbox import Fetched, Mailbox
from triage.parsing import parse
from triage.performing import languages_of
from triage.planning import Office
from triage.settings import Mailbox as MailboxSettings

FORGOTTEN = "its sender is to be forgotten"

Progress = Callable[[str, int, int], None]  # what is done, step, of how many


@dataclass(frozen=True, slots=True)
class Found:
    """A mail that lies in a folder that teaches."""

    note: Note
    folder: str  # as configured
    answered: bool  # \\Answered


@dataclass(frozen=True, slots=True)
class Gathered:
    """Lessons, the newest mail first."""

    rows: tuple[Row, ...]
    held_out: tuple[bool, ...]  # of each row: kept for the examination
    read: int  # mails in the folders
    lessons: Mapping[str, int]  # by teaching.Kind
    left_out: Mapping[str, int]  # by reason


class Ledgered:
    """What the ledger knows, by what a mail can be recognised by."""

    def __init__(self, decided: Iterable[DecidedMail]) -> None:
        self._by_key: dict[tuple[str, str], DecidedMail] = {}
        self._by_id: dict[tuple[str, str], dict[str, DecidedMail]] = defaultdict(dict)
        for one in decided:
            self._by_key[one.mailbox, one.fingerprint] = one
            if one.message_id:
                self._by_id[one.mailbox, one.message_id][one.fingerprint] = one

    def get(self, mailbox: str, key: str) -> DecidedMail | None:
        return self._by_key.get((mailbox, key))

    def recognise(self, fetched: Fetched, message_id: str | None, fingerprint: str) -> str:
        """The fingerprint of a mail. Of one that was read in part it cannot be computed: then by Message-ID, and time of arrival where
        two mails carry the same one.
        """
        same = self._by_id.get((fetched.key.mailbox, message_id or ""), {})
        if not fetched.truncated or fingerprint in same:
            return fingerprint
        at = [key for key, one in same.items() if one.received_at == fetched.received_at]
        candidates = at if at else list(same)
        return candidates[0] if len(candidates) == 1 else fingerprint


class Gatherer:
    """Reads the mailboxes of one office into a notebook."""

    def __init__(
        self,
        home: Path,
        office: Office,
        book: Notebook,
        subjects: Mapping[str, Subject],
        ledgered: Ledgered,
        *,
        own_names: frozenset[str],
        clock: Clock,
        most: int,
        progress: Progress,
    ) -> None:
        self._home, self._office, self._book = home, office, book
        self._subjects, self._ledgered, self._own_names = subjects, ledgered, own_names
        self._clock, self._most, self._progress = clock, most, progress
        self.unreadable: list[str] = []  # folders, with what the server said

    async def read(self) -> list[Found]:
        """Everything that lies in the folders that teach. Raises TransientError; what was read until then is kept."""
        found: list[Found] = []
        try:
            for name, mine in self._office.settings.mailboxes.items():
                password = partial(config.secret, mine.imap.password, self._home)
                mailbox = Mailbox(name, mine.imap, home=self._home, password=password, clock=self._clock)
                try:
                    await mailbox.connect()
                    found += await self._mailbox(mailbox, mine)
                except TransientError as error:
                    remedy = f"Correct mailboxes.{name}.imap in {config.SETTINGS}, or try again when the server is back"
                    raise TransientError(f"{error}. {remedy}") from error
                finally:
                    await mailbox.shutdown()
            there = {one.note.spot for one in found}
            self._book.notes = {spot: note for spot, note in self._book.notes.items() if spot in there}
        finally:
            self._book.save()
        return found

    async def _mailbox(self, mailbox: Mailbox, mine: MailboxSettings) -> list[Found]:
        surveys = [(await filed_mail.survey(mailbox, name), home) for name, home in await self._folders(mailbox, mine)]
        new = [
            (
                survey,
                [uid for uid in survey.uids[-self._most :] if self._spot(mailbox, survey, uid) not in self._book.notes],
            )
            for survey, _ in surveys
        ]
        await self._read_new(mailbox, mine, new)
        return [
            Found(note, home, uid in survey.answered)
            for survey, home in surveys
            for uid in survey.uids
            if (note := self._book.notes.get(self._spot(mailbox, survey, uid))) is not None
        ]

    async def _folders(self, mailbox: Mailbox, mine: MailboxSettings) -> list[tuple[str, str]]:
        """Folders to be read, as the server writes them, with the configured folder that each belongs to."""
        known = {*self._office.policy.folders, mine.folder, mine.quarantine, mine.bounces, *mine.no_answer_needed}
        found = []
        for folder in self._subjects:
            try:
                names = await filed_mail.listed(mailbox, folder)
            except CommandRefused as error:
                self.unreadable.append(f"{mailbox.name} {folder}: {error}")
                continue
            found += [
                (name, folder)
                for name in names
                if teaching.home_of(filed_mail.as_configured(mailbox, name), known) == folder
            ]
        return found

    async def _read_new(
        self, mailbox: Mailbox, mine: MailboxSettings, new: list[tuple[filed_mail.Survey, list[int]]]
    ) -> None:
        done, of = 0, sum(len(uids) for _, uids in new)
        self._progress(f"reading {mailbox.name}", done, of)
        for survey, uids in new:
            sizes = await filed_mail.sizes(mailbox, survey.folder, uids)
            for batch in filed_mail.batches(sizes):
                for fetched in await filed_mail.read(mailbox, survey.folder, batch):
                    made = self._note(fetched, mine)
                    self._book.notes[made.spot] = made
                done += len(batch)
                self._progress(f"reading {mailbox.name}", done, of)

    def _note(self, fetched: Fetched, mine: MailboxSettings) -> Note:
        message = parse(fetched.raw, languages=languages_of(mine.languages))
        key = self._ledgered.recognise(fetched, message.message_id, message.fingerprint)
        known = self._ledgered.get(fetched.key.mailbox, key)
        made = note(
            fetched,
            message,
            key,
            known.ticket if known else None,
            mailbox=mine,
            office=self._office,
            own_names=self._own_names,
            seal=self._book.seal,
        )
        if self._book.is_forgotten(made.customer):
            return replace(made, customer="", thread="", text="", aside=FORGOTTEN)
        return made

    @staticmethod
    def _spot(mailbox: Mailbox, survey: filed_mail.Survey, uid: int) -> Spot:
        return Spot(mailbox.name, survey.folder, survey.uidvalidity, uid)


def lessons(found: Iterable[Found], subjects: Mapping[str, Subject], ledgered: Ledgered, most: int) -> Gathered:
    """What *found* teaches: at most *most* rows, of the newest mails."""
    found = list(found)
    notes: dict[str, Note] = {}
    taught: list[tuple[str, Lesson]] = []
    left_out: Counter[str] = Counter()
    for one in found:
        said = _lesson(one, subjects[one.folder], ledgered)
        if isinstance(said, Lesson):
            notes[one.note.key] = one.note
            taught.append((one.note.key, said))
        else:
            left_out[str(said)] += 1
    agreed = teaching.agreed(taught)
    left_out.update(str(said) for said in agreed.values() if isinstance(said, NoLesson))
    final = {key: said for key, said in agreed.items() if isinstance(said, Lesson)}
    newest = sorted(final, key=lambda key: (notes[key].received_at, key), reverse=True)[:most]
    ties = [splitting.Ties(notes[key].customer, notes[key].thread) for key in newest]
    groups = splitting.conversations(ties)
    rows = tuple(
        Row(
            text=notes[key].text,
            label=final[key].label,
            id=key[:16],
            lang=notes[key].language,
            source=final[key].kind,
            writer=name,
        )
        for key, name in zip(newest, splitting.names(groups), strict=True)
    )
    return Gathered(
        rows=rows,
        held_out=tuple(splitting.held_out(ties, groups)),
        read=len(found),
        lessons=Counter(row.source for row in rows),
        left_out=left_out,
    )


def _lesson(one: Found, subject: Subject, ledgered: Ledgered) -> Lesson | str:
    if one.note.aside:
        return one.note.aside
    decided = ledgered.get(one.note.spot.mailbox, one.note.key)
    known = Known(decided.category, decided.left_in, decided.answered) if decided else None
    return teaching.lesson(Filed(one.folder, one.answered, known), subject)
