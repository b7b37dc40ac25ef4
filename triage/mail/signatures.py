"""What stands below an author's words: signature, closing formula, legal footer; and the banner above them. Pure."""

from __future__ import annotations

import re

from triage.mail.html_text import ALL_QUOTED, HEADER_FOLLOWS
from triage.mail.lines import RULE, Line, any_beginning, next_with_words, words
from triage.mail.quotation_phrases import BANNERS, CLOSINGS, DEVICES, LEGAL, LEGAL_EVIDENCE, SENT_FROM, WEAK_CLOSINGS

_SIGNATURE_LINES = 12  # at most, behind a closing formula
_SIGNATURE_WIDTH = 100  # characters; longer lines are sentences

_SIGNATURE_MARK = re.compile(r"(?:--|—|–|__|--\s*--|- -)\Z")
_POSTSCRIPT = re.compile(r"(?:p\.?\s?s|p\.?\s?d|n\.?b|p\.?\s?p\.?\s?s|з\.?\s?ы)\b\s?[.:,-]")
_NAME_BEHIND_DASH = re.compile(r"(?:[-–—~/]{1,2}|\*)\s?[^\W\d_][\w.'’-]*(?:\s[^\W\d_][\w.'’-]*){0,3}\s*\Z")
_PUNCTUATION = " \t,.!;:-–—~*_()。！，、：；»«\"'"
_SENT_FROM = re.compile(any_beginning(SENT_FROM))
_DEVICE = re.compile(any_beginning(DEVICES))
# "Please excuse my brevity", behind "Sent from my phone."
_EXCUSE = re.compile(
    r"[.,;-]\s[^.]{0,40}\b(?:brevity|typos?|autocorrect|kürze|tippfehler|brièveté|brevedad|brevità|brevidade|beknoptheid)\b.{0,30}\Z"
)
_SOMEBODY = re.compile(r"\b(?:i|you|we|it|ich|sie|wir|je|vous|yo|usted|io|eu|ik|u)\b")
_JOINED = re.compile(r"\s*[,/&+]\s*|\s+(?:und|and|y|et|e|en|i|и|та|og|och|a|ja|és|ve)\s+")
_ARTICLE = re.compile(r"(?:un|une|uno|een|einen?|with|mit|con)\s+")
_LEGAL = re.compile(rf"[\s*_#>«\"'(]{{0,4}}(?:{any_beginning(LEGAL)})")
_LEGAL_EVIDENCE = re.compile(any_beginning(LEGAL_EVIDENCE))
_BANNER = re.compile(rf"[\s*_#>|«\"'(\[!⚠️]{{0,6}}(?:{any_beginning(BANNERS)})")
_CLOSINGS = frozenset(phrase for phrases in CLOSINGS.values() for phrase in phrases)
_WEAK = frozenset(WEAK_CLOSINGS)
_SHORT = frozenset(phrase for phrase in _CLOSINGS if len(phrase) < 8 and phrase.isalpha()) - _WEAK
_STRONG_STARTS = tuple(phrase for phrase in words(CLOSINGS) if len(phrase) >= 8 and phrase not in _WEAK)


def without_signature(block: list[Line], *, first: bool) -> str:
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
    while end and (lines[end - 1].blank or RULE.match(lines[end - 1].low)):
        end -= 1
    if end > 1 and _NAME_BEHIND_DASH.match(lines[end - 1].text.strip()) and not _is_list(lines, end - 1):
        end -= 1
    return "\n".join(line.text for line in lines[:end]).strip("\n")


def _is_list(lines: list[Line], number: int) -> bool:
    """Whether the line above is an item like this one: then it is a list and no name behind a dash."""
    above = next((line.low for line in reversed(lines[:number]) if not line.blank), "")
    return above[:1] == lines[number].low[:1]


def _without_banner(lines: list[Line]) -> list[Line]:
    """Without what the company's gateway put above the mail: the first paragraph, if it is that."""
    first = next_with_words(lines, 0)
    if first >= len(lines) or not _BANNER.match(lines[first].low):
        return lines
    end = first
    while end < len(lines) and not lines[end].blank:
        end += 1
    return lines[end:] if next_with_words(lines, end) < len(lines) else lines


