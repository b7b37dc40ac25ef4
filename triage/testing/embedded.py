"""IMAP and SMTP on loopback in one process, with nothing but pip packages: pymap's dict backend and aiosmtpd. Memory only.

    with EmbeddedServers({"support@example.com": "secret"}) as servers:
        servers.deliver("support@example.com", raw)
        ...                                          # a client at servers.imap_port and servers.smtp_port
        assert servers.folders("support@example.com")["INBOX"] == 0

Mail that comes in over SMTP for a known user lands in his INBOX; everything that came in is in `smtp.accepted`.

What this IMAP server has: IDLE, MOVE, UIDPLUS, MULTIAPPEND, exact round trips. What it lacks: keywords (they are dropped in silence, as
on Exchange), SPECIAL-USE, NAMESPACE, CONDSTORE, ENABLE, TLS. Tests of those want a real server.
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self, TypeVar

from triage.testing.fault_smtp import Accepted, FaultSmtp
from triage.testing.loop_thread import LoopThread, missing

if TYPE_CHECKING:
    from triage.testing.imap_server import ImapServer

T = TypeVar("T")

FOLDERS = ("Drafts", "Sent", "Trash")  # that an account has from the start, beside INBOX


@dataclass(frozen=True, slots=True)
class Stored:
    """A mail as it lies in a folder."""

    uid: int
    raw: bytes
    received_at: datetime  # INTERNALDATE, aware
    flags: frozenset[str]  # "\\Seen"


class EmbeddedServers:
    """Both servers in one thread. Every method may be called from any other thread."""

    host = "127.0.0.1"

    def __init__(
        self,
        users: Mapping[str, str],
        *,
        folders: Sequence[str] = FOLDERS,
        imap_port: int = 0,
        smtp_port: int = 0,
        smtp_login: bool = False,
    ) -> None:
        """
        Args:
            users: name to password. Names are mail addresses where mail is to be delivered.
            folders: that every user has, beside INBOX.
            imap_port, smtp_port: 0 takes a free one; the attributes tell which, once started.
            smtp_login: SMTP wants the name and password of a user.
        """
        self.imap_port = imap_port
        self._users = dict(users)
        self._folders = tuple(folders)
        self._smtp_options: dict[str, Any] = {"port": smtp_port, "users": self._users if smtp_login else None}
        self._thread: LoopThread | None = None
        self._imap: ImapServer | None = None
        self._smtp: FaultSmtp | None = None

    # -- life --------------------------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Listen on 127.0.0.1. Raises ModuleNotFoundError without the extra, OSError when a port is taken."""
        try:
            from triage.testing.imap_server import ImapServer
        except ModuleNotFoundError as error:
            raise missing("pymap") from error
        self._thread = LoopThread("embedded-servers")
        self._smtp = FaultSmtp(deliver=self._deliver_accepted, thread=self._thread, **self._smtp_options)
        self._imap = ImapServer(self._users, self._folders)
        try:
            self.imap_port = self._thread.call(self._imap.listen(self.host, self.imap_port))
            self._smtp.start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Close both; mail that lies there is gone with them. May be repeated."""
        if self._smtp is not None:
            self._smtp.stop()
        if self._imap is not None and self._thread is not None:
            self._thread.call(self._imap.close())
        if self._thread is not None:
            self._thread.stop()
        self._imap = self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # -- SMTP --------------------------------------------------------------------------------------------------------------

    @property
    def smtp(self) -> FaultSmtp:
        """The SMTP half: what it accepted, and the faults that it plays."""
        if self._smtp is None:
            raise RuntimeError("the servers have not been started")
        return self._smtp

    @property
    def smtp_port(self) -> int:
        return self.smtp.port

    async def _deliver_accepted(self, mail: Accepted) -> None:
        for recipient in mail.recipients:
            if recipient in self._users:
                await self._running().append(recipient, "INBOX", mail.content, mail.at)

    # -- mail --------------------------------------------------------------------------------------------------------------

    def deliver(self, user: str, raw: bytes, received_at: datetime | None = None, folder: str = "INBOX") -> int:
        """Put a mail into a folder of *user*, as a mail server does; returns its UID.

        *received_at* becomes INTERNALDATE; now without it. Raises KeyError when there is no such user or folder.
        """
        return self._call(self._running().append(user, folder, raw, received_at or datetime.now(UTC)))

    def folders(self, user: str) -> dict[str, int]:
        """Every folder of *user* with the number of mails in it, INBOX first."""
        return self._call(self._running().folders(user))

    def messages(self, user: str, folder: str = "INBOX") -> list[Stored]:
        """The mails in a folder, by UID. Raises KeyError when there is no such folder."""
        return [
            Stored(uid, raw, received_at, flags)
            for uid, raw, received_at, flags in self._call(self._running().messages(user, folder))
        ]

    def kick(self) -> None:
        """Cut every IMAP connection, as a server that restarts does; mail stays."""
        self._call(self._running().kick())

    def _running(self) -> ImapServer:
        if self._imap is None:
            raise RuntimeError("the servers are not running")
        return self._imap

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        assert self._thread is not None
        return self._thread.call(work)
