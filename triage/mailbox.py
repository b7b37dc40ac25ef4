"""The IMAP edge: one support mailbox, its folders, and the mail that is read and moved (RFC 3501, 6851 MOVE, 4315 UIDPLUS).

What may go wrong is what imap_connection names. `\\Seen` is never read and never changed: bodies are fetched with BODY.PEEK. A move
counts as done only when COPYUID names the message, or after looking (Dovecot, Cyrus and Courier answer OK to the move of a message that
is gone).
"""

from __future__ import annotations

import imaplib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError

from triage.imap_connection import LITERAL_BYTES, Connection, Folder
from triage.message import MessageKey

T = TypeVar("T")

EXPUNGE_ISSUED = "[EXPUNGEISSUED]"  # RFC 5530: Dovecot refuses a whole MOVE or COPY for one message that is gone
HEAD_BYTES = 65_536  # what is read of a mail that is too large to read
SEARCH_WINDOW = 50_000  # UIDs a SEARCH asks about: imaplib gives up on an answer of over 1,000,000 bytes
BYTES_PER_SECOND = 50_000  # slowest line that is given time for large bodies


@dataclass(frozen=True, slots=True)
class Fetched:
    """A message as it lies on the server."""

    key: MessageKey
    raw: bytes
    received_at: datetime  # INTERNALDATE, UTC
    size: int  # RFC822.SIZE
    truncated: bool  # raw is only the header and the first HEAD_BYTES