def _ends_anywhere(lines: list[Line], number: int) -> bool:
    """A delimiter that ends the author's words even at the top: the rest is signature."""
    line = lines[number]
    if line.text in ("-- ", "--\xa0"):  # RFC 3676, 4.3
        return True
    if not _SIGNATURE_MARK.match(line.low) and not _is_sent_from(line.low):
        return False
    return sum(1 for line in lines[number + 1 : number + 60] if not line.blank) <= _SIGNATURE_LINES


def _is_sent_from(low: str) -> bool:
    """ "Sent from my iPhone": a fixed beginning, then a device or an app, in a short line that is no sentence."""
    low = _EXCUSE.sub("", low)
    if len(low) > 110 or len(low.split()) > 12 or low.endswith(("?", "!")):
        return False
    low = low.strip("-–—_*<>[]() .")
    found = _SENT_FROM.match(low)
    if not found:
        return low.endswith(("から送信", "에서 보냄", "gesendet", "küldve")) and _DEVICE.search(low) is not None
    rest = low[found.end() :]
    if len(rest.split()) > 7 and _SOMEBODY.search(rest):
        return False
    return (_DEVICE.search(rest) or _DEVICE.search(found[0])) is not None and "," not in rest


def _ends_letter(lines: list[Line], number: int, end: int) -> bool:
    """Whether the author's words end above line *number*, which is not the first one."""
    line = lines[number]
    if _LEGAL.match(line.low) and (number == 0 or lines[number - 1].blank or RULE.match(lines[number - 1].low)):
        return _LEGAL_EVIDENCE.search(" ".join(below.low for below in lines[number : number + 12])) is not None
    if RULE.match(line.low):
        return _is_footer(lines[number + 1 :])
    return _is_closing(lines, number, end)


def _is_footer(lines: list[Line]) -> bool:
    """What stands below a rule: a signature or the footer of a mailing list, and not more text."""
    following = [line for line in lines if not line.blank]
    if not following:
        return True
    return len(following) <= _SIGNATURE_LINES and any(
        "http" in line.low or "@" in line.low or "www." in line.low or "mailing list" in line.low for line in following
    )


def _is_closing(lines: list[Line], number: int, end: int) -> bool:
    low = lines[number].low.strip(_PUNCTUATION)
    strong = (low in _CLOSINGS and low not in _WEAK) or _is_joined_closing(low)
    weak = low in _WEAK
    if not strong and not weak and len(low) <= 70:
        # "Mit freundlichen Grüßen Erika Muster", "Thanks and best regards, Erika"
        strong = low.startswith(_STRONG_STARTS) and _is_closing_with_name(low)
    below = [line for line in lines[number + 1 : min(end, number + 60)] if not line.blank]
    if not strong and not weak:
        # at the very end, since "LG Fernseher" is a thing
        return len(below) <= 1 and all(_is_name(line.text) for line in below) and _is_short_closing(lines[number])
    if any(_POSTSCRIPT.match(line.low) for line in below):
        return False
    if strong:
        return len(below) <= 25 and all(len(line.text) <= _SIGNATURE_WIDTH for line in below[:3])
    return 0 < len(below) <= 4 and all(_is_name(line.text) for line in below[:1]) and len(below[0].text) <= 40


def _is_joined_closing(low: str) -> bool:
    """ "Muchas gracias y un saludo": several formulas, one of which is no mere thanks."""
    if len(low) > 70:
        return False
    parts = [part for part in _JOINED.split(low) if part]
    known = [part for part in parts if part in _CLOSINGS or part in _WEAK or _ARTICLE.sub("", part) in _CLOSINGS]
    return len(parts) > 1 and len(known) == len(parts) and any(part not in _WEAK for part in parts)


def _is_short_closing(line: Line) -> bool:
    """ "VG Kim": an abbreviated formula with the name behind it in the same line."""
    formula, _, name = line.text.strip().partition(" ")
    return formula.lower().strip(_PUNCTUATION) in _SHORT and _is_name(name) and len(name) <= 30


def _is_closing_with_name(low: str) -> bool:
    phrase = next(start for start in _STRONG_STARTS if low.startswith(start))
    rest = low[len(phrase) :].strip(_PUNCTUATION)
    return len(rest.split()) <= 5 and "?" not in rest and not any(c.isdigit() for c in rest)


def _is_name(text: str) -> bool:
    """One to four words, none of them a sentence."""
    words = text.strip().strip(_PUNCTUATION).split()
    return 0 < len(words) <= 4 and not re.search(r"[?!:;]|\d", text) and (text.strip()[0].isupper() or len(words) == 1)
