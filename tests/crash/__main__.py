"""`python -m tests.crash`: the long run by hand."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.crash.stages import Stages, at_random, systematic


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--rounds", type=int, default=0, help="rounds of random kills, with 20 mails each")
    parser.add_argument("--systematic", action="store_true", help="a kill at every step of the flow")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="rounds side by side")
    options = parser.parse_args()
    faults: list[str] = []
    folder = Path(tempfile.mkdtemp(prefix="triage-crash-"))
    with Stages(folder, options.jobs) as stages:
        if options.systematic or not options.rounds:
            begun = time.monotonic()
            total, killed, missed = systematic(stages)
            print(f"systematic: {len(killed)} kills, {total}; {time.monotonic() - begun:.0f} s")
            print(f"steps not reached the second time: {len(missed)} {missed}")
            faults += total.faults
        if options.rounds:
            begun = time.monotonic()
            total, kills = at_random(stages, options.rounds, options.seed)
            print(f"random: {options.rounds} rounds, {kills} kills, {total}; {time.monotonic() - begun:.0f} s")
            faults += total.faults
    for fault in faults:
        print(fault)
    if not faults:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
