"""Starts daemons by fork: imports the program once, then each daemon is a copy of that process that runs `triage run`.

A start by the installed command takes 1.6 s here, nearly all of it imports; a fork takes 0.2 s, so that hundreds of kills fit into a
minute. What runs is the same code through the same entry point, in a process of its own with a log, signals and a death of its own.

`python -m tests.support.zygote` speaks JSON lines: {"home": PATH, "log": PATH, "hook": {...}, "env": {...}} in, {"pid": N} out.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import random
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn, Self

from tests.support.letters import letter
from tests.support.waiting import LONG

PR_SET_PDEATHSIG = 1  # prctl(2)
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Forked:
    """A daemon that the zygote made, with the face of subprocess.Popen as far as tests use it."""

    returncode: int | None = None  # not known: it is no child of ours

    def __init__(self, pid: int) -> None:
        self.pid = pid
        try:
            self._handle: int | None = os.pidfd_open(pid)
        except ProcessLookupError:
            self._handle = None

    def poll(self) -> int | None:
        """None while it runs, then 0."""
        if self._handle is not None and select.select([self._handle], [], [], 0)[0]:
            self._close()
        return None if self._handle is not None else 0

    def wait(self, timeout: float | None = None) -> int:
        if self._handle is not None and not select.select([self._handle], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired("triage run", timeout or 0.0)
        self._close()
        return 0

    def send_signal(self, number: int) -> None:
        if self._handle is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _close(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


class Zygote:
    """The process that forks. May be used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
            env={**os.environ, **ONE_THREAD},
        )
        return self

    def fork(
        self, home: Path, log: Path, *, hook: Mapping[str, Any] | None = None, env: Mapping[str, str] | None = None
    ) -> Forked:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {"home": str(home), "log": str(log), "hook": dict(hook or {}), "env": dict(env or {})}
        with self._lock:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            answer = json.loads(self._process.stdout.readline())
        return Forked(int(answer["pid"]))

    def stop(self) -> None:
        if self._process is not None and self._process.stdin is not None and self._process.stdout is not None:
            self._process.stdin.close()
            self._process.wait(LONG)
            self._process.stdout.close()
            self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


# -- in the zygote -----------------------------------------------------------------------------------------------------------------


def main() -> None:
    for module in ("triage.cli", "triage.app", "triage.ledger"):  # all that `triage run` needs, before the first fork
        importlib.import_module(module)
    _warm_up()
    if len(os.listdir("/proc/self/task")) > 1:
        raise SystemExit("a process with threads must not fork")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps
    answers = os.dup(1)
    for line in sys.stdin:
        request = json.loads(line)
        pid = os.fork()
        if pid == 0:
            os.close(answers)
            _become_daemon(request)
        os.write(answers, json.dumps({"pid": pid}).encode() + b"\n")


def _warm_up() -> None:
    """Fill the caches that any daemon fills within its first second: expressions, templates, calendars (0.5 s each time)."""
    from triage import config, explaining
    from triage.home import create
    from triage.services import NoModel

    with tempfile.TemporaryDirectory() as name:
        home, mail = Path(name) / "home", Path(name) / "mail.eml"
        create(home)
        mail.write_bytes(letter(1))
        list(explaining.explain([mail], config.load(home), NoModel(), explaining.Question(), datetime.now(UTC)))


def _become_daemon(request: Mapping[str, Any]) -> NoReturn:
    from tests.support import hook
    from triage.cli import main as command

    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # no daemon outlives the tests that it was made for
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_RDONLY)
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(null, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.update(request["env"])
    random.seed(time.monotonic_ns())
    hook.install(**request["hook"])
    command(["--home", request["home"], "run"])
    raise SystemExit(0)


if __name__ == "__main__":
    main()
