"""Plots as inline SVG: bars, weeks, a heat map, ranges. Pure; colours and fonts come from the page's style sheet.

Every plot has a <title> that says what it shows, for readers who listen; every value stands beside its mark as text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 640  # units of the view box; the page scales it
ROW = 26
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LABEL_CHARACTERS = 22


@dataclass(frozen=True, slots=True)
class Stack:
    """One column of a chart over time."""

    label: str  # below the column
    parts: tuple[tuple[str, int], ...]  # (class of the style sheet, count), from the bottom up
    note: str  # above the column


def bars(title: str, values: Mapping[str, int], *, style: str = "plain") -> str:
    """Horizontal bars, in the order given, each with its count and share."""
    total, most = sum(values.values()), max(values.values(), default=0)
    left, right = 170, 110
    rows = []
    for i, (name, n) in enumerate(values.items()):
        y = i * ROW
        width = (WIDTH - left - right) * n / most if most else 0
        rows.append(
            f'<text class="label" x="{left - 8}" y="{y + 17}" text-anchor="end">{_short(name)}</text>'
            f'<rect class="{style}" x="{left}" y="{y + 4}" width="{max(width, 1):.1f}" height="{ROW - 8}" rx="2"/>'
            f'<text class="value" x="{left + max(width, 1) + 6:.1f}" y="{y + 17}">{n:,} ({n / total:.0%})</text>'
        )
    return _svg(title, len(values) * ROW, rows)


def stacks(title: str, columns: Sequence[Stack], *, height: int = 150) -> str:
    """Columns side by side, parts on top of each other."""
    most = max((sum(n for _, n in column.parts) for column in columns), default=0)
    top, bottom = 22, 24
    step = min(64.0, (WIDTH - 10) / max(len(columns), 1))
    every = max(1, -(-38 // int(max(step, 1))))  # labels that would run into each other are left out
    drawn = []
    for i, column in enumerate(columns):
        x, y = 5 + i * step, float(top + height)
        told = ", ".join(f"{n} {style}" for style, n in column.parts)
        drawn.append(f"<g><title>{escape(column.label)}: {told}</title>")
        for style, n in column.parts:
            size = height * n / most if most else 0
            y -= size
            if n:
                drawn.append(
                    f'<rect class="{style}" x="{x + 2:.1f}" y="{y:.1f}" width="{step - 4:.1f}" height="{size:.1f}"/>'
                )
        drawn.append("</g>")
        if i % every == 0:
            middle = f"{x + step / 2:.1f}"
            drawn.append(
                f'<text class="value" x="{middle}" y="{y - 5:.1f}" text-anchor="middle">{escape(column.note)}</text>'
            )
            label = escape(column.label)
            drawn.append(
                f'<text class="label" x="{middle}" y="{top + height + 16}" text-anchor="middle">{label}</text>'
            )
    drawn.append(f'<line class="axis" x1="0" x2="{WIDTH}" y1="{top + height}" y2="{top + height}"/>')
    return _svg(title, top + height + bottom, drawn)


def heat_map(title: str, counts: Sequence[Sequence[int]]) -> str:
    """Hours of the week: a row a day, a cell an hour, the darker the more."""
    most = max((n for row in counts for n in row), default=0)
    left, cell, tall = 44, (WIDTH - 44) / 24, 24
    drawn = [
        f'<text class="label" x="{left + hour * cell + cell / 2:.1f}" y="12" text-anchor="middle">{hour}</text>'
        for hour in range(24)
    ]
    for day, row in enumerate(counts):
        y = 18 + day * tall
        drawn.append(f'<text class="label" x="{left - 8}" y="{y + 16}" text-anchor="end">{WEEKDAYS[day]}</text>')
        for hour, n in enumerate(row):
            x, share = left + hour * cell, n / most if most else 0
            drawn.append(
                f'<rect class="cell" x="{x + 1:.1f}" y="{y + 1}" width="{cell - 2:.1f}" height="{tall - 2}" rx="2" '
                f'fill-opacity="{0.06 + 0.94 * share:.2f}"><title>{WEEKDAYS[day]} {hour}:00: {n}</title></rect>'
            )
            if n:
                style = "on-dark" if share > 0.55 else "on-light"
                drawn.append(
                    f'<text class="{style}" x="{x + cell / 2:.1f}" y="{y + 16}" text-anchor="middle">{n}</text>'
                )
    return _svg(title, 18 + 7 * tall, drawn)


def ranges(title: str, rows: Mapping[str, tuple[float, float, float]], unit: str) -> str:
    """Three quantiles a row, as dots on a line from zero; the scale is linear and common."""
    most = max((high for _, _, high in rows.values()), default=0.0) or 1.0
    left, right = 170, 190
    drawn = []
    for i, (name, values) in enumerate(rows.items()):
        y = i * ROW + 14
        at = [left + (WIDTH - left - right) * value / most for value in values]
        drawn.append(f'<text class="label" x="{left - 8}" y="{y + 4}" text-anchor="end">{_short(name)}</text>')
        drawn.append(f'<line class="range" x1="{at[0]:.1f}" x2="{at[2]:.1f}" y1="{y}" y2="{y}"/>')
        drawn += [f'<circle class="dot{j}" cx="{x:.1f}" cy="{y}" r="5"/>' for j, x in enumerate(at)]
        told = " / ".join(f"{value:.1f}" for value in values)
        drawn.append(f'<text class="value" x="{WIDTH - right + 14}" y="{y + 4}">{told} {escape(unit)}</text>')
    return _svg(title, len(rows) * ROW + 4, drawn)


def _svg(title: str, height: float, drawn: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}"><title>{escape(title)}</title>'
        f"{''.join(drawn)}</svg>"
    )


def _short(name: str) -> str:
    return escape(name if len(name) <= _LABEL_CHARACTERS else name[: _LABEL_CHARACTERS - 1] + "…")
