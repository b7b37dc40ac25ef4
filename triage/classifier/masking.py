"""What of a text the model may see: everything but what identifies somebody. Pure.

Order numbers, addresses, links and the shop's own name say who writes to whom and not what about; a model that could
see them would learn its customers by heart. Each is replaced by a word of ours that stands in no language, so that
"there was a link" stays visible.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

# No own words that matter are behind this: the 99th percentile of what customers write is about 2,600 characters, and
# a text is judged within a time limit.
MAX_CHARACTERS = 4000

_URL = re.compile(
    r"(?:https?://|www\.)\S+"
    r"|\b[\w-]+(?:\.[\w-]+)*\.(?:com|net|org|de|at|ch|es|mx|fr|it|nl|pl|pt|co\.uk|shop|example)/\S*",
    re.I,
)
_MAIL = re.compile(r"[\w.+'-]+@[\w-]+(?:\.[\w-]+)+")
_HANDLE = re.compile(r"(?<![\w@])@\w{2,}")
# "4711-83", "DE 0099 12", "+49 30 2093", "A1B2C3D4": anything with four or more digits, spaces and dashes between them
# allowed
_NUMBER = re.compile(
    r"(?<!\w)[#+(]?(?:[A-Z]{1,4}[-/ ]?)?\d(?:[ ()/.-]?\d){3,}(?!\w)|\b(?=\w*\d\w*\d)(?=\w*[A-Za-z])[A-Za-z0-9]{8,}\b"
)
_DIGITS = re.compile(r"\d+")
# what stands for a link, an address, and a handle or the shop's own name
_LINK, _ADDRESS, _SHOP = "weblink", "mailaddress", "ourshop"
_STAND_INS = re.compile(rf"\b(?:{_LINK}|{_ADDRESS}|{_SHOP})\b")
_SPACES = re.compile(r"[^\S\n]{2,}|[^\S\n ]")
_LINES = re.compile(r"\n\s*\n+")


def own_words(subject: str | None, text: str) -> str:
    """Subject and text as one, the form in which a message is shown to the model (`Message.own_words` has the same)."""
    return f"{subject or ''}\n{text}".strip()


def masked(text: str, own_names: re.Pattern[str] | None = None) -> str:
    """*text* without links, addresses, handles, long numbers and the names in *own_names*; at most MAX_CHARACTERS long.

    Short numbers keep their length ("size 42" becomes "size 00"): that a size is meant matters, which one does not.
    """
    text = unicodedata.normalize("NFKC", text[:MAX_CHARACTERS])
    # most texts have no link, no address and few figures, and looking whether a sign is there at all is quick
    if "/" in text or "www." in text.lower():
        text = _URL.sub(f" {_LINK} ", text)
    if "@" in text:
        text = _MAIL.sub(f" {_ADDRESS} ", text)
    if own_names is not None:
        text = own_names.sub(f" {_SHOP} ", text)
    if "@" in text:
        text = _HANDLE.sub(f" {_SHOP} ", text)
    if _DIGITS.search(text):
        text = _NUMBER.sub(" 00000 ", text)
        text = _DIGITS.sub(lambda found: "0" * min(len(found[0]), 5), text)
    return _LINES.sub("\n", _SPACES.sub(" ", text)).strip()


def says_nothing(text: str) -> bool:
    """Whether *text* has no word beside order numbers, links, addresses and handles."""
    return not any(map(str.isalpha, _STAND_INS.sub("", masked(text))))


def names_pattern(names: Iterable[str]) -> re.Pattern[str] | None:
    """A pattern that finds any of *names* as whole words, in any case; None for no names."""
    parts: Sequence[str] = sorted({re.escape(name.strip()) for name in names if name.strip()}, key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(parts)})(?!\w)", re.I) if parts else None
