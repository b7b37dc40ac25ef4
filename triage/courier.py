"""The SMTP edge: hands one mail for one recipient to the submission server (RFC 5321, RFC 6409).

aiosmtplib's `sendmail` raises the same error for a connection that was lost before DATA (nothing was sent) and after the final dot
(it may have been accepted), so the transaction is played command by command, and a failure says what the caller must know:

    PermanentError   5yz to MAIL, RCPT, DATA or the final dot: never again with this envelope
    TransientError   4yz, or cut before the final dot was written: nothing happened
    UnknownOutcome   everything was written and no answer came

Connections are kept open (a TLS handshake costs as much as 25 mails), and closed after anything unexpected. One recipient a
transaction: with several, part may be refused while the rest is accepted.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiosmtplib
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random

from triage.clock import Clock
from triage.errors import PermanentError, TransientError, UnknownOutcome
from triage.settings import SmtpServer

IDLE_LIMIT = 60.0  # seconds after which a kept connection is not trusted any more; servers close theirs after 100-300 s
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ACCOUNT_TROUBLE = frozenset({421, 530, 534, 535, 538})  # concerns the connection or the login, never this mail


class _Lost(TransientError):
    """The connection broke before DATA."""


class Courier:
    """A few open connections to one SMTP server. `send` may be called from many tasks at once."""

    def __init__(self, server: SmtpServer, *, home: Path, password: Callable[[], str | None], clock: Clock) -> None:
        self._server = server
        self._home = home
        self._password = password
        self._clock = clock
        self._free: list[tuple[aiosmtplib.SMTP, float]] = []
        self._slots = asyncio.Semaphore(server.connections)
        self._closed = False

    async def send(
        self,
        envelope_sender: str,
        recipient: str,
        content: bytes,
        *,
        before_data: Callable[[], Awaitable[None]] | None = None,
    ) -> str:
        """Hand *content* over; returns the server's words after 250.

        *before_data* is awaited when the server is ready for the mail and nothing of it has left: the place to commit that it may
        happen from now on. If it raises, nothing is sent and its error is passed on. Raises PermanentError, TransientError,
        UnknownOutcome. Must not be repeated after UnknownOutcome unless a second copy does no harm.
        """
        async with self._slots:
            if _CONTROL.search(envelope_sender + recipient):
                raise PermanentError("an address with control characters is none")
            connection = await self._open_transaction(envelope_sender, recipient, content)
            answer = await self._data(connection, content, before_data)
            self._keep(connection)
            return answer

    @retry(
        retry=retry_if_exception_type(_Lost),
        stop=stop_after_attempt(3),
        wait=wait_random(0, 1),
        reraise=True,
    )
    async def _open_transaction(self, envelope_sender: str, recipient: str, content: bytes) -> aiosmtplib.SMTP:
        """A connection that has said 354 to DATA. A kept connection may turn out to be dead: nothing was sent, so take a new one."""
        connection = await self._take()
        await self._envelope(connection, envelope_sender, recipient, content)
        return connection

    async def check(self) -> str:
        """Connect and log in; returns the server's greeting name. Raises TransientError with what to look at."""
        connection = await self._connect()
        await _quit(connection)
        return f"{self._server.host}:{self._server.port}"

    async def close(self) -> None:
        """Say QUIT on every kept connection. May be repeated."""
        self._closed = True
        while self._free:
            connection, _ = self._free.pop()
            await _quit(connection)

    async def _take(self) -> aiosmtplib.SMTP:
        while self._free:
            connection, since = self._free.pop()
            if connection.is_connected and self._clock.monotonic() - since < IDLE_LIMIT:
                return connection
            connection.close()
        return await self._connect()

    def _keep(self, connection: aiosmtplib.SMTP) -> None:
        """Keep *connection*, which is between two transactions, for the next mail."""
        if connection.is_connected and not self._closed:
            self._free.append((connection, self._clock.monotonic()))
        else:
            connection.close()

    async def _connect(self) -> aiosmtplib.SMTP:
        server = self._server
        context = None
        if server.tls != "none":
            context = ssl.create_default_context(cafile=str(self._home / server.ca_file) if server.ca_file else None)
        connection = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.tls == "implicit",
            start_tls=server.tls
            == "starttls",  # True refuses to go on without it; the library's default would go on in clear
            tls_context=context,
            local_hostname=server.hello_name,
            timeout=server.timeout.total_seconds(),
        )
        try:
            await connection.connect()
            if server.username is not None:
                await connection.login(server.username, self._password() or "")
            elif connection.is_ehlo_or_helo_needed:
                await connection.ehlo()
        except (aiosmtplib.SMTPException, OSError) as error:
            connection.close()
            raise TransientError(f"{server.host}:{server.port}: {error}", code=getattr(error, "code", None)) from error
        except BaseException:
            connection.close()
            raise
        return connection

    async def _data(
        self, smtp: aiosmtplib.SMTP, content: bytes, before_data: Callable[[], Awaitable[None]] | None
    ) -> str:
        """The mail itself, after 354."""
        try:
            if before_data is not None:
                await before_data()
        except BaseException:
            smtp.close()  # closed without the final dot: the server must drop the transaction (RFC 5321, 4.1.1.4)
            raise
        protocol = smtp.protocol
        if protocol is None or not smtp.is_connected:
            smtp.close()
            raise TransientError(f"{self._server.host}: the connection was lost before the mail was sent")
        try:
            protocol.write(_wire(content))
        except (aiosmtplib.SMTPException, OSError) as error:
            smtp.close()  # aiosmtplib refuses to write to a closed connection before it writes anything
            raise TransientError(f"{self._server.host}: {error}") from error
        try:
            response = await protocol.read_response(timeout=self._server.dot_timeout.total_seconds())
        except (aiosmtplib.SMTPException, OSError) as error:
            smtp.close()
            raise UnknownOutcome(f"{self._server.host}: no answer to the final dot: {error}") from error
        except BaseException as error:
            smtp.close()
            raise UnknownOutcome(
                f"{self._server.host}: stopped while waiting for the answer to the final dot"
            ) from error
        if 200 <= response.code < 300:
            return response.message
        if response.code == 421:
            smtp.close()
        self._keep(smtp)
        raise _refusal(self._server.host, "the final dot", response.code, response.message)

    async def _envelope(self, smtp: aiosmtplib.SMTP, envelope_sender: str, recipient: str, content: bytes) -> None:
        """MAIL, RCPT and DATA up to 354. Raises PermanentError or TransientError; nothing was sent then."""
        phase = "MAIL"
        try:
            options = []
            if smtp.supports_extension("size"):
                options.append(f"SIZE={len(content)}")
            if smtp.supports_extension("8bitmime") and not content.isascii():
                options.append("BODY=8BITMIME")
            if not (envelope_sender.isascii() and recipient.isascii()):
                if not smtp.supports_extension("smtputf8"):
                    raise PermanentError(f"{self._server.host} cannot carry the address {recipient} (no SMTPUTF8)")
                options.append("SMTPUTF8")
            encoding = "utf-8" if "SMTPUTF8" in options else "ascii"
            await smtp.mail(envelope_sender, options=options, encoding=encoding)
            phase = "RCPT"
            await smtp.rcpt(recipient, encoding=encoding)
            phase = "DATA"
            response = await smtp.execute_command(b"DATA")
            if response.code != 354:
                raise aiosmtplib.SMTPDataError(response.code, response.message)
        except aiosmtplib.SMTPResponseException as error:
            await _reset(smtp, error.code)
            self._keep(smtp)
            raise _refusal(self._server.host, phase, error.code, error.message) from error
        except ValueError as error:  # aiosmtplib refuses what cannot stand in a command
            smtp.close()
            raise PermanentError(f"{phase}: {error}") from error
        except (aiosmtplib.SMTPException, OSError) as error:
            smtp.close()
            raise _Lost(f"{self._server.host}: {phase}: {error}") from error
        except BaseException:  # cancelled: the answer to come would be taken for the next command's
            smtp.close()
            raise


def _refusal(host: str, phase: str, code: int, text: str) -> PermanentError | TransientError:
    detail = f"{host}: {phase}: {code} {text}"
    if 500 <= code < 600 and code not in _ACCOUNT_TROUBLE:
        return PermanentError(detail, code=code)
    return TransientError(detail, code=code)


async def _reset(smtp: aiosmtplib.SMTP, code: int) -> None:
    """Make the connection ready for the next transaction, or close it."""
    if code == 421 or code < 400:
        smtp.close()
        return
    try:
        await smtp.rset()
    except (aiosmtplib.SMTPException, OSError):
        smtp.close()


async def _quit(smtp: aiosmtplib.SMTP) -> None:
    try:
        await smtp.quit(timeout=2)
    except (aiosmtplib.SMTPException, OSError):
        smtp.close()


def _wire(message: bytes) -> bytes:
    """CRLF line ends, dots stuffed, final dot (RFC 5321, 4.5.2)."""
    message = re.sub(rb"\r\n|\r|\n", b"\r\n", message)
    if not message.endswith(b"\r\n"):
        message += b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", message) + b".\r\n"
