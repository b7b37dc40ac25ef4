"""Is the corpus varied enough to teach anything? Run: python -m benchmarks.corpus models/corpus [--against ROWS...] [--left-out]

Three answers: how many different word triples the messages have; how good a model of half of the writers is on the other half; and how
that grows with the number of messages (while it still rises on new writers, more messages are worth writing). With --against, rows of
other sources that the model never learns from are measured as well. With --left-out, models that saw neither the language nor the form of
the messages they are tested on: what becomes of the threshold in a place that is new in more than one way.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Sequence
from itertools import product
from pathlib import Path

from triage.classifier import dataset, training
from triage.classifier.dataset import Row
from triage.classifier.encoder import one_thread
from triage.classifier.estimator import ABSTAIN_LABELS, Classifier
from triage.classifier.evaluation import Judged, Report, judge, report
from triage.classifier.novelty import SCRIPTS

# Languages without spaces between words: characters are counted.
UNSPACED = ("ja", "zh")

SHARES = (0.1, 0.2, 0.4, 0.7, 1.0)

# Languages and forms with so many messages are left out in turn.
MANY = 2000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path, nargs="+")
    parser.add_argument("--against", type=Path, nargs="*", default=[])
    parser.add_argument("--left-out", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rows = dataset.load(given.corpus).rows
    others = dataset.load(given.against).rows if given.against else ()
    for line in variety(rows):
        print(line)
    with one_thread():
        learn, held = training.hold_out(rows, share=0.5, seed=given.seed)
        show("half of the writers, tested on the other half", measure(learn, held, given.seed))
        for language in sorted({row.lang for row in held}):
            of = [row for row in held if row.lang != language], [row for row in held if row.lang == language]
            if len(of[1]) >= 200:
                rest = [row for row in rows if row.lang != language]
                show(f"  {language} by a model of all other languages", measure(rest, of[1], given.seed, strange=True))
        for share in SHARES:
            part = training.hold_out(learn, share=share, seed=given.seed)[1] if share < 1 else learn
            show(f"{len(part):5d} messages, tested on the other half", measure(part, held, given.seed))
            if others:
                show(f"{len(part):5d} messages, tested on the other rows", measure(part, others, given.seed))
        if others:
            show("all messages, tested on the other rows", measure(rows, others, given.seed))
        if given.left_out:
            show("neither language nor form learnt from", left_out(rows, given.seed))


def variety(rows: Sequence[Row]) -> list[str]:
    """Counts a language: messages, writers, scenarios, distinct word triples a hundred words."""
    lines = ["lang  messages  writers  scenarios  words  distinct in 100 triples"]
    for language in sorted({row.lang for row in rows}):
        of = [row for row in rows if row.lang == language]
        words = [re.findall(r"\w" if language in UNSPACED else r"\w+", row.text.casefold()) for row in of]
        triples = Counter(tuple(found[i : i + 3]) for found in words for i in range(len(found) - 2))
        total = max(sum(triples.values()), 1)
        lines.append(
            f"{language:4} {len(of):9d} {len({row.writer for row in of}):8d} {len({row.scenario for row in of}):10d} "
            f"{sum(map(len, words)):6d} {100 * len(triples) / total:8.1f}"
        )
    return lines


def measure(learn: Sequence[Row], held: Sequence[Row], seed: int, *, strange: bool = False) -> Report:
    return told(judged(learn, held, seed, strange=strange))


def left_out(rows: Sequence[Row], seed: int) -> Report:
    """Of the languages and forms with many messages: each pair by a model of all rows that share neither."""
    languages = [name for name, count in Counter(row.lang for row in rows).items() if count >= MANY]
    forms = [name for name, count in Counter(row.form for row in rows).items() if count >= MANY]
    found: list[Judged] = []
    for language, form in product(languages, forms):
        learn = [row for row in rows if row.lang != language and row.form != form]
        found += judged(learn, [row for row in rows if (row.lang, row.form) == (language, form)], seed, strange=True)
    return told(found)


def judged(learn: Sequence[Row], held: Sequence[Row], seed: int, *, strange: bool) -> list[Judged]:
    """*held* as read by a model of *learn*; with *strange* it may decide on languages, too, that it was not taught."""
    trained = training.train(learn, seed=seed)
    if strange:
        trained.model.languages_, trained.model.scripts_ = [], SCRIPTS
    classifier = Classifier(trained.model, "benchmark", trained.threshold)
    return judge(held, classifier.predict([row.words for row in held]), classifier.categories)


def told(found: Sequence[Judged]) -> Report:
    labels = {one.row.label for one in found}
    return report(
        found,
        model="benchmark",
        threshold=0.0,  # each model has its own
        categories=training.categories(sorted(labels)),
        abstain_labels=ABSTAIN_LABELS,
    )


def show(what: str, found: Report) -> None:
    print(
        f"{what}: accuracy {found.accuracy:.3f}  macro-F1 {found.macro_f1:.3f}  complaint "
        f"{found.categories['complaint']['f1']:.3f}  decided {found.coverage:.3f}, right {found.selective_accuracy:.3f}  "
        f"calibration error {found.calibration_error:.3f}  (n = {found.n})",
        flush=True,
    )


if __name__ == "__main__":
    main()
