"""An SMTP server on loopback that keeps what it accepts and plays every fault that a client must survive (aiosmtpd).

    with FaultSmtp() as server:
        server.fail("END", "keep+drop")     # the next mail is kept, and the connection cut before the answer
        ...
        assert len(server.accepted) == 1

A fault has a stage and an action. Stages, in the order of a session:

    CONNECT  instead of the greeting          MAIL, RCPT  instead of the answer to the command
    EHLO     instead of the capabilities      DATA        instead of 354
    AUTH     instead of the dialogue          END         instead of the answer to the final dot
                                              QUIT        instead of the farewell

Actions:

    "450 4.2.0 text", "550 5.1.1 text"   this answer; at END the mail is not kept
    "421"             421 and close
    "drop"            close without an answer; the mail is not kept
    "slow:2.5"        wait so many seconds, then go on as usual
    "keep+drop"       END only: the mail is kept (accepted), then the connection is cut before the answer: the client cannot know.
                      The case that decides whether a customer is answered twice
    "keep+slow:2.5"   END only: kept at once, answered late; a client that gives up before has sent
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import ssl
import threading
import weakref
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from triage.testing.loop_thread import LoopThread, missing

STAGES = ("CONNECT", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "END", "QUIT")
AFTER_KEEPING = ("keep+drop", "keep+slow:")
ALWAYS = -1

Predicate = Callable[[Any, str | None], bool]  # aiosmtpd's envelope so far, argument of the command


@dataclass(frozen=True, slots=True)
class Accepted:
    """A mail that the server took, with its envelope."""

    envelope_sender: str  # "" is the null sender
    recipients: tuple[str, ...]
    content: bytes  # CRLF line ends, as it came
    at: datetime


@dataclass(slots=True)
class _Fault:
    stage: str
    action: str
    times: int  # that are left; ALWAYS: no end
    when: Predicate | None


class FaultSmtp:
    """The server. Every method may be called from any thread."""

    def __init__(
        self,
        *,
        journal: Path | None = None,
        users: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
        require_tls: bool = False,
        size_limit: int = 33_554_432,
        port: int = 0,
        deliver: Callable[[Accepted], Awaitable[None]] | None = None,
        thread: LoopThread | None = None,
    ) -> None:
        """
        Args:
            journal: a file that gets one JSON line, fsynced, for each mail before it is answered: survives the process.
            users: name to password; without it nobody has to log in.
            tls: offers STARTTLS.
            require_tls: refuses MAIL without STARTTLS.
            size_limit: bytes, announced as SIZE.
            port: 0 takes a free one; `port` tells which, once started.
            deliver: called for each accepted mail, in the server's loop, before it is answered.
            thread: where to run; its own without it.
        """
        self.port = port
        self.hits: list[tuple[str, str]] = []  # faults that were played: (stage, action)
        self.connections = 0
        self.open: weakref.WeakSet[asyncio.WriteTransport] = weakref.WeakSet()
        self._journal = journal
        self._users = users
        self._options = {"tls_context": tls, "require_starttls": require_tls, "data_size_limit": size_limit}
        self._deliver = deliver
        self._faults: list[_Fault] = []
        self._accepted: list[Accepted] = []
        self._changed = threading.Condition()
        self._thread = thread
        self._owns_thread = thread is None
        self._server: asyncio.Server | None = None

    # -- for tests ---------------------------------------------------------------------------------------------------------

    def fail(self, stage: str, action: str, *, times: int = 1, when: Predicate | None = None) -> Self:
        """Play *action* the next *times* times that *stage* is reached (ALWAYS: every time), where *when* holds."""
        if stage not in STAGES:
            raise ValueError(f"no stage {stage!r}; one of {', '.join(STAGES)}")
        if action.startswith(AFTER_KEEPING) and stage != "END":
            raise ValueError(f"{action!r} is for the stage END: before it there is nothing to keep")
        with self._changed:
            self._faults.append(_Fault(stage, action, times, when))
        return self

    def heal(self) -> None:
        """Forget the faults that are still to come."""
        with self._changed:
            self._faults.clear()

    @property
    def accepted(self) -> tuple[Accepted, ...]:
        """What was accepted, in order."""
        with self._changed:
            return tuple(self._accepted)

    def wait_for(self, count: int, seconds: float = 10.0) -> tuple[Accepted, ...]:
        """Wait until *count* mails are accepted. Raises TimeoutError, which says how many were."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._accepted) >= count, seconds):
                raise TimeoutError(f"{len(self._accepted)} of {count} mails accepted within {seconds} s")
            return tuple(self._accepted)

    def clear(self) -> None:
        """Forget what was accepted."""
        with self._changed:
            self._accepted.clear()

    # -- life --------------------------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Listen on 127.0.0.1. Raises ModuleNotFoundError without aiosmtpd, OSError when the port is taken."""
        try:
            from triage.testing.smtp_protocol import make_protocol
        except ModuleNotFoundError as error:
            raise missing("aiosmtpd") from error
        if self._thread is None:
            self._thread = LoopThread("fault-smtp")
        self._server = self._thread.call(
            self._listen(functools.partial(make_protocol, self, self._users, self._options))
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def _listen(self, factory: Callable[[], asyncio.BaseProtocol]) -> asyncio.Server:
        return await asyncio.get_running_loop().create_server(factory, "127.0.0.1", self.port, backlog=256)

    def stop(self) -> None:
        """Close the port and every connection. May be repeated."""
        if self._server is not None and self._thread is not None:
            self._thread.call(self._close(self._server))
            self._server = None
            if self._owns_thread:
                self._thread.stop()
                self._thread = None

    async def _close(self, server: asyncio.Server) -> None:
        server.close()
        for transport in list(self.open):
            transport.abort()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # -- for the protocol --------------------------------------------------------------------------------------------------

    def next_fault(self, stage: str, envelope: Any = None, argument: str | None = None) -> str | None:
        """The action to play now, which is used up by asking; None: all goes well."""
        with self._changed:
            for fault in self._faults:
                if fault.stage == stage and fault.times and (fault.when is None or fault.when(envelope, argument)):
                    fault.times -= fault.times > 0
                    self.hits.append((stage, fault.action))
                    return fault.action
        return None

    async def keep(self, envelope_sender: str, recipients: tuple[str, ...], content: bytes) -> None:
        """Accept a mail: journal, delivery, then the list."""
        mail = Accepted(envelope_sender, recipients, content, datetime.now(UTC))
        if self._journal is not None:
            _write(self._journal, mail)
        if self._deliver is not None:
            await self._deliver(mail)
        with self._changed:
            self._accepted.append(mail)
            self._changed.notify_all()


def _write(journal: Path, mail: Accepted) -> None:
    entry = {
        "at": mail.at.isoformat(),
        "from": mail.envelope_sender,
        "to": mail.recipients,
        "content": mail.content.decode("latin-1"),  # byte for byte, whatever the charset
    }
    with journal.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")
        file.flush()
        os.fsync(file.fileno())
