"""How long `triage retrain` takes, and how much memory: python -m benchmarks.retraining CORPUS... [--mails 10000] [--folder DIR]

Fills a private Dovecot with answered mails put together from rows of CORPUS (half of one customer's lines, half of another's of the same
language and category), and retrains the model in use three times: for the first time; again with nothing new; again after 20 mails more.
Prints seconds and the peak of resident memory of each.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from tests.support.dovecot import Dovecot
from tests.support.home import TRIAGE, Home
from tests.support.letters import letter
from triage.classifier import dataset
from triage.classifier.dataset import Row

FOLDERS = {
    "logistics": "Triaged/Logistics",
    "payment": "Triaged/Payment",
    "product": "Triaged/Product",
    "complaint": "Triaged/Complaints",
}
MORE = 20
USER = "benchmark"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path, nargs="+")
    parser.add_argument("--mails", type=int, default=10_000)
    parser.add_argument("--folder", type=Path, help="where server and home are made; default: a temporary folder")
    given = parser.parse_args()
    rows = [row for row in dataset.load(given.corpus).rows if row.label in FOLDERS]
    folder = given.folder or Path(tempfile.mkdtemp(prefix="triage-retraining-"))
    with Dovecot(folder / "dovecot") as server:
        with server.login(USER) as client:
            for name in FOLDERS.values():
                client.create_folder(name)
        dice = random.Random(1)
        deliver(server, recombined(rows, range(given.mails), dice))
        home = Home(folder / "home", model=True).imap(server.port, USER).smtp(server.port)
        home.settings["mailboxes"]["support"]["imap"]["read_timeout"] = "60s"
        home.write()
        corpus = [argument for path in given.corpus for argument in ("--data", str(path.resolve()))]
        measured("the first time", home, corpus)
        measured("nothing new", home, corpus)
        deliver(server, recombined(rows, range(given.mails, given.mails + MORE), dice))
        measured(f"{MORE} more", home, corpus)


def recombined(rows: Sequence[Row], numbers: Sequence[int], dice: random.Random) -> list[tuple[str, bytes]]:
    """A mail for each of *numbers*, with its category; each customer writes two."""
    alike = defaultdict(list)
    for row in rows:
        alike[row.lang, row.label].append(row)
    found = []
    for number in numbers:
        one = dice.choice(rows)
        other = dice.choice(alike[one.lang, one.label])
        first, second = ([line for line in row.text.split("\n") if line.strip()] for row in (one, other))
        lines = first[: max(1, len(first) // 2)] + second[len(second) // 2 :]
        sender = f"Customer <customer{number // 2}@mail{number % 7}.example>"
        found.append((one.label, letter(number, sender=sender, subject=one.subject, text="\n".join(lines) + "\n")))
    return found


def deliver(server: Dovecot, mails: Sequence[tuple[str, bytes]]) -> None:
    by_folder = defaultdict(list)
    for label, raw in mails:
        by_folder[FOLDERS[label]].append(raw)
    for name, raws in by_folder.items():
        for start in range(0, len(raws), 500):
            server.deliver(USER, *raws[start : start + 500], folder=name, flags=[b"\\Answered"])


def measured(what: str, home: Home, arguments: Sequence[str]) -> None:
    """Run `triage retrain` and tell what it took."""
    command = [str(TRIAGE), "--home", str(home.path), "retrain", "--json", *arguments]
    started = time.perf_counter()
    output = home.path / "retrain.json"
    with output.open("wb") as file:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        actions = [(os.POSIX_SPAWN_DUP2, file.fileno(), 1)]
        _, status, usage = os.wait4(os.posix_spawn(command[0], command, environment, file_actions=actions), 0)
    seconds = time.perf_counter() - started
    if code := os.waitstatus_to_exitcode(status):
        raise SystemExit(f"{what}: {' '.join(command)} ended with {code}")
    found = json.loads(output.read_text())
    told = {key: found.get(key) for key in ("read", "learnt", "held_out", "accepted", "reasons")}
    cpu = usage.ru_utime + usage.ru_stime
    print(f"{what}: {seconds:.0f} s, {cpu:.0f} s of CPU, peak {usage.ru_maxrss / 1024:.0f} MB, {told}", flush=True)


if __name__ == "__main__":
    main()
