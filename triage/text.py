"""The words that the author of a mail newly wrote: no quotation, no signature, no legal footer. Pure, linear.

What clients write around a quotation is data (`quotation_phrases.py`), the shapes of quotations are in `quotations.py`, what
stands below a letter in `signatures.py`. Where nothing would be left, the words of a forwarded mail are taken, and if there
are none, nothing is cut.
"""

from __future__ import annotations

import re

from triage.mail.html_text import without_marks
from triage.mail.lines import line, next_with_words, unquoted
from triage.mail.quotations import own_blocks, quotation_at
from triage.mail.signatures import without_signature

MAX_LINES = 5_000  # looked at; a mail of 100,000 characters has 2,000
MAX_FORWARDS = 3  # forwards within forwards that are opened to find words

_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\u00ad\ufffc]")
_BLANK_LINES = re.compile(r"\n{3,}")


def tidy(text: str) -> str:
    """*text* without invisible characters, with LF line ends and at most two empty lines in a row."""
    text = without_marks(_INVISIBLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))
    return _BLANK_LINES.sub("\n\n\n", "\n".join(row.rstrip() for row in text.split("\n"))).strip("\n")


def new_words(text: str) -> str:
    """The author's own new words in *text* (plain text, or `html_text.Page.marked`).

    Never empty for a text that has words: if cutting would leave nothing, the words of a forwarded mail are taken, or
    nothing is cut.
    """
    return _new_words(_INVISIBLE.sub("", text), MAX_FORWARDS) or tidy(text)


def has_quotation(text: str) -> bool:
    """Whether *text* holds anything that somebody else wrote: a quotation or a forwarded mail."""
    lines = [line(row) for row in text.split("\n", MAX_LINES)[:MAX_LINES]]
    return own_blocks(lines)[1] is not None


def _new_words(text: str, forwards: int) -> str:
    lines = [line(row) for row in text.split("\n", MAX_LINES)[:MAX_LINES]]
    blocks, forwarded = own_blocks(lines)
    kept: list[str] = []
    for block in blocks:
        if own := without_signature(block, first=not kept):
            kept.append(own)
    words = tidy("\n\n".join(kept))
    if _has_words(words):
        return words
    if forwards and forwarded is not None:
        inner = "\n".join(unquoted(row.text) if row.quoted else row.text for row in lines[forwarded:])
        inner = _without_header(inner)
        if _has_words(inner):
            return _new_words(inner, forwards - 1) or tidy(inner)
    # nothing but a signature or a greeting: that is the message
    return tidy("\n".join(row.text for block in blocks for row in block))


def _without_header(text: str) -> str:
    """A forwarded mail without the lines that announce it."""
    lines = [line(row) for row in text.split("\n")]
    number = next_with_words(lines, 0)
    while number < len(lines) and (found := quotation_at(lines, number)) is not None and found[1] > number:
        number = next_with_words(lines, found[1])
    return "\n".join(row.text for row in lines[number:])


def _has_words(text: str) -> bool:
    return any(character.isalnum() for character in text) or ":" in text or any(ord(c) > 0x2190 for c in text)
