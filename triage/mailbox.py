"""The IMAP edge: one support mailbox, one connection, one thread (RFC 3501, 2177 IDLE, 6851 MOVE, 4315 UIDPLUS, 2342 NAMESPACE).

IMAPClient is not thread safe and blocks, so each `Mailbox` owns a connection and a worker thread in which its commands run one after
the other; while it idles no thread waits. What may go wrong here:

    CommandRefused   the server said NO or BAD to one command; the connection is still good
    LoginRefused     user name or password are not taken
    TransientError   anything else: cut, timeout, nonsense. The connection is thrown away; nobody repairs one

`\\Seen` is never read and never changed: bodies are fetched with BODY.PEEK. A move counts as done only when COPYUID names the message,
or after looking (Dovecot, Cyrus and Courier answer OK to the move of a message that is gone).
"""

from __future__ import annotations

import asyncio
import contextlib
import imaplib
import re
import socket
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import IMAPClientError, LoginError

from triage.clock import Clock
from triage.errors import TransientError
from triage.message import MessageKey
from triage.settings import ImapServer

T = TypeVar("T")

EXPUNGE_ISSUED = "[EXPUNGEISSUED]"  # RFC 5530: Dovecot refuses a whole MOVE or COPY for one message that is gone
HEAD_BYTES = 65_536  # what is read of a mail that is too large to read
SEARCH_WINDOW = 50_000  # UIDs a SEARCH asks about: imaplib gives up on an answer of over 1,000,000 bytes
BYTES_PER_SECOND = 50_000  # slowest line that is given time for large bodies
LITERAL_BYTES = 1_000_000  # of an answer that holds no mail; imaplib would set aside whatever memory the server names
POLITE_SECONDS = 3.0  # for LOGOUT: a server that trickles bytes can keep a reader for ever


class CommandRefused(TransientError):
    """The server said NO or BAD to one command: over quota, no permission, folder gone. The connection is still good."""


class LoginRefused(TransientError):
    """The server does not take the user name or the password."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder as it was selected."""

    name: str
    uidvalidity: int
    uidnext: int
    read_only: bool


@dataclass(frozen=True, slots=True)
class Fetched:
    """A message as it lies on the server."""

    key: MessageKey
    raw: bytes
    received_at: datetime  # INTERNALDATE, UTC
    size: int  # RFC822.SIZE
    truncated: bool  # raw is only the header and the first HEAD_BYTES


