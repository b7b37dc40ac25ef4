"""Wiring: builds the services from a home, runs the workers, reloads, answers signals and the watchdog, and puts everything away."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import math
import os
import random
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from triage import config, log
from triage.classifier import registry
from triage.clock import Clock, SystemClock, jump
from triage.courier import Courier
from triage.daemon import Worker
from triage.errors import ConfigError, LedgerError, ModelError, Problem
from triage.ledger import Ledger
from triage.mailbox import Mailbox
from triage.metrics import Metrics
from triage.notify import notify, watchdog_seconds
from triage.planning import Office
from triage.services import NoModel, Services
from triage.settings import Settings
from triage.web import Web

if TYPE_CHECKING:
    from triage.classifier.estimator import Classifier

SWITCH_INTERVAL = 0.001  # seconds a thread keeps the interpreter; with 5 ms the loop waits for the model's thread
EXPIRE_EVERY = 3600.0  # seconds between applications of the configured retention
TICK = 2.0  # seconds between looks at files, switches and gauges: an edit is live within five
STUCK = 300.0  # seconds without a step of a worker after which the watchdog is not fed any more
SWITCHES = ("paused", "breaker")  # settings in the ledger that stop replies


class App:
    """The daemon as a whole. `run` returns after SIGTERM or SIGINT."""

    def __init__(self, home: Path, *, clock: Clock | None = None, dice: Callable[[], float] = random.random) -> None:
        self._home = home
        self._clock = clock or SystemClock()
        self._dice = dice
        self._log = log.get()
        self._workers: dict[str, tuple[Worker, asyncio.Task[None]]] = {}
        self._stop = asyncio.Event()
        self._expired_at = -math.inf  # also where the daemon never runs for an hour on end
        self._looked_at = self._clock.now(), self._clock.monotonic()
        self._config_fault: str | None = None
        self._model_fault: str | None = None
        self._model_name: str | None = None  # with its version
        self.idle = asyncio.Event()  # set while every mailbox has nothing left to do

    # -- life --------------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Start, watch until told to stop, drain. Raises ConfigError and LedgerError before anything was begun."""
        sys.setswitchinterval(SWITCH_INTERVAL)
        gc.disable()  # while what stays for good is loaded
        try:
            await self._run()
        finally:
            gc.enable()

    async def _run(self) -> None:
        office = config.load(self._home)
        settings = office.settings
        log.configure(settings.logging.level, settings.logging.format)
        ledger = Ledger.open(self._home / settings.ledger)
        self.services = Services(office, NoModel(), ledger, self._courier(settings), self._clock, Metrics(), self._dice)
        web = None
        try:
            self._check_secrets(settings)
            if settings.http.enabled:
                web = Web(
                    settings.http.host, settings.http.port, health=self.health, metrics=self.services.metrics.text
                )
                self._log.info("listening", url=f"http://{settings.http.host}:{web.port}")
            await self._load_model()
            gc.freeze()  # from now on the collector looks at what mails leave behind, not at half a million objects that stay
            gc.enable()
            await self._serve(settings)
        finally:
            if web is not None:
                web.close()
            await self.services.courier.close()
            ledger.close()
            self.services.cpu.shutdown(wait=False)
        self._log.info("stopped")

    def stop(self) -> None:
        """End soon: take nothing new, finish what was begun, within the configured time. May be called from a signal handler."""
        self._stop.set()

    async def _serve(self, settings: Settings) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        reload = asyncio.Event()
        loop.add_signal_handler(signal.SIGHUP, reload.set)
        self.services.metrics.config_ok.set(1)
        self._start_workers(settings)
        self._log.info(
            "started", mode=settings.mode, mailboxes=",".join(settings.mailboxes), rules=self.services.office.version
        )
        notify("READY=1", f"STATUS=mode {settings.mode}, {len(settings.mailboxes)} mailboxes")
        stamp = self._stamp()
        while not self._stop.is_set():
            await self._tick()
            now = self._stamp()
            if reload.is_set() or now != stamp:
                reload.clear()
                stamp = now
                await self._reload()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), TICK)
        notify("STOPPING=1")
        self._log.info("draining", seconds=self.services.office.settings.drain.total_seconds())
        await self._stop_workers(list(self._workers), self.services.office.settings.drain)

    # -- workers -----------------------------------------------------------------------------------------------------------

    def _start_workers(self, settings: Settings) -> None:
        for name, mine in settings.mailboxes.items():
            if name not in self._workers:
                mailbox = Mailbox(
                    name,
                    mine.imap,
                    home=self._home,
                    clock=self._clock,
                    password=partial(config.secret, mine.imap.password, self._home),
                )
                worker = Worker(self.services, mailbox)
                self._workers[name] = worker, asyncio.create_task(worker.run(), name=f"mailbox {name}")

    async def _stop_workers(self, names: list[str], grace: timedelta) -> None:
        leaving = [self._workers.pop(name) for name in names]
        await asyncio.gather(*(worker.stop(grace.total_seconds()) for worker, _ in leaving))
        for worker, task in leaving:
            task.cancel()
            await asyncio.wait([task])
            await worker.mailbox.shutdown()

    async def _tick(self) -> None:
        """Look at workers and switches; tell metrics and systemd."""
        services, now = self.services, self._clock.monotonic()
        looked_at = self._clock.now(), now
        jumped = jump((self._looked_at[0], looked_at[0]), (self._looked_at[1], looked_at[1]))
        self._looked_at = looked_at
        if jumped is not None:
            remedy = "check the machine's time service; waits go on, mail of the wrong hours may count as old"
            self._log.error("clock_jumped", seconds=round(jumped.total_seconds()), remedy=remedy)
        for name, (worker, task) in list(self._workers.items()):
            services.metrics.round_trip_age.labels(name).set(now - worker.mailbox.last_answer_at)
            if task.done():  # a bug of ours: it is logged with its traceback, and the mailbox starts anew
                self._log.error("worker_died", mailbox=name, exc_info=task.exception())
                await self._stop_workers([name], timedelta(0))  # what it had begun ends before another begins
        self._start_workers(services.office.settings)
        ledger_works = await self._read_switches()
        if ledger_works and now - self._expired_at > EXPIRE_EVERY:
            self._expired_at = now
            await self._expire()
        stuck = [name for name, (worker, _) in self._workers.items() if now - worker.progress_at > STUCK]
        if ledger_works and not stuck and watchdog_seconds() is not None:
            notify("WATCHDOG=1")  # fed by work: steps of every worker, and an answer of the ledger
        if all(worker.settled.is_set() for worker, _ in self._workers.values()):
            self.idle.set()
        else:
            self.idle.clear()

    async def _read_switches(self) -> bool:
        """What the operator switched (triage pause, resume), and the gauges of what waits; False when the ledger does not answer."""
        services = self.services
        try:
            values = {name: await services.ledger.setting(name) for name in SWITCHES}
            waiting, oldest = await services.ledger.waiting()
        except LedgerError as error:
            services.metrics.ledger_ok.set(0)
            self._log.error("ledger_unusable", detail=str(error))
            return False
        services.stopped = next((name for name in SWITCHES if values[name] is not None), None)
        services.metrics.ledger_ok.set(1)
        services.metrics.replies_stopped.set(services.stopped is not None)
        services.metrics.waiting.set(waiting)
        services.metrics.oldest_waiting.set((self._clock.now() - oldest).total_seconds() if oldest else 0)
        return True

    async def _expire(self) -> None:
        """Let the ledger forget what is older than the configured retention."""
        retention, now = self.services.office.settings.retention, self._clock.now()
        try:
            found = await self.services.ledger.expire(now - retention.people, now - retention.records)
        except LedgerError as error:
            self._log.error("ledger_unusable", detail=str(error))
        else:
            if any(found.values()):
                self._log.info("retention", **found)

    # -- reload ------------------------------------------------------------------------------------------------------------

    def _stamp(self) -> object:
        """Changes whenever a file of the configuration, a text or the model in use does."""
        files = [
            *(self._home / "config").glob("*.yaml"),
            *(self._home / config.LISTS).glob("*.txt"),
            *(self._home / "templates").rglob("*"),
            self._home / "models" / "current",
            *(self._home / "models").glob("*/manifest.json"),  # a new version under the same name
        ]
        stamp = []
        for path in sorted(files):
            with contextlib.suppress(OSError):  # an editor replaces files: the next look sees the new one
                status = path.stat()
                stamp.append((str(path), status.st_mtime_ns, status.st_size))
        return stamp

    async def _reload(self) -> None:
        """Read everything anew; a fault keeps what is in force, and is told."""
        services = self.services
        try:
            office = await asyncio.to_thread(config.load, self._home)
        except ConfigError as error:
            self._config_fault = "; ".join(map(str, error.problems))
            services.metrics.config_ok.set(0)
            for problem in error.problems:
                self._log.error("reload_refused", problem=str(problem))
        else:
            self._config_fault = None
            services.metrics.config_ok.set(1)
            if office.version != services.office.version:
                await self._adopt(office)
        await self._load_model()  # under the name that is in force now, also where the edit was refused

    async def _adopt(self, office: Office) -> None:
        services, before = self.services, self.services.office
        if office.settings.smtp != before.settings.smtp:
            old, services.courier = services.courier, self._courier(office.settings)
            await old.close()
        changed = [
            name for name in self._workers if office.settings.mailboxes.get(name) != before.settings.mailboxes[name]
        ]
        services.office = office  # in one step: every batch from now on sees the new one whole
        await self._stop_workers(changed, office.settings.drain)
        self._start_workers(office.settings)
        for worker, _ in self._workers.values():
            worker.wake.set()
        log.configure(office.settings.logging.level, office.settings.logging.format)
        self._log.info("reloaded", rules=office.version, before=before.version, mode=office.settings.mode)

    def _courier(self, settings: Settings) -> Courier:
        smtp = settings.smtp
        password = partial(config.secret, smtp.password, self._home) if smtp.password else lambda: None
        return Courier(smtp, home=self._home, password=password, clock=self._clock)

    async def _load_model(self) -> None:
        services, name = self.services, self.services.office.settings.model
        try:
            model = await services.compute(partial(load_model, self._home, name))
        except ModelError as error:
            kept = "the neutral reply" if isinstance(services.model, NoModel) else "the model that is loaded"
            self._model_fault = str(error)
            services.metrics.model_ok.set(0)
            self._log.error("model_unusable", detail=str(error), using=kept)
        else:
            services.model = model
            self._model_fault = None
            services.metrics.model_ok.set(1)
            if model.name != self._model_name:
                self._log.info("model_in_use", model=model.name, before=self._model_name)
                self._model_name = model.name

    def _check_secrets(self, settings: Settings) -> None:
        """Every password can be read now; which of them the servers take is found out later."""
        problems: list[Problem] = []
        references = [mine.imap.password for mine in settings.mailboxes.values()]
        if settings.smtp.password is not None:
            references.append(settings.smtp.password)
        for reference in references:
            try:
                config.secret(reference, self._home)
            except ConfigError as error:
                problems += error.problems
        if problems:
            raise ConfigError(problems)

    # -- health ------------------------------------------------------------------------------------------------------------

    def health(self) -> dict[str, Any]:
        """What /healthz says: failing when a mailbox is not being worked on, degraded when something else needs a person."""
        now = self._clock.monotonic()
        failing = [f"mailbox {name}: {worker.trouble}" for name, (worker, _) in self._workers.items() if worker.trouble]
        degraded = []
        if self._config_fault:
            degraded.append(f"the last edit of the configuration is refused: {self._config_fault}")
        if self._model_fault:
            degraded.append(f"text model: {self._model_fault}")
        if self.services.stopped:
            degraded.append(f"replies are stopped: {self.services.stopped}")
        return {
            "status": "failing" if failing else "degraded" if degraded else "ok",
            "reasons": failing + degraded,
            "mode": self.services.office.settings.mode,
            "rules": self.services.office.version,
            "pid": os.getpid(),
            "mailboxes": {
                name: {"last_answer_seconds": round(now - worker.mailbox.last_answer_at, 1), "trouble": worker.trouble}
                for name, (worker, _) in self._workers.items()
            },
        }


def load_model(home: Path, name: str) -> Classifier:
    """The text model that the settings name, ready to read the first mail. Raises ModelError with the remedy."""
    model = registry.load(home / "models", None if name == "current" else name)
    try:
        model.predict(["Where is my parcel?"])  # loads what is loaded with the first text only
    except Exception as error:
        raise ModelError(
            f"{model.name} cannot read a text ({type(error).__name__}: {error}). Train it again, or: triage rollback"
        ) from error
    return model
