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
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

ANY_LANGUAGE = "any"  # key of words that are looked for in mail of every language
MAX_TEXT = 20_000  # characters looked at: far more than people write, and a bound on the time one mail may take

# Accents of Latin, Greek and Cyrillic, vowel points of Hebrew and Arabic. Not the Japanese voicing marks: they make other letters.
_ACCENTS = re.compile("[\u0300-\u036f\u0591-\u05c7\u064b-\u0652]+")
_FOREIGN = re.compile(r"[^\x00-\x7f]+")
_WORD = re.compile(r"\w+")
_WORD_OR_STOP = re.compile(r"\w+|[.!?。！？]")
# Chinese, Japanese, Korean (particles are glued to words there), Thai, Lao, Khmer, Burmese
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff]"
)


def fold(text: str) -> str:
    """*text* without regard to case, accents and width: "Zurück" and "ZURUCK" are one, so are "ＲＭＡ" and "rma"."""
    lowered = text.casefold()
    return lowered if lowered.isascii() else _FOREIGN.sub(lambda run: _without_accents(run[0]), lowered)


@lru_cache(maxsize=8192)
def _without_accents(run: str) -> str:
    # Only what is not ASCII comes here: over a whole text the normalisation took 0.05 ms of the 0.2 that a mail's rules may take.
    return unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFKD", run).casefold()))


class Text:
    """A text under the rules: folded at once, cut into words when first asked. One owner, one thread."""

    def __init__(self, text: str) -> None:
        self.folded = fold(text[:MAX_TEXT])

    @cached_property
    def words(self) -> frozenset[str]:
        """Every word, each once."""
        return frozenset(_WORD.findall(self.folded))

    @cached_property
    def in_a_row(self) -> str:
        """All words and full stops in order, with one space before, between and after them."""
        return f" {' '.join(_WORD_OR_STOP.findall(self.folded))} "

    @cached_property
    def in_order(self) -> list[str]:
        """Every word, sorted."""
        return sorted(self.words)

    def has_beginning(self, beginning: str) -> bool:
        """Whether a word begins with *beginning*."""
        words = self.in_order
        i = bisect_left(words, beginning)
        return i < len(words) and words[i].startswith(beginning)


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
        self._beginnings: list[str] = []
        self._phrases: list[_Phrase] = []
        self._anywhere: list[str] = []
        for word in self.words:
            folded = fold(word.strip().removesuffix("*"))
            parts = _WORD_OR_STOP.findall(folded)
            if _UNSPACED.search(folded):
                self._anywhere.append(folded)
            elif len(parts) > 1:
                whole = parts[:-1] if word.endswith("*") else parts
                self._phrases.append(
                    _Phrase(
                        frozenset(filter(_WORD.match, whole)), f" {' '.join(parts)}{'' if word.endswith('*') else ' '}"
                    )
                )
            elif parts and word.endswith("*"):
                self._beginnings.append(parts[0])
            else:
                singles.update(parts)
        self._singles = frozenset(singles)

    def holds(self, text: Text) -> bool:
        """Whether one of the words stands in *text*."""
        words = text.words
        if not self._singles.isdisjoint(words):
            return True
        for beginning in self._beginnings:
            if text.has_beginning(beginning):
                return True
        for phrase in self._phrases:
            if phrase.words <= words and phrase.row in text.in_a_row:
                return True
        return any(word in text.folded for word in self._anywhere) if self._anywhere else False

    @property
    def marks(self) -> frozenset[str]:
        """Of each word a mark that every text that holds it has (`Text.marks`)."""
        phrases = {max(phrase.words, key=len, default="") for phrase in self._phrases}
        return frozenset({*self._singles, *phrases, *(f"{each}*" for each in self._beginnings), *self._anywhere})

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

    @property
    def marks(self) -> frozenset[str]:
        """Of each word a mark that every text that holds it has."""
        return self._all.marks


class MarkIndex:
    """Which of many marks (`WordList.marks`) a text has: asked once for all lists."""

    def __init__(self, marks: Iterable[str]) -> None:
        all_marks = frozenset(marks)
        self._beginnings = tuple(mark[:-1] for mark in all_marks if mark.endswith("*"))
        self._anywhere = tuple(mark for mark in all_marks if _UNSPACED.search(mark))
        self._words = all_marks.difference(self._anywhere)

    def found(self, text: Text) -> set[str]:
        """The marks that *text* has."""
        found = set(self._words & text.words)
        if self._beginnings:
            in_order = text.in_order
            for each in self._beginnings:
                i = bisect_left(in_order, each)
                if i < len(in_order) and in_order[i].startswith(each):
                    found.add(f"{each}*")
        found.update(each for each in self._anywhere if each in text.folded)
        return found


def word_fault(word: str) -> str | None:
    """Why *word* cannot stand in a list, in the operator's words; None when it can."""
    if "*" in word.strip().removesuffix("*"):
        return "* may only stand at the end of a word, for its beginning"
    if not re.search(r"\w", fold(word)):
        return "it holds no letter and no digit"
    return None
