"""Decisions and states as people read them in a terminal."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from triage.explaining import Explained
from triage.ledger.queries import Report, Status


def show(item: Explained, console: Console | None = None) -> None:
    """Every step of the decision about one mail, and the reply."""
    console = console or Console()
    message, decision, verdict = item.message, item.plan.decision, item.plan.verdict
    console.rule(escape(str(item.path)), align="left")
    author = message.from_address
    steps: list[tuple[str, str]] = [
        (
            "mail",
            f"{message.message_id or 'no Message-ID'}, from {author.address if author else 'nobody'}, {message.size} bytes",
        ),
        ("subject", message.subject or "(none)"),
        ("language", message.language or "too little evidence"),
        ("own words", _shortened(message.new_text)),
    ]
    if message.order_numbers:
        steps.append(("order", ", ".join(message.order_numbers)))
    if message.defects:
        steps.append(("defects", ", ".join(message.defects)))
    allowed = (
        f"a reply may go to {verdict.reply_to}"
        if verdict.allowed
        else f"no reply: {verdict.reason} ({verdict.evidence})"
    )
    steps += [
        ("guard", allowed),
        ("model", _prediction(item)),
        *(("rule", f"not {tried}") for tried in item.plan.route.tried),
        *(("rule", text) for text in item.plan.route.because),
        ("rule", f"{decision.rule}: team {decision.team}, priority {decision.priority}, clock {decision.clock}"),
        ("forward", ", ".join((decision.inbox, *decision.also_to))),
        ("file", decision.folder + (f", tagged {', '.join(decision.tags)}" if decision.tags else "")),
        *(("promise", step) for step in decision.steps),
    ]
    for label, text in steps:
        console.print(f"[bold]{label:>10}[/bold]  {escape(text)}")
    if item.plan.rendered is not None:
        console.print(
            f"[bold]{'reply':>10}[/bold]  {escape(item.plan.rendered.subject)} [{item.plan.rendered.locale}]\n"
        )
        console.print(escape(item.plan.rendered.text))


def _prediction(item: Explained) -> str:
    each = ", ".join(
        f"{name} {value:.2f}"
        for name, value in sorted(item.prediction.probabilities.items(), key=lambda pair: -pair[1])
    )
    about = f" about {item.prediction.about}" if item.prediction.about else ""
    told = item.prediction.category or "abstained"
    if item.prediction.unfamiliar:
        told += ", since this is unlike all mail that it has learnt from"
    return f"{told}{about} ({each or 'no model'})"


def _shortened(text: str, most: int = 300) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[:most] + " ..."


def status_json(found: Status) -> dict[str, Any]:
    """`triage status --json`."""
    data = asdict(found)
    return {key: _plain(value) for key, value in data.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def show_status(found: Status, console: Console | None = None) -> None:
    """How things stand, the troubles first."""
    console = console or Console()
    for name in ("paused", "breaker"):
        if name in found.switches:
            console.print(
                f"[bold red]replies are stopped[/bold red] ({name}: {escape(found.switches[name])}); 'triage resume' lets them out"
            )
    for box in found.mailboxes:
        live = f"live since {box['live_since']:%Y-%m-%d %H:%M} UTC" if box["live_since"] else "observing"
        console.print(f"mailbox {escape(box['name'])}: {live}")
    counts = ", ".join(f"{count} {state}" for state, count in sorted(found.messages.items())) or "none yet"
    console.print(f"messages: {counts}")
    for kind, states in sorted(found.effects.items()):
        console.print(f"{kind}: " + ", ".join(f"{count} {state}" for state, count in sorted(states.items())))
    if found.silences:
        console.print(
            "no reply because: "
            + ", ".join(f"{reason} {n}" for reason, n in sorted(found.silences.items(), key=lambda p: -p[1]))
        )
    _show_reports(console, "needs a person", found.reported)
    _show_reports(console, "waits", found.waiting)


def _show_reports(console: Console, title: str, reports: list[Report]) -> None:
    if not reports:
        return
    table = Table(
        "what", "state", "ticket", "mailbox", "to", "since (UTC)", "because", title=title, title_justify="left"
    )
    for report in reports:
        table.add_row(*(escape(str(value or "")) for value in (
            report.kind, report.state, report.ticket, report.mailbox, report.recipient, f"{report.at:%m-%d %H:%M}", report.detail,
        )))  # fmt: skip
    console.print(table)
