"""The words that the author of a mail newly wrote: no quotation, no signature, no legal footer. Pure, linear.

What clients write around a quotation is data (`quotation_phrases.py`); this module knows the shapes:

- an attribution, "On Monday X <x@example.org> wrote:", in the order of any language, over up to four lines;
- a header block, "From: / Sent: / To: / Subject:", with or without a line above it;
- a separator, "-----Original Message-----", a rule of a client, a request to write above a line;
- quoted lines, which begin with ">".

Quoted lines behind an attribution may have answers between them, so those are kept; behind a header block or an
attribution without quoted lines everything belongs to the earlier mail. Where nothing would be left, the words of a
forwarded mail are taken, and if there are none, nothing is cut.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from triage.html_text import ALL_QUOTED, HEADER_FOLLOWS, SIGNATURE, without_marks
from triage.quotation_phrases import (
    BANNERS,
    CLOSINGS,
    DEVICES,
    FORM_LABELS,
    FORWARDED_MESSAGE,
    LABELS,
    LEGAL,
    LEGAL_EVIDENCE,
    NOT_AN_ATTRIBUTION,
    ON,
    ORIGINAL_MESSAGE,
    REPLY_ABOVE,
    SENT_FROM,
    WEAK_CLOSINGS,
    WROTE,
)

MAX_LINES = 5_000  # looked at; a mail of 100,000 characters has 2,000
MAX_LINE = 1_000  # characters compared; what announces a quotation is shorter (RFC 5322, 2.1.1: 998)
MAX_ATTRIBUTION_LINES = 4  # a name with a long address, wrapped at 72 columns
MAX_ATTRIBUTION = 400  # characters
MAX_FORWARDS = 3  # forwards within forwards that are opened to find words
_SIGNATURE_LINES = 12  # at most, behind a closing formula
_SIGNATURE_WIDTH = 100  # characters; longer lines are sentences

_ODD_SPACES = re.compile("[\u00a0\u2000-\u200a\u202f\u205f\u3000]")
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\u00ad\ufffc]")
_BLANK_LINES = re.compile(r"\n{3,}")
_QUOTE = re.compile(r"[ \t]{0,3}(?:>|＞|&gt;|\|[ \t]{0,2}(?=\S)(?!.*\|))[ \t]?")
_RULE = re.compile(r"[-_=*‐–—~#․·.]{5,}\Z")
_SIGNATURE_MARK = re.compile(r"(?:--|—|–|__|--\s*--|- -)\Z")
_EMAIL = re.compile(r"[^\s@<>()\[\]\"',;:]{1,64}@[^\s@<>()\[\]\"',;:]{2,190}")
_DATE = re.compile(
    r"(?<!\d)(?:(?:19|20)\d\d(?!\d)|\d{1,2}[./-]\s?\d{1,2}[./-]\s?\d{2,4}|\d{4}年|\d{4}년|\d{1,2}\s?月|\d{1,2}월)"
)
_TIME = re.compile(r"(?<!\d)\d{1,2}\s?[:.hｈ：]\s?\d{2}(?!\d)|[上下]午|오전|오후")
_COLON_AT_END = re.compile(r"[:：][\s*_]*\Z")
_ENDS_LIKE_ATTRIBUTION = re.compile(r"(?:[:：][\s*_>»]*|-{3,}\s*)\Z")
_LABEL = re.compile(r"[\s*_>|]{0,6}([^\W\d_][^:：\t<>@]{0,28}?)[\s*_]{0,4}(?:[:：]|\t)[\s*_]{0,4}(.*)\Z")
_SENTENCE_END = re.compile(r"[.!?。！？…][\s\"')\]]*\Z")
_DASHED = re.compile(r"[\s>]{0,4}[-–—_=*‐~+#]{1,60}\s{0,3}([^\n]{3,90}?)\s{0,3}[:：]?\s{0,3}[-–—_=*‐~+#]{1,60}\s*\Z")
_POSTSCRIPT = re.compile(r"(?:p\.?\s?s|p\.?\s?d|n\.?b|p\.?\s?p\.?\s?s|з\.?\s?ы)\b\s?[.:,-]")
_NAME_BEHIND_DASH = re.compile(r"(?:[-–—~/]{1,2}|\*)\s?[^\W\d_][\w.'’-]*(?:\s[^\W\d_][\w.'’-]*){0,3}\s*\Z")
_PUNCTUATION = " \t,.!;:-–—~*_()。！，、：；»«\"'"


def _words(table: Mapping[str, Iterable[str]]) -> list[str]:
    """All phrases of a table, longest first, so that a regular expression prefers the longer one."""
    return sorted({phrase for phrases in table.values() for phrase in phrases}, key=lambda p: (-len(p), p))


def _any_word(phrases: Iterable[str]) -> re.Pattern[str]:
    """Any of *phrases*: as whole words in scripts with spaces, anywhere in those without."""
    spaced: list[str] = []
    joined: list[str] = []
    for phrase in phrases:
        (joined if re.search(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]", phrase) else spaced).append(
            re.escape(phrase)
        )
    words = [rf"(?<!\w)(?:{'|'.join(spaced)})(?!\w)"] if spaced else []
    return re.compile("|".join(words + joined))


_WROTE = _any_word(_words(WROTE))
# "…com>wrote:" and "@example.orgwrote:" are common: a blank is lost at the wrap
_WROTE_AT_END = re.compile(r"(?:wrote|writes|schrieb|escribió|escreveu)\s*[:：]?[\s*_]*\Z")
_ON = re.compile(rf"[\s*_]{{0,3}}(?:{'|'.join(map(re.escape, _words(ON)))})(?!\w)|[\s*_]{{0,3}}[在于於]")
_NOT_AN_ATTRIBUTION = _any_word(NOT_AN_ATTRIBUTION)
_ORIGINAL = frozenset(_words(ORIGINAL_MESSAGE))
_FORWARDED = frozenset(_words(FORWARDED_MESSAGE))
_DAVID = re.compile(r"original message processed by|ursprüngliche nachricht von\b|nachricht verarbeitet")
_ABOVE = re.compile("|".join(map(re.escape, REPLY_ABOVE)))
_SENT_FROM = re.compile("|".join(map(re.escape, sorted(SENT_FROM, key=len, reverse=True))))
_DEVICE = re.compile("|".join(map(re.escape, sorted(DEVICES, key=len, reverse=True))))
_LEGAL = re.compile(rf"[\s*_#>«\"'(]{{0,4}}(?:{'|'.join(map(re.escape, sorted(LEGAL, key=len, reverse=True)))})")
_LEGAL_EVIDENCE = re.compile("|".join(map(re.escape, LEGAL_EVIDENCE)))
_BANNER = re.compile(
    rf"[\s*_#>|«\"'(\[!⚠️]{{0,6}}(?:{'|'.join(map(re.escape, sorted(BANNERS, key=len, reverse=True)))})"
)
_CLOSINGS = frozenset(phrase for phrases in CLOSINGS.values() for phrase in phrases)
_WEAK = frozenset(WEAK_CLOSINGS)
_STRONG_STARTS = tuple(phrase for phrase in _words(CLOSINGS) if len(phrase) >= 8 and phrase not in _WEAK)
_FORM_LABELS = frozenset(FORM_LABELS)
_KINDS: dict[str, str] = {}
for _kind, _table in LABELS.items():
    for _phrase in _words(_table):
        _KINDS.setdefault(_phrase, _kind)


@dataclass(slots=True)
class _Line:
    """One line: as it stands, in lower case for comparing, and whether it is quoted."""

    text: str
    low: str
    quoted: bool
    signed: bool

    @property
    def blank(self) -> bool:
        return not self.low


def tidy(text: str) -> str:
    """*text* without invisible characters, with LF line ends and at most two empty lines in a row."""
    text = without_marks(_INVISIBLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))
    return _BLANK_LINES.sub("\n\n\n", "\n".join(line.rstrip() for line in text.split("\n"))).strip("\n")


def new_words(text: str) -> str:
    """The author's own new words in *text* (plain text, or `html_text.Page.marked`).

    Never empty for a text that has words: if cutting would leave nothing, the words of a forwarded mail are taken, or
    nothing is cut.
    """
    return _new_words(_INVISIBLE.sub("", text), MAX_FORWARDS) or tidy(text)


def _new_words(text: str, forwards: int) -> str:
    lines = [_line(line) for line in text.split("\n", MAX_LINES)[:MAX_LINES]]
    blocks, forwarded = _own_blocks(lines)
    kept: list[str] = []
    for block in blocks:
        if own := _without_signature(block, first=not kept):
            kept.append(own)
    words = tidy("\n\n".join(kept))
    if _has_words(words):
        return words
    if forwards and forwarded is not None:
        inner = "\n".join(line.text if not line.quoted else _unquoted(line.text) for line in lines[forwarded:])
        inner = _without_header(inner)
        if _has_words(inner):
            return _new_words(inner, forwards - 1) or tidy(inner)
    # nothing but a signature or a greeting: that is the message
    return tidy("\n".join(line.text for block in blocks for line in block))


def _line(text: str) -> _Line:
    signed = text.startswith(SIGNATURE)
    text = text.removeprefix(SIGNATURE)
    low = _ODD_SPACES.sub(" ", text[:MAX_LINE]).strip().lower()
    if not low.isascii():
        low = unicodedata.normalize("NFC", low).replace("i\u0307", "i")  # what lower() makes of the Turkish İ
    return _Line(text, low, _QUOTE.match(text) is not None, signed)


def _unquoted(text: str) -> str:
    return text[found.end() :] if (found := _QUOTE.match(text)) else text


def _has_words(text: str) -> bool:
    return any(character.isalnum() for character in text) or ":" in text or any(ord(c) > 0x2190 for c in text)


# --- where the quotation is ----------------------------------------------------------------------------------------


def _own_blocks(lines: list[_Line]) -> tuple[list[list[_Line]], int | None]:
    """The author's lines in blocks as quotations divide them, and the line at which a forwarded mail begins."""
    blocks: list[list[_Line]] = [[]]
    forwarded: int | None = None
    number = 0
    while number < len(lines):
        line = lines[number]
        quotation = _quotation_at(lines, number)
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


