"""The little markup of the texts, and what becomes of it: blocks, then plain text. HTML is the layout's matter. Pure.

    A paragraph ends at an empty line.            - a list item
    [what it is](https://the.page)                | a line that stays a line of its own
    ---   what follows is small print

Values are shielded before they enter a text, so that a bracket in a shop's name never becomes markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Literal

from markupsafe import Markup

from triage.templates.promise_format import Fact, fill

WIDTH = 72  # of the plain text; leaves room for two levels of "> " within 78 (RFC 5322, 2.1.1)
PROMISE_MARK = "\ue100"  # stands for the facts of the promise until the blocks are built
SIGNATURE_DELIMITER = "-- "  # RFC 3676, 4.3: clients leave out of an answer what follows it

# Characters that mean something here, and their stand-ins from the private use area while a text is being parsed.
_MEANT = "[]()|-"
_SHIELD = {ord(char): chr(0xE000 + i) for i, char in enumerate(_MEANT)} | {ord(c): " " for c in "\r\n\t"}
_UNSHIELD = {0xE000 + i: char for i, char in enumerate(_MEANT)}
_LINK = re.compile(r"\[([^\[\]\n]+)\]\((https?://[^\s()]+|mailto:[^\s()]+)\)")


@dataclass(frozen=True, slots=True)
class Span:
    """A run of text; `href` where it is a link."""

    text: str
    href: str | None = None


Line = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph has one line; the lines of a list and of a line block are items; facts have `facts` instead."""

    kind: Literal["paragraph", "list", "lines", "facts"]
    lines: tuple[Line, ...] = ()
    facts: tuple[Fact, ...] = ()
    small: bool = False


def shield(value: str) -> str:
    """*value* made safe to stand in a text: no markup, no line break."""
    return value.translate(_SHIELD)


def parse(source: str, facts: tuple[Fact, ...] = ()) -> tuple[Block, ...]:
    """Blocks of *source*, a text with its values in place; *facts* go where the promise is marked."""
    blocks: list[Block] = []
    small = False
    open_kind: Literal["paragraph", "list", "lines"] | None = None
    lines: list[str] = []

    def close() -> None:
        nonlocal open_kind
        if open_kind and lines:
            whole = [" ".join(lines)] if open_kind == "paragraph" else lines
            blocks.append(Block(open_kind, tuple(map(_spans, whole)), small=small))
        lines.clear()
        open_kind = None

    for raw in source.splitlines():
        line = " ".join(raw.split())
        if not line or line == "---" or line == PROMISE_MARK:
            if line or open_kind == "paragraph":
                close()
            if line == PROMISE_MARK and facts:
                blocks.append(Block("facts", facts=facts, small=small))
            small = small or line == "---"
            continue
        kind: Literal["paragraph", "list", "lines"] | None = (
            "list" if line.startswith("- ") else "lines" if line.startswith("| ") else None
        )
        if kind is None and open_kind == "list" and raw[:1] in " \t":
            lines[-1] += " " + line  # an item goes on, indented
            continue
        kind = kind or "paragraph"
        if kind != open_kind:
            close()
            open_kind = kind
        lines.append(line if kind == "paragraph" else line[2:])
    close()
    return tuple(blocks)


def plain_text(blocks: Iterable[Block], fact_pattern: str) -> str:
    """*blocks* as text/plain, ending with a line feed. *fact_pattern* joins "{label}" and "{value}"."""
    parts: list[str] = []
    small = False
    for block in blocks:
        if block.small and not small:
            small = True
            parts.append(SIGNATURE_DELIMITER + "\n" + _block_text(block, fact_pattern))
        else:
            parts.append(_block_text(block, fact_pattern))
    return "\n\n".join(parts) + "\n"


def html_line(line: Line) -> Markup:
    """*line* as HTML: escaped text and links, which are http, https or mailto by the grammar above."""
    return Markup(  # noqa: S704 - every part is escaped right here
        "".join(
            escape(span.text) if span.href is None else f'<a href="{escape(span.href)}">{escape(span.text)}</a>'
            for span in line
        )
    )


def one_line(source: str) -> str:
    """*source* as a subject: shielded characters restored, white space made single."""
    return " ".join(source.translate(_UNSHIELD).split())


def _spans(line: str) -> Line:
    spans: list[Span] = []
    end = 0
    for match in _LINK.finditer(line):
        if match.start() > end:
            spans.append(Span(line[end : match.start()].translate(_UNSHIELD)))
        spans.append(Span(match[1].translate(_UNSHIELD), match[2].translate(_UNSHIELD)))
        end = match.end()
    if end < len(line):
        spans.append(Span(line[end:].translate(_UNSHIELD)))
    return tuple(spans)


def _block_text(block: Block, fact_pattern: str) -> str:
    if block.kind == "facts":
        return "\n".join(_fact_text(fact, fact_pattern) for fact in block.facts)
    if block.kind == "list":
        return "\n".join(_wrap("- " + _line_text(line), indent="  ") for line in block.lines)
    return "\n".join(_wrap(_line_text(line)) for line in block.lines)


def _fact_text(fact: Fact, pattern: str) -> str:
    line = fill(pattern, label=fact.label, value=fact.values[0])
    if len(fact.values) == 1 and len(line) <= WIDTH:
        return line
    return "\n  ".join((fill(pattern, label=fact.label, value="").rstrip(), *fact.values))


def _line_text(line: Line) -> str:
    last = len(line) - 1
    return "".join(
        span.text if span.href is None else f"{span.text}: {span.href}" if i == last else f"{span.text} <{span.href}>"
        for i, span in enumerate(line)
    )


def _wrap(text: str, indent: str = "") -> str:
    """*text* in lines of WIDTH at most, broken at spaces only: an address of a page stays whole.

    textwrap without its hyphen rule breaks alike in 6 times the time, for every paragraph of every reply.
    """
    lines: list[str] = []
    current = ""
    for word in text.split(" "):
        if current and len(current) + 1 + len(word) > WIDTH:
            lines.append(current)
            current = indent + word
        else:
            current = f"{current} {word}" if current else word
    lines.append(current)
    return "\n".join(lines)
