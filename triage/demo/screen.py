"""What the demo shows in the terminal. Everything from a mail is escaped and stripped of control characters before it is printed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from triage.demo.outbox import Sent
from triage.demo.stage import PASSWORD, SUPPORT, Row, Stage
from triage.lifecycle import Kind

SHOWN_HEADERS = ("From", "To", "Subject", "In-Reply-To", "Auto-Submitted", "Content-Language")
FORWARD_HEADERS = ("From", "To", "Reply-To", "Subject", "X-Priority", "Auto-Submitted")
LANGUAGES = {"en": "English", "de": "German", "es": "Spanish"}  # that the shipped texts are in
COLOURS = {"logistics": "cyan", "payment": "magenta", "product": "blue", "complaint": "red"}


def plain(text: str) -> Text:
    """*text* of a sender as it may be shown: control and direction characters gone, no markup."""
    return Text("".join(character if character.isprintable() or character == "\n" else "·" for character in text))


def decisions(rows: Sequence[Row], expected: int, settled: int) -> RenderableType:
    """The live table."""
    table = Table(box=None, pad_edge=False, header_style="bold", expand=True)
    table.add_column("from", no_wrap=True, overflow="ellipsis", ratio=6)
    table.add_column("lang", no_wrap=True, min_width=4)
    table.add_column("category", no_wrap=True, min_width=15)
    table.add_column("team", no_wrap=True, min_width=10)
    table.add_column("a person answers by", no_wrap=True, min_width=20)
    table.add_column("automatic reply", no_wrap=True, overflow="ellipsis", ratio=5)
    for row in rows:
        table.add_row(*_cells(row))
    return Group(table, Text(f"{settled} of {expected} mails settled", style="dim"))


def _cells(row: Row) -> tuple[RenderableType, ...]:
    decision = row.decision
    if decision is None:
        return plain(row.sender), "", "", "", "", Text(row.state, style="dim")
    category = decision["category"]
    shown = "not sure" if category is None else f"{category} {decision['confidence']:.0%}"
    return (
        plain(row.sender or "(nobody)"),
        decision["language"] or "?",
        Text(shown, style=COLOURS.get(category, "dim")),
        decision["team"],
        _due(decision),
        _answer(row),
    )


def _due(decision: Mapping[str, Any]) -> Text:
    """The instant by which a person answers, where the customer was told one."""
    if decision["silence"] or decision["due_local"] is None:
        return Text("–")
    return Text(decision["due_local"].rpartition(" ")[0])  # without the zone, which is the same for all teams here


def _answer(row: Row) -> Text:
    decision = row.decision or {}
    if decision["silence"]:
        return Text(f"no: {decision['silence']}", style="yellow")
    state = row.effects.get(Kind.REPLY, "planned")
    if state == "done":
        return Text(f"sent [{decision['locale']}] {decision['template']}", style="green")
    return Text(state, style="dim")


def reply(mail: Sent, locale: str) -> RenderableType:
    """One automatic reply in full."""
    title = f"A reply in {LANGUAGES.get(locale.partition('-')[0], locale)}, as the customer reads it"
    return _letter(title, mail, SHOWN_HEADERS, mail.text, "green")


def forward(mail: Sent) -> RenderableType:
    """One forward: the summary, and what hangs on it."""
    attached = [part for part in mail.mail.walk() if part.get_content_type() == "message/rfc822"]
    text = mail.text.rstrip() + ("\n\n[attached: the original mail, card number and IBAN masked]" if attached else "")
    return _letter("A forward, as the team reads it", mail, FORWARD_HEADERS, text, "blue")


def _letter(title: str, mail: Sent, names: Sequence[str], text: str, colour: str) -> RenderableType:
    head = Text()
    for name in names:
        value = mail.mail[name]
        if value is not None:
            head.append(f"{name}: ", style="dim")
            head.append_text(plain(str(value).replace("\n", " ")))
            head.append("\n")
    return Panel(Group(head, plain(text.strip())), title=title, title_align="left", border_style=colour, padding=(1, 2))


def whereabouts(stage: Stage) -> RenderableType:
    """Where each mail went: the folders of the support mailbox, the inboxes of the teams."""
    folders = _list("Folders of the support mailbox")
    for name, mails in sorted(stage.folders().items()):
        folders.add_row(str(len(mails)), plain(name))
    inboxes = _list("Forwarded to")
    for team, inbox in stage.teams.items():
        count = stage.servers.folders(inbox)["INBOX"]
        if count:
            inboxes.add_row(str(count), f"{team} <{inbox}>")
    both = Table.grid(padding=(0, 6))
    both.add_row(folders, inboxes)
    return both


def withheld(rows: Sequence[Row]) -> RenderableType:
    """What was not answered, and the evidence of one each."""
    table = _list("Not answered, and why", "evidence")
    silent = [row.decision for row in rows if row.decision is not None and row.decision["silence"]]
    counts = Counter(decision["silence"] for decision in silent)
    for reason, count in counts.most_common():
        evidence = next(decision["evidence"] for decision in silent if decision["silence"] == reason)
        table.add_row(str(count), reason, plain(evidence or ""))
    return table


def _list(title: str, *more: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", justify="right")
    table.add_column(title, no_wrap=True, min_width=24)
    for name in more:
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    return table


def result(summary: Mapping[str, object], faults: Sequence[str]) -> RenderableType:
    """The last line, and whatever is not as it must be."""
    line = (
        f"{summary['received']} mails received, {summary['replied']} answered, INBOX empty, nothing marked as read,"
        f" {summary['seconds']} s"
    )
    if not faults:
        return Text(line, style="bold green")
    return Text("\n".join(["Not as it must be:", *(f"  {fault}" for fault in faults)]), style="bold red")


def how_to_look(console: Console, stage: Stage) -> None:
    """What --keep tells: how to look with a mail client, and how to send more."""
    servers = stage.servers
    console.print(
        "\nThe servers and the daemon go on until Ctrl-C. Look with any mail client:\n"
        f"  IMAP   {servers.host}, port {servers.imap_port}, no encryption, password {PASSWORD!r}\n"
        f"         user {SUPPORT}, or a team's inbox: {', '.join(stage.teams.values())}\n"
        f"  SMTP   {servers.host}, port {servers.smtp_port}, no encryption, the same users and password\n"
        "Send a mail and watch it being answered:\n"
        f"  printf 'From: you@example.org\\nTo: {SUPPORT}\\nSubject: Where is my parcel?\\n\\nIt should have come on Monday.\\n' |\n"
        f"  curl -sS smtp://{servers.host}:{servers.smtp_port} --user {SUPPORT}:{PASSWORD} --mail-from you@example.org"
        f" --mail-rcpt {SUPPORT} -T -\n"
        f"Home, with configuration and texts to edit: {stage.home} (its log: {stage.log.name})\n"
        f"  triage --home {stage.home} status",
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip


def opening(console: Console, now: datetime) -> None:
    console.print(
        f"[bold]triage demo[/bold]: the real daemon on embedded IMAP and SMTP servers, {now:%A %H:%M} on this machine."
        " We wrote the mails; nothing leaves loopback.\n"
    )
