"""Filed mail, read without a trace: IMAP edge for whoever learns from it. Folders are examined (EXAMINE), bodies peeked at.

What may go wrong is what may go wrong in mailbox.py: CommandRefused for a folder that is gone, TransientError for the rest.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC

from imapclient import IMAPClient

from triage.mailbox import BYTES_PER_SECOND, HEAD_BYTES, SEARCH_WINDOW, Fetched, Mailbox
from triage.message import MessageKey

SIZES_AT_ONCE = 500  # in one command: servers limit a line to 8,000 bytes
MAILS_AT_ONCE = 100
SECONDS_AT_ONCE = 60  # a batch is no larger than the slowest line carries in this time, half of what a command may take
_HEAD, _HEAD_ANSWER = f"BODY.PEEK[]<0.{HEAD_BYTES}>", b"BODY[]<0>"


@dataclass(frozen=True, slots=True)
class Survey:
    """What lies in a folder, by number only."""

    folder: str  # as the server writes it
    uidvalidity: int
    uids: tuple[int, ...]  # ascending
    answered: frozenset[int]  # those with \\Answered


async def listed(mailbox: Mailbox, folder: str) -> list[str]:
    """*folder* (as configured) and the folders below it, as the server writes them; none where it does not exist."""
    pattern = mailbox.server_name(f"{folder}/*")
    top = mailbox.server_name(folder)

    def work(client: IMAPClient) -> list[str]:
        found = [*client.list_folders("", top), *client.list_folders("", pattern)]
        return [str(name) for flags, _, name in found if not {flag.lower() for flag in flags} & _CANNOT_BE_READ]

    return list(dict.fromkeys(await mailbox.ask(work)))


def as_configured(mailbox: Mailbox, folder: str) -> str:
    """The server's name of a folder as it would be configured: "INBOX.Triaged.Payment" is "Triaged/Payment"."""
    prefix, separator = mailbox.server_name("x/x")[:-3], mailbox.server_name("x/x")[-2]
    return folder.removeprefix(prefix).replace(separator, "/")


async def survey(mailbox: Mailbox, folder: str) -> Survey:
    """Look into *folder* (the server's name) without reading any mail."""

    def work(client: IMAPClient) -> Survey:
        state = client.select_folder(folder, readonly=True)
        uids: list[int] = []
        answered: list[int] = []
        for first in range(1, int(state.get(b"UIDNEXT", 0)), SEARCH_WINDOW):
            span = ["UID", f"{first}:{first + SEARCH_WINDOW - 1}"]
            uids += client.search(span)
            answered += client.search([*span, "ANSWERED"])
        return Survey(folder, int(state.get(b"UIDVALIDITY", 0)), tuple(sorted(uids)), frozenset(answered))

    return await mailbox.ask(work)


async def sizes(mailbox: Mailbox, folder: str, uids: Collection[int]) -> dict[int, int]:
    """RFC822.SIZE of *uids* in *folder*; what is gone meanwhile is left out."""
    found: dict[int, int] = {}
    for part in _parts(sorted(uids), SIZES_AT_ONCE):

        def work(client: IMAPClient, part: Sequence[int] = part) -> dict[int, int]:
            client.select_folder(folder, readonly=True)
            answer = client.fetch(part, ["RFC822.SIZE"])
            return {uid: int(item[b"RFC822.SIZE"]) for uid, item in answer.items() if b"RFC822.SIZE" in item}

        found |= await mailbox.ask(work)
    return found


def batches(sizes: Mapping[int, int]) -> Iterator[list[int]]:
    """The uids in *sizes* in groups that one command can fetch in time, the newest first."""
    group: list[int] = []
    wanted = 0
    for uid in sorted(sizes, reverse=True):
        size = min(sizes[uid], HEAD_BYTES)
        if group and (len(group) == MAILS_AT_ONCE or wanted + size > SECONDS_AT_ONCE * BYTES_PER_SECOND):
            yield group
            group, wanted = [], 0
        group.append(uid)
        wanted += size
    if group:
        yield group


async def read(mailbox: Mailbox, folder: str, uids: Sequence[int]) -> list[Fetched]:
    """The mails with *uids* in *folder*, of each at most the first HEAD_BYTES; what is gone meanwhile is left out."""

    def work(client: IMAPClient) -> list[Fetched]:
        state = client.select_folder(folder, readonly=True)
        uidvalidity = int(state.get(b"UIDVALIDITY", 0))
        answer = client.fetch(uids, ["RFC822.SIZE", "INTERNALDATE", _HEAD])
        return [
            Fetched(
                MessageKey(mailbox.name, folder, uidvalidity, uid),
                entry[_HEAD_ANSWER],
                entry[b"INTERNALDATE"].astimezone(UTC),
                int(entry[b"RFC822.SIZE"]),
                int(entry[b"RFC822.SIZE"]) > HEAD_BYTES,
            )
            for uid, entry in sorted(answer.items())
            if entry.get(_HEAD_ANSWER)
        ]

    return await mailbox.ask(work)


_CANNOT_BE_READ = frozenset({b"\\noselect", b"\\nonexistent"})


def _parts(values: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]
