"""Regression on likeness to landmarks: what it approximates, and that sums of parts are sums of the whole."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.kernel_ridge import KernelRidge

from triage.classifier.landmarks import Floats, LandmarkRidge, Landmarks, Moments, moments

ALPHA = 0.1


def some(count: int, *, seed: int = 0, width: int = 12) -> tuple[Floats, Floats]:
    """Vectors of length 1, and for each three targets that are no linear function of it."""
    dice = np.random.default_rng(seed)
    vectors = dice.normal(size=(count, width))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    targets = np.column_stack([np.sign(vectors[:, 0] * vectors[:, 1]), np.sign(vectors[:, 2]), -np.ones(count)])
    return vectors.astype(np.float16).astype(np.float32), targets.astype(np.float32)


def test_where_each_text_is_a_landmark_it_is_kernel_ridge_regression() -> None:
    vectors, targets = some(200)
    asked, _ = some(50, seed=1)
    landmarks = Landmarks().fit(vectors)

    (told,) = landmarks.told(asked, [LandmarkRidge(ALPHA).fit(landmarks, [moments(landmarks, vectors, targets)])])

    middle = targets.mean(axis=0)
    exact = KernelRidge(alpha=ALPHA, kernel="rbf", gamma=1.0).fit(vectors, targets - middle).predict(asked) + middle
    assert np.abs(told - exact).max() < 0.02


def test_it_learns_what_no_linear_function_tells() -> None:
    vectors, targets = some(3000)
    asked, right = some(500, seed=1)
    landmarks = Landmarks(most=400).fit(vectors)

    (told,) = landmarks.told(asked, [LandmarkRidge(ALPHA).fit(landmarks, [moments(landmarks, vectors, targets)])])

    assert ((told[:, 0] > 0) == (right[:, 0] > 0)).mean() > 0.8  # half is chance, and what a linear function gets


@given(st.lists(st.integers(0, 300), max_size=4))
@settings(max_examples=20, deadline=None)
def test_moments_of_parts_make_the_same_model_as_those_of_the_whole(cuts: list[int]) -> None:
    vectors, targets = some(300)
    landmarks = Landmarks(most=40).fit(vectors)
    edges = [0, *sorted(cuts), 300]
    parts = [moments(landmarks, vectors[start:end], targets[start:end]) for start, end in itertools.pairwise(edges)]

    by_parts = LandmarkRidge(ALPHA).fit(landmarks, parts)

    whole = LandmarkRidge(ALPHA).fit(landmarks, [moments(landmarks, vectors, targets)])
    assert np.allclose(by_parts.coef_, whole.coef_, rtol=1e-3, atol=1e-3)
    assert np.allclose(by_parts.intercept_, whole.intercept_)


def test_a_fit_leaves_the_moments_as_they_were() -> None:
    vectors, targets = some(60)
    landmarks = Landmarks(most=20).fit(vectors)
    part = moments(landmarks, vectors, targets)
    before = Moments(part.likeness.copy(), part.targets.copy(), part.totals.copy())

    LandmarkRidge(ALPHA).fit(landmarks, [part])

    assert np.array_equal(part.likeness, before.likeness)
    assert np.array_equal(part.targets, before.targets)


@pytest.mark.parametrize("count", [1, 2, 30])
def test_the_same_text_again_and_again_does_no_harm(count: int) -> None:
    vectors = np.repeat(some(1)[0], count, axis=0)
    targets = np.ones((count, 2), dtype=np.float32)
    landmarks = Landmarks().fit(vectors)

    (told,) = landmarks.told(vectors, [LandmarkRidge(ALPHA).fit(landmarks, [moments(landmarks, vectors, targets)])])

    assert np.allclose(told, 1)


def test_what_a_file_keeps_says_the_same() -> None:
    vectors, targets = some(100)
    landmarks = Landmarks(most=30).fit(vectors)
    ridge = LandmarkRidge(ALPHA).fit(landmarks, [moments(landmarks, vectors, targets)])
    trusted = ["triage.classifier.landmarks.LandmarkRidge", "triage.classifier.landmarks.Landmarks"]

    again, ridge_again = skops.io.loads(skops.io.dumps([landmarks, ridge]), trusted=trusted)

    assert np.array_equal(again.told(vectors, [ridge_again])[0], landmarks.told(vectors, [ridge])[0])


def test_likeness_is_one_to_itself_and_less_to_others() -> None:
    vectors, _ = some(50)
    landmarks = Landmarks().fit(vectors)

    likeness = landmarks.likeness(vectors)

    assert likeness.shape == (50, 50)
    assert np.sort(likeness.max(axis=0)) == pytest.approx(1, abs=1e-3)
    assert ((likeness >= 0) & (likeness <= 1)).all()
    assert Landmarks(most=7).fit(vectors).likeness(vectors).shape == (50, 7)
