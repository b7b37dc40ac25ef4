"""`python -m tests.fuzz [--minutes 60] [--seed 1] [FOLDER]`: the long run by hand; `--repeat FILE` examines one mail again.

FOLDER holds more mails (*.eml) to begin with, besides those of tests/data/mail. A mail that shows a fault is kept, with the fault
beside it.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from tests.fuzz.exam import examine
from tests.fuzz.hunt import Hunt, Tally, seeds

TOLD_EVERY = 60.0  # seconds


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", help="more mails to begin with")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--mails", type=int, help="so many mails instead of so long")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-faults"), help="folder for mails that show a fault")
    parser.add_argument("--repeat", type=Path, metavar="FILE", help="examine this one mail")
    options = parser.parse_args()
    if options.repeat is not None:
        return repeat(options.repeat)
    hunt = Hunt(seeds(options.folder), options.seed, options.keep)
    known: set[str] = set()
    told = begun = time.monotonic()
    seconds = None if options.mails is not None else options.minutes * 60
    for tally in hunt.run(mails=options.mails, seconds=seconds):
        for kind in tally.found.keys() - known:
            known.add(kind)
            print(f"FAULT {kind}\n  again: python -m tests.fuzz --repeat {tally.found[kind]}", flush=True)
        if time.monotonic() - told >= TOLD_EVERY:
            told = time.monotonic()
            print(_line(tally, told - begun), flush=True)
    print(_line(hunt.tally, time.monotonic() - begun), flush=True)
    return 1 if known else 0


def repeat(path: Path) -> int:
    result = examine(path.read_bytes())
    print(f"{result.seconds:.3f} s of CPU time, {result.megabytes:.0f} MB more")
    for fault in result.faults:
        print(fault)
    return 1 if result.faults else 0


def _line(tally: Tally, seconds: float) -> str:
    return (
        f"{seconds / 60:6.1f} min  {tally.mails:8} mails  {tally.replies:7} replies  {tally.shapes:6} shapes  "
        f"slowest {tally.slowest:.2f} s  most memory {tally.largest:.0f} MB  {len(tally.found)} faults"
    )


if __name__ == "__main__":
    sys.exit(main())
