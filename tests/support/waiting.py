"""Waiting for conditions, never for a time; free ports."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_PORTS = range(15_000, 32_000)  # below those that the kernel gives to whoever asks for any port
LONG = 60.0  # seconds: a machine under load may take its time, a healthy one takes a fraction
_dice = random.SystemRandom()  # not to be seeded: processes side by side draw different ports


def until(condition: Callable[[], T], what: str, seconds: float = LONG, pause: float = 0.02) -> T:
    """The first true value of *condition*. Raises TimeoutError that says *what* was waited for, and the last value."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:.0f} s for: {what}; it is {value!r} now")
        time.sleep(pause)
    return value


def free_port() -> int:
    """A port on which nobody listens, and which other tests, side by side with these, are not going to be given."""
    while True:
        port = _dice.choice(_PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def until_greeted(port: int, greeting: bytes, seconds: float = LONG) -> None:
    """Until a server on *port* greets with *greeting*. Raises TimeoutError."""

    def greets() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=2) as channel:
                return channel.recv(200).startswith(greeting)
        except OSError:
            return False

    until(greets, f"a server on port {port} to say {greeting!r}", seconds, pause=0.01)
