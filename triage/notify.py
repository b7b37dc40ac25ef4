"""Tells systemd how the service does (sd_notify(3)): one datagram to the socket it named. Does nothing elsewhere."""

from __future__ import annotations

import contextlib
import os
import socket


def notify(*states: str) -> None:
    """Send states such as "READY=1" and "STATUS=watching 2 mailboxes". Never raises: a lost notice is systemd's to notice."""
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    address = "\0" + path[1:] if path.startswith("@") else path
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.sendto("\n".join(states).encode(), address)


def watchdog_seconds() -> float | None:
    """Within how many seconds systemd wants to hear WATCHDOG=1; None: it does not watch this process."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    return int(microseconds) / 1e6 if microseconds.isdigit() else None
