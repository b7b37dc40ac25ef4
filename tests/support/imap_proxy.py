"""A proxy before any IMAP server that plays faults at chosen commands. Plain text only.

    with ImapProxy(dovecot.port) as proxy:
        proxy.fail("MOVE", "after")        # the server moves, the client never hears of it

Actions:

    "before"     the command is swallowed and both sides are closed: the server never saw it
    "after"      the command runs, nothing of its answer is passed on, both sides are closed
    "middle"     half of the answer's first line is passed on (half of a literal as well), then both sides are closed
    "untagged"   untagged answers are passed on, the tagged one is not; then close
    "no:TEXT"    the client gets "TAG NO TEXT"; the server never sees the command
    "bye"        the client gets "* BYE" and the connection is closed; the server never sees the command
    "wrongtag"   the answer carries a tag that nobody used
    "literal"    the answer is a literal of 99 GB that never ends: bytes trickle in
    "stall"      the command runs, its answer is held back for ever
    "silent"     from this command on nothing is passed on, either way, and nothing is closed: a dead line without a FIN
    "slow:N"     the answer is passed on N seconds late
    "exists"     IDLE only: "* 1 EXISTS" comes before the server agrees, as from Exchange
    "drip"       the answer is passed on in small pieces (split lines, split literals)

Commands are named without "UID "; "*" stands for any. "GREETING" is the server's greeting: "stall" and "bye" apply.
"""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from dataclasses import dataclass
from typing import Self

from triage.testing.loop_thread import LoopThread

LITERAL = re.compile(rb"\{(\d+)\+?\}\r\n$")
ALWAYS = -1
LIMIT = 2**26  # bytes of a line


class _Cut(Exception):
    """Close both sides now."""


@dataclass(slots=True)
class _Fault:
    command: str
    action: str
    times: int
    skip: int
    match: bytes


