"""`triage report --html`: one page that needs nothing else, to read on a screen or on paper. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from html import escape

from triage.reports import charts
from triage.reports.reporting import Group, Promises, Quantiles, Report, Week

MOST_PANELS = 12  # of teams and of languages, the busiest; all of them are in the tables
MOST_BARS = 20

STYLE = """
:root{color-scheme:light dark;--ink:#1c2430;--soft:#5b6676;--paper:#fff;--card:#f5f7fa;--line:#d9dfe7;
--kept:#0072b2;--broken:#d55e00;--open:#aab4c0;--cell:#0072b2;--mark:#0072b2}
@media(prefers-color-scheme:dark){:root{--ink:#e8edf3;--soft:#a3afbd;--paper:#12161c;--card:#1b222b;--line:#323c49;
--kept:#56b4e9;--broken:#e69f00;--open:#566374;--cell:#56b4e9;--mark:#56b4e9}}
*{box-sizing:border-box}body{margin:0 auto;padding:28px 24px 60px;max-width:1180px;background:var(--paper);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
h1{font-size:26px;margin:0 0 2px}h2{font-size:19px;margin:36px 0 4px}h3{font-size:15px;margin:0 0 6px}
p{margin:2px 0 12px;color:var(--soft);max-width:75ch}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(165px,1fr));gap:12px;margin:18px 0}
.tile,.panel{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:12px 14px;break-inside:avoid}
.tile b{display:block;font-size:25px;line-height:1.25;font-variant-numeric:tabular-nums}.tile span{color:var(--soft);font-size:13px}
.panels{display:grid;grid-template-columns:repeat(auto-fit,minmax(430px,1fr));gap:14px}
svg{width:100%;max-width:760px;height:auto;display:block}svg text{font-size:12px;fill:var(--ink)}svg .label{fill:var(--soft)}
.plain{fill:var(--mark)}.kept{fill:var(--kept)}.broken{fill:var(--broken)}.open{fill:var(--open)}.cell{fill:var(--cell)}
.axis,.range{stroke:var(--soft);stroke-width:1}.range{stroke-width:3;opacity:.45}
.dot0{fill:var(--kept)}.dot1{fill:var(--open);stroke:var(--ink)}.dot2{fill:var(--broken)}
svg .on-dark{fill:var(--paper);font-size:11px}svg .on-light{font-size:11px}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:5px 10px;border-bottom:1px solid var(--line);text-align:right}
th{font-weight:600;color:var(--soft);font-size:13px}th:first-child,td:first-child{text-align:left}
tr.inner td:first-child{padding-left:28px;color:var(--soft)}
.key i{display:inline-block;width:11px;height:11px;border-radius:2px;margin:0 5px 0 12px}.key i:first-child{margin-left:0}
.key .k{background:var(--kept)}.key .b{background:var(--broken)}.key .o{background:var(--open)}
.table{overflow-x:auto}
@media(max-width:520px){.panels{grid-template-columns:1fr}}
@media print{:root{color-scheme:light;--ink:#000;--soft:#333;--paper:#fff;--card:#fff;--line:#999;--kept:#0072b2;--broken:#d55e00;
--open:#aab4c0;--cell:#0072b2;--mark:#0072b2}body{padding:0;max-width:none;font-size:11pt}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}h2{break-after:avoid}.panels{grid-template-columns:1fr}}
"""

_WITHIN = "Hours within which 50, 90 and 95 % of them lie"
_KEY = (
    '<p class="key"><i class="k"></i>kept<i class="b"></i>broken<i class="o"></i>still open. '
    "Above each week: the share kept of those that are known.</p>"
)


def page(report: Report, shop: str) -> str:
    """The report as a whole HTML document; nothing is loaded from elsewhere and no script runs."""
    span = f"{report.since:%d %B %Y} to {report.until:%d %B %Y}"
    total = report.total
    sections = [
        f"<header><h1>{escape(shop)}: promises and answers</h1><p>Tickets opened and mail received {span}, as things stood "
        f"on {report.made_at:%d %B %Y, %H:%M} UTC.</p></header>",
        _tiles(report),
        _heading(
            "Promises kept",
            "Each reply states by when a person answers. Kept: a person's answer was sent by then. Tickets that "
            "needed no answer count neither way. Weeks are those in which the mail came.",
        ),
        _KEY,
        _panel("All teams", _weeks("All teams", total.weeks)),
        _heading("By team", ""),
        _panels(report.teams),
        _heading("By language", ""),
        _panels(report.languages),
        _table(report),
        _heading("Length of promises", "From the customer's mail to the stated instant, in hours of the clock on the wall."),
        _ranges("Length of promises by team", _with_all(report, lambda group: group.length), _WITHIN),
        _heading(
            "First answer by a person",
            "In opening hours of the team, of tickets that were answered; those still open are not in it.",
        ),
        _ranges(
            "First answers by team", _with_all(report, lambda group: group.first_response), _WITHIN
        ),
        _heading("Volume", "All mail, machines' too."),
        '<div class="panels">',
        _panel("Category (none: the text model was not sure)", charts.bars("Mail by category", _cut(report.categories))),
        _panel("Language", charts.bars("Mail by language", _cut(report.message_languages))),
        "</div>",
        _heading("Hour of the week", "When mail arrives, by the clock of the team that got it."),
        _panel("", charts.heat_map("Mail by weekday and hour", report.hours)),
        _heading("Mail without an automatic reply", "By reason; docs/guard.md explains each."),
        _panel("", charts.bars("Mail without a reply, by reason", _cut(report.silences)) if report.silences else _nothing()),
        _heading("Closed without an answer", "Tickets that needed none, by reason; they count neither as kept nor as broken."),
        _panel("", charts.bars("Tickets closed without an answer", _cut(report.closures)) if report.closures else _nothing()),
    ]  # fmt: skip
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(shop)}: promises and answers, {span}</title><style>{STYLE}</style></head>"
        f"<body>{''.join(sections)}</body></html>\n"
    )


def _tiles(report: Report) -> str:
    promises, answers = report.total.promises, report.total.first_response
    tiles = [
        (share(promises.kept_share), f"of {promises.judged:,} promises kept"),
        (f"{promises.made:,}", f"dates stated; {promises.no_date:,} replies without a date"),
        (hours(report.total.length.p50), "median promise, wall clock"),
        (hours(answers.p50), f"median first answer, opening hours (n = {answers.n:,})"),
        (f"{report.replied:,}", f"of {report.messages:,} mails answered automatically"),
        (share(report.abstained_share), "of mail the text model was not sure about"),
    ]
    return f'<div class="tiles">{"".join(f"<div class=tile><b>{b}</b><span>{t}</span></div>" for b, t in tiles)}</div>'


def _heading(title: str, text: str) -> str:
    return f"<h2>{escape(title)}</h2>" + (f"<p>{escape(text)}</p>" if text else "")


def _panel(title: str, plot: str) -> str:
    return f'<div class="panel">{f"<h3>{escape(title)}</h3>" if title else ""}{plot}</div>'


def _panels(groups: Mapping[str, Group]) -> str:
    busiest = sorted(groups.items(), key=lambda item: -item[1].promises.made)[:MOST_PANELS]
    if not busiest:
        return _nothing()
    return (
        '<div class="panels">'
        + "".join(
            _panel(f"{name} (n = {group.promises.judged:,})", _weeks(name, group.weeks)) for name, group in busiest
        )
        + "</div>"
    )


def _weeks(name: str, weeks: Iterable[Week]) -> str:
    columns = [
        charts.Stack(
            f"{week.starts.day} {week.starts:%b}",
            (("kept", week.promises.kept), ("broken", week.promises.broken), ("open", week.promises.open)),
            "" if week.promises.kept_share is None else f"{week.promises.kept_share:.0%}",
        )
        for week in weeks
    ]
    return charts.stacks(f"{name}: promises kept and broken by week", columns) if columns else _nothing()


def _table(report: Report) -> str:
    names = ("dates stated", "no date", "kept", "broken", "open", "no answer needed", "share kept")
    head = "".join(f"<th>{name}</th>" for name in ("", *names))
    rows = [_row("all", report.total.promises)]
    for team, group in report.teams.items():
        rows.append(_row(team, group.promises))
        languages = report.team_languages[team]
        if len(languages) > 1:
            rows += [_row(language, found, inner=True) for language, found in languages.items()]
    return (
        f'{_heading("In figures", "")}<div class="table"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _row(name: str, found: Promises, *, inner: bool = False) -> str:
    counts = (found.made, found.no_date, found.kept, found.broken, found.open, found.closed)
    cells = "".join(f"<td>{n:,}</td>" for n in counts)
    return f"<tr{' class=inner' if inner else ''}><td>{escape(name)}</td>{cells}<td>{share(found.kept_share)}</td></tr>"


def _with_all(report: Report, of: Callable[[Group], Quantiles]) -> dict[str, Quantiles]:
    return {"all": of(report.total), **{name: of(group) for name, group in report.teams.items()}}


def _ranges(title: str, rows: Mapping[str, Quantiles], unit: str) -> str:
    known = {
        f"{name} (n = {q.n:,})": (q.p50, q.p90, q.p95)
        for name, q in rows.items()
        if q.p50 is not None and q.p90 is not None and q.p95 is not None
    }
    return _panel(unit, charts.ranges(title, known, "h")) if known else _panel("", _nothing())


def _cut(values: Mapping[str, int]) -> dict[str, int]:
    kept = dict(list(values.items())[:MOST_BARS])
    rest = sum(values.values()) - sum(kept.values())
    return kept | ({"all others": rest} if rest else {})


def _nothing() -> str:
    return "<p>Nothing yet.</p>"


def share(value: float | None) -> str:
    """ "95.3 %", or a dash where there is nothing to count."""
    return "–" if value is None else f"{value:.1%}".replace("%", " %")


def hours(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} h"
