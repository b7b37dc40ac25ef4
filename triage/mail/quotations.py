"""Where what somebody else wrote begins and ends within a text. Pure, linear.

- an attribution, "On Monday X <x@example.org> wrote:", in the order of any language, over up to four lines;
- a header block, "From: / Sent: / To: / Subject:", with or without a line above it;
- a separator, "-----Original Message-----", a rule of a client, a request to write above a line;
- quoted lines, which begin with ">", and what HTML marked.

Quoted lines behind an attribution may have answers between them, so those are kept; behind a header block or an
attribution without quoted lines everything belongs to the earlier mail.
"""

from __future__ import annotations

import re

from triage.mail.html_text import ALL_QUOTED, HEADER_FOLLOWS
from triage.mail.lines import RULE, Line, any_beginning, any_word, next_with_words, words
from triage.mail.quotation_phrases import (
    FORM_LABELS,
    FORWARDED_MESSAGE,
    LABELS,
    NOT_AN_ATTRIBUTION,
    ON,
    ORIGINAL_MESSAGE,
    REPLY_ABOVE,
    WROTE,
)

MAX_ATTRIBUTION_LINES = 4  # a name with a long address, wrapped at 72 columns
MAX_ATTRIBUTION = 400  # characters

_EMAIL = re.compile(r"[^\s@<>()\[\]\"',;:]{1,64}@[^\s@<>()\[\]\"',;:]{2,190}")
_DATE = re.compile(
    r"(?<!\d)(?:(?:19|20)\d\d(?!\d)|\d{1,2}[./-]\s?\d{1,2}[./-]\s?\d{2,4}|\d{4}年|\d{4}년|\d{1,2}\s?月|\d{1,2}월)"
)
_TIME = re.compile(r"(?<!\d)\d{1,2}\s?[:.hｈ：]\s?\d{2}(?!\d)|[上下]午|오전|오후")
_COLON_AT_END = re.compile(r"[:：][\s*_]*\Z")
_ENDS_LIKE_ATTRIBUTION = re.compile(r"(?:[:：][\s*_>»]*|-{3,}\s*)\Z")
_LABEL = re.compile(r"[\s*_>|]{0,6}([^\W\d_][^:：\t<>@]{0,28}?)[\s*_]{0,4}(?:[:：]|\t)[\s*_]{0,4}(.*)\Z")
_GROUPWISE = re.compile(
    r">>>\s[^>]{1,100}(?:<[^>]{3,200}>)?[^>]{1,40}\s>>>\Z"
)  # >>> Name <address> 11/4/2025 3:12 PM >>>
_SENTENCE_END = re.compile(r"[.!?。！？…][\s\"')\]]*\Z")
_DASHED = re.compile(r"[\s>]{0,4}[-–—_=*‐~+#]{1,60}\s{0,3}([^\n]{3,90}?)\s{0,3}[:：]?\s{0,3}[-–—_=*‐~+#]{1,60}\s*\Z")
_WROTE = any_word(words(WROTE))
# "…com>wrote:" and "@example.orgwrote:" are common: a blank is lost at the wrap
_WROTE_AT_END = re.compile(r"(?:wrote|writes|schrieb|escribió|escreveu)\s*[:：]?[\s*_]*\Z")
_ON = re.compile(rf"[\s*_]{{0,3}}(?:{'|'.join(map(re.escape, words(ON)))})(?!\w)|[\s*_]{{0,3}}[在于於]")
_NOT_AN_ATTRIBUTION = any_word(NOT_AN_ATTRIBUTION)
_ORIGINAL = frozenset(words(ORIGINAL_MESSAGE))
_FORWARDED = frozenset(words(FORWARDED_MESSAGE))
_ORIGINAL_STARTS = tuple(phrase for phrase in (*_ORIGINAL, *_FORWARDED) if len(phrase) > 8)
_DAVID = re.compile(r"original message processed by|ursprüngliche nachricht von\b|nachricht verarbeitet")
_ABOVE = re.compile(any_beginning(REPLY_ABOVE))
_FORM_LABELS = frozenset(FORM_LABELS)
_KINDS: dict[str, str] = {}
for _kind, _table in LABELS.items():
    for _phrase in words(_table):
        _KINDS.setdefault(_phrase, _kind)


