"""How good a model is: in numbers (the keys of `triage evaluate --json`) and in words for people."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from triage.classifier.dataset import Row
from triage.message import Prediction

BINS = 15
WORST = 20


@dataclass(frozen=True, slots=True)
class Judged:
    """One row with what the model said of it."""

    row: Row
    best: str  # the most probable category, named or not
    prediction: Prediction

    @property
    def right(self) -> bool:
        return self.best == self.row.label

    @property
    def decided(self) -> bool:
        return self.prediction.category is not None


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of one evaluation; names and meaning are those of the interface, shares are 0..1."""

    n: int  # rows with a category that the model knows; the other figures are about these
    model: str
    threshold: float
    accuracy: float  # every row decided: the most probable category, no abstaining
    macro_f1: float
    coverage: float  # share of rows on which it did not abstain
    selective_accuracy: float  # of those
    calibration_error: float  # expected, BINS equal-width bins
    languages: Mapping[str, Mapping[str, float]]
    forms: Mapping[str, Mapping[str, float]]  # mail, chat, review …, where the rows say so
    categories: Mapping[str, Mapping[str, float]]
    sources: Mapping[str, Mapping[str, float]]
    confusion: Mapping[str, Mapping[str, int]]  # right label: category said: rows
    about_accuracy: float | None  # of the rows that say what a complaint is about; None: no such rows
    abstain: Mapping[
        str, Mapping[str, float]
    ]  # rows of a label that is a reason to abstain, and how many were abstained
    skipped: Mapping[str, int]  # rows of labels that the model does not know
    texts_per_second: float

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def judge(rows: Sequence[Row], predictions: Sequence[Prediction], categories: Sequence[str]) -> list[Judged]:
    """*rows* with their *predictions*, one each."""
    return [
        Judged(row, max(categories, key=prediction.probabilities.__getitem__), prediction)
        for row, prediction in zip(rows, predictions, strict=True)
    ]


def report(
    judged: Sequence[Judged],
    *,
    model: str,
    threshold: float,
    categories: Sequence[str],
    abstain_labels: Sequence[str] = (),
    seconds: float = 0.0,
) -> Report:
    """The figures of *judged*; *seconds* is what predicting took."""
    known = [one for one in judged if one.row.label in categories]
    aside = [one for one in judged if one.row.label not in categories]
    decided = [one for one in known if one.decided]
    by_source = _grouped(known, lambda one: one.row.source)
    abouts = [one for one in known if one.row.about in categories and one.decided and one.prediction.about]
    return Report(
        n=len(known),
        model=model,
        threshold=_round(threshold),
        accuracy=_accuracy(known),
        macro_f1=macro_f1(_pairs(known)),
        coverage=_share(len(decided), len(known)),
        selective_accuracy=_accuracy(decided),
        calibration_error=_round(
            calibration_error([one.prediction.confidence for one in known], [one.right for one in known])
        ),
        languages=_scores(_grouped(known, lambda one: one.row.lang)),
        forms=_scores(_grouped(known, lambda one: one.row.form)),
        categories=per_category(_pairs(known), categories),
        sources={name: {"n": len(group), "accuracy": _accuracy(group)} for name, group in by_source.items()},
        confusion=confusion(_pairs(known)),
        about_accuracy=_share(sum(one.prediction.about == one.row.about for one in abouts), len(abouts))
        if abouts
        else None,
        abstain={
            label: {"n": len(group), "abstained": _share(sum(not one.decided for one in group), len(group))}
            for label, group in _grouped([one for one in aside if one.row.label in abstain_labels], _label).items()
        },
        skipped=dict(Counter(one.row.label for one in aside if one.row.label not in abstain_labels)),
        texts_per_second=round(len(judged) / seconds, 1) if seconds > 0 else 0.0,
    )


def calibration_error(confidences: Sequence[float], right: Sequence[bool]) -> float:
    """Expected calibration error, 0..1: in each of BINS bins of equal width, how far what was said is from what came
    true.

    Guo et al. 2017 (ICML), section 2: the sum over bins of |accuracy - mean confidence| times the share of rows in the
    bin.
    """
    if not confidences:
        return 0.0
    said = np.asarray(confidences, dtype=np.float64)
    came = np.asarray(right, dtype=np.float64)
    bins = np.minimum((said * BINS).astype(int), BINS - 1)
    gap = np.bincount(bins, weights=came, minlength=BINS) - np.bincount(bins, weights=said, minlength=BINS)
    return float(np.abs(gap).sum() / len(said))


def per_category(pairs: Sequence[tuple[str, str]], categories: Sequence[str]) -> dict[str, dict[str, float]]:
    """Precision, recall, F1 and number of rows of each category; *pairs* are (right, said)."""
    said = Counter(best for _, best in pairs)
    right = Counter(label for label, _ in pairs)
    hit = Counter(label for label, best in pairs if label == best)
    return {
        name: {
            "precision": _share(hit[name], said[name]),
            "recall": _share(hit[name], right[name]),
            "f1": _share(2 * hit[name], said[name] + right[name]),
            "n": right[name],
        }
        for name in categories
    }


def macro_f1(pairs: Sequence[tuple[str, str]]) -> float:
    """Mean F1 of the categories that stand in the rows or were said of them (as scikit-learn's f1_score,
    average="macro").
    """
    names = sorted({name for pair in pairs for name in pair})
    each = per_category(pairs, names)
    return _round(sum(each[name]["f1"] for name in names) / len(names)) if names else 0.0


def confusion(pairs: Sequence[tuple[str, str]]) -> dict[str, dict[str, int]]:
    """How often which category was said of which; pairs that never came are left out."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for label, best in pairs:
        found[label][best] += 1
    return {label: dict(sorted(found[label].items())) for label in sorted(found)}


def worst(judged: Sequence[Judged], count: int = WORST) -> list[Judged]:
    """The mistakes of which the model was surest, the surest first."""
    wrong = [one for one in judged if not one.right]
    return sorted(wrong, key=lambda one: (-one.prediction.confidence, one.row.id))[:count]


def _pairs(judged: Sequence[Judged]) -> list[tuple[str, str]]:
    return [(one.row.label, one.best) for one in judged]


def _label(one: Judged) -> str:
    return one.row.label


def _grouped(judged: Sequence[Judged], key: Any) -> dict[str, list[Judged]]:
    groups: dict[str, list[Judged]] = defaultdict(list)
    for one in judged:
        groups[key(one) or "unknown"].append(one)
    return dict(sorted(groups.items()))


def _scores(groups: Mapping[str, Sequence[Judged]]) -> dict[str, dict[str, float]]:
    return {
        name: {"n": len(group), "accuracy": _accuracy(group), "macro_f1": macro_f1(_pairs(group))}
        for name, group in groups.items()
    }


def _accuracy(judged: Sequence[Judged]) -> float:
    return _share(sum(one.right for one in judged), len(judged))


def _share(part: float, whole: float) -> float:
    return _round(part / whole) if whole else 0.0


def _round(value: float) -> float:
    return round(value, 4)
