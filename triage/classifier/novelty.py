"""Whether a text is of the kind that was learnt from."""

from __future__ import annotations

from typing import Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator


class Typical(BaseEstimator):  # type: ignore[misc]
    """Whether a text is of the kind that was learnt from: Mahalanobis distance of its sentence vector.

    Args:
        quantile: which share of the training texts counts as typical.
    """

    def __init__(self, quantile: float = 0.995) -> None:
        self.quantile = quantile

    def fit(self, vectors: npt.NDArray[np.float32]) -> Self:
        self.mean_ = vectors.mean(axis=0)
        centred = (vectors - self.mean_).astype(np.float64)
        covariance = centred.T @ centred / max(len(vectors) - 1, 1)
        ridge = 0.1 * np.trace(covariance) / len(covariance) + 1e-9
        self.precision_ = np.linalg.inv(covariance + ridge * np.eye(len(covariance))).astype(np.float32)
        self.limit_ = float(np.quantile(self.distance(vectors), self.quantile))
        return self

    def distance(self, vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        centred = vectors - self.mean_
        squared = np.einsum("ij,ij->i", centred @ self.precision_, centred)
        return np.asarray(np.sqrt(squared), dtype=np.float32)

    def contains(self, vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
        return self.distance(vectors) <= self.limit_
