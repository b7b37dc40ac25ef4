"""One batch: parse, guard, classify, route, promise, compose, record; then the effects are performed.

A batch is what has arrived; a single mail is a batch of one and never waits for company. One model call and one commit a batch, but every
mail has its own outcome: one bad mail costs one mail. Mails whose earlier attempt failed come alone, so that a mail that takes the
process down with it drags no other into quarantine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from triage import log
from triage.errors import LedgerError, TransientError
from triage.identity import tickets_in
from triage.lifecycle import Kind
from triage.mailbox import Fetched, Mailbox
from triage.message import Message, MessageKey, Prediction
from triage.parsing import DEFAULT_ORDER_PATTERNS, parse
from triage.patterns import compiled
from triage.performing import Job, Performer, languages_of, write_forward
from triage.planning import Facts, Office, Plan, correspondent, plan, thread_key
from triage.promises.promiser import sample_name
from triage.records import Attempt, Inquiry, MessageState, NewEffect, NewPlan, TicketEvent, TicketEventKind
from triage.services import Services

T = TypeVar("T")
Forwards = Mapping[str, bytes]  # by recipient

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Item:
    """A message on its way through the batch."""

    fetched: Fetched
    attempt: Attempt
    message: Message
    sender: str | None  # as planning.correspondent says


class Pipeline:
    """Decides about the batches of one mailbox, and has their effects performed."""

    def __init__(self, services: Services, mailbox: Mailbox, performer: Performer, live_since: datetime | None) -> None:
        self._services = services
        self._mailbox = mailbox
        self._performer = performer
        self._live_since = live_since  # None: mode is observe
        self._log = log.get().bind(mailbox=mailbox.name)

    async def begin(self, arrivals: Mapping[MessageKey, datetime], *, alone: bool) -> dict[MessageKey, Attempt]:
        """Count an attempt for each mail, by its INTERNALDATE, before it is read. What had its last one goes to quarantine, unread."""
        services = self._services
        attempts = await services.ledger.begin(arrivals, services.clock.now(), alone=alone)
        most = services.office.settings.limits.attempts
        for attempt in attempts.values():
            if attempt.attempts > most:
                await self._quarantine(attempt)
        return {key: attempt for key, attempt in attempts.items() if attempt.attempts <= most}

    async def give_back(self, attempts: Mapping[MessageKey, Attempt]) -> None:
        """Uncount attempts that did not fail because of the mails."""
        await self._services.ledger.give_back([attempt.id for attempt in attempts.values()])

    async def process(self, batch: Sequence[Fetched], attempts: Mapping[MessageKey, Attempt]) -> None:
        """Decide about *batch*, record the plans, perform them. Raises TransientError and LedgerError: nothing is lost, try again."""
        office = self._services.office
        with self._services.metrics.batch_seconds.time(), self._performer.working_on(a.id for a in attempts.values()):
            try:
                items = await self._parse(batch, attempts, office)
                for group in rounds(items):
                    await self._decide_and_perform(group, office)
            except (TransientError, LedgerError):
                await self.give_back(attempts)
                raise

    # -- deciding ----------------------------------------------------------------------------------------------------------

    async def _parse(
        self, batch: Sequence[Fetched], attempts: Mapping[MessageKey, Attempt], office: Office
    ) -> list[Item]:
        settings = office.settings
        read = partial(
            parse,
            languages=languages_of(settings.mailboxes[self._mailbox.name].languages),
            order_patterns=compiled(settings.shop.order_patterns) or DEFAULT_ORDER_PATTERNS,
        )
        items = []
        for fetched in batch:
            attempt = attempts[fetched.key]
            try:
                message = await self._compute(partial(read, fetched.raw))
            except Exception as error:  # noqa: BLE001  one bad mail costs one mail
                await self._failed(attempt, error)
                continue
            if fetched.truncated:
                message = replace(message, size=fetched.size, defects=(*message.defects, "truncated"))
            items.append(Item(fetched, attempt, message, correspondent(message, office, self._mailbox.name)))
        return items

    async def _decide_and_perform(self, items: Sequence[Item], office: Office) -> None:
        services = self._services
        now = services.clock.now()
        histories = await services.ledger.histories([_inquiry(item) for item in items], now)
        predictions = await self._predict(items)
        recent = await services.ledger.replies_since(now - MINUTE)
        promiser = await services.promiser.catch_up(services.ledger.tickets, office.policy, now)
        planned: list[tuple[Item, Plan, Forwards]] = []
        for item, history, prediction in zip(items, histories, predictions, strict=True):
            facts = Facts(
                mailbox=self._mailbox.name, received_at=item.fetched.received_at, now=now, prediction=prediction, history=history,
                live_since=self._live_since, stopped=await self._stopped(recent, office), truncated=item.fetched.truncated,
                promiser=promiser,
            )  # fmt: skip
            try:
                made, forwards = await self._compute(partial(self._plan_and_write, item, facts, office))
            except Exception as error:  # noqa: BLE001  one bad mail costs one mail
                await self._failed(item.attempt, error)
                continue
            recent += any(effect.kind is Kind.REPLY for effect in made.effects)
            planned.append((item, made, forwards))
        await self._record_and_perform(planned, now)

    def _plan_and_write(self, item: Item, facts: Facts, office: Office) -> tuple[Plan, Forwards]:
        """The plan, and the forwards in full: whatever a mail may do to us, it does before its plan is recorded, and it is counted."""
        made = plan(item.message, facts, office)
        forwards = {}
        if self._live_since is not None:
            for effect in made.effects:
                if effect.kind is Kind.FORWARD:
                    with suppress(Exception):  # reported when it is sent; the reply and the move do not wait for it
                        forwards[effect.recipient] = write_forward(
                            office, item.fetched.raw, item.message, made.decision, effect, facts.now
                        )
        return made, forwards

    async def _predict(self, items: Sequence[Item]) -> list[Prediction]:
        """The model's word on each. A model that fails costs the categories, not the mail: everything goes to the front desk."""
        texts = [item.message.own_words for item in items]
        try:
            return await self._compute(lambda: self._services.model.predict(texts))
        except Exception:  # noqa: BLE001
            self._log.exception("model_failed", n=len(texts))
            self._services.metrics.model_ok.set(0)
            return [Prediction(None, 0.0, {}, "failed") for _ in texts]

    async def _stopped(self, recent: int, office: Office) -> str | None:
        """Why replies are withheld at present. Above the cap in total the breaker opens, and only an operator closes it."""
        services = self._services
        if services.stopped is None and recent >= office.settings.caps.per_minute:
            services.stopped = "breaker"
            services.metrics.replies_stopped.set(1)
            await services.ledger.switch("breaker", f"{recent} replies within a minute", services.clock.now())
            self._log.error("breaker_open", replies=recent, remedy="look at 'triage status', then 'triage resume'")
        return services.stopped

    # -- recording and performing ------------------------------------------------------------------------------------------

    async def _record_and_perform(self, planned: Sequence[tuple[Item, Plan, Forwards]], now: datetime) -> None:
        if not planned:
            return
        state = MessageState.PLANNED if self._live_since else MessageState.OBSERVED
        recorded = await self._services.ledger.record(
            [_new_plan(item, made, state, now) for item, made, _ in planned], now
        )
        jobs = []
        for item, made, forwards in planned:
            effects = tuple(recorded[item.attempt.id])
            self._tell(item, made)
            if made.answers and self._live_since:
                await self._answered(item, made, now)
            jobs.append(Job(item.fetched, item.message, made.decision, effects, forwards))
        if self._live_since:
            await self._performer.perform(jobs)

    async def _answered(self, item: Item, made: Plan, now: datetime) -> None:
        """A colleague let us have a copy of the answer to the customer."""
        services, name = self._services, made.decision.ticket
        found = await services.ledger.tickets.answered(name, item.fetched.received_at, now, "copy")
        if found is not None:
            if not found.counted:
                services.metrics.promises.labels(made.promise.team, found.outcome).inc()
            self._log.info("answered", ticket=name, how="copy", outcome=found.outcome.value)

    def _tell(self, item: Item, made: Plan) -> None:
        decision, metrics = made.decision, self._services.metrics
        if made.opens_ticket and made.rendered is not None and self._live_since:
            metrics.promises.labels(decision.team, "made" if decision.due_at else "no-date").inc()
        metrics.messages.labels(self._mailbox.name, decision.category or "none").inc()
        if decision.silence is not None:
            metrics.silences.labels(decision.silence).inc()
        self._log.info(
            "decided" if self._live_since else "observed", m=item.message.fingerprint[:8], uid=item.fetched.key.uid,
            ticket=decision.ticket, category=decision.category, conf=round(decision.confidence, 2), lang=decision.language,
            team=decision.team, priority=decision.priority, rule=decision.rule, reply=decision.silence or decision.template,
            due=decision.due_at and decision.due_at.isoformat(timespec="minutes"), folder=decision.folder,
            defects=",".join(item.message.defects[:5]) or None,
        )  # fmt: skip

    # -- failing -----------------------------------------------------------------------------------------------------------

    async def _failed(self, attempt: Attempt, error: Exception) -> None:
        if isinstance(error, TransientError | LedgerError):
            raise error
        self._log.exception("message_failed", uid=attempt.key.uid, attempt=attempt.attempts)
        self._services.metrics.failures.labels(self._mailbox.name).inc()
        await self._services.ledger.fail(attempt.id, f"{type(error).__name__}: {error}")

    async def _quarantine(self, attempt: Attempt) -> None:
        """Out of the way, with the reason in the ledger, the log and `triage status`; `triage retry` brings it back."""
        folder = self._services.office.settings.mailboxes[self._mailbox.name].quarantine
        self._log.error("quarantined", uid=attempt.key.uid, attempts=attempt.attempts - 1, folder=folder)
        self._services.metrics.quarantined.labels(self._mailbox.name).inc()
        move = NewEffect(Kind.FILE, folder) if self._live_since else None
        effect = await self._services.ledger.quarantine(attempt.id, move, self._services.clock.now())
        if effect is not None:
            await self._performer.file_alone(attempt.key, effect)

    async def _compute(self, work: Callable[[], T]) -> T:
        return await self._services.compute(work, self._services.office.settings.limits.message_seconds.total_seconds())


