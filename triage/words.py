"""Whole words in a text, without regard to case and accents, in any script. Pure.

A text is folded and cut into words once; each list of words is compiled once. Looking a list up is then a question of two sets, which is
what keeps hundreds of rules fast (benchmarks/routing.py).

    chargeback          the word
    rechtsanw*          every word that begins so: Rechtsanwalt, Rechtsanwälte
    where is my parcel  these words in a row; a full stop between them parts them
    退款                 scripts without spaces between words: anywhere in the text
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

ANY_LANGUAGE = "any"  # key of words that are looked for in mail of every language
MAX_TEXT = 20_000  # characters looked at: far more than people write, and a bound on the time one mail may take

# Accents of Latin, Greek and Cyrillic, vowel points of Hebrew and Arabic. Not the Japanese voicing marks: they make other letters.
_ACCENTS = re.compile("[\u0300-\u036f\u0591-\u05c7\u064b-\u0652]+")
_WORD = re.compile(r"\w+|[.!?。！？]")
# Chinese, Japanese, Korean (particles are glued to words there), Thai, Lao, Khmer, Burmese
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff]"
)


def fold(text: str) -> str:
    """*text* without regard to case, accents and width: "Zurück" and "ZURUCK" are one, so are "ＲＭＡ" and "rma"."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFKD", text.casefold())))


class Text:
    """A text under the rules: folded at once, cut into words when first asked. One owner, one thread."""

    def __init__(self, text: str) -> None:
        self.folded = fold(text[:MAX_TEXT])
        self._prefixes: dict[int, frozenset[str]] = {}

    @cached_property
    def _sequence(self) -> list[str]:
        return _WORD.findall(self.folded)

    @cached_property
    def words(self) -> frozenset[str]:
        """Every word, each once."""
        return frozenset(self._sequence)

    @cached_property
    def in_a_row(self) -> str:
        """All words in order with one space before, between and after them."""
        return f" {' '.join(self._sequence)} "

    def prefixes(self, length: int) -> frozenset[str]:
        """The first *length* letters of every word that has as many."""
        known = self._prefixes.get(length)
        if known is None:
            known = self._prefixes[length] = frozenset([word[:length] for word in self.words if len(word) >= length])
        return known


@dataclass(frozen=True, slots=True)
class _Phrase:
    """Several words in a row."""

    words: frozenset[str]  # whole words of it: all of them must be there before the order is looked at
    row: str  # as in Text.in_a_row; without the last space where the last word is a beginning


class Matcher:
    """A list of words, compiled."""

    def __init__(self, words: Iterable[str]) -> None:
        self.words = tuple(words)
        singles: set[str] = set()
        beginnings: dict[int, set[str]] = {}
        self._phrases: list[_Phrase] = []
        self._anywhere: list[str] = []
        for word in self.words:
            folded = fold(word.strip().removesuffix("*"))
            parts = _WORD.findall(folded)
            if _UNSPACED.search(folded):
                self._anywhere.append(folded)
            elif len(parts) > 1:
                whole = parts[:-1] if word.endswith("*") else parts
                self._phrases.append(
                    _Phrase(frozenset(whole), f" {' '.join(parts)}{'' if word.endswith('*') else ' '}")
                )
            elif parts and word.endswith("*"):
                beginnings.setdefault(len(parts[0]), set()).add(parts[0])
            else:
                singles.update(parts)
        self._singles = frozenset(singles)
        self._beginnings = tuple((length, frozenset(each)) for length, each in beginnings.items())

    def holds(self, text: Text) -> bool:
        """Whether one of the words stands in *text*."""
        words = text.words
        if not self._singles.isdisjoint(words):
            return True
        for length, beginnings in self._beginnings:
            if not beginnings.isdisjoint(text.prefixes(length)):
                return True
        for phrase in self._phrases:
            if phrase.words <= words and phrase.row in text.in_a_row:
                return True
        return any(word in text.folded for word in self._anywhere) if self._anywhere else False

    def found(self, text: Text) -> str | None:
        """The first of the words, as the list has it, that stands in *text*."""
        return next((word for word in self.words if _single(word).holds(text)), None)


@lru_cache(maxsize=4096)
def _single(word: str) -> Matcher:
    return Matcher((word,))


class WordList:
    """Words by language: those of the mail's language count, and those for any; all of them where the language is not known."""

    def __init__(self, by_language: Mapping[str, Iterable[str]]) -> None:
        lists = {language: tuple(words) for language, words in by_language.items()}
        common = lists.get(ANY_LANGUAGE, ())
        self._everywhere = Matcher(common)
        self._all = Matcher(dict.fromkeys(word for words in lists.values() for word in words))
        self._by_language = {
            language: Matcher((*words, *common)) for language, words in lists.items() if language != ANY_LANGUAGE
        }

    def matcher(self, language: str | None) -> Matcher:
        """What to look for in mail of *language* (ISO 639-1), None: not known."""
        return self._all if language is None else self._by_language.get(language, self._everywhere)


def word_fault(word: str) -> str | None:
    """Why *word* cannot stand in a list, in the operator's words; None when it can."""
    if "*" in word.strip().removesuffix("*"):
        return "* may only stand at the end of a word, for its beginning"
    if not re.search(r"\w", fold(word)):
        return "it holds no letter and no digit"
    return None
