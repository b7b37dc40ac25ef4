"""Kills the daemon, in its own process, at a chosen step of what it does to the outside world.

Nothing of the program is touched and the program knows nothing of it: the hook wraps what every external act goes through, the
socket's send and receive and SQLite's commit, and names each act by what is sent ("smtp DATA", "imap UID MOVE", "ledger commit") and
how often it happened. So the list of steps is recorded from a run, not written by hand, and a step that is added to the flow is
killed at as well without anybody thinking of it.

    before:NAME#n    the act has not happened: nothing was sent, nothing was committed
    after:NAME#n     it has happened, and the program has not been told: sent, committed, or the answer received and not yet read
"""

from __future__ import annotations

import codecs
import os
import re
import signal
import socket
import sqlite3
import sys
import threading
import time
import types
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_COMMAND = re.compile(rb"(?:UID )?[A-Z]+")


class Hook:
    """Counts acts; writes them down, or ends the process at one of them."""

    def __init__(self, ports: Mapping[int, str], record: Path | None, kill_at: str | None) -> None:
        self._ports = ports  # of the servers, and what to call them
        self._record = record
        self._kill_at = kill_at
        self._counts: Counter[str] = Counter()
        self._last_sent: dict[int, str] = {}  # by file descriptor
        self._lock = threading.Lock()

    def name(self, act: str) -> str:
        with self._lock:
            self._counts[act] += 1
            return f"{act}#{self._counts[act]}"

    def reach(self, step: str) -> None:
        if self._record is not None:
            with self._lock, self._record.open("a") as file:
                file.write(step + "\n")
        if step == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(60)  # the signal is on its way

    def sending(self, channel: socket.socket, data: bytes) -> str | None:
        """The name of this send; None: not to one of the servers."""
        server = self._server(channel)
        if server is None:
            return None
        line = bytes(data[:200])
        if server == "imap":
            line = line.partition(b" ")[2] if not line.startswith(b"DONE") else line
        found = _COMMAND.match(line)
        known = found is not None and not (server == "smtp" and len(data) > 300)
        act = f"{server} {found[0].decode()}" if found is not None and known else f"{server} mail"
        self._last_sent[channel.fileno()] = act
        return self.name(act)

    def received(self, channel: socket.socket) -> None:
        server = self._server(channel)
        if server is not None:
            self.reach("after:" + self.name(f"answer to {self._last_sent.get(channel.fileno(), server)}"))

    def _server(self, channel: socket.socket) -> str | None:
        if channel.family != socket.AF_INET:
            return None
        try:
            return self._ports.get(channel.getpeername()[1])
        except OSError:
            return None


def install(
    *,
    ports: Mapping[str, str] | None = None,
    record: str | None = None,
    kill_at: str | None = None,
    deadly_codec: bool = False,
) -> None:
    """Wrap send, receive and commit of this process. With *deadly_codec*, decoding the charset "mac-farsi" ends it like a crash."""
    if deadly_codec:
        sys.modules["encodings.mac_farsi"] = _deadly_codec()
    if record is None and kill_at is None:
        return
    hook = Hook({int(port): name for port, name in (ports or {}).items()}, Path(record) if record else None, kill_at)
    _wrap_sockets(hook)
    _wrap_commits(hook)


def _wrap_sockets(hook: Hook) -> None:
    kind: Any = socket.socket  # its methods are replaced, for this process only

    def sender(original: Callable[..., Any]) -> Callable[..., Any]:
        def send(self: socket.socket, data: bytes, *rest: Any) -> Any:
            name = hook.sending(self, data)
            if name is None:
                return original(self, data, *rest)
            hook.reach(f"before:{name}")
            result = original(self, data, *rest)
            hook.reach(f"after:{name}")
            return result

        return send

    def receiver(original: Callable[..., Any]) -> Callable[..., Any]:
        def receive(self: socket.socket, *rest: Any) -> Any:
            result = original(self, *rest)
            hook.received(self)
            return result

        return receive

    for method in ("send", "sendall"):
        setattr(kind, method, sender(getattr(kind, method)))
    for method in ("recv", "recv_into"):
        setattr(kind, method, receiver(getattr(kind, method)))


def _wrap_commits(hook: Hook) -> None:
    original = sqlite3.connect

    class Connection(sqlite3.Connection):
        def commit(self) -> None:
            if not self.in_transaction:
                super().commit()
                return
            name = hook.name("ledger commit")
            hook.reach(f"before:{name}")
            super().commit()
            hook.reach(f"after:{name}")

    def connect(*arguments: Any, **named: Any) -> sqlite3.Connection:
        made: sqlite3.Connection = original(*arguments, **{**named, "factory": Connection})
        return made

    sqlite3.connect = connect  # type: ignore[assignment]
    sqlite3.dbapi2.connect = connect  # type: ignore[assignment]


def _deadly_codec() -> types.ModuleType:
    """In place of Python's own: mail's charsets are a closed list, so that a codec of another name would never be asked."""

    def die(*_: Any) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)

    module = types.ModuleType("encodings.mac_farsi")
    module.getregentry = lambda: codecs.CodecInfo(die, die, name="mac-farsi")  # type: ignore[attr-defined]
    return module
