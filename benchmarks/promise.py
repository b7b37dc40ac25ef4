"""How well and how fast promises are made: share kept, length, microseconds.

    python benchmarks/promise.py [DATA_DIR ...] [--target 0.95] [--seed 1]

Without DATA_DIR the made-up logs of benchmarks/promise_logs.py are replayed. A DATA_DIR holds CSV files with the header
case_id,team,priority,opened_at,first_response_at (UTC; an empty answer leaves the row out) and a sources.json that
gives for each: tz, hours, holidays (country code or null).

Events are told in order of time, so nothing is known before it happened. Kept: answered at or before the promise;
tickets without a date are counted in "promised" only. Weeks count from 20 tickets on.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import fmean, median

import holidays
from promise_logs import Log, Ticket, made_logs

from triage.opening_hours import OpeningHours
from triage.promise import backtest_estimator, calendar_of_backtest

SMALLEST_WEEK = 20
WARM = timedelta(days=28)


def logs_of(folder: Path) -> Iterator[Log]:
    """The logs of a folder; the configured first response is two usual days."""
    for name, about in json.loads((folder / "sources.json").read_text()).items():
        tickets = []
        with (folder / f"{name}.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                if row["first_response_at"]:
                    at, answered = (datetime.fromisoformat(row[key]) for key in ("opened_at", "first_response_at"))
                    tickets.append(Ticket(row["case_id"], row["team"], row["priority"], at, answered))
        tickets.sort(key=lambda ticket: (ticket.opened_at, ticket.case_id))
        years = range(tickets[0].opened_at.year - 1, tickets[-1].opened_at.year + 3)
        off = holidays.country_holidays(about["holidays"], years=years) if about.get("holidays") else ()
        calendar = {"tz": about["tz"], "hours": about["hours"], "holidays": [day.isoformat() for day in sorted(off)]}
        yield Log(name, {**calendar, "cold_start_hours": 2 * usual_day(calendar)}, tickets)


def usual_day(calendar: dict[str, object]) -> float:
    """Hours of opening time on the day of the week in the middle."""
    week = calendar_of_backtest(calendar).week
    return median(sum(closes - opens for opens, closes in spans) / 60 for spans in week if spans)


def replay(log: Log, target: float) -> tuple[dict[str, datetime | None], float]:
    """The promise of each case, and microseconds of processor time spent on each ticket, its answer included."""
    events = [(ticket.opened_at, 1, i) for i, ticket in enumerate(log.tickets)]
    # Answers go before openings of the same instant, but not before their own opening.
    events += [(t.answered_at, 0 if t.answered_at > t.opened_at else 2, i) for i, t in enumerate(log.tickets)]
    events.sort()
    due: dict[str, datetime | None] = {}
    estimator = backtest_estimator(log.calendar, target)
    began = time.process_time()
    for at, kind, i in events:
        ticket = log.tickets[i]
        if kind == 1:
            due[ticket.case_id] = estimator.opened(ticket.case_id, ticket.team, ticket.priority, at)
        else:
            estimator.answered(ticket.case_id, at)
    return due, (time.process_time() - began) * 1e6 / len(log.tickets)


def report(log: Log, target: float) -> str:
    """One row of the table."""
    due, micros = replay(log, target)
    judged = [(ticket, at) for ticket in log.tickets if (at := due[ticket.case_id]) is not None]
    kept = [(ticket.opened_at, ticket.answered_at <= at) for ticket, at in judged]
    warm = [ok for at, ok in kept if at >= log.tickets[0].opened_at + WARM]
    weeks = defaultdict(list)
    for at, ok in kept:
        weeks[at.isocalendar()[:2]].append(ok)
    worst = min((fmean(week) for week in weeks.values() if len(week) >= SMALLEST_WEEK), default=float("nan"))
    hours = median((at - ticket.opened_at) / timedelta(hours=1) for ticket, at in judged)
    return (
        f"| {log.name} | {len(log.tickets)} | {len(judged) / len(log.tickets):.1%} | {fmean(ok for _, ok in kept):.1%} "
        f"| {fmean(warm):.1%} | {worst:.0%} | {hours:.1f} | {micros:.0f} |"
    )


def conversion_micros() -> tuple[float, float]:
    """Milliseconds of the first conversion 400 days ahead, microseconds of each later one."""
    hours = OpeningHours(
        calendar_of_backtest(
            {"tz": "Europe/Berlin", "hours": {"mon": [["09:00", "17:00"]], "thu": [["09:00", "17:00"]]}}
        )
    )
    at = datetime(2026, 11, 20, 17, 30, tzinfo=UTC)
    began = time.process_time()
    span = hours.business_time_between(at, at + timedelta(days=400))
    hours.add_business_time(at, span)
    first = (time.process_time() - began) * 1e3
    rounds = 20_000
    began = time.process_time()
    for _ in range(rounds):
        hours.add_business_time(at, span)
    return first, (time.process_time() - began) * 1e6 / rounds


def main() -> None:
    parser = argparse.ArgumentParser(description="Share kept, length and speed of promises.")
    parser.add_argument("data", nargs="*", type=Path)
    parser.add_argument("--target", type=float, default=0.95)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    first, later = conversion_micros()
    print(f"400 days ahead: {first:.1f} ms the first time, then {later:.1f} µs\n")
    print("| log | tickets | promised | kept | after 4 weeks | worst week | median promise h | µs a ticket |")
    print("|---|---|---|---|---|---|---|---|")
    for log in (log for folder in args.data for log in logs_of(folder)) if args.data else made_logs(args.seed):
        print(report(log, args.target), flush=True)


if __name__ == "__main__":
    main()
