"""How well the guard tells machines from persons on labelled mail: `python -m benchmarks.guard MANIFEST_DIR [--list]`.

MANIFEST_DIR holds manifest.jsonl, one object a line: `file`, `kind` (human, bounce, auto-reply, list, bulk, system, no-reply, spam,
malformed), `may_auto_reply` (true, false, null: arguable), and optionally `expected.reply_to`, `mailbox` (addresses that count as ours)
and `wrapped` (true: the header is made up).

`python -m benchmarks.guard --texts models/corpus` gives it rows of customers' texts instead, each once as a new mail and once as an
answer: none of them may be silenced.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from itertools import product
from pathlib import Path

import yaml

from triage import guard
from triage.classifier import dataset
from triage.parsing import parse

MACHINES = ("bounce", "auto-reply", "list", "bulk", "system")
USUAL_HEADERS = (
    "list-id",
    "list-unsubscribe",
    "x-autoreply",
    "x-autorespond",
    "x-auto-response-suppress",
    "feedback-id",
)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path, nargs="?")
    arguments.add_argument("--texts", type=Path, nargs="+", help="rows of customers' texts (JSON Lines)")
    arguments.add_argument("--senders", type=Path, default=Path(__file__).parents[1] / "config" / "senders.yaml")
    arguments.add_argument("--list", action="store_true", help="name each mail that was judged wrongly")
    options = arguments.parse_args()
    config = yaml.safe_load(options.senders.read_text(encoding="utf-8"))
    senders = guard.Senders.from_config(guard.SendersConfig.model_validate(config))
    if options.texts:
        texts(options.texts, senders)
    if options.folder is None:
        return
    total: Counter[str] = Counter()
    stopped: Counter[str] = Counter()
    by_headers: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    silenced: list[str] = []
    missed: list[str] = []
    addresses = [0, 0]
    spans = []
    for line in (options.folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        message = parse((options.folder / row["file"]).read_bytes())
        at = message.claimed_date or datetime(2026, 1, 1, tzinfo=UTC)
        own = frozenset(address.casefold() for address in row.get("mailbox") or ())
        begun = time.perf_counter()
        verdict = guard.judge(
            message,
            guard.Circumstances(at, at, timedelta(days=1), own_addresses=own),
            senders,
        )
        spans.append(time.perf_counter() - begun)
        wanted = (row.get("expected") or {}).get("reply_to")
        if wanted is not None:
            addresses[1] += 1
            addresses[0] += (verdict.reply_to or "").casefold() == wanted.casefold()
            if options.list and (verdict.reply_to or "").casefold() != wanted.casefold():
                print("address  ", row["file"], "wanted", wanted, "got", verdict.reply_to)
        if row["may_auto_reply"] is None:
            continue
        kind = "human, header made up" if row["kind"] == "human" and row.get("wrapped") else row["kind"]
        total[kind] += 1
        headers = message.headers
        by_headers[kind] += (
            headers.get("auto-submitted", "no").lower() != "no"
            or message.return_path == ""
            or message.content_type == "multipart/report"
            or headers.get("precedence").lower() in ("bulk", "list", "junk")
            or any(name in headers for name in USUAL_HEADERS)
        )
        stopped[kind] += not verdict.allowed
        if row["may_auto_reply"] and not verdict.allowed:
            silenced.append(f"silenced  {row['file']}: {verdict.reason}: {verdict.evidence}")
        if not row["may_auto_reply"] and verdict.allowed:
            missed.append(f"missed    {row['kind']}: {row['file']}: {message.subject[:60]!r}")
        if verdict.reason and not row["may_auto_reply"]:
            reasons[verdict.reason] += 1
    if options.list:
        print("\n".join(silenced + missed))
    for kind, count in sorted(total.items()):
        print(
            f"{kind:24} {count:5}  stopped {stopped[kind]:5} ({stopped[kind] / count:6.1%})  by headers alone {by_headers[kind]}"
        )
    machines = sum(total[kind] for kind in MACHINES)
    if machines:
        print(
            f"recall over {', '.join(MACHINES)}: {sum(stopped[kind] for kind in MACHINES) / machines:.1%} of {machines}"
        )
    print(f"persons silenced: {len(silenced)}   reply address as expected: {addresses[0]} of {addresses[1]}")
    print("reasons:", ", ".join(f"{reason} {count}" for reason, count in reasons.most_common()))
    print(f"judge: median {statistics.median(spans) * 1e3:.2f} ms, slowest {max(spans) * 1e3:.1f} ms")


def texts(paths: list[Path], senders: guard.Senders) -> None:
    """Print which rows of customers' texts are silenced, as a new mail or as an answer to one of ours."""
    rows = dataset.load(paths).rows
    at = datetime(2026, 1, 5, 9, tzinfo=UTC)
    count = 0
    for row, answer in product(rows, (False, True)):
        mail = EmailMessage(policy=SMTP)
        mail["From"] = "Kim Example <kim@customer.example>"
        mail["To"] = "support@shop.example"
        mail["Subject"] = "Re: " * answer + " ".join(row.subject.split())
        mail["Date"] = at
        mail["Message-ID"] = f"<{row.id}@customer.example>"
        if answer:
            mail["In-Reply-To"] = "<1@shop.example>"
        mail.set_content(row.text)
        verdict = guard.judge(parse(mail.as_bytes()), guard.Circumstances(at, at, timedelta(days=1)), senders)
        if not verdict.allowed:
            count += 1
            print(f"silenced  {row.id}, {'an answer' if answer else 'new'}: {verdict.reason}: {verdict.evidence}")
    print(f"{count} of {2 * len(rows)} mails of customers silenced")


if __name__ == "__main__":
    main()
