"""The life of one effect: a reply, a forward, a move. A table, and nothing but the table.

A message is settled when all its effects are final, so a reply that waits for its next try never keeps the mail from its team.

    PLANNED ──STARTED──► STARTED ──ACCEPTED──► DONE
       ▲  └─SUPPRESSED─► SUPPRESSED  │  └─REFUSED──► FAILED ──RETRIED──► PLANNED  (by an operator)
       └──────DEFERRED───────────────┤
                                     └─LOST──► UNKNOWN ──REPEATED──► PLANNED      (never for a reply)

What a crash half way means: STARTED is committed before the first byte of DATA (or before the MOVE), so an effect found STARTED at
the next start may or may not have happened. It is LOST. A reply stays UNKNOWN and is reported: it is sent at most once. A forward is
repeated under the same Message-ID: it is sent at least once. A move is repeated: it is safe to repeat.
"""

from __future__ import annotations

from enum import StrEnum

from triage.errors import IllegalTransition


class Kind(StrEnum):
    REPLY = "reply"
    FORWARD = "forward"
    FILE = "file"
    REMINDER = "reminder"  # to the team, before a promise breaks
    RENEWAL = "renewal"  # a later date, to the customer


AT_MOST_ONCE = frozenset({Kind.REPLY, Kind.RENEWAL})  # what customers get


class State(StrEnum):
    PLANNED = "planned"
    STARTED = "started"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    SUPPRESSED = "suppressed"


class Event(StrEnum):
    STARTED = "started"  # committed before anything leaves
    ACCEPTED = "accepted"  # 2yz after DATA; COPYUID after a move
    REFUSED = "refused"  # 5yz; or given up after the last try
    DEFERRED = "deferred"  # 4yz, or nothing was sent; there is a next try
    LOST = "lost"  # sent whole, and no answer; or found STARTED after a crash
    REPEATED = "repeated"  # what may be done twice is planned again
    SUPPRESSED = "suppressed"  # overtaken before it began: paused, capped, answered by a person
    RETRIED = "retried"  # an operator asked for another try


TRANSITIONS: dict[State, dict[Event, State]] = {
    State.PLANNED: {
        Event.STARTED: State.STARTED,
        Event.SUPPRESSED: State.SUPPRESSED,
        Event.DEFERRED: State.PLANNED,  # not even begun: no connection, no original to forward yet
        Event.REFUSED: State.FAILED,  # given up: the time for trying is over
    },
    State.STARTED: {
        Event.ACCEPTED: State.DONE,
        Event.REFUSED: State.FAILED,
        Event.DEFERRED: State.PLANNED,
        Event.LOST: State.UNKNOWN,
    },
    State.UNKNOWN: {Event.REPEATED: State.PLANNED},
    State.FAILED: {Event.RETRIED: State.PLANNED},
    State.DONE: {},
    State.SUPPRESSED: {},
}


def advance(kind: Kind, state: State, event: Event) -> State:
    """The state after *event*. Raises IllegalTransition for anything that the table does not hold.

    For what customers get REPEATED is never legal: nobody is answered twice.
    """
    if kind in AT_MOST_ONCE and event is Event.REPEATED:
        raise IllegalTransition(f"a {kind} whose outcome is unknown is never repeated")
    try:
        return TRANSITIONS[state][event]
    except KeyError:
        raise IllegalTransition(f"{kind} in state {state} cannot take {event}") from None


def is_final(kind: Kind, state: State) -> bool:
    """Whether nothing more happens to the effect unless an operator asks."""
    if state is State.UNKNOWN:
        return kind in AT_MOST_ONCE
    return state in (State.DONE, State.FAILED, State.SUPPRESSED)
