"""Whether a text is of the kind that was learnt from. A model is sure of itself far away from all it knows, too.

Four questions: is it prose (a log file and a table are mostly figures and signs), is it in a script that was learnt from, is it plainly
in a language that was not, and does its sentence vector lie where those of the training lie (Mahalanobis distance)? Measured on 750
texts of other kinds (novels, licences, program code, logs, program messages in 17 languages, gibberish): 91 % were abstained on by
prose and distance, counting those below the threshold, with a limit that keeps 99 % of unseen writers' messages, and 3 % of 7,479
English customers' questions of other sources were taken for unfamiliar. A limit that keeps 98.5 % of the messages that belong to a team
halves what is decided of the other texts for 0.8 % of customers' mail. Distance to the nearest neighbours was equal (90 %); the share
of known words is useless across languages: it takes Korean for novel, which the vectors understand. They understand Thai, Russian,
Turkish and Arabic as well, but nobody has measured how well on customers' mail: until there are rows of it, nobody can vouch for such a
language. Its script shows it, or the detector that chooses the language of replies, which takes 8 of the corpus's 43,249 messages for
another language than its eleven, and 1 of 8,209 messages of other sources.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator

from triage.classifier.masking import says_nothing
from triage.language import detect

# Share of letters among the visible characters. Of the corpus 0.1 % has less than .61, of 60 logs nine in ten less than .50.
LEAST_LETTERS = 0.55

# Where the letters of scripts begin, by code point (Unicode 15, Blocks.txt); "" are signs, and letters of no language that is written
# today. "Han" stands for Chinese characters, wherever they are read.
_BLOCKS = (
    *((0x0000, ""), (0x0041, "Latin"), (0x005B, ""), (0x0061, "Latin"), (0x007B, ""), (0x00C0, "Latin"), (0x0250, "")),
    *((0x0370, "Greek"), (0x0400, "Cyrillic"), (0x0530, "Armenian"), (0x0590, "Hebrew"), (0x0600, "Arabic")),
    *((0x0700, "Syriac"), (0x0750, "Arabic"), (0x0780, "Thaana"), (0x08A0, "Arabic"), (0x0900, "Devanagari")),
    *((0x0980, "Bengali"), (0x0A00, "Gurmukhi"), (0x0A80, "Gujarati"), (0x0B00, "Oriya"), (0x0B80, "Tamil")),
    *((0x0C00, "Telugu"), (0x0C80, "Kannada"), (0x0D00, "Malayalam"), (0x0D80, "Sinhala"), (0x0E00, "Thai")),
    *((0x0E80, "Lao"), (0x0F00, "Tibetan"), (0x1000, "Myanmar"), (0x10A0, "Georgian"), (0x1100, "Hangul")),
    *((0x1200, "Ethiopic"), (0x13A0, ""), (0x1780, "Khmer"), (0x1800, "Mongolian"), (0x18B0, ""), (0x1C80, "Cyrillic")),
    *((0x1C90, "Georgian"), (0x1CC0, ""), (0x1E00, "Latin"), (0x1F00, "Greek"), (0x2000, ""), (0x3040, "Kana")),
    *((0x3100, ""), (0x3130, "Hangul"), (0x3190, ""), (0x3400, "Han"), (0x4DC0, ""), (0x4E00, "Han"), (0xA000, "")),
    *((0xAC00, "Hangul"), (0xD7B0, ""), (0xF900, "Han"), (0xFB00, "Latin"), (0xFB1D, "Hebrew"), (0xFB50, "Arabic")),
    *((0xFE00, ""), (0xFE70, "Arabic"), (0xFF00, ""), (0xFF21, "Latin"), (0xFF3B, ""), (0xFF41, "Latin"), (0xFF5B, "")),
    *((0xFF66, "Kana"), (0xFFA0, ""), (0x20000, "Han"), (0x323B0, "")),
)
_STARTS = np.asarray([start for start, _ in _BLOCKS])
SCRIPTS = sorted({script for _, script in _BLOCKS} - {""})
_SCRIPT_OF_BLOCK = np.asarray([SCRIPTS.index(script) if script else len(SCRIPTS) for _, script in _BLOCKS])

# A script or a language was learnt from if more than this share of the texts is written in it, or a dozen of them: a stray one teaches
# nothing, and a team's dozen must not drown in a large corpus.
_LEAST_SHARE = 0.002
_ENOUGH = 12

# So much of a text shows its language; of 600 characters no more was found, in 0.37 ms instead of 0.15.
_SHOWS = 200

# Vectors of which the covariance is summed at once, with double precision.
_AT_ONCE = 4096

# "Gr. 42?" and "L" are short answers, no logs.
_LONG_ENOUGH = 40


class Typical(BaseEstimator):  # type: ignore[misc]
    """Mahalanobis distance to the training vectors, and the distance up to which a vector counts as typical.

    What is unfamiliar shows on the axes on which customers' messages hardly differ: with the vectors of the whole texts it catches .89 of
    the prose among those texts of other kinds, along the 384 axes by which categories are told .70.

    Args:
        quantile: share of unseen customers' messages to a team that counts as typical.
        ridge: how far the covariance is drawn towards a sphere, as a multiple of its mean variance.
    """

    def __init__(self, quantile: float = 0.985, ridge: float = 1.0) -> None:
        self.quantile = quantile
        self.ridge = ridge

    def fit(self, vectors: npt.NDArray[np.float32]) -> Self:
        self.mean_ = vectors.mean(axis=0)
        covariance = np.zeros((vectors.shape[1], vectors.shape[1]))
        for start in range(0, len(vectors), _AT_ONCE):
            centred = (vectors[start : start + _AT_ONCE] - self.mean_).astype(np.float64)
            covariance += centred.T @ centred
        covariance /= max(len(vectors) - 1, 1)
        shift = self.ridge * np.trace(covariance) / len(covariance) + 1e-9
        self.precision_ = np.linalg.inv(covariance + shift * np.eye(len(covariance))).astype(np.float32)
        return self.limit(self.distance(vectors))

    def limit(self, distances: npt.NDArray[np.float32]) -> Self:
        """Set the limit by *distances* of messages; those of messages that `fit` has not seen are the honest ones."""
        self.limit_ = float(np.quantile(distances, self.quantile))
        return self

    def distance(self, vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        centred = vectors - self.mean_
        squared = np.einsum("ij,ij->i", centred @ self.precision_, centred)
        return np.asarray(np.sqrt(np.maximum(squared, 0)), dtype=np.float32)

    def contains(self, vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
        return self.distance(vectors) <= self.limit_


def scripts(texts: Sequence[str]) -> list[str]:
    """The scripts in which *texts* are written, but for those of a few of them only."""
    counts = Counter(map(_main_script, texts))
    return _learnt({script: counts[number] for number, script in enumerate(SCRIPTS)}, len(texts))


def languages(texts: Sequence[str]) -> list[str]:
    """ISO 639-1 codes of the languages of *texts*, but for those of a few of them only.

    None at all where fewer than a dozen texts show theirs: short words teach no language, and nothing can be told from it then.
    """
    counts = Counter(filter(None, (detect(text[:_SHOWS]) for text in texts)))
    return _learnt(counts, len(texts)) if counts.total() >= _ENOUGH else []


def _learnt(counts: Mapping[str, int], texts: int) -> list[str]:
    return sorted(name for name, count in counts.items() if count > _LEAST_SHARE * texts or count >= _ENOUGH)


def written_in(texts: Sequence[str], known: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Whether each text is mostly written in one of *known* scripts, or has no letters."""
    numbers = {SCRIPTS.index(script) for script in known} | {len(SCRIPTS)}
    return np.fromiter((_main_script(text) in numbers for text in texts), dtype=np.bool_, count=len(texts))


def in_language(texts: Sequence[str], known: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Whether each text may be in one of the languages *known* (of none: any text may): all but what plainly is in another."""
    allowed = {None, *known}
    return np.fromiter((not known or detect(text[:_SHOWS], known) in allowed for text in texts), np.bool_, len(texts))


def _main_script(text: str) -> int:
    """Number of the script that most letters of *text* are of; len(SCRIPTS) for no letters."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    found = _SCRIPT_OF_BLOCK[np.searchsorted(_STARTS, codes, side="right") - 1]
    counts = np.bincount(found, minlength=len(SCRIPTS) + 1)[:-1]
    return int(counts.argmax()) if counts.any() else len(SCRIPTS)


def is_prose(text: str) -> bool:
    """Whether *text* is made of words, in any script; "" is not, and a bare order number is not."""
    if says_nothing(text):
        return False
    visible = "".join(text.split())
    letters = sum(map(str.isalpha, visible))
    return len(visible) < _LONG_ENOUGH or letters >= LEAST_LETTERS * len(visible)


def prose(texts: Sequence[str]) -> npt.NDArray[np.bool_]:
    return np.fromiter(map(is_prose, texts), dtype=np.bool_, count=len(texts))
