"""Mail as the clients of many makers, and programs, write it: what a person newly wrote, and who is a person at all."""

from __future__ import annotations

import functools
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.facts import NOW, office
from triage.guard import Circumstances, judge
from triage.message import Verdict
from triage.parsing import parse

DATA = Path(__file__).parents[1] / "data" / "mail"
CLIENTS = yaml.safe_load((DATA / "clients.yaml").read_text("utf-8"))
LAYOUTS = yaml.safe_load((DATA / "layouts.yaml").read_text("utf-8"))
MACHINES = yaml.safe_load((DATA / "machines.yaml").read_text("utf-8"))
HEAD = (
    "From: Kim Poe <kim@mail.example>\nTo: help@lumo.example\nSubject: Re: 4711\nMIME-Version: 1.0\n"
    "Content-Type: text/%s; charset=utf-8\n\n"
)


def squeezed(text: str) -> str:
    return " ".join(text.split())


def new_words(body: str, subtype: str = "plain") -> str:
    return squeezed(parse((HEAD % subtype + body).encode()).new_text)


def quoted(text: str) -> str:
    return textwrap.indent(text, "> ", lambda _: True)


def cases(kind: str) -> list[Any]:
    return [
        pytest.param(language, lines, id=name)
        for name, by_language in CLIENTS[kind].items()
        for language, lines in by_language.items()
    ]


@pytest.mark.parametrize(("language", "line"), cases("attributions"))
class TestAnAttribution:
    def test_above_quoted_lines(self, language: str, line: str) -> None:
        own, theirs = CLIENTS["words"][language]["own"], CLIENTS["words"][language]["theirs"]
        assert new_words(f"{own}\n\n{line}\n\n{quoted(theirs)}\n") == squeezed(own)

    def test_above_lines_without_marks(self, language: str, line: str) -> None:
        own, theirs = CLIENTS["words"][language]["own"], CLIENTS["words"][language]["theirs"]
        theirs = quoted(theirs) if line.startswith("> ") else theirs
        assert new_words(f"{own}\n\n{line}\n\n{theirs}\n") == squeezed(own)

    def test_wrapped_and_above_the_answer(self, language: str, line: str) -> None:
        own, theirs = CLIENTS["words"][language]["own"], CLIENTS["words"][language]["theirs"]
        if "\n" not in line:
            line = textwrap.fill(line, 72, break_long_words=False, break_on_hyphens=False)
        assert new_words(f"{line}\n{quoted(theirs)}\n\n{own}\n") == squeezed(own)


@pytest.mark.parametrize(("language", "block"), cases("blocks"))
class TestAHeaderBlock:
    def test_below_a_letter(self, language: str, block: str) -> None:
        own, theirs = CLIENTS["words"][language]["own"], CLIENTS["words"][language]["theirs"]
        theirs = quoted(theirs) if block.startswith(">") else theirs
        assert new_words(f"{own}\n\n{block}\n\n{theirs}\n") == squeezed(own)

    def test_in_html_with_breaks(self, language: str, block: str) -> None:
        own, theirs = CLIENTS["words"][language]["own"], CLIENTS["words"][language]["theirs"]
        theirs = quoted(theirs) if block.startswith(">") else theirs
        rows = "<br>\n".join(line.replace("<", "&lt;") for line in block.split("\n"))
        text = f"<div>{own.replace(chr(10), '<br>')}</div><br><div>{rows}</div><br><div>{theirs.replace(chr(10), '<br>')}</div>"
        assert new_words(text, "html") == squeezed(own)


@pytest.mark.parametrize("signature", CLIENTS["signatures"].values(), ids=CLIENTS["signatures"])
@pytest.mark.parametrize(
    "below", ["", "\n\nOn 11/4/25 15:12, Lumo Store Support wrote:\n> Your desk is on its way.\n"], ids=["end", "quote"]
)
def test_what_stands_below_a_letter_is_cut(signature: str, below: str) -> None:
    own = CLIENTS["words"]["en"]["own"]
    assert new_words(f"{own}\n\n{signature}\n{below}") == squeezed(own)


@pytest.mark.parametrize("case", LAYOUTS, ids=[case["id"] for case in LAYOUTS])
def test_the_new_words_of_a_whole_letter(case: dict[str, Any]) -> None:
    subtype = "html" if "html" in case else "plain"
    assert new_words(case.get("html") or case["text"], subtype) in case["new"]


@functools.cache
def verdict(number: int) -> Verdict:
    case = MACHINES[number]
    typed = "" if "Content-Type:" in case["headers"] else "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
    raw = f"{case['headers']}\n{typed}Date: Tue, 4 Nov 2025 15:12:33 +0100\n\n{case['body']}\n".encode()
    return judge(parse(raw), Circumstances(NOW, NOW, NOW - NOW), office().senders)


@pytest.mark.parametrize("number", range(len(MACHINES)), ids=[case["id"] for case in MACHINES])
def test_a_program_is_not_answered_and_a_person_is(number: int) -> None:
    found = verdict(number)
    assert found.allowed is MACHINES[number]["answered"], f"{found.reason}: {found.evidence}"
