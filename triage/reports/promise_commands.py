"""`triage calendar`, `triage report`, `triage import-history`: the promise for support leads and operators."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from triage import config
from triage.errors import LedgerError
from triage.ledger import Ledger, queries, reports
from triage.opening_hours import ClosedDay, OpeningHours
from triage.pages import hand_over
from triage.planning import Office
from triage.policy import Policy
from triage.reports.report_page import hours as in_hours
from triage.reports.report_page import page, share
from triage.reports.reporting import HoursOf, Promises, Quantiles, Report, make

_DAYS = re.compile(r"(\d{1,4})d")


# -- calendar ----------------------------------------------------------------------------------------------------------------------


@click.command()
@click.argument("team")
@click.option("--weeks", default=4, show_default=True, type=click.IntRange(1, 60), help="Weeks from today on.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.pass_context
def calendar(context: click.Context, team: str, weeks: int, as_json: bool) -> None:
    """When TEAM is open in the next weeks, and next year's holidays for you to confirm.

    Public holidays come from a library that may be wrong about your town, and one-off days become known late: correct them with
    add and remove below the calendar in config/routing.yaml. Promises already made are never computed again.
    """
    office: Office = config.load(context.obj["home"])
    if team not in office.policy.teams:
        raise click.BadParameter(
            f"there is no team {team!r}; one of {', '.join(office.policy.teams)}", param_hint="TEAM"
        )
    hours = office.policy.hours[team]
    today = datetime.now(UTC).astimezone(hours.zone).date()
    days = [_day(hours, today + timedelta(days=i)) for i in range(weeks * 7)]
    special = hours.special_days(today.year + 1)
    if as_json:
        found = {"team": team, "zone": hours.config.zone, "days": days, "year": today.year + 1,
                 "special_days": [{**_special(day), "open": _spans(hours, day.day)} for day in special]}  # fmt: skip
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    _show_calendar(Console(), team, hours, days, special, today.year + 1)


def _day(hours: OpeningHours, day: date) -> dict[str, Any]:
    because = next((_special(closed) for closed in hours.special_days(day.year) if closed.day == day), None)
    return {"date": day.isoformat(), "weekday": f"{day:%a}", "open": _spans(hours, day), "special": because}


def _spans(hours: OpeningHours, day: date) -> list[str]:
    """When it is open on a local day, as "09:00-17:00"."""
    start = datetime.combine(day, time(), hours.zone)
    end = datetime.combine(day + timedelta(days=1), time(), hours.zone)
    return [
        f"{span.start.astimezone(hours.zone):%H:%M}-"
        + ("24:00" if span.end == end else f"{span.end.astimezone(hours.zone):%H:%M}")
        for span in hours.spans_between(start, end)
    ]


def _special(closed: ClosedDay) -> dict[str, str]:
    return {"date": closed.day.isoformat(), "name": closed.name, "why": closed.why.value}


def _show_calendar(
    console: Console,
    team: str,
    hours: OpeningHours,
    days: list[dict[str, Any]],
    special: tuple[ClosedDay, ...],
    year: int,
) -> None:
    table = Table("day", "open", "", title=f"{team}: opening hours ({hours.config.zone})", title_justify="left")
    for number, day in enumerate(days):
        note = day["special"]
        told = f"{note['why']}: {note['name']}" if note and note["name"] else note["why"] if note else ""
        last_of_week = day["weekday"] == "Sun" and number < len(days) - 1
        opened = ", ".join(day["open"]) or "closed"
        table.add_row(f"{day['weekday']} {day['date']}", opened, escape(told), end_section=last_of_week)
    console.print(table)
    table = Table(
        "day", "", "open", "name", title=f"Days in {year} with other hours: please confirm", title_justify="left"
    )
    for closed in special:
        opened = ", ".join(_spans(hours, closed.day)) or "closed"
        table.add_row(f"{closed.day:%a} {closed.day}", closed.why.value, opened, escape(closed.name))
    console.print(table if special else f"No holidays, half days or closures are configured for {year}.")


# -- report ------------------------------------------------------------------------------------------------------------------------


@click.command()
@click.option(
    "--since", default="90d", show_default=True, metavar="WHEN", help="A date (2026-11-01) or days back (30d)."
)
@click.option("--until", metavar="DATE", help="Up to the start of this day, UTC; default: now.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), help="Write one page with plots to this file; - is standard output."
)  # fmt: skip
@click.pass_context
def report(context: click.Context, since: str, until: str | None, as_json: bool, html: Path | None) -> None:
    """Promises made and kept, first answers, volume, silence: by team and language, from the ledger."""
    home: Path = context.obj["home"]
    office = config.load(home)
    now = datetime.now(UTC)
    start = _instant(since, now, "--since")
    end = _instant(until, now, "--until") if until else now
    with queries.reading(home / office.settings.ledger) as c:
        tickets, messages = reports.tickets_between(c, start, end), reports.messages_between(c, start, end)
    found = make(tickets, messages, _hours_of(office.policy), since=start, until=end, now=now)
    if as_json:
        click.echo(json.dumps(found.to_json(), ensure_ascii=False))
    if html is not None:
        hand_over(page(found, office.settings.shop.name), html)
    if not as_json and html is None:
        _show_report(Console(), found)


def _instant(text: str, now: datetime, option: str) -> datetime:
    if days := _DAYS.fullmatch(text):
        return now - timedelta(days=int(days[1]))
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no date; write 2026-11-01, or 30d", param_hint=option) from None


def _hours_of(policy: Policy) -> HoursOf:
    def hours(team: str, clock: str) -> OpeningHours | None:
        if team not in policy.teams:
            return None
        return policy.clock(team, "round-the-clock" if clock == "round-the-clock" else "opening-hours")

    return hours


def _show_report(console: Console, found: Report) -> None:
    console.print(f"[bold]{found.since:%Y-%m-%d} to {found.until:%Y-%m-%d}[/bold]: {found.messages} mails, "
                  f"{found.replied} answered automatically, {share(found.abstained_share)} not sure about")  # fmt: skip
    table = Table(
        "promises", "made", "no date", "kept", "broken", "open", "no answer needed", "share kept", title_justify="left"
    )
    _promise_row(table, "all", found.total.promises)
    for name, group in found.teams.items():
        _promise_row(table, name, group.promises)
        if len(found.team_languages[name]) > 1:
            for language, promises in found.team_languages[name].items():
                _promise_row(table, f"  {language}", promises)
    _right(table)
    console.print(table)
    table = Table("hours", "promise\n50 %", "\n90 %", "\n95 %", "first answer\n50 %", "\n90 %", "\n95 %", "\nanswered")
    for name, group in {"all": found.total, **found.teams}.items():
        table.add_row(name, *_three(group.length), *_three(group.first_response), str(group.first_response.n))
    _right(table)
    console.print(table)
    console.print("promises by the wall clock, first answers in opening hours of the team", style="dim")
    table = Table("week of", "made", "kept", "broken", "open", "share kept", "median promise")
    for week in found.total.weeks:
        p = week.promises
        table.add_row(str(week.starts), str(p.made), str(p.kept), str(p.broken), str(p.open), share(p.kept_share),
                      in_hours(week.median_hours))  # fmt: skip
    _right(table)
    console.print(table)
    for title, counts in (
        ("category", found.categories),
        ("language", found.message_languages),
        ("no reply", found.silences),
        ("no answer needed", found.closures),
    ):
        _show_counts(console, title, counts)


def _promise_row(table: Table, name: str, p: Promises) -> None:
    counts = (p.made, p.no_date, p.kept, p.broken, p.open, p.closed)
    table.add_row(escape(name), *map(str, counts), share(p.kept_share))


def _three(q: Quantiles) -> tuple[str, str, str]:
    return in_hours(q.p50), in_hours(q.p90), in_hours(q.p95)


def _right(table: Table) -> None:
    """Figures to the right; names stay whole."""
    table.columns[0].no_wrap = True
    for column in table.columns[1:]:
        column.justify = "right"


def _show_counts(console: Console, title: str, counts: Mapping[str, int]) -> None:
    if counts:
        table = Table(title, "mails")
        for name, n in counts.items():
            table.add_row(escape(name), str(n))
        _right(table)
        console.print(table)


# -- merge -------------------------------------------------------------------------------------------------------------------------


@click.command()
@click.argument("tickets", metavar="TICKET OTHER", nargs=-1, required=True)
@click.option("--undo", is_flag=True, help="Take the merge of one TICKET back: it waits again, by its own promise.")
@click.pass_context
def merge(context: click.Context, tickets: tuple[str, ...], undo: bool) -> None:
    """Make two tickets one, where a customer wrote twice about the same thing.

    The one with the earlier promise goes on; the other is closed with the reason "merged" and counts neither as kept nor as broken.
    Answers and further mail to either belong to the one that goes on. 'triage why TICKET' shows it. Sends nothing, moves no mail.
    """
    names = [name.strip("[]# ").upper() for name in tickets]
    if len(names) != (1 if undo else 2):
        raise click.UsageError("name one ticket to take its merge back" if undo else "name two tickets, as T-7K3M9QX")
    home: Path = context.obj["home"]
    path = home / config.settings_of(home).ledger
    if not path.exists():
        raise LedgerError(f"there is no ledger at {path} yet: it is made by the first 'triage run'")

    async def write() -> str:
        ledger = Ledger.open(path)
        try:
            now = datetime.now(UTC)
            if undo:
                return f"{names[0]} waits again; it was merged into {await ledger.tickets.unmerge(names[0], now)}"
            stays, goes = await ledger.tickets.merge(names[0], names[1], now)
            return f"{goes} goes on in {stays}, whose promise is the earlier one"
        finally:
            ledger.close()

    click.echo(asyncio.run(write()), err=True)


# -- import-history ----------------------------------------------------------------------------------------------------------------


@click.command("import-history")
@click.option("--mailbox", metavar="NAME", help="Only this mailbox; default: all.")
@click.option(
    "--since", default="180d", show_default=True, metavar="WHEN", help="A date (2026-05-01) or days back (180d)."
)
@click.option(
    "--inbox",
    "folders",
    multiple=True,
    metavar="FOLDER",
    help="Where customers' mail lies; default: the watched folder.",
)
@click.option(
    "--sent",
    "sent",
    multiple=True,
    metavar="FOLDER",
    help="Where answers lie; default: watch_sent, or the server's own.",
)
@click.option(
    "--team", metavar="TEAM", help="Count everything for this team; default: as the rules and the text model decide."
)
@click.pass_context
def import_history(
    context: click.Context,
    mailbox: str | None,
    since: str,
    folders: tuple[str, ...],
    sent: tuple[str, ...],
    team: str | None,
) -> None:
    """Learn from the answers of the past: pairs of a customer's mail and the first answer, by Message-ID and In-Reply-To.

    Reads only, sends nothing, may be repeated: each mail is learnt from once. Mail that was never answered is left out. A running
    daemon takes what was learnt with the next mail.
    """
    from triage.reports.history import Wanted, import_past

    home: Path = context.obj["home"]
    office = config.load(home)
    if mailbox is not None and mailbox not in office.settings.mailboxes:
        raise click.BadParameter(f"there is no mailbox {mailbox!r}", param_hint="--mailbox")
    if team is not None and team not in office.policy.teams:
        raise click.BadParameter(f"there is no team {team!r}", param_hint="--team")
    now = datetime.now(UTC)
    wanted = Wanted(_instant(since, now, "--since"), folders, sent, team)
    names = [mailbox] if mailbox else list(office.settings.mailboxes)
    found = asyncio.run(import_past(home, office, names, wanted))
    for name, pairs in found.by_team.items():
        click.echo(f"{name}: {pairs} answered mails", err=True)
    click.echo(f"{found.read} mails and {found.answers} answers read, {found.pairs} pairs, {found.new} new", err=True)
