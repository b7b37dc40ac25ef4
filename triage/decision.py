"""What was decided about one mail: what the ledger keeps, the forward tells and `triage explain` prints. Pure.

No text of the mail is in here but the evidence of the guard and the order numbers that our own pattern matched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from triage.rulebook.rules import Clock, Priority


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome of `planning.plan`, as values that JSON can hold (instants as ISO 8601)."""

    ticket: str
    follow_up: bool  # the mail joined a ticket that was there
    mailbox: str
    customer: str | None  # the one address that answers go to
    language: str | None  # of the mail; None: not clear
    locale: str  # in which it is answered
    category: str | None
    about: str | None
    confidence: float
    probabilities: Mapping[str, float]
    model: str
    team: str
    inbox: str
    also_to: tuple[str, ...]
    folder: str
    priority: Priority
    rule: str
    template: str | None  # None: no reply
    silence: str | None  # reason for which no reply goes out; None: one does
    evidence: str | None
    opened_at: datetime  # of the ticket
    due_at: datetime | None
    due_local: str | None  # the same for colleagues, in the team's zone
    method: str
    steps: tuple[str, ...]
    order_numbers: tuple[str, ...]
    truncated: bool
    policy_version: str  # hash of the rules in force
    unfamiliar: bool = False  # the model abstained because the text is unlike all it has learnt from
    forward_inline: bool = False
    forward_masked: bool = True
    forward_redirected: bool = False  # the original itself is resent
    clock: Clock = "opening-hours"  # by which the first response is counted
    tags: tuple[str, ...] = ()  # IMAP keywords for the filed mail
    because: tuple[str, ...] = ()  # each rule that matched, with what it found

    def to_json(self) -> dict[str, Any]:
        """A JSON-able form; `from_json` reads it back."""
        return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Decision:
        """Read what `to_json` wrote, also that of an older version that lacked a key with a default."""
        values = {field.name: data[field.name] for field in fields(cls) if field.name in data}
        for key in ("opened_at", "due_at"):
            if values.get(key) is not None:
                values[key] = datetime.fromisoformat(values[key])
        for key in ("also_to", "steps", "order_numbers", "tags", "because"):
            values[key] = tuple(values.get(key, ()))
        return cls(**values)
