"""How often the author's own new words are cut out exactly, against mails that others labelled.

    python benchmarks/own_words.py FOLDER [--show] [--tools]

FOLDER holds `manifest.jsonl`: an object a line with `file`, `source` and `expected` (`new_text`, `new_text_alt`,
`quote_lang`). Compared after collapsing white space. --show prints each difference; --tools measures the libraries that
were considered as well, where they are installed.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from triage.parsing import parse


def squeezed(text: str) -> str:
    return " ".join(text.split())


def ours(raw: bytes) -> str:
    return parse(raw).new_text


def with_mail_parser_reply(raw: bytes) -> str:
    from mailparser_reply import EmailReplyParser  # type: ignore[import-untyped]

    languages = ["en", "de", "es", "fr", "it", "pt", "nl", "pl", "sv", "da", "ja", "cs", "ko", "zh"]
    return str(EmailReplyParser(languages=languages).parse_reply(text=parse(raw).text) or "")


def with_quotequail(raw: bytes) -> str:
    import quotequail  # type: ignore[import-untyped]

    text = parse(raw).text
    parts = quotequail.quote(text) or [(True, text)]
    return "\n".join(part for shown, part in parts if shown)


def measured(folder: Path, own_words: Callable[[bytes], str], *, show: bool) -> tuple[Counter[str], Counter[str]]:
    """(exact, all) by group."""
    exact: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for line in (folder / "manifest.jsonl").read_text("utf-8").splitlines():
        case = json.loads(line)
        expected = case.get("expected") or {}
        if "new_text" not in expected:
            continue
        found = squeezed(own_words((folder / case["file"]).read_bytes()))
        accepted = [squeezed(text) for text in (expected["new_text"], *expected.get("new_text_alt", ()))]
        groups = ["all", f"source {case['source']}"]
        if expected.get("quote_lang", "en") != "en":
            groups.append("non-English quotation header")
        total.update(groups)
        if found in accepted:
            exact.update(groups)
        elif show:
            print(f"--- {case['file']}\nwant {accepted!r}\ngot  {found!r}")
    return exact, total


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", type=Path)
    options.add_argument("--show", action="store_true")
    options.add_argument("--tools", action="store_true")
    given = options.parse_args()
    tools: dict[str, Callable[[bytes], str]] = {"ours": ours}
    if given.tools:
        tools |= {"mail-parser-reply": with_mail_parser_reply, "quotequail": with_quotequail}
    for name, tool in tools.items():
        exact, total = measured(given.folder, tool, show=given.show and name == "ours")
        for group, count in sorted(total.items()):
            print(f"{name:20} {group:45} {exact[group]:4} of {count:4}  {exact[group] / count:.0%}")


if __name__ == "__main__":
    main()
