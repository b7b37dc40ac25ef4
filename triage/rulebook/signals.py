"""Signs that a mail is urgent: threats by their words, shouting by its looks, repetition by words and history. Pure."""

from __future__ import annotations

import re
from functools import cache

from triage.rulebook.rules import Signal
from triage.rulebook.signal_words import SIGNAL_WORDS
from triage.rulebook.words import Text, WordList

SHOUTED_LETTERS = 20  # fewer are an abbreviation or an order number: "ASAP", "RE: EX-4711"
SHOUTED_SHARE = 0.6  # of the letters that have two cases; a normal mail in capitals-loving German stays below 0.15
_MARKS = re.compile(r"[!?]{3,}")
SHOUTED_MARKS = 2  # runs of "!!!" or "???"; one alone is often joy


@cache
def words_of(signal: Signal) -> WordList | None:
    """The words of *signal*, compiled at first use; None for one that has no words."""
    words = SIGNAL_WORDS.get(signal)
    return WordList(words) if words is not None else None


def word_found(signal: Signal, text: Text, language: str | None) -> str | None:
    """The word that gives *signal* in *text*, as the list has it."""
    words = words_of(signal)
    return words.matcher(language).found(text) if words is not None else None


def is_shouted(text: str) -> bool:
    """Whether *text* is mostly in capitals, or full of exclamation marks."""
    upper = sum(map(str.isupper, text))
    lower = sum(map(str.islower, text))
    capitals = upper >= SHOUTED_LETTERS and upper >= SHOUTED_SHARE * (upper + lower)
    return capitals or len(_MARKS.findall(text)) >= SHOUTED_MARKS
