"""`triage why`: what was decided about a mail then, and why, as the ledger has it. Nothing is decided anew."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape

from triage.ledger.queries import Past
from triage.records import TicketEventKind


def steps_of(past: Past, version: str | None) -> Iterator[tuple[str, str]]:
    """(label, text) in the order of deciding; *version* is that of the configuration in force, None: not readable."""
    yield "mail", f"{past.message_id or 'no Message-ID'}, from {past.sender or 'nobody'}, fingerprint {_short(past)}"
    yield "received", f"{_shown(past.received_at)} in {past.mailbox}/{past.folder}, decided {_shown(past.seen_at)}"
    yield "state", past.state + (f": {past.fault}" if past.fault else "")
    decision = past.decision
    if decision is None:
        yield "decision", "none was recorded"
        return
    yield from _decision(decision)
    yield "rules", _version(decision.get("policy_version"), version)
    for report in past.effects:
        at = f"{_shown(report.at)}{f' ({report.detail})' if report.detail else ''}"
        yield report.kind, f"{report.state} to {report.recipient}, {at}"
    if past.place is not None:
        yield "now in", past.place
    for happened, kind, data in past.of_ticket:
        yield "ticket", f"{_shown(happened)} {kind}{_told(kind, data)}"


def _decision(decision: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "ticket", f"{decision['ticket']}{', a follow-up' if decision['follow_up'] else ', opened by this mail'}"
    silence = decision.get("silence")
    if silence:
        yield "guard", f"no reply: {silence} ({decision.get('evidence') or 'no evidence kept'})"
    else:
        yield "guard", f"a reply may go to {decision.get('customer') or '(forgotten)'}"
    each = sorted((decision.get("probabilities") or {}).items(), key=lambda pair: -pair[1])
    about = f" about {decision['about']}" if decision.get("about") else ""
    shown = ", ".join(f"{name} {value:.2f}" for name, value in each) or "no probabilities"
    yield "model", f"{decision['category'] or 'not sure'}{about} ({shown}) by {decision.get('model') or 'no model'}"
    yield "language", f"{decision.get('language') or 'not clear'}, answered in {decision.get('locale')}"
    for reason in decision.get("because") or ():
        yield "rule", reason
    clock = decision.get("clock", "opening-hours")
    yield (
        "decided",
        f"rule {decision['rule']!r}: team {decision['team']}, priority {decision['priority']}, clock {clock}",
    )
    yield "forward", ", ".join((decision["inbox"], *(decision.get("also_to") or ())))
    tags = decision.get("tags") or ()
    yield "file", decision["folder"] + (f", tagged {', '.join(tags)}" if tags else "")
    yield "reply", f"text {decision['template']!r}" if decision.get("template") else "none"
    for step in decision.get("steps") or ():
        yield "promise", step


def _told(kind: str, data: Mapping[str, Any]) -> str:
    """What the ledger says of one thing that happened to a ticket."""
    if kind == TicketEventKind.OPENED:
        return f" for {data.get('team')}, promised {data.get('due_at') or 'no date'}"
    detail = data.get("how") or data.get("reason") or data.get("due_at") or ""
    other = data.get("into") or data.get("by") or data.get("from")
    words = {TicketEventKind.CLOSED: " into", "joined": " by", TicketEventKind.REOPENED: ", no longer merged into"}
    return (f": {detail}" if detail else "") + (f"{words.get(kind, '')} {other}" if other else "")


def _version(then: str | None, now: str | None) -> str:
    if now is None:
        return f"version {then}"
    return f"version {then}, " + ("still in force" if then == now else f"changed since (now {now})")


def _short(past: Past) -> str:
    return (past.fingerprint or "not known")[:12]


def _shown(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def show(found: Iterable[Past], version: str | None, console: Console | None = None) -> None:
    """For people."""
    console = console or Console()
    for past in found:
        console.rule(escape(past.ticket or past.message_id or _short(past)), align="left")
        for label, text in steps_of(past, version):
            console.print(f"[bold]{label:>10}[/bold]  {escape(text)}")


def as_json(past: Past) -> dict[str, Any]:
    """For scripts."""
    return {
        "mailbox": past.mailbox,
        "state": past.state,
        "received_at": past.received_at.isoformat(),
        "decided_at": past.seen_at.isoformat(),
        "fingerprint": past.fingerprint,
        "message_id": past.message_id,
        "from": past.sender,
        "ticket": past.ticket,
        "folder": past.folder,
        "place": past.place,
        "fault": past.fault,
        "decision": past.decision,
        "effects": [
            {
                "kind": each.kind,
                "state": each.state,
                "to": each.recipient,
                "at": each.at.isoformat(),
                "detail": each.detail,
            }
            for each in past.effects
        ],
        "ticket_events": [{"at": at.isoformat(), "kind": kind, **data} for at, kind, data in past.of_ticket],
        "events": [
            {"at": at.isoformat(), "kind": kind, "event": event, "detail": detail}
            for at, kind, event, detail in past.events
        ],
    }
