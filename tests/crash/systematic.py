"""Kill at every step. The steps are those of a run that was recorded: nobody has to list them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from tests.crash.stage import Stage
from tests.support.accounting import Account

_STEP = re.compile(r"(before|after):(.+)#(\d+)")
# A command that only reads changes nothing that lasts: before it, on its way and after its answer are one instant, and the last is kept.
_READS = "CAPABILITY|DONE|EXAMINE|IDLE|LIST|LOGIN|LSUB|NAMESPACE|NOOP|SELECT|STATUS|UID FETCH|UID SEARCH"
_READING = re.compile(rf"(?:before|after):imap (?:{_READS})#")
ANSWERS_TO_READS = re.compile(rf"after:answer to (?:imap (?:{_READS})|smtp EHLO)#")  # what is left of them


def record(stage: Stage, mails: int) -> list[str]:
    """Every step of a run that goes well, up to the settled state, in order; of commands that only read, their answer.

    Two runs are recorded, and the steps of both are taken: how many operations share a commit is a matter of time, and so is what
    still happens between the settled state and our look at it.
    """
    again = set(_recorded(stage, mails))
    return [step for step in _recorded(stage, mails) if step in again]


def _recorded(stage: Stage, mails: int) -> list[str]:
    run = stage.round(mails)
    run.deliver()
    file = run.home.path.parent / "steps"
    run.start(record=str(file))
    run.daemon.until(lambda: run.daemon.settled(mails), "the recorded run to settle")
    steps = file.read_text().splitlines()
    result = run.finish()
    if result.faults:
        raise AssertionError(f"without any kill: {result.faults}")
    return [step for step in dict.fromkeys(steps) if not _READING.match(step)]


def middle(steps: Sequence[str]) -> list[str]:
    """Of steps that come again and again (one for each mail of a batch): the one in the middle of each kind."""
    kinds: dict[tuple[str, str], list[str]] = defaultdict(list)
    for step in steps:
        found = _STEP.fullmatch(step)
        assert found is not None
        kinds[found[1], found[2]].append(step)
    return [names[len(names) // 2] for names in kinds.values()]


def kill_at(stage: Stage, step: str, mails: int) -> tuple[Account, bool]:
    """A run that is killed at *step*, and the run after it. Returns the account, and whether the step was reached."""
    run = stage.round(mails)
    run.deliver()
    run.start(kill_at=step)
    run.daemon.until_ended_or(lambda: run.daemon.settled(mails), f"the end at {step}")
    reached = not run.daemon.running
    if reached:
        run.start()
    result = run.finish()
    result.faults = [f"killed {step}: {fault}" for fault in result.faults]
    return result, reached
