"""The server side of SMTP for `FaultSmtp`: aiosmtpd, with a fault asked for at every stage. Imported only when a server starts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

if TYPE_CHECKING:
    from triage.testing.fault_smtp import FaultSmtp

HOST_NAME = "embedded.invalid"  # given, so that aiosmtpd does not ask DNS for the machine's name
logging.getLogger("mail.log").setLevel(
    logging.ERROR
)  # aiosmtpd warns there of its own deprecated attribute at each login

IDLE_SECONDS = 300.0  # RFC 5321, 4.5.3.2.7: at least five minutes
EVER = 3600.0  # seconds; cancelled when the connection is gone


def make_protocol(
    faults: FaultSmtp, users: Mapping[str, str] | None, options: Mapping[str, Any]
) -> asyncio.BaseProtocol:
    """The protocol of a new connection."""
    faults.connections += 1
    action = faults.next_fault("CONNECT")
    if action is not None and not action.startswith("slow:"):
        return _Refusal("421 4.3.2 closing" if action == "421" else action)
    return _Server(faults, users, options, greeting_delay=float(action[5:]) if action else 0.0)


class _Refusal(asyncio.Protocol):
    """Says one line, or nothing, and closes."""

    def __init__(self, answer: str) -> None:
        self._answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        if self._answer == "drop":
            transport.abort()
        else:
            transport.write(self._answer.encode() + b"\r\n")
            transport.close()


class _Server(SMTP):
    """aiosmtpd's server; its hooks are in `_Hooks`, what has no hook is overridden here."""

    def __init__(
        self, faults: FaultSmtp, users: Mapping[str, str] | None, options: Mapping[str, Any], greeting_delay: float
    ) -> None:
        self._hooks = _Hooks(faults, users)
        self._greeting_delay = greeting_delay
        login: dict[str, Any] = {}
        if users is not None:
            login = {"authenticator": self._hooks.authenticate, "auth_require_tls": False}
        super().__init__(
            self._hooks,
            hostname=HOST_NAME,
            enable_SMTPUTF8=True,
            timeout=IDLE_SECONDS,
            loop=asyncio.get_running_loop(),
            **login,
            **options,
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._hooks.opened(transport)
        super().connection_made(transport)

    async def push(self, status: Any) -> None:
        delay, self._greeting_delay = self._greeting_delay, 0.0
        await asyncio.sleep(delay)
        await super().push(status)

    async def smtp_AUTH(self, arg: str) -> None:
        answer = await self._hooks.play("AUTH", self, None, arg)
        if answer is None:
            await super().smtp_AUTH(arg)
        else:
            await self.push(answer)

    async def smtp_DATA(self, arg: str) -> None:
        answer = await self._hooks.play("DATA", self, self.envelope, arg)
        if answer is None:
            await super().smtp_DATA(arg)
        else:
            await self.push(answer)


class _Hooks:
    """What aiosmtpd calls by name."""

    def __init__(self, faults: FaultSmtp, users: Mapping[str, str] | None) -> None:
        self._faults = faults
        self._users = users

    def opened(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._faults.open.add(transport)

    async def play(self, stage: str, server: SMTP, envelope: Envelope | None, argument: str | None) -> str | None:
        """The answer to give instead of the usual one, or None. Does not return when the connection is cut."""
        action = self._faults.next_fault(stage, envelope, argument)
        if action is None:
            return None
        if action.startswith("slow:"):
            await asyncio.sleep(float(action[5:]))
            return None
        if action in ("drop", "421"):
            await _cut(server, polite=action == "421")
        return action

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        users = self._users or {}
        if not isinstance(data, LoginPassword):
            return AuthResult(success=False, handled=False)
        name, password = data.login.decode(), data.password.decode()
        return AuthResult(success=users.get(name) == password, handled=False)

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        answer = await self.play("EHLO", server, envelope, hostname)
        session.host_name = hostname
        return [answer] if answer else responses

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._users is not None and not session.authenticated:
            return "530 5.7.0 Authentication required"
        answer = await self.play("MAIL", server, envelope, address)
        if answer:
            return answer
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = await self.play("RCPT", server, envelope, address)
        if answer:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        return await self.play("QUIT", server, envelope, None) or "221 2.0.0 Bye"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        action = self._faults.next_fault("END", envelope)
        if action is None or action.startswith("slow:"):
            await asyncio.sleep(float(action[5:]) if action else 0.0)
            await self._keep(envelope)
            return "250 2.0.0 OK kept"
        if action.startswith("keep+"):
            await self._keep(envelope)
            action = action.removeprefix("keep+")
            if action.startswith("slow:"):
                await asyncio.sleep(float(action[5:]))
                return "250 2.0.0 OK kept"
        if action in ("drop", "421"):
            await _cut(server, polite=action == "421")
        return action

    async def _keep(self, envelope: Envelope) -> None:
        content = envelope.content
        assert isinstance(content, bytes)
        sender = envelope.mail_from or ""
        await self._faults.keep("" if sender == "<>" else sender, tuple(envelope.rcpt_tos), content)


async def _cut(server: SMTP, *, polite: bool) -> None:
    """End the connection, with 421 or without a word, and wait to be cancelled for it."""
    transport = server.transport
    assert isinstance(transport, asyncio.Transport)
    if polite:
        await server.push("421 4.3.2 closing")
        transport.close()
    else:
        transport.abort()
    await asyncio.sleep(EVER)