def rounds(items: Sequence[Item]) -> Iterator[list[Item]]:
    """*items* in groups in which no sender and no mail comes twice: each decision knows what the one before it did."""
    waiting = list(items)
    while waiting:
        group: list[Item] = []
        later: list[Item] = []
        seen: set[str] = set()
        for item in waiting:
            names = {item.message.fingerprint, item.sender or item.message.fingerprint}
            (later if names & seen else group).append(item)
            seen |= names
        yield group
        waiting = later


def _inquiry(item: Item) -> Inquiry:
    message = item.message
    return Inquiry(
        id=item.attempt.id,
        fingerprint=message.fingerprint,
        sender=item.sender,
        thread_key=thread_key(message, item.sender),
        related_ids=tuple(dict.fromkeys((*message.in_reply_to, *message.references))),
        tickets=tickets_in(message.subject),
    )


def _new_plan(item: Item, made: Plan, state: MessageState, now: datetime) -> NewPlan:
    message, decision = item.message, made.decision
    opens = event = None
    if made.opens_ticket:
        due_at = decision.due_at if made.rendered else None
        opens = {
            "mailbox": decision.mailbox, "team": decision.team, "language": decision.language, "category": decision.category,
            "priority": decision.priority, "opened_at": decision.opened_at, "due_at": due_at,
            "promise": made.promise.to_json() | {"stated": made.rendered is not None, "clock": decision.clock},
            "customer": decision.customer, "last_reply_at": None,
        }  # fmt: skip
        if made.waited_for:
            data = {"team": sample_name(decision.team, decision.clock), "language": decision.language,
                    "priority": decision.priority, "due_at": due_at and due_at.isoformat()}  # fmt: skip
            event = TicketEvent(decision.ticket, TicketEventKind.OPENED, decision.opened_at, now, data)
    ids = [effect.outbound_id for effect in made.effects if effect.outbound_id]
    return NewPlan(
        id=item.attempt.id,
        state=state,
        fingerprint=message.fingerprint,
        message_id=message.message_id,
        sender=item.sender,
        thread_key=thread_key(message, item.sender),
        ticket=decision.ticket,
        decision=decision.to_json(),
        effects=made.effects,
        opens=opens,
        event=event,
        thread_ids=tuple(dict.fromkeys([*([message.message_id] if message.message_id else []), *ids])),
    )