class Mailbox:
    """An account on an IMAP server. Every method may raise TransientError; after that, `connect` again."""

    def __init__(self, name: str, server: ImapServer, *, home: Path, password: Callable[[], str], clock: Clock) -> None:
        self.name = name
        self._server = server
        self._home = home
        self._password = password  # read at each login, so that a changed one is found without a restart
        self._clock = clock
        self._client: IMAPClient | None = None
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"imap-{name}")
        self._capabilities: frozenset[str] = frozenset()
        self._prefix, self._separator = "", "/"
        self._folder: Folder | None = None
        self._largest_literal = LITERAL_BYTES
        self.last_answer_at = clock.monotonic()  # of the last round trip with the server

    # -- connection --------------------------------------------------------------------------------------------------------

    async def connect(self) -> None:
        """Open a connection and log in. Raises LoginRefused, TransientError."""
        await self.close()
        await self._run(self._connect)

    async def close(self) -> None:
        """Let go of the connection, politely if the server still listens. May be repeated."""
        client, self._client, self._folder = self._client, None, None
        if client is not None:
            goodbye = asyncio.get_running_loop().run_in_executor(self._pool, _hang_up, client)
            _, late = await asyncio.wait([goodbye], timeout=POLITE_SECONDS)
            if late:
                _cut(client)
                await _ended(goodbye)

    async def shutdown(self) -> None:
        """Close, and end the thread."""
        await self.close()
        self._pool.shutdown(wait=False)

    @property
    def can_idle(self) -> bool:
        return "IDLE" in self._capabilities

    @property
    def moves_at_once(self) -> bool:
        """MOVE: a message is in one folder or in the other at any moment, whatever happens to the line."""
        return "MOVE" in self._capabilities

    @property
    def can_move_safely(self) -> bool:
        """MOVE, or COPY with UID EXPUNGE. Without either a message cannot be moved and nothing else touched."""
        return bool(self._capabilities & {"MOVE", "UIDPLUS"})

    def _connect(self) -> None:
        server = self._server
        timeout = SocketTimeout(server.connect_timeout.total_seconds(), server.read_timeout.total_seconds())
        context = _tls_context(self._home, server.ca_file) if server.tls != "none" else None
        client = IMAPClient(
            server.host,
            port=server.port,
            ssl=server.tls == "implicit",
            ssl_context=context,
            timeout=timeout,
            use_uid=True,
        )
        client.normalise_times = False  # aware datetimes, as the server sent them
        client._imap.debug = 0  # IMAPClient sets 5, which halves the speed of FETCH
        client._imap.read = partial(self._read_literal, client._imap)
        self._client = client
        # IMAPClient writes some commands in pieces; with Nagle's algorithm each such command costs 44 ms on several servers.
        client.socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if server.tls == "starttls":
            client.starttls(context)
        try:
            client.login(server.username, self._password())
        except LoginError as error:
            raise LoginRefused(f"{server.host} does not take the login of {server.username}: {_text(error)}") from error
        self._capabilities = frozenset(word.decode("ascii", "replace").upper() for word in client.capabilities())
        self._prefix, self._separator = self._namespace(client)

    def _read_literal(self, connection: imaplib.IMAP4, size: int) -> bytes:
        """What imaplib reads a literal with. One that is larger than anything asked for is not read: it ends the connection."""
        if size > self._largest_literal:
            raise imaplib.IMAP4.abort(
                f"a literal of {size} bytes, where at most {self._largest_literal} were asked for"
            )
        data: Any = connection.file.read(size)
        return bytes(data)

    def _namespace(self, client: IMAPClient) -> tuple[str, str]:
        """Prefix and delimiter of the personal namespace; the LIST reply tells the delimiter where NAMESPACE is missing."""
        if "NAMESPACE" in self._capabilities:
            personal = client.namespace().personal
            if personal:
                prefix, separator = personal[0]
                return str(prefix), str(separator or "/")
        listed = client.list_folders("", "INBOX")
        separator = listed[0][1] if listed else b"/"
        return "", separator.decode("ascii", "replace") if isinstance(separator, bytes) else "/"

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

    # -- waiting -----------------------------------------------------------------------------------------------------------

    async def wait(self, timeout: float, wake: asyncio.Event, *, idle: bool) -> None:
        """Until the server has something to say, *wake* is set, or *timeout* seconds have passed.

        With *idle* the server is asked to speak up (RFC 2177). IMAPClient's idle_check is not used: on a dead connection it returns
        at once for ever, and it does not see what came in one segment with the answer to IDLE.
        """
        if not (idle and self.can_idle):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(wake.wait(), timeout)
            return
        client = self._connected()
        spoke = await self._run(lambda: _idle(client))
        try:
            await _readable(client, 0 if spoke else timeout, wake)
        except (OSError, ValueError) as error:  # ValueError: the socket is closed
            self._drop()
            raise TransientError(f"lost the connection to {self._server.host}: {_text(error)}") from error
        await self._run(client.idle_done)

    # -- the thread --------------------------------------------------------------------------------------------------------

    async def _run(self, command: Callable[[], T], more: float = 0.0) -> T:
        """Run *command* in the connection's thread, with *more* seconds than usual; any trouble ends the connection."""
        deadline = self._server.command_timeout.total_seconds() + more
        future = asyncio.get_running_loop().run_in_executor(self._pool, self._command, command)
        try:
            answer = await asyncio.wait_for(asyncio.shield(future), deadline)
        except LoginRefused:
            self._drop()
            raise
        except TimeoutError as error:
            late = (
                f"did not finish a command within {deadline:.0f} s" if not future.done() else "did not answer in time"
            )
            self._drop()
            await _ended(future)
            raise TransientError(f"{self._server.host} {late}") from error
        except asyncio.CancelledError:
            self._drop()  # the answer to come would be taken for the next command's
            await _ended(future)
            raise
        except IMAPClientError as error:
            if isinstance(error, imaplib.IMAP4.abort) or self._client is None:
                self._drop()
                raise TransientError(f"lost the connection to {self._server.host}: {_text(error)}") from error
            self.last_answer_at = self._clock.monotonic()
            raise CommandRefused(f"{self._server.host}: {_text(error)}") from error
        except (
            OSError,
            ValueError,
            EOFError,
            AttributeError,
            LookupError,
            TypeError,
            ArithmeticError,
            MemoryError,
        ) as error:
            # Besides the network's own errors: imaplib and IMAPClient raise any of these on answers that make no sense.
            self._drop()
            raise TransientError(
                f"no good answer from {self._server.host}: {type(error).__name__} {_text(error)}".strip()
            ) from error
        self.last_answer_at = self._clock.monotonic()
        return answer

    def _command(self, command: Callable[[], T]) -> T:
        if self._client is not None:
            # NO [READ-ONLY] to one command is kept by imaplib, which raises at each command from then on.
            self._client._imap.untagged_responses.pop("READ-ONLY", None)
        return command()

    def _drop(self) -> None:
        """Throw the connection away; a thread that is blocked in it wakes up with an error."""
        client, self._client, self._folder = self._client, None, None
        if client is not None:
            _cut(client)
            with contextlib.suppress(
                RuntimeError
            ):  # after shutdown() nobody is left to close it, nor to be blocked in it
                self._pool.submit(_discard, client)

    def _connected(self) -> IMAPClient:
        if self._client is None:
            raise TransientError(f"there is no connection to {self._server.host}")
        return self._client

    def selected(self) -> Folder:
        """The folder that is watched, as it was when it was selected."""
        if self._folder is None:
            raise TransientError(f"no folder is selected at {self._server.host}")
        return self._folder


