"""A mailbox and a courier as the daemon makes them, without the daemon."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from triage.clock import SystemClock
from triage.mailbox import Mailbox
from triage.settings import ImapServer, Secret

OpenMailbox = Callable[..., Awaitable[Mailbox]]


@pytest.fixture
async def open_mailbox(tmp_path: Path) -> AsyncIterator[OpenMailbox]:
    """Makes connected mailboxes: `await open_mailbox(port, user, tls="none", folder="INBOX")`; closes them in the end."""
    opened: list[Mailbox] = []

    async def connect(
        port: int,
        user: str,
        *,
        tls: str = "none",
        ca_file: Path | None = None,
        password: str = "secret",  # noqa: S107
        read_timeout: float = 5,
        command_timeout: float = 10,
        folder: str | None = "INBOX",
    ) -> Mailbox:
        server = ImapServer.model_validate(
            {
                "host": "127.0.0.1",
                "port": port,
                "tls": tls,
                "ca_file": ca_file,
                "username": user,
                "password": Secret(env="UNUSED"),
                "connect_timeout": timedelta(seconds=5),
                "read_timeout": timedelta(seconds=read_timeout),
                "command_timeout": timedelta(seconds=command_timeout),
            }
        )
        mailbox = Mailbox("support", server, home=tmp_path, password=lambda: password, clock=SystemClock())
        opened.append(mailbox)
        await mailbox.connect()
        if folder is not None:
            await mailbox.select(folder)
        return mailbox

    yield connect
    for mailbox in opened:
        await mailbox.shutdown()
