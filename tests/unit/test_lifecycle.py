"""The table of an effect's life, read as a table."""

from __future__ import annotations

from itertools import product

import pytest

from triage.errors import IllegalTransition
from triage.lifecycle import AT_MOST_ONCE, TRANSITIONS, Event, Kind, State, advance, is_final

LEGAL = {
    (State.PLANNED, Event.STARTED): State.STARTED,
    (State.PLANNED, Event.SUPPRESSED): State.SUPPRESSED,
    (State.PLANNED, Event.DEFERRED): State.PLANNED,
    (State.PLANNED, Event.REFUSED): State.FAILED,
    (State.STARTED, Event.ACCEPTED): State.DONE,
    (State.STARTED, Event.REFUSED): State.FAILED,
    (State.STARTED, Event.DEFERRED): State.PLANNED,
    (State.STARTED, Event.LOST): State.UNKNOWN,
    (State.UNKNOWN, Event.REPEATED): State.PLANNED,
    (State.FAILED, Event.RETRIED): State.PLANNED,
}


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize(("state", "event"), list(product(State, Event)))
def test_every_pair_of_state_and_event_is_in_the_table_or_illegal(kind: Kind, state: State, event: Event) -> None:
    if (state, event) not in LEGAL or (kind in AT_MOST_ONCE and event is Event.REPEATED):
        with pytest.raises(IllegalTransition):
            advance(kind, state, event)
    else:
        assert advance(kind, state, event) is LEGAL[state, event]


def test_every_state_has_a_row() -> None:
    assert set(TRANSITIONS) == set(State)


@pytest.mark.parametrize("kind", Kind)
def test_nothing_leaves_a_final_state_but_by_an_operator(kind: Kind) -> None:
    for state in (state for state in State if is_final(kind, state)):
        allowed = {event for event in TRANSITIONS[state] if event is not Event.REPEATED or kind not in AT_MOST_ONCE}
        assert allowed <= {Event.RETRIED}


@pytest.mark.parametrize("kind", Kind)
def test_from_every_state_a_final_one_can_be_reached(kind: Kind) -> None:
    for state in State:
        reached, frontier = {state}, [state]
        while frontier:
            here = frontier.pop()
            for event in TRANSITIONS[here]:
                if event is Event.REPEATED and kind in AT_MOST_ONCE:
                    continue
                there = advance(kind, here, event)
                if there not in reached:
                    reached.add(there)
                    frontier.append(there)
        assert any(is_final(kind, there) for there in reached)


def test_what_customers_get_is_final_when_its_outcome_is_unknown_and_the_rest_is_not() -> None:
    assert {kind for kind in Kind if is_final(kind, State.UNKNOWN)} == AT_MOST_ONCE
