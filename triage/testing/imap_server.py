"""pymap's dict backend, embedded. Imported only when a server starts.

pymap has no public way to be embedded: its configuration wants parsed arguments, of which two are read whatever else is given. That is
why the version is pinned; this module is the only one that knows.
"""

from __future__ import annotations

import asyncio
import contextlib
from argparse import Namespace
from collections.abc import Mapping, Sequence
from datetime import datetime

from proxyprotocol.sock import SocketInfoLocal
from pymap.backend.dict import Config, Login
from pymap.backend.dict.filter import FilterSet
from pymap.backend.dict.mailbox import MailboxData, MailboxSet
from pymap.concurrent import Event, Subsystem
from pymap.imap import IMAPServer
from pymap.parsing.message import AppendMessage
from pymap.parsing.specials import FetchRequirement, ObjectId
from pymap.selected import SelectedMailbox
from pymap.user import UserMetadata
from pysasl.hashing import Cleartext


class _Config(Config):
    """Passwords are not hashed (a login would cost 0.1 s each), and the machine's name is not asked of DNS."""

    def __init__(self, host: str) -> None:
        super().__init__(
            Namespace(passlib_cfg=None, proxy_protocol=None),
            host=host,
            port=0,
            tls_enabled=False,
            demo_data=False,
            demo_user="",
            demo_password="",
            hash_context=Cleartext(),
            cpu_subsystem=Subsystem.for_asyncio(),
            invalid_user_sleep=0.0,
        )

    @property
    def greeting(self) -> bytes:
        return b"embedded IMAP server ready"


class _Folder(MailboxData):
    """pymap waits for the next change when a client begins to idle, and forgets what came since the client's last command: mail would
    lie unseen until the next poll. Here IDLE begins with that, as on real servers.
    """

    async def update_selected(self, selected: SelectedMailbox, *, wait_on: Event | None = None) -> SelectedMailbox:
        changed = selected.mod_sequence != self._mod_sequences.highest
        return await super().update_selected(selected, wait_on=None if changed else wait_on)


class _Account(MailboxSet):
    """The folders of one user."""

    def __init__(self) -> None:
        super().__init__()
        self._inbox = _Folder(self._content_cache, self._thread_cache)

    async def add_mailbox(self, name: str) -> ObjectId:
        await super().add_mailbox(name)  # raises ValueError for a name that is taken
        self._set[name] = folder = _Folder(self._content_cache, self._thread_cache)
        return folder.mailbox_id


class ImapServer:
    """One server with its users. Every coroutine belongs into the loop that `listen` ran in."""

    def __init__(self, users: Mapping[str, str], folders: Sequence[str]) -> None:
        self._users = dict(users)
        self._folders = tuple(folders)
        self._accounts: dict[str, _Account] = {}
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._serve: IMAPServer | None = None

    async def listen(self, host: str, port: int) -> int:
        """Make the accounts and listen; returns the port."""
        config = _Config(host)
        login = Login(config)
        for name, password in self._users.items():
            login.users_dict[name] = UserMetadata(config, name, password=config.hash_context.hash(password))
            self._accounts[name] = _Account()
            for folder in self._folders:
                await self._accounts[name].add_mailbox(folder)
            config.set_cache[name] = (self._accounts[name], FilterSet())
        self._serve = IMAPServer(login, config)
        self._server = await asyncio.start_server(self._connected, host, port)
        return int(self._server.sockets[0].getsockname()[1])

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        assert self._serve is not None
        self._connections.add(task)
        try:
            await self._serve(reader, writer, SocketInfoLocal(writer))
        except (ConnectionError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self._connections.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def kick(self) -> None:
        """Cut every connection."""
        ending = list(self._connections)
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    async def close(self) -> None:
        """Close the port and every connection."""
        if self._server is not None:
            self._server.close()
        await self.kick()

    # -- mail --------------------------------------------------------------------------------------------------------------

    async def append(self, user: str, folder: str, raw: bytes, received_at: datetime) -> int:
        """Deliver a mail; returns its UID. Raises KeyError when there is no such user or folder."""
        box = await self._accounts[user].get_mailbox(folder)
        message = await box.append(AppendMessage(raw, received_at, frozenset()), recent=True)
        return int(message.uid)

    async def folders(self, user: str) -> dict[str, int]:
        account = self._accounts[user]
        names = [entry.name for entry in (await account.list_mailboxes()).list() if entry.exists]
        return {name: len(await _contents(await account.get_mailbox(name))) for name in names}

    async def messages(self, user: str, folder: str) -> list[tuple[int, bytes, datetime, frozenset[str]]]:
        return await _contents(await self._accounts[user].get_mailbox(folder))


async def _contents(box: MailboxData) -> list[tuple[int, bytes, datetime, frozenset[str]]]:
    found = []
    async for message in box.messages():
        loaded = await message.load_content(FetchRequirement.CONTENT)
        flags = frozenset(bytes(flag).decode("ascii") for flag in message.permanent_flags)
        found.append((message.uid, bytes(loaded.get_body()), message.internal_date, flags))
    return sorted(found, key=lambda item: item[0])
