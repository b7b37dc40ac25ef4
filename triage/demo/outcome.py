"""What came of the demo: the summary, and everything that is not as it must be. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from triage.demo.letters import Letter
from triage.demo.outbox import Sent
from triage.demo.stage import Row
from triage.guard import OWN_MAIL
from triage.lifecycle import Kind
from triage.testing import Stored

NO_MODEL = ("none", "failed")  # what a decision names where no text model could be asked


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of the play, as the ledger, the SMTP server and the mailbox each tell it."""

    delivered: Mapping[int, tuple[Letter, bytes]]  # by UID in the INBOX
    rows: Sequence[Row]
    sent: Sequence[Sent]
    folders: Mapping[str, Sequence[Stored]]


def summary(outcome: Outcome, seconds: float) -> dict[str, Any]:
    """The object that `triage demo --json` ends with. `replied` and `filed` are counted at the servers, the rest in the ledger."""
    decisions = [row.decision for row in outcome.rows if row.decision is not None]
    return {
        "received": len(outcome.delivered),
        "replied": sum(mail.kind == Kind.REPLY for mail in outcome.sent),
        "suppressed": _counted(decision["silence"] for decision in decisions if decision["silence"]),
        "forwarded": _counted(row.decision["team"] for row in outcome.rows if row.decision and row.did(Kind.FORWARD)),
        "filed": {name: len(mails) for name, mails in sorted(outcome.folders.items()) if mails and name != "INBOX"},
        "languages": _counted(decision["language"] or "unknown" for decision in decisions),
        "categories": _counted(decision["category"] or "none" for decision in decisions),
        "seconds": round(seconds, 1),
    }


def _counted(values: Any) -> dict[str, int]:
    return dict(sorted(Counter(values).items(), key=lambda item: (-item[1], item[0])))


def faults(outcome: Outcome) -> list[str]:
    """Everything that did not end as it must; empty: all is well."""
    return [*_unfinished(outcome), *_answers(outcome), *_handed_over(outcome), *_filed(outcome)]


def _unfinished(outcome: Outcome) -> list[str]:
    rows = {row.uid: row for row in outcome.rows}
    found = []
    for uid, (letter, _) in outcome.delivered.items():
        row = rows.get(uid)
        if row is not None and row.decision is not None and row.decision["model"] in NO_MODEL:
            found.append(f"{letter.name}: was decided without a text model")
        if row is None or row.decision is None:
            found.append(f"{letter.name}: was not decided ({row.fault or row.state if row else 'never seen'})")
        else:
            found += [
                f"{letter.name}: {kind} is {state}"
                for kind, state in row.effects.items()
                if state not in ("done", "suppressed")
            ]
    return found


def _answers(outcome: Outcome) -> list[str]:
    """Each person is answered once, no machine ever, and the SMTP server saw what the ledger says."""
    found = []
    rows = {row.uid: row for row in outcome.rows}
    for uid, (letter, _) in outcome.delivered.items():
        row = rows.get(uid)
        if row is None or row.decision is None or letter.answer is None:
            continue
        if row.did(Kind.REPLY) and not letter.answer:
            found.append(f"{letter.name}: was answered, and must not be")
        if not row.did(Kind.REPLY) and letter.answer:
            found.append(f"{letter.name}: was not answered ({row.decision['silence'] or 'no reply was sent'})")
    replies = [mail for mail in outcome.sent if mail.kind == Kind.REPLY]
    answered = Counter(mail.in_reply_to for mail in replies if mail.in_reply_to)
    found += [f"{message_id} was answered {count} times" for message_id, count in answered.items() if count > 1]
    recorded = sum(row.did(Kind.REPLY) for row in outcome.rows)
    if len(replies) != recorded:
        found.append(f"the SMTP server took {len(replies)} replies, the ledger knows {recorded}")
    found += [
        f"the reply to {mail.recipient} has the envelope sender {mail.envelope_sender}"
        for mail in replies
        if mail.envelope_sender
    ]
    return found


def _handed_over(outcome: Outcome) -> list[str]:
    """Everything but our own mail reaches a team, once."""
    found = []
    for row in outcome.rows:
        if row.decision is None:
            continue
        own = row.decision["silence"] in OWN_MAIL
        if own == row.did(Kind.FORWARD):
            name = outcome.delivered[row.uid][0].name if row.uid in outcome.delivered else f"UID {row.uid}"
            found.append(f"{name}: {'was' if own else 'was not'} forwarded")
    forwards = Counter(mail.message_id for mail in outcome.sent if mail.kind == Kind.FORWARD)
    return found + [
        f"the forward {message_id} was sent {count} times" for message_id, count in forwards.items() if count > 1
    ]


def _filed(outcome: Outcome) -> list[str]:
    """Every mail lies in a triaged folder, byte for byte, and nobody marked it as read."""
    found = [
        f"{len(mails)} mails are left in the INBOX"
        for name, mails in outcome.folders.items()
        if name == "INBOX" and mails
    ]
    stored = Counter(mail.raw for mails in outcome.folders.values() for mail in mails)
    for letter, raw in outcome.delivered.values():
        if stored[raw] != 1:
            found.append(f"{letter.name}: {stored[raw]} unchanged copies in the mailbox")
    read = sum("\\Seen" in mail.flags for mails in outcome.folders.values() for mail in mails)
    return [*found, f"{read} mails are marked as read"] if read else found
