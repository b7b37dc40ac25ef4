"""Steps of effects' lives, many at once. Operations inside a transaction; SQL stays here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from triage.ledger import statements as sql
from triage.lifecycle import Event, Kind, State, advance, is_final
from triage.message import MessageKey
from triage.records import Outcome

MAX_DETAIL = 500  # characters of a server's words
CHUNK = 500  # steps at once: databases bound the variables of a statement


def take(c: sa.Connection, steps: Sequence[tuple[Outcome, datetime]]) -> list[State]:
    """Record *steps* in order, each with its instant; returns the new states. Raises IllegalTransition for a bug of ours.

    An effect may take several steps in one call.
    """
    return [state for start in range(0, len(steps), CHUNK) for state in _take(c, steps[start : start + CHUNK])]


def _take(c: sa.Connection, steps: Sequence[tuple[Outcome, datetime]]) -> list[State]:
    known = {row.id: row for row in c.execute(sql.EFFECTS, {"rows": [outcome.effect for outcome, _ in steps]})}
    states = {id: State(row.state) for id, row in known.items()}
    attempts = {id: row.attempts for id, row in known.items()}
    details = {id: row.detail for id, row in known.items()}
    taken, told = [], []
    for outcome, now in steps:
        id, before = outcome.effect, states[outcome.effect]
        state = states[id] = advance(Kind(known[id].kind), before, outcome.event)
        detail = None if outcome.detail is None else outcome.detail[:MAX_DETAIL]
        details[id] = details[id] if detail is None else detail
        attempts[id] += outcome.event is Event.STARTED or (outcome.event is Event.DEFERRED and before is State.PLANNED)
        taken.append(
            {
                "row": id, "state": state, "now": now, "next_try_at": outcome.next_try_at, "detail": details[id],
                "attempts": attempts[id],
                "forget_content": state is State.DONE,  # a reply that was accepted need not be kept
            }
        )  # fmt: skip
        told.append({"effect": id, "at": now, "event": outcome.event, "state": state, "detail": detail})
    c.execute(sql.STEP, taken)
    c.execute(sql.INSERT_EVENT, told)
    places = [(known[outcome.effect].message, outcome.place) for outcome, _ in steps if outcome.place is not None]
    if places:
        place(c, places)
    withheld = {
        known[id].message for id, state in states.items() if state is State.SUPPRESSED and known[id].kind == Kind.REPLY
    }
    if withheld:  # after all: it acknowledged nothing
        c.execute(sql.UNREPLIED, {"rows": sorted(withheld)})
    final = {known[id].message for id, state in states.items() if is_final(Kind(known[id].kind), state)}
    if final:
        c.execute(sql.SETTLE, {"rows": sorted(final)})
    return [step["state"] for step in taken]


def place(c: sa.Connection, places: Sequence[tuple[int, MessageKey]]) -> None:
    """Where messages, by their rows, are now."""
    rows = [
        {"row": id, "place_folder": at.folder, "place_uidvalidity": at.uidvalidity, "place_uid": at.uid}
        for id, at in places
    ]
    c.execute(sql.PLACE, rows)