def _quotation_at(lines: list[_Line], number: int) -> tuple[int, int, bool] | None:
    """(first line, line behind, whether all that follows is quoted) of what announces a quotation at *number*."""
    line = lines[number]
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


def _is_quoted(lines: list[_Line], number: int) -> bool:
    """Whether the next line with words is a quoted one, or there is none."""
    for line in lines[number : number + 6]:
        if not line.blank:
            return line.quoted
    return number >= len(lines)


def _marked_header_end(lines: list[_Line], number: int) -> int:
    """The quoted line that a marked header leads to; the header itself may be in any language."""
    for ahead in range(number + 1, min(number + 9, len(lines))):
        if lines[ahead].quoted:
            return ahead
    return number + 1


def _separator_end(lines: list[_Line], number: int) -> int | None:
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
        dashed or _COLON_AT_END.search(low) or _header_block_end(lines, _next(lines, number + 1)) is not None
    ):
        block = _header_block_end(lines, _next(lines, number + 1), least=1)
        return block or number + 1
    if _DAVID.match(low):
        return number + 1
    if dashed and (_RULE.match(low) or _DASHED.match(low)):
        # a rule alone is the author's, above a header block it is Outlook's
        return _header_block_end(lines, _next(lines, number + 1))
    return None


_ORIGINAL_STARTS = tuple(phrase for phrase in (*_ORIGINAL, *_FORWARDED) if len(phrase) > 8)


