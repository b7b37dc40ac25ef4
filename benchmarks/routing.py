"""How long rules take: a policy with many rules over many mails, none of which it was made for.

    python benchmarks/routing.py [--rules 500] [--mails 10000] [FOLDER]

FOLDER holds .eml files, read again and again until there are enough; without it, mails are made up. Rules are of every kind that
operators write: half ask for a category first, a third look for words, phrases or expressions in the text, and few of them match, so that
a mail is mostly asked by all of them. Limit: 0.2 ms a mail.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from triage.message import Message, Prediction, Verdict
from triage.parsing import parse
from triage.policy import Policy
from triage.routing import Circumstances
from triage.rulebook.signals import words_of

CATEGORIES = ("logistics", "payment", "product", "complaint")
SYLLABLES = (
    "ka",
    "lo",
    "mi",
    "ter",
    "sen",
    "dor",
    "pa",
    "ket",
    "lie",
    "fer",
    "ung",
    "ste",
    "uer",
    "num",
    "mer",
    "zah",
    "rech",
)
LIMIT_MS = 0.2


def word(dice: random.Random) -> str:
    return "".join(dice.choices(SYLLABLES, k=dice.randint(2, 4)))


def conditions(dice: random.Random) -> dict[str, Any]:
    """One condition or two, of the kinds that operators write."""
    kinds: list[dict[str, Any]] = [
        {"sender": [f"{word(dice)}.example", f"{word(dice)}@{word(dice)}.example", f"*@{word(dice)}.*"]},
        {"recipient": f"{word(dice)}@shop.example"},
        {"words": {"de": [word(dice) for _ in range(5)], "any": [f"{word(dice)} {word(dice)}", f"{word(dice)}x*"]}},
        {"subject_words": [word(dice), f"{word(dice)} {word(dice)}"]},
        {"text_matches": rf"\b{word(dice)}-\d{{5}}\b"},
        {"attachment": "archive", "size_at_least": "20MB"},
        {"header": {f"X-{word(dice)}": "*"}},
        {"team_closed": "desk", "order_number_matches": r"ZZ-\d+"},
        {"signals": dice.choice(["press", "danger", "lawyer"]), "sender": f"{word(dice)}.example"},
        {"any": [{"language": "pl"}, {"all": [{"contact": "follow-up"}, {"words": word(dice)}]}]},
        {"not": {"confidence_at_least": 0.0}, "language": ["fr", "it"]},
    ]
    found = dict(dice.choice(kinds))
    if dice.random() < 0.5:
        found["category"] = dice.choice(CATEGORIES)
    return found


def policy(rules: int, dice: random.Random) -> Policy:
    return Policy.model_validate(
        {
            "calendars": {"office": {"zone": "Europe/Berlin", "hours": {"mon-fri": "09:00-17:00"}}},
            "teams": {
                "desk": {"names": {"en": "Desk"}, "inbox": "desk@example.com", "folder": "Triaged/Desk", "calendar": "office"}
            },
            "rules": [
                {"name": f"rule {i}", "when": conditions(dice), "then": {"team": "desk"}} for i in range(rules)
            ],
            "fallback": {"team": "desk"},
        }
    )  # fmt: skip


def mails(folder: Path | None, count: int, dice: random.Random) -> list[Message]:
    if folder is not None:
        files = sorted(path for path in folder.rglob("*.eml") if path.is_file())[:count]
        found = [parse(path.read_bytes()) for path in files]
    else:
        found = [parse(_made_up(i, dice)) for i in range(min(count, 1000))]
    return [found[i % len(found)] for i in range(count)]


def _made_up(number: int, dice: random.Random) -> bytes:
    text = "\n".join(" ".join(word(dice) for _ in range(12)) + "." for _ in range(dice.randint(1, 14)))
    return (
        f"From: Karin <karin{number}@mail.example>\r\nTo: support@shop.example\r\nSubject: {word(dice)} {word(dice)}\r\n"
        f"Message-ID: <{number}@mail.example>\r\nDate: Mon, 16 Nov 2026 10:00:00 +0100\r\n\r\nGrüße, {text}\r\n"
    ).encode()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--rules", type=int, default=500)
    parser.add_argument("--mails", type=int, default=10_000)
    options = parser.parse_args()
    dice = random.Random(7)
    rules = policy(options.rules, dice)
    messages = mails(options.folder, options.mails, dice)
    at = [
        Circumstances("support", Prediction(dice.choice((*CATEGORIES, None)), dice.random()), Verdict(None, None, None),
                      datetime(2026, 11, 16, 10, tzinfo=UTC))
        for _ in messages
    ]  # fmt: skip
    start = time.thread_time()
    rules.compiled  # noqa: B018
    for signal in ("press", "danger", "lawyer"):
        words_of(signal)
    print(f"compiling {options.rules} rules: {(time.thread_time() - start) * 1e3:.0f} ms")
    each = []
    for message, circumstances in zip(messages, at, strict=True):
        start = time.thread_time()
        rules.route(message, circumstances)
        each.append((time.thread_time() - start) * 1e3)
    letters = statistics.mean(len(message.own_words) for message in messages)
    mean = statistics.mean(each)
    each.sort()
    print(
        f"{len(each)} mails of {letters:.0f} characters on average: mean {mean:.3f} ms, median {statistics.median(each):.3f}, "
        f"99 % {each[len(each) * 99 // 100]:.3f}, longest {each[-1]:.3f}; limit {LIMIT_MS} ms: {'kept' if mean <= LIMIT_MS else 'BROKEN'}"
    )


if __name__ == "__main__":
    main()
