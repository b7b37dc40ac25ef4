"""Effects driven at random with crashes: everything becomes final, no customer gets anything twice, every forward and move happens.

The model has what is durable (the state), what is in memory (a send under way), and the world (what really happened). The rules are
those of performing and recovery: STARTED before anything leaves, outcomes written down after, what is found STARTED is LOST.
"""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from tests.unit.effects import pending
from triage.lifecycle import AT_MOST_ONCE, Event, Kind, State, advance, is_final
from triage.recovery import outcomes


@dataclass(slots=True)
class Modelled:
    """One effect: durable state, and how often it happened in the world."""

    kind: Kind
    state: State = State.PLANNED
    happened: int = 0
    retried: int = 0
    at_work: bool = False  # in the memory of the process: a crash forgets it

    def take(self, event: Event) -> None:
        self.state = advance(self.kind, self.state, event)


class Machine(RuleBasedStateMachine):
    effects = Bundle("effects")

    def __init__(self) -> None:
        super().__init__()
        self.all: list[Modelled] = []

    @rule(target=effects, kind=st.sampled_from(Kind))
    def plan(self, kind: Kind) -> Modelled:
        effect = Modelled(kind)
        self.all.append(effect)
        return effect

    @rule(effect=effects)
    def begin(self, effect: Modelled) -> None:
        if effect.state is State.PLANNED:
            effect.take(Event.STARTED)
            effect.at_work = True

    @rule(effect=effects)
    def withhold(self, effect: Modelled) -> None:
        if effect.state is State.PLANNED and effect.kind in AT_MOST_ONCE:
            effect.take(Event.SUPPRESSED)

    @rule(effect=effects, answer=st.sampled_from(["2yz", "4yz", "5yz", "kept and cut", "cut"]))
    def answer(self, effect: Modelled, answer: str) -> None:
        """The server does something with what was sent; the process writes down what it saw."""
        if not effect.at_work:
            return
        effect.at_work = False
        effect.happened += answer in ("2yz", "kept and cut")
        effect.take({"2yz": Event.ACCEPTED, "4yz": Event.DEFERRED, "5yz": Event.REFUSED}.get(answer, Event.LOST))
        if effect.state is State.UNKNOWN and effect.kind not in AT_MOST_ONCE:
            effect.take(Event.REPEATED)

    @rule(effect=effects, kept=st.booleans())
    def crash_while_sending(self, effect: Modelled, kept: bool) -> None:
        """The server has it or not; the process is gone before it can write anything down."""
        effect.happened += effect.at_work and kept
        self._crash_and_recover()

    @rule()
    def crash(self) -> None:
        self._crash_and_recover()

    @rule(effect=effects)
    def retry_by_an_operator(self, effect: Modelled) -> None:
        if effect.state is State.FAILED and effect.kind not in AT_MOST_ONCE:
            effect.take(Event.RETRIED)
            effect.retried += 1

    def _crash_and_recover(self) -> None:
        for number, effect in enumerate(self.all):
            effect.at_work = False
            half_done = effect.state is State.STARTED or (
                effect.state is State.UNKNOWN and effect.kind not in AT_MOST_ONCE
            )
            if half_done:
                for outcome in outcomes(pending(number, effect.kind, effect.state)):
                    effect.take(outcome.event)

    @invariant()
    def nobody_gets_anything_twice(self) -> None:
        assert all(effect.happened <= 1 for effect in self.all if effect.kind in AT_MOST_ONCE)

    @invariant()
    def what_is_done_has_happened(self) -> None:
        assert all(effect.happened for effect in self.all if effect.state is State.DONE)

    def teardown(self) -> None:
        """With servers that say yes, everything becomes final; what may be repeated has happened."""
        self._crash_and_recover()
        for effect in self.all:
            for _ in range(3):
                self.begin(effect)
                self.answer(effect, "2yz")
            assert is_final(effect.kind, effect.state)
            if effect.kind not in AT_MOST_ONCE:
                assert effect.state is State.FAILED or effect.happened
        self.nobody_gets_anything_twice()


Machine.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestLifecycle = Machine.TestCase
