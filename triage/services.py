"""What every worker of the daemon shares: the office in force, the ledger, the courier, the model, the clock, the switches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from triage.clock import Clock
from triage.courier import Courier
from triage.ledger import Ledger
from triage.message import Prediction
from triage.metrics import Metrics
from triage.planning import Office
from triage.promises.promiser import Promiser

T = TypeVar("T")


def _one_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="cpu")


class Model(Protocol):
    """A text model: the classifier, or its absence."""

    def predict(self, texts: Sequence[str]) -> list[Prediction]: ...


class NoModel:
    """No usable model: it abstains from every message, so that each gets the neutral reply and goes to the front desk."""

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        return [Prediction(None, 0.0, {}, "none") for _ in texts]


@dataclass(slots=True)
class Services:
    """Shared by all mailboxes. `office` and `model` are replaced as a whole; whoever works on a batch keeps the ones it began with."""

    office: Office
    model: Model
    ledger: Ledger
    courier: Courier
    clock: Clock
    metrics: Metrics
    random: Callable[[], float]  # in [0, 1)
    promiser: Promiser = field(init=False)  # what was learnt of the teams' speed
    stopped: str | None = None  # why no replies go out at present: "paused", "breaker"
    # One thread for parsing, the model and rendering: they hold the interpreter's lock anyway, and the loop stays free to listen.
    cpu: ThreadPoolExecutor = field(default_factory=_one_thread)

    def __post_init__(self) -> None:
        self.promiser = Promiser(self.office.policy)

    async def compute(self, work: Callable[[], T], deadline: float | None = None) -> T:
        """Run *work* off the loop. Raises TimeoutError after *deadline* seconds.

        The work itself cannot be interrupted: its thread is left behind, and a new one takes what comes after, and what waited behind it.
        """
        pool = self.cpu
        future = pool.submit(work)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), deadline)
        except TimeoutError:
            if self.cpu is pool:
                pool.shutdown(wait=False)
                self.cpu = _one_thread()
            if future.cancelled():  # it never began: another's work had the thread all the time
                return await self.compute(work, deadline)
            raise
