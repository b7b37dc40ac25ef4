"""A decision's surroundings as the shipped configuration has them: for tests that plan without a daemon."""

from __future__ import annotations

import functools
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from tests.support.home import fresh
from triage import config
from triage.message import Prediction
from triage.planning import Facts, Office
from triage.records import History

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # a Monday, 10 h in Berlin
MAILBOX = "support"


@functools.cache
def office() -> Office:
    """The configuration, rules and texts that `triage init` writes."""
    return config.load(fresh())


def facts(**changes: Any) -> Facts:
    """A customer's mail of just now, of which the model is sure; *changes* replace what a test is about."""
    usual = Facts(
        mailbox=MAILBOX,
        received_at=NOW,
        now=NOW,
        prediction=Prediction("logistics", 0.95, {"logistics": 0.95, "payment": 0.05}, "test"),
        history=History(None, False, 0, 0),
        live_since=datetime(2026, 1, 1, tzinfo=UTC),
    )
    return replace(usual, **changes)