def _next(lines: list[_Line], number: int) -> int:
    """The next line with words."""
    while number < len(lines) and lines[number].blank:
        number += 1
    return number


def _header_block_end(lines: list[_Line], number: int, *, least: int = 0) -> int | None:
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


def _behind_wrapped_values(lines: list[_Line], number: int) -> int:
    """A long subject or list of addresses may go on for a line or two behind the last label."""
    for ahead in range(number, min(number + 3, len(lines))):
        if lines[ahead].blank:
            return ahead
    return number


def _label(low: str) -> tuple[str | None, str]:
    found = _LABEL.match(low)
    return (found[1].strip(" *_"), found[2]) if found else (None, "")


def _attribution_start(lines: list[_Line], number: int) -> int | None:
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
        quoted_next = _is_quoted(lines, number + 1) and _next(lines, number + 1) < len(lines)
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


# --- what stands below the author's words --------------------------------------------------------------------------


def _without_signature(block: list[_Line], *, first: bool) -> str:
    """The lines of a block up to its signature, closing formula or legal footer; "" if nothing else is there.

    In the *first* block with words what looks like a signature at the very top is taken for the message.
    """
    lines = _without_banner([line for line in block if line.text not in (ALL_QUOTED, HEADER_FOLLOWS)])
    end = len(lines)
    seen = 0 if first else 1  # lines with words so far
    for number, line in enumerate(lines):
        if line.blank:
            continue
        if line.signed or (seen and _ends_letter(lines, number, end)) or _ends_anywhere(lines, number):
            end = number
            break
        seen += 1
    while end and (lines[end - 1].blank or _RULE.match(lines[end - 1].low)):
        end -= 1
    if end > 1 and _NAME_BEHIND_DASH.match(lines[end - 1].text.strip()) and not _is_list(lines, end - 1):
        end -= 1
    return "\n".join(line.text for line in lines[:end]).strip("\n")


