"""One connection to an IMAP server, and the one thread that speaks over it (RFC 3501, 2342 NAMESPACE, 2177 IDLE).

IMAPClient is not thread safe and blocks, so the commands of a connection run one after the other in a thread of its own; while it
idles no thread waits. What may go wrong here:

    CommandRefused   the server said NO or BAD to one command; the connection is still good
    LoginRefused     user name or password are not taken
    TransientError   anything else: cut, timeout, nonsense. The connection is thrown away; nobody repairs one
"""

from __future__ import annotations

import asyncio
import contextlib
import imaplib
import re
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import IMAPClientError, LoginError

from triage.clock import Clock
from triage.errors import TransientError
from triage.settings import ImapServer

T = TypeVar("T")

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


class Connection:
    """A connection to an account on an IMAP server. Every method may raise TransientError; after that, `connect` again."""

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
        self._folder: Folder | None = None  # the selected one
        self._largest_literal = LITERAL_BYTES
        self.last_answer_at = clock.monotonic()  # of the last round trip with the server

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
        try:
            client = IMAPClient(
                server.host,
                port=server.port,
                ssl=server.tls == "implicit",
                ssl_context=context,
                timeout=timeout,
                use_uid=True,
            )
        except TimeoutError:  # an OSError, too, for which `_run` has a better word
            raise
        except OSError as error:
            raise TransientError(f"cannot connect to {server.host}:{server.port}: {_text(error)}") from error
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
        except TransientError:
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


def _text(error: BaseException) -> str:
    """What the server said, without b'' around it."""
    text = str(error)
    match = re.fullmatch(r"b(['\"])(.*)\1", text)
    return (match[2] if match else text)[:300]
