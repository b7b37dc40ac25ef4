"""Lines of a text as the cutting of quotations and signatures looks at them. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from triage.mail.html_text import SIGNATURE

MAX_LINE = 1_000  # characters compared; what announces a quotation is shorter (RFC 5322, 2.1.1: 998)

_ODD_SPACES = re.compile("[\u00a0\u2000-\u200a\u202f\u205f\u3000]")
_QUOTE = re.compile(r"[ \t]{0,3}(?:>|＞|&gt;|\|[ \t]{0,2}(?=\S)(?!.*\|))[ \t]?")
RULE = re.compile(r"[-_=*‐–—~#․·.━─═＝～〜＿]{5,}\Z")


@dataclass(slots=True)
class Line:
    """One line: as it stands, in lower case for comparing, and whether it is quoted."""

    text: str
    low: str
    quoted: bool
    signed: bool

    @property
    def blank(self) -> bool:
        return not self.low


def line(text: str) -> Line:
    signed = text.startswith(SIGNATURE)
    text = text.removeprefix(SIGNATURE)
    low = _ODD_SPACES.sub(" ", text[:MAX_LINE]).strip().lower()
    if not low.isascii():
        low = unicodedata.normalize("NFC", low).replace("i\u0307", "i")  # what lower() makes of the Turkish İ
    return Line(text, low, _QUOTE.match(text) is not None, signed)


def unquoted(text: str) -> str:
    return text[found.end() :] if (found := _QUOTE.match(text)) else text


def next_with_words(lines: list[Line], number: int) -> int:
    """The next line with words."""
    while number < len(lines) and lines[number].blank:
        number += 1
    return number


def words(table: Mapping[str, Iterable[str]]) -> list[str]:
    """All phrases of a table, longest first, so that a regular expression prefers the longer one."""
    return sorted({phrase for phrases in table.values() for phrase in phrases}, key=lambda p: (-len(p), p))


def any_word(phrases: Iterable[str]) -> re.Pattern[str]:
    """Any of *phrases*: as whole words in scripts with spaces, anywhere in those without."""
    spaced: list[str] = []
    joined: list[str] = []
    for phrase in phrases:
        (joined if re.search(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]", phrase) else spaced).append(
            re.escape(phrase)
        )
    words = [rf"(?<!\w)(?:{'|'.join(spaced)})(?!\w)"] if spaced else []
    return re.compile("|".join(words + joined))


def any_beginning(phrases: Iterable[str]) -> str:
    """Alternatives of a regular expression, longest first."""
    return "|".join(map(re.escape, sorted(phrases, key=len, reverse=True)))