def own_blocks(lines: list[Line]) -> tuple[list[list[Line]], int | None]:
    """The author's lines in blocks as quotations divide them, and the line at which a forwarded mail begins."""
    blocks: list[list[Line]] = [[]]
    forwarded: int | None = None
    number = 0
    while number < len(lines):
        line = lines[number]
        quotation = quotation_at(lines, number)
        if quotation is None:
            if line.quoted:
                forwarded = number if forwarded is None else forwarded
                if blocks[-1]:
                    blocks.append([])
            else:
                blocks[-1].append(line)
            number += 1
            continue
        start, behind, hard = quotation
        del blocks[-1][max(len(blocks[-1]) - (number - start), 0) :]
        forwarded = start if forwarded is None else forwarded
        if hard:
            break
        if blocks[-1]:
            blocks.append([])
        number = behind
    return blocks, forwarded


def quotation_at(lines: list[Line], number: int) -> tuple[int, int, bool] | None:
    """(first line, line behind, whether all that follows is quoted) of what announces a quotation at *number*."""
    line = lines[number]
    if line.quoted and _GROUPWISE.match(line.low):
        return number, number + 1, not _is_quoted(lines, number + 1)
    if line.quoted or line.blank:
        return None
    if line.text == ALL_QUOTED or _ABOVE.search(line.low):
        return number, number + 1, True
    if line.text == HEADER_FOLLOWS:
        return number, _marked_header_end(lines, number), False
    behind = _separator_end(lines, number) or _header_block_end(lines, number)
    if behind is not None:
        return number, behind, not _is_quoted(lines, behind)
    start = _attribution_start(lines, number)
    if start is None:
        return None
    return start, number + 1, not _is_quoted(lines, number + 1)


def _is_quoted(lines: list[Line], number: int) -> bool:
    """Whether the next line with words is a quoted one, or there is none."""
    for line in lines[number : number + 6]:
        if not line.blank:
            return line.quoted
    return number >= len(lines)


def _marked_header_end(lines: list[Line], number: int) -> int:
    """The quoted line that a marked header leads to; the header itself may be in any language."""
    for ahead in range(number + 1, min(number + 9, len(lines))):
        if lines[ahead].quoted:
            return ahead
    return number + 1


def _separator_end(lines: list[Line], number: int) -> int | None:
    """The line behind a separator with all that belongs to it, or None."""
    line = lines[number]
    low = line.low
    bare = low.strip(" -–—_=*‐~+#:：.\t")
    known = bare in _ORIGINAL or bare in _FORWARDED
    dashed = low[0] in "-–—_=*‐~+#"
    if not known and dashed and (found := _DASHED.match(low)):
        inner = found[1].strip(" -–—_=*‐~+#:：.\t")
        # "Original Message from X", "Forwarded by Y on 01/02/2024", or any words above a header block
        known = inner.startswith(tuple(_ORIGINAL_STARTS)) or (
            _WROTE.search(inner) is not None and bool(_DATE.search(inner))
        )
    if known and (
        dashed or _COLON_AT_END.search(low) or _header_block_end(lines, next_with_words(lines, number + 1)) is not None
    ):
        block = _header_block_end(lines, next_with_words(lines, number + 1), least=1)
        return block or number + 1
    if _DAVID.match(low):
        return number + 1
    if dashed and (RULE.match(low) or _DASHED.match(low)):
        # a rule alone is the author's, above a header block it is Outlook's
        return _header_block_end(lines, next_with_words(lines, number + 1))
    return None


