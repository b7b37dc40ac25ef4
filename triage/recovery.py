"""After a crash: settles what was left half done. Safe to repeat; runs before any new work in a mailbox.

An effect found STARTED may or may not have happened, so it is LOST. A reply stays so, and is reported: nobody is answered twice. A
forward is planned again under the same Message-ID; a move is planned again, and `performing` looks in the target folder first.
"""

from __future__ import annotations

from collections.abc import Collection

from triage import log
from triage.lifecycle import AT_MOST_ONCE, Event, State
from triage.records import Outcome, Pending
from triage.services import Services

HALF_DONE = "found half done at the start"


async def recover(services: Services, mailbox: str, under_way: Collection[int] = ()) -> int:
    """Settle the effects of *mailbox* that a crash left half done; returns how many replies stay unknown.

    *under_way* are effects that this process is sending now: only the connection to the mailbox broke, and they go on.
    """
    pending = [item for item in await services.ledger.half_done(mailbox) if item.effect.id not in under_way]
    await services.ledger.advance([outcome for item in pending for outcome in outcomes(item)], services.clock.now())
    lost = [item for item in pending if item.effect.kind in AT_MOST_ONCE]
    logger = log.get().bind(mailbox=mailbox)
    for item in lost:
        ticket = (item.decision or {}).get("ticket")
        remedy = "ask the mail server's log whether this Message-ID was accepted"
        logger.error("reply_unknown", ticket=ticket, message_id=item.effect.outbound_id, remedy=remedy)
        services.metrics.effects.labels(item.effect.kind, Event.LOST).inc()
    if pending:
        logger.warning("recovered", effects=len(pending), replies_unknown=len(lost))
    return len(lost)


def outcomes(item: Pending) -> list[Outcome]:
    """The steps that make a half done effect whole again."""
    steps = []
    if item.effect.state is State.STARTED:
        steps.append(Outcome(item.effect.id, Event.LOST, HALF_DONE))
    if item.effect.kind not in AT_MOST_ONCE:
        steps.append(Outcome(item.effect.id, Event.REPEATED))
    return steps
