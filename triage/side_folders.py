"""Folders beside the watched one, over the same connection: what is new in them, and flags. IMAP edge.

What may go wrong is what may go wrong in mailbox.py: CommandRefused for a folder that is gone, TransientError for the rest.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from imapclient import IMAPClient
from imapclient.imapclient import SENT

from triage.imap_connection import Folder
from triage.mailbox import HEAD_BYTES, Fetched, Mailbox
from triage.message import MessageKey

AT_ONCE = 50  # mails read together; the head of each is enough to see what it is
UIDS_AT_ONCE = 1_000  # in one command: servers limit a line to 8,000 bytes
_BODY, _BODY_ANSWER = f"BODY.PEEK[]<0.{HEAD_BYTES}>", b"BODY[]<0>"


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a folder was looked through."""

    uidvalidity: int
    next_uid: int  # the first one not looked at


async def sent_folder(mailbox: Mailbox) -> str | None:
    """The server's folder for sent mail: by special use (RFC 6154), else by its usual names; None where there is none."""

    def question(client: IMAPClient) -> str | None:
        name = client.find_special_folder(SENT)
        return str(name) if name is not None else None

    return await mailbox.ask(question)


async def state(mailbox: Mailbox, folder: str) -> Cursor:
    """UIDVALIDITY and UIDNEXT now, in one round trip and without selecting the folder."""

    def question(client: IMAPClient) -> Cursor:
        answer = client.folder_status(mailbox.server_name(folder), ["UIDVALIDITY", "UIDNEXT"])
        return Cursor(int(answer[b"UIDVALIDITY"]), int(answer[b"UIDNEXT"]))

    return await mailbox.ask(question)


async def new_uids(mailbox: Mailbox, folder: str, cursor: Cursor | None, since: datetime) -> list[int]:
    """UIDs from *cursor* on; with none, of mail that came on the day before *since* or later (dates have no zone in IMAP)."""

    def work(client: IMAPClient, chosen: Folder) -> list[int]:
        if cursor is None or cursor.uidvalidity != chosen.uidvalidity:
            return sorted(client.search(["SINCE", (since - timedelta(days=1)).date()]))
        return sorted(uid for uid in client.search(["UID", f"{cursor.next_uid}:*"]) if uid >= cursor.next_uid)

    return await mailbox.inside(folder, work)


async def read(mailbox: Mailbox, folder: str, uids: Collection[int]) -> list[Fetched]:
    """The mails with *uids*, of each at most the first HEAD_BYTES; what is gone meanwhile is left out."""

    def work(client: IMAPClient, chosen: Folder) -> list[Fetched]:
        answer = client.fetch(sorted(uids), ["RFC822.SIZE", "INTERNALDATE", _BODY])
        return [
            Fetched(
                MessageKey(mailbox.name, folder, chosen.uidvalidity, uid),
                entry[_BODY_ANSWER],
                entry[b"INTERNALDATE"].astimezone(UTC),
                int(entry[b"RFC822.SIZE"]),
                int(entry[b"RFC822.SIZE"]) > HEAD_BYTES,
            )
            for uid, entry in sorted(answer.items())
            if entry.get(_BODY_ANSWER)
        ]

    return await mailbox.inside(folder, work)


async def with_flag(mailbox: Mailbox, places: Iterable[MessageKey], flag: str) -> list[MessageKey]:
    """Those of *places*, all in one folder, that carry *flag* ("ANSWERED")."""
    wanted = {place.uid: place for place in places}
    if not wanted:
        return []
    folder, uidvalidity = next((place.folder, place.uidvalidity) for place in wanted.values())

    def work(client: IMAPClient, chosen: Folder) -> list[int]:
        if chosen.uidvalidity != uidvalidity:
            return []
        uids = sorted(wanted)
        found: list[int] = []
        for start in range(0, len(uids), UIDS_AT_ONCE):
            chunk = ",".join(map(str, uids[start : start + UIDS_AT_ONCE]))
            found += client.search(["UID", chunk, flag])
        return found

    return [wanted[uid] for uid in sorted(await mailbox.inside(folder, work)) if uid in wanted]


async def set_flag(mailbox: Mailbox, place: MessageKey, flag: str) -> None:
    """Set *flag* ("\\\\Flagged") on the mail at *place*, if it is still there. Safe to repeat."""

    def work(client: IMAPClient, chosen: Folder) -> None:
        if chosen.uidvalidity == place.uidvalidity and not chosen.read_only:
            client.add_flags([place.uid], [flag], silent=True)

    await mailbox.inside(place.folder, work, read_only=False)