def _header_block_end(lines: list[Line], number: int, *, least: int = 0) -> int | None:
    """The line behind a block of header labels that begins at *number*, or None if there is none.

    *least* is how many kinds of label are enough (behind a separator one is); else it takes three, or two of which the
    first is the sender with an address or the date.
    """
    kinds: list[str] = []
    evidence = False
    last = number
    wrapped = 0
    ahead = number
    while ahead < min(number + 40, len(lines)):
        line = lines[ahead]
        low = line.low.lstrip("> ") if line.quoted else line.low
        label, value = _label(low)
        if label is not None and label in _FORM_LABELS and label not in _KINDS:
            return None
        kind = _KINDS.get(label) if label is not None else None
        if kind is not None and (kind not in kinds or kind in ("cc", "to")):
            kinds.append(kind)
            evidence = evidence or bool(_EMAIL.search(value) or (_DATE.search(value) and _TIME.search(value)))
            last, wrapped = ahead + 1, 0
        elif ahead == number:
            return None
        elif line.blank:
            if len(set(kinds)) >= 3 and "subject" in kinds:
                break
            wrapped += 1
        elif wrapped >= 3 or (wrapped and not _EMAIL.search(low) and lines[ahead - 1].blank):
            break
        else:
            wrapped += 1
        ahead += 1
    different = set(kinds)
    enough = len(different) >= 3 or (len(different) >= 2 and evidence and kinds[0] in ("from", "date"))
    if not (enough or (least and len(different) >= least)):
        return None
    return _behind_wrapped_values(lines, last)


def _behind_wrapped_values(lines: list[Line], number: int) -> int:
    """A long subject or list of addresses may go on for a line or two behind the last label."""
    for ahead in range(number, min(number + 3, len(lines))):
        if lines[ahead].blank:
            return ahead
    return number


def _label(low: str) -> tuple[str | None, str]:
    """The label that a line begins with, and its value; Notes writes labels alone, Chinese clients space them out."""
    if low.startswith("|"):  # a row of a table: "| From | a@b.example |"
        low = low.strip("| ").replace(" | ", ": ", 1)
    found = _LABEL.match(low)
    label, value = (found[1].strip(" *_"), found[2]) if found else (low.strip(" *_"), "")
    if label not in _KINDS and not label.isascii():
        label = label.replace(" ", "") if label.replace(" ", "") in _KINDS else label
    return (label, value) if found or label in _KINDS else (None, "")


def _attribution_start(lines: list[Line], number: int) -> int | None:
    """The first line of an attribution that ends at *number*, or None."""
    last = lines[number]
    low = last.low
    ends = _ENDS_LIKE_ATTRIBUTION.search(low) is not None
    verb_at_end = not ends and _WROTE_AT_END.search(low) is not None
    quoted_next = None
    if not ends and not verb_at_end:
        if _WROTE.search(low) is None and _EMAIL.search(low) is None:
            return None
        quoted_next = _is_quoted(lines, number + 1) and number + 1 < len(lines)
        if not quoted_next:
            return None
    if quoted_next is None:
        quoted_next = _is_quoted(lines, number + 1) and next_with_words(lines, number + 1) < len(lines)
    joined = ""
    best: int | None = None
    dated = False
    for start in range(number, max(number - MAX_ATTRIBUTION_LINES, -1), -1):
        line = lines[start]
        if (
            line.blank
            or line.quoted
            or (
                start < number
                and _SENTENCE_END.search(line.low)
                and not _EMAIL.search(line.low)
                and not _ON.match(line.low)
            )
        ):
            break
        joined = f"{line.low} {joined}" if joined else line.low
        if len(joined) > MAX_ATTRIBUTION:
            break
        if best is not None and dated and not _continues_upwards(line.low, joined):
            break
        if _is_attribution(joined, quoted_next):
            best = start
            dated = _DATE.search(joined) is not None
            if dated and _ON.match(line.low) and (_EMAIL.search(joined) or _WROTE.search(joined)):
                break
    return best


def _continues_upwards(line: str, joined: str) -> bool:
    """Whether *line* above an attribution is its first part: a name with its address, nothing of a sentence."""
    return len(line) < 120 and _EMAIL.search(line) is not None and joined.count("@") <= 3


def _is_attribution(text: str, quoted_next: bool) -> bool:
    if _NOT_AN_ATTRIBUTION.search(text):
        return False
    dated, timed = _DATE.search(text) is not None, _TIME.search(text) is not None
    email = _EMAIL.search(text) is not None
    wrote = _WROTE.search(text) is not None or _WROTE_AT_END.search(text) is not None
    if wrote and (email or (dated and (timed or quoted_next))):
        return True
    if email and (dated or timed) and (quoted_next or (dated and timed)):
        return True
    if not quoted_next:
        return False
    return (wrote and len(text) < 120) or (dated and timed and len(text) < 200) or (email and len(text) < 200)
