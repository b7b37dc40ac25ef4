"""How fast is the text model, and how much memory does it need? Run: python -m benchmarks.predicting [--home DIR] [--texts 512]

Texts of 600 characters, put together from lines of the corpus in five languages, one by one and in batches. Times are CPU time of this
process with BLAS in one thread, in the quickest of some rounds, so that other work on the machine counts little. Beside them stands the
ratio to a multiplication of matrices, which tells a slow machine from a slow model. Memory is what became resident while the model was
loaded and used.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from triage.classifier import dataset, registry
from triage.classifier.encoder import one_thread
from triage.classifier.estimator import Classifier

LANGUAGES = ("de", "en", "es", "fr", "nl")
LENGTH = 600
BATCHES = (1, 8, 32, 64)
ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--home", type=Path, default=Path())
    parser.add_argument("--texts", type=int, default=512)
    given = parser.parse_args()
    texts = list(itertools.islice(long_texts(given.home / "models" / "corpus"), given.texts))
    import sklearn.linear_model  # noqa: F401  the library is no part of the model

    before = resident()
    classifier = registry.load(given.home / "models")
    classifier.predict(texts)
    print(f"memory: {resident() - before:.0f} MB for the model, {resident():.0f} MB in all (peak {peak():.0f} MB)")
    with one_thread():
        unit = best(multiplication, 1)
    print(f"multiplication of matrices: {unit * 1000:.2f} ms")
    for size in BATCHES:
        seconds = best(lambda size=size: in_batches(classifier, texts, size), len(texts))
        print(
            f"batches of {size:3d}: {seconds * 1000:.2f} ms a text, {1 / seconds:.0f} texts a second, "
            f"{seconds / unit:.1f} multiplications"
        )


def long_texts(corpus: Path) -> Iterator[str]:
    """Texts of LENGTH characters, for ever, in languages by turns."""
    rows = dataset.load([corpus]).rows
    dice = random.Random(1)
    lines = {language: [row.words for row in rows if row.lang == language] for language in LANGUAGES}
    for language in itertools.cycle(LANGUAGES):
        text = ""
        while len(text) < LENGTH:
            text += dice.choice(lines[language]) + "\n"
        yield text[:LENGTH]


def in_batches(classifier: Classifier, texts: Sequence[str], size: int) -> None:
    for start in range(0, len(texts), size):
        classifier.predict(texts[start : start + size])


def best(work: Callable[[], object], of: int) -> float:
    """Seconds of CPU time for each of so many, in the quickest round."""
    found = []
    for _ in range(ROUNDS):
        started = time.process_time()
        work()
        found.append((time.process_time() - started) / of)
    return min(found)


def multiplication() -> None:
    """100 million multiplications and additions in single precision."""
    _LEFT @ _RIGHT


_LEFT, _RIGHT = (np.full(shape, 0.5, dtype=np.float32) for shape in ((305, 1280), (1280, 256)))


def resident() -> float:
    """MB that this process holds in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 2**20


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
