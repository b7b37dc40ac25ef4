"""A filed mail as it is kept to learn from, and its line in the notebook. Pure."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Self


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a mail lies."""

    mailbox: str
    folder: str  # as the server writes it
    uidvalidity: int
    uid: int


@dataclass(frozen=True, slots=True)
class Note:
    """A filed mail, as far as it is kept."""

    spot: Spot
    key: str  # fingerprint
    customer: str  # keyed hash of the address that answers go to
    thread: str  # keyed hash of the conversation's first Message-ID
    received_at: datetime
    language: str
    text: str  # subject and own new words, masked; "" where the mail teaches nothing
    aside: str = ""  # why it teaches nothing, whatever becomes of it: teaching.NoLesson

    def to_json(self) -> str:
        found = asdict(self)
        return json.dumps(
            {**found.pop("spot"), **found, "received_at": self.received_at.isoformat()}, ensure_ascii=False
        )

    @classmethod
    def from_json(cls, line: str) -> Self:
        """Raises ValueError, KeyError, TypeError for a line that is none of ours."""
        found = json.loads(line)
        spot = Spot(found["mailbox"], found["folder"], int(found["uidvalidity"]), int(found["uid"]))
        words = {name: str(found[name]) for name in ("key", "customer", "thread", "language", "text", "aside")}
        return cls(spot=spot, received_at=datetime.fromisoformat(found["received_at"]), **words)
