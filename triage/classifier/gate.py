"""May a challenger take the champion's place? Pure: two reports on the same held-out rows in, a verdict with its reasons out.

A model that learns from people who move mail can learn a bad habit as quickly as a good one. So it goes live only if it is better over
all on mail of the team's own that neither model learnt from, and worse in no category by more than a margin.
"""

from __future__ import annotations

from dataclasses import dataclass

from triage.classifier.evaluation import Report

# With fewer rows than this one mail more or less decides.
LEAST_ROWS = 50

# F1 that a category may lose.
MARGIN = 0.03

# A category with fewer held-out rows than this has no F1 worth comparing.
LEAST_OF_CATEGORY = 5


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the challenger goes live, and each reason against it in a sentence; for an acceptance, the gain."""

    accepted: bool
    reasons: tuple[str, ...]


def compare(champion: Report, challenger: Report, *, margin: float = MARGIN, least_rows: int = LEAST_ROWS) -> Verdict:
    """Judge *challenger* against *champion*; both reports must be about the same rows."""
    against = []
    if challenger.n != champion.n:
        against.append(f"the two were measured on different rows ({champion.n} and {challenger.n}); categories differ")
    if challenger.n < least_rows:
        against.append(f"only {challenger.n} held-out messages, at least {least_rows} are needed to tell them apart")
    gain = challenger.macro_f1 - champion.macro_f1
    if gain <= 0:
        against.append(f"it is not better: macro-F1 {challenger.macro_f1:.3f}, the present one {champion.macro_f1:.3f}")
    against += _losses(champion, challenger, margin)
    if against:
        return Verdict(False, tuple(against))
    return Verdict(True, (f"macro-F1 {challenger.macro_f1:.3f}, before {champion.macro_f1:.3f} (+{gain:.3f})",))


def _losses(champion: Report, challenger: Report, margin: float) -> list[str]:
    found = []
    for name, before in champion.categories.items():
        after = challenger.categories.get(name)
        if after is None:
            found.append(f"it does not know {name}")
        elif before["n"] >= LEAST_OF_CATEGORY and before["f1"] - after["f1"] > margin:
            found.append(f"{name} falls from F1 {before['f1']:.3f} to {after['f1']:.3f}, more than {margin:.3f}")
    return found
