"""Rules, mails and circumstances for tests, with everything filled in that a test does not speak of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from triage.message import Message, Prediction, Verdict
from triage.parsing import parse
from triage.policy import Policy
from triage.routing import Circumstances

MONDAY_NOON = datetime(2026, 11, 16, 11, tzinfo=UTC)  # 12:00 in Berlin
SUNDAY = datetime(2026, 11, 15, 11, tzinfo=UTC)


def policy(*rules: dict[str, Any], fallback: dict[str, Any] | None = None) -> Policy:
    team = {"names": {"en": "A team"}, "calendar": "office"}
    return Policy.model_validate(
        {
            "calendars": {"office": {"zone": "Europe/Berlin", "hours": {"mon-fri": "09:00-17:00"}}},
            "teams": {
                name: {**team, "inbox": f"{name}@shop.example", "folder": f"Triaged/{name}"}
                for name in ("desk", "logistics", "payment")
            },
            "rules": [{"name": f"rule {i}", **rule} for i, rule in enumerate(rules, start=1)],
            "fallback": fallback or {"team": "desk"},
        }
    )


def mail(text: str = "Where is my parcel?", *, language: str | None = "en", **headers: str) -> Message:
    fields = {
        "From": "Karin <karin@kunden.example>",
        "To": "support@shop.example",
        "Subject": "My order",
        "Message-ID": "<1@kunden.example>",
        "Date": "Mon, 16 Nov 2026 10:00:00 +0100",
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Transfer-Encoding": "8bit",
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    message = parse(f"{head}\r\n{text}\r\n".encode())
    values = {name: getattr(message, name) for name in message.__dataclass_fields__}
    return Message(**{**values, "language": language})


def circumstances(**changes: Any) -> Circumstances:
    values: dict[str, Any] = {
        "mailbox": "support",
        "prediction": Prediction("logistics", 0.9),
        "verdict": Verdict(None, None, "karin@kunden.example"),
        "now": MONDAY_NOON,
    }
    return Circumstances(**{**values, **changes})
