"""The figures of an evaluation, by hand; and the gate that reads them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from triage.classifier import gate
from triage.classifier.dataset import Row
from triage.classifier.estimator import decide
from triage.classifier.evaluation import Judged, Report, calibration_error, judge, macro_f1, report, worst

CATEGORIES = ("complaint", "logistics", "payment")


def judged(*said: tuple[str, dict[str, float]], threshold: float = 0.5) -> Report:
    rows = [Row("text", label, str(i), lang="de" if i % 2 else "en") for i, (label, _) in enumerate(said)]
    predictions = [decide(dict.fromkeys(CATEGORIES, 0.0) | found, CATEGORIES, threshold) for _, found in said]
    return report(
        judge(rows, predictions, CATEGORIES),
        model="m",
        threshold=threshold,
        categories=CATEGORIES,
        abstain_labels=("other",),
        seconds=2.0,
    )


def test_the_figures_of_four_rows() -> None:
    found = judged(
        ("payment", {"payment": 0.9, "logistics": 0.1}),
        ("payment", {"payment": 0.4, "logistics": 0.3}),
        ("logistics", {"payment": 0.8, "logistics": 0.2}),
        ("logistics", {"logistics": 1.0}),
    )

    assert (found.n, found.accuracy, found.coverage, found.selective_accuracy) == (4, 0.75, 0.75, 0.6667)
    assert found.categories["payment"] == {"precision": 0.6667, "recall": 1.0, "f1": 0.8, "n": 2}
    assert found.categories["complaint"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "n": 0}
    assert found.macro_f1 == pytest.approx((0.8 + 0.6667) / 2, abs=1e-4)
    assert found.confusion == {"logistics": {"logistics": 1, "payment": 1}, "payment": {"payment": 2}}
    assert {name: of["n"] for name, of in found.languages.items()} == {"de": 2, "en": 2}
    assert found.texts_per_second == 2.0


def test_labels_that_mean_abstaining_and_unknown_labels_stand_apart() -> None:
    found = judged(("other", {"payment": 0.9}), ("other", {"payment": 0.2}), ("weather", {"payment": 0.9}))

    assert found.n == 0
    assert found.abstain == {"other": {"n": 2, "abstained": 0.5}}
    assert found.skipped == {"weather": 1}


def test_the_calibration_error_is_the_gap_between_said_and_true() -> None:
    assert calibration_error([0.9] * 10, [True] * 9 + [False]) == pytest.approx(0.0)
    assert calibration_error([0.9] * 10, [True] * 5 + [False] * 5) == pytest.approx(0.4)
    assert calibration_error([1.0, 0.0], [True, False]) == 0.0
    assert calibration_error([], []) == 0.0


def test_gaps_of_different_bins_do_not_cancel_out() -> None:
    assert calibration_error([0.95, 0.55], [False, True]) == pytest.approx((0.95 + 0.45) / 2)


@given(st.lists(st.tuples(st.sampled_from(CATEGORIES), st.sampled_from(CATEGORIES)), min_size=1))
def test_macro_f1_is_that_of_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    right, said = zip(*pairs, strict=True)

    assert macro_f1(pairs) == pytest.approx(f1_score(right, said, average="macro", zero_division=0), abs=2e-4)
    assert 0 <= accuracy_score(right, said) <= 1


def test_the_worst_mistakes_are_those_it_was_surest_of() -> None:
    rows = [Row("a", "payment", "1"), Row("b", "payment", "2"), Row("c", "payment", "3")]
    said = [{"payment": 0.4, "logistics": 0.6}, {"payment": 0.1, "logistics": 0.9}, {"payment": 0.9, "logistics": 0.1}]
    predictions = [decide(one, ("payment", "logistics"), 0.5) for one in said]

    assert [one.row.id for one in worst(judge(rows, predictions, ("payment", "logistics")))] == ["2", "1"]


def of(macro: float, n: int = 100, **f1: float) -> Report:
    categories = {name: {"precision": value, "recall": value, "f1": value, "n": 25} for name, value in f1.items()}
    return replace(judged(("payment", {"payment": 1.0})), n=n, macro_f1=macro, categories=categories)


@pytest.mark.parametrize(
    ("champion", "challenger", "better_in", "reason"),
    [
        (of(0.8), of(0.8), 0.0, "not better"),
        (of(0.8), of(0.7), 0.0, "not better"),
        (of(0.8), of(0.82), 0.7, "better only 70% of the time, 90% is asked for"),
        (of(0.8, payment=0.9), of(0.9, payment=0.86), 1.0, "payment falls from F1 0.900 to 0.860"),
        (of(0.8, payment=0.9), of(0.9), 1.0, "does not know payment"),
        (of(0.8, n=20), of(0.9, n=20), 1.0, "only 20 held-out messages"),
        (of(0.8, n=90), of(0.9, n=80), 1.0, "different rows"),
    ],
)
def test_a_challenger_stays_out(champion: Report, challenger: Report, better_in: float, reason: str) -> None:
    verdict = gate.compare(champion, challenger, better_in)

    assert not verdict.accepted
    assert any(reason in one for one in verdict.reasons)


def test_a_challenger_that_is_better_and_loses_little_goes_live() -> None:
    verdict = gate.compare(of(0.8, payment=0.9, product=0.7), of(0.85, payment=0.88, product=0.9), 0.95)

    assert verdict.accepted
    assert verdict.reasons == ("macro-F1 0.850, before 0.800 (+0.050, better in 95% of repetitions)",)


def sayings(right: int, of: int, *, each: int = 1) -> list[Judged]:
    """So many rows about payment, the first ones rightly told, the others not; every writer wrote *each* of them."""
    rows = [Row("text", "payment", str(i), writer=f"w{i // each}") for i in range(of)]
    said = [{"payment": 1.0, "logistics": 0.0} if i < right else {"payment": 0.0, "logistics": 1.0} for i in range(of)]
    return judge(rows, [decide(one, ("payment", "logistics"), 0.5) for one in said], ("payment", "logistics"))


@pytest.mark.parametrize(
    ("before", "now", "rows", "least", "most"),
    [
        (60, 60, 100, 0.0, 0.0),
        (60, 61, 100, 0.55, 0.70),  # one mail: drawn at least once in 63 of 100 repetitions
        (60, 70, 100, 0.99, 1.0),
        (60, 50, 100, 0.0, 0.0),
    ],
)
def test_a_gain_is_the_surer_the_more_mails_it_is_made_of(
    before: int, now: int, rows: int, least: float, most: float
) -> None:
    assert least <= gate.better_in(sayings(before, rows), sayings(now, rows), ("payment", "logistics")) <= most


def test_mails_of_one_customer_are_one_piece_of_evidence() -> None:
    by_six = gate.better_in(sayings(0, 40), sayings(6, 40), ("payment", "logistics"))
    by_one = gate.better_in(sayings(0, 40, each=10), sayings(6, 40, each=10), ("payment", "logistics"))

    assert by_six > 0.99
    assert by_one == pytest.approx(1 - 0.75**4, abs=0.03)  # that the one of four is drawn at all