async def _ended(future: asyncio.Future[Any]) -> None:
    """Until the thread has given up the command of a connection that was dropped; how it ended does not matter any more."""
    await asyncio.wait([future])
    if not future.cancelled():
        future.exception()


def _cut(client: IMAPClient) -> None:
    """End the connection without a word; a thread that is blocked in it wakes up with an error."""
    with contextlib.suppress(OSError):
        client.socket().shutdown(socket.SHUT_RDWR)


def _discard(client: IMAPClient) -> None:
    """Close the socket and the file that imaplib reads it through: as long as that is open, so is the descriptor."""
    with contextlib.suppress(OSError):
        client.shutdown()


def _hang_up(client: IMAPClient) -> None:
    try:
        client.socket().settimeout(2)
        client.logout()
    except (IMAPClientError, OSError, ValueError, AttributeError):
        with contextlib.suppress(OSError):
            client.shutdown()


def _tls_context(home: Path, ca_file: Path | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(home / ca_file) if ca_file else None)


def _idle(client: IMAPClient) -> bool:
    """Begin IDLE; True when the server had something to say before it agreed (Exchange does), which IMAPClient takes for an error."""
    connection, spoke = client._imap, False
    tag = client._idle_tag = connection._command("IDLE")
    while (answer := connection._get_response()) is not None:
        if connection.tagged_commands[tag] or answer.upper().startswith(b"* BYE"):
            raise imaplib.IMAP4.abort(f"no IDLE: {answer!r}")
        spoke = True
    return spoke


async def _readable(client: IMAPClient, timeout: float, wake: asyncio.Event) -> None:
    """Until the socket can be read, *wake* is set, or the time is over. No thread is held meanwhile."""
    sock, buffer = client.socket(), client._imap.file
    old = sock.gettimeout()
    sock.settimeout(0)
    try:
        if buffer.peek(1):  # what came in one segment with the "+" lies here, where no poll sees it
            return
    except (BlockingIOError, ssl.SSLWantReadError):
        pass
    finally:
        sock.settimeout(old)
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    descriptor = sock.fileno()
    loop.add_reader(descriptor, ready.set)
    waiting = [asyncio.ensure_future(event.wait()) for event in (ready, wake)]
    try:
        await asyncio.wait(waiting, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    finally:
        loop.remove_reader(descriptor)
        for task in waiting:
            task.cancel()


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


def _text(error: BaseException) -> str:
    """What the server said, without b'' around it."""
    text = str(error)
    match = re.fullmatch(r"b(['\"])(.*)\1", text)
    return (match[2] if match else text)[:300]