class Mailbox(Connection):
    """An account on an IMAP server, as triage works on it. Every method may raise TransientError; after that, `connect` again."""

    # -- folders -----------------------------------------------------------------------------------------------------------

    def server_name(self, folder: str) -> str:
        """The configured name, "Triaged/Logistics", as this server writes it: "INBOX.Triaged.Logistics"."""
        if folder.upper() == "INBOX":
            return "INBOX"
        name = folder.replace("/", self._separator)
        return name if name.startswith(self._prefix) else self._prefix + name

    async def ensure_folders(self, folders: Iterable[str]) -> list[str]:
        """Create what is missing, and subscribe to it so that clients show it; returns the names created."""
        return await self._run(lambda: [name for name in folders if self._ensure(name)])

    def _ensure(self, folder: str) -> bool:
        client, name = self._connected(), self.server_name(folder)
        if client.folder_exists(name):
            return False
        try:
            client.create_folder(name)
        except IMAPClientError:
            if not client.folder_exists(name):  # "already exists" has no code on half of the servers: look
                raise
            return False
        client.subscribe_folder(name)
        return True

    async def select(self, folder: str) -> Folder:
        """Select *folder* for reading and moving; returns its state as of now."""
        return await self._run(lambda: self._select(folder))

    def _select(self, folder: str, *, read_only: bool = False) -> Folder:
        name = self.server_name(folder)
        try:
            answer = self._connected().select_folder(name, readonly=read_only)
        except imaplib.IMAP4.readonly:  # imaplib's word for a folder that we may not write to; the connection is good
            read_only = True
            answer = self._connected().select_folder(name, readonly=True)
        self._folder = Folder(
            folder,
            int(answer.get(b"UIDVALIDITY", 0)),
            int(answer.get(b"UIDNEXT", 0)),
            read_only or b"READ-ONLY" in answer,
        )
        return self._folder

    # -- reading -----------------------------------------------------------------------------------------------------------

    def key(self, uid: int) -> MessageKey:
        """The message with *uid* in the selected folder."""
        folder = self.selected()
        return MessageKey(self.name, folder.name, folder.uidvalidity, uid)

    async def uids(self, first: int) -> list[int]:
        """UIDs from *first* on in the selected folder, ascending."""
        return await self._run(lambda: self._uids(first))

    def _uids(self, first: int) -> list[int]:
        client, folder = self._connected(), self.selected()
        client.noop()  # lets the server tell what is new, where SEARCH alone would not
        uidnext = int(client.folder_status(self.server_name(folder.name), ["UIDNEXT"])[b"UIDNEXT"])
        found: list[int] = []
        for start in range(first, uidnext, SEARCH_WINDOW):
            end = min(start + SEARCH_WINDOW, uidnext) - 1
            found += [uid for uid in client.search(["UID", f"{start}:{end}"]) if start <= uid <= end]
        return sorted(found)

    async def sizes(self, uids: Sequence[int]) -> dict[int, tuple[int, datetime]]:
        """RFC822.SIZE and INTERNALDATE of *uids*; what is gone meanwhile is left out."""
        answer = await self._run(lambda: self._connected().fetch(list(uids), ["RFC822.SIZE", "INTERNALDATE"]))
        return {
            uid: (int(item[b"RFC822.SIZE"]), _utc(item[b"INTERNALDATE"]))
            for uid, item in answer.items()
            if b"RFC822.SIZE" in item and b"INTERNALDATE" in item
        }

    async def fetch(self, sizes: Mapping[int, tuple[int, datetime]], *, largest: int) -> list[Fetched]:
        """The messages named in *sizes*, from the selected folder. Larger ones than *largest* bytes come in part."""
        whole = [uid for uid, (size, _) in sizes.items() if size <= largest]
        more = sum(sizes[uid][0] for uid in whole) / BYTES_PER_SECOND
        return await self._run(lambda: self._fetch(sizes, set(whole)), more)

    def _fetch(self, sizes: Mapping[int, tuple[int, datetime]], whole: set[int]) -> list[Fetched]:
        client = self._connected()
        bodies: dict[int, bytes] = {}
        for uids, item, answer_key in (
            (sorted(whole), "BODY.PEEK[]", b"BODY[]"),
            (sorted(set(sizes) - whole), f"BODY.PEEK[]<0.{HEAD_BYTES}>", b"BODY[]<0>"),
        ):
            if uids:
                # RFC822.SIZE is not exact everywhere (Exchange estimates it).
                self._largest_literal = LITERAL_BYTES + 2 * max(sizes[uid][0] for uid in uids)
                answer = client.fetch(uids, [item])
                self._largest_literal = LITERAL_BYTES
                bodies |= {uid: entry[answer_key] for uid, entry in answer.items() if entry.get(answer_key)}
        messages = []
        for uid, raw in sorted(bodies.items()):
            size, received_at = sizes[uid]
            if uid in whole and len(raw) < size // 2:
                continue  # Courier invents a short body for a message that another session moved away
            messages.append(Fetched(self.key(uid), raw, received_at, size, uid not in whole))
        return messages

    async def fetch_at(self, place: MessageKey, *, largest: int) -> Fetched | None:
        """The message at *place*, whichever folder that is; None when it is not there any more."""
        return await self._run(
            lambda: self._elsewhere(place.folder, lambda folder: self._fetch_one(folder, place, largest))
        )

    def _fetch_one(self, folder: Folder, place: MessageKey, largest: int) -> Fetched | None:
        if folder.uidvalidity != place.uidvalidity:
            return None
        answer = self._connected().fetch([place.uid], ["RFC822.SIZE", "INTERNALDATE"]).get(place.uid)
        if not answer or b"RFC822.SIZE" not in answer or b"INTERNALDATE" not in answer:
            return None
        size = int(answer[b"RFC822.SIZE"])
        found = self._fetch(
            {place.uid: (size, _utc(answer[b"INTERNALDATE"]))}, {place.uid} if size <= largest else set()
        )
        return found[0] if found else None

    async def find(self, folder: str, message_id: str | None, since: datetime) -> list[MessageKey]:
        """Where in *folder* a message with *message_id* may lie; without one, everything received since the day before *since*.

        Candidates only: two different mails may carry one Message-ID, so the caller compares fingerprints.
        """
        return await self._run(lambda: self._elsewhere(folder, lambda chosen: self._find(chosen, message_id, since)))

    def _find(self, folder: Folder, message_id: str | None, since: datetime) -> list[MessageKey]:
        criteria: list[Any] = ["HEADER", "Message-ID", message_id] if message_id else ["SINCE", since.date()]
        uids = self._connected().search(criteria)
        return [MessageKey(self.name, folder.name, folder.uidvalidity, uid) for uid in sorted(uids, reverse=True)]

    async def ask(self, question: Callable[[IMAPClient], T]) -> T:
        """*question* in the connection's thread; it must leave the selected folder selected."""
        return await self._run(lambda: question(self._connected()))

    async def inside(self, folder: str, work: Callable[[IMAPClient, Folder], T], *, read_only: bool = True) -> T:
        """*work* with another folder selected, and back. Raises CommandRefused when there is no such folder."""
        return await self._run(
            lambda: self._elsewhere(folder, lambda chosen: work(self._connected(), chosen), read_only=read_only)
        )

    def _elsewhere(self, folder: str, work: Callable[[Folder], T], *, read_only: bool = True) -> T:
        """Do *work* in another folder and come back to the selected one."""
        home = self._folder
        if home is not None and home.name == folder:
            return work(home)
        try:
            return work(self._select(folder, read_only=read_only))
        finally:
            if home is None:
                self._folder = None  # nothing is being watched: nothing to come back to
            elif self._client is not None and self._select(home.name) != home:
                self._came_back_to_another(home)

    def _came_back_to_another(self, home: Folder) -> None:
        """The watched folder was selected again: what had UIDs before still has them, or the session ends."""
        folder = self.selected()
        if (folder.uidvalidity, folder.read_only) != (home.uidvalidity, home.read_only):
            raise imaplib.IMAP4.abort(
                f"{home.name} was replaced (UIDVALIDITY {home.uidvalidity}, now {folder.uidvalidity})"
            )

    # -- moving ------------------------------------------------------------------------------------------------------------

    async def move(self, uids: Sequence[int], folder: str) -> dict[int, MessageKey]:
        """Move *uids* of the selected folder to *folder*; returns where each went. Safe to repeat.

        What is not in the answer was not moved by us: it is gone from the folder, or still there; `present` tells.
        Raises CommandRefused for a quota, a missing right or a missing folder.
        """
        return await self._run(lambda: self._move(list(uids), folder))

    def _move(self, uids: list[int], folder: str) -> dict[int, MessageKey]:
        try:
            return self._move_now(uids, folder)
        except IMAPClientError as error:
            if EXPUNGE_ISSUED not in str(error):
                raise
            self._connected().noop()  # lets the server tell what another client took away; the rest can be moved then
            return self._move_now(uids, folder)

    def _move_now(self, uids: list[int], folder: str) -> dict[int, MessageKey]:
        client, target = self._connected(), self.server_name(folder)
        client._imap.untagged_responses.pop("COPYUID", None)  # it piles up over commands
        if self.moves_at_once:
            client.move(uids, target)
            copied = self._copied(folder)
        else:
            client.copy(uids, target)
            copied = self._copied(folder)
            self._remove([uid for uid in uids if uid in copied])
        return copied

    async def remove(self, uids: Sequence[int]) -> None:
        """Take *uids* out of the selected folder for good: originals whose copies are where they belong."""
        await self._run(lambda: self._remove(list(uids)))

    def _remove(self, uids: list[int]) -> None:
        if uids:
            client = self._connected()
            client.delete_messages(uids, silent=True)
            client.uid_expunge(uids)  # never a plain EXPUNGE: it takes along what others marked as deleted

    async def move_from(self, place: MessageKey, folder: str) -> MessageKey | None:
        """Move the message at *place*, whichever folder that is, to *folder*; None when it is not there any more."""

        def work(source: Folder) -> MessageKey | None:
            same = source.uidvalidity == place.uidvalidity
            return self._move([place.uid], folder).get(place.uid) if same else None

        return await self._run(lambda: self._elsewhere(place.folder, work, read_only=False))

    def _copied(self, folder: str) -> dict[int, MessageKey]:
        """Old UID to new place, from COPYUID (RFC 4315, 3), which servers send tagged or untagged."""
        places: dict[int, MessageKey] = {}
        for data in self._connected()._imap.untagged_responses.pop("COPYUID", []):
            match = re.fullmatch(rb"(\d+) ([\d:,]+) ([\d:,]+)", data.strip())
            if match is None:
                continue
            old, new = (_expand(match[group].decode()) for group in (2, 3))
            if len(old) == len(new):
                uidvalidity = int(match[1])
                places |= {a: MessageKey(self.name, folder, uidvalidity, b) for a, b in zip(old, new, strict=True)}
        return places

    async def present(self, uids: Sequence[int]) -> set[int]:
        """Those of *uids* that still lie in the selected folder."""
        if not uids:
            return set()
        wanted = set(uids)
        criteria = ["UID", ",".join(map(str, sorted(wanted)))]
        return {uid for uid in await self._run(lambda: self._connected().search(criteria)) if uid in wanted}

    async def mark(self, uids: Sequence[int], flags: Sequence[str]) -> None:
        """Add flags and keywords to *uids* of the selected folder. What is gone meanwhile is passed over."""
        await self._run(lambda: self._connected().add_flags(list(uids), list(flags), silent=True))


def _utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


def _expand(uid_set: str) -> list[int]:
    """ "3,5:7" is [3, 5, 6, 7]; "7:5" as well counts upwards (RFC 3501, 9: seq-range)."""
    uids: list[int] = []
    for part in uid_set.split(","):
        first, _, last = part.partition(":")
        low, high = sorted((int(first), int(last or first)))
        uids += range(low, high + 1)
    return uids
