"""Waiting for conditions, never for a time; free ports."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LONG = 30.0  # seconds: a machine under load may take its time, a healthy one takes a fraction


def until(condition: Callable[[], T], what: str, seconds: float = LONG, pause: float = 0.02) -> T:
    """The first true value of *condition*. Raises TimeoutError that says *what* was waited for, and the last value."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:.0f} s for: {what}; it is {value!r} now")
        time.sleep(pause)
    return value


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until_greeted(port: int, greeting: bytes, seconds: float = 15.0) -> None:
    """Until a server on *port* greets with *greeting*. Raises TimeoutError."""

    def greets() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=2) as channel:
                return channel.recv(200).startswith(greeting)
        except OSError:
            return False

    until(greets, f"a server on port {port} to say {greeting!r}", seconds, pause=0.01)
