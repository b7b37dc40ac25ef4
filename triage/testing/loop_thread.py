"""An asyncio loop in a thread of its own: what the servers here run in, beside whatever loop the caller has."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

START_SECONDS = 10.0  # a loaded machine may take its time; it is milliseconds as a rule


class LoopThread:
    """Starts when made; `stop` cancels what still runs."""

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, T], seconds: float = START_SECONDS) -> T:
        """Run *work* there and wait for its result; from any other thread. Raises TimeoutError."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(seconds)

    def stop(self) -> None:
        """Cancel every task, let them end, and end the thread. May be repeated."""
        if self._thread.is_alive():
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
            left = asyncio.all_tasks(self.loop)
            for task in left:
                task.cancel()
            self.loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            self.loop.run_until_complete(asyncio.sleep(0))  # transports tell their protocols that they are closed
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        finally:
            asyncio.set_event_loop(None)
            self.loop.close()


def missing(package: str) -> ModuleNotFoundError:
    """What to raise when a package of the extra is not installed."""
    return ModuleNotFoundError(f"{package} is not installed; it comes with: pip install 'triage[demo]'", name=package)
