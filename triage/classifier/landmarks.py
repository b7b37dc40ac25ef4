"""Ridge regression on how like a text is to each of some thousand landmarks, which are texts that were learnt from.

Like is a Gaussian kernel of the sentence vectors (1 for the same text, .14 for one that has nothing in common), and regression on all
texts' likeness to some of them is Nyström's approximation of kernel ridge regression (Williams and Seeger 2001, NIPS 13; Rudi et al.
2015, NIPS 28). It bends where a linear function of the vectors cannot: "my money is not back" is near "my parcel is not back" and is
another matter.

Its normal equations need sums over the texts alone (`Moments`). Those of parts of the texts add up, so that cross-fitting reads each
text once and not once a part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.linalg.lapack import dpftrf, dpftrs, dsfrk, strttf
from sklearn.base import BaseEstimator

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

# Texts whose likeness is computed at once: 16 KB each, and as many again with double precision.
_AT_ONCE = 1024

# Added to the likeness of a landmark to itself, so that two that are the same text can be told apart by arithmetic.
_JITTER = 1e-3


class Landmarks(BaseEstimator):  # type: ignore[misc]
    """Some of the texts, to which others are likened.

    By how many there are (writers not learnt from, 25,895 messages to learn from, the terms' regression beside it): 1,500 .883, 3,000
    .885, 4,500 .888, 6,000 .890; none, a linear regression, .870.

    Args:
        most: how many there are; of fewer texts, all.
        gamma: one over the squared distance at which likeness has fallen to 1/e. Between .7 and 2 it matters little.
        seed: of which are chosen.
    """

    def __init__(self, most: int = 4096, gamma: float = 1.0, seed: int = 0) -> None:
        self.most = most
        self.gamma = gamma
        self.seed = seed

    def fit(self, vectors: Floats) -> Self:
        chosen = np.sort(np.random.default_rng(self.seed).permutation(len(vectors))[: self.most])
        return self._place(vectors[chosen])

    def likeness(self, vectors: Floats) -> Floats:
        """Of each text to each landmark: float32 of shape (n_texts, n_landmarks), 0..1."""
        found: Floats = vectors @ self.points_.T
        found *= np.float32(2)
        found -= self.squares_
        found -= np.einsum("ij,ij->i", vectors, vectors)[:, None]
        found *= np.float32(self.gamma)
        np.minimum(found, 0, out=found)
        return np.exp(found, out=found)

    def told(self, vectors: Floats, by: Sequence[LandmarkRidge]) -> list[Floats]:
        """What each of *by* says of texts: float32 of shape (n_texts, n_targets). Likeness is computed once for all of them."""
        found = [np.empty((len(vectors), len(each.intercept_)), dtype=np.float32) for each in by]
        for rows in _parts(len(vectors)):
            likeness = self.likeness(vectors[rows])
            for each, told in zip(by, found, strict=True):
                told[rows] = likeness @ each.coef_ + each.intercept_
        return found

    def among(self) -> Floats:
        """Likeness of the landmarks to each other, and the jitter; packed as `Moments.likeness` is."""
        found = self.likeness(self.points_)
        found[np.diag_indices(len(found))] += np.float32(_JITTER)
        packed, _ = strttf(found.T, uplo="L")
        return np.asarray(packed)

    def _place(self, points: npt.NDArray[np.floating]) -> Self:
        # half precision is what the file keeps, so it is what is learnt with
        self.points_: Floats = points.astype(np.float16).astype(np.float32)
        self.squares_: Floats = np.einsum("ij,ij->i", self.points_, self.points_)
        return self

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        return {**state, "points_": self.points_.astype(np.float16)} if hasattr(self, "points_") else state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if hasattr(self, "points_"):
            self._place(self.points_)


@dataclass(frozen=True, slots=True)
class Moments:
    """Sums over some texts; those of other texts may be added. One target more than there are is always 1."""

    likeness: Doubles  # symmetric, n_landmarks squared, of which one half is kept (LAPACK's rectangular full packed format): 67 MB
    targets: Doubles  # of shape (n_landmarks, n_targets + 1)
    totals: Doubles  # of shape (n_targets + 1,)


def moments(landmarks: Landmarks, vectors: Floats, targets: Floats) -> Moments:
    """Those of texts with *vectors* that are to get *targets*, float32 of shape (n_texts, n_targets)."""
    size = len(landmarks.points_)
    extended = np.column_stack([targets, np.ones(len(targets))])
    gram = np.zeros(size * (size + 1) // 2)
    cross = np.zeros((size, extended.shape[1]))
    for rows in _parts(len(vectors)):
        seen = landmarks.likeness(vectors[rows]).astype(np.float64)
        gram = dsfrk(size, len(seen), 1.0, seen.T, 1.0, gram, uplo="L", overwrite_c=1)
        cross += seen.T @ extended[rows]
    return Moments(gram, cross, extended.sum(axis=0))


class LandmarkRidge(BaseEstimator):  # type: ignore[misc]
    """Targets as a linear function of the likeness to landmarks.

    Args:
        alpha: strength of the regularisation (of the function in the kernel's space, not of its coefficients).
    """

    def __init__(self, alpha: float = 0.1) -> None:
        self.alpha = alpha

    def fit(self, landmarks: Landmarks, parts: Sequence[Moments]) -> Self:
        """Learn from the texts of all *parts*."""
        totals = np.sum([part.totals for part in parts], axis=0)
        cross = np.sum([part.targets for part in parts], axis=0)
        middle = totals[:-1] / totals[-1]
        equations = landmarks.among().astype(np.float64)
        equations *= self.alpha
        for part in parts:
            equations += part.likeness
        factor, fault = dpftrf(len(cross), equations, uplo="L", overwrite_a=1)
        if fault:
            raise np.linalg.LinAlgError(f"the normal equations are not positive definite (minor {fault})")
        found, _ = dpftrs(len(cross), factor, cross[:, :-1] - cross[:, -1:] * middle, uplo="L")
        self.coef_: Floats = found.astype(np.float32)
        self.intercept_: Floats = middle.astype(np.float32)
        return self


def _parts(count: int) -> Iterator[slice]:
    return (slice(start, start + _AT_ONCE) for start in range(0, count, _AT_ONCE))