def _is_list(lines: list[_Line], number: int) -> bool:
    """Whether the line above is an item like this one: then it is a list and no name behind a dash."""
    above = next((line.low for line in reversed(lines[:number]) if not line.blank), "")
    return above[:1] == lines[number].low[:1]


def _without_banner(lines: list[_Line]) -> list[_Line]:
    """Without what the company's gateway put above the mail: the first paragraph, if it is that."""
    first = _next(lines, 0)
    if first >= len(lines) or not _BANNER.match(lines[first].low):
        return lines
    end = first
    while end < len(lines) and not lines[end].blank:
        end += 1
    return lines[end:] if _next(lines, end) < len(lines) else lines


def _ends_anywhere(lines: list[_Line], number: int) -> bool:
    """A delimiter that ends the author's words even at the top: the rest is signature."""
    line = lines[number]
    if line.text in ("-- ", "--\xa0"):  # RFC 3676, 4.3
        return True
    if not _SIGNATURE_MARK.match(line.low) and not _is_sent_from(line.low):
        return False
    return sum(1 for line in lines[number + 1 : number + 60] if not line.blank) <= _SIGNATURE_LINES


def _is_sent_from(low: str) -> bool:
    """ "Sent from my iPhone": a fixed beginning, then a device or an app, in a short line that is no sentence."""
    if len(low) > 90 or len(low.split()) > 9 or low.endswith(("?", "!")):
        return False
    low = low.strip("-–—_*<>[]() .")
    found = _SENT_FROM.match(low)
    if not found:
        return low.endswith(("から送信", "에서 보냄", "gesendet", "küldve")) and _DEVICE.search(low) is not None
    rest = low[found.end() :]
    return (_DEVICE.search(rest) or _DEVICE.search(found[0])) is not None and "," not in rest


def _ends_letter(lines: list[_Line], number: int, end: int) -> bool:
    """Whether the author's words end above line *number*, which is not the first one."""
    line = lines[number]
    if _LEGAL.match(line.low) and (number == 0 or lines[number - 1].blank or _RULE.match(lines[number - 1].low)):
        return _LEGAL_EVIDENCE.search(" ".join(below.low for below in lines[number : number + 12])) is not None
    if _RULE.match(line.low):
        return _is_footer(lines[number + 1 :])
    return _is_closing(lines, number, end)


def _is_footer(lines: list[_Line]) -> bool:
    """What stands below a rule: a signature or the footer of a mailing list, and not more text."""
    following = [line for line in lines if not line.blank]
    if not following:
        return True
    return len(following) <= _SIGNATURE_LINES and any(
        "http" in line.low or "@" in line.low or "www." in line.low or "mailing list" in line.low for line in following
    )


def _is_closing(lines: list[_Line], number: int, end: int) -> bool:
    low = lines[number].low.strip(_PUNCTUATION)
    strong = low in _CLOSINGS and low not in _WEAK
    weak = low in _WEAK
    if not strong and not weak and len(low) <= 70:
        # "Mit freundlichen Grüßen Erika Muster", "Thanks and best regards, Erika"
        strong = low.startswith(_STRONG_STARTS) and _is_closing_with_name(low)
    if not strong and not weak:
        return False
    below = [line for line in lines[number + 1 : min(end, number + 60)] if not line.blank]
    if any(_POSTSCRIPT.match(line.low) for line in below):
        return False
    if strong:
        return len(below) <= 25 and all(len(line.text) <= _SIGNATURE_WIDTH for line in below[:3])
    return 0 < len(below) <= 4 and all(_is_name(line.text) for line in below[:1]) and len(below[0].text) <= 40


def _is_closing_with_name(low: str) -> bool:
    phrase = next(start for start in _STRONG_STARTS if low.startswith(start))
    rest = low[len(phrase) :].strip(_PUNCTUATION)
    return len(rest.split()) <= 5 and "?" not in rest and not any(c.isdigit() for c in rest)


def _is_name(text: str) -> bool:
    """One to four words, none of them a sentence."""
    words = text.strip().strip(_PUNCTUATION).split()
    return 0 < len(words) <= 4 and not re.search(r"[?!:;]|\d", text) and (text.strip()[0].isupper() or len(words) == 1)


def _without_header(text: str) -> str:
    """A forwarded mail without the lines that announce it."""
    lines = [_line(line) for line in text.split("\n")]
    number = _next(lines, 0)
    while number < len(lines) and (found := _quotation_at(lines, number)) is not None and found[1] > number:
        number = _next(lines, found[1])
    return "\n".join(line.text for line in lines[number:])
