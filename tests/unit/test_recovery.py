"""What a crash left half done, by kind and state."""

from __future__ import annotations

from itertools import product

import pytest

from tests.unit.effects import pending
from triage.lifecycle import AT_MOST_ONCE, Kind, State, advance, is_final
from triage.recovery import outcomes

HALF_DONE = [(kind, State.STARTED) for kind in Kind] + [
    (kind, State.UNKNOWN) for kind in Kind if kind not in AT_MOST_ONCE
]


@pytest.mark.parametrize(("kind", "state"), HALF_DONE, ids=lambda value: str(value))
def test_what_customers_get_stays_unknown_and_everything_else_is_planned_again(kind: Kind, state: State) -> None:
    for outcome in outcomes(pending(1, kind, state)):
        state = advance(kind, state, outcome.event)
    assert state is (State.UNKNOWN if kind in AT_MOST_ONCE else State.PLANNED)


@pytest.mark.parametrize(("kind", "state"), HALF_DONE, ids=lambda value: str(value))
def test_what_recovery_leaves_is_either_final_or_due(kind: Kind, state: State) -> None:
    for outcome in outcomes(pending(1, kind, state)):
        state = advance(kind, state, outcome.event)
        if outcome is outcomes(pending(1, kind, State.STARTED))[-1]:
            break
    assert is_final(kind, state) or state is State.PLANNED


def test_recovery_knows_every_state_that_a_crash_can_leave() -> None:
    left_alone = {
        (kind, state)
        for kind, state in product(Kind, State)
        if not is_final(kind, state) and state is not State.PLANNED and (kind, state) not in HALF_DONE
    }
    assert left_alone == set()
