"""May a challenger take the champion's place? Pure: two reports on the same held-out rows in, a verdict with its reasons out.

A model that learns from people who move mail can learn a bad habit as quickly as a good one. So it goes live only if it is better over
all on mail of the team's own that neither model learnt from, and worse in no category by more than a margin.

Better means surely better. One mail in fifty is a gain of .02, and two models that are equally good differ by as much in either
direction: a gain above nothing would let every second one of them in, night after night. A fixed least gain would be too little for
fifty mails and too much for five thousand. So the examination is repeated with its conversations drawn anew (paired bootstrap), and the
challenger must be the better one in nine of ten repetitions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from triage.classifier.evaluation import Judged, Report

# With fewer rows than this one mail more or less decides.
LEAST_ROWS = 50

# Share of the repetitions in which the challenger must be better.
CERTAINTY = 0.90

# Repetitions. Another thousand moves the share by .01 at most.
REPETITIONS = 2000

# F1 that a category may lose.
MARGIN = 0.03

# A category with fewer held-out rows than this has no F1 worth comparing.
LEAST_OF_CATEGORY = 5


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the challenger goes live, and each reason against it in a sentence; for an acceptance, the gain."""

    accepted: bool
    reasons: tuple[str, ...]


def compare(
    champion: Report,
    challenger: Report,
    better_in: float,
    *,
    certainty: float = CERTAINTY,
    margin: float = MARGIN,
    least_rows: int = LEAST_ROWS,
) -> Verdict:
    """Judge *challenger* against *champion*; both reports must be about the same rows, and *better_in* what `better_in` says of these."""
    against = []
    if challenger.n != champion.n:
        against.append(f"the two were measured on different rows ({champion.n} and {challenger.n}); categories differ")
    if challenger.n < least_rows:
        against.append(f"only {challenger.n} held-out messages, at least {least_rows} are needed to tell them apart")
    gain = challenger.macro_f1 - champion.macro_f1
    if gain <= 0:
        against.append(f"it is not better: macro-F1 {challenger.macro_f1:.3f}, the present one {champion.macro_f1:.3f}")
    elif better_in < certainty:
        against.append(
            f"its gain may be chance: macro-F1 {challenger.macro_f1:.3f}, the present one {champion.macro_f1:.3f}, but with the "
            f"{challenger.n} held-out messages drawn anew it is better only {better_in:.0%} of the time, {certainty:.0%} is asked for"
        )
    against += _losses(champion, challenger, margin)
    if against:
        return Verdict(False, tuple(against))
    told = f"macro-F1 {challenger.macro_f1:.3f}, before {champion.macro_f1:.3f} (+{gain:.3f}, better in {better_in:.0%} of repetitions)"
    return Verdict(True, (told,))


def better_in(champion: Sequence[Judged], challenger: Sequence[Judged], categories: Sequence[str]) -> float:
    """Share of repetitions, 0..1, in which *challenger* has the higher macro-F1.

    Both are about the same rows in the same order. Whole conversations (`Row.group`) are drawn, with replacement: mails of one
    customer are not independent. Deterministic.
    """
    kept = [pair for pair in zip(champion, challenger, strict=True) if pair[0].row.label in categories]
    groups = {
        name: number for number, name in enumerate(dict.fromkeys(_group(i, one) for i, (one, _) in enumerate(kept)))
    }
    if not groups:
        return 0.0
    owners = np.asarray([groups[_group(i, one)] for i, (one, _) in enumerate(kept)])
    drawn = np.random.default_rng(0).multinomial(len(groups), np.full(len(groups), 1 / len(groups)), size=REPETITIONS)
    before, after = (
        _macro_f1(drawn, owners, [pair[side] for pair in kept], list(categories), len(groups)) for side in (0, 1)
    )
    return float((after > before).mean())


def _group(index: int, one: Judged) -> str:
    return one.row.group or f"row {index}"


def _macro_f1(
    drawn: npt.NDArray[np.int64],
    owners: npt.NDArray[np.int64],
    judged: Sequence[Judged],
    categories: list[str],
    groups: int,
) -> npt.NDArray[np.float64]:
    """Of each repetition; *drawn* says how often each group is in it: shape (n_repetitions, n_groups)."""
    right = np.asarray([categories.index(one.row.label) for one in judged])
    said = np.asarray([categories.index(one.best) for one in judged])
    each = []
    for category in range(len(categories)):
        hits = np.bincount(owners, (right == category) & (said == category), groups)
        both = np.bincount(owners, (right == category) * 1.0 + (said == category), groups)
        total = drawn @ both
        each.append(np.divide(2 * (drawn @ hits), total, out=np.full(len(drawn), np.nan), where=total > 0))
    found: npt.NDArray[np.float64] = np.nanmean(each, axis=0)
    return found


def _losses(champion: Report, challenger: Report, margin: float) -> list[str]:
    found = []
    for name, before in champion.categories.items():
        after = challenger.categories.get(name)
        if after is None:
            found.append(f"it does not know {name}")
        elif before["n"] >= LEAST_OF_CATEGORY and before["f1"] - after["f1"] > margin:
            found.append(f"{name} falls from F1 {before['f1']:.3f} to {after['f1']:.3f}, more than {margin:.3f}")
    return found
