"""The loop: take a mail, make it odd, examine it, keep what is new."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.exam import Result, examine
from tests.fuzz.mutation import LARGEST, Mutator, pick

MAILS = Path(__file__).parents[1] / "data" / "mail"
KEPT = 4_000  # mails that are mutated further
LARGEST_KEPT = 50_000  # bytes
ONE_IN = 150  # mails is blown up


@dataclass(slots=True)
class Tally:
    """What was seen so far."""

    mails: int = 0
    replies: int = 0
    shapes: int = 0
    slowest: float = 0.0  # seconds
    largest: float = 0.0  # megabytes
    found: dict[str, Path] = field(default_factory=dict)  # fault, without what changes, to the mail that shows it


def seeds(folder: Path | None) -> list[bytes]:
    """The mails to begin with: the fixtures, and those of *folder*."""
    paths = sorted(MAILS.rglob("*.eml")) + sorted(folder.rglob("*.eml") if folder else ())
    return [path.read_bytes() for path in paths]


class Hunt:
    """One run. The same seed, mails and count give the same mails, as long as times do not decide what is kept."""

    def __init__(self, mails: Sequence[bytes], seed: int, keep_in: Path, *, largest: int = LARGEST) -> None:
        self._random = random.Random(seed)
        self._mutator = Mutator(self._random, largest)
        self._mails = list(mails)
        self._first = len(self._mails)
        self._shapes: set[tuple[object, ...]] = set()
        self._folder = keep_in
        self.tally = Tally()

    def run(self, *, mails: int | None = None, seconds: float | None = None) -> Iterator[Tally]:
        """Examine so many mails, or for so long; yields after each."""
        end = time.monotonic() + seconds if seconds is not None else None
        while (mails is None or self.tally.mails < mails) and (end is None or time.monotonic() < end):
            raw = self._next()
            self._note(raw, examine(raw))
            yield self.tally

    def _next(self) -> bytes:
        if self.tally.mails < self._first:
            return self._mails[self.tally.mails]  # as they are, first
        mail = pick(self._random, self._mails)
        if self._random.randrange(ONE_IN) == 0:
            return self._mutator.blown_up(mail)
        return self._mutator.mutated(mail, self._random.choice(self._mails))

    def _note(self, raw: bytes, result: Result) -> None:
        tally = self.tally
        tally.mails += 1
        tally.replies += result.replied
        slower = result.seconds > tally.slowest
        tally.slowest, tally.largest = max(tally.slowest, result.seconds), max(tally.largest, result.megabytes)
        if result.shape not in self._shapes or slower:
            self._shapes.add(result.shape)
            tally.shapes = len(self._shapes)
            if len(raw) <= LARGEST_KEPT and tally.mails > self._first:
                if len(self._mails) >= KEPT:
                    del self._mails[self._random.randrange(self._first, len(self._mails))]
                self._mails.append(raw)
        for fault in result.faults:
            if (kind := _kind(fault)) not in tally.found:
                tally.found[kind] = self._save(raw, fault)

    def _save(self, raw: bytes, fault: str) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{hashlib.sha256(raw).hexdigest()[:16]}.eml"
        path.write_bytes(raw)
        path.with_suffix(".txt").write_text(fault, encoding="utf-8", errors="backslashreplace")
        return path


def _kind(fault: str) -> str:
    """What makes two faults the same: the place of an exception, else what stands before the colon."""
    if fault.startswith("exception"):
        places = [line.strip() for line in fault.splitlines() if line.lstrip().startswith('File "')]
        return f"exception {places[-1] if places else ''} {fault.splitlines()[-1].partition(':')[0]}"
    return fault.partition(":")[0]