class ImapProxy:
    """Every method may be called from any thread."""

    host = "127.0.0.1"

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self.hits: list[tuple[str, str]] = []  # faults that were played: (command, action)
        self.commands: list[bytes] = []  # every line of the client
        self.connections = 0
        self._target = target_port
        self._faults: list[_Fault] = []
        self._lock = threading.Lock()
        self._open: set[asyncio.StreamWriter] = set()
        self._thread: LoopThread | None = None
        self._server: asyncio.Server | None = None

    def fail(self, command: str, action: str, *, times: int = 1, skip: int = 0, match: bytes = b"") -> Self:
        """Play *action* at the next *times* commands of that name (ALWAYS: each), after *skip* of them, that contain *match*."""
        with self._lock:
            self._faults.append(_Fault(command, action, times, skip, match))
        return self

    def heal(self) -> None:
        """Forget the faults that are still to come."""
        with self._lock:
            self._faults.clear()

    def cut(self) -> None:
        """Cut every connection now."""
        assert self._thread is not None
        self._thread.loop.call_soon_threadsafe(self._abort_all)

    def _abort_all(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()

    # -- life --------------------------------------------------------------------------------------------------------------

    def start(self) -> Self:
        self._thread = LoopThread("imap-proxy")
        self._thread.loop.set_exception_handler(lambda *_: None)  # cut connections are what it is for
        self._server = self._thread.call(self._listen())
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=LIMIT)

    def stop(self) -> None:
        if self._thread is not None and self._server is not None:
            self._thread.loop.call_soon_threadsafe(self._server.close)
            self.cut()
            self._thread.stop()
            self._thread = self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # -- one connection ----------------------------------------------------------------------------------------------------

    def _next(self, command: str, line: bytes) -> str | None:
        with self._lock:
            for fault in self._faults:
                fits = fault.command == command or (fault.command == "*" and command != "GREETING")
                if fits and fault.times and fault.match in line:
                    if fault.skip:
                        fault.skip -= 1
                        continue
                    fault.times -= fault.times > 0
                    self.hits.append((command, fault.action))
                    return fault.action
        return None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._target, limit=LIMIT)
        except OSError:
            writer.transport.abort()
            return
        session = _Session(self, reader, writer, up_reader, up_writer)
        for each in (writer, up_writer):
            each.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open.add(each)
        tasks = [asyncio.ensure_future(session.from_client()), asyncio.ensure_future(session.from_server())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for each in (writer, up_writer):
                self._open.discard(each)
                each.close()


class _Session:
    def __init__(
        self,
        proxy: ImapProxy,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        up_reader: asyncio.StreamReader,
        up_writer: asyncio.StreamWriter,
    ) -> None:
        self._proxy, self._reader, self._writer = proxy, reader, writer
        self._up_reader, self._up_writer = up_reader, up_writer
        self._pending: dict[bytes, str] = {}  # tag to action
        self._idle_tag = b""
        self._silent = False

    async def from_client(self) -> None:
        while True:
            line = await self._reader.readline()
            if not line:
                raise _Cut
            command, tag = self._parse(line)
            self._proxy.commands.append(line)
            action = self._proxy._next(command, line)
            if action == "silent":
                self._silent = True
            if self._silent:
                await asyncio.sleep(3600)
            if action == "before":
                raise _Cut
            if action == "bye":
                await self._say(b"* BYE closing\r\n")
                raise _Cut
            if action is not None and action.startswith("no:"):
                await self._refuse(tag, line, action[3:].encode())
                continue
            if action is not None:
                self._pending[tag] = action
            await self._pass_on(line)

    def _parse(self, line: bytes) -> tuple[str, bytes]:
        if line.strip().upper() == b"DONE":
            return "DONE", self._idle_tag
        words = line.split(None, 3)
        tag = words[0] if words else b"?"
        command = words[1].decode("latin-1").upper() if len(words) > 1 else "?"
        if command == "UID" and len(words) > 2:
            command = words[2].decode("latin-1").upper()
        if command == "IDLE":
            self._idle_tag = tag
        return command, tag

    async def _refuse(self, tag: bytes, line: bytes, text: bytes) -> None:
        while match := LITERAL.search(line):
            if b"+}" not in line[-8:]:
                await self._say(b"+ go\r\n")
            await self._reader.readexactly(int(match[1]))
            line = await self._reader.readline()
        await self._say(tag + b" NO " + text + b"\r\n")

    async def _pass_on(self, line: bytes) -> None:
        while True:
            self._up_writer.write(line)
            match = LITERAL.search(line)
            if not match:
                break
            await self._up_writer.drain()
            self._up_writer.write(await self._reader.readexactly(int(match[1])))
            line = await self._reader.readline()
            if not line:
                raise _Cut
        await self._up_writer.drain()

    async def from_server(self) -> None:
        first = True
        while True:
            block = await self._block()
            tag = block.split(None, 1)[0] if block.strip() else b""
            tagged = tag in self._pending
            action = next(iter(self._pending.values()), None)
            if first:
                action, first = self._proxy._next("GREETING", block), False
            if block.startswith(b"+ ") and action == "exists":
                await self._say(b"* 1 EXISTS\r\n")
            if block.startswith(b"+ "):  # the go-ahead for a literal, or for IDLE, is not the answer
                action = None
            if self._silent:
                continue
            await self._play(action, block, tag, tagged=tagged)
            if tagged:
                self._pending.pop(tag)

    async def _block(self) -> bytes:
        """A line with its literals."""
        parts = [await self._up_reader.readline()]
        if not parts[0]:
            raise _Cut
        while match := LITERAL.search(parts[-1]):
            parts.append(await self._up_reader.readexactly(int(match[1])))
            parts.append(await self._up_reader.readline())
        return b"".join(parts)

    async def _play(self, action: str | None, block: bytes, tag: bytes, *, tagged: bool) -> None:
        match (action or "").partition(":"):
            case "after" | "untagged", _, _ if tagged:
                raise _Cut
            case (("after" | "stall"), _, _):
                return
            case "middle", _, _:
                await self._say(block[: max(1, len(block) // 2)])
                raise _Cut
            case "bye", _, _:
                await self._say(b"* BYE closing\r\n")
                raise _Cut
            case "wrongtag", _, _ if tagged:
                await self._say(b"XX99" + block[len(tag) :])
            case "literal", _, _:
                await self._say(b"* 1 FETCH (UID 1 BODY[] {99999999999}\r\n")
                while True:
                    await self._say(b"x" * 1000)
                    await asyncio.sleep(0.05)
            case "slow", _, seconds if tagged:
                await asyncio.sleep(float(seconds))
                await self._say(block)
            case "drip", _, _:
                step = max(1, len(block) // 40)
                for start in range(0, len(block), step):
                    await self._say(block[start : start + step])
                    await asyncio.sleep(0.005)
            case _:
                await self._say(block)

    async def _say(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()
