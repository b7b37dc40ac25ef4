"""A short hunt with a fixed seed, and the proof that its exam fails what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.parsing import HOSTILE
from tests.fuzz.exam import examine, forward_faults, reply_faults
from tests.fuzz.hunt import Hunt, seeds
from tests.fuzz.mutation import LARGEST
from tests.support.facts import facts, office
from tests.support.letters import letter
from triage.lifecycle import Kind
from triage.parsing import parse
from triage.planning import plan

MAILS = 500


def test_odd_mails_are_read_judged_answered_and_forwarded(tmp_path: Path) -> None:
    hunt = Hunt(seeds(None), seed=1, keep_in=tmp_path, largest=1_000_000)
    for _ in hunt.run(mails=MAILS):
        pass
    assert hunt.tally.mails == MAILS
    assert hunt.tally.replies > MAILS / 10  # else nothing was proved about them
    assert not {kind: path.with_suffix(".txt").read_text("utf-8") for kind, path in hunt.tally.found.items()}


def test_a_seed_gives_the_same_mails(tmp_path: Path) -> None:
    def made() -> Iterator[bytes]:
        hunt = Hunt([letter(1), letter(2)], seed=5, keep_in=tmp_path)
        for _ in range(50):
            raw = hunt._next()
            hunt.tally.mails += 1
            assert len(raw) <= LARGEST
            yield raw

    assert list(made()) == list(made())


@pytest.mark.parametrize("name", [name for name in HOSTILE if "MB" not in name or name.startswith("1 MB")])
def test_a_mail_made_to_be_slow_is_done_within_a_second(name: str) -> None:
    assert not examine(HOSTILE[name]()).faults


def reply() -> tuple[bytes, str]:
    made = plan(parse(letter(1, to="support@example.com")), facts(), office())
    effect = next(effect for effect in made.effects if effect.kind is Kind.REPLY)
    assert effect.content is not None
    return effect.content, effect.recipient


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\r\nTo: ", b"\r\nTo: eve@x.example, "),
        (b"\r\nTo: ", b"\r\nBcc: eve@x.example\r\nTo: "),
        (b"\r\nTo: ", b"\r\nTo: eve@x.example\r\nTo: "),
        (b"\r\nDate: ", b"\r\nX-Other: a\r\nDate: "),
        (b"\r\nDate: ", b"\r\nX: a\nDate: "),
        (b"\r\n\r\n", b"\r\n\r\n" + b"a" * 999),
        (b"customer1@", b"customer2@"),
    ],
    ids=["two in To", "Bcc", "two To", "another field", "lone LF", "long line", "somebody else"],
)
def test_a_reply_that_is_wrong_is_found(old: bytes, new: bytes) -> None:
    content, recipient = reply()
    assert not reply_faults(content, recipient)
    wrong = content.replace(old, new, 1)
    assert wrong != content
    assert reply_faults(wrong, recipient)


def test_a_forward_that_is_wrong_is_found() -> None:
    head = b"From: a@b.example\r\nTo: c@d.example\r\nSubject: x\r\nX-Triage-Kind: forward\r\nX-Triage-Ticket: T\r\n"
    assert not forward_faults(head + b"\r\nx\r\n")
    assert forward_faults(head + b"Cc: eve@x.example\r\n\r\nx\r\n")
    assert forward_faults(head + b"\r\nx\ny\r\n")


def test_what_is_measured_is_a_mails_own_cost() -> None:
    result = examine(letter(1))
    assert not result.faults
    assert result.seconds < 1
    assert result.megabytes < 50
